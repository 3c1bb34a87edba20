"""Owners, who come home and leave by the clock."""

from collections.abc import AsyncGenerator
from datetime import time

from aiohttp import ClientSession
from freezegun.api import FrozenDateTimeFactory
import pytest

from simulator.owners import Owner
from simulator.server import Simulator
from simulator.world import Car, Connector, State, Station, World

from .tiny import Tiny


@pytest.fixture
def world(freezer: FrozenDateTimeFactory) -> World:
    """Begin a day at noon."""
    freezer.move_to("2026-11-20T12:00:00Z")
    return World()


@pytest.fixture
def connector(world: World) -> Connector:
    """Return a charger at home."""
    return world.add(Station("home", "Home", auto_start=True)).connectors[0]


def test_day(world: World, connector: Connector) -> None:
    """The car comes in the evening, charges, and leaves in the morning."""
    Owner(connector, Car(soc=0.8, capacity_wh=50_000), trip_wh=10_000)
    assert not connector.plugged
    world.clock.step(6 * 3600 + 1)
    world.settle()
    assert connector.state is State.CHARGING
    assert connector.car
    assert connector.car.soc == pytest.approx(0.6, abs=0.01)
    world.clock.step(13 * 3600)
    world.settle()
    assert connector.state is State.SUSPENDED_EV
    world.clock.step(1800)
    world.settle()
    assert not connector.plugged
    assert connector.last_session
    assert connector.last_session.energy_wh == pytest.approx(20_000, rel=0.01)


def test_at_home_from_the_start(world: World, connector: Connector) -> None:
    """Who works at night is at home at noon."""
    Owner(connector, home=time(8), away=time(20))
    assert connector.plugged
    world.clock.step(8 * 3600 + 1)
    world.settle()
    assert not connector.plugged


def test_place_is_taken(world: World, connector: Connector) -> None:
    """Somebody else's car stays where it is."""
    owner = Owner(connector)
    visitor = connector.plug_in(Car("Visitor"))
    world.clock.step(24 * 3600)
    world.settle()
    assert connector.car is visitor
    owner.leave()
    assert connector.car is visitor


def test_card(world: World) -> None:
    """The owner scans a card where that is needed."""
    connector = world.add(Station("garage", "Garage")).connectors[0]
    owner = Owner(connector, id_token="04A1")
    world.clock.step(7 * 3600)
    world.settle()
    assert connector.session
    assert connector.session.id_token == "04A1"
    owner.leave()
    assert not connector.plugged
    world.clock.step(48 * 3600)
    world.settle()
    assert not connector.plugged


@pytest.fixture
async def control() -> AsyncGenerator[tuple[Simulator, ClientSession]]:
    """Run a simulator with its control interface."""
    async with Simulator([Tiny]) as simulator, ClientSession() as http:
        yield simulator, http


async def test_control(control: tuple[Simulator, ClientSession]) -> None:
    """A routine is given over HTTP too; what is no time is told."""
    simulator, http = control
    station = next(iter(simulator["tiny"].stations.values()))
    if station.connectors[0].plugged:
        station.connectors[0].unplug()
    address = f"{simulator.url}/control/stations/{station.id}/connectors/1/own"
    async with http.post(address, json={"home": "noon"}) as answer:
        assert answer.status == 400
    routine = {"home": "18:00", "away": "07:30", "id_token": "04A1"}
    async with http.post(address, json=routine) as answer:
        assert answer.status == 200
    simulator.world.clock.step(24 * 3600)
    simulator.world.settle()
    assert station.connectors[0].sessions
