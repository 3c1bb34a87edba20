"""AMPECO: set-up, polling and permissions."""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.ev_charger_cloud.charging import (
    AuthenticationError,
    ChargingStatus,
    Control,
    Device,
    DeviceKind,
    EnergyPoint,
    ErrorCode,
    Money,
    Name,
    NotFoundError,
    Notice,
    NoticeKind,
    NotSupportedError,
    PaymentStatus,
    PermissionDeniedError,
    RateLimitedError,
    Reading,
    Refusal,
    ReservationStatus,
    Reset,
    ServerFaultError,
    Session,
    SessionStatus,
    StartCharging,
    StopCharging,
    StopReason,
    SubscriptionStatus,
    UnreachableError,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.providers.ampeco import (
    DESCRIPTION,
    client,
    provider as ampeco_provider,
    sync,
)
from custom_components.ev_charger_cloud.providers.ampeco.client import Client
from custom_components.ev_charger_cloud.providers.ampeco.wire import ChargePoint, Evse
from custom_components.ev_charger_cloud.providers.base import (
    InvalidSettingError,
    Provider,
    Selection,
)
from custom_components.ev_charger_cloud.providers.wire import Wire
from simulator.clouds.ampeco import query
from simulator.faults import Fault
from simulator.world import Car, Station

from .ampeco_tenant import Tenant, readings, tenant_fixture  # noqa: F401

LIVE = (Reading.STATUS, Reading.PLUG, Reading.CHARGING, Reading.POWER)


# Set-up


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("tenant.example", "https://tenant.example"),
        ("  Tenant.Example/ ", "https://tenant.example"),
        ("https://tenant.example/public-api/resources/", "https://tenant.example"),
        ("http://127.0.0.1:8765/ampeco/", "http://127.0.0.1:8765/ampeco"),
    ],
)
def test_host_is_enough(typed: str, url: str) -> None:
    tidy = DESCRIPTION.normalise(
        {"base_url": typed, "token": " Bearer t ", "user_id": None}
    )
    assert tidy == {"base_url": url, "token": "t", "user_id": ""}


@pytest.mark.parametrize(
    ("settings", "key", "reason"),
    [
        ({"base_url": ""}, "base_url", "invalid_url"),
        ({"base_url": "ftp://tenant.example"}, "base_url", "invalid_url"),
        ({"base_url": "https://a:b@tenant.example"}, "base_url", "invalid_url"),
        ({"base_url": "tenant.example:port"}, "base_url", "invalid_url"),
        ({"base_url": "two words"}, "base_url", "invalid_url"),
        ({"base_url": "a.example", "user_id": "Kim"}, "user_id", "invalid_user_id"),
    ],
)
def test_settings_that_cannot_be_right(
    settings: dict[str, str], key: str, reason: str
) -> None:
    with pytest.raises(InvalidSettingError) as err:
        DESCRIPTION.normalise({"token": "t", **settings})
    assert (err.value.key, err.value.reason) == (key, reason)


async def test_account_is_told_by_its_chargers_alone(tenant: Tenant) -> None:
    account = await tenant.provider().account()
    host = tenant.base_url.removeprefix("http://").partition("/")[0]
    assert (account.id, account.title) == (None, f"AMPECO {host}")
    assert tenant.asked() == ["GET charge-points/v2.0"]
    candidates = await tenant.provider().candidates()
    fleet = (await tenant.provider().poll()).fleet
    assert [each.serial for each in candidates] == [
        fleet[each.id].serial for each in candidates
    ]


async def test_account_of_an_empty_tenant(tenant: Tenant) -> None:
    for station in list(tenant.cloud.stations.values()):
        tenant.cloud.remove(station)
    assert (await tenant.provider().account()).id is None
    assert await tenant.provider().candidates() == []


@pytest.mark.parametrize(
    ("url", "title"),
    [
        ("https://tenant.example:443", "AMPECO tenant.example"),
        ("https://tenant.example:8443", "AMPECO tenant.example:8443"),
    ],
)
async def test_title_without_the_usual_port(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, url: str, title: str
) -> None:
    async def probe(client: Client) -> list[object]:
        return []

    monkeypatch.setattr(Client, "probe", probe)
    assert (await replace(tenant, base_url=url).provider().account()).title == title


async def test_wrong_token(tenant: Tenant) -> None:
    with pytest.raises(AuthenticationError):
        await tenant.provider("wrong").account()


async def test_token_without_the_right(tenant: Tenant) -> None:
    with pytest.raises(PermissionDeniedError):
        await tenant.provider("ampeco-demo-token-nothing").account()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=503), ServerFaultError),
        (Fault(kind="html"), ServerFaultError),
        (Fault(kind="html", status=200), UnusableAnswerError),
        (Fault(kind="garbage"), UnusableAnswerError),
        (Fault(kind="null_body"), UnusableAnswerError),
        (Fault(kind="empty"), UnusableAnswerError),
        (Fault(status=200, body={"data": {}}), UnusableAnswerError),
        (Fault(status=418, body={"message": "no"}), UnusableAnswerError),
        (Fault(kind="drop", times=None), UnreachableError),
    ],
)
async def test_answers_that_are_no_use(
    tenant: Tenant, fault: Fault, error: type[Exception]
) -> None:
    tenant.cloud.faults.add(fault)
    provider = tenant.provider()
    with pytest.raises(error):
        await provider.account()
    tenant.cloud.faults.clear()
    assert (await provider.account()).title


async def test_candidates_by_place(tenant: Tenant) -> None:
    candidates = await tenant.provider().candidates()
    assert [(c.id, c.name, c.group, c.group_name) for c in candidates] == [
        ("cp4021", "Garage North 1", "310", "Garage North"),
        ("cp4022", "Garage North 2", "310", "Garage North"),
        ("cp4023", "Harbour Office", "311", "Harbour Office"),
    ]


async def test_candidates_without_the_right_to_places(tenant: Tenant) -> None:
    tenant.cloud.accesses["ampeco-demo-token"].rights.discard("locations")
    candidates = await tenant.provider().candidates()
    assert {c.group_name for c in candidates} == {
        Name(key="site", placeholders={"id": place}) for place in ("310", "311")
    }


async def test_candidates_with_little_to_tell(tenant: Tenant) -> None:
    body = {"data": [{"id": 7}, {"id": 8, "network": {"id": "CP-8"}}, {"name": "x"}]}
    tenant.cloud.faults.add(Fault(status=200, body=body, path="charge-points"))
    candidates = await tenant.provider().candidates()
    assert [(c.id, c.name, c.group) for c in candidates] == [
        ("cp7", Name(key="charger", placeholders={"id": "7"}), None),
        ("cp8", "CP-8", None),
    ]


@pytest.mark.parametrize(
    ("paging", "base"),
    [
        ("cursor", None),
        ("links", None),
        ("meta", None),
        ("page", None),
        ("links", "https://tenant.eu.charge.example"),
        ("links", "http://tenant.example"),
        ("links", ""),
        ("page", "https://tenant.eu.charge.example"),
    ],
)
async def test_pages_are_followed_in_every_style(
    tenant: Tenant, paging: str, base: str | None
) -> None:
    tenant.cloud.populate(250)
    tenant.cloud.quirks.update(paging=paging, link_base=base)
    assert len(await tenant.provider().candidates()) == 253
    assert tenant.asked().count("GET charge-points/v2.0") == 3


async def test_pages_are_counted_where_nothing_links_them(tenant: Tenant) -> None:
    for number in (1, 2, 3):
        page = {
            "data": [{"id": number}],
            "links": {"next": None},
            "meta": {"current_page": number, "last_page": 3},
        }
        tenant.cloud.faults.add(Fault(status=200, body=page, path="charge-points"))
    candidates = await tenant.provider().candidates()
    assert [candidate.id for candidate in candidates] == ["cp1", "cp2", "cp3"]
    assert tenant.asked().count("GET charge-points/v2.0") == 3


async def test_the_first_cursor_may_have_to_be_empty(tenant: Tenant) -> None:
    tenant.cloud.quirks["first_cursor"] = "empty"
    provider = tenant.provider()
    await provider.account()
    assert len(tenant.asked()) == 2
    await provider.account()
    assert len(tenant.asked()) == 1


async def test_a_cursor_that_went_bad_is_no_use(tenant: Tenant) -> None:
    body = {"data": [{"id": 1}], "meta": {"next_cursor": "stale"}}
    tenant.cloud.faults.add(Fault(status=200, body=body, path="charge-points"))
    with pytest.raises(UnusableAnswerError):
        await tenant.provider().candidates()


@pytest.mark.parametrize(
    "way",
    [
        {"links": {"next": "https://elsewhere.example/x"}, "meta": []},
        {"links": {"next": "/x?per_page=2"}},
        {"meta": {"next_cursor": "null"}},
    ],
)
async def test_next_pages_that_lead_nowhere(
    tenant: Tenant, way: dict[str, object]
) -> None:
    body = {"data": [{"id": 1}], **way}
    tenant.cloud.faults.add(Fault(status=200, body=body, path="charge-points"))
    assert len(await tenant.provider().candidates()) == 1


@pytest.mark.parametrize(
    "way",
    [
        {"links": {"next": "https://elsewhere.example/x?cursor={}"}},
        {"links": {"next": "/x?cursor={}"}},
        {"meta": {"cursor": "{}"}},
        {"meta": {"next_cursor": "{}"}},
    ],
)
async def test_cursors_are_followed_wherever_a_link_leads(
    tenant: Tenant, way: dict[str, dict[str, str]]
) -> None:
    """Only the cursor is used, at the address that was typed in."""
    whole = await tenant.provider().candidates()
    first = tenant.cloud.tenant.charge_points[min(tenant.cloud.tenant.charge_points)]
    pages = [
        {"data": [{"id": first.id}], **way},
        {"data": [{"id": 77}]},
    ]
    for page in pages:
        tenant.cloud.faults.add(Fault(status=200, body=page, path="charge-points"))
    tenant.asked()
    found = await tenant.provider().candidates()
    assert len(found) == 2
    assert len(whole) > 2
    asked = [each for each in tenant.asked() if "charge-points" in each]
    assert len(asked) == 2


async def polls_later(
    provider: Provider, freezer: FrozenDateTimeFactory
) -> Mapping[str, Device]:
    """Poll as often and as long as it takes to believe that something is gone."""
    for _ in range(3):
        freezer.tick(301)
        poll = await provider.poll()
    return poll.fleet


# A poll


async def test_first_poll_shows_the_whole_tenant(tenant: Tenant) -> None:
    poll = await tenant.provider().poll()
    assert {d.id: (d.kind, d.parent) for d in poll.fleet.values()} == {
        "cp4021": (DeviceKind.CHARGER, None),
        "cp4021_9001": (DeviceKind.CONNECTOR, "cp4021"),
        "cp4021_9002": (DeviceKind.CONNECTOR, "cp4021"),
        "cp4022": (DeviceKind.CHARGER, None),
        "cp4023": (DeviceKind.CHARGER, None),
        "circuit77": (DeviceKind.CIRCUIT, None),
        "rate17": (DeviceKind.TARIFF, None),
    }
    charger = poll.fleet["cp4022"]
    assert charger.name == "Garage North 2"
    assert (charger.maker, charger.model, charger.serial, charger.firmware) == (
        "Example",
        "AC22",
        "SN0002",
        "2.4.1",
    )
    assert charger.area == "Garage North"
    assert charger.online is True
    assert readings(charger, *LIVE) == (ChargingStatus.DISCONNECTED, False, False, 0.0)
    assert charger.readings[Reading.MAXIMUM_CURRENT] == 32
    assert charger.readings[Reading.MAXIMUM_POWER] == 22080
    limit = charger.controls[Control.CURRENT_LIMIT]
    assert (limit.value, limit.minimum, limit.maximum) == (None, 6, 32)
    assert poll.fleet["cp4021_9001"].name == "Left"
    assert poll.interval == timedelta(seconds=60)
    assert poll.notices == ()


async def test_the_last_session_of_the_past_is_found(tenant: Tenant) -> None:
    left = (await tenant.provider().poll()).fleet["cp4021_9001"]
    assert readings(
        left,
        Reading.SESSION_STATUS,
        Reading.SESSION_ENERGY,
        Reading.LAST_SESSION_ENERGY,
        Reading.SESSION_COST,
        Reading.STOP_REASON,
    ) == (
        SessionStatus.FINISHED,
        21_400,
        21_400,
        Money(9.36, "EUR"),
        StopReason.EV_DISCONNECTED,
    )


async def test_idle_polls_are_equal_and_cheap(tenant: Tenant) -> None:
    provider = tenant.provider()
    first = await provider.poll()
    tenant.asked()
    second = await provider.poll()
    assert tenant.asked() == ["GET charge-points/v2.0", "GET evses/v2.1"]
    assert all(second.fleet[key] is device for key, device in first.fleet.items())
    assert second.fleet.keys() == first.fleet.keys()


async def test_an_unchanged_poll_decodes_and_translates_nothing(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = tenant.provider(users=True)
    first = await provider.poll()
    decoded = []
    decode = Wire.decode.__func__  # type: ignore[attr-defined]

    def counted(shape: type[Wire], body: Any) -> Wire:
        decoded.append(shape)
        item = decode(shape, body)
        assert isinstance(item, Wire)
        return item

    monkeypatch.setattr(Wire, "decode", classmethod(counted))
    assert (await provider.poll()).fleet is first.fleet
    assert decoded == []

    tenant.step(60)
    tenant.connector().set_fault("OverCurrentFailure")
    third = await provider.poll()
    changed = {k for k, d in third.fleet.items() if first.fleet[k] is not d}
    assert changed == {"cp4022"}
    assert {ChargePoint, Evse} <= set(decoded)
    assert decoded.count(Evse) == 1


async def test_a_new_time_stamp_is_no_change_of_a_session(tenant: Tenant) -> None:
    """The meter is sampled, and nothing was drawn."""
    provider = tenant.provider()
    tenant.connector().plug_in()
    tenant.connector().start()
    tenant.connector().set_limit("someone", 0.0)
    first = await provider.poll()
    tenant.step(60)
    assert (await provider.poll()).fleet is first.fleet
    tenant.connector().set_limit("someone", None)
    tenant.step(60)
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.readings[Reading.POWER] == 11_040
    assert charger.readings[Reading.SESSION_ENERGY] == 184


async def test_what_was_read_in_between_is_in_the_next_poll(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    tenant.connector().plug_in()
    read = await provider.read("cp4022")
    polled = await provider.poll()
    assert polled.fleet["cp4022"] is read["cp4022"]
    assert polled.fleet["cp4022"].readings[Reading.PLUG] is True


async def test_a_charge_from_plug_to_unplug(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    connector = tenant.connector()
    car = connector.plug_in(Car(soc=0.5, capacity_wh=50_000, max_current=16))
    charger = (await provider.poll()).fleet["cp4022"]
    assert readings(charger, *LIVE) == (ChargingStatus.CONNECTED, True, False, 0.0)
    assert charger.controls[Control.CHARGING].value is False

    connector.start("card")
    tenant.step(1800)
    poll = await provider.poll()
    charger = poll.fleet["cp4022"]
    assert readings(charger, *LIVE) == (ChargingStatus.CHARGING, True, True, 11_040)
    assert readings(
        charger,
        Reading.SESSION_STATUS,
        Reading.SESSION_ENERGY,
        Reading.STATE_OF_CHARGE,
        Reading.SESSION_END,
        Reading.LAST_SESSION_ENERGY,
    ) == (SessionStatus.ACTIVE, 5_520, 61, None, None)
    assert charger.controls[Control.CHARGING].value is True
    assert charger.charging
    assert poll.interval == timedelta(seconds=30)
    assert poll.fleet["circuit77"].readings[Reading.CURRENT_PHASE_1] == 0.0

    connector.set_limit("test", 0)
    charger = (await provider.poll()).fleet["cp4022"]
    assert readings(charger, *LIVE) == (ChargingStatus.SUSPENDED_EVSE, True, False, 0.0)
    assert charger.controls[Control.CHARGING].value is True
    connector.set_limit("test", None)

    car.target_soc = car.soc
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.readings[Reading.STATUS] is ChargingStatus.SUSPENDED_EV

    connector.stop("Local")
    charger = (await provider.poll()).fleet["cp4022"]
    assert readings(charger, *LIVE) == (ChargingStatus.FINISHING, True, False, 0.0)
    assert charger.controls[Control.CHARGING].value is False
    assert readings(
        charger,
        Reading.SESSION_STATUS,
        Reading.SESSION_ENERGY,
        Reading.LAST_SESSION_ENERGY,
        Reading.STOP_REASON,
    ) == (SessionStatus.FINISHED, 5_520, 5_520, StopReason.LOCAL)
    assert charger.readings[Reading.SESSION_END] == tenant.world.now.replace(
        microsecond=0
    )

    connector.unplug()
    poll = await provider.poll()
    assert readings(poll.fleet["cp4022"], *LIVE)[0] is ChargingStatus.DISCONNECTED
    assert poll.interval == timedelta(seconds=60)


async def test_a_session_that_is_about_to_begin(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    tenant.cloud.quirks["start_seconds"] = 100.0
    tenant.connector().plug_in()
    tenant.cloud.tenant.start(tenant.evse(), 771, None, None)
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.readings[Reading.STATUS] is ChargingStatus.STARTING
    assert charger.readings[Reading.SESSION_STATUS] is SessionStatus.PENDING
    assert charger.controls[Control.CHARGING].value is True


@pytest.mark.parametrize("told", ["both", "power", "powerKw"])
async def test_power_is_told_in_two_ways(tenant: Tenant, told: str) -> None:
    tenant.cloud.quirks["session_power"] = told
    tenant.connector().plug_in()
    tenant.connector().start()
    charger = (await tenant.provider().poll()).fleet["cp4022"]
    assert charger.readings[Reading.POWER] == 11_040


async def test_a_station_that_says_occupied_is_told_by_its_session(
    tenant: Tenant,
) -> None:
    """With OCPP 2.0.1 an EVSE says no more while a vehicle is there."""
    tenant.charge_point().protocol = "ocpp 2.0.1"
    provider = tenant.provider()
    tenant.connector().plug_in()
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.readings[Reading.CLOUD_STATUS] == "occupied"
    assert readings(charger, *LIVE) == (ChargingStatus.CONNECTED, True, None, None)

    tenant.connector().start()
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.readings[Reading.CLOUD_STATUS] == "occupied"
    assert readings(charger, *LIVE) == (ChargingStatus.CHARGING, True, True, 11_040)

    tenant.connector().set_limit("someone", 0.0)
    charger = (await provider.poll()).fleet["cp4022"]
    assert readings(charger, *LIVE) == (ChargingStatus.CONNECTED, True, False, 0.0)
    assert charger.controls[Control.CHARGING].value is True

    tenant.cloud.faults.add(Fault(status=500, path="sessions", times=None))
    charger = (await provider.poll()).fleet["cp4022"]
    assert readings(charger, *LIVE) == (ChargingStatus.CONNECTED, True, None, None)


async def test_rows_about_sessions_come_with_the_first_and_stay(
    tenant: Tenant,
) -> None:
    provider = tenant.provider()
    about = {
        reading
        for reading in Reading
        if reading.startswith(("session_", "last_session"))
    }
    charger = (await provider.poll()).fleet["cp4022"]
    assert not about & charger.readings.keys()
    assert charger.readings[Reading.POWER] == 0.0
    assert StartCharging in charger.commands

    tenant.connector().plug_in()
    tenant.connector().start()
    charger = (await provider.poll()).fleet["cp4022"]
    shown = about & charger.readings.keys()
    assert Reading.SESSION_ENERGY in shown
    assert tenant.remembered

    tenant.cloud.tenant.sessions.clear()
    charger = (await tenant.provider().poll()).fleet["cp4022"]
    assert about & charger.readings.keys() == shown


async def test_a_start_that_came_to_nothing_leaves_the_last_session(
    tenant: Tenant,
) -> None:
    provider = tenant.provider()
    tenant.connector().plug_in()
    tenant.connector().start()
    tenant.step(3600)
    tenant.connector().unplug()
    await provider.poll()
    before = (await provider.read("cp4022"))["cp4022"]
    told = (
        Reading.SESSION_ENERGY,
        Reading.SESSION_COST,
        Reading.SESSION_START,
        Reading.SESSION_END,
        Reading.LAST_SESSION_ENERGY,
        Reading.LAST_SESSION_COST,
    )
    assert readings(before, *told)[0] == 11_040

    await provider.execute(StartCharging(device_id="cp4022"))
    await provider.read("cp4022")
    tenant.step(61)
    after = (await provider.read("cp4022"))["cp4022"]
    assert after.readings[Reading.SESSION_STATUS] is SessionStatus.EXPIRED
    assert after.readings[Reading.STOP_REASON] is StopReason.TIMEOUT
    assert readings(after, *told) == readings(before, *told)

    tenant.connector().plug_in()
    tenant.connector().start()
    await provider.poll()
    tenant.step(360)
    tenant.connector().unplug()
    last = (await provider.read("cp4022"))["cp4022"]
    assert last.readings[Reading.SESSION_STATUS] is SessionStatus.FINISHED
    assert last.readings[Reading.LAST_SESSION_ENERGY] == 1104


async def test_a_bound_that_the_cloud_stops_stating_goes(tenant: Tenant) -> None:
    provider = tenant.provider()
    tenant.evse().changes["powerOptions"] = {"maxAmperage": 16, "maxPower": 11_040}
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.controls[Control.CURRENT_LIMIT].maximum == 16
    assert charger.readings[Reading.MAXIMUM_CURRENT] == 16
    tenant.evse().changes["powerOptions"] = {}
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.controls[Control.CURRENT_LIMIT].maximum == 32
    assert Reading.MAXIMUM_CURRENT not in charger.readings
    assert Reading.MAXIMUM_POWER not in charger.readings


async def test_power_is_unknown_without_a_session_to_tell_it(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    tenant.connector().plug_in()
    tenant.connector().start()
    tenant.cloud.faults.add(Fault(status=500, path="sessions", times=None))
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.readings[Reading.CHARGING] is True
    assert charger.readings[Reading.POWER] is None
    tenant.cloud.faults.clear()
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.readings[Reading.POWER] == 11_040
    tenant.cloud.faults.add(Fault(status=500, path="sessions", times=None))
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.readings[Reading.POWER] is None
    assert charger.readings[Reading.SESSION_STATUS] is SessionStatus.ACTIVE


async def test_a_fault_is_explained(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    tenant.asked()
    tenant.connector().set_fault("OverCurrentFailure")
    charger = (await provider.poll()).fleet["cp4022"]
    assert readings(
        charger,
        Reading.STATUS,
        Reading.PROBLEM,
        Reading.ERROR_CODE,
        Reading.ERROR_DETAIL,
        Reading.PLUG,
        Reading.POWER,
    ) == (
        ChargingStatus.FAULTED,
        True,
        ErrorCode.OVER_CURRENT_FAILURE,
        "Current above the limit (E17). Unplug and call support",
        None,
        0.0,
    )
    assert tenant.asked() == [
        "GET charge-points/v2.0",
        "GET evses/v2.1",
        "GET charge-points/v2.0/4022/latest-hardware-status-log",
        "GET vendor-error-codes/v2.0",
        "GET evses/v2.0/9003/latest-hardware-status-log",
    ]
    await provider.poll()
    assert len(tenant.asked()) == 2

    tenant.connector().set_fault(None)
    charger = (await provider.poll()).fleet["cp4022"]
    assert readings(
        charger, Reading.PROBLEM, Reading.ERROR_CODE, Reading.ERROR_DETAIL
    ) == (False, ErrorCode.NO_ERROR, None)


@pytest.mark.parametrize(
    ("log", "code", "detail"),
    [
        ({"errorCode": "NoError", "info": "check relay"}, None, "check relay"),
        ({"errorCode": "GroundFailure"}, ErrorCode.GROUND_FAILURE, None),
        ({"errorCode": "Ghost", "vendorErrorCode": "E99"}, None, "E99"),
        (
            {"errorCode": "OtherError", "errorCodeDescription": "Door open"},
            ErrorCode.OTHER_ERROR,
            "Door open",
        ),
    ],
)
async def test_what_status_logs_tell(
    tenant: Tenant, log: dict[str, str], code: ErrorCode | None, detail: str | None
) -> None:
    provider = tenant.provider()
    tenant.connector("CP-GN-001", 2).set_fault("OtherError")
    tenant.cloud.faults.add(
        Fault(
            status=200, body={"data": {"status": "faulted", **log}}, path="status-log"
        )
    )
    right = (await provider.poll()).fleet["cp4021_9002"]
    assert readings(right, Reading.ERROR_CODE, Reading.ERROR_DETAIL) == (code, detail)


async def test_a_fault_without_a_log(tenant: Tenant) -> None:
    provider = tenant.provider()
    tenant.connector().set_fault("OverCurrentFailure")
    tenant.cloud.faults.add(Fault(status=404, path="status-log", times=None))
    charger = (await provider.poll()).fleet["cp4022"]
    assert readings(charger, Reading.PROBLEM, Reading.ERROR_CODE) == (True, None)


async def test_a_log_that_cannot_be_read_now_is_read_later(tenant: Tenant) -> None:
    provider = tenant.provider()
    tenant.connector().set_fault("GroundFailure")
    tenant.cloud.faults.add(Fault(status=500, path="evses/.*status-log"))
    tenant.cloud.faults.add(Fault(status=500, path="points/.*status-log"))
    charger = (await provider.poll()).fleet["cp4022"]
    assert readings(charger, Reading.PROBLEM, Reading.ERROR_CODE) == (True, None)
    charger = (await provider.poll()).fleet["cp4022"]
    assert readings(charger, Reading.ERROR_CODE, Reading.ERROR_DETAIL) == (
        ErrorCode.GROUND_FAILURE,
        "E05",
    )


async def test_offline_and_back(tenant: Tenant) -> None:
    provider = tenant.provider()
    connector = tenant.connector()
    connector.plug_in()
    connector.start()
    await provider.poll()
    tenant.station().set_online(False)
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.online is False
    assert readings(charger, *LIVE, Reading.PROBLEM) == (None,) * 5
    assert charger.readings[Reading.SESSION_STATUS] is SessionStatus.ACTIVE
    assert charger.controls[Control.CHARGING].value is None
    assert charger.controls[Control.AVAILABILITY].value is None
    tenant.station().set_online(True)
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.online is True
    assert charger.readings[Reading.POWER] == 11_040


@pytest.mark.parametrize("words", ["underscores", "spaces"])
@pytest.mark.parametrize("seconds", [60, 100_000])
async def test_every_spelling_of_the_network_status(
    tenant: Tenant, words: str, seconds: int
) -> None:
    tenant.cloud.quirks["network_words"] = words
    tenant.station().set_online(False)
    tenant.cloud.add(Station("CP-NEW", "New", online=False))
    tenant.step(seconds)
    fleet = (await tenant.provider().poll()).fleet
    assert [fleet[f"cp402{n}"].online for n in (1, 2, 4)] == [True, False, False]


async def test_inoperative(tenant: Tenant) -> None:
    tenant.connector().set_operative(False)
    charger = (await tenant.provider().poll()).fleet["cp4022"]
    assert charger.readings[Reading.STATUS] is ChargingStatus.INOPERATIVE
    assert charger.controls[Control.AVAILABILITY].value is False


async def test_the_life_of_reservations(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    tenant.asked()
    made = tenant.cloud.tenant.reserve(tenant.evse(), 771).made
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.readings[Reading.STATUS] is ChargingStatus.RESERVED
    assert charger.readings[Reading.RESERVATION] is ReservationStatus.ACTIVE
    until = charger.readings[Reading.RESERVED_UNTIL]
    assert isinstance(until, datetime)
    assert abs(until - made - timedelta(minutes=15)) < timedelta(seconds=1)
    assert "GET reservations/v1.0" in tenant.asked()
    await provider.poll()
    assert len(tenant.asked()) == 2
    tenant.step(16 * 60)
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.readings[Reading.RESERVATION] is ReservationStatus.EXPIRED
    assert charger.readings[Reading.RESERVED_UNTIL] is None

    for number in (1, 2):
        tenant.cloud.tenant.reserve(tenant.evse("CP-GN-001", number), 771)
    fleet = (await provider.poll()).fleet
    active = [fleet[f"cp4021_900{n}"].readings[Reading.RESERVATION] for n in (1, 2)]
    assert active == [ReservationStatus.ACTIVE] * 2
    tenant.connector("CP-GN-001").cancel_reservation()
    tenant.cloud.faults.add(Fault(status=404, path="reservations/v1.0/"))
    fleet = (await provider.poll()).fleet
    assert fleet["cp4021_9001"].readings[Reading.RESERVATION] is None


async def test_a_removed_charge_point_is_gone(
    tenant: Tenant, freezer: FrozenDateTimeFactory
) -> None:
    """Three lists must lack it, over at least ten minutes; until then it is stale."""
    provider = tenant.provider()
    assert "cp4022" in (await provider.poll()).fleet
    tenant.cloud.remove(tenant.station())
    assert (await provider.poll()).fleet["cp4022"].stale
    assert "cp4022" not in await polls_later(provider, freezer)
    with pytest.raises(NotFoundError):
        await provider.read("cp4022")


async def test_a_new_charge_point_is_found(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    tenant.cloud.add(Station("CP-NEW", "New", connectors=[]))
    fleet = (await provider.poll()).fleet
    assert fleet["cp4024"].readings[Reading.PROBLEM] is False
    assert Control.CHARGING not in fleet["cp4024"].controls


# Partial failure


async def test_one_unreadable_charge_point_keeps_its_last_state(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = tenant.provider()
    first = await provider.poll()
    shape = provider._sync.points._shape

    def decode(item: dict[str, object]) -> object:
        if item["id"] == 4022:
            raise UnusableAnswerError
        return shape.decode(item)

    broken = type("Broken", (), {"decode": staticmethod(decode)})
    provider._sync.points._shape = broken
    tenant.station().name = "Renamed"
    tenant.cloud.add(Station("CP-NEW", "New"))
    fleet = (await provider.poll()).fleet
    assert fleet["cp4022"].stale
    assert fleet["cp4022"].name == "Garage North 2"
    assert fleet["cp4021"] is first.fleet["cp4021"]
    provider._sync.points._shape = shape
    fleet = (await provider.poll()).fleet
    assert not fleet["cp4022"].stale
    assert fleet["cp4022"].name == "Renamed"


async def test_evses_out_of_order(tenant: Tenant) -> None:
    provider = tenant.provider()
    tenant.cloud.faults.add(Fault(status=500, path="evses/v2.1"))
    with pytest.raises(ServerFaultError):
        await provider.poll()
    await provider.poll()
    tenant.cloud.faults.add(Fault(status=500, path="evses/v2.1"))
    fleet = (await provider.poll()).fleet
    assert all(
        d.stale
        for d in fleet.values()
        if d.kind in {DeviceKind.CHARGER, DeviceKind.CONNECTOR}
    )
    assert not any(d.stale for d in (await provider.poll()).fleet.values())


async def test_circuits_out_of_order(
    tenant: Tenant, freezer: FrozenDateTimeFactory
) -> None:
    provider = tenant.provider(users=True)
    await provider.poll()
    for path in ("circuits", "rates", "users", "locations", "settings"):
        tenant.cloud.faults.add(Fault(status=500, path=path))
    freezer.tick(90_000)
    fleet = (await provider.poll()).fleet
    assert {key for key, device in fleet.items() if device.stale} == {
        "circuit77",
        "rate17",
        "user771",
        "user772",
    }
    assert not any(d.stale for d in (await provider.poll()).fleet.values())


async def test_told_to_wait(tenant: Tenant) -> None:
    provider = tenant.provider()
    tenant.cloud.faults.add(
        Fault(status=429, headers={"Retry-After": "7"}, path="evses")
    )
    with pytest.raises(RateLimitedError) as err:
        await provider.poll()
    assert err.value.retry_after == 7
    asked = len(tenant.cloud.requests)
    with pytest.raises(RateLimitedError):
        await provider.poll()
    assert len(tenant.cloud.requests) == asked


@pytest.mark.parametrize(
    "path", ["evses", "sessions", "locations", "circuits", "status-log", "rates"]
)
async def test_a_token_that_went_bad_is_told_wherever_it_shows(
    tenant: Tenant, path: str
) -> None:
    tenant.connector().set_fault("OtherError")
    tenant.cloud.faults.add(Fault(status=401, path=path))
    with pytest.raises(AuthenticationError):
        await tenant.provider().poll()


# Permissions


async def test_read_only_token_switches_off_what_it_tries(tenant: Tenant) -> None:
    provider = tenant.provider("ampeco-demo-token-read-only")
    poll = await provider.poll()
    assert poll.notices == ()
    assert StartCharging in poll.fleet["cp4022"].commands
    with pytest.raises(PermissionDeniedError):
        await provider.execute(Reset(device_id="cp4022"))
    poll = await provider.poll()
    assert Reset not in poll.fleet["cp4022"].commands
    assert StartCharging in poll.fleet["cp4022"].commands
    assert poll.notices == (
        Notice(kind=NoticeKind.PERMISSION_MISSING, subject=Name(key="reset")),
    )
    with pytest.raises(PermissionDeniedError):
        await provider.execute(StartCharging(device_id="cp4022"))
    charger = (await provider.poll()).fleet["cp4022"]
    assert StartCharging not in charger.commands
    assert Control.CHARGING not in charger.controls


async def test_token_without_sessions(
    tenant: Tenant, freezer: FrozenDateTimeFactory
) -> None:
    provider = tenant.provider("ampeco-demo-token-no-sessions")
    poll = await provider.poll()
    charger = poll.fleet["cp4022"]
    assert Reading.SESSION_ENERGY not in charger.readings
    assert Reading.POWER not in charger.readings
    assert charger.readings[Reading.STATUS] is ChargingStatus.DISCONNECTED
    assert Control.CHARGING not in charger.controls
    assert StopCharging not in charger.commands
    assert [notice.subject for notice in poll.notices] == [Name(key="sessions")]
    tenant.connector().plug_in()
    tenant.asked()
    await provider.poll()
    assert not any("sessions" in path for path in tenant.asked())

    tenant.cloud.accesses["ampeco-demo-token-no-sessions"].rights.add("sessions")
    freezer.tick(3600)
    poll = await provider.poll()
    assert Reading.POWER in poll.fleet["cp4022"].readings
    assert poll.notices == ()


async def test_partner_token_sees_its_own(tenant: Tenant) -> None:
    poll = await tenant.provider("ampeco-demo-token-partner", users=True).poll()
    assert {key for key in poll.fleet if key.startswith("cp")} == {
        "cp4021",
        "cp4021_9001",
        "cp4021_9002",
    }
    assert poll.fleet["user771"].readings[Reading.BALANCE] is None
    assert poll.fleet["rate17"].readings[Reading.ENERGY_PRICE] is not None
    assert [notice.subject for notice in poll.notices] == [
        Name(key="circuits"),
        Name(key="settings"),
        Name(key="subscriptions"),
    ]


@pytest.mark.parametrize("right", ["evses", "status-logs", "reservations"])
async def test_one_missing_right_takes_one_feature(tenant: Tenant, right: str) -> None:
    tenant.cloud.accesses["ampeco-demo-token"].rights.discard(right)
    tenant.connector().set_fault("OverCurrentFailure")
    tenant.cloud.tenant.reserve(tenant.evse("CP-HO-001"), 771)
    provider = tenant.provider()
    poll = await provider.poll()
    charger = poll.fleet["cp4022"]
    assert len(poll.notices) == 1
    assert charger.readings[Reading.PROBLEM] is True
    assert (Reading.STATUS in charger.readings) is (right != "evses")
    assert (Reading.RESERVATION in charger.readings) is (right == "status-logs")
    assert (await provider.read("cp4022"))["cp4022"] == charger
    assert (await provider.poll()).fleet["cp4022"] == charger
    # The vendor's code on the charge point is explained without any log.
    assert charger.readings[Reading.ERROR_DETAIL] == (
        "Current above the limit (E17). Unplug and call support"
    )


async def test_a_right_that_is_lost_on_the_way(tenant: Tenant) -> None:
    provider = tenant.provider(
        selection=Selection(everything=False, chargers=frozenset({"cp4022"}))
    )
    await provider.poll()
    tenant.cloud.accesses["ampeco-demo-token"].rights.discard("evses")
    fleet = (await provider.poll()).fleet
    assert Reading.STATUS not in fleet["cp4022"].readings


async def test_a_forbidden_command_comes_back_to_an_idle_charger(
    tenant: Tenant, freezer: FrozenDateTimeFactory
) -> None:
    provider = tenant.provider()
    await provider.poll()
    tenant.cloud.accesses["ampeco-demo-token"].rights.discard("reset")
    with pytest.raises(PermissionDeniedError):
        await provider.execute(Reset(device_id="cp4022"))
    assert Reset not in (await provider.poll()).fleet["cp4022"].commands
    freezer.tick(3600)
    poll = await provider.poll()
    assert Reset in poll.fleet["cp4022"].commands
    assert poll.notices == ()


async def test_what_an_older_tenant_lacks_is_no_missing_right(tenant: Tenant) -> None:
    tenant.cloud.faults.add(Fault(status=404, path="circuits", times=None))
    provider = tenant.provider()
    poll = await provider.poll()
    assert "circuit77" not in poll.fleet
    assert poll.notices == ()
    assert provider.diagnostics()["switched_off"] == ["circuits"]


# Choice


async def test_only_chosen_charge_points_are_read(tenant: Tenant) -> None:
    chosen = Selection(everything=False, chargers=frozenset({"cp4022"}))
    provider = tenant.provider(selection=chosen)
    fleet = (await provider.poll()).fleet
    assert set(fleet) == {"cp4022", "circuit77", "rate17"}
    tenant.asked()
    await provider.poll()
    assert tenant.asked() == ["GET charge-points/v2.0/4022", "GET evses/v2.1"]
    tenant.connector().plug_in()
    tenant.connector().start()
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.readings[Reading.POWER] == 11_040
    assert tenant.asked() == [
        "GET charge-points/v2.0/4022",
        "GET evses/v2.1",
        "GET sessions/v1.0",
    ]


async def test_a_chosen_place(tenant: Tenant) -> None:
    chosen = Selection(everything=False, groups=frozenset({"311"}))
    provider = tenant.provider(selection=chosen)
    assert set((await provider.poll()).fleet) == {"cp4023", "rate17"}
    tenant.charge_point("CP-HO-001").location = 310
    assert (await provider.poll()).fleet == {}


async def test_a_chosen_charge_point_that_fails_is_stale(tenant: Tenant) -> None:
    chosen = Selection(everything=False, chargers=frozenset({"cp4021", "cp4022"}))
    provider = tenant.provider(selection=chosen)
    tenant.cloud.faults.add(Fault(status=500, path="4021"))
    with pytest.raises(ServerFaultError):
        await provider.poll()
    await provider.poll()
    tenant.cloud.faults.add(Fault(status=500, path="4021"))
    fleet = (await provider.poll()).fleet
    assert fleet["cp4021"].stale
    assert fleet["cp4021_9001"].stale
    assert not fleet["cp4022"].stale


async def test_a_chosen_charge_point_that_is_forbidden_is_stale(tenant: Tenant) -> None:
    chosen = Selection(everything=False, chargers=frozenset({"cp4021", "cp4022"}))
    provider = tenant.provider(selection=chosen)
    await provider.poll()
    tenant.cloud.faults.add(Fault(status=403, path="4021", times=None))
    fleet = (await provider.poll()).fleet
    assert fleet["cp4021"].stale
    assert not fleet["cp4022"].stale


async def test_a_chosen_charge_point_and_a_token_that_went_bad(tenant: Tenant) -> None:
    chosen = Selection(everything=False, chargers=frozenset({"cp4022"}))
    provider = tenant.provider("wrong", chosen)
    with pytest.raises(AuthenticationError):
        await provider.poll()


@pytest.mark.parametrize("body", [{"data": []}, {"data": [{}]}, {}, {"data": None}])
@pytest.mark.parametrize("path", ["charge-points/v2.0$", "evses/v2.1$"])
async def test_one_odd_list_removes_nothing(
    tenant: Tenant, body: dict[str, object], path: str
) -> None:
    provider = tenant.provider()
    before = (await provider.poll()).fleet.keys()
    tenant.cloud.faults.add(Fault(status=200, body=body, path=path))
    with suppress(UnusableAnswerError):
        assert (await provider.poll()).fleet.keys() == before
    fleet = (await provider.poll()).fleet
    assert fleet.keys() == before
    assert not fleet["cp4022"].stale


@pytest.mark.parametrize("resource", ["charge-points/v2.0", "evses/v2.1"])
async def test_a_list_that_leads_nowhere_removes_nothing(
    tenant: Tenant,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
    resource: str,
) -> None:
    """A full page that goes on, nobody knows where, is no complete list."""
    provider = tenant.provider()
    before = (await provider.poll()).fleet
    page = {
        "data": [{"id": key, "chargePointId": 1} for key in range(1, 101)],
        "links": {"next": "https://tenant.example/x?token=abc"},
    }
    tenant.cloud.faults.add(
        Fault(status=200, body=page, path=f"{resource}$", times=None)
    )
    fleet = await polls_later(provider, freezer)
    assert before.keys() <= fleet.keys()
    assert not fleet["cp4022"].stale
    assert "no way to the next page" in caplog.text
    tenant.cloud.faults.clear()
    tenant.cloud.remove(tenant.station())
    assert "cp4022" not in await polls_later(provider, freezer)


async def test_one_refusal_of_the_evses_blinds_nobody_for_an_hour(
    tenant: Tenant,
) -> None:
    provider = tenant.provider()
    before = (await provider.poll()).fleet
    tenant.cloud.faults.add(Fault(status=403, path="evses"))
    poll = await provider.poll()
    assert poll.fleet.keys() == before.keys()
    assert not poll.notices
    assert not (await provider.poll()).fleet["cp4022"].stale


async def test_a_time_stamp_far_ahead_moves_no_cursor(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "CHEAP_SWEEP", 1)
    provider = tenant.provider()
    tenant.charge_point().changes["lastUpdatedAt"] = "9999-12-31T23:59:59Z"
    tenant.step(60)
    await provider.poll()
    await provider.poll()
    del tenant.charge_point().changes["lastUpdatedAt"]
    tenant.step(60)
    tenant.connector().plug_in()
    fleet = (await provider.poll()).fleet
    assert fleet["cp4022"].readings[Reading.PLUG] is True


async def test_a_chosen_charge_point_that_fails_is_stale_until_it_is_read(
    tenant: Tenant, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What changed meanwhile is not in the lists of changes that follow."""
    monkeypatch.setattr(sync, "CHEAP_SWEEP", 1)
    chosen = Selection(everything=False, chargers=frozenset({"cp4021", "cp4022"}))
    provider = tenant.provider(selection=chosen)
    await provider.poll()
    freezer.tick(3600)
    tenant.cloud.faults.add(Fault(status=500, path="charge-points/v2.0/4021", times=3))
    for _ in range(3):
        assert (await provider.poll()).fleet["cp4021"].stale
    assert not (await provider.poll()).fleet["cp4021"].stale


async def test_a_chosen_charge_point_is_gone_after_three_misses(
    tenant: Tenant, freezer: FrozenDateTimeFactory
) -> None:
    chosen = Selection(everything=False, chargers=frozenset({"cp4022", "cp4023"}))
    provider = tenant.provider(selection=chosen)
    await provider.poll()
    tenant.cloud.remove(tenant.station())
    stale = [(await provider.poll()).fleet["cp4022"].stale for _ in range(3)]
    assert stale == [True] * 3
    assert "cp4022" not in await polls_later(provider, freezer)


async def test_a_large_tenant_is_asked_for_changes_only(
    tenant: Tenant, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "CHEAP_SWEEP", 1)
    provider = tenant.provider()
    tenant.step(3600)
    first = await provider.poll()
    await provider.poll()
    tenant.step(60)
    tenant.connector().plug_in()
    second = await provider.poll()
    changed = {k for k, d in second.fleet.items() if first.fleet[k] is not d}
    assert changed == {"cp4022"}
    tenant.cloud.remove(tenant.station())
    assert "cp4022" in (await provider.poll()).fleet
    for _ in range(3):
        freezer.tick(600)
        fleet = (await provider.poll()).fleet
    assert "cp4022" not in fleet


async def test_a_change_is_not_missed_for_a_charger_read_alone(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "CHEAP_SWEEP", 1)
    provider = tenant.provider()
    await provider.poll()
    tenant.step(60)
    await provider.poll()
    tenant.step(10)
    tenant.connector().plug_in()
    tenant.step(10)
    tenant.connector("CP-GN-001").plug_in()
    await provider.read("cp4021")
    fleet = (await provider.poll()).fleet
    assert fleet["cp4022"].readings[Reading.PLUG] is True


async def test_changes_of_a_list_that_broke_off_are_read_later(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "CHEAP_SWEEP", 1)
    monkeypatch.setattr(query, "MAX_PER_PAGE", 1)
    provider = tenant.provider()
    await provider.poll()
    tenant.step(60)
    await provider.poll()
    tenant.step(10)
    tenant.connector("CP-HO-001").plug_in()
    tenant.step(10)
    tenant.connector("CP-GN-001").plug_in()
    page = client._Transport.get

    async def broken(self: client._Transport, path: str, **kwargs: Any) -> Any:
        """Fail on every page but the first."""
        if path.endswith("evses/v2.1") and ("cursor", "null") not in kwargs["params"]:
            raise ServerFaultError
        return await page(self, path, **kwargs)

    with monkeypatch.context() as trouble:
        trouble.setattr(client._Transport, "get", broken)
        assert (await provider.poll()).fleet["cp4021_9001"].readings[Reading.PLUG]
    fleet = (await provider.poll()).fleet
    assert fleet["cp4023"].readings[Reading.PLUG] is True


# What surrounds chargers


@pytest.mark.parametrize(
    ("now", "price"),
    [
        ("2026-05-04T03:30:00Z", 0.11),  # 05:30 in Oslo
        ("2026-05-04T04:30:00Z", 0.24),
        ("2026-05-04T20:30:00Z", 0.15),
        ("2026-05-04T22:30:00Z", 0.11),
        ("2026-05-05T10:00:00Z", 0.5),  # a Tuesday has prices of its own
        ("2026-05-05T16:00:00Z", 0.24),  # but not for the evening
        ("2026-05-12T10:00:00Z", 0.9),  # a date before its weekday
    ],
)
async def test_the_price_now_at_the_site(
    tenant: Tenant, freezer: FrozenDateTimeFactory, now: str, price: float
) -> None:
    prices = tenant.cloud.prices[17]
    prices["tue"] = [{"startsAt": "08:00", "endsAt": "18:00", "price": 0.5}]
    prices["2026-05-12"] = [{"startsAt": "08:00", "endsAt": "18:00", "price": 0.9}]
    freezer.move_to(datetime.fromisoformat(now))
    fleet = (await tenant.provider().poll()).fleet
    assert fleet["rate17"].readings[Reading.ENERGY_PRICE] == Money(price, "EUR")


@pytest.mark.parametrize(
    ("periods", "price"),
    [
        ([], 0.2),
        ([{"startsAt": "22:00", "endsAt": "06:00", "price": 0.1}], 0.1),
        ([{"startsAt": "00:00", "endsAt": "24:00", "price": 0.3}], 0.3),
        ([{"startsAt": "00:00", "endsAt": "00:00", "price": 0.3}], 0.3),
        ([{"startsAt": "nonsense", "endsAt": "24:00", "price": 0.3}], 0.2),
        ([{"startsAt": "00:00", "endsAt": "99:00", "price": 0.3}], 0.2),
        ([{"startsAt": None, "endsAt": "24:00", "price": 0.3}], 0.2),
        ([{"startsAt": "00:00", "endsAt": "24:00", "price": None}], 0.2),
    ],
)
async def test_odd_price_periods(
    tenant: Tenant,
    freezer: FrozenDateTimeFactory,
    periods: list[dict[str, object]],
    price: float,
) -> None:
    tenant.cloud.prices[17] = {"any": periods}
    freezer.move_to(datetime(2026, 5, 4, 23, 0, tzinfo=UTC))
    fleet = (await tenant.provider().poll()).fleet
    assert fleet["rate17"].readings[Reading.ENERGY_PRICE] == Money(price, "EUR")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", None])
async def test_no_price_without_a_local_time(tenant: Tenant, zone: str | None) -> None:
    for location in tenant.cloud.resources["locations"].items.values():
        location["timezone"] = zone
    fleet = (await tenant.provider().poll()).fleet
    assert fleet["rate17"].readings[Reading.ENERGY_PRICE] is None
    tenant.cloud.prices[17] = {}
    fleet = (await tenant.provider().poll()).fleet
    assert fleet["rate17"].readings[Reading.ENERGY_PRICE] == Money(0.2, "EUR")


async def test_a_currency_that_is_only_a_number(tenant: Tenant) -> None:
    tenant.cloud.accesses["ampeco-demo-token"].rights.discard("currencies")
    fleet = (await tenant.provider().poll()).fleet
    price = fleet["rate17"].readings[Reading.ENERGY_PRICE]
    assert isinstance(price, Money)
    assert price.currency is None


async def test_circuit_in_use(tenant: Tenant) -> None:
    for number in (1, 2):
        tenant.connector("CP-GN-001", number).plug_in()
        tenant.connector("CP-GN-001", number).start()
    circuit = (await tenant.provider().poll()).fleet["circuit77"]
    assert readings(
        circuit,
        Reading.CURRENT_PHASE_1,
        Reading.CURRENT_PHASE_2,
        Reading.CURRENT_PHASE_3,
    ) == (32.0, 32.0, 32.0)


async def test_a_circuit_that_a_chosen_charge_point_left(
    tenant: Tenant, freezer: FrozenDateTimeFactory
) -> None:
    chosen = Selection(everything=False, chargers=frozenset({"cp4022"}))
    provider = tenant.provider(selection=chosen)
    assert "circuit77" in (await provider.poll()).fleet
    tenant.charge_point().circuit = None
    freezer.tick(300)
    assert "circuit77" not in (await provider.poll()).fleet


async def test_circuit_on_one_phase(tenant: Tenant) -> None:
    tenant.cloud.tenant.circuits[77].phases = "single_phase"
    circuit = (await tenant.provider().poll()).fleet["circuit77"]
    assert set(circuit.readings) == {Reading.CURRENT_PHASE_1}


async def test_a_circuit_cannot_be_raised_past_what_the_operator_allowed(
    tenant: Tenant, freezer: FrozenDateTimeFactory
) -> None:
    await tenant.provider().poll()
    assert tenant.remembered
    tenant.cloud.tenant.circuits[77].max_current = 20
    limit = (await tenant.provider().poll()).fleet["circuit77"].controls
    assert limit[Control.CIRCUIT_LIMIT].value == 20
    assert limit[Control.CIRCUIT_LIMIT].maximum == 63


@pytest.mark.drifts
async def test_drivers_are_shown_without_their_names(tenant: Tenant) -> None:
    tenant.cloud.resources["subscriptions"].add(
        411, userId=771, status="expired", startDate="2026-06-01T00:00:00Z"
    )
    tenant.cloud.resources["users"].add(773, externalId="kim@example.org", balance=None)
    fleet = (await tenant.provider(users=True).poll()).fleet
    kim, guest, other = (fleet[f"user77{n}"] for n in (1, 2, 3))
    assert (kim.name, guest.name, other.name) == (
        Name(key="user", placeholders={"id": "771"}),
        "guest-1",
        Name(key="user", placeholders={"id": "773"}),
    )
    assert kim.kind is DeviceKind.ACCOUNT
    assert kim.readings == {
        Reading.BALANCE: Money(25.5, "EUR"),
        Reading.SUBSCRIPTION: SubscriptionStatus.ACTIVE,
        Reading.SUBSCRIPTION_PLAN: "Commuter",
        Reading.SUBSCRIPTION_END: datetime(2027, 5, 1, tzinfo=UTC),
        Reading.ALLOWANCE: 80_000.0,
    }
    assert other.readings == {Reading.BALANCE: None, Reading.SUBSCRIPTION: None}


@pytest.mark.drifts
@pytest.mark.parametrize(
    ("left", "allowance"),
    [
        ({"combined": None, "ac": 10, "dc": 2.5}, 12_500.0),
        ({"combined": 0, "ac": None, "dc": None}, 0.0),
        ({"combined": None, "ac": None, "dc": None}, None),
        (None, None),
    ],
)
async def test_what_is_left_of_a_plan(
    tenant: Tenant, left: object, allowance: float | None
) -> None:
    tenant.cloud.resources["subscriptions"].items[410]["remainingAllowance"] = left
    kim = (await tenant.provider(users=True).poll()).fleet["user771"]
    assert kim.readings.get(Reading.ALLOWANCE) == allowance


@pytest.mark.drifts
async def test_names_of_tariffs_partners_and_plans(
    tenant: Tenant, freezer: FrozenDateTimeFactory
) -> None:
    provider = tenant.provider(users=True)
    fleet = (await provider.poll()).fleet
    assert fleet["cp4021"].readings[Reading.PARTNER] == "Example Housing"
    assert Reading.PARTNER not in fleet["cp4021_9001"].readings
    assert Reading.PARTNER not in fleet["cp4022"].readings
    assert fleet["cp4022"].readings[Reading.TARIFF] == "Staff and guests"
    assert fleet["cp4021_9001"].readings[Reading.TARIFF] == "Staff and guests"

    tenant.cloud.resources["tariff-groups"].update(8, {"name": "Night owls"})
    tenant.evse("CP-GN-001").changes["tariffGroupId"] = None
    tenant.step(60)
    freezer.tick(3600)
    fleet = (await provider.poll()).fleet
    assert fleet["cp4022"].readings[Reading.TARIFF] == "Night owls"
    assert Reading.TARIFF not in fleet["cp4021_9001"].readings


@pytest.mark.parametrize("right", ["tariff-groups", "partners", "subscription-plans"])
async def test_nobody_is_told_of_names_that_cannot_be_read(
    tenant: Tenant, right: str
) -> None:
    tenant.cloud.accesses["ampeco-demo-token"].rights.discard(right)
    poll = await tenant.provider(users=True).poll()
    assert poll.notices == ()
    names = (
        poll.fleet["cp4022"].readings[Reading.TARIFF],
        poll.fleet["cp4021"].readings[Reading.PARTNER],
        poll.fleet["user771"].readings[Reading.SUBSCRIPTION_PLAN],
    )
    assert names.count(None) == 1


async def test_how_far_a_session_is_paid(tenant: Tenant) -> None:
    provider = tenant.provider()
    tenant.connector().plug_in()
    tenant.connector().start()
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.readings[Reading.PAYMENT_STATUS] is PaymentStatus.PENDING
    tenant.step(600)
    tenant.connector().unplug()
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.readings[Reading.PAYMENT_STATUS] is PaymentStatus.PAID


async def test_an_older_tenant_has_its_drivers_elsewhere(tenant: Tenant) -> None:
    tenant.cloud.quirks["users_version"] = "v1.0"
    provider = tenant.provider(users=True)
    poll = await provider.poll()
    assert poll.fleet["user771"].readings[Reading.BALANCE] == Money(25.5, "EUR")
    assert poll.notices == ()
    tenant.asked()
    await provider.read("user771")
    assert "GET users/v1.0/771" in tenant.asked()


async def test_a_tenant_without_drivers_at_all(tenant: Tenant) -> None:
    tenant.cloud.faults.add(Fault(status=404, path="/users/", times=None))
    poll = await tenant.provider(users=True).poll()
    assert not any(key.startswith("user") for key in poll.fleet)
    assert tenant.asked().count("GET users/v1.0") == 1


async def test_what_is_not_wanted_is_not_asked_for(tenant: Tenant) -> None:
    fleet = (
        await tenant.provider(circuits=False, electricity_rates=False).poll()
    ).fleet
    assert not {"circuit77", "rate17"} & set(fleet)
    assert not any(
        word in path
        for path in tenant.asked()
        for word in ("circuits", "rates", "users", "settings")
    )


# Reading one device


async def test_reading_one_charge_point(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    tenant.connector("CP-GN-001", 2).plug_in()
    tenant.asked()
    fleet = await provider.read("cp4021_9002")
    assert set(fleet) == {"cp4021", "cp4021_9001", "cp4021_9002"}
    assert fleet["cp4021_9002"].readings[Reading.PLUG] is True
    assert tenant.asked() == [
        "GET charge-points/v2.0/4021",
        "GET evses/v2.1",
        "GET sessions/v1.0",
    ]


async def test_reading_a_charge_point_with_an_old_session(tenant: Tenant) -> None:
    """One that has run for days is in the one list that is read, and its end too."""
    provider = tenant.provider()
    tenant.connector().plug_in()
    tenant.connector().start()
    await provider.poll()
    tenant.step(3 * 86_400)
    tenant.asked()
    charger = (await provider.read("cp4022"))["cp4022"]
    assert charger.readings[Reading.SESSION_STATUS] is SessionStatus.ACTIVE
    tenant.connector().unplug()
    charger = (await provider.read("cp4022"))["cp4022"]
    assert charger.readings[Reading.SESSION_STATUS] is SessionStatus.FINISHED
    assert tenant.asked().count("GET sessions/v1.0") == 2
    # Nothing is left of what ended but the last.
    assert len(provider.diagnostics()["sessions"]) <= 2


async def test_reading_a_circuit_or_an_account(tenant: Tenant) -> None:
    provider = tenant.provider(users=True)
    await provider.poll()
    tenant.cloud.tenant.circuits[77].max_current = 40
    fleet = await provider.read("circuit77")
    assert fleet["circuit77"].controls[Control.CIRCUIT_LIMIT].value == 40
    assert set(await provider.read("user771")) == {"user771"}


@pytest.mark.parametrize("device_id", ["cp1", "cp4021_1", "9001", "cp4022_9003x"])
async def test_reading_what_does_not_exist(tenant: Tenant, device_id: str) -> None:
    provider = tenant.provider()
    await provider.poll()
    with pytest.raises(NotFoundError):
        await provider.read(device_id)


async def test_an_evse_that_disappears(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    evse = tenant.evse("CP-GN-001", 2)
    del tenant.cloud.tenant.evses[evse.id]
    fleet = await provider.read("cp4021")
    assert set(fleet) == {"cp4021"}
    assert fleet["cp4021"].readings[Reading.STATUS] is ChargingStatus.DISCONNECTED


# Sessions


async def test_sessions_newest_first(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    now = tenant.world.now
    evse = tenant.evse("CP-GN-001", 2)
    for days in (3, 1, 2):
        start = now - timedelta(days=days)
        tenant.cloud.tenant.record(evse, start, start + timedelta(hours=1), 1000 * days)
    start, end = now - timedelta(days=10), now
    found = await provider.sessions("cp4021", start, end, 3)
    assert [(s.device_id, s.energy) for s in found] == [
        ("cp4021_9001", 21_400),
        ("cp4021_9002", 1000),
        ("cp4021_9002", 2000),
    ]
    assert found[0].stop_reason is StopReason.EV_DISCONNECTED
    assert found[0].id_token is None
    assert found[0].ended_at is not None
    found = await provider.sessions("cp4021_9002", start, end, 10)
    assert [s.energy for s in found] == [1000, 2000, 3000]


async def test_one_session(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    start = StartCharging(
        device_id="cp4022",
        user_id="771",
        payment_method_id="pm-1",
        session_key="ha-5f2c",
    )
    tenant.connector().plug_in()
    started = await provider.execute(start)
    tenant.step(60)
    assert started.id is not None
    session = await provider.session("cp4022", started.id)
    assert (session.id, session.device_id) == (started.id, "cp4022")
    assert session.status is SessionStatus.ACTIVE
    assert (session.connector, session.user_id, session.key) == ("1", "771", "ha-5f2c")
    assert session.payment_status is PaymentStatus.PENDING
    assert tenant.cloud.bodies[-1]["paymentMethodId"] == "pm-1"
    assert (
        session
        == (
            await provider.sessions(
                "cp4022", tenant.world.now - timedelta(hours=1), tenant.world.now, 1
            )
        )[0]
    )

    assert (await provider.session("cp4021", "120045")).device_id == "cp4021_9001"
    for device_id, session_id in (
        ("cp4021", started.id),
        ("cp4021_9002", "120045"),
        ("cp4022", "1"),
        ("cp4022", ".."),
    ):
        with pytest.raises(NotFoundError) as caught:
            await provider.session(device_id, session_id)
        assert caught.value.reason == Refusal.UNKNOWN_SESSION


async def test_a_few_sessions_cost_a_few_requests(tenant: Tenant) -> None:
    """The cloud gives the oldest first: asking for three reads no year of them."""
    provider = tenant.provider()
    await provider.poll()
    now, evse = tenant.world.now, tenant.evse()
    for hours in range(24 * 100, 0, -8):
        begin = now - timedelta(hours=hours)
        tenant.cloud.tenant.record(evse, begin, begin + timedelta(hours=1), hours)
    tenant.asked()
    found = await provider.sessions("cp4022", now - timedelta(days=365), now, 3)
    assert [session.energy for session in found] == [8, 16, 24]
    assert tenant.asked() == ["GET sessions/v1.0"]
    found = await provider.sessions("cp4022", now - timedelta(days=365), now, 1000)
    assert len(found) == len({session.id for session in found}) == 300
    assert [session.energy for session in found[:2]] == [8, 16]


async def test_sessions_of_an_evse_that_is_no_more(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    elsewhere = replace(tenant.evse("CP-GN-001"), id=1)
    tenant.cloud.tenant.sessions[120045].evse = elsewhere
    now = tenant.world.now
    found = await provider.sessions("cp4021", now - timedelta(days=9), now, 1)
    assert [session.device_id for session in found] == ["cp4021"]


async def test_cards_are_masked_in_sessions(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    tenant.connector().plug_in()
    tenant.connector().start("04A1B2C3D4")
    now = tenant.world.now
    found = await provider.sessions("cp4022", now - timedelta(days=1), now, 1)
    assert found[0].id_token == "…C3D4"


async def test_many_sessions_that_end_at_once_are_listed(tenant: Tenant) -> None:
    tenant.cloud.populate(6, connectors=1)
    connectors = [
        station.connectors[0]
        for key, station in tenant.cloud.stations.items()
        if key.startswith("CP-0")
    ]
    provider = tenant.provider()
    for connector in connectors:
        connector.plug_in()
        connector.start()
    await provider.poll()
    tenant.step(600)
    for connector in connectors:
        connector.unplug()
    tenant.asked()
    fleet = (await provider.poll()).fleet
    assert tenant.asked().count("GET sessions/v1.0") == 2
    assert fleet["cp4026"].readings[Reading.SESSION_ENERGY] == 1840


async def test_a_charge_point_that_vanishes_with_its_session(
    tenant: Tenant, freezer: FrozenDateTimeFactory
) -> None:
    provider = tenant.provider()
    tenant.connector().plug_in()
    tenant.connector().start()
    busy = (await provider.poll()).interval
    tenant.cloud.remove(tenant.station())
    await polls_later(provider, freezer)
    assert (await provider.poll()).interval > busy


async def test_power_stays_known_while_sessions_are_read(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = tenant.provider()
    tenant.connector().plug_in()
    tenant.connector().start()
    fleet = (await provider.poll()).fleet
    sessions = client.Client.sessions
    seen = []

    def watched(*args: Any) -> AsyncIterator[client.Page]:
        """Make the devices while the list is on its way."""
        seen.append(provider._make("4022")["cp4022"])
        return sessions(*args)

    monkeypatch.setattr(client.Client, "sessions", watched)
    await provider.poll()
    assert seen == [fleet["cp4022"]] * len(seen)
    assert seen


async def test_a_session_that_vanishes_without_a_trace(tenant: Tenant) -> None:
    provider = tenant.provider()
    tenant.connector().plug_in()
    tenant.connector().start()
    await provider.poll()
    tenant.cloud.tenant.sessions.clear()
    charger = (await provider.poll()).fleet["cp4022"]
    assert charger.readings[Reading.SESSION_STATUS] is None


async def test_energy_in_a_unit_that_cannot_be(
    tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    now = tenant.world.now
    tenant.cloud.tenant.record(tenant.evse(), now - timedelta(hours=1), now, 9e6)
    await tenant.provider().poll()
    assert "more energy than the charger can deliver" in caplog.text


# Diagnostics


async def test_diagnostics_hold_the_last_answers(tenant: Tenant) -> None:
    provider = tenant.provider(users=True)
    tenant.connector().plug_in()
    tenant.connector().start("04A1B2C3D4")
    await provider.poll()
    text = json.dumps(provider.diagnostics())
    assert "Garage North 2" in text
    assert "ampeco-demo-token" not in text


async def test_no_subaccounts(tenant: Tenant) -> None:
    with pytest.raises(NotSupportedError):
        await tenant.provider().subaccounts()


async def test_session_that_is_extended(tenant: Tenant) -> None:
    """What came after a loss of connection belongs to it, in whatever span it lies."""
    cloud, hour = tenant.cloud.tenant, timedelta(hours=1)
    now = tenant.world.now.replace(microsecond=0)
    # Cloud and station count the oldest session first.
    started = now - timedelta(days=20)
    first = cloud.record(tenant.evse(), started, started + hour, 4000)
    second = cloud.extend(first, started + 3 * hour, started + 4 * hour, 2000)
    third = cloud.extend(second, started + 5 * hour, started + 6 * hour, 1000)
    provider = tenant.provider()
    await provider.poll()

    async def sessions(start: timedelta, end: timedelta) -> list[Session]:
        found = await provider.sessions("cp4022", now - start, now - end, 100)
        return [
            each for each in found if each.started_at and each.started_at >= started
        ]

    (whole,) = await sessions(timedelta(days=25), timedelta(0))
    assert (whole.id, whole.energy) == (str(first.id), 7000)
    assert (whole.started_at, whole.ended_at) == (started, third.stopped)
    assert sum(each.energy for each in whole.hours) == 7000
    alone = await provider.session("cp4022", str(first.id))
    assert whole.cost
    assert alone.cost
    assert whole.cost.amount == pytest.approx(alone.cost.amount * 7 / 4, abs=0.02)
    # A span that begins in between has none of it, one that ends there has all of it.
    between = timedelta(days=20) - 2 * hour
    assert await sessions(between, timedelta(0)) == []
    assert await sessions(timedelta(days=25), between) == [whole]
    # Of few that are wanted it is told as well.
    assert (await provider.sessions("cp4022", started, now, 1)) == [whole]

    # Some call the first one the original of all.
    third.original = first
    assert await sessions(timedelta(days=25), timedelta(0)) == [whole]
    third.original = second
    with patch.object(ampeco_provider, "_FIRST_SPAN", timedelta(days=20) - 5 * hour):
        assert (await provider.sessions("cp4022", started, now, 1)) == [whole]
    # A cloud that does not say by what is asked by the other side alone.
    first.extension = None
    assert {each.id for each in await sessions(between, timedelta(0))} == {
        str(second.id),
    }
    tenant.cloud.faults.add(Fault(status=404, path=f"sessions/v1.0/{first.id}"))
    assert len(await sessions(between, timedelta(0))) == 1


async def test_extension_in_another_currency(tenant: Tenant) -> None:
    """Amounts of two currencies have no sum; nor are there hours unless of all."""
    cloud, hour = tenant.cloud.tenant, timedelta(hours=1)
    started = tenant.world.now.replace(microsecond=0) - timedelta(days=2)
    first = cloud.record(tenant.evse(), started, started + hour, 4000)
    cloud.extend(first, started + 3 * hour, started + 4 * hour, 2000)
    provider = tenant.provider()
    await provider.poll()
    answer = provider._client.sessions

    async def odd(*arguments: Any, **options: Any) -> Any:
        async for page in answer(*arguments, **options):
            yield [
                item | {"currency": "SEK", "clockAlignedEnergyConsumption": []}
                if "originalSessionId" in item
                else item
                for item in page
            ]

    with patch.object(provider._client, "sessions", odd):
        (whole,) = await provider.sessions("cp4022", started, tenant.world.now, 100)
    assert (whole.energy, whole.cost, whole.hours) == (6000, None, ())
    # What the meter showed goes on where it stopped.
    curve = await provider.energy_curve(whole)
    assert curve
    energies = [point.energy for point in curve.points]
    assert energies == sorted(energies)
    assert energies[-1] == 6000
    for pause in (started + hour, started + 3 * hour):
        assert EnergyPoint(at=pause, energy=4000) in curve.points
