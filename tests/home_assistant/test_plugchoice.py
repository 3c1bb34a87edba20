"""Plugchoice in Home Assistant: what a start comes to, told by states and events."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from aiolimiter import AsyncLimiter
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
)

from custom_components.ev_charger_cloud.const import DOMAIN, EVENT_CHARGING
from custom_components.ev_charger_cloud.providers import transport
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import entity_registry as er
from simulator.clouds.plugchoice import Plugchoice
from simulator.server import Simulator
from simulator.world import Car

SWITCH = "switch.driveway_charging_allowed"
PLUG = "binary_sensor.driveway_vehicle_connected"
STATUS = "sensor.driveway_status"


@pytest.fixture
async def cloud(
    home: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Plugchoice]:
    """Set up an account with the demo chargers."""
    monkeypatch.setattr(
        transport, "AsyncLimiter", lambda rate, period: AsyncLimiter(1000, 1)
    )
    async with Simulator([Plugchoice]) as simulator:
        cloud = simulator["plugchoice"]
        assert isinstance(cloud, Plugchoice)
        entry = MockConfigEntry(
            domain=DOMAIN,
            unique_id="plugchoice_starts",
            data={
                "provider": "plugchoice",
                "base_url": cloud.base_url,
                **cloud.credentials,
            },
            options={"all_chargers": True},
        )
        entry.add_to_hass(home)
        assert await home.config_entries.async_setup(entry.entry_id)
        await home.async_block_till_done(wait_background_tasks=True)
        yield cloud
        await home.config_entries.async_unload(entry.entry_id)


@pytest.fixture
def events(home: HomeAssistant, cloud: Plugchoice) -> list[Event[Any]]:
    """Return what happens at chargers from now on."""
    return async_capture_events(home, EVENT_CHARGING)


async def tick(home: HomeAssistant, freezer: FrozenDateTimeFactory, s: float) -> None:
    freezer.tick(s)
    async_fire_time_changed(home)
    await home.async_block_till_done(wait_background_tasks=True)


def finished(events: list[Event[Any]]) -> list[Any]:
    return [
        (event.data["outcome"], event.data.get("reason"))
        for event in events
        if event.data["type"] == "command_finished"
    ]


async def test_start_without_a_vehicle(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    cloud: Plugchoice,
    events: list[Event[Any]],
) -> None:
    """It is sent, shows no vehicle, and ends with a reason."""
    await home.services.async_call(
        "switch", "turn_on", {"entity_id": SWITCH}, blocking=True
    )
    for seconds in (2.1, 3.1, 10.1):
        await tick(home, freezer, seconds)
        cloud.world.settle()
        assert home.states.get(PLUG).state == "off"
        assert home.states.get(STATUS).state == "disconnected"
    assert (
        cloud.stations["5f0d7a52-1111-4d0c-9a55-3f1f0f3a0001"].connector(1).authorized
    )
    await tick(home, freezer, 15.1)
    assert finished(events) == [("accepted", "not_connected")]
    assert home.states.get(SWITCH).state == "off"


async def test_start_is_followed_to_its_session(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    cloud: Plugchoice,
    events: list[Event[Any]],
) -> None:
    """Its answer tells no session; the command ends when one shows."""
    connector = cloud.stations["5f0d7a52-1111-4d0c-9a55-3f1f0f3a0001"].connector(1)
    connector.plug_in()
    entity = er.async_get(home).async_get(SWITCH)
    assert entity is not None
    cloud.requests.clear()
    answer = await home.services.async_call(
        DOMAIN,
        "start_charging",
        {"device_id": entity.device_id},
        blocking=True,
        return_response=True,
    )
    assert isinstance(answer, dict)
    assert answer["outcome"] == "accepted"
    for seconds in (2.1, 3.1):
        await tick(home, freezer, seconds)
        cloud.world.settle()
    assert ("completed", None) in finished(events)
    assert len(cloud.requests) <= 8
    assert home.states.get(SWITCH).state == "on"
    told = await home.services.async_call(
        DOMAIN,
        "get_command",
        {"device_id": entity.device_id, "action_id": answer["id"]},
        blocking=True,
        return_response=True,
    )
    assert isinstance(told, dict)
    assert connector.session is not None
    assert told["id"] == str(connector.session.id)


async def test_command_passes_the_polls_of_fifty_that_charge(
    home: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poll that is held to its pace holds back neither a stop nor its reading."""
    monkeypatch.setattr(
        transport, "AsyncLimiter", lambda rate, period: AsyncLimiter(1000, 1)
    )
    async with Simulator([Plugchoice], seed=False) as simulator:
        cloud = simulator["plugchoice"]
        cloud.populate(50)
        connectors = [each.connector(1) for each in cloud.stations.values()]
        for connector in connectors:
            connector.plug_in(Car(soc=0.2))
            connector.start("04AABBCC")
        entry = MockConfigEntry(
            domain=DOMAIN,
            unique_id="plugchoice_fifty",
            data={
                "provider": "plugchoice",
                "base_url": cloud.base_url,
                **cloud.credentials,
            },
            options={"all_chargers": True},
        )
        entry.add_to_hass(home)
        assert await home.config_entries.async_setup(entry.entry_id)
        await home.async_block_till_done(wait_background_tasks=True)
        coordinator = entry.runtime_data
        pace = AsyncLimiter(1, 3600)
        await pace.acquire()
        coordinator.provider._client._transport._lanes[False].limiter = pace
        poll = home.async_create_task(coordinator.async_refresh())
        while not pace._waiters:
            await asyncio.sleep(0)
        cloud.requests.clear()
        charger = next(iter(cloud.stations))
        switch = er.async_get(home).async_get_entity_id(
            "switch", DOMAIN, f"{coordinator.devices.unique_id(charger)}_charging"
        )
        async with asyncio.timeout(30):
            await home.services.async_call(
                "switch", "turn_off", {"entity_id": switch}, blocking=True
            )
        # It was the first to leave, and the poll waits still.
        (method, path), *later = cloud.requests
        assert (method, path.rpartition("/")[2]) == ("POST", "stop")
        assert later
        assert all(charger in path for _, path in later)
        assert not poll.done()
        poll.cancel()
        await asyncio.wait((poll,))
        await home.config_entries.async_unload(entry.entry_id)
