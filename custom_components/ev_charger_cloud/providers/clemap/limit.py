"""The limit that a user wishes, held by a target that lapses unless it is renewed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import math
import time

from ...charging import (
    ChargingError,
    CommandRefusedError,
    CommandResult,
    NotFoundError,
    NoticeKind,
    PermissionDeniedError,
    Refusal,
    ServerFaultError,
    UnreachableError,
    UnusableAnswerError,
    Verdict,
)
from ..base import Context, Field, FieldKind, Settings
from ..decoding import Wire, number
from ..schedule import Schedule
from .client import Client
from .wire import Target

# The usual lowest current that a vehicle charges at: the API names no range.
MINIMUM_CURRENT = 6
MAXIMUM_CURRENT = Field(
    key="maximum_current",
    kind=FieldKind.NUMBER,
    required=False,
    default=16,
    minimum=MINIMUM_CURRENT,
    maximum=80,
    unit="A",
)
# s; the API names no range of durations either.
MINIMUM_DURATION = 60
HOLD_TIME = Field(
    key="hold_time",
    kind=FieldKind.NUMBER,
    required=False,
    default=600,
    minimum=MINIMUM_DURATION,
    maximum=3600,
    unit="s",
)

ALLOW_PAUSE = Field(
    key="allow_pause", kind=FieldKind.BOOLEAN, required=False, default=False
)

WRITE_SPACING = 5.0  # s between two writes
CONFIRM_DELAYS = (0.0, 2.0, 4.0, 6.0)  # s, gone through twice at most
COMMAND_TIME = 40.0  # s for all of it

_TARGET_EVERY = timedelta(seconds=60)
_RETRY_EVERY = timedelta(seconds=15)
_FEATURE_EVERY = timedelta(hours=1)
_TOLERANCE = timedelta(seconds=10)
_MEMORY = "wish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish(Wire):
    """What the user wishes, and the target that was confirmed for it.

    `current` (A) is None without a limit; it is wished until `end`, or for good.
    `paused` asks for 0 A. `sent` is the target that the cloud confirmed. It holds
    from `since` to `until`, both None when it may have been lost without anyone's
    doing.
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

    def at(self, now: datetime) -> Wish:
        """Return what is left of the wish: no limit once its end has come."""
        over = self.end is not None and self.end <= now
        return replace(self, current=None, end=None) if over else self

    @property
    def wished_until(self) -> datetime | None:
        """Return until when the target is wished; a pause is wished for good."""
        return None if self.paused else self.end

    @property
    def renewal(self) -> datetime | None:
        """Return when half of the time is over, or all if no more is wished."""
        if self.since is None or self.until is None:
            return None
        if (end := self.wished_until) and end <= self.until:
            return end
        return self.since + (self.until - self.since) / 2

    def counts(self, now: datetime) -> bool:
        """Tell whether the confirmed target must still be there."""
        return bool(self.until and now < self.until - _TOLERANCE)

    def due(self, now: datetime) -> bool:
        """Tell whether it is time to renew; also when the clock was put back."""
        renewal = self.renewal
        return not (self.since and renewal and self.since <= now < renewal)


class Limit:
    """The one target of a station: reads it, changes it and holds it.

    `clock` gives the present time. One write at a time, and none while the target is
    compared with the wish.
    """

    def __init__(
        self, client: Client, context: Context, clock: Callable[[], datetime]
    ) -> None:
        """Take up the wish of the last run."""
        self._client = client
        self._context = context
        self._clock = clock
        self.maximum = _bounded(MAXIMUM_CURRENT, context.settings)
        self.hold_time = _bounded(HOLD_TIME, context.settings)
        self.may_pause = bool(context.settings.get(ALLOW_PAUSE.key))
        self.target: Target | None = None
        self.notice: NoticeKind | None = None
        self._missing: type[ChargingError] | None = None
        self._wish = self._recalled()
        self._next: Wish | None = None
        self._asked: Wish | None = None
        self._writing: asyncio.Task[CommandResult] | None = None
        self._lock = asyncio.Lock()
        self._written = float("-inf")
        self._schedule = Schedule()

    @property
    def offered(self) -> bool:
        """Tell whether the cloud lets this token read and set the target."""
        return self._missing is None

    @property
    def forbidden(self) -> bool:
        """Tell whether the token lacks the right."""
        return self._missing is PermissionDeniedError

    @property
    def paused(self) -> bool | None:
        """Tell whether the target is 0 A, None when it is not known."""
        return None if self.target is None else self.target.current == 0

    @property
    def unhindered(self) -> bool:
        """Tell whether no pause is known, wished or on its way."""
        wishes = (self._next, self._asked, self._wish)
        return self.paused is False and not any(w and w.paused for w in wishes)

    def wait(self) -> float | None:
        """Return the seconds until the wish is renewed or ends, None without one."""
        if self._wish is None or not self.offered or self._failed:
            return None
        now, renewal = self._clock(), self._wish.renewal
        if renewal is None or self._renewable(now):
            return 0.0
        return (renewal - now).total_seconds()

    async def refresh(self, *, controllable: bool, force: bool = False) -> None:
        """Read the target when that is due, and hold the wish.

        Does nothing while a change is under way, which sees to all of it. A failure
        leaves the wish to the next time.
        """
        if self._lock.locked():
            return
        async with self._lock:
            now = self._clock()
            if not controllable:
                self._doubt()
            due = force or self._schedule.due("target", _TARGET_EVERY)
            if not (due or (controllable and self._renewable(now))):
                return
            if not self.offered and not self._schedule.due("feature", _FEATURE_EVERY):
                return
            try:
                target = await self._read()
                if controllable:
                    await self._hold(target)
            except ChargingError:
                self._schedule.done("retry")
                if self.target and (until := self.target.valid_until) and until <= now:
                    self.target = None

    async def change(self, wish: Callable[[Wish], Wish]) -> CommandResult:
        """Change the wish and carry it out.

        Changes that follow each other faster than may be written are merged: they
        share the write and its verdict.
        """
        self._next = wish(self._next or self._wish or Wish())
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await asyncio.shield(self._writing)

    async def _write(self) -> CommandResult:
        """Write the newest wish as soon as that is allowed, and see it confirmed."""
        async with self._lock:
            await self._pace()
            wish = (self._next or Wish()).at(self._clock())
            self._next = self._writing = None
            held, wanted = self._wish, wish.target(self.maximum)
            if wanted == 0 and self.paused and held and held.paused:
                self._keep(replace(held, current=wish.current, end=wish.end))
                return CommandResult(verdict=Verdict.DEFERRED)
            self.notice = None
            if wanted is None:
                self._keep(None)
            asked = self._ask(wish)
            try:
                async with asyncio.timeout(COMMAND_TIME):
                    await self._apply(asked)
            except TimeoutError as err:
                raise CommandRefusedError(reason=Refusal.NOT_APPLIED) from err
            except CommandRefusedError as err:
                if err.reason != Refusal.NOT_APPLIED:
                    self._asked = None
                raise
            self._settle(asked)
            return CommandResult(verdict=Verdict.COMPLETED)

    async def _apply(self, asked: Wish) -> None:
        """Have the cloud take a target and show it."""
        wanted = asked.sent
        try:
            await self._send(asked)
        except UnreachableError, ServerFaultError, UnusableAnswerError:
            # The target may have arrived although the answer did not.
            if (await self._read()).current != wanted:
                raise
            return
        if await self._confirmed(wanted):
            return
        if wanted is not None and self.target and self.target.current is not None:
            # The cloud may not replace a target while it is valid.
            self._doubt()
            await self._send(replace(asked, sent=None))
            await self._send(asked)
        if not await self._confirmed(wanted):
            raise CommandRefusedError(reason=Refusal.NOT_APPLIED)

    async def _confirmed(self, wanted: int | None) -> bool:
        """Wait for the cloud to show a target."""
        for delay in CONFIRM_DELAYS:
            await asyncio.sleep(delay)
            with suppress(UnreachableError, ServerFaultError, UnusableAnswerError):
                if (await self._read()).current == wanted:
                    return True
        return False

    async def _hold(self, target: Target) -> None:
        """Renew the wish in time, or give it up when someone else changed the target."""
        now, asked = self._clock(), self._asked
        if asked and asked.counts(now) and target.current == asked.sent:
            self._settle(asked)
        if self._wish is None:
            return
        wish = self._wish.at(now)
        if wish.target(self.maximum) is None:
            self._keep(None)
            self.notice = None
            return
        lost = target.current is None and not wish.counts(now)
        if target.current != wish.sent and not lost:
            self._keep(None)
            self.notice = NoticeKind.LIMIT_CHANGED_OUTSIDE
        elif self._renewable(now):
            await self._renew(wish)

    async def _renew(self, wish: Wish) -> None:
        """Ask for the wish again; a refusal leaves it for later."""
        asked = self._ask(wish)
        try:
            await self._send(asked)
        except CommandRefusedError:
            self._asked = None
            self._schedule.done("retry")
            self.notice = NoticeKind.LIMIT_NOT_RENEWED
            return
        if (await self._read()).current == asked.sent:
            self._settle(asked)
        else:
            self._doubt()

    async def _read(self) -> Target:
        """Read the target."""
        self.target = await self._permitted(self._client.target())
        self._schedule.done("target")
        return self.target

    async def _send(self, asked: Wish) -> None:
        """Set the target that is asked for, or reset it."""
        await self._pace()
        self._written = time.monotonic()
        refusal = await self._permitted(
            self._client.reset_target()
            if asked.sent is None
            else self._client.set_target(asked.sent, self._seconds(asked))
        )
        if refusal is not None:
            raise CommandRefusedError(refusal, reason=Refusal.REJECTED)

    async def _pace(self) -> None:
        """Wait until the next write is allowed."""
        await asyncio.sleep(self._written + WRITE_SPACING - time.monotonic())

    async def _permitted[T](self, request: Awaitable[T]) -> T:
        """Note whether the cloud knows the target and lets this token at it."""
        try:
            answer = await request
        except (NotFoundError, PermissionDeniedError) as err:
            self._missing = type(err)
            self._schedule.done("feature")
            raise
        self._missing = None
        return answer

    @property
    def _failed(self) -> bool:
        """Tell whether a renewal failed a moment ago."""
        return not self._schedule.due("retry", _RETRY_EVERY)

    def _renewable(self, now: datetime) -> bool:
        """Tell whether the wish is to be asked for now."""
        wish = self._wish
        if wish is None or self._failed:
            return False
        return wish.due(now) or wish.target(self.maximum) != wish.sent

    def _ask(self, wish: Wish) -> Wish:
        """Note what is asked for, and how long it will hold when it is granted.

        It may be granted though the answer is lost: the target then tells.
        """
        now = self._clock()
        self._asked = replace(
            wish,
            sent=wish.target(self.maximum),
            since=now,
            until=now + timedelta(seconds=self._seconds(wish)),
        )
        return self._asked

    def _seconds(self, wish: Wish) -> int:
        """Return for how long to ask: not past the end, nor less than is taken."""
        if (end := wish.wished_until) is None:
            return self.hold_time
        left = math.ceil((end - self._clock()).total_seconds())
        return min(max(left, MINIMUM_DURATION), self.hold_time)

    def _settle(self, asked: Wish) -> None:
        """Keep a wish that the cloud has confirmed, and how long it holds."""
        self._asked = self.notice = None
        self._schedule.forget("retry")
        until = self.target and self.target.valid_until
        # A cloud that grants less time says so, one whose clock is wrong is ignored.
        if until and asked.since and asked.counts(until) and until > self._clock():
            asked = replace(asked, until=until)
        self._keep(asked)

    def _doubt(self) -> None:
        """Count on the confirmed target no longer."""
        if self._wish and self._wish.until:
            self._keep(replace(self._wish, since=None, until=None))

    def _keep(self, wish: Wish | None) -> None:
        """Store a wish beyond restarts, or forget it."""
        if wish and wish.sent is not None:
            self._wish = wish
            self._context.memory[_MEMORY] = wish.to_dict()
        else:
            self._wish = None
            self._context.memory.pop(_MEMORY, None)
        self._context.remember()

    def _recalled(self) -> Wish | None:
        """Return the wish of the last run, without a pause that is not allowed now."""
        try:
            wish = Wish.decode(self._context.memory.get(_MEMORY))
        except UnusableAnswerError:
            return None
        if not self.may_pause:
            wish = replace(wish, paused=False)
        return wish if wish.target(self.maximum) is not None else None


def _bounded(field: Field, settings: Settings) -> int:
    """Return a number from the options, within its bounds."""
    value = number(settings.get(field.key, field.default))
    low, high = int(field.minimum or 0), int(field.maximum or 0)
    return min(max(int(field.default if value is None else value), low), high)
