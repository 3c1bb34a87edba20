"""Long walks leave the event loop to others; in counts, not in milliseconds."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

import pytest

from custom_components.ev_charger_cloud import entity, loop_share
from custom_components.ev_charger_cloud.charging import Reading
from custom_components.ev_charger_cloud.entity import ChargerEntity
from custom_components.ev_charger_cloud.loop_share import LoopShare
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceRegistry

from .devices import SetUp, charger
from .fake_provider import FakeProvider

CHARGERS = 30


@asynccontextmanager
async def counted(kind: type, *methods: str) -> AsyncGenerator[dict[str, Counter[int]]]:
    """Count how often methods are called in each turn of the event loop."""
    turn = 0

    async def turns() -> None:
        nonlocal turn
        while True:
            await asyncio.sleep(0)
            turn += 1

    def noting(method: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def note(*args: Any, **kwargs: Any) -> Any:
            counts[method][turn] += 1
            return real(*args, **kwargs)

        return note

    counts: dict[str, Counter[int]] = {method: Counter() for method in methods}
    with pytest.MonkeyPatch.context() as patched:
        for method in methods:
            patched.setattr(kind, method, noting(method, getattr(kind, method)))
        counting = asyncio.create_task(turns())
        yield counts
        counting.cancel()


@pytest.fixture
def tiny(fake: type[FakeProvider]) -> None:
    """Have an account of which one step uses up the share."""
    fake.fleet = {f"c{n}": charger(f"c{n}") for n in range(CHARGERS)}
    with patch.object(loop_share, "_SHARE", 0):
        yield


async def test_walks_share_a_turn() -> None:
    """Two walks at once take no more of a turn than one, and none goes ahead."""
    share = LoopShare()
    steps: list[tuple[int, str]] = []
    turn = 0

    async def walk(name: str) -> None:
        for _ in range(4):
            await share.turn()
            steps.append((turn, name))

    with patch.object(loop_share, "_SHARE", 0):
        walks = [asyncio.create_task(walk(name)) for name in "ab"]
        while not all(each.done() for each in walks):
            await asyncio.sleep(0)
            turn += 1
    assert max(Counter(at for at, _ in steps).values()) == 1
    order = "".join(name for _, name in steps)
    assert "aaa" not in order
    assert "bbb" not in order


async def test_a_short_walk_never_waits() -> None:
    share = LoopShare()
    for _ in range(100):
        with pytest.raises(StopIteration):
            share.turn().send(None)


async def test_one_that_is_cancelled_leaves_the_others_alone() -> None:
    share = LoopShare()
    with patch.object(loop_share, "_SHARE", 0):
        tasks = [asyncio.create_task(share.turn()) for _ in range(4)]
        await asyncio.sleep(0)
        assert tasks[0].done()
        tasks[1].cancel()
        await tasks[2]
        await tasks[3]
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]


async def test_set_up(home: HomeAssistant, tiny: None, set_up: SetUp) -> None:
    """Devices are registered, and entities added, a few at a time on all platforms."""
    async with (
        counted(DeviceRegistry, "async_get_or_create") as registered,
        counted(ChargerEntity, "async_added_to_hass") as added,
    ):
        entry = await set_up()
    assert sum(registered["async_get_or_create"].values()) == CHARGERS
    assert max(registered["async_get_or_create"].values()) == 1
    assert sum(added["async_added_to_hass"].values()) > 4 * CHARGERS
    # A batch is full when it reaches that many, with the last charger's on top.
    assert max(added["async_added_to_hass"].values()) < 3 * entity._TOGETHER
    assert len(entry.runtime_data.data) == CHARGERS


async def test_poll(
    home: HomeAssistant, tiny: None, fake: type[FakeProvider], set_up: SetUp
) -> None:
    """Entities are woken a few at a time when all chargers change at once."""
    entry = await set_up()
    for number in range(CHARGERS):
        fake.set_reading(f"c{number}", Reading.POWER, 11_000.0)
    async with counted(ChargerEntity, "_take") as woken:
        await entry.runtime_data.async_refresh()
        await home.async_block_till_done()
    counts = woken["_take"]
    assert sum(counts.values()) >= CHARGERS
    assert max(counts.values()) <= 16


async def test_unload(home: HomeAssistant, tiny: None, set_up: SetUp) -> None:
    """Entities are removed a few at a time, on all platforms together."""
    entry = await set_up()
    async with counted(ChargerEntity, "async_internal_will_remove_from_hass") as gone:
        await home.config_entries.async_unload(entry.entry_id)
    counts = gone["async_internal_will_remove_from_hass"]
    assert sum(counts.values()) > 4 * CHARGERS
    # The first of each platform begins before it waits.
    assert max(counts.values()) <= 8
