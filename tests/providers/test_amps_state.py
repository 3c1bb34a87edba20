"""What is known of an AMPS charger, and which of two answers counts."""

from typing import Any

import pytest

from custom_components.ev_charger_cloud.charging import (
    ChargingError,
    CommandRefusedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    Reading,
    Refusal,
    ServerFaultError,
    UnreachableError,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.providers.amps.state import (
    ChargerState,
    Trouble,
)
from custom_components.ev_charger_cloud.providers.amps.wire import Charger


class Clock:
    """A clock that tests set."""

    time = 100.0

    def __call__(self) -> float:
        return self.time


def charger(
    power: float = 0, pulled: int | None = 0, last: Any = None, **keys: Any
) -> Charger:
    """Return a charger that AMPS pulled at some minute."""
    return Charger.decode(
        {
            "id": "dev_A",
            "state": {
                "status": "charging" if power else "available",
                "isConnected": power > 0,
                "isCharging": power > 0,
                "currentPower": power,
            },
            "sync": {"lastPulledAt": pulled and f"2026-06-01T08:{pulled:02}:00Z"},
            "commands": {},
            "lastAction": last,
            **keys,
        }
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(clock: Clock) -> ChargerState:
    first = charger(pulled=1)
    known = ChargerState(
        charger=first, monotonic=clock, observed_at=100.0, pulled_at=100.0
    )
    known.take_listed(first, 100.0)
    return known


def power(known: ChargerState) -> Any:
    return known.device(controllable=True).readings[Reading.POWER]


def test_newer_request_wins_whichever_answer_comes_first(known: ChargerState) -> None:
    known.take(charger(7, pulled=3), 130.0)
    known.take(charger(3, pulled=2), 120.0)
    known.take_listed(charger(4, pulled=9), 125.0)
    known.fail(Trouble(error=ServerFaultError()), 129.0)
    assert power(known) == 7000
    assert known.trouble is None


def test_list_that_lags_says_nothing(known: ChargerState) -> None:
    known.take(charger(7, pulled=3), 130.0)
    known.take_listed(charger(3, pulled=2), 140.0)
    assert power(known) == 7000
    known.take_listed(charger(4, pulled=3), 150.0)
    assert power(known) == 4000
    known.take_listed(charger(5, pulled=None), 160.0)
    assert power(known) == 5000


def test_lists_leave_the_settings_alone(known: ChargerState) -> None:
    cap = {"max_charge_rate": {"value": 9, "unit": "kw"}}
    known.take(charger(7, pulled=3, settings=cap), 130.0)
    known.take_listed(charger(4, pulled=4), 140.0)
    assert known.charger.settings["max_charge_rate"].value == 9


def test_change_in_the_list_is_a_reason_to_read(known: ChargerState) -> None:
    known.take_listed(charger(pulled=2), 110.0)
    assert not known.changed
    known.take_listed(charger(7, pulled=3), 120.0)
    assert known.changed
    known.take(charger(7, pulled=3), 130.0)
    assert not known.changed
    # Another measurement is none, nor is what a reading told before.
    known.take_listed(charger(6.9, pulled=4), 140.0)
    known.take(charger(0, pulled=5), 150.0)
    known.take_listed(charger(0, pulled=5), 160.0)
    assert not known.changed


def test_pull_is_told_from_an_answer(known: ChargerState) -> None:
    known.take(charger(pulled=1), 130.0)
    assert (known.observed_at, known.pulled_at) == (130.0, 100.0)
    known.take(charger(pulled=2), 140.0)
    assert known.pulled_at == 140.0


def test_answer_under_another_id(known: ChargerState) -> None:
    """What is asked for next is the charger that was asked for."""
    known.take(charger(7, pulled=3, id="dev_other"), 130.0)
    assert (known.id, known.charger.id) == ("dev_a", "dev_A")
    assert power(known) == 7000


def test_same_device_while_nothing_changes(known: ChargerState) -> None:
    first = known.device(controllable=True)
    assert known.listed is not None
    known.take_listed(known.listed, 140.0)
    known.take(charger(pulled=1), 150.0)
    assert known.device(controllable=True) is first
    assert known.device(controllable=False) is not first


@pytest.mark.parametrize(
    ("error", "stale", "relink", "forbidden"),
    [
        (ServerFaultError(), False, False, False),
        (UnreachableError(), False, False, False),
        (UnusableAnswerError(), False, False, False),
        (RateLimitedError(), False, False, False),
        (CommandRefusedError(reason=Refusal.OFFLINE), False, False, False),
        (CommandRefusedError(reason="http_418"), True, False, False),
        (NotFoundError(), True, False, False),
        (PermissionDeniedError(reason="mfa_required"), True, True, False),
        (PermissionDeniedError(reason="invalid_api_key"), True, True, False),
        (PermissionDeniedError(reason="forbidden"), True, False, True),
    ],
)
def test_troubles(
    known: ChargerState,
    error: ChargingError,
    stale: bool,
    relink: bool,
    forbidden: bool,
) -> None:
    trouble = Trouble(error=error)
    known.fail(trouble, 110.0)
    assert known.device(controllable=True).stale is stale
    assert (trouble.relink, trouble.forbidden) == (relink, forbidden)


def test_passing_trouble_is_bridged_for_a_while(
    known: ChargerState, clock: Clock
) -> None:
    known.fail(Trouble(error=ServerFaultError()), 110.0)
    clock.time = 1000.0
    assert not known.stale
    clock.time = 1001.0
    assert known.stale
    # What the list tells is as good.
    known.take_listed(charger(7, pulled=2), 1001.0)
    assert not known.stale


def test_lasting_trouble_is_not_ended_by_the_list(known: ChargerState) -> None:
    known.fail(Trouble(error=NotFoundError()), 110.0)
    known.take_listed(charger(7, pulled=2), 120.0)
    assert known.stale
    assert known.changed
    assert power(known) == 0
    known.take(charger(6, pulled=3), 130.0)
    assert not known.stale
    assert power(known) == 6000


def test_watch_ends(known: ChargerState, clock: Clock) -> None:
    assert not known.watched
    known.watch()
    clock.time = 189.0
    assert known.watched
    clock.time = 190.0
    assert not known.watched


def test_action_that_begins_is_watched(known: ChargerState, clock: Clock) -> None:
    put_off = {"id": "a", "state": "scheduled", "start": "2026-06-01T09:00:00Z"}
    known.take(charger(pulled=2, last=put_off), 110.0)
    assert not known.watched
    known.take(charger(pulled=3, last={"id": "a", "state": "acknowledged"}), 120.0)
    clock.time = 399.0
    assert known.watched
