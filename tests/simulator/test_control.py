"""The server, its faults, its control interface and the command line."""

import asyncio
from collections.abc import AsyncGenerator
import os
import signal
import socket
from typing import Any
from unittest.mock import patch

from aiohttp import ClientError, ClientSession, web
from aiohttp.test_utils import make_mocked_request
import pytest

from simulator import Simulator, __main__ as program
from simulator.control import Control
from simulator.faults import Fault
from simulator.world import Station

from .tiny import Tiny

CONNECTOR = "stations/T1/connectors/1"


@pytest.fixture
async def simulator(socket_enabled: None) -> AsyncGenerator[Simulator]:
    async with Simulator([Tiny]) as simulator:
        yield simulator


class Remote:
    """Speak with the control interface and with the cloud."""

    def __init__(self, simulator: Simulator, session: ClientSession) -> None:
        self.simulator = simulator
        self.session = session

    async def control(
        self, method: str, path: str, body: Any = None
    ) -> tuple[int, Any]:
        url = f"{self.simulator.url}/control{path and '/'}{path}"
        async with self.session.request(method, url, json=body) as response:
            return response.status, await response.json()

    async def post(self, path: str, body: Any = None) -> Any:
        status, answer = await self.control("POST", path, body or {})
        assert status == 200, answer
        return answer

    async def get(self, path: str = "/chargers") -> tuple[int, str]:
        url = self.simulator.base_url("tiny") + path
        async with self.session.get(url) as response:
            return response.status, await response.text()


@pytest.fixture
async def remote(simulator: Simulator) -> AsyncGenerator[Remote]:
    async with ClientSession() as session:
        yield Remote(simulator, session)


# Server


async def test_cloud_is_served_under_its_name(
    simulator: Simulator, remote: Remote
) -> None:
    tiny = simulator["tiny"]
    assert isinstance(tiny, Tiny)
    assert tiny.running
    assert tiny.base_url == simulator.base_url("tiny") == f"{simulator.url}/tiny"
    assert await remote.get() == (200, '{"T1": 0.0}')
    assert await remote.get("/nothing") == (404, '{"message": "Not Found"}')
    assert await remote.get("") == (404, '{"message": "Not Found"}')
    async with remote.session.get(simulator.url + "/other") as response:
        assert response.status == 404
    assert tiny.requests == [("GET", "/chargers"), ("GET", "/nothing"), ("GET", "")]


async def test_world_is_settled_before_a_request(
    simulator: Simulator, remote: Remote
) -> None:
    url = simulator.base_url("tiny") + "/chargers/T1/start"
    async with remote.session.post(url) as response:
        assert response.status == 200
    async with remote.session.post(url) as response:
        assert await response.json() == {"message": "Occupied"}
    simulator.world.clock.speed = 0
    simulator.world.clock.step(3600)
    status, text = await remote.get()
    assert status == 200
    assert text.startswith('{"T1": 11040.')


async def test_world_is_settled_when_nobody_asks(socket_enabled: None) -> None:
    with patch("simulator.server.TICK", 0.01):
        async with Simulator([Tiny], speed=3600) as simulator:
            ended = asyncio.Event()
            simulator.world.call_later(60, ended.set)
            await asyncio.wait_for(ended.wait(), 5)
            tiny = simulator["tiny"]
    assert isinstance(tiny, Tiny)
    assert not tiny.running


async def test_failed_start_leaves_nothing_open(socket_enabled: None) -> None:
    simulator = Simulator([Tiny])
    with (
        patch.object(Tiny, "start", side_effect=RuntimeError),
        pytest.raises(RuntimeError),
    ):
        await simulator.start()
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", int(simulator.url.split(":")[-1]))


@pytest.mark.parametrize(
    ("host", "start"),
    [("0.0.0.0", "http://127.0.0.1:"), ("localhost", "http://")],
)
async def test_url_can_be_opened(socket_enabled: None, host: str, start: str) -> None:
    simulator = Simulator([Tiny], seed=False)
    await simulator.start(host)
    try:
        assert simulator.url.startswith(start)
        async with (
            ClientSession() as session,
            session.get(simulator.base_url("tiny") + "/chargers") as response,
        ):
            assert await response.json() == {}
    finally:
        await simulator.stop()


def test_known_clouds_are_the_default() -> None:
    with patch("simulator.server.CLOUDS", (Tiny,)):
        assert list(Simulator(seed=False).clouds) == ["tiny"]


async def test_dispatch_guards_every_route(
    simulator: Simulator, remote: Remote
) -> None:
    simulator["tiny"].quirks["strict"] = True
    assert (await remote.get())[0] == 401
    assert (await remote.get("/nothing"))[0] == 401


# Faults


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        (Fault(), 500, ""),
        (Fault(status=429, body={"a": 1}), 429, '{"a": 1}'),
        (Fault(body="plain", headers={"Content-Type": "text/plain"}), 500, "plain"),
        (Fault(kind="html"), 502, "<html><body><h1>502</h1><p>nginx</p></body></html>"),
        (Fault(kind="garbage"), 200, '{"data": [{"id": 1, '),
        (Fault(kind="null_body"), 200, "null"),
        (Fault(kind="empty"), 200, ""),
        (Fault(kind="empty", delay=0.01), 200, ""),
        (Fault(kind="delay", delay=0.01), 200, '{"T1": 0.0}'),
    ],
)
async def test_fault_is_answered_once(
    simulator: Simulator, remote: Remote, fault: Fault, status: int, text: str
) -> None:
    simulator["tiny"].faults.add(fault)
    assert await remote.get() == (status, text)
    assert await remote.get() == (200, '{"T1": 0.0}')


async def test_dropped_connection(simulator: Simulator, remote: Remote) -> None:
    simulator["tiny"].faults.add(Fault(kind="drop", times=None))
    with pytest.raises(ClientError):
        await remote.get()
    simulator["tiny"].faults.clear()
    assert (await remote.get())[0] == 200


async def test_fault_meets_only_what_it_matches(
    simulator: Simulator, remote: Remote
) -> None:
    faults = simulator["tiny"].faults
    faults.add(Fault(path="^/sites", times=None))
    faults.add(Fault(method="post", times=None))
    faults.add(Fault(status=503, headers={"Retry-After": "7"}, times=2))
    assert [(await remote.get())[0] for _ in range(3)] == [503, 503, 200]
    assert len(faults) == 2


async def test_request_takes_effect_behind_a_fault(
    simulator: Simulator, remote: Remote
) -> None:
    tiny = simulator["tiny"]
    tiny.faults.add(Fault(status=504, effect=True, method="POST"))
    url = simulator.base_url("tiny") + "/chargers/T1/start"
    async with remote.session.post(url) as response:
        assert response.status == 504
    assert tiny.stations["T1"].connectors[0].session
    tiny.quirks["strict"] = True
    tiny.faults.add(Fault(status=504, effect=True))
    assert (await remote.get())[0] == 504


# Control


async def test_world_is_shown(remote: Remote) -> None:
    await remote.post(f"{CONNECTOR}/start", {"id_token": "tag"})
    await remote.post(f"{CONNECTOR}/stop", {"reason": "Local"})
    await remote.post(f"{CONNECTOR}/start")
    status, shown = await remote.control("GET", "")
    assert status == 200
    cloud = shown["clouds"]["tiny"]
    assert cloud["credentials"] == {"token": "demo"}
    first, second = cloud["stations"]["T1"]["connectors"]
    assert first["state"] == "Charging"
    assert first["currents"] == [16, 16, 16]
    assert first["power_w"] == 11_040
    assert first["car"]["soc"] == pytest.approx(0.5, abs=0.01)
    assert first["last_session"]["reason"] == "Local"
    assert first["last_session"]["id_token"] == "tag"
    assert (second["state"], second["car"], second["session"]) == (
        "Available",
        None,
        None,
    )
    status, station = await remote.control("GET", "stations/T1")
    assert status == 200
    assert station.keys() == cloud["stations"]["T1"].keys()


async def test_clock(simulator: Simulator, remote: Remote) -> None:
    assert (await remote.post("clock", {"speed": 0}))["speed"] == 0
    before = simulator.world.now
    await remote.post("clock", {"step": 60})
    assert (simulator.world.now - before).total_seconds() == 60


async def test_station(simulator: Simulator, remote: Remote) -> None:
    station = simulator["tiny"].stations["T1"]
    assert (await remote.post("stations/T1", {"online": False}))["online"] is False
    assert await remote.control("POST", "stations/T1/reset") == (
        409,
        {"error": "Offline"},
    )
    await remote.post("stations/T1", {"online": True})
    assert (await remote.post("stations/T1/reset", {"hard": True}))["rebooting"]
    await remote.post("clock", {"step": 10})
    assert station.online


async def test_connector(remote: Remote) -> None:
    path = "stations/T1/connectors/2"

    async def operate(operation: str, body: Any = None) -> dict[str, Any]:
        answer = await remote.post(f"{path}/{operation}", body)
        assert isinstance(answer, dict)
        return answer

    assert (await operate("reserve", {"id_token": "tag"}))["state"] == "Reserved"
    assert (await operate("cancel_reservation"))["state"] == "Available"
    assert (await operate("operative", {"operative": False}))["state"] == "Unavailable"
    await operate("operative", {"operative": True})
    assert (await operate("fault", {"code": "GroundFailure"}))["state"] == "Faulted"
    await operate("fault", {"code": None})
    assert (await operate("authorize", {"timeout": None}))["state"] == "Preparing"
    car = {"soc": 0.1, "phases": 1, "max_current": 32, "name": "Kleinwagen"}
    plugged = await operate("plug_in", car)
    assert plugged["state"] == "Charging"
    assert plugged["car"] == car | {"capacity_wh": 60_000, "target_soc": 1.0}
    assert (await operate("limit", {"amps": 8}))["limits"] == {"control": 8}
    assert (await operate("limit", {"amps": None}))["limits"] == {}
    assert (await operate("power", {"watts": 2300}))["currents"] == [10, 0, 0]
    assert (await operate("unlock"))["state"] == "Finishing"
    assert (await operate("unplug"))["state"] == "Available"


async def test_cloud(simulator: Simulator, remote: Remote) -> None:
    await remote.get()
    await remote.get()
    assert await remote.control("GET", "clouds/tiny/requests") == (
        200,
        {"total": 2, "requests": {"GET /chargers": 2}},
    )
    await remote.control("DELETE", "clouds/tiny/requests")
    assert simulator["tiny"].requests == []
    faults = await remote.post(
        "clouds/tiny/faults", {"status": 503, "times": None, "body": {"a": None}}
    )
    assert faults[0]["status"] == 503
    assert await remote.control("GET", "clouds/tiny/faults") == (200, faults)
    assert await remote.get() == (503, '{"a": null}')
    assert await remote.control("DELETE", "clouds/tiny/faults") == (200, [])
    assert (await remote.post("clouds/tiny/quirks", {"strict": True}))["strict"]
    assert (await remote.control("GET", "clouds/tiny/quirks"))[1]["strict"]
    assert await remote.post("clouds/tiny", {"do": "rename", "name": "Hof"}) == {
        "name": "Hof"
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", {}),
        ("clock", {"step": -1}),
        ("clock", {"step": "1"}),
        ("clock", {"stepp": 1}),
        ("clock", []),
        ("stations/T1", {}),
        ("stations/T1", {"online": 1}),
        (f"{CONNECTOR}/fault", {}),
        (f"{CONNECTOR}/limit", {"amps": True}),
        (f"{CONNECTOR}/limit", {"amps": float("nan")}),
        (f"{CONNECTOR}/limit", {"amps": 10**400}),
        (f"{CONNECTOR}/stop", {"reason": "Whim"}),
        (f"{CONNECTOR}/reserve", {"minutes": 5}),
        ("stations/T1/connectors/2/plug_in", {"phases": 4}),
        ("stations/T1/connectors/2/plug_in", {"capacity_wh": 0}),
        ("stations/T1/connectors/2/plug_in", {"colour": "red"}),
        ("clouds/tiny", {"do": "dance"}),
        ("clouds/tiny", {"do": "rename"}),
        ("clouds/tiny/quirks", {"unknown": 1}),
        ("clouds/tiny/faults", {"kind": "odd"}),
        ("clouds/tiny/faults", {"path": "("}),
        ("clouds/tiny/faults", {"times": 0}),
        ("clouds/tiny/faults", {"times": 1.5}),
        ("clouds/tiny/faults", {"status": 99}),
        ("clouds/tiny/faults", {"headers": {"a": 1}}),
        ("clouds/tiny/faults", {"colour": "red"}),
    ],
)
async def test_bad_input(remote: Remote, path: str, body: Any) -> None:
    status, answer = await remote.control("POST", path, body)
    assert status == 400
    assert list(answer) == ["error"]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"9" * 5000])
async def test_not_json(simulator: Simulator, remote: Remote, content: bytes) -> None:
    url = simulator.url + "/control/clock"
    async with remote.session.post(url, data=content) as response:
        assert response.status == 400
        assert await response.json() == {"error": "not JSON"}


@pytest.mark.parametrize(
    "path",
    [
        "stations/T2",
        "stations/T2/reset",
        "stations/T1/connectors/3/unplug",
        "stations/T1/connectors/x/unplug",
        f"{CONNECTOR}/explode",
        "clouds/other",
        "clouds/other/faults",
    ],
)
async def test_unknown(remote: Remote, path: str) -> None:
    assert await remote.control("POST", path, {}) == (404, {"error": "not found"})


async def test_refusal(remote: Remote) -> None:
    assert await remote.control("POST", f"{CONNECTOR}/plug_in") == (
        409,
        {"error": "Occupied"},
    )


@pytest.mark.parametrize(
    ("peer", "status"),
    [("127.0.0.1", 200), ("::1", 200), ("192.0.2.1", 403), (None, 403)],
)
async def test_control_is_for_this_machine(peer: str | None, status: int) -> None:
    simulator = Simulator([Tiny])
    routes = Control(simulator.world, simulator.clouds).routes()
    show = next(r for r in routes if r.path == "/control").handler
    request = make_mocked_request("GET", "/control").clone(remote=peer or "")
    response = await show(request)
    assert isinstance(response, web.Response)
    assert response.status == status


# Quirks


def test_only_known_quirks_can_be_set() -> None:
    simulator = Simulator([Tiny])
    quirks = simulator["tiny"].quirks
    quirks.update(strict=True)
    with pytest.raises(KeyError):
        quirks["other"] = 1
    with pytest.raises(KeyError):
        quirks.update(other=1)
    quirks["names"].append("b")
    assert Tiny.DEFAULT_QUIRKS == {"strict": False, "names": ["a"]}


def test_station_belongs_to_its_cloud() -> None:
    simulator = Simulator([Tiny], seed=False)
    tiny = simulator["tiny"]
    station = tiny.add(Station("X", "X"))
    assert tiny.stations == simulator.world.stations == {"X": station}
    tiny.remove(station)
    assert tiny.stations == simulator.world.stations == {}


# Command line


@pytest.fixture
def tiny_only(monkeypatch: pytest.MonkeyPatch, socket_enabled: None) -> None:
    monkeypatch.setattr(program, "CLOUDS", (Tiny,))


@pytest.mark.usefixtures("tiny_only")
@pytest.mark.parametrize(
    ("number", "options", "stations"),
    [(signal.SIGTERM, ["--stations", "3"], 3), (signal.SIGINT, [], 1)],
)
def test_program_serves_until_interrupted(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    options: list[str],
    stations: int,
) -> None:
    greeting = program._greeting

    def greet_and_interrupt(simulator: Simulator) -> str:
        os.kill(os.getpid(), number)
        return greeting(simulator)

    monkeypatch.setattr(program, "_greeting", greet_and_interrupt)
    assert program.main(["--port", "0", *options]) == 0
    printed = capsys.readouterr().out
    assert f"tiny: {stations} stations" in printed
    assert "base_url: http://127.0.0.1:" in printed
    assert "token: demo" in printed
    assert "/control" in printed


@pytest.mark.usefixtures("tiny_only")
def test_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert program.main(["--port", str(port)]) == 1
    assert capsys.readouterr().err == (
        f"Cannot listen on 127.0.0.1:{port}: the port is in use.\n"
    )


@pytest.mark.usefixtures("tiny_only")
@pytest.mark.parametrize(
    "options", [["--clouds", "other"], ["--speed", "-1"], ["--port", "70000"]]
)
def test_bad_options(options: list[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(options)


async def test_page_for_people(remote: Remote) -> None:
    """The page asks for what there is and offers what can be done."""
    async with remote.session.get(remote.simulator.url) as response:
        assert response.content_type == "text/html"
        page = await response.text()
    for word in ("plug_in", "unplug", "fault", "online", "clock", "household"):
        assert word in page


async def test_household(remote: Remote) -> None:
    """The sun and the price are set, and what follows from them is told."""
    await remote.post(f"{CONNECTOR}/start", {"id_token": "tag"})
    sent = {"solar_power": 5_000, "price": 0.12}
    told = await remote.post("household", sent)
    assert told == {
        **sent,
        "base_load": 400,
        "surplus": 4_600,
        "grid_power": 400 + 11_040 - 5_000,
    }
    assert (await remote.control("GET", "household"))[1] == told
    status, _ = await remote.control("POST", "household", {"price": -1})
    assert status == 400
    status, _ = await remote.control("POST", "household", {"moon": 1})
    assert status == 400
