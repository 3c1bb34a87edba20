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
        self.newest: datetime | None = None
        self._asked: datetime | None = None

    def unknown_since(self) -> datetime | None:
        """Return the time stamp from which on there may be unknown changes.

        The newest one itself can still come again, but not at the next poll: by
        then its second is over.
        """
        again = self.newest is not None and self.newest == self._asked
        self._asked = self.newest
        return self.newest + _SECOND if self.newest and again else self.newest

    def put(
        self, item: Any, wanted: Callable[[Mapping[str, Any]], bool] = lambda item: True
    ) -> str | None:
        """Take an object in and return its id, None when there is none to take."""
        if not isinstance(item, Mapping) or (key := text(item.get("id"))) is None:
            once(self._shape.__name__, "an item without an id")
            return None
        updated = moment(item.get("lastUpdatedAt"))
        if updated and (self.newest is None or updated > self.newest):
            self.newest = updated
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
