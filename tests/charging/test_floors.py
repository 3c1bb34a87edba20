"""The lower floors stand by themselves."""

import importlib
import sys

import pytest


def test_home_assistant_is_out_of_reach(pytestconfig: pytest.Config) -> None:
    """Tests of the lower floors run without it, and could not load it."""
    if not pytestconfig.pluginmanager.has_plugin("lower_floors"):
        pytest.skip("runs together with tests of the top floor")
    assert "homeassistant" not in sys.modules
    with pytest.raises(ImportError, match="know no Home Assistant"):
        importlib.import_module("homeassistant.core")
