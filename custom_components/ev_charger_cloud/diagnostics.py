"""Diagnostics: all that is needed to help, and nothing that tells who it is about."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from hashlib import sha256
import re
from typing import Any

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .account import ChargerConfigEntry
from .charging import Device, Money, Reading, Value
from .const import CONF_ALL_CHARGERS, CONF_ENTITIES, CONF_KEY, CONF_PACE, CONF_PROVIDER
from .provider_import import async_import_provider
from .providers.base import FieldKind

type _Alias = Callable[[object], str]

# Settings of every account that say nothing of its owner.
_STRUCTURE = frozenset({CONF_ALL_CHARGERS, CONF_ENTITIES, CONF_PACE, CONF_PROVIDER})

# Free text may hold a name; these are words of clouds and chargers.
_HARMLESS_TEXTS = frozenset(
    {
        Reading.CLOUD_STATUS,
        Reading.DATA_SOURCE,
        Reading.ERROR_DETAIL,
        Reading.OPERATING_MODE,
        Reading.STEERING_STATE,
    }
)

# A cloud's field is told if each word of its name is one of these: it tells of a charger
# and not of a person.
_HARMLESS = frozenset(  # a list would have one line for each
    """
    ac access acknowledged action actions active actual amount at auto availability
    available average backlog basis billing boost canonical capabilities charge
    charged charging class closed code command commands communication completed
    config configuration conflict connected connection connections consumption
    context controllable cost count counts created currency current cycle dates day
    dc deadline deferred desired direction disconnection dispatch duration dynamic
    electrical enabled end ended endpoint ends energy environment execution expires
    export final firmware forbidden forced format frequency full generation hardware
    has health heartbeat hems import in interval inverter is kind kw kwh length
    level lifecycle limit limits live lost manufacturer max maximum meter min
    minimum mode model monitoring monthly network oddities of off offered offline
    old online open operative option options parameter parsed pause payment percent
    percentage period periods permitted phase phases plugged policy poll polls power price
    projection protocol pulled purpose range rate read reason register remaining
    requested requests reserved reset resource rotation route sample scheduled
    schedules seconds sent settings since smart soc source stack stale standard
    start started starts state states status steering step stop stopped strategies
    supported surplus suspended sweep switched target temperature time timestamp
    timezone total trouble type types unit units until updated updates upper valid
    vendor version voltage w warnings watched week wh year
    """.split()  # noqa: SIM905
)
# These too, but for a field of just that name: it may hold a name or an id.
_NOUNS = frozenset(
    """
    charger chargers circuit circuits connector connectors customer data device
    devices error errors evse evses first last location locations outlet plug plugs
    points profile profiles raw reservation session sessions station stations tariff
    transaction unreadable value values vehicle wallbox wallboxes
    """.split()  # noqa: SIM905
)
_KNOWN = _HARMLESS | _NOUNS
_COUNTED = frozenset(noun for noun in _NOUNS if noun.endswith("s")) | {"value"}
_IDS = frozenset({"id", "ids", "uuid", "uuids"})
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_TELLING = re.compile(r"@|\d{3}|[^\w./{}:-]")
_LONGEST = 60


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: ChargerConfigEntry
) -> dict[str, Any]:
    """Return what is known of an account."""
    description = await async_import_provider(hass, entry.data[CONF_PROVIDER])
    # Told is what is known to be harmless: a setting of tomorrow is private until then.
    told = _STRUCTURE | {
        field.key
        for field in (*description.fields, *description.options)
        if field.kind in (FieldKind.URL, FieldKind.NUMBER, FieldKind.BOOLEAN)
        and field.key != description.account_field
    }
    private = (entry.data.keys() | entry.options.keys()) - told
    settings = {
        "settings": async_redact_data({**entry.data}, private),
        "options": async_redact_data({**entry.options}, private),
    }
    if entry.state is not ConfigEntryState.LOADED:
        return settings
    coordinator = entry.runtime_data
    alias = _alias_of(entry)
    trouble = coordinator.last_exception
    return {
        **settings,
        "poll": {
            "interval": coordinator.update_interval,
            "last_update_success": coordinator.last_update_success,
            "last_exception": None if trouble is None else type(trouble).__name__,
        },
        "push": coordinator.push.diagnostics(),
        "fleet": [_plain(device, alias) for device in coordinator.data.values()],
        "provider": _harmless(coordinator.provider.diagnostics(), alias),
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: ChargerConfigEntry, device: dr.AnyDeviceEntry
) -> dict[str, Any]:
    """Return what is known of one device."""
    if entry.state is not ConfigEntryState.LOADED:
        return {"device": None}
    described = entry.runtime_data.device_of(device.id)
    return {
        "device": None if described is None else _plain(described, _alias_of(entry))
    }


def _plain(device: Device, alias: _Alias) -> dict[str, Any]:
    """Describe a device without naming it."""
    return {
        "id": alias(device.id),
        "parent": None if device.parent is None else alias(device.parent),
        "kind": device.kind,
        "maker": device.maker,
        "model": device.model,
        "firmware": device.firmware,
        "online": device.online,
        "stale": device.stale,
        "readings": {
            reading: _value(value)
            for reading, value in device.readings.items()
            if reading.kind is not str or reading in _HARMLESS_TEXTS
        },
        "controls": {
            control: {
                "value": _value(state.value)
                if not state.options
                else bool(state.value),
                "minimum": state.minimum,
                "maximum": state.maximum,
                "step": state.step,
                "options": len(state.options),
            }
            for control, state in device.controls.items()
        },
        "commands": sorted(command.__name__ for command in device.commands),
    }


def _value(value: Value) -> object:
    """Return a value as JSON can hold it."""
    if isinstance(value, Money):
        return {"amount": value.amount, "currency": value.currency}
    return value


def _alias_of(entry: ChargerConfigEntry) -> _Alias:
    """Return what gives ids names that are the same each time and give nothing away."""
    salt = str(entry.data.get(CONF_KEY))

    def alias(known: object) -> str:
        """Return the short name of an id."""
        return sha256(f"{salt}/{known}".encode()).hexdigest()[:8]

    return alias


def _harmless(told: Any, alias: _Alias, name: str = "") -> Any:
    """Return what a provider tells, without what is not known to be harmless.

    Ids become aliases, so that one can see what belongs together.
    """
    match told:
        case Mapping():
            return {
                alias(key) if _TELLING.search(str(key)) else str(key): _harmless(
                    value, alias, str(key)
                )
                for key, value in told.items()
            }
        case list() | tuple() | set() | frozenset():
            return [_harmless(value, alias, name) for value in told]
        case None | bool():
            return told
        case date() | timedelta():
            return str(told)
    words = [word.lower() for word in _WORDS.findall(name)] or [""]
    number = isinstance(told, int | float)
    if words[-1] in _IDS or (
        words[-1] in _NOUNS and not (number and words[-1] in _COUNTED)
    ):
        return alias(told)
    if not _KNOWN.issuperset(words):
        return REDACTED
    text = str(told)
    if not number and (len(text) > _LONGEST or "@" in text):
        return REDACTED
    return told if number else text
