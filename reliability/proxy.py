"""A proxy in front of the simulated clouds that spoils what one of them answers."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
import json
from typing import Any, Self

from aiohttp import ClientSession, TCPConnector, web
from yarl import URL

from simulator.server import Simulator

_HOP_BY_HOP = frozenset(
    {"connection", "content-encoding", "content-length", "date", "server"}
    | {"transfer-encoding", "host"}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a cloud really answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body decoded, None for an empty one."""
        return json.loads(self.body) if self.body.strip() else None

    def response(self) -> web.Response:
        """Return the answer unspoilt."""
        return web.Response(status=self.status, headers=self.headers, body=self.body)


@dataclass(slots=True)
class Exchange:
    """A request on its way, and whether the cloud behind the proxy has seen it."""

    request: web.Request
    cloud: str
    body: bytes
    elsewhere: str
    _forward: Callable[[Exchange], Awaitable[Answer]]
    answer: Answer | None = field(default=None)

    @property
    def changes(self) -> bool:
        """Return whether the request is to have an effect."""
        return self.request.method != "GET" and "token" not in self.request.path

    @property
    def identity(self) -> tuple[str, str, bytes]:
        """Return what makes two requests the same."""
        return self.request.method, self.request.path_qs, self.body

    async def real(self) -> Answer:
        """Have the cloud take the request up, once, and return its answer."""
        if self.answer is None:
            self.answer = await self._forward(self)
        return self.answer


class Disguise:
    """What clouds know under another name than those who ask them."""

    def truth(self, text: str) -> str:
        """Return what is asked in the words of the cloud."""
        return text

    def disguised(self, cloud: str, body: bytes) -> bytes:
        """Return what a cloud answers in the words of who asks."""
        return body


type Spoil = Callable[[Exchange], Awaitable[web.StreamResponse]]


EVERY_CLOUD = "*"


class FaultProxy:
    """Serves all clouds of a simulator; `spoil` answers for the cloud `at_fault`."""

    def __init__(self, simulator: Simulator, disguise: Disguise | None = None) -> None:
        """Prepare; nothing listens yet."""
        self._disguise = disguise or Disguise()
        self.spoil: Spoil | None = None
        self.at_fault = ""
        self.exchanges: list[Exchange] = []
        self.strayed: list[str] = []
        self.url = ""
        self._simulator = simulator
        self._runner: web.AppRunner | None = None
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Listen on a free port, and let the clouds know their new address."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._session = ClientSession(
            auto_decompress=True, connector=TCPConnector(force_close=True)
        )
        for name, cloud in self._simulator.clouds.items():
            cloud.base_url = f"{self.url}/{name}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        if self._runner:
            await self._runner.cleanup()
        if self._session:
            await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on, or let the fault have it."""
        cloud = request.path.split("/", 2)[1]
        if cloud not in self._simulator.clouds:
            # Where redirects point: nobody has any business here.
            self.strayed.append(f"{request.method} {request.path}")
            return web.json_response({})
        exchange = Exchange(
            request, cloud, await request.read(), f"{self.url}/elsewhere", self._forward
        )
        self.exchanges.append(exchange)
        if self.spoil is None or self.at_fault not in (cloud, EVERY_CLOUD):
            return (await exchange.real()).response()
        with suppress(ConnectionError):
            return await self.spoil(exchange)
        # Whoever asked has hung up.
        return web.Response(status=500)

    async def _forward(self, exchange: Exchange) -> Answer:
        """Ask the cloud itself."""
        request, disguise = exchange.request, self._disguise
        assert self._session
        path = disguise.truth(request.raw_path)
        async with self._session.request(
            request.method,
            URL(self._simulator.url + path, encoded=True),
            data=disguise.truth(exchange.body.decode()).encode() or None,
            headers={
                name: disguise.truth(value)
                for name, value in request.headers.items()
                if name.lower() not in _HOP_BY_HOP | {"accept-encoding"}
            },
            allow_redirects=False,
        ) as answer:
            return Answer(
                answer.status,
                {
                    name: value
                    for name, value in answer.headers.items()
                    if name.lower() not in _HOP_BY_HOP
                },
                disguise.disguised(exchange.cloud, await answer.read()),
            )
