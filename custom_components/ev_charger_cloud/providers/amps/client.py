"""AMPS's endpoints."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
import re
from typing import Any, override

from aiohttp import ClientSession

from ...charging import (
    ChargingError,
    CommandRefusedError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    RateLimitedError,
    UnusableAnswerError,
)
from ..transport import Limits, Transport, message_of
from ..wire import DecodeCache, segment, text
from .mappings import NOT_SUPPORTED, REFUSALS, RELINK
from .wire import Action, Pagination

# AMPS publishes no figures; one request at a time and one a second stay clear of
# the bursts that it answers as if the key were wrong.
LIMITS = Limits(requests=1, period=1.0, concurrency=1)

PAGE = 50
MAX_PAGES = 200
KEPT_ANSWERS = 100

CHARGERS = "/ev-charger"
CHARGER = "/ev-charger/{}"
ACTIONS = "/actions"
ACTION = "/actions/{}"
OLD_ACTION = "/ev-charger/actions/{}"

# A path that an answer names is followed if it is one, and no step elsewhere.
_PATH = re.compile(r"(/[\w-]+)+")

_LONGEST_META = 400  # bytes


class AmpsTransport(Transport):
    """The way to AMPS, whose errors are told by code rather than by status."""

    @override
    def essence(self, raw: bytes) -> bytes:
        """Leave out the end of an envelope: it tells when an answer was made."""
        data, _, meta = raw.rpartition(b'"meta"')
        enveloped = raw.startswith(b'{"success"') and len(meta) < _LONGEST_META
        return data if data and enveloped else raw

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
        if reason in NOT_SUPPORTED:
            return NotSupportedError(message, reason=reason)
        if reason in REFUSALS:
            return CommandRefusedError(message, reason=REFUSALS[reason])
        error = super().error(status, body, retry_after)
        error.message = message
        error.reason = reason or error.reason
        return error


type _Recognised = tuple[list[Mapping[str, Any]], set[str]]


def _recognised(listed: list[Any]) -> _Recognised:
    """Return what has an id in a list, and the ids."""
    items, ids = list[Mapping[str, Any]](), set[str]()
    for item in listed:
        if isinstance(item, dict) and (item_id := text(item.get("id"))):
            items.append(item)
            ids.add(item_id)
    return items, ids


class Listing:
    """A list that is read page by page.

    It is `over` when the cloud says so, and also after a page that brings nothing new
    or more pages than make sense: such a list is not `complete`, nor is one of which an
    item is missing or cannot be recognised.
    """

    def __init__(self) -> None:
        """Begin with the first page."""
        self.offset = 0
        self.over = False
        self.complete = True
        self.pages = 0
        self._ids: set[str] = set()

    def add(
        self, body: Any, recognise: Callable[[list[Any]], _Recognised] = _recognised
    ) -> Sequence[Mapping[str, Any]]:
        """Take in the next page, and return what has an id on it."""
        listed = body.get("items") if isinstance(body, Mapping) else None
        if not isinstance(listed, list):
            raise UnusableAnswerError("no list", reason="unexpected_shape")
        pagination = body.get("pagination")
        page = Pagination.decode(pagination if isinstance(pagination, Mapping) else {})
        before = len(self._ids)
        items, ids = recognise(listed)
        self._ids |= ids
        self.pages += 1
        # Pages may be shorter than was asked for.
        self.offset += len(listed)
        total = page.total or 0
        more = bool(page.has_more) and not 0 < total <= self.offset
        endless = len(self._ids) == before or self.pages == MAX_PAGES
        self.over = endless or not more
        self.complete &= len(items) == len(listed) and not (more and endless)
        if self.over:
            self.complete &= len(self._ids) >= total
        return items


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
        self._decoded = DecodeCache()

    async def probe(self) -> None:
        """Ask for next to nothing, which any good key may.

        GET /ev-charger?limit=1
        """
        await self._get(CHARGERS, limit=1)

    async def chargers(
        self, listing: Listing, user_id: str | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """List the next chargers as last pulled from their makers, without settings.

        GET /ev-charger
        """
        only = {"userId": user_id} if user_id else {}
        return await self._next(listing, CHARGERS, **only)

    async def charger(self, charger_id: str, *, expedite: bool = False) -> Any:
        """Read a charger; what is shown is at most 15 min old, 1 min if expedited.

        GET /ev-charger/{deviceId}
        """
        params = {"expedite": "true"} if expedite else {}
        return await self._get(CHARGER, charger_id, **params)

    async def post(self, path: str, of: str, body: Any = None) -> Any:
        """Give a command. Never sent twice: AMPS has no idempotency key.

        POST /ev-charger/{deviceId}, /ev-charger/{deviceId}/settings,
        /actions/{actionId}/cancel
        """
        answer = await self._transport.post(_filled(path, of), body)
        return self._unwrap("POST", path, of, answer)

    async def action(self, action: Action) -> Action:
        """Ask how far an action came.

        The older route is tried once where the newer one knows nothing, and
        remembered when it does.

        GET /actions/{actionId}, GET /ev-charger/actions/{actionId}
        """
        link = (action.links and action.links.self_path) or ""
        head, _, tail = link.rpartition("/")
        told = tail == action.id and _PATH.fullmatch(head)
        route = f"{head}/{{}}" if told else ACTION
        if self.old_route:
            route = OLD_ACTION
        try:
            answer = await self._get(route, action.id)
        except NotFoundError:
            if self.old_route is not None:
                raise
            answer = await self._get(OLD_ACTION, action.id)
            self.old_route = True
        else:
            self.old_route = bool(self.old_route)
        return Action.decode(answer)

    async def scheduled_actions(self, charger_id: str) -> Sequence[Action]:
        """List a charger's actions that have been put off.

        GET /actions
        """
        listing, found = Listing(), list[Action]()
        while not listing.over:
            found += Action.decode_all(
                await self._next(
                    listing, ACTIONS, deviceId=charger_id, state="scheduled"
                )
            )
        # The names of the filters are not certain: what passed them is looked at.
        return [each for each in found if each.device_id == charger_id and each.put_off]

    async def _next(
        self, listing: Listing, path: str, **params: str
    ) -> Sequence[Mapping[str, Any]]:
        """Read the next page of a list."""
        offset = listing.offset
        body = await self._get(path, str(offset), **params, limit=PAGE, offset=offset)
        # The very same items where the page is.
        page = path, offset, *params.values()
        return listing.add(
            body, lambda listed: self._decoded.decode(page, listed, _recognised)
        )

    async def _get(self, path: str, of: str = "", **params: str | int) -> Any:
        """Read what is at a path; an id `of` a thing fills the gap in it."""
        body = await self._transport.get(_filled(path, of), params=params)
        return self._unwrap("GET", path, of, body)

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


def _filled(path: str, of: str) -> str:
    """Put an id into the gap of a path."""
    return path.replace("{}", segment(of)) if "{}" in path else path
