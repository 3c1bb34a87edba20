"""The calendar of a charger's sessions."""

from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.ev_charger_cloud.charging import Device, DeviceKind, Reading
from custom_components.ev_charger_cloud.ledger import SessionRecord
from homeassistant.core import HomeAssistant

from .devices import SetUp, tick
from .fake_provider import FakeProvider

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
CALENDAR = "calendar.wallbox_sessions"


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


async def events(home: HomeAssistant, days: float = 7) -> list[dict[str, Any]]:
    answer = await home.services.async_call(
        "calendar",
        "get_events",
        {
            "entity_id": CALENDAR,
            "start_date_time": NOW - timedelta(days=days),
            "end_date_time": NOW + timedelta(days=1),
        },
        blocking=True,
        return_response=True,
    )
    assert answer is not None
    found = answer[CALENDAR]
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
