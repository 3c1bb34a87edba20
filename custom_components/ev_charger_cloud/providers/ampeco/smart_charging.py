"""The smart-charging modes that a charge point can be switched to.

The cloud wants all parameters of a mode at each change and forgets those of the
mode before. So only what it has already told can be offered, and what is replaced
from here is remembered as the way back.
"""

from collections.abc import Mapping
from typing import Any

DISABLED = "disabled"

type Body = Mapping[str, Any]

_ELECTRICAL = ("defaultChargePointMaxCurrent", "maxVoltage", "phases", "phaseRotation")
_OPTIONAL = ("connectedPhase", "electricalConfiguration", "preconditioningTime")

# A plan of its own, which nobody can make up, makes `tod` possible only as a way back.
_REQUIRED = {
    "dynamic": _ELECTRICAL,
    "user_schedule": (*_ELECTRICAL, "minCurrent", "enableKeepAwake"),
}


def present_body(smart: Body) -> Body:
    """Return the present settings as they would be sent."""
    return {
        key: value
        for key, value in smart.items()
        if key != "circuitId" and value is not None
    }


def mode_bodies(smart: Body | None, remembered: Body | None) -> dict[str, Body]:
    """Return the modes that can be sent now, each with its request body."""
    if not smart or not isinstance(smart.get("mode"), str):
        return {}
    present = present_body(smart)
    known = {**(remembered or {}), present["mode"]: present}
    bodies: dict[str, Body] = {DISABLED: {"mode": DISABLED}}
    for mode, required in _REQUIRED.items():
        if all(key in present for key in required):
            bodies[mode] = {
                "mode": mode,
                **{
                    key: present[key]
                    for key in (*required, *_OPTIONAL)
                    if key in present
                },
            }
    return bodies | known
