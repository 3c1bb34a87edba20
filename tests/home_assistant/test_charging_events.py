"""What happens at chargers, on Home Assistant's event bus."""

from datetime import timedelta
import time
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.ev_charger_cloud.charging import (
    ErrorCode,
    Event,
    EventKind,
    Money,
    Reading,
    SessionStatus,
    StopReason,
    Value,
)
from custom_components.ev_charger_cloud.const import EVENT_CHARGING
from custom_components.ev_charger_cloud.providers.base import Received
from homeassistant.core import Event as BusEvent, HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .devices import MOMENT, SetUp, charger, device_entry, tick
from .fake_provider import FakeProvider

STARTED = MOMENT
ENDED = MOMENT + timedelta(hours=2)

IDLE: dict[Reading, Value] = {
    Reading.SESSION_STATUS: SessionStatus.FINISHED,
    Reading.SESSION_ENERGY: 0.0,
    Reading.PROBLEM: False,
    Reading.ERROR_CODE: ErrorCode.NO_ERROR,
}
ACTIVE: dict[Reading, Value] = {
    **IDLE,
    Reading.SESSION_STATUS: SessionStatus.ACTIVE,
    Reading.SESSION_START: STARTED,
    Reading.SESSION_ENERGY: 3000.0,
}
FINISHED: dict[Reading, Value] = {
    **ACTIVE,
    Reading.SESSION_STATUS: SessionStatus.FINISHED,
    Reading.SESSION_END: ENDED,
    Reading.SESSION_ENERGY: 12400.0,
    Reading.SESSION_COST: Money(4.5, "EUR"),
    Reading.STOP_REASON: StopReason.REMOTE,
}


@pytest.fixture
def heard(home: HomeAssistant) -> list[dict[str, Any]]:
    """Return what is told on the bus from now on."""
    events: list[dict[str, Any]] = []

    @callback
    def note(event: BusEvent) -> None:
        events.append(dict(event.data))

    home.bus.async_listen(EVENT_CHARGING, note)
    return events


@pytest.fixture(autouse=True)
def fleet(fake: type[FakeProvider], freezer: FrozenDateTimeFactory) -> None:
    """Give the account an idle charger; time stands still."""
    fake.fleet = {"c1": charger(readings=IDLE)}


async def test_session(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: list[dict[str, Any]],
) -> None:
    """A session is told when it starts and, with what it came to, when it is over."""
    await set_up()
    entry = device_entry(home, "c1")
    assert entry is not None
    fake.change("c1", readings=ACTIVE)
    await tick(home, freezer, 61)
    assert heard == [
        {
            "type": "session_started",
            "device_id": entry.id,
            "at": STARTED.isoformat(),
        }
    ]
    heard.clear()
    await tick(home, freezer, 61)
    assert heard == []
    fake.change("c1", readings=FINISHED)
    await tick(home, freezer, 61)
    await tick(home, freezer, 61)
    assert heard == [
        {
            "type": "session_finished",
            "device_id": entry.id,
            "at": ENDED.isoformat(),
            "energy": 12400.0,
            "duration": 7200.0,
            "cost": 4.5,
            "currency": "EUR",
            "stop_reason": "remote",
        }
    ]


async def test_fault(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: list[dict[str, Any]],
) -> None:
    """A fault is told when it comes and when it goes."""
    await set_up()
    fake.change(
        "c1",
        readings={
            **IDLE,
            Reading.PROBLEM: True,
            Reading.ERROR_CODE: ErrorCode.GROUND_FAILURE,
        },
    )
    await tick(home, freezer, 61)
    fake.change("c1", readings=IDLE)
    await tick(home, freezer, 61)
    assert [(event["type"], event.get("error_code")) for event in heard] == [
        ("fault_raised", "ground_failure"),
        ("fault_cleared", None),
    ]


async def test_connection(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: list[dict[str, Any]],
) -> None:
    """A charger that loses its cloud is told of, and its return."""
    await set_up()
    for online in (False, True):
        fake.change("c1", online=online)
        await tick(home, freezer, 61)
    assert [event["type"] for event in heard] == [
        "connection_lost",
        "connection_restored",
    ]


@pytest.mark.parametrize("readings", [ACTIVE, FINISHED])
async def test_nothing_is_told_at_the_start(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: list[dict[str, Any]],
    readings: dict[Reading, Value],
) -> None:
    """What goes on when an account is set up or loaded anew is no event."""
    fake.change("c1", readings=readings)
    fake.events = (
        Event(kind=EventKind.SESSION_STARTED, device_id="c1", at=STARTED, key="s1"),
    )
    entry = await set_up()
    await tick(home, freezer, 61)
    await home.config_entries.async_reload(entry.entry_id)
    await home.async_block_till_done()
    await tick(home, freezer, 61)
    assert heard == []


async def test_what_is_told_twice_is_one_event(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: list[dict[str, Any]],
) -> None:
    """The cloud tells of a session that shows in the readings too."""
    await set_up()
    fake.change("c1", readings=ACTIVE)
    fake.events = (
        Event(
            kind=EventKind.SESSION_STARTED,
            device_id="c1",
            at=STARTED,
            key=STARTED.isoformat(),
        ),
    )
    await tick(home, freezer, 61)
    await tick(home, freezer, 61)
    assert [event["type"] for event in heard] == ["session_started"]


async def test_session_that_ends_while_nobody_can_look(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: list[dict[str, Any]],
) -> None:
    """It is told of once the charger can be read again."""
    fake.change("c1", readings=ACTIVE)
    await set_up()
    fake.change("c1", stale=True)
    await tick(home, freezer, 61)
    fake.change("c1", readings=FINISHED)
    await tick(home, freezer, 61)
    assert heard == []
    fake.change("c1", stale=False)
    await tick(home, freezer, 61)
    assert [(event["type"], event["energy"]) for event in heard] == [
        ("session_finished", 12400.0)
    ]


async def test_event_of_a_device_that_is_not_there(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: list[dict[str, Any]],
) -> None:
    """What a cloud tells of a charger that is none of the account's names none."""
    await set_up()
    fake.events = (Event(kind=EventKind.BOOTED, device_id="c9", key="1"),)
    await tick(home, freezer, 61)
    assert heard == [{"type": "booted", "device_id": None}]


@pytest.mark.parametrize(
    "offline", [{**ACTIVE}, {**FINISHED}, {Reading.SESSION_STATUS: None}]
)
async def test_session_that_ends_while_the_charger_is_offline(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: list[dict[str, Any]],
    offline: dict[Reading, Value],
) -> None:
    """It is told of once the charger is back, whatever the cloud said meanwhile."""
    fake.change("c1", readings=ACTIVE)
    await set_up()
    fake.change("c1", readings=offline, online=False)
    await tick(home, freezer, 61)
    await tick(home, freezer, 61)
    assert [event["type"] for event in heard] == ["connection_lost"]
    fake.change("c1", readings=FINISHED, online=True)
    await tick(home, freezer, 61)
    await tick(home, freezer, 61)
    assert [event["type"] for event in heard[1:]] == [
        "connection_restored",
        "session_finished",
    ]
    assert heard[-1]["energy"] == 12400.0


async def test_session_that_goes_on_while_the_charger_is_offline(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: list[dict[str, Any]],
) -> None:
    """It neither ends nor begins because the cloud knew nothing of it for a while."""
    fake.change("c1", readings=ACTIVE)
    await set_up()
    for readings, online in ((IDLE, False), (ACTIVE, True)):
        fake.change("c1", readings=readings, online=online)
        await tick(home, freezer, 61)
    assert [event["type"] for event in heard] == [
        "connection_lost",
        "connection_restored",
    ]


async def test_callback_that_is_delivered_late(
    home: HomeAssistant,
    set_up: SetUp,
    heard: list[dict[str, Any]],
) -> None:
    """What happened while Home Assistant was down is no news when it is back."""
    entry = await set_up()
    now = dt_util.utcnow()
    for key, at in (
        ("late", now - timedelta(minutes=5)),
        ("new", now + timedelta(seconds=1)),
        ("undated", None),
    ):
        shown = Event(
            kind=EventKind.AUTHORIZED, device_id="c1", at=at, key=key, id_token=key
        )
        for _ in range(2):
            await entry.runtime_data.apply_callback(
                Received(kind="card", events=(shown,)), time.monotonic()
            )
    assert [event["id_token"] for event in heard] == ["new", "undated"]
