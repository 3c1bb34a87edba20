"""Plugchoice: payloads as published, and what else may come."""

from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, datetime, timedelta
import logging
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    CURRENTS,
    VOLTAGES,
    ChargingStatus,
    Control,
    Device,
    ErrorCode,
    Reading,
    StopReason,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.providers import wire as decoding
from custom_components.ev_charger_cloud.providers.plugchoice.meter import (
    ConnectorMeter,
    Sample,
    SampleTrack,
    of_meter_values,
    of_power_usage,
)
from custom_components.ev_charger_cloud.providers.plugchoice.wire import (
    Charger,
    LatestMeterValue,
    PlugCharge,
    PowerUsage,
)

from ..fields import LeftOut, Place, changed, field_name, leaves, value_at
from .plugchoice_account import (
    DRIVEWAY,
    PlugchoiceAccount,
    payload,
    plugchoice_account,
    shown,
)

NOW = datetime(2026, 9, 2, 18, 22, 40, tzinfo=UTC)
DRIFT: dict[str, Any] = {
    "null": None,
    "missing": ...,
    "text": "¿qué?",
    "blank": "  ",
    "number": 7,
    "number as text": " 7.5 ",
    "negative": -3,
    "huge": 1e300,
    "truth": True,
    "list": [1, None, "x", {}],
    "object": {"x": {"y": []}},
}


@pytest.fixture
async def account(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[PlugchoiceAccount]:
    async with plugchoice_account(session, monkeypatch) as account:
        monkeypatch.setattr(decoding, "_seen", set())
        yield account


async def device_by(account: PlugchoiceAccount, **answers: Any) -> Device:
    """Poll a cloud that gives these answers for its one charger."""
    bodies = {
        "charger": payload("charger"),
        "chargers": payload("chargers"),
        "power_usage": payload("power_usage"),
        "latest_metervalue": payload("latest_metervalue"),
        "transactions": payload("transactions"),
        "plug_charge": payload("plug_charge"),
    } | answers
    account.cloud.faults.clear()
    account.answer("^/sites$", {"data": []})
    account.answer("^/chargers$", bodies["chargers"])
    account.answer("/chargers/[^/]+$", bodies["charger"])
    account.answer("power-usage", bodies["power_usage"])
    account.answer("latest-metervalue", bodies["latest_metervalue"])
    account.answer("transactions", bodies["transactions"])
    account.answer("plug-charge", bodies["plug_charge"])
    fleet = (await account.provider().poll()).fleet
    assert len(fleet) == 1
    return next(iter(fleet.values()))


# As published


async def test_published_example(
    account: PlugchoiceAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "custom_components.ev_charger_cloud.providers.plugchoice.meter.datetime",
        type("Then", (), {"now": staticmethod(lambda zone: NOW)}),
    )
    device = await device_by(account)
    assert (device.id, device.name, device.serial) == (DRIVEWAY, "Driveway", "AA123456")
    assert (device.maker, device.model) == ("Volt Time", "Source 2S")
    assert device.firmware == "1.4.2"
    assert device.online is True
    assert device.readings == {
        Reading.STATUS: ChargingStatus.CHARGING,
        Reading.CLOUD_STATUS: "Charging",
        Reading.PLUG: True,
        Reading.CHARGING: True,
        Reading.PROBLEM: False,
        Reading.ERROR_CODE: ErrorCode.NO_ERROR,
        Reading.ERROR_DETAIL: None,
        Reading.POWER: 10_950,
        Reading.CURRENT_PHASE_1: 15.9,
        Reading.CURRENT_PHASE_2: 15.8,
        Reading.CURRENT_PHASE_3: 15.9,
        Reading.VOLTAGE_PHASE_1: 229.8,
        Reading.CURRENT_OFFERED: 16,
        Reading.MAXIMUM_CURRENT: 16,
        Reading.LIFETIME_ENERGY: 1_523_400,
        Reading.LAST_UPDATE: datetime(2026, 9, 2, 18, 22, 35, 120_000, tzinfo=UTC),
        Reading.LAST_HEARTBEAT: NOW,
        Reading.SERVER: "ocpp-eu-1",
        Reading.BLOCKED: False,
        Reading.DIRECT_CURRENT: False,
        Reading.CREATED_AT: datetime(2025, 4, 1, 9, tzinfo=UTC),
        Reading.SETUP_PENDING: False,
        Reading.SETUP_COMPLETED: True,
        Reading.LAST_CONNECTION: datetime(2026, 9, 1, 5, 10, 11, tzinfo=UTC),
        Reading.LAST_DISCONNECTION: datetime(2026, 9, 1, 5, 9, 58, tzinfo=UTC),
        Reading.VENDOR_ID: None,
        Reading.MAXIMUM_VOLTAGE: 230.0,
        Reading.CONNECTOR_STANDARD: "IEC 62196",
        Reading.CONNECTOR_FORMAT: "Socket",
        Reading.POWER_TYPE: "AC_3_PHASE",
        Reading.PHASE_ROTATION: "RST",
        Reading.LICENCE: "smart",
        Reading.SOCKET_LOCK: False,
        Reading.SESSION_ENERGY: 4400,
        Reading.SESSION_START: datetime(2026, 9, 2, 17, 58, tzinfo=UTC),
        Reading.SESSION_END: None,
        Reading.LAST_SESSION_ENERGY: None,
        Reading.STOP_REASON: None,
    }
    assert device.controls[Control.PLUG_AND_CHARGE].value is True
    assert device.controls[Control.CURRENT_LIMIT].value is None


def test_reference_page_is_readable() -> None:
    charger = Charger.decode(payload("charger_reference"))
    assert charger.uuid == "<string>"
    assert charger.max_current == 123
    assert charger.connectors[0].connector_id == 123
    assert charger.last_heartbeat_at is None
    assert charger.permissions is not None
    assert charger.permissions.sensitive is True


async def test_reference_page_is_no_reason_to_fail(
    account: PlugchoiceAccount, caplog: pytest.LogCaptureFixture
) -> None:
    device = await device_by(account, charger=payload("charger_reference"))
    assert device.readings[Reading.STATUS] is None
    assert device.readings[Reading.POWER] is None
    assert device.readings[Reading.CLOUD_STATUS] == "<string>"
    assert device.readings[Reading.LICENCE] == "pro"
    warnings = [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING and "Plugchoice" in record.getMessage()
    ]
    assert len(warnings) == len(set(warnings)) == 3  # status, connection, error


@pytest.mark.parametrize("bare", [False, True])
async def test_envelope_or_none(account: PlugchoiceAccount, bare: bool) -> None:
    account.cloud.quirks["bare"] = bare
    for charger in account.cloud.chargers.values():
        charger.site = None
    device = (await account.provider().poll()).fleet[DRIVEWAY]
    assert device.readings[Reading.STATUS] is ChargingStatus.DISCONNECTED


@pytest.mark.parametrize(
    "omit",
    [["parsed_firmware_version", "is_dc", "current_limit", "is_valid"], ["links"]],
)
async def test_keys_that_older_answers_lack(
    account: PlugchoiceAccount, omit: list[str]
) -> None:
    account.cloud.quirks["omit"] = omit
    device = (await account.provider().poll()).fleet[DRIVEWAY]
    assert device.firmware in ("1.4.2", "V1.4.2-b77")


@pytest.mark.parametrize("max_current", ["number", "string", "null"])
async def test_maximum_current_in_any_spelling(
    account: PlugchoiceAccount, max_current: str
) -> None:
    account.cloud.quirks["max_current"] = max_current
    device = (await account.provider().poll()).fleet[DRIVEWAY]
    assert device.readings[Reading.MAXIMUM_CURRENT] == 16


def test_plug_charge() -> None:
    assert PlugCharge.decode(payload("plug_charge")) == PlugCharge(
        enabled=True, current_card="04A1B2C3D4"
    )


# Samples


def test_one_phase_and_dashes() -> None:
    sample = of_power_usage(PowerUsage.decode(payload("power_usage_one_phase")))
    assert sample.values == {Reading.CURRENT_PHASE_1: 0, Reading.POWER: 0}


def test_blanks_are_trimmed() -> None:
    sample = of_power_usage(PowerUsage.decode({"L1": " 0.0", "L2": "", "kW": "-"}))
    assert sample.values == {Reading.CURRENT_PHASE_1: 0}
    track = SampleTrack()
    track.take(sample, 0.0)
    assert not track.live(0.0)  # nobody knows when


@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(hours=2)])
def test_sample_is_live_by_its_moving_and_not_by_a_clock(ahead: timedelta) -> None:
    track, every = SampleTrack(), 900.0
    for n in range(4):
        at = NOW + ahead + timedelta(seconds=n * every)
        track.take(Sample(at=at, values={Reading.POWER: 1.0}), n * every)
    # One every fifteen minutes is patience for half an hour, and then it is frozen.
    assert track.live(3 * every + 1799)
    assert not track.live(3 * every + 1801)


def test_sample_that_comes_often_is_frozen_soon() -> None:
    track = SampleTrack()
    for n in range(4):
        track.take(Sample(at=NOW + timedelta(seconds=10 * n), values={}), float(10 * n))
    assert track.live(30 + 119)
    assert not track.live(30 + 121)


def test_values_that_move_are_live_though_nobody_stamps_them() -> None:
    track = SampleTrack()
    for n, power in enumerate((1.0, 1.0, 2.0)):
        track.take(Sample(values={Reading.POWER: power}), float(n))
        assert track.live(n) is (n == 2)


def test_usage_of_the_same_time_as_meter_values_is_no_newer() -> None:
    meter = ConnectorMeter()
    stamp = NOW.isoformat()
    sampled = {"value": "11", "measurand": "Power.Active.Import", "unit": "kW"}
    message = {"meterValue": [{"timestamp": stamp, "sampledValue": [sampled]}]}
    meter.take_values(LatestMeterValue.decode(message), 0.0)
    assert meter.live(100, None) == {Reading.POWER: 11_000}
    meter.take_usage(PowerUsage.decode({"timestamp": stamp, "kW": "12"}), 100.0)
    assert meter.live(300, None) == {}


def values_of(*samples: dict[str, Any]) -> dict[Reading, float]:
    return of_meter_values(
        LatestMeterValue.decode({"meterValue": [{"sampledValue": list(samples)}]})
    ).values


@pytest.mark.parametrize(
    ("sample", "values"),
    [
        ({"value": "5"}, {Reading.LIFETIME_ENERGY: 5}),
        ({"value": "5", "unit": "kWh"}, {Reading.LIFETIME_ENERGY: 5000}),
        ({"value": "5", "phase": "L1"}, {}),
        ({"value": "5", "unit": "varh"}, {}),
        ({"value": "-", "unit": "Wh"}, {}),
        ({"value": "3", "measurand": "Power.Active.Import"}, {Reading.POWER: 3}),
        (
            {"value": "3", "measurand": "Power.Active.Import", "unit": "kW"},
            {Reading.POWER: 3000},
        ),
        (
            {"value": "3", "measurand": "Power.Offered", "unit": "kW"},
            {Reading.POWER_OFFERED: 3000},
        ),
        ({"value": "3", "measurand": "Power.Reactive.Import"}, {}),
        ({"value": "9", "measurand": "Current.Import"}, {}),
        ({"value": "9", "measurand": "Current.Import", "phase": "N"}, {}),
        (
            {"value": "9", "measurand": "Current.Import", "phase": "L2"},
            {Reading.CURRENT_PHASE_2: 9},
        ),
        ({"value": "231", "measurand": "Voltage"}, {Reading.VOLTAGE_PHASE_1: 231}),
        ({"value": "400", "measurand": "Voltage", "phase": "L1-L2"}, {}),
        (
            {"value": "230", "measurand": "Voltage", "phase": "L3-N"},
            {Reading.VOLTAGE_PHASE_3: 230},
        ),
        (
            {"value": "68", "measurand": "Temperature", "unit": "Fahrenheit"},
            {Reading.TEMPERATURE: 20},
        ),
        (
            {"value": "293.15", "measurand": "Temperature", "unit": "K"},
            {Reading.TEMPERATURE: 20},
        ),
        (
            {"value": "80", "measurand": "SoC", "unit": "Percent"},
            {Reading.STATE_OF_CHARGE: 80},
        ),
    ],
)
def test_meter_values(sample: dict[str, Any], values: dict[Reading, float]) -> None:
    assert values_of(sample) == values


def test_power_of_phases_is_summed_where_there_is_no_total() -> None:
    phases = [
        {"value": "1", "measurand": "Power.Active.Import", "unit": "kW", "phase": phase}
        for phase in ("L1", "L2", "L3-N", "N")
    ]
    bad = {"value": "?", "measurand": "Power.Active.Import", "phase": "L1"}
    assert values_of(*phases, bad) == {Reading.POWER: 3000}
    total = {"value": "2900", "measurand": "Power.Active.Import"}
    assert values_of(total, *phases) == {Reading.POWER: 2900}


def test_phase_over_mean_and_outlet_over_inlet() -> None:
    first = {"value": "229", "measurand": "Voltage", "phase": "L1"}
    mean = {"value": "231", "measurand": "Voltage"}
    assert values_of(first, mean) == {Reading.VOLTAGE_PHASE_1: 229}
    outlet = {"value": "10", "location": "Outlet"}
    inlet = {"value": "11", "location": "Inlet"}
    assert values_of(outlet, inlet) == {Reading.LIFETIME_ENERGY: 10}
    assert values_of(inlet) == {Reading.LIFETIME_ENERGY: 11}


def test_later_meter_value_wins() -> None:
    message = LatestMeterValue.decode(
        {
            "meterValue": [
                {
                    "timestamp": "2026-09-02T18:00:10Z",
                    "sampledValue": [{"value": "12"}],
                },
                {
                    "timestamp": "2026-09-02T18:00:00Z",
                    "sampledValue": [{"value": "11"}],
                },
            ]
        }
    )
    sample = of_meter_values(message)
    assert sample.values == {Reading.LIFETIME_ENERGY: 12}
    assert sample.at == datetime(2026, 9, 2, 18, 0, 10, tzinfo=UTC)


# Drift


def places(
    body: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[str | int, ...]]:
    """List where every value of a body stands, containers included."""
    if path:
        yield path
    items = body.items() if isinstance(body, dict) else enumerate(body)
    if isinstance(body, dict | list):
        for key, value in items:
            if isinstance(value, dict | list):
                yield from places(value, (*path, key))
            else:
                yield (*path, key)


def drifting(name: str) -> list[Any]:
    return [
        pytest.param(name, path, id=f"{name}:{'.'.join(map(str, path))}")
        for path in places(payload(name))
    ]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        *drifting("charger"),
        *drifting("power_usage"),
        *drifting("latest_metervalue"),
        *drifting("transactions"),
        *drifting("plug_charge"),
    ],
)
async def test_drift_of_any_field(
    account: PlugchoiceAccount, name: str, path: tuple[str | int, ...]
) -> None:
    """Whatever comes instead of a value, the charger stays, and nothing is made up."""
    sound = await device_by(account)
    for value in DRIFT.values():
        device = await device_by(account, **{name: changed(payload(name), path, value)})
        assert device.id == DRIVEWAY
        if path == ("data",) and name == "charger":
            continue  # no charger at all: see below
        for reading in device.readings.keys() & sound.readings.keys():
            before, now = sound.readings[reading], device.readings[reading]
            if before is not None and now is not None:
                assert isinstance(now, type(before) | float | int), reading
        for reading in (*CURRENTS, *VOLTAGES, Reading.LIFETIME_ENERGY):
            assert device.readings.get(reading) != 0


LEFT_OUT = LeftOut("plugchoice")
# Fields that show beside others only, and those others.
BESIDE: dict[str, dict[Place, Any]] = {
    "firmware_version": {("data", "parsed_firmware_version"): None},
    "error_info": {("data", "error"): "OtherError"},
    "vendor_error_code": {("data", "error"): "OtherError"},
    "connectors.error_info": {("data", "connectors", 0, "error"): "OtherError"},
    "connectors.vendor_error_code": {("data", "connectors", 0, "error"): "OtherError"},
}
OTHERS: dict[str, Any] = {
    "connection_status": "offline",
    "status": "Faulted",
    "error": "ReaderFailure",
    "connectors.error": "ReaderFailure",
    "connectors.status": "SuspendedEV",
    "connectors.current_limit": 9,
    "connectors.connector_id": 2,
}


def other(name: str, value: Any) -> Any:
    """Return another value than the one published."""
    if name in OTHERS:
        return OTHERS[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value - 3
    if isinstance(value, str) and value.startswith("202"):
        return value.replace("202", "203", 1)
    return "Another"


def shown_of(device: Device) -> object:
    return {
        **{key: getattr(device, key) for key in ("name", "maker", "model", "serial")},
        **{key: getattr(device, key) for key in ("firmware", "online", "commands")},
        "readings": dict(device.readings),
        "controls": dict(device.controls),
    }


@pytest.mark.parametrize(
    "place",
    # What rights do has tests of its own.
    [place for place in leaves(payload("charger")) if "permissions" not in place],
    ids=field_name,
)
async def test_each_field_is_shown_or_left_out_for_a_reason(
    account: PlugchoiceAccount, place: Place
) -> None:
    """A reader of the reference finds every field of a charger again."""
    name = field_name(place[1:])
    body = payload("charger")
    for where, value in BESIDE.get(name, {}).items():
        body = changed(body, where, value)
    sound = await device_by(account, charger=body)
    body = changed(body, place, other(name, value_at(body, place)))
    device = await device_by(account, charger=body)
    assert (shown_of(device) != shown_of(sound)) is not LEFT_OUT.has(place[1:])


def test_nothing_is_left_out_that_no_charger_has() -> None:
    assert LEFT_OUT.strange(payload("charger")["data"]) == set()


@pytest.mark.parametrize("name", ["charger", "chargers", "power_usage", "transactions"])
async def test_keys_that_nobody_knows(account: PlugchoiceAccount, name: str) -> None:
    sound = await device_by(account)
    body = payload(name) | {"new": {"key": [1]}}
    if isinstance(body.get("data"), dict):
        body["data"]["new"] = "x"
    assert await device_by(account, **{name: body}) == sound


@pytest.mark.parametrize(
    "body", [None, [], "text", 7, {}, {"data": []}, {"data": None}]
)
async def test_charger_that_is_no_charger(
    account: PlugchoiceAccount, body: Any
) -> None:
    try:
        device = await device_by(account, charger=body)
    except UnusableAnswerError:
        return
    assert Reading.STATUS not in device.readings


@pytest.mark.parametrize("body", [None, "text", 7, {}, {"data": None}, {"data": {}}])
async def test_list_that_is_no_list_loses_nobody(
    account: PlugchoiceAccount, body: Any
) -> None:
    provider = account.provider()
    fleet = (await provider.poll()).fleet
    account.step(16 * 60)
    account.answer("^/chargers$", body, times=2)
    assert (await provider.poll()).fleet.keys() == fleet.keys()
    with pytest.raises(UnusableAnswerError):
        await account.provider().poll()


async def test_list_items_that_are_no_chargers(account: PlugchoiceAccount) -> None:
    body = payload("chargers")
    body["data"] += [None, 7, {}, {"uuid": None}]
    device = await device_by(account, chargers=body)
    assert device.id == DRIVEWAY


@pytest.mark.parametrize(
    "links",
    [
        {"next": "https://elsewhere.example/chargers?page=2"},
        {"next": "?cursor=abc"},
        {"next": "https://[elsewhere?page=2#end"},
        {"next": None},
        {"next": 7},
        None,
    ],
)
async def test_next_page_is_never_fetched_from_elsewhere(
    account: PlugchoiceAccount, links: Any
) -> None:
    body = payload("chargers") | {"links": links}
    device = await device_by(account, chargers=body)
    assert device.id == DRIVEWAY
    assert account.requests().count("GET /chargers") <= 2


async def test_pages_that_never_end(account: PlugchoiceAccount) -> None:
    body = payload("chargers") | {"next_page_url": "/chargers?page=2"}
    await device_by(account, chargers=body)
    assert account.requests().count("GET /chargers") == 2


@pytest.mark.parametrize(
    ("word", "reason"), [("EVDisconnected", StopReason.EV_DISCONNECTED), ("New", None)]
)
async def test_words_of_the_end(
    account: PlugchoiceAccount, word: str, reason: StopReason | None
) -> None:
    body = payload("transactions")
    body["data"][0] |= {
        "stopped_at": "2026-09-02T18:30:00.000000Z",
        "stop_reason": word,
        "meter_stop": 1_523_000,
        "total_kwh": None,
    }
    charger = payload("charger")
    charger["data"]["connectors"][0]["status"] = "Available"
    device = await device_by(account, transactions=body, charger=charger)
    assert shown(device, Reading.STOP_REASON, Reading.LAST_SESSION_ENERGY) == {
        Reading.STOP_REASON: reason,
        Reading.LAST_SESSION_ENERGY: 4000,
    }


@pytest.mark.parametrize(
    ("changes", "energy"),
    [
        ({"total_kwh": "7.00"}, 7000),
        ({"total_kwh": 7}, 7000),
        ({"total_kwh": 0, "meter_stop": 1_523_000}, 4000),
        ({"total_kwh": None, "meter_stop": 1_518_000}, 0),
        ({"total_kwh": 0}, 0),
        ({"total_kwh": "-1"}, 0),
        ({"total_kwh": None}, None),
    ],
)
async def test_energy_of_the_last_session(
    account: PlugchoiceAccount, changes: dict[str, Any], energy: float | None
) -> None:
    body = payload("transactions")
    body["data"][0] |= {"stopped_at": "2026-09-02T18:30:00.000000Z", **changes}
    del body["data"][0]["connector"], body["data"][0]["charger_connector_id"]
    charger = payload("charger")
    charger["data"]["connectors"][0]["status"] = "Available"
    device = await device_by(account, transactions=body, charger=charger)
    assert device.readings[Reading.LAST_SESSION_ENERGY] == energy


async def test_list_without_an_envelope(account: PlugchoiceAccount) -> None:
    device = await device_by(account, chargers=payload("chargers")["data"])
    assert device.id == DRIVEWAY
