"""The sessions on the wanted EVSEs: those that run, and the last of each."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from ...charging import NotFoundError
from ..base import Context
from ..ocpp import timestamp
from ..schedule import Schedule
from ..wire import text
from .client import MOST, Client
from .features import Feature, Rights
from .records import ListedRecords
from .wire import ChargingSession, Evse

_RECENT = timedelta(days=1)
_WHEN_IDLE = timedelta(minutes=2)
_HISTORY_PAGES = 10
_LOOK_AGAIN = timedelta(hours=1)
_BY_ID = 10
_FEW = 3

_STARTING = frozenset({"preparing", "occupied"})
_BUSY = _STARTING | {"charging", "suspendedEV", "suspendedEVSE", "finishing"}
_UNDER_WAY = frozenset({"pending", "active"})
_NOTHING = frozenset({"failed", "expired"})


class Sessions:
    """The sessions of a tenant, as far as they are on wanted EVSEs."""

    def __init__(self, context: Context, client: Client, access: Rights) -> None:
        """Begin knowing nothing."""
        self._context = context
        self._client = client
        self._access = access
        self._everything = context.selection.everything
        self._schedule = Schedule(context.monotonic)
        self._records = ListedRecords(ChargingSession, context, timed=False)
        self._running: dict[str, str] = {}
        self._finished: dict[str, str] = {}
        self._attempts: dict[str, str] = {}
        self._looks_back = 2
        # EVSEs that ever had a session: nobody misses rows about sessions at others.
        self._remembered: list[str] = context.memory.setdefault("sessions", [])
        self.had_any = set(self._remembered)
        self._evses: Mapping[str, Evse] = {}
        self._starting: list[Evse] = []
        self.changed: set[str] = set()
        self.tell_battery: set[str] = set()
        self.known = True

    def running(self, evse: str) -> ChargingSession | None:
        """Return the session that runs on an EVSE, or is about to."""
        return self._records.items.get(self._running.get(evse, ""))

    def finished(self, evse: str) -> ChargingSession | None:
        """Return the last session that ended on an EVSE."""
        return self._records.items.get(self._finished.get(evse, ""))

    def attempt(self, evse: str) -> ChargingSession | None:
        """Return a start that came to nothing, when it is the last thing that was."""
        attempt = self._records.items.get(self._attempts.get(evse, ""))
        return attempt if attempt and _later(attempt, self.finished(evse)) else None

    def may_run(self, evse: str, session_id: str) -> bool:
        """Return whether a session is the one that runs on an EVSE.

        It may be where nobody knows the sessions.
        """
        running = self.running(evse)
        return not self.known if running is None else running.id == session_id

    @property
    def raw(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the sessions as they came."""
        return self._records.raw

    @property
    def any_running(self) -> bool:
        """Return whether a session runs anywhere."""
        return bool(self._running)

    async def refresh(
        self,
        evses: Mapping[str, Evse],
        by_status: Mapping[str | None, Collection[str]],
        stations: Collection[str] | None = None,
    ) -> None:
        """Read the running sessions, of some charge points only where that is less.

        `by_status` sorts the EVSEs by what their hardware says.
        """
        self._evses = evses
        self._starting = [
            evses[key] for word in _STARTING for key in by_status.get(word, ())
        ]
        for sessions in self._running, self._finished, self._attempts:
            for gone in [key for key in sessions if key not in evses]:
                del sessions[gone]
        asked = stations is not None
        if not asked:
            busy = {
                evses[key].charge_point_id or ""
                for keys in (self._running, *(by_status.get(w, ()) for w in _BUSY))
                for key in keys
            }
            if not (busy or self._schedule.due("sessions", _WHEN_IDLE)):
                return
            if not self._everything and len(busy) <= _FEW:
                stations = busy
        known = False
        async with self._access.guard(Feature.SESSIONS) as allowed:
            if allowed:
                # Twice: an odd first answer would hide what was for good.
                if self._looks_back and self._schedule.due("history", _LOOK_AGAIN):
                    await self._read_history()
                    self._schedule.done("history")
                    self._looks_back -= 1
                if asked:
                    await self._read_recent(stations or ())
                else:
                    await self._read_running(stations)
                known = True
                if not asked:
                    self._schedule.done("sessions")
        # Only now: devices may be made while the sessions are being read.
        self.known = known

    def take(self, item: Any, sent_at: float) -> ChargingSession | None:
        """Take a session in, and return it when it is on a wanted EVSE."""
        self._records.changed.clear()
        key = self._records.take(
            item, lambda raw: text(raw.get("evseId")) in self._evses, sent_at=sent_at
        )
        session = self._records.items.get(key or "")
        if key is None or session is None:
            return None
        evse = session.evse_id or ""
        if self._records.changed:
            self.changed.add(evse)
        if evse not in self.had_any:
            self.had_any.add(evse)
            self._remembered.append(evse)
            self._context.save()
        if session.soc_percent is not None:
            self.tell_battery.add(evse)
        if session.status in _UNDER_WAY:
            if _later(session, self.running(evse)):
                self._running[evse] = key
            return session
        if self._running.get(evse) == key:
            del self._running[evse]
        if session.stopped_at:
            real = session.status not in _NOTHING and session.energy != 0
            ended = self._finished if real else self._attempts
            if _later(session, self._records.items.get(ended.get(evse, ""))):
                ended[evse] = key
        return session

    async def _read_running(self, stations: Collection[str] | None) -> None:
        """Read the running sessions, and how those ended that run no more."""
        found: set[str | None] = set()
        for place in _places(stations):
            found |= await self._list({**place, "status": "active"})
            if self._may_be_pending(place.get("chargePointId")):
                found |= await self._list({**place, "status": "pending"})
        running = [self.running(evse) for evse in self._running]
        gone = [
            session
            for session in running
            if session
            and session.id not in found
            and (stations is None or session.charge_point_id in stations)
        ]
        updates = [s.last_updated_at for s in gone if s.last_updated_at]
        if len(gone) > _FEW and updates:
            ended = await self._list({"endedAfter": timestamp(min(updates))})
            gone = [session for session in gone if session.id not in ended]
        for session in gone[:_BY_ID]:
            await self._settle(session)
        self._keep_last()

    async def _read_recent(self, stations: Collection[str]) -> None:
        """Read what began at some charge points not long ago, and what runs there.

        That is one list, of sessions to come, that run and that ended.
        """
        for station in stations:
            running = [
                session
                for evse in self._running
                if (session := self.running(evse))
                and session.charge_point_id == station
            ]
            begins = [each.started_at for each in running if each.started_at]
            since = min([self._context.now() - _RECENT, *begins])
            found = await self._list(
                {"chargePointId": station, "startedAfter": timestamp(since)}
            )
            for session in running:
                if session.id not in found:
                    await self._settle(session)
        self._keep_last()

    def _keep_last(self) -> None:
        """Forget sessions that are neither running nor the last of their EVSE."""
        self._records.keep(
            {
                *self._running.values(),
                *self._finished.values(),
                *self._attempts.values(),
            }
        )

    async def _settle(self, session: ChargingSession) -> None:
        """Read what became of a session that is not listed as running any more."""
        sent_at = self._context.monotonic()
        try:
            self.take(await self._client.session(session.id or ""), sent_at)
        except NotFoundError:
            self._running.pop(session.evse_id or "", None)
            self.changed.add(session.evse_id or "")

    async def _read_history(self) -> None:
        """Read the last finished sessions: of a month, or of a day in large fleets."""
        stations = {evse.charge_point_id or "" for evse in self._evses.values()}
        days = 30 if len(stations) <= 10 else 1
        since = {"endedAfter": timestamp(self._context.now() - timedelta(days=days))}
        few = not self._everything and len(stations) <= _FEW
        for place in _places(stations if few else None):
            await self._list({**place, **since}, _HISTORY_PAGES)

    async def _list(
        self, filters: Mapping[str, str], most: int = MOST
    ) -> set[str | None]:
        """Take sessions in and return the ids of those on wanted EVSEs."""
        sent_at = self._context.monotonic()
        return {
            session.id
            async for page in self._client.sessions(filters, most)
            for item in page
            if (session := self.take(item, sent_at))
        }

    def _may_be_pending(self, station: str | None) -> bool:
        """Return whether a session may be about to begin somewhere."""
        return any(
            evse.id not in self._running and station in (None, evse.charge_point_id)
            for evse in self._starting
        )


def _places(stations: Collection[str] | None) -> list[dict[str, str]]:
    """Return the filters that cover some charge points, or all in one."""
    if stations is None:
        return [{}]
    return [{"chargePointId": station} for station in sorted(stations)]


def _later(session: ChargingSession, other: ChargingSession | None) -> bool:
    """Return whether a session began no earlier than another."""
    if other is None or session.started_at is None or other.started_at is None:
        return True
    return session.started_at >= other.started_at
