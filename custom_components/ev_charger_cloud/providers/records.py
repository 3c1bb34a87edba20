"""The objects of a kind by id: what changed, and what is surely gone."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, Self

from ..charging import UnusableAnswerError
from .wire import once, text

STRIKES = 3
PATIENCE = 600.0
"""How often in a row, and for how long (s), an object must be missing to be gone."""


class Shape(Protocol):
    """A shape that can be decoded."""

    @classmethod
    def decode(cls, body: Any) -> Self:
        """Read an object."""


class Absences:
    """Judges what is gone: missing three times over at least ten minutes.

    An empty list where there were objects proves nothing of any of them by itself:
    it counts like any other list that lacks them, but callers treat it as a trouble
    of the cloud first (`suspicious`).
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Begin with nothing missing."""
        self._monotonic = monotonic
        self._missing: dict[str, tuple[int, float]] = {}

    def seen(self, key: str) -> None:
        """Note that an object is there."""
        self._missing.pop(key, None)

    def missed(self, key: str) -> bool:
        """Note that an object was missing, and return whether it is surely gone."""
        strikes, since = self._missing.get(key, (0, self._monotonic()))
        self._missing[key] = strikes + 1, since
        if strikes + 1 >= STRIKES and self._monotonic() - since >= PATIENCE:
            del self._missing[key]
            return True
        return False

    def missing(self, key: str) -> bool:
        """Return whether an object was missing the last time."""
        return key in self._missing

    def judge(self, known: Iterable[str], listed: Iterable[str]) -> set[str]:
        """Compare a complete, well-formed list with what is known.

        Returns what is surely gone.
        """
        there = set(listed)
        for key in there & self._missing.keys():
            self.seen(key)
        return {key for key in set(known) - there if self.missed(key)}


class Records[ShapeT: Shape]:
    """Objects of one kind by id, each with when the request that saw it was sent.

    An object that came again as it was keeps its decoded form, so that everything
    made from it can be kept as well. An answer that was asked for earlier than the one
    known does not count.
    """

    def __init__(self, shape: type[ShapeT], monotonic: Callable[[], float]) -> None:
        """Begin without objects."""
        self._shape = shape
        self.absences = Absences(monotonic)
        self.raw: dict[str, Mapping[str, Any]] = {}
        self.items: dict[str, ShapeT] = {}
        self.sent_at: dict[str, float] = {}
        self.unreadable: set[str] = set()

    def put(self, item: Any, sent_at: float, key: str = "id") -> str | None:
        """Take an object in and return its id, None when there is none to take."""
        if not isinstance(item, Mapping) or (found := text(item.get(key))) is None:
            once(self._shape.__name__, "an item without an id")
            return None
        self.absences.seen(found)
        if sent_at < self.sent_at.get(found, sent_at):
            return found
        self.sent_at[found] = sent_at
        known = self.raw.get(found)
        if known is item or known == item:
            # The next time it may be the very same, which is told at once.
            self.raw[found] = item
            self.unreadable.discard(found)
            return found
        try:
            decoded = self._shape.decode(item)
        except UnusableAnswerError:
            once(self._shape.__name__, "an item that cannot be read")
            self.unreadable.add(found)
            return found
        self.raw[found] = item
        self.items[found] = decoded
        self.unreadable.discard(found)
        return found

    def drop(self, key: str) -> None:
        """Forget an object."""
        for table in (self.raw, self.items, self.sent_at):
            table.pop(key, None)
        self.unreadable.discard(key)
        self.absences.seen(key)

    def drop_missing(self, listed: Iterable[str]) -> set[str]:
        """Forget what complete lists have lacked for long enough; return what that is.

        `listed` are the ids of a complete, well-formed list.
        """
        gone = self.absences.judge({*self.raw, *self.unreadable}, listed)
        for key in gone:
            self.drop(key)
        return gone
