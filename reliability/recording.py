"""What simulated clouds answer, recorded, and a session that answers from it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime, timedelta
import random
import re
from typing import Any, cast
from unittest.mock import patch

from aiohttp import ClientSession
from multidict import CIMultiDict
from yarl import URL

from custom_components.ev_charger_cloud.charging import (
    ChargingError,
    ChargingProfile,
    Command,
    Control,
    ControlState,
    Device,
    SchedulePeriod,
    SetControl,
)
from custom_components.ev_charger_cloud.providers import PROVIDERS, transport
from custom_components.ev_charger_cloud.providers.base import (
    Context,
    Provider,
    monotonic,
)
from simulator.clouds import CLOUDS
from simulator.server import Simulator
from simulator.world import Car

_VARIABLE = re.compile(r"/(?=[^/]*\d)(?!v\d)[^/]+")

QUIRKS: Mapping[str, Mapping[str, Any]] = {
    "ampeco": {"rate_limit": 100_000},
    "podero": {"profile": "newer"},
}
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "ampeco": {"users": True, "user_actions": True},
    "clemap": {"allow_pause": True},
    "plugchoice": {"id_token": "04A1B2C3D4"},
    "podero": {"surplus_sessions": True},
}


class Clock:
    """The time that a provider is given: this machine's, and what was stepped."""

    def __init__(self) -> None:
        """Begin with the present."""
        self._begun = datetime.now(UTC)
        self.ahead = 0.0
        self.step: Callable[[float], None] = self._step

    def now(self) -> datetime:
        """Return the time."""
        return self._begun + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        """Return the time that spans are measured by."""
        return self.ahead

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once, and others have their turn."""
        self.step(max(seconds, 0.0))
        await asyncio.sleep(0)

    def _step(self, seconds: float) -> None:
        self.ahead += seconds


@dataclass(frozen=True, slots=True)
class Recorded:
    """An answer as it was."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Recording:
    """All answers of a cloud, by what was asked; ids in paths do not count."""

    provider: str
    settings: Mapping[str, Any]
    answers: dict[str, list[Recorded]] = field(default_factory=dict)
    devices: tuple[Device, ...] = ()

    def of(self, method: str, url: URL) -> list[Recorded]:
        """Return the answers to a request."""
        return self.answers.get(endpoint(method, url), [])


def endpoint(method: str, url: URL) -> str:
    """Return the name of an endpoint, without ids."""
    return f"{method} {_VARIABLE.sub('/*', url.path)}"


class Content:
    """The body of an answer."""

    def __init__(self, body: bytes) -> None:
        """Keep it."""
        self._body = body

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Yield it in chunks."""
        for start in range(0, len(self._body), size):
            yield self._body[start : start + size]


class Response:
    """As much of a response of aiohttp as transports use."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Keep an answer."""
        self.status = status
        self.headers = CIMultiDict(headers)
        self.content = Content(body)

    def close(self) -> None:
        """Stop reading."""


class RecordingSession:
    """A session that passes requests on and keeps what is answered."""

    def __init__(self, session: ClientSession, recording: Recording) -> None:
        """Record through a real session."""
        self._session = session
        self._recording = recording

    @asynccontextmanager
    async def request(
        self, method: str, url: str, **kwargs: Any
    ) -> AsyncGenerator[Response]:
        """Pass a request on."""
        async with self._session.request(method, url, **kwargs) as answer:
            body = await answer.read()
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name in ("Content-Type", "Retry-After", "Link")
        }
        kept = self._recording.answers.setdefault(endpoint(method, URL(url)), [])
        recorded = Recorded(answer.status, headers, body)
        if recorded not in kept and len(kept) < 12:
            kept.append(recorded)
        yield Response(answer.status, headers, body)


def provider_of(
    recording: Recording,
    session: Any,
    clock: Clock,
    memory: dict[str, Any] | None = None,
) -> Provider:
    """Return a provider that talks through a session."""
    return PROVIDERS[recording.provider].factory(
        Context(
            session=cast(ClientSession, session),
            settings=recording.settings,
            memory={} if memory is None else memory,
            now=clock.now,
            monotonic=clock.monotonic,
            sleep=clock.sleep,
        )
    )


class _NoPace:
    """A limiter that lets everything through."""

    def __init__(self, *_: float) -> None:
        """Limit nothing."""

    async def __aenter__(self) -> None:
        """Enter at once."""

    async def __aexit__(self, *_: object) -> None:
        """Leave."""


def unpaced() -> AbstractContextManager[Any]:
    """Have nothing wait for its turn."""
    return patch.object(transport, "AsyncLimiter", _NoPace)


async def record(provider: str) -> Recording:
    """Have a provider ask its simulated cloud for everything, and keep the answers."""
    with unpaced():
        return await _record(provider)


async def _record(provider: str) -> Recording:
    """Record without waiting for turns."""
    async with (
        Simulator(cloud for cloud in CLOUDS if cloud.name == provider) as simulator,
        ClientSession() as http,
    ):
        cloud = simulator[provider]
        cloud.quirks.update(QUIRKS.get(provider, {}))
        options = {each.key: each.default for each in PROVIDERS[provider].options}
        recording = Recording(
            provider,
            {
                **options,
                **OPTIONS.get(provider, {}),
                "base_url": cloud.base_url,
                **cloud.credentials,
            },
        )
        clock = Clock()
        clock.ahead = monotonic()

        def step(seconds: float) -> None:
            clock.ahead += seconds
            simulator.world.clock.step(seconds)
            simulator.world.settle()

        clock.step = step
        subject = provider_of(recording, RecordingSession(http, recording), clock)
        await subject.start()
        await _ask_everything(subject, clock)
        for station in list(cloud.stations.values())[:2]:
            for connector in station.connectors:
                with suppress(Exception):
                    connector.plug_in(Car(soc=0.2, max_current=16.0, phases=3))
        for _ in range(5):
            step(61)
            recording.devices = tuple((await subject.poll()).fleet.values())
        await _ask_everything(subject, clock)
        for command in commands(recording.devices, clock.now(), random.Random(7)):
            with suppress(ChargingError):
                result = await subject.execute(command)
                if result.id is not None:
                    await subject.follow(command.device_id, result.id)
            step(2)
        for _ in range(3):
            step(400)
            with suppress(ChargingError):
                recording.devices = tuple((await subject.poll()).fleet.values())
        await _ask_everything(subject, clock)
        await subject.close()
    return recording


async def _ask_everything(subject: Provider, clock: Clock) -> None:
    """Call all that reads."""
    fleet = (await subject.poll()).fleet
    for ask in (subject.account, subject.candidates, subject.subaccounts):
        with suppress(ChargingError):
            await ask()
    for device_id in fleet:
        start, end = clock.now() - timedelta(days=90), clock.now()
        with suppress(ChargingError):
            await subject.read(device_id)
        with suppress(ChargingError):
            await subject.sessions(device_id, start, end, 20)
        with suppress(ChargingError):
            await subject.charging_profiles(device_id)
        with suppress(ChargingError):
            await subject.relink_url(device_id)


# Commands.


def commands(
    devices: Iterable[Device], now: datetime, rng: random.Random
) -> list[Command]:
    """Return a command of each kind that the devices offer."""
    made: list[Command] = []
    for device in devices:
        made += (
            SetControl(
                device_id=device.id,
                control=control,
                value=_value(control, state, now, rng),
            )
            for control, state in device.controls.items()
        )
        made += (command(kind, device, now) for kind in device.commands)
    return made


def command(kind: type[Command], device: Device, now: datetime) -> Command:
    """Return a command of a kind, with the fields it needs."""
    given = {
        each.name: _argument(each.name, now)
        for each in fields(kind)
        if each.default is MISSING
        and each.default_factory is MISSING
        and each.name != "device_id"
    }
    return kind(device_id=device.id, **given)


def _argument(name: str, now: datetime) -> Any:
    """Return a value for a field of a command."""
    match name:
        case "profile":
            return ChargingProfile(periods=(SchedulePeriod(start_period=0, limit=10),))
        case "until":
            return now + timedelta(hours=1)
        case "enabled":
            return True
        case "amount":
            return 1.0
        case "message":
            return "Heartbeat"
    return "12"


def _value(
    control: Control, state: ControlState, now: datetime, rng: random.Random
) -> Any:
    """Return a value that a control may take."""
    if state.options:
        return rng.choice(state.options)
    if control in (Control.DEADLINE, Control.PAUSE_UNTIL):
        return now + timedelta(hours=8)
    if state.minimum is not None or state.maximum is not None:
        low = state.minimum or 0.0
        return low + (state.step or 1.0) * rng.randrange(4)
    if isinstance(state.value, bool) or state.value is None:
        return rng.random() < 0.5
    return state.value
