"""Selects: choices a charger offers."""

from freezegun.api import FrozenDateTimeFactory
import pytest
from syrupy.assertion import SnapshotAssertion

from custom_components.ev_charger_cloud.charging import Control, SetControl
from homeassistant.const import STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError

from .devices import SetUp, everything, match_platform, tick
from .fake_provider import FakeProvider


@pytest.fixture(autouse=True)
def fleet(fake: type[FakeProvider]) -> None:
    """Give the account one charger that offers everything."""
    fake.fleet = {"c1": everything()}


async def test_whole_platform(
    home: HomeAssistant, set_up: SetUp, snapshot: SnapshotAssertion
) -> None:
    """Each control that is a choice has its select."""
    await match_platform(home, set_up, Platform.SELECT, snapshot)


async def call(home: HomeAssistant, action: str, key: str, **fields: object) -> None:
    """Use an entity."""
    await home.services.async_call(
        "select",
        action,
        {"entity_id": f"select.garage_{key}", **fields},
        blocking=True,
    )


async def test_choose(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """A select sets its control."""
    await set_up()
    await call(home, "select_option", "start_card", option="Yours")
    assert fake.executed == [
        SetControl(device_id="c1", control=Control.START_CARD, value="Yours")
    ]
    state = home.states.get("select.garage_start_card")
    assert state is not None
    assert state.state == "Yours"


async def test_options_follow(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
) -> None:
    """New cards can be chosen; a card that is gone is no longer shown."""
    await set_up()
    fake.set_control("c1", Control.START_CARD, options=("Yours", "Theirs"))
    await tick(home, freezer, 61)
    state = home.states.get("select.garage_start_card")
    assert state is not None
    assert state.attributes["options"] == ["Yours", "Theirs"]
    assert state.state == STATE_UNKNOWN
    with pytest.raises(ServiceValidationError):
        await call(home, "select_option", "start_card", option="Mine")
    assert fake.executed == []


async def test_what_is_not_known(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """A control whose value nobody knows is unknown, and can be set all the same."""
    fake.set_control("c1", Control.START_CARD, value=None)
    await set_up()
    state = home.states.get("select.garage_start_card")
    assert state is not None
    assert state.state == STATE_UNKNOWN
    await call(home, "select_option", "start_card", option="Mine")
    assert fake.executed == [
        SetControl(device_id="c1", control=Control.START_CARD, value="Mine")
    ]
