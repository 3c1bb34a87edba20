"""Run the benchmarks and print their tables."""

import argparse
import asyncio
from contextlib import redirect_stdout
from io import StringIO
import os
from pathlib import Path
import platform
import sys
from time import perf_counter
from typing import TextIO, override

from homeassistant.const import __version__

from . import scale
from .cycles import CLOUDS, Effort, measure_cloud
from .push import measure_push

DOCUMENT = Path(__file__).parents[1] / "docs" / "scale.md"
MARK = "<!-- What `python -m benchmarks --document` measured. -->"
TABLES = (*CLOUDS, "push", "gaps", "growth", "memory")


class Tee(StringIO):
    """Keep what is printed, and print it."""

    def __init__(self, real: TextIO) -> None:
        """Print on the real one."""
        super().__init__()
        self._real = real

    @override
    def write(self, text: str) -> int:
        """Keep and print."""
        self._real.write(text)
        self._real.flush()
        return super().write(text)


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
    parser.add_argument(
        "--document", action="store_true", help="put the tables into docs/scale.md"
    )
    options = parser.parse_args(argv)
    with redirect_stdout(Tee(sys.stdout)) as printed:
        await run(options)
    if options.document:
        introduction = DOCUMENT.read_text().partition(MARK)[0]
        DOCUMENT.write_text(f"{introduction}{MARK}\n\n{printed.getvalue()}")


async def run(options: argparse.Namespace) -> None:
    """Print the tables."""
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
        elif name == "push":
            quick = {"rate": 20, "seconds": 1, "chargers": 4}
            missed += await measure_push(**(quick if options.quick else {}))
        elif name == "growth":
            missed += await scale.measure_growth(*([(2, 4)] if options.quick else []))
        elif name == "memory":
            missed += await scale.measure_memory(*([4] if options.quick else []))
        else:
            missed += await measure_cloud(name, effort)
    print(f"\nTook {perf_counter() - begun:.0f} s; {len(missed)} targets missed:\n")
    for each in missed:
        print(f"- {each}")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
