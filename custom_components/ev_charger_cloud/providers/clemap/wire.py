"""CLEMAP's shapes, Direct EVSE Control API.

The status is documented field by field. Of the current target only words are: that
it comes with the time until which it is valid, that it is null when there is none,
and that a new one is answered as received or rejected. So those are read tolerantly.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

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


def plug_list(body: Any) -> Any:
    """Return the list in a status; of one plug it may come without."""
    return [body] if isinstance(body, Mapping) and "status" in body else body


_UNTIL = ("valid_until", "validUntil", "until", "expires_at", "end_time", "time")
_NEAR = timedelta(days=30)
_HIGHEST = 80  # A: no station that a vehicle is charged at is made for more


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The station's target: `current` in A, both None when there is none."""

    current: float | None = None
    valid_until: datetime | None = None

    @classmethod
    def read(cls, body: Any, now: datetime) -> Self | None:
        """Read the current settings, whatever their keys are.

        Returns None when they tell neither a target nor that there is none: ids, times
        and other numbers are no target.
        """
        settings = _within(body)
        if settings == []:
            return cls()
        if isinstance(settings, list):
            settings = settings[0]
        if not isinstance(settings, Mapping):
            return None
        values = list(_candidates(settings))
        current = next((value for value in values if value is not None), None)
        if current is not None:
            amperes = None if isinstance(current, bool) else number(current)
            if amperes is None or not 0 <= amperes <= _HIGHEST:
                return None
            return cls(current=amperes, valid_until=_valid_until(settings, now))
        return cls() if values else None


def _within(body: Any) -> Any:
    """Take a level of `data` off."""
    data = body.get("data") if isinstance(body, Mapping) else None
    return data if isinstance(data, Mapping | list) else body


def _candidates(settings: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what may be the target, the likeliest first."""
    if "current" in settings:
        yield settings["current"]
        return
    for word in ("target", "current", "limit"):
        named = [value for key, value in settings.items() if word in key.lower()]
        if values := [value for value in named if moment(value) is None]:
            yield from values
            return


def _valid_until(settings: Mapping[str, Any], now: datetime) -> datetime | None:
    """Find until when a target is valid: a written time, else an epoch near now."""
    named = [settings[key] for key in _UNTIL if key in settings]
    for value in (*named, *settings.values()):
        if (when := moment(value)) is not None:
            return when
    for value in named:
        epoch = None if isinstance(value, bool) else number(value)
        for seconds in () if epoch is None else (epoch, epoch / 1000):
            if abs(seconds - now.timestamp()) <= _NEAR.total_seconds():
                return datetime.fromtimestamp(seconds, UTC)
    return None


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
