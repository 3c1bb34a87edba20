"""Electric cars."""

from typing import TYPE_CHECKING

from .model_base import Shaping

if TYPE_CHECKING:
    from .connector import Connector


class Car:
    """An electric car."""

    max_current = Shaping[float]()
    phases = Shaping[int]()
    target_soc = Shaping[float]()

    def __init__(
        self,
        name: str = "Car",
        capacity_wh: float = 60_000,
        soc: float = 0.4,
        max_current: float = 16.0,
        phases: int = 3,
        target_soc: float = 1.0,
    ) -> None:
        """Describe the battery and the on-board charger."""
        self.name = name
        self.capacity_wh = capacity_wh
        self._soc = soc
        self.max_current = max_current
        self.phases = phases
        self.target_soc = target_soc
        self.connector: Connector | None = None

    @property
    def soc(self) -> float:
        """Return the state of charge, 0 to 1."""
        pending = self.connector.pending_wh if self.connector else 0.0
        return self._soc + pending / self.capacity_wh

    @soc.setter
    def soc(self, soc: float) -> None:
        self.settle()
        self._soc = soc - (self.soc - self._soc)
        self.refresh()

    @property
    def full(self) -> bool:
        """Return whether the car wants no more energy."""
        return self.missing_wh < 1e-6

    @property
    def missing_wh(self) -> float:
        """Return the energy until the target."""
        return max(0.0, self.target_soc - self.soc) * self.capacity_wh

    def charge(self, energy_wh: float) -> None:
        """Take energy into the battery."""
        self._soc += energy_wh / self.capacity_wh
        # Rounding must not leave a car a hair short of its target for ever.
        if abs(self.target_soc - self._soc) < 1e-9:
            self._soc = self.target_soc

    def settle(self) -> None:
        """Book what has flowed until now."""
        if self.connector:
            self.connector.settle()

    def refresh(self) -> None:
        """Adapt what flows from now on."""
        if self.connector:
            self.connector.refresh()
