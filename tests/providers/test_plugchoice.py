"""Plugchoice: set-up, polling, what is read and what it costs."""

from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import datetime, timedelta
import logging
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    CURRENTS,
    VOLTAGES,
    AuthenticationError,
    ChargingError,
    ChargingStatus,
    ClearLimit,
    Control,
    DeviceKind,
    ErrorCode,
    Money,
    Name,
    NotFoundError,
    NoticeKind,
    PermissionDeniedError,
    RateLimitedError,
    Reading,
    Refusal,
    Reset,
    ServerFaultError,
    SessionStatus,
    StartCharging,
    StopReason,
    UnreachableError,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.providers.base import (
    InvalidSettingError,
    Selection,
)
from custom_components.ev_charger_cloud.providers.plugchoice import DESCRIPTION, client
from simulator.world import Car, Connector, Station

from .plugchoice_account import (
    BLUE,
    DRIVEWAY,
    GARAGE,
    PlugchoiceAccount,
    device_of,
    payload,
    plugchoice_account,
    shown,
)


@pytest.fixture
async def account(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[PlugchoiceAccount]:
    async with plugchoice_account(session, monkeypatch) as account:
        yield account


@pytest.fixture
async def empty_account(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[PlugchoiceAccount]:
    async with plugchoice_account(session, monkeypatch, seed=False) as account:
        yield account


# Odd answers


@pytest.mark.parametrize(
    "body", [{"data": []}, {"data": [{"id": 1}]}, {}, {"data": {}}]
)
@pytest.mark.parametrize("path", ["/chargers$", "/sites$", "/sites/[^/]+/chargers"])
async def test_odd_list_removes_nobody(
    account: PlugchoiceAccount, path: str, body: dict[str, Any]
) -> None:
    provider = account.provider(Selection(everything=True))
    before = (await provider.poll()).fleet.keys()
    account.answer(path, body)
    for _ in range(4):
        account.step(16 * 60)
        with suppress(ChargingError):
            assert (await provider.poll()).fleet.keys() == before
    account.cloud.faults.clear()
    fleet = (await provider.poll()).fleet
    assert fleet.keys() == before
    assert not any(device.stale for device in fleet.values())


@pytest.mark.parametrize("number", [None, 2])
async def test_connector_does_not_vanish_on_one_word(
    account: PlugchoiceAccount, number: int | None
) -> None:
    """An answer without a connector is crooked, unless it goes on so."""
    provider = account.provider()
    before = (await provider.poll()).fleet.keys()
    body = account.cloud.chargers[GARAGE].json(
        account.cloud.quirks, connectors=True, rights=True
    )
    body["connectors"] = [
        each for each in body["connectors"] if number and each["connector_id"] != number
    ]
    account.answer("/sites/[^/]+/chargers", {"data": [body]})
    account.answer(f"/chargers/{GARAGE}$", {"data": body})
    for _ in range(2):
        fleet = (await provider.poll()).fleet
        assert fleet.keys() == before
        assert fleet[f"{GARAGE}_2"].stale
        with pytest.raises(UnusableAnswerError):
            await provider.read(GARAGE)
        account.step(240)
    account.cloud.faults.clear()
    assert not (await provider.poll()).fleet[f"{GARAGE}_2"].stale
    # It may be true after all.
    account.answer("/sites/[^/]+/chargers", {"data": [body]})
    account.answer(f"/chargers/{GARAGE}$", {"data": body})
    for _ in range(4):
        fleet = (await provider.poll()).fleet
        account.step(301)
    assert f"{GARAGE}_2" not in fleet


@pytest.mark.parametrize("status", [403, 404])
async def test_blanket_refusal_is_trouble_of_the_cloud(
    account: PlugchoiceAccount, status: int
) -> None:
    provider = account.provider()
    before = (await provider.poll()).fleet.keys()
    account.fail(status=status, body={"message": "No."}, times=None)
    for _ in range(4):
        account.step(301)
        with pytest.raises(ChargingError):
            await provider.poll()
    account.cloud.faults.clear()
    fleet = (await provider.poll()).fleet
    assert fleet.keys() == before
    assert not any(device.stale for device in fleet.values())


@pytest.mark.parametrize(
    ("status", "shows"),
    [
        ("Faulted", ChargingStatus.FAULTED),
        ("Unavailable", ChargingStatus.INOPERATIVE),
        ("Charging", ChargingStatus.DISCONNECTED),
    ],
)
async def test_fault_of_the_charger_holds_for_its_free_connector(
    account: PlugchoiceAccount, status: str, shows: ChargingStatus
) -> None:
    body = payload("charger")
    body["data"] |= {"uuid": DRIVEWAY, "status": status, "error": None}
    for connector in body["data"]["connectors"]:
        connector |= {"status": "Available", "error": None}
    account.answer("/sites/[^/]+/chargers", {"data": []})
    account.answer(f"/chargers/{DRIVEWAY}$", body)
    device = await device_of(account.provider())
    assert device.readings[Reading.STATUS] is shows
    assert device.readings[Reading.PROBLEM] is (status == "Faulted")
    assert device.readings[Reading.ERROR_CODE] is ErrorCode.NO_ERROR


def _register(at: datetime, value: float) -> dict[str, Any]:
    sampled = [{"value": str(value), "unit": "Wh"}]
    return {"meterValue": [{"timestamp": at.isoformat(), "sampledValue": sampled}]}


async def test_register_stays_over_a_reload_and_a_replaced_meter_is_believed(
    account: PlugchoiceAccount,
) -> None:
    await device_of(account.provider())
    assert account.memory["registers"][DRIVEWAY] == 59_650
    provider = account.provider()  # reloaded
    values = []
    for _ in range(3):
        account.answer("latest-metervalue", _register(account.now, 56_850))
        account.step(16 * 60)
        device = await device_of(provider)
        values.append(device.readings[Reading.LIFETIME_ENERGY])
        account.cloud.faults.clear()
    assert values == [59_650, 59_650, 56_850]


async def test_state_asked_for_earlier_does_not_overwrite_a_later_one(
    account: PlugchoiceAccount,
) -> None:
    provider = account.provider()
    before = await device_of(provider)
    station = provider._account.listed[DRIVEWAY]
    old, sent_at = station.state, account.provider().context.monotonic()
    assert old is not None
    account.connector().plug_in()
    account.connector().start(BLUE)
    later = (await provider.read(DRIVEWAY))[DRIVEWAY]
    assert before.observed_at < sent_at < later.observed_at
    station.take(old, sent_at)
    assert station.connectors[1].payload.status == "Charging"
    assert not station.newest("values/1", sent_at)


# Setting up


async def test_account_is_the_user_behind_the_token(account: PlugchoiceAccount) -> None:
    who = await account.provider().account()
    assert who.id == "0b5c7c1e-8c0e-4a53-9d0f-0d6f6c0b1a11"
    assert who.title == "Plugchoice 0b5c7c1e"
    assert account.requests() == ["GET /user"]


async def test_revoked_token_is_an_authentication_error(
    account: PlugchoiceAccount,
) -> None:
    with pytest.raises(AuthenticationError) as caught:
        await account.provider(token="revoked-token").account()
    assert caught.value.message == "Unauthenticated."


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 403, "body": {"message": "No."}}, PermissionDeniedError),
        ({"status": 429, "headers": {"Retry-After": "7"}}, RateLimitedError),
        ({"status": 500, "body": {"message": "Server Error"}}, ServerFaultError),
        ({"kind": "html"}, ServerFaultError),
        ({"kind": "html", "status": 200}, UnusableAnswerError),
        ({"kind": "garbage"}, UnusableAnswerError),
        ({"kind": "null_body"}, UnusableAnswerError),
        ({"kind": "empty"}, UnusableAnswerError),
        ({"kind": "drop", "times": None}, UnreachableError),
    ],
)
async def test_errors_of_the_account(
    account: PlugchoiceAccount, fault: dict[str, Any], error: type[Exception]
) -> None:
    account.fail(path="/user", **fault)
    with pytest.raises(error):
        await account.provider().account()


async def test_candidates_with_their_locations_over_all_pages(
    account: PlugchoiceAccount,
) -> None:
    account.cloud.populate(60, sites=2)
    account.cloud.add_charger(Station("d3b0", "Lonely"))
    candidates = {c.id: c for c in await account.provider().candidates()}
    assert len(candidates) == 63
    assert candidates[DRIVEWAY].name == "Driveway"
    assert candidates[DRIVEWAY].group_name == "Home"
    assert candidates["d3b0"].group is None
    assert account.requests().count("GET /chargers") == 3


@pytest.mark.parametrize(
    ("typed", "base_url"),
    [
        (" app.plugchoice.com ", "https://app.plugchoice.com/api/v3"),
        ("https://cloud.volttime.com/", "https://cloud.volttime.com/api/v3"),
        ("http://127.0.0.1:8765/plugchoice/", "http://127.0.0.1:8765/plugchoice"),
    ],
)
def test_address_is_completed(typed: str, base_url: str) -> None:
    settings = DESCRIPTION.normalise({"base_url": typed, "token": " Bearer  1|abc\n"})
    assert settings == {"base_url": base_url, "token": "1|abc"}


@pytest.mark.parametrize(
    "typed", ["", "ftp://a.b", "https://", "https://a.b?c=d", "a:b", "a:0", "http://[a"]
)
def test_address_that_cannot_be(typed: str) -> None:
    with pytest.raises(InvalidSettingError) as caught:
        DESCRIPTION.normalise({"base_url": typed})
    assert (caught.value.key, caught.value.reason) == ("base_url", "invalid_url")


def test_token_that_begins_like_the_scheme_is_kept() -> None:
    tidy = DESCRIPTION.normalise({"token": "BearerToken", "id_token": " 04A1 "})
    assert tidy == {"token": "BearerToken", "id_token": "04A1"}
    assert DESCRIPTION.normalise({"stack_level": 3}) == {"stack_level": 3}
    assert DESCRIPTION.normalise({"token": " "}) == {"token": ""}


# Devices


async def test_one_connector_makes_one_device(account: PlugchoiceAccount) -> None:
    device = await device_of(account.provider())
    assert device.kind is DeviceKind.CHARGER
    assert device.name == "Driveway"
    assert (device.maker, device.model) == ("Volt Time", "Source 2S")
    assert (device.serial, device.firmware) == ("VT240117", "1.4.2")
    assert device.url == f"https://app.plugchoice.com/chargers/{DRIVEWAY}"
    assert device.online is True
    assert {StartCharging, Reset} <= device.commands.keys()
    assert shown(
        device,
        Reading.SERVER,
        Reading.LICENCE,
        Reading.BLOCKED,
        Reading.MAXIMUM_CURRENT,
        Reading.SOCKET_LOCK,
    ) == {
        Reading.SERVER: "ocpp-eu-1",
        Reading.LICENCE: "smart",
        Reading.BLOCKED: False,
        Reading.MAXIMUM_CURRENT: 16.0,
        Reading.SOCKET_LOCK: False,
    }


async def test_several_connectors_are_children(account: PlugchoiceAccount) -> None:
    fleet = (await account.provider().poll()).fleet
    garage, first, second = (
        fleet[GARAGE],
        fleet[f"{GARAGE}_1"],
        fleet[f"{GARAGE}_2"],
    )
    assert first.parent == second.parent == garage.id
    assert first.kind is DeviceKind.CONNECTOR
    assert [first.name, second.name] == [
        Name(key="connector", placeholders={"charger": "Garage", "number": number})
        for number in ("1", "2")
    ]
    assert Reading.STATUS not in garage.readings
    assert Reading.SERVER not in first.readings
    assert Control.LOCK in garage.controls
    assert Control.LOCK not in first.controls
    assert Control.CHARGING in first.controls
    assert Control.CHARGING not in garage.controls
    assert Reading.CURRENT_PHASE_3 in first.readings
    assert Reading.CURRENT_PHASE_2 not in second.readings  # one phase
    assert first.controls[Control.CURRENT_LIMIT].maximum == 32
    assert second.controls[Control.CURRENT_LIMIT].maximum == 16


async def test_connector_status_and_never_the_chargers(
    account: PlugchoiceAccount,
) -> None:
    account.connector().plug_in()
    account.connector().start(BLUE)
    body = account.cloud.chargers[DRIVEWAY].json(account.cloud.quirks)
    assert body["status"] == "Available"
    device = await device_of(account.provider())
    assert device.readings[Reading.STATUS] is ChargingStatus.CHARGING


async def test_name_falls_back_on_the_identity(account: PlugchoiceAccount) -> None:
    account.cloud.chargers[DRIVEWAY].reference = None
    assert (await device_of(account.provider())).name == "VT240117"


async def test_charger_without_connectors_has_none_to_show(
    account: PlugchoiceAccount,
) -> None:
    account.cloud.add_charger(Station("d3b0", "New", connectors=[], online=False))
    provider = account.provider()
    device = await device_of(provider, "d3b0")
    assert device.online is False
    assert Reading.STATUS not in device.readings
    assert Reading.LICENCE in device.readings
    account.step(400)
    account.requests()
    await provider.poll()
    assert "GET /chargers/d3b0/transactions" not in account.requests()


@pytest.mark.parametrize(
    ("licenses", "licence"),
    [
        ({"smart": True, "pro": True}, "pro"),
        ({"smart": True, "pro": False}, "smart"),
        ({"smart": False, "pro": False}, "basic"),
    ],
)
async def test_licence(
    account: PlugchoiceAccount, licenses: dict[str, bool], licence: str
) -> None:
    account.cloud.chargers[DRIVEWAY].licenses = licenses
    device = await device_of(account.provider())
    assert device.readings[Reading.LICENCE] == licence


# A life


async def test_story_of_a_session(account: PlugchoiceAccount) -> None:
    provider, connector = account.provider(), account.connector()
    idle = await device_of(provider)
    assert idle.readings[Reading.STATUS] is ChargingStatus.DISCONNECTED
    assert idle.readings[Reading.PLUG] is False
    assert idle.controls[Control.CHARGING].value is False
    assert idle.readings[Reading.LIFETIME_ENERGY] == 59_650
    assert idle.readings[Reading.LAST_SESSION_ENERGY] == 38_250

    car = connector.plug_in(Car(capacity_wh=10_000, soc=0.0))
    plugged = await device_of(provider)
    assert plugged.readings[Reading.STATUS] is ChargingStatus.CONNECTED
    assert plugged.readings[Reading.PLUG] is True
    assert plugged.readings[Reading.POWER] == 0
    assert plugged.controls[Control.CHARGING].value is False

    connector.start(BLUE)
    begun = account.simulator.world.now
    account.step(60)
    charging = await device_of(provider)
    assert charging.charging
    assert charging.readings[Reading.POWER] == 11_040
    assert [charging.readings[r] for r in CURRENTS] == [16.0] * 3
    assert [charging.readings[r] for r in VOLTAGES] == [230.0] * 3
    assert charging.readings[Reading.CURRENT_OFFERED] == 16
    assert charging.readings[Reading.SESSION_START] == begun
    assert charging.readings[Reading.SESSION_END] is None
    assert charging.readings[Reading.SESSION_ENERGY] == pytest.approx(184, abs=10)
    assert charging.readings[Reading.LAST_SESSION_ENERGY] == 38_250
    assert charging.controls[Control.CHARGING].value is True
    assert charging.controls[Control.CURRENT_LIMIT].value is None
    assert charging.readings[Reading.STOP_REASON] is None  # of the one before

    connector.set_limit("test", 5)
    held = await device_of(provider)
    assert held.readings[Reading.STATUS] is ChargingStatus.SUSPENDED_EVSE
    assert [held.readings[r] for r in (Reading.POWER, *CURRENTS)] == [0.0] * 4
    assert held.controls[Control.CHARGING].value is True  # by others
    connector.set_limit("test", None)

    account.step(7200)
    assert car.full
    full = await device_of(provider)
    assert full.readings[Reading.STATUS] is ChargingStatus.SUSPENDED_EV
    assert full.readings[Reading.CHARGING] is False
    assert full.controls[Control.CHARGING].value is True
    assert full.readings[Reading.SESSION_ENERGY] == pytest.approx(10_000)

    connector.stop("Local")
    stopped = await device_of(provider)
    assert stopped.readings[Reading.STATUS] is ChargingStatus.FINISHING
    assert stopped.controls[Control.CHARGING].value is False
    assert stopped.controls[Control.CURRENT_LIMIT].value is None
    assert stopped.readings[Reading.STOP_REASON] is StopReason.LOCAL
    assert stopped.readings[Reading.LAST_SESSION_ENERGY] == pytest.approx(10_000)
    assert stopped.readings[Reading.SESSION_START] == begun
    assert stopped.readings[Reading.SESSION_END] is not None
    assert stopped.readings[Reading.LIFETIME_ENERGY] == 69_650

    connector.unplug()
    gone = await device_of(provider)
    assert gone.readings[Reading.STATUS] is ChargingStatus.DISCONNECTED
    assert gone.readings[Reading.SESSION_ENERGY] == pytest.approx(10_000)


async def test_fault_shows_and_goes(account: PlugchoiceAccount) -> None:
    provider, connector = account.provider(), account.connector()
    connector.set_fault("GroundFailure")
    broken = await device_of(provider)
    assert broken.readings[Reading.STATUS] is ChargingStatus.FAULTED
    assert broken.readings[Reading.PROBLEM] is True
    assert broken.readings[Reading.ERROR_CODE] is ErrorCode.GROUND_FAILURE
    assert broken.readings[Reading.ERROR_DETAIL] == "E42 See the display"
    assert broken.readings[Reading.PLUG] is None
    connector.set_fault(None)
    well = await device_of(provider)
    assert well.readings[Reading.PROBLEM] is False
    assert well.readings[Reading.ERROR_CODE] is ErrorCode.NO_ERROR
    assert well.readings[Reading.ERROR_DETAIL] is None


async def test_charger_level_error_is_a_problem_of_the_whole(
    account: PlugchoiceAccount,
) -> None:
    body = payload("charger")
    body["data"] |= {"error": "ReaderFailure", "connectors": []}
    listing = {"data": [body["data"] | {"uuid": GARAGE}]}
    account.answer("/sites/[^/]+/chargers", {"data": []})
    account.answer(f"/chargers/{GARAGE}$", {"data": listing["data"][0]})
    garage = await device_of(account.provider(), GARAGE)
    assert garage.readings[Reading.PROBLEM] is True
    assert garage.readings[Reading.ERROR_CODE] is ErrorCode.READER_FAILURE


async def test_reserved_and_locked(account: PlugchoiceAccount) -> None:
    provider, connector = account.provider(), account.connector()
    connector.reserve(BLUE, 10)
    device = await device_of(provider)
    assert device.readings[Reading.STATUS] is ChargingStatus.RESERVED
    assert device.readings[Reading.PLUG] is False
    connector.cancel_reservation()
    connector.set_operative(False)
    device = await device_of(provider)
    assert device.readings[Reading.STATUS] is ChargingStatus.INOPERATIVE
    assert device.readings[Reading.POWER] == 0


async def test_offline_in_mid_session_freezes_nothing(
    account: PlugchoiceAccount,
) -> None:
    provider, connector = account.provider(), account.connector()
    connector.plug_in()
    connector.start(BLUE)
    account.step(60)
    await provider.poll()
    connector.station.set_online(False)
    account.step(30)
    device = await device_of(provider)
    assert device.online is False
    assert device.readings[Reading.CLOUD_STATUS] == "Charging"  # the cloud's last word
    for reading in (Reading.STATUS, Reading.CHARGING, Reading.PLUG, Reading.POWER):
        assert device.readings[reading] is None
    assert device.readings[Reading.SOCKET_LOCK] is None
    assert device.controls[Control.CHARGING].value is None
    assert device.controls[Control.CURRENT_LIMIT].value is None
    assert device.readings[Reading.LIFETIME_ENERGY] is not None

    connector.stop("Local")
    connector.unplug()
    connector.station.set_online(True)
    account.step(61)
    device = await device_of(provider)
    assert device.online is True
    assert device.readings[Reading.STATUS] is ChargingStatus.DISCONNECTED
    assert device.readings[Reading.STOP_REASON] is StopReason.LOCAL


async def test_unused_connector_shows_no_rows_of_unknowns(
    account: PlugchoiceAccount,
) -> None:
    """What is about sessions comes with the first one, and stays."""
    account.cloud.add_charger(Station("d3b0", "Unused"))
    provider = account.provider()
    about = {
        Reading.SESSION_ENERGY,
        Reading.SESSION_START,
        Reading.STOP_REASON,
        Reading.LIFETIME_ENERGY,
        Reading.CURRENT_OFFERED,
    }
    device = await device_of(provider, "d3b0")
    assert not about & device.readings.keys()
    connector = account.cloud.stations["d3b0"].connector(1)
    connector.plug_in()
    connector.start()
    account.step(60)
    assert about <= (await device_of(provider, "d3b0")).readings.keys()
    connector.unplug()
    connector.sessions.clear()
    again = await device_of(account.provider(), "d3b0")
    assert about - again.readings.keys() == {Reading.CURRENT_OFFERED}


async def test_sessions_of_a_location_without_their_chargers(
    account: PlugchoiceAccount,
) -> None:
    """Then each charger is asked for its own."""
    for charger in (DRIVEWAY, GARAGE):
        account.connector(charger).plug_in()
        account.connector(charger).start(BLUE)
    listed = [
        account.cloud.chargers[DRIVEWAY].transaction(
            account.connector().sessions[-1], account.cloud.quirks
        )
    ]
    del listed[0]["charger"]
    account.answer("/sites/[^/]+/transactions", {"data": listed})
    provider = account.provider()
    await provider.poll()
    account.step(61)
    device = await device_of(provider)
    assert device.readings[Reading.SESSION_START] is not None
    assert "GET /chargers/driveway/transactions" in account.requests()


async def test_never_seen_charger_is_offline(account: PlugchoiceAccount) -> None:
    account.cloud.add_charger(Station("d3b0", "Boxed", online=False))
    device = await device_of(account.provider(), "d3b0")
    assert device.online is False
    assert device.readings[Reading.STATUS] is None
    assert device.readings[Reading.LAST_HEARTBEAT] is None


# Samples and their traps


async def test_stale_sample_is_unknown_while_charging(
    account: PlugchoiceAccount,
) -> None:
    account.cloud.quirks["sample_seconds"] = 900
    provider, connector = account.provider(), account.connector()
    connector.plug_in()
    connector.start(BLUE)
    account.step(240)
    assert (await device_of(provider)).readings[Reading.POWER] == 11_040
    account.step(400)
    device = await device_of(provider)
    assert device.readings[Reading.CHARGING] is True
    assert device.readings[Reading.POWER] is None
    assert device.readings[Reading.CURRENT_PHASE_1] is None
    assert device.readings[Reading.VOLTAGE_PHASE_1] is None
    account.step(600)
    assert (await device_of(provider)).readings[Reading.POWER] == 11_040


@pytest.mark.parametrize("skew", [-3600.0, 0.0, 7200.0])
@pytest.mark.parametrize("every", [10, 900])
async def test_sample_is_live_by_its_moving(
    account: PlugchoiceAccount, skew: float, every: int
) -> None:
    """A charger's clock, and how seldom it samples, make its readings no less live."""
    account.cloud.quirks.update(sample_seconds=every, clock_skew=skew)
    provider, connector = account.provider(), account.connector()
    connector.plug_in(Car(capacity_wh=100_000, soc=0.0))
    connector.start(BLUE)
    for _ in range(3):
        await provider.poll()
        account.step(every)
    device = await device_of(provider)
    assert device.readings[Reading.POWER] == 11_040
    account.step(every / 2)
    assert (await device_of(provider)).readings[Reading.POWER] == 11_040
    # Frozen in mid-session, it is unknown half an hour later, whatever its time.
    account.cloud.quirks["frozen_samples"] = True
    account.step(1801)
    assert (await device_of(provider)).readings[Reading.POWER] is None


async def test_closing_sample_is_no_power(account: PlugchoiceAccount) -> None:
    provider, connector = account.provider(), account.connector()
    connector.plug_in()
    connector.start(BLUE)
    account.step(30)
    await provider.poll()
    connector.stop()
    sample = account.cloud.samples.power_usage(connector)
    assert sample is not None
    assert sample["kW"] == "11.04"
    device = await device_of(provider)
    assert device.readings[Reading.POWER] == 0
    assert device.readings[Reading.VOLTAGE_PHASE_1] is None


async def test_sample_of_the_session_before_says_nothing(
    account: PlugchoiceAccount,
) -> None:
    provider, connector = account.provider(), account.connector()
    connector.plug_in()
    connector.start(BLUE)
    account.step(30)
    connector.stop()
    closing = account.cloud.samples.power_usage(connector)
    account.step(5)
    connector.start(BLUE)
    account.answer("power-usage", closing)
    account.answer("latest-metervalue", {})
    device = await device_of(provider)
    assert device.readings[Reading.CHARGING] is True
    assert device.readings[Reading.POWER] is None


@pytest.mark.parametrize("unmeasured", ["dashes", "404", "empty", "null"])
async def test_nothing_was_ever_measured(
    account: PlugchoiceAccount, unmeasured: str, caplog: pytest.LogCaptureFixture
) -> None:
    account.cloud.quirks["unmeasured"] = unmeasured
    account.cloud.add_charger(Station("d3b0", "Fresh"))
    connector = account.cloud.stations["d3b0"].connector(1)
    connector.plug_in()
    provider = account.provider()
    device = await device_of(provider, "d3b0")
    assert Reading.LIFETIME_ENERGY not in device.readings
    assert device.readings[Reading.POWER] == 0
    assert not [
        record
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name.startswith("custom_")
    ]


@pytest.mark.parametrize("kilo", [False, True])
@pytest.mark.parametrize("phase_to_neutral", [False, True])
@pytest.mark.parametrize("bare_register", [False, True])
async def test_units_phases_and_defaults(
    account: PlugchoiceAccount, kilo: bool, phase_to_neutral: bool, bare_register: bool
) -> None:
    account.cloud.quirks.update(
        kilo=kilo, phase_to_neutral=phase_to_neutral, bare_register=bare_register
    )
    connector = account.connector()
    connector.plug_in()
    connector.start(BLUE)
    account.step(3600)
    device = await device_of(account.provider())
    assert device.readings[Reading.LIFETIME_ENERGY] == pytest.approx(70_690, abs=31)
    assert device.readings[Reading.VOLTAGE_PHASE_2] == 230


async def test_state_of_charge_and_temperature_where_measured(
    account: PlugchoiceAccount,
) -> None:
    account.cloud.quirks["measurands"] = ["SoC", "Temperature"]
    connector = account.connector()
    connector.plug_in(Car(soc=0.5))
    connector.start(BLUE)
    provider = account.provider()
    device = await device_of(provider)
    assert device.readings[Reading.STATE_OF_CHARGE] == 50
    assert device.readings[Reading.TEMPERATURE] == 31
    assert Reading.VOLTAGE_PHASE_1 not in device.readings
    connector.stop()
    device = await device_of(provider)
    assert device.readings[Reading.STATE_OF_CHARGE] is None  # still offered


async def test_power_from_meter_values_where_usage_knows_none(
    account: PlugchoiceAccount,
) -> None:
    connector = account.connector()
    connector.plug_in()
    connector.start(BLUE)
    account.answer("power-usage", {"L1": "-", "L2": "-", "L3": "-", "kW": "-"})
    device = await device_of(account.provider())
    assert device.readings[Reading.POWER] == 11_040
    assert device.readings[Reading.CURRENT_PHASE_1] == 16


async def test_power_from_the_usage_where_meter_values_are_forbidden(
    account: PlugchoiceAccount,
) -> None:
    account.cloud.quirks["forbidden"] = ["latest-metervalue"]
    connector = account.connector()
    connector.plug_in()
    connector.start(BLUE)
    device = await device_of(account.provider())
    assert device.readings[Reading.POWER] == 11_040
    assert device.readings[Reading.CURRENT_PHASE_3] == 16
    assert Reading.VOLTAGE_PHASE_1 not in device.readings


async def test_lifetime_energy_never_falls(account: PlugchoiceAccount) -> None:
    provider = account.provider()
    assert (await device_of(provider)).readings[Reading.LIFETIME_ENERGY] == 59_650
    for value in ("59000", "0", "-", None):
        body = {
            "meterValue": [
                {
                    "timestamp": "2026-01-01T00:00:00Z",
                    "sampledValue": [{"value": value, "unit": "Wh"}],
                }
            ]
        }
        account.answer("latest-metervalue", body)
        account.step(16 * 60)
        device = await device_of(provider)
        assert device.readings[Reading.LIFETIME_ENERGY] == 59_650
        account.cloud.faults.clear()


async def test_session_energy_by_the_register_where_the_total_does_not_grow(
    account: PlugchoiceAccount,
) -> None:
    account.cloud.quirks["total_grows"] = False
    connector = account.connector()
    connector.plug_in()
    connector.start(BLUE)
    account.step(3600)
    provider = account.provider()
    device = await device_of(provider)
    assert device.readings[Reading.SESSION_ENERGY] == pytest.approx(11_040, abs=31)
    # A total that turns up later and is behind does not pull it back.
    account.cloud.quirks["total_grows"] = True
    body = account.cloud.chargers[DRIVEWAY].transaction(
        connector.session, account.cloud.quirks
    )
    account.answer("transactions", {"data": [body | {"total_kwh": "3.00"}]})
    account.step(61)
    later = await device_of(provider)
    assert (
        later.readings[Reading.SESSION_ENERGY]
        == device.readings[Reading.SESSION_ENERGY]
    )


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("total", ["string", "number"])
@pytest.mark.parametrize("pages", [False, True])
async def test_transactions_in_any_order_and_spelling(
    account: PlugchoiceAccount, order: str, total: str, pages: bool
) -> None:
    account.cloud.quirks.update(
        transaction_order=order, total_kwh=total, transaction_pages=pages
    )
    connector = account.connector(GARAGE, 1)
    now = account.simulator.world.now
    for hours in range(60, 1, -1):
        begun = now - timedelta(hours=hours)
        connector.record_session(
            begun, begun + timedelta(minutes=30), 1000 * hours, BLUE
        )
    device = await device_of(account.provider(), f"{GARAGE}_1")
    assert device.readings[Reading.LAST_SESSION_ENERGY] == 2000


async def test_orphaned_transaction_is_no_session(account: PlugchoiceAccount) -> None:
    """A transaction that was never closed is the newest, and the connector is free."""
    connector = account.connector()
    connector.plug_in()
    connector.start(BLUE)
    provider = account.provider()
    device = await device_of(provider)
    start = device.readings[Reading.SESSION_START]
    connector.station.reset()
    orphan = account.cloud.chargers[DRIVEWAY].transaction(
        connector.sessions[-1], account.cloud.quirks
    ) | {"stopped_at": None, "stop_reason": None}
    account.answer("transactions", {"data": [orphan]})
    account.step(70)
    connector.unplug()
    device = await device_of(provider)
    assert device.readings[Reading.STATUS] is ChargingStatus.DISCONNECTED
    assert device.readings[Reading.SESSION_START] == start
    assert device.readings[Reading.SESSION_END] is None
    assert device.controls[Control.CHARGING].value is False
    # The cloud learns of the end later, and so do we, within a minute or so.
    account.cloud.faults.clear()
    account.step(61)
    device = await device_of(provider)
    assert device.readings[Reading.SESSION_END] is not None
    assert device.readings[Reading.STOP_REASON] is StopReason.SOFT_RESET


async def test_end_that_never_comes_is_not_awaited_for_ever(
    account: PlugchoiceAccount,
) -> None:
    connector = account.connector()
    connector.plug_in()
    connector.start(BLUE)
    provider = account.provider()
    await provider.poll()
    orphan = account.cloud.chargers[DRIVEWAY].transaction(
        connector.sessions[-1], account.cloud.quirks
    )
    account.answer("transactions", {"data": [orphan]})
    connector.stop()
    connector.unplug()
    asked = []
    for minutes in (1, 1, 57, 2, 1):
        account.step(60 * minutes)
        account.requests()
        await provider.poll()
        asked.append("GET /chargers/driveway/transactions" in account.requests())
    assert asked == [True, True, True, False, False]


# What it costs


async def test_requests_of_an_unchanged_poll_of_fifty(
    empty_account: PlugchoiceAccount,
) -> None:
    account = empty_account
    account.cloud.populate(50, history=True)
    provider = account.provider()
    first = await provider.poll()
    assert len(first.fleet) == 50
    assert not any(device.stale for device in first.fleet.values())
    # Two pages of chargers, the locations, two pages of states, and what fits in.
    assert len(account.requests()) == 78
    poll = first
    while poll.interval < timedelta(seconds=30):
        account.step(poll.interval.total_seconds())
        poll = await provider.poll()
        assert len(account.requests()) <= 78
    again = await provider.poll()
    assert account.requests() == ["GET /sites/site/chargers"] * 2
    assert again.fleet == poll.fleet
    assert all(
        device.readings[Reading.LIFETIME_ENERGY] == 12_000
        for device in again.fleet.values()
    )


async def test_requests_of_an_hour_of_fifty(empty_account: PlugchoiceAccount) -> None:
    account = empty_account
    account.cloud.populate(50, history=True)
    account.cloud.quirks["rate_limit"] = 100_000
    provider = account.provider()
    for _ in range(12):
        await provider.poll()
        account.step(30)
    account.requests()
    for _ in range(120):
        await provider.poll()
        account.step(30)
    assert len(account.requests()) / 60 < 12  # a minute


async def test_one_charger_costs_one_request(empty_account: PlugchoiceAccount) -> None:
    account = empty_account
    account.cloud.populate(1)
    provider = account.provider()
    await provider.poll()
    account.requests()
    await provider.poll()
    assert len(account.requests()) == 1
    connector = next(iter(account.cloud.stations.values())).connector(1)
    connector.plug_in()
    connector.start("04AABBCC")
    poll = await provider.poll()
    assert poll.interval == timedelta(seconds=15)
    account.requests()
    await provider.poll()
    # Its meter values tell power and currents, so nobody asks for the power usage.
    assert [path.rsplit("/", 1)[1] for path in account.requests()][1:] == [
        "latest-metervalue"
    ]
    account.cloud.quirks["measurands"] = ["Energy.Active.Import.Register"]
    account.step(61)
    await provider.poll()
    account.requests()
    await provider.poll()
    assert [path.rsplit("/", 1)[1] for path in account.requests()][1:] == [
        "power-usage"
    ]


async def test_idle_polls_are_equal(account: PlugchoiceAccount) -> None:
    provider = account.provider()
    first = await provider.poll()
    second = await provider.poll()
    assert first.fleet == second.fleet
    assert second.notices == ()


async def test_pace_falls_with_the_load(account: PlugchoiceAccount) -> None:
    """Locations with one charger each: one request for each of them."""
    account.cloud.populate(300, sites=50)
    account.cloud.quirks["rate_limit"] = 100_000
    provider = account.provider()
    poll = await provider.poll()
    while poll.interval < timedelta(seconds=30):
        account.step(poll.interval.total_seconds())
        account.requests()
        poll = await provider.poll()
    account.requests()
    account.step(30)
    poll = await provider.poll()
    sent = len(account.requests())
    assert sent >= 50
    assert poll.interval >= timedelta(seconds=sent / 5.6)


async def test_heartbeats_and_only_they_change_an_idle_charger(
    account: PlugchoiceAccount,
) -> None:
    provider = account.provider()
    before = await device_of(provider)
    account.step(299)
    assert await device_of(provider) == before
    account.step(2)
    after = await device_of(provider)
    changed = {r for r in after.readings if after.readings[r] != before.readings[r]}
    assert changed == {Reading.LAST_HEARTBEAT}


# Which chargers, and where they stand


async def test_only_wanted_chargers_are_read(account: PlugchoiceAccount) -> None:
    account.cloud.populate(30)
    provider = account.provider(
        Selection(everything=False, chargers=frozenset({DRIVEWAY}))
    )
    assert set((await provider.poll()).fleet) == {DRIVEWAY}
    account.requests()
    await provider.poll()
    assert account.requests() == ["GET /chargers/driveway"]


async def test_chargers_of_a_location_are_wanted(account: PlugchoiceAccount) -> None:
    account.cloud.populate(2)
    home = next(iter(account.cloud.sites))
    provider = account.provider(Selection(everything=False, groups=frozenset({home})))
    fleet = (await provider.poll()).fleet
    assert {device.parent or device.id for device in fleet.values()} == {
        DRIVEWAY,
        GARAGE,
    }


@pytest.mark.parametrize("path", ["^/sites$", "/sites/[^/]+/chargers"])
async def test_nobody_is_gone_while_the_location_is_unknown(
    account: PlugchoiceAccount, path: str
) -> None:
    home = next(iter(account.cloud.sites))
    provider = account.provider(Selection(everything=False, groups=frozenset({home})))
    account.fail(path=path, status=500)
    with pytest.raises(ServerFaultError):
        await provider.poll()
    assert DRIVEWAY in (await provider.poll()).fleet


@pytest.mark.parametrize("path", ["^/sites$", "/sites/[^/]+/chargers"])
async def test_locations_that_fail_at_first_do_without(
    account: PlugchoiceAccount, path: str
) -> None:
    provider = account.provider()
    account.fail(path=path, status=500)
    poll = await provider.poll()
    assert not any(device.stale for device in poll.fleet.values())
    assert Control.START_CARD not in poll.fleet[DRIVEWAY].controls
    assert Control.START_CARD in (await device_of(provider)).controls


async def test_pages_have_an_end(
    account: PlugchoiceAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.cloud.populate(60)
    monkeypatch.setattr(client, "_MAX_PAGES", 2)
    assert len(await account.provider().candidates()) == 50


async def test_new_charger_is_found_and_gone_one_dropped(
    account: PlugchoiceAccount,
) -> None:
    provider = account.provider()
    await provider.poll()
    station = account.cloud.stations[GARAGE]
    account.cloud.remove(station)
    account.cloud.populate(1)
    account.step(15 * 60)
    for _ in range(2):
        fleet = (await provider.poll()).fleet
        assert fleet[GARAGE].stale
        account.step(5 * 60)
    fleet = (await provider.poll()).fleet
    assert GARAGE not in fleet
    assert len(fleet) == 2


async def test_charger_that_is_gone_before_the_list_says_so(
    account: PlugchoiceAccount,
) -> None:
    provider = account.provider()
    await provider.poll()
    account.cloud.remove(account.cloud.stations[GARAGE])
    assert (await provider.poll()).fleet[GARAGE].stale
    account.step(301)
    assert (await provider.poll()).fleet[GARAGE].stale
    account.step(301)
    assert set((await provider.poll()).fleet) == {DRIVEWAY}
    with pytest.raises(NotFoundError):
        await provider.read(GARAGE)


async def test_charger_that_moves_to_no_location(account: PlugchoiceAccount) -> None:
    provider = account.provider()
    await provider.poll()
    account.cloud.chargers[DRIVEWAY].site = None
    for _ in range(3):
        device = await device_of(provider)
        assert not device.stale
        account.step(301)
    device = await device_of(provider)
    assert Control.START_CARD not in device.controls


async def test_location_that_is_gone(account: PlugchoiceAccount) -> None:
    provider = account.provider()
    await provider.poll()
    for charger in account.cloud.chargers.values():
        charger.site = None
    account.cloud.sites.clear()
    account.step(6 * 3600)
    for _ in range(3):
        device = await device_of(provider)
        assert not device.stale
        account.step(301)
    assert Control.START_CARD not in device.controls


async def test_location_without_connectors_is_no_substitute(
    account: PlugchoiceAccount,
) -> None:
    bodies = [c.json(account.cloud.quirks) for c in account.cloud.chargers.values()]
    account.answer("/sites/[^/]+/chargers", {"data": bodies})
    device = await device_of(account.provider())
    assert device.readings[Reading.STATUS] is ChargingStatus.DISCONNECTED


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("path", ["^/sites$", "/sites/[^/]+/chargers"])
async def test_account_that_sees_no_locations(
    account: PlugchoiceAccount, path: str, status: int
) -> None:
    account.fail(path=path, status=status, times=None)
    provider = account.provider()
    poll = await provider.poll()
    assert not any(device.stale for device in poll.fleet.values())
    assert poll.notices == ()
    account.requests()
    await provider.poll()
    assert account.requests() == ["GET /chargers/driveway", "GET /chargers/garage"]


# When things fail


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 504},
        {"status": 403},
        {"kind": "drop", "times": 2},
        {"kind": "html", "status": 200},
        {"kind": "garbage"},
    ],
)
async def test_one_charger_that_fails_leaves_the_others_alone(
    account: PlugchoiceAccount, fault: dict[str, Any]
) -> None:
    for charger in account.cloud.chargers.values():
        charger.site = None
    provider = account.provider()
    before = (await provider.poll()).fleet
    account.fail(path=f"/chargers/{GARAGE}$", **fault)
    fleet = (await provider.poll()).fleet
    assert fleet[GARAGE].stale
    assert fleet[f"{GARAGE}_1"].stale
    assert fleet[GARAGE].readings == before[GARAGE].readings
    assert fleet[DRIVEWAY] == before[DRIVEWAY]
    account.step(3600)
    assert not (await provider.poll()).fleet[f"{GARAGE}_1"].stale


async def test_charger_that_was_never_read_is_named(account: PlugchoiceAccount) -> None:
    for charger in account.cloud.chargers.values():
        charger.site = None
    account.fail(path=f"/chargers/{GARAGE}$", status=500)
    device = await device_of(account.provider(), GARAGE)
    assert (device.name, device.stale, dict(device.readings)) == ("Garage", True, {})


async def test_location_that_fails_makes_its_chargers_stale(
    account: PlugchoiceAccount,
) -> None:
    account.cloud.add_charger(Station("d3b0", "Elsewhere"))
    provider = account.provider()
    await provider.poll()
    account.requests()
    account.fail(path="/sites/[^/]+/chargers", status=500)
    fleet = (await provider.poll()).fleet
    assert [device.stale for device in fleet.values()].count(True) == 4
    assert not fleet["d3b0"].stale
    assert not [p for p in account.requests() if "driveway" in p]


async def test_location_that_goes_on_failing_is_read_one_by_one(
    account: PlugchoiceAccount,
) -> None:
    account.cloud.add_charger(Station("d3b0", "Elsewhere"))
    provider = account.provider()
    await provider.poll()
    account.fail(path="/sites/[^/]+/chargers", status=500, times=None)
    stale = []
    for _ in range(3):
        account.requests()
        fleet = (await provider.poll()).fleet
        stale.append([device.stale for device in fleet.values()].count(True))
    assert stale == [4, 3, 0]  # all of them, all but the one tried, none
    single = [f"GET /chargers/{name}" for name in ("d3b0", "driveway", "garage")]
    assert sorted(account.requests()) == single
    account.cloud.faults.clear()
    account.step(3600)
    await provider.poll()
    account.requests()
    await provider.poll()
    assert account.requests() == ["GET /sites/site/chargers", "GET /chargers/d3b0"]


async def test_everything_fails(account: PlugchoiceAccount) -> None:
    provider = account.provider()
    account.fail(path="^/chargers$", status=500)
    with pytest.raises(ServerFaultError):
        await provider.poll()
    await provider.poll()
    account.fail(path=".*", status=500, times=None)
    with pytest.raises(ServerFaultError):
        await provider.poll()
    account.cloud.faults.clear()
    assert not (await device_of(provider)).stale


async def test_list_that_fails_loses_nobody(account: PlugchoiceAccount) -> None:
    provider = account.provider()
    fleet = (await provider.poll()).fleet
    account.step(16 * 60)
    account.fail(path="^/chargers$", status=500)
    assert (await provider.poll()).fleet.keys() == fleet.keys()
    account.requests()
    await provider.poll()
    assert "GET /chargers" in account.requests()  # once more


async def test_second_page_that_fails_loses_nobody(account: PlugchoiceAccount) -> None:
    account.cloud.populate(40)
    provider = account.provider()
    fleet = (await provider.poll()).fleet
    account.step(16 * 60)
    account.fail(path="^/chargers$", status=500, times=2)
    account.cloud.faults._faults[0].times = 1
    assert (await provider.poll()).fleet.keys() == fleet.keys()


@pytest.mark.parametrize("path", ["^/chargers$", "^/sites$", "/sites/[^/]+/chargers"])
@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthenticationError), (429, RateLimitedError)]
)
async def test_what_concerns_the_account_is_raised(
    account: PlugchoiceAccount, path: str, status: int, error: type[Exception]
) -> None:
    account.fail(path=path, status=status, headers={"Retry-After": "1"})
    with pytest.raises(error):
        await account.provider().poll()


async def test_token_revoked_in_the_middle(account: PlugchoiceAccount) -> None:
    account.fail(path="/settings/lock", status=401)
    with pytest.raises(AuthenticationError):
        await account.provider().poll()


async def test_rate_limit_in_the_slow_round_slows_down(
    account: PlugchoiceAccount,
) -> None:
    account.fail(path="/settings/lock", status=429, headers={"Retry-After": "90"})
    poll = await account.provider().poll()
    assert not poll.fleet[DRIVEWAY].stale
    assert poll.interval >= timedelta(seconds=89)


async def test_documented_rate_limit(account: PlugchoiceAccount) -> None:
    account.cloud.quirks["rate_limit"] = 0
    with pytest.raises(RateLimitedError) as caught:
        await account.provider().account()
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 60


async def test_slow_round_that_fails_keeps_what_is_known(
    account: PlugchoiceAccount,
) -> None:
    provider = account.provider()
    before = await device_of(provider)
    account.fail(path="settings|transactions|metervalue", status=500, times=None)
    account.step(250)
    account.step(3700)
    after = await device_of(provider)
    assert not after.stale
    assert after.controls == before.controls
    assert (
        after.readings[Reading.LIFETIME_ENERGY]
        == before.readings[Reading.LIFETIME_ENERGY]
    )


# Rights


async def test_basic_right_is_to_look(account: PlugchoiceAccount) -> None:
    account.cloud.quirks["permissions"] = {
        "basic": True,
        "sensitive": False,
        "full": False,
    }
    poll = await account.provider().poll()
    device = poll.fleet[DRIVEWAY]
    assert device.readings[Reading.STATUS] is ChargingStatus.DISCONNECTED
    assert (dict(device.controls), dict(device.commands)) == ({}, {})
    assert poll.notices == ()
    assert not [p for p in account.requests() if "cards" in p or "plug" in p]


async def test_without_the_sensitive_right_no_cards(account: PlugchoiceAccount) -> None:
    account.cloud.quirks["permissions"] = {
        "basic": True,
        "sensitive": False,
        "full": True,
    }
    device = await device_of(account.provider())
    assert Control.START_CARD not in device.controls
    assert Control.CHARGING in device.controls
    assert not [path for path in account.requests() if "cards" in path]


async def test_permissions_that_nobody_states(account: PlugchoiceAccount) -> None:
    account.cloud.quirks["omit"] = ["permissions"]
    device = await device_of(account.provider())
    assert Control.START_CARD in device.controls


@pytest.mark.parametrize(
    ("feature", "control", "reading"),
    [
        ("settings/lock", Control.LOCK, None),
        ("settings/plug-charge", Control.PLUG_AND_CHARGE, None),
        ("settings/socket-lock", None, Reading.SOCKET_LOCK),
        ("transactions", None, Reading.SESSION_ENERGY),
    ],
)
async def test_forbidden_feature_is_left_alone_and_told(
    account: PlugchoiceAccount,
    feature: str,
    control: Control | None,
    reading: Reading | None,
) -> None:
    account.cloud.quirks["forbidden"] = [f"GET /chargers/{DRIVEWAY}/{feature}"]
    provider = account.provider()
    poll = await provider.poll()
    device = poll.fleet[DRIVEWAY]
    assert control not in device.controls
    assert reading not in device.readings
    notice = poll.notices[0]
    assert notice.kind is NoticeKind.PERMISSION_MISSING
    assert (notice.subject, notice.device_id) == ("Driveway", DRIVEWAY)
    account.step(59 * 60)
    account.requests()
    await provider.poll()
    assert f"GET /chargers/driveway/{feature}" not in account.requests()
    account.cloud.quirks["forbidden"] = []
    account.step(2 * 60)
    poll = await provider.poll()
    assert poll.notices == ()
    device = poll.fleet[DRIVEWAY]
    assert (control or Control.LOCK) in device.controls
    assert (reading or Reading.SOCKET_LOCK) in device.readings


async def test_charger_that_is_forbidden_is_told(account: PlugchoiceAccount) -> None:
    for charger in account.cloud.chargers.values():
        charger.site = None
    account.cloud.quirks["forbidden"] = [f"GET /chargers/{DRIVEWAY}$"]
    provider = account.provider()
    poll = await provider.poll()
    assert poll.fleet[DRIVEWAY].stale
    assert [notice.subject for notice in poll.notices] == ["Driveway"]
    account.requests()
    await provider.poll()
    assert "GET /chargers/driveway" not in account.requests()


@pytest.mark.parametrize("listed", [True, False])
async def test_cards_that_cannot_be_read(
    account: PlugchoiceAccount, listed: bool
) -> None:
    account.cloud.quirks["cards_listed"] = listed
    if listed:
        account.cloud.quirks["forbidden"] = ["/cards"]
    poll = await account.provider().poll()
    assert Control.START_CARD not in poll.fleet[DRIVEWAY].controls
    assert poll.notices == ()


async def test_fixed_cable_has_no_socket_to_lock(account: PlugchoiceAccount) -> None:
    account.cloud.add_charger(
        Station("d3b0", "Cable", connectors=[Connector(1, socket=False)])
    )
    device = await device_of(account.provider(), "d3b0")
    assert Reading.SOCKET_LOCK not in device.readings


# Reading one, history, diagnostics


async def test_read_is_of_one_charger(account: PlugchoiceAccount) -> None:
    provider = account.provider()
    await provider.poll()
    account.connector(GARAGE, 2).plug_in()
    account.requests()
    fleet = await provider.read(f"{GARAGE}_2")
    assert set(fleet) == {GARAGE, f"{GARAGE}_1", f"{GARAGE}_2"}
    assert fleet[f"{GARAGE}_2"].readings[Reading.PLUG] is True
    requests = account.requests()
    assert requests[0] == "GET /chargers/garage"
    assert not [path for path in requests if "driveway" in path]


async def test_read_of_nobody(account: PlugchoiceAccount) -> None:
    provider = account.provider()
    await provider.poll()
    for device_id in ("nobody", f"{GARAGE}_3", f"{GARAGE}_x", f"{DRIVEWAY}_1"):
        with pytest.raises(NotFoundError):
            await provider.read(device_id)


async def test_sessions_newest_first(account: PlugchoiceAccount) -> None:
    provider = account.provider()
    await provider.poll()
    now = account.now
    start = now - timedelta(days=10)
    sessions = await provider.sessions(GARAGE, start, now, 10)
    assert [s.device_id for s in sessions] == [f"{GARAGE}_1", f"{GARAGE}_2"]
    assert [s.energy for s in sessions] == [30_120, 16_700]
    assert sessions[0].id_token == "…C3D4"
    assert sessions[0].stop_reason is StopReason.EV_DISCONNECTED
    assert [
        s.energy for s in await provider.sessions(f"{GARAGE}_2", start, now, 10)
    ] == [16_700]
    assert len(await provider.sessions(GARAGE, start, now, 1)) == 1
    assert not await provider.sessions(GARAGE, start, start + timedelta(days=1), 10)


async def test_one_session_by_its_id(account: PlugchoiceAccount) -> None:
    provider = account.provider()
    await provider.poll()
    (last,) = await provider.sessions(
        f"{GARAGE}_2", account.now - timedelta(days=10), account.now, 1
    )
    assert last == await provider.session(GARAGE, last.id)
    assert (last.status, last.connector) == (SessionStatus.FINISHED, "2")
    assert last.meter_start is not None
    assert last.meter_stop == last.meter_start + 16_700
    for other in (DRIVEWAY, f"{GARAGE}_1"):
        with pytest.raises(NotFoundError) as caught:
            await provider.session(other, last.id)
        assert caught.value.reason == Refusal.UNKNOWN_SESSION


async def test_session_that_runs_and_what_it_costs(account: PlugchoiceAccount) -> None:
    connector = account.connector()
    connector.plug_in()
    session = connector.start(BLUE)
    provider = account.provider()
    await provider.poll()
    body = account.cloud.chargers[DRIVEWAY].transaction(session, account.cloud.quirks)
    account.answer("transactions", {"data": [body | {"total_cost": "1.25"}]})
    running = await provider.session(DRIVEWAY, str(session.id))
    assert running.status is SessionStatus.ACTIVE
    assert running.ended_at is None
    assert running.cost == Money(1.25)
    # Never closed, and yet nothing runs.
    connector.stop()
    await provider.poll()
    assert (await provider.session(DRIVEWAY, str(session.id))).status is None


async def test_diagnostics_do_not_grow_with_the_days(
    account: PlugchoiceAccount,
) -> None:
    provider = account.provider()
    sizes = []
    for _ in range(3):
        await provider.poll()
        await provider.sessions(DRIVEWAY, account.now, account.now, 1)
        answers = provider.diagnostics()["answers"]
        sizes.append({path: len(bodies) for path, bodies in answers.items()})
        account.step(86_400)
    assert sizes[0] == sizes[1] == sizes[2]


async def test_diagnostics_hold_the_last_answers(account: PlugchoiceAccount) -> None:
    provider = account.provider()
    await provider.account()
    await provider.poll()
    await provider.read(DRIVEWAY)
    text = str(provider.diagnostics())
    assert account.settings["token"] not in text
    assert "ocpp-eu-1" in text


async def test_nothing_private_is_logged(
    account: PlugchoiceAccount, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider = account.provider()
    account.fail(path="settings", status=500, times=2)
    await provider.poll()
    await provider.execute(ClearLimit(device_id=DRIVEWAY))
    ours = [
        r.getMessage() for r in caplog.records if r.name.startswith("custom_components")
    ]
    for secret in (DRIVEWAY, BLUE, "Driveway", account.settings["token"]):
        assert not [message for message in ours if secret in message]
