"""What is not as it should be at a charger."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.ev_charger_cloud.charging import (
    ChargingStatus,
    Control,
    ControlState,
    Device,
    LimitCheck,
    Obstacle,
    Reading,
    Unit,
    limit_check,
    stalled,
    tells_stalled,
    why_not_charging,
)


def device(controls: dict[Control, float | bool | None], **readings: Any) -> Device:
    """Return a device with some readings and controls."""
    return Device(
        id="c1",
        name="Garage",
        readings={Reading(key): value for key, value in readings.items()},
        controls={key: ControlState(value=value) for key, value in controls.items()},
    )


class TestStalled:
    """A vehicle that may charge and does not."""

    @pytest.mark.parametrize(
        ("allowed", "readings", "expected"),
        [
            (True, {}, True),
            (True, {"status": ChargingStatus.SUSPENDED_EV}, True),
            (True, {"status": ChargingStatus.SUSPENDED_EVSE}, True),
            (True, {"plug": False}, False),
            (True, {"charging": True}, False),
            (False, {}, False),
            (True, {"fully_charged": True}, False),
            (True, {"paused": True}, False),
            (True, {"status": ChargingStatus.COMPLETE}, False),
            (True, {"status": ChargingStatus.FAULTED}, False),
            # What is known decides, whatever else is not.
            (None, {"plug": False}, False),
            (None, {}, None),
            (True, {"plug": None}, None),
            (True, {"charging": None}, None),
        ],
    )
    def test_stalled(
        self, allowed: bool | None, readings: dict[str, Any], expected: bool | None
    ) -> None:
        """Plugged in and allowed, and nothing flows though something should."""
        told = {"plug": True, "charging": False, **readings}
        assert stalled(device({Control.CHARGING: allowed}, **told)) is expected

    def test_tells_stalled(self) -> None:
        """Without plug, flow or permission nobody can judge."""
        allowed: dict[Control, float | bool | None] = {Control.CHARGING: True}
        assert tells_stalled(device(allowed, plug=True, charging=True))
        assert not tells_stalled(device(allowed, plug=True))
        assert not tells_stalled(device(allowed, charging=True))
        assert not tells_stalled(device({}, plug=True, charging=True))


class TestLimit:
    """A vehicle that draws more than it may."""

    def test_current(self) -> None:
        """The phase with the highest current counts."""
        check = limit_check(
            device(
                {Control.CURRENT_LIMIT: 10.0, Control.POWER_LIMIT: 100.0},
                current_phase_1=9.5,
                current_phase_2=16.0,
                current_phase_3=None,
                current_offered=16.0,
                power=9000.0,
            )
        )
        assert check == LimitCheck(
            limit=10.0, offered=16.0, drawn=16.0, unit=Unit.AMPERE
        )
        assert check.passed is True

    def test_power(self) -> None:
        """Where the limit is a power, power is compared."""
        check = limit_check(device({Control.POWER_LIMIT: 7400.0}, power=11000.0))
        assert check == LimitCheck(
            limit=7400.0, offered=None, drawn=11000.0, unit=Unit.WATT
        )
        assert check.passed is True

    @pytest.mark.parametrize(
        ("limit", "drawn", "unit", "expected"),
        [
            (10.0, 11.0, Unit.AMPERE, False),
            (10.0, 11.1, Unit.AMPERE, True),
            (32.0, 33.5, Unit.AMPERE, False),
            (32.0, 33.7, Unit.AMPERE, True),
            (0.0, 0.4, Unit.AMPERE, False),
            (0.0, 6.0, Unit.AMPERE, True),
            (7000.0, 7350.0, Unit.WATT, False),
            (7000.0, 7351.0, Unit.WATT, True),
            # Where nothing flows no limit is passed; else none may be set.
            (None, 0.0, Unit.AMPERE, False),
            (None, 16.0, Unit.AMPERE, None),
            (10.0, None, Unit.AMPERE, None),
        ],
    )
    def test_tolerance(
        self,
        limit: float | None,
        drawn: float | None,
        unit: Unit,
        expected: bool | None,
    ) -> None:
        """Vehicles and meters are allowed to be a little inexact."""
        check = LimitCheck(limit=limit, offered=None, drawn=drawn, unit=unit)
        assert check.passed is expected

    def test_untold(self) -> None:
        """A device that tells no limit, or not what flows, is not judged."""
        assert limit_check(device({}, power=1.0, current_phase_1=1.0)) is None
        assert limit_check(device({Control.CURRENT_LIMIT: 10.0}, power=1.0)) is None
        assert limit_check(device({Control.POWER_LIMIT: 10.0})) is None


@pytest.mark.parametrize(
    ("controls", "readings", "obstacle"),
    [
        ({}, {}, None),
        ({}, {"charging": True, "problem": True}, None),
        ({}, {"problem": True, "plug": False}, Obstacle.FAULT),
        ({}, {"status": ChargingStatus.FAULTED}, Obstacle.FAULT),
        ({}, {"status": ChargingStatus.INOPERATIVE}, Obstacle.OUT_OF_SERVICE),
        (
            {},
            {"status": ChargingStatus.RESERVED, "plug": False},
            Obstacle.RESERVED,
        ),
        ({}, {"status": ChargingStatus.DISCONNECTED}, Obstacle.NO_VEHICLE),
        (
            {Control.CHARGING: False},
            {"status": ChargingStatus.FINISHING, "plug": False},
            Obstacle.NO_VEHICLE,
        ),
        ({}, {"plug": True, "paused": True}, Obstacle.PAUSED),
        ({}, {"status": ChargingStatus.PAUSED}, Obstacle.PAUSED),
        ({}, {"plug": True, "fully_charged": True}, Obstacle.FULLY_CHARGED),
        ({}, {"status": ChargingStatus.COMPLETE}, Obstacle.FULLY_CHARGED),
        (
            {Control.CURRENT_LIMIT: 5.0},
            {"plug": True, "status": ChargingStatus.SUSPENDED_EVSE},
            Obstacle.LIMIT_TOO_LOW,
        ),
        (
            {Control.CURRENT_LIMIT: 6.0},
            {"plug": True, "status": ChargingStatus.SUSPENDED_EVSE},
            Obstacle.SUSPENDED_BY_CHARGER,
        ),
        ({}, {"status": ChargingStatus.SUSPENDED_EV}, Obstacle.SUSPENDED_BY_VEHICLE),
        ({}, {"status": ChargingStatus.STARTING}, Obstacle.STARTING),
        (
            {Control.CHARGING: False},
            {"status": ChargingStatus.CONNECTED, "plug": True},
            Obstacle.STOPPED,
        ),
        (
            {Control.CHARGING: True},
            {"status": ChargingStatus.CONNECTED, "plug": True},
            None,
        ),
    ],
)
def test_why_not_charging(
    controls: dict[Control, float | bool | None],
    readings: dict[str, Any],
    obstacle: Obstacle | None,
) -> None:
    """What people can do something about comes first."""
    assert why_not_charging(device(controls, **readings)) is obstacle


def test_why_not_charging_offline() -> None:
    """Of a charger that is offline nothing else is worth telling."""
    told = replace(device({}, charging=True), online=False)
    assert why_not_charging(told) is Obstacle.OFFLINE
