"""The sessions of a charger: Plugchoice's transactions, in whatever order they come."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from ...charging import Money, Session, SessionStatus
from ..wire import mask
from .mappings import IN_SESSION, stop_reason
from .wire import Connector, Transaction

_EPOCH: Final = datetime.min.replace(tzinfo=UTC)
_CLOSED: Final = Transaction(stopped_at=_EPOCH)


class Transactions:
    """The transactions of one charger.

    `active` are the ids of those that the cloud holds to be running. `version` changes
    with whatever is known.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[int, Transaction] = {}
        self._by_connector: dict[object, list[Transaction]] = {}
        self.active: frozenset[int] = frozenset()
        self.version = 0

    def take_active(self, transactions: Iterable[Transaction]) -> None:
        """Take the transactions that the cloud holds to be running."""
        running = {item.id: item for item in transactions if item.id is not None}
        active = frozenset(running)
        self.version += active != self.active
        self.active = active
        self._replace(self._known | running)

    def take_finished(self, transactions: Iterable[Transaction]) -> None:
        """Take the finished transactions; a running one stays until it is among them."""
        running = {n: item for n, item in self._known.items() if n in self.active}
        finished = {item.id: item for item in transactions if item.id is not None}
        self._replace(running | finished)

    def _replace(self, known: dict[int, Transaction]) -> None:
        """Know other transactions, if they are others."""
        if known != self._known:
            self._known = known
            self._by_connector.clear()
            self.version += 1

    def of(self, connector: Connector, *, alone: bool) -> list[Transaction]:
        """Return the transactions of a connector, newest first."""
        key = connector.connector_id, connector.id, alone
        if key not in self._by_connector:
            mine = [
                item
                for item in self._known.values()
                if item.started_at and belongs(item, connector, alone=alone)
            ]
            mine.sort(key=lambda item: item.started_at or _EPOCH, reverse=True)
            self._by_connector[key] = mine
        return self._by_connector[key]

    def newest(self, connector: Connector, *, alone: bool) -> Transaction | None:
        """Return the newest transaction of a connector."""
        return next(iter(self.of(connector, alone=alone)), None)

    def running(self, connector: Connector, *, alone: bool) -> Transaction | None:
        """Return the running transaction.

        One that was never closed looks active for ever: one counts only when it is the
        newest and the connector says that it is in a session.
        """
        newest = self.newest(connector, alone=alone)
        if newest is None or connector.status not in IN_SESSION:
            return None
        ended = newest.stopped_at is not None or newest.id not in self.active
        return None if ended else newest

    def unsettled(self, connector: Connector, *, alone: bool) -> bool:
        """Return whether the newest one has no end though no session runs."""
        newest = self.newest(connector, alone=alone) or _CLOSED
        return newest.stopped_at is None and connector.status not in IN_SESSION


def belongs(transaction: Transaction, connector: Connector, *, alone: bool) -> bool:
    """Return whether a transaction took place at a connector.

    Where it does not say, it did if the connector is `alone`.
    """
    if transaction.connector and transaction.connector.connector_id is not None:
        return transaction.connector.connector_id == connector.connector_id
    if transaction.charger_connector_id is not None and connector.id is not None:
        return transaction.charger_connector_id == connector.id
    return alone


def energy_of(transaction: Transaction) -> float | None:
    """Return the energy (Wh) of a finished transaction, by its total or its meter."""
    total, start, stop = (
        transaction.total_kwh,
        transaction.meter_start,
        transaction.meter_stop,
    )
    if (total is None or total <= 0) and start is not None and stop is not None:
        return max(stop - start, 0.0)
    return None if total is None else round(max(total, 0.0) * 1000, 1)


def session_of(
    transaction: Transaction, device_id: str, connector: Connector
) -> Session:
    """Translate a transaction of a connector.

    One that was never closed is running only where the connector says so, too.
    """
    cost, status = transaction.total_cost, None
    if transaction.stopped_at:
        status = SessionStatus.FINISHED
    elif connector.status in IN_SESSION:
        status = SessionStatus.ACTIVE
    return Session(
        id=str(transaction.id),
        device_id=device_id,
        started_at=transaction.started_at,
        ended_at=transaction.stopped_at,
        energy=energy_of(transaction),
        cost=None if cost is None else Money(cost),
        stop_reason=stop_reason(transaction.stop_reason),
        id_token=mask(transaction.id_tag),
        status=status,
        connector=str(connector.connector_id),
        meter_start=transaction.meter_start,
        meter_stop=transaction.meter_stop,
        valid=transaction.is_valid is not False,
    )
