"""What a token may do, learned from what the cloud forbids it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import StrEnum, unique
import logging
import time

from ...charging import (
    AuthenticationError,
    ChargingError,
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
    """A part of the API with a right of its own, named for people."""

    EVSES = "outlets (EVSEs)"
    SESSIONS = "charging sessions"
    LOCATIONS = "locations"
    RESERVATIONS = "reservations"
    STATUS_LOGS = "hardware status logs"
    VENDOR_ERROR_CODES = "vendor error codes"
    CIRCUITS = "circuits"
    ELECTRICITY_RATES = "electricity rates"
    USERS = "users"
    SUBSCRIPTIONS = "subscriptions"
    SETTINGS = "tenant settings"

    START = "starting sessions"
    STOP = "stopping sessions"
    RESERVE = "reserving outlets"
    CANCEL_RESERVATION = "cancelling reservations"
    UNLOCK = "unlocking cables"
    RESET = "restarting charge points"
    AVAILABILITY = "changing availability"
    TRIGGER = "asking charge points to report"
    SET_PROFILE = "setting charging profiles"
    CLEAR_PROFILE = "clearing charging profiles"
    SMART_CHARGING = "smart charging"
    CIRCUIT_LIMIT = "changing circuits"
    SET_CONFIGURATION = "configuring charge points"
    SYNC_CONFIGURATION = "reading the configuration of charge points"

    USER_STATUS = "enabling and disabling users"
    ACTIVATE_SUBSCRIPTION = "activating subscriptions"
    CANCEL_SUBSCRIPTION = "cancelling subscriptions"
    ADD_BALANCE = "changing balances"
    APPLY_FEE = "charging fees"
    REDEEM_VOUCHER = "redeeming vouchers"


class Features:
    """Remembers what is forbidden, and asks again after an hour.

    `generation` changes whenever something is switched off or on again.
    """

    def __init__(self) -> None:
        """Begin with everything allowed."""
        self._off: dict[Feature, tuple[float, bool]] = {}
        self.generation = 0

    def on(self, feature: Feature) -> bool:
        """Tell whether a feature may be asked for."""
        since, _ = self._off.get(feature, (None, False))
        if since is None:
            return True
        if time.monotonic() - since < _ASK_AGAIN:
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
        self._off[feature] = time.monotonic(), forbidden
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
            Notice(kind=NoticeKind.PERMISSION_MISSING, subject=feature.value)
            for feature, (_, forbidden) in sorted(self._off.items())
            if forbidden
        )
