"""Slow data on a slower schedule than the poll."""

from datetime import timedelta
import time


class Schedule:
    """Remembers when each thing was last fetched."""

    def __init__(self) -> None:
        """Begin with everything due."""
        self._fetched: dict[str, float] = {}

    def due(self, what: str, every: timedelta) -> bool:
        """Tell whether a thing is due, with a second's grace for the poll's jitter."""
        fetched = self._fetched.get(what)
        return (
            fetched is None or time.monotonic() - fetched >= every.total_seconds() - 1
        )

    def age(self, what: str) -> float:
        """Return how long ago (s) a thing was fetched, infinite when it never was."""
        return time.monotonic() - self._fetched.get(what, float("-inf"))

    def done(self, what: str) -> None:
        """Note that a thing was fetched now."""
        self._fetched[what] = time.monotonic()

    def forget(self, what: str) -> None:
        """Make a thing due."""
        self._fetched.pop(what, None)
