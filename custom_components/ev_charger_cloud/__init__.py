"""EV Charger Cloud: chargers that live in a vendor's cloud."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN, PLATFORMS
from .coordinator import ChargerConfigEntry, ChargingCoordinator
from .memory import Memory
from .repairs import report
from .services import async_setup_services

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up the actions."""
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: ChargerConfigEntry) -> bool:
    """Set up an account."""
    coordinator = ChargingCoordinator(hass, entry, await Memory.load(hass, entry))
    await coordinator.async_config_entry_first_refresh()
    entry.runtime_data = coordinator
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    # Keeps polls going where no entity listens: chargers may come.
    entry.async_on_unload(coordinator.async_add_listener(lambda: None))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: ChargerConfigEntry) -> bool:
    """Unload an account."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        await entry.runtime_data.memory.save()
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: ChargerConfigEntry) -> None:
    """Forget an account's wishes, and what was to be mended."""
    await Memory(hass, entry).remove()
    report(hass, entry, ())


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: ChargerConfigEntry, device: dr.AnyDeviceEntry
) -> bool:
    """Let the user delete a device that the account no longer has."""
    return (
        entry.state is ConfigEntryState.LOADED
        and entry.runtime_data.device_of(device.id) is None
    )
