"""Podero's shapes, Partner API v2.0.

The wallbox has been published in several revisions. What the reference page "Get
details about a user's wallbox" lists first is in all of them; the fields below
"Later revisions" may be missing, which `Wallbox.keys` tells from null.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any, override

from ..wire import Wire, moment, part, parts


def deadline(value: Any) -> datetime | time | None:
    """Read a point in time, or a time of day.

    Wallboxes have a full timestamp, Podero's cars a local `HH:MM`.
    """
    if (when := moment(value)) or not isinstance(value, str):
        return when
    try:
        return time.fromisoformat(value.strip())
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken(Wire):
    """The answer of the token endpoint; `expires_in` is in seconds."""

    access_token: str | None = field(default=None, repr=False)
    expires_in: float | None = None
    token_type: str | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Wire):
    """A user of the organisation, as far as it helps to recognise one."""

    id: str | None = None
    role: str | None = None
    email: str | None = field(default=None, repr=False)
    external_user_id: str | None = field(default=None, repr=False)
    first_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceType(Wire):
    """The kind of a device: `ev`, `hp_atw` and the like."""

    short_name: str | None = None
    long_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceModel(Wire):
    """What was built by whom, and how its maker's cloud is joined."""

    device_type: DeviceType | None = part(DeviceType)
    manufacturer: str | None = None
    model: str | None = None
    cloud_service_instructions: str | None = None
    cloud_service_signup_link: str | None = None
    year: int | None = None
    cloud_service: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner(Wire):
    """Whom the wallbox belongs to: personal data."""

    id: str | None = None
    email: str | None = field(default=None, repr=False)
    first_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    external_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(Wire):
    """Something the owner should do; its link, a secret, is not read."""

    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallbox(Wire):
    """A wallbox: its state and its settings. Levels are in %."""

    # Revision A, from the first published page; everything may be null.
    id: str | None = None
    connection_status: str | None = None
    monitoring_status: str | None = None
    steering_status: str | None = None
    device_model: DeviceModel | None = part(DeviceModel)
    owner: Owner | None = part(Owner)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    price_zone: str | None = None
    building: str | None = None
    pause_power_until: datetime | None = None
    is_pause_power_active: bool | None = None
    external_device_id: str | None = field(default=None, repr=False)
    is_authenticated: bool | None = None
    is_smart_optimization_active: bool | None = None
    current_mode: str | None = None
    comment: str | None = None
    current_state_last_updated_at: datetime | None = None
    last_monitoring_executed_at: datetime | None = None
    is_inverter_forced_mode_enabled: bool | None = None
    is_inverter_forced_mode_active: bool | None = None
    inverter_forced_mode_since: datetime | None = None  # year 1 stands for never
    is_forecasting_enabled: bool | None = None  # dropped by later revisions
    is_trading_enabled: bool | None = None
    actual_steering_state: str | None = None
    charge_target_min: int | None = None
    charge_target_max: int | None = None
    charge_power_max_w: int | None = None
    is_charge_policy_enabled: bool | None = None
    charge_policy_last_updated_at: datetime | None = None
    minimum_charge_limit: int | None = None
    charge_deadline_at: datetime | time | None = field(
        default=None, metadata={"deserialize": deadline}
    )
    is_over_charge_allowed: bool | None = None
    charge_time_remaining: int | None = None  # s
    charge_rate_w: float | None = None
    is_fully_charged: bool | None = None
    is_plugged_in: bool | None = None
    is_charging: bool | None = None
    charge_state_last_updated_at: datetime | None = None
    consumption_last_day_kwh: float | None = None
    consumption_last_week_kwh: float | None = None
    consumption_last_month_kwh: float | None = None
    consumption_last_updated_at: datetime | None = None
    needs_gateway: bool | None = None
    embeddable_url: str | None = field(default=None, repr=False)
    authorization_url: str | None = field(default=None, repr=False)

    # Later revisions. `mode` and `connection` are described without their keys;
    # these are the names of the attributes behind them.
    optimization_score: float | None = None
    deleted_at: datetime | None = None
    lifecycle_state: str | None = None
    lifecycle_error: str | None = None
    mode: str | None = None
    connection: str | None = None
    boost_state: str | None = None
    boost_for_next_session: bool | None = None
    action_needed: bool | None = None
    actions: tuple[Action, ...] = parts(Action)  # in the detail only

    keys: frozenset[str] = frozenset()  # which of them the answer had

    @classmethod
    @override
    def __pre_deserialize__(cls, d: dict[Any, Any]) -> dict[Any, Any]:
        """Note which keys there are."""
        return {**d, "keys": [key for key in d if key in _OPTIONAL]}


_OPTIONAL = frozenset(
    {
        "is_forecasting_enabled",
        "optimization_score",
        "lifecycle_state",
        "mode",
        "connection",
        "boost_state",
        "action_needed",
        "actions",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurplusSession(Wire):
    """A solar-surplus (HEMS) session; it has not ended while it runs."""

    id: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    energy_from_solar_kwh: float | None = None
    savings_eur: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SurplusPage(Wire):
    """A page of the list of surplus sessions; `total` counts all pages."""

    total: int | None = None
    items: tuple[SurplusSession, ...] = parts(SurplusSession)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurplusDetail(Wire):
    """A surplus session among its decisions and commands, which are not read."""

    session: SurplusSession | None = part(SurplusSession)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentSurplus(Wire):
    """The running surplus session, wrapped once more; null when there is none."""

    session: SurplusDetail | None = part(SurplusDetail)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSession(Wire):
    """Where the owner links the maker's account anew; the address opens doors."""

    authentication_url: str | None = field(default=None, repr=False)
    device_id: str | None = None
    session_id: str | None = None


def utc(value: datetime) -> str:
    """Write a point in time the way Podero does."""
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
