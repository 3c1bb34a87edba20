"""Plugchoice, formerly Volt Time Cloud: chargers that speak OCPP 1.6 to it."""

from typing import Any, Final

from yarl import URL

from ..base import Field, FieldKind, ProviderDescription, Settings
from ..settings import stripped, web_address
from .provider import PlugchoiceProvider

_API: Final = "/api/v3"


def normalise(settings: Settings) -> dict[str, Any]:
    """Tidy what was typed in: an address may lack its scheme or the API's path."""
    tidy = stripped(settings)
    if "base_url" in tidy:
        address = web_address(tidy["base_url"])
        tidy["base_url"] = address if URL(address).path != "/" else address + _API
    if "token" in tidy:
        scheme, *words = str(tidy["token"]).split() or [""]
        if scheme.lower() != "bearer" or not words:
            words.insert(0, scheme)
        tidy["token"] = "".join(words)
    return tidy


DESCRIPTION: Final = ProviderDescription(
    key="plugchoice",
    name="Plugchoice",
    factory=PlugchoiceProvider,
    fields=(
        Field(
            key="base_url",
            kind=FieldKind.URL,
            default=f"https://app.plugchoice.com{_API}",
        ),
        Field(key="token", kind=FieldKind.SECRET),
    ),
    options=(
        Field(key="id_token", required=False, default=""),
        Field(
            key="stack_level",
            kind=FieldKind.NUMBER,
            default=1,
            minimum=0,
            maximum=99,
        ),
    ),
    portal="https://app.plugchoice.com/settings/personal-access-tokens",
    normalise=normalise,
)
