"""The parts of the API that a token may lack the right to."""

from collections.abc import Callable, Hashable
from enum import StrEnum, unique
from typing import Any

from ...charging import Name, Notice, NoticeKind
from ..access import Access


@unique
class Feature(StrEnum):
    """A part of the API with a right of its own; its name is a key of the texts."""

    EVSES = "evses"
    SESSIONS = "sessions"
    LOCATIONS = "locations"
    RESERVATIONS = "reservations"
    STATUS_LOGS = "status_logs"
    VENDOR_ERROR_CODES = "vendor_error_codes"
    CIRCUITS = "circuits"
    ELECTRICITY_RATES = "electricity_rates"
    USERS = "users"
    SUBSCRIPTIONS = "subscriptions"
    SETTINGS = "settings"
    TARIFF_GROUPS = "tariff_groups"
    PARTNERS = "partners"
    SUBSCRIPTION_PLANS = "subscription_plans"
    NOTIFICATIONS = "notifications"

    START = "start"
    STOP = "stop"
    RESERVE = "reserve"
    CANCEL_RESERVATION = "cancel_reservation"
    UNLOCK = "unlock"
    RESET = "reset"
    AVAILABILITY = "availability"
    TRIGGER = "trigger"
    SET_PROFILE = "set_profile"
    CLEAR_PROFILE = "clear_profile"
    SMART_CHARGING = "smart_charging"
    CIRCUIT_LIMIT = "circuit_limit"
    SET_CONFIGURATION = "set_configuration"
    SYNC_CONFIGURATION = "sync_configuration"

    USER_STATUS = "user_status"
    ACTIVATE_SUBSCRIPTION = "activate_subscription"
    CANCEL_SUBSCRIPTION = "cancel_subscription"
    ADD_BALANCE = "add_balance"
    APPLY_FEE = "apply_fee"
    REDEEM_VOUCHER = "redeem_voucher"


# Names that few look at: nobody is told that they are missing.
_SILENT = frozenset(
    {Feature.TARIFF_GROUPS, Feature.PARTNERS, Feature.SUBSCRIPTION_PLANS}
)


class Rights(Access[Feature]):
    """What a token may do, and what follows from that."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Begin with every right."""
        super().__init__(monotonic)
        self._kept_of = self.generation
        self._kept: dict[Hashable, Any] = {}

    def keep[T](self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what follows from the rights; made once, until one of them changes."""
        if self._kept_of != self.generation:
            self._kept_of = self.generation
            self._kept.clear()
        if key not in self._kept:
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept

    def notices(self) -> tuple[Notice, ...]:
        """Return what the user would have if the token had the right."""
        return tuple(
            Notice(kind=NoticeKind.PERMISSION_MISSING, subject=Name(key=feature))
            for feature in sorted(set(self.forbidden) - _SILENT)
        )
