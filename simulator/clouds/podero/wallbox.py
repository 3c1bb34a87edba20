"""A wallbox as Podero keeps it: settings, pause, boost and solar surplus."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from ...world import MIN_CURRENT, Connector, Refused, Station, Timer

POLICY = frozenset(
    {"is_charge_policy_enabled", "minimum_charge_limit", "charge_deadline_at"}
)

_NEVER = "0001-01-01T00:00:00Z"
_EUR_PER_KWH = 0.2
_PRICE_ZONE = "AT"
_session_ids = count(4711)


class Conflict(Exception):
    """A boost is refused; with the reason."""


def stamp(when: datetime | None, timespec: str = "seconds") -> str | None:
    """Write a time."""
    if when is None:
        return None
    return when.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


@dataclass(slots=True, kw_only=True)
class Surplus:
    """A solar-surplus (HEMS) session; what it is told to do is kept."""

    connector: Connector
    started_at: datetime
    meter_start_wh: float
    transaction: int | None
    ended_at: datetime | None = None
    meter_end_wh: float | None = None
    decisions: list[dict[str, Any]] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    id: int = field(default_factory=lambda: next(_session_ids))

    def item(self) -> dict[str, Any]:
        """Return what a list of sessions has."""
        end = (
            self.connector.meter_wh if self.meter_end_wh is None else self.meter_end_wh
        )
        energy = (end - self.meter_start_wh) / 1000
        return {
            "id": self.id,
            "ocpp_transaction_id": self.transaction,
            "started_at": stamp(self.started_at),
            "ended_at": stamp(self.ended_at),
            "final_hems_state": "stopped" if self.ended_at else None,
            "energy_from_solar_kwh": round(energy, 3),
            "savings_eur": round(energy * _EUR_PER_KWH, 2),
            "has_complete_price_coverage": self.ended_at is not None,
            "commands_sent": len(self.commands),
            "commands_applied": len(self.commands),
            "commands_ineffective": 0,
        }

    def detail(self) -> dict[str, Any]:
        """Return everything about the session."""
        return {
            "session": self.item(),
            "decisions": self.decisions,
            "commands": self.commands,
        }

    def steer(self, now: datetime, export_w: float, amps: float, phases: int) -> None:
        """Note a decision and the command that follows from it."""
        number = len(self.commands) + 901
        watts = amps * 230 * phases
        self.decisions.append(
            {
                "time": stamp(now),
                "hems_state": "charging" if amps else "waiting",
                "reason": "surplus" if amps else "too little surplus",
                "export_w": export_w,
                "target_w": watts,
                "phases": phases,
                "dispatched": True,
                "steering_command_id": number,
            }
        )
        self.commands.append(
            {
                "id": number,
                "time": stamp(now),
                "commanded_watts": watts,
                "commanded_amps": amps,
                "commanded_phases": phases,
                "dispatch_status": "applied",
                "observed_current_offered_a": amps,
                "observed_power_w": watts,
            }
        )


@dataclass(frozen=True, slots=True)
class Live:
    """What the maker's cloud last told of the charger; nothing at first."""

    plugged: bool | None = None
    charging: bool | None = None
    full: bool | None = None
    rate_w: float | None = None


class Wallbox:
    """One wallbox, its charger's first connector."""

    def __init__(
        self, station: Station, quirks: Mapping[str, Any], *, bare: bool = False
    ) -> None:
        """Link a charger that is in the world; a bare one was never heard of."""
        self.station = station
        self.connector = station.connectors[0]
        self.world = station.world
        self.authenticated: bool | None = None if bare else True
        self.deleted_at: datetime | None = None
        self.created_at = datetime(2025, 1, 10, 8, tzinfo=UTC)
        self.updated_at = self.created_at
        self.policy_updated_at: datetime | None = None
        self.settings: dict[str, Any] = {
            "charge_target_min": None if bare else 50,
            "charge_target_max": None if bare else 80,
            "charge_power_max_w": 7000 if bare else 11000,
            "is_charge_policy_enabled": None if bare else False,
            "minimum_charge_limit": None if bare else 80,
            "charge_deadline_at": None,
            "is_over_charge_allowed": None if bare else False,
            "pause_power_until": None,
            "is_pause_power_active": False,
            "is_smart_optimization_active": not bare,
        }
        self._flag_before = False, self.created_at
        self.armed = False
        self.held = False
        self.surpluses: list[Surplus] = []
        self._quirks = quirks
        self._boost: str | None = None
        self._boost_timer: Timer | None = None
        self._pause_timer: Timer | None = None
        self._surplus_amps: float | None = None
        self._live = Live()
        self._live_at: datetime | None = None
        self._reported_at = float("-inf")
        self._heard = not bare
        station.auto_start = True
        self.world.listeners.append(self._on_event)
        self._adapt()

    @property
    def id(self) -> str:
        """Return the id."""
        return self.station.id

    # What is asked for

    def change(self, changes: Mapping[str, Any]) -> None:
        """Take over settings that were checked."""
        now = self.world.now
        changes = self._derived(changes)
        policy = {key: self.settings[key] for key in POLICY}
        flag = self._pause_flag()
        self.settings |= changes
        if changes.keys() & {"pause_power_until", "is_pause_power_active"}:
            self._pause(changes)
            self._flag_before = flag, now
        self.updated_at = now
        if policy != {key: self.settings[key] for key in POLICY}:
            self.policy_updated_at = now
        self._adapt()

    def _derived(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return changes as a server takes them that derives, rounds and bounds."""
        taken = dict(changes)
        if self._quirks["pause_derived"]:
            taken.pop("is_pause_power_active", None)
        if "charge_power_max_w" in taken:
            step, most = self._quirks["power_step"], self._quirks["power_most"]
            watts = taken["charge_power_max_w"] // step * step
            taken["charge_power_max_w"] = watts if most is None else min(watts, most)
        return taken

    def boost(self) -> None:
        """Charge now, or arm for the next plug-in."""
        if self._quirks["boost_fault"]:
            raise Conflict("internal_error")
        if self.connector.car is None:
            self.armed = True
            return
        if self.connector.car.full:
            raise Conflict("fully_charged")
        if self._boost or self._charging:
            raise Conflict("already_charging")
        self._begin_boost()

    def cancel_boost(self) -> None:
        """End a boost and disarm."""
        self.armed = False
        self._end_boost()
        self._adapt()

    def hold(self, held: bool) -> None:
        """Let the optimisation wait for a better price, or not."""
        self.held = held
        self._adapt()

    def shine(self, export_w: float | None) -> None:
        """Steer by the surplus of the roof; None ends the session."""
        now = self.world.now
        running = self.surplus
        if export_w is None:
            self._end_surplus()
        else:
            if running is None:
                running = self._begin_surplus(now)
            phases = self.connector.used_phases
            amps = export_w // (230 * phases)
            self._surplus_amps = amps = 0.0 if amps < MIN_CURRENT else amps
            running.steer(now, export_w, amps, phases)
        self._adapt()

    def link(self, authenticated: bool) -> None:
        """Link the maker's account, or let the link lapse."""
        self.observe()
        self.authenticated = authenticated
        self._heard = True
        self.observe()

    def forget(self) -> None:
        """Listen to the charger no longer."""
        self.world.listeners.remove(self._on_event)

    # What is shown

    @property
    def boost_state(self) -> str:
        """Return whether a boost is possible or running."""
        if self._boost:
            return self._boost
        car = self.connector.car
        possible = car and not car.full and not self._charging
        return "available" if possible else "unavailable"

    @property
    def surplus(self) -> Surplus | None:
        """Return the running surplus session."""
        last = self.surpluses[-1] if self.surpluses else None
        return last if last and last.ended_at is None else None

    @property
    def mode(self) -> str:
        """Return the state for users."""
        live = self._live
        if not self.authenticated:
            return "UNAVAILABLE"
        if live.plugged is None and live.charging is None:
            return "UNKNOWN"
        if live.charging:
            return "CHARGING"
        return "PLUGGED_IN" if live.plugged else "READY"

    @property
    def connection(self) -> str:
        """Return the presence for users."""
        if not self.authenticated:
            return "never_connected"
        return "online" if self.station.online else "offline"

    def observe(self) -> None:
        """Have the maker's cloud report, when it can be reached."""
        if not (self._heard and self.authenticated and self.station.online):
            return
        elapsed, every = self.world.elapsed, self._quirks["report_seconds"]
        if every and elapsed - self._reported_at < every:
            return
        self._reported_at = elapsed
        car = self.connector.car
        left_over = self._quirks["power_left_over"] and not self._charging
        live = Live(
            plugged=car is not None,
            charging=self._charging,
            full=car is not None and car.full,
            rate_w=self._live.rate_w if left_over else round(self.connector.power_w, 1),
        )
        if live != self._live:
            self._live, self._live_at = live, self.world.now

    def document(self) -> dict[str, Any]:
        """Return the fields of the first revision but for the owner."""
        self.observe()
        live, settings, station = self._live, self.settings, self.station
        monitored = self._live_at and self.world.now.replace(
            minute=self.world.now.minute // 5 * 5, second=0, microsecond=0
        )
        return {
            "connection_status": "ok" if station.online else "error",
            "monitoring_status": "ok" if self.authenticated else "unknown",
            "steering_status": "error" if self.connector.fault else "ok",
            "device_model": {
                "device_type": {"short_name": "wb", "long_name": "Wallbox"},
                "manufacturer": station.vendor,
                "model": station.model,
                "cloud_service_instructions": "",
                "cloud_service_signup_link": "",
                "year": 2024 if self._heard else None,
                "cloud_service": "5b0e1f5e-6f0a-4b8e-9c55-0c8f3c0a1d01",
            },
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
            "price_zone": _PRICE_ZONE,
            "id": self.id,
            "building": None,
            "pause_power_until": stamp(settings["pause_power_until"]),
            "is_pause_power_active": self._pause_flag(),
            "external_device_id": station.serial if self._heard else None,
            "is_authenticated": self.authenticated,
            "is_smart_optimization_active": settings["is_smart_optimization_active"],
            "current_mode": None,
            "comment": None,
            "current_state_last_updated_at": stamp(self._live_at),
            "last_monitoring_executed_at": stamp(monitored),
            "is_inverter_forced_mode_enabled": False,
            "is_inverter_forced_mode_active": False,
            "inverter_forced_mode_since": _NEVER if self._heard else None,
            "is_forecasting_enabled": False,
            "is_trading_enabled": False,
            "actual_steering_state": "unknown",
            "charge_target_min": settings["charge_target_min"],
            "charge_target_max": settings["charge_target_max"],
            "charge_power_max_w": settings["charge_power_max_w"],
            "is_charge_policy_enabled": settings["is_charge_policy_enabled"],
            "charge_policy_last_updated_at": stamp(self.policy_updated_at),
            "minimum_charge_limit": settings["minimum_charge_limit"],
            "charge_deadline_at": stamp(settings["charge_deadline_at"]),
            "is_over_charge_allowed": settings["is_over_charge_allowed"],
            "charge_time_remaining": self._seconds_left(),
            "charge_rate_w": live.rate_w,
            "is_fully_charged": live.full,
            "is_plugged_in": live.plugged,
            "is_charging": live.charging,
            "charge_state_last_updated_at": stamp(self._live_at, "milliseconds"),
            **self._consumption(),
            "needs_gateway": False if self._heard else None,
            "embeddable_url": None,
            "authorization_url": None,
        }

    def later_fields(self) -> dict[str, Any]:
        """Return what later revisions add, but for the actions."""
        fault = self.connector.fault
        return {
            "optimization_score": 0.87 if self._heard else None,
            "deleted_at": stamp(self.deleted_at),
            "lifecycle_state": "error" if fault else "authenticated",
            "lifecycle_error": fault,
            "mode": self.mode,
            "connection": self.connection,
            "boost_state": self.boost_state,
            "boost_for_next_session": self.armed,
            "action_needed": self.authenticated is False,
        }

    # How it works

    def _pause_flag(self) -> bool:
        """Return the flag of a pause, which some servers show late."""
        active: bool = self.settings["is_pause_power_active"]
        before, changed_at = self._flag_before
        lag = timedelta(seconds=self._quirks["pause_flag_lag"])
        return before if self.world.now - changed_at < lag else active

    @property
    def _charging(self) -> bool:
        return self.connector.power_w > 0

    def _seconds_left(self) -> int | None:
        """Return the time until the car is full, 0 when idle."""
        live, car = self._live, self.connector.car
        if live.charging and live.rate_w and car:
            return round(car.missing_wh / live.rate_w * 3600)
        return None if live.charging is None else 0

    def _consumption(self) -> dict[str, Any]:
        """Sum the finished sessions up, once an hour."""
        until = self.world.now.replace(minute=0, second=0, microsecond=0)
        ended = [
            (until - session.stopped_at, session.energy_wh)
            for session in self.connector.sessions
            if session.stopped_at and session.stopped_at <= until
        ]
        sums: dict[str, Any] = {
            f"consumption_last_{window}_kwh": round(
                sum(wh for age, wh in ended if age < timedelta(days=days)) / 1000, 2
            )
            for window, days in (("day", 1), ("week", 7), ("month", 30))
        }
        if not self._heard:
            sums = dict.fromkeys(sums)
        return sums | {
            "consumption_last_updated_at": stamp(until) if self._heard else None
        }

    def _on_event(self, kind: str, subject: Connector | Station) -> None:
        """Follow the charger."""
        if subject is not self.connector and subject is not self.station:
            return
        car = self.connector.car
        if not self._heard:
            self.link(True)
        if kind == "session_started" and self.armed:
            self.armed = False
            self._begin_boost()
        if car is None or car.full:
            self._end_boost()
        if car is None:
            self._end_surplus()
        if kind == "status":
            self._adapt()
        self.observe()

    def _adapt(self) -> None:
        """Let the charger offer what everybody together leaves."""
        settings, boosted = self.settings, self._boost == "ongoing"
        held = self.held and settings["is_smart_optimization_active"]
        limits = {
            "pause": 0.0 if settings["is_pause_power_active"] else None,
            "optimisation": 0.0 if held and not boosted else None,
            "surplus": None if boosted else self._surplus_amps,
        }
        for source, amps in limits.items():
            if self.connector.limits.get(source) != amps:
                self.connector.set_limit(source, amps)
        if self.connector.max_power_w != settings["charge_power_max_w"]:
            self.connector.max_power_w = settings["charge_power_max_w"]
        self.observe()

    def _pause(self, changes: Mapping[str, Any]) -> None:
        """Find out what a change of one or both fields means."""
        active, until = changes.get("is_pause_power_active"), None
        if active is not False:
            until = self.settings["pause_power_until"]
        if until is not None:
            active = until > self.world.now
        self._set_pause(bool(active), until)

    def _set_pause(self, active: bool, until: datetime | None) -> None:
        """Pause, which ends a boost, or resume."""
        self.settings |= {"is_pause_power_active": active, "pause_power_until": until}
        if self._pause_timer:
            self._pause_timer.cancel()
            self._pause_timer = None
        if not active:
            return
        self.armed = False
        self._end_boost()
        if until:
            seconds = (until - self.world.now).total_seconds()
            self._pause_timer = self.world.call_later(seconds, self._resume)

    def _resume(self) -> None:
        """End a pause whose time has come; the time stays."""
        self.settings["is_pause_power_active"] = False
        self._adapt()

    def _begin_boost(self) -> None:
        """Ask the charger for full rate; a pause ends."""
        self._set_pause(False, None)
        self._end_boost()
        self._boost = "requested"
        self._boost_timer = self.world.call_later(
            self._quirks["boost_delay"], self._boosted
        )
        self._adapt()

    def _boosted(self) -> None:
        self._boost = "ongoing"
        self._adapt()

    def _end_boost(self) -> None:
        self._boost = None
        if self._boost_timer:
            self._boost_timer.cancel()
            self._boost_timer = None

    def _begin_surplus(self, now: datetime) -> Surplus:
        """Begin to steer a car that is plugged in."""
        if self.connector.car is None:
            raise Refused("NotPlugged")
        session = self.connector.session
        surplus = Surplus(
            connector=self.connector,
            started_at=now,
            meter_start_wh=self.connector.meter_wh,
            transaction=session.id if session else None,
        )
        self.surpluses.append(surplus)
        return surplus

    def _end_surplus(self) -> None:
        self._surplus_amps = None
        if surplus := self.surplus:
            surplus.ended_at = self.world.now
            surplus.meter_end_wh = self.connector.meter_wh
