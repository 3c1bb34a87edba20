"""Secrets and personal data planted in clouds and settings, and searched everywhere.

Run it with `python -m reliability.planted_secrets`. Home Assistant runs in a process of
its own, as `scripts/demo --check` starts it, and logs all that this integration says.
Clouds repeat in errors whatever they were sent. Then the log, states, registries,
diagnostics, repairs, events, reasons and all files are searched.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
import json
from pathlib import Path
import re
import shutil
import sys
from tempfile import mkdtemp
import time
from typing import Any

from demo import accounts
from demo.chargers import LIMITS, Charger, chargers_of
from demo.errors import DemoError
from demo.home import Home
from demo.process import DOMAIN, LOG, free_port, prepare, running
from simulator.server import Simulator
from simulator.world import Car

from .faults import FAULTS
from .planting import REGISTERED, SHOWN, TYPED_IN, Kind, Place, Planted
from .proxy import EVERY_CLOUD, FaultProxy

_LOGGED = """
diagnostics:
repairs:
system_log:
logger:
  default: info
  logs:
    custom_components.ev_charger_cloud: debug
"""

_RECORD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
ECHOES = tuple(fault for fault in FAULTS if "repeats" in fault.name)

# What Home Assistant itself keeps of users' doing, and whether names belong there.
_FILES: Mapping[str, frozenset[Kind]] = {
    "core.config_entries": TYPED_IN,
    "core.device_registry": REGISTERED,
    "core.entity_registry": REGISTERED,
    "core.area_registry": SHOWN,
    "core.restore_state": SHOWN,
    "repairs.issue_registry": SHOWN,
}


class Search:
    """A running Home Assistant with planted accounts, and what it says."""

    def __init__(self, home: Home, proxy: FaultProxy, planted: Planted) -> None:
        """Begin with nothing said."""
        self._home = home
        self._proxy = proxy
        self._planted = planted
        self.said: list[Place] = []

    async def live(self, chargers: Iterable[Charger], providers: Sequence[str]) -> None:
        """Use all chargers, honestly answered and then with echoes."""
        first = {
            each.provider: each for each in reversed(list(chargers)) if _able(each)
        }
        await self._each(self._use, first.values())
        self._proxy.at_fault = EVERY_CLOUD
        for echo in ECHOES:
            self._proxy.spoil = echo
            await self._each(self._use, first.values())
            await self._each(self._flow, providers)
        # An outage from the start on, for the reasons of entries.
        await self._reload()
        await self.look("after an outage at the start")
        self._proxy.spoil = None
        await self._reload()

    async def _each[T](
        self, work: Callable[[T], Awaitable[None]], subjects: Iterable[T]
    ) -> None:
        """Do something for all clouds at once, each at its own pace."""
        await asyncio.gather(*map(work, subjects))

    async def _reload(self) -> None:
        """Reload all accounts."""
        for entry in await self._home.command("config_entries/get", domain=DOMAIN):
            address = f"/api/config/config_entries/entry/{entry['entry_id']}/reload"
            await self._home.request("POST", address)

    async def _use(self, charger: Charger) -> None:
        """Use what a charger offers; keep what goes wrong."""
        acts: list[tuple[str, str, dict[str, Any]]] = []
        if status := charger.entity("sensor", "status"):
            acts.append(("homeassistant.update_entity", status.id, {}))
        if switch := charger.entity("switch", "charging"):
            acts.append(("switch.turn_off", switch.id, {}))
        if limit := charger.entity("number", *LIMITS):
            state = self._home.states.get(limit.id)
            if state is not None and "min" in state.attributes:
                value = {"value": state.attributes["min"]}
                acts.append(("number.set_value", limit.id, value))
        for action, entity_id, data in acts:
            try:
                async with asyncio.timeout(20):
                    await self._home.act(action, entity_id, **data)
            except DemoError as err:
                self.said.append(Place(f"error of {action}", str(err), SHOWN))
            except TimeoutError:
                continue  # it waits for its turn at a slow cloud

    async def _flow(self, provider: str) -> None:
        """Add another account, and keep what is said of it."""
        with suppress(DemoError):
            flow = await self._home.request("POST", _FLOW, {"handler": DOMAIN})
            address = f"{_FLOW}/{flow['flow_id']}"
            flow = await self._home.request("POST", address, {"next_step_id": provider})
            settings = self._planted.settings(
                provider, {"base_url": f"{self._proxy.url}/{provider}"}
            )
            known = {**dict.fromkeys(_FIELDS, "typed-in"), **settings}
            answer = accounts.filled(flow["data_schema"], known)
            flow = await self._home.request("POST", address, answer)
            kept = frozenset({Kind.NAME, Kind.SERIAL})
            self.said.append(Place("a flow", json.dumps(flow), kept))
            await self._home.request("DELETE", address)

    async def look(self, when: str) -> None:
        """Look at everything that can be seen now."""
        home, say = self._home, self._say
        for entry in await home.command("config_entries/get", domain=DOMAIN):
            say(f"entry {when}", entry, SHOWN)
        say(f"repairs {when}", await home.command("repairs/list_issues"), SHOWN)
        say(f"system log {when}", await home.command("system_log/list"), SHOWN)
        flows = await home.command("config_entries/flow/progress")
        say(f"flows in progress {when}", flows, SHOWN)

    async def collect(self) -> None:
        """Look at all that Home Assistant shows in the end."""
        home, say = self._home, self._say
        await self.look("in the end")
        say("states", await home.command("get_states"), SHOWN)
        devices = await home.command("config/device_registry/list")
        say("device registry", devices, REGISTERED)
        entities = await home.command("config/entity_registry/list")
        say("entity registry", entities, SHOWN)
        say("areas", await home.command("config/area_registry/list"), SHOWN)
        for entry in await home.command("config_entries/get", domain=DOMAIN):
            address = f"/api/diagnostics/config_entry/{entry['entry_id']}"
            told = await home.request("GET", address)
            say(f"diagnostics of {entry['title']}", told["data"])
            for device in devices:
                if entry["entry_id"] in device.get("config_entries", ()):
                    told = await home.request("GET", f"{address}/device/{device['id']}")
                    say(f"diagnostics of a device, {entry['title']}", told["data"])

    def _say(
        self, name: str, told: object, allowed: frozenset[Kind] = frozenset()
    ) -> None:
        """Keep what was said."""
        self.said.append(Place(name, json.dumps(told), allowed))


def _able(charger: Charger) -> bool:
    """Return whether a charger can be switched."""
    return charger.entity("switch", "charging") is not None


_FLOW = "/api/config/config_entries/flow"
_FIELDS = (
    *("api_key", "client_id", "client_secret", "edge_device_id", "evse_id"),
    *("org_id", "token", "user_id"),
)


def files(folder: Path) -> list[Place]:
    """Return all that is on the disk in the end."""
    places = []
    log = (folder / LOG).read_text(errors="replace")
    places.append(Place("our log", "\n".join(_our_records(log))))
    # Other integrations may name what they show.
    places.append(Place("log", log, SHOWN))
    for path in sorted((folder / ".storage").iterdir()):
        allowed = _FILES.get(path.name, frozenset())
        places.append(Place(path.name, path.read_text(errors="replace"), allowed))
    for path in sorted(folder.glob("*.db*")):
        text = path.read_bytes().decode("latin-1")
        places.append(Place(path.name, text, SHOWN))
    return places


def _our_records(log: str) -> Iterator[str]:
    """Yield the lines that are ours, tracebacks included."""
    ours = False
    for line in log.splitlines():
        if _RECORD.match(line):
            ours = "[custom_components.ev_charger_cloud" in line
        if ours:
            yield line


async def search(
    providers: Sequence[str], folder: Path, tell: Callable[[str], None]
) -> tuple[Planted, list[Place]]:
    """Run everything and return what was planted, and where to search."""
    planted = Planted()
    port = free_port()
    prepare(folder, port)
    configuration = folder / "configuration.yaml"
    kept = configuration.read_text().split("logger:")[0]
    configuration.write_text(kept + _LOGGED)
    async with (
        Simulator() as simulator,
        FaultProxy(simulator, planted) as proxy,
        running(folder, port) as url,
        Home.entered(url) as home,
    ):
        for provider in providers:
            cloud = simulator[provider]
            cloud.quirks.update(accounts.QUIRKS.get(provider, {}))
            station = next(iter(cloud.stations.values()))
            station.connectors[0].plug_in(Car(soc=0.2, max_current=16.0, phases=3))
            settings = {"base_url": cloud.base_url, **cloud.credentials}
            await accounts.add(home, provider, planted.settings(provider, settings))
            tell(f"{provider} added")
        finder = Search(home, proxy, planted)
        await finder.live(await chargers_of(home, providers), providers)
        tell("used")
        await finder.collect()
        tell("collected")
    return planted, finder.said + files(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Plant, search, and print what was found."""
    parser = argparse.ArgumentParser(
        prog="python -m reliability.planted_secrets", description=__doc__
    )
    parser.add_argument(
        "--clouds", default="amps,ampeco,clemap,plugchoice,podero", metavar="A,B"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    options = parser.parse_args(arguments)
    folder = Path(mkdtemp(prefix="ev-charger-cloud-"))
    begun = time.perf_counter()

    def tell(what: str) -> None:
        print(f"{time.perf_counter() - begun:6.1f} s  {what}", flush=True)

    try:
        planted, places = asyncio.run(search(options.clouds.split(","), folder, tell))
    finally:
        if options.keep:
            print(f"Kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    for kind in Kind:
        count = list(planted.markers.values()).count(kind)
        print(f"{kind:8} {count:4} planted")
    searched = sum(len(place.text) for place in places)
    print(f"{len(places)} places searched, {searched / 1e6:.1f} MB.")
    found = list(dict.fromkeys(planted.found(places)))
    for what in found:
        print(f"✗ {what}")
    if not found:
        print("✓ Nothing is where it does not belong.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
