"""The operator's desk: all kinds of objects that a tenant has, in one table.

Each row says where a kind is and what can be done with it; filters and parts are
those of the public API. Nothing is ever sent twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ...charging import (
    CommandRefusedError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    Refusal,
    Resource,
    ResourceKind,
    ResourcePage,
    ResourceRequest,
    Verb,
)
from ..transport import redact
from ..wire import segment
from .client import PAGE, Client

_SECRET = frozenset({"bankDetails", "password", "pin", "sharingCode", "token"})


@dataclass(frozen=True, slots=True)
class _Row:
    """Where a kind is, and the methods of what can be done with it."""

    path: str
    methods: Mapping[Verb, str]
    filters: str = ""
    includes: str = ""
    parent: str | None = None

    @property
    def kind(self) -> ResourceKind:
        """Return what others need to know of the kind."""
        return ResourceKind(
            verbs=frozenset(self.methods),
            parent=self.parent,
            filters=frozenset(self.filters.split()),
            includes=frozenset(self.includes.split()),
            replaces=self.methods.get(Verb.UPDATE) == "PUT",
        )


_READ: Final = {Verb.LIST: "GET", Verb.READ: "GET"}
_LIST: Final = {Verb.LIST: "GET"}
_ALL: Final = {
    **_READ,
    Verb.CREATE: "POST",
    Verb.UPDATE: "PATCH",
    Verb.DELETE: "DELETE",
}
_REPLACED: Final = {**_ALL, Verb.UPDATE: "PUT"}
_NO_CREATE: Final = {**_READ, Verb.UPDATE: "PUT", Verb.DELETE: "DELETE"}
_NO_DELETE: Final = {**_READ, Verb.CREATE: "POST", Verb.UPDATE: "PATCH"}

_UPDATED = " lastUpdatedAfter lastUpdatedBefore"

_TABLE: Final[Mapping[str, _Row]] = {
    "locations": _Row(
        "locations/v2.0",
        _ALL,
        "country state region city partnerId externalId tag roaming" + _UPDATED,
        "chargingZones locationImage images externalAppData",
    ),
    "charge_points": _Row(
        "charge-points/v2.0",
        _ALL,
        "desiredSecurityProfileStatus evsePhysicalReference networkId"
        " bootNotificationSerialNumber modelId vendorId userId partnerId type"
        " subOperatorId roaming name locationId circuitId chargingZoneId"
        " managedByOperator externalId utilityId tag" + _UPDATED,
        "lastBootNotification chargingProfile smartCharging smartChargingPreferences"
        " personalSmartChargingPreferences availablePersonalSmartChargingModes",
    ),
    "evses": _Row(
        "evses/v2.1",
        _ALL,
        "chargePointId physicalReference externalId roaming hasRoamingTariffIds"
        " hasTariffGroup" + _UPDATED,
        "chargingProfile connectors externalAppData",
    ),
    "users": _Row(
        "users/v1.1",
        _ALL,
        "userGroupId partnerId externalId email" + _UPDATED,
        "partnerInvites externalAppData",
    ),
    "id_tags": _Row(
        "id-tags/v2.0",
        _ALL,
        "idTagUid idLabel userId expireAt status type partnerId" + _UPDATED,
    ),
    "tariffs": _Row("tariffs/v1.0", _REPLACED, "tariffGroupId userId type partnerId"),
    "tariff_groups": _Row("tariff-groups/v1.0", _REPLACED, "partnerId" + _UPDATED),
    "sessions": _Row(
        "sessions/v1.0",
        _READ,
        "evseId chargePointId evsePhysicalReference chargePointNetworkId reason"
        " chargePointBootNotificationSerialNumber chargePointBootNotificationVendor"
        " startedAfter startedBefore userId status endedAfter endedBefore partnerId"
        " subOperatorId idTag paymentType paymentStatus taxId paymentStatusUpdatedBefore"
        " paymentStatusUpdatedAfter receiptId authorizationSource billingStatus"
        " terminalId" + _UPDATED,
        "externalAppData",
    ),
    "transactions": _Row(
        "transactions/v1.0",
        _NO_DELETE,
        "createdAfter createdBefore paymentMethod userId invoiceNumber status sessionId"
        " ref billingType terminalId finalizedBefore finalizedAfter voucherId"
        " purchaseType" + _UPDATED,
    ),
    # Changed by the actions on drivers alone.
    "subscriptions": _Row(
        "subscriptions/v1.0",
        _READ,
        "planId userId endDateFrom endDateTo status billedExternally",
    ),
    "subscription_plans": _Row("subscription-plans/v2.0", _ALL, _UPDATED),
    "partners": _Row("partners/v2.0", _ALL, "country regNo externalId" + _UPDATED),
    "electricity_rates": _Row("electricity-rates/v2.0", _ALL, "utilityId type"),
    # A day's prices are written as a whole; their ids are "mon" to "sun" and "any".
    "weekday_prices": _Row(
        "electricity-rates/v2.0/{parent}/price-periods/week-day",
        _NO_CREATE,
        parent="electricity_rates",
    ),
    # Their ids are dates.
    "date_prices": _Row(
        "electricity-rates/v2.0/{parent}/price-periods/date",
        _NO_CREATE,
        parent="electricity_rates",
    ),
    "circuits": _Row(
        "circuits/v2.0",
        _ALL,
        _UPDATED,
        "chargePointPriorities userPriorities socPriorities consumption unmanagedLoad",
    ),
    "vendor_error_codes": _Row("vendor-error-codes/v2.0", _ALL),
    # Made and ended by actions.
    "reservations": _Row(
        "reservations/v1.0", _READ, "evseId userId status reservedFrom reservedTo"
    ),
    "vouchers": _Row(
        "vouchers/v2.1",
        _ALL,
        "type status createdAt redeemedAfter redeemedBefore userId expireDateAfter"
        " expireDateBefore code",
    ),
    "authorizations": _Row(
        "authorizations/v2.1",
        _READ,
        "createdAfter createdBefore status method partnerId" + _UPDATED,
    ),
    "charge_point_status_log": _Row(
        "charge-points/v2.0/{parent}/hardware-status-logs",
        _LIST,
        "createdAfter createdBefore",
        parent="charge_points",
    ),
    "evse_status_log": _Row(
        "evses/v2.0/{parent}/hardware-status-logs",
        _LIST,
        "createdAfter createdBefore",
        parent="evses",
    ),
}

KINDS: Final = {name: row.kind for name, row in _TABLE.items()}


class Resources:
    """Looks at a tenant's objects, and changes them where that was allowed."""

    def __init__(self, client: Client, *, changes: bool) -> None:
        """Ask through the client; `changes` says that more than looking is wanted."""
        self._client = client
        self._changes = changes

    async def list(self, request: ResourceRequest) -> ResourcePage:
        """List objects: a page of them, in one request."""
        row, path = _find(request, Verb.LIST)
        filters = request.filters or {}
        _check(filters, row.kind.filters, "filter")
        _check(request.include, row.kind.includes, "part to include")
        with _Explained(Verb.LIST, request):
            items, following = await self._client.resource_page(
                path,
                filters,
                request.include,
                per_page=min(PAGE, request.limit),
                place=request.page,
            )
        shown = (redact(item, _SECRET) for item in items if isinstance(item, Mapping))
        return ResourcePage(items=tuple(shown), next_page=following if items else None)

    async def get(self, request: ResourceRequest) -> Resource:
        """Read an object."""
        row, path = _find(request, Verb.READ)
        _check(request.include, row.kind.includes, "part to include")
        with _Explained(Verb.READ, request):
            return _shown(await self._client.resource(path, request.include))

    async def change(self, verb: Verb, request: ResourceRequest) -> Resource | None:
        """Create, update or delete an object, once."""
        if not self._changes:
            raise NotSupportedError
        row, path = _find(request, verb)
        body = None if verb is Verb.DELETE else (request.fields or {})
        with _Explained(verb, request):
            answer = await self._client.change_resource(row.methods[verb], path, body)
        return None if answer is None else _shown(answer)


def _find(request: ResourceRequest, verb: Verb) -> tuple[_Row, str]:
    """Return the row of what is asked for, and the path of the request."""
    row = _TABLE.get(request.kind)
    if row is None or verb not in row.methods:
        raise NotSupportedError(f"{verb} {request.kind}")
    path = row.path
    if row.parent:
        if request.parent is None:
            raise CommandRefusedError(
                f"the id of one of {row.parent} is needed", reason=Refusal.INVALID_VALUE
            )
        path = path.replace("{parent}", segment(request.parent))
    elif request.parent is not None:
        raise CommandRefusedError(
            f"{request.kind} have no parent", reason=Refusal.INVALID_VALUE
        )
    if verb in {Verb.LIST, Verb.CREATE}:
        return row, path
    with _Explained(verb, request):
        return row, f"{path}/{segment(request.id or '')}"


def _check(asked: Iterable[str], known: frozenset[str], of: str) -> None:
    """Refuse what the kind does not have: the cloud would pass it over in silence."""
    for name in asked:
        if name not in known:
            raise CommandRefusedError(
                f"{name} is no {of}; there are {', '.join(sorted(known)) or 'none'}",
                reason=Refusal.INVALID_VALUE,
            )


def _shown(answer: Any) -> Resource:
    """Return an object without what is secret."""
    shown = redact(answer, _SECRET)
    return shown if isinstance(shown, Mapping) else {}


class _Explained:
    """Says of an error what was asked for."""

    def __init__(self, verb: Verb, request: ResourceRequest) -> None:
        """Name what is asked for."""
        self._what = f"{verb} {request.kind}"

    def __enter__(self) -> None:
        """Begin asking."""

    def __exit__(self, kind: object, err: BaseException | None, trace: object) -> None:
        """Name the right that is missing, or tell that there is no such object."""
        if isinstance(err, PermissionDeniedError):
            words = f"{err.message} ({self._what})" if err.message else self._what
            raise PermissionDeniedError(words, reason=err.reason) from err
        if isinstance(err, NotFoundError):
            raise NotFoundError(err.message, reason=Refusal.UNKNOWN_RESOURCE) from err
