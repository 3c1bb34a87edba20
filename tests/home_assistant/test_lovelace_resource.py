"""The card's module: served, known to dashboards, forgotten with the last account."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.lovelace_resource import UNVERSIONED_URL
from homeassistant.components.lovelace.const import LOVELACE_DATA
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.loader import async_get_integration
from homeassistant.setup import async_setup_component

from .devices import SetUp, charger
from .fake_provider import FakeProvider

STRANGER = {"id": "other", "type": "module", "url": "/hacsfiles/other.js?v=1"}


@pytest.fixture(autouse=True)
def fleet(fake: type[FakeProvider]) -> None:
    fake.fleet = {"c1": charger("c1")}


@pytest.fixture
def stored(hass_storage: dict[str, Any]) -> list[dict[str, str]]:
    """Return the resources that are stored before Home Assistant starts."""
    items = [dict(STRANGER)]
    hass_storage["lovelace_resources"] = {
        "version": 1,
        "key": "lovelace_resources",
        "data": {"items": items},
    }
    return items


@pytest.fixture
async def lovelace(
    home: HomeAssistant, stored: list[dict[str, str]], request: pytest.FixtureRequest
) -> None:
    """Set dashboards up, as they are by default or as a test wants them."""
    config = getattr(request, "param", {})
    assert await async_setup_component(home, "lovelace", {"lovelace": config})


async def urls(home: HomeAssistant) -> list[str]:
    resources = home.data[LOVELACE_DATA].resources
    await resources.async_get_info()
    return [item["url"] for item in resources.async_items()]


@pytest.mark.usefixtures("lovelace")
async def test_dashboards_load_the_module_beside_what_others_added(
    home: HomeAssistant, set_up: SetUp, hass_client_no_auth: ClientSessionGenerator
) -> None:
    await set_up()

    version = (await async_get_integration(home, DOMAIN)).version
    stranger, ours = await urls(home)
    assert stranger == STRANGER["url"]
    assert ours == f"/ev_charger_cloud/v/{version}/ev-charger-cloud.js"
    client = await hass_client_no_auth()
    for url, kept in ((ours, True), (UNVERSIONED_URL, False)):
        answer = await client.get(url)
        assert answer.status == 200
        assert "javascript" in answer.content_type
        assert ("Cache-Control" in answer.headers) is kept


@pytest.mark.usefixtures("lovelace")
async def test_a_reload_adds_nothing(home: HomeAssistant, set_up: SetUp) -> None:
    entry = await set_up()
    before = await urls(home)

    assert await home.config_entries.async_reload(entry.entry_id)
    assert await urls(home) == before


async def test_another_version_takes_the_place_of_all_former_ones(
    home: HomeAssistant,
    stored: list[dict[str, str]],
    set_up: SetUp,
) -> None:
    for number in range(2):
        url = f"/ev_charger_cloud/v/0.0.{number}/ev-charger-cloud.js"
        stored.append({"id": f"old{number}", "type": "module", "url": url})
    assert await async_setup_component(home, "lovelace", {})

    await set_up()

    _, ours = await urls(home)
    assert not ours.startswith("/ev_charger_cloud/v/0.0.")


@pytest.mark.usefixtures("lovelace")
async def test_the_module_goes_with_the_last_account_and_comes_with_a_new_one(
    home: HomeAssistant, set_up: SetUp
) -> None:
    entry = await set_up()
    other = MockConfigEntry(
        domain=DOMAIN, unique_id="fake_account-2", data=dict(entry.data)
    )
    other.add_to_hass(home)

    await home.config_entries.async_remove(other.entry_id)
    assert len(await urls(home)) == 2

    await home.config_entries.async_remove(entry.entry_id)
    assert await urls(home) == [STRANGER["url"]]

    other = MockConfigEntry(
        domain=DOMAIN, unique_id="fake_account-2", data=dict(entry.data)
    )
    other.add_to_hass(home)
    await home.config_entries.async_setup(other.entry_id)
    assert len(await urls(home)) == 2


@pytest.mark.parametrize(
    "lovelace", [{"resource_mode": "yaml", "resources": []}], indirect=True
)
@pytest.mark.usefixtures("lovelace")
async def test_in_yaml_mode_nothing_is_written(
    home: HomeAssistant, set_up: SetUp, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await set_up()

    assert await urls(home) == []
    await home.config_entries.async_remove(entry.entry_id)
    assert "dashboards' resources" not in caplog.text


@pytest.mark.usefixtures("lovelace")
async def test_resources_that_cannot_be_written_stop_no_account(
    home: HomeAssistant,
    set_up: SetUp,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def refuse(*_: object) -> None:
        raise HomeAssistantError

    resources = home.data[LOVELACE_DATA].resources
    monkeypatch.setattr(resources, "async_create_item", refuse)
    entry = await set_up()
    assert UNVERSIONED_URL in caplog.text
    assert home.states.async_all("sensor")

    monkeypatch.undo()
    await home.config_entries.async_reload(entry.entry_id)
    monkeypatch.setattr(resources, "async_delete_item", refuse)
    await home.config_entries.async_remove(entry.entry_id)
    assert "could not be taken out" in caplog.text
