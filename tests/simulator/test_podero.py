"""The simulated Podero, as anybody with an HTTP client meets it."""

from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import timedelta
import json
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
import pytest

from simulator.clouds.podero import Podero
from simulator.clouds.podero.cloud import API, CARPORT, GARAGE, NEIGHBOUR, ORG, OWNER
from simulator.clouds.podero.wallbox import Wallbox
from simulator.server import Simulator
from simulator.world import Car

FIXTURES = Path(__file__).parents[1] / "fixtures" / "podero"
BASIC = f"Basic {b64encode(b'demo-client:demo-secret').decode()}"
GRANT = {"grant_type": "client_credentials"}
NOBODY = "00000000-0000-4000-8000-000000000000"

type Answer = tuple[int, Any]


def payload(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


@dataclass
class Client:
    """What a plain client sees."""

    simulator: Simulator
    session: ClientSession
    token: str = ""

    @property
    def cloud(self) -> Podero:
        cloud = self.simulator["podero"]
        assert isinstance(cloud, Podero)
        return cloud

    @property
    def garage(self) -> Wallbox:
        return self.cloud.wallboxes[GARAGE]

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Answer:
        url = path if "://" in path else self.simulator.base_url("podero") + path
        headers = {"Authorization": f"Bearer {self.token}"} | dict(headers or {})
        async with self.session.request(
            method, url, headers=headers, **options
        ) as response:
            text = await response.text()
            is_json = response.content_type == "application/json"
            return response.status, json.loads(text) if is_json and text else text

    async def user(self, method: str, path: str = "", **options: Any) -> Answer:
        return await self.ask(method, f"{API}/org/{ORG}/users/{OWNER}{path}", **options)

    async def box(self, method: str, path: str = "", **options: Any) -> Answer:
        return await self.user(method, f"/wallboxes/{GARAGE}{path}", **options)

    async def put(self, **changes: Any) -> dict[str, Any]:
        status, document = await self.box("PUT", json=changes)
        assert status == 200
        assert isinstance(document, dict)
        return document

    async def control(self, **operation: Any) -> Answer:
        url = f"{self.simulator.url}/control/clouds/podero"
        return await self.ask("POST", url, json=operation)

    def step(self, seconds: float) -> None:
        self.simulator.world.clock.step(seconds)
        self.simulator.world.settle()


@pytest.fixture
async def client(session: ClientSession) -> AsyncGenerator[Client]:
    async with Simulator([Podero]) as simulator:
        client = Client(simulator, session)
        _, answer = await client.ask(
            "POST", "/oauth2/token/", headers={"Authorization": BASIC}, json=GRANT
        )
        client.token = answer["access_token"]
        yield client


# Tokens


async def test_a_token_is_answered_as_documented(client: Client) -> None:
    for body in ({"json": GRANT}, {"data": GRANT}):
        status, answer = await client.ask(
            "POST", "/oauth2/token/", headers={"Authorization": BASIC}, **body
        )
        assert status == 200
        assert answer.keys() == payload("token").keys()
        assert answer["expires_in"] == 36_000
        assert answer["scope"] == "read write"


@pytest.mark.parametrize(
    ("header", "options", "answer"),
    [
        (BASIC, {"json": {"grant_type": "password"}}, (400, "unsupported_grant_type")),
        (BASIC, {"json": ["?"]}, (400, "unsupported_grant_type")),
        (BASIC, {"data": "grant_type=password"}, (400, "unsupported_grant_type")),
        ("Basic ???", {"json": GRANT}, (401, "invalid_client")),
        (BASIC.replace("Basic", "Bearer"), {"json": GRANT}, (401, "invalid_client")),
        (
            "",
            {"json": GRANT | {"client_id": "demo-client", "client_secret": "x"}},
            (401, "invalid_client"),
        ),
    ],
)
async def test_a_token_is_refused(
    client: Client, header: str, options: dict[str, Any], answer: tuple[int, str]
) -> None:
    status, body = await client.ask(
        "POST", "/oauth2/token/", headers={"Authorization": header}, **options
    )
    assert (status, body["error"]) == answer


async def test_a_token_request_that_is_no_json_is_refused(client: Client) -> None:
    headers = {"Authorization": BASIC, "Content-Type": "application/json"}
    status, _ = await client.ask("POST", "/oauth2/token/", headers=headers, data="{")
    assert status == 400


async def test_tokens_expire_and_old_ones_stay_good(client: Client) -> None:
    client.step(35_000)
    await client.ask(
        "POST", "/oauth2/token/", headers={"Authorization": BASIC}, json=GRANT
    )
    assert (await client.box("GET"))[0] == 200
    client.step(1_001)
    assert await client.box("GET") == (401, {"detail": "Unauthorized"})


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Token simTok3n"])
async def test_without_a_token_nothing_is_told(client: Client, header: str) -> None:
    answer = await client.box("GET", headers={"Authorization": header})
    assert answer == (401, {"detail": "Unauthorized"})


# Paths


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/org/{NOBODY}/users", 404),
        ("GET", f"/org/{ORG}/users/{NOBODY}", 404),
        ("GET", f"/org/{ORG}/users/{NOBODY}/wallboxes", 404),
        ("GET", f"/org/{ORG}/users/{NEIGHBOUR}/wallboxes/{GARAGE}", 404),
        ("GET", f"/org/{ORG}/users/{OWNER}/wallboxes/{NOBODY}", 404),
        ("GET", f"/org/{ORG}/users/{OWNER}/wallboxes/", 404),
        ("GET", f"/org/{ORG}/users/{OWNER}/wallboxes/{GARAGE}/", 404),
        ("GET", f"/org/{ORG}/users/{OWNER}/wallboxes/{GARAGE}/savings", 404),
        ("GET", f"/org/{ORG}/users/{OWNER}/wallboxes/garage", 422),
        ("POST", f"/org/{ORG}/users/{OWNER}/wallboxes", 405),
        ("DELETE", f"/org/{ORG}/users/{OWNER}/wallboxes/{GARAGE}", 405),
        ("PATCH", f"/org/{ORG}/users/{OWNER}/wallboxes/{GARAGE}", 405),
    ],
)
async def test_what_is_not_there(
    client: Client, method: str, path: str, status: int
) -> None:
    found, body = await client.ask(method, API + path)
    assert found == status
    assert "detail" in body


async def test_the_token_path_needs_its_slash(client: Client) -> None:
    status, _ = await client.ask(
        "POST", "/oauth2/token", headers={"Authorization": BASIC}, json=GRANT
    )
    assert status == 404


async def test_users_are_listed_as_documented(client: Client) -> None:
    _, users = await client.ask("GET", f"{API}/org/{ORG}/users")
    assert [user["id"] for user in users] == [OWNER, NEIGHBOUR]
    assert users[0] == payload("user")
    assert await client.user("GET") == (200, users[0])
    path = f"{API}/org/{ORG}/users/{NEIGHBOUR}/wallboxes"
    assert await client.ask("GET", path) == (200, [])


# The schema


async def test_the_first_schema_is_exactly_the_published_one(client: Client) -> None:
    published = payload("wallbox_reference")
    _, boxes = await client.user("GET", "/wallboxes")
    assert [box["id"] for box in boxes] == [GARAGE, CARPORT]
    for box in boxes:
        assert box.keys() == published.keys()
        assert box["owner"].keys() == published["owner"].keys()
        assert box["device_model"].keys() == published["device_model"].keys()
    assert await client.box("GET") == (200, boxes[0])


async def test_the_second_wallbox_has_null_wherever_it_may(client: Client) -> None:
    _, (_, bare) = await client.user("GET", "/wallboxes")
    nullable = set(bare) - {
        "connection_status",
        "monitoring_status",
        "steering_status",
        "device_model",
        "owner",
        "created_at",
        "updated_at",
        "price_zone",
        "id",
        "is_pause_power_active",
        "is_smart_optimization_active",
        "is_inverter_forced_mode_enabled",
        "is_inverter_forced_mode_active",
        "is_forecasting_enabled",
        "is_trading_enabled",
        "actual_steering_state",
        "charge_power_max_w",
    }
    assert {key: bare[key] for key in nullable} == dict.fromkeys(nullable)


async def test_the_newer_schema_adds_and_drops(client: Client) -> None:
    client.cloud.quirks["profile"] = "newer"
    added = set(payload("wallbox_later"))
    published = set(payload("wallbox_reference")) - {"is_forecasting_enabled"}
    _, (listed, bare) = await client.user("GET", "/wallboxes")
    assert set(listed) == published | added - {"actions"}
    assert (bare["mode"], bare["connection"]) == ("UNAVAILABLE", "never_connected")
    _, detail = await client.box("GET")
    assert set(detail) == published | added
    assert detail["actions"] == []


async def test_modes_and_presence_follow_the_charger(client: Client) -> None:
    client.cloud.quirks["profile"] = "newer"
    garage = client.garage

    async def words() -> tuple[str, str, str]:
        _, box = await client.box("GET")
        return box["mode"], box["connection"], box["boost_state"]

    assert await words() == ("READY", "online", "unavailable")
    garage.connector.plug_in()
    assert await words() == ("CHARGING", "online", "unavailable")
    await client.control(wallbox=GARAGE, hold=True)
    assert await words() == ("PLUGGED_IN", "online", "available")
    garage.station.set_online(False)
    assert await words() == ("PLUGGED_IN", "offline", "available")
    client.cloud.wallboxes[CARPORT].link(False)
    carport = client.cloud.wallboxes[CARPORT]
    carport.authenticated = True
    carport.station.set_online(False)
    assert carport.mode == "UNKNOWN"


async def test_an_unlinked_wallbox_keeps_telling_old_news(client: Client) -> None:
    client.cloud.quirks["profile"] = "newer"
    await client.control(wallbox=GARAGE, link=False)
    client.garage.connector.plug_in()
    _, box = await client.box("GET")
    assert box["is_plugged_in"] is False
    assert box["is_authenticated"] is False
    assert box["action_needed"] is True
    assert [action["code"] for action in box["actions"]] == ["reauthenticate"]


async def test_fields_can_be_made_to_drift(client: Client) -> None:
    client.cloud.quirks["missing"] = ["comment"]
    client.cloud.quirks["fields"] = {"connection_status": "dancing"}
    _, box = await client.box("GET")
    assert "comment" not in box
    assert box["connection_status"] == "dancing"


async def test_a_deleted_wallbox_is_shown_on_request_only(client: Client) -> None:
    await client.control(wallbox=GARAGE, delete=True)
    assert (await client.box("GET"))[0] == 404
    _, boxes = await client.user("GET", "/wallboxes")
    assert [box["id"] for box in boxes] == [CARPORT]
    query = {"include_deleted": "true"}
    assert (await client.box("GET", params=query))[0] == 200
    assert len((await client.user("GET", "/wallboxes", params=query))[1]) == 2
    await client.control(wallbox=GARAGE, delete=False)
    assert (await client.box("GET"))[0] == 200


async def test_consumption_is_a_sliding_window(client: Client) -> None:
    week, month = "consumption_last_week_kwh", "consumption_last_month_kwh"
    box = client.garage.document()
    assert (box[week], box[month]) == (31.3, 55.6)
    client.step(10 * 86_400)
    box = client.garage.document()
    assert (box[week], box[month]) == (0, 55.6)


async def test_the_time_left_runs_down(client: Client) -> None:
    client.garage.connector.plug_in(Car(capacity_wh=22_000, soc=0.5))
    assert (await client.box("GET"))[1]["charge_time_remaining"] == 3600
    client.step(1800)
    _, box = await client.box("GET")
    assert box["charge_time_remaining"] == pytest.approx(1800, abs=2)
    client.garage.connector.unplug()
    assert (await client.box("GET"))[1]["charge_time_remaining"] == 0


# Settings


@pytest.mark.parametrize(
    "changes",
    [
        {"charge_target_min": 101},
        {"charge_target_min": -1},
        {"charge_target_min": "50"},
        {"charge_target_min": True},
        {"charge_target_min": 81},
        {"charge_target_max": 49},
        {"minimum_charge_limit": 100.5},
        {"charge_power_max_w": -1},
        {"charge_power_max_w": None},
        {"is_over_charge_allowed": None},
        {"is_over_charge_allowed": "yes"},
        {"charge_deadline_at": "06:30"},
        {"charge_deadline_at": 5},
        {"pause_power_until": "soon"},
    ],
)
async def test_bad_settings_are_refused(
    client: Client, changes: dict[str, object]
) -> None:
    before = dict(client.garage.settings)
    status, body = await client.box("PUT", json=changes)
    assert status == 422
    (problem,) = body["detail"]
    assert problem.keys() == {"type", "loc", "msg"}
    assert problem["loc"][:2] == ["body", "payload"]
    assert client.garage.settings == before


@pytest.mark.parametrize("text", ["", "[]", "{"])
async def test_a_body_that_is_no_object_is_refused(client: Client, text: str) -> None:
    assert (await client.box("PUT", data=text))[0] == 422


async def test_unknown_and_read_only_keys_are_passed_by(client: Client) -> None:
    box = await client.put(is_charging=True, dancing=1, charge_target_min=None)
    assert box["is_charging"] is False
    assert box["charge_target_min"] is None
    assert "dancing" not in box


async def test_stamps_follow_what_changed(client: Client) -> None:
    _, before = await client.box("GET")
    client.step(10)
    box = await client.put(charge_target_max=90)
    assert box["updated_at"] > before["updated_at"]
    assert box["charge_policy_last_updated_at"] is None
    assert box["charge_state_last_updated_at"] == before["charge_state_last_updated_at"]
    box = await client.put(is_charge_policy_enabled=True)
    assert box["charge_policy_last_updated_at"] == box["updated_at"]
    client.step(10)
    client.garage.connector.plug_in()
    _, box = await client.box("GET")
    assert box["charge_state_last_updated_at"] > before["charge_state_last_updated_at"]


async def test_an_ignored_write_is_not_echoed(client: Client) -> None:
    client.cloud.quirks["ignored_writes"] = ["charge_target_max"]
    box = await client.put(charge_target_max=90, charge_target_min=40)
    assert (box["charge_target_max"], box["charge_target_min"]) == (80, 40)


async def test_the_power_limit_holds(client: Client) -> None:
    client.garage.connector.plug_in()
    assert (await client.put(charge_power_max_w=6900))["charge_rate_w"] == 6900
    assert (await client.put(charge_power_max_w=0))["is_charging"] is False


async def test_optimisation_holds_back_while_it_is_on(client: Client) -> None:
    client.garage.connector.plug_in()
    client.garage.hold(True)
    assert (await client.box("GET"))[1]["is_charging"] is False
    box = await client.put(is_smart_optimization_active=False)
    assert box["is_charging"] is True


def _times(box: dict[str, Any]) -> tuple[object, object, object]:
    keys = ("is_pause_power_active", "pause_power_until", "is_charging")
    active, until, charging = (box[key] for key in keys)
    return active, until, charging


async def test_the_two_fields_of_a_pause(client: Client) -> None:
    client.garage.connector.plug_in()
    now = client.simulator.world.now.replace(microsecond=0)
    future = (now + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    past = (now - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    put = client.put
    assert _times(await put(pause_power_until=future)) == (True, future, False)
    assert _times(await put(pause_power_until=None)) == (False, None, True)
    assert _times(await put(is_pause_power_active=True)) == (True, None, False)
    assert _times(await put(is_pause_power_active=False)) == (False, None, True)
    assert _times(await put(pause_power_until=past)) == (False, past, True)
    both = {"pause_power_until": future, "is_pause_power_active": True}
    assert _times(await put(**both)) == (True, future, False)
    client.step(3700)
    assert _times((await client.box("GET"))[1]) == (False, future, True)


async def test_settings_may_hold_late_and_be_answered_with_nothing(
    client: Client,
) -> None:
    client.cloud.quirks.update(put_lag=5.0)
    assert (await client.put(charge_target_max=90))["charge_target_max"] == 80
    client.step(6)
    assert (await client.box("GET"))[1]["charge_target_max"] == 90
    client.cloud.quirks.update(put_lag=0.0, put_empty=True)
    assert await client.box("PUT", json={"charge_target_max": 85}) == (204, "")
    assert (await client.box("GET"))[1]["charge_target_max"] == 85


async def test_the_flag_of_a_pause_may_be_derived_and_late(client: Client) -> None:
    client.cloud.quirks.update(pause_derived=True, pause_flag_lag=5.0)
    client.garage.connector.plug_in()
    now = client.simulator.world.now.replace(microsecond=0)
    future = (now + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    box = await client.put(is_pause_power_active=True)
    assert _times(box) == (False, None, True)
    assert _times(await client.put(pause_power_until=future)) == (False, future, False)
    client.step(6)
    assert _times((await client.box("GET"))[1]) == (True, future, False)
    assert _times(await client.put(pause_power_until=None)) == (True, None, True)
    client.step(6)
    assert _times((await client.box("GET"))[1]) == (False, None, True)


async def test_the_makers_cloud_may_report_seldom(client: Client) -> None:
    client.cloud.quirks.update(profile="newer", report_seconds=300.0)
    before = (await client.box("GET"))[1]
    assert (before["is_plugged_in"], before["mode"]) == (False, "READY")
    client.garage.connector.plug_in()
    client.step(200)
    box = (await client.box("GET"))[1]
    assert (box["is_plugged_in"], box["mode"], box["charge_rate_w"]) == (
        False,
        "READY",
        0.0,
    )
    client.step(101)
    box = (await client.box("GET"))[1]
    assert (box["is_plugged_in"], box["mode"]) == (True, "CHARGING")
    assert box["charge_rate_w"] > 0


async def test_a_power_may_be_rounded_bounded_and_left_over(client: Client) -> None:
    client.cloud.quirks.update(power_step=50, power_most=6000, power_left_over=True)
    client.garage.connector.plug_in()
    assert (await client.put(charge_power_max_w=5980))["charge_power_max_w"] == 5950
    assert (await client.put(charge_power_max_w=9000))["charge_rate_w"] == 6000
    box = await client.put(is_pause_power_active=True)
    assert (box["is_charging"], box["charge_rate_w"]) == (False, 6000)


# Boost


async def test_a_boost_is_requested_then_ongoing(client: Client) -> None:
    client.cloud.quirks["profile"] = "newer"
    client.garage.hold(True)
    client.garage.connector.plug_in()

    async def state() -> str:
        return str((await client.box("GET"))[1]["boost_state"])

    assert await state() == "available"
    assert await client.box("POST", "/boost") == (204, "")
    assert await state() == "requested"
    status, body = await client.box("POST", "/boost")
    assert (status, body) == (409, {"state": "requested", "reason": "already_charging"})
    client.step(3)
    assert await state() == "ongoing"
    conflict = payload("boost_conflict")
    assert await client.box("POST", "/boost") == (409, conflict)
    client.cloud.quirks["nested_conflict"] = True
    assert await client.box("POST", "/boost") == (409, {"detail": conflict})
    for _ in range(2):
        assert await client.box("DELETE", "/boost") == (204, "")
        assert await state() == "available"


async def test_a_boost_is_refused(client: Client) -> None:
    car = client.garage.connector.plug_in(Car(soc=1.0))
    _, body = await client.box("POST", "/boost")
    assert body["reason"] == "fully_charged"
    car.soc = 0.5
    _, body = await client.box("POST", "/boost")
    assert body["reason"] == "already_charging"
    client.cloud.quirks["boost_fault"] = True
    _, body = await client.box("POST", "/boost")
    assert body["reason"] == "internal_error"


async def test_a_boost_is_armed_for_the_next_plug_in(client: Client) -> None:
    client.cloud.quirks["profile"] = "newer"
    client.garage.hold(True)
    for _ in range(2):
        assert (await client.box("POST", "/boost"))[0] == 204
    _, box = await client.box("GET")
    assert (box["boost_state"], box["boost_for_next_session"]) == ("unavailable", True)
    client.garage.connector.plug_in(Car(capacity_wh=10_000, soc=0.5))
    client.step(3)
    _, box = await client.box("GET")
    assert (box["boost_state"], box["boost_for_next_session"]) == ("ongoing", False)
    client.step(3600)
    assert (await client.box("GET"))[1]["boost_state"] == "unavailable"


async def test_pause_and_boost_end_each_other(client: Client) -> None:
    client.cloud.quirks["profile"] = "newer"
    client.garage.hold(True)
    client.garage.connector.plug_in()
    await client.put(is_pause_power_active=True)
    await client.box("POST", "/boost")
    _, box = await client.box("GET")
    assert (box["is_pause_power_active"], box["boost_state"]) == (False, "requested")
    box = await client.put(is_pause_power_active=True)
    assert box["boost_state"] == "available"


async def test_unplugging_ends_a_boost(client: Client) -> None:
    client.garage.hold(True)
    client.garage.connector.plug_in()
    client.garage.boost()
    client.garage.connector.unplug()
    client.garage.connector.plug_in()
    client.step(5)
    assert client.garage.boost_state == "available"


# Linking


async def test_a_lapsed_link_is_mended_on_the_page_of_its_session(
    client: Client,
) -> None:
    client.garage.link(False)
    urls = {"success_url": None, "cancel_url": "https://home.example/"}
    status, answer = await client.box("POST", "/auth_session", json=urls)
    assert status == 200
    assert answer.keys() == payload("auth_session").keys()
    assert answer["device_id"] == GARAGE
    status, _ = await client.ask("GET", answer["authentication_url"])
    assert status == 200
    assert client.garage.authenticated is True
    assert (await client.ask("GET", answer["authentication_url"]))[0] == 404
    status, _ = await client.box("POST", "/auth_session", json={"success_url": 1})
    assert status == 422
    client.cloud.quirks["no_authentication_url"] = True
    _, answer = await client.box("POST", "/auth_session", json={})
    assert answer["authentication_url"] is answer["session_id"] is None


async def test_a_pending_action_leads_to_the_same_page(client: Client) -> None:
    client.cloud.quirks["profile"] = "newer"
    client.garage.link(False)
    _, box = await client.box("GET")
    link = box["actions"][0]["resolution_link"]
    body = dict.fromkeys(link["required_parameters"], "https://home.example/")
    assert (await client.ask("POST", link["url"] + "x", json=body))[0] == 403
    assert (await client.ask("POST", link["url"], json={}))[0] == 422
    status, answer = await client.ask("POST", link["url"], json=body)
    assert status == 200
    await client.ask("GET", answer["redirect_url"])
    assert client.garage.authenticated is True
    assert (await client.ask("POST", link["url"], json=body))[0] == 404


async def test_claim_tokens_are_minted(client: Client) -> None:
    status, answer = await client.user("POST", "/wallboxes/claim-tokens")
    assert status == 201
    assert answer.keys() == {"token", "wss_url", "expires_at"}
    path = f"{API}/device-onboarding/{NOBODY}/wallbox-claim-tokens"
    no_token = {"headers": {"Authorization": ""}}
    status, claim = await client.ask(
        "GET", f"{path}/{answer['token']}/status", **no_token
    )
    assert status == 200
    assert claim == {
        "claimed": False,
        "wallbox_id": None,
        "manufacturer": None,
        "model": None,
        "firmware_version": None,
    }
    assert (await client.ask("GET", f"{path}/clm_0/status", **no_token))[0] == 404


# Solar surplus


async def test_a_surplus_session_from_its_begin_to_its_end(client: Client) -> None:
    idle = (200, {"session": None})
    assert await client.box("GET", "/hems-sessions/current") == idle
    assert (await client.control(wallbox=GARAGE, surplus=5000))[0] == 409
    client.garage.connector.plug_in(Car(capacity_wh=90_000, soc=0.1))
    status, box = await client.control(wallbox=GARAGE, surplus=5000)
    assert (status, box["charge_rate_w"]) == (200, 4830)
    client.step(3600)
    _, box = await client.control(wallbox=GARAGE, surplus=1000)
    assert box["is_charging"] is False
    _, current = await client.box("GET", "/hems-sessions/current")
    published = payload("surplus_session")
    running = current["session"]
    for part in ("decisions", "commands"):
        assert len(running[part]) == 2
        assert running[part][0].keys() == published[part][0].keys()
    assert running["session"].keys() == published["session"].keys()
    assert running["session"]["energy_from_solar_kwh"] == pytest.approx(4.83, abs=0.05)
    assert running["session"]["ended_at"] is None
    client.garage.connector.unplug()
    assert await client.box("GET", "/hems-sessions/current") == idle
    number = running["session"]["id"]
    _, detail = await client.box("GET", f"/hems-sessions/{number}")
    assert detail["session"]["ended_at"] is not None
    assert (await client.box("GET", "/hems-sessions/1"))[0] == 404
    assert (await client.box("GET", "/hems-sessions/one"))[0] == 422
    client.cloud.quirks["surplus_404"] = True
    assert (await client.box("GET", "/hems-sessions/current"))[0] == 404


async def test_surplus_sessions_are_paged(client: Client) -> None:
    day = client.simulator.world.now.date()
    client.garage.connector.plug_in()
    for _ in range(3):
        client.garage.shine(6000)
        client.garage.shine(None)
    client.garage.shine(None)
    span = {"from": day.isoformat(), "to": day.isoformat()}
    _, page = await client.box("GET", "/hems-sessions", params=span)
    assert page.keys() == payload("surplus_sessions").keys()
    assert (page["total"], len(page["items"])) == (3, 3)
    part = span | {"limit": "1", "offset": "1"}
    assert (await client.box("GET", "/hems-sessions", params=part))[1] == {
        "total": 3,
        "items": page["items"][1:2],
    }
    ago = {"from": "2020-01-01", "to": "2020-12-31"}
    _, none = await client.box("GET", "/hems-sessions", params=ago)
    assert none == {"total": 0, "items": []}


@pytest.mark.parametrize(
    "query",
    [
        {"from": ""},
        {"to": "tomorrow"},
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "many"},
        {"offset": "-1"},
    ],
)
async def test_a_bad_page_is_refused(client: Client, query: dict[str, str]) -> None:
    span = {"from": "2025-01-01", "to": "2025-01-02"}
    status, body = await client.box("GET", "/hems-sessions", params=span | query)
    assert status == 422
    assert body["detail"][0]["loc"] == ["query", next(iter(query))]
    assert (await client.box("GET", "/hems-sessions"))[0] == 422


# Control


async def test_many_wallboxes_can_be_made(client: Client) -> None:
    client.cloud.populate(3)
    _, boxes = await client.user("GET", "/wallboxes")
    assert len(boxes) == 5
    assert len({box["id"] for box in boxes}) == 5
    client.cloud.remove(client.cloud.stations[GARAGE])
    assert (await client.box("GET"))[0] == 404


async def test_control_operations(client: Client) -> None:
    assert (await client.control(wallbox=GARAGE, dance=True))[0] == 400
    assert (await client.control(wallbox=NOBODY, link=True))[0] == 400
    assert (await client.control(expire_tokens=True))[0] == 200
    assert (await client.box("GET"))[0] == 401


async def test_other_clouds_chargers_are_none_of_its_business(client: Client) -> None:
    other = client.cloud.wallboxes[CARPORT]
    before = (await client.box("GET"))[1]
    other.connector.plug_in()
    assert (await client.box("GET"))[1] == before
    assert other.authenticated is True
