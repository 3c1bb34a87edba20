"""What a user types in, made fit for use, and the options."""

import re
from typing import Any
from urllib.parse import unquote

from ..base import Field, FieldKind, InvalidSettingError, Settings
from ..settings import stripped, web_address
from ..wire import number

BASE_URL = "https://cloud.clemap.com:3032"

# The usual lowest current that a vehicle charges at: the API names no range.
MINIMUM_CURRENT = 6
MAXIMUM_CURRENT = Field(
    key="maximum_current",
    kind=FieldKind.NUMBER,
    required=False,
    default=16,
    minimum=MINIMUM_CURRENT,
    maximum=80,
    unit="A",
)
# s; the API names no range of durations either.
MINIMUM_DURATION = 60
HOLD_TIME = Field(
    key="hold_time",
    kind=FieldKind.NUMBER,
    required=False,
    default=600,
    minimum=MINIMUM_DURATION,
    maximum=3600,
    unit="s",
)
ALLOW_PAUSE = Field(
    key="allow_pause", kind=FieldKind.BOOLEAN, required=False, default=False
)

_STATION = re.compile(
    r"^(?P<base>.*?)/edgedevices/(?P<edge>[^/?#]+)/evses/(?P<evse>[^/?#]+)",
    re.IGNORECASE,
)
# No dots alone: they would be steps to another path.
_ID = re.compile(r"(?!\.{1,2}$)[\w.:~@-]+")
_TOKEN = re.compile(r"[\x21-\x7e]+")


def compact(uuid: str | None) -> str:
    """Return a uuid in the way that all its spellings share."""
    return (uuid or "").replace("-", "").lower()


def bounded(field: Field, settings: Settings) -> int:
    """Return a number from the options, within its bounds."""
    value = number(settings.get(field.key, field.default))
    low, high = int(field.minimum or 0), int(field.maximum or 0)
    return min(max(int(field.default if value is None else value), low), high)


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
