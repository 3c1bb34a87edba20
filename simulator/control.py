"""The HTTP interface that moves the simulated world, for this machine only."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import time
from ipaddress import ip_address
import json
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from .cloud import Cloud
from .faults import Fault
from .household import Household
from .owners import Owner
from .world import Car, Connector, Refused, Session, Station, World

type Body = dict[str, Any]

_PAGE = Path(__file__).with_name("page.html")


class Control:
    """Show and change what the clouds cannot."""

    def __init__(self, world: World, clouds: Mapping[str, Cloud]) -> None:
        """Control a world and its clouds."""
        self._world = world
        self._clouds = clouds

    def routes(self) -> list[web.RouteDef]:
        """Return the routes: a page for people, all else below /control."""
        station, cloud = "/control/stations/{id}", "/control/clouds/{name}"
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/", self._page),
            ("GET", "/control", self._show),
            ("POST", "/control/clock", self._clock),
            ("GET", "/control/household", self._household),
            ("POST", "/control/household", self._set_household),
            ("GET", station, self._station),
            ("POST", station, self._online),
            ("POST", station + "/reset", self._reset),
            ("POST", station + "/connectors/{n}/{operation}", self._operate),
            ("POST", cloud, self._handle),
            ("GET", cloud + "/faults", self._faults),
            ("POST", cloud + "/faults", self._add_fault),
            ("DELETE", cloud + "/faults", self._clear_faults),
            ("GET", cloud + "/quirks", self._quirks),
            ("POST", cloud + "/quirks", self._set_quirks),
            ("GET", cloud + "/requests", self._requests),
            ("DELETE", cloud + "/requests", self._clear_requests),
        ]
        return [web.route(method, path, _safe(h)) for method, path, h in table]

    # The world

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGE)

    async def _show(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "now": self._world.now.isoformat(),
                "speed": self._world.clock.speed,
                "household": describe_household(self._world),
                "clouds": {
                    name: {
                        "base_url": cloud.base_url,
                        "credentials": cloud.credentials,
                        "quirks": dict(cloud.quirks),
                        "faults": [asdict(fault) for fault in cloud.faults],
                        "stations": {
                            station.id: describe_station(station)
                            for station in cloud.stations.values()
                        },
                    }
                    for name, cloud in self._clouds.items()
                },
            }
        )

    async def _clock(self, request: web.Request) -> web.Response:
        body = await _body(request, "step", "speed")
        clock = self._world.clock
        step, speed = _number(body, "step", None), _number(body, "speed", None)
        if step is None and speed is None:
            raise Invalid("step or speed is needed")
        if speed is not None:
            clock.speed = speed
        if step is not None:
            clock.step(step)
        self._world.settle()
        return web.json_response(
            {"now": self._world.now.isoformat(), "speed": clock.speed}
        )

    async def _household(self, request: web.Request) -> web.Response:
        return web.json_response(describe_household(self._world))

    async def _set_household(self, request: web.Request) -> web.Response:
        body = await _body(request, *Household.__dataclass_fields__)
        household = self._world.household
        for name in body:
            setattr(household, name, _number(body, name))
        return web.json_response(describe_household(self._world))

    # Stations and connectors

    async def _station(self, request: web.Request) -> web.Response:
        return web.json_response(describe_station(self._find_station(request)))

    async def _online(self, request: web.Request) -> web.Response:
        station = self._find_station(request)
        body = await _body(request, "online")
        station.set_online(_bool(body, "online"))
        return web.json_response(describe_station(station))

    async def _reset(self, request: web.Request) -> web.Response:
        station = self._find_station(request)
        body = await _body(request, "hard")
        station.reset(_bool(body, "hard", False))
        return web.json_response(describe_station(station))

    async def _operate(self, request: web.Request) -> web.Response:
        station = self._find_station(request)
        try:
            connector = station.connector(int(request.match_info["n"]))
            keys, operation = _OPERATIONS[request.match_info["operation"]]
        except KeyError, ValueError:
            raise _Unknown from None
        operation(connector, await _body(request, *keys))
        return web.json_response(describe_connector(connector))

    def _find_station(self, request: web.Request) -> Station:
        try:
            return self._world.stations[request.match_info["id"]]
        except KeyError:
            raise _Unknown from None

    # Clouds

    async def _handle(self, request: web.Request) -> web.Response:
        cloud = self._find_cloud(request)
        try:
            result = cloud.handle_control(await _body(request))
        except (KeyError, TypeError) as err:
            raise Invalid(f"bad operation: {err!r}") from err
        if result is None:
            raise Invalid("no such operation")
        return web.json_response(result)

    async def _faults(self, request: web.Request) -> web.Response:
        return _list_faults(self._find_cloud(request))

    async def _add_fault(self, request: web.Request) -> web.Response:
        cloud = self._find_cloud(request)
        cloud.faults.add(_fault(await _body(request, *Fault.__dataclass_fields__)))
        return _list_faults(cloud)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        cloud = self._find_cloud(request)
        cloud.faults.clear()
        return _list_faults(cloud)

    async def _quirks(self, request: web.Request) -> web.Response:
        return web.json_response(dict(self._find_cloud(request).quirks))

    async def _set_quirks(self, request: web.Request) -> web.Response:
        cloud = self._find_cloud(request)
        cloud.quirks.update(await _body(request, *cloud.quirks))
        return web.json_response(dict(cloud.quirks))

    async def _requests(self, request: web.Request) -> web.Response:
        cloud = self._find_cloud(request)
        counts = Counter(f"{method} {path}" for method, path in cloud.requests)
        return web.json_response({"total": len(cloud.requests), "requests": counts})

    async def _clear_requests(self, request: web.Request) -> web.Response:
        self._find_cloud(request).requests.clear()
        return web.json_response({"total": 0, "requests": {}})

    def _find_cloud(self, request: web.Request) -> Cloud:
        try:
            return self._clouds[request.match_info["name"]]
        except KeyError:
            raise _Unknown from None


class Invalid(ValueError):
    """What was sent makes no sense."""


class _Unknown(Exception):
    """What the path names does not exist."""


def _safe(handler: Handler) -> Handler:
    """Turn exceptions into answers, and keep other machines out."""

    async def safe(request: web.Request) -> web.StreamResponse:
        if not ip_address((request.remote or "::").split("%")[0]).is_loopback:
            return _error("for this machine only", 403)
        try:
            return await handler(request)
        except _Unknown:
            return _error("not found", 404)
        except Refused as refused:
            return _error(refused.reason, 409)
        except (ValueError, OverflowError) as err:
            return _error(str(err), 400)

    return safe


def _error(text: str, status: int) -> web.Response:
    return web.json_response({"error": text}, status=status)


# What is shown


def describe_household(world: World) -> dict[str, Any]:
    """Return the house as JSON, with what follows from it."""
    household = world.household
    return asdict(household) | {
        "surplus": household.surplus,
        "grid_power": household.grid_power(world.house_power),
    }


def describe_station(station: Station) -> dict[str, Any]:
    """Return a station as JSON."""
    seen = station.last_seen
    return {
        "id": station.id,
        "name": station.name,
        "vendor": station.vendor,
        "model": station.model,
        "serial": station.serial,
        "firmware": station.firmware,
        "max_current": station.max_current,
        "auto_start": station.auto_start,
        "at_house": station.at_house,
        "online": station.online,
        "rebooting": station.rebooting,
        "last_seen": seen and seen.isoformat(),
        "connectors": [describe_connector(c) for c in station.connectors],
    }


def describe_connector(connector: Connector) -> dict[str, Any]:
    """Return a connector as JSON."""
    car, until = connector.car, connector.reserved_until
    return {
        "number": connector.number,
        "state": connector.state,
        "fault": connector.fault,
        "operative": connector.operative,
        "plugged": connector.plugged,
        "locked_cable": connector.locked_cable,
        "currents": connector.currents,
        "power_w": connector.power_w,
        "meter_wh": connector.meter_wh,
        "offered_current": connector.offered_current,
        "limits": dict(connector.limits),
        "max_power_w": connector.max_power_w,
        "reserved_for": connector.reserved_for,
        "reserved_until": until and until.isoformat(),
        "car": car
        and {
            "name": car.name,
            "capacity_wh": car.capacity_wh,
            "soc": car.soc,
            "max_current": car.max_current,
            "phases": car.phases,
            "target_soc": car.target_soc,
        },
        "session": connector.session and _session(connector.session),
        "last_session": connector.last_session and _session(connector.last_session),
    }


def _session(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "id_token": session.id_token,
        "started_at": session.started_at.isoformat(),
        "stopped_at": session.stopped_at and session.stopped_at.isoformat(),
        "meter_start_wh": session.meter_start_wh,
        "meter_stop_wh": session.meter_stop_wh,
        "energy_wh": session.energy_wh,
        "reason": session.reason,
    }


def _list_faults(cloud: Cloud) -> web.Response:
    return web.json_response([asdict(fault) for fault in cloud.faults])


# What is asked


async def _body(request: web.Request, *keys: str) -> Body:
    """Return the JSON object sent, empty by default, of the known keys if any."""
    content = await request.read()
    try:
        body = json.loads(content) if content else {}
    except ValueError:
        raise Invalid("not JSON") from None
    if not isinstance(body, dict):
        raise Invalid("not a JSON object")
    if keys and (unknown := body.keys() - set(keys)):
        raise Invalid(f"unknown: {', '.join(sorted(unknown))}")
    return body


_NEEDED: Any = object()


def _value(body: Body, key: str, default: Any, *types: type) -> Any:
    """Return a value of one of the types; a default may also be sent."""
    value = body.get(key, default)
    if value is _NEEDED:
        raise Invalid(f"{key} is needed")
    if value is not default and type(value) not in types:
        raise Invalid(f"{key} has the wrong type")
    return value


def _bool(body: Body, key: str, default: Any = _NEEDED) -> bool:
    return bool(_value(body, key, default, bool))


def _time(body: Body, key: str, default: time) -> time:
    """Return a time of the day."""
    try:
        return time.fromisoformat(_text(body, key, default.isoformat()))
    except ValueError:
        raise Invalid(f"{key} must be a time such as 07:30") from None


def _text(body: Body, key: str, default: Any = _NEEDED) -> Any:
    return _value(body, key, default, str)


def _number(body: Body, key: str, default: Any = _NEEDED) -> Any:
    """Return a number of a sensible size, not negative."""
    value = _value(body, key, default, int, float)
    if value is not None and not 0 <= value <= 1e9:
        raise Invalid(f"{key} must be from 0 to 1e9")
    return value


def _nullable(read: Callable[[Body, str, Any], Any], body: Body, key: str) -> Any:
    """Return a value that must be sent but may be null."""
    if key not in body:
        raise Invalid(f"{key} is needed")
    return read(body, key, None)


def _fault(body: Body) -> Fault:
    """Return a fault of checked values."""
    times = _number({"times": 1} | body, "times", None)
    if times is not None and (times < 1 or times != int(times)):
        raise Invalid("times must be a whole number from 1")
    headers = _value(body, "headers", {}, dict)
    if not all(isinstance(value, str) for value in headers.values()):
        raise Invalid("headers must be text")
    status = _value(body, "status", None, int)
    if status is not None and not 200 <= status <= 599:
        raise Invalid("status must be from 200 to 599")
    return Fault(
        status=status,
        body=_value(body, "body", None, str, dict, list),
        headers=headers,
        path=_text(body, "path", ".*"),
        method=_text(body, "method", "*"),
        times=times,
        delay=_number(body, "delay", 0.0),
        kind=_text(body, "kind", "status"),
        effect=_bool(body, "effect", False),
    )


def _car(body: Body) -> Car:
    car = Car()
    phases = _value(body, "phases", car.phases, int)
    if phases not in (1, 2, 3):
        raise Invalid("phases must be 1, 2 or 3")
    capacity = _number(body, "capacity_wh", car.capacity_wh)
    if not capacity:
        raise Invalid("capacity_wh must be positive")
    return Car(
        name=_text(body, "name", car.name),
        capacity_wh=capacity,
        soc=_number(body, "soc", car.soc),
        max_current=_number(body, "max_current", car.max_current),
        phases=phases,
        target_soc=_number(body, "target_soc", car.target_soc),
    )


def _plug_in(connector: Connector, body: Body) -> None:
    connector.plug_in(_car(body))


def _own(connector: Connector, body: Body) -> None:
    Owner(
        connector,
        _car(body),
        home=_time(body, "home", time(18)),
        away=_time(body, "away", time(7, 30)),
        trip_wh=_number(body, "trip_wh", 12_000),
        id_token=_text(body, "id_token", "") or None,
    )


def _unplug(connector: Connector, body: Body) -> None:
    connector.unplug()


def _set_fault(connector: Connector, body: Body) -> None:
    connector.set_fault(_nullable(_text, body, "code"))


def _limit(connector: Connector, body: Body) -> None:
    amps = _nullable(_number, body, "amps")
    connector.set_limit(_text(body, "source", "control"), amps)


def _power(connector: Connector, body: Body) -> None:
    connector.max_power_w = _nullable(_number, body, "watts")


def _start(connector: Connector, body: Body) -> None:
    connector.start(_text(body, "id_token", None))


def _authorize(connector: Connector, body: Body) -> None:
    token = _text(body, "id_token", None)
    connector.authorize(token, _number({"timeout": 60.0} | body, "timeout", None))


def _stop(connector: Connector, body: Body) -> None:
    connector.stop(_text(body, "reason", "Remote"))


def _operative(connector: Connector, body: Body) -> None:
    connector.set_operative(_bool(body, "operative"))


def _reserve(connector: Connector, body: Body) -> None:
    connector.reserve(_text(body, "id_token"), _number(body, "minutes", 15))


def _cancel_reservation(connector: Connector, body: Body) -> None:
    connector.cancel_reservation()


def _unlock(connector: Connector, body: Body) -> None:
    connector.unlock()


_CAR_KEYS = ("name", "capacity_wh", "soc", "max_current", "phases", "target_soc")

_OPERATIONS: dict[str, tuple[tuple[str, ...], Callable[[Connector, Body], None]]] = {
    "plug_in": (_CAR_KEYS, _plug_in),
    "unplug": ((), _unplug),
    "own": ((*_CAR_KEYS, "home", "away", "trip_wh", "id_token"), _own),
    "fault": (("code",), _set_fault),
    "limit": (("source", "amps"), _limit),
    "power": (("watts",), _power),
    "start": (("id_token",), _start),
    "authorize": (("id_token", "timeout"), _authorize),
    "stop": (("reason",), _stop),
    "operative": (("operative",), _operative),
    "reserve": (("id_token", "minutes"), _reserve),
    "cancel_reservation": ((), _cancel_reservation),
    "unlock": ((), _unlock),
}
