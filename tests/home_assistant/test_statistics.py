"""What the ledger knows by hour, in Home Assistant's long-term statistics."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.ev_charger_cloud import statistics
from custom_components.ev_charger_cloud.charging import Device, Reading
from custom_components.ev_charger_cloud.charging.energy_hours import HOUR, energy_hours
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.ledger import Ledger, SessionRecord
from custom_components.ev_charger_cloud.statistics import (
    energy_statistic_id,
    statistic_key,
)
from homeassistant.components.recorder import Recorder, get_instance
from homeassistant.components.recorder.statistics import (
    list_statistic_ids,
    statistics_during_period,
    valid_statistic_id,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .devices import SetUp, device_entry
from .fake_provider import FakeProvider

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
KEY = f"{DOMAIN}:{statistic_key('fake_account-1_c1')}"
type Written = Callable[[], Awaitable[None]]


@pytest.fixture
def one_charger(fake: type[FakeProvider], freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to(NOW)
    fake.fleet = {
        "c1": Device(
            id="c1", name="Wallbox", online=True, readings={Reading.POWER: 0.0}
        )
    }


def session(number: int, days: float, **changes: Any) -> SessionRecord:
    start = NOW - timedelta(days=days) + timedelta(minutes=30)
    end = start + 3 * HOUR
    energy = changes.pop("energy", 6000.0)
    hours = energy_hours(start, end, energy)
    return SessionRecord(
        **{
            "id": str(number),
            "device_id": "c1",
            "start": start,
            "end": end,
            "energy": energy,
            "hours": hours.hours,
            "source": hours.source,
            "cost": 1.8,
            "currency": "EUR",
            **changes,
        }
    )


async def pass_time(home: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    freezer.tick(11)
    async_fire_time_changed(home)
    await home.async_block_till_done(wait_background_tasks=True)
    if "recorder" in home.config.components:
        await async_wait_recording_done(home)


async def rows(home: HomeAssistant, suffix: str = "energy") -> list[dict[str, Any]]:
    """Return what is in the database."""
    found = await get_instance(home).async_add_executor_job(
        statistics_during_period,
        home,
        NOW - timedelta(days=3000),
        None,
        {f"{KEY}_{suffix}"},
        "hour",
        None,
        {"state", "sum"},
    )
    return [dict(row) for rows in found.values() for row in rows]


def ledger_of(entry: Any) -> Ledger:
    ledger = entry.runtime_data.ledger
    assert isinstance(ledger, Ledger)
    return ledger


@pytest.mark.usefixtures("recorder_mock")
class TestWithRecorder:
    """The recorder runs."""

    @pytest.fixture(autouse=True)
    def world(self, recorder_mock: Recorder, one_charger: None) -> None:
        """Have the recorder first."""

    async def test_written_and_corrected(
        self, home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory
    ) -> None:
        """Energy and cost by hour; sums go on, also after what came in between."""
        entry = await set_up()
        ledger = ledger_of(entry)
        ledger.record(session(1, 2), NOW)
        ledger.record(session(2, 1), NOW)
        await pass_time(home, freezer)
        energy = await rows(home)
        assert [row["state"] for row in energy] == [1, 2, 2, 1, 1, 2, 2, 1]
        assert [row["sum"] for row in energy] == [1, 3, 5, 6, 7, 9, 11, 12]
        cost = await rows(home, "cost_eur")
        assert [row["state"] for row in cost] == pytest.approx([0.3, 0.6, 0.6, 0.3] * 2)
        assert cost[-1]["sum"] == pytest.approx(3.6)
        # A session of yesterday is corrected and moves; one of before comes late.
        ledger.record(session(1, 2 - 2 / 24), NOW)
        ledger.record(session(3, 3, energy=600.0, cost=None), NOW)
        await pass_time(home, freezer)
        energy = await rows(home)
        assert [row["state"] for row in energy] == [
            *(0.1, 0.2, 0.2, 0.1),
            *(0, 0, 1, 2, 2, 1),
            *(1, 2, 2, 1),
        ]
        assert energy[-1]["sum"] == pytest.approx(12.6)
        sums = [row["sum"] for row in energy]
        assert sums == sorted(sums)
        listed = await get_instance(home).async_add_executor_job(
            list_statistic_ids, home
        )
        assert {
            (each["name"], each["statistics_unit_of_measurement"])
            for each in listed
            if each["source"] == "ev_charger_cloud"
        } == {
            ("Wallbox energy by session", "kWh"),
            ("Wallbox cost by session", "EUR"),
        }

    async def test_nothing_new_is_not_written(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Neither the same session nor a restart writes a row."""
        entry = await set_up()
        ledger_of(entry).record(session(1, 2), NOW)
        await pass_time(home, freezer)
        written: list[Any] = []
        monkeypatch.setattr(
            statistics,
            "async_add_external_statistics",
            lambda *arguments: written.append(arguments),
        )
        ledger_of(entry).record(session(1, 2), NOW)
        await pass_time(home, freezer)
        await home.config_entries.async_reload(entry.entry_id)
        await pass_time(home, freezer)
        assert written == []

    async def test_deleted_by_the_user(
        self, home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory
    ) -> None:
        """It is written anew at the next start."""
        entry = await set_up()
        ledger_of(entry).record(session(1, 2), NOW)
        await pass_time(home, freezer)
        get_instance(home).async_clear_statistics([f"{KEY}_energy"])
        await async_wait_recording_done(home)
        assert await rows(home) == []
        await home.config_entries.async_reload(entry.entry_id)
        await pass_time(home, freezer)
        assert len(await rows(home)) == 4

    async def test_removed_and_added_again(
        self, home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory
    ) -> None:
        """The ledger begins anew, and the statistics go on where they were."""
        entry = await set_up()
        ledger_of(entry).record(session(1, 9), NOW)
        ledger_of(entry).record(session(2, 5), NOW)
        await pass_time(home, freezer)
        before = await rows(home)
        data, options = dict(entry.data), dict(entry.options)
        await home.config_entries.async_remove(entry.entry_id)
        again = MockConfigEntry(
            domain=DOMAIN, unique_id=entry.unique_id, data=data, options=options
        )
        again.add_to_hass(home)
        assert await home.config_entries.async_setup(again.entry_id)
        await home.async_block_till_done()
        ledger_of(again).record(session(3, 2), NOW)
        await pass_time(home, freezer)
        # What the cloud still has is read again later, the newest first.
        ledger_of(again).record(session(2, 5), NOW)
        await pass_time(home, freezer)
        await home.config_entries.async_reload(again.entry_id)
        await pass_time(home, freezer)
        energy = await rows(home)
        assert energy[: len(before)] == before
        assert [row["sum"] for row in energy] == [
            *(1, 3, 5, 6, 7, 9, 11, 12),
            *(13, 15, 17, 18),
        ]
        assert ledger_of(again).pending == {}

    async def test_less_than_before(
        self, home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory
    ) -> None:
        """A correction may lower energy, or find that there was no session at all."""
        entry = await set_up()
        ledger = ledger_of(entry)
        ledger.record(session(1, 3), NOW)
        # Two at one time, as of a cloud that lists a session for each driver.
        ledger.record(session(2, 2), NOW)
        ledger.record(session(3, 2 - 1 / 24), NOW)
        await pass_time(home, freezer)
        assert (await rows(home))[-1]["sum"] == 18
        ledger.record(session(1, 3, energy=1200.0), NOW)
        ledger.record(session(3, 2 - 1 / 24, hours=(), sound=False), NOW)
        await pass_time(home, freezer)
        energy = await rows(home)
        assert [row["state"] for row in energy] == [
            *(0.2, 0.4, 0.4, 0.2),
            *(1, 2, 2, 1, 0),
        ]
        assert energy[-1]["sum"] == pytest.approx(7.2)
        assert (await rows(home, "cost_eur"))[-1]["sum"] == pytest.approx(3.6)

    async def test_fee_without_energy(
        self, home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory
    ) -> None:
        """It is in the cost alone, and leaves it when it is taken back."""
        entry = await set_up()
        ledger_of(entry).record(session(1, 2, energy=0.0, cost=3.0), NOW)
        await pass_time(home, freezer)
        assert await rows(home) == []
        (cost,) = await rows(home, "cost_eur")
        assert (cost["state"], cost["sum"]) == (3.0, 3.0)
        ledger_of(entry).record(session(1, 2, energy=0.0, cost=0.0), NOW)
        await pass_time(home, freezer)
        (cost,) = await rows(home, "cost_eur")
        assert (cost["state"], cost["sum"]) == (0.0, 0.0)

    async def test_currencies_are_never_mixed(
        self, home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory
    ) -> None:
        """Each has a statistic of its own; what moves to another leaves nothing."""
        entry = await set_up()
        ledger = ledger_of(entry)
        ledger.record(session(1, 2), NOW)
        await pass_time(home, freezer)
        ledger.record(session(1, 2, currency="CHF"), NOW)
        await pass_time(home, freezer)
        assert (await rows(home, "cost_eur"))[-1]["sum"] == 0
        assert (await rows(home, "cost_chf"))[-1]["sum"] == pytest.approx(1.8)

    async def test_currency_that_is_no_code(
        self, home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory
    ) -> None:
        """What a cloud calls a currency need not be fit for an id."""
        entry = await set_up()
        ledger_of(entry).record(session(1, 2, currency="€"), NOW)
        await pass_time(home, freezer)
        listed = await get_instance(home).async_add_executor_job(
            list_statistic_ids, home
        )
        units = {
            each["statistics_unit_of_measurement"]
            for each in listed
            if "_cost_" in each["statistic_id"]
        }
        assert units == {"€"}

    async def test_renamed(
        self, home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory
    ) -> None:
        """Statistics are called what the charger is called, also at the next start."""

        async def names() -> list[str | None]:
            await pass_time(home, freezer)
            listed = await get_instance(home).async_add_executor_job(
                list_statistic_ids, home
            )
            return sorted(
                str(each["name"]) for each in listed if each["source"] == DOMAIN
            )

        entry = await set_up()
        ledger_of(entry).record(session(1, 2), NOW)
        assert await names() == ["Wallbox cost by session", "Wallbox energy by session"]
        energy = await rows(home)
        registry = dr.async_get(home)
        device = device_entry(home, "c1")
        assert device
        registry.async_update_device(device.id, name_by_user="Garage")
        assert await names() == ["Garage cost by session", "Garage energy by session"]
        assert await rows(home) == energy
        # What has nothing to do with names writes nothing.
        registry.async_update_device(device.id, sw_version="2")
        await home.config_entries.async_unload(entry.entry_id)
        registry.async_update_device(device.id, name_by_user="Carport")
        await home.config_entries.async_setup(entry.entry_id)
        assert await names() == ["Carport cost by session", "Carport energy by session"]

    async def test_charger_of_an_older_account(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """It is written there alone, until that account goes."""
        entry = await set_up()
        freezer.tick(1)
        second = MockConfigEntry(
            domain=DOMAIN,
            data={**entry.data, "key": "fake_account-2"},
            options={"all_chargers": True},
        )
        second.add_to_hass(home)
        await home.config_entries.async_setup(second.entry_id)
        await home.async_block_till_done()
        for each in entry, second:
            ledger_of(each).record(session(1, 2), NOW)

        async def ids() -> set[str]:
            await pass_time(home, freezer)
            listed = await get_instance(home).async_add_executor_job(
                list_statistic_ids, home
            )
            return {
                each["statistic_id"]
                for each in listed
                if each["source"] == DOMAIN and "_cost_" not in each["statistic_id"]
            }

        mine, theirs = map(
            energy_statistic_id, ("fake_account-1_c1", "fake_account-2_c1")
        )
        assert await ids() == {mine}
        await home.config_entries.async_remove(entry.entry_id)
        await home.config_entries.async_reload(second.entry_id)
        assert await ids() == {mine, theirs}

    async def test_charger_that_is_not_there(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """Its sessions wait."""
        entry = await set_up()
        ledger_of(entry).record(replace(session(1, 2), device_id="c9"), NOW)
        ledger_of(entry).record(session(2, 1), NOW)
        await pass_time(home, freezer)
        assert len(await rows(home)) == 4
        assert list(ledger_of(entry).pending) == ["c9"]


async def test_without_recorder(
    home: HomeAssistant,
    one_charger: None,
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The ledger is kept all the same and waits."""
    entry = await set_up()
    ledger_of(entry).record(session(1, 2), NOW)
    await pass_time(home, freezer)
    await pass_time(home, freezer)
    assert list(ledger_of(entry).pending) == ["c1"]


def test_ids() -> None:
    """They hold what a statistic's id may, and two that come to the same differ."""
    made = {
        statistic_key(each)
        for each in ("a_b", "A-B", "a__b", "5F0D-1/ä", "key_evse.7", "_a_b_")
    }
    assert len(made) == 6
    assert "a_b" in made
    for key in made:
        assert valid_statistic_id(f"ev_charger_cloud:{key}_energy")
