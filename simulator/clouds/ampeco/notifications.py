"""Callbacks: who subscribed to what, and what is sent to them.

The calls are those of notifications/v2.0 of AMPECO's public API 3.110.0. A body is
signed with the token that made the subscription, also after that token is gone.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
import hashlib
import hmac
from itertools import count
import json
from typing import Any

from aiohttp import web

from ...deliveries import Deliveries, Delivery
from ...world import Connector, Station
from .access import Access
from .actions import Answer
from .lookup import Missing, read_body
from .model import ChargePoint, Evse, Session
from .news import News
from .query import Invalid
from .resources import Collection
from .serializers import show_session
from .tenant import Tenant

PATH = "/public-api/notifications/v2.0"
RESEND = "/public-api/actions/notifications/v1.0/{subscription}/resend"

KINDS = frozenset(
    {
        "BootNotification",
        "HardwareStatusNotification",
        "NetworkStatusNotification",
        "session.start.stop.notification",
        "SessionStartStopNotification",
        "SessionUpdateNotification",
        "SessionMeterValuesNotification",
        "reservation.changed",
        "userBalance.changed",
        "user.subscription.changed",
        "user.subscriptionChanged",
        "authorization.changed",
        "CircuitConsumptionNotification",
        "circuit.changed",
        "chargingProfile.applied",
        "chargePoint.changed",
        "evse.changed",
        "ChargePointSyncConfigurationNotification",
    }
)
# The newer names, which older tenants do not know yet.
NEW_NAMES = {
    "session.start.stop.notification": "SessionStartStopNotification",
    "user.subscription.changed": "user.subscriptionChanged",
}
_TENANT = "tenant-1"
_LATER = 5.0  # s


@dataclass(eq=False, slots=True, kw_only=True)
class Sent:
    """A callback; without a `delivery` it got lost on the way."""

    kind: str
    raw: bytes
    at: datetime
    delivery: Delivery | None = None

    @property
    def failed(self) -> bool:
        """Return whether it is open to be sent again."""
        return self.delivery is None or self.delivery.given_up


@dataclass(eq=False, slots=True, kw_only=True)
class Subscription:
    """Somebody who wants to be called; nothing tells who made it."""

    id: int
    kinds: list[str]
    url: str
    token: str
    disabled: bool = False
    sent: list[Sent] = field(default_factory=list)
    resent: float = float("-inf")

    def show(self) -> dict[str, Any]:
        """Return it as the API does."""
        return {
            "id": self.id,
            "via": "webhook",
            "notifications": self.kinds,
            "webhook": {"callbackUrl": self.url},
        }


class Notifications:
    """The subscriptions of a tenant, and the callbacks that they bring."""

    def __init__(
        self,
        tenant: Tenant,
        resources: Mapping[str, Collection],
        quirks: Mapping[str, Any],
    ) -> None:
        """Begin without subscriptions."""
        self._tenant = tenant
        self._news = News(tenant, resources)
        self._quirks = quirks
        self._ids = count(501)
        self.deliveries = Deliveries(tenant.world)
        self._statuses: dict[int, str] = {}
        self._online: dict[int, bool] = {}
        self._sessions: dict[int, str] = {}
        self.subscriptions: dict[int, Subscription] = {}

    async def start(self) -> None:
        """Begin to send; what is known now is nobody's news."""
        await self.deliveries.start()
        self._note()
        self._tenant.world.listeners.append(self._hear)

    async def stop(self) -> None:
        """Send no more."""
        with suppress(ValueError):
            self._tenant.world.listeners.remove(self._hear)
        await self.deliveries.stop()

    # The API

    def routes(self) -> Iterator[tuple[str, str, str, Answer]]:
        """Yield the routes, each with the right that it needs."""
        one = PATH + "/{subscription}"
        yield "GET", PATH, "notifications", self._list
        yield "POST", PATH, "notifications", self._create
        yield "GET", one, "notifications", self._get
        yield "DELETE", one, "notifications", self._delete
        yield "POST", RESEND, "notifications", self._resend

    async def _list(self, request: web.Request, access: Access) -> web.Response:
        size = min(max(int(request.query.get("per_page", 100)), 1), 100)
        page = int(request.query.get("page", 1))
        shown = [each.show() for each in self.subscriptions.values()]
        part = shown[(page - 1) * size : page * size]
        more = page * size < len(shown)
        following = f"https://tenant.example{PATH}?per_page={size}&page={page + 1}"
        links = {"next": following if more else None}
        return web.json_response({"data": part, "links": links, "meta": {}})

    async def _create(self, request: web.Request, access: Access) -> web.Response:
        body = await read_body(request)
        kinds, webhook = body.get("notifications"), body.get("webhook")
        url = webhook.get("callbackUrl") if isinstance(webhook, dict) else None
        if body.get("via") not in {"webhook", "kafka"}:
            raise Invalid(via="The selected via is invalid.")
        if not isinstance(url, str) or "://" not in url:
            raise Invalid(**{"webhook.callbackUrl": "The URL is invalid."})
        known = KINDS - (set(NEW_NAMES) if self._quirks["older_kinds"] else set())
        if not isinstance(kinds, list) or not kinds or not known.issuperset(kinds):
            raise Invalid(notifications="The selected notifications are invalid.")
        subscription = Subscription(
            id=next(self._ids), kinds=kinds, url=url, token=request["token"]
        )
        if not self.subscriptions:
            # What was before is nobody's news.
            self._note()
        self.subscriptions[subscription.id] = subscription
        return web.json_response({"data": subscription.show()}, status=201)

    async def _get(self, request: web.Request, access: Access) -> web.Response:
        return web.json_response({"data": self._find(request).show()})

    async def _delete(self, request: web.Request, access: Access) -> web.Response:
        del self.subscriptions[self._find(request).id]
        return web.Response(status=204)

    async def _resend(self, request: web.Request, access: Access) -> web.Response:
        subscription, body = self._find(request), await read_body(request)
        kinds = body.get("notifications")
        if not isinstance(kinds, list):
            raise Invalid(notifications="The notifications field is required.")
        now = self._tenant.world.elapsed
        if subscription.disabled or now - subscription.resent < 900:
            return web.json_response({"message": "Conflict"}, status=409)
        subscription.resent = now
        start, end = (_moment(body.get(key)) for key in ("startTime", "endTime"))
        again = [
            each
            for each in subscription.sent
            if each.failed
            and each.kind in kinds
            and (start is None or start <= each.at)
            and (end is None or each.at <= end)
        ]
        subscription.sent = [each for each in subscription.sent if each not in again]
        for each in again:
            self._send(subscription, each.kind, each.raw)
        return web.json_response({}, status=202)

    def _find(self, request: web.Request) -> Subscription:
        word = request.match_info["subscription"]
        found = self.subscriptions.get(int(word)) if word.isdigit() else None
        if found is None:
            raise Missing
        return found

    # What is told

    def _hear(self, kind: str, subject: Connector | Station) -> None:
        """Tell what an event of the world changed in the tenant's records."""
        if not self.subscriptions:
            return
        charge_points = [
            charge_point
            for charge_point in self._tenant.charge_points.values()
            if subject is charge_point.station
            or any(subject is evse.connector for evse in charge_point.evses)
        ]
        for charge_point in charge_points:
            if kind == "boot":
                self.tell(*self._news.boot(charge_point))
            self._tell_network(charge_point)
            for evse in charge_point.evses:
                self._tell_hardware(evse)
                self._tell_sessions(evse)
                if kind == "meter" and subject is evse.connector:
                    self._tell_meter(evse)
                    for said in self._news.consumption(charge_point):
                        self.tell(*said)
        if kind.startswith("reservation"):
            self.look()

    def look(self) -> None:
        """Tell what somebody changed in the tenant's records."""
        for said in self._news.look():
            self.tell(*said)

    def _note(self) -> None:
        """Take everything as it is for known."""
        list(self._news.look())
        for charge_point in self._tenant.charge_points.values():
            self._online[charge_point.id] = charge_point.station.online
        for evse in self._tenant.evses.values():
            self._statuses[evse.id] = evse.status
        for session in self._tenant.sessions.values():
            self._sessions[session.id] = session.status

    def _tell_network(self, charge_point: ChargePoint) -> None:
        online = charge_point.station.online
        if self._online.get(charge_point.id, True) is online:
            return
        self._online[charge_point.id] = online
        self.tell(
            "NetworkStatusNotification",
            {
                "chargePointId": charge_point.id,
                "timestamp": self._now(),
                # With blanks, unlike the resource.
                "networkStatus": charge_point.network_status,
            },
        )

    def _tell_hardware(self, evse: Evse) -> None:
        if self._statuses.get(evse.id) == evse.status:
            return
        self._statuses[evse.id] = evse.status
        log = evse.log or {}
        self.tell(
            "HardwareStatusNotification",
            {
                "chargePointId": evse.charge_point.id,
                "evseId": evse.id,
                "timestamp": self._now(),
                "hardwareStatus": evse.status,
                "errorCode": log.get("errorCode"),
                "info": None,
                "vendorId": log.get("vendorId"),
                "vendorErrorCode": log.get("vendorErrorCode"),
            },
        )

    def _tell_sessions(self, evse: Evse) -> None:
        for session in self._tenant.sessions.values():
            before = self._sessions.get(session.id)
            if session.evse is not evse or before == session.status:
                continue
            self._sessions[session.id] = session.status
            if session.status == "active" and session.token:
                self.tell(*self._news.card(session))
            if session.status in {"active", "finished"}:
                self._tell_start_stop(session)
            self._tell_update(session)

    def _tell_start_stop(self, session: Session) -> None:
        meter = session.meter()
        body = {
            "sessionId": session.id,
            "chargePointId": session.evse.charge_point.id,
            "evseId": session.evse.id,
            "action": "stop" if session.stopped else "start",
            "startedAtTimestamp": _iso(session.started),
            "meterStart": 0,
            "meterStop": round(meter["energy"]),
            "lastUpdatedAt": self._now(),
            "externalSessionId": session.external,
        }
        if session.stopped:
            body |= {
                "stoppedAtTimestamp": _iso(session.stopped),
                "energyConsumed": round(meter["energy"]),
                "reason": session.reason,
            }
        if session.user is not None:
            body["userId"] = session.user
        self.tell("session.start.stop.notification", body)

    def _tell_update(self, session: Session) -> None:
        self.tell(
            "SessionUpdateNotification",
            {"session": show_session(self._tenant, session)},
        )

    def _tell_meter(self, evse: Evse) -> None:
        session, connector = self._tenant.open_session(evse), evse.connector
        if session is None or session.physical is None:
            return
        meter = session.meter()
        currents = connector.currents
        values: list[tuple[str, float | None, str]] = [
            ("Energy Consumed", round(meter["energy"], 1), "Wh"),
            ("Energy Active Import Register", round(connector.meter_wh, 1), "Wh"),
            ("Power Active Import", round(meter["power"], 1), ""),
            ("Current Offered", round(connector.offered_current, 2), "A"),
            *(("Current Import", round(amps, 2), "A") for amps in currents),
            *(("Voltage", round(connector.voltage, 1), "V") for _ in currents),
            ("State Of Charge", meter["soc"], "Percent"),
        ]
        self.tell(
            "SessionMeterValuesNotification",
            {
                "chargePointId": evse.charge_point.id,
                "evseId": evse.id,
                "sessionId": session.id,
                "externalSessionId": session.external,
                "meterValues": [
                    {
                        "timestamp": self._now(),
                        "measurand": measurand,
                        "value": value,
                        "unit": unit,
                    }
                    for measurand, value, unit in values
                    if value is not None
                ],
            },
        )
        self._tell_update(session)

    def tell(self, kind: str, body: Mapping[str, Any]) -> None:
        """Send a body to all who subscribed to its kind."""
        for subscription in self.subscriptions.values():
            names = {kind, NEW_NAMES.get(kind, kind)}.intersection(subscription.kinds)
            for name in names:
                raw = json.dumps({"notification": name, **body}).encode()
                self._send(subscription, name, raw)

    # Delivery

    def _send(self, subscription: Subscription, kind: str, raw: bytes) -> None:
        """Send a body; what is lost on the way is open to be sent again.

        Of two each other one is late where they are to come out of order. What is
        given up disables its subscription where a tenant does that.
        """
        if self._quirks["push_disables"]:
            subscription.disabled |= any(
                each.delivery and each.delivery.given_up for each in subscription.sent
            )
        if subscription.disabled:
            return
        now = self._tenant.world.now
        if self._quirks["push_dead"]:
            subscription.sent.append(Sent(kind=kind, raw=raw, at=now))
            return
        after = self._quirks["push_delay"]
        if self._quirks["push_shuffled"] and len(subscription.sent) % 2 == 0:
            after += _LATER

        def headers() -> dict[str, str]:
            return {
                "X-Signature": self._sign(subscription.token, raw),
                "X-Timestamp": self._now(),
                "X-Tenant": _TENANT,
            }

        for _ in range(2 if self._quirks["push_twice"] else 1):
            delivery = self.deliveries.send(subscription.url, raw, headers, after=after)
            subscription.sent.append(
                Sent(kind=kind, raw=raw, at=now, delivery=delivery)
            )

    def delivered(self) -> list[list[Any]]:
        """Return what was sent, kind by kind, and what it was answered."""
        return [
            [each.kind, each.delivery and each.delivery.status]
            for subscription in self.subscriptions.values()
            for each in subscription.sent
        ]

    def send_as_is(self, body: Any, times: int) -> None:
        """Send whatever it is to everybody: text as it stands, all else as JSON."""
        raw = (body if isinstance(body, str) else json.dumps(body)).encode()
        kind = str(body.get("notification")) if isinstance(body, dict) else ""
        for subscription in list(self.subscriptions.values()):
            for _ in range(times):
                self._send(subscription, kind, raw)

    def _sign(self, token: str, raw: bytes) -> str:
        """Sign a body; how it is written is not documented."""
        digest = hmac.new(token.encode(), raw, hashlib.sha256).digest()
        match self._quirks["push_signature"]:
            case "base64":
                return base64.b64encode(digest).decode()
            case "prefix":
                return f"sha256={digest.hex()}"
            case "bad":
                return digest.hex()[::-1]
        return digest.hex()

    def _now(self) -> str:
        return _iso(self._tenant.world.now)


def _moment(word: Any) -> datetime | None:
    """Read a time of a request."""
    return datetime.fromisoformat(word) if isinstance(word, str) else None


def _iso(when: datetime) -> str:
    """Write a time as the API does."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
