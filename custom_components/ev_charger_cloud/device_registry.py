"""An account's devices in the device registry."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import (
    ChildDeviceInfo,
    DeviceEntryType,
    DeviceInfo,
)

from .charging import Device, DeviceKind, Fleet, Name
from .const import CONF_KEY, DOMAIN
from .loop_share import LoopShare
from .names import async_device_name

_HARDWARE = (DeviceKind.CHARGER, DeviceKind.CONNECTOR)


def _names_its_area(device: Device) -> bool:
    """Return whether a device is called after where it stands.

    Home Assistant puts the area before the device in entity ids, which would stutter.
    """
    return (
        device.area is not None
        and isinstance(device.name, str)
        and device.name.casefold().startswith(device.area.casefold())
    )


class RegisteredDevices:
    """Keeps the device registry in step with the fleet.

    Three levels: a charger stands at a site, its connectors are its child devices.
    """

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, maker: str, loop_share: LoopShare
    ) -> None:
        """Begin with none; `maker` stands in where a cloud names none."""
        self._hass = hass
        self._registry = dr.async_get(hass)
        self._entry_id = entry.entry_id
        self._prefix = entry.data.get(CONF_KEY, entry.unique_id)
        self._maker = maker
        self._loop_share = loop_share
        # By the id of a device, the id of its entry in the registry, and back.
        self._registered: dict[str, str] = {}
        self._device_ids: dict[str, str] = {}
        self._named_by_us: dict[str, Device] = {}
        entry.async_on_unload(
            hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, self._updated)
        )

    def unique_id(self, device_id: str) -> str:
        """Return the id of a device that is unique beyond its account."""
        return f"{self._prefix}_{device_id}"

    def info(self, device: Device) -> DeviceInfo | ChildDeviceInfo:
        """Describe a device to the registry."""
        identifiers = {(DOMAIN, self.unique_id(device.id))}
        parent = self._registered.get(device.parent or "")
        if parent is not None and device.kind is DeviceKind.CONNECTOR:
            return ChildDeviceInfo(
                identifiers=identifiers,
                parent_device_id=parent,
                **self._naming(device),
            )
        return DeviceInfo(
            identifiers=identifiers,
            via_device_id=parent,
            manufacturer=device.maker or self._maker,
            model=device.model,
            serial_number=device.serial,
            sw_version=device.firmware,
            suggested_area=None if _names_its_area(device) else device.area,
            configuration_url=device.url,
            entry_type=None if device.kind in _HARDWARE else DeviceEntryType.SERVICE,
            **self._naming(device),
        )

    def _naming(self, device: Device) -> dict[str, Any]:
        """Return what a device is called: the cloud's name, or ours translated."""
        if not isinstance(device.name, Name):
            return {"name": device.name}
        return {
            "translation_key": device.name.key,
            "translation_placeholders": {
                "charger": self._shown_name(device.parent),
                **device.name.placeholders,
            },
        }

    def _shown_name(self, device_id: str | None) -> str:
        """Return the name of a registered device as people see it."""
        entry = None if device_id is None else self.entry_of(device_id)
        return "" if entry is None else entry.name_by_user or entry.name or ""

    def name_of(self, device: Device) -> str:
        """Return a device's name as people see it."""
        if shown := self._shown_name(device.id):
            return shown
        if isinstance(device.name, str):
            return device.name
        return async_device_name(
            self._hass, device.name, self._shown_name(device.parent)
        )

    def entry_of(self, device_id: str) -> dr.AnyDeviceEntry | None:
        """Return a device's entry in the registry."""
        registry_id = self._registered.get(device_id)
        return None if registry_id is None else self._registry.async_get(registry_id)

    def device_id_of(self, registry_id: str) -> str | None:
        """Return the id of the device behind an entry of the registry."""
        return self._device_ids.get(registry_id)

    async def register(self, devices: Iterable[Device], known: Fleet) -> None:
        """Add devices and what is new of known ones, parents before children."""
        due = {
            device.id: device
            for device in devices
            if (old := known.get(device.id)) is None
            or device.id not in self._registered
            or _identity(old) != _identity(device)
        }
        ordered = sorted(due.values(), key=lambda device: _depth(device, due))
        for device in ordered:
            await self._loop_share.turn()
            entry = self._register(device)
            self._registered[device.id] = entry.id
            self._device_ids[entry.id] = device.id
            self._named_by_us.pop(device.id, None)
            if isinstance(device.name, Name):
                self._named_by_us[device.id] = device

    def _register(self, device: Device) -> dr.AnyDeviceEntry:
        """Add a device, or what is new of it."""
        described = dict(self.info(device).items())
        parent = described.get("parent_device_id")
        # A child device cannot be moved to another parent, nor stand alone.
        child = self._registry.async_get_child_device_by_identifier(
            (DOMAIN, self.unique_id(device.id)), self._entry_id
        )
        if child is not None and child.parent_device_id != parent:
            self._registry.async_remove_device(child.id)
        register: Callable[..., dr.AnyDeviceEntry] = (
            self._registry.async_get_or_create
            if parent is None
            else self._registry.async_get_or_create_child
        )
        return register(config_entry_id=self._entry_id, **described)

    @callback
    def _updated(self, event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
        """Rename the connectors of a charger whose name changed: theirs hold it."""
        data = event.data
        device_id = self._device_ids.get(data["device_id"])
        if (
            device_id is not None
            and data["action"] == "update"
            and not data["changes"].keys().isdisjoint({"name", "name_by_user"})
        ):
            for device in self._named_by_us.values():
                if device.parent == device_id:
                    self._register(device)

    def remove(self, device_id: str) -> None:
        """Take a device that is surely gone out of the registry."""
        registry_id = self._registered.pop(device_id, None)
        if registry_id is None:
            return
        self._device_ids.pop(registry_id, None)
        self._named_by_us.pop(device_id, None)
        self.remove_entry(registry_id)

    def strangers(self, fleet: Fleet) -> dict[str, str | None]:
        """Return what an earlier run registered and this one has not seen.

        By the ids of their entries, children first, these are the ids of the chargers
        that they are or belong to, None for what surrounds chargers. The connectors of
        a charger that could not be read are no strangers.
        """
        unread = {
            self._registered[device.id] for device in fleet.values() if device.stale
        }
        children = [
            (child.id, self._registry.async_get(child.parent_device_id))
            for child in dr.async_child_entries_for_config_entry(
                self._registry, self._entry_id
            )
            if child.parent_device_id not in unread
        ]
        devices = [
            (device.id, device if device.entry_type is None else None)
            for device in dr.async_entries_for_config_entry(
                self._registry, self._entry_id
            )
        ]
        return {
            registry_id: self._identifier(charger)
            for registry_id, charger in (*children, *devices)
            if registry_id not in self._device_ids
        }

    def _identifier(self, entry: dr.AnyDeviceEntry | None) -> str | None:
        """Return the id that a device had when it was registered."""
        return next(
            (
                identifier.removeprefix(f"{self._prefix}_")
                for domain, identifier in (entry.identifiers if entry else ())
                if domain == DOMAIN
            ),
            None,
        )

    def remove_entry(self, registry_id: str) -> None:
        """Take what is nobody's out of the registry."""
        if self._registry.async_get(registry_id) is not None:
            self._registry.async_remove_device(registry_id)


def _depth(device: Device, fleet: Mapping[str, Device]) -> int:
    """Return how many of a device's ancestors are registered before it."""
    depth = 0
    while depth < len(fleet) and (parent := fleet.get(device.parent or "")):
        device = parent
        depth += 1
    return depth


def _identity(device: Device) -> tuple[object, ...]:
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
