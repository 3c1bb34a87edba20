"""Numbers: limits and levels."""

from dataclasses import dataclass
from typing import override

from homeassistant.components.number import (
    NumberDeviceClass,
    NumberEntity,
    NumberEntityDescription,
    NumberMode,
)
from homeassistant.const import (
    EntityCategory,
    UnitOfElectricCurrent,
    UnitOfPower,
    UnitOfRatio,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account import ChargerConfigEntry
from .charging import Control, Device
from .entity import ControlEntity, ControlEntityDescription, async_add_offered

# The command queue sends one command at a time at each charger.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ChargerNumberDescription(ControlEntityDescription, NumberEntityDescription):
    """Describe a number; its bounds stand in for those a device does not state.

    One of its unit is `scale` of the control's.
    """

    scale: float = 1


def _level(control: Control) -> ChargerNumberDescription:
    """Describe a charge level."""
    return ChargerNumberDescription(
        key=control,
        translation_key=control,
        control=control,
        device_class=NumberDeviceClass.BATTERY,
        native_unit_of_measurement=UnitOfRatio.PERCENTAGE,
        native_min_value=0,
        native_max_value=100,
        native_step=1,
        entity_category=EntityCategory.CONFIG,
    )


NUMBERS: tuple[ChargerNumberDescription, ...] = (
    ChargerNumberDescription(
        key=Control.CURRENT_LIMIT,
        translation_key="charging_current",
        control=Control.CURRENT_LIMIT,
        device_class=NumberDeviceClass.CURRENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        native_min_value=6,
        native_max_value=32,
        native_step=1,
    ),
    ChargerNumberDescription(
        key=Control.POWER_LIMIT,
        translation_key="maximum_power",
        control=Control.POWER_LIMIT,
        device_class=NumberDeviceClass.POWER,
        # As the power that flows is shown.
        native_unit_of_measurement=UnitOfPower.KILO_WATT,
        scale=1000,
        native_min_value=0,
        native_max_value=22,
        native_step=0.1,
    ),
    ChargerNumberDescription(
        key=Control.CIRCUIT_LIMIT,
        translation_key=Control.CIRCUIT_LIMIT,
        control=Control.CIRCUIT_LIMIT,
        device_class=NumberDeviceClass.CURRENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        native_min_value=0,
        native_max_value=1000,
        native_step=1,
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
    ),
    _level(Control.TARGET_MINIMUM),
    _level(Control.TARGET_MAXIMUM),
    _level(Control.DEADLINE_LEVEL),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ChargerConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the numbers of an account."""
    await async_add_offered(entry, async_add_entities, NUMBERS, ChargerNumber)


class ChargerNumber(ControlEntity, NumberEntity):
    """A number of a charger."""

    entity_description: ChargerNumberDescription

    _attr_mode = NumberMode.BOX

    @override
    def show(self, device: Device) -> object:
        """Show the value and its bounds."""
        state = self.state_of(device)
        value = self.shown(device)
        self._attr_native_value = (
            self._scaled(value) if isinstance(value, int | float) else None
        )
        # A bound that is not stated any more gives way to the description's.
        described = self.entity_description
        minimum, maximum, step = state.minimum, state.maximum, state.step
        self._attr_native_min_value = (
            (described.native_min_value or 0)
            if minimum is None
            else self._scaled(minimum)
        )
        self._attr_native_max_value = (
            (described.native_max_value or 0)
            if maximum is None
            else self._scaled(maximum)
        )
        self._attr_native_step = (
            (described.native_step or 1) if step is None else self._scaled(step)
        )
        return value, state.minimum, state.maximum, state.step

    def _scaled(self, value: float) -> float:
        """Return a value of the control in the number's unit."""
        scale = self.entity_description.scale
        return value if scale == 1 else value / scale

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Set the limit or level."""
        scale = self.entity_description.scale
        # What was divided does not always come back to the digit.
        await self.set_control(value if scale == 1 else round(value * scale, 3))
