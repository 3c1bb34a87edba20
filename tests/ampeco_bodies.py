"""What an operator would send to AMPECO: something new of each kind, and a change.

The bodies are sensible, and whole: they hold what is required, and some of the rest.
The judge (`ampeco_structure.py`) holds what becomes of them to the document.
"""

from typing import Any

type Body = dict[str, Any]


def _said(text: str) -> list[dict[str, str]]:
    """Return a text as a tenant keeps it."""
    return [{"locale": "en", "translation": text}]


CREATED: dict[str, tuple[Body, Body]] = {
    "locations": (
        {
            "name": _said("South"),
            "description": _said("Behind the station"),
            "address": _said("Example street 2"),
            "geoposition": {"latitude": 59.9, "longitude": 10.7},
            "country": "NO",
            "city": "Oslo",
            "timezone": "Europe/Oslo",
            "workingHours": {
                "isAlwaysOpen": False,
                "hours": {"monday": [{"start": "08:00", "end": "20:00"}]},
            },
        },
        {"city": "Bergen"},
    ),
    "charge_points": (
        {
            "name": "New",
            "type": "private",
            "status": "enabled",
            "locationId": 310,
            "network": {"id": "CP-NEW", "protocol": "ocpp 1.6"},
            "subscription": {"required": True, "planIds": [3]},
        },
        {"name": "Newer", "tags": ["garage"]},
    ),
    "evses": (
        {
            "chargePointId": 4022,
            "physicalReference": "X-2",
            "currentType": "ac",
            "networkId": "2",
            "status": "enabled",
            "powerOptions": {"maxPower": 11_000, "phases": "three_phase"},
        },
        {"label": "Right", "allowsReservation": True},
    ),
    "users": (
        {
            "email": "new@example.org",
            "password": "a password",
            "first_name": "Robin",
            "options": {"sessionsAllowed": "single_session"},
        },
        {"externalId": "A-1"},
    ),
    "id_tags": (
        {"idTagUid": "04FF", "type": "rfid", "status": "enabled", "userId": 771},
        {"status": "disabled"},
    ),
    "tariffs": (
        {
            "name": "Flat",
            "type": "flat rate",
            "pricing": {"pricePerSession": 2.5, "lockPriceOnSessionStart": True},
            "restrictions": {"applyToUsersOfPartners": [12], "applyToAdHocUsers": True},
            "display": {"priceInformation": "2.50 a session"},
        },
        {"name": "Gratis", "type": "free"},
    ),
    "tariff_groups": (
        {"name": "Others", "tariffIds": [55]},
        {"name": "Another", "tariffIds": []},
    ),
    "transactions": (
        {"totalAmount": 1.5, "status": "pending", "ref": "R-1"},
        {"totalAmount": 1.5, "status": "finalized"},
    ),
    "subscription_plans": (
        {
            "name": _said("Home"),
            "description": _said("Nights only"),
            "renewalCycle": "monthly",
            "type": "pre-paid",
            "status": "enabled",
            "allowance": {"type": "combined", "combined": 80, "excludeRoaming": True},
        },
        {"status": "disabled", "baseFee": 9.5},
    ),
    "partners": (
        {
            "name": "Others Ltd",
            "contactDetails": {"technical": {"email": "help@example.org"}},
            "options": {"createUsers": True},
        },
        {"name": "Others Inc", "corporateBilling": {"enabled": False}},
    ),
    "electricity_rates": (
        {"name": "Flat", "defaultPrice": 0.3, "taxPercentage": 25},
        {"defaultPrice": 0.4},
    ),
    "circuits": (
        {"name": "Roof", "phases": "three_phase", "maxCurrent": 40},
        {"name": "Deck", "minChargePointCurrent": 6},
    ),
    "vendor_error_codes": (
        {"vendorId": "com.example", "errorCode": "E99"},
        {
            "vendorId": "com.example",
            "errorCode": "E99",
            "errorCodeDescription": "Odd",
        },
    ),
    "vouchers": (
        {"amount": 5.0, "description": "Welcome", "expireDate": "2030-01-01"},
        {"amount": 6.0, "status": "enabled", "title": _said("Welcome")},
    ),
}
