"""The objects of Plugchoice's API v3, as it sends them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from ...world import Connector, Session, State, Station
from .profiles import Profiles

type Json = dict[str, Any]

_HEARTBEAT = timedelta(minutes=5)
_CREATED = "2025-04-01T09:00:00.000000Z"

_charger_ids = count(9001)
_connector_ids = count(15001)


@dataclass(slots=True, kw_only=True)
class Card:
    """A card that is registered at a location."""

    id: int
    name: str
    id_token: str

    def json(self) -> Json:
        """Return the card as the API shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "id_token": self.id_token,
            "created_at": _CREATED,
            "updated_at": _CREATED,
        }


@dataclass(slots=True, kw_only=True)
class Site:
    """A location."""

    uuid: str
    id: int
    name: str
    cards: list[Card] = field(default_factory=list)

    def json(self, chargers: int) -> Json:
        """Return the location as the API shows it."""
        return {
            "uuid": self.uuid,
            "id": self.id,
            "name": self.name,
            "address": None,
            "street": "Example Street",
            "postal_code": "1234 AB",
            "house_number": 1,
            "house_number_addition": None,
            "city": "Exampletown",
            "country": "NL",
            "smart_charging": "disabled",
            "chargers_count": chargers,
            "capabilities": {
                "smart_charging": True,
                "load_management": {
                    "dynamic": True,
                    "peak_shaving": False,
                    "solar": False,
                },
            },
            "permissions": {"basic": True, "sensitive": True, "full": True},
            "created_at": _CREATED,
            "updated_at": _CREATED,
        }


@dataclass(slots=True, kw_only=True)
class Charger:
    """What the cloud keeps of a station besides its hardware.

    `frozen` is what the connectors told last before the station went offline.
    """

    station: Station
    reference: str | None
    site: Site | None = None
    id: int = field(default_factory=lambda: next(_charger_ids))
    connector_ids: dict[int, int] = field(default_factory=dict)
    locked: bool = False
    plug_charge: bool = False
    card: str | None = None
    blocked: bool = False
    licenses: dict[str, bool] = field(
        default_factory=lambda: {"smart": True, "pro": False}
    )
    frozen: dict[int, tuple[State, str | None]] = field(default_factory=dict)
    profiles: Profiles = field(init=False)

    def __post_init__(self) -> None:
        """Number the connectors."""
        self.profiles = Profiles(station=self.station)
        for connector in self.station.connectors:
            self.connector_ids[connector.number] = next(_connector_ids)

    @property
    def connection(self) -> str:
        """Return the connection status."""
        if self.station.online:
            return "online"
        return "offline" if self.station.last_seen else "never_seen"

    def told(self, connector: Connector) -> tuple[State, str | None]:
        """Return the status and error that the cloud knows of."""
        if self.connection == "never_seen":
            return State.UNAVAILABLE, None
        now = (connector.state, connector.fault)
        return self.frozen.get(connector.number, now)

    def json(
        self,
        quirks: Mapping[str, Any],
        *,
        connectors: bool = False,
        rights: bool = False,
        pincode: bool = False,
    ) -> Json:
        """Return the charger as the API shows it, with the parts asked for."""
        station = self.station
        told = [self.told(connector) for connector in station.connectors]
        # Never a word of sessions here: those are the connectors' matter.
        status = State.AVAILABLE
        if any(state is State.FAULTED for state, _ in told):
            status = State.FAULTED
        elif told and all(state is State.UNAVAILABLE for state, _ in told):
            status = State.UNAVAILABLE
        maximum: float | str | None = station.max_current
        match quirks["max_current"]:
            case "string":
                maximum = f"{station.max_current:.0f}"
            case "null":
                maximum = None
        body: Json = {
            "uuid": station.id,
            "id": self.id,
            "identity": station.serial,
            "reference": self.reference,
            "connection_status": self.connection,
            "status": quirks["charger_status"] or status,
            "error": "NoError",
            "error_info": None,
            "vendor_id": None,
            "vendor_error_code": None,
            "firmware_version": f"V{station.firmware}-b77",
            "parsed_firmware_version": station.firmware,
            "server": "ocpp-eu-1",
            "last_connection_at": stamp(station.last_online_at),
            "last_disconnection_at": stamp(station.last_offline_at),
            "last_heartbeat_at": stamp(self._heartbeat()),
            "setup_pending": False,
            "setup_completed": True,
            "blocked": self.blocked,
            "max_current": maximum,
            "created_at": _CREATED,
            "updated_at": _CREATED,
            "licenses": dict(self.licenses),
            "model_id": 12,
        }
        if pincode and quirks["permissions"]["sensitive"]:
            body["pincode"] = "4711"
        if rights:
            body["model"] = {
                "vendor": station.vendor,
                "name": station.model,
                "is_dc": False,
            }
            body["permissions"] = dict(quirks["permissions"])
        if connectors:
            body["connectors"] = [
                self._connector(connector) for connector in station.connectors
            ]
        return without(body, quirks["omit"])

    def _heartbeat(self) -> datetime | None:
        """Return when the station was last heard of; it beats every five minutes."""
        station = self.station
        since = station.last_online_at
        if since is None or not station.online:
            return station.last_offline_at or since
        return since + (station.world.now - since) // _HEARTBEAT * _HEARTBEAT

    def _connector(self, connector: Connector) -> Json:
        """Return a connector as the API shows it."""
        state, fault = self.told(connector)
        return {
            "id": self.connector_ids[connector.number],
            "charger_id": self.id,
            "connector_id": connector.number,
            "status": state,
            "error": fault or "NoError",
            "error_info": "See the display" if fault else None,
            "vendor_id": None,
            "vendor_error_code": "E42" if fault else None,
            "max_amperage": round(connector.max_current),
            "max_voltage": round(connector.voltage),
            "standard": "IEC 62196",
            "format": "Socket" if connector.socket else "Cable",
            "power_type": f"AC_{connector.phases}_PHASE",
            "phase_rotation": "RST" if connector.phases == 3 else "R",
            "current_limit": round(connector.limit, 1) if connector.session else None,
            "created_at": _CREATED,
            "updated_at": _CREATED,
        }

    def knows(self, session: Session) -> bool:
        """Return whether the cloud has heard of a session."""
        station = self.station
        return station.online or (
            station.last_offline_at is not None
            and session.started_at <= station.last_offline_at
        )

    def transaction(self, session: Session, quirks: Mapping[str, Any]) -> Json:
        """Return a session as the API shows it; an offline station tells no end."""
        station, connector = self.station, session.connector
        offline_at = None if station.online else station.last_offline_at
        stopped = session.stopped_at
        if stopped and offline_at and stopped > offline_at:
            stopped = None
        energy: float | None = session.energy_wh / 1000
        if not stopped and not quirks["total_grows"]:
            energy = None
        number = quirks["total_kwh"] == "number"
        total = energy if number or energy is None else f"{energy:.2f}"
        body = {
            "id": session.id,
            "charger_id": self.id,
            "charger_connector_id": self.connector_ids[connector.number],
            "reservation_id": None,
            "id_tag": session.id_token or self.card,
            "meter_start": round(session.register_at(session.started_at)),
            "meter_stop": round(session.register_at(stopped)) if stopped else None,
            "total_kwh": total,
            "started_at": stamp(session.started_at),
            "stopped_at": stamp(stopped),
            "stop_reason": session.reason if stopped else None,
            "is_valid": session.id not in quirks["invalid"],
            "charger": {"uuid": station.id, "identity": station.serial},
            "connector": {"connector_id": connector.number},
            "created_at": stamp(session.started_at),
            "updated_at": stamp(stopped or session.started_at),
        }
        return without(body, quirks["omit"])


def stamp(when: datetime | None) -> str | None:
    """Return a time as resources spell it."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if when else None


def without(body: Json, keys: list[str]) -> Json:
    """Return an object and those in it without some keys."""
    return {key: _inside(value, keys) for key, value in body.items() if key not in keys}


def _inside(value: Any, keys: list[str]) -> Any:
    if isinstance(value, dict):
        return without(value, keys)
    if isinstance(value, list):
        return [_inside(item, keys) for item in value]
    return value
