"""Points in time: deadlines and pauses."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import override

from homeassistant.components.datetime import DateTimeEntity, DateTimeEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account import ChargerConfigEntry
from .charging import Control, Device
from .entity import ControlEntity, ControlEntityDescription, async_add_offered

# The command queue sends one command at a time at each charger.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ChargerDateTimeDescription(ControlEntityDescription, DateTimeEntityDescription):
    """Describe a point in time."""


DATETIMES: tuple[ChargerDateTimeDescription, ...] = (
    ChargerDateTimeDescription(
        key=Control.DEADLINE,
        translation_key=Control.DEADLINE,
        control=Control.DEADLINE,
        entity_category=EntityCategory.CONFIG,
    ),
    ChargerDateTimeDescription(
        key=Control.PAUSE_UNTIL,
        translation_key=Control.PAUSE_UNTIL,
        control=Control.PAUSE_UNTIL,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ChargerConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the points in time of an account."""
    await async_add_offered(entry, async_add_entities, DATETIMES, ChargerDateTime)


class ChargerDateTime(ControlEntity, DateTimeEntity):
    """A point in time of a charger."""

    entity_description: ChargerDateTimeDescription

    @override
    def show(self, device: Device) -> object:
        """Show the point in time."""
        value = self.shown(device)
        self._attr_native_value = value if isinstance(value, datetime) else None
        return self._attr_native_value

    @override
    async def async_set_value(self, value: datetime) -> None:
        """Set the point in time."""
        await self.set_control(value.astimezone(UTC))
