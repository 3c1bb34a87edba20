"""The physical model: all stations, and the time that passes for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count

from .car import Car
from .clock import Clock
from .connector import Connector, Session
from .household import Household
from .model_base import MIN_CURRENT, NO_CURRENT, STOP_REASONS, Refused, State
from .station import Station

__all__ = [
    "MIN_CURRENT",
    "NO_CURRENT",
    "STOP_REASONS",
    "Car",
    "Connector",
    "Household",
    "Refused",
    "Session",
    "State",
    "Station",
    "Timer",
    "World",
]


@dataclass(slots=True, order=True)
class Timer:
    """Something that happens at a moment of the simulated world."""

    at: float
    order: int
    callback: Callable[[], object] = field(compare=False, repr=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Let it not happen."""
        self.cancelled = True


type Listener = Callable[[str, Connector | Station], object]


class World:
    """All stations, and the time that passes for them."""

    meter_seconds = 60.0
    """How often a running session reports its meter to the listeners."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Begin at the clock's present time."""
        self.clock = clock or Clock()
        self.household = Household()
        self.stations: dict[str, Station] = {}
        self.listeners: list[Listener] = []
        # A dict, since the order of a set of objects differs from run to run.
        self.active: dict[Connector, None] = {}
        self.now = self.clock.now()
        self.elapsed = 0.0
        self._timers: list[Timer] = []
        self._order = count()
        self._session_ids = count(1001)
        self._metered = 0.0
        self._settling = False

    def add(self, station: Station) -> Station:
        """Add a station, whose id must be unique."""
        if station.id in self.stations:
            raise ValueError(f"station {station.id} exists already")
        self.settle()
        self.stations[station.id] = station
        station.attach(self)
        return station

    def remove(self, station: Station) -> None:
        """Take a station away; its running sessions end."""
        self.settle()
        station.detach()
        del self.stations[station.id]

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Call back when so much simulated time has passed."""
        timer = Timer(self.elapsed + max(0.0, seconds), next(self._order), callback)
        heappush(self._timers, timer)
        return timer

    def next_session_id(self) -> int:
        """Return a session id that is not in use."""
        return next(self._session_ids)

    def skip_session_ids(self, first: int) -> None:
        """Give no id below one that was in use before."""
        self._session_ids = count(max(first, next(self._session_ids)))

    @property
    def house_power(self) -> float:
        """Return the power that flows into cars at the house, in W."""
        return sum(each.power_w for each in self.active if each.station.at_house)

    def notify(self, kind: str, subject: Connector | Station) -> None:
        """Tell the listeners what happened."""
        for listener in tuple(self.listeners):
            listener(kind, subject)

    def settle(self) -> None:
        """Bring everything up to the clock's now."""
        if self._settling:
            return
        self._settling = True
        try:
            self._settle(self.clock.now())
        finally:
            self._settling = False

    def _settle(self, now: datetime) -> None:
        # A test may set the time back; the world then just goes on from there.
        passed = max(0.0, (now - self.now).total_seconds())
        end = self.elapsed + passed
        while self._timers and self._timers[0].at <= end:
            timer = heappop(self._timers)
            if not timer.cancelled:
                self.elapsed = max(self.elapsed, timer.at)
                self.now = now - timedelta(seconds=end - self.elapsed)
                timer.callback()
        self.elapsed, self.now = end, now
        if self.listeners and end - self._metered >= self.meter_seconds:
            self._metered = end
            for connector in tuple(self.active):
                self.notify("meter", connector)
