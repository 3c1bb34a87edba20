"""What happened between two observations of a device."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.ev_charger_cloud.charging import (
    ChargingStatus,
    Device,
    ErrorCode,
    Event,
    EventKind,
    EventLog,
    Money,
    Outcome,
    Reading,
    ReservationStatus,
    SessionStatus,
    StopReason,
    events_between,
)

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def device(online: bool | None = True, **readings: Any) -> Device:
    """Return a device with some readings."""
    return Device(
        id="c1",
        name="Garage",
        online=online,
        readings={Reading(key): value for key, value in readings.items()},
    )


def kinds(old: Device, new: Device) -> list[EventKind]:
    """Return the kinds of what happened."""
    return [event.kind for event in events_between(old, new)]


IDLE = {"session_status": SessionStatus.FINISHED, "session_start": NOON}
RUNNING = {
    "session_status": SessionStatus.ACTIVE,
    "session_start": LATER,
    "session_energy": 900.0,
}


def test_session_starts() -> None:
    """A session that runs now and did not before has started."""
    (event,) = events_between(device(**IDLE), device(**RUNNING))
    assert event == Event(
        kind=EventKind.SESSION_STARTED,
        device_id="c1",
        at=LATER,
        key=LATER.isoformat(),
    )


def test_session_finishes() -> None:
    """A finished session tells its energy, duration, cost and reason."""
    (event,) = events_between(
        device(**RUNNING),
        device(
            session_status=SessionStatus.FINISHED,
            session_start=LATER,
            session_end=LATER + timedelta(minutes=30),
            session_cost=Money(1.5, "EUR"),
            last_session_energy=5500.0,
            stop_reason=StopReason.REMOTE,
        ),
    )
    assert event.kind is EventKind.SESSION_FINISHED
    assert event.key == LATER.isoformat()
    assert (event.energy, event.duration) == (5500.0, 1800.0)
    assert (event.cost, event.stop_reason) == (Money(1.5, "EUR"), StopReason.REMOTE)


def test_one_session_after_another() -> None:
    """A later start means that the one before is over."""
    after = {**RUNNING, "session_start": LATER + timedelta(hours=2)}
    finished, started = events_between(device(**RUNNING), device(**after))
    assert finished.kind is EventKind.SESSION_FINISHED
    assert (finished.key, finished.energy) == (LATER.isoformat(), 900.0)
    assert started.kind is EventKind.SESSION_STARTED


def test_session_without_a_status_is_told_by_charging() -> None:
    """A cloud without sessions tells that energy flows."""
    assert kinds(device(charging=False), device(charging=True)) == [
        EventKind.SESSION_STARTED
    ]
    (event,) = events_between(device(charging=True), device(charging=False))
    assert (event.kind, event.key, event.energy) == (
        EventKind.SESSION_FINISHED,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (device(), device(**RUNNING)),
        (device(session_status=None), device(**RUNNING)),
        (device(**RUNNING), device(session_status=None)),
        (device(**RUNNING), device(online=False, **IDLE)),
        (replace(device(**IDLE), stale=True), device(**RUNNING)),
        (device(**IDLE), replace(device(**RUNNING), stale=True)),
        (device(), device(problem=True)),
        (device(problem=None), device(problem=True)),
        (device(online=None), device(online=False)),
        (device(), device(last_boot=NOON)),
        (device(last_boot=LATER), device(last_boot=NOON)),
        (device(), device(reservation=ReservationStatus.ACTIVE)),
    ],
)
def test_what_was_not_known_before_tells_nothing(old: Device, new: Device) -> None:
    """It may be from before anybody watched."""
    assert [
        kind for kind in kinds(old, new) if kind is not EventKind.CONNECTION_LOST
    ] == []


def test_faults_connection_boot_and_reservation() -> None:
    """Each change is told in its own word."""
    (fault,) = events_between(
        device(problem=False),
        device(problem=True, error_code=ErrorCode.GROUND_FAILURE),
    )
    assert (fault.kind, fault.error_code) == (
        EventKind.FAULT_RAISED,
        ErrorCode.GROUND_FAILURE,
    )
    (unnamed,) = events_between(
        device(problem=False), device(problem=True, error_code=ErrorCode.NO_ERROR)
    )
    assert unnamed.error_code is None
    assert kinds(device(problem=True), device(problem=False)) == [
        EventKind.FAULT_CLEARED
    ]
    assert kinds(device(), device(online=False)) == [EventKind.CONNECTION_LOST]
    assert kinds(device(online=False), device()) == [EventKind.CONNECTION_RESTORED]
    (boot,) = events_between(device(last_boot=NOON), device(last_boot=LATER))
    assert (boot.kind, boot.at) == (EventKind.BOOTED, LATER)
    (reservation,) = events_between(
        device(reservation=ReservationStatus.ACTIVE), device(reservation=None)
    )
    assert (reservation.kind, reservation.reason) == (
        EventKind.RESERVATION_CHANGED,
        None,
    )


def test_each_occurrence_is_reported_once() -> None:
    """What a callback and a poll both tell is told once; memory is bounded."""
    log = EventLog()
    started = Event(kind=EventKind.SESSION_STARTED, device_id="c1", key="a")
    assert log.fresh([started, started]) == [started]
    assert log.fresh([started]) == []
    assert log.fresh([replace(started, key="b")])
    nameless = replace(started, key=None)
    assert log.fresh([nameless, nameless]) == [nameless, nameless]
    for number in range(2000):
        log.fresh([replace(started, key=str(number))])
    assert log.fresh([started]) == [started]


def test_energy_is_not_that_of_the_session_before() -> None:
    """A cloud may still tell of the session before as its last one."""
    before = device(**RUNNING, last_session_energy=77.0, last_session_cost=Money(9.0))
    ended = device(
        session_status=SessionStatus.FINISHED,
        session_start=LATER,
        session_energy=950.0,
        session_cost=Money(2.0),
        last_session_energy=77.0,
        last_session_cost=Money(9.0),
    )
    (event,) = events_between(before, ended)
    assert (event.energy, event.cost) == (950.0, Money(2.0))

    again = device(
        session_status=SessionStatus.ACTIVE,
        session_start=LATER + timedelta(hours=2),
        session_energy=1.0,
        session_cost=Money(0.1),
        last_session_energy=960.0,
        last_session_cost=Money(2.1),
    )
    finished, _ = events_between(before, again)
    assert (finished.energy, finished.cost) == (960.0, Money(2.1))
    finished, _ = events_between(
        before,
        replace(
            again,
            readings={**again.readings, **before.readings}
            | {Reading.SESSION_START: LATER + timedelta(hours=2)},
        ),
    )
    assert (finished.energy, finished.cost) == (900.0, None)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("charging", "suspended_ev", [EventKind.WAITING_FOR_VEHICLE]),
        ("starting", "suspended_ev", [EventKind.WAITING_FOR_VEHICLE]),
        ("suspended_ev", "suspended_ev", []),
        ("charging", "suspended_evse", [EventKind.INTERRUPTED]),
        ("charging", "faulted", [EventKind.INTERRUPTED]),
        # Where nothing flowed, nothing is interrupted; a pause was asked for.
        ("connected", "faulted", []),
        ("charging", "paused", []),
        ("charging", "complete", []),
    ],
)
def test_flow_that_ends(before: str, now: str, told: list[EventKind]) -> None:
    """The vehicle or the charger ends what flows while the session goes on."""
    old = device(status=ChargingStatus(before))
    new = device(status=ChargingStatus(now))
    events = list(events_between(old, new))
    assert [event.kind for event in events] == told
    if told == [EventKind.INTERRUPTED]:
        assert events[0].reason == now
    assert kinds(device(), new) == kinds(device(status=None), new) == []


def test_flow_of_an_offline_charger() -> None:
    """Its last status tells nothing of now."""
    assert kinds(
        device(status=ChargingStatus.CHARGING),
        device(online=False, status=ChargingStatus.FAULTED),
    ) == [EventKind.CONNECTION_LOST]


def test_session_of_a_charger_that_was_never_reached() -> None:
    """What it is doing when it comes back may be from before anybody watched."""
    idle = device(online=False, session_status=SessionStatus.FINISHED)
    assert kinds(idle, device(online=True, **RUNNING)) == [
        EventKind.CONNECTION_RESTORED
    ]


@pytest.mark.parametrize(
    ("outcome", "reason", "failed"),
    [
        (Outcome.REFUSED, "offline", True),
        (Outcome.REFUSED, None, True),
        (Outcome.UNCERTAIN, None, True),
        (Outcome.ACCEPTED, "not_applied", True),
        (Outcome.ACCEPTED, None, False),
        (Outcome.COMPLETED, None, False),
        (Outcome.DEFERRED, None, False),
        (Outcome.SUPERSEDED, None, False),
    ],
)
def test_failed_command(outcome: Outcome, reason: str | None, failed: bool) -> None:
    """What did not do what was asked has failed, unless something else was asked."""
    event = Event(
        kind=EventKind.COMMAND_FINISHED,
        device_id="c1",
        outcome=outcome,
        reason=reason,
    )
    assert event.failed is failed
    assert not replace(event, kind=EventKind.INTERRUPTED).failed


def test_details() -> None:
    """What is known is told as JSON can hold it, the rest is left out."""
    assert Event(
        kind=EventKind.SESSION_FINISHED,
        device_id="c1",
        at=NOON,
        key="s1",
        energy=0.0,
        cost=Money(0.0, "EUR"),
    ).details == {
        "at": NOON.isoformat(),
        "energy": 0.0,
        "cost": 0.0,
        "currency": "EUR",
    }
