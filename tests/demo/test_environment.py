"""What outlives a demo, and what its house shows."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from demo.environment import Environment, _remember, _remembered
from demo.household import follow_household
from simulator.server import Simulator


def test_a_second_run_goes_on(tmp_path: Path) -> None:
    assert _remembered(tmp_path) is None
    simulator = Simulator()
    connector = next(iter(simulator.world.stations.values())).connectors[0]
    connector.plug_in()
    _remember(tmp_path, simulator)
    again = Simulator(remembered=_remembered(tmp_path))
    assert next(iter(again.world.stations.values())).connectors[0].plugged


class House:
    """A simulated world and a Home Assistant in one."""

    def __init__(self) -> None:
        self.told = {"solar_power": 5000.0, "surplus": 4600.0, "grid_power": -4600.0}
        self.told |= {"price": 0.1999}
        self.shown: list[tuple[str, Any]] = []

    async def household(self) -> dict[str, float]:
        return self.told

    async def show(self, entity_id: str, value: Any, attributes: Any) -> None:
        assert attributes["unit_of_measurement"]
        self.shown.append((entity_id, value))


async def test_only_what_changed_is_shown(monkeypatch: Any) -> None:
    monkeypatch.setattr("demo.household._EVERY", 0.01)
    house = House()
    environment = Environment(cast(Any, house), cast(Any, house), [], {}, [])
    task = asyncio.create_task(follow_household(environment))
    await asyncio.sleep(0.05)
    assert house.shown == [
        ("sensor.solar_power", 5000.0),
        ("sensor.solar_surplus", 4600.0),
        ("sensor.grid_power", -4600.0),
        ("sensor.electricity_price", 0.2),
    ]
    house.told["price"] = 0.1
    await asyncio.sleep(0.05)
    assert house.shown[4:] == [("sensor.electricity_price", 0.1)]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
