"""What callbacks tell beside the physical world: found by comparing with the last look.

Bodies are those of AMPECO's public API 3.110.0; those about records of the tenant tell
that something changed, and not what.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .model import ChargePoint, Session
from .profiles import StoredProfile
from .query import iso
from .resources import Collection
from .serializers import show_consumption
from .tenant import Tenant

_CURRENCY = "EUR"

type Said = tuple[str, dict[str, Any]]


class News:
    """Tells what changed in a tenant's records since somebody looked."""

    def __init__(self, tenant: Tenant, resources: Mapping[str, Collection]) -> None:
        """Begin knowing nothing."""
        self._tenant = tenant
        self._resources = resources
        self._known: dict[tuple[str, int], Any] = {}

    @property
    def _at(self) -> str:
        return str(iso(self._tenant.world.now))

    def look(self) -> Iterator[Said]:
        """Yield the kind and the body of each change, and note everything."""
        known, self._known = self._known, dict(self._facts())
        for key in sorted(known.keys() | self._known.keys()):
            before, now = known.get(key), self._known.get(key)
            if before != now:
                yield from self._told(*key, before, now)

    def _facts(self) -> Iterator[tuple[tuple[str, int], Any]]:
        """Yield everything that is told of when it changes."""
        tenant, resources = self._tenant, self._resources
        for reservation in tenant.reservations.values():
            yield ("reservation", reservation.id), reservation.status
        for user in resources["users"].items.values():
            yield ("user", user["id"]), user.get("balance") or 0.0
        for item in resources["subscriptions"].items.values():
            yield ("subscription", item["id"]), item["status"]
        for circuit in tenant.circuits.values():
            yield (
                ("circuit", circuit.id),
                (circuit.max_current, dict(circuit.changes)),
            )
        for charge_point in tenant.charge_points.values():
            yield ("chargePoint", charge_point.id), dict(charge_point.changes)
            for profile in charge_point.profiles:
                yield ("profile", profile.id), (charge_point, profile)
        for evse in tenant.evses.values():
            yield ("evse", evse.id), dict(evse.changes)

    def _told(self, what: str, key: int, before: Any, now: Any) -> Iterator[Said]:
        """Yield what is told of one change."""
        at = self._at
        match what:
            case "reservation":
                body = {"reservationId": key, "status": now, "lastUpdatedAt": at}
                yield "reservation.changed", body
            case "user" if None not in (before, now):
                yield "userBalance.changed", _balance(key, before, now, at)
            case "subscription" if now is not None:
                yield "user.subscription.changed", self._plan(key, at)
            case "profile" if now is not None:
                yield "chargingProfile.applied", _applied(now[0], now[1], at)
            case "circuit" | "chargePoint" | "evse":
                action = "updated" if before is not None else "created"
                action = "deleted" if now is None else action
                body = {f"{what}Id": key, "action": action, "lastUpdatedAt": at}
                yield f"{what}.changed", body

    def _plan(self, key: int, at: str) -> dict[str, Any]:
        item = self._resources["subscriptions"].items[key]
        return {
            "userId": item["userId"],
            "planId": item["planId"],
            "status": item["status"],
            # With a blank and without a zone, unlike all other times.
            "endsAt": (item.get("endDate") or at)[:19].replace("T", " "),
            "lastUpdatedAt": at,
        }

    def card(self, session: Session) -> Said:
        """Return what is told of who began a session."""
        return (
            "authorization.changed",
            {
                "authorizationId": session.authorization,
                "action": "created",
                "status": "accepted",
                "chargePointId": session.evse.charge_point.id,
                "idTag": session.token,
                "lastUpdatedAt": self._at,
            },
        )

    def boot(self, charge_point: ChargePoint) -> Said:
        """Return what is told of a station that started anew."""
        station = charge_point.station
        return (
            "BootNotification",
            {
                "chargePointId": charge_point.id,
                "timestamp": self._at,
                # Unlike the resource, which has the same in camelCase.
                "bootNotification": {
                    "model": station.model,
                    "vendor": station.vendor,
                    "charge_box_serial_number": station.serial,
                    "charge_point_serial_number": station.serial,
                    "firmware_version": station.firmware,
                    "iccid": None,
                    "imsi": None,
                    "meter_serial_number": None,
                    "meter_type": None,
                    "reason": None,
                },
            },
        )

    def consumption(self, charge_point: ChargePoint) -> Iterator[Said]:
        """Yield what the circuit of a station draws."""
        circuit = self._tenant.circuits.get(charge_point.circuit or 0)
        if circuit is not None:
            yield (
                "CircuitConsumptionNotification",
                {
                    "circuitId": circuit.id,
                    "maxCurrent": circuit.max_current,
                    "minChargePointCurrent": circuit.min_current,
                    "currentConsumption": show_consumption(self._tenant, circuit),
                },
            )


def _balance(user: int, before: float, now: float, at: str) -> dict[str, Any]:
    return {
        "userId": user,
        "debit": max(before - now, 0),
        "credit": max(now - before, 0),
        "updatedBalance": now,
        "currency": _CURRENCY,
        "type": "add_to_balance" if now > before else "custom_fee",
        "transactionId": None,
        "timestamp": at,
        "lastUpdatedAt": at,
    }


def _applied(
    charge_point: ChargePoint, profile: StoredProfile, at: str
) -> dict[str, Any]:
    evses = [o for o in charge_point.evses if o.connector.number == profile.number]
    return {
        "chargePointId": charge_point.id,
        "evseId": evses[0].id if evses else None,
        "sessionId": None,
        "appliedAt": at,
        "chargingProfile": profile.shown(lower_case=True),
    }
