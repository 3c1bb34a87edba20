"""One tenant of AMPECO as a server."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
import json
import re
from typing import Any, ClassVar, override

from aiohttp import web
from aiohttp.typedefs import Handler

from ...cloud import Cloud
from ...past import nights
from ...world import Connector, Station, World
from .access import Access, accesses
from .actions import Actions, Answer, check_smart_charging
from .configuration import Configurations
from .lookup import Lookup, Missing, read_body
from .model import ChargePoint, Circuit, Evse, Reservation, Session
from .notifications import Notifications
from .query import Filter, Invalid, after, before, equals, includes_of, paginate, select
from .records import Prices, Records
from .resources import KINDS, Collection
from .seed import add_location, furnish
from .serializers import (
    show_charge_point,
    show_circuit,
    show_consumption,
    show_energy_curve,
    show_evse,
    show_log,
    show_reservation,
    show_session,
)
from .tenant import Tenant
from .users import UserActions

RESOURCES = "/public-api/resources"


CHARGE_POINT = ("name", "type", "status")
EVSE = ("chargePointId", "physicalReference", "currentType", "networkId", "status")
CIRCUIT = ("name", "phases", "maxCurrent")


def _require(body: dict[str, Any], fields: Iterable[str]) -> None:
    """Refuse a body in which one of these fields is missing or empty."""
    for field in fields:
        if body.get(field) in (None, ""):
            raise Invalid(**{field: f"The {field} field is required."})


def _require_of_change(body: dict[str, Any], fields: Iterable[str]) -> None:
    """Refuse a change that empties one of these fields."""
    _require(body, [field for field in fields if field in body])


async def _sent(request: web.Request) -> Any:
    """Return the body of a request, None where there is none that can be read."""
    with suppress(ValueError):
        return json.loads(await request.read())
    return None


def _interval(request: web.Request) -> timedelta | None:
    """Return the intervals that a request wants sessions divided into."""
    if request.query.get("withClockAlignedEnergyConsumption") != "true":
        return None
    minutes = request.query.get("clockAlignedInterval", "15")
    if minutes not in ("15", "30", "60"):
        raise Invalid(clockAlignedInterval="The selected interval is invalid.")
    return timedelta(minutes=int(minutes))


class Ampeco(Cloud):
    """A tenant with its charge points, sessions, drivers and permissions."""

    name = "ampeco"
    DEFAULT_QUIRKS: ClassVar[dict[str, Any]] = {
        # Requests per minute and token; None for any number.
        "rate_limit": 60,
        # What a list's first page is asked for with: "null", "empty" or "both".
        "first_cursor": "both",
        # "cursor"; "links" tells the next page by link only, "meta" by another name and
        # no link; "page" is the old way.
        "paging": "cursor",
        # What links to pages begin with: a tenant has two host names. None for its own.
        "link_base": None,
        # "underscores" or "spaces" in the network status of charge points.
        "network_words": "underscores",
        # Seconds until a station takes a start or a stop up.
        "start_seconds": 2.0,
        "stop_seconds": 2.0,
        # Seconds until a station has told its configuration.
        "sync_seconds": 2.0,
        # Seconds that a started session waits for a vehicle.
        "connection_timeout": 60.0,
        "reservation_minutes": 15,
        # An errorCode that every start is refused with.
        "start_error": None,
        # Whether reserve, unlock, reset and set-configuration answer success: false.
        "refuse": False,
        # How stations and cloud say no to actions: 406, or 202 with success: false.
        "refusal_status": 406,
        # What reserve and unlock take for {evse}: "both", or "network_id" alone.
        "evse_in_path": "both",
        # Whether vehicles tell their state of charge.
        "state_of_charge": True,
        # What settings give for the base currency: its id, or its code.
        "base_currency": 1,
        # Where drivers are: "both" versions, or "v1.0" alone as on older tenants.
        "users_version": "both",
        # How sessions tell their power: "both" ways, or "power" or "powerKw" alone.
        "session_power": "both",
        # Whether sessions tell what they drew by intervals of the clock, and in points.
        "clock_aligned": True,
        "consumption_stats": True,
        # How callbacks are signed ("hex", "base64", "prefix" or "bad"), how late (s),
        # whether doubled, whether out of order, whether they get lost, whether one that
        # is given up disables its subscription, and whether the tenant knows the older
        # names of kinds alone.
        "push_signature": "hex",
        "push_delay": 0.0,
        "push_twice": False,
        "push_shuffled": False,
        "push_dead": False,
        "push_disables": False,
        "older_kinds": False,
        # Words and fields that no documentation mentions.
        "unknown_words": False,
        "extra_fields": False,
    }

    def __init__(self, world: World) -> None:
        """Begin with the tenant's settings, and no stations."""
        super().__init__(world)
        self.tenant = Tenant(world, self.quirks)
        self.lookup = Lookup(self.tenant)
        self.accesses = accesses()
        self.resources = {
            name: Collection(kind, lambda: world.now) for name, kind in KINDS.items()
        }
        self._actions = Actions(
            self.tenant, self.lookup, self.resources["users"], self.quirks
        )
        self._configurations = Configurations(self.tenant, self.lookup, self.quirks)
        self._user_actions = UserActions(self.resources, world)
        self.prices: Prices = {}
        self.notifications = Notifications(self.tenant, self.resources, self.quirks)
        self._records = Records(self.resources, self.prices, self.page)
        self._known: list[tuple[str, re.Pattern[str]]] = []
        # What was sent with each request that changes something, None for nothing.
        self.bodies: list[Any] = []
        furnish(self.tenant, self.resources, self.prices)

    @property
    @override
    def credentials(self) -> dict[str, str]:
        """Return the token that may do everything."""
        return {"token": next(iter(self.accesses))}

    @override
    def memory(self) -> dict[str, Any]:
        """Return which ids of sessions are in use."""
        return {"sessions": self.tenant.skip_session_ids()}

    @override
    def recall(self, memory: Mapping[str, Any]) -> None:
        """Leave alone the ids of sessions that were in use."""
        self.tenant.skip_session_ids(memory["sessions"])

    # Stations

    @override
    def add(self, station: Station, **record: Any) -> Station:
        """Add a station, with what the tenant records of it."""
        super().add(station)
        self.tenant.register(station, **record)
        return station

    @override
    def remove(self, station: Station) -> None:
        """Take a station away."""
        super().remove(station)
        self.tenant.unregister(station)

    @override
    def seed(self) -> None:
        """Create a garage with two stations behind one breaker, and a guest charger."""
        self.add(
            Station(
                "CP-GN-001",
                "Garage North 1",
                vendor="Example",
                model="AC22",
                serial="SN0001",
                firmware="2.4.1",
                connectors=[Connector(1, max_current=32), Connector(2, max_current=32)],
            ),
            circuit=77,
            partner=12,
            labels=("Left", "Right"),
        )
        self.add(
            Station(
                "CP-GN-002",
                "Garage North 2",
                vendor="Example",
                model="AC22",
                serial="SN0002",
                firmware="2.4.1",
                connectors=[Connector(1, max_current=32)],
            ),
            circuit=77,
        )
        self.add(
            Station(
                "CP-HO-001",
                "Harbour Office",
                vendor="Example",
                model="DC50",
                serial="SN0003",
                firmware="3.0.2",
                connectors=[Connector(1, max_current=63, socket=False)],
                max_current=63,
            ),
            location=311,
            current_type="dc",
        )
        first = next(iter(self.tenant.charge_points.values()))
        first.smart = {
            "mode": "dynamic",
            "defaultChargePointMaxCurrent": 32,
            "minCurrent": 6,
            "maxVoltage": "400",
            "phases": "three_phase",
            "phaseRotation": "RST",
        }
        for seed, evse in enumerate(self.tenant.evses.values()):
            for night in nights(seed, self.world.now, self.past_days):
                self.tenant.record(evse, *night)
        yesterday = self.world.now - timedelta(hours=20)
        self.tenant.record(
            first.evses[0], yesterday, yesterday + timedelta(hours=3), 21_400.0
        )

    @override
    def populate(self, count: int, **options: Any) -> None:
        """Create stations with two EVSEs each, fifty to a place."""
        evses = int(options.get("connectors", 2))
        for index in range(count):
            location = 1000 + index // 50
            if location not in self.resources["locations"].items:
                add_location(self.resources, location, f"Site {index // 50 + 1}")
            self.add(
                Station(
                    f"CP-{index + 1:05}",
                    f"Charger {index + 1:05}",
                    vendor="Example",
                    model="AC22",
                    connectors=[Connector(n + 1) for n in range(evses)],
                ),
                location=location,
            )
        # Nothing in a real tenant changes all at once.
        for index, charge_point in enumerate(
            reversed(self.tenant.charge_points.values())
        ):
            charge_point.updated -= timedelta(minutes=index + 1)
            for evse in charge_point.evses:
                evse.updated = charge_point.updated

    @override
    async def start(self) -> None:
        """Begin to call back."""
        await self.notifications.start()

    @override
    async def stop(self) -> None:
        """Call back no more."""
        await self.notifications.stop()

    @override
    def handle_control(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        """Grant or deny a token a right, send callbacks, or show what was delivered.

        {"token", "right", "granted"}, {"callback", "times"}, or {"deliveries": true}.
        """
        if "callback" in operation:
            times = int(operation.get("times", 1))
            self.notifications.send_as_is(operation["callback"], times)
            return {"sent": times}
        if "deliveries" in operation:
            return {"deliveries": self.notifications.delivered()}
        if "right" not in operation:
            return None
        access = self.accesses[operation["token"]]
        change = access.rights.add if operation["granted"] else access.rights.discard
        change(str(operation["right"]))
        return {"rights": sorted(access.rights)}

    # Requests

    @override
    async def dispatch(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Let in who has a token that has not asked too much."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        access = self.accesses.get(token) if scheme == "Bearer" else None
        if access is None:
            return self.json({"message": "Unauthenticated."}, 401)
        wait = access.wait(self.quirks["rate_limit"])
        if wait is not None:
            return self.json(
                {"message": "Too Many Attempts."},
                429,
                {"Retry-After": str(int(wait) + 1), "X-RateLimit-Remaining": "0"},
            )
        if request.method != "GET":
            self.bodies.append(await _sent(request))
        if self.quirks["users_version"] == "v1.0" and "/users/v1.1" in request.path:
            return self.json({"message": "The route could not be found."}, 404)
        request["access"], request["token"] = access, token
        response = await handler(request)
        if request.method != "GET":
            self.notifications.look()
        return response

    @override
    async def not_found(self, request: web.Request) -> web.StreamResponse:
        """Tell a wrong path from a wrong method."""
        path = self.path(request)
        if any(pattern.fullmatch(path) for _, pattern in self._known):
            text = f"The {request.method} method is not supported for this route."
            return self.json({"message": text}, 405)
        return self.json({"message": "The route could not be found."}, 404)

    @override
    def routes(self) -> Iterable[web.RouteDef]:
        """Return everything that is served, each route with the right it needs."""
        routes = []
        for method, path, right, answer in [
            *self._resources(),
            *self._records.routes(),
            *self._actions.routes(),
            *self._configurations.routes(),
            *self._user_actions.routes(),
            *self.notifications.routes(),
        ]:
            self._known.append((method, re.compile(re.sub(r"\{\w+\}", "[^/]+", path))))
            routes.append(web.route(method, path, self._guarded(right, answer)))
        return routes

    def _guarded(self, right: str, answer: Answer) -> Handler:
        """Refuse those without the right, and put failures into words."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            access: Access = request["access"]
            if right not in access.rights:
                return self.json({"message": "This action is unauthorized."}, 403)
            try:
                return await answer(request, access)
            except Missing:
                return self.json({"message": "No query results for model."}, 404)
            except Invalid as err:
                return self.json(
                    {"message": "The given data was invalid.", "errors": err.errors},
                    422,
                )

        return guarded

    def _resources(self) -> Iterator[tuple[str, str, str, Answer]]:
        """Yield the routes of what follows the physical world."""
        charge_point, evse = f"{RESOURCES}/charge-points", f"{RESOURCES}/evses"
        one = charge_point + "/v2.0/{charge_point}"
        # Older places, which go on living for a while.
        for older in (
            charge_point + "/v1.0",
            evse + "/v2.0",
            f"{RESOURCES}/circuits/v1.0",
        ):
            yield from self._older(older)
        yield "GET", charge_point + "/v2.0", "charge-points", self._charge_points
        yield "GET", one, "charge-points", self._charge_point
        yield "POST", charge_point + "/v2.0", "write", self._create_charge_point
        yield "PATCH", one, "write", self._change_charge_point
        yield "DELETE", one, "write", self._delete_charge_point
        yield (
            "GET",
            charge_point + "/v1.0/{charge_point}/status",
            "charge-points",
            self._live,
        )
        yield "GET", one + "/evses", "evses", self._evses
        yield (
            "GET",
            one + "/latest-hardware-status-log",
            "status-logs",
            self._charge_point_log,
        )
        yield (
            "GET",
            one + "/hardware-status-logs",
            "status-logs",
            self._charge_point_logs,
        )
        yield "POST", one + "/smart-charging", "smart-charging", self._smart_charging
        yield "GET", evse + "/v2.1", "evses", self._evses
        yield "POST", evse + "/v2.1", "write", self._create_evse
        yield "GET", evse + "/v2.1/{evse}", "evses", self._evse
        yield "PATCH", evse + "/v2.1/{evse}", "write", self._change_evse
        yield "DELETE", evse + "/v2.1/{evse}", "write", self._delete_evse
        yield (
            "GET",
            evse + "/v2.0/{evse}/latest-hardware-status-log",
            "status-logs",
            self._evse_log,
        )
        yield (
            "GET",
            evse + "/v2.0/{evse}/hardware-status-logs",
            "status-logs",
            self._evse_logs,
        )
        yield "GET", f"{RESOURCES}/sessions/v1.0", "sessions", self._sessions
        yield "GET", f"{RESOURCES}/sessions/v1.0/{{session}}", "sessions", self._session
        yield (
            "GET",
            f"{RESOURCES}/sessions/v1.0/{{session}}/consumption-stats",
            "sessions",
            self._consumption_of,
        )
        yield (
            "GET",
            f"{RESOURCES}/reservations/v1.0",
            "reservations",
            self._reservations,
        )
        yield (
            "GET",
            f"{RESOURCES}/reservations/v1.0/{{reservation}}",
            "reservations",
            self._reservation,
        )
        circuit = f"{RESOURCES}/circuits/v2.0"
        yield "GET", circuit, "circuits", self._circuits
        yield "GET", circuit + "/{circuit}", "circuits", self._circuit
        yield "POST", circuit, "write", self._create_circuit
        yield "PATCH", circuit + "/{circuit}", "write", self._change_circuit
        yield "DELETE", circuit + "/{circuit}", "write", self._delete_circuit
        yield "GET", circuit + "/{circuit}/consumption", "circuits", self._consumption
        yield "GET", f"{RESOURCES}/settings/v1.0", "settings", self._settings

    def _older(self, place: str) -> Iterator[tuple[str, str, str, Answer]]:
        """Yield the routes of a kind at its older place, to look at."""
        kind = place.split("/")[-2]
        lists = {
            "charge-points": (self._charge_points, self._charge_point, "charge_point"),
            "evses": (self._evses, self._evse, "evse"),
            "circuits": (self._circuits, self._circuit, "circuit"),
        }
        many, one, name = lists[kind]
        yield "GET", place, kind, many
        yield "GET", f"{place}/{{{name}}}", kind, one

    @property
    def _link_base(self) -> str:
        """Return what links to pages begin with."""
        base = self.quirks["link_base"]
        return self.base_url if base is None else str(base)

    def page[T](
        self,
        request: web.Request,
        items: Iterable[T],
        filters: dict[str, Filter[T]],
        key: Callable[[T], int],
        show: Callable[[T], Any],
        *,
        old: bool = False,
        numbered: bool = False,
    ) -> web.Response:
        """Answer a page of a list; `numbered` ones know nothing else than numbers."""
        return self.json(
            paginate(
                request,
                select(request, items, filters),
                key,
                show,
                url=self._link_base + self.path(request),
                quirks=self.quirks,
                pages=old,
                numbered=numbered,
            )
        )

    # Charge points and EVSEs

    async def _charge_points(
        self, request: web.Request, access: Access
    ) -> web.Response:
        include = includes_of(request)
        charge_points = (
            p for p in self.tenant.charge_points.values() if access.reaches(p.partner)
        )
        filters: dict[str, Filter[ChargePoint]] = {
            "networkId": equals(lambda p: p.station.id),
            "name": equals(lambda p: p.station.name),
            "locationId": equals(lambda p: p.location),
            "circuitId": equals(lambda p: p.circuit),
            "partnerId": equals(lambda p: p.partner),
            "bootNotificationSerialNumber": equals(lambda p: p.station.serial),
            "lastUpdatedAfter": after(lambda p: p.updated, "lastUpdatedAfter"),
            "lastUpdatedBefore": before(lambda p: p.updated, "lastUpdatedBefore"),
        }
        return self.page(
            request,
            charge_points,
            filters,
            lambda p: p.id,
            lambda p: show_charge_point(self.tenant, p, include),
        )

    async def _charge_point(self, request: web.Request, access: Access) -> web.Response:
        charge_point = self.lookup.charge_point(request, access)
        return self.json(
            {"data": show_charge_point(self.tenant, charge_point, includes_of(request))}
        )

    async def _change_charge_point(
        self, request: web.Request, access: Access
    ) -> web.Response:
        charge_point, body = (
            self.lookup.charge_point(request, access),
            await read_body(request),
        )
        _require_of_change(body, CHARGE_POINT)
        charge_point.changes.update({k: v for k, v in body.items() if k != "id"})
        self.tenant.touch(charge_point)
        return self.json({"data": show_charge_point(self.tenant, charge_point, set())})

    async def _create_charge_point(
        self, request: web.Request, access: Access
    ) -> web.Response:
        """Keep a record of a station that nobody has heard of yet."""
        body = await read_body(request)
        _require(body, CHARGE_POINT)
        network = body.get("network")
        identity = network.get("id") if isinstance(network, dict) else None
        station = Station(
            str(identity or body["name"]),
            str(body["name"]),
            connectors=[],
            online=False,
        )
        if station.id in self.stations:
            raise Invalid(**{"network.id": "The network id has already been taken."})
        place = {"location": body["locationId"]} if body.get("locationId") else {}
        self.add(station, partner=None, **place)
        charge_point = list(self.tenant.charge_points.values())[-1]
        charge_point.changes.update({k: v for k, v in body.items() if k != "network"})
        return self.json(
            {"data": show_charge_point(self.tenant, charge_point, set())}, 201
        )

    async def _delete_charge_point(
        self, request: web.Request, access: Access
    ) -> web.Response:
        self.remove(self.lookup.charge_point(request, access).station)
        return web.Response(status=204)

    async def _live(self, request: web.Request, access: Access) -> web.Response:
        charge_point = self.lookup.charge_point(request, access)
        evses = [{"id": o.id, "hardwareStatus": o.status} for o in charge_point.evses]
        shown = show_charge_point(self.tenant, charge_point, set())
        return self.json(
            {
                "data": {
                    "networkStatus": charge_point.network_status,
                    "hardwareStatus": charge_point.hardware_status,
                    "evses": evses,
                    "lastUpdatedAt": shown["lastUpdatedAt"],
                }
            }
        )

    async def _charge_point_log(
        self, request: web.Request, access: Access
    ) -> web.Response:
        charge_point = self.lookup.charge_point(request, access)
        log = show_log(
            charge_point.log, charge_point.hardware_status, charge_point.created
        )
        return self.json({"data": log})

    async def _charge_point_logs(
        self, request: web.Request, access: Access
    ) -> web.Response:
        return self._logs(request, self.lookup.charge_point(request, access).logs)

    async def _evse_logs(self, request: web.Request, access: Access) -> web.Response:
        return self._logs(request, self.lookup.evse(request, access).logs)

    def _logs(
        self, request: web.Request, logs: Iterable[dict[str, Any]]
    ) -> web.Response:
        return self.page(
            request,
            list(enumerate(logs, 1)),
            {},
            lambda log: log[0],
            lambda log: show_log(log[1], "", self.world.now),
            old=True,
        )

    async def _smart_charging(
        self, request: web.Request, access: Access
    ) -> web.Response:
        charge_point, body = (
            self.lookup.charge_point(request, access),
            await read_body(request),
        )
        self.tenant.set_smart_charging(charge_point, check_smart_charging(body))
        return self.json({"data": body | {"circuitId": charge_point.circuit}}, 201)

    async def _evses(self, request: web.Request, access: Access) -> web.Response:
        include = includes_of(request)
        nested = "charge_point" in request.match_info
        evses: Iterable[Evse] = (
            self.lookup.charge_point(request, access).evses
            if nested
            else (
                o
                for o in self.tenant.evses.values()
                if access.reaches(o.charge_point.partner)
            )
        )
        filters: dict[str, Filter[Evse]] = {
            "chargePointId": equals(lambda o: o.charge_point.id),
            "lastUpdatedAfter": after(lambda o: o.updated, "lastUpdatedAfter"),
            "lastUpdatedBefore": before(lambda o: o.updated, "lastUpdatedBefore"),
        }

        def show(evse: Evse) -> dict[str, Any]:
            shown = show_evse(self.tenant, evse, include)
            if nested:
                del shown["chargePointId"]
            return shown

        return self.page(request, evses, filters, lambda o: o.id, show)

    async def _evse(self, request: web.Request, access: Access) -> web.Response:
        evse = self.lookup.evse(request, access)
        include = includes_of(request)
        return self.json({"data": show_evse(self.tenant, evse, include)})

    async def _create_evse(self, request: web.Request, access: Access) -> web.Response:
        """Keep a record of one more connector of a station."""
        body = await read_body(request)
        _require(body, EVSE)
        if body["currentType"] not in {"ac", "dc"}:
            raise Invalid(currentType="The selected current type is invalid.")
        charge_point = self.tenant.charge_points.get(body["chargePointId"])
        if charge_point is None:
            raise Invalid(chargePointId="The selected charge point id is invalid.")
        if any(
            str(o.connector.number) == body["networkId"] for o in charge_point.evses
        ):
            raise Invalid(networkId="The network id has already been taken.")
        connector = Connector(int(body["networkId"]))
        connector.station = charge_point.station
        charge_point.station.connectors.append(connector)
        evse = self.tenant.add_evse(
            charge_point, connector, current_type=body["currentType"]
        )
        evse.changes.update({k: v for k, v in body.items() if k != "id"})
        return self.json({"data": show_evse(self.tenant, evse, set())}, 201)

    async def _change_evse(self, request: web.Request, access: Access) -> web.Response:
        evse, body = self.lookup.evse(request, access), await read_body(request)
        _require_of_change(body, EVSE)
        evse.changes.update({k: v for k, v in body.items() if k != "id"})
        self.tenant.touch(evse)
        return self.json({"data": show_evse(self.tenant, evse, set())})

    async def _delete_evse(self, request: web.Request, access: Access) -> web.Response:
        evse = self.lookup.evse(request, access)
        evse.charge_point.station.connectors.remove(evse.connector)
        self.tenant.drop_evse(evse)
        return web.Response(status=204)

    async def _evse_log(self, request: web.Request, access: Access) -> web.Response:
        evse = self.lookup.evse(request, access)
        log = show_log(evse.log, evse.status, evse.created)
        return self.json({"data": log})

    # Sessions and reservations

    async def _sessions(self, request: web.Request, access: Access) -> web.Response:
        sessions = (
            c
            for c in self.tenant.sessions.values()
            if access.reaches(c.evse.charge_point.partner)
        )

        def updated(session: Session) -> datetime:
            return self.world.now if session.status == "active" else session.updated

        filters: dict[str, Filter[Session]] = {
            "evseId": equals(lambda c: c.evse.id),
            "chargePointId": equals(lambda c: c.evse.charge_point.id),
            "userId": equals(lambda c: c.user),
            "status": equals(lambda c: c.status),
            "reason": equals(lambda c: c.reason),
            "idTag": equals(lambda c: c.token),
            "startedAfter": after(lambda c: c.started, "startedAfter"),
            "startedBefore": before(lambda c: c.started, "startedBefore"),
            "endedAfter": after(lambda c: c.stopped, "endedAfter"),
            "endedBefore": before(lambda c: c.stopped, "endedBefore"),
            "lastUpdatedAfter": after(updated, "lastUpdatedAfter"),
            "lastUpdatedBefore": before(updated, "lastUpdatedBefore"),
        }
        return self.page(
            request,
            sessions,
            filters,
            lambda c: c.id,
            lambda c: show_session(self.tenant, c, _interval(request)),
            old=True,
        )

    async def _session(self, request: web.Request, access: Access) -> web.Response:
        session = self.lookup.session(request, access)
        shown = show_session(self.tenant, session, _interval(request))
        return self.json({"data": shown})

    async def _consumption_of(
        self, request: web.Request, access: Access
    ) -> web.Response:
        session = self.lookup.session(request, access)
        if not self.quirks["consumption_stats"]:
            raise Missing
        return self.json({"data": show_energy_curve(self.tenant, session)})

    async def _reservations(self, request: web.Request, access: Access) -> web.Response:
        reservations = (
            b
            for b in self.tenant.reservations.values()
            if access.reaches(b.evse.charge_point.partner)
        )
        filters: dict[str, Filter[Reservation]] = {
            "evseId": equals(lambda b: b.evse.id),
            "userId": equals(lambda b: b.user),
            "status": equals(lambda b: b.status),
        }
        return self.page(
            request,
            reservations,
            filters,
            lambda b: b.id,
            show_reservation,
            numbered=True,
        )

    async def _reservation(self, request: web.Request, access: Access) -> web.Response:
        return self.json(
            {"data": show_reservation(self.lookup.reservation(request, access))}
        )

    # Circuits and settings

    async def _circuits(self, request: web.Request, access: Access) -> web.Response:
        include = includes_of(request)
        return self.page(
            request,
            self.tenant.circuits.values(),
            {},
            lambda c: c.id,
            lambda c: show_circuit(self.tenant, c, include),
        )

    async def _circuit(self, request: web.Request, access: Access) -> web.Response:
        circuit, include = self.lookup.circuit(request), includes_of(request)
        return self.json({"data": show_circuit(self.tenant, circuit, include)})

    async def _change_circuit(
        self, request: web.Request, access: Access
    ) -> web.Response:
        circuit, body = self.lookup.circuit(request), await read_body(request)
        _require_of_change(body, CIRCUIT)
        if "maxCurrent" in body:
            if not isinstance(body["maxCurrent"], int | float):
                raise Invalid(maxCurrent="The max current must be a number.")
            circuit.max_current = body.pop("maxCurrent")
            self.tenant.balance(circuit)
        circuit.changes.update({k: v for k, v in body.items() if k != "id"})
        return self.json({"data": show_circuit(self.tenant, circuit, set())})

    async def _create_circuit(
        self, request: web.Request, access: Access
    ) -> web.Response:
        body = await read_body(request)
        _require(body, CIRCUIT)
        key = max(self.tenant.circuits, default=0) + 1
        circuit = self.tenant.circuits[key] = Circuit(
            id=key,
            name=str(body["name"]),
            max_current=float(body["maxCurrent"]),
            phases=str(body["phases"]),
        )
        return self.json({"data": show_circuit(self.tenant, circuit, set())}, 201)

    async def _delete_circuit(
        self, request: web.Request, access: Access
    ) -> web.Response:
        del self.tenant.circuits[self.lookup.circuit(request).id]
        return web.Response(status=204)

    async def _consumption(self, request: web.Request, access: Access) -> web.Response:
        circuit = self.lookup.circuit(request)
        return self.json({"data": show_consumption(self.tenant, circuit)})

    async def _settings(self, request: web.Request, access: Access) -> web.Response:
        return self.json(
            {
                "data": {
                    "baseCurrency": {"id": self.quirks["base_currency"]},
                    "defaultTax": {"id": 1, "enableMultiTaxSupport": False},
                    "reservations": {
                        "enableReservations": True,
                        "reservationTime": self.quirks["reservation_minutes"],
                    },
                }
            }
        )
