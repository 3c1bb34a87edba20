"""Podero's endpoints, Partner API v2.0."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date
from http import HTTPStatus
from typing import Any, override

from ...charging import (
    AuthenticationError,
    ChargingError,
    CommandRefusedError,
    NotSupportedError,
    RateLimitedError,
    Refusal,
    ServerFaultError,
    UnreachableError,
    UnusableAnswerError,
)
from ..base import Context
from ..transport import REDACTED, Limits, Transport, message_of
from ..wire import DecodeCache, segment, text
from .wire import (
    AccessToken,
    AuthSession,
    CurrentSurplus,
    SurplusPage,
    SurplusSession,
    User,
    Wallbox,
)

API = "/api/partners/v2.0"

# No limits are published: one request at a time, about one a second in the long run.
_LIMITS = Limits(requests=60, concurrency=1)

_GRANT = {"grant_type": "client_credentials"}
_RENEW_BEFORE = 300.0  # s before a token expires
_USUAL_LIFE = 36_000.0  # s, where the answer does not say

_BAD_CLIENT = frozenset({"invalid_client", "unauthorized_client"})

_BOOST_REFUSALS = {
    "already_charging": Refusal.ALREADY_CHARGING,
    "fully_charged": Refusal.FULLY_CHARGED,
    "internal_error": Refusal.INTERNAL_ISSUE,
}


class _TokenEndpoint(Transport):
    """The way to the token endpoint."""

    @override
    def error(self, status: int, body: Any, retry_after: float | None) -> ChargingError:
        """Know OAuth's word for bad credentials whatever the status."""
        if isinstance(body, Mapping) and text(body.get("error")) in _BAD_CLIENT:
            return AuthenticationError(
                self.redact(message_of(body)), reason="unauthorized"
            )
        return super().error(status, body, retry_after)


class _AccessTokens:
    """The access token of the account, renewed in time."""

    def __init__(self, context: Context) -> None:
        """Prepare requests with the client's credentials."""
        settings = context.settings
        self._monotonic = context.monotonic
        client, secret = settings["client_id"], settings["client_secret"]
        basic = b64encode(f"{client}:{secret}".encode()).decode()
        self.secrets = (secret, basic)
        self._endpoint = _TokenEndpoint(
            context.session,
            settings["base_url"],
            limits=_LIMITS,
            headers={"Authorization": f"Basic {basic}"},
            secrets=self.secrets,
            monotonic=context.monotonic,
        )
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._renew_at = self._expires_at = float("-inf")

    async def current(self) -> str:
        """Return a token that is good for a while, a new one when need be."""
        async with self._lock:
            if self._token is None or self._monotonic() >= self._renew_at:
                try:
                    self._token = await self._fetch()
                except RateLimitedError, ServerFaultError, UnreachableError:
                    # The old one serves until it really expires.
                    if self._token is None or self._monotonic() >= self._expires_at:
                        raise
            return self._token

    def discard(self, token: str) -> None:
        """Forget a token that was refused, unless it was replaced already."""
        if token == self._token:
            self._token = None

    def redact(self, message: str) -> str:
        """Take the token out of a text."""
        return message.replace(self._token, REDACTED) if self._token else message

    @property
    def seconds_left(self) -> float | None:
        """Return how long the token lives, None when there is none."""
        return (
            None if self._token is None else round(self._expires_at - self._monotonic())
        )

    async def _fetch(self) -> str:
        """POST /oauth2/token/: `access_token`, and `expires_in` in s.

        The documented request is JSON; the usual web form is tried once where a
        server does not take that.
        """
        asked = self._monotonic()
        try:
            answer = await self._endpoint.post("/oauth2/token/", _GRANT)
        except CommandRefusedError as err:
            if err.reason not in ("http_400", "http_415"):
                raise
            try:
                answer = await self._endpoint.post("/oauth2/token/", form=_GRANT)
            except CommandRefusedError as refused:
                raise AuthenticationError(
                    refused.message, reason="unauthorized"
                ) from refused
        token = AccessToken.decode(answer)
        if not token.access_token:
            raise UnusableAnswerError("no access token", reason="unexpected_shape")
        life = _USUAL_LIFE if token.expires_in is None else token.expires_in
        self._expires_at = asked + life
        self._renew_at = self._expires_at - min(_RENEW_BEFORE, life / 2)
        return token.access_token


class _Api(Transport):
    """The way to the API: every request carries the access token."""

    def __init__(self, context: Context, tokens: _AccessTokens) -> None:
        """Prepare requests below the API's base."""
        super().__init__(
            context.session,
            context.settings["base_url"] + API,
            limits=_LIMITS,
            secrets=tokens.secrets,
            monotonic=context.monotonic,
        )
        self._tokens = tokens

    @override
    async def request(self, method: str, path: str, **kwargs: Any) -> Any:
        """Send a request; a refused token is replaced once."""
        token = await self._tokens.current()
        try:
            return await self._send(token, method, path, **kwargs)
        except AuthenticationError:
            self._tokens.discard(token)
        return await self._send(await self._tokens.current(), method, path, **kwargs)

    async def _send(self, token: str, method: str, path: str, **kwargs: Any) -> Any:
        """Send a request with a token."""
        bearer = {"Authorization": f"Bearer {token}"}
        return await super().request(method, path, headers=bearer, **kwargs)

    @override
    def error(self, status: int, body: Any, retry_after: float | None) -> ChargingError:
        """Know Podero's reasons for a refused boost, and what is wrong with a value."""
        message = self.redact(message_of(body))
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            return NotSupportedError(message, reason="method_not_allowed")
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            return CommandRefusedError(message, reason=Refusal.INVALID_VALUE)
        if status == HTTPStatus.CONFLICT and isinstance(body, Mapping):
            detail = body.get("detail")
            refusal = detail if isinstance(detail, Mapping) else body
            word = text(refusal.get("reason")) or "conflict"
            return CommandRefusedError(
                message or word, reason=_BOOST_REFUSALS.get(word, word)
            )
        return super().error(status, body, retry_after)

    @override
    def redact(self, text: str) -> str:
        """Take the access token out of a text, too."""
        return super().redact(self._tokens.redact(text))


class PoderoClient:
    """The endpoints of one user of an organisation, one method each.

    `answers` are the last ones as they came, by path below the user's.
    """

    def __init__(self, context: Context) -> None:
        """Prepare requests; without a user only the organisation's can be made."""
        settings = context.settings
        self.tokens = _AccessTokens(context)
        self.answers: dict[str, Any] = {}
        self._api = _Api(context, self.tokens)
        self._decoded = DecodeCache(context.turn)
        self._settings = settings

    async def users(self) -> list[User]:
        """GET /org/{org_id}/users: an array of all users."""
        return User.decode_all(_items(await self._api.get(self._users)))

    async def user(self) -> User:
        """GET /org/{org_id}/users/{user_id}: the user."""
        return User.decode(await self._api.get(self._user))

    async def wallboxes(self) -> tuple[Sequence[Wallbox], bool]:
        """GET …/wallboxes: an array of wallboxes, without their `actions`.

        The very same list while the answer is. The second value tells whether each one
        could be read. The path is that of the other kinds of device; a server may
        answer 404 or 405.
        """
        items = _items(await self._read("/wallboxes"))
        wallboxes = await self._decoded.decode_all("wallboxes", items, Wallbox)
        named: Sequence[Wallbox] = wallboxes
        if not all(wallbox.id for wallbox in wallboxes):
            named = [wallbox for wallbox in wallboxes if wallbox.id]
        return named, len(named) == len(items)

    async def wallbox(self, wallbox_id: str) -> Wallbox:
        """GET …/wallboxes/{wallbox_id}: state and settings together."""
        path = _wallbox(wallbox_id)
        return self._decoded.decode(path, await self._read(path), Wallbox.decode)

    async def update(
        self, wallbox_id: str, changes: Mapping[str, Any]
    ) -> Wallbox | None:
        """PUT …/wallboxes/{wallbox_id} with the changes only.

        Returns the whole wallbox, None where a server answers nothing (204).
        """
        path = self._user + _wallbox(wallbox_id)
        answer = await self._api.request("PUT", path, body=changes)
        return None if answer is None else Wallbox.decode(answer)

    async def boost(self, wallbox_id: str) -> None:
        """POST …/wallboxes/{wallbox_id}/boost: charge now, or at the next plug-in.

        204, or 409 with `state` and `reason`.
        """
        await self._api.post(f"{self._user}{_wallbox(wallbox_id)}/boost")

    async def cancel_boost(self, wallbox_id: str) -> None:
        """DELETE …/wallboxes/{wallbox_id}/boost: end and disarm it; always 204."""
        path = f"{self._user}{_wallbox(wallbox_id)}/boost"
        await self._api.request("DELETE", path)

    async def auth_session(self, wallbox_id: str) -> AuthSession:
        """POST …/wallboxes/{wallbox_id}/auth_session: where to link it anew."""
        path = f"{self._user}{_wallbox(wallbox_id)}/auth_session"
        body = {"success_url": None, "cancel_url": None}
        return AuthSession.decode(await self._api.post(path, body))

    async def current_surplus(self, wallbox_id: str) -> SurplusSession | None:
        """GET …/hems-sessions/current: kWh and EUR; None when none is running."""
        answer = await self._read(f"{_wallbox(wallbox_id)}/hems-sessions/current")
        current = CurrentSurplus.decode(answer).session
        return current.session if current else None

    async def surplus_sessions(
        self, wallbox_id: str, first: date, last: date, *, limit: int, offset: int
    ) -> SurplusPage:
        """GET …/hems-sessions: a page of those of some UTC days, both included.

        `limit` is 200 at most.
        """
        params = {
            "from": first.isoformat(),
            "to": last.isoformat(),
            "limit": limit,
            "offset": offset,
        }
        path = f"{self._user}{_wallbox(wallbox_id)}/hems-sessions"
        return SurplusPage.decode(await self._api.get(path, params=params))

    @property
    def _users(self) -> str:
        """Return the path of the organisation's users."""
        return f"/org/{segment(self._settings['org_id'])}/users"

    @property
    def _user(self) -> str:
        """Return the path of the user."""
        return f"{self._users}/{segment(self._settings.get('user_id') or '')}"

    async def _read(self, path: str) -> Any:
        """Read something of the user, and keep the answer for the diagnostics."""
        self.answers[path] = answer = await self._api.get(self._user + path)
        return answer


def _wallbox(wallbox_id: str) -> str:
    """Return the path of a wallbox below its user's."""
    return f"/wallboxes/{segment(wallbox_id)}"


def _items(answer: Any) -> Any:
    """Return the array in an answer; Podero wraps only some in an envelope."""
    return (
        answer["items"] if isinstance(answer, Mapping) and "items" in answer else answer
    )
