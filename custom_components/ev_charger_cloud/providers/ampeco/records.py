"""What the cloud last said of each object of a kind."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, Self

from ...charging import UnusableAnswerError
from ..decoding import moment, once, text

_SECOND = timedelta(seconds=1)


class _Shape(Protocol):
    """A shape that can be decoded."""

    @classmethod
    def decode(cls, body: Any) -> Self: ...


class Records[T: _Shape]:
    """Objects of one kind by id.

    An object that came again as it was keeps its decoded form, so that everything
    made from it can be kept as well.
    """

    def __init__(self, shape: type[T]) -> None:
        """Begin without objects."""
        self._shape = shape
        self.raw: dict[str, Mapping[str, Any]] = {}
        self.items: dict[str, T] = {}
        self.unreadable: set[str] = set()
        self.unknown_since: datetime | None = None
        self._newest: datetime | None = None
        self._begun: datetime | None = None
        self._complete: datetime | None = None

    def begin(self) -> None:
        """Note that a list of all objects, or of all changes, is about to be read."""
        self._begun = self._newest

    def complete(self) -> None:
        """Note that the list was read to its end, and what it surely had.

        That is what was known when it began: while its pages came, those read
        already may have changed, and an object read alone tells nothing of others.
        The newest time stamp itself can still come again, but not at the next list:
        by then its second is over.
        """
        reached = self._begun or self._newest
        again = reached is not None and reached == self._complete
        self._complete = reached
        self.unknown_since = reached + _SECOND if reached and again else reached

    def put(
        self, item: Any, wanted: Callable[[Mapping[str, Any]], bool] = lambda item: True
    ) -> str | None:
        """Take an object in and return its id, None when there is none to take."""
        if not isinstance(item, Mapping) or (key := text(item.get("id"))) is None:
            once(self._shape.__name__, "an item without an id")
            return None
        updated = moment(item.get("lastUpdatedAt"))
        if updated and (self._newest is None or updated > self._newest):
            self._newest = updated
        if not wanted(item):
            self.drop(key)
            return None
        if (known := self.raw.get(key)) is not None:
            before = moment(known.get("lastUpdatedAt"))
            if known == item or (updated and before and updated < before):
                self.unreadable.discard(key)
                return key
        try:
            self.items[key] = self._shape.decode(item)
        except UnusableAnswerError:
            once(self._shape.__name__, "an item that cannot be read")
            self.unreadable.add(key)
            return key
        self.raw[key] = item
        self.unreadable.discard(key)
        return key

    def drop(self, key: str) -> None:
        """Forget an object."""
        self.raw.pop(key, None)
        self.items.pop(key, None)
        self.unreadable.discard(key)

    def keep(self, keys: Iterable[str]) -> None:
        """Forget all objects but these."""
        for key in self.raw.keys() - set(keys):
            self.drop(key)
