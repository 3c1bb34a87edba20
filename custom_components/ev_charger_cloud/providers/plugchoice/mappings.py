"""Plugchoice's words (OCPP 1.6's, for the most part) in the vocabulary."""

from typing import Final

from ...charging import ChargingStatus, ErrorCode, StopReason

STATUS: Final = {
    "Available": ChargingStatus.DISCONNECTED,
    "Preparing": ChargingStatus.CONNECTED,
    "Charging": ChargingStatus.CHARGING,
    "SuspendedEV": ChargingStatus.SUSPENDED_EV,
    "SuspendedEVSE": ChargingStatus.SUSPENDED_EVSE,
    "Finishing": ChargingStatus.FINISHING,
    "Reserved": ChargingStatus.RESERVED,
    "Unavailable": ChargingStatus.INOPERATIVE,
    "Faulted": ChargingStatus.FAULTED,
}
IN_SESSION: Final = ("Charging", "SuspendedEV", "SuspendedEVSE")
CONNECTION: Final = {"online": True, "offline": False, "never_seen": False}
ERRORS: Final = {
    "NoError": ErrorCode.NO_ERROR,
    "ConnectorLockFailure": ErrorCode.CONNECTOR_LOCK_FAILURE,
    "EVCommunicationError": ErrorCode.EV_COMMUNICATION_ERROR,
    "GroundFailure": ErrorCode.GROUND_FAILURE,
    "HighTemperature": ErrorCode.HIGH_TEMPERATURE,
    "InternalError": ErrorCode.INTERNAL_ERROR,
    "LocalListConflict": ErrorCode.LOCAL_LIST_CONFLICT,
    "OtherError": ErrorCode.OTHER_ERROR,
    "OverCurrentFailure": ErrorCode.OVER_CURRENT_FAILURE,
    "OverVoltage": ErrorCode.OVER_VOLTAGE,
    "PowerMeterFailure": ErrorCode.POWER_METER_FAILURE,
    "PowerSwitchFailure": ErrorCode.POWER_SWITCH_FAILURE,
    "ReaderFailure": ErrorCode.READER_FAILURE,
    "ResetFailure": ErrorCode.RESET_FAILURE,
    "UnderVoltage": ErrorCode.UNDER_VOLTAGE,
    "WeakSignal": ErrorCode.WEAK_SIGNAL,
}
STOP_REASONS: Final = {
    "DeAuthorized": StopReason.DEAUTHORIZED,
    "EmergencyStop": StopReason.EMERGENCY_STOP,
    "EVDisconnected": StopReason.EV_DISCONNECTED,
    "HardReset": StopReason.HARD_RESET,
    "Local": StopReason.LOCAL,
    "Other": StopReason.OTHER,
    "PowerLoss": StopReason.POWER_LOSS,
    "Reboot": StopReason.REBOOT,
    "Remote": StopReason.REMOTE,
    "SoftReset": StopReason.SOFT_RESET,
    "UnlockCommand": StopReason.UNLOCK_COMMAND,
}
PHASES: Final = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_3_PHASE": 3, "DC": 0}
