"""AMPS's published payloads, and payloads that drift away from them."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime
import json
from pathlib import Path
import time
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    ChargingStatus,
    CommandRefusedError,
    Control,
    ControlState,
    NotFoundError,
    Outcome,
    Reading,
    Refusal,
    SetControl,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.providers.amps.state import ChargerState
from custom_components.ev_charger_cloud.providers.amps.wire import (
    Action,
    ActionState,
    Charger,
)
from simulator.faults import Fault

from ..fields import LeftOut, Place, changed, field_name, leaves, value_at
from .amps_account import ONE, Account, open_account

FIXTURES = Path(__file__).parents[1] / "fixtures" / "amps"


def fixture(name: str) -> Any:
    """Read a payload."""
    return json.loads((FIXTURES / f"{name}.json").read_text())


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
async def account(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Account]:
    async with open_account(session, monkeypatch) as account:
        yield account


def shown(payload: Any) -> Any:
    """Return the device that a payload becomes."""
    charger = Charger.decode(payload)
    known = ChargerState(
        monotonic=time.monotonic,
        charger=charger,
        name="Charger",
        action=charger.last_action,
    )
    return known.device(controllable=True)


# As published


def test_get_action_status() -> None:
    action = Action.decode(fixture("action_status"))
    assert action.id == "act_abc123"
    assert action.device_id == "device_xyz789"
    assert action.verb == "max_charge_rate"
    assert action.state is ActionState.ACKNOWLEDGED
    assert action.created_at == moment("2025-01-23T10:30:00")
    assert action.start == moment("2025-06-01T18:00:00")
    assert action.result is not None
    assert action.result["success"] is True
    assert action.maker_words == "Charging started successfully"
    assert action.complaint == "Device is currently offline (DEVICE_OFFLINE)"
    # An incoherent record: its state decides.
    assert action.open
    assert not action.failed
    assert not action.put_off


# What the fields of the seed's action may hold instead.
OTHERS: dict[str, Any] = {
    "deviceId": "device_other",
    "type": "ev-charger:stop_charging",
    "state": "completed",
    "result.success": False,
    "parameters.maxPower": 7,
    "source": "live",
    "unit": "W",
}


def other(place: Place, value: Any) -> Any:
    """Return another value than the one published."""
    name = field_name(place)
    if name in OTHERS:
        return OTHERS[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 2
    if isinstance(value, str) and value[:3] == "202":
        return value.replace("-0", "-1", 1)
    return {} if isinstance(value, list) else f"{value} other"


@pytest.mark.parametrize("place", leaves(fixture("action_status")), ids=field_name)
@pytest.mark.parametrize("state", ["acknowledged", "failed"])
async def test_every_field_of_an_action_counts(
    account: Account, place: Place, state: str
) -> None:
    """Each field of the published record changes what is answered or refused."""
    if (place, state) == (("errorMessage",), "acknowledged"):
        return  # words of an error count where there is one
    await account.settle()
    sent = {**fixture("action_status"), "deviceId": ONE, "state": state}

    async def asked(record: Any) -> object:
        account.cloud.faults.add(Fault(path="^/actions/", status=200, body=record))
        try:
            return await account.provider.follow(ONE, sent["id"])
        except NotFoundError as err:
            return err.reason

    before = await asked(sent)
    after = await asked(changed(sent, place, other(place, value_at(sent, place))))
    assert after != before
    if place == ("deviceId",):
        assert after == Refusal.UNKNOWN_ACTION


CHARGER = fixture("charger")["data"]
LEFT_OUT = LeftOut("amps")


@pytest.mark.parametrize(
    "place",
    # A word of a list is left out, too.
    [place for place in leaves(CHARGER) if value_at(CHARGER, place) != "windowed"],
    ids=field_name,
)
def test_each_field_of_a_charger_is_shown_or_left_out_for_a_reason(
    place: Place,
) -> None:
    """A reader of the reference finds every field of a charger again."""
    value = other(place, value_at(CHARGER, place))
    shows = shown(changed(CHARGER, place, value)) != shown(CHARGER)
    assert shows is not LEFT_OUT.has(place)


def test_nothing_is_left_out_that_is_nowhere() -> None:
    assert LEFT_OUT.strange(CHARGER, fixture("action_status")) == {"windowed"}


@pytest.mark.parametrize(
    ("name", "verb", "state"),
    [
        ("push_flat", "max_charge_rate", ActionState.ACKNOWLEDGED),
        ("push_canonical", "idle", ActionState.ACKNOWLEDGED),
        ("action_completed", "max_charge_rate", ActionState.COMPLETED),
        ("action_failed", "charge", ActionState.FAILED),
    ],
)
def test_actions(name: str, verb: str, state: ActionState) -> None:
    payload = fixture(name)
    action = Action.decode(payload.get("data", payload))
    assert (action.verb, action.state) == (verb, state)
    assert action.id.startswith("act_sim_")
    assert action.failed is (state is ActionState.FAILED)


def test_charger() -> None:
    device = shown(fixture("charger")["data"])
    assert (device.id, device.maker, device.model) == (
        "dev_sim_ev_1",
        "sim_vendor",
        "SimCharge 11",
    )
    assert device.readings == {
        Reading.STATUS: ChargingStatus.DISCONNECTED,
        Reading.CLOUD_STATUS: "available",
        Reading.PLUG: False,
        Reading.CHARGING: False,
        Reading.POWER: 0,
        Reading.MAXIMUM_CURRENT: 16,
        Reading.MAXIMUM_POWER: 11_000,
        Reading.LAST_UPDATE: moment("2026-06-01T08:00:00"),
        Reading.DATA_LINK: True,
        Reading.DATA_SOURCE: "projection",
        Reading.LAST_ACTION: "failed",
        Reading.LAST_ACTION_ERROR: (
            "The charger could not be reached. (DEVICE_OFFLINE)"
        ),
        Reading.LAST_ACTION_TYPE: "idle",
        Reading.LAST_ACTION_RESULT: None,
        Reading.LAST_ACTION_CREATED: moment("2026-06-01T06:00:00"),
        Reading.LAST_ACTION_UPDATED: moment("2026-06-01T06:00:07"),
        Reading.SCHEDULED_AT: None,
    }
    assert device.controls[Control.POWER_LIMIT] == ControlState(
        value=9000, minimum=0, maximum=50_000, step=100
    )


async def test_chargers(account: Account) -> None:
    account.cloud.faults.add(
        Fault(path="^/ev-charger$", status=200, body=fixture("chargers"))
    )
    (device,) = (await account.poll()).fleet.values()
    assert device.id == ONE
    (candidate, _) = await account.provider.candidates()
    assert candidate.name == "Home 11 (dev_sim_ev_1)"


def test_listed_charger() -> None:
    device = shown(fixture("chargers")["data"]["items"][0])
    assert device.readings[Reading.STATUS] is ChargingStatus.CHARGING
    assert device.readings[Reading.POWER] == 6900
    assert device.controls == {Control.CHARGING: ControlState(value=True)}


async def test_error(account: Account) -> None:
    await account.settle()
    account.cloud.faults.add(Fault(status=422, body=fixture("error")))
    command = SetControl(device_id=ONE, control=Control.POWER_LIMIT, value=6500.0)
    with pytest.raises(CommandRefusedError) as caught:
        await account.provider.execute(command)
    assert caught.value.message == "max_charge_rate must be between 0 and 50 kw."
    assert caught.value.reason == Refusal.INVALID_VALUE


async def test_settings(account: Account) -> None:
    await account.settle()
    account.cloud.faults.add(Fault(status=200, body=fixture("settings")))
    command = SetControl(device_id=ONE, control=Control.POWER_LIMIT, value=6500.0)
    assert (await account.provider.execute(command)).outcome is Outcome.ACCEPTED


# The table of plug and charging


@pytest.mark.parametrize(
    ("connected", "charging", "word", "status", "plug", "flows"),
    [
        (False, False, "charging", ChargingStatus.DISCONNECTED, False, False),
        (True, False, "available", ChargingStatus.CONNECTED, True, False),
        (True, True, "available", ChargingStatus.CHARGING, True, True),
        (False, True, "available", ChargingStatus.CHARGING, True, True),
        (None, True, None, ChargingStatus.CHARGING, True, True),
        (False, None, None, ChargingStatus.DISCONNECTED, False, False),
        (True, None, "charging", None, True, None),
        (None, False, "charging", None, None, False),
        (None, None, "charging", ChargingStatus.CHARGING, True, True),
        (None, None, "available", ChargingStatus.DISCONNECTED, False, False),
        (None, None, "preparing", None, None, None),
        (None, None, None, None, None, None),
    ],
)
def test_plug_and_charging(
    connected: bool | None,
    charging: bool | None,
    word: str | None,
    status: ChargingStatus | None,
    plug: bool | None,
    flows: bool | None,
) -> None:
    state = {"isConnected": connected, "isCharging": charging, "status": word}
    device = shown({"id": "x", "state": state})
    assert device.readings[Reading.STATUS] is status
    assert device.readings[Reading.PLUG] is plug
    assert device.readings[Reading.CHARGING] is flows
    assert device.readings[Reading.CLOUD_STATUS] == word
    assert device.readings[Reading.POWER] is None
    # Whether a vehicle that does not charge waits for a start, nothing tells.
    on = None if plug and flows is False else flows
    assert device.controls[Control.CHARGING].value is on


def test_unknown_word_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        shown({"id": "x", "state": {"status": "levitating"}})
    assert caplog.text.count("levitating") == 1


# Drift


def places(payload: Any, *above: str) -> Iterator[tuple[str, ...]]:
    """Return the path of every key."""
    for key, value in payload.items():
        yield (*above, key)
        if isinstance(value, Mapping):
            yield from places(value, *above, key)


ODDITIES: list[Any] = [None, "odd", 7, True, [], {}, [None], {"odd": None}]


def drifted(payload: Any, place: tuple[str, ...], value: Any) -> Any:
    """Return a payload with another value, or none, at a place."""
    copy = deepcopy(payload)
    *above, key = place
    parent = copy
    for step in above:
        parent = parent[step]
    if value is ...:
        del parent[key]
    else:
        parent[key] = value
    return copy


CHARGER = fixture("charger")["data"]
ACTION = fixture("action_failed")["data"]


@pytest.mark.parametrize("value", [..., *ODDITIES], ids=repr)
@pytest.mark.parametrize("place", list(places(CHARGER)), ids=".".join)
def test_charger_drifts(place: tuple[str, ...], value: Any) -> None:
    payload = drifted(CHARGER, place, value)
    if place == ("id",) and value not in ("odd", 7):
        with pytest.raises(UnusableAnswerError):
            Charger.decode(payload)
        return
    device = shown(payload)
    # What is not concerned stays as it was.
    before = shown(CHARGER)
    if place[0] not in ("state", "commands"):
        for reading in (Reading.STATUS, Reading.PLUG, Reading.POWER):
            assert device.readings[reading] == before.readings[reading]
    if place[0] not in ("settings", "commands"):
        assert (
            device.controls[Control.POWER_LIMIT] == before.controls[Control.POWER_LIMIT]
        )
    for reading in (Reading.POWER, Reading.MAXIMUM_CURRENT, Reading.MAXIMUM_POWER):
        number = device.readings.get(reading)
        assert number is None or isinstance(number, float)


@pytest.mark.parametrize("value", [..., *ODDITIES], ids=repr)
@pytest.mark.parametrize("place", list(places(ACTION)), ids=".".join)
def test_action_drifts(place: tuple[str, ...], value: Any) -> None:
    payload = drifted(ACTION, place, value)
    if place == ("id",) and value not in ("odd", 7):
        with pytest.raises(UnusableAnswerError):
            Action.decode(payload)
        return
    action = Action.decode(payload)
    if place != ("state",):
        assert action.failed
    assert isinstance(action.complaint, str)


@pytest.mark.parametrize("place", list(places(CHARGER)), ids=".".join)
async def test_drifting_charger_leaves_the_poll_alone(
    account: Account, place: tuple[str, ...]
) -> None:
    for value in (..., None, "odd"):
        account.cloud.faults.add(
            Fault(path=f"{ONE}$", status=200, body=drifted(CHARGER, place, value))
        )
        fleet = (await account.settle(901)).fleet
        assert fleet[ONE].id == ONE
        assert not fleet["dev_sim_ev_2"].stale


def test_numbers_as_text() -> None:
    payload = deepcopy(CHARGER)
    payload["state"]["currentPower"] = " 6.9 "
    payload["settings"]["max_charge_rate"] |= {"value": "7.4", "unit": "kW"}
    device = shown(payload)
    assert device.readings[Reading.POWER] == 6900
    assert device.controls[Control.POWER_LIMIT].value == 7400


def test_kilowatts_become_even_watts() -> None:
    payload = deepcopy(CHARGER)
    payload["state"]["currentPower"] = 1.001  # times 1000: 1000.9999999999999
    assert shown(payload).readings[Reading.POWER] == 1001


def test_unknown_keys_are_passed_over() -> None:
    payload = {**deepcopy(CHARGER), "new": {"deep": []}}
    payload["state"]["new"] = 1
    payload["commands"]["boost"] = {"parameters": {"x": 1}, "execution": ["immediate"]}
    payload["settings"]["new"] = {"value": "auto"}
    assert shown(payload) == shown(CHARGER)


def test_unknown_action_state_is_not_an_end() -> None:
    action = Action.decode({"id": "a", "state": "pondering"})
    assert action.open
    assert not action.failed


def test_ids_are_lower_case_outside() -> None:
    assert shown({"id": "dev_AbC"}).id == "dev_abc"


def test_long_complaints_fit_a_state() -> None:
    last = {"id": "a", "state": "failed", "errorMessage": "x" * 400}
    readings = shown({"id": "x", "lastAction": last}).readings
    assert len(readings[Reading.LAST_ACTION_ERROR]) == 255


def test_failure_without_words() -> None:
    last = {"id": "a", "state": "failed"}
    readings = shown({"id": "x", "lastAction": last}).readings
    assert readings[Reading.LAST_ACTION] == "failed"
    assert readings[Reading.LAST_ACTION_ERROR] is None


# Which action is the last


@pytest.mark.parametrize(
    ("told", "last"),
    [
        (None, "mine"),
        ({"id": "older", "createdAt": "2026-01-01T00:00:00Z"}, "mine"),
        ({"id": "newer", "createdAt": "2026-01-01T02:00:00Z"}, "newer"),
        ({"id": "undated"}, "undated"),
    ],
)
def test_last_action(told: Any, last: str) -> None:
    mine = Action.decode(
        {"id": "mine", "createdAt": "2026-01-01T01:00:00Z", "state": "completed"}
    )
    chosen = mine.or_newer(Action.decode(told) if told else None)
    assert chosen.id == last


def test_last_action_is_told_with_less() -> None:
    start = "2026-01-01T06:00:00Z"
    mine = Action.decode({"id": "mine", "state": "scheduled", "start": start})
    told = Action.decode({"id": "mine", "state": "scheduled"})
    assert mine.or_newer(told).start == moment("2026-01-01T06:00:00")
    ended = Action.decode({"id": "mine", "state": "completed"})
    assert ended.or_newer(told).state is ActionState.COMPLETED
