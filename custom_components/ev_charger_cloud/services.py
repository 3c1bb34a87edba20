"""Actions: what needs more words than an entity has."""

from datetime import datetime, timedelta
from typing import Any

import voluptuous as vol

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import (
    async_get_device_and_config_entry,
    async_register_admin_service,
)
from homeassistant.util import dt as dt_util

from .actions import (
    ATTR_ACTION_ID,
    ATTR_DURATION,
    ATTR_END,
    ATTR_KIND,
    ATTR_LIMIT,
    ATTR_MINIMUM_RATE,
    ATTR_NUMBER_PHASES,
    ATTR_PERIODS,
    ATTR_PROFILE_ID,
    ATTR_PURPOSE,
    ATTR_RATE_UNIT,
    ATTR_RECURRENCY,
    ATTR_STACK_LEVEL,
    ATTR_START,
    ATTR_START_PERIOD,
    ATTR_START_SCHEDULE,
    ATTR_VALID_FROM,
    ATTR_VALID_TO,
    COMMAND_ACTIONS,
    PURPOSES,
    RATE_UNITS,
    utc,
)
from .charging import ChargingProfile, CommandResult, Device, Session
from .const import DOMAIN
from .coordinator import ChargerConfigEntry, ChargingCoordinator
from .exceptions import invalid

_HISTORY = timedelta(days=30)

SESSIONS_SCHEMA = vol.Schema(
    {
        vol.Required(ATTR_DEVICE_ID): cv.string,
        vol.Optional(ATTR_START): cv.datetime,
        vol.Optional(ATTR_END): cv.datetime,
        vol.Optional(ATTR_LIMIT, default=50): vol.All(
            vol.Coerce(int), vol.Range(min=1, max=500)
        ),
    }
)
PROFILES_SCHEMA = vol.Schema({vol.Required(ATTR_DEVICE_ID): cv.string})


COMMAND_SCHEMA = vol.Schema(
    {
        vol.Required(ATTR_DEVICE_ID): cv.string,
        vol.Required(ATTR_ACTION_ID): cv.string,
    }
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""

    async def run_command(call: ServiceCall) -> ServiceResponse:
        """Have a command carried out and tell how it ended."""
        fields = dict(call.data)
        coordinator, device = _target(hass, fields.pop(ATTR_DEVICE_ID))
        command = COMMAND_ACTIONS[call.service].build(device, fields)
        return _result(await coordinator.execute(command))

    async def get_sessions(call: ServiceCall) -> ServiceResponse:
        """Return the sessions of a charger."""
        coordinator, device = _target(hass, call.data[ATTR_DEVICE_ID])
        end = utc(call.data.get(ATTR_END)) or dt_util.utcnow()
        start = utc(call.data.get(ATTR_START)) or end - _HISTORY
        if start >= end:
            raise invalid("span_reversed")
        sessions = await coordinator.ask(
            device,
            coordinator.provider.sessions(device.id, start, end, call.data[ATTR_LIMIT]),
        )
        return {"sessions": [_session(session) for session in sessions]}

    async def get_charging_profiles(call: ServiceCall) -> ServiceResponse:
        """Return the charging profiles of a charger."""
        coordinator, device = _target(hass, call.data[ATTR_DEVICE_ID])
        profiles = await coordinator.ask(
            device, coordinator.provider.charging_profiles(device.id)
        )
        return {"profiles": [_profile(profile) for profile in profiles]}

    async def get_command(call: ServiceCall) -> ServiceResponse:
        """Return how far an earlier command came."""
        coordinator, device = _target(hass, call.data[ATTR_DEVICE_ID])
        return _result(
            await coordinator.ask(
                device,
                coordinator.provider.follow(device.id, call.data[ATTR_ACTION_ID]),
            )
        )

    for name, action in COMMAND_ACTIONS.items():
        schema = vol.Schema({vol.Required(ATTR_DEVICE_ID): cv.string, **action.fields})
        if action.admin:
            async_register_admin_service(
                hass, DOMAIN, name, run_command, schema, SupportsResponse.OPTIONAL
            )
        else:
            hass.services.async_register(
                DOMAIN,
                name,
                run_command,
                schema=schema,
                supports_response=SupportsResponse.OPTIONAL,
            )
    for name, answer, schema in (
        ("get_sessions", get_sessions, SESSIONS_SCHEMA),
        ("get_charging_profiles", get_charging_profiles, PROFILES_SCHEMA),
        ("get_command", get_command, COMMAND_SCHEMA),
    ):
        hass.services.async_register(
            DOMAIN, name, answer, schema=schema, supports_response=SupportsResponse.ONLY
        )


def _target(
    hass: HomeAssistant, registry_id: str
) -> tuple[ChargingCoordinator, Device]:
    """Return the device that an action is aimed at, and who serves it."""
    entry: ChargerConfigEntry
    found, entry = async_get_device_and_config_entry(hass, DOMAIN, registry_id)
    coordinator = entry.runtime_data
    if (device := coordinator.device_of(found.id)) is None:
        raise invalid("device_gone")
    return coordinator, device


def _iso(when: datetime | None) -> str | None:
    """Return a time in local words."""
    return None if when is None else dt_util.as_local(when).isoformat()


def _result(result: CommandResult) -> dict[str, Any]:
    """Tell how a command ended."""
    return {
        "verdict": str(result.verdict),
        "id": result.id,
        "message": result.message,
        "at": _iso(result.at),
    }


def _session(session: Session) -> dict[str, Any]:
    """Tell of a session; energy in kWh as the Energy dashboard has it."""
    return {
        "id": session.id,
        "start": _iso(session.started_at),
        "end": _iso(session.ended_at),
        "energy_kwh": None if session.energy is None else session.energy / 1000,
        "cost": None if session.cost is None else session.cost.amount,
        "currency": None if session.cost is None else session.cost.currency,
        "stop_reason": session.stop_reason,
        "id_token": session.id_token,
    }


def _profile(profile: ChargingProfile) -> dict[str, Any]:
    """Tell of a charging profile in the words of set_charging_profile."""
    words = {purpose: word for word, purpose in PURPOSES.items()}
    units = {unit: word for word, unit in RATE_UNITS.items()}
    return {
        ATTR_PROFILE_ID: profile.id,
        ATTR_PURPOSE: words[profile.purpose],
        ATTR_KIND: profile.kind.lower(),
        ATTR_STACK_LEVEL: profile.stack_level,
        ATTR_RATE_UNIT: units[profile.rate_unit],
        ATTR_RECURRENCY: None
        if profile.recurrency is None
        else profile.recurrency.lower(),
        ATTR_START_SCHEDULE: _iso(profile.start_schedule),
        ATTR_DURATION: profile.duration,
        ATTR_MINIMUM_RATE: profile.minimum_rate,
        ATTR_VALID_FROM: _iso(profile.valid_from),
        ATTR_VALID_TO: _iso(profile.valid_to),
        ATTR_PERIODS: [
            {
                ATTR_START_PERIOD: period.start_period,
                ATTR_LIMIT: period.limit,
                ATTR_NUMBER_PHASES: period.number_phases,
            }
            for period in profile.periods
        ],
    }
