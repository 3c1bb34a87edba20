"""In which hours the energy of a session flowed.

Hours are those of UTC, told by their begin; energies are in whole Wh, and the hours of a
session add up to its energy exactly. The best source that agrees with the session's
energy wins: the cloud's own hours, then what the meter showed in between, then what was
seen from here, at last evenly. The latter two are estimates.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum, unique
from itertools import pairwise
import math

HOUR = timedelta(hours=1)

# How far a source may be from the session's energy to be used, and to be called exact.
_USABLE = 0.05
_EXACT = 0.01

# How far apart two readings may be to tell what flowed in between, and two samples.
_LONGEST_SPAN = timedelta(minutes=65)
# A cloud may ask a charger each quarter of an hour, and be late.
LONGEST_GAP = timedelta(minutes=20)

# What no connector delivers (W); a meter that says so has sent a bad sample.
_IMPOSSIBLE = 500_000.0
# Registers are told in whole Wh, at worst in tens.
_ROUNDING = 20.0


@unique
class HourSource(StrEnum):
    """Where the hours of a session come from, best first."""

    REGISTER = "register"  # readings of the meter
    CLOUD = "cloud"  # hours that the cloud made
    POINTS = "points"  # the session's energy at several times
    POWER = "power"  # power seen from here
    EVEN = "even"  # nobody knows: spread from start to end


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyInterval:
    """What flowed (Wh) in a span of time, and what it cost; the cloud says so."""

    start: datetime
    end: datetime
    energy: float
    cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPoint:
    """A meter's register, or the energy of a session so far (Wh), at one time."""

    at: datetime
    energy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyCurve:
    """Points of one source in time; a register need not begin at zero."""

    source: HourSource
    points: Sequence[EnergyPoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyHour:
    """What flowed in an hour (Wh); `cost` only where the cloud has one by hour."""

    start: datetime
    energy: int
    estimated: bool
    cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyHours:
    """The hours of a session; those in which nothing flowed are left out."""

    source: HourSource
    hours: tuple[EnergyHour, ...]

    @property
    def energy(self) -> int:
        """Return what flowed in all (Wh)."""
        return sum(hour.energy for hour in self.hours)


@dataclass(slots=True, kw_only=True)
class ObservedEnergy:
    """What flowed by power that was seen from here, by hour: Wh and how long (s).

    Between two samples power is taken to change evenly. Longer pauses stay empty: what
    flowed then is not known.
    """

    hours: dict[datetime, tuple[float, float]] = field(default_factory=dict)
    last: tuple[datetime, float] | None = None

    def add(self, at: datetime, power: float | None) -> None:
        """Take a sample; None says that power is not known now."""
        if power is None:
            self.last = None
            return
        if self.last is not None:
            since, before = self.last
            if at <= since:
                return
            if at - since <= LONGEST_GAP:
                self._fill(since, at, max(before, 0.0), max(power, 0.0))
        self.last = at, power

    def _fill(self, since: datetime, at: datetime, before: float, now: float) -> None:
        """Add the trapezoid between two samples, hour by hour."""
        span = (at - since).total_seconds()
        slope = (now - before) / span
        for hour, begin, end in _cut(since, at):
            seconds = (end - begin).total_seconds()
            middle = (begin - since).total_seconds() + seconds / 2
            energy, covered = self.hours.get(hour, (0.0, 0.0))
            self.hours[hour] = (
                energy + (before + slope * middle) * seconds / 3600,
                covered + seconds,
            )

    @property
    def energy(self) -> float:
        """Return what flowed in all that was seen (Wh)."""
        return sum(energy for energy, _ in self.hours.values())


def hour_of(when: datetime) -> datetime:
    """Return the begin of the UTC hour that a time is in."""
    return when.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def energy_hours(
    start: datetime,
    end: datetime,
    energy: float,
    *,
    intervals: Sequence[EnergyInterval] = (),
    curve: EnergyCurve | None = None,
    observed: ObservedEnergy | None = None,
    flowed_until: datetime | None = None,
) -> EnergyHours:
    """Divide the energy (Wh) of a session among the hours from its start to its end.

    `flowed_until` is since when nothing can have flowed any more, where it is known.
    """
    total = round(energy)
    if total <= 0:
        return EnergyHours(source=HourSource.EVEN, hours=())
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    sources: list[tuple[HourSource, Callable[[], _Shares | None]]] = [
        (HourSource.CLOUD, lambda: _of_intervals(intervals, total))
    ]
    if curve is not None:
        by_curve = curve.source, lambda: _of_curve(curve, start, end, total)
        sources.insert(0 if curve.source is HourSource.REGISTER else 1, by_curve)
    if observed is not None:
        seen = observed
        sources.append(
            (HourSource.POWER, lambda: _of_observed(seen, start, end, total))
        )
    for source, find in sources:
        if (shares := find()) is not None:
            return EnergyHours(source=source, hours=_whole(shares, total))
    until = min(end, (flowed_until or end).astimezone(UTC))
    return EnergyHours(
        source=HourSource.EVEN, hours=_whole(_evenly(start, max(until, start)), total)
    )


@dataclass(slots=True)
class _Shares:
    """What flowed by hour, before it is made to add up."""

    energies: dict[datetime, float] = field(default_factory=dict)
    estimated: set[datetime] = field(default_factory=set)
    costs: dict[datetime, float] = field(default_factory=dict)

    def spread(
        self, start: datetime, end: datetime, energy: float, *, estimated: bool = False
    ) -> None:
        """Add what flowed evenly between two times."""
        span = (end - start).total_seconds()
        for hour, begin, until in _cut(start, end):
            part = (until - begin).total_seconds() / span if span else 1.0
            self.energies[hour] = self.energies.get(hour, 0.0) + energy * part
            if estimated:
                self.estimated.add(hour)

    def checked(self, total: int) -> _Shares | None:
        """Return this if it comes near enough to the session's energy."""
        found = sum(self.energies.values())
        if abs(found - total) > _USABLE * total:
            return None
        # What is rounded differs by a few Wh in the smallest of sessions.
        if abs(found - total) > max(_EXACT * total, 1.0):
            self.estimated.update(self.energies)
        return self


def _cut(
    start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, datetime]]:
    """Yield the parts of a span by hour: the hour, the begin and end of the part."""
    begin = start
    while True:
        hour = hour_of(begin)
        until = min(hour + HOUR, end)
        yield hour, begin, until
        if until >= end:
            return
        begin = until


def _of_intervals(intervals: Sequence[EnergyInterval], total: int) -> _Shares | None:
    """Return the hours that the cloud made."""
    shares = _Shares()
    for each in intervals:
        start, end = each.start.astimezone(UTC), each.end.astimezone(UTC)
        if end < start or each.energy < 0:
            return None
        shares.spread(start, end, each.energy)
        if each.cost is not None:
            for hour, begin, until in _cut(start, end):
                span = (end - start).total_seconds()
                part = (until - begin).total_seconds() / span if span else 1.0
                shares.costs[hour] = shares.costs.get(hour, 0.0) + each.cost * part
    return shares.checked(total) if intervals else None


def _of_curve(
    curve: EnergyCurve, start: datetime, end: datetime, total: int
) -> _Shares | None:
    """Return what flowed between the points, as far as they are in the session."""
    points = sorted(
        (
            EnergyPoint(at=point.at.astimezone(UTC), energy=point.energy)
            for point in curve.points
            if math.isfinite(point.energy) and point.energy >= 0
        ),
        key=lambda point: point.at,
    )
    points = [point for point in points if start <= point.at <= end]
    if curve.source is HourSource.POINTS:
        # It counts from zero at the start, and nothing puts it back.
        points.insert(0, EnergyPoint(at=start, energy=0.0))
        segments = [_rising(points)]
    else:
        segments = list(segments_of(points))
    shares = _Shares()
    found = sum(
        segment[-1].energy - segment[0].energy for segment in segments if segment
    )
    for segment in segments:
        for before, after in pairwise(segment):
            gap = after.at - before.at
            flowed = after.energy - before.energy
            if flowed > 0:
                shares.spread(
                    before.at,
                    after.at,
                    flowed,
                    estimated=gap > _LONGEST_SPAN,
                )
    rest = total - found
    if shares.energies and 0 < rest <= _USABLE * total:
        # The last point need not be at the end.
        last = segments[-1][-1].at
        if last < end:
            shares.spread(
                last, end, rest, estimated=rest > max(_EXACT * total, _ROUNDING)
            )
    return shares.checked(total) if shares.energies else None


def _rising(points: Iterable[EnergyPoint]) -> list[EnergyPoint]:
    """Leave out what falls."""
    kept: list[EnergyPoint] = []
    for point in points:
        if not kept or point.energy >= kept[-1].energy:
            kept.append(point)
    return kept


def segments_of(points: Sequence[EnergyPoint]) -> Iterator[list[EnergyPoint]]:
    """Divide a register's readings where the meter was replaced or reset.

    One reading that does not follow from the one before is a bad sample when the next
    one does; else counting has begun anew.
    """
    segment: list[EnergyPoint] = []
    for index, point in enumerate(points):
        if not segment or _follows(segment[-1], point):
            segment.append(point)
            continue
        following = points[index + 1 :][:1]
        if not following or _follows(segment[-1], following[0]):
            continue
        yield segment
        # A new meter begins at zero.
        zero = EnergyPoint(at=segment[-1].at, energy=0.0)
        segment = [zero, point] if _follows(zero, point) else [point]
    if segment:
        yield segment


def _follows(before: EnergyPoint, after: EnergyPoint) -> bool:
    """Return whether a register can have come to where it is."""
    hours = (after.at - before.at).total_seconds() / 3600
    return 0 <= after.energy - before.energy <= _IMPOSSIBLE * hours + _ROUNDING


def _of_observed(
    observed: ObservedEnergy, start: datetime, end: datetime, total: int
) -> _Shares | None:
    """Return what was seen from here, and the rest evenly where nobody looked."""
    shares = _Shares()
    blind: dict[datetime, float] = {}
    for hour, begin, until in _cut(start, end):
        energy, covered = observed.hours.get(hour, (0.0, 0.0))
        shares.energies[hour] = energy
        blind[hour] = max((until - begin).total_seconds() - covered, 0.0)
    seen, unseen = sum(shares.energies.values()), sum(blind.values())
    if seen <= 0:
        return None
    if unseen and total > seen:
        for hour, seconds in blind.items():
            shares.energies[hour] += (total - seen) * seconds / unseen
    shares.estimated.update(shares.energies)
    return shares


def _evenly(start: datetime, end: datetime) -> _Shares:
    """Return equal shares of the time between start and end."""
    shares = _Shares()
    shares.spread(start, end, 1.0, estimated=True)
    return shares


def _whole(shares: _Shares, total: int) -> tuple[EnergyHour, ...]:
    """Return whole Wh that add up to the total: the largest remainders are rounded up."""
    energies = whole_parts(shares.energies, total)
    return tuple(
        EnergyHour(
            start=hour,
            energy=energies[hour],
            estimated=hour in shares.estimated,
            cost=shares.costs.get(hour),
        )
        for hour in sorted(energies)
        if energies[hour] or shares.costs.get(hour)
    )


def whole_parts[K](weights: Mapping[K, float], total: int) -> dict[K, int]:
    """Divide a whole number by weights into whole numbers that add up to it."""
    sum_of_weights = sum(weights.values())
    exact = {key: total * weight / sum_of_weights for key, weight in weights.items()}
    parts = {key: math.floor(value) for key, value in exact.items()}
    by_remainder = sorted(exact, key=lambda key: parts[key] - exact[key])
    for key in by_remainder[: total - sum(parts.values())]:
        parts[key] += 1
    return parts
