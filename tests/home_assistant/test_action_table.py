"""The document of actions says what the code does."""

import json

import pytest
import voluptuous as vol

from custom_components.ev_charger_cloud.service_commands import COMMAND_ACTIONS
from custom_components.ev_charger_cloud.services import (
    COMMAND_SCHEMA,
    EXPORT_SCHEMA,
    PROFILES_SCHEMA,
    RESOURCE_SCHEMAS,
    SESSION_SCHEMA,
    SESSIONS_SCHEMA,
)
from scripts import action_table

_OTHERS = {
    **RESOURCE_SCHEMAS,
    "export_sessions": EXPORT_SCHEMA,
    "get_charging_profiles": PROFILES_SCHEMA,
    "get_command": COMMAND_SCHEMA,
    "get_session": SESSION_SCHEMA,
    "get_sessions": SESSIONS_SCHEMA,
}


@pytest.mark.usefixtures("socket_enabled")
async def test_document() -> None:
    """Which cloud takes which field is written as the providers say it."""
    written = action_table.between(action_table.DOCUMENT.read_text())
    assert written == await action_table.table(), "python -m scripts.action_table"


def test_no_action_is_left_out() -> None:
    """Each action has an example, and so a section."""
    assert action_table.EXAMPLES.keys() == COMMAND_ACTIONS.keys() | _OTHERS.keys()


@pytest.mark.parametrize("action", action_table.EXAMPLES)
def test_example(action: str) -> None:
    """The example of an action is taken by it."""
    example = dict(action_table.EXAMPLES[action])
    if action in COMMAND_ACTIONS:
        vol.Schema(COMMAND_ACTIONS[action].fields)(example)
    elif action in RESOURCE_SCHEMAS:
        RESOURCE_SCHEMAS[action]({"config_entry_id": "7g8h9i", **example})
    else:
        _OTHERS[action]({"device_id": "1a2b3c", **example})


@pytest.mark.parametrize(
    ("action", "operation"),
    [
        ("create_resource", "POST /resources/id-tags/v2.0"),
        ("update_resource", "PATCH /resources/charge-points/v2.0/{chargePoint}"),
    ],
)
def test_fields_of_resources(action: str, operation: str) -> None:
    """Examples have the fields that the cloud knows, and all that it requires."""
    structure = json.loads(
        (action_table.ROOT / "tests/fixtures/ampeco/structure.json").read_text()
    )
    body = structure["operations"][operation]["body"]
    fields = action_table.EXAMPLES[action]["fields"].keys()
    assert fields <= {name.rstrip("*") for name in body}
    assert fields >= {name.rstrip("*") for name in body if name.endswith("*")}


def test_only_the_table_is_replaced() -> None:
    """What people wrote around the table stays."""
    begin, end = action_table.BEGIN, action_table.END
    document = f"Before\n{begin}old\n{end}After\n"
    content = action_table.put(document, "new\n")
    assert content == f"Before\n{begin}new\n{end}After\n"
