"""The simulated AMPECO tenant: what it answers, and what its stations then do."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import ClientSession
import pytest

from simulator.clouds.ampeco import Ampeco
from simulator.server import Simulator
from simulator.world import Car, Connector, State, Station

TOKEN = "ampeco-demo-token"
PARTNER = "ampeco-demo-token-partner"
START = "actions/evse/v1.0/9003/start"
STATION = "actions/charge-point/v1.0/4022"


@dataclass(kw_only=True)
class Api:
    """The tenant over HTTP, and from within."""

    cloud: Ampeco
    session: ClientSession

    async def ask(
        self, method: str, path: str, body: Any = None, token: str = TOKEN
    ) -> tuple[int, Any]:
        """Return the status and the decoded answer."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.session.request(
            method,
            f"{self.cloud.base_url}/public-api/{path}",
            json=body,
            headers=headers,
        ) as response:
            text = await response.text()
            return response.status, await response.json() if text else None

    async def get(self, path: str, token: str = TOKEN) -> Any:
        """Return what is below `data`."""
        status, body = await self.ask("GET", f"resources/{path}", token=token)
        assert status == 200, body
        return body["data"]

    async def post(self, path: str, body: Any = None) -> Any:
        """Send an action that is accepted."""
        status, answer = await self.ask("POST", path, body)
        assert status in {201, 202, 204}, answer
        return answer

    async def evse(self, key: int = 9003) -> Any:
        """Return an EVSE with everything included."""
        return await self.get(
            f"evses/v2.1/{key}?include[]=chargingProfile&include[]=connectors"
        )

    @property
    def connector(self) -> Connector:
        return self.cloud.stations["CP-GN-002"].connectors[0]

    def step(self, seconds: float) -> None:
        self.cloud.world.clock.step(seconds)
        self.cloud.world.settle()


@pytest.fixture(name="api")
async def api_fixture(session: ClientSession) -> AsyncGenerator[Api]:
    """Return the demo tenant with its clock standing still."""
    async with Simulator([Ampeco], speed=0) as simulator:
        cloud = simulator["ampeco"]
        assert isinstance(cloud, Ampeco)
        cloud.quirks["rate_limit"] = None
        yield Api(cloud=cloud, session=session)


# Access


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_unauthenticated(api: Api, token: str) -> None:
    answer = await api.ask("GET", "resources/evses/v2.1", token=token)
    assert answer == (401, {"message": "Unauthenticated."})


async def test_rights_are_per_token_and_can_change(api: Api) -> None:
    token = "ampeco-demo-token-read-only"
    status, body = await api.ask("POST", START, {}, token)
    assert (status, body) == (403, {"message": "This action is unauthorized."})
    granted = {"token": token, "right": "start", "granted": True}
    rights = api.cloud.handle_control(granted)
    assert rights and "start" in rights["rights"]
    assert (await api.ask("POST", START, {}, token))[0] == 202
    api.cloud.handle_control(granted | {"granted": False})
    assert (await api.ask("POST", START, {}, token))[0] == 403
    assert api.cloud.handle_control({"something": "else"}) is None


async def test_a_partner_reaches_only_its_own(api: Api) -> None:
    points = await api.get("charge-points/v2.0", PARTNER)
    assert [point["id"] for point in points] == [4021]
    for path in (
        "resources/charge-points/v2.0/4022",
        "resources/evses/v2.1/9003",
        "resources/sessions/v1.0/1",
        "resources/reservations/v1.0/1",
    ):
        status, body = await api.ask("GET", path, token=PARTNER)
        assert (status, body) == (404, {"message": "No query results for model."})
    assert "balance" not in (await api.get("users/v1.1/771", PARTNER))
    assert "balance" in (await api.get("users/v1.1/771"))


async def test_rate_limit(api: Api) -> None:
    api.cloud.quirks["rate_limit"] = 3
    answers = [await api.ask("GET", "resources/settings/v1.0") for _ in range(5)]
    assert [status for status, _ in answers].count(200) == 3
    assert answers[-1] == (429, {"message": "Too Many Attempts."})
    assert (await api.ask("GET", "resources/settings/v1.0", token=PARTNER))[0] == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "resources/nothing/v1.0", 404),
        ("DELETE", "resources/sessions/v1.0/120045", 405),
        ("DELETE", "resources/transactions/v1.0/1", 405),
        ("POST", "resources/subscriptions/v1.0", 405),
        ("GET", "resources/charge-points/v2.0/none", 404),
        ("GET", "resources/circuits/v2.0/1", 404),
        ("GET", "resources/users/v1.1/1", 404),
        ("POST", STATION + "/reset/gentle", 404),
        ("POST", STATION + "/unlock/7", 404),
        ("POST", STATION + "/stop/120045", 404),
        ("POST", STATION + "/set-charging-profile/4", 404),
    ],
)
async def test_what_does_not_exist(
    api: Api, method: str, path: str, status: int
) -> None:
    assert (await api.ask(method, path))[0] == status


# Lists


async def test_cursor_pages(api: Api) -> None:
    api.cloud.populate(5)
    seen, cursor = [], "null"
    while cursor:
        path = f"resources/evses/v2.1?per_page=3&cursor={cursor}"
        _, body = await api.ask("GET", path)
        seen += [evse["id"] for evse in body["data"]]
        cursor = body["meta"]["next_cursor"]
        assert (body["links"]["next"] is None) is (cursor is None)
    assert seen == list(range(9001, 9015))


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("charge-points/v1.0", "charge-points/v2.0"),
        ("evses/v2.0", "evses/v2.1"),
        ("circuits/v1.0", "circuits/v2.0"),
        ("users/v1.0", "users/v1.1"),
        ("rfid-tags/v1.0", "id-tags/v2.0"),
        ("partners/v1.0", "partners/v2.0"),
        ("vouchers/v2.0", "vouchers/v2.1"),
        ("electricity-rates/v1.0", "electricity-rates/v2.0"),
    ],
)
async def test_older_places_live_on(api: Api, older: str, newer: str) -> None:
    items = await api.get(newer)
    assert items
    assert await api.get(older) == items
    one = items[0]["id"]
    assert await api.get(f"{older}/{one}") == await api.get(f"{newer}/{one}")


async def test_numbered_pages_where_there_is_no_cursor(api: Api) -> None:
    _, body = await api.ask("GET", "resources/users/v1.1?per_page=1&page=2")
    assert [user["id"] for user in body["data"]] == ["772"]
    assert (body["meta"]["current_page"], body["meta"]["last_page"]) == (2, 2)
    assert body["links"]["next"] is None
    _, body = await api.ask("GET", "resources/charge-points/v2.0?per_page=1")
    assert "next_cursor" in body["meta"]


@pytest.mark.parametrize(
    ("quirk", "good"), [("null", "null"), ("empty", ""), ("both", "null"), ("both", "")]
)
async def test_first_cursors(api: Api, quirk: str, good: str) -> None:
    api.cloud.quirks["first_cursor"] = quirk
    for cursor in ("null", ""):
        status, _ = await api.ask("GET", f"resources/evses/v2.1?cursor={cursor}")
        assert (status == 200) is (cursor == good or quirk == "both")


@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=e30", "per_page=0", "per_page=x"]
)
async def test_bad_pages(api: Api, query: str) -> None:
    status, body = await api.ask("GET", f"resources/evses/v2.1?{query}")
    assert status == 422
    assert len(body["errors"]) == 1


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("charge-points/v2.0?filter[locationId]=311", 1),
        ("charge-points/v2.0?filter[networkId]=CP-GN-001", 1),
        ("charge-points/v2.0?filter[circuitId]=77", 2),
        ("charge-points/v2.0?filter[name]=Nobody", 0),
        ("charge-points/v2.0?filter[nobody][knows]=this", 3),
        ("evses/v2.1?filter[chargePointId][]=4021&filter[chargePointId][]=4022", 3),
        ("evses/v2.1?filter[chargePointId][0]=4023", 1),
        ("charge-points/v2.0/4021/evses", 2),
        ("sessions/v1.0?filter[status]=finished", 1),
        ("sessions/v1.0?filter[status]=active", 0),
        ("sessions/v1.0?filter[endedAfter]=2000-01-01", 1),
        ("sessions/v1.0?filter[endedBefore]=2000-01-01T00:00:00Z", 0),
        ("charge-points/v2.0?filter[lastUpdatedAfter]=2000-01-01T00:00:00Z", 3),
        ("evses/v2.1?filter[lastUpdatedBefore]=2000-01-01T00:00:00Z", 0),
        ("users/v1.1?filter[externalId]=guest-1", 1),
        ("users/v1.1?filter[lastUpdatedAfter]=2999-01-01T00:00:00Z", 0),
        ("circuits/v2.0", 1),
        ("reservations/v1.0", 0),
    ],
)
async def test_filters(api: Api, path: str, count: int) -> None:
    assert len(await api.get(path)) == count


async def test_a_filter_that_is_no_date(api: Api) -> None:
    status, _ = await api.ask("GET", "resources/evses/v2.1?filter[lastUpdatedAfter]=x")
    assert status == 422


# Charge points and EVSEs


async def test_includes(api: Api) -> None:
    plain = await api.get("charge-points/v2.0/4021")
    assert "lastBootNotification" not in plain
    full = await api.get(
        "charge-points/v2.0/4021?include[0]=lastBootNotification"
        "&include[]=smartCharging&include[]=chargingProfile&include[]=unknown"
    )
    assert full["lastBootNotification"]["firmwareVersion"] == "2.4.1"
    assert full["smartCharging"]["mode"] == "dynamic"
    assert full["chargingProfile"] is None
    assert (await api.evse(9001))["connectors"][0]["format"] == "socket"
    nested = await api.get("charge-points/v2.0/4021/evses")
    assert "chargePointId" not in nested[0]


async def test_live_status(api: Api) -> None:
    live = await api.get("charge-points/v1.0/4021/status")
    assert live["networkStatus"] == "available"
    assert live["evses"][0] == {"id": 9001, "hardwareStatus": "available"}
    api.cloud.stations["CP-GN-001"].set_online(False)
    live = await api.get("charge-points/v1.0/4021/status")
    assert live["networkStatus"] == "temporarily unavailable"
    assert (await api.get("charge-points/v2.0/4021"))["networkStatus"] == (
        "temporarily_unavailable"
    )
    api.step(86_400)
    assert (await api.get("charge-points/v2.0/4021"))["networkStatus"] == (
        "long-term_unavailable"
    )


async def test_a_station_that_never_connected(api: Api) -> None:
    api.cloud.add(Station("CP-NEW", "New", online=False))
    point = await api.get("charge-points/v2.0/4024")
    assert point["networkStatus"] == "never_connected"


async def test_changing_a_charge_point(api: Api) -> None:
    path = "resources/charge-points/v2.0/4022"
    status, body = await api.ask("PATCH", path, {"id": 1, "tags": ["new"]})
    assert status == 200
    assert (body["data"]["id"], body["data"]["tags"]) == (4022, ["new"])


async def test_status_logs(api: Api) -> None:
    path = "evses/v2.0/9003/latest-hardware-status-log"
    assert (await api.get(path))["errorCode"] == "NoError"
    api.connector.set_fault("GroundFailure")
    log = await api.get(path)
    assert (log["status"], log["errorCode"], log["vendorErrorCode"]) == (
        "faulted",
        "GroundFailure",
        "E05",
    )
    log = await api.get("charge-points/v2.0/4022/latest-hardware-status-log")
    assert log["status"] == "faulted"
    point = await api.get("charge-points/v2.0/4022")
    assert (point["hardwareStatus"], point["vendorErrorCode"]) == ("faulted", "E05")


async def test_an_offline_station_is_shown_as_last_heard(api: Api) -> None:
    api.connector.plug_in(Car())
    api.connector.start()
    api.step(600)
    api.cloud.stations["CP-GN-002"].set_online(False)
    api.step(600)
    api.connector.unplug()
    session = await api.get("sessions/v1.0/120046")
    assert (session["status"], session["energy"]) == ("active", 1840)
    assert (await api.evse())["hardwareStatus"] == "charging"
    api.cloud.stations["CP-GN-002"].set_online(True)
    session = await api.get("sessions/v1.0/120046")
    assert (session["status"], session["reason"], session["energy"]) == (
        "finished",
        "evdisconnected",
        3680,
    )
    assert (await api.evse())["hardwareStatus"] == "available"


async def test_a_session_begun_while_nobody_could_hear(api: Api) -> None:
    station = api.cloud.stations["CP-GN-002"]
    station.set_online(False)
    station.auto_start = True
    api.connector.plug_in(Car())
    api.step(600)
    assert (await api.get("sessions/v1.0/120046"))["energy"] == 0
    station.set_online(True)
    assert (await api.get("sessions/v1.0/120046"))["energy"] == 1840


# Sessions


async def test_start_takes_a_moment(api: Api) -> None:
    api.connector.plug_in(Car(soc=0.5))
    answer = await api.post(START, {"userId": 771, "externalSessionId": "ha-1"})
    assert answer == {"success": True, "sessionId": 120046, "authorizationId": 98002}
    session = await api.get("sessions/v1.0/120046")
    assert (session["status"], session["idTag"]) == ("pending", "*0120046")
    api.step(3)
    session = await api.get("sessions/v1.0/120046")
    assert (session["status"], session["externalSessionId"]) == ("active", "ha-1")
    api.step(1800)
    session = await api.get("sessions/v1.0/120046")
    assert (session["energy"], session["powerKw"]) == (5523, 11.04)
    assert session["socPercent"] == 59
    assert session["totalAmount"] == {"withTax": 2.41, "withoutTax": 1.93}
    api.cloud.quirks["state_of_charge"] = False
    assert "socPercent" not in await api.get("sessions/v1.0/120046")


async def test_start_without_a_car_expires(api: Api) -> None:
    await api.post(START)
    assert (await api.evse())["hardwareStatus"] == "available"
    api.step(3)
    assert (await api.evse())["hardwareStatus"] == "preparing"
    api.step(61)
    session = await api.get("sessions/v1.0/120046")
    assert (session["status"], session["reason"]) == ("expired", "no_ev_connected")


@pytest.mark.parametrize(
    ("path", "evse"),
    [("start/9002", 9002), ("start/2", 9002), ("start", 9001)],
)
async def test_other_ways_to_start(api: Api, path: str, evse: int) -> None:
    answer = await api.post(f"actions/charge-point/v1.0/4021/{path}")
    assert (await api.get(f"sessions/v1.0/{answer['sessionId']}"))["evseId"] == evse


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"userId": "Kim"}, "userId"),
        ({"userId": 1}, "userId"),
        ({"bookingId": 1}, "bookingId"),
        ({"paymentMethodId": "card"}, "userId"),
        ({"chargingProfile": {}}, "chargingProfile.stackLevel"),
        ([], "body"),
    ],
)
async def test_starts_that_fail_validation(api: Api, body: Any, field: str) -> None:
    status, answer = await api.ask("POST", START, body)
    assert status == 422
    assert list(answer["errors"]) == [field]


async def test_starts_that_are_refused(api: Api) -> None:
    assert (await api.post(START, {"userId": 772}))["errorCode"] == "USER_IS_DISABLED"
    await api.post(START)
    assert (await api.post(START))["errorCode"] == "SESSION_EXISTS"
    api.cloud.quirks["start_error"] = "PAYMENT_NO_FUNDS"
    assert (await api.post(START))["message"] == "Payment no funds"
    api.cloud.quirks["start_error"] = None
    api.cloud.stations["CP-GN-002"].set_online(False)
    answer = await api.post(START)
    assert (answer["success"], answer["errorCode"]) == (False, "INTERNAL_ISSUE")
    api.step(3)
    session = await api.get("sessions/v1.0/120046")
    assert (session["status"], session["reason"]) == ("failed", "charge_point_timeout")


async def test_stop_takes_a_moment_and_force_does_not(api: Api) -> None:
    for force, reason in ((False, "remote"), (True, "force_stop")):
        api.connector.plug_in(Car())
        api.connector.start()
        session = (await api.get("sessions/v1.0?filter[status]=active"))[0]["id"]
        await api.post(f"{STATION}/stop/{session}", {"force": force})
        active = await api.get("sessions/v1.0?filter[status]=active")
        assert bool(active) is not force
        api.step(3)
        stopped = await api.get(f"sessions/v1.0/{session}")
        assert (stopped["status"], stopped["reason"]) == ("finished", reason)
        assert api.connector.state is State.FINISHING
        status, _ = await api.ask("POST", f"{STATION}/stop/{session}")
        assert status == 422
        path = f"{STATION}/stop/{session}"
        assert (await api.ask("POST", path, {"force": "yes"}))[0] == 422
        api.connector.unplug()


async def test_a_start_that_is_stopped_before_it_began(api: Api) -> None:
    api.connector.plug_in()
    await api.post(START)
    await api.post(f"{STATION}/stop/120046", {"force": True})
    api.step(3)
    session = await api.get("sessions/v1.0/120046")
    assert (session["status"], session["reason"]) == ("failed", "force_stop")
    assert api.connector.state is State.PREPARING


# Reservations


async def test_reservations(api: Api) -> None:
    status, _ = await api.ask("POST", STATION + "/reserve/9003", {})
    assert status == 422
    answer = await api.post(STATION + "/reserve/9003", {"userId": 771})
    assert answer == {"success": True, "reservationId": 2001}
    assert (await api.evse())["hardwareStatus"] == "reserved"
    assert len(await api.get("reservations/v1.0?filter[evseId]=9003")) == 1
    status, again = await api.ask("POST", STATION + "/reserve/9003", {"userId": 771})
    assert (status, again) == (406, {"message": "Occupied"})
    api.cloud.quirks["refusal_status"] = 202
    again = await api.post(STATION + "/reserve/9003", {"userId": 771})
    assert again == {"success": False, "message": "Occupied"}
    await api.post("actions/reservation/v1.0/2001/cancel")
    reservation = await api.get("reservations/v1.0/2001")
    assert (reservation["status"], reservation["duration"]) == ("canceled", 15)
    status, _ = await api.ask("POST", "actions/reservation/v1.0/2001/cancel")
    assert status == 422
    await api.post(STATION + "/reserve/9003", {"userId": 771})
    api.step(16 * 60)
    assert (await api.get("reservations/v1.0/2002"))["status"] == "expired"
    api.cloud.quirks["refuse"] = True
    answer = await api.post(STATION + "/reserve/9003", {"userId": 771})
    assert answer == {"success": False, "message": "Rejected"}


# The station's own controls


async def test_station_commands(api: Api) -> None:
    assert await api.post(STATION + "/unlock/9003") == {"success": True}
    assert await api.post(STATION + "/trigger-message", {"type": "Heartbeat"}) is None
    path = "actions/evse/v1.0/9003/trigger-message"
    assert (await api.ask("POST", path, {"type": "Dance"}))[0] == 422
    assert await api.post(STATION + "/reset/hard") == {"success": True}
    api.cloud.world.settle()
    assert not api.cloud.stations["CP-GN-002"].online
    refused = {"success": False, "message": "Offline"}
    assert await api.post(STATION + "/reset/soft") == refused
    api.step(10)
    api.cloud.quirks["refuse"] = True
    assert (await api.post(STATION + "/reset/soft"))["success"] is False


async def test_availability(api: Api) -> None:
    path = "actions/charge-point/v1.0/4021/change-availability"
    await api.post(path, {"type": "Inoperative", "evseNetworkId": 2})
    words = [(await api.evse(key))["hardwareStatus"] for key in (9001, 9002)]
    assert words == ["available", "unavailable"]
    await api.post(path, {"type": "Inoperative"})
    assert (await api.get("charge-points/v2.0/4021"))["hardwareStatus"] == "unavailable"
    assert (await api.ask("POST", path, {"type": "Off"}))[0] == 422
    body = {"type": "Operative", "evseNetworkId": 9}
    assert (await api.ask("POST", path, body))[0] == 422
    api.cloud.stations["CP-GN-001"].set_online(False)
    assert (await api.ask("POST", path, {"type": "Operative"}))[0] == 406
    assert not api.cloud.stations["CP-GN-001"].connectors[0].operative


# Charging profiles


def profile(limit: float = 10, **parts: Any) -> dict[str, Any]:
    """Return a charging profile."""
    schedule = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
    } | parts.pop("schedule", {})
    return {
        "stackLevel": 1,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    } | parts


async def charging(api: Api) -> None:
    """Begin a session with a car that stays hungry for days."""
    api.connector.plug_in(Car(capacity_wh=1e9, max_current=32))
    api.connector.start()


async def test_profiles_shape_what_is_offered(api: Api) -> None:
    await charging(api)
    path = STATION + "/set-charging-profile"
    assert await api.post(f"{path}/1", profile(10)) == {"data": {"id": 5501}}
    assert api.connector.offered_current == 10
    await api.post(f"{path}/1", profile(12, stackLevel=2))
    assert api.connector.offered_current == 12
    await api.post(f"{path}/1", profile(20, chargingProfilePurpose="TxProfile"))
    assert api.connector.offered_current == 20
    most = profile(8, chargingProfilePurpose="ChargePointMaxProfile")
    assert (await api.ask("POST", f"{path}/1", most))[0] == 422
    await api.post(f"{path}/0", most)
    assert api.connector.offered_current == 8
    assert (await api.evse())["chargingProfile"]["purpose"] == "TxProfile"
    clear = STATION + "/clear-charging-profile"
    await api.post(clear)
    assert api.connector.offered_current == 20
    await api.post(clear, {"chargingProfilePurpose": "TxProfile"})
    assert api.connector.offered_current == 12
    await api.post(clear, {"evseNetworkId": "1", "stackLevel": 2})
    assert api.connector.offered_current == 10
    await api.post(clear, {"id": 5501})
    assert api.connector.offered_current == 32
    await api.post(clear, {"id": 5501})
    assert (await api.ask("POST", clear, {"evseNetworkId": 1}))[0] == 422
    await api.post(f"{path}/0", profile(14))
    assert api.connector.offered_current == 14


async def test_a_profile_of_a_session_goes_with_it(api: Api) -> None:
    await charging(api)
    path = STATION + "/set-charging-profile/1"
    await api.post(path, profile(9, chargingProfilePurpose="TxProfile"))
    api.connector.stop("Local")
    assert (await api.evse())["chargingProfile"] is None
    api.connector.start()
    assert api.connector.offered_current == 32


async def test_profiles_in_watts(api: Api) -> None:
    await charging(api)
    await api.post(
        STATION + "/set-charging-profile/1",
        profile(6900, schedule={"chargingRateUnit": "W"}),
    )
    assert api.connector.offered_current == pytest.approx(10)


async def test_relative_schedules_run_from_the_start_of_the_session(api: Api) -> None:
    await charging(api)
    periods = [{"startPeriod": 0, "limit": 16}, {"startPeriod": 600, "limit": 8}]
    schedule = {"chargingSchedulePeriod": periods, "duration": 1200}
    await api.post(STATION + "/set-charging-profile/1", profile(schedule=schedule))
    offered = []
    for _ in range(3):
        offered.append(api.connector.offered_current)
        api.step(601)
    assert offered == [16, 8, 32]


async def test_absolute_schedules_and_validity(api: Api) -> None:
    await charging(api)
    now = api.cloud.world.now
    schedule = {"startSchedule": (now + timedelta(seconds=60)).isoformat()}
    body = profile(
        7,
        chargingProfileKind="Absolute",
        validFrom=(now + timedelta(seconds=30)).isoformat(),
        validTo=(now + timedelta(seconds=120)).isoformat(),
        schedule=schedule,
    )
    await api.post(STATION + "/set-charging-profile/1", body)
    offered = []
    for seconds in (31, 30, 0, 60):
        api.step(seconds)
        offered.append(api.connector.offered_current)
    assert offered == [32, 7, 7, 7]
    await api.post(STATION + "/set-charging-profile/1", body)
    assert api.connector.offered_current == 32


async def test_an_absolute_schedule_without_a_zone_is_in_utc(api: Api) -> None:
    await charging(api)
    now = api.cloud.world.now.replace(tzinfo=None)
    schedule = {"startSchedule": now.isoformat()}
    body = profile(7, chargingProfileKind="Absolute", schedule=schedule)
    await api.post(STATION + "/set-charging-profile/1", body)
    api.step(1)
    assert api.connector.offered_current == 7
    body = profile(9, chargingProfileKind="Absolute")
    await api.post(STATION + "/set-charging-profile/1", body)
    assert api.connector.offered_current == 9


async def test_recurring_schedules(api: Api) -> None:
    await charging(api)
    start = api.cloud.world.now - timedelta(days=3)
    body = profile(
        6,
        chargingProfileKind="Recurring",
        recurrencyKind="Daily",
        schedule={"startSchedule": start.isoformat(), "duration": 3600},
    )
    await api.post(STATION + "/set-charging-profile/1", body)
    offered = []
    for seconds in (1, 3600, 82_800, 3600):
        api.step(seconds)
        offered.append(api.connector.offered_current)
    assert offered == [6, 32, 6, 32]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"stackLevel": None}, "stackLevel"),
        ({"stackLevel": "1"}, "stackLevel"),
        ({"chargingProfilePurpose": "X"}, "chargingProfilePurpose"),
        ({"chargingProfileKind": None}, "chargingProfileKind"),
        ({"chargingProfileKind": "Recurring"}, "recurrencyKind"),
        ({"chargingSchedule": None}, "chargingSchedule"),
        ({"validTo": "soon"}, "validTo"),
        ({"schedule": {"startSchedule": "soon"}}, "chargingSchedule.startSchedule"),
        ({"schedule": {"duration": "long"}}, "chargingSchedule.duration"),
        (
            {"schedule": {"chargingRateUnit": "kW"}},
            "chargingSchedule.chargingRateUnit",
        ),
        (
            {"schedule": {"chargingSchedulePeriod": []}},
            "chargingSchedule.chargingSchedulePeriod",
        ),
        (
            {"schedule": {"chargingSchedulePeriod": [5]}},
            "chargingSchedule.chargingSchedulePeriod.0",
        ),
        (
            {"schedule": {"chargingSchedulePeriod": [{"startPeriod": 5, "limit": 6}]}},
            "chargingSchedule.chargingSchedulePeriod.0.startPeriod",
        ),
    ],
)
async def test_profiles_that_cannot_be(
    api: Api, change: dict[str, Any], field: str
) -> None:
    body = profile() | {k: v for k, v in change.items() if k != "schedule"}
    if body["chargingSchedule"]:
        body["chargingSchedule"] |= change.get("schedule", {})
    path = STATION + "/set-charging-profile/1"
    status, answer = await api.ask("POST", path, body)
    assert status == 422
    assert list(answer["errors"]) == [field]


async def test_profiles_offline(api: Api) -> None:
    api.cloud.stations["CP-GN-002"].set_online(False)
    for action, body in (
        ("set-charging-profile/1", profile()),
        ("clear-charging-profile", None),
        ("trigger-message", {"type": "Heartbeat"}),
    ):
        answer = await api.ask("POST", f"{STATION}/{action}", body)
        assert answer == (406, {"message": "Offline"})


async def test_a_removed_station_leaves_nothing_behind(api: Api) -> None:
    await charging(api)
    periods = [{"startPeriod": 0, "limit": 16}, {"startPeriod": 600, "limit": 8}]
    body = profile(schedule={"chargingSchedulePeriod": periods})
    await api.post(STATION + "/set-charging-profile/1", body)
    api.cloud.remove(api.cloud.stations["CP-GN-002"])
    api.step(700)
    assert len(await api.get("charge-points/v2.0")) == 2


# Smart charging and circuits

SMART = {
    "mode": "dynamic",
    "defaultChargePointMaxCurrent": 11,
    "maxVoltage": "400",
    "phases": "three_phase",
    "phaseRotation": "RST",
}


async def test_smart_charging(api: Api) -> None:
    await charging(api)
    path = "resources/charge-points/v2.0/4022/smart-charging"
    answer = await api.post(path, SMART)
    assert answer["data"]["circuitId"] == 77
    assert api.connector.offered_current == 11
    await api.post(path, {"mode": "disabled"})
    assert api.connector.offered_current == 32


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"mode": "wild"}, "mode"),
        ({"phases": None}, "phases"),
        ({"maxVoltage": 400}, "maxVoltage"),
        ({"mode": "user_schedule"}, "minCurrent"),
        ({"circuitId": 77}, "circuitId"),
        ({"defaultChargePointMaxCurrent": "x"}, "defaultChargePointMaxCurrent"),
    ],
)
async def test_smart_charging_that_cannot_be(
    api: Api, change: dict[str, Any], field: str
) -> None:
    path = "resources/charge-points/v2.0/4022/smart-charging"
    status, body = await api.ask("POST", path, SMART | change)
    assert status == 422
    assert list(body["errors"]) == [field]


async def test_circuits_share_their_current(api: Api) -> None:
    path = "resources/circuits/v2.0/77"
    status, body = await api.ask("PATCH", path, {"maxCurrent": 20, "name": "Main"})
    assert (status, body["data"]["maxCurrent"], body["data"]["name"]) == (
        200,
        20,
        "Main",
    )
    assert (await api.ask("PATCH", path, {"maxCurrent": "x"}))[0] == 422
    await charging(api)
    assert api.connector.offered_current == 20
    other = api.cloud.stations["CP-GN-001"].connectors[0]
    other.plug_in(Car(max_current=32))
    other.start()
    assert (api.connector.offered_current, other.offered_current) == (10, 10)
    drawn = await api.get("circuits/v2.0/77/consumption")
    assert [(phase["phase"], phase["consumption"]) for phase in drawn] == [
        ("L1", 20.0),
        ("L2", 20.0),
        ("L3", 20.0),
    ]
    other.unplug()
    assert api.connector.offered_current == 20


# Plain records


async def test_records_are_created_changed_and_deleted(api: Api) -> None:
    path = "resources/partners/v2.0"
    assert (await api.ask("POST", path, {}))[0] == 422
    status, body = await api.ask("POST", path, {"id": 1, "name": "New"})
    assert (status, body["data"]["id"]) == (201, 13)
    status, body = await api.ask("PATCH", f"{path}/13", {"city": "Oslo"})
    assert (status, body["data"]["name"], body["data"]["city"]) == (200, "New", "Oslo")
    assert (await api.ask("PATCH", f"{path}/13", {"name": ""}))[0] == 422
    assert (await api.ask("DELETE", f"{path}/13"))[0] == 204
    assert (await api.ask("GET", f"{path}/13"))[0] == 404


async def test_records_that_are_replaced(api: Api) -> None:
    path = "resources/tariffs/v1.0/55"
    assert (await api.ask("PATCH", path, {}))[0] == 405
    _, body = await api.ask("PUT", path, {"name": "Free", "type": "free"})
    assert (body["data"]["id"], body["data"]["type"]) == (55, "free")


async def test_records_know_their_words(api: Api) -> None:
    body = {"totalAmount": 1, "status": "lost"}
    status, answer = await api.ask("POST", "resources/transactions/v1.0", body)
    assert status == 422
    assert list(answer["errors"]) == ["status"]


async def test_price_periods(api: Api) -> None:
    path = "electricity-rates/v2.0/17/price-periods"
    periods = [{"startsAt": "00:00", "endsAt": "00:00", "price": 0.4}]
    for part in ("week-day/mon", "date/2026-05-04"):
        body = {"periods": periods}
        assert (await api.ask("PUT", f"resources/{path}/{part}", body))[0] == 200
    found = await api.get(path)
    assert [day.get("weekDay", day.get("date")) for day in found] == [
        "any",
        "mon",
        "2026-05-04",
    ]
    assert (await api.ask("PUT", f"resources/{path}/date/x", {}))[0] == 422
    assert (await api.ask("DELETE", f"resources/{path}/week-day/mon"))[0] == 204
    assert len(await api.get(path)) == 2


async def test_settings(api: Api) -> None:
    settings = await api.get("settings/v1.0")
    assert settings["baseCurrency"] == {"id": 1}
    currency = await api.ask("GET", "resources/currencies/v2.0/1")
    assert currency[1]["alphabeticCode"] == "EUR"
    assert settings["reservations"]["reservationTime"] == 15


async def test_other_clouds_leave_this_one_alone(api: Api) -> None:
    stranger = api.cloud.world.add(Station("STRANGER", "Elsewhere"))
    stranger.connectors[0].plug_in()
    stranger.connectors[0].start()
    stranger.set_online(False)
    assert len(api.cloud.tenant.sessions) == 1


async def test_a_body_that_is_not_json(api: Api) -> None:
    url = f"{api.cloud.base_url}/public-api/{START}"
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    async with api.session.post(url, data="{", headers=headers) as response:
        assert response.status == 422


# Configuration


async def test_configuration_is_told_and_set(api: Api) -> None:
    path = "charge-points/v2.0/4022/configurations"
    names = [item["key"]["name"] for item in await api.get(path)]
    assert "HeartbeatInterval" in names
    newer = "actions/charge-point/v2.0/4022/set-configuration"
    body = {"name": "HeartbeatInterval", "value": "20"}
    assert await api.post(newer, body) is None
    assert (await api.get(f"{path}/HeartbeatInterval"))["key"]["value"] == "20"
    assert (await api.get(f"{path}/NumberOfConnectors"))["readonly"] is True
    assert (await api.ask("GET", f"resources/{path}/Nothing"))[0] == 404
    refused = {"name": "NumberOfConnectors", "value": "2"}
    assert await api.ask("POST", newer, refused) == (406, {"message": "Rejected"})
    for wrong in ({"name": "x"}, {"name": "x", "value": 1}, body | {"instance": 1}):
        assert (await api.ask("POST", newer, wrong))[0] == 422
    api.cloud.stations["CP-GN-002"].set_online(False)
    assert (await api.ask("POST", newer, body))[0] == 406


async def test_configuration_is_synchronised_a_moment_later(api: Api) -> None:
    point = next(p for p in api.cloud.tenant.charge_points.values() if p.id == 4022)
    sync = STATION + "/sync-configuration"
    variable = next(v for v in point.configuration if v.name == "HeartbeatInterval")
    point.configuration[variable] = "30"
    answers = [await api.post(sync), await api.post(sync, {"keys": ["Nothing"]})]
    assert answers == [
        {"success": True, "requestId": 7001},
        {"success": True, "requestId": 7002},
    ]
    assert point.reported[variable][0] == "300"
    api.step(3)
    assert point.reported[variable][0] == "30"
    assert (await api.ask("POST", sync, {"keys": [1]}))[0] == 422
    api.cloud.stations["CP-GN-002"].set_online(False)
    assert await api.ask("POST", sync) == (406, {"message": "Offline"})


# Drivers

USER = "actions/users/v1.0/771"


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("change-status", {"status": "enabled"}, "reason"),
        ("change-status", {"status": "asleep", "reason": "x"}, "status"),
        ("change-status", {"status": 1, "reason": "x"}, "status"),
        ("activate-subscription", {}, "planId"),
        ("activate-subscription", {"planId": "3"}, "planId"),
        ("activate-subscription", {"planId": 3, "endDate": "soon"}, "endDate"),
        (
            "activate-subscription",
            {"planId": 3, "endDate": "2020-01-01T00:00:00Z"},
            "endDate",
        ),
        ("activate-subscription", {"planId": 3, "autoRenewal": 1}, "autoRenewal"),
        ("cancel-subscription", {}, "reason"),
        ("add-balance", {"reason": "x"}, "amount"),
        ("add-balance", {"amount": True, "reason": "x"}, "amount"),
        ("add-balance", {"amount": 1}, "reason"),
        ("apply-custom-fee", {"amount": 1}, "description"),
        ("apply-custom-fee", {"amount": 26, "description": "x"}, "amount"),
    ],
)
async def test_user_actions_that_cannot_be(
    api: Api, action: str, body: dict[str, Any], field: str
) -> None:
    before = await api.get("users/v1.1/771")
    status, answer = await api.ask("POST", f"{USER}/{action}", body)
    assert (status, list(answer["errors"])) == (422, [field])
    assert await api.get("users/v1.1/771") == before


async def test_user_actions_on_nobody(api: Api) -> None:
    for user in ("1", "kim"):
        path = f"actions/users/v1.0/{user}/add-balance"
        assert (await api.ask("POST", path, {"amount": 1, "reason": "x"}))[0] == 404
    status, _ = await api.ask(
        "POST", f"{USER}/add-balance", {"amount": 1, "reason": "x"}, PARTNER
    )
    assert status == 403


async def test_a_new_subscription_replaces_the_one_before_and_expires(api: Api) -> None:
    assert await api.post(f"{USER}/activate-subscription", {"planId": 3}) is None
    shown = await api.get("subscriptions/v1.0?filter[userId]=771&cursor=null")
    assert [(s["id"], s["status"]) for s in shown] == [
        (410, "canceled"),
        (411, "active"),
    ]
    assert (await api.get("users/v1.1/771"))["subscriptionId"] == 411
    api.step(31 * 86_400)
    assert (await api.get("subscriptions/v1.0/411"))["status"] == "expired"
    assert (await api.get("users/v1.1/771"))["subscriptionId"] is None


async def test_a_subscription_that_was_cancelled_does_not_expire(api: Api) -> None:
    await api.post(f"{USER}/activate-subscription", {"planId": 3})
    await api.post(f"{USER}/cancel-subscription", {"reason": "x"})
    api.step(31 * 86_400)
    assert (await api.get("subscriptions/v1.0/411"))["status"] == "canceled"
    status, _ = await api.ask("POST", f"{USER}/cancel-subscription", {"reason": "x"})
    assert status == 422


async def test_a_disabled_driver_cannot_start(api: Api) -> None:
    await api.post(f"{USER}/change-status", {"status": "disabled", "reason": "x"})
    answer = await api.post(START, {"userId": 771})
    assert answer["errorCode"] == "USER_IS_DISABLED"


async def test_fees_leave_a_transaction_and_vouchers_work_once(api: Api) -> None:
    fee = {"amount": 5, "description": "Lost card", "paymentMethodId": "pm1"}
    assert await api.post(f"{USER}/apply-custom-fee", fee) is None
    fee["paymentMethodId"] = ""
    await api.post(f"{USER}/apply-custom-fee", fee)
    assert (await api.get("users/v1.1/771"))["balance"] == 20.5
    paid = await api.get("transactions/v1.0?filter[userId]=771&cursor=null")
    assert [(t["purchaseResourceType"], t["paymentMethod"]) for t in paid[1:]] == [
        ("custom_fee", "card"),
        ("custom_fee", "balance"),
    ]
    redeem = "actions/users/v2.0/771/redeem-voucher"
    assert await api.post(redeem, {"code": "WELCOME-10"}) is None
    assert (await api.get("users/v1.1/771"))["balance"] == 30.5
    assert (await api.get("vouchers/v2.1/901"))["redeemedByUserId"] == 771
    assert (await api.ask("POST", redeem, {"code": "WELCOME-10"}))[0] == 422


async def test_a_profile_for_a_while_lapses_in_the_station(api: Api) -> None:
    now = api.cloud.world.now
    body = profile(
        9,
        chargingProfileKind="Absolute",
        schedule={"startSchedule": now.isoformat(), "duration": 600},
    )
    await api.post(STATION + "/set-charging-profile/1", body)
    await charging(api)
    offered = []
    for seconds in (599, 2):
        api.step(seconds)
        offered.append(api.connector.offered_current)
    assert offered == [9, 32]
    assert (await api.evse())["chargingProfile"]["duration"] == 600


NOTIFICATIONS = "notifications/v2.0"


async def test_subscriptions(api: Api) -> None:
    """They are made, shown, sent again to, and ended, as the API says."""
    wanted = {
        "via": "webhook",
        "notifications": ["BootNotification"],
        "webhook": {"callbackUrl": "http://127.0.0.1:9/hook"},
    }
    made = await api.ask("POST", NOTIFICATIONS, wanted)
    assert made[0] == 201
    key = made[1]["data"]["id"]
    status, shown = await api.ask("GET", f"{NOTIFICATIONS}/{key}")
    assert (status, shown["data"]) == (200, made[1]["data"])
    resend = f"actions/notifications/v1.0/{key}/resend"
    assert (await api.ask("POST", resend, {}))[0] == 422
    body = {"notifications": ["BootNotification"]}
    assert (await api.ask("POST", resend, body))[0] in (202, 409)
    assert (await api.ask("POST", resend, body))[0] == 409
    assert (await api.ask("DELETE", f"{NOTIFICATIONS}/{key}"))[0] == 204
    assert (await api.ask("DELETE", f"{NOTIFICATIONS}/{key}"))[0] == 404
    assert (await api.ask("GET", f"{NOTIFICATIONS}/word"))[0] == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"via": "pigeon"},
        {"webhook": None},
        {"webhook": {"callbackUrl": "nowhere"}},
        {"notifications": []},
        {"notifications": ["SomethingNew"]},
    ],
)
async def test_subscriptions_are_checked(api: Api, changes: dict[str, Any]) -> None:
    """What cannot be called, or is no kind, is refused."""
    wanted = {
        "via": "webhook",
        "notifications": ["BootNotification"],
        "webhook": {"callbackUrl": "http://127.0.0.1:9/hook"},
    }
    assert (await api.ask("POST", NOTIFICATIONS, wanted | changes))[0] == 422
