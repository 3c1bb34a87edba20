"""Calendars: the sessions of a charger, and what is planned there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import override

from homeassistant.components.calendar import (
    CalendarEntity,
    CalendarEntityDescription,
    CalendarEvent,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .account import ChargerConfigEntry
from .charging import Control, Device, DeviceKind, Reading
from .entity import ChargerEntity, ChargerEntityDescription, async_add_offered
from .ledger import SessionRecord
from .names import async_planned_text, async_session_text

PARALLEL_UPDATES = 0

# A session has no end while it runs; what is shown of it goes on for so long.
_AHEAD = timedelta(hours=1)
# What is planned for a moment is shown for so long, to be seen at all.
_MOMENT = timedelta(minutes=15)

# An event says when it begins and ends, which the calendar itself remembers better.
_UNRECORDED = frozenset(
    {"all_day", "description", "end_time", "location", "message", "start_time"}
)


@dataclass(frozen=True, kw_only=True)
class ChargerCalendarDescription(ChargerEntityDescription, CalendarEntityDescription):
    """Describe the calendar of a charger."""

    @cached_property
    @override
    def readings(self) -> frozenset[Reading] | None:
        """Return what tells whether a session runs."""
        return frozenset({Reading.CHARGING, Reading.SESSION_END, Reading.SESSION_START})

    @override
    def offered(self, device: Device) -> bool:
        """Return whether a device is a charger."""
        return device.kind is DeviceKind.CHARGER


@dataclass(frozen=True, kw_only=True)
class PlannedCalendarDescription(ChargerEntityDescription, CalendarEntityDescription):
    """Describe the calendar of what is planned."""

    @cached_property
    @override
    def readings(self) -> frozenset[Reading] | None:
        """Return what tells of a plan; the rest are controls."""
        return frozenset({Reading.SCHEDULED_AT, Reading.RESERVED_UNTIL})

    @override
    def offered(self, device: Device) -> bool:
        """Return whether anything can be planned at a device."""
        return bool(
            device.readings.keys() & {Reading.RESERVATION, Reading.SCHEDULED_AT}
            or device.controls.keys() & {Control.DEADLINE, Control.PAUSE_UNTIL}
        )


CALENDARS = (
    ChargerCalendarDescription(
        key="sessions", translation_key="sessions", lasting=True
    ),
)
PLANNED = (
    PlannedCalendarDescription(key="planned", translation_key="planned", lasting=True),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ChargerConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the calendars of an account."""
    await async_add_offered(entry, async_add_entities, CALENDARS, SessionCalendar)
    await async_add_offered(entry, async_add_entities, PLANNED, PlannedCalendar)


class SessionCalendar(ChargerEntity, CalendarEntity):
    """The finished sessions of a charger and its connectors, and what runs now.

    Nothing is asked of the cloud: the ledger knows.
    """

    entity_description: ChargerCalendarDescription
    _unrecorded_attributes = _UNRECORDED
    _running: tuple[datetime, ...] = ()

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the ledger."""
        await super().async_added_to_hass()

        @callback
        def kept(device_id: str) -> None:
            device = self.coordinator.data.get(self.device_id)
            if device and device_id in self.coordinator.parts_of(device):
                self.async_write_ha_state()

        ledger = self.coordinator.ledger
        self.async_on_remove(ledger.async_add_listener(kept))

    @override
    def show(self, device: Device) -> object:
        """Show since when something runs."""
        parts = [
            self.coordinator.data[device_id]
            for device_id in self.coordinator.parts_of(device)
        ]
        self._running = tuple(
            start
            for part in parts
            if part.readings.get(Reading.SESSION_END) is None
            and part.charging
            and isinstance(start := part.readings.get(Reading.SESSION_START), datetime)
        )
        return self._running

    @property
    @override
    def event(self) -> CalendarEvent | None:
        """Return the session that runs."""
        if not self._running:
            return None
        return self._ongoing(min(self._running))

    def _ongoing(self, start: datetime) -> CalendarEvent:
        """Return a session that has no end yet."""
        return CalendarEvent(
            start=start,
            end=max(start, dt_util.utcnow()) + _AHEAD,
            summary=async_session_text(self.coordinator.hass, "running", {}),
        )

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return the sessions in a span of time."""
        device = self.coordinator.data.get(self.device_id)
        if device is None:
            return []
        ledger = self.coordinator.ledger
        records = ledger.sessions(
            self.coordinator.parts_of(device), start_date, end_date
        )
        events = [_event(hass, record) for record in records if record.sound]
        events += [
            event
            for start in self._running
            if (event := self._ongoing(start)).start < end_date
            and event.end > start_date
        ]
        return sorted(events, key=lambda event: event.start_datetime_local)


def _event(hass: HomeAssistant, record: SessionRecord) -> CalendarEvent:
    """Return a finished session; no event is shorter than a second."""
    energy = (record.energy or 0) / 1000
    texts = {"energy": f"{energy:.2f}"}
    details = []
    if record.cost is not None:
        details.append(f"{record.cost:.2f} {record.currency or ''}".strip())
    if record.id_token:
        details.append(record.id_token)
    if record.estimated:
        details.append(async_session_text(hass, "estimated", {}))
    return CalendarEvent(
        start=record.start,
        end=max(record.end, record.start + timedelta(seconds=1)),
        summary=async_session_text(hass, "finished", texts),
        description=", ".join(details) or None,
        uid=f"{record.device_id}_{record.id}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Something planned; its `kind` is one of the texts."""

    kind: str
    start: datetime
    end: datetime
    description: str | None = None


class PlannedCalendar(ChargerEntity, CalendarEntity):
    """What is to come at a device: a deadline, a command put off, a pause, a reservation.

    Nothing is asked of the cloud: all of it has been read.
    """

    entity_description: PlannedCalendarDescription
    _unrecorded_attributes = _UNRECORDED
    _plans: tuple[_Plan, ...] = ()

    @override
    def show(self, device: Device) -> object:
        """Show what is planned."""
        self._plans = tuple(sorted(self._planned(device), key=lambda plan: plan.start))
        return self._plans

    def _planned(self, device: Device) -> Iterator[_Plan]:
        """Yield what is planned; of what lasts already only the end is known."""
        commands = self.coordinator.commands
        since = {plan.kind: plan.start for plan in self._plans}
        moments = {"scheduled": device.readings.get(Reading.SCHEDULED_AT)}
        if commands.shown(device, Control.CHARGE_POLICY) is not False:
            moments["deadline"] = commands.shown(device, Control.DEADLINE)
        for kind, at in moments.items():
            if isinstance(at, datetime):
                level = commands.shown(device, Control.DEADLINE_LEVEL)
                told = kind == "deadline" and isinstance(level, int | float)
                yield _Plan(
                    kind=kind,
                    start=at,
                    end=at + _MOMENT,
                    description=f"{level:g} %" if told else None,
                )
        spans = {
            "paused": commands.shown(device, Control.PAUSE_UNTIL),
            "reserved": device.readings.get(Reading.RESERVED_UNTIL),
        }
        for kind, until in spans.items():
            if isinstance(until, datetime):
                begin = min(since.get(kind, dt_util.utcnow()), until)
                yield _Plan(kind=kind, start=begin, end=until)

    @property
    @override
    def event(self) -> CalendarEvent | None:
        """Return what comes next, or is going on."""
        now = dt_util.utcnow()
        return next((self._event(plan) for plan in self._plans if plan.end > now), None)

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return what is planned in a span of time."""
        return [
            self._event(plan)
            for plan in self._plans
            if plan.start < end_date and plan.end > start_date
        ]

    def _event(self, plan: _Plan) -> CalendarEvent:
        """Return a plan as the calendar shows it; no event is shorter than a second."""
        return CalendarEvent(
            start=plan.start,
            end=max(plan.end, plan.start + timedelta(seconds=1)),
            summary=async_planned_text(self.coordinator.hass, plan.kind),
            description=plan.description,
            uid=f"{self.device_id}_{plan.kind}",
        )
