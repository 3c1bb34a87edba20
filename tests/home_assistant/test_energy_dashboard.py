"""Chargers in the Energy dashboard: offered to it, and never counted twice."""

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

from custom_components.ev_charger_cloud.charging import (
    Device,
    DeviceKind,
    EnergyHour,
    Reading,
)
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.energy_dashboard import (
    COUNTED_TWICE,
    NOT_IN_DASHBOARD,
    async_add,
    async_remove,
    countables,
    missing,
    twice,
)
from custom_components.ev_charger_cloud.ledger import SessionRecord
from custom_components.ev_charger_cloud.repairs import async_create_fix_flow
from custom_components.ev_charger_cloud.statistics import energy_statistic_id
from homeassistant.components.energy.data import async_get_manager
from homeassistant.components.recorder import Recorder, get_instance
from homeassistant.components.recorder.statistics import list_statistic_ids
from homeassistant.components.repairs import RepairsFlow
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from .devices import SetUp
from .fake_provider import FakeProvider

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SENSOR = "sensor.wallbox_lifetime_energy"
STATISTIC = energy_statistic_id("fake_account-1_c1")
OTHER = {"stat_consumption": "sensor.oven"}


@pytest.fixture(autouse=True)
async def dashboard(
    recorder_mock: Recorder,
    home: HomeAssistant,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
) -> None:
    """Have an Energy dashboard, and a charger with a meter."""
    freezer.move_to(NOW)
    assert await async_setup_component(home, "energy", {})
    fake.fleet = {
        "c1": Device(
            id="c1",
            name="Wallbox",
            online=True,
            readings={Reading.LIFETIME_ENERGY: 5.0},
        )
    }


def grid(statistic: str) -> dict[str, Any]:
    """Return a connection to the grid, with its meter."""
    return {
        "type": "grid",
        "stat_energy_from": statistic,
        "stat_energy_to": None,
        "stat_cost": None,
        "cost_adjustment_day": 0,
    }


async def put(home: HomeAssistant, *devices: dict[str, Any]) -> None:
    """Put devices into the dashboard."""
    manager = await async_get_manager(home)
    await manager.async_update(
        {"energy_sources": [], "device_consumption": list(devices)}  # type: ignore[typeddict-item]
    )


async def there(home: HomeAssistant) -> list[Any]:
    """Return the devices of the dashboard."""
    manager = await async_get_manager(home)
    assert manager.data is not None
    return [each["stat_consumption"] for each in manager.data["device_consumption"]]


async def check(
    home: HomeAssistant, freezer: FrozenDateTimeFactory, entry: Any
) -> None:
    """Have a new session kept, after which the dashboard is looked at."""
    ledger = entry.runtime_data.ledger
    start = NOW - timedelta(days=3) + timedelta(hours=2 * len(ledger.sessions(["c1"])))
    ledger.record(
        SessionRecord(
            id=start.isoformat(),
            device_id="c1",
            start=start,
            end=start + timedelta(hours=1),
            energy=1000.0,
            hours=(EnergyHour(start=start, energy=1000, estimated=False),),
        ),
        NOW,
    )
    freezer.tick(11)
    async_fire_time_changed(home)
    await home.async_block_till_done(wait_background_tasks=True)


def issues(home: HomeAssistant) -> dict[str, ir.IssueEntry]:
    """Return the issues by what they are."""
    return {
        str(issue.translation_key): issue
        for (domain, _), issue in ir.async_get(home).issues.items()
        if domain == DOMAIN
    }


async def begin(home: HomeAssistant, issue: ir.IssueEntry) -> RepairsFlow:
    flow = await async_create_fix_flow(home, issue.issue_id, issue.data)
    flow.hass = home
    return flow


async def test_offered(
    home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory
) -> None:
    """Nobody is bothered without a dashboard; with one a click adds the charger."""
    entry = await set_up()
    await check(home, freezer, entry)
    assert issues(home) == {}
    await put(home, OTHER)
    await check(home, freezer, entry)
    flow = await begin(home, issues(home)[NOT_IN_DASHBOARD])
    form: Any = await flow.async_step_init()
    assert form["type"] == "form"
    (field,) = form["data_schema"].schema
    assert field.default() == ["c1"]
    done: Any = await flow.async_step_init({"chargers": ["c1", "gone"]})
    assert done["type"] == "create_entry"
    assert await there(home) == ["sensor.oven", STATISTIC]
    assert issues(home) == {}


@pytest.mark.parametrize("kept", [STATISTIC, SENSOR])
async def test_counted_twice(
    home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory, kept: str
) -> None:
    """The statistic and a sensor of the same charger: one of them stays."""
    entry = await set_up()
    home.states.async_set(SENSOR, "5", {"friendly_name": "Wallbox Lifetime energy"})
    await put(
        home, OTHER, {"stat_consumption": SENSOR}, {"stat_consumption": STATISTIC}
    )
    await check(home, freezer, entry)
    assert issues(home).keys() == {COUNTED_TWICE}
    flow = await begin(home, issues(home)[COUNTED_TWICE])
    form: Any = await flow.async_step_init()
    assert form["description_placeholders"] == {"subject": "Wallbox"}
    (field,) = form["data_schema"].schema.values()
    assert [(each["value"], each["label"]) for each in field.config["options"]] == [
        (SENSOR, f"Wallbox Lifetime energy ({SENSOR})"),
        (STATISTIC, STATISTIC),
    ]
    done: Any = await flow.async_step_init({"keep": kept})
    assert done["type"] == "create_entry"
    assert await there(home) == ["sensor.oven", kept]
    assert issues(home) == {}
    # Who answers once more finds nothing to take out.
    await flow.async_step_init({"keep": kept})
    assert await there(home) == ["sensor.oven", kept]


async def test_counted_twice_by_the_grid(
    home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory
) -> None:
    """Two meters of the grid add up; a meter and a device do not."""
    entry = await set_up()
    await check(home, freezer, entry)
    manager = await async_get_manager(home)
    await manager.async_update(
        {
            "energy_sources": [grid("sensor.house"), grid(STATISTIC)],
            "device_consumption": [{"stat_consumption": SENSOR}],
        }
    )
    # Whoever changes the dashboard is told at once.
    assert issues(home) == {}
    exporting = grid(SENSOR) | {"stat_energy_to": "sensor.sold"}
    solar = {"type": "solar", "stat_energy_from": "sensor.roof"}
    await manager.async_update(
        {
            "energy_sources": [
                grid("sensor.house"),
                grid(STATISTIC),
                exporting,
                solar,
            ],
            "device_consumption": [],
        }
    )
    issue = issues(home)[COUNTED_TWICE]
    await (await begin(home, issue)).async_step_init({"keep": STATISTIC})
    assert issues(home) == {}
    assert manager.data is not None
    # A connection goes on with what else is known of it.
    assert [
        each.get("stat_energy_from") for each in manager.data["energy_sources"]
    ] == [
        "sensor.house",
        STATISTIC,
        None,
        "sensor.roof",
    ]
    await manager.async_update(
        {
            "energy_sources": [grid(STATISTIC), grid(SENSOR)],
            "device_consumption": [],
        }
    )
    issue = issues(home)[COUNTED_TWICE]
    await (await begin(home, issue)).async_step_init({"keep": SENSOR})
    assert [
        each.get("stat_energy_from") for each in manager.data["energy_sources"]
    ] == [SENSOR]


async def test_connectors_and_their_charger(
    home: HomeAssistant,
    fake: type[FakeProvider],
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What counts the charger counts its connectors."""
    fake.fleet = {
        "c0": replace(fake.fleet["c1"], id="c0"),
        "c1": Device(
            id="c1", name="Left", parent="c0", kind=DeviceKind.CONNECTOR, online=True
        ),
    }
    entry = await set_up()
    await put(home, {"stat_consumption": SENSOR}, {"stat_consumption": STATISTIC})
    await check(home, freezer, entry)
    issue = issues(home)[COUNTED_TWICE]
    assert issue.translation_placeholders == {"subject": "Wallbox Left"}


@pytest.mark.parametrize("cloud", ["https://fake.example", "https://other.example"])
async def test_charger_in_two_accounts(
    home: HomeAssistant,
    fake: type[FakeProvider],
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
    cloud: str,
) -> None:
    """It is offered once; what both have of it counts twice."""
    fake.change("c1", serial="SN-1")
    entry = await set_up()
    await put(home, OTHER)
    freezer.tick(1)
    second = MockConfigEntry(
        domain=DOMAIN,
        title="Second",
        data={**entry.data, "key": "fake_account-2", "base_url": cloud},
        options={"all_chargers": True},
    )
    second.add_to_hass(home)
    await home.config_entries.async_setup(second.entry_id)
    await home.async_block_till_done()
    await check(home, freezer, second)
    assert issues(home) == {}
    await check(home, freezer, entry)
    assert issues(home).keys() == {NOT_IN_DASHBOARD}
    twin = energy_statistic_id("fake_account-2_c1")
    await put(home, {"stat_consumption": STATISTIC}, {"stat_consumption": twin})
    assert issues(home).keys() == {COUNTED_TWICE}
    instance = get_instance(home)
    await async_wait_recording_done(home)
    listed = await instance.async_add_executor_job(list_statistic_ids, home)
    written = {each["statistic_id"] for each in listed if each["source"] == DOMAIN}
    # At one cloud it is the same charger's, which the older account writes.
    one_cloud = cloud == entry.data["base_url"]
    assert written == ({STATISTIC} if one_cloud else {STATISTIC, twin})


async def test_counted_once(
    home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory
) -> None:
    """One that is said to include the other is no second time."""
    entry = await set_up()
    await put(
        home,
        {"stat_consumption": SENSOR},
        {"stat_consumption": STATISTIC, "included_in_stat": SENSOR},
    )
    await check(home, freezer, entry)
    assert issues(home) == {}
    await put(home, {"stat_consumption": SENSOR})
    await check(home, freezer, entry)
    assert issues(home) == {}


async def test_not_there(
    home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory
) -> None:
    """A flow of an account that is not loaded ends; with the account issues go."""
    entry = await set_up()
    await put(home, OTHER)
    await check(home, freezer, entry)
    offer = issues(home)[NOT_IN_DASHBOARD]
    await put(
        home, OTHER, {"stat_consumption": SENSOR}, {"stat_consumption": STATISTIC}
    )
    await check(home, freezer, entry)
    twice = issues(home)[COUNTED_TWICE]
    await home.config_entries.async_unload(entry.entry_id)
    for issue in (offer, twice):
        flow: Any = await begin(home, issue)
        assert (await flow.async_step_init())["reason"] == "not_loaded"
    assert len(await there(home)) == 3
    await home.config_entries.async_remove(entry.entry_id)
    assert issues(home) == {}


async def test_nobody_set_it_up(
    home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory
) -> None:
    """Without a dashboard nothing is offered, added or taken out."""
    entry = await set_up()
    await check(home, freezer, entry)
    assert issues(home) == {}
    manager = await async_get_manager(home)
    assert manager.data is None
    [charger] = countables(entry.runtime_data, entry.runtime_data.ledger)
    assert twice(manager, charger) == []
    assert missing(manager, [charger]) == [charger]
    await async_add(home, [charger])
    await async_remove(home, [STATISTIC])
    assert manager.data is None
