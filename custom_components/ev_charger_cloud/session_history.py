"""How sessions get into the ledger: from the cloud, or from what is seen here.

A cloud that keeps sessions is asked for them when one has ended, once a day for what it
corrected, and at first for all there ever were: month by month, the newest first, in the
background and slowly. At the others a session is what was seen of plug and power.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
import logging
from typing import Any, NamedTuple, Self

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .charging import (
    ChargingError,
    Device,
    DeviceKind,
    EnergyCurve,
    Event,
    EventKind,
    HourSource,
    Money,
    NotFoundError,
    NotSupportedError,
    ObservedEnergy,
    PermissionDeniedError,
    RateLimitedError,
    Reading,
    Session,
    SessionStatus,
    energy_hours,
)
from .charging.energy_hours import LONGEST_GAP, EnergyPoint, hour_of, segments_of
from .const import CONF_PRICE_SENSOR
from .coordinator import ChargingCoordinator, Observed
from .ledger import KEPT, Ledger, SessionRecord, is_sound
from .prices import StatedPrice, async_prices, price_now, price_of

_LOGGER = logging.getLogger(__name__)

# The share of a cloud's allowance that reading the past takes: ten requests a minute.
# Polls and commands pass in between.
PAUSE = 6.0  # s

_WINDOW = timedelta(days=30)
_MOST = 10_000
# So many months without a session end the search for older ones.
_EMPTY_WINDOWS = 13

# A cloud may need a while to write a session up, and bills it later.
_AFTER_A_SESSION = (30, 600)  # s
_RECENT = timedelta(days=3)
_DAILY = 86_400.0  # s
_AFTER_A_FAILURE = 300.0  # s
_AHEAD = timedelta(hours=1)
_CORRECTED_WITHIN = timedelta(days=35)

# How long a vehicle that tells no plug may pause within one session.
_LONGEST_PAUSE = timedelta(minutes=15)

# Readings of a meter between these are not kept.
_METER_PACE = timedelta(minutes=5)

# So many devices are looked at between two looks at the clock.
_SEVERAL = 16

# What no later attempt changes.
_FINAL = (NotFoundError, NotSupportedError, PermissionDeniedError)

# What tells that energy flows, and how much.
_METERS = (
    (Reading.LIFETIME_ENERGY, HourSource.REGISTER),
    (Reading.SESSION_ENERGY, HourSource.POINTS),
)
_FLOW = {Reading.POWER, *(reading for reading, _ in _METERS)}

# Sources that say the same whenever they are asked.
_MEASURED = (HourSource.REGISTER, HourSource.CLOUD, HourSource.POINTS)


@dataclass(slots=True, kw_only=True)
class Meter:
    """What a meter showed in a session that runs, by the time (s) of the reading.

    It is a register, or counts the session's energy from zero.
    """

    source: HourSource
    points: list[tuple[float, float]] = field(default_factory=list)

    def add(self, at: datetime, energy: float) -> None:
        """Take a reading; the first, the last and some in between are kept."""
        last = self.points[-1][1] if self.points else None
        if last == energy:
            return
        if self.source is HourSource.POINTS and last is not None and energy < last:
            # That was the session before.
            self.points.clear()
        seconds = at.timestamp()
        if (
            len(self.points) > 1
            and seconds - self.points[-2][0] < _METER_PACE.total_seconds()
            and energy >= self.points[-1][1] >= self.points[-2][1]
        ):
            self.points.pop()
        self.points.append((seconds, energy))

    @property
    def curve(self) -> EnergyCurve:
        """Return its readings to divide a session by."""
        return EnergyCurve(
            source=self.source,
            points=[
                EnergyPoint(at=datetime.fromtimestamp(at, UTC), energy=energy)
                for at, energy in self.points
            ],
        )

    @property
    def energy(self) -> float:
        """Return what flowed (Wh)."""
        if self.source is HourSource.POINTS:
            return self.points[-1][1] if self.points else 0.0
        return sum(
            segment[-1].energy - segment[0].energy
            for segment in segments_of(self.curve.points)
        )


@dataclass(slots=True, kw_only=True)
class Observation:
    """What is being seen at a device; `since` is the start of a session that runs.

    `watched` says that this run has seen it, and not only an earlier one.
    """

    power: ObservedEnergy = field(default_factory=ObservedEnergy)
    meter: Meter | None = None
    since: datetime | None = None
    charged_at: datetime | None = None
    watched: bool = False

    @property
    def energy(self) -> float:
        """Return what flowed in the session (Wh): the meter knows better than we do."""
        return (self.meter.energy if self.meter else 0.0) or self.power.energy

    def to_json(self) -> dict[str, Any]:
        """Return this as it is stored."""
        last = self.power.last
        return {
            "hours": [
                [hour.timestamp(), round(energy, 1), round(seconds)]
                for hour, (energy, seconds) in self.power.hours.items()
            ],
            "last": last and [last[0].timestamp(), last[1]],
            "meter": self.meter and [self.meter.source, self.meter.points],
            "since": self.since and self.since.timestamp(),
            "charged_at": self.charged_at and self.charged_at.timestamp(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return what was stored; a short time in which nobody looked is bridged."""

        def moment(value: float | None) -> datetime | None:
            return None if value is None else datetime.fromtimestamp(value, UTC)

        last, meter = stored.get("last"), stored.get("meter")
        return cls(
            power=ObservedEnergy(
                hours={
                    datetime.fromtimestamp(hour, UTC): (energy, seconds)
                    for hour, energy, seconds in stored["hours"]
                },
                last=last and (datetime.fromtimestamp(last[0], UTC), last[1]),
            ),
            meter=meter
            and Meter(
                source=HourSource(meter[0]),
                points=[(at, energy) for at, energy in meter[1]],
            ),
            since=moment(stored["since"]),
            charged_at=moment(stored["charged_at"]),
        )


class Rest(NamedTuple):
    """When a device was last seen at rest, and what its register showed then."""

    at: datetime
    register: float | None


class SessionHistory:
    """Fills the ledger of an account."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        coordinator: ChargingCoordinator,
        ledger: Ledger,
    ) -> None:
        """Recall what was being seen."""
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self.ledger = ledger
        self._observations = {
            device_id: Observation.from_json(stored)
            for device_id, stored in ledger.observations.items()
        }
        self._at_rest: dict[str, Rest] = {}
        self._all_seen_at = datetime.min.replace(tzinfo=UTC)
        self._timers: set[CALLBACK_TYPE] = set()
        coordinator.async_add_observation_listener(self._observe_all)
        coordinator.async_add_event_listener(None, self._happened)
        self._steps = self._catch_up()
        # Where a session has ended that was not read yet, and which was the last before.
        self._unsettled: dict[str, str | None] = {}
        self._closed = False

    @property
    def _keeps_sessions(self) -> bool:
        """Return whether the cloud keeps sessions."""
        return self._coordinator.provider.keeps_sessions

    @callback
    def async_start(self) -> None:
        """Begin to read what there was."""
        if self._keeps_sessions:
            self._advance_in(PAUSE)
        self._later(PAUSE, self._price_past)

    @callback
    def _advance_in(self, seconds: float) -> None:
        """Go on reading after a while."""
        self._later(seconds, self._advance)

    async def _advance(self) -> None:
        """Make one more request for the past."""
        wait = await anext(self._steps)
        if not self._closed:
            self._advance_in(wait)

    async def close(self) -> None:
        """Write what must not be forgotten."""
        self._closed = True
        for cancel in list(self._timers):
            cancel()
        with suppress(RuntimeError):  # it is at it: its next step is none
            await self._steps.aclose()
        for device_id, observation in self._observations.items():
            self.ledger.observations[device_id] = observation.to_json()
            self.ledger.save()
        await self.ledger.flush()

    def known_as_of(
        self, device: Device, start: datetime, end: datetime
    ) -> datetime | None:
        """Return when all sessions of a span were read last, None if they were not.

        What runs is known to the cloud alone, and what ended a moment ago.
        """
        charger_id = self._coordinator.charger_id(device)
        progress = self.ledger.progress.get(charger_id, {})
        checked = progress.get("checked")
        if checked is None or not self._keeps_sessions:
            return None
        done = progress.get("done", False)
        if not done and self._reached(charger_id) > start.timestamp():
            return None
        if checked < end.timestamp():
            parts = {*self._coordinator.parts_of(device), charger_id}
            if parts & self._unsettled.keys() or any(
                self._in_session(self._coordinator.data[part]) for part in parts
            ):
                return None
            if checked < end.timestamp() - 2 * _DAILY:
                return None
        return datetime.fromtimestamp(checked, UTC)

    @staticmethod
    def _in_session(device: Device) -> bool:
        """Return whether a session runs on a device."""
        status = device.readings.get(Reading.SESSION_STATUS)
        return device.charging or status is SessionStatus.ACTIVE

    # What it cost, the same wherever it is told: by the user's price as in the ledger,
    # else as the cloud says.

    def cost_of(self, session: Session) -> Money | None:
        """Return what a session cost."""
        stated = self._price_of(session.device_id)
        record = self.ledger.find(session.device_id, session.id)
        if record is not None and (stated or record.price is not None):
            return record.paid
        if session.cost is None or stated:
            return None
        return Money(session.cost.amount, self._currency_of(session))

    def last_cost(self, device: Device) -> Money | None:
        """Return what the last finished session of a device cost."""
        record = self.ledger.last(device.id)
        if self._price_of(device.id):
            if record is None or record.id == self._unsettled.get(device.id):
                return None
            return record.paid
        if (
            record is not None
            and record.price is not None
            and record.energy == device.readings.get(Reading.LAST_SESSION_ENERGY)
        ):
            # It was of another opinion at that time.
            return record.paid
        return self._told(device, Reading.LAST_SESSION_COST)

    def _told(self, device: Device, reading: Reading) -> Money | None:
        """Return a cost that the cloud tells."""
        cost = device.readings.get(reading)
        if not isinstance(cost, Money):
            return None
        return Money(cost.amount, cost.currency or self._hass.config.currency)

    def priced(self, event: Event) -> Event:
        """Return what happened with the cost that will be in the ledger, if any is known.

        A sensor's mean of the hours is not known yet.
        """
        if event.kind is not EventKind.SESSION_FINISHED or not (
            stated := self._price_of(event.device_id)
        ):
            return event
        price = None if CONF_PRICE_SENSOR in stated else price_now(self._hass, stated)
        if price is None or event.energy is None:
            return replace(event, cost=None)
        amount = round(round(event.energy) / 1000 * price[0], 4)
        return replace(event, cost=Money(amount, price[1]))

    def _price_of(self, device_id: str) -> StatedPrice:
        """Return the price that the user stated for a device."""
        return price_of(self._entry.options, device_id)

    # What is seen here.

    def running(self, device: Device) -> tuple[datetime, float] | None:
        """Return since when a session runs, and what flowed in it until now (Wh).

        Where the cloud tells of sessions it may be the last one, which is over.
        """
        since = device.readings.get(Reading.SESSION_START)
        energy = device.readings.get(Reading.SESSION_ENERGY)
        if isinstance(since, datetime) and isinstance(energy, int | float):
            return since, float(energy)
        observation = self._observations.get(device.id)
        if observation is None or observation.since is None:
            return None
        return observation.since, observation.energy

    async def _observe_all(self, observed: Observed) -> None:
        """Take a sample of the devices that charge or have changed."""
        concerned = {*observed.charging, *observed.changed}
        async for part in self._coordinator.loop_share.parts(concerned, _SEVERAL):
            for device_id in part:
                if (device := self._coordinator.data.get(device_id)) is not None:
                    self._observe(device)
        if self._coordinator.provider.tells_when_measured:
            # A new look at a device that rests is a change.
            return
        now = dt_util.utcnow()
        if len(observed.seen) >= len(self._coordinator.data):
            # Once, however many they are.
            self._all_seen_at = now
            return
        for device_id in observed.seen:
            if rest := self._at_rest.get(device_id):
                self._at_rest[device_id] = rest._replace(at=now)

    def _measured_at(self, device: Device, now: datetime) -> datetime:
        """Return when what is seen of a device was measured.

        A clock that cannot be right tells nothing.
        """
        told = device.readings.get(Reading.LAST_UPDATE)
        if (
            self._coordinator.provider.tells_when_measured
            and isinstance(told, datetime)
            and now - LONGEST_GAP <= told <= now
        ):
            return told
        return now

    def _observe(self, device: Device) -> None:
        """Take a sample of a device."""
        now = dt_util.utcnow()
        at = self._measured_at(device, now)
        live = not (device.stale or device.online is False)
        if rest := self._at_rest.pop(device.id, None):
            rest = rest._replace(at=max(rest.at, self._all_seen_at))
        if live and device.readings.get(Reading.CHARGING) is False:
            register = device.readings.get(Reading.LIFETIME_ENERGY)
            self._at_rest[device.id] = Rest(
                at, float(register) if isinstance(register, int | float) else None
            )
        observation = self._observations.get(device.id)
        if observation is None:
            if not device.charging or device.readings.keys().isdisjoint(_FLOW):
                return
            observation = self._observations[device.id] = Observation()
        last = observation.power.last
        if not device.charging and last is not None and at <= last[0]:
            # It stopped since, though nobody says that it was looked at again.
            at = now
        began = at
        power = device.readings.get(Reading.POWER)
        power = float(power) if live and isinstance(power, float | int) else None
        if device.charging and power and rest and rest.at < at <= rest.at + LONGEST_GAP:
            # It began in between: half of that is the best that can be said.
            began = rest.at + (at - rest.at) / 2
            observation.power.last = began, power
        observation.power.add(at, power)
        if not device.charging:
            # Nothing flows until it is seen to.
            observation.power.last = None
        if self._keeps_sessions:
            self._forget_old_hours(observation, now)
        elif live:
            self._follow(device, observation, now, began, rest)

    @callback
    def _forget_old_hours(self, observation: Observation, now: datetime) -> None:
        """Keep the hours of sessions that may still have to be divided."""
        hours = observation.power.hours
        oldest = now - _CORRECTED_WITHIN
        while hours and (first := next(iter(hours))) < oldest:
            del hours[first]

    @callback
    def _follow(
        self,
        device: Device,
        observation: Observation,
        now: datetime,
        began: datetime,
        rest: Rest | None,
    ) -> None:
        """Begin or end a session by what is seen."""
        if device.charging and observation.since is None:
            observation.since = began
            if rest is not None and rest.register is not None:
                observation.meter = Meter(source=HourSource.REGISTER)
                observation.meter.add(began, rest.register)
        self._read_meter(device, observation, now)
        if device.charging:
            last = observation.charged_at
            observation.charged_at = now
            observation.watched = True
            if last is None or hour_of(last) != hour_of(now):
                # An hour is the most that is lost with the power.
                self.ledger.observations[device.id] = observation.to_json()
                self.ledger.save()
            return
        plugged = device.readings.get(Reading.PLUG)
        last = observation.charged_at
        if last is None or plugged is True:
            observation.watched = True
            return
        if plugged is False or now - last > _LONGEST_PAUSE:
            # Who was unplugged while nobody looked was so at some time since.
            seen = plugged is False and observation.watched
            self._end(device.id, observation, now if seen else last)

    @staticmethod
    def _read_meter(device: Device, observation: Observation, at: datetime) -> None:
        """Note what the meter shows."""
        for reading, source in _METERS:
            energy = device.readings.get(reading)
            if isinstance(energy, int | float):
                meter = observation.meter = observation.meter or Meter(source=source)
                if meter.source is source:
                    meter.add(at, float(energy))
                return

    @callback
    def _end(self, device_id: str, observation: Observation, end: datetime) -> None:
        """Keep a session that was seen to end."""
        del self._observations[device_id]
        self.ledger.observations.pop(device_id, None)
        since, energy = observation.since, observation.energy
        if since is None:
            return
        end = max(end, since)
        hours = energy_hours(
            since,
            end,
            energy,
            curve=observation.meter.curve if observation.meter else None,
            observed=observation.power,
        )
        record = SessionRecord(
            id=f"observed-{since.timestamp():.0f}",
            device_id=device_id,
            start=since,
            end=end,
            energy=float(hours.energy),
            hours=hours.hours,
            source=hours.source,
            observed=True,
            sound=is_sound(since, end, dt_util.utcnow()),
        )
        # Kept at once, for nobody else knows of it; its price may take a moment.
        self.ledger.record(record, dt_util.utcnow())
        self._later(0, partial(self._price, record))

    async def _price(self, record: SessionRecord) -> None:
        """Give an observed session its cost."""
        self.ledger.record(await self._priced(record), dt_util.utcnow())

    # What the cloud keeps.

    @callback
    def _happened(self, event: Event) -> None:
        """Read the sessions of a charger when one has ended there."""
        if event.kind is not EventKind.SESSION_FINISHED or not self._keeps_sessions:
            return
        device_id = event.device_id
        last = self.ledger.last(device_id)
        self._unsettled[device_id] = last.id if last else None

        async def read() -> None:
            if device_id in self._coordinator.data:
                async for _ in self._read_since(device_id, _RECENT):
                    pass
                if self._unsettled.pop(device_id, None) is not None:
                    # The session was there before: that is known now.
                    self.ledger.tell(device_id)

        for seconds in _AFTER_A_SESSION:
            self._later(seconds, read)

    @callback
    def _later(self, seconds: float, action: Callable[[], Awaitable[None]]) -> None:
        """Do something after a while, unless the account is unloaded before."""

        async def act(_: datetime) -> None:
            self._timers.discard(cancel)
            await action()

        cancel = async_call_later(
            self._hass, seconds, HassJob(act, cancel_on_shutdown=True)
        )
        self._timers.add(cancel)

    def _chargers(self) -> list[str]:
        """Return the chargers: their sessions come with all their connectors."""
        return [
            device.id
            for device in self._coordinator.data.values()
            if device.kind is DeviceKind.CHARGER
        ]

    async def _read_since(
        self, device_id: str, span: timedelta
    ) -> AsyncIterator[float]:
        """Read the sessions of the last time; another reading comes if that fails."""
        now = dt_util.utcnow()
        try:
            async for wait in self._read(device_id, now - span, now + _AHEAD):
                yield wait
        except ChargingError as err:
            _LOGGER.debug("Reading sessions failed: %s", err.reason)

    async def _read(
        self, device_id: str, start: datetime, end: datetime
    ) -> AsyncIterator[float]:
        """Read the sessions of a span of time; yield how long to wait at each request."""
        progress = self.ledger.progress.setdefault(device_id, {})
        provider = self._coordinator.provider
        sessions = await provider.sessions(device_id, start, end, _MOST)
        for session in sessions:
            if await self._take(session):
                yield PAUSE
        now = dt_util.utcnow()
        if now < end:
            progress["checked"] = now.timestamp()
        progress["found"] = len(sessions)
        self.ledger.save()

    async def _take(self, session: Session) -> bool:
        """Keep a session that is over; return whether that took a request."""
        start, end = session.started_at, session.ended_at
        if start is None or end is None:
            return False
        asked = False
        now = dt_util.utcnow()
        record = SessionRecord(
            id=session.id,
            device_id=session.device_id,
            start=start,
            end=end,
            energy=session.energy,
            cost=None if session.cost is None else session.cost.amount,
            currency=None if session.cost is None else self._currency_of(session),
            id_token=session.id_token,
            user_id=session.user_id,
            stop_reason=session.stop_reason,
            meter_start=session.meter_start,
            meter_stop=session.meter_stop,
            connector=session.connector,
            payment_status=session.payment_status,
            key=session.key,
            sound=session.valid and is_sound(start, end, now),
        )
        if record.sound and session.energy and end >= now - KEPT:
            observation = self._observations.get(session.device_id)
            divide = partial(
                energy_hours,
                start,
                end,
                session.energy,
                intervals=session.hours,
                observed=observation.power if observation else None,
            )
            hours = divide()
            # Of what the cloud divided itself nothing more need be asked.
            asked = hours.source not in _MEASURED and not self._measured(record)
            if asked:
                hours = divide(curve=await self._curve(session))
            record = replace(record, hours=hours.hours, source=hours.source)
        self.ledger.record(await self._priced(record), now)
        return asked

    def _currency_of(self, session: Session) -> str:
        """Return what a session was paid in: a cloud that names none means the house's.

        That is the one of the time when the session was first read.
        """
        if session.cost is not None and session.cost.currency is not None:
            return session.cost.currency
        known = self.ledger.find(session.device_id, session.id)
        before = known.currency if known is not None else None
        return before or self._hass.config.currency

    def _measured(self, record: SessionRecord) -> bool:
        """Return whether it is known what the meter showed during a session."""
        known = self.ledger.find(record.device_id, record.id)
        return (
            known is not None
            and known.source in _MEASURED
            and known.sound
            and known.energy == record.energy
        )

    async def _priced(self, record: SessionRecord) -> SessionRecord:
        """Return a session with its cost by the user's price, where there is one.

        A price that was used once stays, and so does what the cloud said before.
        """
        record = self.ledger.with_best_hours(record)
        known = self.ledger.find(record.device_id, record.id)
        used: dict[datetime, float] = {}
        if known is not None and known.price is not None:
            used = {
                hour.start: 1000 * hour.cost / hour.energy
                for hour in known.hours
                if hour.cost is not None and hour.energy
            }
        elif known is not None and known.cost is not None:
            return record
        stated = self._price_of(record.device_id)
        new = [hour.start for hour in record.hours if hour.start not in used]
        found = await async_prices(self._hass, stated, new)
        prices, currency = found or ({}, None)
        if known is not None and known.price is not None:
            if currency != known.currency:
                prices, currency = {}, known.currency
            prices = dict.fromkeys(new, known.price) | prices | used
        elif stated:
            # What the cloud says is not what the user wants to know.
            record = replace(record, cost=None, currency=None)
        return _with_cost(record, prices, currency)

    async def _price_past(self) -> None:
        """Give those sessions a cost that have none yet; once a day.

        The price was stated later, or its sensor did not know it.
        """
        for device_id in self.ledger.device_ids:
            stated = self._price_of(device_id)
            records = [
                record
                for record in (self.ledger.sessions([device_id]) if stated else ())
                if record.sound and record.hours and record.cost is None
            ]
            hours = {hour.start for record in records for hour in record.hours}
            prices, currency = await async_prices(self._hass, stated, hours) or ({}, "")
            for record in records:
                await self._coordinator.loop_share.turn()
                self.ledger.record(
                    _with_cost(record, prices, currency), dt_util.utcnow()
                )
        self._later(_DAILY, self._price_past)

    async def _curve(self, session: Session) -> EnergyCurve | None:
        """Ask what the meter showed."""
        try:
            return await self._coordinator.provider.energy_curve(session)
        except _FINAL:
            return None

    # What there ever was.

    async def _catch_up(self) -> AsyncGenerator[float]:
        """Read what is new or corrected, and then what there ever was; once a day.

        Each month of all chargers comes before the next. An earlier run that was
        interrupted is gone on with. Yields how long to wait before the next request.
        """
        while True:
            self.ledger.prune(dt_util.utcnow())
            for device_id in self._chargers():
                if self._reached(device_id) < float("inf"):
                    async for wait in self._read_since(device_id, _CORRECTED_WITHIN):
                        yield wait
                    yield PAUSE
            while unread := [
                device_id
                for device_id in self._chargers()
                if not self._progress(device_id).get("done")
            ]:
                device_id = max(unread, key=self._reached)
                try:
                    async for wait in self._import_month(device_id):
                        yield wait
                except ChargingError as err:
                    _LOGGER.debug("Reading the history failed: %s", err.reason)
                    if isinstance(err, _FINAL):
                        self._progress(device_id)["done"] = True
                        continue
                    told = err.retry_after if isinstance(err, RateLimitedError) else 0
                    yield max(_AFTER_A_FAILURE, told or 0)
                else:
                    yield PAUSE
            yield _DAILY

    def _progress(self, device_id: str) -> dict[str, Any]:
        """Return how far the history of a charger was read."""
        return self.ledger.progress.setdefault(device_id, {})

    def _reached(self, device_id: str) -> float:
        """Return since when the history of a charger is known."""
        reached: float = self._progress(device_id).get("since", float("inf"))
        return reached

    async def _import_month(self, device_id: str) -> AsyncIterator[float]:
        """Read one more month of a charger."""
        progress = self._progress(device_id)
        now = dt_util.utcnow()
        since = progress.get("since")
        end = now + _AHEAD if since is None else datetime.fromtimestamp(since, UTC)
        start = end - _WINDOW
        async for wait in self._read(device_id, start, end):
            yield wait
        progress["since"] = start.timestamp()
        progress["empty"] = 0 if progress["found"] else progress.get("empty", 0) + 1
        if progress["empty"] >= _EMPTY_WINDOWS or start < now - KEPT:
            progress["done"] = True
        self.ledger.save()


def _with_cost(
    record: SessionRecord, prices: Mapping[datetime, float], currency: str | None
) -> SessionRecord:
    """Return a session with its cost by prices per kWh, if there are all of them."""
    energy = sum(hour.energy for hour in record.hours) / 1000
    if not energy or any(hour.start not in prices for hour in record.hours):
        return record
    hours = tuple(
        replace(hour, cost=round(prices[hour.start] * hour.energy / 1000, 6))
        for hour in record.hours
    )
    cost = sum(hour.cost or 0.0 for hour in hours)
    return replace(
        record,
        hours=hours,
        # A hundredth of a cent, as it is exported.
        cost=round(cost, 4),
        currency=currency,
        price=round(cost / energy, 6),
    )
