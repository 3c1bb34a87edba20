"""The short form of the kills: what is on the disk at that moment is all that is left."""

import asyncio
from pathlib import Path
import random
from unittest.mock import patch

from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import storage
from reliability.asked import Asked, Wish, held, wish
from reliability.faults import FAULTS
from reliability.house import House, moved_in
from simulator.clouds.clemap import Clemap

ROUNDS = 16


async def ask(house: House, entry: MockConfigEntry, wanted: Wish) -> None:
    """Ask for something, as a user does."""
    domain, service = wanted.action.split(".")
    entity = next(
        entity
        for entity in house.entities(entry)
        if entity.domain == domain
        and entity.translation_key in ("charging", "charging_current")
    )
    data = {} if wanted.value is None else {"value": wanted.value}
    await house.hass.services.async_call(
        domain, service, {"entity_id": entity.entity_id, **data}, blocking=True
    )


async def kill(house: House, entry: MockConfigEntry, store: Path) -> None:
    """Go on with what is on the disk, and send and write nothing more before."""
    left = store.read_bytes() if store.exists() else None
    untouched = next(fault for fault in FAULTS if fault.name == "status 503")

    async def write_nothing(*_: object) -> None:
        """Stand in for a disk that nobody writes to any more."""

    with (
        house.fault("clemap", untouched),
        patch.object(storage.Store, "_async_write_data", write_nothing),
    ):
        await house.hass.config_entries.async_unload(entry.entry_id)
        await house.settle()
    if left is None:
        store.unlink(missing_ok=True)
    else:
        store.parent.mkdir(parents=True, exist_ok=True)
        store.write_bytes(left)


async def test_kills(home: HomeAssistant, tmp_path: Path) -> None:
    """Nothing is held that was not asked for; nothing acknowledged is lost."""
    rng = random.Random(7)
    home.config.config_dir = str(tmp_path)
    answered = 0
    async with moved_in(home, ("clemap",)) as house:
        cloud = house.simulator["clemap"]
        assert isinstance(cloud, Clemap)
        house.plug_in("clemap")
        entry = house.add("clemap")
        store = Path(home.config.path(".storage", f"ev_charger_cloud.{entry.entry_id}"))
        await house.set_up(entry)
        possible = {Asked()}
        for _ in range(ROUNDS):
            (asked,) = possible
            wanted = wish(rng, asked)
            asking = asyncio.create_task(ask(house, entry, wanted))
            # A few milliseconds: before, while and after it is sent.
            await asyncio.sleep(rng.choice((0, 0.002, 0.005, 0.02, 0.1, 0.3, 0.6)))
            done = asking.done() and asking.exception() is None
            await kill(house, entry, store)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            answered += done
            after = wanted.after(asked)
            possible = {after} if done else {asked, after}
            await house.set_up(entry)
            assert entry.state is ConfigEntryState.LOADED
            # Long enough for a target to lapse that is not renewed.
            for _ in range(16):
                await house.pass_time(61)
            targets = {each.target for each in possible}
            assert held(cloud) in targets, (wanted, done, possible)
            possible = {next(each for each in possible if each.target == held(cloud))}
        await home.config_entries.async_remove(entry.entry_id)
    assert 3 < answered < ROUNDS - 3


def test_what_is_asked_for() -> None:
    """A limit that is set in a pause holds once it is over."""
    asked = Wish("switch.turn_off").after(Asked(limit=8))
    assert asked.target == 0
    assert Wish("number.set_value", 10).after(asked).target == 0
    assert Wish("switch.turn_on").after(asked).target == 8
