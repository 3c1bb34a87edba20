"""An account at the simulated Podero."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from custom_components.ev_charger_cloud.charging import Device
from custom_components.ev_charger_cloud.providers.base import (
    Context,
    Selection,
    monotonic,
)
from custom_components.ev_charger_cloud.providers.podero import DESCRIPTION
from custom_components.ev_charger_cloud.providers.podero.provider import PoderoProvider
from simulator.clouds.podero import Podero
from simulator.clouds.podero.cloud import API, GARAGE, ORG, OWNER
from simulator.clouds.podero.wallbox import Wallbox
from simulator.faults import Fault
from simulator.server import Simulator
from simulator.world import Connector

FIXTURES = Path(__file__).parents[1] / "fixtures" / "podero"
USER = f"{API}/org/{ORG}/users/{OWNER}"


def payload(name: str) -> Any:
    """Return a payload as published."""
    return json.loads((FIXTURES / f"{name}.json").read_text())


class Clock:
    """The time that providers are given: this machine's, and what was stepped."""

    ahead = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return monotonic() + self.ahead


@dataclass
class Account:
    """The simulator, and providers for its first user."""

    simulator: Simulator
    session: ClientSession
    clock: Clock = field(default_factory=Clock)
    monotonic: Callable[[], float] | None = None

    @property
    def cloud(self) -> Podero:
        cloud = self.simulator["podero"]
        assert isinstance(cloud, Podero)
        return cloud

    @property
    def garage(self) -> Wallbox:
        return self.cloud.wallboxes[GARAGE]

    @property
    def connector(self) -> Connector:
        return self.garage.connector

    @property
    def settings(self) -> dict[str, Any]:
        base_url = self.simulator.base_url("podero")
        return {"base_url": base_url, **self.cloud.credentials}

    def provider(
        self, selection: Selection = Selection(), **settings: Any
    ) -> PoderoProvider:
        provider = DESCRIPTION.factory(
            Context(
                session=self.session,
                settings=self.settings | settings,
                selection=selection,
                now=self.clock.now,
                monotonic=self.monotonic or self.clock.monotonic,
            )
        )
        assert isinstance(provider, PoderoProvider)
        return provider

    def step(self, seconds: float) -> None:
        """Let time pass for providers and chargers."""
        self.clock.ahead += seconds
        self.simulator.world.clock.step(seconds)
        self.simulator.world.settle()

    def fail(self, **fault: Any) -> None:
        self.cloud.faults.add(Fault(**fault))

    def requests(self) -> list[str]:
        """Return the requests since the last time, the user's path as U."""
        requests = [
            f"{method} {path.replace(USER, 'U').removeprefix(API)}"
            for method, path in self.cloud.requests
        ]
        self.cloud.requests.clear()
        return requests

    async def garage_device(self, provider: PoderoProvider) -> Device:
        return (await provider.poll()).fleet[GARAGE]


@asynccontextmanager
async def podero_account(session: ClientSession) -> AsyncGenerator[Account]:
    """Serve Podero alone."""
    async with Simulator([Podero], speed=0) as simulator:
        yield Account(simulator, session)
