"""Switches: what a charger may do."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account import ChargerConfigEntry
from .charging import Control, Device
from .entity import ControlEntity, ControlEntityDescription, async_add_offered

# The command queue sends one command at a time at each charger.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ChargerSwitchDescription(ControlEntityDescription, SwitchEntityDescription):
    """Describe a switch."""


def _switch(
    control: Control,
    category: EntityCategory | None = EntityCategory.CONFIG,
    *,
    essential: bool = False,
) -> ChargerSwitchDescription:
    """Describe the switch of a control."""
    return ChargerSwitchDescription(
        key=control,
        translation_key=control,
        control=control,
        entity_category=category,
        essential=essential,
    )


SWITCHES: tuple[ChargerSwitchDescription, ...] = (
    _switch(Control.CHARGING, None, essential=True),
    _switch(Control.BOOST, None),
    _switch(Control.AVAILABILITY),
    _switch(Control.PLUG_AND_CHARGE),
    _switch(Control.SMART_OPTIMISATION),
    _switch(Control.CHARGE_POLICY),
    _switch(Control.OVER_CHARGE),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ChargerConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the switches of an account."""
    await async_add_offered(entry, async_add_entities, SWITCHES, ChargerSwitch)


class ChargerSwitch(ControlEntity, SwitchEntity):
    """A switch of a charger."""

    entity_description: ChargerSwitchDescription

    @override
    def show(self, device: Device) -> object:
        """Show whether it is on."""
        value = self.shown(device)
        self._attr_is_on = None if value is None else bool(value)
        return self._attr_is_on

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn it on."""
        await self.set_control(True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn it off."""
        await self.set_control(False)
