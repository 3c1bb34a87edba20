"""Who may do what: each row of the table in the documents, for each kind of user."""

from pathlib import Path
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.ev_charger_cloud.const import DOMAIN
from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_READ_ONLY, GROUP_ID_USER
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized, UnknownUser
from homeassistant.helpers import entity_registry as er

from .devices import COMMANDS, SetUp, charger, device_entry
from .fake_provider import FakeProvider

DOCUMENT = Path(__file__).parents[2] / "docs" / "rights.md"
GROUPS = (GROUP_ID_ADMIN, GROUP_ID_USER, GROUP_ID_READ_ONLY, None)

# Enough for each action to be understood.
FIELDS: dict[str, dict[str, Any]] = {
    "get_command": {"action_id": "a1"},
    "get_session": {"session_id": "s1"},
    "list_resources": {"resource": "tariffs"},
    "get_resource": {"resource": "tariffs", "resource_id": "1"},
    "create_resource": {"resource": "tariffs", "fields": {"name": "x"}},
    "update_resource": {
        "resource": "tariffs",
        "resource_id": "1",
        "fields": {"name": "x"},
    },
    "delete_resource": {"resource": "tariffs", "resource_id": "1"},
    "set_charging_limit": {"current": 10},
    "pause_charging": {"duration": "01:00:00"},
    "set_charge_policy": {"enabled": True},
    "set_charging_profile": {"periods": [{"start_period": 0, "limit": 10}]},
    "trigger_message": {"message": "Heartbeat"},
    "set_configuration": {"key": "A", "value": "1"},
    "set_user_status": {"enabled": True, "reason": "x"},
    "activate_subscription": {"plan_id": "1"},
    "cancel_subscription": {"reason": "x"},
    "add_balance": {"amount": 1, "reason": "x"},
    "apply_fee": {"amount": 1, "description": "x"},
    "redeem_voucher": {"code": "x"},
}
NAMED = {
    "file_name": "x",
    "id_token": "A1B2",
    "payment_method_id": "pm",
    "user_id": "7",
}


def rows() -> list[tuple[str, str | None, tuple[bool, ...]]]:
    """Return the table: action, the field that makes it special, who may."""
    found = []
    for line in DOCUMENT.read_text().splitlines():
        if not line.startswith("| `"):
            continue
        action, _, *allowed = (cell.strip() for cell in line.strip("|").split("|"))
        assert set(allowed) <= {"yes", "no"}, line
        name, _, field = action.partition(" with ")
        found.append(
            (
                name.strip("`"),
                field.strip("`") or None,
                tuple(word == "yes" for word in allowed),
            )
        )
    return found


@pytest.fixture
async def device_id(
    home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp, tmp_path: Path
) -> str:
    """Return a charger that takes all commands, and nobody minds which."""
    fake.fleet = {"c1": charger(commands=COMMANDS)}
    home.config.media_dirs = {"local": str(tmp_path)}
    await set_up()
    device = device_entry(home, "c1")
    assert device is not None
    return device.id


async def user_in(home: HomeAssistant, group: str | None) -> MockUser:
    """Return a user in a group, or in none."""
    groups = [] if group is None else [await home.auth.async_get_group(group)]
    user = MockUser(groups=groups)
    user.add_to_hass(home)
    return user


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(("action", "field", "allowed"), rows())
async def test_row(
    home: HomeAssistant,
    fake: type[FakeProvider],
    device_id: str,
    action: str,
    field: str | None,
    allowed: tuple[bool, ...],
    group: str | None,
) -> None:
    """Who may, may; who may not is told so and nothing reaches the cloud."""
    assert len(allowed) == len(GROUPS)
    fields = dict(FIELDS.get(action, {}))
    if field is not None:
        fields[field] = NAMED[field]
    target = {"device_id": device_id}
    if "resource" in fields:
        (entry,) = home.config_entries.async_entries(DOMAIN)
        target = {"config_entry_id": entry.entry_id}
    user = await user_in(home, group)
    call = home.services.async_call(
        DOMAIN,
        action,
        {**target, **fields},
        blocking=True,
        return_response=True,
        context=Context(user_id=user.id),
    )
    if allowed[GROUPS.index(group)]:
        answer = await call
        looks = action.startswith(("export_", "get_", "list_"))
        assert bool(fake.executed or fake.changed) != looks
        assert answer
    else:
        with pytest.raises(Unauthorized):
            await call
        assert fake.executed == []
        assert fake.changed == []


async def test_every_action_has_a_row(home: HomeAssistant, device_id: str) -> None:
    """No action is forgotten in the table."""
    assert {action for action, _, _ in rows()} == set(
        home.services.async_services_for_domain(DOMAIN)
    )


@pytest.mark.parametrize(
    ("theirs", "allowed"),
    [("all", True), ("enabled", False), ("one", False), ("none left", False)],
)
async def test_control_is_control_of_all_entities(
    home: HomeAssistant,
    fake: type[FakeProvider],
    device_id: str,
    theirs: str,
    allowed: bool,
) -> None:
    """Some of a charger's entities, or a charger without any, give no right to it."""
    registry = er.async_get(home)
    entities = er.async_entries_for_device(
        registry, device_id, include_disabled_entities=True
    )
    assert any(entity.disabled for entity in entities)
    chosen = [
        entity.entity_id
        for entity in entities
        if theirs == "all" or not entity.disabled
    ]
    if theirs == "one":
        del chosen[1:]
    if theirs == "none left":
        for entity in entities:
            registry.async_remove(entity.entity_id)
    user = await user_in(home, None)
    user.mock_policy({"entities": {"entity_ids": dict.fromkeys(chosen, True)}})
    call = home.services.async_call(
        DOMAIN,
        "stop_charging",
        {"device_id": device_id},
        blocking=True,
        context=Context(user_id=user.id),
    )
    if allowed:
        await call
    else:
        with pytest.raises(Unauthorized):
            await call
    assert bool(fake.executed) is allowed


async def test_nobody_known(home: HomeAssistant, device_id: str) -> None:
    """A user who was deleted has no rights."""
    with pytest.raises(UnknownUser):
        await home.services.async_call(
            DOMAIN,
            "start_charging",
            {"device_id": device_id},
            blocking=True,
            context=Context(user_id="gone"),
        )
