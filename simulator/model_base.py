"""What all parts of the physical model share."""

from enum import StrEnum
from typing import Protocol, cast

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


class Physical(Protocol):
    """Something whose attributes shape what flows."""

    def settle(self) -> None:
        """Book what has flowed until now."""

    def refresh(self) -> None:
        """Adapt what flows from now on."""


class Shaping[T]:
    """An attribute that shapes what flows, so it may be assigned at any time."""

    def __set_name__(self, owner: type, name: str) -> None:
        """Keep the value beside the attribute."""
        self._name = f"_{name}"

    def __get__(self, owner: Physical, cls: type | None = None) -> T:
        """Return the value."""
        return cast(T, getattr(owner, self._name))

    def __set__(self, owner: Physical, value: T) -> None:
        """Book what has flowed, then let the value shape what flows."""
        if self._name not in vars(owner):
            setattr(owner, self._name, value)
            return
        owner.settle()
        setattr(owner, self._name, value)
        owner.refresh()
