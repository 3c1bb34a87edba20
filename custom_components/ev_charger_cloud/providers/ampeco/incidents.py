"""What explains a fault, and who holds a reserved EVSE: read only where needed."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ...charging import ErrorCode, NotFoundError
from ..decoding import translate
from ..schedule import Schedule
from .client import Client
from .devices import Trouble
from .features import Feature, Features
from .records import Records
from .wire import ChargePoint, Evse, Reservation, StatusLog, VendorErrorCode
from .words import ERROR_CODE

_PER_POLL = 10
_VENDOR_CODES = timedelta(days=1)


class Troubles:
    """What is wrong with the charge points and EVSEs that are faulted."""

    def __init__(self, client: Client, features: Features) -> None:
        """Begin knowing nothing."""
        self._client = client
        self._features = features
        self._schedule = Schedule()
        self._known: dict[tuple[type, str], tuple[datetime | None, Trouble]] = {}
        self._vendor_codes: dict[str, VendorErrorCode] = {}

    def of(self, item: ChargePoint | Evse) -> Trouble | None:
        """Return what is wrong with something."""
        known = self._known.get((type(item), item.id or ""))
        return known[1] if known else None

    async def refresh(self, items: Iterable[ChargePoint | Evse]) -> None:
        """Read the status logs of what is newly faulted, a few at each poll."""
        new = []
        for item in items:
            key = type(item), item.id or ""
            if item.hardware_status != "faulted":
                self._known.pop(key, None)
            elif key not in self._known or self._known[key][0] != item.last_updated_at:
                new.append((key, item))
        for key, item in new[:_PER_POLL]:
            log = None
            async with self._features.guard(Feature.STATUS_LOGS) as allowed:
                if allowed:
                    log = await self._log(item)
            if log is None and self._features.on(Feature.STATUS_LOGS):
                continue
            trouble = await self._explain(log or StatusLog(), item)
            self._known[key] = item.last_updated_at, trouble

    async def _log(self, item: ChargePoint | Evse) -> StatusLog:
        """Read the latest status log; there may be none."""
        read = (
            self._client.evse_status_log
            if isinstance(item, Evse)
            else self._client.station_status_log
        )
        try:
            return StatusLog.decode(await read(item.id or ""))
        except NotFoundError:
            return StatusLog()

    async def _explain(self, log: StatusLog, item: ChargePoint | Evse) -> Trouble:
        """Put a status log into words, with the operator's own for a vendor's code."""
        code = log.vendor_error_code
        if code is None and isinstance(item, ChargePoint):
            code = item.vendor_error_code
        words, action = log.description, log.customer_action
        if code and not words:
            await self._read_vendor_codes()
            if known := self._vendor_codes.get(code):
                words, action = known.description, known.customer_action
        words = words or log.note
        detail = f"{words} ({code})" if words and code else words or code
        if detail and action:
            detail = f"{detail}. {action}"
        word = (log.error_code or "").replace("_", "").lower() or None
        error = translate(ERROR_CODE, word, of="AMPECO error code")
        return Trouble(
            code=None if error is ErrorCode.NO_ERROR else error,
            detail=detail[:255] if detail else None,
        )

    async def _read_vendor_codes(self) -> None:
        """Read the operator's explanations of vendors' error codes, once a day."""
        if not self._schedule.due("vendor codes", _VENDOR_CODES):
            return
        async with self._features.guard(Feature.VENDOR_ERROR_CODES) as allowed:
            if not allowed:
                return
            self._vendor_codes = {
                code.error_code: code
                async for page in self._client.vendor_error_codes()
                for code in VendorErrorCode.decode_all(page)
                if code.error_code
            }
            self._schedule.done("vendor codes")


class Reservations:
    """The reservations of EVSEs: the one that holds each, or held it last."""

    def __init__(self, client: Client, features: Features) -> None:
        """Begin knowing nothing."""
        self._client = client
        self._features = features
        self._records = Records(Reservation)
        self._of: dict[str, str] = {}

    def of(self, evse: str) -> Reservation | None:
        """Return the reservation of an EVSE."""
        return self._records.items.get(self._of.get(evse, ""))

    async def refresh(self, evses: Collection[Evse]) -> None:
        """Read the reservations of EVSEs newly reserved, and how others ended."""
        new, over = [], []
        for evse in evses:
            known = self.of(evse.id or "")
            held = known is not None and known.status == "active"
            if evse.hardware_status == "reserved" and not held:
                new.append(evse)
            elif known and held and evse.hardware_status != "reserved":
                over.append(known)
        if not new and not over:
            return
        async with self._features.guard(Feature.RESERVATIONS) as allowed:
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
        else:
            self._take(item, {reservation.evse_id})

    def _take(self, item: Mapping[str, Any], wanted: Collection[str | None]) -> None:
        """Take a reservation in, when it is of a wanted EVSE."""
        key = self._records.put(item)
        known = self._records.items.get(key or "")
        if key and known and known.evse_id in wanted:
            self._of[known.evse_id or ""] = key
