"""Actions: what needs more words than an entity has."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import voluptuous as vol

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_get_device_and_config_entry
from homeassistant.util import dt as dt_util

from .charging import (
    CancelReservation,
    CancelScheduled,
    ChargingError,
    ChargingProfile,
    ClearChargingProfile,
    Command,
    CommandResult,
    Device,
    Pause,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Recurrency,
    Reserve,
    Resume,
    SchedulePeriod,
    Session,
    SetChargePolicy,
    SetChargingProfile,
    StartCharging,
    StopCharging,
)
from .const import DOMAIN
from .coordinator import ChargerConfigEntry, ChargingCoordinator
from .exceptions import command_failed, invalid

ATTR_ACTION_ID = "action_id"
ATTR_CURRENT = "current"
ATTR_DEADLINE = "deadline"
ATTR_DEADLINE_LEVEL = "deadline_level"
ATTR_DELAY = "delay"
ATTR_DURATION = "duration"
ATTR_ENABLED = "enabled"
ATTR_END = "end"
ATTR_FORCE = "force"
ATTR_ID_TOKEN = "id_token"
ATTR_KIND = "kind"
ATTR_LIMIT = "limit"
ATTR_MINIMUM_RATE = "minimum_rate"
ATTR_NUMBER_PHASES = "number_phases"
ATTR_PERIODS = "periods"
ATTR_POWER_LIMIT = "power_limit"
ATTR_PROFILE_ID = "profile_id"
ATTR_PURPOSE = "purpose"
ATTR_RATE_UNIT = "rate_unit"
ATTR_REASON = "reason"
ATTR_RECURRENCY = "recurrency"
ATTR_RESERVATION_ID = "reservation_id"
ATTR_STACK_LEVEL = "stack_level"
ATTR_START = "start"
ATTR_START_PERIOD = "start_period"
ATTR_START_SCHEDULE = "start_schedule"
ATTR_TARGET_MAXIMUM = "target_maximum"
ATTR_TARGET_MINIMUM = "target_minimum"
ATTR_UNTIL = "until"
ATTR_USER_ID = "user_id"
ATTR_VALID_FROM = "valid_from"
ATTR_VALID_TO = "valid_to"

_NATURAL = vol.All(vol.Coerce(int), vol.Range(min=0))
_AMOUNT = vol.All(vol.Coerce(float), vol.Range(min=0))
_PERCENT = vol.All(vol.Coerce(float), vol.Range(min=0, max=100))
_WORD = vol.All(cv.string, vol.Length(min=1, max=255))
_HISTORY = timedelta(days=30)

# The words of the actions' selectors are lower case, those of OCPP are not.
PURPOSES = {
    "charge_point_max": ProfilePurpose.CHARGE_POINT_MAX,
    "tx_default": ProfilePurpose.TX_DEFAULT,
    "tx": ProfilePurpose.TX,
}
KINDS = {kind.lower(): kind for kind in ProfileKind}
RECURRENCIES = {recurrency.lower(): recurrency for recurrency in Recurrency}
RATE_UNITS = {"ampere": RateUnit.AMPERE, "watt": RateUnit.WATT}

PERIOD_SCHEMA = vol.Schema(
    {
        vol.Required(ATTR_START_PERIOD): _NATURAL,
        vol.Required(ATTR_LIMIT): _AMOUNT,
        vol.Optional(ATTR_NUMBER_PHASES): vol.All(
            vol.Coerce(int), vol.Range(min=1, max=3)
        ),
    }
)


@dataclass(frozen=True, slots=True)
class CommandAction:
    """An action that is a command: its fields, and how the command is made of them."""

    fields: dict[vol.Marker, Any]
    build: Callable[[str, dict[str, Any]], Command]


def _utc(when: datetime | None) -> datetime | None:
    """Return a time as UTC; one without a zone is in Home Assistant's."""
    return None if when is None else dt_util.as_utc(when)


def _start(device_id: str, fields: dict[str, Any]) -> Command:
    """Build the command of start_charging."""
    return StartCharging(
        device_id=device_id,
        id_token=fields.get(ATTR_ID_TOKEN),
        user_id=fields.get(ATTR_USER_ID),
        current_limit=fields.get(ATTR_CURRENT),
        delay=fields.get(ATTR_DELAY),
    )


def _pause(device_id: str, fields: dict[str, Any]) -> Command:
    """Build the command of pause_charging."""
    until = _utc(fields.get(ATTR_UNTIL))
    if until is None and (duration := fields.get(ATTR_DURATION)) is not None:
        until = dt_util.utcnow() + duration
    if until is None:
        raise invalid("pause_without_end")
    if until <= dt_util.utcnow():
        raise invalid("refused_in_the_past")
    return Pause(device_id=device_id, until=until)


def _charge_policy(device_id: str, fields: dict[str, Any]) -> Command:
    """Build the command of set_charge_policy."""
    if not fields:
        raise invalid("nothing_to_set")
    low, high = fields.get(ATTR_TARGET_MINIMUM), fields.get(ATTR_TARGET_MAXIMUM)
    if low is not None and high is not None and low > high:
        raise invalid("targets_crossed")
    return SetChargePolicy(
        device_id=device_id,
        enabled=fields.get(ATTR_ENABLED),
        deadline=_utc(fields.get(ATTR_DEADLINE)),
        deadline_level=fields.get(ATTR_DEADLINE_LEVEL),
        target_minimum=low,
        target_maximum=high,
        power_limit=fields.get(ATTR_POWER_LIMIT),
    )


def _set_profile(device_id: str, fields: dict[str, Any]) -> Command:
    """Build the command of set_charging_profile."""
    periods = tuple(
        SchedulePeriod(
            start_period=period[ATTR_START_PERIOD],
            limit=period[ATTR_LIMIT],
            number_phases=period.get(ATTR_NUMBER_PHASES),
        )
        for period in fields[ATTR_PERIODS]
    )
    starts = [period.start_period for period in periods]
    if starts[0] != 0 or starts != sorted(set(starts)):
        raise invalid("periods_out_of_order")
    kind = KINDS[fields[ATTR_KIND]]
    recurrency = fields.get(ATTR_RECURRENCY)
    if (kind is ProfileKind.RECURRING) != (recurrency is not None):
        raise invalid("recurrency_mismatch")
    start = _utc(fields.get(ATTR_START_SCHEDULE))
    if kind is not ProfileKind.RELATIVE and start is None:
        raise invalid("start_schedule_required")
    return SetChargingProfile(
        device_id=device_id,
        profile=ChargingProfile(
            periods=periods,
            purpose=PURPOSES[fields[ATTR_PURPOSE]],
            kind=kind,
            stack_level=fields[ATTR_STACK_LEVEL],
            rate_unit=RATE_UNITS[fields[ATTR_RATE_UNIT]],
            recurrency=None if recurrency is None else RECURRENCIES[recurrency],
            start_schedule=start,
            duration=fields.get(ATTR_DURATION),
            minimum_rate=fields.get(ATTR_MINIMUM_RATE),
            valid_from=_utc(fields.get(ATTR_VALID_FROM)),
            valid_to=_utc(fields.get(ATTR_VALID_TO)),
            id=fields.get(ATTR_PROFILE_ID),
        ),
    )


def _clear_profile(device_id: str, fields: dict[str, Any]) -> Command:
    """Build the command of clear_charging_profile."""
    purpose = fields.get(ATTR_PURPOSE)
    return ClearChargingProfile(
        device_id=device_id,
        profile_id=fields.get(ATTR_PROFILE_ID),
        purpose=None if purpose is None else PURPOSES[purpose],
        stack_level=fields.get(ATTR_STACK_LEVEL),
    )


COMMAND_ACTIONS: dict[str, CommandAction] = {
    "start_charging": CommandAction(
        {
            vol.Optional(ATTR_ID_TOKEN): vol.All(_WORD, vol.Length(max=36)),
            vol.Optional(ATTR_USER_ID): _WORD,
            vol.Optional(ATTR_CURRENT): _AMOUNT,
            vol.Optional(ATTR_DELAY): cv.positive_time_period,
        },
        _start,
    ),
    "stop_charging": CommandAction(
        {
            vol.Optional(ATTR_FORCE, default=False): cv.boolean,
            vol.Optional(ATTR_DELAY): cv.positive_time_period,
        },
        lambda device_id, fields: StopCharging(
            device_id=device_id,
            force=fields[ATTR_FORCE],
            delay=fields.get(ATTR_DELAY),
        ),
    ),
    "cancel_scheduled": CommandAction(
        {vol.Optional(ATTR_ACTION_ID): _WORD},
        lambda device_id, fields: CancelScheduled(
            device_id=device_id, action_id=fields.get(ATTR_ACTION_ID)
        ),
    ),
    "pause_charging": CommandAction(
        {
            vol.Exclusive(ATTR_UNTIL, "end"): cv.datetime,
            vol.Exclusive(ATTR_DURATION, "end"): cv.positive_time_period,
        },
        _pause,
    ),
    "resume_charging": CommandAction(
        {}, lambda device_id, fields: Resume(device_id=device_id)
    ),
    "set_charge_policy": CommandAction(
        {
            vol.Optional(ATTR_ENABLED): cv.boolean,
            vol.Optional(ATTR_DEADLINE): cv.datetime,
            vol.Optional(ATTR_DEADLINE_LEVEL): _PERCENT,
            vol.Optional(ATTR_TARGET_MINIMUM): _PERCENT,
            vol.Optional(ATTR_TARGET_MAXIMUM): _PERCENT,
            vol.Optional(ATTR_POWER_LIMIT): _AMOUNT,
        },
        _charge_policy,
    ),
    "set_charging_profile": CommandAction(
        {
            vol.Required(ATTR_PERIODS): vol.All(
                cv.ensure_list, [PERIOD_SCHEMA], vol.Length(min=1)
            ),
            vol.Optional(ATTR_PURPOSE, default="tx_default"): vol.In(PURPOSES),
            vol.Optional(ATTR_KIND, default="relative"): vol.In(KINDS),
            vol.Optional(ATTR_STACK_LEVEL, default=1): _NATURAL,
            vol.Optional(ATTR_RATE_UNIT, default="ampere"): vol.In(RATE_UNITS),
            vol.Optional(ATTR_RECURRENCY): vol.In(RECURRENCIES),
            vol.Optional(ATTR_START_SCHEDULE): cv.datetime,
            vol.Optional(ATTR_DURATION): vol.All(vol.Coerce(int), vol.Range(min=1)),
            vol.Optional(ATTR_MINIMUM_RATE): _AMOUNT,
            vol.Optional(ATTR_VALID_FROM): cv.datetime,
            vol.Optional(ATTR_VALID_TO): cv.datetime,
            vol.Optional(ATTR_PROFILE_ID): _NATURAL,
        },
        _set_profile,
    ),
    "clear_charging_profile": CommandAction(
        {
            vol.Optional(ATTR_PROFILE_ID): _NATURAL,
            vol.Optional(ATTR_PURPOSE): vol.In(PURPOSES),
            vol.Optional(ATTR_STACK_LEVEL): _NATURAL,
        },
        _clear_profile,
    ),
    "reserve": CommandAction(
        {
            vol.Optional(ATTR_USER_ID): _WORD,
            vol.Optional(ATTR_REASON): _WORD,
        },
        lambda device_id, fields: Reserve(
            device_id=device_id,
            user_id=fields.get(ATTR_USER_ID),
            reason=fields.get(ATTR_REASON),
        ),
    ),
    "cancel_reservation": CommandAction(
        {vol.Optional(ATTR_RESERVATION_ID): _WORD},
        lambda device_id, fields: CancelReservation(
            device_id=device_id, reservation_id=fields.get(ATTR_RESERVATION_ID)
        ),
    ),
}

SESSIONS_SCHEMA = vol.Schema(
    {
        vol.Required(ATTR_DEVICE_ID): cv.string,
        vol.Optional(ATTR_START): cv.datetime,
        vol.Optional(ATTR_END): cv.datetime,
        vol.Optional(ATTR_LIMIT, default=50): vol.All(
            vol.Coerce(int), vol.Range(min=1, max=500)
        ),
    }
)
PROFILES_SCHEMA = vol.Schema({vol.Required(ATTR_DEVICE_ID): cv.string})


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""

    async def run_command(call: ServiceCall) -> ServiceResponse:
        """Have a command carried out and tell how it ended."""
        fields = dict(call.data)
        coordinator, device = _target(hass, fields.pop(ATTR_DEVICE_ID))
        command = COMMAND_ACTIONS[call.service].build(device.id, fields)
        return _result(await coordinator.execute(command))

    async def get_sessions(call: ServiceCall) -> ServiceResponse:
        """Return the sessions of a charger."""
        coordinator, device = _target(hass, call.data[ATTR_DEVICE_ID])
        end = _utc(call.data.get(ATTR_END)) or dt_util.utcnow()
        start = _utc(call.data.get(ATTR_START)) or end - _HISTORY
        if start >= end:
            raise invalid("span_reversed")
        try:
            sessions = await coordinator.provider.sessions(
                device.id, start, end, call.data[ATTR_LIMIT]
            )
        except ChargingError as err:
            raise command_failed(err, device.name) from err
        return {"sessions": [_session(session) for session in sessions]}

    async def get_charging_profiles(call: ServiceCall) -> ServiceResponse:
        """Return the charging profiles of a charger."""
        coordinator, device = _target(hass, call.data[ATTR_DEVICE_ID])
        try:
            profiles = await coordinator.provider.charging_profiles(device.id)
        except ChargingError as err:
            raise command_failed(err, device.name) from err
        return {"profiles": [_profile(profile) for profile in profiles]}

    for name, action in COMMAND_ACTIONS.items():
        hass.services.async_register(
            DOMAIN,
            name,
            run_command,
            schema=vol.Schema(
                {vol.Required(ATTR_DEVICE_ID): cv.string, **action.fields}
            ),
            supports_response=SupportsResponse.OPTIONAL,
        )
    hass.services.async_register(
        DOMAIN,
        "get_sessions",
        get_sessions,
        schema=SESSIONS_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )
    hass.services.async_register(
        DOMAIN,
        "get_charging_profiles",
        get_charging_profiles,
        schema=PROFILES_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )


def _target(
    hass: HomeAssistant, registry_id: str
) -> tuple[ChargingCoordinator, Device]:
    """Return the device that an action is aimed at, and who serves it."""
    entry: ChargerConfigEntry
    found, entry = async_get_device_and_config_entry(hass, DOMAIN, registry_id)
    coordinator = entry.runtime_data
    if (device := coordinator.device_of(found.id)) is None:
        raise invalid("device_gone")
    return coordinator, device


def _iso(when: datetime | None) -> str | None:
    """Return a time in local words."""
    return None if when is None else dt_util.as_local(when).isoformat()


def _result(result: CommandResult) -> dict[str, Any]:
    """Tell how a command ended."""
    return {
        "verdict": str(result.verdict),
        "id": result.id,
        "message": result.message,
        "at": _iso(result.at),
    }


def _session(session: Session) -> dict[str, Any]:
    """Tell of a session; energy in kWh as the Energy dashboard has it."""
    return {
        "id": session.id,
        "start": _iso(session.started_at),
        "end": _iso(session.ended_at),
        "energy_kwh": None if session.energy is None else session.energy / 1000,
        "cost": None if session.cost is None else session.cost.amount,
        "currency": None if session.cost is None else session.cost.currency,
        "stop_reason": session.stop_reason,
        "id_token": session.id_token,
    }


def _profile(profile: ChargingProfile) -> dict[str, Any]:
    """Tell of a charging profile in the words of set_charging_profile."""
    words = {purpose: word for word, purpose in PURPOSES.items()}
    units = {unit: word for word, unit in RATE_UNITS.items()}
    return {
        ATTR_PROFILE_ID: profile.id,
        ATTR_PURPOSE: words[profile.purpose],
        ATTR_KIND: profile.kind.lower(),
        ATTR_STACK_LEVEL: profile.stack_level,
        ATTR_RATE_UNIT: units[profile.rate_unit],
        ATTR_RECURRENCY: None
        if profile.recurrency is None
        else profile.recurrency.lower(),
        ATTR_START_SCHEDULE: _iso(profile.start_schedule),
        ATTR_DURATION: profile.duration,
        ATTR_MINIMUM_RATE: profile.minimum_rate,
        ATTR_VALID_FROM: _iso(profile.valid_from),
        ATTR_VALID_TO: _iso(profile.valid_to),
        ATTR_PERIODS: [
            {
                ATTR_START_PERIOD: period.start_period,
                ATTR_LIMIT: period.limit,
                ATTR_NUMBER_PHASES: period.number_phases,
            }
            for period in profile.periods
        ],
    }
