"""Load balancing at a location: its group, the main meter, who may draw what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .shapes import Charger, Json, Site, stamp

_TOTAL = 63.0  # A, of the house
_HOUSE = 2.5  # A on each phase, besides the chargers
_VOLTAGE = 230.0


def group(site: Site) -> Json:
    """Return the one group of a location."""
    return {
        "id": site.id * 10,
        "site_id": site.id,
        "group_id": None,
        "meter_id": site.id * 10 + 1,
        "total_amps": _TOTAL,
        "net_type": "TN",
        "method": "boost",
        "solar_additional_amps": 0,
        "solar_always_charge": False,
        "solar_always_charge_amps": 0,
        "smart_charging_charge_on_solar_export": False,
        "peak_shaving_enabled": False,
        "peak_shaving_threshold": None,
    }


def _currents(chargers: Sequence[Charger]) -> list[float]:
    """Return what flows into the house on each phase (A)."""
    flows = [
        connector.currents
        for charger in chargers
        for connector in charger.station.connectors
    ]
    return [round(_HOUSE + sum(flow[n] for flow in flows), 1) for n in range(3)]


def meter(site: Site, chargers: Sequence[Charger], now: datetime) -> Json:
    """Return the main meter of a location, currents in A and powers in W."""
    currents = _currents(chargers)
    power = dict(zip(("l1", "l2", "l3"), (a * _VOLTAGE for a in currents), strict=True))
    return {
        "uuid": f"{site.uuid[:-4]}00fe",
        "id": site.id * 10 + 1,
        "type": "chargee",
        "latest_data": {
            **dict(zip(("l1", "l2", "l3"), currents, strict=True)),
            "updated_at": stamp(now),
        },
        "power": {"total": sum(power.values()), **power},
        "created_at": "2025-04-01T09:00:00.000000Z",
        "updated_at": stamp(now),
    }


def chargee(site: Site) -> str:
    """Return the number on the main meter of a location."""
    return f"CHG{site.id:06}"


def power_management(site: Site, chargers: Sequence[Charger], now: datetime) -> Json:
    """Return the tree of a location with what is asked for and granted."""
    top = group(site)
    listed: list[dict[str, Any]] = [
        {
            "id": charger.id,
            "uuid": charger.station.id,
            "label": charger.reference,
            "status": charger.connection,
            "groupId": top["id"],
        }
        for charger in chargers
    ]
    free = [round(_TOTAL - current, 1) for current in _currents(chargers)]
    return {
        "groups": [
            {
                "id": top["id"],
                "isRoot": True,
                "totalAmps": top["total_amps"],
                "netType": top["net_type"],
                "method": top["method"],
                "peakShaving": {"enabled": False, "threshold": None},
                "meter": {"id": top["meter_id"]},
                "solarSettings": None,
                "chargers": listed,
                "subgroups": [],
            }
        ],
        "unattachedChargers": [],
        "allChargers": listed,
        "realTimeData": {
            str(top["id"]): {
                "available": dict(zip(("l1", "l2", "l3"), free, strict=True))
            }
        },
        "meterData": {str(top["meter_id"]): meter(site, chargers, now)},
    }
