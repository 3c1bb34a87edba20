"""AMPS's endpoints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
import math
from typing import Any, override
from urllib.parse import quote

from aiohttp import ClientSession

from ...charging import (
    ChargingError,
    CommandRefusedError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    RateLimitedError,
    Refusal,
    UnusableAnswerError,
)
from ..transport import Limits, Transport, message_of
from ..wire import Wire, text
from .wire import CAP, FLAT_VERBS, Action, Charger, Pagination, Updated

# AMPS publishes no figures; one request at a time and one a second stay clear of
# the bursts that it answers as if the key were wrong.
LIMITS = Limits(requests=1, period=1.0, concurrency=1)

PAGE = 50
MAX_PAGES = 200
KEPT_ANSWERS = 100
OLD_ROUTE = "/ev-charger/actions/{}"

KEY_REFUSED = frozenset({"invalid_api_key", "expired_token"})

RELINK = frozenset(
    {
        "account_locked",
        "credential_not_found",
        "invalid_credentials",
        "invalid_mfa_code",
        "mfa_required",
        "unsupported_auth_path",
        "unsupported_credential_type",
    }
)
"""What the maker's cloud says when the owner must link the charger anew."""

_NOT_SUPPORTED = frozenset(
    {
        "command_not_supported",
        "direct_action_unsupported",
        "execution_not_supported",
        "not_implemented",
        "read_only_setting",
        "unsupported_mode",
        "unsupported_setting",
    }
)

REFUSALS = {
    "action_not_cancellable": Refusal.NOT_CANCELLABLE,
    "conflict": Refusal.CONFLICT,
    "device_offline": Refusal.OFFLINE,
    "invalid_time_window": Refusal.INVALID_VALUE,
    "parameter_out_of_range": Refusal.INVALID_VALUE,
    "setting_out_of_range": Refusal.INVALID_VALUE,
    "start_in_past": Refusal.IN_THE_PAST,
    "start_out_of_range": Refusal.INVALID_VALUE,
    "timeout": Refusal.NO_ANSWER,
    "unsupported_parameter": Refusal.INVALID_VALUE,
    "unsupported_unit": Refusal.INVALID_VALUE,
}


class AmpsTransport(Transport):
    """The way to AMPS, whose errors are told by code rather than by status."""

    @override
    def error(self, status: int, body: Any, retry_after: float | None) -> ChargingError:
        """Read the error envelope; codes nobody knows go by their status."""
        envelope = body.get("error") if isinstance(body, Mapping) else None
        code = text(envelope.get("code")) if isinstance(envelope, Mapping) else None
        reason = (code or "").lower()
        message = self.redact(message_of(body)) or code or f"HTTP {status}"
        if reason == "rate_limit_exceeded":
            # AMPS knows the key then, even when it calls this a 401.
            return RateLimitedError(message, reason=reason, retry_after=retry_after)
        if reason in RELINK:
            return PermissionDeniedError(message, reason=reason)
        if reason in _NOT_SUPPORTED:
            return NotSupportedError(message, reason=reason)
        if reason in REFUSALS:
            return CommandRefusedError(message, reason=REFUSALS[reason])
        error = super().error(status, body, retry_after)
        error.message = message
        error.reason = reason or error.reason
        return error


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing[T: Wire]:
    """A whole list; `complete` says that nothing is known to be missing from it."""

    items: tuple[T, ...]
    complete: bool


class Client:
    """One key's view of AMPS.

    Answers come bare or in an envelope, by the generation of the API.
    """

    def __init__(
        self,
        session: ClientSession,
        base_url: str,
        api_key: str,
        monotonic: Callable[[], float],
    ) -> None:
        """Prepare; nothing is sent yet."""
        self._transport = AmpsTransport(
            session,
            base_url,
            limits=LIMITS,
            headers={"x-api-key": api_key},
            secrets=(api_key,),
            monotonic=monotonic,
        )
        self.old_route: bool | None = None
        self.environment: str | None = None
        self.answers: dict[tuple[str, str], Any] = {}

    async def probe(self) -> None:
        """Ask for next to nothing, which any good key may.

        GET /ev-charger?limit=1
        """
        await self._get("/ev-charger", limit=1)

    async def chargers(self, user_id: str | None = None) -> Listing[Charger]:
        """List the chargers as last pulled from their makers, without settings.

        GET /ev-charger
        """
        only = {"userId": user_id} if user_id else {}
        return await self._list(Charger, "/ev-charger", **only)

    async def charger(self, charger_id: str, *, expedite: bool = False) -> Charger:
        """Read a charger; what is shown is at most 15 min old, 1 min if expedited.

        GET /ev-charger/{deviceId}
        """
        params = {"expedite": "true"} if expedite else {}
        return Charger.decode(await self._get("/ev-charger/{}", charger_id, **params))

    async def push(
        self,
        charger: Charger,
        verb: str,
        *,
        power: float | None = None,
        delay: timedelta | None = None,
        replace: bool = False,
    ) -> Action:
        """Give a command; the answer is an action to follow.

        `power` (kW) goes with the cap of the older generations, `replace` cancels an
        action that has been put off. Never sent twice: AMPS has no idempotency key.

        POST /ev-charger/{deviceId}
        """
        body: dict[str, Any]
        if charger.canonical:
            action = {"command": verb}
            if delay:
                action["start"] = relative(delay)
            body = {"action": action}
            if replace:
                body["onConflict"] = "cancel_and_replace"
        else:
            body = {"action": FLAT_VERBS[verb]}
            if power is not None:
                body["maxPower"] = power
            if delay:
                body["deferUntil"] = relative(delay)
        return Action.decode(await self._post("/ev-charger/{}", charger.id, body))

    async def set_cap(self, charger_id: str, power: float) -> None:
        """Write the standing power cap, in kW.

        POST /ev-charger/{deviceId}/settings
        """
        body = {CAP: {"value": power, "unit": "kw"}}
        answer = await self._post("/ev-charger/{}/settings", charger_id, body)
        if CAP not in Updated.decode(answer).updated:
            raise CommandRefusedError(
                "the setting was not written", reason=Refusal.NOT_APPLIED
            )

    async def action(self, action: Action) -> Action:
        """Ask how far an action came.

        The older route is tried once where the newer one knows nothing, and
        remembered when it does.

        GET /actions/{actionId}, GET /ev-charger/actions/{actionId}
        """
        link = (action.links and action.links.self_path) or ""
        route = link.replace(action.id, "{}") if link[:1] == "/" else "/actions/{}"
        if self.old_route:
            route = OLD_ROUTE
        try:
            answer = await self._get(route, action.id)
        except NotFoundError:
            if self.old_route is not None:
                raise
            answer = await self._get(OLD_ROUTE, action.id)
            self.old_route = True
        else:
            self.old_route = bool(self.old_route)
        return Action.decode(answer)

    async def scheduled_actions(self, charger_id: str) -> tuple[Action, ...]:
        """List a charger's actions that have been put off.

        GET /actions
        """
        listing = await self._list(
            Action, "/actions", deviceId=charger_id, state="scheduled"
        )
        # The names of the filters are not certain: what passed them is looked at.
        return tuple(
            a for a in listing.items if a.device_id == charger_id and a.put_off
        )

    async def cancel(self, action_id: str) -> Action:
        """Cancel an action that has been put off.

        POST /actions/{actionId}/cancel
        """
        return Action.decode(await self._post("/actions/{}/cancel", action_id))

    async def _list[T: Wire](
        self, shape: type[T], path: str, **params: str
    ) -> Listing[T]:
        """Read all pages of a list."""
        items: list[T] = []
        offset, complete = 0, True
        before: Any = None
        for _ in range(MAX_PAGES):
            body = await self._get(
                path, str(offset), **params, limit=PAGE, offset=offset
            )
            listed = body.get("items") if isinstance(body, Mapping) else None
            if not isinstance(listed, list):
                raise UnusableAnswerError("no list", reason="unexpected_shape")
            if listed and listed == before:
                # Pages that repeat themselves never end, and prove nothing.
                return Listing(items=tuple(items), complete=False)
            before = listed
            page = shape.decode_all(listed)
            items += page
            complete &= len(page) == len(listed)
            pagination = _pagination(body)
            # Pages may be shorter than was asked for.
            offset += len(listed)
            total = pagination.total or 0
            if not (listed and pagination.has_more) or 0 < total <= offset:
                return Listing(
                    items=tuple(items), complete=complete and len(items) >= total
                )
        return Listing(items=tuple(items), complete=False)

    async def _get(self, path: str, of: str = "", **params: str | int) -> Any:
        """Read what is at a path; an id `of` a thing fills the gap in it."""
        body = await self._transport.get(_filled(path, of), params=params)
        return self._unwrap("GET", path, of, body)

    async def _post(self, path: str, of: str, body: Any = None) -> Any:
        """Post to a path; an id `of` a thing fills the gap in it."""
        body = await self._transport.post(_filled(path, of), body)
        return self._unwrap("POST", path, of, body)

    def _unwrap(self, method: str, path: str, of: str, body: Any) -> Any:
        """Take an answer out of its envelope, if it has one, and keep it."""
        endpoint = f"{method} {path}"
        self.answers.pop((endpoint, of), None)
        self.answers[endpoint, of] = body
        if len(self.answers) > KEPT_ANSWERS:
            del self.answers[next(iter(self.answers))]
        if not isinstance(body, Mapping) or not isinstance(body.get("success"), bool):
            return body
        if not body["success"]:
            raise self._transport.error(HTTPStatus.OK, body, None)
        if isinstance(meta := body.get("meta"), Mapping):
            self.environment = text(meta.get("environment")) or self.environment
        return body.get("data", body)


def relative(delay: timedelta) -> str:
    """Write a delay as the one form that all generations read, in whole minutes."""
    return f"{max(1, math.ceil(delay / timedelta(minutes=1)))}m"


def _pagination(body: Any) -> Pagination:
    """Find where in a list a page is."""
    pagination = body.get("pagination") if isinstance(body, Mapping) else None
    return Pagination.decode(pagination if isinstance(pagination, Mapping) else {})


def _filled(path: str, of: str) -> str:
    """Put an id into the gap of a path."""
    return path.replace("{}", quote(of, safe=""))
