"""Repairs: what the owner can mend in the cloud."""

from http import HTTPStatus
import json
from typing import Any

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ev_charger_cloud.charging import (
    ChargingError,
    CommandRefusedError,
    Name,
    NotFoundError,
    Notice,
    NoticeKind,
    NotSupportedError,
    RateLimitedError,
    UnreachableError,
)
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.repairs import async_create_fix_flow
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from .devices import SetUp, charger
from .fake_provider import FakeProvider

URL = "https://link.example/secret"


@pytest.fixture(autouse=True)
def notice(fake: type[FakeProvider]) -> None:
    """Let the account have something to mend."""
    fake.fleet = {"c1": charger(name="Garage")}
    fake.notices = (
        Notice(
            kind=NoticeKind.RELINK_REQUIRED,
            subject="Garage",
            device_id="c1",
            link=True,
        ),
    )


@pytest.fixture
async def client(
    home: HomeAssistant, hass_client: ClientSessionGenerator, set_up: SetUp
) -> TestClient[Any, Any]:
    """Return a browser that looks at the repairs."""
    assert await async_setup_component(home, "repairs", {})
    await set_up()
    return await hass_client()


def issue_of(home: HomeAssistant) -> ir.IssueEntry:
    """Return the issue that is raised."""
    [issue] = [
        issue for issue in ir.async_get(home).issues.values() if issue.domain == DOMAIN
    ]
    return issue


async def begin(home: HomeAssistant, client: TestClient[Any, Any]) -> dict[str, Any]:
    """Begin to mend it."""
    response = await client.post(
        "/api/repairs/issues/fix",
        json={"handler": DOMAIN, "issue_id": issue_of(home).issue_id},
    )
    assert response.status == HTTPStatus.OK
    result: dict[str, Any] = await response.json()
    return result


async def test_address_is_shown_and_confirmed(
    home: HomeAssistant, client: TestClient[Any, Any], fake: type[FakeProvider]
) -> None:
    """The owner goes to the address, comes back, and the charger is looked at anew."""
    result = await begin(home, client)
    assert result["type"] == FlowResultType.FORM
    assert result["step_id"] == "confirm"
    assert result["description_placeholders"] == {"url": URL, "subject": "Garage"}
    polls = fake.polls
    fake.notices = ()
    response = await client.post(f"/api/repairs/issues/fix/{result['flow_id']}")
    assert response.status == HTTPStatus.OK
    assert (await response.json())["type"] == FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()
    assert fake.polls == polls + 1
    assert DOMAIN not in {issue.domain for issue in ir.async_get(home).issues.values()}


async def test_address_is_nowhere_stored(
    home: HomeAssistant,
    client: TestClient[Any, Any],
    fake_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It opens doors: it is in no issue, no entry, no state and no log."""
    caplog.clear()
    assert URL in json.dumps(await begin(home, client))
    for kept in (
        repr(list(ir.async_get(home).issues.values())),
        repr(fake_entry.as_dict()),
        repr(fake_entry.runtime_data.provider.context.memory),
        repr([state.as_dict() for state in home.states.async_all()]),
        caplog.text,
    ):
        assert URL not in kept


async def test_account_is_named_where_the_device_is_gone(
    home: HomeAssistant, client: TestClient[Any, Any], fake: type[FakeProvider]
) -> None:
    """A device that left meanwhile has no name any more."""
    fake.fleet = {}
    entry = home.config_entries.async_entries(DOMAIN)[0]
    await entry.runtime_data.async_refresh()
    result = await begin(home, client)
    assert result["description_placeholders"]["subject"] == "Fake account"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UnreachableError("no route"), "unreachable"),
        (RateLimitedError(retry_after=7), "rate_limited"),
        (NotSupportedError(), "not_supported"),
        (NotFoundError(), "not_found"),
        (CommandRefusedError("E77"), "command_refused"),
        (ChargingError(), "failed"),
    ],
)
async def test_address_cannot_be_had(
    home: HomeAssistant,
    client: TestClient[Any, Any],
    fake: type[FakeProvider],
    error: ChargingError,
    reason: str,
) -> None:
    """What goes wrong is told; the issue stands, and one can try again."""
    fake.failure = error
    result = await begin(home, client)
    assert result["type"] == FlowResultType.ABORT
    assert result["reason"] == reason
    assert result["description_placeholders"]["subject"] == "Garage"
    assert issue_of(home).active
    fake.failure = None
    assert (await begin(home, client))["type"] == FlowResultType.FORM


async def test_account_is_not_loaded(
    home: HomeAssistant, client: TestClient[Any, Any], fake_entry: MockConfigEntry
) -> None:
    """Without the account there is nobody to ask."""
    await home.config_entries.async_unload(fake_entry.entry_id)
    result = await begin(home, client)
    assert result["type"] == FlowResultType.ABORT
    assert result["reason"] == "not_loaded"


async def test_account_is_unloaded_while_the_owner_is_away(
    home: HomeAssistant,
    client: TestClient[Any, Any],
    fake: type[FakeProvider],
    fake_entry: MockConfigEntry,
) -> None:
    """The owner's part is done all the same."""
    result = await begin(home, client)
    await home.config_entries.async_unload(fake_entry.entry_id)
    response = await client.post(f"/api/repairs/issues/fix/{result['flow_id']}")
    assert (await response.json())["type"] == FlowResultType.CREATE_ENTRY
    assert fake.polls == 1


@pytest.mark.parametrize("data", [None, {"entry_id": "gone", "device_id": "c1"}])
async def test_issue_of_an_account_that_is_gone(
    home: HomeAssistant, data: dict[str, str | int | float | None] | None
) -> None:
    """An issue may outlive its account by a moment."""
    flow = await async_create_fix_flow(home, "old", data)
    flow.hass = home
    result = await flow.async_step_init()
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "not_loaded"


class TestSubjects:
    """What an issue is about is named as people know it."""

    @pytest.mark.parametrize(
        ("subject", "device_id", "shown"),
        [
            ("Garage", "c1", "Garage"),
            (Name(key="surplus_sessions"), None, "Solar surplus sessions"),
            (Name(key="current_limit"), "c1", "Current limit"),
            (Name(key="charger", placeholders={"id": "A7"}), "c1", "Charger A7"),
            (Name(key="gadget"), None, "gadget"),
        ],
    )
    async def test_name(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        set_up: SetUp,
        subject: str | Name,
        device_id: str | None,
        shown: str,
    ) -> None:
        """Features and devices that a cloud does not name have names of ours."""
        fake.notices = (
            Notice(
                kind=NoticeKind.PERMISSION_MISSING, subject=subject, device_id=device_id
            ),
        )
        await set_up()
        issue = issue_of(home)
        assert issue.translation_placeholders == {
            "subject": shown,
            "account": "Fake account",
        }
        assert not issue.is_fixable

    async def test_each_feature_has_its_issue(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """Two features of a charger are two issues; each ends by itself."""
        notices = [
            Notice(
                kind=NoticeKind.PERMISSION_MISSING,
                subject=Name(key=key),
                device_id="c1",
            )
            for key in ("reset", "unlock")
        ]
        fake.notices = tuple(notices)
        entry = await set_up()
        registry = ir.async_get(home)
        assert len([each for each in registry.issues if each[0] == DOMAIN]) == 2
        fake.notices = tuple(notices[1:])
        await entry.runtime_data.async_refresh()
        assert issue_of(home).translation_placeholders == {
            "subject": "Unlocking cables",
            "account": "Fake account",
        }
