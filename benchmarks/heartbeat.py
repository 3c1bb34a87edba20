"""How long the event loop is held: a task that beats beside everything else."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
import gc
import sys
from threading import Event, Thread, get_ident
from time import perf_counter, thread_time
import traceback
from typing import NamedTuple

_BEAT = 0.002  # s
# What held the loop for longer is noted, when asked for.
_LONG = 0.04  # s


class Gap(NamedTuple):
    """A gap between beats (s), and what of it the loop's thread and sweeping took."""

    length: float
    cpu: float
    swept: float


@dataclass
class Heartbeat:
    """The gaps between beats, and the garbage collector's pauses (s) in them.

    `overdue` counts where the loop was when a beat was, if that is watched.
    """

    gaps: list[Gap] = field(default_factory=list)
    overdue: Counter[str] = field(default_factory=Counter)
    pauses: list[float] = field(default_factory=list)
    beaten: float = 0.0
    _paused: float = 0.0
    _begun: float = 0.0

    async def take(self) -> Gaps:
        """Return what there was since the last time, the present gap included."""
        await asyncio.sleep(2 * _BEAT)
        gaps, self.gaps = self.gaps, []
        pauses, self.pauses = self.pauses, []
        return Gaps(gaps, pauses)

    def swept(self, phase: str, _: dict[str, int]) -> None:
        """Note how long the garbage collector stops everything."""
        if phase == "start":
            self._begun = perf_counter()
        else:
            pause = perf_counter() - self._begun
            self._paused += pause
            self.pauses.append(pause)

    async def beat(self) -> None:
        """Beat until cancelled."""
        self.beaten, used = perf_counter(), thread_time()
        while True:
            await asyncio.sleep(_BEAT)
            now, now_used = perf_counter(), thread_time()
            self.gaps.append(Gap(now - self.beaten, now_used - used, self._paused))
            self.beaten, used, self._paused = now, now_used, 0.0


@dataclass
class Gaps:
    """The gaps of a phase."""

    gaps: list[Gap]
    pauses: list[float]

    @property
    def judged(self) -> list[Gap]:
        """Return all but those that are the collector's for the most.

        A pause that is the lesser part of a gap is not taken off.
        """
        return [gap for gap in self.gaps if gap.swept < gap.length / 2]

    @property
    def longest(self) -> float:
        """Return the longest (ms)."""
        return 1000 * max((gap.length for gap in self.judged), default=0.0)

    @property
    def most_used(self) -> float:
        """Return the most CPU time (ms) that the loop used in a gap."""
        return 1000 * max((gap.cpu for gap in self.judged), default=0.0)

    @property
    def longest_of_all(self) -> float:
        """Return the longest (ms), whoever held the loop."""
        return 1000 * max((gap.length for gap in self.gaps), default=0.0)

    @property
    def longest_pause(self) -> float:
        """Return the collector's longest (ms)."""
        return 1000 * max(self.pauses, default=0.0)


@asynccontextmanager
async def heartbeat(*, trace: bool = False) -> AsyncGenerator[Heartbeat]:
    """Beat; `trace` watches where the loop is when a beat is overdue."""
    heart = Heartbeat()
    beating = asyncio.create_task(heart.beat())
    gc.callbacks.append(heart.swept)
    ended = Event()
    watch = Thread(target=_watch, args=(heart, get_ident(), ended), daemon=True)
    if trace:
        watch.start()
    try:
        await asyncio.sleep(0)
        yield heart
    finally:
        ended.set()
        gc.callbacks.remove(heart.swept)
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


def _watch(heart: Heartbeat, loop: int, ended: Event) -> None:
    """Note the loop's stack when a beat is overdue, from another thread."""
    told = 0.0
    while not ended.wait(0.01):
        beaten = heart.beaten
        if beaten and told != beaten and perf_counter() - beaten > _LONG:
            told = beaten
            stack = traceback.extract_stack(sys._current_frames()[loop])  # noqa: SLF001
            heart.overdue[" > ".join(f"{f.name}:{f.lineno}" for f in stack[-6:])] += 1
