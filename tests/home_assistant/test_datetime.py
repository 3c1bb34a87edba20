"""Points in time: deadlines and pauses."""

from datetime import UTC, datetime

import pytest
from syrupy.assertion import SnapshotAssertion

from custom_components.ev_charger_cloud.charging import Control, SetControl
from homeassistant.const import STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant

from .devices import SetUp, everything, match_platform
from .fake_provider import FakeProvider


@pytest.fixture(autouse=True)
def fleet(fake: type[FakeProvider]) -> None:
    """Give the account one charger that offers everything."""
    fake.fleet = {"c1": everything()}


async def test_whole_platform(
    home: HomeAssistant, set_up: SetUp, snapshot: SnapshotAssertion
) -> None:
    """Each control that is a point in time has its entity."""
    await match_platform(home, set_up, Platform.DATETIME, snapshot)


async def call(home: HomeAssistant, action: str, key: str, **fields: object) -> None:
    """Use an entity."""
    await home.services.async_call(
        "datetime",
        action,
        {"entity_id": f"datetime.garage_{key}", **fields},
        blocking=True,
    )


async def test_set(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """A point in time is told to the cloud in UTC, whatever the home's time zone."""
    await home.config.async_update(time_zone="Europe/Zurich")
    await set_up()
    await call(home, "set_value", "charge_deadline", datetime="2026-12-24 07:30:00")
    [command] = fake.executed
    assert command == SetControl(
        device_id="c1",
        control=Control.DEADLINE,
        value=datetime(2026, 12, 24, 6, 30, tzinfo=UTC),
    )
    assert isinstance(command, SetControl)
    assert isinstance(command.value, datetime)
    assert command.value.tzinfo is UTC
    state = home.states.get("datetime.garage_charge_deadline")
    assert state is not None
    assert state.state == "2026-12-24T06:30:00+00:00"


async def test_what_is_not_known(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """A control whose value nobody knows is unknown, and can be set all the same."""
    fake.set_control("c1", Control.PAUSE_UNTIL, value=None)
    await set_up()
    state = home.states.get("datetime.garage_pause_until")
    assert state is not None
    assert state.state == STATE_UNKNOWN
    await call(home, "set_value", "pause_until", datetime="2026-12-24T06:30:00+00:00")
    assert fake.executed == [
        SetControl(
            device_id="c1",
            control=Control.PAUSE_UNTIL,
            value=datetime(2026, 12, 24, 6, 30, tzinfo=UTC),
        )
    ]
