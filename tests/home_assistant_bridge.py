"""Let pytest-homeassistant-custom-component run on newer Home Assistants.

The package is released some time after each Home Assistant and imports names that
the release it was made for has. This plugin is loaded by `-p` in `setup.cfg`, so
before the package, and puts the missing names back. Where nothing is missing, it
does nothing.

It also claims the package name `custom_components` for this repository. Otherwise
the first test's configuration folder, which has an empty one, would claim it, and
Home Assistant would not find the integration.
"""

import importlib

import pytest

from homeassistant.components import logger
from homeassistant.components.logger import helpers as logger_helpers

# Home Assistant 2026.11 moved it out of the package's own namespace.
if not hasattr(logger, "_clear_logger_overwrites"):
    logger._clear_logger_overwrites = getattr(  # type: ignore[attr-defined]
        logger_helpers, "_clear_logger_overwrites", lambda _hass: None
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Import this repository's `custom_components` before anything else can."""
    importlib.import_module("custom_components")
