"""Set up and poll a large AMPECO account and watch the event loop.

Run it with `python -m benchmarks.scale`. Home Assistant runs in this process, the
simulator in another. The loop is in asyncio's debug mode, whose slow-callback log
names every callback that held it for longer than a tenth of a second. The floor is
what the same pages cost when they are only fetched and decoded.
"""

import argparse
import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
import gc
import logging
import sys
from time import perf_counter
from typing import Any, override
from unittest.mock import patch

from aiohttp import ClientSession
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
)

import custom_components.ev_charger_cloud  # noqa: F401  (before an empty namesake)
from custom_components.ev_charger_cloud.const import DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er, frame
from homeassistant.helpers.entity import Entity
from homeassistant.setup import async_setup_component

SLOW = 0.1
POLLS = 5
PAGES = (
    "/public-api/resources/charge-points/v2.0",
    "/public-api/resources/evses/v2.1",
)


class SlowCallbacks(logging.Handler):
    """Collects asyncio's complaints, those due to the garbage collector apart."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.found: list[str] = []
        self.swept: list[float] = []
        self._pauses: list[tuple[float, float]] = []
        self._begun = 0.0
        gc.callbacks.append(self._sweep)

    def _sweep(self, phase: str, _: dict[str, int]) -> None:
        """Note how long the garbage collector stops everything."""
        now = perf_counter()
        if phase == "start":
            self._begun = now
        else:
            self._pauses.append((now, now - self._begun))

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Keep a complaint."""
        message = record.getMessage()
        if not message.startswith("Executing"):
            return
        took = float(message.rsplit(" ", 2)[1])
        begun = perf_counter() - took
        swept = sum(pause for end, pause in self._pauses if end > begun)
        if took - swept > SLOW:
            self.found.append(f"{message[:110]} … took {took} s")
        else:
            self.swept.append(took)


@asynccontextmanager
async def simulator(chargers: int) -> AsyncGenerator[dict[str, Any]]:
    """Run the simulator in a process of its own and return its address and token."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulator", "--port", "8791", "--clouds", "ampeco"),
        *("--stations", str(chargers)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    control = "http://127.0.0.1:8791/control"
    try:
        async with ClientSession() as http:
            for _ in range(100):
                with suppress(OSError):
                    await http.get(control)
                    break
                await asyncio.sleep(0.2)
            async with http.get(control) as answer:
                cloud = (await answer.json())["clouds"]["ampeco"]
            # The floor below is measured faster than an account may ask.
            quirks = {"rate_limit": 100_000}
            await http.post(f"{control}/clouds/ampeco/quirks", json=quirks)
        yield {
            "control": control,
            "base_url": cloud["base_url"],
            **cloud["credentials"],
        }
    finally:
        process.terminate()
        await process.wait()


async def requests(account: dict[str, Any]) -> int:
    """Return how many requests the simulator has served, and begin to count anew."""
    address = f"{account['control']}/clouds/ampeco/requests"
    async with ClientSession() as http:
        async with http.get(address) as answer:
            count = sum((await answer.json())["requests"].values())
        await http.delete(address)
    return int(count)


async def floor(account: dict[str, Any]) -> float:
    """Return how long (s) it takes to fetch and decode the pages, and no more."""
    headers = {"Authorization": f"Bearer {account['token']}"}
    begun = perf_counter()
    async with ClientSession(headers=headers) as http:
        for page in PAGES:
            cursor = "null"
            while cursor:
                address = f"{account['base_url']}{page}?per_page=100&cursor={cursor}"
                async with http.get(address) as answer:
                    body = await answer.json()
                cursor = body["meta"]["next_cursor"]
    return perf_counter() - begun


def print_slow(slow: SlowCallbacks) -> None:
    """Print what held the loop for long since the last time."""
    print(f"  callbacks > 100 ms   {len(slow.found):>8}")
    if slow.swept:
        pauses = ", ".join(f"{took:.3f} s" for took in slow.swept)
        print(f"    more for Python's garbage collector alone: {pauses}")
    for message in slow.found:
        print(f"    {message}")
    slow.found.clear()
    slow.swept.clear()


async def measure(home: HomeAssistant, account: dict[str, Any]) -> None:
    """Set up the account, poll it, and print the figures."""
    slow = SlowCallbacks()
    write = Entity.async_write_ha_state
    logging.getLogger("asyncio").addHandler(slow)
    loop = asyncio.get_running_loop()
    loop.slow_callback_duration = SLOW
    entry = MockConfigEntry(
        domain=DOMAIN,
        unique_id="ampeco_benchmark",
        data={
            "provider": "ampeco",
            "base_url": account["base_url"],
            "token": account["token"],
        },
        options={"all_chargers": True},
    )
    entry.add_to_hass(home)
    await requests(account)
    # What Home Assistant and its test harness hold is not this account's to sweep.
    gc.collect()
    gc.freeze()
    await asyncio.sleep(0)
    loop.set_debug(True)
    begun = perf_counter()
    await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    took = perf_counter() - begun
    if entry.state is not ConfigEntryState.LOADED:
        raise SystemExit(f"set-up failed: {entry.reason}")
    registries = er.async_get(home), dr.async_get(home)
    entities = er.async_entries_for_config_entry(registries[0], entry.entry_id)
    devices = dr.async_entries_for_config_entry(registries[1], entry.entry_id)
    children = dr.async_child_entries_for_config_entry(registries[1], entry.entry_id)
    print(f"devices                {len(devices) + len(children):>8}")
    print(f"entities               {len(entities):>8}")
    print(f"states                 {len(home.states.async_all()):>8}")
    print(f"set-up                 {took:>8.1f} s")
    print(f"  requests             {await requests(account):>8}")
    print_slow(slow)

    coordinator = entry.runtime_data
    times = []
    with patch.object(
        Entity, "async_write_ha_state", autospec=True, side_effect=write
    ) as writes:
        for _ in range(POLLS):
            begun = perf_counter()
            await coordinator.async_refresh()
            times.append(perf_counter() - begun)
    asked = await requests(account)
    ground = min([await floor(account) for _ in range(3)])
    median = sorted(times)[len(times) // 2]
    print(f"poll, median of {POLLS}      {median:>8.3f} s")
    print(f"  of the floor         {median / ground:>8.2f}   ({ground:.3f} s)")
    print(f"  requests per poll    {asked / POLLS:>8.1f}")
    print(f"  state writes         {writes.call_count:>8}")
    print_slow(slow)
    await home.config_entries.async_unload(entry.entry_id)
    loop.set_debug(False)


async def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chargers", type=int, default=1000)
    chargers = parser.parse_args().chargers
    async with simulator(chargers) as account, async_test_home_assistant() as home:
        home.data.pop("custom_components", None)
        frame.async_setup(home)
        await async_setup_component(home, "network", {})
        await measure(home, account)
        await home.async_stop(force=True)


if __name__ == "__main__":
    asyncio.run(main())
