"""AMPECO's public API: one method per endpoint."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, override
from urllib.parse import parse_qs, quote, urlsplit

from aiohttp import ClientSession

from ...charging import ChargingError, CommandRefusedError, Refusal, UnusableAnswerError
from ..transport import Limits, Transport, message_of
from ..wire import items_of, number, text
from .wire import ActionResponse

LIMITS = Limits(requests=60, period=60.0, concurrency=1, backoff=5.0)
"""What AMPECO allows is not published, so this asks for little on average.

All 60 requests of a minute may go at once: setting up a thousand charge points
takes some forty.
"""

PAGE = 100
MOST = 1000
"""How many pages a list may have; more can only be a cloud that goes in circles."""

type Page = list[Any]
type Filters = Mapping[str, str]

_STATION_PARTS = ("lastBootNotification", "chargingProfile", "smartCharging")
_EVSE_PARTS = ("connectors", "chargingProfile")


class _Transport(Transport):
    """Reads the field errors of a request that failed validation."""

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
        return super().error(status, body, retry_after)


class Client:
    """One tenant, as one API token sees it."""

    def __init__(
        self,
        session: ClientSession,
        base_url: str,
        token: str,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        """Prepare requests to the tenant; nothing is sent yet."""
        self.monotonic = monotonic
        self.now = now
        self._transport = _Transport(
            session,
            f"{base_url}/public-api",
            limits=LIMITS,
            headers={"Authorization": f"Bearer {token}"},
            secrets=[token],
            monotonic=monotonic,
        )
        self._first_cursor = "null"
        self.requests = 0

    # Resources

    async def probe(self) -> Page:
        """GET charge-points/v2.0, at most one of them: proves the token."""
        pages = self._pages("charge-points/v2.0", per_page=1, most=1)
        return [point async for page in pages for point in page]

    def charge_points(
        self, filters: Filters | None = None, *, parts: bool = True
    ) -> AsyncIterator[Page]:
        """GET charge-points/v2.0: all, or those that pass the filters."""
        include = _STATION_PARTS if parts else ()
        return self._pages("charge-points/v2.0", filters, include)

    async def charge_point(self, station: str) -> Any:
        """GET charge-points/v2.0/{chargePoint}."""
        return await self._object(f"charge-points/v2.0/{station}", _STATION_PARTS)

    def evses(self, filters: Filters | None = None) -> AsyncIterator[Page]:
        """GET evses/v2.1: all, or those that pass the filters."""
        return self._pages("evses/v2.1", filters, _EVSE_PARTS)

    def sessions(self, filters: Filters, most: int = MOST) -> AsyncIterator[Page]:
        """GET sessions/v1.0, at most so many pages; energy in Wh, power in kW."""
        return self._pages("sessions/v1.0", filters, most=most)

    async def session(self, session: str) -> Any:
        """GET sessions/v1.0/{session}."""
        return await self._object(f"sessions/v1.0/{session}")

    def locations(self) -> AsyncIterator[Page]:
        """GET locations/v2.0."""
        return self._pages("locations/v2.0")

    def reservations(self, filters: Filters) -> AsyncIterator[Page]:
        """GET reservations/v1.0."""
        return self._pages("reservations/v1.0", filters)

    async def reservation(self, reservation: str) -> Any:
        """GET reservations/v1.0/{reservation}."""
        return await self._object(f"reservations/v1.0/{reservation}")

    async def station_status_log(self, station: str) -> Any:
        """GET charge-points/v2.0/{chargePoint}/latest-hardware-status-log."""
        return await self._object(
            f"charge-points/v2.0/{station}/latest-hardware-status-log"
        )

    async def evse_status_log(self, evse: str) -> Any:
        """GET evses/v2.0/{evse}/latest-hardware-status-log."""
        return await self._object(f"evses/v2.0/{evse}/latest-hardware-status-log")

    def vendor_error_codes(self) -> AsyncIterator[Page]:
        """GET vendor-error-codes/v2.0."""
        return self._pages("vendor-error-codes/v2.0")

    def circuits(self) -> AsyncIterator[Page]:
        """GET circuits/v2.0 with consumption; currents in A per phase."""
        return self._pages("circuits/v2.0", include=("consumption",))

    async def circuit(self, circuit: str) -> Any:
        """GET circuits/v2.0/{circuit} with consumption."""
        return await self._object(f"circuits/v2.0/{circuit}", ("consumption",))

    async def set_circuit_limit(self, circuit: str, amps: float) -> None:
        """PATCH circuits/v2.0/{circuit}: the limit in A per phase."""
        await self._send("PATCH", f"circuits/v2.0/{circuit}", {"maxCurrent": amps})

    def electricity_rates(self) -> AsyncIterator[Page]:
        """GET electricity-rates/v2.0; prices per kWh with tax."""
        return self._pages("electricity-rates/v2.0")

    async def price_periods(self, rate: str) -> Page:
        """GET electricity-rates/v2.0/{electricityRate}/price-periods."""
        body = await self._get(f"electricity-rates/v2.0/{rate}/price-periods")
        return list(items_of(body, "data"))

    def users(self, most: int) -> AsyncIterator[Page]:
        """GET users/v1.1, at most so many pages."""
        return self._pages("users/v1.1", most=most)

    async def user(self, user: str) -> Any:
        """GET users/v1.1/{user}."""
        return await self._object(f"users/v1.1/{user}")

    def subscriptions(self, filters: Filters | None = None) -> AsyncIterator[Page]:
        """GET subscriptions/v1.0: all, or those that pass the filters."""
        return self._pages("subscriptions/v1.0", filters)

    async def settings(self) -> Any:
        """GET settings/v1.0."""
        return await self._object("settings/v1.0")

    # Actions; all but the profile answer nothing, or a bare verdict

    async def start(self, evse: str, body: Mapping[str, Any]) -> ActionResponse:
        """POST actions/evse/v1.0/{evse}/start: accepted, with a session's id."""
        return await self._act(f"evse/v1.0/{evse}/start", body)

    async def stop(self, station: str, session: str, *, force: bool) -> ActionResponse:
        """POST actions/charge-point/v1.0/{chargePoint}/stop/{session}."""
        return await self._act_on(station, f"stop/{session}", {"force": force})

    async def reserve(
        self, station: str, evse: str, body: Mapping[str, Any]
    ) -> ActionResponse:
        """POST actions/charge-point/v1.0/{chargePoint}/reserve/{evse}."""
        return await self._act_on(station, f"reserve/{evse}", body)

    async def cancel_reservation(self, reservation: str) -> ActionResponse:
        """POST actions/reservation/v1.0/{reservation}/cancel."""
        return await self._act(f"reservation/v1.0/{quote(reservation, safe='')}/cancel")

    async def unlock(self, station: str, evse: str) -> ActionResponse:
        """POST actions/charge-point/v1.0/{chargePoint}/unlock/{evse}."""
        return await self._act_on(station, f"unlock/{evse}")

    async def reset(self, station: str, kind: str) -> ActionResponse:
        """POST actions/charge-point/v1.0/{chargePoint}/reset/{type}: soft or hard."""
        return await self._act_on(station, f"reset/{kind}")

    async def change_availability(
        self, station: str, network_id: int | None, *, operative: bool
    ) -> ActionResponse:
        """POST .../change-availability: one EVSE by its OCPP number, or all."""
        body: dict[str, Any] = {"type": "Operative" if operative else "Inoperative"}
        if network_id is not None:
            body["evseNetworkId"] = network_id
        return await self._act_on(station, "change-availability", body)

    async def trigger_message(self, station: str, message: str) -> ActionResponse:
        """POST .../trigger-message: OCPP's TriggerMessage."""
        return await self._act_on(station, "trigger-message", {"type": message})

    async def trigger_message_of(self, evse: str, message: str) -> ActionResponse:
        """POST actions/evse/v1.0/{evse}/trigger-message: of one EVSE alone."""
        return await self._act(f"evse/v1.0/{evse}/trigger-message", {"type": message})

    async def set_configuration(
        self, station: str, body: Mapping[str, Any]
    ) -> ActionResponse:
        """POST actions/charge-point/v2.0/{chargePoint}/set-configuration."""
        return await self._act(f"charge-point/v2.0/{station}/set-configuration", body)

    async def sync_configuration(
        self, station: str, keys: Sequence[str]
    ) -> ActionResponse:
        """POST .../sync-configuration: of these keys, or all; answers a request's id.

        What the station tells shows later in charge-points' configurations.
        """
        body = {"keys": list(keys)} if keys else {}
        return await self._act_on(station, "sync-configuration", body)

    async def set_charging_profile(
        self, station: str, network_id: int, profile: Mapping[str, Any]
    ) -> str | None:
        """POST .../set-charging-profile/{evseNetworkId}; returns the profile's id."""
        path = f"charge-point/v1.0/{station}/set-charging-profile/{network_id}"
        body = await self._send("POST", path, profile, root="actions")
        _judge(body)
        given = _unwrap(body)
        profile_id = given.get("id") if isinstance(given, Mapping) else None
        return None if profile_id is None else str(profile_id)

    async def clear_charging_profile(
        self, station: str, criteria: Mapping[str, Any]
    ) -> ActionResponse:
        """POST .../clear-charging-profile: what matches every criterion goes."""
        return await self._act_on(station, "clear-charging-profile", criteria)

    async def set_smart_charging(
        self, station: str, body: Mapping[str, Any]
    ) -> ActionResponse:
        """POST resources/charge-points/v2.0/{chargePoint}/smart-charging."""
        path = f"charge-points/v2.0/{station}/smart-charging"
        return _judge(await self._send("POST", path, body))

    # Actions on drivers' accounts; amounts are in the base currency

    async def change_user_status(
        self, user: str, status: str, reason: str
    ) -> ActionResponse:
        """POST actions/users/v1.0/{user}/change-status: enabled or disabled."""
        body = {"status": status, "reason": reason}
        return await self._act(f"users/v1.0/{user}/change-status", body)

    async def activate_subscription(
        self, user: str, body: Mapping[str, Any]
    ) -> ActionResponse:
        """POST actions/users/v1.0/{user}/activate-subscription."""
        return await self._act(f"users/v1.0/{user}/activate-subscription", body)

    async def cancel_subscription(self, user: str, reason: str) -> ActionResponse:
        """POST actions/users/v1.0/{user}/cancel-subscription."""
        path = f"users/v1.0/{user}/cancel-subscription"
        return await self._act(path, {"reason": reason})

    async def add_balance(
        self, user: str, amount: float, reason: str
    ) -> ActionResponse:
        """POST actions/users/v1.0/{user}/add-balance: adds, or takes if negative."""
        body = {"amount": amount, "reason": reason}
        return await self._act(f"users/v1.0/{user}/add-balance", body)

    async def apply_fee(self, user: str, body: Mapping[str, Any]) -> ActionResponse:
        """POST actions/users/v1.0/{user}/apply-custom-fee."""
        return await self._act(f"users/v1.0/{user}/apply-custom-fee", body)

    async def redeem_voucher(self, user: str, code: str) -> ActionResponse:
        """POST actions/users/v2.0/{user}/redeem-voucher."""
        return await self._act(f"users/v2.0/{user}/redeem-voucher", {"code": code})

    # How it is done

    async def _pages(
        self,
        resource: str,
        filters: Filters | None = None,
        include: Sequence[str] = (),
        *,
        per_page: int = PAGE,
        most: int = MOST,
    ) -> AsyncIterator[Page]:
        """Yield a list page by page: by cursors, or numbers on older tenants."""
        query = [("per_page", str(per_page))]
        query += [(f"filter[{name}]", value) for name, value in (filters or {}).items()]
        query += [("include[]", part) for part in include]
        place = ("cursor", self._first_cursor)
        seen = set[tuple[str, str]]()
        while len(seen) < most:
            seen.add(place)
            try:
                body = await self._get(resource, [*query, place])
            except CommandRefusedError as err:
                # Tenants differ in what they take for the first page.
                if place != ("cursor", "null") or err.reason != Refusal.INVALID_VALUE:
                    raise UnusableAnswerError(err.message, reason=err.reason) from err
                self._first_cursor = ""
                place = ("cursor", "")
                seen.clear()
                continue
            if not isinstance(body, Mapping) or not isinstance(body.get("data"), list):
                raise UnusableAnswerError(
                    f"{resource}: expected a list", reason="unexpected_shape"
                )
            yield body["data"]
            following = self._next(body)
            if not body["data"] or following is None or following in seen:
                return
            place = following

    def _next(self, body: Mapping[str, Any]) -> tuple[str, str] | None:
        """Find where the next page is."""
        meta, links = body.get("meta"), body.get("links")
        meta = meta if isinstance(meta, Mapping) else {}
        links = links if isinstance(links, Mapping) else {}
        for name in ("next_cursor", "cursor"):
            if cursor := text(meta.get(name)):
                return "cursor", cursor
        if isinstance(url := links.get("next"), str):
            # A tenant may know itself by another name. Where the link leads does not
            # matter: only its cursor is used, at the address that was typed in.
            for name, values in parse_qs(urlsplit(url).query).items():
                if name in {"cursor", "page"}:
                    return name, values[0]
        page, last = number(meta.get("current_page")), number(meta.get("last_page"))
        if page is not None and last is not None and page < last:
            return "page", f"{page + 1:.0f}"
        return None

    async def _get(
        self, resource: str, query: Sequence[tuple[str, str]] | None = None
    ) -> Any:
        """Read a resource."""
        self.requests += 1
        return await self._transport.get(f"/resources/{resource}", params=query)

    async def _object(self, resource: str, include: Sequence[str] = ()) -> Any:
        """Read one object, with or without its wrapper."""
        query = [("include[]", part) for part in include]
        return _unwrap(await self._get(resource, query))

    async def _act_on(
        self, station: str, action: str, body: Mapping[str, Any] | None = None
    ) -> ActionResponse:
        """Have a charge point do something."""
        return await self._act(f"charge-point/v1.0/{station}/{action}", body)

    async def _act(
        self, action: str, body: Mapping[str, Any] | None = None
    ) -> ActionResponse:
        """Send an action and judge its answer."""
        return _judge(await self._send("POST", action, body, root="actions"))

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        root: str = "resources",
    ) -> Any:
        """Send something that changes the world."""
        self.requests += 1
        return await self._transport.request(method, f"/{root}/{path}", body=body)


def _unwrap(body: Any) -> Any:
    """Take an object out of its wrapper, when it has one."""
    if isinstance(body, Mapping) and "data" in body:
        return body["data"]
    return body


def _judge(body: Any) -> ActionResponse:
    """Read an action's answer; one that says no is a refusal."""
    verdict = ActionResponse.decode(body if isinstance(body, Mapping) else {})
    if verdict.success is False:
        code = verdict.error_code or ""
        raise CommandRefusedError(
            verdict.message or code, reason=code.lower() or Refusal.REJECTED
        )
    return verdict


def iso(when: datetime) -> str:
    """Write a time as the cloud does."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
