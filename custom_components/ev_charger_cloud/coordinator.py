"""The life of a poll."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
import logging
import time
from typing import Any, NamedTuple, override

from aiohttp import DummyCookieJar

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.aiohttp_client import async_create_clientsession
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .charging import (
    AuthenticationError,
    ChargingError,
    CommandResult,
    Device,
    DeviceKind,
    Event,
    EventLog,
    Fleet,
    Outcome,
    RateLimitedError,
    Reading,
    changed_readings,
    events_between,
)
from .const import (
    CONF_ALL_CHARGERS,
    CONF_CHARGERS,
    CONF_ENTITIES,
    CONF_GROUPS,
    CONF_PACE,
    CONF_PROVIDER,
    DEFAULT_PACE,
    DOMAIN,
    ENTITIES_AUTOMATIC,
    ENTITIES_ESSENTIAL,
    EVENT_CHARGING,
    LARGE_FLEET,
    LONGEST_WAIT,
    MAXIMUM_INTERVAL,
    MINIMUM_INTERVAL,
    PACES,
    SECOND_OPINION,
    TOLERATED_FAILURES,
    TOLERATED_SILENCE,
)
from .device_registry import RegisteredDevices
from .error_translation import (
    command_failed,
    placeholders_of,
    translation_of,
    uncertain,
)
from .issues import async_update_entities_issue, async_update_issues
from .loop_share import LoopShare
from .providers import PROVIDERS
from .providers.base import Context, Received, Selection
from .providers.records import Absences
from .providers.transport import command_lane
from .store import AccountStore

_LOGGER = logging.getLogger(__name__)

# When accounts were first refused, and what providers keep for the next attempt; both
# outlive an entry that could not be set up.
_REFUSED_SINCE: HassKey[dict[str, float]] = HassKey(f"{DOMAIN}_refused_since")
_KEPT: HassKey[dict[str, dict[str, Any]]] = HassKey(f"{DOMAIN}_kept")

_NEVER = float("-inf")

# So many devices are looked at, or entities woken, between two looks at the clock.
_SEVERAL = 16

# Reads that were asked for together, as of many entities of one charger, are one.
_TOGETHER = 1.0  # s


def _monotonic() -> float:
    """Return the time (s) that spans are measured by."""
    return time.monotonic()


def selection_of(options: Mapping[str, Any]) -> Selection:
    """Return which chargers the user wants."""
    return Selection(
        everything=options.get(CONF_ALL_CHARGERS, True),
        chargers=frozenset(options.get(CONF_CHARGERS, ())),
        groups=frozenset(options.get(CONF_GROUPS, ())),
    )


class EntityContext(NamedTuple):
    """What an entity listens to, and whether also while nothing changes.

    Of a device of which merely values of readings changed, an entity with `readings` is
    woken when one of these did.
    """

    device_id: str
    sampled: bool
    readings: frozenset[Reading] | None = None


class _Listeners:
    """The entities of a device, with what concerns each."""

    __slots__ = ("all", "sampled")

    def __init__(self) -> None:
        """Begin with none."""
        self.all: list[tuple[CALLBACK_TYPE, EntityContext]] = []
        self.sampled: list[CALLBACK_TYPE] = []

    def concerned(
        self, changed: frozenset[Reading] | None, *, sampled: bool
    ) -> list[CALLBACK_TYPE]:
        """Return whom a change concerns: of some readings, or of anything.

        While the device is `sampled`, it is also those that are written all the same.
        """
        if changed is None:
            return [wake for wake, _ in self.all]
        return [
            wake
            for wake, context in self.all
            if (sampled and context.sampled)
            or context.readings is None
            or not changed.isdisjoint(context.readings)
        ]


type OfferListener = Callable[[Collection[Device], Collection[str]], Awaitable[None]]


class Observed(NamedTuple):
    """The ids of the devices that were seen just now, and of those that matter most."""

    seen: Collection[str]
    charging: Collection[str]
    changed: Collection[str]


type ObservationListener = Callable[[Observed], Awaitable[None]]


class ChargingCoordinator(DataUpdateCoordinator[Fleet]):
    """Polls one account, keeps the newer observation of each device, wakes entities."""

    config_entry: ConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        store: AccountStore,
    ) -> None:
        """Prepare the provider of an entry."""
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=MINIMUM_INTERVAL,
        )
        self.loop_share = LoopShare()
        self.description = PROVIDERS[entry.data[CONF_PROVIDER]]
        self.provider = self.description.factory(
            Context(
                # A session of its own: no account sends another's cookies.
                session=async_create_clientsession(hass, cookie_jar=DummyCookieJar()),
                settings={**entry.data, **entry.options},
                selection=selection_of(entry.options),
                memory=store.content,
                save=store.save,
                flush=store.flush,
                kept=hass.data.setdefault(_KEPT, {}).setdefault(entry.entry_id, {}),
                now=dt_util.utcnow,
                monotonic=_monotonic,
                turn=self.loop_share.turn,
            )
        )
        self.store = store
        self.devices = RegisteredDevices(
            hass, entry, self.description.name, self.loop_share
        )
        self._pace = PACES[entry.options.get(CONF_PACE, DEFAULT_PACE)]
        self._interval = MINIMUM_INTERVAL
        self._failures = 0
        self._last_success = time.monotonic()
        # Which devices the present update concerns, and which of their readings; None
        # is everybody, and everything.
        self._updated: Mapping[str, frozenset[Reading] | None] | None = None
        # Who is seen to charge, whether it concerns them or not.
        self._sampled_device_ids: Collection[str] = ()
        self._charging_device_ids: set[str] = set()
        self._device_listeners: dict[str, _Listeners] = {}
        self._offer_listeners: list[OfferListener] = []
        # How many entities were handed to Home Assistant, taken or not.
        self.entities_made = 0
        # When (monotonic) devices were last seen to change or read alone, and when all
        # were seen but those that the last poll lacked.
        self._observed_at: dict[str, float] = {}
        self._polled_at = _NEVER
        self._lacking: set[str] = set()
        self._absences = Absences(_monotonic)
        # The fleet of the last poll, while there is nothing newer of any device.
        self._applied: Fleet | None = None
        # Whether the registry has devices that this run has not seen.
        self._strangers = True
        self._applying = asyncio.Lock()
        # What was known of devices that could not be read since.
        self._before_stale: dict[str, Device] = {}
        # The same of those whose charger is offline.
        self._before_offline: dict[str, Device] = {}
        self._reads: dict[str, tuple[float, asyncio.Task[None]]] = {}
        self._event_log = EventLog()
        self._watched_since = dt_util.utcnow()
        self._observation_listeners: list[ObservationListener] = []
        self._event_listeners: dict[str | None, list[Callable[[Event], None]]] = {}
        self._unloaded = False

    async def async_close(self) -> None:
        """End what runs beside the polls, and write what must not be forgotten."""
        if self._unloaded:
            return
        self._unloaded = True
        for _, task in self._reads.values():
            task.cancel()
        await self.provider.close()
        await self.store.flush()

    # The life of a poll.

    @property
    def has_polled(self) -> bool:
        """Return whether there are data: before the first poll they are None."""
        return bool(self.data is not None)

    @property
    def essential_only(self) -> bool:
        """Return whether only the essential entities are made."""
        choice = self.config_entry.options.get(CONF_ENTITIES, ENTITIES_AUTOMATIC)
        if choice == ENTITIES_AUTOMATIC:
            return len(self.data) > LARGE_FLEET
        return bool(choice == ENTITIES_ESSENTIAL)

    @override
    async def _async_setup(self) -> None:
        """Begin what runs beside the polls."""
        await self.provider.start()

    @override
    async def _async_update_data(self) -> Fleet:
        """Poll the account."""
        recovered = not self.last_update_success
        started = time.monotonic()
        try:
            poll = await self.provider.poll()
        except AuthenticationError as err:
            if not self.doubt_credentials():
                return self._handle_failed_update(err)
            raise ConfigEntryAuthFailed(
                translation_domain=DOMAIN,
                translation_key=translation_of(err),
                translation_placeholders=placeholders_of(err, self.name),
            ) from err
        except ChargingError as err:
            return self._handle_failed_update(err)
        async_forget_start(self.hass, self.config_entry.entry_id)
        self._failures = 0
        self._last_success = time.monotonic()
        interval = poll.interval * self._pace
        if poll.max_interval is not None:
            interval = min(interval, poll.max_interval)
        self._interval = max(MINIMUM_INTERVAL, interval)
        self.update_interval = self._interval
        async_update_issues(self.hass, self.config_entry, poll.notices)
        watched = self.has_polled
        await self._apply_fleet(poll.fleet, started, complete=True)
        if watched:
            self.report_events(poll.events)
        else:
            # What a cloud tells at the start is from before anybody watched.
            self._event_log.fresh(poll.events)
        if recovered:
            self._updated = None
        return self.data

    def doubt_credentials(self) -> bool:
        """Note a "not authorized", and return whether it is not the first one.

        Clouds say it in passing troubles too: nobody is asked to sign in before a
        second opinion, from a poll that comes soon.
        """
        since = self.hass.data.setdefault(_REFUSED_SINCE, {})
        now = time.monotonic()
        first = since.setdefault(self.config_entry.entry_id, now)
        if now - first > LONGEST_WAIT.total_seconds():
            # That was another trouble.
            first = since[self.config_entry.entry_id] = now
        return now - first >= SECOND_OPINION.total_seconds()

    def _handle_failed_update(self, err: ChargingError) -> Fleet:
        """Keep the last data through a short trouble, else report it.

        Polls are spread further with each failure, or as the cloud asks; never is the
        next one sooner than it would have been.
        """
        self._failures += 1
        # Past 2**10 there is nothing to spread, and in days of trouble an overflow.
        wait = min(self._interval * 2 ** min(self._failures, 10), MAXIMUM_INTERVAL)
        told_to_wait = isinstance(err, RateLimitedError)
        if isinstance(err, RateLimitedError) and err.retry_after is not None:
            wait = timedelta(seconds=err.retry_after)
        elif isinstance(err, AuthenticationError):
            wait = 2 * SECOND_OPINION
        wait = min(max(wait, self._interval), LONGEST_WAIT)
        silent = time.monotonic() - self._last_success
        if (
            self.has_polled
            and self.last_update_success
            and (told_to_wait or self._failures <= TOLERATED_FAILURES)
            and silent + wait.total_seconds() <= TOLERATED_SILENCE.total_seconds()
        ):
            self.update_interval = wait
            self._updated = {}
            return self.data
        self.update_interval = self._interval
        raise UpdateFailed(
            translation_domain=DOMAIN,
            translation_key=translation_of(err),
            translation_placeholders=placeholders_of(err, self.name),
            retry_after=wait.total_seconds(),
        ) from err

    async def _apply_fleet(
        self, seen: Fleet, sent_at: float, *, complete: bool
    ) -> None:
        """Keep the newer observation of each device that was seen.

        `sent_at` is when the first of the requests behind it was sent; `complete` says
        that a device which is missing is gone.
        """
        async with self._applying:
            if complete and seen is self._applied:
                await self._see_again(sent_at)
                return
            self._applied = None
            kept = False
            known: Fleet = self.data or {}
            fleet = dict(seen if complete else known)
            changed = []
            updated: dict[str, frozenset[Reading] | None] = {}
            new = 0
            # What a poll did not change is the same object: it costs nothing more.
            looked_at = [
                device
                for device_id, device in seen.items()
                if not complete or known.get(device_id) is not device
            ]
            async for part in self.loop_share.parts(looked_at, _SEVERAL):
                for device in part:
                    old = known.get(device.id)
                    if old is None:
                        if not complete:
                            continue
                        new += 1
                    # No answer is older than the poll or read that brought it.
                    observed_at = max(device.observed_at, sent_at)
                    if old is not None and observed_at < self.observed_at(device.id):
                        fleet[device.id] = old
                        kept = True
                        continue
                    self._observed_at[device.id] = observed_at
                    fleet[device.id] = device
                    if old is None:
                        differs: frozenset[Reading] | None = None
                    else:
                        differs = changed_readings(old, device)
                    if differs is None or differs:
                        changed.append(device)
                        updated[device.id] = differs
            gone: set[str] = set()
            if complete:
                lacking: set[str] = set()
                if len(known) + new > len(fleet):
                    lacking = known.keys() - fleet.keys()
                gone = self._surely_gone(known, lacking)
                self._polled_at = sent_at
                self._lacking = lacking - gone
            for device_id in self._lacking if complete else ():
                old = known[device_id]
                fleet[device_id] = old if old.stale else replace(old, stale=True)
                if not old.stale:
                    changed.append(fleet[device_id])
                    updated[device_id] = None
            await self.devices.register(changed, known)
            if complete and self._strangers:
                await self._remove_strangers(fleet)
            for device_id in gone:
                await self.loop_share.turn()
                self.devices.remove(device_id)
                self._forget(device_id)
            polled = self.has_polled
            self.data = fleet
            await self._tell_observed(
                Observed(
                    seen.keys(),
                    self._charging_device_ids.intersection(seen),
                    {device.id for device in changed},
                )
            )
            offering = []
            async for part in self.loop_share.parts(changed, _SEVERAL):
                for device in part:
                    old = known.get(device.id)
                    if device.charging:
                        self._charging_device_ids.add(device.id)
                    else:
                        self._charging_device_ids.discard(device.id)
                    if _offer(device) != _offer(old):
                        offering.append(device)
                    if polled and old is not None:
                        self._report_changes(old, device)
            if offering or gone:
                for listener in list(self._offer_listeners):
                    await listener(offering, gone)
                self.count_entities()
            if complete and not (kept or self._lacking):
                self._applied = seen
            self._updated = updated | dict.fromkeys(gone)
            self._sampled_device_ids = self._charging_device_ids.intersection(seen)

    async def _see_again(self, sent_at: float) -> None:
        """Note that a poll returned the very fleet that was applied last.

        So nothing has changed, and none of its devices is looked at.
        """
        self._polled_at = sent_at
        if self._strangers:
            await self._remove_strangers(self.data)
        charging = self._charging_device_ids.intersection(self.data)
        await self._tell_observed(Observed(self.data.keys(), charging, ()))
        self._updated = {}
        self._sampled_device_ids = charging

    async def _tell_observed(self, observed: Observed) -> None:
        """Tell those who follow the devices beside their entities."""
        for observe in self._observation_listeners:
            await observe(observed)

    def _surely_gone(self, known: Fleet, lacking: set[str]) -> set[str]:
        """Return which of the devices that a poll lacks it has lacked for the last time.

        Which chargers are gone is the provider's to judge. What chargers merely tell
        of, like connectors and tariffs, may be lacking in one odd answer.
        """
        for device_id in self._lacking - lacking:
            self._absences.seen(device_id)
        chargers = {
            device_id
            for device_id in lacking
            if known[device_id].kind is DeviceKind.CHARGER
        }
        return chargers | {
            device_id
            for device_id in lacking - chargers
            if known[device_id].parent in chargers or self._absences.missed(device_id)
        }

    async def _remove_strangers(self, fleet: Fleet) -> None:
        """Remove what an earlier run registered and the account no longer has.

        What the user does not want any more goes at once; anything else may be lacking
        in one odd answer.
        """
        wanted = selection_of(self.config_entry.options)
        self._strangers = False
        for registry_id, charger_id in self.devices.strangers(fleet).items():
            await self.loop_share.turn()
            deselected = not (
                wanted.groups or charger_id is None or wanted.wants(charger_id)
            )
            if deselected or self._absences.missed(registry_id):
                self.devices.remove_entry(registry_id)
            else:
                self._strangers = True

    def _forget(self, device_id: str) -> None:
        """Drop what is remembered of a device that is gone; it may return."""
        self._observed_at.pop(device_id, None)
        self._before_stale.pop(device_id, None)
        self._before_offline.pop(device_id, None)
        self._absences.seen(device_id)
        self._charging_device_ids.discard(device_id)

    def observed_at(self, device_id: str) -> float:
        """Return when (monotonic) the last request that saw a device was sent."""
        observed_at = self._observed_at.get(device_id, _NEVER)
        if device_id in self._lacking:
            return observed_at
        return max(observed_at, self._polled_at)

    async def apply_callback(self, received: Received, received_at: float) -> None:
        """Apply what a callback said; it was true when it came, at `received_at`."""
        if self._unloaded or not self.has_polled:
            return
        if received.notices is not None:
            async_update_issues(self.hass, self.config_entry, received.notices)
        if received.fleet:
            await self._apply_fleet(received.fleet, received_at, complete=False)
            self.async_update_listeners()
        # Clouds deliver what nobody took while Home Assistant was down.
        self.report_events(
            event
            for event in received.events
            if event.at is None or event.at >= self._watched_since
        )

    # Events.

    def _report_changes(self, old: Device, new: Device) -> None:
        """Report what happened between two observations of a device."""
        if new.stale:
            if not old.stale:
                self._before_stale[new.id] = old
            return
        old = self._before_stale.pop(new.id, old)
        reached = None
        if new.online is not False:
            reached = self._before_offline.pop(new.id, None)
        elif old.online is not False:
            self._before_offline[new.id] = old
        self.report_events(events_between(old, new, reached=reached))

    @callback
    def report_events(self, events: Iterable[Event]) -> None:
        """Tell Home Assistant what happened, each thing once."""
        for event in self._event_log.fresh(events):
            for listener in self._event_listeners.get(None, ()):
                listener(event)
            entry = self.devices.entry_of(event.device_id)
            self.hass.bus.async_fire(
                EVENT_CHARGING,
                {
                    "type": event.kind,
                    "device_id": entry.id if entry is not None else None,
                    **event.details,
                },
            )
            device = self.data.get(event.device_id)
            if device is not None:
                for listener in self._event_listeners.get(self.charger_id(device), ()):
                    listener(event)

    @callback
    def async_add_event_listener(
        self, charger_id: str | None, listener: Callable[[Event], None]
    ) -> CALLBACK_TYPE:
        """Call back with what happens at a charger and its connectors, None for all."""
        listeners = self._event_listeners.setdefault(charger_id, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    # Whom it concerns.

    @callback
    @override
    def async_add_listener(
        self, update_callback: CALLBACK_TYPE, context: EntityContext | None = None
    ) -> Callable[[], None]:
        """Listen for what concerns a device."""
        if context is None:
            return super().async_add_listener(update_callback)
        listeners = self._device_listeners.setdefault(context.device_id, _Listeners())
        listeners.all.append((update_callback, context))
        if context.sampled:
            listeners.sampled.append(update_callback)
        return partial(self._remove_listener, update_callback, context)

    @callback
    def _remove_listener(
        self, update_callback: CALLBACK_TYPE, context: EntityContext
    ) -> None:
        """Listen no longer."""
        listeners = self._device_listeners[context.device_id]
        listeners.all.remove((update_callback, context))
        if context.sampled:
            listeners.sampled.remove(update_callback)
        if not listeners.all:
            del self._device_listeners[context.device_id]

    @callback
    @override
    def async_update_listeners(self) -> None:
        """Wake the entities of the devices that the update concerns.

        Of a device that charges and did not change, it concerns those alone that are
        written all the same; of one with new values, those that show them, too.
        """
        # Once: an update that fails unexpectedly names nobody and concerns everybody.
        updated, self._updated = self._updated, None
        sampled, self._sampled_device_ids = self._sampled_device_ids, ()
        listening = self._device_listeners
        if updated is None:
            updated = dict.fromkeys(listening)
        due: list[tuple[str, CALLBACK_TYPE]] = []
        for device_id, readings in updated.items():
            if device_id in listening:
                concerned = listening[device_id].concerned(
                    readings, sampled=device_id in sampled
                )
                due += [(device_id, each) for each in concerned]
        for device_id in sampled:
            if device_id not in updated and device_id in listening:
                due += [(device_id, each) for each in listening[device_id].sampled]
        if due:
            # Few are woken at once, and none of them is waited for.
            _ = self.config_entry.async_create_task(
                self.hass, self._wake(due), f"{DOMAIN} wake", eager_start=True
            )

    async def _wake(self, due: list[tuple[str, CALLBACK_TYPE]]) -> None:
        """Wake entities."""
        async for part in self.loop_share.parts(due, _SEVERAL):
            for device_id, update_callback in part:
                try:
                    update_callback()
                except Exception:  # one entity in trouble must not silence the rest
                    _LOGGER.exception("Unexpected error updating %s", device_id)

    @callback
    def count_entities(self) -> None:
        """Tell the owner when there are more entities than Home Assistant takes."""
        async_update_entities_issue(self.hass, self.config_entry, self.entities_made)

    @callback
    def async_add_observation_listener(
        self, listener: ObservationListener
    ) -> CALLBACK_TYPE:
        """Tell which devices were seen."""
        self._observation_listeners.append(listener)
        return lambda: self._observation_listeners.remove(listener)

    @callback
    def async_add_offer_listener(self, listener: OfferListener) -> Callable[[], None]:
        """Tell of devices that offer something else, and of those that are gone."""
        self._offer_listeners.append(listener)
        return lambda: self._offer_listeners.remove(listener)

    def device_of(self, registry_id: str) -> Device | None:
        """Return the device behind an entry of the device registry."""
        device_id = self.devices.device_id_of(registry_id)
        return None if device_id is None else self.data.get(device_id)

    @callback
    def wake(self, device_id: str) -> None:
        """Let the entities of one device show what is pending."""
        self._updated = {device_id: None}
        self.async_update_listeners()

    def name_of(self, device: Device) -> str:
        """Return a device's name as people see it."""
        return self.devices.name_of(device)

    def title_of(self, device: Device) -> str:
        """Return a device's name with that of its charger, which it may tell itself."""
        name = self.name_of(device)
        charger = self.data.get(self.charger_id(device), device)
        whole = self.name_of(charger)
        return name if name.startswith(whole) else f"{whole} {name}"

    def charger_id(self, device: Device) -> str:
        """Return the id of the charger that a device is, or is a part of."""
        parent = None if device.parent is None else self.data.get(device.parent)
        if parent is None or parent.kind is not DeviceKind.CHARGER:
            return device.id
        return parent.id

    def parts_of(self, device: Device) -> list[str]:
        """Return the ids of a device and of its connectors."""
        return [
            device.id,
            *(
                each.id
                for each in self.data.values()
                if each.parent == device.id and each.kind is DeviceKind.CONNECTOR
            ),
        ]

    # What is asked of the provider beside polls.

    async def ask[T](self, device: Device, answer: Awaitable[T]) -> T:
        """Await an answer of the provider; explain what goes wrong."""
        return await self.ask_account(self.name_of(device), answer)

    async def ask_account[T](self, subject: str, answer: Awaitable[T]) -> T:
        """Await an answer of the provider; explain what goes wrong with the subject."""
        try:
            with command_lane():
                return await answer
        except ChargingError as err:
            if isinstance(err, AuthenticationError):
                self.doubt_credentials()
            if err.uncertain:
                lost = CommandResult(
                    outcome=Outcome.UNCERTAIN, reason=err.reason, message=err.message
                )
                raise uncertain(lost, subject) from err
            raise command_failed(err, subject) from err

    async def read(
        self, device_id: str, *, since: float | None = None, urgent: bool = True
    ) -> None:
        """Read one charger anew; the next poll will tell if that fails.

        A read that was sent after `since` (monotonic) and is under way is shared by
        all who want one. It passes polls when it is `urgent`: somebody waits for it.
        """
        if (device := self.data.get(device_id)) is None:
            return
        charger_id = self.charger_id(device)
        if since is None:
            since = time.monotonic() - _TOGETHER
        started, task = self._reads.get(charger_id, (_NEVER, None))
        if task is None or task.done() or started < since:
            task = self.config_entry.async_create_background_task(
                self.hass,
                self._read(device_id, urgent=urgent),
                f"{DOMAIN} read",
                eager_start=False,
            )
            self._reads[charger_id] = time.monotonic(), task
        # Who no longer waits does not end it for the others.
        await asyncio.wait((task,))

    async def _read(self, device_id: str, *, urgent: bool) -> None:
        """Read a charger and apply what came."""
        sent_at = time.monotonic()
        try:
            with command_lane() if urgent else nullcontext():
                part = await self.provider.read(device_id)
        except ChargingError as err:
            if isinstance(err, AuthenticationError):
                self.doubt_credentials()
            _LOGGER.debug("Reading one charger failed: %s", err.reason)
            return
        if self._unloaded:
            return
        await self._apply_fleet(part, sent_at, complete=False)
        self.async_update_listeners()


@callback
def async_forget_start(hass: HomeAssistant, entry_id: str) -> None:
    """Forget what is kept of attempts to set an account up."""
    for key in (_REFUSED_SINCE, _KEPT):
        hass.data.get(key, {}).pop(entry_id, None)


def _offer(device: Device | None) -> object:
    """Return what a device offers, to compare."""
    if device is None:
        return None
    return (
        device.readings.keys(),
        device.controls.keys(),
        device.commands,
        device.online is None,
    )
