"""What Plugchoice's two kinds of samples mean in the vocabulary, and for how long."""

from collections.abc import Iterable, Iterator, Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ...charging import CURRENTS, VOLTAGES, Reading
from ..wire import once
from .wire import LatestMeterValue, MeterReading, PowerUsage, SampledValue, Transaction

# The cloud keeps answering with the last sample it got, hours after a session and
# while a charger is offline. Chargers send one every 10 s to 15 minutes. A sample is
# live for three times the pace of its charger, within these bounds (s).
_PATIENCE = 3.0
_LEAST, _MOST = 120.0, 1800.0
_LONGEST_PACE = 900.0

_CONFIRMATIONS = 3
# Samples are stamped in ms, transactions in µs: leave room for rounding.
_ROUNDING = timedelta(seconds=1)

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
    """The samples of one kind, live while they keep moving.

    Neither the charger's clock nor ours is trusted to be right: what counts is that a
    sample came with another time stamp than the last (or other values, where nobody
    stamps them), and how soon the next one was to be expected by the pace so far.
    """

    sample: Sample = field(default_factory=Sample)
    moved_at: float = float("-inf")
    _stamps: int = 0
    _pace: float = 60.0

    def take(
        self, sample: Sample, now: float, beside: SampleTrack | None = None
    ) -> None:
        """Take a sample that was fetched now (monotonic, s).

        Where the track `beside` has the sample of the same time already, this one is no
        newer than that.
        """
        known, told = self.sample, sample
        if told.at != known.at and told.at is not None:
            if known.at is not None:
                gap = abs((told.at - known.at).total_seconds())
                if gap <= _LONGEST_PACE:
                    self._pace = gap
            self._stamps += 1
            same = beside is not None and beside.is_of(told.at)
            self.moved_at = beside.moved_at if beside and same else now
        elif known.values and told.values != known.values:
            self.moved_at = now
        self.sample = sample

    def live(self, now: float, since: datetime | None = None) -> bool:
        """Return whether the sample tells of now (monotonic, s).

        The first one that is met counts unless it is stamped from before the session
        (`since`); after that its moving tells more than any clock.
        """
        at = self.sample.at
        if self._stamps <= 1 and since is not None and at is not None and at < since:
            return False
        return now - self.moved_at <= min(max(_PATIENCE * self._pace, _LEAST), _MOST)

    def is_of(self, when: datetime) -> bool:
        """Return whether the last sample is of a time, give or take a second."""
        at = self.sample.at
        return at is not None and abs(at - when) < _ROUNDING

    def end(self) -> None:
        """Count on nothing that was measured so far."""
        self.moved_at = float("-inf")


@dataclass(slots=True, kw_only=True)
class ConnectorMeter:
    """What is measured at a connector; `lifetime` (Wh) is its register."""

    usage: SampleTrack = field(default_factory=SampleTrack)
    values: SampleTrack = field(default_factory=SampleTrack)
    seen: set[Reading] = field(default_factory=set)
    lifetime: float | None = None
    _payloads: dict[str, object] = field(default_factory=dict)
    _doubted: list[tuple[datetime | None, float]] = field(default_factory=list)
    _session: tuple[int | None, float] = (None, 0.0)
    _entered: int | None = None

    def take_usage(self, usage: PowerUsage, now: float) -> None:
        """Take a power usage sample at a time (monotonic)."""
        if self._is_new("usage", usage):
            sample = of_power_usage(usage)
            self.usage.take(sample, now, self.values)
            self.seen |= sample.values.keys()

    def take_values(self, message: LatestMeterValue, now: float) -> None:
        """Take meter values at a time (monotonic)."""
        if self._is_new("values", message):
            sample = of_meter_values(message)
            self.values.take(sample, now, self.usage)
            self.seen |= sample.values.keys()
            register = sample.values.get(Reading.LIFETIME_ENERGY)
            if register is not None and register >= 0:
                self._take_register(register, sample.at)

    def _is_new(self, kind: str, payload: object) -> bool:
        """Return whether an answer is another object than the last of its kind."""
        known = self._payloads.get(kind)
        self._payloads[kind] = payload
        return payload is not known

    def _take_register(self, register: float, at: datetime | None) -> None:
        """Take what the register shows.

        It only counts up. A value that is lower is a bad sample, unless it goes on
        being lower: then the one before was, or the meter was replaced. Samples count
        by their time stamps, for the cloud repeats the last one for hours.
        """
        if self.lifetime is not None and register < self.lifetime:
            if self._doubted and register < self._doubted[-1][1]:
                self._doubted.clear()
            if not self._doubted or at not in (None, self._doubted[-1][0]):
                self._doubted.append((at, register))
            if len(self._doubted) < _CONFIRMATIONS:
                return
        self._doubted.clear()
        self.lifetime = register

    def live(self, now: float, running: Transaction | None) -> dict[Reading, float]:
        """Return what is measured now (monotonic), by samples of the running session."""
        if running is not None and running.id != self._entered:
            if self._entered is not None:
                self.usage.end()
                self.values.end()
            self._entered = running.id
        since = (
            running.started_at - _ROUNDING if running and running.started_at else None
        )
        values: dict[Reading, float] = {}
        # The one that moved last has the last word.
        for track in sorted(
            (self.values, self.usage), key=lambda track: track.moved_at
        ):
            if track.live(now, since):
                values |= track.sample.values
        return values

    @property
    def sampled_at(self) -> datetime | None:
        """Return the time of the last sample, by the charger's clock."""
        stamps = (self.usage.sample.at, self.values.sample.at)
        return max((at for at in stamps if at), default=None)

    def measures(self, readings: AbstractSet[Reading]) -> bool:
        """Return whether the meter values alone tell all of these."""
        return self.values.sample.values.keys() >= readings

    def samples_apart(self, readings: AbstractSet[Reading]) -> bool:
        """Return whether there are meter values, and some of these not among them."""
        return bool(self.values.sample.values) and not self.measures(readings)

    def session_energy(self, transaction: Transaction) -> float | None:
        """Return the energy (Wh) of a running session, which only ever rises.

        Not every charger's total grows before the end; the register does.
        """
        energy = None
        if transaction.total_kwh and transaction.total_kwh > 0:
            energy = transaction.total_kwh * 1000
        elif self.lifetime is not None and transaction.meter_start is not None:
            energy = max(self.lifetime - transaction.meter_start, 0.0)
        if energy is None:
            return None
        known, before = self._session
        if known == transaction.id:
            energy = max(energy, before)
        self._session = (transaction.id, energy)
        return round(energy, 1)


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


def _translate(samples: Iterable[SampledValue]) -> dict[Reading, float]:
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


def register_of(
    readings: Iterable[MeterReading], connector: str | None, *, alone: bool
) -> Iterator[tuple[datetime, float]]:
    """Yield when the register of a connector showed what (Wh).

    A reading with a phase is a part of it. Of several places where is measured, the
    outlet counts, which is OCPP's default.
    """
    places: dict[str, list[tuple[datetime, float]]] = {}
    for each in readings:
        number = each.connector_id
        if each.measurand not in (None, _REGISTER) or each.phase is not None:
            continue
        if str(number) != connector and not (alone and number in (None, 0)):
            continue
        energy = _convert(each, _ENERGY)
        if each.timestamp is not None and energy is not None:
            place = places.setdefault(each.location or "Outlet", [])
            place.append((each.timestamp, energy))
    yield from places.get("Outlet") or next(iter(places.values()), ())


def _convert(sample: SampledValue | MeterReading, units: _Units) -> float | None:
    """Convert a value by its unit; None when there is none or nobody knows it."""
    if sample.value is None:
        return None
    if sample.unit is not None and sample.unit not in units:
        once("Plugchoice meter value", f"unknown unit {sample.unit[:20]!r}")
        return None
    factor, offset = units[sample.unit] if sample.unit else next(iter(units.values()))
    return round(sample.value * factor + offset, 3)
