"""A simulated AMPECO tenant, and providers that talk to it over a real socket."""

from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
import json
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    Command,
    CommandResult,
    Device,
    RateLimitedError,
    Reading,
    ServerFaultError,
    UnreachableError,
    Value,
)
from custom_components.ev_charger_cloud.providers.ampeco import DESCRIPTION
from custom_components.ev_charger_cloud.providers.ampeco.provider import AmpecoProvider
from custom_components.ev_charger_cloud.providers.base import (
    Context,
    Selection,
    monotonic,
)
from simulator.clouds.ampeco import Ampeco
from simulator.clouds.ampeco.model import ChargePoint, Evse
from simulator.server import Simulator
from simulator.world import Connector, Station, World

FIXTURES = Path(__file__).parents[1] / "fixtures" / "ampeco"
FULL = "ampeco-demo-token"


def fixture(name: str) -> Any:
    """Return a published payload."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


@dataclass(kw_only=True)
class Tenant:
    """The simulated tenant with what tests do to it."""

    cloud: Ampeco
    session: ClientSession
    base_url: str
    remembered: list[str] = field(default_factory=list)
    memory: dict[str, Any] = field(default_factory=dict)
    slept: list[float] = field(default_factory=list)
    tick: Callable[[float], object] = lambda seconds: None
    monotonic: Callable[[], float] = monotonic

    @property
    def world(self) -> World:
        return self.cloud.world

    def provider(
        self,
        token: str = FULL,
        selection: Selection | None = None,
        kept: dict[str, Any] | None = None,
        **settings: Any,
    ) -> AmpecoProvider:
        """Return a provider that has not asked anything yet."""
        typed = {"base_url": self.base_url, "token": token, **settings}
        context = Context(
            session=self.session,
            settings=DESCRIPTION.normalise(typed),
            selection=selection or Selection(),
            memory=self.memory,
            save=lambda: self.remembered.append("now"),
            sleep=self.sleep,
            monotonic=self.monotonic,
            kept={} if kept is None else kept,
        )
        provider = DESCRIPTION.factory(context)
        assert isinstance(provider, AmpecoProvider)
        return provider

    async def sleep(self, seconds: float) -> None:
        """Note how long a provider wants to sleep, and let `tick` have it happen."""
        self.slept.append(seconds)
        self.tick(seconds)

    def station(self, key: str = "CP-GN-002") -> Station:
        return self.cloud.stations[key]

    def connector(self, key: str = "CP-GN-002", number: int = 1) -> Connector:
        return self.station(key).connector(number)

    def charge_point(self, key: str = "CP-GN-002") -> ChargePoint:
        station = self.station(key)
        points = self.cloud.tenant.charge_points.values()
        return next(point for point in points if point.station is station)

    def evse(self, key: str = "CP-GN-002", number: int = 1) -> Evse:
        return self.charge_point(key).evses[number - 1]

    def step(self, seconds: float) -> None:
        """Let time pass."""
        self.world.clock.step(seconds)
        self.world.settle()

    def asked(self) -> list[str]:
        """Return the requests since the last call, without the common prefix."""
        paths = [
            f"{method} {path.removeprefix('/public-api/').removeprefix('resources/')}"
            for method, path in self.cloud.requests
        ]
        self.cloud.requests.clear()
        return paths


@pytest.fixture(name="tenant")
async def tenant_fixture(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Tenant]:
    """Return the demo tenant, whose clock stands still unless it is stepped."""
    async with Simulator([Ampeco], speed=0) as simulator:
        cloud = simulator["ampeco"]
        assert isinstance(cloud, Ampeco)
        cloud.quirks.update(rate_limit=None, start_seconds=0.0, stop_seconds=0.0)
        yield Tenant(
            cloud=cloud, session=session, base_url=simulator.base_url("ampeco")
        )


async def carry_out(provider: AmpecoProvider, command: Command) -> CommandResult:
    """Send a command and follow it, as whoever watches it does."""
    result = await provider.execute(command)
    for _ in range(3):
        if not provider.follows(result):
            break
        with suppress(RateLimitedError, ServerFaultError, UnreachableError):
            result = await provider.follow(command.device_id, result.id or "")
    return result


def readings(device: Device, *wanted: Reading) -> tuple[Value, ...]:
    """Return some readings of a device."""
    return tuple(device.readings[reading] for reading in wanted)
