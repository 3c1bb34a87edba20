"""Sentences for the logbook about what happened at chargers."""

from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.components.logbook import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .charging import EventKind
from .const import DOMAIN, EVENT_CHARGING


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[[str, str, Callable[[Event], dict[str, str]]], None],
) -> None:
    """Describe the events of chargers."""

    @callback
    def describe(event: Event) -> dict[str, str]:
        """Return the name and the sentence of an event."""
        data = event.data
        kind = str(data.get("type"))
        sentence = _SENTENCES.get(kind)
        return {
            LOGBOOK_ENTRY_NAME: _name(hass, data.get(ATTR_DEVICE_ID)),
            LOGBOOK_ENTRY_MESSAGE: sentence(data) if sentence else _spaced(kind),
        }

    async_describe_event(DOMAIN, EVENT_CHARGING, describe)


def _name(hass: HomeAssistant, device_id: str | None) -> str:
    """Return what people call a device, which may be gone by now."""
    device = device_id and dr.async_get(hass).async_get(device_id)
    return (device and (device.name_by_user or device.name)) or "EV charger"


def _with(sentence: str, *details: str | None) -> str:
    """Add the details that are known to a sentence."""
    known = ", ".join(filter(None, details))
    return f"{sentence}: {known}" if known else sentence


def _command(data: Mapping[str, Any]) -> str:
    """Tell how a command ended."""
    told = _with(_plain(data, "command") or "command", _plain(data, "outcome"))
    reason = _plain(data, "reason")
    return f"{told} ({reason})" if reason else told


def _energy(data: Mapping[str, Any]) -> str | None:
    """Return the energy (Wh) of a session in kWh."""
    energy = data.get("energy")
    return None if energy is None else f"{energy / 1000:.1f} kWh"


def _cost(data: Mapping[str, Any]) -> str | None:
    """Return the cost of a session."""
    cost = data.get("cost")
    return None if cost is None else f"{cost:.2f} {data.get('currency') or ''}".strip()


def _plain(data: Mapping[str, Any], key: str) -> str | None:
    """Return a word of ours as people write it."""
    word = data.get(key)
    return None if word is None else _spaced(str(word))


def _spaced(word: str) -> str:
    """Return a word in snake case as people write it."""
    return word.replace("_", " ")


# Home Assistant translates no logbook: all integrations tell theirs in English.
_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    EventKind.SESSION_STARTED: lambda data: "session started",
    EventKind.SESSION_FINISHED: lambda data: _with(
        "session finished", _energy(data), _cost(data), _plain(data, "stop_reason")
    ),
    EventKind.AUTHORIZED: lambda data: _with("authorized", data.get("id_token")),
    EventKind.INTERRUPTED: lambda data: _with(
        "session interrupted", _plain(data, "stop_reason") or _plain(data, "reason")
    ),
    EventKind.WAITING_FOR_VEHICLE: lambda data: "waiting for the vehicle",
    EventKind.FAULT_RAISED: lambda data: _with("fault", _plain(data, "error_code")),
    EventKind.FAULT_CLEARED: lambda data: "fault cleared",
    EventKind.COMMAND_FINISHED: _command,
    EventKind.RESERVATION_CHANGED: lambda data: _with(
        "reservation", _plain(data, "reason") or "none"
    ),
    EventKind.BOOTED: lambda data: "restarted",
    EventKind.CONNECTION_LOST: lambda data: "connection lost",
    EventKind.CONNECTION_RESTORED: lambda data: "connection restored",
}
