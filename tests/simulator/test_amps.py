"""The simulated AMPS, where the provider's tests do not go."""

from collections.abc import AsyncGenerator
from datetime import timedelta
import json
from typing import Any

from aiohttp import ClientSession, web
import pytest

from simulator.clouds.amps import LIVE_KEY, SANDBOX_KEY, Amps
from simulator.server import Simulator
from simulator.world import State

ONE = "dev_sim_ev_1"
DEVICE = f"/ev-charger/{ONE}"


class Api:
    """A client that knows nothing."""

    def __init__(self, simulator: Simulator, session: ClientSession) -> None:
        self.simulator = simulator
        self.cloud = simulator["amps"]
        self.session = session
        self.headers = {"x-api-key": SANDBOX_KEY}

    async def call(
        self, path: str, body: Any = ..., method: str = "", **params: Any
    ) -> tuple[int, Any]:
        """Send a request; return the status and the answer."""
        method = method or ("GET" if body is ... else "POST")
        content = {"data": body} if isinstance(body, str) else {"json": body}
        async with self.session.request(
            method,
            self.simulator.base_url("amps") + path,
            headers=self.headers,
            params=params,
            **({} if body is ... else content),
        ) as response:
            return response.status, await response.json()

    async def code(self, path: str, body: Any = ..., **params: Any) -> tuple[int, str]:
        """Send a request that is refused."""
        status, answer = await self.call(path, body, **params)
        assert answer["success"] is False
        return status, answer["error"]["code"]

    def step(self, seconds: float) -> None:
        self.simulator.world.clock.step(seconds)
        self.simulator.world.settle()

    @property
    def state(self) -> State:
        return self.cloud.stations[ONE].connectors[0].state


@pytest.fixture
async def api(session: ClientSession) -> AsyncGenerator[Api]:
    async with Simulator([Amps]) as simulator:
        api = Api(simulator, session)
        api.cloud.stations[ONE].connectors[0].plug_in()
        yield api


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (401, "UNAUTHORIZED")),
        ({"x-api-key": "other"}, (401, "INVALID_API_KEY")),
    ],
)
async def test_keys(api: Api, headers: dict[str, str], expected: Any) -> None:
    api.headers = headers
    assert await api.code("/ev-charger") == expected


@pytest.mark.parametrize(
    ("key", "environment"), [(SANDBOX_KEY, "sandbox"), (LIVE_KEY, "live")]
)
async def test_bearer(api: Api, key: str, environment: str) -> None:
    api.headers = {"Authorization": f"Bearer {key}"}
    status, body = await api.call("/ev-charger")
    assert (status, body["meta"]["environment"]) == (200, environment)


async def test_envelope(api: Api) -> None:
    _, answer = await api.call("/ev-charger")
    assert answer["success"] is True
    assert answer["meta"].keys() == {
        "requestId",
        "environment",
        "timestamp",
        "latencyMs",
    }
    assert answer["meta"]["environment"] == "sandbox"
    assert answer["data"]["pagination"] == {
        "limit": 10,
        "offset": 0,
        "total": 2,
        "hasMore": False,
    }
    assert "settings" not in answer["data"]["items"][0]
    api.headers = {"x-api-key": LIVE_KEY}
    assert (await api.call("/ev-charger"))[1]["meta"]["environment"] == "live"


@pytest.mark.parametrize("profile", ["A", "B"])
async def test_flat(api: Api, profile: str) -> None:
    api.cloud.quirks["profile"] = profile
    _, device = await api.call(DEVICE)
    assert device["metadata"]["cacheType"] == "normal"
    assert ("features" in device) is (profile == "A")
    assert "commands" not in device
    _, error = await api.call("/ev-charger/other")
    assert ("latencyMs" in error["meta"]) is (profile == "B")
    assert (await api.code(DEVICE + "/settings", {}))[0] == 404
    assert (await api.code("/actions"))[0] == 404


@pytest.mark.parametrize(
    ("path", "params", "expected"),
    [
        ("/ev-charger", {"limit": 0}, (400, "VALIDATION_ERROR")),
        ("/ev-charger", {"limit": 51}, (400, "VALIDATION_ERROR")),
        ("/ev-charger", {"offset": -1}, (400, "VALIDATION_ERROR")),
        ("/ev-charger", {"limit": "x"}, (400, "VALIDATION_ERROR")),
        (DEVICE, {"expedite": "maybe"}, (400, "VALIDATION_ERROR")),
        ("/ev-charger/other", {}, (404, "DEVICE_NOT_FOUND")),
        ("/actions/other", {}, (404, "NOT_FOUND")),
        ("/schedules", {}, (501, "NOT_IMPLEMENTED")),
        ("/schedules/1", {}, (404, "NOT_FOUND")),
    ],
)
async def test_bad_reads(
    api: Api, path: str, params: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert await api.code(path, **params) == expected


def action(**kwargs: Any) -> dict[str, Any]:
    return {"action": {"command": "charge"} | kwargs}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{", (400, "VALIDATION_ERROR")),
        ([], (400, "VALIDATION_ERROR")),
        ({}, (400, "VALIDATION_ERROR")),
        (action(command="fly"), (422, "COMMAND_NOT_SUPPORTED")),
        (action(parameters={"x": 1}), (422, "UNSUPPORTED_PARAMETER")),
        ({**action(), "onConflict": "x"}, (422, "STRATEGY_NOT_SUPPORTED")),
        (action(start="soon"), (400, "VALIDATION_ERROR")),
        (action(start=5), (400, "VALIDATION_ERROR")),
        (action(start="2099-01-01T00:00:00Z"), (400, "VALIDATION_ERROR")),
        (action(start="2020-01-01T00:00:00"), (422, "START_IN_PAST")),
        (action(start="0m"), (422, "START_IN_PAST")),
        (action(start="721h"), (422, "START_OUT_OF_RANGE")),
        (action(end="1h"), (422, "INVALID_TIME_WINDOW")),
        (action(start="2h", end="1h"), (422, "INVALID_TIME_WINDOW")),
        (
            action(command="idle", start="1h", end="2h"),
            (422, "EXECUTION_NOT_SUPPORTED"),
        ),
    ],
)
async def test_bad_commands(api: Api, body: Any, expected: tuple[int, str]) -> None:
    assert await api.code(DEVICE, body) == expected


@pytest.mark.parametrize(
    ("profile", "body", "expected"),
    [
        ("A", {}, (400, "VALIDATION_ERROR")),
        ("A", {"action": "fly"}, (422, "UNSUPPORTED_MODE")),
        ("A", {"action": "set_max_power"}, (400, "VALIDATION_ERROR")),
        (
            "B",
            {"action": "set_max_power", "maxPower": 51},
            (422, "PARAMETER_OUT_OF_RANGE"),
        ),
        (
            "B",
            {"action": "start_charging", "deferUntil": "1h"},
            (400, "VALIDATION_ERROR"),
        ),
        (
            "A",
            {"action": "start_charging", "deferUntil": "2099-01-01T00:00:00"},
            (400, "VALIDATION_ERROR"),
        ),
    ],
)
async def test_bad_flat_commands(
    api: Api, profile: str, body: Any, expected: tuple[int, str]
) -> None:
    api.cloud.quirks["profile"] = profile
    assert await api.code(DEVICE, body) == expected


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "VALIDATION_ERROR"),
        ({"other": 1}, "UNSUPPORTED_SETTING"),
        ({"max_charge_rate": 5}, "VALIDATION_ERROR"),
        ({"max_charge_rate": {"value": True}}, "VALIDATION_ERROR"),
        ({"max_charge_rate": {"value": 5, "unit": "amps"}}, "UNSUPPORTED_UNIT"),
        ({"max_charge_rate": {"value": 60, "unit": "kw"}}, "SETTING_OUT_OF_RANGE"),
    ],
)
async def test_bad_settings(api: Api, body: Any, code: str) -> None:
    assert (await api.code(DEVICE + "/settings", body))[1] == code


async def test_unknown_keys_are_ignored(api: Api) -> None:
    assert (await api.call(DEVICE, {**action(), "sandbox": {"fail": True}}))[0] == 202


@pytest.mark.parametrize(
    ("paging", "pages"),
    [
        (None, [(2, True), (2, True), (1, False), (0, False)]),
        ("no_total", [(2, True), (2, True), (1, False), (0, False)]),
        ("lossy", [(1, True), (1, True), (0, False), (0, False)]),
        ("short", [(2, True), (2, True), (1, False), (0, False)]),
        ("empty", [(2, True), (0, True), (0, True), (0, True)]),
        ("repeating", [(2, True), (2, True), (2, True), (2, True)]),
        ("endless", [(2, True), (2, True), (1, True), (0, True)]),
        ("alternating", [(2, True), (2, True), (2, True), (2, True)]),
    ],
)
async def test_paging(
    api: Api, paging: str | None, pages: list[tuple[int, bool]]
) -> None:
    api.cloud.populate(3)
    api.cloud.quirks["paging"] = paging
    told = [
        (await api.call("/ev-charger", limit=2, offset=offset))[1]["data"]
        for offset in (0, 2, 4, 6)
    ]
    assert [
        (len(page["items"]), page["pagination"]["hasMore"]) for page in told
    ] == pages
    assert all(
        ("total" in page["pagination"]) is (paging in (None, "lossy", "short"))
        for page in told
    )


async def test_cache(api: Api) -> None:
    api.headers = {"x-api-key": LIVE_KEY}

    async def source(**params: str) -> str:
        _, answer = await api.call(DEVICE, **params)
        return str(answer["data"]["metadata"]["source"])

    assert await source() == "cache"
    api.step(59)
    assert await source(expedite="true") == "cache"
    api.step(2)
    assert await source() == "cache"
    assert await source(expedite="true") == "live"
    api.step(899)
    assert await source() == "cache"
    api.step(2)
    assert await source() == "live"


async def test_window(api: Api) -> None:
    status, answer = await api.call(DEVICE, action(start="30m", end="1.5h"))
    shown = answer["data"]
    assert (status, shown["state"]) == (202, "scheduled")
    assert shown.keys() >= {"start", "end"}
    api.step(31 * 60)
    assert api.state is State.CHARGING
    api.step(60 * 60)
    assert api.state is State.SUSPENDED_EVSE


async def test_wall_clock(api: Api) -> None:
    start = (api.simulator.world.now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    _, answer = await api.call(DEVICE, action(start=start))
    assert answer["data"]["start"] == f"{start}.000Z"


async def test_zoned_time_in_the_oldest_generation(api: Api) -> None:
    api.cloud.quirks["profile"] = "A"
    start = (api.simulator.world.now + timedelta(hours=1)).isoformat()
    body = {"action": "stop_charging", "deferUntil": start}
    _, answer = await api.call(DEVICE, body)
    assert answer["state"] == "deferred"
    _, record = await api.call(f"/ev-charger/actions/{answer['actionId']}")
    assert record["result"] == {}
    assert record["deferredUntil"] == answer["deferredUntil"]


async def test_queue_after(api: Api) -> None:
    api.cloud.quirks["conflict_strategies"] = ["cancel_and_replace", "queue_after"]
    queued = {**action(command="idle"), "onConflict": "queue_after"}
    _, first = await api.call(DEVICE, action(start="1h", end="2h"))
    _, second = await api.call(DEVICE, queued)
    assert second["data"]["start"] == first["data"]["end"]
    # The one that waits has no end.
    status, answer = await api.call(DEVICE, queued)
    assert status == 409
    assert answer["error"]["details"]["reason"] == "strategy_not_applicable"


async def test_conflict(api: Api) -> None:
    await api.call(DEVICE, action())
    _, answer = await api.call(DEVICE, action(command="idle"))
    assert answer["error"]["details"] == {
        "reason": "no_strategy_supplied",
        "conflictingActionIds": ["act_sim_0001"],
        "strategies": [],
    }


async def test_older_generations_conflict_by_command(api: Api) -> None:
    api.cloud.quirks["profile"] = "B"
    await api.call(DEVICE, {"action": "start_charging"})
    body = {"action": "stop_charging"}
    assert (await api.call(DEVICE, body))[0] == 202
    assert (await api.code(DEVICE, body)) == (409, "CONFLICT")
    api.step(5)
    assert api.state is State.FINISHING


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({}, 2),
        ({"deviceId": ONE}, 1),
        ({"deviceId": "other"}, 0),
        ({"state": "scheduled"}, 1),
        ({"deviceType": "vehicle"}, 0),
        ({"userId": "user_sim_2"}, 1),
        ({"limit": 1}, 1),
    ],
)
async def test_list_of_actions(api: Api, params: dict[str, Any], count: int) -> None:
    await api.call(DEVICE, action(start="1h"))
    await api.call("/ev-charger/dev_sim_ev_2", action())
    _, answer = await api.call("/actions", **params)
    assert len(answer["data"]["items"]) == count


async def test_cancel_in_the_middle_generation(api: Api) -> None:
    await api.call(DEVICE, action(start="1h"))
    api.cloud.quirks["profile"] = "B"
    _, answer = await api.call("/actions/act_sim_0001/cancel", method="POST")
    assert (answer["state"], answer["completedAt"]) == ("cancelled", None)
    api.step(3700)
    assert api.state is State.PREPARING


async def test_start_of_a_faulted_charger_fails(api: Api) -> None:
    connector = api.cloud.stations[ONE].connectors[0]
    connector.set_fault("GroundFailure")
    await api.call(DEVICE, action())
    api.step(3)
    _, answer = await api.call("/actions/act_sim_0001")
    assert answer["data"]["errorCode"] == "FAULTED"


async def test_pause_ends_with_the_session(api: Api) -> None:
    connector = api.cloud.stations[ONE].connectors[0]
    connector.start()
    await api.call(DEVICE, action(command="idle"))
    api.step(3)
    assert api.state is State.SUSPENDED_EVSE
    connector.unplug()
    connector.plug_in()
    connector.start()
    assert api.state is State.CHARGING


async def test_idle_without_a_session_does_nothing(api: Api) -> None:
    for profile, body in (
        ("C", action(command="idle")),
        ("B", {"action": "stop_charging"}),
    ):
        api.cloud.quirks["profile"] = profile
        await api.call(DEVICE, body)
        api.step(3)
        assert api.state is State.PREPARING


async def test_status_word(api: Api) -> None:
    api.cloud.quirks.update(plugged_word="preparing", cache_seconds=0)
    _, answer = await api.call(DEVICE)
    assert answer["data"]["state"]["status"] == "preparing"
    api.cloud.quirks["status_word"] = "unheard_of"
    _, answer = await api.call(DEVICE)
    assert answer["data"]["state"]["status"] == "unheard_of"


# Callbacks


@pytest.fixture
async def hook(api: Api) -> AsyncGenerator[list[tuple[dict[str, str], bytes]]]:
    """Enter an address in the dashboard; what comes there is refused at first."""
    came: list[tuple[dict[str, str], bytes]] = []

    async def handle(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        came.append((headers, await request.read()))
        return web.Response(status=503 if len(came) == 1 else 200)

    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_post("/hook", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.cloud.quirks["callback_url"] = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield came
    await runner.cleanup()


async def arrived(api: Api, seconds: float) -> None:
    """Let time pass, and what is called back then arrive."""
    api.step(seconds)
    assert isinstance(api.cloud, Amps)
    await api.cloud.deliveries.arrived()


async def test_callback_is_tried_until_it_is_taken(api: Api, hook: Any) -> None:
    await api.call(DEVICE, action())
    await arrived(api, 11)
    assert not hook  # ten seconds after the end of the action
    await arrived(api, 3)
    await arrived(api, 4)
    assert len(hook) == 1
    await arrived(api, 2)
    await arrived(api, 1000)
    assert len(hook) == 2
    assert hook[0][1] == hook[1][1]
    assert hook[0][0]["svix-id"] == hook[1][0]["svix-id"]
    assert hook[0][0]["svix-timestamp"] != hook[1][0]["svix-timestamp"]
    told = api.cloud.handle_control({"operation": "callbacks"})
    assert told is not None
    assert [(each["tries"], each["status"]) for each in told["callbacks"]] == [(2, 200)]


async def test_callback_to_nobody_is_given_up(api: Api) -> None:
    api.cloud.quirks["callback_url"] = "http://127.0.0.1:1/hook"
    await api.call(DEVICE, action())
    for seconds in (13, 6, 31, 121, 1000):
        await arrived(api, seconds)
    assert isinstance(api.cloud, Amps)
    (delivery,) = api.cloud.deliveries.sent
    assert (delivery.tries, delivery.status, delivery.taken) == (4, None, False)


@pytest.mark.parametrize(
    ("profile", "error", "keys"),
    [
        ("B", None, {"actionType", "result", "completedAt"}),
        ("B", "TIMEOUT", {"actionType", "error", "failedAt"}),
        ("C", None, {"command", "deviceType", "result", "completedAt"}),
        (
            "C",
            "TIMEOUT",
            {
                "command",
                "deviceType",
                "result",
                "failedAt",
                "errorCode",
                "errorMessage",
            },
        ),
    ],
)
async def test_shapes_of_callbacks(
    api: Api, hook: Any, profile: str, error: str | None, keys: set[str]
) -> None:
    api.cloud.quirks.update(profile=profile, action_error=error, callback_seconds=0)
    body = action() if profile == "C" else {"action": "start_charging"}
    await api.call(DEVICE, body)
    await arrived(api, 3)
    told = json.loads(hook[0][1])
    assert told.keys() == keys | {"actionId", "deviceId", "parameters"}


@pytest.mark.parametrize(
    ("trouble", "sizes"), [("doubled", [0, 0]), ("huge", [2]), ("deep", [0])]
)
async def test_awkward_callbacks(
    api: Api, hook: Any, trouble: str, sizes: list[int]
) -> None:
    api.cloud.quirks.update(callback_trouble=trouble, callback_seconds=0)
    operation = {"operation": "link", "event": "device.connected", "device": ONE}
    assert api.cloud.handle_control(operation) == {"event": "device.connected"}
    await arrived(api, 0)
    assert [len(body) // 1024 // 1024 for _, body in hook] == sizes


async def test_links(api: Api, hook: Any) -> None:
    api.cloud.quirks["callback_seconds"] = 0
    operation = {"operation": "link", "event": "device.disconnected", "device": ONE}
    api.cloud.handle_control(operation)
    assert await api.code(DEVICE) == (401, "INVALID_CREDENTIALS")
    api.cloud.handle_control({**operation, "link": False})
    api.cloud.handle_control({**operation, "event": "device.reconnected"})
    assert (await api.call(DEVICE))[0] == 200
    await arrived(api, 0)
    urls = ["reconnectionUrl" in json.loads(body) for _, body in hook]
    assert sorted(urls) == [False, False, True]
    assert api.cloud.handle_control({**operation, "device": "other"}) is None
    assert api.cloud.handle_control({"operation": "other"}) is None
