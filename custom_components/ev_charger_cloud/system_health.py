"""System health: what helps people who help, and nothing that names anybody."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.loader import async_get_integration

from .account import ChargerConfigEntry
from .const import CONF_PROVIDER, DOMAIN
from .lovelace_resource import async_resource_state


@callback
def async_register(
    hass: HomeAssistant, register: system_health.SystemHealthRegistration
) -> None:
    """Register what is told."""
    register.async_register_info(_info)


async def _info(hass: HomeAssistant) -> dict[str, Any]:
    """Tell of the accounts, in the order in which they were added."""
    integration = await async_get_integration(hass, DOMAIN)
    told: dict[str, Any] = {
        "version": str(integration.version),
        "card": await async_resource_state(hass),
    }
    entries: list[ChargerConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    for number, entry in enumerate(entries, 1):
        told[f"{number}_{entry.data[CONF_PROVIDER]}"] = _account(entry)
    return told


def _account(entry: ChargerConfigEntry) -> str:
    """Tell of one account: how many devices, whether polls work, whether it is pushed."""
    if entry.state is not ConfigEntryState.LOADED:
        return str(entry.state.value)
    coordinator = entry.runtime_data
    parts = [
        f"{len(coordinator.data)} devices",
        "polled" if coordinator.last_update_success else "not answering",
    ]
    push = coordinator.push
    if coordinator.description.callbacks:
        accepted, refused = push.accepted.total(), push.refused.total()
        parts.append(f"callbacks {push.state} ({accepted} accepted, {refused} refused)")
    return ", ".join(parts)
