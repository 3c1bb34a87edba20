"""The time of the simulated world."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Follow the process's time, faster or slower, with jumps forward."""

    def __init__(self, speed: float = 1.0, start: datetime | None = None) -> None:
        """Start at the process's present time, or at an earlier one."""
        self._anchor_real = datetime.now(UTC)
        self._anchor_sim = start or self._anchor_real
        self._speed = _valid(speed)

    def now(self) -> datetime:
        """Return the simulated time, aware and in UTC."""
        return self._anchor_sim + (datetime.now(UTC) - self._anchor_real) * self._speed

    def step(self, seconds: float) -> None:
        """Jump forward."""
        self._anchor_sim += timedelta(seconds=_valid(seconds))

    @property
    def speed(self) -> float:
        """Return the simulated seconds per real second; 0 is frozen."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        speed = _valid(speed)
        self._anchor_sim, self._anchor_real = self.now(), datetime.now(UTC)
        self._speed = speed


def _valid(amount: float) -> float:
    """Return the amount, which must not turn time back."""
    if not 0 <= amount < float("inf"):
        raise ValueError("time only moves forward")
    return amount
