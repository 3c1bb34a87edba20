"""The simulated Plugchoice, asked without the integration."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Any

from aiohttp import ClientSession
import pytest

from simulator.clouds.plugchoice import Plugchoice
from simulator.clouds.plugchoice.cloud import TOKEN
from simulator.server import Simulator
from simulator.world import Connector, Station

DRIVEWAY = "/chargers/5f0d7a52-1111-4d0c-9a55-3f1f0f3a0001"
GARAGE = "/chargers/5f0d7a52-1111-4d0c-9a55-3f1f0f3a0002"
BLUE = "04A1B2C3D4"


class Api:
    """Somebody with a token."""

    def __init__(self, simulator: Simulator, session: ClientSession) -> None:
        self.simulator = simulator
        self.session = session
        cloud = simulator["plugchoice"]
        assert isinstance(cloud, Plugchoice)
        self.cloud = cloud

    def connector(self, path: str = DRIVEWAY, number: int = 1) -> Connector:
        return self.cloud.stations[path.split("/")[2]].connector(number)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        async with self.session.request(
            method,
            self.simulator.base_url("plugchoice") + path,
            json=body,
            headers={"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}
            | (headers or {}),
            allow_redirects=False,
        ) as response:
            json = response.content_type == "application/json"
            return response.status, (
                await response.json() if json else await response.text()
            )

    async def get(self, path: str) -> Any:
        status, body = await self.ask("GET", path)
        assert status == 200
        return body

    async def act(self, path: str, action: str, **body: Any) -> Any:
        status, answer = await self.ask("POST", f"{path}/actions/{action}", body)
        assert status == 200
        return answer["status"]

    def step(self, seconds: float) -> None:
        self.simulator.world.clock.step(seconds)
        self.simulator.world.settle()


@pytest.fixture
async def api(session: ClientSession) -> AsyncGenerator[Api]:
    async with Simulator([Plugchoice]) as simulator:
        yield Api(simulator, session)


async def test_without_a_token(api: Api) -> None:
    wrong = {"Authorization": "Bearer x"}
    assert await api.ask("GET", "/user", headers=wrong) == (
        401,
        {"message": "Unauthenticated."},
    )
    # Who does not ask for JSON is sent to the login page.
    status, body = await api.ask("GET", "/user", headers=wrong | {"Accept": "*/*"})
    assert status == 302
    assert "login" in body


async def test_rate_limit(api: Api) -> None:
    api.cloud.quirks["rate_limit"] = 1
    async with api.session.get(
        api.simulator.base_url("plugchoice") + "/user",
        headers={"Authorization": f"Bearer {TOKEN}"},
    ) as response:
        assert response.headers["X-RateLimit-Limit"] == "1"
        assert response.headers["X-RateLimit-Remaining"] == "0"
        assert "Retry-After" not in response.headers
    async with api.session.get(
        api.simulator.base_url("plugchoice") + "/user",
        headers={"Authorization": f"Bearer {TOKEN}"},
    ) as response:
        assert response.status == 429
        assert 0 < int(response.headers["Retry-After"]) <= 60
        assert await response.json() == {"message": "Too Many Attempts."}
    api.cloud._window = (api.cloud._window[0] - 61, 1)
    assert (await api.ask("GET", "/user"))[0] == 200


async def test_pages_without_totals(api: Api) -> None:
    api.cloud.populate(30)
    first = await api.get("/chargers")
    assert len(first["data"]) == 25
    assert "connectors" not in first["data"][0]
    assert "pincode" not in first["data"][0]
    assert first["data"][0]["permissions"]["full"] is True
    assert first["meta"] == {
        "current_page": 1,
        "from": 1,
        "path": api.cloud.base_url + "/chargers",
        "per_page": 25,
        "to": 25,
    }
    second = await api.get(first["links"]["next"].removeprefix(api.cloud.base_url))
    assert len(second["data"]) == 7
    assert second["links"]["next"] is None
    assert second["links"]["prev"].endswith("page=1")
    third = await api.get("/chargers?page=3")
    assert (third["data"], third["meta"]["from"], third["meta"]["to"]) == (
        [],
        None,
        None,
    )


async def test_charger_in_full(api: Api) -> None:
    body = (await api.get(DRIVEWAY))["data"]
    assert body["pincode"] == "4711"
    assert body["model"]["name"] == "Source 2S"
    assert body["connectors"][0]["current_limit"] is None
    api.cloud.quirks["permissions"] = {"basic": True, "sensitive": False, "full": True}
    assert "pincode" not in (await api.get(DRIVEWAY))["data"]
    api.cloud.quirks["bare"] = True
    assert (await api.get(DRIVEWAY))["reference"] == "Driveway"


async def test_renaming(api: Api) -> None:
    assert (await api.ask("PUT", DRIVEWAY, {"reference": None}))[0] == 200
    assert (await api.get(DRIVEWAY))["data"]["reference"] is None
    status, body = await api.ask("PUT", DRIVEWAY, {"reference": "x" * 256})
    assert status == 422
    assert body["errors"] == {
        "reference": ["The reference field must not be greater than 255 characters."]
    }
    assert (await api.ask("PUT", DRIVEWAY, {"reference": 7}))[0] == 422


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/chargers/unknown",
        DRIVEWAY + "/connectors/2/power-usage",
        DRIVEWAY + "/connectors/x/power-usage",
        "/sites/unknown/chargers",
    ],
)
async def test_what_does_not_exist(api: Api, path: str) -> None:
    status, body = await api.ask("GET", path)
    assert status == 404
    assert body["message"]
    assert (await api.ask("POST", DRIVEWAY + "/actions/set-limit"))[0] == 404


async def test_site(api: Api) -> None:
    site = (await api.get("/sites"))["data"][0]
    assert (site["name"], site["chargers_count"]) == ("Home", 2)
    path = f"/sites/{site['uuid']}"
    assert (await api.get(path))["data"]["name"] == "Home"
    connectors = (await api.get(path + "/connectors"))["data"]
    assert [c["charger"]["identity"] for c in connectors] == [
        "VT240117",
        "VT240118",
        "VT240118",
    ]
    chargers = (await api.get(path + "/chargers"))["data"]
    assert "model" not in chargers[0]
    assert len(chargers[1]["connectors"]) == 2
    cards = (await api.get(path + "/cards"))["data"]
    assert [card["name"] for card in cards] == ["Blue card", "White card"]


async def test_power_usage_is_text_with_blanks_and_dashes(api: Api) -> None:
    path = GARAGE + "/connectors/2/power-usage"
    connector = api.connector(GARAGE, 2)
    connector.plug_in()
    connector.start(BLUE)
    api.step(25)
    usage = await api.get(path)
    assert (usage["L1"], usage["L2"], usage["L3"]) == (" 16.0", "-", "-")
    assert usage["kW"] == "3.68"
    connector.stop()
    api.step(7200)
    later = await api.get(path)
    assert later["L1"] == " 16.0"  # the closing sample, for ever
    assert later["timestamp"] != usage["timestamp"]
    api.cloud.quirks["blanks"] = False
    assert (await api.get(path))["L1"] == "16.0"


async def test_sample_freezes_while_offline(api: Api) -> None:
    connector = api.connector()
    connector.plug_in()
    connector.start(BLUE)
    api.step(30)
    before = await api.get(DRIVEWAY + "/connectors/1/power-usage")
    connector.station.set_online(False)
    api.step(300)
    connector.set_limit("x", 0)
    assert await api.get(DRIVEWAY + "/connectors/1/power-usage") == before
    body = (await api.get(DRIVEWAY))["data"]
    assert body["connection_status"] == "offline"
    assert body["connectors"][0]["status"] == "Charging"  # frozen
    connector.stop("Local")
    active = await api.get(DRIVEWAY + "/transactions?filter[status]=active")
    assert active["data"][0]["stopped_at"] is None
    connector.station.set_online(True)
    assert not (await api.get(DRIVEWAY + "/transactions?filter[status]=active"))["data"]
    body = (await api.get(DRIVEWAY))["data"]
    assert body["connectors"][0]["status"] == "Finishing"


async def test_session_that_began_offline_is_unknown(api: Api) -> None:
    station = api.cloud.stations[DRIVEWAY.split("/")[2]]
    station.set_online(False)
    station.auto_start = True
    station.connector(1).plug_in()
    known = len((await api.get(DRIVEWAY + "/transactions"))["data"])
    station.set_online(True)
    assert len((await api.get(DRIVEWAY + "/transactions"))["data"]) == known + 1


async def test_charger_level_status_knows_faults_and_locks(api: Api) -> None:
    connector = api.connector()
    connector.set_fault("OverVoltage")
    assert (await api.get(DRIVEWAY))["data"]["status"] == "Faulted"
    connector.set_fault(None)
    connector.set_operative(False)
    assert (await api.get(DRIVEWAY))["data"]["status"] == "Unavailable"


async def test_filters_of_transactions(api: Api) -> None:
    path = DRIVEWAY + "/transactions"
    everything = (await api.get(path))["data"]
    assert [t["total_kwh"] for t in everything] == ["38.25", "21.40"]
    assert len((await api.get(path + "?limit=1"))["data"]) == 1
    day = (api.simulator.world.now - timedelta(days=2)).date().isoformat()
    assert len((await api.get(f"{path}?filter[started_from]={day}"))["data"]) == 1
    assert len((await api.get(f"{path}?filter[stopped_until]={day}"))["data"]) == 1
    assert (await api.ask("GET", path + "?limit=10001"))[0] == 422
    assert (await api.ask("GET", path + "?limit=x"))[0] == 422
    api.cloud.quirks.update(total_kwh="number", transaction_pages=True)
    page = await api.get(path)
    assert page["data"][0]["total_kwh"] == 38.25
    assert page["links"]["next"] is None


async def test_start_chooses_the_connector_with_a_car(api: Api) -> None:
    api.connector(GARAGE, 2).plug_in()
    assert await api.act(GARAGE, "start", id_token=BLUE) == "Accepted"
    api.step(3)
    assert api.connector(GARAGE, 2).session


async def test_start_waits_for_a_car(api: Api) -> None:
    assert await api.act(DRIVEWAY, "start", id_token=BLUE) == "Accepted"
    api.step(3)
    body = (await api.get(DRIVEWAY))["data"]
    assert body["connectors"][0]["status"] == "Preparing"
    api.connector().plug_in()
    assert api.connector().session


async def test_starts_that_are_rejected(api: Api) -> None:
    assert await api.act(DRIVEWAY, "start", id_token="HOMEY") == "Rejected"
    connector = api.connector()
    connector.set_fault("OtherError")
    assert await api.act(DRIVEWAY, "start", id_token=BLUE) == "Rejected"
    connector.set_fault(None)
    connector.plug_in()
    connector.start(BLUE)
    assert await api.act(DRIVEWAY, "start", id_token=BLUE) == "Rejected"
    api.cloud.add_charger(Station("d3b0", "No site"))
    assert await api.act("/chargers/d3b0", "start", id_token=BLUE) == "Rejected"


async def test_fault_between_the_verdict_and_the_start(api: Api) -> None:
    api.connector().plug_in()
    assert await api.act(DRIVEWAY, "start", id_token=BLUE) == "Accepted"
    api.connector().set_fault("OtherError")
    api.step(3)
    assert not api.connector().session


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("start", {}, "id_token"),
        ("start", {"id_token": BLUE, "connector_id": 0}, "connector_id"),
        ("start", {"id_token": BLUE, "connector_id": "x"}, "connector_id"),
        ("stop", {"transaction_id": -1}, "transaction_id"),
        ("stop", {"transaction_id": True}, "transaction_id"),
        ("charge-limit", {"connector_id": 1}, "limit"),
        ("charge-limit", {"connector_id": 1.5, "limit": 6}, "connector_id"),
        ("charge-limit", {"connector_id": 1, "limit": "x"}, "limit"),
        ("charging-profile", {"connector_id": 1}, "charging_profile"),
        (
            "charging-profile",
            {"connector_id": 1, "charging_profile": 7},
            "charging_profile",
        ),
        ("composite-schedule", {"connector_id": 1}, "duration"),
    ],
)
async def test_validation(
    api: Api, action: str, body: dict[str, Any], field: str
) -> None:
    status, answer = await api.ask("POST", f"{DRIVEWAY}/actions/{action}", body)
    assert status == 422
    assert answer["message"] == "The given data was invalid."
    assert list(answer["errors"]) == [field]


async def test_stop_by_number(api: Api) -> None:
    for number in (1, 2):
        api.connector(GARAGE, number).plug_in()
        api.connector(GARAGE, number).start(BLUE)
    session = api.connector(GARAGE, 2).session
    assert session
    assert await api.act(GARAGE, "stop", transaction_id=session.id) == "Accepted"
    api.step(2)
    assert api.connector(GARAGE, 1).session
    assert not api.connector(GARAGE, 2).session
    assert await api.act(GARAGE, "stop", transaction_id=1) == "Rejected"
    # A session that ends meanwhile is no error.
    assert await api.act(GARAGE, "stop") == "Accepted"
    api.connector(GARAGE, 1).unplug()
    api.step(2)


async def test_charge_limit_lives_with_its_session(api: Api) -> None:
    assert (
        await api.act(DRIVEWAY, "charge-limit", connector_id=1, limit=8) == "Rejected"
    )
    connector = api.connector()
    connector.plug_in()
    connector.start(BLUE)
    assert (
        await api.act(DRIVEWAY, "charge-limit", connector_id=0, limit=8) == "Accepted"
    )
    assert connector.currents[0] == 8
    # The higher stack level wins, whichever came last.
    for limit, level in ((7, 5), (16, 2)):
        await api.act(
            DRIVEWAY, "charge-limit", connector_id=1, limit=limit, stack_level=level
        )
    assert connector.currents[0] == 7
    body = (await api.get(DRIVEWAY))["data"]
    assert body["connectors"][0]["current_limit"] == 7
    connector.stop()
    api.step(1)
    connector.start(BLUE)
    assert connector.currents[0] == 16


def profile(purpose: str = "TxDefaultProfile", **schedule: Any) -> dict[str, Any]:
    return {
        "charging_profile_id": 5,
        "stack_level": 0,
        "charging_profile_purpose": purpose,
        "charging_schedule": {
            "charging_schedule_period": [{"start_period": 0, "limit": 10}]
        }
        | schedule,
    }


async def set_profile(api: Api, connector: int, body: dict[str, Any]) -> Any:
    return await api.act(
        DRIVEWAY, "charging-profile", connector_id=connector, charging_profile=body
    )


async def test_profiles_over_time(api: Api) -> None:
    connector = api.connector()
    connector.plug_in()
    connector.start(BLUE)
    periods = [{"start_period": 0, "limit": 4140}, {"start_period": 60, "limit": 6900}]
    body = profile(
        charging_schedule_period=periods, charging_rate_unit="W", duration=120
    )
    assert await set_profile(api, 1, body) == "Accepted"
    assert connector.currents[0] == 6
    api.step(60)
    assert connector.currents[0] == 10
    api.step(60)
    assert connector.currents[0] == 16


async def test_profile_of_the_charger(api: Api) -> None:
    connector = api.connector()
    connector.plug_in()
    connector.start(BLUE)
    assert await set_profile(api, 1, profile("ChargePointMaxProfile")) == "Rejected"
    assert await set_profile(api, 0, profile("ChargePointMaxProfile")) == "Accepted"
    assert connector.currents[0] == 10
    assert await set_profile(api, 2, profile()) == "Rejected"
    assert await set_profile(api, 1, profile(charging_schedule_period=[])) == "Rejected"
    assert await api.act(DRIVEWAY, "clear-charging-profile", id=6) == "Unknown"
    assert await api.act(DRIVEWAY, "clear-charging-profile") == "Accepted"
    assert connector.currents[0] == 16


async def test_composite_schedule(api: Api) -> None:
    status, body = await api.ask(
        "POST",
        DRIVEWAY + "/actions/composite-schedule",
        {"connector_id": 1, "duration": 60},
    )
    assert status == 200
    periods = body["chargingSchedule"]["chargingSchedulePeriod"]
    assert periods == [{"startPeriod": 0, "limit": 16.0, "numberPhases": 3}]
    verdict = await api.act(DRIVEWAY, "composite-schedule", connector_id=7, duration=60)
    assert verdict == "Rejected"


async def test_offline_and_silent_chargers(api: Api) -> None:
    late = {"message": "The charger did not respond in time."}
    api.cloud.quirks["no_answer"] = True
    path = DRIVEWAY + "/actions/restart"
    assert await api.ask("POST", path) == (504, late)
    api.step(2)
    assert not api.cloud.stations[DRIVEWAY.split("/")[2]].online  # and yet it did
    assert await api.ask("POST", path) == (504, late)
    api.cloud.quirks["offline_status"] = 400
    assert (await api.ask("POST", DRIVEWAY + "/settings/lock", {"enabled": True}))[
        0
    ] == 400


async def test_restart_of_a_charger_that_just_left(api: Api) -> None:
    assert await api.act(DRIVEWAY, "restart") == "Accepted"
    station = api.cloud.stations[DRIVEWAY.split("/")[2]]
    station.set_online(False)
    api.step(2)
    assert not station.rebooting


async def test_settings(api: Api) -> None:
    lock, plug = DRIVEWAY + "/settings/lock", DRIVEWAY + "/settings/plug-charge"
    assert (await api.ask("POST", lock, {}))[0] == 422
    assert (await api.ask("POST", lock, {"enabled": "perhaps"}))[0] == 422
    assert await api.ask("POST", lock, {"enabled": True}) == (204, "")
    assert await api.get(lock) == {"enabled": False}
    api.step(2)
    assert await api.get(lock) == {"enabled": True}
    assert await api.get(plug) == {"enabled": False, "current_card": BLUE}
    assert (await api.ask("POST", plug, {"enabled": True}))[0] == 422
    body = {"enabled": True, "card_uid": "04E5F60718"}
    assert (await api.ask("POST", plug, body))[0] == 204
    assert await api.get(plug) == {"enabled": True, "current_card": "04E5F60718"}
    await api.ask("POST", lock, {"enabled": False})
    api.step(2)
    connector = api.connector()
    connector.plug_in()
    transactions = await api.get(DRIVEWAY + "/transactions?filter[status]=active")
    assert transactions["data"][0]["id_tag"] == "04E5F60718"


async def test_socket_lock(api: Api) -> None:
    path = DRIVEWAY + "/settings/socket-lock"
    assert await api.get(path) == {"enabled": False, "interactable": False}
    api.connector().plug_in()
    assert await api.get(path) == {"enabled": False, "interactable": True}
    api.connector().start(BLUE)
    assert await api.get(path) == {"enabled": True, "interactable": True}
    api.connector().station.set_online(False)
    body = await api.get(path)
    assert (body["enabled"], body["interactable"]) == (False, False)
    assert body["error"]


async def test_rights(api: Api) -> None:
    api.cloud.quirks["permissions"] = {"basic": True, "sensitive": False, "full": False}
    denied = (403, {"message": "This action is unauthorized."})
    assert await api.ask("POST", DRIVEWAY + "/actions/restart") == denied
    site = next(iter(api.cloud.sites))
    assert await api.ask("GET", f"/sites/{site}/cards") == denied
    assert (await api.ask("GET", DRIVEWAY))[0] == 200


async def test_other_clouds_and_removed_chargers_are_ignored(api: Api) -> None:
    other = Station("other", "Of another cloud")
    api.simulator.world.add(other)
    other.set_online(False)
    station = api.cloud.stations[DRIVEWAY.split("/")[2]]
    api.connector().plug_in()
    api.connector().start(BLUE)
    api.cloud.remove(station)
    api.step(5)
    assert (await api.ask("GET", DRIVEWAY))[0] == 404


async def test_heartbeat(api: Api) -> None:
    station = api.cloud.stations[DRIVEWAY.split("/")[2]]
    first = (await api.get(DRIVEWAY))["data"]["last_heartbeat_at"]
    api.step(301)
    second = (await api.get(DRIVEWAY))["data"]["last_heartbeat_at"]
    assert second > first
    station.set_online(False)
    api.step(600)
    body = (await api.get(DRIVEWAY))["data"]
    assert body["last_heartbeat_at"] == body["last_disconnection_at"]


async def test_transactions_of_a_location(api: Api) -> None:
    site = next(iter(api.cloud.sites))
    path = f"/sites/{site}/transactions"
    body = await api.get(path)
    assert len(body["data"]) == 4
    assert body["total_energy"] == pytest.approx(106.47)
    assert {item["charger"]["reference"] for item in body["data"]} == {
        "Driveway",
        "Garage",
    }
    garage = GARAGE.split("/")[2]
    assert len((await api.get(f"{path}?filter[charger_uuid]={garage}"))["data"]) == 2
    assert (await api.get(f"{path}?filter[status]=active"))["data"] == []
    connector = api.connector()
    connector.plug_in()
    connector.start(BLUE)
    active = (await api.get(f"{path}?filter[status]=active"))["data"]
    assert [item["connector"]["connector_id"] for item in active] == [1]
    api.cloud.quirks["transaction_pages"] = True
    assert len((await api.get(path))["data"]) == 5


def spelled(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S")


async def test_meter_values_over_time(api: Api) -> None:
    now = api.simulator.world.now
    span = f"date_from={spelled(now - timedelta(days=2))}&date_to={spelled(now)}"
    path = f"{DRIVEWAY}/metervalues?{span}"
    body = await api.get(path)
    assert body["meta"] | {"total": 0} == {
        "current_page": 1,
        "last_page": 1,
        "per_page": 25,
        "total": 0,
    }
    items = body["data"]
    assert [items[0]["context"], items[-1]["context"]] == [
        "Transaction.Begin",
        "Transaction.End",
    ]
    values = [float(item["value"]) for item in items]
    assert values == sorted(values)
    assert values[-1] - values[0] == 38_250
    assert {item["unit"] for item in items} == {"Wh"}
    newest = (await api.get(f"{path}&order_by=desc&limit=1"))["data"]
    assert [item["value"] for item in newest] == [items[-1]["value"]]
    begun = (await api.get(f"{path}&context=Transaction.Begin"))["data"]
    assert len(begun) == 1
    assert (await api.get(f"{path}&measurand=Voltage"))["data"] == []


async def test_meter_values_of_a_running_session_and_their_pages(api: Api) -> None:
    connector = api.connector()
    connector.plug_in()
    connector.start(BLUE)
    begun = api.simulator.world.now
    api.step(8 * 3600)
    now = api.simulator.world.now
    path = (
        f"{DRIVEWAY}/metervalues?date_from={spelled(begun - timedelta(seconds=1))}"
        f"&date_to={spelled(now + timedelta(seconds=1))}"
    )
    body = await api.get(path)
    assert body["meta"]["total"] == 33
    assert body["links"]["next"].endswith("page=2")
    second = await api.get(f"{path}&page=2")
    assert len(second["data"]) == 8
    assert second["data"][-1]["context"] == "Sample.Periodic"
    assert second["links"]["next"] is None


@pytest.mark.parametrize("query", ["", "date_from=2026-01-01T00:00:00Z&date_to=x"])
async def test_meter_values_need_their_times(api: Api, query: str) -> None:
    status, body = await api.ask("GET", f"{DRIVEWAY}/metervalues?{query}")
    assert status == 422
    assert list(body["errors"]) == ["date_from"]


async def test_messages_of_a_charger(api: Api) -> None:
    connector = api.connector()
    connector.plug_in()
    await api.act(DRIVEWAY, "start", id_token=BLUE)
    api.step(3)
    await api.act(DRIVEWAY, "charge-limit", connector_id=1, limit=8)
    api.cloud.quirks["no_answer"] = True
    await api.ask("POST", f"{DRIVEWAY}/actions/restart")
    body = await api.get(f"{DRIVEWAY}/logs")
    assert body["filter_options"]["methods"] == [
        "RemoteStartTransaction",
        "Reset",
        "SetChargingProfile",
        "StatusNotification",
    ]
    newest = body["data"][0]
    assert (newest["method"], newest["status"]) == ("Reset", "failed")
    assert newest["result"] is None
    told = (await api.get(f"{DRIVEWAY}/logs?filter[destination]=centralsystem"))["data"]
    assert [item["params"]["status"] for item in told] == ["Charging", "Preparing"]
    shown = (await api.get(f"{DRIVEWAY}/logs?filter[hide_insignificant]=1"))["data"]
    assert "SetChargingProfile" not in {item["method"] for item in shown}
    first = (await api.get(f"{DRIVEWAY}/logs?sort=created_at"))["data"][0]
    assert first["params"]["status"] == "Preparing"
    later = spelled(api.simulator.world.now + timedelta(hours=1))
    assert (await api.get(f"{DRIVEWAY}/logs?filter[date_from]={later}"))["data"] == []


async def test_load_balancing_of_a_location(api: Api) -> None:
    site = next(iter(api.cloud.sites))
    (group,) = await api.get(f"/sites/{site}/groups")
    path = f"/sites/{site}/groups/{group['id']}/meter"
    idle = await api.get(path)
    assert idle["power"]["total"] == pytest.approx(3 * 2.5 * 230)
    connector = api.connector()
    connector.plug_in()
    connector.start(BLUE)
    busy = await api.get(path)
    assert busy["latest_data"]["l1"] == 18.5
    tree = await api.get(f"/sites/{site}/power-management")
    assert [item["label"] for item in tree["allChargers"]] == ["Driveway", "Garage"]
    assert tree["realTimeData"][str(group["id"])]["available"]["l1"] == 44.5
    single = await api.get("/meters/chargee/CHG000301")
    assert single == busy | {
        "power": busy["power"]["total"],
        "latest_data": single["latest_data"],
        "updated_at": single["updated_at"],
    }
    for _ in range(4):
        assert (await api.ask("GET", "/meters/chargee/nobody"))[0] == 404
    assert (await api.ask("GET", "/meters/chargee/CHG000301"))[0] == 429
    api.step(60)
    assert (await api.ask("GET", "/meters/chargee/CHG000301"))[0] == 200
    api.cloud.quirks["site_meter"] = False
    assert (await api.ask("GET", path))[0] == 404
    assert (await api.ask("GET", f"/sites/{site}/groups/1/meter"))[0] == 404


async def test_clock_of_a_charger_may_be_wrong_and_samples_may_stop(api: Api) -> None:
    connector = api.connector()
    connector.plug_in()
    connector.start(BLUE)
    path = f"{DRIVEWAY}/connectors/1/power-usage"
    right = datetime.fromisoformat((await api.get(path))["timestamp"])
    api.cloud.quirks["clock_skew"] = 7200.0
    ahead = datetime.fromisoformat((await api.get(path))["timestamp"])
    assert ahead - right == timedelta(hours=2)
    api.cloud.quirks["frozen_samples"] = True
    api.step(600)
    assert datetime.fromisoformat((await api.get(path))["timestamp"]) == ahead


async def test_charger_may_say_other_things_than_its_connectors(api: Api) -> None:
    api.cloud.quirks["charger_status"] = "Faulted"
    body = (await api.get(DRIVEWAY))["data"]
    assert body["status"] == "Faulted"
    assert body["connectors"][0]["status"] == "Available"
