"""What is known of a charger between polls."""

from dataclasses import dataclass
import time

from ...charging import (
    ChargingError,
    PermissionDeniedError,
    RateLimitedError,
    Refusal,
    ServerFaultError,
    UnreachableError,
    UnusableAnswerError,
)
from .client import KEY_REFUSED, RELINK
from .wire import Action, Charger

# A charger is read at each poll after a command, since a read shows what AMPS pulled
# up to a minute ago; an action that did not end in time is followed for longer.
_WATCH = 90.0
_WATCH_ACTION = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a charger could not be read, and what it takes."""

    error: ChargingError

    @property
    def offline(self) -> bool:
        """Tell whether the maker's cloud cannot reach the charger."""
        return self.error.reason == Refusal.OFFLINE

    @property
    def relink(self) -> bool:
        """Tell whether the owner must link the maker's account anew."""
        return self._denied and self.error.reason in RELINK | KEY_REFUSED

    @property
    def forbidden(self) -> bool:
        """Tell whether the key lacks the right."""
        return self._denied and not self.relink

    @property
    def passing(self) -> bool:
        """Tell whether it is worth while to ask again soon."""
        return isinstance(
            self.error,
            RateLimitedError
            | ServerFaultError
            | UnreachableError
            | UnusableAnswerError,
        )

    @property
    def _denied(self) -> bool:
        return isinstance(self.error, PermissionDeniedError)


def device_id_of(charger: Charger) -> str:
    """Return a charger's id as it is known outside."""
    return charger.id.lower()


@dataclass(slots=True, kw_only=True)
class Known:
    """What is known of a charger; until it is read, what the list tells of it."""

    charger: Charger
    name: str
    trouble: Trouble | None = None
    action: Action | None = None
    forbidden: bool = False
    read_at: float = 0.0
    watched_until: float = 0.0

    @property
    def id(self) -> str:
        """Return the device's id."""
        return device_id_of(self.charger)

    @property
    def watched(self) -> bool:
        """Tell whether a command may still be taking effect."""
        return time.monotonic() < self.watched_until

    def watch(self) -> None:
        """Expect a command to take effect."""
        in_flight = self.action is not None and self.action.open
        self.watched_until = time.monotonic() + (_WATCH_ACTION if in_flight else _WATCH)
