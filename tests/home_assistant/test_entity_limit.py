"""An account that offers more entities than Home Assistant takes."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from unittest.mock import patch

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ev_charger_cloud import issues
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.providers.base import Candidate
from custom_components.ev_charger_cloud.repairs import EntitiesFlow
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import (
    entity_platform,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.setup import async_setup_component

from .devices import SetUp, charger
from .fake_provider import FakeProvider

LIMIT = 30
CHARGERS = 8


@pytest.fixture(autouse=True)
def limit(fake: type[FakeProvider]) -> Iterator[None]:
    """Let Home Assistant take few entities, and the account have more."""
    fake.fleet = {f"c{n}": charger(f"c{n}") for n in range(CHARGERS)}
    fake.reachable = tuple(Candidate(id=key, name=key) for key in fake.fleet)
    with (
        patch.object(issues, "MOST_ENTITIES", LIMIT),
        patch.object(entity_platform, "MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY", LIMIT),
    ):
        yield


@pytest.fixture
async def client(
    home: HomeAssistant, hass_client: ClientSessionGenerator, set_up: SetUp
) -> TestClient[Any, Any]:
    """Return a browser that looks at the repairs."""
    assert await async_setup_component(home, "repairs", {})
    await set_up()
    return await hass_client()


def issue_of(home: HomeAssistant) -> ir.IssueEntry | None:
    """Return the issue, if it is raised."""
    raised = [
        issue for issue in ir.async_get(home).issues.values() if issue.domain == DOMAIN
    ]
    return raised[0] if raised else None


async def post(
    client: TestClient[Any, Any], flow: str = "", **sent: Any
) -> dict[str, Any]:
    """Take a step of the flow."""
    response = await client.post(f"/api/repairs/issues/fix{flow}", json=sent)
    assert response.status == HTTPStatus.OK
    result: dict[str, Any] = await response.json()
    return result


async def begin(home: HomeAssistant, client: TestClient[Any, Any]) -> dict[str, Any]:
    """Open the issue."""
    issue = issue_of(home)
    assert issue is not None
    return await post(client, handler=DOMAIN, issue_id=issue.issue_id)


async def test_explained(
    home: HomeAssistant, client: TestClient[Any, Any], fake_entry: MockConfigEntry
) -> None:
    """It says how many were left out."""
    there = len(
        er.async_entries_for_config_entry(er.async_get(home), fake_entry.entry_id)
    )
    made = fake_entry.runtime_data.entities_made
    result = await begin(home, client)
    assert result["type"] == FlowResultType.MENU
    assert result["menu_options"] == ["essential", "chargers"]
    assert result["description_placeholders"] == {
        "account": "Fake account",
        "made": str(made),
        "left_out": str(made - there),
    }
    assert made > there >= LIMIT


async def test_essential(
    home: HomeAssistant, client: TestClient[Any, Any], fake_entry: MockConfigEntry
) -> None:
    """The essential entities alone may be few enough."""
    fewest = patch.object(issues, "MOST_ENTITIES", 1000)
    flow = (await begin(home, client))["flow_id"]
    with fewest:
        result = await post(client, f"/{flow}", next_step_id="essential")
        assert result["type"] == FlowResultType.CREATE_ENTRY
        await home.async_block_till_done()
    assert fake_entry.options["entities"] == "essential"
    assert fake_entry.runtime_data.essential_only
    assert issue_of(home) is None


async def test_chargers(
    home: HomeAssistant,
    client: TestClient[Any, Any],
    fake: type[FakeProvider],
    fake_entry: MockConfigEntry,
) -> None:
    """So may the entities of some chargers."""
    flow = (await begin(home, client))["flow_id"]
    result = await post(client, f"/{flow}", next_step_id="chargers")
    assert result["step_id"] == "chargers"
    result = await post(client, f"/{flow}", all_chargers=False, chargers=[])
    assert result["errors"] == {"base": "nothing_chosen"}
    fake.fleet = {"c1": charger("c1")}
    result = await post(client, f"/{flow}", all_chargers=False, chargers=["c1"])
    assert result["type"] == FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()
    assert fake_entry.options["chargers"] == ["c1"]
    assert issue_of(home) is None


async def test_ends_when_chargers_leave(
    home: HomeAssistant,
    client: TestClient[Any, Any],
    fake: type[FakeProvider],
    fake_entry: MockConfigEntry,
) -> None:
    """It is counted again when what chargers offer changes."""
    assert issue_of(home) is not None
    fake.fleet = {"c1": charger("c1")}
    await fake_entry.runtime_data.async_refresh()
    await home.async_block_till_done()
    assert issue_of(home) is None


async def test_essential_is_not_offered_twice(
    home: HomeAssistant,
    set_up: SetUp,
    fake_entry: MockConfigEntry,
) -> None:
    """Who has the essential ones only can but choose chargers."""
    home.config_entries.async_update_entry(
        fake_entry, options={**fake_entry.options, "entities": "essential"}
    )
    await set_up()
    flow = EntitiesFlow({"entry_id": fake_entry.entry_id, "made": 9, "left_out": 1})
    flow.hass = home
    assert (await flow.async_step_init())["menu_options"] == ["chargers"]


async def test_gone(home: HomeAssistant) -> None:
    """The account may be removed while its issue is open."""
    flow = EntitiesFlow({"entry_id": "gone", "made": 9, "left_out": 1})
    flow.hass = home
    for step in (
        flow.async_step_init,
        flow.async_step_essential,
        flow.async_step_chargers,
    ):
        result = await step()
        assert result["type"] == FlowResultType.ABORT
        assert result["reason"] == "not_loaded"
