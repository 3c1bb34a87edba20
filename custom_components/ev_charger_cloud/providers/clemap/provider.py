"""CLEMAP's charging stations in the vocabulary of `charging`."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, override

from ...charging import (
    AuthenticationError,
    ChargingError,
    ChargingStatus,
    Command,
    CommandResult,
    Device,
    DeviceKind,
    Fleet,
    Name,
    NotFoundError,
    Notice,
    NoticeKind,
    RateLimitedError,
    Reading,
    Refusal,
    Value,
)
from ..base import Account, Candidate, Context, Poll, Provider
from ..wire import oddities
from .client import ClemapClient
from .commands import Commands
from .held_limit import SETTINGS, LimitHolder
from .mappings import charging, obstacle, online, readings
from .settings import compact
from .state import StationState
from .wire import Plug

_MAKER = "CLEMAP"
_IDLE = 30.0
_CHARGING = 15.0
_SHORTEST = 10.0


class ClemapProvider(Provider):
    """One charging station of a CLEMAP load management."""

    tells_when_measured: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        """Prepare the station's client and the limit that is held for it."""
        super().__init__(context)
        self._id = compact(context.settings["evse_id"])
        self._client = ClemapClient(context)
        self._state = StationState(self._id, context)
        self._limit = LimitHolder(self._client, context)
        self._commands = Commands(self._limit, context.now)
        self._translated: tuple[Hashable, Fleet] = (None, {})

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
        """Read the plugs, each minute the target too, and renew it when that is due.

        For a station that is not wanted nothing is asked, and nothing held.
        """
        if not self.context.selection.wants(self._id):
            self._limit.drop()
            return Poll(fleet={}, interval=timedelta(seconds=_IDLE))
        fleet = await self._refresh()
        return Poll(
            fleet=fleet,
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
        """Change what is held and send the target.

        What stands in the way was seen a while ago: it may be over.
        """
        if self._obstacle is not None:
            await self._read_plugs()
        return await self._commands.execute(command, self._obstacle)

    @override
    async def close(self) -> None:
        """Let a target that is being sent arrive."""
        await self._limit.close()

    @override
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the last answers, and what is held for the user."""
        memory = self.context.memory
        return {
            "answers": self._client.answers,
            "held_limit": memory.get("held_limit"),
            "asked_limit": memory.get("asked_limit"),
            "target_offered": self._limit.offered,
            "oddities": oddities("CLEMAP"),
        }

    async def _refresh(self, *, force: bool = False) -> Fleet:
        """Read what is due and return the station with its plugs.

        A limit is held though the status cannot be read.
        """
        try:
            await self._read_plugs()
        except AuthenticationError, RateLimitedError:
            raise
        except NotFoundError:
            if self._state.vanished():
                self._limit.drop()
            raise
        except ChargingError:
            await self._hold(force=False)
            raise
        await self._hold(force=force)
        return self._fleet()

    async def _hold(self, *, force: bool) -> None:
        """Read the target when that is due, and renew it."""
        granted = [
            plug.dyn_current_limit
            for plug in self._state.plugs.values()
            if charging(plug) and plug.dyn_current_limit is not None
        ]
        await self._limit.refresh(
            controllable=self._obstacle is None,
            granted=max(granted, default=None),
            force=force,
        )

    async def _read_plugs(self) -> None:
        """Read the plugs."""
        sent_at = self.context.monotonic()
        plugs, complete = await self._client.status()
        self._state.take(plugs, sent_at, complete=complete)

    @property
    def _obstacle(self) -> Refusal | None:
        """Return why no plug can be steered, None where one can."""
        return obstacle(self._state.plugs.values())

    def _interval(self) -> float:
        """Return the seconds until something is likely to have changed."""
        usual = _CHARGING if any(map(charging, self._state.plugs.values())) else _IDLE
        renewal = self._renewal()
        return usual if renewal is None else min(usual, renewal.total_seconds())

    def _renewal(self) -> timedelta | None:
        """Return how long the limit can wait for its renewal, None without one."""
        wait = self._limit.wait()
        if wait is None or self._obstacle is not None:
            return None
        return timedelta(seconds=max(wait, _SHORTEST))

    def _notices(self) -> Iterator[Notice]:
        """Tell what became of the limit without the user's doing."""
        if SETTINGS in self._limit.access.forbidden:
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
        plugs = list(self._state.plugs.values())
        label = plugs[-1].plug_label if plugs and not self._state.several else None
        return label or Name(key="station")

    def _fleet(self) -> Fleet:
        """Return the station, and its plugs as devices when it has several.

        The same as before where nothing changed.
        """
        state = self._state
        held_back = self._held_back()
        shown = (
            tuple(state.plugs.items()),
            state.standing_still,
            state.missing,
            self._limit.offered,
            self._limit.target,
            self._limit.current,
            held_back,
        )
        if shown != self._translated[0]:
            devices = self._devices(held_back)
            self._translated = shown, {device.id: device for device in devices}
        return self._translated[1]

    def _devices(self, held_back: ChargingStatus | None) -> Iterator[Device]:
        """Translate the station and, when it has several, its plugs."""
        state = self._state
        told = {
            key: readings(plug, stale=key in state.standing_still, held_back=held_back)
            for key, plug in state.plugs.items()
        }
        own: dict[Reading, Value] = {}
        if self._limit.offered:
            target = self._limit.target
            own[Reading.LIMIT_VALID_UNTIL] = target.valid_until if target else None
        if not state.several:
            for each in told.values():
                own |= each
        states = {online(plug) for plug in state.plugs.values()}
        yield Device(
            id=self._id,
            name=self._name,
            maker=_MAKER,
            observed_at=state.observed_at,
            online=True if True in states else False if False in states else None,
            readings=own,
            controls=self._commands.controls(),
            commands=self._commands.offered(),
        )
        for key, plug in state.plugs.items() if state.several else ():
            yield Device(
                id=f"{self._id}_{key}",
                kind=DeviceKind.CONNECTOR,
                name=_name_of(key, plug),
                parent=self._id,
                maker=_MAKER,
                observed_at=state.observed_at,
                online=online(plug),
                tells_online=True,
                stale=key in state.missing,
                readings=told[key],
            )

    def _held_back(self) -> ChargingStatus | None:
        """Return the state of a vehicle that a target of 0 A keeps from charging."""
        if not self._limit.paused:
            return None
        ours = self._limit.wanted.paused
        return ChargingStatus.PAUSED if ours else ChargingStatus.SUSPENDED_EVSE


def _name_of(key: str, plug: Plug) -> str | Name:
    """Return what a plug is called."""
    return plug.plug_label or Name(key="connector", placeholders={"number": key[:4]})
