"""Everything that AMPECO can be asked to do, in one table.

A row says which right an action needs, of what it is asked, where it goes and what
its body is. Most actions answer nothing, or a bare `success`.
"""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from datetime import datetime, timedelta
from enum import Flag, auto
import math
from typing import Any

from ...charging import (
    PROFILE_FIELDS,
    ActivateSubscription,
    AddBalance,
    ApplyFee,
    CancelReservation,
    CancelSubscription,
    ChargingProfile,
    ClearChargingProfile,
    ClearLimit,
    Command,
    CommandRefusedError,
    Control,
    HardReset,
    NotSupportedError,
    Outcome,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    RedeemVoucher,
    Refresh,
    Refusal,
    Reserve,
    Reset,
    SchedulePeriod,
    SetChargingProfile,
    SetConfiguration,
    SetControl,
    SetUserStatus,
    StartCharging,
    StopCharging,
    SyncConfiguration,
    TriggerMessage,
    Unlock,
)
from ..ocpp import check_profile, profile_body
from ..wire import integer, segment
from .features import Feature, Rights
from .mappings import MESSAGES
from .smart_charging import mode_bodies
from .wire import ActionResponse, ChargePoint, Evse

type Body = Mapping[str, Any]

_STATION = 0
"""OCPP's connector number for the whole station."""


class Scope(Flag):
    """What an action can be asked of."""

    STATION = auto()
    EVSE = auto()
    CIRCUIT = auto()
    USER = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a command is sent to, with all that its request is made of.

    `key` is the id of a circuit or a driver. `evse` is None where the whole station is
    meant; `among_several` says that the EVSE has a device of its own. `session` and
    `reservation` are what a stop and a cancellation are about. `modes` are the
    smart-charging settings that were replaced from here.
    """

    now: datetime
    key: str | None = None
    point: ChargePoint = ChargePoint()
    evse: Evse | None = None
    among_several: bool = False
    session: str | None = None
    reservation: str | None = None
    user_id: str | None = None
    stack_level: int = 1
    modes: Body | None = None

    @property
    def number(self) -> int:
        """Return the OCPP number of the EVSE, or of the whole station."""
        if self.evse is None:
            return _STATION
        if (number := integer(self.evse.network_id)) is None:
            raise NotSupportedError
        return number

    def path(self, template: str) -> str:
        """Fill the ids into a path."""
        ids = {
            "{station}": self.point.id,
            "{evse}": self.evse.id if self.evse else None,
            "{number}": str(self.number) if "{number}" in template else None,
            "{session}": self.session,
            "{reservation}": self.reservation,
            "{key}": self.key,
        }
        return "/".join(
            segment(ids[part] or "") if part in ids else part
            for part in template.split("/")
        )


def speaks_ocpp(point: ChargePoint, evse: Evse | None = None) -> bool:
    """Return whether the cloud can reach the station's own controls."""
    return point.communication_mode not in {"none", "roaming"}


@dataclass(frozen=True, slots=True)
class Action:
    """A row of the table.

    `needs` are rights besides its own, `offered` asks a charge point and its EVSE
    (None for the whole station) whether they can do it, `fields` are the optional
    fields of the command that are honoured. `path_among_several` is for an EVSE with a
    device of its own. Older tenants want `by_number` what others want by id; a 404
    says that nothing was done. `result` finds what can be asked about later.
    """

    right: Feature
    scope: Scope
    path: str
    body: Callable[[Any, Target], Body | None] = lambda command, target: None
    _: KW_ONLY
    method: str = "POST"
    needs: tuple[Feature, ...] = ()
    offered: Callable[[ChargePoint, Evse | None], bool] = speaks_ocpp
    fields: frozenset[str] = frozenset()
    path_among_several: str | None = None
    by_number: bool = False
    outcome: Outcome = Outcome.ACCEPTED
    result: Callable[[ActionResponse, Target], str | None] = lambda answer, target: None

    def allowed(self, rights: Rights) -> bool:
        """Return whether the token has the rights."""
        return all(rights.allows(right) for right in (self.right, *self.needs))

    def path_to(self, target: Target) -> str:
        """Return the path of the request."""
        if target.among_several and target.evse and self.path_among_several:
            return target.path(self.path_among_several)
        return target.path(self.path)


# What can be done


def starts_remotely(point: ChargePoint, evse: Evse | None = None) -> bool:
    """Return whether sessions can be started from afar."""
    able = point.capabilities
    return point.communication_mode != "none" and (
        not able or "remote_start_stop_capable" in able
    )


def _addressable(point: ChargePoint, evse: Evse | None) -> bool:
    """Return whether OCPP has a number for it."""
    return speaks_ocpp(point) and (evse is None or evse.network_id is not None)


def _reservable(point: ChargePoint, evse: Evse | None) -> bool:
    """Return whether an EVSE can be kept for a driver."""
    return speaks_ocpp(point) and evse is not None and bool(evse.allows_reservation)


def _has_socket(point: ChargePoint, evse: Evse | None) -> bool:
    """Return whether there is a socket that can release a cable."""
    return (
        speaks_ocpp(point)
        and evse is not None
        and any(plug.format == "socket" for plug in evse.connectors)
    )


# What is sent


def _id_number(word: str, of: str) -> int:
    """Read an id that the cloud wants as a number."""
    try:
        return int(word)
    except ValueError as err:
        raise CommandRefusedError(
            f"the id of the {of} must be a number", reason=Refusal.INVALID_VALUE
        ) from err


def _stated(**parts: Any) -> Body:
    """Leave out what is not stated."""
    return {key: value for key, value in parts.items() if value is not None}


def _user_id(command: StartCharging | Reserve, target: Target) -> int | None:
    """Return the driver who is named, or the usual one."""
    user_id = command.user_id or target.user_id
    return _id_number(user_id, "user") if user_id else None


def _start(command: StartCharging, target: Target) -> Body:
    profile = None
    if command.current is not None:
        profile = _profile(
            replace(_limit(command.current, target), purpose=ProfilePurpose.TX),
            target,
        )
    user_id = _user_id(command, target)
    if command.payment_method_id and user_id is None:
        raise CommandRefusedError(reason=Refusal.USER_REQUIRED)
    return _stated(
        userId=user_id,
        paymentMethodId=command.payment_method_id or None,
        externalSessionId=command.session_key or None,
        idTag=command.id_token,
        chargingProfile=profile,
    )


def _reserve(command: Reserve, target: Target) -> Body:
    user_id = _user_id(command, target)
    if user_id is None:
        raise CommandRefusedError(reason=Refusal.USER_REQUIRED)
    return _stated(userId=user_id, reason=command.reason or None)


def _message(command: TriggerMessage, target: Target) -> Body:
    if command.message not in MESSAGES:
        raise CommandRefusedError(
            f"the message must be one of {', '.join(MESSAGES)}",
            reason=Refusal.INVALID_VALUE,
        )
    return {"type": command.message}


def _limit(amps: float, target: Target) -> ChargingProfile:
    """Return the profile that a current limit is kept in."""
    return ChargingProfile(
        stack_level=target.stack_level,
        periods=(SchedulePeriod(start_period=0, limit=amps),),
    )


def _profile(profile: ChargingProfile, target: Target) -> Body:
    """Write a profile that keeps to OCPP's rules and the hardware's bounds."""
    power = target.evse.power_options if target.evse else None
    highest = None
    if power:
        amps = profile.rate_unit is RateUnit.AMPERE
        highest = power.max_amperage if amps else power.max_power
    check_profile(profile, highest=highest)
    return profile_body(profile)


def _control_limit(command: SetControl, target: Target) -> Body:
    """Limit all sessions of an EVSE: from now on, or from now for so long."""
    profile = _limit(_number(command), target)
    if command.duration is not None:
        if command.duration <= timedelta():
            raise CommandRefusedError(reason=Refusal.INVALID_VALUE)
        # A relative schedule would be counted from when a session begins.
        profile = replace(
            profile,
            kind=ProfileKind.ABSOLUTE,
            start_schedule=target.now,
            duration=math.ceil(command.duration.total_seconds()),
        )
    return _profile(profile, target)


def _clear(command: ClearChargingProfile, target: Target) -> Body:
    by_id = command.profile_id is not None
    return _stated(
        id=command.profile_id,
        evseNetworkId=None if by_id else str(target.number),
        chargingProfilePurpose=command.purpose and command.purpose.value,
        stackLevel=command.stack_level,
    )


def _clear_limit(command: ClearLimit, target: Target) -> Body:
    """Name the profile that the current limit is kept in."""
    shown = target.evse.profile if target.evse else None
    level = target.stack_level
    if (
        shown
        and shown.purpose == ProfilePurpose.TX_DEFAULT
        and shown.stack_level is not None
    ):
        level = shown.stack_level
    return {
        "evseNetworkId": str(target.number),
        "chargingProfilePurpose": ProfilePurpose.TX_DEFAULT.value,
        "stackLevel": level,
    }


def _availability(command: SetControl, target: Target) -> Body:
    return _stated(
        type="Operative" if command.value else "Inoperative",
        evseNetworkId=target.number if target.evse else None,
    )


def _mode(command: SetControl, target: Target) -> Body:
    bodies = mode_bodies(target.point.smart_charging, target.modes)
    if (body := bodies.get(str(command.value))) is None:
        raise NotSupportedError
    return body


def _number(command: SetControl) -> float:
    """Return the value of a control that is a number."""
    if not isinstance(command.value, int | float):
        raise CommandRefusedError(reason=Refusal.INVALID_VALUE)
    return command.value


def _subscription(command: ActivateSubscription, target: Target) -> Body:
    return _stated(
        planId=_id_number(command.plan_id, "plan"),
        # A date: that of the zone in which the end was given.
        endDate=command.end.date().isoformat() if command.end else None,
        autoRenewal=command.auto_renewal,
        reason=command.reason,
    )


# The table

_CP = "/actions/charge-point/v1.0/{station}"
_USER = "/actions/users/v1.0/{key}"
_ANY = Scope.STATION | Scope.EVSE
_DONE = Outcome.COMPLETED

ACTIONS: Mapping[type[Command] | Control, Action] = {
    StartCharging: Action(
        Feature.START,
        Scope.EVSE,
        "/actions/evse/v1.0/{evse}/start",
        _start,
        offered=starts_remotely,
        fields=frozenset(
            {
                "current",
                "id_token",
                "payment_method_id",
                "session_key",
                "user_id",
            }
        ),
        result=lambda answer, target: answer.session_id,
    ),
    StopCharging: Action(
        Feature.STOP,
        Scope.EVSE,
        _CP + "/stop/{session}",
        lambda command, target: {"force": command.force},
        needs=(Feature.SESSIONS,),
        offered=starts_remotely,
        fields=frozenset({"force"}),
        result=lambda answer, target: target.session,
    ),
    Reserve: Action(
        Feature.RESERVE,
        Scope.EVSE,
        _CP + "/reserve/{evse}",
        _reserve,
        by_number=True,
        offered=_reservable,
        fields=frozenset({"reason", "user_id"}),
        outcome=_DONE,
        result=lambda answer, target: answer.reservation_id,
    ),
    CancelReservation: Action(
        Feature.CANCEL_RESERVATION,
        Scope.EVSE,
        "/actions/reservation/v1.0/{reservation}/cancel",
        needs=(Feature.RESERVE,),
        offered=_reservable,
        fields=frozenset({"reservation_id"}),
        result=lambda answer, target: target.reservation,
    ),
    Unlock: Action(
        Feature.UNLOCK,
        Scope.EVSE,
        _CP + "/unlock/{evse}",
        by_number=True,
        offered=_has_socket,
    ),
    Reset: Action(Feature.RESET, Scope.STATION, _CP + "/reset/soft"),
    HardReset: Action(Feature.RESET, Scope.STATION, _CP + "/reset/hard"),
    Refresh: Action(
        Feature.TRIGGER,
        _ANY,
        _CP + "/trigger-message",
        lambda command, target: {"type": "StatusNotification"},
    ),
    TriggerMessage: Action(
        Feature.TRIGGER,
        _ANY,
        _CP + "/trigger-message",
        _message,
        path_among_several="/actions/evse/v1.0/{evse}/trigger-message",
    ),
    SetConfiguration: Action(
        Feature.SET_CONFIGURATION,
        Scope.STATION,
        "/actions/charge-point/v2.0/{station}/set-configuration",
        lambda command, target: _stated(
            name=command.key,
            value=command.value,
            componentName=command.component or None,
            instance=command.instance or None,
        ),
        fields=frozenset({"component", "instance"}),
    ),
    # What the station tells shows later in its configurations.
    SyncConfiguration: Action(
        Feature.SYNC_CONFIGURATION,
        Scope.STATION,
        _CP + "/sync-configuration",
        lambda command, target: {"keys": list(command.keys)} if command.keys else {},
        fields=frozenset({"keys"}),
        result=lambda answer, target: answer.request_id,
    ),
    SetChargingProfile: Action(
        Feature.SET_PROFILE,
        _ANY,
        _CP + "/set-charging-profile/{number}",
        lambda command, target: _profile(command.profile, target),
        offered=_addressable,
        # Its id is given by the cloud.
        fields=PROFILE_FIELDS,
        result=lambda answer, target: answer.id,
    ),
    # What matches every criterion goes.
    ClearChargingProfile: Action(
        Feature.CLEAR_PROFILE,
        _ANY,
        _CP + "/clear-charging-profile",
        _clear,
        offered=_addressable,
        fields=frozenset({"profile_id", "purpose", "stack_level"}),
    ),
    ClearLimit: Action(
        Feature.CLEAR_PROFILE,
        Scope.EVSE,
        _CP + "/clear-charging-profile",
        _clear_limit,
        offered=_addressable,
    ),
    Control.CURRENT_LIMIT: Action(
        Feature.SET_PROFILE,
        Scope.EVSE,
        _CP + "/set-charging-profile/{number}",
        _control_limit,
        offered=_addressable,
        result=lambda answer, target: answer.id,
    ),
    Control.AVAILABILITY: Action(
        Feature.AVAILABILITY,
        _ANY,
        _CP + "/change-availability",
        _availability,
        offered=_addressable,
    ),
    Control.SMART_CHARGING_MODE: Action(
        Feature.SMART_CHARGING,
        Scope.STATION,
        "/resources/charge-points/v2.0/{station}/smart-charging",
        _mode,
    ),
    # In A per phase.
    Control.CIRCUIT_LIMIT: Action(
        Feature.CIRCUIT_LIMIT,
        Scope.CIRCUIT,
        "/resources/circuits/v2.0/{key}",
        lambda command, target: {"maxCurrent": _number(command)},
        method="PATCH",
        outcome=_DONE,
    ),
    # On drivers' accounts: amounts are in the tenant's base currency.
    SetUserStatus: Action(
        Feature.USER_STATUS,
        Scope.USER,
        _USER + "/change-status",
        lambda command, target: {
            "status": "enabled" if command.enabled else "disabled",
            "reason": command.reason,
        },
        outcome=_DONE,
    ),
    ActivateSubscription: Action(
        Feature.ACTIVATE_SUBSCRIPTION,
        Scope.USER,
        _USER + "/activate-subscription",
        _subscription,
        fields=frozenset({"auto_renewal", "end", "reason"}),
        outcome=_DONE,
    ),
    CancelSubscription: Action(
        Feature.CANCEL_SUBSCRIPTION,
        Scope.USER,
        _USER + "/cancel-subscription",
        lambda command, target: {"reason": command.reason},
        outcome=_DONE,
    ),
    AddBalance: Action(
        Feature.ADD_BALANCE,
        Scope.USER,
        _USER + "/add-balance",
        lambda command, target: {
            "amount": command.amount,
            "reason": command.reason,
        },
        outcome=_DONE,
    ),
    ApplyFee: Action(
        Feature.APPLY_FEE,
        Scope.USER,
        _USER + "/apply-custom-fee",
        lambda command, target: _stated(
            amount=command.amount,
            description=command.description,
            paymentMethodId=command.payment_method_id or None,
        ),
        fields=frozenset({"payment_method_id"}),
        outcome=_DONE,
    ),
    RedeemVoucher: Action(
        Feature.REDEEM_VOUCHER,
        Scope.USER,
        "/actions/users/v2.0/{key}/redeem-voucher",
        lambda command, target: {"code": command.code},
        outcome=_DONE,
    ),
}


def action_of(command: Command) -> Action:
    """Return the row of a command."""
    key = command.control if isinstance(command, SetControl) else type(command)
    if (action := ACTIONS.get(key)) is None:
        raise NotSupportedError
    return action


def offered(
    scope: Scope,
    rights: Rights,
    point: ChargePoint = ChargePoint(),
    evse: Evse | None = None,
) -> Mapping[type[Command], frozenset[str]]:
    """Return what can be asked of something, with the optional fields.

    It is the same mapping for all that can be asked the same.
    """

    def make() -> Mapping[type[Command], frozenset[str]]:
        return {
            command: action.fields
            for command, action in ACTIONS.items()
            if isinstance(command, type)
            and scope & action.scope
            and action.allowed(rights)
            and action.offered(point, evse)
        }

    of_evse = evse and (
        evse.network_id is None,
        evse.allows_reservation,
        evse.connectors,
    )
    return rights.keep(
        (scope, point.communication_mode, point.capabilities, of_evse), make
    )
