"""What AMPS calls back: the end of actions, and links to makers' accounts."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import json
from typing import Any

from aiohttp import ClientSession, web
import pytest

from custom_components.ev_charger_cloud.charging import (
    AuthenticationError,
    CancelScheduled,
    ChargingError,
    Event,
    EventKind,
    EventLog,
    NoticeKind,
    NotSupportedError,
    Outcome,
    Reading,
    Refusal,
    StartCharging,
    StopCharging,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.providers.amps import DESCRIPTION
from custom_components.ev_charger_cloud.providers.base import (
    Callback,
    Context,
    Provider,
    Received,
    Selection,
)
from simulator.clouds.amps import Amps
from simulator.clouds.amps.webhooks import LINK, SECRET, signature

from .amps_account import ONE, TWO, Account, open_account

LATER = StopCharging(device_id=ONE, delay=timedelta(hours=1))

# From the documentation of the signature, with the secret and the times of then.
VECTOR = {
    "svix-id": "msg_sim_0001",
    "svix-timestamp": "1780000000",
    "svix-signature": "v1,8lowgc7kQOim1O0EAkm8O9kdUtpMvygjZXRVddlU2us=",
}
VECTOR_BODY = (
    b'{"actionId":"act_sim_0007","deviceId":"dev_sim_ev_1",'
    b'"deviceType":"ev_charger","command":"idle","parameters":null,'
    b'"result":{"success":true},"completedAt":"2026-06-01T08:00:04.000Z"}'
)


@dataclass
class Receiver:
    """Somebody who was entered in the dashboard, with a provider behind."""

    account: Account
    received: list[Received] = field(default_factory=list)
    refused: list[ChargingError] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        """Hand a request to the provider, as Home Assistant's webhook does."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.content.read()
        try:
            received = self.account.provider.receive(
                Callback(headers=headers, body=body)
            )
        except AuthenticationError as err:
            self.refused.append(err)
            return web.Response(status=401)
        except UnusableAnswerError as err:
            self.refused.append(err)
            return web.Response(status=400)
        self.received.append(received)
        return web.Response()

    @property
    def cloud(self) -> Amps:
        cloud = self.account.cloud
        assert isinstance(cloud, Amps)
        return cloud

    async def after(self, seconds: float) -> list[Received]:
        """Let time pass; return what was received meanwhile."""
        before = len(self.received)
        self.account.step(seconds)
        await self.cloud.deliveries.arrived()
        return self.received[before:]

    def link(self, event: str, *, link: bool = True) -> None:
        """Break a charger's link, or mend it."""
        self.cloud.handle_control(
            {"operation": "link", "event": event, "device": ONE, "link": link}
        )


@pytest.fixture
async def receiver(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Receiver]:
    async with open_account(session, monkeypatch) as account:
        receiver = Receiver(account)
        app = web.Application()
        app.router.add_post("/hook", receiver.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        account.cloud.quirks["callback_url"] = f"http://127.0.0.1:{port}/hook"
        account.connector().plug_in()
        account.connect(webhook_secret=SECRET)
        await account.settle()
        yield receiver
        await runner.cleanup()


def signed(body: Any, message_id: str = "msg_1", **headers: str) -> Callback:
    """Sign what AMPS might send now."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    timestamp = int(datetime.now(UTC).timestamp())
    return Callback(
        headers={
            "svix-id": message_id,
            "svix-timestamp": str(timestamp),
            "svix-signature": signature(SECRET, message_id, timestamp, raw),
            **headers,
        },
        body=raw,
    )


def at(moment: float, **settings: str) -> Provider:
    """Return a provider that believes it to be some time."""
    return DESCRIPTION.factory(
        Context(
            session=None,  # type: ignore[arg-type]
            settings={"base_url": "https://x.example", "api_key": "k", **settings},
            now=lambda: datetime.fromtimestamp(moment, UTC),
        )
    )


# Who sent it


async def test_documented_signature() -> None:
    provider = at(1780000000, webhook_secret=SECRET)
    assert await provider.subscribe("https://x.example/hook")
    callback = Callback(headers=VECTOR, body=VECTOR_BODY)
    assert provider.receive(callback) == Received(kind="push.completed")


@pytest.mark.parametrize(
    "change",
    [
        {"body": VECTOR_BODY + b" "},
        {"body": b""},
        {"headers": {}},
        {"headers": {**VECTOR, "svix-id": "msg_sim_0002"}},
        {"headers": {**VECTOR, "svix-timestamp": "1780000001"}},
        {"headers": {**VECTOR, "svix-timestamp": "soon"}},
        {"headers": {**VECTOR, "svix-signature": ""}},
        {"headers": {**VECTOR, "svix-signature": "v1,ü v1 v2,x"}},
        {"headers": {**VECTOR, "svix-signature": VECTOR["svix-signature"][3:]}},
    ],
)
def test_forged(change: dict[str, Any]) -> None:
    provider = at(1780000000, webhook_secret=SECRET)
    callback = Callback(**{"headers": VECTOR, "body": VECTOR_BODY, **change})
    with pytest.raises(AuthenticationError):
        provider.receive(callback)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_replayed_later(seconds: int) -> None:
    provider = at(1780000000 + seconds, webhook_secret=SECRET)
    with pytest.raises(AuthenticationError):
        provider.receive(Callback(headers=VECTOR, body=VECTOR_BODY))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_b3RoZXI=", "no base 64 €"])
def test_other_secrets(secret: str) -> None:
    provider = at(1780000000, webhook_secret=secret)
    with pytest.raises((AuthenticationError, NotSupportedError)):
        provider.receive(Callback(headers=VECTOR, body=VECTOR_BODY))


async def test_without_a_secret_nothing_is_wanted() -> None:
    provider = at(1780000000)
    assert not await provider.subscribe("https://x.example/hook")
    with pytest.raises(NotSupportedError):
        provider.receive(Callback(headers=VECTOR, body=VECTOR_BODY))


async def test_secret_that_is_being_replaced(receiver: Receiver) -> None:
    receiver.cloud.quirks["callback_secret"] = "whsec_bmV3"
    receiver.cloud.quirks["callback_old_secret"] = SECRET
    await receiver.account.provider.execute(StartCharging(device_id=ONE))
    assert [each.kind for each in await receiver.after(15)] == ["push.completed"]


@pytest.mark.parametrize(
    ("trouble", "status"),
    [("badly_signed", 401), ("old", 401), ("not_json", 400), ("deep", 400)],
)
async def test_crooked(receiver: Receiver, trouble: str, status: int) -> None:
    receiver.cloud.quirks["callback_trouble"] = trouble
    await receiver.account.provider.execute(LATER)
    for seconds in (3615, 6, 31, 121):
        assert await receiver.after(seconds) == []
    (delivery,) = receiver.cloud.deliveries.sent
    assert (delivery.tries, delivery.status) == (4, status)
    assert len(receiver.refused) == 4


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b"", b'"x"'])
async def test_no_object(receiver: Receiver, body: bytes) -> None:
    with pytest.raises(UnusableAnswerError):
        receiver.account.provider.receive(signed(body))


# The end of actions


@pytest.mark.parametrize("profile", ["A", "C"])
@pytest.mark.parametrize("error", [None, "DEVICE_OFFLINE"])
async def test_action_that_was_put_off_ends(
    receiver: Receiver, profile: str, error: str | None
) -> None:
    account = receiver.account
    receiver.cloud.quirks.update(profile=profile, action_error=error)
    account.connect(webhook_secret=SECRET)
    await account.settle()
    put_off = await account.provider.execute(LATER)
    (received,) = await receiver.after(3615)
    assert received.kind == ("push.failed" if error else "push.completed")
    assert received.reread == {ONE}
    (event,) = received.events
    assert event == Event(
        kind=EventKind.COMMAND_FINISHED,
        device_id=ONE,
        at=event.at,
        key=put_off.id,
        command="stop_charging",
        outcome=Outcome.REFUSED if error else Outcome.COMPLETED,
        reason=Refusal.OFFLINE if error else None,
    )
    assert event.at is not None
    readings = (await account.provider.read(ONE))[ONE].readings
    assert readings[Reading.LAST_ACTION] == ("failed" if error else "completed")
    assert readings[Reading.SCHEDULED_AT] is None if profile == "C" else True
    # Polls find the same, and it is reported once.
    log = EventLog()
    assert len(log.fresh(received.events)) == 1
    for _ in range(3):
        assert not log.fresh((await account.settle(60)).events)


async def test_polls_find_it_too(receiver: Receiver) -> None:
    account = receiver.account
    receiver.cloud.quirks["callback_url"] = None
    await account.settle()
    put_off = await account.provider.execute(LATER)
    events = [*(await account.settle(3590)).events]
    for _ in range(3):
        events += (await account.settle(60)).events
    (event,) = events
    assert (event.key, event.command, event.outcome) == (
        put_off.id,
        "stop_charging",
        Outcome.COMPLETED,
    )


async def test_what_is_watched_here_is_reported_by_who_watches(
    receiver: Receiver,
) -> None:
    account = receiver.account
    await account.carry_out(StartCharging(device_id=ONE))
    (received,) = await receiver.after(15)
    assert (received.kind, received.events) == ("push.completed", ())
    assert received.reread == {ONE}
    assert not (await account.settle(60)).events


async def test_nothing_from_before_is_reported(receiver: Receiver) -> None:
    account = receiver.account
    await account.carry_out(StartCharging(device_id=ONE))
    account.connect(webhook_secret=SECRET)
    assert not (await account.settle()).events
    assert not (await account.settle(60)).events


async def test_command_of_another_client(receiver: Receiver) -> None:
    account = receiver.account
    await account.carry_out(StartCharging(device_id=ONE))
    await receiver.after(15)
    await account.settle(60)
    station = account.cloud.stations[ONE]
    receiver.cloud.commands.canonical(station, {"action": {"command": "idle"}})
    (received,) = await receiver.after(15)
    (event,) = received.events
    assert (event.command, event.outcome) == ("stop_charging", Outcome.COMPLETED)
    events = (await account.settle(60)).events
    assert [each.key for each in events] in ([], [event.key])


async def test_cancelled_here_is_no_event(receiver: Receiver) -> None:
    account = receiver.account
    await account.provider.execute(LATER)
    await account.provider.execute(CancelScheduled(device_id=ONE))
    assert not (await account.settle(60)).events


async def test_late_word_of_an_older_action(receiver: Receiver) -> None:
    """It is reported, and does not pass for the last one."""
    account = receiver.account
    last = await account.carry_out(StartCharging(device_id=ONE))
    body = {"actionId": "act_older", "deviceId": ONE, "command": "idle", "error": "x"}
    received = account.provider.receive(signed(body))
    assert [event.key for event in received.events] == ["act_older"]
    readings = (await account.provider.read(ONE))[ONE].readings
    assert readings[Reading.LAST_ACTION] == "completed"
    # Nor does a word that came already change what is known.
    body = {"actionId": last.id, "deviceId": ONE, "command": "charge", "error": "x"}
    account.provider.receive(signed(body, "msg_2"))
    readings = (await account.provider.read(ONE))[ONE].readings
    assert readings[Reading.LAST_ACTION] == "completed"


async def test_doubled(receiver: Receiver) -> None:
    receiver.cloud.quirks["callback_trouble"] = "doubled"
    await receiver.account.provider.execute(LATER)
    first, second = await receiver.after(3615)
    assert first.events
    assert second == Received(kind="push.completed")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({}, "unknown"),
        ({"new": {"shape": 1}}, "unknown"),
        ({"deviceId": "dev_other", "command": "idle", "actionId": "a"}, None),
        ({"deviceId": 7, "deviceType": "battery", "timestamp": "x"}, "device"),
        ({"deviceId": [], "errorCode": "X"}, "push.failed"),
        ({"deviceId": ONE, "command": "idle"}, "push.completed"),
        ({"deviceId": ONE, "error": {"code": []}, "result": 5}, "push.failed"),
        ({"deviceId": ONE, "actionId": {}, "failedAt": {}, "command": []}, "device"),
    ],
)
async def test_odd_shapes_are_no_errors(
    receiver: Receiver, body: Any, kind: str | None
) -> None:
    received = receiver.account.provider.receive(signed(body))
    assert received.kind == (kind or "push.completed")
    assert not received.fleet
    assert not (await receiver.account.settle(60)).fleet[ONE].stale


# Links


async def test_broken_link(receiver: Receiver) -> None:
    account = receiver.account
    assert not (await account.settle()).notices
    receiver.link("device.disconnected")
    (received,) = await receiver.after(15)
    assert received.kind == "device.disconnected"
    assert received.reread == {ONE}
    assert received.notices is not None
    (notice,) = received.notices
    assert (notice.kind, notice.device_id) == (NoticeKind.RELINK_REQUIRED, ONE)
    assert notice.link
    assert await account.provider.relink_url(ONE) == LINK
    with pytest.raises(NotSupportedError):
        await account.provider.relink_url(TWO)
    # What the read finds is no other trouble, and the address remains.
    await account.provider.read(ONE)
    poll = await account.settle(60)
    assert poll.notices == received.notices
    assert poll.fleet[ONE].stale
    assert await account.provider.relink_url(ONE) == LINK
    receiver.link("device.reconnected")
    (received,) = await receiver.after(15)
    assert (received.kind, received.notices) == ("device", ())
    poll = await account.settle(60)
    assert not poll.notices
    assert not poll.fleet[ONE].stale


async def test_broken_link_is_not_mended_by_what_amps_kept(receiver: Receiver) -> None:
    account = receiver.account
    receiver.link("device.disconnected")
    receiver.cloud.quirks["device_errors"] = {}
    await receiver.after(15)
    (notice,) = (await account.settle(60)).notices
    assert notice.link
    # A reading that came from the maker shows that the link holds.
    assert not (await account.fresh()).stale
    assert not (await account.settle()).notices


async def test_broken_link_without_an_address(receiver: Receiver) -> None:
    """It looks like one that was made, and is found by reading."""
    account = receiver.account
    receiver.link("device.disconnected", link=False)
    (received,) = await receiver.after(15)
    assert (received.kind, received.reread) == ("device", {ONE})
    await account.provider.read(ONE)
    (notice,) = (await account.settle()).notices
    assert notice.kind is NoticeKind.RELINK_REQUIRED
    assert not notice.link


async def test_address_that_is_none(receiver: Receiver) -> None:
    body = {"deviceId": ONE, "reconnectionUrl": "javascript:alert(1)"}
    received = receiver.account.provider.receive(signed(body))
    assert received.notices is not None
    assert not received.notices[0].link


async def test_new_charger_is_listed_soon(receiver: Receiver) -> None:
    account = receiver.account
    await account.settle(60)
    receiver.cloud.populate(1)
    receiver.cloud.webhooks.link_changed("device.connected", "dev_fleet_00001")
    (received,) = await receiver.after(10)
    assert (received.kind, received.reread) == ("device", frozenset())
    assert "dev_fleet_00001" in (await account.provider.poll()).fleet


async def test_ids_in_another_case(receiver: Receiver) -> None:
    received = receiver.account.provider.receive(
        signed({"deviceId": ONE.upper(), "command": "idle"})
    )
    assert received.reread == {ONE}


async def test_charger_that_is_not_wanted(receiver: Receiver) -> None:
    account = receiver.account
    wanted = Selection(everything=False, chargers=frozenset({TWO}))
    account.connect(wanted, webhook_secret=SECRET)
    await account.settle()
    receiver.link("device.disconnected")
    assert await receiver.after(15) == [Received(kind="device.disconnected")]
    assert not (await account.settle(60)).notices
