"""What is known of a charger between polls."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from ...charging import (
    ChargingError,
    Device,
    Event,
    EventKind,
    Name,
    PermissionDeniedError,
    RateLimitedError,
    Reading,
    Refresh,
    Refusal,
    ServerFaultError,
    UnreachableError,
    UnusableAnswerError,
)
from .command_table import commands_of, controls_of
from .mappings import (
    COMMANDS,
    KEY_REFUSED,
    LIVE,
    RELINK,
    plug_and_charging,
    readings_of,
    result_of,
)
from .wire import CHARGE, IDLE, Action, ActionState, Charger, State

# A charger is read at each poll after a command, since a read shows what AMPS pulled
# up to a minute ago; an action that did not end in time is followed for longer.
_WATCH = 90.0
_WATCH_ACTION = 300.0

# How long (s) a command that the maker took says more than a reading from before.
_DECIDES = 180.0

# For how long (s) a charger's last answer stands in for the next one.
TOLERATED_SILENCE = 900.0

_NEVER = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a charger could not be read, and what it takes.

    One that was `told` by a callback, perhaps with the `url` where the owner can mend it,
    is not ended by what AMPS kept from before.
    """

    error: ChargingError
    told: bool = False
    url: str | None = field(default=None, repr=False)

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


@dataclass(slots=True, kw_only=True)
class ChargerState:
    """What is known of a charger; until it is read, what the list tells of it.

    Times are monotonic: `observed_at` is when the last request was sent that was
    answered, `read_at` when the charger was last asked for alone, `pulled_at` when
    AMPS was last seen to have news from the maker.

    `held` says whether the last command holds charging back, None when nothing is known
    to have been asked, or to have flowed, since the vehicle came.
    """

    charger: Charger
    monotonic: Callable[[], float]
    id: str = field(init=False)
    name: str | Name = ""
    listed: Charger | None = None
    trouble: Trouble | None = None
    action: Action | None = None
    online: bool | None = None
    observed_at: float = _NEVER
    read_at: float = _NEVER
    pulled_at: float = _NEVER
    watched_until: float = _NEVER
    obeyed_at: float = _NEVER
    changed: bool = False
    held: bool | None = None
    _own: deque[str] = field(default_factory=lambda: deque(maxlen=8))
    events: list[Event] = field(default_factory=list)
    _shown: tuple[object, ...] = ()
    _device: Device | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Note the device's id."""
        self.id = device_id_of(self.charger)

    @property
    def offline(self) -> bool:
        """Return whether the maker's cloud cannot reach the charger now."""
        return self.trouble is not None and self.trouble.offline

    @property
    def stale(self) -> bool:
        """Return whether what is known is too old to be shown.

        A passing trouble of one reading is bridged like one of a whole poll.
        """
        if self.trouble is None or self.offline:
            return False
        silent = self.monotonic() - self.observed_at
        return not self.trouble.passing or silent > TOLERATED_SILENCE

    @property
    def watched(self) -> bool:
        """Return whether a command may still be taking effect."""
        return self.monotonic() < self.watched_until

    @property
    def charging(self) -> bool:
        """Return whether the charger was last seen charging."""
        return self.charger.state is not None and bool(self.charger.state.is_charging)

    def watch(self) -> None:
        """Expect a command to take effect."""
        in_flight = self.action is not None and self.action.open
        self.watched_until = self.monotonic() + (_WATCH_ACTION if in_flight else _WATCH)

    def note(self, action: Action) -> None:
        """Take an action in as this charger's last one."""
        before, self.action = self.action, action
        if before is None or (before.id, before.state) != (action.id, action.state):
            self._obey(action)
            if before is not None and not action.open:
                self._report(action)
        begun = before is not None and before.put_off and before.id == action.id
        if begun and action.open and not action.put_off:
            self.watch()

    def end(self, action: Action) -> None:
        """Take in how an action ended, which may not be the last one."""
        last = self.action
        if last is None or last.id != action.id:
            self._report(action)
        elif last.open:
            self.note(
                replace(
                    action,
                    created_at=last.created_at,
                    acknowledged_at=last.acknowledged_at,
                    updated_at=action.completed_at or last.updated_at,
                    verb=action.verb or last.verb,
                    start=last.start,
                    links=last.links,
                )
            )

    def sent(self, action: Action) -> None:
        """Take in an action that was asked for here; whoever asked watches it."""
        if not action.put_off:
            self._own.append(action.id)
        self.note(action)

    def take_events(self) -> tuple[Event, ...]:
        """Return what happened since the last time."""
        events, self.events = tuple(self.events), []
        return events

    def _report(self, action: Action) -> None:
        """Report the end of an action that nobody here watches."""
        if action.id in self._own:
            return
        result = result_of(action)
        self.events.append(
            Event(
                kind=EventKind.COMMAND_FINISHED,
                device_id=self.id,
                at=action.completed_at or action.updated_at,
                key=action.id,
                command=COMMANDS.get(action.verb or "", action.verb),
                outcome=result.outcome,
                reason=result.reason,
            )
        )

    def relinked(self) -> None:
        """Expect the maker to accept the owner's credentials again."""
        if self.trouble is not None and self.trouble.told:
            self.trouble = None
        self.changed = True

    def take_listed(self, listed: Charger, sent_at: float) -> None:
        """Take in what a list tells: all but the settings, as it was last pulled.

        A charger that cannot be read is left in its trouble; what changed about it is a
        reason to read it.
        """
        before, self.listed = self.listed, listed
        if before is listed:
            self.seen_again(sent_at)
            return
        if before is not None:
            known = _doing(before), _doing(self.charger)
            self.changed |= _doing(listed) not in known
        if listed.state is None or (self.trouble and not self.trouble.passing):
            return
        older = _pulled(listed), _pulled(self.charger)
        if older[0] and older[1] and older[0] < older[1]:
            return  # the list lags behind what was read
        self._take(replace(listed, settings=self.charger.settings), sent_at)

    def seen_again(self, sent_at: float) -> None:
        """Note that a list tells what it told the last time."""
        if self.listed is None or self.listed.state is None:
            return
        if self.trouble is None or self.trouble.passing:
            self.observed_at = max(self.observed_at, sent_at)

    def take(self, charger: Charger, sent_at: float) -> None:
        """Take in an answer about this charger alone, unless a newer one is known."""
        if sent_at < self.observed_at:
            return
        self.changed = False
        # What AMPS kept from before does not show that the charger is back.
        lasting = self.offline or (self.trouble is not None and self.trouble.told)
        if not lasting or _pulled(charger) != _pulled(self.charger):
            self.trouble = None
        self._take(charger, sent_at)

    def _take(self, charger: Charger, sent_at: float) -> None:
        """Take in an answer, unless a newer one is known."""
        if sent_at < self.observed_at:
            return
        if _pulled(charger) != _pulled(self.charger):
            # The maker's cloud could reach it.
            self.pulled_at = sent_at
            self.online = True
        self.observed_at = sent_at
        if charger is self.charger:
            return
        if charger.id != self.charger.id:
            charger = replace(charger, id=self.charger.id)
        self.charger = charger
        if (last := charger.last_action) is not None:
            self.note(self.action.or_newer(last) if self.action else last)
        plug, charging = plug_and_charging(charger.state or State())
        if plug is False:
            self.held = None
        elif charging and not (self.watched or self._outdated):
            self.held = False

    def _obey(self, action: Action) -> None:
        """Note a command that the maker took: it decides what holds charging back."""
        done = action.state is ActionState.COMPLETED and not action.failed
        if done and action.verb in (CHARGE, IDLE):
            self.held = action.verb == IDLE
            self.obeyed_at = self.monotonic()

    @property
    def _outdated(self) -> bool:
        """Return whether what was read is from before the last command."""
        pulled = _pulled(self.charger)
        created = None if self.action is None else self.action.created_at
        return pulled is not None and created is not None and pulled <= created

    @property
    def _decided(self) -> bool:
        """Return whether the last command tells more than what was read before it."""
        return self._outdated and self.monotonic() - self.obeyed_at < _DECIDES

    def fail(self, trouble: Trouble, sent_at: float) -> None:
        """Note that a reading failed, unless a newer one did not."""
        if sent_at < self.observed_at:
            return
        self.changed = False
        if self.trouble is not None and self.trouble.told and not trouble.told:
            return
        self.trouble = trouble
        if trouble.offline:
            self.online = False
            self.observed_at = sent_at

    def device(self, *, controllable: bool) -> Device:
        """Translate what is known; the same object while that does not change."""
        shown = (
            self.charger,
            self.action,
            self.name,
            self.online,
            self.offline,
            self.stale,
            self.held,
            self._decided,
            controllable,
        )
        if self._device is None or shown != self._shown:
            self._device = self._translate(controllable)
        # Equal is not the same: what is the same next time need not be compared.
        self._shown = shown
        return self._device

    def _translate(self, controllable: bool) -> Device:
        """Translate a charger, its last action, and what is wrong with either."""
        charger = self.charger
        readings = readings_of(charger, self.action, self.held)
        if self.offline:
            readings |= dict.fromkeys(LIVE) | {Reading.DATA_LINK: False}
        return Device(
            id=self.id,
            name=self.name,
            maker=charger.vendor,
            model=charger.metadata.model if charger.metadata else None,
            online=self.online,
            tells_online=True,
            stale=self.stale,
            readings=readings,
            controls=controls_of(charger, self.held, decided=self._decided)
            if controllable
            else {},
            observed_at=self.observed_at,
            commands=commands_of(charger) if controllable else {Refresh: frozenset()},
        )


def device_id_of(charger: Charger) -> str:
    """Return a charger's id as it is known outside."""
    return charger.id.lower()


def _pulled(charger: Charger) -> datetime | None:
    """Return when AMPS last heard from the maker."""
    return charger.sync.last_pulled_at if charger.sync else None


def _doing(charger: Charger) -> tuple[object, ...]:
    """Return what a charger does, whatever is measured."""
    state = charger.state or State()
    return state.status, state.is_connected, state.is_charging, charger.last_action
