"""Plugchoice with many chargers: how old readings are, and what that costs."""

from collections.abc import AsyncGenerator, Callable
from datetime import timedelta

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    CURRENTS,
    ChargingStatus,
    Fleet,
    Reading,
)
from custom_components.ev_charger_cloud.providers.base import Poll
from custom_components.ev_charger_cloud.providers.plugchoice import client
from custom_components.ev_charger_cloud.providers.plugchoice.provider import (
    PlugchoiceProvider,
)
from simulator.world import Car

from .plugchoice_account import PlugchoiceAccount, plugchoice_account

ALLOWED = 500  # requests a minute


@pytest.fixture
async def account(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[PlugchoiceAccount]:
    async with plugchoice_account(session, monkeypatch, seed=False) as account:
        account.cloud.quirks["rate_limit"] = 1_000_000  # its window is not stepped
        yield account


class Watch:
    """Polls as often as it is told to, and notes what was asked when."""

    def __init__(self, account: PlugchoiceAccount) -> None:
        self.account = account
        self.provider: PlugchoiceProvider = account.provider()
        self.elapsed = 0.0
        self.asked: list[tuple[float, str]] = []
        self.measured: dict[str, float] = {}
        self.wait = 0.0

    async def poll(self) -> Poll:
        self.account.step(self.wait)
        self.elapsed += self.wait
        self.account.cloud.requests.clear()
        poll = await self.provider.poll()
        for method, path in self.account.cloud.requests:
            self.asked.append((self.elapsed, f"{method} {path}"))
            if path.endswith(("latest-metervalue", "power-usage")):
                self.measured[path.split("/")[2]] = self.elapsed
        # Home Assistant waits three seconds at least.
        self.wait = max(poll.interval.total_seconds(), 3.0)
        return poll

    async def poll_until(
        self, elapsed: float, check: Callable[[Fleet], None] = lambda fleet: None
    ) -> Fleet:
        fleet: Fleet = {}
        while self.elapsed < elapsed:
            fleet = (await self.poll()).fleet
            check(fleet)
        return fleet

    @property
    def busiest_minute(self) -> int:
        """Return the most requests there were in any minute."""
        times = [at for at, _ in self.asked]
        return max(
            sum(begin <= at < begin + 60 for at in times) for begin in set(times)
        )

    @property
    def oldest(self) -> float:
        return self.elapsed - min(self.measured.values())


def all_charge(account: PlugchoiceAccount) -> None:
    for station in account.cloud.stations.values():
        station.connector(1).plug_in(Car(capacity_wh=200_000, soc=0.0))
        station.connector(1).start("04AABBCC")


@pytest.mark.parametrize("measured", ["all in one message", "power apart"])
async def test_five_hundred_that_charge(
    account: PlugchoiceAccount, measured: str
) -> None:
    """No power or current is older than two minutes, at most 80 % of what may be asked."""
    if measured == "power apart":
        account.cloud.quirks["measurands"] = [
            "Energy.Active.Import.Register",
            "Current.Offered",
            "Current.Import",
            "Voltage",
        ]
    account.cloud.populate(500, sites=10)
    all_charge(account)
    watch = Watch(account)
    fleet = (await watch.poll()).fleet
    assert watch.wait < 15
    assert len(fleet) == 500
    assert all(
        device.readings[Reading.STATUS] is ChargingStatus.CHARGING
        for device in fleet.values()
    )
    await watch.poll_until(120)
    oldest = 0.0

    def check(fleet: Fleet) -> None:
        nonlocal oldest
        assert len(watch.measured) == 500
        oldest = max(oldest, watch.oldest)
        for device in fleet.values():
            for reading in (Reading.POWER, *CURRENTS):
                assert device.readings[reading] is not None

    await watch.poll_until(watch.elapsed + 130, check)
    assert oldest <= 120
    assert watch.busiest_minute <= 0.8 * ALLOWED
    # The sessions of a location in one request each, nobody's alone.
    assert not [
        each for _, each in watch.asked if "/chargers/" in each and "active" in each
    ]
    assert all(
        device.readings[Reading.SESSION_START] is not None
        for device in (await watch.poll()).fleet.values()
    )


async def test_fifty_that_charge_keep_the_pace(account: PlugchoiceAccount) -> None:
    account.cloud.populate(50)
    all_charge(account)
    watch = Watch(account)
    await watch.poll_until(120)
    watch.asked.clear()
    oldest = 0.0

    def check(_: Fleet) -> None:
        nonlocal oldest
        assert watch.wait == 15
        oldest = max(oldest, watch.oldest)

    await watch.poll_until(watch.elapsed + 60, check)
    assert oldest <= 16
    assert watch.busiest_minute <= 0.8 * ALLOWED


async def test_reading_is_not_held_back_until_all_are_in(
    account: PlugchoiceAccount,
) -> None:
    """A poll returns what it has; the rest comes with the next one, which is soon."""
    account.cloud.populate(200, sites=4)
    all_charge(account)
    watch = Watch(account)
    known = []
    for _ in range(6):
        poll = await watch.poll()
        known.append(
            sum(d.readings[Reading.POWER] is not None for d in poll.fleet.values())
        )
        assert poll.interval < timedelta(seconds=15)
    assert known == sorted(known)
    assert 0 < known[0] < known[1] < 200
    assert known[-1] == 200


async def test_many_without_locations_are_read_by_turns(
    account: PlugchoiceAccount,
) -> None:
    account.cloud.populate(100, sites=0)
    watch = Watch(account)
    first = (await watch.poll()).fleet
    assert len(first) == 100
    assert sum(device.stale for device in first.values()) == 60
    fleet = await watch.poll_until(40)
    assert not any(device.stale for device in fleet.values())
    assert watch.busiest_minute <= 0.8 * ALLOWED


async def test_unchanged_poll_returns_the_same_devices(
    account: PlugchoiceAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.cloud.populate(60, sites=2)
    watch = Watch(account)
    fleet = await watch.poll_until(120)
    decoded = []
    decode = client.Charger.decode

    def count(body: object) -> object:
        decoded.append(body)
        return decode(body)

    monkeypatch.setattr(client.Charger, "decode", count)
    same = (await watch.provider.poll()).fleet
    assert decoded == []
    assert same.keys() == fleet.keys()
    assert all(same[key] is device for key, device in fleet.items())
    # One that changed is another one, and decoded alone.
    uuid = next(iter(fleet))
    account.cloud.stations[uuid].connector(1).plug_in()
    changed = (await watch.provider.poll()).fleet
    assert len(decoded) == 1
    assert [key for key in fleet if changed[key] is not fleet[key]] == [uuid]
