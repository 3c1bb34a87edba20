"""What can be asked of a charger, and how the asking ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique

from .controls import Control, ControlValue
from .sessions import ChargingProfile, ProfilePurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request to one device."""

    device_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetControl(Command):
    """Set a control; the value has the control's type and unit."""

    control: Control
    value: ControlValue


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearLimit(Command):
    """Drop the current limit that was set through this account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCharging(Command):
    """Start a session, or resume a paused one.

    `id_token` is the card to charge under, `user_id` the driver to bill,
    `current_limit` (A) holds for this session, `delay` asks the cloud to start
    later.
    """

    id_token: str | None = None
    user_id: str | None = None
    current_limit: float | None = None
    delay: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopCharging(Command):
    """Stop the running session; `force` ends it though the charger stays silent."""

    force: bool = False
    delay: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelScheduled(Command):
    """Cancel a command that the cloud has put off; all of them without an id."""

    action_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetChargingProfile(Command):
    """Give the charger a charging profile."""

    profile: ChargingProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearChargingProfile(Command):
    """Remove the profiles that match every criterion given."""

    profile_id: int | None = None
    purpose: ProfilePurpose | None = None
    stack_level: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve(Command):
    """Keep the connector free for a driver."""

    user_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReservation(Command):
    """Give a reserved connector free; the active reservation without an id."""

    reservation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlock(Command):
    """Release the cable from the socket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset(Command):
    """Restart the charger (OCPP soft reset); a running session may end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HardReset(Command):
    """Restart the whole hardware as if the power were cut (OCPP hard reset)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh(Command):
    """Have the cloud ask the charger anew instead of answering from memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(Command):
    """End a pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boost(Command):
    """Charge at full rate now, past any optimisation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Command):
    """Hold charging back until a point in time."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SetChargePolicy(Command):
    """Change several parts of the charging plan in one request; None leaves a part.

    Levels are in %, `power_limit` in W.
    """

    enabled: bool | None = None
    deadline: datetime | None = None
    deadline_level: float | None = None
    target_minimum: float | None = None
    target_maximum: float | None = None
    power_limit: float | None = None


@unique
class Verdict(StrEnum):
    """How far a command came."""

    ACCEPTED = "accepted"  # taken; whether it takes effect shows in later readings
    COMPLETED = "completed"  # done
    DEFERRED = "deferred"  # to be carried out later


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """How a command ended. One that was refused raises CommandRefusedError instead.

    `id` is the cloud's own (of an action, a session, a profile, a reservation),
    `at` the time a deferred command is due.
    """

    verdict: Verdict = Verdict.ACCEPTED
    id: str | None = None
    message: str | None = None
    at: datetime | None = None
