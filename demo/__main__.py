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
from .activity import start_charging
from .chargers import Charger, chargers_of
from .energy import show_energy
from .environment import Environment, Report, running_environment
from .errors import DemoError
from .hardware import Connector
from .history import write_history
from .home import OWNER
from .household import follow_household
from .log import complaints
from .process import LOG, check_port, folder_of_demo, free_port, is_free
from .scenario import Scenario, choose
from .table import event_line

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
        "--port",
        type=_port,
        help=f"Home Assistant's port ({PORT}; a check takes a free one)",
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
    simulator_port = SIMULATOR_PORT if is_free(SIMULATOR_PORT) else free_port()
    if options.fresh and folder.exists():
        shutil.rmtree(folder)
    first = not folder.exists()
    print(
        f"Home Assistant  http://127.0.0.1:{port}",
        f"Log in          {OWNER['username']}, password {OWNER['password']}",
        f"Simulator       http://127.0.0.1:{simulator_port} (plug in, drive away, break …)",
        f"Configuration   {folder}",
        "Ctrl-C ends everything.",
        "",
        sep="\n",
        flush=True,
    )
    report = _reporter()
    async with (
        running_environment(
            folder, port, simulator_port, options.providers, report
        ) as environment,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(follow_household(environment))
        await write_history(environment)
        group.create_task(show_energy(environment))
        await dashboard.install(environment.home)
        # In another run the cars stand where they stood.
        if first:
            await _start_charging(environment)
        report("demo", "ready", environment.home.url)
        await environment.home.stay()
    return 0


async def _check(options: argparse.Namespace) -> int:
    """Do the main job at each provider, then read Home Assistant's log."""
    port = options.port or free_port()
    check_port(port, "Home Assistant", "--port takes another")
    folder = Path(mkdtemp(prefix="ev-charger-cloud-"))
    report = _reporter()
    failures: list[str] = []
    try:
        try:
            async with running_environment(
                folder, port, 0, options.providers, report
            ) as environment:
                scenarios = (
                    _scenario(environment, name, report)
                    for name in environment.providers
                )
                failures += filter(None, await asyncio.gather(*scenarios))
                failures += [
                    f"Not set up: {entry['title']} ({entry['state']})"
                    for entry in await environment.home.command("config_entries/get")
                    if entry["state"] != "loaded"
                ]
        except* DemoError as errors:
            failures += map(str, _leaves(errors))
        report("Home Assistant", "ended")
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


def _reporter() -> Report:
    """Return what prints an event with the time since now."""
    begin = time.monotonic()

    def report(*cells: str) -> None:
        print(event_line(time.monotonic() - begin, *cells), flush=True)

    return report


async def _start_charging(environment: Environment) -> None:
    """Plug cars in; who watches may go on without them."""
    for trouble in await start_charging(environment):
        print(f"✗ {trouble}")


async def _scenario(
    environment: Environment, provider: str, report: Report
) -> str | None:
    """Live through the story of a provider; return what went wrong."""
    try:
        charger, connector = await _chosen(environment, provider)
        report_here = partial(report, provider)
        scenario = Scenario(environment.home, environment.world, charger, report_here)
        await scenario.run(connector)
        if provider in CALLING:
            await scenario.run_push(connector, provider)
    except DemoError as err:
        return f"{provider}: {err}"
    return None


async def _chosen(environment: Environment, provider: str) -> tuple[Charger, Connector]:
    """Choose a charger, once what it offers is known: an account begins with a list."""
    end = time.monotonic() + _DETAILS
    while True:
        chargers = await chargers_of(environment.home, [provider])
        try:
            return choose(chargers, environment.clouds[provider]["stations"])
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
