"""AMPS's words and shapes in the words of `charging`."""

from dataclasses import replace

from ...charging import ChargingStatus, CommandResult, Outcome, Reading, Refusal, Value
from ..wire import number, once, translate
from .wire import (
    CAP,
    CHARGE,
    IDLE,
    Action,
    ActionState,
    Charger,
    Metadata,
    Setting,
    State,
    Sync,
)

KEY_REFUSED = frozenset({"invalid_api_key", "expired_token"})

RELINK = frozenset(
    {
        "account_locked",
        "credential_not_found",
        "invalid_credentials",
        "invalid_mfa_code",
        "mfa_required",
        "unsupported_auth_path",
        "unsupported_credential_type",
    }
)
"""What the maker's cloud says when the owner must link the charger anew."""

NOT_SUPPORTED = frozenset(
    {
        "command_not_supported",
        "direct_action_unsupported",
        "execution_not_supported",
        "not_implemented",
        "read_only_setting",
        "unsupported_mode",
        "unsupported_setting",
    }
)

REFUSALS = {
    "action_not_cancellable": Refusal.NOT_CANCELLABLE,
    "conflict": Refusal.CONFLICT,
    "device_offline": Refusal.OFFLINE,
    "invalid_time_window": Refusal.INVALID_VALUE,
    "parameter_out_of_range": Refusal.INVALID_VALUE,
    "setting_out_of_range": Refusal.INVALID_VALUE,
    "start_in_past": Refusal.IN_THE_PAST,
    "start_out_of_range": Refusal.INVALID_VALUE,
    "timeout": Refusal.NO_ANSWER,
    "unsupported_parameter": Refusal.INVALID_VALUE,
    "unsupported_unit": Refusal.INVALID_VALUE,
}

COMMANDS = {CHARGE: "start_charging", IDLE: "stop_charging", CAP: "set_control"}

# AMPS publishes no list of status words; its booleans tell more and win.
_STATUSES = {
    "available": ChargingStatus.DISCONNECTED,
    "charging": ChargingStatus.CHARGING,
}

_SUSPENDED = {
    "suspended_ev": ChargingStatus.SUSPENDED_EV,
    "suspended_evse": ChargingStatus.SUSPENDED_EVSE,
}

# What the documentation gives for all chargers.
_CAP_UNIT = "kw"
_CAP_RANGE = (0.0, 50.0)

_LONGEST_STATE = 255

_LAST_ACTION = (
    Reading.LAST_ACTION,
    Reading.LAST_ACTION_ERROR,
    Reading.LAST_ACTION_TYPE,
    Reading.LAST_ACTION_RESULT,
    Reading.LAST_ACTION_CREATED,
    Reading.LAST_ACTION_UPDATED,
)

LIVE = (
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


def readings_of(
    charger: Charger, action: Action | None, held: bool | None
) -> dict[Reading, Value]:
    """Translate what can be read; power limits are told in kW.

    `held` says whether a command holds charging back.
    """
    state = charger.state or State()
    sync = charger.sync or Sync()
    plug, charging = plug_and_charging(state)
    readings: dict[Reading, Value] = {
        Reading.STATUS: _status(state, plug, charging, held),
        Reading.CLOUD_STATUS: state.status,
        Reading.PLUG: plug,
        Reading.CHARGING: charging,
        Reading.POWER: watts(state.current_power),
        Reading.LAST_UPDATE: sync.last_pulled_at,
        Reading.DATA_LINK: sync.available,
        Reading.DATA_SOURCE: (charger.metadata or Metadata()).source,
        **_action_readings(action),
    }
    if "maxCurrent" in state.told:
        readings[Reading.MAXIMUM_CURRENT] = state.max_current
    if "powerRateLimit" in state.told:
        readings[Reading.MAXIMUM_POWER] = watts(state.power_rate_limit)
    if charger.can_put_off:
        readings[Reading.SCHEDULED_AT] = (
            action.start if action and action.put_off else None
        )
    return readings


def _action_readings(action: Action | None) -> dict[Reading, Value]:
    """Translate the last action."""
    if action is None:
        return dict.fromkeys(_LAST_ACTION)
    error = action.complaint if action.failed else ""
    return {
        Reading.LAST_ACTION: action.state,
        Reading.LAST_ACTION_ERROR: error[:_LONGEST_STATE] or None,
        Reading.LAST_ACTION_TYPE: action.verb,
        Reading.LAST_ACTION_RESULT: (action.maker_words or "")[:_LONGEST_STATE] or None,
        Reading.LAST_ACTION_CREATED: action.created_at,
        Reading.LAST_ACTION_UPDATED: action.updated_at,
    }


def plug_and_charging(state: State) -> tuple[bool | None, bool | None]:
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
    state: State, plug: bool | None, charging: bool | None, held: bool | None
) -> ChargingStatus | None:
    """Return the status.

    Finished, suspended and waiting look alike at AMPS, unless the maker's own word for
    it is one of OCPP's.
    """
    if charging:
        return ChargingStatus.CHARGING
    if plug is None and charging is None:
        return translate(_STATUSES, state.status, of="AMPS status")
    if plug is None or (plug and charging is None):
        return None
    if not plug:
        return ChargingStatus.DISCONNECTED
    if held:
        return ChargingStatus.PAUSED
    return _SUSPENDED.get(state.status or "", ChargingStatus.CONNECTED)


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


def watts(kilowatts: float | None) -> float | None:
    """Turn kW into W; None when that is no number any more."""
    return None if kilowatts is None else number(round(kilowatts * 1000, 1))


def result_of(action: Action) -> CommandResult:
    """Return how far an action came, and what AMPS has on record of it."""
    record = CommandResult(
        id=action.id,
        message=action.maker_words,
        due_at=action.start,
        finished_at=action.completed_at,
        action=action.verb,
        parameters=action.parameters or {},
        created_at=action.created_at,
        updated_at=action.updated_at,
        acknowledged_at=action.acknowledged_at,
        error_code=action.error_code,
        vendor_result=action.result,
    )
    if action.failed:
        code = (action.error_code or "failed").lower()
        return replace(
            record,
            outcome=Outcome.REFUSED,
            reason=REFUSALS.get(code, code),
            message=action.complaint or None,
        )
    if action.state is ActionState.CANCELLED:
        return replace(record, outcome=Outcome.REFUSED, reason="cancelled")
    if action.put_off:
        return replace(record, outcome=Outcome.DEFERRED)
    if action.open:
        return record
    return replace(record, outcome=Outcome.COMPLETED)
