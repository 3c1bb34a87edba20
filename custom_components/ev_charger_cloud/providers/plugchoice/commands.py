"""Carrying commands out, and judging how they ended."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
import logging
import math
from typing import Any, Concatenate, Final

from ...charging import (
    AuthenticationError,
    ChargingError,
    ChargingProfile,
    ClearChargingProfile,
    ClearLimit,
    Command,
    CommandRefusedError,
    CommandResult,
    Control,
    NotSupportedError,
    Outcome,
    PermissionDeniedError,
    ProfileKind,
    ProfilePurpose,
    Refusal,
    Reset,
    SchedulePeriod,
    SetChargingProfile,
    SetControl,
    StartCharging,
    StopCharging,
)
from ..base import Settings
from ..ocpp import profile_body, snake_case
from .client import PlugchoiceClient
from .state import ChargerState
from .sync import PlugchoiceSync

_LOGGER = logging.getLogger(__name__)

# For how long (s) a session may keep a limit waiting that it is to begin with.
_LIMIT_WAITS: Final = 300.0

# Clearing what is not there: what was asked for holds already.
_NOTHING_CLEARED: Final = "Unknown"
_LIMITING: Final = ("charge-limit", "charging-profile", "clear-charging-profile")
_ACCEPTED: Final = frozenset({"Accepted", "Scheduled", _NOTHING_CLEARED})


class Commands:
    """What can be asked of a charger.

    A connector's number is None where a command goes to a charger with several.
    """

    def __init__(
        self, client: PlugchoiceClient, account: PlugchoiceSync, settings: Settings
    ) -> None:
        """Send through a client."""
        self._client = client
        self._account = account
        self._stack_level = int(settings.get("stack_level", 1))

    async def execute(
        self, station: ChargerState, number: int | None, command: Command
    ) -> CommandResult:
        """Carry out a command."""
        match command:
            case SetControl(control=Control.START_CARD, value=str(name), duration=None):
                return self._choose_card(station, name)
            case SetControl(control=Control.LOCK, value=bool(locked), duration=None):
                return await self._lock(station, locked)
            case SetControl(
                control=Control.PLUG_AND_CHARGE, value=bool(enabled), duration=None
            ):
                return await self._plug_and_charge(station, enabled)
            case SetChargingProfile(profile=profile):
                return await self._set_profile(station, number, profile)
            case ClearChargingProfile():
                return await self._clear_profile(station, number, command)
            case Reset():
                return await self._act(station, "restart", self._client.restart)
        if number is None:
            raise NotSupportedError("name a connector", reason="connector_required")
        match command:
            case SetControl(control=Control.CURRENT_LIMIT, value=float(limit)):
                return await self._limit(station, number, limit, command.duration)
            case StartCharging(user_id=None, delay=None):
                return await self._start(station, number, command)
            case StopCharging(force=False, delay=None):
                return await self._stop(station, number)
            case ClearLimit():
                return await self._clear_limit(station, number)
        raise NotSupportedError("not offered by Plugchoice", reason="not_supported")

    async def _start(
        self, station: ChargerState, number: int, command: StartCharging
    ) -> CommandResult:
        """Scan a card, so to speak, or lift the limit that pauses a session."""
        if station.offered(number) == 0:
            running = station.running(station.connectors[number])
            session = str(running.id) if running else None
            if command.current_limit is not None:
                result = await self._limit(station, number, command.current_limit)
                return replace(result, id=session)
            result = await self._clear_limit(station, number)
            if result.message == _NOTHING_CLEARED:
                raise CommandRefusedError(
                    "held back by another profile", reason=Refusal.NOT_APPLIED
                )
            return replace(result, id=session)
        token = command.id_token or self._account.token(station)
        if not token:
            raise CommandRefusedError("no card", reason=Refusal.CARD_REQUIRED)
        await self._require_vehicle(station, number)
        result = await self._act(station, "start", self._client.start, number, token)
        station.limits_to_set.pop(number, None)
        if command.current_limit is not None:
            station.limits_to_set[number] = (
                command.current_limit,
                station.monotonic() + _LIMIT_WAITS,
            )
        return result

    async def set_waiting_limits(self, station: ChargerState) -> None:
        """Limit the sessions that have begun since they were asked for with a limit.

        The cloud takes a limit for a running session only.
        """
        for number, (limit, until) in list(station.limits_to_set.items()):
            if station.monotonic() > until:
                del station.limits_to_set[number]
                _LOGGER.warning("No session began to set its limit of %s A", limit)
            elif number in station.in_session:
                del station.limits_to_set[number]
                try:
                    await self._limit(station, number, limit)
                except AuthenticationError:
                    raise
                except ChargingError as err:
                    _LOGGER.warning(
                        "The session began without its limit of %s A: %s",
                        limit,
                        err.message or err.reason,
                    )

    async def _stop(self, station: ChargerState, number: int) -> CommandResult:
        """Stop the session; name it only where the charger could mistake it."""
        connector = station.connectors[number]
        with _best_effort():
            sent_at = station.monotonic()
            active = await self._client.transactions(station.uuid, status="active")
            if station.newest("active", sent_at):
                station.take_active(active)
        mine = [t for t in station.transactions_of(connector) if t.id in station.active]
        if not mine:
            await self._require_session(station, number)
        others = station.in_session.keys() - {number}
        several = others or len(station.active) > 1
        transaction = mine[0].id if mine and several else None
        if transaction is None and others:
            raise CommandRefusedError("which session?", reason=Refusal.CONFLICT)
        station.touch("finished")
        return await self._act(station, "stop", self._client.stop, transaction)

    async def _limit(
        self,
        station: ChargerState,
        number: int,
        limit: float,
        duration: timedelta | None = None,
    ) -> CommandResult:
        """Limit the running session; a limit lives no longer than that."""
        await self._require_session(station, number)
        station.outlets[number].asked = limit
        if duration is not None:
            # Only a profile of its own ends by itself, in the charger. Some chargers
            # count a relative schedule from the start of the session, so it says when.
            profile = ChargingProfile(
                purpose=ProfilePurpose.TX,
                kind=ProfileKind.ABSOLUTE,
                start_schedule=self._account.now(),
                stack_level=self._stack_level,
                duration=math.ceil(duration.total_seconds()),
                periods=(SchedulePeriod(start_period=0, limit=limit),),
            )
            return await self._set_profile(station, number, profile)
        amperes = int(limit) if limit.is_integer() else limit
        return await self._act(
            station,
            "charge-limit",
            self._client.charge_limit,
            number,
            amperes,
            self._stack_level,
        )

    async def _clear_limit(self, station: ChargerState, number: int) -> CommandResult:
        """Remove the limit at this account's stack level, nobody else's."""
        station.outlets[number].asked = None
        criteria = {"connector_id": number, "stack_level": self._stack_level}
        return await self._act(
            station,
            "clear-charging-profile",
            self._client.clear_charging_profile,
            criteria,
        )

    async def _set_profile(
        self, station: ChargerState, number: int | None, profile: ChargingProfile
    ) -> CommandResult:
        """Send a charging profile; those of the charger go to connector 0."""
        whole = profile.purpose is ProfilePurpose.CHARGE_POINT_MAX
        if number is None and profile.purpose is ProfilePurpose.TX:
            raise CommandRefusedError(
                "a session belongs to a connector", reason=Refusal.INVALID_VALUE
            )
        result = await self._act(
            station,
            "charging-profile",
            self._client.charging_profile,
            0 if whole or number is None else number,
            profile_body(replace(profile, id=_profile_id(profile)), key=snake_case),
        )
        return replace(result, id=str(_profile_id(profile)))

    async def _clear_profile(
        self, station: ChargerState, number: int | None, command: ClearChargingProfile
    ) -> CommandResult:
        """Remove profiles; of a lone connector also those of the whole charger."""
        alone = len(station.connectors) == 1
        criteria = {
            "id": command.profile_id,
            "connector_id": None if alone else number,
            "charging_profile_purpose": command.purpose,
            "stack_level": command.stack_level,
        }
        return await self._act(
            station,
            "clear-charging-profile",
            self._client.clear_charging_profile,
            _without_none(criteria),
        )

    async def _lock(self, station: ChargerState, locked: bool) -> CommandResult:
        """Lock or unlock the charger; the effect shows after a running session."""
        return await self._set(station, "lock", self._client.set_lock, locked)

    async def _plug_and_charge(
        self, station: ChargerState, enabled: bool
    ) -> CommandResult:
        """Let the charger start by itself, under a card, or not."""
        card = self._account.token(station) if enabled else None
        if enabled and not card:
            raise CommandRefusedError("no card", reason=Refusal.CARD_REQUIRED)
        return await self._set(
            station, "plug-charge", self._client.set_plug_charge, enabled, card
        )

    def _choose_card(self, station: ChargerState, name: str) -> CommandResult:
        """Remember the card for remote starts; the cloud has no place for it."""
        if name not in self._account.cards(station):
            raise CommandRefusedError("no such card", reason=Refusal.INVALID_VALUE)
        self._account.choose_card(station, name)
        return CommandResult(outcome=Outcome.COMPLETED)

    # How it is asked and judged

    async def _act[**P](
        self,
        station: ChargerState,
        feature: str,
        action: Callable[Concatenate[str, P], Awaitable[str]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> CommandResult:
        """Have a charger that is online do something, and judge its answer."""
        await self._require_online(station)
        try:
            with _track_permission(station, feature):
                verdict = await action(station.uuid, *args, **kwargs)
        finally:
            if feature in _LIMITING:
                station.doubt_limits()
        if verdict == "NotSupported":
            raise NotSupportedError(verdict, reason="not_supported")
        if verdict not in _ACCEPTED:
            raise CommandRefusedError(verdict, reason=Refusal.REJECTED)
        return CommandResult(message=verdict)

    async def _set[**P](
        self,
        station: ChargerState,
        feature: str,
        setting: Callable[Concatenate[str, P], Awaitable[None]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> CommandResult:
        """Change a setting, and have it read until it settles."""
        station.touch(feature)
        with _track_permission(station, feature):
            await setting(station.uuid, *args, **kwargs)
        return CommandResult()

    async def _require_online(self, station: ChargerState) -> None:
        """Refuse what needs the charger, unless it came back since the last poll."""
        if station.online is False:
            await self._read(station)
        if station.online is False:
            raise CommandRefusedError("offline", reason=Refusal.OFFLINE)

    async def _require_session(self, station: ChargerState, number: int) -> None:
        """Refuse what needs a session, unless one began since the last poll."""
        await self._require_online(station)
        if number not in station.in_session:
            await self._read(station)
        if number not in station.in_session:
            raise CommandRefusedError("no session", reason=Refusal.NO_SESSION)

    async def _require_vehicle(self, station: ChargerState, number: int) -> None:
        """Refuse a start without a car: the charger would say yes, and wait in vain."""
        await self._require_online(station)
        if station.connectors[number].status == "Available":
            await self._read(station)
        connector = station.connectors.get(number)
        if connector and connector.status == "Available":
            raise CommandRefusedError("no vehicle", reason=Refusal.NOT_CONNECTED)

    async def _read(self, station: ChargerState) -> None:
        """Read a charger whose last known state would refuse a command."""
        sent_at = station.monotonic()
        station.take(await self._client.charger(station.uuid), sent_at)


@contextmanager
def _best_effort() -> Iterator[None]:
    """Go on without what a command would be better off knowing."""
    try:
        yield
    except AuthenticationError:
        raise
    except ChargingError as err:
        _LOGGER.debug("Read nothing: %s", err.reason)


@contextmanager
def _track_permission(station: ChargerState, feature: str) -> Iterator[None]:
    """Note whether the account has the right to something."""
    try:
        yield
    except PermissionDeniedError:
        station.endpoints.close(feature, forbidden=True)
        raise
    station.endpoints.answered(feature)


def _profile_id(profile: ChargingProfile) -> int:
    """Return the profile's number, by default one for each purpose and level."""
    if profile.id is not None:
        return profile.id
    return 100 * (list(ProfilePurpose).index(profile.purpose) + 1) + profile.stack_level


def _without_none(body: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not stated."""
    return {key: value for key, value in body.items() if value is not None}
