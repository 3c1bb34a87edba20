"""The actions of AMPS: commands with a life of their own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
import re
from typing import Any

from ...world import Refused, Station, Timer, World
from .errors import ApiError, invalid
from .requests import stamp

FLAT = {"start_charging": "charge", "stop_charging": "idle", "set_max_power": "cap"}
TYPES = {command: f"ev-charger:{flat}" for flat, command in FLAT.items()}
_OPEN = ("scheduled", "acknowledged")
_LONGEST_DELAY = timedelta(days=30)
_RELATIVE = re.compile(r"(\d+(?:\.\d{1,2})?)([mh])")


@dataclass(slots=True, kw_only=True)
class Action:
    """A command on its way to a charger."""

    id: str
    device_id: str
    command: str
    parameters: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime
    state: str = "acknowledged"
    result: dict[str, Any] | None = None
    error_code: str | None = None
    error_message: str | None = None
    acknowledged_at: datetime | None = None
    completed_at: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    timer: Timer | None = None

    @property
    def open(self) -> bool:
        """Return whether the action has not come to its end."""
        return self.state in _OPEN


class Actions:
    """All actions of the cloud; none is ever forgotten."""

    def __init__(self, world: World, quirks: Mapping[str, Any]) -> None:
        """Begin without actions."""
        self._world = world
        self._quirks = quirks
        self._ids = count(1)
        self._actions: dict[str, Action] = {}
        self.listeners: list[Callable[[Action], None]] = []

    def __iter__(self) -> Iterator[Action]:
        """Iterate over the actions, the newest first."""
        return reversed(self._actions.values())

    def get(self, action_id: str) -> Action:
        """Return an action."""
        if action_id not in self._actions:
            raise ApiError("NOT_FOUND", f"Action {action_id} was not found.")
        return self._actions[action_id]

    def last(self, device_id: str) -> Action | None:
        """Return the newest action of a charger."""
        return next((a for a in self if a.device_id == device_id), None)

    def create(
        self,
        station: Station,
        command: str,
        carry_out: Callable[[], None],
        *,
        parameters: dict[str, Any] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        revert: Callable[[], None] | None = None,
    ) -> Action:
        """Begin an action, now or at its start."""
        now = self._world.now
        action = Action(
            id=f"act_sim_{next(self._ids):04}",
            device_id=station.id,
            command=command,
            parameters=parameters,
            created_at=now,
            updated_at=now,
            start=start,
            end=end,
        )
        self._actions[action.id] = action

        def acknowledge() -> None:
            action.state = "acknowledged"
            action.acknowledged_at = action.updated_at = self._world.now
            if not self._quirks["stuck_actions"]:
                action.timer = self._world.call_later(
                    self._quirks["action_seconds"], finish
                )

        def finish() -> None:
            self._finish(action, station, carry_out)
            if action.end and revert:
                self._world.call_later(
                    (action.end - self._world.now).total_seconds(), revert
                )

        if start is None:
            acknowledge()
        else:
            action.state = "scheduled"
            action.timer = self._world.call_later(
                (start - now).total_seconds(), acknowledge
            )
        return action

    def cancel(self, action: Action) -> Action:
        """Cancel an action that has not begun."""
        if action.state != "scheduled":
            raise ApiError(
                "ACTION_NOT_CANCELLABLE",
                f"Action {action.id} is {action.state} and cannot be cancelled.",
            )
        if action.timer:
            action.timer.cancel()
        action.state = "cancelled"
        action.updated_at = self._world.now
        if self._quirks["profile"] == "C":
            action.completed_at = action.updated_at
        return action

    def resolve_conflict(
        self,
        station: Station,
        command: str,
        strategy: str | None,
        strategies: list[str],
    ) -> datetime | None:
        """Make room for a new action; return when it may begin if it has to queue."""
        blocking = [
            action
            for action in self
            if action.open
            and action.device_id == station.id
            and (self._quirks["profile"] == "C" or action.command == command)
        ]
        if not blocking:
            return None
        waiting = all(action.state == "scheduled" for action in blocking)
        if strategy == "cancel_and_replace" and waiting:
            for action in blocking:
                self.cancel(action)
            return None
        ends = [action.end for action in blocking if action.end]
        if strategy == "queue_after" and len(ends) == len(blocking):
            return max(ends)
        raise ApiError(
            "CONFLICT",
            "Another action is still pending for this device.",
            details={
                "reason": "strategy_not_applicable"
                if strategy
                else "no_strategy_supplied",
                "conflictingActionIds": [action.id for action in blocking],
                "strategies": strategies if waiting else [],
            },
        )

    def pushed(self, action: Action) -> dict[str, Any]:
        """Show an action in the answer to its command."""
        if self._quirks["profile"] == "C":
            shown = self.record(action)
            for key in ("result", "errorCode", "errorMessage", "updatedAt"):
                del shown[key]
            del shown["acknowledgedAt"], shown["completedAt"]
            if action.end is None:
                del shown["end"]
            return shown
        shown = {
            "actionId": action.id,
            "state": self._state(action),
            "type": TYPES[action.command],
            "createdAt": stamp(action.created_at),
        }
        if self._quirks["profile"] == "A":
            shown["deferredUntil"] = stamp(action.start)
        return shown

    def record(self, action: Action) -> dict[str, Any]:
        """Show an action in full."""
        profile = self._quirks["profile"]
        shown: dict[str, Any] = {
            "id": action.id,
            "deviceId": action.device_id,
            "parameters": action.parameters,
            "state": self._state(action),
            "result": action.result,
            "errorCode": action.error_code,
            "errorMessage": action.error_message,
            "createdAt": stamp(action.created_at),
            "updatedAt": stamp(action.updated_at),
            "acknowledgedAt": stamp(action.acknowledged_at),
            "completedAt": stamp(action.completed_at),
        }
        if profile == "C":
            shown |= {
                "deviceType": "ev_charger",
                "command": action.command,
                "start": stamp(action.start),
                "end": stamp(action.end),
            }
            if self._quirks["links"]:
                shown["links"] = {"self": f"/actions/{action.id}"}
        else:
            shown["type"] = TYPES[action.command]
        if profile == "A":
            shown["result"] = action.result or {}
            shown["deferredUntil"] = stamp(action.start)
        return shown

    def _state(self, action: Action) -> str:
        deferred = self._quirks["profile"] == "A" and action.state == "scheduled"
        return "deferred" if deferred else action.state

    def _finish(
        self, action: Action, station: Station, carry_out: Callable[[], None]
    ) -> None:
        """Hand the command to the charger."""
        action.updated_at = action.completed_at = self._world.now
        code = self._quirks["action_error"]
        if code is None and not station.online:
            code = "DEVICE_OFFLINE"
        if code is None and (later := self._quirks["effect_seconds"]):
            self._world.call_later(later, carry_out)
        elif code is None:
            try:
                carry_out()
            except Refused as refused:
                code = refused.reason.upper()
        if code is None:
            action.state = "completed"
            action.result = {"success": True, "message": "Command accepted"}
        else:
            action.state = "failed"
            action.error_code = code
            action.error_message = _WORDS.get(code, "The command failed.")
            action.result = {"success": False, "error": action.error_message}
        for listener in self.listeners:
            listener(action)


_WORDS = {
    "DEVICE_OFFLINE": "The charger could not be reached.",
    "SCHEDULER_ACTIVE": "The maker's own schedule is active.",
}


def parse_start(text: Any, now: datetime, *, wall_clock: bool) -> datetime:
    """Read a time to put an action off to: relative, or absolute.

    Absolute is a plant-local wall clock (UTC here) in the newest generation, and ISO
    8601 with a zone before.
    """
    if isinstance(text, str) and (match := _RELATIVE.fullmatch(text)):
        unit = "minutes" if match[2] == "m" else "hours"
        when = now + timedelta(**{unit: float(match[1])})
    else:
        try:
            when = datetime.fromisoformat(text)
        except TypeError, ValueError:
            raise invalid(f"Cannot read the time {text!r}.") from None
        if (when.tzinfo is None) is not wall_clock:
            raise invalid("The time has a zone too many, or lacks one.")
        if wall_clock:
            when = when.replace(tzinfo=UTC)
    if when <= now:
        raise ApiError("START_IN_PAST", "start must be in the future.")
    if when > now + _LONGEST_DELAY:
        raise ApiError("START_OUT_OF_RANGE", "start must be within 30 days.")
    return when
