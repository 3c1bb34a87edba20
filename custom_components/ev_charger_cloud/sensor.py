"""Sensors: what chargers, their sessions and their surroundings tell."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, override

from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.const import (
    EntityCategory,
    UnitOfElectricCurrent,
    UnitOfElectricPotential,
    UnitOfEnergy,
    UnitOfPower,
    UnitOfRatio,
    UnitOfTemperature,
    UnitOfTime,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account import AccountCoordinator, ChargerConfigEntry
from .charging import Device, Money, Reading, Unit, Value
from .entity import async_add_offered
from .prices import price_of, states_price
from .session_sensor import (
    ESTIMATED_ENERGY,
    MONTH,
    SESSION_COST,
    ChargerSensorEntity,
    ChargerSensorEntityDescription,
    EstimatedEnergySensor,
    LedgerSensorEntity,
    MonthSensor,
    SessionCostSensor,
)

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ChargerSensorDescription(ChargerSensorEntityDescription):
    """Describe a sensor that shows a reading.

    `unit_of` makes the unit of an amount of money from its currency; `reset_by` is
    the reading that says since when a total counts.
    """

    reading: Reading
    unit_of: Callable[[str], str] | None = None
    reset_by: Reading | None = None

    @cached_property
    @override
    def readings(self) -> frozenset[Reading] | None:
        """Return the reading, and what resets it."""
        return frozenset({self.reading, self.reset_by or self.reading})

    @override
    def offered(self, device: Device) -> bool:
        """Return whether a device has the reading."""
        return self.reading in device.readings


@dataclass(frozen=True, kw_only=True)
class _Quantity:
    """How Home Assistant shows what comes in a unit."""

    device_class: SensorDeviceClass | None
    unit: str
    shown_in: str | None = None
    precision: int = 0


_QUANTITIES = {
    Unit.AMPERE: _Quantity(
        device_class=SensorDeviceClass.CURRENT,
        unit=UnitOfElectricCurrent.AMPERE,
        precision=1,
    ),
    Unit.CELSIUS: _Quantity(
        device_class=SensorDeviceClass.TEMPERATURE, unit=UnitOfTemperature.CELSIUS
    ),
    # Not of the class of batteries: the vehicle's would be shown as the charger's own.
    Unit.PERCENT: _Quantity(device_class=None, unit=UnitOfRatio.PERCENTAGE),
    Unit.SECOND: _Quantity(
        device_class=SensorDeviceClass.DURATION,
        unit=UnitOfTime.SECONDS,
        shown_in=UnitOfTime.MINUTES,
    ),
    Unit.VOLT: _Quantity(
        device_class=SensorDeviceClass.VOLTAGE, unit=UnitOfElectricPotential.VOLT
    ),
    Unit.WATT: _Quantity(
        device_class=SensorDeviceClass.POWER,
        unit=UnitOfPower.WATT,
        shown_in=UnitOfPower.KILO_WATT,
        precision=2,
    ),
    Unit.WATT_HOUR: _Quantity(
        device_class=SensorDeviceClass.ENERGY,
        unit=UnitOfEnergy.WATT_HOUR,
        shown_in=UnitOfEnergy.KILO_WATT_HOUR,
        precision=2,
    ),
}


def _sensor(
    reading: Reading, *, diagnostic: bool = False, enabled: bool = True, **fields: Any
) -> ChargerSensorDescription:
    """Describe the sensor of a reading, by the type and unit of its values.

    The other fields are the description's own.
    """
    derived: dict[str, Any] = {}
    if reading.unit is not None:
        quantity = _QUANTITIES[reading.unit]
        derived = {
            "device_class": quantity.device_class,
            "native_unit_of_measurement": quantity.unit,
            "suggested_unit_of_measurement": quantity.shown_in,
            "suggested_display_precision": quantity.precision,
        }
    elif issubclass(reading.kind, StrEnum):
        derived = {
            "device_class": SensorDeviceClass.ENUM,
            "options": list(reading.kind),
        }
    elif reading.kind is datetime:
        derived = {"device_class": SensorDeviceClass.TIMESTAMP, "lasting": True}
    elif reading.kind is Money:
        derived = {
            "device_class": SensorDeviceClass.MONETARY,
            "suggested_display_precision": 2,
            "unit_of": str,
            "lasting": True,
        }
    return ChargerSensorDescription(
        key=reading,
        translation_key=reading,
        reading=reading,
        entity_category=EntityCategory.DIAGNOSTIC if diagnostic else None,
        entity_registry_enabled_default=enabled,
        **{**derived, **fields},
    )


def _text(reading: Reading) -> ChargerSensorDescription:
    """Describe a sensor that shows the cloud's own words, for the curious."""
    return _sensor(reading, diagnostic=True, enabled=False, lasting=True)


def _measured(reading: Reading, **fields: Any) -> ChargerSensorDescription:
    """Describe a sensor that shows what a meter or the charger measures now."""
    return _sensor(reading, state_class=SensorStateClass.MEASUREMENT, **fields)


def _sampled(reading: Reading, **fields: Any) -> ChargerSensorDescription:
    """Describe a measurement that helpers integrate while a vehicle charges."""
    return _measured(reading, sampled=True, **fields)


def _lasting(reading: Reading, **fields: Any) -> ChargerSensorDescription:
    """Describe a sensor that is still true of a charger which is offline."""
    return _sensor(reading, lasting=True, **fields)


SENSORS: tuple[ChargerSensorDescription, ...] = (
    _sensor(Reading.STATUS, essential=True),
    _text(Reading.CLOUD_STATUS),
    _lasting(Reading.ERROR_CODE, diagnostic=True),
    _text(Reading.ERROR_DETAIL),
    _sampled(Reading.POWER, essential=True),
    _sampled(Reading.CURRENT_PHASE_1),
    _sampled(Reading.CURRENT_PHASE_2),
    _sampled(Reading.CURRENT_PHASE_3),
    _measured(Reading.VOLTAGE_PHASE_1, enabled=False),
    _measured(Reading.VOLTAGE_PHASE_2, enabled=False),
    _measured(Reading.VOLTAGE_PHASE_3, enabled=False),
    _measured(Reading.CURRENT_OFFERED, diagnostic=True),
    _measured(Reading.POWER_OFFERED, diagnostic=True, enabled=False),
    _measured(Reading.MAXIMUM_CURRENT, diagnostic=True, enabled=False),
    _measured(Reading.MAXIMUM_POWER, diagnostic=True, enabled=False),
    _lasting(Reading.MAXIMUM_VOLTAGE, diagnostic=True, enabled=False),
    _text(Reading.CONNECTOR_STANDARD),
    _text(Reading.CONNECTOR_FORMAT),
    _text(Reading.POWER_TYPE),
    _text(Reading.PHASE_ROTATION),
    _measured(Reading.STATE_OF_CHARGE),
    _measured(Reading.TEMPERATURE, diagnostic=True, enabled=False),
    _lasting(Reading.LIFETIME_ENERGY, state_class=SensorStateClass.TOTAL_INCREASING),
    _lasting(Reading.SESSION_STATUS),
    _lasting(
        Reading.SESSION_ENERGY,
        state_class=SensorStateClass.TOTAL,
        reset_by=Reading.SESSION_START,
    ),
    _sensor(Reading.SESSION_START),
    _sensor(Reading.SESSION_END),
    _sensor(Reading.SESSION_DURATION),
    _sensor(Reading.TIME_REMAINING),
    _lasting(Reading.STOP_REASON, diagnostic=True),
    _lasting(Reading.LAST_SESSION_ENERGY),
    _sensor(Reading.LAST_SESSION_COST),
    _lasting(Reading.PAYMENT_STATUS, enabled=False),
    _lasting(Reading.RESERVATION),
    _sensor(Reading.RESERVED_UNTIL, diagnostic=True),
    _sensor(Reading.LIMIT_VALID_UNTIL, diagnostic=True),
    _sensor(Reading.BOOST_STATE),
    _lasting(Reading.SURPLUS_ENERGY),
    _sensor(Reading.SURPLUS_SAVINGS),
    _sensor(Reading.OPTIMISATION_SCORE, diagnostic=True, enabled=False, lasting=True),
    _lasting(Reading.ENERGY_LAST_DAY, enabled=False),
    _lasting(Reading.ENERGY_LAST_WEEK, enabled=False),
    _lasting(Reading.ENERGY_LAST_MONTH, enabled=False),
    _sensor(Reading.LAST_UPDATE, diagnostic=True, enabled=False),
    _sensor(Reading.LAST_HEARTBEAT, diagnostic=True, enabled=False),
    _sensor(Reading.LAST_BOOT, diagnostic=True, enabled=False),
    _sensor(Reading.LAST_CONNECTION, diagnostic=True, enabled=False),
    _sensor(Reading.LAST_DISCONNECTION, diagnostic=True, enabled=False),
    _text(Reading.VENDOR_ID),
    _text(Reading.DATA_SOURCE),
    _text(Reading.SERVER),
    _text(Reading.LICENCE),
    _text(Reading.LAST_ACTION),
    _text(Reading.LAST_ACTION_ERROR),
    _text(Reading.LAST_ACTION_TYPE),
    _text(Reading.LAST_ACTION_RESULT),
    _sensor(Reading.LAST_ACTION_CREATED, diagnostic=True, enabled=False),
    _sensor(Reading.LAST_ACTION_UPDATED, diagnostic=True, enabled=False),
    _sensor(Reading.SCHEDULED_AT, diagnostic=True),
    _lasting(Reading.CONNECTION_STATUS, diagnostic=True),
    _lasting(Reading.MONITORING_STATUS, diagnostic=True),
    _lasting(Reading.STEERING_STATUS, diagnostic=True),
    _text(Reading.STEERING_STATE),
    _text(Reading.OPERATING_MODE),
    _text(Reading.PRICE_ZONE),
    _text(Reading.COMMENT),
    _text(Reading.BUILDING),
    _sensor(Reading.INVERTER_FORCED_MODE_SINCE, diagnostic=True, enabled=False),
    _sensor(Reading.CREATED_AT, diagnostic=True, enabled=False),
    _sensor(Reading.UPDATED_AT, diagnostic=True, enabled=False),
    _sensor(Reading.CHARGE_POLICY_UPDATED_AT, diagnostic=True, enabled=False),
    _sensor(Reading.CONSUMPTION_UPDATED_AT, diagnostic=True, enabled=False),
    _sensor(Reading.MONITORED_AT, diagnostic=True, enabled=False),
    _sensor(
        Reading.ENERGY_PRICE,
        device_class=None,
        lasting=False,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=4,
        unit_of=lambda currency: f"{currency}/{UnitOfEnergy.KILO_WATT_HOUR}",
    ),
    _sensor(Reading.BALANCE),
    _lasting(Reading.SUBSCRIPTION),
    _lasting(Reading.SUBSCRIPTION_PLAN),
    _sensor(Reading.SUBSCRIPTION_END),
    _lasting(Reading.ALLOWANCE, device_class=SensorDeviceClass.ENERGY_STORAGE),
    _text(Reading.TARIFF),
    _text(Reading.PARTNER),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ChargerConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the sensors of an account."""
    await async_add_offered(entry, async_add_entities, SENSORS, _sensor_of)
    await async_add_offered(
        entry, async_add_entities, ESTIMATED_ENERGY, EstimatedEnergySensor
    )

    coordinator, options = entry.runtime_data, entry.options

    def session_priced(device: Device) -> bool:
        """Return whether sessions run at a device, and the user stated their price."""
        seen = {Reading.SESSION_ENERGY}
        if not coordinator.provider.keeps_sessions:
            seen.add(Reading.POWER)
        return bool(device.readings.keys() & seen and price_of(options, device.id))

    def priced(device: Device) -> bool:
        """Return whether the user stated the price of a charger, or of a connector."""
        return bool(price_of(options, device.id)) or any(
            price_of(options, part) for part in coordinator.parts_of(device)
        )

    # By a price it rises while nothing else of the device changes.
    sampled = states_price(options)
    cost = [
        replace(each, priced=session_priced, sampled=sampled) for each in SESSION_COST
    ]
    await async_add_offered(entry, async_add_entities, cost, SessionCostSensor)
    month = [replace(each, priced=priced) for each in MONTH] if sampled else MONTH
    await async_add_offered(entry, async_add_entities, month, MonthSensor)


class ChargerSensor(ChargerSensorEntity):
    """A sensor that shows a reading."""

    entity_description: ChargerSensorDescription
    _attr_last_reset: datetime | None = None

    @override
    def show(self, device: Device) -> object:
        """Show the reading."""
        description = self.entity_description
        value = self._value(device)
        if isinstance(value, Money):
            if description.unit_of:
                self._attr_native_unit_of_measurement = description.unit_of(
                    value.currency or self.coordinator.hass.config.currency
                )
            value = value.amount
        self._attr_native_value = value
        if description.reset_by:
            since = device.readings.get(description.reset_by)
            self._attr_last_reset = since if isinstance(since, datetime) else None
        return value, self._attr_last_reset, self.native_unit_of_measurement

    def _value(self, device: Device) -> Value:
        """Return what there is to show."""
        return device.readings.get(self.entity_description.reading)


class LastSessionCostSensor(LedgerSensorEntity, ChargerSensor):
    """What the last finished session cost, as the ledger has it."""

    @override
    def _value(self, device: Device) -> Value:
        """Return what it cost by the user's price, or as the cloud says."""
        return self.coordinator.history.last_cost(device)


def _sensor_of(
    coordinator: AccountCoordinator,
    device: Device,
    description: ChargerSensorDescription,
) -> ChargerSensor:
    """Return the sensor of a reading."""
    last_cost = description.reading is Reading.LAST_SESSION_COST
    kind = LastSessionCostSensor if last_cost else ChargerSensor
    return kind(coordinator, device, description)
