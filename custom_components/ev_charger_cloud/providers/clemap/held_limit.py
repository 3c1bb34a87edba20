"""The limit that a user asked for, held by a target that lapses unless it is renewed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import math

from ...charging import (
    ChargingError,
    CommandRefusedError,
    NoticeKind,
    RateLimitedError,
    Refusal,
    UnusableAnswerError,
)
from ..access import Access
from ..base import Context
from ..schedule import Schedule
from ..wire import Wire
from .client import ClemapClient
from .settings import ALLOW_PAUSE, HOLD_TIME, MAXIMUM_CURRENT, MINIMUM_DURATION, bounded
from .wire import Target

SETTINGS = "current settings"

TARGET_EVERY = timedelta(seconds=60)
RETRY_EVERY = timedelta(seconds=15)

# So long may it take until the cloud shows what it was sent; until then nothing that
# it shows proves that somebody else changed it.
_SETTLING = timedelta(seconds=30)
# A cloud that shows another target for so long does not replace one that is valid.
_REPLACING = timedelta(seconds=10)
_TOLERANCE = timedelta(seconds=10)

_HELD = "held_limit"
_ASKED = "asked_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLimit(Wire):
    """What the user asked for, and the target that stands for it.

    `current` (A) is None without a limit; it is asked for until `end`, or for good.
    `paused` asks for 0 A. `sent` is the target that was sent for it. It holds from
    `since` to `until`, both None when it may have been lost without anyone's doing.
    """

    current: int | None = None
    end: datetime | None = None
    paused: bool | None = False
    sent: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def target(self, maximum: int) -> int | None:
        """Return the target (A) to ask for, None to ask for none."""
        if self.paused:
            return 0
        return None if self.current is None else min(self.current, maximum)

    def at(self, now: datetime) -> HeldLimit:
        """Return what is left of it: no limit once its end has come."""
        over = self.end is not None and self.end <= now
        return replace(self, current=None, end=None) if over else self

    @property
    def asked_until(self) -> datetime | None:
        """Return until when the target is asked for; a pause is for good."""
        return None if self.paused else self.end

    @property
    def renewal(self) -> datetime | None:
        """Return when half of the time is over, or all if no more is asked for."""
        if self.since is None or self.until is None:
            return None
        if (end := self.asked_until) and end <= self.until:
            return end
        return self.since + (self.until - self.since) / 2

    def counts(self, now: datetime) -> bool:
        """Return whether the target must still be there."""
        return bool(self.until and now < self.until - _TOLERANCE)

    def due(self, now: datetime) -> bool:
        """Return whether it is time to renew; also when the clock was put back."""
        renewal = self.renewal
        return not (self.since and renewal and self.since <= now < renewal)

    def age(self, now: datetime) -> timedelta:
        """Return how long ago it was sent, very long when nobody knows."""
        if self.since is None or self.since > now:
            return timedelta.max
        return now - self.since


class LimitHolder:
    """The one target of a station: reads it, changes it and holds what was asked.

    `target` is what was last read, None when it is not known. Only the time of this
    machine counts; the cloud's can shorten how long a target holds, no more.
    """

    def __init__(self, client: ClemapClient, context: Context) -> None:
        """Take up what was held in the last run."""
        self._client = client
        self._context = context
        settings = context.settings
        self.maximum = bounded(MAXIMUM_CURRENT, settings)
        self.hold_time = bounded(HOLD_TIME, settings)
        self.may_pause = bool(settings.get(ALLOW_PAUSE.key))
        self.access = Access[str](context.monotonic)
        self.target: Target | None = None
        self.notice: NoticeKind | None = None
        self._held = self._recall(_HELD)
        self._asked = self._recall(_ASKED)
        self._replaced: HeldLimit | None = None
        self._writing = asyncio.Lock()
        self._writes = 0  # begun and ended: what is read meanwhile proves nothing
        self._closed = False
        self._schedule = Schedule(context.monotonic)

    @property
    def offered(self) -> bool:
        """Return whether the cloud lets this token read and set the target."""
        return SETTINGS not in self.access.closed

    @property
    def wanted(self) -> HeldLimit:
        """Return what the user last asked for, as far as it is not over."""
        return (self._pending or self._held or HeldLimit()).at(self._context.now())

    @property
    def paused(self) -> bool | None:
        """Return whether the target is 0 A, None when it is not known."""
        return None if self.target is None else self.target.current == 0

    @property
    def current(self) -> float | None:
        """Return the limit (A): in a pause the one that holds once it is over."""
        if self.paused and self.wanted.paused:
            return self.wanted.current
        return self.target.current if self.target else None

    def wait(self) -> float | None:
        """Return the seconds until the limit is renewed or ends, None without one."""
        if self._held is None or not self.offered or self._failed:
            return None
        now, renewal = self._context.now(), self._held.renewal
        if renewal is None or self._renewable(now):
            return 0.0
        return (renewal - now).total_seconds()

    async def refresh(
        self, *, controllable: bool, granted: float | None = None, force: bool = False
    ) -> None:
        """Read the target when that is due, and hold what was asked for.

        `granted` (A) is what the station allows a vehicle that charges now. A failure
        leaves all of it to the next time.
        """
        now = self._context.now()
        if not controllable:
            self._doubt()
        due = force or self._schedule.due("target", TARGET_EVERY)
        if not (due or (controllable and self._renewable(now))):
            return
        with suppress(RateLimitedError):
            async with self.access.guard(SETTINGS) as allowed:
                seen = await self._read(granted) if allowed else None
                if seen is not None and controllable:
                    await self._hold(seen.current)
                return
        # It failed.
        self._schedule.done("retry")
        until = self.target.valid_until if self.target else None
        if until is not None and until <= now:
            self.target = None

    async def read(self) -> Target | None:
        """Read the target anew, for a command that hangs on it."""
        await self._read()
        return self.target

    async def change(self, requested: Callable[[HeldLimit], HeldLimit]) -> None:
        """Change what is asked for and send it.

        It is stored before it is sent: whatever happens to this process from then on,
        the target is known as ours. Where the cloud says no, what was asked for before
        goes on.
        """
        async with self._writing:
            if self._closed:
                raise CommandRefusedError("unloading", reason=Refusal.CONFLICT)
            if (earlier := self._pending) is not None:
                self._keep(earlier)
            asked = self._ask(requested(self.wanted))
            if asked.sent is None:
                # Whatever becomes of the request: it is renewed no more.
                self._keep(None)
            await self._context.flush()
            await self._send(asked)
            self.notice = None

    async def close(self) -> None:
        """Let what is being sent come to its end, and send nothing more."""
        self._closed = True
        async with self._writing:
            pass

    def drop(self) -> None:
        """Hold nothing any more: the station is not wanted, or gone."""
        self._keep(None)
        self._forget_asked()
        self.notice = None

    # Reading and holding

    async def _read(self, granted: float | None = None) -> Target | None:
        """Read the target; None where that does not tell what is there now."""
        writes = self._writes
        target = await self._client.target()
        if writes != self._writes or self._writing.locked():
            return None
        self._schedule.done("target")
        self.access.open(SETTINGS)
        if target is not None:
            self.target = target
            return target
        # The answer cannot be understood. The cloud took what was asked for: that
        # stands for its time, and is shown unless the station allows a vehicle more.
        ours, self.target = self._pending or self._held, None
        if ours is None or not ours.counts(self._context.now()):
            return Target()
        standing = Target(current=ours.sent)
        if granted is None or (ours.sent is not None and granted <= ours.sent):
            self.target = standing
        return standing

    async def _hold(self, current: float | None) -> None:
        """Renew what is held in time; give it up when someone else changed the target.

        `current` (A) is the target that is there.
        """
        now = self._context.now()
        if (asked := self._pending) is None:
            self._forget_asked()
        elif current == asked.sent:
            self._settle(asked)
        elif asked.age(now) < _SETTLING:
            await self._replace(asked, current)
            return
        if self._held is None:
            return
        held = self._held.at(now)
        if held.target(self.maximum) is None:
            self._keep(None)
            self.notice = None
            return
        lost = current is None and not held.counts(now)
        if current != held.sent and not lost and held.age(now) < _SETTLING:
            return
        if current != held.sent and not lost:
            self._keep(None)
            self.notice = NoticeKind.LIMIT_CHANGED_OUTSIDE
        elif self._renewable(now):
            await self._renew(self._held, held)

    async def _renew(self, known: HeldLimit, held: HeldLimit) -> None:
        """Ask for what is held again, unless a command came first.

        A refusal leaves it for later.
        """
        async with self._writing:
            if self._closed or self._held is not known:
                return
            try:
                await self._send(self._ask(held))
            except CommandRefusedError:
                self._schedule.done("retry")
                self.notice = NoticeKind.LIMIT_NOT_RENEWED
                return
            self.notice = None
            # The next poll sees whether it is there.
            self._schedule.forget("target")

    async def _replace(self, asked: HeldLimit, current: float | None) -> None:
        """Drop the target that stands in the way of what is asked for, and ask again.

        The cloud may not replace a target while it is valid.
        """
        if (
            None in (asked.sent, current)
            or self._replaced is asked
            or asked.age(self._context.now()) < _REPLACING
        ):
            return
        async with self._writing:
            if self._closed or self._asked is not asked:
                return
            self._replaced = asked
            self._doubt()
            await self._transmit(None, asked)
            await self._send(asked)

    # Writing

    async def _send(self, asked: HeldLimit) -> None:
        """Send a target; what certainly did not arrive is expected no longer."""
        try:
            await self._transmit(asked.sent, asked)
        except ChargingError as err:
            if not err.uncertain:
                self._forget_asked()
            raise

    async def _transmit(self, target: int | None, asked: HeldLimit) -> None:
        """Set a target, or reset it, and note the right to do so."""
        self._writes += 1
        try:
            with self.access.track(SETTINGS):
                if target is None:
                    await self._client.reset_target()
                else:
                    await self._client.set_target(target, self._seconds(asked))
        finally:
            self._writes += 1

    def _ask(self, limit: HeldLimit) -> HeldLimit:
        """Note what is asked for, and how long it will hold when it is granted.

        It may be granted though the answer is lost: the target then tells.
        """
        now = self._context.now()
        self._asked = replace(
            limit,
            sent=limit.target(self.maximum),
            since=now,
            until=now + timedelta(seconds=self._seconds(limit)),
        )
        self._store(_ASKED, self._asked)
        return self._asked

    def _seconds(self, limit: HeldLimit) -> int:
        """Return for how long to ask: not past the end, nor less than is taken."""
        if (end := limit.asked_until) is None:
            return self.hold_time
        left = math.ceil((end - self._context.now()).total_seconds())
        return min(max(left, MINIMUM_DURATION), self.hold_time)

    # What is remembered

    @property
    def _pending(self) -> HeldLimit | None:
        """Return what was asked for and is not seen yet, while it may still show."""
        asked = self._asked
        return asked if asked and asked.counts(self._context.now()) else None

    @property
    def _failed(self) -> bool:
        """Return whether a reading or a renewal failed a moment ago."""
        return not self._schedule.due("retry", RETRY_EVERY)

    def _renewable(self, now: datetime) -> bool:
        """Return whether what is held is to be asked for now."""
        held = self._held
        if held is None or self._failed:
            return False
        return held.due(now) or held.target(self.maximum) != held.sent

    def _settle(self, asked: HeldLimit) -> None:
        """Hold what the cloud shows, for as long as it is granted."""
        self._forget_asked()
        self.notice = None
        self._schedule.forget("retry")
        until = self.target and self.target.valid_until
        # A cloud that grants less time says so, one whose clock is wrong is ignored.
        if until and asked.counts(until) and until > self._context.now():
            asked = replace(asked, until=until)
        self._keep(asked)

    def _doubt(self) -> None:
        """Count on the target no longer."""
        if self._held and self._held.until:
            self._keep(replace(self._held, since=None, until=None))

    def _keep(self, limit: HeldLimit | None) -> None:
        """Store a limit beyond restarts, or forget it."""
        self._held = limit if limit and limit.sent is not None else None
        self._store(_HELD, self._held)

    def _forget_asked(self) -> None:
        """Expect what was asked for no longer."""
        self._asked = None
        self._store(_ASKED, None)

    def _store(self, key: str, limit: HeldLimit | None) -> None:
        """Write to the memory what changed in it."""
        memory = self._context.memory
        stored = None if limit is None else limit.to_dict()
        if stored == memory.get(key):
            return
        if stored is None:
            del memory[key]
        else:
            memory[key] = stored
        self._context.save()

    def _recall(self, key: str) -> HeldLimit | None:
        """Return what the last run kept, without a pause that is not allowed now."""
        try:
            limit = HeldLimit.decode(self._context.memory.get(key))
        except UnusableAnswerError:
            return None
        if not self.may_pause:
            limit = replace(limit, paused=False)
        if key == _HELD and limit.target(self.maximum) is None:
            return None
        return limit
