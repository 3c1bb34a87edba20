"""Commands: sent, followed and judged."""

import asyncio
from datetime import timedelta

from ...charging import (
    CancelScheduled,
    ChargingError,
    Command,
    CommandRefusedError,
    CommandResult,
    Control,
    NotSupportedError,
    Refusal,
    SetControl,
    StartCharging,
    StopCharging,
    Verdict,
)
from .client import REFUSALS, Client
from .known import Known
from .translation import bounds_of, cap_of
from .wire import CAP, CHARGE, IDLE, Action, ActionState

FOLLOW_DELAYS = (2.0, 3.0, 5.0, 8.0, 13.0)
"""The pauses, in seconds, between asking how far a command came."""


async def perform(client: Client, known: Known, command: Command) -> CommandResult:
    """Translate a command."""
    match command:
        case StartCharging(id_token=None, user_id=None, current_limit=None):
            return await _push(client, known, CHARGE, delay=command.delay)
        case StopCharging(force=False):
            return await _push(client, known, IDLE, delay=command.delay)
        case SetControl(
            control=Control.POWER_LIMIT, value=float() | int() as value, duration=None
        ):
            return await _set_cap(client, known, value)
        case CancelScheduled():
            return await _cancel(client, known, command.action_id)
    raise NotSupportedError(reason="not_offered")


async def _set_cap(client: Client, known: Known, value: float) -> CommandResult:
    """Set the power cap (W) as a setting, or with the older generations' verb."""
    cap = cap_of(known.charger)
    if cap is None:
        raise NotSupportedError(reason="not_offered")
    low, high = bounds_of(cap)
    power = min(max(round(value / 1000, 1), low), high)
    if not known.charger.canonical:
        return await _push(client, known, CAP, power=power)
    await client.set_cap(known.charger.id, power)
    return CommandResult()


async def _push(
    client: Client,
    known: Known,
    verb: str,
    *,
    power: float | None = None,
    delay: timedelta | None = None,
) -> CommandResult:
    """Give a command and follow its action."""
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
    known.action = action
    if action.put_off:
        return verdict_of(action)
    if delay:
        raise CommandRefusedError(
            "the command was not put off but carried out at once",
            reason=Refusal.NOT_APPLIED,
        )
    return await _follow(client, known, action)


async def _follow(client: Client, known: Known, action: Action) -> CommandResult:
    """Follow an action to its end, or until it takes too long."""
    for pause in FOLLOW_DELAYS:
        if not action.open:
            break
        await asyncio.sleep(pause)
        try:
            known.action = action = await client.action(action)
        except ChargingError:
            # The command is on its way: only the question failed.
            continue
    return verdict_of(action)


async def _cancel(client: Client, known: Known, action_id: str | None) -> CommandResult:
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
        cancelled = await client.cancel(scheduled_id)
        if known.action and known.action.id == cancelled.id:
            known.action = cancelled
    return CommandResult(verdict=Verdict.COMPLETED, id=scheduled[-1])


def verdict_of(action: Action) -> CommandResult:
    """Judge how far an action came; raise CommandRefusedError when it failed."""
    if action.failed:
        code = (action.error_code or "failed").lower()
        raise CommandRefusedError(action.complaint, reason=REFUSALS.get(code, code))
    if action.state is ActionState.CANCELLED:
        raise CommandRefusedError("the command was cancelled", reason="cancelled")
    if action.put_off:
        return CommandResult(verdict=Verdict.DEFERRED, id=action.id, at=action.start)
    if action.open:
        return CommandResult(id=action.id)
    message = action.result.message if action.result else None
    return CommandResult(verdict=Verdict.COMPLETED, id=action.id, message=message)
