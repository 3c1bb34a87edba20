"""The short form of the fault matrix: some faults at every cloud, at every phase."""

import pytest

from homeassistant.core import HomeAssistant
from reliability.fault_matrix import PHASES, neighbour_of, table, try_out
from reliability.faults import FAULTS
from reliability.house import ACCOUNTS, moved_in

# One of each way to be at fault; the long form has them all.
SHORT = (
    "status 401",
    "500 repeats what was sent",
    "429, Retry-After: 86400",
    "reset within the body",
    "gzip bomb",
    "lists emptied",
    "nulls",
    "numbers of 1e308",
    "half an emoji",
    "cookies",
)


def test_as_many_faults_as_promised() -> None:
    """There are faults of each name once, and enough of them."""
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names) >= 50
    assert set(SHORT) <= set(names)


@pytest.mark.parametrize("provider", ACCOUNTS)
async def test_faults(home: HomeAssistant, provider: str) -> None:
    """An account and its neighbour get over faults by themselves."""
    neighbour = neighbour_of(provider)
    faults = [fault for fault in FAULTS if fault.name in SHORT]
    async with moved_in(home, (provider, neighbour)) as house:
        cells = await try_out(house, provider, faults, neighbour)
    assert len(cells) == len(SHORT) * len(PHASES)
    failed = [cell for cell in cells if cell.problems]
    assert not failed, table(cells, [provider])
