"""Actions: what needs more words than an entity has."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any

import voluptuous as vol

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.const import (
    ATTR_AREA_ID,
    ATTR_DEVICE_ID,
    ATTR_FLOOR_ID,
    ATTR_LABEL_ID,
)
from homeassistant.core import (
    Context,
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
    UnknownUser,
)
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.json import json_dumps
from homeassistant.helpers.service import (
    async_get_config_entry,
    async_get_device_and_config_entry,
    async_register_admin_service,
)
from homeassistant.helpers.target import (
    TargetSelection,
    async_extract_referenced_entity_ids,
)
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType

from .account import AccountCoordinator, ChargerConfigEntry, async_device_at
from .charging import (
    ChargingProfile,
    CommandResult,
    Device,
    Money,
    NotSupportedError,
    Reading,
    ResourceRequest,
    Session,
    SessionStatus,
    Verb,
)
from .command_queue import raise_for
from .const import DOMAIN
from .error_translation import invalid
from .ledger import SessionRecord
from .names import async_export_titles, async_load_names
from .service_commands import (
    ATTR_ACTION_ID,
    ATTR_CONFIG_ENTRY_ID,
    ATTR_DATE_STYLE,
    ATTR_DECIMAL,
    ATTR_DURATION,
    ATTR_END,
    ATTR_FIELDS,
    ATTR_FILE_NAME,
    ATTR_FILTERS,
    ATTR_FORMAT,
    ATTR_INCLUDE,
    ATTR_KIND,
    ATTR_LIMIT,
    ATTR_MINIMUM_RATE,
    ATTR_NUMBER_PHASES,
    ATTR_PAGE,
    ATTR_PARENT_ID,
    ATTR_PERIODS,
    ATTR_PRICE,
    ATTR_PROFILE_ID,
    ATTR_PURPOSE,
    ATTR_RATE_UNIT,
    ATTR_RECURRENCY,
    ATTR_REPEAT,
    ATTR_RESOURCE,
    ATTR_RESOURCE_ID,
    ATTR_SESSION_ID,
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
from .session_export import (
    DATE_STYLES,
    DECIMALS,
    FORMATS,
    ExportView,
    Line,
    as_csv,
    as_json,
    async_link,
    file_name,
    lines_of,
    totals_of,
    write,
)
from .session_history import SessionHistory

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
EXPORT_SCHEMA = vol.Schema(
    {
        vol.Required(ATTR_DEVICE_ID): vol.All(
            cv.ensure_list, [cv.string], vol.Length(min=1)
        ),
        vol.Optional(ATTR_START): cv.datetime,
        vol.Optional(ATTR_END): cv.datetime,
        vol.Optional(ATTR_FORMAT, default=FORMATS[0]): vol.In(FORMATS),
        vol.Optional(ATTR_DECIMAL, default=DECIMALS[0]): vol.In(DECIMALS),
        vol.Optional(ATTR_DATE_STYLE, default=DATE_STYLES[0]): vol.In(DATE_STYLES),
        vol.Optional(ATTR_PRICE): vol.All(vol.Coerce(float), vol.Range(0, 1000)),
        vol.Optional(ATTR_FILE_NAME): vol.All(cv.string, vol.Length(1, 100)),
    }
)
SESSION_SCHEMA = vol.Schema(
    {
        vol.Required(ATTR_DEVICE_ID): cv.string,
        vol.Required(ATTR_SESSION_ID): cv.string,
    }
)
# One device by its id is answered as it is; several, areas and labels by device.
_TARGETS = frozenset({ATTR_DEVICE_ID, ATTR_AREA_ID, ATTR_FLOOR_ID, ATTR_LABEL_ID})
_PLACES = _TARGETS - {ATTR_DEVICE_ID}
_ONE_DEVICE: dict[vol.Marker, Any] = {vol.Required(ATTR_DEVICE_ID): cv.string}
_TARGET: dict[vol.Marker, Any] = {
    vol.Optional(ATTR_DEVICE_ID): vol.Any(cv.string, [cv.string]),
    **{vol.Optional(key): vol.All(cv.ensure_list, [cv.string]) for key in _PLACES},
}
PROFILES_SCHEMA = vol.Schema({vol.Required(ATTR_DEVICE_ID): cv.string})


_KIND: dict[vol.Marker, Any] = {
    vol.Required(ATTR_CONFIG_ENTRY_ID): cv.string,
    vol.Required(ATTR_RESOURCE): cv.slug,
    vol.Optional(ATTR_PARENT_ID): cv.string,
}
_ONE: dict[vol.Marker, Any] = {**_KIND, vol.Required(ATTR_RESOURCE_ID): cv.string}
_FIELDS = vol.All(dict, vol.Length(min=1))
_INCLUDE = vol.All(cv.ensure_list, [cv.string])
RESOURCE_SCHEMAS: dict[str, vol.Schema] = {
    "list_resources": vol.Schema(
        {
            **_KIND,
            vol.Optional(ATTR_FILTERS): {cv.string: vol.Any(bool, int, float, str)},
            vol.Optional(ATTR_INCLUDE): _INCLUDE,
            vol.Optional(ATTR_LIMIT, default=50): vol.All(
                vol.Coerce(int), vol.Range(min=1, max=100)
            ),
            vol.Optional(ATTR_PAGE): cv.string,
        }
    ),
    "get_resource": vol.Schema({**_ONE, vol.Optional(ATTR_INCLUDE): _INCLUDE}),
    "create_resource": vol.Schema({**_KIND, vol.Required(ATTR_FIELDS): _FIELDS}),
    "update_resource": vol.Schema({**_ONE, vol.Required(ATTR_FIELDS): _FIELDS}),
    "delete_resource": vol.Schema(_ONE),
}


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
        fields = {key: call.data[key] for key in call.data.keys() - _TARGETS}
        registry_id = call.data.get(ATTR_DEVICE_ID)
        if isinstance(registry_id, str) and call.data.keys().isdisjoint(_PLACES):
            return await run_at(call, registry_id, fields)
        chosen = _chosen(hass, call, fields)
        answers = await asyncio.gather(
            *(run_at(call, each, fields) for each in chosen), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException) and not (
                call.return_response and isinstance(answer, HomeAssistantError)
            ):
                raise answer
        return {
            "devices": {
                each: {"error": str(answer)}
                if isinstance(answer, BaseException)
                else answer
                for each, answer in zip(chosen, answers, strict=True)
            }
        }

    async def run_at(
        call: ServiceCall, registry_id: str, given: Mapping[str, Any]
    ) -> JsonObjectType:
        """Have a command carried out at one device."""
        fields = dict(given)
        action = COMMAND_ACTIONS[call.service]
        coordinator, device = await async_target(
            hass, call.context, registry_id, POLICY_CONTROL
        )
        if action.billing & fields.keys():
            await _require_admin(hass, call)
        repeat = fields.pop(ATTR_REPEAT, False)
        subject = coordinator.name_of(device)
        try:
            command = action.build(device, fields)
        except ServiceValidationError as err:
            # Who makes a command of fields does not know what its device is called.
            told = err.translation_placeholders or {}
            raise invalid(
                str(err.translation_key), **(told | {"subject": subject})
            ) from None
        result = await coordinator.commands.execute(command, repeat=repeat)
        # Who asks for the response is told there, everybody else by an error.
        if not call.return_response:
            raise_for(result, subject)
        return _result(result) | _balance(coordinator.data.get(device.id))

    async def get_session(call: ServiceCall) -> ServiceResponse:
        """Return one session of a charger."""
        coordinator, device = await async_target(
            hass, call.context, call.data[ATTR_DEVICE_ID], POLICY_READ
        )
        session = await coordinator.ask(
            device,
            coordinator.provider.session(device.id, call.data[ATTR_SESSION_ID]),
        )
        return _session(session, history=coordinator.history)

    async def get_charging_profiles(call: ServiceCall) -> ServiceResponse:
        """Return the charging profiles of a charger."""
        coordinator, device = await async_target(
            hass, call.context, call.data[ATTR_DEVICE_ID], POLICY_READ
        )
        profiles = await coordinator.ask(
            device, coordinator.provider.charging_profiles(device.id)
        )
        return {"profiles": [_profile(profile) for profile in profiles]}

    async def get_command(call: ServiceCall) -> ServiceResponse:
        """Return how far an earlier command came."""
        coordinator, device = await async_target(
            hass, call.context, call.data[ATTR_DEVICE_ID], POLICY_READ
        )
        return _command(
            await coordinator.ask(
                device,
                coordinator.provider.follow(device.id, call.data[ATTR_ACTION_ID]),
            )
        )

    async def resources(call: ServiceCall) -> ServiceResponse:
        """Look at what an operator keeps in a cloud, or change it."""
        entry: ChargerConfigEntry = async_get_config_entry(
            hass, DOMAIN, call.data[ATTR_CONFIG_ENTRY_ID]
        )
        coordinator, request = entry.runtime_data, _request(call)
        provider = coordinator.provider
        kind = provider.resource_kinds.get(request.kind)
        verb = _VERBS[call.service]
        if kind is None or verb not in kind.verbs:
            raise invalid("no_such_resource", resource=request.kind, verb=verb)
        subject = entry.title
        if verb is Verb.LIST:
            page = await coordinator.ask_account(
                subject, provider.list_resources(request)
            )
            return {
                "resources": [dict(item) for item in page.items],
                "next_page": page.next_page,
            }
        answer = await coordinator.ask_account(
            subject,
            provider.get_resource(request)
            if verb is Verb.READ
            else provider.change_resource(verb, request),
        )
        return {"resource": None if answer is None else dict(answer)}

    for name, schema in RESOURCE_SCHEMAS.items():
        looks = name.startswith(("list", "get"))
        async_register_admin_service(
            hass,
            DOMAIN,
            name,
            resources,
            schema,
            SupportsResponse.ONLY if looks else SupportsResponse.OPTIONAL,
        )
    for name, action in COMMAND_ACTIONS.items():
        schema = vol.Schema(
            vol.All(
                {**(_ONE_DEVICE if action.admin else _TARGET), **action.fields},
                cv.has_at_least_one_key(*_TARGETS),
            )
        )
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
    hass.http.register_view(ExportView)
    for name, answer, schema in (
        ("export_sessions", partial(_export_sessions, hass), EXPORT_SCHEMA),
        ("get_sessions", partial(_get_sessions, hass), SESSIONS_SCHEMA),
        ("get_session", get_session, SESSION_SCHEMA),
        ("get_charging_profiles", get_charging_profiles, PROFILES_SCHEMA),
        ("get_command", get_command, COMMAND_SCHEMA),
    ):
        hass.services.async_register(
            DOMAIN, name, answer, schema=schema, supports_response=SupportsResponse.ONLY
        )


async def _get_sessions(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Return the sessions of a charger, of the ledger where it knows them all."""
    coordinator, device = await async_target(
        hass, call.context, call.data[ATTR_DEVICE_ID], POLICY_READ
    )
    end = utc(call.data.get(ATTR_END)) or dt_util.utcnow()
    start = utc(call.data.get(ATTR_START)) or end - _HISTORY
    if start >= end:
        raise invalid("span_reversed")
    limit = call.data[ATTR_LIMIT]
    history = coordinator.history
    as_of = history.known_as_of(device, start, end)
    if as_of is None:

        async def ask() -> Sequence[Session] | None:
            """Ask the cloud; None where it keeps no sessions."""
            try:
                return await coordinator.provider.sessions(device.id, start, end, limit)
            except NotSupportedError:
                return None

        sessions = await coordinator.ask(device, ask())
        if sessions is not None:
            return {
                "sessions": [
                    _session(session, history=history) for session in sessions
                ],
                "source": "cloud",
                "as_of": _iso(dt_util.utcnow()),
            }
    records = coordinator.ledger.sessions(coordinator.parts_of(device), start, end)
    began = [record for record in records if record.start >= start]
    return {
        "sessions": [_record(record) for record in began[:limit]],
        "source": "ledger",
        "as_of": _iso(as_of or dt_util.utcnow()),
    }


async def _export_sessions(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Return the finished sessions of chargers as a table."""
    fields = call.data
    if ATTR_FILE_NAME in fields:
        await _require_admin(hass, call)
    end = utc(fields.get(ATTR_END)) or dt_util.utcnow()
    month = dt_util.start_of_local_day(dt_util.as_local(end)).replace(day=1)
    start = utc(fields.get(ATTR_START)) or month
    if start >= end:
        raise invalid("span_reversed")
    # A connector may be named beside its charger.
    lines: dict[tuple[str, str], list[Line]] = {}
    for registry_id in fields[ATTR_DEVICE_ID]:
        coordinator, device = await async_target(
            hass, call.context, registry_id, POLICY_READ
        )
        for part_id in coordinator.parts_of(device):
            part = coordinator.data[part_id]
            charger = coordinator.data[coordinator.charger_id(part)]
            records = coordinator.ledger.sessions([part_id], start)
            lines[coordinator.config_entry.entry_id, part_id] = lines_of(
                [record for record in records if record.end < end],
                coordinator.title_of(part),
                part.serial or charger.serial,
                fields.get(ATTR_PRICE),
                hass.config.currency,
            )
    table = sorted(chain(*lines.values()), key=lambda line: str(line["start"]))
    totals = totals_of(table)
    answer: dict[str, Any] = {"sessions": as_json(table), "totals": totals}
    if ATTR_FILE_NAME not in fields:
        return answer
    kind = fields[ATTR_FORMAT]
    if kind == "json":
        content = json_dumps(answer)
    else:
        await async_load_names(hass)
        content = as_csv(
            table,
            totals,
            async_export_titles(hass),
            decimal=fields[ATTR_DECIMAL],
            date_style=fields[ATTR_DATE_STYLE],
        )
    name = file_name(fields[ATTR_FILE_NAME], kind)
    path = await hass.async_add_executor_job(write, hass, name, content)
    if path is None:
        raise invalid("no_export_folder")
    return {**answer, "file": str(path), "link": async_link(hass, name)}


async def async_target(
    hass: HomeAssistant, context: Context, registry_id: str, policy: str
) -> tuple[AccountCoordinator, Device]:
    """Return the device that an action is aimed at, and who serves it.

    Whoever calls needs the same right to the device's entities as to use them.
    """
    entry: ChargerConfigEntry
    found, entry = async_get_device_and_config_entry(hass, DOMAIN, registry_id)
    if (user := await _user(hass, context)) is not None and not user.is_admin:
        entities = er.async_entries_for_device(
            er.async_get(hass), found.id, include_disabled_entities=True
        )
        if not entities or not all(
            user.permissions.check_entity(entity.entity_id, policy)
            for entity in entities
        ):
            raise Unauthorized(context=context, permission=policy)
    coordinator = entry.runtime_data
    if (device := coordinator.device_of(found.id)) is None:
        raise invalid("device_gone")
    return coordinator, device


def _chosen(
    hass: HomeAssistant, call: ServiceCall, fields: Mapping[str, Any]
) -> list[str]:
    """Return the devices that are named, and those at places that take the command."""
    action = COMMAND_ACTIONS[call.service]
    named = call.data.get(ATTR_DEVICE_ID, [])
    chosen = dict.fromkeys([named] if isinstance(named, str) else named)
    places = TargetSelection({key: call.data.get(key) for key in _PLACES})
    at_places = async_extract_referenced_entity_ids(hass, places).referenced_devices
    for registry_id in sorted(at_places):
        device = async_device_at(hass, registry_id)
        if device is not None and device.takes(action.build(device, dict(fields))):
            chosen[registry_id] = None
    if not chosen:
        raise invalid("nobody_there")
    return list(chosen)


async def _user(hass: HomeAssistant, context: Context) -> User | None:
    """Return who calls; automations and Home Assistant itself are nobody."""
    if context.user_id is None:
        return None
    if (user := await hass.auth.async_get_user(context.user_id)) is None:
        raise UnknownUser(context=context)
    return user


async def _require_admin(hass: HomeAssistant, call: ServiceCall) -> None:
    """Let only administrators name whom to bill."""
    user = await _user(hass, call.context)
    if user is not None and not user.is_admin:
        raise Unauthorized(context=call.context)


_VERBS = {
    "list_resources": Verb.LIST,
    "get_resource": Verb.READ,
    "create_resource": Verb.CREATE,
    "update_resource": Verb.UPDATE,
    "delete_resource": Verb.DELETE,
}


def _request(call: ServiceCall) -> ResourceRequest:
    """Return what is asked for; a filter is a word, whatever was typed."""
    fields = call.data
    filters = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in fields.get(ATTR_FILTERS, {}).items()
    }
    return ResourceRequest(
        kind=fields[ATTR_RESOURCE],
        id=fields.get(ATTR_RESOURCE_ID),
        parent=fields.get(ATTR_PARENT_ID),
        fields=fields.get(ATTR_FIELDS),
        filters=filters,
        include=tuple(fields.get(ATTR_INCLUDE, ())),
        limit=fields.get(ATTR_LIMIT, 1),
        page=fields.get(ATTR_PAGE),
    )


def _iso(when: datetime | None) -> str | None:
    """Return a time in local words."""
    return None if when is None else dt_util.as_local(when).isoformat()


def _result(result: CommandResult) -> dict[str, Any]:
    """Tell how a command ended."""
    return {
        "outcome": result.outcome,
        "reason": result.reason,
        "message": result.message,
        "id": result.id,
        "due_at": _iso(result.due_at),
        "sent_at": _iso(result.sent_at),
        "finished_at": _iso(result.finished_at),
    }


def _balance(account: Device | None) -> dict[str, Any]:
    """Tell what is on a driver's account now; chargers have none."""
    balance = account.readings.get(Reading.BALANCE) if account else None
    if not isinstance(balance, Money):
        return {}
    return {"balance": balance.amount, "currency": balance.currency}


def _command(result: CommandResult) -> dict[str, Any]:
    """Tell what a cloud has on record of a command."""
    return {
        **_result(result),
        "action": result.action,
        "parameters": dict(result.parameters),
        "created_at": _iso(result.created_at),
        "updated_at": _iso(result.updated_at),
        "acknowledged_at": _iso(result.acknowledged_at),
        "error_code": result.error_code,
        "vendor_result": result.vendor_result,
    }


def _session(session: Session, *, history: SessionHistory) -> dict[str, Any]:
    """Tell of a session; energy in kWh as the Energy dashboard has it."""
    cost = history.cost_of(session)
    return {
        "id": session.id,
        "start": _iso(session.started_at),
        "end": _iso(session.ended_at),
        "energy_kwh": _kwh(session.energy),
        "cost": cost and cost.amount,
        "currency": cost and cost.currency,
        "duration_minutes": _minutes(session.started_at, session.ended_at),
        "status": session.status,
        "stop_reason": session.stop_reason,
        "connector": session.connector,
        "id_token": session.id_token,
        "user_id": session.user_id,
        "meter_start_kwh": _kwh(session.meter_start),
        "meter_stop_kwh": _kwh(session.meter_stop),
        "payment_status": session.payment_status,
        "key": session.key,
    }


def _record(record: SessionRecord) -> dict[str, Any]:
    """Tell of a session of the ledger as of one that comes from the cloud."""
    return {
        "id": record.id,
        "start": _iso(record.start),
        "end": _iso(record.end),
        "energy_kwh": _kwh(record.energy),
        "cost": record.cost,
        "currency": record.currency,
        "duration_minutes": _minutes(record.start, record.end),
        "status": SessionStatus.FINISHED,
        "stop_reason": record.stop_reason,
        "connector": record.connector,
        "id_token": record.id_token,
        "user_id": record.user_id,
        "meter_start_kwh": _kwh(record.meter_start),
        "meter_stop_kwh": _kwh(record.meter_stop),
        "payment_status": record.payment_status,
        "key": record.key,
        "observed": record.observed,
    }


def _kwh(energy: float | None) -> float | None:
    """Return an energy as the Energy dashboard has it."""
    return None if energy is None else energy / 1000


def _minutes(start: datetime | None, end: datetime | None) -> float | None:
    """Return how long something took, or takes already."""
    if start is None:
        return None
    return round(((end or dt_util.utcnow()) - start).total_seconds() / 60, 1)


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
