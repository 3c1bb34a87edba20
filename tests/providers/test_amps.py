"""Setting AMPS up, finding its chargers, reading them."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    AuthenticationError,
    CancelScheduled,
    ChargingError,
    ChargingStatus,
    Control,
    ControlState,
    Name,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    Reading,
    Refresh,
    StartCharging,
    StopCharging,
    UnreachableError,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.providers.amps import DESCRIPTION, client
from custom_components.ev_charger_cloud.providers.amps.wire import Charger
from custom_components.ev_charger_cloud.providers.base import (
    Candidate,
    InvalidSettingError,
    Selection,
)
from simulator.clouds.amps import LIVE_KEY
from simulator.faults import Fault
from simulator.world import Car

from .amps_account import ONE, TWO, Account, open_account

LIST = "GET /ev-charger"
READ_ONE, READ_TWO = f"{LIST}/{ONE}", f"{LIST}/{TWO}"


@pytest.fixture
async def account(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Account]:
    async with open_account(session, monkeypatch) as account:
        yield account


# Set-up


async def test_account_is_proved_by_one_request(account: Account) -> None:
    proved = await account.provider.account()
    assert (proved.id, proved.title) == (None, "AMPS (sandbox)")
    assert account.asked() == ["GET /ev-charger"]


async def test_account_names_no_environment_where_none_is_told(
    account: Account,
) -> None:
    account.cloud.quirks["profile"] = "B"
    assert (await account.provider.account()).title == "AMPS"


@pytest.mark.parametrize(
    ("quirks", "error", "reason"),
    [
        ({"key_error": "INVALID_API_KEY"}, AuthenticationError, "invalid_api_key"),
        ({"key_error": "EXPIRED_TOKEN"}, AuthenticationError, "expired_token"),
        ({"key_error": "UNAUTHORIZED"}, AuthenticationError, "unauthorized"),
        (
            {"environment": "live", "live_access": False},
            PermissionDeniedError,
            "live_access_disabled",
        ),
        (
            {"rate_limit": 0, "rate_limit_mode": "401_rate_limit"},
            RateLimitedError,
            "rate_limit_exceeded",
        ),
    ],
)
async def test_account_is_refused(
    account: Account, quirks: dict[str, Any], error: type[Exception], reason: str
) -> None:
    account.cloud.quirks.update(quirks)
    with pytest.raises(error) as caught:
        await account.provider.account()
    assert caught.value.reason == reason  # type: ignore[attr-defined]
    account.cloud.quirks.update(account.cloud.DEFAULT_QUIRKS)
    account.step(31)
    assert await account.provider.account()


async def test_no_message_holds_the_key(account: Account) -> None:
    key = account.cloud.credentials["api_key"]
    body = {"success": False, "error": {"code": "ODD", "message": f"bad {key}"}}
    account.cloud.faults.add(Fault(status=418, body=body))
    with pytest.raises(Exception, match="bad ") as caught:
        await account.provider.account()
    assert key not in str(vars(caught.value)) + str(caught.value)


async def test_candidates_of_all_pages(account: Account) -> None:
    account.cloud.populate(118)
    account.asked()
    found = await account.provider.candidates()
    assert len(found) == 120
    assert found[0] == Candidate(id=ONE, name="Home 11 (dev_sim_ev_1)")
    assert account.asked() == ["GET /ev-charger"] * 3


async def test_pages_shorter_than_asked_for(account: Account) -> None:
    page = {"items": [{"id": ONE}], "pagination": {"hasMore": True, "total": 2}}
    account.cloud.faults.add(Fault(path="^/ev-charger$", status=200, body=page))
    found = await account.provider.candidates()
    assert [candidate.id for candidate in found] == [ONE, TWO]


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        (" api.amps.ai ", "https://api.amps.ai"),
        ("http://127.0.0.1:8900/amps/", "http://127.0.0.1:8900/amps"),
    ],
)
def test_settings_are_tidied(typed: str, url: str) -> None:
    secret = {"webhook_secret": " whsec_b3RoZXI= "}
    assert DESCRIPTION.normalise(secret) == {"webhook_secret": "whsec_b3RoZXI="}
    assert DESCRIPTION.normalise({"webhook_secret": ""}) == {"webhook_secret": ""}
    tidy = DESCRIPTION.normalise({"base_url": typed, "api_key": " sk_1 ", "x": 1})
    assert tidy == {"base_url": url, "api_key": "sk_1", "x": 1}
    assert DESCRIPTION.normalise({}) == {}


@pytest.mark.parametrize(
    ("settings", "key", "reason"),
    [
        ({"base_url": "ftp://amps.ai"}, "base_url", "invalid_url"),
        ({"base_url": "https://"}, "base_url", "invalid_url"),
        ({"base_url": "https://amps.ai:port"}, "base_url", "invalid_url"),
        ({"base_url": "https://amps.ai/?a=1"}, "base_url", "invalid_url"),
        ({"api_key": " "}, "api_key", "invalid_key"),
        ({"api_key": "a\nb"}, "api_key", "invalid_key"),
        ({"api_key": "ключ"}, "api_key", "invalid_key"),
        ({"webhook_secret": "whsec_"}, "webhook_secret", "invalid_secret"),
        ({"webhook_secret": "whsec_€"}, "webhook_secret", "invalid_secret"),
        ({"webhook_secret": "whsec_a"}, "webhook_secret", "invalid_secret"),
        ({"webhook_secret": "b3RoZXI="}, "webhook_secret", "invalid_secret"),
    ],
)
def test_settings_that_cannot_be_right(
    settings: dict[str, str], key: str, reason: str
) -> None:
    with pytest.raises(InvalidSettingError) as caught:
        DESCRIPTION.normalise(settings)
    assert (caught.value.key, caught.value.reason) == (key, reason)


# What is read


async def test_newest_generation(account: Account) -> None:
    poll = await account.settle()
    device = poll.fleet[ONE]
    assert list(poll.fleet) == [ONE, TWO]
    assert poll.interval == timedelta(minutes=1)
    assert not poll.notices
    assert (device.name, device.maker, device.model) == (
        "Home 11",
        "SimCharge",
        "Home 11",
    )
    assert device.online is None  # nothing was told yet
    assert device.tells_online
    pulled = device.readings[Reading.LAST_UPDATE]
    assert device.readings == {
        Reading.STATUS: ChargingStatus.DISCONNECTED,
        Reading.CLOUD_STATUS: "available",
        Reading.PLUG: False,
        Reading.CHARGING: False,
        Reading.POWER: 0,
        Reading.MAXIMUM_CURRENT: 16,
        Reading.MAXIMUM_POWER: 11_000,
        Reading.LAST_UPDATE: pulled,
        Reading.DATA_LINK: True,
        Reading.DATA_SOURCE: "projection",
        Reading.LAST_ACTION: None,
        Reading.LAST_ACTION_ERROR: None,
        Reading.LAST_ACTION_TYPE: None,
        Reading.LAST_ACTION_RESULT: None,
        Reading.LAST_ACTION_CREATED: None,
        Reading.LAST_ACTION_UPDATED: None,
        Reading.SCHEDULED_AT: None,
    }
    assert device.controls == {
        Control.CHARGING: ControlState(value=False),
        Control.POWER_LIMIT: ControlState(
            value=11_000, minimum=0, maximum=50_000, step=100
        ),
    }
    assert device.commands.keys() == {
        StartCharging,
        StopCharging,
        CancelScheduled,
        Refresh,
    }


@pytest.mark.parametrize("profile", ["A", "B"])
async def test_older_generations(account: Account, profile: str) -> None:
    account.cloud.quirks["profile"] = profile
    device = await account.device()
    assert device.readings[Reading.STATUS] is ChargingStatus.DISCONNECTED
    assert device.readings[Reading.DATA_SOURCE] == "projection"
    assert Reading.MAXIMUM_POWER not in device.readings
    # The cap can be set but never read.
    assert device.controls == {
        Control.CHARGING: ControlState(value=False),
        Control.POWER_LIMIT: ControlState(minimum=0, maximum=50_000, step=100),
    }
    assert device.commands.keys() == {StartCharging, StopCharging, Refresh}
    assert (Reading.SCHEDULED_AT in device.readings) is (profile == "A")


@pytest.mark.parametrize("profile", ["A", "B", "C"])
async def test_physical_life(account: Account, profile: str) -> None:
    account.cloud.quirks["profile"] = profile
    await account.settle()
    connector = account.connector()

    async def shown() -> tuple[object, ...]:
        device = await account.fresh()
        readings = device.readings
        return (
            readings[Reading.STATUS],
            readings[Reading.PLUG],
            readings[Reading.CHARGING],
            readings[Reading.POWER],
            device.controls[Control.CHARGING].value,
        )

    unplugged = (ChargingStatus.DISCONNECTED, False, False, 0, False)
    # Whether a vehicle waits for a start, AMPS does not tell.
    waiting = (ChargingStatus.CONNECTED, True, False, 0, None)
    # It charged: what ended that is none of our commands.
    ended = (ChargingStatus.CONNECTED, True, False, 0, True)
    assert await shown() == unplugged
    connector.plug_in(Car(soc=0.9))
    assert await shown() == waiting
    connector.start()
    assert await shown() == (ChargingStatus.CHARGING, True, True, 11_040, True)
    connector.max_power_w = 6900
    assert (await shown())[3] == 6900
    connector.set_fault("GroundFailure")
    assert await shown() == ended
    connector.set_fault(None)
    account.step(3600)
    assert connector.car is not None
    assert connector.car.full
    assert await shown() == ended
    connector.stop()
    assert await shown() == ended
    connector.unplug()
    assert await shown() == unplugged
    connector.plug_in(Car(soc=0.9))
    assert await shown() == waiting


@pytest.mark.parametrize("profile", ["A", "B", "C"])
async def test_stopped_from_here(account: Account, profile: str) -> None:
    """What our own command holds back is paused, and stays so after a restart."""
    account.cloud.quirks["profile"] = profile
    await account.settle()
    account.connector().plug_in()

    async def shown() -> tuple[object, object]:
        device = await account.fresh()
        return device.readings[Reading.STATUS], device.controls[Control.CHARGING].value

    start, stop = StartCharging(device_id=ONE), StopCharging(device_id=ONE)
    assert await shown() == (ChargingStatus.CONNECTED, None)
    await account.carry_out(start)
    assert await shown() == (ChargingStatus.CHARGING, True)
    await account.carry_out(stop)
    assert await shown() == (ChargingStatus.PAUSED, False)
    if profile == "C":
        account.connect()
        await account.settle()
        assert await shown() == (ChargingStatus.PAUSED, False)
    await account.carry_out(start)
    assert await shown() == (ChargingStatus.CHARGING, True)
    # A stop that fails holds nothing back.
    account.cloud.quirks["action_error"] = "SCHEDULER_ACTIVE"
    await account.carry_out(stop)
    account.step(200)
    connector = account.connector()
    assert connector.car is not None
    connector.car.target_soc = connector.car.soc
    account.step(1)
    assert await shown() == (ChargingStatus.CONNECTED, True)
    # Another vehicle is not held back by what was asked for the last.
    account.cloud.quirks["action_error"] = None
    await account.carry_out(stop)
    connector.unplug()
    assert await shown() == (ChargingStatus.DISCONNECTED, False)
    connector.plug_in()
    assert await shown() == (ChargingStatus.CONNECTED, None)


async def test_reading_from_before_a_command(account: Account) -> None:
    """What AMPS keeps for a minute does not undo what the maker took since."""
    await account.settle()
    account.connector().plug_in()
    account.connector().start()
    assert (await account.fresh()).controls[Control.CHARGING].value is True
    await account.carry_out(StopCharging(device_id=ONE))
    for _ in range(5):
        account.step(10)
        device = (await account.provider.read(ONE))[ONE]
        assert device.controls[Control.CHARGING].value is False
        assert device.readings[Reading.CHARGING] is True  # as it was then
    device = await account.fresh()
    assert device.controls[Control.CHARGING].value is False
    assert device.readings[Reading.STATUS] is ChargingStatus.PAUSED


async def test_command_that_has_no_effect_shows(account: Account) -> None:
    """A maker that took a stop, and a charger that goes on."""
    account.cloud.quirks["effect_seconds"] = 10_000
    await account.settle()
    account.connector().plug_in()
    account.connector().start()
    await account.fresh()
    await account.carry_out(StopCharging(device_id=ONE))
    device = await account.fresh()
    assert device.controls[Control.CHARGING].value is True
    assert device.readings[Reading.STATUS] is ChargingStatus.CHARGING


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("suspended_ev", ChargingStatus.SUSPENDED_EV),
        ("suspended_evse", ChargingStatus.SUSPENDED_EVSE),
        ("resting", ChargingStatus.CONNECTED),
    ],
)
async def test_suspended_where_the_maker_says_so(
    account: Account, word: str, status: ChargingStatus
) -> None:
    account.cloud.quirks["plugged_word"] = word
    account.connector().plug_in()
    await account.settle()
    device = await account.fresh()
    assert device.readings[Reading.STATUS] is status
    assert device.readings[Reading.CLOUD_STATUS] == word


async def test_offline_and_back(account: Account) -> None:
    account.connector().plug_in()
    await account.settle()
    assert (await account.fresh()).online is True
    account.cloud.stations[ONE].set_online(False)
    device = await account.device(301)
    assert device.online is True  # AMPS still answers from what it keeps
    device = await account.device(901)
    assert (device.online, device.stale) == (False, False)
    assert [
        device.readings[reading]
        for reading in (
            Reading.STATUS,
            Reading.CLOUD_STATUS,
            Reading.PLUG,
            Reading.CHARGING,
            Reading.POWER,
        )
    ] == [None] * 5
    assert device.readings[Reading.DATA_LINK] is False
    assert device.readings[Reading.MAXIMUM_CURRENT] == 16
    assert (await account.fresh()).online is False
    account.cloud.stations[ONE].set_online(True)
    device = await account.device(901)
    assert device.online is True
    assert device.readings[Reading.STATUS] is ChargingStatus.CONNECTED


async def test_freshness_is_visible(account: Account) -> None:
    account.connect(api_key=LIVE_KEY)
    device = await account.device()
    assert device.readings[Reading.DATA_SOURCE] == "cache"
    device = await account.device(901)
    assert device.readings[Reading.DATA_SOURCE] == "live"
    pulled = device.readings[Reading.LAST_UPDATE]
    account.cloud.quirks["fallback"] = True
    device = await account.device(901)
    assert device.readings[Reading.DATA_SOURCE] == "fallback"
    assert device.readings[Reading.DATA_LINK] is False
    assert device.readings[Reading.LAST_UPDATE] == pulled
    assert device.readings[Reading.STATUS] is ChargingStatus.DISCONNECTED


async def test_sparse_charger(account: Account) -> None:
    account.cloud.quirks["sparse_devices"] = [ONE]
    device = await account.device()
    assert device.name == "SimCharge"
    readings = device.readings
    assert readings[Reading.STATUS] is ChargingStatus.DISCONNECTED  # by its word
    assert (readings[Reading.PLUG], readings[Reading.CHARGING]) == (False, False)
    assert readings[Reading.POWER] is None
    assert Reading.MAXIMUM_CURRENT not in readings
    assert readings[Reading.DATA_LINK] is readings[Reading.LAST_UPDATE] is None


# What is asked


async def test_first_poll_needs_the_list_alone(account: Account) -> None:
    account.cloud.populate(118)
    poll = await account.poll()
    assert len(poll.fleet) == 120
    assert account.asked() == [LIST] * 3
    assert poll.interval < timedelta(seconds=3)
    # The list knows everything but the settings, which follow.
    assert not any(Control.POWER_LIMIT in d.controls for d in poll.fleet.values())
    poll = await account.settle(3)
    assert poll.interval == timedelta(minutes=1)
    assert all(Control.POWER_LIMIT in d.controls for d in poll.fleet.values())


async def test_first_list_is_read_whole(account: Account) -> None:
    """What is not in the first fleet would be taken for gone."""
    account.cloud.populate(1300)
    assert len((await account.poll()).fleet) == 1302


async def test_polls_ask_for_little(account: Account) -> None:
    account.cloud.populate(3)
    await account.settle()
    reads = [f"GET /ev-charger/{station}" for station in account.cloud.stations]
    assert account.asked() == [LIST, *reads]
    for _ in range(14):
        await account.poll(60)
    assert account.asked() == [LIST] * 14
    # AMPS asks the makers itself when it is asked for a charger, and only then.
    await account.settle(60)
    assert account.asked() == [LIST, *reads]


async def test_lists_that_the_cloud_keeps_fresh_are_enough(account: Account) -> None:
    account.cloud.quirks["fresh_lists"] = True
    await account.settle()
    account.asked()
    for _ in range(59):
        await account.settle(60)
    assert account.asked() == [LIST] * 59
    await account.settle(60)
    assert account.asked() == [LIST, READ_ONE, READ_TWO]  # for the settings


async def test_charger_whose_list_changed_is_read(account: Account) -> None:
    account.cloud.quirks["fresh_lists"] = True
    await account.settle()
    account.connector().plug_in()
    account.asked()
    device = await account.device(60)
    assert account.asked() == [LIST, READ_ONE]
    assert device.readings[Reading.STATUS] is ChargingStatus.CONNECTED
    await account.settle(60)
    assert account.asked() == [LIST]


async def test_list_that_lags_does_not_undo_a_reading(account: Account) -> None:
    await account.settle()
    lagging = {**account.cloud.devices.listed(account.cloud.stations[ONE], live=False)}
    account.connector().plug_in()
    assert (await account.fresh()).readings[Reading.PLUG] is True
    page = {"items": [lagging], "pagination": {"hasMore": False, "total": 1}}
    account.cloud.faults.add(
        Fault(path="^/ev-charger$", status=200, body=page, times=None)
    )
    assert (await account.device(60)).readings[Reading.PLUG] is True


async def test_unchanged_polls_return_the_same_objects(account: Account) -> None:
    account.cloud.populate(60)
    account.connector(TWO).plug_in()  # charges
    first = await account.settle(901)
    for _ in range(5):
        poll = await account.settle(60)
        assert poll.fleet is first.fleet
    account.connector().plug_in()
    poll = await account.settle(901)
    same = [each for each in first.fleet if poll.fleet[each] is first.fleet[each]]
    assert ONE not in same


async def test_what_did_not_change_is_not_decoded_again(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.cloud.quirks["fresh_lists"] = False
    await account.settle()
    decoded: list[Any] = []
    decode = Charger.decode

    def counted(body: Any) -> Charger:
        decoded.append(body)
        return decode(body)

    monkeypatch.setattr(Charger, "decode", counted)
    for _ in range(5):
        await account.settle(60)
    assert not decoded
    account.connector().plug_in()
    await account.fresh()
    await account.settle(60)
    assert [each["id"] for each in decoded] == [ONE, ONE]  # by the read, by the list


async def test_answers_are_told_apart_by_what_they_say(account: Account) -> None:
    """Not by when they were made: AMPS dates and numbers each of them."""

    def listed() -> Any:
        answers = account.provider.diagnostics()["answers"]
        return next(a["answer"] for a in answers if a["endpoint"] == LIST)

    await account.settle()
    first = listed()
    await account.settle(60)
    assert listed() == first
    account.connector().plug_in()
    await account.settle(901)
    await account.settle(60)
    assert listed() != first


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # No envelope, or more behind its name than an envelope has.
        ('{"items": [], "meta": 1, "x": 1}', '{"items": [], "meta": 1, "x": 2}'),
        (
            '{"success": true, "meta": {}, "data": {"x": 1, "y": "%s"}}' % ("z" * 500),
            '{"success": true, "meta": {}, "data": {"x": 2, "y": "%s"}}' % ("z" * 500),
        ),
        ('{"success": true, "data": 1}', '{"success": true, "data": 2}'),
        (
            '{"success": true, "data": 1, "meta": {}}',
            '{"success": true, "data": 2, "meta": {}}',
        ),
    ],
)
def test_answers_that_differ(session: ClientSession, first: str, second: str) -> None:
    transport = client.AmpsTransport(session, "https://x.example", limits=client.LIMITS)
    assert transport.essence(first.encode()) != transport.essence(second.encode())


async def test_charging_is_read_every_two_minutes(account: Account) -> None:
    connector = account.connector(TWO)
    connector.plug_in()
    await account.settle(901)
    account.asked()
    for _ in range(4):
        await account.settle(60)
    assert account.asked().count(READ_TWO) == 2


async def test_charging_is_expedited_on_request_only(account: Account) -> None:
    connector = account.connector(TWO)
    connector.plug_in()
    await account.settle(901)
    connector.max_power_w = 4600
    # AMPS shows what it pulled within 15 minutes.
    for _ in range(5):
        assert (await account.device(60, TWO)).readings[Reading.POWER] == 11_040
    account.connect(expedite_while_charging=True)
    await account.settle(901)
    connector.max_power_w = 6900
    assert (await account.device(61, TWO)).readings[Reading.POWER] == 6900


async def test_only_wanted_chargers_are_read(account: Account) -> None:
    account.connect(Selection(everything=False, chargers=frozenset({TWO})))
    assert list((await account.settle()).fleet) == [TWO]
    assert account.asked() == [LIST, READ_TWO]
    with pytest.raises(NotFoundError):
        await account.provider.read(ONE)


async def test_one_users_chargers(account: Account) -> None:
    account.connect(end_user_id="user_sim_2")
    assert list((await account.poll()).fleet) == [TWO]
    assert [c.id for c in await account.provider.candidates()] == [TWO]


async def test_namesakes_get_a_part_of_their_id(account: Account) -> None:
    account.cloud.populate(2)
    fleet = (await account.poll()).fleet
    assert [device.name for device in fleet.values()] == [
        "Home 11",
        "A022KP1",
        "Fleet 00001",
        "Fleet 00002",
    ]


async def test_chargers_come_and_go(account: Account) -> None:
    await account.settle()
    account.cloud.populate(1)
    assert len((await account.poll(60)).fleet) == 3
    account.cloud.remove(account.cloud.stations[ONE])
    assert (await account.device(60)).stale
    # Three lists must lack it, over at least ten minutes.
    polls = 0
    while ONE in (poll := await account.poll(60)).fleet:
        assert poll.fleet[ONE].stale
        polls += 1
    assert 9 <= polls <= 12
    assert list(poll.fleet) == [TWO, "dev_fleet_00001"]


@pytest.mark.parametrize("body", [{"items": []}, {"items": None}, {}, []])
async def test_one_odd_list_removes_nothing(account: Account, body: Any) -> None:
    first = (await account.poll()).fleet
    account.cloud.faults.add(Fault(path="^/ev-charger$", status=200, body=body))
    assert (await account.poll(1801)).fleet.keys() == first.keys()
    assert not any(d.stale for d in (await account.settle(901)).fleet.values())


@pytest.mark.parametrize(
    "paging", ["alternating", "empty", "repeating", "endless", "lossy"]
)
async def test_crooked_paging_ends_and_removes_nobody(
    account: Account, paging: str
) -> None:
    account.cloud.populate(60)
    first = (await account.settle()).fleet
    account.cloud.remove(account.cloud.stations[ONE])
    account.cloud.quirks["paging"] = paging
    account.asked()
    for _ in range(15):
        poll = await account.settle(60)
        assert poll.fleet.keys() == first.keys()
    assert account.asked().count(LIST) < 15 * 10
    # Candidates are listed all the same.
    assert await account.provider.candidates()
    for usable in ("no_total", "short"):
        account.cloud.quirks["paging"] = usable
        for _ in range(12):
            poll = await account.settle(60)
        assert first.keys() - poll.fleet.keys() == {ONE}


def test_bounded_paging() -> None:
    """A cloud that makes up ever new chargers is not followed for ever."""
    listing = client.Listing()
    for number in range(10_000):
        item = {"id": f"dev_{number}"}
        listing.add({"items": [item], "pagination": {"hasMore": True}})
        if listing.over:
            break
    assert number == 199
    assert not listing.complete


async def test_charger_that_is_not_found_stays_while_listed(account: Account) -> None:
    await account.settle()
    account.cloud.quirks["device_errors"] = {ONE: "DEVICE_NOT_FOUND"}
    assert (await account.device(901)).stale
    assert (await account.device(60)).stale
    account.cloud.quirks["device_errors"] = {}
    assert not (await account.device(901)).stale


# Partial and total failure


@pytest.mark.parametrize("fault", [{"status": 500}, {"kind": "html"}])
async def test_one_charger_fails(account: Account, fault: Any) -> None:
    first = await account.settle()
    account.cloud.faults.add(Fault(path=f"{ONE}$", times=None, **fault))
    # The list goes on telling its state.
    for _ in range(4):
        poll = await account.settle(901)
        assert not any(device.stale for device in poll.fleet.values())
        assert poll.fleet[ONE].controls == first.fleet[ONE].controls
    account.asked()
    await account.settle(60)
    assert READ_ONE in account.asked()
    account.cloud.faults.clear()
    account.asked()
    await account.settle(60)
    assert READ_ONE in account.asked()


async def test_one_odd_answer_makes_nothing_unavailable(account: Account) -> None:
    """An update that counts as a success shows chargers, not gaps."""
    await account.settle()
    for fault in ({"status": 503}, {"kind": "html"}, {"kind": "garbage"}):
        account.cloud.faults.add(Fault(times=1, **fault))
        with pytest.raises(ChargingError):
            await account.poll(60)
        poll = await account.settle(60)
        assert not any(device.stale for device in poll.fleet.values())


async def test_told_to_wait_while_reading_one(account: Account) -> None:
    await account.settle()
    account.cloud.faults.add(
        Fault(path=f"{ONE}$", status=429, headers={"Retry-After": "40"})
    )
    with pytest.raises(RateLimitedError) as caught:
        await account.provider.read(ONE)
    assert caught.value.retry_after == 40
    account.step(41)
    assert not (await account.device()).stale


async def test_charger_without_a_name(account: Account) -> None:
    page = {"items": [{"id": "dev_Ab12"}], "pagination": {"hasMore": False}}
    account.cloud.faults.add(Fault(path="^/ev-charger$", status=200, body=page))
    (device,) = (await account.poll()).fleet.values()
    assert device.name == Name(key="charger", placeholders={"id": "Ab12"})


async def test_charger_that_nothing_tells_of_gets_stale(account: Account) -> None:
    await account.settle()
    account.cloud.faults.add(Fault(path=f"{ONE}$", status=500, times=None))
    page = {
        "items": [{"id": ONE}, {"id": TWO}],
        "pagination": {"hasMore": False, "total": 2},
    }
    account.cloud.faults.add(
        Fault(path="^/ev-charger$", status=200, body=page, times=None)
    )
    assert not (await account.device(600)).stale
    assert (await account.device(901)).stale


@pytest.mark.parametrize("kind", ["html", "garbage", "null_body", "empty", "drop"])
async def test_one_charger_is_unreadable_from_the_start(
    account: Account, kind: Any
) -> None:
    # A GET on a line that was dropped is sent once more by the HTTP library.
    times = 2 if kind == "drop" else 1
    account.cloud.faults.add(Fault(path=f"{ONE}$", kind=kind, times=times))
    fleet = (await account.poll()).fleet
    # The list told its state.
    assert not fleet[ONE].stale
    assert not fleet[TWO].stale
    assert fleet[ONE].readings[Reading.STATUS] is ChargingStatus.DISCONNECTED
    assert not (await account.device(60)).stale


async def test_follow_up_read_fails_without_harm(account: Account) -> None:
    await account.settle()
    account.cloud.faults.add(Fault(path=f"{ONE}$", status=503))
    with pytest.raises(Exception, match="HTTP 503"):
        await account.provider.read(ONE)
    assert not (await account.device(60)).stale


async def test_list_fails(account: Account) -> None:
    account.cloud.faults.add(Fault(path="^/ev-charger$", status=503))
    with pytest.raises(Exception, match="HTTP 503"):
        await account.settle()
    assert len((await account.poll(60)).fleet) == 2
    account.cloud.faults.add(Fault(path="^/ev-charger$", status=503))
    fleet = (await account.poll(1801)).fleet
    assert [device.stale for device in fleet.values()] == [False, False]


@pytest.mark.parametrize(
    "body",
    [
        {"success": True, "data": {"items": None}},
        {"success": True, "data": []},
        {"success": True},
        {"items": {}},
        [],
    ],
)
async def test_unusable_list_removes_nobody(account: Account, body: Any) -> None:
    account.cloud.faults.add(Fault(path="^/ev-charger$", status=200, body=body))
    with pytest.raises(UnusableAnswerError):
        await account.settle()
    await account.settle()
    account.cloud.faults.add(Fault(path="^/ev-charger$", status=200, body=body))
    assert len((await account.poll(1801)).fleet) == 2


@pytest.mark.parametrize(
    "data",
    [
        {"items": [{"id": TWO}, {"id": None}], "pagination": {"total": 2}},
        {"items": [{"id": TWO}], "pagination": {"total": 2}},
    ],
)
async def test_incomplete_list_removes_nobody(
    account: Account, data: dict[str, Any]
) -> None:
    await account.settle()
    account.cloud.faults.add(Fault(path="^/ev-charger$", status=200, body=data))
    assert len((await account.poll(1801)).fleet) == 2


async def test_paging_ends_though_more_is_promised(account: Account) -> None:
    body = {"items": [], "pagination": {"hasMore": True}}
    account.cloud.faults.add(Fault(path="^/ev-charger$", status=200, body=body))
    assert (await account.poll()).fleet == {}


async def test_cloud_is_gone(account: Account) -> None:
    account.cloud.populate(4)
    await account.settle()
    account.asked()
    account.cloud.faults.add(Fault(kind="drop", times=None))
    with pytest.raises(UnreachableError):
        await account.settle(901)
    assert len(set(account.asked())) == 2  # the others would only wait in vain
    account.cloud.faults.clear()
    fleet = (await account.poll(60)).fleet
    assert not any(device.stale for device in fleet.values())


async def test_success_that_is_none(account: Account) -> None:
    body = {"success": False, "error": {"code": "DEVICE_OFFLINE", "message": "Off"}}
    account.cloud.faults.add(Fault(path=f"{ONE}$", status=200, body=body))
    assert (await account.device()).online is False


# Diagnostics


async def test_diagnostics_hold_the_last_answers(account: Account) -> None:
    await account.settle()
    await account.provider.execute(StartCharging(device_id=ONE))
    text = str(account.provider.diagnostics())
    assert account.cloud.credentials["api_key"] not in text
    assert "GET /ev-charger/{}" in text
    assert "max_charge_rate" in text
    assert "sandbox" in text


async def test_diagnostics_tell_odd_things(account: Account) -> None:
    account.cloud.quirks["status_word"] = "hovering"
    account.cloud.quirks["sparse_devices"] = [ONE]
    await account.settle(901)
    (odd,) = [o for o in account.provider.diagnostics()["oddities"] if "hovering" in o]
    assert odd == "AMPS status: unknown word 'hovering'"


async def test_diagnostics_stay_small(account: Account) -> None:
    await account.settle()
    for _ in range(120):
        await account.carry_out(StopCharging(device_id=ONE))
    assert len(account.provider.diagnostics()["answers"]) <= 100
