"""Run the benchmarks and print their tables."""

import argparse
import asyncio
import os
import platform
import sys
from time import perf_counter

from homeassistant.const import __version__

from . import scale
from .cycles import CLOUDS, Effort, measure_cloud

TABLES = (*CLOUDS, "gaps", "growth", "memory")


async def main(argv: list[str] | None = None) -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "tables",
        nargs="*",
        choices=TABLES,
        default=TABLES,
        metavar="TABLE",
        help=f"only these, of {', '.join(TABLES)}",
    )
    parser.add_argument(
        "--quick", action="store_true", help="try everything out on a few chargers"
    )
    parser.add_argument(
        "--trace", action="store_true", help="print what held the loop for long"
    )
    options = parser.parse_args(argv)
    begun = perf_counter()
    print(
        f"Home Assistant {__version__}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores"
    )
    missed: list[str] = []
    effort = Effort.quick() if options.quick else Effort()
    for name in options.tables:
        if name == "gaps":
            for size in scale.QUICK if options.quick else scale.ACCOUNTS:
                missed += await scale.measure_gaps(size, trace=options.trace)
        elif name == "growth":
            missed += await scale.measure_growth(*([(2, 4)] if options.quick else []))
        elif name == "memory":
            missed += await scale.measure_memory(*([4] if options.quick else []))
        else:
            missed += await measure_cloud(name, effort)
    print(f"\nTook {perf_counter() - begun:.0f} s; {len(missed)} targets missed.")
    for each in missed:
        print(f"- {each}")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
