"""Install the archive of a release into a bare Home Assistant, and add an account.

    python -m scripts.release_check PYTHON ARCHIVE

PYTHON is that of an environment with Home Assistant, what it needs itself, and what the
manifest asks for. The archive is unpacked where installers put it, and an account at a
simulated cloud is added through Home Assistant's own API. `scripts/release_check` makes
both and calls this.
"""

import asyncio
from pathlib import Path
import sys
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from demo import accounts
from demo.errors import DemoError
from demo.home import Home
from demo.log import complaints
from demo.process import DOMAIN, LOG, free_port, running
from simulator.server import Simulator

_CONFIGURATION = """\
homeassistant:
  name: Bare
  time_zone: Europe/Zurich
config:
onboarding:
http:
  server_host: 127.0.0.1
  server_port: {port}
"""
_PROVIDER = "plugchoice"
_PATIENCE = 30.0  # s


async def check(python: Path, archive: Path, folder: Path) -> str:
    """Install, start, add; return the version of Home Assistant that did it."""
    target = folder / "custom_components" / DOMAIN
    with ZipFile(archive) as content:
        content.extractall(target)
    port = free_port()
    (folder / "configuration.yaml").write_text(_CONFIGURATION.format(port=port))
    async with (
        Simulator() as simulator,
        running(folder, port, python) as url,
        Home.entered(url) as home,
    ):
        cloud = simulator[_PROVIDER]
        await accounts.add(
            home, _PROVIDER, {"base_url": cloud.base_url, **cloud.credentials}
        )
        try:
            async with asyncio.timeout(_PATIENCE):
                await home.until(
                    lambda: any(
                        state.value == "disconnected" for state in home.states.values()
                    )
                )
        except TimeoutError:
            raise DemoError("No charger shows a status.") from None
        entries = await home.command("config_entries/get", domain=DOMAIN)
        if [entry["state"] for entry in entries] != ["loaded"]:
            raise DemoError(f"The account is not loaded: {entries}")
        version = str((await home.command("get_config"))["version"])
    if found := complaints((folder / LOG).read_text()):
        raise DemoError("\n".join(found))
    return version


def main(arguments: list[str]) -> int:
    """Check, and return the exit code."""
    if len(arguments) != 2:
        print(__doc__)
        return 2
    python, archive = map(Path, arguments)
    with TemporaryDirectory(prefix="ev-charger-cloud-") as folder:
        try:
            version = asyncio.run(check(python.absolute(), archive, Path(folder)))
        except DemoError as err:
            print(f"✗ {err}", file=sys.stderr)
            return 1
    print(f"✓ {archive.name} adds an account in Home Assistant {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
