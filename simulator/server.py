"""The server of all simulated clouds."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from .clock import Clock
from .cloud import Cloud
from .clouds import CLOUDS
from .control import Control
from .memory import begun_at, recall, remember
from .world import World

TICK = 1.0
"""How often the world is settled when nobody asks, in real seconds."""


class Simulator:
    """Serve the clouds on one port, a path prefix each."""

    def __init__(
        self,
        clouds: Iterable[type[Cloud]] | None = None,
        *,
        seed: bool = True,
        speed: float = 1.0,
        past_days: int = 0,
        remembered: Mapping[str, Any] | None = None,
    ) -> None:
        """Create the world and its clouds, all that are known by default.

        Clouds that keep sessions have those of `past_days`. `remembered` is what `memory` returned in an earlier run.
        """
        self._begun_at = begun_at(remembered)
        self.world = World(Clock(speed, self._begun_at))
        self.clouds: dict[str, Cloud] = {
            cloud.name: cloud(self.world)
            for cloud in (CLOUDS if clouds is None else clouds)
        }
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._started: list[Cloud] = []
        self._ticker: asyncio.Task[None] | None = None
        if seed:
            for cloud in self.clouds.values():
                cloud.past_days = past_days
                cloud.seed()
        if remembered:
            # Time has passed, and it never went back when it was made to run faster.
            ended_at = datetime.fromisoformat(remembered["ended_at"])
            passed = max(ended_at, datetime.now(UTC)) - self.world.clock.now()
            self.world.clock.step(max(0.0, passed.total_seconds()))
            recall(self.world, self.clouds.values(), remembered)

    @property
    def memory(self) -> dict[str, Any]:
        """Return as JSON what another run needs to go on from here."""
        return remember(self.world, self.clouds.values(), self._begun_at)

    def __getitem__(self, name: str) -> Cloud:
        """Return a cloud by its name."""
        return self.clouds[name]

    async def __aenter__(self) -> Self:
        """Start on a free port."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    def base_url(self, name: str) -> str:
        """Return the address of a cloud."""
        return f"{self.url}/{self.clouds[name].name}"

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
            self.url = _url(*self._runner.addresses[0][:2])
            for name, cloud in self.clouds.items():
                cloud.base_url = self.base_url(name)
                self._started.append(cloud)
                await cloud.start()
        except BaseException:
            await self.stop()
            raise
        self._ticker = asyncio.create_task(self._tick(), name="simulator tick")

    async def stop(self) -> None:
        """Stop listening and end all background work."""
        if self._ticker:
            self._ticker.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticker
            self._ticker = None
        while self._started:
            await self._started.pop().stop()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    def _app(self) -> web.Application:
        """Build the one application."""
        app = web.Application(middlewares=[self._middleware])
        app.add_routes(Control(self.world, self.clouds).routes())
        for cloud in self.clouds.values():
            prefix = f"/{cloud.name}"
            for route in cloud.routes():
                path = prefix + route.path
                app.add_routes(
                    [web.RouteDef(route.method, path, route.handler, route.kwargs)]
                )
            for path in (prefix, prefix + "/{tail:.*}"):
                app.router.add_route("*", path, cloud.not_found)
        return app

    @web.middleware
    async def _middleware(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Settle the world, log the request and apply the faults of its cloud."""
        self.world.settle()
        cloud = self.clouds.get(request.path.split("/", 2)[1])
        if cloud is None:
            return await handler(request)
        path = cloud.path(request)
        cloud.requests.append((request.method, path))
        fault = cloud.faults.take(request.method, path)
        if fault is None:
            return await cloud.dispatch(request, handler)
        if fault.effect and fault.kind != "delay":
            with suppress(web.HTTPException):
                await cloud.dispatch(request, handler)
        if fault.delay:
            await asyncio.sleep(fault.delay)
            self.world.settle()
        if fault.kind == "delay":
            return await cloud.dispatch(request, handler)
        if fault.kind == "drop" and request.transport:
            request.transport.abort()
        return fault.response()

    async def _tick(self) -> None:
        """Let time pass for those who listen to the world."""
        while True:
            await asyncio.sleep(TICK)
            self.world.settle()


def _url(host: str, port: int) -> str:
    """Return an address that can be opened, also when listening on all."""
    address = ip_address(host)
    if address.is_unspecified:
        address = ip_address("127.0.0.1" if address.version == 4 else "::1")
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"http://{host}:{port}"
