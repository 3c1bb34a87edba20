"""Thousands of polls, some of them faulty, with commands and reloads in between.

Run it with `python -m reliability.soak`. What an account holds of memory, tasks, timers,
open files and files on the disk must not grow.
"""

import argparse
import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, fields
import gc
import os
from pathlib import Path
import random
from statistics import median
import sys
import time

from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import HomeAssistantError

from .faults import FAULTS
from .harness import MockConfigEntry
from .house import ACCOUNTS, House, house

FAULTY = 0.15
_COMMAND_EVERY = 12
_RELOAD_EVERY = 125
_BETWEEN_RELOADS = 25 * 86_400.0  # s

# These only take time: the fault matrix has them.
_SLOW = ("late", "stuck within the body")
_USED = tuple(fault for fault in FAULTS if fault.name not in _SLOW)


@dataclass(frozen=True, slots=True)
class Sample:
    """What is held at one moment; `objects` are ours, `memory` (MB) is the process's."""

    objects: int
    tasks: int
    timers: int
    handles: int
    files: int
    memory: float


# How much more there may be in the end: a share, and a few beside.
_ROOM = Sample(objects=60, tasks=3, timers=8, handles=6, files=3, memory=8.0)
_GROWTH = 0.05


@dataclass(slots=True)
class Report:
    """How one cloud's account did."""

    provider: str
    polls: int
    faulty: int
    commands: int
    reloads: int
    samples: list[Sample]
    tracebacks: list[str]

    @property
    def first(self) -> Sample:
        """Return what was held once all had been met."""
        quarter = max(1, len(self.samples) // 4)
        return _median(self.samples[quarter : 2 * quarter + 1])

    @property
    def last(self) -> Sample:
        """Return what was held in the end."""
        return _median(self.samples[-max(1, len(self.samples) // 4) :])

    def problems(self) -> Iterator[str]:
        """Tell what grew."""
        rows = zip(
            fields(Sample),
            astuple(self.first),
            astuple(self.last),
            astuple(_ROOM),
            strict=True,
        )
        for each, first, last, room in rows:
            if last > first * (1 + _GROWTH) + room:
                yield f"{each.name} grew from {first:g} to {last:g}"
        yield from (f"traceback: {each.splitlines()[-1]}" for each in self.tracebacks)


def _median(samples: Sequence[Sample]) -> Sample:
    """Return what is in the middle of each column."""
    columns = zip(*map(astuple, samples), strict=True)
    return Sample(*(round(median(column), 1) for column in columns))


class Soak:
    """An account that is used for long."""

    def __init__(
        self, house: House, provider: str, seed: int, reload_every: int = _RELOAD_EVERY
    ) -> None:
        """Begin with an account that is not set up."""
        self._house = house
        self._provider = provider
        self._random = random.Random(seed)
        self._reload_every = reload_every
        self._entry = house.add(provider)
        self._connector = house.plug_in(provider)
        self.report = Report(provider, 0, 0, 0, 0, [], [])

    async def run(self, polls: int, every: int) -> Report:
        """Poll so often, and look at what is held now and then."""
        house, report, entry = self._house, self.report, self._entry
        await house.set_up(entry)
        if entry.state is not ConfigEntryState.LOADED:
            raise RuntimeError(f"{self._provider}: {entry.reason}")
        while report.polls < polls:
            await self._step()
            if report.polls % every == 0:
                await self._look()
        await house.hass.config_entries.async_remove(entry.entry_id)
        await house.settle()
        return report

    async def _step(self) -> None:
        """Poll once, under a fault or not, and do what is due."""
        house, report = self._house, self.report
        report.polls += 1
        await house.pass_time(self._random.choice((15, 31, 61, 61, 200)))
        if self._random.random() < FAULTY:
            report.faulty += 1
            with house.fault(self._provider, self._random.choice(_USED)):
                await self._poll()
                if self._random.random() < 0.1:
                    await self._command()
        else:
            await self._poll()
        if report.polls % _COMMAND_EVERY == 0:
            await self._command()
        if report.polls % self._reload_every == 0:
            report.reloads += 1
            # Months pass in all: what a cloud lists of the last weeks has an end.
            await house.pass_time(_BETWEEN_RELOADS)
            await house.hass.config_entries.async_reload(self._entry.entry_id)
            await house.settle()
        report.tracebacks += house.log.tracebacks
        # What the instrument itself keeps is no leak.
        house.log.clear()
        house.proxy.exchanges.clear()
        for cloud in house.simulator.clouds.values():
            cloud.requests.clear()

    async def _poll(self) -> None:
        """Poll at once."""
        if self._entry.state is ConfigEntryState.LOADED:
            await self._entry.runtime_data.async_refresh()
        await self._house.settle()

    async def _command(self) -> None:
        """Switch charging at the charger where the car is."""
        if self._entry.state is not ConfigEntryState.LOADED:
            return
        self.report.commands += 1
        switches = _switches(self._house, self._entry)
        service = "turn_off" if self._connector.power_w else "turn_on"
        for switch in switches[:1]:
            try:
                await self._house.hass.services.async_call(
                    "switch", service, {"entity_id": switch}, blocking=True
                )
            except HomeAssistantError:
                continue

    async def _look(self) -> None:
        """Take a sample, once watches over commands are over."""
        for seconds in (40, 400):
            await self._house.pass_time(seconds)
        self._house.log.clear()
        self._house.proxy.exchanges.clear()
        gc.collect()
        loop = asyncio.get_running_loop()
        timers: list[asyncio.TimerHandle] = loop._scheduled  # type: ignore[attr-defined]
        self.report.samples.append(
            Sample(
                objects=sum(
                    str(type(each).__module__).startswith("custom_components.")
                    for each in gc.get_objects()
                ),
                tasks=len(asyncio.all_tasks()),
                timers=sum(not timer.cancelled() for timer in timers),
                handles=len(list(Path("/proc/self/fd").iterdir())),
                files=sum(
                    path.is_file()
                    for path in Path(self._house.hass.config.config_dir).rglob("*")
                ),
                memory=_memory(),
            )
        )


def _switches(house: House, entry: MockConfigEntry) -> list[str]:
    """Return the charging switches that can be used."""
    return [
        entity.entity_id
        for entity in house.entities(entry)
        if (entity.domain, entity.translation_key) == ("switch", "charging")
        and (state := house.hass.states.get(entity.entity_id))
        and state.state in ("on", "off")
    ]


def _memory() -> float:
    """Return what the process holds, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def soak(provider: str, polls: int, seed: int = 0) -> Report:
    """Use an account in a Home Assistant of its own."""
    async with house((provider,)) as furnished:
        return await Soak(furnished, provider, seed).run(polls, max(1, polls // 25))


def _in_process(provider: str, polls: int, seed: int) -> Report:
    """Use an account in a process of its own."""
    return asyncio.run(soak(provider, polls, seed))


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m reliability.soak", description=__doc__
    )
    parser.add_argument("--clouds", default=",".join(ACCOUNTS), metavar="A,B")
    parser.add_argument("--polls", type=int, default=2500, help="of each cloud")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    options = parser.parse_args(arguments)
    providers = options.clouds.split(",")
    begun = time.perf_counter()
    with ProcessPoolExecutor(options.jobs, max_tasks_per_child=1) as pool:
        jobs = [
            pool.submit(_in_process, provider, options.polls, options.seed)
            for provider in providers
        ]
        reports = [job.result() for job in jobs]
    heads = ("cloud", "polls", "faulty", "commands", "reloads")
    print("  ".join(f"{head:>10}" for head in (*heads, *Sample.__slots__)))
    for report in reports:
        counts = (report.provider, report.polls, report.faulty, report.commands)
        held = (
            f"{first:g} → {last:g}"
            for first, last in zip(
                astuple(report.first), astuple(report.last), strict=True
            )
        )
        row = (*counts, report.reloads, *held)
        print("  ".join(f"{cell:>10}" for cell in row))
    print(f"Took {time.perf_counter() - begun:.0f} s.")
    failed = False
    for report in reports:
        for problem in dict.fromkeys(report.problems()):
            failed = True
            print(f"✗ {report.provider}: {problem}")
    if not failed:
        print("✓ Nothing grew.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
