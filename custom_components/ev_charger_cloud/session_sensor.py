"""Sensors that are made here: estimated energy, what a session and a month came to."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import override

from homeassistant.components.sensor import (
    DOMAIN as SENSOR_DOMAIN,
    RestoreSensor,
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import UnitOfEnergy
from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.restore_state import RestoredExtraData, RestoreEntity
from homeassistant.util import dt as dt_util

from .account import AccountCoordinator
from .charging import Device, DeviceKind, Money, Reading
from .entity import ChargerEntity, ChargerEntityDescription
from .prices import price_now, price_of


@dataclass(frozen=True, kw_only=True)
class ChargerSensorEntityDescription(ChargerEntityDescription, SensorEntityDescription):
    """Describe a sensor of a charger, whatever it shows."""


@dataclass(frozen=True, kw_only=True)
class EstimatedEnergyDescription(ChargerSensorEntityDescription):
    """Describe the energy of a charger that has power and no meter."""

    @cached_property
    @override
    def readings(self) -> frozenset[Reading] | None:
        """Return what it is made from."""
        return frozenset({Reading.CHARGING, Reading.POWER})

    @override
    def offered(self, device: Device) -> bool:
        """Return whether only power is known."""
        return Reading.POWER in device.readings and not (
            device.readings.keys() & {Reading.LIFETIME_ENERGY, Reading.SESSION_ENERGY}
        )


# The ledger's times are rounded.
_ROUNDING = timedelta(seconds=1)


def _nobody(_: Device) -> bool:
    """Say of no device that the user stated its price."""
    return False


@dataclass(frozen=True, kw_only=True)
class SessionCostDescription(ChargerSensorEntityDescription):
    """Describe the cost of the session that runs, or of the last one.

    The cloud tells it as a reading, or it is `priced` by the user.
    """

    reading: Reading = Reading.SESSION_COST
    priced: Callable[[Device], bool] = _nobody

    @override
    def offered(self, device: Device) -> bool:
        """Return whether the cost is told, or can be had by a price."""
        return self.reading in device.readings or self.priced(device)


@dataclass(frozen=True, kw_only=True)
class MonthDescription(ChargerSensorEntityDescription):
    """Describe what the finished sessions of this month came to.

    Money is told of by the cloud, or `priced` by the user.
    """

    money: bool = False
    priced: Callable[[Device], bool] = _nobody

    @cached_property
    @override
    def readings(self) -> frozenset[Reading] | None:
        """Return none: what it shows comes from the ledger."""
        return frozenset()

    @override
    def offered(self, device: Device) -> bool:
        """Return whether a device is a charger, and tells costs where they matter."""
        if device.kind is not DeviceKind.CHARGER:
            return False
        costs = {Reading.SESSION_COST, Reading.LAST_SESSION_COST}
        return (
            not self.money
            or bool(device.readings.keys() & costs)
            or self.priced(device)
        )


ESTIMATED_ENERGY = (
    EstimatedEnergyDescription(
        key="estimated_energy",
        translation_key="estimated_energy",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
        suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        state_class=SensorStateClass.TOTAL_INCREASING,
        lasting=True,
        sampled=True,
    ),
)
SESSION_COST = (
    SessionCostDescription(
        key=Reading.SESSION_COST,
        translation_key=Reading.SESSION_COST,
        device_class=SensorDeviceClass.MONETARY,
        suggested_display_precision=2,
        state_class=SensorStateClass.TOTAL,
        lasting=True,
    ),
)
MONTH = (
    MonthDescription(
        key="energy_this_month",
        translation_key="energy_this_month",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
        suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        state_class=SensorStateClass.TOTAL,
        lasting=True,
    ),
    MonthDescription(
        key="cost_this_month",
        translation_key="cost_this_month",
        device_class=SensorDeviceClass.MONETARY,
        suggested_display_precision=2,
        state_class=SensorStateClass.TOTAL,
        lasting=True,
        money=True,
    ),
)


class ChargerSensorEntity(ChargerEntity, SensorEntity):
    """A sensor that is registered with its precision.

    Home Assistant would write its registry entry, and its state, a second time.
    """

    entity_description: ChargerSensorEntityDescription

    @override
    def get_initial_entity_options(self) -> er.EntityOptionsType | None:
        """Return what is stored the first time the entity is seen."""
        options = super().get_initial_entity_options()
        if (precision := self.suggested_display_precision) is None:
            return options
        return {
            **(options or {}),
            SENSOR_DOMAIN: {"suggested_display_precision": precision},
        }


class LedgerSensorEntity(ChargerSensorEntity):
    """A sensor that shows something anew when the ledger has a session of its device."""

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the ledger."""
        await super().async_added_to_hass()

        @callback
        def kept(device_id: str) -> None:
            if device_id == self.device_id:
                self._handle_coordinator_update()

        self.async_on_remove(self.coordinator.ledger.async_add_listener(kept))


class EstimatedEnergySensor(ChargerSensorEntity, RestoreSensor):
    """Energy by power over time: an estimate, for it is seen at each poll only.

    What flowed in a gap of more than two polls is not known and not counted.
    """

    entity_description: EstimatedEnergyDescription

    def __init__(
        self,
        coordinator: AccountCoordinator,
        device: Device,
        description: EstimatedEnergyDescription,
    ) -> None:
        """Begin at zero; what there was is added when it is restored."""
        self._energy = 0.0
        self._last: tuple[datetime, float] | None = None
        # When it was seen at rest, and nothing else since.
        self._rested: datetime | None = None
        super().__init__(coordinator, device, description)

    @override
    async def async_added_to_hass(self) -> None:
        """Go on where an earlier run stopped."""
        await super().async_added_to_hass()
        last = await self.async_get_last_sensor_data()
        if last is not None and isinstance(last.native_value, int | float):
            self._energy += float(last.native_value)
            self._attr_native_value = round(self._energy, 1)

    @override
    def show(self, device: Device) -> object:
        """Add what flowed since the last sample."""
        now = dt_util.utcnow()
        power = device.readings.get(Reading.POWER)
        live = not device.stale and device.online is not False
        if not live or not isinstance(power, int | float):
            self._last = None
        else:
            power = max(float(power), 0.0)
            pace = self.coordinator.update_interval
            running = self.coordinator.history.running(device)
            if device.charging and self._rested and running:
                # A session that has begun since did so between two looks.
                since = running[0]
                self._last = (since, power) if since > self._rested else None
            if self._last is not None and pace is not None:
                since, before = self._last
                if now - since <= 2 * pace:
                    hours = (now - since).total_seconds() / 3600
                    self._energy += (before + power) / 2 * hours
            self._last = (now, power) if device.charging else None
        resting = live and device.readings.get(Reading.CHARGING) is False
        self._rested = now if resting else None
        self._attr_native_value = round(self._energy, 1)
        return self._attr_native_value


class SessionCostSensor(LedgerSensorEntity, RestoreEntity):
    """What the session that runs costs, or what the last one came to.

    By the user's price what flowed since the last look costs what energy costs now. When
    the session is over, the ledger knows better: it has each hour with its own price.
    """

    entity_description: SessionCostDescription
    _attr_last_reset: datetime | None = None
    # What it comes to, and how much of the session (Wh) that is for.
    _cost: float | None = None
    _currency: str | None = None
    _energy = 0.0

    @property
    @override
    def extra_restore_state_data(self) -> RestoredExtraData:
        """Return what to go on from after a restart."""
        return RestoredExtraData(
            {
                "since": self._attr_last_reset and self._attr_last_reset.timestamp(),
                "cost": self._cost,
                "currency": self._currency,
                "energy": self._energy,
            }
        )

    @override
    async def async_added_to_hass(self) -> None:
        """Go on where an earlier run stopped."""
        await super().async_added_to_hass()
        stored = await self.async_get_last_extra_data()
        last = {} if stored is None else stored.as_dict()
        since = self._attr_last_reset
        if since is not None and last.get("since") == since.timestamp():
            self._cost, self._currency = last["cost"], last["currency"]
            self._energy = last["energy"]
            self._take()

    @override
    def show(self, device: Device) -> object:
        """Show what the cloud tells, or what it comes to by the user's price."""
        stated = price_of(self.coordinator.config_entry.options, device.id)
        if stated:
            self._count(device, price_now(self.coordinator.hass, stated))
        else:
            told = device.readings.get(self.entity_description.reading)
            since = device.readings.get(Reading.SESSION_START)
            self._attr_last_reset = since if isinstance(since, datetime) else None
            self._cost = self._currency = None
            if isinstance(told, Money):
                self._cost, self._currency = told.amount, told.currency
        self._ask_ledger(device, stated=bool(stated))
        cost = self._cost
        if stated and device.charging and not self.coordinator.history.running(device):
            # A session has begun that is not read yet: what is known is the last one's.
            cost = None
        self._attr_native_value = None if cost is None else round(cost, 4)
        self._attr_native_unit_of_measurement = (
            self._currency or self.coordinator.hass.config.currency
        )
        return (
            self._attr_native_value,
            self._attr_last_reset,
            self._attr_native_unit_of_measurement,
        )

    def _count(self, device: Device, price: tuple[float, str] | None) -> None:
        """Add what flowed since the last look."""
        history = self.coordinator.history
        if (running := history.running(device)) is not None:
            since, energy = running
            if since != self._attr_last_reset:
                self._attr_last_reset = since
                self._cost, self._currency, self._energy = None, None, 0.0
            if price is not None and self._currency in (None, price[1]):
                flowed = max(energy - self._energy, 0.0)
                self._cost = (self._cost or 0.0) + flowed * price[0] / 1000
                self._currency = price[1]
                self._energy += flowed

    def _ask_ledger(self, device: Device, *, stated: bool) -> None:
        """Take what is in the ledger of a session that is over.

        What the user never priced, the cloud knows better.
        """
        record = self.coordinator.ledger.last(device.id)
        begin = self._attr_last_reset
        if (
            record is not None
            and record.cost is not None
            and begin is not None
            and record.start >= begin - _ROUNDING
            and (stated or record.price is not None)
        ):
            self._cost, self._currency = record.cost, record.currency


class MonthSensor(ChargerSensorEntity):
    """What the finished sessions of this month came to, by their hours."""

    entity_description: MonthDescription
    _counted = False
    _cancel: CALLBACK_TYPE
    _attr_last_reset: datetime | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the ledger and the calendar."""
        await super().async_added_to_hass()

        @callback
        def kept(device_id: str) -> None:
            device = self.coordinator.data.get(device_id)
            if device and self.coordinator.charger_id(device) == self.device_id:
                self._count_again()

        ledger = self.coordinator.ledger
        self.async_on_remove(ledger.async_add_listener(kept))
        self._await_next_month()

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Wait for no month any more."""
        self._cancel()
        await super().async_will_remove_from_hass()

    @callback
    def _count_again(self) -> None:
        """Count what is new."""
        self._counted = False
        self._handle_coordinator_update()

    @callback
    def _await_next_month(self) -> None:
        """Begin anew with the next month."""

        @callback
        def month_began(_: datetime) -> None:
            self._count_again()
            self._await_next_month()

        this = dt_util.start_of_local_day().replace(day=1)
        # Wherever clocks are changed, that is in the next month.
        next_month = dt_util.start_of_local_day(this + timedelta(days=32))
        wait = next_month.replace(day=1) - dt_util.now()
        self._cancel = async_call_later(
            self.hass, wait, HassJob(month_began, cancel_on_shutdown=True)
        )

    @override
    def show(self, device: Device) -> object:
        """Show what it came to when it was last counted."""
        if not self._counted:
            self._count(device)
            self._counted = True
        return (
            self._attr_native_value,
            self._attr_last_reset,
            self.native_unit_of_measurement,
        )

    def _count(self, device: Device) -> None:
        """Add up the hours of this month."""
        begin = dt_util.start_of_local_day().replace(day=1)
        amounts: list[float] = []
        currencies: set[str] = set()
        for device_id in self.coordinator.parts_of(device):
            totals = self.coordinator.ledger.totals(device_id, begin)
            if not self.entity_description.money:
                amounts += [e for hour, e in totals.energies.items() if hour >= begin]
                continue
            for currency, costs in totals.costs.items():
                due = [cost for hour, cost in costs.items() if hour >= begin]
                if due:
                    currencies.add(currency)
                    amounts += due
        self._attr_last_reset = begin
        if self.entity_description.money:
            # Two currencies have no sum.
            self._attr_native_unit_of_measurement = (
                currencies.pop()
                if len(currencies) == 1
                else self.coordinator.hass.config.currency
            )
            self._attr_native_value = None if currencies else round(sum(amounts), 4)
        else:
            self._attr_native_value = sum(amounts)
