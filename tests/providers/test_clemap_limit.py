"""CLEMAP: the target that is set, confirmed, renewed and let go, over real sockets."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    ChargingError,
    ChargingStatus,
    ClearLimit,
    Command,
    CommandRefusedError,
    CommandResult,
    Control,
    ControlState,
    ControlValue,
    Device,
    NotFoundError,
    NoticeKind,
    Outcome,
    PermissionDeniedError,
    RateLimitedError,
    Reading,
    Refusal,
    ServerFaultError,
    SetControl,
    StartCharging,
    StopCharging,
    UnreachableError,
    Value,
)
from custom_components.ev_charger_cloud.providers.base import Context, Poll
from custom_components.ev_charger_cloud.providers.clemap import DESCRIPTION, client
from custom_components.ev_charger_cloud.providers.clemap.provider import ClemapProvider
from custom_components.ev_charger_cloud.providers.clemap.wire import Target, rejection
from custom_components.ev_charger_cloud.providers.transport import Limits
from simulator import Simulator
from simulator.clouds.clemap import Clemap
from simulator.faults import Fault
from simulator.world import Connector, Station

FIXTURES = Path(__file__).parents[1] / "fixtures" / "clemap"
SETTINGS = "/currentsettings$"
UNTIL = datetime(2025, 6, 2, 8, 45, tzinfo=UTC)


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


class House:
    """A station, what Home Assistant remembers of it, and a provider at a time."""

    def __init__(self, simulator: Simulator, session: ClientSession) -> None:
        self.clock = simulator.world.clock
        cloud = simulator["clemap"]
        assert isinstance(cloud, Clemap)
        self.cloud = cloud
        self.station: Station = cloud.stations["clemap-garage"]
        self.connector: Connector = self.station.connectors[0]
        self.session = session
        self.options: dict[str, Any] = {"allow_pause": True}
        self.memory: dict[str, Any] = {}
        self.remembered = 0
        self.flushed: list[Any] = []
        self.ticks = 0.0
        self.restart()

    def restart(self, memory: Any = None, **options: Any) -> None:
        """Begin a new run on what the last one remembered."""
        self.options |= options
        self.memory = json.loads(json.dumps(memory or self.memory))
        typed = {"base_url": self.cloud.base_url, **self.cloud.credentials}
        provider = DESCRIPTION.factory(
            Context(
                session=self.session,
                settings=DESCRIPTION.normalise(typed | self.options),
                memory=self.memory,
                save=self.remember,
                flush=self.flush,
                now=self.clock.now,
                monotonic=lambda: self.ticks,
            )
        )
        assert isinstance(provider, ClemapProvider)
        self.provider = provider

    def remember(self) -> None:
        self.remembered += 1
        json.dumps(self.memory)

    async def flush(self) -> None:
        """Keep what a kill in the next moment would leave behind."""
        self.flushed.append(json.loads(json.dumps(self.memory)))

    async def poll(self, after: float = 0, ticks: float = 61) -> Poll:
        """Poll when so much time (s) has passed; the target is due then."""
        self.clock.step(after)
        self.ticks += max(after, ticks)
        return await self.provider.poll()

    async def notices(self, after: float = 0) -> list[NoticeKind]:
        return [notice.kind for notice in (await self.poll(after)).notices]

    async def device(self) -> Device:
        (device,) = (await self.provider.read("any")).values()
        return device

    async def control(self, control: Control) -> ControlState | None:
        return (await self.device()).controls.get(control)

    async def limit(self) -> ControlValue:
        state = await self.control(Control.CURRENT_LIMIT)
        assert state
        return state.value

    async def execute(self, command: type[Command], **fields: Any) -> CommandResult:
        """Send a command, then read the station at once as the top floor does."""
        try:
            return await self.provider.execute(command(device_id="any", **fields))
        finally:
            await self.provider.read("any")

    async def set(self, amps: float, **duration: float) -> CommandResult:
        return await self.execute(
            SetControl,
            control=Control.CURRENT_LIMIT,
            value=amps,
            duration=timedelta(**duration) if duration else None,
        )

    @property
    def held(self) -> Any:
        return self.memory.get("held_limit")

    @property
    def left(self) -> float:
        """Return how long the target will hold, in s."""
        target = self.cloud.evses[self.station.id].target
        assert target
        return (target.valid_until - self.cloud.world.now).total_seconds()

    @property
    def target(self) -> int | None:
        target = self.cloud.evses[self.station.id].target
        return target.current if target else None

    def writes(self) -> list[str]:
        """Return the writes since last asked."""
        methods = [method for method, _ in self.cloud.requests if method != "GET"]
        self.cloud.requests.clear()
        return methods


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_LIMITS", Limits(requests=10_000))


@pytest.fixture
async def house(session: ClientSession) -> AsyncGenerator[House]:
    async with Simulator([Clemap], speed=0) as simulator:
        yield House(simulator, session)


# Set, read back, reset


async def test_target_is_set_and_reaches_the_hardware(house: House) -> None:
    house.connector.plug_in()
    await house.poll(60)
    assert house.connector.currents == (16, 16, 16)
    assert await house.limit() is None
    result = await house.set(10)
    assert result.outcome is Outcome.ACCEPTED
    device = await house.device()
    state = device.controls[Control.CURRENT_LIMIT]
    assert state == ControlState(value=10, minimum=6, maximum=16, step=1, timed=True)
    expected = house.clock.now() + timedelta(seconds=600)
    until = device.readings[Reading.LIMIT_VALID_UNTIL]
    assert isinstance(until, datetime)
    assert abs(until - expected) < timedelta(seconds=5)
    device = next(iter((await house.poll(15)).fleet.values()))
    assert house.connector.currents == (10, 10, 10)
    assert device.readings[Reading.CURRENT_OFFERED] == 10


async def test_target_is_sent_in_whole_amperes_for_the_hold_time(house: House) -> None:
    house.restart(hold_time=1200, maximum_current=20)
    await house.poll()
    await house.set(9.9)
    assert house.target == 9
    target = house.cloud.evses[house.station.id].target
    assert target
    assert target.valid_until - house.cloud.world.now == timedelta(seconds=1200)


@pytest.mark.parametrize("value", [5.9, 17, -6, 0, None, "much", True, 1e300])
async def test_value_out_of_bounds_is_not_sent(house: House, value: Any) -> None:
    with pytest.raises(CommandRefusedError) as caught:
        await house.set(value)
    # What is beyond all measure is read as no number at all.
    number = value in (5.9, 17, -6, 0)
    assert caught.value.reason == (
        Refusal.OUT_OF_RANGE if number else Refusal.INVALID_VALUE
    )
    assert house.writes() == []


@pytest.mark.parametrize(
    ("options", "maximum", "hold"),
    [
        ({}, 16, 600),
        ({"maximum_current": 32, "hold_time": 900}, 32, 900),
        ({"maximum_current": 2.0, "hold_time": 1}, 6, 60),
        ({"maximum_current": 500, "hold_time": 99999}, 80, 3600),
        ({"maximum_current": "?", "hold_time": None}, 16, 600),
    ],
)
async def test_options_stay_within_their_bounds(
    house: House, options: dict[str, Any], maximum: int, hold: int
) -> None:
    house.restart(**options)
    await house.set(6)
    state = await house.control(Control.CURRENT_LIMIT)
    assert state
    assert state.maximum == maximum
    until = datetime.fromisoformat(house.held["until"])
    since = datetime.fromisoformat(house.held["since"])
    assert until - since == timedelta(seconds=hold)


async def test_limit_is_cleared(house: House) -> None:
    await house.set(10)
    await house.execute(ClearLimit)
    assert house.target is None
    assert house.held is None
    assert await house.limit() is None
    house.writes()
    await house.poll(3600)
    assert house.writes() == []


async def test_failed_reset_still_ends_the_limit(house: House) -> None:
    await house.set(10)
    house.cloud.faults.add(Fault(status=500, method="DELETE"))
    with pytest.raises(ServerFaultError):
        await house.execute(ClearLimit)
    assert house.held is None
    await house.poll(700)
    assert house.target is None


async def test_several_plugs_share_one_target(house: House) -> None:
    carport = house.cloud.stations["clemap-carport"]
    house.restart(**house.cloud.credentials_of(carport))
    fleet = (await house.poll()).fleet
    station, *plugs = fleet.values()
    assert Control.CURRENT_LIMIT in station.controls
    assert ClearLimit in station.commands
    assert not any(plug.controls or plug.commands for plug in plugs)
    await house.set(8)
    target = house.cloud.evses[carport.id].target
    assert target
    assert target.current == 8


# What the cloud's undocumented bodies may look like


@pytest.mark.parametrize("until", ["valid_until", "validUntil", "until", "bis", None])
@pytest.mark.parametrize("current", ["current", "target_current"])
@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"as_list": True},
        {"under_data": True, "leading_id": True},
        {"under_data": True, "as_list": True, "until_form": "seconds"},
        {"until_form": "milliseconds"},
    ],
)
async def test_target_under_any_key(
    house: House, until: str | None, current: str, shape: dict[str, Any]
) -> None:
    house.cloud.quirks.update(current_key=current, until_key=until, **shape)
    assert await house.limit() is None
    await house.set(10)
    device = await house.device()
    assert device.controls[Control.CURRENT_LIMIT].value == 10
    told = device.readings[Reading.LIMIT_VALID_UNTIL]
    named = until is not None and (until != "bis" or "until_form" not in shape)
    assert (told is not None) is named
    # Renewed, and let go, as with the usual keys.
    await house.poll(400)
    await house.poll(400)
    assert house.target == 10
    await house.execute(ClearLimit)
    assert await house.limit() is None


EPOCH = UNTIL.timestamp()


@pytest.mark.parametrize(
    ("body", "current", "until"),
    [
        (fixture("target"), 10, UNTIL),
        (fixture("no_target"), None, None),
        (fixture("received"), 10, UNTIL),
        ([fixture("target")], 10, UNTIL),
        ({"data": fixture("target")}, 10, UNTIL),
        ({"data": [fixture("target")]}, 10, UNTIL),
        ([], None, None),
        ({"data": []}, None, None),
        ({"current": "10", "valid_until": "soon"}, 10, None),
        ({"current": None, "valid_until": "2025-06-02T08:45:00Z"}, None, None),
        ({"current": None, "current_limit": 16}, None, None),
        ({"id": 4711, "target": 9, "duration_left": 60}, 9, None),
        ({"id": 4711, "current_limit": 16, "target_current": 7.5}, 7.5, None),
        ({"current_until": "2025-06-02T08:45Z", "limit_a": 8}, 8, UNTIL),
        (
            {"time": "2025-06-02T08:00Z", "until": "2025-06-02T08:45Z", "limit": 6},
            6,
            UNTIL,
        ),
        ({"current": 10, "valid_until": EPOCH}, 10, UNTIL),
        ({"current": 10, "valid_until": EPOCH * 1000}, 10, UNTIL),
        ({"current": 10, "valid_until": EPOCH + 40 * 86_400}, 10, None),
        ({"current": 10, "valid_until": True}, 10, None),
        ({"target": None}, None, None),
    ],
)
def test_target_is_found(body: Any, current: float, until: datetime) -> None:
    found = Target.read(body, UNTIL)
    assert found == Target(current=current, valid_until=until)


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        "10",
        10,
        [None],
        [[]],
        {"current": "ten"},
        {"a": "b"},
        {"current": []},
        {"current": True},
        {"current": 4711},
        {"current": -1},
        {"id": 4711},
        {"id": 12, "duration": 900, "value": 7.5, "x": None},
        {"limit_time": "2025-06-02T08:45:00Z"},
    ],
)
def test_target_that_cannot_be_read(body: Any) -> None:
    """Not any number is a target."""
    assert Target.read(body, UNTIL) is None


@pytest.mark.parametrize("offered", [None, 8, 12])
async def test_settings_that_nobody_understands(
    house: House, offered: float | None
) -> None:
    """What the cloud took stands, unless the station gives a vehicle more."""
    house.cloud.faults.add(
        Fault(status=200, path=SETTINGS, method="GET", body={"id": 4711}, times=None)
    )
    assert await house.limit() is None
    assert await house.notices() == []
    house.cloud.quirks["status"] = "connected" if offered is None else "charging"
    house.cloud.quirks["patch"] = {"dyn_current_limit": offered}
    await house.poll(10)
    await house.set(10)
    assert house.held["current"] == 10
    assert await house.limit() == (None if offered == 12 else 10)
    # It is renewed all the same.
    for _ in range(3):
        assert await house.notices(310) == []
        assert house.target == 10
    house.writes()
    await house.execute(ClearLimit)
    assert house.writes() == ["DELETE"]
    assert await house.notices(60) == []
    assert house.held is None
    assert await house.limit() is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (fixture("rejected"), "edge device not connected"),
        ([fixture("rejected")], "edge device not connected"),
        ({"status": "REJECTED"}, "rejected"),
        ({"success": False}, "rejected"),
        ({"accepted": False, "message": "no"}, "no"),
        ({"a": {"received": False}}, "rejected"),
        ("Rejected: site is full", "Rejected: site is full"),
        (fixture("received"), None),
        ({"success": True, "other": False}, None),
        (None, None),
    ],
)
def test_rejection_is_found(body: Any, words: str | None) -> None:
    assert rejection(body) == words


@pytest.mark.parametrize("shape", ["status", "flag", "text"])
@pytest.mark.parametrize("as_list", [False, True])
async def test_rejected_with_201(house: House, shape: str, as_list: bool) -> None:
    house.cloud.quirks.update(
        reject="site is full", rejection_shape=shape, as_list=as_list
    )
    with pytest.raises(CommandRefusedError) as caught:
        await house.set(10)
    assert caught.value.reason == Refusal.REJECTED
    assert "site is full" in caught.value.message
    assert house.held is None
    assert house.writes() == ["POST"]


@pytest.mark.parametrize("status", [400, 409])
async def test_rejected_with_4xx(house: House, status: int) -> None:
    house.cloud.quirks.update(reject="site is full", rejection_status=status)
    with pytest.raises(CommandRefusedError) as caught:
        await house.set(10)
    assert caught.value.message == "site is full"
    assert house.held is None


async def test_rejected_with_5xx(house: House) -> None:
    house.cloud.quirks.update(reject="not connected", rejection_status=500)
    with pytest.raises(ServerFaultError):
        await house.set(10)
    assert house.held is None
    assert house.writes() == ["POST"]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("error", Refusal.FAULTED),
        ("offline", Refusal.OFFLINE),
        ("cloud_offline", Refusal.OFFLINE),
        ("init", Refusal.INOPERATIVE),
        ("producing", Refusal.INOPERATIVE),
    ],
)
async def test_nothing_is_sent_that_cannot_take_effect(
    house: House, word: str, reason: Refusal
) -> None:
    """The cloud would take it; the reason is told, and the limit can still be ended."""
    await house.set(8)
    house.cloud.quirks.update(status=word, takes_anything=True)
    await house.poll(20)
    house.writes()
    for command, fields in (
        (SetControl, {"control": Control.CURRENT_LIMIT, "value": 10.0}),
        (StartCharging, {}),
        (StopCharging, {}),
    ):
        with pytest.raises(CommandRefusedError) as caught:
            await house.execute(command, **fields)
        assert caught.value.reason == reason
    assert house.writes() == []
    assert house.held["current"] == 8
    await house.execute(ClearLimit)
    assert house.writes() == ["DELETE"]
    # What stood in the way may be over before a poll tells.
    house.cloud.quirks["status"] = None
    await house.set(10)
    assert house.target == 10


async def test_one_plug_that_works_is_enough(house: House) -> None:
    carport = house.cloud.stations["clemap-carport"]
    house.restart(**house.cloud.credentials_of(carport))
    carport.connectors[0].set_fault("OtherError")
    await house.poll()
    await house.set(8)
    target = house.cloud.evses[carport.id].target
    assert target
    assert target.current == 8


# Confirmation


async def test_limit_that_shows_late(house: House) -> None:
    """Until it shows it is neither held as confirmed nor taken for somebody else's."""
    house.cloud.quirks["shown_seconds"] = 8
    await house.set(12)
    assert house.held is None
    assert await house.notices(9) == []
    assert house.held["sent"] == 12
    await house.set(10)
    await house.execute(StopCharging)
    # The cloud shows the first of both for a while.
    assert await house.notices(4) == []
    assert house.memory["asked_limit"]["sent"] == 0
    assert await house.notices(5) == []
    assert house.held["sent"] == 0
    assert house.held["current"] == 10


async def test_cloud_that_does_not_replace_a_target(house: House) -> None:
    house.cloud.quirks["replace"] = False
    await house.set(10)
    house.writes()
    await house.set(12)
    assert house.writes() == ["POST"]
    await house.poll(12)
    assert house.writes() == ["DELETE", "POST"]
    assert await house.notices(2) == []
    assert house.target == 12
    assert house.held["current"] == 12


async def test_target_that_is_ignored(house: House) -> None:
    house.cloud.quirks["ignore"] = True
    await house.set(10)
    for _ in range(4):
        assert await house.notices(20) == []
    assert house.writes() == ["POST"]
    assert house.held is None
    assert await house.limit() is None


@pytest.mark.parametrize("stubborn", [False, True])
async def test_another_target_is_kept(house: House, stubborn: bool) -> None:
    """It is dropped once for ours, also where that changes nothing."""
    house.cloud.set_target(house.station, 7, 900)
    house.cloud.quirks["ignore"] = True
    if stubborn:
        house.cloud.faults.add(
            Fault(
                status=200, path=SETTINGS, method="GET", body={"current": 7}, times=None
            )
        )
    await house.set(10)
    for _ in range(6):
        await house.poll(6)
    assert house.writes() == ["POST", "DELETE", "POST"]
    assert house.held is None


async def test_old_limit_stands_when_the_new_one_fails(house: House) -> None:
    await house.set(10)
    house.cloud.quirks["reject"] = "no"
    with pytest.raises(CommandRefusedError):
        await house.set(12)
    assert house.memory.get("asked_limit") is None
    house.cloud.quirks["reject"] = None
    house.cloud.quirks["ignore"] = True
    await house.set(12)
    for _ in range(3):
        assert await house.notices(9) == []
    house.cloud.quirks["ignore"] = False
    assert await house.notices(9) == []
    assert house.target == 10


async def test_limit_that_was_taken_but_not_seen_stands_when_the_next_fails(
    house: House,
) -> None:
    house.cloud.quirks["shown_seconds"] = 8
    await house.set(9)
    house.cloud.quirks["reject"] = "no"
    with pytest.raises(CommandRefusedError):
        await house.set(12)
    house.cloud.quirks["reject"] = None
    assert await house.notices(10) == []
    assert await house.notices(310) == []
    assert await house.notices(310) == []
    assert house.target == 9


async def test_command_waits_for_no_poll(house: House) -> None:
    """A stop leaves while a poll waits for its answers; what that tells is old."""
    await house.set(10)
    old = {"current": 10, "valid_until": None}
    house.cloud.faults.add(
        Fault(status=200, path=SETTINGS, method="GET", body=old, delay=0.5)
    )
    poll = asyncio.create_task(house.poll(310))
    await asyncio.sleep(0.1)
    house.writes()
    await asyncio.wait_for(house.execute(StopCharging), timeout=0.3)
    assert house.target == 0
    assert not poll.done()
    polled = await poll
    assert polled.notices == ()
    (device,) = polled.fleet.values()
    assert device.controls[Control.CHARGING] == ControlState(value=False)
    assert house.writes() == ["POST"]


async def test_lost_reading_does_not_hinder_the_confirmation(house: House) -> None:
    house.cloud.faults.add(Fault(path=SETTINGS, method="GET"))
    await house.set(10)
    assert house.held is None
    await house.poll(2)
    assert house.held["sent"] == 10


@pytest.mark.parametrize("kind", ["drop", "html", "garbage", "status"])
async def test_lost_answer_is_uncertain(house: House, kind: Any) -> None:
    """It took effect: it is held as soon as it shows, and not sent again."""
    house.cloud.faults.add(Fault(method="POST", kind=kind, effect=True))
    with pytest.raises(ChargingError) as caught:
        await house.set(10)
    assert caught.value.uncertain
    assert house.held["sent"] == 10
    assert await house.limit() == 10
    assert house.writes() == ["POST"]


async def test_lost_request_is_not_repeated(house: House) -> None:
    house.cloud.faults.add(Fault(method="POST", kind="drop"))
    with pytest.raises(UnreachableError) as caught:
        await house.set(10)
    assert caught.value.uncertain
    for _ in range(3):
        assert await house.notices(20) == []
    assert house.writes() == ["POST"]
    assert await house.limit() is None
    assert house.held is None


async def test_unanswered_limit_is_held_when_it_shows(house: House) -> None:
    await house.set(12)
    house.cloud.quirks["shown_seconds"] = 5
    house.cloud.faults.add(Fault(method="POST", kind="drop", effect=True))
    with pytest.raises(UnreachableError):
        await house.set(10)
    assert house.held["sent"] == 12
    assert await house.notices(10) == []
    assert house.held["sent"] == 10


async def test_rate_limit_of_a_command(house: House) -> None:
    house.cloud.faults.add(
        Fault(status=429, method="POST", headers={"Retry-After": "7"})
    )
    with pytest.raises(RateLimitedError) as caught:
        await house.set(10)
    assert caught.value.retry_after == 7


# Pace


async def test_each_of_quick_changes_is_sent_in_turn(house: House) -> None:
    """Which of them need not leave any more is the queue's to say."""
    await asyncio.gather(*(house.set(amps) for amps in (7, 8, 9)))
    assert house.writes() == ["POST"] * 3
    assert house.held["current"] == 9


async def test_changes_keep_each_other(house: House) -> None:
    await asyncio.gather(house.set(9), house.execute(StopCharging))
    assert house.target == 0
    await house.execute(StartCharging)
    assert house.target == 9


# Renewal


@pytest.mark.parametrize("hold_time", [60, 600])
async def test_limit_is_renewed_before_it_lapses(house: House, hold_time: int) -> None:
    """Follow the proposed intervals for some hours; the target never lapses."""
    house.restart(hold_time=hold_time)
    await house.poll()
    await house.set(10)
    house.writes()
    interval = (await house.poll()).interval.total_seconds()
    passed = 0.0
    while passed < 5 * hold_time:
        poll = await house.poll(interval)
        passed += interval
        assert house.target == 10
        assert poll.notices == ()
        interval = poll.interval.total_seconds()
        assert 10 <= interval <= 30
    assert 8 <= len(house.writes()) <= 10


async def test_renewals_are_half_a_hold_time_apart(house: House) -> None:
    await house.set(10)
    house.writes()
    await house.poll(290)
    assert house.writes() == []
    interval = (await house.poll()).interval.total_seconds()
    assert interval == pytest.approx(10, abs=1)
    await house.poll(20)
    assert house.writes() == ["POST"]


async def test_renewal_is_not_asked_for_between(house: House) -> None:
    await house.set(10)
    house.cloud.requests.clear()
    await house.poll(30, ticks=30)
    assert len(house.cloud.requests) == 1
    house.cloud.requests.clear()
    await house.poll(300)
    methods = [method for method, _ in house.cloud.requests]
    assert methods == ["GET", "GET", "POST"]
    house.cloud.requests.clear()
    await house.poll(15, ticks=15)
    await house.poll(15, ticks=15)
    assert [method for method, _ in house.cloud.requests] == ["GET", "GET", "GET"]


async def test_limit_that_lapsed_is_set_again(house: House) -> None:
    await house.set(10)
    house.clock.step(700)
    house.cloud.world.settle()
    assert house.target is None
    assert await house.notices() == []
    assert house.target == 10


async def test_target_lapses_when_nobody_renews_it(house: House) -> None:
    house.connector.plug_in()
    await house.poll(60)
    await house.set(8)
    house.clock.step(10)
    house.cloud.world.settle()
    assert house.connector.currents[0] == 8
    house.clock.step(610)
    house.cloud.world.settle()
    assert house.target is None
    assert house.connector.currents[0] == 16


async def test_cloud_that_grants_less_time(house: House) -> None:
    house.cloud.quirks["maximum_duration"] = 100
    await house.set(10)
    house.writes()
    await house.poll(45)
    assert house.writes() == []
    await house.poll(10)
    assert house.writes() == ["POST"]
    # It is over when the cloud said it would be, so nobody else reset it.
    assert await house.notices(200) == []
    assert house.target == 10


async def test_cloud_whose_clock_is_wrong(house: House) -> None:
    house.cloud.faults.add(
        Fault(
            status=200,
            path=SETTINGS,
            method="GET",
            body=fixture("target"),
            times=None,
        )
    )
    await house.set(10)
    house.writes()
    await house.poll(200)
    assert house.writes() == []


async def test_limit_outlives_a_restart(house: House) -> None:
    await house.set(10)
    house.writes()
    house.restart()
    assert await house.notices(100) == []
    assert house.writes() == []
    house.restart()
    assert await house.notices(300) == []
    assert house.writes() == ["POST"]
    house.restart()
    assert await house.notices(4000) == []
    assert house.target == 10


async def test_target_without_a_limit_is_left_to_lapse(house: House) -> None:
    house.cloud.set_target(house.station, 9, 900)
    assert await house.limit() == 9
    await house.poll(800)
    assert house.writes() == []
    assert await house.notices(200) == []
    assert await house.limit() is None


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "10",
        {},
        {"current": "?"},
        {"current": None, "sent": 10},
        {"current": None, "paused": True, "sent": "?"},
    ],
)
async def test_memory_that_makes_no_sense(house: House, stored: Any) -> None:
    house.memory["held_limit"] = stored
    house.restart(allow_pause=False)
    await house.poll()
    assert house.writes() == []


async def test_lower_maximum_lowers_the_target(house: House) -> None:
    await house.set(16)
    house.restart(maximum_current=10)
    assert await house.notices() == []
    assert house.target == 10
    house.restart(maximum_current=16)
    await house.poll()
    assert house.target == 16


async def test_clock_that_was_put_back(house: House) -> None:
    await house.set(10)
    later = datetime.now(UTC) + timedelta(days=1)
    house.memory["held_limit"] |= {
        "since": later.isoformat(),
        "until": (later + timedelta(minutes=10)).isoformat(),
    }
    house.restart()
    house.writes()
    await house.poll()
    assert house.writes() == ["POST"]


# For a while only


@pytest.mark.parametrize(
    ("asked", "sent"), [(60, 60), (90.5, 91), (600, 600), (7200, 600), (1e13, 600)]
)
async def test_limit_for_a_while_holds_no_longer(
    house: House, asked: float, sent: int
) -> None:
    await house.set(10, seconds=asked)
    assert house.left == pytest.approx(sent, abs=1)
    device = await house.device()
    until = device.readings[Reading.LIMIT_VALID_UNTIL]
    assert isinstance(until, datetime)
    left = until - house.cloud.world.now
    assert left.total_seconds() == pytest.approx(sent, abs=1)


@pytest.mark.parametrize(
    "quirks",
    [
        {"clock_ahead": 86_400},
        {"clock_ahead": -86_400},
        {"time": "9999-12-31T23:59:59Z"},
    ],
)
async def test_clock_of_the_cloud_moves_no_deadline(
    house: House, quirks: dict[str, Any]
) -> None:
    """Ten minutes are ten minutes, though the cloud lives in another time."""
    house.cloud.quirks.update(quirks)
    await house.poll()
    await house.set(10, minutes=20)
    for _ in range(39):
        assert await house.notices(30) == []
        assert house.target == 10
    assert await house.notices(31) == []
    assert house.held is None
    assert house.target is None


@pytest.mark.parametrize("seconds", [0, 59.9, -600])
async def test_while_that_is_too_short(house: House, seconds: float) -> None:
    with pytest.raises(CommandRefusedError) as caught:
        await house.set(10, seconds=seconds)
    assert caught.value.reason == Refusal.OUT_OF_RANGE
    assert house.writes() == []


@pytest.mark.parametrize("restarts", [False, True])
async def test_limit_for_a_while_is_renewed_until_its_end(
    house: House, restarts: bool
) -> None:
    """Follow the proposed intervals; the limit lapses when it should, in silence."""
    await house.poll()
    await house.set(10, minutes=40)
    passed = 0.0
    while passed < 2390:
        if restarts:
            house.restart()
        assert house.target == 10
        poll = await house.poll()
        assert poll.notices == ()
        house.clock.step(poll.interval.total_seconds())
        house.cloud.world.settle()
        passed += poll.interval.total_seconds()
    # Half a hold time apart, the last one with ten minutes to go.
    assert house.writes() == ["POST"] * 7
    assert await house.notices(30) == []
    assert house.target is None
    assert house.held is None
    assert await house.limit() is None
    assert await house.notices(300) == []
    assert house.writes() == []


async def test_limit_to_its_end_is_not_renewed(house: House) -> None:
    await house.set(10, minutes=10)
    house.writes()
    for _ in range(39):
        assert await house.notices(15) == []
    assert house.target == 10
    assert house.writes() == []
    # A slow pace does not miss the end.
    at_most = (await house.poll()).max_interval
    assert at_most is not None
    assert at_most < timedelta(seconds=30)
    assert await house.notices(30) == []
    assert house.held is None
    assert await house.limit() is None


async def test_cloud_that_grants_less_than_the_while(house: House) -> None:
    house.cloud.quirks["maximum_duration"] = 100
    await house.set(10, minutes=5)
    house.writes()
    await house.poll(60)
    assert house.writes() == ["POST"]
    assert house.left == pytest.approx(100, abs=1)


async def test_last_stretch_is_not_too_short_for_the_cloud(house: House) -> None:
    await house.set(10, seconds=620)
    house.cloud.connect(False)
    await house.poll(590)
    house.cloud.connect(True)
    assert await house.notices(20) == []
    assert house.left == pytest.approx(60, abs=1)
    # The limit ends on time all the same.
    assert await house.notices(20) == []
    assert house.held is None
    house.writes()
    await house.poll(60)
    assert house.target is None
    assert house.writes() == []


async def test_end_that_comes_while_away(house: House) -> None:
    await house.set(10, minutes=20)
    house.writes()
    house.clock.step(3600)
    house.restart()
    assert await house.notices() == []
    assert house.held is None
    assert house.writes() == []


async def test_end_takes_a_notice_with_it(house: House) -> None:
    await house.set(10, minutes=20)
    house.cloud.quirks["reject"] = "no"
    assert await house.notices(400) == [NoticeKind.LIMIT_NOT_RENEWED]
    assert await house.notices(900) == []
    assert house.held is None


async def test_change_from_outside_ends_a_limit_for_a_while(house: House) -> None:
    await house.set(10, minutes=20)
    house.cloud.set_target(house.station, 14, 900)
    assert await house.notices(30) == [NoticeKind.LIMIT_CHANGED_OUTSIDE]
    assert house.held is None


async def test_limit_becomes_lasting(house: House) -> None:
    await house.set(10, minutes=5)
    await house.set(10)
    assert house.left == pytest.approx(600, abs=1)
    await house.poll(310)
    await house.poll(310)
    assert house.target == 10
    await house.set(12, minutes=5)
    assert house.left == pytest.approx(300, abs=1)
    await house.poll(310)
    assert house.target is None
    assert house.held is None


async def test_start_with_a_limit_makes_it_lasting(house: House) -> None:
    await house.set(10, minutes=5)
    await house.execute(StartCharging, current=10)
    await house.poll(310)
    assert house.target == 10


async def test_pause_outlasts_the_limit(house: House) -> None:
    await house.set(10, minutes=5)
    await house.execute(StopCharging)
    assert house.left == pytest.approx(600, abs=1)
    for _ in range(3):
        assert await house.notices(310) == []
        assert house.target == 0
    house.writes()
    await house.execute(StartCharging)
    assert house.writes() == ["DELETE"]
    assert house.held is None


async def test_limit_goes_on_after_a_pause_until_its_end(house: House) -> None:
    await house.execute(StopCharging)
    assert (await house.set(10, minutes=10)).outcome is Outcome.DEFERRED
    house.restart()
    await house.poll(120)
    await house.execute(StartCharging)
    assert house.target == 10
    assert house.left == pytest.approx(480, abs=12)
    assert await house.notices(500) == []
    assert house.target is None
    assert house.held is None


# What stands in the way of a renewal


async def test_refused_renewal_keeps_the_limit_and_is_told(house: House) -> None:
    await house.set(10)
    house.cloud.quirks["reject"] = "no"
    assert await house.notices(400) == [NoticeKind.LIMIT_NOT_RENEWED]
    assert await house.notices(400) == [NoticeKind.LIMIT_NOT_RENEWED]
    assert house.target is None
    assert house.held["current"] == 10
    house.cloud.quirks["reject"] = None
    assert await house.notices() == []
    assert house.target == 10


async def test_refused_renewal_is_not_asked_for_at_each_poll(house: House) -> None:
    await house.set(10)
    house.cloud.quirks["reject"] = "no"
    house.writes()
    poll = await house.poll(400)
    assert poll.interval == timedelta(seconds=30)
    await house.poll(10, ticks=10)
    assert house.writes() == ["POST"]
    await house.poll(10, ticks=10)
    assert house.writes() == ["POST"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_failed_renewal_is_made_up_for(house: House, method: str) -> None:
    await house.set(10)
    fault = Fault(status=503, path=SETTINGS, method=method)
    house.cloud.faults.add(fault)
    assert await house.notices(310) == []
    assert not len(house.cloud.faults)
    assert await house.notices(30) == []
    assert house.target == 10
    assert await house.notices(600) == []


async def test_renewal_whose_reading_fails(house: House) -> None:
    await house.set(10)
    house.clock.step(310)
    house.writes()
    await house.poll()
    house.cloud.faults.add(Fault(path=SETTINGS, method="GET"))
    assert await house.notices(15) == []
    assert await house.notices(15) == []
    assert house.writes() == ["POST"]
    since = datetime.fromisoformat(house.held["since"])
    assert house.cloud.world.now - since < timedelta(seconds=45)


async def test_renewal_that_does_not_show_is_repeated(house: House) -> None:
    await house.set(10)
    house.cloud.quirks["ignore"] = True
    house.writes()
    assert await house.notices(700) == []
    assert (await house.poll()).interval == timedelta(seconds=10)
    house.cloud.quirks["ignore"] = False
    assert await house.notices(40) == []
    assert house.writes() == ["POST", "POST"]
    assert house.target == 10


@pytest.mark.parametrize("cut", ["cloud", "station", "error", "producing"])
async def test_limit_waits_while_nothing_can_be_controlled(
    house: House, cut: str
) -> None:
    await house.set(10)

    def connect(connected: bool) -> None:
        if cut == "cloud":
            house.cloud.connect(connected)
        elif cut == "station":
            house.station.set_online(connected)
        elif cut == "error":
            house.connector.set_fault(None if connected else "OtherError")
        else:
            house.cloud.quirks["status"] = None if connected else cut

    connect(False)
    house.writes()
    assert await house.notices(20) == []
    assert await house.notices(400) == []
    assert (await house.poll(400)).interval == timedelta(seconds=30)
    assert house.writes() == []
    assert house.held["current"] == 10
    connect(True)
    assert await house.notices(20) == []
    assert house.target == 10


@pytest.mark.parametrize("word", [404, "wrong_station"])
async def test_station_that_is_gone_holds_no_limit(house: House, word: Any) -> None:
    """It is gone when the cloud did not know it three times in ten minutes."""
    await house.set(10)
    fault = Fault(path="/edgedevices", times=None)
    if word == 404:
        fault.status = 404
    else:
        fault.status, fault.body = 200, fixture("status")
    for seconds in (1, 300):
        house.cloud.faults.add(fault)
        with pytest.raises(NotFoundError):
            await house.poll(seconds)
        house.cloud.faults.clear()
        assert house.held["current"] == 10
    await house.poll(0)
    house.cloud.faults.add(fault)
    for seconds in (1, 300):
        with pytest.raises(NotFoundError):
            await house.poll(seconds)
    assert house.held["current"] == 10
    with pytest.raises(NotFoundError):
        await house.poll(300)
    assert house.memory == {}


async def test_target_lost_in_a_short_interruption_is_set_again(house: House) -> None:
    await house.set(10)
    house.cloud.connect(False)
    await house.poll(20)
    house.cloud.connect(True)
    assert house.target is None
    assert await house.notices(20) == []
    assert house.target == 10


async def test_failing_settings_are_not_asked_more_often(house: House) -> None:
    await house.set(10)
    house.cloud.faults.add(Fault(path=SETTINGS, times=None))
    assert (await house.poll(400)).interval == timedelta(seconds=30)


async def test_limit_is_held_though_the_status_fails(house: House) -> None:
    await house.set(10)
    house.cloud.faults.add(Fault(path="/status$", times=None))
    for _ in range(4):
        with pytest.raises(ServerFaultError):
            await house.poll(290)
        with pytest.raises(ServerFaultError):
            await house.poll(20)
        assert house.target == 10


async def test_unreadable_target_is_unknown_once_it_must_have_lapsed(
    house: House,
) -> None:
    house.cloud.set_target(house.station, 9, 900)
    assert await house.limit() == 9
    house.cloud.faults.add(Fault(path=SETTINGS, times=None))
    assert await house.limit() == 9
    house.clock.step(1000)
    assert await house.limit() is None
    assert await house.control(Control.CHARGING) == ControlState(value=None)


# Someone else


async def test_another_value_from_outside_ends_the_limit(house: House) -> None:
    await house.set(10)
    house.cloud.set_target(house.station, 14, 900)
    assert await house.notices(31) == [NoticeKind.LIMIT_CHANGED_OUTSIDE]
    assert house.held is None
    house.writes()
    await house.poll(800)
    assert house.writes() == []
    assert await house.limit() == 14


async def test_reset_from_outside_ends_the_limit(house: House) -> None:
    await house.set(10)
    house.cloud.reset_target(house.station)
    assert await house.notices(60) == [NoticeKind.LIMIT_CHANGED_OUTSIDE]
    assert await house.notices(600) == [NoticeKind.LIMIT_CHANGED_OUTSIDE]
    assert house.target is None


async def test_new_limit_settles_a_change_from_outside(house: House) -> None:
    await house.set(10)
    house.cloud.reset_target(house.station)
    await house.poll()
    await house.set(12)
    assert await house.notices() == []
    assert house.target == 12


async def test_change_while_away_ends_the_limit_too(house: House) -> None:
    await house.set(10)
    house.cloud.set_target(house.station, 14, 900)
    house.restart()
    assert await house.notices(100) == [NoticeKind.LIMIT_CHANGED_OUTSIDE]


async def test_same_value_from_outside_is_no_change(house: House) -> None:
    await house.set(10)
    house.cloud.set_target(house.station, 10, 900)
    assert await house.notices(400) == []
    assert house.held["current"] == 10


# Pause


async def test_pause_is_renewed_and_lifted(house: House) -> None:
    house.connector.plug_in()
    await house.poll(60)
    await house.set(10)
    await house.execute(StopCharging)
    assert await house.control(Control.CHARGING) == ControlState(value=False)
    for _ in range(4):
        assert await house.notices(310) == []
        assert house.connector.power_w == 0
        assert house.target == 0
    await house.execute(StartCharging)
    assert await house.control(Control.CHARGING) == ControlState(value=True)
    await house.poll(20)
    assert house.connector.currents[0] == 10


async def test_what_holds_charging_back_shows(house: House) -> None:
    """A pause of ours is one; somebody else's target of 0 A is the charger's doing."""

    async def after(seconds: float) -> tuple[Value, ControlValue]:
        (device,) = (await house.poll(seconds)).fleet.values()
        switch = device.controls[Control.CHARGING].value
        return device.readings[Reading.STATUS], switch

    # Nobody is there, and nothing holds charging back.
    assert await after(0) == (ChargingStatus.DISCONNECTED, True)
    house.connector.plug_in()
    assert await after(60) == (ChargingStatus.CHARGING, True)
    await house.execute(StopCharging)
    assert await after(20) == (ChargingStatus.PAUSED, False)
    assert await after(310) == (ChargingStatus.PAUSED, False)
    await house.execute(StartCharging)
    assert await after(60) == (ChargingStatus.CHARGING, True)
    house.cloud.set_target(house.station, 0, 900)
    assert await after(20) == (ChargingStatus.SUSPENDED_EVSE, False)
    house.cloud.reset_target(house.station)
    assert await after(20) == (ChargingStatus.CHARGING, True)
    # The site's limit cannot be lifted from here.
    house.cloud.set_site_limit(0)
    assert await after(20) == (ChargingStatus.SUSPENDED_EVSE, True)
    house.cloud.set_site_limit(None)
    # A car that is full waits for nothing from here.
    house.connector.car.soc = 1.0
    house.cloud.quirks["status"] = "connected"
    house.cloud.quirks["patch"] = {"dyn_current_limit": 6}
    assert await after(20) == (ChargingStatus.CONNECTED, True)
    house.cloud.quirks["status"] = "stopped"
    assert await after(20) == (None, True)


async def test_pause_without_a_limit_ends_with_a_reset(house: House) -> None:
    await house.execute(StopCharging)
    assert house.target == 0
    house.writes()
    await house.execute(StartCharging)
    assert house.writes() == ["DELETE"]
    assert house.held is None


async def test_start_with_a_limit(house: House) -> None:
    await house.execute(StopCharging)
    await house.execute(StartCharging, current=8)
    assert house.target == 8
    with pytest.raises(CommandRefusedError):
        await house.execute(StartCharging, current=99)


async def test_start_leaves_someone_elses_limit(house: House) -> None:
    house.cloud.set_target(house.station, 9, 900)
    await house.poll()
    assert (await house.execute(StartCharging)).outcome is Outcome.COMPLETED
    assert house.writes() == []


async def test_start_in_a_poll_leaves_someone_elses_limit(house: House) -> None:
    house.cloud.set_target(house.station, 9, 900)
    await house.poll()
    house.cloud.faults.add(Fault(path=SETTINGS, kind="delay", delay=0.1))
    poll = asyncio.create_task(house.poll(60))
    await asyncio.sleep(0.05)
    await house.execute(StartCharging)
    assert not poll.done()
    await poll
    assert house.writes() == []


async def test_start_lifts_someone_elses_pause(house: House) -> None:
    house.cloud.set_target(house.station, 0, 900)
    await house.poll()
    await house.execute(StartCharging)
    assert house.target is None


async def test_start_right_after_a_stop_wins(house: House) -> None:
    await house.poll()
    await asyncio.gather(house.execute(StopCharging), house.execute(StartCharging))
    assert house.target is None
    assert house.held is None


async def test_start_forgets_a_pause_that_could_not_be_renewed(house: House) -> None:
    await house.execute(StopCharging)
    house.cloud.quirks["reject"] = "no"
    await house.poll(700)
    house.cloud.quirks["reject"] = None
    await house.execute(StartCharging)
    await house.poll(60)
    assert house.target is None


async def test_limit_set_in_a_pause_is_put_off(house: House) -> None:
    await house.execute(StopCharging)
    assert await house.limit() is None
    assert (await house.set(9)).outcome is Outcome.DEFERRED
    assert house.target == 0
    assert await house.limit() == 9
    house.restart()
    await house.poll()
    await house.execute(StartCharging)
    assert house.target == 9


async def test_limit_set_in_a_pause_that_was_lost_pauses_again(house: House) -> None:
    await house.execute(StopCharging)
    house.clock.step(700)
    house.cloud.quirks["reject"] = "no"
    await house.poll()
    house.cloud.quirks["reject"] = None
    assert (await house.set(9)).outcome is Outcome.DEFERRED
    assert house.target == 0


async def test_clearing_the_limit_ends_a_pause(house: House) -> None:
    await house.execute(StopCharging)
    await house.execute(ClearLimit)
    assert house.target is None
    assert house.held is None


async def test_pause_ends_when_it_is_no_longer_allowed(house: House) -> None:
    await house.set(10)
    await house.execute(StopCharging)
    house.restart(allow_pause=False)
    assert await house.notices() == []
    assert house.target == 10


async def test_pause_alone_lapses_when_it_is_no_longer_allowed(house: House) -> None:
    await house.execute(StopCharging)
    house.restart(allow_pause=False)
    assert await house.notices(700) == []
    assert house.target is None


# Rights


async def test_settings_that_do_not_exist(house: House) -> None:
    house.cloud.quirks["settings"] = False
    poll = await house.poll()
    (device,) = poll.fleet.values()
    assert poll.notices == ()
    assert not device.controls
    assert not device.commands
    assert Reading.LIMIT_VALID_UNTIL not in device.readings
    assert device.readings[Reading.CLOUD_STATUS] == "idle"
    house.cloud.requests.clear()
    await house.poll()
    assert len(house.cloud.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_settings_that_may_not_be_read(house: House, status: int) -> None:
    house.cloud.faults.add(Fault(status=status, path=SETTINGS))
    poll = await house.poll()
    assert [notice.kind for notice in poll.notices] == [NoticeKind.PERMISSION_MISSING]
    house.cloud.requests.clear()
    await house.poll()
    assert len(house.cloud.requests) == 1
    house.ticks += 3600
    assert await house.notices() == []
    assert await house.control(Control.CURRENT_LIMIT)


async def test_token_that_may_only_read(house: House) -> None:
    await house.poll()
    house.cloud.quirks["read_only"] = True
    with pytest.raises(PermissionDeniedError):
        await house.set(10)
    poll = await house.poll()
    assert [notice.kind for notice in poll.notices] == [NoticeKind.PERMISSION_MISSING]
    assert not next(iter(poll.fleet.values())).controls


@pytest.mark.parametrize(
    ("status", "error"), [(404, NotFoundError), (401, PermissionDeniedError)]
)
async def test_command_without_the_resource(
    house: House, status: int, error: type[ChargingError]
) -> None:
    house.cloud.faults.add(Fault(status=status, method="POST"))
    with pytest.raises(error):
        await house.set(10)
    assert house.held is None


async def test_limit_survives_a_missing_right(house: House) -> None:
    await house.set(10)
    house.cloud.quirks["read_only"] = True
    assert await house.notices(310) == [NoticeKind.PERMISSION_MISSING]
    assert (await house.poll(700)).interval == timedelta(seconds=30)
    house.cloud.quirks["read_only"] = False
    house.ticks += 3600
    assert await house.notices() == []
    assert house.target == 10


async def test_memory_is_written_only_when_it_changes(house: House) -> None:
    await house.set(10)
    written = house.remembered
    for _ in range(5):
        await house.poll(20)
    assert house.remembered == written


# Stops, kills and what nobody saw


async def test_stop_is_sent_though_it_is_held_already(house: House) -> None:
    """Somebody may have lifted the pause behind our back."""
    await house.poll()
    await house.execute(StopCharging)
    house.cloud.set_target(house.station, 10, 900)
    house.writes()
    await house.execute(StopCharging)
    assert house.writes()
    assert house.target == 0


async def test_start_lifts_a_pause_that_nobody_saw(house: House) -> None:
    """A pause that was set since the last poll is read first, then lifted."""
    await house.poll()
    house.cloud.set_target(house.station, 0, 900)
    await house.execute(StartCharging)
    assert house.target is None


@pytest.mark.parametrize("arrived", [True, False])
async def test_kill_right_after_setting_a_limit(house: House, arrived: bool) -> None:
    """What is sent is stored before it is: the next run holds it, or knows of none."""
    await house.poll()
    await house.set(12)
    if not arrived:
        house.cloud.faults.add(Fault(method="POST", kind="drop"))
        with pytest.raises(UnreachableError):
            await house.set(10)
    else:
        await house.set(10)
    # The process ended before it read anything.
    house.restart(memory=house.flushed[-1])
    assert await house.notices() == []
    assert house.held["current"] == (10 if arrived else 12)
    for _ in range(3):
        assert await house.notices(310) == []
    assert house.target == (10 if arrived else 12)


async def test_reload_while_a_limit_is_being_set(house: House) -> None:
    """It neither lapses nor comes back later, and nothing is sent after the end."""
    await house.poll()
    house.cloud.faults.add(Fault(path=SETTINGS, method="POST", kind="delay", delay=0.1))
    setting = asyncio.create_task(
        house.provider.execute(
            SetControl(device_id="any", control=Control.CURRENT_LIMIT, value=10.0)
        )
    )
    await asyncio.sleep(0.05)
    late = asyncio.create_task(house.provider.execute(StopCharging(device_id="any")))
    await asyncio.sleep(0.01)
    before = asyncio.all_tasks()
    await asyncio.wait_for(house.provider.close(), 5)
    assert house.target == 10
    assert (await setting).outcome is Outcome.ACCEPTED
    with pytest.raises(CommandRefusedError):
        await late
    assert asyncio.all_tasks() <= before
    await house.poll(310)
    house.restart()
    assert house.writes() == ["POST"]
    assert await house.notices() == []
    assert house.held["current"] == 10
    assert house.target == 10
