"""What is known of a charger between polls."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ...charging import (
    ChargingError,
    Name,
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

# How often in a row, and for how long (s), one charger's readings may fail unseen.
TOLERATED_FAILURES = 2
TOLERATED_SILENCE = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a charger could not be read, and what it takes."""

    error: ChargingError

    @property
    def offline(self) -> bool:
        """Return whether the maker's cloud cannot reach the charger."""
        return self.error.reason == Refusal.OFFLINE

    @property
    def relink(self) -> bool:
        """Return whether the owner must link the maker's account anew."""
        return self._denied and self.error.reason in RELINK | KEY_REFUSED

    @property
    def forbidden(self) -> bool:
        """Return whether the key lacks the right."""
        return self._denied and not self.relink

    @property
    def passing(self) -> bool:
        """Return whether it is worth while to ask again soon."""
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
class ChargerState:
    """What is known of a charger; until it is read, what the list tells of it.

    Times are monotonic. `observed_at` is when the last request was sent that was
    answered, `read_at` when it was last tried; `failures` counts those in between.
    """

    charger: Charger
    name: str | Name
    monotonic: Callable[[], float]
    trouble: Trouble | None = None
    action: Action | None = None
    actions: set[str] = field(default_factory=set)
    forbidden: bool = False
    online: bool | None = None
    observed_at: float = float("-inf")
    read_at: float = float("-inf")
    failures: int = 0
    watched_until: float = float("-inf")

    @property
    def id(self) -> str:
        """Return the device's id."""
        return device_id_of(self.charger)

    @property
    def stale(self) -> bool:
        """Return whether what is known is too old to be shown.

        A passing trouble of one reading is bridged like one of a whole poll.
        """
        trouble = self.trouble
        if trouble is None or trouble.offline:
            return False
        return not (
            trouble.passing
            and self.failures <= TOLERATED_FAILURES
            and self.monotonic() - self.observed_at <= TOLERATED_SILENCE
        )

    @property
    def watched(self) -> bool:
        """Return whether a command may still be taking effect."""
        return self.monotonic() < self.watched_until

    def watch(self) -> None:
        """Expect a command to take effect."""
        in_flight = self.action is not None and self.action.open
        self.watched_until = self.monotonic() + (_WATCH_ACTION if in_flight else _WATCH)

    def note(self, action: Action) -> None:
        """Take an action in as this charger's last one."""
        before, self.action = self.action, action
        self.actions.add(action.id)
        begun = before is not None and before.put_off and before.id == action.id
        if begun and action.open and not action.put_off:
            self.watch()

    def take(self, charger: Charger, sent_at: float, *, listed: bool = False) -> None:
        """Take in an answer, unless a newer one is known."""
        if sent_at < self.observed_at:
            return
        self.observed_at = sent_at
        self.failures = 0
        self.trouble = None
        if self.online is False:
            self.online = True
        # Lists leave out the settings: those of the last reading still hold.
        settings = self.charger.settings if listed else charger.settings
        self.charger = replace(charger, id=self.charger.id, settings=settings)
        if charger.last_action is not None:
            last = charger.last_action
            self.note(self.action.or_newer(last) if self.action else last)

    def fail(self, trouble: Trouble, sent_at: float) -> None:
        """Note that a reading failed, unless a newer one did not."""
        if sent_at < self.observed_at:
            return
        self.failures += 1
        self.trouble = trouble
        if trouble.offline:
            self.online = False
            self.observed_at = sent_at
