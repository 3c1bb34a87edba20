"""The blueprints, run in Home Assistant against the simulator.

The physical world of the simulator is the judge: what flows, and when.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
import shutil
from typing import Any

from aiolimiter import AsyncLimiter
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    async_mock_service,
)

from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.providers import transport
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint import models
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, SupportsResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml_dict
from simulator.cloud import Cloud
from simulator.clouds.ampeco import Ampeco
from simulator.clouds.amps import Amps
from simulator.server import Simulator
from simulator.world import Car, Connector

BLUEPRINTS = Path(__file__).parents[2] / "blueprints" / "automation" / DOMAIN
NAMES = sorted(path.stem for path in BLUEPRINTS.glob("*.yaml"))
VOLTAGE = 230
WAITS = "wait for trigger"


class House:
    """A house with chargers, in the simulator and in Home Assistant."""

    def __init__(
        self,
        home: HomeAssistant,
        freezer: FrozenDateTimeFactory,
        entry: MockConfigEntry,
        connectors: list[Connector],
    ) -> None:
        """Begin with nobody plugged in."""
        self.home = home
        self.freezer = freezer
        self.entry = entry
        self.connectors = connectors
        self.connector = connectors[0]
        # What the house measures, written before Home Assistant's time goes on.
        self.measure: Callable[[], None] = lambda: None
        self.step = 10.0
        # Whether the automation is one that goes on waiting, for hours maybe.
        self.waits = False
        plugs = self._entities("binary_sensor", "plug")
        self.device_ids = [plug.device_id for plug in plugs]

    def _entities(self, domain: str, key: str) -> list[er.RegistryEntry]:
        """Return the entities of a kind, one for each connector."""
        found = er.async_entries_for_config_entry(
            er.async_get(self.home), self.entry.entry_id
        )
        return sorted(
            (
                entity
                for entity in found
                if entity.domain == domain and entity.translation_key == key
            ),
            key=lambda entity: entity.unique_id,
        )

    def all_of(self, domain: str, key: str) -> list[str]:
        """Return the ids of the entities of a kind, in the order of the connectors."""
        return [entity.entity_id for entity in self._entities(domain, key)]

    def entity(self, domain: str, key: str) -> str:
        """Return the entity of a kind at the first connector."""
        return self.all_of(domain, key)[0]

    def state(self, domain: str, key: str) -> str:
        """Return the state of the first connector's entity of a kind."""
        return self.home.states.get(self.entity(domain, key)).state

    @property
    def device_id(self) -> str:
        """Return the device of the first connector."""
        return self.device_ids[0]

    async def automate(self, name: str, inputs: dict[str, Any]) -> str:
        """Make an automation of a blueprint."""
        assert await async_setup_component(
            self.home,
            "automation",
            {
                "automation": {
                    "alias": "It",
                    "use_blueprint": {"path": f"{DOMAIN}/{name}.yaml", "input": inputs},
                }
            },
        )
        await self.home.async_block_till_done()
        assert self.home.states.get("automation.it").state == "on"
        return "automation.it"

    async def pass_time(
        self, minutes: float = 0, *, seconds: float = 0, until: datetime | None = None
    ) -> None:
        """Let time pass, in the world and in Home Assistant."""
        end = until or dt_util.utcnow() + timedelta(minutes=minutes, seconds=seconds)
        while (left := (end - dt_util.utcnow()).total_seconds()) > 0:
            self.freezer.tick(min(self.step, left))
            await self.react()

    async def react(self) -> None:
        """Let Home Assistant see what is, and do something about it."""
        self.connector.world.settle()
        self.measure()
        async_fire_time_changed(self.home)
        if self.waits:
            await self._block_till_waiting()
        else:
            await self.home.async_block_till_done(wait_background_tasks=True)
        self.connector.world.settle()
        self.measure()

    async def charge_once(self) -> None:
        """Have somebody charge for a minute and leave."""
        self.connector.plug_in(Car())
        await self.until(lambda: self.state("binary_sensor", "plug") == "on")
        switch = {"entity_id": self.entity("switch", "charging")}
        await self.home.services.async_call("switch", "turn_on", switch, blocking=True)
        await self.until(lambda: bool(self.all_of("sensor", "session_energy")))
        self.connector.unplug()
        await self.until(lambda: self.state("binary_sensor", "plug") == "off")

    async def _block_till_waiting(self) -> None:
        """Wait until nobody has anything to do but wait for a trigger."""
        quiet = 0
        while quiet < 20:
            await asyncio.sleep(0)
            quiet = 0 if self._busy() else quiet + 1

    def _busy(self) -> bool:
        """Return whether somebody has something to do."""
        (automation,) = self.home.data["automation"].entities
        runs = {"Script.async_run", "AutomationEntity._async_trigger_if_enabled"}
        idle = runs if automation.action_script.last_action == WAITS else ()
        return any(
            not task.done() and task.get_coro().__qualname__ not in idle
            for task in {*self.home._tasks, *self.home._background_tasks}
        )

    async def until(self, says: Callable[[], bool], minutes: float = 10) -> None:
        """Let time pass until something shows."""
        for _ in range(int(minutes * 60 / self.step)):
            if says():
                return
            await self.pass_time(seconds=self.step)
        assert says()

    def show(self, entity_id: str, value: float | str, **attributes: Any) -> None:
        """Have an entity of the house show something."""
        self.home.states.async_set(entity_id, str(value), attributes)


@pytest.fixture(autouse=True)
def no_real_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for its turn in real time."""
    monkeypatch.setattr(
        transport, "AsyncLimiter", lambda rate, period: AsyncLimiter(1000, 1)
    )


@pytest.fixture
def chargers() -> int:
    """Return how many chargers the house has."""
    return 1


@pytest.fixture
def kind() -> type[Cloud]:
    """Return whose cloud the chargers are in."""
    return Ampeco


@pytest.fixture
async def house(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    tmp_path: Path,
    chargers: int,
    kind: type[Cloud],
) -> AsyncGenerator[House]:
    """Set the account up; the blueprints are in the configuration's folder."""
    home.config.config_dir = str(tmp_path)
    shutil.copytree(BLUEPRINTS, tmp_path / "blueprints" / "automation" / DOMAIN)
    freezer.move_to(
        (dt_util.utcnow() + timedelta(days=1)).replace(
            hour=17, minute=45, second=0, microsecond=0
        )
    )
    async with Simulator([kind], seed=False) as simulator:
        cloud = simulator[kind.name]
        cloud.populate(chargers, connectors=1)
        entry = MockConfigEntry(
            domain=DOMAIN,
            unique_id=f"{kind.name}_house",
            data={
                "provider": kind.name,
                "base_url": cloud.base_url,
                **cloud.credentials,
            },
        )
        entry.add_to_hass(home)
        assert await home.config_entries.async_setup(entry.entry_id)
        await home.async_block_till_done(wait_background_tasks=True)
        assert entry.state is ConfigEntryState.LOADED
        connectors = [each.connectors[0] for each in cloud.stations.values()]
        house = House(home, freezer, entry, connectors)
        await house.pass_time(minutes=2)
        if kind is Ampeco:
            # What tells of sessions is there from the first session on.
            await house.charge_once()
        step, house.step = house.step, 60
        await house.pass_time(
            until=dt_util.utcnow().replace(hour=18, minute=2, second=0)
        )
        house.step = step
        yield house
        if "automation.it" in home.states.async_entity_ids("automation"):
            await home.services.async_call(
                "automation", "turn_off", {"entity_id": "automation.it"}, blocking=True
            )
        await home.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("name", NAMES)
def test_form(name: str) -> None:
    """Each can be imported: it says from where, since when it works, and what it asks.

    What is asked has a name and a selector; of entities only those are offered that fit.
    """
    path = BLUEPRINTS / f"{name}.yaml"
    blueprint = models.Blueprint(
        load_yaml_dict(str(path)),
        expected_domain="automation",
        path=f"{DOMAIN}/{name}.yaml",
        schema=AUTOMATION_BLUEPRINT_SCHEMA,
    )
    metadata = blueprint.metadata
    assert metadata["source_url"].endswith(
        f"/blob/main/{path.relative_to(BLUEPRINTS.parents[2])}"
    )
    assert metadata["homeassistant"]["min_version"] == "2026.10.0"
    assert metadata["description"]
    for key, asked in blueprint.inputs.items():
        assert asked["name"], key
        ((kind, options),) = asked["selector"].items()
        if kind in ("entity", "device"):
            assert options["filter"], key


class TestSolarSurplus:
    """Charging follows the sun."""

    LOAD = 400.0

    @pytest.fixture
    def sun(self, house: House) -> list[float]:
        """Return the power of the sun, to be changed."""
        sun = [0.0]
        house.step = 20

        def measure() -> None:
            grid = self.LOAD + house.connector.power_w - sun[0]
            house.show(
                "sensor.grid",
                round(grid),
                device_class="power",
                unit_of_measurement="W",
            )

        house.measure = measure
        measure()
        return sun

    async def automate(
        self, house: House, limit: str = "charging_current", **inputs: Any
    ) -> None:
        """Have the charger follow the sun."""
        await house.automate(
            "solar_surplus",
            {
                "charger": house.device_id,
                "charging_switch": house.entity("switch", "charging"),
                "charging_limit": house.entity("number", limit),
                "charging_power": house.entity("sensor", "power"),
                "grid_power": "sensor.grid",
                **inputs,
            },
        )

    async def test_day(self, house: House, sun: list[float]) -> None:
        """The sun comes, changes, hides for a moment and goes."""
        await self.automate(house)
        connector = house.connector
        connector.plug_in(Car(soc=0.1, max_current=16.0, phases=3))
        await house.pass_time(minutes=10)
        assert connector.power_w == 0

        # Not enough for the lowest current and the margin.
        sun[0] = self.LOAD + 6 * 3 * VOLTAGE + 100
        await house.pass_time(minutes=10)
        assert connector.power_w == 0

        # Enough: what flows is never more than is left, but for a whole ampere.
        for surplus in (5000.0, 9000.0, 6500.0):
            sun[0] = self.LOAD + surplus
            await house.pass_time(minutes=6)
            assert surplus - 3 * VOLTAGE < connector.power_w <= surplus

        # More than the car takes.
        sun[0] = 20000
        await house.pass_time(minutes=6)
        assert connector.power_w == 16 * 3 * VOLTAGE

        # A cloud: down to the lowest current, but no pause.
        sun[0] = self.LOAD + 6 * 3 * VOLTAGE - 150
        await house.pass_time(minutes=20)
        assert connector.power_w == 6 * 3 * VOLTAGE

        # The evening.
        sun[0] = 0
        await house.pass_time(minutes=3)
        assert connector.power_w == 0
        await house.pass_time(minutes=30)
        assert connector.power_w == 0

    async def test_neither_short_nor_hasty(
        self, house: House, sun: list[float]
    ) -> None:
        """Once begun it goes on for a while, once paused it rests for a while."""
        await self.automate(house, minimum_on=15, minimum_off=10)
        connector = house.connector
        connector.plug_in(Car(soc=0.1))
        await house.pass_time(minutes=12)
        changes: list[tuple[float, bool]] = []
        began = dt_util.utcnow()
        # The sun changes every other minute.
        for minute in range(60):
            sun[0] = 8000.0 if minute % 4 < 2 else 0.0
            await house.pass_time(minutes=1)
            flows = connector.power_w > 0
            if not changes or changes[-1][1] is not flows:
                passed = (dt_util.utcnow() - began).total_seconds() / 60
                changes.append((passed, flows))
        assert len(changes) >= 4
        for (start, flows), (end, _) in pairwise(changes[1:]):
            assert end - start >= (14 if flows else 9)

    @pytest.mark.parametrize(("battery_first", "amperes"), [(True, 7), (False, 13)])
    async def test_battery(
        self, house: House, sun: list[float], battery_first: bool, amperes: int
    ) -> None:
        """The battery takes its 4 kW before the vehicle, or gives way to it."""
        discharging = [False]
        plain = house.measure

        def measure() -> None:
            plain()
            grid = float(house.home.states.get("sensor.grid").state)
            # A battery takes what would be exported; in the evening it gives.
            battery = -8000.0 if discharging[0] else min(4000.0, max(0.0, -grid))
            kilowatt = {"device_class": "power", "unit_of_measurement": "kW"}
            house.show("sensor.grid", (grid + battery) / 1000, **kilowatt)
            house.show("sensor.battery", battery / 1000, **kilowatt)

        house.measure = measure
        measure()
        await self.automate(
            house, battery_power="sensor.battery", battery_first=battery_first
        )
        house.connector.plug_in(Car(soc=0.1))
        sun[0] = self.LOAD + 9000
        await house.pass_time(minutes=12)
        assert house.connector.currents[0] == amperes
        # What the battery gives is no surplus.
        discharging[0] = True
        sun[0] = self.LOAD
        await house.pass_time(minutes=20)
        assert house.connector.power_w == 0

    @pytest.mark.parametrize("kind", [Amps])
    async def test_power_limit(self, house: House, sun: list[float]) -> None:
        """A charger that is limited by its power follows in watts."""
        await self.automate(house, limit="maximum_power")
        sun[0] = self.LOAD + 7350
        house.connector.plug_in(Car(soc=0.1, max_current=16.0, phases=3))
        # This cloud takes its time to tell of the plug.
        await house.until(lambda: house.connector.power_w > 0, minutes=40)
        await house.pass_time(minutes=5)
        assert 6900 < house.connector.power_w <= 7350
        sun[0] = 0
        await house.pass_time(minutes=15)
        assert house.connector.power_w == 0

    async def test_silent_meter(self, house: House, sun: list[float]) -> None:
        """What is not known is no surplus."""
        await self.automate(house)
        house.connector.plug_in(Car(soc=0.1))
        house.measure = lambda: house.show("sensor.grid", "unavailable")
        await house.pass_time(minutes=15)
        assert house.connector.power_w == 0

    async def test_meter_falls_silent(self, house: House, sun: list[float]) -> None:
        """Nobody goes on charging because nobody measures any more."""
        await self.automate(house)
        sun[0] = 10_000
        house.connector.plug_in(Car(soc=0.1))
        await house.until(lambda: house.connector.power_w > 0)
        house.measure = lambda: house.show("sensor.grid", "unavailable")
        await house.pass_time(minutes=20)
        assert house.connector.power_w == 0

    async def test_switch_is_gone(
        self, house: House, sun: list[float], caplog: pytest.LogCaptureFixture
    ) -> None:
        """Without the switch nothing is done, and nothing is logged each minute."""
        await self.automate(house)
        house.connector.plug_in(Car(soc=0.1))
        await house.pass_time(minutes=2)
        switch = house.entity("switch", "charging")
        er.async_get(house.home).async_remove(switch)
        sun[0] = 10_000
        await house.pass_time(minutes=5)
        assert house.connector.power_w == 0
        assert not [each for each in caplog.records if each.levelname == "ERROR"]


class TestHouseFuse:
    """The chargers get what the house leaves of its fuse."""

    FUSE = 35.0
    # What the world takes from being asked to obeying, and the meter to tell, in s.
    REACTION = 15.0

    @pytest.fixture
    def chargers(self) -> int:
        return 3

    @pytest.fixture
    def load(self, house: House) -> list[float]:
        """Return the current of the rest of the house, to be changed."""
        load = [5.0]
        house.step = 5

        def measure() -> None:
            for phase in range(3):
                house.show(
                    f"sensor.mains_{phase + 1}",
                    round(self.mains(house, load, phase), 1),
                    device_class="current",
                    unit_of_measurement="A",
                )

        house.measure = measure
        measure()
        return load

    @staticmethod
    def mains(house: House, load: list[float], phase: int = 0) -> float:
        """Return what flows through a phase of the fuse."""
        return load[0] + sum(each.currents[phase] for each in house.connectors)

    async def automate(self, house: House, **inputs: Any) -> None:
        """Have the chargers share the fuse."""
        await house.automate(
            "house_fuse",
            {
                "mains_current": [f"sensor.mains_{phase}" for phase in (1, 2, 3)],
                "fuse": self.FUSE,
                "charging_limits": house.all_of("number", "charging_current"),
                "charging_switches": house.all_of("switch", "charging"),
                "charging_currents": [
                    entity_id
                    for phase in (1, 2, 3)
                    for entity_id in house.all_of("sensor", f"current_phase_{phase}")
                ],
                **inputs,
            },
        )

    async def watch(
        self, house: House, load: list[float], minutes: float, worst: list[float]
    ) -> None:
        """Let time pass, and note for how long the fuse was passed at a stretch."""
        passed = 0.0
        for _ in range(int(minutes * 60 / house.step)):
            await house.pass_time(seconds=house.step)
            over = self.mains(house, load) > self.FUSE
            passed = passed + house.step if over else 0.0
            worst.append(passed)

    async def test_day(self, house: House, load: list[float]) -> None:
        """Vehicles come, the house cooks and showers, vehicles go."""
        await self.automate(house)
        worst: list[float] = []
        for connector in house.connectors:
            connector.plug_in(Car(soc=0.1, max_current=16.0, phases=3))
            await self.watch(house, load, 6, worst)
        # All charge, and use what there is.
        assert all(each.power_w > 0 for each in house.connectors)
        assert self.FUSE - 8 <= self.mains(house, load) <= self.FUSE
        # The house takes more, and more: the last in the list has to wait.
        load[0] = 14.0
        await self.watch(house, load, 4, worst)
        assert all(each.power_w > 0 for each in house.connectors)
        load[0] = 20.0
        await self.watch(house, load, 4, worst)
        flows = [each.power_w > 0 for each in house.connectors]
        assert flows == [True, True, False]
        # Nothing is left for anybody.
        load[0] = 30.0
        await self.watch(house, load, 4, worst)
        assert not any(each.power_w for each in house.connectors)
        # The kitchen rests: all go on, one after the other.
        load[0] = 3.0
        await self.watch(house, load, 10, worst)
        assert all(each.power_w > 0 for each in house.connectors)
        # One leaves: the others get its share.
        house.connectors[0].unplug()
        await self.watch(house, load, 8, worst)
        assert house.connectors[1].currents[0] >= 14
        assert house.connectors[2].currents[0] >= 14
        assert max(worst) <= self.REACTION

    async def test_random_house(self, house: House, load: list[float]) -> None:
        """Whatever the house does, the fuse is not passed longer than one reaction."""
        await self.automate(house)
        for connector in house.connectors:
            connector.plug_in(Car(soc=0.1))
        await self.watch(house, load, 6, [])
        worst: list[float] = []
        random = Random(7)
        for _ in range(12):
            load[0] = random.uniform(0, self.FUSE)
            await self.watch(house, load, random.choice([0.5, 1, 3]), worst)
        assert max(worst) <= self.REACTION
        assert any(worst)

    async def test_silent_meter(self, house: House, load: list[float]) -> None:
        """Without the meter the chargers fall back."""
        await self.automate(house, fallback_current=8)
        for connector in house.connectors[:2]:
            connector.plug_in(Car(soc=0.1))
        await self.watch(house, load, 8, [])
        assert min(each.currents[0] for each in house.connectors[:2]) > 10
        house.measure = lambda: house.show("sensor.mains_2", "unavailable")
        await house.pass_time(minutes=2)
        assert [each.currents[0] for each in house.connectors] == [8, 8, 0]

    async def test_charger_offline(self, house: House, load: list[float]) -> None:
        """A charger nobody can reach is left alone; the others keep what is left."""
        await self.automate(house)
        for connector in house.connectors:
            connector.plug_in(Car(soc=0.1, max_current=16.0, phases=3))
        for entity_id in house.all_of("switch", "charging"):
            await house.home.services.async_call(
                "switch", "turn_on", {"entity_id": entity_id}, blocking=True
            )
        await house.pass_time(minutes=6)
        house.connectors[0].station.set_online(False)
        await house.until(
            lambda: house.state("number", "charging_current") == "unavailable"
        )
        held = house.connectors[0].currents[0]
        load[0] = self.FUSE - held - 10
        await house.pass_time(minutes=3)
        assert house.connectors[0].currents[0] == held
        assert self.mains(house, load) <= self.FUSE
        assert any(each.power_w > 0 for each in house.connectors[1:])

    async def test_without_switches(self, house: House, load: list[float]) -> None:
        """Chargers that may not be paused get no less than the lowest current."""
        await self.automate(house, charging_switches=[])
        for entity_id, connector in zip(
            house.all_of("switch", "charging"), house.connectors, strict=True
        ):
            connector.plug_in(Car(soc=0.1))
            await house.home.services.async_call(
                "switch", "turn_on", {"entity_id": entity_id}, blocking=True
            )
        await house.pass_time(minutes=4)
        load[0] = 25.0
        await house.pass_time(minutes=3)
        assert [each.currents[0] for each in house.connectors] == [6, 6, 6]


class TestCheapestHours:
    """Charging takes the cheapest quarters of an hour before the deadline."""

    # Prices (ct) from 18:00 on, an hour each; the car is plugged in at 18:02.
    PRICES = (40, 38, 12, 10, 20, 35)

    @pytest.fixture
    def midnight(self, house: House) -> datetime:
        """Return the beginning of the day; time may pass in big steps."""
        house.step = 150
        return dt_util.utcnow().replace(hour=0, minute=0, second=0)

    async def automate(self, house: House, **inputs: Any) -> None:
        """Have the charger wait for low prices."""
        await house.home.config.async_set_time_zone("UTC")
        house.waits = True
        await house.automate(
            "cheapest_hours",
            {
                "charger": house.device_id,
                "charging_switch": house.entity("switch", "charging"),
                "session_energy": house.entity("sensor", "session_energy"),
                "energy": 22,
                "power": 11,
                "deadline": "23:30:00",
                **inputs,
            },
        )

    def show(self, house: House, day: datetime, prices: tuple[float, ...]) -> None:
        """Have the sensor show prices, in the shape of many integrations."""
        house.show(
            "sensor.price",
            prices[0],
            raw_today=[
                {
                    "start": (day + timedelta(hours=18 + hour)).isoformat(),
                    "value": price,
                }
                for hour, price in enumerate(prices)
            ],
            raw_tomorrow=[],
        )

    async def charged(self, house: House, until: datetime) -> dict[int, float]:
        """Let time pass, and return in which hours how many kWh were charged."""
        charged: dict[int, float] = {}
        while dt_util.utcnow() < until:
            hour, before = dt_util.utcnow().hour, house.connector.meter_wh
            await house.pass_time(seconds=house.step)
            if (more := house.connector.meter_wh - before) > 0:
                charged[hour] = charged.get(hour, 0) + more / 1000
        return charged

    async def test_night(self, house: House, midnight: datetime) -> None:
        """Two hours' worth is charged in the two cheapest hours, and then no more."""
        self.show(house, midnight, self.PRICES)
        await self.automate(house, price_sensor="sensor.price")
        house.connector.plug_in(Car(soc=0.1, max_current=16.0, phases=3))
        charged = await self.charged(house, midnight + timedelta(hours=23.8))
        assert charged.keys() <= {20, 21, 22}
        assert charged[20] > 10
        assert charged[21] > 10
        assert 22 <= sum(charged.values()) <= 23.5
        assert house.connector.power_w == 0

    async def test_prices_change(self, house: House, midnight: datetime) -> None:
        """New prices make a new plan."""
        self.show(house, midnight, self.PRICES)
        await self.automate(house, price_sensor="sensor.price")
        house.connector.plug_in(Car(soc=0.1))
        assert await self.charged(house, midnight + timedelta(hours=20)) == {}
        self.show(house, midnight, (40, 38, 30, 28, 1, 35))
        charged = await self.charged(house, midnight + timedelta(hours=23.6))
        assert charged.keys() <= {20, 21, 22, 23}
        assert charged.get(20, 0) + charged.get(23, 0) < 2
        assert charged[21] > 8
        assert charged[22] > 10

    async def test_short_of_time(self, house: House, midnight: datetime) -> None:
        """Where all the time is needed all of it is used, whatever it costs."""
        self.show(house, midnight, self.PRICES)
        await self.automate(
            house, price_sensor="sensor.price", deadline="20:00:00", energy=40
        )
        house.connector.plug_in(Car(soc=0.1))
        charged = await self.charged(house, midnight + timedelta(hours=20.5))
        assert charged[18] > 9
        assert charged[19] > 10.5
        # The vehicle had to leave.
        assert charged.get(20, 0) < 1.5

    async def test_unknown_prices(self, house: House, midnight: datetime) -> None:
        """Where prices are missing only what is cheaper than the average is used."""
        self.show(house, midnight, self.PRICES[:2])
        await self.automate(house, price_sensor="sensor.price")
        house.connector.plug_in(Car(soc=0.1))
        assert await self.charged(house, midnight + timedelta(hours=18.9)) == {}
        self.show(house, midnight, self.PRICES)
        charged = await self.charged(house, midnight + timedelta(hours=22.5))
        assert charged.keys() <= {20, 21, 22}
        assert charged[20] > 10

    async def test_action(self, house: House, midnight: datetime) -> None:
        """Prices may come from an action, by area and with other names."""
        calls = async_mock_service(
            house.home,
            "prices",
            "fetch",
            response={
                "AREA": [
                    {
                        "start": (midnight + timedelta(hours=18 + hour)).isoformat(),
                        "end": (midnight + timedelta(hours=19 + hour)).isoformat(),
                        "price": price,
                    }
                    for hour, price in enumerate(self.PRICES)
                ]
            },
            supports_response=SupportsResponse.ONLY,
        )
        await self.automate(
            house,
            price_action=[{"action": "prices.fetch", "response_variable": "prices"}],
            energy=11,
        )
        house.connector.plug_in(Car(soc=0.1))
        charged = await self.charged(house, midnight + timedelta(hours=22.5))
        assert calls
        assert charged.keys() <= {21, 22}
        assert charged[21] > 10

    async def test_prices_are_lost(self, house: House, midnight: datetime) -> None:
        """What was told last stands while the sensor is not there."""
        self.show(house, midnight, self.PRICES)
        await self.automate(house, price_sensor="sensor.price")
        house.connector.plug_in(Car(soc=0.1))
        await house.pass_time(minutes=10)
        house.show("sensor.price", "unavailable")
        charged = await self.charged(house, midnight + timedelta(hours=23.6))
        assert charged.keys() <= {20, 21, 22}
        assert charged[20] > 10
        assert charged[21] > 10

    async def test_action_fails(self, house: House, midnight: datetime) -> None:
        """A plan outlives an action that fails."""
        async_mock_service(
            house.home,
            "prices",
            "fetch",
            supports_response=SupportsResponse.ONLY,
            raise_exception=HomeAssistantError("no"),
        )
        await self.automate(
            house,
            price_action=[{"action": "prices.fetch", "response_variable": "prices"}],
            energy=5,
        )
        house.connector.plug_in(Car(soc=0.1))
        charged = await self.charged(house, midnight + timedelta(hours=19))
        assert 5 <= charged[18] <= 6.5

    async def test_night_when_clocks_change(
        self, house: House, freezer: FrozenDateTimeFactory
    ) -> None:
        """The deadline is by the clock on the wall, and no hour is used twice."""
        evening = datetime(2027, 3, 27, 19, tzinfo=UTC)
        freezer.move_to(evening)
        await house.pass_time(minutes=5)
        house.step = 150
        await self.automate(house, price_sensor="sensor.price", deadline="07:00:00")
        await house.home.config.async_set_time_zone("Europe/Berlin")
        prices = [40.0] * 12
        # 01:00 and 03:00 in Berlin follow each other; 07:00 is five in the morning UTC.
        prices[5] = prices[6] = 10
        prices[10] = prices[11] = 1
        self.show(house, evening - timedelta(hours=18), tuple(prices))
        house.connector.plug_in(Car(soc=0.1))
        charged = await self.charged(house, evening + timedelta(hours=10.5))
        assert charged.keys() <= {0, 1, 2}
        assert charged[0] > 10
        assert charged[1] > 10

    async def test_no_prices(self, house: House, midnight: datetime) -> None:
        """Without any price it is charged at once; one that leaves ends the plan."""
        await self.automate(house, energy=5)
        house.connector.plug_in(Car(soc=0.1))
        charged = await self.charged(house, midnight + timedelta(hours=19))
        assert 5 <= charged[18] <= 6.5
        assert house.connector.power_w == 0
        house.connector.unplug()
        await house.pass_time(minutes=10)
        assert house.home.states.get("automation.it").attributes["current"] == 0


class Messages:
    """What people are told."""

    def __init__(self, home: HomeAssistant) -> None:
        """Listen."""
        self.calls = async_mock_service(home, "notify", "phone")

    # What blueprints ask for as their action.
    action = (
        {
            "action": "notify.phone",
            "data": {"title": "{{ title }}", "message": "{{ message }}"},
        },
    )

    def told(self) -> list[str]:
        """Return what was told since the last time."""
        texts = [call.data["message"] for call in self.calls]
        self.calls.clear()
        return texts


@pytest.fixture
def messages(home: HomeAssistant) -> Messages:
    """Return what people are told."""
    return Messages(home)


class TestMessages:
    """People are told when charging is finished, stalled or faulted."""

    async def automate(self, house: House, **inputs: Any) -> None:
        """Have all chargers tell."""
        await house.automate(
            "charging_messages",
            {
                "chargers": {"device_id": house.device_ids},
                "notify": list(Messages.action),
                **inputs,
            },
        )

    async def charge(self, house: House, minutes: float) -> None:
        """Let the car charge for a while and leave."""
        switch = {"entity_id": house.entity("switch", "charging")}
        await house.home.services.async_call("switch", "turn_on", switch, blocking=True)
        await house.until(lambda: house.state("binary_sensor", "charging") == "on")
        await house.pass_time(minutes=minutes)
        house.connector.unplug()
        await house.pass_time(minutes=4)

    async def test_finished(self, house: House, messages: Messages) -> None:
        """A session is told once, with energy, duration and cost."""
        await self.automate(house, least_energy=1)
        house.connector.plug_in(Car(soc=0.1, max_current=16.0, phases=3))
        await house.pass_time(minutes=2)
        await self.charge(house, 60)
        (message,) = messages.told()
        assert message.startswith("Charging is finished: 11.")
        assert " kWh in 1:0" in message
        # Not worth a message.
        house.connector.plug_in(Car(soc=0.1))
        await house.pass_time(minutes=2)
        await self.charge(house, 1)
        assert messages.told() == []

    async def test_stalled(self, house: House, messages: Messages) -> None:
        """A vehicle that takes nothing is told after a while, once."""
        await self.automate(house, stalled_for={"minutes": 5})
        car = house.connector.plug_in(Car(soc=0.1))
        await house.pass_time(minutes=2)
        switch = {"entity_id": house.entity("switch", "charging")}
        await house.home.services.async_call("switch", "turn_on", switch, blocking=True)
        await house.until(lambda: house.state("binary_sensor", "charging") == "on")
        car.max_current = 0
        await house.until(lambda: house.state("binary_sensor", "stalled") == "on")
        await house.pass_time(minutes=4)
        assert messages.told() == []
        await house.pass_time(minutes=10)
        assert messages.told() == [
            "A vehicle is plugged in and may charge, but no energy flows: "
            "the vehicle does not take any."
        ]

    async def test_faulted(self, house: House, messages: Messages) -> None:
        """A fault is told with its code."""
        await self.automate(house)
        house.connector.set_fault("GroundFailure")
        await house.pass_time(minutes=4)
        assert messages.told() == ["The charger reports a fault: ground failure."]

    async def test_default(self, house: House) -> None:
        """Without an action of one's own it is a notification."""
        calls = async_mock_service(house.home, "persistent_notification", "create")
        await house.automate(
            "charging_messages", {"chargers": {"device_id": house.device_ids}}
        )
        house.connector.set_fault("GroundFailure")
        await house.pass_time(minutes=4)
        (call,) = calls
        assert "Charger 00001" in call.data["title"]


class TestHold:
    """A vehicle waits until it is allowed to charge."""

    @pytest.fixture
    async def allow(self, house: House) -> Callable[[bool], Any]:
        """Return what gives or takes the permission, which is not given yet."""
        assert await async_setup_component(
            house.home, "input_boolean", {"input_boolean": {"allowed": None}}
        )

        async def allow(allowed: bool) -> None:
            await house.home.services.async_call(
                "input_boolean",
                "turn_on" if allowed else "turn_off",
                {"entity_id": "input_boolean.allowed"},
                blocking=True,
            )
            await house.pass_time(minutes=2)

        return allow

    async def automate(self, house: House, **inputs: Any) -> None:
        """Have the charger hold vehicles."""
        await house.automate(
            "hold_until_allowed",
            {
                "charger": house.device_id,
                "charging_switch": house.entity("switch", "charging"),
                "permission": "input_boolean.allowed",
                "notify": list(Messages.action),
                **inputs,
            },
        )

    async def test_hold(
        self, house: House, allow: Callable[[bool], Any], messages: Messages
    ) -> None:
        """It waits, is allowed, and may no longer."""
        await self.automate(
            house, notify=[{"action": "notify.phone", "data": {"message": "It waits"}}]
        )
        # This charger begins by itself.
        house.connector.station.auto_start = True
        house.connector.plug_in(Car(soc=0.1))
        await house.pass_time(minutes=3)
        assert house.connector.power_w == 0
        assert messages.told() == ["It waits"]
        await house.pass_time(minutes=20)
        assert house.connector.power_w == 0
        await allow(True)
        assert house.connector.power_w > 0
        await allow(False)
        assert house.connector.power_w == 0
        # Somebody starts it at the charger.
        house.connector.start()
        await house.pass_time(minutes=3)
        assert house.connector.power_w == 0
        assert messages.told() == []

    async def test_allowed_before(
        self, house: House, allow: Callable[[bool], Any]
    ) -> None:
        """Where it is allowed already a vehicle is not held, but asked for each time."""
        await self.automate(house, ask_each_time=True)
        await allow(True)
        house.connector.plug_in(Car(soc=0.1))
        await house.pass_time(minutes=3)
        assert house.connector.power_w > 0
        house.connector.unplug()
        await house.pass_time(minutes=3)
        assert house.home.states.get("input_boolean.allowed").state == "off"
        house.connector.plug_in(Car(soc=0.1))
        await house.pass_time(minutes=3)
        assert house.connector.power_w == 0


class TestRemind:
    """People are reminded of a vehicle that should be plugged in."""

    @pytest.fixture(autouse=True)
    async def evening(self, house: House, messages: Messages) -> None:
        """Have the vehicle at home and half empty; the time is 18:02."""
        await house.home.config.async_set_time_zone("UTC")
        house.step = 60
        house.show("person.me", "home")
        house.show("sensor.car", 42, device_class="battery")
        await house.automate(
            "remind_to_plug_in",
            {
                "vehicle_connected": house.all_of("binary_sensor", "plug"),
                "time": "18:10:00",
                "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                "presence": "person.me",
                "vehicle_level": "sensor.car",
                "enough": 60,
                "notify": list(Messages.action),
            },
        )

    async def test_remind(self, house: House, messages: Messages) -> None:
        """At home, not plugged in, not full: once an evening."""
        await house.pass_time(minutes=30)
        assert messages.told() == ["No vehicle is plugged in, and its level is 42 %."]

    @pytest.mark.parametrize("why", ["plugged in", "away", "full", "unknown"])
    async def test_no_need(self, house: House, messages: Messages, why: str) -> None:
        """Who is plugged in, away or full is not reminded, nor who may be plugged in."""
        match why:
            case "plugged in":
                house.connector.plug_in(Car())
            case "away":
                house.show("person.me", "not_home")
            case "full":
                house.show("sensor.car", 60, device_class="battery")
            case "unknown":
                house.connector.station.set_online(False)
        await house.pass_time(minutes=30)
        assert messages.told() == []

    async def test_level_not_known(self, house: House, messages: Messages) -> None:
        """What is not known is no reason to stay silent."""
        house.show("sensor.car", "unknown", device_class="battery")
        await house.pass_time(minutes=30)
        assert messages.told() == ["No vehicle is plugged in."]


class TestStopAtTarget:
    """Charging stops when the vehicle has what it should get."""

    async def automate(self, house: House, **inputs: Any) -> None:
        """Have charging stop, and begin it."""
        await house.automate(
            "stop_at_target",
            {
                "charging_switch": house.entity("switch", "charging"),
                "session_energy": house.entity("sensor", "session_energy"),
                "notify": list(Messages.action),
                **inputs,
            },
        )
        house.step = 20
        house.connector.plug_in(Car(soc=0.1, capacity_wh=50_000))
        await house.pass_time(minutes=2)
        switch = {"entity_id": house.entity("switch", "charging")}
        await house.home.services.async_call("switch", "turn_on", switch, blocking=True)
        await house.until(lambda: house.connector.power_w > 0)

    async def test_energy(self, house: House, messages: Messages) -> None:
        """It stops after so many kWh."""
        await self.automate(house, energy=4)
        await house.until(lambda: house.connector.power_w == 0, minutes=40)
        assert 4000 <= house.connector.sessions[-1].energy_wh <= 4500
        await house.pass_time(minutes=20)
        assert house.connector.power_w == 0
        assert messages.told() == ["The vehicle has what it should get."]

    async def test_next_session(self, house: House, messages: Messages) -> None:
        """What the session before came to does not stop the next one."""
        await self.automate(house, energy=4)
        await house.until(lambda: house.connector.power_w == 0, minutes=40)
        house.connector.unplug()
        await house.until(lambda: house.state("binary_sensor", "plug") == "off")
        messages.told()
        house.connector.plug_in(Car(soc=0.1, capacity_wh=50_000))
        await house.until(lambda: house.state("binary_sensor", "plug") == "on")
        switch = {"entity_id": house.entity("switch", "charging")}
        await house.home.services.async_call("switch", "turn_on", switch, blocking=True)
        await house.home.async_block_till_done()
        assert messages.told() == []
        await house.until(lambda: house.connector.power_w > 0)
        await house.until(lambda: house.connector.power_w == 0, minutes=40)
        assert 4000 <= house.connector.sessions[-1].energy_wh <= 4500
        assert messages.told() == ["The vehicle has what it should get."]

    async def test_level(self, house: House, messages: Messages) -> None:
        """It stops at a level of the vehicle."""

        def measure() -> None:
            car = house.connector.car
            house.show("sensor.car", round(car.soc * 100) if car else "unknown")

        house.measure = measure
        await self.automate(house, vehicle_level="sensor.car", level=20)
        await house.until(lambda: house.connector.power_w == 0, minutes=60)
        assert 0.19 <= house.connector.car.soc <= 0.21

    async def test_neither(self, house: House) -> None:
        """Without a target nothing is stopped."""
        await self.automate(house)
        await house.pass_time(minutes=30)
        assert house.connector.power_w > 0
