"""What requests to Podero must be like, and the answers to those that are not."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
import json
from typing import Any
from uuid import UUID

from aiohttp import web


class Problem(Exception):
    """An answer that is not a success."""

    def __init__(self, status: int, detail: Any) -> None:
        """Keep the status and what the body says."""
        super().__init__(status)
        self.status = status
        self.detail = detail


def invalid(field: str, message: str, where: str = "body") -> Problem:
    """Return the answer to a value that cannot be."""
    loc = ["body", "payload", field] if where == "body" else [where, field]
    return Problem(422, [{"type": "value_error", "loc": loc, "msg": message}])


def uuid_in(request: web.Request, name: str) -> str:
    """Return an id of the path."""
    try:
        return str(UUID(request.match_info[name]))
    except ValueError:
        raise invalid(f"{name}_id", "Input should be a valid UUID", "path") from None


def flag_in(request: web.Request, name: str) -> bool:
    """Return a truth value of the query."""
    return request.query.get(name, "false").lower() in ("true", "1")


def day_in(request: web.Request, name: str) -> date:
    """Return a day of the query, which must be there."""
    try:
        return date.fromisoformat(request.query[name])
    except KeyError:
        raise invalid(name, "Field required", "query") from None
    except ValueError:
        raise invalid(name, "Input should be a valid date", "query") from None


def integer_in(
    request: web.Request, name: str, default: int, least: int, most: int | None
) -> int:
    """Return a number of the query."""
    try:
        value = int(request.query.get(name, default))
    except ValueError:
        raise invalid(name, "Input should be a valid integer", "query") from None
    if value < least or (most is not None and value > most):
        raise invalid(name, f"Input should be from {least} to {most}", "query")
    return value


async def object_in(request: web.Request) -> dict[str, Any]:
    """Return the JSON object sent."""
    try:
        body = json.loads(await request.text())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise invalid("payload", "Input should be a valid dictionary")
    return body


def changes_in(body: Mapping[str, Any]) -> dict[str, Any]:
    """Check the settings that can be written."""
    return {key: _CHECKS[key](key, body[key]) for key in _CHECKS if key in body}


def _level(key: str, value: Any) -> int | None:
    """Check a percentage or null."""
    if value is None:
        return None
    if _watts(key, value) > 100:
        raise invalid(key, "Input should be less than or equal to 100")
    return int(value)


def _watts(key: str, value: Any) -> int:
    if type(value) is not int:
        raise invalid(key, "Input should be a valid integer")
    if value < 0:
        raise invalid(key, "Input should be greater than or equal to 0")
    return value


def _truth(key: str, value: Any) -> bool:
    if type(value) is not bool:
        raise invalid(key, "Input should be a valid boolean")
    return value


def _moment(key: str, value: Any) -> datetime | None:
    """Check a date and time or null; a time of day alone is none."""
    if value is None:
        return None
    try:
        when = datetime.fromisoformat(value)
    except TypeError, ValueError:
        raise invalid(key, "Input should be a valid datetime") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


_CHECKS = {
    "charge_target_min": _level,
    "charge_target_max": _level,
    "charge_power_max_w": _watts,
    "is_charge_policy_enabled": _truth,
    "minimum_charge_limit": _level,
    "charge_deadline_at": _moment,
    "is_over_charge_allowed": _truth,
    "pause_power_until": _moment,
    "is_pause_power_active": _truth,
    "is_smart_optimization_active": _truth,
}
