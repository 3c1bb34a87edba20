"""How the tenant's records look from outside."""

from datetime import datetime, timedelta
from typing import Any

from .model import VENDOR_CODES, Booking, Charge, Circuit, Outlet, Point
from .query import iso
from .tenant import Tenant

PRICE_PER_KWH = 0.35
TAX = 25
PLUGS = {"ac": "type2", "dc": "ccs2"}


def show_point(tenant: Tenant, point: Point, include: set[str]) -> dict[str, Any]:
    """Return a charge point."""
    station = point.station
    words = point.network_status.replace("long-term ", "long-term_").replace(" ", "_")
    if tenant.quirks["network_words"] == "spaces":
        words = point.network_status
    fault = next(
        (o.connector.fault for o in point.outlets if o.status == "faulted"), None
    )
    shown: dict[str, Any] = {
        "id": point.id,
        "operatorId": 1,
        "name": station.name,
        "type": "private",
        "pin": "1234",
        "locationId": point.location,
        "chargingZoneId": None,
        "electricityRateId": point.rate,
        "modelId": 55,
        "networkType": "ethernet",
        "status": "enabled",
        "communicationMode": "direct_ocpp",
        "managedByOperator": True,
        "network": {
            "id": station.id,
            "protocol": point.protocol,
            "password": "a-station-password",
        },
        "capabilities": ["remote_start_stop_capable", "meter_values"],
        "security": {
            "desiredProfile": 1,
            "currentProfile": 1,
            "desiredProfileStatus": "applied",
        },
        "networkStatus": words,
        "hardwareStatus": point.hardware_status,
        "tags": [],
        "sharingCode": "SHARE-1",
        "createdAt": iso(point.created),
        "firstContactAt": f"{point.created:%Y-%m-%d}",
        "autoStartWithoutAuthorization": False,
        "disableAutoStartEmulation": False,
        "enableAutoFaultRecovery": False,
        "lastUpdatedAt": iso(point.updated),
    }
    if point.partner:
        shown["partner"] = {"id": point.partner, "contractId": 90}
    if point.hardware_status == "faulted" and fault in VENDOR_CODES:
        shown["vendorErrorCode"] = VENDOR_CODES[fault]
    if "lastBootNotification" in include:
        shown["lastBootNotification"] = {
            "model": station.model,
            "vendor": station.vendor,
            "chargePointSerialNumber": station.serial,
            "chargeBoxSerialNumber": station.serial,
            "firmwareVersion": station.firmware,
            "iccid": None,
            "imsi": None,
            "meterSerialNumber": None,
            "meterType": None,
        }
    if "chargingProfile" in include:
        profile = tenant.station_profile(point)
        shown["chargingProfile"] = profile and profile.shown(lower_case=True)
    if "smartCharging" in include:
        shown["smartCharging"] = point.smart | {"circuitId": point.circuit}
    return _odd(tenant, shown | point.changes, "hardwareStatus")


def show_outlet(tenant: Tenant, outlet: Outlet, include: set[str]) -> dict[str, Any]:
    """Return an EVSE."""
    connector, point = outlet.connector, outlet.point
    three = connector.phases == 3
    watts = connector.max_current * connector.phases * connector.voltage
    shown: dict[str, Any] = {
        "id": outlet.id,
        "chargePointId": point.id,
        "operatorId": 1,
        "physicalReference": f"{point.station.id}-{connector.number}",
        "currentType": outlet.current_type,
        "networkId": str(connector.number),
        "status": "enabled",
        "hardwareStatus": outlet.status,
        "tariffGroupId": 8,
        "allowsReservation": outlet.allows_reservation,
        "bookingEnabled": False,
        "roamingOperatorId": 0,
        "powerOptions": {
            "maxPower": round(watts),
            "maxVoltage": "400" if three else "230",
            "maxAmperage": connector.max_current,
            "phases": "three_phase" if three else "single_phase",
            "phaseRotation": "RST",
            "connectedPhase": None if three else "L1",
        },
        "createdAt": iso(outlet.created),
        "lastUpdatedAt": iso(outlet.updated),
    }
    if outlet.label:
        shown["label"] = outlet.label
    if "connectors" in include:
        shown["connectors"] = [
            {
                "id": outlet.id + 3000,
                "type": PLUGS[outlet.current_type],
                "format": "socket" if connector.socket else "cable",
                "status": "enabled",
            }
        ]
    if "chargingProfile" in include:
        profile = tenant.profile_of(outlet)
        shown["chargingProfile"] = profile and profile.shown()
    return _odd(tenant, shown | outlet.changes, "hardwareStatus")


def show_charge(
    tenant: Tenant, charge: Charge, interval: timedelta | None = None
) -> dict[str, Any]:
    """Return a session; what it has drawn is in Wh, also by intervals of the clock."""
    meter = charge.meter()
    energy = round(meter["energy"])
    net = round(energy / 1000 * PRICE_PER_KWH, 2)
    if charge.net is not None:
        net = charge.net
    gross = round(net * (1 + TAX / 100), 2)
    soc = meter["soc"] if tenant.quirks["state_of_charge"] else None
    active = charge.status == "active"
    updated = tenant.world.now if active and charge.frozen is None else charge.updated
    shown: dict[str, Any] = {
        "id": str(charge.id),
        "operatorId": 1,
        "chargePointId": charge.outlet.point.id,
        "evseId": charge.outlet.id,
        "connectorId": charge.outlet.id + 3000,
        "status": charge.status,
        "userId": charge.user,
        "startedAt": iso(charge.started),
        "stoppedAt": iso(charge.stopped),
        "energy": energy,
        "energyConsumption": {"total": energy, "grid": energy},
        "nonBillableEnergy": 0,
        "powerKw": round(meter["power"] / 1000, 3),
        "power": {
            "latest": round(meter["power"]),
            "peak": round(meter["power"]),
            "average": round(meter["power"]),
        },
        "amount": gross,
        "totalAmount": {"withTax": gross, "withoutTax": net},
        "tax": {"taxId": 1, "taxPercentage": TAX},
        "currency": "EUR",
        "electricityCost": round(energy / 1000 * 0.1, 2),
        "paymentMethodId": None,
        "paymentStatus": "pending" if charge.open else "paid",
        "billingStatus": "pending" if charge.open else "completed",
        "authorizationId": charge.authorization,
        "idTag": charge.token
        if charge.token and not charge.token.startswith("user")
        else f"*{charge.id:07}",
        "tariffSnapshotId": 700,
        "externalSessionId": charge.external,
        "evsePhysicalReference": f"{charge.outlet.point.station.id}-"
        f"{charge.outlet.connector.number}",
        "lastUpdatedAt": iso(updated),
    }
    # What has no value is left out, where its type has no null.
    optional = {
        "reason": charge.reason,
        "socPercent": None if soc is None else round(soc),
        "paymentType": "balance" if charge.user else None,
    }
    shown |= {key: value for key, value in optional.items() if value is not None}
    if interval is not None and tenant.quirks["clock_aligned"]:
        shown["clockAlignedEnergyConsumption"] = _clock_aligned(charge, interval, net)
    match tenant.quirks["session_power"]:
        case "power":
            del shown["powerKw"]
        case "powerKw":
            del shown["power"]
    return _odd(tenant, shown, "status")


def _clock_aligned(
    charge: Charge, interval: timedelta, net: float
) -> list[dict[str, Any]]:
    """Return what was drawn in each interval; the first begins with the session."""
    physical = charge.physical
    if physical is None:
        return []
    stop = physical.stopped_at or charge.outlet.connector.world.now
    shown = []
    begin, before = physical.started_at, 0
    while begin < stop:
        passed = (begin - begin.replace(minute=0, second=0, microsecond=0)) // interval
        hour = begin.replace(minute=0, second=0, microsecond=0)
        end = min(hour + (passed + 1) * interval, stop)
        drawn = round(physical.meter_at(end) - physical.meter_start_wh)
        energy = drawn - before
        cost = net * energy / max(physical.energy_wh, 1)
        shown.append(
            {
                "start": iso(begin),
                "end": iso(end),
                "energyConsumed": energy,
                "energyConsumption": {"total": energy, "grid": energy},
                "totalCost": {
                    "withTax": round(cost * (1 + TAX / 100), 4),
                    "withoutTax": round(cost, 4),
                },
            }
        )
        begin, before = end, drawn
    return shown


def show_points(tenant: Tenant, charge: Charge) -> list[dict[str, Any]]:
    """Return the energy of a session so far at several times, at most 300."""
    physical = charge.physical
    if physical is None:
        return []
    span = (physical.stopped_at or tenant.world.now) - physical.started_at
    count = min(int(span.total_seconds() // 60), 300)
    shown = []
    for number in range(1, count + 1):
        at = physical.started_at + span * number / (count + 1)
        energy = physical.meter_at(at) - physical.meter_start_wh
        shown.append(
            {
                "timestamp": iso(at),
                # Not every station tells every time.
                "energy": None if number % 50 == 49 else round(energy),
                "power": round(energy / max(number, 1)),
            }
        )
    return shown


def show_booking(booking: Booking) -> dict[str, Any]:
    """Return a reservation; its duration is in minutes."""
    return {
        "id": booking.id,
        "chargePointId": booking.outlet.point.id,
        "evseId": booking.outlet.id,
        "status": booking.status,
        "userId": booking.user,
        "reservedAt": iso(booking.made),
        "canceledAt": iso(booking.canceled),
        "duration": round(booking.minutes),
        "lastUpdatedAt": iso(booking.updated),
    }


def show_circuit(tenant: Tenant, circuit: Circuit, include: set[str]) -> dict[str, Any]:
    """Return a circuit; its currents are in A."""
    shown: dict[str, Any] = {
        "id": circuit.id,
        "name": circuit.name,
        "phases": circuit.phases,
        "phaseRotation": "RST",
        "electricalConfiguration": "star",
        "maxVoltage": "400",
        "maxCurrent": circuit.max_current,
        "minChargePointCurrent": circuit.min_current,
        "electricityMeterId": None,
        "offlineReservedCurrent": 20,
        "setSessionLimitToZeroOnIdle": False,
        "parentCircuitId": None,
    }
    if "consumption" in include:
        shown["consumption"] = show_consumption(tenant, circuit)
    return shown | circuit.changes


def show_consumption(tenant: Tenant, circuit: Circuit) -> list[dict[str, Any]]:
    """Return what a circuit draws on each of its phases."""
    drawn = [outlet.connector.currents for outlet in tenant.members(circuit)]
    phases = 3 if circuit.phases == "three_phase" else 1
    return [
        {
            "phase": f"L{phase + 1}",
            "consumption": round(sum(currents[phase] for currents in drawn), 1),
            "lastUpdatedAt": iso(tenant.world.now),
        }
        for phase in range(phases)
    ]


def show_log(
    log: dict[str, Any] | None, status: str, since: datetime
) -> dict[str, Any]:
    """Return the latest hardware status log."""
    log = log or {"status": status, "timestamp": since, "errorCode": "NoError"}
    told = {key: value for key, value in log.items() if value is not None}
    return told | {"timestamp": iso(log["timestamp"])}


def _odd(tenant: Tenant, shown: dict[str, Any], word: str) -> dict[str, Any]:
    """Add what nobody could expect, when told to."""
    if tenant.quirks["unknown_words"]:
        shown[word] = "recalibrating"
    if tenant.quirks["extra_fields"]:
        shown["somethingNew"] = {"since": "next year", "values": [1, None, "x"]}
    return shown
