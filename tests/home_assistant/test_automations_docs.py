"""The examples of all documents, in Home Assistant."""

from collections.abc import Iterator
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


def _blocks() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each example in YAML as a list, with the page that it is on."""
    for page in (
        REPOSITORY / "README.md",
        *sorted((REPOSITORY / "docs").rglob("*.md")),
    ):
        for text in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
            block = yaml.safe_load(text)
            if isinstance(block, dict):
                block = block.get("automation", [block])
            yield page.name, block


BLOCKS = list(_blocks())
AUTOMATIONS = [block for _, block in BLOCKS if "triggers" in block[0]]
ACTIONS = [(page, block) for page, block in BLOCKS if "action" in block[0]]
# What the dashboard's page shows is for the frontend, whose tests are in tests/browser.
FRONTEND = {"strategy", "type"}


@pytest.mark.parametrize("block", AUTOMATIONS, ids=lambda block: block[0]["alias"])
async def test_automation(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider], block: Any
) -> None:
    """Each example is an automation that Home Assistant takes as it stands."""
    fake.fleet = {"c1": charger()}
    await set_up()
    assert await async_setup_component(home, "automation", {"automation": block})
    await home.async_block_till_done()
    states = home.states.async_all("automation")
    assert [state.name for state in states] == [each["alias"] for each in block]
    assert {state.state for state in states} == {"on"}
    await home.services.async_call(
        "automation", "turn_off", {"entity_id": "all"}, blocking=True
    )


@pytest.mark.parametrize(
    ("page", "block"), ACTIONS, ids=[f"{page}-{b[0]['action']}" for page, b in ACTIONS]
)
async def test_actions(home: HomeAssistant, page: str, block: Any) -> None:
    """What is not a whole automation are actions, and ours take these fields."""
    actions = await async_validate_actions_config(home, cv.SCRIPT_SCHEMA(block))
    assert len(actions) == len(block)
    assert await async_setup_component(home, DOMAIN, {})
    services = home.services.async_services_for_domain(DOMAIN)
    for action in block:
        domain, name = action["action"].split(".")
        if domain == DOMAIN:
            assert services[name].schema
            services[name].schema(action.get("target", {}) | action.get("data", {}))


async def test_the_rest(home: HomeAssistant) -> None:
    """What is neither is a section of the configuration, or the frontend's."""
    for _, (block, *_) in BLOCKS:
        if block.keys() & {"triggers", "action", *FRONTEND}:
            continue
        assert await async_setup_component(home, next(iter(block)), block), block


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
