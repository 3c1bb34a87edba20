"""What the seeds tell of a charger or a driver is found in Home Assistant.

The fields that few care about have entities, too; they are switched on here.
"""

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import PropertyMock, patch

import pytest

from . import test_every_action
from .test_every_action import Stage

account = test_every_action.account
cloud = test_every_action.cloud
no_real_waits = test_every_action.no_real_waits
stage = test_every_action.stage
story = test_every_action.story


@pytest.fixture(autouse=True)
def all_entities() -> Iterator[None]:
    """Have those on that are off by default."""
    with patch(
        "homeassistant.helpers.entity.Entity.entity_registry_enabled_default",
        PropertyMock(return_value=True),
    ):
        yield


def podero(stage: Stage) -> None:
    """Have fields that a new wallbox does not fill."""
    stage.cloud.quirks["fields"] = {
        "comment": "Left of the door",
        "building": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
        "is_forecasting_enabled": True,
        "is_trading_enabled": True,
        "is_inverter_forced_mode_enabled": True,
        "is_inverter_forced_mode_active": True,
        "inverter_forced_mode_since": "2026-05-01T08:00:00Z",
        "charge_policy_last_updated_at": "2026-05-02T08:00:00Z",
        "consumption_last_updated_at": "2026-05-03T08:00:00Z",
        "last_monitoring_executed_at": "2026-05-04T08:00:00Z",
        "updated_at": "2026-05-05T08:00:00Z",
    }


def unchanged(stage: Stage) -> None:
    """Leave what the cloud tells."""


SHOWN: dict[str, tuple[Callable[[Stage], None], dict[str, Any]]] = {
    "podero": (
        podero,
        {
            "sensor price_zone": "AT",
            "sensor comment": "Left of the door",
            "sensor building": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
            "sensor created_at": "2025-01-10T08:00:00+00:00",
            "sensor updated_at": "2026-05-05T08:00:00+00:00",
            "sensor charge_policy_updated_at": "2026-05-02T08:00:00+00:00",
            "sensor consumption_updated_at": "2026-05-03T08:00:00+00:00",
            "sensor monitored_at": "2026-05-04T08:00:00+00:00",
            "sensor inverter_forced_mode_since": "2026-05-01T08:00:00+00:00",
            "binary_sensor inverter_forced_mode": "on",
            "binary_sensor inverter_forced_mode_enabled": "on",
            "binary_sensor trading": "on",
        },
    ),
    "plugchoice": (
        unchanged,
        {
            "sensor maximum_voltage": "230.0",
            "sensor connector_standard": "IEC 62196",
            "sensor connector_format": "Socket",
            "sensor power_type": "AC_3_PHASE",
            "sensor phase_rotation": "RST",
            "sensor created_at": "2025-04-01T09:00:00+00:00",
            "sensor server": "ocpp-eu-1",
            "binary_sensor setup_pending": "off",
            "binary_sensor setup_completed": "on",
            "binary_sensor direct_current": "off",
        },
    ),
    "ampeco": (
        unchanged,
        {
            "sensor tariff": "Staff and guests",
            "sensor subscription_plan": "Commuter",
            "sensor subscription_end": "2027-05-01T00:00:00+00:00",
            "sensor allowance": "80.0",
            "sensor partner": "Example Housing",
            "sensor payment_status": "paid",
        },
    ),
    "clemap": (unchanged, {"binary_sensor online": "on"}),
    "amps": (
        unchanged,
        {
            "sensor last_action_type": "charge",
            "sensor last_action_result": "unknown",
            "sensor last_action": "completed",
        },
    ),
}


def states(stage: Stage, entity: str) -> list[str]:
    """Return the states of a kind of entity at all devices of the account."""
    return [
        stage.story.home.states.get(each.entity_id).state
        for each in stage.story.entities(*entity.split())
    ]


@pytest.mark.parametrize("account", SHOWN, indirect=True)
async def test_what_the_seeds_tell_is_shown(stage: Stage) -> None:
    change, shown = SHOWN[stage.provider]
    change(stage)
    if stage.provider == "amps":
        await stage.charge()
    await stage.pass_time(120)
    for entity, state in shown.items():
        assert state in states(stage, entity), (entity, states(stage, entity))


@pytest.mark.parametrize("account", ["podero"], indirect=True)
async def test_a_time_that_never_was_is_unknown(stage: Stage) -> None:
    """Podero writes the year 1 for it."""
    assert set(states(stage, "sensor inverter_forced_mode_since")) == {"unknown"}


@pytest.mark.parametrize("account", ["amps"], indirect=True)
async def test_a_command_of_amps_tells_all(stage: Stage) -> None:
    """Its times, its type, and what the maker says of it."""
    await stage.plug()
    sent = await stage.call_for_answer("start_charging")
    await stage.pass_time(120)
    told = await stage.call("get_command", action_id=sent["id"])
    assert told["outcome"] == "completed"
    assert told["action"] == "charge"
    for name in ("created_at", "updated_at", "acknowledged_at"):
        assert told[name], name
    assert told["vendor_result"]


@pytest.mark.parametrize("account", ["ampeco", "plugchoice"], indirect=True)
async def test_a_running_session_has_no_reason_to_stop(stage: Stage) -> None:
    """That of the session before is not shown as its own."""
    await stage.charge()
    await stage.story.call("switch", "turn_off", "charging")
    await stage.leave()
    reason = stage.story.entity("sensor", "stop_reason")
    assert stage.story.home.states.get(reason).state not in ("unknown", "unavailable")
    await stage.charge()
    assert stage.story.home.states.get(reason).state == "unknown"
