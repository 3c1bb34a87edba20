"""What is known of a key's chargers, and how it is kept up to date."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import batched, count

from ...charging import (
    AuthenticationError,
    ChargingError,
    Device,
    Event,
    Fleet,
    Name,
    NotFoundError,
    Notice,
    NoticeKind,
    RateLimitedError,
)
from ..access import Access
from ..base import Context, Poll
from ..records import Absences
from ..wire import DecodeCache
from .auth_guard import AuthGuard
from .client import Client, Listing
from .mappings import name_of
from .state import ChargerState, Trouble, device_id_of
from .wire import Action, Charger

TICK = timedelta(minutes=1)
# When there is more to read than fits into a poll.
SOON = timedelta(seconds=1)

# Of the requests in a poll, which take about a second each: so many, then what came is
# shown. Every tenth of them goes to chargers that do nothing.
REQUESTS_PER_POLL = 25
BUSY_SHARE = 9

# In seconds. The list is read every minute, and where it has many pages not more often
# than takes a fifth of what may be asked.
LIST_EVERY = 60.0
LIST_EVERY_PER_PAGE = 4.3
LIST_EVERY_AT_MOST = 300.0
CHARGING_EVERY = 120.0
TROUBLED_EVERY = 300.0
# AMPS asks the maker itself only when it is asked for one charger, and what it has is
# older than that.
PULL_EVERY = 900.0
# Lists leave out the settings.
SETTINGS_EVERY = 3600.0
# A poll comes a little sooner or later than a minute after the last.
_GRACE = 1.0

# So many chargers are looked at between two looks at the clock.
_SEVERAL = 16
_NEVER = float("-inf")

CONTROL = "control"
"""The feature of controlling chargers at all, which the live environment may lack."""


class ChargerSync:
    """The chargers of one key as they were last seen."""

    def __init__(
        self, context: Context, client: Client, guard: AuthGuard, access: Access[str]
    ) -> None:
        """Begin with nothing known."""
        settings = context.settings
        self._context = context
        self._client = client
        self._guard = guard
        self._access = access
        self._user_id: str | None = settings.get("end_user_id") or None
        self._expedite: bool = settings.get("expedite_while_charging", False)
        self._absences = Absences(context.monotonic)
        self._decoded = DecodeCache(context.turn)
        self._fleet: Fleet = {}
        self._told_apart: list[Charger] = []
        self._names: dict[str, str | None] = {}
        self._listing: Listing | None = None
        self._listed: set[str] = set()
        # What the pages told the last time, by where they begin.
        self._taken: dict[int, tuple[Sequence[Charger], list[ChargerState]]] = {}
        self._list_begun_at = self._list_due_at = _NEVER
        self._settled = False
        self.chargers: dict[str, ChargerState] = {}

    def find(self, device_id: str) -> ChargerState:
        """Return a charger by its device's id."""
        if known := self.chargers.get(device_id):
            return known
        raise NotFoundError(reason="device_not_found")

    async def read(self, device_id: str) -> Fleet:
        """Read a charger as its maker knows it, at most a minute old."""
        known = self.find(device_id)
        await self._fetch(known, expedite=True)
        if known.trouble and known.trouble.passing:
            raise known.trouble.error
        return {known.id: self._device(known)}

    async def poll(self) -> Poll:
        """Read what is due: the list first, which tells the state of 50 at once.

        The first poll needs no more than that.
        """
        left = await self._work()
        self._settled = True
        fleet = await self._translate()
        if fleet != self._fleet:
            self._fleet = fleet
        return Poll(
            fleet=self._fleet,
            interval=SOON if left else TICK,
            notices=self.notices(),
            events=tuple(self._events()),
        )

    def _events(self) -> Iterator[Event]:
        """Yield what happened since the last poll."""
        for known in self.chargers.values():
            if known.events:
                yield from known.take_events()

    async def _translate(self) -> Fleet:
        """Translate all chargers."""
        fleet = {}
        for part in batched(list(self.chargers.values()), _SEVERAL, strict=False):
            await self._context.turn()
            for known in part:
                fleet[known.id] = self._device(known)
        return fleet

    def _device(self, known: ChargerState) -> Device:
        """Translate a charger; where control is not to be had, none is offered."""
        return known.device(controllable=CONTROL not in self._access.closed)

    async def _work(self) -> bool:
        """Ask for what is due, one thing after the other; return whether some is left.

        Two in a row that get no answer end it: the rest would wait in vain.
        """
        trouble: ChargingError | None = None
        answered = False
        queue: Iterator[ChargerState] | None = None
        for number in count(1):
            if self._list_due:
                err = await self._read_page()
            elif not self._settled:
                return bool(self.chargers)
            else:
                # What the list told comes into the order of what is read.
                queue = queue or self._due()
                if (known := next(queue, None)) is None:
                    break
                err = await self._look_at(known)
            if err is None:
                answered = True
            elif trouble is not None:
                trouble = err
                break
            trouble = err
            if number >= REQUESTS_PER_POLL and self._settled:
                return True
        if trouble is not None and not answered:
            raise trouble
        return False

    # The list

    @property
    def _list_due(self) -> bool:
        """Return whether a page of the list is to be read."""
        now = self._context.monotonic()
        return self._listing is not None or now >= self._list_due_at - _GRACE

    async def _read_page(self) -> ChargingError | None:
        """Read the next page of the list; return what went wrong."""
        sent_at = self._context.monotonic()
        if self._listing is None:
            self._listing, self._listed, self._list_begun_at = Listing(), set(), sent_at
        listing = self._listing
        offset = listing.offset
        try:
            items = await self._guard.vouched(
                self._client.chargers(listing, self._user_id)
            )
        except AuthenticationError, RateLimitedError:
            self._listing = None
            raise
        except ChargingError as err:
            self._listing = None
            if not self._settled:
                raise
            self._list_due_at = sent_at + LIST_EVERY
            return err
        chargers = await self._decoded.decode_all(("page", offset), items, Charger)
        listing.complete &= len(chargers) == len(items)
        before, taken = self._taken.get(offset, ((), []))
        if before is not chargers:
            taken = [
                known
                for charger in chargers
                if (known := await self._take_listed(charger, sent_at))
            ]
            self._taken[offset] = chargers, taken
        else:
            for known in taken:
                known.seen_again(sent_at)
        self._listed.update(known.id for known in taken)
        if listing.over:
            self._end_list(listing)
        return None

    async def _take_listed(
        self, charger: Charger, sent_at: float
    ) -> ChargerState | None:
        """Take in what the list tells of a charger; None for one that is not wanted."""
        await self._context.turn()
        device_id = device_id_of(charger)
        if not self._context.selection.wants(device_id):
            return None
        known = self.chargers.get(device_id)
        if known is None:
            known = self.chargers[device_id] = ChargerState(
                charger=charger,
                name=_name(charger),
                monotonic=self._context.monotonic,
                observed_at=sent_at,
                pulled_at=sent_at,
            )
        known.take_listed(charger, sent_at)
        return known

    def _end_list(self, listing: Listing) -> None:
        """Judge who is gone once the list was read."""
        self._listing = None
        every = min(
            max(listing.pages * LIST_EVERY_PER_PAGE, LIST_EVERY), LIST_EVERY_AT_MOST
        )
        self._list_due_at = self._list_begun_at + every
        if listing.complete:
            for device_id in self._absences.judge(self.chargers, self._listed):
                del self.chargers[device_id]
        else:
            for device_id in self._listed:
                self._absences.seen(device_id)
        self._tell_apart()
        for device_id in self.chargers.keys() - self._listed:
            # Whether one that is missing can still be read, reading it tells.
            self.chargers[device_id].changed = True

    def _tell_apart(self) -> None:
        """Give namesakes a part of their id, when who is there has changed."""
        chargers = [known.charger for known in self.chargers.values()]
        if chargers == self._told_apart:
            return
        self._told_apart = chargers
        names = {known.id: name_of(known.charger) for known in self.chargers.values()}
        if names != self._names:
            self._names = names
            namesakes = Counter(names.values())
            for known in self.chargers.values():
                alone = namesakes[names[known.id]] == 1
                known.name = _name(known.charger, alone=alone)

    # Single chargers

    def _due(self) -> Iterator[ChargerState]:
        """Return the chargers to be read alone, in the order of their need.

        Most of the way goes to those at work; those in trouble come last.
        """
        now = self._context.monotonic()
        busy, idle = list[ChargerState](), list[ChargerState]()
        for known in self.chargers.values():
            every, at_work = self._pace(known, now)
            if now - known.read_at >= every - _GRACE:
                (busy if at_work else idle).append(known)
        busy.sort(key=lambda known: (not known.watched, known.read_at))
        idle.sort(key=lambda known: (known.trouble is not None, known.read_at))
        while busy or idle:
            yield from busy[:BUSY_SHARE]
            yield from idle[:1]
            del busy[:BUSY_SHARE], idle[:1]

    def _pace(self, known: ChargerState, now: float) -> tuple[float, bool]:
        """Return how often (s) a charger is to be read, and whether it is at work."""
        if known.changed:
            return 0.0, True
        if known.trouble is not None and not known.watched:
            return (LIST_EVERY if known.trouble.passing else TROUBLED_EVERY), False
        if now < known.watched_until or self._action_begins(known):
            return LIST_EVERY, True
        if known.charging:
            return (LIST_EVERY if self._expedite else CHARGING_EVERY), True
        if known.action is not None and known.action.open and not known.action.put_off:
            return TROUBLED_EVERY, False
        fresh = now - known.pulled_at < PULL_EVERY - _GRACE
        return (SETTINGS_EVERY if fresh else PULL_EVERY), False

    def _action_begins(self, known: ChargerState) -> bool:
        """Return whether the time has come that an action was put off to."""
        action = known.action
        if action is None or not action.put_off or action.start is None:
            return False
        return action.start <= self._context.now()

    async def _look_at(self, known: ChargerState) -> ChargingError | None:
        """Ask after a charger's open action, and read it; return a passing trouble."""
        action = known.action
        if action is not None and (
            (action.open and not action.put_off) or self._action_begins(known)
        ):
            await self._ask(known, action)
            if known.action and known.action.state is not action.state:
                known.watch()
        expedite = known.watched or (self._expedite and known.charging)
        await self._fetch(known, expedite=expedite)
        passing = known.trouble is not None and known.trouble.passing
        return known.trouble.error if known.trouble and passing else None

    async def _fetch(self, known: ChargerState, *, expedite: bool) -> None:
        """Read a charger; what is wrong with it alone is kept with it."""
        sent_at = known.read_at = self._context.monotonic()
        try:
            answer = await self._client.charger(known.charger.id, expedite=expedite)
            charger = self._decoded.decode(
                ("read", known.charger.id), answer, Charger.decode
            )
        except AuthenticationError as err:
            known.fail(Trouble(error=await self._guard.meaning(err)), sent_at)
        except RateLimitedError:
            raise
        except ChargingError as err:
            known.fail(Trouble(error=err), sent_at)
        else:
            self._guard.passed()
            known.take(charger, sent_at)
            if known.action and known.action.put_off and not known.action.start:
                await self._ask(known, known.action)

    async def _ask(self, known: ChargerState, action: Action) -> None:
        """Ask how far an action came; a failure to do so changes nothing."""
        try:
            known.note(await self._client.action(action))
        except NotFoundError:
            known.action = None
        except AuthenticationError as err:
            await self._guard.meaning(err)
        except ChargingError:
            pass

    def list_again(self) -> None:
        """Read the list with the next poll."""
        self._list_due_at = _NEVER

    def notices(self) -> tuple[Notice, ...]:
        """Tell what the user should act on."""
        return tuple(self._notices())

    def _notices(self) -> Iterator[Notice]:
        """Yield what the user should act on."""
        if CONTROL in self._access.closed:
            yield Notice(kind=NoticeKind.CONTROL_NOT_SUPPORTED, subject="AMPS")
        forbidden = self._access.forbidden
        for known in self.chargers.values():
            trouble = known.trouble
            if trouble and trouble.relink:
                yield Notice(
                    kind=NoticeKind.RELINK_REQUIRED,
                    subject=known.name,
                    device_id=known.id,
                    link=trouble.url is not None,
                )
            elif known.id in forbidden or (trouble and trouble.forbidden):
                yield Notice(
                    kind=NoticeKind.PERMISSION_MISSING,
                    subject=known.name,
                    device_id=known.id,
                )


def _name(charger: Charger, *, alone: bool = True) -> str | Name:
    """Return what a charger is called; namesakes with the end of their id."""
    ending = charger.id.rpartition("_")[2][-6:]
    name = name_of(charger)
    if name is None:
        return Name(key="charger", placeholders={"id": ending})
    return name if alone else f"{name} {ending}"
