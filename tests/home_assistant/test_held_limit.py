"""A limit that Home Assistant holds at CLEMAP, through reloads, kills and troubles.

Told by Home Assistant's states and services; the simulated hardware is the judge.
"""

import asyncio
from collections.abc import AsyncGenerator
from copy import deepcopy
from typing import Any, override

from aiohttp import web
from aiohttp.typedefs import Handler
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.ev_charger_cloud.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from simulator.clouds.clemap import Clemap
from simulator.faults import Fault
from simulator.server import Simulator

SETTINGS = "/currentsettings$"


class Gated(Clemap):
    """A cloud that can keep requests of some method waiting for their answer."""

    kept: str | None = None

    @override
    async def dispatch(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Wait with what is kept, then go on."""
        if request.method == self.kept:
            self.waiting.set()
            await self.gate.wait()
        return await super().dispatch(request, handler)

    def keep(self, method: str) -> None:
        """Keep requests of a method waiting from now on."""
        self.kept, self.gate, self.waiting = method, asyncio.Event(), asyncio.Event()

    def let_go(self) -> None:
        """Answer what waits."""
        self.kept = None
        self.gate.set()


class House:
    """A station behind a load management, and Home Assistant's view of it."""

    def __init__(
        self, home: HomeAssistant, freezer: FrozenDateTimeFactory, cloud: Gated
    ) -> None:
        """Prepare the account."""
        self.home = home
        self.freezer = freezer
        self.cloud = cloud
        self.station = cloud.stations["clemap-garage"]
        self.entry = MockConfigEntry(
            domain=DOMAIN,
            title="CLEMAP",
            unique_id="clemap_garage",
            data={
                "provider": "clemap",
                "base_url": cloud.base_url,
                **cloud.credentials,
            },
            options={"all_chargers": True, "allow_pause": True},
        )
        self.entry.add_to_hass(home)

    async def set_up(self) -> None:
        """Set the account up."""
        assert await self.home.config_entries.async_setup(self.entry.entry_id)
        await self.home.async_block_till_done()

    def entity(self, domain: str, key: str) -> str:
        """Return an entity of the station."""
        (found,) = (
            entity.entity_id
            for entity in er.async_entries_for_config_entry(
                er.async_get(self.home), self.entry.entry_id
            )
            if (entity.domain, entity.translation_key) == (domain, key)
        )
        return found

    def state(self, domain: str, key: str) -> str:
        """Return the state of an entity of the station."""
        return self.home.states.get(self.entity(domain, key)).state

    @property
    def device_id(self) -> str:
        """Return the station's id in the device registry."""
        entity = er.async_get(self.home).async_get(
            self.entity("number", "charging_current")
        )
        assert entity
        assert entity.device_id
        return entity.device_id

    async def limit(self, amps: float) -> None:
        """Move the slider."""
        await self.call("number", "set_value", "charging_current", value=amps)

    async def call(self, domain: str, service: str, key: str, **fields: Any) -> None:
        """Call a service of an entity of the station."""
        await self.home.services.async_call(
            domain,
            service,
            {"entity_id": self.entity(domain, key), **fields},
            blocking=True,
        )

    async def pass_time(self, seconds: float) -> None:
        """Let time pass in steps, in the world and in Home Assistant."""
        for _ in range(round(seconds / 30)):
            self.freezer.tick(30)
            self.cloud.world.settle()
            async_fire_time_changed(self.home)
            await self.home.async_block_till_done(wait_background_tasks=True)

    @property
    def target(self) -> int | None:
        """Return what the station holds to."""
        target = self.cloud.evses[self.station.id].target
        return target.current if target else None

    @property
    def issues(self) -> list[str]:
        """Return what a user is asked to look at."""
        found = ir.async_get(self.home).issues.values()
        return [str(issue.translation_key) for issue in found]


@pytest.fixture
async def house(
    home: HomeAssistant, freezer: FrozenDateTimeFactory
) -> AsyncGenerator[House]:
    """Set the account up."""
    async with Simulator([Gated]) as simulator:
        cloud = simulator["clemap"]
        assert isinstance(cloud, Gated)
        house = House(home, freezer, cloud)
        await house.set_up()
        yield house
        await home.config_entries.async_unload(house.entry.entry_id)


async def test_reload_while_a_limit_is_being_set(house: House) -> None:
    """It is held on; no task is left behind."""
    house.cloud.keep("POST")
    setting = asyncio.create_task(house.limit(10))
    await house.cloud.waiting.wait()
    reload = asyncio.create_task(
        house.home.config_entries.async_reload(house.entry.entry_id)
    )
    for _ in range(50):
        await asyncio.sleep(0)
    house.cloud.let_go()
    assert await reload
    await setting
    assert house.target == 10
    await house.pass_time(60)
    assert float(house.state("number", "charging_current")) == 10
    await house.pass_time(1200)
    assert house.target == 10
    assert house.issues == []


async def test_kill_right_after_setting_a_limit(
    house: House, hass_storage: dict[str, Any]
) -> None:
    """The next run knows it for its own, and renews it."""
    await house.limit(12)
    await house.pass_time(60)
    house.cloud.faults.add(Fault(path=SETTINGS, method="GET", times=None))
    await house.limit(10)
    key = f"{DOMAIN}.{house.entry.entry_id}"
    left_behind = deepcopy(hass_storage[key])
    await house.home.config_entries.async_unload(house.entry.entry_id)
    house.cloud.faults.clear()
    hass_storage[key] = left_behind
    await house.set_up()
    await house.pass_time(1200)
    assert house.target == 10
    assert float(house.state("number", "charging_current")) == 10
    assert house.issues == []


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("error", "refused_faulted"),
        ("offline", "refused_offline"),
        ("cloud_offline", "refused_offline"),
        ("init", "refused_inoperative"),
    ],
)
@pytest.mark.parametrize("action", ["set_charging_limit", "start_charging"])
async def test_what_cannot_take_effect_is_refused_with_the_reason(
    house: House, word: str, told: str, action: str
) -> None:
    """The cloud would say that it has received it."""
    house.cloud.quirks.update(status=word, takes_anything=True)
    await house.pass_time(60)
    with pytest.raises(HomeAssistantError) as caught:
        await house.home.services.async_call(
            DOMAIN,
            action,
            {
                "device_id": house.device_id,
                **({"current": 10} if action == "set_charging_limit" else {}),
            },
            blocking=True,
        )
    assert caught.value.translation_key == told
    assert {method for method, _ in house.cloud.requests} == {"GET"}


@pytest.mark.parametrize(
    "quirk", [{"clock_ahead": 86_400}, {"time": "9999-12-31T23:59:59Z"}]
)
async def test_ten_minutes_are_ten_minutes(house: House, quirk: dict[str, Any]) -> None:
    """Whatever the clock of the cloud says."""
    house.cloud.quirks.update(quirk)
    await house.home.services.async_call(
        DOMAIN,
        "set_charging_limit",
        {
            "device_id": house.device_id,
            "current": 10,
            "duration": {"minutes": 10},
        },
        blocking=True,
    )
    await house.pass_time(540)
    assert house.target == 10
    assert float(house.state("number", "charging_current")) == 10
    await house.pass_time(120)
    assert house.target is None
    assert house.state("number", "charging_current") == "unknown"
    assert house.entry.runtime_data.last_update_success


async def test_numbers_that_are_no_limit(house: House) -> None:
    """An id in an answer that nobody knows is not shown as amperes."""
    house.cloud.faults.add(
        Fault(status=200, body={"id": 4711}, path=SETTINGS, method="GET", times=None)
    )
    await house.pass_time(120)
    assert house.state("number", "charging_current") == "unknown"


async def test_stop_leaves_at_once(house: House) -> None:
    """Neither a limit that is watched nor a poll that waits holds it back."""
    house.station.connectors[0].plug_in()
    await house.pass_time(60)
    house.cloud.quirks["shown_seconds"] = 20
    await house.limit(10)
    house.cloud.keep("GET")
    polling = asyncio.create_task(house.entry.runtime_data.async_refresh())
    await house.cloud.waiting.wait()
    stopping = asyncio.create_task(house.call("switch", "turn_off", "charging"))
    while house.target != 0:
        await asyncio.sleep(0)
    assert not polling.done()
    house.cloud.let_go()
    await asyncio.gather(polling, stopping)
    await house.pass_time(60)
    assert house.state("switch", "charging") == "off"
    assert house.issues == []
