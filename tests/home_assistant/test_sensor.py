"""Sensors: what chargers, their sessions and their surroundings tell."""

from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
import pytest
from syrupy.assertion import SnapshotAssertion

from custom_components.ev_charger_cloud import sensor  # noqa: F401  (not while time is frozen)
from custom_components.ev_charger_cloud.charging import Money, Reading
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er

from .devices import MOMENT, SetUp, everything, match_platform, tick
from .fake_provider import FakeProvider


@pytest.fixture(autouse=True)
def fleet(fake: type[FakeProvider]) -> None:
    """Give the account one charger that offers everything."""
    fake.fleet = {"c1": everything()}


async def test_whole_platform(
    home: HomeAssistant,
    set_up: SetUp,
    snapshot: SnapshotAssertion,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Each reading that is no yes or no has its sensor."""
    # The sensors of the month say which one.
    freezer.move_to(MOMENT)
    await match_platform(home, set_up, Platform.SENSOR, snapshot)


def shown(home: HomeAssistant, key: str) -> State:
    """Return the state of a sensor."""
    state = home.states.get(f"sensor.garage_{key}")
    assert state is not None
    return state


async def test_enabled_by_default(
    home: HomeAssistant, set_up: SetUp, entity_registry: er.EntityRegistry
) -> None:
    """What is rare or noisy is there, but disabled."""
    await set_up()
    disabled = {
        entry.unique_id.removeprefix("fake_account-1_c1_")
        for entry in entity_registry.entities.values()
        if entry.disabled and entry.domain == Platform.SENSOR
    }
    assert disabled >= {
        Reading.CLOUD_STATUS,
        Reading.VOLTAGE_PHASE_1,
        Reading.MAXIMUM_CURRENT,
        Reading.ENERGY_LAST_DAY,
        Reading.LAST_HEARTBEAT,
    }
    assert not disabled & {
        Reading.STATUS,
        Reading.POWER,
        Reading.SESSION_ENERGY,
        Reading.LIFETIME_ENERGY,
        Reading.STATE_OF_CHARGE,
    }


@pytest.mark.parametrize(
    ("reading", "key", "currency", "unit"),
    [
        (Reading.SESSION_COST, "session_cost", "CHF", "CHF"),
        (Reading.SESSION_COST, "session_cost", None, "SEK"),
        (Reading.BALANCE, "balance", "CHF", "CHF"),
        (Reading.ENERGY_PRICE, "energy_price", "CHF", "CHF/kWh"),
        (Reading.ENERGY_PRICE, "energy_price", None, "SEK/kWh"),
    ],
)
async def test_money(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    reading: Reading,
    key: str,
    currency: str | None,
    unit: str,
) -> None:
    """Money is in the cloud's currency; where it names none, in the home's."""
    await home.config.async_update(currency="SEK")
    fake.set_reading("c1", reading, Money(1.25, currency))
    await set_up()
    assert shown(home, key).state == "1.25"
    assert shown(home, key).attributes["unit_of_measurement"] == unit


async def test_currency_changes(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
) -> None:
    """The unit follows, though the amount is the same."""
    await set_up()
    fake.set_reading("c1", Reading.BALANCE, Money(25.0, "CHF"))
    await tick(home, freezer, 61)
    assert shown(home, "balance").state == "25.0"
    assert shown(home, "balance").attributes["unit_of_measurement"] == "CHF"


async def test_total_counts_since_the_start_of_the_session(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
) -> None:
    """A new session is a new total, though the energy is the same."""
    await set_up()
    for key in ("session_energy", "session_cost"):
        assert shown(home, key).attributes["last_reset"] == MOMENT.isoformat()
    later = MOMENT + timedelta(hours=9)
    fake.set_reading("c1", Reading.SESSION_START, later)
    await tick(home, freezer, 61)
    for key in ("session_energy", "session_cost"):
        assert shown(home, key).attributes["last_reset"] == later.isoformat()
    fake.set_reading("c1", Reading.SESSION_START, None)
    await tick(home, freezer, 61)
    assert "last_reset" not in shown(home, "session_energy").attributes
    assert "last_reset" not in shown(home, "last_session_energy").attributes


@pytest.mark.parametrize(
    "reading",
    [
        Reading.STATUS,
        Reading.POWER,
        Reading.SESSION_COST,
        Reading.SESSION_START,
        Reading.SESSION_ENERGY,
    ],
)
async def test_what_is_not_known(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    reading: Reading,
) -> None:
    """A reading that is offered but not known now is unknown, not unavailable."""
    await set_up()
    assert shown(home, reading).state != STATE_UNKNOWN
    fake.set_reading("c1", reading, None)
    await tick(home, freezer, 61)
    assert shown(home, reading).state == STATE_UNKNOWN


@pytest.mark.parametrize(
    ("charging", "online", "reported"),
    [
        (
            True,
            True,
            {"power", "current_phase_1", "current_phase_2", "current_phase_3"},
        ),
        (False, True, set()),
        (True, False, set()),
    ],
)
async def test_what_is_reported_at_every_poll(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    charging: bool,
    online: bool,
    reported: set[str],
) -> None:
    """Power and currents of a charging charger are written though equal."""
    fake.set_reading("c1", Reading.CHARGING, charging)
    fake.change("c1", online=online)
    await set_up()
    before = {
        state.entity_id: state.last_reported
        for state in home.states.async_all("sensor")
    }
    await tick(home, freezer, 61)
    assert {
        state.entity_id.removeprefix("sensor.garage_")
        for state in home.states.async_all("sensor")
        if state.last_reported != before[state.entity_id]
    } == reported


async def test_kept_while_offline(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """Of an offline charger remains what is still true of it."""
    fake.change("c1", online=False)
    await set_up()
    for key in ("lifetime_energy", "session_energy", "session_cost", "error"):
        assert shown(home, key).state != STATE_UNAVAILABLE
    for key in ("status", "power", "current_phase_1", "state_of_charge"):
        assert shown(home, key).state == STATE_UNAVAILABLE
