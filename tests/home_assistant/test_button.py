"""Buttons: commands without a state."""

import pytest
from syrupy.assertion import SnapshotAssertion

from custom_components.ev_charger_cloud.charging import (
    Boost,
    CancelReservation,
    CancelScheduled,
    ClearLimit,
    Command,
    HardReset,
    Refresh,
    Reset,
    Resume,
    StartCharging,
    StopCharging,
    Unlock,
)
from homeassistant.const import STATE_UNAVAILABLE, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from .devices import SetUp, everything, match_platform, set_up_platform
from .fake_provider import FakeProvider


@pytest.fixture(autouse=True)
def fleet(fake: type[FakeProvider]) -> None:
    """Give the account one charger that offers everything."""
    fake.fleet = {"c1": everything()}


async def test_whole_platform(
    home: HomeAssistant, set_up: SetUp, snapshot: SnapshotAssertion
) -> None:
    """Each command that needs nothing but the device has its button."""
    await match_platform(home, set_up, Platform.BUTTON, snapshot)


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("start_charging", StartCharging),
        ("stop_charging", StopCharging),
        ("charge_now", Boost),
        ("resume_charging", Resume),
        ("clear_current_limit", ClearLimit),
        ("unlock_connector", Unlock),
        ("cancel_scheduled_commands", CancelScheduled),
        ("cancel_reservation", CancelReservation),
        ("refresh", Refresh),
        ("restart", Reset),
        ("hard_reset", HardReset),
    ],
)
async def test_press(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    key: str,
    command: type[Command],
) -> None:
    """A button has its command carried out, each time it is pressed."""
    await set_up_platform(set_up, Platform.BUTTON)
    for count in (1, 2):
        await home.services.async_call(
            "button", "press", {"entity_id": f"button.garage_{key}"}, blocking=True
        )
        assert fake.executed == [command(device_id="c1")] * count


async def test_disabled_by_default(
    home: HomeAssistant, set_up: SetUp, entity_registry: er.EntityRegistry
) -> None:
    """What a switch does better, or does harm, must be enabled first."""
    await set_up()
    assert {
        entry.entity_id.removeprefix("button.garage_")
        for entry in entity_registry.entities.values()
        if entry.disabled and entry.domain == Platform.BUTTON
    } == {
        "start_charging",
        "stop_charging",
        "cancel_reservation",
        "refresh",
        "restart",
        "hard_reset",
    }


async def test_offline_charger_can_be_refreshed(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """The cloud may be asked to look again; all else is of no use."""
    fake.change("c1", online=False)
    await set_up_platform(set_up, Platform.BUTTON)
    assert [
        state.entity_id
        for state in home.states.async_all("button")
        if state.state != STATE_UNAVAILABLE
    ] == ["button.garage_refresh"]
