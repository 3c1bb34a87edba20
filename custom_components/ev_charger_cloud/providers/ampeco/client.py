"""AMPECO's public API: one method per endpoint."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, override
from urllib.parse import parse_qs

from ...charging import (
    ChargingError,
    CommandRefusedError,
    NotFoundError,
    RateLimitedError,
    Refusal,
    UnusableAnswerError,
)
from ..base import Context
from ..transport import Limits, Transport, message_of
from ..wire import items_of, link, number, once, segment, text
from .wire import ActionResponse

LIMITS = Limits(requests=60, period=60.0, concurrency=1, backoff=5.0)
"""What AMPECO allows is not published, so this asks for little on average.

All 60 requests of a minute may go at once: setting up a thousand charge points
takes some forty.
"""

PAGE = 100
MOST = 1000
"""How many pages a list may have; more can only be a cloud that goes in circles."""

# What asks for the energy of sessions by the hours of the clock.
_HOURS = (
    ("withClockAlignedEnergyConsumption", "true"),
    ("clockAlignedInterval", "60"),
)

# How long (s) a list waits in its middle: when nobody says, and at most.
_PAUSE = 30.0
_LONGEST_PAUSE = 120.0

# For how long (s) what a sweep got is worth going on from.
_KEPT_FOR = 900.0

type Page = list[Any]
type Filters = Mapping[str, str]

_NOTIFICATIONS = "/notifications/v2.0"
POINTS = "charge-points/v2.0"
EVSES = "evses/v2.1"
# Where older tenants have what newer ones have elsewhere, with the same fields.
_OLDER = {"users/v1.1": "users/v1.0"}
_STATION_PARTS = ("lastBootNotification", "chargingProfile", "smartCharging")
_EVSE_PARTS = ("connectors", "chargingProfile")


class _Transport(Transport):
    """Reads what AMPECO says of requests that are wrong, or refused."""

    @override
    def error(self, status: int, body: Any, retry_after: float | None) -> ChargingError:
        """Turn an answer that is not a success into an error."""
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            fields = body.get("errors") if isinstance(body, Mapping) else None
            fields = fields if isinstance(fields, Mapping) else {}
            words = [f"{field}: {message_of(texts)}" for field, texts in fields.items()]
            return CommandRefusedError(
                self.redact("; ".join(words) or message_of(body)),
                reason=Refusal.INVALID_VALUE,
            )
        if status == HTTPStatus.NOT_ACCEPTABLE:
            # The charge point, or the cloud for it, said no.
            return CommandRefusedError(
                self.redact(message_of(body)), reason=Refusal.REJECTED
            )
        return super().error(status, body, retry_after)


@dataclass(slots=True, kw_only=True)
class _Walk:
    """How far a list was read: `place` is where it goes on, None at its end."""

    begun: float
    place: tuple[str, str] | None
    seen: set[tuple[str, str]] = field(default_factory=set)
    pages: list[Page] = field(default_factory=list)


class Client:
    """One tenant, as one API token sees it."""

    def __init__(self, context: Context) -> None:
        """Prepare requests to the tenant; nothing is sent yet."""
        settings = context.settings
        token = settings["token"]
        self._transport = _Transport(
            context.session,
            f"{settings['base_url']}/public-api",
            limits=LIMITS,
            headers={"Authorization": f"Bearer {token}"},
            secrets=[token],
            monotonic=context.monotonic,
            kept=context.kept,
        )
        self._sleep = context.sleep
        self._monotonic = context.monotonic
        # Whole lists of a sweep that did not come to its end.
        self._walks: dict[str, _Walk] = context.kept.setdefault("lists", {})
        self._older: set[str] = set()
        # Lists that go on, nobody knows where: what they lack may be there.
        self.broken_off: set[str] = set()
        self._first_cursor = "null"
        self.requests = 0
        # Pages that an earlier attempt of a sweep had asked for.
        self.replayed = 0

    # Resources

    async def probe(self) -> Page:
        """GET charge-points/v2.0, at most one of them: proves the token."""
        pages = self._pages(POINTS, per_page=1, most=1)
        return [point async for page in pages for point in page]

    def charge_points(
        self, filters: Filters | None = None, *, resume: bool = False
    ) -> AsyncIterator[Page]:
        """GET charge-points/v2.0: all, or those that pass the filters."""
        return self._pages(POINTS, filters, _STATION_PARTS, resume=resume)

    async def charge_point(self, station: str) -> Any:
        """GET charge-points/v2.0/{chargePoint}."""
        return await self._object(
            f"charge-points/v2.0/{segment(station)}", _STATION_PARTS
        )

    def evses(
        self, filters: Filters | None = None, *, resume: bool = False
    ) -> AsyncIterator[Page]:
        """GET evses/v2.1: all, or those that pass the filters."""
        return self._pages(EVSES, filters, _EVSE_PARTS, resume=resume)

    def sessions(
        self, filters: Filters, most: int = MOST, *, hours: bool = False
    ) -> AsyncIterator[Page]:
        """GET sessions/v1.0, at most so many pages; energy in Wh, power in kW.

        With `hours` each tells what it drew in each hour, on tenants that know.
        """
        return self._pages(
            "sessions/v1.0", filters, most=most, others=_HOURS if hours else ()
        )

    async def session(self, session: str, *, hours: bool = False) -> Any:
        """GET sessions/v1.0/{session}."""
        place = f"sessions/v1.0/{segment(session)}"
        return _unwrap(await self._get(place, _HOURS if hours else ()))

    async def consumption(self, session: str) -> Any:
        """GET …/consumption-stats: energy (Wh) of a session so far, at most 300."""
        return await self._object(f"sessions/v1.0/{segment(session)}/consumption-stats")

    def locations(self) -> AsyncIterator[Page]:
        """GET locations/v2.0."""
        return self._pages("locations/v2.0")

    def reservations(self, filters: Filters) -> AsyncIterator[Page]:
        """GET reservations/v1.0."""
        return self._pages("reservations/v1.0", filters)

    async def reservation(self, reservation: str) -> Any:
        """GET reservations/v1.0/{reservation}."""
        return await self._object(f"reservations/v1.0/{segment(reservation)}")

    async def station_status_log(self, station: str) -> Any:
        """GET charge-points/v2.0/{chargePoint}/latest-hardware-status-log."""
        return await self._object(
            f"charge-points/v2.0/{segment(station)}/latest-hardware-status-log"
        )

    async def evse_status_log(self, evse: str) -> Any:
        """GET evses/v2.0/{evse}/latest-hardware-status-log."""
        return await self._object(
            f"evses/v2.0/{segment(evse)}/latest-hardware-status-log"
        )

    def vendor_error_codes(self) -> AsyncIterator[Page]:
        """GET vendor-error-codes/v2.0."""
        return self._pages("vendor-error-codes/v2.0")

    def circuits(self) -> AsyncIterator[Page]:
        """GET circuits/v2.0 with consumption; currents in A per phase."""
        return self._pages("circuits/v2.0", include=("consumption",))

    async def circuit(self, circuit: str) -> Any:
        """GET circuits/v2.0/{circuit} with consumption."""
        return await self._object(f"circuits/v2.0/{segment(circuit)}", ("consumption",))

    def electricity_rates(self) -> AsyncIterator[Page]:
        """GET electricity-rates/v2.0; prices per kWh with tax."""
        return self._pages("electricity-rates/v2.0")

    async def price_periods(self, rate: str) -> Page:
        """GET electricity-rates/v2.0/{electricityRate}/price-periods."""
        body = await self._get(f"electricity-rates/v2.0/{segment(rate)}/price-periods")
        return list(items_of(body, "data"))

    def users(self, most: int) -> AsyncIterator[Page]:
        """GET users/v1.1, at most so many pages."""
        return self._pages("users/v1.1", most=most)

    async def user(self, user: str) -> Any:
        """GET users/v1.1/{user}."""
        return await self._object(f"users/v1.1/{segment(user)}")

    def subscriptions(self, filters: Filters | None = None) -> AsyncIterator[Page]:
        """GET subscriptions/v1.0: all, or those that pass the filters."""
        return self._pages("subscriptions/v1.0", filters)

    def tariff_groups(self) -> AsyncIterator[Page]:
        """GET tariff-groups/v1.0."""
        return self._pages("tariff-groups/v1.0")

    def partners(self) -> AsyncIterator[Page]:
        """GET partners/v2.0."""
        return self._pages("partners/v2.0")

    def subscription_plans(self) -> AsyncIterator[Page]:
        """GET subscription-plans/v2.0."""
        return self._pages("subscription-plans/v2.0")

    async def currency(self, currency: str) -> Any:
        """GET currencies/v2.0/{currency}."""
        return await self._object(f"currencies/v2.0/{segment(currency)}")

    async def settings(self) -> Any:
        """GET settings/v1.0."""
        return await self._object("settings/v1.0")

    # Commands

    async def command(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> ActionResponse:
        """Send what `actions.ACTIONS` describes; an answer that says no is a refusal."""
        self.requests += 1
        answer = await self._transport.request(method, path, body=body)
        told = answer if isinstance(answer, Mapping) else {}
        within = told.get("data")
        response = ActionResponse.decode(
            {**told, **within} if isinstance(within, Mapping) else told
        )
        if response.success is False:
            code = response.error_code or ""
            raise CommandRefusedError(
                response.message or code, reason=code.lower() or Refusal.REJECTED
            )
        return response

    # Callbacks

    async def notifications(self) -> AsyncIterator[Page]:
        """GET notifications/v2.0: who is called back.

        Only `per_page` is documented: the first page is asked for by nothing more.
        """
        place: tuple[str, str] | None = None
        seen: set[tuple[str, str] | None] = set()
        while place not in seen and len(seen) < MOST:
            seen.add(place)
            self.requests += 1
            params = dict([("per_page", str(PAGE)), *([place] if place else ())])
            body = await self._transport.get(_NOTIFICATIONS, params=params)
            if not isinstance(body, Mapping) or not isinstance(body.get("data"), list):
                raise UnusableAnswerError("no list", reason="unexpected_shape")
            yield body["data"]
            place = self._next(body)

    async def create_notification(self, kinds: Sequence[str], address: str) -> str:
        """POST notifications/v2.0; returns the subscription's id."""
        self.requests += 1
        body = {
            "via": "webhook",
            "notifications": list(kinds),
            "webhook": {"callbackUrl": address},
        }
        made = _unwrap(await self._transport.post(_NOTIFICATIONS, body))
        key = text(made.get("id")) if isinstance(made, Mapping) else None
        if key is None:
            raise UnusableAnswerError("no subscription", reason="unexpected_shape")
        return key

    async def delete_notification(self, key: str) -> None:
        """DELETE notifications/v2.0/{notification}."""
        self.requests += 1
        await self._transport.request("DELETE", f"{_NOTIFICATIONS}/{segment(key)}")

    async def resend_notifications(
        self, key: str, kinds: Sequence[str], start: str
    ) -> None:
        """POST actions/notifications/v1.0/{notification}/resend: once in 15 minutes."""
        self.requests += 1
        await self._transport.post(
            f"/actions/notifications/v1.0/{segment(key)}/resend",
            {"notifications": list(kinds), "startTime": start},
        )

    # Resources of every kind, as `resources` describes them

    async def resource_page(
        self,
        path: str,
        filters: Filters,
        include: Sequence[str],
        *,
        per_page: int,
        place: str | None,
    ) -> tuple[Page, str | None]:
        """GET a page of a list, and where it goes on.

        A place tells the size of its pages too: numbers count by it.
        """
        at = self._first_place
        if place is not None:
            try:
                name, value, size = place.split(":")
                at, per_page = (name, value), int(size)
            except ValueError as err:
                raise CommandRefusedError(
                    "there is no such page", reason=Refusal.INVALID_VALUE
                ) from err
        body = await self._page(path, _query(filters, include, per_page), at)
        following = self._next(body)
        return body["data"], following and ":".join((*following, str(per_page)))

    async def resource(self, path: str, include: Sequence[str]) -> Any:
        """GET an object."""
        return await self._object(path, include)

    async def change_resource(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> Any:
        """Create, update or delete an object."""
        self.requests += 1
        place = f"/resources/{self._path(path)}"
        return _unwrap(await self._transport.request(method, place, body=body))

    # How it is done

    @property
    def _first_place(self) -> tuple[str, str]:
        """Return what the first page is asked for by."""
        return "cursor", self._first_cursor

    async def _pages(
        self,
        resource: str,
        filters: Filters | None = None,
        include: Sequence[str] = (),
        *,
        per_page: int = PAGE,
        most: int = MOST,
        others: Sequence[tuple[str, str]] = (),
        resume: bool = False,
    ) -> AsyncIterator[Page]:
        """Yield a list page by page: by cursors, or numbers on older tenants.

        To `resume` is to begin with the pages that an earlier attempt got.
        """
        query = [*_query(filters or {}, include, per_page), *others]
        walk = self._walk(resource) if resume else None
        if walk is None:
            walk = _Walk(begun=self._monotonic(), place=self._first_place)
        if resume:
            self._walks[resource] = walk
            self.replayed += len(walk.pages)
            for page in list(walk.pages):
                yield page
        while (place := walk.place) is not None and len(walk.seen) < most:
            walk.seen.add(place)
            try:
                body = await self._page(resource, query, place)
            except RateLimitedError as err:
                # A long list goes on where it stopped, or it would never end.
                if len(walk.seen) == 1 or (err.retry_after or 0) > _LONGEST_PAUSE:
                    raise
                await self._sleep(err.retry_after or _PAUSE)
                continue
            except UnusableAnswerError:
                # The place may be known no longer.
                self._walks.pop(resource, None)
                raise
            following = self._next(body)
            if not body["data"] or following is None or following in walk.seen:
                self._note_end(resource, body, per_page, following)
                following = None
            walk.place = following
            if resume:
                walk.pages.append(body["data"])
            yield body["data"]

    def _walk(self, resource: str) -> _Walk | None:
        """Return how far the list was read that a sweep broke off, not long ago."""
        walk = self._walks.get(resource)
        if walk is None or not walk.pages:
            return None
        return walk if self._monotonic() - walk.begun < _KEPT_FOR else None

    @property
    def resumes(self) -> bool:
        """Return whether a sweep goes on that an earlier one broke off."""
        return any(map(self._walk, (POINTS, EVSES)))

    def begun(self, resource: str) -> float:
        """Return when (monotonic) a sweep began with a list, which may be now."""
        walk = self._walk(resource)
        return self._monotonic() if walk is None else walk.begun

    def finish(self) -> None:
        """Note that a sweep came to its end: the next one begins anew."""
        self._walks.clear()

    def _note_end(
        self,
        resource: str,
        body: Mapping[str, Any],
        per_page: int,
        following: tuple[str, str] | None,
    ) -> None:
        """Note whether a list ended, or its next page could not be found."""
        links = body.get("links")
        leads_on = isinstance(links, Mapping) and bool(text(links.get("next")))
        if following is None and leads_on and len(body["data"]) >= per_page:
            once("AMPECO list", f"no way to the next page of {resource}")
            self.broken_off.add(resource)
        else:
            self.broken_off.discard(resource)

    async def _page(
        self,
        resource: str,
        query: Sequence[tuple[str, str]],
        place: tuple[str, str],
    ) -> Mapping[str, Any]:
        """Read a page of a list."""
        try:
            body = await self._get(resource, [*query, place])
        except CommandRefusedError as err:
            # Tenants differ in what they take for the first page.
            if place != ("cursor", "null") or err.reason != Refusal.INVALID_VALUE:
                raise UnusableAnswerError(err.message, reason=err.reason) from err
            body = await self._get(resource, [*query, ("cursor", "")])
            self._first_cursor = ""
        if not isinstance(body, Mapping) or not isinstance(body.get("data"), list):
            raise UnusableAnswerError(
                f"{resource}: expected a list", reason="unexpected_shape"
            )
        return body

    def _next(self, body: Mapping[str, Any]) -> tuple[str, str] | None:
        """Find where the next page is."""
        meta, links = body.get("meta"), body.get("links")
        meta = meta if isinstance(meta, Mapping) else {}
        links = links if isinstance(links, Mapping) else {}
        for name in ("next_cursor", "cursor"):
            if cursor := text(meta.get(name)):
                return "cursor", cursor
        if (url := link(links.get("next"))) is not None:
            # A tenant may know itself by another name. Where the link leads does not
            # matter: only its cursor is used, at the address that was typed in.
            for name, values in parse_qs(url.query).items():
                if name in {"cursor", "page"}:
                    return name, values[0]
        page, last = number(meta.get("current_page")), number(meta.get("last_page"))
        if page is not None and last is not None and page < last:
            return "page", f"{page + 1:.0f}"
        return None

    def _path(self, resource: str) -> str:
        """Return where a tenant has something, as far as is known."""
        for newer in self._older:
            resource = resource.replace(newer, _OLDER[newer])
        return resource

    async def _get(
        self, resource: str, query: Sequence[tuple[str, str]] | None = None
    ) -> Any:
        """Read a resource, at its older place where a tenant has no other."""
        self.requests += 1
        path = f"/resources/{self._path(resource)}"
        try:
            return await self._transport.get(path, params=query)
        except NotFoundError:
            if resource not in _OLDER or resource in self._older:
                raise
        self._older.add(resource)
        return await self._get(resource, query)

    async def _object(self, resource: str, include: Sequence[str] = ()) -> Any:
        """Read one object, with or without its wrapper."""
        query = [("include[]", part) for part in include]
        return _unwrap(await self._get(resource, query))


def _query(
    filters: Filters, include: Sequence[str], per_page: int
) -> list[tuple[str, str]]:
    """Write what a list is asked for by."""
    return [
        ("per_page", str(per_page)),
        *((f"filter[{name}]", value) for name, value in filters.items()),
        *(("include[]", part) for part in include),
    ]


def _unwrap(body: Any) -> Any:
    """Take an object out of its wrapper, when it has one."""
    if isinstance(body, Mapping) and "data" in body:
        return body["data"]
    return body
