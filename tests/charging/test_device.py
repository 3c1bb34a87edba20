"""Devices: what is compared, and what they tell."""

from dataclasses import replace

from custom_components.ev_charger_cloud.charging import Device, Reading

DEVICE = Device(id="c1", name="Garage", observed_at=10.0, readings={Reading.POWER: 1.0})


def test_time_of_observation_is_not_compared() -> None:
    """A device seen again as it was is equal."""
    assert replace(DEVICE, observed_at=99.0) == DEVICE


def test_charging_needs_to_be_told() -> None:
    """Energy flows only where a reading says so."""
    assert not DEVICE.charging
    assert replace(DEVICE, readings={Reading.CHARGING: True}).charging
    assert not replace(DEVICE, readings={Reading.CHARGING: None}).charging
