"""Everything that is known of an account, and how it is kept up to date.

The chargers of a location come 25 to a request, state and connectors included, so a
location is read whole where that is cheaper than charger by charger.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
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
from ..base import Context
from ..records import Absences
from .client import PlugchoiceClient
from .devices import devices_of
from .fetch_plan import FetchPlan, Site
from .state import ChargerState, Endpoints
from .wire import Card, Charger

_PAGE: Final = 25
_MAX_SITES: Final = 50

_CHARGERS = timedelta(minutes=15)
_DOUBTFUL = timedelta(minutes=5)
_SITES = timedelta(hours=6)
_SLOW_AT_ONCE = 25
_FLEET = 10


class PlugchoiceSync:
    """The chargers and locations that a token reaches.

    `listed` are all chargers, `stations` the wanted ones.
    """

    def __init__(self, client: PlugchoiceClient, context: Context) -> None:
        """Know nothing yet."""
        self._client = client
        self._context = context
        self._endpoints = Endpoints(context.monotonic)
        self.listed: dict[str, ChargerState] = {}
        self.places: dict[str, Site] = {}
        self._plan = FetchPlan(client, context)
        self._unlisted = Absences(context.monotonic)
        self._unknown = Absences(context.monotonic)
        self._moved = Absences(context.monotonic)

    def now(self) -> datetime:
        """Return the time."""
        return self._context.now()

    @property
    def stations(self) -> dict[str, ChargerState]:
        """Return the chargers that are wanted."""
        wants = self._context.selection.wants
        return {u: s for u, s in self.listed.items() if wants(u, s.site)}

    @property
    def pause(self) -> float:
        """Return how long (s) the cloud wants to be left alone."""
        return self._plan.pause

    def station(self, uuid: str) -> ChargerState:
        """Return a charger; raise NotFoundError when there is none."""
        try:
            return self.listed[uuid]
        except KeyError:
            raise NotFoundError("no such charger", reason="not_found") from None

    def place_name(self, station: ChargerState) -> str | None:
        """Return the name of the location where a charger stands."""
        place = self.places.get(station.site or "")
        return place.site.name if place else None

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
        doubtful = any(map(self._unlisted.missing, self.listed))
        every = _DOUBTFUL if doubtful else _CHARGERS
        if self._endpoints.schedule.due("chargers", every):
            await self._list_chargers()
        stations = await self._read_states()
        # The more chargers, the rarer the slow rounds: their sum stays the same.
        pace = max(1.0, len(stations) / _FLEET)
        fetches = list(self._plan.of_places(self.places, stations))
        for station in stations:
            fetches += self._plan.of_station(station, pace)
        await self._plan.run(fetches, _SLOW_AT_ONCE)
        for station in stations:
            self._translate(station)

    async def refresh(self, station: ChargerState) -> None:
        """Read one charger at once, and what a command may have changed there."""
        sent_at = self._context.monotonic()
        station.take(await self._client.charger(station.uuid), sent_at)
        await self._plan.run(list(self._plan.of_station(station)))
        self._translate(station)

    async def survey(self) -> None:
        """List every charger, wanted or not, and where each of them stands."""
        await self._list_chargers()
        await self._list_places()
        await self._read_places(self.places)

    def _translate(self, station: ChargerState) -> None:
        """Put a charger's devices together."""
        station.devices = devices_of(station, self.cards(station), self.card(station))

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
        new = listed.keys() - self.listed.keys()
        for uuid, charger in listed.items():
            if uuid in new:
                self.listed[uuid] = ChargerState(
                    uuid=uuid, listed=charger, monotonic=self._context.monotonic
                )
            self.listed[uuid].listed = charger
        if complete:
            for uuid in self._unlisted.judge(self.listed, listed):
                del self.listed[uuid]
        if new:
            self._endpoints.schedule.forget("sites")
        self._endpoints.schedule.done("chargers")

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
            or Site(site=sites[uuid], endpoints=Endpoints(self._context.monotonic))
            for uuid in nearest
        }
        for uuid, place in self.places.items():
            place.site = sites[uuid]
        for station in self.listed.values():
            if station.site not in self.places:
                station.site = None

    async def _read_states(self) -> list[ChargerState]:
        """Read every wanted charger in as few requests as possible.

        Returns those that could be read; the others are stale now.
        """
        places = {u: p for u, p in self.places.items() if self._pays(p)}
        if survey := self._endpoints.schedule.due("sites", _SITES):
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
            self._endpoints.schedule.done("sites")
        wanted = self.stations
        # A location that does not tell connectors is no substitute for the details.
        states = {
            uuid: state
            for uuid, state in found.items()
            if uuid in wanted
            and (state.connectors or (wanted[uuid].state and not wanted[uuid].outlets))
        }
        details, failures = await _settle(
            {
                uuid: self._client.charger(uuid)
                for uuid, station in wanted.items()
                if uuid not in states and uuid not in errors and station.offers("")
            }
        )
        states |= details
        for place in places.values():
            if place.failing and place.members and place.members & details.keys():
                place.endpoints.close("", forbidden=False)  # then one by one
        if not states and wanted and (failures or errors):
            # All of them at once: that is a trouble of the cloud, not of a charger.
            for station in wanted.values():
                station.fail()
            raise next(iter((failures | errors).values()))
        for uuid, error in failures.items():
            if isinstance(error, NotFoundError):
                self._endpoints.schedule.forget("chargers")
                if self._unknown.missed(uuid):
                    del self.listed[uuid]
            elif isinstance(error, PermissionDeniedError):
                wanted[uuid].endpoints.close("", forbidden=True)
        stations = self.stations
        for uuid, station in stations.items():
            if uuid in states:
                station.endpoints.answered("")
                self._unknown.seen(uuid)
                station.take(states[uuid], sent_at)
            else:
                station.fail()
        return [station for uuid, station in stations.items() if uuid in states]

    def _pays(self, place: Site) -> bool:
        """Return whether reading a whole location takes fewer requests."""
        members = place.members or frozenset()
        wanted = len(self.stations.keys() & members)
        return place.endpoints.offers("") and wanted > ceil(len(members) / _PAGE)

    async def _read_places(
        self, places: Mapping[str, Site]
    ) -> tuple[dict[str, Charger], dict[str, ChargingError]]:
        """Read the chargers of locations, and the errors for those left unread."""
        answers, failures = await _settle(
            {
                uuid: self._client.site_chargers(uuid)
                for uuid, place in places.items()
                if place.endpoints.offers("")
            }
        )
        errors: dict[str, ChargingError] = {}
        for uuid, error in failures.items():
            place = places[uuid]
            if isinstance(error, PermissionDeniedError | NotFoundError):
                place.endpoints.close("", forbidden=False)  # then one by one
            elif place.members is not None:
                unread = sorted(place.members & self.stations.keys())
                # A list that fails again may be all that is broken: try one charger.
                errors |= dict.fromkeys(unread[place.failing :], error)
                place.failing = True
            elif uuid in self._context.selection.groups:
                raise error  # nobody knows yet which chargers are wanted
        for uuid, answer in answers.items():
            members = places[uuid].members or frozenset()
            moved = self._moved.judge(members, answer)
            moved |= (members - answer.keys()) & {
                charger for other in answers.values() for charger in other
            }
            for charger in moved & self.listed.keys():
                if self.listed[charger].site == uuid:
                    self.listed[charger].site = None
            if moved:
                self._endpoints.schedule.forget("sites")
            places[uuid].members = frozenset(answer) | members - moved
            places[uuid].failing = False
            for charger in answer.keys() & self.listed.keys():
                self.listed[charger].site = uuid
        found = {
            charger: state
            for answer in answers.values()
            for charger, state in answer.items()
        }
        return found, {u: error for u, error in errors.items() if u not in found}


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
