"""Locks: whom a charger serves."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.lock import LockEntity, LockEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account import ChargerConfigEntry
from .charging import Control, Device
from .entity import ControlEntity, ControlEntityDescription, async_add_offered

# The command queue sends one command at a time at each charger.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ChargerLockDescription(ControlEntityDescription, LockEntityDescription):
    """Describe a lock."""


LOCKS: tuple[ChargerLockDescription, ...] = (
    ChargerLockDescription(
        key=Control.LOCK, translation_key=Control.LOCK, control=Control.LOCK
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ChargerConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the locks of an account."""
    await async_add_offered(entry, async_add_entities, LOCKS, ChargerLock)


class ChargerLock(ControlEntity, LockEntity):
    """A lock of a charger."""

    entity_description: ChargerLockDescription

    @override
    def show(self, device: Device) -> object:
        """Show whether it is locked."""
        value = self.shown(device)
        self._attr_is_locked = None if value is None else bool(value)
        return self._attr_is_locked

    @override
    async def async_lock(self, **kwargs: Any) -> None:
        """Lock it."""
        await self.set_control(True)

    @override
    async def async_unlock(self, **kwargs: Any) -> None:
        """Unlock it."""
        await self.set_control(False)
