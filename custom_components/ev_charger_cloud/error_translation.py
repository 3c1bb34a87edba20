"""One place that turns what goes wrong below into words for the user."""

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .charging import (
    AuthenticationError,
    ChargingError,
    CommandRefusedError,
    CommandResult,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    RateLimitedError,
    Refusal,
    ServerFaultError,
    UnreachableError,
    UnusableAnswerError,
)
from .const import DOMAIN

# From the special to the general: the first that fits names the text.
_KEYS: tuple[tuple[type[ChargingError], str], ...] = (
    (AuthenticationError, "authentication_failed"),
    (PermissionDeniedError, "permission_denied"),
    (RateLimitedError, "rate_limited"),
    (UnreachableError, "unreachable"),
    (ServerFaultError, "server_fault"),
    (UnusableAnswerError, "unusable_answer"),
    (NotFoundError, "not_found"),
    (NotSupportedError, "not_supported"),
    (CommandRefusedError, "command_refused"),
)

_EXPLAINED = (CommandRefusedError, NotFoundError)


def general_translation_of(err: ChargingError) -> str:
    """Return the key of the text that explains a kind of error."""
    return next((key for kind, key in _KEYS if isinstance(err, kind)), "failed")


def translation_of(err: ChargingError) -> str:
    """Return the key of the text that explains an error, with its reason if known."""
    if isinstance(err, _EXPLAINED) and err.reason in Refusal:
        return f"refused_{err.reason}"
    if isinstance(err, RateLimitedError) and not round(err.retry_after or 0):
        return "rate_limited_soon"
    return general_translation_of(err)


def placeholders_of(err: ChargingError, subject: str) -> dict[str, str]:
    """Return what the texts may tell: about whom, and in the cloud's own words."""
    wait = err.retry_after if isinstance(err, RateLimitedError) else None
    return {
        "subject": subject,
        "message": err.message or err.reason or type(err).__name__,
        # The cloud's own words beside ours.
        "words": f" (“{err.message}”)" if err.message else "",
        "seconds": str(round(wait or 0)),
    }


def command_failed(err: ChargingError, subject: str) -> HomeAssistantError:
    """Translate an error of a command."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=translation_of(err),
        translation_placeholders=placeholders_of(err, subject),
    )


def uncertain(result: CommandResult, subject: str) -> HomeAssistantError:
    """Translate that the answer to a command was lost."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="uncertain",
        translation_placeholders={
            "subject": subject,
            "message": result.message or result.reason or "",
        },
    )


def invalid(key: str, **placeholders: str) -> ServiceValidationError:
    """Translate a request that cannot be carried out as it stands."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )
