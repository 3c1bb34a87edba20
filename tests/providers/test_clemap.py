"""CLEMAP: set-up, readings and devices, over real sockets."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import json
import logging
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    CURRENTS,
    AuthenticationError,
    ChargingError,
    ChargingStatus,
    ClearLimit,
    Control,
    DeviceKind,
    Name,
    NotFoundError,
    NotSupportedError,
    RateLimitedError,
    Reading,
    ServerFaultError,
    SetControl,
    StartCharging,
    StopCharging,
    UnreachableError,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.providers import wire as decoding
from custom_components.ev_charger_cloud.providers.base import (
    Context,
    InvalidSettingError,
    Selection,
)
from custom_components.ev_charger_cloud.providers.clemap import DESCRIPTION
from custom_components.ev_charger_cloud.providers.clemap.provider import ClemapProvider
from simulator import Simulator
from simulator.clouds.clemap import Clemap
from simulator.faults import Fault
from simulator.world import Car, Connector

FIXTURES = Path(__file__).parents[1] / "fixtures" / "clemap"
PUBLISHED = "25104c56d7f848af830af4300193efb3"

LIVE = (*CURRENTS, Reading.POWER, Reading.CURRENT_OFFERED)

type Make = Callable[..., ClemapProvider]


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


@pytest.fixture
async def simulator() -> AsyncGenerator[Simulator]:
    async with Simulator([Clemap], speed=0) as simulator:
        yield simulator


@pytest.fixture
def cloud(simulator: Simulator) -> Clemap:
    cloud = simulator["clemap"]
    assert isinstance(cloud, Clemap)
    return cloud


@dataclass
class Ticks:
    """The time (s) that spans are measured by."""

    now: float = 0.0


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def make(cloud: Clemap, session: ClientSession, ticks: Ticks) -> Make:
    def make(station: str = "clemap-garage", **settings: Any) -> ClemapProvider:
        typed = {
            "base_url": cloud.base_url,
            **cloud.credentials_of(cloud.stations[station]),
            **settings,
        }
        provider = DESCRIPTION.factory(
            Context(
                session=session,
                settings=DESCRIPTION.normalise(typed),
                now=cloud.world.clock.now,
                monotonic=lambda: ticks.now,
            )
        )
        assert isinstance(provider, ClemapProvider)
        return provider

    return make


@pytest.fixture
def connector(cloud: Clemap) -> Connector:
    return cloud.stations["clemap-garage"].connectors[0]


@pytest.fixture
def published(cloud: Clemap) -> str:
    """Give the garage the uuid of the published example."""
    cloud.evses["clemap-garage"].uuid = PUBLISHED
    return PUBLISHED


@pytest.fixture(autouse=True)
def forget_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_seen", set())


def answer(cloud: Clemap, body: Any, path: str = "/status$", **fault: Any) -> None:
    cloud.faults.clear()
    cloud.faults.add(Fault(status=200, body=body, path=path, times=None, **fault))


async def only(provider: ClemapProvider) -> Any:
    (device,) = (await provider.poll()).fleet.values()
    return device


# Set-up


URL = "https://cloud.clemap.com:3032/edgedevices/65f0c0ffee/evses/2510-4c56/status"


@pytest.mark.parametrize("key", ["base_url", "edge_device_id", "evse_id"])
def test_pasted_status_url_tells_both_ids_and_the_base_url(key: str) -> None:
    typed = {"base_url": "", "edge_device_id": "x", "evse_id": "y", "token": " t "}
    assert DESCRIPTION.normalise(typed | {key: f" {URL}?a=b "}) == {
        "base_url": "https://cloud.clemap.com:3032",
        "edge_device_id": "65f0c0ffee",
        "evse_id": "2510-4c56",
        "token": "t",
    }


def test_pasted_path_keeps_the_base_url() -> None:
    settings = DESCRIPTION.normalise(
        {
            "base_url": "test.example/clemap/",
            "edge_device_id": "/EdgeDevices/a%2Db/EVSEs/c",
            "evse_id": "",
            "token": "t",
        }
    )
    assert settings["base_url"] == "https://test.example/clemap"
    assert (settings["edge_device_id"], settings["evse_id"]) == ("a-b", "c")


def test_base_url_has_a_default() -> None:
    typed = {"edge_device_id": "a", "evse_id": "b", "token": "t", "hold_time": 60}
    settings = DESCRIPTION.normalise(typed)
    assert settings["base_url"] == "https://cloud.clemap.com:3032"
    assert settings["hold_time"] == 60


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("base_url", "ftp://cloud.clemap.com", "invalid_url"),
        ("base_url", "https://", "invalid_url"),
        ("base_url", "https://a b", "invalid_url"),
        ("base_url", "https://me:secret@cloud.clemap.com", "invalid_url"),
        ("base_url", "https://cloud.clemap.com:port", "invalid_url"),
        ("edge_device_id", "", "invalid_id"),
        ("edge_device_id", "..", "invalid_id"),
        ("evse_id", ".", "invalid_id"),
        ("edge_device_id", URL.replace("65f0c0ffee", "{edge_device_id}"), "invalid_id"),
        ("evse_id", "a/b", "invalid_id"),
        ("token", "two words", "invalid_token"),
        ("token", "line\nbreak", "invalid_token"),
        ("token", None, "invalid_token"),
    ],
)
def test_settings_that_cannot_be_right(key: str, value: Any, reason: str) -> None:
    typed = {"edge_device_id": "a", "evse_id": "b", "token": "t"}
    with pytest.raises(InvalidSettingError) as caught:
        DESCRIPTION.normalise(typed | {key: value})
    assert (caught.value.key, caught.value.reason) == (key, reason)


async def test_account_is_the_station(make: Make, cloud: Clemap) -> None:
    uuid = cloud.credentials["evse_id"]
    dashed = f"{uuid[:8]}-{uuid[8:]}".upper()
    account = await make(evse_id=dashed).account()
    assert (account.id, account.title) == (uuid, f"CLEMAP {uuid[:8]}")
    assert len(cloud.requests) == 1


async def test_candidate_is_the_station(make: Make) -> None:
    (candidate,) = await make("clemap-carport").candidates()
    assert candidate.name == Name(key="station")


async def test_another_stations_answer_is_told(make: Make, cloud: Clemap) -> None:
    answer(cloud, fixture("status"))
    with pytest.raises(NotFoundError) as caught:
        await make().account()
    assert caught.value.reason == "wrong_station"


async def test_token_of_another_station(make: Make, cloud: Clemap) -> None:
    other = cloud.credentials_of(cloud.stations["clemap-carport"])["token"]
    with pytest.raises(AuthenticationError):
        await make(token=other).account()


@pytest.mark.parametrize("key", ["edge_device_id", "evse_id"])
async def test_wrong_id(make: Make, key: str) -> None:
    with pytest.raises(NotFoundError):
        await make(**{key: "0" * 24}).account()


async def test_revoked_token_names_no_secret(make: Make, cloud: Clemap) -> None:
    body = fixture("error") | {"message": "Invalid EVSE token secret-1"}
    cloud.faults.add(Fault(status=401, body=body))
    with pytest.raises(AuthenticationError) as caught:
        await make(token="secret-1").poll()
    assert "secret-1" not in str(caught.value)
    assert caught.value.message.startswith("Invalid EVSE token")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 401}, AuthenticationError),
        ({"status": 403}, AuthenticationError),
        ({"status": 404}, NotFoundError),
        ({"status": 429, "headers": {"Retry-After": "0"}}, RateLimitedError),
        ({"status": 500}, ServerFaultError),
        ({"status": 503}, ServerFaultError),
        ({"kind": "html"}, ServerFaultError),
        ({"kind": "html", "status": 200}, UnusableAnswerError),
        ({"kind": "garbage"}, UnusableAnswerError),
        ({"kind": "null_body"}, UnusableAnswerError),
        ({"kind": "empty"}, UnusableAnswerError),
        # aiohttp itself asks a second time when the line drops.
        ({"kind": "drop", "times": None}, UnreachableError),
        ({"status": 200, "body": {"name": "GeneralError"}}, UnusableAnswerError),
        ({"status": 200, "body": ["?", 1]}, UnusableAnswerError),
    ],
)
async def test_failed_poll_and_recovery(
    make: Make, cloud: Clemap, fault: dict[str, Any], error: type[ChargingError]
) -> None:
    provider = make()
    cloud.faults.add(Fault(**fault))
    with pytest.raises(error):
        await provider.poll()
    cloud.faults.clear()
    assert (await only(provider)).online is True


async def test_retry_after_is_kept(make: Make, cloud: Clemap) -> None:
    provider = make()
    cloud.faults.add(Fault(status=429, headers={"Retry-After": "40"}))
    with pytest.raises(RateLimitedError) as caught:
        await provider.poll()
    assert caught.value.retry_after == 40
    with pytest.raises(RateLimitedError):
        await provider.poll()
    assert len(cloud.requests) == 1


# Readings


@pytest.mark.usefixtures("published")
async def test_published_example(make: Make, cloud: Clemap) -> None:
    answer(cloud, fixture("status"))
    fleet = (await make().poll()).fleet
    station, idle, charging = fleet.values()
    assert station.id == PUBLISHED
    assert station.kind is DeviceKind.CHARGER
    assert station.maker == "CLEMAP"
    assert Control.CURRENT_LIMIT in station.controls
    assert Reading.STATUS not in station.readings
    assert charging.id == f"{PUBLISHED}_c99838f9eb5b423d98f8ba33389a255c"
    assert charging.kind is DeviceKind.CONNECTOR
    assert charging.parent == PUBLISHED
    assert (idle.name, charging.name) == ("Plug 1", "Plug 2")
    assert not charging.controls
    assert charging.readings == {
        Reading.STATUS: ChargingStatus.CHARGING,
        Reading.CLOUD_STATUS: "charging",
        Reading.PLUG: True,
        Reading.CHARGING: True,
        Reading.PROBLEM: False,
        Reading.CURRENT_PHASE_1: 10.3,
        Reading.CURRENT_PHASE_2: 10.3,
        Reading.CURRENT_PHASE_3: 10.3,
        Reading.POWER: 7107.0,
        Reading.CURRENT_OFFERED: 12.0,
        Reading.LAST_UPDATE: datetime(2024, 3, 25, 11, 12, 17, 851000, UTC),
    }
    assert idle.readings[Reading.STATUS] is ChargingStatus.DISCONNECTED
    assert idle.readings[Reading.POWER] == 0
    assert idle.readings[Reading.CURRENT_OFFERED] == 6


@pytest.mark.parametrize(
    ("word", "status", "plug", "charging", "problem", "online", "measured"),
    [
        ("charging", ChargingStatus.CHARGING, True, True, False, True, True),
        (
            "recently_started_charging",
            ChargingStatus.CHARGING,
            True,
            True,
            False,
            True,
            True,
        ),
        ("idle", ChargingStatus.DISCONNECTED, False, False, False, True, True),
        ("connected", ChargingStatus.CONNECTED, True, False, False, True, True),
        ("discharging", ChargingStatus.DISCHARGING, True, False, False, True, True),
        ("error", ChargingStatus.FAULTED, None, False, True, True, True),
        ("offline", None, None, None, None, False, False),
        ("cloud_offline", None, None, None, None, False, False),
        ("init", None, None, None, None, True, False),
        ("stopped", None, None, False, False, True, True),
        ("starting", ChargingStatus.STARTING, True, False, False, True, True),
        ("producing", None, None, False, None, True, False),
        ("unknown", None, None, None, None, True, True),
        ("teleporting", None, None, None, None, True, True),
    ],
)
async def test_every_status(
    make: Make,
    cloud: Clemap,
    caplog: pytest.LogCaptureFixture,
    word: str,
    status: ChargingStatus | None,
    plug: bool | None,
    charging: bool | None,
    problem: bool | None,
    online: bool,
    measured: bool,
) -> None:
    values = {"power": 690.0, "current_l1": 1, "current_l2": 1, "current_l3": 1}
    cloud.quirks["patch"] = values
    cloud.quirks["status"] = word
    provider = make()
    device = await only(provider)
    assert await only(provider) == device
    assert device.online is online
    assert device.readings[Reading.STATUS] is status
    assert device.readings[Reading.CLOUD_STATUS] == word
    assert device.readings[Reading.PLUG] is plug
    assert device.readings[Reading.CHARGING] is charging
    assert device.readings[Reading.PROBLEM] is problem
    assert [device.readings[reading] for reading in LIVE] == (
        [1, 1, 1, 690, 6] if measured else [None] * 5
    )
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == (word in ("producing", "teleporting"))
    told = any("unknown word" in record.getMessage() for record in warnings)
    assert told is (word == "teleporting")


async def test_discharging_keeps_its_sign(make: Make, cloud: Clemap) -> None:
    cloud.quirks["patch"] = {"status": "discharging", "power": -3000, "current_l1": -4}
    readings = (await only(make())).readings
    assert readings[Reading.POWER] == -3000
    assert readings[Reading.CURRENT_PHASE_1] == -4


@pytest.mark.parametrize("word", ["idle", "connected", "stopped"])
@pytest.mark.parametrize("quirk", ["null", "missing"])
async def test_nothing_flows_though_nothing_is_told(
    make: Make, cloud: Clemap, word: str, quirk: str
) -> None:
    keys = ("current_l1", "current_l2", "current_l3", "power", "dyn_current_limit")
    cloud.quirks["status"] = word
    if quirk == "null":
        cloud.quirks["patch"] = dict.fromkeys(keys)
    else:
        cloud.quirks["omit"] = list(keys)
    readings = (await only(make())).readings
    assert [readings[reading] for reading in LIVE] == [0, 0, 0, 0, None]


KEYS = tuple(fixture("status")[0])
READINGS = {
    "time": Reading.LAST_UPDATE,
    "status": Reading.STATUS,
    "current_l1": Reading.CURRENT_PHASE_1,
    "current_l2": Reading.CURRENT_PHASE_2,
    "current_l3": Reading.CURRENT_PHASE_3,
    "power": Reading.POWER,
    "dyn_current_limit": Reading.CURRENT_OFFERED,
}


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("drift", ["null", "missing", "object", "list", "bool"])
async def test_drift_costs_one_reading_only(
    make: Make, cloud: Clemap, key: str, drift: str
) -> None:
    plug = dict(fixture("status")[1])
    wrong = {"null": None, "object": {"a": 1}, "list": [1], "bool": True}
    if drift == "missing":
        del plug[key]
    else:
        plug[key] = wrong[drift]
    answer(cloud, [plug | {"new_key": {"deep": [1]}}])
    device = await only(make())
    intact = {read for name, read in READINGS.items() if name != key}
    assert {read for read in intact if device.readings[read] is None} == set()
    if key in READINGS:
        assert device.readings[READINGS[key]] is None
    assert len(device.readings) == 12


OTHER: dict[str, Any] = {
    "time": "2024-03-25T11:13:00.000Z",
    "plug_uuid": "0" * 32,
    "plug_label": "Left",
    "status": "error",
}


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("key", KEYS)
async def test_every_field_of_the_published_example_shows(
    make: Make, cloud: Clemap, key: str
) -> None:
    """A user sees what changes in it; another station's plug is refused."""
    idle, plug = fixture("status")
    answer(cloud, [idle, plug])
    before = (await make().poll()).fleet
    answer(cloud, [idle, plug | {key: OTHER.get(key, 1.5)}])
    if key == "evse_uuid":
        assert len((await make().poll()).fleet) == 1
    else:
        assert (await make().poll()).fleet != before


async def test_strings_for_numbers(make: Make, cloud: Clemap) -> None:
    cloud.quirks["patch"] = {"status": "charging", "power": " 7107.0 "}
    assert (await only(make())).readings[Reading.POWER] == 7107


async def test_status_without_the_list(make: Make, cloud: Clemap) -> None:
    cloud.quirks["single_object"] = True
    assert (await only(make())).name == "Garage"


@pytest.mark.usefixtures("published")
async def test_item_that_is_no_plug_is_passed_over(make: Make, cloud: Clemap) -> None:
    answer(cloud, [None, fixture("status")[0]])
    assert (await only(make())).name == "Plug 1"


async def test_no_plugs_yet(
    make: Make, cloud: Clemap, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.quirks["empty"] = True
    device = await only(make())
    assert device.name == Name(key="station")
    assert device.online is None
    assert set(device.readings) == {Reading.LIMIT_VALID_UNTIL}
    assert Control.CURRENT_LIMIT in device.controls
    assert "no plug" in caplog.text


@pytest.mark.usefixtures("published")
async def test_plugs_come_and_go(make: Make, cloud: Clemap, ticks: Ticks) -> None:
    """A plug leaves when three complete lists in ten minutes lacked it."""
    provider = make()
    first, second = fixture("status")
    ids = [f"{PUBLISHED}_{plug['plug_uuid']}" for plug in (first, second)]
    answer(cloud, [first])
    assert len((await provider.poll()).fleet) == 1
    answer(cloud, [second, first])
    fleet = (await provider.poll()).fleet
    assert len(fleet) == 3
    answer(cloud, [first, second])
    assert (await provider.poll()).fleet == fleet
    answer(cloud, [second])
    for seconds in (30, 30, 30, 500):
        ticks.now += seconds
        fleet = (await provider.poll()).fleet
        assert set(fleet) == {PUBLISHED, *ids}
        assert [fleet[each].stale for each in ids] == [True, False]
    ticks.now += 100
    assert set((await provider.poll()).fleet) == {PUBLISHED, ids[1]}
    answer(cloud, [second, first])
    assert not (await provider.poll()).fleet[ids[0]].stale


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("missing", ["unreadable", "without its uuid", "a stranger"])
async def test_crooked_list_proves_nothing(
    make: Make, cloud: Clemap, ticks: Ticks, missing: str
) -> None:
    provider = make()
    first, second = fixture("status")
    answer(cloud, [first, second])
    fleet = (await provider.poll()).fleet
    wrong: dict[str, Any] = {
        "unreadable": None,
        "without its uuid": second | {"plug_uuid": None},
        "a stranger": second | {"plug_uuid": "x", "evse_uuid": "y"},
    }
    answer(cloud, [first, wrong[missing]])
    for _ in range(5):
        ticks.now += 600
        assert (await provider.poll()).fleet.keys() == fleet.keys()


@pytest.mark.usefixtures("published")
async def test_empty_list_is_a_trouble_first(
    make: Make, cloud: Clemap, ticks: Ticks
) -> None:
    provider = make()
    answer(cloud, fixture("status"))
    fleet = (await provider.poll()).fleet
    answer(cloud, [])
    for _ in range(2):
        ticks.now += 600
        with pytest.raises(UnusableAnswerError) as caught:
            await provider.poll()
        assert caught.value.reason == "empty_list"
    answer(cloud, fixture("status"))
    assert (await provider.poll()).fleet.keys() == fleet.keys()
    answer(cloud, [])
    for _ in range(2):
        ticks.now += 600
        with pytest.raises(UnusableAnswerError):
            await provider.poll()
    ticks.now += 600
    assert set((await provider.poll()).fleet) == {PUBLISHED}


@pytest.mark.usefixtures("published")
async def test_only_plug_may_get_its_uuid_later(make: Make, cloud: Clemap) -> None:
    provider = make()
    plug = fixture("status")[1]
    for uuid in (None, plug["plug_uuid"], None):
        answer(cloud, [plug | {"plug_uuid": uuid}])
        device = await only(provider)
        assert (device.id, device.name) == (PUBLISHED, "Plug 2")
        assert device.readings[Reading.POWER] == 7107


@pytest.mark.usefixtures("published")
async def test_answer_that_was_asked_for_earlier_does_not_count(
    make: Make, cloud: Clemap, ticks: Ticks
) -> None:
    provider = make()
    plug = fixture("status")[1]
    answer(cloud, [plug], delay=0.2)
    poll = asyncio.create_task(provider.poll())
    await asyncio.sleep(0.05)
    ticks.now += 1
    answer(cloud, [plug | {"power": 0.0}])
    await provider.read(PUBLISHED)
    assert not poll.done()
    (device,) = (await poll).fleet.values()
    assert device.readings[Reading.POWER] == 0


async def test_unchanged_poll_returns_the_same_devices(
    make: Make, simulator: Simulator, cloud: Clemap, ticks: Ticks
) -> None:
    """Equal bytes are the same objects, all the way up."""
    provider = make("clemap-carport")
    fleet = (await provider.poll()).fleet
    ticks.now += 61
    assert (await provider.poll()).fleet is fleet
    one, _ = cloud.stations["clemap-carport"].connectors
    one.plug_in()
    simulator.world.clock.step(11)
    assert (await provider.poll()).fleet is not fleet


@pytest.mark.usefixtures("published")
async def test_each_plug_has_its_tells_online(make: Make, cloud: Clemap) -> None:
    first, second = fixture("status")
    provider = make()
    answer(cloud, [first | {"status": "offline"}, second])
    fleet = (await provider.poll()).fleet
    assert [device.online for device in fleet.values()] == [True, False, True]
    station, *plugs = fleet.values()
    assert not station.tells_online
    assert all(plug.tells_online for plug in plugs)
    answer(cloud, [first | {"status": "offline"}, second | {"status": "offline"}])
    fleet = (await provider.poll()).fleet
    assert [device.online for device in fleet.values()] == [False] * 3


@pytest.mark.usefixtures("published")
async def test_reading_that_stands_still_turns_stale(
    make: Make, cloud: Clemap, ticks: Ticks
) -> None:
    provider = make()
    plug = fixture("status")[1]
    answer(cloud, [plug])
    assert (await only(provider)).readings[Reading.POWER] == 7107
    # Seen a moment ago only: the clock may be wrong.
    ticks.now += 89
    assert (await only(provider)).readings[Reading.POWER] == 7107
    ticks.now += 1
    device = await only(provider)
    assert [device.readings[reading] for reading in LIVE] == [None] * 5
    assert device.readings[Reading.STATUS] is None
    assert device.readings[Reading.CLOUD_STATUS] == "charging"
    assert device.readings[Reading.LAST_UPDATE].year == 2024
    assert Control.CURRENT_LIMIT in device.controls
    answer(cloud, [plug | {"time": "2024-03-25T11:13:00.000Z"}])
    assert (await only(provider)).readings[Reading.POWER] == 7107


@pytest.mark.usefixtures("published")
async def test_reading_from_the_future_stands_still_too(
    make: Make, cloud: Clemap, ticks: Ticks
) -> None:
    """A clock ahead makes nothing live for ever."""
    provider = make()
    plug = fixture("status")[1] | {"time": "2099-01-01T00:00:00Z"}
    answer(cloud, [plug])
    await only(provider)
    ticks.now += 299
    assert (await only(provider)).readings[Reading.POWER] == 7107
    ticks.now += 1
    assert (await only(provider)).readings[Reading.POWER] is None


async def test_recent_reading_may_stand_still(make: Make, ticks: Ticks) -> None:
    provider = make()
    await provider.poll()
    ticks.now += 200
    assert (await only(provider)).readings[Reading.POWER] == 0


# The life of a charger


async def test_physical_life(
    make: Make, simulator: Simulator, cloud: Clemap, connector: Connector
) -> None:
    provider = make()

    async def after(seconds: float) -> tuple[Any, Any, bool | None, bool | None, Any]:
        simulator.world.clock.step(seconds)
        device = await only(provider)
        return (
            device.readings[Reading.CLOUD_STATUS],
            device.readings[Reading.STATUS],
            device.readings[Reading.PLUG],
            device.readings[Reading.CHARGING],
            device.readings[Reading.POWER],
        )

    cloud.quirks["refresh_seconds"] = 0
    assert await after(0) == ("idle", "disconnected", False, False, 0)
    connector.plug_in(Car(max_current=10, capacity_wh=3450, soc=0))
    assert await after(1) == ("connected", "connected", True, False, 0)
    assert await after(3) == ("starting", "starting", True, False, 0)
    assert (await after(3))[:2] == ("recently_started_charging", "charging")
    assert await after(30) == ("charging", "charging", True, True, 6762)
    connector.set_limit("test", 0)
    assert await after(1) == ("connected", "suspended_evse", True, False, 0)
    connector.set_limit("test", None)
    assert await after(1800) == ("connected", "connected", True, False, 0)
    connector.stop()
    assert await after(1) == ("stopped", None, None, False, 0)
    connector.set_fault("GroundFailure")
    assert await after(1) == ("error", "faulted", None, False, 0)
    connector.set_fault(None)
    connector.unplug()
    assert await after(1) == ("idle", "disconnected", False, False, 0)
    connector.station.set_online(False)
    assert await after(1) == ("offline", None, None, None, None)
    connector.station.set_online(True)
    assert await after(1) == ("idle", "disconnected", False, False, 0)
    connector.station.reset()
    assert await after(1) == ("init", None, None, None, None)


async def test_cloud_offline_and_back(make: Make, cloud: Clemap) -> None:
    provider = make()
    await provider.poll()
    cloud.connect(False)
    device = await only(provider)
    assert device.online is False
    assert device.readings[Reading.POWER] is None
    assert device.readings[Reading.LAST_UPDATE] is not None
    cloud.connect(True)
    assert (await only(provider)).online is True


# Polling


async def test_idle_polls_are_equal_and_cheap(make: Make, cloud: Clemap) -> None:
    provider = make()
    first = await provider.poll()
    assert [path.rsplit("/")[-1] for _, path in cloud.requests] == [
        "status",
        "currentsettings",
    ]
    cloud.requests.clear()
    assert await provider.poll() == first
    assert [path.rsplit("/")[-1] for _, path in cloud.requests] == ["status"]


async def test_interval_follows_the_charging(
    make: Make, simulator: Simulator, connector: Connector
) -> None:
    provider = make()
    assert (await provider.poll()).interval == timedelta(seconds=30)
    connector.plug_in()
    simulator.world.clock.step(60)
    assert (await provider.poll()).interval == timedelta(seconds=15)


async def test_station_that_is_not_wanted(make: Make, cloud: Clemap) -> None:
    """Nothing is asked for it, and a limit that was held lapses."""
    provider = make()
    await provider.execute(
        SetControl(device_id="any", control=Control.CURRENT_LIMIT, value=10.0)
    )
    await provider.poll()
    assert "held_limit" in provider.context.memory
    provider.context.selection = Selection(everything=False)
    cloud.requests.clear()
    assert (await provider.poll()).fleet == {}
    assert not cloud.requests
    assert provider.context.memory == {}


async def test_read_names_all_devices_of_the_station(make: Make) -> None:
    provider = make("clemap-carport")
    fleet = (await provider.poll()).fleet
    for device_id in fleet:
        assert await provider.read(device_id) == fleet


async def test_commands_follow_the_options(make: Make) -> None:
    device = await only(make())
    assert device.commands.keys() == {ClearLimit}
    assert set(device.controls) == {Control.CURRENT_LIMIT}
    device = await only(make(allow_pause=True))
    assert device.commands.keys() == {ClearLimit, StartCharging, StopCharging}
    assert set(device.controls) == {Control.CURRENT_LIMIT, Control.CHARGING}


async def test_what_a_station_cannot_do(make: Make) -> None:
    for command in (
        StartCharging(device_id="x"),
        StopCharging(device_id="x"),
    ):
        with pytest.raises(NotSupportedError):
            await make().execute(command)
    device = await only(make(allow_pause=True))
    assert device.commands[StartCharging] == {"current"}
    assert device.commands[StopCharging] == frozenset()


async def test_diagnostics_hold_the_last_answers(make: Make) -> None:
    provider = make()
    await provider.poll()
    text = json.dumps(provider.diagnostics())
    assert provider.context.settings["token"] not in text
    assert '"status": "idle"' in text


async def test_diagnostics_tell_unknown_words(make: Make, cloud: Clemap) -> None:
    cloud.quirks["status"] = "levitating"
    provider = make()
    await provider.poll()
    told = provider.diagnostics()["oddities"]
    assert "CLEMAP status: unknown word 'levitating'" in told
