"""What all entities share."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import (
    AddConfigEntryEntitiesCallback,
    EntityPlatform,
    async_get_current_platform,
)
from homeassistant.helpers.update_coordinator import CoordinatorEntity
from homeassistant.util import slugify

from .account import AccountCoordinator, ChargerConfigEntry, async_device_at
from .charging import Control, ControlState, ControlValue, Device, Reading, SetControl
from .const import DOMAIN
from .coordinator import EntityContext

# So many entities are added in one go; each costs Home Assistant some 0.2 ms.
_TOGETHER = 8


@dataclass(frozen=True, kw_only=True)
class ChargerEntityDescription(EntityDescription):
    """Describe an entity of a charger.

    `essential` marks what even a charger among thousands is known by, `lasting` what
    is still true of one that is offline, `sampled` what is written at each poll of a
    charging one even when equal: Riemann-sum and statistics helpers live on that.
    """

    essential: bool = False
    lasting: bool = False
    sampled: bool = False

    @cached_property
    def readings(self) -> frozenset[Reading] | None:
        """Return the readings whose values are shown, None where any may matter."""
        return None

    def offered(self, device: Device) -> bool:
        """Return whether a device has this, which no value of a reading decides."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ControlEntityDescription(ChargerEntityDescription):
    """Describe an entity that sets a control."""

    control: Control

    @cached_property
    @override
    def readings(self) -> frozenset[Reading] | None:
        """Return none: controls are no readings."""
        return frozenset()

    @override
    def offered(self, device: Device) -> bool:
        """Return whether a device has the control."""
        return self.control in device.controls


class ChargerEntity(CoordinatorEntity[AccountCoordinator]):
    """An entity of one device; it writes only when what it shows has changed."""

    _attr_has_entity_name = True
    entity_description: ChargerEntityDescription

    def __init__(
        self,
        coordinator: AccountCoordinator,
        device: Device,
        description: ChargerEntityDescription,
    ) -> None:
        """Take the first values."""
        super().__init__(
            coordinator,
            context=EntityContext(device.id, description.sampled, description.readings),
        )
        self.entity_description = description
        self.device_id = device.id
        self._attr_unique_id = (
            f"{coordinator.devices.unique_id(device.id)}_{description.key}"
        )
        # Its device is registered already.
        self.device_entry = coordinator.devices.entry_of(device.id)
        self._shown: object = None
        self._readable = True
        self._take()

    @override
    def add_to_platform_start(
        self,
        hass: HomeAssistant,
        platform: EntityPlatform,
        parallel_updates: asyncio.Semaphore | None,
    ) -> None:
        """Suggest an id for the entity of a connector whose name tells its charger.

        Home Assistant would put the charger's name before it once more.
        """
        super().add_to_platform_start(hass, platform, parallel_updates)
        device = self.device_entry
        if not isinstance(device, dr.ChildDeviceEntry):
            return
        charger = dr.async_get(hass).async_get(device.parent_device_id)
        name = device.name_by_user or device.name or ""
        if charger and name.startswith(charger.name_by_user or charger.name or " "):
            object_id = slugify(f"{name} {self.suggested_object_id or ''}")
            self.entity_id = f"{platform.domain}.{object_id}"

    @property
    @override
    def available(self) -> bool:
        """Return whether what is shown is worth anything now."""
        return super().available and self._readable

    def show(self, device: Device) -> object:
        """Set the attributes from a device and return what they show, to compare."""
        raise NotImplementedError

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Let others have the loop while many are removed."""
        await super().async_will_remove_from_hass()
        await self.coordinator.loop_share.turn()
        await super().async_will_remove_from_hass()

    @override
    async def async_update(self) -> None:
        """Read the charger anew when the user asks for it."""
        await self.coordinator.read(self.device_id)

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write the state if it says something new."""
        shown = self._shown
        device = self._take()
        if shown != self._shown or (
            self.entity_description.sampled
            and self.available
            and device is not None
            and device.charging
        ):
            self.async_write_ha_state()

    def _take(self) -> Device | None:
        """Take the values of the device as it is now."""
        device = self.coordinator.data.get(self.device_id)
        self._readable = (
            device is not None
            and not device.stale
            and (device.online is not False or self.entity_description.lasting)
            and self.entity_description.offered(device)
        )
        value = self.show(device) if device is not None else None
        self._shown = (self.available, value)
        return device


class ControlEntity(ChargerEntity):
    """An entity that sets a control."""

    entity_description: ControlEntityDescription

    def state_of(self, device: Device) -> ControlState:
        """Return the control's state, an empty one when it is not offered now."""
        return device.controls.get(self.entity_description.control) or ControlState()

    def shown(self, device: Device) -> ControlValue:
        """Return the control's value, or what was just asked of it."""
        return self.coordinator.commands.shown(device, self.entity_description.control)

    async def set_control(self, value: ControlValue) -> None:
        """Set the control."""
        await self.coordinator.commands.request(
            SetControl(
                device_id=self.device_id,
                control=self.entity_description.control,
                value=value,
            )
        )


async def async_add_offered[DescriptionT: ChargerEntityDescription](
    entry: ChargerConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    descriptions: Sequence[DescriptionT],
    create: Callable[[AccountCoordinator, Device, DescriptionT], Entity],
) -> None:
    """Add the entities that the devices offer, now and whenever they offer more.

    Those that are no longer made, since the account's user wants the essential ones
    or it has grown large, leave the registry.
    """
    coordinator = entry.runtime_data
    essential_only = coordinator.essential_only
    made = [each for each in descriptions if each.essential or not essential_only]
    known: dict[str, set[str]] = {}
    registry = er.async_get(coordinator.hass)
    domain = async_get_current_platform().domain
    unmade = [
        each.key for each in descriptions if essential_only and not each.essential
    ]

    def fresh(device: Device) -> list[Entity]:
        """Create the entities of a device that are not there yet."""
        there = known.setdefault(device.id, set())
        entities = []
        for description in made:
            if description.key not in there and description.offered(device):
                there.add(description.key)
                entities.append(create(coordinator, device, description))
        coordinator.entities_made += len(entities)
        return entities

    async def add(devices: Iterable[Device]) -> None:
        """Add what is not there yet."""
        entities: list[Entity] = []
        for device in devices:
            await coordinator.loop_share.turn()
            entities += fresh(device)
            if len(entities) >= _TOGETHER:
                async_add_entities(entities)
                entities = []
        if entities:
            async_add_entities(entities)

    async def offers_changed(
        devices: Collection[Device], gone: Collection[str]
    ) -> None:
        """Forget devices that are gone, so that they are met anew if they return."""
        for device_id in gone:
            coordinator.entities_made -= len(known.pop(device_id, ()))
        await add(devices)

    entry.async_on_unload(coordinator.async_add_offer_listener(offers_changed))
    devices = list(coordinator.data.values())
    for device in devices if unmade else ():
        await coordinator.loop_share.turn()
        unique_id = coordinator.devices.unique_id(device.id)
        for key in unmade:
            if entity_id := registry.async_get_entity_id(
                domain, DOMAIN, f"{unique_id}_{key}"
            ):
                registry.async_remove(entity_id)
    await add(devices)


@callback
def entities_of(
    hass: HomeAssistant, entity_ids: set[str], translation_key: str
) -> set[str]:
    """Return those entities that are of one kind and of this integration."""
    registry = er.async_get(hass)
    return {
        entity_id
        for entity_id in entity_ids
        if (entry := registry.async_get(entity_id)) is not None
        and entry.platform == DOMAIN
        and entry.translation_key == translation_key
    }


@callback
def device_behind(hass: HomeAssistant, entity_id: str) -> Device | None:
    """Return the device that an entity of this integration belongs to."""
    entity = er.async_get(hass).async_get(entity_id)
    if entity is None or entity.device_id is None:
        return None
    return async_device_at(hass, entity.device_id)
