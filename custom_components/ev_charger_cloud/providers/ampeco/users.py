"""What can be done to drivers' accounts. It moves money and rights: once, or not."""

from typing import Any

from ...charging import (
    ActivateSubscription,
    AddBalance,
    ApplyFee,
    CancelSubscription,
    Command,
    CommandRefusedError,
    NotSupportedError,
    RedeemVoucher,
    Refusal,
    SetUserStatus,
)
from .client import Client, iso
from .features import Feature

USER_COMMANDS: dict[type[Command], Feature] = {
    SetUserStatus: Feature.USER_STATUS,
    ActivateSubscription: Feature.ACTIVATE_SUBSCRIPTION,
    CancelSubscription: Feature.CANCEL_SUBSCRIPTION,
    AddBalance: Feature.ADD_BALANCE,
    ApplyFee: Feature.APPLY_FEE,
    RedeemVoucher: Feature.REDEEM_VOUCHER,
}

_DEVICE = "user"


def user_device_id(user: str | None) -> str:
    """Return the id of the device that stands for a driver's account."""
    return f"{_DEVICE}{user}"


def user_of(device_id: str) -> str | None:
    """Return the driver behind a device, None when it is something else."""
    user = device_id.removeprefix(_DEVICE)
    return None if user == device_id else user


async def act_on_user(client: Client, command: Command) -> None:
    """Carry out one of the `USER_COMMANDS`."""
    user = user_of(command.device_id)
    if user is None:
        raise NotSupportedError
    match command:
        case SetUserStatus():
            status = "enabled" if command.enabled else "disabled"
            await client.change_user_status(user, status, command.reason)
        case ActivateSubscription():
            await client.activate_subscription(user, _subscription(command))
        case CancelSubscription():
            await client.cancel_subscription(user, command.reason)
        case AddBalance():
            await client.add_balance(user, command.amount, command.reason)
        case ApplyFee():
            body: dict[str, Any] = {
                "amount": command.amount,
                "description": command.description,
            }
            if command.payment_method_id:
                body["paymentMethodId"] = command.payment_method_id
            await client.apply_fee(user, body)
        case RedeemVoucher():
            await client.redeem_voucher(user, command.code)


def id_number(word: str, of: str) -> int:
    """Read an id that the cloud wants as a number."""
    try:
        return int(word)
    except ValueError as err:
        raise CommandRefusedError(
            f"the id of the {of} must be a number", reason=Refusal.INVALID_VALUE
        ) from err


def _subscription(command: ActivateSubscription) -> dict[str, Any]:
    """Write the subscription that is asked for."""
    parts = {
        "planId": id_number(command.plan_id, "plan"),
        "endDate": iso(command.end) if command.end else None,
        "autoRenewal": command.auto_renewal,
        "reason": command.reason,
    }
    return {key: value for key, value in parts.items() if value is not None}
