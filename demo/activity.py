"""Cars at some of the chargers, so that there is something to look at."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from itertools import cycle
from typing import Any

from .chargers import LIMITS, Charger, state_of
from .environment import Environment
from .errors import DemoError
from .hardware import Connector

_CARS: tuple[dict[str, Any], ...] = (
    {"name": "City car", "capacity_wh": 42_000, "max_current": 16.0, "soc": 0.3},
    {"name": "Estate", "capacity_wh": 77_000, "max_current": 16.0, "soc": 0.55},
    {"name": "Van", "capacity_wh": 90_000, "max_current": 32.0, "soc": 0.2},
)

_PATIENCE = 20.0  # s until a car that was plugged in charges
_MOST = dict(zip(LIMITS, (16, 11), strict=True))  # A, kW
_SHARE = 0.7  # enough for three phases


async def start_charging(environment: Environment) -> list[str]:
    """Charge cars at two of three free chargers; return what went wrong."""
    startable = [
        each for each in environment.chargers if each.entity("switch", "charging")
    ]
    cars, charging = cycle(_CARS), []
    for number, charger in enumerate(startable):
        connector = charger.connector(environment.clouds[charger.provider]["stations"])
        if connector and connector.free and number % 3 != 2:
            charging.append(_charge(environment, charger, connector, next(cars)))
    outcomes = await asyncio.gather(*charging, return_exceptions=True)
    return [str(outcome) for outcome in outcomes if isinstance(outcome, DemoError)]


async def _charge(
    environment: Environment,
    charger: Charger,
    connector: Connector,
    car: Mapping[str, Any],
) -> None:
    """Plug a car in, have it noticed, and charge it."""
    switch = charger.entity("switch", "charging")
    assert switch
    try:
        await environment.world.do(connector, "plug_in", **car)
        await environment.home.act("homeassistant.update_entity", switch.id)
        await environment.home.act("switch.turn_on", switch.id)
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await environment.home.until(lambda: _charging(environment, charger))
            await _limit(environment, charger, _SHARE)
    except DemoError as err:
        raise DemoError(f"{charger.provider}, {charger.title}: {err}") from err


def _charging(environment: Environment, charger: Charger) -> bool:
    """Return whether Home Assistant shows a charger to be charging."""
    status = state_of(environment.home, charger.entity("sensor", "status"))
    return status is not None and status.value == "charging"


async def _limit(environment: Environment, charger: Charger, share: float) -> None:
    """Limit a charger to a share of what a car can draw."""
    if limit := charger.entity("number", *LIMITS):
        bounds = environment.home.states[limit.id].attributes
        low, step = bounds["min"], bounds["step"]
        high = min(bounds["max"], _MOST[limit.key])
        value = round(low + (high - low) * share // step * step, 3)
        await environment.home.act("number.set_value", limit.id, value=value)
