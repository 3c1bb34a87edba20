"""What AMPS calls back about: the end of actions, and links to makers' accounts.

Never the state of a charger: all of it is a reason to read one. Neither a header nor the
body names the kind of a callback, so it is told by its shape.
"""

import base64
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum, unique
from typing import Any
from urllib.parse import urlsplit

from ...charging import NotSupportedError, PermissionDeniedError, UnusableAnswerError
from ..base import Callback, Context, Received
from ..signatures import SeenBefore, verify_svix
from ..transport import decode_json
from ..wire import text
from .state import ChargerState, Trouble
from .sync import ChargerSync
from .wire import Action


@unique
class Kind(StrEnum):
    """The kinds of callbacks; a link that was made or renewed look alike."""

    PUSH_COMPLETED = "push.completed"
    PUSH_FAILED = "push.failed"
    DISCONNECTED = "device.disconnected"
    DEVICE = "device"
    UNKNOWN = "unknown"


class Callbacks:
    """Understands what AMPS calls back."""

    def __init__(self, context: Context, sync: ChargerSync) -> None:
        """Use the secret that AMPS's dashboard shows."""
        self._context = context
        self._sync = sync
        self._secret: str = context.settings.get("webhook_secret") or ""
        self._seen = SeenBefore(context.monotonic)

    @property
    def wanted(self) -> bool:
        """Return whether there is a secret, without which nothing can be believed."""
        return bool(self._secret)

    def receive(self, callback: Callback) -> Received:
        """Understand a callback: keep how an action ended, and name what to read."""
        if not self.wanted:
            raise NotSupportedError(reason="no_secret")
        message_id = verify_svix(
            self._secret,
            callback.body,
            callback.headers,
            self._context.now().timestamp(),
        )
        body = decode_json(callback.body)
        if not isinstance(body, Mapping):
            raise UnusableAnswerError("no object", reason="unexpected_shape")
        kind = kind_of(body)
        known = self._sync.chargers.get((text(body.get("deviceId")) or "").lower())
        if self._seen.again(message_id) or kind is Kind.UNKNOWN:
            return Received(kind=kind)
        if kind in (Kind.DEVICE, Kind.DISCONNECTED):
            # A charger that was linked just now is in the list alone.
            self._sync.list_again()
        if known is None:
            return Received(kind=kind)
        if kind is Kind.DISCONNECTED:
            self._unlink(known, text(body.get("reconnectionUrl")))
        elif kind is Kind.DEVICE:
            known.relinked()
        else:
            self._end_action(known, body, kind)
        return Received(
            kind=kind,
            reread=frozenset({known.id}),
            events=known.take_events(),
            notices=self._sync.notices(),
        )

    def _unlink(self, known: ChargerState, url: str | None) -> None:
        """Note that the maker does not accept the owner's credentials any more."""
        usable = url is not None and urlsplit(url).scheme in ("https", "http")
        known.fail(
            Trouble(
                error=PermissionDeniedError(reason="invalid_credentials"),
                told=True,
                url=url if usable else None,
            ),
            self._context.monotonic(),
        )

    def _end_action(
        self, known: ChargerState, body: Mapping[str, Any], kind: Kind
    ) -> None:
        """Take in how an action ended; the state of the charger is not told."""
        error = body.get("error")
        if not isinstance(error, Mapping):
            error = {"message": error}
        action = {
            **body,
            "id": body.get("actionId") or body.get("id"),
            "type": body.get("actionType"),
            "state": "failed" if kind is Kind.PUSH_FAILED else "completed",
            "errorCode": body.get("errorCode") or error.get("code"),
            "errorMessage": body.get("errorMessage") or error.get("message"),
            "completedAt": body.get("completedAt") or body.get("failedAt"),
        }
        # One without an id is a reason to read the charger, as any other.
        with suppress(UnusableAnswerError):
            known.end(Action.decode(action))


def is_secret(secret: str) -> bool:
    """Return whether a text looks like a secret for signatures."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    return secret.startswith("whsec_") and bool(key)


def kind_of(body: Mapping[str, Any]) -> Kind:
    """Tell the kind of a callback by its shape: a failed one may have a result too."""
    if body.get("reconnectionUrl"):
        return Kind.DISCONNECTED
    if any(body.get(key) for key in ("errorCode", "error", "failedAt")):
        return Kind.PUSH_FAILED
    if any(body.get(key) for key in ("command", "actionType")):
        return Kind.PUSH_COMPLETED
    return Kind.DEVICE if body.get("deviceId") else Kind.UNKNOWN
