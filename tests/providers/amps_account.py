"""An AMPS account in a simulator, with a clock that tests move."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import time
from types import SimpleNamespace
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import Device
from custom_components.ev_charger_cloud.providers import schedule, transport
from custom_components.ev_charger_cloud.providers.amps import (
    DESCRIPTION,
    client,
    commands,
    key_trial,
    known,
    provider,
)
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
                remember=self._remember,
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
        """Stand in for asyncio.sleep."""
        self.step(seconds)

    async def poll(self, after: float = 0.0) -> Poll:
        """Poll after some time."""
        self.step(after)
        return await self.provider.poll()

    async def device(self, after: float = 0.0, device_id: str = ONE) -> Device:
        """Poll after some time and return a charger."""
        return (await self.poll(after)).fleet[device_id]

    async def fresh(self, device_id: str = ONE) -> Device:
        """Read a charger when what AMPS keeps is too old."""
        self.step(61)
        return (await self.provider.read(device_id))[device_id]

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
        clock = SimpleNamespace(
            monotonic=lambda: time.monotonic() + account.passed,
            time=lambda: time.time() + account.passed,
        )
        for module in (schedule, transport, known, key_trial, provider):
            monkeypatch.setattr(module, "time", clock)
        for module in (commands, provider):
            monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=account.sleep))
        yield account
