"""Selects: choices a charger offers."""

from dataclasses import dataclass
from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account import ChargerConfigEntry
from .charging import Control, Device
from .entity import ControlEntity, ControlEntityDescription, async_add_offered

# The command queue sends one command at a time at each charger.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ChargerSelectDescription(ControlEntityDescription, SelectEntityDescription):
    """Describe a select."""


SELECTS: tuple[ChargerSelectDescription, ...] = tuple(
    ChargerSelectDescription(
        key=control,
        translation_key=control,
        control=control,
        entity_category=EntityCategory.CONFIG,
    )
    for control in (Control.START_CARD, Control.SMART_CHARGING_MODE)
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ChargerConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the selects of an account."""
    await async_add_offered(entry, async_add_entities, SELECTS, ChargerSelect)


class ChargerSelect(ControlEntity, SelectEntity):
    """A select of a charger."""

    entity_description: ChargerSelectDescription

    @override
    def show(self, device: Device) -> object:
        """Show the choice and what there is to choose from."""
        options = self.state_of(device).options
        value = self.shown(device)
        self._attr_options = list(options)
        self._attr_current_option = (
            value if isinstance(value, str) and value in options else None
        )
        return value, options

    @override
    async def async_select_option(self, option: str) -> None:
        """Choose."""
        await self.set_control(option)
