"""Commands: sent and judged."""

from dataclasses import replace
from datetime import timedelta
import math

from ...charging import (
    CancelScheduled,
    Command,
    CommandRefusedError,
    CommandResult,
    Control,
    NotFoundError,
    NotSupportedError,
    Outcome,
    Refusal,
    SetControl,
    StartCharging,
    StopCharging,
)
from .charger_state import ChargerState
from .client import REFUSALS, Client
from .mappings import cap_of
from .wire import CAP, CHARGE, IDLE, Action, ActionState


async def perform(
    client: Client, known: ChargerState, command: Command
) -> CommandResult:
    """Send a command; what becomes of it is asked for later."""
    match command:
        case StartCharging():
            return await _push(client, known, CHARGE, delay=command.delay)
        case StopCharging():
            return await _push(client, known, IDLE, delay=command.delay)
        case SetControl(control=Control.POWER_LIMIT, value=float() | int() as value):
            return await _set_cap(client, known, value)
        case CancelScheduled():
            return await _cancel(client, known, command.action_id)
    raise NotSupportedError(reason="not_offered")


async def _set_cap(client: Client, known: ChargerState, value: float) -> CommandResult:
    """Set the power cap (W) as a setting, or with the older generations' verb.

    AMPS takes tenths of a kilowatt: more than was asked for is never sent.
    """
    if cap_of(known.charger) is None:
        raise NotSupportedError(reason="not_offered")
    power = math.floor(value / 100 + 1e-9) / 10
    if not known.charger.canonical:
        return await _push(client, known, CAP, power=power)
    await client.set_cap(known.charger.id, power)
    return CommandResult()


async def _push(
    client: Client,
    known: ChargerState,
    verb: str,
    *,
    power: float | None = None,
    delay: timedelta | None = None,
) -> CommandResult:
    """Give a command; the answer is an action that can be followed."""
    charger = known.charger
    execution = "scheduled" if delay else "immediate"
    if execution not in charger.execution(verb):
        raise NotSupportedError(reason="execution_not_supported")
    replaces = "cancel_and_replace" in charger.conflict_strategies
    try:
        action = await client.push(
            charger, verb, power=power, delay=delay, replace=replaces
        )
    except CommandRefusedError as err:
        if not replaces or err.reason != "strategy_not_supported":
            raise
        action = await client.push(charger, verb, power=power, delay=delay)
    known.note(action)
    if delay and not action.put_off:
        raise CommandRefusedError(
            "the command was not put off but carried out at once",
            reason=Refusal.NOT_APPLIED,
        )
    result = result_of(action)
    if result.outcome is Outcome.REFUSED:
        raise CommandRefusedError(result.message or "", reason=result.reason or "")
    return result


async def _cancel(
    client: Client, known: ChargerState, action_id: str | None
) -> CommandResult:
    """Cancel one action that was put off, or all of a charger."""
    if action_id:
        scheduled = [action_id]
    else:
        actions = await client.scheduled_actions(known.charger.id)
        scheduled = [action.id for action in actions]
    if not scheduled:
        raise CommandRefusedError(
            "nothing is scheduled", reason=Refusal.NOTHING_SCHEDULED
        )
    for scheduled_id in scheduled:
        try:
            cancelled = await client.cancel(scheduled_id)
        except NotFoundError as err:
            raise NotFoundError(err.message, reason=Refusal.UNKNOWN_ACTION) from err
        if known.action and known.action.id == cancelled.id:
            known.action = cancelled
    return CommandResult(outcome=Outcome.COMPLETED, id=scheduled[-1])


def result_of(action: Action) -> CommandResult:
    """Return how far an action came, and what AMPS has on record of it."""
    details = CommandResult(
        id=action.id,
        due_at=action.start if action.put_off else None,
        finished_at=action.completed_at,
        action=action.verb,
        parameters=dict(action.parameters or {}),
        created_at=action.created_at,
        updated_at=action.updated_at,
        acknowledged_at=action.acknowledged_at,
        error_code=action.error_code,
        vendor_result=action.result.summary if action.result else None,
    )
    if action.failed:
        code = (action.error_code or "failed").lower()
        return replace(
            details,
            outcome=Outcome.REFUSED,
            reason=REFUSALS.get(code, code),
            message=action.complaint or None,
        )
    if action.state is ActionState.CANCELLED:
        return replace(details, outcome=Outcome.REFUSED, reason="cancelled")
    if action.put_off:
        return replace(details, outcome=Outcome.DEFERRED)
    if action.open:
        return details
    message = action.result.message if action.result else None
    return replace(details, outcome=Outcome.COMPLETED, message=message)
