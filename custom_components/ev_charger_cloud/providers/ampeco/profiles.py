"""Charging profiles: how they are written, read back, and what they allow now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...charging import (
    ChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
)
from ..wire import translate
from .client import iso
from .wire import Profile

_PURPOSES = {purpose.value.lower(): purpose for purpose in ProfilePurpose}
_KINDS = {kind.value.lower(): kind for kind in ProfileKind}
_RECURRENCIES = {recurrency.value.lower(): recurrency for recurrency in Recurrency}
_UNITS = {unit.value.lower(): unit for unit in RateUnit}


def profile_body(profile: ChargingProfile) -> dict[str, Any]:
    """Write a charging profile as the cloud wants it."""
    schedule: dict[str, Any] = {
        "chargingRateUnit": profile.rate_unit.value,
        "chargingSchedulePeriod": [
            {"startPeriod": period.start_period, "limit": period.limit}
            | ({"numberPhases": period.number_phases} if period.number_phases else {})
            for period in profile.periods
        ],
    }
    body: dict[str, Any] = {
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": profile.purpose.value,
        "chargingProfileKind": profile.kind.value,
        "chargingSchedule": schedule,
    }
    for part, key, value in (
        (body, "recurrencyKind", profile.recurrency),
        (body, "transactionId", profile.transaction_id),
        (body, "validFrom", profile.valid_from),
        (body, "validTo", profile.valid_to),
        (schedule, "duration", profile.duration),
        (schedule, "startSchedule", profile.start_schedule),
        (schedule, "minChargingRate", profile.minimum_rate),
    ):
        if value is not None:
            part[key] = iso(value) if isinstance(value, datetime) else value
    return body


def decode_profile(profile: Profile) -> ChargingProfile | None:
    """Translate a charging profile; None when it limits nothing."""
    periods = tuple(
        SchedulePeriod(
            start_period=period.start_period or 0,
            limit=period.limit,
            number_phases=period.number_phases,
        )
        for period in profile.periods
        if period.limit is not None
    )
    if not periods:
        return None
    return ChargingProfile(
        periods=periods,
        purpose=_word(_PURPOSES, profile.purpose) or ProfilePurpose.TX_DEFAULT,
        kind=_word(_KINDS, profile.kind) or ProfileKind.RELATIVE,
        stack_level=profile.stack_level or 0,
        rate_unit=_word(_UNITS, profile.unit) or RateUnit.AMPERE,
        recurrency=_word(_RECURRENCIES, profile.recurrency),
        start_schedule=profile.schedule_start,
        duration=profile.duration,
        minimum_rate=profile.minimum_rate,
        valid_from=profile.valid_from,
        valid_to=profile.valid_to,
        id=profile.id,
    )


def _word[T](table: Mapping[str, T], word: str | None) -> T | None:
    """Look a word of a profile up, whatever its case."""
    return translate(table, word.lower() if word else None, of="AMPECO profile")


def limit_now(profile: Profile | None, now: datetime) -> float | None:
    """Return the one current (A) that a profile allows now, if it is that plain.

    The cloud goes on showing a profile whose time is over.
    """
    if (
        profile is None
        or profile.purpose != "TxDefaultProfile"
        or profile.unit != "A"
        or len(profile.periods) != 1
        or not _holds(profile, now)
    ):
        return None
    return profile.periods[0].limit


def _holds(profile: Profile, now: datetime) -> bool:
    """Return whether a profile is known to be in force."""
    start, duration = profile.schedule_start, profile.duration
    if profile.valid_from and now < profile.valid_from:
        return False
    if profile.valid_to and now >= profile.valid_to:
        return False
    absolute = _word(_KINDS, profile.kind) is ProfileKind.ABSOLUTE
    if absolute and start and now < start:
        return False
    if not duration:
        return True
    # Any other schedule that ends is counted from what nobody can see here.
    return absolute and start is not None and (now - start).total_seconds() < duration
