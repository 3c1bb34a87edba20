"""The life of a session: what is kept of it when it is over.

A row is written once. When the cloud corrects a session, a row with the same id follows,
and the last one counts; the earlier ones stay as a proof, and tell which hours were
written before. Rows older than five years are dropped, but for their sums.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Self

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from .charging import Money
from .charging.energy_hours import HOUR, EnergyHour, HourSource, hour_of
from .const import DOMAIN

_VERSION = 1
_DELAY = 30  # s

KEPT = timedelta(days=5 * 365 + 1)

# A station's clock may be wrong by days: such sessions are kept but not counted.
_LONGEST = timedelta(days=31)
_AHEAD = timedelta(hours=1)

_SOURCES = list(HourSource)
# What is used of an hour's cost: nothing below a hundredth of a cent.
_PRECISION = 6

type Row = list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A finished session as the ledger keeps it; energies are in Wh.

    `cost` is the cloud's own, or by a `price` (per kWh) that was set here. `observed`
    sessions are those of clouds that keep none: what was seen from here. What is not
    `sound` is kept, and counted nowhere.
    """

    id: str
    device_id: str
    start: datetime
    end: datetime
    energy: float | None = None
    hours: tuple[EnergyHour, ...] = ()
    source: HourSource = HourSource.EVEN
    cost: float | None = None
    currency: str | None = None
    price: float | None = None
    id_token: str | None = None
    user_id: str | None = None
    stop_reason: str | None = None
    meter_start: float | None = None
    meter_stop: float | None = None
    connector: str | None = None
    payment_status: str | None = None
    key: str | None = None
    observed: bool = False
    sound: bool = True
    recorded_at: datetime = field(
        default=datetime.min.replace(tzinfo=UTC), compare=False
    )

    @property
    def estimated(self) -> bool:
        """Return whether the energy of any hour is an estimate."""
        unmetered = self.observed and self.source is not HourSource.REGISTER
        return unmetered or any(hour.estimated for hour in self.hours)

    @property
    def paid(self) -> Money | None:
        """Return what it cost, where that is known."""
        return None if self.cost is None else Money(self.cost, self.currency)

    @property
    def hour_costs(self) -> Iterator[tuple[datetime, float]]:
        """Yield what each hour cost; what the session cost goes by its energy.

        The cloud's costs by hour are used when they add up to the session's.
        """
        if self.cost is None or self.currency is None:
            return
        if not self.hours and self.cost:
            # A fee, and no energy.
            yield hour_of(self.start), self.cost
            return
        total = sum(hour.energy for hour in self.hours)
        told = sum(hour.cost or 0.0 for hour in self.hours)
        by_hour = told and abs(told - self.cost) <= max(0.05 * abs(self.cost), 0.01)
        for hour in self.hours:
            if by_hour:
                share = (hour.cost or 0.0) / told
            elif total:
                share = hour.energy / total
            else:
                continue
            yield hour.start, self.cost * share

    def to_row(self) -> Row:
        """Return this as it is stored: no names, and hours one after the other."""
        hours = {hour.start: hour for hour in self.hours}
        first = min(hours, default=None)
        energies: list[int] = []
        costs: list[float | None] = []
        estimated: list[int] = []
        if first is not None:
            for index in range(round((max(hours) - first) / HOUR) + 1):
                hour = hours.get(first + index * HOUR)
                energies.append(hour.energy if hour else 0)
                costs.append(hour.cost if hour else None)
                if hour is not None and hour.estimated:
                    estimated.append(index)
        all_estimated = bool(hours) and len(estimated) == len(hours)
        return [
            self.id,
            round(self.start.timestamp(), 3),
            round(self.end.timestamp(), 3),
            self.energy,
            None if first is None else round(first.timestamp() / 3600),
            energies,
            all_estimated or estimated,
            costs if any(cost is not None for cost in costs) else None,
            _SOURCES.index(self.source),
            self.cost,
            self.currency,
            self.price,
            self.id_token,
            self.user_id,
            self.stop_reason,
            self.meter_start,
            self.meter_stop,
            self.connector,
            self.payment_status,
            self.key,
            self.observed,
            self.sound,
            round(self.recorded_at.timestamp()),
        ]

    @classmethod
    def from_row(cls, device_id: str, row: Row) -> Self:
        """Return what was stored."""
        (
            session_id,
            start,
            end,
            energy,
            first,
            energies,
            estimated,
            costs,
            source,
            cost,
            currency,
            price,
            id_token,
            user_id,
            stop_reason,
            meter_start,
            meter_stop,
            connector,
            payment_status,
            key,
            observed,
            sound,
            recorded_at,
        ) = row
        hours = tuple(
            EnergyHour(
                start=_moment((first + index) * 3600),
                energy=part,
                estimated=estimated is True or index in estimated,
                cost=costs[index] if costs else None,
            )
            for index, part in enumerate(energies)
            if part or (costs and costs[index] is not None)
        )
        return cls(
            id=session_id,
            device_id=device_id,
            start=_moment(start),
            end=_moment(end),
            energy=energy,
            hours=hours,
            source=_SOURCES[source],
            cost=cost,
            currency=currency,
            price=price,
            id_token=id_token,
            user_id=user_id,
            stop_reason=stop_reason,
            meter_start=meter_start,
            meter_stop=meter_stop,
            connector=connector,
            payment_status=payment_status,
            key=key,
            observed=observed,
            sound=sound,
            recorded_at=_moment(recorded_at),
        )


def _moment(seconds: float) -> datetime:
    """Return a time that was stored."""
    return datetime.fromtimestamp(seconds, UTC)


def is_sound(start: datetime, end: datetime, now: datetime) -> bool:
    """Return whether a session can have been when it is said to have been."""
    return start <= end <= now + _AHEAD and end - start <= _LONGEST


@dataclass(slots=True, kw_only=True)
class HourTotals:
    """What flowed at a device by hour (Wh), and what it cost by currency and hour.

    Hours that were told once and are no more have nothing in them. `base` is what
    came before the first of them and is known no more by hour.
    """

    energies: dict[datetime, int] = field(default_factory=dict)
    costs: dict[str, dict[datetime, float]] = field(default_factory=dict)
    base_energy: float = 0.0
    base_costs: dict[str, float] = field(default_factory=dict)

    def add(self, record: SessionRecord, *, counts: bool) -> None:
        """Add a session, or only its hours."""
        if not record.sound:
            return
        for hour in record.hours:
            energy = hour.energy if counts else 0
            self.energies[hour.start] = self.energies.get(hour.start, 0) + energy
        for start, cost in record.hour_costs:
            costs = self.costs.setdefault(record.currency or "", {})
            costs[start] = round(
                costs.get(start, 0.0) + (cost if counts else 0.0), _PRECISION
            )


type LedgerListener = Callable[[str], None]


class Ledger:
    """The finished sessions of an account, by device.

    `progress` says how far the cloud's history was read, `pending` from which hour on
    the statistics of a device have to be written, `observations` what is being seen.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Prepare; nothing is read yet."""
        self._store: Store[dict[str, Any]] = Store(
            hass,
            _VERSION,
            f"{DOMAIN}.{entry.entry_id}.ledger",
            private=True,
            atomic_writes=True,
            serialize_in_event_loop=False,
        )
        self._unsaved = False
        self._rows: dict[str, list[Row]] = {}
        # The place of the row that counts, by device and session.
        self._index: dict[str, dict[str, int]] = {}
        self._sums: dict[str, dict[str, Any]] = {}
        # The last session of a device, found when somebody asks.
        self._last: dict[str, SessionRecord | None] = {}
        self._listeners: list[LedgerListener] = []
        self.progress: MutableMapping[str, dict[str, Any]] = {}
        self.pending: MutableMapping[str, float] = {}
        self.observations: MutableMapping[str, dict[str, Any]] = {}

    @classmethod
    async def load(cls, hass: HomeAssistant, entry: ConfigEntry) -> Self:
        """Recall what earlier runs wrote."""
        ledger = cls(hass, entry)
        stored = await ledger._store.async_load() or {}
        ledger._rows = stored.get("sessions", {})
        ledger._sums = stored.get("sums", {})
        ledger.progress = stored.get("progress", {})
        ledger.pending = stored.get("pending", {})
        ledger.observations = stored.get("observations", {})
        for device_id in ledger._rows:
            ledger._reindex(device_id)
        ledger.prune(dt_util.utcnow())
        return ledger

    def _reindex(self, device_id: str) -> None:
        """Find the rows that count."""
        self._index[device_id] = {
            row[0]: place for place, row in enumerate(self._rows[device_id])
        }
        self._last.pop(device_id, None)

    @callback
    def save(self) -> None:
        """Have the content written before long."""
        self._unsaved = True
        self._store.async_delay_save(self._written, _DELAY)

    async def flush(self) -> None:
        """Write what is not written yet."""
        if self._unsaved:
            await self._store.async_save(self._written())

    async def remove(self) -> None:
        """Forget everything."""
        self._unsaved = False
        await self._store.async_remove()

    def _written(self) -> dict[str, Any]:
        """Return what is written; rows never change."""
        self._unsaved = False
        return {
            "sessions": {key: list(rows) for key, rows in self._rows.items()},
            "sums": {key: dict(sums) for key, sums in self._sums.items()},
            "progress": {key: dict(each) for key, each in self.progress.items()},
            "pending": dict(self.pending),
            "observations": dict(self.observations),
        }

    # What is written.

    @callback
    def record(self, record: SessionRecord, now: datetime) -> bool:
        """Keep a session, and return whether that is anything new.

        What is known by hour is not given up for a worse source.
        """
        if record.end < now - KEPT:
            return False
        # As it will be read again, to compare.
        record = SessionRecord.from_row(record.device_id, record.to_row())
        record = self.with_best_hours(record)
        known = self.find(record.device_id, record.id)
        if known == record:
            return False
        rows = self._rows.setdefault(record.device_id, [])
        rows.append(replace(record, recorded_at=now).to_row())
        self._index.setdefault(record.device_id, {})[record.id] = len(rows) - 1
        self._last.pop(record.device_id, None)
        touched = [
            hour
            for each in (known, record)
            if each is not None and each.sound
            for hour in chain(
                (hour.start for hour in each.hours),
                (hour for hour, _ in each.hour_costs),
            )
        ]
        if touched:
            self.mark(record.device_id, min(touched))
        self.save()
        self.tell(record.device_id)
        return True

    def with_best_hours(self, record: SessionRecord) -> SessionRecord:
        """Return a session with the hours that are known of it, if these are better."""
        known = self.find(record.device_id, record.id)
        if (
            known is not None
            and (known.start, known.end, known.energy)
            == (record.start, record.end, record.energy)
            and _SOURCES.index(known.source) < _SOURCES.index(record.source)
        ):
            return replace(record, hours=known.hours, source=known.source)
        return record

    @callback
    def mark(self, device_id: str, hour: datetime) -> None:
        """Note that statistics have to be written from an hour on."""
        since = hour.timestamp()
        self.pending[device_id] = min(since, self.pending.get(device_id, since))
        self.save()

    @callback
    def prune(self, now: datetime) -> None:
        """Drop what is too old, but for its sums."""
        oldest = (now - KEPT).timestamp()
        for device_id, rows in self._rows.items():
            if all(row[2] >= oldest for row in rows):
                continue
            totals = self._base(device_id)
            for place, row in enumerate(rows):
                if row[2] < oldest and self._index[device_id][row[0]] == place:
                    totals.add(SessionRecord.from_row(device_id, row), counts=True)
            self._sums[device_id] = {
                "energy": totals.base_energy + sum(totals.energies.values()),
                "costs": {
                    currency: totals.base_costs.get(currency, 0.0)
                    + sum(totals.costs.get(currency, {}).values())
                    for currency in totals.base_costs.keys() | totals.costs.keys()
                },
            }
            self._rows[device_id] = [row for row in rows if row[2] >= oldest]
            self._reindex(device_id)
            self.save()

    # What is read.

    @property
    def device_ids(self) -> Iterable[str]:
        """Return the devices that have sessions."""
        return list(self._rows)

    def counts(self, device_id: str) -> bool:
        """Return whether a device has any session with energy."""
        return any(row[5] for row in self._rows.get(device_id, ()))

    def find(self, device_id: str, session_id: str) -> SessionRecord | None:
        """Return a session as it is now."""
        place = self._index.get(device_id, {}).get(session_id)
        if place is None:
            return None
        return SessionRecord.from_row(device_id, self._rows[device_id][place])

    def last(self, device_id: str) -> SessionRecord | None:
        """Return the last session of a device that counts."""
        if device_id not in self._last:
            rows = self._rows.get(device_id, [])
            places = self._index.get(device_id, {}).values()
            records = (
                SessionRecord.from_row(device_id, rows[place])
                for place in sorted(places, key=lambda at: rows[at][1], reverse=True)
            )
            self._last[device_id] = next((each for each in records if each.sound), None)
        return self._last[device_id]

    def sessions(
        self,
        device_ids: Iterable[str],
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[SessionRecord]:
        """Return the sessions that overlap a span of time, newest first."""
        since = None if start is None else start.timestamp()
        until = None if end is None else end.timestamp()
        found = [
            SessionRecord.from_row(device_id, row)
            for device_id in device_ids
            for place in self._index.get(device_id, {}).values()
            if (row := self._rows[device_id][place])
            and (since is None or row[2] >= since)
            and (until is None or row[1] < until)
        ]
        found.sort(key=lambda each: each.start, reverse=True)
        return found

    def totals(self, device_id: str, since: datetime | None = None) -> HourTotals:
        """Return what flowed by hour, of sessions that ended since a time."""
        totals = self._base(device_id)
        index = self._index.get(device_id, {})
        for place, row in enumerate(self._rows.get(device_id, ())):
            if since is None or row[2] >= since.timestamp():
                totals.add(
                    SessionRecord.from_row(device_id, row),
                    counts=index[row[0]] == place,
                )
        return totals

    def _base(self, device_id: str) -> HourTotals:
        """Return what is left of those that were dropped."""
        sums: Mapping[str, Any] = self._sums.get(device_id, {})
        return HourTotals(
            base_energy=sums.get("energy", 0.0),
            base_costs=dict(sums.get("costs", {})),
        )

    @callback
    def tell(self, device_id: str) -> None:
        """Have those look again who follow a device's sessions."""
        for listener in list(self._listeners):
            listener(device_id)

    @callback
    def async_add_listener(self, listener: LedgerListener) -> CALLBACK_TYPE:
        """Tell of devices that have a new session, or a corrected one."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
