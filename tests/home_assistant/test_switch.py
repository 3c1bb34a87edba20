"""Switches: what a charger may do."""

import pytest
from syrupy.assertion import SnapshotAssertion

from custom_components.ev_charger_cloud.charging import (
    Control,
    SetControl,
    StartCharging,
    StopCharging,
)
from homeassistant.const import STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant

from .devices import SetUp, everything, match_platform
from .fake_provider import FakeProvider


@pytest.fixture(autouse=True)
def fleet(fake: type[FakeProvider]) -> None:
    """Give the account one charger that offers everything."""
    fake.fleet = {"c1": everything()}


async def test_whole_platform(
    home: HomeAssistant, set_up: SetUp, snapshot: SnapshotAssertion
) -> None:
    """Each control that is on or off has its switch."""
    await match_platform(home, set_up, Platform.SWITCH, snapshot)


async def call(home: HomeAssistant, action: str, key: str, **fields: object) -> None:
    """Use an entity."""
    await home.services.async_call(
        "switch",
        action,
        {"entity_id": f"switch.garage_{key}", **fields},
        blocking=True,
    )


@pytest.mark.parametrize(
    ("control", "key"),
    [
        (Control.BOOST, "boost"),
        (Control.AVAILABILITY, "in_service"),
        (Control.PLUG_AND_CHARGE, "plug_charge"),
        (Control.SMART_OPTIMISATION, "smart_optimization"),
        (Control.CHARGE_POLICY, "charge_policy"),
        (Control.OVER_CHARGE, "charging_past_the_maximum_target"),
    ],
)
async def test_turn_on_and_off(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    control: Control,
    key: str,
) -> None:
    """A switch sets its control."""
    fake.set_control("c1", control, value=False)
    await set_up()
    for action, value, expected in (
        ("turn_on", True, "on"),
        ("turn_off", False, "off"),
    ):
        await call(home, action, key)
        assert fake.executed[-1] == SetControl(
            device_id="c1", control=control, value=value
        )
        state = home.states.get(f"switch.garage_{key}")
        assert state is not None
        assert state.state == expected


async def test_charging(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """The charging switch starts and stops sessions."""
    fake.set_control("c1", Control.CHARGING, value=False)
    await set_up()
    await call(home, "turn_on", "charging_allowed")
    assert fake.executed == [StartCharging(device_id="c1")]
    fake.set_control("c1", Control.CHARGING, value=True)
    await call(home, "turn_off", "charging_allowed")
    assert fake.executed[1:] == [StopCharging(device_id="c1")]


async def test_what_is_not_known(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """A control whose value nobody knows is unknown, and can be set all the same."""
    fake.set_control("c1", Control.BOOST, value=None)
    await set_up()
    state = home.states.get("switch.garage_boost")
    assert state is not None
    assert state.state == STATE_UNKNOWN
    await call(home, "turn_off", "boost")
    assert fake.executed == [
        SetControl(device_id="c1", control=Control.BOOST, value=False)
    ]
