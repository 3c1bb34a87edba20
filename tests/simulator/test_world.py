"""The physical model."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest

from simulator.clock import Clock
from simulator.world import Car, Connector, Refused, State, Station, World


@pytest.fixture
def world(freezer: FrozenDateTimeFactory) -> World:
    freezer.move_to("2026-11-01T12:00:00Z")
    return World()


@pytest.fixture
def station(world: World) -> Station:
    return world.add(Station("S1", "Garage", connectors=[Connector(1), Connector(2)]))


@pytest.fixture
def connector(station: Station) -> Connector:
    return station.connector(1)


@pytest.fixture
def events(world: World) -> list[str]:
    """Record the kinds of what the world tells, the state with a status."""
    events: list[str] = []

    def listen(kind: str, subject: Connector | Station) -> None:
        if kind == "status" and isinstance(subject, Connector):
            kind = f"status {subject.state}"
        events.append(kind)

    world.listeners.append(listen)
    return events


def refusal(call: object, *args: object) -> str:
    """Return the reason why a call is refused."""
    assert callable(call)
    with pytest.raises(Refused) as caught:
        call(*args)
    assert str(caught.value) == caught.value.reason
    return caught.value.reason


def state(connector: Connector) -> State:
    """Return the state, which a type checker must not remember."""
    return connector.state


# Time


def test_clock_follows_the_process(freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to("2026-11-01T12:00:00Z")
    clock = Clock()
    start = clock.now()
    assert start == datetime(2026, 11, 1, 12, tzinfo=UTC)
    freezer.tick(10)
    assert clock.now() == start + timedelta(seconds=10)
    clock.step(3600)
    assert clock.now() == start + timedelta(seconds=3610)


def test_clock_changes_speed_without_a_jump(freezer: FrozenDateTimeFactory) -> None:
    clock = Clock(speed=60)
    start = clock.now()
    freezer.tick(1)
    assert clock.now() == start + timedelta(minutes=1)
    clock.speed = 0
    freezer.tick(100)
    assert clock.now() == start + timedelta(minutes=1)
    clock.speed = 2
    freezer.tick(1)
    assert clock.now() == start + timedelta(seconds=62)
    assert clock.speed == 2


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf")])
def test_clock_never_runs_backwards(amount: float) -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="forward"):
        clock.step(amount)
    with pytest.raises(ValueError, match="forward"):
        clock.speed = amount
    assert clock.speed == 1


def test_world_goes_on_when_the_process_time_is_set_back(
    world: World, connector: Connector, freezer: FrozenDateTimeFactory
) -> None:
    connector.plug_in()
    connector.start()
    freezer.move_to("2020-01-01T00:00:00Z")
    world.settle()
    assert connector.meter_wh == 0
    freezer.tick(3600)
    world.settle()
    assert connector.meter_wh == pytest.approx(11_040)


def test_timers_fire_in_order_at_their_moment(world: World) -> None:
    start, fired = world.now, list[tuple[str, float]]()

    def fire(name: str) -> None:
        fired.append((name, (world.now - start).total_seconds()))

    world.call_later(20, lambda: fire("late"))

    def nest() -> None:
        fire("early")
        world.call_later(5, lambda: fire("nested"))

    world.call_later(10, nest)
    world.call_later(12, lambda: fire("never")).cancel()
    world.clock.step(9)
    world.settle()
    assert fired == []
    world.clock.step(91)
    world.settle()
    assert fired == [("early", 10), ("nested", 15), ("late", 20)]
    assert world.now == start + timedelta(seconds=100)


# Energy


def test_energy_is_the_integral_of_power(world: World, connector: Connector) -> None:
    car = connector.plug_in(Car(soc=0.2, capacity_wh=60_000))
    session = connector.start("tag")
    assert connector.currents == (16.0, 16.0, 16.0)
    assert connector.power_w == 16 * 3 * 230
    world.clock.step(1800)
    connector.set_limit("profile", 10)
    world.clock.step(1800)
    world.settle()
    expected = 11_040 / 2 + 6_900 / 2
    assert connector.meter_wh == pytest.approx(expected)
    assert session.energy_wh == pytest.approx(expected)
    assert car.soc == pytest.approx(0.2 + expected / 60_000)
    connector.stop()
    world.clock.step(3600)
    world.settle()
    assert session.energy_wh == connector.meter_wh == pytest.approx(expected)
    assert connector.power_w == 0
    assert connector.currents == (0.0, 0.0, 0.0)


def test_many_small_settles_lose_nothing(world: World, connector: Connector) -> None:
    connector.plug_in()
    connector.start()
    for _ in range(1000):
        world.clock.step(1.1)
        connector.refresh()
        world.settle()
    assert connector.meter_wh == pytest.approx(11_040 * 1100 / 3600)


def test_car_is_full_at_the_exact_moment(
    world: World, connector: Connector, events: list[str]
) -> None:
    start = world.now
    full_at = list[datetime]()
    world.listeners.append(
        lambda kind, subject: (
            full_at.append(world.now)
            if state(connector) is State.SUSPENDED_EV
            else None
        )
    )
    car = connector.plug_in(Car(soc=0.5, capacity_wh=22_080, target_soc=0.75))
    session = connector.start()
    world.clock.step(24 * 3600)
    world.settle()
    assert car.soc == 0.75
    assert car.full
    assert state(connector) is State.SUSPENDED_EV
    assert session.energy_wh == pytest.approx(5_520)
    assert full_at[0] == start + timedelta(minutes=30)
    car.target_soc = 1.0
    assert state(connector) is State.CHARGING
    world.clock.step(3600)
    world.settle()
    assert car.soc == 1
    assert session.energy_wh == pytest.approx(11_040)
    assert events == [
        "status Preparing",
        "session_started",
        "status Charging",
        "status SuspendedEV",
        "meter",
        "status Charging",
        "status SuspendedEV",
        "meter",
    ]


@pytest.mark.parametrize(
    ("wiring", "car", "currents"),
    [
        ({"phases": 3}, Car(phases=1, max_current=32), (16, 0, 0)),
        ({"phases": 3}, Car(phases=2), (16, 16, 0)),
        ({"phases": 1}, Car(phases=3), (16, 0, 0)),
        ({"max_current": 32.0}, Car(max_current=20), (20, 20, 20)),
        ({"max_current": 63.0}, Car(max_current=63), (32, 32, 32)),
    ],
)
def test_weakest_link_sets_the_current(
    world: World,
    wiring: dict[str, float],
    car: Car,
    currents: tuple[float, float, float],
) -> None:
    connector = Connector(1, **wiring)  # type: ignore[arg-type]  # mixed numbers
    world.add(Station("S2", "Yard", connectors=[connector], max_current=32))
    connector.plug_in(car)
    connector.start()
    assert connector.currents == currents
    assert connector.power_w == sum(currents) * 230


def test_limits_add_up_to_the_lowest(station: Station, connector: Connector) -> None:
    connector.set_limit("site", 13)
    assert connector.offered_current == 0
    assert connector.limit == 13
    connector.plug_in()
    connector.start()
    connector.set_limit("target", 8)
    assert connector.offered_current == 8
    assert connector.limits == {"site": 13, "target": 8}
    connector.set_limit("target", None)
    connector.set_limit("target", None)
    assert connector.offered_current == 13
    connector.set_limit("site", 5.9)
    assert state(connector) is State.SUSPENDED_EVSE
    assert connector.power_w == 0
    connector.set_limit("site", -3)
    assert connector.offered_current == 0
    connector.set_limit("site", None)
    station.max_current = 10
    assert connector.currents == (10.0, 10.0, 10.0)


def test_power_cap_is_spread_over_the_phases_in_use(connector: Connector) -> None:
    connector.plug_in()
    connector.start()
    connector.max_power_w = 6_900
    assert connector.currents == pytest.approx((10, 10, 10))
    connector.active_phases = 1
    assert connector.currents == (16.0, 0.0, 0.0)
    connector.active_phases = None
    connector.max_power_w = 0
    assert state(connector) is State.SUSPENDED_EVSE
    connector.max_power_w = None
    assert state(connector) is State.CHARGING


def test_attributes_may_change_while_charging(
    world: World, connector: Connector
) -> None:
    car = connector.plug_in()
    connector.start()
    world.clock.step(3600)
    car.max_current = 8
    assert connector.meter_wh == pytest.approx(11_040)
    assert connector.power_w == 5_520
    world.clock.step(3600)
    world.settle()
    car.soc = 0.9
    assert car.soc == pytest.approx(0.9)
    assert connector.meter_wh == pytest.approx(16_560)
    car.max_current = 0
    assert state(connector) is State.SUSPENDED_EV


# Sessions


def test_life_of_a_session(
    world: World, connector: Connector, events: list[str]
) -> None:
    assert state(connector) is State.AVAILABLE
    assert (connector.plugged, connector.last_session) == (False, None)
    connector.plug_in()
    assert state(connector) is State.PREPARING
    session = connector.start("tag")
    assert connector.session is session
    assert session.running
    locked = connector.locked_cable
    assert locked
    world.clock.step(60)
    assert connector.stop("Local") is session
    assert state(connector) is State.FINISHING
    assert not connector.locked_cable
    assert (session.reason, session.stopped_at) == ("Local", world.now)
    again = connector.start("tag")
    assert connector.last_session is session
    connector.unplug()
    assert state(connector) is State.AVAILABLE
    assert again.reason == "EVDisconnected"
    assert connector.sessions == [session, again]
    assert connector.last_session is again
    assert again.id > session.id
    assert world.active == {}
    assert events == [
        "status Preparing",
        "session_started",
        "status Charging",
        "meter",
        "session_stopped",
        "status Finishing",
        "session_started",
        "status Charging",
        "session_stopped",
        "status Finishing",
        "status Available",
    ]


def test_listener_sees_the_end_of_a_session(world: World, connector: Connector) -> None:
    seen = list[tuple[float, float]]()

    def listen(kind: str, subject: Connector | Station) -> None:
        if kind == "session_stopped" and connector.last_session:
            seen.append((connector.power_w, connector.last_session.energy_wh))

    world.listeners.append(listen)
    connector.plug_in()
    connector.start()
    world.clock.step(3600)
    connector.stop()
    assert seen == [pytest.approx((0, 11_040))]


def test_what_cannot_start_is_refused(station: Station, connector: Connector) -> None:
    assert refusal(connector.start) == "NotPlugged"
    assert refusal(connector.stop) == "NoSession"
    assert refusal(connector.unplug) == "NotPlugged"
    car = connector.plug_in()
    assert refusal(connector.plug_in) == "Occupied"
    assert refusal(station.connector(2).plug_in, car) == "Occupied"
    connector.set_fault("GroundFailure")
    assert refusal(connector.start) == "Faulted"
    connector.set_fault(None)
    connector.set_operative(False)
    assert refusal(connector.start) == "Unavailable"
    connector.set_operative(True)
    station.set_online(False)
    assert refusal(connector.start) == "Offline"
    station.set_online(True)
    connector.start()
    assert refusal(connector.start) == "Occupied"
    with pytest.raises(ValueError, match="Whim"):
        connector.stop("Whim")


def test_authorization_waits_for_the_car(
    world: World, connector: Connector, events: list[str]
) -> None:
    assert connector.authorize("tag", timeout=30) is None
    assert state(connector) is State.PREPARING
    world.clock.step(29)
    connector.plug_in()
    assert connector.session
    assert connector.session.id_token == "tag"
    assert connector.authorized is None
    world.clock.step(10)
    world.settle()
    assert "authorization_expired" not in events
    connector.stop()
    assert connector.authorize("other") is connector.session


def test_authorization_expires(
    world: World, connector: Connector, events: list[str]
) -> None:
    connector.authorize("tag", timeout=30)
    world.clock.step(31)
    world.settle()
    assert state(connector) is State.AVAILABLE
    assert events == [
        "status Preparing",
        "authorization_expired",
        "status Available",
    ]
    connector.authorize("tag", timeout=None)
    world.clock.step(1e6)
    world.settle()
    assert connector.authorized == "tag"
    connector.cancel_authorization()
    connector.plug_in()
    assert connector.session is None


def test_auto_start(world: World) -> None:
    station = Station("S3", "Free", auto_start=True)
    connector = station.connectors[0]
    connector.plug_in()
    assert connector.session is None
    world.add(station)
    assert state(connector) is State.CHARGING
    connector.stop()
    assert state(connector) is State.FINISHING
    connector.unplug()
    connector.set_fault("OtherError")
    connector.plug_in()
    assert connector.session is None
    connector.set_fault(None)
    assert state(connector) is State.CHARGING


def test_past_sessions_can_be_recorded(world: World, connector: Connector) -> None:
    start = world.now - timedelta(days=1)
    past = connector.record_session(start, start + timedelta(hours=2), 7_000, "tag")
    assert connector.last_session is past
    assert past.energy_wh == connector.meter_wh == 7_000
    assert not past.running


# Faults, availability, reservations


def test_fault_interrupts_but_keeps_the_session(
    world: World, connector: Connector
) -> None:
    connector.plug_in()
    session = connector.start()
    connector.set_fault("GroundFailure")
    assert state(connector) is State.FAULTED
    assert connector.offered_current == 0
    world.clock.step(3600)
    connector.set_fault(None)
    assert state(connector) is State.CHARGING
    assert connector.session is session
    assert session.energy_wh == 0


def test_availability_changes_after_the_session(
    station: Station, connector: Connector
) -> None:
    connector.plug_in()
    connector.start()
    assert station.set_operative(False) is False
    assert state(station.connector(2)) is State.UNAVAILABLE
    assert state(connector) is State.CHARGING
    connector.stop()
    assert state(connector) is State.UNAVAILABLE
    assert station.set_operative(True) is True
    assert state(connector) is State.FINISHING
    connector.start()
    connector.set_operative(False)
    connector.set_operative(True)
    connector.unplug()
    assert state(connector) is State.AVAILABLE


def test_inoperative_connector_forgets_who_was_coming(connector: Connector) -> None:
    connector.authorize("tag")
    connector.set_operative(False)
    connector.plug_in()
    connector.set_operative(True)
    assert connector.session is None


def test_reservation_is_for_one_token(
    world: World, connector: Connector, events: list[str]
) -> None:
    connector.reserve("tag", 15)
    assert state(connector) is State.RESERVED
    assert connector.reserved_until == world.now + timedelta(minutes=15)
    assert refusal(connector.reserve, "other", 5) == "Occupied"
    connector.plug_in()
    assert refusal(connector.start, "other") == "Reserved"
    assert refusal(connector.start) == "Reserved"
    connector.start("tag")
    assert connector.reserved_for is None
    assert "reservation_used" in events
    assert refusal(connector.cancel_reservation) == "NotReserved"


def test_reservation_ends(
    world: World, connector: Connector, events: list[str]
) -> None:
    connector.reserve("tag", 15)
    world.clock.step(15 * 60)
    world.settle()
    assert state(connector) is State.AVAILABLE
    assert events.count("reservation_expired") == 1
    connector.reserve("tag", 15)
    connector.cancel_reservation()
    assert state(connector) is State.AVAILABLE
    world.clock.step(15 * 60)
    world.settle()
    assert events.count("reservation_expired") == 1


def test_reservation_is_refused(station: Station, connector: Connector) -> None:
    connector.set_fault("OtherError")
    assert refusal(connector.reserve, "tag", 1) == "Faulted"
    connector.set_fault(None)
    connector.set_operative(False)
    assert refusal(connector.reserve, "tag", 1) == "Unavailable"
    connector.set_operative(True)
    station.set_online(False)
    assert refusal(connector.reserve, "tag", 1) == "Offline"


def test_unlock(station: Station, connector: Connector) -> None:
    connector.plug_in()
    session = connector.start()
    connector.unlock()
    assert session.reason == "UnlockCommand"
    assert not connector.locked_cable
    connector.socket = False
    assert refusal(connector.unlock) == "NotSupported"
    station.set_online(False)
    assert refusal(connector.unlock) == "Offline"


# Stations


def test_offline_station_goes_on_charging(
    world: World, station: Station, connector: Connector, events: list[str]
) -> None:
    connector.plug_in()
    connector.start()
    online_at = station.last_online_at
    world.clock.step(60)
    station.set_online(False)
    station.set_online(False)
    lost_at = world.now
    assert (station.last_online_at, station.last_offline_at) == (online_at, lost_at)
    world.clock.step(3540)
    world.settle()
    assert station.last_seen == lost_at
    assert connector.meter_wh == pytest.approx(11_040)
    assert refusal(connector.stop) == "Offline"
    assert refusal(station.reset) == "Offline"
    connector.stop("Local")
    station.set_online(True)
    assert station.last_seen == station.last_online_at == world.now
    assert [e for e in events if e.endswith("line")] == ["offline", "online"]


def test_station_that_was_never_seen(world: World) -> None:
    station = world.add(Station("S4", "New", online=False))
    assert station.last_seen is None
    assert station.serial == "S4"


@pytest.mark.parametrize(
    ("hard", "reason"), [(True, "HardReset"), (False, "SoftReset")]
)
def test_reset(
    world: World,
    station: Station,
    connector: Connector,
    events: list[str],
    hard: bool,
    reason: str,
) -> None:
    connector.plug_in()
    session = connector.start()
    events.clear()
    station.reset(hard)
    assert (session.reason, station.online, station.rebooting) == (reason, False, True)
    world.clock.step(station.reset_seconds)
    world.settle()
    assert station.online
    assert not station.rebooting
    assert state(connector) is State.PREPARING
    assert events == [
        "session_stopped",
        "status Finishing",
        "status Preparing",
        "offline",
        "boot",
        "online",
    ]


def test_reset_of_a_free_station_resumes_after_boot(world: World) -> None:
    station = world.add(Station("S5", "Free", auto_start=True))
    connector = station.connectors[0]
    connector.plug_in()
    station.reset()
    connector.set_fault(None)
    assert connector.session is None
    world.clock.step(5)
    world.settle()
    assert state(connector) is State.CHARGING
    assert len(connector.sessions) == 2


@pytest.mark.parametrize("online", [True, False])
def test_link_can_be_set_during_a_reset(
    world: World, station: Station, events: list[str], online: bool
) -> None:
    station.reset()
    station.set_online(online)
    world.clock.step(60)
    world.settle()
    assert station.online is online
    assert not station.rebooting
    assert ("boot" in events) is online


def test_station_ids_are_unique(world: World, station: Station) -> None:
    with pytest.raises(ValueError, match="S1"):
        world.add(Station("S1", "Again"))
    with pytest.raises(KeyError):
        station.connector(3)


def test_removed_station_leaves_nothing_behind(
    world: World, station: Station, connector: Connector, events: list[str]
) -> None:
    connector.plug_in()
    session = connector.start()
    station.connector(2).reserve("tag", 5)
    station.reset()
    world.remove(station)
    assert session.reason == "SoftReset"
    assert world.stations == {}
    assert world.active == {}
    events.clear()
    world.clock.step(3600)
    world.settle()
    assert events == []


def test_nothing_happens_outside_a_world() -> None:
    connector = Connector(1)
    with pytest.raises(RuntimeError, match="station"):
        _ = connector.station
    assert repr(connector) == "<Connector ?/1 Available>"
    station = Station("S6", "Loose", connectors=[connector])
    with pytest.raises(RuntimeError, match="S6"):
        _ = station.world
    assert repr(connector) == "<Connector S6/1 Available>"
    assert repr(station) == "<Station S6>"
    station.max_current = 10
    car = Car()
    car.max_current = 10
    connector.plug_in(car)
    assert connector.meter_wh == 0


def test_thousand_stations_settle_in_one_jump(world: World) -> None:
    """A day passes at once: what is done grows with what changes, not with time."""
    booked = 0
    book = Connector._book

    def counted(connector: Connector) -> None:
        nonlocal booked
        booked += 1
        book(connector)

    for number in range(1000):
        station = world.add(
            Station(f"M{number}", "Many", connectors=[Connector(1), Connector(2)])
        )
        for connector in station.connectors:
            connector.plug_in(Car(soc=0.3 + number / 2000))
            connector.start()
    with patch.object(Connector, "_book", counted):
        world.clock.step(24 * 3600)
        world.settle()
        # Each car is full once.
        assert booked <= 2 * 2000
        booked = 0
        for _ in range(100):
            world.clock.step(1)
            world.settle()
        assert booked == 0
    assert all(c.car and c.car.full for c in world.active)
