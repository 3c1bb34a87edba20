"""A provider whose every answer a test decides."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, override

import orjson

from custom_components.ev_charger_cloud.charging import (
    AuthenticationError,
    ChargingError,
    ChargingProfile,
    Command,
    CommandResult,
    Control,
    ControlState,
    Device,
    EnergyCurve,
    Event,
    Fleet,
    Notice,
    Outcome,
    Reading,
    Resource,
    ResourceKind,
    ResourcePage,
    ResourceRequest,
    Session,
    SetControl,
    StartCharging,
    StopCharging,
    UnusableAnswerError,
    Value,
    Verb,
)
from custom_components.ev_charger_cloud.providers.base import (
    Account,
    Callback,
    Candidate,
    Context,
    Field,
    FieldKind,
    InvalidSettingError,
    Poll,
    Provider,
    ProviderDescription,
    Received,
)


class FakeProvider(Provider):
    """Answers with what its class attributes hold."""

    fleet: dict[str, Device]
    identity: Account | ChargingError
    reachable: Sequence[Candidate]
    persons: Sequence[Candidate] | ChargingError
    interval: timedelta
    notices: tuple[Notice, ...]
    failure: ChargingError | None
    read_failure: ChargingError | None
    refusal: ChargingError | None
    result: CommandResult
    obeys: bool
    # Whether commands change the fleet, and what is awaited while one is sent.
    executed: list[Command]
    changed: list[tuple[Verb, ResourceRequest]]
    asked: ResourceRequest | None
    sending: Callable[[Command], Awaitable[None]] | None
    polling: Callable[[], Awaitable[None]] | None
    reading: Callable[[], Awaitable[None]] | None
    told: CommandResult | ChargingError | None
    events: tuple[Event, ...]
    started: int
    closed: int
    reads: list[str]
    polls: int
    contexts: list[Context]
    # Where it was told to call, what that was answered, and what is told by a callback.
    subscribed: list[str]
    unsubscribed: list[str]
    subscription: bool | ChargingError
    received: Received | Exception
    suspended: int
    automatic: Mapping[str, Any]
    # What its cloud keeps of the past, None for one session of any time.
    past: Sequence[Session] | None
    curves: Mapping[str, EnergyCurve]
    asked_spans: list[tuple[str, datetime, datetime]]
    asked_curves: list[str]

    @classmethod
    def reset(cls) -> None:
        """Begin anew."""
        cls.fleet = {}
        cls.identity = Account(id="account-1", title="Fake account")
        cls.reachable = ()
        cls.persons = ()
        cls.interval = timedelta(seconds=60)
        cls.notices = ()
        cls.failure = None
        cls.read_failure = None
        cls.refusal = None
        cls.result = CommandResult()
        cls.obeys = True
        cls.executed = []
        cls.changed = []
        cls.asked = None
        cls.sending = None
        cls.polling = None
        cls.reading = None
        cls.told = None
        cls.events = ()
        cls.started = 0
        cls.closed = 0
        cls.reads = []
        cls.polls = 0
        cls.contexts = []
        cls.subscribed = []
        cls.unsubscribed = []
        cls.subscription = True
        cls.received = Received(kind="nothing")
        cls.suspended = 0
        cls.automatic = {}
        cls.keeps_sessions = False
        cls.past = None
        cls.curves = {}
        cls.asked_spans = []
        cls.asked_curves = []

    def __init__(self, context: Context) -> None:
        """Remember what it was given."""
        super().__init__(context)
        self.contexts.append(context)

    @classmethod
    def set_reading(cls, device_id: str, reading: Reading, value: Value) -> None:
        """Change what a device reads."""
        device = cls.fleet[device_id]
        cls.fleet = {
            **cls.fleet,
            device_id: replace(device, readings={**device.readings, reading: value}),
        }

    @classmethod
    def set_control(cls, device_id: str, control: Control, **changes: Any) -> None:
        """Change the state of a control."""
        device = cls.fleet[device_id]
        state = replace(device.controls.get(control, ControlState()), **changes)
        cls.fleet = {
            **cls.fleet,
            device_id: replace(device, controls={**device.controls, control: state}),
        }

    @classmethod
    def change(cls, device_id: str, **changes: Any) -> None:
        """Change a device."""
        device = replace(cls.fleet[device_id], **changes)
        cls.fleet = {**cls.fleet, device_id: device}

    @override
    async def account(self) -> Account:
        if isinstance(self.identity, ChargingError):
            raise self.identity
        return self.identity

    @override
    async def candidates(self) -> Sequence[Candidate]:
        if self.failure:
            raise self.failure
        return self.reachable

    @override
    async def subaccounts(self) -> Sequence[Candidate]:
        if isinstance(self.persons, ChargingError):
            raise self.persons
        return self.persons

    @override
    async def poll(self) -> Poll:
        type(self).polls += 1
        fleet = self._seen(self.fleet)
        if polling := type(self).polling:
            await polling()
        if self.failure:
            raise self.failure
        return Poll(
            fleet=fleet,
            interval=self.interval,
            notices=self.notices,
            events=self.events,
        )

    @override
    async def read(self, device_id: str) -> Fleet:
        self.reads.append(device_id)
        if self.read_failure:
            raise self.read_failure
        top = self.fleet[device_id].parent or device_id
        seen = self._seen(
            {
                device.id: device
                for device in self.fleet.values()
                if top in (device.id, device.parent)
            }
        )
        if reading := type(self).reading:
            await reading()
        return seen

    @override
    async def execute(self, command: Command) -> CommandResult:
        self.executed.append(command)
        if sending := type(self).sending:
            await sending(command)
        if self.refusal and not self.refusal.uncertain:
            raise self.refusal
        if self.obeys:
            self._obey(command)
        if self.refusal:
            raise self.refusal
        return self.result

    def _obey(self, command: Command) -> None:
        """Have a command take effect."""
        match command:
            case SetControl():
                self.set_control(
                    command.device_id, command.control, value=command.value
                )
            case StartCharging() | StopCharging():
                self.set_control(
                    command.device_id,
                    Control.CHARGING,
                    value=isinstance(command, StartCharging),
                )

    def _seen(self, fleet: Fleet) -> dict[str, Device]:
        """Return devices as they are seen by a request that is sent now."""
        now = self.context.monotonic()
        return {key: replace(device, observed_at=now) for key, device in fleet.items()}

    @override
    async def start(self) -> None:
        type(self).started += 1

    @override
    async def close(self) -> None:
        type(self).closed += 1

    @override
    async def follow(self, device_id: str, command_id: str) -> CommandResult:
        if isinstance(self.told, ChargingError):
            raise self.told
        return self.told or replace(self.result, id=command_id)

    @override
    def follows(self, result: CommandResult) -> bool:
        return self.told is not None and result.outcome is Outcome.ACCEPTED

    @property
    @override
    def resource_kinds(self) -> Mapping[str, ResourceKind]:
        return {
            "tariffs": ResourceKind(verbs=frozenset(Verb)),
            "logs": ResourceKind(verbs=frozenset({Verb.LIST}), parent="tariffs"),
        }

    @override
    async def list_resources(self, request: ResourceRequest) -> ResourcePage:
        if self.failure:
            raise self.failure
        type(self).asked = request
        return ResourcePage(items=({"id": 1},), next_page="cursor:x:50")

    @override
    async def get_resource(self, request: ResourceRequest) -> Resource:
        if self.failure:
            raise self.failure
        type(self).asked = request
        return {"id": request.id}

    @override
    async def change_resource(
        self, verb: Verb, request: ResourceRequest
    ) -> Resource | None:
        if self.failure:
            raise self.failure
        self.changed.append((verb, request))
        return None if verb is Verb.DELETE else {"id": "1", **(request.fields or {})}

    @override
    async def session(self, device_id: str, session_id: str) -> Session:
        return Session(id=session_id, device_id=device_id, started_at=None)

    @override
    async def sessions(
        self, device_id: str, start: datetime, end: datetime, limit: int
    ) -> Sequence[Session]:
        if self.failure:
            raise self.failure
        if self.past is not None:
            self.asked_spans.append((device_id, start, end))
            return [
                each
                for each in self.past
                if device_id in (each.device_id, self._parent_of(each.device_id))
                and each.started_at
                and start <= each.started_at < end
            ]
        return [
            Session(
                id="s1",
                device_id=device_id,
                started_at=start,
                ended_at=end,
                energy=7200.0,
                id_token="…C3D4",
            )
        ][:limit]

    def _parent_of(self, device_id: str) -> str | None:
        """Return what a device is a part of."""
        device = self.fleet.get(device_id)
        return device.parent if device else None

    @override
    async def energy_curve(self, session: Session) -> EnergyCurve | None:
        self.asked_curves.append(session.id)
        return self.curves.get(session.id)

    @override
    async def charging_profiles(self, device_id: str) -> Sequence[ChargingProfile]:
        if self.failure:
            raise self.failure
        return [
            command.profile for command in self.executed if hasattr(command, "profile")
        ]

    @override
    async def relink_url(self, device_id: str) -> str:
        if self.failure:
            raise self.failure
        return "https://link.example/secret"

    @override
    async def subscribe(self, address: str) -> bool:
        self.subscribed.append(address)
        if isinstance(self.subscription, ChargingError):
            raise self.subscription
        return self.subscription

    @override
    async def unsubscribe(self, address: str) -> None:
        self.unsubscribed.append(address)
        if isinstance(self.subscription, ChargingError):
            raise self.subscription

    @override
    def suspend_callbacks(self) -> None:
        super().suspend_callbacks()
        type(self).suspended += 1

    @property
    @override
    def automatic_settings(self) -> Mapping[str, Any]:
        return {**super().automatic_settings, **self.automatic}

    @override
    def receive(self, callback: Callback) -> Received:
        if callback.headers.get("x-signature") != "good":
            raise AuthenticationError(reason="bad_signature")
        try:
            orjson.loads(callback.body)
        except ValueError as err:
            raise UnusableAnswerError(reason="not_json") from err
        if isinstance(self.received, Exception):
            raise self.received
        return replace(self.received, fleet=self._seen(self.received.fleet))

    @override
    def diagnostics(self) -> Mapping[str, Any]:
        return {"polls": self.polls}


def _normalise(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse what the test says is wrong."""
    if settings.get("base_url") == "nonsense":
        raise InvalidSettingError("base_url", "invalid_url")
    return dict(settings)


DESCRIPTION = ProviderDescription(
    key="fake",
    name="Fake",
    factory=FakeProvider,
    fields=(
        Field(key="base_url", kind=FieldKind.URL, default="https://fake.example"),
        Field(key="token", kind=FieldKind.SECRET),
    ),
    options=(
        Field(key="id_token", required=False),
        Field(
            key="stack_level",
            kind=FieldKind.NUMBER,
            default=1,
            minimum=0,
            maximum=9,
            unit="A",
        ),
        Field(key="allow_pause", kind=FieldKind.BOOLEAN, default=False),
    ),
    portal="https://fake.example/tokens",
    normalise=_normalise,
)
PERSONAL = replace(
    DESCRIPTION,
    key="personal",
    name="Personal",
    fields=(*DESCRIPTION.fields, Field(key="user_id")),
    account_field="user_id",
)
