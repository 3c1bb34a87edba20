"""Who may do what: a token belongs to an administrator with a table of rights."""

from dataclasses import dataclass, field
from time import monotonic

READ = frozenset(
    {
        "locations",
        "charge-points",
        "evses",
        "notifications",
        "status-logs",
        "sessions",
        "reservations",
        "circuits",
        "electricity-rates",
        "users",
        "id-tags",
        "tariffs",
        "tariff-groups",
        "transactions",
        "subscriptions",
        "subscription-plans",
        "partners",
        "vendor-error-codes",
        "vouchers",
        "settings",
        "currencies",
        "authorizations",
    }
)
ACCOUNTS = frozenset(
    {
        "change-status",
        "activate-subscription",
        "cancel-subscription",
        "add-balance",
        "apply-custom-fee",
        "redeem-voucher",
    }
)
ACT = ACCOUNTS | frozenset(
    {
        "write",
        "start",
        "stop",
        "reserve",
        "cancel-reservation",
        "unlock",
        "reset",
        "set-charging-profile",
        "clear-charging-profile",
        "change-availability",
        "trigger-message",
        "set-configuration",
        "sync-configuration",
        "smart-charging",
    }
)
MONEY = ACCOUNTS | {
    "users",
    "transactions",
    "subscriptions",
    "vouchers",
    "partners",
    "settings",
}


@dataclass(slots=True, kw_only=True)
class Access:
    """What a token reaches: rights, and the charge points of one partner or of all."""

    rights: set[str] = field(default_factory=lambda: set(READ | ACT))
    partner: int | None = None
    sees_balances: bool = True
    _spent: float = 0.0
    _at: float = 0.0

    def reaches(self, partner: int | None) -> bool:
        """Return whether the charge points of a partner are within reach."""
        return self.partner is None or self.partner == partner

    def wait(self, per_minute: int | None) -> float | None:
        """Count a request; return how long to wait (s) when it is one too many."""
        if per_minute is None:
            return None
        now, rate = monotonic(), per_minute / 60
        self._spent = max(0.0, self._spent - (now - self._at) * rate)
        self._at = now
        if self._spent + 1 > per_minute:
            return (self._spent + 1 - per_minute) / rate
        self._spent += 1
        return None


def accesses() -> dict[str, Access]:
    """Return the tokens of the tenant, made up and of no use elsewhere."""
    return {
        "ampeco-demo-token": Access(),
        "ampeco-demo-token-read-only": Access(rights=set(READ)),
        "ampeco-demo-token-no-sessions": Access(
            rights=set(READ | ACT) - {"sessions", "start", "stop"}
        ),
        "ampeco-demo-token-partner": Access(
            rights=set(READ | ACT) - MONEY - {"circuits", "write"} | {"users"},
            partner=12,
            sees_balances=False,
        ),
        "ampeco-demo-token-nothing": Access(rights=set()),
    }
