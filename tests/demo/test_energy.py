"""The Energy dashboard of the demo."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from demo.chargers import Charger, Entity
from demo.energy import add_sessions, show_energy
from demo.errors import DemoError

LEFT, RIGHT = "ev_charger_cloud:left", "ev_charger_cloud:right"


class Home:
    """Home Assistant, as far as its Energy dashboard goes."""

    def __init__(self, *statistics: str) -> None:
        self.statistics = list(statistics)
        self.preferences: dict[str, Any] | None = None

    async def command(self, kind: str, **fields: Any) -> Any:
        match kind:
            case "energy/get_prefs":
                if self.preferences is None:
                    raise DemoError("No prefs")
                return self.preferences
            case "energy/save_prefs":
                self.preferences = fields
            case "recorder/list_statistic_ids":
                return [
                    {"statistic_id": each, "source": each.partition(":")[0]}
                    for each in self.statistics
                ]
            case "get_config":
                return {"currency": "EUR"}
            case _:
                raise AssertionError(kind)
        return None


def charger(name: str, *keys: str) -> Charger:
    entities = tuple(Entity(f"sensor.{name}_{key}", key, key) for key in keys)
    return Charger(name, "cloud", name, name, None, entities)


def environment(home: Home) -> Any:
    chargers = [
        charger("meter", "lifetime_energy", "session_energy"),
        charger("plain", "estimated_energy"),
        charger("bare"),
    ]
    return SimpleNamespace(home=home, chargers=chargers)


async def test_sessions_are_added_when_they_are_there() -> None:
    home = Home(f"{LEFT}_energy", f"{LEFT}_cost_eur", "other:left_energy")
    home.preferences = {"energy_sources": [], "device_consumption": []}

    there = await add_sessions(home, set())  # type: ignore[arg-type]
    home.statistics += [f"{RIGHT}_energy", f"{RIGHT}_cost_chf"]
    there |= await add_sessions(home, there)  # type: ignore[arg-type]

    assert there == {f"{LEFT}_energy", f"{RIGHT}_energy"}
    assert [
        (each["stat_energy_from"], each["stat_cost"])
        for each in home.preferences["energy_sources"]
    ] == [
        (f"{LEFT}_energy", f"{LEFT}_cost_eur"),
        (f"{RIGHT}_energy", None),
    ]
    assert home.preferences["device_consumption"] == [
        {"stat_consumption": f"{LEFT}_energy"},
        {"stat_consumption": f"{RIGHT}_energy"},
    ]
    saved = home.preferences
    assert await add_sessions(home, there) == set()  # type: ignore[arg-type]
    assert home.preferences is saved


async def test_estimates_are_there_from_the_start() -> None:
    home = Home()

    # It goes on until it is ended.
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await show_energy(environment(home))

    assert home.preferences == {
        "energy_sources": [],
        "device_consumption": [{"stat_consumption": "sensor.plain_estimated_energy"}],
    }


async def test_who_has_set_it_up_is_left_alone() -> None:
    home = Home(f"{LEFT}_energy")
    home.preferences = saved = {"energy_sources": [], "device_consumption": []}

    await show_energy(environment(home))

    assert home.preferences is saved
