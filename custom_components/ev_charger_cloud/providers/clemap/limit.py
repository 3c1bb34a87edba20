"""The limit that a user wishes, held by a target that lapses unless it is renewed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import math

from ...charging import (
    ChargingError,
    CommandRefusedError,
    CommandResult,
    NotFoundError,
    NoticeKind,
    Outcome,
    PermissionDeniedError,
    Refusal,
    ServerFaultError,
    UnreachableError,
    UnusableAnswerError,
)
from ..base import Context, Field, FieldKind, Settings
from ..schedule import Schedule
from ..wire import Wire, number
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
_ASKED = "asked"
_OUTCOMES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLimit(Wire):
    """What the user asked for, and the target that was confirmed for it.

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
    anew: bool | None = False

    def target(self, maximum: int) -> int | None:
        """Return the target (A) to ask for, None to ask for none."""
        if self.paused:
            return 0
        return None if self.current is None else min(self.current, maximum)

    def at(self, now: datetime) -> HeldLimit:
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
        """Return whether the confirmed target must still be there."""
        return bool(self.until and now < self.until - _TOLERANCE)

    def due(self, now: datetime) -> bool:
        """Return whether it is time to renew; also when the clock was put back."""
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
        """Take up what was held in the last run."""
        self._client = client
        self._context = context
        self._clock = clock
        self.maximum = _bounded(MAXIMUM_CURRENT, context.settings)
        self.hold_time = _bounded(HOLD_TIME, context.settings)
        self.may_pause = bool(context.settings.get(ALLOW_PAUSE.key))
        self.target: Target | None = None
        self.notice: NoticeKind | None = None
        self._missing: type[ChargingError] | None = None
        self._held = self._recalled()
        self._next: HeldLimit | None = None
        self._asked = self._recalled_asked()
        self._writing: asyncio.Task[None] | None = None
        self._unsent: asyncio.Future[CommandResult] | None = None
        self._overtaken = asyncio.Event()
        self._number = 0
        self._outcomes: dict[str, CommandResult] = {}
        self._lock = asyncio.Lock()
        self._written = float("-inf")
        self._schedule = Schedule(context.monotonic)

    @property
    def offered(self) -> bool:
        """Return whether the cloud lets this token read and set the target."""
        return self._missing is None

    @property
    def forbidden(self) -> bool:
        """Return whether the token lacks the right."""
        return self._missing is PermissionDeniedError

    @property
    def paused(self) -> bool | None:
        """Return whether the target is 0 A, None when it is not known."""
        return None if self.target is None else self.target.current == 0

    @property
    def unhindered(self) -> bool:
        """Return whether no pause is known, wished or on its way."""
        wishes = (self._next, self._asked, self._held)
        return self.paused is False and not any(w and w.paused for w in wishes)

    async def read_unhindered(self) -> bool:
        """Read the target anew, and return whether it holds nothing back."""
        await self._read()
        return self.unhindered

    def wait(self) -> float | None:
        """Return the seconds until the wish is renewed or ends, None without one."""
        if self._held is None or not self.offered or self._failed:
            return None
        now, renewal = self._clock(), self._held.renewal
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

    async def change(
        self, requested: Callable[[HeldLimit], HeldLimit]
    ) -> CommandResult:
        """Change what is held and send it; the result's id is for `follow`.

        Changes that follow each other faster than may be written are merged: they
        share the write and its outcome. A change that comes while an earlier one
        waits to be confirmed ends that waiting.
        """
        self._next = requested(self._next or self._held or HeldLimit())
        if self._unsent is None:
            self._number += 1
            self._unsent = asyncio.get_running_loop().create_future()
            # Whoever asked may no longer listen.
            self._unsent.add_done_callback(_retrieve)
            self._overtaken.set()
            self._writing = asyncio.create_task(
                self._write(str(self._number), self._unsent)
            )
        return await asyncio.shield(self._unsent)

    def follow(self, number: str) -> CommandResult:
        """Return how far a change came; raise NotFoundError for none of this run."""
        if number not in self._outcomes:
            raise NotFoundError(reason=Refusal.UNKNOWN_ACTION)
        return self._outcomes[number]

    async def close(self) -> None:
        """Finish the write that is under way; what was sent is kept as asked for."""
        self._overtaken.set()
        if self._writing is not None:
            with suppress(ChargingError):
                await self._writing

    async def _write(self, number: str, sent: asyncio.Future[CommandResult]) -> None:
        """Write the newest request as soon as that is allowed, and see it confirmed."""
        async with self._lock:
            try:
                await self._pace()
                self._overtaken.clear()
                self._unsent = None
                held = (self._next or HeldLimit()).at(self._clock())
                self._next = None
                await self._carry_out(held, number, sent)
            except ChargingError as err:
                self._outcome(
                    number,
                    CommandResult(
                        outcome=Outcome.REFUSED,
                        id=number,
                        reason=err.reason or None,
                        message=err.message or None,
                    ),
                )
                if not sent.done():
                    sent.set_exception(err)
            finally:
                if not sent.done():
                    sent.cancel()

    async def _carry_out(
        self, requested: HeldLimit, number: str, sent: asyncio.Future[CommandResult]
    ) -> None:
        """Send what is requested, tell that it was sent, and wait for the cloud."""
        held, wanted = self._held, requested.target(self.maximum)
        if wanted == 0 and self.paused and held and held.paused and not requested.anew:
            # A limit that is set in a pause holds once it is over.
            self._keep(replace(held, current=requested.current, end=requested.end))
            sent.set_result(CommandResult(outcome=Outcome.DEFERRED))
            return
        self.notice = None
        if wanted is None:
            self._keep(None)
        asked = self._ask(replace(requested, anew=False))
        # Whatever happens to this process from here on, the limit is known as ours.
        await self._context.flush()
        try:
            async with asyncio.timeout(COMMAND_TIME):
                if await self._apply(asked, number, sent):
                    self._settle(asked)
                    self._outcome(
                        number, CommandResult(outcome=Outcome.COMPLETED, id=number)
                    )
        except TimeoutError as err:
            raise CommandRefusedError(reason=Refusal.NOT_APPLIED) from err
        except CommandRefusedError as err:
            if err.reason != Refusal.NOT_APPLIED:
                self._forget_asked()
            raise

    async def _apply(
        self, asked: HeldLimit, number: str, sent: asyncio.Future[CommandResult]
    ) -> bool:
        """Have the cloud take a target, and return whether it shows it.

        It does not where another change came before it could.
        """
        wanted = asked.sent
        try:
            await self._send(asked)
        except UnreachableError, ServerFaultError, UnusableAnswerError:
            # The target may have arrived although the answer did not.
            if (await self._read()).current != wanted:
                raise
            sent.set_result(self._outcome(number, CommandResult(id=number)))
            return True
        sent.set_result(self._outcome(number, CommandResult(id=number)))
        if await self._confirmed(wanted):
            return True
        if self._overtaken.is_set():
            return False
        if wanted is not None and self.target and self.target.current is not None:
            # The cloud may not replace a target while it is valid.
            self._doubt()
            await self._send(replace(asked, sent=None))
            await self._send(asked)
        if await self._confirmed(wanted):
            return True
        if self._overtaken.is_set():
            return False
        raise CommandRefusedError(reason=Refusal.NOT_APPLIED)

    async def _confirmed(self, wanted: int | None) -> bool:
        """Wait for the cloud to show a target, but not past another change."""
        for delay in CONFIRM_DELAYS:
            await self._wait(delay)
            if self._overtaken.is_set():
                return False
            with suppress(UnreachableError, ServerFaultError, UnusableAnswerError):
                if (await self._read()).current == wanted:
                    return True
        return False

    async def _wait(self, delay: float) -> None:
        """Wait, but no longer than until another change comes."""
        waits = (
            asyncio.ensure_future(self._context.sleep(delay)),
            asyncio.ensure_future(self._overtaken.wait()),
        )
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _outcome(self, number: str, result: CommandResult) -> CommandResult:
        """Remember how far a change came, for the last few of them."""
        self._outcomes[number] = result
        if len(self._outcomes) > _OUTCOMES:
            del self._outcomes[next(iter(self._outcomes))]
        return result

    async def _hold(self, target: Target) -> None:
        """Renew the wish in time, or give it up when someone else changed the target."""
        now, asked = self._clock(), self._asked
        if asked and asked.counts(now) and target.current == asked.sent:
            self._settle(asked)
        if self._held is None:
            return
        wish = self._held.at(now)
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

    async def _renew(self, wish: HeldLimit) -> None:
        """Ask for the wish again; a refusal leaves it for later."""
        asked = self._ask(wish)
        try:
            await self._send(asked)
        except CommandRefusedError:
            self._forget_asked()
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

    async def _send(self, asked: HeldLimit) -> None:
        """Set the target that is asked for, or reset it."""
        await self._pace()
        self._written = self._context.monotonic()
        refusal = await self._permitted(
            self._client.reset_target()
            if asked.sent is None
            else self._client.set_target(asked.sent, self._seconds(asked))
        )
        if refusal is not None:
            raise CommandRefusedError(refusal, reason=Refusal.REJECTED)

    async def _pace(self) -> None:
        """Wait until the next write is allowed."""
        await self._context.sleep(
            self._written + WRITE_SPACING - self._context.monotonic()
        )

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
        """Return whether a renewal failed a moment ago."""
        return not self._schedule.due("retry", _RETRY_EVERY)

    def _renewable(self, now: datetime) -> bool:
        """Return whether the wish is to be asked for now."""
        wish = self._held
        if wish is None or self._failed:
            return False
        return wish.due(now) or wish.target(self.maximum) != wish.sent

    def _ask(self, wish: HeldLimit) -> HeldLimit:
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
        self._context.memory[_ASKED] = self._asked.to_dict()
        self._context.save()
        return self._asked

    def _forget_asked(self) -> None:
        """Expect what was asked for no longer."""
        self._asked = None
        if self._context.memory.pop(_ASKED, None) is not None:
            self._context.save()

    def _seconds(self, wish: HeldLimit) -> int:
        """Return for how long to ask: not past the end, nor less than is taken."""
        if (end := wish.wished_until) is None:
            return self.hold_time
        left = math.ceil((end - self._clock()).total_seconds())
        return min(max(left, MINIMUM_DURATION), self.hold_time)

    def _settle(self, asked: HeldLimit) -> None:
        """Keep a wish that the cloud has confirmed, and how long it holds."""
        self._forget_asked()
        self.notice = None
        self._schedule.forget("retry")
        until = self.target and self.target.valid_until
        # A cloud that grants less time says so, one whose clock is wrong is ignored.
        if until and asked.since and asked.counts(until) and until > self._clock():
            asked = replace(asked, until=until)
        self._keep(asked)

    def _doubt(self) -> None:
        """Count on the confirmed target no longer."""
        if self._held and self._held.until:
            self._keep(replace(self._held, since=None, until=None))

    def _keep(self, wish: HeldLimit | None) -> None:
        """Store a wish beyond restarts, or forget it."""
        if wish and wish.sent is not None:
            self._held = wish
            self._context.memory[_MEMORY] = wish.to_dict()
        else:
            self._held = None
            self._context.memory.pop(_MEMORY, None)
        self._context.save()

    def _recalled_asked(self) -> HeldLimit | None:
        """Return what the last run had sent when it ended before it was confirmed."""
        try:
            return HeldLimit.decode(self._context.memory.get(_ASKED))
        except UnusableAnswerError:
            return None

    def _recalled(self) -> HeldLimit | None:
        """Return what was held in the last run, without a pause that is not allowed now."""
        try:
            wish = HeldLimit.decode(self._context.memory.get(_MEMORY))
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


def _retrieve(future: asyncio.Future[CommandResult]) -> None:
    """Take note of an error that nobody may be waiting for."""
    if not future.cancelled():
        future.exception()
