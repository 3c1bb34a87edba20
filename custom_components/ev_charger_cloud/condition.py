"""Conditions for chargers."""

from typing import ClassVar, override

from homeassistant.components.binary_sensor import DOMAIN as BINARY_SENSOR_DOMAIN
from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN
from homeassistant.components.switch import DOMAIN as SWITCH_DOMAIN
from homeassistant.const import STATE_ON, UnitOfEnergy
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import (
    Condition,
    EntityConditionBase,
    EntityNumericalConditionWithUnitBase,
    EntityStateConditionBase,
)
from homeassistant.util.unit_conversion import EnergyConverter

from .charging import Control, Reading
from .entity import entities_of


class ChargerCondition(EntityConditionBase):
    """A condition on one kind of entity of this integration."""

    _translation_key: ClassVar[str]

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Keep the entities of this integration that the condition is about."""
        return entities_of(
            self._hass, super().entity_filter(entities), self._translation_key
        )

    @override
    def _check_all_match_state(self, states: list[State]) -> bool:
        """Return whether all match: of chargers nobody can read, none does."""
        return bool(states) and super()._check_all_match_state(states)


def _is_on(domain: str, translation_key: str) -> type[Condition]:
    """Make a condition that is true of entities which are on."""

    class StateCondition(ChargerCondition, EntityStateConditionBase):
        """True of entities that are on."""

        _domain_specs = {domain: DomainSpec()}
        _states = {STATE_ON}
        _translation_key = translation_key

    return StateCondition


class SessionEnergyCondition(ChargerCondition, EntityNumericalConditionWithUnitBase):
    """Compares the energy of the running session, or the last one, with a threshold."""

    _domain_specs = {SENSOR_DOMAIN: DomainSpec()}
    _base_unit = UnitOfEnergy.KILO_WATT_HOUR
    _unit_converter = EnergyConverter
    _translation_key = Reading.SESSION_ENERGY


CONDITIONS: dict[str, type[Condition]] = {
    "is_vehicle_connected": _is_on(BINARY_SENSOR_DOMAIN, Reading.PLUG),
    "is_charging": _is_on(BINARY_SENSOR_DOMAIN, Reading.CHARGING),
    "is_charging_allowed": _is_on(SWITCH_DOMAIN, Control.CHARGING),
    "is_session_energy": SessionEnergyCondition,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions for chargers."""
    return CONDITIONS
