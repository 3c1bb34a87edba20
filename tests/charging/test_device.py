"""Devices, and which of two observations counts."""

from dataclasses import replace

from custom_components.ev_charger_cloud.charging import Device, Reading, newer

DEVICE = Device(id="c1", name="Garage", observed_at=10.0, readings={Reading.POWER: 1.0})


def test_first_observation_counts() -> None:
    """Nothing was known before."""
    assert newer(None, DEVICE) is DEVICE
    assert newer(DEVICE, DEVICE) is DEVICE


def test_late_answer_does_not_overwrite() -> None:
    """What was asked for earlier is older, whenever it comes."""
    late = replace(DEVICE, observed_at=9.0, readings={Reading.POWER: 0.0})
    assert newer(DEVICE, late) is DEVICE
    assert newer(late, DEVICE) is DEVICE


def test_newer_observation_counts() -> None:
    """Also one of the same moment: it came later."""
    for observed_at in (10.0, 11.0):
        seen = replace(DEVICE, observed_at=observed_at, readings={Reading.POWER: 0.0})
        assert newer(DEVICE, seen) is seen


def test_time_of_observation_is_not_compared() -> None:
    """A device seen again as it was is equal."""
    assert replace(DEVICE, observed_at=99.0) == DEVICE


def test_charging_needs_to_be_told() -> None:
    """Energy flows only where a reading says so."""
    assert not DEVICE.charging
    assert replace(DEVICE, readings={Reading.CHARGING: True}).charging
    assert not replace(DEVICE, readings={Reading.CHARGING: None}).charging
