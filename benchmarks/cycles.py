"""An ordinary account: what set-up, polls and commands cost, against floors."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
import gc
from statistics import median
from time import perf_counter
from typing import Any, Self
from unittest.mock import AsyncMock, patch

from aiohttp import ClientSession

from custom_components.ev_charger_cloud.providers.base import Poll
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.entity import Entity

from .clouds import SimulatedCloud, simulated
from .home import Fleet, everything_enabled, home
from .nexblue import set_up_nexblue
from .table import Table
from .wire import Spent, Wire, decode, fetch_and_decode, spending, watched_wire

CLOUDS = {
    "ampeco": "AMPECO",
    "plugchoice": "Plugchoice",
    "podero": "Podero",
    "amps": "AMPS",
    "clemap": "CLEMAP",
}
CHARGERS = 50

# What comes in slowly after a start has come in by then.
_WARM_UP = 20
# More polls in a row have something to ask.
_SILENT_POLLS = 30
_INTERVAL = timedelta(minutes=1)
# How long a command may take to leave before it is given up (s).
_PATIENCE = 10.0


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is measured."""

    chargers: int = CHARGERS
    warm_up: int = _WARM_UP
    cycles: int = 20
    set_ups: int = 3
    commands: int = 5

    @classmethod
    def quick(cls) -> Self:
        """Return just enough to see that everything runs."""
        return cls(chargers=3, warm_up=2, cycles=2, set_ups=1, commands=1)


@dataclass
class Cycles:
    """Polls, each followed by its floor."""

    polls: list[Spent] = field(default_factory=list)
    floors: list[Spent] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)

    def ratio(self, kind: str) -> float:
        """Return how much more a poll takes than its floor, cpu or wall."""
        return self.of(self.polls, kind) / self.of(self.floors, kind)

    @staticmethod
    def of(spent: list[Spent], kind: str) -> float:
        """Return the median (ms)."""
        return median(float(getattr(each, kind)) for each in spent) * 1000

    @staticmethod
    def undisturbed(spent: list[Spent]) -> float:
        """Return what the quickest quarter took at most (ms of CPU)."""
        return sorted(each.cpu for each in spent)[(len(spent) - 1) // 4] * 1000


async def cycles_of(fleet: Fleet, wire: Wire, number: int) -> Cycles:
    """Poll so often, each poll followed by the same requests bare."""
    cycles = Cycles()
    async with ClientSession() as session:
        for _ in range(number):
            wire.take()
            wire.bodies.clear()
            wire.fetching = Spent()
            spent = Spent()
            # Some polls have nothing to ask: they belong to the next that has.
            for _ in range(_SILENT_POLLS):
                await fleet.wait()
                with spending(spent):
                    await fleet.cycle()
                if wire.sent:
                    break
            sent = wire.take()
            if wire.sockets:
                floor = await fetch_and_decode(wire, session, sent)
            else:
                spent.cpu -= wire.fetching.cpu
                floor = decode(wire.bodies)
            cycles.polls.append(spent)
            cycles.floors.append(floor)
            cycles.requests.append(len(sent))
    return cycles


@contextmanager
def written() -> Iterator[list[Entity]]:
    """Collect the entities that write their states."""
    entities: list[Entity] = []
    write = Entity.async_write_ha_state

    def note(entity: Entity) -> None:
        entities.append(entity)
        write(entity)

    with patch.object(Entity, "async_write_ha_state", note):
        yield entities


async def _without_asking(fleet: Fleet, number: int) -> float:
    """Return what cycles take in which providers say at once that nothing changed (ms)."""
    polls = {}
    for each in fleet.coordinators:
        polls[each.provider] = Poll(fleet=each.data, interval=_INTERVAL)
    taken = []
    with ExitStack() as stack:
        for provider, poll in polls.items():
            answer = AsyncMock(return_value=poll)
            stack.enter_context(patch.object(provider, "poll", answer))
        for _ in range(number):
            spent = Spent()
            with spending(spent):
                await fleet.cycle()
            taken.append(spent)
    return Cycles.undisturbed(taken)


async def _writing(fleet: Fleet, number: int) -> tuple[int, float]:
    """Return how many states a cycle writes, and what writing them alone takes (ms)."""
    await fleet.wait()
    with written() as entities:
        await fleet.cycle()
    taken = []
    for _ in range(number):
        spent = Spent()
        with spending(spent):
            for entity in entities:
                entity.async_write_ha_state()
        taken.append(spent)
    return len(entities), Cycles.undisturbed(taken)


def _charger_of(hass: HomeAssistant, entity: Entity) -> str | None:
    """Return the charger in the device registry that an entity belongs to."""
    device = entity.device_entry
    parent = getattr(device, "parent_device_id", None)
    if parent is not None:
        device = dr.async_get(hass).async_get(parent)
    return None if device is None else device.id


@contextmanager
def own_garbage() -> Iterator[None]:
    """Let the garbage collector sweep what is made from now on, and nothing else."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def _set_ups(
    cloud: SimulatedCloud, effort: Effort
) -> tuple[list[float], list[float]]:
    """Set up this and nexblue in turn; return what an entity took (µs)."""
    ours, theirs = [], []
    for _ in range(effort.set_ups + 1):
        async with home() as hass:
            with everything_enabled(), own_garbage():
                theirs.append(await set_up_nexblue(hass, effort.chargers))
                fleet = Fleet(hass, cloud, {"entities": "all"})
                spent = Spent()
                with spending(spent):
                    await fleet.set_up()
                ours.append(spent.cpu / fleet.entities * 1e6)
            await fleet.unload()
    # The first has modules to import and translations to read.
    return ours[1:], theirs[1:]


async def _writes(fleet: Fleet, table: Table, state: str) -> None:
    """Print how many states polls write that find nothing new, and one change."""
    hass, cloud = fleet.hass, fleet.cloud
    counts = []
    for _ in range(3):
        await fleet.wait()
        with written() as entities:
            await fleet.cycle()
        counts.append(len(entities))
    table.row(
        f"state writes, unchanged, {state}",
        max(counts),
        target=0 if state == "idle" else None,
        digits=0,
    )
    touched, others = [], 0
    for on in (True, False):
        await cloud.tell("change", on)
        await fleet.wait()
        with written() as entities:
            await fleet.cycle()
        touched.append(len(entities))
        if state == "idle":
            others = max(others, len({_charger_of(hass, each) for each in entities}))
    table.row(
        f"state writes, one changed, {state}",
        max(touched),
        digits=0,
        note=f"of {others} charger(s)" if state == "idle" else "",
    )


async def _change(
    fleet: Fleet, wire: Wire, table: Table, state: str, number: int
) -> None:
    """Print what one changed charger costs more than none."""
    more = []
    for turn in range(number):
        await fleet.cloud.tell("change", turn % 2 == 0)
        # Three, so that what is due at every other poll falls on each of them.
        cycles = await cycles_of(fleet, wire, 3)
        changed, *unchanged = (
            poll.cpu - floor.cpu
            for poll, floor in zip(cycles.polls, cycles.floors, strict=True)
        )
        more.append(changed - sum(unchanged) / len(unchanged))
    await fleet.cloud.tell("change", False)
    await cycles_of(fleet, wire, 2)
    table.row(
        f"one changed, more than unchanged, {state}",
        median(more) * 1000,
        "ms",
        target=0.35,
        note="without sockets, decoding aside",
    )


def _command(hass: HomeAssistant, turn: int) -> tuple[str, str, dict[str, Any]]:
    """Return a service call that sends something: a limit, or a switch."""
    for state in hass.states.async_all("number"):
        if state.state != "unavailable" and "max" in state.attributes:
            low, high = state.attributes["min"], state.attributes["max"]
            # In the middle: neither nothing nor what holds already.
            value = round(low + (high - low) * (0.5 if turn % 2 else 0.8))
            return "number", "set_value", {"entity_id": state.entity_id, "value": value}
    state = next(iter(hass.states.async_all("switch")))
    return (
        "switch",
        "turn_on" if turn % 2 else "turn_off",
        {"entity_id": state.entity_id},
    )


async def _commands(fleet: Fleet, wire: Wire, table: Table, number: int) -> None:
    """Print how long a command takes to leave while everything is polled."""
    waited = []
    for turn in range(number):
        await fleet.wait(660)
        wire.take()
        poll = asyncio.create_task(_poll_all(fleet))
        while not wire.sent and not poll.done():
            await asyncio.sleep(0)
        called = perf_counter()
        call = asyncio.create_task(
            fleet.hass.services.async_call(*_command(fleet.hass, turn), blocking=True)
        )
        while (left := _left(wire)) is None and perf_counter() < called + _PATIENCE:
            await asyncio.sleep(0.001)
        if left is not None:
            waited.append((left - called) * 1000)
        await asyncio.wait({call, poll}, timeout=_PATIENCE)
        call.cancel()
        await asyncio.gather(call, poll, return_exceptions=True)
    table.row(
        "command to request sent, during a full poll, longest",
        max(waited, default=None),
        "ms",
        target=50,
        digits=1,
        note="" if len(waited) == number else f"{number - len(waited)} never left",
    )


async def _poll_all(fleet: Fleet) -> None:
    """Poll all accounts at once."""
    await asyncio.gather(*(each.async_refresh() for each in fleet.coordinators))


def _left(wire: Wire) -> float | None:
    """Return when the first request left that changes something."""
    return next((each.at for each in wire.sent if each.method != "GET"), None)


async def measure_cloud(name: str, effort: Effort) -> list[str]:
    """Print the table of one cloud, and return what missed its target."""
    table = Table(f"{CLOUDS[name]}, {effort.chargers} chargers")
    async with simulated(name, effort.chargers) as cloud, watched_wire() as wire:
        ours, theirs = await _set_ups(cloud, effort)
        table.row(
            "set-up ÷ nexblue's, per entity",
            median(own / other for own, other in zip(ours, theirs, strict=True)),
            target=0.7,
            note=f"{median(ours):.0f} µs and {median(theirs):.0f} µs",
        )
        async with home() as hass:
            fleet = Fleet(hass, cloud)
            await fleet.set_up()
            for state, limit in (("idle", 1.2), ("charging", 2.0)):
                if state == "charging":
                    await cloud.tell("charge")
                for _ in range(effort.warm_up):
                    await fleet.wait()
                    await fleet.cycle()
                cycles = await cycles_of(fleet, wire, effort.cycles)
                poll, floor = cycles.polls, cycles.floors
                table.row(
                    f"unchanged cycle ÷ fetching and decoding the same, {state}",
                    cycles.ratio("cpu"),
                    target=limit,
                    note=(
                        f"{cycles.of(poll, 'cpu'):.2f} ÷ {cycles.of(floor, 'cpu'):.2f}"
                        f" ms CPU; wall {cycles.of(poll, 'wall'):.2f} ÷ "
                        f"{cycles.of(floor, 'wall'):.2f} ms; "
                        f"{median(cycles.requests):.0f} requests"
                    ),
                )
                wire.sockets = False
                await cycles_of(fleet, wire, 2)
                cycles = await cycles_of(fleet, wire, effort.cycles)
                poll, floor = cycles.polls, cycles.floors
                table.row(
                    f"the same without sockets ÷ decoding alone, {state}",
                    cycles.undisturbed(poll) / cycles.undisturbed(floor),
                    target=1.0 if state == "idle" else None,
                    note=(
                        f"{cycles.undisturbed(poll):.2f} ÷ "
                        f"{cycles.undisturbed(floor):.2f} ms CPU"
                    ),
                )
                table.row(
                    f"of that, with nothing asked, {state}",
                    await _without_asking(fleet, effort.cycles),
                    "ms",
                )
                states, took = await _writing(fleet, effort.cycles)
                table.row(
                    f"of that, Home Assistant's writing of states, {state}",
                    took,
                    "ms",
                    note=f"{states} of them",
                )
                await _writes(fleet, table, state)
                await _change(fleet, wire, table, state, effort.cycles)
                wire.sockets = True
            await _commands(fleet, wire, table, effort.commands)
            await fleet.unload()
    return table.missed
