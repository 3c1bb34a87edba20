"""AMPECO: what is asked and answered keeps to the published structure.

The structure is a table of names and types, taken from AMPECO's own document; the
simulated tenant and the provider are both held to it.
"""

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

from ..ampeco_structure import OPERATIONS, Exchange, Judge, mismatches
from .ampeco_tenant import Tenant, tenant_fixture  # noqa: F401

ONE = "cp4022"
USER = "user771"


@pytest.mark.parametrize(
    ("method", "path", "sent", "found"),
    [
        ("PATCH", "partners/v2.0/12", {"name": "Others"}, []),
        (
            "PATCH",
            "partners/v2.0/12",
            {"fax": "1", "options": {"createUsers": "yes"}},
            [
                "sent: fax is not published",
                "sent.options.createUsers: 'yes' is no boolean",
            ],
        ),
        ("POST", "partners/v2.0", {"regNo": None}, ["sent: name is missing"]),
        (
            "PUT",
            "electricity-rates/v2.0/17/price-periods/week-day/sun",
            {"periods": [{"startsAt": "00:00", "price": "0.3"}]},
            [
                "sent.periods[0]: endsAt is missing",
                "sent.periods[0].price: '0.3' is no number",
            ],
        ),
        ("POST", "planets/v1.0", {}, ["is not published"]),
    ],
)
def test_what_the_judge_finds(
    method: str, path: str, sent: dict[str, Any], found: list[str]
) -> None:
    """Also in one of several shapes, and as deep as the document goes."""
    said = mismatches(
        Exchange(
            method=method,
            path=f"/resources/{path}",
            query=(),
            sent=sent,
            status=201 if method == "POST" else 200,
            answered=None,
        )
    )
    assert list(said) == found


async def test_what_polls_ask_and_get(tenant: Tenant, judge: Judge) -> None:
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
    assert judge.heard
    assert judge.found == set()


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
        current=10.0,
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
async def test_what_commands_ask_and_get(
    tenant: Tenant, command: Command, judge: Judge
) -> None:
    if isinstance(command, StopCharging):
        tenant.connector().plug_in()
        tenant.connector().start()
    if isinstance(command, CancelReservation):
        tenant.cloud.tenant.reserve(tenant.evse("CP-HO-001"), 771)
    provider = tenant.provider(users=True, user_actions=True)
    await provider.poll()
    await provider.execute(command)
    assert judge.heard
    assert judge.found == set()


@pytest.mark.parametrize(
    "kind",
    sorted(
        name for name in OPERATIONS if re.match(r"GET /resources/.*/v[\d.]+$", name)
    ),
)
async def test_what_lists_and_objects_look_like(
    tenant: Tenant, kind: str, judge: Judge
) -> None:
    """Of each kind there is one to look at."""
    tenant.connector().plug_in()
    tenant.connector().start()
    tenant.cloud.tenant.reserve(tenant.evse("CP-HO-001"), 771)
    tenant.step(60)
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
    assert judge.heard
    assert judge.found == set()
