"""The contract that every provider fulfils."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Any

from aiohttp import ClientSession

from ..charging import (
    ChargingProfile,
    Command,
    CommandResult,
    Fleet,
    Notice,
    NotSupportedError,
    Session,
)

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
    """Whom the credentials belong to; `id` stays the same when they are renewed.

    `title` gets into logs, so it names no person.

    `id` is None where the cloud gives nothing to know an account by. Then the
    chargers it reaches (`candidates`) tell one account from another.
    """

    id: str | None
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something to choose at set-up: a charger or a sub-account.

    `group` and `group_name` are the place a charger belongs to, where a cloud
    sorts its chargers by place.
    """

    id: str
    name: str
    group: str | None = None
    group_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which chargers of an account are wanted: all, or those named or in a group."""

    everything: bool = True
    chargers: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def wants(self, charger: str, group: str | None = None) -> bool:
        """Tell whether a charger is wanted."""
        return self.everything or charger in self.chargers or group in self.groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What a poll found, and after how long the next one is worth while.

    A device that is missing from the fleet is surely gone; one that could not be
    read is there, stale. The interval follows the user's wish for a slower or
    quicker pace, but never beyond `at_most`: something held would lapse.
    """

    fleet: Fleet
    interval: timedelta
    at_most: timedelta | None = None
    notices: tuple[Notice, ...] = ()


@dataclass(slots=True, kw_only=True)
class Context:
    """What a provider is given to work with.

    `settings` hold what was asked for at set-up and in the options, by field key.
    `memory` outlives restarts once `remember` was called; it holds JSON only, and
    no secrets.
    """

    session: ClientSession
    settings: Settings
    selection: Selection = Selection()
    memory: MutableMapping[str, Any] = field(default_factory=dict)
    remember: Callable[[], None] = lambda: None


class Provider(ABC):
    """One account at one cloud, translated into the vocabulary of `charging`.

    Every method may raise a ChargingError, and nothing else.
    """

    def __init__(self, context: Context) -> None:
        """Keep the context; no request is made before a method is called."""
        self.context = context

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
        """Carry out a command that the device offers, and judge the verdict.

        Raises CommandRefusedError when cloud or charger say no.
        """

    async def follow(self, device_id: str, command_id: str) -> CommandResult:
        """Tell how far a command came that was accepted or deferred earlier.

        `command_id` is the id of its CommandResult. Raises CommandRefusedError when
        it failed, NotFoundError when the cloud knows no such command.
        """
        raise NotSupportedError

    async def sessions(
        self, device_id: str, start: datetime, end: datetime, limit: int
    ) -> Sequence[Session]:
        """List the sessions that began in a span of time, newest first."""
        raise NotSupportedError

    async def charging_profiles(self, device_id: str) -> Sequence[ChargingProfile]:
        """Read back the charging profiles that the cloud knows of."""
        raise NotSupportedError

    async def relink_url(self, device_id: str) -> str:
        """Fetch the address where the owner links the maker's account anew.

        It opens doors: show it, never store or log it.
        """
        raise NotSupportedError

    @abstractmethod
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the cloud's last answers as they came, with secrets taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDescription:
    """A row of the registry: what a provider is and what it asks for.

    `fields` prove the account at set-up. `account_field` is then chosen from
    `Provider.subaccounts`, unless it was typed in. `options` can be changed later.
    `portal` is where a user gets the credentials. `normalise` tidies what was typed
    in; it raises InvalidSettingError.
    """

    key: str
    name: str
    factory: Callable[[Context], Provider]
    fields: tuple[Field, ...]
    options: tuple[Field, ...] = ()
    account_field: str | None = None
    portal: str = ""
    normalise: Callable[[Settings], dict[str, Any]] = dict
