"""Connectors and their sessions.

Power is constant between two events, so nothing is integrated step by step: a
connector remembers since when its present power flows, and every change (a limit,
a plug, a full battery) first books the energy until then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from .car import Car
from .model_base import MIN_CURRENT, NO_CURRENT, STOP_REASONS, Refused, Shaping, State

if TYPE_CHECKING:
    from .station import Station
    from .world import Timer, World


@dataclass(slots=True, eq=False)
class Session:
    """One charging session, an OCPP transaction."""

    id: int
    connector: Connector = field(repr=False)
    id_token: str | None
    started_at: datetime
    meter_start_wh: float
    stopped_at: datetime | None = None
    meter_stop_wh: float | None = None
    reason: str | None = None
    booked: list[tuple[datetime, float]] = field(default_factory=list, repr=False)
    """When power changed, and what the meter showed then."""

    def meter_at(self, when: datetime) -> float:
        """Return what the meter showed at a time, which is that of the session."""
        stop = self.meter_stop_wh
        points = [
            (self.started_at, self.meter_start_wh),
            *self.booked,
            (
                self.stopped_at or self.connector.world.now,
                self.connector.meter_wh if stop is None else stop,
            ),
        ]
        for (since, before), (until, after) in pairwise(points):
            if when <= since:
                return before
            if when < until:
                return before + (after - before) * ((when - since) / (until - since))
        return points[-1][1]

    def register_at(self, when: datetime) -> float:
        """Return the register at a time: it begins at zero when a meter is new."""
        replaced = [wh for at, wh in self.connector.replaced if at <= when]
        return self.meter_at(when) - (replaced[-1] if replaced else 0.0)

    @property
    def running(self) -> bool:
        """Return whether the session has not been stopped."""
        return self.stopped_at is None

    @property
    def energy_wh(self) -> float:
        """Return the energy so far, or in all when stopped."""
        stop = self.meter_stop_wh
        return (self.connector.meter_wh if stop is None else stop) - self.meter_start_wh


class Connector:
    """One outlet of a station."""

    phases = Shaping[int]()
    active_phases = Shaping[int | None]()
    max_current = Shaping[float]()
    max_power_w = Shaping[float | None]()
    voltage = Shaping[float]()

    def __init__(
        self,
        number: int,
        phases: int = 3,
        max_current: float = 16.0,
        voltage: float = 230.0,
        socket: bool = True,
        meter_wh: float = 0.0,
    ) -> None:
        """Describe the wiring."""
        self.number = number
        self.phases = phases
        self.active_phases = None
        self.max_current = max_current
        self.max_power_w = None
        self.voltage = voltage
        self.socket = socket
        self.car: Car | None = None
        self.session: Session | None = None
        self.sessions: list[Session] = []
        self.replaced: list[tuple[datetime, float]] = []
        self.fault: str | None = None
        self.operative = True
        self.reserved_for: str | None = None
        self.reserved_until: datetime | None = None
        self.authorized: str | None = None
        self.locked_cable = False
        self._station: Station | None = None
        self._limits: dict[str, float] = {}
        self._inoperative_after_session = False
        self._waiting = False
        self._finished = False
        self._reservation: Timer | None = None
        self._authorization: Timer | None = None
        self._full: Timer | None = None
        self._meter_wh = meter_wh
        self._since = 0.0
        self._power_w = 0.0
        self._currents = NO_CURRENT
        self._state = State.AVAILABLE

    def __repr__(self) -> str:
        """Name the station and the number."""
        station = self._station.id if self._station else "?"
        return f"<Connector {station}/{self.number} {self.state}>"

    @property
    def station(self) -> Station:
        """Return the station that the connector belongs to."""
        if self._station is None:
            raise RuntimeError("the connector belongs to no station yet")
        return self._station

    @station.setter
    def station(self, station: Station) -> None:
        self._station = station

    @property
    def world(self) -> World:
        """Return the world of the station."""
        return self.station.world

    # What can be read

    @property
    def plugged(self) -> bool:
        """Return whether a car is plugged in."""
        return self.car is not None

    @property
    def state(self) -> State:
        """Return the OCPP status."""
        if self.fault:
            return State.FAULTED
        if not self.operative:
            return State.UNAVAILABLE
        if self.session and self.car:
            if self.offered_current < MIN_CURRENT:
                return State.SUSPENDED_EVSE
            return State.SUSPENDED_EV if self._satisfied else State.CHARGING
        if self.car:
            return State.FINISHING if self._finished else State.PREPARING
        if self._waiting:
            return State.PREPARING
        return State.RESERVED if self.reserved_until else State.AVAILABLE

    @property
    def _satisfied(self) -> bool:
        """Return whether the car takes nothing of what is offered."""
        car = self.car
        return car is None or car.full or car.max_current <= 0

    @property
    def used_phases(self) -> int:
        """Return the phases that the car can use, or all when there is none."""
        phases = min(self.phases, self.active_phases or self.phases)
        return min(phases, self.car.phases) if self.car else phases

    @property
    def limits(self) -> Mapping[str, float]:
        """Return the current limits by their source, in A."""
        return MappingProxyType(self._limits)

    @property
    def limit(self) -> float:
        """Return the current that may be offered to a session, in A."""
        limit = min(
            self.max_current, self.station.max_current, *self._limits.values(), 1e9
        )
        if self.max_power_w is not None:
            limit = min(limit, self.max_power_w / (self.voltage * self.used_phases))
        return max(0.0, limit)

    @property
    def offered_current(self) -> float:
        """Return the current offered to the car, in A per phase."""
        if self.session is None or self.fault or not self.operative:
            return 0.0
        return self.limit

    @property
    def currents(self) -> tuple[float, float, float]:
        """Return the current that flows in each phase, in A."""
        return self._currents

    @property
    def power_w(self) -> float:
        """Return the power that flows."""
        return self._power_w

    @property
    def meter_wh(self) -> float:
        """Return the lifetime energy."""
        return self._meter_wh + self.pending_wh

    @property
    def register_wh(self) -> float:
        """Return what the meter shows that is in place now."""
        return self.meter_wh - (self.replaced[-1][1] if self.replaced else 0.0)

    @property
    def pending_wh(self) -> float:
        """Return the energy since the last change of power."""
        if not self._power_w:
            return 0.0
        return self._power_w * (self.world.elapsed - self._since) / 3600

    @property
    def last_session(self) -> Session | None:
        """Return the latest session that has been stopped."""
        return next((s for s in reversed(self.sessions) if not s.running), None)

    # What the car's owner does

    def plug_in(self, car: Car | None = None) -> Car:
        """Plug a car in; a session begins when it was authorized or needs no token."""
        self.settle()
        if self.car:
            raise Refused("Occupied")
        car = car or Car()
        if car.connector:
            raise Refused("Occupied")
        self.car, car.connector = car, self
        self._finished = False
        self.refresh()
        self.begin_if_due()
        return car

    def unplug(self) -> None:
        """Pull the cable, which ends a running session."""
        self.settle()
        if not self.car:
            raise Refused("NotPlugged")
        self._end("EVDisconnected")
        self.car.connector = None
        self.car = None
        self._finished = False
        self.refresh()

    # What the charger is asked to do

    def start(self, id_token: str | None = None) -> Session:
        """Begin a session with the car that is plugged in."""
        self.settle()
        self._check_start(id_token)
        if not self.car:
            raise Refused("NotPlugged")
        return self._begin(id_token)

    def authorize(
        self, id_token: str | None = None, timeout: float | None = 60.0
    ) -> Session | None:
        """Begin a session now, or when a car is plugged in within the time-out."""
        self.settle()
        self._check_start(id_token)
        if self.car:
            return self._begin(id_token)
        self._forget_authorization()
        self.authorized, self._waiting = id_token, True
        if timeout is not None:
            self._authorization = self.world.call_later(
                timeout, self._expire_authorization
            )
        self.refresh()
        return None

    def cancel_authorization(self) -> None:
        """Wait for a car no longer."""
        self.settle()
        self._forget_authorization()
        self.refresh()

    def stop(self, reason: str = "Remote") -> Session:
        """End the session; the connector is finishing until the car is unplugged."""
        if reason not in STOP_REASONS:
            raise ValueError(f"no such stop reason: {reason}")
        self.settle()
        if reason == "Remote" and not self.station.online:
            raise Refused("Offline")
        session = self._end(reason)
        if session is None:
            raise Refused("NoSession")
        return session

    def set_limit(self, source: str, amps: float | None) -> None:
        """Set the limit of one source, or lift it."""
        self.settle()
        if amps is None:
            self._limits.pop(source, None)
        else:
            self._limits[source] = max(0.0, amps)
        self.refresh()

    def reserve(self, id_token: str, minutes: float) -> None:
        """Keep the connector for a token."""
        self.settle()
        if not self.station.online:
            raise Refused("Offline")
        if self.state is not State.AVAILABLE:
            busy = self.state not in (State.FAULTED, State.UNAVAILABLE)
            raise Refused("Occupied" if busy else self.state.value)
        self.reserved_for = id_token
        self.reserved_until = self.world.now + timedelta(minutes=minutes)
        self._reservation = self.world.call_later(
            minutes * 60, self._expire_reservation
        )
        self.refresh()

    def cancel_reservation(self) -> None:
        """Free the connector."""
        self.settle()
        if not self.reserved_until:
            raise Refused("NotReserved")
        self._forget_reservation()
        self.refresh()

    def set_operative(self, operative: bool) -> bool:
        """Change the availability; return whether at once or after the session."""
        self.settle()
        scheduled = not operative and self.session is not None
        self._inoperative_after_session = scheduled
        if scheduled:
            return False
        self.operative = operative
        if not operative:
            self._forget_authorization()
        self.refresh()
        self.begin_if_due()
        return True

    def set_fault(self, code: str | None) -> None:
        """Raise an OCPP error code, or clear it; a session survives with no power."""
        self.settle()
        self.fault = code
        self.refresh()
        self.begin_if_due()

    def unlock(self) -> None:
        """Release the cable, which ends a running session."""
        self.settle()
        if not self.station.online:
            raise Refused("Offline")
        if not self.socket:
            raise Refused("NotSupported")
        self._end("UnlockCommand")
        self.locked_cable = False

    def record_session(
        self,
        started_at: datetime,
        stopped_at: datetime,
        energy_wh: float,
        id_token: str | None = None,
        reason: str = "EVDisconnected",
        steps: Sequence[tuple[datetime, float]] = (),
    ) -> Session:
        """Add a finished session to the past; oldest first, before any live one.

        Energy flowed evenly, but for the `steps`: what there was until a time.
        """
        self.settle()
        start = self.meter_wh
        self._meter_wh += energy_wh
        session = Session(
            self.world.next_session_id(),
            self,
            id_token,
            started_at,
            start,
            stopped_at,
            start + energy_wh,
            reason,
            [(at, start + wh) for at, wh in steps],
        )
        self.sessions.append(session)
        return session

    def advance_meter(self, meter_wh: float) -> None:
        """Have the lifetime energy be at least what it was known to be."""
        self.settle()
        self._meter_wh += max(0.0, meter_wh - self.meter_wh)

    def replace_meter(self, at: datetime | None = None) -> None:
        """Put a new meter in, which begins at zero; also during the last session."""
        self.settle()
        shown = self.meter_wh if at is None else self.sessions[-1].meter_at(at)
        self.replaced.append((at or self.world.now, shown))

    # How it works

    def settle(self) -> None:
        """Bring the world up to now."""
        if self._station and self._station.attached:
            self.world.settle()

    def refresh(self) -> None:
        """Book the energy, find out what flows from now on, report the status."""
        if self._station and self._station.attached:
            self._flow()
            self._report()

    def _flow(self) -> None:
        """Book the energy and find out what flows from now on."""
        self._book()
        if self._full:
            self._full.cancel()
            self._full = None
        state, car = self.state, self.car
        self._currents, self._power_w = NO_CURRENT, 0.0
        if state is State.CHARGING and car:
            amps = min(self.offered_current, car.max_current)
            phases = self.used_phases
            self._currents = (
                amps,
                amps if phases > 1 else 0.0,
                amps if phases > 2 else 0.0,
            )
            self._power_w = amps * phases * self.voltage
            self._full = self.world.call_later(
                car.missing_wh / self._power_w * 3600, self.refresh
            )

    def _report(self) -> None:
        """Report the status if it has changed."""
        state = self.state
        if state is not self._state:
            self._state = state
            self.world.notify("status", self)

    def begin_if_due(self) -> None:
        """Begin the session that was authorized or that needs no token."""
        station = self.station
        due = self._waiting or (station.auto_start and not self._finished)
        if not (due and self.car and station.attached) or self.session:
            return
        if station.rebooting:
            return
        token = self.authorized
        if self.fault or not self.operative or self._reserved_for_other(token):
            return
        self._begin(token)

    def restart(self, reason: str) -> None:
        """Forget what a restart of the station forgets."""
        self._end(reason)
        self._forget_authorization()
        self._finished = False
        self.refresh()

    def _check_start(self, id_token: str | None) -> None:
        """Refuse a session that cannot be."""
        if not self.station.online:
            raise Refused("Offline")
        if self.fault:
            raise Refused("Faulted")
        if not self.operative:
            raise Refused("Unavailable")
        if self.session:
            raise Refused("Occupied")
        if self._reserved_for_other(id_token):
            raise Refused("Reserved")

    def _reserved_for_other(self, id_token: str | None) -> bool:
        return self.reserved_until is not None and self.reserved_for != id_token

    def _begin(self, id_token: str | None) -> Session:
        """Begin a session."""
        world = self.world
        self.session = Session(
            world.next_session_id(), self, id_token, world.now, self.meter_wh
        )
        self.sessions.append(self.session)
        world.active[self] = None
        self._forget_authorization()
        self._finished = False
        self.locked_cable = self.socket
        session = self.session
        reserved = self.reserved_until is not None
        self._forget_reservation()
        self._flow()
        if reserved:
            world.notify("reservation_used", self)
        world.notify("session_started", self)
        self._report()
        return session

    def _end(self, reason: str) -> Session | None:
        """End the session, if one is running."""
        session = self.session
        if session is None:
            return None
        self._book()
        session.stopped_at = self.world.now
        session.meter_stop_wh = self.meter_wh
        session.reason = reason
        self.session = None
        self.world.active.pop(self)
        self._finished = True
        self.locked_cable = False
        if self._inoperative_after_session:
            self._inoperative_after_session = False
            self.operative = False
        self._flow()
        self.world.notify("session_stopped", self)
        self._report()
        return session

    def _book(self) -> None:
        """Move the pending energy to the meter and into the car."""
        energy = self.pending_wh
        self._since = self.world.elapsed
        self._meter_wh += energy
        if self.car and energy:
            self.car.charge(energy)
        if self.session:
            self.session.booked.append((self.world.now, self._meter_wh))

    def _forget_authorization(self) -> None:
        if self._authorization:
            self._authorization.cancel()
        self._authorization = self.authorized = None
        self._waiting = False

    def _expire_authorization(self) -> None:
        self._forget_authorization()
        self.world.notify("authorization_expired", self)
        self.refresh()

    def _forget_reservation(self) -> None:
        if self._reservation:
            self._reservation.cancel()
        self._reservation = self.reserved_for = self.reserved_until = None

    def _expire_reservation(self) -> None:
        self._forget_reservation()
        self.world.notify("reservation_expired", self)
        self.refresh()
