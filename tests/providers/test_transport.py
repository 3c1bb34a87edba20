"""The way to a cloud: errors, time-outs, waiting, and what must never be told."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
import gzip
from typing import Any

from aiohttp import ClientSession, TCPConnector, web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer, unused_port
from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.ev_charger_cloud.charging import (
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
from custom_components.ev_charger_cloud.providers.transport import (
    REDACTED,
    Limits,
    Transport,
    command_lane,
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
    assert server.bodies == [b'{"b":2}']


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


async def test_connection_error_names_no_secret(session: ClientSession) -> None:
    """What the system says of an address is told without what is secret in it."""
    transport = Transport(
        session,
        f"http://127.0.0.1:{unused_port()}",
        limits=LIMITS,
        secrets=["127.0.0.1"],
    )
    with pytest.raises(UnreachableError) as caught:
        await transport.get("/x")
    assert caught.value.reason == "connection"
    assert REDACTED in caught.value.message
    assert "127.0.0.1" not in caught.value.message


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_not_followed(
    server: Server, transport: Transport, method: str, status: int
) -> None:
    """Nobody else gets to see what was meant for the cloud."""
    server.says(status=status, headers={"Location": f"{server.url}/elsewhere"})
    with pytest.raises(UnusableAnswerError):
        await transport.request(method, "/x")
    assert [request.path for request in server.requests] == ["/api/x"]


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", 7),
        ("1.5", 1.5),
        ("-3", 0),
        ("Fri, 20 Nov 2026 12:00:40 GMT", 40),
        ("Fri, 20 Nov 2026 12:00:40 -0000", 40),
        ("Fri, 20 Nov 2020 12:00:40 GMT", 0),
        ("99999999", 3600),
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
    server.says(
        json={},
        status=429,
        # The cloud's clock is not ours: what it says is judged by its own.
        headers={"Retry-After": header, "Date": "Fri, 20 Nov 2026 12:00:00 GMT"},
    )
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
        ({"message": "x" * 300}, "x" * 300),
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


async def test_command_passes_polls_under_way(
    server: Server, session: ClientSession
) -> None:
    """Polls that use every connection of theirs leave commands their own."""
    transport = Transport(
        session, server.url, limits=Limits(requests=100, concurrency=2), timeout=5
    )
    release = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            await release.wait()
        return web.json_response({})

    server.answer = slow
    polls = [asyncio.create_task(transport.get("/poll")) for _ in range(6)]
    while len(server.requests) < 2:
        await asyncio.sleep(0.001)
    with command_lane():
        await transport.post("/command")
    # The others still wait their turn.
    assert [request.method for request in server.requests] == ["GET", "GET", "POST"]
    release.set()
    await asyncio.gather(*polls)
    assert transport.sent == 7


async def test_command_passes_the_pace_of_polls(
    server: Server, session: ClientSession
) -> None:
    """Polls never take the share of the pace that is kept for commands."""
    transport = Transport(
        session, server.url, limits=Limits(requests=10, period=3600), timeout=5
    )
    polls = [asyncio.create_task(transport.get("/poll")) for _ in range(12)]
    while len(server.requests) < 8:
        await asyncio.sleep(0.001)
    with command_lane():
        await transport.post("/command")
        await transport.get("/follow")
    await asyncio.sleep(0.05)
    assert len(server.requests) == transport.sent == 10
    for poll in polls:
        poll.cancel()
    await asyncio.gather(*polls, return_exceptions=True)


async def test_lane_is_the_callers_alone(transport: Transport) -> None:
    """Entering it in one task does not speed up the others."""
    with command_lane():
        pass
    for _ in range(3):
        await transport.get("/x")
    assert transport.sent == 3


@pytest.mark.parametrize("header", ["99999999", "Fri, 20 Nov 2099 12:00:40 GMT"])
async def test_pause_is_bounded(
    server: Server, session: ClientSession, header: str
) -> None:
    """Polls pause for an hour at most, commands for a quarter of one."""
    clock = [1000.0]
    transport = Transport(
        session, server.url, limits=LIMITS, monotonic=lambda: clock[0]
    )
    server.says(json={}, status=429, headers={"Retry-After": header})
    with pytest.raises(RateLimitedError) as caught:
        await transport.get("/x")
    assert caught.value.retry_after == 3600
    server.says(json={})
    with command_lane(), pytest.raises(RateLimitedError) as caught:
        await transport.post("/x")
    assert caught.value.retry_after == 900
    clock[0] += 900
    with command_lane():
        await transport.post("/x")
    with pytest.raises(RateLimitedError) as caught:
        await transport.get("/x")
    assert caught.value.retry_after == 2700
    clock[0] += 2700
    await transport.get("/x")
    assert transport.sent == len(server.requests) == 3


async def test_pause_reaches_those_who_wait_their_turn(
    server: Server, session: ClientSession
) -> None:
    """What was about to be sent is not, once the cloud asks to be left alone."""
    transport = Transport(
        session, server.url, limits=Limits(requests=100, concurrency=1)
    )
    server.says(json={}, status=429)
    answers = await asyncio.gather(
        *(transport.get("/x") for _ in range(5)), return_exceptions=True
    )
    assert all(isinstance(answer, RateLimitedError) for answer in answers)
    assert transport.sent == len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'"' + b"x" * 9 * 1024 * 1024 + b'"', {}),
        (
            gzip.compress(b'"' + b"x" * 64 * 1024 * 1024 + b'"'),
            {"Content-Encoding": "gzip"},
        ),
    ],
    ids=["large", "bomb"],
)
async def test_body_is_bounded(
    server: Server,
    transport: Transport,
    status: int,
    body: bytes,
    headers: dict[str, str],
) -> None:
    """No answer fills the memory, packed or not."""
    server.says(
        body=body, status=status, headers={"Content-Type": "application/json"} | headers
    )
    expected = UnusableAnswerError if status == 200 else CommandRefusedError
    with pytest.raises((expected, UnreachableError)):
        await transport.get("/x")
    server.says(json={})
    assert await transport.get("/x") == {}


async def test_large_body_within_bounds(server: Server, transport: Transport) -> None:
    """A large account's answer is read."""
    server.says(json=["x" * 1000] * 5000)
    assert len(await transport.get("/x")) == 5000


@pytest.mark.parametrize("depth", [100, 900, 5000, 500_000])
@pytest.mark.parametrize("form", [("[", "]"), ('{"a":', "}")])
async def test_deep_body(
    server: Server, transport: Transport, depth: int, form: tuple[str, str]
) -> None:
    """What is nested so deeply that reading it could break us is no answer."""
    server.says(text=form[0] * depth + "1" + form[1] * depth)
    with pytest.raises(UnusableAnswerError) as caught:
        await transport.get("/x")
    assert caught.value.reason == "not_json"


async def test_flat_body_with_many_objects(
    server: Server, transport: Transport
) -> None:
    """Many objects side by side are not deep."""
    server.says(json=[{"a": [1]}] * 500)
    assert len(await transport.get("/x")) == 500


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b'{"a": "\\ud83d", "\\ud83d": 1}', {"a": "?", "?": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    ],
)
async def test_forgivable_body(
    server: Server, transport: Transport, body: bytes, answer: Any
) -> None:
    """Half an emoji and a mark of byte order are read."""
    server.says(body=body)
    assert await transport.get("/x") == answer


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b'{"a": "\xc3"}', b"1" * 5000])
async def test_body_that_is_no_text(
    server: Server, transport: Transport, body: bytes
) -> None:
    """What is no text or no sensible number is no answer."""
    server.says(body=body)
    with pytest.raises(UnusableAnswerError):
        await transport.get("/x")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("status", "uncertain"),
    [
        (400, False),
        (404, False),
        (429, False),
        (500, True),
        (501, False),
        (502, True),
        (503, False),
        (504, True),
    ],
)
async def test_whether_it_took_effect(
    server: Server, transport: Transport, method: str, status: int, uncertain: bool
) -> None:
    """A cloud in trouble may have done what was asked; reading asks for nothing."""
    server.says(json={}, status=status)
    with pytest.raises(ChargingError) as caught:
        await transport.request(method, "/x")
    assert caught.value.uncertain is (uncertain and method != "GET")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_lost_answers_leave_it_open(
    server: Server, transport: Transport, method: str
) -> None:
    """Silence, a broken line and a page in place of JSON all leave it open."""

    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.3)
        return web.Response()

    async def reset(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.abort()
        return web.Response()

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"a":')
        assert request.transport
        request.transport.close()
        return response

    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>")

    for answer, error in (
        (silent, UnreachableError),
        (reset, UnreachableError),
        (half, UnreachableError),
        (page, UnusableAnswerError),
    ):
        server.answer = answer
        with pytest.raises(error) as caught:
            await transport.request(method, "/x", timeout=0.1)
        assert caught.value.uncertain is (method == "POST"), answer


class NowhereResolver(AbstractResolver):
    """A directory that never answers."""

    async def resolve(
        self, host: str, port: int = 0, family: Any = 0
    ) -> list[ResolveResult]:
        """Wait for ever."""
        await asyncio.Event().wait()
        return []

    async def close(self) -> None:
        """Close nothing."""


async def test_what_never_left_had_no_effect(session: ClientSession) -> None:
    """Without a line to the cloud, nothing was asked of it."""
    refused = Transport(session, f"http://127.0.0.1:{unused_port()}", limits=LIMITS)
    with pytest.raises(UnreachableError) as caught:
        await refused.post("/x", {})
    assert (caught.value.reason, caught.value.uncertain) == ("connection", False)

    nonsense = Transport(
        session, "http://127.0.0.1:9", limits=LIMITS, headers={"X": "a\r\nb"}
    )
    with pytest.raises(UnreachableError) as caught:
        await nonsense.post("/x", {})
    assert caught.value.uncertain is False

    connector = TCPConnector(resolver=NowhereResolver())
    async with ClientSession(connector=connector) as lost:
        silent = Transport(lost, "http://cloud.example", limits=LIMITS, timeout=0.1)
        with pytest.raises(UnreachableError) as caught:
            await silent.post("/x", {})
    assert (caught.value.reason, caught.value.uncertain) == ("timeout", False)


@pytest.mark.parametrize("body", [{"name": "\ud83d"}, {"count": 2**70}])
async def test_body_that_cannot_be_sent(
    server: Server, transport: Transport, body: Any
) -> None:
    """What is no JSON is refused before anything is sent."""
    with pytest.raises(CommandRefusedError) as caught:
        await transport.post("/x", body)
    assert caught.value.reason == Refusal.INVALID_VALUE
    assert transport.sent == len(server.requests) == 0


@pytest.mark.parametrize(
    "personal",
    [
        "jane.doe+ev@mail.example.org",
        "0041791234567",
        "+41791234567",
        "4711081512345678",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        "0123456789abcdef0123456789abcdef",
        TOKEN,
    ],
)
async def test_persons_and_tokens_are_left_out(
    server: Server, transport: Transport, personal: str
) -> None:
    """Nobody's address, number or key gets into an error."""
    server.says(json={"message": f"No such user: {personal}."}, status=400)
    with pytest.raises(CommandRefusedError) as caught:
        await transport.get("/x")
    assert personal not in caught.value.message
    assert caught.value.message.startswith("No such user: ")


@pytest.mark.parametrize("before", [188, 192, 195])
async def test_secret_is_left_out_where_a_message_is_cut(
    server: Server, transport: Transport, before: int
) -> None:
    """Its beginning tells too much already."""
    server.says(json={"message": "x " * (before // 2) + TOKEN}, status=400)
    with pytest.raises(CommandRefusedError) as caught:
        await transport.get("/x")
    assert TOKEN[:5] not in caught.value.message


@pytest.mark.parametrize("before", range(176, 204, 4))
async def test_person_is_left_out_where_a_message_is_cut(
    server: Server, transport: Transport, before: int
) -> None:
    """Half an address tells as much as a whole one."""
    words = "x " * (before // 2) + "berta.muster@example.org"
    server.says(json={"message": words}, status=400)
    with pytest.raises(CommandRefusedError) as caught:
        await transport.get("/x")
    assert "be" not in caught.value.message
    assert len(caught.value.message) <= 200


async def test_secret_that_begins_another(session: ClientSession) -> None:
    """Neither leaves a rest."""
    transport = Transport(
        session, "http://x.example", limits=LIMITS, secrets=["abcd", "abcd-efgh"]
    )
    assert transport.redact("say abcd-efgh") == f"say {REDACTED}"


async def test_date_without_a_clock_beside_it(
    server: Server, transport: Transport
) -> None:
    """A time to wait until says nothing where the cloud's clock is unreadable."""
    server.says(
        json={},
        status=429,
        headers={"Retry-After": "Fri, 20 Nov 2026 12:00:40 GMT", "Date": "noon"},
    )
    with pytest.raises(RateLimitedError) as caught:
        await transport.get("/x")
    assert caught.value.retry_after == 30


async def test_same_bytes_same_object(server: Server, transport: Transport) -> None:
    """An answer that did not change is not decoded again."""
    server.says(json={"power": 1})
    first = await transport.get("/x", params={"page": 1})
    assert await transport.get("/x", params={"page": 1}) is first
    other = await transport.get("/x", params={"page": 2})
    assert other == first
    assert other is not first
    assert await transport.get("/x", params={"page": 1}) is first
    server.says(json={"power": 2})
    changed = await transport.get("/x", params={"page": 1})
    assert changed == {"power": 2}
    assert await transport.get("/x", params=[("page", "1")]) == changed


async def test_what_is_equal_in_an_answer_is_the_same_object(
    server: Server, transport: Transport
) -> None:
    """Of a list only what changed is another object, bare or in an envelope."""

    async def ask(body: Any) -> Any:
        server.says(json=body)
        return await transport.get("/x")

    first = await ask({"data": [{"id": 1}, {"id": 2}], "meta": {"page": [{"n": 1}]}})
    second = await ask({"data": [{"id": 1}, {"id": 3}], "meta": {"page": [{"n": 1}]}})
    assert second["data"] == [{"id": 1}, {"id": 3}]
    assert second["data"][0] is first["data"][0]
    assert second["meta"] is first["meta"]
    longer = await ask({"data": [{"id": 1}, {"id": 3}, 4], "more": [1]})
    assert longer == {"data": [{"id": 1}, {"id": 3}, 4], "more": [1]}
    assert longer["data"][1] is second["data"][1]
    assert await ask({"data": [{"id": 1}]}) == {"data": [{"id": 1}]}
    bare = await ask([{"id": 1}, 2])
    assert bare == [{"id": 1}, 2]
    shorter = await ask([{"id": 1}])
    assert len(shorter) == 1
    assert shorter[0] is bare[0]
    assert await ask("text") == "text"


async def test_errors_and_commands_are_not_kept(
    server: Server, transport: Transport
) -> None:
    """Only what was read is kept: an error in between changes nothing."""
    server.says(json={"power": 1})
    first = await transport.get("/x")
    posted = await transport.post("/x")
    assert posted == first
    assert posted is not first
    server.says(json={"power": 1}, status=500)
    with pytest.raises(ServerFaultError):
        await transport.get("/x")
    server.says(json={"power": 1})
    assert await transport.get("/x") is first


async def test_kept_answers_are_bounded(server: Server, transport: Transport) -> None:
    """What was not asked for longest makes room."""
    server.says(json={"text": "x" * 1_500_000})
    first = await transport.get("/1")
    await transport.get("/2")
    assert await transport.get("/1") is first
    await transport.get("/3")
    assert await transport.get("/1") is first
    second = await transport.get("/2")
    assert await transport.get("/2") is second
    assert await transport.get("/3") is not None
    assert await transport.get("/1") is not first
