"""JSON over HTTP: time-outs, one rate limiter per account, errors, redaction."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
import json
import logging
import math
import time
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from aiolimiter import AsyncLimiter

from ..charging import (
    AuthenticationError,
    ChargingError,
    CommandRefusedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerFaultError,
    UnreachableError,
    UnusableAnswerError,
)

_LOGGER = logging.getLogger(__name__)

REDACTED = "**REDACTED**"
_MAX_BACKOFF = 900.0  # s, when the cloud does not say how long
_LONGEST_WAIT = 86_400.0  # s, whatever the cloud says


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How hard an account may be asked: `requests` in `period` seconds.

    `concurrency` bounds the requests under way at once; `backoff` (s) is the first
    pause after a 429 that does not say how long, doubled with each further one.
    """

    requests: float
    period: float = 60.0
    concurrency: int = 4
    backoff: float = 30.0


class Transport:
    """One account's way to its cloud."""

    def __init__(
        self,
        session: ClientSession,
        base_url: str,
        *,
        limits: Limits,
        headers: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
        timeout: float = 20.0,
    ) -> None:
        """Prepare requests below `base_url`; nothing is sent yet."""
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._headers = {"Accept": "application/json", **(headers or {})}
        self._secrets = tuple(secret for secret in secrets if secret)
        self._timeout = timeout
        self._limits = limits
        self._limiter = AsyncLimiter(limits.requests, limits.period)
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._wait_until = 0.0
        self._backoff = limits.backoff

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | Sequence[tuple[str, str]] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Send a request and return the decoded JSON, None for an empty answer.

        `path` is below the base URL; `body` goes out as JSON, `form` as a web form.
        Raises the errors of `charging.errors`; a 4xx without an error class of its
        own is a CommandRefusedError.
        """
        self._refuse_while_waiting()
        async with self._slots, self._limiter:
            self._refuse_while_waiting()
            try:
                async with self._session.request(
                    method,
                    self._base_url + path,
                    params=params,
                    json=body,
                    data=form,
                    headers={**self._headers, **await self.authorization()}
                    | dict(headers or {}),
                    timeout=ClientTimeout(total=timeout or self._timeout),
                    allow_redirects=False,
                ) as response:
                    raw = await response.read()
            except TimeoutError as err:
                raise UnreachableError("no answer in time", reason="timeout") from err
            except (ClientError, OSError) as err:
                raise UnreachableError(
                    self.redact(str(err)) or type(err).__name__, reason="connection"
                ) from err
        return self._judge(response, raw)

    async def get(self, path: str, **kwargs: Any) -> Any:
        """Send a GET request."""
        return await self.request("GET", path, **kwargs)

    async def post(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        """Send a POST request with a JSON body."""
        return await self.request("POST", path, body=body, **kwargs)

    async def authorization(self) -> Mapping[str, str]:
        """Return the headers that prove the account, when they change over time."""
        return {}

    def error(self, status: int, body: Any, retry_after: float | None) -> ChargingError:
        """Turn an answer that is not a success into an error.

        A provider whose cloud speaks of errors in its own way overrides this.
        """
        message = self.redact(message_of(body))
        if status == HTTPStatus.UNAUTHORIZED:
            return AuthenticationError(message, reason="unauthorized")
        if status == HTTPStatus.FORBIDDEN:
            return PermissionDeniedError(message, reason="forbidden")
        if status == HTTPStatus.NOT_FOUND:
            return NotFoundError(message, reason="not_found")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return RateLimitedError(
                message, reason="rate_limited", retry_after=retry_after
            )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return ServerFaultError(
                message or f"HTTP {status}", reason=f"http_{status}"
            )
        if status >= HTTPStatus.BAD_REQUEST:
            return CommandRefusedError(
                message or f"HTTP {status}", reason=f"http_{status}"
            )
        return UnusableAnswerError(f"HTTP {status}", reason=f"http_{status}")

    def redact(self, text: str) -> str:
        """Take this account's secrets out of a text."""
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text

    def _judge(self, response: ClientResponse, raw: bytes) -> Any:
        """Decode an answer, or raise what it means."""
        success = HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES
        try:
            body = json.loads(raw) if raw.strip() else None
        except ValueError as err:
            if success:
                raise UnusableAnswerError(
                    "the answer is not JSON", reason="not_json"
                ) from err
            body = None
        if success:
            self._backoff = self._limits.backoff
            return body
        error = self.error(
            response.status, body, _retry_after(response.headers.get("Retry-After"))
        )
        if isinstance(error, RateLimitedError):
            self._wait(error)
        raise error

    def _wait(self, error: RateLimitedError) -> None:
        """Send nothing more until the cloud's pause is over."""
        if error.retry_after is None:
            error.retry_after = self._backoff
            self._backoff = min(self._backoff * 2, _MAX_BACKOFF)
        self._wait_until = time.monotonic() + error.retry_after
        _LOGGER.debug("Told to wait for %s s", error.retry_after)

    def _refuse_while_waiting(self) -> None:
        """Raise instead of sending while the cloud wants to be left alone."""
        left = self._wait_until - time.monotonic()
        if left > 0:
            raise RateLimitedError(reason="rate_limited", retry_after=left)


def message_of(body: Any) -> str:
    """Find the words for people in an error body: a key, or one level below it."""
    if isinstance(body, Mapping):
        for key in ("message", "msg", "detail", "error_description", "error"):
            if text := message_of(body.get(key)):
                return text
    if isinstance(body, list) and body:
        return message_of(body[0])
    return body.strip()[:200] if isinstance(body, str) else ""


def redact(data: Any, keys: frozenset[str]) -> Any:
    """Return a copy of JSON data with the values of some keys taken out."""
    if isinstance(data, Mapping):
        return {
            key: REDACTED if key in keys and value else redact(value, keys)
            for key, value in data.items()
        }
    if isinstance(data, list | tuple):
        return [redact(item, keys) for item in data]
    return data


def _retry_after(value: str | None) -> float | None:
    """Read a Retry-After header: seconds or an HTTP date."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = (when - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_WAIT) if math.isfinite(seconds) else None
