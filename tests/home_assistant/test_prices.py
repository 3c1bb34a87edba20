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
    ChargingStatus,
    Device,
    DeviceKind,
    Money,
    Reading,
    Session,
    SessionStatus,
)
from custom_components.ev_charger_cloud.charging.energy_hours import HOUR
from custom_components.ev_charger_cloud.const import DOMAIN, EVENT_CHARGING
from custom_components.ev_charger_cloud.ledger import SessionRecord
from custom_components.ev_charger_cloud.llm import async_get_tools
from custom_components.ev_charger_cloud.prices import currency_of
from custom_components.ev_charger_cloud.session_history import PAUSE
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import async_import_statistics
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers.llm import LLM_API_ASSIST, LLMContext, ToolInput

from .devices import SetUp, device_entry
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


@pytest.mark.parametrize("by_sensor", [False, True])
async def test_the_same_wherever_it_is_told(
    home: HomeAssistant,
    cloud: type[FakeProvider],
    fake_entry: MockConfigEntry,
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    by_sensor: bool,
) -> None:
    """By the user's price a session costs what is in the ledger, whatever the cloud says."""
    home.config.currency = "EUR"
    home.states.async_set(PRICE, "0.5", {"unit_of_measurement": "EUR/kWh"})
    price = {"price_sensor": PRICE} if by_sensor else {"price": 0.5}
    choose(home, fake_entry, **price)
    cloud.change(
        "c1",
        readings={
            **cloud.fleet["c1"].readings,
            Reading.STATUS: ChargingStatus.CHARGING,
            Reading.CHARGING: True,
            Reading.SESSION_STATUS: SessionStatus.ACTIVE,
            Reading.SESSION_START: NOW - 2 * HOUR,
            Reading.SESSION_ENERGY: 2000.0,
            Reading.SESSION_COST: Money(9.0, "CHF"),
            Reading.LAST_SESSION_ENERGY: None,
            Reading.LAST_SESSION_COST: None,
        },
    )
    told: list[dict[str, Any]] = []
    home.bus.async_listen(EVENT_CHARGING, lambda event: told.append(event.data))
    entry = await set_up()
    finished = session(1, NOW - 2 * HOUR, Money(9.0, "CHF"))
    cloud.past = [finished]

    async def asked(self: FakeProvider, device_id: str, session_id: str) -> Session:
        return finished

    monkeypatch.setattr(FakeProvider, "session", asked)
    for reading, value in {
        Reading.CHARGING: False,
        Reading.STATUS: ChargingStatus.DISCONNECTED,
        Reading.SESSION_STATUS: SessionStatus.FINISHED,
        Reading.LAST_SESSION_ENERGY: 2000.0,
        Reading.LAST_SESSION_COST: Money(9.0, "CHF"),
    }.items():
        cloud.set_reading("c1", reading, value)

    async def answers(action: str, **fields: Any) -> Any:
        return await home.services.async_call(
            DOMAIN,
            action,
            {"device_id": device_entry(home, "c1").id, **fields},
            blocking=True,
            return_response=True,
        )

    def paid(entity: str) -> tuple[str, str | None]:
        state = home.states.get(f"sensor.wallbox_{entity}")
        assert state is not None
        return state.state, state.attributes.get("unit_of_measurement")

    freezer.tick(61)
    async_fire_time_changed(home)
    await home.async_block_till_done()
    (event,) = [each for each in told if each["type"] == "session_finished"]
    cost = None if by_sensor else 1.0
    assert (event.get("cost"), event.get("currency")) == (cost, cost and "EUR")
    # It was not read since.
    assert paid("last_session_cost")[0] == "unknown"
    (record,) = await read(home, freezer, entry, 6)
    assert (record.cost, record.currency) == (1.0, "EUR")
    assert paid("last_session_cost") == ("1.0", "EUR")
    assert paid("session_cost") == ("1.0", "EUR")
    span = {"start": (NOW - DAY).isoformat(), "end": (NOW + DAY).isoformat()}
    (listed,) = (await answers("get_sessions", **span))["sessions"]
    found = await answers("get_session", session_id="1")
    exported = await answers("export_sessions", **span)
    for line in (listed, found, *exported["sessions"]):
        assert (line["cost"], line["currency"]) == (1.0, "EUR")
    assert exported["sessions"][0]["price"] == 0.5
    assert exported["totals"]["costs"] == {"EUR": 1.0}
    exported = await answers("export_sessions", **span, price=2)
    assert exported["totals"]["costs"] == {"EUR": 4.0}
    async_expose_entity(
        home, "conversation", "sensor.wallbox_status", should_expose=True
    )
    context = LLMContext(
        platform="test",
        context=Context(),
        language="en",
        assistant="conversation",
        device_id=None,
    )
    tools = async_get_tools(home, context, LLM_API_ASSIST)
    assert tools
    for tool in tools.tools:
        name = tool.name.removeprefix(f"{DOMAIN}__")
        if not name.startswith("get"):
            continue
        result = await tool.async_call(
            home, ToolInput(tool.name, {"charger": "Wallbox"}), context
        )
        if name == "get_charger":
            assert result.data["session_cost"] == "1.0 EUR"
            assert result.data["last_session_cost"] == "1.0 EUR"
        else:
            (line,) = result.data["sessions"]
            assert (line["cost"], line["currency"]) == (1.0, "EUR")
    # Another opinion later changes nothing of it.
    choose(home, entry)
    await home.config_entries.async_reload(entry.entry_id)
    await home.async_block_till_done()
    assert paid("last_session_cost") == ("1.0", "EUR")
    assert paid("session_cost") == ("1.0", "EUR")


async def test_house_gets_another_currency(
    home: HomeAssistant,
    cloud: type[FakeProvider],
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What was paid in the one before still was, where the cloud names none."""
    home.config.currency = "EUR"
    cloud.past = [session(1, NOW - 2 * DAY, Money(0.6))]
    entry = await set_up()
    await read(home, freezer, entry, 30)
    home.config.currency = "CHF"
    cloud.past = [
        session(1, NOW - 2 * DAY, Money(0.7)),
        session(2, NOW - DAY, Money(0.8)),
    ]
    records = await read(home, freezer, entry, 2, 86_400)
    assert [(each.cost, each.currency) for each in records] == [
        (0.7, "EUR"),
        (0.8, "CHF"),
    ]


async def test_sensor_that_was_away(
    recorder_mock: None,
    home: HomeAssistant,
    cloud: type[FakeProvider],
    fake_entry: MockConfigEntry,
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A session has its cost when the price of all of its hours is known at last."""
    choose(home, fake_entry, price_sensor=PRICE)
    home.states.async_set(PRICE, "unavailable", {})
    cloud.past = [session(1, NOW - 3 * HOUR)]
    entry = await set_up()
    (record,) = await read(home, freezer, entry)
    assert record.cost is None
    metadata: Any = {
        "mean_type": StatisticMeanType.ARITHMETIC,
        "has_sum": False,
        "name": None,
        "source": "recorder",
        "statistic_id": PRICE,
        "unit_class": None,
        "unit_of_measurement": "EUR/kWh",
    }
    for hour in range(2):
        start = NOW + (hour - 3) * HOUR
        row: Any = {"start": start, "mean": 0.3, "min": 0.3, "max": 0.3}
        async_import_statistics(home, metadata, [row])
        await async_wait_recording_done(home)
        home.states.async_set(PRICE, "0.9", {"unit_of_measurement": "EUR/kWh"})
        (record,) = await read(home, freezer, entry, 1, 86_400)
        assert record.cost == (None if hour == 0 else pytest.approx(0.6))


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
