"""The thirteen words for the state of a plug, and what they make of its readings."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from ...charging import CURRENTS, ChargingStatus, Reading, Value
from ..wire import translate
from .wire import Plug

# "Status Information of Charging Station". `init` and `unknown` tell no state, nor do
# the two offline ones; `producing` is for solar systems and met here like a word that
# nobody knows. A `stopped` station may have a vehicle or not.
_STATUS: dict[str, ChargingStatus | None] = {
    "charging": ChargingStatus.CHARGING,
    "recently_started_charging": ChargingStatus.CHARGING,
    "idle": ChargingStatus.DISCONNECTED,
    "connected": ChargingStatus.CONNECTED,
    "discharging": ChargingStatus.DISCHARGING,
    "error": ChargingStatus.FAULTED,
    "offline": None,
    "cloud_offline": None,
    "init": None,
    "stopped": ChargingStatus.PAUSED,
    "starting": ChargingStatus.STARTING,
    "unknown": None,
}
_PLUGGED_IN = {
    "charging": True,
    "recently_started_charging": True,
    "starting": True,
    "connected": True,
    "discharging": True,
    "idle": False,
}
_CHARGING = {"charging": True, "recently_started_charging": True} | dict.fromkeys(
    ("starting", "connected", "idle", "stopped", "discharging", "error", "producing"),
    False,
)
_OFFLINE = frozenset({"offline", "cloud_offline"})
_TOLD = _STATUS.keys() - _OFFLINE - {"init", "unknown"}
_UNMEASURED = _OFFLINE | {"init", "producing"}
_NOTHING_FLOWS = frozenset({"idle", "connected", "stopped"})
_UNCONTROLLABLE = _UNMEASURED | {"error"}

# The cloud's values are refreshed each minute at the slowest.
_OLD = timedelta(minutes=5)
_UNCHANGED = 90.0


def online(plug: Plug) -> bool | None:
    """Return whether the cloud reaches the plug."""
    return None if plug.status is None else plug.status not in _OFFLINE


def faulted(plug: Plug) -> bool:
    """Return whether the plug is in error."""
    return plug.status == "error"


def charging(plug: Plug) -> bool:
    """Return whether the plug charges a vehicle."""
    return _CHARGING.get(plug.status or "") is True


def controllable(plugs: Iterable[Plug]) -> bool:
    """Return whether a target can reach any of the plugs, as far as is known."""
    states = [plug.status for plug in plugs]
    return not states or any(status not in _UNCONTROLLABLE for status in states)


def readings(plug: Plug, *, stale: bool) -> Mapping[Reading, Value]:
    """Translate a plug; when it is stale only what tells so."""
    word = None if stale else plug.status
    measured = (
        plug.current_l1,
        plug.current_l2,
        plug.current_l3,
        plug.power,
        plug.dyn_current_limit,
    )
    if stale or word in _UNMEASURED:
        measured = (None,) * 5
    *flows, offered = measured
    if word in _NOTHING_FLOWS:
        flows = [flow or 0.0 for flow in flows]
    return {
        Reading.STATUS: translate(_STATUS, word, of="CLEMAP status"),
        Reading.CLOUD_STATUS: plug.status,
        Reading.PLUG: _PLUGGED_IN.get(word or ""),
        Reading.CHARGING: _CHARGING.get(word or ""),
        Reading.PROBLEM: word == "error" if word in _TOLD else None,
        **dict(zip((*CURRENTS, Reading.POWER), flows, strict=True)),
        Reading.CURRENT_OFFERED: offered,
        Reading.LAST_UPDATE: plug.time,
    }


class StaleDetector:
    """Tells a reading that stands still from one that a wrong clock makes look old."""

    def __init__(self) -> None:
        """Begin without having seen anything."""
        self._seen: dict[str, tuple[datetime | None, float]] = {}
        self._stale: set[str] = set()

    def note(self, plugs: Mapping[str, Plug], now: datetime, ticks: float) -> None:
        """Look at the times of new readings; `ticks` is a monotonic clock in s."""
        self._stale.clear()
        for key, plug in plugs.items():
            if key not in self._seen or self._seen[key][0] != plug.time:
                self._seen[key] = (plug.time, ticks)
            elif (
                plug.time
                and now - plug.time > _OLD
                and ticks - self._seen[key][1] >= _UNCHANGED
            ):
                self._stale.add(key)

    def stale(self, key: str) -> bool:
        """Return whether a plug's reading stands still."""
        return key in self._stale
