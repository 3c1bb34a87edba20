"""The calendars of a charger: its sessions, and what is planned."""

from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.ev_charger_cloud.charging import (
    Control,
    ControlState,
    Device,
    DeviceKind,
    Reading,
    ReservationStatus,
)
from custom_components.ev_charger_cloud.ledger import SessionRecord
from homeassistant.components.recorder import get_instance
from homeassistant.components.recorder.history import get_significant_states
from homeassistant.core import HomeAssistant, State
from homeassistant.util import dt as dt_util

from .devices import SetUp, tick
from .fake_provider import FakeProvider

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
CALENDAR = "calendar.wallbox_sessions"
PLANNED = "calendar.wallbox_left_planned"


@pytest.fixture(autouse=True)
def wallbox(fake: type[FakeProvider], freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to(NOW)
    fake.fleet = {
        "c1": Device(
            id="c1",
            name="Wallbox",
            online=True,
            readings={
                Reading.CHARGING: False,
                Reading.SESSION_START: None,
                Reading.SESSION_END: None,
            },
        ),
        "c1-1": Device(
            id="c1-1", name="Left", parent="c1", kind=DeviceKind.CONNECTOR, online=True
        ),
    }


async def events(
    home: HomeAssistant, days: float = 7, calendar: str = CALENDAR
) -> list[dict[str, Any]]:
    answer = await home.services.async_call(
        "calendar",
        "get_events",
        {
            "entity_id": calendar,
            "start_date_time": NOW - timedelta(days=days),
            "end_date_time": NOW + timedelta(days=1),
        },
        blocking=True,
        return_response=True,
    )
    assert answer is not None
    found = answer[calendar]
    assert isinstance(found, dict)
    return list(found["events"])


def session(number: int, days: float, **changes: Any) -> SessionRecord:
    start = NOW - timedelta(days=days)
    return SessionRecord(
        **{
            "id": str(number),
            "device_id": "c1",
            "start": start,
            "end": start + timedelta(hours=2),
            "energy": 7250.0,
            **changes,
        }
    )


async def test_finished_sessions(home: HomeAssistant, set_up: SetUp) -> None:
    """They come from memory, with what they cost, and those that can be alone."""
    entry = await set_up()
    ledger = entry.runtime_data.ledger
    ledger.record(session(1, 1, cost=2.5, currency="EUR", id_token="…C3D4"), NOW)
    ledger.record(session(2, 2, device_id="c1-1", observed=True), NOW)
    ledger.record(session(3, 30), NOW)
    ledger.record(session(4, 3, sound=False), NOW)
    found = await events(home)
    assert [each["summary"] for each in found] == ["Charged 7.25 kWh"] * 2
    assert [each.get("description") for each in found] == [
        "hours are estimated",
        "2.50 EUR, …C3D4",
    ]
    state = home.states.get(CALENDAR)
    assert state is not None
    assert state.state == "off"


async def test_running_session(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
) -> None:
    """While one runs the calendar is on."""
    await set_up()
    fake.set_reading("c1", Reading.CHARGING, True)
    fake.set_reading("c1", Reading.SESSION_START, NOW - timedelta(minutes=5))
    await tick(home, freezer, 60)
    state = home.states.get(CALENDAR)
    assert state is not None
    assert (state.state, state.attributes["message"]) == ("on", "Charging")
    assert [each["summary"] for each in await events(home)] == ["Charging"]
    fake.set_reading("c1", Reading.CHARGING, False)
    await tick(home, freezer, 60)
    state = home.states.get(CALENDAR)
    assert state is not None
    assert state.state == "off"


async def test_charger_that_is_gone(home: HomeAssistant, set_up: SetUp) -> None:
    """It has no sessions to tell of."""
    entry = await set_up()
    entry.runtime_data.data = {}
    assert await events(home) == []


async def test_planned(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
) -> None:
    """Deadline, pause, reservation and a command put off, from what was read."""
    hour = timedelta(hours=1)
    fake.change(
        "c1-1",
        readings={
            Reading.RESERVATION: ReservationStatus.ACTIVE,
            Reading.RESERVED_UNTIL: NOW + hour / 2,
            Reading.SCHEDULED_AT: NOW + 2 * hour,
        },
        controls={
            Control.DEADLINE: ControlState(value=NOW + 19 * hour),
            Control.DEADLINE_LEVEL: ControlState(value=80.0),
            Control.CHARGE_POLICY: ControlState(value=True),
            Control.PAUSE_UNTIL: ControlState(value=NOW + 3 * hour),
        },
    )
    await set_up()
    # Nothing can be planned at the charger itself.
    assert home.states.get("calendar.wallbox_planned") is None
    polls = fake.polls

    async def planned() -> list[tuple[str, str, str, str | None]]:
        return [
            (
                each["summary"],
                dt_util.as_utc(datetime.fromisoformat(each["start"])).strftime("%H:%M"),
                dt_util.as_utc(datetime.fromisoformat(each["end"])).strftime("%H:%M"),
                each.get("description"),
            )
            for each in await events(home, calendar=PLANNED)
        ]

    assert await planned() == [
        ("Paused", "12:00", "15:00", None),
        ("Reserved", "12:00", "12:30", None),
        ("Scheduled command", "14:00", "14:15", None),
        ("Charge deadline", "07:00", "07:15", "80 %"),
    ]
    assert (fake.polls, fake.reads) == (polls, [])
    state = home.states.get(PLANNED)
    assert state is not None
    assert (state.state, state.attributes["message"]) == ("on", "Paused")
    # What lasts goes on from when it was first seen; a deadline that is off is none.
    fake.set_control("c1-1", Control.CHARGE_POLICY, value=False)
    fake.set_reading("c1-1", Reading.RESERVED_UNTIL, None)
    await tick(home, freezer, 600)
    assert await planned() == [
        ("Paused", "12:00", "15:00", None),
        ("Scheduled command", "14:00", "14:15", None),
    ]
    fake.set_control("c1-1", Control.PAUSE_UNTIL, value=None)
    await tick(home, freezer, 600)
    state = home.states.get(PLANNED)
    assert state is not None
    assert (state.state, state.attributes["message"]) == ("off", "Scheduled command")
    await tick(home, freezer, 3 * 3600)
    state = home.states.get(PLANNED)
    assert state is not None
    assert "message" not in state.attributes


async def test_nothing_of_it_is_recorded(
    recorder_mock: None,
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
) -> None:
    """An event says of itself when it begins and ends: no row repeats it."""
    fake.set_reading("c1", Reading.CHARGING, True)
    fake.set_reading("c1", Reading.SESSION_START, NOW)
    fake.set_reading("c1", Reading.SCHEDULED_AT, NOW + timedelta(hours=2))
    await set_up()
    await async_wait_recording_done(home)
    calendars = [CALENDAR, "calendar.wallbox_planned"]
    found = await get_instance(home).async_add_executor_job(
        get_significant_states,
        home,
        NOW - timedelta(hours=1),
        None,
        calendars,
        None,
        True,
        False,
    )
    assert sorted(found) == sorted(calendars)
    for states in found.values():
        (state,) = states
        assert isinstance(state, State)
        assert state.attributes.keys() == {"friendly_name"}
