"""Events: what happened at a charger while Home Assistant watched."""

from dataclasses import dataclass
from functools import cached_property
from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account import AccountCoordinator, ChargerConfigEntry
from .charging import Device, DeviceKind, Event, EventKind, Reading
from .entity import ChargerEntity, ChargerEntityDescription, async_add_offered

# The coordinator does the talking.
PARALLEL_UPDATES = 0

COMMAND_FAILED = "command_failed"


@dataclass(frozen=True, kw_only=True)
class ChargerEventDescription(ChargerEntityDescription, EventEntityDescription):
    """Describe an event entity."""

    @cached_property
    @override
    def readings(self) -> frozenset[Reading] | None:
        """Return none: it shows what happened."""
        return frozenset()

    def concerns(self, device: Device, event: Event) -> bool:
        """Return whether an event at the charger is for the entity of a device."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class SessionEventDescription(ChargerEventDescription):
    """Describe what happens where vehicles charge."""

    @override
    def offered(self, device: Device) -> bool:
        """Return whether vehicles charge here: not at a charger with connectors."""
        return not device.readings.keys().isdisjoint(
            {Reading.SESSION_STATUS, Reading.CHARGING}
        )

    @override
    def concerns(self, device: Device, event: Event) -> bool:
        """Return whether it happened here, and not at another connector."""
        return event.device_id == device.id


@dataclass(frozen=True, kw_only=True)
class ChargerOwnEventDescription(ChargerEventDescription):
    """Describe what happens to a charger as a whole."""

    @override
    def offered(self, device: Device) -> bool:
        """Return whether it is a charger, and not one of its connectors."""
        return device.kind is DeviceKind.CHARGER

    @override
    def concerns(self, device: Device, event: Event) -> bool:
        """Return whether it is told here and not where vehicles charge."""
        return event.kind is not EventKind.COMMAND_FINISHED or (
            event.device_id == device.id and not SESSION.offered(device)
        )


SESSION = SessionEventDescription(
    key="session",
    translation_key="session",
    event_types=[
        EventKind.SESSION_STARTED.value,
        EventKind.SESSION_FINISHED.value,
        EventKind.AUTHORIZED.value,
        EventKind.INTERRUPTED.value,
        EventKind.WAITING_FOR_VEHICLE.value,
        COMMAND_FAILED,
    ],
)

EVENTS: tuple[ChargerEventDescription, ...] = (
    SESSION,
    ChargerOwnEventDescription(
        key="charger",
        translation_key="charger",
        entity_category=EntityCategory.DIAGNOSTIC,
        event_types=[
            EventKind.FAULT_RAISED.value,
            EventKind.FAULT_CLEARED.value,
            EventKind.CONNECTION_LOST.value,
            EventKind.CONNECTION_RESTORED.value,
            COMMAND_FAILED,
        ],
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ChargerConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the event entities of an account."""
    await async_add_offered(entry, async_add_entities, EVENTS, ChargerEvent)


class ChargerEvent(ChargerEntity, EventEntity):
    """What happened last at a charger or a connector."""

    entity_description: ChargerEventDescription

    def __init__(
        self,
        coordinator: AccountCoordinator,
        device: Device,
        description: ChargerEventDescription,
    ) -> None:
        """Note whose events to listen to."""
        super().__init__(coordinator, device, description)
        self._charger_id = coordinator.charger_id(device)

    @property
    @override
    def available(self) -> bool:
        """Return true: what happened stays true while nobody can look.

        And triggers miss an event that is written together with the return of its
        entity.
        """
        return True

    @override
    def show(self, device: Device) -> object:
        """Show nothing of the device's state."""
        return None

    @override
    async def async_added_to_hass(self) -> None:
        """Listen from now on; what was before is nobody's news."""
        await super().async_added_to_hass()
        self.async_on_remove(
            self.coordinator.async_add_event_listener(self._charger_id, self._happened)
        )

    @callback
    def _happened(self, event: Event) -> None:
        """Show an event if it is one of this entity's."""
        kind = COMMAND_FAILED if event.failed else event.kind.value
        device = self.coordinator.data.get(self.device_id)
        if (
            device is None
            or kind not in self.event_types
            or not self.entity_description.concerns(device, event)
        ):
            return
        details = event.details
        if event.device_id != self.device_id:
            details["connector"] = self.coordinator.name_of(
                self.coordinator.data[event.device_id]
            )
        self._trigger_event(kind, details)
        # At once, so that no later event takes this one's place.
        self.async_write_ha_state()
