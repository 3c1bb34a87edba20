"""What is known of a charger and its connectors, and what that is in the vocabulary."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ...charging import (
    CURRENTS,
    VOLTAGES,
    ChargingStatus,
    Command,
    Control,
    ControlState,
    Device,
    DeviceKind,
    Name,
    Reading,
    StartCharging,
    StopCharging,
    StopReason,
    Value,
)
from ..access import Access
from ..base import Context
from ..records import Absences
from ..schedule import Schedule
from . import mappings
from .actions import BY_COMMAND, offered
from .mappings import IN_SESSION, NO_ERROR
from .meter import ConnectorMeter
from .sessions import Transactions, energy_of
from .wire import Card, Charger, Connector, Permissions, PlugCharge, Transaction

SETTLING_FOR: Final = 3600.0
TOUCHED_FOR: Final = 60.0
# For how long (s) a charger may wait for a vehicle after a start.
_AWAITED_FOR: Final = 300.0

_PORTAL: Final = "https://app.plugchoice.com/chargers"
_MIN_CURRENT: Final = 6.0  # IEC 61851 knows nothing between 0 and this

# What is worth an entity only where the charger measures it.
_MEASURED: Final = (
    *VOLTAGES,
    Reading.POWER_OFFERED,
    Reading.STATE_OF_CHARGE,
    Reading.TEMPERATURE,
)


@dataclass(slots=True, kw_only=True)
class PendingStart:
    """A start that was sent and of which no session came yet.

    `word` is the status from before where that told of no vehicle, `known` are the
    transactions that it cannot have brought.
    """

    id: str
    known: frozenset[int]
    word: str | None
    until: float
    transaction: int | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class ConnectorState:
    """What is known of a connector; `granted` (A) is for its session."""

    charger: ChargerState
    payload: Connector
    meter: ConnectorMeter = field(default_factory=ConnectorMeter)
    granted: float | None = None
    started: PendingStart | None = None
    _tells_offer: bool = False
    _flowing: tuple[object, frozenset[Reading]] = (None, frozenset())

    @property
    def number(self) -> int:
        """Return the connector's OCPP number."""
        return self.payload.connector_id or 0

    @property
    def device_id(self) -> str:
        """Return the id of the device that the connector is part of."""
        uuid = self.charger.uuid
        return uuid if self.charger.alone else f"{uuid}_{self.number}"

    @property
    def in_session(self) -> bool:
        """Return whether there is a session by the connector's own word."""
        return self.payload.status in IN_SESSION

    @property
    def charging(self) -> bool:
        """Return whether energy flows; in any other state the last sample is old."""
        return self.charger.online is not False and self.payload.status == "Charging"

    @property
    def transactions(self) -> list[Transaction]:
        """Return the transactions here, newest first."""
        charger = self.charger
        return charger.transactions.of(self.payload, alone=charger.alone)

    @property
    def running(self) -> Transaction | None:
        """Return the running transaction."""
        charger = self.charger
        return charger.transactions.running(self.payload, alone=charger.alone)

    @property
    def had_session(self) -> bool:
        """Return whether there ever was a session, also before a restart.

        Nobody misses rows about sessions at a connector that is not used.
        """
        memory = self.charger.context.memory
        known: list[str] = memory.setdefault("sessions", [])
        if self.device_id in known:
            return True
        if not (self.in_session or self.transactions):
            return False
        known.append(self.device_id)
        self.charger.context.save()
        return True

    @property
    def awaits_vehicle(self) -> bool:
        """Return whether a start of ours may be all there is to the status."""
        return self.started is not None and self.started.word is not None

    @property
    def starting(self) -> bool:
        """Return whether a start of ours may still bring a session."""
        started = self.started
        return started is not None and self.charger.monotonic() < started.until

    def take(self, payload: Connector) -> None:
        """Take what the cloud says of the connector; make due what hangs on it."""
        before, self.payload = self.payload.status, payload
        charger, schedule = self.charger, self.charger.schedule
        if self.meter.lifetime is None:
            self.meter.lifetime = charger.registers.get(self.device_id)
        if before == payload.status:
            return
        if before == "Preparing" or self.in_session:
            self.started = self.started and replace(self.started, word=None)
        if not self.in_session:
            self.ask(None)
        if before in IN_SESSION or self.in_session:
            schedule.forget(f"values/{self.number}")
        if (before in IN_SESSION) != self.in_session:
            for what in (
                "active",
                "finished",
                "settings/socket-lock",  # it holds the cable for a session
                f"granted/{self.number}",
            ):
                schedule.forget(what)
            self.granted = None
            charger.settle()

    # Starts and limits that were asked for

    def start(self) -> str:
        """Note that a start is sent, and return an id to follow it by."""
        transactions = self.charger.transactions
        status = self.status
        plugged = status is not None and status.plugged_in
        self.started = PendingStart(
            id=f"start-{self.number}-{self.charger.count_start()}",
            known=frozenset(item.id for item in self.transactions if item.id)
            | transactions.active,
            word=None if plugged else self.payload.status,
            until=self.charger.monotonic() + _AWAITED_FOR,
        )
        return self.started.id

    @property
    def asked(self) -> float | None:
        """Return the limit (A) that this account asked for in the running session."""
        kept = self.charger.limits.get(self.device_id)
        if kept is None or not self.in_session:
            return None
        session, limit = kept
        running = self.running
        if session is not None and running is not None and running.id != session:
            return None
        return float(limit)

    def ask(self, limit: float | None) -> None:
        """Remember the limit (A) that was asked for, also over a restart."""
        limits = self.charger.limits
        if limit is not None:
            running = self.running
            limits[self.device_id] = [running and running.id, limit]
        elif limits.pop(self.device_id, None) is None:
            return
        self.charger.context.save()

    @property
    def maximum_current(self) -> float | None:
        """Return what charger and connector are made for (A), where they say."""
        state = self.charger.state
        limits = (self.payload.max_amperage, state.max_current if state else None)
        return min((limit for limit in limits if limit), default=None)

    @property
    def offered(self) -> float | None:
        """Return what the running session may draw (A), by the best source there is."""
        if self.charger.online is False or not self.in_session:
            return None
        if self.payload.current_limit is not None:
            return self.payload.current_limit
        if self.tells_no_offer:
            return self.granted
        return self.live().get(Reading.CURRENT_OFFERED)

    @property
    def tells_no_offer(self) -> bool:
        """Return whether only the charger itself knows what a session is granted."""
        return (
            self.payload.current_limit is None
            and Reading.CURRENT_OFFERED not in self.meter.seen
        )

    @property
    def limit(self) -> float | None:
        """Return the limit (A) for the running session, as read back.

        What a charger offers is no limit that was set, unless one was asked for.
        """
        offered, asked, most = self.offered, self.asked, self.maximum_current
        if offered is None or asked is None:
            return None
        return offered if offered == asked or most is None or offered < most else None

    @property
    def paused(self) -> bool:
        """Return whether a limit of this account holds the session back."""
        return self.asked == 0 and self.offered in (0, None)

    # In the vocabulary

    @property
    def status(self) -> ChargingStatus | None:
        """Return the status; an offline charger's is not known."""
        charger, word = self.charger, self.payload.status
        if charger.online is False:
            return None
        started = self.started
        if word == "Preparing" and started and started.word and self.starting:
            # The echo of our own start: there need not be a vehicle.
            word = started.word
        whole = charger.state.status if charger.state else None
        # A fault of the whole charger does not always reach its connectors' status.
        if word in (None, "Available") and whole in ("Faulted", "Unavailable"):
            word = whole
        status = mappings.status(word)
        if status is ChargingStatus.SUSPENDED_EVSE and self.paused:
            return ChargingStatus.PAUSED
        if status is ChargingStatus.FINISHING and self._was_stopped:
            return ChargingStatus.PAUSED
        return status

    @property
    def _was_stopped(self) -> bool:
        """Return whether the vehicle waits because someone stopped its session from afar."""
        last = self.transactions[0] if self.transactions else None
        return (
            last is not None
            and last.stopped_at is not None
            and mappings.stop_reason(last.stop_reason) is StopReason.REMOTE
        )

    def live(self) -> Mapping[Reading, float]:
        """Return what is measured now: during a session, by samples taken in it."""
        if self.charger.online is False or not self.in_session:
            return {}
        return self.meter.live(self.charger.monotonic(), self.running)

    @property
    def flowing(self) -> frozenset[Reading]:
        """Return the readings that there are whenever energy flows."""
        seen = self.meter.seen
        key = self.payload.power_type, len(seen)
        if self._flowing[0] != key:
            phases = mappings.phases(self.payload.power_type)
            currents = {
                reading
                for phase, reading in enumerate(CURRENTS)
                if phase < phases or reading in seen
            }
            self._flowing = key, frozenset({Reading.POWER, *currents})
        return self._flowing[1]

    @property
    def needs_usage(self) -> bool:
        """Return whether power and currents are told by the power usage alone."""
        return not (
            self.meter.measures(self.flowing)
            and self.meter.values.live(self.charger.monotonic())
        )

    def readings(self) -> dict[Reading, Value]:
        """Return what holds for the connector."""
        status, live, seen = self.status, self.live(), self.meter.seen
        charging = None if status is None else status is ChargingStatus.CHARGING
        state = self.charger.state
        alone = self.charger.alone and state is not None
        readings: dict[Reading, Value] = {
            Reading.STATUS: status,
            Reading.CLOUD_STATUS: self.payload.status,
            Reading.PLUG: None if status is None else status.plugged_in,
            Reading.CHARGING: charging,
            **_problem(self.payload, *((state,) if alone and state else ())),
            # Nothing flows but while charging, whatever the last sample says.
            **{
                key: 0.0 if charging is False else live.get(key) for key in self.flowing
            },
            **{key: live.get(key) for key in _MEASURED if key in seen},
            Reading.MAXIMUM_CURRENT: self.maximum_current,
            Reading.MAXIMUM_VOLTAGE: self.payload.max_voltage,
            Reading.CONNECTOR_STANDARD: self.payload.standard,
            Reading.CONNECTOR_FORMAT: self.payload.format,
            Reading.POWER_TYPE: self.payload.power_type,
            Reading.PHASE_ROTATION: self.payload.phase_rotation,
            Reading.LAST_UPDATE: self.meter.sampled_at,
        }
        if self.meter.lifetime is not None:
            readings[Reading.LIFETIME_ENERGY] = self.meter.lifetime
        offered = self.offered
        self._tells_offer |= offered is not None
        if self._tells_offer:
            readings[Reading.CURRENT_OFFERED] = offered
        if self.charger.access.allows("transactions") and self.had_session:
            readings |= self._session_readings()
        return readings

    def _session_readings(self) -> dict[Reading, Value]:
        """Return the running session, or the last one while none is running."""
        transactions, running = self.transactions, self.running
        last = next((item for item in transactions if item.stopped_at), None)
        shown, energy = running, None
        if running:
            energy = self.meter.session_energy(running)
        elif transactions and not self.in_session:
            shown = transactions[0]
            energy = (
                energy_of(shown)
                if shown.stopped_at
                else self.meter.session_energy(shown)
            )
        return {
            Reading.SESSION_ENERGY: energy,
            Reading.SESSION_START: shown.started_at if shown else None,
            Reading.SESSION_END: shown.stopped_at if shown else None,
            Reading.LAST_SESSION_ENERGY: energy_of(last) if last else None,
            # Not of the session before while one runs, or the end is not known yet.
            Reading.STOP_REASON: mappings.stop_reason(last.stop_reason)
            if last and last is transactions[0] and not self.in_session
            else None,
        }

    def controls(self) -> dict[Control, ControlState]:
        """Return what can be set for the connector."""
        controls: dict[Control, ControlState] = {}
        if {StartCharging, StopCharging} <= self.commands().keys():
            controls[Control.CHARGING] = ControlState(value=self._may_charge())
        if self.charger.permitted and self.charger.allows(Control.CURRENT_LIMIT):
            controls[Control.CURRENT_LIMIT] = ControlState(
                value=self.limit,
                minimum=_MIN_CURRENT,
                maximum=self.maximum_current,
                step=1.0,
                timed=True,
            )
        return controls

    def _may_charge(self) -> bool | None:
        """Return whether nothing that can be switched from here holds charging back."""
        status = self.status
        return None if status is None else status in _WITH_SESSION

    def commands(self) -> dict[type[Command], frozenset[str]]:
        """Return the commands that the connector takes, with their fields."""
        charger = self.charger
        return offered(charger.access, connector=True) if charger.permitted else {}

    def known(self) -> object:
        """Return all that the readings are made of, to compare."""
        return (
            self.payload,
            self.status,
            self.live(),
            self.offered,
            self.asked,
            self.meter.lifetime,
            self.meter.sampled_at,
            len(self.meter.seen),
        )


_WITH_SESSION: Final = (
    ChargingStatus.CHARGING,
    ChargingStatus.SUSPENDED_EV,
    ChargingStatus.SUSPENDED_EVSE,
)


@dataclass(slots=True, kw_only=True, eq=False)
class ChargerState:
    """What is known of a charger between polls.

    `listed` is its item of the list of chargers, `state` its last full answer, `site`
    the location where it stands. `readable` says that it could be read the last time,
    `changed` that something was read since the devices were put together; nothing is due before
    `quiet_until` but what is live. `in_session` are the connectors with a session by
    their own word.
    """

    uuid: str
    listed: Charger
    context: Context
    state: Charger | None = None
    site: str | None = None
    access: Access[str] = field(init=False)
    schedule: Schedule = field(init=False)
    connectors: dict[int, ConnectorState] = field(default_factory=dict)
    in_session: dict[int, ConnectorState] = field(default_factory=dict)
    transactions: Transactions = field(default_factory=Transactions)
    lock: bool | None = None
    socket_lock: bool | None = None
    plug_charge: PlugCharge | None = None
    devices: tuple[Device, ...] = ()
    readable: bool = False
    changed: bool = True
    quiet_until: float = float("-inf")
    observed_at: float = float("-inf")
    limits_to_set: dict[int, tuple[float, float]] = field(default_factory=dict)
    _known: object = None
    _starts: int = 0
    _answered_at: dict[str, float] = field(default_factory=dict)
    _touched: dict[str, float] = field(default_factory=dict)
    _settling_until: float = float("-inf")
    _absences: Absences = field(init=False)

    def __post_init__(self) -> None:
        """Begin with everything due and open."""
        self.access = Access(self.monotonic)
        self.schedule = Schedule(self.monotonic)
        self._absences = Absences(self.monotonic)

    def monotonic(self) -> float:
        """Return the time (s) that spans are measured by."""
        return self.context.monotonic()

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
        return mappings.online((self.state or self.listed).connection_status)

    @property
    def alone(self) -> bool:
        """Return whether there is one connector: then it is one with the charger."""
        return len(self.connectors) == 1

    @property
    def limits(self) -> dict[str, Any]:
        """Return the limits that were asked for in sessions, by device."""
        kept: dict[str, Any] = self.context.memory.setdefault("limits", {})
        return kept

    @property
    def registers(self) -> dict[str, float]:
        """Return what the registers showed last, by device, also over a restart.

        Without it, a reload would take the next bad sample for the truth.
        """
        kept: dict[str, float] = self.context.memory.setdefault("registers", {})
        return kept

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

    def allows(self, what: Control | type[Command]) -> bool:
        """Return whether the endpoint of a command is open, as far as is known."""
        return self.access.allows(BY_COMMAND[what].path)

    @property
    def moving(self) -> bool:
        """Return whether readings may change though nothing new is read."""
        return bool(
            self.in_session
            or self.access.closed
            or any(each.awaits_vehicle for each in self.connectors.values())
        )

    def forbidden(self) -> list[str]:
        """Return the endpoints that the account lacks the right to."""
        self.access.renew()
        return sorted(self.access.forbidden)

    def touch(self, what: str) -> None:
        """Read something at every turn for a while: a command may change it."""
        self._touched[what] = self.monotonic() + TOUCHED_FOR
        self.quiet_until = float("-inf")

    def touched(self, what: str) -> bool:
        """Return whether a command may still change something."""
        if not self._touched:
            return False
        return self.monotonic() < self._touched.get(what, float("-inf"))

    def newest(self, what: str, sent_at: float) -> bool:
        """Return whether an answer was asked for later than those taken before."""
        if sent_at < self._answered_at.get(what, sent_at):
            return False
        self._answered_at[what] = sent_at
        return True

    def take(self, state: Charger, sent_at: float) -> None:
        """Take a full answer; one that lacks connectors is crooked at first."""
        if sent_at < self.observed_at:
            return
        if state is self.state and self.readable:
            self.observed_at = sent_at
            return
        payloads = {each.connector_id: each for each in state.connectors}
        known = {str(number): number for number in self.connectors}
        gone = self._absences.judge(known, map(str, payloads))
        if known.keys() - gone - set(map(str, payloads)):
            self.fail()
            return
        self.observed_at = sent_at
        self.state = state
        self.readable = self.changed = True
        self.quiet_until = float("-inf")
        # All of them first: what one takes depends on whether it is alone.
        self.connectors = {
            number: self.connectors.get(number)
            or ConnectorState(charger=self, payload=Connector())
            for number in payloads
            if number
        }
        for number, each in self.connectors.items():
            each.take(payloads[number])
        self.in_session = {n: c for n, c in self.connectors.items() if c.in_session}

    def settle(self) -> None:
        """Look for the end of a session at every turn for a while."""
        self._settling_until = self.monotonic() + SETTLING_FOR

    @property
    def unsettled(self) -> bool:
        """Return whether a session is over of which the cloud does not tell the end.

        Some never get one, so nobody waits for it for long.
        """
        return self.monotonic() < self._settling_until and any(
            self.transactions.unsettled(each.payload, alone=self.alone)
            for each in self.connectors.values()
        )

    def count_start(self) -> int:
        """Number a start."""
        self._starts += 1
        return self._starts

    def doubt_limits(self) -> None:
        """Have the charger asked anew what it grants."""
        self.quiet_until = float("-inf")
        for number, connector in self.connectors.items():
            self.schedule.forget(f"granted/{number}")
            if connector.payload.current_limit is None:
                self.schedule.forget(f"values/{number}")

    def maximum_current(self, number: int | None) -> float | None:
        """Return what a connector, or the whole charger, is made for (A)."""
        if number is not None:
            return self.connectors[number].maximum_current
        return self.state.max_current if self.state else None

    # In the vocabulary

    def translate(self, cards: Mapping[str, Card], card: str | None) -> None:
        """Put the devices together, unless they are as they were.

        `cards` go by name, `card` is the one that remote starts are made with.
        """
        self.access.renew()
        known = (
            self.state,
            self.listed,
            self.lock,
            self.socket_lock,
            self.plug_charge,
            self.transactions.version,
            self.access.generation,
            tuple(cards),
            card,
            [each.known() for each in self.connectors.values()],
        )
        self.changed = False
        if known != self._known or any(device.stale for device in self.devices):
            self._known = known
            self.devices = self._devices(cards, card)

    def observed(self) -> None:
        """Have the devices tell when they were seen."""
        self.devices = tuple(
            replace(device, observed_at=self.observed_at) for device in self.devices
        )

    def _devices(
        self, cards: Mapping[str, Card], card: str | None
    ) -> tuple[Device, ...]:
        """Return one device, or a charger and its connectors."""
        charger = self.state or self.listed
        model = charger.model or self.listed.model
        readings = self._readings(charger)
        controls = self._controls(cards, card)
        commands = offered(self.access, charger=True) if self.permitted else {}
        connectors = list(self.connectors.values())
        if self.alone:
            readings |= connectors[0].readings()
            controls |= connectors[0].controls()
            commands |= connectors[0].commands()
        else:
            readings |= _problem(charger)
            readings[Reading.MAXIMUM_CURRENT] = self.maximum_current(None)
        parent = Device(
            id=self.uuid,
            name=self.name,
            maker=model.vendor if model else None,
            model=model.name if model else None,
            serial=charger.identity,
            firmware=charger.parsed_firmware_version or charger.firmware_version,
            url=f"{_PORTAL}/{self.uuid}",
            online=self.online,
            observed_at=self.observed_at,
            readings=readings,
            controls=controls,
            commands=commands,
        )
        parent_name = parent.name if isinstance(parent.name, str) else ""
        children = [
            Device(
                id=each.device_id,
                kind=DeviceKind.CONNECTOR,
                name=Name(
                    key="connector",
                    placeholders={"charger": parent_name, "number": str(each.number)},
                ),
                parent=parent.id,
                maker=parent.maker,
                model=parent.model,
                online=parent.online,
                observed_at=self.observed_at,
                readings=each.readings(),
                controls=each.controls(),
                commands=each.commands(),
            )
            for each in (() if self.alone else connectors)
        ]
        return (parent, *children)

    def _readings(self, charger: Charger) -> dict[Reading, Value]:
        """Return what holds for the whole charger."""
        licences, model = charger.licenses, charger.model or self.listed.model
        readings: dict[Reading, Value] = {
            Reading.LAST_HEARTBEAT: charger.last_heartbeat_at,
            Reading.LAST_CONNECTION: charger.last_connection_at,
            Reading.LAST_DISCONNECTION: charger.last_disconnection_at,
            Reading.CREATED_AT: charger.created_at,
            Reading.SETUP_PENDING: charger.setup_pending,
            Reading.SETUP_COMPLETED: charger.setup_completed,
            Reading.SERVER: charger.server,
            Reading.BLOCKED: charger.blocked,
            Reading.DIRECT_CURRENT: model.is_dc if model else None,
            Reading.LICENCE: None
            if licences is None
            else "pro"
            if licences.pro
            else "smart"
            if licences.smart
            else "basic",
        }
        cables = {(c.payload.format or "").lower() for c in self.connectors.values()}
        if self.access.allows("settings/socket-lock") and cables != {"cable"}:
            readings[Reading.SOCKET_LOCK] = (
                None if self.online is False else self.socket_lock
            )
        return readings

    def _controls(
        self, cards: Mapping[str, Card], card: str | None
    ) -> dict[Control, ControlState]:
        """Return what can be set for the whole charger."""
        controls: dict[Control, ControlState] = {}
        if not self.permitted:
            return controls
        if self.allows(Control.LOCK):
            controls[Control.LOCK] = ControlState(value=self.lock)
        if self.allows(Control.PLUG_AND_CHARGE):
            plug_charge = self.plug_charge
            controls[Control.PLUG_AND_CHARGE] = ControlState(
                value=plug_charge.enabled if plug_charge else None
            )
        if cards and self.allows(StartCharging):
            controls[Control.START_CARD] = ControlState(
                value=card, options=tuple(cards)
            )
        return controls

    def fail(self) -> None:
        """Keep the last devices, known to be stale."""
        self.readable = False
        if not self.devices:
            self.devices = (
                Device(
                    id=self.uuid,
                    name=self.name,
                    online=self.online,
                    observed_at=self.observed_at,
                ),
            )
        if not all(device.stale for device in self.devices):
            self.devices = tuple(replace(device, stale=True) for device in self.devices)


def _problem(*parts: Charger | Connector) -> dict[Reading, Value]:
    """Return what is wrong: the first part with an error tells."""
    wrong = next((part for part in parts if part.error not in NO_ERROR), parts[0])
    details = (wrong.vendor_error_code, wrong.error_info)
    return {
        Reading.PROBLEM: wrong.error not in NO_ERROR
        or any(part.status == "Faulted" for part in parts),
        Reading.ERROR_CODE: mappings.error_code(wrong.error),
        Reading.ERROR_DETAIL: " ".join(text for text in details if text) or None,
        Reading.VENDOR_ID: next(
            (part.vendor_id for part in (wrong, *parts) if part.vendor_id), None
        ),
    }
