"""From a callback to the state: how long it takes, how many a second, what others cost.

Callbacks are made and sent by this process too, over real sockets to Home Assistant's own
HTTP server, so their cost is in the figures. Left out is the way through the internet.
"""

import asyncio
import hashlib
import hmac
from itertools import count
import json
from time import perf_counter, process_time
from typing import Any

from aiohttp import ClientSession, TCPConnector
from aiohttp.test_utils import TestServer

from custom_components.ev_charger_cloud.const import DOMAIN
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.aiohttp import MockRequest

from .clouds import simulated
from .home import Fleet, home
from .table import Table

_FOREIGN = 95  # of 100
_WORDS = ("preparing", "available")


def _status_entities(hass: HomeAssistant, fleet: Fleet) -> dict[tuple[str, str], str]:
    """Return the status entity of each EVSE, by charge point and EVSE."""
    coordinator = fleet.coordinators[0]
    registry = er.async_get(hass)
    found = {}
    for device_id in coordinator.data:
        station, _, evse = device_id.removeprefix("cp").partition("_")
        unique_id = f"{coordinator.devices.unique_id(device_id)}_status"
        entity_id = registry.async_get_entity_id("sensor", DOMAIN, unique_id)
        if evse and entity_id:
            found[station, evse] = entity_id
    return found


class Bodies:
    """Makes signed callbacks about the status of EVSEs, no two of them the same."""

    def __init__(self, token: str) -> None:
        """Sign with a token."""
        self._token = token.encode()
        self._numbers = count()

    def make(self, station: str, evse: str, word: str) -> tuple[bytes, dict[str, str]]:
        """Return a body and its headers."""
        body = json.dumps(
            {
                "notification": "HardwareStatusNotification",
                "chargePointId": int(station),
                "evseId": int(evse),
                "timestamp": dt_util.utcnow().isoformat(),
                "hardwareStatus": word,
                "info": str(next(self._numbers)),
            }
        ).encode()
        signature = hmac.new(self._token, body, hashlib.sha256).hexdigest()
        return body, {"X-Signature": signature, "Content-Type": "application/json"}


async def measure_push(
    rate: int = 200, seconds: int = 10, chargers: int = 100
) -> list[str]:
    """Print the table of callbacks."""
    table = Table(
        f"callbacks of AMPECO, {chargers} × 2, {rate} a second for {seconds} s"
    )
    async with simulated("ampeco", chargers, 2) as cloud, home() as hass:
        await async_setup_component(hass, DOMAIN, {})
        server = TestServer(hass.http.app)
        await server.start_server()
        try:
            await hass.config.async_update(internal_url=str(server.make_url("/"))[:-1])
            fleet = Fleet(hass, cloud, {"push": True, "entities": "all"})
            await fleet.set_up()
            coordinator = fleet.coordinators[0]
            async with asyncio.timeout(30):
                while coordinator.push.address is None:
                    await asyncio.sleep(0.05)
            # What polls would find is no part of this.
            coordinator.update_interval = None
            await coordinator.async_refresh()
            coordinator.update_interval = None
            entities = _status_entities(hass, fleet)
            bodies = Bodies(cloud.accounts[0]["token"])
            address = coordinator.push.address
            await _latency(hass, table, entities, bodies, address, rate, seconds)
            await _foreign(hass, table, fleet, entities, bodies)
            await fleet.unload()
        finally:
            await server.close()
    return table.missed


async def _latency(
    hass: HomeAssistant,
    table: Table,
    entities: dict[tuple[str, str], str],
    bodies: Bodies,
    address: str,
    rate: int,
    seconds: int,
) -> None:
    """Post callbacks at a pace, and see when the states change."""
    sent: dict[str, float] = {}
    took: list[float] = []

    @callback
    def changed(event: Event[EventStateChangedData]) -> None:
        if (begun := sent.pop(event.data["entity_id"], None)) is not None:
            took.append(perf_counter() - begun)

    stop = hass.bus.async_listen(EVENT_STATE_CHANGED, changed)
    statuses: list[int] = []

    async def post(session: ClientSession, body: bytes, headers: Any) -> None:
        async with session.post(address, data=body, headers=headers) as answer:
            statuses.append(answer.status)

    total = rate * seconds
    begun = perf_counter()
    async with ClientSession(connector=TCPConnector(limit=100)) as session:
        async with asyncio.TaskGroup() as group:
            for number in range(total):
                turn, which = divmod(number, len(entities))
                (station, evse), entity_id = list(entities.items())[which]
                body, headers = bodies.make(station, evse, _WORDS[turn % 2])
                await asyncio.sleep(begun + number / rate - perf_counter())
                sent[entity_id] = perf_counter()
                group.create_task(post(session, body, headers))
        await asyncio.sleep(0.2)
    stop()
    took.sort()
    table.row("lost", total - len(took), target=0, digits=0)
    table.row(
        "answered otherwise than 202", total - statuses.count(202), target=0, digits=0
    )
    if took:
        table.row("callback to state, median", took[len(took) // 2] * 1000, "ms")
        late = took[min(len(took) - 1, len(took) * 99 // 100)]
        table.row("callback to state, 99th percentile", late * 1000, "ms", target=50)


async def _foreign(
    hass: HomeAssistant,
    table: Table,
    fleet: Fleet,
    entities: dict[tuple[str, str], str],
    bodies: Bodies,
) -> None:
    """Compare what a callback costs in a stream of others' with one of ours."""
    push = fleet.coordinators[0].push
    ours = list(entities)

    async def handle(number: int, foreign: bool) -> None:
        station, evse = ("1", "1") if foreign else ours[number % len(ours)]
        word = _WORDS[number // len(ours) % 2]
        body, headers = bodies.make(station, evse, word)
        requests.append(
            MockRequest(content=body, mock_source="", method="POST", headers=headers)
        )

    costs = []
    for stream in (0, _FOREIGN):
        requests: list[Any] = []
        for number in range(2000):
            await handle(number, number % 100 < stream)
        begun = process_time()
        for request in requests:
            await push._handle(hass, "", request)  # noqa: SLF001
        costs.append((process_time() - begun) / len(requests))
        await hass.async_block_till_done()
    table.row("a callback of ours, without sockets", costs[0] * 1e6, "µs", digits=0)
    table.row(
        f"the same in a stream of which {_FOREIGN} % is foreign",
        costs[1] * 1e6,
        "µs",
        digits=0,
    )
    table.row("the second ÷ the first", costs[1] / costs[0], target=0.1)
