"""What sessions cost by the user's price, where the cloud does not say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.ev_charger_cloud.charging import (
    Device,
    DeviceKind,
    Money,
    Reading,
    Session,
)
from custom_components.ev_charger_cloud.charging.energy_hours import HOUR
from custom_components.ev_charger_cloud.ledger import SessionRecord
from custom_components.ev_charger_cloud.prices import currency_of
from custom_components.ev_charger_cloud.session_history import PAUSE
from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import async_import_statistics
from homeassistant.core import HomeAssistant

from .devices import SetUp
from .fake_provider import FakeProvider

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PRICE = "sensor.price"


def session(number: int, start: datetime, cost: Money | None = None) -> Session:
    """Return a session of two hours with two kilowatt-hours."""
    return Session(
        id=str(number),
        device_id="c1",
        started_at=start,
        ended_at=start + 2 * HOUR,
        energy=2000.0,
        cost=cost,
    )


@pytest.fixture(name="cloud")
def cloud_fixture(
    fake: type[FakeProvider], freezer: FrozenDateTimeFactory
) -> type[FakeProvider]:
    freezer.move_to(NOW)
    fake.keeps_sessions = True
    fake.past = []
    fake.fleet = {
        "c1": Device(
            id="c1",
            name="Wallbox",
            online=True,
            readings={
                Reading.CHARGING: False,
                Reading.PLUG: False,
                Reading.POWER: 0.0,
            },
        )
    }
    return fake


async def read(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    entry: MockConfigEntry,
    ticks: int = 4,
    seconds: float = PAUSE + 1,
) -> list[SessionRecord]:
    """Let the sessions be read, and return them, the oldest first."""
    for _ in range(ticks):
        freezer.tick(seconds)
        async_fire_time_changed(home)
        await home.async_block_till_done(wait_background_tasks=True)
    found: list[SessionRecord] = entry.runtime_data.ledger.sessions(["c1"])
    return found[::-1]


def choose(home: HomeAssistant, entry: MockConfigEntry, **options: Any) -> None:
    home.config_entries.async_update_entry(
        entry, options={"all_chargers": True, **options}
    )


async def test_fixed_price(
    home: HomeAssistant,
    cloud: type[FakeProvider],
    fake_entry: MockConfigEntry,
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
) -> None:
    """It counts instead of what the cloud says, and one that was used stays."""
    choose(home, fake_entry, price=0.3)
    home.config.currency = "EUR"
    cloud.past = [
        session(1, NOW - 3 * DAY),
        session(2, NOW - 2 * DAY, Money(9.0, "CHF")),
    ]
    entry = await set_up()
    records = await read(home, freezer, entry)
    assert [(each.cost, each.currency, each.price) for each in records] == [
        (pytest.approx(0.6), "EUR", pytest.approx(0.3))
    ] * 2
    assert home.states.get("sensor.wallbox_cost_this_month") is not None
    for change in ({"price": 0.9}, {}):
        choose(home, fake_entry, **change)
        entry.runtime_data.ledger.progress.clear()
        await home.config_entries.async_reload(entry.entry_id)
        assert await read(home, freezer, entry) == records


async def test_cost_of_the_cloud(
    home: HomeAssistant,
    cloud: type[FakeProvider],
    fake_entry: MockConfigEntry,
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Without a price it counts, and stays when one is stated; others get that one."""
    home.config.currency = "EUR"
    cloud.past = [
        session(1, NOW - 3 * DAY),
        session(2, NOW - 2 * DAY, Money(9.0, "CHF")),
        session(3, NOW - DAY, Money(5.0)),
        # Of so long ago nothing is read again.
        session(4, NOW - 90 * DAY),
    ]
    entry = await set_up()
    await read(home, freezer, entry, 30)
    choose(home, fake_entry, price=0.3)
    await home.config_entries.async_reload(entry.entry_id)
    records = await read(home, freezer, entry)
    assert [(each.id, each.cost, each.currency) for each in records] == [
        ("4", pytest.approx(0.6), "EUR"),
        ("1", pytest.approx(0.6), "EUR"),
        ("2", 9.0, "CHF"),
        ("3", 5.0, "EUR"),
    ]


async def test_price_of_a_connector(
    home: HomeAssistant,
    cloud: type[FakeProvider],
    fake_entry: MockConfigEntry,
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
) -> None:
    """It goes before the account's; one that states nothing leaves it to the cloud."""
    home.config.currency = "EUR"
    home.states.async_set(PRICE, "2.5", {"unit_of_measurement": "kr/kWh"})
    cloud.fleet |= {
        key: replace(
            cloud.fleet["c1"], id=key, name=key, parent="c1", kind=DeviceKind.CONNECTOR
        )
        for key in ("left", "middle", "right")
    }
    choose(
        home,
        fake_entry,
        price=0.3,
        connector_prices={"left": {"price_sensor": PRICE}, "middle": {}},
    )
    cloud.past = [
        replace(session(number, NOW - 2 * HOUR, Money(9.0, "CHF")), device_id=key)
        for number, key in enumerate(("left", "middle", "right"))
    ]
    cloud.fleet["c1"] = replace(cloud.fleet["c1"], readings={})
    entry = await set_up()
    await read(home, freezer, entry)
    ledger = entry.runtime_data.ledger
    found = {
        each.device_id: (each.cost, each.currency)
        for each in ledger.sessions(["left", "middle", "right"])
    }
    assert found == {
        "left": (pytest.approx(5.0), "DKK"),
        "middle": (9.0, "CHF"),
        "right": (pytest.approx(0.6), "EUR"),
    }


async def test_corrected_energy(
    home: HomeAssistant,
    cloud: type[FakeProvider],
    fake_entry: MockConfigEntry,
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
) -> None:
    """More energy costs what it cost in its hour, though the price has changed."""
    home.config.currency = "EUR"
    choose(home, fake_entry, price_sensor=PRICE)
    home.states.async_set(PRICE, "0.2", {"unit_of_measurement": "€/kWh"})
    cloud.past = [session(1, NOW - 2 * HOUR)]
    entry = await set_up()
    (record,) = await read(home, freezer, entry, 30)
    assert record.cost == pytest.approx(0.4)
    home.states.async_set(PRICE, "0.9", {"unit_of_measurement": "€/kWh"})
    ended = cloud.past[0].ended_at
    assert ended
    cloud.past = [replace(cloud.past[0], energy=3000.0, ended_at=ended + HOUR)]
    (record,) = await read(home, freezer, entry, 1, 86_400)
    # What was added lies in an hour whose price nobody remembers any more.
    assert [hour.cost for hour in record.hours] == pytest.approx([0.2, 0.2, 0.2])
    home.states.async_set(PRICE, "0.9", {"unit_of_measurement": "SEK/kWh"})
    cloud.past = [replace(cloud.past[0], energy=4000.0, ended_at=ended + 2 * HOUR)]
    (record,) = await read(home, freezer, entry, 3, 86_400)
    assert (record.cost, record.currency) == (pytest.approx(0.8), "EUR")


async def test_observed_sessions(
    home: HomeAssistant,
    cloud: type[FakeProvider],
    fake_entry: MockConfigEntry,
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
) -> None:
    """They have a cost as well."""
    cloud.keeps_sessions = False
    choose(home, fake_entry, price=0.3)
    entry = await set_up()
    cloud.set_reading("c1", Reading.CHARGING, True)
    cloud.set_reading("c1", Reading.PLUG, True)
    cloud.set_reading("c1", Reading.POWER, 6000.0)
    await read(home, freezer, entry, 21, 60)
    cloud.set_reading("c1", Reading.CHARGING, False)
    cloud.set_reading("c1", Reading.PLUG, False)
    cloud.set_reading("c1", Reading.POWER, 0.0)
    (record,) = await read(home, freezer, entry, 2, 60)
    assert record.cost == pytest.approx(0.3 * 2.05, abs=0.02)


async def test_sensor_by_the_hour(
    recorder_mock: None,
    home: HomeAssistant,
    cloud: type[FakeProvider],
    fake_entry: MockConfigEntry,
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Each hour has the price of that hour; what nobody remembers has no cost."""
    choose(home, fake_entry, price_sensor=PRICE, price=0.9)
    home.states.async_set(PRICE, "0.5", {"unit_of_measurement": "SEK/kWh"})
    start = NOW - timedelta(days=2)
    async_import_statistics(
        home,
        {
            "mean_type": StatisticMeanType.ARITHMETIC,
            "has_sum": False,
            "name": None,
            "source": "recorder",
            "statistic_id": PRICE,
            "unit_class": None,
            "unit_of_measurement": "SEK/kWh",
        },
        [
            {"start": start, "mean": 0.1, "min": 0.1, "max": 0.1},
            {"start": start + HOUR, "mean": 0.4, "min": 0.4, "max": 0.4},
        ],
    )
    await async_wait_recording_done(home)
    cloud.past = [
        session(1, start - timedelta(days=3)),
        session(2, start),
        session(3, NOW - 2 * HOUR),
    ]
    entry = await set_up()
    records = await read(home, freezer, entry)
    assert [(each.cost, each.currency) for each in records] == [
        (None, None),
        (pytest.approx(0.5), "SEK"),
        (pytest.approx(1.0), "SEK"),
    ]
    assert [hour.cost for hour in records[1].hours] == pytest.approx([0.1, 0.4])


@pytest.mark.parametrize(
    ("state", "unit"),
    [
        ("0.5", "EUR"),
        ("0.5", "ct/kWh"),
        ("unknown", "EUR/kWh"),
        ("0.5", None),
        (None, None),
    ],
)
async def test_sensor_that_is_none(
    home: HomeAssistant,
    cloud: type[FakeProvider],
    fake_entry: MockConfigEntry,
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
    state: str | None,
    unit: str | None,
) -> None:
    """A sensor without a price, or of something else, makes no cost."""
    choose(home, fake_entry, price_sensor=PRICE)
    if state is not None:
        home.states.async_set(PRICE, state, {"unit_of_measurement": unit})
    cloud.past = [session(1, NOW - 2 * HOUR)]
    entry = await set_up()
    (record,) = await read(home, freezer, entry)
    assert record.cost is None
    home.states.async_set(PRICE, "0.5", {"unit_of_measurement": "EUR/kWh"})
    (record,) = await read(home, freezer, entry, 1, 3600)
    assert record.cost is None
    # Once a day what has none is looked at again; then it is too late for this hour.
    (record,) = await read(home, freezer, entry, 1, 86_400)
    assert record.cost is None


@pytest.mark.parametrize(
    ("unit", "house", "currency"),
    [
        ("EUR/kWh", "CHF", "EUR"),
        ("€/kWh", "CHF", "EUR"),
        ("kr/kWh", "NOK", "NOK"),
        ("kr/kWh", "EUR", "DKK"),
        ("$/kWh", "CAD", "CAD"),
        ("EUR/MWh", "EUR", None),
        ("ct/kWh", "EUR", None),
        (None, "EUR", None),
    ],
)
def test_currencies(
    hass: HomeAssistant, unit: str | None, house: str, currency: str | None
) -> None:
    """A sign is the house's currency where it may be."""
    hass.config.currency = house
    assert currency_of(hass, unit) == currency
