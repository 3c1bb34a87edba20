"""What can be asked of a charger: one row for each command, and how it is sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ...charging import (
    PROFILE_FIELDS,
    PROFILE_ID,
    ChargingProfile,
    ClearChargingProfile,
    ClearLimit,
    Command,
    Control,
    ProfilePurpose,
    Reset,
    SetChargingProfile,
    StartCharging,
    StopCharging,
)
from .. import ocpp
from ..access import Access

type Body = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A command with what its body is made of besides.

    `number` is None for a command to a charger with several connectors, `value` what a
    control is to be set to, `token` the card to charge under.
    """

    number: int | None = None
    alone: bool = False
    stack_level: int = 1
    value: Any = None
    token: str | None = None
    transaction: int | None = None
    profile: ChargingProfile = ChargingProfile(periods=())
    criteria: ClearChargingProfile = ClearChargingProfile(device_id="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A row: `path` is the endpoint below the charger, and names the right to it.

    A command is offered with the optional `fields` that the cloud honours, at a
    connector, at a charger with several of them, or at both. A `setting` is kept by the
    cloud for a charger that is offline and has no verdict; what is `limiting` changes
    what a session may draw.
    """

    what: type[Command] | Control
    path: str
    body: Callable[[Order], Body]
    fields: frozenset[str] = frozenset()
    connector: bool = True
    charger: bool = False
    setting: bool = False
    limiting: bool = False


def _profile(order: Order) -> Body:
    """Write a profile; those for the whole charger go to connector 0."""
    whole = order.profile.purpose is ProfilePurpose.CHARGE_POINT_MAX
    profile = replace(order.profile, id=profile_id(order.profile))
    return {
        "connector_id": 0 if whole or order.number is None else order.number,
        "charging_profile": ocpp.profile_body(profile, key=ocpp.snake_case),
    }


def _cleared(order: Order) -> Body:
    """Write what profiles are meant; at a lone connector the whole charger's too."""
    criteria = {
        "id": order.criteria.profile_id,
        "connector_id": None if order.alone else order.number,
        "charging_profile_purpose": order.criteria.purpose,
        "stack_level": order.criteria.stack_level,
    }
    return {key: value for key, value in criteria.items() if value is not None}


def profile_id(profile: ChargingProfile) -> int:
    """Return the profile's number, by default one for each purpose and level."""
    if profile.id is not None:
        return profile.id
    return 100 * (list(ProfilePurpose).index(profile.purpose) + 1) + profile.stack_level


ACTIONS: Final = (
    Action(
        what=StartCharging,
        path="actions/start",
        body=lambda o: {"id_token": o.token, "connector_id": o.number},
        fields=frozenset({"current", "id_token"}),
    ),
    Action(
        what=StopCharging,
        path="actions/stop",
        # The active transaction when none is named.
        body=lambda o: (
            {} if o.transaction is None else {"transaction_id": o.transaction}
        ),
    ),
    Action(
        what=Control.CURRENT_LIMIT,
        path="actions/charge-limit",
        body=lambda o: {
            "connector_id": o.number,
            "limit": int(o.value) if float(o.value).is_integer() else o.value,
            "stack_level": o.stack_level,
        },
        limiting=True,
    ),
    Action(
        what=ClearLimit,
        path="actions/clear-charging-profile",
        # This account's level, nobody else's.
        body=lambda o: {"connector_id": o.number, "stack_level": o.stack_level},
        limiting=True,
    ),
    Action(
        what=SetChargingProfile,
        path="actions/charging-profile",
        body=_profile,
        fields=PROFILE_FIELDS | {PROFILE_ID},
        charger=True,
        limiting=True,
    ),
    Action(
        what=ClearChargingProfile,
        path="actions/clear-charging-profile",
        body=_cleared,
        fields=frozenset({"profile_id", "purpose", "stack_level"}),
        charger=True,
        limiting=True,
    ),
    Action(
        what=Reset,
        path="actions/restart",
        body=lambda o: None,
        connector=False,
        charger=True,
    ),
    Action(
        what=Control.LOCK,
        path="settings/lock",
        body=lambda o: {"enabled": o.value},
        connector=False,
        charger=True,
        setting=True,
    ),
    Action(
        what=Control.PLUG_AND_CHARGE,
        path="settings/plug-charge",
        body=lambda o: (
            {"enabled": True, "card_uid": o.token} if o.value else {"enabled": False}
        ),
        connector=False,
        charger=True,
        setting=True,
    ),
)
BY_COMMAND: Final = {action.what: action for action in ACTIONS}


def offered(
    access: Access[str], *, connector: bool = False, charger: bool = False
) -> dict[type[Command], frozenset[str]]:
    """Return the commands that the account has the right to, with their fields."""
    return {
        action.what: action.fields
        for action in ACTIONS
        if isinstance(action.what, type)
        and ((connector and action.connector) or (charger and action.charger))
        and access.allows(action.path)
    }
