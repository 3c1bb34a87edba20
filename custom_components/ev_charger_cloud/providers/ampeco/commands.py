"""Commands: sent, and what their sessions tell of them."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
import math
from typing import Any

from ...charging import (
    CancelReservation,
    ChargingProfile,
    ClearChargingProfile,
    ClearLimit,
    Command,
    CommandRefusedError,
    CommandResult,
    Control,
    ControlValue,
    HardReset,
    NotFoundError,
    NotSupportedError,
    Outcome,
    PermissionDeniedError,
    ProfileKind,
    ProfilePurpose,
    Refresh,
    Refusal,
    Reserve,
    Reset,
    SchedulePeriod,
    SessionStatus,
    SetChargingProfile,
    SetConfiguration,
    SetControl,
    StartCharging,
    StopCharging,
    SyncConfiguration,
    TriggerMessage,
    Unlock,
)
from ..base import Settings
from ..wire import number
from .client import Client
from .features import Feature, Features
from .mappings import MESSAGES, START_FAILURE
from .profiles import profile_body
from .smart_charging import DISABLED, mode_bodies, present_body
from .state import online, session_status, station_device_id
from .stations import Stations
from .users import USER_COMMANDS, act_on_user, id_number
from .wire import ChargingSession, Evse

FOLLOW_DELAYS: tuple[float, ...] = (2.0, 3.0, 5.0, 10.0)
"""How long (s) to wait before each look at what became of a start or a stop."""

_FEATURES: dict[type[Command], Feature] = {
    StartCharging: Feature.START,
    StopCharging: Feature.STOP,
    Reserve: Feature.RESERVE,
    CancelReservation: Feature.CANCEL_RESERVATION,
    Unlock: Feature.UNLOCK,
    Reset: Feature.RESET,
    HardReset: Feature.RESET,
    Refresh: Feature.TRIGGER,
    TriggerMessage: Feature.TRIGGER,
    SetConfiguration: Feature.SET_CONFIGURATION,
    SyncConfiguration: Feature.SYNC_CONFIGURATION,
    SetChargingProfile: Feature.SET_PROFILE,
    ClearChargingProfile: Feature.CLEAR_PROFILE,
    ClearLimit: Feature.CLEAR_PROFILE,
} | USER_COMMANDS
_CONTROLS = {
    Control.AVAILABILITY: Feature.AVAILABILITY,
    Control.CURRENT_LIMIT: Feature.SET_PROFILE,
    Control.SMART_CHARGING_MODE: Feature.SMART_CHARGING,
    Control.CIRCUIT_LIMIT: Feature.CIRCUIT_LIMIT,
}
_OPEN = frozenset({SessionStatus.PENDING, SessionStatus.ACTIVE, None})
_STATION = 0
"""OCPP's connector number for the whole station."""


class _Following(StrEnum):
    """What a session is followed for."""

    START = "start"
    STOP = "stop"


class Commands:
    """Sends commands.

    `modes` remembers, for each charge point, smart-charging settings that were
    replaced from here; `remember` makes that survive a restart.
    """

    def __init__(
        self,
        client: Client,
        stations: Stations,
        features: Features,
        settings: Settings,
        modes: MutableMapping[str, Any],
        remember: Callable[[], None],
    ) -> None:
        """Keep what commands are carried out with."""
        self._client = client
        self._stations = stations
        self._features = features
        self._modes = modes
        self._remember = remember
        self._user_id = str(settings.get("user_id") or "").strip() or None
        self._stack_level = int(settings.get("stack_level", 1))
        self._user_actions = bool(settings.get("user_actions", False))
        self._followed: dict[str, _Following] = {}

    async def execute(self, command: Command) -> CommandResult:
        """Carry a command out; a right that is missing switches it off for a while."""
        feature = _FEATURES.get(type(command))
        if isinstance(command, SetControl):
            feature = _CONTROLS.get(command.control)
        if feature is None:
            raise NotSupportedError
        try:
            return await self._execute(command)
        except PermissionDeniedError:
            self._features.switch_off(feature)
            raise

    async def _execute(self, command: Command) -> CommandResult:
        """Find out what is asked of what, and do it."""
        if type(command) in USER_COMMANDS:
            if not self._user_actions:
                raise NotSupportedError
            await act_on_user(self._client, command)
            return CommandResult(outcome=Outcome.COMPLETED)
        if isinstance(command, SetControl) and command.control is Control.CIRCUIT_LIMIT:
            circuit = command.device_id.removeprefix("circuit")
            await self._client.set_circuit_limit(circuit, _float(command.value))
            return CommandResult(outcome=Outcome.COMPLETED)
        station, evse = self._stations.find(command.device_id)
        match command:
            case StartCharging():
                return await self._start(self._evse(evse), command)
            case StopCharging():
                return await self._stop(station, self._evse(evse), command)
            case Reserve():
                return await self._reserve(station, self._evse(evse), command)
            case CancelReservation():
                return await self._cancel_reservation(self._evse(evse), command)
            case Unlock():
                await self._by_number_else(
                    self._evse(evse), lambda key: self._client.unlock(station, key)
                )
            case Reset():
                await self._client.reset(station, "soft")
            case HardReset():
                await self._client.reset(station, "hard")
            case Refresh():
                await self._refresh(station, evse)
            case TriggerMessage():
                await self._trigger(station, evse, command)
            case SetConfiguration():
                await self._configure(station, command)
            case SyncConfiguration():
                verdict = await self._client.sync_configuration(station, command.keys)
                return CommandResult(id=verdict.request_id)
            case SetChargingProfile():
                return await self._set_profile(station, evse, command.profile)
            case ClearChargingProfile():
                await self._clear_profile(station, evse, command)
            case ClearLimit():
                await self._clear_limit(station, self._evse(evse))
            case SetControl():
                return await self._set(station, evse, command)
        return CommandResult()

    def _evse(self, evse: str | None) -> Evse:
        """Return the EVSE that a command is for."""
        if evse is None:
            raise NotSupportedError
        return self._stations.evses.items[evse]

    # Sessions

    async def _start(self, evse: Evse, command: StartCharging) -> CommandResult:
        """Start a session; it begins once the station and the vehicle agree."""
        body: dict[str, Any] = {}
        if user_id := command.user_id or self._user_id:
            body["userId"] = id_number(user_id, "user")
        if command.id_token:
            body["idTag"] = command.id_token
        if command.current_limit is not None:
            body["chargingProfile"] = profile_body(
                ChargingProfile(
                    purpose=ProfilePurpose.TX,
                    stack_level=self._stack_level,
                    periods=(
                        SchedulePeriod(start_period=0, limit=command.current_limit),
                    ),
                )
            )
        try:
            verdict = await self._client.start(evse.id or "", body)
        except CommandRefusedError as err:
            point = self._stations.points.items.get(evse.charge_point_id or "")
            # The cloud has no word of its own for a station that is away.
            if (
                err.reason == Refusal.INTERNAL_ISSUE
                and point
                and online(point) is False
            ):
                raise CommandRefusedError(err.message, reason=Refusal.OFFLINE) from err
            raise
        if verdict.session_id is not None:
            self._followed[verdict.session_id] = _Following.START
        return CommandResult(id=verdict.session_id)

    async def _stop(
        self, station: str, evse: Evse, command: StopCharging
    ) -> CommandResult:
        """Stop the session that runs on an EVSE."""
        key = evse.id or ""
        session = self._stations.sessions.running(key)
        if session is None:
            await self._stations.refresh_one(station)
            session = self._stations.sessions.running(key)
        if session is None or session.id is None:
            raise CommandRefusedError(reason=Refusal.NO_SESSION)
        await self._client.stop(station, session.id, force=command.force)
        self._followed[session.id] = _Following.STOP
        return CommandResult(id=session.id)

    def follows(self, result: CommandResult) -> bool:
        """Return whether the session that a command is about tells more of it."""
        return (
            result.outcome is Outcome.ACCEPTED
            and result.id in self._followed
            and self._features.on(Feature.SESSIONS)
        )

    async def follow(self, device_id: str, session_id: str) -> CommandResult:
        """Ask the session that was started or stopped how far that came.

        GET sessions/v1.0/{session}
        """
        station, _ = self._stations.find(device_id)
        try:
            item = await self._client.session(session_id)
        except NotFoundError as err:
            raise NotFoundError(err.message, reason=Refusal.UNKNOWN_ACTION) from err
        session = ChargingSession.decode(item)
        evse = self._stations.evses.items.get(session.evse_id or "")
        if evse is None or evse.charge_point_id != station:
            raise NotFoundError(reason=Refusal.UNKNOWN_ACTION)
        self._stations.sessions.take(item)
        status = session_status(session)
        told = CommandResult(
            id=session_id,
            action="session",
            created_at=session.started_at,
            finished_at=session.stopped_at,
        )
        if self._followed.get(session_id) is _Following.STOP:
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

    # Reservations

    async def _reserve(
        self, station: str, evse: Evse, command: Reserve
    ) -> CommandResult:
        """Keep an EVSE for a driver, which the cloud must know."""
        user_id = command.user_id or self._user_id
        if user_id is None:
            raise CommandRefusedError(reason=Refusal.USER_REQUIRED)
        body: dict[str, Any] = {"userId": id_number(user_id, "user")}
        if command.reason:
            body["reason"] = command.reason
        verdict = await self._by_number_else(
            evse, lambda key: self._client.reserve(station, key, body)
        )
        return CommandResult(outcome=Outcome.COMPLETED, id=verdict.reservation_id)

    async def _cancel_reservation(
        self, evse: Evse, command: CancelReservation
    ) -> CommandResult:
        """Cancel a reservation: the one named, or the one that holds the EVSE."""
        reservation = command.reservation_id
        if reservation is None:
            held = self._stations.reservations.of(evse.id or "")
            if held is None or held.status != "active" or held.id is None:
                raise CommandRefusedError(reason=Refusal.NOT_RESERVED)
            reservation = held.id
        try:
            await self._client.cancel_reservation(reservation)
        except NotFoundError as err:
            raise NotFoundError(
                err.message, reason=Refusal.UNKNOWN_RESERVATION
            ) from err
        return CommandResult(id=reservation)

    async def _by_number_else[T](
        self, evse: Evse, act: Callable[[str], Awaitable[T]]
    ) -> T:
        """Address an EVSE by its id, or by its number where only that is known.

        Tenants of different age want different ones; a 404 says that nothing
        was done.
        """
        try:
            return await act(evse.id or "")
        except NotFoundError:
            if evse.network_id is None:
                raise
            return await act(evse.network_id)

    # The station's own controls

    async def _refresh(self, station: str, evse: str | None) -> None:
        """Have the station report anew."""
        await self._client.trigger_message(station, "StatusNotification")
        if evse and self._stations.sessions.running(evse):
            await self._client.trigger_message(station, "MeterValues")

    async def _trigger(
        self, station: str, evse: str | None, command: TriggerMessage
    ) -> None:
        """Have the station, or one EVSE among several, send a message."""
        message = command.message
        if message not in MESSAGES:
            raise CommandRefusedError(
                f"the message must be one of {', '.join(MESSAGES)}",
                reason=Refusal.INVALID_VALUE,
            )
        if evse is None or command.device_id == station_device_id(station):
            await self._client.trigger_message(station, message)
        else:
            await self._client.trigger_message_of(evse, message)

    async def _configure(self, station: str, command: SetConfiguration) -> None:
        """Write one configuration key of the station."""
        body = {"name": command.key, "value": command.value}
        if command.component:
            body["componentName"] = command.component
        if command.instance:
            body["instance"] = command.instance
        await self._client.set_configuration(station, body)

    async def _set_profile(
        self, station: str, evse: str | None, profile: ChargingProfile
    ) -> CommandResult:
        """Give the station a charging profile."""
        number = self._number(evse, profile.purpose)
        profile_id = await self._client.set_charging_profile(
            station, number, profile_body(profile)
        )
        return CommandResult(id=profile_id)

    async def _clear_profile(
        self, station: str, evse: str | None, command: ClearChargingProfile
    ) -> None:
        """Remove the profiles that match."""
        criteria: dict[str, Any] = {}
        if command.profile_id is not None:
            criteria["id"] = command.profile_id
        else:
            criteria["evseNetworkId"] = str(self._number(evse, command.purpose))
        if command.purpose is not None:
            criteria["chargingProfilePurpose"] = command.purpose.value
        if command.stack_level is not None:
            criteria["stackLevel"] = command.stack_level
        await self._client.clear_charging_profile(station, criteria)

    async def _clear_limit(self, station: str, evse: Evse) -> None:
        """Remove the profile that the current limit is kept in."""
        shown = evse.profile
        level = shown.stack_level if shown else None
        if level is None or (shown and shown.purpose != ProfilePurpose.TX_DEFAULT):
            level = self._stack_level
        await self._client.clear_charging_profile(
            station,
            {
                "evseNetworkId": str(_network_id(evse)),
                "chargingProfilePurpose": ProfilePurpose.TX_DEFAULT.value,
                "stackLevel": level,
            },
        )

    async def _set(
        self, station: str, evse: str | None, command: SetControl
    ) -> CommandResult:
        """Set a control of a charge point or an EVSE."""
        value = command.value
        match command.control:
            case Control.CURRENT_LIMIT:
                return await self._limit(
                    station, self._evse(evse).id, _float(value), command.duration
                )
            case Control.AVAILABILITY:
                number = _network_id(self._evse(evse)) if evse else None
                await self._client.change_availability(
                    station, number, operative=bool(value)
                )
            case _:
                await self._set_mode(station, str(value))
        return CommandResult()

    async def _limit(
        self, station: str, evse: str | None, amps: float, duration: timedelta | None
    ) -> CommandResult:
        """Limit all sessions of an EVSE: from now on, or from now for so long."""
        profile = ChargingProfile(
            stack_level=self._stack_level,
            periods=(SchedulePeriod(start_period=0, limit=amps),),
        )
        if duration is not None:
            if duration <= timedelta():
                raise CommandRefusedError(reason=Refusal.INVALID_VALUE)
            # A relative schedule would be counted from when a session begins.
            profile = replace(
                profile,
                kind=ProfileKind.ABSOLUTE,
                start_schedule=datetime.now(UTC),
                duration=math.ceil(duration.total_seconds()),
            )
        return await self._set_profile(station, evse, profile)

    async def _set_mode(self, station: str, mode: str) -> None:
        """Switch smart charging, keeping the way back."""
        smart = self._stations.points.items[station].smart_charging or {}
        body = mode_bodies(smart, self._modes.get(station)).get(mode)
        if body is None:
            raise NotSupportedError
        present = present_body(smart)
        await self._client.set_smart_charging(station, body)
        if present["mode"] != DISABLED:
            known = self._modes.get(station, {})
            self._modes[station] = {**known, present["mode"]: present}
            self._remember()

    def _number(self, evse: str | None, purpose: ProfilePurpose | None) -> int:
        """Return which OCPP number a profile is for."""
        if evse is None or purpose is ProfilePurpose.CHARGE_POINT_MAX:
            return _STATION
        return _network_id(self._evse(evse))


def _network_id(evse: Evse) -> int:
    """Return the OCPP number of an EVSE."""
    number_ = number(evse.network_id)
    if number_ is None:
        raise NotSupportedError
    return int(number_)


def _float(value: ControlValue) -> float:
    """Return the value of a control that is a number."""
    if not isinstance(value, int | float):
        raise CommandRefusedError(reason=Refusal.INVALID_VALUE)
    return value
