"""The shapes of AMPECO's public API that this integration reads.

Ids are compared as text, since one object's id comes as a number in one place and
as a string in another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mashumaro import field_options

from ..wire import Wire, text


def _key(name: str) -> Any:
    """Declare a plain field under the cloud's own name."""
    return field(default=None, metadata=field_options(alias=name))


def _part(shape: type[Wire], name: str) -> Any:
    """Declare an object inside another; anything else in its place is None."""
    return field(
        default=None,
        metadata=field_options(
            alias=name,
            deserialize=lambda value: (
                shape.decode(value) if isinstance(value, Mapping) else None
            ),
        ),
    )


def _parts(shape: type[Wire], name: str) -> Any:
    """Declare a list of objects inside another; anything else in its place is empty."""
    return field(
        default=(),
        metadata=field_options(
            alias=name,
            deserialize=lambda value: (
                tuple(shape.decode_all(value)) if isinstance(value, list) else ()
            ),
        ),
    )


def _words(value: Any) -> tuple[str, ...] | None:
    """Read a list of words."""
    if not isinstance(value, list):
        return None
    return tuple(word for item in value if (word := text(item)))


def _raw(value: Any) -> Mapping[str, Any] | None:
    """Keep an object as it came."""
    return value if isinstance(value, Mapping) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(Wire):
    """How a charge point speaks to the cloud; `id` is its OCPP identity."""

    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BootNotification(Wire):
    """What a charge point said of itself when it last started."""

    model: str | None = None
    vendor: str | None = None
    charge_point_serial_number: str | None = _key("chargePointSerialNumber")
    charge_box_serial_number: str | None = _key("chargeBoxSerialNumber")
    firmware_version: str | None = _key("firmwareVersion")


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePeriod(Wire):
    """A limit from `start_period` seconds on, in the unit of its profile."""

    start_period: int | None = _key("startPeriod")
    limit: float | None = None
    number_phases: int | None = _key("numberPhases")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(Wire):
    """A charging profile as it is read back; requests name its parts differently."""

    id: int | None = None
    purpose: str | None = None
    stack_level: int | None = _key("stackLevel")
    kind: str | None = _key("chargingProfileKind")
    recurrency: str | None = _key("recurrencyKind")
    unit: str | None = _key("chargingRateUnit")
    minimum_rate: float | None = _key("minChargingRate")
    schedule_start: datetime | None = _key("scheduleStart")
    valid_from: datetime | None = _key("validFrom")
    valid_to: datetime | None = _key("validTo")
    duration: int | None = None
    periods: tuple[SchedulePeriod, ...] = _parts(SchedulePeriod, "schedulePeriods")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePoint(Wire):
    """A charging station."""

    id: str | None = None
    operator_id: str | None = _key("operatorId")
    name: str | None = None
    location_id: str | None = _key("locationId")
    electricity_rate_id: str | None = _key("electricityRateId")
    communication_mode: str | None = _key("communicationMode")
    network: Network | None = _part(Network, "network")
    capabilities: tuple[str, ...] | None = field(
        default=None, metadata=field_options(deserialize=_words)
    )
    network_status: str | None = _key("networkStatus")
    hardware_status: str | None = _key("hardwareStatus")
    vendor_error_code: str | None = _key("vendorErrorCode")
    boot: BootNotification | None = _part(BootNotification, "lastBootNotification")
    profile: Profile | None = _part(Profile, "chargingProfile")
    smart_charging: Mapping[str, Any] | None = field(
        default=None, metadata=field_options(alias="smartCharging", deserialize=_raw)
    )
    last_updated_at: datetime | None = _key("lastUpdatedAt")


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOptions(Wire):
    """What an EVSE is built for; `max_power` is in W, whatever the schema says."""

    max_power: float | None = _key("maxPower")
    max_amperage: float | None = _key("maxAmperage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug(Wire):
    """A connector of an EVSE: a `socket`, or a fixed `cable`."""

    type: str | None = None
    format: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evse(Wire):
    """An outlet that serves one vehicle; `network_id` is its OCPP number."""

    id: str | None = None
    charge_point_id: str | None = _key("chargePointId")
    label: str | None = None
    current_type: str | None = _key("currentType")
    network_id: str | None = _key("networkId")
    hardware_status: str | None = _key("hardwareStatus")
    allows_reservation: bool | None = _key("allowsReservation")
    power_options: PowerOptions | None = _part(PowerOptions, "powerOptions")
    connectors: tuple[Plug, ...] = _parts(Plug, "connectors")
    profile: Profile | None = _part(Profile, "chargingProfile")
    last_updated_at: datetime | None = _key("lastUpdatedAt")


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalAmount(Wire):
    """What a session costs, in the currency of the session."""

    with_tax: float | None = _key("withTax")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingSession(Wire):
    """A session; `energy` is in Wh, `power_kw` in kW."""

    id: str | None = None
    charge_point_id: str | None = _key("chargePointId")
    evse_id: str | None = _key("evseId")
    status: str | None = None
    reason: str | None = None
    started_at: datetime | None = _key("startedAt")
    stopped_at: datetime | None = _key("stoppedAt")
    energy: float | None = None
    power_kw: float | None = _key("powerKw")
    soc_percent: float | None = _key("socPercent")
    amount: float | None = None
    total_amount: TotalAmount | None = _part(TotalAmount, "totalAmount")
    currency: str | None = None
    id_tag: str | None = _key("idTag")
    last_updated_at: datetime | None = _key("lastUpdatedAt")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLog(Wire):
    """The latest hardware status that a station reported, with what was wrong."""

    error_code: str | None = _key("errorCode")
    vendor_error_code: str | None = _key("vendorErrorCode")
    note: str | None = _key("info")
    description: str | None = _key("errorCodeDescription")
    customer_action: str | None = _key("errorCodeCustomerAction")


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorErrorCode(Wire):
    """A vendor's error code, explained by the operator."""

    error_code: str | None = _key("errorCode")
    description: str | None = _key("errorCodeDescription")
    customer_action: str | None = _key("errorCodeCustomerAction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation(Wire):
    """An EVSE kept free for a driver."""

    id: str | None = None
    evse_id: str | None = _key("evseId")
    status: str | None = None
    last_updated_at: datetime | None = _key("lastUpdatedAt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation(Wire):
    """A text in one language."""

    locale: str | None = None
    translation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(Wire):
    """A place with charge points."""

    id: str | None = None
    names: tuple[Translation, ...] = _parts(Translation, "name")
    timezone: str | None = None

    @property
    def name(self) -> str | None:
        """Return the English name, or the first there is."""
        texts = [(t.locale, t.translation) for t in self.names if t.translation]
        english = (words for locale, words in texts if locale == "en")
        return next(english, texts[0][1] if texts else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseConsumption(Wire):
    """What a circuit draws on one phase, in A."""

    phase: str | None = None
    consumption: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit(Wire):
    """Charge points that share a breaker; currents are in A per phase."""

    id: str | None = None
    name: str | None = None
    phases: str | None = None
    max_current: float | None = _key("maxCurrent")
    min_charge_point_current: float | None = _key("minChargePointCurrent")
    consumption: tuple[PhaseConsumption, ...] = _parts(PhaseConsumption, "consumption")


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectricityRate(Wire):
    """What electricity costs a site, per kWh with tax."""

    id: str | None = None
    name: str | None = None
    default_price: float | None = _key("defaultPrice")


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePeriod(Wire):
    """A price between two times of day ("HH:MM", local to the site)."""

    starts_at: str | None = _key("startsAt")
    ends_at: str | None = _key("endsAt")
    price: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPrices(Wire):
    """The prices of a weekday, of any day, or of one date."""

    week_day: str | None = _key("weekDay")
    date: str | None = None
    periods: tuple[PricePeriod, ...] = _parts(PricePeriod, "periods")


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Wire):
    """A driver; of personal data nothing but the operator's own key is read."""

    id: str | None = None
    external_id: str | None = _key("externalId")
    balance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription(Wire):
    """A driver's subscription to a plan."""

    user_id: str | None = _key("userId")
    status: str | None = None
    start_date: datetime | None = _key("startDate")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResponse(Wire):
    """The answer to an action; most actions leave all of it out."""

    success: bool | None = None
    message: str | None = None
    error_code: str | None = _key("errorCode")
    session_id: str | None = _key("sessionId")
    reservation_id: str | None = _key("reservationId")
    request_id: str | None = _key("requestId")
