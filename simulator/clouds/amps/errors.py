"""The refusals of AMPS: a code, words, and an HTTP status."""

from typing import Any

_STATUS = {
    "ACCOUNT_LOCKED": 403,
    "ACTION_NOT_CANCELLABLE": 409,
    "CONFLICT": 409,
    "CREDENTIAL_NOT_FOUND": 404,
    "DEVICE_NOT_FOUND": 404,
    "DEVICE_OFFLINE": 503,
    "EXPIRED_TOKEN": 401,
    "INSUFFICIENT_PERMISSIONS": 403,
    "INTERNAL_ERROR": 500,
    "INVALID_API_KEY": 401,
    "INVALID_CREDENTIALS": 401,
    "INVALID_MFA_CODE": 403,
    "LIVE_ACCESS_DISABLED": 403,
    "MFA_REQUIRED": 403,
    "NOT_FOUND": 404,
    "NOT_IMPLEMENTED": 501,
    "RATE_LIMIT_EXCEEDED": 429,
    "SERVICE_UNAVAILABLE": 503,
    "UNAUTHORIZED": 401,
    "UNSUPPORTED_AUTH_PATH": 400,
    "UNSUPPORTED_CREDENTIAL_TYPE": 400,
    "VALIDATION_ERROR": 400,
}


class ApiError(Exception):
    """A refusal; codes of the vocabulary are 422."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        details: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Keep what is told."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or _STATUS.get(code, 422)
        self.details = details
        self.headers = headers


def invalid(message: str) -> ApiError:
    """Return the refusal of a request whose shape is wrong."""
    return ApiError("VALIDATION_ERROR", message)
