"""Reading what clouds really send: nulls, strings for numbers, words nobody knows."""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import field, fields
from datetime import UTC, datetime
import logging
from typing import Any, Self
from urllib.parse import SplitResult, quote, urlsplit

from mashumaro import DataClassDictMixin, field_options
from mashumaro.config import BaseConfig
from mashumaro.exceptions import MissingField

from ..charging import NotFoundError, UnusableAnswerError

_LOGGER = logging.getLogger(__name__)

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_seen: set[tuple[str, str]] = set()
_MOST_ODDITIES = 200
_LONGEST_TEXT = 4096
_LARGEST = 1e15
_LAST_YEAR = 9000


def number(value: Any) -> float | None:
    """Read a number, also from a string with blanks; None when there is none.

    What is too large for anything that is measured is none: it would be infinite once
    its unit is changed.
    """
    if type(value) is float:
        return value if -_LARGEST < value < _LARGEST else None
    if value is None or isinstance(value, bool):
        return None
    try:
        result = float(value)
    except TypeError, ValueError, OverflowError:
        return None
    return result if -_LARGEST < result < _LARGEST else None


def integer(value: Any) -> int | None:
    """Read a whole number; None when there is none."""
    result = number(value)
    return None if result is None else round(result)


def text(value: Any) -> str | None:
    """Read a text, also from a number; None when it is empty.

    What comes out is valid Unicode and of bounded length, whatever went in.
    """
    if type(value) is not str:
        if value is None or isinstance(value, bool | Mapping | list):
            return None
        value = str(value)
    if len(value) > _LONGEST_TEXT:
        value = value[:_LONGEST_TEXT]
    if not value.isascii():
        # Half an emoji, as some clouds cut them, is no text that could be stored.
        value = value.encode("utf-8", "replace").decode("utf-8")
    return value.strip() or None


def boolean(value: Any) -> bool | None:
    """Read a truth value; None when there is none."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def moment(value: Any) -> datetime | None:
    """Read an ISO 8601 time as UTC; no offset means UTC, year 1 and 9999 mean never."""
    if not isinstance(value, str):
        return None
    try:
        when = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    # Nobody can reckon with what is at the end of the calendar.
    if not 1 < when.year < _LAST_YEAR:
        return None
    return when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC)


def link(value: Any) -> SplitResult | None:
    """Read an address, also one that is relative; None when it is none."""
    address = text(value)
    try:
        return None if address is None else urlsplit(address)
    except ValueError:  # brackets that hold no IPv6 address
        return None


class Wire(DataClassDictMixin):
    """Base of a cloud's own shapes.

    Declare fields as `str | None = None` and the like: a value that cannot be read
    as its type becomes None, a key nobody declared is passed over.
    """

    class Config(BaseConfig):
        """Read every plain type leniently."""

        serialization_strategy = {
            float: {"deserialize": number},
            int: {"deserialize": integer},
            str: {"deserialize": text},
            bool: {"deserialize": boolean},
            datetime: {"deserialize": moment},
        }

    @classmethod
    def decode(cls, body: Any) -> Self:
        """Read an object; raise UnusableAnswerError when it is none."""
        if not isinstance(body, Mapping):
            raise UnusableAnswerError(
                f"{cls.__name__}: expected an object", reason="unexpected_shape"
            )
        try:
            return cls.from_dict(body)
        except (
            MissingField,
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
        ) as err:
            raise UnusableAnswerError(
                f"{cls.__name__}: cannot be read", reason="unexpected_shape"
            ) from err

    @classmethod
    def decode_all(cls, body: Any) -> list[Self]:
        """Read a list of objects, passing over those that cannot be read."""
        return [item for item in cls.decode_each(body) if item is not None]

    @classmethod
    def decode_each(cls, body: Any) -> list[Self | None]:
        """Read a list of objects, with None for each that cannot be read."""
        if not isinstance(body, list):
            raise UnusableAnswerError(
                f"{cls.__name__}: expected a list", reason="unexpected_shape"
            )
        items: list[Self | None] = []
        for item in body:
            try:
                items.append(cls.decode(item))
            except UnusableAnswerError:
                once(cls.__name__, "an item that cannot be read")
                items.append(None)
        return items


async def no_turn() -> None:
    """Stand in where nobody else wants the loop."""


class DecodeCache:
    """Decode what a cloud says only where it changed.

    What was decoded is kept beside what it was decoded from: an equal answer, or an
    equal object within a list, gives the same object again, and whoever compares later
    can do so by identity. JSON's `1` and `true` count as equal here.
    """

    def __init__(self, turn: Callable[[], Awaitable[None]] = no_turn) -> None:
        """Begin with nothing decoded; `turn` is awaited between objects of a list."""
        self._turn = turn
        self._last: dict[Hashable, tuple[Any, Any]] = {}
        self._items: dict[Hashable, tuple[list[Any], list[Any], Any]] = {}

    def decode[T](self, key: Hashable, raw: Any, decoder: Callable[[Any], T]) -> T:
        """Decode a part of an answer, named by a key; what raises is not kept."""
        last = self._last.get(key)
        if last is not None and (last[0] is raw or last[0] == raw):
            decoded: T = last[1]
            return decoded
        decoded = decoder(raw)
        self._last[key] = raw, decoded
        return decoded

    async def decode_all[W: Wire](
        self, key: Hashable, raw: Any, shape: type[W]
    ) -> Sequence[W]:
        """Decode a list as `Wire.decode_all` does, the equal ones of it not again."""
        last = self._items.get(key)
        if last is not None and (last[0] is raw or last[0] == raw):
            same: Sequence[W] = last[2]
            return same
        if not isinstance(raw, list):
            shape.decode_each(raw)  # which refuses it
        before, kept, _ = last or ([], [], ())
        decoded: list[W | None] = []
        for index, item in enumerate(raw):
            known = before[index] if index < len(before) else None
            if known is not None and (known is item or known == item):
                decoded.append(kept[index])
            else:
                await self._turn()
                decoded += shape.decode_each([item])
        items = tuple(item for item in decoded if item is not None)
        self._items[key] = raw, decoded, items
        return items

    def keep_only(self, keys: Iterable[Hashable]) -> None:
        """Forget what belongs to other keys."""
        kept = set(keys)
        self._last = {key: self._last[key] for key in self._last if key in kept}
        self._items = {key: self._items[key] for key in self._items if key in kept}


def part(shape: type[Wire], alias: str | None = None) -> Any:
    """Declare a field for an object within an object: None when it is unreadable."""

    def deserialize(value: Any) -> Wire | None:
        if not isinstance(value, Mapping):
            return None
        try:
            return shape.decode(value)
        except UnusableAnswerError:
            return None

    return field(
        default=None, metadata=field_options(deserialize=deserialize, alias=alias)
    )


def parts(shape: type[Wire], alias: str | None = None) -> Any:
    """Declare a field for a tuple of objects, without those that are unreadable."""

    def deserialize(value: Any) -> tuple[Wire, ...]:
        return tuple(shape.decode_all(value)) if isinstance(value, list) else ()

    return field(
        default=(), metadata=field_options(deserialize=deserialize, alias=alias)
    )


def key(alias: str, default: Any = None) -> Any:
    """Declare a plain field under the cloud's own name for it."""
    return field(default=default, metadata=field_options(alias=alias))


def words(value: Any) -> tuple[str, ...] | None:
    """Read a list of texts; None when it is no list."""
    if not isinstance(value, list):
        return None
    return tuple(word for item in value if (word := text(item)))


_CAMEL_CASE: dict[type, dict[str, str]] = {}


class CamelCaseWire(Wire):
    """Base of the shapes of a cloud that writes its keys in camel case.

    `charge_point_id` is read from `chargePointId`; a key that is not the name in camel
    case is declared with `key`, `part` or `parts` and an alias.
    """

    @classmethod
    def __pre_deserialize__(cls, d: dict[Any, Any]) -> dict[Any, Any]:
        """Rename the keys that are fields in camel case."""
        names = _CAMEL_CASE.get(cls)
        if names is None:
            names = _CAMEL_CASE[cls] = _camel_case_names(cls)
        return {names.get(name, name): value for name, value in d.items()}


def _camel_case_names(shape: type[Any]) -> dict[str, str]:
    """Return the names of a shape's fields by their form in camel case."""
    return {
        camel: each.name
        for each in fields(shape)
        if each.metadata.get("alias") is None
        and (camel := _camel_case(each.name)) != each.name
    }


def _camel_case(name: str) -> str:
    """Return a name in camel case, as clouds with JavaScript habits write keys."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def once(of: str, what: str) -> None:
    """Log something odd the first time it is met, within bounds.

    A cloud that makes up a new word with each answer fills neither log nor memory.
    """
    if (of, what) not in _seen and len(_seen) < _MOST_ODDITIES:
        _seen.add((of, what))
        _LOGGER.warning("%s: %s; please report it", of, what)


def oddities(start: str) -> list[str]:
    """List the odd things met so far under names that begin so, for diagnostics."""
    return sorted(f"{of}: {what}" for of, what in _seen if of.startswith(start))


def translate[T](table: Mapping[str, T], word: str | None, *, of: str) -> T | None:
    """Look a cloud's word up; None, and one warning, when nobody knows it."""
    if word is None:
        return None
    if word not in table:
        once(of, f"unknown word {word[:40]!r}")
        return None
    return table[word]


def segment(of: str) -> str:
    """Return an id as one segment of a path, whatever it is made of.

    Raises NotFoundError for what no path can name: nothing, or a step to another path.
    """
    if of in ("", ".", ".."):
        raise NotFoundError(reason="not_found")
    return quote(of, safe="", errors="replace")


def mask(token: str | None) -> str | None:
    """Hide a card's id but for its last characters."""
    return f"…{token[-4:]}" if token and len(token) > 4 else None


def items_of(body: Any, *keys: str) -> Iterable[Any]:
    """Return the list in a body, bare or below one of the keys."""
    if isinstance(body, Mapping):
        body = next((body[key] for key in keys if key in body), None)
    return body if isinstance(body, list) else ()
