"""Commands: sent and judged."""

from dataclasses import replace
import math

from ...charging import (
    AuthenticationError,
    CancelScheduled,
    Command,
    CommandRefusedError,
    CommandResult,
    NotFoundError,
    NotSupportedError,
    Outcome,
    PermissionDeniedError,
    Refresh,
    Refusal,
    SetControl,
    StartCharging,
    StopCharging,
)
from ..access import Access
from .auth_guard import AuthGuard
from .client import Client
from .command_table import SETTINGS, Asked, Row, relative, row_for
from .mappings import bounds_of, cap_of, result_of, watts
from .state import ChargerState, Trouble
from .sync import CONTROL, ChargerSync
from .wire import CAP, Action, Setting, Updated

_REPLACE = "cancel_and_replace"


class Commands:
    """Sends commands, and asks what became of them."""

    def __init__(
        self, client: Client, guard: AuthGuard, access: Access[str], sync: ChargerSync
    ) -> None:
        """Send through the client."""
        self._client = client
        self._guard = guard
        self._access = access
        self._sync = sync

    async def execute(self, command: Command) -> CommandResult:
        """Send a command; the action that it makes can be followed."""
        known = self._sync.find(command.device_id)
        if isinstance(command, Refresh):
            # The read that follows each command is what was asked for.
            return CommandResult()
        try:
            result = await self._send(known, command)
        except AuthenticationError as err:
            raise await self._guard.meaning(err) from err
        except NotSupportedError as err:
            # In the sandbox this concerns one command; the live environment takes none.
            if (
                err.reason == "command_not_supported"
                and self._client.environment != "sandbox"
            ):
                self._access.close(CONTROL, forbidden=False)
            raise
        except PermissionDeniedError as err:
            if Trouble(error=err).forbidden:
                self._access.close(known.id)
            raise
        finally:
            known.watch()
        self._access.open(known.id)
        return result

    async def follow(self, device_id: str, action_id: str) -> CommandResult:
        """Ask how far an action came, on the route that its answer named."""
        known = self._sync.find(device_id)
        try:
            return result_of(await self._action(known, action_id))
        except AuthenticationError as err:
            raise await self._guard.meaning(err) from err

    async def _send(self, known: ChargerState, command: Command) -> CommandResult:
        """Send a command as the charger takes it."""
        found = row_for(known.charger, command)
        if found is None:
            raise NotSupportedError(reason="not_offered")
        row, honoured = found
        match command:
            case CancelScheduled():
                return await self._cancel(known, row, command.action_id)
            case SetControl(value=float() | int() as value):
                asked = Asked(power=_kilowatts(known, value))
            case StartCharging(delay=delay) | StopCharging(delay=delay) if delay:
                if "delay" not in honoured:
                    raise NotSupportedError(reason="execution_not_supported")
                asked = Asked(start=relative(delay))
            case _:
                asked = Asked()
        if row.path == SETTINGS:
            return await self._write(known, row, asked)
        return await self._push(known, row, asked)

    async def _write(
        self, known: ChargerState, row: Row, asked: Asked
    ) -> CommandResult:
        """Write a setting, which makes no action."""
        answer = await self._client.post(row.path, known.charger.id, row.body(asked))
        if CAP not in Updated.decode(answer).updated:
            raise CommandRefusedError(
                "the setting was not written", reason=Refusal.NOT_APPLIED
            )
        return CommandResult()

    async def _push(self, known: ChargerState, row: Row, asked: Asked) -> CommandResult:
        """Give a command; the answer is an action that can be followed."""
        charger = known.charger
        replaces = _REPLACE in charger.conflict_strategies
        body = row.body(replace(asked, on_conflict=_REPLACE if replaces else None))
        try:
            answer = await self._client.post(row.path, charger.id, body)
        except CommandRefusedError as err:
            if not replaces or err.reason != "strategy_not_supported":
                raise
            answer = await self._client.post(row.path, charger.id, row.body(asked))
        action = Action.decode(answer)
        known.sent(action)
        if asked.start and not action.put_off:
            raise CommandRefusedError(
                "the command was not put off but carried out at once",
                reason=Refusal.NOT_APPLIED,
            )
        result = result_of(action)
        if result.outcome is Outcome.REFUSED:
            raise CommandRefusedError(result.message or "", reason=result.reason or "")
        return result

    async def _cancel(
        self, known: ChargerState, row: Row, action_id: str | None
    ) -> CommandResult:
        """Cancel one action that was put off, or all of a charger."""
        if action_id is None:
            actions = await self._client.scheduled_actions(known.charger.id)
        elif known.action is not None and known.action.id == action_id:
            actions = [known.action]
        else:
            actions = [await self._action(known, action_id)]
        if not actions:
            raise CommandRefusedError(
                "nothing is scheduled", reason=Refusal.NOTHING_SCHEDULED
            )
        for action in actions:
            answer = await self._client.post(row.path, action.id, row.body(Asked()))
            if known.action and known.action.id == action.id:
                known.action = Action.decode(answer)
        return CommandResult(outcome=Outcome.COMPLETED, id=actions[-1].id)

    async def _action(self, known: ChargerState, action_id: str) -> Action:
        """Read an action of a charger; those of others are none of its business.

        GET /actions/{actionId}, GET /ev-charger/actions/{actionId}
        """
        mine = known.action is not None and known.action.id == action_id
        action = known.action if mine else None
        try:
            told = await self._client.action(action or Action.decode({"id": action_id}))
        except NotFoundError as err:
            raise NotFoundError(err.message, reason=Refusal.UNKNOWN_ACTION) from err
        if told.device_id is not None:
            mine = told.device_id.lower() == known.id
        if not mine:
            raise NotFoundError(reason=Refusal.UNKNOWN_ACTION)
        if action is not None:
            known.note(told)
        return told


def _kilowatts(known: ChargerState, value: float) -> float:
    """Return a cap in AMPS's tenths of a kilowatt: never more than was asked for.

    What is too little for the charger, or for a tenth, is refused: rounded to nothing
    it would stop the charger.
    """
    low, high = bounds_of(cap_of(known.charger) or Setting())
    power = max(math.floor(value / 100 + 1e-9) / 10, low)
    if value and not (power > 0 and power * 1000 <= value + 1e-6):
        least = watts(max(low, 0.1)) or 0
        raise CommandRefusedError(
            f"{value:g} W is not in the range {least:g} to {watts(high):g} W",
            reason=Refusal.OUT_OF_RANGE,
        )
    return power
