"""The actions on drivers' accounts: their rights, their plans and their money."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from ...world import World
from .access import Access
from .actions import ROOT, Answer, accepted
from .lookup import Missing, number, read_body
from .query import Invalid, iso, parse_time
from .resources import Collection, Record

MONTH = timedelta(days=30)

type Act = Callable[[Record, dict[str, Any]], None]


class UserActions:
    """Answers the actions on the drivers of one tenant."""

    def __init__(self, resources: Mapping[str, Collection], world: World) -> None:
        """Act on the drivers among a tenant's resources."""
        self._users = resources["users"]
        self._plans = resources["subscription-plans"]
        self._subscriptions = resources["subscriptions"]
        self._transactions = resources["transactions"]
        self._vouchers = resources["vouchers"]
        self._world = world

    def routes(self) -> Iterator[tuple[str, str, str, Answer]]:
        """Yield method, path, right and handler of each action."""
        for version, action, act in (
            ("v1.0", "change-status", self._change_status),
            ("v1.0", "activate-subscription", self._activate),
            ("v1.0", "cancel-subscription", self._cancel),
            ("v1.0", "add-balance", self._add_balance),
            ("v1.0", "apply-custom-fee", self._apply_fee),
            ("v2.0", "redeem-voucher", self._redeem),
        ):
            path = f"{ROOT}/users/{version}/{{user}}/{action}"
            yield "POST", path, action, self._answer(act)

    def _answer(self, act: Act) -> Callable[..., Awaitable[web.Response]]:
        """Return a handler that finds the driver and does something to them."""

        async def answer(request: web.Request, access: Access) -> web.Response:
            key = number(request, "user")
            if key not in self._users.items:
                raise Missing
            act(self._users.items[key], await read_body(request))
            return accepted()

        return answer

    def _change_status(self, user: Record, body: dict[str, Any]) -> None:
        status = _text(body, "status")
        _text(body, "reason")
        self._users.change(user["id"], {"status": status})

    # Subscriptions

    def _activate(self, user: Record, body: dict[str, Any]) -> None:
        """Subscribe a driver; a plan they had before ends."""
        plan = body.get("planId")
        if plan is None:
            raise Invalid(planId="The plan id field is required.")
        if not isinstance(plan, int) or plan not in self._plans.items:
            raise Invalid(planId="The selected plan id is invalid.")
        if not isinstance(body.get("autoRenewal", False), bool):
            raise Invalid(autoRenewal="The auto renewal must be true or false.")
        now = self._world.now
        end = parse_time(str(body.get("endDate") or iso(now + MONTH)), "endDate")
        if end <= now:
            raise Invalid(endDate="The end date must be a date after today.")
        self._end(user)
        subscription = self._subscriptions.create(
            {
                "planId": plan,
                "userId": user["id"],
                "startDate": iso(now),
                "endDate": iso(end),
                "status": "active",
                "statusDate": iso(now),
                "remainingAllowance": {"combined": None, "ac": None, "dc": None},
            }
        )
        self._users.update(user["id"], {"subscriptionId": subscription["id"]})
        self._world.call_later(
            (end - now).total_seconds(), lambda: self._expire(user, subscription)
        )

    def _cancel(self, user: Record, body: dict[str, Any]) -> None:
        _text(body, "reason")
        if not self._end(user):
            raise Invalid(subscription="The user has no active subscription.")
        self._users.update(user["id"], {"subscriptionId": None})

    def _end(self, user: Record) -> bool:
        """Cancel the subscription that a driver has; return whether there was one."""
        key = user.get("subscriptionId")
        if key is None:
            return False
        self._turn(key, "canceled")
        return True

    def _expire(self, user: Record, subscription: Record) -> None:
        if subscription["status"] == "active":
            self._turn(subscription["id"], "expired")
            self._users.update(user["id"], {"subscriptionId": None})

    def _turn(self, subscription: int, status: str) -> None:
        self._subscriptions.update(
            subscription, {"status": status, "statusDate": iso(self._world.now)}
        )

    # Money

    def _add_balance(self, user: Record, body: dict[str, Any]) -> None:
        amount = _amount(body)
        _text(body, "reason")
        self._pay_in(user, amount)

    def _apply_fee(self, user: Record, body: dict[str, Any]) -> None:
        """Take a fee from the balance, or from a card that is not simulated."""
        amount, text = _amount(body), _text(body, "description")
        method = body.get("paymentMethodId")
        if not method:
            if amount > _balance(user):
                raise Invalid(amount="The balance is too low.")
            self._pay_in(user, -amount)
        self._transactions.create(
            {
                "userId": user["id"],
                "sessionId": None,
                "paymentMethod": "card" if method else "balance",
                "purchaseResourceType": "custom_fee",
                "totalAmount": amount,
                "currency": "EUR",
                "status": "finalized",
                "bankMessage": text,
            }
        )

    def _redeem(self, user: Record, body: dict[str, Any]) -> None:
        code = _text(body, "code")
        for voucher in self._vouchers.items.values():
            if voucher["code"] == code and voucher.get("redeemedAt") is None:
                break
        else:
            raise Invalid(code="The voucher code is invalid.")
        self._pay_in(user, voucher["amount"])
        self._vouchers.update(
            voucher["id"],
            {
                "remainingAmount": 0,
                "redeemedAt": iso(self._world.now),
                "redeemedByUserId": user["id"],
            },
        )

    def _pay_in(self, user: Record, amount: float) -> None:
        balance = round(_balance(user) + amount, 2)
        self._users.update(user["id"], {"balance": balance})


def _balance(user: Record) -> float:
    return float(user.get("balance") or 0.0)


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not value:
        raise Invalid(**{key: f"The {key} field is required."})
    if not isinstance(value, str):
        raise Invalid(**{key: f"The {key} must be a string."})
    return value


def _amount(body: dict[str, Any]) -> float:
    amount = body.get("amount")
    if amount is None:
        raise Invalid(amount="The amount field is required.")
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise Invalid(amount="The amount must be a number.")
    return amount
