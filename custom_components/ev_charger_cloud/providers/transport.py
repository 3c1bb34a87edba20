"""JSON over HTTP: time-outs, limits of pace and size, errors, redaction."""

import asyncio
from collections.abc import (
    Callable,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
import json
import logging
import math
import re
import time
from typing import Any

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
)
from aiolimiter import AsyncLimiter
import orjson

from ..charging import (
    AuthenticationError,
    ChargingError,
    CommandRefusedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    Refusal,
    ServerFaultError,
    UnreachableError,
    UnusableAnswerError,
)
from .wire import text

_LOGGER = logging.getLogger(__name__)

REDACTED = "**REDACTED**"
_MAX_BACKOFF = 900.0  # s, when the cloud does not say how long
_LONGEST_WAIT = 3600.0  # s, whatever the cloud says
_LONGEST_WAIT_OF_COMMANDS = 900.0  # s
_COMMAND_SHARE = 0.2  # of what may be asked: nobody else takes it from commands
_MAX_BODY = 8 * 1024 * 1024  # bytes, decompressed
_CHUNK = 64 * 1024
_LANES = "lanes"
_KEPT_ANSWERS = 4 * 1024 * 1024  # bytes, before they were decoded
_MAX_DEPTH = 60
_NESTING = frozenset({dict, list})
_LONGEST_MESSAGE = 200
_TELLING = 4  # so many characters of a secret tell something of it

# These say that the request was not, or not yet, taken up.
_NOT_TAKEN_UP = frozenset(
    {
        HTTPStatus.NOT_IMPLEMENTED,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
    }
)

# E-mail addresses, and digits or tokens so long that they stand for someone.
_PERSONAL = re.compile(r"[\w.+-]+@[\w.-]*|\+?\d{8,}|\b[\w-]{32,}\b")

_command_lane: ContextVar[bool] = ContextVar("command_lane", default=False)


@contextmanager
def command_lane() -> Iterator[None]:
    """Let the requests made within pass those of polls.

    They have connections and a share of the pace of their own, so neither a long poll
    nor a late answer holds up what a person is waiting for.
    """
    token = _command_lane.set(True)
    try:
        yield
    finally:
        _command_lane.reset(token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How hard an account may be asked: `requests` in `period` seconds.

    A fifth of that is kept for commands. `concurrency` bounds the requests under way
    at once, for polls and for commands each; `backoff` (s) is the first pause after a
    429 that does not say how long, doubled with each further one.
    """

    requests: float
    period: float = 60.0
    concurrency: int = 4
    backoff: float = 30.0


class _Lane:
    """A way of its own to the cloud: so many requests at once, at such a pace."""

    def __init__(self, limits: Limits, share: float) -> None:
        """Take a share of the pace."""
        self.limiter = AsyncLimiter(max(limits.requests * share, 1), limits.period)
        self.slots = asyncio.Semaphore(limits.concurrency)
        self.wait_until = float("-inf")


def _monotonic() -> float:
    """Return the time (s) that pauses are measured by."""
    return time.monotonic()


class _Answers:
    """The last answers, by what was asked: what is equal is the same object again."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: dict[Hashable, tuple[bytes, Any]] = {}
        self._size = 0

    def decode(self, key: Hashable, raw: bytes, essence: bytes) -> Any:
        """Decode an answer unless the last one to this question was the same.

        `essence` is what of it counts. Of a list of which something changed, bare or
        within an object, what did not is the same as before.
        """
        last = self._kept.pop(key, None)
        if last is not None:
            self._size -= len(last[0])
            if last[0] == essence:
                essence, body = last
                self._keep(key, essence, body)
                return body
        body = _decode(raw, None if last is None else last[1])
        self._keep(key, essence, body)
        return body

    def _keep(self, key: Hashable, essence: bytes, body: Any) -> None:
        """Keep an answer as the newest; what was not asked for longest makes room."""
        self._kept[key] = essence, body
        self._size += len(essence)
        while self._size > _KEPT_ANSWERS:
            oldest = next(iter(self._kept))
            self._size -= len(self._kept.pop(oldest)[0])


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
        monotonic: Callable[[], float] = _monotonic,
        kept: MutableMapping[str, Any] | None = None,
    ) -> None:
        """Prepare requests below `base_url`; nothing is sent yet.

        What was asked, and how long the cloud wants to be left alone, is noted in
        `kept`: the next attempt of a start counts it, too.
        """
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._headers = {"Accept": "application/json", **(headers or {})}
        # The longest first: one may be the beginning of another.
        self._secrets = sorted({each for each in secrets if each}, key=len)[::-1]
        self._timeout = timeout
        self._limits = limits
        self._monotonic = monotonic
        self._lanes: Mapping[bool, _Lane] = ({} if kept is None else kept).setdefault(
            _LANES,
            {
                True: _Lane(limits, _COMMAND_SHARE),
                False: _Lane(limits, 1 - _COMMAND_SHARE),
            },
        )
        self._backoff = limits.backoff
        self._answers = _Answers()
        self.sent = 0

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

        An answer to a GET whose bytes are those of the last one is not decoded again:
        it is the same object, which nobody may change.

        `path` is below the base URL; `body` goes out as JSON, `form` as a web form.
        Raises the errors of `charging.errors`; a 4xx without an error class of its
        own is a CommandRefusedError.
        """
        data = form if body is None else _encode(body)
        lane = self._lanes[_command_lane.get()]
        self._refuse_while_waiting(lane)
        async with lane.slots, lane.limiter:
            self._refuse_while_waiting(lane)
            prepared = {
                **self._headers,
                **await self.authorization(),
                **(headers or {}),
            }
            changes = method != "GET"
            self.sent += 1
            try:
                async with self._session.request(
                    method,
                    self._base_url + path,
                    params=params,
                    data=data,
                    headers=prepared
                    if body is None
                    else {"Content-Type": "application/json", **prepared},
                    timeout=_patience(timeout or self._timeout),
                    allow_redirects=False,
                ) as response:
                    raw = await _read_bounded(response)
            except TimeoutError as err:
                connecting = isinstance(err, ConnectionTimeoutError)
                raise UnreachableError(
                    "no answer in time",
                    reason="timeout",
                    uncertain=changes and not connecting,
                ) from err
            except (ClientError, OSError, ValueError) as err:
                # A request that never left cannot have had an effect: there was no
                # line, or what it was made of is no address or header.
                never_left = isinstance(err, ClientConnectorError | ValueError)
                raise UnreachableError(
                    self.redact(str(err)) or type(err).__name__,
                    reason="connection",
                    uncertain=changes and not never_left,
                ) from err
        asked = None if changes else (path, _frozen(params))
        return self._judge(response, raw, asked)

    async def get(self, path: str, **kwargs: Any) -> Any:
        """Send a GET request."""
        return await self.request("GET", path, **kwargs)

    async def post(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        """Send a POST request with a JSON body."""
        return await self.request("POST", path, body=body, **kwargs)

    async def authorization(self) -> Mapping[str, str]:
        """Return the headers that prove the account, when they change over time."""
        return {}

    def essence(self, raw: bytes) -> bytes:
        """Return what of an answer counts, when it is compared with the last one.

        A provider whose cloud dates and numbers its answers overrides this.
        """
        return raw

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

    def redact(self, words: str) -> str:
        """Take this account's secrets, and what could name a person, out of a text."""
        for secret in self._secrets:
            words = words.replace(secret, REDACTED)
            # Messages are cut: a secret's beginning may be all that is left of it.
            for length in range(len(secret) - 1, _TELLING - 1, -1):
                if words.endswith(secret[:length]):
                    words = words[:-length] + REDACTED
                    break
        # Cut last: of half an address nobody could tell that it is one.
        return _PERSONAL.sub("…", words)[:_LONGEST_MESSAGE]

    def _judge(
        self, response: ClientResponse, raw: bytes | None, asked: Hashable
    ) -> Any:
        """Decode an answer, or raise what it means.

        `asked` names the question when it only reads, None when it changes something.
        """
        status = response.status
        changes = asked is None
        success = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
        try:
            if success and not changes and raw is not None:
                body = self._answers.decode(asked, raw, self.essence(raw))
            else:
                body = _decode(raw)
        except ValueError as err:
            if success:
                raise UnusableAnswerError(
                    str(err), reason="not_json", uncertain=changes
                ) from err
            body = None
        if success:
            self._backoff = self._limits.backoff
            return body
        error = self.error(status, body, _retry_after(response.headers))
        if changes and status >= 500 and status not in _NOT_TAKEN_UP:
            error.uncertain = True
        if isinstance(error, RateLimitedError):
            self._wait(error)
        raise error

    def _wait(self, error: RateLimitedError) -> None:
        """Send nothing more until the cloud's pause is over."""
        if error.retry_after is None:
            error.retry_after = self._backoff
            self._backoff = min(self._backoff * 2, _MAX_BACKOFF)
        now = self._monotonic()
        self._lanes[False].wait_until = now + error.retry_after
        self._lanes[True].wait_until = now + min(
            error.retry_after, _LONGEST_WAIT_OF_COMMANDS
        )
        _LOGGER.debug("Told to wait for %s s", error.retry_after)

    def _refuse_while_waiting(self, lane: _Lane) -> None:
        """Raise instead of sending while the cloud wants to be left alone."""
        left = lane.wait_until - self._monotonic()
        if left > 0:
            raise RateLimitedError(reason="rate_limited", retry_after=left)


def _patience(total: float) -> ClientTimeout:
    """Return the time-outs of a request.

    The way to the cloud must be found in less: then it is sure, when it was not, that
    nothing was sent.
    """
    return ClientTimeout(total=total, connect=total * 0.75)


def _encode(body: Any) -> bytes:
    """Write JSON; refuse what is none, like half an emoji or a huge number."""
    try:
        return orjson.dumps(body)
    except TypeError as err:
        raise CommandRefusedError(str(err), reason=Refusal.INVALID_VALUE) from err


async def _read_bounded(response: ClientResponse) -> bytes | None:
    """Read a body, decompressed; None when it is larger than anything sensible."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > _MAX_BODY:
            response.close()
            return None
    return bytes(body)


def _decode(raw: bytes | None, known: Any = None) -> Any:
    """Decode JSON; raise ValueError for what is none, too large or too deep.

    What is equal to what was known is the same object.
    """
    if raw is None:
        raise ValueError("the answer is too large")
    if not raw.strip():
        return None
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        # NaN or half an emoji: what the standard library forgives. The latter is
        # nothing that could be stored, so it ends here.
        try:
            forgiven = json.dumps(json.loads(raw), ensure_ascii=False)
            body = json.loads(forgiven.encode("utf-8", "replace"))
        except RecursionError as err:
            raise ValueError("the answer is nested too deeply") from err
        except ValueError as err:
            raise ValueError("the answer is not JSON") from err
    return _with_known(body, known)


def _with_known(body: Any, known: Any, depth: int = _MAX_DEPTH) -> Any:
    """Put what was known in place of all that is equal to it.

    Of a list that is each item, wherever in an object the list is. JSON's `1` and `true`
    count as equal here. Raises ValueError for what is new and nested deeper than `depth`.
    """
    merged: Any
    if type(body) is list and type(known) is list:
        merged = [
            old if new == old else _bounded(new, depth - 1)
            for new, old in zip(body, known, strict=False)
        ]
        merged += _bounded(body[len(known) :], depth)
    elif type(body) is dict and type(known) is dict:
        merged = {
            key: _with_known(value, known.get(key), depth - 1)
            if type(value) in _NESTING
            else value
            for key, value in body.items()
        }
    else:
        return _bounded(body, depth)
    return known if merged == known else merged


def decode_json(raw: bytes) -> Any:
    """Decode a body that was sent to us; None when it is empty.

    Raises UnusableAnswerError for what is no JSON, or too deep.
    """
    try:
        return _decode(raw)
    except ValueError as err:
        raise UnusableAnswerError(str(err), reason="not_json") from err


def _bounded(body: Any, depth: int) -> Any:
    """Return JSON that is nested no deeper than that; raise ValueError otherwise.

    This looks at all there is, so it goes by the type, which is quicker than
    `isinstance`: a decoder makes no others.
    """
    level = [body] if type(body) in _NESTING else []
    for _ in range(depth):
        if not level:
            return body
        level = [
            part
            for item in level
            for part in (item.values() if type(item) is dict else item)
            if type(part) in _NESTING
        ]
    if level:
        raise ValueError("the answer is nested too deeply")
    return body


def message_of(body: Any, depth: int = 4) -> str:
    """Find the words for people in an error body: a key, or a few levels below it."""
    if depth and isinstance(body, Mapping):
        for key in ("message", "msg", "detail", "error_description", "error"):
            if words := message_of(body.get(key), depth - 1):
                return words
    if depth and isinstance(body, list) and body:
        return message_of(body[0], depth - 1)
    return text(body) or "" if isinstance(body, str) else ""


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


def _frozen(
    params: Mapping[str, str | int] | Sequence[tuple[str, str]] | None,
) -> Hashable:
    """Return the parameters of a request as part of a key."""
    return tuple(params.items() if isinstance(params, Mapping) else params or ())


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read a Retry-After header: seconds, or an HTTP date by the cloud's own clock."""
    value = headers.get("Retry-After")
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        until, now = _http_date(value), _http_date(headers.get("Date"))
        if until is None or now is None:
            return None
        seconds = (until - now).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_WAIT) if math.isfinite(seconds) else None


def _http_date(value: str | None) -> datetime | None:
    """Read the date of a header."""
    try:
        when = parsedate_to_datetime(value or "")
    except ValueError, OverflowError:
        return None
    return when.replace(tzinfo=when.tzinfo or UTC)
