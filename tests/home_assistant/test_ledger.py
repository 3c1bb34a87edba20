"""The ledger: what is kept of a session when it is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ev_charger_cloud.charging import Device, Reading
from custom_components.ev_charger_cloud.charging.energy_hours import (
    HOUR,
    EnergyHour,
    HourSource,
    energy_hours,
)
from custom_components.ev_charger_cloud.ledger import (
    KEPT,
    Ledger,
    SessionRecord,
    is_sound,
)
from homeassistant.core import HomeAssistant

from .devices import SetUp
from .fake_provider import FakeProvider

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def today(freezer: Any) -> None:
    freezer.move_to(NOW)


def session(number: int = 1, days: float = 1, **changes: Any) -> SessionRecord:
    """Return a session of three hours that began so many days ago at half past."""
    start = NOW - timedelta(days=days) + timedelta(minutes=30)
    end = start + 3 * HOUR
    hours = energy_hours(start, end, 6000)
    return SessionRecord(
        **{
            "id": str(number),
            "device_id": "c1",
            "start": start,
            "end": end,
            "energy": 6000.0,
            "hours": hours.hours,
            "source": hours.source,
            "cost": 1.8,
            "currency": "EUR",
            "id_token": "••••1234",
            "user_id": "771",
            "stop_reason": "local",
            "meter_start": 10_000.0,
            "meter_stop": 16_000.0,
            "connector": "1",
            **changes,
        }
    )


@pytest.fixture
async def ledger(home: HomeAssistant, fake_entry: MockConfigEntry) -> Ledger:
    return await Ledger.load(home, fake_entry)


async def test_outlives_a_restart(
    home: HomeAssistant, fake_entry: MockConfigEntry, ledger: Ledger
) -> None:
    """Everything that is kept is read again as it was."""
    kept = [
        session(1),
        session(2, 2, observed=True, hours=(), energy=None, cost=None),
        session(
            3,
            3,
            source=HourSource.CLOUD,
            hours=(
                EnergyHour(start=NOW, energy=5000, estimated=False, cost=1.5),
                EnergyHour(start=NOW + 3 * HOUR, energy=1000, estimated=True),
            ),
        ),
    ]
    for each in kept:
        assert ledger.record(each, NOW)
    await ledger.flush()
    again = await Ledger.load(home, fake_entry)
    assert again.sessions(["c1"]) == kept
    assert again.find("c1", "1") == kept[0]
    assert again.find("c1", "9") is None
    assert again.pending == ledger.pending
    assert again.sessions(["c1"])[0].recorded_at == NOW


async def test_second_time_is_nothing_new(
    ledger: Ledger, hass_storage: dict[str, Any]
) -> None:
    """What is known already is not written again."""
    assert ledger.record(session(), NOW)
    await ledger.flush()
    hass_storage.clear()
    assert not ledger.record(session(), NOW + HOUR)
    await ledger.flush()
    assert hass_storage == {}


async def test_correction(ledger: Ledger) -> None:
    """The last row counts; hours that were told before have nothing in them now."""
    told: list[str] = []
    forget = ledger.async_add_listener(told.append)
    ledger.record(session(), NOW)
    ledger.pending.clear()
    moved = session(days=1 - 5 / 24, cost=2.4)
    assert ledger.record(moved, NOW)
    assert ledger.sessions(["c1"]) == [moved]
    first = session().hours[0].start
    assert ledger.pending == {"c1": first.timestamp()}
    totals = ledger.totals("c1")
    assert totals.energies[first] == 0
    assert sum(totals.energies.values()) == 6000
    assert totals.costs["EUR"][first] == 0
    assert sum(totals.costs["EUR"].values()) == pytest.approx(2.4)
    forget()
    ledger.record(session(2), NOW)
    assert told == ["c1", "c1"]


async def test_better_hours_are_not_given_up(ledger: Ledger) -> None:
    """A later look that knows less by hour changes nothing."""
    measured = session(
        source=HourSource.REGISTER,
        hours=(EnergyHour(start=NOW - HOUR, energy=6000, estimated=False),),
    )
    ledger.record(measured, NOW)
    assert not ledger.record(session(), NOW)
    # What the cloud bills is taken all the same.
    assert ledger.record(session(cost=9.9), NOW)
    assert ledger.sessions(["c1"]) == [replace(measured, cost=9.9)]


async def test_spans(ledger: Ledger) -> None:
    """Sessions are found by the time in which they were, newest first."""
    for number in range(1, 5):
        ledger.record(session(number, number), NOW)
    ledger.record(session(9, device_id="c2"), NOW)
    found = ledger.sessions(
        ["c1"], NOW - timedelta(days=3), NOW - timedelta(days=2) + HOUR
    )
    assert [each.id for each in found] == ["2", "3"]
    assert len(ledger.sessions(["c1", "c2", "c3"])) == 5
    assert sorted(ledger.device_ids) == ["c1", "c2"]


async def test_costs_by_hour() -> None:
    """They are the cloud's where they add up, else by energy, else none."""
    told = tuple(replace(hour, cost=0.45) for hour in session().hours)
    assert [c for _, c in session(hours=told).hour_costs] == pytest.approx([0.45] * 4)
    wrong = tuple(replace(hour, cost=45.0) for hour in session().hours)
    for hours in (wrong, session().hours):
        costs = [cost for _, cost in session(hours=hours).hour_costs]
        assert costs == pytest.approx([0.3, 0.6, 0.6, 0.3])
    assert not list(session(cost=None).hour_costs)
    assert not list(session(currency=None).hour_costs)
    free = (EnergyHour(start=NOW, energy=0, estimated=False, cost=0.0),)
    assert not list(session(hours=free, cost=3.0).hour_costs)


async def test_what_cannot_be_is_kept_and_not_counted(ledger: Ledger) -> None:
    """An end before the start, in the future, or after a month."""
    start = NOW - timedelta(days=40)
    assert is_sound(start, start + HOUR, NOW)
    assert not is_sound(start, start - HOUR, NOW)
    assert not is_sound(NOW, NOW + 2 * HOUR, NOW)
    assert not is_sound(start, NOW, NOW)
    ledger.record(session(sound=False), NOW)
    assert len(ledger.sessions(["c1"])) == 1
    assert ledger.totals("c1").energies == {}
    assert ledger.pending == {}


async def test_five_years(
    home: HomeAssistant,
    fake_entry: MockConfigEntry,
    ledger: Ledger,
    freezer: Any,
) -> None:
    """Older rows go, but for their sums; older news is none."""
    assert not ledger.record(session(days=5 * 366), NOW)
    for number, days in enumerate((5 * 365 - 1, 5 * 365 - 2, 1)):
        ledger.record(session(number, days), NOW)
    ledger.record(session(0, 5 * 365 - 1, cost=2.0), NOW)
    await ledger.flush()
    for days, left in ((2.5, 2), (3.5, 1)):
        freezer.move_to(NOW + timedelta(days=days))
        again = await Ledger.load(home, fake_entry)
        assert len(again.sessions(["c1"])) == left
        totals = again.totals("c1")
        assert totals.base_energy + sum(totals.energies.values()) == 18_000
        assert totals.base_costs["EUR"] + sum(
            totals.costs["EUR"].values()
        ) == pytest.approx(5.6)
        await again.flush()
    assert timedelta(days=5 * 365) <= KEPT


async def test_five_years_are_small(
    home: HomeAssistant, fake_entry: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    """Two sessions a day, each corrected once, of five years stay below 5 MB."""
    ledger = await Ledger.load(home, fake_entry)
    for number in range(2 * 5 * 365):
        for cost in (1.8, 2.4):
            ledger.record(session(number, number / 2, cost=cost), NOW)
    await ledger.flush()
    (stored,) = hass_storage.values()
    assert len(json.dumps(stored)) < 5_000_000


async def test_five_years_start_as_quickly(
    home: HomeAssistant,
    fake: type[FakeProvider],
    fake_entry: MockConfigEntry,
    set_up: SetUp,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of all that is kept a start looks at what this month holds, however much it is."""
    fake.fleet = {
        "c1": Device(
            id="c1", name="Wallbox", online=True, readings={Reading.POWER: 0.0}
        )
    }
    read: list[str] = []
    from_row = SessionRecord.from_row

    def counted(device_id: str, row: list[Any]) -> SessionRecord:
        read.append(row[0])
        return from_row(device_id, row)

    counts = []
    for years in (1, 5):
        ledger = await Ledger.load(home, fake_entry)
        for number in range(2 * years * 365):
            ledger.record(session(number, number / 2), NOW)
        await ledger.flush()
        read.clear()
        with monkeypatch.context() as patched:
            patched.setattr(SessionRecord, "from_row", counted)
            await set_up()
        counts.append(len(read))
        assert home.states.get("sensor.wallbox_energy_this_month") is not None
        await home.config_entries.async_unload(fake_entry.entry_id)
    # Two a day until the 28th, for energy and for cost.
    assert 0 < counts[1] <= counts[0] <= 2 * 2 * 30


async def test_removed(ledger: Ledger, hass_storage: dict[str, Any]) -> None:
    """Nothing is left."""
    ledger.record(session(), NOW)
    await ledger.flush()
    assert hass_storage
    await ledger.remove()
    await ledger.flush()
    assert hass_storage == {}
