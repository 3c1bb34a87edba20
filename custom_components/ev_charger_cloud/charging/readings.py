"""What can be read from a charger, and the closed sets of words it is told in."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Self


@unique
class Unit(StrEnum):
    """The units that readings come in."""

    AMPERE = "A"
    CELSIUS = "°C"
    PERCENT = "%"
    SECOND = "s"
    VOLT = "V"
    WATT = "W"
    WATT_HOUR = "Wh"


@unique
class ChargingStatus(StrEnum):
    """The state of a connector, in the words of OCPP that automations rely on.

    `inoperative` is OCPP's Unavailable: Home Assistant reserves that word for
    entities that cannot be read.
    """

    DISCONNECTED = "disconnected"
    CONNECTED = "connected"
    STARTING = "starting"
    CHARGING = "charging"
    DISCHARGING = "discharging"
    PAUSED = "paused"
    SUSPENDED_EV = "suspended_ev"
    SUSPENDED_EVSE = "suspended_evse"
    FINISHING = "finishing"
    COMPLETE = "complete"
    RESERVED = "reserved"
    INOPERATIVE = "inoperative"
    FAULTED = "faulted"

    @property
    def plugged_in(self) -> bool | None:
        """Return whether a vehicle is connected, None where the status cannot tell."""
        if self in _UNPLUGGED:
            return False
        if self in _UNTOLD_PLUG:
            return None
        return True


# OCPP reserves free connectors only: a plugged one answers Occupied.
_UNPLUGGED = frozenset({ChargingStatus.DISCONNECTED, ChargingStatus.RESERVED})
_UNTOLD_PLUG = frozenset({ChargingStatus.INOPERATIVE, ChargingStatus.FAULTED})


@unique
class Health(StrEnum):
    """How a part of the cloud's link to the charger is doing."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@unique
class BoostState(StrEnum):
    """Whether charging at full rate, past any optimisation, is possible or running."""

    AVAILABLE = "available"
    REQUESTED = "requested"
    ONGOING = "ongoing"
    NOT_POSSIBLE = "not_possible"


@unique
class SessionStatus(StrEnum):
    """The life of a charging session."""

    PENDING = "pending"
    ACTIVE = "active"
    FINISHED = "finished"
    FAILED = "failed"
    EXPIRED = "expired"


@unique
class ReservationStatus(StrEnum):
    """The life of a reservation (OCPI words)."""

    ACTIVE = "active"
    EXPIRED = "expired"
    CANCELED = "canceled"
    DONE = "done"


@unique
class SubscriptionStatus(StrEnum):
    """The life of a driver's subscription to a plan."""

    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CANCELED = "canceled"
    EXPIRED = "expired"


@unique
class PaymentStatus(StrEnum):
    """How far a session is paid."""

    PENDING = "pending"
    PAID = "paid"
    PARTIALLY_PAID = "partially_paid"
    FAILED = "failed"


@unique
class StopReason(StrEnum):
    """Why a session ended: OCPP 1.6 and 2.0.1 reasons in snake case."""

    DEAUTHORIZED = "deauthorized"
    EMERGENCY_STOP = "emergency_stop"
    ENERGY_LIMIT_REACHED = "energy_limit_reached"
    EV_DISCONNECTED = "ev_disconnected"
    GROUND_FAULT = "ground_fault"
    HARD_RESET = "hard_reset"
    IMMEDIATE_RESET = "immediate_reset"
    LOCAL = "local"
    LOCAL_OUT_OF_CREDIT = "local_out_of_credit"
    LOCATION_CLOSED = "location_closed"
    MASTER_PASS = "master_pass"
    OTHER = "other"
    OVERCURRENT_FAULT = "overcurrent_fault"
    POWER_LOSS = "power_loss"
    POWER_QUALITY = "power_quality"
    REBOOT = "reboot"
    REMOTE = "remote"
    SCHEDULE_COMPLETED = "schedule_completed"
    SOC_LIMIT_REACHED = "soc_limit_reached"
    SOFT_RESET = "soft_reset"
    STOPPED_BY_EV = "stopped_by_ev"
    TIME_LIMIT_REACHED = "time_limit_reached"
    TIMEOUT = "timeout"
    UNLOCK_COMMAND = "unlock_command"


@unique
class ErrorCode(StrEnum):
    """What is wrong with a charger: OCPP 1.6 error codes in snake case."""

    NO_ERROR = "no_error"
    CONNECTOR_LOCK_FAILURE = "connector_lock_failure"
    EV_COMMUNICATION_ERROR = "ev_communication_error"
    GROUND_FAILURE = "ground_failure"
    HIGH_TEMPERATURE = "high_temperature"
    INTERNAL_ERROR = "internal_error"
    LOCAL_LIST_CONFLICT = "local_list_conflict"
    OTHER_ERROR = "other_error"
    OVER_CURRENT_FAILURE = "over_current_failure"
    OVER_VOLTAGE = "over_voltage"
    POWER_METER_FAILURE = "power_meter_failure"
    POWER_SWITCH_FAILURE = "power_switch_failure"
    READER_FAILURE = "reader_failure"
    RESET_FAILURE = "reset_failure"
    UNDER_VOLTAGE = "under_voltage"
    WEAK_SIGNAL = "weak_signal"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency (ISO 4217); the currency is None where nobody says."""

    amount: float
    currency: str | None = None


@unique
class Reading(StrEnum):
    """A thing that can be read: each member with the type of its values and their unit.

    A reading that is absent from a device is not offered by it; None is offered
    but not known now.
    """

    kind: type
    unit: Unit | None

    def __new__(cls, value: str, kind: type, unit: Unit | None = None) -> Self:
        """Give a member its type and unit."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.kind = kind
        member.unit = unit
        return member

    def fits(self, value: object) -> bool:
        """Return whether a value is one this reading may have; None always is."""
        if value is None:
            return True
        if self.kind is float:
            return isinstance(value, int | float) and not isinstance(value, bool)
        return isinstance(value, self.kind)

    # The state of a connector.
    STATUS = "status", ChargingStatus
    CLOUD_STATUS = "cloud_status", str  # the cloud's own word for it, as it came
    PLUG = "plug", bool  # a vehicle is connected
    CHARGING = "charging", bool  # energy flows into a vehicle
    FULLY_CHARGED = "fully_charged", bool
    PAUSED = "paused", bool  # held back on someone's wish
    PROBLEM = "problem", bool
    ERROR_CODE = "error_code", ErrorCode
    ERROR_DETAIL = "error_detail", str  # the vendor's code or words, for people
    SOCKET_LOCK = "socket_lock", bool  # the cable is held in the socket

    # What is measured.
    POWER = "power", float, Unit.WATT
    CURRENT_PHASE_1 = "current_phase_1", float, Unit.AMPERE
    CURRENT_PHASE_2 = "current_phase_2", float, Unit.AMPERE
    CURRENT_PHASE_3 = "current_phase_3", float, Unit.AMPERE
    VOLTAGE_PHASE_1 = "voltage_phase_1", float, Unit.VOLT
    VOLTAGE_PHASE_2 = "voltage_phase_2", float, Unit.VOLT
    VOLTAGE_PHASE_3 = "voltage_phase_3", float, Unit.VOLT
    # What the vehicle may draw now.
    CURRENT_OFFERED = "current_offered", float, Unit.AMPERE
    POWER_OFFERED = "power_offered", float, Unit.WATT
    # What the hardware is made for.
    MAXIMUM_CURRENT = "maximum_current", float, Unit.AMPERE
    MAXIMUM_POWER = "maximum_power", float, Unit.WATT
    MAXIMUM_VOLTAGE = "maximum_voltage", float, Unit.VOLT
    CONNECTOR_STANDARD = "connector_standard", str
    CONNECTOR_FORMAT = "connector_format", str  # a socket, or a cable of its own
    POWER_TYPE = "power_type", str  # of which current, and how many phases
    PHASE_ROTATION = "phase_rotation", str  # how the phases of the grid are connected
    DIRECT_CURRENT = "direct_current", bool
    STATE_OF_CHARGE = "state_of_charge", float, Unit.PERCENT
    TEMPERATURE = "temperature", float, Unit.CELSIUS
    # A real meter's register.
    LIFETIME_ENERGY = "lifetime_energy", float, Unit.WATT_HOUR

    # The running session; the last one where none is running.
    SESSION_STATUS = "session_status", SessionStatus
    SESSION_ENERGY = "session_energy", float, Unit.WATT_HOUR
    SESSION_COST = "session_cost", Money
    SESSION_START = "session_start", datetime
    SESSION_END = "session_end", datetime
    SESSION_DURATION = "session_duration", float, Unit.SECOND
    TIME_REMAINING = "time_remaining", float, Unit.SECOND
    STOP_REASON = "stop_reason", StopReason
    # Of the last finished one.
    LAST_SESSION_ENERGY = "last_session_energy", float, Unit.WATT_HOUR
    LAST_SESSION_COST = "last_session_cost", Money  # of the last finished one
    PAYMENT_STATUS = "payment_status", PaymentStatus
    RESERVATION = "reservation", ReservationStatus
    RESERVED_UNTIL = "reserved_until", datetime

    # Plans and their bounds.
    LIMIT_VALID_UNTIL = "limit_valid_until", datetime  # when a held limit lapses
    BOOST_STATE = "boost_state", BoostState
    # Solar, of the running session.
    SURPLUS_ENERGY = "surplus_energy", float, Unit.WATT_HOUR
    SURPLUS_SAVINGS = "surplus_savings", Money
    OPTIMISATION_SCORE = "optimisation_score", float  # no unit
    ENERGY_LAST_DAY = "energy_last_day", float, Unit.WATT_HOUR  # a sliding window
    ENERGY_LAST_WEEK = "energy_last_week", float, Unit.WATT_HOUR  # a sliding window
    ENERGY_LAST_MONTH = "energy_last_month", float, Unit.WATT_HOUR  # a sliding window

    # The link between charger, maker and cloud.
    LAST_UPDATE = "last_update", datetime  # how old the readings are
    LAST_HEARTBEAT = "last_heartbeat", datetime
    LAST_BOOT = "last_boot", datetime
    LAST_CONNECTION = "last_connection", datetime
    LAST_DISCONNECTION = "last_disconnection", datetime
    SETUP_PENDING = "setup_pending", bool
    SETUP_COMPLETED = "setup_completed", bool
    VENDOR_ID = "vendor_id", str  # whose error codes they are
    DATA_SOURCE = "data_source", str  # where the cloud took the readings from
    DATA_LINK = "data_link", bool  # the cloud's data come from the charger itself
    LINKED = "linked", bool  # the maker's account is still connected to the cloud
    ATTENTION_NEEDED = "attention_needed", bool  # the owner must act in the cloud
    NEEDS_GATEWAY = "needs_gateway", bool
    BLOCKED = "blocked", bool
    SERVER = "server", str  # the OCPP server the charger is on
    LICENCE = "licence", str  # the plan the charger runs on
    LAST_ACTION = "last_action", str  # how the last command of the account ended
    LAST_ACTION_ERROR = "last_action_error", str  # why it failed, None if it did not
    LAST_ACTION_TYPE = "last_action_type", str  # what was asked for
    LAST_ACTION_RESULT = "last_action_result", str  # in the words of the maker's cloud
    LAST_ACTION_CREATED = "last_action_created", datetime
    LAST_ACTION_UPDATED = "last_action_updated", datetime
    SCHEDULED_AT = "scheduled_at", datetime  # when a command that was put off is due
    CONNECTION_STATUS = "connection_status", Health
    MONITORING_STATUS = "monitoring_status", Health
    STEERING_STATUS = "steering_status", Health
    STEERING_STATE = "steering_state", str
    OPERATING_MODE = "operating_mode", str

    # How the cloud keeps the charger.
    PRICE_ZONE = "price_zone", str  # whose prices it is optimised for
    FORECASTING = "forecasting", bool  # its consumption is forecast
    TRADING = "trading", bool  # its flexibility is traded
    INVERTER_FORCED_MODE = "inverter_forced_mode", bool  # in force now
    INVERTER_FORCED_MODE_ENABLED = "inverter_forced_mode_enabled", bool  # allowed
    INVERTER_FORCED_MODE_SINCE = "inverter_forced_mode_since", datetime
    COMMENT = "comment", str  # of those who look after it
    BUILDING = "building", str  # the cloud's id of the building it belongs to
    CREATED_AT = "created_at", datetime
    UPDATED_AT = "updated_at", datetime  # when its settings were changed
    CHARGE_POLICY_UPDATED_AT = "charge_policy_updated_at", datetime
    CONSUMPTION_UPDATED_AT = "consumption_updated_at", datetime
    MONITORED_AT = "monitored_at", datetime  # when the cloud last looked at it

    # Tariffs and accounts.
    ENERGY_PRICE = "energy_price", Money  # per kWh, now
    BALANCE = "balance", Money
    SUBSCRIPTION = "subscription", SubscriptionStatus
    SUBSCRIPTION_PLAN = "subscription_plan", str
    SUBSCRIPTION_END = "subscription_end", datetime
    # What is left of what the plan has free in this cycle.
    ALLOWANCE = "allowance", float, Unit.WATT_HOUR
    TARIFF = "tariff", str  # what sessions at a connector are billed by
    PARTNER = "partner", str  # whom the operator runs the charger for


CURRENTS = (
    Reading.CURRENT_PHASE_1,
    Reading.CURRENT_PHASE_2,
    Reading.CURRENT_PHASE_3,
)
VOLTAGES = (
    Reading.VOLTAGE_PHASE_1,
    Reading.VOLTAGE_PHASE_2,
    Reading.VOLTAGE_PHASE_3,
)

NEVER_NEGATIVE = (
    Reading.CURRENT_OFFERED,
    Reading.POWER_OFFERED,
    Reading.MAXIMUM_CURRENT,
    Reading.MAXIMUM_POWER,
    Reading.STATE_OF_CHARGE,
    Reading.LIFETIME_ENERGY,
    Reading.SESSION_ENERGY,
    Reading.SESSION_DURATION,
    Reading.TIME_REMAINING,
    Reading.LAST_SESSION_ENERGY,
    Reading.SURPLUS_ENERGY,
    *VOLTAGES,
)
"""What a minus makes nonsense of; power and currents flow back from some vehicles."""

type Value = bool | int | float | str | datetime | Money | None
