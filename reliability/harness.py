"""Home Assistant's own test harness, made to work outside pytest."""

from pytest_homeassistant_custom_component import patch_time  # noqa: F401

from tests.floors import mend_home_assistant

mend_home_assistant()

from pytest_homeassistant_custom_component.common import (  # noqa: E402
    MockConfigEntry,
    async_fire_time_changed,
    async_test_home_assistant,
)

__all__ = ["MockConfigEntry", "async_fire_time_changed", "async_test_home_assistant"]
