"""System health."""

from dataclasses import replace
from unittest.mock import patch

from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_system_health_info,
)

from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.lovelace_resource import async_resource_state
from custom_components.ev_charger_cloud.providers import PROVIDERS
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from .devices import SetUp, charger
from .fake_provider import DESCRIPTION, FakeProvider


async def test_accounts(
    home: HomeAssistant,
    fake: type[FakeProvider],
    set_up: SetUp,
) -> None:
    """Each account has a row that names nobody."""
    PROVIDERS["fake"] = replace(DESCRIPTION, callbacks=True)
    fake.fleet = {"c1": charger(name="Anna's garage"), "c2": charger("c2")}
    entry = await set_up()
    other = MockConfigEntry(
        domain=DOMAIN, title="Other", data={"provider": "fake", "key": "other"}
    )
    other.add_to_hass(home)
    assert await async_setup_component(home, "system_health", {})
    info = await get_system_health_info(home, DOMAIN)
    assert info["1_fake"] == (
        "2 devices, polled, callbacks no_address (0 accepted, 0 refused)"
    )
    assert info["2_fake"] == "not_loaded"
    assert info["version"]
    assert "Anna" not in str(info)
    entry.runtime_data.last_update_success = False
    PROVIDERS["fake"] = DESCRIPTION
    entry.runtime_data.description = DESCRIPTION
    info = await get_system_health_info(home, DOMAIN)
    assert info["1_fake"] == "2 devices, not answering"


async def test_card(home: HomeAssistant, fake: type[FakeProvider]) -> None:
    """Whether dashboards load the card is told, whatever Home Assistant makes of it."""
    assert await async_resource_state(home) == "dashboards in YAML mode"
    assert await async_setup_component(home, "lovelace", {})
    assert await async_resource_state(home) == "missing"
    assert await async_setup_component(home, DOMAIN, {})
    with patch(
        "custom_components.ev_charger_cloud.lovelace_resource._resources",
        side_effect=KeyError,
    ):
        assert await async_resource_state(home) == "unknown"
    with patch(
        "custom_components.ev_charger_cloud.lovelace_resource._ours",
        return_value=[{}],
    ):
        assert await async_resource_state(home) == "loaded"
