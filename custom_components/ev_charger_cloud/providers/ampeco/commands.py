"""Commands: sent as the table says, and what their sessions tell of them."""

from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

from ...charging import (
    CancelReservation,
    ClearChargingProfile,
    Command,
    CommandRefusedError,
    CommandResult,
    Control,
    NotFoundError,
    NotSupportedError,
    Outcome,
    ProfilePurpose,
    Refresh,
    Refusal,
    SessionStatus,
    SetChargingProfile,
    SetControl,
    StartCharging,
    StopCharging,
    TriggerMessage,
)
from ..base import Context
from .actions import Action, Scope, Target, action_of
from .client import Client
from .features import Feature, Rights
from .mappings import START_FAILURE
from .site_devices import circuit_of, user_of
from .smart_charging import DISABLED, present_body
from .state import online, session_status, station_device_id
from .sync import ChargePointSync
from .wire import ActionResponse, ChargingSession

_OPEN = frozenset({SessionStatus.PENDING, SessionStatus.ACTIVE, None})


class Commands:
    """Sends commands.

    `modes` remembers, for each charge point, smart-charging settings that were
    replaced from here; it outlives a restart.
    """

    def __init__(
        self,
        context: Context,
        client: Client,
        sync: ChargePointSync,
        access: Rights,
        modes: MutableMapping[str, Any],
    ) -> None:
        """Keep what commands are carried out with."""
        settings = context.settings
        self._context = context
        self._client = client
        self._sync = sync
        self._access = access
        self._modes = modes
        self._user_id = str(settings.get("user_id") or "").strip() or None
        self._stack_level = int(settings.get("stack_level", 1))
        self._user_actions = bool(settings.get("user_actions", False))
        self._followed: dict[str, type[Command]] = {}

    async def execute(self, command: Command) -> CommandResult:
        """Send a command; a right that is missing closes it for a while."""
        action = action_of(command)
        target = await self._target(action, command)
        with self._access.track(action.right):
            answer = await self._send(action, command, target)
            if isinstance(command, Refresh) and target.session:
                meter = TriggerMessage(
                    device_id=command.device_id, message="MeterValues"
                )
                await self._request(action_of(meter), meter, target)
        result = CommandResult(outcome=action.outcome, id=action.result(answer, target))
        if isinstance(command, StartCharging | StopCharging) and result.id:
            self._followed[result.id] = type(command)
        if isinstance(command, SetControl):
            self._remember_mode(command, target)
        return result

    async def _request(
        self, action: Action, command: Command, target: Target
    ) -> ActionResponse:
        """Make the request of a row."""
        body = action.body(command, target)
        return await self._client.command(action.method, action.path_to(target), body)

    async def _send(
        self, action: Action, command: Command, target: Target
    ) -> ActionResponse:
        """Make the request, and say of some refusals what they really mean."""
        try:
            return await self._request(action, command, target)
        except NotFoundError as err:
            if isinstance(command, CancelReservation):
                raise NotFoundError(
                    err.message, reason=Refusal.UNKNOWN_RESERVATION
                ) from err
            evse = target.evse
            if not action.by_number or evse is None or evse.network_id is None:
                raise
            by_number = replace(target, evse=replace(evse, id=evse.network_id))
            return await self._request(action, command, by_number)
        except CommandRefusedError as err:
            # The cloud has no word of its own for a station that is away.
            unsaid = err.reason in {Refusal.INTERNAL_ISSUE, Refusal.REJECTED}
            if unsaid and online(target.point) is False:
                raise CommandRefusedError(err.message, reason=Refusal.OFFLINE) from err
            raise

    async def _target(self, action: Action, command: Command) -> Target:
        """Find what a command is for, and what its request needs to know."""
        target = Target(
            now=self._context.now(),
            user_id=self._user_id,
            stack_level=self._stack_level,
        )
        device_id = command.device_id
        if action.scope is Scope.USER:
            if not self._user_actions or (user := user_of(device_id)) is None:
                raise NotSupportedError
            return replace(target, key=user)
        if action.scope is Scope.CIRCUIT:
            return replace(target, key=circuit_of(device_id))
        station, key = self._sync.find(device_id)
        if key is None and action.scope is Scope.EVSE:
            raise NotSupportedError
        target = replace(
            target,
            point=self._sync.points.items[station],
            evse=None
            if key is None or _of_the_whole_station(command)
            else self._sync.evses.items[key],
            among_several=device_id != station_device_id(station),
            modes=self._modes.get(station),
        )
        match command:
            case StopCharging():
                session = await self._session_to_stop(station, key or "")
                return replace(target, session=session)
            case Refresh():
                running = self._sync.sessions.running(key or "")
                return replace(target, session=running.id if running else None)
            case CancelReservation():
                held = command.reservation_id or self._held(key or "")
                return replace(target, reservation=held)
        return target

    async def _session_to_stop(self, station: str, evse: str) -> str:
        """Find the session that runs on an EVSE; one may have begun just now."""
        session = self._sync.sessions.running(evse)
        if session is None:
            await self._sync.refresh_one(station)
            session = self._sync.sessions.running(evse)
        if session is None or session.id is None:
            raise CommandRefusedError(reason=Refusal.NO_SESSION)
        return session.id

    def _held(self, evse: str) -> str:
        """Find the reservation that holds an EVSE."""
        held = self._sync.reservations.of(evse)
        if held is None or held.status != "active" or held.id is None:
            raise CommandRefusedError(reason=Refusal.NOT_RESERVED)
        return held.id

    def _remember_mode(self, command: SetControl, target: Target) -> None:
        """Keep the way back from a change of smart charging."""
        present = present_body(target.point.smart_charging or {})
        if (
            command.control is Control.SMART_CHARGING_MODE
            and present["mode"] != DISABLED
        ):
            known = self._modes.get(target.point.id or "", {})
            self._modes[target.point.id or ""] = {**known, present["mode"]: present}
            self._context.save()

    # What became of it

    def follows(self, result: CommandResult) -> bool:
        """Return whether the session that a command is about tells more of it."""
        return (
            result.outcome is Outcome.ACCEPTED
            and result.id in self._followed
            and self._access.allows(Feature.SESSIONS)
        )

    async def follow(self, device_id: str, session_id: str) -> CommandResult:
        """Ask the session that was started or stopped how far that came.

        GET sessions/v1.0/{session}
        """
        station, _ = self._sync.find(device_id)
        sent_at = self._context.monotonic()
        try:
            item = await self._client.session(session_id)
        except NotFoundError as err:
            raise NotFoundError(err.message, reason=Refusal.UNKNOWN_ACTION) from err
        session = ChargingSession.decode(item)
        evse = self._sync.evses.items.get(session.evse_id or "")
        if evse is None or evse.charge_point_id != station:
            raise NotFoundError(reason=Refusal.UNKNOWN_ACTION)
        self._sync.sessions.take(item, sent_at)
        status = session_status(session)
        told = CommandResult(
            id=session_id,
            action="session",
            created_at=session.started_at,
            finished_at=session.stopped_at,
        )
        if self._followed.get(session_id) is StopCharging:
            done = status not in _OPEN
        elif status in {SessionStatus.FAILED, SessionStatus.EXPIRED}:
            reason = session.reason or ""
            return replace(
                told,
                outcome=Outcome.REFUSED,
                reason=START_FAILURE.get(reason, reason or Refusal.REJECTED),
                message=reason.replace("_", " ") or None,
                error_code=session.reason,
            )
        else:
            done = status not in {SessionStatus.PENDING, None}
        return replace(told, outcome=Outcome.COMPLETED) if done else told


def _of_the_whole_station(command: Command) -> bool:
    """Return whether a command is for the station, whichever EVSE was named."""
    match command:
        case SetChargingProfile(profile=profile):
            return profile.purpose is ProfilePurpose.CHARGE_POINT_MAX
        case ClearChargingProfile(purpose=purpose):
            return purpose is ProfilePurpose.CHARGE_POINT_MAX
    return False
