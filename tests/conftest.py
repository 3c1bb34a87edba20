"""Fixtures for the tests of all floors."""

from collections.abc import AsyncGenerator

from aiohttp import ClientSession
from hypothesis import settings
import pytest

# The same cases each time, and nothing is kept between runs.
settings.register_profile("here", derandomize=True, database=None, deadline=None)
settings.load_profile("here")


@pytest.fixture(autouse=True)
def loopback(socket_enabled: None) -> None:
    """Let tests reach the simulator on this machine."""


@pytest.fixture
async def session() -> AsyncGenerator[ClientSession]:
    """Return an HTTP session without Home Assistant."""
    async with ClientSession() as session:
        yield session
