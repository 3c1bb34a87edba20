"""Home Assistant killed at random moments around commands and held limits.

Run it with `python -m reliability.kill`. The process is the real one, ended by SIGKILL.
After each restart nothing may be held at the station that was not asked for, what was
acknowledged must hold, and no cloud may be sent anything that nobody asked for again.
"""

import argparse
import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
import os
from pathlib import Path
import random
import shutil
import signal
import sys
from tempfile import mkdtemp
import time

import aiohttp

from demo import accounts
from demo.chargers import Charger, chargers_of
from demo.errors import DemoError
from demo.home import Home
from demo.process import free_port, prepare, running
from simulator.clouds.clemap import Clemap
from simulator.server import Simulator
from simulator.world import Car

from .asked import Asked, Wish, held, wish
from .proxy import FaultProxy

PROVIDERS = ("clemap", "plugchoice", "podero")
_BUILT_UP = 90.0  # s until all is as it should be, on a slow machine
_STAYS = 8.0  # s for which it must stay so
_MOMENTS = (0.02, 0.1, 0.5, 2.5)  # s within which the kill comes


class KillError(Exception):
    """What must not be."""


@asynccontextmanager
async def _alive(folder: Path, port: int) -> AsyncGenerator[tuple[Home, int]]:
    """Run Home Assistant; yield its owner and its process, which may be killed."""
    before = _children()
    async with running(folder, port) as url:
        (pid,) = _children() - before
        async with AsyncExitStack() as stack:
            home = await stack.enter_async_context(Home.entered(url))
            yield home, pid
            # Whoever was killed does not say goodbye.
            with suppress(aiohttp.ClientError, OSError):
                await stack.aclose()


def _children() -> set[int]:
    """Return the processes that this one started."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            found |= set(map(int, (task / "children").read_text().split()))
    return found


class Trial:
    """A folder of Home Assistant and its clouds, through many kills."""

    def __init__(self, folder: Path, seed: int, tell: Callable[[str], None]) -> None:
        """Begin with nothing asked."""
        self._folder = folder
        self._random = random.Random(seed)
        self._tell = tell
        self.asked = {Asked()}
        self.acknowledged = 0
        self.problems: list[str] = []

    async def run(self, rounds: int) -> None:
        """Start, ask, kill and look, so many times."""
        port = free_port()
        prepare(self._folder, port)
        async with Simulator() as simulator, FaultProxy(simulator) as proxy:
            cloud = simulator["clemap"]
            if not isinstance(cloud, Clemap):
                raise KillError("no such cloud")
            for provider in PROVIDERS:
                simulator[provider].quirks.update(accounts.QUIRKS.get(provider, {}))
                station = next(iter(simulator[provider].stations.values()))
                station.connectors[0].plug_in(Car(capacity_wh=1e9, soc=0.1))
            async with _alive(self._folder, port) as (home, _):
                for provider in PROVIDERS:
                    settings = simulator[provider].credentials
                    known = {"base_url": simulator[provider].base_url, **settings}
                    await accounts.add(home, provider, known)
            for number in range(rounds + 1):
                proxy.exchanges.clear()
                async with _alive(self._folder, port) as (home, pid):
                    await self._look(home, cloud, proxy, number)
                    if number < rounds:
                        await self._ask_and_kill(home, pid, number)

    async def _look(
        self, home: Home, cloud: Clemap, proxy: FaultProxy, number: int
    ) -> None:
        """Look whether what holds is what was asked for, and stays so."""
        targets = {asked.target for asked in self.asked}
        end = time.monotonic() + _BUILT_UP
        chargers = await chargers_of(home, PROVIDERS)
        switch = _entity(chargers, "switch", "charging")
        while time.monotonic() < end:
            state = home.states.get(switch)
            if held(cloud) in targets and state is not None and state.known:
                break
            await asyncio.sleep(0.2)
        else:
            self._problem(number, f"holds {held(cloud)} A, asked was {self.asked}")
        settled = held(cloud)
        for _ in range(int(_STAYS / 0.2)):
            await asyncio.sleep(0.2)
            if held(cloud) not in targets:
                self._problem(number, f"after {settled} A now {held(cloud)} A")
                break
        self.asked = {each for each in self.asked if each.target == held(cloud)} or {
            Asked(held(cloud))
        }
        for exchange in proxy.exchanges:
            if exchange.changes and exchange.cloud != "clemap":
                self._problem(number, f"sent by itself: {exchange.identity[:2]}")

    async def _ask_and_kill(self, home: Home, pid: int, number: int) -> None:
        """Ask for something, and kill at some moment around it."""
        asked = next(iter(self.asked))
        wanted = wish(self._random, asked)
        chargers = await chargers_of(home, PROVIDERS)
        asking = [asyncio.create_task(self._ask(home, chargers, wanted))]
        # The other clouds hold by themselves what they are sent.
        asking += [
            asyncio.create_task(_switch(home, chargers, provider, self._random))
            for provider in PROVIDERS[1:]
        ]
        moment = self._random.uniform(0, self._random.choice(_MOMENTS))
        await asyncio.sleep(moment)
        answered = asking[0].done() and not asking[0].exception()
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.1)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        self.acknowledged += answered
        after = wanted.after(asked)
        self.asked = {after} if answered else {asked, after}
        self._tell(
            f"{number:3} killed {moment:.2f} s after {wanted.action}"
            f" {'' if wanted.value is None else wanted.value}"
            f" {'acknowledged' if answered else 'not acknowledged'}"
        )

    async def _ask(self, home: Home, chargers: Sequence[Charger], wanted: Wish) -> None:
        """Ask for something at the station."""
        if wanted.value is None:
            switch = _entity(chargers, "switch", "charging")
            await home.act(wanted.action, switch)
        else:
            limit = _entity(chargers, "number", "charging_current")
            await home.act(wanted.action, limit, value=wanted.value)

    def _problem(self, number: int, what: str) -> None:
        """Note a problem."""
        self.problems.append(f"round {number}: {what}")


def _entity(
    chargers: Sequence[Charger], domain: str, key: str, provider: str = "clemap"
) -> str:
    """Return an entity of a cloud's first charger that has one."""
    for charger in chargers:
        if charger.provider == provider and (entity := charger.entity(domain, key)):
            return entity.id
    raise KillError(f"{provider} has no {domain} {key}")


async def _switch(
    home: Home, chargers: Sequence[Charger], provider: str, rng: random.Random
) -> None:
    """Switch charging at a cloud."""
    switch = _entity(chargers, "switch", "charging", provider)
    with suppress(DemoError):
        await home.act(f"switch.turn_{rng.choice(('on', 'off'))}", switch)


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m reliability.kill", description=__doc__
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    folder = Path(mkdtemp(prefix="ev-charger-cloud-"))
    begun = time.perf_counter()

    def tell(what: str) -> None:
        print(f"{time.perf_counter() - begun:6.1f} s  {what}", flush=True)

    trial = Trial(folder, options.seed, tell)
    try:
        asyncio.run(trial.run(options.rounds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{options.rounds} kills, {trial.acknowledged} after the acknowledgement.")
    for problem in trial.problems:
        print(f"✗ {problem}")
    if not trial.problems:
        print("✓ Nothing held that was not asked for, and nothing acknowledged lost.")
    return 1 if trial.problems else 0


if __name__ == "__main__":
    sys.exit(main())
