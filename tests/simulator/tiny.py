"""The smallest cloud that shows what a cloud can do."""

from typing import Any, override

from aiohttp import web
from aiohttp.typedefs import Handler

from simulator.cloud import Cloud
from simulator.world import Car, Connector, Refused, Station


class Tiny(Cloud):
    """A cloud with one question and one command."""

    name = "tiny"
    DEFAULT_QUIRKS = {"strict": False, "names": ["a"]}
    running = False

    @property
    @override
    def credentials(self) -> dict[str, str]:
        return {"token": "demo"}

    @override
    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/chargers", self._chargers),
            web.post("/chargers/{id}/start", self._start),
        ]

    @override
    async def start(self) -> None:
        self.running = True

    @override
    async def stop(self) -> None:
        self.running = False

    @override
    async def dispatch(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        if self.quirks["strict"] and "Authorization" not in request.headers:
            raise web.HTTPUnauthorized
        return await super().dispatch(request, handler)

    async def _chargers(self, request: web.Request) -> web.Response:
        return self.json(
            {s.id: s.connectors[0].meter_wh for s in self.stations.values()},
            headers={"X-Total": str(len(self.stations))},
        )

    async def _start(self, request: web.Request) -> web.Response:
        connector = self.stations[request.match_info["id"]].connectors[0]
        try:
            return self.json({"session": connector.start("tag").id})
        except Refused as refused:
            return self.json({"message": refused.reason}, 409)

    @override
    def handle_control(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        if operation.get("do") == "rename":
            self.stations["T1"].name = operation["name"]
            return {"name": self.stations["T1"].name}
        return super().handle_control(operation)

    @override
    def seed(self) -> None:
        station = self.add(
            Station(
                "T1",
                "Garage",
                connectors=[Connector(1), Connector(2)],
                at_house=True,
            )
        )
        station.connectors[0].plug_in(Car(soc=0.5))

    @override
    def populate(self, count: int, **options: Any) -> None:
        for number in range(count):
            self.add(Station(f"T{number:05}", f"Charger {number}"))
