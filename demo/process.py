"""The process of Home Assistant, and its configuration folder."""

import asyncio
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import ctypes
import json
import os
from pathlib import Path
import re
import shutil
import signal
import socket
import sys
from typing import Any

import aiohttp

from .errors import DemoError

DOMAIN = "ev_charger_cloud"
LOG = "home-assistant.log"

_ROOT = Path(__file__).absolute().parent.parent
# Home Assistant cannot describe its actions, which its user interface needs, unless two
# packages for voice can be imported, and they would have to be compiled.
_STAND_INS = _ROOT / "demo" / "stand_ins"
_SIMULATED = re.compile(r'("base_url":\s*")http://127\.0\.0\.1:\d+/')
_START_TIME = 120.0  # s, on a slow machine at the first start
_STOP_TIME = 20.0
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG

_CONFIGURATION = """\
# Written at each start of the demo. What is yours stays: automations, scripts and
# scenes that you make in the user interface, blueprints, and every file in packages/.
homeassistant:
  name: Home
  country: CH
  currency: CHF
  language: en
  latitude: 47.05
  longitude: 8.31
  elevation: 440
  time_zone: Europe/Zurich
  unit_system: metric
  packages: !include_dir_named packages

automation: !include automations.yaml
script: !include scripts.yaml
scene: !include scenes.yaml

api:
config:
energy:
frontend:
history:
logbook:
lovelace:
my:
recorder:
  commit_interval: 1
search:
sun:
trace:

logger:
  default: warning
  logs:
    custom_components.ev_charger_cloud: info
"""


def folder_of_demo() -> Path:
    """Return the folder that outlives the demo."""
    return _ROOT / "config" / "demo"


def prepare(folder: Path, port: int) -> None:
    """Make a folder that Home Assistant can start with, or renew its files."""
    components = folder / "custom_components"
    components.mkdir(parents=True, exist_ok=True)
    integration = components / DOMAIN
    integration.unlink(missing_ok=True)
    integration.symlink_to(_ROOT / "custom_components" / DOMAIN, True)
    (folder / "configuration.yaml").write_text(_CONFIGURATION)
    (folder / "packages").mkdir(exist_ok=True)
    for name in ("automations.yaml", "scripts.yaml", "scenes.yaml"):
        (folder / name).touch()
    for blueprint in (_ROOT / "blueprints").rglob("*.yaml"):
        copy = folder / blueprint.relative_to(_ROOT)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(blueprint, copy)
    storage = folder / ".storage"
    storage.mkdir(exist_ok=True)
    (storage / "http").write_text(json.dumps(_http_settings(port)))


def move_accounts(folder: Path, address: str) -> None:
    """Have the accounts of another run find the simulator where it is now."""
    if (entries := folder / ".storage" / "core.config_entries").exists():
        moved = _SIMULATED.sub(rf"\g<1>{address}/", entries.read_text())
        entries.write_text(moved)


def _http_settings(port: int) -> dict[str, Any]:
    """Return where to listen, as settings that were confirmed already.

    From YAML they would be taken once, on trial, and be reverted after five minutes.
    """
    confirmed = {
        "server_host": ["127.0.0.1"],
        "server_port": port,
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": False,
        "ssl_profile": "intermediate_v6",
        "use_x_frame_options": True,
        "created_at": "2026-01-01T00:00:00+00:00",
        "error": None,
        "error_message": None,
    }
    return {
        "version": 3,
        "minor_version": 1,
        "key": "http",
        "data": {"stable": confirmed, "pending": None, "yaml_migration_done": True},
    }


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Return whether nobody listens at a port."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def check_port(port: int, what: str, remedy: str) -> None:
    """Raise a sentence when a port is taken."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as err:
        raise DemoError(
            f"Port {port} for {what} is not free ({os.strerror(err.errno or 0)}): {remedy}."
        ) from err


@asynccontextmanager
async def running(
    folder: Path, port: int, python: str | Path = sys.executable
) -> AsyncIterator[str]:
    """Run Home Assistant, with any Python, and return its address once it answers."""
    output = folder / "output.txt"
    with output.open("wb") as file:
        # A session of its own: Ctrl-C reaches the demo alone, which then stops it.
        process = await asyncio.create_subprocess_exec(
            python,
            *("-m", "homeassistant", "--config", folder, "--skip-pip"),
            cwd=folder,
            stdin=DEVNULL,
            stdout=file,
            stderr=file,
            env=os.environ | {"PYTHONPATH": str(_STAND_INS)},
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        await _answering(process, url, output)
        yield url
    finally:
        await _stop(process)


def _die_with_parent() -> None:
    """Have the kernel end this process if the demo itself is killed."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)


async def _answering(process: Process, url: str, output: Path) -> None:
    """Wait for the first answer."""
    try:
        async with asyncio.timeout(_START_TIME), aiohttp.ClientSession() as http:
            while process.returncode is None:
                try:
                    # It listens once its user interface is there.
                    async with http.get(f"{url}/manifest.json"):
                        return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.1)
    except TimeoutError:
        why = f"did not answer within {_START_TIME:.0f} s"
    else:
        why = f"ended with exit code {process.returncode}"
    said = output.read_text(errors="replace").splitlines()[-20:]
    raise DemoError("\n  ".join([f"Home Assistant {why}. It said last:", *said]))


async def _stop(process: Process) -> None:
    """End Home Assistant, by force if it does not want to."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_TIME):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
