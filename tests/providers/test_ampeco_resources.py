"""AMPECO: the operator's desk, with every kind of object that a tenant has."""

import json
from typing import Any

import pytest

from custom_components.ev_charger_cloud.charging import (
    CommandRefusedError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    Refusal,
    ResourceRequest,
    UnreachableError,
    Verb,
)
from custom_components.ev_charger_cloud.providers.ampeco import DESCRIPTION
from custom_components.ev_charger_cloud.providers.ampeco.provider import AmpecoProvider
from custom_components.ev_charger_cloud.providers.ampeco.resources import KINDS
from simulator.faults import Fault

from ..ampeco_bodies import CREATED
from .ampeco_tenant import Tenant, tenant_fixture  # noqa: F401

# What each kind's first object is in the demo tenant, by its parent where it has one.
PARENTS = {
    "weekday_prices": "17",
    "date_prices": "17",
    "charge_point_status_log": "4022",
    "evse_status_log": "9003",
}


@pytest.fixture(name="provider")
async def provider_fixture(tenant: Tenant) -> AmpecoProvider:
    """Return a provider whose user wants to change things."""
    tenant.connector().plug_in()
    tenant.connector().set_fault("OverCurrentFailure")
    tenant.cloud.tenant.reserve(tenant.evse("CP-HO-001"), 771)
    tenant.cloud.prices[17]["2026-05-12"] = []
    return tenant.provider(resource_changes=True)


def asked(kind: str, **fields: Any) -> ResourceRequest:
    return ResourceRequest(kind=kind, parent=PARENTS.get(kind), **fields)


def key_of(item: Any) -> str:
    return str(item.get("id") or item.get("weekDay") or item["date"])


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_can_be_looked_at(provider: AmpecoProvider, kind: str) -> None:
    page = await provider.list_resources(asked(kind))
    assert page.items
    assert page.next_page is None
    if Verb.READ in KINDS[kind].verbs:
        one = await provider.get_resource(asked(kind, id=key_of(page.items[0])))
        assert key_of(one) == key_of(page.items[0])
    else:
        with pytest.raises(NotSupportedError):
            await provider.get_resource(asked(kind, id="1"))


@pytest.mark.parametrize(
    "kind", [name for name in KINDS if Verb.CREATE in KINDS[name].verbs]
)
async def test_every_kind_can_be_changed_as_far_as_it_can(
    tenant: Tenant, provider: AmpecoProvider, kind: str
) -> None:
    values, changes = CREATED[kind]
    before = len((await provider.list_resources(asked(kind))).items)
    made = await provider.change_resource(Verb.CREATE, asked(kind, fields=values))
    assert made is not None
    key = key_of(made)
    assert len((await provider.list_resources(asked(kind))).items) == before + 1
    await provider.change_resource(Verb.UPDATE, asked(kind, id=key, fields=changes))
    shown = await provider.get_resource(asked(kind, id=key))
    assert {name: shown[name] for name in changes} == changes
    gone = asked(kind, id=key)
    if Verb.DELETE not in KINDS[kind].verbs:
        tenant.asked()
        with pytest.raises(NotSupportedError):
            await provider.change_resource(Verb.DELETE, gone)
        assert tenant.asked() == []
        return
    assert await provider.change_resource(Verb.DELETE, gone) is None
    with pytest.raises(NotFoundError) as caught:
        await provider.get_resource(gone)
    assert caught.value.reason == Refusal.UNKNOWN_RESOURCE


@pytest.mark.parametrize(
    ("kind", "day"), [("weekday_prices", "sun"), ("date_prices", "2026-12-24")]
)
async def test_prices_of_a_day_are_written_as_a_whole(
    tenant: Tenant, provider: AmpecoProvider, kind: str, day: str
) -> None:
    assert KINDS[kind].replaces
    periods = [{"startsAt": "00:00", "endsAt": "00:00", "price": 0.05}]
    change = asked(kind, id=day, fields={"periods": periods})
    await provider.change_resource(Verb.UPDATE, change)
    assert tenant.cloud.prices[17][day] == periods
    assert (await provider.get_resource(asked(kind, id=day)))["periods"] == periods
    await provider.change_resource(Verb.DELETE, asked(kind, id=day))
    assert day not in tenant.cloud.prices[17]


async def test_what_belongs_to_something_needs_to_know_to_what(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    with pytest.raises(CommandRefusedError) as caught:
        await provider.list_resources(ResourceRequest(kind="evse_status_log"))
    assert "evses" in caught.value.message
    assert tenant.asked() == []


async def test_nothing_is_changed_without_the_option(tenant: Tenant) -> None:
    option = next(o for o in DESCRIPTION.options if o.key == "resource_changes")
    assert option.default is False
    provider = tenant.provider()
    for verb in (Verb.CREATE, Verb.UPDATE, Verb.DELETE):
        with pytest.raises(NotSupportedError):
            await provider.change_resource(verb, asked("tariffs", id="55"))
    assert tenant.asked() == []
    assert (await provider.get_resource(asked("tariffs", id="55")))["id"] == 55


@pytest.mark.parametrize("paging", ["cursor", "links", "page"])
async def test_a_list_is_continued_where_it_stopped(
    tenant: Tenant, provider: AmpecoProvider, paging: str
) -> None:
    """A page is one request; the size of the first holds for those that follow."""
    tenant.cloud.quirks["paging"] = paging
    tenant.cloud.populate(7, connectors=1)
    tenant.asked()
    page, found, limit = None, list[int](), 4
    for _ in range(3):
        answer = await provider.list_resources(asked("evses", limit=limit, page=page))
        assert len(answer.items) <= 4
        found += [item["id"] for item in answer.items]
        page, limit = answer.next_page, 2
    assert page is None
    assert found == list(range(9001, 9012))
    assert tenant.asked() == ["GET evses/v2.1"] * 3


@pytest.mark.parametrize("page", ["nonsense", "cursor:x", "page:1:many"])
async def test_pages_that_nobody_gave_out(
    tenant: Tenant, provider: AmpecoProvider, page: str
) -> None:
    with pytest.raises(CommandRefusedError) as caught:
        await provider.list_resources(asked("evses", page=page))
    assert caught.value.reason == Refusal.INVALID_VALUE
    assert tenant.asked() == []


async def test_filters_and_parts(tenant: Tenant, provider: AmpecoProvider) -> None:
    page = await provider.list_resources(
        asked(
            "evses",
            filters={"chargePointId": "4021"},
            include=("connectors",),
        )
    )
    assert [item["id"] for item in page.items] == [9001, 9002]
    assert page.items[0]["connectors"][0]["type"] == "type2"
    plain = await provider.get_resource(asked("evses", id="9001"))
    assert "connectors" not in plain
    whole = await provider.get_resource(
        asked("evses", id="9001", include=("connectors",))
    )
    assert whole["connectors"]


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        (ResourceRequest(kind="evses", filters={"colour": "red"}), "colour"),
        (ResourceRequest(kind="evses", include=("engine",)), "engine"),
        (ResourceRequest(kind="vendor_error_codes", filters={"id": "1"}), "none"),
    ],
)
async def test_filters_that_no_kind_has_are_not_passed_over(
    tenant: Tenant, provider: AmpecoProvider, request_: ResourceRequest, word: str
) -> None:
    with pytest.raises(CommandRefusedError) as caught:
        await provider.list_resources(request_)
    assert caught.value.reason == Refusal.INVALID_VALUE
    assert word in caught.value.message
    assert tenant.asked() == []


async def test_a_right_that_is_missing_is_named(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    rights = tenant.cloud.accesses["ampeco-demo-token"].rights
    rights -= {"partners", "write"}
    with pytest.raises(PermissionDeniedError) as caught:
        await provider.list_resources(asked("partners"))
    assert "list partners" in caught.value.message
    with pytest.raises(PermissionDeniedError) as caught:
        await provider.change_resource(
            Verb.UPDATE, asked("tariffs", id="55", fields={"name": "x"})
        )
    assert "update tariffs" in caught.value.message
    # Looking at something takes nothing away from the chargers.
    assert (await provider.poll()).notices == ()


async def test_errors_name_the_fields(provider: AmpecoProvider) -> None:
    wrong = {"idTagUid": "", "type": "barcode", "status": "enabled"}
    with pytest.raises(CommandRefusedError) as caught:
        await provider.change_resource(Verb.CREATE, asked("id_tags", fields=wrong))
    assert caught.value.reason == Refusal.INVALID_VALUE
    assert "idTagUid" in caught.value.message


async def test_nothing_is_sent_twice(tenant: Tenant, provider: AmpecoProvider) -> None:
    tenant.cloud.faults.add(
        Fault(kind="drop", path="vouchers", method="POST", effect=True, times=None)
    )
    values, _ = CREATED["vouchers"]
    with pytest.raises(UnreachableError) as caught:
        await provider.change_resource(Verb.CREATE, asked("vouchers", fields=values))
    assert caught.value.uncertain
    assert tenant.asked().count("POST vouchers/v2.1") == 1


@pytest.mark.parametrize("key", ["..", ".", "", "1/../../users/v1.1/771", "1?x=2"])
async def test_an_id_is_one_segment(
    tenant: Tenant, provider: AmpecoProvider, key: str
) -> None:
    with pytest.raises(NotFoundError) as caught:
        await provider.change_resource(Verb.DELETE, asked("tariffs", id=key))
    assert caught.value.reason == Refusal.UNKNOWN_RESOURCE
    assert all(path.startswith("DELETE tariffs/v1.0/") for path in tenant.asked())
    assert tenant.cloud.resources["users"].items.keys() >= {771, 772}
    assert tenant.cloud.resources["tariffs"].items.keys() == {55}


async def test_secrets_stay_where_they_are(provider: AmpecoProvider) -> None:
    point = await provider.get_resource(asked("charge_points", id="4022"))
    text = json.dumps(point)
    for secret in ('1234"', "a-station-password", "SHARE-1"):
        assert secret not in text
    assert point["network"]["id"] == "CP-GN-002"


async def test_drivers_of_an_older_tenant(tenant: Tenant) -> None:
    tenant.cloud.quirks["users_version"] = "v1.0"
    provider = tenant.provider(resource_changes=True)
    assert len((await provider.list_resources(asked("users"))).items) == 2
    changed = await provider.change_resource(
        Verb.UPDATE, asked("users", id="771", fields={"externalId": "A-1"})
    )
    assert changed is not None
    assert changed["externalId"] == "A-1"
