"""AMPECO: what is asked and answered keeps to the published structure.

The structure is a table of names and types, taken from AMPECO's own document; the
simulated tenant and the provider are both held to it.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
import re
from typing import Any

import pytest

from custom_components.ev_charger_cloud.charging import (
    ActivateSubscription,
    AddBalance,
    ApplyFee,
    CancelReservation,
    CancelSubscription,
    ChargingProfile,
    ClearChargingProfile,
    ClearLimit,
    Command,
    Control,
    HardReset,
    ProfilePurpose,
    RedeemVoucher,
    Refresh,
    Reserve,
    Reset,
    SchedulePeriod,
    SetChargingProfile,
    SetConfiguration,
    SetControl,
    SetUserStatus,
    StartCharging,
    StopCharging,
    SyncConfiguration,
    TriggerMessage,
    Unlock,
)
from simulator.clouds.ampeco.cloud import Exchange

from .ampeco_tenant import Tenant, fixture, tenant_fixture  # noqa: F401

OPERATIONS: dict[str, dict[str, Any]] = fixture("structure")["operations"]
# What came after the published document, under the same names.
NEWER = {"/resources/users/v1.1": "/resources/users/v1.0"}

ONE = "cp4022"
USER = "user771"


def operation_of(exchange: Exchange) -> dict[str, Any]:
    """Return what is published of a request."""
    path = exchange.path
    for newer, known in NEWER.items():
        path = path.replace(newer, known)
    for name, operation in OPERATIONS.items():
        method, template = name.split(" ")
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if method == exchange.method and re.fullmatch(pattern, path):
            return operation
    raise AssertionError(f"{exchange.method} {path} is not published")


def mismatches(exchange: Exchange) -> Iterator[str]:
    """Yield how a request or its answer differs from what is published."""
    operation = operation_of(exchange)
    body = operation.get("body")
    if body is None and exchange.sent is not None:
        yield "a body where none is taken"
    if body is not None:
        yield from differences(exchange.sent or {}, body, "sent", strict=True)
    if exchange.status >= 400:
        return
    if str(exchange.status) not in operation["answers"]:
        yield f"status {exchange.status} of {sorted(operation['answers'])}"
        return
    shape = operation["answers"][str(exchange.status)]
    if shape is not None and exchange.answered is not None:
        yield from differences(exchange.answered, shape, "answered")


def differences(
    value: Any, shape: Any, where: str, *, strict: bool = False
) -> Iterator[str]:
    """Yield how a value differs from its published shape."""
    if isinstance(shape, dict):
        yield from _in_object(value, shape, where, strict=strict)
    elif isinstance(shape, list):
        if value is None and "?" in shape:
            return
        if not isinstance(value, list):
            yield f"{where}: {value!r} is no list"
            return
        for index, item in enumerate(value):
            yield from differences(item, shape[0], f"{where}[{index}]", strict=strict)
    elif not fits(value, shape):
        yield f"{where}: {value!r} is no {shape}"


def _in_object(
    value: Any, shape: Mapping[str, Any], where: str, *, strict: bool
) -> Iterator[str]:
    """Yield how an object differs; `strict` allows no other fields."""
    if "oneOf" in shape:
        ways = [list(differences(value, way, where)) for way in shape["oneOf"]]
        if all(ways):
            yield from ways[0]
        return
    if value is None and "?" in shape:
        return
    if not isinstance(value, Mapping):
        yield f"{where}: {value!r} is no object"
        return
    fields = {name.rstrip("*"): inner for name, inner in shape.items() if name != "?"}
    for name in shape:
        if name.endswith("*") and name[:-1] not in value:
            yield f"{where}: {name[:-1]} is missing"
    for name, item in value.items():
        if name in fields:
            yield from differences(item, fields[name], f"{where}.{name}", strict=strict)
        elif strict and fields:
            yield f"{where}: {name} is not published"


def fits(value: Any, shape: str) -> bool:
    """Return whether a plain value is of a published type."""
    if shape.endswith("?"):
        if value is None:
            return True
        shape = shape[:-1]
    kind, _, rest = shape.partition(":")
    kind, _, longest = kind.partition("<=")
    if kind == "enum":
        return str(value) in rest.split("|")
    if isinstance(value, bool):
        return kind in {"boolean", "any"}
    match kind:
        case "integer":
            return isinstance(value, int)
        case "number":
            return isinstance(value, int | float)
        case "string":
            return isinstance(value, str) and len(value) <= int(longest or 10**6)
        case "datetime":
            return isinstance(value, str) and datetime.fromisoformat(value) is not None
        case "date":
            return (
                isinstance(value, str)
                and len(value) == 10
                and date.fromisoformat(value) is not None
            )
    return kind == "any"


def found(tenant: Tenant) -> set[str]:
    """Return all that does not keep to the structure."""
    assert tenant.cloud.exchanges
    return {
        re.sub(r"\[\d+\]", "[]", f"{exchange.method} {exchange.path}: {words}")
        for exchange in tenant.cloud.exchanges
        for words in mismatches(exchange)
    }


async def test_what_polls_ask_and_get(tenant: Tenant) -> None:
    tenant.cloud.exchanges = []
    provider = tenant.provider(users=True)
    await provider.candidates()
    await provider.poll()
    tenant.connector().plug_in()
    tenant.connector().start()
    tenant.cloud.tenant.reserve(tenant.evse("CP-GN-001"), 771)
    tenant.connector("CP-HO-001").set_fault("OverCurrentFailure")
    await provider.poll()
    tenant.step(600)
    tenant.connector().unplug()
    tenant.connector("CP-GN-001").cancel_reservation()
    await provider.poll()
    for device_id in ("cp4021", ONE, "circuit77", USER):
        await provider.read(device_id)
    now = tenant.world.now
    await provider.sessions(ONE, now.replace(year=2025), now, 50)
    await provider.session(ONE, "120046")
    assert found(tenant) == set()


PROFILE = ChargingProfile(
    stack_level=2,
    periods=(
        SchedulePeriod(start_period=0, limit=10.0, number_phases=3),
        SchedulePeriod(start_period=600, limit=16.0),
    ),
)

COMMANDS: list[Command] = [
    StartCharging(
        device_id=ONE,
        user_id="771",
        payment_method_id="pm-1",
        session_key="mine",
        current_limit=10.0,
    ),
    StartCharging(device_id=ONE, id_token="04A1B2C3D4"),
    StopCharging(device_id=ONE),
    StopCharging(device_id=ONE, force=True),
    Reserve(device_id="cp4023", user_id="771", reason="for the board"),
    CancelReservation(device_id="cp4023"),
    Unlock(device_id=ONE),
    Reset(device_id=ONE),
    HardReset(device_id=ONE),
    Refresh(device_id=ONE),
    TriggerMessage(device_id="cp4021_9001", message="Heartbeat"),
    SetConfiguration(device_id=ONE, key="HeartbeatInterval", value="60"),
    SetConfiguration(
        device_id=ONE, key="Interval", value="60", component="Clock", instance="x"
    ),
    SyncConfiguration(device_id=ONE),
    SyncConfiguration(device_id=ONE, keys=("HeartbeatInterval",)),
    SetChargingProfile(device_id=ONE, profile=PROFILE),
    ClearChargingProfile(device_id=ONE, purpose=ProfilePurpose.TX_DEFAULT),
    ClearChargingProfile(device_id=ONE, profile_id=5501),
    ClearLimit(device_id=ONE),
    SetControl(device_id=ONE, control=Control.CURRENT_LIMIT, value=10.0),
    SetControl(device_id=ONE, control=Control.AVAILABILITY, value=False),
    SetControl(device_id="cp4021", control=Control.AVAILABILITY, value=True),
    SetControl(
        device_id="cp4021", control=Control.SMART_CHARGING_MODE, value="disabled"
    ),
    SetControl(
        device_id="cp4021", control=Control.SMART_CHARGING_MODE, value="dynamic"
    ),
    SetControl(device_id="circuit77", control=Control.CIRCUIT_LIMIT, value=20.0),
    SetUserStatus(device_id=USER, enabled=False, reason="test"),
    ActivateSubscription(device_id=USER, plan_id="3", reason="test"),
    CancelSubscription(device_id=USER, reason="test"),
    AddBalance(device_id=USER, amount=5.0, reason="test"),
    ApplyFee(device_id=USER, amount=1.0, description="test"),
    RedeemVoucher(device_id=USER, code="WELCOME-10"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: type(each).__name__)
async def test_what_commands_ask_and_get(tenant: Tenant, command: Command) -> None:
    if isinstance(command, StopCharging):
        tenant.connector().plug_in()
        tenant.connector().start()
    if isinstance(command, CancelReservation):
        tenant.cloud.tenant.reserve(tenant.evse("CP-HO-001"), 771)
    provider = tenant.provider(users=True, user_actions=True)
    await provider.poll()
    tenant.cloud.exchanges = []
    await provider.execute(command)
    assert found(tenant) == set()


@pytest.mark.parametrize(
    "kind", sorted(name for name in OPERATIONS if re.match(r"GET .*/v[\d.]+$", name))
)
async def test_what_lists_and_objects_look_like(tenant: Tenant, kind: str) -> None:
    """Of each kind there is one to look at."""
    tenant.connector().plug_in()
    tenant.connector().start()
    tenant.cloud.tenant.reserve(tenant.evse("CP-HO-001"), 771)
    tenant.step(60)
    tenant.cloud.exchanges = []
    path = kind.removeprefix("GET ")
    url = f"{tenant.base_url}/public-api{path}"
    headers = {"Authorization": "Bearer ampeco-demo-token"}
    async with tenant.session.get(url, headers=headers) as response:
        assert response.status == 200
        items = (await response.json())["data"]
    assert items
    if isinstance(items, list):
        one = f"{url}/{items[0]['id']}"
        async with tenant.session.get(one, headers=headers) as response:
            assert response.status == 200
            body = await response.json()
        # A few kinds come without a wrapper.
        assert body.get("data", body) == items[0]
    assert found(tenant) == set()
