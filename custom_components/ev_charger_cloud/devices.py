"""An account's devices in the device registry."""

import asyncio
from collections.abc import Callable, Iterable

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import (
    ChildDeviceInfo,
    DeviceEntryType,
    DeviceInfo,
)

from .charging import Device, DeviceKind, Fleet
from .const import CONF_PROVIDER, DOMAIN, SLICE

_HARDWARE = (DeviceKind.CHARGER, DeviceKind.CONNECTOR)


class RegisteredDevices:
    """Keeps the device registry in step with the fleet, connectors as child devices."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, maker: str) -> None:
        """Begin with none; `maker` stands in where a cloud names none."""
        self._registry = dr.async_get(hass)
        self._entry_id = entry.entry_id
        self._prefix = entry.unique_id or entry.data[CONF_PROVIDER]
        self._maker = maker
        self._registered: dict[str, str] = {}

    def unique_id(self, device_id: str) -> str:
        """Return the id of a device that is unique beyond its account."""
        return f"{self._prefix}_{device_id}"

    def info(self, device: Device) -> DeviceInfo | ChildDeviceInfo:
        """Describe a device to the registry."""
        identifiers = {(DOMAIN, self.unique_id(device.id))}
        if device.parent is not None and device.parent in self._registered:
            return ChildDeviceInfo(
                identifiers=identifiers,
                name=device.name,
                parent_device_id=self._registered[device.parent],
            )
        return DeviceInfo(
            identifiers=identifiers,
            name=device.name,
            manufacturer=device.maker or self._maker,
            model=device.model,
            serial_number=device.serial,
            sw_version=device.firmware,
            suggested_area=device.area,
            configuration_url=device.url,
            entry_type=None if device.kind in _HARDWARE else DeviceEntryType.SERVICE,
        )

    def device_id_of(self, registry_id: str) -> str | None:
        """Return the id of the device behind an entry of the registry."""
        for device_id, known in self._registered.items():
            if known == registry_id:
                return device_id
        return None

    async def register(self, devices: Iterable[Device], known: Fleet) -> None:
        """Add devices and what is new of known ones, parents before children."""
        due = [
            device
            for device in devices
            if (old := known.get(device.id)) is None
            or device.id not in self._registered
            or _identity(old) != _identity(device)
        ]
        due.sort(key=lambda device: device.parent is not None)
        for number, device in enumerate(due, 1):
            described = dict(self.info(device).items())
            register: Callable[..., dr.AnyDeviceEntry] = (
                self._registry.async_get_or_create_child
                if "parent_device_id" in described
                else self._registry.async_get_or_create
            )
            self._registered[device.id] = register(
                config_entry_id=self._entry_id, **described
            ).id
            if number % SLICE == 0:
                await asyncio.sleep(0)

    def remove(self, device_id: str) -> None:
        """Take a device that is surely gone out of the registry."""
        registry_id = self._registered.pop(device_id, None)
        if registry_id and self._registry.async_get(registry_id) is not None:
            self._registry.async_remove_device(registry_id)

    def remove_strangers(self, fleet: Fleet) -> None:
        """Remove what an earlier run registered and the account no longer has.

        The connectors of a charger that could not be read are left alone.
        """
        ours = set(self._registered.values())
        unread = {
            self._registered[device.id] for device in fleet.values() if device.stale
        }
        for child in dr.async_child_entries_for_config_entry(
            self._registry, self._entry_id
        ):
            if child.id not in ours and child.parent_device_id not in unread:
                self._registry.async_remove_device(child.id)
        for device in dr.async_entries_for_config_entry(self._registry, self._entry_id):
            if device.id not in ours:
                self._registry.async_remove_device(device.id)


def _identity(device: Device) -> tuple[str | None, ...]:
    """Return what the registry shows of a device, to compare."""
    return (
        device.name,
        device.parent,
        device.maker,
        device.model,
        device.serial,
        device.firmware,
        device.url,
    )
