"""AMPECO: payloads as published, and payloads that drift from what is published."""

from datetime import UTC, datetime
import json
from typing import Any

import pytest

from custom_components.ev_charger_cloud.charging import (
    ChargingStatus,
    Control,
    Device,
    DeviceKind,
    ErrorCode,
    Money,
    PaymentStatus,
    Reading,
    ReservationStatus,
    SessionStatus,
    Value,
)
from custom_components.ev_charger_cloud.providers import wire as decoding
from custom_components.ev_charger_cloud.providers.ampeco.mappings import STOP_REASON
from custom_components.ev_charger_cloud.providers.ampeco.provider import AmpecoProvider
from simulator.faults import Fault

from ..fields import LeftOut, Place, changed, field_name, leaves, value_at
from .ampeco_tenant import Tenant, fixture, readings, tenant_fixture  # noqa: F401


def listed(item: dict[str, Any]) -> dict[str, Any]:
    """Wrap one object as a list of one page."""
    return {
        "data": [item],
        "links": {"next": None},
        "meta": {"per_page": 100, "next_cursor": None},
    }


def published(name: str) -> dict[str, Any]:
    """Return a published object without its wrapper."""
    body = fixture(name)["data"]
    item = body[0] if isinstance(body, list) else body
    assert isinstance(item, dict)
    return item


async def poll(
    tenant: Tenant, provider: AmpecoProvider, **items: dict[str, Any]
) -> dict[str, Device]:
    """Poll a tenant that answers with these objects."""
    tenant.cloud.faults.clear()
    paths = {
        "point": r"charge-points/v2\.0$",
        "evse": r"evses/v2\.1$",
        "session": r"sessions/v1\.0$",
        "location": r"locations/v2\.0$",
        "circuit": r"circuits/v2\.0$",
        "user": r"users/v1\.1$",
        "subscription": r"subscriptions/v1\.0$",
        "reservation": r"reservations/v1\.0$",
        "vendor": r"vendor-error-codes/v2\.0$",
    }
    for kind, item in items.items():
        tenant.cloud.faults.add(
            Fault(status=200, body=listed(item), path=paths[kind], times=None)
        )
    return dict((await provider.poll()).fleet)


async def test_the_published_objects(tenant: Tenant) -> None:
    point, evse = published("charge_points"), published("evse")
    fleet = await poll(
        tenant,
        tenant.provider(users=True),
        point=point,
        evse=evse,
        session=published("session"),
        location=published("location"),
        circuit=published("circuit"),
        user=published("user"),
        subscription=published("subscription"),
    )
    charger = fleet["cp4021"]
    assert (charger.kind, charger.name, charger.area) == (
        DeviceKind.CHARGER,
        "Garage North 1",
        "Garage North",
    )
    assert (charger.maker, charger.model, charger.serial, charger.firmware) == (
        "Example",
        "AC22",
        "SN0001",
        "2.4.1",
    )
    assert charger.online is True
    assert charger.readings == {
        Reading.STATUS: ChargingStatus.CHARGING,
        Reading.CLOUD_STATUS: "charging",
        Reading.PLUG: True,
        Reading.CHARGING: True,
        Reading.PROBLEM: False,
        Reading.ERROR_CODE: ErrorCode.NO_ERROR,
        Reading.ERROR_DETAIL: None,
        Reading.MAXIMUM_POWER: 22_000,
        Reading.MAXIMUM_CURRENT: 32,
        Reading.POWER: 10_900,
        Reading.SESSION_STATUS: SessionStatus.ACTIVE,
        Reading.PAYMENT_STATUS: PaymentStatus.PENDING,
        Reading.TARIFF: "Staff and guests",
        Reading.PARTNER: "Example Housing",
        Reading.SESSION_ENERGY: 6_150,
        Reading.SESSION_COST: Money(2.15, "EUR"),
        Reading.SESSION_START: datetime(2026, 5, 4, 5, 30, tzinfo=UTC),
        Reading.SESSION_END: None,
        Reading.STOP_REASON: None,
        Reading.LAST_SESSION_ENERGY: None,
        Reading.LAST_SESSION_COST: None,
        Reading.STATE_OF_CHARGE: 54,
        Reading.RESERVATION: None,
        Reading.RESERVED_UNTIL: None,
    }
    assert charger.controls[Control.CHARGING].value is True
    assert fleet["circuit77"].readings == {
        Reading.CURRENT_PHASE_1: 15.8,
        Reading.CURRENT_PHASE_2: None,
        Reading.CURRENT_PHASE_3: None,
    }
    assert fleet["circuit77"].controls[Control.CIRCUIT_LIMIT].value == 63
    assert fleet["user771"].readings[Reading.BALANCE] == Money(25.5, "EUR")


async def test_the_published_fault(tenant: Tenant) -> None:
    tenant.cloud.faults.add(Fault(status=200, body=fixture("status_log"), path="log"))
    tenant.connector().set_fault("OtherError")
    provider = tenant.provider()
    log = Fault(status=200, body=fixture("status_log"), path="status-log", times=None)
    tenant.cloud.faults.add(log)
    charger = (await provider.poll()).fleet["cp4022"]
    assert readings(charger, Reading.ERROR_CODE, Reading.ERROR_DETAIL) == (
        ErrorCode.OVER_CURRENT_FAILURE,
        "Current above the limit (E17). Unplug and call support",
    )


async def test_the_published_vendor_code_explains(tenant: Tenant) -> None:
    tenant.connector().set_fault("OverCurrentFailure")
    fleet = await poll(tenant, tenant.provider(), vendor=published("vendor_error_code"))
    assert fleet["cp4022"].readings[Reading.ERROR_DETAIL] == (
        "Current above the limit (E17). Unplug and call support"
    )


async def test_the_published_reservation(tenant: Tenant) -> None:
    tenant.connector("CP-GN-001", 2).reserve("user771", 15)
    fleet = await poll(tenant, tenant.provider(), reservation=published("reservation"))
    right = fleet["cp4021_9002"]
    assert right.readings[Reading.RESERVATION] is ReservationStatus.ACTIVE


# Drift

WRONG = (None, "missing", "a word", "17", -1.5, True, [None, "x"], {"x": 1})


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field)
        for name in ("charge_points", "evse", "session")
        for field in published(name)
        if field != "id"
    ],
)
async def test_any_field_may_drift(tenant: Tenant, name: str, field: str) -> None:
    provider = tenant.provider(circuits=False, electricity_rates=False)
    for wrong in WRONG:
        items = {key: published(key) for key in ("charge_points", "evse", "session")}
        if wrong == "missing":
            del items[name][field]
        else:
            items[name][field] = wrong
        fleet = await poll(
            tenant,
            provider,
            point=items["charge_points"],
            evse=items["evse"],
            session=items["session"],
        )
        charger = fleet["cp4021"]
        assert charger.name
        assert charger.online in {True, False, None}
        for reading, value in charger.readings.items():
            assert reading.fits(value), (reading, value, wrong)
    json.dumps(provider.diagnostics())


@pytest.mark.drifts
@pytest.mark.parametrize(
    ("field", "reading"),
    [("hardwareStatus", Reading.STATUS), ("networkStatus", None)],
)
async def test_an_unknown_word_is_warned_of_once(
    tenant: Tenant,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    field: str,
    reading: Reading | None,
) -> None:
    monkeypatch.setattr(decoding, "_seen", set())
    tenant.charge_point().changes[field] = "recalibrating"
    tenant.evse().changes[field] = "recalibrating"
    provider = tenant.provider()
    charger = (await provider.poll()).fleet["cp4022"]
    if reading:
        assert charger.readings[reading] is None
        assert charger.readings[Reading.CLOUD_STATUS] == "recalibrating"
        assert charger.readings[Reading.POWER] is None
        assert charger.controls[Control.CHARGING].value is None
    else:
        assert charger.online is None
    tenant.charge_point().changes["tags"] = ["again"]
    tenant.evse().changes["label"] = "again"
    await provider.poll()
    assert caplog.text.count("recalibrating") == 1


async def test_a_whole_tenant_of_surprises(tenant: Tenant) -> None:
    provider = tenant.provider(users=True)
    before = await provider.poll()
    tenant.cloud.quirks.update(unknown_words=True, extra_fields=True)
    tenant.connector().plug_in()
    tenant.connector().start()
    after = await provider.poll()
    assert after.fleet.keys() == before.fleet.keys()


async def test_plugged_in_but_not_charging(tenant: Tenant) -> None:
    tenant.evse().changes["hardwareStatus"] = "preparing"
    charger = (await tenant.provider().poll()).fleet["cp4022"]
    wanted: tuple[Value, ...] = (ChargingStatus.CONNECTED, True, False, 0.0)
    assert (
        readings(charger, Reading.STATUS, Reading.PLUG, Reading.CHARGING, Reading.POWER)
        == wanted
    )


async def test_an_older_answer_does_not_win(tenant: Tenant) -> None:
    provider = tenant.provider()
    newer, older = published("evse"), published("evse")
    older["lastUpdatedAt"] = "2026-05-04T05:00:00Z"
    older["hardwareStatus"] = "available"
    point = published("charge_points")
    await poll(tenant, provider, point=point, evse=newer)
    fleet = await poll(tenant, provider, point=point, evse=older)
    assert fleet["cp4021"].readings[Reading.STATUS] is ChargingStatus.CHARGING


async def test_items_without_an_id_are_passed_over(tenant: Tenant) -> None:
    body = {"data": [{"name": "x"}, 5, None, published("charge_points")]}
    tenant.cloud.faults.add(Fault(status=200, body=body, path=r"points/v2\.0$"))
    fleet = (await tenant.provider().poll()).fleet
    assert "cp4021" in fleet
    assert "cp4022" not in fleet


PROFILE = {
    "id": 7,
    "purpose": "TxDefaultProfile",
    "stackLevel": 1,
    "chargingProfileKind": "Relative",
    "chargingRateUnit": "A",
    "schedulePeriods": [{"startPeriod": 0, "limit": 13}],
}
ABSOLUTE = {"chargingProfileKind": "absolute"}
PAST, FUTURE = "2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"


@pytest.mark.drifts
@pytest.mark.parametrize(
    ("change", "limit"),
    [
        ({}, 13),
        ({"purpose": "TxProfile"}, None),
        ({"chargingRateUnit": "W"}, None),
        ({"duration": 60}, None),
        ({"validFrom": PAST, "validTo": FUTURE}, 13),
        ({"validFrom": FUTURE}, None),
        ({"validTo": PAST}, None),
        ({"scheduleStart": FUTURE}, 13),
        (ABSOLUTE | {"scheduleStart": PAST}, 13),
        (ABSOLUTE | {"scheduleStart": FUTURE}, None),
        (ABSOLUTE | {"scheduleStart": PAST, "duration": 60}, None),
        (ABSOLUTE | {"scheduleStart": PAST, "duration": 10**18}, 13),
        (ABSOLUTE | {"duration": 60}, None),
        ({"schedulePeriods": []}, None),
        ({"schedulePeriods": [{"limit": 9}, {"limit": 8}]}, None),
    ],
)
async def test_a_profile_is_a_limit_only_when_it_is_plain(
    tenant: Tenant, change: dict[str, Any], limit: float | None
) -> None:
    tenant.evse().changes["chargingProfile"] = PROFILE | change
    provider = tenant.provider()
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.controls[Control.CURRENT_LIMIT].value == limit


@pytest.mark.drifts
async def test_profiles_in_strange_words(tenant: Tenant) -> None:
    tenant.evse().changes["chargingProfile"] = {
        "purpose": "txdefaultprofile",
        "recurrencyKind": "daily",
        "chargingProfileKind": "RECURRING",
        "chargingRateUnit": "furlong",
        "schedulePeriods": [{"limit": 5}, {"startPeriod": 9}],
    }
    tenant.charge_point().changes["chargingProfile"] = {
        "id": 3,
        "schedulePeriods": [{}],
    }
    provider = tenant.provider()
    await provider.poll()
    found = await provider.charging_profiles("cp4022")
    assert [(p.purpose, p.recurrency, p.kind, p.rate_unit) for p in found] == [
        ("TxDefaultProfile", "Daily", "Recurring", "A")
    ]


@pytest.mark.drifts
@pytest.mark.parametrize(
    ("names", "area"),
    [
        ([{"locale": "no", "translation": "Garasje"}], "Garasje"),
        (
            [
                {"locale": "no", "translation": "Garasje"},
                {"locale": "en", "translation": "Garage"},
            ],
            "Garage",
        ),
        ([], None),
        ("Garage", "Garage"),
        (7, "7"),
        ([7, {"translation": None}], None),
    ],
)
async def test_names_of_places(tenant: Tenant, names: Any, area: str | None) -> None:
    for location in tenant.cloud.resources["locations"].items.values():
        location["name"] = names
    fleet = (await tenant.provider().poll()).fleet
    assert fleet["cp4022"].area == area


async def test_objects_may_come_without_their_wrapper(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    point = {"id": 4021, "name": "Bare"}
    tenant.cloud.faults.add(Fault(status=200, body=point, path="charge-points"))
    assert (await provider.read("cp4021"))["cp4021"].name == "Bare"


async def test_settings_that_tell_nothing(tenant: Tenant) -> None:
    tenant.cloud.faults.add(Fault(status=200, body={"data": []}, path="settings"))
    fleet = (await tenant.provider().poll()).fleet
    price = fleet["rate17"].readings[Reading.ENERGY_PRICE]
    assert isinstance(price, Money)
    assert price.currency is None


async def test_a_charge_point_with_little_to_tell(tenant: Tenant) -> None:
    point = {"id": "4021", "networkStatus": None, "network": {"id": "CP-1"}}
    evse = {"id": 9001, "chargePointId": 4021}
    fleet = await poll(tenant, tenant.provider(), point=point, evse=evse)
    charger = fleet["cp4021"]
    assert (charger.name, charger.online, charger.maker) == ("CP-1", None, None)
    assert charger.readings[Reading.STATUS] is None
    assert Reading.MAXIMUM_CURRENT not in charger.readings
    assert charger.controls[Control.CHARGING].value is None
    assert Control.CURRENT_LIMIT not in charger.controls


REASONS = """working_hours_exceeded timeout authorization_amount_reached
new_start_transaction_received force_stop standard_stop energy_exceeded
schedule_completed pre_authorization_failed system_force_stop time_limit
balance_exceeded deauthorized emergencystop energylimitreached evdisconnected
groundfault immediatereset hardreset local localoutofcredit masterpass other
overcurrentfault powerloss powerquality reboot remote soclimitreached stoppedbyev
timeoutlimitreached softreset unlockcommand no_ev_parked no_ev_connected
charge_point_timeout charging_on_evse_not_allowed remote_start_failed
no_user_for_agile_streets rejected canceled_reservation evse_occupied
evse_inoperative failed not_supported unknown_reservation ev_not_connected_to_evse
ev_not_connect_to_evse authorization_failed unknown_session"""


@pytest.mark.parametrize("reason", REASONS.split())
def test_every_published_end_of_a_session_is_known(reason: str) -> None:
    assert reason in STOP_REASON


# The published objects, and what the documents call them.
KINDS = {
    "point": "charge points",
    "evse": "EVSEs",
    "session": "sessions",
    "location": "locations",
    "circuit": "circuits",
    "user": "users",
    "subscription": "subscriptions",
}
FIXTURES_OF = {"point": "charge_points"}
ENDED = {"status": "finished", "stoppedAt": "2026-05-04T06:00:00Z"}
# Fields that show beside others only, and those others.
BESIDE: dict[str, dict[str, dict[str, Any]]] = {
    "session.amount": {"session": {"totalAmount": None}},
    "session.powerKw": {"session": {"power": None}},
    "session.reason": {"session": {**ENDED, "reason": "local"}},
    "session.stoppedAt": {"session": ENDED},
    "point.vendorErrorCode": {
        "point": {"hardwareStatus": "faulted"},
        "evse": {"hardwareStatus": "faulted"},
    },
}


def other(value: Any) -> Any:
    """Return another value of the same kind."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 3
        case str() if value[:3] == "202":
            return value.replace("202", "203", 1)
        case str():
            return f"{value} two"
        case list():
            return ["new"]
    return 7


@pytest.mark.drifts
@pytest.mark.parametrize(
    ("kind", "place"),
    [
        pytest.param(kind, place, id=f"{kind}.{field_name(place)}")
        for kind in KINDS
        for item in [published(FIXTURES_OF.get(kind, kind))]
        for place in leaves(item)
        # A word of a list is left out, too.
        if value_at(item, place) != "meter_values"
    ],
)
async def test_each_field_is_shown_or_left_out_for_a_reason(
    tenant: Tenant, kind: str, place: Place
) -> None:
    """A reader of the published objects finds every field of them again."""
    objects = {each: published(FIXTURES_OF.get(each, each)) for each in KINDS}
    for each, fields in BESIDE.get(f"{kind}.{field_name(place)}", {}).items():
        objects[each] |= fields

    async def shown() -> object:
        fleet = await poll(tenant, tenant.provider(users=True), **objects)
        return [
            (
                *(device.id, device.name, device.area, device.parent, device.online),
                *(device.maker, device.model, device.serial, device.firmware),
                *(dict(device.readings), dict(device.controls), dict(device.commands)),
            )
            for device in fleet.values()
        ]

    before = await shown()
    item = objects[kind]
    objects[kind] = changed(item, place, other(value_at(item, place)))
    shows = await shown() != before
    assert shows is not LeftOut("ampeco", KINDS[kind]).has(place)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_out_that_no_object_has(kind: str) -> None:
    strange = LeftOut("ampeco", KINDS[kind]).strange(
        published(FIXTURES_OF.get(kind, kind))
    )
    assert strange == ({"meter_values"} if kind == "point" else set())
