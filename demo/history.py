"""Three months of charging in the statistics of sensors.

Sessions come from the clouds that keep them; the others have nothing to show of the time
before the demo.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
import random
from typing import Any

from .chargers import Charger, Entity
from .environment import PAST_DAYS, Environment

_ENERGIES = ("lifetime_energy", "session_energy", "estimated_energy")
_PATIENCE = 120.0  # s, for hundreds of chargers
_PRICE = 0.31  # per kWh
_EVENING = (17, 18, 19, 20)  # o'clock, UTC


async def write_history(environment: Environment) -> None:
    """Write what the chargers did before, unless they remember already."""
    last: Entity | None = None
    for number, charger in enumerate(environment.chargers):
        energy = own_energy(charger)
        if energy is None or energy.id not in environment.home.states:
            continue
        day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        amounts = list(_amounts(random.Random(number), day))
        await _write(environment, energy, amounts, "energy")
        last = energy
        if cost := _own(charger, "session_cost"):
            priced = [(at, amount * _PRICE) for at, amount in amounts]
            await _write(environment, cost, priced, None)
    # The recorder writes them one after the other, when it comes to it.
    async with asyncio.timeout(_PATIENCE):
        while last and not await _has_history(environment, last):
            await asyncio.sleep(0.2)


def own_energy(charger: Charger) -> Entity | None:
    """Return the sensor of a device's own energy: a meter, or else an estimate."""
    return next(filter(None, (_own(charger, key) for key in _ENERGIES)), None)


def _own(charger: Charger, key: str) -> Entity | None:
    """Return a sensor of the device itself."""
    for entity in charger.entities:
        if (entity.domain, entity.key) == ("sensor", key):
            return entity
    return None


def _amounts(
    chance: random.Random, today: datetime
) -> Iterator[tuple[datetime, float]]:
    """Yield how much was charged in which hour (kWh)."""
    for age in range(PAST_DAYS, 0, -1):
        if chance.random() < 0.6:
            begin = chance.choice(_EVENING)
            for hour in range(begin, begin + chance.randint(1, 3)):
                at = today - timedelta(days=age) + timedelta(hours=hour)
                yield at, round(chance.uniform(2.5, 9.5), 2)


async def _has_history(environment: Environment, entity: Entity) -> bool:
    """Return whether there are statistics of a sensor."""
    return bool(
        await environment.home.command(
            "recorder/statistics_during_period",
            start_time=(datetime.now(UTC) - timedelta(days=99)).isoformat(),
            statistic_ids=[entity.id],
            period="month",
            types=["sum"],
        )
    )


async def _write(
    environment: Environment,
    entity: Entity,
    amounts: list[tuple[datetime, float]],
    unit_class: str | None,
) -> None:
    """Write the statistics of a sensor."""
    state = environment.home.states.get(entity.id)
    if state is None or not amounts:
        return
    begin = amounts[0][0] - timedelta(days=365)
    if await _has_history(environment, entity):
        return
    # The recorder goes on from zero, so the month ends there: it begins below, which
    # only shows in a month that nobody looks at.
    total = -sum(amount for _, amount in amounts)
    rows: list[dict[str, Any]] = [{"start": begin.isoformat(), "sum": total}]
    for at, amount in amounts:
        total += amount
        rows.append({"start": at.isoformat(), "state": amount, "sum": total})
    await environment.home.command(
        "recorder/import_statistics",
        metadata={
            "has_sum": True,
            "mean_type": 0,
            "name": None,
            "source": "recorder",
            "statistic_id": entity.id,
            "unit_class": unit_class,
            "unit_of_measurement": state.attributes.get("unit_of_measurement"),
        },
        stats=rows,
    )
