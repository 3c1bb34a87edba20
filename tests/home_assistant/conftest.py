"""Fixtures for the tests in Home Assistant."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partialmethod
from importlib import import_module
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

import custom_components.ev_charger_cloud  # noqa: F401  (before an empty namesake)
from custom_components.ev_charger_cloud import loop_share
from custom_components.ev_charger_cloud.config_flow import ChargerConfigFlow
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.providers import PROVIDERS
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from ..ampeco_structure import judge_fixture  # noqa: F401
from .fake_provider import DESCRIPTION, PERSONAL, FakeProvider

# Loaded while the clock is frozen, they would be built for the frozen clock's own
# times, and read those of the clouds unchecked.
for _name in PROVIDERS:
    import_module(f"custom_components.ev_charger_cloud.providers.{_name}.provider")


@pytest.fixture(autouse=True)
def unhurried() -> Iterator[None]:
    """Let no walk wait for its turn because this machine is busy."""
    with patch.object(loop_share, "_SHARE", 3600):
        yield


@pytest.fixture
async def home(hass: HomeAssistant, enable_custom_integrations: None) -> HomeAssistant:
    """Return a Home Assistant that knows this integration."""
    assert await async_setup_component(hass, "homeassistant", {})
    return hass


@pytest.fixture
def fake() -> type[FakeProvider]:
    """Put a provider into the registry whose answers the test decides."""
    FakeProvider.reset()
    rows = {row.key: row for row in (DESCRIPTION, PERSONAL)}
    steps = {
        f"async_step_{key}": partialmethod(
            ChargerConfigFlow.async_step_credentials, provider=key
        )
        for key in rows
    }
    with pytest.MonkeyPatch.context() as patched, patch.dict(PROVIDERS, rows):
        for name, step in steps.items():
            patched.setattr(ChargerConfigFlow, name, step, raising=False)
        yield FakeProvider


@pytest.fixture
def fake_entry(home: HomeAssistant, fake: type[FakeProvider]) -> MockConfigEntry:
    """Return an account at the fake provider, not set up yet."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Fake account",
        unique_id="fake_account-1",
        data={
            "provider": "fake",
            "key": "fake_account-1",
            "account_id": "account-1",
            "base_url": "https://fake.example",
            "token": "s3cret-token",
        },
        options={"all_chargers": True},
    )
    entry.add_to_hass(home)
    return entry


@pytest.fixture
def set_up(
    home: HomeAssistant, fake_entry: MockConfigEntry
) -> Callable[[], Awaitable[MockConfigEntry]]:
    """Return what sets the fake account up."""

    async def set_up() -> MockConfigEntry:
        await home.config_entries.async_setup(fake_entry.entry_id)
        await home.async_block_till_done()
        return fake_entry

    return set_up
