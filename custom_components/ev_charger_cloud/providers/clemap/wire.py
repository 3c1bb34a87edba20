"""CLEMAP's shapes, Direct EVSE Control API.

The status is documented field by field. Of the current target only words are: that
it comes with the time until which it is valid, that it is null when there is none,
and that a new one is answered as received or rejected. So those are read tolerantly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from ...charging import UnusableAnswerError
from ..transport import message_of
from ..wire import Wire, moment, number


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug(Wire):
    """A plug of the station; currents in A, `power` in W.

    `dyn_current_limit` (A) is what the load management grants it at present.
    """

    time: datetime | None = None
    plug_uuid: str | None = None
    plug_label: str | None = None
    evse_uuid: str | None = None
    status: str | None = None
    current_l1: float | None = None
    current_l2: float | None = None
    current_l3: float | None = None
    power: float | None = None
    dyn_current_limit: float | None = None

    @classmethod
    def read(cls, body: Any) -> list[Self]:
        """Read the plugs of a status, of one plug also without the list around it."""
        if isinstance(body, Mapping) and "status" in body:
            body = [body]
        plugs = cls.decode_all(body)
        if body and not plugs:
            raise UnusableAnswerError("no plug can be read", reason="unexpected_shape")
        return plugs


_UNTIL = ("valid_until", "validUntil", "until", "expires_at", "end_time", "time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The station's target: `current` in A, both None when there is none."""

    current: float | None = None
    valid_until: datetime | None = None

    @classmethod
    def read(cls, body: Any) -> Self:
        """Read the current settings, whatever their keys are.

        Raises UnusableAnswerError when they tell neither a number nor that there is
        none: to take such an answer for a reset would end a limit that stands.
        """
        if body == []:
            return cls()
        if isinstance(body, list):
            body = body[0]
        if not isinstance(body, Mapping) or not _tells(current := _current(body)):
            raise UnusableAnswerError(
                "Target: cannot be read", reason="unexpected_shape"
            )
        if current is None:
            return cls()
        named = (body.get(key) for key in _UNTIL)
        times = (moment(value) for value in (*named, *body.values()))
        return cls(
            current=number(current),
            valid_until=next((time for time in times if time), None),
        )


_NOTHING = object()


def _current(settings: Mapping[str, Any]) -> Any:
    """Find the target: under its likely key, else the first number, else a null."""
    if "current" in settings:
        return settings["current"]
    values = [value for key, value in settings.items() if key != "duration"]
    numbers = (value for value in values if _is_number(value))
    return next(numbers, None if None in values else _NOTHING)


def _is_number(value: Any) -> bool:
    """Tell a number from a text that looks like one, such as an id."""
    return not isinstance(value, str) and number(value) is not None


def _tells(current: Any) -> bool:
    """Return whether a value is a target or the lack of one."""
    return current is None or number(current) is not None


_TAKEN = ("success", "accepted", "received")


def rejection(body: Any) -> str | None:
    """Return the cloud's words when it rejected a target, None when it took it."""
    return (message_of(body) or "rejected") if _rejects(body) else None


def _rejects(body: Any) -> bool:
    """Look for a no at any depth."""
    if isinstance(body, Mapping):
        return any(
            (key in _TAKEN and value is False) or _rejects(value)
            for key, value in body.items()
        )
    if isinstance(body, list):
        return any(map(_rejects, body))
    return isinstance(body, str) and "reject" in body.lower()
