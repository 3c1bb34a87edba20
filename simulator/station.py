"""Stations."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from .connector import Connector
from .model_base import Refused, Shaping

if TYPE_CHECKING:
    from .world import Timer, World


class Station:
    """A charging station, OCPP's charge point."""

    max_current = Shaping[float]()

    def __init__(
        self,
        id: str,
        name: str,
        vendor: str = "Acme",
        model: str = "Wallbox",
        serial: str = "",
        firmware: str = "1.4.2",
        connectors: Iterable[Connector] | None = None,
        max_current: float = 32.0,
        online: bool = True,
        auto_start: bool = False,
        at_house: bool = False,
    ) -> None:
        """Describe the hardware; one connector unless others are given.

        What is charged `at_house` goes through the meter of the simulated household.
        """
        self.id = id
        self.name = name
        self.vendor = vendor
        self.model = model
        self.serial = serial or id
        self.firmware = firmware
        self.connectors = [Connector(1)] if connectors is None else list(connectors)
        self.max_current = max_current
        self.online = online
        self.auto_start = auto_start
        self.at_house = at_house
        self.reset_seconds = 5.0
        self.last_online_at: datetime | None = None
        self.last_offline_at: datetime | None = None
        self._world: World | None = None
        self._boot: Timer | None = None
        for connector in self.connectors:
            connector.station = self

    def __repr__(self) -> str:
        """Name the station."""
        return f"<Station {self.id}>"

    @property
    def attached(self) -> bool:
        """Return whether the station is part of a world."""
        return self._world is not None

    @property
    def world(self) -> World:
        """Return the world that the station is part of."""
        if self._world is None:
            raise RuntimeError(f"add {self.id} to a world first")
        return self._world

    @property
    def rebooting(self) -> bool:
        """Return whether a reset is going on."""
        return self._boot is not None

    @property
    def last_seen(self) -> datetime | None:
        """Return when the station was last heard of, None when never."""
        return self.world.now if self.online else self.last_offline_at

    def connector(self, number: int) -> Connector:
        """Return a connector by its number."""
        for connector in self.connectors:
            if connector.number == number:
                return connector
        raise KeyError(number)

    def attach(self, world: World) -> None:
        """Become part of a world."""
        self._world = world
        if self.online:
            self.last_online_at = world.now
        for connector in self.connectors:
            connector.refresh()
            connector.begin_if_due()

    def detach(self) -> None:
        """Leave the world."""
        for connector in self.connectors:
            connector.restart("PowerLoss")
            if connector.reserved_until:
                connector.cancel_reservation()
        if self._boot:
            self._boot.cancel()
            self._boot = None
        self._world = None

    def set_online(self, online: bool) -> None:
        """Connect to the cloud, or lose it; a session goes on without."""
        self.settle()
        if self._boot:
            self._boot.cancel()
            self._boot = None
            if online:
                self._booted()
        self._set_online(online)

    def reset(self, hard: bool = False) -> None:
        """Restart: sessions end, and the station is away for some seconds."""
        self.settle()
        if not self.online:
            raise Refused("Offline")
        for connector in self.connectors:
            connector.restart("HardReset" if hard else "SoftReset")
        self._boot = self.world.call_later(self.reset_seconds, self._booted)
        self._set_online(False)

    def set_operative(self, operative: bool) -> bool:
        """Change the availability of all; return whether it is done already."""
        done = [c.set_operative(operative) for c in self.connectors]
        return all(done)

    def settle(self) -> None:
        """Bring the world up to now."""
        if self._world:
            self._world.settle()

    def refresh(self) -> None:
        """Adapt what flows from now on."""
        for connector in self.connectors:
            connector.refresh()

    def _set_online(self, online: bool) -> None:
        if online is self.online:
            return
        self.online = online
        if online:
            self.last_online_at = self.world.now
        else:
            self.last_offline_at = self.world.now
        self.world.notify("online" if online else "offline", self)

    def _booted(self) -> None:
        self._boot = None
        self.world.notify("boot", self)
        self._set_online(True)
        for connector in self.connectors:
            connector.begin_if_due()
