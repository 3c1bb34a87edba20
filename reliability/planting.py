"""Secrets and personal data planted in what clouds say and users type in."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
import json
from typing import Any, override

from .proxy import Disguise


class Kind(StrEnum):
    """What was planted."""

    SECRET = "secret"  # tokens, passwords, PINs, addresses that open doors
    PERSON = "person"  # names and e-mail addresses of people
    PLACE = "place"  # streets, towns, postal codes
    NAME = "name"  # what chargers and sites are called
    SERIAL = "serial"
    CARD = "card"


_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("access_token", "pin", "password", "pincode"), Kind.SECRET),
    **dict.fromkeys(("hmac_web", "avatar", "sharingCode"), Kind.SECRET),
    **dict.fromkeys(("email", "firstName", "lastName", "first_name"), Kind.PERSON),
    **dict.fromkeys(("last_name", "phone", "comment"), Kind.PERSON),
    **dict.fromkeys(("street", "city", "postCode", "postal_code"), Kind.PLACE),
    **dict.fromkeys(("address", "number"), Kind.PLACE),
    **dict.fromkeys(("name", "reference", "plug_label", "label"), Kind.NAME),
    **dict.fromkeys(("chargeBoxSerialNumber", "identity"), Kind.SERIAL),
    **dict.fromkeys(("chargePointSerialNumber", "physicalReference"), Kind.SERIAL),
    **dict.fromkeys(("external_device_id", "evsePhysicalReference"), Kind.SERIAL),
    **dict.fromkeys(("idTag", "id_tag", "id_token", "current_card"), Kind.CARD),
}
"""What the values under these keys are."""

_FORMS: Mapping[Kind, str] = {
    Kind.SECRET: "zqs{:03}tK8vWx",
    Kind.PERSON: "zqp{:03}@planted.example",
    Kind.PLACE: "Zqlane{:03}",
    Kind.NAME: "Zqbox{:03}",
    Kind.SERIAL: "ZQSN{:03}B",
    Kind.CARD: "ZQ{:03}C0FFEE",
}

_SECRET_SETTINGS = frozenset({"api_key", "token", "client_secret"})


@dataclass
class Planted(Disguise):
    """What was planted instead of what, and how it is called back."""

    markers: dict[str, Kind] = field(default_factory=dict)
    _known: dict[tuple[str, str], str] = field(default_factory=dict)
    _truth: dict[str, str] = field(default_factory=dict)

    def settings(self, cloud: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings with secrets planted."""
        return {
            key: self._plant(cloud, value, Kind.SECRET)
            if key in _SECRET_SETTINGS
            else value
            for key, value in settings.items()
        }

    @override
    def truth(self, text: str) -> str:
        """Return a text as the cloud knows it."""
        if text.startswith("Basic "):
            known = base64.b64decode(text[6:]).decode()
            return "Basic " + base64.b64encode(self.truth(known).encode()).decode()
        for marker, truth in self._truth.items():
            text = text.replace(marker, truth)
        return text

    @override
    def disguised(self, cloud: str, body: bytes) -> bytes:
        """Return an answer with everything personal in it planted."""
        try:
            told = json.loads(body)
        except ValueError:
            return body
        return json.dumps(self._walk(cloud, told, "", "")).encode()

    def _walk(self, cloud: str, value: Any, key: str, parent: str) -> Any:
        """Plant in a value under a key."""
        if isinstance(value, dict):
            return {
                name: self._walk(cloud, item, name, key) for name, item in value.items()
            }
        if isinstance(value, list):
            return [self._walk(cloud, item, key, parent) for item in value]
        if not isinstance(value, str) or not value.strip():
            return value
        if (parent, key) == ("model", "name"):
            return value  # what its maker calls it
        # A text in several languages.
        kind = _KINDS.get(parent if key == "translation" else key)
        return value if kind is None else self._plant(cloud, value, kind)

    def _plant(self, cloud: str, value: str, kind: Kind) -> str:
        """Return what stands for a value from now on."""
        if value in self._truth:
            return value
        marker = self._known.get((cloud, value))
        if marker is None:
            marker = _FORMS[kind].format(len(self.markers) + 1)
            self._known[cloud, value] = marker
            self._truth[marker] = value
            self.markers[marker] = kind
        return marker

    def found(self, places: Iterable[Place]) -> Iterator[str]:
        """Tell what was found where it does not belong."""
        for place in places:
            folded = place.text.casefold()
            for marker, kind in self.markers.items():
                # Half an address tells as much.
                needle = marker.partition("@")[0].casefold()
                if kind not in place.allowed and needle in folded:
                    at = folded.index(needle)
                    around = place.text[max(0, at - 90) : at + 60].replace("\n", " ")
                    yield f"{kind} in {place.name}: …{around}…"


@dataclass(frozen=True, slots=True)
class Place:
    """A place to search, and what may be there."""

    name: str
    text: str
    allowed: frozenset[Kind] = frozenset()


SHOWN = frozenset({Kind.NAME})
"""Users see what chargers and sites are called."""

REGISTERED = frozenset({Kind.NAME, Kind.SERIAL})
"""The device registry shows serial numbers too."""

TYPED_IN = frozenset({Kind.SECRET, Kind.CARD, Kind.NAME})
"""What users typed in is kept with the account."""
