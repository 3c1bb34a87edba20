"""The subscription by which a tenant calls back, kept as it is wanted.

Nothing in the API tells who made a subscription: ours is known by its address, whose
last segment is ours alone. It is signed with the token that made it, so another token
makes another one. Source: AMPECO Public API 3.110.0, notifications/v2.0.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
import hashlib
from typing import Any

from ...charging import CommandRefusedError, NotFoundError, NotSupportedError, Refusal
from ..base import Context
from ..ocpp import timestamp
from ..wire import text
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


_CLOCKS_DIFFER = timedelta(minutes=5)
# What is wanted, and for want of that.
_WANTED = (KINDS, tuple(_OLDER.get(kind, kind) for kind in KINDS), _OLDEST)


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
        self._suspended_at: float | None = None
        self._changing = asyncio.Lock()

    @property
    def active(self) -> bool:
        """Return whether the tenant calls back."""
        return self._address is not None

    async def ensure(self, address: str, *, anew: bool = False) -> None:
        """Have exactly one of ours: to this address, with this token and all kinds.

        A new one in any case if it is to be made `anew`.
        """
        self._address = None
        async with self._changing:
            await self._remember(address)
            found = await self._ours(address)
            kept = None
            if not anew and self._memory.get("token") == self._token:
                kept = next(
                    (key for key, each in found.items() if _fits(each, address)), None
                )
            for key in found:
                if key != kept:
                    await self._delete(key)
            if kept is None:
                kept = await self._create(address)
            self._memory |= {"token": self._token, "id": kept, "addresses": [address]}
            self._context.save()
            self._address = address

    def suspend(self) -> None:
        """Note that the tenant cannot reach us."""
        if self._address is not None:
            self._suspended_at = self._context.monotonic()
            self._address = None

    async def resume(self) -> None:
        """Ask for what was lost while the tenant could not reach us."""
        at, self._suspended_at = self._suspended_at, None
        if at is not None and self._address is not None:
            with suppress(CommandRefusedError):
                await self._resend(self._context.monotonic() - at)

    async def end(self, address: str) -> None:
        """Have none of ours."""
        self._address = None
        async with self._changing:
            for key in await self._ours(address):
                await self._delete(key)

    async def mend(self, since: float, *, again: bool = False) -> None:
        """Make sure it is still there, and ask for what was lost since (s ago).

        Nothing tells whether the tenant has disabled it. So one that was mended in vain,
        or for which nothing is sent again, is made anew.
        """
        if (address := self._address) is None:
            return
        await self.ensure(address, anew=again)
        if again:
            return
        try:
            await self._resend(since)
        except CommandRefusedError:
            await self.ensure(address, anew=True)

    async def _resend(self, since: float) -> None:
        """Ask for what was lost since (s ago), where a tenant can do that.

        Without an end, and from a while before: its clock need not be ours.
        """
        start = self._context.now() - timedelta(seconds=since) - _CLOCKS_DIFFER
        with suppress(NotFoundError, NotSupportedError):
            await self._client.resend_notifications(
                str(self._memory["id"]),
                self._memory.get("kinds", KINDS),
                timestamp(start),
            )

    async def _remember(self, address: str) -> None:
        """Write an address down before the tenant knows it.

        One of Home Assistant Cloud has nothing in common with another one of ours: of
        what is forgotten nobody would know whose it is.
        """
        known = self._memory.setdefault("addresses", [])
        if address not in known:
            known.append(address)
            self._context.save()
            await self._context.flush()

    async def _ours(self, address: str) -> dict[str, Mapping[str, Any]]:
        """List our subscriptions by id; those to older addresses of ours too."""
        ours = {_last_segment(address)}
        ours.update(map(_last_segment, self._memory.get("addresses", ())))
        found = {}
        async for page in self._client.notifications():
            for item in page:
                key = text(item.get("id")) if isinstance(item, Mapping) else None
                if key and _last_segment(_address_of(item)) in ours:
                    found[key] = item
        return found

    async def _create(self, address: str) -> str:
        """Subscribe, on older tenants by the names that they know."""
        *newer, oldest = _WANTED
        for kinds in newer:
            try:
                return await self._create_for(kinds, address)
            except CommandRefusedError as err:
                if err.reason != Refusal.INVALID_VALUE:
                    raise
        return await self._create_for(oldest, address)

    async def _create_for(self, kinds: tuple[str, ...], address: str) -> str:
        """Subscribe to some kinds."""
        made = await self._client.create_notification(kinds, address)
        self._memory["kinds"] = list(kinds)
        return made

    async def _delete(self, key: str) -> None:
        """End a subscription; one that is gone is no trouble."""
        with suppress(NotFoundError):
            await self._client.delete_notification(key)


def _address_of(item: Mapping[str, Any]) -> str:
    """Return where a subscription calls."""
    webhook = item.get("webhook")
    return (
        (text(webhook.get("callbackUrl")) or "") if isinstance(webhook, Mapping) else ""
    )


def _last_segment(address: str) -> str:
    """Return what is ours alone of an address of ours."""
    return address.rsplit("/", 1)[-1]


def _fits(item: Mapping[str, Any], address: str) -> bool:
    """Return whether a subscription is to an address, and to all that is wanted."""
    told = item.get("notifications")
    kinds = {text(each) for each in told} if isinstance(told, list) else None
    wanted = kinds is None or any(kinds == set(each) for each in _WANTED)
    return wanted and _address_of(item) == address
