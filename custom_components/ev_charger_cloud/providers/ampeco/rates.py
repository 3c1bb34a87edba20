"""What electricity costs at a site now."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from .wire import DayPrices, ElectricityRate, PricePeriod

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60


async def find_zone(name: str) -> tzinfo | None:
    """Load a time zone without holding the loop up; None when nobody knows it."""
    try:
        return await asyncio.to_thread(ZoneInfo, name)
    except KeyError, ValueError, OSError:
        return None


def price_at(
    rate: ElectricityRate, days: Sequence[DayPrices], when: datetime | None
) -> float | None:
    """Return the price per kWh at a local time of the site.

    A date's own prices win over those of the weekday, those over any day's, and
    those over the default. Without a local time only the default can be told.
    """
    if when is None:
        return None if days else rate.default_price
    minute = when.hour * 60 + when.minute
    today, weekday = when.date().isoformat(), _WEEKDAYS[when.weekday()]
    for match in (
        [day for day in days if day.date and day.date[:10] == today],
        [day for day in days if day.week_day == weekday],
        [day for day in days if day.week_day == "any"],
    ):
        for day in match:
            for period in day.periods:
                if period.price is not None and _covers(period, minute):
                    return period.price
    return rate.default_price


def _covers(period: PricePeriod, minute: int) -> bool:
    """Return whether a period holds at a minute of the day; it may pass midnight."""
    start, end = _minute(period.starts_at), _minute(period.ends_at)
    if start is None or end is None:
        return False
    if end <= start:
        return minute >= start or minute < end
    return start <= minute < end


def _minute(clock: str | None) -> int | None:
    """Read "HH:MM" as a minute of the day."""
    try:
        hours, minutes = (int(part) for part in (clock or "").split(":")[:2])
    except ValueError:
        return None
    return hours * 60 + minutes if 0 <= hours * 60 + minutes <= _DAY else None
