"""How the tenant's records look from outside."""

from datetime import datetime, timedelta
from typing import Any

from .model import VENDOR_CODES, ChargePoint, Circuit, Evse, Reservation, Session
from .query import iso
from .tenant import Tenant

PRICE_PER_KWH = 0.35
TAX = 25
PLUGS = {"ac": "type2", "dc": "ccs2"}


def show_charge_point(
    tenant: Tenant, charge_point: ChargePoint, include: set[str]
) -> dict[str, Any]:
    """Return a charge point."""
    station = charge_point.station
    words = charge_point.network_status.replace("long-term ", "long-term_").replace(
        " ", "_"
    )
    if tenant.quirks["network_words"] == "spaces":
        words = charge_point.network_status
    fault = next(
        (o.connector.fault for o in charge_point.evses if o.status == "faulted"), None
    )
    shown: dict[str, Any] = {
        "id": charge_point.id,
        "operatorId": 1,
        "name": station.name,
        "type": "private",
        "pin": "1234",
        "locationId": charge_point.location,
        "chargingZoneId": None,
        "electricityRateId": charge_point.rate,
        "modelId": 55,
        "networkType": "ethernet",
        "status": "enabled",
        "communicationMode": "direct_ocpp",
        "managedByOperator": True,
        "network": {
            "id": station.id,
            "protocol": charge_point.protocol,
            "password": "a-station-password",
        },
        "capabilities": ["remote_start_stop_capable", "meter_values"],
        "security": {
            "desiredProfile": 1,
            "currentProfile": 1,
            "desiredProfileStatus": "applied",
        },
        "networkStatus": words,
        "hardwareStatus": charge_point.hardware_status,
        "tags": [],
        "sharingCode": "SHARE-1",
        "createdAt": iso(charge_point.created),
        "firstContactAt": f"{charge_point.created:%Y-%m-%d}",
        "autoStartWithoutAuthorization": False,
        "disableAutoStartEmulation": False,
        "enableAutoFaultRecovery": False,
        "lastUpdatedAt": iso(charge_point.updated),
    }
    if charge_point.partner:
        shown["partner"] = {"id": charge_point.partner, "contractId": 90}
    if charge_point.hardware_status == "faulted" and fault in VENDOR_CODES:
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
        profile = tenant.station_profile(charge_point)
        shown["chargingProfile"] = profile and profile.shown(lower_case=True)
    if "smartCharging" in include:
        shown["smartCharging"] = charge_point.smart | {
            "circuitId": charge_point.circuit
        }
    return _odd(tenant, shown | charge_point.changes, "hardwareStatus")


def show_evse(tenant: Tenant, evse: Evse, include: set[str]) -> dict[str, Any]:
    """Return an EVSE."""
    connector, charge_point = evse.connector, evse.charge_point
    three = connector.phases == 3
    watts = connector.max_current * connector.phases * connector.voltage
    shown: dict[str, Any] = {
        "id": evse.id,
        "chargePointId": charge_point.id,
        "operatorId": 1,
        "physicalReference": f"{charge_point.station.id}-{connector.number}",
        "currentType": evse.current_type,
        "networkId": str(connector.number),
        "status": "enabled",
        "hardwareStatus": evse.status,
        "tariffGroupId": 8,
        "allowsReservation": evse.allows_reservation,
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
        "createdAt": iso(evse.created),
        "lastUpdatedAt": iso(evse.updated),
    }
    if evse.label:
        shown["label"] = evse.label
    if "connectors" in include:
        shown["connectors"] = [
            {
                "id": evse.id + 3000,
                "type": PLUGS[evse.current_type],
                "format": "socket" if connector.socket else "cable",
                "status": "enabled",
            }
        ]
    if "chargingProfile" in include:
        profile = tenant.profile_of(evse)
        shown["chargingProfile"] = profile and profile.shown()
    return _odd(tenant, shown | evse.changes, "hardwareStatus")


def show_session(
    tenant: Tenant, session: Session, interval: timedelta | None = None
) -> dict[str, Any]:
    """Return a session; what it has drawn is in Wh, also by intervals of the clock."""
    meter = session.meter()
    energy = round(meter["energy"])
    net = round(energy / 1000 * PRICE_PER_KWH, 2)
    if session.net is not None:
        net = session.net
    gross = round(net * (1 + TAX / 100), 2)
    soc = meter["soc"] if tenant.quirks["state_of_charge"] else None
    active = session.status == "active"
    updated = tenant.world.now if active and session.frozen is None else session.updated
    shown: dict[str, Any] = {
        "id": str(session.id),
        "operatorId": 1,
        "chargePointId": session.evse.charge_point.id,
        "evseId": session.evse.id,
        "connectorId": session.evse.id + 3000,
        "status": session.status,
        "userId": session.user,
        "startedAt": iso(session.started),
        "stoppedAt": iso(session.stopped),
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
        "paymentStatus": "pending" if session.open else "paid",
        "billingStatus": "pending" if session.open else "completed",
        "authorizationId": session.authorization,
        "idTag": session.token
        if session.token and not session.token.startswith("user")
        else f"*{session.id:07}",
        "tariffSnapshotId": 700,
        "externalSessionId": session.external,
        "evsePhysicalReference": f"{session.evse.charge_point.station.id}-"
        f"{session.evse.connector.number}",
        "lastUpdatedAt": iso(updated),
    }
    # What has no value is left out, where its type has no null.
    optional = {
        "reason": session.reason,
        "socPercent": None if soc is None else round(soc),
        "paymentType": "balance" if session.user else None,
        "originalSessionId": session.original and session.original.id,
        "extendedBySessionId": session.extension and session.extension.id,
    }
    shown |= {key: value for key, value in optional.items() if value is not None}
    if interval is not None and tenant.quirks["clock_aligned"]:
        shown["clockAlignedEnergyConsumption"] = _clock_aligned(session, interval, net)
    match tenant.quirks["session_power"]:
        case "power":
            del shown["powerKw"]
        case "powerKw":
            del shown["power"]
    return _odd(tenant, shown, "status")


def _clock_aligned(
    session: Session, interval: timedelta, net: float
) -> list[dict[str, Any]]:
    """Return what was drawn in each interval; the first begins with the session."""
    physical = session.physical
    if physical is None:
        return []
    stop = physical.stopped_at or session.evse.connector.world.now
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


def show_energy_curve(tenant: Tenant, session: Session) -> list[dict[str, Any]]:
    """Return the energy of a session so far at several times, at most 300."""
    physical = session.physical
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


def show_reservation(reservation: Reservation) -> dict[str, Any]:
    """Return a reservation; its duration is in minutes."""
    return {
        "id": reservation.id,
        "chargePointId": reservation.evse.charge_point.id,
        "evseId": reservation.evse.id,
        "status": reservation.status,
        "userId": reservation.user,
        "reservedAt": iso(reservation.made),
        "canceledAt": iso(reservation.canceled),
        "duration": round(reservation.minutes),
        "lastUpdatedAt": iso(reservation.updated),
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
    drawn = [evse.connector.currents for evse in tenant.members(circuit)]
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
