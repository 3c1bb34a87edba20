"""A street that goes on where it was."""

from datetime import UTC, datetime, timedelta
import json

from freezegun.api import FrozenDateTimeFactory
import pytest

from simulator import Simulator
from simulator.cloud import Cloud
from simulator.clouds import CLOUDS
from simulator.clouds.ampeco import Ampeco
from simulator.clouds.plugchoice import Plugchoice
from simulator.world import Car

BEGUN = datetime(2026, 11, 2, 6, tzinfo=UTC)


def again(simulator: Simulator, remembered: str | None = None) -> Simulator:
    """Start another run with what was remembered, which is what there is now."""
    clouds = map(type, simulator.clouds.values())
    memory = remembered or json.dumps(simulator.memory)
    return Simulator(clouds, remembered=json.loads(memory))


def test_meters_cars_and_troubles_go_on(freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to(BEGUN)
    first = Simulator()
    stations = list(first.world.stations)
    charging, broken, away = (first.world.stations[key] for key in stations[:3])
    charging.connectors[0].plug_in(Car(name="Van", soc=0.2))
    if charging.connectors[0].session is None:
        charging.connectors[0].start("04A1B2C3D4")
    broken.connectors[0].set_fault("GroundFailure")
    away.set_online(False)
    first.world.household.price = 0.19
    freezer.tick(3600)
    remembered = json.dumps(first.memory)
    before = charging.connectors[0]
    assert before.car
    meter, soc = before.meter_wh, before.car.soc

    freezer.tick(86_400)
    second = again(first, remembered)
    after = second.world.stations[charging.id].connectors[0]
    assert after.meter_wh == pytest.approx(meter)
    assert after.car
    assert (after.car.name, after.car.soc) == ("Van", pytest.approx(soc))
    assert after.power_w > 0
    assert second.world.stations[broken.id].connectors[0].fault == "GroundFailure"
    assert not second.world.stations[away.id].online
    assert second.world.household.price == 0.19
    assert second.world.now == BEGUN + timedelta(hours=25)


def test_a_charger_that_is_new_or_busy_stays_as_it_is() -> None:
    first = Simulator([Plugchoice])
    memory = first.memory
    known = next(iter(memory["stations"]))
    told = memory["stations"][known]["connectors"]["1"]
    # A charger that needs no card can be in use already, and one may refuse.
    told["car"], told["session"] = {"name": "Van"}, {"id_token": None}
    told["operative"] = False
    for other in set(memory["stations"]) - {known}:
        del memory["stations"][other]
    second = Simulator([Plugchoice], remembered=memory)
    connector = second.world.stations[known].connectors[0]
    assert connector.plugged
    assert connector.session is None
    assert not connector.operative


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_past_keeps_its_dates_and_no_id_is_given_twice(
    cloud: type[Cloud], freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to(BEGUN)
    first = Simulator([cloud])
    past = [
        (session.id, session.started_at)
        for station in first.world.stations.values()
        for connector in station.connectors
        for session in connector.sessions
    ]
    used = first.world.next_session_id()
    freezer.tick(86_400)
    second = again(again(first))
    assert past == [
        (session.id, session.started_at)
        for station in second.world.stations.values()
        for connector in station.connectors
        for session in connector.sessions
    ]
    assert second.world.next_session_id() > used


def test_ids_of_a_tenant_go_on() -> None:
    first = Simulator([Ampeco])
    connector = next(iter(first.world.stations.values())).connectors[0]
    connector.plug_in()
    if not connector.session:
        connector.start("04A1B2C3D4")
    ampeco = first["ampeco"]
    assert isinstance(ampeco, Ampeco)
    used = max(ampeco.tenant.sessions)
    second = again(first)["ampeco"]
    assert isinstance(second, Ampeco)
    (begun,) = (s for s in second.tenant.sessions.values() if s.open)
    assert begun.id > used


def test_time_that_ran_faster_does_not_go_back(
    freezer: FrozenDateTimeFactory,
) -> None:
    freezer.move_to(BEGUN)
    first = Simulator()
    first.world.clock.step(7 * 86_400)
    assert again(first).world.now == BEGUN + timedelta(days=7)
