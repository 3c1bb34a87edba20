"""AMPS: one API for the chargers of many makers, in three generations.

The profile C is the newest generation: envelopes, `charge` and `idle`, settings. A and
B answer bare objects and take flat verbs; in A an action is found at
`/ev-charger/actions/{id}` only. In the live environment all commands are refused.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import Any, ClassVar

from aiohttp import web
from aiohttp.typedefs import Handler

from ...cloud import Cloud
from ...deliveries import Deliveries
from ...world import Connector, Station, World
from .actions import Actions
from .commands import Commands
from .devices import Devices
from .errors import ApiError, invalid
from .requests import page, sent, stamp
from .webhooks import LINK_EVENTS, SECRET, Webhooks

SANDBOX_KEY = "amps_sk_test_simulator_0001"
LIVE_KEY = "amps_sk_live_simulator_0001"


class Amps(Cloud):
    """AMPS, Amps AI."""

    name = "amps"
    DEFAULT_QUIRKS: ClassVar[dict[str, Any]] = {
        # Which generation: A, B or C.
        "profile": "C",
        # The environment: sandbox, live, or whatever; None lets the key decide.
        "environment": None,
        "live_access": True,
        # What is wrong with the key: an error code such as INVALID_API_KEY.
        "key_error": None,
        "read_only_key": False,
        # Requests in a window of seconds; the mode is 429, 429_retry_after,
        # 401_rate_limit or 401_unauthorized.
        "rate_limit": None,
        "rate_limit_window": 60.0,
        "rate_limit_mode": "429",
        # How lists end, or do not: "alternating", "empty", "repeating" or "endless"
        # pages, "lossy" or "short" ones, "no_total"; None for as they should.
        "paging": None,
        # Whether AMPS keeps what its list shows fresh by itself.
        "fresh_lists": False,
        # How old what is shown may be.
        "cache_seconds": 900.0,
        "expedite_seconds": 60.0,
        # The maker's cloud is in trouble: answers are stored ones.
        "fallback": False,
        # Error codes of the maker by device, such as MFA_REQUIRED.
        "device_errors": {},
        "offline_status": 503,
        # Ids of devices that are shown with nulls and gaps.
        "sparse_devices": [],
        # The words for plugged in without charging, and for everything.
        "plugged_word": "connected",
        "status_word": None,
        # Commands: how long they take, how they fail, what can be asked of them.
        "action_seconds": 2.0,
        # How much later than the maker took it a command shows at the charger.
        "effect_seconds": 0.0,
        "action_error": None,
        "no_vehicle_error": None,
        "stuck_actions": False,
        "links": True,
        "deferral_works": True,
        "execution": ["immediate", "scheduled", "windowed"],
        "conflict_strategies": ["cancel_and_replace"],
        # Settings: how long until they show, and whether they are written at all.
        "settings_seconds": 0.0,
        "settings_read_only": False,
        # Callbacks: what the dashboard holds, how late they come, and how crooked:
        # "doubled", "badly_signed", "old", "not_json", "deep", "huge".
        "callback_url": None,
        "callback_secret": SECRET,
        "callback_old_secret": None,
        "callback_seconds": 10.0,
        "callback_trouble": None,
    }

    def __init__(self, world: World) -> None:
        """Begin without chargers."""
        super().__init__(world)
        self.actions = Actions(world, self.quirks)
        self.devices = Devices(world, self.quirks, self.actions.last)
        self.commands = Commands(world, self.quirks, self.actions, self.devices)
        self._request_ids = count(1)
        self._recent: list[datetime] = []
        self.deliveries = Deliveries(world)
        self.webhooks = Webhooks(world, self.quirks, self.deliveries)
        self.actions.listeners.append(self.webhooks.action_ended)
        world.listeners.append(self.commands.heard)

    @property
    def credentials(self) -> dict[str, str]:
        """Return what a user would type, but for the base URL."""
        return {"api_key": SANDBOX_KEY}

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the routes."""
        old, new, device = "/ev-charger/actions/{id}", "/actions", "/ev-charger/{id}"
        return [
            web.get("/ev-charger", self._list),
            web.get(old, self._old_action),
            web.get(device, self._read),
            web.post(device, self._push),
            web.post(device + "/settings", self._set),
            web.get(new, self._actions),
            web.get(new + "/{id}", self._action),
            web.post(new + "/{id}/cancel", self._cancel),
            web.get("/schedules", self._schedules),
        ]

    def seed(self) -> None:
        """Create the demo chargers."""
        self.link(Station("dev_sim_ev_1", "Garage", "SimCharge", "Home 11"))
        self.link(
            Station(
                "dev_sim_ev_2",
                "Carport",
                "foxess",
                "A022KP1",
                connectors=[Connector(1, max_current=32.0)],
                auto_start=True,
            ),
            user="user_sim_2",
        )

    def populate(self, count: int, **options: Any) -> None:
        """Create many chargers."""
        for number in range(1, count + 1):
            self.link(
                Station(f"dev_fleet_{number:05}", f"Bay {number}", "SimCharge", "Fleet")
            )

    def link(self, station: Station, user: str = "user_sim_1") -> Station:
        """Add a station that a user linked."""
        self.add(station)
        self.devices.link(station, user)
        return station

    def remove(self, station: Station) -> None:
        """Take a station away."""
        super().remove(station)
        self.devices.unlink(station)

    async def start(self) -> None:
        """Prepare to call back."""
        await self.deliveries.start()

    async def stop(self) -> None:
        """Call back no more."""
        await self.deliveries.stop()

    def handle_control(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        """Break a link or mend it, or show the callbacks."""
        match operation:
            case {"operation": "link", "event": event, "device": device} if (
                event in LINK_EVENTS and device in self.stations
            ):
                errors = dict(self.quirks["device_errors"])
                errors.pop(device, None)
                if event == "device.disconnected":
                    errors[device] = "INVALID_CREDENTIALS"
                self.quirks["device_errors"] = errors
                self.webhooks.link_changed(
                    event, device, link=operation.get("link", True)
                )
                return {"event": event}
            case {"operation": "callbacks"}:
                return {
                    "callbacks": [
                        {
                            "body": delivery.body.decode(errors="replace")[:1000],
                            "tries": delivery.tries,
                            "status": delivery.status,
                        }
                        for delivery in self.deliveries.sent
                    ]
                }
        return None

    # Every request

    async def dispatch(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Check the key and its ceiling; give errors their envelope."""
        try:
            self._authenticate(request)
            return await handler(request)
        except ApiError as error:
            return self._refuse(request, error)

    async def not_found(self, request: web.Request) -> web.StreamResponse:
        """Answer a request that no route matches."""
        raise ApiError("NOT_FOUND", f"Cannot {request.method} {self.path(request)}")

    def _authenticate(self, request: web.Request) -> None:
        key = _key(request)
        if not key:
            raise ApiError("UNAUTHORIZED", "An API key is required.")
        if code := self.quirks["key_error"]:
            raise ApiError(code, "The API key was not accepted.")
        if key not in (SANDBOX_KEY, LIVE_KEY):
            raise ApiError("INVALID_API_KEY", "The API key is not valid.")
        self._throttle()
        if self._live(request) and not self.quirks["live_access"]:
            raise ApiError(
                "LIVE_ACCESS_DISABLED", "This account is not enabled for live."
            )

    def _throttle(self) -> None:
        """Count a request against the key's ceiling."""
        ceiling, now = self.quirks["rate_limit"], self.world.now
        if ceiling is None:
            return
        window = timedelta(seconds=self.quirks["rate_limit_window"])
        self._recent = [at for at in self._recent if at > now - window]
        if len(self._recent) < ceiling:
            self._recent.append(now)
            return
        mode = self.quirks["rate_limit_mode"]
        if mode == "401_unauthorized":
            raise ApiError("UNAUTHORIZED", "Unauthorized")
        left = (self._recent[0] + window - now).total_seconds() if self._recent else 1
        raise ApiError(
            "RATE_LIMIT_EXCEEDED",
            "Too many requests.",
            status=401 if mode == "401_rate_limit" else 429,
            headers={"Retry-After": str(int(left) + 1)}
            if mode == "429_retry_after"
            else None,
        )

    def _environment(self, request: web.Request) -> str:
        if environment := self.quirks["environment"]:
            return str(environment)
        return "live" if "_live_" in _key(request) else "sandbox"

    def _live(self, request: web.Request) -> bool:
        return self._environment(request) == "live"

    def _meta(self) -> dict[str, Any]:
        return {
            "requestId": f"req_sim_{next(self._request_ids):06}",
            "timestamp": stamp(self.world.now),
            "latencyMs": 7,
        }

    def _answer(
        self, request: web.Request, data: dict[str, Any], status: int = 200
    ) -> web.Response:
        """Return a success, in an envelope in the newest generation."""
        if self.quirks["profile"] != "C":
            return self.json(data, status)
        meta = {**self._meta(), "environment": self._environment(request)}
        return self.json({"success": True, "data": data, "meta": meta}, status)

    def _refuse(self, request: web.Request, error: ApiError) -> web.Response:
        """Return an error; it has an envelope in every generation."""
        body: dict[str, Any] = {"code": error.code, "message": error.message}
        meta = {**self._meta(), "path": self.path(request)}
        if self.quirks["profile"] == "A":
            del meta["latencyMs"]
        elif error.details:
            body["details"] = error.details
        return self.json(
            {"success": False, "error": body, "meta": meta}, error.status, error.headers
        )

    # Chargers

    async def _list(self, request: web.Request) -> web.Response:
        user, live = request.query.get("userId"), self._live(request)
        stations = [
            station
            for station in self.stations.values()
            if user in (None, self.devices.users[station.id])
        ]
        return self._answer(
            request,
            page(
                request,
                stations,
                lambda station: self.devices.listed(station, live=live),
                self.quirks["paging"],
            ),
        )

    async def _read(self, request: web.Request) -> web.Response:
        station = self._station(request)
        expedite = request.query.get("expedite", "false")
        if expedite not in ("true", "false"):
            raise invalid("expedite must be a boolean.")
        return self._answer(
            request,
            self.devices.read(
                station, expedite=expedite == "true", live=self._live(request)
            ),
        )

    async def _push(self, request: web.Request) -> web.Response:
        station = self._controlled(request)
        body = await sent(request)
        if self.quirks["profile"] == "C":
            action = self.commands.canonical(station, body)
        else:
            action = self.commands.flat(station, body)
        return self._answer(request, self.actions.pushed(action), 202)

    async def _set(self, request: web.Request) -> web.Response:
        self._only("C", request)
        station = self._controlled(request)
        body = await sent(request)
        if not body:
            raise invalid("At least one setting is needed.")
        self.commands.write(station, body)
        return self._answer(
            request, {"deviceId": station.id, "updated": ["max_charge_rate"]}
        )

    def _station(self, request: web.Request) -> Station:
        station = self.stations.get(request.match_info["id"])
        if station is None:
            raise ApiError("DEVICE_NOT_FOUND", "The device was not found.")
        return station

    def _controlled(self, request: web.Request) -> Station:
        """Return the station of a request that wants to change it."""
        station = self._station(request)
        if self.quirks["read_only_key"]:
            raise ApiError("INSUFFICIENT_PERMISSIONS", "The API key may only read.")
        if self._live(request):
            raise ApiError(
                "COMMAND_NOT_SUPPORTED",
                "Live control of EV chargers is coming soon.",
            )
        return station

    # Actions

    async def _actions(self, request: web.Request) -> web.Response:
        self._only("C", request)
        query = request.query
        user = query.get("userId")
        shown = [
            action
            for action in self.actions
            if query.get("deviceId") in (None, action.device_id)
            and query.get("state") in (None, action.state)
            and query.get("deviceType") in (None, "ev_charger")
            and user in (None, self.devices.users.get(action.device_id))
        ]
        return self._answer(
            request, page(request, shown, self.actions.record, self.quirks["paging"])
        )

    async def _action(self, request: web.Request) -> web.Response:
        self._only("BC", request)
        action = self.actions.get(request.match_info["id"])
        return self._answer(request, self.actions.record(action))

    async def _old_action(self, request: web.Request) -> web.Response:
        self._only("A", request)
        action = self.actions.get(request.match_info["id"])
        return self._answer(request, self.actions.record(action))

    async def _cancel(self, request: web.Request) -> web.Response:
        self._only("BC", request)
        action = self.actions.cancel(self.actions.get(request.match_info["id"]))
        return self._answer(request, self.actions.record(action))

    async def _schedules(self, request: web.Request) -> web.Response:
        raise ApiError("NOT_IMPLEMENTED", "Schedules are not available yet.")

    def _only(self, profiles: str, request: web.Request) -> None:
        """Refuse a route that the generation does not have."""
        if self.quirks["profile"] not in profiles:
            raise ApiError("NOT_FOUND", f"Cannot {request.method} {self.path(request)}")


def _key(request: web.Request) -> str:
    """Return the key that a request came with, in either header."""
    header = request.headers.get("Authorization", "")
    return request.headers.get("x-api-key") or header.removeprefix("Bearer ")
