"""Issues of single chargers that a tap mends.

A vehicle that does not wake, a session that does not end, a start that wants a card.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later

from .charging import (
    Control,
    Device,
    Event,
    EventKind,
    Reading,
    Refusal,
    StopCharging,
    session_lingers,
    stalled,
    tells_stalled,
)
from .const import DOMAIN
from .coordinator import ChargingCoordinator, Observed

VEHICLE_ASLEEP = "vehicle_asleep"
SESSION_LINGERS = "session_lingers"
START_CARD_MISSING = "start_card_missing"

# How long it has to last: vehicles and clouds take their time.
_LASTING = timedelta(minutes=15)


class ChargerIssues:
    """Raises and ends the issues of the chargers of an account.

    None are raised where only the essential entities are made: whoever runs so many
    chargers looks elsewhere.
    """

    def __init__(self, hass: HomeAssistant, coordinator: ChargingCoordinator) -> None:
        """Begin with nothing seen."""
        self._hass = hass
        self._coordinator = coordinator
        # Whether a vehicle has drawn anything since it was plugged in or allowed to.
        self._drew: dict[str, bool] = {}
        # What was begun to be watched, by issue and device; it ends with its cause.
        self._watched: dict[tuple[str, str], CALLBACK_TYPE] = {}
        coordinator.async_add_observation_listener(self._observe_changed)
        coordinator.async_add_event_listener(None, self._happened)
        coordinator.async_add_offer_listener(self._forget_gone)

    async def _observe_changed(self, observed: Observed) -> None:
        """Look at the devices that have changed."""
        for device_id in observed.changed:
            if (device := self._coordinator.data.get(device_id)) is not None:
                self._observe(device)

    def _observe(self, device: Device) -> None:
        """Look at a device."""
        if device.stale or device.online is False or self._coordinator.essential_only:
            return
        asleep = tells_stalled(device) and not self._has_drawn(device)
        self._watch(VEHICLE_ASLEEP, device, asleep and stalled(device) is True)
        lingers = StopCharging in device.commands and session_lingers(device)
        self._watch(SESSION_LINGERS, device, lingers)
        card = device.controls.get(Control.START_CARD)
        if card is None or card.value is not None:
            self._end(START_CARD_MISSING, device.id)

    @callback
    def _happened(self, event: Event) -> None:
        """Ask for a card when a start was refused for want of one."""
        device = self._coordinator.data.get(event.device_id)
        if (
            event.kind is not EventKind.COMMAND_FINISHED
            or event.reason != Refusal.CARD_REQUIRED
            or device is None
        ):
            return
        charger = self._coordinator.data[self._coordinator.charger_id(device)]
        if Control.START_CARD in charger.controls:
            self._raise(START_CARD_MISSING, charger)

    async def _forget_gone(self, _: Collection[Device], gone: Collection[str]) -> None:
        """End what concerns devices that are gone."""
        for device_id in gone:
            self._forget(device_id)

    def _forget(self, device_id: str) -> None:
        """End what concerns a device."""
        self._drew.pop(device_id, None)
        for kind in (VEHICLE_ASLEEP, SESSION_LINGERS, START_CARD_MISSING):
            self._end(kind, device_id)

    def close(self) -> None:
        """End everything: nobody looks any more."""
        for device_id in list(self._coordinator.data or ()):
            self._forget(device_id)

    def _has_drawn(self, device: Device) -> bool:
        """Return whether a vehicle has drawn since it was plugged in or allowed to.

        One that has and then stops is full, or wants no more. What was before anybody
        watched is told by the session's energy; where that is unknown, it has.
        """
        readings = device.readings
        if readings[Reading.CHARGING] is True:
            self._drew[device.id] = True
        elif (
            readings[Reading.PLUG] is False
            or device.controls[Control.CHARGING].value is False
            or readings.get(Reading.PAUSED) is True
        ):
            self._drew[device.id] = False
        return self._drew.setdefault(
            device.id, readings.get(Reading.SESSION_ENERGY) != 0
        )

    def _watch(self, kind: str, device: Device, wrong: bool) -> None:
        """Raise an issue once something was wrong for long enough, or end it."""
        if not wrong:
            self._end(kind, device.id)
        elif (kind, device.id) not in self._watched:

            @callback
            def lasted(_: datetime) -> None:
                now = self._coordinator.data.get(device.id)
                if now is None or now.stale or now.online is False:
                    # Nobody knows; it begins anew when the charger is read again.
                    del self._watched[kind, device.id]
                else:
                    self._raise(kind, now)

            self._watched[kind, device.id] = async_call_later(
                self._hass, _LASTING, HassJob(lasted, cancel_on_shutdown=True)
            )

    def _end(self, kind: str, device_id: str) -> None:
        """End an issue, raised or not."""
        if (cancel := self._watched.pop((kind, device_id), None)) is not None:
            cancel()
        ir.async_delete_issue(self._hass, DOMAIN, self._id(kind, device_id))

    def _raise(self, kind: str, device: Device) -> None:
        """Raise an issue."""
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            self._id(kind, device.id),
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key=kind,
            translation_placeholders={"subject": self._coordinator.name_of(device)},
            data={
                "entry_id": self._coordinator.config_entry.entry_id,
                "device_id": device.id,
            },
        )

    def _id(self, kind: str, device_id: str) -> str:
        """Return what tells an issue from all others."""
        return f"{kind}_{self._coordinator.config_entry.entry_id}_{device_id}"
