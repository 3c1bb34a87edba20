"""The resources that are plain records: created, read, updated and deleted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .query import Filter, Invalid, after, before, equals, iso

type Record = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Kind:
    """A kind of record: where it is, what it needs, and what can be done with it."""

    path: str
    required: tuple[str, ...] = ()
    enums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    filters: tuple[str, ...] = ()
    older: str | None = None
    """Where it was before, and still is."""
    update: str | None = "PATCH"
    create: bool = True
    delete: bool = True
    whole: bool = False
    """Whether a change needs what something new does."""
    old: bool = False
    """Whether it still knows numbered pages."""
    wrapped: bool = True
    """Whether one of them comes below `data`."""
    added: Mapping[str, Any] = field(default_factory=dict)
    """What the cloud adds to a new one."""
    text_id: bool = False
    """Whether its own id is a text, though others name it by a number."""


KINDS = {
    "locations": Kind(
        path="locations/v2.0",
        required=("name", "address", "geoposition", "country"),
        enums={"status": ("enabled", "disabled")},
        filters=("country", "state", "region", "city", "externalId"),
        added={"roamingOperatorId": 1},
    ),
    "users": Kind(
        path="users/v1.1",
        older="users/v1.0",
        text_id=True,
        required=("email", "password"),
        enums={"status": ("enabled", "disabled")},
        filters=("externalId", "email"),
        old=True,
    ),
    "id-tags": Kind(
        path="id-tags/v2.0",
        older="rfid-tags/v1.0",
        required=("idTagUid", "type", "status"),
        enums={
            "type": ("rfid", "mac_address"),
            "status": ("enabled", "disabled", "suspended"),
        },
        filters=("idTagUid", "idLabel", "userId", "status", "type", "partnerId"),
        old=True,
    ),
    "tariffs": Kind(
        path="tariffs/v1.0", required=("name", "type"), update="PUT", old=True
    ),
    "tariff-groups": Kind(
        path="tariff-groups/v1.0", required=("name",), update="PUT", old=True
    ),
    "transactions": Kind(
        path="transactions/v1.0",
        required=("totalAmount", "status"),
        enums={
            "status": (
                "pending",
                "finalized",
                "failed",
                "reversed",
                "refunded",
                "authorized",
                "initialized",
            )
        },
        filters=("userId", "sessionId", "status", "ref"),
        added={
            "number": None,
            "date": "2026-05-04T07:00:00Z",
            "userId": None,
            "sessionId": None,
            "currency": "EUR",
            "ref": "",
        },
        whole=True,
        delete=False,
        wrapped=False,
        old=True,
    ),
    "subscriptions": Kind(
        path="subscriptions/v1.0",
        filters=("planId", "status", "userId"),
        update=None,
        create=False,
        delete=False,
        old=True,
    ),
    "subscription-plans": Kind(
        path="subscription-plans/v2.0",
        required=("name", "description", "renewalCycle", "type", "status"),
        enums={
            "renewalCycle": ("monthly", "annually"),
            "type": ("pre-paid", "post-paid"),
            "status": ("enabled", "disabled"),
        },
    ),
    "authorizations": Kind(
        path="authorizations/v2.1",
        filters=("userId", "chargePointId", "evseId", "status"),
        update=None,
        create=False,
        delete=False,
    ),
    "currencies": Kind(
        path="currencies/v2.0",
        required=("alphabeticCode",),
        wrapped=False,
    ),
    "vouchers": Kind(
        path="vouchers/v2.1",
        older="vouchers/v2.0",
        required=("amount",),
        whole=True,
        filters=("code",),
        added={
            "code": "GIFT-1",
            "type": "voucher",
            "remainingAmount": 0.0,
            "currencyCode": "EUR",
        },
    ),
    "partners": Kind(
        path="partners/v2.0",
        older="partners/v1.0",
        required=("name",),
        filters=("operatorId", "externalId"),
    ),
    "electricity-rates": Kind(
        path="electricity-rates/v2.0",
        older="electricity-rates/v1.0",
        required=("name", "defaultPrice", "taxPercentage"),
        added={"type": "admin_defined"},
    ),
    "vendor-error-codes": Kind(
        path="vendor-error-codes/v2.0",
        required=("vendorId", "errorCode"),
        whole=True,
    ),
}


class Collection:
    """The records of one kind."""

    def __init__(self, kind: Kind, now: Callable[[], datetime]) -> None:
        """Begin empty."""
        self.kind = kind
        self.items: dict[int, Record] = {}
        self._now = now
        self._next = 1

    def add(self, key: int, **values: Any) -> Record:
        """Add a record with a known id."""
        self._next = max(self._next, key + 1)
        stamp = iso(self._now())
        record = {"id": key, **values, "createdAt": stamp, "lastUpdatedAt": stamp}
        self.items[key] = record
        return record

    def create(self, values: Record) -> Record:
        """Create a record, checking what was sent."""
        self._check(values, whole=True)
        sent = {name: value for name, value in values.items() if name != "id"}
        return self.add(self._next, **(dict(self.kind.added) | sent))

    def change(self, key: int, values: Record) -> Record:
        """Change a record as was asked, or replace it where the kind wants that."""
        replaced = self.kind.update == "PUT"
        self._check(values, whole=replaced or self.kind.whole)
        if replaced:
            record = self.items[key]
            kept = {"id": key, "createdAt": record["createdAt"]}
            record.clear()
            record.update(kept)
        return self.update(key, values)

    def update(self, key: int, values: Record) -> Record:
        """Write some fields of a record."""
        record = self.items[key]
        record.update({k: v for k, v in values.items() if k != "id"})
        record["lastUpdatedAt"] = iso(self._now())
        return record

    def filters(self) -> dict[str, Filter[Record]]:
        """Return the filters of the kind."""

        def updated(record: Record) -> datetime | None:
            return datetime.fromisoformat(record["lastUpdatedAt"])

        named: dict[str, Filter[Record]] = {
            name: equals(_field(name)) for name in self.kind.filters
        }
        return named | {
            "lastUpdatedAfter": after(updated, "filter.lastUpdatedAfter"),
            "lastUpdatedBefore": before(updated, "filter.lastUpdatedBefore"),
        }

    def _check(self, values: Record, *, whole: bool) -> None:
        """Check required fields and closed sets of words."""
        for name in self.kind.required:
            if (whole or name in values) and values.get(name) in (None, ""):
                raise Invalid(**{name: f"The {name} field is required."})
        for name, words in self.kind.enums.items():
            if values.get(name) is not None and values[name] not in words:
                raise Invalid(**{name: f"The selected {name} is invalid."})


def _field(name: str) -> Callable[[Record], Any]:
    return lambda record: record.get(name)
