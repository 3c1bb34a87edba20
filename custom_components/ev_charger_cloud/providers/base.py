"""The contract that every provider fulfils."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum, unique
import time
from typing import Any, ClassVar

from aiohttp import ClientSession

from ..charging import (
    ChargingProfile,
    Command,
    CommandResult,
    EnergyCurve,
    Event,
    Fleet,
    Name,
    Notice,
    NotSupportedError,
    Resource,
    ResourceKind,
    ResourcePage,
    ResourceRequest,
    Session,
    Verb,
)
from .wire import no_turn

type Settings = Mapping[str, Any]


@unique
class FieldKind(StrEnum):
    """How a setting is typed in."""

    TEXT = "text"
    SECRET = "secret"
    URL = "url"
    NUMBER = "number"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A setting that a provider asks for; bounds and unit are for numbers."""

    key: str
    kind: FieldKind = FieldKind.TEXT
    required: bool = True
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    step: float = 1
    unit: str | None = None


class InvalidSettingError(ValueError):
    """A setting that cannot be right; `reason` is a key of the flow's error texts."""

    def __init__(self, key: str, reason: str) -> None:
        """Name the setting and what is wrong with it."""
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whom the credentials belong to.

    `title` gets into logs, so it names no person.

    `id` is the cloud's own for an account and holds no host, address or key; it is
    None where the cloud gives none. What really tells one account from another are
    the chargers it reaches (`candidates`).
    """

    id: str | None
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something to choose at set-up: a charger or a sub-account.

    `group` and `group_name` are the place a charger belongs to, where a cloud
    sorts its chargers by place. `serial` is the same as the charger's device has: it
    tells chargers apart where a cloud merely counts them.
    """

    id: str
    name: str | Name
    serial: str | None = None
    group: str | None = None
    group_name: str | Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which chargers of an account are wanted: all, or those named or in a group."""

    everything: bool = True
    chargers: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def wants(self, charger: str, group: str | None = None) -> bool:
        """Return whether a charger is wanted."""
        return self.everything or charger in self.chargers or group in self.groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What a poll found, and after how long the next one is worth while.

    A device that is missing from the fleet is surely gone; one that could not be
    read is there, stale. A fleet that is the very same object as the last poll's has not
    changed. The interval follows the user's choice of a slower or
    quicker pace, but never beyond `max_interval`: something held would lapse.
    `events` are what the cloud itself told of; what merely shows in the readings is
    found by comparing them.
    """

    fleet: Fleet
    interval: timedelta
    max_interval: timedelta | None = None
    notices: tuple[Notice, ...] = ()
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A request that a cloud made to us.

    `headers` have names in lower case; `body` are the bytes as they came, which a
    signature is over.
    """

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a callback said.

    `kind` names it for counters, in words of the cloud that we know, else "unknown".
    `fleet` holds the devices whose readings it states for certain, `reread` the ids of
    devices that must be read again since something about them changed. `notices`
    replace those of the last poll when they are not None.
    """

    kind: str
    fleet: Fleet = field(default_factory=dict)
    reread: frozenset[str] = frozenset()
    events: tuple[Event, ...] = ()
    notices: tuple[Notice, ...] | None = None


def monotonic() -> float:
    """Return the time (s) that spans are measured by."""
    return time.monotonic()


async def _nothing_to_flush() -> None:
    """Stand in where nothing is stored."""


def _utcnow() -> datetime:
    """Return the time by this machine's clock."""
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Context:
    """What a provider is given to work with.

    `settings` hold what was asked for at set-up and in the options, by field key.
    `memory` outlives restarts once `save` was called; it holds JSON only, and no
    secrets. `flush` writes at once what must survive a kill in the next second. `kept`
    is handed on by a start that failed to the next attempt, and never stored.

    Time is given: `now` (UTC) for what people see, `monotonic` (s) for spans and
    deadlines, `sleep` (s) to wait. Nothing below asks the system. A walk over chargers
    that takes some time for each awaits `turn` between them: others want the loop, too.
    """

    session: ClientSession
    settings: Settings
    selection: Selection = Selection()
    memory: MutableMapping[str, Any] = field(default_factory=dict)
    save: Callable[[], None] = lambda: None
    flush: Callable[[], Awaitable[None]] = _nothing_to_flush
    kept: MutableMapping[str, Any] = field(default_factory=dict)
    now: Callable[[], datetime] = _utcnow
    monotonic: Callable[[], float] = monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    turn: Callable[[], Awaitable[None]] = no_turn


class Provider(ABC):
    """One account at one cloud, translated into the vocabulary of `charging`.

    Every method may raise a ChargingError, and nothing else. `start` is called before
    the first poll and `close` when the account is unloaded: a task that a provider
    runs ends there. `keeps_sessions` says that `sessions` lists all there were,
    `tells_when_measured` that `LAST_UPDATE` is when everything else was measured.
    """

    keeps_sessions: ClassVar[bool] = False
    tells_when_measured: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        """Keep the context; no request is made before a method is called."""
        self.context = context

    async def start(self) -> None:  # noqa: B027  (most have nothing to start)
        """Begin what runs beside the polls; makes no request."""

    async def close(self) -> None:  # noqa: B027  (nor to end)
        """End every task, having sent or saved what a user was promised."""

    @abstractmethod
    async def account(self) -> Account:
        """Prove the credentials and return whose they are."""

    @abstractmethod
    async def candidates(self) -> Sequence[Candidate]:
        """List every charger the account reaches, wanted or not."""

    async def subaccounts(self) -> Sequence[Candidate]:
        """List what `ProviderDescription.account_field` may hold."""
        raise NotSupportedError

    @abstractmethod
    async def poll(self) -> Poll:
        """Read what is due.

        One charger that fails is returned stale; an error is raised only when
        nothing at all can be said.
        """

    @abstractmethod
    async def read(self, device_id: str) -> Fleet:
        """Read one charger at once, whichever of its devices is named.

        Returns all devices of that charger and no others.
        """

    @abstractmethod
    async def execute(self, command: Command) -> CommandResult:
        """Send a command that the device offers, and return what the cloud answered.

        Does not wait for its effect: the result is ACCEPTED, with the id by which
        `follow` can ask for more where the cloud has one. A value that the cloud can
        only take nearly is rounded down, never up. Raises CommandRefusedError when
        cloud or charger say no, with the cloud's own words as its message.
        """

    async def follow(self, device_id: str, command_id: str) -> CommandResult:
        """Ask how far a command of this charger came that was sent earlier.

        `command_id` is the id of its CommandResult. A command that failed is returned
        as REFUSED, with its reason. Raises NotFoundError when this charger had no such
        command.
        """
        raise NotSupportedError

    def follows(self, result: CommandResult) -> bool:
        """Return whether `follow` can say more about a command than this."""
        return False

    async def sessions(
        self, device_id: str, start: datetime, end: datetime, limit: int
    ) -> Sequence[Session]:
        """List the sessions that began in a span of time, newest first."""
        raise NotSupportedError

    async def session(self, device_id: str, session_id: str) -> Session:
        """Read one session of a charger.

        Raises NotFoundError with the reason `unknown_session` when this charger had no
        such session.
        """
        raise NotSupportedError

    async def energy_curve(self, session: Session) -> EnergyCurve | None:
        """Read what the meter showed during a finished session.

        None where the cloud does not keep that. Asked only where the cloud has told no
        `Session.hours`, or such as do not add up.
        """
        return None

    async def charging_profiles(self, device_id: str) -> Sequence[ChargingProfile]:
        """Read back the charging profiles that the cloud knows of."""
        raise NotSupportedError

    @property
    def resource_kinds(self) -> Mapping[str, ResourceKind]:
        """Return the kinds of objects that an operator can look at and change here."""
        return {}

    async def list_resources(self, request: ResourceRequest) -> ResourcePage:
        """List objects of a kind, at most so many as the request says.

        Raises PermissionDeniedError that says which right is missing, and
        CommandRefusedError for filters and parts that the kind does not have.
        """
        raise NotSupportedError

    async def get_resource(self, request: ResourceRequest) -> Resource:
        """Read an object; NotFoundError with `unknown_resource` when there is none."""
        raise NotSupportedError

    async def change_resource(
        self, verb: Verb, request: ResourceRequest
    ) -> Resource | None:
        """Create, update or delete an object, once; return what it is now.

        A refusal names the fields that are wrong.
        """
        raise NotSupportedError

    async def relink_url(self, device_id: str) -> str:
        """Fetch the address where the owner links the maker's account anew.

        It opens doors: show it, never store or log it.
        """
        raise NotSupportedError

    async def subscribe(self, address: str) -> bool:
        """Have the cloud call back at an address, if the settings want it to.

        Returns whether it will; makes sure that it does not when it is not wanted.
        Called after the first poll, whenever the address may have changed, and each hour. What
        an earlier run of this entry subscribed is replaced where it no longer fits; what
        others subscribed is left alone.
        """
        return False

    async def unsubscribe(self, address: str) -> None:  # noqa: B027  (few must)
        """End what `subscribe` began at an address, or one of the same last segment."""

    @property
    def automatic_settings(self) -> Mapping[str, Any]:
        """Return what settings that nobody chose amount to, where that varies."""
        return {}

    def suspend_callbacks(self) -> None:  # noqa: B027  (few must)
        """Note that no callback reaches us until `subscribe` is called again."""

    def receive(self, callback: Callback) -> Received:
        """Understand a callback; makes no request.

        Raises AuthenticationError unless the signature proves that the cloud sent it,
        UnusableAnswerError when it cannot be read. Unknown kinds, repeats and chargers
        of others are no errors.
        """
        raise NotSupportedError

    @abstractmethod
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the cloud's last answers as they came.

        Who shows them shows only what is known to be harmless.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDescription:
    """A row of the registry: what a provider is and what it asks for.

    `fields` prove the account at set-up. `account_field` is then chosen from
    `Provider.subaccounts`, unless it was typed in. `options` can be changed later.
    `callbacks` says that the cloud can call back (`Provider.receive`).
    `portal` is where a user gets the credentials. `normalise` tidies what was typed
    in; it raises InvalidSettingError.
    """

    key: str
    name: str
    factory: Callable[[Context], Provider]
    fields: tuple[Field, ...]
    options: tuple[Field, ...] = ()
    account_field: str | None = None
    callbacks: bool = False
    portal: str = ""
    normalise: Callable[[Settings], dict[str, Any]] = dict
