"""What a token may do, learned from what the cloud forbids it."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum, unique
import logging

from ...charging import (
    AuthenticationError,
    ChargingError,
    Name,
    NotFoundError,
    Notice,
    NoticeKind,
    PermissionDeniedError,
    RateLimitedError,
)

_LOGGER = logging.getLogger(__name__)

_ASK_AGAIN = 3600.0


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


class Features:
    """Remembers what is forbidden, and asks again after an hour.

    `generation` changes whenever something is switched off or on again.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Begin with everything allowed."""
        self._monotonic = monotonic
        self._off: dict[Feature, tuple[float, bool]] = {}
        self.generation = 0

    def on(self, feature: Feature) -> bool:
        """Return whether a feature may be asked for."""
        since, _ = self._off.get(feature, (None, False))
        if since is None:
            return True
        if self._monotonic() - since < _ASK_AGAIN:
            return False
        del self._off[feature]
        self.generation += 1
        return True

    def renew(self) -> None:
        """Allow again what was forbidden long ago, also where nothing asks for it."""
        for feature in list(self._off):
            self.on(feature)

    def switch_off(self, feature: Feature, *, forbidden: bool = True) -> None:
        """Ask no more for a while for what is forbidden, or missing on this tenant."""
        self._off[feature] = self._monotonic(), forbidden
        self.generation += 1

    @asynccontextmanager
    async def guard(self, feature: Feature) -> AsyncGenerator[bool]:
        """Read what nothing else depends on, and tell whether that is allowed.

        What the token may not read, or the tenant does not have, is switched off;
        any other trouble of this part alone is left to the next poll.
        """
        try:
            yield self.on(feature)
        except PermissionDeniedError:
            self.switch_off(feature)
        except NotFoundError:
            self.switch_off(feature, forbidden=False)
        except AuthenticationError, RateLimitedError:
            raise
        except ChargingError as err:
            _LOGGER.debug("%s: %r", feature.value, err)

    @property
    def off(self) -> list[str]:
        """Return what is switched off."""
        return sorted(self._off)

    def notices(self) -> tuple[Notice, ...]:
        """Return what the user would have if the token had the right."""
        return tuple(
            Notice(
                kind=NoticeKind.PERMISSION_MISSING,
                subject=Name(key=feature),
            )
            for feature, (_, forbidden) in sorted(self._off.items())
            if forbidden
        )
