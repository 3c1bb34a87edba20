"""Sensors that are made here: estimated energy, and what a month came to."""

from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.ev_charger_cloud.charging import (
    Device,
    DeviceKind,
    EnergyHour,
    Money,
    Reading,
)
from custom_components.ev_charger_cloud.ledger import SessionRecord
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .devices import SetUp, tick
from .fake_provider import FakeProvider

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ENERGY = "sensor.wallbox_estimated_energy"
MONTH = "sensor.wallbox_energy_this_month"
COST = "sensor.wallbox_cost_this_month"
SESSION = "sensor.wallbox_session_cost"


@pytest.fixture(autouse=True)
async def wallbox(
    home: HomeAssistant, fake: type[FakeProvider], freezer: FrozenDateTimeFactory
) -> None:
    """Have one charger that tells power and no energy, with a connector."""
    await home.config.async_set_time_zone("Europe/Berlin")
    freezer.move_to(NOW)
    fake.fleet = {
        "c1": Device(
            id="c1",
            name="Wallbox",
            online=True,
            readings={
                Reading.POWER: 0.0,
                Reading.CHARGING: False,
                Reading.LAST_SESSION_COST: Money(1.0, "EUR"),
            },
        ),
        "c1-1": Device(
            id="c1-1", name="Left", parent="c1", kind=DeviceKind.CONNECTOR, online=True
        ),
    }


def kwh(home: HomeAssistant, entity_id: str = ENERGY) -> float:
    state = home.states.get(entity_id)
    assert state is not None
    return float(state.state)


def charge(fake: type[FakeProvider], power: float | None, *, on: bool = True) -> None:
    fake.set_reading("c1", Reading.CHARGING, on)
    fake.set_reading("c1", Reading.POWER, power)


async def test_estimated_energy(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
) -> None:
    """It goes on where it stopped, rises with power, and not across a gap."""
    entry = await set_up()
    assert kwh(home) == 0
    charge(fake, 6000)
    for _ in range(21):
        await tick(home, freezer, 60)
    # Half of the minute before it was seen counts.
    assert kwh(home) == pytest.approx(2.05, abs=0.01)
    await home.config_entries.async_reload(entry.entry_id)
    for _ in range(10):
        await tick(home, freezer, 60)
    assert kwh(home) == pytest.approx(3.05, abs=0.01)
    # Nobody knows what flowed while the cloud was away.
    await tick(home, freezer, 600)
    assert kwh(home) == pytest.approx(3.05, abs=0.01)
    fake.change("c1", online=False)
    await tick(home, freezer, 60)
    fake.change("c1", online=True)
    charge(fake, None)
    await tick(home, freezer, 60)
    charge(fake, 6000)
    await tick(home, freezer, 60)
    assert kwh(home) == pytest.approx(3.05, abs=0.01)
    charge(fake, 0, on=False)
    await tick(home, freezer, 60)
    assert kwh(home) == pytest.approx(3.1, abs=0.01)
    # It goes on with the session that is known: of the pause nothing is taken.
    charge(fake, 6000)
    await tick(home, freezer, 60)
    assert kwh(home) == pytest.approx(3.1, abs=0.01)
    state = home.states.get(ENERGY)
    assert state is not None
    assert state.attributes["state_class"] == "total_increasing"


@pytest.mark.parametrize("meter", [Reading.LIFETIME_ENERGY, Reading.SESSION_ENERGY])
async def test_no_estimate_beside_a_meter(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider], meter: Reading
) -> None:
    """Where energy is measured nothing is estimated."""
    fake.set_reading("c1", meter, 5.0)
    await set_up()
    assert home.states.get(ENERGY) is None


async def price(home: HomeAssistant, entry: MockConfigEntry, **options: Any) -> None:
    """Have the user state a price."""
    home.config.currency = "EUR"
    home.config_entries.async_update_entry(
        entry, options={"all_chargers": True, **options}
    )


@pytest.mark.parametrize("tells", [False, True], ids=["power", "energy"])
async def test_cost_of_the_session_that_runs(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    fake_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    tells: bool,
) -> None:
    """It rises with energy, each part at the price of its time, over a restart too."""
    await price(home, fake_entry, price_sensor="sensor.price")
    fake.keeps_sessions = tells
    fake.past = []

    def pay(amount: object) -> None:
        home.states.async_set(
            "sensor.price", str(amount), {"unit_of_measurement": "EUR/kWh"}
        )

    async def flow(minutes: int) -> None:
        for _ in range(minutes):
            if tells:
                energy = fake.fleet["c1"].readings[Reading.SESSION_ENERGY]
                assert isinstance(energy, float)
                fake.set_reading("c1", Reading.SESSION_ENERGY, energy + 100)
            await tick(home, freezer, 60)

    pay(0.5)
    if tells:
        fake.set_reading("c1", Reading.SESSION_START, None)
        fake.set_reading("c1", Reading.SESSION_ENERGY, None)
    entry = await set_up()
    state = home.states.get(SESSION)
    assert state is not None
    assert (state.state, state.attributes["unit_of_measurement"]) == ("unknown", "EUR")
    charge(fake, 6000)
    fake.set_reading("c1", Reading.PLUG, True)
    if tells:
        fake.set_reading("c1", Reading.SESSION_START, NOW)
        fake.set_reading("c1", Reading.SESSION_ENERGY, 0.0)
    await tick(home, freezer, 60)
    await flow(60)
    assert kwh(home, SESSION) == pytest.approx(3.0, abs=0.03)
    # Nobody knows the price for a while; what flowed then costs what comes after.
    pay("unavailable")
    await flow(30)
    pay(0.1)
    await flow(30)
    assert kwh(home, SESSION) == pytest.approx(3.6, abs=0.04)
    pay(0.9)
    await home.config_entries.async_reload(entry.entry_id)
    await home.async_block_till_done()
    assert kwh(home, SESSION) == pytest.approx(3.6, abs=0.04)
    # Another currency is never added.
    home.states.async_set("sensor.price", "9", {"unit_of_measurement": "SEK/kWh"})
    await flow(10)
    state = home.states.get(SESSION)
    assert state is not None
    assert float(state.state) == pytest.approx(3.6, abs=0.04)
    assert state.attributes["unit_of_measurement"] == "EUR"
    since = entry.runtime_data.history.running(entry.runtime_data.data["c1"])[0]
    assert state.attributes["last_reset"] == since.isoformat()
    # When it is over the ledger knows better.
    entry.runtime_data.ledger.record(
        session(1, since, cost=4.44, price=0.4), dt_util.utcnow()
    )
    await home.async_block_till_done()
    assert kwh(home, SESSION) == 4.44
    if not tells:
        return
    # It stays until another one begins, and is not taken for that one's.
    charge(fake, 0, on=False)
    await tick(home, freezer, 60)
    assert kwh(home, SESSION) == 4.44
    charge(fake, 6000)
    fake.set_reading("c1", Reading.SESSION_START, None)
    fake.set_reading("c1", Reading.SESSION_ENERGY, None)
    await tick(home, freezer, 60)
    state = home.states.get(SESSION)
    assert state is not None
    assert state.state == "unknown"


async def test_cost_that_the_cloud_tells(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    fake_entry: MockConfigEntry,
) -> None:
    """Without a price it is the cloud's; without both there is none."""
    entry = await set_up()
    assert home.states.get(SESSION) is None
    fake.set_reading("c1", Reading.SESSION_COST, Money(2.5, "CHF"))
    fake.set_reading("c1", Reading.SESSION_START, NOW)
    await home.config_entries.async_reload(entry.entry_id)
    await home.async_block_till_done()
    state = home.states.get(SESSION)
    assert state is not None
    assert (state.state, state.attributes["unit_of_measurement"]) == ("2.5", "CHF")
    assert state.attributes["last_reset"] == NOW.isoformat()
    await price(home, fake_entry, connector_prices={"c1": {"price": 0.3}})
    await home.config_entries.async_reload(entry.entry_id)
    await home.async_block_till_done()
    state = home.states.get(SESSION)
    assert state is not None
    # No energy is told of here, nor was any seen.
    assert (state.state, state.attributes["unit_of_measurement"]) == ("unknown", "EUR")
    assert home.states.get(COST) is not None


def session(number: int, start: datetime, **changes: object) -> SessionRecord:
    """Return a session of two hours with a kilowatt-hour in each."""
    hours = tuple(
        EnergyHour(start=start + timedelta(hours=n), energy=1000, estimated=False)
        for n in range(2)
    )
    fields: dict[str, object] = {
        "id": str(number),
        "device_id": "c1",
        "start": start,
        "end": start + timedelta(hours=2),
        "energy": 2000.0,
        "hours": hours,
        "cost": 0.6,
        "currency": "EUR",
        **changes,
    }
    return SessionRecord(**fields)  # type: ignore[arg-type]


async def test_month(
    home: HomeAssistant, set_up: SetUp, freezer: FrozenDateTimeFactory
) -> None:
    """Hours of this month by the local calendar count, of all connectors."""
    entry = await set_up()
    assert kwh(home, MONTH) == 0
    ledger = entry.runtime_data.ledger
    # The month begins at 23:00 UTC, in the middle of this one.
    ledger.record(session(1, datetime(2026, 10, 31, 22, tzinfo=UTC)), NOW)
    ledger.record(
        session(2, datetime(2026, 11, 5, 8, tzinfo=UTC), device_id="c1-1"), NOW
    )
    await home.async_block_till_done()
    assert kwh(home, MONTH) == 3
    assert kwh(home, COST) == pytest.approx(0.9)
    state = home.states.get(MONTH)
    assert state is not None
    assert state.attributes["last_reset"] == "2026-11-01T00:00:00+01:00"
    # Two currencies have no sum.
    ledger.record(session(3, datetime(2026, 11, 6, 8, tzinfo=UTC), currency="CHF"), NOW)
    await home.async_block_till_done()
    unknown = home.states.get(COST)
    assert unknown is not None
    assert unknown.state == "unknown"
    freezer.move_to(datetime(2026, 11, 30, 23, 0, 5, tzinfo=UTC))
    async_fire_time_changed(home)
    await home.async_block_till_done()
    assert kwh(home, MONTH) == 0
    assert kwh(home, COST) == 0
