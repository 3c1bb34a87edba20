"""What can be set on a charger."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique


@unique
class Control(StrEnum):
    """A thing that can be set. The unit of each member is fixed."""

    # Switches (bool).
    CHARGING = "charging"  # on: a session may draw energy
    AVAILABILITY = "availability"  # on: operative (OCPP ChangeAvailability)
    PLUG_AND_CHARGE = "plug_and_charge"  # on: starts without a card
    SMART_OPTIMISATION = "smart_optimisation"
    CHARGE_POLICY = "charge_policy"  # on: the deadline and its level are kept
    OVER_CHARGE = "over_charge"  # on: may charge past the maximum target
    BOOST = "boost"  # on: charges at full rate now, or at the next plug-in

    # Locks (bool).
    LOCK = "lock"  # locked: the charger refuses new sessions

    # Numbers (float).
    CURRENT_LIMIT = "current_limit"  # A per phase
    POWER_LIMIT = "power_limit"  # W
    CIRCUIT_LIMIT = "circuit_limit"  # A per phase, for a whole circuit
    TARGET_MINIMUM = "target_minimum"  # %, charged to at once when plugged in
    TARGET_MAXIMUM = "target_maximum"  # %, the usual upper level
    DEADLINE_LEVEL = "deadline_level"  # %, reached by the deadline

    # Points in time (datetime, None for none).
    DEADLINE = "deadline"
    PAUSE_UNTIL = "pause_until"

    # Choices (str, one of the options).
    START_CARD = "start_card"  # the card that remote starts are made with
    SMART_CHARGING_MODE = "smart_charging_mode"


type ControlValue = bool | float | str | datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlState:
    """The present value of a control and the bounds the cloud or hardware states.

    `value` is None when it is not known or, for a number or a point in time,
    when nothing is set. `minimum`, `maximum` and `step` are for numbers,
    `options` for choices. `timed` says that the cloud can set the value for a while.

    A maximum below the minimum is none that anything could be held to.
    """

    value: ControlValue = None
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    options: tuple[str, ...] = ()
    timed: bool = False

    def __post_init__(self) -> None:
        """Leave open a bound that cannot be."""
        if (
            self.minimum is not None
            and self.maximum is not None
            and self.maximum < self.minimum
        ):
            object.__setattr__(self, "maximum", None)
