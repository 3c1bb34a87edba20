"""What can be read: each reading's type and unit."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest

from custom_components.ev_charger_cloud.charging import (
    CURRENTS,
    VOLTAGES,
    ChargingStatus,
    Health,
    Money,
    Reading,
    Unit,
)


@pytest.mark.parametrize("reading", Reading)
def test_kind_and_unit(reading: Reading) -> None:
    """Each reading has a type; only numbers have a unit."""
    assert isinstance(reading.kind, type)
    assert reading.kind in (bool, float, str, datetime, Money) or issubclass(
        reading.kind, StrEnum
    )
    assert reading.unit is None or isinstance(reading.unit, Unit)
    if reading.unit is not None:
        assert reading.kind is float


@pytest.mark.parametrize("reading", Reading)
def test_member_is_its_word(reading: Reading) -> None:
    """A member is found, compared and written by its word alone."""
    assert Reading(reading.value) is reading
    assert str(reading) == reading == reading.value
    assert reading.value == reading.name.lower()


def test_units_of_what_is_measured() -> None:
    """Power, current, voltage and energy come in the units that the names tell."""
    assert Reading.POWER.unit is Unit.WATT
    assert {reading.unit for reading in CURRENTS} == {Unit.AMPERE}
    assert {reading.unit for reading in VOLTAGES} == {Unit.VOLT}
    assert {
        reading.unit
        for reading in Reading
        if "energy" in reading and "price" not in reading
    } == {Unit.WATT_HOUR}


@pytest.mark.parametrize(
    ("reading", "value", "fits"),
    [
        (Reading.POWER, 1.5, True),
        (Reading.POWER, 1, True),
        (Reading.POWER, True, False),
        (Reading.POWER, "1.5", False),
        (Reading.POWER, None, True),
        (Reading.PLUG, False, True),
        (Reading.PLUG, 0, False),
        (Reading.STATUS, ChargingStatus.CHARGING, True),
        (Reading.STATUS, "charging", False),
        (Reading.CONNECTION_STATUS, Health.OK, True),
        (Reading.CONNECTION_STATUS, ChargingStatus.CHARGING, False),
        (Reading.CLOUD_STATUS, "Charging", True),
        (Reading.CLOUD_STATUS, 7, False),
        (Reading.LAST_UPDATE, datetime(2026, 1, 1, tzinfo=UTC), True),
        (Reading.LAST_UPDATE, "2026-01-01", False),
        (Reading.BALANCE, Money(1.0, "EUR"), True),
        (Reading.BALANCE, 1.0, False),
    ],
)
def test_fits(reading: Reading, value: Any, fits: bool) -> None:
    """A value must be of the reading's type; unknown always may be."""
    assert reading.fits(value) is fits


@pytest.mark.parametrize("status", ChargingStatus)
def test_plug_follows_from_the_status(status: ChargingStatus) -> None:
    """A status tells of the plug, or that it cannot tell."""
    if status in (ChargingStatus.DISCONNECTED, ChargingStatus.RESERVED):
        assert status.plugged_in is False
    elif status in (ChargingStatus.INOPERATIVE, ChargingStatus.FAULTED):
        assert status.plugged_in is None
    else:
        assert status.plugged_in is True
