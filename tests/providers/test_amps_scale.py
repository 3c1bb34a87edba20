"""AMPS with a thousand chargers: what is asked, and how old what is shown may be.

Time is stepped: a request takes a second, as the stated pace has it, and nothing else
takes any.
"""

from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    Control,
    Device,
    Reading,
    StartCharging,
)
from custom_components.ev_charger_cloud.providers.amps.client import LIMITS
from custom_components.ev_charger_cloud.providers.base import Poll
from simulator.world import Car

from .amps_account import Account, open_account

CHARGERS, CHARGING = 1000, 100
# The next poll comes no sooner than this, whatever a provider says.
PAUSE = 3.0

LIST = "/ev-charger"


class Requests(list[tuple[str, str]]):
    """The requests that a cloud gets: each takes a second."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self.account = account
        self.at: list[tuple[float, str]] = []

    def append(self, request: tuple[str, str]) -> None:
        super().append(request)
        self.at.append((self.account.passed, request[1]))
        self.account.step(1.0)


@dataclass
class Day:
    """A day in the life of a large account."""

    account: Account
    requests: Requests = field(init=False)

    def __post_init__(self) -> None:
        cloud = self.account.cloud
        for station in list(cloud.stations.values()):
            cloud.remove(station)
        cloud.populate(CHARGERS)
        cloud.quirks["fresh_lists"] = True
        for station in list(cloud.stations.values())[:CHARGING]:
            station.connectors[0].plug_in(Car(capacity_wh=1e9))
            station.connectors[0].start()
        cloud.requests = self.requests = Requests(self.account)

    async def poll(self) -> Poll:
        """Poll, and wait for as long as whoever polls would."""
        poll = await self.account.provider.poll()
        self.account.step(max(poll.interval.total_seconds(), PAUSE))
        return poll


@pytest.fixture
async def day(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Day]:
    async with open_account(session, monkeypatch) as account:
        yield Day(account)


def charging(device: Device) -> bool:
    return device.readings[Reading.CHARGING] is True


def test_pace_is_the_stated_one() -> None:
    assert (LIMITS.requests, LIMITS.period, LIMITS.concurrency) == (1, 1.0, 1)


async def test_usable_in_a_minute(day: Day) -> None:
    start = day.account.passed
    fleet = (await day.account.provider.poll()).fleet
    assert day.account.passed - start <= 20
    assert len(fleet) == CHARGERS
    assert not any(device.stale for device in fleet.values())
    assert sum(map(charging, fleet.values())) == CHARGING
    assert all(Control.CHARGING in device.controls for device in fleet.values())


async def test_nothing_shown_is_old(day: Day) -> None:
    """Just before a poll shows something newer, as old as it gets."""
    account = day.account
    shown = (await day.poll()).fleet
    oldest = Counter[bool]()
    while account.passed < 900:
        fleet = (await account.provider.poll()).fleet
        now = account.simulator.world.now
        for device in shown.values():
            updated = device.readings[Reading.LAST_UPDATE]
            assert isinstance(updated, datetime)
            age = (now - updated).total_seconds()
            oldest[charging(device)] = max(oldest[charging(device)], age)
        shown = fleet
        account.step(PAUSE)
    assert oldest[False] <= 120
    assert oldest[True] <= 180


async def test_requests_follow_need(day: Day) -> None:
    account = day.account
    while account.passed < 900:
        await day.poll()
    asked = Counter(path for _, path in day.requests.at)
    assert len(day.requests.at) <= account.passed
    # The list takes a fourth of them, those that charge are read alone every three
    # minutes, and the rest goes to the settings of the others.
    assert asked[LIST] <= 0.26 * account.passed
    reads: dict[str, list[float]] = {}
    for at, path in day.requests.at:
        if path != LIST:
            reads.setdefault(path.rpartition("/")[2], []).append(at)
    busy = {f"dev_fleet_{number:05}" for number in range(1, CHARGING + 1)}
    for charger in busy:
        times = [at for at in reads[charger] if at > 300]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert max(gaps) <= 180
        assert len(times) >= 3
    assert len(reads.keys() - busy) >= 30


async def test_start_shows_at_once_in_the_crowd(day: Day) -> None:
    """A command does not wait for a poll, nor its effect for the round."""
    account = day.account
    for _ in range(10):
        await day.poll()
    charger = "dev_fleet_00900"
    account.cloud.stations[charger].connectors[0].plug_in()
    day.requests.at.clear()
    await account.provider.execute(StartCharging(device_id=charger))
    assert [path for _, path in day.requests.at] == [f"{LIST}/{charger}"]
    account.step(5)
    started = account.passed
    await day.poll()
    after = [path for at, path in day.requests.at if at >= started and path != LIST]
    assert f"{LIST}/{charger}" in after[:2]
