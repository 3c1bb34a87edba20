"""Run each floor's tests with what it needs: Home Assistant for the top floor alone.

`setup.cfg` loads this plugin first and keeps Home Assistant's from loading by itself.
Where tests of the top floor are asked for, it is loaded here. Otherwise the package of
the integration is entered without its `__init__.py`, which is Home Assistant's, and
whatever loads Home Assistant all the same fails.
"""

import importlib
from importlib.abc import MetaPathFinder
from pathlib import Path
import sys
from types import ModuleType

import pytest
import pytest_socket

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
TOP_FLOOR = TESTS / "home_assistant"


class LowerFloors(MetaPathFinder):
    """What holds while only tests of the lower floors run."""

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> None:
        """Refuse to find Home Assistant, for whoever imports it."""
        if fullname.partition(".")[0] == "homeassistant":
            raise ImportError("the lower floors know no Home Assistant")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Let no test reach further than this machine."""
        pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"])

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail when Home Assistant was loaded all the same."""
        if "homeassistant" in sys.modules:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            print("\nTests of the lower floors loaded Home Assistant")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Find out which floors are asked for and make ready for them."""
    options = early_config.known_args_namespace
    # Nothing named means everything.
    asked = options.file_or_dir or [str(TESTS)]
    here = early_config.invocation_params.dir
    paths = [Path(here, each.partition("::")[0]).resolve() for each in asked]
    manager = early_config.pluginmanager
    if any(
        path.is_relative_to(TOP_FLOOR) or path in TOP_FLOOR.parents for path in paths
    ):
        mend_home_assistant()
        # Else the first test's configuration folder, which has an empty one, claims
        # the name, and Home Assistant would not find the integration.
        importlib.import_module("custom_components")
        manager.import_plugin("pytest_homeassistant_custom_component.plugins")
    else:
        _enter("custom_components", ROOT / "custom_components")
        _enter(
            "custom_components.ev_charger_cloud",
            ROOT / "custom_components" / "ev_charger_cloud",
        )
        lower_floors = LowerFloors()
        sys.meta_path.insert(0, lower_floors)
        manager.register(lower_floors, "lower_floors")


def mend_home_assistant() -> None:
    """Let pytest-homeassistant-custom-component run on newer Home Assistants.

    It is released some time after each Home Assistant and imports names that the
    release it was made for has. Where nothing is missing, this does nothing.
    """
    logger = importlib.import_module("homeassistant.components.logger")
    helpers = importlib.import_module("homeassistant.components.logger.helpers")
    # Home Assistant 2026.11 moved it out of the package's own namespace.
    name = "_clear_logger_overwrites"
    if not hasattr(logger, name):
        setattr(logger, name, getattr(helpers, name, lambda _hass: None))


def _enter(name: str, folder: Path) -> None:
    """Have a package in place whose `__init__.py` is not run."""
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, package)
