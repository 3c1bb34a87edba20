"""Everything that is known of an account, and how it is kept up to date.

The chargers of a location come 25 to a request, state and connectors included, so a
location is read whole where that is cheaper than charger by charger. What a poll cannot
ask within its budget comes with the next one, which is soon.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from math import ceil
from typing import Final

from ...charging import (
    AuthenticationError,
    ChargingError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    UnusableAnswerError,
)
from ..access import Access
from ..base import Context
from ..records import Absences
from ..schedule import Schedule
from .client import PlugchoiceClient
from .fetch_plan import LIVE, DueFetch, FetchPlan, Site
from .state import ChargerState
from .wire import Card, Charger

REQUESTS_PER_SECOND: Final = 5.5
"""At what pace the cloud is asked while there is more to ask than time."""

_BUDGET: Final = 78  # requests of one poll
_STATES_SHARE: Final = 0.1  # of the pace, for the lists of states
_SINGLES: Final = 40  # chargers that are read one by one in a poll
_PAGE: Final = 25
_MAX_SITES: Final = 50

_CHARGERS = timedelta(minutes=15)
_DOUBTFUL = timedelta(minutes=5)
_SITES = timedelta(hours=6)
_FLEET = 10


class PlugchoiceSync:
    """The chargers and locations that a token reaches.

    `listed` are all chargers, `stations` the wanted ones.
    """

    def __init__(self, client: PlugchoiceClient, context: Context) -> None:
        """Know nothing yet."""
        self._client = client
        self._context = context
        self._schedule = Schedule(context.monotonic)
        self.listed: dict[str, ChargerState] = {}
        self.places: dict[str, Site] = {}
        self._plan = FetchPlan(client, context)
        self._unlisted = Absences(context.monotonic)
        self._unknown = Absences(context.monotonic)
        self._moved = Absences(context.monotonic)
        self._unread: list[str] = []
        self._stations: dict[str, ChargerState] | None = None

    @property
    def stations(self) -> dict[str, ChargerState]:
        """Return the chargers that are wanted."""
        if self._stations is None:
            wants = self._context.selection.wants
            self._stations = {u: s for u, s in self.listed.items() if wants(u, s.site)}
        return self._stations

    @property
    def pause(self) -> float:
        """Return how long (s) the cloud wants to be left alone."""
        return self._plan.pause

    @property
    def hurried(self) -> bool:
        """Return whether more was due than the last poll could ask."""
        return bool(self._plan.waiting or self._unread)

    def station(self, uuid: str) -> ChargerState:
        """Return a charger; raise NotFoundError when there is none."""
        try:
            return self.listed[uuid]
        except KeyError:
            raise NotFoundError("no such charger", reason="not_found") from None

    def place_name(self, station: ChargerState) -> str | None:
        """Return the name of the location where a charger stands."""
        place = self.places.get(station.site or "")
        return place.payload.name if place else None

    def cards(self, station: ChargerState) -> Mapping[str, Card]:
        """Return the cards that may charge where a charger stands, by name."""
        place = self.places.get(station.site or "")
        return place.cards if place else {}

    def card(self, station: ChargerState) -> str | None:
        """Return the name of the card that remote starts are made with."""
        token = self.token(station)
        chosen = self._chosen(station)
        return next(
            (
                name
                for name, card in self.cards(station).items()
                if (card.id == chosen if chosen else card.id_token == token)
            ),
            None,
        )

    def choose_card(self, station: ChargerState, name: str) -> None:
        """Remember a card by the cloud's number for it, which opens nothing."""
        chosen = self._context.memory.setdefault("cards", {})
        chosen[station.uuid] = self.cards(station)[name].id
        self._context.save()

    def token(self, station: ChargerState) -> str | None:
        """Return the id token for remote starts.

        The card chosen for the charger, else the one of the options, else the one
        that the charger starts by itself with.
        """
        chosen = self._chosen(station)
        for card in self.cards(station).values():
            if chosen and card.id == chosen and card.id_token:
                return card.id_token
        if token := str(self._context.settings.get("id_token") or "").strip():
            return token
        return station.plug_charge.current_card if station.plug_charge else None

    def _chosen(self, station: ChargerState) -> int | None:
        """Return the number of the chosen card, if it still exists."""
        number = self._context.memory.get("cards", {}).get(station.uuid)
        known = {card.id for card in self.cards(station).values()}
        return number if number in known else None

    # Keeping up to date

    async def update(self) -> None:
        """Fetch what is due; raise when nothing at all can be said."""
        self._plan.pause = 0.0
        sent = self._client.requests
        hurried = self.hurried
        doubtful = any(map(self._unlisted.missing, self.listed))
        every = _DOUBTFUL if doubtful else _CHARGERS
        if self._schedule.due("chargers", every):
            await self._list_chargers()
        if not hurried or self._schedule.due("states", self._states_every):
            await self._read_states()
        elif self._unread:
            await self._read_singles()
        stations = [each for each in self.stations.values() if each.readable]
        for _ in range(2):  # what the first answers show to be needed, too
            budget = max(_BUDGET - (self._client.requests - sent), 1)
            due = await self._due(stations, hurried=hurried)
            await self._plan.run(due, budget)
            hurried = True
            if self.hurried:
                break
        changed = [each for each in stations if each.changed or each.moving]
        for station in changed:
            await self._context.turn()
            self._translate(station)

    async def _due(
        self, stations: list[ChargerState], *, hurried: bool
    ) -> list[DueFetch]:
        """List what is due in the whole account."""
        # The more chargers, the rarer the slow rounds: their sum stays the same.
        pace = max(1.0, len(stations) / _FLEET)
        due: list[DueFetch] = []
        busy: dict[str | None, list[ChargerState]] = {}
        for station in stations:
            if station.in_session:
                busy.setdefault(station.site, []).append(station)
        together: set[str | None] = set()
        for uuid, place in self.places.items():
            there = busy.get(uuid, ())
            due += self._plan.due_there(uuid, place, stations, there)
            if self._plan.together(place, there):
                together.add(uuid)
        now = self._context.monotonic()
        awake = [s for s in stations if s.in_session or now >= s.quiet_until]
        for station in awake:
            await self._context.turn()
            due += self._plan.due_at(
                station,
                pace=pace,
                hurried=hurried,
                together=station.site in together,
            )
        return due

    @property
    def _states_every(self) -> timedelta:
        """Return how often states are read while there is more to ask than time."""
        pages = sum(ceil(len(p.members or ()) / _PAGE) for p in self.places.values())
        share = REQUESTS_PER_SECOND * _STATES_SHARE
        return max(LIVE, timedelta(seconds=pages / share))

    async def refresh(self, station: ChargerState) -> None:
        """Read one charger at once, and what a command may have changed there."""
        await self.read_state(station)
        for hurried in (False, True):
            due = self._plan.due_at(station, hurried=hurried)
            await self._plan.run([each for each in due if each.live or each.touched])
        self._translate(station)
        station.observed()

    async def read_state(self, station: ChargerState) -> None:
        """Read the state of one charger."""
        sent_at = self._context.monotonic()
        station.take(await self._client.charger(station.uuid), sent_at)
        if not station.readable:
            raise UnusableAnswerError("no connectors", reason="unexpected_shape")

    async def read_active(self, station: ChargerState) -> None:
        """Read the running sessions of one charger."""
        await self._plan.read_active(station)

    async def survey(self) -> None:
        """List every charger, wanted or not, and where each of them stands."""
        await self._list_chargers()
        await self._list_places()
        await self._read_places(self.places)

    def _translate(self, station: ChargerState) -> None:
        """Put a charger's devices together."""
        station.translate(self.cards(station), self.card(station))

    async def _list_chargers(self) -> None:
        """Find chargers that are new, and drop those that are gone."""
        try:
            listed, complete = await self._client.chargers()
            if self.listed and not listed:
                raise UnusableAnswerError("no chargers", reason="unexpected_shape")
        except AuthenticationError, RateLimitedError:
            raise
        except ChargingError:
            if not self.listed:
                raise
            return  # nobody is gone on an error; the next poll tries again
        self._stations = None
        new = listed.keys() - self.listed.keys()
        for uuid, charger in listed.items():
            if uuid in new:
                self.listed[uuid] = ChargerState(
                    uuid=uuid, listed=charger, context=self._context
                )
            if self.listed[uuid].listed is not charger:
                self.listed[uuid].listed = charger
                self.listed[uuid].changed = True
        if complete:
            for uuid in self._unlisted.judge(self.listed, listed):
                del self.listed[uuid]
        if new:
            self._schedule.forget("sites")
        self._schedule.done("chargers")

    async def _list_places(self) -> None:
        """Find the locations; an account may have no right to see any."""
        try:
            sites = await self._client.sites()
        except PermissionDeniedError, NotFoundError:
            sites = {}
        if self.places and not sites and not self._moved.missed("sites"):
            # All at once: most likely the cloud's trouble, so it is asked again.
            raise UnusableAnswerError("no locations", reason="unexpected_shape")
        self._moved.seen("sites")
        # Beyond some number, reading them all costs more than it saves.
        groups = self._context.selection.groups
        nearest = sorted(sites, key=lambda uuid: uuid not in groups)[:_MAX_SITES]
        self.places = {
            uuid: self.places.get(uuid)
            or Site(
                payload=sites[uuid],
                access=Access(self._context.monotonic),
                schedule=Schedule(self._context.monotonic),
            )
            for uuid in nearest
        }
        for uuid, place in self.places.items():
            place.payload = sites[uuid]
        for station in self.listed.values():
            if station.site not in self.places:
                station.site = None
        self._stations = None

    async def _read_states(self) -> None:
        """Read every wanted charger in as few requests as possible."""
        places = {u: p for u, p in self.places.items() if self._pays(p)}
        if survey := self._schedule.due("sites", _SITES):
            try:
                await self._list_places()
            except AuthenticationError, RateLimitedError:
                raise
            except ChargingError:
                if self._context.selection.groups and not self.places:
                    raise  # nobody knows yet which chargers are wanted
                survey = False
            places = self.places
        sent_at = self._context.monotonic()
        found, errors = await self._read_places(places)
        if survey and all(place.surveyed for place in places.values()):
            self._schedule.done("sites")
        self._schedule.done("states")
        wanted = self.stations
        # A location that does not tell connectors is no substitute for the details.
        states = {
            uuid: state
            for uuid, state in found.items()
            if uuid in wanted
            and (
                state.connectors or (wanted[uuid].state and not wanted[uuid].connectors)
            )
        }
        self._unread = [u for u in wanted if u not in states and u not in errors]
        await self._read_singles(states, errors)
        for uuid, state in states.items():
            self._take(uuid, state, sent_at)
        for uuid in errors:
            wanted[uuid].fail()

    async def _read_singles(
        self,
        states: Mapping[str, Charger] | None = None,
        errors: Mapping[str, ChargingError] | None = None,
    ) -> None:
        """Read chargers one by one, those first that were not read for longest.

        `states` and `errors` are what is known of the others of the account.
        """
        wanted = self.stations
        for uuid in self._unread:
            if uuid in wanted and not wanted[uuid].access.allows("state"):
                wanted[uuid].fail()
        due = [
            u for u in self._unread if u in wanted and wanted[u].access.allows("state")
        ]
        due.sort(key=lambda uuid: wanted[uuid].observed_at)
        self._unread = due[_SINGLES:]
        sent_at = self._context.monotonic()
        details, failures = await _settle(
            {uuid: self._client.charger(uuid) for uuid in due[:_SINGLES]}
        )
        for place in self.places.values():
            if place.failing and place.members and place.members & details.keys():
                place.access.close("chargers", forbidden=False)  # then one by one
        if not states and not details and (failures or errors):
            # All of them at once: that is a trouble of the cloud, not of a charger.
            for station in wanted.values():
                station.fail()
            raise next(iter((failures | dict(errors or {})).values()))
        for uuid, state in details.items():
            self._take(uuid, state, sent_at)
        for uuid, error in failures.items():
            if isinstance(error, NotFoundError):
                self._schedule.forget("chargers")
                if self._unknown.missed(uuid):
                    del self.listed[uuid]
                    self._stations = None
            elif isinstance(error, PermissionDeniedError):
                wanted[uuid].access.close("state")
            wanted[uuid].fail()
        for uuid in self._unread:
            if wanted[uuid].state is None:
                wanted[uuid].fail()

    def _take(self, uuid: str, state: Charger, sent_at: float) -> None:
        """Take the state of a charger that was read."""
        station = self.listed[uuid]
        station.access.open("state")
        self._unknown.seen(uuid)
        station.take(state, sent_at)

    def _pays(self, place: Site) -> bool:
        """Return whether reading a whole location takes fewer requests."""
        members = place.members or frozenset()
        wanted = len(self.stations.keys() & members)
        return place.access.allows("chargers") and wanted > ceil(len(members) / _PAGE)

    async def _read_places(
        self, places: Mapping[str, Site]
    ) -> tuple[dict[str, Charger], dict[str, ChargingError]]:
        """Read the chargers of locations, and the errors for those left unread."""
        answers, failures = await _settle(
            {
                uuid: self._client.site_chargers(uuid)
                for uuid, place in places.items()
                if place.access.allows("chargers")
            }
        )
        errors: dict[str, ChargingError] = {}
        for uuid, error in failures.items():
            place = places[uuid]
            if isinstance(error, PermissionDeniedError | NotFoundError):
                place.access.close("chargers", forbidden=False)  # then one by one
            elif place.members is not None:
                unread = sorted(place.members & self.stations.keys())
                # A list that fails again may be all that is broken: try one charger.
                errors |= dict.fromkeys(unread[place.failing :], error)
                place.failing = True
            elif uuid in self._context.selection.groups:
                raise error  # nobody knows yet which chargers are wanted
        for uuid, answer in answers.items():
            self._take_members(uuid, answer, answers)
        found = {
            charger: state
            for answer in answers.values()
            for charger, state in answer.items()
        }
        return found, {u: error for u, error in errors.items() if u not in found}

    def _take_members(
        self,
        uuid: str,
        answer: dict[str, Charger],
        answers: Mapping[str, dict[str, Charger]],
    ) -> None:
        """Take who is at a location; who is missing may be at another one."""
        place = self.places[uuid]
        place.failing = False
        if answer is place.answer and place.members == answer.keys():
            return
        self._stations = None
        place.answer = answer
        members = place.members or frozenset()
        moved = self._moved.judge(members, answer)
        moved |= (members - answer.keys()) & {
            charger for other in answers.values() for charger in other
        }
        for charger in moved & self.listed.keys():
            if self.listed[charger].site == uuid:
                self.listed[charger].site = None
        if moved:
            self._schedule.forget("sites")
        place.members = frozenset(answer) | members - moved
        for charger in answer.keys() & self.listed.keys():
            self.listed[charger].site = uuid


async def _settle[T](
    requests: Mapping[str, Awaitable[T]],
) -> tuple[dict[str, T], dict[str, ChargingError]]:
    """Await requests together; raise only what concerns the whole account."""
    outcomes = await asyncio.gather(*requests.values(), return_exceptions=True)
    answers: dict[str, T] = {}
    errors: dict[str, ChargingError] = {}
    for key, outcome in zip(requests, outcomes, strict=True):
        if isinstance(outcome, ChargingError) and not isinstance(
            outcome, AuthenticationError | RateLimitedError
        ):
            errors[key] = outcome
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            answers[key] = outcome
    return answers, errors
