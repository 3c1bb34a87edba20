"""Owners, who come home and leave by the clock."""

from datetime import UTC, datetime, time, timedelta

from .world import Car, Connector, Timer


class Owner:
    """Plugs a car in when coming home and drives it empty while away.

    `home` and `away` are times of the day in UTC, `trip_wh` is what a day's driving
    takes. The owner scans `id_token` when plugging in, if there is one.
    """

    def __init__(
        self,
        connector: Connector,
        car: Car | None = None,
        *,
        home: time = time(18),
        away: time = time(7, 30),
        trip_wh: float = 12_000,
        id_token: str | None = None,
    ) -> None:
        """Begin the routine; the car is where it would be at this time of the day."""
        self.connector = connector
        self.car = car or Car()
        self.home = home
        self.away = away
        self.trip_wh = trip_wh
        self.id_token = id_token
        self._timer: Timer | None = None
        until_home, until_away = self._until(home), self._until(away)
        if until_away < until_home:
            self._park()
        else:
            self._later(until_home)

    def leave(self) -> None:
        """Drive away for good."""
        if self._timer:
            self._timer.cancel()
        if self.connector.car is self.car:
            self.connector.unplug()

    def _come(self) -> None:
        """Come home, with less in the battery than in the morning."""
        self.car.soc = max(0.05, self.car.soc - self.trip_wh / self.car.capacity_wh)
        self._park()

    def _park(self) -> None:
        """Plug in where the place is free, else wait for the next day."""
        if self.connector.car is None:
            self.connector.plug_in(self.car)
            if self.id_token and not self.connector.session:
                self.connector.authorize(self.id_token)
        self._timer = self.connector.world.call_later(
            self._until(self.away).total_seconds(), self._go
        )

    def _go(self) -> None:
        """Leave in the morning."""
        if self.connector.car is self.car:
            self.connector.unplug()
        self._later(self._until(self.home))

    def _later(self, delay: timedelta) -> None:
        """Come home after a while."""
        self._timer = self.connector.world.call_later(delay.total_seconds(), self._come)

    def _until(self, when: time) -> timedelta:
        """Return how long it is until a time of the day."""
        now = self.connector.world.now
        due = datetime.combine(now.date(), when, tzinfo=UTC)
        return due - now if due > now else due - now + timedelta(days=1)
