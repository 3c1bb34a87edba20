"""Diagnostics: all that is needed to help, and nothing that is secret."""

from hashlib import sha256
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .charging import Device, Money, Reading, Value
from .const import CONF_ALL_CHARGERS, CONF_ENTITIES, CONF_PACE, CONF_PROVIDER
from .coordinator import ChargerConfigEntry
from .providers import PROVIDERS
from .providers.base import FieldKind

# Words a charger's owner may have chosen, and what tells one person from another.
_PRIVATE_READINGS = frozenset({Reading.LAST_ACTION, Reading.LAST_ACTION_ERROR})

# Settings of every account that say nothing of its owner.
_STRUCTURE = frozenset({CONF_ALL_CHARGERS, CONF_ENTITIES, CONF_PACE, CONF_PROVIDER})


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: ChargerConfigEntry
) -> dict[str, Any]:
    """Return what is known of an account."""
    description = PROVIDERS[entry.data[CONF_PROVIDER]]
    # Told is what is known to be harmless: a setting of tomorrow is private until then.
    told = _STRUCTURE | {
        field.key
        for field in (*description.fields, *description.options)
        if field.kind in (FieldKind.URL, FieldKind.NUMBER, FieldKind.BOOLEAN)
        and field.key != description.account_field
    }
    private = (entry.data.keys() | entry.options.keys()) - told
    settings = {
        "settings": async_redact_data({**entry.data}, private),
        "options": async_redact_data({**entry.options}, private),
    }
    if entry.state is not ConfigEntryState.LOADED:
        return settings
    coordinator = entry.runtime_data
    trouble = coordinator.last_exception
    return {
        **settings,
        "poll": {
            "interval": coordinator.update_interval,
            "last_update_success": coordinator.last_update_success,
            "last_exception": None if trouble is None else type(trouble).__name__,
        },
        "fleet": [_plain(device) for device in coordinator.data.values()],
        "provider": dict(coordinator.provider.diagnostics()),
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: ChargerConfigEntry, device: dr.AnyDeviceEntry
) -> dict[str, Any]:
    """Return what is known of one device."""
    if entry.state is not ConfigEntryState.LOADED:
        return {"device": None}
    described = entry.runtime_data.device_of(device.id)
    return {"device": None if described is None else _plain(described)}


def _plain(device: Device) -> dict[str, Any]:
    """Describe a device without naming it."""
    return {
        "id": _alias(device.id),
        "parent": None if device.parent is None else _alias(device.parent),
        "kind": device.kind,
        "maker": device.maker,
        "model": device.model,
        "firmware": device.firmware,
        "online": device.online,
        "stale": device.stale,
        "readings": {
            reading: _value(value)
            for reading, value in device.readings.items()
            if reading not in _PRIVATE_READINGS
        },
        "controls": {
            control: {
                "value": _value(state.value)
                if not state.options
                else bool(state.value),
                "minimum": state.minimum,
                "maximum": state.maximum,
                "step": state.step,
                "options": len(state.options),
            }
            for control, state in device.controls.items()
        },
        "commands": sorted(command.__name__ for command in device.commands),
    }


def _value(value: Value) -> object:
    """Return a value as JSON can hold it."""
    if isinstance(value, Money):
        return {"amount": value.amount, "currency": value.currency}
    return value


def _alias(device_id: str) -> str:
    """Return a short name that is the same each time and gives nothing away."""
    return sha256(device_id.encode()).hexdigest()[:8]
