"""What can go wrong between a charger and its cloud."""

from enum import StrEnum, unique


@unique
class Refusal(StrEnum):
    """Why a command was refused, where the reason is one that users meet.

    Anything else keeps the cloud's own code and words.
    """

    # The charger or the vehicle is not in a state for it.
    REJECTED = "rejected"  # the charger said no without a word
    OFFLINE = "offline"
    NO_ANSWER = "no_answer"  # not in time: it may still take effect
    NOT_CONNECTED = "not_connected"  # no vehicle
    NO_SESSION = "no_session"
    ALREADY_CHARGING = "already_charging"
    FULLY_CHARGED = "fully_charged"
    OCCUPIED = "occupied"
    FAULTED = "faulted"
    INOPERATIVE = "inoperative"
    RESERVED = "reserved"
    NOT_RESERVED = "not_reserved"

    # Something is missing in the request, or wrong with it.
    CARD_REQUIRED = "card_required"
    USER_REQUIRED = "user_required"
    INVALID_VALUE = "invalid_value"
    OUT_OF_RANGE = "out_of_range"
    IN_THE_PAST = "in_the_past"
    NOT_APPLIED = "not_applied"  # the cloud kept another value

    # Commands that wait for each other.
    CONFLICT = "conflict"
    NOTHING_SCHEDULED = "nothing_scheduled"
    UNKNOWN_ACTION = "unknown_action"  # the cloud knows no such command
    UNKNOWN_RESERVATION = "unknown_reservation"
    UNKNOWN_SESSION = "unknown_session"
    UNKNOWN_RESOURCE = "unknown_resource"
    NOT_CANCELLABLE = "not_cancellable"

    # The operator's rules for drivers.
    ACCESS_RESTRICTED = "access_restricted"
    BILLING_NOT_ASSOCIATED = "billing_not_associated"
    BILLING_NOT_PARTNER_ASSOCIATED = "billing_not_partner_associated"
    CANNOT_BILL_PAYMENT_METHOD = "cannot_bill_payment_method"
    CANNOT_USE_EXPIRED_PAYMENT_METHOD = "cannot_use_expired_payment_method"
    CANNOT_USE_PAYMENT_METHOD = "cannot_use_payment_method"
    CHARGING_NOT_ALLOWED = "charging_not_allowed"
    CORPORATE_ACCOUNT_LIMIT_REACHED = "corporate_account_limit_reached"
    INTERNAL_ISSUE = "internal_issue"
    LOCATION_IS_CLOSED = "location_is_closed"
    PAYMENT_METHOD_REQUIRED = "payment_method_required"
    PAYMENT_NO_FUNDS = "payment_no_funds"
    PREVIOUS_SESSION_NOT_PAID = "previous_session_not_paid"
    SESSION_ALREADY_RUNNING = "session_already_running"
    SESSION_EXISTS = "session_exists"
    SUBSCRIPTION_REQUIRED = "subscription_required"
    TERMS_NOT_ACCEPTED = "terms_not_accepted"
    USER_IS_DISABLED = "user_is_disabled"
    USER_VALIDATION_NOT_COMPLETE = "user_validation_not_complete"


class ChargingError(Exception):
    """Base of everything a provider may raise.

    `message` is in the cloud's own words where it gave some, with secrets taken
    out; `reason` is a stable word to branch on (the cloud's error code in snake
    case, or one of ours).

    `uncertain` says that the request was sent and may have taken effect although its
    answer was lost: what was asked for must not be asked for again blindly.
    """

    def __init__(
        self, message: str = "", *, reason: str = "", uncertain: bool = False
    ) -> None:
        """Keep the cloud's words and the reason."""
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.uncertain = uncertain


class AuthenticationError(ChargingError):
    """The credentials are not (or no longer) accepted: ask for new ones."""


class PermissionDeniedError(ChargingError):
    """The credentials are good but do not reach this far."""


class RateLimitedError(ChargingError):
    """The cloud asks to wait; `retry_after` is in seconds, None when it is silent."""

    def __init__(
        self, message: str = "", *, reason: str = "", retry_after: float | None = None
    ) -> None:
        """Keep how long to wait."""
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class UnreachableError(ChargingError):
    """No answer: no connection, a time-out, a broken line."""


class ServerFaultError(ChargingError):
    """The cloud answered that it is in trouble itself (HTTP 5xx)."""


class UnusableAnswerError(ChargingError):
    """The cloud answered something that cannot be understood."""


class CommandRefusedError(ChargingError):
    """The cloud or the charger said no; `reason` (a Refusal, if known) tells why."""


class NotSupportedError(ChargingError):
    """This charger, or this cloud, does not offer what was asked."""


class NotFoundError(NotSupportedError):
    """The cloud does not know the object (any more)."""
