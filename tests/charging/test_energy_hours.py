"""In which hours the energy of a session flowed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.ev_charger_cloud.charging.energy_hours import (
    HOUR,
    EnergyCurve,
    EnergyHours,
    EnergyInterval,
    EnergyPoint,
    HourSource,
    ObservedEnergy,
    energy_hours,
    hour_of,
    segments_of,
)

START = datetime(2026, 9, 1, 18, 30, tzinfo=UTC)
END = START + timedelta(hours=3)


def wh(hours: EnergyHours) -> list[int]:
    return [hour.energy for hour in hours.hours]


def points(*values: tuple[float, float]) -> list[EnergyPoint]:
    """Return points by minutes since the start."""
    return [
        EnergyPoint(at=START + timedelta(minutes=minutes), energy=energy)
        for minutes, energy in values
    ]


def register(*values: tuple[float, float]) -> EnergyCurve:
    return EnergyCurve(source=HourSource.REGISTER, points=points(*values))


def cumulative(*values: tuple[float, float]) -> EnergyCurve:
    return EnergyCurve(source=HourSource.POINTS, points=points(*values))


def by_cloud(*energies: float, cost: float | None = None) -> list[EnergyInterval]:
    """Return the cloud's hours: the first begins at the start of the session."""
    first = hour_of(START)
    return [
        EnergyInterval(
            start=max(START, first + n * HOUR),
            end=min(END, first + (n + 1) * HOUR),
            energy=energy,
            cost=cost,
        )
        for n, energy in enumerate(energies)
    ]


def test_evenly() -> None:
    """Where nobody knows more, and that is an estimate."""
    hours = energy_hours(START, END, 6000)
    assert hours.source is HourSource.EVEN
    assert wh(hours) == [1000, 2000, 2000, 1000]
    assert [hour.start.hour for hour in hours.hours] == [18, 19, 20, 21]
    assert all(hour.estimated for hour in hours.hours)


def test_evenly_until_the_vehicle_was_full() -> None:
    """A vehicle that stays plugged in takes nothing."""
    hours = energy_hours(START, END, 6000, flowed_until=START + HOUR)
    assert wh(hours) == [3000, 3000]


def test_no_time_at_all() -> None:
    """A session of a moment is in one hour."""
    assert wh(energy_hours(START, START, 5)) == [5]


def test_nothing_flowed() -> None:
    """Then there are no hours."""
    assert energy_hours(START, END, 0.2).hours == ()


def test_remainders_are_given_to_the_largest() -> None:
    """Thirds of 100 Wh are whole, and 100 Wh together."""
    start = START.replace(minute=0)
    assert wh(energy_hours(start, start + 3 * HOUR, 100)) == [34, 33, 33]


def test_hours_of_the_cloud() -> None:
    """They come with their cost, and are no estimate."""
    hours = energy_hours(
        START, END, 6000, intervals=by_cloud(3000, 2000, 0, 1000, cost=0.5)
    )
    assert hours.source is HourSource.CLOUD
    assert wh(hours) == [3000, 2000, 0, 1000]
    assert [hour.cost for hour in hours.hours] == [0.5] * 4
    assert not any(hour.estimated for hour in hours.hours)


@pytest.mark.parametrize(
    ("off", "source", "estimated"),
    [
        (1.009, HourSource.CLOUD, False),
        (0.991, HourSource.CLOUD, False),
        (1.04, HourSource.CLOUD, True),
        (0.96, HourSource.CLOUD, True),
        (1.06, HourSource.EVEN, True),
        (0.94, HourSource.EVEN, True),
    ],
)
def test_checked_against_the_session(
    off: float, source: HourSource, estimated: bool
) -> None:
    """One percent apart is scaled, five are used as an estimate, more is not."""
    intervals = by_cloud(3000 * off, 2000 * off, 0, 1000 * off)
    hours = energy_hours(START, END, 6000, intervals=intervals)
    assert (hours.source, hours.energy) == (source, 6000)
    assert all(hour.estimated is estimated for hour in hours.hours)


def test_crooked_hours_of_the_cloud() -> None:
    """What ends before it begins, or is negative, is not used."""
    good = by_cloud(6000, 0, 0, 0)
    for bad in (
        EnergyInterval(start=END, end=START, energy=0),
        EnergyInterval(start=START, end=END, energy=-1),
    ):
        hours = energy_hours(START, END, 6000, intervals=[*good, bad])
        assert hours.source is HourSource.EVEN


def test_register() -> None:
    """Between two readings energy flowed evenly, whatever the register began at."""
    curve = register((0, 10_000), (15, 11_000), (45, 13_000), (180, 16_000))
    hours = energy_hours(START, END, 6000, curve=curve, intervals=by_cloud(6000))
    assert hours.source is HourSource.REGISTER
    # The readings of the last two hours are too far apart.
    assert wh(hours) == [2000, 2000, 1333, 667]
    assert [hour.estimated for hour in hours.hours] == [False, True, True, True]


def test_register_that_stood_still() -> None:
    """A long time without a reading is known when nothing flowed."""
    curve = register((0, 10_000), (30, 16_000), (180, 16_000))
    hours = energy_hours(START, END, 6000, curve=curve)
    assert wh(hours) == [6000]
    assert not hours.hours[0].estimated


def test_meter_was_replaced() -> None:
    """What falls begins anew: never a negative hour."""
    curve = register((0, 90_000), (60, 93_000), (70, 5), (120, 2_005), (180, 3_005))
    hours = energy_hours(START, END, 6000, curve=curve)
    assert hours.source is HourSource.REGISTER
    assert hours.energy == 6000
    assert min(wh(hours)) > 0


@pytest.mark.parametrize("bad", [0.0, 9_999_999.0])
def test_bad_sample(bad: float) -> None:
    """One reading that neither follows nor is followed is left out."""
    curve = register((0, 90_000), (60, 92_000), (70, bad), (120, 94_000), (180, 96_000))
    hours = energy_hours(START, END, 6000, curve=curve)
    assert hours.source is HourSource.REGISTER
    assert wh(hours) == [1000, 2000, 2000, 1000]


def test_last_reading_is_bad() -> None:
    """It is left out as well."""
    assert [len(each) for each in segments_of(points((0, 5), (60, 9), (90, 1)))] == [2]
    assert list(segments_of([])) == []


def test_readings_of_other_sessions() -> None:
    """Only what is between start and end counts."""
    curve = register((-60, 0), (0, 9_000), (60, 11_000), (180, 15_000), (240, 99_000))
    hours = energy_hours(START, END, 6000, curve=curve)
    assert hours.source is HourSource.REGISTER
    assert hours.energy == 6000


def test_points() -> None:
    """They count from zero at the start, and the last need not be at the end."""
    curve = cumulative((30, 1000), (90, 3000), (100, 2000), (150, 5000), (178, 5950))
    hours = energy_hours(START, END, 6000, curve=curve)
    assert hours.source is HourSource.POINTS
    assert wh(hours) == [1000, 2000, 2000, 1000]
    assert not any(hour.estimated for hour in hours.hours)


def test_points_come_after_the_hours_of_the_cloud() -> None:
    """The cloud's own hours are better than a curve of few points."""
    curve = cumulative((90, 3000), (180, 6000))
    hours = energy_hours(
        START, END, 6000, curve=curve, intervals=by_cloud(6000, 0, 0, 0)
    )
    assert hours.source is HourSource.CLOUD
    assert energy_hours(START, END, 6000, curve=curve).source is HourSource.POINTS


@pytest.mark.parametrize(
    "curve",
    [
        cumulative(),
        cumulative((60, 2), (180, 6)),  # kWh
        cumulative((60, 1000), (70, 1500)),
        register((60, 1000)),
        register((-60, 1000), (-30, 7000)),
        register((0, float("nan")), (180, -5)),
    ],
)
def test_curve_that_does_not_fit(curve: EnergyCurve) -> None:
    """Then the next source is used."""
    assert energy_hours(START, END, 6000, curve=curve).source is HourSource.EVEN


def observe(*samples: tuple[float, float | None]) -> ObservedEnergy:
    seen = ObservedEnergy()
    for minutes, power in samples:
        seen.add(START + timedelta(minutes=minutes), power)
    return seen


def test_power() -> None:
    """What was seen tells how the session's energy is spread, as an estimate."""
    seen = observe(*((minutes, 4000 if minutes < 60 else 0) for minutes in range(181)))
    hours = energy_hours(START, END, 4200, observed=seen)
    assert hours.source is HourSource.POWER
    assert hours.energy == 4200
    assert wh(hours)[0] == pytest.approx(2100, rel=0.02)
    assert wh(hours)[2:] == []
    assert all(hour.estimated for hour in hours.hours)


def test_power_of_a_part() -> None:
    """The rest flowed while nobody looked."""
    seen = observe(*((minutes, 4000) for minutes in range(90, 181)))
    hours = energy_hours(START, END, 9000, observed=seen)
    assert wh(hours) == [1000, 2000, 4000, 2000]


def test_power_that_was_never_seen() -> None:
    """Nothing is learnt from nothing."""
    assert energy_hours(START, END, 9000, observed=observe()).source is HourSource.EVEN


def test_trapezoids() -> None:
    """Between two samples power changes evenly; the hour's end is in between."""
    seen = observe((20, 1000), (35, 4000))
    assert seen.energy == pytest.approx(2500 / 4)
    assert [round(e, 1) for e, _ in seen.hours.values()] == [333.3, 291.7]


def test_pauses_stay_empty() -> None:
    """Long pauses, unknown power and samples out of order add nothing."""
    assert observe((0, 4000), (21, 4000)).energy == 0
    assert observe((0, 4000), (5, None), (10, 4000)).energy == 0
    assert observe((10, 4000), (10, 9000), (5, 4000)).energy == 0
    assert observe((0, -500), (10, -500)).energy == 0


ZONES = ["Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "day",
    [(2026, 3, 29), (2026, 10, 25), (2026, 3, 8), (2026, 11, 1), (2026, 4, 5)],
)
def test_nights_of_the_clock_change(zone: str, day: tuple[int, int, int]) -> None:
    """Hours are UTC's: none is missing or doubled, and every one has its share."""
    local = ZoneInfo(zone)
    start = datetime(*day, 0, 0, tzinfo=local) - timedelta(hours=1)
    end = datetime(*day, 6, 0, tzinfo=local)
    span = end.astimezone(UTC) - start.astimezone(UTC)
    hours = energy_hours(start, end, 3600 * span / HOUR)
    starts = [hour.start for hour in hours.hours]
    assert all(start.utcoffset() == timedelta(0) for start in starts)
    assert all(start.minute == 0 for start in starts)
    assert len(set(starts)) == len(starts)
    whole = wh(hours)[1:-1]
    assert set(whole) == {3600}
    assert hours.energy == 3600 * span / HOUR


def test_the_night_has_as_many_hours_as_it_has() -> None:
    """From midnight to six there are five hours in spring and seven in autumn."""
    berlin = ZoneInfo("Europe/Berlin")
    for day, count in (((2026, 3, 29), 5), ((2026, 10, 25), 7)):
        start = datetime(*day, 0, 0, tzinfo=berlin)
        end = datetime(*day, 6, 0, tzinfo=berlin)
        assert len(energy_hours(start, end, 7000).hours) == count


times = st.integers(0, 86_400 * 3)


@given(
    span=st.integers(0, 86_400 * 3),
    energy=st.floats(0, 500_000),
    curve=st.lists(st.tuples(times, st.floats(0, 600_000)), max_size=12),
    kind=st.sampled_from([HourSource.REGISTER, HourSource.POINTS]),
    samples=st.lists(st.tuples(times, st.floats(-100, 50_000)), max_size=12),
    intervals=st.lists(st.tuples(times, times, st.floats(0, 90_000)), max_size=4),
)
def test_always_adds_up(
    span: int,
    energy: float,
    curve: Sequence[tuple[int, float]],
    kind: HourSource,
    samples: Sequence[tuple[int, float]],
    intervals: Sequence[tuple[int, int, float]],
) -> None:
    """Whatever is told: whole hours, never negative, exactly the session's energy."""
    observed = ObservedEnergy()
    for second, power in sorted(samples):
        observed.add(START + timedelta(seconds=second), power)
    hours = energy_hours(
        START,
        START + timedelta(seconds=span),
        energy,
        curve=EnergyCurve(
            source=kind,
            points=[
                EnergyPoint(at=START + timedelta(seconds=s), energy=e) for s, e in curve
            ],
        ),
        observed=observed,
        intervals=[
            EnergyInterval(
                start=START + timedelta(seconds=a),
                end=START + timedelta(seconds=b),
                energy=e,
            )
            for a, b, e in intervals
        ],
    )
    assert hours.energy == round(energy)
    assert all(hour.energy >= 0 for hour in hours.hours)
    assert all(hour.start == hour_of(hour.start) for hour in hours.hours)
