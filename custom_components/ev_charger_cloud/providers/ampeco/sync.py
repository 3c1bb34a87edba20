"""What is known of the charge points of a tenant, and how it is kept fresh.

Lists are read page by page. A sweep reads them whole; where that takes many
requests, most polls ask only for what changed since.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ...charging import (
    AuthenticationError,
    ChargingError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    UnusableAnswerError,
)
from ..base import Context
from ..ocpp import timestamp
from ..schedule import Schedule
from ..wire import text
from .client import EVSES, POINTS, Client, Page
from .faults import Faults
from .features import Feature, Rights
from .meter_values import MeterValues
from .profiles import limit_now
from .records import ListedRecords
from .reservations import Reservations
from .sessions import Sessions
from .site_data import SiteData
from .state import ChargePointState, EvseState, evse_device_id, station_device_id
from .wire import ChargePoint, Evse

CHEAP_SWEEP = 6
"""A sweep of so few requests is made at each poll: it trusts no time stamps."""

_SWEEP = timedelta(minutes=10)
_NARROW = 20


class ChargePointSync:
    """The charge points that are wanted, with EVSEs, sessions and faults."""

    def __init__(self, context: Context, client: Client, access: Rights) -> None:
        """Begin knowing nothing."""
        self._context = context
        self._client = client
        self._access = access
        self._selection = context.selection
        self._schedule = Schedule(context.monotonic)
        self.points = ListedRecords(ChargePoint, context)
        self.evses = ListedRecords(Evse, context)
        self.sessions = Sessions(context, client, access)
        self.reservations = Reservations(context, client, access)
        self._faults = Faults(context, client, access)
        # The EVSEs of each charge point, by their numbers there; and each one's own
        # place in these tables.
        self._evses_of: dict[str, list[str]] = {}
        self._by_status: dict[str | None, set[str]] = {}
        self._placed: dict[str, tuple[str, str | None]] = {}
        self._faulted: set[str] = set()
        # EVSEs with a profile that begins or ends by the clock.
        self._timed: set[str] = set()
        self.have_tariffs = False
        # Whether the list of EVSEs failed, which charge points could not be read alone,
        # what lists lacked; and which charge points were stale for it the last time.
        self._evses_failed = False
        self._unread: set[str] = set()
        self._missing: set[str] = set()
        self._stale: set[str] = set()
        self._sessions_known = True
        self._dirty: set[str] = set()
        # EVSEs whose status polls found changed, for whoever empties it.
        self.moved: set[str] = set()
        self.meters = MeterValues(context.monotonic)
        self.sweep_cost: int | None = None

    # What is known

    def view(
        self, station: str, site: SiteData, modes: Mapping[str, Any] | None
    ) -> ChargePointState:
        """Return a charge point with everything that its devices are made from."""
        point = self.points.items[station]
        evses = self._evses_of.get(station, [])
        return ChargePointState(
            point=point,
            # One may have gone since the EVSEs were sorted by charge point.
            outlets=tuple(
                self.outlet(evse, site) for evse in evses if evse in self.evses.items
            ),
            area=site.area(point.location_id),
            partner=site.partner(point.partner.id if point.partner else None),
            fault=self._faults.of(point),
            modes=modes,
            sessions_known=self.sessions.known,
            observed_at=max(
                self.points.sent_at.get(station, 0.0),
                max((self.evses.sent_at.get(evse, 0.0) for evse in evses), default=0.0),
            ),
            stale=self._is_stale(station),
        )

    def _is_stale(self, station: str) -> bool:
        """Return whether the last attempt to read a charge point failed."""
        evses = self._evses_of.get(station, ())
        return (
            self._evses_failed
            or station in self._unread
            or not self._missing.isdisjoint((station, *evses))
            or station in self.points.unreadable
            or not self.evses.unreadable.isdisjoint(evses)
        )

    def changed(self) -> set[str]:
        """Return the charge points that may look different since the last call."""
        doubtful = (
            self._missing
            | self._unread
            | self.points.unreadable
            | self.evses.unreadable
        )
        stale = {
            station
            for station in (
                self.points.items if self._evses_failed else self._stations(doubtful)
            )
            if self._is_stale(station)
        }
        self._dirty |= self._stations(self.meters.expire())
        self._dirty |= stale ^ self._stale
        self._stale = stale
        self._dirty |= self._faults.changed
        self._dirty |= self._stations(
            self._timed | self.sessions.changed | self.reservations.changed
        )
        for part in self._faults, self.sessions, self.reservations:
            part.changed.clear()
        if self._sessions_known is not self.sessions.known:
            self._sessions_known = self.sessions.known
            self._dirty.update(self.points.items)
        dirty, self._dirty = self._dirty, set()
        return dirty

    def _stations(self, keys: Iterable[str]) -> set[str]:
        """Return the charge points that are named, or have an EVSE that is."""
        return {self._placed[key][0] if key in self._placed else key for key in keys}

    def outlet(self, key: str, site: SiteData) -> EvseState:
        """Return an EVSE with what belongs to it."""
        evse = self.evses.items[key]
        return EvseState(
            evse=evse,
            running=self.sessions.running(key),
            finished=self.sessions.finished(key),
            attempt=self.sessions.attempt(key),
            had_session=key in self.sessions.had_any,
            reservation=self.reservations.of(key),
            fault=self._faults.of(evse),
            limit=limit_now(evse.profile, self._context.now()),
            battery=key in self.sessions.tell_battery,
            meter=self.meters.of(key),
            tariff=site.tariff(evse.tariff_group_id),
        )

    def find(self, device_id: str) -> tuple[str, str | None]:
        """Return the charge point and the EVSE behind a device.

        The EVSE is None where the device stands for a station with several, or none.
        """
        charger, _, evse = device_id.partition("_")
        station = charger.removeprefix("cp")
        if charger != station_device_id(station) or station not in self.points.items:
            raise NotFoundError(reason="not_found")
        evses = self._evses_of.get(station, [])
        if not evse:
            return station, evses[0] if len(evses) == 1 else None
        if evse not in evses:
            raise NotFoundError(reason="not_found")
        return station, evse

    def device_of(self, evse: str | None) -> str | None:
        """Return the id of the device that stands for an EVSE."""
        known = self.evses.items.get(evse or "")
        if known is None:
            return None
        station = known.charge_point_id or ""
        single = len(self._evses_of.get(station, ())) == 1
        return evse_device_id(station, evse, single=single)

    def evses_of(self, station: str) -> list[str]:
        """Return the EVSEs of a charge point."""
        return self._evses_of.get(station, [])

    def authorized_device_id(self, station: str) -> str:
        """Return the device at which a card was shown: the station, or its one EVSE."""
        return station_device_id(station)

    # What callbacks tell

    def apply_evse(self, evse: str, changes: Mapping[str, Any]) -> None:
        """Take what is certain of an EVSE."""
        self.evses.take({**self.evses.raw[evse], **changes})
        self._index()
        self.moved.discard(evse)

    def apply_station(self, station: str, changes: Mapping[str, Any]) -> None:
        """Take what is certain of a charge point."""
        self.points.take({**self.points.raw[station], **changes})
        self._index()

    def apply_session(self, key: str, changes: Mapping[str, Any]) -> bool:
        """Take what is certain of a session; return whether it is one of ours."""
        known = self.sessions.raw.get(key, {})
        taken = self.sessions.take({**known, **changes}, self._context.monotonic())
        return taken is not None

    def touch(self, station: str) -> None:
        """Have the devices of a charge point made anew."""
        self._dirty.add(station)

    # How it is kept fresh

    async def refresh(self) -> None:
        """Read what is due."""
        due = self._schedule.due("sweep", _SWEEP)
        cheap = self.sweep_cost is None or self.sweep_cost <= CHEAP_SWEEP
        since = self.points.unknown_since
        if not self._client.resumes:
            self.points.begin()
            self.evses.begin()
        if due or cheap or since is None:
            await self._sweep()
        else:
            await self._read_changes(since)
        self.points.complete()
        self._index()
        await self._read_details()

    async def refresh_one(self, station: str) -> None:
        """Read one charge point at once, with all that belongs to it."""
        await self._read_station(station)
        self._index()
        # There was a reason to read it: what it shows is no surprise.
        self.moved.difference_update(self._evses_of.get(station, ()))
        await self._read_details(station)

    async def _read_details(self, station: str | None = None) -> None:
        """Read sessions, what explains faults, and who holds reserved EVSEs.

        Of all, or of one charge point.
        """
        await self.sessions.refresh(
            self.evses.items, self._by_status, None if station is None else [station]
        )
        faulted = self._by_status.get("faulted", set())
        reserved = self._by_status.get("reserved", set())
        await self._faults.refresh(
            [
                *(self.points.items[key] for key in self._faulted),
                *(self.evses.items[key] for key in faulted),
            ],
            station,
        )
        await self.reservations.refresh(
            [self.evses.items[key] for key in reserved],
            None if station is None else self._evses_of.get(station, ()),
        )

    async def _sweep(self) -> None:
        """Read everything that is wanted."""
        before = self._client.requests + self._client.replayed
        chosen = self._selection.chargers
        whole = self._selection.everything or self._selection.groups
        if whole or len(chosen) > _NARROW:
            begun = self._client.begun(POINTS)
            seen = await self._take_points(
                self._client.charge_points(resume=True), begun
            )
            self._missing = self._keep_listed(self.points, POINTS, seen)
            if self._missing and not seen:
                self._client.finish()
                # Where there were charge points, an empty list is a trouble.
                raise UnusableAnswerError("no charge points", reason="empty_list")
            await self._read_evses()
        else:
            for charger in sorted(chosen):
                await self._try_station(charger.removeprefix("cp"))
            self.evses.complete()
        self._client.finish()
        self.sweep_cost = self._client.requests + self._client.replayed - before
        self._schedule.done("sweep")

    async def _read_changes(self, since: datetime) -> None:
        """Read what changed since the newest time stamp that the cloud gave.

        What could not be read alone may have changed before: it is tried again.
        """
        for station in sorted(self._unread):
            await self._try_station(station)
        await self._take_points(
            self._client.charge_points({"lastUpdatedAfter": timestamp(since)}),
            self._context.monotonic(),
        )
        await self._read_evses(self.evses.unknown_since)

    async def _read_evses(self, since: datetime | None = None) -> None:
        """Read the EVSEs; when that fails the charge points still tell something."""
        if not self._access.allows(Feature.EVSES):
            return
        filters = {"lastUpdatedAfter": timestamp(since)} if since else None
        try:
            begun = self._client.begun(EVSES) if since is None else None
            seen = await self._take_evses(
                self._client.evses(filters, resume=since is None), begun=begun
            )
        except PermissionDeniedError:
            # One refusal proves nothing where there were EVSEs.
            if self.evses.keep_listed(()):
                self._evses_failed = True
                return
            self._access.close(Feature.EVSES)
        except AuthenticationError, RateLimitedError:
            raise
        except ChargingError:
            if not self.evses.items:
                raise
            self._evses_failed = True
        else:
            self._evses_failed = False
            self.evses.complete()
            if since is None:
                self._missing |= self._keep_listed(self.evses, EVSES, seen)

    def _keep_listed(
        self, records: ListedRecords[Any], resource: str, seen: set[str]
    ) -> set[str]:
        """Forget what a list lacks for long enough; return what is missing.

        A list that broke off tells nothing of what it lacks.
        """
        if resource in self._client.broken_off:
            return set()
        return records.keep_listed(seen)

    async def _try_station(self, station: str) -> None:
        """Read a charge point; one that cannot be read keeps its last state."""
        try:
            await self._read_station(station)
        except AuthenticationError, RateLimitedError:
            raise
        except NotFoundError:
            # The cloud says so of what is out of reach for a moment, too.
            self._unread.add(station)
            if station in self.points.items and self.points.absences.missed(station):
                self.points.drop(station)
                self._drop_evses(self._evses_of.get(station, ()))
                self._unread.discard(station)
        except ChargingError:
            self._unread.add(station)
            if not self.points.items:
                raise

    async def _read_station(self, station: str) -> None:
        """Read a charge point and its EVSEs."""
        sent_at = self._context.monotonic()
        self.points.take(await self._client.charge_point(station), sent_at=sent_at)
        if self._access.allows(Feature.EVSES):
            filters = {"chargePointId": station}
            try:
                seen = await self._take_evses(self._client.evses(filters), station)
            except PermissionDeniedError:
                self._access.close(Feature.EVSES)
                seen = set()
            self._drop_evses(set(self._evses_of.get(station, ())) - seen)
        self._unread.discard(station)

    async def _take_points(
        self, pages: AsyncIterator[Page], sent_at: float
    ) -> set[str]:
        """Take charge points in and return the ids of those that are wanted."""
        seen = set[str]()
        async for page in pages:
            seen.update(
                await self.points.take_page(page, self._wanted, sent_at=sent_at)
            )
            # Page by page, so that the loop gets its turns in between.
            self._index()
        return seen

    async def _take_evses(
        self,
        pages: AsyncIterator[Page],
        station: str | None = None,
        begun: float | None = None,
    ) -> set[str]:
        """Take EVSEs in and return the ids of those of wanted charge points."""
        sent_at = self._context.monotonic() if begun is None else begun
        seen = set[str]()

        def at_home(item: Any) -> Any:
            return self._at_home(item, station)

        async for page in pages:
            seen.update(
                await self.evses.take_page(
                    page, self._of_wanted, at_home, sent_at=sent_at
                )
            )
            self._index()
        return seen

    def _at_home(self, item: Any, station: str | None) -> Any:
        """Add the charge point to an EVSE that has lost its own."""
        if isinstance(item, Mapping) and item.get("chargePointId") is None:
            known = self.evses.items.get(text(item.get("id")) or "")
            station = station or (known.charge_point_id if known else None)
            return {**item, "chargePointId": station}
        return item

    def _wanted(self, point: Mapping[str, Any]) -> bool:
        """Return whether a charge point is wanted."""
        if self._selection.everything:
            return True
        device_id = station_device_id(text(point.get("id")))
        return self._selection.wants(device_id, text(point.get("locationId")))

    def _of_wanted(self, evse: Mapping[str, Any]) -> bool:
        """Return whether an EVSE belongs to a wanted charge point."""
        return text(evse.get("chargePointId")) in self.points.items

    def _drop_evses(self, evses: Iterable[str]) -> None:
        """Forget EVSEs."""
        for evse in evses:
            self.evses.drop(evse)

    def _index(self) -> None:
        """Sort what changed: by charge point, by number and by status."""
        for key in self.points.changed:
            point = self.points.items.get(key)
            if point is None:
                self._drop_evses(list(self._evses_of.get(key, ())))
            if point and point.hardware_status == "faulted":
                self._faulted.add(key)
            else:
                self._faulted.discard(key)
        self._dirty |= self.points.changed
        self.points.changed.clear()
        for key in self.evses.changed:
            if placed := self._placed.pop(key, None):
                station, status = placed
                self._dirty.add(station)
                known = self.evses.items.get(key)
                if known is not None and known.hardware_status != status:
                    self.moved.add(key)
                self._evses_of[station].remove(key)
                self._by_status[status].discard(key)
                self._timed.discard(key)
        # All are taken out first: those that stay are sorted among each other.
        for key in self.evses.changed:
            if evse := self.evses.items.get(key):
                self._place(key, evse)
        self.evses.changed.clear()

    def _place(self, key: str, evse: Evse) -> None:
        """Put an EVSE where it belongs."""
        station, status = evse.charge_point_id or "", evse.hardware_status
        self._placed[key] = station, status
        self._dirty.add(station)
        siblings = self._evses_of.setdefault(station, [])
        siblings.append(key)
        siblings.sort(key=self._number)
        self._by_status.setdefault(status, set()).add(key)
        self.have_tariffs |= evse.tariff_group_id is not None
        if (profile := evse.profile) and (
            profile.duration or profile.valid_from or profile.valid_to
        ):
            self._timed.add(key)

    def _number(self, key: str) -> tuple[str, str]:
        """Return what EVSEs of a charge point are sorted by."""
        return (self.evses.items[key].network_id or "").rjust(4, "0"), key
