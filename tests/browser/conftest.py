"""A running demo with few or many chargers, and a browser that looks at it.

There is one Home Assistant for each number of chargers, and one browser, whatever
number of tests look at them. Nothing waits for a time to pass: a machine that has much
else to do is slow, and that is no failure.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
import json
import os
from pathlib import Path
from typing import Any

from playwright.async_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    async_playwright,
    expect,
)
import pytest
import pytest_asyncio

from demo import dashboard
from demo.activity import start_charging
from demo.environment import PAST_DAYS, Environment, running_environment
from demo.history import write_history
from demo.process import free_port
from simulator.car import Car
from simulator.clouds import CLOUDS
from simulator.server import Simulator

AXE = Path(os.environ.get("AXE", ""))
PICTURES = Path(os.environ.get("PICTURES", "."))

SIZES = {1: "alone", 10: "some", 200: "many"}

PHONE, DESKTOP = (390, 844), (1400, 1000)

PATIENCE = 180  # s for anything, on a machine that has other things to do
_LONGEST = 900  # s for a test, within which Home Assistant may start

_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")

_ENERGY = ("sensor", "lifetime_energy", "session_energy")

# Only those that may hinder a person.
_SEVERE = ("serious", "critical")

# Whether all is there: nothing is asked of Home Assistant any more, and all of ours has
# its signs, its letters and its curves. A command with a callback is a subscription.
_DRAWN = """() => {
  const { hass } = document.querySelector("home-assistant") ?? {};
  const asked = [...(hass?.connection?.commands?.values() ?? [{}])];
  if (asked.some(({ callback }) => !callback)) return false;
  if (document.fonts.status !== "loaded") return false;
  const sign = (icon) => icon.shadowRoot?.querySelector("ha-svg-icon")?.path;
  const whole = (root) => [...root.querySelectorAll("*")].every((each) => {
    if (each.localName === "ha-icon") return sign(each);
    if (each.localName === "ha-chart-base") {
      return each.shadowRoot?.querySelector("canvas");
    }
    return !each.shadowRoot || whole(each.shadowRoot);
  });
  return whole(document);
}"""

_THEMED = """(dark) =>
  document.querySelector("home-assistant")?.hass?.themes?.darkMode === dark"""

_HINDRANCES = """async (severe) => {
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
}"""


def pytest_configure(config: pytest.Config) -> None:
    """Know the mark of tests that want so many chargers."""
    config.addinivalue_line("markers", "only(size): look at so many chargers alone")


def only(size: int) -> pytest.MarkDecorator:
    """Run a test with so many chargers alone.

    To parametrize it so would let pytest start each Home Assistant twice: it groups
    tests by the places of their parameters, which would be others here.
    """
    return pytest.mark.only(size)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all of these in one loop, so that they share what they look at."""
    marks = (
        pytest.mark.browser,
        pytest.mark.asyncio(loop_scope="session"),
        pytest.mark.timeout(_LONGEST),
    )
    wanted = []
    for item in items:
        mark = item.get_closest_marker("only")
        if mark and isinstance(item, pytest.Function):
            if item.callspec.params["scene"] not in mark.args:
                continue
        wanted.append(item)
        if Path(__file__).parent in item.path.parents:
            for each in marks:
                item.add_marker(each, append=False)
    items[:] = wanted


@pytest.fixture(autouse=True, scope="session")
def patience() -> None:
    """Give what is expected the time that it may need."""
    expect.set_options(timeout=PATIENCE * 1000)


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
        await self.page.locator(
            "ev-charger-cloud-fleet, ev-charger-cloud-card, ev-charger-cloud-sessions"
        ).first.wait_for()
        await self.drawn()

    async def drawn(self) -> None:
        """Wait until all is there that will be."""
        await self.page.wait_for_function(_DRAWN, polling=100)

    async def darken(self, dark: bool) -> None:
        """Have the system prefer dark colours, or light ones."""
        await self.page.emulate_media(color_scheme="dark" if dark else "light")
        await self.page.wait_for_function(_THEMED, arg=dark, polling=100)
        await self.drawn()

    async def picture(self, name: str) -> None:
        """Take a picture of the window."""
        await self.page.screenshot(path=PICTURES / f"{name}.png")

    async def hindrances(self) -> list[str]:
        """Return what axe finds of weight in what is ours."""
        await self.page.evaluate(AXE.read_text())
        return list(await self.page.evaluate(_HINDRANCES, list(_SEVERE)))

    async def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        return int(
            await self.page.evaluate(
                "document.documentElement.scrollWidth - window.innerWidth"
            )
        )

    def card(self, name: str) -> Locator:
        """Return the card of a charger."""
        return self.page.locator("ev-charger-cloud-card").filter(has_text=name)


@asynccontextmanager
async def _scene(folder: Path, size: int) -> AsyncIterator[Scene]:
    """Start a demo with so many chargers."""
    simulator = Simulator(past_days=PAST_DAYS) if size == 10 else _fleet(size)
    providers = None if size == 10 else ["ampeco"]
    async with running_environment(
        folder, free_port(), 0, providers, lambda *_: None, simulator
    ) as environment:
        # Of many, some are enough to see that they are added up.
        counting = [each for each in environment.chargers if each.entity(*_ENERGY)]
        some = counting[:: max(1, size // 20)]
        await write_history(replace(environment, chargers=some))
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
    scope="session", loop_scope="session", params=SIZES, ids=SIZES.get
)
async def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Scene]:
    """Return a running demo."""
    async with _scene(tmp_path_factory.mktemp("home"), request.param) as scene:
        yield scene


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncGenerator[Browser]:
    """Return Debian's Chromium."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=_FLAGS, timeout=PATIENCE * 1000
        )
        yield chromium
        await chromium.close()


class Looker:
    """Opens pages as the owner."""

    def __init__(self, browser: Browser, scene: Scene) -> None:
        """Look at a demo."""
        self._browser = browser
        self._home = scene.environment.home
        self._known: dict[tuple[int, int], BrowserContext] = {}
        self._views: list[View] = []

    async def look(
        self,
        size: tuple[int, int] = DESKTOP,
        *,
        language: str = "en",
        first: bool = False,
        moving: bool = False,
    ) -> View:
        """Open an empty page.

        It remembers files of earlier pages unless it is to be the `first`. Things stand
        still, so that pictures of them are the same, unless they may be `moving`.
        """
        context = None if first else self._known.get(size)
        if context is None:
            context = await self._browser.new_context(
                base_url=self._home.url,
                viewport={"width": size[0], "height": size[1]},
                device_scale_factor=2 if size == PHONE else 1,
                has_touch=size == PHONE,
                # It would load all of Home Assistant's files ahead, beside each test.
                service_workers="block",
            )
            context.set_default_timeout(PATIENCE * 1000)
            if known := self._known.pop(size, None):
                await known.close()
            self._known[size] = context
        page = await context.new_page()
        await page.emulate_media(
            color_scheme="light",
            reduced_motion="no-preference" if moving else "reduce",
        )
        view = View(page)
        self._views.append(view)
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
                # It gets a new one at once, however long ago that was.
                "expires": 0,
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

    async def look_away(self) -> list[str]:
        """Close all pages and return what they complained about."""
        errors = [error for view in self._views for error in view.errors]
        for view in self._views:
            await view.page.close()
        self._views.clear()
        return errors

    async def close(self) -> None:
        """Forget everything."""
        for context in self._known.values():
            await context.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def visitor(browser: Browser, scene: Scene) -> AsyncGenerator[Looker]:
    """Return who looks at a demo in all tests."""
    visitor = Looker(browser, scene)
    yield visitor
    await visitor.close()


@pytest_asyncio.fixture(loop_scope="session")
async def looker(visitor: Looker) -> AsyncGenerator[Looker]:
    """Return what opens pages; none of them may have complained."""
    yield visitor
    assert await visitor.look_away() == []
