"""What clouds keep of the energy inside a session, against the simulator's meter."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    EnergyHours,
    HourSource,
    Session,
    energy_hours,
)
from custom_components.ev_charger_cloud.charging.energy_hours import HOUR, hour_of
from custom_components.ev_charger_cloud.providers.base import Provider
from simulator.connector import Connector, Session as Physical

from .ampeco_tenant import Tenant, tenant_fixture  # noqa: F401
from .plugchoice_account import DRIVEWAY, PlugchoiceAccount, plugchoice_account


@pytest.fixture(name="account")
async def account_fixture(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[PlugchoiceAccount]:
    async with plugchoice_account(session, monkeypatch) as account:
        yield account


def charge(
    connector: Connector, step: Callable[[float], object], *, new_meter: bool = False
) -> Physical:
    """Have a vehicle charge for an hour, pause for one and charge less for two."""
    connector.plug_in()
    if connector.session is None:
        connector.start()
    step(3600)
    connector.set_limit("test", 0)
    step(3600)
    if new_meter:
        connector.replace_meter()
    connector.set_limit("test", 8)
    step(7200)
    connector.stop()
    connector.unplug()
    assert connector.last_session
    return connector.last_session


async def last(provider: Provider, device_id: str, physical: Physical) -> Session:
    """Return the last session that the cloud knows."""
    assert physical.stopped_at
    found = await provider.sessions(
        device_id,
        physical.started_at - timedelta(minutes=1),
        physical.stopped_at + HOUR,
        10,
    )
    assert found[0].ended_at
    return found[0]


async def hours_of(provider: Provider, session: Session) -> EnergyHours:
    """Divide a session as the ledger does."""
    assert session.started_at
    assert session.ended_at
    assert session.energy
    return energy_hours(
        session.started_at,
        session.ended_at,
        session.energy,
        intervals=session.hours,
        curve=None if session.hours else await provider.energy_curve(session),
    )


def compare(hours: EnergyHours, physical: Physical) -> None:
    """Compare each hour with the meter of the simulator."""
    told = {hour.start: hour.energy for hour in hours.hours}
    assert physical.stopped_at
    hour = hour_of(physical.started_at)
    while hour < physical.stopped_at:
        flowed = physical.meter_at(hour + HOUR) - physical.meter_at(hour)
        assert told.get(hour, 0) == pytest.approx(flowed, rel=0.01, abs=20)
        hour += HOUR
    assert sum(told.values()) == pytest.approx(physical.energy_wh, rel=0.001)


@pytest.mark.parametrize(
    "quirks", [{}, {"kilo": True}, {"bad_reading": 3}, {"total_kwh": "number"}]
)
async def test_plugchoice_register(
    account: PlugchoiceAccount, quirks: dict[str, Any]
) -> None:
    """The register tells each hour, in any unit, whatever one reading says."""
    account.cloud.quirks.update(quirks)
    provider = account.provider()
    await provider.poll()
    physical = charge(account.connector(), account.step)
    session = await last(provider, DRIVEWAY, physical)
    hours = await hours_of(provider, session)
    assert hours.source is HourSource.REGISTER
    compare(hours, physical)
    # Their times do not fill the diagnostics.
    await hours_of(provider, session)
    answers = provider._client.answers["/chargers/{charger}/metervalues"]
    assert len(answers) <= 2


async def test_plugchoice_new_meter(account: PlugchoiceAccount) -> None:
    """A meter that is replaced during a session begins at zero; its hours do not."""
    provider = account.provider()
    await provider.poll()
    physical = charge(account.connector(), account.step, new_meter=True)
    session = await last(provider, DRIVEWAY, physical)
    assert session.meter_stop is not None
    assert session.meter_start is not None
    assert session.meter_stop < session.meter_start
    hours = await hours_of(provider, session)
    assert hours.source is HourSource.REGISTER
    compare(hours, physical)


async def test_plugchoice_invalid(account: PlugchoiceAccount) -> None:
    """What the cloud holds to be nothing is told, and told to be that."""
    provider = account.provider()
    await provider.poll()
    physical = charge(account.connector(), account.step)
    assert (await last(provider, DRIVEWAY, physical)).valid
    account.cloud.quirks["invalid"] = [physical.id]
    assert not (await last(provider, DRIVEWAY, physical)).valid


async def test_plugchoice_sessions_without_times(account: PlugchoiceAccount) -> None:
    """Nothing is asked of a session that has no end, or an impossible one."""
    provider = account.provider()
    await provider.poll()
    session = await last(provider, DRIVEWAY, charge(account.connector(), account.step))
    account.requests()
    assert await provider.energy_curve(replace(session, ended_at=None)) is None
    assert session.ended_at
    late = session.ended_at + timedelta(days=40)
    assert await provider.energy_curve(replace(session, ended_at=late)) is None
    assert account.requests() == []


async def test_ampeco_hours(tenant: Tenant) -> None:
    """The tenant's own hours come with the list, and with their cost."""
    provider = tenant.provider()
    await provider.poll()
    physical = charge(tenant.connector(), tenant.step)
    session = await last(provider, _device(provider, tenant), physical)
    tenant.asked()
    hours = await hours_of(provider, session)
    assert tenant.asked() == []
    assert hours.source is HourSource.CLOUD
    compare(hours, physical)
    assert session.cost
    told = sum(hour.cost or 0 for hour in hours.hours)
    assert told == pytest.approx(session.cost.amount, abs=0.02)


def _device(provider: Any, tenant: Tenant) -> str:
    """Return the device of the tenant's charge point."""
    found = provider._sync.device_of(str(tenant.evse().id))
    assert isinstance(found, str)
    return found


async def test_ampeco_points(tenant: Tenant) -> None:
    """A tenant that does not know hours tells points, some without a value."""
    tenant.cloud.quirks["clock_aligned"] = False
    provider = tenant.provider()
    await provider.poll()
    physical = charge(tenant.connector(), tenant.step)
    session = await last(provider, _device(provider, tenant), physical)
    assert session.hours == ()
    hours = await hours_of(provider, session)
    assert hours.source is HourSource.POINTS
    compare(hours, physical)
    assert not any(hour.estimated for hour in hours.hours)


async def test_ampeco_without_either(tenant: Tenant) -> None:
    """Then the session is spread evenly, and says so."""
    tenant.cloud.quirks.update(clock_aligned=False, consumption_stats=False)
    provider = tenant.provider()
    await provider.poll()
    physical = charge(tenant.connector(), tenant.step)
    session = await last(provider, _device(provider, tenant), physical)
    hours = await hours_of(provider, session)
    assert hours.source is HourSource.EVEN
    assert hours.energy == pytest.approx(physical.energy_wh, abs=1)
