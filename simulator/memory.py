"""What outlives the process, so that a street goes on where it was.

The clouds are seeded as of the moment of the first run: their past keeps its dates and
ids. On top of that come the meters, the cars and what is broken. Limits, reservations
and sessions that ended since are forgotten, as after a long outage of the clouds.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from .car import Car
from .cloud import Cloud
from .connector import Connector
from .household import Household
from .model_base import Refused
from .world import World

_CAR = ("name", "capacity_wh", "soc", "max_current", "phases", "target_soc")


def begun_at(remembered: Mapping[str, Any] | None) -> datetime:
    """Return when the first run began, which is now for the first."""
    if remembered is None:
        return datetime.now(UTC)
    return datetime.fromisoformat(remembered["begun_at"])


def remember(world: World, clouds: Iterable[Cloud], begun: datetime) -> dict[str, Any]:
    """Return as JSON what should outlive the process."""
    world.settle()
    return {
        "begun_at": begun.isoformat(),
        "ended_at": world.now.isoformat(),
        "sessions": world.next_session_id(),
        "clouds": {cloud.name: cloud.memory() for cloud in clouds},
        "household": {
            name: getattr(world.household, name)
            for name in Household.__dataclass_fields__
        },
        "stations": {
            station.id: {
                "online": station.online or station.rebooting,
                "connectors": {
                    str(connector.number): _connector(connector)
                    for connector in station.connectors
                },
            }
            for station in world.stations.values()
        },
    }


def recall(
    world: World, clouds: Iterable[Cloud], remembered: Mapping[str, Any]
) -> None:
    """Bring a seeded world to where it was; what is new since stays as it is."""
    world.skip_session_ids(remembered["sessions"])
    world.household = Household(**remembered["household"])
    for cloud in clouds:
        if memory := remembered["clouds"].get(cloud.name):
            cloud.recall(memory)
    for station in world.stations.values():
        known = remembered["stations"].get(station.id, {})
        for connector in station.connectors:
            if told := known.get("connectors", {}).get(str(connector.number)):
                _restore(connector, told)
        if not known.get("online", station.online):
            station.set_online(False)


def _connector(connector: Connector) -> dict[str, Any]:
    """Return what a connector is."""
    car, session = connector.car, connector.session
    return {
        "meter_wh": connector.meter_wh,
        "fault": connector.fault,
        "operative": connector.operative,
        "car": car and {name: getattr(car, name) for name in _CAR},
        "session": session and {"id_token": session.id_token},
    }


def _restore(connector: Connector, told: Mapping[str, Any]) -> None:
    """Put a connector into the state it was in; a session that ran begins anew."""
    connector.advance_meter(told["meter_wh"])
    connector.set_operative(told["operative"])
    if told["car"] and not connector.car:
        connector.plug_in(Car(**told["car"]))
    if told["session"] and not connector.session:
        with suppress(Refused):
            connector.start(told["session"]["id_token"])
    connector.set_fault(told["fault"])
