"""The actions that are commands, and how the commands are made of their fields."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
import math
from typing import Any

import voluptuous as vol

from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util

from .charging import (
    CURRENTS,
    ActivateSubscription,
    AddBalance,
    ApplyFee,
    CancelReservation,
    CancelScheduled,
    CancelSubscription,
    ChargingProfile,
    ClearChargingProfile,
    ClearLimit,
    Command,
    Control,
    ControlState,
    Device,
    Pause,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Reading,
    Recurrency,
    RedeemVoucher,
    Reserve,
    Resume,
    SchedulePeriod,
    SetChargePolicy,
    SetChargingProfile,
    SetConfiguration,
    SetControl,
    SetUserStatus,
    StartCharging,
    StopCharging,
    SyncConfiguration,
    TriggerMessage,
)
from .error_translation import invalid

ATTR_ACTION_ID = "action_id"
ATTR_AMOUNT = "amount"
ATTR_AUTO_RENEWAL = "auto_renewal"
ATTR_CODE = "code"
ATTR_COMPONENT = "component"
ATTR_CONFIG_ENTRY_ID = "config_entry_id"
ATTR_CURRENT = "current"
ATTR_DATE_STYLE = "date_style"
ATTR_DEADLINE = "deadline"
ATTR_DEADLINE_LEVEL = "deadline_level"
ATTR_DECIMAL = "decimal"
ATTR_DELAY = "delay"
ATTR_DESCRIPTION = "description"
ATTR_DURATION = "duration"
ATTR_ENABLED = "enabled"
ATTR_END = "end"
ATTR_FIELDS = "fields"
ATTR_FILE_NAME = "file_name"
ATTR_FILTERS = "filters"
ATTR_FORCE = "force"
ATTR_FORMAT = "format"
ATTR_ID_TOKEN = "id_token"
ATTR_INCLUDE = "include"
ATTR_INSTANCE = "instance"
ATTR_KEY = "key"
ATTR_KEYS = "keys"
ATTR_KIND = "kind"
ATTR_LIMIT = "limit"
ATTR_MESSAGE = "message"
ATTR_MINIMUM_RATE = "minimum_rate"
ATTR_NUMBER_PHASES = "number_phases"
ATTR_PAGE = "page"
ATTR_PARENT_ID = "parent_id"
ATTR_PAYMENT_METHOD_ID = "payment_method_id"
ATTR_PERIODS = "periods"
ATTR_PLAN_ID = "plan_id"
ATTR_POWER = "power"
ATTR_POWER_LIMIT = "power_limit"
ATTR_PRICE = "price"
ATTR_PROFILE_ID = "profile_id"
ATTR_PURPOSE = "purpose"
ATTR_RATE_UNIT = "rate_unit"
ATTR_REASON = "reason"
ATTR_RECURRENCY = "recurrency"
ATTR_REPEAT = "repeat"
ATTR_RESERVATION_ID = "reservation_id"
ATTR_RESOURCE = "resource"
ATTR_RESOURCE_ID = "resource_id"
ATTR_SESSION_ID = "session_id"
ATTR_SESSION_KEY = "session_key"
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
ATTR_VALUE = "value"

# A phase that carries less (A) is not in use.
MEASURABLE = 0.5
NOMINAL_VOLTAGE = 230.0

_NATURAL = vol.All(vol.Coerce(int), vol.Range(min=0))
# Larger than anything a charger or an account could mean.
_HUGE = 1e9
# More is a slip of the hand, in whatever currency.
_MOST_MONEY = 100_000.0
_AMOUNT = vol.All(vol.Coerce(float), vol.Range(min=0, max=_HUGE))
_PERCENT = vol.All(vol.Coerce(float), vol.Range(min=0, max=100))
# Further ahead nobody plans, and clouds take no more.
_SPAN = vol.All(cv.positive_time_period, vol.Range(max=timedelta(days=30)))
_WORD = vol.All(cv.string, vol.Length(min=1, max=255))

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
    """An action that is a command: its fields, and how the command is made of them.

    Those that move money or rights are for administrators; so are the fields that
    name whom to bill (`billing`).
    """

    fields: dict[vol.Marker, Any]
    build: Callable[[Device, dict[str, Any]], Command]
    admin: bool = False
    billing: frozenset[str] = frozenset()


def utc(when: datetime | None) -> datetime | None:
    """Return a time as UTC; one without a zone is in Home Assistant's."""
    return None if when is None else dt_util.as_utc(when)


def _local(when: datetime | None) -> datetime | None:
    """Return a time in the zone of Home Assistant, whose day is the user's."""
    return None if when is None else dt_util.as_local(dt_util.as_utc(when))


def _start(device: Device, fields: dict[str, Any]) -> Command:
    """Build the command of start_charging."""
    return StartCharging(
        device_id=device.id,
        id_token=fields.get(ATTR_ID_TOKEN),
        user_id=fields.get(ATTR_USER_ID),
        payment_method_id=fields.get(ATTR_PAYMENT_METHOD_ID),
        session_key=fields.get(ATTR_SESSION_KEY),
        current=fields.get(ATTR_CURRENT),
        delay=fields.get(ATTR_DELAY) or None,
    )


def _limit(device: Device, fields: dict[str, Any]) -> Command:
    """Build the command of set_charging_limit.

    A power becomes whole amperes where the charger is limited by its current.
    """
    current, power = fields.get(ATTR_CURRENT), fields.get(ATTR_POWER)
    if (current is None) == (power is None):
        raise invalid("limit_ambiguous")
    control, value = Control.CURRENT_LIMIT, current
    if power is not None:
        if Control.POWER_LIMIT in device.controls:
            control, value = Control.POWER_LIMIT, power
        else:
            value = _amperes(device, power)
    return SetControl(
        device_id=device.id,
        control=control,
        value=value,
        duration=fields.get(ATTR_DURATION),
    )


def _amperes(device: Device, power: float) -> float:
    """Return the whole amperes that a power (W) allows.

    What is beyond the charger's bounds is refused in watts, as it was given.
    """
    each = _watts_per_ampere(device)
    current = float(math.floor(power / each))
    state = device.controls.get(Control.CURRENT_LIMIT, ControlState())
    low, high = state.minimum or 0.0, state.maximum or math.inf
    if not low <= current <= high:
        raise invalid(
            "out_of_range",
            field=ATTR_POWER,
            value=f"{power:g} W",
            minimum=f"{low * each:g}",
            maximum="–" if math.isinf(high) else f"{high * each:g} W",
        )
    return current


def _watts_per_ampere(device: Device) -> float:
    """Return the most that an ampere per phase can mean at a charger.

    With the phases that are in use now or, while nothing is drawn, all that it has: a
    limit in watts must hold whatever car comes. Which it has, is told by the phases it
    measures and by what it is made for.
    """
    voltage = device.readings.get(Reading.VOLTAGE_PHASE_1)
    if not isinstance(voltage, float) or voltage <= 0:
        voltage = NOMINAL_VOLTAGE
    drawn = [device.readings.get(current) for current in CURRENTS]
    phases = sum(isinstance(each, float) and each > MEASURABLE for each in drawn)
    return voltage * (phases or _phases_of(device))


def _phases_of(device: Device) -> int:
    """Return how many phases a charger has, three unless it tells otherwise."""
    power = device.readings.get(Reading.MAXIMUM_POWER)
    current = device.readings.get(Reading.MAXIMUM_CURRENT)
    if isinstance(power, int | float) and isinstance(current, int | float) and current:
        return min(max(round(power / (current * NOMINAL_VOLTAGE)), 1), 3)
    measured = sum(current in device.readings for current in CURRENTS)
    return measured or 3


def _pause(device: Device, fields: dict[str, Any]) -> Command:
    """Build the command of pause_charging."""
    until = utc(fields.get(ATTR_UNTIL))
    if until is not None and ATTR_DURATION in fields:
        raise invalid("pause_ambiguous")
    if until is None and (duration := fields.get(ATTR_DURATION)) is not None:
        until = dt_util.utcnow() + duration
    if until is None:
        raise invalid("pause_without_end")
    if until <= dt_util.utcnow():
        raise invalid("refused_in_the_past", words=f" ({ATTR_UNTIL})")
    return Pause(device_id=device.id, until=until)


def _charge_policy(device: Device, fields: dict[str, Any]) -> Command:
    """Build the command of set_charge_policy."""
    if not fields:
        raise invalid("nothing_to_set")
    low, high = fields.get(ATTR_TARGET_MINIMUM), fields.get(ATTR_TARGET_MAXIMUM)
    if low is not None and high is not None and low > high:
        raise invalid("targets_crossed")
    return SetChargePolicy(
        device_id=device.id,
        enabled=fields.get(ATTR_ENABLED),
        deadline=utc(fields.get(ATTR_DEADLINE)),
        deadline_level=fields.get(ATTR_DEADLINE_LEVEL),
        target_minimum=low,
        target_maximum=high,
        power_limit=fields.get(ATTR_POWER_LIMIT),
    )


def _set_profile(device: Device, fields: dict[str, Any]) -> Command:
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
    valid_from = utc(fields.get(ATTR_VALID_FROM))
    valid_to = utc(fields.get(ATTR_VALID_TO))
    if valid_from and valid_to and valid_from >= valid_to:
        raise invalid("validity_reversed")
    start = utc(fields.get(ATTR_START_SCHEDULE))
    if kind is not ProfileKind.RELATIVE and start is None:
        raise invalid("start_schedule_required")
    return SetChargingProfile(
        device_id=device.id,
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
            valid_from=valid_from,
            valid_to=valid_to,
            id=fields.get(ATTR_PROFILE_ID),
        ),
    )


def _clear_profile(device: Device, fields: dict[str, Any]) -> Command:
    """Build the command of clear_charging_profile."""
    purpose = fields.get(ATTR_PURPOSE)
    return ClearChargingProfile(
        device_id=device.id,
        profile_id=fields.get(ATTR_PROFILE_ID),
        purpose=None if purpose is None else PURPOSES[purpose],
        stack_level=fields.get(ATTR_STACK_LEVEL),
    )


COMMAND_ACTIONS: dict[str, CommandAction] = {
    "start_charging": CommandAction(
        {
            vol.Optional(ATTR_ID_TOKEN): vol.All(_WORD, vol.Length(max=36)),
            vol.Optional(ATTR_USER_ID): _WORD,
            vol.Optional(ATTR_PAYMENT_METHOD_ID): _WORD,
            vol.Optional(ATTR_SESSION_KEY): _WORD,
            vol.Optional(ATTR_CURRENT): _AMOUNT,
            vol.Optional(ATTR_DELAY): _SPAN,
        },
        _start,
        billing=frozenset({ATTR_ID_TOKEN, ATTR_USER_ID, ATTR_PAYMENT_METHOD_ID}),
    ),
    "stop_charging": CommandAction(
        {
            vol.Optional(ATTR_FORCE, default=False): cv.boolean,
            vol.Optional(ATTR_DELAY): _SPAN,
        },
        lambda device, fields: StopCharging(
            device_id=device.id,
            force=fields[ATTR_FORCE],
            delay=fields.get(ATTR_DELAY) or None,
        ),
    ),
    "set_charging_limit": CommandAction(
        {
            vol.Optional(ATTR_CURRENT): _AMOUNT,
            vol.Optional(ATTR_POWER): _AMOUNT,
            vol.Optional(ATTR_DURATION): _SPAN,
        },
        _limit,
    ),
    "clear_charging_limit": CommandAction(
        {}, lambda device, fields: ClearLimit(device_id=device.id)
    ),
    "cancel_scheduled": CommandAction(
        {vol.Optional(ATTR_ACTION_ID): _WORD},
        lambda device, fields: CancelScheduled(
            device_id=device.id, action_id=fields.get(ATTR_ACTION_ID)
        ),
    ),
    "pause_charging": CommandAction(
        {
            vol.Optional(ATTR_UNTIL): cv.datetime,
            vol.Optional(ATTR_DURATION): _SPAN,
        },
        _pause,
    ),
    "resume_charging": CommandAction(
        {}, lambda device, fields: Resume(device_id=device.id)
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
        lambda device, fields: Reserve(
            device_id=device.id,
            user_id=fields.get(ATTR_USER_ID),
            reason=fields.get(ATTR_REASON),
        ),
        billing=frozenset({ATTR_USER_ID}),
    ),
    "cancel_reservation": CommandAction(
        {vol.Optional(ATTR_RESERVATION_ID): _WORD},
        lambda device, fields: CancelReservation(
            device_id=device.id, reservation_id=fields.get(ATTR_RESERVATION_ID)
        ),
    ),
    "trigger_message": CommandAction(
        {vol.Required(ATTR_MESSAGE): _WORD},
        lambda device, fields: TriggerMessage(
            device_id=device.id, message=fields[ATTR_MESSAGE]
        ),
    ),
    "set_configuration": CommandAction(
        {
            vol.Required(ATTR_KEY): _WORD,
            vol.Required(ATTR_VALUE): cv.string,
            vol.Optional(ATTR_COMPONENT): _WORD,
            vol.Optional(ATTR_INSTANCE): _WORD,
        },
        lambda device, fields: SetConfiguration(
            device_id=device.id,
            key=fields[ATTR_KEY],
            value=fields[ATTR_VALUE],
            component=fields.get(ATTR_COMPONENT),
            instance=fields.get(ATTR_INSTANCE),
        ),
        admin=True,
    ),
    "sync_configuration": CommandAction(
        {vol.Optional(ATTR_KEYS): vol.All(cv.ensure_list, [_WORD])},
        lambda device, fields: SyncConfiguration(
            device_id=device.id, keys=tuple(fields.get(ATTR_KEYS, ()))
        ),
    ),
    "set_user_status": CommandAction(
        {
            vol.Required(ATTR_ENABLED): cv.boolean,
            vol.Required(ATTR_REASON): _WORD,
        },
        lambda device, fields: SetUserStatus(
            device_id=device.id,
            enabled=fields[ATTR_ENABLED],
            reason=fields[ATTR_REASON],
        ),
        admin=True,
    ),
    "activate_subscription": CommandAction(
        {
            vol.Required(ATTR_PLAN_ID): _WORD,
            vol.Optional(ATTR_END): cv.datetime,
            vol.Optional(ATTR_AUTO_RENEWAL): cv.boolean,
            vol.Optional(ATTR_REASON): _WORD,
            vol.Optional(ATTR_REPEAT, default=False): cv.boolean,
        },
        lambda device, fields: ActivateSubscription(
            device_id=device.id,
            plan_id=fields[ATTR_PLAN_ID],
            end=_local(fields.get(ATTR_END)),
            auto_renewal=fields.get(ATTR_AUTO_RENEWAL),
            reason=fields.get(ATTR_REASON),
        ),
        admin=True,
    ),
    "cancel_subscription": CommandAction(
        {vol.Required(ATTR_REASON): _WORD},
        lambda device, fields: CancelSubscription(
            device_id=device.id, reason=fields[ATTR_REASON]
        ),
        admin=True,
    ),
    "add_balance": CommandAction(
        {
            vol.Required(ATTR_AMOUNT): vol.All(
                vol.Coerce(float),
                vol.Range(min=-_MOST_MONEY, max=_MOST_MONEY),
                vol.NotIn([0]),
            ),
            vol.Required(ATTR_REASON): _WORD,
            vol.Optional(ATTR_REPEAT, default=False): cv.boolean,
        },
        lambda device, fields: AddBalance(
            device_id=device.id,
            amount=fields[ATTR_AMOUNT],
            reason=fields[ATTR_REASON],
        ),
        admin=True,
    ),
    "apply_fee": CommandAction(
        {
            vol.Required(ATTR_AMOUNT): vol.All(
                vol.Coerce(float), vol.Range(min=0, min_included=False, max=_MOST_MONEY)
            ),
            vol.Required(ATTR_DESCRIPTION): _WORD,
            vol.Optional(ATTR_PAYMENT_METHOD_ID): _WORD,
            vol.Optional(ATTR_REPEAT, default=False): cv.boolean,
        },
        lambda device, fields: ApplyFee(
            device_id=device.id,
            amount=fields[ATTR_AMOUNT],
            description=fields[ATTR_DESCRIPTION],
            payment_method_id=fields.get(ATTR_PAYMENT_METHOD_ID),
        ),
        admin=True,
    ),
    "redeem_voucher": CommandAction(
        {
            vol.Required(ATTR_CODE): _WORD,
            vol.Optional(ATTR_REPEAT, default=False): cv.boolean,
        },
        lambda device, fields: RedeemVoucher(
            device_id=device.id, code=fields[ATTR_CODE]
        ),
        admin=True,
    ),
}
