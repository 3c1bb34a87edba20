"""Proofs that a callback comes from the cloud: signatures, and what was seen before."""

import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
import hashlib
import hmac

from ..charging import AuthenticationError

_TOLERANCE = 300.0  # s, between a time that is signed and now
_MEMORY = 512
_MEMORY_SPAN = 3600.0  # s


def verify_hmac(secret: str, body: bytes, signature: str | None) -> None:
    """Raise AuthenticationError unless a signature is the HMAC-SHA256 of a body.

    In hexadecimal digits of either case or base64, with or without `sha256=` before.
    """
    expected = hmac.digest(secret.encode(), body, hashlib.sha256)
    given = (signature or "").strip().removeprefix("sha256=")
    for decode in (bytes.fromhex, _base64):
        try:
            if hmac.compare_digest(decode(given), expected):
                return
        except ValueError:
            continue
    raise AuthenticationError(reason="bad_signature")


def verify_svix(
    secret: str, body: bytes, headers: Mapping[str, str], now: float
) -> str:
    """Return the id of a message that is signed the way Svix and Standard Webhooks do.

    `secret` is base64 after `whsec_`; `now` is the time (s since 1970). Raises
    AuthenticationError for another signature or a time too far from now.
    Source: docs.svix.com, *Verifying payloads manually*.
    """
    message_id = headers.get("svix-id", "")
    timestamp = headers.get("svix-timestamp", "")
    # A header may hold bytes that are no text.
    signed = b".".join((*map(_bytes, (message_id, timestamp)), body))
    try:
        key = _base64(secret.strip().removeprefix("whsec_"))
        fresh = abs(now - int(timestamp)) <= _TOLERANCE
    except ValueError, OverflowError:
        raise AuthenticationError(reason="bad_signature") from None
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    # Two signatures where the secret was replaced lately.
    proven = any(
        hmac.compare_digest(expected, _bytes(given.removeprefix("v1,")))
        for given in headers.get("svix-signature", "").split()
        if given.startswith("v1,")
    )
    if not (key and message_id and proven):
        raise AuthenticationError(reason="bad_signature")
    if not fresh:
        raise AuthenticationError(reason="wrong_time")
    return message_id


def _bytes(header: str) -> bytes:
    """Return the bytes of a header as they came."""
    return header.encode(errors="surrogateescape")


def _base64(text: str) -> bytes:
    """Decode base64, padded or not; raise ValueError for what is none."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as err:
        raise ValueError("not base64") from err


class SeenBefore:
    """Remembers for an hour, and within bounds, what came already."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Begin with nothing seen."""
        self._monotonic = monotonic
        self._seen: OrderedDict[Hashable, float] = OrderedDict()

    def again(self, what: Hashable) -> bool:
        """Return whether something was seen before, and remember it."""
        now = self._monotonic()
        while self._seen:
            oldest = next(iter(self._seen))
            if len(self._seen) < _MEMORY and now - self._seen[oldest] <= _MEMORY_SPAN:
                break
            del self._seen[oldest]
        if what in self._seen:
            return True
        self._seen[what] = now
        return False
