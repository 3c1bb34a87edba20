"""What the cloud last said of each object of a kind, and since when nobody knows."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, override

from ..base import Context
from ..records import Records, Shape
from ..wire import moment, once, text

_STAMP = "lastUpdatedAt"
_SECOND = timedelta(seconds=1)
# How far ahead of ours (s) a cloud's clock may be.
_AHEAD = timedelta(days=1)


class ListedRecords[ShapeT: Shape](Records[ShapeT]):
    """Objects of one kind that are read by lists, and by lists of what changed.

    An object that is older than the one known, by the cloud's own time stamp, does not
    count. `changed` collects the ids of what is new, different, unreadable or gone, for
    whoever empties it; `version` is another number whenever something is added there.
    """

    def __init__(
        self, shape: type[ShapeT], context: Context, *, timed: bool = True
    ) -> None:
        """Begin without objects.

        Without `timed`, one that differs in its time stamp alone does not count as
        changed: running sessions get a new one with each sample of the meter.
        """
        super().__init__(shape, context.monotonic)
        self._context = context
        self._timed = timed
        self.changed: set[str] = set()
        self.version = 0
        self.unknown_since: datetime | None = None
        self._newest: datetime | None = None
        self._begun: datetime | None = None
        self._complete: datetime | None = None
        # The ids of what was taken of pages, by the identity of what came.
        self._taken: dict[int, str] = {}

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

    async def take_page(
        self,
        page: list[Any],
        wanted: Callable[[Mapping[str, Any]], bool] = lambda item: True,
        prepare: Callable[[Any], Any] = lambda item: item,
        *,
        sent_at: float,
    ) -> list[str]:
        """Take a page of a list in, and return the ids of what was taken.

        An object that came again, and is the very same, is not looked at. `prepare`
        mends an object first.
        """
        keys: list[str] = []
        for item in page:
            key = self._taken.get(id(item))
            if key is not None and self.raw.get(key) is item:
                self.sent_at[key] = max(sent_at, self.sent_at[key])
            else:
                await self._context.turn()
                key = self.take(prepare(item), wanted, sent_at=sent_at)
                if key is None:
                    continue
                self._taken[id(item)] = key
            keys.append(key)
        if len(self._taken) > 2 * len(self.raw):
            # Most of them are gone: another object may have got their identity.
            self._taken = {id(item): key for key, item in self.raw.items()}
        return keys

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
        if not wanted(item):
            self._older(item, None)
            self.drop(key)
            return None
        if sent_at is None:
            sent_at = self._context.monotonic()
        known = self.raw.get(key)
        if known is not None and self._same(known, item):
            if key not in self.unreadable:
                self.raw[key] = item
                self.sent_at[key] = max(sent_at, self.sent_at[key])
                self.absences.seen(key)
                return key
        elif self._older(item, known):
            if key in self.unreadable:
                self.unreadable.discard(key)
                self._note(key)
            self.absences.seen(key)
            return key
        decoded, readable = self.items.get(key), key not in self.unreadable
        self.put(item, sent_at)
        if self.items.get(key) is not decoded or (key in self.unreadable) is readable:
            self._note(key)
        return key

    def _same(self, known: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
        """Return whether an object is as it was."""
        if known is item or known == item:
            return True
        return not self._timed and {**known, _STAMP: item.get(_STAMP)} == item

    def _older(self, item: Mapping[str, Any], known: Mapping[str, Any] | None) -> bool:
        """Return whether an object is older than the one known, and note the newest."""
        latest = self._context.now() + _AHEAD
        updated = moment(item.get(_STAMP))
        if updated is None or updated > latest:
            # A clock that runs away must not take the place to go on at with it.
            return False
        if self._newest is None or updated > self._newest:
            self._newest = updated
        before = moment(known.get(_STAMP)) if known else None
        return before is not None and updated < before <= latest

    @override
    def drop(self, key: str) -> None:
        """Forget an object."""
        if key in self.items or key in self.unreadable:
            self._note(key)
        super().drop(key)

    def _note(self, key: str) -> None:
        """Note that an object changed."""
        self.changed.add(key)
        self.version += 1

    def keep(self, keys: Iterable[str]) -> None:
        """Forget all objects but these."""
        for key in self.raw.keys() - set(keys):
            self.drop(key)

    def keep_listed(self, keys: Iterable[str]) -> set[str]:
        """Forget what complete lists lack for long enough; return what is missing."""
        listed = set(keys)
        self.drop_missing(listed)
        return self.raw.keys() - listed
