"""The endpoints of Plugchoice's API v3."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
import json
from math import ceil
import re
import time
from typing import Any, ClassVar
from uuid import NAMESPACE_DNS, uuid5

from aiohttp import web
from aiohttp.typedefs import Handler

from ...cloud import Cloud
from ...past import nights
from ...world import Connector, Refused, State, Station, World
from . import groups, profiles
from .actions import Actions
from .history import OCPP_NAMES, Logs, meter_history, status_message
from .samples import Samples
from .shapes import Card, Charger, Json, Site
from .validation import Invalid, validate

TOKEN = "plugchoice-demo-token"
_PAGE = 25
_METER_READS = 5  # a minute
_HOLDING = (
    State.PREPARING,
    State.CHARGING,
    State.SUSPENDED_EV,
    State.SUSPENDED_EVSE,
    State.FINISHING,
)


class Unanswered(Exception):
    """The charger did not answer in time."""


class Plugchoice(Cloud):
    """Plugchoice's API v3."""

    name: ClassVar[str] = "plugchoice"
    DEFAULT_QUIRKS: ClassVar[Mapping[str, Any]] = {
        # What the answers look like.
        "omit": [],  # keys that are left out, such as "current_limit"
        "bare": False,  # single chargers without their envelope
        "charger_status": None,  # a word for all chargers, whatever their connectors
        "max_current": "number",  # or "string", or "null"
        "total_kwh": "string",  # or "number"
        "total_grows": True,  # the total of a running session is known
        "invalid": [],  # ids of transactions that came to nothing
        "transaction_order": "newest",  # or "oldest"
        "transaction_pages": False,  # transactions 25 to a page
        # What chargers measure.
        "sample_seconds": 10,
        "measurands": [
            "Energy.Active.Import.Register",
            "Power.Active.Import",
            "Current.Offered",
            "Current.Import",
            "Voltage",
        ],
        "history_seconds": 900,  # between two readings of the history
        "bad_reading": None,  # which reading of the history is nonsense
        "kilo": False,  # kWh and kW instead of Wh and W
        "phase_to_neutral": False,  # voltages of L1-N instead of L1
        "bare_register": False,  # the register without what OCPP has defaults for
        "blanks": True,  # " 15.9"
        "clock_skew": 0.0,  # s by which chargers' clocks are ahead
        "frozen_samples": False,  # the cloud gets no more of them
        "unmeasured": "dashes",  # or "404", "empty", "null"
        # What is allowed.
        "permissions": {"basic": True, "sensitive": True, "full": True},
        "forbidden": [],  # patterns of "METHOD path" that are answered 403
        "rate_limit": 500,  # requests a minute
        "cards_listed": True,
        "site_meter": True,  # locations have a main meter
        # How chargers behave, times in simulated seconds.
        "begin_seconds": 2.0,
        "stop_seconds": 1.0,
        "lock_seconds": 1.0,
        "reject": [],  # actions that the charger rejects
        "no_answer": False,  # 504, and yet it takes effect
        "offline_status": 504,
    }

    def __init__(self, world: World) -> None:
        """Begin without chargers and locations."""
        super().__init__(world)
        self.chargers: dict[str, Charger] = {}
        self.sites: dict[str, Site] = {}
        self.samples = Samples(self.quirks)
        self.actions = Actions(world, self.quirks)
        self.logs = Logs(world)
        self._window = (0.0, 0)
        self._meter_reads: list[float] = []
        world.listeners.append(self._listen)

    @property
    def credentials(self) -> dict[str, str]:
        """Return what a user would type."""
        return {"token": TOKEN}

    # Chargers and locations

    def seed(self) -> None:
        """Create a home with two chargers and a history."""
        home = self.add_site(
            "Home", {"Blue card": "04A1B2C3D4", "White card": "04E5F60718"}
        )
        driveway = self.add_charger(
            Station(
                "5f0d7a52-1111-4d0c-9a55-3f1f0f3a0001",
                "Driveway",
                vendor="Volt Time",
                model="Source 2S",
                serial="VT240117",
                max_current=16.0,
                at_house=True,
            ),
            home,
        )
        driveway.card = "04A1B2C3D4"
        garage = self.add_charger(
            Station(
                "5f0d7a52-1111-4d0c-9a55-3f1f0f3a0002",
                "Garage",
                vendor="Volt Time",
                model="Source Duo",
                serial="VT240118",
                at_house=True,
                connectors=[Connector(1, max_current=32.0), Connector(2, phases=1)],
            ),
            home,
        )
        now = self.world.now
        for seed, (charger, number) in enumerate(
            ((driveway, 1), (garage, 1), (garage, 2))
        ):
            for night in nights(seed, now, self.past_days):
                charger.station.connector(number).record_session(*night, "04A1B2C3D4")
        for charger, number, days, hours, energy in (
            (driveway, 1, 3, 4, 21_400),
            (driveway, 1, 1, 6, 38_250),
            (garage, 1, 2, 3, 30_120),
            (garage, 2, 5, 5, 16_700),
        ):
            begun = now - timedelta(days=days, hours=hours)
            charger.station.connector(number).record_session(
                begun, begun + timedelta(hours=hours), energy, "04A1B2C3D4"
            )

    def populate(
        self,
        count: int,
        *,
        sites: int = 1,
        connectors: int = 1,
        history: bool = False,
        **options: Any,
    ) -> None:
        """Create many chargers, spread over some locations (0 for none)."""
        first = len(self.chargers)
        places = [
            self.add_site(f"Site {n + 1}", {"Card": "04AABBCC"}) for n in range(sites)
        ]
        for number in range(first, first + count):
            station = Station(
                str(uuid5(NAMESPACE_DNS, f"{number}.plugchoice.example")),
                f"Charger {number + 1}",
                vendor="Volt Time",
                model="Source 2S",
                serial=f"VT{number:06}",
                connectors=[Connector(n + 1) for n in range(connectors)],
                **options,
            )
            self.add_charger(station, places[number % sites] if sites else None)
            if history:
                end = self.world.now - timedelta(hours=number + 1)
                for connector in station.connectors:
                    connector.record_session(end - timedelta(hours=2), end, 12_000)

    def add_site(self, name: str, cards: Mapping[str, str]) -> Site:
        """Add a location with its cards by name."""
        number = len(self.sites) + 1
        site = Site(
            uuid=str(uuid5(NAMESPACE_DNS, f"site-{number}.plugchoice.example")),
            id=300 + number,
            name=name,
        )
        for card, token in cards.items():
            site.cards.append(
                Card(id=number * 100 + len(site.cards), name=card, id_token=token)
            )
        self.sites[site.uuid] = site
        return site

    def add_charger(self, station: Station, site: Site | None = None) -> Charger:
        """Add a charger, at a location or at none."""
        self.add(station)
        charger = Charger(station=station, reference=station.name, site=site)
        self.chargers[station.id] = charger
        return charger

    def remove(self, station: Station) -> None:
        """Take a charger away."""
        super().remove(station)
        del self.chargers[station.id]

    def _at(self, site: Site) -> list[Charger]:
        """Return the chargers of a location."""
        return [c for c in self.chargers.values() if c.site is site]

    def _listen(self, kind: str, subject: Connector | Station) -> None:
        """Keep what the cloud knows when chargers go silent or sessions end."""
        station = subject if isinstance(subject, Station) else subject.station
        charger = self.chargers.get(station.id)
        if charger is None:
            return
        if kind == "offline":
            charger.frozen = {c.number: (c.state, c.fault) for c in station.connectors}
        elif kind == "online":
            charger.frozen = {}
        elif kind in ("status", "meter") and isinstance(subject, Connector):
            self.samples.latest(subject)
            if kind == "status" and station.online:
                self.logs.add(
                    charger,
                    "StatusNotification",
                    status_message(subject),
                    {},
                    to="centralsystem",
                )
        elif kind == "session_stopped" and isinstance(subject, Connector):
            self.samples.close(subject)
            number = subject.number

            def forget() -> None:
                if subject.session is None and station.attached:
                    charger.profiles.clear(connector=number, purpose=profiles.TX)

            self.world.call_later(0, forget)

    # Every request

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the routes."""
        charger, site = "/chargers/{charger}", "/sites/{site}"
        connector = charger + "/connectors/{connector}"
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/user", self._user),
            ("GET", "/chargers", self._chargers),
            ("GET", charger, self._charger),
            ("PUT", charger, self._rename),
            ("GET", connector + "/power-usage", self._power_usage),
            ("GET", connector + "/latest-metervalue", self._meter_value),
            ("GET", charger + "/transactions", self._transactions),
            ("GET", charger + "/metervalues", self._meter_history),
            ("GET", charger + "/logs", self._logs),
            ("POST", charger + "/actions/{action}", self._action),
            ("GET", charger + "/settings/lock", self._lock),
            ("POST", charger + "/settings/lock", self._set_lock),
            ("GET", charger + "/settings/plug-charge", self._plug_charge),
            ("POST", charger + "/settings/plug-charge", self._set_plug_charge),
            ("GET", charger + "/settings/socket-lock", self._socket_lock),
            ("GET", "/sites", self._sites),
            ("GET", site, self._site),
            ("GET", site + "/chargers", self._site_chargers),
            ("GET", site + "/connectors", self._site_connectors),
            ("GET", site + "/cards", self._site_cards),
            ("GET", site + "/transactions", self._site_transactions),
            ("GET", site + "/groups", self._groups),
            ("GET", site + "/groups/{group}/meter", self._group_meter),
            ("GET", site + "/power-management", self._power_management),
            ("GET", "/meters/chargee/{chargee}", self._chargee),
        ]
        return [web.route(*row) for row in table]

    async def dispatch(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Authenticate, count and answer errors the way the framework does."""
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            if "json" not in request.headers.get("Accept", ""):
                return web.Response(
                    status=302,
                    headers={"Location": "/login"},
                    text="<html><body>Redirecting to /login</body></html>",
                    content_type="text/html",
                )
            return self.json({"message": "Unauthenticated."}, 401)
        allowed = self.quirks["rate_limit"]
        begun, used = self._window
        now = time.monotonic()
        if now - begun >= 60:
            begun, used = now, 0
        self._window = (begun, used + 1)
        headers = {
            "X-RateLimit-Limit": str(allowed),
            "X-RateLimit-Remaining": str(max(allowed - used - 1, 0)),
        }
        if used >= allowed:
            headers["Retry-After"] = str(ceil(60 - (now - begun)))
            return self.json({"message": "Too Many Attempts."}, 429, headers)
        response = await self._answer(request, handler)
        response.headers.update(headers)
        return response

    def _is_forbidden(self, request: web.Request) -> bool:
        """Return whether the account lacks the right."""
        rights, path = self.quirks["permissions"], self.path(request)
        changes = request.method != "GET" and not rights["full"]
        cards = path.endswith("/cards") and not rights["sensitive"]
        line = f"{request.method} {path}"
        patterns = self.quirks["forbidden"]
        return changes or cards or any(re.search(p, line) for p in patterns)

    async def _answer(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Answer, or tell what is wrong with the request."""
        if self._is_forbidden(request):
            return self.json({"message": "This action is unauthorized."}, 403)
        try:
            return await handler(request)
        except Invalid as invalid:
            body = {"message": "The given data was invalid.", "errors": invalid.errors}
            return self.json(body, 422)
        except LookupError:
            return await self.not_found(request)
        except Unanswered:
            status = self.quirks["offline_status"]
            return self.json(
                {"message": "The charger did not respond in time."}, status
            )

    def _find(self, request: web.Request) -> Charger:
        """Return the charger that the path names."""
        return self.chargers[request.match_info["charger"]]

    def _find_site(self, request: web.Request) -> Site:
        """Return the location that the path names."""
        return self.sites[request.match_info["site"]]

    def _pages(
        self, request: web.Request, items: Sequence[Json], **rest: Any
    ) -> web.Response:
        """Return one page, which knows of no total."""
        page = int(request.query.get("page", "1"))
        path = self.base_url + self.path(request)
        first = (page - 1) * _PAGE
        shown = items[first : first + _PAGE]
        more = len(items) > first + _PAGE
        return self.json(
            {
                "data": shown,
                "links": {
                    "first": f"{path}?page=1",
                    "last": None,
                    "prev": f"{path}?page={page - 1}" if page > 1 else None,
                    "next": f"{path}?page={page + 1}" if more else None,
                },
                "meta": {
                    "current_page": page,
                    "from": first + 1 if shown else None,
                    "path": path,
                    "per_page": _PAGE,
                    "to": first + len(shown) if shown else None,
                },
                **rest,
            }
        )

    # Reading

    async def _user(self, request: web.Request) -> web.Response:
        return self.json(
            {
                "uuid": "0b5c7c1e-8c0e-4a53-9d0f-0d6f6c0b1a11",
                "id": 481,
                "name": "Test Driver",
                "email": "driver@example.org",
                "avatar": "https://gravatar.com/avatar/0?d=404",
                "intercom": {"hmac_web": "0" * 64},
                "created_at": "2025-03-01T08:00:00.000000Z",
                "updated_at": "2025-03-01T08:00:00.000000Z",
            }
        )

    async def _chargers(self, request: web.Request) -> web.Response:
        chargers = self.chargers.values()
        return self._pages(
            request, [c.json(self.quirks, rights=True) for c in chargers]
        )

    async def _charger(self, request: web.Request) -> web.Response:
        return self._one(self._find(request))

    async def _rename(self, request: web.Request) -> web.Response:
        charger = self._find(request)
        body = await _body(request)
        charger.reference = validate(body, reference=("text", False, 255))["reference"]
        return self._one(charger)

    def _one(self, charger: Charger) -> web.Response:
        body = charger.json(self.quirks, connectors=True, rights=True, pincode=True)
        return self.json(body if self.quirks["bare"] else {"data": body})

    async def _power_usage(self, request: web.Request) -> web.Response:
        usage = self.samples.power_usage(self._connector(request))
        dashes = {"timestamp": None, "L1": "-", "L2": "-", "L3": "-", "kW": "-"}
        return self._measured(usage, dashes)

    async def _meter_value(self, request: web.Request) -> web.Response:
        connector = self._connector(request)
        nothing = {"connectorId": connector.number, "meterValue": []}
        return self._measured(self.samples.meter_values(connector), nothing)

    def _connector(self, request: web.Request) -> Connector:
        """Return the connector that the path names."""
        number = request.match_info["connector"]
        if not number.isdecimal():
            raise LookupError
        return self._find(request).station.connector(int(number))

    def _measured(self, body: Json | None, nothing: Json) -> web.Response:
        """Return what was measured; nobody knows what is sent when nothing was."""
        if body is not None:
            return self.json(body)
        match self.quirks["unmeasured"]:
            case "404":
                raise LookupError
            case "empty":
                return self.json({})
            case "null":
                return self.json(None)
        return self.json(nothing)

    async def _transactions(self, request: web.Request) -> web.Response:
        known = self._known_transactions(request, [self._find(request)])
        if self.quirks["transaction_pages"]:
            return self._pages(request, known)
        return self.json({"data": known})

    async def _site_transactions(self, request: web.Request) -> web.Response:
        chargers = self._at(self._find_site(request))
        if uuid := request.query.get("filter[charger_uuid]"):
            chargers = [c for c in chargers if c.station.id == uuid]
        known = self._known_transactions(request, chargers)
        for item in known:
            charger = self.chargers[item["charger"]["uuid"]]
            item["charger"]["reference"] = charger.reference
        total = sum(float(item["total_kwh"] or 0) for item in known)
        if self.quirks["transaction_pages"]:
            return self._pages(request, known)
        return self.json({"data": known, "total_energy": round(total, 2)})

    def _known_transactions(
        self, request: web.Request, chargers: list[Charger]
    ) -> list[Json]:
        """Return the transactions that a request asks for."""
        query = request.query
        validate(dict(query), limit=("number", False, 10_000))
        known = [
            charger.transaction(session, self.quirks)
            for charger in chargers
            for connector in charger.station.connectors
            for session in connector.sessions
            if charger.knows(session)
        ]
        if status := query.get("filter[status]"):
            known = [t for t in known if (status == "active") == (not t["stopped_at"])]
        if since := query.get("filter[started_from]"):
            known = [t for t in known if t["started_at"] >= since]
        if until := query.get("filter[stopped_until]"):
            known = [t for t in known if (t["stopped_at"] or "9") <= until]
        newest = self.quirks["transaction_order"] == "newest"
        known.sort(key=lambda t: (t["started_at"], t["id"]), reverse=newest)
        return known[: int(query.get("limit", 10_000))]

    async def _sites(self, request: web.Request) -> web.Response:
        sites = [site.json(len(self._at(site))) for site in self.sites.values()]
        return self._pages(request, sites)

    async def _site(self, request: web.Request) -> web.Response:
        site = self._find_site(request)
        return self.json({"data": site.json(len(self._at(site)))})

    async def _site_chargers(self, request: web.Request) -> web.Response:
        chargers = self._at(self._find_site(request))
        return self._pages(
            request, [c.json(self.quirks, connectors=True) for c in chargers]
        )

    async def _site_connectors(self, request: web.Request) -> web.Response:
        shown = ("uuid", "id", "identity", "connection_status", "status")
        items = [
            connector | {"charger": {key: body[key] for key in shown}}
            for charger in self._at(self._find_site(request))
            for body in [charger.json(self.quirks, connectors=True)]
            for connector in body["connectors"]
        ]
        return self._pages(request, items)

    async def _site_cards(self, request: web.Request) -> web.Response:
        if not self.quirks["cards_listed"]:
            raise LookupError
        cards = self._find_site(request).cards
        return self._pages(request, [card.json() for card in cards])

    async def _meter_history(self, request: web.Request) -> web.Response:
        charger, page = self._find(request), int(request.query.get("page", "1"))
        items = meter_history(charger, request.query, self.world.now, self.quirks)
        last = max(ceil(len(items) / _PAGE), 1)
        path = self.base_url + self.path(request)
        links = {
            "first": f"{path}?page=1",
            "last": f"{path}?page={last}",
            "prev": f"{path}?page={page - 1}" if page > 1 else None,
            "next": f"{path}?page={page + 1}" if page < last else None,
        }
        meta = {
            "current_page": page,
            "last_page": last,
            "per_page": _PAGE,
            "total": len(items),
        }
        shown = items[(page - 1) * _PAGE : page * _PAGE]
        return self.json({"data": shown, "links": links, "meta": meta})

    async def _logs(self, request: web.Request) -> web.Response:
        charger = self._find(request)
        items = self.logs.of(charger, request.query)
        return self._pages(
            request, items, filter_options={"methods": self.logs.methods(charger)}
        )

    async def _groups(self, request: web.Request) -> web.Response:
        return self.json([groups.group(self._find_site(request))])

    async def _group_meter(self, request: web.Request) -> web.Response:
        site = self._find_site(request)
        known = request.match_info["group"] == str(groups.group(site)["id"])
        if not known or not self.quirks["site_meter"]:
            raise LookupError
        return self.json(groups.meter(site, self._at(site), self.world.now))

    async def _chargee(self, request: web.Request) -> web.Response:
        """Answer five times a minute, the power in one number."""
        now = self.world.elapsed
        self._meter_reads = [at for at in self._meter_reads if now - at < 60]
        if len(self._meter_reads) >= _METER_READS:
            wait = ceil(60 - (now - self._meter_reads[0]))
            headers = {"Retry-After": str(wait)}
            return self.json({"message": "Too Many Attempts."}, 429, headers)
        self._meter_reads.append(now)
        for site in self.sites.values():
            if groups.chargee(site) == request.match_info["chargee"]:
                meter = groups.meter(site, self._at(site), self.world.now)
                return self.json(meter | {"power": meter["power"]["total"]})
        raise LookupError

    async def _power_management(self, request: web.Request) -> web.Response:
        site = self._find_site(request)
        return self.json(groups.power_management(site, self._at(site), self.world.now))

    # Settings

    async def _lock(self, request: web.Request) -> web.Response:
        return self.json({"enabled": self._find(request).locked})

    async def _set_lock(self, request: web.Request) -> web.Response:
        charger = self._reachable(request)
        enabled = validate(await _body(request), enabled=("boolean", True, 0))[
            "enabled"
        ]

        def settle() -> None:
            charger.locked = enabled
            charger.station.set_operative(not enabled)

        self.world.call_later(self.quirks["lock_seconds"], settle)
        return web.Response(status=204)

    async def _plug_charge(self, request: web.Request) -> web.Response:
        charger = self._find(request)
        return self.json({"enabled": charger.plug_charge, "current_card": charger.card})

    async def _set_plug_charge(self, request: web.Request) -> web.Response:
        charger = self._reachable(request)
        body = await _body(request)
        enabled = validate(body, enabled=("boolean", True, 0))["enabled"]
        card = validate(body, card_uid=("text", enabled, 20))["card_uid"]
        charger.plug_charge = charger.station.auto_start = enabled
        charger.card = card or charger.card
        return web.Response(status=204)

    async def _socket_lock(self, request: web.Request) -> web.Response:
        station = self._find(request).station
        if not station.online:
            return self.json(
                {"enabled": False, "interactable": False, "error": "Charger offline"}
            )
        locked = any(connector.locked_cable for connector in station.connectors)
        held = any(connector.state in _HOLDING for connector in station.connectors)
        return self.json({"enabled": locked, "interactable": locked or held})

    def _reachable(self, request: web.Request) -> Charger:
        """Return the charger that the path names, which must be online."""
        charger = self._find(request)
        if not charger.station.online:
            raise Unanswered
        return charger

    # Actions

    async def _action(self, request: web.Request) -> web.Response:
        """Have the charger do something; its verdict comes with HTTP 200."""
        name = request.match_info["action"]
        act = self.actions.by_name[name]
        body = await _body(request)
        charger = self._reachable(request)
        answer = {"status": "Rejected"}
        if name not in self.quirks["reject"]:
            with suppress(Refused):
                answer = act(charger, body)
        silent = self.quirks["no_answer"]
        self.logs.add(charger, OCPP_NAMES[name], body, None if silent else answer)
        if silent:
            return self.json({"message": "The charger did not respond in time."}, 504)
        return self.json(answer)


async def _body(request: web.Request) -> Json:
    """Return the JSON object sent, empty when there is none."""
    try:
        body = json.loads(await request.text())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
