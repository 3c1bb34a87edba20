"""AMPECO: callbacks from the simulated tenant, over real sockets."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
import hashlib
import hmac
import json
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.ev_charger_cloud.charging import (
    AuthenticationError,
    ChargingStatus,
    CommandRefusedError,
    EventKind,
    Name,
    NoticeKind,
    PermissionDeniedError,
    Reading,
    ServerFaultError,
    SessionStatus,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.providers.ampeco import subscription
from custom_components.ev_charger_cloud.providers.ampeco.provider import AmpecoProvider
from custom_components.ev_charger_cloud.providers.base import (
    Callback,
    Received,
    Selection,
)
from simulator.clouds.ampeco.notifications import Subscription
from simulator.faults import Fault
from simulator.world import Car

from .ampeco_tenant import FULL, Tenant, tenant_fixture  # noqa: F401

ONE = "cp4022"
SESSION = "120046"  # the first one that begins


@dataclass(kw_only=True)
class Home:
    """Where the tenant calls."""

    address: str
    answers: list[int] = field(default_factory=list)
    came: list[Callback] = field(default_factory=list)

    async def wait(self, count: int = 1) -> list[Callback]:
        """Return what came, once there is that much."""
        async with asyncio.timeout(5):
            while len(self.came) < count:
                await asyncio.sleep(0.005)
            # What comes with it.
            await asyncio.sleep(0.05)
        came, self.came = self.came, []
        return came


@pytest.fixture
async def home() -> AsyncGenerator[Home]:
    """Listen for callbacks."""

    async def handle(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        home.came.append(Callback(headers=headers, body=await request.read()))
        return web.Response(status=home.answers.pop(0) if home.answers else 202)

    app = web.Application()
    app.router.add_post("/api/webhook/{id}", handle)
    async with TestServer(app) as server:
        home = Home(address=str(server.make_url("/api/webhook/ours")))
        yield home


@pytest.fixture
async def provider(tenant: Tenant, home: Home) -> AmpecoProvider:
    """Return a provider that polled once and subscribed."""
    provider = tenant.provider()
    await provider.poll()
    assert await provider.subscribe(home.address)
    # What happens from now on is newer than what was read, by everybody's clock.
    tenant.step(60)
    return provider


def of(callbacks: list[Callback], kind: str) -> Callback:
    """Return the first callback of a kind."""
    return next(
        each for each in callbacks if json.loads(each.body)["notification"] == kind
    )


def signed(body: Any, token: str = FULL) -> Callback:
    """Return a callback as the tenant would send it."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = hmac.new(token.encode(), raw, hashlib.sha256).hexdigest()
    return Callback(headers={"x-signature": signature}, body=raw)


def hardware(status: str | None, **changes: Any) -> Callback:
    """Return a callback about the status of the one EVSE."""
    return signed(
        {
            "notification": "HardwareStatusNotification",
            "chargePointId": 4022,
            "evseId": 9003,
            "timestamp": "2099-01-01T00:00:00Z",
            "hardwareStatus": status,
            **changes,
        }
    )


class TestSubscription:
    """What the tenant is asked to call."""

    async def test_all_kinds(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """Every kind of the API that matters is wanted."""
        [made] = tenant.cloud.notifications.subscriptions.values()
        assert made.url == home.address
        assert tuple(made.kinds) == subscription.KINDS
        assert made.token == FULL

    async def test_kept(self, tenant: Tenant, home: Home) -> None:
        """What fits is not made again, also after a restart."""
        for _ in range(3):
            provider = tenant.provider()
            await provider.poll()
            assert await provider.subscribe(home.address)
        assert list(tenant.cloud.notifications.subscriptions) == [501]

    async def test_another_address(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """An older address of ours is taken away; those of others are left alone."""
        tenant.cloud.notifications.subscriptions[9] = Subscription(
            id=9, kinds=["BootNotification"], url="https://other.example/x", token=FULL
        )
        moved = home.address.replace("127.0.0.1", "localhost")
        assert await provider.subscribe(moved)
        urls = {each.url for each in tenant.cloud.notifications.subscriptions.values()}
        assert urls == {moved, "https://other.example/x"}

    async def test_moved_to_home_assistant_cloud(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """An address there has nothing in common with the one before, nor its end."""
        notifications = tenant.cloud.notifications
        hook = home.address.replace("ours", "gAAAAABhook")
        restarted = tenant.provider()
        await restarted.poll()
        assert await restarted.subscribe(hook)
        assert [each.url for each in notifications.subscriptions.values()] == [hook]
        await restarted._subscription.ensure(home.address)
        assert [each.url for each in notifications.subscriptions.values()] == [
            home.address
        ]

    async def test_addresses_are_written_down_before_they_are_told(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """A kill between the two leaves nothing that is nobody's."""
        tenant.cloud.faults.add(Fault(method="POST", status=500, body={}))
        hook = home.address.replace("ours", "gAAAAABhook")
        with pytest.raises(ServerFaultError):
            await provider.subscribe(hook)
        assert tenant.memory["notifications"]["addresses"] == [home.address, hook]
        assert not provider._subscription.active
        tenant.cloud.faults.clear()
        # It was made after all.
        notifications = tenant.cloud.notifications
        notifications.subscriptions[9] = Subscription(
            id=9, kinds=["BootNotification"], url=hook, token=FULL
        )
        await tenant.provider().unsubscribe(home.address)
        assert not notifications.subscriptions

    async def test_two_homes(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """Two Home Assistants of one tenant leave each other's subscription alone."""
        theirs = home.address.replace("ours", "theirs")
        remembered, tenant.memory = tenant.memory, {}
        other = tenant.provider()
        await other.poll()
        for _ in range(2):
            assert await other.subscribe(theirs)
            assert await provider.subscribe(home.address)
        notifications = tenant.cloud.notifications
        assert sorted(notifications.subscriptions) == [501, 502]
        await other.unsubscribe(theirs)
        tenant.memory = remembered
        [left] = notifications.subscriptions.values()
        assert left.url == home.address

    async def test_many_pages(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """Ours is found wherever it stands in the list, and is not made again."""
        notifications = tenant.cloud.notifications
        [ours] = notifications.subscriptions.values()
        notifications.subscriptions = {
            number: Subscription(
                id=number,
                kinds=["BootNotification"],
                url=f"https://other.example/{number}",
                token=FULL,
            )
            for number in range(250)
        } | {ours.id: ours}
        assert await provider.subscribe(home.address)
        assert len(notifications.subscriptions) == 251
        await provider.unsubscribe(home.address)
        assert len(notifications.subscriptions) == 250

    @pytest.mark.parametrize("body", [{}, [], {"data": None}, {"data": {"id": 1}}])
    async def test_list_that_is_none(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider, body: Any
    ) -> None:
        """Of what cannot be read nobody concludes that ours is gone."""
        tenant.cloud.faults.add(Fault(method="GET", status=200, body=body))
        with pytest.raises(UnusableAnswerError):
            await provider.subscribe(home.address)
        assert list(tenant.cloud.notifications.subscriptions) == [501]

    async def test_crooked_list(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """What cannot be read in a list is nobody's."""
        items = [None, {}, {"id": 7}, {"id": 8, "webhook": "x"}, {"webhook": {}}]
        ours = {"id": 9, "webhook": {"callbackUrl": home.address}}
        tenant.cloud.faults.add(
            Fault(method="GET", status=200, body={"data": [*items, ours]})
        )
        assert await provider.subscribe(home.address)
        assert list(tenant.cloud.notifications.subscriptions) == [501]

    async def test_other_kinds(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """One with other kinds than are wanted, as of an earlier version, is replaced."""
        [made] = tenant.cloud.notifications.subscriptions.values()
        made.kinds = made.kinds[:-1]
        assert await provider.subscribe(home.address)
        [made] = tenant.cloud.notifications.subscriptions.values()
        assert tuple(made.kinds) == subscription.KINDS

    async def test_doubled(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """Of two of ours one is left."""
        notifications = tenant.cloud.notifications
        [made] = notifications.subscriptions.values()
        notifications.subscriptions[9] = Subscription(
            id=9, kinds=made.kinds, url=made.url, token=FULL
        )
        assert await provider.subscribe(home.address)
        assert len(notifications.subscriptions) == 1

    async def test_at_once(self, tenant: Tenant, home: Home) -> None:
        """Who subscribes twice at the same time does it once."""
        provider = tenant.provider()
        await provider.poll()
        await asyncio.gather(*(provider.subscribe(home.address) for _ in range(3)))
        assert list(tenant.cloud.notifications.subscriptions) == [501]

    async def test_another_token(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """A new token does not sign what an old one subscribed: it is made anew."""
        tenant.cloud.accesses["ampeco-new"] = tenant.cloud.accesses[FULL]
        renewed = tenant.provider("ampeco-new")
        await renewed.poll()
        assert await renewed.subscribe(home.address)
        [made] = tenant.cloud.notifications.subscriptions.values()
        assert made.token == "ampeco-new"

    async def test_older_tenant(self, tenant: Tenant, home: Home) -> None:
        """Where the new names are not known the old ones are taken."""
        tenant.cloud.quirks["older_kinds"] = True
        provider = tenant.provider()
        await provider.poll()
        assert await provider.subscribe(home.address)
        [made] = tenant.cloud.notifications.subscriptions.values()
        assert "SessionStartStopNotification" in made.kinds
        assert "session.start.stop.notification" not in made.kinds

    async def test_oldest_tenant(
        self, tenant: Tenant, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where even those are not known, the plain ones are enough."""
        monkeypatch.setattr(
            "simulator.clouds.ampeco.notifications.KINDS",
            frozenset(subscription._OLDEST),
        )
        provider = tenant.provider()
        await provider.poll()
        assert await provider.subscribe(home.address)
        [made] = tenant.cloud.notifications.subscriptions.values()
        assert made.kinds == list(subscription._OLDEST)

    async def test_nothing_known(
        self, tenant: Tenant, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A tenant that takes none of the kinds has no callbacks."""
        monkeypatch.setattr(
            "simulator.clouds.ampeco.notifications.KINDS", frozenset[str]()
        )
        provider = tenant.provider()
        await provider.poll()
        with pytest.raises(CommandRefusedError):
            await provider.subscribe(home.address)

    async def test_gone_meanwhile(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """What somebody deletes while we do is no trouble."""
        tenant.cloud.faults.add(Fault(method="DELETE", status=404, body={}))
        await provider.unsubscribe(home.address)

    async def test_mended_before_anything_was_subscribed(self, tenant: Tenant) -> None:
        """Without a subscription there is nothing to mend."""
        provider = tenant.provider()
        await provider._subscription.mend(10)
        assert tenant.asked() == []

    async def test_no_right(self, tenant: Tenant, home: Home) -> None:
        """A token that may not is told so."""
        tenant.cloud.accesses[FULL].rights.discard("notifications")
        provider = tenant.provider()
        await provider.poll()
        with pytest.raises(PermissionDeniedError):
            await provider.subscribe(home.address)
        poll = await provider.poll()
        assert poll.interval.total_seconds() == 60
        [notice] = poll.notices
        assert notice.kind is NoticeKind.PERMISSION_MISSING
        assert notice.subject == Name(key="notifications")
        # Who does not want them misses nothing.
        off = tenant.provider(push=False)
        await off.poll()
        assert not await off.subscribe(home.address)
        assert not (await off.poll()).notices
        tenant.cloud.accesses[FULL].rights.add("notifications")
        assert await provider.subscribe(home.address)
        assert not (await provider.poll()).notices

    async def test_not_wanted(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """Switching callbacks off ends the subscription."""
        off = tenant.provider(push=False)
        await off.poll()
        assert not await off.subscribe(home.address)
        assert not tenant.cloud.notifications.subscriptions

    async def test_large_tenant(self, tenant: Tenant, home: Home) -> None:
        """A large tenant must be asked for, or its charge points chosen."""
        tenant.cloud.populate(200, connectors=1)
        for settings, selection, wanted in (
            ({}, Selection(), False),
            ({"push": True}, Selection(), True),
            ({}, Selection(everything=False, chargers=frozenset({ONE})), True),
        ):
            provider = tenant.provider(selection=selection, **settings)
            await provider.poll()
            assert await provider.subscribe(home.address) is wanted
            assert provider.automatic_settings == {"push": wanted}

    async def test_removed(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """With the account the subscription ends, also when it is gone already."""
        await tenant.provider().unsubscribe(home.address)
        assert not tenant.cloud.notifications.subscriptions
        await provider.unsubscribe(home.address)


class TestEffects:
    """What callbacks of the simulated tenant change."""

    async def test_session_from_plug_to_end(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """A whole session shows by callbacks alone, without one request."""
        await asyncio.sleep(0.02)
        tenant.asked()
        tenant.connector().plug_in(Car(phases=3, max_current=16))
        device = self.take(provider, await home.wait())[ONE]
        assert device.readings[Reading.STATUS] is ChargingStatus.CONNECTED
        tenant.connector().start("CARD-0001")
        device = self.take(provider, await home.wait(2))[ONE]
        assert device.readings[Reading.STATUS] is ChargingStatus.CHARGING
        assert device.readings[Reading.SESSION_STATUS] is SessionStatus.ACTIVE
        tenant.step(600)
        device = self.take(provider, await home.wait(2))[ONE]
        read = device.readings
        assert read[Reading.POWER] == pytest.approx(11_040, rel=0.01)
        assert read[Reading.CURRENT_PHASE_3] == pytest.approx(16, rel=0.01)
        assert read[Reading.VOLTAGE_PHASE_2] == pytest.approx(230, rel=0.01)
        assert read[Reading.CURRENT_OFFERED] == pytest.approx(32)
        assert read[Reading.SESSION_ENERGY] == pytest.approx(1840, rel=0.02)
        assert read[Reading.LIFETIME_ENERGY] is not None
        tenant.connector().stop("Local")
        device = self.take(provider, await home.wait(2))[ONE]
        assert device.readings[Reading.STATUS] is ChargingStatus.FINISHING
        assert device.readings[Reading.POWER] == 0
        assert device.readings[Reading.CURRENT_PHASE_1] is None
        assert device.readings[Reading.SESSION_STATUS] is SessionStatus.FINISHED
        assert tenant.asked() == []

    async def test_connection(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """A station that is lost shows so, and is read when it is back."""
        tenant.station().set_online(False)
        [callback] = await home.wait()
        received = provider.receive(callback)
        assert received.kind == "networkstatus"
        assert received.fleet[ONE].online is False
        tenant.station().set_online(True)
        received = provider.receive(of(await home.wait(), "NetworkStatusNotification"))
        assert received.fleet[ONE].online is True
        assert received.reread == {ONE}

    @pytest.mark.parametrize("signature", ["base64", "prefix"])
    async def test_signatures(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider, signature: str
    ) -> None:
        """However the signature is written, it is one."""
        tenant.cloud.quirks["push_signature"] = signature
        tenant.connector().plug_in()
        received = provider.receive((await home.wait())[0])
        assert received.kind == "hardwarestatus"

    async def test_bad_signature(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """What somebody else signed changes nothing."""
        tenant.cloud.quirks["push_signature"] = "bad"
        tenant.connector().plug_in()
        [callback] = await home.wait()
        with pytest.raises(AuthenticationError):
            provider.receive(callback)

    async def test_twice(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """A callback that comes twice counts once."""
        tenant.cloud.quirks["push_twice"] = True
        tenant.connector().plug_in()
        kinds = [provider.receive(each).kind for each in await home.wait(2)]
        assert kinds == ["hardwarestatus", "repeated"]

    async def test_retried(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """What is not taken is sent again, at last given up, and sent when asked for."""
        home.answers = [500] * 4
        tenant.connector().plug_in()
        await home.wait()
        for pause in (5, 30, 120):
            tenant.step(pause)
            await home.wait()
        notifications = tenant.cloud.notifications
        assert notifications.delivered() == [["HardwareStatusNotification", 500]]
        tenant.step(3600)
        assert home.came == []
        await provider._subscription.mend(3600)
        assert len(await home.wait()) == 1
        assert notifications.delivered() == [["HardwareStatusNotification", 202]]

    async def test_polls_go_on(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """What a callback said is what the next poll says; idle polls are seldom."""
        tenant.connector().plug_in()
        told = self.take(provider, await home.wait())
        poll = await provider.poll()
        assert poll.fleet[ONE] == told[ONE]
        assert poll.interval.total_seconds() == 300

    def take(
        self, provider: AmpecoProvider, callbacks: list[Callback]
    ) -> dict[str, Any]:
        """Have callbacks understood, and return the devices they changed."""
        fleet: dict[str, Any] = {}
        for each in callbacks:
            received = provider.receive(each)
            fleet |= received.fleet
        return fleet


class TestDoubt:
    """Callbacks that do not come."""

    @pytest.fixture
    def now(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
        """Return what lets time pass for the provider."""
        passed = 0.0

        def step(seconds: float) -> None:
            nonlocal passed
            passed += seconds

        self.step = step
        self.clock = lambda: passed
        return step

    async def test_lost_callbacks(
        self, tenant: Tenant, home: Home, now: Callable[[float], None]
    ) -> None:
        """What polls find and callbacks did not tell quickens polls, and is mended."""
        tenant.monotonic = self.clock
        provider = tenant.provider()
        await provider.poll()
        assert await provider.subscribe(home.address)
        assert (await provider.poll()).interval.total_seconds() == 300
        tenant.cloud.quirks["push_dead"] = True
        tenant.connector().plug_in()
        poll = await provider.poll()
        # Its callback may still come.
        assert poll.interval.total_seconds() == 300
        now(50)
        tenant.asked()
        poll = await provider.poll()
        assert poll.interval.total_seconds() == 60
        assert any("resend" in path for path in tenant.asked())
        assert not poll.notices
        now(3600)
        poll = await provider.poll()
        [notice] = poll.notices
        assert notice.kind is NoticeKind.PUSH_DOUBTFUL
        tenant.cloud.quirks["push_dead"] = False
        tenant.connector().unplug()
        provider.receive(of(await home.wait(), "HardwareStatusNotification"))
        poll = await provider.poll()
        assert not poll.notices
        assert poll.interval.total_seconds() == 300

    async def test_subscription_that_was_deleted(
        self, tenant: Tenant, home: Home, now: Callable[[float], None]
    ) -> None:
        """Somebody deleted it: it is made again."""
        provider = tenant.provider()
        provider.context.monotonic = self.clock
        await provider.poll()
        await provider.subscribe(home.address)
        tenant.cloud.notifications.subscriptions.clear()
        tenant.connector().plug_in()
        await provider.poll()
        now(50)
        await provider.poll()
        assert len(tenant.cloud.notifications.subscriptions) == 1

    async def test_subscription_that_was_disabled(
        self, tenant: Tenant, home: Home, now: Callable[[float], None]
    ) -> None:
        """Nothing tells so but that nothing is sent again: it is made anew."""
        tenant.monotonic = self.clock
        provider = tenant.provider()
        await provider.poll()
        await provider.subscribe(home.address)
        [made] = tenant.cloud.notifications.subscriptions.values()
        made.disabled = True
        tenant.connector().plug_in()
        await provider.poll()
        now(50)
        await provider.poll()
        [renewed] = tenant.cloud.notifications.subscriptions.values()
        assert renewed.id != made.id
        tenant.connector().unplug()
        assert await home.wait()

    async def test_mended_in_vain(
        self, tenant: Tenant, home: Home, now: Callable[[float], None]
    ) -> None:
        """Where that did not help either, it is made anew."""
        tenant.monotonic = self.clock
        provider = tenant.provider()
        await provider.poll()
        await provider.subscribe(home.address)
        tenant.cloud.quirks["push_dead"] = True
        tenant.connector().plug_in()
        await provider.poll()
        for seconds, expected in ((50, [501]), (800, [501]), (101, [502])):
            now(seconds)
            await provider.poll()
            assert list(tenant.cloud.notifications.subscriptions) == expected

    async def test_all_that_may_be_lost_is_asked_for(
        self, tenant: Tenant, home: Home, now: Callable[[float], None]
    ) -> None:
        """Also where other callbacks came since."""
        tenant.monotonic = self.clock
        provider = tenant.provider()
        await provider.poll()
        await provider.subscribe(home.address)
        await provider.poll()
        tenant.step(60)
        now(60)
        tenant.cloud.quirks["push_dead"] = True
        tenant.connector().plug_in()
        await home_is_quiet(home)
        tenant.cloud.quirks["push_dead"] = False
        tenant.step(200)
        now(200)
        await provider.poll()
        provider.receive(signed({"notification": "evse.changed", "evseId": 1}))
        now(50)
        tenant.step(50)
        provider.context.now = lambda: tenant.world.now
        await provider.poll()
        came = await home.wait()
        assert of(came, "HardwareStatusNotification")

    async def test_out_of_reach_for_a_while(
        self, tenant: Tenant, home: Home, provider: AmpecoProvider
    ) -> None:
        """While the tenant cannot reach us polls quicken; then it is asked what was."""
        assert (await provider.poll()).interval.total_seconds() == 300
        provider.suspend_callbacks()
        assert (await provider.poll()).interval.total_seconds() == 60
        tenant.asked()
        assert await provider.subscribe(home.address)
        assert any("resend" in path for path in tenant.asked())
        assert await provider.subscribe(home.address)
        assert not any("resend" in path for path in tenant.asked())
        assert (await provider.poll()).interval.total_seconds() == 300

    async def test_no_right_any_more(
        self, tenant: Tenant, home: Home, now: Callable[[float], None]
    ) -> None:
        """A right that is taken away meanwhile ends callbacks, and nothing else."""
        tenant.monotonic = self.clock
        provider = tenant.provider()
        await provider.poll()
        await provider.subscribe(home.address)
        tenant.cloud.quirks["push_dead"] = True
        tenant.cloud.accesses[FULL].rights.discard("notifications")
        tenant.connector().plug_in()
        await provider.poll()
        now(50)
        poll = await provider.poll()
        assert poll.interval.total_seconds() == 60
        assert [each.subject for each in poll.notices] == [Name(key="notifications")]

    async def test_hints_and_commands_raise_no_doubt(
        self, tenant: Tenant, home: Home, now: Callable[[float], None]
    ) -> None:
        """What a read found that there was a reason for was not lost."""
        tenant.monotonic = self.clock
        provider = tenant.provider()
        await provider.poll()
        await provider.subscribe(home.address)
        tenant.cloud.quirks["push_dead"] = True
        tenant.connector().plug_in()
        said = receive(
            provider,
            {
                "notification": "HardwareStatusNotification",
                "chargePointId": 4022,
                "hardwareStatus": "preparing",
            },
        )
        assert said.reread == {ONE}
        await provider.read(ONE)
        for _ in range(3):
            now(50)
            poll = await provider.poll()
        assert poll.interval.total_seconds() == 300


async def home_is_quiet(home: Home) -> None:
    """Assert that nothing comes."""
    await asyncio.sleep(0.05)
    assert home.came == []


# Bodies as they may come, and what becomes of them.


def receive(provider: AmpecoProvider, body: Any) -> Received:
    """Have a body understood."""
    return provider.receive(signed(body))


async def test_late(provider: AmpecoProvider) -> None:
    """What happened before is no news, whenever it arrives."""
    now = provider.context.now().isoformat()
    provider.receive(hardware("charging", timestamp=now))
    received = provider.receive(hardware("available", timestamp="2026-01-01T00:00:00Z"))
    assert received.kind == "late"
    assert received.fleet == {}


async def test_older_than_what_was_read(provider: AmpecoProvider) -> None:
    """What may be older than what a poll found, or is replayed, is read again."""
    await provider.poll()
    known = provider._fleet[ONE]
    before = (provider.context.now() - timedelta(minutes=2)).isoformat()
    received = provider.receive(hardware("charging", timestamp=before))
    assert (received.fleet, received.reread) == ({}, {ONE})
    lost = {
        "notification": "NetworkStatusNotification",
        "chargePointId": 4022,
        "timestamp": before,
        "networkStatus": "temporarily unavailable",
    }
    received = receive(provider, lost)
    assert (received.fleet, received.reread) == ({}, {ONE})
    assert (await provider.poll()).fleet[ONE] == known


async def test_quick_changes_need_no_reads(provider: AmpecoProvider) -> None:
    """What is told of within moments of something else is applied all the same."""
    now = provider.context.now() + timedelta(seconds=1)
    for number, word in enumerate(("charging", "available", "charging", "available")):
        at = now + timedelta(microseconds=number)
        received = provider.receive(hardware(word, timestamp=at.isoformat()))
        assert ONE in received.fleet


async def test_time_beyond_measure(provider: AmpecoProvider) -> None:
    """A clock that runs away does not make all that follows old."""
    provider.receive(hardware("charging", timestamp="9998-01-01T00:00:00Z"))
    now = provider.context.now().isoformat()
    received = provider.receive(hardware("available", timestamp=now))
    assert received.fleet[ONE].readings[Reading.STATUS] is ChargingStatus.DISCONNECTED


@pytest.mark.parametrize(
    "body",
    [b"nonsense", b"[]", b'"word"', b"[" * 2000 + b"]" * 2000, b"\xff", b""],
)
async def test_unreadable(provider: AmpecoProvider, body: bytes) -> None:
    """What is no object cannot be read, though it is signed."""
    with pytest.raises(UnusableAnswerError):
        provider.receive(signed(body))


@pytest.mark.parametrize(
    ("body", "kind", "reread"),
    [
        ({}, "unknown", set()),
        ({"notification": None}, "unknown", set()),
        ({"notification": "locationChanged"}, "unknown", set()),
        ({"notification": "BootNotification", "chargePointId": 4022}, "boot", {ONE}),
        ({"notification": "BootNotification", "chargePointId": 1}, "foreign", set()),
        ({"notification": "BootNotification"}, "foreign", set()),
        (
            {"notification": "chargePoint.changed", "chargePointId": "4022"},
            "chargepointchanged",
            {ONE},
        ),
        ({"notification": "evse.changed", "evseId": 9003}, "evsechanged", {ONE}),
        ({"notification": "evse.changed", "evseId": 1}, "foreign", set()),
        ({"notification": "circuit.changed", "circuitId": 1}, "foreign", set()),
        (
            {"notification": "circuit.changed", "circuitId": 77},
            "circuitchanged",
            {"circuit77"},
        ),
        (
            {"notification": "chargingProfile.applied", "chargePointId": 4022},
            "chargingprofileapplied",
            {ONE},
        ),
        ({"notification": "reservation.changed", "reservationId": 1}, "foreign", set()),
        ({"notification": "userBalance.changed", "userId": 1}, "foreign", set()),
        ({"notification": "user.subscription.changed"}, "foreign", set()),
        ({"notification": "user.subscriptionChanged"}, "foreign", set()),
        (
            {
                "notification": "HardwareStatusNotification",
                "chargePointId": 4022,
                "hardwareStatus": "faulted",
            },
            "hardwarestatus",
            {ONE},
        ),
        (
            {
                "notification": "HardwareStatusNotification",
                "chargePointId": 4022,
                "evseId": 9003,
                "hardwareStatus": None,
            },
            "hardwarestatus",
            {ONE},
        ),
        (
            {"notification": "NetworkStatusNotification", "chargePointId": 4022},
            "networkstatus",
            set(),
        ),
        (
            {"notification": "SessionUpdateNotification", "session": None},
            "sessionupdate",
            set(),
        ),
        (
            {
                "notification": "SessionUpdateNotification",
                "session": {"chargePointId": 4022, "evseId": 9003},
            },
            "sessionupdate",
            set(),
        ),
        (
            {
                "notification": "SessionUpdateNotification",
                "session": {"id": "1", "chargePointId": 4022, "evseId": 1},
            },
            "sessionupdate",
            set(),
        ),
        (
            {"notification": "SessionMeterValuesNotification", "chargePointId": 4022},
            "sessionmetervalues",
            set(),
        ),
        (
            {
                "notification": "SessionMeterValuesNotification",
                "chargePointId": 4021,
                "meterValues": [],
            },
            "sessionmetervalues",
            set(),
        ),
        (
            {
                "notification": "SessionMeterValuesNotification",
                "chargePointId": 4022,
                "meterValues": [None, {}, {"measurand": "Voltage", "value": "x"}],
            },
            "late",
            set(),
        ),
        (
            {"notification": "CircuitConsumptionNotification", "circuitId": 77},
            "circuitconsumption",
            set(),
        ),
        (
            {
                "notification": "CircuitConsumptionNotification",
                "circuitId": 1,
                "currentConsumption": [],
            },
            "foreign",
            set(),
        ),
    ],
)
async def test_bodies(
    provider: AmpecoProvider, body: Any, kind: str, reread: set[str]
) -> None:
    """Whatever is missing, nothing breaks and nothing is made up."""
    received = receive(provider, body)
    assert received.kind == kind
    assert received.reread == reread
    assert not received.fleet


async def test_others_do_not_push_ours_out_of_memory(provider: AmpecoProvider) -> None:
    """A replay is known for one, however much a large tenant sends in between."""
    assert provider.receive(hardware("charging")).kind == "hardwarestatus"
    for number in range(1000):
        others = hardware("charging", chargePointId=1, info=str(number))
        assert provider.receive(others).kind == "foreign"
    assert provider.receive(hardware("charging")).kind == "repeated"


async def test_start_and_stop_as_older_tenants_tell_it(
    provider: AmpecoProvider,
) -> None:
    """The deprecated kind tells a session too, nested or flat, without an action."""
    now = provider.context.now().isoformat()
    body = {
        "notification": "SessionStartStopNotification",
        "sessionId": "77001",
        "chargePointId": 4022,
        "evseId": 9003,
        "startedAtTimestamp": now,
        "lastUpdatedAt": now,
    }
    device = receive(provider, body).fleet[ONE]
    assert device.readings[Reading.SESSION_STATUS] is SessionStatus.ACTIVE
    nested = {
        "notification": "SessionStartStopNotification",
        "session": {
            "id": "77001",
            "chargePointId": 4022,
            "evseId": 9003,
            "status": "finished",
            "energy": 1500,
            "startedAt": now,
            "stoppedAt": now,
        },
    }
    device = receive(provider, nested).fleet[ONE]
    assert device.readings[Reading.SESSION_STATUS] is SessionStatus.FINISHED
    assert device.readings[Reading.LAST_SESSION_ENERGY] == 1500
    late = {**body, "lastUpdatedAt": "2026-01-01T00:00:00Z"}
    assert receive(provider, late).kind == "late"


async def test_card(provider: AmpecoProvider) -> None:
    """A card that was shown is an event, by its last characters alone."""
    body = {
        "notification": "authorization.changed",
        "authorizationId": 98001,
        "action": "created",
        "status": "accepted",
        "chargePointId": 4022,
        "idTag": "04A1B2C3D4",
        "lastUpdatedAt": provider.context.now().isoformat(),
    }
    [event] = receive(provider, body).events
    assert event.kind is EventKind.AUTHORIZED
    assert event.device_id == ONE
    assert event.key == "98001"
    assert event.id_token == "…C3D4"
    [remote] = receive(provider, {**body, "idTag": "*0120045"}).events
    assert remote.id_token is None
    assert receive(provider, {**body, "status": "rejected"}).events == ()


async def test_card_of_the_past(provider: AmpecoProvider) -> None:
    """What was told of long ago opens no door now: it may be a replay."""
    body = {
        "notification": "authorization.changed",
        "authorizationId": 98001,
        "action": "created",
        "status": "accepted",
        "chargePointId": 4022,
        "lastUpdatedAt": (provider.context.now() - timedelta(hours=2)).isoformat(),
    }
    assert receive(provider, body).kind == "late"


async def test_circuit(provider: AmpecoProvider) -> None:
    """What a circuit draws shows at once."""
    body = {
        "notification": "CircuitConsumptionNotification",
        "circuitId": 77,
        "maxCurrent": 32,
        "currentConsumption": [
            {"phase": "L1", "consumption": 7.5},
            {"phase": "L2", "consumption": 0.0},
        ],
    }
    device = receive(provider, body).fleet["circuit77"]
    assert device.readings[Reading.CURRENT_PHASE_1] == 7.5
    assert device.readings[Reading.CURRENT_PHASE_2] == 0.0


async def test_driver(tenant: Tenant) -> None:
    """A driver's balance shows at once, a subscription is read again."""
    provider = tenant.provider(users=True)
    poll = await provider.poll()
    [device_id, *_] = [key for key in poll.fleet if key.startswith("user")]
    user = int(device_id.removeprefix("user"))
    body = {
        "notification": "userBalance.changed",
        "userId": user,
        "updatedBalance": 12.5,
        "lastUpdatedAt": "2026-05-04T06:20:00Z",
    }
    device = receive(provider, body).fleet[device_id]
    assert device.readings[Reading.BALANCE].amount == 12.5
    older = {**body, "updatedBalance": 1, "lastUpdatedAt": "2026-05-04T06:00:00Z"}
    assert receive(provider, older).kind == "late"
    changed = {"notification": "user.subscription.changed", "userId": user}
    assert receive(provider, changed).reread == {device_id}


async def test_reservation(tenant: Tenant, provider: AmpecoProvider) -> None:
    """A reservation that is known has its station read."""
    reservation = tenant.cloud.tenant.reserve(tenant.evse(), 771)
    await provider.poll()
    body = {"notification": "reservation.changed", "reservationId": reservation.id}
    assert receive(provider, body).reread == {ONE}


def meter(*values: tuple[str, Any, str | None], at: str) -> dict[str, Any]:
    """Return a callback with meter values."""
    return {
        "notification": "SessionMeterValuesNotification",
        "chargePointId": 4022,
        "evseId": 9003,
        "sessionId": SESSION,
        "meterValues": [
            {"timestamp": at, "measurand": name, "value": value, "unit": unit}
            for name, value, unit in values
        ],
    }


@pytest.fixture
async def charging(tenant: Tenant, provider: AmpecoProvider) -> AmpecoProvider:
    """Let the one EVSE charge."""
    tenant.connector().plug_in(Car(phases=3, max_current=16))
    tenant.connector().start()
    await provider.poll()
    assert provider._sync.sessions.running("9003").id == SESSION
    return provider


class TestMeterValues:
    """What stations measure, in all the ways it is told."""

    async def test_one_current_is_that_of_the_highest_phase(
        self, charging: AmpecoProvider
    ) -> None:
        """One value, or two, of phases nobody names: the highest."""
        body = meter(
            ("Current.Import", 9, "A"),
            ("current import", 7, "A"),
            at="2026-05-04T06:20:00Z",
        )
        read = receive(charging, body).fleet[ONE].readings
        assert read[Reading.CURRENT_PHASE_1] == 9
        assert Reading.CURRENT_PHASE_2 not in read

    async def test_units(self, charging: AmpecoProvider) -> None:
        """Units that are not documented for a measurand are understood all the same."""
        body = meter(
            ("Power Active Import", "7.36", "kW"),
            ("Current Offered", 16000, "mA"),
            ("State Of Charge", 55, "Percent"),
            ("Temperature", 31, "Celsius"),
            at="2026-05-04T06:20:00Z",
        )
        read = receive(charging, body).fleet[ONE].readings
        assert read[Reading.POWER] == 7360
        assert read[Reading.CURRENT_OFFERED] == 16
        assert read[Reading.STATE_OF_CHARGE] == 55
        assert read[Reading.TEMPERATURE] == 31

    async def test_only_the_newest_of_a_list(self, charging: AmpecoProvider) -> None:
        """Several times in one list: the newest."""
        body = meter(("Current Offered", 10, "A"), at="2026-05-04T06:20:00Z")
        body["meterValues"] += meter(
            ("Current Offered", 12, "A"), at="2026-05-04T06:21:00Z"
        )["meterValues"]
        body["meterValues"] += meter(
            ("Current Offered", 8, "A"), at="2026-05-04T06:19:00Z"
        )["meterValues"]
        read = receive(charging, body).fleet[ONE].readings
        assert read[Reading.CURRENT_OFFERED] == 12

    async def test_beyond_what_it_is_built_for(self, charging: AmpecoProvider) -> None:
        """A power that cannot be is none."""
        body = meter(
            ("Power Active Import", 9e6, ""),
            ("Current Offered", 16, "A"),
            at="2026-05-04T06:20:00Z",
        )
        before = charging._fleet[ONE].readings[Reading.POWER]
        read = receive(charging, body).fleet[ONE].readings
        assert read[Reading.POWER] == before

    @pytest.mark.parametrize(
        ("name", "value", "reading"),
        [
            ("State Of Charge", 101, Reading.STATE_OF_CHARGE),
            ("State Of Charge", -1, Reading.STATE_OF_CHARGE),
            ("Power Offered", 9e6, Reading.POWER_OFFERED),
            ("Energy Consumed", 12_345_678, Reading.SESSION_ENERGY),
            ("Energy Active Import Register", 5, Reading.LIFETIME_ENERGY),
        ],
    )
    async def test_what_cannot_be(
        self,
        tenant: Tenant,
        charging: AmpecoProvider,
        name: str,
        value: float,
        reading: Reading,
    ) -> None:
        """A register taken for a session, or the reverse, would stay in statistics."""
        tenant.step(3600)
        before = (await charging.poll()).fleet[ONE].readings
        body = meter(
            (name, value, ""), ("Current Offered", 16, "A"), at="2026-05-04T06:20:00Z"
        )
        read = receive(charging, body).fleet[ONE].readings
        assert read[Reading.CURRENT_OFFERED] == 16
        assert read.get(reading) == before.get(reading)
        assert (reading in read) is (reading in before)

    async def test_same_sample_again(self, charging: AmpecoProvider) -> None:
        """A sample with the same time says nothing new."""
        at = "2026-05-04T06:20:00Z"
        receive(charging, meter(("Current Offered", 16, "A"), at=at))
        again = receive(charging, meter(("Current Offered", 17, "A"), at=at))
        assert again.kind == "late"

    async def test_energy_that_falls_behind(self, charging: AmpecoProvider) -> None:
        """The session's own energy counts where a meter value is less."""
        before = charging._fleet[ONE].readings[Reading.SESSION_ENERGY]
        assert before is not None
        body = meter(("Energy Consumed", -5, "Wh"), at="2026-05-04T06:20:00Z")
        read = receive(charging, body).fleet[ONE].readings
        assert read[Reading.SESSION_ENERGY] == before

    async def test_of_a_session_that_ended(
        self, tenant: Tenant, charging: AmpecoProvider
    ) -> None:
        """What comes after its end shows no current for minutes."""
        tenant.connector().stop("Local")
        await charging.poll()
        at = (charging.context.now() + timedelta(seconds=1)).isoformat()
        late = receive(charging, meter(("Current Offered", 16, "A"), at=at))
        assert (late.kind, late.fleet) == ("late", {})

    async def test_of_a_session_that_nobody_told_of(
        self, provider: AmpecoProvider
    ) -> None:
        """It is looked for."""
        body = meter(("Current Offered", 16, "A"), at="2026-05-04T06:20:00Z")
        body["sessionId"] = 999_999
        received = receive(provider, body)
        assert (received.fleet, received.reread) == ({}, {ONE})

    async def test_without_the_right_to_sessions(self, tenant: Tenant) -> None:
        """Where nobody knows the sessions it may be any of them."""
        tenant.cloud.accesses[FULL].rights.discard("sessions")
        provider = tenant.provider()
        await provider.poll()
        body = meter(("Current Offered", 16, "A"), at="2026-05-04T06:20:00Z")
        assert receive(provider, body).fleet

    async def test_aged(self, tenant: Tenant, home: Home) -> None:
        """What is not told any more is not shown for ever."""
        passed = 0.0
        tenant.monotonic = lambda: passed
        provider = tenant.provider()
        await provider.poll()
        await provider.subscribe(home.address)
        tenant.connector().plug_in(Car())
        tenant.connector().start()
        await provider.poll()
        body = meter(("Current Offered", 16, "A"), at="2026-05-04T06:20:00Z")
        assert receive(provider, body).fleet[ONE].readings[Reading.CURRENT_OFFERED]
        passed = 301.0
        poll = await provider.poll()
        assert poll.fleet[ONE].readings[Reading.CURRENT_OFFERED] is None


def test_every_kind_is_understood(provider: AmpecoProvider) -> None:
    """Whatever is subscribed to has somebody who understands it."""
    for kind in (*subscription.KINDS, *subscription._OLDER.values()):
        received = receive(provider, {"notification": kind})
        assert received.kind != "unknown", kind


def payloads() -> Iterator[Any]:
    """Yield crooked values."""
    yield from (None, [], {}, "x", -1, 1e300, True, [[]], "\ud83d")


@pytest.mark.parametrize("value", payloads())
@pytest.mark.parametrize("kind", subscription.KINDS)
async def test_crooked(provider: AmpecoProvider, kind: str, value: Any) -> None:
    """Whatever stands in any field, nothing but understanding comes of it."""
    fields = dict.fromkeys(
        (
            "timestamp",
            "lastUpdatedAt",
            "hardwareStatus",
            "networkStatus",
            "session",
            "meterValues",
            "currentConsumption",
            "updatedBalance",
            "status",
            "action",
            "idTag",
            "evseId",
            "energyConsumed",
        ),
        value,
    )
    body = {
        "notification": kind,
        "chargePointId": 4022,
        "sessionId": 5,
        "circuitId": 77,
        **fields,
    }
    receive(provider, body)
    receive(provider, {**body, "evseId": 9003})
    receive(provider, {**body, "session": {**body, "id": 5, "evseId": 9003}})
    assert (await provider.poll()).fleet
