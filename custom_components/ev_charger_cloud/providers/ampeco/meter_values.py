"""What stations measure while a session runs, as callbacks tell it.

Source: AMPECO Public API 3.110.0, SessionMeterValuesNotification. There is no unit of
power and no phase: power is in W, and several values of one measurand and time are the
phases in their order.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
import re
from typing import Any

from ...charging import Reading, Value
from ..wire import moment, number, text

_LASTING = 300.0  # s that a sample is worth something
_FACTOR = {"kwh": 1000.0, "kw": 1000.0, "ma": 0.001}
# Beyond this many times what an EVSE is built for nothing is believed.
_BEYOND = 4
_USUAL_POWER = 22_000.0  # W

_CURRENTS = (
    Reading.CURRENT_PHASE_1,
    Reading.CURRENT_PHASE_2,
    Reading.CURRENT_PHASE_3,
)
_VOLTAGES = (
    Reading.VOLTAGE_PHASE_1,
    Reading.VOLTAGE_PHASE_2,
    Reading.VOLTAGE_PHASE_3,
)
# By the measurand's letters alone, so that OCPP's spellings pass too.
_SINGLE = {
    "poweractiveimport": Reading.POWER,
    "currentoffered": Reading.CURRENT_OFFERED,
    "poweroffered": Reading.POWER_OFFERED,
    "stateofcharge": Reading.STATE_OF_CHARGE,
    "soc": Reading.STATE_OF_CHARGE,
    "temperature": Reading.TEMPERATURE,
    "energyconsumed": Reading.SESSION_ENERGY,
    "energyactiveimportregister": Reading.LIFETIME_ENERGY,
}
_PHASES = {"currentimport": _CURRENTS, "voltage": _VOLTAGES}


@dataclass(slots=True)
class _Sample:
    """The last sample of an EVSE, and until when (monotonic) it is worth something."""

    at: datetime | None
    until: float
    values: dict[Reading, Value] = field(default_factory=dict)


class MeterValues:
    """The last samples of each EVSE; they age, and end with the session."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Begin without samples."""
        self._monotonic = monotonic
        self._samples: dict[str, _Sample] = {}
        # What each EVSE ever told: it stays offered, unknown between sessions.
        self._told: dict[str, set[Reading]] = defaultdict(set)

    def take(
        self,
        evse: str,
        items: Iterable[Any],
        most_power: float | None,
        energy: float | None,
    ) -> bool:
        """Take a sample in; return whether it says anything newer.

        `energy` is what the session drew, as far as it tells itself.
        """
        at, told = _decode(items)
        most = _BEYOND * (most_power or _USUAL_POWER)
        values = {
            reading: value
            for reading, value in told.items()
            if _is_possible(reading, value, most, energy)
        }
        known = self._samples.get(evse)
        if not values or (known and known.at and at and at <= known.at):
            return False
        kept = known.values if known else {}
        self._samples[evse] = _Sample(
            at, self._monotonic() + _LASTING, {**kept, **values}
        )
        self._told[evse] |= values.keys()
        return True

    def end(self, evse: str) -> None:
        """Forget a sample: the session is over."""
        self._samples.pop(evse, None)

    def of(self, evse: str) -> Mapping[Reading, Value]:
        """Return what an EVSE tells now, None for what it told once."""
        told: dict[Reading, Value] = dict.fromkeys(self._told.get(evse, ()))
        if sample := self._samples.get(evse):
            told |= sample.values
        return told

    def expire(self) -> set[str]:
        """Forget samples that are too old, and return whose they were."""
        now = self._monotonic()
        old = {key for key, sample in self._samples.items() if sample.until < now}
        for key in old:
            del self._samples[key]
        return old


def _is_possible(
    reading: Reading, value: float, most_power: float, energy: float | None
) -> bool:
    """Return whether a value can be.

    What a session drew is told by itself too, seldom an hour ago; a meter has counted
    at least that.
    """
    match reading:
        case Reading.POWER | Reading.POWER_OFFERED:
            return 0 <= value <= most_power
        case Reading.STATE_OF_CHARGE:
            return 0 <= value <= 100
        case Reading.SESSION_ENERGY:
            return energy is None or value <= energy + most_power
        case Reading.LIFETIME_ENERGY:
            return value >= (energy or 0.0)
    return True


def _decode(
    items: Iterable[Any],
) -> tuple[datetime | None, dict[Reading, float]]:
    """Read a list of meter values: the newest time, and what they say."""
    newest: datetime | None = None
    measured: dict[str, list[float]] = defaultdict(list)
    for item in items:
        if not isinstance(item, Mapping):
            continue
        value = number(item.get("value"))
        name = re.sub("[^a-z]", "", (text(item.get("measurand")) or "").lower())
        if value is None or (name not in _SINGLE and name not in _PHASES):
            continue
        at = moment(item.get("timestamp"))
        if at is not None and (newest is None or at > newest):
            # Several times in one list: only the newest counts.
            newest = at
            measured.clear()
        if at is None or at == newest:
            unit = (text(item.get("unit")) or "").lower()
            measured[name].append(value * _FACTOR.get(unit, 1.0))
    values: dict[Reading, float] = {}
    for name, found in measured.items():
        if name in _SINGLE:
            values[_SINGLE[name]] = found[-1]
        elif len(found) == len(_PHASES[name]):
            values |= dict(zip(_PHASES[name], found, strict=True))
        else:
            # Of one alone nobody knows which phase it is: the highest.
            values[_PHASES[name][0]] = max(found)
    return newest, values
