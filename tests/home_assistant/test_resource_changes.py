"""AMPECO: an operator creates and changes something of each kind that can be.

What is sent is held to the published structure by the judge; what the tenant refuses,
the user reads with the name of the field.
"""

from typing import Any

import pytest

from custom_components.ev_charger_cloud.charging import Verb
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.providers.ampeco.resources import KINDS
from homeassistant.exceptions import HomeAssistantError

from ..ampeco_bodies import CREATED, Body
from ..ampeco_structure import operation_of
from . import test_every_action
from .test_every_action import Stage, said

account = test_every_action.account
cloud = test_every_action.cloud
no_real_waits = test_every_action.no_real_waits
stage = test_every_action.stage
story = test_every_action.story

PRICES = [{"startsAt": "00:00", "endsAt": "00:00", "price": 0.05}]
DAYS = {"weekday_prices": "sun", "date_prices": "2026-12-24"}

ampeco = pytest.mark.parametrize("account", ["ampeco"], indirect=True)


async def change(stage: Stage, action: str, kind: str, **fields: Any) -> Any:
    """Change something, and return what it has become."""
    answer = await stage.story.home.services.async_call(
        DOMAIN,
        action,
        {
            "config_entry_id": stage.story.entry.entry_id,
            "resource": kind,
            **fields,
        },
        blocking=True,
        return_response=True,
    )
    assert answer is not None
    return answer["resource"]


def required(stage: Stage) -> list[str]:
    """Return what the document requires of the last request."""
    method, path = stage.cloud.requests[-1]
    operation = operation_of(method, path.partition("/public-api")[2])
    assert operation is not None
    return [name[:-1] for name in operation["body"] if name.endswith("*")]


async def refuses(
    stage: Stage, action: str, kind: str, name: str, fields: Body, **where: Any
) -> None:
    """Have fields refused, with the name of the one that is wrong."""
    with pytest.raises(HomeAssistantError) as caught:
        await change(stage, action, kind, fields=fields, **where)
    assert f"{name}: " in said(caught.value)


def test_every_kind_is_here() -> None:
    assert CREATED.keys() == {
        name for name, kind in KINDS.items() if Verb.CREATE in kind.verbs
    }
    assert CREATED.keys() | DAYS.keys() == {
        name for name, kind in KINDS.items() if Verb.UPDATE in kind.verbs
    }


@ampeco
@pytest.mark.parametrize("kind", CREATED)
async def test_create_and_update(stage: Stage, kind: str) -> None:
    fields, changes = CREATED[kind]
    made = await change(stage, "create_resource", kind, fields=fields)
    assert stage.cloud.bodies[-1] == fields
    needed = required(stage)
    assert needed
    for name in needed:
        less = {key: value for key, value in fields.items() if key != name}
        await refuses(stage, "create_resource", kind, name, less or {"id": 1})
        await refuses(stage, "create_resource", kind, name, {**fields, name: ""})

    one = {"resource_id": str(made["id"])}
    became = await change(stage, "update_resource", kind, fields=changes, **one)
    assert stage.cloud.bodies[-1] == changes
    assert {name: became[name] for name in changes} == changes
    for name in required(stage):
        less = {key: value for key, value in changes.items() if key != name}
        await refuses(stage, "update_resource", kind, name, less, **one)
    # What something new needs cannot be emptied later.
    for name in needed:
        emptied = {**changes, name: ""}
        await refuses(stage, "update_resource", kind, name, emptied, **one)


@ampeco
@pytest.mark.parametrize(("kind", "day"), DAYS.items())
async def test_update_of_the_prices_of_a_day(stage: Stage, kind: str, day: str) -> None:
    where = {"resource_id": day, "parent_id": "17"}
    fields = {"periods": PRICES}
    became = await change(stage, "update_resource", kind, fields=fields, **where)
    assert stage.cloud.bodies[-1] == fields
    assert became["periods"] == PRICES
    for name in required(stage):
        wrong = {"prices": PRICES}
        await refuses(stage, "update_resource", kind, name, wrong, **where)
