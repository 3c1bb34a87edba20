"""The peer: set up core's `nexblue` with a client that answers from memory.

Of all integrations in Home Assistant it is the nearest in kind: one cloud account, many
chargers, a sensor for each reading.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import sys
from types import ModuleType
from typing import Any
from unittest.mock import patch

from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from .wire import Spent, spending


@dataclass(frozen=True, kw_only=True)
class _Charger:
    """A charger in the account's list."""

    serial_number: str


@dataclass(frozen=True, kw_only=True)
class ChargerStatus:
    """What its library tells of a charger."""

    charging_state: int = 2
    cable_lock_mode: int = 0
    access_level: int = 0
    phase_charging: int = 0
    power_kw: float = 11.0
    energy_kwh: float = 4.2
    lifetime_energy_kwh: float = 1234.5
    current_limit_a: int = 16
    cable_current_limit_a: int = 32
    circuit_fuse_a: int = 32
    current_a: tuple[float, ...] = (16.0, 16.0, 16.0)
    voltage_v: tuple[float, ...] = (230.0, 230.0, 230.0)
    network_status: int = 1
    brightness_percent: int = 50
    is_lock: bool = True
    is_disable: bool = False


class _Client:
    """Stands in for its library's client."""

    chargers = 0

    def __init__(self, *_: Any) -> None:
        """Need neither session nor address."""

    async def async_ensure_access_token(self, refresh_token: str) -> None:
        """Accept every token."""

    async def async_list_chargers(self) -> list[_Charger]:
        """List the chargers."""
        return [_Charger(serial_number=f"NB{n:05}") for n in range(self.chargers)]

    async def async_get_charger_status(self, serial_number: str) -> ChargerStatus:
        """Tell of one charger."""
        return ChargerStatus()


@contextmanager
def _library() -> Iterator[None]:
    """Put a library in place that is not installed here."""
    package, models = ModuleType("nexblue_api"), ModuleType("nexblue_api.models")
    errors = ("Auth", "Connection", "DeviceOffline", "RateLimit", "")
    for kind in errors:
        name = f"NexBlue{kind}Error"
        setattr(package, name, type(name, (Exception,), {}))
    vars(package).update(NexBlueClient=_Client, models=models)
    vars(models).update(ChargerStatus=ChargerStatus)
    with patch.dict(
        sys.modules, {"nexblue_api": package, "nexblue_api.models": models}
    ):
        yield


async def set_up_nexblue(hass: HomeAssistant, chargers: int) -> float:
    """Set it up and return what that took of the processor for an entity (µs)."""
    with _library():
        _Client.chargers = chargers
        entry = MockConfigEntry(
            domain="nexblue",
            unique_id="benchmark",
            data={"username": "a", "password": "b", "refresh_token": "c"},
        )
        entry.add_to_hass(hass)
        spent = Spent()
        with spending(spent):
            await hass.config_entries.async_setup(entry.entry_id)
            await hass.async_block_till_done()
        if entry.state is not ConfigEntryState.LOADED:
            raise SystemExit(f"nexblue is not set up: {entry.reason}")
        registry = er.async_get(hass)
        entities = er.async_entries_for_config_entry(registry, entry.entry_id)
        await hass.config_entries.async_unload(entry.entry_id)
    return spent.cpu / len(entities) * 1e6
