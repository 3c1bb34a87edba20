"""Who is who: whether credentials reach an account that is known.

An account is told by the chargers it reaches, not by keys, hosts or addresses: an
owner may have several keys, a server several addresses.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .const import (
    CONF_ACCOUNT_ID,
    CONF_ALL_CHARGERS,
    CONF_BASE_URL,
    CONF_CHARGERS,
    CONF_KEY,
    CONF_PROVIDER,
    DOMAIN,
)
from .providers.base import Account, Candidate


def new_key(
    provider: str,
    account: Account,
    candidates: Sequence[Candidate],
    entries: Iterable[ConfigEntry],
) -> str:
    """Return what a new entry and all that belongs to it is called from now on.

    It never changes, whatever becomes of credentials, address or chargers.
    """
    known = account.id or min((each.id for each in candidates), default=None)
    key = f"{provider}_{known}"
    # Some clouds merely count their chargers: two accounts may have the same ids.
    if known is None or any(entry.unique_id == key for entry in entries):
        key = f"{provider}_{uuid4().hex}"
    return key


def entry_of(
    hass: HomeAssistant,
    account: Account,
    candidates: Sequence[Candidate],
    data: Mapping[str, Any],
    entries: Iterable[ConfigEntry],
) -> ConfigEntry | None:
    """Return the entry that an account would be added to a second time.

    `data` are what would become the entry's data.
    """
    for entry in entries:
        if entry.data.get(CONF_PROVIDER) != data[CONF_PROVIDER]:
            continue
        if (
            _same_id(entry, account)
            or _shared(known_chargers(hass, entry), candidates)
            # Of an account that has neither id nor chargers, credentials are all.
            or _settings(entry.data) == _settings(data)
        ):
            return entry
    return None


def is_account_of(
    hass: HomeAssistant,
    entry: ConfigEntry,
    account: Account,
    candidates: Sequence[Candidate],
) -> bool:
    """Return whether an account is the one of an entry that is being renewed.

    Where one side has no chargers there is nothing to tell by, unless the cloud
    itself says that it is another account.
    """
    known = known_chargers(hass, entry)
    if _same_id(entry, account) or _shared(known, candidates):
        return True
    if None not in (account.id, entry.data.get(CONF_ACCOUNT_ID)):
        return False
    return not (known and candidates)


def known_chargers(hass: HomeAssistant, entry: ConfigEntry) -> dict[str, str | None]:
    """Return the ids of the chargers that an entry knows, with serial numbers."""
    prefix = f"{entry.data[CONF_KEY]}_"
    known: dict[str, str | None] = {}
    if not entry.options.get(CONF_ALL_CHARGERS, True):
        known = dict.fromkeys(entry.options.get(CONF_CHARGERS, ()))
    for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id):
        # What surrounds chargers is registered as a service.
        if device.entry_type is None:
            for domain, identifier in device.identifiers:
                if domain == DOMAIN and identifier.startswith(prefix):
                    known[identifier.removeprefix(prefix)] = device.serial_number
    return known


def is_older(entry: ConfigEntry, other: ConfigEntry) -> bool:
    """Return whether an entry was made before another."""
    return (entry.created_at, entry.entry_id) < (other.created_at, other.entry_id)


def same_cloud(entry: ConfigEntry, other: ConfigEntry) -> bool:
    """Return whether two accounts are at one cloud: ids mean the same there."""
    return all(
        entry.data.get(key) == other.data.get(key)
        for key in (CONF_PROVIDER, CONF_BASE_URL)
    )


def chargers_of_older_accounts(
    hass: HomeAssistant, entry: ConfigEntry
) -> dict[str, str | None]:
    """Return the chargers that older accounts at the same cloud have, with serials.

    What is made once for a charger is theirs to make.
    """
    chargers: dict[str, str | None] = {}
    for other in hass.config_entries.async_entries(DOMAIN, include_disabled=False):
        if is_older(other, entry) and same_cloud(other, entry):
            chargers |= known_chargers(hass, other)
    return chargers


def is_among(
    known: Mapping[str, str | None], charger_id: str, serial: str | None
) -> bool:
    """Return whether a charger is one of those known.

    Serial numbers, where both sides have one, tell chargers of the same id apart.
    """
    return charger_id in known and (
        None in (serial, known[charger_id]) or serial == known[charger_id]
    )


def _same_id(entry: ConfigEntry, account: Account) -> bool:
    """Return whether the cloud calls an account what it called an entry's."""
    return account.id is not None and entry.data.get(CONF_ACCOUNT_ID) == account.id


def _shared(known: Mapping[str, str | None], candidates: Sequence[Candidate]) -> bool:
    """Return whether an account reaches a charger that is known."""
    return any(
        is_among(known, candidate.id, candidate.serial) for candidate in candidates
    )


def _settings(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return how an account is reached."""
    return {
        key: value
        for key, value in data.items()
        if key not in (CONF_KEY, CONF_ACCOUNT_ID)
    }
