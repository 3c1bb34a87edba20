"""Podero: the Partner API v2.0 for utilities' wallboxes.

A partner's client credentials reach every user of an organisation; an account here
is one user. The cloud optimises when a car charges. It has no start and no stop:
`StartCharging` lifts a pause and boosts, `StopCharging` pauses far into the future.
"""

from typing import Any
from uuid import UUID

from ..base import Field, FieldKind, InvalidSettingError, ProviderDescription, Settings
from ..settings import stripped, web_address
from .client import API
from .provider import PoderoProvider

_HOST = "https://app.podero.com"


def normalise(settings: Settings) -> dict[str, Any]:
    """Strip blanks, reduce the address to its host's, and check the ids."""
    result = stripped(settings)
    if "base_url" in result:
        result["base_url"] = web_address(result["base_url"]).split(API)[0]
    for key in ("org_id", "user_id"):
        if result.get(key):
            result[key] = _identifier(key, result[key])
    return result


def _identifier(key: str, value: str) -> str:
    """Return a UUID the way the API writes it."""
    try:
        return str(UUID(value))
    except ValueError as err:
        raise InvalidSettingError(key, "invalid_id") from err


DESCRIPTION = ProviderDescription(
    key="podero",
    name="Podero",
    factory=PoderoProvider,
    fields=(
        Field(key="base_url", kind=FieldKind.URL, default=_HOST),
        Field(key="client_id"),
        Field(key="client_secret", kind=FieldKind.SECRET),
        Field(key="org_id"),
        Field(key="user_id", required=False),
    ),
    options=(
        Field(key="wallbox_ids", required=False, default=""),
        Field(
            key="surplus_sessions",
            kind=FieldKind.BOOLEAN,
            required=False,
            default=False,
        ),
    ),
    account_field="user_id",
    portal=f"{_HOST}/oauth2/applications/register/",
    normalise=normalise,
)
