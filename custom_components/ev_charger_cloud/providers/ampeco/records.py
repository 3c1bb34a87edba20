"""What the cloud last said of each object of a kind, and since when nobody knows."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ..base import Context
from ..records import Records, Shape
from ..wire import moment, once, text

_SECOND = timedelta(seconds=1)
# How far ahead of ours (s) a cloud's clock may be.
_AHEAD = timedelta(days=1)


class ListedRecords[ShapeT: Shape](Records[ShapeT]):
    """Objects of one kind that are read by lists, and by lists of what changed.

    An object that is older than the one known, by the cloud's own time stamp, does not
    count.
    """

    def __init__(self, shape: type[ShapeT], context: Context) -> None:
        """Begin without objects."""
        super().__init__(shape, context.monotonic)
        self._context = context
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

    def take(
        self,
        item: Any,
        wanted: Callable[[Mapping[str, Any]], bool] = lambda item: True,
        *,
        sent_at: float | None = None,
    ) -> str | None:
        """Take an object in and return its id, None when there is none to take.

        `sent_at` is when the request for it was sent, now unless it is stated.
        """
        if not isinstance(item, Mapping) or (key := text(item.get("id"))) is None:
            once(self._shape.__name__, "an item without an id")
            return None
        updated = moment(item.get("lastUpdatedAt"))
        if updated is not None and updated > self._context.now() + _AHEAD:
            # A clock that runs away must not take the place to go on at with it.
            updated = None
        if updated and (self._newest is None or updated > self._newest):
            self._newest = updated
        if not wanted(item):
            self.drop(key)
            return None
        if (known := self.raw.get(key)) is not None:
            before = moment(known.get("lastUpdatedAt"))
            if updated and before and updated < before <= self._context.now() + _AHEAD:
                self.unreadable.discard(key)
                self.absences.seen(key)
                return key
        return self.put(item, self._context.monotonic() if sent_at is None else sent_at)

    def keep(self, keys: Iterable[str]) -> None:
        """Forget all objects but these."""
        for key in self.raw.keys() - set(keys):
            self.drop(key)

    def keep_listed(self, keys: Iterable[str]) -> set[str]:
        """Forget what complete lists lack for long enough; return what is missing."""
        listed = set(keys)
        self.drop_missing(listed)
        return self.raw.keys() - listed
