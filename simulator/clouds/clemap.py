"""CLEMAP's Direct EVSE Control API.

Behind the cloud an edge device manages the load of some stations. It starts a session
by itself when a car is plugged in, and it keeps one target per station.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import re
from typing import Any, ClassVar, override
from uuid import NAMESPACE_DNS, uuid5

from aiohttp import web
from aiohttp.typedefs import Handler

from ..cloud import Cloud
from ..world import MIN_CURRENT, Connector, Refused, State, Station, Timer, World

TARGET, SITE, FALLBACK = "target", "site", "fallback"

_WORDS = {
    State.AVAILABLE: "idle",
    State.RESERVED: "idle",
    State.PREPARING: "connected",
    State.CHARGING: "charging",
    State.SUSPENDED_EV: "connected",
    State.FINISHING: "stopped",
    State.UNAVAILABLE: "stopped",
    State.FAULTED: "error",
}
_CLASS_NAMES = {
    400: "BadRequest",
    401: "NotAuthenticated",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    500: "GeneralError",
    503: "Unavailable",
}


@dataclass(slots=True, kw_only=True)
class Target:
    """A target current that lapses."""

    current: int
    valid_until: datetime
    expiry: Timer


@dataclass(slots=True, kw_only=True)
class Plug:
    """What the edge device knows of a plug, beyond its physics."""

    uuid: str
    label: str
    starting: bool = False
    published: dict[str, Any] = field(default_factory=dict)
    published_at: float = float("-inf")
    next_step: Timer | None = None


@dataclass(slots=True, kw_only=True)
class Evse:
    """A station's place in the cloud."""

    edge: str
    uuid: str
    token: str
    plugs: dict[int, Plug]
    target: Target | None = None
    shown: Target | None = None
    reaches: Timer | None = None


class Failure(Exception):
    """An answer in the shape of the framework's errors."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the HTTP status and the message."""
        super().__init__(message)
        self.status = status
        self.message = message


class Clemap(Cloud):
    """The cloud, its edge devices and their load management."""

    name = "clemap"
    DEFAULT_QUIRKS: ClassVar[Mapping[str, Any]] = {
        # How long things take, in simulated seconds.
        "connected_seconds": 3.0,  # before the edge device starts a session
        "starting_seconds": 3.0,
        "recent_seconds": 20.0,
        "refresh_seconds": 10.0,  # how often the status changes
        "reach_seconds": 5.0,  # until a target reaches the station
        "shown_seconds": 0.0,  # until a target is shown by the settings
        # The status.
        "cloud_offline": False,
        "status": None,  # a word to show in place of the true one
        "plug_status": {},  # or for single plugs, by their number
        "time": None,  # the time that every reading claims
        "clock_ahead": 0.0,  # s by which the cloud's clock is wrong
        "patch": {},  # merged into every plug
        "omit": [],  # keys left out of every plug
        "empty": False,  # no plugs at all
        "single_object": False,  # one plug without the list
        "suspended": "connected",  # the word while less than 6 A are granted
        # The settings.
        "settings": True,  # False: the resource does not exist
        "read_only": False,  # the token may not write
        "settings_forbidden": False,  # nor read the settings
        "current_key": "current",
        "until_key": "valid_until",  # None: left out
        "until_form": "text",  # text | seconds | milliseconds since 1970
        "leading_id": False,  # a number that is no target comes first
        "under_data": False,
        "as_list": False,
        "replace": True,  # False: a valid target stands until it is deleted
        "ignore": False,  # received, but without effect
        "takes_anything": False,  # received also where nobody can be reached
        "reject": None,  # the reason for rejecting every target
        "rejection_status": 201,  # or a failure's
        "rejection_shape": "status",  # status | flag | text
        "bad_request_status": 400,
        "maximum_duration": 86_400,  # a longer one is cut
        "forgetful": True,  # targets are lost with the connection
    }

    def __init__(self, world: World) -> None:
        """Begin without stations."""
        super().__init__(world)
        self.evses: dict[str, Evse] = {}
        world.listeners.append(self._happened)

    @property
    @override
    def credentials(self) -> dict[str, str]:
        return self.credentials_of(next(iter(self.stations.values())))

    def credentials_of(self, station: Station) -> dict[str, str]:
        """Return what a user would type for one station."""
        evse = self.evses[station.id]
        return {
            "edge_device_id": evse.edge,
            "evse_id": evse.uuid,
            "token": evse.token,
        }

    @override
    def seed(self) -> None:
        self.install(Station("clemap-garage", "Garage", serial="CM-0001"))
        carport = [Connector(1), Connector(2)]
        self.install(Station("clemap-carport", "Carport", connectors=carport))

    @override
    def populate(self, count: int, **options: Any) -> None:
        plugs = int(options.get("plugs", 1))
        for number in range(1, count + 1):
            connectors = [Connector(n) for n in range(1, plugs + 1)]
            station = Station(
                f"clemap-{number:05}", f"Station {number}", connectors=connectors
            )
            self.install(station, edge=f"edge-{(number - 1) // 50 + 1}")

    def install(self, station: Station, edge: str = "edge-1") -> Station:
        """Add a station behind an edge device."""
        several = len(station.connectors) > 1
        self.evses[station.id] = Evse(
            edge=_uuid(edge)[:24],
            uuid=_uuid(station.id),
            token=f"demo-token-{station.id}",
            plugs={
                connector.number: Plug(
                    uuid=_uuid(f"{station.id}/{connector.number}"),
                    label=f"Plug {connector.number}" if several else station.name,
                )
                for connector in station.connectors
            },
        )
        return self.add(station)

    @override
    def remove(self, station: Station) -> None:
        super().remove(station)
        del self.evses[station.id]

    @override
    def routes(self) -> list[web.RouteDef]:
        evse = "/{p:(?i:edgedevices)}/{edge}/{q:(?i:evses)}/{uuid}"
        status = evse + "/{r:(?i:status)}"
        settings = evse + "/{r:(?i:currentsettings)}"
        return [
            web.get(status, self._status),
            web.route("*", status, self._not_allowed),
            web.get(settings, self._settings),
            web.post(settings, self._set),
            web.delete(settings, self._reset),
            web.route("*", settings, self._not_allowed),
        ]

    @override
    async def dispatch(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Check the token first, and answer failures in the framework's shape."""
        try:
            self._authenticate(request)
            return await handler(request)
        except Failure as failure:
            name = _CLASS_NAMES.get(failure.status, "GeneralError")
            return self.json(
                {
                    "name": name,
                    "message": failure.message,
                    "code": failure.status,
                    "className": re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower(),
                    "errors": {},
                },
                failure.status,
            )

    @override
    async def not_found(self, request: web.Request) -> web.StreamResponse:
        raise Failure(404, "Page not found")

    @override
    def handle_control(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        """Do what someone else may do: set or reset a target, cut a line.

        `{"operation": "set_target", "station", "current", "duration"}`,
        `{"operation": "reset_target", "station"}`,
        `{"operation": "connect", "connected"}` for the edge devices, and
        `{"operation": "site_limit", "amps"}`.
        """
        match operation:
            case {"operation": "set_target", "station": id, "current": current}:
                duration = int(operation.get("duration", 900))
                self.set_target(self.stations[id], int(current), duration)
            case {"operation": "reset_target", "station": id}:
                self.reset_target(self.stations[id])
            case {"operation": "connect", "connected": bool(connected)}:
                self.connect(connected)
            case {"operation": "site_limit", "amps": amps}:
                self.set_site_limit(amps)
            case _:
                return None
        return {"ok": True}

    # What happens behind the cloud

    def connect(self, connected: bool) -> None:
        """Connect the edge devices to the cloud, or cut them off."""
        for station in self.stations.values():
            if not connected:
                for connector in station.connectors:
                    self._publish(connector)
                if self.quirks["forgetful"]:
                    self.reset_target(station)
        self.quirks["cloud_offline"] = not connected

    def set_site_limit(self, amps: float | None) -> None:
        """Limit every station as a full site or a utility's signal would."""
        for station in self.stations.values():
            for connector in station.connectors:
                connector.set_limit(SITE, amps)

    def set_target(self, station: Station, current: int, duration: int) -> Target:
        """Have a station draw at most so much for a while."""
        evse = self.evses[station.id]
        if evse.target:
            evse.target.expiry.cancel()
        duration = min(duration, self.quirks["maximum_duration"])
        target = evse.target = Target(
            current=current,
            valid_until=self.world.now + timedelta(seconds=duration),
            expiry=self.world.call_later(duration, lambda: self.reset_target(station)),
        )
        self._pass_on(station)
        return target

    def reset_target(self, station: Station) -> None:
        """Leave a station to the load management."""
        evse = self.evses[station.id]
        if evse.target:
            evse.target.expiry.cancel()
            evse.target = None
            self._pass_on(station)

    def _pass_on(self, station: Station) -> None:
        """Send the target to the station, and to those who ask, a little later."""
        evse = self.evses[station.id]
        target = evse.target
        amps = target.current if target else None
        if evse.reaches:
            evse.reaches.cancel()

        def arrive() -> None:
            for connector in station.connectors:
                connector.set_limit(TARGET, amps)

        def show() -> None:
            evse.shown = target

        evse.reaches = self.world.call_later(self.quirks["reach_seconds"], arrive)
        if self.quirks["shown_seconds"]:
            self.world.call_later(self.quirks["shown_seconds"], show)
        else:
            show()

    def _happened(self, kind: str, subject: Connector | Station) -> None:
        """Follow the world."""
        station = subject if isinstance(subject, Station) else subject.station
        if station.id not in self.evses:
            return
        if isinstance(subject, Connector):
            if kind == "status":
                self._follow(subject)
            return
        if kind in ("offline", "online"):
            amps = MIN_CURRENT if kind == "offline" else None
            for connector in station.connectors:
                connector.set_limit(FALLBACK, amps)

    def _follow(self, connector: Connector) -> None:
        """Start a session for a car that has just been plugged in."""
        plug = self._plug(connector)
        if connector.state is not State.PREPARING or not connector.plugged:
            plug.starting = False
            if plug.next_step:
                plug.next_step.cancel()
                plug.next_step = None
            return

        def prepare() -> None:
            plug.starting = True
            plug.next_step = self.world.call_later(
                self.quirks["starting_seconds"], begin
            )

        def begin() -> None:
            plug.starting, plug.next_step = False, None
            try:
                connector.start()
            except Refused:
                # Away just now: try again, as an edge device does.
                prepare()

        if plug.next_step is None:
            plug.next_step = self.world.call_later(
                self.quirks["connected_seconds"], prepare
            )

    # The status

    async def _status(self, request: web.Request) -> web.Response:
        station = self._station(request)
        if self.quirks["empty"]:
            return self.json([])
        plugs = [self._shown(connector) for connector in station.connectors]
        return self.json(plugs[0] if self.quirks["single_object"] else plugs)

    def _shown(self, connector: Connector) -> dict[str, Any]:
        """Return a plug as the cloud last heard of it, with the quirks applied."""
        plug = self._plug(connector)
        age = self.world.elapsed - plug.published_at
        cut_off = self.quirks["cloud_offline"] and plug.published
        if age >= self.quirks["refresh_seconds"] and not cut_off:
            self._publish(connector)
        shown = deepcopy(plug.published)
        if self.quirks["cloud_offline"]:
            shown["status"] = "cloud_offline"
        words = {str(key): word for key, word in self.quirks["plug_status"].items()}
        word = words.get(str(connector.number), self.quirks["status"])
        if word is not None:
            shown["status"] = word
        shown |= deepcopy(self.quirks["patch"])
        return {key: shown[key] for key in shown if key not in self.quirks["omit"]}

    def _publish(self, connector: Connector) -> None:
        """Take the values of now."""
        evse, plug = self.evses[connector.station.id], self._plug(connector)
        reachable = connector.station.online
        amps = [_measured(a) for a in connector.currents] if reachable else [0] * 3
        plug.published_at = self.world.elapsed
        plug.published = {
            "time": self.quirks["time"]
            or _iso(self.world.now + timedelta(seconds=self.quirks["clock_ahead"])),
            "plug_uuid": plug.uuid,
            "plug_label": plug.label,
            "evse_uuid": evse.uuid,
            "status": self._word(connector),
            "current_l1": amps[0],
            "current_l2": amps[1],
            "current_l3": amps[2],
            "power": round(230 * sum(amps), 1),
            "dyn_current_limit": _granted(connector),
        }

    def _word(self, connector: Connector) -> str:
        """Return the state in CLEMAP's words."""
        if connector.station.rebooting:
            return "init"
        if not connector.station.online:
            return "offline"
        if connector.state is State.SUSPENDED_EVSE:
            return str(self.quirks["suspended"])
        if connector.state is State.CHARGING and connector.session:
            age = self.world.now - connector.session.started_at
            if age.total_seconds() < self.quirks["recent_seconds"]:
                return "recently_started_charging"
        if self._plug(connector).starting:
            return "starting"
        return _WORDS[connector.state]

    def _plug(self, connector: Connector) -> Plug:
        return self.evses[connector.station.id].plugs[connector.number]

    # The settings

    async def _settings(self, request: web.Request) -> web.Response:
        station = self._station(request)
        self._check_settings(write=False)
        return self._answer(self._described(self.evses[station.id].shown))

    async def _set(self, request: web.Request) -> web.Response:
        station = self._station(request)
        self._check_settings(write=True)
        current, duration = await self._read(request)
        evse = self.evses[station.id]
        if reason := self._objection(station):
            return self._rejected(reason)
        stands = evse.target is not None and not self.quirks["replace"]
        if not stands and not self.quirks["ignore"]:
            self.set_target(station, current, duration)
        return self._answer({"status": "received"} | self._described(evse.target), 201)

    async def _reset(self, request: web.Request) -> web.Response:
        station = self._station(request)
        self._check_settings(write=True)
        previous = self._described(self.evses[station.id].target)
        if self.quirks["cloud_offline"]:
            return self._rejected("edge device not connected", 200)
        self.reset_target(station)
        return self._answer(previous)

    def _check_settings(self, *, write: bool) -> None:
        """Fail where the resource or the right to it is missing."""
        if not self.quirks["settings"]:
            raise Failure(404, "Page not found")
        if self.quirks["settings_forbidden"] or (write and self.quirks["read_only"]):
            raise Failure(403, "This EVSE token may only read")

    async def _read(self, request: web.Request) -> tuple[int, int]:
        """Return the current and the duration asked for."""
        try:
            body = await request.json()
        except ValueError:
            body = None
        return self._whole(body, "current", 0, 80), self._whole(
            body, "duration", 1, 604_800
        )

    def _whole(self, body: Any, key: str, low: int, high: int) -> int:
        """Return a whole number within its bounds."""
        value = body.get(key) if isinstance(body, dict) else None
        if type(value) is not int or not low <= value <= high:
            raise Failure(self.quirks["bad_request_status"], f"Invalid {key}")
        return value

    def _objection(self, station: Station) -> str | None:
        """Return why no target can be taken now."""
        if self.quirks["reject"]:
            return str(self.quirks["reject"])
        if self.quirks["takes_anything"]:
            return None
        if self.quirks["cloud_offline"]:
            return "edge device not connected"
        if not station.online:
            return "charging station not reachable"
        if all(connector.fault for connector in station.connectors):
            return "charging station in error state"
        return None

    def _rejected(self, reason: str, status: int = 201) -> web.Response:
        """Answer a rejection in the shape that is switched on, or as a failure."""
        if self.quirks["rejection_status"] >= 400:
            raise Failure(self.quirks["rejection_status"], reason)
        shapes: dict[str, Any] = {
            "status": {"status": "rejected", "message": reason},
            "flag": {"success": False, "message": reason},
            "text": f"Rejected: {reason}",
        }
        return self._answer(shapes[self.quirks["rejection_shape"]], status)

    def _described(self, target: Target | None) -> dict[str, Any]:
        """Return a target under the keys that are switched on."""
        settings: dict[str, Any] = {"id": 4711} if self.quirks["leading_id"] else {}
        settings[self.quirks["current_key"]] = target.current if target else None
        if self.quirks["until_key"]:
            settings[self.quirks["until_key"]] = target and self._until(target)
        return settings

    def _until(self, target: Target) -> str | int:
        """Return until when a target is valid, in the form that is switched on."""
        until = target.valid_until + timedelta(seconds=self.quirks["clock_ahead"])
        if self.quirks["until_form"] == "text":
            return _iso(until)
        milliseconds = self.quirks["until_form"] == "milliseconds"
        return int(until.timestamp() * (1000 if milliseconds else 1))

    def _answer(self, body: Any, status: int = 200) -> web.Response:
        body = [body] if self.quirks["as_list"] else body
        return self.json({"data": body} if self.quirks["under_data"] else body, status)

    # Who asks for what

    def _authenticate(self, request: web.Request) -> None:
        """Refuse a token that nobody has."""
        token = request.headers.get("evsetoken")
        if not token or token not in {evse.token for evse in self.evses.values()}:
            raise Failure(401, "Invalid EVSE token")

    def _station(self, request: web.Request) -> Station:
        """Return the station of the path, if the token is the station's."""
        asked = [_plain(request.match_info[key]) for key in ("edge", "uuid")]
        for station in self.stations.values():
            evse = self.evses[station.id]
            if [evse.edge, evse.uuid] == asked:
                if evse.token != request.headers["evsetoken"]:
                    raise Failure(403, "The token belongs to another station")
                return station
        raise Failure(404, "No such charging station")

    async def _not_allowed(self, request: web.Request) -> web.StreamResponse:
        raise Failure(405, f"Method {request.method} is not supported")


def _granted(connector: Connector) -> float:
    """Return the dynamic limit; who does not charge is parked at the least current."""
    limit = connector.limit
    if connector.state is not State.CHARGING:
        limit = min(MIN_CURRENT, limit)
    return round(limit, 1)


def _measured(amps: float) -> float:
    """Return what a meter sees of a current: cars draw a little less than they may."""
    return round(amps - 0.2, 1) if amps else 0


def _uuid(name: str) -> str:
    """Return the same 32 digits for the same name."""
    return uuid5(NAMESPACE_DNS, f"{name}.clemap.example").hex


def _plain(id: str) -> str:
    return id.replace("-", "").lower()


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
