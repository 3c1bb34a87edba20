"""What is known of a user's wallboxes, and how it is kept up to date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import re

from ...charging import (
    AuthenticationError,
    ChargingError,
    Device,
    Fleet,
    Name,
    NotFoundError,
    Notice,
    NoticeKind,
    NotSupportedError,
    PermissionDeniedError,
    RateLimitedError,
    UnusableAnswerError,
)
from ..access import Access
from ..base import Context, Poll, Selection
from ..records import Absences
from ..schedule import Schedule
from .client import PoderoClient
from .devices import device_of, holds_until, name_of, of_the_moment
from .wire import SurplusSession, Wallbox

# The cloud learns of a change from the maker every 5 to 15 minutes.
INTERVAL = timedelta(seconds=60)
# A boost that was asked for shows within seconds.
BOOST_INTERVAL = timedelta(seconds=3)
BOOST_SPELL = timedelta(seconds=60)

ACTIONS_EVERY = timedelta(minutes=15)
SURPLUS_EVERY = timedelta(seconds=60)

# Features that an account may lack.
LIST = "list of wallboxes"
SURPLUS = "surplus sessions"

_NO_SURPLUS = SurplusSession()

type Translatable = tuple[Wallbox, SurplusSession | None, bool | None, datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A list after which nothing is left to do or to tell, until it reads otherwise.

    That is so before a point in time, if there is one.
    """

    listed: Sequence[Wallbox]
    until: datetime | None
    poll: Poll


@dataclass(slots=True)
class Found:
    """What was read of wallboxes: each with when its request was sent.

    `failed` could not be read; nothing is known of their absence.
    """

    wallboxes: dict[str, tuple[Wallbox, float]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def add(self, wallbox_id: str, wallbox: Wallbox, sent_at: float) -> None:
        """Take in a wallbox, unless it was deleted: some servers keep it a while."""
        if not wallbox.deleted_at:
            self.wallboxes[wallbox_id] = wallbox, sent_at


class WallboxSync:
    """The wallboxes of one user as they were last seen."""

    def __init__(self, context: Context, client: PoderoClient) -> None:
        """Begin with nothing known."""
        settings = context.settings
        self._context = context
        self._client = client
        self._typed = _ids(settings.get("wallbox_ids"))
        self._with_surplus = bool(settings.get("surplus_sessions", False))
        self._schedule = Schedule(context.monotonic)
        self._absences = Absences(context.monotonic)
        self._fleet: Fleet = {}
        self._translated: dict[str, tuple[Translatable, Device]] = {}
        self._wallboxes: dict[str, Wallbox] = {}
        self._observed_at: dict[str, float] = {}
        self._surplus: dict[str, SurplusSession] = {}
        self._boost_seen: dict[str, float] = {}
        self._settled: Settled | None = None
        # When the last list was asked for that read as the one before.
        self._seen_again_at = float("-inf")
        self.access = Access[str](context.monotonic)
        self.to_relink: set[str] = set()

    # What is known

    def known(self, wallbox_id: str) -> Wallbox | None:
        """Return what was last seen of a wallbox."""
        return self._wallboxes.get(wallbox_id)

    def take(self, wallbox_id: str, wallbox: Wallbox, sent_at: float) -> None:
        """Take in what a request saw, unless one that was sent later is known."""
        if sent_at < max(
            self._observed_at.get(wallbox_id, sent_at), self._seen_again_at
        ):
            return
        self._settled = None
        self._wallboxes[wallbox_id] = wallbox
        self._observed_at[wallbox_id] = sent_at
        self._absences.seen(wallbox_id)
        self._note(wallbox_id, wallbox)
        if wallbox.boost_state == "requested":
            self._boost_seen.setdefault(wallbox_id, self._context.monotonic())
        else:
            self._boost_seen.pop(wallbox_id, None)

    # What is read

    async def poll(self) -> Poll:
        """Read all wallboxes in one request, and what else is due."""
        sent_at = self._context.monotonic()
        selection = self._context.selection
        listed = await self._list()
        if (
            listed is not None
            and (settled := self._settled) is not None
            and settled.listed is listed[0]
            and (settled.until is None or self._context.now() < settled.until)
        ):
            self._seen_again_at = sent_at
            return settled.poll
        if listed is None:
            found = await self._one_by_one(selection)
        else:
            found = self._wanted(*listed, selection, sent_at)
        gone = self._judge(found, sent_at)
        for wallbox_id, (wallbox, asked_at) in found.wallboxes.items():
            self.take(wallbox_id, wallbox, asked_at)
            await self._read_actions(wallbox_id, wallbox)
        await self._read_surplus(found.wallboxes)
        for wallbox_id in gone:
            self._forget(wallbox_id)
        now = self._context.now()
        for wallbox_id in found.wallboxes:
            await self._context.turn()
            self._device(wallbox_id, now)
        # At once, with what came in meanwhile.
        fleet = {
            wallbox_id: self._device(wallbox_id, now)
            if self._observed_at[wallbox_id] >= sent_at
            else replace(self._fleet[wallbox_id], stale=True)
            for wallbox_id in dict.fromkeys((*self._fleet, *found.wallboxes))
            if wallbox_id not in gone
        }
        if fleet.keys() != self._fleet.keys() or any(
            device is not self._fleet[key] for key, device in fleet.items()
        ):
            self._fleet = fleet
        poll = Poll(
            fleet=self._fleet, interval=self._interval(), notices=self._notices()
        )
        self._settled = None
        if listed is not None:
            self._settle(listed[0], now, poll)
        return poll

    def _settle(self, listed: Sequence[Wallbox], now: datetime, poll: Poll) -> None:
        """Note a list that has to be looked at again only once it reads otherwise."""
        wallboxes = self._wallboxes.values()
        if (
            self._with_surplus
            or self._boost_seen
            or any(wallbox.action_needed for wallbox in wallboxes)
            or any(device.stale for device in poll.fleet.values())
        ):
            return
        ends = [end for each in wallboxes if (end := holds_until(each, now))]
        self._settled = Settled(listed=listed, until=min(ends, default=None), poll=poll)

    async def read(self, wallbox_id: str) -> Fleet:
        """Read the detail of one wallbox."""
        sent_at = self._context.monotonic()
        wallbox = await self._client.wallbox(wallbox_id)
        if wallbox.deleted_at:
            raise NotFoundError(reason="not_found")
        self.take(wallbox_id, wallbox, sent_at)
        device = self._device(wallbox_id, self._context.now())
        self._fleet = {**self._fleet, wallbox_id: device}
        return {wallbox_id: device}

    async def find(self, selection: Selection) -> Found:
        """Read the wanted wallboxes, from the list where the cloud has one."""
        sent_at = self._context.monotonic()
        listed = await self._list()
        if listed is None:
            return await self._one_by_one(selection)
        return self._wanted(*listed, selection, sent_at)

    async def _list(self) -> tuple[Sequence[Wallbox], bool] | None:
        """Read the list, and whether all of it could be read; None without one."""
        if self._typed and not self.access.allows(LIST):
            return None
        try:
            return await self._client.wallboxes()
        except NotSupportedError:
            if not self._typed:
                raise
            self.access.close(LIST, forbidden=False)
            return None

    def _wanted(
        self,
        wallboxes: Sequence[Wallbox],
        complete: bool,
        selection: Selection,
        sent_at: float,
    ) -> Found:
        """Take the wanted wallboxes out of a list."""
        found = Found()
        for wallbox in wallboxes:
            wallbox_id = (wallbox.id or "").lower()
            if selection.wants(wallbox_id):
                found.add(wallbox_id, wallbox, sent_at)
        if not complete:
            found.failed = self._fleet.keys() - found.wallboxes.keys()
        return found

    async def _one_by_one(self, selection: Selection) -> Found:
        """Read the wanted wallboxes that were typed in or seen before."""
        found = Found()
        trouble: ChargingError | None = None
        for wallbox_id in dict.fromkeys((*self._typed, *self._fleet)):
            if not selection.wants(wallbox_id):
                continue
            sent_at = self._context.monotonic()
            try:
                wallbox = await self._client.wallbox(wallbox_id)
            except AuthenticationError, RateLimitedError:
                raise
            except NotFoundError as err:
                # Nothing, unless it answers for others: see below.
                if wallbox_id in self._fleet:
                    trouble = trouble or err
            except ChargingError as err:
                trouble = err
                found.failed.add(wallbox_id)
            else:
                found.add(wallbox_id, wallbox, sent_at)
        if trouble and not found.wallboxes:
            raise trouble
        return found

    def _judge(self, found: Found, sent_at: float) -> set[str]:
        """Return which wallboxes are surely gone.

        Where there were wallboxes, an empty list is a trouble of the cloud.
        """
        absent = {
            wallbox_id
            for wallbox_id in self._fleet.keys() - found.wallboxes.keys() - found.failed
            if self._observed_at[wallbox_id] < sent_at
        }
        gone = {
            wallbox_id for wallbox_id in absent if self._absences.missed(wallbox_id)
        }
        if absent != gone and not found.wallboxes and not found.failed:
            raise UnusableAnswerError("no wallboxes any more", reason="empty_list")
        return gone

    def _forget(self, wallbox_id: str) -> None:
        """Forget a wallbox that is gone."""
        for table in (
            self._wallboxes,
            self._observed_at,
            self._surplus,
            self._translated,
            self._boost_seen,
        ):
            table.pop(wallbox_id, None)
        self.to_relink.discard(wallbox_id)

    async def _read_actions(self, wallbox_id: str, wallbox: Wallbox) -> None:
        """Ask what the owner should do, which the list does not say."""
        what = f"actions of {wallbox_id}"
        if not wallbox.action_needed or "actions" in wallbox.keys:
            self._schedule.forget(what)
        elif self._schedule.due(what, ACTIONS_EVERY):
            self._schedule.done(what)
            try:
                self._note(wallbox_id, await self._client.wallbox(wallbox_id))
            except AuthenticationError, RateLimitedError:
                raise
            except ChargingError:
                return  # the list has all that the readings need

    async def _read_surplus(self, wallboxes: Mapping[str, object]) -> None:
        """Read the running surplus sessions, if wanted, allowed and due."""
        if not self._with_surplus:
            return
        for wallbox_id in wallboxes:
            what = f"surplus of {wallbox_id}"
            if not self._schedule.due(what, SURPLUS_EVERY):
                continue
            session = None
            if self.access.allows(SURPLUS):
                try:
                    session = await self._client.current_surplus(wallbox_id)
                except AuthenticationError, RateLimitedError:
                    raise
                except PermissionDeniedError:
                    self.access.close(SURPLUS)
                except ChargingError:
                    pass  # asked again with the next poll
                else:
                    self.access.open(SURPLUS)
                    self._schedule.done(what)
            self._surplus[wallbox_id] = session or _NO_SURPLUS

    def _note(self, wallbox_id: str, wallbox: Wallbox) -> None:
        """Note whether the owner should link the wallbox anew."""
        if any(action.code == "reauthenticate" for action in wallbox.actions):
            self.to_relink.add(wallbox_id)
        elif "actions" in wallbox.keys or not wallbox.action_needed:
            self.to_relink.discard(wallbox_id)

    # What is told

    def _device(self, wallbox_id: str, now: datetime) -> Device:
        """Translate a wallbox that was read; the same as before if nothing changed."""
        wallbox = self._wallboxes[wallbox_id]
        surplus = (
            self._surplus.get(wallbox_id, _NO_SURPLUS) if self._with_surplus else None
        )
        read: Translatable = (wallbox, surplus, *of_the_moment(wallbox, now))
        known = self._translated.get(wallbox_id)
        if known is not None and known[0] == read:
            return known[1]
        device = replace(
            device_of(wallbox_id, wallbox, now, surplus),
            observed_at=self._observed_at[wallbox_id],
        )
        self._translated[wallbox_id] = read, device
        return device

    def _interval(self) -> timedelta:
        """Return how long nothing new is to be expected."""
        now = self._context.monotonic()
        boosting = any(
            now - seen < BOOST_SPELL.total_seconds()
            for seen in self._boost_seen.values()
        )
        return BOOST_INTERVAL if boosting else INTERVAL

    def _notices(self) -> tuple[Notice, ...]:
        """Return which wallboxes must be linked anew, and what is forbidden."""
        notices = [
            Notice(
                kind=NoticeKind.RELINK_REQUIRED,
                subject=name_of(wallbox),
                device_id=wallbox_id,
                link=True,
            )
            for wallbox_id, wallbox in self._wallboxes.items()
            if wallbox_id in self._fleet
            and (wallbox.is_authenticated is False or wallbox_id in self.to_relink)
        ]
        if SURPLUS in self.access.forbidden:
            notices.append(
                Notice(
                    kind=NoticeKind.PERMISSION_MISSING,
                    subject=Name(key="surplus_sessions"),
                )
            )
        return tuple(notices)


def _ids(typed: str | None) -> tuple[str, ...]:
    """Read the ids of wallboxes, separated by commas or blanks, each once."""
    return tuple(dict.fromkeys(re.findall(r"[^\s,;]+", (typed or "").lower())))
