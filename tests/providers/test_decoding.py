"""Reading what clouds really send."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.ev_charger_cloud.charging import (
    NotSupportedError,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.providers import decoding
from custom_components.ev_charger_cloud.providers.base import (
    InvalidSettingError,
    Provider,
    Selection,
)
from custom_components.ev_charger_cloud.providers.decoding import (
    Wire,
    boolean,
    integer,
    items_of,
    mask,
    moment,
    number,
    part,
    parts,
    text,
    translate,
)
from custom_components.ev_charger_cloud.providers.schedule import Schedule
from custom_components.ev_charger_cloud.providers.settings import stripped, web_address

from ..fake_provider import FakeProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner(Wire):
    """An object within an object."""

    amps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer(Wire):
    """An object with a field of each kind."""

    id: str
    count: int | None = None
    on: bool | None = None
    at: datetime | None = None
    inner: Inner | None = part(Inner)
    several: tuple[Inner, ...] = parts(Inner)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (1, 1.0),
        (" 0.0", 0.0),
        ("7107.0", 7107.0),
        ("-", None),
        ("", None),
        (None, None),
        (True, None),
        ([1], None),
        ("nan", None),
        (float("inf"), None),
        (10**400, None),
    ],
)
def test_number(value: Any, read: float | None) -> None:
    """Numbers come as strings with blanks, and as no numbers at all."""
    assert number(value) == read


def test_plain_types() -> None:
    """Whole numbers, texts and truth values are read as far as they can be."""
    assert integer("15.6") == 16
    assert integer("x") is None
    assert text(17) == "17"
    assert text("  ") is None
    assert text({"a": 1}) is None
    assert boolean("True") is True
    assert boolean(0) is False
    assert boolean("perhaps") is None


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("2026-01-10T01:14:32.000000Z", datetime(2026, 1, 10, 1, 14, 32, tzinfo=UTC)),
        ("2026-01-10T02:14:32+01:00", datetime(2026, 1, 10, 1, 14, 32, tzinfo=UTC)),
        ("2026-01-10T01:14:32", datetime(2026, 1, 10, 1, 14, 32, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-10:00", None),
        ("tomorrow", None),
        (1736471672, None),
        (None, None),
    ],
)
def test_moment(value: Any, read: datetime | None) -> None:
    """Times become UTC; the year 1 means never."""
    assert moment(value) == read


def test_object() -> None:
    """What cannot be read is None, what nobody declared is passed over."""
    outer = Outer.decode(
        {
            "id": 4711,
            "count": "x",
            "on": "yes",
            "at": "never",
            "inner": "broken",
            "several": [{"amps": "6"}, "broken", {"amps": None}],
            "new": {"key": 1},
        }
    )
    assert outer == Outer(
        id="4711", on=True, several=(Inner(amps=6.0), Inner(amps=None))
    )
    assert Outer.decode({"id": "a", "inner": {"amps": 1}}).inner == Inner(amps=1.0)
    assert Outer.decode({"id": "a", "several": None}).several == ()


@pytest.mark.parametrize("body", [None, [], "x", {}, 7])
def test_no_object(body: Any) -> None:
    """Something else in place of an object is an error of the vocabulary."""
    with pytest.raises(UnusableAnswerError):
        Outer.decode(body)


def test_list() -> None:
    """One broken item does not take the others with it."""
    assert [each.id for each in Outer.decode_all([{"id": "a"}, {}, {"id": "b"}])] == [
        "a",
        "b",
    ]
    with pytest.raises(UnusableAnswerError):
        Outer.decode_all({"id": "a"})
    assert list(items_of({"data": [1]}, "data", "items")) == [1]
    assert list(items_of([2], "data")) == [2]
    assert list(items_of({"data": None}, "data")) == []
    assert list(items_of("x")) == []


def test_unknown_words_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """A cloud's new word is no error, and no flood in the log."""
    table = {"Charging": 1}
    of = "a status of this test"
    assert translate(table, "Charging", of=of) == 1
    assert translate(table, None, of=of) is None
    for _ in range(3):
        assert translate(table, "Levitating", of=of) is None
    assert caplog.text.count("Levitating") == 1
    assert decoding.oddities(of) == [f"{of}: unknown word 'Levitating'"]


def test_mask() -> None:
    """Of a card only the end is told, of a short one nothing."""
    assert mask("04A1B2C3D4") == "…C3D4"
    assert mask("HOME") is None
    assert mask(None) is None


def test_schedule(freezer: FrozenDateTimeFactory) -> None:
    """A thing is due after its time, with grace for the jitter of polls."""
    schedule, every = Schedule(), timedelta(seconds=60)
    assert schedule.due("x", every)
    assert schedule.age("x") == float("inf")
    schedule.done("x")
    assert not schedule.due("x", every)
    freezer.tick(58)
    assert not schedule.due("x", every)
    freezer.tick(1.5)
    assert schedule.due("x", every)
    assert schedule.age("x") == pytest.approx(59.5)
    schedule.done("x")
    schedule.forget("x")
    assert schedule.due("x", every)


def test_selection() -> None:
    """All, those named, or those in a group."""
    assert Selection().wants("a")
    chosen = Selection(
        everything=False, chargers=frozenset({"a"}), groups=frozenset({"g"})
    )
    assert chosen.wants("a")
    assert chosen.wants("b", "g")
    assert not chosen.wants("b")


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("https://app.example/", "https://app.example"),
        (" app.example ", "https://app.example"),
        ("http://127.0.0.1:8123/api/", "http://127.0.0.1:8123/api"),
        ("HTTPS://App.Example/API", "https://app.example/API"),
        ("https://app.example/#top", "https://app.example"),
    ],
)
def test_address(typed: str, read: str) -> None:
    """An address may lack its scheme and have too much at its end."""
    assert web_address(typed) == read


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "https://",
        "ftp://app.example",
        "https://user:word@app.example",
        "https://app.example/?token=1",
        "app .example",
        "https://app.example:0",
        "https://app.example:port",
    ],
)
def test_no_address(typed: str) -> None:
    """What is no address, or one with a secret in it, is refused at its field."""
    with pytest.raises(InvalidSettingError) as caught:
        web_address(typed)
    assert (caught.value.key, caught.value.reason) == ("base_url", "invalid_url")


def test_stripped() -> None:
    """Blanks around what was typed in go, everything else stays."""
    assert stripped({"a": " b ", "n": 1}) == {"a": "b", "n": 1}


async def test_what_a_provider_need_not_offer() -> None:
    """A provider that says nothing of a feature does not support it."""
    FakeProvider.reset()
    provider = FakeProvider.__new__(FakeProvider)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for call in (
        Provider.subaccounts(provider),
        Provider.sessions(provider, "c", now, now, 1),
        Provider.charging_profiles(provider, "c"),
        Provider.relink_url(provider, "c"),
    ):
        with pytest.raises(NotSupportedError):
            await call
