"""The life of a callback."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
import sys
from types import ModuleType
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    get_system_health_info,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ev_charger_cloud.charging import (
    ChargingError,
    Event,
    EventKind,
    Notice,
    NoticeKind,
    NotSupportedError,
    PermissionDeniedError,
    Reading,
    UnreachableError,
)
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.providers import PROVIDERS
from custom_components.ev_charger_cloud.providers.base import Field, FieldKind, Received
from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util.aiohttp import MockRequest

from .devices import SetUp, charger, tick
from .fake_provider import DESCRIPTION, FakeProvider

EXTERNAL = "https://home.example"
SIGNED = {"X-Signature": "good"}

type Post = Callable[..., Awaitable[int]]


@pytest.fixture(autouse=True)
async def calling(home: HomeAssistant, fake: type[FakeProvider]) -> None:
    """Let the fake cloud call back, and Home Assistant have an address."""
    PROVIDERS["fake"] = replace(DESCRIPTION, callbacks=True)
    fake.fleet = {"c1": charger(readings={Reading.POWER: 0.0})}
    await home.config.async_update(external_url=EXTERNAL)


@pytest.fixture
async def loaded(set_up: SetUp) -> MockConfigEntry:
    """Return the account, set up."""
    entry = await set_up()
    assert entry.state is ConfigEntryState.LOADED
    return entry


def power(home: HomeAssistant) -> str:
    """Return the power that Home Assistant shows."""
    state = home.states.get("sensor.charger_c1_power")
    assert state is not None
    return state.state


def webhook_id_of(entry: MockConfigEntry) -> str:
    """Return what the account's webhook is called."""
    address: str = entry.runtime_data.push.address
    return address.rsplit("/", 1)[-1]


@pytest.fixture(params=["direct", "cloudhook"])
def post(
    request: pytest.FixtureRequest,
    home: HomeAssistant,
    loaded: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
) -> Post:
    """Return what calls back, directly or through Home Assistant Cloud."""
    client: TestClient[Any, Any] | None = None

    async def direct(
        body: bytes = b"{}", headers: dict[str, str] | None = None, method: str = "POST"
    ) -> int:
        nonlocal client
        client = client or await hass_client_no_auth()
        path = f"/api/webhook/{webhook_id_of(loaded)}"
        answer = await client.request(
            method, path, data=body, headers=SIGNED if headers is None else headers
        )
        return answer.status

    async def through_cloud(
        body: bytes = b"{}", headers: dict[str, str] | None = None, method: str = "POST"
    ) -> int:
        mocked = MockRequest(
            content=body,
            mock_source="cloud",
            method=method,
            headers=SIGNED if headers is None else headers,
        )
        answer = await webhook.async_handle_webhook(home, webhook_id_of(loaded), mocked)
        return answer.status

    return direct if request.param == "direct" else through_cloud


class TestReceiving:
    """What is answered, and what changes."""

    async def test_what_is_certain_shows_at_once(
        self, home: HomeAssistant, fake: type[FakeProvider], post: Post
    ) -> None:
        """A reading that a callback states is shown before it is answered."""
        fake.received = Received(
            kind="meter_values",
            fleet={"c1": charger(readings={Reading.POWER: 7200.0})},
        )
        polls = fake.polls
        assert await post() == 202
        assert power(home) == "7.2"
        assert fake.polls == polls
        assert fake.reads == []

    async def test_what_is_not_certain_is_read(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        post: Post,
    ) -> None:
        """A burst about one charger costs one read."""
        fake.set_reading("c1", Reading.POWER, 7200.0)
        fake.received = Received(kind="changed", reread=frozenset({"c1", "gone"}))
        for _ in range(20):
            assert await post() == 202
        async with asyncio.timeout(10):
            while not fake.reads:
                await asyncio.sleep(0.05)
        await home.async_block_till_done(wait_background_tasks=True)
        assert fake.reads == ["c1"]
        assert power(home) == "7.2"

    async def test_events_are_told_once(
        self, home: HomeAssistant, fake: type[FakeProvider], post: Post
    ) -> None:
        """What a callback and its repeat report is one event."""
        events = async_capture_events(home, "ev_charger_cloud_event")
        fake.received = Received(
            kind="session",
            events=(
                Event(kind=EventKind.SESSION_STARTED, device_id="c1", key="session-1"),
            ),
        )
        assert await post() == 202
        assert await post() == 202
        await home.async_block_till_done()
        assert [event.data["type"] for event in events] == ["session_started"]

    async def test_notices(
        self, home: HomeAssistant, fake: type[FakeProvider], post: Post
    ) -> None:
        """A callback may say what is to be mended, and that it is."""

        def ours() -> list[str | None]:
            """Return what is to be mended with this integration."""
            return [
                issue.translation_key
                for issue in ir.async_get(home).issues.values()
                if issue.domain == DOMAIN
            ]

        notice = Notice(kind=NoticeKind.CONTROL_NOT_SUPPORTED, subject="c1")
        fake.received = Received(kind="link", notices=(notice,))
        assert await post() == 202
        assert ours() == ["control_not_supported"]
        fake.received = Received(kind="link", notices=())
        assert await post() == 202
        assert ours() == []

    @pytest.mark.parametrize(
        ("body", "headers", "method", "status"),
        [
            (b"{}", {}, "POST", 401),
            (b"{}", {"X-Signature": "bad"}, "POST", 401),
            (b"nonsense", SIGNED, "POST", 400),
            (b"\xff\xfe", SIGNED, "POST", 400),
            (b" " * (1024 * 1024 + 1), SIGNED, "POST", 413),
            (b"{}", SIGNED, "PUT", 405),
            (b"", SIGNED, "GET", 405),
        ],
    )
    async def test_refused(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        loaded: MockConfigEntry,
        post: Post,
        body: bytes,
        headers: dict[str, str],
        method: str,
        status: int,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Nothing changes by what is forged, crooked or too large."""
        fake.received = Received(
            kind="meter_values",
            fleet={"c1": charger(readings={Reading.POWER: 7200.0})},
        )
        assert await post(body, headers, method) == status
        assert power(home) == "0.0"
        assert "Traceback" not in caplog.text
        assert not loaded.runtime_data.push.accepted

    async def test_largest_body(self, post: Post) -> None:
        """What is just within bounds is read."""
        assert await post(b" " * (1024 * 1024 - 2) + b"{}") == 202

    async def test_body_that_never_ends(
        self, home: HomeAssistant, loaded: MockConfigEntry
    ) -> None:
        """Nobody keeps a request open for long."""

        class Endless:
            """A request whose body does not come."""

            method = "POST"
            headers: dict[str, str] = {}
            remote = "1.2.3.4"

            def __init__(self) -> None:
                """Be its own stream."""
                self.content = self

            async def read(self, count: int) -> bytes:
                """Wait for ever."""
                await asyncio.Event().wait()
                return b""

        with (
            patch("custom_components.ev_charger_cloud.push._PATIENCE", 0.01),
            patch(
                "homeassistant.components.webhook.is_supervisor_unix_socket_request",
                return_value=False,
                create=True,  # 2026.10 does not ask
            ),
        ):
            answer = await webhook.async_handle_webhook(
                home,
                webhook_id_of(loaded),
                Endless(),  # type: ignore[arg-type]
            )
        assert answer.status == 400
        assert loaded.runtime_data.push.refused == {"incomplete": 1}

    @pytest.mark.parametrize(
        "request_",
        [
            b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone",
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"Content-Length: 9\r\n\r\nhalf",
        ],
        ids=["not compressed", "not chunked", "broken off"],
    )
    async def test_garbled_on_the_way(
        self,
        home: HomeAssistant,
        loaded: MockConfigEntry,
        hass_client_no_auth: ClientSessionGenerator,
        request_: bytes,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """What a sender garbles or breaks off is no fault of ours, nor told as one."""
        client = await hass_client_no_auth()
        reader, writer = await asyncio.open_connection(client.host, client.port)
        path = f"/api/webhook/{webhook_id_of(loaded)}"
        writer.write(f"POST {path} HTTP/1.1\r\nHost: home\r\n".encode() + request_)
        await writer.drain()
        if request_.endswith(b"half"):
            await asyncio.sleep(0.05)
        else:
            assert b" 400 " in await reader.readline()
        writer.close()
        await asyncio.sleep(0.05)
        await home.async_block_till_done()
        push = loaded.runtime_data.push
        assert not push.accepted
        assert set(push.refused) <= {"incomplete"}
        ours = [each for each in caplog.records if "custom_components" in each.name]
        assert not [each for each in ours if each.exc_info]

    async def test_fault_of_ours(
        self,
        fake: type[FakeProvider],
        loaded: MockConfigEntry,
        post: Post,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The cloud is not made to repeat what we cannot understand."""
        fake.received = RuntimeError("a fault of ours")
        assert await post() == 202
        assert "a fault of ours" in caplog.text
        assert loaded.runtime_data.push.refused == {"unexpected_error": 1}

    async def test_counters(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        loaded: MockConfigEntry,
        post: Post,
    ) -> None:
        """Diagnostics tell what came, of which kind, and what was refused."""
        fake.received = Received(kind="boot")
        await post()
        await post(headers={})
        told = loaded.runtime_data.push.diagnostics()
        assert told["state"] == "active"
        assert told["accepted"] == {"boot": 1}
        assert told["refused"] == {"bad_signature": 1}
        assert told["last_accepted"] is not None
        assert told["last_refused"] is not None
        assert await async_setup_component(home, "system_health", {})
        info = await get_system_health_info(home, DOMAIN)
        assert info["1_fake"].endswith("callbacks active (1 accepted, 1 refused)")


class TestSubscription:
    """Where the cloud is told to call."""

    async def test_external_address(
        self, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """Without Home Assistant Cloud it calls the external address."""
        [address] = fake.subscribed
        assert address.startswith(f"{EXTERNAL}/api/webhook/")
        assert loaded.runtime_data.push.state == "active"

    async def test_known_on_the_disk_before_the_cloud_knows_it(
        self,
        fake: type[FakeProvider],
        set_up: SetUp,
        hass_storage: dict[str, Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A kill right after it must not leave a subscription that nobody knows."""
        written: list[dict[str, Any]] = []

        async def subscribe(provider: FakeProvider, address: str) -> bool:
            fake.subscribed.append(address)
            written.extend(
                stored["data"]
                for key, stored in hass_storage.items()
                if key.startswith(f"{DOMAIN}.") and "webhook_id" in stored["data"]
            )
            return True

        monkeypatch.setattr(fake, "subscribe", subscribe)
        await set_up()
        [stored] = written
        assert stored["webhook_address"] == fake.subscribed[0]
        assert fake.subscribed[0].endswith(stored["webhook_id"])

    async def test_same_after_a_reload(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """The address outlives a reload, and so does the subscription."""
        await home.config_entries.async_reload(loaded.entry_id)
        await home.async_block_till_done(wait_background_tasks=True)
        assert len(fake.subscribed) == 2
        assert len(set(fake.subscribed)) == 1
        assert fake.unsubscribed == []

    @pytest.mark.parametrize(
        ("external", "internal"),
        [
            (None, None),
            (None, "http://192.168.1.5:8123"),
            (None, "https://homeassistant.local:8123"),
            ("http://home.example", None),
        ],
    )
    async def test_no_address(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        set_up: SetUp,
        external: str | None,
        internal: str | None,
    ) -> None:
        """A cloud is not told an address it cannot reach, or an unencrypted one."""
        await home.config.async_update(external_url=external, internal_url=internal)
        entry = await set_up()
        assert fake.subscribed == []
        assert entry.runtime_data.push.state == "no_address"
        result = await home.config_entries.options.async_init(entry.entry_id)
        told = result["description_placeholders"]["push"]
        assert told.startswith("Callbacks are off: the cloud cannot reach")

    async def test_cloud_in_the_house(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        fake_entry: MockConfigEntry,
        set_up: SetUp,
    ) -> None:
        """A server of one's own calls the internal address."""
        await home.config.async_update(
            external_url=None, internal_url="http://192.168.1.5:8123"
        )
        home.config_entries.async_update_entry(
            fake_entry, data={**fake_entry.data, "base_url": "http://192.168.1.9"}
        )
        await set_up()
        [address] = fake.subscribed
        assert address.startswith("http://192.168.1.5:8123/api/webhook/")

    @pytest.mark.parametrize(
        ("answer", "state"),
        [
            (True, "active"),
            (False, "off"),
            (PermissionDeniedError(), "not_permitted"),
            (NotSupportedError(), "not_permitted"),
            (UnreachableError(), "failed"),
        ],
    )
    async def test_answers(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        set_up: SetUp,
        answer: bool | ChargingError,
        state: str,
    ) -> None:
        """Polling goes on whatever the cloud says."""
        fake.subscription = answer
        entry = await set_up()
        assert entry.state is ConfigEntryState.LOADED
        assert entry.runtime_data.push.state == state
        result = await home.config_entries.options.async_init(entry.entry_id)
        told = result["description_placeholders"]["push"]
        assert told.startswith("Callbacks are off") is (state != "active")
        assert ("/api/webhook/" in told) is (state in ("active", "off"))

    async def test_form_shows_what_is(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """Where a large account has none unless asked for, saving does not ask."""
        PROVIDERS["fake"] = replace(
            PROVIDERS["fake"],
            options=(
                Field(key="push", kind=FieldKind.BOOLEAN, required=False, default=True),
            ),
        )
        entry = await set_up()
        for automatic, stored, shown in (
            ({}, {}, True),
            ({"push": False}, {}, False),
            ({"push": False}, {"push": True}, True),
        ):
            fake.automatic = automatic
            home.config_entries.async_update_entry(entry, options=stored)
            result = await home.config_entries.options.async_init(entry.entry_id)
            [default] = [
                key.default() for key in result["data_schema"].schema if key == "push"
            ]
            assert default is shown

    async def test_tried_again(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """A subscription that did not come about is tried again."""
        fake.subscription = UnreachableError()
        with patch("custom_components.ev_charger_cloud.push._RETRY", 0.01):
            entry = await set_up()
            fake.subscription = True
            await asyncio.sleep(0.05)
        assert entry.runtime_data.push.state == "active"
        assert len(fake.subscribed) > 1

    async def test_renewed_each_hour(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        loaded: MockConfigEntry,
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """Who deleted the subscription meanwhile does not end it for ever."""
        await tick(home, freezer, 3600 + 1)
        await home.async_block_till_done(wait_background_tasks=True)
        assert len(fake.subscribed) == 2

    async def test_right_that_is_given_later(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """What is forbidden is asked for again, as all that is forbidden."""
        fake.subscription = PermissionDeniedError()
        entry = await set_up()
        assert entry.runtime_data.push.state == "not_permitted"
        fake.subscription = True
        await tick(home, freezer, 3600 + 1)
        await home.async_block_till_done(wait_background_tasks=True)
        assert entry.runtime_data.push.state == "active"

    async def test_another_address_of_home_assistant(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """Who changes it in the settings need not restart anything."""
        await home.config.async_update(external_url="https://new.example")
        await home.async_block_till_done(wait_background_tasks=True)
        assert fake.subscribed[-1].startswith("https://new.example/api/webhook/")
        await home.config.async_update(external_url=None)
        await home.async_block_till_done(wait_background_tasks=True)
        assert loaded.runtime_data.push.state == "no_address"
        assert fake.suspended == 1
        await home.config_entries.async_remove(loaded.entry_id)
        assert len(fake.unsubscribed) == 1
        assert fake.unsubscribed[0].startswith("https://new.example/api/webhook/")

    async def test_cloud_that_cannot_call(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """Where there are no callbacks nothing is registered."""
        PROVIDERS["fake"] = DESCRIPTION
        entry = await set_up()
        assert fake.subscribed == []
        assert entry.runtime_data.push.address is None
        result = await home.config_entries.options.async_init(entry.entry_id)
        assert result["description_placeholders"]["push"] == ""

    async def test_told_during_the_first_poll(
        self, home: HomeAssistant, fake: type[FakeProvider], fake_entry: MockConfigEntry
    ) -> None:
        """What is told before the first poll is over is not lost: it is read again."""
        polled = asyncio.Event()

        async def poll() -> None:
            fake.polling = None
            request = MockRequest(
                content=b"{}", mock_source="cloud", method="POST", headers=SIGNED
            )
            content = fake.contexts[0].memory
            answer = await webhook.async_handle_webhook(
                home, content["webhook_id"], request
            )
            assert answer.status == 202
            fake.set_reading("c1", Reading.POWER, 7200.0)
            polled.set()

        fake.polling = poll
        await home.config_entries.async_setup(fake_entry.entry_id)
        await home.async_block_till_done(wait_background_tasks=True)
        assert polled.is_set()
        assert fake.polls == 2
        assert power(home) == "7.2"

    async def test_unloaded(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """An account that is not loaded takes nothing, and is not unsubscribed."""
        webhook_id = webhook_id_of(loaded)
        push = loaded.runtime_data.push
        await home.config_entries.async_unload(loaded.entry_id)
        request = MockRequest(
            content=b"{}", mock_source="cloud", method="POST", headers=SIGNED
        )
        await webhook.async_handle_webhook(home, webhook_id, request)
        assert not push.accepted
        assert fake.unsubscribed == []

    async def test_under_way_while_unloaded(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """What is being taken in when the account is unloaded has nothing read."""
        fake.received = Received(kind="changed", reread=frozenset({"c1"}))
        coordinator = loaded.runtime_data
        apply = coordinator.apply_callback

        async def unload_first(*args: Any) -> None:
            await home.config_entries.async_unload(loaded.entry_id)
            await apply(*args)

        request = MockRequest(
            content=b"{}", mock_source="cloud", method="POST", headers=SIGNED
        )
        webhook_id = webhook_id_of(loaded)
        with (
            patch.object(coordinator, "apply_callback", unload_first),
            patch("custom_components.ev_charger_cloud.push._GATHER", 0),
        ):
            answer = await webhook.async_handle_webhook(home, webhook_id, request)
            assert answer.status == 202
            await asyncio.sleep(0.05)
            await home.async_block_till_done(wait_background_tasks=True)
        assert fake.reads == []

    async def test_after_removal(
        self, home: HomeAssistant, loaded: MockConfigEntry
    ) -> None:
        """Nobody listens any more."""
        webhook_id, push = webhook_id_of(loaded), loaded.runtime_data.push
        await home.config_entries.async_remove(loaded.entry_id)
        request = MockRequest(
            content=b"{}", mock_source="cloud", method="POST", headers=SIGNED
        )
        await webhook.async_handle_webhook(home, webhook_id, request)
        assert not push.accepted
        assert not push.refused

    @pytest.mark.parametrize("answer", [True, UnreachableError()])
    async def test_removed(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        loaded: MockConfigEntry,
        answer: bool | ChargingError,
    ) -> None:
        """With the account goes its subscription, if the cloud can be reached."""
        fake.subscription = answer
        await home.config_entries.async_remove(loaded.entry_id)
        assert fake.unsubscribed == fake.subscribed


class FakeCloud(ModuleType):
    """Home Assistant Cloud, which cannot be installed everywhere."""

    class CloudNotAvailable(Exception):
        """There is no connection."""

    def __init__(self) -> None:
        """Be connected, with a subscription."""
        super().__init__("homeassistant.components.cloud")
        self.subscribed = self.connected = True
        self.deleted: list[str] = []
        self.listeners: list[Callable[[str], None]] = []

    def async_active_subscription(self, hass: HomeAssistant) -> bool:
        """Return whether somebody pays for it."""
        return self.subscribed

    async def async_get_or_create_cloudhook(
        self, hass: HomeAssistant, webhook_id: str
    ) -> str:
        """Return an address."""
        if not self.connected:
            raise self.CloudNotAvailable
        return f"https://hooks.example/{webhook_id[:8]}"

    def async_listen_connection_change(
        self, hass: HomeAssistant, target: Callable[[str], None]
    ) -> Callable[[], None]:
        """Tell when it is connected."""
        self.listeners.append(target)
        return lambda: self.listeners.remove(target)

    async def async_delete_cloudhook(
        self, hass: HomeAssistant, webhook_id: str
    ) -> None:
        """Delete an address."""
        if not self.connected:
            raise ValueError
        self.deleted.append(webhook_id)


class TestHomeAssistantCloud:
    """With a subscription, callbacks come through Home Assistant Cloud."""

    @pytest.fixture
    def cloud(self, home: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
        """Put a cloud in place."""
        import homeassistant.components as components  # noqa: PLR0402

        cloud = FakeCloud()
        monkeypatch.setitem(sys.modules, "homeassistant.components.cloud", cloud)
        monkeypatch.setattr(components, "cloud", cloud, raising=False)
        home.config.components.add("cloud")
        return cloud

    async def test_cloudhook(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        cloud: FakeCloud,
        set_up: SetUp,
    ) -> None:
        """Its address is preferred; with the account it is deleted."""
        entry = await set_up()
        [address] = fake.subscribed
        assert address.startswith("https://hooks.example/")
        await home.config_entries.async_remove(entry.entry_id)
        assert fake.unsubscribed == [address]
        assert len(cloud.deleted) == 1
        assert cloud.listeners == []

    async def test_removed_while_the_chargers_cloud_is_out_of_reach(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        cloud: FakeCloud,
        set_up: SetUp,
    ) -> None:
        """The address goes all the same: then nobody can call it."""
        entry = await set_up()
        fake.subscription = UnreachableError()
        await home.config_entries.async_remove(entry.entry_id)
        assert len(cloud.deleted) == 1

    async def test_disconnected_for_a_while(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        cloud: FakeCloud,
        set_up: SetUp,
    ) -> None:
        """Nothing is waited for that cannot come, and what was missed is polled."""
        entry = await set_up()
        for connected, state, suspended in (
            (False, "no_address", 1),
            (True, "active", 1),
        ):
            polls = fake.polls
            cloud.connected = connected
            for listener in list(cloud.listeners):
                listener("changed")
            await home.async_block_till_done(wait_background_tasks=True)
            assert entry.runtime_data.push.state == state
            assert fake.suspended == suspended
            assert fake.polls == polls + 1

    async def test_connected_later(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        cloud: FakeCloud,
        set_up: SetUp,
    ) -> None:
        """While it is not connected it is waited for."""
        cloud.connected = False
        entry = await set_up()
        assert fake.subscribed == []
        assert entry.runtime_data.push.state == "no_address"
        cloud.connected = True
        for listener in list(cloud.listeners):
            listener("cloud_connected")
        await home.async_block_till_done(wait_background_tasks=True)
        assert len(fake.subscribed) == 1
        cloud.connected = False
        await home.config_entries.async_remove(entry.entry_id)
        assert cloud.deleted == []

    async def test_without_a_subscription(
        self, fake: type[FakeProvider], cloud: FakeCloud, set_up: SetUp
    ) -> None:
        """Without a subscription the external address is used."""
        cloud.subscribed = False
        await set_up()
        [address] = fake.subscribed
        assert address.startswith(EXTERNAL)


async def test_nothing_of_the_callback_is_in_diagnostics(
    home: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """The address is a key to the house: it is told on the options page alone."""
    told = str(loaded.runtime_data.push.diagnostics())
    assert webhook_id_of(loaded) not in told
    assert DOMAIN in home.config.components
