"""The actions on what an operator keeps in a cloud."""

from typing import Any

import pytest

from custom_components.ev_charger_cloud.charging import (
    CommandRefusedError,
    NotFoundError,
    PermissionDeniedError,
    Refusal,
    ResourceRequest,
    UnreachableError,
    Verb,
)
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.providers.ampeco.resources import KINDS
from homeassistant.core import HomeAssistant, ServiceResponse
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .devices import SetUp, charger
from .fake_provider import FakeProvider
from .test_package import TEXTS


@pytest.fixture(autouse=True)
async def account(home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp) -> None:
    """Set an account up."""
    fake.fleet = {"c1": charger()}
    await set_up()


async def call(home: HomeAssistant, action: str, **fields: Any) -> ServiceResponse:
    """Call an action on the account, and return its response."""
    (entry,) = home.config_entries.async_entries(DOMAIN)
    return await home.services.async_call(
        DOMAIN,
        action,
        {"config_entry_id": entry.entry_id, "resource": "tariffs", **fields},
        blocking=True,
        return_response=True,
    )


async def test_list(home: HomeAssistant, fake: type[FakeProvider]) -> None:
    answer = await call(
        home,
        "list_resources",
        filters={"roaming": True, "partnerId": 12, "name": "x"},
        include="images",
        limit=5,
        page="cursor:a:5",
    )
    assert answer == {"resources": [{"id": 1}], "next_page": "cursor:x:50"}
    assert fake.asked == ResourceRequest(
        kind="tariffs",
        filters={"roaming": "true", "partnerId": "12", "name": "x"},
        include=("images",),
        limit=5,
        page="cursor:a:5",
    )


async def test_list_of_what_belongs_to_something(
    home: HomeAssistant, fake: type[FakeProvider]
) -> None:
    await call(home, "list_resources", resource="logs", parent_id="7")
    assert fake.asked == ResourceRequest(kind="logs", parent="7", filters={}, limit=50)


async def test_get(home: HomeAssistant) -> None:
    answer = await call(home, "get_resource", resource_id="7")
    assert answer == {"resource": {"id": "7"}}


@pytest.mark.parametrize(
    ("action", "fields", "verb", "answer"),
    [
        ("create_resource", {"fields": {"name": "x"}}, Verb.CREATE, {"name": "x"}),
        (
            "update_resource",
            {"resource_id": "1", "fields": {"name": "y"}},
            Verb.UPDATE,
            {"name": "y"},
        ),
        ("delete_resource", {"resource_id": "1"}, Verb.DELETE, None),
    ],
)
async def test_change(
    home: HomeAssistant,
    fake: type[FakeProvider],
    action: str,
    fields: dict[str, Any],
    verb: Verb,
    answer: dict[str, Any] | None,
) -> None:
    told = await call(home, action, **fields)
    assert told == {"resource": answer and {"id": "1", **answer}}
    ((made, request),) = fake.changed
    assert made is verb
    assert (request.id, request.fields) == (
        fields.get("resource_id"),
        fields.get("fields"),
    )


@pytest.mark.parametrize(
    ("action", "resource"),
    [("list_resources", "planets"), ("delete_resource", "logs")],
)
async def test_what_cannot_be_done_is_said_at_once(
    home: HomeAssistant, fake: type[FakeProvider], action: str, resource: str
) -> None:
    fields = {"resource_id": "1"} if action == "delete_resource" else {}
    with pytest.raises(ServiceValidationError) as caught:
        await call(home, action, resource=resource, **fields)
    assert caught.value.translation_key == "no_such_resource"
    assert fake.changed == []


@pytest.mark.parametrize(
    ("failure", "key", "words"),
    [
        (
            CommandRefusedError("name: required", reason=Refusal.INVALID_VALUE),
            "refused_invalid_value",
            "name: required",
        ),
        (
            NotFoundError(reason=Refusal.UNKNOWN_RESOURCE),
            "refused_unknown_resource",
            "",
        ),
        (
            PermissionDeniedError("update tariffs"),
            "permission_denied",
            "update tariffs",
        ),
        (
            UnreachableError("gone", reason="timeout", uncertain=True),
            "uncertain",
            "gone",
        ),
        (UnreachableError("gone", reason="timeout"), "unreachable", "gone"),
    ],
)
async def test_what_goes_wrong_is_explained(
    home: HomeAssistant,
    fake: type[FakeProvider],
    failure: Exception,
    key: str,
    words: str,
) -> None:
    fake.failure = failure
    with pytest.raises(HomeAssistantError) as caught:
        await call(home, "update_resource", resource_id="1", fields={"name": "x"})
    assert caught.value.translation_key == key
    placeholders = caught.value.translation_placeholders or {}
    assert words in placeholders["message"] + placeholders.get("words", "")


def test_all_kinds_are_named() -> None:
    """Whoever fills in the form finds what there is."""
    for action, text in TEXTS["services"].items():
        if action.endswith(("_resource", "_resources")):
            for kind in KINDS:
                assert f"`{kind}`" in text["fields"]["resource"]["description"]
