"""Plugchoice: what can be asked, and how it ends."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
import json
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.typedefs import Handler
from aiolimiter import AsyncLimiter
import pytest

from custom_components.ev_charger_cloud.charging import (
    AuthenticationError,
    Boost,
    ChargingError,
    ChargingProfile,
    ChargingStatus,
    ClearChargingProfile,
    ClearLimit,
    Command,
    CommandRefusedError,
    Control,
    Device,
    NotFoundError,
    NotSupportedError,
    Outcome,
    PermissionDeniedError,
    ProfileKind,
    ProfilePurpose,
    RateLimitedError,
    RateUnit,
    Reading,
    Recurrency,
    Refusal,
    Reset,
    SchedulePeriod,
    ServerFaultError,
    SetChargingProfile,
    SetControl,
    StartCharging,
    StopCharging,
    StopReason,
    UnreachableError,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.providers.plugchoice import client
from custom_components.ev_charger_cloud.providers.plugchoice.provider import (
    PlugchoiceProvider,
)
from custom_components.ev_charger_cloud.providers.transport import command_lane
from simulator.world import Connector, Station

from .plugchoice_account import (
    BLUE,
    DRIVEWAY,
    GARAGE,
    WHITE,
    PlugchoiceAccount,
    plugchoice_account,
)

FIRST, SECOND = f"{GARAGE}_1", f"{GARAGE}_2"
CLOUD_FAULTS: list[tuple[dict[str, Any], type[ChargingError], str]] = [
    ({"status": 400, "body": {"message": "No."}}, CommandRefusedError, "http_400"),
    ({"status": 404, "body": {"message": "No."}}, CommandRefusedError, "not_found"),
    ({"status": 409, "body": {"message": "No."}}, CommandRefusedError, "http_409"),
    ({"status": 500}, ServerFaultError, "http_500"),
    ({"kind": "html"}, ServerFaultError, "http_502"),
    ({"kind": "drop"}, UnreachableError, "connection"),
    ({"status": 401}, AuthenticationError, "unauthorized"),
    ({"status": 429}, RateLimitedError, "rate_limited"),
    ({"status": 504}, CommandRefusedError, Refusal.NO_ANSWER),
]


@pytest.fixture
async def account(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[PlugchoiceAccount]:
    async with plugchoice_account(session, monkeypatch) as account:
        yield account


@pytest.fixture
def bodies(
    account: PlugchoiceAccount, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, Any]]:
    """Record the bodies of what is posted."""
    recorded: list[dict[str, Any]] = []
    dispatch = account.cloud.dispatch

    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST":
            recorded.append(json.loads(await request.text() or "null"))
        return await dispatch(request, handler)

    monkeypatch.setattr(account.cloud, "dispatch", record)
    return recorded


@pytest.fixture
async def provider(account: PlugchoiceAccount) -> PlugchoiceProvider:
    """Return a provider that has polled."""
    provider = account.provider()
    await provider.poll()
    return provider


async def read(provider: PlugchoiceProvider, device_id: str = DRIVEWAY) -> Device:
    return (await provider.read(device_id))[device_id]


def limit(
    amperes: float, device_id: str = DRIVEWAY, duration: timedelta | None = None
) -> SetControl:
    return SetControl(
        device_id=device_id,
        control=Control.CURRENT_LIMIT,
        value=amperes,
        duration=duration,
    )


def charge(
    account: PlugchoiceAccount, charger: str = DRIVEWAY, n: int = 1
) -> Connector:
    connector = account.connector(charger, n)
    connector.plug_in()
    connector.start(BLUE)
    return connector


# Starting


async def test_start_with_the_card_of_the_charger(
    account: PlugchoiceAccount,
    provider: PlugchoiceProvider,
    bodies: list[dict[str, Any]],
) -> None:
    account.connector().plug_in()
    result = await provider.execute(StartCharging(device_id=DRIVEWAY))
    assert (result.outcome, result.message) == (Outcome.ACCEPTED, "Accepted")
    assert bodies == [{"id_token": BLUE, "connector_id": 1}]
    # Accepted is not begun: the state is the cloud's.
    device = await read(provider)
    assert device.controls[Control.CHARGING].value is False
    account.step(3)
    device = await read(provider)
    assert device.readings[Reading.STATUS] is ChargingStatus.CHARGING
    assert device.readings[Reading.POWER] == 11_040
    poll = await provider.poll()
    assert poll.fleet[DRIVEWAY].readings[Reading.SOCKET_LOCK] is True
    assert poll.interval == timedelta(seconds=10)
    account.step(60)
    assert (await provider.poll()).interval == timedelta(seconds=15)


async def test_card_of_the_command_then_chosen_then_option_then_current(
    account: PlugchoiceAccount, bodies: list[dict[str, Any]]
) -> None:
    account.connector().plug_in()
    account.cloud.quirks["begin_seconds"] = 3600.0
    provider = account.provider(id_token="OPTION")
    await provider.poll()

    async def sent(id_token: str | None = None) -> str:
        command = StartCharging(device_id=DRIVEWAY, id_token=id_token)
        with suppress(CommandRefusedError):  # nobody registered some of them
            await provider.execute(command)
        return str(bodies[-1]["id_token"])

    assert await sent("GIVEN") == "GIVEN"
    assert await sent() == "OPTION"
    choice = SetControl(
        device_id=DRIVEWAY, control=Control.START_CARD, value="White card"
    )
    assert (await provider.execute(choice)).outcome is Outcome.COMPLETED
    assert account.memory["cards"].keys() == {DRIVEWAY}
    assert WHITE not in json.dumps(account.memory)
    assert await sent() == WHITE
    device = await read(provider)
    assert device.controls[Control.START_CARD].value == "White card"
    assert device.controls[Control.START_CARD].options == ("Blue card", "White card")
    # It outlives a restart, but not the card.
    again = account.provider()
    await again.poll()
    assert (await read(again)).controls[Control.START_CARD].value == "White card"
    site = next(iter(account.cloud.sites.values()))
    del site.cards[1]
    gone = account.provider()
    await gone.poll()
    assert (await read(gone)).controls[Control.START_CARD].value == "Blue card"


async def test_cards_of_the_same_name_are_told_apart(
    account: PlugchoiceAccount,
) -> None:
    site = next(iter(account.cloud.sites.values()))
    for card in site.cards:
        card.name = "Card"
    provider = account.provider()
    await provider.poll()
    options = (await read(provider)).controls[Control.START_CARD].options
    assert options == ("Card (100)", "Card (101)")


async def test_card_that_does_not_exist(provider: PlugchoiceProvider) -> None:
    choice = SetControl(device_id=DRIVEWAY, control=Control.START_CARD, value="Red")
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(choice)
    assert caught.value.reason == Refusal.INVALID_VALUE


async def test_unregistered_card_is_rejected(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    account.connector().plug_in()
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(
            StartCharging(device_id=DRIVEWAY, id_token="HOMEASSISTANT")
        )
    assert caught.value.reason == Refusal.REJECTED
    assert "HOMEASSISTANT" not in str(caught.value)


async def test_start_needs_a_card(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    account.requests()
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(StartCharging(device_id=FIRST))
    assert caught.value.reason == Refusal.CARD_REQUIRED
    assert account.requests() == []


async def test_card_too_long_is_explained_by_the_cloud(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    account.connector(GARAGE).plug_in()
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(StartCharging(device_id=FIRST, id_token="x" * 21))
    assert caught.value.reason == Refusal.INVALID_VALUE
    assert caught.value.message == (
        "The id token field must not be greater than 20 characters."
    )


@pytest.mark.parametrize(
    "body", [{"message": "Wrong."}, {"message": "Wrong.", "errors": ["x"]}]
)
async def test_validation_error_without_fields(
    account: PlugchoiceAccount, provider: PlugchoiceProvider, body: dict[str, Any]
) -> None:
    account.connector().plug_in()
    account.fail(path="/actions/start", status=422, body=body)
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(StartCharging(device_id=DRIVEWAY))
    assert caught.value.message == "Wrong."


async def test_validation_error_with_bare_words(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    body = {"message": "Wrong.", "errors": {"limit": "Too high."}}
    account.connector().plug_in()
    account.fail(path="/actions/start", status=422, body=body)
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(StartCharging(device_id=DRIVEWAY))
    assert caught.value.message == "Too high."


async def test_start_with_a_limit_sets_it_once_the_session_runs(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    account.connector().plug_in()
    await provider.execute(StartCharging(device_id=DRIVEWAY, current=8.0))
    account.step(5)
    device = await read(provider)
    assert account.connector().limit == 8
    assert device.controls[Control.CURRENT_LIMIT].value == 8
    account.requests()
    await provider.poll()
    assert not [each for each in account.requests() if "charge-limit" in each]


async def test_limit_that_a_session_cannot_begin_with_is_logged(
    account: PlugchoiceAccount,
    provider: PlugchoiceProvider,
    caplog: pytest.LogCaptureFixture,
) -> None:
    account.connector().plug_in()
    account.fail(path="/actions/charge-limit", status=422, body={"message": "Wrong."})
    await provider.execute(StartCharging(device_id=DRIVEWAY, current=8.0))
    account.step(5)
    await provider.poll()
    assert "without its limit of 8.0 A: Wrong." in caplog.text


async def test_token_revoked_before_a_session_gets_its_limit(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    account.connector().plug_in()
    account.fail(path="/actions/charge-limit", status=401)
    await provider.execute(StartCharging(device_id=DRIVEWAY, current=8.0))
    account.step(5)
    with pytest.raises(AuthenticationError):
        await provider.poll()


async def test_limit_for_a_session_that_never_begins_is_dropped(
    account: PlugchoiceAccount,
    provider: PlugchoiceProvider,
    caplog: pytest.LogCaptureFixture,
) -> None:
    account.connector().plug_in()
    account.cloud.quirks["begin_seconds"] = 3600.0
    await provider.execute(StartCharging(device_id=DRIVEWAY, current=8.0))
    account.step(301)
    await provider.poll()
    assert "No session began" in caplog.text


async def test_echo_of_a_start_is_no_vehicle(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    """A charger that waits for a car after a start says what it says with one."""
    await provider.execute(StartCharging(device_id=DRIVEWAY))
    account.step(3)
    device = await read(provider)
    assert device.readings[Reading.CLOUD_STATUS] == "Preparing"
    assert device.readings[Reading.STATUS] is ChargingStatus.DISCONNECTED
    assert device.readings[Reading.PLUG] is False
    assert device.controls[Control.CHARGING].value is False
    account.step(60)  # nobody came
    assert (await read(provider)).readings[Reading.CLOUD_STATUS] == "Available"
    account.connector().plug_in()
    assert (await read(provider)).readings[Reading.PLUG] is True


async def test_echo_ends_with_the_session(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    await provider.execute(StartCharging(device_id=DRIVEWAY))
    account.step(3)
    account.connector().plug_in()
    assert (await read(provider)).readings[Reading.STATUS] is ChargingStatus.CHARGING


async def test_charger_that_goes_on_preparing_has_a_vehicle(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    """No charger waits so long for one."""
    account.cloud.quirks["begin_seconds"] = 3600.0
    await provider.execute(StartCharging(device_id=DRIVEWAY))
    account.connector().plug_in()
    assert (await read(provider)).readings[Reading.PLUG] is False
    account.step(301)
    device = (await provider.poll()).fleet[DRIVEWAY]
    assert device.readings[Reading.PLUG] is True


async def test_start_is_followed_to_its_session(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    """The answer tells no session: it is the one that runs since."""
    account.connector().plug_in()
    result = await provider.execute(StartCharging(device_id=DRIVEWAY))
    assert result.id is not None
    assert provider.follows(result)
    waiting = await provider.follow(DRIVEWAY, result.id)
    assert (waiting.outcome, waiting.id) == (Outcome.ACCEPTED, result.id)
    account.step(3)
    session = account.connector().session
    assert session is not None
    begun = await provider.follow(DRIVEWAY, result.id)
    assert (begun.outcome, begun.id) == (Outcome.COMPLETED, str(session.id))
    assert not provider.follows(begun)
    account.requests()
    assert await provider.follow(DRIVEWAY, result.id) == begun
    assert account.requests() == []


async def test_start_is_not_followed_to_a_session_from_before(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    """A transaction that was never closed is not what a later start brought."""
    connector = charge(account)
    await provider.poll()
    orphan = account.cloud.chargers[DRIVEWAY].transaction(
        connector.sessions[-1], account.cloud.quirks
    )
    connector.stop()
    account.answer("transactions", {"data": [orphan]})
    await provider.poll()
    result = await provider.execute(StartCharging(device_id=DRIVEWAY))
    assert result.id is not None
    assert (await provider.follow(DRIVEWAY, result.id)).id == result.id


async def test_start_is_over_though_its_session_is_not_listed(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    account.connector().plug_in()
    result = await provider.execute(StartCharging(device_id=DRIVEWAY))
    account.answer("transactions", {"data": []})
    account.step(3)
    assert result.id is not None
    told = await provider.follow(DRIVEWAY, result.id)
    assert (told.outcome, told.id) == (Outcome.COMPLETED, None)
    assert not provider.follows(told)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, NotFoundError),
        (500, NotFoundError),
        (401, AuthenticationError),
        (429, RateLimitedError),
    ],
)
async def test_start_that_cannot_be_followed_is_judged_by_its_effect(
    account: PlugchoiceAccount,
    provider: PlugchoiceProvider,
    status: int,
    error: type[ChargingError],
) -> None:
    account.connector().plug_in()
    result = await provider.execute(StartCharging(device_id=DRIVEWAY))
    account.fail(path="transactions", status=status)
    assert result.id is not None
    with pytest.raises(error):
        await provider.follow(DRIVEWAY, result.id)


async def test_follow_of_what_nobody_sent(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    with pytest.raises(NotFoundError):
        await provider.follow(DRIVEWAY, "start-1-7")


@pytest.mark.parametrize(
    "command",
    [
        StartCharging(device_id=DRIVEWAY, current=500.0),
        SetControl(device_id=DRIVEWAY, control=Control.CURRENT_LIMIT, value=17.0),
        *(
            SetChargingProfile(
                device_id=device_id,
                profile=ChargingProfile(
                    periods=(SchedulePeriod(start_period=0, limit=500),)
                ),
            )
            for device_id in (DRIVEWAY, GARAGE, SECOND)
        ),
    ],
)
async def test_more_than_the_hardware_is_made_for_is_not_sent(
    account: PlugchoiceAccount, provider: PlugchoiceProvider, command: Command
) -> None:
    charge(account)
    await provider.poll()
    account.requests()
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(command)
    assert caught.value.reason == Refusal.OUT_OF_RANGE
    assert account.requests() == []


async def test_start_lifts_the_limit_that_pauses(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    charge(account)
    charger = account.cloud.chargers[DRIVEWAY]
    pause = SetChargingProfile(
        device_id=DRIVEWAY,
        profile=ChargingProfile(
            periods=(SchedulePeriod(start_period=0, limit=0),),
            purpose=ProfilePurpose.TX,
        ),
    )
    await provider.execute(pause)
    device = await read(provider)
    assert device.readings[Reading.STATUS] is ChargingStatus.PAUSED
    assert device.controls[Control.CURRENT_LIMIT].value == 0
    assert device.controls[Control.CHARGING].value is False
    result = await provider.execute(StartCharging(device_id=DRIVEWAY))
    assert result.id  # of the session that goes on
    assert charger.profiles.held == []
    assert (await read(provider)).controls[Control.CHARGING].value is True


async def test_start_with_a_limit_replaces_the_one_that_pauses(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    connector = charge(account)
    await provider.poll()
    await provider.execute(limit(0.0))
    await provider.read(DRIVEWAY)
    await provider.execute(StartCharging(device_id=DRIVEWAY, current=8.0))
    assert connector.limit == 8


async def test_start_cannot_lift_what_others_hold(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    charge(account).set_limit("balancer", 0)
    await provider.poll()
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(StartCharging(device_id=DRIVEWAY))
    assert caught.value.reason == Refusal.NOT_APPLIED


@pytest.mark.parametrize(
    "command",
    [
        StartCharging(device_id=DRIVEWAY, user_id="1"),
        StartCharging(device_id=DRIVEWAY, delay=timedelta(minutes=1)),
        StopCharging(device_id=DRIVEWAY, force=True),
        Boost(device_id=DRIVEWAY),
        StartCharging(device_id=GARAGE),
        ClearLimit(device_id=GARAGE),
        *(
            SetControl(
                device_id=DRIVEWAY,
                control=control,
                value=value,
                duration=timedelta(hours=1),
            )
            for control, value in (
                (Control.START_CARD, "Blue card"),
                (Control.LOCK, True),
                (Control.PLUG_AND_CHARGE, False),
            )
        ),
    ],
)
async def test_what_plugchoice_does_not_offer(
    account: PlugchoiceAccount, provider: PlugchoiceProvider, command: Command
) -> None:
    account.requests()
    with pytest.raises(NotSupportedError):
        await provider.execute(command)
    assert account.requests() == []


# Stopping


async def test_stop_without_naming_the_only_session(
    account: PlugchoiceAccount,
    provider: PlugchoiceProvider,
    bodies: list[dict[str, Any]],
) -> None:
    charge(account)
    await provider.poll()
    await provider.execute(StopCharging(device_id=DRIVEWAY))
    assert bodies == [{}]
    account.step(2)
    device = await read(provider)
    assert device.readings[Reading.STATUS] is ChargingStatus.FINISHING
    assert device.readings[Reading.STOP_REASON] is None  # not of the one before
    device = (await provider.poll()).fleet[DRIVEWAY]
    assert device.readings[Reading.STOP_REASON] is StopReason.REMOTE


async def test_stop_names_the_session_of_two(
    account: PlugchoiceAccount,
    provider: PlugchoiceProvider,
    bodies: list[dict[str, Any]],
) -> None:
    charge(account, GARAGE, 1)
    second = charge(account, GARAGE, 2)
    await provider.poll()
    assert second.session
    await provider.execute(StopCharging(device_id=SECOND))
    assert bodies == [{"transaction_id": second.session.id}]
    account.step(2)
    fleet = await provider.read(SECOND)
    assert fleet[FIRST].charging
    assert not fleet[SECOND].charging


async def test_stop_by_the_number_of_the_connector_inside_the_cloud(
    account: PlugchoiceAccount,
    provider: PlugchoiceProvider,
    bodies: list[dict[str, Any]],
) -> None:
    """Not every transaction names the connector by its OCPP number."""
    account.cloud.quirks["omit"] = ["connector"]
    charge(account, GARAGE, 1)
    second = charge(account, GARAGE, 2)
    await provider.poll()
    await provider.execute(StopCharging(device_id=SECOND))
    assert second.session
    assert bodies == [{"transaction_id": second.session.id}]


async def test_stop_names_the_session_while_the_other_is_not_listed(
    account: PlugchoiceAccount,
    provider: PlugchoiceProvider,
    bodies: list[dict[str, Any]],
) -> None:
    charge(account, GARAGE, 1)
    second = charge(account, GARAGE, 2).session
    assert second
    charger = account.cloud.chargers[GARAGE]
    listed = [charger.transaction(second, account.cloud.quirks)]
    account.answer("transactions", {"data": listed})
    await provider.poll()
    await provider.execute(StopCharging(device_id=SECOND))
    assert bodies == [{"transaction_id": second.id}]


async def test_stop_where_the_sessions_cannot_be_told_apart(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    charge(account, GARAGE, 1)
    charge(account, GARAGE, 2)
    account.fail(path="transactions", status=500, times=None)
    await provider.poll()
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(StopCharging(device_id=SECOND))
    assert caught.value.reason == Refusal.CONFLICT


async def test_stop_does_not_depend_on_the_history(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    charge(account)
    account.fail(path="transactions", status=500, times=None)
    await provider.poll()
    await provider.execute(StopCharging(device_id=DRIVEWAY))
    account.step(2)
    assert not account.connector().session


async def test_stop_without_a_session(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(StopCharging(device_id=DRIVEWAY))
    assert caught.value.reason == Refusal.NO_SESSION
    assert not [path for path in account.requests() if "/actions/" in path]


async def test_stop_of_a_start_that_shows_no_session_yet(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    """It is for the cloud to say that there is none."""
    account.connector().plug_in()
    await provider.poll()
    await provider.execute(StartCharging(device_id=DRIVEWAY))
    account.requests()
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(StopCharging(device_id=DRIVEWAY))
    assert caught.value.reason == Refusal.REJECTED
    assert account.requests() == ["POST /chargers/driveway/actions/stop"]
    # Long after, it is no reason any more.
    account.step(3600)
    account.connector().unplug()
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(StopCharging(device_id=DRIVEWAY))
    assert caught.value.reason == Refusal.NO_SESSION
    assert not [path for path in account.requests() if "/actions/" in path]


async def test_stop_of_a_session_that_the_last_poll_did_not_see(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    charge(account)
    await provider.execute(StopCharging(device_id=DRIVEWAY))
    account.step(2)
    assert not account.connector().session


async def test_stop_with_a_revoked_token(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    charge(account, GARAGE)
    account.fail(path="transactions", status=401)
    with pytest.raises(AuthenticationError):
        await provider.execute(StopCharging(device_id=FIRST))


# Limits and profiles


async def test_limit_has_an_explicit_stack_level_and_is_read_back(
    account: PlugchoiceAccount, bodies: list[dict[str, Any]]
) -> None:
    provider = account.provider(stack_level=3)
    charge(account)
    await provider.poll()
    await provider.execute(limit(8.0))
    assert bodies == [{"connector_id": 1, "limit": 8, "stack_level": 3}]
    device = await read(provider)
    assert device.controls[Control.CURRENT_LIMIT].value == 8
    assert device.readings[Reading.POWER] is not None
    await provider.execute(limit(9.5))
    assert bodies[-1]["limit"] == 9.5


async def test_limit_that_a_higher_level_overrides_is_not_shown(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    charge(account)
    await provider.execute(
        SetChargingProfile(
            device_id=DRIVEWAY,
            profile=ChargingProfile(
                periods=(SchedulePeriod(start_period=0, limit=7),),
                purpose=ProfilePurpose.TX,
                stack_level=9,
            ),
        )
    )
    await provider.execute(limit(16.0))
    device = await read(provider)
    assert device.controls[Control.CURRENT_LIMIT].value == 7


async def test_limit_by_the_current_offered_where_connectors_tell_none(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    account.cloud.quirks["omit"] = ["current_limit"]
    charge(account)
    await provider.execute(limit(10.0))
    account.step(11)
    device = await read(provider)
    assert device.controls[Control.CURRENT_LIMIT].value == 10
    account.cloud.quirks["measurands"] = []
    account.step(11)
    device = await read(provider)
    assert device.controls[Control.CURRENT_LIMIT].value is None


async def test_limit_ends_with_its_session(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    connector = charge(account)
    await provider.execute(limit(8.0))
    connector.stop()
    account.step(1)
    device = await read(provider)
    assert device.controls[Control.CURRENT_LIMIT].value is None
    assert connector.limit == 16


async def test_limit_without_a_session(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(limit(8.0))
    assert caught.value.reason == Refusal.NO_SESSION
    assert not [path for path in account.requests() if "/actions/" in path]
    device = await read(provider)
    assert device.controls[Control.CURRENT_LIMIT].value is None


async def test_limit_for_a_while_lapses_in_the_charger(
    account: PlugchoiceAccount, bodies: list[dict[str, Any]]
) -> None:
    provider = account.provider(stack_level=3)
    connector = charge(account)
    await provider.poll()
    await provider.execute(limit(8.0, duration=timedelta(minutes=10, seconds=0.5)))
    start = bodies[0]["charging_profile"]["charging_schedule"].pop("start_schedule")
    assert datetime.fromisoformat(start).tzinfo is not None
    assert bodies == [
        {
            "connector_id": 1,
            "charging_profile": {
                "charging_profile_id": 303,
                "stack_level": 3,
                "charging_profile_purpose": "TxProfile",
                "charging_profile_kind": "Absolute",
                "charging_schedule": {
                    "duration": 601,
                    "charging_rate_unit": "A",
                    "charging_schedule_period": [{"start_period": 0, "limit": 8.0}],
                },
            },
        }
    ]
    account.step(600)
    assert (await read(provider)).controls[Control.CURRENT_LIMIT].value == 8
    account.step(2)
    assert (await read(provider)).controls[Control.CURRENT_LIMIT].value is None
    assert connector.power_w == 11_040


async def test_limit_for_a_while_and_a_lasting_one_replace_each_other(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    connector = charge(account)
    await provider.execute(limit(8.0))
    await provider.execute(limit(10.0, duration=timedelta(minutes=10)))
    assert connector.limit == 10
    await provider.execute(limit(12.0))
    account.step(601)
    assert connector.limit == 12
    await provider.execute(limit(9.0, duration=timedelta(minutes=10)))
    await provider.execute(ClearLimit(device_id=DRIVEWAY))
    assert connector.limit == 16


async def test_limit_for_a_while_without_a_session(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(limit(8.0, duration=timedelta(minutes=10)))
    assert caught.value.reason == Refusal.NO_SESSION
    assert not [path for path in account.requests() if "/actions/" in path]


async def test_clear_limit_takes_this_level_only(
    account: PlugchoiceAccount,
    provider: PlugchoiceProvider,
    bodies: list[dict[str, Any]],
) -> None:
    charge(account)
    await provider.execute(limit(8.0))
    result = await provider.execute(ClearLimit(device_id=DRIVEWAY))
    assert bodies[-1] == {"connector_id": 1, "stack_level": 1}
    assert result.message == "Accepted"
    assert (await read(provider)).controls[Control.CURRENT_LIMIT].value is None
    result = await provider.execute(ClearLimit(device_id=DRIVEWAY))
    assert result.message == "Unknown"


async def test_profile_in_the_clouds_words(
    provider: PlugchoiceProvider, bodies: list[dict[str, Any]]
) -> None:
    zone = timezone(timedelta(hours=2))
    profile = ChargingProfile(
        periods=(
            SchedulePeriod(start_period=0, limit=10.0),
            SchedulePeriod(start_period=600, limit=16.0, number_phases=3),
        ),
        kind=ProfileKind.RECURRING,
        recurrency=Recurrency.DAILY,
        stack_level=2,
        rate_unit=RateUnit.AMPERE,
        start_schedule=datetime(2026, 9, 2, 20, 0, tzinfo=zone),
        valid_to=datetime(2026, 9, 9, tzinfo=UTC),
        duration=3600,
        minimum_rate=6.0,
    )
    result = await provider.execute(
        SetChargingProfile(device_id=FIRST, profile=profile)
    )
    assert result.id == "202"
    assert bodies == [
        {
            "connector_id": 1,
            "charging_profile": {
                "charging_profile_id": 202,
                "stack_level": 2,
                "charging_profile_purpose": "TxDefaultProfile",
                "charging_profile_kind": "Recurring",
                "recurrency_kind": "Daily",
                "valid_to": "2026-09-09T00:00:00Z",
                "charging_schedule": {
                    "duration": 3600,
                    "start_schedule": "2026-09-02T18:00:00Z",
                    "charging_rate_unit": "A",
                    "charging_schedule_period": [
                        {"start_period": 0, "limit": 10.0},
                        {"start_period": 600, "limit": 16.0, "number_phases": 3},
                    ],
                    "min_charging_rate": 6.0,
                },
            },
        }
    ]


@pytest.mark.parametrize(
    ("device_id", "purpose", "connector"),
    [
        (FIRST, ProfilePurpose.TX_DEFAULT, 1),
        (GARAGE, ProfilePurpose.TX_DEFAULT, 0),
        (FIRST, ProfilePurpose.CHARGE_POINT_MAX, 0),
        (DRIVEWAY, ProfilePurpose.CHARGE_POINT_MAX, 0),
    ],
)
async def test_profile_goes_to_the_connector_it_is_for(
    provider: PlugchoiceProvider,
    bodies: list[dict[str, Any]],
    device_id: str,
    purpose: ProfilePurpose,
    connector: int,
) -> None:
    profile = ChargingProfile(
        periods=(SchedulePeriod(start_period=0, limit=10.0),), purpose=purpose, id=7
    )
    result = await provider.execute(
        SetChargingProfile(device_id=device_id, profile=profile)
    )
    assert result.id == "7"
    assert bodies[0]["connector_id"] == connector


async def test_profile_of_a_session_is_not_for_the_whole_charger(
    provider: PlugchoiceProvider,
) -> None:
    profile = ChargingProfile(
        periods=(SchedulePeriod(start_period=0, limit=10.0),),
        purpose=ProfilePurpose.TX,
    )
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(SetChargingProfile(device_id=GARAGE, profile=profile))
    assert caught.value.reason == Refusal.INVALID_VALUE


@pytest.mark.parametrize("device_id", [DRIVEWAY, GARAGE, SECOND])
async def test_profiles_are_told_by_what_they_come_to(
    account: PlugchoiceAccount, provider: PlugchoiceProvider, device_id: str
) -> None:
    charge(account)
    await provider.execute(limit(8.0))
    (profile,) = await provider.charging_profiles(device_id)
    most = {DRIVEWAY: 8.0, GARAGE: 32.0, SECOND: 16.0}[device_id]
    assert [period.limit for period in profile.periods] == [most]
    assert profile.kind is ProfileKind.ABSOLUTE
    assert profile.rate_unit is RateUnit.AMPERE
    assert profile.duration == 86_400
    assert profile.start_schedule is not None


async def test_profiles_of_a_charger_that_limits_nothing(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    path = "composite-schedule"
    body = {"status": "Accepted"}
    account.fail(method="POST", path=path, status=200, body=body)
    assert await provider.charging_profiles(DRIVEWAY) == []
    account.cloud.quirks["reject"] = [path]
    with pytest.raises(CommandRefusedError) as caught:
        await provider.charging_profiles(DRIVEWAY)
    assert caught.value.reason == Refusal.REJECTED
    account.connector().station.set_online(False)
    await provider.poll()
    with pytest.raises(CommandRefusedError) as caught:
        await provider.charging_profiles(DRIVEWAY)
    assert caught.value.reason == Refusal.OFFLINE


@pytest.mark.parametrize(
    ("command", "criteria"),
    [
        (ClearChargingProfile(device_id=DRIVEWAY), {}),
        (ClearChargingProfile(device_id=GARAGE), {}),
        (ClearChargingProfile(device_id=SECOND), {"connector_id": 2}),
        (
            ClearChargingProfile(
                device_id=SECOND,
                profile_id=7,
                purpose=ProfilePurpose.TX_DEFAULT,
                stack_level=0,
            ),
            {
                "id": 7,
                "connector_id": 2,
                "charging_profile_purpose": "TxDefaultProfile",
                "stack_level": 0,
            },
        ),
    ],
)
async def test_clear_profiles(
    provider: PlugchoiceProvider,
    bodies: list[dict[str, Any]],
    command: ClearChargingProfile,
    criteria: dict[str, Any],
) -> None:
    assert (await provider.execute(command)).message == "Unknown"
    assert bodies == [criteria]


# Settings and restart


async def test_lock_is_read_until_it_settles(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    await provider.execute(
        SetControl(device_id=GARAGE, control=Control.LOCK, value=True)
    )
    assert (await read(provider, GARAGE)).controls[Control.LOCK].value is False
    account.step(2)
    fleet = await provider.read(GARAGE)
    assert fleet[GARAGE].controls[Control.LOCK].value is True
    assert fleet[FIRST].readings[Reading.STATUS] is ChargingStatus.INOPERATIVE
    await provider.execute(
        SetControl(device_id=GARAGE, control=Control.LOCK, value=False)
    )
    account.step(2)
    poll = await provider.poll()
    assert poll.fleet[GARAGE].controls[Control.LOCK].value is False


async def test_lock_set_elsewhere_shows_within_minutes(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    account.cloud.chargers[DRIVEWAY].locked = True
    account.step(301)
    poll = await provider.poll()
    assert poll.fleet[DRIVEWAY].controls[Control.LOCK].value is True


async def test_plug_and_charge_with_the_chosen_card(
    account: PlugchoiceAccount,
    provider: PlugchoiceProvider,
    bodies: list[dict[str, Any]],
) -> None:
    on = SetControl(device_id=GARAGE, control=Control.PLUG_AND_CHARGE, value=True)
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(on)
    assert caught.value.reason == Refusal.CARD_REQUIRED
    await provider.execute(
        SetControl(device_id=GARAGE, control=Control.START_CARD, value="White card")
    )
    await provider.execute(on)
    assert bodies == [{"enabled": True, "card_uid": WHITE}]
    device = await read(provider, GARAGE)
    assert device.controls[Control.PLUG_AND_CHARGE].value is True
    await provider.execute(
        SetControl(device_id=GARAGE, control=Control.PLUG_AND_CHARGE, value=False)
    )
    assert bodies[-1] == {"enabled": False}


async def test_restart_takes_the_charger_away_for_a_while(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    await provider.execute(Reset(device_id=GARAGE))
    account.step(2)
    assert (await read(provider, GARAGE)).online is False
    account.step(10)
    assert (await read(provider, GARAGE)).online is True


# How it ends when it does not end well


COMMANDS: dict[str, Command] = {
    "start": StartCharging(device_id=DRIVEWAY),
    "stop": StopCharging(device_id=DRIVEWAY),
    "restart": Reset(device_id=DRIVEWAY),
    "charge-limit": limit(8.0),
    "charging-profile": SetChargingProfile(
        device_id=DRIVEWAY,
        profile=ChargingProfile(periods=(SchedulePeriod(start_period=0, limit=9),)),
    ),
    "clear-charging-profile": ClearLimit(device_id=DRIVEWAY),
}
SETTINGS: dict[str, Command] = {
    "lock": SetControl(device_id=DRIVEWAY, control=Control.LOCK, value=True),
    "plug-charge": SetControl(
        device_id=DRIVEWAY, control=Control.PLUG_AND_CHARGE, value=True
    ),
}


async def prepare(
    account: PlugchoiceAccount, provider: PlugchoiceProvider, action: str
) -> None:
    """Bring the charger into the state that the action is for."""
    account.connector().plug_in()
    if action in ("stop", "charge-limit"):
        account.connector().start(BLUE)
    await provider.poll()


@pytest.mark.parametrize("action", COMMANDS)
async def test_rejected_with_http_200(
    account: PlugchoiceAccount, provider: PlugchoiceProvider, action: str
) -> None:
    await prepare(account, provider, action)
    account.cloud.quirks["reject"] = [action]
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(COMMANDS[action])
    assert caught.value.reason == Refusal.REJECTED


@pytest.mark.parametrize("action", COMMANDS)
async def test_no_answer_and_yet_it_takes_effect(
    account: PlugchoiceAccount, provider: PlugchoiceProvider, action: str
) -> None:
    await prepare(account, provider, action)
    account.cloud.quirks["no_answer"] = True
    account.requests()
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(COMMANDS[action])
    assert caught.value.reason == Refusal.NO_ANSWER
    assert caught.value.uncertain
    assert caught.value.message == "The charger did not respond in time."
    posts = [path for path in account.requests() if path.startswith("POST")]
    assert len(posts) == 1  # nothing is tried twice
    if action == "start":
        account.step(3)
        assert (await read(provider)).charging


async def test_time_out_is_no_answer(
    account: PlugchoiceAccount,
    provider: PlugchoiceProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "_ACTION_TIMEOUT", 0.05)
    account.fail(path="/actions/restart", kind="delay", delay=0.2)
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(Reset(device_id=DRIVEWAY))
    assert caught.value.reason == Refusal.NO_ANSWER


@pytest.mark.parametrize("action", [*COMMANDS, *SETTINGS])
@pytest.mark.parametrize(("fault", "error", "reason"), CLOUD_FAULTS)
async def test_faults_of_the_cloud(
    account: PlugchoiceAccount,
    provider: PlugchoiceProvider,
    action: str,
    fault: dict[str, Any],
    error: type[ChargingError],
    reason: str,
) -> None:
    await prepare(account, provider, action)
    account.fail(method="POST", path=f"/{action}$", **fault)
    with pytest.raises(error) as caught:
        await provider.execute((COMMANDS | SETTINGS)[action])
    assert caught.value.reason == reason
    assert account.settings["token"] not in str(caught.value)


@pytest.mark.parametrize(
    "fault", [{"kind": "empty"}, {"kind": "null_body"}, {"body": {}}]
)
async def test_answer_without_a_verdict(
    account: PlugchoiceAccount, provider: PlugchoiceProvider, fault: dict[str, Any]
) -> None:
    account.fail(path="/actions/restart", status=200, **fault)
    with pytest.raises(UnusableAnswerError):
        await provider.execute(Reset(device_id=DRIVEWAY))


@pytest.mark.parametrize(
    ("word", "error"),
    [("NotSupported", NotSupportedError), ("Mañana", CommandRefusedError)],
)
async def test_other_verdicts(
    account: PlugchoiceAccount,
    provider: PlugchoiceProvider,
    word: str,
    error: type[ChargingError],
) -> None:
    account.fail(path="/actions/restart", status=200, body={"status": word})
    with pytest.raises(error) as caught:
        await provider.execute(Reset(device_id=DRIVEWAY))
    assert caught.value.message == word


async def test_verdict_in_an_envelope(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    body = {"data": {"status": "Accepted"}}
    account.fail(path="/actions/restart", status=200, body=body)
    assert (await provider.execute(Reset(device_id=DRIVEWAY))).message == "Accepted"


@pytest.mark.parametrize("action", COMMANDS)
async def test_offline_charger_is_not_asked(
    account: PlugchoiceAccount, provider: PlugchoiceProvider, action: str
) -> None:
    await prepare(account, provider, action)
    account.connector().station.set_online(False)
    await provider.poll()
    account.requests()
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(COMMANDS[action])
    assert caught.value.reason == Refusal.OFFLINE
    assert not [path for path in account.requests() if path.startswith("POST")]


async def test_charger_that_came_back_is_asked(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    station = account.connector().station
    station.set_online(False)
    await provider.poll()
    station.set_online(True)
    assert (await provider.execute(Reset(device_id=DRIVEWAY))).message == "Accepted"


async def test_charger_that_went_away_since(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    account.connector().station.set_online(False)
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(Reset(device_id=DRIVEWAY))
    assert caught.value.reason == Refusal.NO_ANSWER


@pytest.mark.parametrize(
    ("action", "gone"),
    [
        ("start", StartCharging),
        ("stop", StopCharging),
        ("restart", Reset),
        ("clear-charging-profile", ClearLimit),
        ("charging-profile", SetChargingProfile),
    ],
)
async def test_forbidden_command_is_offered_no_more(
    account: PlugchoiceAccount,
    provider: PlugchoiceProvider,
    action: str,
    gone: type[Command],
) -> None:
    await prepare(account, provider, action)
    account.cloud.quirks["forbidden"] = [f"POST .*/{action}$"]
    with pytest.raises(PermissionDeniedError) as caught:
        await provider.execute(COMMANDS[action])
    assert caught.value.message == "This action is unauthorized."
    poll = await provider.poll()
    device = poll.fleet[DRIVEWAY]
    assert gone not in device.commands
    assert (Control.CHARGING in device.controls) is (action not in ("start", "stop"))
    assert [notice.device_id for notice in poll.notices] == [DRIVEWAY]
    account.cloud.quirks["forbidden"] = []
    account.step(3600)
    poll = await provider.poll()
    assert gone in poll.fleet[DRIVEWAY].commands
    assert poll.notices == ()


async def test_forbidden_limit_is_offered_no_more(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    charge(account)
    account.cloud.quirks["forbidden"] = ["POST .*/charge-limit$"]
    with pytest.raises(PermissionDeniedError):
        await provider.execute(limit(8.0))
    device = await read(provider)
    assert Control.CURRENT_LIMIT not in device.controls
    assert Control.CHARGING in device.controls


@pytest.fixture
async def silent(account: PlugchoiceAccount) -> PlugchoiceProvider:
    """Return a provider while a session runs of which nobody tells the limit."""
    account.cloud.quirks["omit"] = ["current_limit"]
    account.cloud.quirks["measurands"] = ["Energy.Active.Import.Register"]
    charge(account)
    provider = account.provider()
    await provider.poll()
    return provider


def asked(account: PlugchoiceAccount) -> int:
    """Return how often the charger was asked what it grants."""
    path = "POST /chargers/driveway/actions/composite-schedule"
    return account.requests().count(path)


async def test_limit_that_only_the_charger_knows(
    account: PlugchoiceAccount, silent: PlugchoiceProvider
) -> None:
    device = await read(silent)
    assert device.controls[Control.CURRENT_LIMIT].value is None
    assert asked(account) == 1
    await silent.execute(limit(8.0))
    assert (await read(silent)).controls[Control.CURRENT_LIMIT].value == 8
    await silent.execute(limit(0.0))
    device = await read(silent)
    assert device.controls[Control.CURRENT_LIMIT].value == 0
    assert device.controls[Control.CHARGING].value is False
    assert asked(account) == 2
    account.connector().set_limit("plugchoice", 10)  # changed elsewhere
    await silent.poll()
    assert asked(account) == 0
    account.step(60)
    assert (await read(silent)).controls[Control.CURRENT_LIMIT].value == 10
    assert asked(account) == 1


async def test_limit_granted_ends_with_the_session(
    account: PlugchoiceAccount, silent: PlugchoiceProvider
) -> None:
    account.connector().stop()
    assert (await read(silent)).controls[Control.CURRENT_LIMIT].value is None
    account.connector().unplug()
    await silent.poll()
    charge(account)
    account.fail(method="POST", path="composite-schedule", status=500)
    assert (await read(silent)).controls[Control.CURRENT_LIMIT].value is None


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 200, "body": {"status": "Rejected"}},
        {"status": 400},
        {"status": 403},
        {"status": 404},
        {"status": 504},
    ],
)
async def test_charger_that_tells_no_limit_is_left_alone(
    account: PlugchoiceAccount, silent: PlugchoiceProvider, fault: dict[str, Any]
) -> None:
    account.fail(method="POST", path="composite-schedule", times=None, **fault)
    account.step(60)
    poll = await silent.poll()
    assert poll.fleet[DRIVEWAY].controls[Control.CURRENT_LIMIT].value is None
    assert poll.notices == ()
    account.requests()
    account.step(60)
    await silent.poll()
    assert asked(account) == 0


@pytest.mark.parametrize(
    ("schedule", "granted"),
    [
        (None, None),
        ({"chargingSchedulePeriod": [{"startPeriod": 0, "limit": "9"}]}, 9),
        (
            {
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 9}],
            },
            None,
        ),
        ({"chargingSchedulePeriod": [{"startPeriod": 30, "limit": 9}]}, None),
        ({"chargingRateUnit": "A", "chargingSchedulePeriod": None}, None),
    ],
)
async def test_composite_schedules(
    account: PlugchoiceAccount,
    silent: PlugchoiceProvider,
    schedule: dict[str, Any] | None,
    granted: float | None,
) -> None:
    body = {"status": "Accepted", "chargingSchedule": schedule}
    account.fail(method="POST", path="composite-schedule", status=200, body=body)
    account.step(60)
    device = await read(silent)
    assert device.readings.get(Reading.CURRENT_OFFERED) == granted
    assert device.controls[Control.CURRENT_LIMIT].value is None  # nobody set one


async def test_limit_granted_is_no_substitute_for_the_current_offered(
    account: PlugchoiceAccount, silent: PlugchoiceProvider
) -> None:
    account.cloud.quirks["measurands"] = ["Current.Offered"]
    account.connector().set_limit("plugchoice", 8)
    account.step(31)
    await silent.poll()
    assert (await read(silent)).readings[Reading.CURRENT_OFFERED] == 8
    account.fail(path="latest-metervalue", status=500, times=None)
    account.step(400)
    assert (await read(silent)).readings[Reading.CURRENT_OFFERED] is None


async def test_charger_is_not_asked_what_the_cloud_tells(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    charge(account)
    await provider.poll()
    assert asked(account) == 0


async def test_bounds_where_nobody_states_a_maximum(account: PlugchoiceAccount) -> None:
    account.cloud.quirks.update(omit=["max_amperage"], max_current="null")
    account.cloud.add_charger(Station("d3b0", "Plain"))
    provider = account.provider()
    await provider.poll()
    state = (await read(provider, "d3b0")).controls[Control.CURRENT_LIMIT]
    assert (state.minimum, state.maximum, state.step) == (6, None, 1)


async def test_bound_that_nobody_states_any_more_is_gone(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    before = (await read(provider)).controls[Control.CURRENT_LIMIT]
    assert before.maximum == 16
    account.cloud.quirks.update(omit=["max_amperage"], max_current="null")
    device = await read(provider)
    assert device.controls[Control.CURRENT_LIMIT].maximum is None
    assert device.readings[Reading.MAXIMUM_CURRENT] is None


async def test_offer_is_no_limit(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    """What others grant is told as what is offered, not as a limit of this account."""
    charge(account).set_limit("balancer", 9)
    device = await read(provider)
    assert device.readings[Reading.CURRENT_OFFERED] == 9
    assert device.controls[Control.CURRENT_LIMIT].value is None


async def test_limit_that_was_rejected_is_none(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    charge(account).set_limit("balancer", 9)
    await provider.poll()
    account.cloud.quirks["reject"] = ["charge-limit", "charging-profile"]
    for duration in (None, timedelta(minutes=10)):
        with pytest.raises(CommandRefusedError):
            await provider.execute(limit(8.0, duration=duration))
    assert (await read(provider)).controls[Control.CURRENT_LIMIT].value is None


async def test_limit_that_may_have_been_taken_is_looked_for(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    charge(account)
    await provider.poll()
    account.cloud.quirks["no_answer"] = True
    with pytest.raises(CommandRefusedError):
        await provider.execute(limit(8.0))
    assert (await read(provider)).controls[Control.CURRENT_LIMIT].value == 8


async def test_limit_of_a_session_is_known_after_a_restart(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    connector = charge(account)
    await provider.poll()
    await provider.execute(limit(8.0))
    again = account.provider()
    await again.poll()
    assert (await read(again)).controls[Control.CURRENT_LIMIT].value == 8
    # Nor is it taken for one of the next session.
    connector.stop()
    connector.start(BLUE)
    connector.set_limit("balancer", 9)
    later = account.provider()
    await later.poll()
    assert (await read(later)).controls[Control.CURRENT_LIMIT].value is None


async def test_charger_held_back_by_others_stays_switched_on(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    charge(account).set_limit("balancer", 0)
    device = await read(provider)
    assert device.readings[Reading.STATUS] is ChargingStatus.SUSPENDED_EVSE
    assert device.controls[Control.CHARGING].value is True


async def test_commands_cost_few_requests(
    account: PlugchoiceAccount, provider: PlugchoiceProvider
) -> None:
    """Sent, read at once; a start is looked for among the running sessions."""
    charge(account)
    await provider.poll()
    account.requests()
    await provider.execute(limit(8.0))
    await provider.read(DRIVEWAY)
    assert len(account.requests()) <= 4
    await provider.execute(StopCharging(device_id=DRIVEWAY))
    account.step(2)
    await provider.read(DRIVEWAY)
    assert len(account.requests()) <= 4
    result = await provider.execute(StartCharging(device_id=DRIVEWAY))
    await provider.read(DRIVEWAY)
    account.step(3)
    assert result.id is not None
    await provider.follow(DRIVEWAY, result.id)
    assert (await read(provider)).charging
    assert len(account.requests()) <= 8


async def test_id_is_one_segment_of_a_path(account: PlugchoiceAccount) -> None:
    odd = "a/../b?c"
    account.cloud.add_charger(Station(odd, "Odd"))
    account.cloud.add_charger(Station("..", "Above"))
    provider = account.provider()
    fleet = (await provider.poll()).fleet
    assert not fleet[odd].stale
    assert fleet[".."].stale  # no path can name it
    assert (await provider.execute(Reset(device_id=odd))).message == "Accepted"
    with pytest.raises(NotFoundError):
        await provider.read("..")


async def test_command_passes_a_poll_that_waits_for_its_pace(
    account: PlugchoiceAccount,
) -> None:
    """With many chargers charging a poll is paced; a stop leaves all the same."""
    provider, connector = account.provider(), account.connector()
    connector.plug_in()
    connector.start(BLUE)
    await provider.poll()
    lane = provider._client._transport._lanes[False]
    lane.limiter = AsyncLimiter(1, 3600)
    await lane.limiter.acquire()
    poll = asyncio.create_task(provider.poll())
    await asyncio.sleep(0)
    with command_lane():
        await asyncio.wait_for(
            provider.execute(StopCharging(device_id=DRIVEWAY)), timeout=5
        )
        await asyncio.wait_for(provider.read(DRIVEWAY), timeout=5)
    assert any(each.endswith("stop") for each in account.requests())
    assert not poll.done()
    poll.cancel()
    with suppress(asyncio.CancelledError):
        await poll
