"""The simulated world, reached through the simulator's control interface."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from .errors import DemoError


@dataclass(frozen=True, slots=True)
class Connector:
    """What a connector does, as it stands there."""

    station: str
    number: int
    online: bool
    seen: Mapping[str, Any]

    @property
    def free(self) -> bool:
        """Return whether a car can be plugged in here and charge."""
        return self.online and self.seen["state"] == "Available"

    @property
    def current(self) -> float:
        """Return the highest current of a phase, in A."""
        return float(max(self.seen["currents"]))

    @property
    def power(self) -> float:
        """Return the power, in W."""
        return float(self.seen["power_w"])

    def __str__(self) -> str:
        """Tell the currents and the power."""
        amps = " ".join(f"{amps:.1f}" for amps in self.seen["currents"])
        return f"{amps} A, {self.power / 1000:.2f} kW"


class World:
    """Everything that stands in the simulated street."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        """Look at the world behind the address of a simulator."""
        self._http = http
        self._url = f"{url}/control"

    async def clouds(self) -> Mapping[str, Any]:
        """Return all clouds with their credentials and stations."""
        clouds: Mapping[str, Any] = (await self._request("GET", ""))["clouds"]
        return clouds

    async def household(self) -> Mapping[str, Any]:
        """Return what the house makes, uses and pays."""
        household: Mapping[str, Any] = await self._request("GET", "/household")
        return household

    async def change(self, cloud: str, quirks: Mapping[str, Any]) -> None:
        """Change how a cloud behaves."""
        await self._request("POST", f"/clouds/{cloud}/quirks", quirks)

    async def hold_answers(self, cloud: str, seconds: float) -> None:
        """Have a cloud answer so late that nobody can learn anything by asking."""
        fault = {"kind": "delay", "delay": seconds, "method": "GET", "times": None}
        await self._request("POST", f"/clouds/{cloud}/faults", fault)

    async def release_answers(self, cloud: str) -> None:
        """Have a cloud answer at once again."""
        await self._request("DELETE", f"/clouds/{cloud}/faults")

    async def look(self, connector: Connector) -> Connector:
        """Look at a connector again."""
        station = await self._request("GET", f"/stations/{connector.station}")
        seen = next(c for c in station["connectors"] if c["number"] == connector.number)
        return replace(connector, seen=seen)

    async def do(self, connector: Connector, operation: str, **body: Any) -> Connector:
        """Do something at a connector that a driver or a fault may do."""
        path = (
            f"/stations/{connector.station}/connectors/{connector.number}/{operation}"
        )
        return replace(connector, seen=await self._request("POST", path, body))

    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Any:
        """Send a request."""
        async with self._http.request(method, self._url + path, json=body) as response:
            if not response.ok:
                said = await response.text()
                raise DemoError(f"Simulator: {path}: {response.status} {said}")
            return await response.json()


def connector_of(
    stations: Mapping[str, Any],
    *,
    identifier: str,
    serial: str | None,
    name: str,
    number: int,
) -> Connector | None:
    """Find the connector behind a device: by id, else by serial, else by name."""
    tests: tuple[Callable[[Mapping[str, Any]], bool], ...] = (
        lambda station: identifier.endswith(f"_{station['id']}"),
        lambda station: station["serial"] == serial,
        lambda station: station["name"] == name,
    )
    for test in tests:
        for station in filter(test, stations.values()):
            for seen in station["connectors"]:
                if seen["number"] == number:
                    return Connector(station["id"], number, station["online"], seen)
    return None
