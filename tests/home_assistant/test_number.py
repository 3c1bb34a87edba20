"""Numbers: limits and levels."""

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
    """Each control that is a number has its number."""
    await match_platform(home, set_up, Platform.NUMBER, snapshot)


async def call(home: HomeAssistant, action: str, key: str, **fields: object) -> None:
    """Use an entity."""
    await home.services.async_call(
        "number",
        action,
        {"entity_id": f"number.garage_{key}", **fields},
        blocking=True,
    )


async def test_set(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """A number sets its control."""
    await set_up()
    await call(home, "set_value", "charging_current_limit", value=12)
    assert fake.executed == [
        SetControl(device_id="c1", control=Control.CURRENT_LIMIT, value=12.0)
    ]
    state = home.states.get("number.garage_charging_current_limit")
    assert state is not None
    assert state.state == "12.0"


async def test_bounds_of_the_charger(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
) -> None:
    """What the cloud states bounds the number, and follows when it changes."""
    await set_up()

    def bounds(key: str) -> tuple[float, float, float]:
        state = home.states.get(f"number.garage_{key}")
        assert state is not None
        return tuple(state.attributes[name] for name in ("min", "max", "step"))

    assert bounds("charging_current_limit") == (6, 16, 1)
    assert bounds("maximum_power") == (0, 11, 0.1)
    assert bounds("minimum_target") == (0, 100, 1)
    fake.set_control(
        "c1", Control.CURRENT_LIMIT, value=10.0, minimum=8, maximum=32, step=0.5
    )
    await tick(home, freezer, 61)
    assert bounds("charging_current_limit") == (8, 32, 0.5)
    with pytest.raises(ServiceValidationError):
        await call(home, "set_value", "charging_current_limit", value=7)
    assert fake.executed == []
    # A bound that the cloud stops stating goes.
    fake.set_control("c1", Control.CURRENT_LIMIT, minimum=None, maximum=None, step=None)
    await tick(home, freezer, 61)
    assert bounds("charging_current_limit") == (6, 32, 1)


async def test_what_is_not_known(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """A control whose value nobody knows is unknown, and can be set all the same."""
    fake.set_control("c1", Control.TARGET_MINIMUM, value=None)
    await set_up()
    state = home.states.get("number.garage_minimum_target")
    assert state is not None
    assert state.state == STATE_UNKNOWN
    await call(home, "set_value", "minimum_target", value=30)
    assert fake.executed == [
        SetControl(device_id="c1", control=Control.TARGET_MINIMUM, value=30.0)
    ]
