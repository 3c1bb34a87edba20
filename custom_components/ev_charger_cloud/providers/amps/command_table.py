"""What AMPS can be told to do, as each generation of its API takes it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
import math
from typing import Any

from ...charging import (
    CancelScheduled,
    Command,
    Control,
    ControlState,
    Refresh,
    SetControl,
    StartCharging,
    StopCharging,
)
from .mappings import bounds_of, cap_of, plug_and_charging, watts
from .wire import CAP, CHARGE, FLAT_VERBS, IDLE, Charger, State

PUSH = "/ev-charger/{}"
SETTINGS = "/ev-charger/{}/settings"
CANCEL = "/actions/{}/cancel"

_DELAY = frozenset({"delay"})
_NOTHING = frozenset[str]()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for beside the verb: a power (kW), a start, how to meet others."""

    power: float | None = None
    start: str | None = None
    on_conflict: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A command.

    All are about one charger, and need a key that may write. `offered` returns the
    optional fields that a charger honours, None where it does not take the command;
    `path` has a gap for the charger's id, or an action's; `body` is what is sent.
    """

    command: type[Command]
    control: Control | None
    canonical: bool
    offered: Callable[[Charger], frozenset[str] | None]
    path: str
    body: Callable[[Asked], dict[str, Any] | None]


def _pushed(verb: str) -> Callable[[Charger], frozenset[str] | None]:
    """Offer a command that can be carried out at once, and later where it says so."""

    def offered(charger: Charger) -> frozenset[str] | None:
        execution = charger.execution(verb)
        if "immediate" not in execution:
            return None
        return _DELAY if "scheduled" in execution else _NOTHING

    return offered


def _capped(charger: Charger) -> frozenset[str] | None:
    """Offer the power cap where it is understood."""
    return None if cap_of(charger) is None else _NOTHING


def _put_off(charger: Charger) -> frozenset[str] | None:
    """Offer to cancel where something can be put off."""
    return frozenset({"action_id"}) if charger.can_put_off else None


def _canonical(verb: str) -> Callable[[Asked], dict[str, Any]]:
    """Write a command of the newest generation."""
    return lambda asked: _stated(
        action=_stated(command=verb, start=asked.start), onConflict=asked.on_conflict
    )


def _flat(verb: str) -> Callable[[Asked], dict[str, Any]]:
    """Write a command of the older generations."""
    return lambda asked: _stated(
        action=FLAT_VERBS[verb], maxPower=asked.power, deferUntil=asked.start
    )


def _setting(asked: Asked) -> dict[str, Any]:
    """Write the power cap as a setting."""
    return {CAP: {"value": asked.power, "unit": "kw"}}


def _nothing(_: Asked) -> None:
    """Write nothing: the path says it all."""


def _stated(**values: Any) -> dict[str, Any]:
    """Leave out what is None."""
    return {name: value for name, value in values.items() if value is not None}


_LIMIT = Control.POWER_LIMIT

TABLE = (
    # The newest generation.
    Row(StartCharging, None, True, _pushed(CHARGE), PUSH, _canonical(CHARGE)),
    Row(StopCharging, None, True, _pushed(IDLE), PUSH, _canonical(IDLE)),
    Row(SetControl, _LIMIT, True, _capped, SETTINGS, _setting),
    Row(CancelScheduled, None, True, _put_off, CANCEL, _nothing),
    # The older ones.
    Row(StartCharging, None, False, _pushed(CHARGE), PUSH, _flat(CHARGE)),
    Row(StopCharging, None, False, _pushed(IDLE), PUSH, _flat(IDLE)),
    Row(SetControl, _LIMIT, False, _capped, PUSH, _flat(CAP)),
)


def _offers(charger: Charger) -> Iterator[tuple[Row, frozenset[str]]]:
    """Yield the commands that a charger takes, with the fields that AMPS honours."""
    for row in TABLE:
        if row.canonical is charger.canonical:
            honoured = row.offered(charger)
            if honoured is not None:
                yield row, honoured


def row_for(charger: Charger, command: Command) -> tuple[Row, frozenset[str]] | None:
    """Return how a charger takes a command, None where it does not."""
    control = command.control if isinstance(command, SetControl) else None
    for row, honoured in _offers(charger):
        if row.command is type(command) and row.control is control:
            return row, honoured
    return None


def commands_of(charger: Charger) -> dict[type[Command], frozenset[str]]:
    """Return the commands that a charger takes, with the fields that AMPS honours."""
    return {
        Refresh: _NOTHING,
        **{
            row.command: honoured
            for row, honoured in _offers(charger)
            if not row.control
        },
    }


def controls_of(
    charger: Charger, held: bool | None, *, decided: bool = False
) -> dict[Control, ControlState]:
    """Translate what can be set.

    `held` says whether a command holds charging back, `decided` that this is newer than
    what was read.
    """
    controls: dict[Control, ControlState] = {}
    if commands_of(charger).keys() >= {StartCharging, StopCharging}:
        plug, charging = plug_and_charging(charger.state or State())
        if plug and (decided or charging is False):
            # A vehicle that is full, and one that waits for a start, look alike.
            charging = None if held is None else not held
        controls[Control.CHARGING] = ControlState(value=charging)
    if cap := cap_of(charger):
        low, high = bounds_of(cap)
        controls[Control.POWER_LIMIT] = ControlState(
            value=watts(cap.value), minimum=watts(low), maximum=watts(high), step=100
        )
    return controls


def relative(delay: timedelta) -> str:
    """Write a delay as the one form that all generations read, in whole minutes."""
    return f"{max(1, math.ceil(delay / timedelta(minutes=1)))}m"
