"""AMPS's shapes, in all three generations of its API.

The generations carry no version number; what the answers look like tells them apart.
The first two name commands by flat verbs, the newest by `commands` and `settings` that
every charger states for itself. An action's words are normalised to the newest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum, unique
from typing import Any, override

from ..wire import (
    CamelCaseWire,
    Wire,
    boolean,
    key,
    number,
    part,
    text,
    translate,
    words,
)

CHARGE = "charge"
IDLE = "idle"
CAP = "max_charge_rate"

FLAT_VERBS = {
    CHARGE: "start_charging",
    IDLE: "stop_charging",
    CAP: "set_max_power",
}
_VERBS = {flat: verb for verb, flat in FLAT_VERBS.items()}


@unique
class ActionState(StrEnum):
    """The life of an action; the first two are not its end."""

    ACKNOWLEDGED = "acknowledged"
    SCHEDULED = "scheduled"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


_STATES = {state.value: state for state in ActionState} | {
    "deferred": ActionState.SCHEDULED
}


def _words(value: Any) -> tuple[str, ...]:
    """Read a list of words; empty when it is none."""
    return words(value) or ()


def _named(shape: type[Wire]) -> Any:
    """Declare a field for objects by their names, without those that are none."""

    def deserialize(value: Any) -> Mapping[str, Wire]:
        items = value.items() if isinstance(value, Mapping) else ()
        return {
            str(name): shape.decode(item)
            for name, item in items
            if isinstance(item, Mapping)
        }

    return field(default_factory=dict, metadata={"deserialize": deserialize})


type Plain = str | float | bool


def _plain(value: Any) -> Plain | None:
    """Read a plain value, whatever its type; None for anything else."""
    if isinstance(value, bool):
        return value
    return number(value) if isinstance(value, int | float) else text(value)


def _plain_object() -> Any:
    """Declare a field for an object of plain values, whatever their names."""

    def deserialize(value: Any) -> Mapping[str, Plain] | None:
        if not isinstance(value, Mapping):
            return None
        values = {text(name): _plain(item) for name, item in value.items()}
        return {n: v for n, v in values.items() if n is not None and v is not None}

    return field(default=None, metadata={"deserialize": deserialize})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(CamelCaseWire):
    """An object that remembers which keys it came with: null is not absence."""

    told: frozenset[str] = frozenset()

    @classmethod
    @override
    def __pre_deserialize__(cls, d: dict[Any, Any]) -> dict[Any, Any]:
        """Note the keys."""
        return {**super().__pre_deserialize__(d), "told": list(d)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync(CamelCaseWire):
    """How AMPS's copy relates to the maker's cloud.

    `available` is false when the answer is an older, stored one.
    """

    available: bool | None = None
    last_pulled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata(Wire):
    """What the charger is; `source` is live, cache, fallback, projection, …."""

    model: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State(Told):
    """What the charger does: `max_current` is in A, the powers are in kW."""

    status: str | None = None
    is_connected: bool | None = None
    is_charging: bool | None = None
    current_power: float | None = None
    max_current: float | None = None
    power_rate_limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer(Wire):
    """How a command may be carried out: immediate, scheduled, windowed."""

    execution: tuple[str, ...] = field(default=(), metadata={"deserialize": _words})


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Wire):
    """A writable setting with its present value and bounds, all in `unit`."""

    value: float | None = None
    unit: str | None = None
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Links(Wire):
    """Where to ask for a thing again, as a path below the base URL."""

    self_path: str | None = key("self")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(CamelCaseWire):
    """A command on its way.

    The id is `actionId` in the older answers to a command and `id` everywhere else;
    the verb is `command`, or `type` after its colon; the time it is put off to is
    `start`, or `deferredUntil`.
    """

    id: str
    device_id: str | None = None
    verb: str | None = None
    state: ActionState | None = None
    result: Mapping[str, Plain] | None = _plain_object()
    error_code: str | None = None
    error_message: str | None = None
    parameters: Mapping[str, Plain] | None = _plain_object()
    created_at: datetime | None = None
    updated_at: datetime | None = None
    acknowledged_at: datetime | None = None
    completed_at: datetime | None = None
    start: datetime | None = None
    links: Links | None = part(Links)

    @classmethod
    @override
    def __pre_deserialize__(cls, d: dict[Any, Any]) -> dict[Any, Any]:
        """Bring the generations' words together."""
        verb = text(d.get("command")) or (text(d.get("type")) or "").rpartition(":")[2]
        state = translate(_STATES, text(d.get("state")), of="AMPS action state")
        return {
            **super().__pre_deserialize__(d),
            "id": d.get("id") or d.get("actionId"),
            "verb": _VERBS.get(verb, verb),
            "state": state,
            "start": d.get("start") or d.get("deferredUntil"),
        }

    def __post_init__(self) -> None:
        """Refuse an action that cannot be asked for again."""
        _check_id(self.id)

    @property
    def open(self) -> bool:
        """Return whether the action has not come to its end."""
        return self.state in (None, ActionState.ACKNOWLEDGED, ActionState.SCHEDULED)

    @property
    def put_off(self) -> bool:
        """Return whether the action waits for its time."""
        return self.state is ActionState.SCHEDULED

    @property
    def failed(self) -> bool:
        """Return whether the action failed, by its state or by the maker's word."""
        if self.state is ActionState.COMPLETED:
            return boolean((self.result or {}).get("success")) is False
        return self.state is ActionState.FAILED

    def or_newer(self, told: Action | None) -> Action:
        """Choose between this action and the last one that a charger tells of.

        What a charger tells may be as old as its readings, and leaves out the time
        that an action is put off to.
        """
        if told is None:
            return self
        if told.id == self.id:
            return replace(told, start=told.start or self.start) if self.open else self
        older = (
            told.created_at and self.created_at and told.created_at < self.created_at
        )
        return self if older else told

    @property
    def maker_words(self) -> str | None:
        """Return what the maker's cloud said of it."""
        result = self.result or {}
        return text(result.get("error")) or text(result.get("message"))

    @property
    def complaint(self) -> str:
        """Return why the action failed: words for people, then the code."""
        words = self.error_message or self.maker_words or ""
        code = f"({self.error_code})" if self.error_code else ""
        return f"{words} {code}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Charger(Told):
    """A charger: its state, and in the newest generation what can be asked of it.

    Lists leave out `settings`. `vendor` is the maker, its case varies.
    """

    id: str
    vendor: str | None = None
    sync: Sync | None = part(Sync)
    metadata: Metadata | None = part(Metadata)
    state: State | None = part(State)
    commands: Mapping[str, Offer] = _named(Offer)
    conflict_strategies: tuple[str, ...] = field(
        default=(), metadata={"deserialize": _words}
    )
    settings: Mapping[str, Setting] = _named(Setting)
    last_action: Action | None = part(Action)

    def __post_init__(self) -> None:
        """Refuse a charger that cannot be asked for."""
        _check_id(self.id)

    @property
    def canonical(self) -> bool:
        """Return whether the charger speaks the newest generation's commands."""
        return not self.told.isdisjoint(
            {"commands", "settings", "lastAction", "currentSchedule"}
        )

    @property
    def defers(self) -> bool:
        """Return whether the charger is of the generation that knows `deferUntil`."""
        return not self.canonical and "features" in self.told

    def execution(self, verb: str) -> tuple[str, ...]:
        """Return how a command may be carried out; empty when it may not."""
        if not self.canonical:
            return ("immediate", "scheduled") if self.defers else ("immediate",)
        offer = self.commands.get(verb)
        return offer.execution if offer else ()

    @property
    def can_put_off(self) -> bool:
        """Return whether a command can be given for later."""
        return any("scheduled" in self.execution(verb) for verb in (CHARGE, IDLE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pagination(CamelCaseWire):
    """Where in a list a page is."""

    total: int | None = None
    has_more: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated(Wire):
    """The answer to a write of settings: the keys that were written."""

    updated: tuple[str, ...] = field(default=(), metadata={"deserialize": _words})


def _check_id(value: str | None) -> None:
    if not value:
        raise ValueError("no id")
