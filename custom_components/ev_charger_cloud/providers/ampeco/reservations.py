"""Who holds a reserved EVSE: read only where one is reserved."""

from collections.abc import Collection, Mapping
from typing import Any

from ...charging import NotFoundError
from ..base import Context
from .client import Client
from .features import Feature, Rights
from .records import ListedRecords
from .wire import Evse, Reservation

_PER_POLL = 10


class Reservations:
    """The reservations of EVSEs: the one that holds each, or held it last."""

    def __init__(self, context: Context, client: Client, access: Rights) -> None:
        """Begin knowing nothing."""
        self._context = context
        self._client = client
        self._access = access
        self._records = ListedRecords(Reservation, context)
        self._of: dict[str, str] = {}
        self.changed: set[str] = set()

    def of(self, evse: str) -> Reservation | None:
        """Return the reservation of an EVSE."""
        return self._records.items.get(self._of.get(evse, ""))

    def evse_of(self, reservation: str | None) -> str | None:
        """Return the EVSE that a reservation holds or held, if it is known."""
        return next(
            (evse for evse, known in self._of.items() if known == reservation), None
        )

    async def refresh(
        self, reserved: Collection[Evse], asked: Collection[str] | None = None
    ) -> None:
        """Read the reservations of EVSEs newly reserved, and how others ended.

        `reserved` are all EVSEs that are; only those `asked` for are read, if any are.
        """
        held = {
            evse: known
            for evse in self._of
            if (known := self.of(evse)) and known.status == "active"
        }
        new = [
            evse
            for evse in reserved
            if evse.id not in held and (asked is None or evse.id in asked)
        ]
        still = {evse.id for evse in reserved}
        over = [
            known
            for evse, known in held.items()
            if evse not in still and (asked is None or evse in asked)
        ]
        if not new and not over:
            return
        async with self._access.guard(Feature.RESERVATIONS) as allowed:
            if not allowed:
                return
            if new:
                await self._read_active(new)
            for reservation in over[:_PER_POLL]:
                await self._read_end(reservation)
            self._records.keep(self._of.values())

    async def _read_active(self, evses: list[Evse]) -> None:
        """Read the active reservations."""
        filters = {"status": "active"}
        if len(evses) == 1:
            filters["evseId"] = evses[0].id or ""
        wanted = {evse.id for evse in evses}
        async for page in self._client.reservations(filters):
            for item in page:
                self._take(item, wanted)

    async def _read_end(self, reservation: Reservation) -> None:
        """Read how a reservation ended."""
        try:
            item = await self._client.reservation(reservation.id or "")
        except NotFoundError:
            self._of.pop(reservation.evse_id or "", None)
            self.changed.add(reservation.evse_id or "")
        else:
            self._take(item, {reservation.evse_id})

    def _take(self, item: Mapping[str, Any], wanted: Collection[str | None]) -> None:
        """Take a reservation in, when it is of a wanted EVSE."""
        key = self._records.take(item)
        known = self._records.items.get(key or "")
        if key and known and known.evse_id in wanted:
            self._of[known.evse_id or ""] = key
            self.changed.add(known.evse_id or "")
