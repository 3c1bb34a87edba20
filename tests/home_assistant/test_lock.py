"""Locks: whom a charger serves."""

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
    """A charger that can be locked has a lock."""
    await match_platform(home, set_up, Platform.LOCK, snapshot)


async def call(home: HomeAssistant, action: str, key: str, **fields: object) -> None:
    """Use an entity."""
    await home.services.async_call(
        "lock",
        action,
        {"entity_id": f"lock.garage_{key}", **fields},
        blocking=True,
    )


async def test_lock_and_unlock(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """The lock sets its control."""
    await set_up()
    for action, value, expected in (
        ("lock", True, "locked"),
        ("unlock", False, "unlocked"),
    ):
        await call(home, action, "charger_lock")
        assert fake.executed[-1] == SetControl(
            device_id="c1", control=Control.LOCK, value=value
        )
        state = home.states.get("lock.garage_charger_lock")
        assert state is not None
        assert state.state == expected


async def test_what_is_not_known(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """A control whose value nobody knows is unknown, and can be set all the same."""
    fake.set_control("c1", Control.LOCK, value=None)
    await set_up()
    state = home.states.get("lock.garage_charger_lock")
    assert state is not None
    assert state.state == STATE_UNKNOWN
    await call(home, "lock", "charger_lock")
    assert fake.executed == [
        SetControl(device_id="c1", control=Control.LOCK, value=True)
    ]
