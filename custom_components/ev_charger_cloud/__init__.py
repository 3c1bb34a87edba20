"""EV Charger Cloud: chargers that live in a vendor's cloud."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.typing import ConfigType

from .account import AccountCoordinator, ChargerConfigEntry
from .const import (
    CONF_ALL_CHARGERS,
    CONF_CHARGERS,
    CONF_GROUPS,
    CONF_PROVIDER,
    DOMAIN,
    PLATFORMS,
)
from .coordinator import async_forget_start
from .energy_dashboard import async_end_issues
from .issues import async_update_entities_issue, async_update_issues
from .ledger import Ledger
from .lovelace_resource import (
    async_add_resource,
    async_remove_resource,
    async_serve_module,
)
from .provider_import import async_import_provider
from .push import async_end_push
from .services import async_setup_services
from .store import AccountStore

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up the actions, and what dashboards are drawn with."""
    async_setup_services(hass)
    await async_serve_module(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: ChargerConfigEntry) -> bool:
    """Set up an account."""
    await async_add_resource(hass)
    await async_import_provider(hass, entry.data[CONF_PROVIDER])
    coordinator = await AccountCoordinator.load(hass, entry)
    coordinator.push.async_register()
    try:
        await coordinator.async_config_entry_first_refresh()
    except BaseException:
        await coordinator.async_close()
        raise
    entry.runtime_data = coordinator
    # Keeps polls going, whatever entities there are: chargers may come.
    entry.async_on_unload(coordinator.async_add_listener(lambda: None))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    coordinator.count_entities()

    async def close(_: Event) -> None:
        await coordinator.async_close()

    entry.async_on_unload(hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, close))
    coordinator.push.async_start()
    coordinator.history.async_start()
    coordinator.statistics.async_start()
    return True


async def async_unload_entry(hass: HomeAssistant, entry: ChargerConfigEntry) -> bool:
    """Unload an account."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        await entry.runtime_data.async_close()
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: ChargerConfigEntry) -> None:
    """Forget what an account asked for, and what was to be mended."""
    store = await AccountStore.load(hass, entry)
    await async_end_push(hass, entry, store)
    await store.remove()
    await (await Ledger.load(hass, entry)).remove()
    async_forget_start(hass, entry.entry_id)
    async_end_issues(hass, entry.entry_id)
    async_update_issues(hass, entry, ())
    async_update_entities_issue(hass, entry, 0)
    if not hass.config_entries.async_entries(DOMAIN):
        await async_remove_resource(hass)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: ChargerConfigEntry, device: dr.AnyDeviceEntry
) -> bool:
    """Let the user delete a device that is gone, or a charger that was chosen.

    A charger that comes with the account would only come back.
    """
    if entry.state is not ConfigEntryState.LOADED:
        return False
    found = entry.runtime_data.device_of(device.id)
    if found is None:
        return True
    chosen: list[str] = entry.options.get(CONF_CHARGERS, [])
    left = [charger for charger in chosen if charger != found.id]
    if entry.options.get(CONF_ALL_CHARGERS, True) or left == chosen:
        return False
    if not (left or entry.options.get(CONF_GROUPS)):
        return False
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, CONF_CHARGERS: left}
    )
    hass.config_entries.async_schedule_reload(entry.entry_id)
    return True
