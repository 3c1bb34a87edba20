"""The short form of the soak: what an account holds does not grow."""

import pytest

from homeassistant.core import HomeAssistant
from reliability.house import ACCOUNTS, moved_in
from reliability.soak import Report, Sample, Soak

POLLS = 60


@pytest.mark.parametrize("provider", ACCOUNTS)
async def test_soak(home: HomeAssistant, provider: str) -> None:
    """Neither objects nor tasks, timers, open files or files pile up."""
    async with moved_in(home, (provider,)) as house:
        report = await Soak(house, provider, 3, reload_every=5).run(POLLS, 5)
    assert report.polls == POLLS
    assert report.faulty > 3
    assert not list(report.problems()), report.samples


def test_growth_is_told() -> None:
    """A leak of one task a poll is found."""
    samples = [Sample(900, 10 + number, 20, 30, 4, 200.0) for number in range(24)]
    report = Report("x", 24, 4, 2, 0, samples, [])
    assert list(report.problems()) == ["tasks grew from 19 to 30.5"]
