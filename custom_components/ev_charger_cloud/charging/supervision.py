"""What is not as it should be at a charger, though no single reading says so."""

from dataclasses import dataclass
from enum import StrEnum, unique

from .controls import Control
from .device import Device
from .events import session_runs
from .readings import CURRENTS, ChargingStatus, Reading, Unit

STALLED_BY = frozenset(
    {
        Reading.CHARGING,
        Reading.FULLY_CHARGED,
        Reading.PAUSED,
        Reading.PLUG,
        Reading.STATUS,
    }
)
"""The readings whose values tell whether a vehicle has stalled."""

LIMITED_BY = frozenset({*CURRENTS, Reading.POWER})
"""The readings whose values tell whether a limit is passed."""

# In these nothing is expected to flow.
_AT_REST = frozenset(
    {
        ChargingStatus.COMPLETE,
        ChargingStatus.DISCHARGING,
        ChargingStatus.FAULTED,
        ChargingStatus.INOPERATIVE,
        ChargingStatus.PAUSED,
    }
)

# In these it does not matter that there is no vehicle.
_BEFORE_THE_CAR = frozenset(
    {ChargingStatus.FAULTED, ChargingStatus.INOPERATIVE, ChargingStatus.RESERVED}
)

LOWEST_CURRENT = 6.0
"""The least current (A) that a vehicle can be offered (IEC 61851)."""

# Vehicles regulate, and meters measure, about this exactly.
_TOLERANCE = 0.05
_LEAST_TOLERANCE = {Unit.AMPERE: 1.0, Unit.WATT: 250.0}


def tells_stalled(device: Device) -> bool:
    """Return whether a device tells enough to judge whether it has stalled."""
    return (
        Reading.PLUG in device.readings
        and Reading.CHARGING in device.readings
        and Control.CHARGING in device.controls
    )


def stalled(device: Device) -> bool | None:
    """Return whether a vehicle is plugged in and may charge, yet nothing flows.

    None where that is not known. A vehicle that is known to be full has not stalled.
    """
    allowed = device.controls[Control.CHARGING].value
    plugged = device.readings[Reading.PLUG]
    charging = device.readings[Reading.CHARGING]
    if (
        plugged is False
        or allowed is False
        or charging is True
        or device.readings.get(Reading.FULLY_CHARGED) is True
        or device.readings.get(Reading.PAUSED) is True
        or device.readings.get(Reading.STATUS) in _AT_REST
    ):
        return False
    return None if None in (allowed, plugged, charging) else True


def session_lingers(device: Device) -> bool:
    """Return whether a session goes on though its vehicle has gone."""
    return device.readings.get(Reading.PLUG) is False and session_runs(device) is True


@unique
class Obstacle(StrEnum):
    """Why a charger does not charge."""

    OFFLINE = "offline"
    FAULT = "fault"
    OUT_OF_SERVICE = "out_of_service"
    NO_VEHICLE = "no_vehicle"
    RESERVED = "reserved"
    PAUSED = "paused"
    FULLY_CHARGED = "fully_charged"
    LIMIT_TOO_LOW = "limit_too_low"
    SUSPENDED_BY_VEHICLE = "suspended_by_vehicle"
    SUSPENDED_BY_CHARGER = "suspended_by_charger"
    STOPPED = "stopped"
    STARTING = "starting"


_OBSTACLES = {
    ChargingStatus.FAULTED: Obstacle.FAULT,
    ChargingStatus.INOPERATIVE: Obstacle.OUT_OF_SERVICE,
    ChargingStatus.DISCONNECTED: Obstacle.NO_VEHICLE,
    ChargingStatus.RESERVED: Obstacle.RESERVED,
    ChargingStatus.PAUSED: Obstacle.PAUSED,
    ChargingStatus.COMPLETE: Obstacle.FULLY_CHARGED,
    ChargingStatus.SUSPENDED_EV: Obstacle.SUSPENDED_BY_VEHICLE,
    ChargingStatus.SUSPENDED_EVSE: Obstacle.SUSPENDED_BY_CHARGER,
    ChargingStatus.STARTING: Obstacle.STARTING,
}


def why_not_charging(device: Device) -> Obstacle | None:
    """Return what keeps a charger from charging, None while it does or nobody knows.

    What people can do something about comes before what merely follows from it.
    """
    readings, status = device.readings, device.readings.get(Reading.STATUS)
    if device.online is False:
        return Obstacle.OFFLINE
    if readings.get(Reading.CHARGING) is True:
        return None
    if readings.get(Reading.PROBLEM) is True:
        return Obstacle.FAULT
    if readings.get(Reading.PLUG) is False:
        status = status if status in _BEFORE_THE_CAR else ChargingStatus.DISCONNECTED
    elif readings.get(Reading.PAUSED) is True:
        return Obstacle.PAUSED
    elif readings.get(Reading.FULLY_CHARGED) is True:
        return Obstacle.FULLY_CHARGED
    elif _limit_too_low(device):
        return Obstacle.LIMIT_TOO_LOW
    if isinstance(status, ChargingStatus) and status in _OBSTACLES:
        return _OBSTACLES[status]
    allowed = device.controls.get(Control.CHARGING)
    return Obstacle.STOPPED if allowed and allowed.value is False else None


def _limit_too_low(device: Device) -> bool:
    """Return whether a limit allows less than a vehicle can be offered."""
    state = device.controls.get(Control.CURRENT_LIMIT)
    limit = None if state is None else _number(state.value)
    return limit is not None and limit < LOWEST_CURRENT


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitCheck:
    """A limit beside what the charger offers and the vehicle draws, in one unit."""

    limit: float | None
    offered: float | None
    drawn: float | None
    unit: Unit

    @property
    def passed(self) -> bool | None:
        """Return whether more is drawn than was allowed, None where nobody knows."""
        least = _LEAST_TOLERANCE[self.unit]
        if self.drawn is not None and self.drawn <= least:
            return False
        if self.limit is None or self.drawn is None:
            return None
        return self.drawn > self.limit + max(least, self.limit * _TOLERANCE)


def limit_check(device: Device) -> LimitCheck | None:
    """Compare what flows with the limit, None where a device does not tell both."""
    if (
        Control.CURRENT_LIMIT in device.controls
        and not device.readings.keys().isdisjoint(CURRENTS)
    ):
        currents = [
            value
            for reading in CURRENTS
            if (value := _number(device.readings.get(reading))) is not None
        ]
        return LimitCheck(
            limit=_number(device.controls[Control.CURRENT_LIMIT].value),
            offered=_number(device.readings.get(Reading.CURRENT_OFFERED)),
            drawn=max(currents, default=None),
            unit=Unit.AMPERE,
        )
    if Control.POWER_LIMIT in device.controls and Reading.POWER in device.readings:
        return LimitCheck(
            limit=_number(device.controls[Control.POWER_LIMIT].value),
            offered=_number(device.readings.get(Reading.POWER_OFFERED)),
            drawn=_number(device.readings[Reading.POWER]),
            unit=Unit.WATT,
        )
    return None


def _number(value: object) -> float | None:
    """Return a value that is a number."""
    return float(value) if isinstance(value, int | float) else None
