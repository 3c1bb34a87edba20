"""Sensors: what chargers, their sessions and their surroundings tell."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
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

from .charging import (
    BoostState,
    ChargingStatus,
    Device,
    ErrorCode,
    Health,
    Money,
    Reading,
    ReservationStatus,
    SessionStatus,
    StopReason,
    SubscriptionStatus,
)
from .coordinator import ChargerConfigEntry
from .entity import ChargerEntity, ChargerEntityDescription, async_add_offered

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ChargerSensorDescription(ChargerEntityDescription, SensorEntityDescription):
    """Describe a sensor that shows a reading.

    `unit_of` makes the unit of an amount of money from its currency; `reset_by` is
    the reading that says since when a total counts.
    """

    reading: Reading
    unit_of: Callable[[str], str] | None = None
    reset_by: Reading | None = None

    @override
    def offered(self, device: Device) -> bool:
        """Tell whether a device has the reading."""
        return self.reading in device.readings


def _sensor(
    reading: Reading, *, diagnostic: bool = False, enabled: bool = True, **fields: Any
) -> ChargerSensorDescription:
    """Describe the sensor of a reading; the other fields are the description's own."""
    return ChargerSensorDescription(
        key=reading,
        translation_key=reading,
        reading=reading,
        entity_category=EntityCategory.DIAGNOSTIC if diagnostic else None,
        entity_registry_enabled_default=enabled,
        **fields,
    )


def _words(
    reading: Reading, words: type[StrEnum], **fields: Any
) -> ChargerSensorDescription:
    """Describe a sensor that shows one of a closed set of words."""
    return _sensor(
        reading, device_class=SensorDeviceClass.ENUM, options=list(words), **fields
    )


def _text(reading: Reading) -> ChargerSensorDescription:
    """Describe a sensor that shows the cloud's own words, for the curious."""
    return _sensor(reading, diagnostic=True, enabled=False, lasting=True)


def _time(reading: Reading, **fields: Any) -> ChargerSensorDescription:
    """Describe a sensor that shows a point in time."""
    return _sensor(
        reading, device_class=SensorDeviceClass.TIMESTAMP, lasting=True, **fields
    )


def _measured(
    reading: Reading, device_class: SensorDeviceClass, unit: str, **fields: Any
) -> ChargerSensorDescription:
    """Describe a sensor that shows what a meter or the charger measures."""
    return _sensor(
        reading,
        device_class=device_class,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=unit,
        **fields,
    )


def _current(reading: Reading, **fields: Any) -> ChargerSensorDescription:
    """Describe a sensor that shows a current."""
    return _measured(
        reading,
        SensorDeviceClass.CURRENT,
        UnitOfElectricCurrent.AMPERE,
        suggested_display_precision=1,
        sampled=not fields.get("diagnostic"),
        **fields,
    )


def _voltage(reading: Reading) -> ChargerSensorDescription:
    """Describe a sensor that shows a voltage."""
    return _measured(
        reading,
        SensorDeviceClass.VOLTAGE,
        UnitOfElectricPotential.VOLT,
        suggested_display_precision=0,
        enabled=False,
    )


def _power(reading: Reading, **fields: Any) -> ChargerSensorDescription:
    """Describe a sensor that shows a power."""
    return _measured(
        reading,
        SensorDeviceClass.POWER,
        UnitOfPower.WATT,
        suggested_unit_of_measurement=UnitOfPower.KILO_WATT,
        suggested_display_precision=2,
        sampled=not fields.get("diagnostic"),
        **fields,
    )


def _energy(
    reading: Reading, state_class: SensorStateClass | None, **fields: Any
) -> ChargerSensorDescription:
    """Describe a sensor that shows an amount of energy."""
    return _sensor(
        reading,
        device_class=SensorDeviceClass.ENERGY,
        state_class=state_class,
        native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
        suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        lasting=True,
        **fields,
    )


def _money(
    reading: Reading, state_class: SensorStateClass | None = None, **fields: Any
) -> ChargerSensorDescription:
    """Describe a sensor that shows an amount of money."""
    return _sensor(
        reading,
        device_class=SensorDeviceClass.MONETARY,
        state_class=state_class,
        suggested_display_precision=2,
        unit_of=str,
        lasting=True,
        **fields,
    )


def _duration(reading: Reading) -> ChargerSensorDescription:
    """Describe a sensor that shows a span of time."""
    return _sensor(
        reading,
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_unit_of_measurement=UnitOfTime.MINUTES,
        suggested_display_precision=0,
    )


SENSORS: tuple[ChargerSensorDescription, ...] = (
    _words(Reading.STATUS, ChargingStatus, essential=True),
    _text(Reading.CLOUD_STATUS),
    _words(Reading.ERROR_CODE, ErrorCode, diagnostic=True, lasting=True),
    _text(Reading.ERROR_DETAIL),
    _power(Reading.POWER, essential=True),
    _current(Reading.CURRENT_PHASE_1),
    _current(Reading.CURRENT_PHASE_2),
    _current(Reading.CURRENT_PHASE_3),
    _voltage(Reading.VOLTAGE_PHASE_1),
    _voltage(Reading.VOLTAGE_PHASE_2),
    _voltage(Reading.VOLTAGE_PHASE_3),
    _current(Reading.CURRENT_OFFERED, diagnostic=True),
    _power(Reading.POWER_OFFERED, diagnostic=True, enabled=False),
    _current(Reading.MAXIMUM_CURRENT, diagnostic=True, enabled=False),
    _power(Reading.MAXIMUM_POWER, diagnostic=True, enabled=False),
    _measured(
        Reading.STATE_OF_CHARGE,
        SensorDeviceClass.BATTERY,
        UnitOfRatio.PERCENTAGE,
        suggested_display_precision=0,
    ),
    _measured(
        Reading.TEMPERATURE,
        SensorDeviceClass.TEMPERATURE,
        UnitOfTemperature.CELSIUS,
        suggested_display_precision=0,
        diagnostic=True,
        enabled=False,
    ),
    _energy(Reading.LIFETIME_ENERGY, SensorStateClass.TOTAL_INCREASING),
    _words(Reading.SESSION_STATUS, SessionStatus, lasting=True),
    _energy(
        Reading.SESSION_ENERGY,
        SensorStateClass.TOTAL,
        reset_by=Reading.SESSION_START,
    ),
    _money(
        Reading.SESSION_COST, SensorStateClass.TOTAL, reset_by=Reading.SESSION_START
    ),
    _time(Reading.SESSION_START),
    _time(Reading.SESSION_END),
    _duration(Reading.SESSION_DURATION),
    _duration(Reading.TIME_REMAINING),
    _words(Reading.STOP_REASON, StopReason, diagnostic=True, lasting=True),
    _energy(Reading.LAST_SESSION_ENERGY, None),
    _money(Reading.LAST_SESSION_COST),
    _words(Reading.RESERVATION, ReservationStatus, lasting=True),
    _time(Reading.LIMIT_VALID_UNTIL, diagnostic=True),
    _words(Reading.BOOST_STATE, BoostState),
    _energy(Reading.SURPLUS_ENERGY, None),
    _money(Reading.SURPLUS_SAVINGS),
    _sensor(Reading.OPTIMISATION_SCORE, diagnostic=True, enabled=False, lasting=True),
    _energy(Reading.ENERGY_LAST_DAY, None, enabled=False),
    _energy(Reading.ENERGY_LAST_WEEK, None, enabled=False),
    _energy(Reading.ENERGY_LAST_MONTH, None, enabled=False),
    _time(Reading.LAST_UPDATE, diagnostic=True, enabled=False),
    _time(Reading.LAST_HEARTBEAT, diagnostic=True, enabled=False),
    _time(Reading.LAST_BOOT, diagnostic=True, enabled=False),
    _text(Reading.DATA_SOURCE),
    _text(Reading.SERVER),
    _text(Reading.LICENCE),
    _text(Reading.LAST_ACTION),
    _text(Reading.LAST_ACTION_ERROR),
    _time(Reading.SCHEDULED_AT, diagnostic=True),
    _words(Reading.CONNECTION_STATUS, Health, diagnostic=True, lasting=True),
    _words(Reading.MONITORING_STATUS, Health, diagnostic=True, lasting=True),
    _words(Reading.STEERING_STATUS, Health, diagnostic=True, lasting=True),
    _text(Reading.STEERING_STATE),
    _text(Reading.OPERATING_MODE),
    _sensor(
        Reading.ENERGY_PRICE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=4,
        unit_of=lambda currency: f"{currency}/{UnitOfEnergy.KILO_WATT_HOUR}",
    ),
    _money(Reading.BALANCE),
    _words(Reading.SUBSCRIPTION, SubscriptionStatus, lasting=True),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ChargerConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the sensors of an account."""
    await async_add_offered(entry, async_add_entities, SENSORS, ChargerSensor)


class ChargerSensor(ChargerEntity, SensorEntity):
    """A sensor that shows a reading."""

    entity_description: ChargerSensorDescription
    _attr_last_reset: datetime | None = None

    @override
    def show(self, device: Device) -> object:
        """Show the reading."""
        description = self.entity_description
        value = device.readings.get(description.reading)
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
