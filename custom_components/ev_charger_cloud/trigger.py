"""Triggers for chargers: what automations begin with.

They watch the entities of this integration alone, found by their translation keys:
the factories of Home Assistant would take any plug or problem in the same area.
"""

from abc import abstractmethod
import asyncio
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, override

from homeassistant.components.binary_sensor import DOMAIN as BINARY_SENSOR_DOMAIN
from homeassistant.components.event import DOMAIN as EVENT_DOMAIN
from homeassistant.const import (
    ATTR_ENTITY_ID,
    STATE_OFF,
    STATE_ON,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, State, callback
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.trigger import (
    EntityTargetStateTriggerBase,
    EntityTriggerBase,
    NotTriggeredReasonReporter,
    StatelessEntityTriggerBase,
    Trigger,
    TriggerActionRunner,
    TriggerNotTriggeredReporter,
)

from .charging import Device, EventKind, Reading, limit_check
from .entity import device_behind, entities_of

type Details = Callable[[Device], Mapping[str, Any]]


class ChargerTrigger(EntityTriggerBase):
    """A trigger that watches one kind of entity and tells what is known about it."""

    _translation_key: ClassVar[str]
    _primary_entities_only = False

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Keep the entities of this integration that the trigger is about."""
        return entities_of(
            self._hass, super().entity_filter(entities), self._translation_key
        )

    @abstractmethod
    def details(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what automations are told beside the states."""

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Attach the trigger to an action runner."""

        @callback
        def run_with_details(
            extra_trigger_payload: dict[str, Any],
            description: str,
            context: Context | None = None,
        ) -> asyncio.Task[Any]:
            """Run the action with the details."""
            return run_action(
                {**self.details(extra_trigger_payload), **extra_trigger_payload},
                description,
                context,
            )

        return await super().async_attach_runner(run_with_details, did_not_trigger)


class SessionFinishedTrigger(ChargerTrigger, StatelessEntityTriggerBase):
    """Triggers when a session is over, with what it came to."""

    _domain_specs = {EVENT_DOMAIN: DomainSpec()}
    _translation_key = "session"

    @override
    def is_valid_state(
        self, state: State, report_not_triggered: NotTriggeredReasonReporter
    ) -> bool:
        """Return whether the event is the one that the trigger waits for."""
        return state.attributes.get("event_type") == EventKind.SESSION_FINISHED

    @override
    def details(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the session's energy, duration, cost and why it ended."""
        attributes = payload["to_state"].attributes
        return {
            key: attributes.get(key)
            for key in ("at", "energy", "duration", "cost", "currency", "stop_reason")
        }


def _trigger(
    translation_key: str,
    state: str = STATE_ON,
    *,
    from_unknown: bool = False,
    tell: Details | None = None,
) -> type[Trigger]:
    """Make a trigger of a binary sensor; `tell` returns what its charger knows.

    A value that was not known before is no change, but for conclusions, `from_unknown`:
    of these something was not known that does not matter now.
    """

    class BinarySensorTrigger(ChargerTrigger, EntityTargetStateTriggerBase):
        """Triggers when a binary sensor takes a state."""

        _domain_specs = {BINARY_SENSOR_DOMAIN: DomainSpec()}
        _translation_key = translation_key
        _to_states = {state}
        _excluded_from_states = frozenset(
            {STATE_UNAVAILABLE} if from_unknown else {STATE_UNAVAILABLE, STATE_UNKNOWN}
        )

        @override
        def details(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
            """Return what the charger knows."""
            device = device_behind(self._hass, payload[ATTR_ENTITY_ID])
            return {} if tell is None or device is None else tell(device)

    return BinarySensorTrigger


def _limit(device: Device) -> Mapping[str, Any]:
    """Return what was asked, what is offered and what is drawn."""
    check = limit_check(device)
    return (
        {}
        if check is None
        else {
            "limit": check.limit,
            "offered": check.offered,
            "drawn": check.drawn,
            "unit": check.unit.value,
        }
    )


def _reading(key: str, reading: Reading) -> Details:
    """Return what tells a reading under a key."""
    return lambda device: {key: device.readings.get(reading)}


TRIGGERS: dict[str, type[Trigger]] = {
    "plugged_in": _trigger(Reading.PLUG),
    "unplugged": _trigger(Reading.PLUG, STATE_OFF),
    "charging_started": _trigger(Reading.CHARGING),
    "session_finished": SessionFinishedTrigger,
    "stalled": _trigger(
        "stalled", from_unknown=True, tell=_reading("status", Reading.STATUS)
    ),
    "faulted": _trigger(
        Reading.PROBLEM, tell=_reading("error_code", Reading.ERROR_CODE)
    ),
    "went_offline": _trigger("online", STATE_OFF),
    "limit_not_followed": _trigger(
        "limit_not_followed", from_unknown=True, tell=_limit
    ),
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers for chargers."""
    return TRIGGERS
