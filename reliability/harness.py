"""Home Assistant's own test harness, made to work outside pytest."""

import asyncio
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from pytest_homeassistant_custom_component import patch_time  # noqa: F401

from tests.floors import mend_home_assistant

mend_home_assistant()

from pytest_homeassistant_custom_component import common  # noqa: E402
from pytest_homeassistant_custom_component.common import (  # noqa: E402
    MockConfigEntry,
    async_fire_time_changed,
    async_test_home_assistant,
)

from homeassistant.util.async_ import get_scheduled_timer_handles  # noqa: E402

__all__ = [
    "MockConfigEntry",
    "async_fire_time_changed",
    "async_test_home_assistant",
    "real_lines",
]

_LINES = ("aiohttp", "asyncio", "aiohappyeyeballs")


def _timers(loop: asyncio.AbstractEventLoop) -> list[asyncio.TimerHandle]:
    """Return the timers of a loop but those of connections."""
    return [
        timer
        for timer in get_scheduled_timer_handles(loop)
        if not _owner(timer).startswith(_LINES)
    ]


def _owner(timer: asyncio.TimerHandle) -> str:
    """Return the module that a timer calls back."""
    called: Any = timer._callback  # type: ignore[attr-defined]
    called = getattr(called, "func", called)
    return str(getattr(called, "__module__", None) or type(called).__module__)


def real_lines() -> AbstractContextManager[object]:
    """Leave the timers of connections to real time, whatever time is made to pass."""
    return patch.object(common, "get_scheduled_timer_handles", _timers)
