"""The tenant's records of what stands in the world."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from ...world import MIN_CURRENT, Connector, Session as PhysicalSession, State, Station
from .profiles import StoredProfile


class Variable(NamedTuple):
    """A configuration key; only OCPP 2.0.1 sorts them by component and instance."""

    name: str
    component: str | None = None
    instance: str | None = None


STATUS = {
    State.AVAILABLE: "available",
    State.PREPARING: "preparing",
    State.CHARGING: "charging",
    State.SUSPENDED_EV: "suspendedEV",
    State.SUSPENDED_EVSE: "suspendedEVSE",
    State.FINISHING: "finishing",
    State.RESERVED: "reserved",
    State.UNAVAILABLE: "unavailable",
    State.FAULTED: "faulted",
}

IN_USE = ("preparing", "charging", "suspendedEV", "suspendedEVSE", "finishing")

# Why a start that was accepted came to nothing, by what the station said.
FAILURES = {
    "Offline": "charge_point_timeout",
    "Faulted": "remote_start_failed",
    "Unavailable": "evse_inoperative",
    "Occupied": "evse_occupied",
    "Reserved": "rejected",
}

# What a station is configured to when it leaves the factory.
CONFIGURATION = {
    Variable("ChargeProfileMaxStackLevel"): "10",
    Variable("HeartbeatInterval"): "300",
    Variable("MeterValueSampleInterval"): "60",
}

# A vendor adds codes of its own to some of OCPP's.
VENDOR_CODES = {"OverCurrentFailure": "E17", "GroundFailure": "E05"}
VENDOR_ID = "com.example"


@dataclass(eq=False, slots=True, kw_only=True)
class ChargePoint:
    """A charge point, the tenant's record of a station."""

    id: int
    station: Station
    location: int
    protocol: str = "ocpp 1.6"
    rate: int | None = None
    circuit: int | None = None
    partner: int | None = None
    created: datetime
    updated: datetime
    evses: list[Evse] = field(default_factory=list)
    smart: dict[str, Any] = field(default_factory=lambda: {"mode": "disabled"})
    profiles: list[StoredProfile] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    log: dict[str, Any] | None = None
    logs: list[dict[str, Any]] = field(default_factory=list)
    configuration: dict[Variable, str] = field(default_factory=dict)
    """What the station itself goes by."""
    reported: dict[Variable, tuple[str, datetime]] = field(default_factory=dict)
    """What it told of that, and when."""

    @property
    def hardware_status(self) -> str:
        """Return the status of the station as a whole."""
        words = {evse.status for evse in self.evses}
        for word in ("faulted", "unavailable"):
            if words == {word}:
                return word
        return "available"

    @property
    def network_status(self) -> str:
        """Return the status of the connection, with spaces."""
        if self.station.online:
            return "available"
        seen = self.station.last_seen
        if seen is None:
            return "never connected"
        away = (self.station.world.now - seen).total_seconds()
        return "long-term unavailable" if away >= 86_400 else "temporarily unavailable"


@dataclass(eq=False, slots=True, kw_only=True)
class Evse:
    """An EVSE, the tenant's record of a connector."""

    id: int
    charge_point: ChargePoint
    connector: Connector
    status: str
    label: str | None = None
    current_type: str = "ac"
    allows_reservation: bool = True
    created: datetime
    updated: datetime
    changes: dict[str, Any] = field(default_factory=dict)
    log: dict[str, Any] | None = None
    logs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def told(self) -> str:
        """Return what the station says: with OCPP 2.0.1 little while it is in use."""
        status = STATUS[self.connector.state]
        in_use = status in IN_USE and self.charge_point.protocol == "ocpp 2.0.1"
        return "occupied" if in_use else status


@dataclass(eq=False, slots=True, kw_only=True)
class Session:
    """A charging session, as the tenant bills it."""

    id: int
    evse: Evse
    user: int | None
    authorization: int
    token: str | None
    status: str
    started: datetime
    updated: datetime
    stopped: datetime | None = None
    reason: str | None = None
    external: str | None = None
    physical: PhysicalSession | None = None
    original: Session | None = None
    extension: Session | None = None
    net: float | None = None
    """What it costs without tax, when somebody has set another price."""
    frozen: dict[str, Any] | None = None
    """The meter when it was last heard of, once it cannot be heard any more."""

    @property
    def open(self) -> bool:
        """Return whether it may still draw energy."""
        return self.status in {"pending", "active"}

    def meter(self) -> dict[str, Any]:
        """Return energy (Wh), power (W) and state of charge."""
        if self.frozen is not None:
            return self.frozen
        if self.physical is None:
            return {"energy": 0.0, "power": 0.0, "soc": None}
        car = self.evse.connector.car if self.physical.running else None
        return {
            "energy": self.physical.energy_wh,
            "power": self.evse.connector.power_w if self.physical.running else 0.0,
            "soc": car.soc * 100 if car else None,
        }


@dataclass(eq=False, slots=True, kw_only=True)
class Reservation:
    """A reservation."""

    id: int
    evse: Evse
    user: int
    made: datetime
    updated: datetime
    minutes: float
    status: str = "active"
    canceled: datetime | None = None


@dataclass(eq=False, slots=True, kw_only=True)
class Circuit:
    """Charge points behind one breaker."""

    id: int
    name: str
    max_current: float
    min_current: float = MIN_CURRENT
    phases: str = "three_phase"
    changes: dict[str, Any] = field(default_factory=dict)
