"""The examples of docs/automations.md, in Home Assistant."""

from pathlib import Path
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from custom_components.ev_charger_cloud.condition import CONDITIONS
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.event import EVENTS
from custom_components.ev_charger_cloud.trigger import TRIGGERS
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.script import async_validate_actions_config
from homeassistant.setup import async_setup_component

from .devices import SetUp, charger
from .fake_provider import FakeProvider

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "docs" / "automations.md").read_text()
BLOCKS = [
    yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
]


def is_automation(block: Any) -> bool:
    """Return whether a block holds automations, not the actions of one."""
    first = block[0] if isinstance(block, list) else block
    return "triggers" in first


def alias_of(block: Any) -> str:
    """Return what the first automation of a block is called."""
    alias: str = (block[0] if isinstance(block, list) else block)["alias"]
    return alias


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if is_automation(block)], ids=alias_of
)
async def test_automation(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider], block: Any
) -> None:
    """Each example is an automation that Home Assistant takes as it stands."""
    fake.fleet = {"c1": charger()}
    await set_up()
    automations = block if isinstance(block, list) else [block]
    assert await async_setup_component(home, "automation", {"automation": automations})
    await home.async_block_till_done()
    states = home.states.async_all("automation")
    assert [state.name for state in states] == [each["alias"] for each in automations]
    assert {state.state for state in states} == {"on"}
    await home.services.async_call(
        "automation", "turn_off", {"entity_id": "all"}, blocking=True
    )


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if not is_automation(block)]
)
async def test_actions(home: HomeAssistant, block: Any) -> None:
    """What is not a whole automation are actions."""
    actions = await async_validate_actions_config(home, cv.SCRIPT_SCHEMA(block))
    assert len(actions) == len(block)


def test_every_trigger_and_condition_is_told() -> None:
    """No trigger, condition or event is left out, and no other is named."""
    named = set(re.findall(rf"`{DOMAIN}\.(\w+)`", TEXT))
    assert named == TRIGGERS.keys() | CONDITIONS.keys()
    for description in EVENTS:
        for event_type in description.event_types or ():
            assert f"`{event_type}`" in TEXT


def test_every_trigger_and_condition_has_an_example() -> None:
    """Each is shown in use, here or in a blueprint."""
    shown = "".join(
        path.read_text()
        for path in (REPOSITORY / "blueprints" / "automation" / DOMAIN).iterdir()
    ) + "".join(re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))
    used = set(re.findall(rf"(?:trigger|condition): {DOMAIN}\.(\w+)", shown))
    assert used == TRIGGERS.keys() | CONDITIONS.keys()


def test_blueprint_links() -> None:
    """Each blueprint can be imported with a link to where it lies."""
    blueprints = REPOSITORY / "blueprints"
    linked = {
        parse_qs(urlsplit(link).query)["blueprint_url"][0]
        for link in re.findall(r"\((https://my\.home-assistant\.io/[^)]*)\)", TEXT)
    }
    assert linked == {
        f"https://github.com/{DOMAIN.replace('_', '-')}/{DOMAIN.replace('_', '-')}"
        f"/blob/main/{path.relative_to(REPOSITORY)}"
        for path in blueprints.rglob("*.yaml")
    }
