"""What explains a fault: read only where there is one."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from ...charging import ErrorCode, NotFoundError
from ..base import Context
from ..schedule import Schedule
from ..wire import translate
from .client import Client
from .features import Feature, Rights
from .mappings import ERROR_CODE
from .state import Fault
from .wire import ChargePoint, Evse, StatusLog, VendorErrorCode

_PER_POLL = 10
_VENDOR_CODES = timedelta(days=1)


class Faults:
    """What is wrong with the charge points and EVSEs that are faulted."""

    def __init__(self, context: Context, client: Client, access: Rights) -> None:
        """Begin knowing nothing."""
        self._context = context
        self._client = client
        self._access = access
        self._schedule = Schedule(context.monotonic)
        self.changed: set[str] = set()
        self._known: dict[tuple[type, str], tuple[datetime | None, Fault]] = {}
        self._vendor_codes: dict[str, VendorErrorCode] = {}

    def of(self, item: ChargePoint | Evse) -> Fault | None:
        """Return what is wrong with something."""
        known = self._known.get((type(item), item.id or ""))
        return known[1] if known else None

    async def refresh(
        self, faulted: Iterable[ChargePoint | Evse], station: str | None = None
    ) -> None:
        """Read the status logs of what is newly faulted, a few at each poll.

        `faulted` is all that is; of one charge point only, when it is named.
        """
        items = {(type(item), item.id or ""): item for item in faulted}
        for key in self._known.keys() - items.keys():
            del self._known[key]
        new = [
            (key, item)
            for key, item in items.items()
            if station in (None, _station_of(item))
            and (key not in self._known or self._known[key][0] != item.last_updated_at)
        ]
        for key, item in new[:_PER_POLL]:
            log = None
            async with self._access.guard(Feature.STATUS_LOGS) as allowed:
                if allowed:
                    log = await self._log(item)
            if log is None and self._access.allows(Feature.STATUS_LOGS):
                continue
            trouble = await self._explain(log or StatusLog(), item)
            self._known[key] = item.last_updated_at, trouble
            self.changed.add(_station_of(item))

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

    async def _explain(self, log: StatusLog, item: ChargePoint | Evse) -> Fault:
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
        return Fault(
            code=None if error is ErrorCode.NO_ERROR else error,
            detail=detail[:255] if detail else None,
        )

    async def _read_vendor_codes(self) -> None:
        """Read the operator's explanations of vendors' error codes, once a day."""
        if not self._schedule.due("vendor codes", _VENDOR_CODES):
            return
        async with self._access.guard(Feature.VENDOR_ERROR_CODES) as allowed:
            if not allowed:
                return
            self._vendor_codes = {
                code.error_code: code
                async for page in self._client.vendor_error_codes()
                for code in VendorErrorCode.decode_all(page)
                if code.error_code
            }
            self._schedule.done("vendor codes")


def _station_of(item: ChargePoint | Evse) -> str:
    """Return the charge point that something is, or belongs to."""
    return (item.charge_point_id if isinstance(item, Evse) else item.id) or ""
