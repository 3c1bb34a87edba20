"""What the ledger knows by hour, in Home Assistant's long-term statistics.

The ledger knows from which hour on something changed; from there on rows are written
anew, so that sums stay right after a correction. What it did not change is not written.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
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
    get_metadata,
    statistics_during_period,
)
from homeassistant.const import UnitOfEnergy
from homeassistant.core import CALLBACK_TYPE, Event, HassJob, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.event import async_call_later
from homeassistant.util.unit_conversion import EnergyConverter

from .const import DOMAIN
from .coordinator import ChargingCoordinator
from .identity import chargers_of_older_accounts, is_among
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
        self._unlisten: list[CALLBACK_TYPE] = []
        self._cancel: CALLBACK_TYPE | None = None
        # Whether names may have changed: while nobody looked as well.
        self._renamed = True

    @callback
    def async_start(self) -> None:
        """Write what is pending, now and whenever a session is kept."""
        self._unlisten = [
            self._ledger.async_add_listener(lambda _: self._write_soon()),
            self._hass.bus.async_listen(
                dr.EVENT_DEVICE_REGISTRY_UPDATED, self._device_updated
            ),
        ]
        self._later(self._check)

    @callback
    def close(self) -> None:
        """Write no more."""
        for cancel in (*self._unlisten, self._cancel):
            if cancel is not None:
                cancel()
        self._unlisten, self._cancel = [], None

    @callback
    def _device_updated(self, event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
        """Have statistics renamed with their devices; those of connectors follow."""
        data = event.data
        if (
            data["action"] == "update"
            and not data["changes"].keys().isdisjoint({"name", "name_by_user"})
            and self._coordinator.device_of(data["device_id"]) is not None
        ):
            self._renamed = True
            self._write_soon()

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
        for device_id in self._written_here():
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
        if self._renamed:
            self._renamed = False
            await self._rename()
        await self._written()

    def _written_here(self) -> list[str]:
        """Return the devices whose statistics this account writes.

        A charger that an older account has too is written there: once is enough.
        """
        older = chargers_of_older_accounts(self._hass, self._coordinator.config_entry)
        found = []
        for device_id in self._ledger.device_ids:
            device = self._coordinator.data.get(device_id)
            if device is None:
                continue
            charger = self._coordinator.data[self._coordinator.charger_id(device)]
            if not is_among(older, charger.id, charger.serial):
                found.append(device_id)
        return found

    async def _write_pending(self) -> None:
        """Write the statistics that have to be."""
        for device_id in self._written_here():
            since = self._ledger.pending.get(device_id)
            if since is None:
                continue
            name = self._coordinator.title_of(self._coordinator.data[device_id])
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
        metadata = self._metadata(series.id, series.currency, name)
        for first in range(0, len(rows), _CHUNK):
            async_add_external_statistics(
                self._hass, metadata, rows[first : first + _CHUNK]
            )

    def _metadata(
        self, statistic_id: str, currency: str | None, name: str
    ) -> StatisticMetaData:
        """Describe a statistic: of energy, or of money where there is a currency."""
        money = currency is not None
        return StatisticMetaData(
            mean_type=StatisticMeanType.NONE,
            has_sum=True,
            name=async_statistic_name(self._hass, "cost" if money else "energy", name),
            source=DOMAIN,
            statistic_id=statistic_id,
            unit_class=None if money else EnergyConverter.UNIT_CLASS,
            unit_of_measurement=currency or UnitOfEnergy.KILO_WATT_HOUR,
        )

    async def _rename(self) -> None:
        """Give statistics the present names of their devices, and the language's."""
        known = await get_instance(self._hass).async_add_executor_job(
            partial(get_metadata, self._hass, statistic_source=DOMAIN)
        )
        names = {
            statistic_key(self._coordinator.devices.unique_id(device_id)): (
                self._coordinator.title_of(self._coordinator.data[device_id])
            )
            for device_id in self._written_here()
        }
        for statistic_id, (_, metadata) in known.items():
            key = statistic_id.removeprefix(f"{DOMAIN}:")
            currency = None
            if key.endswith("_energy"):
                key = key.removesuffix("_energy")
            else:
                key = key.rpartition("_cost_")[0]
                currency = metadata["unit_of_measurement"]
            if key in names:
                wanted = self._metadata(statistic_id, currency, names[key])
                if wanted["name"] != metadata["name"]:
                    async_add_external_statistics(self._hass, wanted, [])

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
                f"{DOMAIN}:{key}_cost_{statistic_key(currency.lower())}",
                currency,
                totals.base_costs.get(currency, 0.0),
                costs,
            )
            for currency, costs in sorted(totals.costs.items())
        ]
        return [await self._after_what_there_was(each) for each in series if each.hours]

    async def _after_what_there_was(self, series: _Series) -> _Series:
        """Return a statistic that goes on after the rows from before the ledger.

        They are of an account that was removed and added again, or are dropped here.
        """
        first = min(series.hours)
        found = await get_instance(self._hass).async_add_executor_job(
            statistics_during_period,
            self._hass,
            datetime.fromtimestamp(0, UTC),
            first,
            {series.id},
            "hour",
            None,
            {"sum"},
        )
        sums = [row.get("sum") for row in found.get(series.id, ())]
        return series if not sums else series._replace(base=sums[-1] or 0.0)


def energy_statistic_id(unique_id: str) -> str:
    """Return the id of the energy of a device's sessions."""
    return f"{DOMAIN}:{statistic_key(unique_id)}_energy"


def statistic_key(unique_id: str) -> str:
    """Return an id in the few letters that statistics may have, unlike any other's."""
    key = re.sub(r"[^a-z0-9]+", "_", unique_id.lower()).strip("_")
    if key == unique_id:
        return key
    return f"{key}_{hashlib.sha256(unique_id.encode()).hexdigest()[:6]}".strip("_")
