"""Show the integration in a real Home Assistant, or check that it works there."""

import argparse
import asyncio
from collections.abc import Coroutine, Sequence
from functools import partial
from pathlib import Path
import shutil
import signal
import sys
from tempfile import mkdtemp
import time
from typing import Any

from . import dashboard
from .accounts import CALLING
from .chargers import Charger, chargers_of
from .errors import DemoError
from .hardware import Outlet
from .home import OWNER
from .life import enliven
from .log import complaints
from .past import remember
from .process import LOG, check_port, folder_of_demo, free_port
from .stage import Stage, Tell, set_stage
from .story import Story, choose
from .table import devices_table, event_line

PORT = 8123
SIMULATOR_PORT = 8765

_DETAILS = 30.0  # s until all is known that chargers offer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for and return the exit code."""
    options = parse(arguments)
    work = _check(options) if options.check else _demo(options)
    try:
        return asyncio.run(_until_signal(work))
    except* DemoError as errors:
        for error in _leaves(errors):
            print(f"✗ {error}", file=sys.stderr)
    return 1


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument(
        "--check",
        action="store_true",
        help="do the main job with a charger of each provider, and end",
    )
    parser.add_argument(
        "--providers", type=_names, metavar="A,B", help="only these providers"
    )
    parser.add_argument(
        "--port", type=_port, help=f"Home Assistant's port ({PORT}, or a free one)"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="forget the demos before this one"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the folder of a check"
    )
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    """Return names separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _port(text: str) -> int:
    """Return a port number."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError("must be from 1 to 65535")
    return int(text)


async def _until_signal(work: Coroutine[Any, Any, int]) -> int:
    """Do the work; a signal cancels it, so that all is taken down in order."""
    task = asyncio.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        print("Ended.", file=sys.stderr)
        return 128 + signal.SIGINT


# What can be asked for


async def _demo(options: argparse.Namespace) -> int:
    """Start everything, show it, and stay."""
    folder, port = folder_of_demo(), options.port or PORT
    check_port(port, "Home Assistant", "--port takes another")
    check_port(SIMULATOR_PORT, "the simulator", "stop what listens there")
    if options.fresh and folder.exists():
        shutil.rmtree(folder)
    tell = _teller()
    async with set_stage(
        folder, port, SIMULATOR_PORT, options.providers, tell
    ) as stage:
        await remember(stage)
        await dashboard.install(stage.home)
        print(
            *devices_table(stage.chargers, stage.home.states),
            "",
            f"Home Assistant  {stage.home.url}",
            f"Log in          {OWNER['username']}, password {OWNER['password']}",
            f"Simulator       http://127.0.0.1:{SIMULATOR_PORT}/control",
            f"Configuration   {folder}",
            "Ctrl-C ends everything.",
            sep="\n",
            flush=True,
        )
        await _enliven(stage)
        await stage.home.stay()
    return 0


async def _check(options: argparse.Namespace) -> int:
    """Do the main job at each provider, then read Home Assistant's log."""
    port = options.port or free_port()
    check_port(port, "Home Assistant", "--port takes another")
    folder = Path(mkdtemp(prefix="ev-charger-cloud-"))
    tell = _teller()
    failures: list[str] = []
    try:
        try:
            async with set_stage(folder, port, 0, options.providers, tell) as stage:
                stories = (_story(stage, name, tell) for name in stage.providers)
                failures += filter(None, await asyncio.gather(*stories))
        except* DemoError as errors:
            failures += map(str, _leaves(errors))
        tell("Home Assistant", "ended")
        if (log := folder / LOG).exists():
            failures += map("In the log: {}".format, complaints(log.read_text()))
    finally:
        if options.keep:
            print(f"Kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    for failure in failures:
        print(f"✗ {failure}")
    if not failures:
        print("✓ Each provider does the main job, and the log has no complaint.")
    return 1 if failures else 0


# Its parts


def _teller() -> Tell:
    """Return what prints an event with the time since now."""
    begin = time.monotonic()

    def tell(*cells: str) -> None:
        print(event_line(time.monotonic() - begin, *cells), flush=True)

    return tell


async def _enliven(stage: Stage) -> None:
    """Plug cars in; who watches may go on without them."""
    for trouble in await enliven(stage):
        print(f"✗ {trouble}")


async def _story(stage: Stage, provider: str, tell: Tell) -> str | None:
    """Live through the story of a provider; return what went wrong."""
    try:
        charger, outlet = await _chosen(stage, provider)
        told = partial(tell, provider)
        story = Story(stage.home, stage.world, charger, told)
        await story.live_through(outlet)
        if provider in CALLING:
            await story.be_told(outlet, provider)
    except DemoError as err:
        return f"{provider}: {err}"
    return None


async def _chosen(stage: Stage, provider: str) -> tuple[Charger, Outlet]:
    """Choose a charger, once what it offers is known: an account begins with a list."""
    end = time.monotonic() + _DETAILS
    while True:
        chargers = await chargers_of(stage.home, [provider])
        try:
            return choose(chargers, stage.clouds[provider]["stations"])
        except DemoError:
            if time.monotonic() > end:
                raise
        await asyncio.sleep(1)


def _leaves(group: BaseExceptionGroup[DemoError]) -> list[DemoError]:
    """Return the errors in a group of groups."""
    leaves: list[DemoError] = []
    for error in group.exceptions:
        leaves += [error] if isinstance(error, DemoError) else _leaves(error)
    return leaves


if __name__ == "__main__":
    sys.exit(main())
