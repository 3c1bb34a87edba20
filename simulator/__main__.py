"""Serve the simulated clouds from the command line."""

import argparse
import asyncio
import errno
import signal
import sys

from .clouds import CLOUDS
from .server import Simulator


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted; return the exit code."""
    options = _options(argv)
    try:
        asyncio.run(_serve(options))
    except OSError as err:
        busy = err.errno == errno.EADDRINUSE
        why = "the port is in use" if busy else err.strerror or err
        where = f"{options.host}:{options.port}"
        print(f"Cannot listen on {where}: {why}.", file=sys.stderr)
        return 1
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument(
        "--speed", type=float, default=1.0, help="simulated seconds per second"
    )
    parser.add_argument(
        "--clouds",
        default=",".join(cloud.name for cloud in CLOUDS),
        help="the clouds to serve, separated by commas",
    )
    parser.add_argument(
        "--stations",
        type=int,
        metavar="N",
        help="serve N stations per cloud instead of the demo",
    )
    options = parser.parse_args(argv)
    known = {cloud.name: cloud for cloud in CLOUDS}
    names = [name.strip() for name in options.clouds.split(",") if name.strip()]
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no such cloud: {', '.join(unknown)}")
    if not 0 <= options.port < 65536:
        parser.error("the port must be from 0 to 65535")
    if not 0 <= options.speed < float("inf"):
        parser.error("the speed must not be negative")
    options.clouds = [known[name] for name in names]
    return options


async def _serve(options: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM."""
    simulator = Simulator(
        options.clouds, seed=options.stations is None, speed=options.speed
    )
    for cloud in simulator.clouds.values():
        if options.stations is not None:
            cloud.populate(options.stations)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await simulator.start(options.host, options.port)
    try:
        print(_greeting(simulator), flush=True)
        await ended.wait()
    finally:
        await simulator.stop()


def _greeting(simulator: Simulator) -> str:
    """Tell where everything is."""
    lines = [f"Simulator at {simulator.url}, control at {simulator.url}/control"]
    for name, cloud in simulator.clouds.items():
        lines += ["", f"{name}: {len(cloud.stations)} stations"]
        settings = {"base_url": simulator.base_url(name), **cloud.credentials}
        lines += [f"  {key}: {value}" for key, value in settings.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
