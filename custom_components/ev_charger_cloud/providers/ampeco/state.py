"""Charge points and their EVSEs, translated into devices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from ...charging import (
    CURRENTS,
    ChargingStatus,
    Control,
    ControlState,
    Device,
    DeviceKind,
    ErrorCode,
    Money,
    Name,
    Reading,
    SessionStatus,
    StopReason,
    Value,
)
from ..wire import once, translate
from .actions import Scope, offered, speaks_ocpp, starts_remotely
from .features import Feature, Rights
from .mappings import (
    ONLINE,
    PAYMENT_STATUS,
    RESERVATION_STATUS,
    SESSION_STATUS,
    STATUS,
    STOP_REASON,
)
from .smart_charging import mode_bodies
from .wire import ChargePoint, ChargingSession, Evse, Reservation

MINIMUM_CURRENT = 6.0
"""The least current that can be offered to a vehicle (IEC 61851), in A."""

USUAL_CURRENT = 32.0
"""The greatest current (A) where the cloud does not say what an EVSE is built for."""

# What callbacks alone can tell; the rest comes from sessions too.
_METERED = frozenset(
    {
        *CURRENTS,
        Reading.VOLTAGE_PHASE_1,
        Reading.VOLTAGE_PHASE_2,
        Reading.VOLTAGE_PHASE_3,
        Reading.CURRENT_OFFERED,
        Reading.POWER_OFFERED,
        Reading.TEMPERATURE,
        Reading.LIFETIME_ENERGY,
    }
)
_IN_SESSION = frozenset(
    {
        ChargingStatus.CHARGING,
        ChargingStatus.SUSPENDED_EV,
        ChargingStatus.SUSPENDED_EVSE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a station or an EVSE, as far as its status log tells."""

    code: ErrorCode | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseState:
    """An EVSE with what belongs to it.

    `attempt` is a start that came to nothing after the last session. `limit` (A) is
    what the charging profile allows now, `battery` says that the EVSE tells the charge.
    `meter` is what callbacks told of it, None for what is no longer known.
    """

    evse: Evse
    running: ChargingSession | None = None
    finished: ChargingSession | None = None
    attempt: ChargingSession | None = None
    had_session: bool = False
    reservation: Reservation | None = None
    fault: Fault | None = None
    limit: float | None = None
    battery: bool = False
    meter: Mapping[Reading, Value] = field(default_factory=dict)
    tariff: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePointState:
    """A charge point with everything that its devices are made from."""

    point: ChargePoint
    outlets: tuple[EvseState, ...] = ()
    area: str | None = None
    partner: str | None = None
    fault: Fault | None = None
    modes: Mapping[str, Any] | None = None
    sessions_known: bool = True
    stale: bool = False
    observed_at: float = field(default=float("-inf"), compare=False)


def station_device_id(station: str | None) -> str:
    """Return the id of a charge point's device."""
    return f"cp{station}"


def evse_device_id(station: str | None, evse: str | None, *, single: bool) -> str:
    """Return the id of the device that stands for an EVSE."""
    device_id = station_device_id(station)
    return device_id if single else f"{device_id}_{evse}"


def online(point: ChargePoint) -> bool | None:
    """Return whether a charge point is connected to the cloud."""
    return None if point.network_status is None else _online(point.network_status)


@lru_cache(maxsize=32)
def _online(word: str) -> bool | None:
    """Read a network status, however its parts are joined."""
    spaced = word.lower().replace("_", " ").replace("-", " ")
    return translate(ONLINE, spaced, of="AMPECO network status")


def describe(station: ChargePointState, access: Rights) -> dict[str, Device]:
    """Return the devices of a charge point: one, or one and its EVSEs."""
    point, boot = station.point, station.point.boot
    only = station.outlets[0] if len(station.outlets) == 1 else None
    network_id = point.network.id if point.network else None
    controls = _station_controls(station, access)
    if only:
        controls |= _outlet_controls(station, only, access)
    device = Device(
        id=station_device_id(point.id),
        name=point.name
        or network_id
        or Name(key="charger", placeholders={"id": point.id or ""}),
        maker=boot.vendor if boot else None,
        model=boot.model if boot else None,
        serial=serial_of(point),
        firmware=boot.firmware_version if boot else None,
        area=station.area,
        online=online(point),
        stale=station.stale,
        observed_at=station.observed_at,
        readings=_outlet_readings(station, only, access)
        if only
        else _station_readings(station),
        controls=controls,
        commands=offered(Scope.STATION | Scope.EVSE, access, point, only.evse)
        if only
        else offered(Scope.STATION, access, point),
    )
    if only:
        return {device.id: device}
    connectors = (_connector(device, station, o, access) for o in station.outlets)
    return {each.id: each for each in (device, *connectors)}


def serial_of(point: ChargePoint) -> str | None:
    """Return the serial number that a charge point told when it last started."""
    boot = point.boot
    if boot is None:
        return None
    return boot.charge_point_serial_number or boot.charge_box_serial_number


def _connector(
    parent: Device,
    station: ChargePointState,
    outlet: EvseState,
    access: Rights,
) -> Device:
    """Return the device of one EVSE among several."""
    evse = outlet.evse
    return Device(
        id=evse_device_id(station.point.id, evse.id, single=False),
        kind=DeviceKind.CONNECTOR,
        name=evse.label
        or Name(
            key="connector",
            placeholders={"number": str(evse.network_id or evse.id)},
        ),
        parent=parent.id,
        maker=parent.maker,
        model=parent.model,
        area=parent.area,
        online=parent.online,
        stale=station.stale,
        observed_at=station.observed_at,
        readings=_outlet_readings(station, outlet, access),
        controls=_outlet_controls(station, outlet, access),
        commands=offered(Scope.EVSE, access, station.point, evse),
    )


# The station as a whole


def _station_readings(station: ChargePointState) -> dict[Reading, Value]:
    """Return what is known of the whole station."""
    word = station.point.hardware_status
    connected = online(station.point) is not False
    faulted = word == "faulted"
    fault = station.fault or Fault()
    return {
        Reading.CLOUD_STATUS: word,
        Reading.PROBLEM: faulted if word and connected else None,
        Reading.ERROR_CODE: _error_code(fault, faulted=faulted, known=bool(word)),
        Reading.ERROR_DETAIL: fault.detail,
        **_partner(station),
    }


def _partner(station: ChargePointState) -> dict[Reading, Value]:
    """Return whom a charge point is run for, if for anybody."""
    return {Reading.PARTNER: station.partner} if station.point.partner else {}


def _station_controls(
    station: ChargePointState, access: Rights
) -> dict[Control, ControlState]:
    """Return what can be set on the whole station."""
    point, controls = station.point, dict[Control, ControlState]()
    if not speaks_ocpp(point):
        return controls
    if access.allows(Feature.AVAILABILITY):
        controls[Control.AVAILABILITY] = ControlState(
            value=_available(point, point.hardware_status)
        )
    if access.allows(Feature.SMART_CHARGING):
        modes = mode_bodies(point.smart_charging, station.modes)
        if len(modes) > 1 and point.smart_charging:
            controls[Control.SMART_CHARGING_MODE] = ControlState(
                value=str(point.smart_charging.get("mode")), options=tuple(modes)
            )
    return controls


def _available(point: ChargePoint, word: str | None) -> bool | None:
    """Return whether something is operative, None when that is not known now."""
    if word is None or online(point) is False:
        return None
    return word != "unavailable"


def _merged(own: Fault, station: Fault) -> Fault:
    """Add what the station tells to what an EVSE does not."""
    return Fault(code=own.code or station.code, detail=own.detail or station.detail)


def _error_code(fault: Fault, *, faulted: bool, known: bool) -> ErrorCode | None:
    """Return what is wrong, if anything is known."""
    if faulted:
        return fault.code
    return ErrorCode.NO_ERROR if known else None


# One EVSE


def _status(station: ChargePointState, outlet: EvseState) -> ChargingStatus | None:
    """Return the state of an EVSE, None while its station is offline."""
    status = translate(STATUS, outlet.evse.hardware_status, of="AMPECO hardware status")
    if online(station.point) is False:
        return None
    running = outlet.running
    if status is ChargingStatus.CONNECTED and running and running.status == "pending":
        return ChargingStatus.STARTING
    if status is ChargingStatus.FINISHING and running is None and _was_stopped(outlet):
        return ChargingStatus.PAUSED
    if _merely_occupied(outlet) and _session_power(station, outlet):
        return ChargingStatus.CHARGING
    return status


def _was_stopped(outlet: EvseState) -> bool:
    """Return whether the vehicle waits because someone stopped its session from afar."""
    last = outlet.attempt or outlet.finished
    reason = STOP_REASON.get(last.reason or "") if last else None
    return reason is StopReason.REMOTE


def _merely_occupied(outlet: EvseState) -> bool:
    """Return whether only a session tells if an EVSE charges.

    With OCPP 2.0.1 it says no more than that it is in session.
    """
    return outlet.evse.hardware_status == "occupied"


def _session_power(station: ChargePointState, outlet: EvseState) -> float | None:
    """Return what the running session draws (W), None when that is not known now."""
    running = outlet.running
    if running is None or not station.sessions_known:
        return None
    if isinstance(metered := outlet.meter.get(Reading.POWER), float):
        return metered
    if running.power and running.power.latest is not None:
        return running.power.latest
    return None if running.power_kw is None else running.power_kw * 1000


def _power(
    station: ChargePointState, outlet: EvseState, status: ChargingStatus | None
) -> float | None:
    """Return the power (W); where none can flow it is 0, whatever a session says."""
    if status is None:
        return None
    if status is ChargingStatus.CHARGING or _merely_occupied(outlet):
        return _session_power(station, outlet)
    return 0.0


def _charging(
    station: ChargePointState, outlet: EvseState, status: ChargingStatus | None
) -> bool | None:
    """Return whether energy flows."""
    if status is None or (
        _merely_occupied(outlet) and _session_power(station, outlet) is None
    ):
        return None
    return status is ChargingStatus.CHARGING


def _outlet_readings(
    station: ChargePointState, outlet: EvseState, access: Rights
) -> dict[Reading, Value]:
    """Return what is known of an EVSE."""
    evse, status = outlet.evse, _status(station, outlet)
    broken = station.point.hardware_status == "faulted"
    faulted = broken or evse.hardware_status == "faulted"
    fault = _merged(outlet.fault or Fault(), station.fault or Fault())
    power = evse.power_options
    readings: dict[Reading, Value] = {
        Reading.STATUS: status,
        Reading.CLOUD_STATUS: evse.hardware_status,
        Reading.PLUG: status.plugged_in if status else None,
        Reading.CHARGING: _charging(station, outlet, status),
        Reading.PROBLEM: faulted if status else None,
        Reading.ERROR_CODE: _error_code(fault, faulted=faulted, known=bool(status)),
        Reading.ERROR_DETAIL: fault.detail if faulted else None,
    }
    readings |= {key: outlet.meter[key] for key in outlet.meter if key in _METERED}
    if len(station.outlets) == 1:
        readings |= _partner(station)
    if evse.tariff_group_id is not None:
        readings[Reading.TARIFF] = outlet.tariff
    if power and power.max_power is not None:
        readings[Reading.MAXIMUM_POWER] = power.max_power
    if power and power.max_amperage is not None:
        readings[Reading.MAXIMUM_CURRENT] = power.max_amperage
    if access.allows(Feature.SESSIONS):
        readings |= _session_readings(station, outlet, status)
    if evse.allows_reservation and access.allows(Feature.RESERVATIONS):
        readings[Reading.RESERVATION] = translate(
            RESERVATION_STATUS,
            outlet.reservation.status if outlet.reservation else None,
            of="AMPECO reservation status",
        )
        readings[Reading.RESERVED_UNTIL] = _reserved_until(outlet.reservation)
    return readings


def _reserved_until(reservation: Reservation | None) -> datetime | None:
    """Return when a reservation that holds an EVSE lapses."""
    if reservation is None or reservation.status != "active":
        return None
    if reservation.reserved_at is None or reservation.duration is None:
        return None
    return reservation.reserved_at + timedelta(minutes=reservation.duration)


def _session_readings(
    station: ChargePointState, outlet: EvseState, status: ChargingStatus | None
) -> dict[Reading, Value]:
    """Return what is known of the running session, or else of the last one.

    A start that came to nothing tells its end, but no amounts. Where there never was a
    session, nobody misses rows about one.
    """
    if not outlet.had_session:
        return {Reading.POWER: _power(station, outlet, status)}
    running, finished = outlet.running, outlet.finished
    session = running or finished or ChargingSession()
    told = running or outlet.attempt or session
    _check_unit(session, outlet.evse)
    readings: dict[Reading, Value] = {
        Reading.POWER: _power(station, outlet, status),
        Reading.SESSION_STATUS: session_status(told),
        Reading.SESSION_ENERGY: session.energy,
        Reading.SESSION_COST: cost(session),
        Reading.SESSION_START: session.started_at,
        Reading.SESSION_END: session.stopped_at,
        Reading.STOP_REASON: translate(
            STOP_REASON, told.reason, of="AMPECO end of session"
        ),
        Reading.PAYMENT_STATUS: translate(
            PAYMENT_STATUS, session.payment_status, of="AMPECO payment status"
        ),
        Reading.LAST_SESSION_ENERGY: finished.energy if finished else None,
        Reading.LAST_SESSION_COST: cost(finished) if finished else None,
    }
    if outlet.battery or outlet.evse.current_type == "dc":
        readings[Reading.STATE_OF_CHARGE] = running.soc_percent if running else None
    if Reading.STATE_OF_CHARGE in outlet.meter:
        level = outlet.meter[Reading.STATE_OF_CHARGE] if running else None
        readings[Reading.STATE_OF_CHARGE] = level
    metered = outlet.meter.get(Reading.SESSION_ENERGY)
    if running and isinstance(metered, float) and metered >= (running.energy or 0.0):
        readings[Reading.SESSION_ENERGY] = metered
    return readings


def session_status(session: ChargingSession) -> SessionStatus | None:
    """Return where a session stands."""
    return translate(SESSION_STATUS, session.status, of="AMPECO session status")


def cost(session: ChargingSession) -> Money | None:
    """Return what a session costs, with tax where the cloud says so."""
    total = session.total_amount
    amount = session.amount
    if total and total.with_tax is not None:
        amount = total.with_tax
    return None if amount is None else Money(amount, session.currency)


def _check_unit(session: ChargingSession, evse: Evse) -> None:
    """Warn when energy cannot be in Wh, which is what live tenants send."""
    end = session.stopped_at or session.last_updated_at
    power = evse.power_options.max_power if evse.power_options else None
    if not (session.energy and session.started_at and end and power):
        return
    hours = (end - session.started_at).total_seconds() / 3600
    if hours > 0.1 and session.energy / hours > 4 * power:
        once("AMPECO session", "more energy than the charger can deliver")


def _outlet_controls(
    station: ChargePointState, outlet: EvseState, access: Rights
) -> dict[Control, ControlState]:
    """Return what can be set on an EVSE."""
    point, evse, controls = station.point, outlet.evse, dict[Control, ControlState]()
    rights = (Feature.SESSIONS, Feature.START, Feature.STOP)
    if starts_remotely(point) and all(access.allows(right) for right in rights):
        status = _status(station, outlet)
        controls[Control.CHARGING] = ControlState(
            value=None
            if status is None
            else status in _IN_SESSION or outlet.running is not None
        )
    if not speaks_ocpp(point) or evse.network_id is None:
        return controls
    if access.allows(Feature.AVAILABILITY):
        controls[Control.AVAILABILITY] = ControlState(
            value=_available(point, evse.hardware_status)
        )
    if access.allows(Feature.SET_PROFILE):
        power = evse.power_options
        most = (power.max_amperage if power else None) or USUAL_CURRENT
        controls[Control.CURRENT_LIMIT] = ControlState(
            value=outlet.limit,
            minimum=min(MINIMUM_CURRENT, most),
            maximum=most,
            step=1.0,
            timed=True,
        )
    return controls
