"""Plugchoice, translated."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, override

from ...charging import (
    ChargingProfile,
    Command,
    CommandResult,
    EnergyCurve,
    EnergyPoint,
    Fleet,
    HourSource,
    NotFoundError,
    Notice,
    NoticeKind,
    Refusal,
    Session,
)
from ..base import Account, Candidate, Context, Poll, Provider
from ..transport import Limits
from ..wire import oddities
from .client import PlugchoiceClient, PlugchoiceTransport
from .commands import Commands
from .meter import register_of
from .sessions import belongs, session_of
from .state import ChargerState
from .sync import REQUESTS_PER_SECOND, PlugchoiceSync

# 500 requests a minute and user are allowed, the user's other tools included. Polls keep
# a pace of their own below that (`REQUESTS_PER_SECOND`), so the rest is for commands.
_LIMITS = Limits(requests=140, period=20, concurrency=6)

_IDLE = timedelta(seconds=30)
_IN_SESSION = timedelta(seconds=15)
_COMMANDED = timedelta(seconds=10)
_COMMANDED_FOR = 60.0
_LONGEST_SESSION = timedelta(days=31)
_ROUNDING = timedelta(seconds=1)


class PlugchoiceProvider(Provider):
    """One Plugchoice account."""

    keeps_sessions: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        """Prepare the way to the cloud; nothing is sent yet."""
        super().__init__(context)
        settings = context.settings
        token = str(settings["token"])
        self._client = PlugchoiceClient(
            PlugchoiceTransport(
                context.session,
                str(settings["base_url"]),
                limits=_LIMITS,
                headers={"Authorization": f"Bearer {token}"},
                secrets=(token,),
                monotonic=context.monotonic,
            ),
            context.turn,
        )
        self._account = PlugchoiceSync(self._client, context)
        self._commands = Commands(self._client, self._account, context)
        self._commanded = float("-inf")

    @override
    async def account(self) -> Account:
        """Ask for the user behind the token."""
        user = await self._client.user()
        # Entry titles get into logs, so no name of a person here.
        return Account(
            id=user.uuid, title=f"Plugchoice {(user.uuid or '')[:8]}".strip()
        )

    @override
    async def candidates(self) -> Sequence[Candidate]:
        """List all chargers with the locations they stand at."""
        await self._account.survey()
        return [
            Candidate(
                id=station.uuid,
                name=station.name,
                group=station.site,
                group_name=self._account.place_name(station),
            )
            for station in self._account.listed.values()
        ]

    @override
    async def poll(self) -> Poll:
        """Read what is due, at a pace that leaves the user's quota alone.

        A location costs one request for 25 chargers, a charger that is alone there
        one; a connector that charges one or two more. What did not fit in comes with
        the next poll, as soon as the pace allows.
        """
        sent, begun = self._client.requests, self.context.monotonic()
        await self._account.update()
        stations = self._account.stations.values()
        for station in stations:
            if station.limits_to_set:
                await self._commands.set_waiting_limits(station)
        now = self.context.monotonic()
        interval = _IDLE
        if any(station.in_session and station.online for station in stations):
            interval = _IN_SESSION
        if now - self._commanded < _COMMANDED_FOR:
            interval = _COMMANDED
        if self._account.hurried:
            interval = timedelta()
        paced = (self._client.requests - sent) / REQUESTS_PER_SECOND - (now - begun)
        slowest = max(paced, self._account.pause)
        return Poll(
            fleet={device.id: device for s in stations for device in s.devices},
            interval=max(interval, timedelta(seconds=slowest)),
            notices=tuple(
                Notice(
                    kind=NoticeKind.PERMISSION_MISSING,
                    subject=station.name,
                    device_id=station.uuid,
                )
                for station in stations
                if station.access.closed and station.permitted and station.forbidden()
            ),
        )

    @override
    async def read(self, device_id: str) -> Fleet:
        """Read one charger with its live measurements."""
        station, _ = self._find(device_id)
        await self._account.refresh(station)
        if station.limits_to_set:
            await self._commands.set_waiting_limits(station)
            await self._account.refresh(station)
        return {device.id: device for device in station.devices}

    @override
    async def execute(self, command: Command) -> CommandResult:
        """Carry out a command, and poll faster for a while."""
        station, number = self._find(command.device_id)
        self._commanded = self.context.monotonic()
        return await self._commands.execute(station, number, command)

    @override
    async def follow(self, device_id: str, command_id: str) -> CommandResult:
        """Look for the session that a start has brought."""
        station, _ = self._find(device_id)
        return await self._commands.follow(station, command_id)

    @override
    def follows(self, result: CommandResult) -> bool:
        """Return whether this is a start of which no session is known yet."""
        return result.id is not None and result.id.startswith("start-")

    @override
    async def sessions(
        self, device_id: str, start: datetime, end: datetime, limit: int
    ) -> Sequence[Session]:
        """List transactions; the cloud promises no order and filters by the day."""
        since = (start - timedelta(days=1)).date()
        sessions = [
            session
            for session in await self._sessions(
                device_id, since, (end + _LONGEST_SESSION).date()
            )
            if session.started_at and start <= session.started_at < end
        ]
        sessions.sort(key=lambda session: session.started_at or start, reverse=True)
        return sessions[:limit]

    @override
    async def session(self, device_id: str, session_id: str) -> Session:
        """Read one session; there is no request for a single one."""
        for session in await self._sessions(device_id):
            if session.id == session_id:
                return session
        raise NotFoundError("no such session", reason=Refusal.UNKNOWN_SESSION)

    async def _sessions(
        self, device_id: str, since: date | None = None, until: date | None = None
    ) -> list[Session]:
        """Read the sessions of a charger or a connector, in no order."""
        station, number = self._find(device_id)
        return [
            session_of(item, each.device_id, each.payload)
            for item in await self._client.transactions(
                station.uuid, since=since, until=until
            )
            for each in station.connectors.values()
            if number in (None, each.number)
            and belongs(item, each.payload, alone=station.alone)
        ]

    @override
    async def energy_curve(self, session: Session) -> EnergyCurve | None:
        """Read the register during a session, with what it was at the ends."""
        start, end = session.started_at, session.ended_at
        if start is None or end is None or end - start > _LONGEST_SESSION:
            return None
        station, _ = self._find(session.device_id)
        readings = await self._client.meter_values(
            station.uuid, start - _ROUNDING, end + _ROUNDING
        )
        ends = [(start, session.meter_start), (end, session.meter_stop)]
        points = [
            EnergyPoint(at=at, energy=energy)
            for at, energy in [
                *ends,
                *register_of(readings, session.connector, alone=station.alone),
            ]
            if energy is not None
        ]
        return EnergyCurve(source=HourSource.REGISTER, points=points)

    @override
    async def charging_profiles(self, device_id: str) -> Sequence[ChargingProfile]:
        """Ask the charger what all its profiles come to."""
        station, number = self._find(device_id)
        return await self._commands.profiles(station, number)

    @override
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the last answers by endpoint, and what is closed to the account."""
        return {
            "answers": {
                endpoint: list(bodies.values())
                for endpoint, bodies in self._client.answers.items()
            },
            "requests": self._client.requests,
            "oddities": oddities("Plugchoice"),
            "locations": len(self._account.places),
            "chargers": [
                {
                    "online": station.online,
                    "permitted": station.permitted,
                    "forbidden": station.forbidden(),
                    "in_session": sorted(station.in_session),
                }
                for station in self._account.stations.values()
            ],
        }

    def _find(self, device_id: str) -> tuple[ChargerState, int | None]:
        """Return a charger and the connector that a device id means, if it is one."""
        station = self._account.station(device_id.partition("_")[0])
        for number, connector in station.connectors.items():
            if connector.device_id == device_id:
                return station, number
        if device_id != station.uuid:
            raise NotFoundError("no such connector", reason="not_found")
        return station, None
