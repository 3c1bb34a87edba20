"""The way to a cloud: errors, time-outs, waiting, and what must never be told."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.ev_charger_cloud.charging import (
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
from custom_components.ev_charger_cloud.providers.transport import (
    REDACTED,
    Limits,
    Transport,
    message_of,
    redact,
)

type Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

TOKEN = "s3cret-token"
LIMITS = Limits(requests=100, backoff=30)


class Server:
    """A cloud that answers as a test says and keeps what it was asked."""

    def __init__(self) -> None:
        """Begin with an empty object."""
        self.answer: Answer
        self.url = ""
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.says(json={})

    def says(self, **response: Any) -> None:
        """Answer with this from now on."""

        async def answer(_: web.Request) -> web.Response:
            if "json" in response:
                return web.json_response(
                    response["json"],
                    status=response.get("status", 200),
                    headers=response.get("headers"),
                )
            return web.Response(**response)

        self.answer = answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Keep the request and answer."""
        self.requests.append(request)
        self.bodies.append(await request.read())
        return await self.answer(request)


@pytest.fixture
async def server() -> AsyncGenerator[Server]:
    """Run a server."""
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with TestServer(app) as running:
        server.url = str(running.make_url("/api"))
        yield server


@pytest.fixture
def transport(server: Server, session: ClientSession) -> Transport:
    """Return the way to the server."""
    return Transport(
        session,
        server.url + "/",
        limits=LIMITS,
        headers={"Authorization": f"Bearer {TOKEN}"},
        secrets=[TOKEN, ""],
        timeout=5,
    )


async def test_request(server: Server, transport: Transport) -> None:
    """Headers, path, query and body arrive; the answer is decoded."""
    server.says(json={"a": [1]})
    answer = await transport.post("/things", {"b": 2}, params={"page": 3})
    assert answer == {"a": [1]}
    (request,) = server.requests
    assert request.method == "POST"
    assert request.path_qs == "/api/things?page=3"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert server.bodies == [b'{"b": 2}']


@pytest.mark.parametrize("body", ["", "  \n"])
async def test_empty_answer(server: Server, transport: Transport, body: str) -> None:
    """A success without a body is one all the same."""
    server.says(text=body, status=204 if not body else 200)
    assert await transport.get("/x") is None


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (400, CommandRefusedError, "http_400"),
        (401, AuthenticationError, "unauthorized"),
        (403, PermissionDeniedError, "forbidden"),
        (404, NotFoundError, "not_found"),
        (409, CommandRefusedError, "http_409"),
        (422, CommandRefusedError, "http_422"),
        (429, RateLimitedError, "rate_limited"),
        (500, ServerFaultError, "http_500"),
        (503, ServerFaultError, "http_503"),
        (302, UnusableAnswerError, "http_302"),
    ],
)
@pytest.mark.parametrize("form", ["json", "html"])
async def test_errors(
    server: Server,
    transport: Transport,
    status: int,
    error: type[ChargingError],
    reason: str,
    form: str,
) -> None:
    """Each answer that is no success is an error of the vocabulary."""
    if form == "json":
        server.says(json={"message": f"Not with {TOKEN}."}, status=status)
    else:
        server.says(text="<html>proxy</html>", status=status)
    with pytest.raises(error) as caught:
        await transport.get("/x")
    assert caught.value.reason == reason
    assert TOKEN not in str(caught.value)
    if form == "json" and status != 302:
        assert caught.value.message == f"Not with {REDACTED}."


async def test_answer_that_is_not_json(server: Server, transport: Transport) -> None:
    """A page in place of data cannot be used."""
    server.says(text="<html>")
    with pytest.raises(UnusableAnswerError, match="not JSON"):
        await transport.get("/x")


async def test_no_answer_in_time(server: Server, transport: Transport) -> None:
    """A cloud that is silent is unreachable."""

    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await request.content.wait_eof()
        while request.transport and not request.transport.is_closing():
            await asyncio.sleep(0.01)
        return response

    server.answer = silent
    with pytest.raises(UnreachableError) as caught:
        await transport.get("/x", timeout=0.05)
    assert caught.value.reason == "timeout"


async def test_dropped_line(server: Server, transport: Transport) -> None:
    """So is one that hangs up."""

    async def drop(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.close()
        return web.Response()

    server.answer = drop
    with pytest.raises(UnreachableError) as caught:
        await transport.get("/x")
    assert caught.value.reason == "connection"


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", 7),
        ("1.5", 1.5),
        ("-3", 0),
        ("Fri, 20 Nov 2026 12:00:40 GMT", 40),
        ("Fri, 20 Nov 2026 12:00:40 -0000", 40),
        ("Fri, 20 Nov 2020 12:00:40 GMT", 0),
        ("99999999", 86_400),
        ("soon", 30),
        ("nan", 30),
        ("", 30),
    ],
)
async def test_told_to_wait(
    server: Server,
    transport: Transport,
    freezer: FrozenDateTimeFactory,
    header: str,
    wait: float,
) -> None:
    """Nothing more is sent until the cloud's pause is over."""
    freezer.move_to("2026-11-20T12:00:00Z")
    server.says(json={}, status=429, headers={"Retry-After": header})
    with pytest.raises(RateLimitedError) as caught:
        await transport.get("/x")
    assert caught.value.retry_after == wait
    server.says(json={})
    if wait:
        with pytest.raises(RateLimitedError) as caught:
            await transport.get("/x")
        assert caught.value.retry_after == pytest.approx(wait)
        assert len(server.requests) == 1
    freezer.tick(wait)
    assert await transport.get("/x") == {}


async def test_pauses_grow(
    server: Server, transport: Transport, freezer: FrozenDateTimeFactory
) -> None:
    """A cloud that does not say how long is given more time each time."""
    server.says(json={}, status=429)
    for wait in (30, 60, 120, 240, 480, 900, 900):
        with pytest.raises(RateLimitedError) as caught:
            await transport.get("/x")
        assert caught.value.retry_after == wait
        freezer.tick(wait)
    server.says(json={})
    await transport.get("/x")
    server.says(json={}, status=429)
    with pytest.raises(RateLimitedError) as caught:
        await transport.get("/x")
    assert caught.value.retry_after == 30


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"message": " Stop "}, "Stop"),
        ({"error": {"code": "X", "message": "Deep"}}, "Deep"),
        ({"detail": [{"msg": "First"}, {"msg": "Second"}]}, "First"),
        ({"error": "invalid_client"}, "invalid_client"),
        ({"message": None, "detail": "Second choice"}, "Second choice"),
        ({"message": "x" * 300}, "x" * 200),
        ({"code": 1}, ""),
        ([], ""),
        (None, ""),
        (7, ""),
    ],
)
def test_message(body: Any, message: str) -> None:
    """The words for people are found where clouds put them."""
    assert message_of(body) == message


def test_redact() -> None:
    """Secrets are taken out at any depth; empty ones tell that they are empty."""
    body = {"pin": "1234", "deep": [{"pin": 7, "name": "x"}], "no": {"pin": None}}
    assert redact(body, frozenset({"pin"})) == {
        "pin": REDACTED,
        "deep": [{"pin": REDACTED, "name": "x"}],
        "no": {"pin": None},
    }
