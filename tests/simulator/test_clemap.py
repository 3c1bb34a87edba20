"""The simulated CLEMAP cloud, asked as its documentation shows."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Any

from aiohttp import ClientSession
import pytest

from simulator import Simulator
from simulator.clouds.clemap import Clemap
from simulator.world import Car, Connector, Station


class Caller:
    """Asks one station."""

    def __init__(self, simulator: Simulator, session: ClientSession) -> None:
        self.simulator = simulator
        cloud = simulator["clemap"]
        assert isinstance(cloud, Clemap)
        self.cloud = cloud
        self.session = session
        self.station: Station = cloud.stations["clemap-garage"]
        self.connector: Connector = self.station.connectors[0]
        access = cloud.credentials
        self.token = access["token"]
        self.path = f"/edgedevices/{access['edge_device_id']}/evses/{access['evse_id']}"

    async def __call__(
        self, method: str = "GET", name: str = "status", **kwargs: Any
    ) -> tuple[int, Any]:
        kwargs.setdefault("headers", {"evsetoken": self.token})
        url = f"{self.cloud.base_url}{self.path}/{name}"
        async with self.session.request(method, url, **kwargs) as response:
            return response.status, await response.json()

    async def settings(self, method: str = "GET", body: Any = None) -> tuple[int, Any]:
        return await self(method, "currentsettings", json=body)

    def step(self, seconds: float) -> None:
        self.simulator.world.clock.step(seconds)
        self.simulator.world.settle()


@pytest.fixture
async def call(session: ClientSession) -> AsyncGenerator[Caller]:
    async with Simulator([Clemap], speed=0) as simulator:
        yield Caller(simulator, session)


async def test_status_of_an_idle_plug(call: Caller) -> None:
    status, (plug,) = await call()
    assert status == 200
    assert plug.pop("time").endswith("Z")
    assert len(plug.pop("plug_uuid")) == len(plug["evse_uuid"]) == 32
    assert plug == {
        "plug_label": "Garage",
        "evse_uuid": call.cloud.credentials["evse_id"],
        "status": "idle",
        "current_l1": 0,
        "current_l2": 0,
        "current_l3": 0,
        "power": 0,
        "dyn_current_limit": 6,
    }


async def test_plugs_share_the_station(call: Caller) -> None:
    carport = call.cloud.credentials_of(call.cloud.stations["clemap-carport"])
    call.path = call.path.replace(call.cloud.credentials["evse_id"], carport["evse_id"])
    call.token = carport["token"]
    _, plugs = await call()
    assert [plug["plug_label"] for plug in plugs] == ["Plug 1", "Plug 2"]
    assert len({plug["plug_uuid"] for plug in plugs}) == 2
    assert len({plug["evse_uuid"] for plug in plugs}) == 1


async def test_power_follows_the_currents(call: Caller) -> None:
    call.connector.plug_in(Car(phases=2, max_current=10))
    call.step(40)
    _, (plug,) = await call()
    assert plug["status"] == "charging"
    assert (plug["current_l1"], plug["current_l2"], plug["current_l3"]) == (9.8, 9.8, 0)
    assert plug["power"] == round(230 * 19.6, 1)
    assert plug["dyn_current_limit"] == 16


async def test_values_change_every_ten_seconds(call: Caller) -> None:
    first = await call()
    call.connector.plug_in()
    call.step(9)
    assert await call() == first
    call.step(1)
    assert (await call())[1][0]["status"] == "recently_started_charging"


async def test_unplugged_before_it_starts(call: Caller) -> None:
    call.connector.plug_in()
    call.step(4)
    assert (await call())[1][0]["status"] == "starting"
    call.connector.unplug()
    call.step(20)
    assert call.connector.session is None
    assert (await call())[1][0]["status"] == "idle"


async def test_session_waits_for_the_station(call: Caller) -> None:
    call.connector.plug_in()
    call.station.set_online(False)
    call.step(60)
    assert call.connector.session is None
    assert (await call())[1][0]["status"] == "offline"
    call.station.set_online(True)
    call.step(10)
    assert call.connector.session


async def test_station_without_its_edge_device_falls_back(call: Caller) -> None:
    call.connector.plug_in()
    call.step(10)
    call.station.set_online(False)
    assert call.connector.currents[0] == 6
    call.station.set_online(True)
    assert call.connector.currents[0] == 16


async def test_target_lapses(call: Caller) -> None:
    nothing = {"current": None, "valid_until": None}
    assert await call.settings() == (200, nothing)
    call.connector.plug_in()
    call.step(10)
    status, body = await call.settings("POST", {"current": 10, "duration": 60})
    assert status == 201
    assert body.pop("status") == "received"
    assert body["current"] == 10
    assert await call.settings() == (200, body)
    assert call.connector.currents[0] == 16
    call.step(5)
    assert call.connector.currents[0] == 10
    call.step(55)
    assert await call.settings() == (200, nothing)
    call.step(5)
    assert call.connector.currents[0] == 16


async def test_reset_returns_the_previous_target(call: Caller) -> None:
    nothing = {"current": None, "valid_until": None}
    await call.settings("POST", {"current": 10, "duration": 60})
    _, previous = await call.settings()
    assert await call.settings("DELETE") == (200, previous)
    assert await call.settings("DELETE") == (200, nothing)
    assert await call.settings() == (200, nothing)


async def test_new_target_replaces_the_old(call: Caller) -> None:
    await call.settings("POST", {"current": 10, "duration": 60})
    await call.settings("POST", {"current": 12, "duration": 600})
    call.step(100)
    assert (await call.settings())[1]["current"] == 12


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"current": 10},
        {"duration": 60},
        {"current": 10.5, "duration": 60},
        {"current": "10", "duration": 60},
        {"current": -1, "duration": 60},
        {"current": 10, "duration": 0},
    ],
)
async def test_bad_target(call: Caller, body: Any) -> None:
    status, answer = await call.settings("POST", body)
    assert status == 400
    assert (answer["name"], answer["className"]) == ("BadRequest", "bad-request")
    call.cloud.quirks["bad_request_status"] = 500
    assert (await call.settings("POST", body))[0] == 500


async def test_ids_and_paths_in_any_spelling(call: Caller) -> None:
    access = call.cloud.credentials
    uuid = access["evse_id"].upper()
    call.path = f"/edgeDevices/{access['edge_device_id']}/EVSES/{uuid[:8]}-{uuid[8:]}"
    headers = {"EvseToken": call.token}
    assert (await call(name="Status", headers=headers))[0] == 200
    assert (await call(name="currentSettings", headers=headers))[0] == 200


async def test_ids_in_each_others_place(call: Caller) -> None:
    access = call.cloud.credentials
    call.path = f"/edgedevices/{access['evse_id']}/evses/{access['edge_device_id']}"
    assert (await call())[0] == 404


async def test_who_may_not(call: Caller) -> None:
    status, body = await call(headers={})
    assert status == 401
    assert body == {
        "name": "NotAuthenticated",
        "message": "Invalid EVSE token",
        "code": 401,
        "className": "not-authenticated",
        "errors": {},
    }
    carport = call.cloud.credentials_of(call.cloud.stations["clemap-carport"])
    headers = {"evsetoken": carport["token"]}
    assert (await call(headers=headers))[1]["className"] == "forbidden"


async def test_what_does_not_exist(call: Caller) -> None:
    assert (await call(name="sessions"))[0] == 404
    assert (await call("PUT"))[1]["className"] == "method-not-allowed"
    assert (await call("PATCH", "currentsettings"))[0] == 405
    call.path = "/edgedevices/a/evses/b"
    assert (await call())[1]["className"] == "not-found"


async def test_cut_off_from_the_cloud(call: Caller) -> None:
    await call.settings("POST", {"current": 10, "duration": 600})
    _, (before,) = await call()
    call.cloud.handle_control({"operation": "connect", "connected": False})
    call.step(100)
    _, (plug,) = await call()
    assert plug == before | {"status": "cloud_offline"}
    status, body = await call.settings("POST", {"current": 9, "duration": 600})
    assert (status, body["status"]) == (201, "rejected")
    status, body = await call.settings("DELETE")
    assert (status, body["status"]) == (200, "rejected")
    call.cloud.handle_control({"operation": "connect", "connected": True})
    assert (await call.settings())[1]["current"] is None


async def test_target_that_outlives_the_connection(call: Caller) -> None:
    call.cloud.quirks["forgetful"] = False
    await call.settings("POST", {"current": 10, "duration": 600})
    call.cloud.connect(False)
    call.cloud.connect(True)
    assert (await call.settings())[1]["current"] == 10


async def test_unreachable_station_takes_no_target(call: Caller) -> None:
    call.station.set_online(False)
    _, body = await call.settings("POST", {"current": 9, "duration": 600})
    assert body["message"] == "charging station not reachable"


async def test_someone_else(call: Caller) -> None:
    def control(operation: str, **fields: Any) -> Any:
        return call.cloud.handle_control(
            {"operation": operation, "station": call.station.id, **fields}
        )

    assert control("set_target", current=9)
    assert (await call.settings())[1]["current"] == 9
    assert control("reset_target")
    assert (await call.settings())[1]["current"] is None
    call.connector.plug_in()
    call.step(10)
    assert control("site_limit", amps=8)
    assert call.connector.currents[0] == 8
    assert control("site_limit", amps=None)
    assert call.connector.currents[0] == 16
    assert control("fly") is None


async def test_stations_of_other_clouds_are_left_alone(call: Caller) -> None:
    other = call.simulator.world.add(Station("other", "Other"))
    other.connectors[0].plug_in()
    call.step(60)
    assert other.connectors[0].session is None


async def test_populate_and_remove(call: Caller) -> None:
    call.cloud.populate(60, plugs=2)
    station = call.cloud.stations["clemap-00060"]
    assert len(station.connectors) == 2
    access = call.cloud.credentials_of(station)
    first = call.cloud.credentials_of(call.cloud.stations["clemap-00001"])
    assert access["edge_device_id"] != first["edge_device_id"]
    call.cloud.remove(station)
    call.path = f"/edgedevices/{access['edge_device_id']}/evses/{access['evse_id']}"
    assert (await call())[0] == 404


async def test_one_plug_in_trouble(call: Caller) -> None:
    carport = call.cloud.credentials_of(call.cloud.stations["clemap-carport"])
    call.path = call.path.replace(call.cloud.credentials["evse_id"], carport["evse_id"])
    call.token = carport["token"]
    call.cloud.quirks["plug_status"] = {2: "offline"}
    assert [plug["status"] for plug in (await call())[1]] == ["idle", "offline"]


async def test_clock_that_is_wrong(call: Caller) -> None:
    call.cloud.quirks["clock_ahead"] = 86_400
    _, (plug,) = await call()
    ahead = datetime.fromisoformat(plug["time"]) - call.simulator.world.now
    assert abs(ahead - timedelta(days=1)) < timedelta(seconds=1)
    call.cloud.quirks["time"] = "9999-12-31T23:59:59.999Z"
    call.step(10)
    assert (await call())[1][0]["time"].startswith("9999")


@pytest.mark.parametrize(("form", "factor"), [("seconds", 1), ("milliseconds", 1000)])
async def test_settings_in_other_shapes(call: Caller, form: str, factor: int) -> None:
    call.cloud.quirks.update(leading_id=True, under_data=True, until_form=form)
    await call.settings("POST", {"current": 10, "duration": 60})
    _, body = await call.settings()
    assert list(body["data"]) == ["id", "current", "valid_until"]
    until = call.simulator.world.now + timedelta(seconds=60)
    assert body["data"]["valid_until"] == int(until.timestamp() * factor)


async def test_target_that_is_taken_in_vain(call: Caller) -> None:
    call.station.set_online(False)
    call.cloud.quirks["takes_anything"] = True
    status, body = await call.settings("POST", {"current": 10, "duration": 60})
    assert (status, body["status"]) == (201, "received")
