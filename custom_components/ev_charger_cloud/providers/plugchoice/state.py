"""What is known of one charger between polls."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ...charging import Device, Name, Reading, StopReason
from ..access import Access
from ..schedule import Schedule
from ..wire import translate
from .mappings import CONNECTION, IN_SESSION, STOP_REASONS
from .meter import Sample, SampleTrack
from .wire import Charger, Connector, Permissions, PlugCharge, Transaction

SETTLING_FOR: Final = 3600.0
TOUCHED_FOR: Final = 60.0

_CONFIRMATIONS: Final = 3
_ROUNDING = timedelta(seconds=1)
_EPOCH = datetime.min.replace(tzinfo=UTC)
_CLOSED = Transaction(stopped_at=_EPOCH)


class Endpoints:
    """When the endpoints of a charger or a location last answered, and which will."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Begin with everything due and open."""
        self.schedule = Schedule(monotonic)
        self._access = Access[str](monotonic)

    def offers(self, feature: str) -> bool:
        """Return whether an endpoint is open, as far as is known."""
        return self._access.allows(feature)

    def close(self, feature: str, *, forbidden: bool) -> None:
        """Leave an endpoint alone for a while."""
        self._access.close(feature, forbidden=forbidden)

    def answered(self, feature: str) -> None:
        """Note that an endpoint is open."""
        self._access.open(feature)

    @property
    def forbidden(self) -> list[str]:
        """Return the endpoints that the account lacks the right to."""
        self._access.renew()
        return sorted(self._access.forbidden)


@dataclass(slots=True, kw_only=True)
class ConnectorState:
    """What is remembered of a connector; `granted` (A) is for its session."""

    usage: SampleTrack = field(default_factory=SampleTrack)
    meter: SampleTrack = field(default_factory=SampleTrack)
    seen: set[Reading] = field(default_factory=set)
    lifetime: float | None = None
    granted: float | None = None
    asked: float | None = None
    session: tuple[int | None, float] = (None, 0.0)
    metered: int | None = None
    doubted: list[tuple[datetime | None, float]] = field(default_factory=list)

    def take_usage(self, sample: Sample, now: float) -> None:
        """Take a power usage sample at a time (monotonic)."""
        self.usage.take(sample, now)
        self.seen |= sample.values.keys()

    def take_meter(self, sample: Sample, now: float) -> None:
        """Take meter values at a time (monotonic).

        A register only counts up. One that is lower is a bad sample, unless it goes
        on being lower: then the one before was, or the meter was replaced. Samples
        count by their time stamps, for the cloud repeats the last one for hours.
        """
        self.meter.take(sample, now)
        self.seen |= sample.values.keys()
        register = sample.values.get(Reading.LIFETIME_ENERGY)
        if register is None or register < 0:
            return
        if self.lifetime is not None and register < self.lifetime:
            if self.doubted and register < self.doubted[-1][1]:
                self.doubted.clear()
            if not self.doubted or sample.at not in (None, self.doubted[-1][0]):
                self.doubted.append((sample.at, register))
            if len(self.doubted) < _CONFIRMATIONS:
                return
        self.doubted.clear()
        self.lifetime = register

    def enter(self, transaction: int | None) -> None:
        """Note which session runs: samples from before it are not of it."""
        if transaction is not None and transaction != self.metered:
            if self.metered is not None:
                self.usage.end()
                self.meter.end()
            self.metered = transaction

    def session_energy(self, transaction: Transaction) -> float | None:
        """Return the energy (Wh) of a running session, which only ever rises.

        Not every charger's total grows before the end; the register does.
        """
        energy = None
        if transaction.total_kwh and transaction.total_kwh > 0:
            energy = transaction.total_kwh * 1000
        elif self.lifetime is not None and transaction.meter_start is not None:
            energy = max(self.lifetime - transaction.meter_start, 0.0)
        if energy is None:
            return None
        known, before = self.session
        if known == transaction.id:
            energy = max(energy, before)
        self.session = (transaction.id, energy)
        return round(energy, 1)


@dataclass(slots=True, kw_only=True)
class ChargerState:
    """What is known of a charger between polls.

    `listed` is its item of the list of chargers, `state` its last full answer.
    """

    uuid: str
    listed: Charger
    state: Charger | None = None
    site: str | None = None
    monotonic: Callable[[], float]
    endpoints: Endpoints = field(init=False)
    outlets: dict[int, ConnectorState] = field(default_factory=dict)
    transactions: dict[int, Transaction] = field(default_factory=dict)
    active: frozenset[int] = frozenset()
    lock: bool | None = None
    socket_lock: bool | None = None
    plug_charge: PlugCharge | None = None
    devices: tuple[Device, ...] = ()
    observed_at: float = float("-inf")
    limits_to_set: dict[int, tuple[float, float]] = field(default_factory=dict)
    _answered_at: dict[str, float] = field(default_factory=dict)
    _touched: dict[str, float] = field(default_factory=dict)
    _settling_until: float = float("-inf")

    def __post_init__(self) -> None:
        """Begin with everything due."""
        self.endpoints = Endpoints(self.monotonic)

    @property
    def name(self) -> str | Name:
        """Return the owner's label, or else the charger's OCPP identity."""
        charger = self.state or self.listed
        return (
            charger.reference
            or charger.identity
            or Name(key="charger", placeholders={"id": self.uuid[:8]})
        )

    @property
    def online(self) -> bool | None:
        """Return whether the charger is connected, None where the cloud is silent."""
        word = (self.state or self.listed).connection_status
        return translate(CONNECTION, word, of="Plugchoice connection status")

    @property
    def connectors(self) -> dict[int, Connector]:
        """Return the connectors by their OCPP number."""
        return {
            connector.connector_id: connector
            for connector in (self.state.connectors if self.state else ())
            if connector.connector_id
        }

    @property
    def in_session(self) -> dict[int, Connector]:
        """Return the connectors that have a session by their own word."""
        return {n: c for n, c in self.connectors.items() if c.status in IN_SESSION}

    @property
    def _permissions(self) -> Permissions:
        """Return what the account may do here; nothing but None when nobody says."""
        stated = self.state.permissions if self.state else None
        return stated or self.listed.permissions or Permissions()

    @property
    def permitted(self) -> bool:
        """Return whether the account may do more than look, as far as is known."""
        rights = (self._permissions.sensitive, self._permissions.full)
        return any(rights) or rights == (None, None)

    @property
    def may_see_cards(self) -> bool:
        """Return whether the account may see personal matters, as far as is known."""
        return self.permitted and self._permissions.sensitive is not False

    def offers(self, feature: str) -> bool:
        """Return whether an endpoint is open, as far as is known."""
        return self.endpoints.offers(feature)

    def touch(self, what: str) -> None:
        """Read something at every turn for a while: a command may change it."""
        self._touched[what] = self.monotonic() + TOUCHED_FOR

    def touched(self, what: str) -> bool:
        """Return whether a command may still change something."""
        return self.monotonic() < self._touched.get(what, float("-inf"))

    def newest(self, what: str, sent_at: float) -> bool:
        """Return whether an answer was asked for later than those taken before."""
        if sent_at < self._answered_at.get(what, sent_at):
            return False
        self._answered_at[what] = sent_at
        return True

    def take(self, state: Charger, sent_at: float) -> None:
        """Take a full answer; a status that changed makes due what hangs on it."""
        if sent_at < self.observed_at:
            return
        self.observed_at = sent_at
        before = {n: connector.status for n, connector in self.connectors.items()}
        self.state = state
        due: list[str] = []
        for n, connector in self.connectors.items():
            self.outlets.setdefault(n, ConnectorState())
            if before.get(n) != connector.status:
                due += (f"meter/{n}", "socket-lock")
            if (before.get(n) in IN_SESSION) != (connector.status in IN_SESSION):
                due += ("active", "finished", f"granted/{n}")
                self.outlets[n].granted = self.outlets[n].asked = None
                self._settling_until = self.monotonic() + SETTLING_FOR
        for what in due:
            self.endpoints.schedule.forget(what)

    def take_active(self, transactions: Iterable[Transaction]) -> None:
        """Take the transactions that the cloud holds to be running."""
        running = {item.id: item for item in transactions if item.id is not None}
        self.transactions |= running
        self.active = frozenset(running)

    def take_finished(self, transactions: Iterable[Transaction]) -> None:
        """Take the finished transactions; a running one stays until it is among them."""
        running = {n: item for n, item in self.transactions.items() if n in self.active}
        finished = {item.id: item for item in transactions if item.id is not None}
        self.transactions = running | finished

    def transactions_of(self, connector: Connector) -> list[Transaction]:
        """Return the transactions of a connector, newest first, whatever their order."""
        mine = [
            item
            for item in self.transactions.values()
            if item.started_at and self.belongs(item, connector)
        ]
        return sorted(mine, key=lambda item: item.started_at or _EPOCH, reverse=True)

    def belongs(self, transaction: Transaction, connector: Connector) -> bool:
        """Return whether a transaction took place at a connector."""
        if transaction.connector and transaction.connector.connector_id is not None:
            return transaction.connector.connector_id == connector.connector_id
        if transaction.charger_connector_id is not None and connector.id is not None:
            return transaction.charger_connector_id == connector.id
        return len(self.connectors) == 1

    @property
    def unsettled(self) -> bool:
        """Return whether a session is over of which the cloud does not tell the end.

        Some never get one, so nobody waits for it for long.
        """
        return self.monotonic() < self._settling_until and any(
            next(iter(self.transactions_of(connector)), _CLOSED).stopped_at is None
            for number, connector in self.connectors.items()
            if number not in self.in_session
        )

    def running(self, connector: Connector) -> Transaction | None:
        """Return the running transaction.

        A transaction that was never closed looks active for ever: one counts only
        when it is the newest and the connector says that it is in a session.
        """
        newest = next(iter(self.transactions_of(connector)), None)
        if newest is None or connector.status not in IN_SESSION:
            return None
        return (
            newest if newest.stopped_at is None and newest.id in self.active else None
        )

    def live(self, number: int) -> Mapping[Reading, float]:
        """Return what is measured now: during a session, by samples taken in it."""
        if self.online is False or number not in self.in_session:
            return {}
        outlet = self.outlets[number]
        running = self.running(self.connectors[number])
        outlet.enter(running.id if running else None)
        # Samples are stamped in ms, transactions in µs: leave room for rounding.
        since = (
            running.started_at - _ROUNDING if running and running.started_at else None
        )
        values: dict[Reading, float] = {}
        for track in (outlet.meter, outlet.usage):
            if track.live(self.monotonic(), since):
                values |= track.sample.values
        return values

    def limit(self, number: int) -> float | None:
        """Return the limit (A) that holds for the running session, as read back.

        What the charger offers anyway is no limit, unless just that was asked for.
        """
        offered, maximum = self.offered(number), self.maximum_current(number)
        if offered is None or maximum is None or offered < maximum:
            return offered
        return offered if offered == self.outlets[number].asked else None

    def offered(self, number: int) -> float | None:
        """Return what the running session may draw (A), by the best source there is."""
        connector = self.connectors[number]
        if self.online is False or connector.status not in IN_SESSION:
            return None
        if connector.current_limit is not None:
            return connector.current_limit
        if self.tells_no_limit(number):
            return self.outlets[number].granted
        return self.live(number).get(Reading.CURRENT_OFFERED)

    def tells_no_limit(self, number: int) -> bool:
        """Return whether only the charger itself knows what a session is granted."""
        return (
            self.connectors[number].current_limit is None
            and Reading.CURRENT_OFFERED not in self.outlets[number].seen
        )

    def doubt_limits(self) -> None:
        """Have the charger asked anew what it grants."""
        for number in self.connectors:
            self.endpoints.schedule.forget(f"granted/{number}")

    def maximum_current(self, number: int) -> float | None:
        """Return what charger and connector are made for, in A."""
        limits = (
            self.connectors[number].max_amperage,
            self.state.max_current if self.state else None,
        )
        return min((limit for limit in limits if limit), default=None)

    def device_id(self, number: int) -> str:
        """Return the id of the device that a connector is part of."""
        return f"{self.uuid}_{number}" if len(self.connectors) > 1 else self.uuid

    def fail(self) -> None:
        """Keep the last devices, known to be stale."""
        if not self.devices:
            self.devices = (
                Device(
                    id=self.uuid,
                    name=self.name,
                    online=self.online,
                    observed_at=self.observed_at,
                ),
            )
        self.devices = tuple(replace(device, stale=True) for device in self.devices)


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


def stop_reason_of(transaction: Transaction) -> StopReason | None:
    """Return why a transaction ended."""
    word = transaction.stop_reason
    return translate(STOP_REASONS, word, of="Plugchoice stop reason")
