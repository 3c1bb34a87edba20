"""Charging profiles: how they are read back, and what they allow now."""

from datetime import datetime

from ...charging import ChargingProfile, ProfileKind, ProfilePurpose, SchedulePeriod
from .. import ocpp
from .wire import Profile


def decode_profile(profile: Profile) -> ChargingProfile | None:
    """Translate a charging profile; None when it limits nothing."""
    return ocpp.profile_of(
        periods=tuple(
            SchedulePeriod(
                start_period=period.start_period or 0,
                limit=period.limit,
                number_phases=period.number_phases,
            )
            for period in profile.periods
            if period.limit is not None
        ),
        purpose_word=profile.purpose,
        kind_word=profile.kind,
        unit_word=profile.unit,
        recurrency_word=profile.recurrency,
        stack_level=profile.stack_level,
        start_schedule=profile.schedule_start,
        duration=profile.duration,
        minimum_rate=profile.minimum_rate,
        valid_from=profile.valid_from,
        valid_to=profile.valid_to,
        id=profile.id,
    )


def limit_now(profile: Profile | None, now: datetime) -> float | None:
    """Return the one current (A) that a profile allows now, if it is that plain.

    The cloud goes on showing a profile whose time is over.
    """
    if (
        profile is None
        or ocpp.purpose(profile.purpose) is not ProfilePurpose.TX_DEFAULT
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
    absolute = ocpp.kind(profile.kind) is ProfileKind.ABSOLUTE
    if absolute and start and now < start:
        return False
    if not duration:
        return True
    # Any other schedule that ends is counted from what nobody can see here.
    return absolute and start is not None and (now - start).total_seconds() < duration
