"""What AMPS is told to do, and what becomes of it."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    CancelScheduled,
    ChargingError,
    Command,
    CommandRefusedError,
    Control,
    NotFoundError,
    NoticeKind,
    NotSupportedError,
    Outcome,
    PermissionDeniedError,
    RateLimitedError,
    Reading,
    Refresh,
    Refusal,
    ServerFaultError,
    SetControl,
    StartCharging,
    StopCharging,
    Unlock,
    UnreachableError,
    UnusableAnswerError,
)
from simulator.clouds.amps import LIVE_KEY
from simulator.faults import Fault
from simulator.world import State

from .amps_account import ONE, TWO, Account, open_account

START, STOP = StartCharging(device_id=ONE), StopCharging(device_id=ONE)
LATER = replace(START, delay=timedelta(hours=1.5))


def cap(watts: float) -> SetControl:
    return SetControl(device_id=ONE, control=Control.POWER_LIMIT, value=watts)


@pytest.fixture
async def account(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Account]:
    async with open_account(session, monkeypatch) as account:
        account.connector().plug_in()
        await account.settle()
        account.asked()
        yield account


async def turn_to(account: Account, profile: str) -> None:
    """Let the account be of another generation."""
    account.cloud.quirks["profile"] = profile
    account.connect()
    await account.settle()
    account.asked()


async def refusal(
    account: Account, command: Command, error: type[ChargingError] = CommandRefusedError
) -> tuple[str, str]:
    """Carry out what will be refused."""
    try:
        result = await account.carry_out(command)
    except error as err:
        return err.message, err.reason
    assert result.outcome is Outcome.REFUSED
    return result.message or "", result.reason or ""


# Start, stop, cap


@pytest.mark.parametrize(
    ("profile", "route"),
    [
        ("A", ["GET /actions/{}", "GET /ev-charger/actions/{}"]),
        ("B", ["GET /actions/{}"]),
        ("C", ["GET /actions/{}"]),
    ],
)
async def test_start_and_stop(account: Account, profile: str, route: list[str]) -> None:
    await turn_to(account, profile)
    result = await account.carry_out(START)
    assert result.outcome is Outcome.COMPLETED
    assert result.message == "Command accepted"
    assert account.asked() == [
        f"POST /ev-charger/{ONE}",
        *(path.format("act_sim_0001") for path in route),
    ]
    device = await account.fresh()
    assert device.readings[Reading.CHARGING] is True
    assert device.readings[Reading.LAST_ACTION] == "completed"
    account.asked()
    result = await account.carry_out(STOP)
    assert result.outcome is Outcome.COMPLETED
    # What worked is remembered.
    assert account.asked() == [
        f"POST /ev-charger/{ONE}",
        route[-1].format("act_sim_0002"),
    ]
    assert (await account.fresh()).readings[Reading.CHARGING] is False
    # The newest generation pauses, the older ones end the session.
    assert (account.connector().session is not None) is (profile == "C")


async def test_resume(account: Account) -> None:
    for command in (START, STOP, START):
        await account.carry_out(command)
    assert account.connector().state is State.CHARGING
    assert len(account.connector().sessions) == 1


async def test_cap_as_a_setting(account: Account) -> None:
    await account.carry_out(START)
    account.asked()
    result = await account.carry_out(cap(6543))
    assert result.outcome is Outcome.ACCEPTED
    assert account.asked() == [f"POST /ev-charger/{ONE}/settings"]
    device = await account.fresh()
    assert device.controls[Control.POWER_LIMIT].value == 6500
    assert device.readings[Reading.POWER] == 6500


async def test_cap_that_shows_late(account: Account) -> None:
    account.cloud.quirks["settings_seconds"] = 70
    await account.carry_out(cap(5000))
    device = await account.device(61)
    assert device.controls[Control.POWER_LIMIT].value == 11_000
    device = await account.device(25)
    assert device.controls[Control.POWER_LIMIT].value == 11_000
    assert (await account.fresh()).controls[Control.POWER_LIMIT].value == 5000


@pytest.mark.parametrize("profile", ["A", "B"])
async def test_cap_as_a_command(account: Account, profile: str) -> None:
    await turn_to(account, profile)
    result = await account.carry_out(cap(6500))
    assert result.outcome is Outcome.COMPLETED
    assert account.connector().max_power_w == 6500
    assert account.asked()[0] == f"POST /ev-charger/{ONE}"
    # AMPS does not tell it, so nothing is shown.
    device = await account.fresh()
    assert device.controls[Control.POWER_LIMIT].value is None


async def test_cap_stays_within_its_bounds_when_rounded(account: Account) -> None:
    await account.carry_out(cap(50_040))
    assert account.connector().max_power_w == 50_000


async def test_cap_that_is_not_written(account: Account) -> None:
    body = {"success": True, "data": {"deviceId": ONE, "updated": []}}
    account.cloud.faults.add(Fault(status=200, body=body, path="settings$"))
    assert (await refusal(account, cap(5000)))[1] == Refusal.NOT_APPLIED


@pytest.mark.parametrize(
    "setting",
    [
        {"value": 16, "unit": "amps", "min": 6, "max": 32},
        {"value": 16, "min": 6, "max": 32},
        None,
    ],
)
async def test_cap_in_a_unit_nobody_knows(account: Account, setting: Any) -> None:
    data = {"id": ONE, "commands": {}, "settings": {"max_charge_rate": setting}}
    account.cloud.faults.add(Fault(status=200, body=data, path=f"{ONE}$", times=1))
    device = await account.device(901)
    assert device.controls == {}
    assert (await refusal(account, cap(1), NotSupportedError))[1] == "not_offered"


async def test_cap_out_of_the_documented_range(account: Account) -> None:
    data = {"id": ONE, "settings": {"max_charge_rate": {"unit": "kw", "max": 80}}}
    account.cloud.faults.add(Fault(status=200, body=data, path=f"{ONE}$"))
    control = (await account.device(901)).controls[Control.POWER_LIMIT]
    assert (control.value, control.minimum, control.maximum) == (None, 0, 80_000)
    message, reason = await refusal(account, cap(60_000))
    assert message == "max_charge_rate must be between 0 and 50 kw."
    assert reason == Refusal.INVALID_VALUE


async def test_setting_that_is_read_only(account: Account) -> None:
    account.cloud.quirks["settings_read_only"] = True
    reason = (await refusal(account, cap(5000), NotSupportedError))[1]
    assert reason == "read_only_setting"


async def test_refresh_is_the_expedited_read_that_follows(account: Account) -> None:
    connector = account.connector()
    connector.start()
    account.step(61)
    assert (await account.carry_out(Refresh(device_id=ONE))).id is None
    assert account.asked() == []
    device = (await account.provider.read(ONE))[ONE]
    assert device.readings[Reading.CHARGING] is True
    assert account.asked() == [f"GET /ev-charger/{ONE}"]


async def test_what_amps_honours(account: Account) -> None:
    device = await account.fresh()
    assert device.commands[StartCharging] == {"delay"}
    assert device.commands[StopCharging] == {"delay"}
    assert not device.controls[Control.POWER_LIMIT].timed
    reason = (await refusal(account, Unlock(device_id=ONE), NotSupportedError))[1]
    assert reason == "not_offered"


@pytest.mark.parametrize(
    ("wanted", "sent"), [(3680, 3600), (6543, 6500), (3600, 3600), (100, 100), (0, 0)]
)
async def test_cap_is_never_above_what_was_asked(
    account: Account, wanted: float, sent: float
) -> None:
    await account.carry_out(cap(wanted))
    assert account.connector().max_power_w == sent


@pytest.mark.parametrize("wanted", [1, 50, 99.9])
async def test_cap_that_would_round_to_a_stop(account: Account, wanted: float) -> None:
    await account.carry_out(cap(5000))
    account.asked()
    assert await refusal(account, cap(wanted)) == (
        f"{wanted:g} W is not in the range 100 to 50000 W",
        Refusal.OUT_OF_RANGE,
    )
    assert account.asked() == []
    assert account.connector().max_power_w == 5000


async def test_cap_at_the_least_that_the_charger_takes(account: Account) -> None:
    """It is not rounded down to less than that."""
    bounds = {"value": 11, "unit": "kw", "min": 1.38, "max": 11}
    data = {"id": ONE, "commands": {}, "settings": {"max_charge_rate": bounds}}
    account.cloud.faults.add(Fault(status=200, body=data, path=f"{ONE}$", times=1))
    await account.device(901)
    await account.carry_out(cap(1390))
    assert account.connector().max_power_w == 1380
    assert (await refusal(account, cap(1370)))[0] == (
        "1370 W is not in the range 1380 to 11000 W"
    )


async def test_charger_nobody_knows(account: Account) -> None:
    with pytest.raises(NotFoundError):
        await account.carry_out(replace(START, device_id="dev_other"))


@pytest.mark.parametrize(
    ("commands", "offered"),
    [
        ({"charge": {"execution": ["immediate"]}}, {StartCharging, Refresh}),
        ({"idle": {"execution": ["immediate"]}}, {StopCharging, Refresh}),
        ({"charge": {"execution": ["scheduled"]}}, {CancelScheduled, Refresh}),
        ({"charge": {"execution": "immediate"}, "idle": None}, {Refresh}),
        (None, {Refresh}),
    ],
)
async def test_only_what_the_charger_offers(
    account: Account, commands: Any, offered: set[type[Command]]
) -> None:
    body = {"id": ONE, "commands": commands}
    account.cloud.faults.add(Fault(status=200, body=body, path=f"{ONE}$"))
    device = await account.device(901)
    assert device.commands.keys() == offered
    assert device.controls == {}


# Following an action


@pytest.mark.parametrize("profile", ["A", "B", "C"])
@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        (
            "DEVICE_OFFLINE",
            "The charger could not be reached. (DEVICE_OFFLINE)",
            Refusal.OFFLINE,
        ),
        (
            "SCHEDULER_ACTIVE",
            "The maker's own schedule is active. (SCHEDULER_ACTIVE)",
            "scheduler_active",
        ),
    ],
)
async def test_action_fails(
    account: Account, profile: str, code: str, message: str, reason: str
) -> None:
    await turn_to(account, profile)
    account.cloud.quirks["action_error"] = code
    assert await refusal(account, START) == (message, reason)
    device = await account.fresh()
    assert device.readings[Reading.LAST_ACTION] == "failed"
    assert device.readings[Reading.LAST_ACTION_ERROR] == message
    account.cloud.quirks["action_error"] = None
    await account.carry_out(START)
    device = await account.fresh()
    assert device.readings[Reading.LAST_ACTION_ERROR] is None


async def test_offline_charger_fails_its_action(account: Account) -> None:
    account.cloud.stations[ONE].set_online(False)
    assert (await refusal(account, START))[1] == Refusal.OFFLINE


async def test_no_vehicle(account: Account) -> None:
    account.connector().unplug()
    result = await account.carry_out(START)
    assert result.outcome is Outcome.COMPLETED  # the maker took it, without effect
    assert (await account.fresh()).readings[Reading.CHARGING] is False
    account.cloud.quirks["no_vehicle_error"] = "VEHICLE_NOT_CONNECTED"
    assert (await refusal(account, START))[1] == "vehicle_not_connected"


async def test_completed_without_success_is_a_refusal(account: Account) -> None:
    result = {"success": False, "error": "no"}
    body = {"id": "act_sim_0001", "state": "completed", "result": result}
    account.cloud.faults.add(Fault(status=200, body=body, path="^/actions"))
    assert await refusal(account, START) == ("no", "failed")


async def test_action_that_fails_at_once(account: Account) -> None:
    body = {"id": "act_sim_0001", "state": "failed", "errorCode": "TIMEOUT"}
    account.cloud.faults.add(Fault(method="POST", status=202, body=body))
    assert await refusal(account, START) == ("(TIMEOUT)", Refusal.NO_ANSWER)


async def test_action_that_somebody_cancels(account: Account) -> None:
    body = {"id": "act_sim_0001", "state": "cancelled"}
    account.cloud.faults.add(Fault(status=200, body=body, path="^/actions"))
    assert (await refusal(account, START))[1] == "cancelled"


async def test_action_takes_its_time(account: Account) -> None:
    account.cloud.quirks["action_seconds"] = 10
    result = await account.carry_out(START)
    assert result.outcome is Outcome.COMPLETED
    assert account.asked()[1:] == ["GET /actions/act_sim_0001"] * 3


async def test_asking_fails_without_harm(account: Account) -> None:
    account.cloud.faults.add(Fault(path="^/actions", status=503))
    account.cloud.faults.add(Fault(path="^/actions", status=401))
    account.cloud.faults.add(Fault(path="^/actions", kind="garbage"))
    result = await account.carry_out(START)
    assert result.outcome is Outcome.COMPLETED
    assert account.asked().count(f"POST /ev-charger/{ONE}") == 1


@pytest.mark.parametrize("profile", ["A", "C"])
async def test_slow_action_is_followed_by_the_polls(
    account: Account, profile: str
) -> None:
    await turn_to(account, profile)
    account.cloud.quirks.update(action_seconds=170, action_error="TIMEOUT")
    result = await account.provider.execute(START)
    assert result.outcome is Outcome.ACCEPTED
    assert result.id == "act_sim_0001"
    readings = (await account.device(60)).readings
    assert readings[Reading.LAST_ACTION] == "acknowledged"
    await account.poll(60)
    account.asked()
    readings = (await account.device(60)).readings
    # The newest generation's list tells of it.
    record = "GET /ev-charger/actions/act_sim_0001"
    assert account.asked() == [
        "GET /ev-charger",
        *([] if profile == "C" else [record]),
        f"GET /ev-charger/{ONE}",
    ]
    assert readings[Reading.LAST_ACTION] == "failed"
    assert readings[Reading.LAST_ACTION_ERROR] == "The command failed. (TIMEOUT)"


async def test_stuck_action_is_followed_at_the_usual_pace(account: Account) -> None:
    account.cloud.quirks["stuck_actions"] = True
    await account.provider.execute(START)
    for _ in range(6):
        await account.poll(60)
    account.asked()
    for _ in range(10):
        await account.poll(60)
    assert account.asked().count("GET /actions/act_sim_0001") == 2


async def test_action_that_is_forgotten(account: Account) -> None:
    account.cloud.quirks["stuck_actions"] = True
    await account.provider.execute(START)
    body = {"id": ONE, "commands": {}, "lastAction": None}
    account.cloud.faults.add(Fault(path="^/actions", status=404))
    account.cloud.faults.add(Fault(path=f"{ONE}$", status=200, body=body))
    readings = (await account.device(60)).readings
    assert readings[Reading.LAST_ACTION] is None


async def test_forgotten_action_that_is_still_told_of(account: Account) -> None:
    """The charger goes on telling of an action whose record is gone."""
    account.cloud.quirks["stuck_actions"] = True
    await account.provider.execute(START)
    account.connect()
    await account.settle()
    account.cloud.faults.add(Fault(path="/actions/", status=404, times=None))
    account.asked()
    for _ in range(10):
        await account.poll(60)
    assert 1 <= account.asked().count(f"GET /ev-charger/{ONE}") <= 2


async def test_polls_survive_that_asking_fails(account: Account) -> None:
    account.cloud.quirks["stuck_actions"] = True
    await account.provider.execute(START)
    account.cloud.faults.add(Fault(path="^/actions", status=503))
    assert not (await account.device(60)).stale


async def test_effect_shows_within_a_minute(account: Account) -> None:
    """A read may show what AMPS pulled up to a minute ago, a watched charger's too."""
    await account.fresh()
    await account.provider.execute(START)
    device = (await account.provider.read(ONE))[ONE]
    assert device.readings[Reading.CHARGING] is False
    assert (await account.device(60)).readings[Reading.CHARGING] is True
    account.step(120)
    await account.settle()
    account.asked()
    for _ in range(3):
        await account.poll(60)
    # Nobody watches it any more: it is read as any charger that charges.
    assert account.asked().count(f"GET /ev-charger/{ONE}") <= 2


async def test_effect_that_lags_behind_the_maker(account: Account) -> None:
    """A command is completed when the maker took it: what shows is what is read."""
    account.cloud.quirks["effect_seconds"] = 45
    result = await account.carry_out(START)
    assert result.outcome is Outcome.COMPLETED
    device = (await account.provider.read(ONE))[ONE]
    assert device.readings[Reading.CHARGING] is False
    # It is watched, and read as AMPS's maker has it each minute.
    assert (await account.device(61)).readings[Reading.CHARGING] is True


async def test_action_at_a_new_address(account: Account) -> None:
    link = {"self": "/v3/charger-actions/act_sim_0001"}
    body = {"id": "act_sim_0001", "state": "acknowledged", "links": link}
    account.cloud.faults.add(Fault(method="POST", status=202, body=body))
    record = {**body, "deviceId": ONE, "state": "completed"}
    account.cloud.faults.add(Fault(path="^/v3", status=200, body=record))
    assert (await account.carry_out(START)).outcome is Outcome.COMPLETED
    assert account.asked()[1:] == ["GET /v3/charger-actions/act_sim_0001"]


async def test_action_without_a_link(account: Account) -> None:
    account.cloud.quirks["links"] = False
    assert (await account.carry_out(START)).outcome is Outcome.COMPLETED


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/actions",
        "//evil.example/act/1",
        "/ev-charger/../keys/act/1",
        "/actions?x=/act/1",
        "/act/1",
        7,
    ],
)
async def test_link_elsewhere_is_not_followed(account: Account, link: Any) -> None:
    body = {"id": "act/1", "state": "acknowledged", "links": {"self": link}}
    account.cloud.faults.add(Fault(method="POST", status=202, body=body))
    assert (await account.provider.execute(START)).outcome is Outcome.ACCEPTED
    with pytest.raises(NotFoundError):
        await account.provider.follow(ONE, "act/1")
    assert account.asked()[1] == "GET /actions/act/1"


# Asking after an action later


@pytest.mark.parametrize(
    ("profile", "route"),
    [
        ("A", "/ev-charger/actions/act_sim_0001"),
        ("B", "/actions/act_sim_0001"),
        ("C", "/actions/act_sim_0001"),
    ],
)
async def test_action_is_followed_on_request(
    account: Account, profile: str, route: str
) -> None:
    await turn_to(account, profile)
    account.cloud.quirks["action_seconds"] = 60
    accepted = await account.provider.execute(START)
    assert accepted.outcome is Outcome.ACCEPTED
    assert accepted.id
    await account.provider.follow(ONE, accepted.id)
    account.asked()
    followed = await account.provider.follow(ONE, accepted.id)
    assert (followed.outcome, followed.id) == (Outcome.ACCEPTED, accepted.id)
    account.step(60)
    result = await account.provider.follow(ONE, accepted.id)
    assert (result.outcome, result.id) == (Outcome.COMPLETED, accepted.id)
    assert result.message == "Command accepted"
    assert account.asked() == [f"GET {route}"] * 2
    # The polls find it out by themselves.
    readings = (await account.device(60)).readings
    assert readings[Reading.LAST_ACTION] == "completed"


async def test_action_that_was_put_off_is_followed(account: Account) -> None:
    put_off = await account.provider.execute(LATER)
    assert put_off.id
    # A restart loses nothing, nor does a later command.
    account.connect()
    await account.settle()
    followed = await account.provider.follow(ONE, put_off.id)
    assert (followed.outcome, followed.id) == (Outcome.DEFERRED, put_off.id)
    assert followed.due_at is not None
    await account.provider.execute(STOP)
    result = await account.provider.follow(ONE, put_off.id)
    assert (result.outcome, result.reason) == (Outcome.REFUSED, "cancelled")


@pytest.mark.parametrize(
    ("profile", "command", "kind", "parameters"),
    [
        ("A", START, "charge", {}),
        ("A", cap(6500), "max_charge_rate", {"maxPower": 6.5}),
        ("B", STOP, "idle", {}),
        ("C", STOP, "idle", {}),
    ],
)
async def test_record_of_an_action(
    account: Account,
    profile: str,
    command: Command,
    kind: str,
    parameters: dict[str, float],
) -> None:
    """All that AMPS has on record of a command comes back when it is asked for."""
    await turn_to(account, profile)
    sent = await account.provider.execute(command)
    account.step(5)
    result = await account.provider.follow(ONE, sent.id or "")
    assert (result.outcome, result.action) == (Outcome.COMPLETED, kind)
    assert result.parameters == parameters
    assert result.vendor_result == {"success": True, "message": "Command accepted"}
    assert result.error_code is None
    assert result.created_at is not None
    assert result.acknowledged_at is not None
    assert result.finished_at == result.updated_at
    assert result.finished_at is not None
    assert result.created_at <= result.acknowledged_at <= result.finished_at


async def test_failed_action_is_returned_and_shown_at_once(account: Account) -> None:
    await account.carry_out(STOP)
    account.cloud.quirks["action_error"] = "DEVICE_OFFLINE"
    sent = await account.provider.execute(START)
    account.step(5)
    result = await account.provider.follow(ONE, sent.id or "")
    assert (result.outcome, result.reason) == (Outcome.REFUSED, Refusal.OFFLINE)
    assert result.error_code == "DEVICE_OFFLINE"
    assert result.vendor_result == {
        "success": False,
        "error": "The charger could not be reached.",
    }
    # What AMPS shows of the charger may be a minute old: the action is newer.
    for fleet in (
        await account.provider.read(ONE),
        (await account.provider.poll()).fleet,
    ):
        readings = fleet[ONE].readings
        assert readings[Reading.LAST_ACTION] == "failed"
        assert readings[Reading.LAST_ACTION_ERROR] == result.message


@pytest.mark.parametrize("profile", ["A", "C"])
async def test_failure_is_found_later(account: Account, profile: str) -> None:
    await turn_to(account, profile)
    account.cloud.quirks.update(action_seconds=60, action_error="TIMEOUT")
    accepted = await account.provider.execute(START)
    assert accepted.id
    account.step(60)
    result = await account.provider.follow(ONE, accepted.id)
    assert result.outcome is Outcome.REFUSED
    assert result.reason == Refusal.NO_ANSWER
    assert result.message == "The command failed. (TIMEOUT)"
    assert result.error_code == "TIMEOUT"


@pytest.mark.parametrize("profile", ["A", "B", "C"])
async def test_action_nobody_knows(account: Account, profile: str) -> None:
    await turn_to(account, profile)
    with pytest.raises(NotFoundError):
        await account.provider.follow(ONE, "act_other")
    with pytest.raises(NotFoundError):
        await account.provider.follow("dev_other", "act_other")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 503}, ServerFaultError),
        ({"status": 401}, RateLimitedError),
        ({"kind": "drop"}, UnreachableError),
    ],
)
async def test_following_fails(
    account: Account, fault: dict[str, Any], error: type[Exception]
) -> None:
    result = await account.provider.execute(START)
    assert result.id
    account.cloud.faults.add(Fault(path="^/actions", times=None, **fault))
    with pytest.raises(error):
        await account.provider.follow(ONE, result.id)


# Errors of the push itself


@pytest.mark.parametrize(
    ("code", "status", "error", "reason"),
    [
        ("DEVICE_OFFLINE", 409, CommandRefusedError, Refusal.OFFLINE),
        ("TIMEOUT", 504, CommandRefusedError, Refusal.NO_ANSWER),
        ("VALIDATION_ERROR", 400, CommandRefusedError, "validation_error"),
        ("SOMETHING_NEW", 418, CommandRefusedError, "something_new"),
        ("UNSUPPORTED_MODE", 422, NotSupportedError, "unsupported_mode"),
        ("DEVICE_NOT_FOUND", 404, NotFoundError, "device_not_found"),
        ("INTERNAL_ERROR", 500, ServerFaultError, "internal_error"),
        ("MFA_REQUIRED", 403, PermissionDeniedError, "mfa_required"),
        ("INVALID_CREDENTIALS", 401, PermissionDeniedError, "invalid_credentials"),
    ],
)
async def test_push_is_refused(
    account: Account, code: str, status: int, error: type[ChargingError], reason: str
) -> None:
    body = {"success": False, "error": {"code": code, "message": "Words."}}
    account.cloud.faults.add(Fault(method="POST", status=status, body=body))
    assert await refusal(account, START, error) == ("Words.", reason)
    assert len(account.asked()) == 1
    assert not (await account.poll(60)).notices
    assert (await account.carry_out(START)).outcome is Outcome.COMPLETED


async def test_push_without_an_answer_is_not_repeated(account: Account) -> None:
    account.cloud.faults.add(Fault(method="POST", kind="drop", effect=True))
    await refusal(account, START, UnreachableError)
    assert account.asked() == [f"POST /ev-charger/{ONE}"]
    device = await account.device(60)
    assert device.readings[Reading.CHARGING] is True


async def test_control_is_not_supported_yet(account: Account) -> None:
    account.connect(api_key=LIVE_KEY)
    assert (await account.device()).commands.keys() > {Refresh}
    message, reason = await refusal(account, START, NotSupportedError)
    assert message == "Live control of EV chargers is coming soon."
    assert reason == "command_not_supported"
    poll = await account.poll(60)
    (notice,) = poll.notices
    assert notice.kind is NoticeKind.CONTROL_NOT_SUPPORTED
    assert (notice.subject, notice.device_id) == ("AMPS", None)
    for device in poll.fleet.values():
        assert device.controls == {}
        assert device.commands.keys() == {Refresh}
    # Reading goes on, and a restart tries again.
    assert (await account.fresh()).readings[Reading.PLUG] is True
    account.connect()
    assert not (await account.settle()).notices


async def test_command_that_the_sandbox_does_not_support(account: Account) -> None:
    error = {"code": "COMMAND_NOT_SUPPORTED", "message": "Not this one."}
    body = {"success": False, "error": error}
    account.cloud.faults.add(Fault(method="POST", status=422, body=body))
    assert (await refusal(account, START, NotSupportedError))[0] == "Not this one."
    poll = await account.poll(60)
    assert not poll.notices
    assert all(device.controls for device in poll.fleet.values())


async def test_setting_is_not_supported_yet(account: Account) -> None:
    account.connect(api_key=LIVE_KEY)
    await account.settle()
    await refusal(account, cap(5000), NotSupportedError)
    assert len((await account.poll(60)).notices) == 1


async def test_key_may_only_read(account: Account) -> None:
    account.cloud.quirks["read_only_key"] = True
    reason = (await refusal(account, START, PermissionDeniedError))[1]
    assert reason == "insufficient_permissions"
    (notice,) = (await account.poll(60)).notices
    assert notice.kind is NoticeKind.PERMISSION_MISSING
    assert (notice.subject, notice.device_id) == ("Home 11", ONE)
    account.cloud.quirks["read_only_key"] = False
    await account.carry_out(START)
    assert not (await account.poll(60)).notices


# Conflicts


@pytest.mark.parametrize("profile", ["A", "B", "C"])
async def test_conflict_with_an_action_under_way(
    account: Account, profile: str
) -> None:
    await turn_to(account, profile)
    account.cloud.quirks["stuck_actions"] = True
    await account.carry_out(START)
    message, reason = await refusal(account, START)
    assert message == "Another action is still pending for this device."
    assert reason == Refusal.CONFLICT


async def test_scheduled_action_is_replaced(account: Account) -> None:
    await account.carry_out(LATER)
    result = await account.carry_out(STOP)
    assert result.outcome is Outcome.COMPLETED
    assert account.cloud.actions.get("act_sim_0001").state == "cancelled"


async def test_replacing_is_not_offered(account: Account) -> None:
    account.cloud.quirks["conflict_strategies"] = []
    await account.settle(901)
    await account.carry_out(LATER)
    assert (await refusal(account, STOP))[1] == Refusal.CONFLICT


async def test_replacing_is_no_longer_offered(account: Account) -> None:
    account.cloud.quirks["conflict_strategies"] = []
    assert (await account.carry_out(START)).outcome is Outcome.COMPLETED
    assert account.asked()[:2] == [f"POST /ev-charger/{ONE}"] * 2


# Later


async def test_put_off(account: Account) -> None:
    result = await account.provider.execute(LATER)
    assert result.outcome is Outcome.DEFERRED
    assert result.id == "act_sim_0001"
    assert result.due_at is not None
    left = result.due_at - account.simulator.world.now
    assert timedelta(minutes=89) < left <= timedelta(minutes=90)
    assert account.asked() == [f"POST /ev-charger/{ONE}"]
    readings = (await account.fresh()).readings
    assert readings[Reading.LAST_ACTION] == "scheduled"
    assert readings[Reading.SCHEDULED_AT] == result.due_at
    # A restart loses nothing.
    account.connect()
    readings = (await account.device()).readings
    assert readings[Reading.SCHEDULED_AT] == result.due_at
    account.asked()
    for _ in range(5):
        assert (await account.device(60)).readings[
            Reading.SCHEDULED_AT
        ] == result.due_at
    assert "GET /actions/act_sim_0001" not in account.asked()
    # Its time comes.
    account.cloud.quirks["action_seconds"] = 10
    readings = (await account.device(90 * 60 - 361 + 5)).readings
    assert readings[Reading.SCHEDULED_AT] is None
    assert readings[Reading.LAST_ACTION] == "acknowledged"
    device = await account.device(61)
    assert device.readings[Reading.LAST_ACTION] == "completed"
    assert device.readings[Reading.CHARGING] is True


async def test_put_off_by_seconds(account: Account) -> None:
    soon = replace(STOP, delay=timedelta(seconds=10))
    result = await account.carry_out(soon)
    assert result.due_at is not None
    assert result.due_at - account.simulator.world.now > timedelta(seconds=50)


async def test_put_off_by_nothing(account: Account) -> None:
    result = await account.carry_out(replace(STOP, delay=timedelta(0)))
    assert result.outcome is Outcome.COMPLETED


async def test_put_off_too_far(account: Account) -> None:
    far = replace(START, delay=timedelta(days=31))
    assert await refusal(account, far) == (
        "start must be within 30 days.",
        Refusal.INVALID_VALUE,
    )


async def test_put_off_where_it_is_not_offered(account: Account) -> None:
    account.cloud.quirks["execution"] = ["immediate"]
    device = await account.device(901)
    assert CancelScheduled not in device.commands
    assert Reading.SCHEDULED_AT not in device.readings
    reason = (await refusal(account, LATER, NotSupportedError))[1]
    assert reason == "execution_not_supported"
    await turn_to(account, "B")
    await refusal(account, LATER, NotSupportedError)
    assert account.asked() == []


async def test_put_off_in_the_oldest_generation(account: Account) -> None:
    await turn_to(account, "A")
    result = await account.carry_out(LATER)
    assert result.outcome is Outcome.DEFERRED
    readings = (await account.device(60)).readings
    assert readings[Reading.LAST_ACTION] == "scheduled"
    assert readings[Reading.SCHEDULED_AT] == result.due_at


async def test_putting_off_is_ignored(account: Account) -> None:
    await turn_to(account, "A")
    account.cloud.quirks["deferral_works"] = False
    assert (await refusal(account, LATER))[1] == Refusal.NOT_APPLIED


async def test_cancel_one(account: Account) -> None:
    put_off = await account.carry_out(LATER)
    account.asked()
    result = await account.carry_out(
        CancelScheduled(device_id=ONE, action_id=put_off.id)
    )
    assert (result.outcome, result.id) == (Outcome.COMPLETED, put_off.id)
    assert account.asked() == ["POST /actions/act_sim_0001/cancel"]
    readings = (await account.device(60)).readings
    assert readings[Reading.LAST_ACTION] == "cancelled"
    assert readings[Reading.SCHEDULED_AT] is None


async def test_cancel_all_of_one_charger(account: Account) -> None:
    put_off = await account.carry_out(LATER)
    await account.carry_out(replace(LATER, device_id=TWO))
    account.connect()
    await account.settle()
    result = await account.carry_out(CancelScheduled(device_id=ONE))
    assert result.id == put_off.id
    states = [action.state for action in account.cloud.actions]
    assert states == ["scheduled", "cancelled"]


async def test_cancel_looks_at_what_the_filters_let_pass(account: Account) -> None:
    items = [
        {"id": "act_1", "deviceId": ONE, "state": "completed"},
        {"id": "act_2", "deviceId": TWO, "state": "scheduled"},
        {"id": "act_3", "state": "scheduled"},
    ]
    account.cloud.faults.add(
        Fault(path="^/actions$", status=200, body={"items": items})
    )
    reason = (await refusal(account, CancelScheduled(device_id=ONE)))[1]
    assert reason == Refusal.NOTHING_SCHEDULED


async def test_cancel_what_was_not_the_last(account: Account) -> None:
    first = await account.carry_out(LATER)
    account.cloud.quirks["conflict_strategies"] = ["queue_after"]
    body = {
        "id": "act_last",
        "state": "scheduled",
        "deviceId": ONE,
        "createdAt": "2099-01-01T00:00:00Z",
        "start": "2099-01-01T01:00:00Z",
    }
    account.cloud.faults.add(Fault(method="POST", status=202, body=body))
    await account.carry_out(replace(STOP, delay=timedelta(hours=2)))
    account.asked()
    await account.carry_out(CancelScheduled(device_id=ONE, action_id=first.id))
    assert account.asked() == [
        "GET /actions/act_sim_0001",
        "POST /actions/act_sim_0001/cancel",
    ]
    readings = (await account.device(60)).readings
    assert readings[Reading.LAST_ACTION] == "scheduled"


async def test_action_of_another_charger(account: Account) -> None:
    """What one charger was told is none of another's business."""
    other = await account.carry_out(replace(LATER, device_id=TWO))
    assert other.id
    with pytest.raises(NotFoundError) as caught:
        await account.provider.follow(ONE, other.id)
    assert caught.value.reason == Refusal.UNKNOWN_ACTION
    with pytest.raises(NotFoundError) as caught:
        await account.provider.execute(
            CancelScheduled(device_id=ONE, action_id=other.id)
        )
    assert caught.value.reason == Refusal.UNKNOWN_ACTION
    assert account.cloud.actions.get(other.id).state == "scheduled"
    assert (await account.provider.follow(TWO, other.id)).outcome is Outcome.DEFERRED


async def test_record_that_names_no_charger(account: Account) -> None:
    """It is taken for the charger's own only when it was its last."""
    mine = await account.provider.execute(START)
    assert mine.id
    for action_id, expected in ((mine.id, None), ("act_other", NotFoundError)):
        body = {"id": action_id, "state": "completed"}
        account.cloud.faults.add(Fault(path="^/actions/", status=200, body=body))
        if expected is None:
            result = await account.provider.follow(ONE, action_id)
            assert result.outcome is Outcome.COMPLETED
        else:
            with pytest.raises(expected):
                await account.provider.follow(ONE, action_id)


@pytest.mark.parametrize("action_id", ["..", ".", "", "../ev-charger", "a/b?c#d"])
async def test_action_id_is_one_segment_of_a_path(
    account: Account, action_id: str
) -> None:
    with pytest.raises((NotFoundError, UnusableAnswerError)):
        await account.provider.follow(ONE, action_id)
    assert all(path.startswith("GET /") for path in account.asked())
    assert account.connector().session is None


async def test_cancel_too_late(account: Account) -> None:
    result = await account.carry_out(START)
    message, reason = await refusal(
        account, CancelScheduled(device_id=ONE, action_id=result.id)
    )
    assert message == "Action act_sim_0001 is completed and cannot be cancelled."
    assert reason == Refusal.NOT_CANCELLABLE


async def test_another_client_commands(account: Account) -> None:
    await account.carry_out(START)
    station = account.cloud.stations[ONE]
    account.cloud.commands.canonical(
        station, {"action": {"command": "idle", "start": "2h"}}
    )
    readings = (await account.device(901)).readings
    assert readings[Reading.LAST_ACTION] == "scheduled"
    assert readings[Reading.SCHEDULED_AT] is not None


async def test_cancel_of_an_action_nobody_knows(account: Account) -> None:
    with pytest.raises(NotFoundError) as caught:
        await account.provider.execute(
            CancelScheduled(device_id=ONE, action_id="act_other")
        )
    assert caught.value.reason == Refusal.UNKNOWN_ACTION
