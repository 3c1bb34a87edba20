"""The house around the chargers: what it makes, uses and pays."""

from dataclasses import dataclass


@dataclass(slots=True)
class Household:
    """A house behind one meter; powers in W, `price` per kWh in its own currency.

    The chargers do not react to it: whoever steers them may.
    """

    solar_power: float = 0.0
    base_load: float = 400.0
    price: float = 0.30

    @property
    def surplus(self) -> float:
        """Return what the sun leaves over without the chargers."""
        return max(0.0, self.solar_power - self.base_load)

    def grid_power(self, charging_power: float) -> float:
        """Return what is taken from the grid, negative when the house exports."""
        return self.base_load + charging_power - self.solar_power
