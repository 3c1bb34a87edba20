"""Podero over real sockets: set-up, polls, faults, what lasts longer than a poll."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
import json
import logging
from typing import Any
from unittest.mock import AsyncMock

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    AuthenticationError,
    Boost,
    BoostState,
    ChargingError,
    ChargingStatus,
    Control,
    Device,
    Money,
    Name,
    NotFoundError,
    Notice,
    NoticeKind,
    NotSupportedError,
    PermissionDeniedError,
    RateLimitedError,
    Reading,
    ServerFaultError,
    Session,
    SetControl,
    UnreachableError,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.providers.base import (
    Candidate,
    FieldKind,
    InvalidSettingError,
    Selection,
)
from custom_components.ev_charger_cloud.providers.podero import DESCRIPTION
from custom_components.ev_charger_cloud.providers.transport import command_lane
from simulator.clouds.podero.cloud import CARPORT, GARAGE, NEIGHBOUR, ORG, OWNER
from simulator.clouds.podero.wallbox import Surplus
from simulator.world import Car

from .podero_account import Account, podero_account

BOTH = f"{GARAGE}, {CARPORT.upper()};{GARAGE}"


@pytest.fixture
async def account(session: ClientSession) -> AsyncGenerator[Account]:
    async with podero_account(session) as account:
        yield account


# Set-up


def test_what_set_up_asks_for() -> None:
    assert [field.key for field in DESCRIPTION.fields] == [
        "base_url",
        "client_id",
        "client_secret",
        "org_id",
        "user_id",
    ]
    kinds = {field.key: field.kind for field in DESCRIPTION.fields}
    assert kinds["client_secret"] is FieldKind.SECRET
    assert kinds["base_url"] is FieldKind.URL
    assert DESCRIPTION.account_field == "user_id"
    defaults = {option.key: option.default for option in DESCRIPTION.options}
    assert defaults == {"wallbox_ids": "", "surplus_sessions": False}


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        (" app.podero.com ", "https://app.podero.com"),
        ("https://sandbox-app.podero.com/", "https://sandbox-app.podero.com"),
        ("https://app.podero.com/api/partners/v2.0/docs", "https://app.podero.com"),
        ("http://127.0.0.1:8765/podero", "http://127.0.0.1:8765/podero"),
        ("https://app.podero.com/#login", "https://app.podero.com"),
    ],
)
def test_addresses_are_reduced_to_the_host(typed: str, address: str) -> None:
    assert DESCRIPTION.normalise({"base_url": typed})["base_url"] == address


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ftp://app.podero.com",
        "https://",
        "https://app.podero.com:port",
        "https://[app",
        "https://me:secret@app.podero.com",
        "app podero com",
        "https://app.podero.com/?a=1",
    ],
)
def test_addresses_that_cannot_be_are_refused(typed: str) -> None:
    with pytest.raises(InvalidSettingError) as caught:
        DESCRIPTION.normalise({"base_url": typed})
    assert (caught.value.key, caught.value.reason) == ("base_url", "invalid_url")


def test_ids_and_credentials_are_tidied() -> None:
    typed = {
        "client_id": " demo ",
        "client_secret": "secret ",
        "org_id": f" {ORG.upper()} ",
        "user_id": "",
        "surplus_sessions": True,
    }
    assert DESCRIPTION.normalise(typed) == {
        "client_id": "demo",
        "client_secret": "secret",
        "org_id": ORG,
        "user_id": "",
        "surplus_sessions": True,
    }


@pytest.mark.parametrize("key", ["org_id", "user_id"])
def test_an_id_that_is_no_uuid_is_refused(key: str) -> None:
    with pytest.raises(InvalidSettingError) as caught:
        DESCRIPTION.normalise({key: "my company"})
    assert (caught.value.key, caught.value.reason) == (key, "invalid_id")


async def test_an_account_is_organisation_and_user(account: Account) -> None:
    found = await account.provider().account()
    assert found.id == f"{ORG}/{OWNER}"
    assert found.title == f"Podero {OWNER[:8]}"
    assert account.requests() == ["POST /oauth2/token/", "GET U"]


async def test_before_a_user_is_chosen_the_organisation_proves_it(
    account: Account,
) -> None:
    found = await account.provider(user_id=None).account()
    assert found.id == ORG
    assert account.requests() == ["POST /oauth2/token/", f"GET /org/{ORG}/users"]


async def test_users_are_offered_by_name(account: Account) -> None:
    unnamed = account.cloud.users[NEIGHBOUR]
    assert await account.provider(user_id=None).subaccounts() == [
        Candidate(id=OWNER, name="Alex Example"),
        Candidate(id=NEIGHBOUR, name="neighbour@example.org"),
    ]
    unnamed["external_user_id"] = "CUST-1002"
    assert (await account.provider().subaccounts())[1].name == "CUST-1002"
    unnamed |= {"external_user_id": None, "email": None}
    assert (await account.provider().subaccounts())[1].name == NEIGHBOUR
    unnamed["id"] = None
    assert len(await account.provider().subaccounts()) == 1


async def test_a_users_list_in_an_envelope_is_read(account: Account) -> None:
    account.fail(body={"total": 1, "items": [{"id": OWNER}]}, path="users$", status=200)
    assert [user.id for user in await account.provider().subaccounts()] == [OWNER]


@pytest.mark.parametrize("key", ["org_id", "user_id"])
async def test_unknown_organisations_and_users_are_not_found(
    account: Account, key: str
) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    settings: dict[str, Any] = {key: nobody}
    provider = account.provider(**settings)
    with pytest.raises(NotFoundError):
        await provider.account()


async def test_all_wallboxes_are_candidates(account: Account) -> None:
    provider = account.provider(Selection(everything=False))
    assert await provider.candidates() == [
        Candidate(id=GARAGE, name="Example Chargers HomeBox 11 (EXB-000042)"),
        Candidate(id=CARPORT, name=f"Example Chargers HomeBox 22 ({CARPORT[:8]})"),
    ]


async def test_a_user_without_wallboxes_has_an_empty_fleet(account: Account) -> None:
    provider = account.provider(user_id=NEIGHBOUR)
    assert await provider.candidates() == []
    assert (await provider.poll()).fleet == {}


# Polls


@pytest.mark.parametrize("profile", ["first", "newer"])
async def test_an_idle_poll_is_one_request_and_changes_nothing(
    account: Account, profile: str
) -> None:
    account.cloud.quirks["profile"] = profile
    # Podero looks at each wallbox every five minutes by the clock: not in between.
    account.step(301 - account.cloud.world.now.timestamp() % 300)
    provider = account.provider()
    first = await provider.poll()
    assert account.requests() == ["POST /oauth2/token/", "GET U/wallboxes"]
    account.step(60)
    second = await provider.poll()
    assert account.requests() == ["GET U/wallboxes"]
    assert second == first
    assert first.interval == timedelta(seconds=60)
    assert first.fleet.keys() == {GARAGE, CARPORT}
    assert first.notices == ()


async def test_only_wanted_wallboxes_are_kept(account: Account) -> None:
    wanted = Selection(everything=False, chargers=frozenset({CARPORT}))
    assert (await account.provider(wanted).poll()).fleet.keys() == {CARPORT}


async def test_a_large_fleet_is_still_one_request(account: Account) -> None:
    account.cloud.populate(200)
    provider = account.provider()
    assert len((await provider.poll()).fleet) == 202
    assert account.requests() == ["POST /oauth2/token/", "GET U/wallboxes"]


async def test_an_unchanged_poll_returns_the_same_devices(account: Account) -> None:
    """Equal bytes are the same objects, all the way up; so is what did not change."""
    account.cloud.populate(5)
    provider = account.provider()
    fleet = (await provider.poll()).fleet
    assert (await provider.poll()).fleet is fleet
    account.connector.plug_in()
    changed = (await provider.poll()).fleet
    assert changed is not fleet
    assert {key for key in fleet if changed[key] is not fleet[key]} == {GARAGE}
    await provider.read(GARAGE)
    assert (await provider.poll()).fleet[GARAGE] == changed[GARAGE]
    # What depends on the present time is not kept longer than it is true.
    account.garage.change(
        {"pause_power_until": account.clock.now() + timedelta(hours=1)}
    )
    assert (await account.garage_device(provider)).readings[Reading.PAUSED] is True
    account.clock.ahead += 3601
    account.cloud.quirks["pause_flag_lag"] = 0
    device = await account.garage_device(provider)
    assert device.controls[Control.PAUSE_UNTIL].value is not None


async def test_a_list_that_reads_the_same_is_not_looked_at(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until time alone changes what is told, or something else was read."""
    provider = account.provider()
    await provider.poll()
    wallboxes, _ = await provider._client.wallboxes()
    until = account.clock.now() + timedelta(hours=1)
    listed = [
        replace(each, pause_power_until=until, is_pause_power_active=False)
        for each in wallboxes
    ]
    asked = AsyncMock(return_value=(listed, True))
    monkeypatch.setattr(provider._client, "wallboxes", asked)
    translated: list[str] = []
    translate = provider._sync._device

    def note(wallbox_id: str, now: datetime) -> Device:
        translated.append(wallbox_id)
        return translate(wallbox_id, now)

    monkeypatch.setattr(provider._sync, "_device", note)
    paused = (await provider.poll()).fleet
    assert paused[GARAGE].readings[Reading.PAUSED] is True
    translated.clear()
    begun = account.clock.monotonic()
    account.clock.ahead += 60
    assert (await provider.poll()).fleet is paused
    assert translated == []
    # What was asked for before the last list is older than it.
    provider._sync.take(GARAGE, wallboxes[0], begun)
    assert (await provider.poll()).fleet is paused
    assert translated == []
    account.clock.ahead += 3600
    over = (await provider.poll()).fleet
    assert over[GARAGE].readings[Reading.PAUSED] is False
    translated.clear()
    assert (await provider.poll()).fleet is over
    assert translated == []
    await provider.read(GARAGE)
    assert (await provider.poll()).fleet[GARAGE] == over[GARAGE]
    assert translated


async def test_reading_one_wallbox_is_one_request(account: Account) -> None:
    provider = account.provider()
    polled = (await provider.poll()).fleet
    account.requests()
    assert await provider.read(GARAGE) == {GARAGE: polled[GARAGE]}
    assert account.requests() == [f"GET U/wallboxes/{GARAGE}"]


@pytest.mark.parametrize("profile", ["first", "newer"])
async def test_the_life_of_a_charge(account: Account, profile: str) -> None:
    account.cloud.quirks["profile"] = profile
    provider = account.provider()

    async def now() -> tuple[object, ...]:
        device = await account.garage_device(provider)
        readings = device.readings
        return (
            readings[Reading.STATUS],
            readings[Reading.PLUG],
            readings[Reading.CHARGING],
            readings[Reading.POWER],
            readings[Reading.FULLY_CHARGED],
            device.controls[Control.CHARGING].value,
        )

    unplugged = (ChargingStatus.DISCONNECTED, False, False, 0.0, False, True)
    charging = (ChargingStatus.CHARGING, True, True, 11_000.0, False, True)
    waiting = (ChargingStatus.CONNECTED, True, False, 0.0, False, True)
    assert await now() == unplugged
    car = account.connector.plug_in(Car(soc=0.5, capacity_wh=22_000))
    assert await now() == charging
    remaining = (await account.garage_device(provider)).readings[Reading.TIME_REMAINING]
    assert remaining == 3600
    account.connector.set_fault("GroundFailure")
    # The first schema has no field that tells of a fault.
    status = waiting[0] if profile == "first" else ChargingStatus.FAULTED
    assert await now() == (status, *waiting[1:])
    account.connector.set_fault(None)
    account.garage.hold(True)
    assert await now() == waiting
    account.garage.hold(False)
    assert await now() == charging
    account.step(3700)
    assert car.full
    assert await now() == (ChargingStatus.COMPLETE, True, False, 0.0, True, True)
    account.connector.unplug()
    assert await now() == unplugged


async def test_a_charger_that_was_never_heard_of_knows_nothing(
    account: Account,
) -> None:
    provider = account.provider()
    carport = (await provider.poll()).fleet[CARPORT]
    nothing = set(carport.readings) - {
        Reading.PAUSED,
        Reading.CONNECTION_STATUS,
        Reading.STEERING_STATUS,
        Reading.PRICE_ZONE,
        Reading.FORECASTING,
        Reading.TRADING,
        Reading.INVERTER_FORCED_MODE,
        Reading.INVERTER_FORCED_MODE_ENABLED,
        Reading.CREATED_AT,
        Reading.UPDATED_AT,
    }
    assert {carport.readings[reading] for reading in nothing} == {None}
    assert carport.online is None
    account.cloud.wallboxes[CARPORT].connector.plug_in()
    carport = (await provider.poll()).fleet[CARPORT]
    assert carport.readings[Reading.STATUS] is ChargingStatus.CHARGING


async def test_an_offline_charger_tells_nothing_live(account: Account) -> None:
    account.cloud.quirks["profile"] = "newer"
    provider = account.provider()
    account.connector.plug_in()
    assert (await account.garage_device(provider)).online is True
    account.garage.station.set_online(False)
    device = await account.garage_device(provider)
    assert device.online is False
    live = (
        Reading.STATUS,
        Reading.PLUG,
        Reading.CHARGING,
        Reading.POWER,
        Reading.FULLY_CHARGED,
        Reading.TIME_REMAINING,
    )
    assert [device.readings[reading] for reading in live] == [None] * 6
    assert device.controls[Control.CHARGING].value is None
    assert device.readings[Reading.ENERGY_LAST_MONTH] == 55_600
    account.garage.station.set_online(True)
    device = await account.garage_device(provider)
    assert device.readings[Reading.STATUS] is ChargingStatus.CHARGING


async def test_the_newer_schema_tells_more(account: Account) -> None:
    device = await account.garage_device(account.provider())
    later = {
        Reading.CLOUD_STATUS,
        Reading.OPTIMISATION_SCORE,
        Reading.BOOST_STATE,
        Reading.ATTENTION_NEEDED,
        Reading.PROBLEM,
        Reading.ERROR_DETAIL,
    }
    assert later.isdisjoint(device.readings)
    assert Control.BOOST not in device.controls
    assert Boost in device.commands
    account.cloud.quirks["profile"] = "newer"
    account.connector.plug_in()
    account.connector.set_fault("GroundFailure")
    device = await account.garage_device(account.provider())
    assert {reading: device.readings[reading] for reading in later} == {
        Reading.CLOUD_STATUS: "PLUGGED_IN",
        Reading.OPTIMISATION_SCORE: 0.87,
        Reading.BOOST_STATE: BoostState.AVAILABLE,
        Reading.ATTENTION_NEEDED: False,
        Reading.PROBLEM: True,
        Reading.ERROR_DETAIL: "GroundFailure",
    }
    assert device.controls[Control.BOOST].value is False
    assert Boost not in device.commands


async def test_a_requested_boost_is_watched_closely(account: Account) -> None:
    account.cloud.quirks["profile"] = "newer"
    account.connector.plug_in()
    account.garage.hold(True)
    provider = account.provider()
    assert (await provider.poll()).interval == timedelta(seconds=60)
    account.garage.boost()
    assert (await provider.poll()).interval == timedelta(seconds=3)
    account.clock.ahead += 61
    assert (await provider.poll()).interval == timedelta(seconds=60)
    account.step(5)
    poll = await provider.poll()
    assert poll.interval == timedelta(seconds=60)
    assert poll.fleet[GARAGE].readings[Reading.BOOST_STATE] is BoostState.ONGOING


async def test_a_deleted_wallbox_is_gone(account: Account) -> None:
    provider = account.provider()
    await provider.poll()
    account.cloud.handle_control({"wallbox": GARAGE, "delete": True})
    fleet = (await provider.poll()).fleet
    assert fleet[GARAGE].stale
    # Three lists must lack it, over at least ten minutes.
    for _ in range(3):
        account.step(301)
        fleet = (await provider.poll()).fleet
    assert fleet.keys() == {CARPORT}
    with pytest.raises(NotFoundError):
        await provider.read(GARAGE)


async def test_a_wallbox_with_a_date_of_deletion_is_gone(account: Account) -> None:
    provider = account.provider()
    account.cloud.quirks["fields"] = {"deleted_at": "2026-01-01T00:00:00Z"}
    assert (await provider.poll()).fleet == {}
    with pytest.raises(NotFoundError):
        await provider.read(GARAGE)
    account.cloud.quirks["fields"] = {"deleted_at": "0001-01-01T00:00:00Z"}
    assert (await provider.poll()).fleet.keys() == {GARAGE, CARPORT}


@pytest.mark.parametrize("item", [None, "wallbox", {"id": None}])
async def test_an_item_that_cannot_be_read_removes_nobody(
    account: Account, item: object
) -> None:
    provider = account.provider()
    before = (await provider.poll()).fleet
    garage = account.cloud._present(account.garage)
    account.fail(body=[garage, item], path="wallboxes$", status=200)
    fleet = (await provider.poll()).fleet
    assert fleet[GARAGE] == before[GARAGE]
    assert fleet[CARPORT].stale
    assert fleet[CARPORT].readings == before[CARPORT].readings
    assert (await provider.poll()).fleet == before


# Faults


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 403, "body": {"detail": "Forbidden"}}, PermissionDeniedError),
        ({"status": 404}, NotFoundError),
        ({"status": 405}, NotSupportedError),
        ({"status": 500}, ServerFaultError),
        ({"kind": "html"}, ServerFaultError),
        ({"kind": "html", "status": 200}, UnusableAnswerError),
        ({"kind": "garbage"}, UnusableAnswerError),
        ({"kind": "null_body"}, UnusableAnswerError),
        ({"kind": "empty"}, UnusableAnswerError),
        ({"body": {"detail": "?"}, "status": 200}, UnusableAnswerError),
        ({"status": 302}, UnusableAnswerError),
        # The first one is retried by the HTTP client, on a new connection.
        ({"kind": "drop", "times": 2}, UnreachableError),
        ({"status": 429, "headers": {"Retry-After": "0"}}, RateLimitedError),
    ],
)
async def test_a_poll_that_fails_says_why_and_recovers(
    account: Account, fault: dict[str, object], error: type[ChargingError]
) -> None:
    provider = account.provider()
    before = await provider.poll()
    account.fail(path="wallboxes", **fault)
    with pytest.raises(error) as caught:
        await provider.poll()
    assert type(caught.value) is error
    assert await provider.poll() == before


async def test_a_slow_cloud_is_unreachable(account: Account) -> None:
    provider = account.provider()
    await provider.poll()
    provider._client._api._timeout = 0.05
    account.fail(kind="delay", delay=0.2)
    with pytest.raises(UnreachableError) as caught:
        await provider.poll()
    assert caught.value.reason == "timeout"


async def test_a_pause_that_the_cloud_asks_for_is_kept(account: Account) -> None:
    provider = account.provider()
    await provider.poll()
    account.requests()
    account.fail(status=429, headers={"Retry-After": "120"})
    with pytest.raises(RateLimitedError) as caught:
        await provider.poll()
    assert caught.value.retry_after == 120
    with pytest.raises(RateLimitedError):
        await provider.poll()
    assert account.requests() == ["GET U/wallboxes"]


# Servers without a list


@pytest.mark.parametrize("status", [404, 405])
async def test_typed_ids_stand_in_for_a_list_that_is_not_there(
    account: Account, status: int
) -> None:
    account.cloud.quirks["list_status"] = status
    provider = account.provider(wallbox_ids=BOTH)
    assert (await provider.poll()).fleet.keys() == {GARAGE, CARPORT}
    details = [f"GET U/wallboxes/{GARAGE}", f"GET U/wallboxes/{CARPORT}"]
    assert account.requests() == ["POST /oauth2/token/", "GET U/wallboxes", *details]
    await provider.poll()
    assert account.requests() == details
    assert provider.diagnostics()["list_missing"] is True
    account.cloud.quirks["list_status"] = 200
    account.step(3601)
    await provider.poll()
    assert account.requests() == ["GET U/wallboxes"]


async def test_without_a_list_the_selection_holds_too(account: Account) -> None:
    account.cloud.quirks["list_status"] = 404
    wanted = Selection(everything=False, chargers=frozenset({CARPORT}))
    provider = account.provider(wanted, wallbox_ids=BOTH)
    assert [found.id for found in await provider.candidates()] == [GARAGE, CARPORT]
    account.requests()
    assert (await provider.poll()).fleet.keys() == {CARPORT}
    assert account.requests() == [f"GET U/wallboxes/{CARPORT}"]


async def test_without_a_list_and_ids_nothing_can_be_said(account: Account) -> None:
    account.cloud.quirks["list_status"] = 404
    assert await account.provider().candidates() == []
    with pytest.raises(NotFoundError):
        await account.provider().poll()


async def test_one_wallbox_that_fails_keeps_its_last_readings(account: Account) -> None:
    account.cloud.quirks["list_status"] = 404
    provider = account.provider(wallbox_ids=BOTH)
    account.fail(status=500, path=CARPORT)
    assert (await provider.poll()).fleet.keys() == {GARAGE}
    before = (await provider.poll()).fleet
    account.fail(status=500, path=CARPORT)
    fleet = (await provider.poll()).fleet
    assert fleet[GARAGE] == before[GARAGE]
    assert fleet[CARPORT].stale
    assert fleet[CARPORT].readings == before[CARPORT].readings
    account.fail(status=500, path="wallboxes/", times=2)
    with pytest.raises(ServerFaultError):
        await provider.poll()
    account.cloud.handle_control({"wallbox": CARPORT, "delete": True})
    for _ in range(3):
        account.step(301)
        fleet = (await provider.poll()).fleet
    assert fleet.keys() == {GARAGE}
    assert not fleet[GARAGE].stale


@pytest.mark.parametrize("body", [[], {"items": []}, [{}]])
async def test_one_odd_list_removes_nothing(account: Account, body: object) -> None:
    provider = account.provider()
    before = (await provider.poll()).fleet
    account.fail(status=200, body=body, path="wallboxes$")
    with suppress(UnusableAnswerError):
        assert (await provider.poll()).fleet.keys() == before.keys()
    assert (await provider.poll()).fleet.keys() == before.keys()
    assert not any(device.stale for device in (await provider.poll()).fleet.values())


async def test_an_empty_list_is_a_trouble_of_the_cloud(account: Account) -> None:
    provider = account.provider()
    before = (await provider.poll()).fleet
    account.fail(status=200, body=[], path="wallboxes$", times=2)
    for _ in range(2):
        account.step(400)
        with pytest.raises(UnusableAnswerError) as caught:
            await provider.poll()
        assert caught.value.reason == "empty_list"
    assert (await provider.poll()).fleet.keys() == before.keys()


async def test_a_list_that_fails_costs_no_wallbox_that_was_not_typed_in(
    account: Account,
) -> None:
    provider = account.provider(wallbox_ids=GARAGE)
    assert (await provider.poll()).fleet.keys() == {GARAGE, CARPORT}
    account.cloud.quirks["list_status"] = 404
    for _ in range(4):
        account.step(301)
        fleet = (await provider.poll()).fleet
        assert fleet.keys() == {GARAGE, CARPORT}
        assert not any(device.stale for device in fleet.values())


async def test_without_a_list_not_found_for_all_proves_nothing(
    account: Account,
) -> None:
    account.cloud.quirks["list_status"] = 404
    provider = account.provider(wallbox_ids=BOTH)
    before = (await provider.poll()).fleet
    account.fail(status=404, path="wallboxes/", times=8)
    for _ in range(4):
        account.step(301)
        with pytest.raises(NotFoundError):
            await provider.poll()
    assert (await provider.poll()).fleet.keys() == before.keys()


async def test_an_older_poll_does_not_overwrite_what_a_command_showed(
    account: Account,
) -> None:
    provider = account.provider()
    await provider.poll()
    old = [account.cloud._present(box) for box in account.cloud.wallboxes.values()]
    account.fail(status=200, body=old, path="wallboxes$", delay=0.2)
    poll = asyncio.create_task(provider.poll())
    await asyncio.sleep(0.05)
    with command_lane():
        limit = SetControl(device_id=GARAGE, control=Control.POWER_LIMIT, value=5000)
        await provider.execute(limit)
    device = (await poll).fleet[GARAGE]
    assert device.controls[Control.POWER_LIMIT].value == 5000
    assert not device.stale


async def test_a_wallbox_seen_while_a_list_lacked_it_is_there(
    account: Account,
) -> None:
    provider = account.provider()
    await provider.poll()
    carport = account.cloud._present(account.cloud.wallboxes[CARPORT])
    account.fail(status=200, body=[carport], path="wallboxes$", delay=0.2)
    poll = asyncio.create_task(provider.poll())
    await asyncio.sleep(0.05)
    with command_lane():
        await provider.read(GARAGE)
    assert not (await poll).fleet[GARAGE].stale


@pytest.mark.parametrize("status", [401, 429])
async def test_errors_of_the_account_are_not_a_wallboxs(
    account: Account, status: int
) -> None:
    account.cloud.quirks["list_status"] = 404
    provider = account.provider(wallbox_ids=BOTH)
    account.fail(status=status, path=CARPORT, times=2)
    with pytest.raises((AuthenticationError, RateLimitedError)):
        await provider.poll()


# Linking anew


RELINK = Notice(
    kind=NoticeKind.RELINK_REQUIRED,
    subject="Example Chargers HomeBox 11",
    device_id=GARAGE,
    link=True,
)


@pytest.mark.parametrize("profile", ["first", "newer"])
async def test_a_lapsed_link_is_repaired_on_demand(
    account: Account, profile: str
) -> None:
    account.cloud.quirks["profile"] = profile
    provider = account.provider()
    account.connector.plug_in()
    account.garage.link(False)
    poll = await provider.poll()
    assert poll.notices == (RELINK,)
    readings = poll.fleet[GARAGE].readings
    assert readings[Reading.LINKED] is False
    assert readings[Reading.STATUS] is None
    assert readings[Reading.POWER] is None
    assert not any("auth_session" in request for request in account.requests())
    url = await provider.relink_url(GARAGE)
    assert account.requests() == [f"POST U/wallboxes/{GARAGE}/auth_session"]
    await account.session.get(url)
    poll = await provider.poll()
    assert poll.notices == ()
    assert poll.fleet[GARAGE].readings[Reading.STATUS] is ChargingStatus.CHARGING


async def test_an_action_that_only_the_detail_names_asks_to_link_anew(
    account: Account,
) -> None:
    action = {
        "code": "reauthenticate",
        "resolution_link": {"url": "https://a/?secret=s"},
    }
    account.cloud.quirks["profile"] = "newer"
    account.cloud.quirks["missing"] = ["actions"]
    account.cloud.quirks["fields"] = {"action_needed": True}
    wanted = Selection(everything=False, chargers=frozenset({GARAGE}))
    provider = account.provider(wanted)
    account.fail(status=500, path=GARAGE)
    assert (await provider.poll()).notices == ()
    account.step(901)
    detail = account.cloud._present(account.garage) | {"actions": [action]}
    account.fail(body=detail, path=GARAGE, status=200)
    assert (await provider.poll()).notices == (RELINK,)
    account.requests()
    assert (await provider.poll()).notices == (RELINK,)
    assert account.requests() == ["GET U/wallboxes"]
    account.cloud.quirks["fields"] = {"action_needed": False}
    assert (await provider.poll()).notices == ()


async def test_a_pending_notice_that_is_no_link_asks_for_nothing(
    account: Account,
) -> None:
    account.cloud.quirks["profile"] = "newer"
    account.cloud.quirks["fields"] = {
        "action_needed": True,
        "actions": [{"code": "information"}, "?"],
    }
    poll = await account.provider().poll()
    assert poll.notices == ()
    assert poll.fleet[GARAGE].readings[Reading.ATTENTION_NEEDED] is True


@pytest.mark.parametrize("status", [401, 429])
async def test_the_accounts_errors_pass_through_the_actions(
    account: Account, status: int
) -> None:
    account.cloud.quirks["profile"] = "newer"
    account.cloud.quirks["fields"] = {"action_needed": True}
    account.fail(status=status, path=GARAGE, times=2)
    with pytest.raises((AuthenticationError, RateLimitedError)):
        await account.provider().poll()


@pytest.mark.parametrize("url", [None, "", "javascript:alert(1)"])
async def test_an_address_that_leads_nowhere_is_not_shown(
    account: Account, url: str | None
) -> None:
    account.fail(body={"authentication_url": url}, path="auth_session", status=200)
    with pytest.raises(UnusableAnswerError) as caught:
        await account.provider().relink_url(GARAGE)
    assert caught.value.reason == "no_address"


# Solar surplus


async def test_surplus_sessions_are_not_asked_for_unless_wanted(
    account: Account,
) -> None:
    device = await account.garage_device(account.provider())
    assert Reading.SURPLUS_ENERGY not in device.readings
    assert not any("hems" in request for request in account.requests())


@pytest.mark.parametrize("surplus_404", [False, True])
async def test_the_running_surplus_session_is_read(
    account: Account, surplus_404: bool
) -> None:
    account.cloud.quirks["surplus_404"] = surplus_404
    provider = account.provider(surplus_sessions=True)

    async def surplus() -> tuple[object, object]:
        readings = (await account.garage_device(provider)).readings
        return readings[Reading.SURPLUS_ENERGY], readings[Reading.SURPLUS_SAVINGS]

    assert await surplus() == (None, None)
    account.connector.plug_in()
    account.garage.shine(6900)
    account.step(3600)
    energy, savings = await surplus()
    assert energy == pytest.approx(6900, rel=0.01)
    assert isinstance(savings, Money)
    assert savings.amount == pytest.approx(1.38, abs=0.02)
    assert savings.currency == "EUR"
    account.step(60)
    account.fail(status=500, path="hems")
    assert await surplus() == (None, None)
    account.garage.shine(None)
    account.step(60)
    assert await surplus() == (None, None)


async def test_surplus_is_asked_for_once_a_minute(account: Account) -> None:
    provider = account.provider(surplus_sessions=True)
    await provider.poll()
    running = [
        f"GET U/wallboxes/{key}/hems-sessions/current" for key in (GARAGE, CARPORT)
    ]
    assert account.requests()[-2:] == running
    poll = await provider.poll()
    assert account.requests() == ["GET U/wallboxes"]
    assert await provider.read(GARAGE) == {GARAGE: poll.fleet[GARAGE]}


async def test_forbidden_surplus_is_left_alone(account: Account) -> None:
    provider = account.provider(surplus_sessions=True)
    account.fail(status=403, path="hems")
    poll = await provider.poll()
    notice = Notice(
        kind=NoticeKind.PERMISSION_MISSING, subject=Name(key="surplus_sessions")
    )
    assert poll.notices == (notice,)
    assert poll.fleet[GARAGE].readings[Reading.SURPLUS_ENERGY] is None
    assert sum("hems" in request for request in account.requests()) == 1
    await provider.poll()
    assert account.requests() == ["GET U/wallboxes"]
    account.step(3601)
    assert (await provider.poll()).notices == ()
    assert sum("hems" in request for request in account.requests()) == 2


@pytest.mark.parametrize("status", [401, 429])
async def test_the_accounts_errors_pass_through_the_surplus(
    account: Account, status: int
) -> None:
    account.fail(status=status, path="hems", times=2)
    with pytest.raises((AuthenticationError, RateLimitedError)):
        await account.provider(surplus_sessions=True).poll()


async def test_surplus_sessions_are_listed_newest_first(account: Account) -> None:
    start = account.simulator.world.now - timedelta(seconds=1)
    account.connector.plug_in(Car(capacity_wh=200_000))
    for _ in range(3):
        account.garage.shine(6900)
        account.step(600)
        account.garage.shine(None)
        account.step(600)
    end = account.simulator.world.now
    provider = account.provider()
    found = await provider.sessions(GARAGE, start, end, 2)
    third, second = (surplus.item() for surplus in account.garage.surpluses[:0:-1])
    assert [session.id for session in found] == [str(third["id"]), str(second["id"])]
    assert isinstance(found[0], Session)
    assert found[0].energy == pytest.approx(1150, rel=0.01)
    assert found[0].ended_at is not None
    assert found[0].device_id == GARAGE
    middle = start + timedelta(seconds=1000)
    assert len(await provider.sessions(GARAGE, start, middle, 10)) == 1
    assert await provider.sessions(CARPORT, start, end, 10) == []


def record_surpluses(account: Account, number: int) -> tuple[datetime, datetime]:
    """Record finished surplus sessions, a second apart; return begin and end."""
    start = account.simulator.world.now.replace(microsecond=0)
    account.garage.surpluses += [
        Surplus(
            connector=account.connector,
            started_at=start + timedelta(seconds=index),
            ended_at=start + timedelta(seconds=index + 1),
            meter_start_wh=0.0,
            meter_end_wh=10.0,
            transaction=None,
        )
        for index in range(number)
    ]
    return start, start + timedelta(seconds=number)


async def test_long_lists_of_surplus_sessions_are_paged(account: Account) -> None:
    start, end = record_surpluses(account, 450)
    provider = account.provider()
    assert len(await provider.sessions(GARAGE, start, end, 1000)) == 450
    assert sum("hems" in request for request in account.requests()) == 3


async def test_paging_stops_when_the_newest_surplus_sessions_are_in(
    account: Account,
) -> None:
    start, end = record_surpluses(account, 450)
    provider = account.provider()
    found = await provider.sessions(GARAGE, start, end, 150)
    assert found[0].started_at == end - timedelta(seconds=1)
    assert len(found) == 150
    assert sum("hems" in request for request in account.requests()) == 1


async def test_an_oldest_first_list_is_read_to_its_end(account: Account) -> None:
    start, end = record_surpluses(account, 450)
    account.garage.surpluses.reverse()
    provider = account.provider()
    found = await provider.sessions(GARAGE, start, end, 150)
    assert found[0].started_at == end - timedelta(seconds=1)
    assert sum("hems" in request for request in account.requests()) == 3


async def test_paging_has_an_end(account: Account) -> None:
    start, end = record_surpluses(account, 5001)
    found = await account.provider().sessions(GARAGE, start, end, 6000)
    assert len(found) == 5000


# What may be seen


async def test_diagnostics_hold_the_last_answers(
    account: Account,
) -> None:
    account.cloud.quirks["profile"] = "newer"
    account.cloud.quirks["fields"] = {
        "embeddable_url": "https://embed/?token=t0p",
        "authorization_url": "https://authorise/?token=t0p",
    }
    account.garage.link(False)
    provider = account.provider(surplus_sessions=True)
    await provider.account()
    await provider.subaccounts()
    await provider.poll()
    await provider.read(GARAGE)
    diagnostics = provider.diagnostics()
    shown = json.dumps(diagnostics)
    assert "simTok3n" not in shown
    listed = diagnostics["answers"]["/wallboxes"][0]
    assert listed == account.cloud._present(account.garage)
    assert diagnostics["access_token_seconds_left"] == pytest.approx(36_000, abs=5)
    assert account.provider().diagnostics()["access_token_seconds_left"] is None


async def test_unknown_words_are_noted_once_without_secrets(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    account.cloud.quirks["profile"] = "newer"
    account.cloud.quirks["fields"] = {"connection_status": "dancing", "mode": "WALTZ"}
    provider = account.provider()
    await provider.poll()
    device = await account.garage_device(provider)
    assert device.readings[Reading.CONNECTION_STATUS] is None
    assert device.readings[Reading.STATUS] is None
    assert device.readings[Reading.CLOUD_STATUS] == "WALTZ"
    assert caplog.text.count("dancing") == 1
    assert caplog.text.count("WALTZ") == 1
    oddities = provider.diagnostics()["oddities"]
    assert "Podero mode: unknown word 'WALTZ'" in oddities
    for secret in ("simTok3n", "demo-secret", "Alex", "owner@example.org"):
        assert secret not in caplog.text
