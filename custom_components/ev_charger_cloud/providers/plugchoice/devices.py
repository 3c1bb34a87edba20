"""What is known of a charger, as devices of the vocabulary."""

from collections.abc import Mapping
from typing import Final

from ...charging import (
    CURRENTS,
    VOLTAGES,
    ChargingStatus,
    ClearChargingProfile,
    ClearLimit,
    Command,
    Control,
    ControlState,
    Device,
    DeviceKind,
    ErrorCode,
    Name,
    Reading,
    Reset,
    SetChargingProfile,
    StartCharging,
    StopCharging,
    Value,
)
from ..wire import translate
from .mappings import ERRORS, IN_SESSION, PHASES, STATUS
from .state import ChargerState, ConnectorState, energy_of, stop_reason_of
from .wire import Card, Charger, Connector

_PORTAL: Final = "https://app.plugchoice.com/chargers"
_MIN_CURRENT = 6.0  # IEC 61851 knows nothing between 0 and this
_MAX_CURRENT = 32.0  # where neither charger nor connector states one

# What is worth an entity only where the charger measures it.
_MEASURED = (
    *VOLTAGES,
    Reading.CURRENT_OFFERED,
    Reading.POWER_OFFERED,
    Reading.STATE_OF_CHARGE,
    Reading.TEMPERATURE,
)

# The endpoint behind each command; one that answered 403 is not offered for a while.
_CONNECTOR_COMMANDS: dict[type[Command], str] = {
    StartCharging: "start",
    StopCharging: "stop",
    ClearLimit: "clear-charging-profile",
    SetChargingProfile: "charging-profile",
    ClearChargingProfile: "clear-charging-profile",
}
_STATION_COMMANDS: dict[type[Command], str] = {
    Reset: "restart",
    SetChargingProfile: "charging-profile",
    ClearChargingProfile: "clear-charging-profile",
}


def devices_of(
    station: ChargerState, cards: Mapping[str, Card], card: str | None
) -> tuple[Device, ...]:
    """Put the devices together: one, or a charger and its connectors.

    `cards` go by name, `card` is the one that remote starts are made with.
    """
    charger = station.state or station.listed
    model = charger.model or station.listed.model
    numbers = list(station.connectors)
    readings = _station_readings(station, charger)
    controls = _station_controls(station, cards, card)
    commands = _commands(station, _STATION_COMMANDS)
    if len(numbers) == 1:
        readings |= _readings(station, numbers[0])
        controls |= _controls(station, numbers[0])
        commands |= _commands(station, _CONNECTOR_COMMANDS)
    else:
        readings |= _problem(charger)
    parent = Device(
        id=station.uuid,
        name=station.name,
        maker=model.vendor if model else None,
        model=model.name if model else None,
        serial=charger.identity,
        firmware=charger.parsed_firmware_version or charger.firmware_version,
        url=f"{_PORTAL}/{station.uuid}",
        online=station.online,
        observed_at=station.observed_at,
        readings=readings,
        controls=controls,
        commands=commands,
    )
    parent_name = parent.name if isinstance(parent.name, str) else ""
    children = [
        Device(
            id=station.device_id(number),
            kind=DeviceKind.CONNECTOR,
            name=Name(
                key="connector",
                placeholders={"charger": parent_name, "number": str(number)},
            ),
            parent=parent.id,
            maker=parent.maker,
            model=parent.model,
            online=parent.online,
            observed_at=station.observed_at,
            readings=_readings(station, number),
            controls=_controls(station, number),
            commands=_commands(station, _CONNECTOR_COMMANDS),
        )
        for number in (numbers if len(numbers) > 1 else ())
    ]
    return (parent, *children)


def _station_readings(station: ChargerState, charger: Charger) -> dict[Reading, Value]:
    """Return what holds for the whole charger."""
    licences = charger.licenses
    readings: dict[Reading, Value] = {
        Reading.LAST_HEARTBEAT: charger.last_heartbeat_at,
        Reading.SERVER: charger.server,
        Reading.BLOCKED: charger.blocked,
        Reading.LICENCE: None
        if licences is None
        else "pro"
        if licences.pro
        else "smart"
        if licences.smart
        else "basic",
    }
    cables = {(c.format or "").lower() for c in station.connectors.values()}
    if station.offers("socket-lock") and cables != {"cable"}:
        readings[Reading.SOCKET_LOCK] = (
            None if station.online is False else station.socket_lock
        )
    return readings


def _problem(*parts: Charger | Connector) -> dict[Reading, Value]:
    """Return what is wrong: the first part with an error tells."""
    wrong = next(
        (part for part in parts if part.error not in (None, "NoError")), parts[0]
    )
    details = (wrong.vendor_error_code, wrong.error_info)
    return {
        Reading.PROBLEM: wrong.error not in (None, "NoError")
        or any(part.status == "Faulted" for part in parts),
        # Only what is wrong is told: an error of null is none.
        Reading.ERROR_CODE: ErrorCode.NO_ERROR
        if wrong.error is None
        else translate(ERRORS, wrong.error, of="Plugchoice error code"),
        Reading.ERROR_DETAIL: " ".join(text for text in details if text) or None,
    }


def _status(station: ChargerState, number: int) -> ChargingStatus | None:
    """Return a connector's status; an offline charger's is not known."""
    if station.online is False:
        return None
    word = station.connectors[number].status
    whole = station.state.status if station.state else None
    # A fault of the whole charger does not always reach its connectors' status.
    if word in (None, "Available") and whole in ("Faulted", "Unavailable"):
        word = whole
    return translate(STATUS, word, of="Plugchoice connector status")


def _readings(station: ChargerState, number: int) -> dict[Reading, Value]:
    """Return what holds for a connector."""
    connector, outlet = station.connectors[number], station.outlets[number]
    status, live = _status(station, number), station.live(number)
    charging = None if status is None else status is ChargingStatus.CHARGING
    phases = PHASES.get(connector.power_type or "", 1)
    flowing = [Reading.POWER] + [
        reading
        for phase, reading in enumerate(CURRENTS)
        if phase < phases or reading in outlet.seen
    ]
    alone = len(station.connectors) == 1
    parts = (connector, station.state) if alone and station.state else (connector,)
    readings: dict[Reading, Value] = {
        Reading.STATUS: status,
        Reading.CLOUD_STATUS: connector.status,
        Reading.PLUG: None if status is None else status.plugged_in,
        Reading.CHARGING: charging,
        **_problem(*parts),
        # Nothing flows but while charging, whatever the last sample says.
        **{key: 0.0 if charging is False else live.get(key) for key in flowing},
        **{key: live.get(key) for key in _MEASURED if key in outlet.seen},
        Reading.MAXIMUM_CURRENT: station.maximum_current(number),
        Reading.LIFETIME_ENERGY: outlet.lifetime,
        Reading.LAST_UPDATE: max(
            (at for at in (outlet.usage.sample.at, outlet.meter.sample.at) if at),
            default=None,
        ),
    }
    if station.offers("transactions"):
        readings |= _session_readings(station, connector, outlet)
    return readings


def _session_readings(
    station: ChargerState, connector: Connector, outlet: ConnectorState
) -> dict[Reading, Value]:
    """Return the running session, or the last one while none is running."""
    transactions = station.transactions_of(connector)
    running = station.running(connector)
    last = next((item for item in transactions if item.stopped_at), None)
    if running:
        shown, energy = running, outlet.session_energy(running)
    elif connector.status in IN_SESSION or not transactions:
        shown, energy = None, None
    else:
        shown = transactions[0]
        energy = energy_of(shown) if shown.stopped_at else outlet.session_energy(shown)
    return {
        Reading.SESSION_ENERGY: energy,
        Reading.SESSION_START: shown.started_at if shown else None,
        Reading.SESSION_END: shown.stopped_at if shown else None,
        Reading.LAST_SESSION_ENERGY: energy_of(last) if last else None,
        Reading.STOP_REASON: stop_reason_of(last)
        if last and connector.status not in IN_SESSION
        else None,
    }


def _station_controls(
    station: ChargerState, cards: Mapping[str, Card], card: str | None
) -> dict[Control, ControlState]:
    """Return what can be set for the whole charger."""
    if not station.permitted:
        return {}
    controls = {}
    if station.offers("lock"):
        controls[Control.LOCK] = ControlState(value=station.lock)
    if station.offers("plug-charge"):
        controls[Control.PLUG_AND_CHARGE] = ControlState(
            value=station.plug_charge.enabled if station.plug_charge else None
        )
    if cards and station.offers("start"):
        controls[Control.START_CARD] = ControlState(value=card, options=tuple(cards))
    return controls


def _controls(station: ChargerState, number: int) -> dict[Control, ControlState]:
    """Return what can be set for a connector."""
    controls = {}
    if {StartCharging, StopCharging} <= _commands(station, _CONNECTOR_COMMANDS).keys():
        controls[Control.CHARGING] = ControlState(value=_allowed(station, number))
    if station.permitted and station.offers("charge-limit"):
        controls[Control.CURRENT_LIMIT] = ControlState(
            value=station.limit(number),
            minimum=_MIN_CURRENT,
            maximum=station.maximum_current(number) or _MAX_CURRENT,
            step=1.0,
            timed=True,
        )
    return controls


def _allowed(station: ChargerState, number: int) -> bool | None:
    """Return whether a session may draw energy; a limit of 0 A pauses it."""
    status = _status(station, number)
    if status is None:
        return None
    if status is ChargingStatus.SUSPENDED_EVSE:
        return station.offered(number) != 0
    return status in (ChargingStatus.CHARGING, ChargingStatus.SUSPENDED_EV)


# The optional fields that Plugchoice honours.
_FIELDS: dict[type[Command], frozenset[str]] = {
    StartCharging: frozenset({"current_limit", "id_token"}),
    ClearChargingProfile: frozenset({"profile_id", "purpose", "stack_level"}),
}


def _commands(
    station: ChargerState, commands: Mapping[type[Command], str]
) -> dict[type[Command], frozenset[str]]:
    """Return the commands that the account has the right to, with their fields."""
    if not station.permitted:
        return {}
    return {
        command: _FIELDS.get(command, frozenset())
        for command, feature in commands.items()
        if station.offers(feature)
    }
