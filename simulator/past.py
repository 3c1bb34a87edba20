"""What was charged before anybody watched."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

# The last days are told one by one, where a cloud is seeded.
_LAST_DAYS = 7
_OFTEN = 0.55
_POWERS = (3_700.0, 7_400.0, 11_000.0)  # W


class Night(NamedTuple):
    """A session of a vehicle that charged in the evening, energy in Wh."""

    started_at: datetime
    stopped_at: datetime
    energy_wh: float


def nights(seed: int, now: datetime, days: int) -> Iterator[Night]:
    """Yield the sessions of so many days until a week ago, the oldest first.

    The same seed makes the same nights.
    """
    chance = Random(seed)
    power = chance.choice(_POWERS)
    for age in range(days, _LAST_DAYS, -1):
        begun = (now - timedelta(days=age)).replace(
            hour=chance.randint(16, 20), minute=chance.randrange(60), second=0
        )
        energy = round(chance.uniform(0.8, 4.5) * power)
        if chance.random() < _OFTEN:
            yield Night(begun, begun + timedelta(hours=energy / power), energy)
