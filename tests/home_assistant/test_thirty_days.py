"""Thirty days of charging, imported twice, against the simulator's own meter.

They lie around both changes of the clock; there are two vehicles, a pause in each
session, a meter that is replaced, a session that is corrected, another one that is
extended, and a restart in the middle of the first import.
"""

from collections.abc import AsyncGenerator, Callable, Iterable
from csv import DictReader
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiolimiter import AsyncLimiter
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.ev_charger_cloud import statistics
from custom_components.ev_charger_cloud.charging import Reading
from custom_components.ev_charger_cloud.charging.energy_hours import HOUR, hour_of
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.ledger import Ledger
from custom_components.ev_charger_cloud.providers import transport
from custom_components.ev_charger_cloud.session_history import PAUSE
from homeassistant.components.recorder import Recorder, get_instance
from homeassistant.components.recorder.statistics import (
    list_statistic_ids,
    statistics_during_period,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from simulator.car import Car
from simulator.cloud import Cloud
from simulator.clouds.ampeco import Ampeco
from simulator.clouds.amps import Amps
from simulator.clouds.clemap import Clemap
from simulator.clouds.plugchoice import Plugchoice
from simulator.clouds.podero import Podero
from simulator.connector import Connector, Session
from simulator.server import Simulator

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
SPRING = datetime(2026, 3, 22, 21, 40, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 18, 20, 10, tzinfo=UTC)

type Record = Callable[
    [int, datetime, datetime, float, list[tuple[datetime, float]]], Any
]


def drive_for_thirty_days(record: Record, connectors: list[Connector]) -> None:
    """Have two vehicles charge in turns, each night, with a pause in between."""
    night = 0
    for first in (SPRING, AUTUMN):
        for day in range(15):
            start = first + timedelta(days=day, minutes=7 * day)
            energy = 9_000.0 + 1_234 * (day % 5)
            pause = start + timedelta(hours=2, minutes=20)
            again = pause + timedelta(hours=1, minutes=5)
            steps = [(pause, energy * 0.6), (again, energy * 0.6)]
            record(night % 2, start, start + timedelta(hours=7), energy, steps)
            night += 1
            if night == 20:
                # In the pause of the session that was the last one here.
                connectors[(night - 1) % 2].replace_meter(pause + timedelta(minutes=30))


class House:
    """A cloud with a charger, and Home Assistant beside it."""

    def __init__(
        self, home: HomeAssistant, freezer: FrozenDateTimeFactory, cloud: Cloud
    ) -> None:
        self.home = home
        self.freezer = freezer
        self.cloud = cloud
        self.connectors: list[Connector] = []
        # How much (kWh) an hour may be off that begins or ends between two readings.
        self.blur = 0.005
        self.correct: Callable[[], None] = lambda: None
        self.entry = MockConfigEntry(
            domain=DOMAIN,
            unique_id=f"{cloud.name}_house",
            data={
                "provider": cloud.name,
                "base_url": cloud.base_url,
                "key": "house",
                **cloud.credentials,
            },
            options={"all_chargers": True},
        )
        self.entry.add_to_hass(home)

    @property
    def ledger(self) -> Ledger:
        ledger = self.entry.runtime_data.ledger
        assert isinstance(ledger, Ledger)
        return ledger

    @property
    def physical(self) -> list[Session]:
        return [
            session for connector in self.connectors for session in connector.sessions
        ]

    async def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.freezer.tick(PAUSE + 1)
            async_fire_time_changed(self.home)
            await self.home.async_block_till_done(wait_background_tasks=True)

    async def import_all(self) -> None:
        """Let time pass until there is nothing left to read."""
        for _ in range(150):
            await self.tick()
            chargers = self.entry.runtime_data.history._chargers()
            if all(self.ledger.progress.get(each, {}).get("done") for each in chargers):
                break
        else:
            pytest.fail("the import never ended")
        await self.tick(3)
        await async_wait_recording_done(self.home)

    async def rows(self) -> dict[str, list[Any]]:
        """Return the statistics by their ids."""
        instance = get_instance(self.home)
        listed = await instance.async_add_executor_job(list_statistic_ids, self.home)
        ids = {str(each["statistic_id"]) for each in listed if each["source"] == DOMAIN}
        found = await instance.async_add_executor_job(
            statistics_during_period,
            self.home,
            NOW - timedelta(days=400),
            None,
            ids,
            "hour",
            None,
            {"state", "sum"},
        )
        return {key: list(rows) for key, rows in found.items()}


@pytest.fixture(
    name="house",
    params=[
        pytest.param((Plugchoice, {"history_seconds": 300}), id="registers"),
        pytest.param((Ampeco, {"rate_limit": None}), id="hours"),
        pytest.param(
            (Ampeco, {"rate_limit": None, "clock_aligned": False}), id="points"
        ),
    ],
)
async def house_fixture(
    request: pytest.FixtureRequest,
    recorder_mock: Recorder,
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncGenerator[House]:
    await home.config.async_set_time_zone("Europe/Berlin")
    freezer.move_to(NOW)
    monkeypatch.setattr(
        transport, "AsyncLimiter", lambda rate, period: AsyncLimiter(1000, 1)
    )
    kind, quirks = request.param
    async with Simulator([kind], seed=False) as simulator:
        cloud = simulator[kind.name]
        cloud.quirks.update(quirks)
        cloud.populate(1, connectors=2)
        house = House(home, freezer, cloud)
        if not quirks.get("clock_aligned", True):
            # Of a session there are no more than 300 points.
            house.blur = 0.02
        (station,) = cloud.stations.values()
        house.connectors = list(station.connectors)
        if isinstance(cloud, Ampeco):
            tenant = cloud.tenant
            (point,) = tenant.charge_points.values()

            def record(
                number: int,
                start: datetime,
                stop: datetime,
                energy: float,
                steps: list[tuple[datetime, float]],
            ) -> None:
                charge = tenant.record(point.evses[number], start, stop, energy)
                assert charge.physical
                charge.physical.booked = [
                    (at, charge.physical.meter_start_wh + wh) for at, wh in steps
                ]

            def correct() -> None:
                charge = list(tenant.sessions.values())[-1]
                charge.net = 99.0
                stopped = charge.stopped
                assert stopped
                tenant.extend(
                    charge,
                    stopped + timedelta(minutes=50),
                    stopped + timedelta(hours=3),
                    2_500.0,
                )

            house.correct = correct
            drive_for_thirty_days(record, house.connectors)
        else:
            # An hour is as exact as its readings are close.
            drive_for_thirty_days(
                lambda number, start, stop, energy, steps: house.connectors[
                    number
                ].record_session(start, stop, energy, steps=steps),
                house.connectors,
            )

            def correct() -> None:
                session = house.connectors[1].sessions[-1]
                assert session.meter_stop_wh
                session.meter_stop_wh += 700

            house.correct = correct
        assert await home.config_entries.async_setup(house.entry.entry_id)
        await home.async_block_till_done(wait_background_tasks=True)
        yield house
        await home.config_entries.async_unload(house.entry.entry_id)


def flowed(sessions: Iterable[Session]) -> dict[float, float]:
    """Return what the simulator's meter says of each hour (kWh), by its begin."""
    hours: dict[float, float] = {}
    for session in sessions:
        assert session.stopped_at
        hour = hour_of(session.started_at)
        while hour < session.stopped_at:
            energy = session.meter_at(hour + HOUR) - session.meter_at(hour)
            key = hour.timestamp()
            hours[key] = hours.get(key, 0.0) + energy / 1000
            hour += HOUR
    return hours


def compare(house: House, rows: dict[str, list[Any]]) -> None:
    """Compare each hour, and what it all comes to."""
    energies = {key: each for key, each in rows.items() if key.endswith("_energy")}
    assert len(energies) == 2
    told: dict[float, float] = {}
    for series in energies.values():
        total = 0.0
        for row in series:
            told[row["start"]] = told.get(row["start"], 0.0) + row["state"]
            total += row["state"]
            assert row["sum"] == pytest.approx(total, abs=1e-6)
    meter = flowed(house.physical)
    for hour in meter.keys() | told.keys():
        assert told.get(hour, 0.0) == pytest.approx(
            meter.get(hour, 0.0), rel=0.01, abs=house.blur
        ), datetime.fromtimestamp(hour, UTC)
    assert sum(told.values()) == pytest.approx(sum(meter.values()), rel=0.001)


async def test_imported_twice(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every hour is right, a correction too, and the second import writes nothing."""
    home = house.home
    some = 0
    while some < 5:
        await house.tick()
        some = sum(
            len(house.ledger.sessions([each])) for each in house.ledger.device_ids
        )
    assert some < 30
    await home.config_entries.async_reload(house.entry.entry_id)
    await house.import_all()
    device_ids = list(house.ledger.device_ids)
    assert len(house.ledger.sessions(device_ids)) == 30
    compare(house, await house.rows())

    # Once a day what was corrected is found.
    house.correct()
    house.freezer.tick(86_400)
    await house.tick(12)
    await async_wait_recording_done(home)
    rows = await house.rows()
    compare(house, rows)

    # A second import finds nothing new.
    stored = {each: len(house.ledger._rows[each]) for each in device_ids}
    written: list[Any] = []
    with monkeypatch.context() as patched:
        patched.setattr(
            statistics,
            "async_add_external_statistics",
            lambda *arguments: written.append(arguments),
        )
        house.ledger.progress.clear()
        await home.config_entries.async_reload(house.entry.entry_id)
        await house.import_all()
    assert written == []
    assert {each: len(house.ledger._rows[each]) for each in device_ids} == stored
    assert await house.rows() == rows

    # What is exported adds up to the same.
    home.config.media_dirs = {"local": str(tmp_path)}
    answer = await home.services.async_call(
        DOMAIN,
        "export_sessions",
        {
            "device_id": [
                entry.id
                for entry in dr.async_entries_for_config_entry(
                    dr.async_get(home), house.entry.entry_id
                )
            ],
            "start": (NOW - timedelta(days=400)).isoformat(),
            "file_name": "All",
        },
        blocking=True,
        return_response=True,
    )
    assert answer is not None
    sums = sum(each[-1]["sum"] for key, each in rows.items() if key.endswith("_energy"))
    file = (tmp_path / DOMAIN / "all.csv").read_text(encoding="utf-8-sig")
    lines = list(DictReader(file.splitlines()))
    *sessions, total = lines
    assert len(sessions) == 30
    exported = sum(float(line["Energy (kWh)"]) for line in sessions)
    assert exported == pytest.approx(sums, abs=1e-6)
    assert float(total["Energy (kWh)"]) == pytest.approx(sums, abs=1e-6)
    costs = sum(each[-1]["sum"] for key, each in rows.items() if "_cost_" in key)
    if costs:
        assert float(total["Cost"]) == pytest.approx(costs, abs=0.001)


# How long (s) nobody looks at most: before a session is seen to begin, and to end.
@pytest.mark.parametrize(
    ("kind", "quirks", "unseen"),
    [
        pytest.param(Clemap, {}, (40.0, 20.0), id="clemap"),
        pytest.param(Podero, {}, (70.0, 70.0), id="podero"),
        pytest.param(Amps, {"rate_limit": None}, (1020.0, 1020.0), id="amps"),
    ],
)
@pytest.mark.parametrize("offset", [0, 20, 400])
async def test_observed_from_here(
    recorder_mock: Recorder,
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Cloud],
    quirks: dict[str, Any],
    unseen: tuple[float, float],
    offset: int,
) -> None:
    """At a cloud without sessions it is known to half the time between two looks."""
    freezer.move_to(AUTUMN)
    monkeypatch.setattr(
        transport, "AsyncLimiter", lambda rate, period: AsyncLimiter(1000, 1)
    )
    async with Simulator([kind], seed=False) as simulator:
        cloud = simulator[kind.name]
        cloud.quirks.update(quirks)
        cloud.populate(1)
        house = House(home, freezer, cloud)
        (station,) = cloud.stations.values()
        house.connectors = list(station.connectors)
        assert await home.config_entries.async_setup(house.entry.entry_id)
        await home.async_block_till_done(wait_background_tasks=True)
        (connector,) = station.connectors

        async def pass_time(seconds: float) -> None:
            for _ in range(int(seconds // 10)):
                freezer.tick(10)
                async_fire_time_changed(home)
                await home.async_block_till_done(wait_background_tasks=True)

        await pass_time(1000 + offset)
        connector.plug_in(Car(capacity_wh=80_000, soc=0.1))
        if connector.session is None:
            connector.start()
        await pass_time(5000)
        power = connector.power_w
        (device,) = house.entry.runtime_data.data.values()
        told = device.readings[Reading.POWER]
        assert told == pytest.approx(power, rel=0.02)
        connector.unplug()
        await pass_time(1200)
        (device_id,) = house.ledger.device_ids
        (record,) = house.ledger.sessions([device_id])
        assert record.observed
        assert record.estimated
        (physical,) = house.physical
        # No more can be known than how much the cloud says of what flows.
        missed = physical.energy_wh * told / power - (record.energy or 0)
        assert abs(missed) <= told * sum(unseen) / 2 / 3600
        assert physical.stopped_at
        assert abs((record.start - physical.started_at).total_seconds()) <= (
            unseen[0] / 2
        )
        await house.tick(3)
        await async_wait_recording_done(home)
        (energy,) = (await house.rows()).values()
        assert energy[-1]["sum"] == pytest.approx(
            (record.energy or 0) / 1000, rel=0.001
        )
        await home.config_entries.async_unload(house.entry.entry_id)
