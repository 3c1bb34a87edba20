"""The shapes of Plugchoice's API v3.

Numbers come as numbers or as text, some keys only from some chargers: everything
may be missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mashumaro import field_options

from ..wire import Wire


def _part[T: Wire](shape: type[T], alias: str | None = None) -> dict[str, Any]:
    """Read an object inside another; None when it is no object."""
    read: Callable[[Any], T | None] = lambda body: (  # noqa: E731
        shape.decode(body) if isinstance(body, Mapping) else None
    )
    return field_options(deserialize=read, alias=alias)


def _parts[T: Wire](shape: type[T], alias: str | None = None) -> dict[str, Any]:
    """Read a list of objects inside another; empty when it is no list."""
    read: Callable[[Any], list[T]] = lambda body: (  # noqa: E731
        shape.decode_all(body) if isinstance(body, list) else []
    )
    return field_options(deserialize=read, alias=alias)


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
    vendor_error_code: str | None = None
    max_amperage: float | None = None  # A
    format: str | None = None
    power_type: str | None = None
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
    vendor_error_code: str | None = None
    firmware_version: str | None = None
    parsed_firmware_version: str | None = None
    server: str | None = None
    last_heartbeat_at: datetime | None = None
    blocked: bool | None = None
    max_current: float | None = None  # A
    licenses: Licenses | None = field(default=None, metadata=_part(Licenses))
    model: Model | None = field(default=None, metadata=_part(Model))
    permissions: Permissions | None = field(default=None, metadata=_part(Permissions))
    connectors: list[Connector] = field(
        default_factory=list, metadata=_parts(Connector)
    )


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
    l1: float | None = field(default=None, metadata=field_options(alias="L1"))  # A
    l2: float | None = field(default=None, metadata=field_options(alias="L2"))  # A
    l3: float | None = field(default=None, metadata=field_options(alias="L3"))  # A
    kilowatts: float | None = field(default=None, metadata=field_options(alias="kW"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledValue(Wire):
    """An OCPP SampledValue; a key that is missing has OCPP's default."""

    value: float | None = None
    measurand: str | None = None
    phase: str | None = None
    location: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterValue(Wire):
    """An OCPP MeterValue."""

    timestamp: datetime | None = None
    sampled_value: list[SampledValue] = field(
        default_factory=list, metadata=_parts(SampledValue, "sampledValue")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestMeterValue(Wire):
    """The last OCPP MeterValues message of a connector."""

    meter_value: list[MeterValue] = field(
        default_factory=list, metadata=_parts(MeterValue, "meterValue")
    )


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
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    stop_reason: str | None = None
    connector: TransactionConnector | None = field(
        default=None, metadata=_part(TransactionConnector)
    )


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
class SchedulePeriod(Wire):
    """A period of a charging schedule: its start in seconds, its limit."""

    start: int | None = field(default=None, metadata=field_options(alias="startPeriod"))
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingSchedule(Wire):
    """An OCPP ChargingSchedule; limits are in `unit`, A or W."""

    unit: str | None = field(
        default=None, metadata=field_options(alias="chargingRateUnit")
    )
    periods: list[SchedulePeriod] = field(
        default_factory=list, metadata=_parts(SchedulePeriod, "chargingSchedulePeriod")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeSchedule(Wire):
    """What all profiles of a connector come to, from now on."""

    status: str | None = None
    schedule: ChargingSchedule | None = field(
        default=None, metadata=_part(ChargingSchedule, "chargingSchedule")
    )

    @property
    def limit(self) -> float | None:
        """Return the limit (A) that holds now."""
        if self.schedule is None or self.schedule.unit not in (None, "A"):
            return None
        return next((p.limit for p in self.schedule.periods if not p.start), None)
