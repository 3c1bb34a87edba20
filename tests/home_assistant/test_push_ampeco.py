"""AMPECO's callbacks, from the simulated tenant to Home Assistant's states and repairs."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
import hashlib
import hmac
import json
import time
from typing import Any

from aiohttp import ClientSession
from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ev_charger_cloud.const import DOMAIN, EVENT_CHARGING
from custom_components.ev_charger_cloud.providers.ampeco import client as ampeco_client
from custom_components.ev_charger_cloud.providers.transport import Limits
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from simulator.clouds.ampeco import Ampeco
from simulator.clouds.ampeco.notifications import Subscription
from simulator.connector import Connector
from simulator.server import Simulator

STATUS = "sensor.garage_north_2_status"
TOKEN = "ampeco-demo-token"


@dataclass
class Account:
    """An account whose tenant calls, while nobody polls unless it is asked for."""

    home: HomeAssistant
    entry: MockConfigEntry
    cloud: Ampeco
    client: TestClient[Any, Any]

    @property
    def connector(self) -> Connector:
        return self.cloud.stations["CP-GN-002"].connector(1)

    @property
    def push(self) -> Any:
        return self.entry.runtime_data.push

    @property
    def path(self) -> str:
        return f"/api/webhook/{self.push.address.rsplit('/', 1)[-1]}"

    @property
    def status(self) -> str:
        """Return the status that Home Assistant shows."""
        state = self.home.states.get(STATUS)
        assert state is not None
        return state.state

    @property
    def repairs(self) -> list[str | None]:
        """Return what is to be mended."""
        return [
            issue.translation_key
            for issue in ir.async_get(self.home).issues.values()
            if issue.domain == DOMAIN
        ]

    def direct(self) -> None:
        """Have the tenant's callbacks come to where Home Assistant really is."""
        for each in self.cloud.notifications.subscriptions.values():
            each.url = str(self.client.make_url(self.path))

    async def called(self, seconds: float = 0.0) -> None:
        """Let time pass, and wait until what was called back was acted on."""
        self.cloud.world.clock.step(seconds)
        self.cloud.world.settle()
        await self.cloud.notifications.deliveries.arrived()
        await self.home.async_block_till_done()

    async def polled(self) -> None:
        """Poll once."""
        await self.entry.runtime_data.async_refresh()
        self.entry.runtime_data.update_interval = None
        await self.home.async_block_till_done()

    async def posted(self, body: bytes, **headers: str) -> int:
        """Call back ourselves."""
        headers = {name.replace("_", "-"): each for name, each in headers.items()}
        async with self.client.post(self.path, data=body, headers=headers) as answer:
            return answer.status


@pytest.fixture
async def account(
    home: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    hass_client_no_auth: ClientSessionGenerator,
) -> AsyncGenerator[Account]:
    monkeypatch.setattr(ampeco_client, "LIMITS", Limits(requests=10_000, concurrency=1))
    async with Simulator([Ampeco], speed=0) as simulator:
        cloud = simulator["ampeco"]
        assert isinstance(cloud, Ampeco)
        cloud.quirks["rate_limit"] = None
        await home.config.async_update(external_url="https://home.example")
        entry = MockConfigEntry(
            domain=DOMAIN,
            title="AMPECO",
            unique_id="ampeco_push",
            data={
                "provider": "ampeco",
                "base_url": cloud.base_url,
                "key": "push",
                "token": TOKEN,
            },
            options={"all_chargers": True},
        )
        entry.add_to_hass(home)
        assert await home.config_entries.async_setup(entry.entry_id)
        await home.async_block_till_done(wait_background_tasks=True)
        assert entry.runtime_data.push.state == "active"
        entry.runtime_data.update_interval = None
        account = Account(home, entry, cloud, await hass_client_no_auth())
        account.direct()
        # What happens from now on is newer than what was polled, by any clock.
        cloud.world.clock.step(60)
        yield account
        if entry in home.config_entries.async_entries(DOMAIN):
            await home.config_entries.async_unload(entry.entry_id)


def signed(body: bytes, token: str = TOKEN) -> str:
    """Return the proof that the tenant sent a body."""
    return hmac.new(token.encode(), body, hashlib.sha256).hexdigest()


async def test_shown_without_a_poll(account: Account) -> None:
    assert account.status == "disconnected"
    account.connector.plug_in()
    await account.called()
    assert account.status == "connected"


@pytest.mark.parametrize("quirks", [{}, {"push_twice": True}, {"push_shuffled": True}])
async def test_events_once_from_callbacks_and_polls(
    account: Account, quirks: dict[str, Any]
) -> None:
    events = async_capture_events(account.home, EVENT_CHARGING)
    account.cloud.quirks.update(quirks)
    account.connector.plug_in()
    await account.called(10)
    await account.polled()
    account.connector.start("CARD-0001")
    await account.polled()
    await account.called(10)
    await account.called(600)
    account.connector.stop("Local")
    await account.called(10)
    await account.polled()
    kinds = [event.data["type"] for event in events]
    for kind in ("authorized", "session_started", "session_finished"):
        assert kinds.count(kind) == 1, (kind, kinds)


async def test_polled_before_it_was_told(account: Account) -> None:
    """A callback that comes late, about what a poll has found since, changes nothing."""
    account.cloud.quirks["push_delay"] = 60
    account.connector.plug_in()
    await account.called(1)
    account.cloud.quirks["push_delay"] = 0
    account.connector.unplug()
    await account.polled()
    assert account.status == "disconnected"
    await account.called(61)
    assert account.push.accepted["late"] == 1
    assert account.status == "disconnected"


def deep(levels: int) -> bytes:
    """Return JSON of some depth."""
    return (
        b'{"notification":"SessionUpdateNotification","session":'
        + b'{"a":' * levels
        + b"1"
        + b"}" * (levels + 1)
    )


HARDWARE = {
    "notification": "HardwareStatusNotification",
    "chargePointId": 4022,
    "evseId": 9003,
    "timestamp": "2099-01-01T00:00:00Z",
    "hardwareStatus": "charging",
}


@pytest.mark.parametrize(
    ("body", "signature", "status"),
    [
        (HARDWARE, "", 401),
        (HARDWARE, "0" * 64, 401),
        (HARDWARE, "another token", 401),
        (b"", "good", 400),
        (b"garbage", "good", 400),
        (b"[]", "good", 400),
        (deep(100_000), "good", 400),
        (deep(5000), "good", 400),
        (b"9" * 5000, "good", 400),
        (b'{"chargePointId":' + b"9" * 5000 + b"}", "good", 400),
        (b" " * (1024 * 1024 + 1), "good", 413),
        ({**HARDWARE, "chargePointId": 1}, "good", 202),
        ({**HARDWARE, "chargePointId": "4022\ud83d"}, "good", 202),
        ({**HARDWARE, "chargePointId": 1e300}, "good", 202),
        ({**HARDWARE, "chargePointId": {"a": 1}}, "good", 202),
        ({**HARDWARE, "notification": "SomethingNew"}, "good", 202),
        ({**HARDWARE, "notification": "\ud83d"}, "good", 202),
        ({**HARDWARE, "notification": ["x"]}, "good", 202),
        ({**HARDWARE, "hardwareStatus": None}, "good", 202),
        ({**HARDWARE, "evseId": "\ud83d"}, "good", 202),
    ],
)
async def test_attacks(
    account: Account,
    caplog: pytest.LogCaptureFixture,
    body: Any,
    signature: str,
    status: int,
) -> None:
    """Nothing changes that should not, nothing breaks, and the answer is right."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = {"good": signed(raw), "another token": signed(raw, "x")}.get(
        signature, signature
    )
    assert await account.posted(raw, X_Signature=signature) == status
    await account.home.async_block_till_done()
    assert account.status == "disconnected"
    assert not [each for each in caplog.records if each.exc_info]
    assert "unexpected_error" not in account.push.refused


async def test_crooked_headers(account: Account) -> None:
    """Bytes that are no text prove nothing."""
    request = (
        f"POST {account.path} HTTP/1.1\r\nHost: home\r\nX-Signature: ".encode()
        + b"\xff\xfe\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    )
    reader, writer = await asyncio.open_connection(
        account.client.host, account.client.port
    )
    writer.write(request)
    assert b" 401 " in await reader.readline()
    writer.close()


async def test_replayed(account: Account) -> None:
    """What was genuine once changes nothing a second time, after a restart neither."""
    account.connector.plug_in()
    await account.called()
    [plugged] = [each.raw for each in sent(account) if b"preparing" in each.raw]
    account.connector.unplug()
    await account.called()
    assert account.status == "disconnected"
    assert await account.posted(plugged, X_Signature=signed(plugged)) == 202
    assert account.status == "disconnected"
    assert account.push.accepted["repeated"] == 1
    await account.home.config_entries.async_reload(account.entry.entry_id)
    await account.home.async_block_till_done(wait_background_tasks=True)
    provider = account.entry.runtime_data.provider
    provider.context.now = lambda: account.cloud.world.now
    await account.called(600)
    assert await account.posted(plugged, X_Signature=signed(plugged)) == 202
    await account.home.async_block_till_done(wait_background_tasks=True)
    assert account.status == "disconnected"


def sent(account: Account) -> list[Any]:
    """Return what the tenant sent."""
    [subscription] = account.cloud.notifications.subscriptions.values()
    return subscription.sent


async def test_burst(account: Account) -> None:
    """A thousand callbacks of others, and one of ours among them."""
    account.cloud.handle_control(
        {"callback": {**HARDWARE, "chargePointId": 1}, "times": 1000}
    )
    account.connector.plug_in()
    await account.called()
    assert account.status == "connected"
    assert account.push.accepted["foreign"] == 1000


async def test_doubt_is_told_after_an_hour_and_ends(account: Account) -> None:
    provider, passed = account.entry.runtime_data.provider, 0.0
    provider.context.monotonic = lambda: time.monotonic() + passed
    account.cloud.quirks["push_dead"] = True
    account.connector.plug_in()
    await account.polled()
    assert account.status == "connected"
    for seconds, repairs in ((50, []), (3000, []), (700, ["push_doubtful"])):
        passed += seconds
        await account.polled()
        assert account.repairs == repairs
    account.cloud.quirks["push_dead"] = False
    account.direct()
    account.connector.unplug()
    await account.called()
    assert account.status == "disconnected"
    await account.polled()
    assert account.repairs == []


async def test_right_that_is_missing(account: Account) -> None:
    """It turns callbacks off, says so, and nothing else."""
    account.cloud.accesses[TOKEN].rights.discard("notifications")
    await account.home.config_entries.async_reload(account.entry.entry_id)
    await account.home.async_block_till_done(wait_background_tasks=True)
    assert account.push.state == "not_permitted"
    assert account.repairs == []
    await account.polled()
    assert account.repairs == ["permission_missing"]
    account.connector.plug_in()
    await account.polled()
    assert account.status == "connected"
    options = account.home.config_entries.options
    result = await options.async_init(account.entry.entry_id)
    told = result["description_placeholders"]["push"]
    assert told.startswith("Callbacks are off: the credentials")


async def test_restart_new_token_and_removal(account: Account) -> None:
    """Ours is kept, made anew and removed; what others have is left alone."""
    notifications = account.cloud.notifications
    [ours] = notifications.subscriptions.values()
    ours.url = account.push.address
    notifications.subscriptions[9] = Subscription(
        id=9,
        kinds=["BootNotification"],
        url="https://other.example/api/webhook/theirs",
        token=TOKEN,
    )
    entries = account.home.config_entries

    async def reload() -> set[int]:
        await entries.async_reload(account.entry.entry_id)
        await account.home.async_block_till_done(wait_background_tasks=True)
        return set(notifications.subscriptions)

    assert await reload() == {ours.id, 9}
    account.cloud.accesses["ampeco-new"] = account.cloud.accesses[TOKEN]
    entries.async_update_entry(
        account.entry, data={**account.entry.data, "token": "ampeco-new"}
    )
    after = await reload()
    assert ours.id not in after
    [renewed] = after - {9}
    assert notifications.subscriptions[renewed].token == "ampeco-new"
    await entries.async_remove(account.entry.entry_id)
    assert set(notifications.subscriptions) == {9}


async def test_another_token_signs(account: Account, session: ClientSession) -> None:
    """Until the subscription is made anew, what the old token signs is no proof."""
    raw = json.dumps(HARDWARE).encode()
    url = account.client.make_url(account.path)
    headers = {"X-Signature": signed(raw, "old-token")}
    async with session.post(url, data=raw, headers=headers) as answer:
        assert answer.status == 401
    assert account.push.refused == {"bad_signature": 1}
