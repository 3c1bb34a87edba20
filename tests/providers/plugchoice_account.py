"""An account at the simulated Plugchoice."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import time
from typing import Any

from aiohttp import ClientSession
from aiolimiter import AsyncLimiter
import pytest

from custom_components.ev_charger_cloud.charging import Device, Reading
from custom_components.ev_charger_cloud.providers.base import Context, Selection
from custom_components.ev_charger_cloud.providers.plugchoice import DESCRIPTION
from custom_components.ev_charger_cloud.providers.plugchoice.provider import (
    PlugchoiceProvider,
)
from simulator.clouds.plugchoice import Plugchoice
from simulator.faults import Fault
from simulator.server import Simulator
from simulator.world import Connector

FIXTURES = Path(__file__).parents[1] / "fixtures" / "plugchoice"
DRIVEWAY = "5f0d7a52-1111-4d0c-9a55-3f1f0f3a0001"
GARAGE = "5f0d7a52-1111-4d0c-9a55-3f1f0f3a0002"
BLUE, WHITE = "04A1B2C3D4", "04E5F60718"


def payload(name: str) -> Any:
    """Return a payload as published."""
    return json.loads((FIXTURES / f"{name}.json").read_text())


@dataclass
class PlugchoiceAccount:
    """The simulator, providers for its account, and the time for both."""

    simulator: Simulator
    session: ClientSession
    memory: dict[str, Any] = field(default_factory=dict)
    remembered: int = 0
    _ahead: float = 0.0

    @property
    def cloud(self) -> Plugchoice:
        cloud = self.simulator["plugchoice"]
        assert isinstance(cloud, Plugchoice)
        return cloud

    @property
    def settings(self) -> dict[str, Any]:
        base_url = self.simulator.base_url("plugchoice")
        return {"base_url": base_url, **self.cloud.credentials}

    def connector(self, charger: str = DRIVEWAY, number: int = 1) -> Connector:
        return self.cloud.stations[charger].connector(number)

    def provider(
        self, selection: Selection = Selection(), **settings: Any
    ) -> PlugchoiceProvider:
        provider = DESCRIPTION.factory(
            Context(
                session=self.session,
                settings=self.settings | settings,
                selection=selection,
                memory=self.memory,
                save=self._remember,
                now=lambda: datetime.now(UTC) + timedelta(seconds=self._ahead),
                monotonic=lambda: time.monotonic() + self._ahead,
            )
        )
        assert isinstance(provider, PlugchoiceProvider)
        # Time is stepped, so nobody waits for the pace.
        for lane in provider._client._transport._lanes.values():
            lane.limiter = AsyncLimiter(1_000_000)
        return provider

    def _remember(self) -> None:
        self.remembered += 1

    def step(self, seconds: float) -> None:
        """Let time pass for cloud and provider."""
        self._ahead += seconds
        self.simulator.world.clock.step(seconds)
        self.simulator.world.settle()

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def fail(self, **fault: Any) -> None:
        self.cloud.faults.add(Fault(**fault))

    def answer(self, path: str, body: Any, *, times: int | None = None) -> None:
        """Have a GET request answered with a body of ours."""
        text = json.dumps(body)
        self.fail(method="GET", path=path, status=200, body=text, times=times)

    def requests(self) -> list[str]:
        """Return the requests since the last time, without the ids."""
        names = {DRIVEWAY: "driveway", GARAGE: "garage"} | dict.fromkeys(
            self.cloud.sites, "site"
        )
        requests = []
        for method, path in self.cloud.requests:
            for uuid, name in names.items():
                path = path.replace(uuid, name)
            requests.append(f"{method} {path}")
        self.cloud.requests.clear()
        return requests


@asynccontextmanager
async def plugchoice_account(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch, *, seed: bool = True
) -> AsyncGenerator[PlugchoiceAccount]:
    """Run the simulator with its demo chargers, or with none."""
    async with Simulator([Plugchoice], seed=seed) as simulator:
        account = PlugchoiceAccount(simulator, session)
        yield account


async def device_of(provider: PlugchoiceProvider, device_id: str = DRIVEWAY) -> Device:
    """Poll, and return one device."""
    return (await provider.poll()).fleet[device_id]


def shown(device: Device, *readings: Reading) -> Mapping[Reading, Any]:
    """Return some readings of a device."""
    return {reading: device.readings[reading] for reading in readings}
