"""AMPECO: a thousand charge points, without a blocked loop."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.ev_charger_cloud.charging import (
    Device,
    RateLimitedError,
    Reading,
)
from custom_components.ev_charger_cloud.providers.ampeco.provider import AmpecoProvider
from custom_components.ev_charger_cloud.providers.base import Selection
from simulator.world import Car

from .ampeco_tenant import Tenant, tenant_fixture  # noqa: F401

STATIONS = 1000
PAGES = 10 + 20  # of a hundred charge points, and of a hundred EVSEs


@pytest.fixture(name="large")
def large_fixture(tenant: Tenant) -> Tenant:
    """Return a tenant with a thousand charge points of two EVSEs each."""
    for station in list(tenant.cloud.stations.values()):
        tenant.cloud.remove(station)
    tenant.cloud.populate(STATIONS)
    return tenant


@pytest.fixture(name="slices")
def slices_fixture(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the charge points that are translated between two turns of the loop."""
    slices = [0]
    make, run = AmpecoProvider._make, asyncio.Handle._run

    def counted(provider: AmpecoProvider, station: str) -> Mapping[str, Device]:
        slices[-1] += 1
        return make(provider, station)

    def turn(handle: asyncio.Handle) -> None:
        slices.append(0)
        run(handle)

    monkeypatch.setattr(AmpecoProvider, "_make", counted)
    monkeypatch.setattr(asyncio.Handle, "_run", turn)
    return slices


async def test_a_thousand_charge_points(large: Tenant, slices: list[int]) -> None:
    provider = large.provider()
    # As where every step uses up what an account has of the loop.
    provider.context.turn = partial(asyncio.sleep, 0)

    async def poll(*, changed: int) -> Mapping[str, Device]:
        """Poll, and see that others get their turns meanwhile.

        Only the charge points that changed are translated.
        """
        large.asked()
        slices[:] = [0]
        fleet = (await provider.poll()).fleet
        assert max(slices) <= 1
        assert sum(slices) == changed
        return fleet

    first = await poll(changed=STATIONS)
    assert len(first) == 3 * STATIONS + 2
    assert len(large.asked()) <= PAGES + 10

    second = await poll(changed=0)
    assert len(large.asked()) == 2
    assert second is first

    large.step(60)
    busy = list(large.cloud.stations.values())[:300]
    for station in busy:
        station.connector(1).plug_in(Car())
        station.connector(1).start()
    third = await poll(changed=300)
    # The changes and the running sessions, each by the hundred.
    assert len(large.asked()) <= 3 + 4 + 4
    charging = [d for d in third.values() if d.readings.get(Reading.CHARGING)]
    assert len(charging) == 300

    large.step(60)
    for station in busy:
        station.connector(1).unplug()
    large.step(60)
    fourth = await poll(changed=300)
    assert len(large.asked()) <= 3 + 4 + 4 + 4
    ended = [d for d in fourth.values() if d.readings.get(Reading.SESSION_END)]
    assert len(ended) == 300


async def test_a_long_list_goes_on_where_it_was_told_to_wait(
    large: Tenant, monkeypatch: pytest.MonkeyPatch, freezer: FrozenDateTimeFactory
) -> None:
    provider = large.provider()
    answer = large.cloud.dispatch
    served: list[str] = []

    async def limited(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse a request in the middle of the list of EVSEs."""
        served.append(request.path)
        if len(served) == 15:
            return large.cloud.json({}, 429, {"Retry-After": "9"})
        return await answer(request, handler)

    monkeypatch.setattr(large.cloud, "dispatch", limited)
    large.tick = freezer.tick
    assert len((await provider.poll()).fleet) == 3 * STATIONS + 2
    assert large.slept == [pytest.approx(9)]
    lists = [path for path in served if "charge-points" in path or "evses" in path]
    assert len(lists) == PAGES + 1


@pytest.mark.parametrize("anew", [True, False], ids=["another start", "next poll"])
async def test_the_next_attempt_goes_on_where_one_stopped(
    large: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    freezer: FrozenDateTimeFactory,
    *,
    anew: bool,
) -> None:
    """Nothing is asked twice; that the cloud wants to be left alone is kept in mind."""
    kept: dict[str, Any] = {}
    provider = large.provider(kept=kept)
    answer = large.cloud.dispatch
    served: list[str] = []

    async def limited(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse a request in the middle of the list of EVSEs, for long."""
        served.append(request.path)
        if len(served) == 15:
            return large.cloud.json({}, 429, {"Retry-After": "300"})
        return await answer(request, handler)

    monkeypatch.setattr(large.cloud, "dispatch", limited)
    for _ in range(2):
        with pytest.raises(RateLimitedError):
            await provider.poll()
        if anew:
            provider = large.provider(kept=kept)
    assert len(served) == 15
    freezer.tick(301)
    assert len((await provider.poll()).fleet) == 3 * STATIONS + 2
    lists = [path for path in served if "charge-points" in path or "evses" in path]
    assert len(lists) == PAGES + 1
    # The sweep is as long as it is: it is not made at each poll from now on.
    served.clear()
    await provider.poll()
    assert len(served) == 2


async def test_thousands_are_offered_for_choice(large: Tenant) -> None:
    provider = large.provider()
    candidates = await provider.candidates()
    assert len(candidates) == STATIONS
    assert len({candidate.group for candidate in candidates}) == 20
    assert len(large.asked()) == 11


async def test_one_of_a_thousand(large: Tenant) -> None:
    chosen = Selection(everything=False, chargers=frozenset({"cp4400"}))
    provider = large.provider(selection=chosen, circuits=False, electricity_rates=False)
    assert len((await provider.poll()).fleet) == 3
    large.asked()
    await provider.poll()
    assert large.asked() == ["GET charge-points/v2.0/4400", "GET evses/v2.1"]


async def test_many_of_a_thousand(large: Tenant) -> None:
    chosen = frozenset(f"cp{number}" for number in range(4400, 4430))
    provider = large.provider(selection=Selection(everything=False, chargers=chosen))
    assert {key for key in (await provider.poll()).fleet if "_" not in key} == {
        *chosen,
        "rate17",
    }
    large.asked()
    await provider.poll()
    assert len(large.asked()) == 2
