"""Reading what AMPS is asked, and writing times as it does."""

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


def page(request: web.Request, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the page that was asked for."""
    try:
        offset = int(request.query.get("offset", "0"))
        limit = int(request.query.get("limit", "10"))
    except ValueError:
        raise invalid("offset and limit must be numbers.") from None
    if offset < 0 or not 1 <= limit <= 50:
        raise invalid("limit must be from 1 to 50, offset from 0.")
    return {
        "items": items[offset : offset + limit],
        "pagination": {
            "limit": limit,
            "offset": offset,
            "total": len(items),
            "hasMore": offset + limit < len(items),
        },
    }


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
    """Tell whether a value is a JSON number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
