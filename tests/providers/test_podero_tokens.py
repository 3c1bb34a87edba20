"""Podero's access tokens: renewed in time, under a lock, replaced once."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    AuthenticationError,
    ChargingError,
    PermissionDeniedError,
    RateLimitedError,
    ServerFaultError,
    StopCharging,
    UnusableAnswerError,
)
from simulator.clouds.podero.cloud import CLIENT_ID, CLIENT_SECRET, GARAGE

from .podero_account import Account, podero_account

TOKEN = "POST /oauth2/token/"
LIST = "GET U/wallboxes"


class Time:
    """A clock for the client, far from zero."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def account(session: ClientSession) -> AsyncGenerator[Account]:
    async with podero_account(session) as account:
        yield account


@pytest.fixture
def time(account: Account) -> Time:
    time = Time()
    account.monotonic = time
    return time


async def test_a_token_is_renewed_five_minutes_before_it_expires(
    account: Account, time: Time
) -> None:
    provider = account.provider()
    await provider.poll()
    assert account.requests() == [TOKEN, LIST]
    time.now += 36_000 - 301
    await provider.poll()
    assert account.requests() == [LIST]
    time.now += 2
    await provider.poll()
    assert account.requests() == [TOKEN, LIST]


async def test_a_short_lived_token_is_used_for_half_its_life(
    account: Account, time: Time
) -> None:
    account.cloud.quirks["token_seconds"] = 100
    provider = account.provider()
    await provider.poll()
    time.now += 49
    await provider.poll()
    assert account.requests() == [TOKEN, LIST, LIST]
    time.now += 2
    await provider.poll()
    assert account.requests() == [TOKEN, LIST]


@pytest.mark.parametrize("life", [{}, {"expires_in": None}])
async def test_an_answer_without_a_life_counts_as_ten_hours(
    account: Account, time: Time, life: dict[str, None]
) -> None:
    account.fail(body={"access_token": "eternal"} | life, status=200, path="token")
    account.fail(body=[], status=200, path="wallboxes")
    provider = account.provider()
    await provider.poll()
    assert provider.diagnostics()["access_token_seconds_left"] == 36_000


async def test_concurrent_requests_share_one_token(account: Account) -> None:
    provider = account.provider()
    await asyncio.gather(provider.poll(), provider.read(GARAGE), provider.account())
    assert account.requests().count(TOKEN) == 1


async def test_concurrent_refusals_fetch_one_new_token(account: Account) -> None:
    provider = account.provider()
    await provider.poll()
    account.cloud.expire_tokens()
    account.requests()
    await asyncio.gather(*(provider.read(GARAGE) for _ in range(4)))
    assert account.requests().count(TOKEN) == 1


async def test_a_refused_token_is_replaced_once(account: Account) -> None:
    provider = account.provider()
    before = await provider.poll()
    account.cloud.handle_control({"expire_tokens": True})
    account.requests()
    assert await provider.poll() == before
    assert account.requests() == [LIST, TOKEN, LIST]


async def test_a_refused_command_is_sent_once_more(account: Account) -> None:
    provider = account.provider()
    await provider.poll()
    account.cloud.expire_tokens()
    account.connector.plug_in()
    await provider.execute(StopCharging(device_id=GARAGE))
    assert account.garage.settings["is_pause_power_active"] is True


async def test_two_refusals_ask_for_new_credentials(account: Account) -> None:
    provider = account.provider()
    account.fail(status=401, body={"detail": "Unauthorized"}, path="box", times=None)
    with pytest.raises(AuthenticationError):
        await provider.poll()
    assert account.requests() == [TOKEN, LIST, TOKEN, LIST]


@pytest.mark.parametrize("key", ["client_id", "client_secret"])
async def test_bad_credentials_ask_for_new_ones(account: Account, key: str) -> None:
    settings: dict[str, Any] = {key: "wrong-credential"}
    provider = account.provider(**settings)
    with pytest.raises(AuthenticationError) as caught:
        await provider.account()
    assert caught.value.reason == "unauthorized"
    assert "wrong-credential" not in str(caught.value)
    assert account.requests() == [TOKEN]


@pytest.mark.parametrize("status", [400, 403])
async def test_oauths_word_for_bad_credentials_counts(
    account: Account, status: int
) -> None:
    account.fail(status=status, body={"error": "invalid_client"}, path="token")
    with pytest.raises(AuthenticationError):
        await account.provider().account()
    assert account.requests() == [TOKEN]


@pytest.mark.parametrize("status", [400, 401, 403, 500])
@pytest.mark.parametrize("word", [{"code": "invalid_client"}, ["invalid_client"], 7])
async def test_an_error_that_is_no_text_is_an_error_like_others(
    account: Account, status: int, word: object
) -> None:
    account.fail(status=status, body={"error": word}, path="token", times=2)
    with pytest.raises(ChargingError):
        await account.provider().account()


async def test_a_server_that_takes_forms_only_gets_one(account: Account) -> None:
    account.cloud.quirks["token_json"] = False
    await account.provider().account()
    assert account.requests() == [TOKEN, TOKEN, "GET U"]


async def test_a_grant_that_is_refused_twice_means_bad_credentials(
    account: Account,
) -> None:
    body = {"error": "unsupported_grant_type"}
    account.fail(status=400, body=body, path="token", times=2)
    with pytest.raises(AuthenticationError) as caught:
        await account.provider().account()
    assert caught.value.message == "unsupported_grant_type"
    assert account.requests() == [TOKEN, TOKEN]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 403}, PermissionDeniedError),
        ({"status": 409}, ChargingError),
        ({"status": 503}, ServerFaultError),
        ({"status": 429, "headers": {"Retry-After": "9"}}, RateLimitedError),
        ({"kind": "garbage"}, UnusableAnswerError),
        ({"status": 200, "body": {"access_token": ""}}, UnusableAnswerError),
        ({"status": 200, "body": []}, UnusableAnswerError),
    ],
)
async def test_a_token_endpoint_in_trouble_says_so(
    account: Account, fault: dict[str, object], error: type[ChargingError]
) -> None:
    account.fail(path="token", **fault)
    with pytest.raises(error):
        await account.provider().account()
    assert account.requests() == [TOKEN]


async def test_the_old_token_serves_until_it_expires(
    account: Account, time: Time
) -> None:
    provider = account.provider()
    await provider.poll()
    account.fail(status=503, path="token", times=2)
    time.now += 36_000 - 100
    await provider.poll()
    assert account.requests() == [TOKEN, LIST, TOKEN, LIST]
    time.now += 101
    with pytest.raises(ServerFaultError):
        await provider.poll()
    await provider.poll()
    assert account.requests() == [TOKEN, TOKEN, LIST]


async def test_no_error_gives_a_secret_away(account: Account) -> None:
    provider = account.provider()
    await provider.poll()
    token = next(iter(account.cloud._tokens))
    basic = b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    words = f"{token} {basic} {CLIENT_SECRET}"
    account.fail(status=500, body={"detail": words}, path="wallboxes")
    with pytest.raises(ServerFaultError) as caught:
        await provider.poll()
    assert caught.value.message == "**REDACTED** **REDACTED** **REDACTED**"
