"""Slow data on a slower schedule than the poll."""

from collections.abc import Callable
from datetime import timedelta


class Schedule:
    """Remembers when each thing was last fetched."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Begin with everything due."""
        self._monotonic = monotonic
        self._fetched: dict[str, float] = {}

    def due(self, what: str, every: timedelta) -> bool:
        """Return whether a thing is due, with a second's grace for the poll's jitter."""
        fetched = self._fetched.get(what)
        return (
            fetched is None or self._monotonic() - fetched >= every.total_seconds() - 1
        )

    def age(self, what: str) -> float:
        """Return how long ago (s) a thing was fetched, infinite when it never was."""
        return self._monotonic() - self._fetched.get(what, float("-inf"))

    def done(self, what: str) -> None:
        """Note that a thing was fetched now."""
        self._fetched[what] = self._monotonic()

    def forget(self, what: str) -> None:
        """Make a thing due."""
        self._fetched.pop(what, None)
