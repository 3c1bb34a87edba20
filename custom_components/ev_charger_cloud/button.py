"""Buttons: commands without a state."""

from dataclasses import dataclass
from functools import cached_property
from typing import override

from homeassistant.components.button import (
    ButtonDeviceClass,
    ButtonEntity,
    ButtonEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account import ChargerConfigEntry
from .charging import (
    Boost,
    CancelReservation,
    CancelScheduled,
    ClearLimit,
    Command,
    Device,
    HardReset,
    Reading,
    Refresh,
    Reset,
    Resume,
    StartCharging,
    StopCharging,
    Unlock,
)
from .entity import ChargerEntity, ChargerEntityDescription, async_add_offered

# The command queue sends one command at a time at each charger.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ChargerButtonDescription(ChargerEntityDescription, ButtonEntityDescription):
    """Describe a button; `command` needs nothing but the device."""

    command: type[Command]

    @cached_property
    @override
    def readings(self) -> frozenset[Reading] | None:
        """Return none: a button shows nothing."""
        return frozenset()

    @override
    def offered(self, device: Device) -> bool:
        """Return whether a device takes the command."""
        return self.command in device.commands


BUTTONS: tuple[ChargerButtonDescription, ...] = (
    ChargerButtonDescription(
        key="start_charging",
        translation_key="start_charging",
        command=StartCharging,
        entity_registry_enabled_default=False,
    ),
    ChargerButtonDescription(
        key="stop_charging",
        translation_key="stop_charging",
        command=StopCharging,
        entity_registry_enabled_default=False,
    ),
    ChargerButtonDescription(key="boost", translation_key="boost", command=Boost),
    ChargerButtonDescription(key="resume", translation_key="resume", command=Resume),
    ChargerButtonDescription(
        key="clear_limit",
        translation_key="clear_limit",
        command=ClearLimit,
        entity_category=EntityCategory.CONFIG,
    ),
    ChargerButtonDescription(
        key="unlock_connector", translation_key="unlock_connector", command=Unlock
    ),
    ChargerButtonDescription(
        key="cancel_scheduled",
        translation_key="cancel_scheduled",
        command=CancelScheduled,
        entity_category=EntityCategory.CONFIG,
    ),
    ChargerButtonDescription(
        key="cancel_reservation",
        translation_key="cancel_reservation",
        command=CancelReservation,
        entity_registry_enabled_default=False,
    ),
    ChargerButtonDescription(
        key="refresh",
        translation_key="refresh",
        command=Refresh,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        lasting=True,
    ),
    ChargerButtonDescription(
        key="restart",
        translation_key="restart",
        command=Reset,
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
    ),
    ChargerButtonDescription(
        key="hard_reset",
        translation_key="hard_reset",
        command=HardReset,
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ChargerConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the buttons of an account."""
    await async_add_offered(entry, async_add_entities, BUTTONS, ChargerButton)


class ChargerButton(ChargerEntity, ButtonEntity):
    """A button of a charger."""

    entity_description: ChargerButtonDescription

    @override
    def show(self, device: Device) -> object:
        """Show nothing: a button has no state of its own."""
        return None

    @override
    async def async_press(self) -> None:
        """Have the command carried out."""
        await self.coordinator.commands.request(
            self.entity_description.command(device_id=self.device_id)
        )
