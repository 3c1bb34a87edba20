"""What the ledger knows by hour, in Home Assistant's long-term statistics.

The ledger knows from which hour on something changed; from there on rows are written
anew, so that sums stay right after a correction. What it did not change is not written.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
import hashlib
import re
from typing import NamedTuple

from homeassistant.components.recorder import get_instance
from homeassistant.components.recorder.models import (
    StatisticData,
    StatisticMeanType,
    StatisticMetaData,
)
from homeassistant.components.recorder.statistics import (
    async_add_external_statistics,
    get_last_statistics,
)
from homeassistant.const import UnitOfEnergy
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util.unit_conversion import EnergyConverter

from .const import DOMAIN
from .coordinator import ChargingCoordinator
from .ledger import HourTotals, Ledger
from .names import async_statistic_name

# Sessions that come together are written together.
_DELAY = 10.0  # s
# Older recorders write each row for itself: others get their turn in between.
_CHUNK = 500

_TOLERANCE = 0.01  # kWh, or of a currency


class _Series(NamedTuple):
    """One statistic: its rows by hour and what came before them."""

    id: str
    currency: str | None
    base: float
    hours: dict[datetime, float]

    @property
    def total(self) -> float:
        """Return the sum of everything."""
        return self.base + sum(self.hours.values())


class SessionStatistics:
    """Writes the statistics of an account."""

    def __init__(
        self,
        hass: HomeAssistant,
        coordinator: ChargingCoordinator,
        ledger: Ledger,
        written: Callable[[], Awaitable[None]],
    ) -> None:
        """Prepare; `written` is awaited whenever something may have been."""
        self._written = written
        self._hass = hass
        self._coordinator = coordinator
        self._ledger = ledger
        self._unlisten: CALLBACK_TYPE | None = None
        self._cancel: CALLBACK_TYPE | None = None

    @callback
    def async_start(self) -> None:
        """Write what is pending, now and whenever a session is kept."""
        self._unlisten = self._ledger.async_add_listener(lambda _: self._write_soon())
        self._later(self._check)

    @callback
    def close(self) -> None:
        """Write no more."""
        for cancel in self._unlisten, self._cancel:
            if cancel is not None:
                cancel()
        self._unlisten = self._cancel = None

    @callback
    def _write_soon(self) -> None:
        """Write in a while, unless that is to be already."""
        if self._cancel is None:
            self._later(self._write)

    @callback
    def _later(self, action: Callable[[], Awaitable[None]]) -> None:
        """Do something in a while."""

        async def act(_: datetime) -> None:
            self._cancel = None
            await action()

        self._cancel = async_call_later(
            self._hass, _DELAY, HassJob(act, cancel_on_shutdown=True)
        )

    async def _check(self) -> None:
        """Write everything anew that is not in the database as the ledger has it.

        The user may have deleted a statistic or restored a backup.
        """
        if not self._recording:
            return
        for device_id in self._ledger.device_ids:
            for series in await self._series(device_id):
                last = await get_instance(self._hass).async_add_executor_job(
                    get_last_statistics, self._hass, 1, series.id, True, {"sum"}
                )
                rows = last.get(series.id)
                told = rows[0].get("sum") if rows else None
                if told is None or abs(told - series.total) > _TOLERANCE:
                    self._ledger.mark(device_id, min(series.hours))
        await self._write()

    @property
    def _recording(self) -> bool:
        """Return whether there is a recorder; without one the ledger just waits."""
        return "recorder" in self._hass.config.components

    async def _write(self) -> None:
        """Write what has changed, and see what the Energy dashboard makes of it."""
        if not self._recording:
            return
        await self._write_pending()
        await self._written()

    async def _write_pending(self) -> None:
        """Write the statistics that have to be."""
        for device_id, since in list(self._ledger.pending.items()):
            device = self._coordinator.data.get(device_id)
            if device is None:
                continue
            name = self._coordinator.name_of(device)
            # What changes from now on is pending anew.
            del self._ledger.pending[device_id]
            self._ledger.save()
            for series in await self._series(device_id):
                self._write_series(series, datetime.fromtimestamp(since, UTC), name)

    def _write_series(self, series: _Series, since: datetime, name: str) -> None:
        """Write the rows of a statistic from an hour on."""
        total = series.base + sum(
            amount for hour, amount in series.hours.items() if hour < since
        )
        rows: list[StatisticData] = []
        for hour in sorted(hour for hour in series.hours if hour >= since):
            total += series.hours[hour]
            rows.append(
                StatisticData(start=hour, state=series.hours[hour], sum=round(total, 6))
            )
        money = series.currency is not None
        metadata = StatisticMetaData(
            mean_type=StatisticMeanType.NONE,
            has_sum=True,
            name=async_statistic_name(self._hass, "cost" if money else "energy", name),
            source=DOMAIN,
            statistic_id=series.id,
            unit_class=None if money else EnergyConverter.UNIT_CLASS,
            unit_of_measurement=series.currency or UnitOfEnergy.KILO_WATT_HOUR,
        )
        for first in range(0, len(rows), _CHUNK):
            async_add_external_statistics(
                self._hass, metadata, rows[first : first + _CHUNK]
            )

    async def _series(self, device_id: str) -> list[_Series]:
        """Return the statistics of a device, those that have hours."""
        totals: HourTotals = await self._hass.async_add_executor_job(
            self._ledger.totals, device_id
        )
        unique_id = self._coordinator.devices.unique_id(device_id)
        key = statistic_key(unique_id)
        series = [
            _Series(
                energy_statistic_id(unique_id),
                None,
                totals.base_energy / 1000,
                {hour: energy / 1000 for hour, energy in totals.energies.items()},
            )
        ]
        series += [
            _Series(
                f"{DOMAIN}:{key}_cost_{currency.lower()}",
                currency,
                totals.base_costs.get(currency, 0.0),
                costs,
            )
            for currency, costs in sorted(totals.costs.items())
        ]
        return [each for each in series if each.hours]


def energy_statistic_id(unique_id: str) -> str:
    """Return the id of the energy of a device's sessions."""
    return f"{DOMAIN}:{statistic_key(unique_id)}_energy"


def statistic_key(unique_id: str) -> str:
    """Return an id in the few letters that statistics may have, unlike any other's."""
    key = re.sub(r"[^a-z0-9]+", "_", unique_id.lower()).strip("_")
    if key == unique_id:
        return key
    return f"{key}_{hashlib.sha256(unique_id.encode()).hexdigest()[:6]}".strip("_")
