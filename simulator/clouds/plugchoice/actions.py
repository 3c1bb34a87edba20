"""What chargers can be asked to do; the verdict is theirs."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ...world import Refused, World
from . import profiles
from .shapes import Charger, Json
from .validation import Invalid, validate

type Action = Callable[[Charger, Json], Json]


class Actions:
    """The actions by the word in their path."""

    def __init__(self, world: World, quirks: Mapping[str, Any]) -> None:
        """Act in a world."""
        self._world = world
        self._quirks = quirks
        self.by_name: dict[str, Action] = {
            "start": self._start,
            "stop": self._stop,
            "restart": self._restart,
            "charge-limit": self._charge_limit,
            "charging-profile": self._charging_profile,
            "clear-charging-profile": self._clear_charging_profile,
            "composite-schedule": self._composite_schedule,
        }

    def _start(self, charger: Charger, body: Json) -> Json:
        sent = validate(
            body, id_token=("text", True, 20), connector_id=("number", False, 0)
        )
        station, token = charger.station, sent["id_token"]
        if sent["connector_id"] is not None and sent["connector_id"] < 1:
            raise Invalid("connector_id", "must be at least 1")
        cards = charger.site.cards if charger.site else []
        if token not in {card.id_token for card in cards}:
            raise Refused("InvalidCard")
        free = [c for c in station.connectors if not c.session]
        free.sort(key=lambda connector: not connector.plugged)
        if (number := sent["connector_id"]) is not None:
            free = [c for c in free if c.number == number]
        if not free or free[0].fault or not free[0].operative:
            raise Refused("Occupied")

        def begin() -> None:
            with suppress(Refused):
                free[0].authorize(token)

        self._world.call_later(self._quirks["begin_seconds"], begin)
        return {"status": "Accepted"}

    def _stop(self, charger: Charger, body: Json) -> Json:
        wanted = validate(body, transaction_id=("number", False, 0))["transaction_id"]
        running = [c.session for c in charger.station.connectors if c.session]
        if wanted is not None:
            running = [session for session in running if session.id == wanted]
        if not running:
            raise Refused("NoSession")
        session = running[0]

        def end() -> None:
            if session.running:
                with suppress(Refused):
                    session.connector.stop()

        self._world.call_later(self._quirks["stop_seconds"], end)
        return {"status": "Accepted"}

    def _restart(self, charger: Charger, body: Json) -> Json:
        def reset() -> None:
            with suppress(Refused):
                charger.station.reset()

        self._world.call_later(self._quirks["stop_seconds"], reset)
        return {"status": "Accepted"}

    def _charge_limit(self, charger: Charger, body: Json) -> Json:
        sent = validate(
            body,
            connector_id=("number", True, 0),
            limit=("decimal", True, 0),
            stack_level=("number", False, 0),
        )
        level = 1 if sent["stack_level"] is None else sent["stack_level"]
        profile = profiles.Profile(
            id=900 + level,
            connector=sent["connector_id"],
            purpose=profiles.TX,
            stack_level=level,
            periods=[(0, sent["limit"])],
        )
        return self._install(charger, profile)

    def _charging_profile(self, charger: Charger, body: Json) -> Json:
        sent = validate(
            body, connector_id=("number", True, 0), charging_profile=("object", True, 0)
        )
        given = validate(
            sent["charging_profile"],
            charging_profile_id=("number", False, 0),
            stack_level=("number", True, 0),
            charging_profile_purpose=("text", True, 0),
            charging_schedule=("object", True, 0),
        )
        schedule = given["charging_schedule"]
        periods = schedule.get("charging_schedule_period") or []
        profile = profiles.Profile(
            id=given["charging_profile_id"] or 1,
            connector=sent["connector_id"],
            purpose=given["charging_profile_purpose"],
            stack_level=given["stack_level"],
            periods=[(p["start_period"], p["limit"]) for p in periods],
            unit=schedule.get("charging_rate_unit", "A"),
            duration=schedule.get("duration"),
        )
        whole = profile.purpose == profiles.MAXIMUM
        if not periods or (whole and profile.connector):
            raise Refused("NotSupported")
        return self._install(charger, profile)

    def _install(self, charger: Charger, profile: profiles.Profile) -> Json:
        """Hold a profile; one of a session needs a session."""
        meant = [
            connector
            for connector in charger.station.connectors
            if profile.connector in (0, connector.number)
        ]
        busy = any(connector.session for connector in meant)
        if not meant or (profile.purpose == profiles.TX and not busy):
            raise Refused("NoSession")
        charger.profiles.install(profile)
        return {"status": "Accepted"}

    def _clear_charging_profile(self, charger: Charger, body: Json) -> Json:
        sent = validate(
            body,
            id=("number", False, 0),
            connector_id=("number", False, 0),
            charging_profile_purpose=("text", False, 0),
            stack_level=("number", False, 0),
        )
        cleared = charger.profiles.clear(
            id=sent["id"],
            connector=sent["connector_id"],
            purpose=sent["charging_profile_purpose"],
            stack_level=sent["stack_level"],
        )
        return {"status": "Accepted" if cleared else "Unknown"}

    def _composite_schedule(self, charger: Charger, body: Json) -> Json:
        sent = validate(
            body, connector_id=("number", True, 0), duration=("number", True, 0)
        )
        connectors = charger.station.connectors
        if sent["connector_id"]:
            connectors = [c for c in connectors if c.number == sent["connector_id"]]
        if not connectors:
            raise Refused("NotSupported")
        period = {"startPeriod": 0, "limit": connectors[0].limit, "numberPhases": 3}
        return {
            "status": "Accepted",
            "connectorId": sent["connector_id"],
            "scheduleStart": self._world.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [period],
                "duration": sent["duration"],
            },
        }
