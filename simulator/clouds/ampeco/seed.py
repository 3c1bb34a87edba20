"""What a tenant has besides stations: places, drivers, prices, a circuit."""

from collections.abc import Mapping

from .model import Circuit
from .records import Prices
from .resources import Collection
from .tenant import Tenant


def furnish(
    tenant: Tenant, resources: Mapping[str, Collection], prices: Prices
) -> None:
    """Give the tenant places, drivers, prices and a circuit."""
    add_location(resources, 310, "Garage North")
    add_location(resources, 311, "Harbour Office")
    users, add = resources["users"], resources["subscriptions"].add
    users.add(
        771,
        email="driver@example.org",
        firstName="Kim",
        lastName="Example",
        balance=25.5,
        status="enabled",
        subscriptionId=410,
        externalId=None,
    )
    users.add(
        772,
        email="guest@example.org",
        firstName="Sam",
        lastName="Example",
        balance=0.0,
        status="disabled",
        subscriptionId=None,
        externalId="guest-1",
    )
    add(
        410,
        planId=3,
        userId=771,
        startDate="2026-05-01T00:00:00Z",
        endDate="2027-05-01T00:00:00Z",
        status="active",
        statusDate="2026-05-01T00:00:00Z",
        remainingAllowance={"combined": 80, "ac": None, "dc": None},
    )
    resources["subscription-plans"].add(
        3,
        name=[{"locale": "en", "translation": "Commuter"}],
        description=[{"locale": "en", "translation": "80 kWh a month"}],
        renewalCycle="monthly",
        type="pre-paid",
        baseFee=20.0,
        status="enabled",
    )
    resources["transactions"].add(
        33001,
        number="T-33001",
        date="2026-05-04T07:00:00Z",
        userId=771,
        sessionId=120045,
        paymentMethod="balance",
        purchaseResourceType="session",
        purchaseResourceId=120045,
        totalAmount=4.3,
        currency="EUR",
        status="finalized",
        ref="abc-1",
        billingType="internal",
    )
    resources["authorizations"].add(
        98001,
        method="user_device",
        source="local",
        status="accepted",
        userId=771,
        idTagUid="04A1B2C3D4",
        chargePointId=4021,
        evseId=9001,
        sessionIds=[120045],
    )
    resources["currencies"].add(1, name="Euro", alphabeticCode="EUR", numericCode="978")
    resources["vouchers"].add(
        901,
        code="WELCOME-10",
        type="voucher",
        amount=10.0,
        remainingAmount=10.0,
        currencyCode="EUR",
        status="enabled",
        redeemedAt=None,
        redeemedByUserId=None,
    )
    resources["partners"].add(12, name="Example Housing", operatorId=1)
    resources["id-tags"].add(
        6001, idTagUid="04A1B2C3D4", type="rfid", status="enabled", userId=771
    )
    resources["tariffs"].add(55, name="Standard 0.35", type="standard")
    resources["tariff-groups"].add(8, name="Staff and guests", tariffIds=[55])
    resources["electricity-rates"].add(
        17,
        name="Day and night",
        utilityId=None,
        defaultPrice=0.2,
        taxPercentage=25,
        type="admin_defined",
    )
    prices[17] = {
        "any": [
            {"startsAt": "00:00", "endsAt": "06:00", "price": 0.11},
            {"startsAt": "06:00", "endsAt": "22:00", "price": 0.24},
            {"startsAt": "22:00", "endsAt": "00:00", "price": 0.15},
        ]
    }
    codes = resources["vendor-error-codes"]
    codes.add(
        5,
        vendorId="com.example",
        errorCode="E17",
        errorCodeDescription="Current above the limit",
        errorCodeCustomerAction="Unplug and call support",
    )
    tenant.circuits[77] = Circuit(id=77, name="Garage main", max_current=63)


def add_location(resources: Mapping[str, Collection], key: int, name: str) -> None:
    """Add a place in Oslo."""
    resources["locations"].add(
        key,
        name=[{"locale": "en", "translation": name}],
        status="enabled",
        geoposition={"latitude": 59.9139, "longitude": 10.7522},
        country="NO",
        city="Oslo",
        postCode="0150",
        address=[{"locale": "en", "translation": "Example street 1"}],
        timezone="Europe/Oslo",
        externalId=None,
        tags=[],
        roamingOperatorId=0,
    )
