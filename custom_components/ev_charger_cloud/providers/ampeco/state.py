"""Charge points and their EVSEs, translated into devices."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...charging import (
    ActivateSubscription,
    ApplyFee,
    CancelReservation,
    ChargingStatus,
    ClearChargingProfile,
    ClearLimit,
    Command,
    Control,
    ControlState,
    Device,
    DeviceKind,
    ErrorCode,
    HardReset,
    Money,
    Name,
    Reading,
    Refresh,
    Reserve,
    Reset,
    SessionStatus,
    SetChargingProfile,
    SetConfiguration,
    StartCharging,
    StopCharging,
    SyncConfiguration,
    TriggerMessage,
    Unlock,
    Value,
)
from ..wire import once, translate
from .features import Feature, Features
from .mappings import ONLINE, RESERVATION_STATUS, SESSION_STATUS, STATUS, STOP_REASON
from .smart_charging import mode_bodies
from .wire import ChargePoint, ChargingSession, Evse, Reservation

MINIMUM_CURRENT = 6.0
"""The least current that can be offered to a vehicle (IEC 61851), in A."""

USUAL_CURRENT = 32.0
"""The greatest current (A) where the cloud does not say what an EVSE is built for."""

_FLOWS = frozenset({ChargingStatus.CHARGING})
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

    `limit` (A) is what its charging profile allows now, `battery` says that it tells
    the charge.
    """

    evse: Evse
    running: ChargingSession | None = None
    finished: ChargingSession | None = None
    reservation: Reservation | None = None
    fault: Fault | None = None
    limit: float | None = None
    battery: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePointState:
    """A charge point with everything that its devices are made from."""

    point: ChargePoint
    outlets: tuple[EvseState, ...] = ()
    area: str | None = None
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
    word = point.network_status
    if word is None:
        return None
    return translate(
        ONLINE,
        word.lower().replace("_", " ").replace("-", " "),
        of="AMPECO network status",
    )


def describe(station: ChargePointState, features: Features) -> dict[str, Device]:
    """Return the devices of a charge point: one, or one and its EVSEs."""
    point, outlets = station.point, station.outlets
    boot = point.boot
    device_id = station_device_id(point.id)
    network_id = point.network.id if point.network else None
    device = Device(
        id=device_id,
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
        readings=_station_readings(station),
        controls=_station_controls(station, features),
        commands=offered(_station_commands(point, features)),
    )
    if len(outlets) != 1:
        return {device_id: device} | {
            child.id: child
            for child in (_connector(device, station, o, features) for o in outlets)
        }
    only = outlets[0]
    return {
        device_id: replace(
            device,
            readings=_outlet_readings(station, only, features),
            controls={
                **device.controls,
                **_outlet_controls(station, only, features),
            },
            commands={
                **device.commands,
                **offered(_outlet_commands(point, only, features)),
            },
        )
    }


def serial_of(point: ChargePoint) -> str | None:
    """Return the serial number that a charge point told when it last started."""
    boot = point.boot
    if boot is None:
        return None
    return boot.charge_point_serial_number or boot.charge_box_serial_number


# The optional fields that AMPECO honours.
_FIELDS: dict[type[Command], frozenset[str]] = {
    StartCharging: frozenset({"current_limit", "id_token", "user_id"}),
    StopCharging: frozenset({"force"}),
    Reserve: frozenset({"reason", "user_id"}),
    CancelReservation: frozenset({"reservation_id"}),
    ClearChargingProfile: frozenset({"profile_id", "purpose", "stack_level"}),
    SetConfiguration: frozenset({"component", "instance"}),
    SyncConfiguration: frozenset({"keys"}),
    ActivateSubscription: frozenset({"auto_renewal", "end", "reason"}),
    ApplyFee: frozenset({"payment_method_id"}),
}


def offered(
    commands: Iterable[type[Command]],
) -> dict[type[Command], frozenset[str]]:
    """Return commands with the optional fields that AMPECO honours."""
    return {command: _FIELDS.get(command, frozenset()) for command in commands}


def _connector(
    parent: Device, station: ChargePointState, outlet: EvseState, features: Features
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
        readings=_outlet_readings(station, outlet, features),
        controls=_outlet_controls(station, outlet, features),
        commands=offered(_outlet_commands(station.point, outlet, features)),
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
    }


def _station_controls(
    station: ChargePointState, features: Features
) -> dict[Control, ControlState]:
    """Return what can be set on the whole station."""
    point, controls = station.point, dict[Control, ControlState]()
    if not _speaks_ocpp(point):
        return controls
    if features.on(Feature.AVAILABILITY):
        controls[Control.AVAILABILITY] = ControlState(
            value=_available(point, point.hardware_status)
        )
    if features.on(Feature.SMART_CHARGING):
        modes = mode_bodies(point.smart_charging, station.modes)
        if len(modes) > 1 and point.smart_charging:
            controls[Control.SMART_CHARGING_MODE] = ControlState(
                value=str(point.smart_charging.get("mode")), options=tuple(modes)
            )
    return controls


def _station_commands(
    point: ChargePoint, features: Features
) -> Iterator[type[Command]]:
    """Yield what the station as a whole can be asked."""
    if not _speaks_ocpp(point):
        return
    for command, feature in (
        (Reset, Feature.RESET),
        (HardReset, Feature.RESET),
        (Refresh, Feature.TRIGGER),
        (TriggerMessage, Feature.TRIGGER),
        (SetConfiguration, Feature.SET_CONFIGURATION),
        (SyncConfiguration, Feature.SYNC_CONFIGURATION),
        (SetChargingProfile, Feature.SET_PROFILE),
        (ClearChargingProfile, Feature.CLEAR_PROFILE),
    ):
        if features.on(feature):
            yield command


def _speaks_ocpp(point: ChargePoint) -> bool:
    """Return whether the cloud can reach the station's own controls."""
    return point.communication_mode not in {"none", "roaming"}


def _starts_remotely(point: ChargePoint) -> bool:
    """Return whether sessions can be started from afar."""
    able = point.capabilities
    return point.communication_mode != "none" and (
        not able or "remote_start_stop_capable" in able
    )


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
    return status


def _outlet_readings(
    station: ChargePointState, outlet: EvseState, features: Features
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
        Reading.CHARGING: status in _FLOWS if status else None,
        Reading.PROBLEM: faulted if status else None,
        Reading.ERROR_CODE: _error_code(fault, faulted=faulted, known=bool(status)),
        Reading.ERROR_DETAIL: fault.detail if faulted else None,
    }
    if power and power.max_power is not None:
        readings[Reading.MAXIMUM_POWER] = power.max_power
    if power and power.max_amperage is not None:
        readings[Reading.MAXIMUM_CURRENT] = power.max_amperage
    if features.on(Feature.SESSIONS):
        readings |= _session_readings(station, outlet, status)
    if evse.allows_reservation and features.on(Feature.RESERVATIONS):
        readings[Reading.RESERVATION] = translate(
            RESERVATION_STATUS,
            outlet.reservation.status if outlet.reservation else None,
            of="AMPECO reservation status",
        )
    return readings


def _session_readings(
    station: ChargePointState, outlet: EvseState, status: ChargingStatus | None
) -> dict[Reading, Value]:
    """Return what is known of the running session, or else of the last one."""
    running, finished = outlet.running, outlet.finished
    session = running or finished or ChargingSession()
    _check_unit(session, outlet.evse)
    power: float | None = None
    if status is not None and status not in _FLOWS:
        power = 0.0
    elif status and running and running.power_kw is not None:
        power = running.power_kw * 1000 if station.sessions_known else None
    readings: dict[Reading, Value] = {
        Reading.POWER: power,
        Reading.SESSION_STATUS: session_status(session),
        Reading.SESSION_ENERGY: session.energy,
        Reading.SESSION_COST: cost(session),
        Reading.SESSION_START: session.started_at,
        Reading.SESSION_END: session.stopped_at,
        Reading.STOP_REASON: translate(
            STOP_REASON, session.reason, of="AMPECO end of session"
        ),
        Reading.LAST_SESSION_ENERGY: finished.energy if finished else None,
        Reading.LAST_SESSION_COST: cost(finished) if finished else None,
    }
    if outlet.battery or outlet.evse.current_type == "dc":
        readings[Reading.STATE_OF_CHARGE] = running.soc_percent if running else None
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
    station: ChargePointState, outlet: EvseState, features: Features
) -> dict[Control, ControlState]:
    """Return what can be set on an EVSE."""
    point, evse, controls = station.point, outlet.evse, dict[Control, ControlState]()
    rights = (Feature.SESSIONS, Feature.START, Feature.STOP)
    if _starts_remotely(point) and all(features.on(right) for right in rights):
        status = _status(station, outlet)
        controls[Control.CHARGING] = ControlState(
            value=None
            if status is None
            else status in _IN_SESSION or outlet.running is not None
        )
    if not _speaks_ocpp(point) or evse.network_id is None:
        return controls
    if features.on(Feature.AVAILABILITY):
        controls[Control.AVAILABILITY] = ControlState(
            value=_available(point, evse.hardware_status)
        )
    if features.on(Feature.SET_PROFILE):
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


def _outlet_commands(
    point: ChargePoint, outlet: EvseState, features: Features
) -> Iterator[type[Command]]:
    """Yield what an EVSE can be asked."""
    evse = outlet.evse
    if _starts_remotely(point):
        if features.on(Feature.START):
            yield StartCharging
        if features.on(Feature.STOP) and features.on(Feature.SESSIONS):
            yield StopCharging
    if not _speaks_ocpp(point):
        return
    if evse.allows_reservation and features.on(Feature.RESERVE):
        yield Reserve
        if features.on(Feature.CANCEL_RESERVATION):
            yield CancelReservation
    sockets = any(plug.format == "socket" for plug in evse.connectors)
    if sockets and features.on(Feature.UNLOCK):
        yield Unlock
    if features.on(Feature.TRIGGER):
        yield Refresh
        yield TriggerMessage
    if evse.network_id is None:
        return
    if features.on(Feature.SET_PROFILE):
        yield SetChargingProfile
    if features.on(Feature.CLEAR_PROFILE):
        yield ClearChargingProfile
        yield ClearLimit
