"""What Plugchoice's two kinds of samples mean in the vocabulary."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from ...charging import CURRENTS, VOLTAGES, Reading
from ..wire import once
from .wire import LatestMeterValue, PowerUsage, SampledValue

# The cloud keeps answering with the last sample it got, hours after a session and
# while a charger is offline. Chargers send one every 10 s to a few minutes.
# A sample is live for three times the pace of its charger, within these bounds (s).
_PATIENCE = 3.0
_LEAST = 300.0
_LONGEST_PACE = 900.0

_EPOCH = datetime.min.replace(tzinfo=UTC)
_REGISTER = "Energy.Active.Import.Register"
_POWER = "Power.Active.Import"

# Factor and offset by unit; OCPP's default unit comes first.
type _Units = dict[str, tuple[float, float]]
_ENERGY: _Units = {"Wh": (1, 0), "kWh": (1000, 0)}
_WATTS: _Units = {"W": (1, 0), "kW": (1000, 0)}
_AMPERES: _Units = {"A": (1, 0)}
_VOLTS: _Units = {"V": (1, 0)}
_PERCENT: _Units = {"Percent": (1, 0), "%": (1, 0)}
_DEGREES: _Units = {
    "Celsius": (1, 0),
    "Celcius": (1, 0),  # OCPP 1.6's own misspelling
    "Fahrenheit": (5 / 9, -160 / 9),
    "K": (1, -273.15),
}

_PHASES = {
    spelling: number
    for number in range(3)
    for spelling in (f"L{number + 1}", f"L{number + 1}-N")
}

# By measurand and phase. A current without a phase may be a sum or a mean, so it
# says nothing; a voltage without one is a mean and stands in for the first phase.
_READINGS: dict[tuple[str, int | None], tuple[Reading, _Units]] = {
    (_REGISTER, None): (Reading.LIFETIME_ENERGY, _ENERGY),
    (_POWER, None): (Reading.POWER, _WATTS),
    ("Power.Offered", None): (Reading.POWER_OFFERED, _WATTS),
    ("Current.Offered", None): (Reading.CURRENT_OFFERED, _AMPERES),
    ("SoC", None): (Reading.STATE_OF_CHARGE, _PERCENT),
    ("Temperature", None): (Reading.TEMPERATURE, _DEGREES),
    ("Voltage", None): (Reading.VOLTAGE_PHASE_1, _VOLTS),
    **{("Current.Import", n): (r, _AMPERES) for n, r in enumerate(CURRENTS)},
    **{("Voltage", n): (r, _VOLTS) for n, r in enumerate(VOLTAGES)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was measured at one time; the time is None when nobody says."""

    at: datetime | None = None
    values: dict[Reading, float] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class SampleTrack:
    """The samples of a meter, live while their time stamp keeps advancing.

    Neither the charger's clock nor ours is trusted to be right: what counts is that a
    sample came with another time stamp than the last, and how soon the next one was
    to be expected by the pace so far.
    """

    sample: Sample = field(default_factory=Sample)
    _advanced_at: float = float("-inf")
    _stamps: int = 0
    _pace: float = 60.0

    def take(self, sample: Sample, now: float) -> None:
        """Take a sample that was fetched now (monotonic, s)."""
        known, told = self.sample.at, sample.at
        if told is not None and told != known:
            if known is not None:
                gap = abs((told - known).total_seconds())
                if gap <= _LONGEST_PACE:
                    self._pace = gap
            self._stamps += 1
            self._advanced_at = now
        self.sample = sample

    def live(self, now: float, since: datetime | None = None) -> bool:
        """Return whether the sample tells of now (monotonic, s).

        The first one that is met counts unless it is stamped from before the session
        (`since`); after that its advancing tells more than any clock.
        """
        at = self.sample.at
        if self._stamps <= 1 and since is not None and at is not None and at < since:
            return False
        patience = min(max(_PATIENCE * self._pace, _LEAST), _LONGEST_PACE)
        return now - self._advanced_at <= patience

    def end(self) -> None:
        """Count on nothing that was measured so far."""
        self._advanced_at = float("-inf")


def of_power_usage(usage: PowerUsage) -> Sample:
    """Translate power usage: A per phase, kW in all."""
    values = dict(zip(CURRENTS, (usage.l1, usage.l2, usage.l3), strict=True))
    if usage.kilowatts is not None:
        values[Reading.POWER] = usage.kilowatts * 1000
    known = {key: value for key, value in values.items() if value is not None}
    return Sample(at=usage.timestamp, values=known)


def of_meter_values(message: LatestMeterValue) -> Sample:
    """Translate OCPP meter values by the units they come in; later ones win."""
    values: dict[Reading, float] = {}
    at = None
    for meter_value in sorted(
        message.meter_value, key=lambda item: item.timestamp or _EPOCH
    ):
        at = meter_value.timestamp
        values |= _translate(meter_value.sampled_value)
    return Sample(at=at, values=values)


def _translate(samples: list[SampledValue]) -> dict[Reading, float]:
    """Translate what was sampled at one time."""
    values: dict[Reading, float] = {}
    powers: dict[str | None, float] = {}
    # What comes last wins: a phase over a mean, the outlet over other places.
    for sample in sorted(
        samples, key=lambda s: (s.location in (None, "Outlet"), s.phase is not None)
    ):
        measurand = sample.measurand or _REGISTER
        phase = None if sample.phase is None else _PHASES.get(sample.phase, -1)
        if (known := _READINGS.get((measurand, phase))) is not None:
            reading, units = known
            if (value := _convert(sample, units)) is not None:
                values[reading] = value
        elif measurand == _POWER and phase in range(3):
            if (value := _convert(sample, _WATTS)) is not None:
                powers[sample.phase] = value
    if powers:
        values.setdefault(Reading.POWER, sum(powers.values()))
    return values


def _convert(sample: SampledValue, units: _Units) -> float | None:
    """Convert a value by its unit; None when there is none or nobody knows it."""
    if sample.value is None:
        return None
    if sample.unit is not None and sample.unit not in units:
        once("Plugchoice meter value", f"unknown unit {sample.unit[:20]!r}")
        return None
    factor, offset = units[sample.unit] if sample.unit else next(iter(units.values()))
    return round(sample.value * factor + offset, 3)
