"""AMPECO's words, and what they are called here."""

from ...charging import (
    ChargingStatus,
    ErrorCode,
    PaymentStatus,
    Refusal,
    ReservationStatus,
    SessionStatus,
    StopReason,
    SubscriptionStatus,
)

STATUS = {
    "available": ChargingStatus.DISCONNECTED,
    "preparing": ChargingStatus.CONNECTED,
    "occupied": ChargingStatus.CONNECTED,
    "charging": ChargingStatus.CHARGING,
    "suspendedEV": ChargingStatus.SUSPENDED_EV,
    "suspendedEVSE": ChargingStatus.SUSPENDED_EVSE,
    "finishing": ChargingStatus.FINISHING,
    "reserved": ChargingStatus.RESERVED,
    "unavailable": ChargingStatus.INOPERATIVE,
    "faulted": ChargingStatus.FAULTED,
}

# The cloud writes these with spaces, underscores or hyphens, as the endpoint has it.
ONLINE = {
    "available": True,
    "never connected": False,
    "temporarily unavailable": False,
    "long term unavailable": False,
}

SESSION_STATUS = {
    "pending": SessionStatus.PENDING,
    "active": SessionStatus.ACTIVE,
    "finished": SessionStatus.FINISHED,
    "failed": SessionStatus.FAILED,
    "expired": SessionStatus.EXPIRED,
    "unknown": None,
}

PAYMENT_STATUS = {
    "pending": PaymentStatus.PENDING,
    "paid": PaymentStatus.PAID,
    "partially": PaymentStatus.PARTIALLY_PAID,
    "failed": PaymentStatus.FAILED,
}

RESERVATION_STATUS = {status.value: status for status in ReservationStatus}

SUBSCRIPTION_STATUS = {status.value: status for status in SubscriptionStatus}

# What a station can be asked to send: OCPP 1.6's messages, then those of 2.0.1.
MESSAGES = (
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "StatusNotification",
    "SignV2GCertificate",
    "LogStatusNotification",
    "PublishFirmwareStatusNotification",
    "SignChargingStationCertificate",
    "SignCombinedCertificate",
    "TransactionEvent",
)

# The station's own error codes are OCPP's, which differ from ours in case alone.
ERROR_CODE = {code.value.replace("_", ""): code for code in ErrorCode}

# OCPP's reasons come without separators; the rest are the platform's own.
STOP_REASON = {reason.value.replace("_", ""): reason for reason in StopReason} | {
    "authorization_amount_reached": StopReason.LOCAL_OUT_OF_CREDIT,
    "authorization_failed": StopReason.DEAUTHORIZED,
    "balance_exceeded": StopReason.LOCAL_OUT_OF_CREDIT,
    "canceled_reservation": StopReason.OTHER,
    "charge_point_timeout": StopReason.TIMEOUT,
    "charging_on_evse_not_allowed": StopReason.DEAUTHORIZED,
    "energy_exceeded": StopReason.ENERGY_LIMIT_REACHED,
    "ev_not_connect_to_evse": StopReason.TIMEOUT,
    "ev_not_connected_to_evse": StopReason.TIMEOUT,
    "evse_inoperative": StopReason.OTHER,
    "evse_occupied": StopReason.OTHER,
    "failed": StopReason.OTHER,
    "force_stop": StopReason.REMOTE,
    "new_start_transaction_received": StopReason.OTHER,
    "no_ev_connected": StopReason.TIMEOUT,
    "no_ev_parked": StopReason.TIMEOUT,
    "no_user_for_agile_streets": StopReason.DEAUTHORIZED,
    "not_supported": StopReason.OTHER,
    "pre_authorization_failed": StopReason.DEAUTHORIZED,
    "rejected": StopReason.OTHER,
    "remote_start_failed": StopReason.OTHER,
    "schedule_completed": StopReason.SCHEDULE_COMPLETED,
    "standard_stop": StopReason.REMOTE,
    "system_force_stop": StopReason.REMOTE,
    "time_limit": StopReason.TIME_LIMIT_REACHED,
    "timeoutlimitreached": StopReason.TIME_LIMIT_REACHED,
    "unknown_reservation": StopReason.OTHER,
    "unknown_session": StopReason.OTHER,
    "working_hours_exceeded": StopReason.LOCATION_CLOSED,
}

# Why a session that was started from here never came to life.
START_FAILURE = {
    "authorization_failed": Refusal.ACCESS_RESTRICTED,
    "balance_exceeded": Refusal.PAYMENT_NO_FUNDS,
    "charge_point_timeout": Refusal.NO_ANSWER,
    "charging_on_evse_not_allowed": Refusal.CHARGING_NOT_ALLOWED,
    "deauthorized": Refusal.ACCESS_RESTRICTED,
    "ev_not_connect_to_evse": Refusal.NOT_CONNECTED,
    "ev_not_connected_to_evse": Refusal.NOT_CONNECTED,
    "evse_inoperative": Refusal.INOPERATIVE,
    "evse_occupied": Refusal.OCCUPIED,
    "no_ev_connected": Refusal.NOT_CONNECTED,
    "no_ev_parked": Refusal.NOT_CONNECTED,
    "pre_authorization_failed": Refusal.CANNOT_BILL_PAYMENT_METHOD,
    "timeout": Refusal.NO_ANSWER,
    "working_hours_exceeded": Refusal.LOCATION_IS_CLOSED,
}
