"""Conditions of this integration, in automations."""

from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.ev_charger_cloud.charging import (
    Control,
    ControlState,
    Reading,
    UnreachableError,
)
from custom_components.ev_charger_cloud.condition import CONDITIONS
from custom_components.ev_charger_cloud.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import condition, device_registry as dr, label_registry as lr
from homeassistant.helpers.condition import async_get_all_descriptions
from homeassistant.setup import async_setup_component

from .devices import SetUp, charger, device_entry, tick
from .fake_provider import FakeProvider

READINGS = {
    Reading.PLUG: False,
    Reading.CHARGING: False,
    Reading.SESSION_ENERGY: 2000.0,
}

ABOVE_5_KWH = {
    "threshold": {
        "type": "above",
        "value": {"number": 5, "unit_of_measurement": "kWh"},
    }
}
CASES = {
    "is_vehicle_connected": {},
    "is_charging": {},
    "is_charging_allowed": {},
    "is_session_energy": ABOVE_5_KWH,
}


@pytest.fixture(params=CASES)
def key(request: pytest.FixtureRequest) -> str:
    """Return one condition after the other."""
    found: str = request.param
    return found


@pytest.fixture(autouse=True)
def fleet(fake: type[FakeProvider], freezer: FrozenDateTimeFactory) -> None:
    """Give the account two chargers; time stands still."""
    fake.fleet = {key: charger(key, readings=READINGS) for key in ("c1", "c2")}


def put(fake: type[FakeProvider], key: str, *at: str) -> None:
    """Have the condition hold at some chargers, and not at the others."""
    for device_id in fake.fleet:
        holds = device_id in at
        fake.change(
            device_id,
            readings={
                Reading.PLUG: holds and key == "is_vehicle_connected",
                Reading.CHARGING: holds and key == "is_charging",
                Reading.SESSION_ENERGY: 5001.0 if holds else 5000.0,
            },
            controls={
                Control.CHARGING: ControlState(
                    value=holds and key == "is_charging_allowed"
                )
            },
        )


async def check(
    home: HomeAssistant, key: str, target: dict[str, Any], **options: Any
) -> bool | None:
    """Return what a condition says now."""
    config = await condition.async_validate_condition_config(
        home,
        {
            "condition": f"{DOMAIN}.{key}",
            "target": target,
            "options": {**CASES[key], **options},
        },
    )
    checker = await condition.async_from_config(home, config)
    result: bool | None = checker.async_check()
    return result


def device_target(home: HomeAssistant, *device_ids: str) -> dict[str, Any]:
    """Return chargers as a target."""
    entries = [device_entry(home, device_id) for device_id in device_ids]
    return {"device_id": [entry.id for entry in entries if entry]}


async def test_any_and_all(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    key: str,
) -> None:
    """It holds for any of some chargers, or for all of them."""
    put(fake, key)
    await set_up()
    both = device_target(home, "c1", "c2")
    for at, any_of, all_of in (
        ((), False, False),
        (("c1",), True, False),
        (("c1", "c2"), True, True),
    ):
        put(fake, key, *at)
        await tick(home, freezer, 61)
        assert await check(home, key, both) is any_of
        assert await check(home, key, both, behavior="any") is any_of
        assert await check(home, key, both, behavior="all") is all_of
    put(fake, key, "c1")
    await tick(home, freezer, 61)
    assert await check(home, key, device_target(home, "c1"), behavior="all") is True
    assert await check(home, key, device_target(home, "c2")) is False


async def test_label(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    key: str,
) -> None:
    """Chargers are met by their label; an entity of others there does not count."""
    put(fake, key, "c1")
    await set_up()
    label = lr.async_get(home).async_create("Chargers")
    entry = device_entry(home, "c1")
    assert entry is not None
    dr.async_get(home).async_update_device(entry.id, labels={label.label_id})
    target = {"label_id": label.label_id}
    assert await check(home, key, target) is True
    for entity_id in ("binary_sensor.washer", "switch.washer", "sensor.washer"):
        home.states.async_set(entity_id, "on")
    others = {"entity_id": ["binary_sensor.washer", "switch.washer", "sensor.washer"]}
    assert await check(home, key, others) is False


async def test_nobody_can_look(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    key: str,
) -> None:
    """Of chargers that cannot be read nothing holds, not even for all of them."""
    put(fake, key, "c1", "c2")
    await set_up()
    both = device_target(home, "c1", "c2")
    fake.change("c2", online=False)
    await tick(home, freezer, 61)
    # Who cannot be read is left out, as everywhere in Home Assistant.
    assert await check(home, key, both, behavior="all") is True
    fake.failure = UnreachableError("down")
    await tick(home, freezer, 3700)
    await tick(home, freezer, 3700)
    assert await check(home, key, both, behavior="all") is False
    assert await check(home, key, both, behavior="any") is False
    assert await check(home, key, {"device_id": "gone"}, behavior="all") is False


async def test_for(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    key: str,
) -> None:
    """It holds once it has lasted."""
    put(fake, key)
    await set_up()
    config = await condition.async_validate_condition_config(
        home,
        {
            "condition": f"{DOMAIN}.{key}",
            "target": device_target(home, "c1"),
            "options": {**CASES[key], "for": {"minutes": 5}},
        },
    )
    checker = await condition.async_from_config(home, config)
    put(fake, key, "c1")
    await tick(home, freezer, 61)
    assert checker.async_check() is False
    for _ in range(5):
        await tick(home, freezer, 61)
    assert checker.async_check() is True
    put(fake, key)
    await tick(home, freezer, 61)
    assert checker.async_check() is False


async def test_energy_in_another_unit(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """A threshold may be in Wh, or another entity's state."""
    await set_up()
    target = device_target(home, "c1")
    home.states.async_set("input_number.enough", "1.9", {"unit_of_measurement": "kWh"})
    for value, expected in (
        ({"number": 1999, "unit_of_measurement": "Wh"}, True),
        ({"number": 2001, "unit_of_measurement": "Wh"}, False),
        ({"entity": "input_number.enough"}, True),
    ):
        threshold = {"type": "above", "value": value}
        assert (
            await check(home, "is_session_energy", target, threshold=threshold)
            is expected
        )


async def test_descriptions(home: HomeAssistant, set_up: SetUp) -> None:
    """Home Assistant's editor knows each condition and its fields."""
    await set_up()
    assert await async_setup_component(home, "automation", {})
    described = await async_get_all_descriptions(home)
    found = {
        key.removeprefix(f"{DOMAIN}."): description
        for key, description in described.items()
        if key.startswith(f"{DOMAIN}.")
    }
    assert found.keys() == CONDITIONS.keys() == CASES.keys()
    for key, description in found.items():
        assert description is not None, key
        assert description["target"]["entity"][0]["integration"] == DOMAIN
        assert set(description["fields"]) == {"behavior", "for", *CASES[key]}, key
