"""Podero's endpoints."""

import base64
import binascii
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
import json
from typing import Any, override
from urllib.parse import parse_qs
from uuid import UUID, uuid5

from aiohttp import web
from aiohttp.typedefs import Handler

from ...cloud import Cloud
from ...world import Connector, Station, World
from .checks import (
    Problem,
    changes_in,
    day_in,
    flag_in,
    integer_in,
    invalid,
    object_in,
    uuid_in,
)
from .wallbox import Conflict, Wallbox, stamp

API = "/api/partners/v2.0"
ORG = "7c1f3a52-9d44-4e0b-8a6e-1b5f0c2d3e40"
OWNER = "0f5f2d8c-3a4e-4d6c-8b0e-7a1b2c3d4e5f"
NEIGHBOUR = "1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
GARAGE = "9d3c7c1e-52a6-4c0b-b2f6-2f1d8a7e6c11"
CARPORT = "b81e6a2f-0c3d-4f5e-9a7b-6d5c4b3a2f10"

CLIENT_ID = "demo-client"
CLIENT_SECRET = "demo-secret"

_USERS = f"{API}/org/{{org}}/users"
_BOXES = f"{_USERS}/{{user}}/wallboxes"
_BOX = f"{_BOXES}/{{wallbox}}"
_CUE_SECRET = "signed-demo-secret"


class Podero(Cloud):
    """The cloud of one organisation with two users."""

    name = "podero"
    DEFAULT_QUIRKS = {
        # The schema: the first one published, or "newer" with more fields.
        "profile": "first",
        # The status of the list of wallboxes; 404 and 405 mean it does not exist.
        "list_status": 200,
        # Whether the token endpoint takes the documented JSON, or forms only.
        "token_json": True,
        "token_seconds": 36000,
        # How long a boost stays requested, in simulated seconds.
        "boost_delay": 2.0,
        # A boost that fails for the server's own reasons.
        "boost_fault": False,
        # Whether a conflict says why under "detail".
        "nested_conflict": False,
        # Settings that are accepted and silently not taken over.
        "ignored_writes": [],
        # A change of settings is answered with the wallbox, or with 204 and nothing.
        "put_empty": False,
        # How long (simulated s) changed settings take to hold; the old ones are
        # answered until then.
        "put_lag": 0.0,
        # Whether the flag of a pause is derived from its end and never written, and
        # how long (simulated s) it shows the old value after a change.
        "pause_derived": False,
        "pause_flag_lag": 0.0,
        # How often (simulated s) the maker's cloud reports: until then plug, power and
        # all that is derived from them, like the mode, are of the last time.
        "report_seconds": 0.0,
        # What a written power is rounded down to, and what is the most (W).
        "power_step": 1,
        "power_most": None,
        # Whether the last power stays on after the charging has ended.
        "power_left_over": False,
        # Fields that every wallbox lacks, and fields that are overwritten.
        "missing": [],
        "fields": {},
        # A page for linking anew that the cloud does not give.
        "no_authentication_url": False,
        # Whether the running surplus session is 404 when there is none.
        "surplus_404": False,
    }

    def __init__(self, world: World) -> None:
        """Begin with two users and no wallboxes."""
        super().__init__(world)
        self.wallboxes: dict[str, Wallbox] = {}
        self.users = {
            OWNER: _user(OWNER, "CUST-1001", "owner@example.org", "Alex", "Example"),
            NEIGHBOUR: _user(NEIGHBOUR, None, "neighbour@example.org", None, None),
        }
        self._numbers = count(1)
        self._tokens: dict[str, float] = {}
        self._onboarding: dict[str, Wallbox] = {}
        self._claims: dict[str, datetime] = {}

    @property
    @override
    def credentials(self) -> dict[str, str]:
        """Return the demo client's."""
        return {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "org_id": ORG,
            "user_id": OWNER,
        }

    @override
    def routes(self) -> Iterable[web.RouteDef]:
        """Return the routes."""
        onboarding = f"{API}/device-onboarding/{{onboarding}}"
        return [
            web.post("/oauth2/token/", self._token),
            web.get("/connect", self._connect),
            web.get(_USERS, self._list_users),
            web.get(f"{_USERS}/{{user}}", self._show_user),
            web.get(_BOXES, self._list),
            web.route("*", _BOXES, self._not_allowed),
            web.post(f"{_BOXES}/claim-tokens", self._claim),
            web.get(_BOX, self._show),
            web.put(_BOX, self._update),
            web.route("*", _BOX, self._not_allowed),
            web.post(f"{_BOX}/boost", self._boost),
            web.delete(f"{_BOX}/boost", self._cancel_boost),
            web.post(f"{_BOX}/auth_session", self._auth_session),
            web.get(f"{_BOX}/hems-sessions", self._surpluses),
            web.get(f"{_BOX}/hems-sessions/current", self._surplus_now),
            web.get(f"{_BOX}/hems-sessions/{{session}}", self._surplus),
            web.get(
                f"{onboarding}/wallbox-claim-tokens/{{token}}/status", self._claimed
            ),
            web.post(f"{API}/cues/{{cue}}/resolve", self._resolve_cue),
        ]

    @override
    def seed(self) -> None:
        """Create two wallboxes; nothing was ever heard of the second."""
        garage = Station(
            GARAGE,
            "Garage",
            vendor="Example Chargers",
            model="HomeBox 11",
            serial="EXB-000042",
            connectors=[Connector(1, meter_wh=312_400.0)],
        )
        carport = Station(
            CARPORT,
            "Carport",
            vendor="Example Chargers",
            model="HomeBox 22",
            serial="EXB-000043",
        )
        self.link(garage)
        self.link(carport, bare=True)
        morning = self.world.now.replace(hour=1, minute=0, second=0, microsecond=0)
        for age, energy_wh in ((12, 24_300.0), (5, 18_900.0), (1, 12_400.0)):
            start = morning - timedelta(days=age)
            garage.connectors[0].record_session(
                start, start + timedelta(hours=3), energy_wh
            )

    @override
    def populate(self, count: int, **options: Any) -> None:
        """Create many wallboxes of the first user."""
        for number in range(count):
            self.link(
                Station(
                    str(uuid5(UUID(ORG), str(number))),
                    f"Wallbox {number + 1}",
                    vendor="Example Chargers",
                    model="HomeBox 11",
                    serial=f"EXB-{number:06}",
                )
            )

    def link(self, station: Station, *, bare: bool = False) -> Wallbox:
        """Add a station as a wallbox of the first user."""
        self.add(station)
        wallbox = self.wallboxes[station.id] = Wallbox(station, self.quirks, bare=bare)
        return wallbox

    @override
    def remove(self, station: Station) -> None:
        """Take a station and its wallbox away."""
        super().remove(station)
        self.wallboxes.pop(station.id).forget()

    def expire_tokens(self) -> None:
        """Refuse all tokens issued so far."""
        self._tokens.clear()

    @override
    async def dispatch(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Check the token and turn what goes wrong into the API's answers."""
        path = self.path(request)
        public = not path.startswith(API) or path.endswith("/status")
        if not public and not self._authorized(request):
            return self.json({"detail": "Unauthorized"}, 401)
        try:
            return await handler(request)
        except Problem as problem:
            return self.json({"detail": problem.detail}, problem.status)

    @override
    async def not_found(self, request: web.Request) -> web.StreamResponse:
        """Answer a request that no route matches."""
        raise Problem(404, "Not Found")

    @override
    def handle_control(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        """Let links lapse, prices be high and the sun shine.

        {"wallbox": id, "link": bool | "hold": bool | "surplus": W or null |
        "delete": bool}; {"expire_tokens": true}.
        """
        if operation.get("expire_tokens"):
            self.expire_tokens()
            return {}
        wallbox = self.wallboxes[operation["wallbox"]]
        match operation:
            case {"link": bool(linked)}:
                wallbox.link(linked)
            case {"hold": bool(held)}:
                wallbox.hold(held)
            case {"surplus": int() | float() | None as export_w}:
                wallbox.shine(export_w)
            case {"delete": bool(deleted)}:
                wallbox.deleted_at = self.world.now if deleted else None
            case _:
                return None
        return self._present(wallbox)

    # Tokens

    async def _token(self, request: web.Request) -> web.Response:
        """Issue a token; earlier ones stay good."""
        text = await request.text()
        if request.content_type == "application/json":
            if not self.quirks["token_json"]:
                return self.json({"error": "invalid_request"}, 415)
            try:
                body = json.loads(text)
            except ValueError:
                body = None
            grant = body.get("grant_type") if isinstance(body, dict) else None
        else:
            grant = parse_qs(text).get("grant_type", [None])[0]
        if not _is_client(request.headers.get("Authorization", "")):
            return self.json({"error": "invalid_client"}, 401)
        if grant != "client_credentials":
            return self.json({"error": "unsupported_grant_type"}, 400)
        token = f"simTok3n{next(self._numbers):022}"
        seconds = self.quirks["token_seconds"]
        self._tokens[token] = self.world.elapsed + seconds
        return self.json(
            {
                "access_token": token,
                "expires_in": seconds,
                "token_type": "Bearer",
                "scope": "read write",
            }
        )

    def _authorized(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        expires_at = self._tokens.get(token, 0.0)
        return scheme == "Bearer" and expires_at > self.world.elapsed

    # Users

    async def _list_users(self, request: web.Request) -> web.Response:
        self._check_org(request)
        return self.json(list(self.users.values()))

    async def _show_user(self, request: web.Request) -> web.Response:
        return self.json(self._find_user(request))

    def _check_org(self, request: web.Request) -> None:
        if uuid_in(request, "org") != ORG:
            raise Problem(404, "Not Found")

    def _find_user(self, request: web.Request) -> dict[str, Any]:
        self._check_org(request)
        user = self.users.get(uuid_in(request, "user"))
        if user is None:
            raise Problem(404, "Not Found")
        return user

    # Wallboxes

    async def _list(self, request: web.Request) -> web.Response:
        user, status = self._find_user(request), self.quirks["list_status"]
        if status != 200:
            raise Problem(status, "Not Found")
        boxes = self.wallboxes.values() if user["id"] == OWNER else ()
        deleted_too = flag_in(request, "include_deleted")
        return self.json(
            [self._present(b) for b in boxes if deleted_too or not b.deleted_at]
        )

    async def _show(self, request: web.Request) -> web.Response:
        return self._detail(self._find(request))

    async def _update(self, request: web.Request) -> web.Response:
        """Take the known settings over, and pass everything else by."""
        wallbox = self._find(request)
        changes = changes_in(await object_in(request))
        low, high = (
            changes.get(key, wallbox.settings[key])
            for key in ("charge_target_min", "charge_target_max")
        )
        if changes.keys() & {"charge_target_min", "charge_target_max"}:
            if None not in (low, high) and low > high:
                raise invalid("charge_target_min", "must not exceed charge_target_max")
        for key in self.quirks["ignored_writes"]:
            changes.pop(key, None)
        if lag := self.quirks["put_lag"]:
            self.world.call_later(lag, partial(wallbox.change, changes))
        else:
            wallbox.change(changes)
        if self.quirks["put_empty"]:
            return web.Response(status=204)
        return self._detail(wallbox)

    async def _boost(self, request: web.Request) -> web.Response:
        wallbox = self._find(request)
        try:
            wallbox.boost()
        except Conflict as conflict:
            body: dict[str, Any] = {
                "state": wallbox.boost_state,
                "reason": str(conflict),
            }
            nested = self.quirks["nested_conflict"]
            return self.json({"detail": body} if nested else body, 409)
        return web.Response(status=204)

    async def _cancel_boost(self, request: web.Request) -> web.Response:
        self._find(request).cancel_boost()
        return web.Response(status=204)

    async def _not_allowed(self, request: web.Request) -> web.Response:
        raise Problem(405, "Method Not Allowed")

    def _find(self, request: web.Request) -> Wallbox:
        """Return a wallbox of the user in the path."""
        user, wallbox_id = self._find_user(request), uuid_in(request, "wallbox")
        wallbox = self.wallboxes.get(wallbox_id) if user["id"] == OWNER else None
        if wallbox is None or (
            wallbox.deleted_at and not flag_in(request, "include_deleted")
        ):
            raise Problem(404, "Not Found")
        return wallbox

    def _detail(self, wallbox: Wallbox) -> web.Response:
        """Return a wallbox with its actions, if the schema has them."""
        document = self._present(wallbox)
        if self.quirks["profile"] == "newer":
            document.setdefault("actions", self._actions(wallbox))
        return self.json(document)

    def _present(self, wallbox: Wallbox) -> dict[str, Any]:
        """Return a wallbox in the schema that is spoken, with its drift."""
        owner = self.users[OWNER]
        document = wallbox.document() | {
            "owner": {
                "id": owner["id"],
                "email": owner["email"],
                "first_name": owner["first_name"],
                "last_name": owner["last_name"],
                "external_id": owner["external_user_id"],
            }
        }
        if self.quirks["profile"] == "newer":
            del document["is_forecasting_enabled"]
            document |= wallbox.later_fields()
        document |= self.quirks["fields"]
        return {k: v for k, v in document.items() if k not in self.quirks["missing"]}

    # The link to the maker

    async def _auth_session(self, request: web.Request) -> web.Response:
        wallbox = self._find(request)
        body = await object_in(request)
        for key in ("success_url", "cancel_url"):
            if not isinstance(body.get(key), str | None):
                raise invalid(key, "Input should be a valid string")
        known = not self.quirks["no_authentication_url"]
        session, url = self._open(wallbox) if known else (None, None)
        return self.json(
            {
                "authentication_url": url,
                "device_id": wallbox.id,
                "session_id": session,
            }
        )

    async def _connect(self, request: web.Request) -> web.Response:
        """Be the page where the owner logs in to the maker: opening it is enough."""
        session = request.query.get("onboarding_session_id", "")
        wallbox = self._onboarding.pop(session, None)
        if wallbox is None:
            return web.Response(status=404, text="This link is not valid any more.")
        wallbox.link(True)
        return web.Response(text=f"{wallbox.station.model} is linked.")

    async def _resolve_cue(self, request: web.Request) -> web.Response:
        """Begin to link anew what a pending action asks for."""
        wallbox = self.wallboxes.get(request.match_info["cue"])
        if wallbox is None or wallbox.authenticated is not False:
            raise Problem(404, "Not Found")
        if request.query.get("secret") != _CUE_SECRET:
            raise Problem(403, "Forbidden")
        body = await object_in(request)
        for key in ("successUrl", "cancelUrl"):
            if not isinstance(body.get(key), str):
                raise invalid(key, "Field required")
        return self.json({"redirect_url": self._open(wallbox)[1]})

    def _actions(self, wallbox: Wallbox) -> list[dict[str, Any]]:
        """Return what the owner should do."""
        if wallbox.authenticated is not False:
            return []
        url = f"{self.base_url}{API}/cues/{wallbox.id}/resolve?secret={_CUE_SECRET}"
        link = {"url": url, "required_parameters": ["successUrl", "cancelUrl"]}
        return [{"code": "reauthenticate", "resolution_link": link}]

    def _open(self, wallbox: Wallbox) -> tuple[str, str]:
        """Open a session for linking; return its id and its page."""
        session = str(uuid5(UUID(wallbox.id), str(next(self._numbers))))
        self._onboarding[session] = wallbox
        return session, f"{self.base_url}/connect?onboarding_session_id={session}"

    async def _claim(self, request: web.Request) -> web.Response:
        """Mint a token that an OCPP charger can claim its owner with."""
        self._find_user(request)
        token = f"clm_{len(self._claims) + 1:06}"
        self._claims[token] = expires_at = self.world.now + timedelta(hours=1)
        return self.json(
            {
                "token": token,
                "wss_url": f"wss://ocpp.podero.example/{token}",
                "expires_at": stamp(expires_at),
            },
            201,
        )

    async def _claimed(self, request: web.Request) -> web.Response:
        """Tell that no charger has claimed a token yet."""
        if request.match_info["token"] not in self._claims:
            raise Problem(404, "Not Found")
        details = ("wallbox_id", "manufacturer", "model", "firmware_version")
        return self.json({"claimed": False} | dict.fromkeys(details))

    # Solar surplus

    async def _surpluses(self, request: web.Request) -> web.Response:
        wallbox = self._find(request)
        first, last = day_in(request, "from"), day_in(request, "to")
        limit = integer_in(request, "limit", 50, 1, 200)
        offset = integer_in(request, "offset", 0, 0, None)
        items = [
            surplus.item()
            for surplus in reversed(wallbox.surpluses)
            if first <= surplus.started_at.astimezone(UTC).date() <= last
        ]
        return self.json({"total": len(items), "items": items[offset : offset + limit]})

    async def _surplus_now(self, request: web.Request) -> web.Response:
        surplus = self._find(request).surplus
        if surplus is None and self.quirks["surplus_404"]:
            raise Problem(404, "Not Found")
        return self.json({"session": surplus.detail() if surplus else None})

    async def _surplus(self, request: web.Request) -> web.Response:
        wallbox, wanted = self._find(request), request.match_info["session"]
        if not wanted.isdecimal():
            raise invalid("session_id", "Input should be a valid integer", "path")
        for surplus in wallbox.surpluses:
            if surplus.id == int(wanted):
                return self.json(surplus.detail())
        raise Problem(404, "Not Found")


def _user(
    user_id: str,
    external_id: str | None,
    email: str,
    first: str | None,
    last: str | None,
) -> dict[str, Any]:
    return {
        "id": user_id,
        "external_user_id": external_id,
        "role": "user",
        "email": email,
        "first_name": first,
        "last_name": last,
        **dict.fromkeys(
            (
                "street_and_number",
                "street_add_info",
                "zip_code",
                "town",
                "country",
                "latitude",
                "longitude",
                "location_last_updated",
            )
        ),
    }


def _is_client(header: str) -> bool:
    """Check HTTP Basic; credentials in the body do not count."""
    scheme, _, encoded = header.partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True).decode()
    except binascii.Error, ValueError:
        return False
    return scheme == "Basic" and given == f"{CLIENT_ID}:{CLIENT_SECRET}"
