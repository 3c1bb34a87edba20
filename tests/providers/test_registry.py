"""The registry of clouds."""

from pathlib import Path
import subprocess
import sys

import pytest

from custom_components.ev_charger_cloud.providers import PROVIDERS
from custom_components.ev_charger_cloud.providers.registry import Registry

from .. import floors

# As Home Assistant would, but for the top floor.
SCRIPT = """
import sys
from types import ModuleType

for name in ("custom_components", "custom_components.ev_charger_cloud"):
    sys.modules[name] = ModuleType(name)
    sys.modules[name].__path__ = [name.replace(".", "/")]
from custom_components.ev_charger_cloud.providers import PROVIDERS

def imported():
    return [
        key
        for key in PROVIDERS
        if f"custom_components.ev_charger_cloud.providers.{key}" in sys.modules
    ]

print(imported())
PROVIDERS["clemap"]
print(imported())
"""


def test_only_what_is_used_is_imported() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=Path(floors.ROOT),
        capture_output=True,
        check=True,
        text=True,
    )
    assert ran.stdout.splitlines() == ["[]", "['clemap']"]


@pytest.mark.parametrize("key", PROVIDERS)
def test_rows(key: str) -> None:
    assert PROVIDERS[key].key == key
    assert PROVIDERS.imported(key)


def test_mapping() -> None:
    registry = Registry("podero")
    assert not registry.imported("podero")
    registry["other"] = PROVIDERS["podero"]
    assert list(registry) == ["podero", "other"]
    del registry["podero"]
    assert len(registry) == 1
    with pytest.raises(KeyError):
        registry["podero"]
