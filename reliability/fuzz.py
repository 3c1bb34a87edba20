"""Recorded answers of every endpoint, bent out of shape, a hundred thousand a cloud.

Run it with `python -m reliability.fuzz`. Nothing but a ChargingError may leave a
provider, no step may take long or ask without end, and no device may show what cannot
be.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
import logging
import sys
import time
import traceback
from typing import Any

from yarl import URL

from custom_components.ev_charger_cloud.charging import ChargingError, Fleet
from custom_components.ev_charger_cloud.providers import PROVIDERS
from custom_components.ev_charger_cloud.providers.base import Poll

from .mutation import Mutator
from .recording import (
    Clock,
    Recording,
    Response,
    commands,
    endpoint,
    provider_of,
    record,
    unpaced,
)
from .states import impossible

_MOST_REQUESTS = 400
"""So many requests in one step are without end."""

_LONGEST = 5.0  # s of this machine's time for one step
_LIFE = 40  # steps until a provider is made anew


class EndlessError(BaseException):
    """A step that asks without end; nothing in its way may catch it."""


@dataclass(slots=True)
class Report:
    """What came of one cloud."""

    provider: str
    answers: int = 0
    bent: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
    most_requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    seeds: dict[str, str] = field(default_factory=dict)

    @property
    def payloads(self) -> int:
        """Return how many answers were bent."""
        return self.bent.total()

    def fault(self, what: str, where: str) -> None:
        """Note a fault, once each, and how to see it again."""
        self.faults[what] += 1
        self.seeds.setdefault(what, where)


class BentSession:
    """A session that answers from a recording, half of it bent."""

    def __init__(self, recording: Recording, mutator: Mutator, report: Report) -> None:
        """Begin without requests."""
        self._recording = recording
        self._mutator = mutator
        self._report = report
        self.requests = 0
        self.bending = True

    @asynccontextmanager
    async def request(
        self, method: str, url: str, **_: Any
    ) -> AsyncGenerator[Response]:
        """Answer a request."""
        self.requests += 1
        self._report.answers += 1
        if self.requests > _MOST_REQUESTS:
            raise EndlessError
        address = URL(url)
        known = self._recording.of(method, address)
        if not self.bending:
            known = [each for each in known if each.status < 400]
        if not known:
            yield Response(404, {}, b'{"message": "Not Found"}')
            return
        answer = self._mutator.random.choice(known)
        if self.bending and self._mutator.random.random() < 0.6:
            self._report.bent[endpoint(method, address)] += 1
            answer = self._mutator.bend(answer)
        yield Response(answer.status, answer.headers, answer.body)


class _Life:
    """A provider from its making on, step by step."""

    def __init__(self, recording: Recording, seed: int, report: Report) -> None:
        """Make the provider."""
        self.seed = seed
        self._report = report
        self._mutator = Mutator(seed)
        self._session = BentSession(recording, self._mutator, report)
        self._clock = Clock()
        self._clock.ahead = 1000.0
        self._provider = provider_of(recording, self._session, self._clock)
        self._devices = recording.devices
        self._fleet: Fleet = {}

    async def live(self) -> None:
        """Take all steps."""
        choose = self._mutator.random
        await self._provider.start()
        await self._step("poll", self._provider.poll)
        for _ in range(_LIFE):
            self._clock.step(choose.choice((1, 20, 61, 61, 301, 4000)))
            self._session.bending = choose.random() < 0.9
            await self._step(*self._next())
        # Whatever came before: honest answers are understood again.
        self._session.bending = False
        self._clock.step(4000)
        err = None
        for _ in range(3):
            self._clock.step(400)
            err = await self._step("recovery", self._provider.poll)
        if err is not None:
            self._report.fault(f"recovery: still {err!r:.100}", f"--seed {self.seed}")
        await self._step("close", self._provider.close)

    def _next(self) -> tuple[str, Callable[[], Awaitable[Any]]]:
        """Choose a step."""
        choose, provider = self._mutator.random, self._provider
        device = choose.choice(self._devices).id
        chance = choose.random()
        if chance < 0.45:
            return "poll", provider.poll
        if chance < 0.6:
            return "read", partial(provider.read, device)
        if chance < 0.78:
            offered = tuple(self._fleet.values()) or self._devices
            made = commands((choose.choice(offered),), self._clock.now(), choose)
            if made:
                return "execute", partial(provider.execute, choose.choice(made))
            return "poll", provider.poll
        now = self._clock.now()
        span = (device, now - timedelta(days=90), now, 20)
        return choose.choice(
            (
                ("sessions", partial(provider.sessions, *span)),
                ("profiles", partial(provider.charging_profiles, device)),
                ("follow", partial(provider.follow, device, "12")),
                ("relink", partial(provider.relink_url, device)),
                ("account", provider.account),
                ("candidates", provider.candidates),
                ("subaccounts", provider.subaccounts),
                ("diagnostics", self._diagnose),
            )
        )

    async def _diagnose(self) -> None:
        """Collect diagnostics."""
        self._provider.diagnostics()

    async def _step(
        self, name: str, work: Callable[[], Awaitable[Any]]
    ) -> ChargingError | None:
        """Take a step, look at what came of it, and return what it raised."""
        report, where = self._report, f"--seed {self.seed}"
        report.steps[name] += 1
        self._session.requests = 0
        begun = time.perf_counter()
        raised = None
        try:
            async with asyncio.timeout(_LONGEST * 2):
                result = await work()
        except ChargingError as err:
            result, raised = None, err
        except EndlessError:
            report.fault(f"{name}: asks without end", where)
            result = None
        except TimeoutError:
            report.fault(f"{name}: hangs", where)
            result = None
        except BaseException as err:
            report.fault(f"{name}: {_place(err)}", where)
            result = None
        took = time.perf_counter() - begun
        report.longest = max(report.longest, took)
        report.most_requests = max(report.most_requests, self._session.requests)
        if took > _LONGEST:
            report.fault(f"{name}: takes {took:.0f} s", where)
        if isinstance(result, Poll):
            self._fleet = result.fleet
            if result.interval <= timedelta():
                report.fault(f"{name}: the next poll is due at once", where)
        fleet = result.fleet if isinstance(result, Poll) else result
        if name in ("poll", "read", "recovery") and fleet:
            for what in impossible(fleet):
                report.fault(f"{name}: {what}", where)
        return raised


def _place(err: BaseException) -> str:
    """Return what was raised, and where."""
    frames = [
        f"{frame.filename.rpartition('ev_charger_cloud/')[2]}:{frame.lineno}"
        for frame in traceback.extract_tb(err.__traceback__)
        if "ev_charger_cloud" in frame.filename
    ]
    return f"{type(err).__name__}: {err!s:.80} at {frames[-1] if frames else '?'}"


async def fuzz(provider: str, payloads: int, seed: int = 0) -> Report:
    """Bend so many answers of a cloud."""
    report = Report(provider)
    recording = await record(provider)
    with unpaced():
        while report.payloads < payloads:
            # Each life can be repeated alone.
            await _Life(recording, seed, report).live()
            seed += 1
    return report


def _in_process(provider: str, payloads: int, seed: int) -> Report:
    """Fuzz a cloud in a process of its own."""
    logging.disable(logging.CRITICAL)
    return asyncio.run(fuzz(provider, payloads, seed))


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m reliability.fuzz", description=__doc__
    )
    parser.add_argument("--clouds", default=",".join(PROVIDERS), metavar="A,B")
    parser.add_argument("--payloads", type=int, default=100_000, help="bent, a cloud")
    parser.add_argument("--seed", type=int, default=0, help="where to begin")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    options = parser.parse_args(arguments)
    providers = options.clouds.split(",")
    begun = time.perf_counter()
    with ProcessPoolExecutor(options.jobs) as pool:
        reports = list(
            pool.map(
                _in_process,
                providers,
                [options.payloads] * len(providers),
                [options.seed] * len(providers),
            )
        )
    heads = (
        "cloud",
        "endpoints",
        "bent",
        "steps",
        "longest",
        "most requests",
        "faults",
    )
    print("  ".join(f"{head:>13}" for head in heads))
    for report in reports:
        row = (
            report.provider,
            len(report.bent),
            report.payloads,
            report.steps.total(),
            f"{report.longest:.2f} s",
            report.most_requests,
            report.faults.total(),
        )
        print("  ".join(f"{cell:>13}" for cell in row))
    print(f"Took {time.perf_counter() - begun:.0f} s.")
    for report in reports:
        for what, count in report.faults.most_common():
            print(f"✗ {report.provider}: {what} ({count} times, {report.seeds[what]})")
    return 1 if any(report.faults for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
