"""What can be changed in a wallbox's settings, and whether it was."""

from collections.abc import Mapping
from datetime import datetime, timedelta
import math

from ...charging import (
    CommandRefusedError,
    Control,
    ControlValue,
    NotSupportedError,
    Refusal,
    SetChargePolicy,
)
from .devices import MAXIMUM_POWER
from .wire import Wallbox, utc

type Change = bool | int | datetime | None
type Changes = Mapping[str, Change]

RESUMED: Changes = {"pause_power_until": None, "is_pause_power_active": False}

_SWITCHES = {
    Control.SMART_OPTIMISATION: "is_smart_optimization_active",
    Control.CHARGE_POLICY: "is_charge_policy_enabled",
    Control.OVER_CHARGE: "is_over_charge_allowed",
}
_NUMBERS = {
    Control.TARGET_MINIMUM: "charge_target_min",
    Control.TARGET_MAXIMUM: "charge_target_max",
    Control.DEADLINE_LEVEL: "minimum_charge_limit",
    Control.POWER_LIMIT: "charge_power_max_w",
}
_MOST = dict.fromkeys(_NUMBERS.values(), 100.0) | {"charge_power_max_w": MAXIMUM_POWER}
_TARGETS = ("charge_target_min", "charge_target_max")
_TIMES = ("charge_deadline_at", "pause_power_until")


def setting(control: Control, value: ControlValue) -> Changes:
    """Return the fields behind a control."""
    if control in _SWITCHES:
        return {_SWITCHES[control]: bool(value)}
    if control in _NUMBERS and isinstance(value, int | float):
        return {_NUMBERS[control]: _rounded(_NUMBERS[control], value)}
    when = value if isinstance(value, datetime) else None
    if control is Control.DEADLINE:
        return {"charge_deadline_at": when}
    if control is Control.PAUSE_UNTIL:
        return paused(when) if when else RESUMED
    raise NotSupportedError(control)


def paused(until: datetime) -> Changes:
    """Return a pause; which of the two fields drives is not published."""
    return {"pause_power_until": until, "is_pause_power_active": True}


def policy(command: SetChargePolicy) -> Changes:
    """Return the fields that a charge policy changes."""
    levels = {
        Control.DEADLINE_LEVEL: command.deadline_level,
        Control.TARGET_MINIMUM: command.target_minimum,
        Control.TARGET_MAXIMUM: command.target_maximum,
        Control.POWER_LIMIT: command.power_limit,
    }
    changes: dict[str, Change] = {
        _NUMBERS[control]: _rounded(_NUMBERS[control], level)
        for control, level in levels.items()
        if level is not None
    }
    if command.enabled is not None:
        changes["is_charge_policy_enabled"] = command.enabled
    if command.deadline is not None:
        changes["charge_deadline_at"] = command.deadline
    return changes


def bounded_by_others(changes: Changes) -> bool:
    """Return whether it takes the other settings of a wallbox to judge changes."""
    return len(changes.keys() & set(_TARGETS)) == 1


def check(changes: Changes, wallbox: Wallbox, now: datetime) -> None:
    """Refuse what is out of bounds, has passed, or leaves a minimum above its maximum."""
    for key, most in _MOST.items():
        value = changes.get(key)
        if isinstance(value, int) and not 0 <= value <= most:
            raise _invalid(_range_of(key))
    for key in _TIMES:
        when = changes.get(key)
        if isinstance(when, datetime) and when <= now:
            raise CommandRefusedError(key, reason=Refusal.IN_THE_PAST)
    low, high = (changes.get(key, getattr(wallbox, key)) for key in _TARGETS)
    if not changes.keys().isdisjoint(_TARGETS) and None not in (low, high):
        if low > high:
            raise _invalid(f"target minimum {low} % is above target maximum {high} %")


def written(changes: Changes) -> dict[str, bool | int | str | None]:
    """Return the body of a request that makes the changes."""
    return {
        key: utc(value) if isinstance(value, datetime) else value
        for key, value in changes.items()
    }


def differing(changes: Changes, wallbox: Wallbox) -> list[str]:
    """Name the fields that a wallbox does not have as they were sent.

    Servers may derive whether a pause is active from its end, and later than they
    answer: of the two only the end is compared.
    """
    return [
        key
        for key, value in changes.items()
        if not (key == "is_pause_power_active" and "pause_power_until" in changes)
        and not _same(value, getattr(wallbox, key))
    ]


def _same(sent: Change, kept: object) -> bool:
    """Return whether a value came back as sent; a time may lose its seconds."""
    if isinstance(sent, datetime) and isinstance(kept, datetime):
        return abs(sent - kept) < timedelta(minutes=1)
    return sent == kept


def _rounded(key: str, value: float) -> int:
    """Return the whole number that is sent, never more than was asked for."""
    if not math.isfinite(value):
        raise _invalid(_range_of(key))
    return math.floor(value)


def _range_of(key: str) -> str:
    """Return the values that a field may have, for people."""
    unit = "W" if key == "charge_power_max_w" else "%"
    control = next(control for control, own in _NUMBERS.items() if own == key)
    return f"{control.replace('_', ' ')}: 0 to {_MOST[key]:.0f} {unit}"


def _invalid(message: str) -> CommandRefusedError:
    """Return the refusal of a value."""
    return CommandRefusedError(message, reason=Refusal.INVALID_VALUE)
