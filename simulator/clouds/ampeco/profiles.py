"""Charging profiles: how they are checked, kept, and what they allow when."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .query import Invalid, iso

PURPOSES = ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")
KINDS = ("Absolute", "Recurring", "Relative")
CYCLES = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}


@dataclass(eq=False, slots=True, kw_only=True)
class StoredProfile:
    """A charging profile on a station (number 0) or one of its EVSEs."""

    id: int
    number: int
    body: dict[str, Any]
    since: datetime

    @property
    def purpose(self) -> str:
        """Return what it limits."""
        return str(self.body["chargingProfilePurpose"])

    @property
    def level(self) -> int:
        """Return its stack level."""
        return int(self.body["stackLevel"])

    @property
    def schedule(self) -> dict[str, Any]:
        """Return its schedule."""
        schedule: dict[str, Any] = self.body["chargingSchedule"]
        return schedule

    def shown(self, *, lower_case: bool = False) -> dict[str, Any]:
        """Return it as objects include it, where its parts have other names."""
        cycle = self.body.get("recurrencyKind")
        return {
            "id": self.id,
            "purpose": self.purpose,
            "stackLevel": self.level,
            "chargingProfileKind": self.body["chargingProfileKind"],
            "recurrencyKind": cycle.lower() if cycle and lower_case else cycle,
            "chargingRateUnit": self.schedule["chargingRateUnit"],
            "minChargingRate": self.schedule.get("minChargingRate"),
            "scheduleStart": self.schedule.get("startSchedule"),
            "validFrom": self.body.get("validFrom"),
            "validTo": self.body.get("validTo"),
            "chargingCompleteAt": None,
            "duration": self.schedule.get("duration"),
            "schedulePeriods": self.schedule["chargingSchedulePeriod"],
        }

    def limit(
        self, now: datetime, session_start: datetime | None
    ) -> tuple[float | None, float | None]:
        """Return the limit in its unit, and in how many seconds that may change."""
        for key, starts in (("validFrom", True), ("validTo", False)):
            if bound := _time(self.body.get(key)):
                left = (bound - now).total_seconds()
                if starts and left > 0:
                    return None, left
                if not starts and left <= 0:
                    return None, None
        start = self._start(now, session_start)
        if start is None:
            return None, None
        passed = (now - start).total_seconds()
        if passed < 0:
            return None, -passed
        duration = self.schedule.get("duration")
        if duration is not None and passed >= duration:
            return None, self._next_cycle(passed)
        limit, change = None, self._next_cycle(passed)
        for period in self.schedule["chargingSchedulePeriod"]:
            ahead = period["startPeriod"] - passed
            if ahead <= 0:
                limit = float(period["limit"])
            else:
                change = ahead if change is None else min(change, ahead)
                break
        if duration is not None:
            change = min(change or duration, duration - passed)
        return limit, change

    def _start(self, now: datetime, session_start: datetime | None) -> datetime | None:
        """Return when the schedule that holds now began."""
        kind = self.body["chargingProfileKind"]
        if kind == "Relative":
            return session_start or now
        start = _time(self.schedule.get("startSchedule")) or self.since
        if kind == "Recurring" and start <= now:
            cycle = CYCLES[self.body["recurrencyKind"]]
            start += cycle * ((now - start) // cycle)
        return start

    def _next_cycle(self, passed: float) -> float | None:
        """Return the seconds until a recurring schedule begins anew."""
        if self.body["chargingProfileKind"] != "Recurring":
            return None
        return CYCLES[self.body["recurrencyKind"]].total_seconds() - passed


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def check(body: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a profile that can be kept, or say what is wrong with it."""
    _need(body, prefix, "stackLevel", int)
    _choice(body, prefix, "chargingProfilePurpose", PURPOSES)
    _choice(body, prefix, "chargingProfileKind", KINDS)
    if body["chargingProfileKind"] == "Recurring":
        _choice(body, prefix, "recurrencyKind", tuple(CYCLES))
    schedule = _need(body, prefix, "chargingSchedule", dict)
    inner = f"{prefix}chargingSchedule."
    _choice(schedule, inner, "chargingRateUnit", ("A", "W"))
    periods = _need(schedule, inner, "chargingSchedulePeriod", list)
    if not periods:
        raise Invalid(**{f"{inner}chargingSchedulePeriod": "The list is empty."})
    for index, period in enumerate(periods):
        place = f"{inner}chargingSchedulePeriod.{index}."
        if not isinstance(period, dict):
            raise Invalid(**{place.rstrip("."): "The value must be an object."})
        _need(period, place, "startPeriod", int)
        _need(period, place, "limit", int, float)
    if periods[0]["startPeriod"] != 0:
        raise Invalid(
            **{f"{inner}chargingSchedulePeriod.0.startPeriod": "The value must be 0."}
        )
    if schedule.get("duration") is not None:
        _need(schedule, inner, "duration", int)
    for key in ("validFrom", "validTo"):
        _check_time(body, prefix, key)
    _check_time(schedule, inner, "startSchedule")
    return body


def _check_time(body: dict[str, Any], prefix: str, key: str) -> None:
    try:
        when = _time(body.get(key))
    except TypeError, ValueError:
        when = None
        if body.get(key):
            raise Invalid(**{f"{prefix}{key}": "The value is not a date."}) from None
    if when and when.tzinfo is None:
        body[key] = iso(when.replace(tzinfo=UTC))


def _need(body: dict[str, Any], prefix: str, key: str, *types: type) -> Any:
    value = body.get(key)
    if value is None:
        raise Invalid(**{f"{prefix}{key}": f"The {key} field is required."})
    if type(value) not in types:
        raise Invalid(**{f"{prefix}{key}": f"The {key} has the wrong type."})
    return value


def _choice(
    body: dict[str, Any], prefix: str, key: str, choices: tuple[str, ...]
) -> None:
    if body.get(key) is None:
        raise Invalid(**{f"{prefix}{key}": f"The {key} field is required."})
    if body[key] not in choices:
        raise Invalid(**{f"{prefix}{key}": f"The selected {key} is invalid."})
