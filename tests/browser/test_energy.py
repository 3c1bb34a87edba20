"""Sessions of the past in Home Assistant's Energy dashboard."""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from playwright.async_api import expect

from demo.energy import add_sessions, begin
from demo.environment import PAST_DAYS
from demo.home import Home

from .conftest import PATIENCE, Looker, Scene, only

_MONTHS = 3
_CHARGERS = 4  # of the cloud that tells hours with its list


@only(10)
async def test_three_months_are_in_the_energy_dashboard(
    scene: Scene, looker: Looker
) -> None:
    """They come from the clouds, through the ledger."""
    home = scene.environment.home
    await begin(scene.environment)
    there: set[str] = set()
    async with asyncio.timeout(2 * PATIENCE):
        while await told(home, there) < _CHARGERS:
            await asyncio.sleep(1)
            there |= await add_sessions(home, there)

    view = await looker.look()
    await view.page.add_init_script(
        'localStorage.setItem("energy-default-period-_energy_dashboard", "now-12m")'
    )
    await view.page.goto("/energy/electricity")
    await expect(view.page.locator("hui-energy-devices-graph-card")).to_be_visible()
    await expect(view.page.locator("hui-energy-sources-table-card")).to_contain_text(
        "Driveway energy by session"
    )
    await view.drawn()
    await view.picture("energy")


async def told(home: Home, statistics: Collection[str]) -> int:
    """Return how many chargers have energy in each of the months."""
    if not statistics:
        return 0
    found = await home.command(
        "recorder/statistics_during_period",
        start_time=(datetime.now(UTC) - timedelta(days=PAST_DAYS)).isoformat(),
        statistic_ids=sorted(statistics),
        period="month",
        types=["change"],
    )
    return sum(
        sum(bool(month["change"]) for month in months) >= _MONTHS
        for months in found.values()
    )
