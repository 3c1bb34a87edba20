"""Plugchoice's words in the vocabulary; where they are OCPP 1.6's, `ocpp` has them."""

from typing import Final

from ...charging import ChargingStatus, ErrorCode, StopReason
from .. import ocpp
from ..wire import once, translate

IN_SESSION: Final = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})
NO_ERROR: Final = (None, "NoError")

_CONNECTION: Final = {"online": True, "offline": False, "never_seen": False}
_PHASES: Final = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_3_PHASE": 3, "DC": 0}


def online(word: str | None) -> bool | None:
    """Return whether a charger is connected, None where the cloud is silent."""
    return translate(_CONNECTION, word, of="Plugchoice connection status")


def status(word: str | None) -> ChargingStatus | None:
    """Return the status of a connector."""
    return translate(ocpp.STATUS, word, of="Plugchoice connector status")


def phases(word: str | None) -> int:
    """Return how many phases a connector has alternating current of, one if unsaid."""
    return _PHASES.get(word or "", 1)


def error_code(word: str | None) -> ErrorCode | None:
    """Return an error code; an error of null is none."""
    if word is None:
        return ErrorCode.NO_ERROR
    return _noted(ocpp.error_code(word), word, "Plugchoice error code")


def stop_reason(word: str | None) -> StopReason | None:
    """Return why a transaction ended."""
    return _noted(ocpp.stop_reason(word), word, "Plugchoice stop reason")


def _noted[T](translated: T | None, word: str | None, of: str) -> T | None:
    """Note a word that nobody knows."""
    if translated is None and word is not None:
        once(of, f"unknown word {word[:40]!r}")
    return translated
