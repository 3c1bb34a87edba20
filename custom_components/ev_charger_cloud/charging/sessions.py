"""Sessions, charging profiles and reservations, in the words of OCPP and OCPI."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum, unique

from .energy_hours import EnergyInterval
from .readings import Money, PaymentStatus, ReservationStatus, SessionStatus, StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A charging session; `ended_at` is None while it runs, energies are in Wh.

    `connector` is the number that people read on the charger, `meter_start` and
    `meter_stop` are the meter's register, `user_id` the cloud's own id of a driver and
    `key` what the session was given at its start from here. `hours` are what the cloud
    itself says of each hour, where it does. One that is not `valid` should be counted
    nowhere, the cloud says.
    """

    id: str
    device_id: str
    started_at: datetime | None
    ended_at: datetime | None = None
    energy: float | None = None
    cost: Money | None = None
    stop_reason: StopReason | None = None
    id_token: str | None = None  # masked but for its last characters
    status: SessionStatus | None = None
    connector: str | None = None
    user_id: str | None = None
    meter_start: float | None = None
    meter_stop: float | None = None
    payment_status: PaymentStatus | None = None
    key: str | None = None
    hours: tuple[EnergyInterval, ...] = ()
    valid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A connector kept free for one driver."""

    id: str
    device_id: str
    status: ReservationStatus | None
    reserved_at: datetime | None = None
    expires_at: datetime | None = None


@unique
class ProfilePurpose(StrEnum):
    """What a profile limits (OCPP 1.6 ChargingProfilePurposeType)."""

    CHARGE_POINT_MAX = "ChargePointMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


@unique
class ProfileKind(StrEnum):
    """When a profile's schedule begins (OCPP 1.6 ChargingProfileKindType)."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


@unique
class Recurrency(StrEnum):
    """How often a recurring schedule begins anew (OCPP 1.6 RecurrencyKindType)."""

    DAILY = "Daily"
    WEEKLY = "Weekly"


@unique
class RateUnit(StrEnum):
    """The unit of the limits of a schedule (OCPP 1.6 ChargingRateUnitType)."""

    AMPERE = "A"
    WATT = "W"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePeriod:
    """A limit that holds from `start_period` seconds after the schedule's start."""

    start_period: int
    limit: float
    number_phases: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingProfile:
    """A charging profile (OCPP 1.6); of two that apply the higher stack level wins.

    `duration` is in seconds, the limits of `periods` and `minimum_rate` in
    `rate_unit`. `start_schedule` is needed by absolute and recurring profiles.
    """

    periods: tuple[SchedulePeriod, ...]
    purpose: ProfilePurpose = ProfilePurpose.TX_DEFAULT
    kind: ProfileKind = ProfileKind.RELATIVE
    stack_level: int = 1
    rate_unit: RateUnit = RateUnit.AMPERE
    recurrency: Recurrency | None = None
    start_schedule: datetime | None = None
    duration: int | None = None
    minimum_rate: float | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    id: int | None = None
    transaction_id: int | None = None


PROFILE_ID = "profile_id"
"""What the id of a profile is called among the fields that a cloud honours."""

PROFILE_FIELDS = frozenset(
    each.name for each in fields(ChargingProfile) if each.name not in ("periods", "id")
)
"""The optional fields of a profile, but for its id: clouds may give their own."""
