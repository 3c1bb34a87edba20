"""A picture of the dashboard, taken by Debian's Chromium through Playwright."""

import asyncio
from importlib import import_module
from importlib.util import find_spec
import json
from pathlib import Path
from shutil import which
import time

from .errors import DemoError
from .home import Home

_SIZE = {"width": 1400, "height": 932}
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_DRAWN = 6.0  # s until all cards are drawn


def browser() -> str:
    """Return the path of Chromium; raise a sentence when something is missing."""
    if find_spec("playwright") is None:
        raise DemoError("A picture needs the Python package playwright.")
    if path := which("chromium"):
        return path
    raise DemoError("A picture needs Chromium: apt-get install chromium.")


async def take(home: Home, path: str, file: Path) -> None:
    """Take a picture of a page, seen by the owner."""
    tokens = {
        **home.tokens,
        "hassUrl": home.url,
        "clientId": f"{home.url}/",
        "expires": (time.time() + home.tokens["expires_in"]) * 1000,
    }
    stored = {"hassTokens": tokens, "dockedSidebar": "always_hidden"}
    script = "".join(
        f"localStorage.setItem({key!r}, {json.dumps(json.dumps(value))});"
        for key, value in stored.items()
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    # Not a requirement of the project, so it may be missing.
    async with import_module("playwright.async_api").async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=browser(), args=_FLAGS
        )
        page = await chromium.new_page(viewport=_SIZE)
        await page.add_init_script(script)
        await page.goto(f"{home.url}/{path}")
        await page.wait_for_selector("ha-panel-lovelace", state="attached")
        await asyncio.sleep(_DRAWN)
        await page.screenshot(path=file)
        await chromium.close()
