"""How sessions get into the ledger."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.ev_charger_cloud.charging import (
    Device,
    EnergyCurve,
    EnergyInterval,
    EnergyPoint,
    HourSource,
    Money,
    PermissionDeniedError,
    RateLimitedError,
    Reading,
    Session,
    StopReason,
)
from custom_components.ev_charger_cloud.charging.energy_hours import HOUR
from custom_components.ev_charger_cloud.ledger import Ledger, SessionRecord
from custom_components.ev_charger_cloud.session_history import PAUSE
from homeassistant.core import HomeAssistant

from .devices import SetUp
from .fake_provider import FakeProvider

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
type Tick = Callable[[float], Any]


@pytest.fixture(autouse=True)
def today(freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to(NOW)


@pytest.fixture
def tick(home: HomeAssistant, freezer: FrozenDateTimeFactory) -> Tick:
    """Return what lets time pass."""

    async def tick(seconds: float, times: int = 1) -> None:
        for _ in range(times):
            freezer.tick(seconds)
            async_fire_time_changed(home)
            await home.async_block_till_done(wait_background_tasks=True)

    return tick


@pytest.fixture
def cloud(fake: type[FakeProvider]) -> type[FakeProvider]:
    """Return a cloud that keeps sessions, with one charger."""
    fake.keeps_sessions = True
    fake.past = []
    fake.fleet = {
        "c1": Device(
            id="c1",
            name="Wallbox",
            online=True,
            readings={
                Reading.CHARGING: False,
                Reading.PLUG: False,
                Reading.POWER: 0.0,
            },
        )
    }
    return fake


def session(number: int, days: float, **changes: Any) -> Session:
    """Return a session of two hours that began so many days ago."""
    start = NOW - timedelta(days=days)
    return Session(
        **{
            "id": str(number),
            "device_id": "c1",
            "started_at": start,
            "ended_at": start + 2 * HOUR,
            "energy": 6000.0,
            "cost": Money(1.8, "EUR"),
            "stop_reason": StopReason.LOCAL,
            **changes,
        }
    )


def ledger_of(entry: Any) -> Ledger:
    ledger = entry.runtime_data.ledger
    assert isinstance(ledger, Ledger)
    return ledger


def kept(entry: Any) -> list[SessionRecord]:
    return ledger_of(entry).sessions(["c1"])


async def test_everything_there_was(
    cloud: type[FakeProvider], set_up: SetUp, tick: Tick
) -> None:
    """The newest month comes first, and a year without sessions ends the search."""
    cloud.past = [session(1, 1), session(2, 100), session(3, 380)]
    entry = await set_up()
    assert cloud.asked_spans == []
    await tick(PAUSE + 1)
    assert [each.id for each in kept(entry)] == ["1"]
    await tick(PAUSE + 1, 60)
    assert [each.id for each in kept(entry)] == ["1", "2", "3"]
    record = kept(entry)[0]
    assert (record.cost, record.currency, record.stop_reason) == (1.8, "EUR", "local")
    assert sum(hour.energy for hour in record.hours) == 6000
    assert len(cloud.asked_spans) == 13 + 13
    ends = [end for _, _, end in cloud.asked_spans]
    assert ends == sorted(ends, reverse=True)
    # Once a day what may have been corrected is read again, and nothing else.
    cloud.asked_spans.clear()
    cloud.past[0] = replace(cloud.past[0], cost=Money(2.4, "EUR"))
    await tick(86_400)
    assert len(cloud.asked_spans) == 1
    assert kept(entry)[0].cost == 2.4


async def test_goes_on_after_a_restart(
    home: HomeAssistant, cloud: type[FakeProvider], set_up: SetUp, tick: Tick
) -> None:
    """What was read is not read again, and the second time nothing is written."""
    cloud.past = [session(number, number * 9 + 1) for number in range(20)]
    cloud.curves = {
        str(number): EnergyCurve(
            source=HourSource.REGISTER,
            points=[
                EnergyPoint(at=each.started_at, energy=0),
                EnergyPoint(at=each.started_at + HOUR / 2, energy=6000),
                EnergyPoint(at=each.ended_at, energy=6000),
            ],
        )
        for number, each in enumerate(cloud.past)
        if each.started_at and each.ended_at
    }
    entry = await set_up()
    await tick(PAUSE + 1, 8)
    some = len(kept(entry))
    assert 5 < some < 12
    await home.config_entries.async_reload(entry.entry_id)
    assert len(kept(entry)) == some
    await tick(PAUSE + 1, 120)
    assert len(kept(entry)) == 20
    assert {each.source for each in kept(entry)} == {HourSource.REGISTER}
    assert len(cloud.asked_curves) <= 20 + 1
    ledger = ledger_of(entry)
    rows = ledger._rows["c1"]
    assert len(rows) == 20
    ledger.progress.clear()
    await home.config_entries.async_reload(entry.entry_id)
    cloud.asked_curves.clear()
    await tick(PAUSE + 1, 120)
    assert len(ledger_of(entry)._rows["c1"]) == 20
    assert cloud.asked_curves == []


async def test_hours_that_the_cloud_tells(
    cloud: type[FakeProvider], set_up: SetUp, tick: Tick
) -> None:
    """Nothing more is asked of them, unless they are not the session's."""

    def told(number: int, energy: float) -> Session:
        found = session(number, number)
        start = found.started_at
        assert start
        whole = EnergyInterval(start=start, end=start + HOUR, energy=energy)
        return replace(found, hours=(whole,))

    cloud.past = [told(1, 6000), told(2, 3000)]
    start = cloud.past[1].started_at
    assert start
    cloud.curves = {
        "2": EnergyCurve(
            source=HourSource.POINTS,
            points=[EnergyPoint(at=start + HOUR, energy=6000.0)],
        )
    }
    entry = await set_up()
    await tick(PAUSE + 1, 3)
    assert cloud.asked_curves == ["2"]
    assert [each.source for each in kept(entry)] == [
        HourSource.CLOUD,
        HourSource.POINTS,
    ]


async def test_troubles_on_the_way(
    cloud: type[FakeProvider], set_up: SetUp, tick: Tick
) -> None:
    """Who is told to wait does; who is not allowed to ask does not ask again."""
    cloud.past = [session(1, 1)]
    entry = await set_up()
    cloud.failure = RateLimitedError("slowly", retry_after=900)
    await tick(PAUSE + 1)
    cloud.failure = None
    await tick(800)
    assert cloud.asked_spans == []
    await tick(200)
    assert len(kept(entry)) == 1
    cloud.failure = PermissionDeniedError("no")
    await tick(PAUSE + 1, 2)
    cloud.failure = None
    cloud.asked_spans.clear()
    await tick(PAUSE + 1, 20)
    assert cloud.asked_spans == []
    cloud.failure = RateLimitedError("slowly", retry_after=900)
    await tick(86_400)
    cloud.failure = None
    assert len(kept(entry)) == 1


async def test_session_that_ends(
    cloud: type[FakeProvider], set_up: SetUp, tick: Tick
) -> None:
    """It is read soon after, and its hours are those in which power was seen."""
    entry = await set_up()
    await tick(PAUSE + 1, 30)
    cloud.set_reading("c1", Reading.CHARGING, True)
    cloud.set_reading("c1", Reading.POWER, 6000.0)
    begun = datetime.now(UTC)
    await tick(60, 61)
    cloud.set_reading("c1", Reading.POWER, 0.0)
    await tick(60, 60)
    ended = datetime.now(UTC)
    cloud.past = [
        session(7, 0, started_at=begun, ended_at=ended, energy=6000.0),
        session(8, 0, started_at=ended, ended_at=None),
    ]
    cloud.set_reading("c1", Reading.CHARGING, False)
    await tick(60)
    await tick(31)
    (record,) = kept(entry)
    assert record.id == "7"
    assert record.source is HourSource.POWER
    assert record.estimated
    first = sum(hour.energy for hour in record.hours if hour.start < begun + HOUR)
    assert first > 5500


async def test_what_the_cloud_says_that_cannot_be(
    cloud: type[FakeProvider], set_up: SetUp, tick: Tick
) -> None:
    """A clock may be wrong by days, or a session void: it is kept, and has no hours."""
    cloud.past = [
        session(1, 1, ended_at=NOW - timedelta(days=3)),
        session(2, 2, valid=False),
    ]
    entry = await set_up()
    await tick(PAUSE + 1)
    for record in kept(entry):
        assert not record.sound
        assert record.hours == ()
    assert len(kept(entry)) == 2
    assert cloud.asked_curves == []


async def test_observed(
    home: HomeAssistant, cloud: type[FakeProvider], set_up: SetUp, tick: Tick
) -> None:
    """Where the cloud keeps no sessions, they are what was seen, over a restart too."""
    cloud.keeps_sessions = False
    entry = await set_up()
    await tick(60)
    cloud.set_reading("c1", Reading.PLUG, True)
    cloud.set_reading("c1", Reading.CHARGING, True)
    cloud.set_reading("c1", Reading.POWER, 6000.0)
    await tick(60, 31)
    cloud.set_reading("c1", Reading.CHARGING, False)
    cloud.set_reading("c1", Reading.POWER, 0.0)
    await tick(60)
    await home.config_entries.async_reload(entry.entry_id)
    await tick(60, 30)
    assert kept(entry) == []
    cloud.set_reading("c1", Reading.CHARGING, True)
    cloud.set_reading("c1", Reading.POWER, 6000.0)
    await tick(60, 31)
    cloud.set_reading("c1", Reading.CHARGING, False)
    cloud.set_reading("c1", Reading.POWER, 0.0)
    await tick(60)
    cloud.set_reading("c1", Reading.PLUG, False)
    await tick(60)
    (record,) = kept(entry)
    assert record.observed
    assert record.energy == pytest.approx(6000, rel=0.05)
    assert record.end == datetime.now(UTC)
    assert cloud.asked_spans == []


async def test_polls_that_find_nothing_touch_no_device(
    cloud: type[FakeProvider], set_up: SetUp, tick: Tick
) -> None:
    """That all are at rest still is noted once, or a large account pays at each poll."""
    entry = await set_up()
    await tick(60)
    at_rest = entry.runtime_data.history._at_rest
    before = at_rest["c1"]
    await tick(60, 3)
    assert at_rest["c1"] is before


async def test_observed_without_a_plug(
    cloud: type[FakeProvider], set_up: SetUp, tick: Tick
) -> None:
    """A session ends with a long pause; an offline charger ends none."""
    cloud.keeps_sessions = False
    cloud.set_reading("c1", Reading.PLUG, None)
    entry = await set_up()
    cloud.set_reading("c1", Reading.CHARGING, True)
    cloud.set_reading("c1", Reading.POWER, 6000.0)
    await tick(60, 31)
    cloud.change("c1", online=False)
    await tick(60, 20)
    cloud.change("c1", online=True)
    cloud.set_reading("c1", Reading.CHARGING, False)
    cloud.set_reading("c1", Reading.POWER, None)
    await tick(60)
    (record,) = kept(entry)
    assert record.energy == pytest.approx(3000, rel=0.1)
    # It was seen to charge a minute after it was not.
    assert record.end - record.start == timedelta(minutes=30, seconds=30)


async def test_observed_by_a_register(
    home: HomeAssistant, cloud: type[FakeProvider], set_up: SetUp, tick: Tick
) -> None:
    """Nothing is lost where there is one, however seldom somebody looks."""
    cloud.keeps_sessions = False
    cloud.set_reading("c1", Reading.POWER, None)
    cloud.set_reading("c1", Reading.LIFETIME_ENERGY, 50_000.0)
    entry = await set_up()
    await tick(60, 3)
    cloud.set_reading("c1", Reading.PLUG, True)
    cloud.set_reading("c1", Reading.CHARGING, True)
    register = 50_090.0
    for minute in range(90):
        cloud.set_reading("c1", Reading.LIFETIME_ENERGY, register)
        await tick(60)
        register += 100
        if minute == 40:
            await home.config_entries.async_reload(entry.entry_id)
    cloud.set_reading("c1", Reading.CHARGING, False)
    cloud.set_reading("c1", Reading.PLUG, False)
    cloud.set_reading("c1", Reading.LIFETIME_ENERGY, 59_123.0)
    await tick(60)
    (record,) = kept(entry)
    assert record.energy == 9123.0
    assert record.source is HourSource.REGISTER
    assert record.observed
    assert not record.estimated
    by_hour = {hour.start: hour.energy for hour in record.hours}
    assert sum(by_hour.values()) == 9123
    assert by_hour[NOW] == pytest.approx(5_700, abs=30)
    # Every five minutes a reading is enough.
    (row,) = ledger_of(entry)._rows["c1"]
    assert len(str(row)) < 400


async def test_observed_meter_is_replaced(
    cloud: type[FakeProvider], set_up: SetUp, tick: Tick
) -> None:
    """What both meters counted is the session's."""
    cloud.keeps_sessions = False
    cloud.set_reading("c1", Reading.LIFETIME_ENERGY, 50_000.0)
    entry = await set_up()
    await tick(60)
    cloud.set_reading("c1", Reading.CHARGING, True)
    cloud.set_reading("c1", Reading.PLUG, True)
    for register in (50_100.0, 51_000.0, 52_000.0, 0.0, 300.0, 1_000.0):
        cloud.set_reading("c1", Reading.LIFETIME_ENERGY, register)
        await tick(600)
    cloud.set_reading("c1", Reading.CHARGING, False)
    cloud.set_reading("c1", Reading.PLUG, False)
    await tick(60)
    (record,) = kept(entry)
    assert record.energy == 3000.0


async def test_observed_by_the_energy_of_a_session(
    cloud: type[FakeProvider], set_up: SetUp, tick: Tick
) -> None:
    """It counts from zero, though it may still show the session before at first."""
    cloud.keeps_sessions = False
    cloud.set_reading("c1", Reading.SESSION_ENERGY, 20_000.0)
    entry = await set_up()
    await tick(60)
    cloud.set_reading("c1", Reading.CHARGING, True)
    cloud.set_reading("c1", Reading.PLUG, True)
    for energy in (20_000.0, 80.0, 1_000.0, 2_000.0, 3_000.0):
        cloud.set_reading("c1", Reading.SESSION_ENERGY, energy)
        await tick(600)
    cloud.set_reading("c1", Reading.CHARGING, False)
    cloud.set_reading("c1", Reading.PLUG, False)
    cloud.set_reading("c1", Reading.SESSION_ENERGY, 3_456.0)
    await tick(60)
    (record,) = kept(entry)
    assert record.energy == 3456.0
    assert record.source is HourSource.POINTS


async def test_observed_over_a_restart(
    home: HomeAssistant, cloud: type[FakeProvider], set_up: SetUp, tick: Tick
) -> None:
    """A short time without Home Assistant is bridged; of a long one nothing is said."""
    cloud.keeps_sessions = False
    entry = await set_up()
    await tick(60)
    cloud.set_reading("c1", Reading.PLUG, True)
    cloud.set_reading("c1", Reading.CHARGING, True)
    cloud.set_reading("c1", Reading.POWER, 6000.0)
    await tick(60, 30)
    assert await home.config_entries.async_unload(entry.entry_id)
    await tick(60, 5)
    await home.config_entries.async_setup(entry.entry_id)
    await tick(60, 25)
    last = datetime.now(UTC)
    assert await home.config_entries.async_unload(entry.entry_id)
    await tick(86_400, 3)
    cloud.set_reading("c1", Reading.PLUG, False)
    cloud.set_reading("c1", Reading.CHARGING, False)
    cloud.set_reading("c1", Reading.POWER, 0.0)
    await home.config_entries.async_setup(entry.entry_id)
    await tick(60)
    (record,) = kept(entry)
    assert record.energy == pytest.approx(6000 * 59.5 / 60, rel=0.001)
    assert record.end == last


async def test_observed_until_the_power_failed(
    cloud: type[FakeProvider], set_up: SetUp, tick: Tick, hass_storage: dict[str, Any]
) -> None:
    """Each hour it is written what was seen until then."""
    cloud.keeps_sessions = False
    entry = await set_up()
    cloud.set_reading("c1", Reading.CHARGING, True)
    cloud.set_reading("c1", Reading.POWER, 6000.0)
    await tick(60, 62)
    stored = hass_storage[f"ev_charger_cloud.{entry.entry_id}.ledger"]["data"]
    (observation,) = stored["observations"].values()
    assert sum(energy for _, energy, _ in observation["hours"]) > 5_800


async def test_removed(
    home: HomeAssistant,
    cloud: type[FakeProvider],
    set_up: SetUp,
    tick: Tick,
    hass_storage: dict[str, Any],
) -> None:
    """With its entry the ledger goes."""
    cloud.past = [session(1, 1)]
    entry = await set_up()
    await tick(PAUSE + 1)
    await home.config_entries.async_unload(entry.entry_id)
    key = f"ev_charger_cloud.{entry.entry_id}.ledger"
    assert key in hass_storage
    await home.config_entries.async_remove(entry.entry_id)
    assert key not in hass_storage
