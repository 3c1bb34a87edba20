"""Binary sensors: what is or is not the case with a charger."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account import ChargerConfigEntry
from .charging import (
    LIMITED_BY,
    STALLED_BY,
    Device,
    Reading,
    Value,
    limit_check,
    stalled,
    tells_stalled,
)
from .entity import ChargerEntity, ChargerEntityDescription, async_add_offered

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ChargerBinarySensorDescription(
    ChargerEntityDescription, BinarySensorEntityDescription
):
    """Describe a binary sensor."""

    def state(self, device: Device) -> bool | None:
        """Return what is the case, None when nobody knows."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ReadingDescription(ChargerBinarySensorDescription):
    """Describe a reading; `is_on` makes the state from its value."""

    reading: Reading
    is_on: Callable[[Value], bool] = bool

    @cached_property
    @override
    def readings(self) -> frozenset[Reading] | None:
        """Return the reading."""
        return frozenset({self.reading})

    @override
    def offered(self, device: Device) -> bool:
        """Return whether a device has the reading."""
        return self.reading in device.readings

    @override
    def state(self, device: Device) -> bool | None:
        """Return what the reading says."""
        value = device.readings.get(self.reading)
        return None if value is None else self.is_on(value)


@dataclass(frozen=True, kw_only=True)
class OnlineDescription(ChargerBinarySensorDescription):
    """Describe the charger's own connection to its cloud."""

    @cached_property
    @override
    def readings(self) -> frozenset[Reading] | None:
        """Return none: it is no reading."""
        return frozenset()

    @override
    def offered(self, device: Device) -> bool:
        """Return whether the cloud tells it; a connector seldom has a line of its own."""
        return device.tells_online or (
            device.parent is None and device.online is not None
        )

    @override
    def state(self, device: Device) -> bool | None:
        """Return whether the charger is connected."""
        return device.online


@dataclass(frozen=True, kw_only=True)
class StalledDescription(ChargerBinarySensorDescription):
    """Describe a vehicle that may charge and does not."""

    @cached_property
    @override
    def readings(self) -> frozenset[Reading] | None:
        """Return what it is judged by."""
        return STALLED_BY

    @override
    def offered(self, device: Device) -> bool:
        """Return whether a device tells enough to judge."""
        return tells_stalled(device)

    @override
    def state(self, device: Device) -> bool | None:
        """Return whether charging has stalled."""
        return stalled(device) if tells_stalled(device) else None


@dataclass(frozen=True, kw_only=True)
class LimitDescription(ChargerBinarySensorDescription):
    """Describe a vehicle that draws more than it may."""

    @cached_property
    @override
    def readings(self) -> frozenset[Reading] | None:
        """Return what it is judged by."""
        return LIMITED_BY

    @override
    def offered(self, device: Device) -> bool:
        """Return whether a device tells its limit and what flows."""
        return limit_check(device) is not None

    @override
    def state(self, device: Device) -> bool | None:
        """Return whether more flows than was asked."""
        check = limit_check(device)
        return None if check is None else check.passed


def _diagnostic(
    reading: Reading,
    device_class: BinarySensorDeviceClass | None = None,
    *,
    enabled: bool = True,
    is_on: Callable[[Value], bool] = bool,
) -> ReadingDescription:
    """Describe a reading for those who look after the installation."""
    return ReadingDescription(
        key=reading,
        translation_key=reading,
        reading=reading,
        device_class=device_class,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=enabled,
        is_on=is_on,
        lasting=True,
    )


BINARY_SENSORS: tuple[ChargerBinarySensorDescription, ...] = (
    ReadingDescription(
        key=Reading.PLUG,
        translation_key=Reading.PLUG,
        reading=Reading.PLUG,
        device_class=BinarySensorDeviceClass.PLUG,
    ),
    ReadingDescription(
        key=Reading.CHARGING,
        translation_key=Reading.CHARGING,
        reading=Reading.CHARGING,
        device_class=BinarySensorDeviceClass.BATTERY_CHARGING,
    ),
    OnlineDescription(
        key="online",
        translation_key="online",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        essential=True,
        lasting=True,
    ),
    _diagnostic(Reading.PROBLEM, BinarySensorDeviceClass.PROBLEM),
    ReadingDescription(
        key=Reading.FULLY_CHARGED,
        translation_key=Reading.FULLY_CHARGED,
        reading=Reading.FULLY_CHARGED,
    ),
    ReadingDescription(
        key=Reading.PAUSED,
        translation_key=Reading.PAUSED,
        reading=Reading.PAUSED,
    ),
    ReadingDescription(
        key=Reading.SOCKET_LOCK,
        translation_key=Reading.SOCKET_LOCK,
        reading=Reading.SOCKET_LOCK,
        device_class=BinarySensorDeviceClass.LOCK,
        entity_category=EntityCategory.DIAGNOSTIC,
        # This class is on when it is open.
        is_on=lambda locked: not locked,
    ),
    StalledDescription(
        key="stalled",
        translation_key="stalled",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
    LimitDescription(
        key="limit_not_followed",
        translation_key="limit_not_followed",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
    _diagnostic(Reading.DATA_LINK, BinarySensorDeviceClass.CONNECTIVITY),
    _diagnostic(Reading.LINKED, BinarySensorDeviceClass.CONNECTIVITY),
    _diagnostic(Reading.ATTENTION_NEEDED, BinarySensorDeviceClass.PROBLEM),
    _diagnostic(Reading.NEEDS_GATEWAY, enabled=False),
    _diagnostic(Reading.FORECASTING, enabled=False),
    _diagnostic(Reading.TRADING, enabled=False),
    _diagnostic(Reading.INVERTER_FORCED_MODE, enabled=False),
    _diagnostic(Reading.INVERTER_FORCED_MODE_ENABLED, enabled=False),
    _diagnostic(Reading.BLOCKED, BinarySensorDeviceClass.PROBLEM, enabled=False),
    _diagnostic(Reading.SETUP_PENDING, enabled=False),
    _diagnostic(Reading.SETUP_COMPLETED, enabled=False),
    _diagnostic(Reading.DIRECT_CURRENT, enabled=False),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ChargerConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the binary sensors of an account."""
    await async_add_offered(
        entry, async_add_entities, BINARY_SENSORS, ChargerBinarySensor
    )


class ChargerBinarySensor(ChargerEntity, BinarySensorEntity):
    """A binary sensor of a charger."""

    entity_description: ChargerBinarySensorDescription

    @override
    def show(self, device: Device) -> object:
        """Show the state."""
        self._attr_is_on = self.entity_description.state(device)
        return self._attr_is_on
