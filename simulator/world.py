"""The physical model: stations, connectors, cars, sessions and energy.

Power is constant between two events, so nothing is integrated step by step: a
connector remembers since when its present power flows, and every change (a limit,
a plug, a full battery) first books the energy until then.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import heappop, heappush
from itertools import count
from types import MappingProxyType
from typing import Protocol, cast

from .clock import Clock

MIN_CURRENT = 6.0
"""The least current that IEC 61851 can offer to a car, in A."""

NO_CURRENT = (0.0, 0.0, 0.0)


class State(StrEnum):
    """The status of a connector, in OCPP 1.6's words."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


STOP_REASONS = frozenset(
    {
        "DeAuthorized",
        "EmergencyStop",
        "EVDisconnected",
        "HardReset",
        "Local",
        "Other",
        "PowerLoss",
        "Reboot",
        "Remote",
        "SoftReset",
        "UnlockCommand",
    }
)


class Refused(Exception):
    """The charger refuses what was asked.

    Reasons: Offline, Faulted, Unavailable, Occupied, Reserved, NotPlugged, NoSession,
    NotReserved, NotSupported.
    """

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


class _Physical(Protocol):
    """Something whose attributes shape what flows."""

    def settle(self) -> None:
        """Book what has flowed until now."""

    def refresh(self) -> None:
        """Adapt what flows from now on."""


class _Shaping[T]:
    """An attribute that shapes what flows, so it may be assigned at any time."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    def __get__(self, owner: _Physical, cls: type | None = None) -> T:
        return cast(T, getattr(owner, self._name))

    def __set__(self, owner: _Physical, value: T) -> None:
        if self._name not in vars(owner):
            setattr(owner, self._name, value)
            return
        owner.settle()
        setattr(owner, self._name, value)
        owner.refresh()


class Car:
    """An electric car."""

    max_current = _Shaping[float]()
    phases = _Shaping[int]()
    target_soc = _Shaping[float]()

    def __init__(
        self,
        name: str = "Car",
        capacity_wh: float = 60_000,
        soc: float = 0.4,
        max_current: float = 16.0,
        phases: int = 3,
        target_soc: float = 1.0,
    ) -> None:
        """Describe the battery and the on-board charger."""
        self.name = name
        self.capacity_wh = capacity_wh
        self._soc = soc
        self.max_current = max_current
        self.phases = phases
        self.target_soc = target_soc
        self.connector: Connector | None = None

    @property
    def soc(self) -> float:
        """Return the state of charge, 0 to 1."""
        pending = self.connector.pending_wh if self.connector else 0.0
        return self._soc + pending / self.capacity_wh

    @soc.setter
    def soc(self, soc: float) -> None:
        self.settle()
        self._soc = soc - (self.soc - self._soc)
        self.refresh()

    @property
    def full(self) -> bool:
        """Tell whether the car wants no more energy."""
        return self.missing_wh < 1e-6

    @property
    def missing_wh(self) -> float:
        """Return the energy until the target."""
        return max(0.0, self.target_soc - self.soc) * self.capacity_wh

    def charge(self, energy_wh: float) -> None:
        """Take energy into the battery."""
        self._soc += energy_wh / self.capacity_wh
        # Rounding must not leave a car a hair short of its target for ever.
        if abs(self.target_soc - self._soc) < 1e-9:
            self._soc = self.target_soc

    def settle(self) -> None:
        """Book what has flowed until now."""
        if self.connector:
            self.connector.settle()

    def refresh(self) -> None:
        """Adapt what flows from now on."""
        if self.connector:
            self.connector.refresh()


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

    @property
    def running(self) -> bool:
        """Tell whether the session has not been stopped."""
        return self.stopped_at is None

    @property
    def energy_wh(self) -> float:
        """Return the energy so far, or in all when stopped."""
        stop = self.meter_stop_wh
        return (self.connector.meter_wh if stop is None else stop) - self.meter_start_wh


class Connector:
    """One outlet of a station."""

    phases = _Shaping[int]()
    active_phases = _Shaping[int | None]()
    max_current = _Shaping[float]()
    max_power_w = _Shaping[float | None]()
    voltage = _Shaping[float]()

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
        """Tell whether a car is plugged in."""
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
        """Tell whether the car takes nothing of what is offered."""
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
        """Change the availability; tell whether at once or after the session."""
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
    ) -> Session:
        """Add a finished session to the past; oldest first, before any live one."""
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
        )
        self.sessions.append(session)
        return session

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


class Station:
    """A charging station, OCPP's charge point."""

    max_current = _Shaping[float]()

    def __init__(
        self,
        id: str,
        name: str,
        vendor: str = "Acme",
        model: str = "Wallbox",
        serial: str = "",
        firmware: str = "1.4.2",
        connectors: Iterable[Connector] | None = None,
        max_current: float = 32.0,
        online: bool = True,
        auto_start: bool = False,
    ) -> None:
        """Describe the hardware; one connector unless others are given."""
        self.id = id
        self.name = name
        self.vendor = vendor
        self.model = model
        self.serial = serial or id
        self.firmware = firmware
        self.connectors = [Connector(1)] if connectors is None else list(connectors)
        self.max_current = max_current
        self.online = online
        self.auto_start = auto_start
        self.reset_seconds = 5.0
        self.last_online_at: datetime | None = None
        self.last_offline_at: datetime | None = None
        self._world: World | None = None
        self._boot: Timer | None = None
        for connector in self.connectors:
            connector.station = self

    def __repr__(self) -> str:
        """Name the station."""
        return f"<Station {self.id}>"

    @property
    def attached(self) -> bool:
        """Tell whether the station is part of a world."""
        return self._world is not None

    @property
    def world(self) -> World:
        """Return the world that the station is part of."""
        if self._world is None:
            raise RuntimeError(f"add {self.id} to a world first")
        return self._world

    @property
    def rebooting(self) -> bool:
        """Tell whether a reset is going on."""
        return self._boot is not None

    @property
    def last_seen(self) -> datetime | None:
        """Return when the station was last heard of, None when never."""
        return self.world.now if self.online else self.last_offline_at

    def connector(self, number: int) -> Connector:
        """Return a connector by its number."""
        for connector in self.connectors:
            if connector.number == number:
                return connector
        raise KeyError(number)

    def attach(self, world: World) -> None:
        """Become part of a world."""
        self._world = world
        if self.online:
            self.last_online_at = world.now
        for connector in self.connectors:
            connector.refresh()
            connector.begin_if_due()

    def detach(self) -> None:
        """Leave the world."""
        for connector in self.connectors:
            connector.restart("PowerLoss")
            if connector.reserved_until:
                connector.cancel_reservation()
        if self._boot:
            self._boot.cancel()
            self._boot = None
        self._world = None

    def set_online(self, online: bool) -> None:
        """Connect to the cloud, or lose it; a session goes on without."""
        self.settle()
        if self._boot:
            self._boot.cancel()
            self._boot = None
            if online:
                self._booted()
        self._set_online(online)

    def reset(self, hard: bool = False) -> None:
        """Restart: sessions end, and the station is away for some seconds."""
        self.settle()
        if not self.online:
            raise Refused("Offline")
        for connector in self.connectors:
            connector.restart("HardReset" if hard else "SoftReset")
        self._boot = self.world.call_later(self.reset_seconds, self._booted)
        self._set_online(False)

    def set_operative(self, operative: bool) -> bool:
        """Change the availability of all; tell whether it is done already."""
        done = [c.set_operative(operative) for c in self.connectors]
        return all(done)

    def settle(self) -> None:
        """Bring the world up to now."""
        if self._world:
            self._world.settle()

    def refresh(self) -> None:
        """Adapt what flows from now on."""
        for connector in self.connectors:
            connector.refresh()

    def _set_online(self, online: bool) -> None:
        if online is self.online:
            return
        self.online = online
        if online:
            self.last_online_at = self.world.now
        else:
            self.last_offline_at = self.world.now
        self.world.notify("online" if online else "offline", self)

    def _booted(self) -> None:
        self._boot = None
        self.world.notify("boot", self)
        self._set_online(True)
        for connector in self.connectors:
            connector.begin_if_due()


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
