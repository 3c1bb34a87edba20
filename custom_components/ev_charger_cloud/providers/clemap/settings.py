"""What a user types in, made fit for use."""

import re
from typing import Any
from urllib.parse import unquote

from ..base import InvalidSettingError, Settings
from ..settings import stripped, web_address

BASE_URL = "https://cloud.clemap.com:3032"

_STATION = re.compile(
    r"^(?P<base>.*?)/edgedevices/(?P<edge>[^/?#]+)/evses/(?P<evse>[^/?#]+)",
    re.IGNORECASE,
)
_ID = re.compile(r"[\w.:~@-]+")
_TOKEN = re.compile(r"[\x21-\x7e]+")


def compact(uuid: str | None) -> str:
    """Return a uuid in the way that all its spellings share."""
    return (uuid or "").replace("-", "").lower()


def normalise(settings: Settings) -> dict[str, Any]:
    """Strip blanks, take a pasted status URL apart, and check every part.

    An id may be given as the address of the station's status, which then also tells
    the other id and the base URL.
    """
    result = stripped(settings)
    for key in ("base_url", "edge_device_id", "evse_id"):
        if match := _STATION.match(result.get(key) or ""):
            result["edge_device_id"] = unquote(match["edge"])
            result["evse_id"] = unquote(match["evse"])
            result["base_url"] = match["base"] or result.get("base_url")
            break
    result["base_url"] = web_address(result.get("base_url") or BASE_URL)
    for key, pattern in (
        ("edge_device_id", _ID),
        ("evse_id", _ID),
        ("token", _TOKEN),
    ):
        if not pattern.fullmatch(result.get(key) or ""):
            raise InvalidSettingError(
                key, "invalid_token" if key == "token" else "invalid_id"
            )
    return result
