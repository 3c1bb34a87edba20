"""An AMPS key, translated into the vocabulary of `charging`."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, override

from ...charging import Command, CommandResult, Fleet, NotSupportedError, Outcome
from ..access import Access
from ..base import (
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
    Settings,
)
from ..settings import stripped, web_address
from ..wire import oddities
from .auth_guard import AuthGuard
from .callbacks import Callbacks, is_secret
from .client import Client, Listing
from .commands import Commands
from .mappings import name_of
from .state import device_id_of
from .sync import CONTROL, ChargerSync
from .wire import Charger


class AmpsProvider(Provider):
    """An AMPS key and the chargers it reaches."""

    tells_when_measured: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        """Prepare; nothing is sent yet."""
        super().__init__(context)
        settings = context.settings
        self._user_id: str | None = settings.get("end_user_id") or None
        self._client = Client(
            context.session,
            settings["base_url"],
            settings["api_key"],
            context.monotonic,
        )
        self._access = Access[str](context.monotonic)
        guard = AuthGuard(context, self._client)
        self._sync = ChargerSync(context, self._client, guard, self._access)
        self._commands = Commands(self._client, guard, self._access, self._sync)
        self._callbacks = Callbacks(context, self._sync)

    @override
    async def account(self) -> Account:
        """Prove the key; AMPS tells nothing of whose it is."""
        await self._client.probe()
        environment = self._client.environment
        return Account(
            id=None, title=f"AMPS ({environment})" if environment else "AMPS"
        )

    @override
    async def candidates(self) -> Sequence[Candidate]:
        """List the chargers with their ids, as AMPS knows no names."""
        listing, found = Listing(), list[Charger]()
        while not listing.over:
            found += Charger.decode_all(
                await self._client.chargers(listing, self._user_id)
            )
        return [
            Candidate(
                id=device_id_of(charger),
                name=f"{name_of(charger) or ''} ({charger.id})".strip(),
            )
            for charger in found
        ]

    @override
    async def poll(self) -> Poll:
        """Read what is due."""
        return await self._sync.poll()

    @override
    async def read(self, device_id: str) -> Fleet:
        """Read a charger as its maker knows it, at most a minute old."""
        return await self._sync.read(device_id)

    @override
    async def execute(self, command: Command) -> CommandResult:
        """Send a command; the action that it makes can be followed."""
        return await self._commands.execute(command)

    @override
    def follows(self, result: CommandResult) -> bool:
        """Return whether an action has not come to its end."""
        return result.outcome is Outcome.ACCEPTED and result.id is not None

    @override
    async def follow(self, device_id: str, command_id: str) -> CommandResult:
        """Ask how far an action of this charger came."""
        return await self._commands.follow(device_id, command_id)

    @override
    async def relink_url(self, device_id: str) -> str:
        """Return the address that came with the word that a link is broken."""
        trouble = self._sync.find(device_id).trouble
        if trouble is None or trouble.url is None:
            raise NotSupportedError(reason="no_address")
        return trouble.url

    @override
    async def subscribe(self, address: str) -> bool:
        """Return whether there is a secret: only AMPS's dashboard takes an address."""
        return self._callbacks.wanted

    @override
    def receive(self, callback: Callback) -> Received:
        """Understand a callback about an action or a link."""
        return self._callbacks.receive(callback)

    @override
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the last answers, and what was concluded from them."""
        return {
            "environment": self._client.environment,
            "old_action_route": self._client.old_route,
            "controllable": CONTROL not in self._access.closed,
            "oddities": oddities("AMPS"),
            "chargers": [
                {
                    "canonical": known.charger.canonical,
                    "trouble": known.trouble and known.trouble.error.reason,
                    "action": known.action and (known.action.verb, known.action.state),
                    "watched": known.watched,
                }
                for known in self._sync.chargers.values()
            ],
            "answers": [
                {"endpoint": endpoint, "answer": answer}
                for (endpoint, _), answer in self._client.answers.items()
            ],
        }


def _normalise(settings: Settings) -> dict[str, Any]:
    """Tidy what was typed in."""
    tidy = stripped(settings)
    if "base_url" in tidy:
        tidy["base_url"] = web_address(tidy["base_url"])
    key = tidy.get("api_key")
    if key is not None and not (key and key.isascii() and key.isprintable()):
        raise InvalidSettingError("api_key", "invalid_key")
    if (secret := tidy.get("webhook_secret")) and not is_secret(secret):
        raise InvalidSettingError("webhook_secret", "invalid_secret")
    return tidy


DESCRIPTION = ProviderDescription(
    key="amps",
    name="AMPS",
    factory=AmpsProvider,
    fields=(
        Field(key="base_url", kind=FieldKind.URL, default="https://api.amps.ai"),
        Field(key="api_key", kind=FieldKind.SECRET),
    ),
    options=(
        Field(key="end_user_id", required=False),
        Field(key="expedite_while_charging", kind=FieldKind.BOOLEAN, default=False),
        Field(key="webhook_secret", kind=FieldKind.SECRET, required=False),
    ),
    portal="https://amps.ai",
    callbacks=True,
    normalise=_normalise,
)
