"""How AMPS shows a charger, and how old what it shows may be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...world import Connector, State, Station, World
from .actions import Action
from .errors import ApiError
from .requests import stamp

CAP_MAXIMUM = 50.0


@dataclass(slots=True)
class Pull:
    """What was last fetched from the maker's cloud."""

    at: datetime
    state: dict[str, Any]


def rating(connector: Connector) -> float:
    """Return the rating of a charger in kW."""
    watts = connector.max_current * connector.voltage * connector.phases
    return round(watts / 1000, 1)


class Devices:
    """The chargers as AMPS knows them: each has one connector."""

    def __init__(
        self,
        world: World,
        quirks: Mapping[str, Any],
        last_action: Callable[[str], Action | None],
    ) -> None:
        """Begin without chargers."""
        self._world = world
        self._quirks = quirks
        self._last_action = last_action
        self._pulls: dict[str, Pull] = {}
        self.caps: dict[str, float] = {}
        self.users: dict[str, str] = {}

    def link(self, station: Station, user: str) -> None:
        """Link a charger, which fetches its first state."""
        self.caps[station.id] = rating(station.connectors[0])
        self.users[station.id] = user
        self._pull(station)

    def unlink(self, station: Station) -> None:
        """Forget a charger."""
        for of in (self._pulls, self.caps, self.users):
            del of[station.id]

    def listed(self, station: Station, *, live: bool) -> dict[str, Any]:
        """Show a charger in a list: as last pulled, without settings."""
        if self._quirks["fresh_lists"] and station.online:
            self._pull(station)
        device = self._show(station, "cache" if live else "projection", "normal")
        device.pop("settings", None)
        return device

    def read(self, station: Station, *, expedite: bool, live: bool) -> dict[str, Any]:
        """Show a charger: from the cache, from its maker, or what was last stored."""
        if code := self._quirks["device_errors"].get(station.id):
            raise ApiError(code, "The maker refused the linked account.")
        allowed = self._quirks["expedite_seconds" if expedite else "cache_seconds"]
        age = (self._world.now - self._pulls[station.id].at).total_seconds()
        source = "cache"
        if age >= allowed:
            source = self._refetch(station)
        available = source != "fallback"
        if not live and available:
            source = "projection"
        return self._show(
            station, source, "expedite" if expedite else "normal", available=available
        )

    def _refetch(self, station: Station) -> str:
        """Ask the maker; return where the state then comes from."""
        if self._quirks["fallback"]:
            return "fallback"
        if not station.online:
            raise ApiError(
                "DEVICE_OFFLINE",
                "The charger could not be reached.",
                status=self._quirks["offline_status"],
            )
        self._pull(station)
        return "live"

    def _pull(self, station: Station) -> None:
        connector = station.connectors[0]
        charging = connector.state is State.CHARGING
        if charging:
            status = "charging"
        elif connector.plugged:
            status = self._quirks["plugged_word"]
        else:
            status = "available"
        state = {
            "status": self._quirks["status_word"] or status,
            "isConnected": connector.plugged,
            "isCharging": charging,
            "currentPower": round(connector.power_w / 1000, 3),
            "maxCurrent": connector.max_current,
            "powerRateLimit": rating(connector),
        }
        self._pulls[station.id] = Pull(self._world.now, state)

    def _show(
        self, station: Station, source: str, cache_type: str, *, available: bool = True
    ) -> dict[str, Any]:
        """Show a charger in the words of the profile."""
        profile, pull = self._quirks["profile"], self._pulls[station.id]
        state: dict[str, Any] = dict(pull.state)
        device: dict[str, Any] = {
            "id": station.id,
            "vendor": station.vendor,
            "sync": {"available": available, "lastPulledAt": stamp(pull.at)},
            "metadata": {"model": station.model, "source": source},
            "state": state,
        }
        if profile == "C":
            device |= {
                "commands": self._commands(),
                "conflictStrategies": list(self._quirks["conflict_strategies"]),
                "settings": {
                    "max_charge_rate": {
                        "value": self.caps[station.id],
                        "unit": "kw",
                        "min": 0,
                        "max": CAP_MAXIMUM,
                    }
                },
                "lastAction": self._summary(station.id),
                "currentSchedule": None,
            }
        else:
            del state["powerRateLimit"]
            device["metadata"]["cacheType"] = cache_type
        if profile == "A":
            device["features"] = {
                "pull": [{"key": key} for key in state],
                "push": [{"key": "maxPower", "min": 0, "max": CAP_MAXIMUM}],
            }
        if station.id in self._quirks["sparse_devices"]:
            state |= {"isConnected": None, "isCharging": None, "currentPower": None}
            del state["maxCurrent"], device["sync"]
            device["metadata"] = None
        return device

    def _commands(self) -> dict[str, Any]:
        """Name the commands with their ways of execution."""
        ways = {"charge": ["immediate", "scheduled", "windowed"]}
        ways["idle"] = ways["charge"][:2]
        allowed = self._quirks["execution"]
        return {
            command: {"parameters": {}, "execution": [w for w in list_ if w in allowed]}
            for command, list_ in ways.items()
        }

    def _summary(self, device_id: str) -> dict[str, Any] | None:
        """Sum the last action up."""
        action = self._last_action(device_id)
        if action is None:
            return None
        return {
            "id": action.id,
            "command": action.command,
            "state": action.state,
            "createdAt": stamp(action.created_at),
            "updatedAt": stamp(action.updated_at),
            "errorCode": action.error_code,
            "errorMessage": action.error_message,
            "links": {"self": f"/actions/{action.id}"},
        }
