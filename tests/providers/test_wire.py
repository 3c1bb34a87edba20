"""Reading what clouds really send."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from hypothesis import given, strategies as st
import orjson
import pytest

from custom_components.ev_charger_cloud.charging import (
    NotFoundError,
    UnusableAnswerError,
)
from custom_components.ev_charger_cloud.providers import base, wire as decoding
from custom_components.ev_charger_cloud.providers.base import (
    InvalidSettingError,
    Selection,
)
from custom_components.ev_charger_cloud.providers.schedule import Schedule
from custom_components.ev_charger_cloud.providers.settings import stripped, web_address
from custom_components.ev_charger_cloud.providers.wire import (
    CamelCaseWire,
    DecodeCache,
    Wire,
    boolean,
    integer,
    items_of,
    key,
    link,
    mask,
    moment,
    number,
    part,
    parts,
    segment,
    text,
    translate,
    words,
)


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
        (1.7e308, None),
        ("-1e300", None),
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
        ("9999-12-31T23:59:59Z", None),
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
    schedule, every = Schedule(base.monotonic), timedelta(seconds=60)
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


class Camel:
    """Shapes of a cloud that writes its keys in camel case."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Meter(CamelCaseWire):
        """An object within an object."""

        total_energy_wh: float | None = None

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Base(CamelCaseWire):
        """What several shapes share."""

        charge_point_id: str | None = None

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Point(Base):
        """A shape on top of another."""

        id: str
        odd_name: str | None = key("ODDName")
        last_meter: Camel.Meter | None = None
        word_list: tuple[str, ...] | None = None


def test_camel_case() -> None:
    """Keys in camel case are read by the name of the field, also inherited ones."""
    point = Camel.Point.decode(
        {
            "id": 1,
            "chargePointId": "cp",
            "ODDName": "odd",
            "oddName": "not this",
            "lastMeter": {"totalEnergyWh": "12.5"},
            "unknownKey": 1,
        }
    )
    assert point == Camel.Point(
        id="1",
        charge_point_id="cp",
        odd_name="odd",
        last_meter=Camel.Meter(total_energy_wh=12.5),
    )
    # One shape's names are not another's.
    assert Camel.Base.decode({"chargePointId": 7}).charge_point_id == "7"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (["a", 1, None, "", {"b": 1}], ("a", "1")),
        ([], ()),
        ("a", None),
        (None, None),
    ],
)
def test_words(value: Any, read: tuple[str, ...] | None) -> None:
    """A list of texts is read without what is none."""
    assert words(value) == read


@pytest.mark.parametrize("half", ["\ud83d", "x\udd0b", "\udc80 y"])
def test_half_an_emoji_can_be_stored(half: str) -> None:
    """Some clouds cut texts in the middle of a character."""
    read = text(half)
    assert read
    assert orjson.loads(orjson.dumps(read)) == read


def test_long_text_is_cut() -> None:
    """Nothing that a cloud sends fills the memory."""
    assert len(text("x" * 100_000) or "") == 4096
    assert len(text("é" * 100_000) or "") == 4096


def test_odd_words_are_bounded(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cloud that makes up a word with each answer fills neither log nor memory."""
    monkeypatch.setattr(decoding, "_seen", set())
    for count in range(1000):
        translate({}, f"word {count}" + "x" * 5000, of="flood")
    assert len(decoding.oddities("flood")) == len(caplog.records) == 200
    assert max(map(len, decoding.oddities(""))) < 100


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=30)
    | st.datetimes(timezones=st.timezones()).map(str),
    lambda part: (
        st.lists(part, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["id", "count", "on", "at", "inner", "several", "amps", "lastMeter"]
            )
            | st.text(max_size=3),
            part,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(_JSON)
def test_anything_is_read_or_refused(body: Any) -> None:
    """Whatever comes is an object of the right types, or an error of the vocabulary."""
    for value in (number(body), integer(body)):
        assert value is None or abs(value) < float("inf")
    assert isinstance(boolean(body), bool | None)
    when = moment(body)
    assert when is None or when.tzinfo is UTC
    read = text(body)
    assert read is None or (read == read.strip() != "" and orjson.dumps(read))
    for shape in (Outer, Camel.Point):
        try:
            item = shape.decode(body)
        except UnusableAnswerError:
            continue
        if isinstance(item, Outer):
            assert isinstance(item.id, str | None)
            assert isinstance(item.count, int | None)
            assert isinstance(item.inner, Inner | None)
            assert all(isinstance(each, Inner) for each in item.several)


def test_equal_answers_are_decoded_once() -> None:
    """An equal answer, whoever parsed it, gives the same object again."""
    cache = DecodeCache()
    first = cache.decode("a", {"id": "1"}, Outer.decode)
    assert cache.decode("a", {"id": "1"}, Outer.decode) is first
    assert cache.decode("b", {"id": "1"}, Outer.decode) is not first
    changed = cache.decode("a", {"id": "2"}, Outer.decode)
    assert changed.id == "2"
    with pytest.raises(UnusableAnswerError):
        cache.decode("a", "nothing", Outer.decode)
    assert cache.decode("a", {"id": "2"}, Outer.decode) is changed


async def test_equal_objects_of_a_list_are_decoded_once() -> None:
    """Of a list only what changed is decoded again; what is unreadable stays out."""
    cache = DecodeCache()
    body: list[Any] = [{"id": "1"}, 7, {"id": "2"}]
    first = await cache.decode_all("a", body, Outer)
    assert [item.id for item in first] == ["1", "2"]
    assert await cache.decode_all("a", [{"id": "1"}, 7, {"id": "2"}], Outer) is first
    second = await cache.decode_all(
        "a", [{"id": "1"}, 7, {"id": "3"}, {"id": "4"}], Outer
    )
    assert [item.id for item in second] == ["1", "3", "4"]
    assert second[0] is first[0]
    with pytest.raises(UnusableAnswerError):
        await cache.decode_all("a", {}, Outer)
    assert await cache.decode_all("a", [], Outer) == ()


async def test_what_is_gone_is_forgotten() -> None:
    """Only what belongs to the keys named is kept."""
    cache = DecodeCache()
    first = cache.decode("a", {"id": "1"}, Outer.decode)
    other = cache.decode("b", {"id": "1"}, Outer.decode)
    several = await cache.decode_all("b", [{"id": "1"}], Outer)
    cache.keep_only(["a"])
    assert cache.decode("a", {"id": "1"}, Outer.decode) is first
    assert cache.decode("b", {"id": "1"}, Outer.decode) is not other
    assert await cache.decode_all("b", [{"id": "1"}], Outer) is not several


@pytest.mark.parametrize(
    ("of", "path"),
    [
        ("7", "7"),
        ("a b", "a%20b"),
        ("a/../b?c#d", "a%2F..%2Fb%3Fc%23d"),
        ("...", "..."),
        ("%2e%2e", "%252e%252e"),
        ("a\r\nb", "a%0D%0Ab"),
        ("\ud83d", "%3F"),
    ],
)
def test_segment(of: str, path: str) -> None:
    """An id is one segment of a path, whatever it is made of."""
    assert segment(of) == path


@pytest.mark.parametrize("of", ["", ".", ".."])
def test_segment_that_names_nothing(of: str) -> None:
    """A step to another path is no id."""
    with pytest.raises(NotFoundError):
        segment(of)


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("https://x.example/a?cursor=1", "x.example"),
        ("http://[::1]:80/", "[::1]:80"),
        ("http://[::1", None),
        ("/a?cursor=1", ""),
        ("", None),
        (None, None),
    ],
)
def test_link(value: Any, host: str | None) -> None:
    """An address may be relative, or none."""
    address = link(value)
    assert (None if address is None else address.netloc) == host
