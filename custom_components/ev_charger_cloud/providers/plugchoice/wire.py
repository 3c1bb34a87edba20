"""The shapes of Plugchoice's API v3.

Numbers come as numbers or as text, some keys only from some chargers: everything
may be missing.
"""

from dataclasses import dataclass
from datetime import datetime

from ..wire import CamelCaseWire, Wire, key, part, parts


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Wire):
    """The account behind a token (`GET /user`)."""

    uuid: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Wire):
    """The model of a charger."""

    vendor: str | None = None
    name: str | None = None
    is_dc: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Licenses(Wire):
    """The licences of a charger; neither of them is the basic one."""

    smart: bool | None = None
    pro: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions(Wire):
    """What the account may do with a charger, beyond looking at it."""

    sensitive: bool | None = None
    full: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector(Wire):
    """A connector; `connector_id` is its OCPP number, `id` the cloud's own."""

    id: int | None = None
    connector_id: int | None = None
    status: str | None = None
    error: str | None = None
    error_info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None
    max_amperage: float | None = None  # A
    max_voltage: float | None = None  # V
    standard: str | None = None
    format: str | None = None
    power_type: str | None = None
    phase_rotation: str | None = None
    current_limit: float | None = None  # A; undocumented, seen on live connectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Charger(Wire):
    """A charger; of its own `status` only a fault and being out of use count."""

    uuid: str | None = None
    identity: str | None = None
    reference: str | None = None
    connection_status: str | None = None
    status: str | None = None
    error: str | None = None
    error_info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None
    firmware_version: str | None = None
    parsed_firmware_version: str | None = None
    server: str | None = None
    last_connection_at: datetime | None = None
    last_disconnection_at: datetime | None = None
    last_heartbeat_at: datetime | None = None
    setup_pending: bool | None = None
    setup_completed: bool | None = None
    blocked: bool | None = None
    max_current: float | None = None  # A
    created_at: datetime | None = None
    licenses: Licenses | None = part(Licenses)
    model: Model | None = part(Model)
    permissions: Permissions | None = part(Permissions)
    connectors: tuple[Connector, ...] = parts(Connector)


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePayload(Wire):
    """A location."""

    uuid: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card(Wire):
    """A card that is registered at a location."""

    id: int | None = None
    name: str | None = None
    id_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerUsage(Wire):
    """The last sample of a connector: text all of it, `-` where nothing is known."""

    timestamp: datetime | None = None
    l1: float | None = key("L1")  # A
    l2: float | None = key("L2")  # A
    l3: float | None = key("L3")  # A
    kilowatts: float | None = key("kW")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledValue(Wire):
    """An OCPP SampledValue; a key that is missing has OCPP's default."""

    value: float | None = None
    measurand: str | None = None
    phase: str | None = None
    location: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReading(Wire):
    """A meter value of the past; `connector_id` is an OCPP number."""

    connector_id: int | None = None
    timestamp: datetime | None = None
    value: float | None = None
    measurand: str | None = None
    phase: str | None = None
    location: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterValue(CamelCaseWire):
    """An OCPP MeterValue."""

    timestamp: datetime | None = None
    sampled_value: tuple[SampledValue, ...] = parts(SampledValue)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestMeterValue(CamelCaseWire):
    """The last OCPP MeterValues message of a connector."""

    meter_value: tuple[MeterValue, ...] = parts(MeterValue)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionCharger(Wire):
    """The charger of a transaction, which lists of a location tell."""

    uuid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionConnector(Wire):
    """The connector of a transaction by its OCPP number."""

    connector_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction(Wire):
    """A session; `charger_connector_id` is a connector's `id`, not its number."""

    id: int | None = None
    charger_connector_id: int | None = None
    id_tag: str | None = None
    meter_start: float | None = None  # Wh
    meter_stop: float | None = None  # Wh
    total_kwh: float | None = None
    total_cost: float | None = None  # older answers only, in a currency nobody names
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    stop_reason: str | None = None
    is_valid: bool | None = None
    charger: TransactionCharger | None = part(TransactionCharger)
    connector: TransactionConnector | None = part(TransactionConnector)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(Wire):
    """The charger's lock or its socket's; the socket's cannot be read offline."""

    enabled: bool | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlugCharge(Wire):
    """Whether a charger starts by itself, and on which card."""

    enabled: bool | None = None
    current_card: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResponse(Wire):
    """The charger's own answer to an action."""

    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePeriodPayload(CamelCaseWire):
    """A period of a charging schedule: its start in seconds, its limit."""

    start_period: int | None = None
    limit: float | None = None
    number_phases: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingSchedule(CamelCaseWire):
    """An OCPP ChargingSchedule; limits are in A unless the unit is W."""

    charging_rate_unit: str | None = None
    charging_schedule_period: tuple[SchedulePeriodPayload, ...] = parts(
        SchedulePeriodPayload
    )
    duration: int | None = None  # s
    start_schedule: datetime | None = None
    min_charging_rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeSchedule(CamelCaseWire):
    """What all profiles of a connector come to, from now on."""

    status: str | None = None
    schedule_start: datetime | None = None
    charging_schedule: ChargingSchedule | None = part(ChargingSchedule)

    @property
    def limit(self) -> float | None:
        """Return the limit (A) that holds now."""
        schedule = self.charging_schedule
        if schedule is None or schedule.charging_rate_unit not in (None, "A"):
            return None
        periods = schedule.charging_schedule_period
        return next((p.limit for p in periods if not p.start_period), None)
