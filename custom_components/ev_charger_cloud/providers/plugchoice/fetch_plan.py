"""What is fetched besides the state of the chargers, and when.

What belongs to a session is asked for while one runs; settings, cards and history go
round slowly, a few of them with each poll.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
import logging

from ...charging import (
    AuthenticationError,
    ChargingError,
    CommandRefusedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
)
from ..base import Context
from .client import PlugchoiceClient
from .meter import of_meter_values, of_power_usage
from .state import ChargerState, Endpoints
from .wire import Card, CompositeSchedule, SitePayload

_LOGGER = logging.getLogger(__name__)

_NOW = timedelta()
_METER = timedelta(minutes=15)
_RUNNING = timedelta(minutes=1)
_FINISHED = timedelta(hours=1)
_FINISHED_SINCE = timedelta(days=92)
_SETTING = timedelta(minutes=5)
_SOCKET_LOCK = timedelta(minutes=15)
_CARDS = timedelta(hours=6)


@dataclass(slots=True, kw_only=True)
class Site:
    """A location: the chargers that are there, and the cards by their names.

    `failing` says that the list of its chargers could not be read the last time.
    """

    site: SitePayload
    failing: bool = False
    members: frozenset[str] | None = None
    cards: dict[str, Card] = field(default_factory=dict)
    endpoints: Endpoints

    @property
    def surveyed(self) -> bool:
        """Return whether it is known who is there, or that nobody will say."""
        return self.members is not None or not self.endpoints.offers("")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledFetch:
    """Something to fetch `every` so often, at once when it is urgent.

    `feature` is the endpoint that may be closed, `what` the thing fetched there.
    """

    endpoints: Endpoints
    feature: str
    what: str
    every: timedelta
    fetch: Callable[[], Awaitable[None]]
    urgent: bool = False

    @property
    def due(self) -> bool:
        """Return whether it is time, and the endpoint open."""
        return self.endpoints.offers(self.feature) and self.endpoints.schedule.due(
            self.what, self.every
        )

    @property
    def age(self) -> float:
        """Return how long ago it was done."""
        return self.endpoints.schedule.age(self.what)


class FetchPlan:
    """What is to be fetched for an account; `pause` is how long (s) the cloud wants peace."""

    def __init__(self, client: PlugchoiceClient, context: Context) -> None:
        """Fetch through a client."""
        self._client = client
        self._context = context
        self.pause = 0.0

    def of_station(
        self, station: ChargerState, pace: float = 1.0
    ) -> Iterator[ScheduledFetch]:
        """List what there is to fetch for a charger; `pace` stretches slow rounds."""
        online = station.online is not False
        for number, connector in station.connectors.items():
            # In any other state nothing flows, and the last sample is an old one.
            flowing = online and connector.status == "Charging"
            busy = online and number in station.in_session
            if flowing:
                yield ScheduledFetch(
                    endpoints=station.endpoints,
                    feature="power-usage",
                    what=f"usage/{number}",
                    every=_NOW,
                    fetch=partial(self._fetch_usage, station, number),
                    urgent=True,
                )
            yield ScheduledFetch(
                endpoints=station.endpoints,
                feature="latest-metervalue",
                what=f"meter/{number}",
                every=_NOW if flowing else _RUNNING if busy else _METER * pace,
                fetch=partial(self._fetch_meter, station, number),
                urgent=busy,
            )
            if busy and station.permitted and station.tells_no_limit(number):
                yield ScheduledFetch(
                    endpoints=station.endpoints,
                    feature="composite-schedule",
                    what=f"granted/{number}",
                    every=_RUNNING,
                    fetch=partial(self._fetch_granted, station, number),
                    urgent=True,
                )
        if online and station.in_session:
            yield ScheduledFetch(
                endpoints=station.endpoints,
                feature="transactions",
                what="active",
                every=_RUNNING,
                fetch=partial(self._fetch_active, station),
                urgent=True,
            )
        slow: list[tuple[str, str, timedelta, _Fetch]] = []
        if station.connectors:
            every = _RUNNING if station.unsettled else _FINISHED
            slow.append(("transactions", "finished", every, self._fetch_finished))
        if online and station.connectors:
            slow.append(
                ("socket-lock", "socket-lock", _SOCKET_LOCK, self._fetch_socket_lock)
            )
        if station.permitted:
            slow.append(("lock", "lock", _SETTING, self._fetch_lock))
            slow.append(
                ("plug-charge", "plug-charge", _SETTING, self._fetch_plug_charge)
            )
        for feature, what, every, fetch in slow:
            touched = station.touched(what)
            yield ScheduledFetch(
                endpoints=station.endpoints,
                feature=feature,
                what=what,
                every=_NOW if touched else every * pace,
                fetch=partial(fetch, station),
                urgent=touched,
            )

    def of_places(
        self, places: Mapping[str, Site], stations: list[ChargerState]
    ) -> Iterator[ScheduledFetch]:
        """List the locations whose cards may be read, by the rights at a charger."""
        for uuid in {s.site for s in stations if s.site and s.may_see_cards}:
            place = places[uuid]
            yield ScheduledFetch(
                endpoints=place.endpoints,
                feature="cards",
                what="cards",
                every=_CARDS,
                fetch=partial(self._fetch_cards, uuid, place),
            )

    async def run(self, fetches: list[ScheduledFetch], slow: int | None = None) -> None:
        """Do what is due: everything urgent, the oldest of the rest."""
        due = [scheduled for scheduled in fetches if scheduled.due]
        waiting = [scheduled for scheduled in due if not scheduled.urgent]
        waiting.sort(key=lambda scheduled: scheduled.age, reverse=True)
        chosen = [scheduled for scheduled in due if scheduled.urgent] + waiting[:slow]
        outcomes = await asyncio.gather(
            *(self._do(scheduled) for scheduled in chosen), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _do(self, scheduled: ScheduledFetch) -> None:
        """Fetch one thing; what that fails leaves what is known, and waits its turn."""
        try:
            await scheduled.fetch()
        except AuthenticationError:
            raise
        except RateLimitedError as err:
            self.pause = max(self.pause, err.retry_after or 0.0)
            return
        except PermissionDeniedError:
            scheduled.endpoints.close(scheduled.feature, forbidden=True)
        except NotFoundError:
            # Nothing was ever measured, or there is no such thing here.
            if scheduled.feature not in ("power-usage", "latest-metervalue"):
                scheduled.endpoints.close(scheduled.feature, forbidden=False)
        except ChargingError as err:
            _LOGGER.debug("No %s: %s", scheduled.feature, err.reason)
        else:
            scheduled.endpoints.answered(scheduled.feature)
        scheduled.endpoints.schedule.done(scheduled.what)

    async def _fetch_usage(self, station: ChargerState, number: int) -> None:
        sent_at = self._context.monotonic()
        usage = await self._client.power_usage(station.uuid, number)
        if station.newest(f"usage/{number}", sent_at):
            station.outlets[number].take_usage(
                of_power_usage(usage), self._context.monotonic()
            )

    async def _fetch_meter(self, station: ChargerState, number: int) -> None:
        sent_at = self._context.monotonic()
        message = await self._client.latest_meter_value(station.uuid, number)
        if not station.newest(f"meter/{number}", sent_at):
            return
        outlet = station.outlets[number]
        registers = self._context.memory.setdefault("registers", {})
        device_id = station.device_id(number)
        if outlet.lifetime is None:
            outlet.lifetime = registers.get(device_id)
        outlet.take_meter(of_meter_values(message), self._context.monotonic())
        # Without it, a reload would take the next bad sample for the truth.
        if outlet.lifetime is not None and outlet.lifetime != registers.get(device_id):
            registers[device_id] = outlet.lifetime
            self._context.save()

    async def _fetch_granted(self, station: ChargerState, number: int) -> None:
        try:
            schedule = await self._client.composite_schedule(station.uuid, number)
        except CommandRefusedError, PermissionDeniedError:
            schedule = CompositeSchedule()
        station.outlets[number].granted = schedule.limit
        if schedule.status != "Accepted":
            # A charger that keeps silent would hold up every poll.
            raise NotFoundError("no schedule", reason="not_found")

    async def _fetch_active(self, station: ChargerState) -> None:
        sent_at = self._context.monotonic()
        active = await self._client.transactions(station.uuid, status="active")
        if station.newest("active", sent_at):
            station.take_active(active)

    async def _fetch_finished(self, station: ChargerState) -> None:
        since = (self._context.now() - _FINISHED_SINCE).date()
        station.take_finished(
            await self._client.transactions(
                station.uuid, status="finished", since=since
            )
        )

    async def _fetch_lock(self, station: ChargerState) -> None:
        sent_at = self._context.monotonic()
        lock = await self._client.lock(station.uuid)
        if station.newest("lock", sent_at):
            station.lock = lock.enabled

    async def _fetch_socket_lock(self, station: ChargerState) -> None:
        socket = await self._client.socket_lock(station.uuid)
        station.socket_lock = None if socket.error else socket.enabled

    async def _fetch_plug_charge(self, station: ChargerState) -> None:
        sent_at = self._context.monotonic()
        plug_charge = await self._client.plug_charge(station.uuid)
        if station.newest("plug-charge", sent_at):
            station.plug_charge = plug_charge

    async def _fetch_cards(self, uuid: str, place: Site) -> None:
        place.cards = _named(await self._client.cards(uuid))


type _Fetch = Callable[[ChargerState], Awaitable[None]]


def _named(cards: list[Card]) -> dict[str, Card]:
    """Name cards so that no two are called the same."""
    usable = [card for card in cards if card.id_token]
    names = Counter(card.name or f"{card.id}" for card in usable)
    return {
        name if names[name] == 1 else f"{name} ({card.id})": card
        for card in usable
        for name in [card.name or f"{card.id}"]
    }
