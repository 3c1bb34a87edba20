"""Binary sensors: what is or is not the case with a charger."""

from freezegun.api import FrozenDateTimeFactory
import pytest
from syrupy.assertion import SnapshotAssertion

from custom_components.ev_charger_cloud.charging import Reading
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant

from .devices import SetUp, entity_ids, everything, match_platform, tick
from .fake_provider import FakeProvider


@pytest.fixture(autouse=True)
def fleet(fake: type[FakeProvider]) -> None:
    """Give the account one charger that offers everything."""
    fake.fleet = {"c1": everything()}


async def test_whole_platform(
    home: HomeAssistant, set_up: SetUp, snapshot: SnapshotAssertion
) -> None:
    """Each reading that is a yes or no has its binary sensor."""
    await match_platform(home, set_up, Platform.BINARY_SENSOR, snapshot)


@pytest.mark.parametrize(
    ("reading", "key", "states"),
    [
        (Reading.PLUG, "vehicle_connected", {True: "on", False: "off"}),
        # This class is on when it is open.
        (Reading.SOCKET_LOCK, "socket_lock", {True: "off", False: "on"}),
        (Reading.LINKED, "account_link", {True: "on", False: "off"}),
    ],
)
async def test_states(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    reading: Reading,
    key: str,
    states: dict[bool, str],
) -> None:
    """Yes, no, and nobody knows."""
    await set_up()
    for value, expected in {**states, None: STATE_UNKNOWN}.items():
        fake.set_reading("c1", reading, value)
        await tick(home, freezer, 61)
        state = home.states.get(f"binary_sensor.garage_{key}")
        assert state is not None
        assert state.state == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"online": True}, "on"),
        ({"online": False}, "off"),
        ({"online": True, "stale": True}, STATE_UNAVAILABLE),
        ({"online": None}, None),
    ],
)
async def test_online(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    changes: dict[str, bool | None],
    expected: str | None,
) -> None:
    """Where the cloud says something of the charger's line, it shows."""
    fake.change("c1", **changes)
    await set_up()
    state = home.states.get("binary_sensor.garage_online")
    assert (state and state.state) == expected


@pytest.mark.parametrize("own", [False, True])
async def test_connection_of_a_connector(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider], own: bool
) -> None:
    """The charger's is that of all its connectors, unless they have their own."""
    fake.fleet = {
        "c1": everything(),
        "c1-1": everything(
            id="c1-1", name="Connector 1", parent="c1", tells_online=own, online=False
        ),
    }
    await set_up()
    assert entity_ids(home, Platform.BINARY_SENSOR, "c1-1")
    lines = [
        state.state
        for state in home.states.async_all("binary_sensor")
        if state.entity_id.endswith("_online")
    ]
    assert lines == (["on", "off"] if own else ["on"])
