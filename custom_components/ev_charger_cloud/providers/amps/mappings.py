"""AMPS's shapes in the words of `charging`."""

from ...charging import (
    CancelScheduled,
    ChargingStatus,
    Command,
    Control,
    ControlState,
    Device,
    Reading,
    Refresh,
    StartCharging,
    StopCharging,
    Value,
)
from ..wire import once, translate
from .charger_state import ChargerState
from .wire import CAP, CHARGE, IDLE, Action, Charger, Metadata, Setting, State, Sync

# AMPS publishes no list of status words; its booleans tell more and win.
_STATUSES = {
    "available": ChargingStatus.DISCONNECTED,
    "charging": ChargingStatus.CHARGING,
}

# What the documentation gives for all chargers.
_CAP_UNIT = "kw"
_CAP_RANGE = (0.0, 50.0)

_LONGEST_STATE = 255

_LIVE = (
    Reading.STATUS,
    Reading.CLOUD_STATUS,
    Reading.PLUG,
    Reading.CHARGING,
    Reading.POWER,
)


def name_of(charger: Charger) -> str | None:
    """Return what a person calls a charger: AMPS knows no names."""
    model = charger.metadata.model if charger.metadata else None
    return model or charger.vendor


def device_of(known: ChargerState, *, controllable: bool) -> Device:
    """Translate a charger, its last action, and what is wrong with either."""
    charger, trouble = known.charger, known.trouble
    offline = trouble is not None and trouble.offline
    readings = _readings(charger, known.action)
    if offline:
        readings |= dict.fromkeys(_LIVE) | {Reading.DATA_LINK: False}
    return Device(
        id=known.id,
        name=known.name,
        maker=charger.vendor,
        model=charger.metadata.model if charger.metadata else None,
        # Told apart from silence only by a maker that cannot reach its charger.
        online=True
        if known.online is None and charger.state is not None
        else known.online,
        stale=known.stale,
        readings=readings,
        controls=_controls(charger) if controllable else {},
        observed_at=known.observed_at,
        commands=_commands(charger) if controllable else {Refresh: frozenset()},
    )


def _readings(charger: Charger, action: Action | None) -> dict[Reading, Value]:
    """Translate what can be read; power limits are told in kW."""
    state = charger.state or State()
    sync = charger.sync or Sync()
    plug, charging = _plug_and_charging(state)
    readings: dict[Reading, Value] = {
        Reading.STATUS: _status(state, plug, charging),
        Reading.CLOUD_STATUS: state.status,
        Reading.PLUG: plug,
        Reading.CHARGING: charging,
        Reading.POWER: watts(state.current_power),
        Reading.LAST_UPDATE: sync.last_pulled_at,
        Reading.DATA_LINK: sync.available,
        Reading.DATA_SOURCE: (charger.metadata or Metadata()).source,
        Reading.LAST_ACTION: action.state if action else None,
        Reading.LAST_ACTION_ERROR: (
            action.complaint[:_LONGEST_STATE] or None
            if action and action.failed
            else None
        ),
    }
    if "maxCurrent" in state.told:
        readings[Reading.MAXIMUM_CURRENT] = state.max_current
    if "powerRateLimit" in state.told:
        readings[Reading.MAXIMUM_POWER] = watts(state.power_rate_limit)
    if _can_put_off(charger):
        readings[Reading.SCHEDULED_AT] = (
            action.start if action and action.put_off else None
        )
    return readings


def _plug_and_charging(state: State) -> tuple[bool | None, bool | None]:
    """Return whether a vehicle is connected and whether energy flows.

    The status word decides only where both booleans are silent.
    """
    plug, charging = state.is_connected, state.is_charging
    if plug is None and charging is None:
        if state.status == "charging":
            return True, True
        return (False, False) if state.status == "available" else (None, None)
    if charging:
        if plug is False:
            once("AMPS", "a charger that charges without a vehicle")
        return True, True
    return plug, False if plug is False else charging


def _status(
    state: State, plug: bool | None, charging: bool | None
) -> ChargingStatus | None:
    """Return the status; paused, finished and waiting look alike at AMPS."""
    if charging:
        return ChargingStatus.CHARGING
    if plug is None and charging is None:
        return translate(_STATUSES, state.status, of="AMPS status")
    if plug is None or (plug and charging is None):
        return None
    return ChargingStatus.CONNECTED if plug else ChargingStatus.DISCONNECTED


def _controls(charger: Charger) -> dict[Control, ControlState]:
    """Translate what can be set."""
    controls: dict[Control, ControlState] = {}
    if _commands(charger).keys() >= {StartCharging, StopCharging}:
        _, charging = _plug_and_charging(charger.state or State())
        controls[Control.CHARGING] = ControlState(value=charging)
    if cap := cap_of(charger):
        low, high = bounds_of(cap)
        controls[Control.POWER_LIMIT] = ControlState(
            value=watts(cap.value), minimum=watts(low), maximum=watts(high), step=100
        )
    return controls


def cap_of(charger: Charger) -> Setting | None:
    """Return the power cap, if there is one that is understood.

    The older generations take a cap but never tell it. Nothing is assumed then: a
    value remembered from the last command would outlive what the charger really does.
    """
    if not charger.canonical:
        return Setting(unit=_CAP_UNIT)
    cap = charger.settings.get(CAP)
    return cap if cap and (cap.unit or "").lower() == _CAP_UNIT else None


def bounds_of(cap: Setting) -> tuple[float, float]:
    """Return the least and the most that a cap may be, in kW."""
    low, high = _CAP_RANGE
    return (
        low if cap.min is None else cap.min,
        high if cap.max is None else cap.max,
    )


def _commands(charger: Charger) -> dict[type[Command], frozenset[str]]:
    """Return the commands that a charger takes, with the fields that AMPS honours."""
    commands: dict[type[Command], frozenset[str]] = {Refresh: frozenset()}
    for command, verb in ((StartCharging, CHARGE), (StopCharging, IDLE)):
        execution = charger.execution(verb)
        if "immediate" in execution:
            put_off = "scheduled" in execution
            commands[command] = frozenset({"delay"} if put_off else ())
    if charger.canonical and _can_put_off(charger):
        commands[CancelScheduled] = frozenset({"action_id"})
    return commands


def _can_put_off(charger: Charger) -> bool:
    return any("scheduled" in charger.execution(verb) for verb in (CHARGE, IDLE))


def watts(kilowatts: float | None) -> float | None:
    """Turn kW into W."""
    return None if kilowatts is None else round(kilowatts * 1000, 1)
