"""Diagnostics: all that is needed to help, and nothing that is secret."""

from datetime import UTC, datetime, timedelta
import json
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion

from custom_components.ev_charger_cloud.charging import Reading, UnreachableError
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component

from .devices import SetUp, charger, device_entry, everything
from .fake_provider import DESCRIPTION, FakeProvider

# What must not leave the house: who the owner is, what opens the account, and what
# tells this charger from others.
PRIVATE = (
    "s3cret-token",
    "u-4711",
    "A1B2C3D4",
    "account-1",
    "Fake account",
    "charger-4711",
    "place-4711",
    "Garage",
    "Left socket",
    "ACE0123456",
    "Grandma",
    "Remote start accepted",
    "fake.example/c",
)


@pytest.fixture(autouse=True)
async def fleet(
    home: HomeAssistant, fake: type[FakeProvider], fake_entry: MockConfigEntry
) -> None:
    """Give the account a charger with a connector, full of private things."""
    assert await async_setup_component(home, "diagnostics", {})
    whole = everything()
    fake.fleet = {
        "charger-4711": everything(
            id="charger-4711",
            area="Garage",
            url="https://fake.example/c/4711",
            controls={
                control: state
                if not state.options
                else type(state)(value="Grandma", options=("Grandma", "Mine"))
                for control, state in whole.controls.items()
            },
        ),
        "charger-4711-1": charger(
            "charger-4711-1", name="Left socket", parent="charger-4711"
        ),
    }
    home.config_entries.async_update_entry(
        fake_entry,
        data={**fake_entry.data, "user_id": "u-4711"},
        options={
            "all_chargers": False,
            "chargers": ["charger-4711"],
            "groups": ["place-4711"],
            "id_token": "A1B2C3D4",
            "stack_level": 3,
        },
    )


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Keep snapshots as all tests of Home Assistant do."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)


def private_parts(diagnostics: Any) -> list[str]:
    """Return what should not be there."""
    text = json.dumps(diagnostics, ensure_ascii=False)
    return [word for word in PRIVATE if word in text]


async def test_account(
    home: HomeAssistant,
    hass_client: ClientSessionGenerator,
    set_up: SetUp,
    snapshot: SnapshotAssertion,
) -> None:
    """All is told that helps, and nothing that is secret."""
    entry = await set_up()
    diagnostics = await get_diagnostics_for_config_entry(home, hass_client, entry)
    assert private_parts(diagnostics) == []
    assert diagnostics == snapshot


async def test_undeclared_setting_is_private(
    home: HomeAssistant,
    hass_client: ClientSessionGenerator,
    set_up: SetUp,
) -> None:
    """What nobody has said to be harmless is not told."""
    entry = await set_up()
    diagnostics: Any = await get_diagnostics_for_config_entry(home, hass_client, entry)
    assert "user_id" not in {field.key for field in DESCRIPTION.fields}
    assert diagnostics["settings"]["user_id"] == "**REDACTED**"


async def test_account_field_is_private(
    home: HomeAssistant,
    hass_client: ClientSessionGenerator,
    set_up: SetUp,
    fake_entry: MockConfigEntry,
) -> None:
    """Whose chargers they are is nobody's business."""
    home.config_entries.async_update_entry(
        fake_entry, data={**fake_entry.data, "provider": "personal"}
    )
    entry = await set_up()
    diagnostics: Any = await get_diagnostics_for_config_entry(home, hass_client, entry)
    assert diagnostics["settings"]["user_id"] == "**REDACTED**"
    assert private_parts(diagnostics) == []


async def test_only_the_harmless_of_a_provider_is_told(
    home: HomeAssistant,
    hass_client: ClientSessionGenerator,
    set_up: SetUp,
) -> None:
    """A field nobody has said to be harmless is left out, whatever a cloud sends."""
    answers = {
        "chargers": [
            {
                "uuid": "5f0d7a52-1111",
                "chargePointId": 4711,
                "hardwareStatus": "available",
                "maxPower": 11000,
                "lastUpdatedAt": "2026-05-04T06:04:00Z",
                "enabled": True,
                "current_card": "A1B2C3D4",
                "nickname": "Grandma",
                "name": "Garage",
                "location": "Garage",
                "session": 4711,
                "sessions": 3,
                "latitude": 59.9139,
                "pin": 4711,
                "error_code": None,
                "status": "Mail to grandma@example.org",
                "reason": "Grandma " * 20,
                "tags": ["Garage", "Grandma"],
                "phases": ("L1", "L2"),
            }
        ],
        "/chargers/5f0d7a52-1111": {"state": "ok"},
        "grandma@example.org": {"state": "ok"},
        "settings": {1: timedelta(seconds=5)},
        "updated_at": datetime(2026, 5, 4, tzinfo=UTC),
    }
    entry = await set_up()
    with patch.object(FakeProvider, "diagnostics", return_value=answers):
        diagnostics: Any = await get_diagnostics_for_config_entry(
            home, hass_client, entry
        )
    provider = diagnostics["provider"]
    assert private_parts(provider) == []
    for word in ("4711", "59.9", "5f0d7a52", "grandma", "Grandma"):
        assert word not in json.dumps(provider)
    [told] = provider["chargers"]
    assert told["hardwareStatus"] == "available"
    assert told["maxPower"] == 11000
    assert told["lastUpdatedAt"] == "2026-05-04T06:04:00Z"
    assert told["enabled"] is True
    assert told["error_code"] is None
    assert told["sessions"] == 3
    assert told["phases"] == ["L1", "L2"]
    # What belongs together can be seen.
    assert told["session"] == told["chargePointId"]
    assert provider["updated_at"] == "2026-05-04 00:00:00+00:00"
    assert provider["settings"] == {"1": "0:00:05"}


async def test_trouble_is_told(
    home: HomeAssistant,
    hass_client: ClientSessionGenerator,
    set_up: SetUp,
    fake: type[FakeProvider],
) -> None:
    """What went wrong last helps most, in kind, not in the cloud's words."""
    entry = await set_up()
    fake.failure = UnreachableError("no route to Grandma")
    for _ in range(3):
        await entry.runtime_data.async_refresh()
    diagnostics: Any = await get_diagnostics_for_config_entry(home, hass_client, entry)
    assert diagnostics["poll"]["last_update_success"] is False
    assert diagnostics["poll"]["last_exception"] == "UpdateFailed"
    assert private_parts(diagnostics) == []


async def test_account_that_is_not_loaded(
    home: HomeAssistant,
    hass_client: ClientSessionGenerator,
    set_up: SetUp,
    fake: type[FakeProvider],
) -> None:
    """Who cannot even set an account up needs help most."""
    entry = await set_up()
    device = device_entry(home, "charger-4711")
    assert device is not None
    fake.failure = UnreachableError()
    await home.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    diagnostics: Any = await get_diagnostics_for_config_entry(home, hass_client, entry)
    assert diagnostics["settings"]["provider"] == "fake"
    assert private_parts(diagnostics) == []
    diagnostics = await get_diagnostics_for_device(home, hass_client, entry, device)
    assert diagnostics == {"device": None}


@pytest.mark.parametrize("device_id", ["charger-4711", "charger-4711-1"])
async def test_device(
    home: HomeAssistant,
    hass_client: ClientSessionGenerator,
    set_up: SetUp,
    device_id: str,
    snapshot: SnapshotAssertion,
) -> None:
    """One charger or connector can be told of alone."""
    entry = await set_up()
    device = device_entry(home, device_id)
    assert device is not None
    diagnostics: Any = await get_diagnostics_for_device(
        home, hass_client, entry, device
    )
    assert private_parts(diagnostics) == []
    assert diagnostics == snapshot


async def test_device_that_is_gone(
    home: HomeAssistant, hass_client: ClientSessionGenerator, set_up: SetUp
) -> None:
    """There is nothing to tell of a leftover."""
    entry = await set_up()
    leftover = dr.async_get(home).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={("ev_charger_cloud", "fake_account-1_c9")},
    )
    diagnostics = await get_diagnostics_for_device(home, hass_client, entry, leftover)
    assert diagnostics == {"device": None}


async def test_devices_can_be_told_apart(
    home: HomeAssistant, hass_client: ClientSessionGenerator, set_up: SetUp
) -> None:
    """An alias is the same each time, and a connector names its charger's."""
    entry = await set_up()
    first: Any = await get_diagnostics_for_config_entry(home, hass_client, entry)
    second: Any = await get_diagnostics_for_config_entry(home, hass_client, entry)
    assert first == second
    parent, child = first["fleet"]
    assert child["parent"] == parent["id"]
    assert child["id"] != parent["id"]
    assert Reading.STATUS in child["readings"]
