"""Objects by id: what changed, and what is surely gone."""

from dataclasses import dataclass
from typing import Any

import pytest

from custom_components.ev_charger_cloud.providers.records import (
    PATIENCE,
    Absences,
    Records,
)
from custom_components.ev_charger_cloud.providers.wire import Wire, part


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug(Wire):
    """A part of a thing."""

    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing(Wire):
    """An object of a cloud."""

    id: str
    maker: str
    power: float | None = None
    plug: Plug | None = part(Plug)


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.time = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.time


@pytest.fixture
def clock() -> Clock:
    """Return a time."""
    return Clock()


@pytest.fixture
def records(clock: Clock) -> Records[Thing]:
    """Return no objects."""
    return Records(Thing, clock)


def thing(number: int = 1, **more: Any) -> dict[str, Any]:
    """Return an object as the cloud sends it."""
    return {"id": number, "maker": "Acme", **more}


def test_gone_after_three_strikes_over_ten_minutes(clock: Clock) -> None:
    """Neither many lists in a short time nor a long time with one list are enough."""
    absences = Absences(clock)
    for _ in range(20):
        assert not absences.missed("a")
    clock.time += PATIENCE - 1
    assert not absences.missed("a")
    clock.time += 1
    assert absences.missing("a")
    assert absences.missed("a")
    # It may come again, and then everything begins anew.
    assert not absences.missing("a")

    assert not absences.missed("b")
    clock.time += 10 * PATIENCE
    assert not absences.missed("b")
    assert absences.missed("b")


def test_seen_in_between_begins_anew(clock: Clock) -> None:
    """Strikes count only in a row."""
    absences = Absences(clock)
    for _ in range(5):
        assert not absences.missed("a")
        clock.time += PATIENCE
        absences.seen("a")


def test_lists_are_judged(clock: Clock) -> None:
    """What a list lacks long enough is gone, the others stay."""
    absences = Absences(clock)
    assert absences.judge({"a", "b"}, {"a"}) == set()
    clock.time += PATIENCE / 2
    assert absences.judge({"a", "b"}, {"a"}) == set()
    clock.time += PATIENCE / 2
    assert absences.judge({"a", "b"}, {"a"}) == {"b"}


def test_object_that_came_again_is_kept(records: Records[Thing]) -> None:
    """What is made from it can be kept, too."""
    assert records.put(thing(power="5"), 1.0) == "1"
    first = records.items["1"]
    assert (first.power, records.sent_at["1"]) == (5.0, 1.0)
    records.put(thing(power="5"), 2.0)
    assert records.items["1"] is first
    assert records.sent_at["1"] == 2.0
    records.put(thing(power="6"), 3.0)
    assert records.items["1"].power == 6.0


def test_older_answer_never_overwrites(records: Records[Thing]) -> None:
    """A poll that was begun before a command does not undo what was read after it."""
    records.put(thing(power=1), 10.0)
    assert records.put(thing(power=0), 9.0) == "1"
    assert records.items["1"].power == 1.0
    assert records.raw["1"]["power"] == 1
    assert records.sent_at["1"] == 10.0
    records.put(thing(power=2), 10.0)
    assert records.items["1"].power == 2.0


def test_unreadable_object_is_there_as_it_was(
    clock: Clock, records: Records[Thing]
) -> None:
    """It is marked until it can be read again."""
    records.put(thing(power=1), 1.0)
    assert records.put({"id": 1}, 2.0) == "1"
    assert records.unreadable == {"1"}
    assert records.items["1"].power == 1.0
    records.put(thing(power=1), 3.0)
    assert records.unreadable == set()
    records.put({"id": 1}, 4.0)
    records.put(thing(power=2), 5.0)
    assert records.unreadable == set()


@pytest.mark.parametrize("item", [None, "x", [], {}, {"id": None}, {"id": " "}])
def test_item_without_an_id_is_passed_over(records: Records[Thing], item: Any) -> None:
    """There is nothing to know it by."""
    assert records.put(item, 1.0) is None
    assert not records.raw


def test_missing_objects_are_forgotten(clock: Clock, records: Records[Thing]) -> None:
    """Also those that could never be read."""
    records.put(thing(1), 1.0)
    records.put(thing(2), 1.0)
    records.put({"id": 3}, 1.0)
    assert records.drop_missing(["1"]) == set()
    clock.time += PATIENCE
    assert records.drop_missing(["1"]) == set()
    # Told of alone, it is there, though no list has it.
    records.put(thing(2), 2.0)
    assert records.drop_missing(["1"]) == {"3"}
    assert set(records.items) == set(records.sent_at) == {"1", "2"}
    assert not records.unreadable
