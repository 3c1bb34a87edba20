"""The store: what an account must not forget over a restart."""

from typing import Any

from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.ev_charger_cloud.store import AccountStore
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util


async def test_written_soon(
    home: HomeAssistant, fake_entry: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    """Changes that come together are one writing, and a later run reads it."""
    store = await AccountStore.load(home, fake_entry)
    assert store.content == {}
    store.content["limit"] = 10
    store.save()
    store.content["limit"] = 12
    assert hass_storage == {}
    async_fire_time_changed(home, dt_util.utcnow().replace(year=2100))
    await home.async_block_till_done()
    assert (await AccountStore.load(home, fake_entry)).content == {"limit": 12}


async def test_written_now(
    home: HomeAssistant, fake_entry: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    """Who comes next reads it at once; nothing is written when nothing changed."""
    store = await AccountStore.load(home, fake_entry)
    await store.flush()
    assert hass_storage == {}
    store.content["limit"] = 10
    store.save()
    await store.flush()
    assert (await AccountStore.load(home, fake_entry)).content == {"limit": 10}


async def test_removed(
    home: HomeAssistant, fake_entry: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    """Nothing is left, and what was not written yet never is."""
    store = await AccountStore.load(home, fake_entry)
    store.content["limit"] = 10
    store.save()
    await store.flush()
    assert hass_storage
    store.save()
    await store.remove()
    await store.flush()
    assert hass_storage == {}
