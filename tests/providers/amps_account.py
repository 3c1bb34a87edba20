"""An AMPS account in a simulator, with a clock that tests move."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import time
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    Command,
    CommandResult,
    Device,
    RateLimitedError,
    ServerFaultError,
    UnreachableError,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.providers.amps import DESCRIPTION, client
from custom_components.ev_charger_cloud.providers.base import (
    Context,
    Poll,
    Provider,
    Selection,
)
from custom_components.ev_charger_cloud.providers.transport import Limits
from simulator.clouds.amps import Amps
from simulator.server import Simulator
from simulator.world import Connector

ONE, TWO = "dev_sim_ev_1", "dev_sim_ev_2"


@dataclass
class Account:
    """What a test works with; every sleep of the provider passes in no time."""

    simulator: Simulator
    session: ClientSession
    memory: dict[str, Any] = field(default_factory=dict)
    remembered: int = 0
    passed: float = 0.0

    def __post_init__(self) -> None:
        self.cloud = self.simulator["amps"]
        self.provider = self.connect()

    def connect(self, selection: Selection | None = None, **settings: Any) -> Provider:
        """Begin anew, as after a restart."""
        self.provider = DESCRIPTION.factory(
            Context(
                session=self.session,
                settings={
                    "base_url": self.simulator.base_url("amps"),
                    **self.cloud.credentials,
                    **settings,
                },
                selection=selection or Selection(),
                memory=self.memory,
                save=self._remember,
                now=lambda: datetime.now(UTC) + timedelta(seconds=self.passed),
                monotonic=lambda: time.monotonic() + self.passed,
                sleep=self.sleep,
            )
        )
        return self.provider

    def connector(self, station: str = ONE) -> Connector:
        """Return the outlet of a charger."""
        return self.cloud.stations[station].connectors[0]

    def step(self, seconds: float) -> None:
        """Let time pass, here and in the simulated world."""
        self.passed += seconds
        self.simulator.world.clock.step(seconds)
        self.simulator.world.settle()

    async def sleep(self, seconds: float) -> None:
        """Let a wait of the provider pass in no time."""
        self.step(seconds)

    async def poll(self, after: float = 0.0) -> Poll:
        """Poll after some time."""
        self.step(after)
        return await self.provider.poll()

    async def settle(self, after: float = 0.0) -> Poll:
        """Poll after some time, until all that is due was read."""
        poll = await self.poll(after)
        while poll.interval < timedelta(minutes=1):
            poll = await self.poll(3)
        return poll

    async def device(self, after: float = 0.0, device_id: str = ONE) -> Device:
        """Poll after some time, until all was read, and return a charger."""
        return (await self.settle(after)).fleet[device_id]

    async def fresh(self, device_id: str = ONE) -> Device:
        """Read a charger when what AMPS keeps is too old."""
        self.step(61)
        return (await self.provider.read(device_id))[device_id]

    async def carry_out(self, command: Command) -> CommandResult:
        """Send a command and follow it, as whoever watches it does."""
        result = await self.provider.execute(command)
        for pause in (2, 3, 10, 15):
            if not self.provider.follows(result):
                break
            self.step(pause)
            with suppress(
                RateLimitedError,
                ServerFaultError,
                UnreachableError,
                UnusableAnswerError,
            ):
                result = await self.provider.follow(command.device_id, result.id or "")
        return result

    def asked(self) -> list[str]:
        """Return the requests since the last time."""
        asked = [f"{method} {path}" for method, path in self.cloud.requests]
        self.cloud.requests.clear()
        return asked

    def _remember(self) -> None:
        self.remembered += 1


@asynccontextmanager
async def open_account(
    session: ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    quirks: Mapping[str, Any] | None = None,
) -> AsyncGenerator[Account]:
    """Open an account."""
    monkeypatch.setattr(client, "LIMITS", Limits(requests=10_000, concurrency=1))
    async with Simulator([Amps]) as simulator:
        simulator["amps"].quirks.update(quirks or {})
        account = Account(simulator, session)
        yield account
