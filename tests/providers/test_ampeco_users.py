"""AMPECO: what can be done to drivers' accounts."""

from datetime import UTC, datetime
from typing import Any

import pytest

from custom_components.ev_charger_cloud.charging import (
    ActivateSubscription,
    AddBalance,
    ApplyFee,
    CancelSubscription,
    Command,
    CommandRefusedError,
    CommandResult,
    Money,
    Name,
    NotFoundError,
    NotSupportedError,
    Outcome,
    PermissionDeniedError,
    Reading,
    RedeemVoucher,
    Refusal,
    ServerFaultError,
    SetUserStatus,
    SubscriptionStatus,
    UnreachableError,
    Value,
)
from custom_components.ev_charger_cloud.providers.ampeco import DESCRIPTION
from custom_components.ev_charger_cloud.providers.ampeco.provider import AmpecoProvider
from simulator.faults import Fault

from .ampeco_tenant import FULL, Tenant, tenant_fixture  # noqa: F401

KIM = "user771"
GUEST = "user772"
COMMANDS: tuple[tuple[Command, str], ...] = (
    (SetUserStatus(device_id=KIM, enabled=False, reason="x"), "v1.0/771/change-status"),
    (
        ActivateSubscription(device_id=KIM, plan_id="3"),
        "v1.0/771/activate-subscription",
    ),
    (CancelSubscription(device_id=KIM, reason="x"), "v1.0/771/cancel-subscription"),
    (AddBalance(device_id=KIM, amount=5, reason="x"), "v1.0/771/add-balance"),
    (ApplyFee(device_id=KIM, amount=5, description="x"), "v1.0/771/apply-custom-fee"),
    (RedeemVoucher(device_id=KIM, code="WELCOME-10"), "v2.0/771/redeem-voucher"),
)
KINDS = {type(command) for command, _ in COMMANDS}


@pytest.fixture(name="provider")
async def provider_fixture(tenant: Tenant) -> AmpecoProvider:
    """Return a provider that has polled once and may act on drivers."""
    provider = tenant.provider(users=True, user_actions=True)
    await provider.poll()
    tenant.asked()
    return provider


async def read(provider: AmpecoProvider, device_id: str, reading: Reading) -> Value:
    """Return a reading of a driver, read anew."""
    return (await provider.read(device_id))[device_id].readings[reading]


async def refusal(provider: AmpecoProvider, command: Command) -> CommandRefusedError:
    """Return how a command is refused."""
    with pytest.raises(CommandRefusedError) as err:
        await provider.execute(command)
    return err.value


def test_the_option_is_off_by_default() -> None:
    option = next(o for o in DESCRIPTION.options if o.key == "user_actions")
    assert (option.default, option.required) == (False, False)


async def test_drivers_are_only_looked_at_by_default(tenant: Tenant) -> None:
    provider = tenant.provider(users=True)
    assert (await provider.poll()).fleet[KIM].commands.keys() == frozenset()
    tenant.asked()
    for command, _ in COMMANDS:
        with pytest.raises(NotSupportedError):
            await provider.execute(command)
    assert tenant.asked() == []


async def test_what_is_offered(provider: AmpecoProvider) -> None:
    fleet = (await provider.poll()).fleet
    assert fleet[KIM].commands.keys() == fleet[GUEST].commands.keys() == KINDS
    others = (
        d.commands.keys() for key, d in fleet.items() if not key.startswith("user")
    )
    assert not any(KINDS & commands for commands in others)


@pytest.mark.parametrize(("command", "path"), COMMANDS)
async def test_each_command_is_one_request(
    tenant: Tenant, provider: AmpecoProvider, command: Command, path: str
) -> None:
    result = await provider.execute(command)
    assert result == CommandResult(outcome=Outcome.COMPLETED)
    assert tenant.asked() == [f"POST actions/users/{path}"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=502, kind="html", path="users", effect=True), ServerFaultError),
        (Fault(kind="drop", path="users", effect=True), UnreachableError),
        (Fault(status=404, path="users"), NotFoundError),
        (
            Fault(status=200, body={"success": False, "message": "No"}, path="users"),
            CommandRefusedError,
        ),
    ],
)
@pytest.mark.parametrize("command", [command for command, _ in COMMANDS])
async def test_nothing_is_ever_sent_twice(
    tenant: Tenant,
    provider: AmpecoProvider,
    command: Command,
    fault: Fault,
    error: type[Exception],
) -> None:
    tenant.cloud.faults.add(
        Fault(
            status=fault.status,
            body=fault.body,
            kind=fault.kind,
            path=fault.path,
            effect=fault.effect,
        )
    )
    with pytest.raises(error):
        await provider.execute(command)
    assert len(tenant.asked()) == 1


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"data": {"id": 1}}'])
async def test_any_success_will_do(
    tenant: Tenant, provider: AmpecoProvider, body: str
) -> None:
    tenant.cloud.faults.add(Fault(status=202, body=body, kind="empty", path="users"))
    result = await provider.execute(AddBalance(device_id=KIM, amount=1, reason="x"))
    assert result.outcome is Outcome.COMPLETED


@pytest.mark.parametrize(
    ("command", "subject"),
    [
        (command, subject)
        for (command, _), subject in zip(
            COMMANDS,
            (
                "user_status",
                "activate_subscription",
                "cancel_subscription",
                "add_balance",
                "apply_fee",
                "redeem_voucher",
            ),
            strict=True,
        )
    ],
)
async def test_a_forbidden_command_takes_itself_away_and_nothing_else(
    tenant: Tenant, provider: AmpecoProvider, command: Command, subject: str
) -> None:
    right = {type(c): path.rpartition("/")[2] for c, path in COMMANDS}[type(command)]
    tenant.cloud.accesses[FULL].rights.discard(right)
    with pytest.raises(PermissionDeniedError):
        await provider.execute(command)
    poll = await provider.poll()
    assert poll.fleet[KIM].commands.keys() == KINDS - {type(command)}
    assert [notice.subject for notice in poll.notices] == [Name(key=subject)]


@pytest.mark.parametrize(
    "command",
    [
        AddBalance(device_id="cp4022", amount=1, reason="x"),
        AddBalance(device_id="circuit77", amount=1, reason="x"),
    ],
)
async def test_what_is_no_driver(
    tenant: Tenant, provider: AmpecoProvider, command: Command
) -> None:
    with pytest.raises(NotSupportedError):
        await provider.execute(command)
    assert tenant.asked() == []


# What becomes of it


async def test_status(tenant: Tenant, provider: AmpecoProvider) -> None:
    user = tenant.cloud.resources["users"].items[772]
    for enabled, status in ((True, "enabled"), (False, "disabled")):
        await provider.execute(
            SetUserStatus(device_id=GUEST, enabled=enabled, reason="as agreed")
        )
        assert user["status"] == status


async def test_subscription(tenant: Tenant, provider: AmpecoProvider) -> None:
    assert await read(provider, GUEST, Reading.SUBSCRIPTION) is None
    await provider.execute(
        ActivateSubscription(
            device_id=GUEST,
            plan_id="3",
            end=datetime(2099, 1, 1, tzinfo=UTC),
            auto_renewal=False,
            reason="moved in",
        )
    )
    status = await read(provider, GUEST, Reading.SUBSCRIPTION)
    assert status is SubscriptionStatus.ACTIVE
    kept = tenant.cloud.resources["subscriptions"].items[411]
    assert (kept["planId"], kept["endDate"]) == (3, "2099-01-01T00:00:00Z")
    await provider.execute(CancelSubscription(device_id=GUEST, reason="moved out"))
    status = await read(provider, GUEST, Reading.SUBSCRIPTION)
    assert status is SubscriptionStatus.CANCELED


async def test_money(provider: AmpecoProvider) -> None:
    balance: list[Value] = []
    for command in (
        AddBalance(device_id=KIM, amount=10, reason="Goodwill"),
        AddBalance(device_id=KIM, amount=-0.5, reason="Mistake"),
        RedeemVoucher(device_id=KIM, code="WELCOME-10"),
        ApplyFee(device_id=KIM, amount=5, description="Lost card"),
        ApplyFee(
            device_id=KIM, amount=5, description="Lost card", payment_method_id="pm1"
        ),
    ):
        await provider.execute(command)
        balance.append(await read(provider, KIM, Reading.BALANCE))
    assert balance == [
        Money(amount, "EUR") for amount in (35.5, 35.0, 45.0, 40.0, 40.0)
    ]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            ApplyFee(device_id=KIM, amount=99, description="x"),
            "amount: The balance is too low.",
        ),
        (RedeemVoucher(device_id=KIM, code="x"), "code: The voucher code is invalid."),
        (
            ActivateSubscription(device_id=KIM, plan_id="4"),
            "planId: The selected plan id is invalid.",
        ),
        (
            ActivateSubscription(device_id=KIM, plan_id="Commuter"),
            "the id of the plan must be a number",
        ),
        (
            CancelSubscription(device_id=GUEST, reason="x"),
            "subscription: The user has no active subscription.",
        ),
        (
            AddBalance(device_id=KIM, amount=1, reason=""),
            "reason: The reason field is required.",
        ),
    ],
)
async def test_refusals_name_the_fields(
    provider: AmpecoProvider, command: Command, message: str
) -> None:
    before = await read(provider, KIM, Reading.BALANCE)
    err = await refusal(provider, command)
    assert (err.reason, err.message) == (Refusal.INVALID_VALUE, message)
    assert await read(provider, KIM, Reading.BALANCE) == before


# Reading one driver


async def test_reading_a_driver(tenant: Tenant, provider: AmpecoProvider) -> None:
    tenant.cloud.resources["users"].update(771, {"balance": 1.0})
    assert await read(provider, KIM, Reading.BALANCE) == Money(1.0, "EUR")
    assert tenant.asked() == ["GET users/v1.1/771", "GET subscriptions/v1.0"]
    # The next poll sees the same, though accounts are not due.
    fleet = (await provider.poll()).fleet
    assert fleet[KIM].readings[Reading.BALANCE] == Money(1.0, "EUR")


async def test_reading_a_driver_where_the_filter_is_unknown(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    listed: dict[str, Any] = {
        "data": [
            {"id": 1, "userId": 772, "status": "suspended"},
            {"id": 2, "userId": 771, "status": "active"},
        ]
    }
    tenant.cloud.faults.add(Fault(status=200, body=listed, path="subscriptions"))
    status = await read(provider, GUEST, Reading.SUBSCRIPTION)
    assert status is SubscriptionStatus.SUSPENDED


async def test_reading_a_driver_without_the_right_to_subscriptions(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    tenant.cloud.accesses[FULL].rights.discard("subscriptions")
    for _ in range(2):
        assert await read(provider, KIM, Reading.BALANCE) == Money(25.5, "EUR")
    assert tenant.asked().count("GET subscriptions/v1.0") == 1
    notices = (await provider.poll()).notices
    assert [notice.subject for notice in notices] == [Name(key="subscriptions")]
