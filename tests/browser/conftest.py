"""A running demo with few or many chargers, and a browser that looks at it."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import json
import os
from pathlib import Path
import time
from typing import Any

from playwright.async_api import Browser, Page, async_playwright
import pytest
import pytest_asyncio

from demo import dashboard
from demo.activity import start_charging
from demo.environment import Environment, running_environment
from demo.history import write_history
from demo.process import free_port
from simulator.car import Car
from simulator.clouds import CLOUDS
from simulator.server import Simulator

AXE = Path(os.environ.get("AXE", ""))
PICTURES = Path(os.environ.get("PICTURES", "."))

SIZES = {1: "alone", 10: "some", 200: "many"}

PHONE, DESKTOP = (390, 844), (1400, 1000)

_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
_PATIENCE = 60_000  # ms, on a machine that has other things to do

# Only those that may hinder a person.
_SEVERE = ("serious", "critical")


@dataclass(frozen=True, slots=True)
class Scene:
    """A demo, and how many chargers it has."""

    environment: Environment
    simulator: Simulator
    size: int


@dataclass(slots=True)
class View:
    """A page, and what it complained about."""

    page: Page
    errors: list[str] = field(default_factory=list)

    async def see(self, path: str) -> None:
        """Go to a page of the dashboard and wait until it is drawn."""
        await self.page.goto(path)
        await self.page.locator("ha-panel-lovelace").first.wait_for(state="attached")
        await self.page.locator(
            "ev-charger-cloud-fleet, ev-charger-cloud-card, ev-charger-cloud-sessions"
        ).first.wait_for()
        await self.settle()

    async def settle(self) -> None:
        """Wait until nothing has been drawn for a while."""
        await self.page.evaluate("""async () => {
            await document.fonts.ready;
            const pause = (ms) => new Promise((done) => setTimeout(done, ms));
            let size = -1;
            for (let turn = 0; turn < 20; turn += 1) {
              await pause(250);
              const now = document.documentElement.scrollHeight;
              if (now === size && turn > 3) break;
              size = now;
            }
        }""")

    async def picture(self, name: str) -> None:
        """Take a picture of the window."""
        await self.page.screenshot(path=PICTURES / f"{name}.png")

    async def hindrances(self) -> list[str]:
        """Return what axe finds of weight in what is ours."""
        await self.page.evaluate(AXE.read_text())
        found = await self.page.evaluate(
            """async (severe) => {
              const { violations } = await axe.run(document, {
                resultTypes: ["violations"],
                // A page of Home Assistant has its landmarks elsewhere.
                rules: { region: { enabled: false } },
              });
              return violations
                .filter(({ impact }) => severe.includes(impact))
                .flatMap(({ id, nodes }) => nodes
                  .filter(({ target }) => target.flat().join(" ").includes("ev-charger-cloud"))
                  .map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
            }""",
            list(_SEVERE),
        )
        return list(found)

    async def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        return int(
            await self.page.evaluate(
                "document.documentElement.scrollWidth - window.innerWidth"
            )
        )

    def card(self, name: str) -> Any:
        """Return the card of a charger."""
        return self.page.locator("ev-charger-cloud-card").filter(has_text=name)


@asynccontextmanager
async def _scene(folder: Path, size: int) -> AsyncIterator[Scene]:
    """Start a demo with so many chargers."""
    simulator = Simulator() if size == 10 else _fleet(size)
    providers = None if size == 10 else ["ampeco"]
    async with running_environment(
        folder, free_port(), 0, providers, lambda *_: None, simulator
    ) as environment:
        await write_history(environment)
        await dashboard.install(environment.home)
        if size == 10:
            await start_charging(environment)
            await _vary(environment)
        yield Scene(environment, simulator, size)


async def _vary(environment: Environment) -> None:
    """Have one charger wait, one fail, and one car draw less than it may."""
    changes: Mapping[str, tuple[tuple[str, Mapping[str, Any]], ...]] = {
        "Harbour Office": (("limit", {"source": "site", "amps": 0}),),
        "Garage North 2": (("plug_in", {}), ("fault", {"code": "GroundFailure"})),
        "Garage connector 1": (("plug_in", {"max_current": 10}), ("start", {})),
    }
    for charger in environment.chargers:
        connector = charger.connector(environment.clouds[charger.provider]["stations"])
        status = charger.entity("sensor", "status")
        for operation, body in changes.get(charger.name, ()):
            assert connector
            assert status
            await environment.world.do(connector, operation, **body)
            await environment.home.act("homeassistant.update_entity", status.id)


def _fleet(size: int) -> Simulator:
    """Return clouds with chargers in one of them, some of which are at work."""
    simulator = Simulator(
        [each for each in CLOUDS if each.name in {"ampeco", "plugchoice"}], seed=False
    )
    simulator["ampeco"].populate(size, connectors=1)
    if size > 1:
        for number, station in enumerate(simulator["ampeco"].stations.values()):
            connector = station.connectors[0]
            if number % 6 == 1:
                connector.plug_in(Car(soc=0.2 + number % 5 / 10))
                connector.start(None)
            elif number % 53 == 5:
                connector.set_fault("GroundFailure")
            elif number % 41 == 7:
                station.set_online(False)
    return simulator


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=SIZES, ids=SIZES.get
)
async def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Scene]:
    """Return a running demo."""
    async with _scene(tmp_path_factory.mktemp("home"), request.param) as scene:
        yield scene


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncGenerator[Browser]:
    """Return Debian's Chromium."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=_FLAGS
        )
        yield chromium
        await chromium.close()


class Looker:
    """Opens pages as the owner, each in a browser that remembers nothing."""

    def __init__(self, browser: Browser, scene: Scene) -> None:
        """Look at a demo."""
        self._browser = browser
        self._home = scene.environment.home
        self.views: list[View] = []

    async def look(
        self,
        size: tuple[int, int] = DESKTOP,
        *,
        dark: bool = False,
        language: str = "en",
        still: bool = False,
    ) -> View:
        """Open an empty page."""
        context = await self._browser.new_context(
            base_url=self._home.url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if still else "no-preference",
            device_scale_factor=2 if size == PHONE else 1,
            has_touch=size == PHONE,
        )
        context.set_default_timeout(_PATIENCE)
        page = await context.new_page()
        view = View(page)
        self.views.append(view)
        page.on(
            "console",
            lambda message: (
                view.errors.append(message.text) if message.type == "error" else None
            ),
        )
        page.on("pageerror", lambda error: view.errors.append(str(error)))
        stored: Mapping[str, Any] = {
            "hassTokens": {
                **self._home.tokens,
                "hassUrl": self._home.url,
                "clientId": f"{self._home.url}/",
                "expires": (time.time() + self._home.tokens["expires_in"]) * 1000,
            },
            "dockedSidebar": "always_hidden",
            "selectedLanguage": language,
        }
        await page.add_init_script(
            "".join(
                f"localStorage.setItem({key!r}, {json.dumps(json.dumps(value))});"
                for key, value in stored.items()
            )
        )
        return view


@pytest_asyncio.fixture(loop_scope="module")
async def looker(browser: Browser, scene: Scene) -> AsyncGenerator[Looker]:
    """Return what opens pages; none of them may have complained."""
    looker = Looker(browser, scene)
    yield looker
    for view in looker.views:
        await view.page.context.close()
    assert [error for view in looker.views for error in view.errors] == []
