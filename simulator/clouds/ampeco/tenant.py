"""A tenant, and how it follows the physical world."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import count
from typing import Any

from ...world import Connector, Refused, Station, World
from .model import (
    CONFIGURATION,
    FAILURES,
    STATUS,
    VENDOR_CODES,
    VENDOR_ID,
    ChargePoint,
    Circuit,
    Evse,
    Reservation,
    Session,
    Variable,
)
from .profiles import StoredProfile


class Tenant:
    """The tenant's records, kept up to date with the world."""

    def __init__(self, world: World, quirks: Mapping[str, Any]) -> None:
        """Begin without records."""
        self.world = world
        self.quirks = quirks
        self.charge_points: dict[int, ChargePoint] = {}
        self.evses: dict[int, Evse] = {}
        self.sessions: dict[int, Session] = {}
        self.reservations: dict[int, Reservation] = {}
        self.circuits: dict[int, Circuit] = {}
        self._by_station: dict[str, ChargePoint] = {}
        self._by_connector: dict[Connector, Evse] = {}
        self._open: dict[Evse, Session] = {}
        self._charge_point_ids = count(4021)
        self._evse_ids = count(9001)
        self._session_ids = count(120045)
        self._authorization_ids = count(98001)
        self._reservation_ids = count(2001)
        self._profile_ids = count(5501)
        world.listeners.append(self._hear)

    def skip_session_ids(self, first: int | None = None) -> int:
        """Give no session an id below one that was in use; return the next."""
        following = max(first or 0, next(self._session_ids))
        self._session_ids = count(following)
        return following

    # Records

    def register(
        self,
        station: Station,
        *,
        location: int = 310,
        rate: int | None = 17,
        circuit: int | None = None,
        partner: int | None = None,
        labels: tuple[str, ...] = (),
        current_type: str = "ac",
    ) -> ChargePoint:
        """Make a record of a station and its connectors."""
        now = self.world.now
        charge_point = ChargePoint(
            id=next(self._charge_point_ids),
            station=station,
            location=location,
            rate=rate,
            circuit=circuit,
            partner=partner,
            created=now,
            updated=now,
            configuration=CONFIGURATION
            | {Variable("NumberOfConnectors"): str(len(station.connectors))},
        )
        charge_point.reported = {
            k: (v, now) for k, v in charge_point.configuration.items()
        }
        for index, connector in enumerate(station.connectors):
            label = labels[index] if index < len(labels) else None
            self.add_evse(
                charge_point, connector, label=label, current_type=current_type
            )
        self.charge_points[charge_point.id] = charge_point
        self._by_station[station.id] = charge_point
        return charge_point

    def add_evse(
        self,
        charge_point: ChargePoint,
        connector: Connector,
        *,
        label: str | None = None,
        current_type: str = "ac",
    ) -> Evse:
        """Make a record of a connector."""
        evse = Evse(
            id=next(self._evse_ids),
            charge_point=charge_point,
            connector=connector,
            status=STATUS[connector.state],
            label=label,
            current_type=current_type,
            created=self.world.now,
            updated=self.world.now,
        )
        charge_point.evses.append(evse)
        self.evses[evse.id] = evse
        self._by_connector[connector] = evse
        return evse

    def drop_evse(self, evse: Evse) -> None:
        """Forget a connector."""
        evse.charge_point.evses.remove(evse)
        del self.evses[evse.id]
        del self._by_connector[evse.connector]
        self._open.pop(evse, None)

    def unregister(self, station: Station) -> None:
        """Forget a station."""
        charge_point = self._by_station.pop(station.id)
        del self.charge_points[charge_point.id]
        for evse in list(charge_point.evses):
            self.drop_evse(evse)

    def open_session(self, evse: Evse) -> Session | None:
        """Return the session that runs on an EVSE or waits for a vehicle."""
        return self._open.get(evse)

    def reservation(self, evse: Evse) -> Reservation | None:
        """Return the reservation that holds an EVSE."""
        return next(
            (
                b
                for b in self.reservations.values()
                if b.evse is evse and b.status == "active"
            ),
            None,
        )

    def touch(self, item: ChargePoint | Evse | Session | Reservation) -> None:
        """Note that a record changed now."""
        item.updated = self.world.now

    # What is asked of stations

    def start(
        self, evse: Evse, user: int | None, external: str | None, tag: str | None
    ) -> Session:
        """Open a session; the station is asked a moment later."""
        session = self._new_session(evse, "pending", user, external)
        session.token = tag or (f"user{user}" if user else f"*{session.id:07}")
        self.world.call_later(
            float(self.quirks["start_seconds"]), lambda: self._ask_to_start(session)
        )
        return session

    def _ask_to_start(self, session: Session) -> None:
        if not session.open:
            return
        try:
            session.evse.connector.authorize(
                session.token, float(self.quirks["connection_timeout"])
            )
        except Refused as refused:
            self._close(session, "failed", FAILURES[refused.reason])

    def stop(self, session: Session, *, force: bool) -> None:
        """Ask the station to end a session; `force` does not wait for it."""
        if session.status == "pending":
            self._close(session, "failed", "force_stop" if force else "remote")
            session.evse.connector.cancel_authorization()
            return
        if force:
            self._close(session, "finished", "force_stop")
        self.world.call_later(
            0.0 if force else float(self.quirks["stop_seconds"]),
            lambda: self._ask_to_stop(session),
        )

    def _ask_to_stop(self, session: Session) -> None:
        connector = session.evse.connector
        if session.physical and connector.session is session.physical:
            if connector.station.online:
                connector.stop("Remote")

    def reserve(self, evse: Evse, user: int) -> Reservation:
        """Reserve an EVSE, if the station agrees."""
        minutes = float(self.quirks["reservation_minutes"])
        evse.connector.reserve(f"user{user}", minutes)
        reservation = Reservation(
            id=next(self._reservation_ids),
            evse=evse,
            user=user,
            made=self.world.now,
            updated=self.world.now,
            minutes=minutes,
        )
        self.reservations[reservation.id] = reservation
        return reservation

    def cancel(self, reservation: Reservation) -> None:
        """Cancel a reservation."""
        self._end_reservation(reservation, "canceled")
        reservation.canceled = self.world.now
        reservation.evse.connector.cancel_reservation()

    def set_profile(
        self, charge_point: ChargePoint, number: int, body: dict[str, Any]
    ) -> int:
        """Keep a charging profile; it replaces one of its level and purpose."""
        profile = StoredProfile(
            id=next(self._profile_ids), number=number, body=body, since=self.world.now
        )
        charge_point.profiles = [
            old
            for old in charge_point.profiles
            if (old.number, old.purpose, old.level)
            != (number, profile.purpose, profile.level)
        ]
        charge_point.profiles.append(profile)
        self._profiles_changed(charge_point, number)
        return profile.id

    def clear_profiles(
        self, charge_point: ChargePoint, criteria: Mapping[str, Any]
    ) -> None:
        """Forget the profiles that meet every criterion."""
        if not criteria:
            criteria = {
                "evseNetworkId": "0",
                "chargingProfilePurpose": "ChargePointMaxProfile",
            }
        kept = []
        for profile in charge_point.profiles:
            own = {
                "id": profile.id,
                "evseNetworkId": str(profile.number),
                "chargingProfilePurpose": profile.purpose,
                "stackLevel": profile.level,
            }
            if any(own[key] != value for key, value in criteria.items() if key in own):
                kept.append(profile)
        if len(kept) != len(charge_point.profiles):
            charge_point.profiles = kept
            self._profiles_changed(charge_point, 0)

    def set_smart_charging(
        self, charge_point: ChargePoint, body: dict[str, Any]
    ) -> None:
        """Replace the smart charging settings."""
        charge_point.smart = body
        self.touch(charge_point)
        for evse in charge_point.evses:
            limit = body.get("defaultChargePointMaxCurrent")
            evse.connector.set_limit("ampeco smart", limit)

    def profile_of(self, evse: Evse) -> StoredProfile | None:
        """Return the profile that counts most on an EVSE."""
        number = evse.connector.number
        mine = [p for p in evse.charge_point.profiles if p.number == number]
        return max(
            mine, key=lambda p: (p.purpose == "TxProfile", p.level, p.id), default=None
        )

    def station_profile(self, charge_point: ChargePoint) -> StoredProfile | None:
        """Return the profile that counts most on a station as a whole."""
        mine = [p for p in charge_point.profiles if p.number == 0]
        return max(mine, key=lambda p: (p.level, p.id), default=None)

    def _profiles_changed(self, charge_point: ChargePoint, number: int) -> None:
        self.touch(charge_point)
        for evse in charge_point.evses:
            if number in {0, evse.connector.number}:
                self.touch(evse)
                self.apply_profiles(evse)

    def apply_profiles(self, evse: Evse) -> None:
        """Have the connector obey the profiles, now and when they change."""
        charge_point, connector = evse.charge_point, evse.connector
        # What is due may begin the session that the profiles are for.
        connector.settle()
        session = connector.session
        start = session.started_at if session else None
        changes: list[float] = []

        def highest(purpose: str, number: int) -> float | None:
            ranked = sorted(
                (
                    p
                    for p in charge_point.profiles
                    if (p.purpose, p.number) == (purpose, number)
                ),
                key=lambda p: -p.level,
            )
            for profile in ranked:
                limit, change = profile.limit(self.world.now, start)
                if change is not None:
                    changes.append(change)
                if limit is not None:
                    if profile.schedule["chargingRateUnit"] == "W":
                        limit /= connector.voltage * connector.used_phases
                    return limit
            return None

        number = connector.number
        tx = highest("TxProfile", number) if session else None
        if tx is None:
            tx = highest("TxDefaultProfile", number)
        if tx is None:
            tx = highest("TxDefaultProfile", 0)
        connector.set_limit("ampeco profile", tx)
        connector.set_limit("ampeco station", highest("ChargePointMaxProfile", 0))
        if changes:
            self.world.call_later(min(changes), lambda: self._reapply(evse))

    def _reapply(self, evse: Evse) -> None:
        if evse.id in self.evses:
            self.apply_profiles(evse)

    # Circuits

    def members(self, circuit: Circuit) -> Iterator[Evse]:
        """Yield the EVSEs behind a breaker."""
        for charge_point in self.charge_points.values():
            if charge_point.circuit == circuit.id:
                yield from charge_point.evses

    def balance(self, circuit: Circuit | None) -> None:
        """Share a circuit's current among the sessions that run, oldest first."""
        if circuit is None:
            return
        evses = list(self.members(circuit))
        running = sorted(
            (o for o in evses if o.connector.session),
            key=lambda o: o.connector.session.id if o.connector.session else 0,
        )
        served = running[: int(circuit.max_current // max(circuit.min_current, 1.0))]
        for evse in evses:
            share = None
            if evse.connector.session:
                share = circuit.max_current / len(served) if evse in served else 0.0
            evse.connector.set_limit("ampeco circuit", share)

    # What happens in the world

    def _hear(self, kind: str, subject: Connector | Station) -> None:
        """Follow an event of the world, if it is one of this tenant's."""
        if isinstance(subject, Station):
            if charge_point := self._by_station.get(subject.id):
                self._station_changed(kind, charge_point)
            return
        evse = self._by_connector.get(subject)
        if evse is None:
            return
        match kind:
            case "session_started":
                self._started(evse)
            case "session_stopped":
                self._stopped(evse)
            case "authorization_expired":
                session = self._open.get(evse)
                if session and session.status == "pending":
                    self._close(session, "expired", "no_ev_connected")
            case "reservation_expired":
                self._end_reservation(self.reservation(evse), "expired")
            case "reservation_used":
                self._end_reservation(self.reservation(evse), "done")
        if evse.charge_point.station.online:
            self._report(evse)

    def _station_changed(self, kind: str, charge_point: ChargePoint) -> None:
        self.touch(charge_point)
        for evse in charge_point.evses:
            session = self._open.get(evse)
            if kind == "offline" and session:
                session.frozen = session.meter()
            if kind == "online":
                if session:
                    session.frozen = None
                    self._catch_up(session)
                self._report(evse)

    def _report(self, evse: Evse) -> None:
        """Take the connector's status in, and log it."""
        connector = evse.connector
        status = evse.told
        if status == evse.status:
            return
        before = evse.charge_point.hardware_status
        evse.status = status
        self.touch(evse)
        code = connector.fault or "NoError"
        vendor_code = VENDOR_CODES.get(code)
        evse.log = {
            "status": status,
            "timestamp": self.world.now,
            "errorCode": code,
            "vendorId": VENDOR_ID if vendor_code else None,
            "vendorErrorCode": vendor_code,
            "info": None,
        }
        evse.logs.append(evse.log)
        if evse.charge_point.hardware_status != before:
            evse.charge_point.log = evse.log | {
                "status": evse.charge_point.hardware_status
            }
            evse.charge_point.logs.append(evse.charge_point.log)
            self.touch(evse.charge_point)

    def _started(self, evse: Evse) -> None:
        physical = evse.connector.session
        session = self._open.get(evse)
        if session is None:
            session = self._new_session(evse, "active", None, None)
            session.token = physical.id_token if physical else None
        session.status, session.physical = "active", physical
        session.started = self.world.now
        if not evse.charge_point.station.online:
            session.frozen = {"energy": 0.0, "power": 0.0, "soc": None}
        self.touch(session)
        self.apply_profiles(evse)
        self.balance(self.circuits.get(evse.charge_point.circuit or 0))

    def _stopped(self, evse: Evse) -> None:
        session = self._open.get(evse)
        if session and evse.charge_point.station.online:
            self._catch_up(session)
        left = [
            p
            for p in evse.charge_point.profiles
            if (p.purpose, p.number) != ("TxProfile", evse.connector.number)
        ]
        if len(left) != len(evse.charge_point.profiles):
            evse.charge_point.profiles = left
            self._profiles_changed(evse.charge_point, evse.connector.number)
        self.balance(self.circuits.get(evse.charge_point.circuit or 0))

    def _catch_up(self, session: Session) -> None:
        """Close a session that ended, maybe while nobody could hear."""
        physical = session.physical
        if physical and not physical.running and session.open:
            reason = (physical.reason or "Other").lower()
            self._close(session, "finished", reason, physical.stopped_at)

    def _close(
        self, session: Session, status: str, reason: str, at: datetime | None = None
    ) -> None:
        session.frozen = session.meter() | {"power": 0.0}
        session.status, session.reason = status, reason
        session.stopped = at or self.world.now
        self.touch(session)
        if self._open.get(session.evse) is session:
            del self._open[session.evse]

    def _end_reservation(self, reservation: Reservation | None, status: str) -> None:
        if reservation:
            reservation.status = status
            self.touch(reservation)

    def _new_session(
        self, evse: Evse, status: str, user: int | None, external: str | None
    ) -> Session:
        session = Session(
            id=next(self._session_ids),
            evse=evse,
            user=user,
            authorization=next(self._authorization_ids),
            token=None,
            status=status,
            started=self.world.now,
            updated=self.world.now,
            external=external,
        )
        self.sessions[session.id] = session
        self._open[evse] = session
        return session

    def record(
        self, evse: Evse, started: datetime, stopped: datetime, energy_wh: float
    ) -> Session:
        """Add a finished session to the past."""
        physical = evse.connector.record_session(started, stopped, energy_wh)
        session = self._new_session(evse, "finished", 771, None)
        del self._open[evse]
        session.token = f"*{session.id:07}"
        session.physical, session.reason = physical, "evdisconnected"
        session.started, session.stopped, session.updated = started, stopped, stopped
        return session

    def extend(
        self, session: Session, started: datetime, stopped: datetime, energy_wh: float
    ) -> Session:
        """Add what a station told of a finished session after it had been away."""
        extension = self.record(session.evse, started, stopped, energy_wh)
        session.extension, extension.original = extension, session
        self.touch(session)
        return extension
