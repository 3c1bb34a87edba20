"""What a station can be asked for: all of it is its one target, changed in some way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ...charging import (
    ClearLimit,
    Command,
    CommandRefusedError,
    CommandResult,
    Control,
    ControlState,
    ControlValue,
    NotSupportedError,
    Outcome,
    Refusal,
    SetControl,
    StartCharging,
    StopCharging,
)
from ..wire import number
from .held_limit import HeldLimit, LimitHolder
from .settings import MINIMUM_CURRENT, MINIMUM_DURATION

_LONGEST = timedelta(days=366)  # that a limit is held for; longer is for good

type _Change = Callable[[HeldLimit], HeldLimit]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """How a command changes what is held.

    `fields` are the optional ones that are honoured. `pausing` commands are offered
    where the user allowed to pause. One that is `always` taken is sent in every state.
    """

    change: Callable[[Commands, Any], _Change]
    fields: frozenset[str] = frozenset()
    pausing: bool = False
    always: bool = False


class Commands:
    """Checks commands and sends the target that each of them comes to."""

    def __init__(self, limit: LimitHolder, now: Callable[[], datetime]) -> None:
        """Send through the limit that is held."""
        self._limit = limit
        self._now = now

    def controls(self) -> Mapping[Control, ControlState]:
        """Return what can be set; on is what no target of 0 A holds back."""
        if not self._limit.offered:
            return {}
        limit = ControlState(
            value=self._limit.current,
            minimum=MINIMUM_CURRENT,
            maximum=self._limit.maximum,
            step=1,
            timed=True,
        )
        if not self._limit.may_pause:
            return {Control.CURRENT_LIMIT: limit}
        paused = self._limit.paused
        may_charge = ControlState(value=None if paused is None else not paused)
        return {Control.CURRENT_LIMIT: limit, Control.CHARGING: may_charge}

    def offered(self) -> Mapping[type[Command], frozenset[str]]:
        """Return what can be asked, beside the controls."""
        return {
            kind: row.fields
            for kind, row in _ROWS.items()
            if kind is not SetControl
            and self._limit.offered
            and (self._limit.may_pause or not row.pausing)
        }

    async def execute(
        self, command: Command, obstacle: Refusal | None
    ) -> CommandResult:
        """Send the target that a command comes to.

        `obstacle` is why no plug can be steered now: what would be taken without any
        effect is refused before it is sent.
        """
        row = _ROWS.get(type(command))
        if row is None or (row.pausing and not self._limit.may_pause):
            raise NotSupportedError(type(command).__name__)
        change = row.change(self, command)
        if obstacle is not None and not row.always:
            raise CommandRefusedError(reason=obstacle)
        if isinstance(command, StartCharging) and not await self._is_held_back(command):
            return CommandResult(outcome=Outcome.COMPLETED)
        await self._limit.change(change)
        if isinstance(command, SetControl) and self._limit.wanted.paused:
            # It holds once the pause is over.
            return CommandResult(outcome=Outcome.DEFERRED)
        return CommandResult()

    async def _is_held_back(self, command: StartCharging) -> bool:
        """Return whether a start has anything to lift or to set.

        Somebody else's limit is left alone, so the target is read for it, just now.
        """
        if command.current is not None or self._limit.wanted.paused:
            return True
        target = await self._limit.read()
        return target is None or target.current == 0

    def set_limit(self, command: SetControl) -> _Change:
        """Set the current limit, for a while or for good."""
        if command.control is not Control.CURRENT_LIMIT:
            raise NotSupportedError(command.control)
        current, end = self._current(command.value), self._end(command.duration)
        return lambda held: replace(held, current=current, end=end)

    def clear(self, command: ClearLimit) -> _Change:
        """Leave the station to the load management."""
        return lambda held: HeldLimit()

    def start(self, command: StartCharging) -> _Change:
        """Lift a pause; a limit that comes with it is for good."""
        if command.current is None:
            return lambda held: replace(held, paused=False)
        current = self._current(command.current)
        return lambda held: replace(held, paused=False, current=current, end=None)

    def stop(self, command: StopCharging) -> _Change:
        """Pause; what was limited before goes on after it."""
        return lambda held: replace(held, paused=True)

    def _current(self, value: ControlValue) -> int:
        """Return a limit in whole amperes, never more than was asked for."""
        amperes = number(value)
        if amperes is None:
            raise CommandRefusedError(str(value), reason=Refusal.INVALID_VALUE)
        if not MINIMUM_CURRENT <= amperes <= self._limit.maximum:
            raise CommandRefusedError(
                f"{amperes:g} A is not from {MINIMUM_CURRENT} to"
                f" {self._limit.maximum} A",
                reason=Refusal.OUT_OF_RANGE,
            )
        return int(amperes)

    def _end(self, duration: timedelta | None) -> datetime | None:
        """Return when a limit is over, None for one that lasts."""
        if duration is None or duration > _LONGEST:
            return None
        if duration.total_seconds() < MINIMUM_DURATION:
            raise CommandRefusedError(
                f"a limit holds for {MINIMUM_DURATION} s at least",
                reason=Refusal.OUT_OF_RANGE,
            )
        return self._now() + duration


_ROWS: Mapping[type[Command], _Row] = {
    SetControl: _Row(change=Commands.set_limit),
    ClearLimit: _Row(change=Commands.clear, always=True),
    StartCharging: _Row(
        change=Commands.start, fields=frozenset({"current"}), pausing=True
    ),
    StopCharging: _Row(change=Commands.stop, pausing=True),
}
