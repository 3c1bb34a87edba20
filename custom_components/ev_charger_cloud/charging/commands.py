"""What can be asked of a charger, and how the asking ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Any, ClassVar

from .controls import Control, ControlValue
from .errors import ChargingError
from .sessions import ChargingProfile, ProfilePurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request to one device.

    One that `moves_money` is not sent a second time while it is uncertain whether
    the first took effect, unless the caller says with `repeat` that it knows.
    """

    moves_money: ClassVar[bool] = False

    device_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetControl(Command):
    """Set a control; the value has the control's type and unit.

    With a `duration` it lapses by itself after that time, where the cloud can.
    """

    control: Control
    value: ControlValue
    duration: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearLimit(Command):
    """Drop the current limit that was set through this account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCharging(Command):
    """Start a session, or resume a paused one.

    `id_token` is the card to charge under, `user_id` the driver to bill by the
    `payment_method_id`, `session_key` the caller's own key for the session,
    `current` (A) holds for this session, `delay` asks the cloud to start
    later.
    """

    id_token: str | None = None
    user_id: str | None = None
    payment_method_id: str | None = None
    session_key: str | None = None
    current: float | None = None
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
class TriggerMessage(Command):
    """Ask the charger to send a message of its own (OCPP TriggerMessage)."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConfiguration(Command):
    """Write a configuration key of the charger (OCPP ChangeConfiguration).

    `component` and `instance` are for the variables of OCPP 2.0.1.
    """

    key: str
    value: str
    component: str | None = None
    instance: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncConfiguration(Command):
    """Have the cloud read configuration keys from the charger; all without any."""

    keys: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUserStatus(Command):
    """Let a driver charge, or not any more; `reason` is kept by the cloud."""

    enabled: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateSubscription(Command):
    """Subscribe a driver to a plan, until the day of `end` in its own time zone."""

    moves_money: ClassVar[bool] = True

    plan_id: str
    end: datetime | None = None
    auto_renewal: bool | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSubscription(Command):
    """End a driver's subscription."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddBalance(Command):
    """Add an amount in the cloud's currency to a driver's balance, or take it off."""

    moves_money: ClassVar[bool] = True

    amount: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyFee(Command):
    """Charge a driver a fee, in the cloud's currency; the driver reads why."""

    moves_money: ClassVar[bool] = True

    amount: float
    description: str
    payment_method_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemVoucher(Command):
    """Redeem a voucher for a driver."""

    moves_money: ClassVar[bool] = True

    code: str


@unique
class Outcome(StrEnum):
    """How far a command came."""

    ACCEPTED = "accepted"  # taken; whether it takes effect shows in later readings
    COMPLETED = "completed"  # done
    DEFERRED = "deferred"  # to be carried out later
    REFUSED = "refused"  # cloud or charger said no, or it failed
    SUPERSEDED = "superseded"  # not sent: a later request for the same came first
    UNCERTAIN = "uncertain"  # sent, but the answer was lost: may still take effect


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """How a command ended.

    `id` is the cloud's own (of an action, a session, a profile, a reservation),
    `due_at` the time a deferred command is to be carried out. `reason` (a Refusal, if
    known) says why it was refused, `message` is the cloud's own words, `error` what a
    provider raised.

    The rest is what clouds that keep a record of their commands tell of one:
    `action` its kind, `parameters` what it was given, `error_code` and
    `vendor_result` the codes and the result as the maker gave them.
    """

    outcome: Outcome = Outcome.ACCEPTED
    id: str | None = None
    reason: str | None = None
    message: str | None = None
    due_at: datetime | None = None
    sent_at: datetime | None = None
    finished_at: datetime | None = None
    action: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    acknowledged_at: datetime | None = None
    error_code: str | None = None
    vendor_result: Mapping[str, Any] | None = None
    error: ChargingError | None = field(default=None, compare=False, repr=False)
