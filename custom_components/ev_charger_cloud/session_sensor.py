"""Sensors that are made here: estimated energy, and what a month came to."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import override

from homeassistant.components.sensor import (
    RestoreSensor,
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import UnitOfEnergy
from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .account import AccountCoordinator
from .charging import Device, DeviceKind, Reading
from .entity import ChargerEntity, ChargerEntityDescription


@dataclass(frozen=True, kw_only=True)
class EstimatedEnergyDescription(ChargerEntityDescription, SensorEntityDescription):
    """Describe the energy of a charger that has power and no meter."""

    @override
    def offered(self, device: Device) -> bool:
        """Return whether only power is known."""
        return Reading.POWER in device.readings and not (
            device.readings.keys() & {Reading.LIFETIME_ENERGY, Reading.SESSION_ENERGY}
        )


@dataclass(frozen=True, kw_only=True)
class MonthDescription(ChargerEntityDescription, SensorEntityDescription):
    """Describe what the finished sessions of this month came to.

    Money is told of by the cloud, or `priced` by the user.
    """

    money: bool = False
    priced: bool = False

    @override
    def offered(self, device: Device) -> bool:
        """Return whether a device is a charger, and tells costs where they matter."""
        if device.kind is not DeviceKind.CHARGER:
            return False
        costs = {Reading.SESSION_COST, Reading.LAST_SESSION_COST}
        return not self.money or self.priced or bool(device.readings.keys() & costs)


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


class EstimatedEnergySensor(ChargerEntity, RestoreSensor):
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
            if self._last is not None and pace is not None:
                since, before = self._last
                if now - since <= 2 * pace:
                    hours = (now - since).total_seconds() / 3600
                    self._energy += (before + power) / 2 * hours
            self._last = (now, power) if device.charging else None
        self._attr_native_value = round(self._energy, 1)
        return self._attr_native_value


class MonthSensor(ChargerEntity, SensorEntity):
    """What the finished sessions of this month came to, by their hours."""

    entity_description: MonthDescription
    _counted = False
    _cancel: CALLBACK_TYPE
    _attr_last_reset: datetime | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the ledger and the calendar."""
        await super().async_added_to_hass()

        ledger = self.coordinator.ledger
        self.async_on_remove(ledger.async_add_listener(self._count_again))
        self._await_next_month()

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Wait for no month any more."""
        self._cancel()
        await super().async_will_remove_from_hass()

    @callback
    def _count_again(self, _: object) -> None:
        """Count what is new."""
        self._counted = False
        self._handle_coordinator_update()

    @callback
    def _await_next_month(self) -> None:
        """Begin anew with the next month."""

        @callback
        def month_began(_: datetime) -> None:
            self._count_again(None)
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
