"""What every simulated cloud is made of."""

from abc import ABC, abstractmethod
from collections import UserDict
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, ClassVar

from aiohttp import web
from aiohttp.typedefs import Handler

from .faults import Faults
from .world import Station, World


class Quirks(UserDict[str, Any]):
    """The switchable oddities of a cloud; only the known ones can be set."""

    def __init__(self, defaults: Mapping[str, Any]) -> None:
        """Begin with the defaults."""
        super().__init__()
        self.data = deepcopy(dict(defaults))

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a quirk that exists."""
        if key not in self.data:
            raise KeyError(key)
        self.data[key] = value


class Cloud(ABC):
    """One vendor's cloud, served under its name as the path prefix."""

    name: ClassVar[str]
    DEFAULT_QUIRKS: ClassVar[Mapping[str, Any]] = {}
    # How many days of sessions the demo's stations have behind them.
    past_days = 0

    def __init__(self, world: World) -> None:
        """Begin without stations."""
        self.world = world
        self.stations: dict[str, Station] = {}
        self.quirks = Quirks(self.DEFAULT_QUIRKS)
        self.faults = Faults()
        self.requests: list[tuple[str, str]] = []
        self.base_url = ""

    @property
    @abstractmethod
    def credentials(self) -> dict[str, str]:
        """Return what a user would type, but for the base URL."""

    @abstractmethod
    def routes(self) -> Iterable[web.RouteDef]:
        """Return the routes, their paths relative to the prefix."""

    @abstractmethod
    def seed(self) -> None:
        """Create the demo stations."""

    @abstractmethod
    def populate(self, count: int, **options: Any) -> None:
        """Create many stations."""

    def add(self, station: Station) -> Station:
        """Add a station to the world and to this cloud."""
        self.world.add(station)
        self.stations[station.id] = station
        return station

    def remove(self, station: Station) -> None:
        """Take a station away."""
        self.world.remove(station)
        del self.stations[station.id]

    def memory(self) -> dict[str, Any]:
        """Return as JSON what this cloud should know in another run."""
        return {}

    def recall(self, memory: Mapping[str, Any]) -> None:  # noqa: B027 - optional
        """Take up what `memory` returned in an earlier run."""

    async def start(self) -> None:  # noqa: B027 - optional
        """Begin what runs in the background; the base URL is known."""

    async def stop(self) -> None:  # noqa: B027 - optional
        """End what runs in the background."""

    async def dispatch(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Serve a request: the place for authentication and error bodies."""
        return await handler(request)

    async def not_found(self, request: web.Request) -> web.StreamResponse:
        """Answer a request that no route matches."""
        return self.json({"message": "Not Found"}, 404)

    def handle_control(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        """Do what only this cloud can; None when the operation is not known."""
        return None

    def path(self, request: web.Request) -> str:
        """Return the path after the prefix."""
        return request.path.removeprefix(f"/{self.name}")

    @staticmethod
    def json(
        data: Any, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        """Return a JSON answer."""
        return web.json_response(data, status=status, headers=headers)
