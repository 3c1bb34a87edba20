"""What happened at a charger: told by a cloud, or found by comparing two readings."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Any

from .commands import Outcome
from .device import Device
from .readings import (
    ChargingStatus,
    ErrorCode,
    Money,
    Reading,
    SessionStatus,
    StopReason,
    Value,
)

_MEMORY = 1024
_INTERRUPTING = frozenset({ChargingStatus.SUSPENDED_EVSE, ChargingStatus.FAULTED})


@unique
class EventKind(StrEnum):
    """The kinds of things that happen."""

    SESSION_STARTED = "session_started"
    SESSION_FINISHED = "session_finished"
    AUTHORIZED = "authorized"
    INTERRUPTED = "interrupted"
    WAITING_FOR_VEHICLE = "waiting_for_vehicle"
    FAULT_RAISED = "fault_raised"
    FAULT_CLEARED = "fault_cleared"
    COMMAND_FINISHED = "command_finished"
    RESERVATION_CHANGED = "reservation_changed"
    BOOTED = "booted"
    CONNECTION_LOST = "connection_lost"
    CONNECTION_RESTORED = "connection_restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened on a device; `at` is None where nobody says when.

    `key` tells one occurrence from the next (a session's id or start, a time of
    boot), so that what a callback and a poll both report is reported once. Energy is
    in Wh, duration in s, `id_token` masked but for its last characters. `outcome` and
    `reason` are those of a command that finished; `reason` is also the status in which
    a session was interrupted.
    """

    kind: EventKind
    device_id: str
    at: datetime | None = None
    key: str | None = None
    energy: float | None = None
    duration: float | None = None
    cost: Money | None = None
    stop_reason: StopReason | None = None
    id_token: str | None = None
    error_code: str | None = None
    command: str | None = None
    outcome: str | None = None
    reason: str | None = None

    @property
    def details(self) -> dict[str, Any]:
        """Return what is known beside kind and device, as JSON can hold it."""
        details = {
            "at": self.at and self.at.isoformat(),
            "energy": self.energy,
            "duration": self.duration,
            "cost": self.cost and self.cost.amount,
            "currency": self.cost and self.cost.currency,
            "stop_reason": self.stop_reason,
            "id_token": self.id_token,
            "error_code": self.error_code,
            "command": self.command,
            "outcome": self.outcome,
            "reason": self.reason,
        }
        return {key: value for key, value in details.items() if value is not None}

    @property
    def failed(self) -> bool:
        """Return whether this tells of a command that did not do what was asked.

        One that was overtaken by a later one did not fail.
        """
        return self.kind is EventKind.COMMAND_FINISHED and (
            self.outcome in (Outcome.REFUSED, Outcome.UNCERTAIN)
            or (self.outcome == Outcome.ACCEPTED and self.reason is not None)
        )


class EventLog:
    """Lets each occurrence through once, whoever reports it first."""

    def __init__(self) -> None:
        """Begin with nothing reported."""
        self._reported: OrderedDict[tuple[str, EventKind, str], None] = OrderedDict()

    def fresh(self, events: Iterable[Event]) -> list[Event]:
        """Return the events that nobody reported yet; those without a key all are."""
        news = []
        for event in events:
            if event.key is not None:
                occurrence = (event.device_id, event.kind, event.key)
                if occurrence in self._reported:
                    continue
                self._reported[occurrence] = None
                if len(self._reported) > _MEMORY:
                    self._reported.popitem(last=False)
            news.append(event)
        return news


def events_between(
    old: Device, new: Device, *, reached: Device | None = None
) -> Iterator[Event]:
    """Yield what happened to a device between two observations of it.

    A value that was not known before tells of no change: it may be from before
    anybody watched. What is said of sessions while the device is offline is not
    trusted: they are compared with the observation in which it was `reached` last.
    """
    if old.stale or new.stale:
        return
    yield from _connection(old, new)
    reached = reached or old
    if reached.online is not False and new.online is not False:
        yield from _session(reached, new)
        yield from _flow(reached, new)
    yield from _fault(old, new)
    before, now = _both(old, new, Reading.RESERVATION)
    if before != now:
        yield Event(
            kind=EventKind.RESERVATION_CHANGED, device_id=new.id, reason=_text(now)
        )
    before, now = _both(old, new, Reading.LAST_BOOT)
    if isinstance(before, datetime) and isinstance(now, datetime) and now > before:
        yield Event(
            kind=EventKind.BOOTED, device_id=new.id, at=now, key=now.isoformat()
        )


def _both(old: Device, new: Device, reading: Reading) -> tuple[object, object]:
    """Return a reading then and now, twice the same where it was not offered then."""
    now = new.readings.get(reading)
    return old.readings.get(reading, now), now


def _text(value: object) -> str | None:
    """Return a value as text."""
    return None if value is None else str(value)


def _connection(old: Device, new: Device) -> Iterator[Event]:
    """Return whether the charger's own connection came or went."""
    if old.online is True and new.online is False:
        yield Event(kind=EventKind.CONNECTION_LOST, device_id=new.id)
    elif old.online is False and new.online is True:
        yield Event(kind=EventKind.CONNECTION_RESTORED, device_id=new.id)


def session_runs(device: Device) -> bool | None:
    """Return whether a session runs, None where the device does not tell."""
    if Reading.SESSION_STATUS in device.readings:
        status = device.readings[Reading.SESSION_STATUS]
        return None if status is None else status is SessionStatus.ACTIVE
    charging = device.readings.get(Reading.CHARGING)
    return charging if isinstance(charging, bool) else None


def _session(old: Device, new: Device) -> Iterator[Event]:
    """Return whether a session began or ended."""
    before, now = session_runs(old), session_runs(new)
    if before is None or now is None:
        return
    began_before = old.readings.get(Reading.SESSION_START)
    began = new.readings.get(Reading.SESSION_START)
    another = (
        before
        and now
        and isinstance(began_before, datetime)
        and isinstance(began, datetime)
        and began > began_before
    )
    if (before and not now) or another:
        yield _finished(old, new, over=not now)
    if (now and not before) or another:
        start = began if isinstance(began, datetime) else None
        yield Event(
            kind=EventKind.SESSION_STARTED,
            device_id=new.id,
            at=start,
            key=start.isoformat() if start else None,
        )


def _flow(old: Device, new: Device) -> Iterator[Event]:
    """Tell why energy no longer flows though the session goes on.

    A pause was asked for, and a vehicle that is full says so by another status.
    """
    status = new.readings.get(Reading.STATUS)
    before = old.readings.get(Reading.STATUS)
    if before in (None, status):
        return
    if status is ChargingStatus.SUSPENDED_EV:
        yield Event(kind=EventKind.WAITING_FOR_VEHICLE, device_id=new.id)
    elif before is ChargingStatus.CHARGING and status in _INTERRUPTING:
        yield Event(kind=EventKind.INTERRUPTED, device_id=new.id, reason=_text(status))


def _finished(old: Device, new: Device, *, over: bool) -> Event:
    """Describe the session that was running in `old`.

    Unless it is `over`, the session in `new` is another one already. What `new` tells
    of the last session is about this one only when it told something else before: a
    cloud may need a while to write a session up.
    """
    last = new if over else old
    start = old.readings.get(Reading.SESSION_START)
    end = new.readings.get(Reading.SESSION_END) if over else None
    energy = _changed(old, new, Reading.LAST_SESSION_ENERGY)
    if energy is None:
        energy = last.readings.get(Reading.SESSION_ENERGY)
    if energy is None:
        energy = old.readings.get(Reading.SESSION_ENERGY)
    cost = _changed(old, new, Reading.LAST_SESSION_COST)
    if cost is None:
        cost = last.readings.get(Reading.SESSION_COST)
    reason = last.readings.get(Reading.STOP_REASON)
    duration = None
    if isinstance(start, datetime) and isinstance(end, datetime) and end >= start:
        duration = (end - start).total_seconds()
    return Event(
        kind=EventKind.SESSION_FINISHED,
        device_id=old.id,
        at=end if isinstance(end, datetime) else None,
        key=start.isoformat() if isinstance(start, datetime) else None,
        energy=float(energy) if isinstance(energy, int | float) else None,
        duration=duration,
        cost=cost if isinstance(cost, Money) else None,
        stop_reason=reason if isinstance(reason, StopReason) else None,
    )


def _changed(old: Device, new: Device, reading: Reading) -> Value:
    """Return a value that differs from what it was, else None."""
    value = new.readings.get(reading)
    return None if value == old.readings.get(reading) else value


def _fault(old: Device, new: Device) -> Iterator[Event]:
    """Return whether a fault was raised or cleared."""
    before, now = _both(old, new, Reading.PROBLEM)
    code = new.readings.get(Reading.ERROR_CODE)
    if before is False and now is True:
        yield Event(
            kind=EventKind.FAULT_RAISED,
            device_id=new.id,
            error_code=None if code in (None, ErrorCode.NO_ERROR) else str(code),
        )
    elif before is True and now is False:
        yield Event(kind=EventKind.FAULT_CLEARED, device_id=new.id)
