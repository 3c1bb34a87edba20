"""CLEMAP's charging stations in the vocabulary of `charging`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, override

from ...charging import (
    ClearLimit,
    Command,
    CommandRefusedError,
    CommandResult,
    Control,
    ControlState,
    ControlValue,
    Device,
    DeviceKind,
    Fleet,
    Name,
    NotFoundError,
    Notice,
    NoticeKind,
    NotSupportedError,
    Outcome,
    Reading,
    Refusal,
    SetControl,
    StartCharging,
    StopCharging,
    Value,
)
from ..base import Account, Candidate, Context, Poll, Provider
from ..transport import redact
from ..wire import number, oddities, once
from .client import Client
from .limit import MINIMUM_CURRENT, MINIMUM_DURATION, HeldLimit, Limit
from .plugs import StaleDetector, charging, controllable, faulted, online, readings
from .settings import compact
from .wire import Plug

_MAKER = "CLEMAP"
_STATION = "CLEMAP station"
_IDLE = 30.0
_CHARGING = 15.0
_SHORTEST = 10.0
_PRIVATE = frozenset({"edge_device_id", "evse_uuid", "plug_label", "token"})


class ClemapProvider(Provider):
    """One charging station of a CLEMAP load management."""

    def __init__(self, context: Context) -> None:
        """Prepare the station's client and the limit that is held for it."""
        super().__init__(context)
        self._id = compact(context.settings["evse_id"])
        self._client = Client(context.session, context.settings)
        self._limit = Limit(self._client, context, self._now)
        self._plugs: dict[str, Plug] = {}
        self._several = False
        self._observed_at = float("-inf")
        self._stale_detector = StaleDetector()

    @override
    async def account(self) -> Account:
        """Prove the token and both ids with one request; the account is the station."""
        await self._read_plugs()
        # Labels are free text and entry titles get into logs.
        return Account(id=self._id, title=f"CLEMAP {self._id[:8]}")

    @override
    async def candidates(self) -> Sequence[Candidate]:
        """Name the one station that the token is for."""
        await self._read_plugs()
        return [Candidate(id=self._id, name=self._name)]

    @override
    async def poll(self) -> Poll:
        """Read the plugs, each minute the target too, and renew it when that is due."""
        fleet = await self._refresh()
        return Poll(
            fleet=fleet if self.context.selection.wants(self._id) else {},
            interval=timedelta(seconds=self._interval()),
            max_interval=self._renewal(),
            notices=tuple(self._notices()),
        )

    @override
    async def read(self, device_id: str) -> Fleet:
        """Read the plugs and the target."""
        return await self._refresh(force=True)

    @override
    async def execute(self, command: Command) -> CommandResult:
        """Change what is held and send the target."""
        requested: Callable[[HeldLimit], HeldLimit]
        match command:
            case SetControl(control=Control.CURRENT_LIMIT, value=value):
                current, end = self._current(value), self._end(command.duration)
                requested = partial(replace, current=current, end=end)
            case ClearLimit():
                requested = _forgotten
            case StartCharging() if self._limit.may_pause:
                if command.current_limit is not None:
                    current = self._current(command.current_limit)
                    requested = partial(
                        replace, paused=False, current=current, end=None
                    )
                elif self._limit.unhindered and await self._limit.read_unhindered():
                    # Nothing that could be lifted from here holds charging back.
                    return CommandResult(outcome=Outcome.COMPLETED)
                else:
                    requested = partial(replace, paused=False)
            case StopCharging() if self._limit.may_pause:
                requested = partial(replace, paused=True, anew=True)
            case _:
                raise NotSupportedError
        try:
            result = await self._limit.change(requested)
        except CommandRefusedError as err:
            raise self._explained(err) from err
        if isinstance(command, ClearLimit) or controllable(self._plugs.values()):
            return result
        # The cloud took it, but no plug can be steered now: it holds once one can.
        reason = self._explained(CommandRefusedError(reason=Refusal.INOPERATIVE)).reason
        return replace(result, outcome=Outcome.DEFERRED, reason=reason)

    @override
    def follows(self, result: CommandResult) -> bool:
        """Return whether a target was sent that the cloud may not show yet."""
        return result.outcome is Outcome.ACCEPTED and result.id is not None

    @override
    async def follow(self, device_id: str, command_id: str) -> CommandResult:
        """Return how far a change of this run came."""
        result = self._limit.follow(command_id)
        if result.outcome is not Outcome.REFUSED:
            return result
        error = self._explained(
            CommandRefusedError(result.message or "", reason=result.reason or "")
        )
        return replace(result, reason=error.reason)

    @override
    async def close(self) -> None:
        """Finish the write that is under way."""
        await self._limit.close()

    @override
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the last answers, and what is held for the user."""
        return {
            "answers": redact(self._client.answers, _PRIVATE),
            "wish": self.context.memory.get("wish"),
            "target_offered": self._limit.offered,
            "oddities": oddities("CLEMAP"),
        }

    async def _refresh(self, *, force: bool = False) -> Fleet:
        """Read what is due and return the station with its plugs."""
        await self._read_plugs()
        await self._limit.refresh(
            controllable=controllable(self._plugs.values()), force=force
        )
        return self._fleet()

    async def _read_plugs(self) -> None:
        """Read the plugs, known by their uuid since their order may change."""
        sent_at = self.context.monotonic()
        plugs = await self._client.status()
        ours = [plug for plug in plugs if compact(plug.evse_uuid) in ("", self._id)]
        if plugs and not ours:
            raise NotFoundError("another station's answer", reason="wrong_station")
        if not plugs:
            once(_STATION, "the cloud lists no plug of it")
        self._observed_at = sent_at
        self._plugs = {compact(plug.plug_uuid): plug for plug in ours}
        self._several = self._several or len(self._plugs) > 1
        self._stale_detector.note(self._plugs, self._now(), self.context.monotonic())

    def _now(self) -> datetime:
        """Return the later of this machine's time and the cloud's.

        A machine may start before its clock is set; the readings tell the time too.
        """
        times = (plug.time for plug in self._plugs.values())
        return max([self.context.now(), *(when for when in times if when)])

    def _interval(self) -> float:
        """Return the seconds until something is likely to have changed."""
        usual = _CHARGING if any(map(charging, self._plugs.values())) else _IDLE
        renewal = self._renewal()
        return usual if renewal is None else min(usual, renewal.total_seconds())

    def _renewal(self) -> timedelta | None:
        """Return how long the limit can wait for its renewal, None without one."""
        wait = self._limit.wait()
        if wait is None or not controllable(self._plugs.values()):
            return None
        return timedelta(seconds=max(wait, _SHORTEST))

    def _notices(self) -> Iterator[Notice]:
        """Tell what became of the limit without the user's doing."""
        if self._limit.forbidden:
            yield Notice(
                kind=NoticeKind.PERMISSION_MISSING,
                subject=Name(key="current_limit"),
                device_id=self._id,
            )
        if self._limit.notice:
            yield Notice(
                kind=self._limit.notice, subject=self._name, device_id=self._id
            )

    # Translation

    @property
    def _name(self) -> str | Name:
        """Return the only plug's label, or what the station is."""
        if self._several or len(self._plugs) != 1:
            return Name(key="station")
        label = next(iter(self._plugs.values())).plug_label
        return label or Name(key="station")

    def _fleet(self) -> Fleet:
        """Return the station, and its plugs as devices when it has several."""
        plugs = self._plugs if self._several else {}
        states = {online(plug) for plug in self._plugs.values()}
        station = Device(
            id=self._id,
            name=self._name,
            maker=_MAKER,
            observed_at=self._observed_at,
            online=True if True in states else False if False in states else None,
            readings=self._station_readings(),
            controls=self._controls(),
            commands=self._commands(),
        )
        connectors = (
            Device(
                id=f"{self._id}_{key}",
                kind=DeviceKind.CONNECTOR,
                name=plug.plug_label
                or Name(key="connector", placeholders={"number": key[:4]}),
                parent=self._id,
                maker=_MAKER,
                observed_at=self._observed_at,
                online=online(plug),
                readings=readings(plug, stale=self._stale_detector.stale(key)),
            )
            for key, plug in plugs.items()
        )
        return {device.id: device for device in (station, *connectors)}

    def _station_readings(self) -> Mapping[Reading, Value]:
        """Return what concerns the station, and its only plug's readings."""
        target = self._limit.target
        held: dict[Reading, Value] = {}
        if self._limit.offered:
            held[Reading.LIMIT_VALID_UNTIL] = target.valid_until if target else None
        if not self._several:
            for key, plug in self._plugs.items():
                held |= readings(plug, stale=self._stale_detector.stale(key))
        return held

    def _controls(self) -> Mapping[Control, ControlState]:
        """Return the target as the cloud has it; 0 A is a pause."""
        if not self._limit.offered:
            return {}
        target = self._limit.target
        limit = ControlState(
            value=target.current if target else None,
            minimum=MINIMUM_CURRENT,
            maximum=self._limit.maximum,
            step=1,
            timed=True,
        )
        if not self._limit.may_pause:
            return {Control.CURRENT_LIMIT: limit}
        paused = self._limit.paused
        may_charge = ControlState(value=None if paused is None else not paused)
        return {Control.CURRENT_LIMIT: limit, Control.CHARGING: may_charge}

    def _commands(self) -> Mapping[type[Command], frozenset[str]]:
        """Return what can be asked, beside the controls."""
        if not self._limit.offered:
            return {}
        if not self._limit.may_pause:
            return {ClearLimit: frozenset()}
        return {
            ClearLimit: frozenset(),
            StartCharging: frozenset({"current_limit"}),
            StopCharging: frozenset(),
        }

    def _current(self, value: ControlValue) -> int:
        """Return a limit in whole amperes, never more than was asked for."""
        amperes = number(value)
        if amperes is None or not MINIMUM_CURRENT <= amperes <= self._limit.maximum:
            raise CommandRefusedError(reason=Refusal.INVALID_VALUE)
        return int(amperes)

    def _end(self, duration: timedelta | None) -> datetime | None:
        """Return when a limit is over, None for one that lasts."""
        if duration is None:
            return None
        if duration.total_seconds() < MINIMUM_DURATION:
            raise CommandRefusedError(reason=Refusal.INVALID_VALUE)
        return self._now() + duration

    def _explained(self, error: CommandRefusedError) -> CommandRefusedError:
        """Give a bare refusal the reason that the plugs' state tells."""
        reason = error.reason
        plugs = self._plugs.values()
        if reason != Refusal.NOT_APPLIED and plugs:
            if all(map(faulted, plugs)):
                reason = Refusal.FAULTED
            elif all(online(plug) is False for plug in plugs):
                reason = Refusal.OFFLINE
        return CommandRefusedError(error.message, reason=reason)


def _forgotten(held: HeldLimit) -> HeldLimit:
    """Return nothing that is held."""
    return HeldLimit()
