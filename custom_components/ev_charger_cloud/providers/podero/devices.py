"""What a wallbox of Podero is in the common vocabulary."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta

from ...charging import (
    Boost,
    BoostState,
    ChargingStatus,
    Command,
    Control,
    ControlState,
    Device,
    Health,
    Money,
    Name,
    Pause,
    Reading,
    Resume,
    SetChargePolicy,
    StartCharging,
    StopCharging,
    Value,
)
from ..wire import translate
from .wire import SurplusSession, Wallbox

MAXIMUM_POWER = 22_000.0  # W; the cloud states no bound
POWER_STEP = 100.0  # W
_LONGEST = 255  # characters of a text that is shown; comments may have 300

_HEALTH: Mapping[str, Health | None] = {
    "ok": Health.OK,
    "warning": Health.WARNING,
    "error": Health.ERROR,
    "unknown": None,
}
_BOOST_STATES = {
    "available": BoostState.AVAILABLE,
    "requested": BoostState.REQUESTED,
    "ongoing": BoostState.ONGOING,
    "unavailable": BoostState.NOT_POSSIBLE,
}
_PRESENCE: Mapping[str, bool | None] = {
    "online": True,
    "offline": False,
    "never_connected": False,
}
_MODES: Mapping[str, ChargingStatus | None] = {
    "READY": ChargingStatus.DISCONNECTED,
    "PLUGGED_IN": ChargingStatus.CONNECTED,
    "CHARGING": ChargingStatus.CHARGING,
    "UNAVAILABLE": None,
    "UNKNOWN": None,
}

_COMMANDS: Mapping[type[Command], frozenset[str]] = {
    StartCharging: frozenset(),
    StopCharging: frozenset(),
    Resume: frozenset(),
    Pause: frozenset(),
    SetChargePolicy: frozenset(
        {
            "deadline",
            "deadline_level",
            "enabled",
            "power_limit",
            "target_maximum",
            "target_minimum",
        }
    ),
}

# What not every revision has, by the key that tells so.
_OPTIONAL: Mapping[str, Mapping[Reading, Callable[[Wallbox], Value]]] = {
    "is_forecasting_enabled": {
        Reading.FORECASTING: lambda wallbox: wallbox.is_forecasting_enabled
    },
    "optimization_score": {
        Reading.OPTIMISATION_SCORE: lambda wallbox: wallbox.optimization_score
    },
    "mode": {Reading.CLOUD_STATUS: lambda wallbox: wallbox.mode},
    "boost_state": {
        Reading.BOOST_STATE: lambda wallbox: translate(
            _BOOST_STATES, wallbox.boost_state, of="Podero boost_state"
        )
    },
    "action_needed": {Reading.ATTENTION_NEEDED: lambda wallbox: wallbox.action_needed},
    "lifecycle_state": {
        Reading.PROBLEM: lambda wallbox: (
            wallbox.lifecycle_state and wallbox.lifecycle_state == "error"
        ),
        Reading.ERROR_DETAIL: lambda wallbox: wallbox.lifecycle_error,
    },
}


def device_of(
    wallbox_id: str,
    wallbox: Wallbox,
    now: datetime,
    surplus: SurplusSession | None = None,
) -> Device:
    """Translate a wallbox; `surplus` is its running session, empty for none.

    Without it the readings of surplus sessions are not offered.
    """
    paused = pause_active(wallbox, now)
    readings = _readings(wallbox, paused=paused)
    if surplus is not None:
        readings |= _surplus_readings(surplus)
    model = wallbox.device_model
    return Device(
        id=wallbox_id,
        name=name_of(wallbox),
        maker=model.manufacturer if model else None,
        model=model.model if model else None,
        serial=wallbox.external_device_id,
        online=_online(wallbox),
        readings=readings,
        controls=_controls(wallbox, now, paused=paused),
        commands=_COMMANDS
        if "boost_state" in wallbox.keys
        else {**_COMMANDS, Boost: frozenset()},
    )


def of_the_moment(
    wallbox: Wallbox, now: datetime
) -> tuple[bool | None, datetime | None]:
    """Return what of a wallbox depends on the present time, too."""
    return pause_active(wallbox, now), _due(wallbox.charge_deadline_at, now)


def holds_until(wallbox: Wallbox, now: datetime) -> datetime | None:
    """Return when time alone will change what is told of a wallbox, None for never."""
    ends = [
        end
        for end in (wallbox.pause_power_until, _due(wallbox.charge_deadline_at, now))
        if end and end > now
    ]
    return min(ends, default=None)


def name_of(wallbox: Wallbox) -> str | Name:
    """Name a wallbox by maker and model: the cloud has no name for it."""
    made = wallbox.device_model
    maker = (made and made.manufacturer) or ""
    model = (made and made.model) or ""
    if model.lower().startswith(maker.lower()):
        maker = ""
    return f"{maker} {model}".strip() or Name(
        key="charger", placeholders={"id": (wallbox.id or "")[:8]}
    )


def _boosting(wallbox: Wallbox) -> bool | None:
    """Return whether a boost is running or armed, None where the cloud does not."""
    if wallbox.boost_for_next_session or wallbox.boost_state in (
        "requested",
        "ongoing",
    ):
        return True
    return None if wallbox.boost_state is None else False


def _online(wallbox: Wallbox) -> bool | None:
    """Return whether the wallbox is connected; the first revision does not say."""
    return translate(_PRESENCE, wallbox.connection, of="Podero connection")


def _live(wallbox: Wallbox) -> bool:
    """Return whether plug, power and the like are of now and not of long ago."""
    return wallbox.is_authenticated is not False and _online(wallbox) is not False


def pause_active(wallbox: Wallbox, now: datetime) -> bool | None:
    """Return whether a pause is in force.

    Whether the flag is written or derived from the time, and then follows it late,
    is not published: a time to come is a pause whatever the flag says. Without one
    the flag tells; it may stand for a pause without an end.
    """
    until = wallbox.pause_power_until
    return True if until and until > now else wallbox.is_pause_power_active


def _status(wallbox: Wallbox, *, paused: bool | None) -> ChargingStatus | None:
    """Return the cloud's own status, refined, or derive it from the flags.

    `is_authenticated` may be null, which says nothing of the link.
    """
    if not _live(wallbox):
        return None
    if wallbox.lifecycle_state == "error":
        return ChargingStatus.FAULTED
    if wallbox.mode:
        status = translate(_MODES, wallbox.mode.upper(), of="Podero mode")
    elif wallbox.is_plugged_in is None and wallbox.is_charging is None:
        status = None
    elif wallbox.is_charging:
        status = ChargingStatus.CHARGING
    elif wallbox.is_plugged_in:
        status = ChargingStatus.CONNECTED
    else:
        status = ChargingStatus.DISCONNECTED
    if status is ChargingStatus.CONNECTED and wallbox.is_fully_charged:
        return ChargingStatus.COMPLETE
    if status is ChargingStatus.CONNECTED and paused:
        return ChargingStatus.PAUSED
    return status


def _readings(wallbox: Wallbox, *, paused: bool | None) -> dict[Reading, Value]:
    """Return everything but surplus sessions."""
    readings: dict[Reading, Value] = {
        Reading.STATUS: _status(wallbox, paused=paused),
        Reading.PAUSED: paused,
        Reading.ENERGY_LAST_DAY: wh(wallbox.consumption_last_day_kwh),
        Reading.ENERGY_LAST_WEEK: wh(wallbox.consumption_last_week_kwh),
        Reading.ENERGY_LAST_MONTH: wh(wallbox.consumption_last_month_kwh),
        Reading.LAST_UPDATE: (
            wallbox.charge_state_last_updated_at
            or wallbox.current_state_last_updated_at
        ),
        Reading.LINKED: wallbox.is_authenticated,
        Reading.NEEDS_GATEWAY: wallbox.needs_gateway,
        Reading.CONNECTION_STATUS: _health(wallbox.connection_status),
        Reading.MONITORING_STATUS: _health(wallbox.monitoring_status),
        Reading.STEERING_STATUS: _health(wallbox.steering_status),
        Reading.STEERING_STATE: _known(wallbox.actual_steering_state),
        Reading.OPERATING_MODE: _known(wallbox.current_mode),
        Reading.PRICE_ZONE: wallbox.price_zone,
        Reading.TRADING: wallbox.is_trading_enabled,
        Reading.INVERTER_FORCED_MODE: wallbox.is_inverter_forced_mode_active,
        Reading.INVERTER_FORCED_MODE_ENABLED: wallbox.is_inverter_forced_mode_enabled,
        Reading.INVERTER_FORCED_MODE_SINCE: wallbox.inverter_forced_mode_since,
        Reading.COMMENT: _shortened(wallbox.comment),
        Reading.BUILDING: wallbox.building,
        Reading.CREATED_AT: wallbox.created_at,
        Reading.UPDATED_AT: wallbox.updated_at,
        Reading.CHARGE_POLICY_UPDATED_AT: wallbox.charge_policy_last_updated_at,
        Reading.CONSUMPTION_UPDATED_AT: wallbox.consumption_last_updated_at,
        Reading.MONITORED_AT: wallbox.last_monitoring_executed_at,
    }
    live: dict[Reading, Value] = {
        Reading.PLUG: wallbox.is_plugged_in,
        Reading.CHARGING: wallbox.is_charging,
        Reading.FULLY_CHARGED: wallbox.is_fully_charged,
        Reading.POWER: _power(wallbox),
        Reading.TIME_REMAINING: wallbox.charge_time_remaining,
    }
    readings |= live if _live(wallbox) else dict.fromkeys(live)
    for key, optional in _OPTIONAL.items():
        if key in wallbox.keys:
            readings |= {reading: read(wallbox) for reading, read in optional.items()}
    return readings


def _surplus_readings(surplus: SurplusSession) -> dict[Reading, Value]:
    """Return what the running surplus session has brought."""
    savings = surplus.savings_eur
    return {
        Reading.SURPLUS_ENERGY: wh(surplus.energy_from_solar_kwh),
        Reading.SURPLUS_SAVINGS: None if savings is None else Money(savings, "EUR"),
    }


def _controls(
    wallbox: Wallbox, now: datetime, *, paused: bool | None
) -> dict[Control, ControlState]:
    """Return what can be set; all of it stays settable without a vehicle."""
    controls = {
        Control.CHARGING: ControlState(value=_may_charge(wallbox, paused=paused)),
        Control.SMART_OPTIMISATION: ControlState(
            value=wallbox.is_smart_optimization_active
        ),
        Control.CHARGE_POLICY: ControlState(value=wallbox.is_charge_policy_enabled),
        Control.OVER_CHARGE: ControlState(value=wallbox.is_over_charge_allowed),
        Control.TARGET_MINIMUM: _level(wallbox.charge_target_min),
        Control.TARGET_MAXIMUM: _level(wallbox.charge_target_max),
        Control.DEADLINE_LEVEL: _level(wallbox.minimum_charge_limit),
        Control.POWER_LIMIT: ControlState(
            value=wallbox.charge_power_max_w,
            minimum=0,
            maximum=MAXIMUM_POWER,
            step=POWER_STEP,
        ),
        Control.DEADLINE: ControlState(value=_due(wallbox.charge_deadline_at, now)),
        # The end of a pause may stay on after it has passed.
        Control.PAUSE_UNTIL: ControlState(
            value=None if paused is False else wallbox.pause_power_until
        ),
    }
    if "boost_state" in wallbox.keys:
        controls[Control.BOOST] = ControlState(value=_boosting(wallbox))
    return controls


def _due(deadline: datetime | time | None, now: datetime) -> datetime | None:
    """Return a deadline in UTC: a time of day is its next local occurrence."""
    if deadline is None or isinstance(deadline, datetime):
        return deadline
    local = now.astimezone()
    due = local.replace(
        hour=deadline.hour, minute=deadline.minute, second=0, microsecond=0
    )
    return (due if due > local else due + timedelta(days=1)).astimezone(UTC)


def _may_charge(wallbox: Wallbox, *, paused: bool | None) -> bool | None:
    """Return whether a vehicle may draw energy, when the optimisation sees fit.

    Nothing but a pause can be lifted by a start.
    """
    return None if paused is None or not _live(wallbox) else not paused


def _level(value: int | None) -> ControlState:
    """Return a control for a state of charge in %."""
    return ControlState(value=value, minimum=0, maximum=100, step=1)


def _power(wallbox: Wallbox) -> float | None:
    """Return the power in W.

    Where nothing charges (paused, full), a rate is one left over from before.
    """
    return 0.0 if wallbox.is_charging is False else wallbox.charge_rate_w


def _health(word: str | None) -> Health | None:
    """Translate one of the three status words."""
    return translate(_HEALTH, word, of="Podero status")


def _known(text: str | None) -> str | None:
    """Pass free text on, but for what stands for none."""
    return None if text == "unknown" else text


def _shortened(text: str | None) -> str | None:
    """Return a text as long as a state of Home Assistant may be."""
    return text if text is None or len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def wh(kwh: float | None) -> float | None:
    """Turn kWh into Wh, without the dust of floating point."""
    return None if kwh is None else round(kwh * 1000, 3)
