"""What is fetched besides the state of the chargers, and when.

What belongs to a session is asked for while one runs; settings, cards and history go
round slowly. Each poll takes what its budget allows: what is oldest first, and a few of
the slow ones always.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from ...charging import (
    AuthenticationError,
    CommandRefusedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
)
from ..access import Access
from ..base import Context
from ..schedule import Schedule
from .client import PlugchoiceClient
from .state import ChargerState, ConnectorState
from .wire import Card, Charger, CompositeSchedule, Model, SitePayload, Transaction

LIVE = timedelta(seconds=15)
"""How often at most what changes all the time is read, while more is waiting."""

_NOW = timedelta()
_VALUES = timedelta(seconds=30)
_RUNNING = timedelta(minutes=1)
_IDLE_VALUES = timedelta(minutes=15)
_FINISHED = timedelta(hours=1)
_FINISHED_SINCE = timedelta(days=92)
_SETTING = timedelta(minutes=5)
_SOCKET_LOCK = timedelta(minutes=15)
_CARDS = timedelta(hours=6)

_GRANTED_FOR = 60  # s
_GRACE = 1.0  # s, for the jitter of polls
# For how long (s) a charger with nothing due is not looked at again. In a session that
# hangs on others: who else charges there, and what its samples tell.
_QUIET, _QUIET_IN_SESSION = 600.0, 60.0
_SLOW_SHARE = 4


@dataclass(slots=True, kw_only=True)
class Site:
    """A location: the chargers that are there, and the cards by their names.

    `failing` says that the list of its chargers could not be read the last time.
    """

    payload: SitePayload
    access: Access[str]
    schedule: Schedule
    failing: bool = False
    members: frozenset[str] | None = None
    answer: dict[str, Charger] | None = None
    cards: dict[str, Card] = field(default_factory=dict)

    @property
    def surveyed(self) -> bool:
        """Return whether it is known who is there, or that nobody will say."""
        return self.members is not None or not self.access.allows("chargers")


@dataclass(frozen=True, slots=True, kw_only=True)
class DueFetch:
    """Something that is due at a charger or a location.

    `feature` is the endpoint that may be closed, `what` the thing fetched there,
    `overdue` how late it is in units of what is usual. What a command `touched` comes
    first, then what is `live`.
    """

    at: ChargerState | Site
    feature: str
    what: str
    overdue: float
    fetch: Callable[[], Awaitable[None]]
    live: bool = False
    touched: bool = False


type _Row = tuple[str, str, timedelta, Callable[[], Awaitable[None]]]
"""The endpoint, what is fetched there, how often, and how."""


class FetchPlan:
    """What is to be fetched for an account.

    `pause` is how long (s) the cloud wants peace, `waiting` how many fetches that were
    due did not fit into the last budget.
    """

    def __init__(self, client: PlugchoiceClient, context: Context) -> None:
        """Fetch through a client."""
        self._client = client
        self._context = context
        self.pause = 0.0
        self.waiting = 0
        # The models whose meter values lack power or currents.
        self._apart: set[Model | None] = set()

    def due_at(
        self,
        station: ChargerState,
        *,
        pace: float = 1.0,
        hurried: bool = False,
        together: bool = False,
    ) -> list[DueFetch]:
        """List what is due at a charger.

        `pace` stretches slow rounds, `hurried` says that polls follow each other faster
        than anything need be read, `together` that running sessions are read for the
        whole location.
        """
        due: list[DueFetch] = []
        if station.in_session and station.online is not False:
            every = LIVE if hurried else _NOW
            for connector in station.in_session.values():
                for row in self._live(station, connector, every):
                    self._add(due, station, row, live=True)
        now = self._context.monotonic()
        if now >= station.quiet_until:
            quiet = _QUIET_IN_SESSION if station.in_session else _QUIET
            for row in self._slow(station, pace, together):
                quiet = min(quiet, self._add(due, station, row))
            station.quiet_until = now + quiet
        return due

    def _add(
        self,
        due: list[DueFetch],
        at: ChargerState | Site,
        row: _Row,
        *,
        live: bool = False,
    ) -> float:
        """Add what is due, and return for how long (s) it is not."""
        feature, what, every, fetch = row
        if not at.access.allows(feature):
            return _QUIET
        touched = isinstance(at, ChargerState) and at.touched(what)
        age = at.schedule.age(what)
        left = 0.0 if touched else every.total_seconds() - _GRACE - age
        if left <= 0:
            due.append(
                DueFetch(
                    at=at,
                    feature=feature,
                    what=what,
                    overdue=age / max(every.total_seconds(), 1.0),
                    fetch=fetch,
                    live=live,
                    touched=touched,
                )
            )
        return max(left, 0.0)

    def _live(
        self, station: ChargerState, connector: ConnectorState, every: timedelta
    ) -> Iterator[_Row]:
        """List what changes all the time during a session."""
        number = connector.number
        if connector.charging:
            if self._values_suffice(station, connector):
                yield self._values(station, connector, every)
            else:
                fetch = partial(self._fetch_usage, station, connector)
                yield "power-usage", f"usage/{number}", every, fetch
        if station.permitted and connector.tells_no_offer:
            fetch = partial(self._fetch_granted, station, connector)
            path = "actions/composite-schedule"
            yield path, f"granted/{number}", _RUNNING, fetch

    def _values_suffice(self, station: ChargerState, connector: ConnectorState) -> bool:
        """Return whether meter values are enough, as far as is known.

        They tell all that the power usage does, and more, where a charger samples power
        and currents; the usage is asked for where it does not.
        """
        if not station.access.allows("latest-metervalue"):
            return False
        model = station.listed.model
        if station.schedule.age(f"values/{connector.number}") == float("inf"):
            return model not in self._apart
        if connector.meter.samples_apart(connector.flowing):
            self._apart.add(model)
        return not connector.needs_usage

    def _values(
        self, station: ChargerState, connector: ConnectorState, every: timedelta
    ) -> _Row:
        """Return how meter values are fetched."""
        fetch = partial(self._fetch_values, station, connector)
        return "latest-metervalue", f"values/{connector.number}", every, fetch

    def _slow(
        self, station: ChargerState, pace: float, together: bool
    ) -> Iterator[_Row]:
        """List what changes seldom, or is not missed for a while."""
        online = station.online is not False
        for connector in station.connectors.values():
            if connector.charging and self._values_suffice(station, connector):
                continue
            every = _IDLE_VALUES * pace
            if online and connector.in_session:
                every = _VALUES if connector.charging else _RUNNING
            yield self._values(station, connector, every)
        if online and station.in_session and not together:
            fetch = partial(self.read_active, station)
            yield "transactions", "active", _RUNNING, fetch
        if station.connectors:
            every = _RUNNING if station.unsettled else _FINISHED * pace
            fetch = partial(self._fetch_finished, station)
            yield "transactions", "finished", every, fetch
            if online:
                path = "settings/socket-lock"
                fetch = partial(self._fetch_socket_lock, station)
                yield path, path, _SOCKET_LOCK * pace, fetch
        if station.permitted:
            path = "settings/lock"
            fetch = partial(self._fetch_lock, station)
            yield path, path, _SETTING * pace, fetch
            path = "settings/plug-charge"
            fetch = partial(self._fetch_plug_charge, station)
            yield path, path, _SETTING * pace, fetch

    def due_there(
        self,
        uuid: str,
        site: Site,
        stations: Iterable[ChargerState],
        busy: Sequence[ChargerState],
    ) -> list[DueFetch]:
        """List what is due at a location; `busy` are its chargers with sessions."""
        due: list[DueFetch] = []
        if site.schedule.due("cards", _CARDS) and any(
            each.site == uuid and each.may_see_cards for each in stations
        ):
            fetch = partial(self._fetch_cards, uuid, site)
            self._add(due, site, ("cards", "cards", _CARDS, fetch))
        if self.together(site, busy) and any(
            each.schedule.due("active", _RUNNING) for each in busy
        ):
            fetch = partial(self._fetch_running, uuid, busy)
            self._add(due, site, ("transactions", "active", _VALUES, fetch))
        return due

    def together(self, site: Site, busy: Sequence[ChargerState]) -> bool:
        """Return whether a request for all running sessions of a location pays."""
        return len(busy) > 1 and site.access.allows("transactions")

    async def run(self, due: list[DueFetch], budget: int | None = None) -> None:
        """Do what is due, within the budget of a poll if there is one."""
        due.sort(key=lambda each: (not each.touched, not each.live, -each.overdue))
        chosen = due
        if budget is not None:
            if len(due) > budget:
                slow = sum(not (each.live or each.touched) for each in due)
                first = due[: max(budget - min(slow, _SLOW_SHARE), 0)]
                rest = due[max(len(first), len(due) - slow) :]
                chosen = first + rest[: budget - len(first)]
            self.waiting = len(due) - len(chosen)
        if not chosen:
            return
        outcomes = await asyncio.gather(
            *(self._do(each) for each in chosen), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _do(self, scheduled: DueFetch) -> None:
        """Fetch one thing; what that fails leaves what is known, and waits its turn."""
        try:
            async with scheduled.at.access.guard(scheduled.feature):
                await scheduled.fetch()
        except AuthenticationError:
            raise
        except RateLimitedError as err:
            self.pause = max(self.pause, err.retry_after or 0.0)
            return
        if isinstance(scheduled.at, ChargerState):
            scheduled.at.changed = True
            scheduled.at.quiet_until = float("-inf")
        scheduled.at.schedule.done(scheduled.what)

    async def _fetch_usage(
        self, station: ChargerState, connector: ConnectorState
    ) -> None:
        number, sent_at = connector.number, self._context.monotonic()
        usage = await self._client.power_usage(station.uuid, number)
        if station.newest(f"usage/{number}", sent_at):
            connector.meter.take_usage(usage, self._context.monotonic())

    async def _fetch_values(
        self, station: ChargerState, connector: ConnectorState
    ) -> None:
        number, sent_at = connector.number, self._context.monotonic()
        message = await self._client.latest_meter_value(station.uuid, number)
        if not station.newest(f"values/{number}", sent_at):
            return
        meter, device_id = connector.meter, connector.device_id
        meter.take_values(message, self._context.monotonic())
        if meter.lifetime is not None and meter.lifetime != station.registers.get(
            device_id
        ):
            station.registers[device_id] = meter.lifetime
            self._context.save()

    async def _fetch_granted(
        self, station: ChargerState, connector: ConnectorState
    ) -> None:
        """Ask the charger itself what it grants; it changes nothing."""
        try:
            schedule = await self._client.composite_schedule(
                station.uuid, connector.number, _GRANTED_FOR
            )
        except CommandRefusedError, PermissionDeniedError:
            schedule = CompositeSchedule()
        connector.granted = schedule.limit
        if schedule.status != "Accepted":
            # A charger that keeps silent would hold up every poll.
            raise NotFoundError("no schedule", reason="not_found")

    async def read_active(self, station: ChargerState) -> None:
        """Read the running sessions of a charger."""
        sent_at = self._context.monotonic()
        active = await self._client.transactions(station.uuid, status="active")
        if station.newest("active", sent_at):
            station.transactions.take_active(active)

    async def _fetch_running(self, uuid: str, members: Sequence[ChargerState]) -> None:
        """Read the running sessions of a location; each charger gets its own."""
        sent_at = self._context.monotonic()
        running: dict[str, list[Transaction]] = {}
        for item in await self._client.running_transactions(uuid):
            if item.charger is None or item.charger.uuid is None:
                # Whose it is, nobody says: then charger by charger.
                raise NotFoundError("no charger", reason="not_found")
            running.setdefault(item.charger.uuid.lower(), []).append(item)
        for station in members:
            if station.newest("active", sent_at):
                station.transactions.take_active(running.get(station.uuid, ()))
                station.schedule.done("active")
                station.changed = True

    async def _fetch_finished(self, station: ChargerState) -> None:
        since = (self._context.now() - _FINISHED_SINCE).date()
        station.transactions.take_finished(
            await self._client.transactions(
                station.uuid, status="finished", since=since
            )
        )

    async def _fetch_lock(self, station: ChargerState) -> None:
        sent_at = self._context.monotonic()
        lock = await self._client.switch(station.uuid, "lock")
        if station.newest("settings/lock", sent_at):
            station.lock = lock.enabled

    async def _fetch_socket_lock(self, station: ChargerState) -> None:
        socket = await self._client.switch(station.uuid, "socket-lock")
        station.socket_lock = None if socket.error else socket.enabled

    async def _fetch_plug_charge(self, station: ChargerState) -> None:
        sent_at = self._context.monotonic()
        plug_charge = await self._client.plug_charge(station.uuid)
        if station.newest("settings/plug-charge", sent_at):
            station.plug_charge = plug_charge

    async def _fetch_cards(self, uuid: str, site: Site) -> None:
        site.cards = _named(await self._client.cards(uuid))


def _named(cards: Sequence[Card]) -> dict[str, Card]:
    """Name cards so that no two are called the same."""
    usable = [card for card in cards if card.id_token]
    names = Counter(card.name or f"{card.id}" for card in usable)
    return {
        name if names[name] == 1 else f"{name} ({card.id})": card
        for card in usable
        for name in [card.name or f"{card.id}"]
    }
