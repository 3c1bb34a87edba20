"""The callbacks of AMPS, signed the way of Svix."""

import base64
from collections.abc import Mapping
import hashlib
import hmac
from itertools import count
import json
from typing import Any

from ...deliveries import Deliveries, Delivery
from ...world import World
from .actions import TYPES, Action
from .requests import stamp

SECRET = "whsec_YW1wcy1zaW11bGF0b3ItdGVzdC1zZWNyZXQtMDAwMDE="
LINK = "https://auth.amps.example/reconnect?token=reconnect_sim_0001"
LINK_EVENTS = ("device.connected", "device.reconnected", "device.disconnected")

_OLD = 3600  # s, older than any receiver should accept
_DEPTH = 1000
_HUGE = 2 * 1024 * 1024


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return what a message is signed with."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class Webhooks:
    """Tells whoever was entered in the dashboard how actions end and links fare."""

    def __init__(
        self, world: World, quirks: Mapping[str, Any], deliveries: Deliveries
    ) -> None:
        """Send through the deliveries."""
        self._world = world
        self._quirks = quirks
        self._deliveries = deliveries
        self._ids = count(1)

    def action_ended(self, action: Action) -> None:
        """Tell how an action ended, in the shape of the generation."""
        failed = action.state == "failed"
        body: dict[str, Any] = {
            "actionId": action.id,
            "deviceId": action.device_id,
            "parameters": action.parameters,
            "result": action.result,
            "failedAt" if failed else "completedAt": stamp(action.completed_at),
        }
        if self._quirks["profile"] == "C":
            body |= {"deviceType": "ev_charger", "command": action.command}
            if failed:
                body["errorCode"] = action.error_code
                body["errorMessage"] = action.error_message
        else:
            body["actionType"] = TYPES[action.command]
            if failed:
                del body["result"]
                body["error"] = {
                    "code": action.error_code,
                    "message": action.error_message,
                }
        self.send(body)

    def link_changed(self, event: str, device_id: str, *, link: bool = True) -> None:
        """Tell that a charger was linked, again, or not any more."""
        body = {
            "deviceId": device_id,
            "deviceType": "ev_charger",
            "timestamp": stamp(self._world.now),
        }
        if event == "device.disconnected" and link:
            body["reconnectionUrl"] = LINK
        self.send(body)

    def send(self, body: Any) -> list[Delivery]:
        """Send a callback, as awkwardly as is asked for."""
        url = self._quirks["callback_url"]
        if not url:
            return []
        trouble = self._quirks["callback_trouble"]
        raw = json.dumps(body).encode()
        if trouble == "not_json":
            raw = b"<html>"
        elif trouble == "deep":
            raw = b'{"deviceId": ' + b"[" * _DEPTH + b"]" * _DEPTH + b"}"
        elif trouble == "huge":
            raw += b" " * _HUGE
        message_id = f"msg_sim_{next(self._ids):04}"

        def headers() -> Mapping[str, str]:
            timestamp = int(self._world.now.timestamp())
            if trouble == "old":
                timestamp -= _OLD
            secrets = [self._quirks["callback_secret"]]
            if old := self._quirks["callback_old_secret"]:
                secrets.insert(0, old)
            signed = raw + b" " if trouble == "badly_signed" else raw
            return {
                "svix-id": message_id,
                "svix-timestamp": str(timestamp),
                "svix-signature": " ".join(
                    signature(secret, message_id, timestamp, signed)
                    for secret in secrets
                ),
            }

        after = self._quirks["callback_seconds"]
        return [
            self._deliveries.send(url, raw, headers, after=after)
            for _ in range(2 if trouble == "doubled" else 1)
        ]
