"""Carrying commands out, and judging how they ended."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
    Verdict,
)
from ..base import Settings
from .account import PlugchoiceAccount
from .client import PlugchoiceClient
from .station import Station

_LOGGER = logging.getLogger(__name__)

# How long to wait (s) for a session to begin that a limit was asked for.
SESSION_DELAYS: Final = (1.0, 2.0, 4.0, 8.0, 10.0)

# Clearing what is not there: the wish is fulfilled already.
_NOTHING_CLEARED: Final = "Unknown"
_LIMITING: Final = ("charge-limit", "charging-profile", "clear-charging-profile")
_ACCEPTED: Final = frozenset({"Accepted", "Scheduled", _NOTHING_CLEARED})


class Commands:
    """What can be asked of a charger.

    A connector's number is None where a command goes to a charger with several.
    """

    def __init__(
        self, client: PlugchoiceClient, account: PlugchoiceAccount, settings: Settings
    ) -> None:
        """Send through a client."""
        self._client = client
        self._account = account
        self._stack_level = int(settings.get("stack_level", 1))

    async def execute(
        self, station: Station, number: int | None, command: Command
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
        self, station: Station, number: int, command: StartCharging
    ) -> CommandResult:
        """Scan a card, so to speak, or lift the limit that pauses a session."""
        if station.limit(number) == 0:
            if command.current_limit is not None:
                return await self._limit(station, number, command.current_limit)
            result = await self._clear_limit(station, number)
            if result.message == _NOTHING_CLEARED:
                raise CommandRefusedError(
                    "held back by another profile", reason=Refusal.NOT_APPLIED
                )
            return result
        token = command.id_token or self._account.token(station)
        if not token:
            raise CommandRefusedError("no card", reason=Refusal.CARD_REQUIRED)
        result = await self._act(station, "start", self._client.start, number, token)
        if command.current_limit is not None:
            for delay in SESSION_DELAYS:
                await asyncio.sleep(delay)
                with _whatever():
                    station.take(await self._client.charger(station.uuid))
                if number in station.in_session:
                    break
            return await self._limit(station, number, command.current_limit)
        return result

    async def _stop(self, station: Station, number: int) -> CommandResult:
        """Stop the session; name it only where the charger could mistake it."""
        connector = station.connectors[number]
        with _whatever():
            station.take_active(
                await self._client.transactions(station.uuid, status="active")
            )
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
        station: Station,
        number: int,
        limit: float,
        duration: timedelta | None = None,
    ) -> CommandResult:
        """Limit the running session; a limit lives no longer than that."""
        await self._require_session(station, number)
        if duration is not None:
            # Only a profile of its own ends by itself, in the charger. Some chargers
            # count a relative schedule from the start of the session, so it says when.
            profile = ChargingProfile(
                purpose=ProfilePurpose.TX,
                kind=ProfileKind.ABSOLUTE,
                start_schedule=datetime.now(UTC),
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

    async def _clear_limit(self, station: Station, number: int) -> CommandResult:
        """Remove the limit at this account's stack level, nobody else's."""
        criteria = {"connector_id": number, "stack_level": self._stack_level}
        return await self._act(
            station,
            "clear-charging-profile",
            self._client.clear_charging_profile,
            criteria,
        )

    async def _set_profile(
        self, station: Station, number: int | None, profile: ChargingProfile
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
            _profile_body(profile),
        )
        return replace(result, id=str(_profile_id(profile)))

    async def _clear_profile(
        self, station: Station, number: int | None, command: ClearChargingProfile
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

    async def _lock(self, station: Station, locked: bool) -> CommandResult:
        """Lock or unlock the charger; the effect shows after a running session."""
        return await self._set(station, "lock", self._client.set_lock, locked)

    async def _plug_and_charge(self, station: Station, enabled: bool) -> CommandResult:
        """Let the charger start by itself, under a card, or not."""
        card = self._account.token(station) if enabled else None
        if enabled and not card:
            raise CommandRefusedError("no card", reason=Refusal.CARD_REQUIRED)
        return await self._set(
            station, "plug-charge", self._client.set_plug_charge, enabled, card
        )

    def _choose_card(self, station: Station, name: str) -> CommandResult:
        """Remember the card for remote starts; the cloud has no place for it."""
        if name not in self._account.cards(station):
            raise CommandRefusedError("no such card", reason=Refusal.INVALID_VALUE)
        self._account.choose_card(station, name)
        return CommandResult(verdict=Verdict.COMPLETED)

    # How it is asked and judged

    async def _act[**P](
        self,
        station: Station,
        feature: str,
        action: Callable[Concatenate[str, P], Awaitable[str]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> CommandResult:
        """Have a charger that is online do something, and judge its verdict."""
        await self._require_online(station)
        try:
            with _noting(station, feature):
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
        station: Station,
        feature: str,
        setting: Callable[Concatenate[str, P], Awaitable[None]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> CommandResult:
        """Change a setting, and have it read until it settles."""
        station.touch(feature)
        with _noting(station, feature):
            await setting(station.uuid, *args, **kwargs)
        return CommandResult()

    async def _require_online(self, station: Station) -> None:
        """Refuse what needs the charger, unless it came back since the last poll."""
        if station.online is False:
            station.take(await self._client.charger(station.uuid))
        if station.online is False:
            raise CommandRefusedError("offline", reason=Refusal.OFFLINE)

    async def _require_session(self, station: Station, number: int) -> None:
        """Refuse what needs a session, unless one began since the last poll."""
        await self._require_online(station)
        if number not in station.in_session:
            station.take(await self._client.charger(station.uuid))
        if number not in station.in_session:
            raise CommandRefusedError("no session", reason=Refusal.NO_SESSION)


@contextmanager
def _whatever() -> Iterator[None]:
    """Go on without what a command would be better off knowing."""
    try:
        yield
    except AuthenticationError:
        raise
    except ChargingError as err:
        _LOGGER.debug("Read nothing: %s", err.reason)


@contextmanager
def _noting(station: Station, feature: str) -> Iterator[None]:
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


def _profile_body(profile: ChargingProfile) -> dict[str, Any]:
    """Return a charging profile in the cloud's words."""
    return _without_none(
        {
            "charging_profile_id": _profile_id(profile),
            "transaction_id": profile.transaction_id,
            "stack_level": profile.stack_level,
            "charging_profile_purpose": profile.purpose,
            "charging_profile_kind": profile.kind,
            "recurrency_kind": profile.recurrency,
            "valid_from": _time(profile.valid_from),
            "valid_to": _time(profile.valid_to),
            "charging_schedule": _without_none(
                {
                    "duration": profile.duration,
                    "start_schedule": _time(profile.start_schedule),
                    "charging_rate_unit": profile.rate_unit,
                    "charging_schedule_period": [
                        _without_none(
                            {
                                "start_period": period.start_period,
                                "limit": period.limit,
                                "number_phases": period.number_phases,
                            }
                        )
                        for period in profile.periods
                    ],
                    "min_charging_rate": profile.minimum_rate,
                }
            ),
        }
    )


def _time(when: datetime | None) -> str | None:
    """Return a time as OCPP writes it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when else None


def _without_none(body: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not stated."""
    return {key: value for key, value in body.items() if value is not None}
