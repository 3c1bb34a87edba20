"""The simulated house in Home Assistant: sun, grid and price as sensors."""

import asyncio
from typing import Any, Final

from .environment import Environment

_EVERY = 1.0  # s

_POWER: Final = {
    "unit_of_measurement": "W",
    "device_class": "power",
    "state_class": "measurement",
}
_SENSORS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "solar_power": ("Solar power", _POWER),
    "surplus": ("Solar surplus", _POWER),
    "grid_power": ("Grid power", _POWER),
    "price": (
        "Electricity price",
        {"unit_of_measurement": "CHF/kWh", "state_class": "measurement"},
    ),
}


async def follow_household(environment: Environment) -> None:
    """Show what the house does, for as long as the demo runs."""
    shown: dict[str, Any] = {}
    while True:
        told = await environment.world.household()
        for key, (name, attributes) in _SENSORS.items():
            value = round(told[key], 2)
            if shown.get(key) != value:
                shown[key] = value
                await environment.home.show(
                    f"sensor.{name.lower().replace(' ', '_')}",
                    value,
                    {"friendly_name": name, **attributes},
                )
        await asyncio.sleep(_EVERY)
