"""Sensors that are made here: estimated energy, and what a month came to."""

from datetime import UTC, datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.ev_charger_cloud.charging import (
    Device,
    DeviceKind,
    EnergyHour,
    Money,
    Reading,
)
from custom_components.ev_charger_cloud.ledger import SessionRecord
from homeassistant.core import HomeAssistant

from .devices import SetUp, tick
from .fake_provider import FakeProvider

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ENERGY = "sensor.wallbox_estimated_energy"
MONTH = "sensor.wallbox_energy_this_month"
COST = "sensor.wallbox_cost_this_month"


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
    assert kwh(home) == pytest.approx(2, abs=0.01)
    await home.config_entries.async_reload(entry.entry_id)
    for _ in range(10):
        await tick(home, freezer, 60)
    assert kwh(home) == pytest.approx(3, abs=0.01)
    # Nobody knows what flowed while the cloud was away.
    await tick(home, freezer, 600)
    assert kwh(home) == pytest.approx(3, abs=0.01)
    fake.change("c1", online=False)
    await tick(home, freezer, 60)
    fake.change("c1", online=True)
    charge(fake, None)
    await tick(home, freezer, 60)
    charge(fake, 6000)
    await tick(home, freezer, 60)
    assert kwh(home) == pytest.approx(3, abs=0.01)
    charge(fake, 0, on=False)
    await tick(home, freezer, 60)
    assert kwh(home) == pytest.approx(3.05, abs=0.01)
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
