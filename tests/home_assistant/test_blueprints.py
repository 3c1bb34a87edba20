"""The blueprints, run in Home Assistant against the simulator.

The physical world of the simulator is the judge: what flows, and when.
"""

from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
import shutil
from typing import Any

from aiolimiter import AsyncLimiter
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.providers import transport
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint import models
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml_dict
from simulator.clouds.ampeco import Ampeco
from simulator.server import Simulator
from simulator.world import Car, Connector

BLUEPRINTS = Path(__file__).parents[2] / "blueprints" / "automation" / DOMAIN
NAMES = sorted(path.stem for path in BLUEPRINTS.glob("*.yaml"))
VOLTAGE = 230


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
        await self.home.async_block_till_done(wait_background_tasks=True)
        self.connector.world.settle()
        self.measure()

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
async def house(
    home: HomeAssistant, freezer: FrozenDateTimeFactory, tmp_path: Path, chargers: int
) -> AsyncGenerator[House]:
    """Set the account up; the blueprints are in the configuration's folder."""
    home.config.config_dir = str(tmp_path)
    shutil.copytree(BLUEPRINTS, tmp_path / "blueprints" / "automation" / DOMAIN)
    freezer.move_to(
        (dt_util.utcnow() + timedelta(days=1)).replace(
            hour=18, minute=0, second=0, microsecond=0
        )
    )
    async with Simulator([Ampeco], seed=False) as simulator:
        cloud = simulator["ampeco"]
        cloud.populate(chargers, connectors=1)
        entry = MockConfigEntry(
            domain=DOMAIN,
            unique_id="ampeco_house",
            data={
                "provider": "ampeco",
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

    async def automate(self, house: House, **inputs: Any) -> None:
        """Have the charger follow the sun."""
        await house.automate(
            "solar_surplus",
            {
                "charger": house.device_id,
                "charging_switch": house.entity("switch", "charging"),
                "charging_limit": house.entity("number", "charging_current"),
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

    async def test_silent_meter(self, house: House, sun: list[float]) -> None:
        """What is not known is no surplus."""
        await self.automate(house)
        house.connector.plug_in(Car(soc=0.1))
        house.measure = lambda: house.show("sensor.grid", "unavailable")
        await house.pass_time(minutes=15)
        assert house.connector.power_w == 0
