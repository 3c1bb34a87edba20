"""Devices: what is compared, and what they tell."""

from dataclasses import replace

from custom_components.ev_charger_cloud.charging import ControlState, Device, Reading

DEVICE = Device(id="c1", name="Garage", observed_at=10.0, readings={Reading.POWER: 1.0})


def test_time_of_observation_is_not_compared() -> None:
    """A device seen again as it was is equal."""
    assert replace(DEVICE, observed_at=99.0) == DEVICE


def test_charging_needs_to_be_told() -> None:
    """Energy flows only where a reading says so."""
    assert not DEVICE.charging
    assert replace(DEVICE, readings={Reading.CHARGING: True}).charging
    assert not replace(DEVICE, readings={Reading.CHARGING: None}).charging


def test_what_cannot_be_is_unknown() -> None:
    """A minus makes nonsense of some readings, and of others it does not."""
    device = replace(
        DEVICE,
        readings={
            Reading.POWER: -3000.0,
            Reading.MAXIMUM_CURRENT: -16.0,
            Reading.SESSION_ENERGY: 0.0,
        },
    )
    assert device.readings == {
        Reading.POWER: -3000.0,
        Reading.MAXIMUM_CURRENT: None,
        Reading.SESSION_ENERGY: 0.0,
    }


def test_maximum_below_the_minimum_is_none() -> None:
    """Nothing could be held to it."""
    assert ControlState(minimum=6.0, maximum=-16.0).maximum is None
    assert ControlState(minimum=6.0, maximum=6.0).maximum == 6.0
    assert ControlState(maximum=3.0).maximum == 3.0
