"""What clouds, and whatever stands before them, can get wrong."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
import gzip
import json
from typing import Any

from aiohttp import web

from .proxy import Answer, Exchange, Spoil

HANG = 1.5
"""How long (s) an answer is late; the instruments shorten all time-outs below that."""

PERSON = "berta.muster@example.org"
"""Whom clouds repeat in their errors; must get nowhere."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault by name.

    `taken_up` says whether the cloud takes a command up although its answer is
    spoilt: the worst case, in which nothing may be sent again.
    """

    name: str
    spoil: Spoil
    taken_up: bool = True

    async def __call__(self, exchange: Exchange) -> web.StreamResponse:
        """Spoil an answer."""
        if exchange.changes and self.taken_up:
            await exchange.real()
        return await self.spoil(exchange)


def _status(
    status: int,
    body: Any = None,
    *,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> Spoil:
    """Answer with a status and a body that is no answer to anything."""
    if body is None:
        body = {"message": f"no, {PERSON}", "error": {"code": str(status)}}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def spoil(exchange: Exchange) -> web.StreamResponse:
        return web.Response(
            status=status, body=raw, headers=headers, content_type=content_type
        )

    return spoil


def _redirect(status: int, *, loop: bool = False) -> Spoil:
    """Send the caller elsewhere, or round in circles."""

    async def spoil(exchange: Exchange) -> web.StreamResponse:
        where = str(exchange.request.url) if loop else exchange.elsewhere
        return web.Response(status=status, headers={"Location": where})

    return spoil


def _echo(status: int) -> Spoil:
    """Repeat all that was sent in an error, as gateways in debug mode do."""

    async def spoil(exchange: Exchange) -> web.StreamResponse:
        request = exchange.request
        words = " ".join([*request.headers.values(), exchange.body.decode(), PERSON])
        return web.json_response(
            {"message": f"{request.method} {request.url}: {words}"}, status=status
        )

    return spoil


def _raw(make: Callable[[Answer], bytes]) -> Spoil:
    """Write bytes to the line, whatever HTTP says, and hang up."""

    async def spoil(exchange: Exchange) -> web.StreamResponse:
        line = exchange.request.transport
        raw = make(await exchange.real() if not exchange.changes else _NOTHING)
        if line is not None:
            line.write(raw)
            line.close()
        return web.Response(status=500)

    return spoil


_NOTHING = Answer(200, {}, b'{"data": [{"id": 1}]}')


async def _reset(exchange: Exchange) -> web.StreamResponse:
    """Hang up without a word."""
    if exchange.request.transport is not None:
        exchange.request.transport.abort()
    return web.Response(status=500)


async def _reset_midway(exchange: Exchange) -> web.StreamResponse:
    """Hang up within the body."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(exchange.request)
    await response.write(b'{"data": [{"id": "1", ')
    if exchange.request.transport is not None:
        exchange.request.transport.abort()
    return response


async def _late(exchange: Exchange) -> web.StreamResponse:
    """Answer when nobody waits any longer."""
    await asyncio.sleep(HANG)
    return (await exchange.real()).response()


async def _stuck_midway(exchange: Exchange) -> web.StreamResponse:
    """Begin the body and never end it."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(exchange.request)
    await response.write(b'{"data": [')
    await asyncio.sleep(HANG)
    return response


async def _huge(exchange: Exchange) -> web.StreamResponse:
    """Send more than anybody should take."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(exchange.request)
    await response.write(b'{"data": ["')
    for _ in range(160):
        await response.write(b"x" * 65536)
    await response.write(b'"]}')
    return response


def _gzip(raw: bytes) -> Spoil:
    """Say that a body is compressed."""

    async def spoil(exchange: Exchange) -> web.StreamResponse:
        return web.Response(
            body=raw,
            headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
        )

    return spoil


def _bytes(change: Callable[[bytes], bytes]) -> Spoil:
    """Answer with the true body, changed."""

    async def spoil(exchange: Exchange) -> web.StreamResponse:
        answer = await exchange.real()
        return web.Response(
            status=answer.status, headers=answer.headers, body=change(answer.body)
        )

    return spoil


def _json(change: Callable[[Any], Any]) -> Spoil:
    """Answer with the true JSON, changed."""
    return _bytes(lambda raw: json.dumps(change(json.loads(raw or b"{}"))).encode())


def _values(change: Callable[[Any], Any]) -> Spoil:
    """Answer with the true JSON, each of its plain values changed."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return change(value)

    return _json(walk)


def _objects(change: Callable[[dict[str, Any]], Any]) -> Spoil:
    """Answer with the true JSON, each of its objects changed."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return change({key: walk(item) for key, item in value.items()})
        return [walk(item) for item in value] if isinstance(value, list) else value

    return _json(walk)


def _lists(change: Callable[[list[Any]], Any]) -> Spoil:
    """Answer with the true JSON, each of its lists changed."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return change([walk(item) for item in value])
        return value

    return _json(walk)


def _number(replacement: float) -> Callable[[Any], Any]:
    """Replace numbers."""
    return lambda value: replacement if type(value) in (int, float) else value


def _text(replacement: Callable[[str], Any]) -> Callable[[Any], Any]:
    """Replace texts."""
    return lambda value: replacement(value) if isinstance(value, str) else value


def _time(replacement: str) -> Callable[[Any], Any]:
    """Replace what looks like a time."""
    return _text(
        lambda value: replacement if value[4:5] == "-" and value[7:8] == "-" else value
    )


def _is_id(key: str) -> bool:
    """Return whether a key names something."""
    return key.lower().endswith(("id", "uuid", "serial", "identity"))


def _cookies() -> Spoil:
    """Answer truly, and hand out cookies."""

    async def spoil(exchange: Exchange) -> web.StreamResponse:
        response = (await exchange.real()).response()
        response.set_cookie("session", "planted-cookie", path="/")
        return response

    return spoil


_TAKEN_UP = frozenset({500, 502, 504, 520, 524})
_HTML = b"<html><head><title>502</title></head><body><h1>Bad Gateway</h1></body></html>"
_DEEP_LIST = b"[" * 100_000 + b"]" * 100_000
_DEEP_OBJECT = b'{"data":' * 50_000 + b"1" + b"}" * 50_000
_BOMB = gzip.compress(b'{"data": [' + b" " * (64 * 1024 * 1024) + b"]}")

_ALONE: tuple[Any, ...] = (None, [], {}, "ok", 42, True, [None], [[]], [{}])

FAULTS: tuple[Fault, ...] = (
    # Statuses.
    *(
        Fault(f"status {status}", _status(status), taken_up=status in _TAKEN_UP)
        for status in (400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 418, 422)
    ),
    *(
        Fault(f"status {status}", _status(status), taken_up=status in _TAKEN_UP)
        for status in (429, 451, 500, 501, 502, 503, 504, 520, 524)
    ),
    Fault("401 without a body", _status(401, b""), taken_up=False),
    Fault("403 in HTML", _status(403, _HTML, content_type="text/html"), taken_up=False),
    Fault("500 nested deeply", _status(500, _DEEP_LIST)),
    Fault("500 with an odd error", _status(500, {"error": {"error": [{"msg": 1}]}})),
    Fault("400 repeats what was sent", _echo(400), taken_up=False),
    Fault("500 repeats what was sent", _echo(500)),
    Fault("401 repeats what was sent", _echo(401), taken_up=False),
    *(
        Fault(
            f"429, Retry-After: {value}",
            _status(429, headers={"Retry-After": value}),
            taken_up=False,
        )
        for value in (
            *("0", "-5", "1e308", "inf", "nan", "soon", "86400"),
            "Fri, 31 Dec 9999 23:59:59 GMT",
        )
    ),
    # No answer, or half of one.
    Fault("204 without content", _status(204, b"")),
    Fault("200 without content", _status(200, b"")),
    Fault("200 with blanks", _status(200, b"  \r\n ")),
    Fault("reset", _reset),
    Fault("reset within the body", _reset_midway),
    Fault("late", _late),
    Fault("stuck within the body", _stuck_midway),
    Fault("closed, not HTTP", _raw(lambda _: b"SSH-2.0-OpenSSH_9.6\r\n")),
    Fault(
        "shorter than announced",
        _raw(lambda a: b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + a.body),
    ),
    Fault(
        "chunks broken",
        _raw(
            lambda a: (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + a.body
            )
        ),
    ),
    Fault(
        "header of 64 KiB",
        _raw(lambda a: b"HTTP/1.1 200 OK\r\nX: " + b"x" * 65536 + b"\r\n\r\n" + a.body),
    ),
    Fault(
        "header of control characters",
        _raw(lambda a: b"HTTP/1.1 200 OK\r\nX: \x00\x01\r\n\r\n" + a.body),
    ),
    # Redirects.
    *(
        Fault(f"redirect {status}", _redirect(status), taken_up=False)
        for status in (301, 302, 303, 307, 308)
    ),
    Fault("redirect to itself", _redirect(302, loop=True), taken_up=False),
    # Bodies that are not what they should be.
    Fault("HTML", _status(200, _HTML, content_type="text/html")),
    Fault("plain text", _status(200, b"OK", content_type="text/plain")),
    Fault("binary", _status(200, bytes(range(256)))),
    Fault("cut off", _bytes(lambda raw: raw[: len(raw) * 2 // 3] or b"{")),
    Fault("followed by garbage", _bytes(lambda raw: raw + b"\n<!-- debug -->")),
    Fault("UTF-16", _bytes(lambda raw: raw.decode().encode("utf-16"))),
    Fault("byte order mark", _bytes(lambda raw: b"\xef\xbb\xbf" + raw)),
    Fault("invalid UTF-8", _bytes(lambda raw: raw.replace(b'":"', b'":"\xff'))),
    Fault("nested lists", _status(200, _DEEP_LIST)),
    Fault("nested objects", _status(200, _DEEP_OBJECT)),
    Fault("huge", _huge),
    Fault("gzip bomb", _gzip(_BOMB)),
    Fault("gzip that is none", _gzip(b'{"data": []}')),
    Fault("gzip cut off", _gzip(gzip.compress(b'{"data": []}' * 99)[:-20])),
    # JSON of another shape.
    *(
        Fault(f"{json.dumps(body)} alone", _status(200, json.dumps(body).encode()))
        for body in _ALONE
    ),
    Fault("wrapped once more", _json(lambda body: {"data": {"data": body}})),
    Fault("in a list", _json(lambda body: [body])),
    Fault("lists emptied", _lists(lambda _: [])),
    Fault("lists doubled, ids twice", _lists(lambda items: items + items)),
    Fault("lists of null", _lists(lambda items: [None for _ in items])),
    Fault("lists as objects", _lists(lambda items: dict(enumerate(items)))),
    Fault("lists as null", _lists(lambda _: None)),
    Fault("keys missing", _objects(lambda o: dict(list(o.items())[::2]))),
    Fault(
        "everything but ids missing",
        _objects(
            lambda o: {
                k: v for k, v in o.items() if _is_id(k) or isinstance(v, dict | list)
            }
        ),
    ),
    Fault("ids missing", _objects(lambda o: {k: o[k] for k in o if not _is_id(k)})),
    Fault("ids the same", _objects(lambda o: {k: 7 if k == "id" else o[k] for k in o})),
    # JSON of other values.
    Fault("nulls", _values(lambda _: None)),
    Fault("numbers as texts", _values(lambda v: str(v) if _is_number(v) else v)),
    Fault("texts as numbers", _values(_text(len))),
    Fault("texts as objects", _values(_text(lambda text: {"value": text}))),
    Fault("everything false", _values(lambda _: False)),
    Fault("numbers negative", _values(lambda v: -v - 1 if _is_number(v) else v)),
    Fault("numbers of 1e308", _values(_number(1e308))),
    Fault("numbers infinite", _values(_number(float("inf")))),
    Fault("numbers NaN", _values(_number(float("nan")))),
    Fault("integers of 400 digits", _values(_number(10**400))),
    Fault("words nobody knows", _values(_text(lambda text: f"new_{text}"))),
    Fault("half an emoji", _values(_text(lambda text: text + "\ud83d"))),
    Fault("NUL characters", _values(_text(lambda text: text + "\x00"))),
    Fault("texts of 10 kB", _values(_text(lambda text: text + "x" * 10_000))),
    Fault("texts empty", _values(_text(lambda _: ""))),
    Fault("the year 9999", _values(_time("9999-12-31T23:59:59.999999Z"))),
    Fault("the year 1", _values(_time("0001-01-01T00:00:00+14:00"))),
    Fault("times of another sort", _values(_time("2026-02-30T25:61:00"))),
    # True answers with a surprise.
    Fault("cookies", _cookies()),
)


def _is_number(value: Any) -> bool:
    """Return whether a JSON value is a number."""
    return type(value) in (int, float)
