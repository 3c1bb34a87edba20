"""A simulated cloud in a process of its own, steered by lines of JSON."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
import sys
from typing import Any

from simulator.clouds import CLOUDS
from simulator.clouds.clemap import Clemap
from simulator.connector import Connector
from simulator.server import Simulator
from simulator.world import Car

# Nobody's battery is full before a benchmark ends.
_ENDLESS = 1e9  # Wh


@dataclass(kw_only=True)
class SimulatedCloud:
    """The near end of a simulated cloud."""

    name: str
    process: asyncio.subprocess.Process
    base_url: str = ""
    accounts: tuple[dict[str, str], ...] = ()

    async def tell(self, operation: str, value: Any = None) -> dict[str, Any]:
        """Have something done in the simulated world, and return what came of it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([operation, value]).encode() + b"\n")
        return await self.heard()

    async def heard(self) -> dict[str, Any]:
        """Return what the process says next."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the simulator of {self.name} has ended")
        said: dict[str, Any] = json.loads(line)
        return said


@asynccontextmanager
async def simulated(
    name: str, chargers: int, connectors: int = 1
) -> AsyncGenerator[SimulatedCloud]:
    """Serve a cloud of so many chargers."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.clouds"),
        *(name, str(chargers), str(connectors)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        cloud = SimulatedCloud(name=name, process=process)
        said = await cloud.heard()
        cloud.base_url = said["base_url"]
        cloud.accounts = tuple(said["accounts"])
        yield cloud
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _charge(connector: Connector, current: float = 16.0) -> None:
    """Have a car charge."""
    if connector.car is None:
        connector.plug_in(Car(capacity_wh=_ENDLESS, soc=0.2, max_current=current))
    if connector.session is None:
        connector.start()


def _change(connector: Connector, *, on: bool) -> None:
    """Change one connector: what flows, or whether a car is plugged in."""
    if connector.session is not None and connector.car is not None:
        connector.car.max_current = 10.0 if on else 16.0
    elif on != connector.plugged:
        if on:
            connector.plug_in(Car(capacity_wh=_ENDLESS, soc=0.2))
        else:
            connector.unplug()


async def _serve(name: str, chargers: int, connectors: int) -> None:
    """Serve a cloud and do what the lines say."""
    # Meters stand still, so a poll of charging chargers can find nothing new.
    Connector.pending_wh = property(lambda self: 0.0)  # type: ignore[assignment,method-assign]
    kind = next(each for each in CLOUDS if each.name == name)
    simulator = Simulator([kind], seed=False)
    cloud = simulator[name]
    cloud.populate(chargers, connectors=connectors)
    if cloud.quirks.get("rate_limit") is not None:
        cloud.quirks["rate_limit"] = 10_000_000
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    stations = list(cloud.stations.values())
    # Podero's have no other names, and among namesakes Home Assistant searches long
    # for an entity id that is free; nexblue's have names of their own.
    for number, station in enumerate(stations, 1):
        station.model = f"{station.model} {number}"
    async with simulator:
        say(
            {
                "base_url": cloud.base_url,
                "accounts": [cloud.credentials_of(station) for station in stations]
                if isinstance(cloud, Clemap)
                else [cloud.credentials],
            }
        )
        while line := await lines.readline():
            operation, value = json.loads(line)
            if operation == "step":
                simulator.world.clock.step(value)
                simulator.world.settle()
            elif operation == "charge":
                for station in stations:
                    for connector in station.connectors:
                        _charge(connector)
            elif operation == "change":
                _change(stations[0].connectors[0], on=value)
            say({})


def say(what: dict[str, Any]) -> None:
    """Tell the near end."""
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
