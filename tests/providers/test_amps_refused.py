"""A 401 from AMPS: a bad key, a burst, or a charger whose maker says no."""

from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    AuthenticationError,
    NoticeKind,
    PermissionDeniedError,
    RateLimitedError,
    StartCharging,
)
from simulator.faults import Fault

from .amps_account import ONE, TWO, Account, open_account

PROBE = LIST = "GET /ev-charger"
READ_ONE, READ_TWO = f"GET /ev-charger/{ONE}", f"GET /ev-charger/{TWO}"


@pytest.fixture
async def account(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Account]:
    async with open_account(session, monkeypatch) as account:
        await account.settle()
        account.asked()
        yield account


def refused(code: str, status: int = 401, **kwargs: Any) -> Fault:
    """Refuse the requests for one charger."""
    error = {"code": code, "message": "No."}
    body = {"success": False, "error": error}
    return Fault(**{"path": f"{ONE}$", "status": status, "body": body} | kwargs)


# The maker says no


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ACCOUNT_LOCKED", 403),
        ("CREDENTIAL_NOT_FOUND", 404),
        ("INVALID_CREDENTIALS", 401),
        ("INVALID_MFA_CODE", 403),
        ("MFA_REQUIRED", 403),
        ("UNSUPPORTED_AUTH_PATH", 400),
        ("UNSUPPORTED_CREDENTIAL_TYPE", 400),
    ],
)
async def test_charger_needs_linking_anew(
    account: Account, code: str, status: int
) -> None:
    account.cloud.quirks["device_errors"] = {ONE: code}
    poll = await account.poll(901)
    assert account.asked() == [LIST, READ_ONE, READ_TWO]  # no probe: the code is clear
    (notice,) = poll.notices
    assert notice.kind is NoticeKind.RELINK_REQUIRED
    assert (notice.subject, notice.device_id) == ("Home 11", ONE)
    assert [d.stale for d in poll.fleet.values()] == [True, False]
    assert (await account.poll(60)).notices == poll.notices
    assert account.asked() == [LIST]
    account.cloud.quirks["device_errors"] = {}
    poll = await account.poll(901)
    assert not poll.notices
    assert not poll.fleet[ONE].stale


@pytest.mark.parametrize("code", ["INVALID_API_KEY", "EXPIRED_TOKEN"])
async def test_makers_own_key_is_refused(account: Account, code: str) -> None:
    account.cloud.quirks["device_errors"] = {ONE: code, TWO: code}
    poll = await account.poll(901)
    # One probe clears the key for both.
    assert account.asked() == [LIST, READ_ONE, PROBE, READ_TWO]
    assert {n.device_id for n in poll.notices} == {ONE, TWO}
    assert {n.kind for n in poll.notices} == {NoticeKind.RELINK_REQUIRED}
    for _ in range(10):
        await account.poll(901)  # never a word about the account
    assert account.memory == {}


async def test_right_is_missing(account: Account) -> None:
    account.cloud.quirks["device_errors"] = {ONE: "INSUFFICIENT_PERMISSIONS"}
    (notice,) = (await account.poll(901)).notices
    assert notice.kind is NoticeKind.PERMISSION_MISSING


async def test_command_is_refused_by_the_maker(account: Account) -> None:
    account.cloud.faults.add(refused("INVALID_API_KEY", method="POST"))
    with pytest.raises(PermissionDeniedError):
        await account.provider.execute(StartCharging(device_id=ONE))
    assert account.asked() == [f"POST /ev-charger/{ONE}", PROBE]


# A burst


@pytest.mark.parametrize("body", [None, "<html>401</html>"])
async def test_one_read_in_a_burst(account: Account, body: Any) -> None:
    fault = refused("UNAUTHORIZED")
    fault.body = body or fault.body
    account.cloud.faults.add(fault)
    poll = await account.poll(901)
    assert account.asked() == [LIST, READ_ONE, PROBE, READ_TWO]
    assert not poll.notices
    assert not poll.fleet[ONE].stale
    assert not (await account.poll(60)).fleet[ONE].stale
    assert account.asked() == [LIST, READ_ONE]


async def test_command_in_a_burst(account: Account) -> None:
    account.cloud.faults.add(refused("UNAUTHORIZED", method="POST"))
    with pytest.raises(RateLimitedError):
        await account.provider.execute(StartCharging(device_id=ONE))
    assert account.asked() == [f"POST /ev-charger/{ONE}", PROBE]


async def test_burst_is_given_time_before_the_probe(account: Account) -> None:
    account.cloud.quirks.update(
        rate_limit=1, rate_limit_window=5, rate_limit_mode="401_unauthorized"
    )
    account.step(901)
    passed = account.passed
    poll = await account.poll()
    # The list is granted, the first read thrown back, the probe is late enough.
    assert account.asked() == [LIST, READ_ONE, PROBE, READ_TWO]
    assert account.passed == passed + 5
    assert [d.stale for d in poll.fleet.values()] == [False, False]


@pytest.mark.parametrize(
    ("mode", "waits"),
    [
        ("429", [30, 60, 120]),
        ("429_retry_after", [61, 61, 61]),
        ("401_rate_limit", [30, 60, 120]),
    ],
)
async def test_ceiling(account: Account, mode: str, waits: list[int]) -> None:
    account.cloud.quirks.update(rate_limit=0, rate_limit_mode=mode)
    account.cloud.quirks["rate_limit_window"] = 60
    account.step(301)
    for wait in waits:
        with pytest.raises(RateLimitedError) as caught:
            await account.poll()
        assert caught.value.retry_after is not None
        if mode != "429_retry_after":
            assert caught.value.retry_after == wait
        assert len(account.asked()) == 1
        with pytest.raises(RateLimitedError):
            await account.poll()  # nothing is sent meanwhile
        assert account.asked() == []
        account.step(caught.value.retry_after + 0.1)
    account.cloud.quirks["rate_limit"] = None
    assert not any(d.stale for d in (await account.poll()).fleet.values())


async def test_explicit_ceiling_never_asks_for_a_new_key(account: Account) -> None:
    account.cloud.quirks.update(rate_limit=0, rate_limit_mode="401_rate_limit")
    for _ in range(10):
        with pytest.raises(RateLimitedError):
            await account.poll(901)


# The key


@pytest.mark.parametrize("code", ["INVALID_API_KEY", "EXPIRED_TOKEN"])
async def test_bad_key_needs_two_probes_a_minute_apart(
    account: Account, code: str
) -> None:
    account.cloud.quirks["key_error"] = code
    with pytest.raises(RateLimitedError) as caught:
        await account.poll(901)
    assert caught.value.retry_after == 60
    assert account.asked() == [LIST]
    with pytest.raises(RateLimitedError):
        await account.poll(30)
    with pytest.raises(AuthenticationError):
        await account.poll(60)
    account.cloud.quirks["key_error"] = None
    assert await account.poll(60)
    assert account.memory == {}


async def test_bad_key_that_was_a_passing_error(account: Account) -> None:
    account.cloud.quirks["key_error"] = "INVALID_API_KEY"
    with pytest.raises(RateLimitedError):
        await account.poll(901)
    account.cloud.quirks["key_error"] = None
    await account.poll(60)
    account.cloud.quirks["key_error"] = "INVALID_API_KEY"
    with pytest.raises(RateLimitedError):  # doubts begin anew
        await account.poll(901)


async def test_bad_key_at_the_start(account: Account) -> None:
    """A provider is made anew for each attempt to set up."""
    account.cloud.quirks["key_error"] = "INVALID_API_KEY"
    for wait in (0, 5, 10, 20):
        account.connect()
        with pytest.raises(RateLimitedError):
            await account.poll(wait)
    account.connect()
    with pytest.raises(AuthenticationError):
        await account.poll(40)
    assert account.remembered == 2


async def test_nothing_but_401_for_ten_minutes(account: Account) -> None:
    account.cloud.quirks["key_error"] = "UNAUTHORIZED"
    waits = []
    account.step(1801)  # the list is due
    started = account.passed
    while account.passed - started < 600:
        with pytest.raises(RateLimitedError) as caught:
            await account.poll()
        waits.append(caught.value.retry_after)
        assert caught.value.retry_after is not None
        account.step(caught.value.retry_after)
    assert waits == [30, 60, 120, 240, 480]
    with pytest.raises(AuthenticationError):
        await account.poll()


async def test_bad_key_found_by_a_command(account: Account) -> None:
    account.cloud.quirks["key_error"] = "INVALID_API_KEY"
    with pytest.raises(RateLimitedError):
        await account.provider.execute(StartCharging(device_id=ONE))
    account.step(61)
    with pytest.raises(AuthenticationError):
        await account.provider.read(ONE)


async def test_action_is_refused(account: Account) -> None:
    account.cloud.quirks["stuck_actions"] = True
    await account.provider.execute(StartCharging(device_id=ONE))
    account.asked()
    account.cloud.faults.add(refused("INVALID_API_KEY", path="^/actions"))
    poll = await account.poll(60)
    assert account.asked()[:3] == [LIST, "GET /actions/act_sim_0001", PROBE]
    assert not poll.notices
