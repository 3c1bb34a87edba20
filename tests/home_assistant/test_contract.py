"""The same story at every cloud, told by Home Assistant's states and services alone.

A car is plugged in, charges, is held to a limit, stops, leaves; then the charger
breaks, goes offline and recovers. The physical world of the simulator is the judge.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiolimiter import AsyncLimiter
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.providers import PROVIDERS, transport
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from simulator.cloud import Cloud
from simulator.clouds.clemap import Clemap
from simulator.clouds.podero import Podero
from simulator.server import Simulator
from simulator.world import Car, Connector

NO_ENTITY = "no such entity"


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a cloud needs for the story, and what it has no words for."""

    provider: str
    options: dict[str, Any] = field(default_factory=dict)
    quirks: dict[str, Any] = field(default_factory=dict)
    limit: str = "charging_current"  # or maximum_power, for clouds that know no ampere
    reads_as: Mapping[str, str] = field(default_factory=dict)
    """The situation that another one reads as, since the cloud cannot tell them apart."""
    always: Mapping[str, Any] = field(default_factory=dict)
    """What it shows in all situations, for want of a word, or with one that others lack."""
    shows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What it shows otherwise in one situation."""
    alone: bool = False  # one charger is all there is
    pushed: bool = False  # by callbacks alone: nobody polls

    @property
    def smaller(self) -> float:
        """Return a limit below what the car takes, in A or kW."""
        return 8 if self.limit == "charging_current" else 5

    @property
    def asked(self) -> float:
        """Return the smaller limit in A or W."""
        return 8 if self.limit == "charging_current" else 5000


SPECIAL = (
    Account(
        provider="amps",
        limit="maximum_power",
        # Its states know free and charging: no fault, no pause of the car, no reservation.
        reads_as={"reserved": "no car", "fault": "suspended by the charger"},
        always={"limit": 11000, "offered": NO_ENTITY, "problem": NO_ENTITY},
        shows={
            "waiting": {"switch": STATE_UNKNOWN},
            "suspended by the charger": {"status": "connected"},
            "suspended by the car": {"status": "connected"},
            "full": {"status": "connected"},
            "fault": {"status": "connected"},
        },
    ),
    Account(provider="ampeco", always={"offered": NO_ENTITY}),
    Account(
        provider="ampeco",
        pushed=True,
        shows={
            # The charger grants all it has, the car takes half of it.
            "charging": {"offered": 32},
            "suspended by the car": {"offered": 32},
            "full": {"offered": 32},
            "stopped by the user": {"offered": None},
            # No meter value came yet.
            **{
                situation: {"offered": NO_ENTITY}
                for situation in ("no car", "waiting", "reserved")
            },
        },
    ),
    Account(
        provider="clemap",
        alone=True,
        options={"allow_pause": True},
        reads_as={"waiting": "charging", "reserved": "no car"},
        shows={
            # The pilot grants 6 A where nothing is drawn.
            "no car": {"switch": "on", "offered": 6},
            "reserved": {"switch": "on", "offered": 6},
            "suspended by the car": {"status": "connected", "offered": 6},
            "full": {"status": "connected", "offered": 6},
            "fault": {"offered": 6},
        },
    ),
    Account(
        provider="plugchoice",
        shows={
            # It tells an offer with the samples of a session.
            **{
                situation: {"offered": NO_ENTITY}
                for situation in ("no car", "waiting", "reserved")
            },
            "stopped by the user": {"offered": None},
            "fault": {"offered": None, "switch": "off"},
        },
    ),
    Account(
        provider="podero",
        quirks={"profile": "newer"},  # the older one does not tell who is online
        limit="maximum_power",
        reads_as={"waiting": "charging", "reserved": "no car"},
        always={"limit": 11000, "offered": NO_ENTITY},
        shows={
            "no car": {"switch": "on"},
            "reserved": {"switch": "on"},
            "suspended by the charger": {"status": "connected"},
            "suspended by the car": {"status": "connected"},
            "full": {"status": "complete"},
            "fault": {"vehicle": "on"},
        },
    ),
)

# Every cloud there is: one that needs no words of its own needs no row either.
ACCOUNTS = SPECIAL + tuple(
    Account(provider=key)
    for key in PROVIDERS
    if key not in {special.provider for special in SPECIAL}
)


@pytest.fixture(
    params=ACCOUNTS,
    ids=lambda each: f"{each.provider}-pushed" if each.pushed else each.provider,
)
def account(request: pytest.FixtureRequest) -> Account:
    """Return one account after the other."""
    account: Account = request.param
    return account


@pytest.fixture
async def cloud(account: Account) -> AsyncGenerator[Cloud]:
    """Run the simulator of the account's cloud."""
    async with Simulator() as simulator:
        cloud = simulator[account.provider]
        cloud.quirks.update(account.quirks)
        yield cloud


class Story:
    """One account in Home Assistant, and the charger that the story is about."""

    def __init__(
        self,
        home: HomeAssistant,
        freezer: FrozenDateTimeFactory,
        entry: MockConfigEntry,
        connector: Connector,
    ) -> None:
        """Begin before the car comes."""
        self.home = home
        self.freezer = freezer
        self.entry = entry
        self.connector = connector
        self.world = connector.world
        self.device_id = ""

    def entities(self, domain: str, key: str) -> list[er.RegistryEntry]:
        """Return the entities of a kind at any device of the account."""
        return [
            entity
            for entity in er.async_entries_for_config_entry(
                er.async_get(self.home), self.entry.entry_id
            )
            if entity.domain == domain and entity.translation_key == key
        ]

    def entity(self, domain: str, key: str) -> str:
        """Return the story's entity of a kind, its charger's where it has none."""
        entities = self.entities(domain, key)
        own = [entity for entity in entities if entity.device_id == self.device_id]
        return (own or entities)[0].entity_id

    def state(self, domain: str, key: str) -> str:
        """Return the state of the story's entity of a kind."""
        return self.home.states.get(self.entity(domain, key)).state

    def number(self, domain: str, key: str) -> float | None:
        """Return a state as a number in the entity's base unit."""
        state = self.home.states.get(self.entity(domain, key))
        if state.state in (STATE_UNKNOWN, STATE_UNAVAILABLE):
            return None
        thousand = str(state.attributes.get("unit_of_measurement")).startswith("k")
        return float(state.state) * (1000 if thousand else 1)

    async def call(self, domain: str, service: str, key: str, **fields: Any) -> None:
        """Call a service of the story's entity of a kind."""
        await self.home.services.async_call(
            domain,
            service,
            {"entity_id": self.entity(domain, key), **fields},
            blocking=True,
        )

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, in the world and in Home Assistant."""
        self.freezer.tick(seconds)
        self.world.settle()
        async_fire_time_changed(self.home)
        await self.home.async_block_till_done(wait_background_tasks=True)

    async def until(self, says: Callable[[], bool], within: float = 1200) -> None:
        """Let time pass until something shows."""
        for _ in range(int(within / 10)):
            if says():
                return
            await self.pass_time(10)
        assert says(), {
            state.entity_id: state.state for state in self.home.states.async_all()
        }

    async def plug_in(self, car: Car) -> None:
        """Plug a car in: one plug says so, and that is the charger of the story."""
        self.connector.plug_in(car)

        def plugged() -> list[str]:
            return [
                plug.device_id
                for plug in self.entities("binary_sensor", "plug")
                if self.home.states.get(plug.entity_id).state == "on"
            ]

        await self.until(lambda: len(plugged()) == 1)
        (self.device_id,) = plugged()

    async def charge(self) -> Car:
        """Plug a car in, and switch charging on."""
        car = Car(soc=0.2, max_current=16.0, phases=3)
        await self.plug_in(car)
        if self.state("switch", "charging") != "on":
            await self.call("switch", "turn_on", "charging")
        await self.until(lambda: self.state("sensor", "status") == "charging")
        await self.until(lambda: self.connector.power_w > 3000)
        await self.until(lambda: (self.number("sensor", "power") or 0) > 3000)
        return car


@pytest.fixture(autouse=True)
def no_real_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the story not wait for its turn in real time."""
    monkeypatch.setattr(
        transport, "AsyncLimiter", lambda rate, period: AsyncLimiter(1000, 1)
    )


@pytest.fixture
async def story(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    cloud: Cloud,
    account: Account,
    hass_client_no_auth: ClientSessionGenerator,
) -> AsyncGenerator[Story]:
    """Set up the account and choose a charger."""
    if account.pushed:
        # All that is served is known before anything is.
        assert await async_setup_component(home, DOMAIN, {})
        client = await hass_client_no_auth()
        await home.config.async_update(internal_url=str(client.make_url("/"))[:-1])
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=account.provider,
        unique_id=f"{account.provider}_story",
        data={
            "provider": account.provider,
            "base_url": cloud.base_url,
            **cloud.credentials,
        },
        options={"all_chargers": True, **account.options},
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
    if account.pushed:
        assert entry.runtime_data.push.state == "active"
        entry.runtime_data.update_interval = None
        await entry.runtime_data.async_refresh()
        entry.runtime_data.update_interval = None
        entry.runtime_data._unschedule_refresh()
    station = next(iter(cloud.stations.values()))
    yield Story(home, freezer, entry, station.connectors[0])
    await home.config_entries.async_unload(entry.entry_id)


async def test_story(story: Story, account: Account) -> None:
    """Tell the story."""
    connector = story.connector

    # Nobody is there.
    assert all(
        story.home.states.get(plug.entity_id).state != "on"
        for plug in story.entities("binary_sensor", "plug")
    )

    # A car is plugged in and charging switched on: the car draws, all readings agree.
    await story.charge()
    assert story.state("binary_sensor", "charging") == "on"
    assert story.state("switch", "charging") == "on"
    if story.entities("sensor", "current_phase_1"):
        await story.until(lambda: (story.number("sensor", "current_phase_1") or 0) > 10)

    # A limit is set: the hardware obeys, and the limit and the power show it.
    watts = 8 * 3 * 230 if account.limit == "charging_current" else 5000
    limit = account.smaller
    await story.call("number", "set_value", account.limit, value=limit)
    await story.until(lambda: 1000 < connector.power_w <= watts + 1)
    assert float(story.state("number", account.limit)) == limit
    await story.until(
        lambda: 1000 < (story.number("sensor", "power") or 0) <= watts + 1
    )

    # Charging is switched off: nothing flows.
    await story.call("switch", "turn_off", "charging")
    await story.until(lambda: connector.power_w == 0)
    await story.until(lambda: story.state("binary_sensor", "charging") == "off")
    assert story.state("sensor", "status") != "charging"
    assert story.state("switch", "charging") == "off"
    await story.until(lambda: story.number("sensor", "power") == 0)

    # The car leaves.
    connector.unplug()
    await story.until(lambda: story.state("binary_sensor", "plug") == "off")
    assert story.state("sensor", "status") == "disconnected"


def behind_our_back(cloud: Cloud, connector: Connector, charging: bool) -> None:
    """Start or stop charging on site, or by somebody else's hand."""
    match cloud:
        case Clemap() if charging:
            cloud.reset_target(connector.station)
        case Clemap():
            cloud.set_target(connector.station, 0, 900)
        case Podero():
            box = next(b for b in cloud.wallboxes.values() if b.connector is connector)
            box.change(
                {
                    "is_pause_power_active": not charging,
                    "pause_power_until": None
                    if charging
                    else cloud.world.now + timedelta(hours=9),
                }
            )
        case _ if charging and connector.session is None:
            connector.start()
        case _ if charging:
            # A session that is paused by a limit goes on.
            for source in list(connector.limits):
                connector.set_limit(source, None)
        case _:
            connector.stop("Local")
    connector.world.settle()


async def test_what_is_asked_reaches_hardware_that_changed_behind_our_back(
    story: Story, account: Account, cloud: Cloud
) -> None:
    """Home Assistant shows what it last read; what is asked is sent all the same."""
    connector = story.connector
    await story.charge()
    assert story.state("switch", "charging") == "on"

    # Somebody stops it: it is still shown as on, and turning it on starts it again.
    behind_our_back(cloud, connector, charging=False)
    story.freezer.tick(15)
    connector.world.settle()
    assert connector.power_w == 0
    assert story.state("switch", "charging") == "on"
    await story.call("switch", "turn_on", "charging")
    await story.until(lambda: connector.power_w > 3000, within=300)

    # A limit that is shown already is set again.
    limit = account.smaller
    await story.call("number", "set_value", account.limit, value=limit)
    await story.until(lambda: float(story.state("number", account.limit)) == limit)
    story.freezer.tick(15)
    before = len(cloud.requests)
    await story.call("number", "set_value", account.limit, value=limit)
    assert any(method != "GET" for method, _ in list(cloud.requests)[before:])

    # It is stopped from here, and started by somebody: turning it off stops it.
    story.freezer.tick(15)
    await story.call("switch", "turn_off", "charging")
    await story.until(lambda: story.state("switch", "charging") == "off")
    await story.until(lambda: connector.power_w == 0)
    behind_our_back(cloud, connector, charging=True)
    story.freezer.tick(15)
    connector.world.settle()
    assert story.state("switch", "charging") == "off"
    await story.call("switch", "turn_off", "charging")
    await story.until(lambda: connector.power_w == 0, within=300)


async def test_stop_overtakes_the_watch_over_a_start(
    story: Story, account: Account, cloud: Cloud
) -> None:
    """It leaves while the start does not show yet; no time passes before it does.

    A cloud may refuse it: its action is under way, or no session is there yet.
    """
    await story.plug_in(Car(soc=0.2, max_current=16.0, phases=3))
    await story.call("switch", "turn_on", "charging")
    assert story.state("switch", "charging") == "on"
    before = len(cloud.requests)
    async with asyncio.timeout(30):
        with suppress(HomeAssistantError):
            await story.call("switch", "turn_off", "charging")
    assert any(method != "GET" for method, _ in list(cloud.requests)[before:])


async def test_offline(story: Story, account: Account) -> None:
    """An offline charger's live entities are unavailable until it is back."""
    station = story.connector.station

    def dead() -> list[str]:
        return [
            status.device_id
            for status in story.entities("sensor", "status")
            if story.home.states.get(status.entity_id).state == STATE_UNAVAILABLE
        ]

    before = dead()
    station.set_online(False)
    await story.until(lambda: len(dead()) > len(before), within=3600)
    if offline := story.entities("binary_sensor", "online"):
        states = {story.home.states.get(each.entity_id).state for each in offline}
        assert "off" in states
    station.set_online(True)
    await story.until(lambda: dead() == before, within=3600)


# The columns of docs/vocabulary.md but for the limit, and the entities that show them.
COLUMNS = {
    "status": ("sensor", "status"),
    "vehicle": ("binary_sensor", "plug"),
    "charging": ("binary_sensor", "charging"),
    "switch": ("switch", "charging"),
    "power": ("sensor", "power"),
    "offered": ("sensor", "current_offered"),
    "problem": ("binary_sensor", "problem"),
}
MEASURED = "what the hardware draws"


def row(status: str, **others: Any) -> dict[str, Any]:
    """Return a situation as it reads where a cloud can tell all of it."""
    return {
        "status": status,
        "vehicle": "on",
        "charging": "off",
        "switch": "on",
        "power": 0,
        "limit": None,
        "offered": 0,
        "problem": "off",
        **others,
    }


SITUATIONS = {
    "no car": row("disconnected", vehicle="off", switch="off"),
    "waiting": row("connected", switch="off"),
    "charging": row("charging", charging="on", power=MEASURED, offered=16),
    "limited": row("charging", charging="on", power=MEASURED, offered=8),
    "suspended by the charger": row("suspended_evse"),
    "suspended by the car": row("suspended_ev", offered=16),
    "full": row("suspended_ev", offered=16),
    "stopped by the user": row("paused", switch="off"),
    "reserved": row("reserved", vehicle="off", switch="off"),
    "fault": row("faulted", vehicle=STATE_UNKNOWN, problem="on"),
}


async def bring_about(story: Story, account: Account, situation: str) -> None:
    """Let something happen at the hardware, or ask for it."""
    connector = story.connector
    if situation in ("no car", "waiting", "reserved"):
        await story.plug_in(Car(soc=0.2, max_current=16.0, phases=3))
        if situation != "waiting":
            connector.unplug()
        if situation == "reserved":
            connector.reserve("user771", 60)
        return
    car = await story.charge()
    # Callbacks tell the first meter values after a while.
    await story.pass_time(90)
    match situation:
        case "limited":
            await story.call(
                "number", "set_value", account.limit, value=account.smaller
            )
        case "suspended by the charger":
            connector.set_limit("the site's own", 0)
        case "suspended by the car":
            car.max_current = 0.0
        case "full":
            car.soc = 1.0
        case "stopped by the user":
            await story.call("switch", "turn_off", "charging")
        case "fault":
            connector.set_fault("GroundFailure")


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_situation(story: Story, account: Account, situation: str) -> None:
    """A situation reads as docs/vocabulary.md says, wherever the cloud knows it."""
    await bring_about(story, account, situation)
    expected = {
        **SITUATIONS[account.reads_as.get(situation, situation)],
        **account.always,
        **({"limit": account.asked} if situation == "limited" else {}),
        **account.shows.get(situation, {}),
    }

    def shown() -> dict[str, Any]:
        states = {
            column: (
                NO_ENTITY
                if not story.entities(*entity)
                else story.number(*entity)
                if column in ("power", "offered")
                else story.state(*entity)
            )
            for column, entity in COLUMNS.items()
        }
        states["limit"] = story.number("number", account.limit)
        drawn = story.connector.power_w
        if drawn and states["power"] == pytest.approx(drawn, rel=0.03):
            states["power"] = MEASURED
        return states

    for _ in range(120):
        if shown() == expected:
            break
        await story.pass_time(10)
    assert shown() == expected
    # And stays so.
    await story.pass_time(60)
    assert shown() == expected


async def test_removed(story: Story, account: Account, cloud: Cloud) -> None:
    """A charger leaves when the cloud has lacked it for long enough, and no sooner."""
    if account.alone:
        pytest.skip("the account is the charger: it leaves with its entry")
    await story.charge()
    status = story.entity("sensor", "status")
    cloud.remove(story.connector.station)
    for minute in range(1, 16):
        if account.pushed:
            # Only a poll can tell.
            await story.entry.runtime_data.async_refresh()
        await story.pass_time(60)
        if minute < 10:
            assert story.home.states.get(status) is not None
    assert story.home.states.get(status) is None
