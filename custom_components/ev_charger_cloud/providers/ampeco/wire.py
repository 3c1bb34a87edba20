"""The shapes of AMPECO's public API that this integration reads.

Ids are compared as text, since one object's id comes as a number in one place and
as a string in another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mashumaro import field_options

from ..wire import CamelCaseWire, key, part, parts, text, words


def _raw(value: Any) -> Mapping[str, Any] | None:
    """Keep an object as it came."""
    return value if isinstance(value, Mapping) else None


def _english(value: Any) -> str | None:
    """Read a text that may come in several languages: in English, or the first one."""
    if not isinstance(value, list):
        return text(value)
    texts = [
        (text(item.get("locale")), words)
        for item in value
        if isinstance(item, Mapping) and (words := text(item.get("translation")))
    ]
    english = (words for locale, words in texts if locale == "en")
    return next(english, texts[0][1] if texts else None)


def _translated() -> Any:
    """Declare a field for a text that may come in several languages."""
    return field(default=None, metadata=field_options(deserialize=_english))


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(CamelCaseWire):
    """How a charge point speaks to the cloud; `id` is its OCPP identity."""

    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BootNotification(CamelCaseWire):
    """What a charge point said of itself when it last started."""

    model: str | None = None
    vendor: str | None = None
    charge_point_serial_number: str | None = None
    charge_box_serial_number: str | None = None
    firmware_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePeriodPayload(CamelCaseWire):
    """A limit from `start_period` seconds on, in the unit of its profile."""

    start_period: int | None = None
    limit: float | None = None
    number_phases: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(CamelCaseWire):
    """A charging profile as it is read back; requests name its parts differently."""

    id: int | None = None
    purpose: str | None = None
    stack_level: int | None = None
    kind: str | None = key("chargingProfileKind")
    recurrency: str | None = key("recurrencyKind")
    unit: str | None = key("chargingRateUnit")
    minimum_rate: float | None = key("minChargingRate")
    schedule_start: datetime | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    duration: int | None = None
    periods: tuple[SchedulePeriodPayload, ...] = parts(
        SchedulePeriodPayload, "schedulePeriods"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerOfChargePoint(CamelCaseWire):
    """Whom the operator runs a charge point for."""

    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePoint(CamelCaseWire):
    """A charging station."""

    id: str | None = None
    operator_id: str | None = None
    name: str | None = None
    location_id: str | None = None
    electricity_rate_id: str | None = None
    communication_mode: str | None = None
    network: Network | None = part(Network)
    capabilities: tuple[str, ...] | None = field(
        default=None, metadata=field_options(deserialize=words)
    )
    network_status: str | None = None
    hardware_status: str | None = None
    vendor_error_code: str | None = None
    partner: PartnerOfChargePoint | None = part(PartnerOfChargePoint)
    boot: BootNotification | None = part(BootNotification, "lastBootNotification")
    profile: Profile | None = part(Profile, "chargingProfile")
    smart_charging: Mapping[str, Any] | None = field(
        default=None, metadata=field_options(deserialize=_raw)
    )
    last_updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOptions(CamelCaseWire):
    """What an EVSE is built for; `max_power` is in W, whatever the schema says."""

    max_power: float | None = None
    max_amperage: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug(CamelCaseWire):
    """A connector of an EVSE: a `socket`, or a fixed `cable`."""

    type: str | None = None
    format: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evse(CamelCaseWire):
    """An outlet that serves one vehicle; `network_id` is its OCPP number."""

    id: str | None = None
    charge_point_id: str | None = None
    label: str | None = None
    current_type: str | None = None
    network_id: str | None = None
    hardware_status: str | None = None
    tariff_group_id: str | None = None
    allows_reservation: bool | None = None
    power_options: PowerOptions | None = part(PowerOptions)
    connectors: tuple[Plug, ...] = parts(Plug)
    profile: Profile | None = part(Profile, "chargingProfile")
    last_updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalAmount(CamelCaseWire):
    """What a session costs, in the currency of the session."""

    with_tax: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPower(CamelCaseWire):
    """How much power a session draws, in W."""

    latest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalConsumption(CamelCaseWire):
    """What was drawn (Wh) in an interval, from all sources of energy."""

    total: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAlignedConsumption(CamelCaseWire):
    """What a session drew in an interval of the clock; `energy_consumed` is older."""

    start: datetime | None = None
    end: datetime | None = None
    energy_consumption: IntervalConsumption | None = part(IntervalConsumption)
    energy_consumed: float | None = None
    total_cost: TotalAmount | None = part(TotalAmount)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumptionPoint(CamelCaseWire):
    """The energy (Wh) of a session so far."""

    timestamp: datetime | None = None
    energy: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingSession(CamelCaseWire):
    """A session; `energy` is in Wh, the deprecated `power_kw` in kW.

    What comes after a long loss of connection makes a session of its own, which extends
    the original one.
    """

    id: str | None = None
    original_session_id: str | None = None
    extended_by_session_id: str | None = None
    charge_point_id: str | None = None
    evse_id: str | None = None
    status: str | None = None
    reason: str | None = None
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    energy: float | None = None
    power: SessionPower | None = part(SessionPower)
    power_kw: float | None = None
    soc_percent: float | None = None
    amount: float | None = None
    total_amount: TotalAmount | None = part(TotalAmount)
    currency: str | None = None
    payment_status: str | None = None
    user_id: str | None = None
    id_tag: str | None = None
    external_session_id: str | None = None
    last_updated_at: datetime | None = None
    clock_aligned_energy_consumption: tuple[ClockAlignedConsumption, ...] = parts(
        ClockAlignedConsumption
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLog(CamelCaseWire):
    """The latest hardware status that a station reported, with what was wrong."""

    error_code: str | None = None
    vendor_error_code: str | None = None
    note: str | None = key("info")
    description: str | None = key("errorCodeDescription")
    customer_action: str | None = key("errorCodeCustomerAction")


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorErrorCode(CamelCaseWire):
    """A vendor's error code, explained by the operator."""

    error_code: str | None = None
    description: str | None = key("errorCodeDescription")
    customer_action: str | None = key("errorCodeCustomerAction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation(CamelCaseWire):
    """An EVSE kept free for a driver; its `duration` is in minutes."""

    id: str | None = None
    evse_id: str | None = None
    status: str | None = None
    reserved_at: datetime | None = None
    duration: float | None = None
    last_updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(CamelCaseWire):
    """A place with charge points."""

    id: str | None = None
    name: str | None = _translated()
    timezone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseConsumption(CamelCaseWire):
    """What a circuit draws on one phase, in A."""

    phase: str | None = None
    consumption: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit(CamelCaseWire):
    """Charge points that share a breaker; currents are in A per phase."""

    id: str | None = None
    name: str | None = None
    phases: str | None = None
    max_current: float | None = None
    min_charge_point_current: float | None = None
    consumption: tuple[PhaseConsumption, ...] = parts(PhaseConsumption)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectricityRate(CamelCaseWire):
    """What electricity costs a site, per kWh with tax."""

    id: str | None = None
    name: str | None = None
    default_price: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePeriod(CamelCaseWire):
    """A price between two times of day ("HH:MM", local to the site)."""

    starts_at: str | None = None
    ends_at: str | None = None
    price: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPrices(CamelCaseWire):
    """The prices of a weekday, of any day, or of one date."""

    week_day: str | None = None
    date: str | None = None
    periods: tuple[PricePeriod, ...] = parts(PricePeriod)


@dataclass(frozen=True, slots=True, kw_only=True)
class User(CamelCaseWire):
    """A driver; of personal data nothing but the operator's own key is read."""

    id: str | None = None
    external_id: str | None = None
    balance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance(CamelCaseWire):
    """What is left free of a plan, in kWh: of any kind of current, or of one."""

    combined: float | None = None
    ac: float | None = None
    dc: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription(CamelCaseWire):
    """A driver's subscription to a plan."""

    id: str | None = None
    user_id: str | None = None
    plan_id: str | None = None
    status: str | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    remaining_allowance: Allowance | None = part(Allowance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named(CamelCaseWire):
    """A tariff group, a partner or a plan: only its name is shown."""

    id: str | None = None
    name: str | None = _translated()


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseCurrency(CamelCaseWire):
    """The currency of balances and prices: an id, or the code itself."""

    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(CamelCaseWire):
    """What holds for the whole tenant."""

    base_currency: BaseCurrency | None = part(BaseCurrency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency(CamelCaseWire):
    """A currency by its code (ISO 4217)."""

    alphabetic_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResponse(CamelCaseWire):
    """The answer to an action; most actions leave all of it out.

    `id` is that of a charging profile.
    """

    id: str | None = None
    success: bool | None = None
    message: str | None = None
    error_code: str | None = None
    session_id: str | None = None
    reservation_id: str | None = None
    request_id: str | None = None
