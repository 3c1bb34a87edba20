"""Tools for language models: the chargers that were exposed to them, and no others."""

from datetime import timedelta
from typing import Any, override

import probatio

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components.homeassistant import async_should_expose
from homeassistant.components.llm import LLMTools
from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN
from homeassistant.const import (
    ATTR_UNIT_OF_MEASUREMENT,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.llm import (
    LLM_API_ASSIST,
    LLMContext,
    Tool,
    ToolAnnotations,
    ToolInput,
    ToolResult,
)
from homeassistant.util import dt as dt_util

from .account import AccountCoordinator, ChargerConfigEntry
from .charging import Control, Device, DeviceKind, Reading, why_not_charging
from .const import DOMAIN
from .services import async_target

_PROMPT = (
    "Chargers of electric vehicles are controlled with the tools of ev_charger_cloud."
    " Power is in watts, energy in kilowatt-hours, current in amperes per phase."
)
_CHARGER = "charger"
_CURRENT = "current"
_POWER = "power"
_DAYS = "days"

_READING = ToolAnnotations(
    read_only=True, destructive=False, idempotent=True, open_world=True
)
_ACTING = ToolAnnotations(
    read_only=False, destructive=False, idempotent=True, open_world=True
)
_TOLD = (
    Reading.STATUS,
    Reading.PLUG,
    Reading.CHARGING,
    Reading.FULLY_CHARGED,
    Reading.PROBLEM,
    Reading.ERROR_CODE,
    Reading.STATE_OF_CHARGE,
    Reading.SESSION_START,
)
_COSTS = (Reading.SESSION_COST, Reading.LAST_SESSION_COST)
_ENERGIES = (Reading.SESSION_ENERGY, Reading.LAST_SESSION_ENERGY)


class _ChargerTool(Tool):
    """A tool for one of the exposed chargers."""

    integration = DOMAIN
    annotations = _ACTING
    action = ""
    fields: dict[Any, Any] = {}

    def __init__(self, chargers: dict[str, str]) -> None:
        """Take the chargers: by name, the ids of their devices in the registry."""
        self._chargers = chargers
        self.parameters = probatio.Schema(
            {probatio.Required(_CHARGER): probatio.In(sorted(chargers)), **self.fields}
        )

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: ToolInput, llm_context: LLMContext
    ) -> ToolResult:
        """Do what is asked, with the rights of whoever asks."""
        asked = self.parameters(tool_input.tool_args)
        registry_id = self._chargers[asked.pop(_CHARGER)]
        try:
            data = await self._answer(hass, registry_id, asked, llm_context)
        except HomeAssistantError as err:
            return ToolResult(data={"error": str(err)}, error=True)
        return ToolResult(data=data)

    async def _answer(
        self,
        hass: HomeAssistant,
        registry_id: str,
        asked: dict[str, Any],
        llm_context: LLMContext,
    ) -> dict[str, Any]:
        """Perform the action that the tool is, and return what it answers."""
        answer = await hass.services.async_call(
            DOMAIN,
            self.action,
            {"device_id": registry_id, **asked},
            blocking=True,
            context=llm_context.context,
            return_response=True,
        )
        return dict(answer or {})


class GetCharger(_ChargerTool):
    """Tell how a charger is doing."""

    name = f"{DOMAIN}__get_charger"
    title = "Get charger"
    description = (
        "Tell the state of a charger: whether a vehicle is plugged in, power, current"
        " limit, energy and cost of the session, and why it does not charge."
    )
    annotations = _READING

    @override
    async def _answer(
        self,
        hass: HomeAssistant,
        registry_id: str,
        asked: dict[str, Any],
        llm_context: LLMContext,
    ) -> dict[str, Any]:
        coordinator, device = await async_target(
            hass, llm_context.context or Context(), registry_id, POLICY_READ
        )
        return _described(device) | _costs(hass, coordinator, device)


class GetSessions(_ChargerTool):
    """Tell of the last charging sessions."""

    name = f"{DOMAIN}__get_sessions"
    title = "Get charging sessions"
    description = (
        "Tell energy, cost and times of the charging sessions of the last days."
    )
    annotations = _READING
    action = "get_sessions"
    fields = {
        probatio.Optional(_DAYS, default=30): probatio.All(
            int, probatio.Range(min=1, max=366)
        )
    }

    @override
    async def _answer(
        self,
        hass: HomeAssistant,
        registry_id: str,
        asked: dict[str, Any],
        llm_context: LLMContext,
    ) -> dict[str, Any]:
        start = dt_util.utcnow() - timedelta(days=asked[_DAYS])
        span = {"start": start.isoformat()}
        answer = await super()._answer(hass, registry_id, span, llm_context)
        told = ("start", "end", "energy_kwh", "cost", "currency", "stop_reason")
        return {
            "sessions": [
                {key: session[key] for key in told if session.get(key) is not None}
                for session in answer["sessions"]
            ]
        }


class StartCharging(_ChargerTool):
    """Start charging."""

    name = f"{DOMAIN}__start_charging"
    title = "Start charging"
    description = "Start charging, or let a vehicle charge again."
    action = "start_charging"


class StopCharging(_ChargerTool):
    """Stop charging."""

    name = f"{DOMAIN}__stop_charging"
    title = "Stop charging"
    description = "Stop charging; the vehicle stays plugged in."
    action = "stop_charging"


class SetChargingLimit(_ChargerTool):
    """Limit what a charger may draw."""

    name = f"{DOMAIN}__set_charging_limit"
    title = "Set charging limit"
    description = (
        "Limit what a charger may draw: either a current in amperes per phase"
        " or a power in watts."
    )
    action = "set_charging_limit"
    fields = {
        probatio.Optional(_CURRENT): probatio.Any(int, float),
        probatio.Optional(_POWER): probatio.Any(int, float),
    }


_TOOLS = (GetCharger, GetSessions, StartCharging, StopCharging, SetChargingLimit)


@callback
def async_get_tools(
    hass: HomeAssistant, llm_context: LLMContext, api_id: str
) -> LLMTools | None:
    """Return the tools where a charger is exposed."""
    if api_id != LLM_API_ASSIST or not (chargers := _exposed(hass, llm_context)):
        return None
    return LLMTools(tools=[tool(chargers) for tool in _TOOLS], prompt=_PROMPT)


def _exposed(hass: HomeAssistant, llm_context: LLMContext) -> dict[str, str]:
    """Return the chargers and connectors that are exposed, by name.

    One is exposed by its entities: one of them is enough. Those of the same name are
    numbered.
    """
    devices, entities = dr.async_get(hass), er.async_get(hass)
    exposed: dict[str, str] = {}
    entries: list[ChargerConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    for entry in entries:
        for device in entry.runtime_data.data.values():
            if device.kind not in (DeviceKind.CHARGER, DeviceKind.CONNECTOR):
                continue
            registered = entry.runtime_data.devices.entry_of(device.id)
            if (
                registered is None
                or devices.async_get(registered.id) is None
                or Reading.STATUS not in device.readings
            ):
                continue
            if any(
                async_should_expose(hass, llm_context.assistant, entity.entity_id)
                for entity in er.async_entries_for_device(entities, registered.id)
            ):
                title = name = entry.runtime_data.title_of(device)
                number = 1
                while name in exposed:
                    number += 1
                    name = f"{title} ({number})"
                exposed[name] = registered.id
    return exposed


def _described(device: Device) -> dict[str, Any]:
    """Describe a charger in words and numbers that need no explanation."""
    told: dict[str, Any] = {"online": device.online}
    for reading in _TOLD:
        told[str(reading)] = _plain(device.readings.get(reading))
    for reading in _ENERGIES:
        energy = device.readings.get(reading)
        if isinstance(energy, int | float):
            told[f"{reading}_kwh"] = round(energy / 1000, 2)
    told["power_watts"] = device.readings.get(Reading.POWER)
    for control, name in (
        (Control.CURRENT_LIMIT, "limit_amperes"),
        (Control.POWER_LIMIT, "limit_watts"),
    ):
        if (state := device.controls.get(control)) is not None:
            told[name] = state.value
    told["not_charging_because"] = why_not_charging(device)
    return {key: value for key, value in told.items() if value is not None}


def _costs(
    hass: HomeAssistant, coordinator: AccountCoordinator, device: Device
) -> dict[str, Any]:
    """Tell what sessions cost as the sensors show it."""
    registry = er.async_get(hass)
    unique_id = coordinator.devices.unique_id(device.id)
    told = {}
    for cost in _COSTS:
        entity_id = registry.async_get_entity_id(
            SENSOR_DOMAIN, DOMAIN, f"{unique_id}_{cost}"
        )
        state = hass.states.get(entity_id) if entity_id else None
        if state is not None and state.state not in (STATE_UNKNOWN, STATE_UNAVAILABLE):
            unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, "")
            told[str(cost)] = f"{state.state} {unit}".strip()
    return told


def _plain(value: object) -> object:
    """Return a value as JSON has it."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
