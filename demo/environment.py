"""Everything that runs: simulated clouds, Home Assistant, one account at each."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

import aiohttp

from simulator.server import Simulator

from . import accounts
from .chargers import Charger, chargers_of
from .errors import DemoError
from .hardware import World
from .home import Home
from .process import DOMAIN, move_accounts, prepare, running

type Report = Callable[..., None]

PAST_DAYS = 92
"""For how long the demo's chargers have charged already: three months."""

_MEMORY = "simulator.json"


@dataclass(frozen=True, slots=True)
class Environment:
    """A Home Assistant with chargers in it, and the world that they stand in."""

    home: Home
    world: World
    providers: Sequence[str]
    clouds: Mapping[str, Any]
    chargers: Sequence[Charger]


@asynccontextmanager
async def running_environment(
    folder: Path,
    port: int,
    simulator_port: int,
    wanted: Sequence[str] | None,
    report: Report,
    simulator: Simulator | None = None,
) -> AsyncIterator[Environment]:
    """Start everything and add the accounts; take it all down in the end.

    The simulator is one that is not started yet, by default with the demo's chargers.
    """
    simulator = simulator or Simulator(
        past_days=PAST_DAYS, remembered=_remembered(folder)
    )
    await simulator.start(port=simulator_port)
    try:
        prepare(folder, port)
        move_accounts(folder, simulator.url)
        report("simulator", "started", simulator.url)
        async with (
            running(folder, port) as url,
            Home.entered(url) as home,
            aiohttp.ClientSession() as http,
        ):
            report("Home Assistant", "started", url)
            await _remove_broken(home)
            # Where clouds in this house call back.
            await home.command("config/core/update", internal_url=url)
            world = World(http, simulator.url)
            clouds = await world.clouds()
            providers = _chosen(await accounts.providers(home), wanted)
            if missing := [name for name in providers if name not in clouds]:
                raise DemoError(f"Nobody simulates {', '.join(missing)}.")
            for provider in providers:
                if quirks := accounts.QUIRKS.get(provider):
                    await world.change(provider, quirks)
            async with asyncio.TaskGroup() as group:
                for provider in providers:
                    group.create_task(_add(home, provider, clouds[provider], report))
            chargers = await chargers_of(home, providers)
            try:
                yield Environment(home, world, providers, clouds, chargers)
            finally:
                _remember(folder, simulator)
    finally:
        await simulator.stop()


async def _remove_broken(home: Home) -> None:
    """Take away what the onboarding added and what needs packages or the internet."""
    for entry in await home.command("config_entries/get"):
        if entry["state"] == "setup_error" and entry["domain"] != DOMAIN:
            path = f"/api/config/config_entries/entry/{entry['entry_id']}"
            await home.request("DELETE", path)


def _remember(folder: Path, simulator: Simulator) -> None:
    """Keep what the simulator should know in another run."""
    new = folder / f"{_MEMORY}.new"
    new.write_text(json.dumps(simulator.memory))
    new.replace(folder / _MEMORY)


def _remembered(folder: Path) -> dict[str, Any] | None:
    """Return what the simulator knew at the end of another run in this folder."""
    try:
        memory: dict[str, Any] = json.loads((folder / _MEMORY).read_text())
    except FileNotFoundError:
        return None
    return memory


def _chosen(offered: Sequence[str], wanted: Sequence[str] | None) -> Sequence[str]:
    """Return the providers wanted, all that are offered by default."""
    if unknown := set(wanted or ()).difference(offered):
        raise DemoError(
            f"No such provider: {', '.join(sorted(unknown))}."
            f" There are: {', '.join(offered) or 'none'}."
        )
    return [name for name in offered if wanted is None or name in wanted]


async def _add(
    home: Home, provider: str, cloud: Mapping[str, Any], report: Report
) -> None:
    """Add the account of a simulated cloud."""
    known = {"base_url": cloud["base_url"], **cloud["credentials"]}
    title = await accounts.add(home, provider, known)
    report(provider, *(("known", "") if title is None else ("added", title)))
