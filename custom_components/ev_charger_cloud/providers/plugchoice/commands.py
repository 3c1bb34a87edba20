"""Carrying commands out, and judging how they ended."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
import logging
import math
from typing import Final

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
    NotFoundError,
    NotSupportedError,
    Outcome,
    ProfileKind,
    ProfilePurpose,
    RateLimitedError,
    RateUnit,
    Refusal,
    Reset,
    SchedulePeriod,
    SetChargingProfile,
    SetControl,
    StartCharging,
    StopCharging,
    UnusableAnswerError,
)
from ..base import Context
from ..ocpp import check_profile, profile_of
from .actions import BY_COMMAND, Action, Order, profile_id
from .client import PlugchoiceClient
from .state import ChargerState, ConnectorState
from .sync import PlugchoiceSync
from .wire import ActionResponse, ChargingSchedule

_LOGGER = logging.getLogger(__name__)

# For how long (s) a session may keep a limit waiting that it is to begin with.
_LIMIT_WAITS: Final = 300.0

_DAY: Final = 86_400  # s

# Clearing what is not there: what was asked for holds already.
_NOTHING_CLEARED: Final = "Unknown"
_ACCEPTED: Final = frozenset({"Accepted", "Scheduled", _NOTHING_CLEARED})


class Commands:
    """What can be asked of a charger.

    A connector's number is None where a command goes to a charger with several.
    """

    def __init__(
        self, client: PlugchoiceClient, account: PlugchoiceSync, context: Context
    ) -> None:
        """Send through a client."""
        self._client = client
        self._account = account
        self._context = context
        self._stack_level = int(context.settings.get("stack_level", 1))

    async def execute(
        self, station: ChargerState, number: int | None, command: Command
    ) -> CommandResult:
        """Carry out a command."""
        match command:
            case SetControl(control=Control.START_CARD, value=str(name), duration=None):
                return self._choose_card(station, name)
            case SetControl(control=Control.LOCK, value=bool(locked), duration=None):
                return await self._send(station, Control.LOCK, Order(value=locked))
            case SetControl(
                control=Control.PLUG_AND_CHARGE, value=bool(enabled), duration=None
            ):
                return await self._plug_and_charge(station, enabled)
            case SetChargingProfile(profile=profile):
                return await self._set_profile(station, number, profile)
            case ClearChargingProfile():
                order = Order(number=number, alone=station.alone, criteria=command)
                return await self._send(station, ClearChargingProfile, order)
            case Reset():
                return await self._send(station, Reset, Order())
        if number is None:
            raise NotSupportedError("name a connector", reason="connector_required")
        connector = station.connectors[number]
        match command:
            case SetControl(control=Control.CURRENT_LIMIT, value=float(limit)):
                return await self._limit(connector, limit, command.duration)
            case StartCharging(user_id=None, delay=None):
                return await self._start(connector, command)
            case StopCharging(force=False, delay=None):
                return await self._stop(connector)
            case ClearLimit():
                return await self._clear_limit(connector)
        raise NotSupportedError("not offered by Plugchoice", reason="not_supported")

    async def _start(
        self, connector: ConnectorState, command: StartCharging
    ) -> CommandResult:
        """Scan a card, so to speak, or lift the limit that pauses a session."""
        station, limit = connector.charger, command.current
        self._check_current(connector, limit)
        if connector.offered == 0:
            with _best_effort():
                await self._account.read_active(station)
            running = connector.running
            session = str(running.id) if running else None
            if limit is not None:
                return replace(await self._limit(connector, limit), id=session)
            result = await self._clear_limit(connector)
            if result.message == _NOTHING_CLEARED:
                raise CommandRefusedError(
                    "held back by another profile", reason=Refusal.NOT_APPLIED
                )
            return replace(result, id=session)
        token = command.id_token or self._account.token(station)
        if not token:
            raise CommandRefusedError("no card", reason=Refusal.CARD_REQUIRED)
        # It is noted before it is sent: an answer may be lost and the start not.
        start = connector.start()
        order = Order(number=connector.number, token=token)
        result = await self._send(station, StartCharging, order)
        station.limits_to_set.pop(connector.number, None)
        if limit is not None:
            until = station.monotonic() + _LIMIT_WAITS
            station.limits_to_set[connector.number] = limit, until
        return replace(result, id=start)

    async def follow(self, station: ChargerState, command_id: str) -> CommandResult:
        """Return what became of a start: its session by the cloud's own id.

        The answer to a start tells no session, so it is looked for among the running
        ones.
        """
        connector = next(
            (
                each
                for each in station.connectors.values()
                if each.started and each.started.id == command_id
            ),
            None,
        )
        if connector is None or connector.started is None:
            raise NotFoundError("no such command", reason=Refusal.UNKNOWN_ACTION)
        started = connector.started
        if started.transaction is None:
            try:
                await self._account.read_active(station)
            except AuthenticationError, RateLimitedError:
                raise
            except ChargingError as err:
                # What has no record is judged by its effect.
                raise NotFoundError(err.message, reason="not_found") from err
            started.transaction = next(
                (
                    item.id
                    for item in connector.transactions
                    if item.id in station.transactions.active
                    and item.id not in started.known
                ),
                None,
            )
        if started.transaction is not None:
            return CommandResult(outcome=Outcome.COMPLETED, id=str(started.transaction))
        # Some sessions are listed long after the charger told of them.
        await self._account.read_state(station)
        if connector.in_session:
            return CommandResult(outcome=Outcome.COMPLETED)
        return CommandResult(id=command_id)

    async def profiles(
        self, station: ChargerState, number: int | None
    ) -> list[ChargingProfile]:
        """Ask the charger what all its profiles come to in the next day.

        The cloud tells no profile by itself: the composite schedule stands for them
        all.
        """
        await self._require_online(station)
        with station.access.track("actions/composite-schedule"):
            composite = await self._client.composite_schedule(
                station.uuid, number or 0, _DAY
            )
        if composite.status != "Accepted":
            raise CommandRefusedError(composite.status or "", reason=Refusal.REJECTED)
        schedule = composite.charging_schedule or ChargingSchedule()
        profile = profile_of(
            periods=tuple(
                SchedulePeriod(
                    start_period=period.start_period or 0,
                    limit=period.limit,
                    number_phases=period.number_phases,
                )
                for period in schedule.charging_schedule_period
                if period.limit is not None
            ),
            kind_word=ProfileKind.ABSOLUTE,
            unit_word=schedule.charging_rate_unit,
            start_schedule=composite.schedule_start or schedule.start_schedule,
            duration=schedule.duration,
            minimum_rate=schedule.min_charging_rate,
        )
        return [] if profile is None else [profile]

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
                    await self._limit(station.connectors[number], limit)
                except AuthenticationError:
                    raise
                except ChargingError as err:
                    _LOGGER.warning(
                        "The session began without its limit of %s A: %s",
                        limit,
                        err.message or err.reason,
                    )

    async def _stop(self, connector: ConnectorState) -> CommandResult:
        """Stop the session; name it only where the charger could mistake it."""
        station, active = connector.charger, connector.charger.transactions
        if not station.alone:
            with _best_effort():
                await self._account.read_active(station)
        mine = [each for each in connector.transactions if each.id in active.active]
        if connector.starting:
            # Its session may be there before it is told of.
            await self._require_online(station)
        elif station.alone or not mine:
            await self._require_session(connector)
        others = station.in_session.keys() - {connector.number}
        several = others or len(active.active) > 1
        transaction = mine[0].id if mine and several else None
        if transaction is None and others:
            raise CommandRefusedError("which session?", reason=Refusal.CONFLICT)
        return await self._send(station, StopCharging, Order(transaction=transaction))

    async def _limit(
        self,
        connector: ConnectorState,
        limit: float,
        duration: timedelta | None = None,
    ) -> CommandResult:
        """Limit the running session; a limit lives no longer than that."""
        self._check_current(connector, limit)
        await self._require_session(connector)
        if duration is not None:
            # Only a profile of its own ends by itself, in the charger. Some chargers
            # count a relative schedule from the start of the session, so it says when.
            profile = ChargingProfile(
                purpose=ProfilePurpose.TX,
                kind=ProfileKind.ABSOLUTE,
                start_schedule=self._context.now(),
                stack_level=self._stack_level,
                duration=math.ceil(duration.total_seconds()),
                periods=(SchedulePeriod(start_period=0, limit=limit),),
            )
            return await self._set_profile(connector.charger, connector.number, profile)
        order = Order(
            number=connector.number, value=limit, stack_level=self._stack_level
        )
        with _asking(connector, limit):
            return await self._send(connector.charger, Control.CURRENT_LIMIT, order)

    async def _clear_limit(self, connector: ConnectorState) -> CommandResult:
        """Remove the limit at this account's stack level, nobody else's."""
        order = Order(number=connector.number, stack_level=self._stack_level)
        result = await self._send(connector.charger, ClearLimit, order)
        connector.ask(None)
        return result

    async def _set_profile(
        self, station: ChargerState, number: int | None, profile: ChargingProfile
    ) -> CommandResult:
        """Send a charging profile; one that limits a session is its limit."""
        if number is None and profile.purpose is ProfilePurpose.TX:
            raise CommandRefusedError(
                "a session belongs to a connector", reason=Refusal.INVALID_VALUE
            )
        amperes = profile.rate_unit is RateUnit.AMPERE
        check_profile(
            profile, highest=station.maximum_current(number) if amperes else None
        )
        order = Order(number=number, profile=profile)
        limits_session = (
            amperes
            and profile.purpose is ProfilePurpose.TX
            and profile.stack_level == self._stack_level
        )
        with (
            _asking(station.connectors[number], profile.periods[0].limit)
            if limits_session and number is not None
            else nullcontext()
        ):
            result = await self._send(station, SetChargingProfile, order)
        return replace(result, id=str(profile_id(profile)))

    async def _plug_and_charge(
        self, station: ChargerState, enabled: bool
    ) -> CommandResult:
        """Let the charger start by itself, under a card, or not."""
        token = self._account.token(station) if enabled else None
        if enabled and not token:
            raise CommandRefusedError("no card", reason=Refusal.CARD_REQUIRED)
        order = Order(value=enabled, token=token)
        return await self._send(station, Control.PLUG_AND_CHARGE, order)

    def _choose_card(self, station: ChargerState, name: str) -> CommandResult:
        """Remember the card for remote starts; the cloud has no place for it."""
        if name not in self._account.cards(station):
            raise CommandRefusedError("no such card", reason=Refusal.INVALID_VALUE)
        self._account.choose_card(station, name)
        return CommandResult(outcome=Outcome.COMPLETED)

    # How it is asked and judged

    async def _send(
        self, station: ChargerState, what: type[Command] | Control, order: Order
    ) -> CommandResult:
        """Send a command as its row says, and judge the answer."""
        action = BY_COMMAND[what]
        if action.setting:
            station.touch(action.path)  # read until it settles
        else:
            await self._require_online(station)
        try:
            with station.access.track(action.path):
                answer = await self._client.post(
                    station.uuid, action.path, action.body(order)
                )
        finally:
            if action.limiting:
                station.doubt_limits()
        return _judge(action, answer)

    def _check_current(self, connector: ConnectorState, limit: float | None) -> None:
        """Refuse more than the hardware is made for, where it says."""
        most = connector.maximum_current
        if limit is not None and most is not None and limit > most:
            raise CommandRefusedError(
                f"{limit:g} A is above {most:g} A", reason=Refusal.OUT_OF_RANGE
            )

    async def _require_online(self, station: ChargerState) -> None:
        """Refuse what needs the charger, unless it came back since the last poll."""
        if station.online is False:
            await self._account.read_state(station)
        if station.online is False:
            raise CommandRefusedError("offline", reason=Refusal.OFFLINE)

    async def _require_session(self, connector: ConnectorState) -> None:
        """Refuse what needs a session, unless one began since the last poll."""
        await self._require_online(connector.charger)
        if not connector.in_session:
            await self._account.read_state(connector.charger)
        if not connector.in_session:
            raise CommandRefusedError("no session", reason=Refusal.NO_SESSION)


def _judge(action: Action, answer: object) -> CommandResult:
    """Return how a command ended by the charger's verdict; a setting has none."""
    if action.setting:
        return CommandResult()
    verdict = (
        ActionResponse.decode(answer).status if isinstance(answer, Mapping) else None
    )
    if verdict is None:
        raise UnusableAnswerError(
            "no verdict", reason="unexpected_shape", uncertain=True
        )
    if verdict == "NotSupported":
        raise NotSupportedError(verdict, reason="not_supported")
    if verdict not in _ACCEPTED:
        raise CommandRefusedError(verdict, reason=Refusal.REJECTED)
    return CommandResult(message=verdict)


@contextmanager
def _asking(connector: ConnectorState, limit: float) -> Iterator[None]:
    """Remember a limit that was taken, or may have been."""
    try:
        yield
    except ChargingError as err:
        if err.uncertain:
            connector.ask(limit)
        raise
    connector.ask(limit)


@contextmanager
def _best_effort() -> Iterator[None]:
    """Go on without what a command would be better off knowing."""
    try:
        yield
    except AuthenticationError:
        raise
    except ChargingError as err:
        _LOGGER.debug("Read nothing: %s", err.reason)
