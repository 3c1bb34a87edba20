"""Tidying what was typed in at set-up."""

from typing import Any

from yarl import URL

from .base import InvalidSettingError, Settings


def stripped(settings: Settings) -> dict[str, Any]:
    """Return the settings without blanks around them."""
    return {
        key: value.strip() if isinstance(value, str) else value
        for key, value in settings.items()
    }


def web_address(text: str, key: str = "base_url") -> str:
    """Read an address; it may lack its scheme, and loses a slash or fragment at its end.

    Raises InvalidSettingError for what is no address of a server, or one with a
    login or a query in it.
    """
    address = text.strip()
    if "://" not in address:
        address = f"https://{address}"
    try:
        url = URL(address).with_fragment(None)
        usable = url.scheme in ("http", "https") and url.host and url.port
    except ValueError:
        raise InvalidSettingError(key, "invalid_url") from None
    if not usable or url.user or url.password or url.query_string or " " in address:
        raise InvalidSettingError(key, "invalid_url")
    return str(url).rstrip("/")
