"""The Energy dashboard, set up as somebody might who has nothing but chargers."""

import asyncio
from collections.abc import Collection
from typing import Any

from .environment import Environment
from .errors import DemoError
from .history import own_energy
from .home import Home
from .process import DOMAIN

_EVERY = 5.0  # s


async def show_energy(environment: Environment) -> None:
    """Put the chargers into the dashboard, unless somebody has set it up already.

    The sessions of the past are read from the clouds in the background, so what they
    come to is added when it is there, for as long as the demo runs.
    """
    home = environment.home
    try:
        await home.command("energy/get_prefs")
    except DemoError:
        await begin(environment)
    else:
        return
    there: set[str] = set()
    while True:
        there |= await add_sessions(home, there)
        await asyncio.sleep(_EVERY)


async def begin(environment: Environment) -> None:
    """Set the dashboard up with what has no sessions: estimates of energy."""
    estimates = [
        energy.id
        for charger in environment.chargers
        if (energy := own_energy(charger)) and energy.key == "estimated_energy"
    ]
    await environment.home.command(
        "energy/save_prefs",
        energy_sources=[],
        device_consumption=[{"stat_consumption": each} for each in estimates],
    )


async def add_sessions(home: Home, there: Collection[str]) -> set[str]:
    """Add the statistics of sessions that are not there yet, and return them.

    Each is a device, and what a house draws from the grid for its chargers. What that
    costs goes with it in the house's currency alone: the dashboard knows no other.
    """
    listed = {
        each["statistic_id"]
        for each in await home.command("recorder/list_statistic_ids")
        if each["source"] == DOMAIN
    }
    new = {each for each in listed if each.endswith("_energy")}.difference(there)
    if new:
        preferences = await home.command("energy/get_prefs")
        currency = (await home.command("get_config"))["currency"].lower()
        costs = {
            each: cost
            for each in new
            if (cost := f"{each.removesuffix('_energy')}_cost_{currency}") in listed
        }
        await home.command(
            "energy/save_prefs",
            energy_sources=[
                *preferences["energy_sources"],
                *(_connection(each, costs.get(each)) for each in sorted(new)),
            ],
            device_consumption=[
                *preferences["device_consumption"],
                *({"stat_consumption": each} for each in sorted(new)),
            ],
        )
    return new


def _connection(energy: str, cost: str | None) -> dict[str, Any]:
    """Return a connection to the grid, by which a charger draws its energy."""
    return {
        "type": "grid",
        "stat_energy_from": energy,
        "stat_energy_to": None,
        "stat_cost": cost,
        "cost_adjustment_day": 0,
    }
