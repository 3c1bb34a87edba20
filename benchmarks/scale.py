"""Large accounts: how long the loop is held, and what grows with the fleet."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
import gc
from itertools import groupby
from statistics import median
from time import perf_counter
import tracemalloc
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntries

from .clouds import simulated
from .cycles import CLOUDS
from .heartbeat import Gaps, Heartbeat, heartbeat
from .home import Fleet, everything_enabled, home
from .table import Table
from .wire import Spent, Wire, spending, watched_wire

LIMIT = 50  # ms


@dataclass(frozen=True, kw_only=True)
class Account:
    """A large account."""

    cloud: str
    chargers: int
    connectors: int = 1
    options: dict[str, Any] = field(default_factory=dict)
    everything: bool = False

    @property
    def name(self) -> str:
        """Return what it is called in the tables."""
        size = f"{self.chargers:,}"
        if self.connectors > 1:
            size += f" × {self.connectors}"
        enabled = ", all entities" if self.everything else ""
        return f"{CLOUDS[self.cloud]}, {size}{enabled}"


ACCOUNTS = (
    Account(
        cloud="ampeco",
        chargers=100,
        connectors=2,
        options={"entities": "all"},
        everything=True,
    ),
    Account(cloud="ampeco", chargers=1000, connectors=2),
    Account(cloud="ampeco", chargers=5000, connectors=2),
    Account(cloud="podero", chargers=240),
)
QUICK = (Account(cloud="ampeco", chargers=5, connectors=2, everything=True),)

_POLLS = 5
# In so long (s) even what is asked for seldom has its turn.
_SWEEP = 660


@asynccontextmanager
async def account(
    size: Account, wire: Wire, *, trace: bool = False
) -> AsyncGenerator[tuple[Fleet, Heartbeat]]:
    """Have an account, not set up yet, and a heart that beats."""
    async with (
        simulated(size.cloud, size.chargers, size.connectors) as cloud,
        home() as hass,
    ):
        # What was before is not this account's to sweep.
        gc.collect()
        with everything_enabled() if size.everything else nullcontext():
            fleet = Fleet(hass, cloud, size.options)
            async with heartbeat(trace=trace) as heart:
                yield fleet, heart


async def measure_gaps(size: Account, *, trace: bool = False) -> list[str]:
    """Print how long an account holds the loop, phase by phase."""
    table = Table(f"{size.name}: longest gap between heartbeats")
    async with (
        watched_wire() as wire,
        account(size, wire, trace=trace) as (
            fleet,
            heart,
        ),
    ):
        await heart.take()
        begun = perf_counter()
        await fleet.set_up()
        took = perf_counter() - begun
        _row(
            table,
            "set-up",
            await heart.take(),
            f"{took:.1f} s, {len(wire.take())} requests",
        )
        for poll in range(_POLLS):
            await fleet.wait(_SWEEP if poll % 2 else None)
            await fleet.cycle()
        _row(
            table, f"{_POLLS} polls", await heart.take(), f"{len(wire.take())} requests"
        )
        await fleet.cloud.tell("charge")
        await heart.take()
        for _ in range(_POLLS):
            await fleet.wait()
            await fleet.cycle()
        requests = f"{len(wire.take())} requests"
        _row(table, "all start charging at once", await heart.take(), requests)
        entities = fleet.entities
        theirs: list[Gaps] = []
        platforms = ConfigEntries.async_unload_platforms

        async def unload(*args: Any) -> bool:
            """Keep what Home Assistant does apart."""
            ours.append(await heart.take())
            try:
                return await platforms(*args)
            finally:
                theirs.append(await heart.take())

        ours: list[Gaps] = []
        with patch.object(ConfigEntries, "async_unload_platforms", unload):
            await fleet.unload()
        ours.append(await heart.take())
        _row(table, "unload", _together(ours))
        _row(table, "unload, Home Assistant's own", _together(theirs), judged=False)
        table.row("entities", entities, digits=0)
    for place, times in heart.overdue.most_common(12):
        print(f"{times} × overdue in {place}")
    return table.missed


def _together(parts: list[Gaps]) -> Gaps:
    """Return the gaps of several times as one."""
    return Gaps(
        [gap for part in parts for gap in part.gaps],
        [pause for part in parts for pause in part.pauses],
    )


def _row(
    table: Table, name: str, gaps: Gaps, note: str = "", *, judged: bool = True
) -> None:
    """Print a phase."""
    parts = [
        f"at most {gaps.most_used:.0f} ms CPU; with the garbage collector {gaps.longest_of_all:.0f} ms, "
        f"its own longest pause {gaps.longest_pause:.0f} ms"
    ]
    table.row(
        name,
        gaps.longest,
        "ms",
        target=LIMIT if judged else None,
        digits=0,
        note="; ".join([note, *parts] if note else parts),
    )


async def measure_growth(chargers: tuple[int, int] = (50, 5000)) -> list[str]:
    """Print what an idle poll costs at a hundred times the size."""
    table = Table("Idle poll, AMPECO")
    costs = []
    for number in chargers:
        size = Account(cloud="ampeco", chargers=number, connectors=2)
        async with watched_wire() as wire, account(size, wire) as (fleet, _):
            await fleet.set_up()
            for _ in range(3):
                await fleet.wait()
                await fleet.cycle()
            polls = []
            wire.take()
            for _ in range(9):
                await fleet.wait()
                spent = Spent()
                with spending(spent):
                    await fleet.cycle()
                polls.append(spent.cpu)
            costs.append(median(polls) * 1000)
            requests = len(wire.take()) / len(polls)
            await fleet.unload()
        table.row(
            f"{number:,} × 2", costs[-1], "ms CPU", note=f"{requests:.1f} requests"
        )
    table.row(
        f"{chargers[1]:,} × 2 ÷ {chargers[0]:,} × 2", costs[1] / costs[0], target=5
    )
    return table.missed


async def measure_memory(chargers: int = 200) -> list[str]:
    """Print what a charger takes of the memory, and who holds it."""
    table = Table(f"Memory a charger, AMPECO, {chargers:,} × 2, default entities")
    size = Account(
        cloud="ampeco", chargers=chargers, connectors=2, options={"entities": "all"}
    )
    async with watched_wire() as wire, account(size, wire) as (fleet, _):
        wire.watching = False
        tracemalloc.start()
        try:
            await fleet.set_up()
            for _ in range(2):
                await fleet.wait()
                await fleet.cycle()
            gc.collect()
            held = tracemalloc.take_snapshot().statistics("filename")
        finally:
            tracemalloc.stop()
        total = sum(each.size for each in held)
        entities = fleet.entities
        table.row(
            "in all",
            total / chargers / 1024,
            "KiB",
            digits=1,
            note=f"{entities / chargers:.0f} entities",
        )
        by_place = sorted(
            (_place(each.traceback[0].filename), each.size) for each in held
        )
        sums = [
            (sum(size for _, size in group), place)
            for place, group in groupby(by_place, key=lambda each: each[0])
        ]
        for part, place in sorted(sums, reverse=True)[:12]:
            table.row(place, part / chargers / 1024, "KiB", digits=1)
        await fleet.unload()
    return table.missed


def _place(filename: str) -> str:
    """Return the part of a program that a file belongs to."""
    for root in ("site-packages/", "custom_components/", "python3.14/"):
        if root in filename:
            parts = filename.rpartition(root)[2].split("/")
            break
    else:
        return filename.rpartition("/")[2]
    if parts[0] in ("ev_charger_cloud", "homeassistant"):
        return "/".join(parts[:3])
    return parts[0]
