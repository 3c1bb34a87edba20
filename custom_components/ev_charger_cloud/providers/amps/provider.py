"""An AMPS key, translated into the vocabulary of `charging`."""

from collections import Counter
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, override

from ...charging import (
    AuthenticationError,
    ChargingError,
    Command,
    CommandResult,
    Fleet,
    Name,
    NotFoundError,
    Notice,
    NoticeKind,
    NotSupportedError,
    Outcome,
    PermissionDeniedError,
    RateLimitedError,
    Refresh,
    Refusal,
    UnreachableError,
)
from ..base import (
    Account,
    Candidate,
    Context,
    Field,
    FieldKind,
    InvalidSettingError,
    Poll,
    Provider,
    ProviderDescription,
    Settings,
)
from ..records import Absences
from ..schedule import Schedule
from ..settings import stripped, web_address
from ..transport import redact
from ..wire import oddities
from .auth_guard import AuthGuard
from .charger_state import ChargerState, Trouble, device_id_of
from .client import KEY_REFUSED, Client
from .commands import perform, result_of
from .mappings import device_of, name_of
from .wire import Action

LIST_EVERY = timedelta(minutes=30)
READ_EVERY = timedelta(minutes=5)
TICK = timedelta(minutes=1)
READS_PER_POLL = 30

PROBE_DELAY = 5.0
"""How long a burst is given to pass before a 401 is looked into, in seconds."""

_LIST = "list"

_PRIVATE = frozenset(
    {
        "conflictingActionIds",
        "deviceId",
        "id",
        "reconnectionUrl",
        "requestId",
        "self",
        "userId",
    }
)


class AmpsProvider(Provider):
    """An AMPS key and the chargers it reaches.

    Polls come each minute and mostly ask nothing: a charger is read every five, more
    often only after a command or, on request, while it charges.
    """

    def __init__(self, context: Context) -> None:
        """Prepare; nothing is sent yet."""
        super().__init__(context)
        settings = context.settings
        self._client = Client(
            context.session,
            settings["base_url"],
            settings["api_key"],
            context.monotonic,
        )
        self._user_id: str | None = settings.get("end_user_id") or None
        self._expedite: bool = settings.get("expedite_while_charging", False)
        self._schedule = Schedule(context.monotonic)
        self._auth_guard = AuthGuard(context)
        self._absences = Absences(context.monotonic)
        self._proven_at = float("-inf")
        self._chargers: dict[str, ChargerState] = {}
        self._controllable = True

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
        listing = await self._client.chargers(self._user_id)
        return [
            Candidate(
                id=device_id_of(charger),
                name=f"{name_of(charger) or ''} ({charger.id})".strip(),
            )
            for charger in listing.items
        ]

    @override
    async def poll(self) -> Poll:
        """Read what is due."""
        listed = self._schedule.due(_LIST, LIST_EVERY) and await self._discover()
        await self._read_due(answered=listed)
        return Poll(
            fleet={
                known.id: device_of(known, controllable=self._controllable)
                for known in self._chargers.values()
            },
            interval=TICK,
            notices=tuple(self._notices()),
        )

    @override
    async def read(self, device_id: str) -> Fleet:
        """Read a charger as its maker knows it, at most a minute old."""
        known = self._find(device_id)
        await self._fetch(known, expedite=True)
        if known.trouble and known.trouble.passing:
            raise known.trouble.error
        return {known.id: device_of(known, controllable=self._controllable)}

    @override
    async def execute(self, command: Command) -> CommandResult:
        """Send a command; the action that it makes can be followed."""
        known = self._find(command.device_id)
        if isinstance(command, Refresh):
            # The read that follows each command is what was asked for.
            return CommandResult()
        try:
            result = await perform(self._client, known, command)
        except AuthenticationError as err:
            raise await self._meaning(err) from err
        except NotSupportedError as err:
            # In the sandbox this concerns one command; the live environment takes none.
            if (
                err.reason == "command_not_supported"
                and self._client.environment != "sandbox"
            ):
                self._controllable = False
            raise
        except PermissionDeniedError as err:
            known.forbidden = Trouble(error=err).forbidden
            raise
        finally:
            known.watch()
        known.forbidden = False
        return result

    @override
    def follows(self, result: CommandResult) -> bool:
        """Return whether an action has not come to its end."""
        return result.outcome is Outcome.ACCEPTED and result.id is not None

    @override
    async def follow(self, device_id: str, command_id: str) -> CommandResult:
        """Ask how far an action came, on the route that its answer named.

        GET /actions/{actionId}, GET /ev-charger/actions/{actionId}
        """
        known = self._find(device_id)
        action = known.action
        if action is None or action.id != command_id:
            action = Action.decode({"id": command_id})
        try:
            told = await self._client.action(action)
        except AuthenticationError as err:
            raise await self._meaning(err) from err
        except NotFoundError as err:
            raise NotFoundError(err.message, reason=Refusal.UNKNOWN_ACTION) from err
        mine = told.device_id is None or told.device_id.lower() == known.id
        if not mine or (told.device_id is None and command_id not in known.actions):
            raise NotFoundError(reason=Refusal.UNKNOWN_ACTION)
        if known.action is not None and known.action.id == told.id:
            known.note(told)
        return result_of(told)

    @override
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the last answers without ids, and what was concluded from them."""
        return {
            "environment": self._client.environment,
            "old_action_route": self._client.old_route,
            "controllable": self._controllable,
            "oddities": oddities("AMPS"),
            "chargers": [
                {
                    "canonical": known.charger.canonical,
                    "trouble": known.trouble and known.trouble.error.reason,
                    "action": known.action and (known.action.verb, known.action.state),
                    "watched": known.watched,
                }
                for known in self._chargers.values()
            ],
            "answers": [
                {"endpoint": endpoint, "answer": redact(answer, _PRIVATE)}
                for (endpoint, _), answer in self._client.answers.items()
            ],
        }

    # Polls

    async def _discover(self) -> bool:
        """Find out which chargers there are; return whether AMPS answered."""
        sent_at = self.context.monotonic()
        try:
            listing = await self._vouched(self._client.chargers(self._user_id))
        except AuthenticationError, RateLimitedError:
            raise
        except ChargingError:
            if not self._chargers:
                raise
            return False
        self._schedule.done(_LIST)
        namesakes = Counter(name_of(charger) for charger in listing.items)
        found = set()
        for charger in listing.items:
            if not self.context.selection.wants(device_id := device_id_of(charger)):
                continue
            found.add(device_id)
            name = name_of(charger)
            ending = charger.id.rpartition("_")[2][-6:]
            shown: str | Name = name or Name(key="charger", placeholders={"id": ending})
            if name and namesakes[name] > 1:
                shown = f"{name} {ending}"
            if known := self._chargers.get(device_id):
                known.name = shown
                # The list tells the state as it was last pulled from the maker.
                if known.trouble is None and charger.state is not None:
                    known.take(charger, sent_at, listed=True)
            else:
                self._chargers[device_id] = ChargerState(
                    charger=charger,
                    name=shown,
                    monotonic=self.context.monotonic,
                    observed_at=sent_at,
                )
        for device_id in found:
            self._absences.seen(device_id)
        if listing.complete:
            if self._chargers and not listing.items:
                # Nothing at all where there were chargers: a trouble of the cloud.
                self._schedule.forget(_LIST)
            for device_id in self._absences.judge(self._chargers, found):
                del self._chargers[device_id]
            if self._chargers.keys() - found:
                self._schedule.forget(_LIST)
        return True

    async def _read_due(self, *, answered: bool) -> None:
        """Read the chargers that are due, those in trouble last.

        Two in a row that get no answer end it: the rest would wait in vain. So does
        a full turn, since a command should not wait for many reads.
        """
        silent: list[ChargingError] = []
        reads = 0
        for known in sorted(self._chargers.values(), key=_turn):
            await self._follow_up(known)
            expedite = self._wants_fresh(known)
            if not self._schedule.due(known.id, TICK if expedite else READ_EVERY):
                continue
            await self._fetch(known, expedite=expedite)
            reads += 1
            if known.trouble and isinstance(known.trouble.error, UnreachableError):
                silent.append(known.trouble.error)
            else:
                answered = True
                silent.clear()
            if len(silent) == 2 or reads == READS_PER_POLL:
                break
        if silent and not answered:
            raise silent[-1]

    def _wants_fresh(self, known: ChargerState) -> bool:
        """Return whether a charger is worth asking its maker for, each minute."""
        if known.watched:
            return True
        state = known.charger.state
        return self._expedite and state is not None and state.is_charging is True

    async def _fetch(self, known: ChargerState, *, expedite: bool) -> None:
        """Read a charger; what is wrong with it alone is kept with it."""
        sent_at = known.read_at = self.context.monotonic()
        try:
            charger = await self._client.charger(known.charger.id, expedite=expedite)
        except AuthenticationError as err:
            known.fail(Trouble(error=await self._meaning(err)), sent_at)
        except RateLimitedError:
            raise
        except ChargingError as err:
            known.fail(Trouble(error=err), sent_at)
            if isinstance(err, NotFoundError):
                # Whether it is gone for good, the list knows.
                self._schedule.forget(_LIST)
        else:
            self._auth_guard.passed()
            known.take(charger, sent_at)
            if known.action and known.action.put_off and not known.action.start:
                await self._ask(known, known.action)
        if known.trouble and known.trouble.passing:
            self._schedule.forget(known.id)
        else:
            self._schedule.done(known.id)

    async def _follow_up(self, known: ChargerState) -> None:
        """Ask after an action that did not end while its command waited."""
        action = known.action
        if action is None or not action.open:
            return
        if action.put_off:
            due = action.start is not None and action.start <= self.context.now()
        else:
            due = known.watched or self._schedule.due(known.id, READ_EVERY)
        if due:
            await self._ask(known, action)
            if known.action and known.action.state is not action.state:
                known.watch()

    async def _ask(self, known: ChargerState, action: Action) -> None:
        """Ask how far an action came; a failure to do so changes nothing."""
        try:
            known.note(await self._client.action(action))
        except NotFoundError:
            known.action = None
        except AuthenticationError as err:
            await self._meaning(err)
        except ChargingError:
            pass

    def _notices(self) -> Iterator[Notice]:
        """Tell what the user should act on."""
        if not self._controllable:
            yield Notice(kind=NoticeKind.CONTROL_NOT_SUPPORTED, subject="AMPS")
        for known in self._chargers.values():
            trouble = known.trouble
            if trouble and trouble.relink:
                kind = NoticeKind.RELINK_REQUIRED
            elif known.forbidden or (trouble and trouble.forbidden):
                kind = NoticeKind.PERMISSION_MISSING
            else:
                continue
            yield Notice(kind=kind, subject=known.name, device_id=known.id)

    # What they share

    async def _vouched[T](self, answer: Awaitable[T]) -> T:
        """Await what any good key may ask for; a 401 to it puts the key on trial."""
        try:
            result = await answer
        except AuthenticationError as err:
            raise self._auth_guard.judge(err) from err
        self._auth_guard.passed()
        return result

    async def _meaning(self, err: AuthenticationError) -> ChargingError:
        """Tell what a 401 about one charger or action means.

        Raises when the key itself fails a probe. One that passes leaves the maker's
        own refusal, or a burst.
        """
        if self.context.monotonic() - self._proven_at >= TICK.total_seconds():
            await self.context.sleep(PROBE_DELAY)
            await self._vouched(self._client.probe())
            self._proven_at = self.context.monotonic()
        if err.reason in KEY_REFUSED:
            return PermissionDeniedError(err.message, reason=err.reason)
        return RateLimitedError(err.message, reason=err.reason)

    def _find(self, device_id: str) -> ChargerState:
        """Return a charger by its device's id."""
        if known := self._chargers.get(device_id):
            return known
        raise NotFoundError(reason="device_not_found")


def _turn(known: ChargerState) -> tuple[bool, bool, float]:
    """Order chargers: no trouble first, then commanded, then waiting for long."""
    return known.trouble is not None, not known.watched, known.read_at


def _normalise(settings: Settings) -> dict[str, Any]:
    """Tidy what was typed in."""
    tidy = stripped(settings)
    if "base_url" in tidy:
        tidy["base_url"] = web_address(tidy["base_url"])
    key = tidy.get("api_key")
    if key is not None and not (key and key.isascii() and key.isprintable()):
        raise InvalidSettingError("api_key", "invalid_key")
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
    ),
    portal="https://amps.ai",
    normalise=_normalise,
)
