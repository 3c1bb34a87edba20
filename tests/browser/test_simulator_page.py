"""The simulator's page: every button does what it says."""

import re

from playwright.async_api import Browser, expect
import pytest

from simulator.clouds.plugchoice import Plugchoice
from simulator.server import Simulator

from .conftest import AXE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(120),
]


async def test_page(browser: Browser) -> None:
    """A car comes, charges, meets trouble and leaves; nothing on the page complains."""
    async with Simulator([Plugchoice]) as simulator:
        page = await browser.new_page()
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "console",
            lambda message: (
                troubles.append(message.text) if message.type == "error" else None
            ),
        )
        await page.goto(simulator.url)
        row = page.locator("article").filter(has_text="Driveway")
        for button, shown in (
            ("Plug in", "Car at 30 %"),
            ("Scan a card", "Charging"),
            ("Break", "GroundFailure"),
            ("Repair", "Charging"),
            ("Go offline", "offline"),
            ("Come back", "Go offline"),
            ("Stop on site", "Finishing"),
            ("Drive away", "Available"),
        ):
            await row.get_by_role("button", name=button).click()
            await expect(row).to_contain_text(shown)
        await page.get_by_role("button", name="60 ×", exact=True).click()
        await expect(
            page.get_by_role("button", name="60 ×", exact=True)
        ).to_have_attribute("aria-pressed", "true")
        assert simulator.world.clock.speed == 60
        await page.locator("#solar_power").fill("5000")
        await page.locator("#price").fill("0.12")
        await expect(page.locator("#grid_power")).to_have_text(re.compile(r"-\d+"))
        assert simulator.world.household.price == 0.12
        await page.evaluate(AXE.read_text())
        found = await page.evaluate(
            "axe.run().then(({violations}) => violations.map(({id}) => id))"
        )
        assert (troubles, found) == ([], [])
        await page.close()
