"""Every fault at every cloud, at set-up, in the flow, in polls and at a command.

Run it with `python -m reliability.fault_matrix`. Each cell is a fault that lasts for a
phase of an account's life, beside an account at another cloud. It holds when there is
no traceback, no device is removed, no command is sent twice, all is well again by itself
once the fault is over, the neighbour does not notice, and no secret is logged.
"""

import argparse
import asyncio
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Sequence,
)
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
import sys
import time

from custom_components.ev_charger_cloud.const import DOMAIN
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.data_entry_flow import FlowResultType, UnknownFlow
from homeassistant.exceptions import HomeAssistantError
from simulator.connector import Connector

from .faults import FAULTS, PERSON, Fault
from .harness import MockConfigEntry
from .house import ACCOUNTS, House, house

PHASES = ("set-up", "flow", "poll", "command")

# s until it is well again: what is read once a day takes that long.
_STEPS = (*(5, 30, 60, 120, 300, 300, 700, 900), *(1800, 3600, 3700, 90_000))
_FOLLOW_UPS = (2, 3, 10, 15)  # s after a command


@dataclass(frozen=True, slots=True)
class Cell:
    """How one fault at one cloud in one phase went; no problem means that it held."""

    provider: str
    fault: str
    phase: str
    problems: tuple[str, ...]


@dataclass(slots=True)
class _Trial:
    """One cloud's account and its neighbour, through all faults."""

    house: House
    provider: str
    neighbour: MockConfigEntry
    connector: Connector
    switch: str = ""
    # What the account is like when nothing is wrong.
    devices: set[str] = field(default_factory=set)
    available: set[str] = field(default_factory=set)
    neighbours_states: dict[str, str] = field(default_factory=dict)
    neighbours_devices: set[str] = field(default_factory=set)

    async def learn(self) -> None:
        """Learn what the account is like when nothing is wrong, and remove it."""
        entry = self.house.add(self.provider)
        await self.house.set_up(entry)
        assert entry.state is ConfigEntryState.LOADED, self.house.log.lines[-20:]
        for seconds in (30, *(60,) * 20):
            await self.house.pass_time(seconds)
            if switch := self._switch(entry):
                self.switch = switch
                break
        assert self.switch, "the car is not seen"
        await self.house.pass_time(60)
        self.devices = self.house.devices(entry)
        self.available = _available(self.house.states(entry))
        await self.remove(entry)

    def _switch(self, entry: MockConfigEntry) -> str | None:
        """Return the charging switch of the charger that the car is at."""
        entities = self.house.entities(entry)
        plugged = {
            entity.device_id
            for entity in entities
            if entity.translation_key == "plug"
            and (state := self.house.hass.states.get(entity.entity_id))
            and state.state == "on"
        }
        for entity in entities:
            if entity.device_id in plugged and (
                (entity.domain, entity.translation_key) == ("switch", "charging")
            ):
                return entity.unique_id
        return None

    async def remove(self, entry: MockConfigEntry) -> None:
        """Remove the account."""
        await self.house.hass.config_entries.async_remove(entry.entry_id)
        await self.house.settle()

    async def cells(self, fault: Fault) -> list[Cell]:
        """Go through all phases with a fault."""
        cells = [await self._cell(fault, "flow", self._flow)]
        entry = self.house.add(self.provider)
        phases: tuple[tuple[str, Callable[..., Awaitable[list[str]]]], ...] = (
            ("set-up", self._set_up),
            ("poll", self._poll),
            ("command", self._command),
        )
        for phase, work in phases:
            cells.append(await self._cell(fault, phase, partial(work, entry)))
            if entry.state is not ConfigEntryState.LOADED:
                # It did not recover: the next phase needs one that works.
                await self.remove(entry)
                entry = self.house.add(self.provider)
                await self.house.set_up(entry)
        await self.remove(entry)
        return cells

    async def _cell(
        self, fault: Fault, phase: str, work: Callable[[Fault], Awaitable[list[str]]]
    ) -> Cell:
        """Go through one phase with a fault, and see what it did."""
        house = self.house
        house.log.clear()
        house.proxy.exchanges.clear()
        house.proxy.strayed.clear()
        self.neighbours_devices = house.devices(self.neighbour)
        self.neighbours_states = house.states(self.neighbour)
        try:
            problems = await work(fault)
        except TimeoutError:
            problems = ["hangs"]
        problems += self._leaks()
        problems += [f"traceback: {_last(each)}" for each in house.log.tracebacks]
        problems += self._neighbour_disturbed()
        problems += house.unwritable()
        if house.proxy.strayed:
            problems.append(f"followed a redirect: {house.proxy.strayed[0]}")
        return Cell(self.provider, fault.name, phase, tuple(dict.fromkeys(problems)))

    # The phases.

    async def _flow(self, fault: Fault) -> list[str]:
        """Add the account as a user does, who tries again after an error."""
        flows = self.house.hass.config_entries.flow
        step = await flows.async_init(DOMAIN, context={"source": SOURCE_USER})
        step = await flows.async_configure(
            step["flow_id"], {"next_step_id": self.provider}
        )
        schema = step["data_schema"]
        asked = schema.schema if schema else ()
        form = {
            key: value
            for key, value in self.house.settings(self.provider).items()
            if key in asked
        }
        problems = []
        with self.house.fault(self.provider, fault):
            step = await flows.async_configure(step["flow_id"], form)
            await self.house.settle()
        if step["type"] is FlowResultType.FORM and step["errors"]:
            if "failed" in step["errors"].values():
                problems.append("the flow fails unexpectedly")
            step = await flows.async_configure(step["flow_id"], form)
            if step.get("errors"):
                problems.append(f"the flow does not recover: {step['errors']}")
        if step["type"] is FlowResultType.ABORT:
            problems.append(f"the flow is aborted: {step['reason']}")
        with suppress(UnknownFlow):
            flows.async_abort(step["flow_id"])
        await self.house.settle()
        for entry in self.house.hass.config_entries.async_entries(DOMAIN):
            if entry is not self.neighbour:
                await self.house.hass.config_entries.async_remove(entry.entry_id)
        await self.house.settle()
        return problems

    async def _set_up(self, entry: MockConfigEntry, fault: Fault) -> list[str]:
        """Set the account up under the fault, and again when it is known."""
        with self.house.fault(self.provider, fault):
            await self.house.set_up(entry)
        problems = await self._recovered(entry)
        with self.house.fault(self.provider, fault):
            await self.house.hass.config_entries.async_reload(entry.entry_id)
            await self.house.settle()
            problems += self._removed(entry)
        return problems + await self._recovered(entry)

    async def _poll(self, entry: MockConfigEntry, fault: Fault) -> list[str]:
        """Poll several times under the fault."""
        with self.house.fault(self.provider, fault):
            for _ in range(3):
                await entry.runtime_data.async_refresh()
                await self.house.settle()
            problems = self._removed(entry)
        return problems + await self._recovered(entry)

    async def _command(self, entry: MockConfigEntry, fault: Fault) -> list[str]:
        """Switch charging under the fault."""
        house, problems = self.house, list[str]()
        switch = next(
            entity.entity_id
            for entity in house.entities(entry)
            if entity.unique_id == self.switch
        )
        service = "turn_off" if self.connector.power_w else "turn_on"
        before = len(house.proxy.exchanges)
        with house.fault(self.provider, fault):
            try:
                async with asyncio.timeout(30):
                    await house.hass.services.async_call(
                        "switch", service, {"entity_id": switch}, blocking=True
                    )
            except HomeAssistantError:
                pass
            except TimeoutError:
                problems.append("the command hangs")
            except Exception as err:
                problems.append(f"the command raises {type(err).__name__}: {err}")
            for seconds in _FOLLOW_UPS:
                await house.pass_time(seconds)
            problems += self._removed(entry)
            sent = [
                exchange.identity
                for exchange in house.proxy.exchanges[before:]
                if exchange.cloud == self.provider
                and exchange.changes
                and exchange.answer is not None
            ]
        problems += [
            f"sent {sent.count(each)} times: {each[0]} {each[1]}"
            for each in dict.fromkeys(sent)
            if sent.count(each) > 1
        ]
        return problems + await self._recovered(entry)

    # What must hold.

    def _removed(self, entry: MockConfigEntry) -> list[str]:
        """Tell what devices are gone."""
        gone = self.devices - self.house.devices(entry)
        return [f"{len(gone)} devices removed"] if gone else []

    async def _recovered(self, entry: MockConfigEntry) -> list[str]:
        """Wait until all is well again; tell what is not in the end."""
        removed = self._removed(entry) if self.house.devices(entry) else []
        left: list[str] = []
        for seconds in (0, *_STEPS):
            if seconds:
                await self.house.pass_time(seconds)
            left = list(self._ill(entry))
            if not left:
                break
            removed = removed or (
                self._removed(entry) if entry.state is ConfigEntryState.LOADED else []
            )
        return [f"not by itself: {each}" for each in left]

    def _ill(self, entry: MockConfigEntry) -> Iterator[str]:
        """Tell what is not as it was before."""
        if entry.state is not ConfigEntryState.LOADED:
            yield f"{entry.state.value}"
            return
        coordinator = entry.runtime_data
        if not coordinator.last_update_success:
            yield "updates fail"
        devices = self.house.devices(entry)
        if devices - self.devices:
            yield f"{len(devices - self.devices)} devices too many"
        if self.devices - devices:
            yield f"{len(self.devices - devices)} devices missing"
        if stale := [each.id for each in coordinator.data.values() if each.stale]:
            yield f"{len(stale)} devices stale"
        dead = self.available - _available(self.house.states(entry))
        if dead:
            yield f"{len(dead)} entities unavailable, as {min(dead)}"

    def _neighbour_disturbed(self) -> Iterator[str]:
        """Tell what the neighbour noticed."""
        house, entry = self.house, self.neighbour
        if entry.state is not ConfigEntryState.LOADED:
            yield f"neighbour: {entry.state.value}"
            return
        if not entry.runtime_data.last_update_success:
            yield "neighbour: updates fail"
        if house.devices(entry) != self.neighbours_devices:
            yield "neighbour: devices changed"
        lost = _available(self.neighbours_states) - _available(house.states(entry))
        if lost:
            yield f"neighbour: {len(lost)} entities unavailable"

    def _leaks(self) -> Iterator[str]:
        """Tell what secrets got into the log, or to the wrong cloud."""
        credentials = self.house.settings(self.provider)
        secrets = {
            key: value
            for key, value in credentials.items()
            if isinstance(value, str) and key in ("token", "api_key", "client_secret")
        }
        logged = "\n".join(self.house.log.lines)
        for key, secret in (*secrets.items(), ("person", PERSON.partition("@")[0])):
            if secret and secret in logged:
                line = next(each for each in self.house.log.lines if secret in each)
                yield f"{key} in the log: {line[:60]}"
        for exchange in self.house.proxy.exchanges:
            if exchange.cloud != self.provider and (
                "planted-cookie" in str(exchange.request.headers)
            ):
                yield "a cookie went to another cloud"
                return


def _available(states: dict[str, str]) -> set[str]:
    """Return the entities that are available."""
    return {key for key, state in states.items() if state != "unavailable"}


def _last(told: str) -> str:
    """Return the lines of a traceback that say where it is, and what."""
    lines = told.strip().splitlines()
    where = [line.strip() for line in lines if "ev_charger_cloud" in line]
    return " | ".join([*(where[-1:]), lines[-1]])[:300]


async def try_out(
    house: House, provider: str, faults: Sequence[Fault], neighbour: str
) -> list[Cell]:
    """Let one cloud have all faults, beside an account at another one."""
    entry = house.add(neighbour)
    await house.set_up(entry)
    assert entry.state is ConfigEntryState.LOADED, house.log.lines[-20:]
    connector = house.plug_in(provider)
    trial = _Trial(house, provider, entry, connector)
    await trial.learn()
    cells = []
    for fault in faults:
        cells += await trial.cells(fault)
    await trial.remove(entry)
    return cells


def neighbour_of(provider: str) -> str:
    """Return the cloud that the bystander is at."""
    names = list(ACCOUNTS)
    return names[(names.index(provider) + 1) % len(names)]


async def _alone(provider: str, faults: Sequence[Fault]) -> list[Cell]:
    """Try a cloud out in a Home Assistant of its own."""
    neighbour = neighbour_of(provider)
    async with house((provider, neighbour)) as furnished:
        return await try_out(furnished, provider, faults, neighbour)


def _in_process(provider: str, names: Collection[str]) -> list[Cell]:
    """Try a cloud out in a process of its own."""
    return asyncio.run(_alone(provider, [f for f in FAULTS if f.name in names]))


def table(cells: Iterable[Cell], providers: Sequence[str]) -> str:
    """Return the table: a row for each fault, four marks for each cloud."""
    found = {(each.fault, each.provider, each.phase): each for each in cells}
    faults = list(dict.fromkeys(fault for fault, _, _ in found))
    width = max(map(len, faults))
    lines = [" " * width + "  " + "  ".join(f"{each:10}" for each in providers)]
    for fault in faults:
        marks = (
            "".join(
                "✗" if found[fault, provider, phase].problems else "·"
                for phase in PHASES
            )
            for provider in providers
        )
        lines.append(f"{fault:{width}}  " + "  ".join(f"{each:10}" for each in marks))
    held = sum(not each.problems for each in found.values())
    lines += [
        "",
        f"Four marks each: {', '.join(PHASES)}. · holds, ✗ does not.",
        f"{len(faults)} faults, {len(found)} cells, {held} hold.",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the matrix and print its table."""
    parser = argparse.ArgumentParser(
        prog="python -m reliability.fault_matrix", description=__doc__
    )
    parser.add_argument("--clouds", default=",".join(ACCOUNTS), metavar="A,B")
    parser.add_argument("--fault", default="", help="only faults whose names hold this")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    options = parser.parse_args(arguments)
    providers = options.clouds.split(",")
    names = [each.name for each in FAULTS if options.fault in each.name]
    begun = time.perf_counter()
    with ProcessPoolExecutor(options.jobs) as pool:
        parts = pool.map(_in_process, providers, [names] * len(providers))
        cells = [cell for part in parts for cell in part]
    print(table(cells, providers))
    print(f"Took {time.perf_counter() - begun:.0f} s.")
    failed = [cell for cell in cells if cell.problems]
    for cell in failed:
        print(f"✗ {cell.provider}, {cell.fault}, {cell.phase}:")
        for problem in cell.problems:
            print(f"    {problem}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
