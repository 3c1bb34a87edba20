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
    Booking,
    Charge,
    Circuit,
    Outlet,
    Point,
    Variable,
)
from .profiles import StoredProfile


class Tenant:
    """The tenant's records, kept up to date with the world."""

    def __init__(self, world: World, quirks: Mapping[str, Any]) -> None:
        """Begin without records."""
        self.world = world
        self.quirks = quirks
        self.points: dict[int, Point] = {}
        self.outlets: dict[int, Outlet] = {}
        self.charges: dict[int, Charge] = {}
        self.bookings: dict[int, Booking] = {}
        self.circuits: dict[int, Circuit] = {}
        self._by_station: dict[str, Point] = {}
        self._by_connector: dict[Connector, Outlet] = {}
        self._open: dict[Outlet, Charge] = {}
        self._point_ids = count(4021)
        self._outlet_ids = count(9001)
        self._charge_ids = count(120045)
        self._authorization_ids = count(98001)
        self._booking_ids = count(2001)
        self._profile_ids = count(5501)
        world.listeners.append(self._hear)

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
    ) -> Point:
        """Make a record of a station and its connectors."""
        now = self.world.now
        point = Point(
            id=next(self._point_ids),
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
        point.reported = {k: (v, now) for k, v in point.configuration.items()}
        for index, connector in enumerate(station.connectors):
            label = labels[index] if index < len(labels) else None
            self.add_outlet(point, connector, label=label, current_type=current_type)
        self.points[point.id] = point
        self._by_station[station.id] = point
        return point

    def add_outlet(
        self,
        point: Point,
        connector: Connector,
        *,
        label: str | None = None,
        current_type: str = "ac",
    ) -> Outlet:
        """Make a record of a connector."""
        outlet = Outlet(
            id=next(self._outlet_ids),
            point=point,
            connector=connector,
            status=STATUS[connector.state],
            label=label,
            current_type=current_type,
            created=self.world.now,
            updated=self.world.now,
        )
        point.outlets.append(outlet)
        self.outlets[outlet.id] = outlet
        self._by_connector[connector] = outlet
        return outlet

    def drop_outlet(self, outlet: Outlet) -> None:
        """Forget a connector."""
        outlet.point.outlets.remove(outlet)
        del self.outlets[outlet.id]
        del self._by_connector[outlet.connector]
        self._open.pop(outlet, None)

    def unregister(self, station: Station) -> None:
        """Forget a station."""
        point = self._by_station.pop(station.id)
        del self.points[point.id]
        for outlet in list(point.outlets):
            self.drop_outlet(outlet)

    def open_charge(self, outlet: Outlet) -> Charge | None:
        """Return the session that runs on an EVSE or waits for a vehicle."""
        return self._open.get(outlet)

    def booking(self, outlet: Outlet) -> Booking | None:
        """Return the reservation that holds an EVSE."""
        return next(
            (
                b
                for b in self.bookings.values()
                if b.outlet is outlet and b.status == "active"
            ),
            None,
        )

    def touch(self, item: Point | Outlet | Charge | Booking) -> None:
        """Note that a record changed now."""
        item.updated = self.world.now

    # What is asked of stations

    def start(
        self, outlet: Outlet, user: int | None, external: str | None, tag: str | None
    ) -> Charge:
        """Open a session; the station is asked a moment later."""
        charge = self._new_charge(outlet, "pending", user, external)
        charge.token = tag or (f"user{user}" if user else f"*{charge.id:07}")
        self.world.call_later(
            float(self.quirks["start_seconds"]), lambda: self._ask_to_start(charge)
        )
        return charge

    def _ask_to_start(self, charge: Charge) -> None:
        if not charge.open:
            return
        try:
            charge.outlet.connector.authorize(
                charge.token, float(self.quirks["connection_timeout"])
            )
        except Refused as refused:
            self._close(charge, "failed", FAILURES[refused.reason])

    def stop(self, charge: Charge, *, force: bool) -> None:
        """Ask the station to end a session; `force` does not wait for it."""
        if charge.status == "pending":
            self._close(charge, "failed", "force_stop" if force else "remote")
            charge.outlet.connector.cancel_authorization()
            return
        if force:
            self._close(charge, "finished", "force_stop")
        self.world.call_later(
            0.0 if force else float(self.quirks["stop_seconds"]),
            lambda: self._ask_to_stop(charge),
        )

    def _ask_to_stop(self, charge: Charge) -> None:
        connector = charge.outlet.connector
        if charge.physical and connector.session is charge.physical:
            if connector.station.online:
                connector.stop("Remote")

    def reserve(self, outlet: Outlet, user: int) -> Booking:
        """Reserve an EVSE, if the station agrees."""
        minutes = float(self.quirks["reservation_minutes"])
        outlet.connector.reserve(f"user{user}", minutes)
        booking = Booking(
            id=next(self._booking_ids),
            outlet=outlet,
            user=user,
            made=self.world.now,
            updated=self.world.now,
            minutes=minutes,
        )
        self.bookings[booking.id] = booking
        return booking

    def cancel(self, booking: Booking) -> None:
        """Cancel a reservation."""
        self._end_booking(booking, "canceled")
        booking.canceled = self.world.now
        booking.outlet.connector.cancel_reservation()

    def set_profile(self, point: Point, number: int, body: dict[str, Any]) -> int:
        """Keep a charging profile; it replaces one of its level and purpose."""
        profile = StoredProfile(
            id=next(self._profile_ids), number=number, body=body, since=self.world.now
        )
        point.profiles = [
            old
            for old in point.profiles
            if (old.number, old.purpose, old.level)
            != (number, profile.purpose, profile.level)
        ]
        point.profiles.append(profile)
        self._profiles_changed(point, number)
        return profile.id

    def clear_profiles(self, point: Point, criteria: Mapping[str, Any]) -> None:
        """Forget the profiles that meet every criterion."""
        if not criteria:
            criteria = {
                "evseNetworkId": "0",
                "chargingProfilePurpose": "ChargePointMaxProfile",
            }
        kept = []
        for profile in point.profiles:
            own = {
                "id": profile.id,
                "evseNetworkId": str(profile.number),
                "chargingProfilePurpose": profile.purpose,
                "stackLevel": profile.level,
            }
            if any(own[key] != value for key, value in criteria.items() if key in own):
                kept.append(profile)
        if len(kept) != len(point.profiles):
            point.profiles = kept
            self._profiles_changed(point, 0)

    def set_smart_charging(self, point: Point, body: dict[str, Any]) -> None:
        """Replace the smart charging settings."""
        point.smart = body
        self.touch(point)
        for outlet in point.outlets:
            limit = body.get("defaultChargePointMaxCurrent")
            outlet.connector.set_limit("ampeco smart", limit)

    def profile_of(self, outlet: Outlet) -> StoredProfile | None:
        """Return the profile that counts most on an EVSE."""
        number = outlet.connector.number
        mine = [p for p in outlet.point.profiles if p.number == number]
        return max(
            mine, key=lambda p: (p.purpose == "TxProfile", p.level, p.id), default=None
        )

    def station_profile(self, point: Point) -> StoredProfile | None:
        """Return the profile that counts most on a station as a whole."""
        mine = [p for p in point.profiles if p.number == 0]
        return max(mine, key=lambda p: (p.level, p.id), default=None)

    def _profiles_changed(self, point: Point, number: int) -> None:
        self.touch(point)
        for outlet in point.outlets:
            if number in {0, outlet.connector.number}:
                self.touch(outlet)
                self.apply_profiles(outlet)

    def apply_profiles(self, outlet: Outlet) -> None:
        """Have the connector obey the profiles, now and when they change."""
        point, connector = outlet.point, outlet.connector
        # What is due may begin the session that the profiles are for.
        connector.settle()
        session = connector.session
        start = session.started_at if session else None
        changes: list[float] = []

        def highest(purpose: str, number: int) -> float | None:
            ranked = sorted(
                (
                    p
                    for p in point.profiles
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
            self.world.call_later(min(changes), lambda: self._reapply(outlet))

    def _reapply(self, outlet: Outlet) -> None:
        if outlet.id in self.outlets:
            self.apply_profiles(outlet)

    # Circuits

    def members(self, circuit: Circuit) -> Iterator[Outlet]:
        """Yield the EVSEs behind a breaker."""
        for point in self.points.values():
            if point.circuit == circuit.id:
                yield from point.outlets

    def balance(self, circuit: Circuit | None) -> None:
        """Share a circuit's current among the sessions that run, oldest first."""
        if circuit is None:
            return
        outlets = list(self.members(circuit))
        running = sorted(
            (o for o in outlets if o.connector.session),
            key=lambda o: o.connector.session.id if o.connector.session else 0,
        )
        served = running[: int(circuit.max_current // max(circuit.min_current, 1.0))]
        for outlet in outlets:
            share = None
            if outlet.connector.session:
                share = circuit.max_current / len(served) if outlet in served else 0.0
            outlet.connector.set_limit("ampeco circuit", share)

    # What happens in the world

    def _hear(self, kind: str, subject: Connector | Station) -> None:
        """Follow an event of the world, if it is one of this tenant's."""
        if isinstance(subject, Station):
            if point := self._by_station.get(subject.id):
                self._station_changed(kind, point)
            return
        outlet = self._by_connector.get(subject)
        if outlet is None:
            return
        match kind:
            case "session_started":
                self._started(outlet)
            case "session_stopped":
                self._stopped(outlet)
            case "authorization_expired":
                charge = self._open.get(outlet)
                if charge and charge.status == "pending":
                    self._close(charge, "expired", "no_ev_connected")
            case "reservation_expired":
                self._end_booking(self.booking(outlet), "expired")
            case "reservation_used":
                self._end_booking(self.booking(outlet), "done")
        if outlet.point.station.online:
            self._report(outlet)

    def _station_changed(self, kind: str, point: Point) -> None:
        self.touch(point)
        for outlet in point.outlets:
            charge = self._open.get(outlet)
            if kind == "offline" and charge:
                charge.frozen = charge.meter()
            if kind == "online":
                if charge:
                    charge.frozen = None
                    self._catch_up(charge)
                self._report(outlet)

    def _report(self, outlet: Outlet) -> None:
        """Take the connector's status in, and log it."""
        connector = outlet.connector
        status = outlet.told
        if status == outlet.status:
            return
        before = outlet.point.hardware_status
        outlet.status = status
        self.touch(outlet)
        code = connector.fault or "NoError"
        vendor_code = VENDOR_CODES.get(code)
        outlet.log = {
            "status": status,
            "timestamp": self.world.now,
            "errorCode": code,
            "vendorId": VENDOR_ID if vendor_code else None,
            "vendorErrorCode": vendor_code,
            "info": None,
        }
        outlet.logs.append(outlet.log)
        if outlet.point.hardware_status != before:
            outlet.point.log = outlet.log | {"status": outlet.point.hardware_status}
            outlet.point.logs.append(outlet.point.log)
            self.touch(outlet.point)

    def _started(self, outlet: Outlet) -> None:
        physical = outlet.connector.session
        charge = self._open.get(outlet)
        if charge is None:
            charge = self._new_charge(outlet, "active", None, None)
            charge.token = physical.id_token if physical else None
        charge.status, charge.physical = "active", physical
        charge.started = self.world.now
        if not outlet.point.station.online:
            charge.frozen = {"energy": 0.0, "power": 0.0, "soc": None}
        self.touch(charge)
        self.apply_profiles(outlet)
        self.balance(self.circuits.get(outlet.point.circuit or 0))

    def _stopped(self, outlet: Outlet) -> None:
        charge = self._open.get(outlet)
        if charge and outlet.point.station.online:
            self._catch_up(charge)
        left = [
            p
            for p in outlet.point.profiles
            if (p.purpose, p.number) != ("TxProfile", outlet.connector.number)
        ]
        if len(left) != len(outlet.point.profiles):
            outlet.point.profiles = left
            self._profiles_changed(outlet.point, outlet.connector.number)
        self.balance(self.circuits.get(outlet.point.circuit or 0))

    def _catch_up(self, charge: Charge) -> None:
        """Close a session that ended, maybe while nobody could hear."""
        physical = charge.physical
        if physical and not physical.running and charge.open:
            reason = (physical.reason or "Other").lower()
            self._close(charge, "finished", reason, physical.stopped_at)

    def _close(
        self, charge: Charge, status: str, reason: str, at: datetime | None = None
    ) -> None:
        charge.frozen = charge.meter() | {"power": 0.0}
        charge.status, charge.reason = status, reason
        charge.stopped = at or self.world.now
        self.touch(charge)
        if self._open.get(charge.outlet) is charge:
            del self._open[charge.outlet]

    def _end_booking(self, booking: Booking | None, status: str) -> None:
        if booking:
            booking.status = status
            self.touch(booking)

    def _new_charge(
        self, outlet: Outlet, status: str, user: int | None, external: str | None
    ) -> Charge:
        charge = Charge(
            id=next(self._charge_ids),
            outlet=outlet,
            user=user,
            authorization=next(self._authorization_ids),
            token=None,
            status=status,
            started=self.world.now,
            updated=self.world.now,
            external=external,
        )
        self.charges[charge.id] = charge
        self._open[outlet] = charge
        return charge

    def record(
        self, outlet: Outlet, started: datetime, stopped: datetime, energy_wh: float
    ) -> Charge:
        """Add a finished session to the past."""
        physical = outlet.connector.record_session(started, stopped, energy_wh)
        charge = self._new_charge(outlet, "finished", 771, None)
        del self._open[outlet]
        charge.token = f"*{charge.id:07}"
        charge.physical, charge.reason = physical, "evdisconnected"
        charge.started, charge.stopped, charge.updated = started, stopped, stopped
        return charge
