"""Plugchoice's API v3, one method for each endpoint that is used.

Reference: developer.plugchoice.com/api-reference.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any, override
from urllib.parse import parse_qsl

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
from ..wire import DecodeCache, Wire, segment
from .wire import (
    Card,
    Charger,
    CompositeSchedule,
    LatestMeterValue,
    MeterReading,
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
_UNTIL = "filter[stopped_until]"
_TIMES = (_SINCE, _UNTIL, "date_from", "date_to")
_TIME = "%Y-%m-%d %H:%M:%S"  # in UTC


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
    """The endpoints, decoded; what came again as it was is the same object.

    `answers` keeps the last body of each request, by endpoint and then by what it was
    asked for, whatever the day.
    """

    def __init__(
        self, transport: Transport, turn: Callable[[], Awaitable[None]]
    ) -> None:
        """Ask through a transport; `turn` is awaited in long walks."""
        self._transport = transport
        self._decoded = DecodeCache(turn)
        self.answers: dict[str, dict[str, Any]] = {}

    @property
    def requests(self) -> int:
        """Return how many requests were sent."""
        return self._transport.sent

    # The account and its places

    async def user(self) -> User:
        """`GET /user`: the account behind the token, a bare object."""
        return await self._one(User, "/user")

    async def chargers(self) -> tuple[dict[str, Charger], bool]:
        """`GET /chargers`: every charger by uuid, with model, without connectors.

        Also returns whether each item could be read: only then does the list tell
        what is missing.
        """
        items, count = await self._all(Charger, "/chargers")
        chargers = _by_uuid(items)
        return chargers, len(chargers) == count

    async def charger(self, charger: str) -> Charger:
        """`GET /chargers/{charger}`: with model, connectors and permissions."""
        return await self._one(Charger, "/chargers/{charger}", charger=charger)

    async def sites(self) -> dict[str, SitePayload]:
        """`GET /sites`: every location by uuid."""
        sites, _ = await self._all(SitePayload, "/sites")
        return {site.uuid: site for site in sites if site.uuid}

    async def site_chargers(self, site: str) -> dict[str, Charger]:
        """`GET /sites/{site}/chargers`: with connectors, without model or permissions.

        25 to a page: the cheapest way to the state of a whole location.
        """
        items, _ = await self._all(Charger, "/sites/{site}/chargers", site=site)
        return self._decoded.decode(("members", site), items, _by_uuid)

    async def cards(self, site: str) -> Sequence[Card]:
        """`GET /sites/{site}/cards`: the cards that may charge at a location."""
        return (await self._all(Card, "/sites/{site}/cards", site=site))[0]

    # Measurements and sessions

    async def power_usage(self, charger: str, connector: int) -> PowerUsage:
        """`GET …/power-usage`: the last currents (A) and power (kW), however old."""
        return await self._measured(PowerUsage, "power-usage", charger, connector)

    async def latest_meter_value(
        self, charger: str, connector: int
    ) -> LatestMeterValue:
        """`GET …/latest-metervalue`: the last OCPP MeterValues message."""
        return await self._measured(
            LatestMeterValue, "latest-metervalue", charger, connector
        )

    async def meter_values(
        self, charger: str, start: datetime, end: datetime
    ) -> Sequence[MeterReading]:
        """`GET /chargers/{charger}/metervalues`: the register between two times."""
        params = {
            "date_from": start.astimezone(UTC).strftime(_TIME),
            "date_to": end.astimezone(UTC).strftime(_TIME),
            "measurand": "Energy.Active.Import.Register",
            "order_by": "asc",
        }
        endpoint = "/chargers/{charger}/metervalues"
        return (await self._all(MeterReading, endpoint, params, charger=charger))[0]

    async def transactions(
        self,
        charger: str,
        *,
        status: str | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> Sequence[Transaction]:
        """`GET /chargers/{charger}/transactions`: sessions in no promised order.

        `status` is `active` or `finished`, `since` the day they began at the
        earliest, `until` the day they stopped at the latest.
        """
        params = {"limit": str(_MAX_TRANSACTIONS)}
        if status:
            params["filter[status]"] = status
        if since:
            params[_SINCE] = since.isoformat()
        if until:
            params[_UNTIL] = until.isoformat()
        endpoint = "/chargers/{charger}/transactions"
        return (await self._all(Transaction, endpoint, params, charger=charger))[0]

    async def running_transactions(self, site: str) -> Sequence[Transaction]:
        """`GET /sites/{site}/transactions`: what runs at a location, with chargers."""
        params = {"limit": str(_MAX_TRANSACTIONS), "filter[status]": "active"}
        endpoint = "/sites/{site}/transactions"
        return (await self._all(Transaction, endpoint, params, site=site))[0]

    # Settings

    async def switch(self, charger: str, setting: str) -> Switch:
        """`GET …/settings/{lock,socket-lock}`.

        Whether new sessions are refused, whether the cable is held in the socket.
        """
        return await self._one(Switch, _SETTING, charger=charger, setting=setting)

    async def plug_charge(self, charger: str) -> PlugCharge:
        """`GET …/settings/plug-charge`: whether a session starts without a card."""
        return await self._one(
            PlugCharge, _SETTING, charger=charger, setting="plug-charge"
        )

    # What changes something

    async def post(self, charger: str, path: str, body: Any) -> Any:
        """`POST /chargers/{charger}/{path}`: an action or a setting.

        An action asks the charger itself and returns its own verdict; a setting
        returns nothing (204).
        """
        try:
            answer = await self._transport.post(
                f"/chargers/{segment(charger)}/{path}", body, timeout=_ACTION_TIMEOUT
            )
        except (ServerFaultError, UnreachableError, NotFoundError) as err:
            raise _refusal(err) from err
        return _unwrap(answer)

    async def composite_schedule(
        self, charger: str, connector: int, duration: int
    ) -> CompositeSchedule:
        """`POST …/actions/composite-schedule`: what the charger grants from now on.

        For so many seconds, in A. It changes nothing, but it asks the charger itself.
        """
        body = {
            "connector_id": connector,
            "duration": duration,
            "charging_rate_unit": "A",
        }
        answer = await self.post(charger, "actions/composite-schedule", body)
        return CompositeSchedule.decode(answer)

    # How it is asked

    async def _one[W: Wire](
        self, shape: type[W], endpoint: str, **where: str | int
    ) -> W:
        """Read an object, in its envelope or bare."""
        body, asked = await self._get(endpoint, None, where)
        return self._decoded.decode(
            (endpoint, asked), body, lambda raw: shape.decode(_unwrap(raw))
        )

    async def _measured[W: Wire](
        self, shape: type[W], what: str, charger: str, connector: int
    ) -> W:
        """Read what was measured; nothing, as where nothing ever was, is no error."""
        endpoint = f"/chargers/{{charger}}/connectors/{{connector}}/{what}"
        where: dict[str, str | int] = {"charger": charger, "connector": connector}
        try:
            body, asked = await self._get(endpoint, None, where)
        except NotFoundError:
            body, asked = None, f"{charger}&{connector}"
        return self._decoded.decode(
            (endpoint, asked), body, lambda raw: shape.decode(_unwrap(raw) or {})
        )

    async def _all[W: Wire](
        self,
        shape: type[W],
        endpoint: str,
        params: Mapping[str, str] | None = None,
        **where: str | int,
    ) -> tuple[list[W], int]:
        """Read all pages, and how many items there were, readable or not.

        Only the query of the next page's address is followed.
        """
        items: list[W] = []
        count = 0
        query = dict(params or {})
        for _ in range(_MAX_PAGES):
            body, asked = await self._get(endpoint, query, where)
            page = body.get("data") if isinstance(body, Mapping) else body
            if not isinstance(page, list):
                raise UnusableAnswerError(
                    "expected a list of pages", reason="unexpected_shape"
                )
            count += len(page)
            items += await self._decoded.decode_all((endpoint, asked), page, shape)
            following = _next_page(body)
            if not following or following.items() <= query.items():
                break
            query |= following
        return items, count

    async def _get(
        self,
        endpoint: str,
        params: Mapping[str, str] | None,
        where: Mapping[str, str | int],
    ) -> tuple[Any, str]:
        """Send a GET request, and return the answer and what it was asked for."""
        path = endpoint.format(**{k: segment(str(v)) for k, v in where.items()})
        body = await self._transport.get(path, params=params or None)
        # Not the times, or there would be one more answer every day.
        query = [v for k, v in (params or {}).items() if k not in _TIMES]
        asked = "&".join(map(str, [*where.values(), *query]))
        self.answers.setdefault(endpoint, {})[asked] = body
        return body, asked


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
    if not isinstance(address, str):
        return {}
    # Only the query counts, so nobody reads the rest: it need not be an address.
    return dict(parse_qsl(address.partition("?")[2].partition("#")[0]))


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
