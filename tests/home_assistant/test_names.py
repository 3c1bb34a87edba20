"""Names that come from us: each has a text, and each placeholder is given."""

import ast
import json
from pathlib import Path
from string import Formatter

import pytest

from custom_components.ev_charger_cloud.charging import Name
from custom_components.ev_charger_cloud.names import (
    async_device_name,
    async_feature_name,
    async_load_names,
)
from homeassistant.core import HomeAssistant

PACKAGE = Path(__file__).parents[2] / "custom_components" / "ev_charger_cloud"
TEXTS = json.loads((PACKAGE / "translations" / "en.json").read_text("utf-8"))
DEVICES = {key: text["name"] for key, text in TEXTS["device"].items()}
FEATURES = TEXTS["selector"]["feature"]["options"]


def names_in_providers() -> list[tuple[str, str]]:
    """Return where providers make names whose keys are written out."""
    return [
        (path.relative_to(PACKAGE).as_posix(), keyword.value.value)
        for path in sorted((PACKAGE / "providers").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Name"
        for keyword in node.keywords
        if keyword.arg == "key"
        and isinstance(keyword.value, ast.Constant)
        and isinstance(keyword.value.value, str)
    ]


def test_each_name_of_a_provider_has_a_text() -> None:
    """Nothing is shown to people as a bare key."""
    known = DEVICES.keys() | FEATURES.keys()
    assert [each for each in names_in_providers() if each[1] not in known] == []


def test_no_feature_is_called_like_a_device() -> None:
    """The key of a notice's subject says which of both it is."""
    assert DEVICES.keys().isdisjoint(FEATURES)


def test_placeholders() -> None:
    """Texts of devices name what providers give, those of features nothing."""
    given = {"charger", "number", "id"}
    for key, text in DEVICES.items():
        assert {field for _, field, *_ in Formatter().parse(text) if field} <= given, (
            key
        )
    for key, text in FEATURES.items():
        assert "{" not in text, key


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (Name(key="connector", placeholders={"number": "2"}), "Garage connector 2"),
        (Name(key="site", placeholders={"id": "12"}), "Site 12"),
        # What a cloud does not even number.
        (Name(key="charger"), "Charger"),
    ],
)
async def test_device(home: HomeAssistant, name: Name, shown: str) -> None:
    """A device's name holds that of its charger."""
    await async_load_names(home)
    assert async_device_name(home, name, "Garage") == shown


async def test_feature(home: HomeAssistant) -> None:
    """A feature is told from a device."""
    await async_load_names(home)
    assert async_feature_name(home, Name(key="unlock")) == "Unlocking cables"
    assert async_feature_name(home, Name(key="connector")) is None
