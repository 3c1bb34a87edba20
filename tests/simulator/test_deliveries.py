"""Callbacks on their way, when those who send them go."""

import asyncio

from aiohttp import web

from simulator.clock import Clock
from simulator.deliveries import Deliveries
from simulator.world import World


async def test_ends_while_one_is_under_way() -> None:
    came = asyncio.Event()

    async def handle(_: web.Request) -> web.Response:
        came.set()
        await asyncio.sleep(60)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    deliveries = Deliveries(World(Clock()))
    await deliveries.start()
    delivery = deliveries.send(url, b"{}", dict)
    await came.wait()
    await deliveries.stop()
    assert delivery.status is None
    # Nothing is sent any more, nor is a second end an error.
    assert deliveries.send(url, b"{}", dict).tries == 0
    await deliveries.stop()
    await deliveries.arrived()
    await runner.cleanup()
