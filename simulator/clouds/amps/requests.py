"""Reading what AMPS is asked, and writing times as it does."""

from collections.abc import Callable
from datetime import datetime
import json
from typing import Any

from aiohttp import web

from .errors import invalid


def stamp(when: datetime | None) -> str | None:
    """Write a time."""
    if when is None:
        return None
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03}Z"


def page[ItemT](
    request: web.Request,
    items: list[ItemT],
    show: Callable[[ItemT], dict[str, Any]],
    quirk: str | None = None,
) -> dict[str, Any]:
    """Return the page that was asked for, or what a crooked cloud gives instead."""
    try:
        offset = int(request.query.get("offset", "0"))
        limit = int(request.query.get("limit", "10"))
    except ValueError:
        raise invalid("offset and limit must be numbers.") from None
    if offset < 0 or not 1 <= limit <= 50:
        raise invalid("limit must be from 1 to 50, offset from 0.")
    pagination: dict[str, Any] = {"limit": limit, "offset": offset}
    if quirk == "short":
        limit = min(limit, 7)
    shown = items[offset : offset + limit]
    more = offset + limit < len(items)
    match quirk:
        case "lossy":
            # As if one could not be read in time.
            shown, more = shown[:-1], more or len(shown) > 1
        case "empty":
            shown, more = (shown if offset == 0 else []), True
        case "repeating":
            shown, more = items[:limit], True
        case "alternating":
            half = max(1, len(items) // 2)
            first = offset // half % 2 == 0
            shown, more = (items[:half] if first else items[half : 2 * half]), True
        case "endless":
            more = True
    if quirk in (None, "lossy", "short"):
        pagination["total"] = len(items)
    pagination["hasMore"] = more
    return {"items": [show(item) for item in shown], "pagination": pagination}


async def sent(request: web.Request) -> dict[str, Any]:
    """Return the object that was sent."""
    try:
        body = json.loads(await request.text())
    except ValueError:
        raise invalid("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise invalid("The body is not an object.")
    return body


def is_number(value: Any) -> bool:
    """Return whether a value is a JSON number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
