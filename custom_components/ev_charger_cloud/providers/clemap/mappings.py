"""The thirteen words for the state of a plug, and what they make of its readings."""

from collections.abc import Iterable, Mapping

from ...charging import CURRENTS, ChargingStatus, Reading, Refusal, Value
from ..wire import translate
from .settings import MINIMUM_CURRENT
from .wire import Plug

# "Status Information of Charging Station". `init` and `unknown` tell no state, nor do
# the two offline ones; `producing` is for solar systems. A `stopped` station may have
# a vehicle or not, and nobody knows who stopped it.
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
    "producing": None,
    "stopped": None,
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
_TOLD = _STATUS.keys() - _OFFLINE - {"init", "unknown", "producing"}
_UNMEASURED = _OFFLINE | {"init", "producing"}
_NOTHING_FLOWS = frozenset({"idle", "connected", "stopped"})

# In these no target reaches a plug: control of one in error is documented as
# impossible.
_UNCONTROLLABLE = {
    "error": Refusal.FAULTED,
    "offline": Refusal.OFFLINE,
    "cloud_offline": Refusal.OFFLINE,
    "init": Refusal.INOPERATIVE,
    "producing": Refusal.INOPERATIVE,
}


def online(plug: Plug) -> bool | None:
    """Return whether the cloud reaches the plug."""
    return None if plug.status is None else plug.status not in _OFFLINE


def charging(plug: Plug) -> bool:
    """Return whether the plug charges a vehicle."""
    return _CHARGING.get(plug.status or "") is True


def producing(plug: Plug) -> bool:
    """Return whether it is no plug at all, but a solar system."""
    return plug.status == "producing"


def obstacle(plugs: Iterable[Plug]) -> Refusal | None:
    """Return why no target can reach any of the plugs, None where it may."""
    reasons = [_UNCONTROLLABLE.get(plug.status or "") for plug in plugs]
    return None if None in reasons or not reasons else reasons[0]


def readings(
    plug: Plug, *, stale: bool, held_back: ChargingStatus | None = None
) -> Mapping[Reading, Value]:
    """Translate a plug; when it is stale only what tells so.

    `held_back` is the state of a vehicle that a target of 0 A keeps from charging.
    """
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
    status = translate(_STATUS, word, of="CLEMAP status")
    if word == "connected" and offered is not None and offered < MINIMUM_CURRENT:
        status = ChargingStatus.SUSPENDED_EVSE
    if word in ("connected", "stopped") and held_back is not None:
        status = held_back
    return {
        Reading.STATUS: status,
        Reading.CLOUD_STATUS: plug.status,
        Reading.PLUG: _PLUGGED_IN.get(word or ""),
        Reading.CHARGING: _CHARGING.get(word or ""),
        Reading.PROBLEM: word == "error" if word in _TOLD else None,
        **dict(zip((*CURRENTS, Reading.POWER), flows, strict=True)),
        Reading.CURRENT_OFFERED: offered,
        Reading.LAST_UPDATE: plug.time,
    }
