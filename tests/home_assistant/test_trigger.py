"""Triggers of this integration, in automations."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
)

from custom_components.ev_charger_cloud.charging import (
    ChargingStatus,
    Control,
    ControlState,
    DeviceKind,
    ErrorCode,
    Money,
    Reading,
    SessionStatus,
    StopReason,
    UnreachableError,
)
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.trigger import TRIGGERS
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    label_registry as lr,
)
from homeassistant.helpers.trigger import async_get_all_descriptions
from homeassistant.setup import async_setup_component

from .devices import MOMENT, SetUp, charger, device_entry, tick
from .fake_provider import FakeProvider

type Automate = Callable[..., Awaitable[list[ServiceCall]]]

READINGS = {
    Reading.STATUS: ChargingStatus.DISCONNECTED,
    Reading.PLUG: False,
    Reading.CHARGING: False,
    Reading.PROBLEM: False,
    Reading.ERROR_CODE: ErrorCode.NO_ERROR,
    Reading.CURRENT_PHASE_1: 0.0,
    Reading.CURRENT_OFFERED: 16.0,
    Reading.SESSION_STATUS: SessionStatus.FINISHED,
    Reading.SESSION_ENERGY: 0.0,
}
CONTROLS = {
    Control.CHARGING: ControlState(value=False),
    Control.CURRENT_LIMIT: ControlState(value=10.0, minimum=6, maximum=16),
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """What makes a trigger fire, and what it tells then."""

    key: str
    before: dict[Reading, Any] = field(default_factory=dict)
    after: dict[Reading, Any] = field(default_factory=dict)
    allowed: bool = False
    online: bool = True
    tells: dict[str, Any] = field(default_factory=dict)
    # Events are not missed by an outage; what only lasts is.
    after_outage: bool = False


CASES = [
    Case(key="plugged_in", after={Reading.PLUG: True}),
    Case(key="unplugged", before={Reading.PLUG: True}, after={Reading.PLUG: False}),
    Case(key="charging_started", after={Reading.CHARGING: True}),
    Case(
        key="session_finished",
        before={
            Reading.SESSION_STATUS: SessionStatus.ACTIVE,
            Reading.SESSION_START: MOMENT,
        },
        after={
            Reading.SESSION_STATUS: SessionStatus.FINISHED,
            Reading.SESSION_START: MOMENT,
            Reading.SESSION_END: MOMENT + timedelta(hours=1),
            Reading.SESSION_ENERGY: 7200.0,
            Reading.SESSION_COST: Money(2.5, "EUR"),
            Reading.STOP_REASON: StopReason.EV_DISCONNECTED,
        },
        tells={
            "at": (MOMENT + timedelta(hours=1)).isoformat(),
            "energy": 7200.0,
            "duration": 3600.0,
            "cost": 2.5,
            "currency": "EUR",
            "stop_reason": "ev_disconnected",
        },
        after_outage=True,
    ),
    Case(
        key="stalled",
        before={Reading.PLUG: True, Reading.CHARGING: True},
        after={
            Reading.PLUG: True,
            Reading.CHARGING: False,
            Reading.STATUS: ChargingStatus.SUSPENDED_EV,
        },
        allowed=True,
        tells={"status": "suspended_ev"},
    ),
    Case(
        key="faulted",
        after={Reading.PROBLEM: True, Reading.ERROR_CODE: ErrorCode.GROUND_FAILURE},
        tells={"error_code": "ground_failure"},
    ),
    Case(key="went_offline", online=False),
    Case(
        key="limit_not_followed",
        before={Reading.CHARGING: True, Reading.CURRENT_PHASE_1: 9.8},
        after={Reading.CHARGING: True, Reading.CURRENT_PHASE_1: 15.9},
        tells={"limit": 10.0, "offered": 16.0, "drawn": 15.9, "unit": "A"},
    ),
]


@pytest.fixture(params=CASES, ids=lambda case: case.key)
def case(request: pytest.FixtureRequest) -> Case:
    """Return one trigger after the other."""
    found: Case = request.param
    return found


@pytest.fixture(autouse=True)
def fleet(fake: type[FakeProvider], freezer: FrozenDateTimeFactory) -> None:
    """Give the account two chargers; time stands still."""
    fake.fleet = {
        key: charger(key, readings=READINGS, controls=CONTROLS) for key in ("c1", "c2")
    }


@pytest.fixture
def automate(home: HomeAssistant) -> Automate:
    """Return what sets an automation up and collects what it was told."""

    async def automate(
        key: str,
        target: dict[str, Any],
        tells: dict[str, Any] | None = None,
        **options: Any,
    ) -> list[ServiceCall]:
        calls = async_mock_service(home, "test", "automation")
        data = {name: f"{{{{ trigger.{name} }}}}" for name in tells or {}}
        assert await async_setup_component(
            home,
            "automation",
            {
                "automation": {
                    "triggers": {
                        "trigger": f"{DOMAIN}.{key}",
                        "target": target,
                        "options": options,
                    },
                    "actions": {
                        "action": "test.automation",
                        "data": {"entity_id": "{{ trigger.entity_id }}", **data},
                    },
                }
            },
        )
        await home.async_block_till_done()
        (automation,) = home.states.async_all("automation")
        assert automation.state == "on"
        return calls

    return automate


def device_target(home: HomeAssistant, *device_ids: str) -> dict[str, Any]:
    """Return chargers as a target."""
    entries = [device_entry(home, device_id) for device_id in device_ids]
    return {"device_id": [entry.id for entry in entries if entry]}


def put(fake: type[FakeProvider], case: Case, *, happened: bool, at: str) -> None:
    """Have a charger as it is before or after what the trigger waits for."""
    readings = {**READINGS, **case.before, **(case.after if happened else {})}
    controls = {**CONTROLS, Control.CHARGING: ControlState(value=case.allowed)}
    online = case.online if happened else True
    fake.change(at, readings=readings, controls=controls, online=online)


async def test_fires_once(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    automate: Automate,
    case: Case,
) -> None:
    """It fires once for what happens, tells what is known, and fires anew later."""
    put(fake, case, happened=False, at="c1")
    await set_up()
    calls = await automate(case.key, device_target(home, "c1"), case.tells)
    await tick(home, freezer, 61)
    assert calls == []
    for start in (MOMENT, MOMENT + timedelta(days=1)):
        put(fake, case, happened=False, at="c1")
        if Reading.SESSION_START in case.before:
            fake.set_reading("c1", Reading.SESSION_START, start)
        await tick(home, freezer, 61)
        put(fake, case, happened=True, at="c1")
        if Reading.SESSION_START in case.before:
            fake.set_reading("c1", Reading.SESSION_START, start)
        await tick(home, freezer, 61)
        await tick(home, freezer, 61)
        (call,) = calls
        told = dict(call.data)
        assert "charger_c1" in told.pop("entity_id")
        if start == MOMENT:
            assert told == case.tells
        calls.clear()


async def test_other_chargers_are_left_alone(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    automate: Automate,
    case: Case,
) -> None:
    """What happens at another charger does not fire."""
    put(fake, case, happened=False, at="c2")
    await set_up()
    calls = await automate(case.key, device_target(home, "c1"))
    put(fake, case, happened=True, at="c2")
    await tick(home, freezer, 61)
    assert calls == []


async def test_silent_at_start_and_reload(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    automate: Automate,
    case: Case,
) -> None:
    """What is so when an account is loaded is no news, nor what was told before."""
    put(fake, case, happened=False, at="c1")
    entry = await set_up()
    calls = await automate(case.key, device_target(home, "c1"))
    put(fake, case, happened=True, at="c1")
    await tick(home, freezer, 61)
    assert len(calls) == 1
    await home.config_entries.async_reload(entry.entry_id)
    await home.async_block_till_done()
    await tick(home, freezer, 61)
    await home.config_entries.async_unload(entry.entry_id)
    await home.async_block_till_done()
    put(fake, case, happened=False, at="c1")
    await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    await tick(home, freezer, 61)
    assert len(calls) == 1


async def test_outage(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    automate: Automate,
    case: Case,
) -> None:
    """What changed while nobody could look fires nothing, but for finished sessions."""
    put(fake, case, happened=False, at="c1")
    await set_up()
    calls = await automate(case.key, device_target(home, "c1"))
    fake.failure = UnreachableError("down")
    await tick(home, freezer, 3700)
    await tick(home, freezer, 3700)
    assert home.states.get("sensor.charger_c1_status").state == STATE_UNAVAILABLE
    fake.failure = None
    put(fake, case, happened=True, at="c1")
    await tick(home, freezer, 3700)
    assert home.states.get("binary_sensor.charger_c1_online").state in ("on", "off")
    assert len(calls) == (1 if case.after_outage else 0)


@pytest.mark.parametrize("by", ["area_id", "label_id", "floor_id"])
async def test_areas_and_labels(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    automate: Automate,
    case: Case,
    by: str,
) -> None:
    """A charger is met by its area, floor or label, also what is diagnostic of it.

    A device of another integration there, of the same classes, does not fire.
    """
    put(fake, case, happened=False, at="c1")
    await set_up()
    entry = device_entry(home, "c1")
    assert entry is not None
    area = ar.async_get(home).async_create("Carport")
    label = lr.async_get(home).async_create("Chargers")
    if by == "floor_id":
        from homeassistant.helpers import floor_registry as fr

        floor = fr.async_get(home).async_create("Ground")
        ar.async_get(home).async_update(area.id, floor_id=floor.floor_id)
        target = {by: floor.floor_id}
    else:
        target = {by: area.id if by == "area_id" else label.label_id}
    dr.async_get(home).async_update_device(
        entry.id, area_id=area.id, labels={label.label_id}
    )
    other = MockConfigEntry(domain="laundry")
    other.add_to_hass(home)
    for device_class, state in (
        ("plug", "off"),
        ("battery_charging", "off"),
        ("problem", "off"),
        ("connectivity", "on"),
    ):
        machine = er.async_get(home).async_get_or_create(
            "binary_sensor",
            "laundry",
            device_class,
            original_device_class=device_class,
            translation_key=case.key,
            config_entry=other,
        )
        er.async_get(home).async_update_entity(
            machine.entity_id, area_id=area.id, labels={label.label_id}
        )
        home.states.async_set(machine.entity_id, state, {"device_class": device_class})
    calls = await automate(case.key, target)
    for state in home.states.async_all("binary_sensor"):
        if "laundry" in state.entity_id:
            home.states.async_set(
                state.entity_id,
                "off" if state.state == "on" else "on",
                state.attributes,
            )
    await home.async_block_till_done()
    assert calls == []
    put(fake, case, happened=True, at="c1")
    await tick(home, freezer, 61)
    assert len(calls) == 1


STATES = [case for case in CASES if case.key != "session_finished"]


@pytest.mark.parametrize("case", STATES, ids=lambda case: case.key, indirect=True)
async def test_for(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    automate: Automate,
    case: Case,
) -> None:
    """With a duration it fires when it has lasted, and not if it did not last."""
    put(fake, case, happened=False, at="c1")
    await set_up()
    calls = await automate(
        case.key, device_target(home, "c1"), **{"for": {"minutes": 10}}
    )
    put(fake, case, happened=True, at="c1")
    await tick(home, freezer, 61)
    put(fake, case, happened=False, at="c1")
    for _ in range(12):
        await tick(home, freezer, 61)
    assert calls == []
    put(fake, case, happened=True, at="c1")
    for _ in range(10):
        await tick(home, freezer, 61)
    assert calls == []
    await tick(home, freezer, 61)
    assert len(calls) == 1


@pytest.mark.parametrize("case", STATES, ids=lambda case: case.key, indirect=True)
@pytest.mark.parametrize(
    ("behavior", "fired"), [("each", [1, 2]), ("first", [1, 1]), ("all", [0, 1])]
)
async def test_behavior(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    automate: Automate,
    case: Case,
    behavior: str,
    fired: list[int],
) -> None:
    """Of several chargers each fires, or the first one, or the last one."""
    for at in ("c1", "c2"):
        put(fake, case, happened=False, at=at)
    await set_up()
    calls = await automate(case.key, device_target(home, "c1", "c2"), behavior=behavior)
    for at, expected in zip(("c1", "c2"), fired, strict=True):
        put(fake, case, happened=True, at=at)
        await tick(home, freezer, 61)
        assert len(calls) == expected


async def test_conclusion_from_unknown(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    automate: Automate,
) -> None:
    """A cloud that says only later that charging is allowed hides no stall."""
    fake.change("c1", readings={**READINGS, Reading.PLUG: True})
    fake.set_control("c1", Control.CHARGING, value=None)
    await set_up()
    assert home.states.get("binary_sensor.charger_c1_stalled").state == "unknown"
    calls = await automate("stalled", device_target(home, "c1"))
    fake.set_control("c1", Control.CHARGING, value=True)
    await tick(home, freezer, 61)
    assert len(calls) == 1


async def test_plug_from_unknown(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    automate: Automate,
) -> None:
    """A vehicle that may have been there before was not plugged in now."""
    fake.set_reading("c1", Reading.PLUG, None)
    await set_up()
    calls = await automate("plugged_in", device_target(home, "c1"))
    fake.set_reading("c1", Reading.PLUG, True)
    await tick(home, freezer, 61)
    assert home.states.get("binary_sensor.charger_c1_vehicle_connected").state == "on"
    assert calls == []


async def test_details_of_a_charger_that_is_gone(
    home: HomeAssistant, set_up: SetUp, automate: Automate
) -> None:
    """A state that outlives its charger fires, with nothing known of the charger."""
    entry = await set_up()
    calls = await automate("faulted", device_target(home, "c1"), {"error_code": ""})
    entity_id = "binary_sensor.charger_c1_problem"
    await home.config_entries.async_unload(entry.entry_id)
    await home.async_block_till_done()
    for state in ("off", "on"):
        home.states.async_set(entity_id, state, {"device_class": "problem"})
        await home.async_block_till_done()
    (call,) = calls
    assert call.data["error_code"] == ""


async def test_descriptions(home: HomeAssistant, set_up: SetUp) -> None:
    """Home Assistant's editor knows each trigger and its fields."""
    await set_up()
    assert await async_setup_component(home, "automation", {})
    described = await async_get_all_descriptions(home)
    found = {
        key.removeprefix(f"{DOMAIN}."): description
        for key, description in described.items()
        if key.startswith(f"{DOMAIN}.")
    }
    assert found.keys() == TRIGGERS.keys()
    for key, description in found.items():
        assert description is not None, key
        assert description["target"]["entity"][0]["integration"] == DOMAIN
        expected = set() if key == "session_finished" else {"behavior", "for"}
        assert set(description["fields"]) == expected, key


async def test_silent_of_what_happened_while_home_assistant_was_down(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    automate: Automate,
    case: Case,
) -> None:
    """What became so while nobody watched is not told later."""
    put(fake, case, happened=False, at="c1")
    entry = await set_up()
    calls = await automate(case.key, device_target(home, "c1"))
    await home.config_entries.async_unload(entry.entry_id)
    await home.async_block_till_done()
    put(fake, case, happened=True, at="c1")
    await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    for _ in range(3):
        await tick(home, freezer, 61)
    assert calls == []


async def test_entities_that_are_renamed_or_come_back(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    automate: Automate,
    case: Case,
) -> None:
    """New ids, entities that come back and chargers that do fire nothing by that."""
    put(fake, case, happened=False, at="c1")
    await set_up()
    calls = await automate(case.key, device_target(home, "c1"))
    registry = er.async_get(home)
    entry = device_entry(home, "c1")
    assert entry is not None
    watched = [
        each.entity_id
        for each in er.async_entries_for_device(registry, entry.id)
        if each.domain in ("binary_sensor", "event")
    ]
    for entity_id in watched:
        registry.async_update_entity(entity_id, new_entity_id=f"{entity_id}_of_mine")
    await home.async_block_till_done()
    assert calls == []
    put(fake, case, happened=True, at="c1")
    await tick(home, freezer, 61)
    assert len(calls) == 1
    assert calls.pop().data["entity_id"].endswith("_of_mine")
    for disabled_by in (er.RegistryEntryDisabler.USER, None):
        for entity_id in watched:
            registry.async_update_entity(
                f"{entity_id}_of_mine", disabled_by=disabled_by
            )
        await home.async_block_till_done()
        await tick(home, freezer, 61)
    assert calls == []


@pytest.mark.parametrize("by", ["device_id", "area_id", "label_id"])
async def test_connectors_of_a_charger(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    automate: Automate,
    by: str,
) -> None:
    """A charger stands for its connectors, each of which fires by itself."""
    fake.fleet = {
        "c1": charger("c1", readings={}, controls={}),
        **{
            each: replace(
                charger(each, name=name, parent="c1", readings=READINGS),
                kind=DeviceKind.CONNECTOR,
            )
            for each, name in (("c1/1", "Left"), ("c1/2", "Right"))
        },
    }
    await set_up()
    entry = device_entry(home, "c1")
    assert entry is not None
    area = ar.async_get(home).async_create("Carport")
    label = lr.async_get(home).async_create("Chargers")
    dr.async_get(home).async_update_device(
        entry.id, area_id=area.id, labels={label.label_id}
    )
    target = {"device_id": entry.id, "area_id": area.id, "label_id": label.label_id}
    calls = await automate("plugged_in", {by: target[by]})
    for count, at in enumerate(("c1/1", "c1/2"), 1):
        fake.set_reading(at, Reading.PLUG, True)
        await tick(home, freezer, 61)
        assert len(calls) == count
    assert {call.data["entity_id"] for call in calls} == {
        "binary_sensor.charger_c1_left_vehicle_connected",
        "binary_sensor.charger_c1_right_vehicle_connected",
    }
