"""The subscription by which a tenant calls back, kept as it is wanted.

Nothing in the API tells who made a subscription: ours is known by its address, whose
last segment is ours alone. It is signed with the token that made it, so another token
makes another one. Source: AMPECO Public API 3.110.0, notifications/v2.0.
"""

import hashlib
from typing import Any

from ...charging import (
    CommandRefusedError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    Refusal,
)
from ..base import Context
from ..ocpp import timestamp
from ..wire import items_of, text
from .client import Client

KINDS = (
    "BootNotification",
    "HardwareStatusNotification",
    "NetworkStatusNotification",
    "session.start.stop.notification",
    "SessionUpdateNotification",
    "SessionMeterValuesNotification",
    "reservation.changed",
    "userBalance.changed",
    "user.subscription.changed",
    "authorization.changed",
    "CircuitConsumptionNotification",
    "circuit.changed",
    "chargingProfile.applied",
    "chargePoint.changed",
    "evse.changed",
)
# What a tenant knows that does not know the new names yet; the others it lacks.
_OLDER = {
    "session.start.stop.notification": "SessionStartStopNotification",
    "user.subscription.changed": "user.subscriptionChanged",
}
_OLDEST = (
    "BootNotification",
    "HardwareStatusNotification",
    "NetworkStatusNotification",
    "SessionStartStopNotification",
    "SessionUpdateNotification",
    "SessionMeterValuesNotification",
)


class NotificationSubscription:
    """Our subscription, as far as it is known to be there."""

    def __init__(self, context: Context, client: Client) -> None:
        """Remember what an earlier run made."""
        self._context = context
        self._client = client
        self._memory: dict[str, Any] = context.memory.setdefault("notifications", {})
        token = str(context.settings["token"]).encode()
        self._token = hashlib.sha256(token).hexdigest()[:16]
        self._address: str | None = None

    @property
    def active(self) -> bool:
        """Return whether the tenant calls back."""
        return self._address is not None

    async def ensure(self, address: str) -> None:
        """Have exactly one subscription of ours: to this address, with this token."""
        self._address = None
        found = await self._ours(address)
        kept = None
        if self._memory.get("token") == self._token:
            kept = next((key for key, url in found.items() if url == address), None)
        for key in found:
            if key != kept:
                await self._delete(key)
        if kept is None:
            kept = await self._create(address)
            self._memory |= {"token": self._token}
            self._context.save()
        self._memory["id"] = kept
        self._address = address

    async def end(self, address: str) -> None:
        """Have none of ours."""
        self._address = None
        for key in await self._ours(address):
            await self._delete(key)

    async def mend(self, since: float) -> None:
        """Make sure it is still there, and ask for what was lost since (s ago)."""
        if (address := self._address) is None:
            return
        await self.ensure(address)
        now = self._context.now()
        try:
            await self._client.resend_notifications(
                str(self._memory["id"]),
                self._memory.get("kinds", KINDS),
                timestamp(now.fromtimestamp(now.timestamp() - since, now.tzinfo)),
                timestamp(now),
            )
        except CommandRefusedError, NotSupportedError:
            # Once in 15 minutes, and not for all: what is missed is polled.
            return

    async def _ours(self, address: str) -> dict[str, str]:
        """List our subscriptions: id and address; an older address of ours too."""
        mine = address.rsplit("/", 1)[-1]
        found = {}
        for item in items_of(await self._client.notifications(), "data"):
            webhook = item.get("webhook") if isinstance(item, dict) else None
            url = (
                text(webhook.get("callbackUrl")) if isinstance(webhook, dict) else None
            )
            key = text(item.get("id")) if isinstance(item, dict) else None
            if key and url and url.rsplit("/", 1)[-1] == mine:
                found[key] = url
        return found

    async def _create(self, address: str) -> str:
        """Subscribe, on older tenants by the names that they know."""
        wanted: list[tuple[str, ...]] = [
            KINDS,
            tuple(_OLDER.get(kind, kind) for kind in KINDS),
            _OLDEST,
        ]
        for kinds in wanted:
            try:
                made = await self._client.create_notification(kinds, address)
            except CommandRefusedError as err:
                if err.reason != Refusal.INVALID_VALUE or kinds is wanted[-1]:
                    raise
                continue
            self._memory["kinds"] = list(kinds)
            return made
        raise PermissionDeniedError(reason="forbidden")

    async def _delete(self, key: str) -> None:
        """End a subscription; one that is gone is no trouble."""
        try:
            await self._client.delete_notification(key)
        except NotFoundError:
            return
