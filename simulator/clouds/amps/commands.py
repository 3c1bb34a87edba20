"""What AMPS can be told to do with a charger."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ...world import Connector, Refused, Station, World
from .actions import FLAT, Action, Actions, parse_start
from .devices import CAP_MAXIMUM, Devices
from .errors import ApiError, invalid
from .requests import is_number

_IDLE = "amps idle"


class Commands:
    """The commands and settings of all generations."""

    def __init__(
        self,
        world: World,
        quirks: Mapping[str, Any],
        actions: Actions,
        devices: Devices,
    ) -> None:
        """Command the chargers of a cloud."""
        self._world = world
        self._quirks = quirks
        self._actions = actions
        self._devices = devices

    def canonical(self, station: Station, body: dict[str, Any]) -> Action:
        """Take a command of the newest generation."""
        asked = body.get("action")
        if not isinstance(asked, dict) or not isinstance(asked.get("command"), str):
            raise invalid("action.command is required.")
        command, strategy = asked["command"], body.get("onConflict")
        if command not in ("charge", "idle"):
            raise ApiError("COMMAND_NOT_SUPPORTED", f"{command} is not supported.")
        if parameters := asked.get("parameters"):
            raise ApiError(
                "UNSUPPORTED_PARAMETER",
                f"{command} takes no parameters.",
                details={"unsupportedParameters": list(parameters)},
            )
        strategies = list(self._quirks["conflict_strategies"])
        if strategy is not None and strategy not in strategies:
            raise ApiError(
                "STRATEGY_NOT_SUPPORTED",
                f"{strategy} is not supported.",
                details={"strategies": strategies},
            )
        start, end = self._times(command, asked)
        queued = self._actions.resolve_conflict(station, command, strategy, strategies)
        return self._actions.create(
            station,
            command,
            self._effect(station, command),
            start=queued or start,
            end=end,
            revert=self._effect(station, "idle"),
        )

    def _times(
        self, command: str, asked: dict[str, Any]
    ) -> tuple[datetime | None, datetime | None]:
        """Read when a command is to begin and to end."""
        start, end = (
            parse_start(asked[key], self._world.now, wall_clock=True)
            if asked.get(key) is not None
            else None
            for key in ("start", "end")
        )
        if end and (start is None or end <= start):
            raise ApiError("INVALID_TIME_WINDOW", "end must be after start.")
        way = "windowed" if end else "scheduled" if start else "immediate"
        supported = [
            way
            for way in self._quirks["execution"]
            if (command, way) != ("idle", "windowed")
        ]
        if way not in supported:
            raise ApiError(
                "EXECUTION_NOT_SUPPORTED",
                f"{command} cannot be {way}.",
                details={"requestedExecution": way, "supportedExecution": supported},
            )
        return start, end

    def flat(self, station: Station, body: dict[str, Any]) -> Action:
        """Take a command of the older generations."""
        flat = body.get("action")
        if not isinstance(flat, str):
            raise invalid("action is required.")
        if flat not in FLAT:
            raise ApiError(
                "UNSUPPORTED_MODE",
                f"{flat} is not supported.",
                details={"unsupportedModes": [flat]},
            )
        command, parameters, start = FLAT[flat], None, None
        if command == "cap":
            cap: Any = body.get("maxPower")
            if not is_number(cap):
                raise invalid("maxPower is required.")
            if not 0 <= cap <= CAP_MAXIMUM:
                raise ApiError(
                    "PARAMETER_OUT_OF_RANGE",
                    "maxPower must be between 0 and 50 kW.",
                    details={"parameter": "maxPower", "value": cap},
                )
            parameters = {"maxPower": cap}
        if (until := body.get("deferUntil")) is not None:
            if self._quirks["profile"] != "A":
                raise invalid("deferUntil is not known.")
            start = parse_start(until, self._world.now, wall_clock=False)
            if not self._quirks["deferral_works"]:
                start = None
        self._actions.resolve_conflict(station, command, None, [])
        return self._actions.create(
            station,
            command,
            self._effect(station, command, body.get("maxPower")),
            parameters=parameters,
            start=start,
        )

    def _effect(
        self, station: Station, command: str, cap: float | None = None
    ) -> Callable[[], None]:
        """Return what a command does to the charger."""
        connector = station.connectors[0]

        def charge() -> None:
            code = self._quirks["no_vehicle_error"]
            if code and not connector.plugged:
                raise Refused(code)
            connector.set_limit(_IDLE, None)
            if connector.plugged and not connector.session:
                connector.start()

        def idle() -> None:
            if self._quirks["profile"] != "C":
                if connector.session:
                    connector.stop()
            elif connector.session:
                connector.set_limit(_IDLE, 0)

        def limit() -> None:
            self._apply_cap(station, cap or 0.0)

        return {"charge": charge, "idle": idle, "cap": limit}[command]

    def _apply_cap(self, station: Station, cap: float) -> None:
        self._devices.caps[station.id] = cap
        station.connectors[0].max_power_w = cap * 1000

    def heard(self, kind: str, subject: Connector | Station) -> None:
        """Forget that a session was paused when it ends."""
        if (
            kind == "session_stopped"
            and isinstance(subject, Connector)
            and subject.station.id in self._devices.caps
        ):
            subject.set_limit(_IDLE, None)

    def write(self, station: Station, body: dict[str, Any]) -> None:
        """Write settings."""
        for key in body:
            if key != "max_charge_rate":
                raise ApiError("UNSUPPORTED_SETTING", f"{key} is not supported.")
        if self._quirks["settings_read_only"]:
            raise ApiError("READ_ONLY_SETTING", "max_charge_rate is read-only.")
        cap = _cap(body["max_charge_rate"])
        self._world.call_later(
            self._quirks["settings_seconds"], lambda: self._apply_cap(station, cap)
        )
        self._world.settle()


def _cap(quantity: Any) -> float:
    """Read the power cap, in kW."""
    if not isinstance(quantity, dict) or not is_number(quantity.get("value")):
        raise invalid("max_charge_rate needs a value and a unit.")
    value, unit = float(quantity["value"]), quantity.get("unit")
    if unit != "kw":
        raise ApiError(
            "UNSUPPORTED_UNIT",
            f"{unit} is not supported.",
            details={"providedUnit": unit, "supportedUnits": ["kw"]},
        )
    if not 0 <= value <= CAP_MAXIMUM:
        raise ApiError(
            "SETTING_OUT_OF_RANGE",
            "max_charge_rate must be between 0 and 50 kw.",
            details={
                "parameter": "max_charge_rate",
                "value": value,
                "min": 0,
                "max": CAP_MAXIMUM,
                "unit": "kw",
            },
        )
    return value
