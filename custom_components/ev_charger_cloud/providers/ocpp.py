"""OCPP 1.6: its words, and the bodies and rules of charging profiles.

Source: Open Charge Point Protocol 1.6 edition 2, sections 7.7 (ChargePointStatus),
7.6 (ChargePointErrorCode), 7.36 (Reason), 7.8 to 7.14 (charging profiles).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
import math
from typing import Any, Final

from ..charging import (
    ChargingProfile,
    ChargingStatus,
    CommandRefusedError,
    ErrorCode,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Recurrency,
    Refusal,
    SchedulePeriod,
    StopReason,
)

STATUS: Final = {
    "Available": ChargingStatus.DISCONNECTED,
    "Preparing": ChargingStatus.CONNECTED,
    "Charging": ChargingStatus.CHARGING,
    "SuspendedEV": ChargingStatus.SUSPENDED_EV,
    "SuspendedEVSE": ChargingStatus.SUSPENDED_EVSE,
    "Finishing": ChargingStatus.FINISHING,
    "Reserved": ChargingStatus.RESERVED,
    "Unavailable": ChargingStatus.INOPERATIVE,
    "Faulted": ChargingStatus.FAULTED,
}

# OCPP's codes and reasons differ from ours in case and separators alone.
_ERROR_CODES: Final = {code.value.replace("_", ""): code for code in ErrorCode}
_STOP_REASONS: Final = {reason.value.replace("_", ""): reason for reason in StopReason}
_PURPOSES: Final = {purpose.value.lower(): purpose for purpose in ProfilePurpose}
_KINDS: Final = {kind.value.lower(): kind for kind in ProfileKind}
_RECURRENCIES: Final = {each.value.lower(): each for each in Recurrency}
_UNITS: Final = {unit.value.lower(): unit for unit in RateUnit}


def _compact(word: str) -> str:
    """Return a word without case and separators."""
    return "".join(character for character in word if character.isalnum()).lower()


def error_code(word: str | None) -> ErrorCode | None:
    """Return an error code, however it is spelled; None for what OCPP does not have."""
    return None if word is None else _ERROR_CODES.get(_compact(word))


def stop_reason(word: str | None) -> StopReason | None:
    """Return a reason to stop, however it is spelled; None for another one."""
    return None if word is None else _STOP_REASONS.get(_compact(word))


def purpose(word: str | None) -> ProfilePurpose | None:
    """Return the purpose of a profile, whatever its case."""
    return _PURPOSES.get((word or "").lower())


def kind(word: str | None) -> ProfileKind | None:
    """Return the kind of a profile, whatever its case."""
    return _KINDS.get((word or "").lower())


def recurrency(word: str | None) -> Recurrency | None:
    """Return the recurrency of a profile, whatever its case."""
    return _RECURRENCIES.get((word or "").lower())


def rate_unit(word: str | None) -> RateUnit | None:
    """Return the unit of a schedule's limits, whatever its case."""
    return _UNITS.get((word or "").lower())


def timestamp(when: datetime) -> str:
    """Return a time as OCPP writes it: UTC, to the second."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def profile_body(
    profile: ChargingProfile, key: Callable[[str], str] = str
) -> dict[str, Any]:
    """Write a charging profile as OCPP has it, without what is not stated.

    `key` turns OCPP's camel case into the cloud's own spelling of the keys.
    """
    schedule = {
        "duration": profile.duration,
        "startSchedule": profile.start_schedule,
        "chargingRateUnit": profile.rate_unit.value,
        "chargingSchedulePeriod": [
            _stated(
                {
                    "startPeriod": period.start_period,
                    "limit": _tenths(period.limit),
                    "numberPhases": period.number_phases,
                },
                key,
            )
            for period in profile.periods
        ],
        "minChargingRate": None
        if profile.minimum_rate is None
        else _tenths(profile.minimum_rate),
    }
    body = {
        "chargingProfileId": profile.id,
        "transactionId": profile.transaction_id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": profile.purpose.value,
        "chargingProfileKind": profile.kind.value,
        "recurrencyKind": profile.recurrency and profile.recurrency.value,
        "validFrom": profile.valid_from,
        "validTo": profile.valid_to,
        "chargingSchedule": _stated(schedule, key),
    }
    return _stated(body, key)


def _tenths(limit: float) -> float:
    """Return a limit with the one decimal that OCPP allows, never above what it was."""
    tenths = round(limit, 1)
    return tenths if tenths <= limit else round(tenths - 0.1, 1)


def snake_case(name: str) -> str:
    """Return one of OCPP's keys in snake case."""
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name)


def _stated(body: Mapping[str, Any], key: Callable[[str], str]) -> dict[str, Any]:
    """Spell the keys, write times as text and leave out what is None."""
    return {
        key(name): timestamp(value) if isinstance(value, datetime) else value
        for name, value in body.items()
        if value is not None
    }


def check_profile(profile: ChargingProfile, *, highest: float | None = None) -> None:
    """Refuse a profile that breaks OCPP's rules or the bounds of the hardware.

    `highest` is the most (in the profile's own unit) that the hardware takes, if known.
    Raises CommandRefusedError with the reason `invalid_value` or `out_of_range`.
    """
    if profile.stack_level < 0:
        raise _invalid("the stack level must be at least 0")
    if profile.duration is not None and profile.duration <= 0:
        raise _invalid("the duration must be above 0")
    starts = [period.start_period for period in profile.periods]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)):
        raise _invalid("the periods must begin at 0 and follow each other")
    if profile.minimum_rate is not None and not 0 <= profile.minimum_rate < math.inf:
        raise _invalid("the minimum rate must be a number of at least 0")
    for period in profile.periods:
        if not math.isfinite(period.limit) or period.limit < 0:
            raise _invalid("a limit must be a number of at least 0")
        if highest is not None and period.limit > highest:
            raise CommandRefusedError(
                f"a limit is above {highest:g} {profile.rate_unit.value}",
                reason=Refusal.OUT_OF_RANGE,
            )
    if (profile.kind is ProfileKind.RECURRING) != (profile.recurrency is not None):
        raise _invalid("a recurring profile needs a recurrency, no other has one")
    if profile.kind is not ProfileKind.RELATIVE and profile.start_schedule is None:
        raise _invalid("an absolute or recurring profile needs a start")
    if (
        profile.valid_from is not None
        and profile.valid_to is not None
        and profile.valid_from >= profile.valid_to
    ):
        raise _invalid("the profile ends before it begins")


def _invalid(words: str) -> CommandRefusedError:
    """Return the error for a profile that cannot be right."""
    return CommandRefusedError(words, reason=Refusal.INVALID_VALUE)


def profile_of(
    *,
    periods: tuple[SchedulePeriod, ...],
    purpose_word: str | None = None,
    kind_word: str | None = None,
    unit_word: str | None = None,
    recurrency_word: str | None = None,
    stack_level: int | None = None,
    **rest: Any,
) -> ChargingProfile | None:
    """Put a profile together from a cloud's words; None when it limits nothing."""
    if not periods:
        return None
    return ChargingProfile(
        periods=periods,
        purpose=purpose(purpose_word) or ProfilePurpose.TX_DEFAULT,
        kind=kind(kind_word) or ProfileKind.RELATIVE,
        rate_unit=rate_unit(unit_word) or RateUnit.AMPERE,
        recurrency=recurrency(recurrency_word),
        stack_level=stack_level or 0,
        **rest,
    )
