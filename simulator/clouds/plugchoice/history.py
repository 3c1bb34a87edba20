"""What the cloud keeps: meter values over time, and the messages of chargers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from ...world import Connector, Session, World
from .shapes import Charger, Json, stamp
from .validation import Invalid, validate

_REGISTER = "Energy.Active.Import.Register"
_FORMAT = "%Y-%m-%d %H:%M:%S"
_FILTERS = ("context", "measurand", "phase", "location", "unit")
_INSIGNIFICANT = ("MeterValues", "SetChargingProfile")

_log_ids = count(880_001)


def meter_history(
    charger: Charger,
    query: Mapping[str, str],
    now: datetime,
    quirks: Mapping[str, Any],
) -> list[Json]:
    """Return the register of a charger between two times."""
    begin = _time(query, "date_from", required=True)
    end = _time(query, "date_to", required=True)
    limit = validate(dict(query), limit=("number", False, 10_000))["limit"]
    items = [
        item
        for connector in charger.station.connectors
        for session in connector.sessions
        for item in _values(charger, connector, session, now, quirks)
        if begin <= item["timestamp"] <= end
        and all(query.get(key) in (None, item[key]) for key in _FILTERS)
    ]
    items.sort(
        key=lambda item: item["timestamp"], reverse=query.get("order_by") == "desc"
    )
    return items if limit is None else items[: int(limit)]


def _time(query: Mapping[str, str], name: str, *, required: bool = False) -> str:
    """Read a time of a query as resources spell it."""
    value = query.get(name)
    if not value:
        if required:
            raise Invalid(name, "is required")
        return ""
    try:
        return str(stamp(datetime.strptime(value, _FORMAT).replace(tzinfo=UTC)))
    except ValueError:
        raise Invalid(name, "does not match the format Y-m-d H:i:s") from None


def _values(
    charger: Charger,
    connector: Connector,
    session: Session,
    now: datetime,
    quirks: Mapping[str, Any],
) -> Iterator[Json]:
    """Yield the register during one session."""
    stop = session.stopped_at or now
    at, context = session.started_at, "Transaction.Begin"
    kilo = quirks["kilo"]
    for number in count():
        register = session.register_at(at)
        if number == quirks["bad_reading"]:
            register *= 1000
        yield {
            "id": None,
            "charger_id": charger.id,
            "connector_id": connector.number,
            "transaction_id": session.id,
            "timestamp": stamp(at),
            "value": f"{register / 1000:.3f}" if kilo else f"{register:.0f}",
            "context": context,
            "measurand": _REGISTER,
            "phase": None,
            "location": "Outlet",
            "unit": "kWh" if kilo else "Wh",
            "charger_connector_id": charger.connector_ids[connector.number],
            "charger_transaction_id": session.id,
            "format": "Raw",
        }
        if at >= stop:
            return
        at += timedelta(seconds=quirks["history_seconds"])
        context = "Sample.Periodic"
        if at >= stop:
            if session.running:
                return
            at, context = stop, "Transaction.End"


@dataclass(slots=True)
class Logs:
    """The OCPP messages that went to and fro."""

    world: World
    _items: dict[str, list[Json]] = field(default_factory=dict)

    def add(
        self,
        charger: Charger,
        method: str,
        params: Json,
        result: Json | None,
        *,
        to: str = "charger",
    ) -> None:
        """Keep a message to a charger, or from one to the `centralsystem`."""
        at = stamp(self.world.now)
        self._items.setdefault(charger.station.id, []).append(
            {
                "id": next(_log_ids),
                "charger_id": charger.id,
                "status": "done" if result is not None else "failed",
                "version": "1.6",
                "method": method,
                "destination": to,
                "params": params,
                "result": result,
                "created_at": at,
                "updated_at": at,
            }
        )

    def of(self, charger: Charger, query: Mapping[str, str]) -> list[Json]:
        """Return the messages that a request asks for, the newest first."""
        begin = _time(query, "filter[date_from]")
        end = _time(query, "filter[date_to]") or "9"
        hidden = (
            _INSIGNIFICANT if query.get("filter[hide_insignificant]") == "1" else ()
        )
        items = [
            item
            for item in self._items.get(charger.station.id, [])
            if begin <= item["created_at"] <= end
            and item["method"] not in hidden
            and all(
                query.get(f"filter[{key}]") in (None, item[key])
                for key in ("method", "status", "destination")
            )
        ]
        return items if query.get("sort") == "created_at" else items[::-1]

    def methods(self, charger: Charger) -> list[str]:
        """Return what kinds of messages there are."""
        return sorted(
            {item["method"] for item in self._items.get(charger.station.id, [])}
        )


OCPP_NAMES: Mapping[str, str] = {
    "start": "RemoteStartTransaction",
    "stop": "RemoteStopTransaction",
    "restart": "Reset",
    "charge-limit": "SetChargingProfile",
    "charging-profile": "SetChargingProfile",
    "clear-charging-profile": "ClearChargingProfile",
    "composite-schedule": "GetCompositeSchedule",
}


def status_message(connector: Connector) -> Json:
    """Return what a charger says when a connector's state changes."""
    params: dict[str, Any] = {
        "connectorId": connector.number,
        "status": connector.state,
        "errorCode": connector.fault or "NoError",
    }
    return params
