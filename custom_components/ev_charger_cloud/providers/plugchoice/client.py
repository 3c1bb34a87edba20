"""Plugchoice's API v3, one method for each endpoint that is used.

Reference: developer.plugchoice.com/api-reference.
"""

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Any, override
from urllib.parse import parse_qsl, urlsplit

from ...charging import (
    ChargingError,
    CommandRefusedError,
    NotFoundError,
    Refusal,
    ServerFaultError,
    UnreachableError,
    UnusableAnswerError,
)
from ..transport import Transport
from .wire import (
    ActionResponse,
    Card,
    Charger,
    CompositeSchedule,
    LatestMeterValue,
    PlugCharge,
    PowerUsage,
    SitePayload,
    Switch,
    Transaction,
    User,
)

_ACTION_TIMEOUT = 35.0
_MAX_PAGES = 200
_MAX_TRANSACTIONS = 10_000
_SINCE = "filter[started_from]"
_SCHEDULE_SECONDS = 60


class PlugchoiceTransport(Transport):
    """A transport that knows where Plugchoice tells what is wrong with a request."""

    @override
    def error(self, status: int, body: Any, retry_after: float | None) -> ChargingError:
        """Read the field errors of a 422, which say more than its message."""
        error = super().error(status, body, retry_after)
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            fields = body.get("errors") if isinstance(body, Mapping) else None
            words = [
                str(word)
                for field in (fields.values() if isinstance(fields, Mapping) else ())
                for word in (field if isinstance(field, list) else [field])
            ]
            message = self.redact(" ".join(words)) or error.message
            return CommandRefusedError(message, reason=Refusal.INVALID_VALUE)
        return error


class PlugchoiceClient:
    """The endpoints, decoded.

    `requests` counts what was sent, `answers` keeps the last body of each request,
    by endpoint and then by what it was asked for, whatever the day.
    """

    def __init__(self, transport: Transport) -> None:
        """Ask through a transport."""
        self._transport = transport
        self.requests = 0
        self.answers: dict[str, dict[str, Any]] = {}

    # The account and its places

    async def user(self) -> User:
        """`GET /user`: the account behind the token, a bare object."""
        return User.decode(_unwrap(await self._get("/user")))

    async def chargers(self) -> tuple[dict[str, Charger], bool]:
        """`GET /chargers`: every charger by uuid, with model, without connectors.

        Also returns whether each item could be read: only then does the list tell
        what is missing.
        """
        items = await self._list("/chargers")
        chargers = _by_uuid(Charger.decode_all(items))
        return chargers, len(chargers) == len(items)

    async def charger(self, charger: str) -> Charger:
        """`GET /chargers/{charger}`: with model, connectors and permissions."""
        body = await self._get("/chargers/{charger}", charger=charger)
        return Charger.decode(_unwrap(body))

    async def sites(self) -> dict[str, SitePayload]:
        """`GET /sites`: every location by uuid."""
        sites = SitePayload.decode_all(await self._list("/sites"))
        return {site.uuid: site for site in sites if site.uuid}

    async def site_chargers(self, site: str) -> dict[str, Charger]:
        """`GET /sites/{site}/chargers`: with connectors, without model or permissions.

        25 to a page: the cheapest way to the state of a whole location.
        """
        items = await self._list("/sites/{site}/chargers", site=site)
        return _by_uuid(Charger.decode_all(items))

    async def cards(self, site: str) -> list[Card]:
        """`GET /sites/{site}/cards`: the cards that may charge at a location."""
        return Card.decode_all(await self._list("/sites/{site}/cards", site=site))

    # Measurements and sessions

    async def power_usage(self, charger: str, connector: int) -> PowerUsage:
        """`GET …/power-usage`: the last currents (A) and power (kW), however old."""
        body = await self._get(
            "/chargers/{charger}/connectors/{connector}/power-usage",
            charger=charger,
            connector=connector,
        )
        return PowerUsage.decode(_unwrap(body) or {})

    async def latest_meter_value(
        self, charger: str, connector: int
    ) -> LatestMeterValue:
        """`GET …/latest-metervalue`: the last OCPP MeterValues message."""
        body = await self._get(
            "/chargers/{charger}/connectors/{connector}/latest-metervalue",
            charger=charger,
            connector=connector,
        )
        return LatestMeterValue.decode(_unwrap(body) or {})

    async def transactions(
        self, charger: str, *, status: str | None = None, since: date | None = None
    ) -> list[Transaction]:
        """`GET …/transactions`: sessions in no promised order.

        `status` is `active` or `finished`, `since` the day they began at the
        earliest.
        """
        params: dict[str, str] = {"limit": str(_MAX_TRANSACTIONS)}
        if status:
            params["filter[status]"] = status
        if since:
            params[_SINCE] = since.isoformat()
        items = await self._list(
            "/chargers/{charger}/transactions", params, charger=charger
        )
        return Transaction.decode_all(items)

    # Settings

    async def lock(self, charger: str) -> Switch:
        """`GET …/settings/lock`: whether new sessions are refused."""
        return await self._switch(charger, "lock")

    async def socket_lock(self, charger: str) -> Switch:
        """`GET …/settings/socket-lock`: whether the cable is held in the socket."""
        return await self._switch(charger, "socket-lock")

    async def plug_charge(self, charger: str) -> PlugCharge:
        """`GET …/settings/plug-charge`: whether a session starts without a card."""
        body = await self._get(_SETTING, charger=charger, setting="plug-charge")
        return PlugCharge.decode(_unwrap(body))

    async def set_lock(self, charger: str, enabled: bool) -> None:
        """`POST …/settings/lock`; 204."""
        await self._set(charger, "lock", {"enabled": enabled})

    async def set_plug_charge(
        self, charger: str, enabled: bool, card: str | None
    ) -> None:
        """`POST …/settings/plug-charge`; enabling needs a card; 204."""
        body: dict[str, Any] = {"enabled": enabled}
        if enabled:
            body["card_uid"] = card
        await self._set(charger, "plug-charge", body)

    # Actions: each returns the charger's own verdict

    async def start(self, charger: str, connector: int, id_token: str) -> str:
        """`POST …/actions/start`: a virtual scan of a card."""
        body = {"id_token": id_token, "connector_id": connector}
        return await self._act(charger, "start", body)

    async def stop(self, charger: str, transaction: int | None) -> str:
        """`POST …/actions/stop`: the active transaction when none is named."""
        body = {} if transaction is None else {"transaction_id": transaction}
        return await self._act(charger, "stop", body)

    async def restart(self, charger: str) -> str:
        """`POST …/actions/restart`: an OCPP reset."""
        return await self._act(charger, "restart", None)

    async def charge_limit(
        self, charger: str, connector: int, limit: float, stack_level: int
    ) -> str:
        """`POST …/actions/charge-limit`: A per phase; the highest level wins."""
        body = {"connector_id": connector, "limit": limit, "stack_level": stack_level}
        return await self._act(charger, "charge-limit", body)

    async def charging_profile(
        self, charger: str, connector: int, profile: Mapping[str, Any]
    ) -> str:
        """`POST …/actions/charging-profile`: OCPP's SetChargingProfile."""
        body = {"connector_id": connector, "charging_profile": profile}
        return await self._act(charger, "charging-profile", body)

    async def clear_charging_profile(
        self, charger: str, criteria: Mapping[str, Any]
    ) -> str:
        """`POST …/actions/clear-charging-profile`: those that match every criterion.

        The verdict is `Unknown` when there is none.
        """
        return await self._act(charger, "clear-charging-profile", criteria)

    async def composite_schedule(
        self, charger: str, connector: int
    ) -> CompositeSchedule:
        """`POST …/actions/composite-schedule`: what the charger grants now, in A.

        It changes nothing, but it asks the charger itself.
        """
        body = {
            "connector_id": connector,
            "duration": _SCHEDULE_SECONDS,
            "charging_rate_unit": "A",
        }
        return CompositeSchedule.decode(
            await self._ask(charger, "composite-schedule", body)
        )

    # How it is asked

    async def _switch(self, charger: str, setting: str) -> Switch:
        """Read a setting that is on or off."""
        body = await self._get(_SETTING, charger=charger, setting=setting)
        return Switch.decode(_unwrap(body))

    async def _set(self, charger: str, setting: str, body: Mapping[str, Any]) -> None:
        """Change a setting."""
        self.requests += 1
        try:
            await self._transport.post(
                _SETTING.format(charger=charger, setting=setting),
                body,
                timeout=_ACTION_TIMEOUT,
            )
        except (ServerFaultError, UnreachableError, NotFoundError) as err:
            raise _refusal(err) from err

    async def _act(self, charger: str, action: str, body: Any) -> str:
        """Have the charger do something, and return its verdict."""
        status = ActionResponse.decode(await self._ask(charger, action, body)).status
        if status is None:
            raise UnusableAnswerError("no verdict", reason="unexpected_shape")
        return status

    async def _ask(self, charger: str, action: str, body: Any) -> Any:
        """Ask the charger itself, and return its answer."""
        self.requests += 1
        try:
            answer = await self._transport.post(
                f"/chargers/{charger}/actions/{action}", body, timeout=_ACTION_TIMEOUT
            )
        except (ServerFaultError, UnreachableError, NotFoundError) as err:
            raise _refusal(err) from err
        return _unwrap(answer)

    async def _get(
        self,
        endpoint: str,
        params: Mapping[str, str] | None = None,
        **where: str | int,
    ) -> Any:
        """Send a GET request and keep the answer for the diagnostics."""
        self.requests += 1
        body = await self._transport.get(endpoint.format(**where), params=params)
        query = dict(params or {})
        query.pop(_SINCE, None)  # or there would be one more answer every day
        asked = "&".join(map(str, [*where.values(), *query.values()]))
        self.answers.setdefault(endpoint, {})[asked] = body
        return body

    async def _list(
        self,
        endpoint: str,
        params: Mapping[str, str] | None = None,
        **where: str | int,
    ) -> list[Any]:
        """Read all pages; only the query of the next page's address is followed."""
        items: list[Any] = []
        query = dict(params or {})
        for _ in range(_MAX_PAGES):
            body = await self._get(endpoint, query or None, **where)
            page = body.get("data") if isinstance(body, Mapping) else body
            if not isinstance(page, list):
                raise UnusableAnswerError(
                    "expected a list of pages", reason="unexpected_shape"
                )
            items += page
            following = _next_page(body)
            if not following or following.items() <= query.items():
                break
            query |= following
        return items


_SETTING = "/chargers/{charger}/settings/{setting}"


def _unwrap(body: Any) -> Any:
    """Take an object out of its envelope; the reference hides which ones have one."""
    if isinstance(body, Mapping) and isinstance(body.get("data"), Mapping):
        return body["data"]
    return body


def _next_page(body: Any) -> dict[str, str]:
    """Return the query of the next page, empty on the last one."""
    if not isinstance(body, Mapping):
        return {}
    links = body.get("links")
    address = links.get("next") if isinstance(links, Mapping) else None
    address = address or body.get("next_page_url")
    return dict(parse_qsl(urlsplit(address).query)) if isinstance(address, str) else {}


def _by_uuid(chargers: list[Charger]) -> dict[str, Charger]:
    """Key chargers by their uuid, the only id that endpoints take."""
    return {charger.uuid.lower(): charger for charger in chargers if charger.uuid}


def _refusal(err: ChargingError) -> ChargingError:
    """Tell a charger that kept silent from a cloud that is in trouble.

    What a charger does not answer in time may still take effect; the cloud has no
    status of its own for one that is offline.
    """
    if err.reason in ("timeout", f"http_{HTTPStatus.GATEWAY_TIMEOUT}"):
        return CommandRefusedError(
            err.message, reason=Refusal.NO_ANSWER, uncertain=err.uncertain
        )
    if isinstance(err, NotFoundError):
        return CommandRefusedError(err.message, reason=err.reason)
    return err
