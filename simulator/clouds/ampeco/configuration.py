"""What stations are configured to, and what the tenant knows of that."""

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from aiohttp import web

from .access import Access
from .actions import ROOT, STATION, Answer, accepted, refused
from .lookup import Lookup, Missing, read_body
from .model import ChargePoint, Variable
from .query import Invalid, iso
from .tenant import Tenant

POINT = "/public-api/resources/charge-points/v2.0/{charge_point}"
READ_ONLY = frozenset({"NumberOfConnectors", "ChargeProfileMaxStackLevel"})


class Configurations:
    """Serves the configuration of a tenant's stations."""

    def __init__(
        self, tenant: Tenant, lookup: Lookup, quirks: Mapping[str, Any]
    ) -> None:
        """Configure the stations of a tenant."""
        self._tenant = tenant
        self._lookup = lookup
        self._quirks = quirks
        self._requests = count(7001)

    def routes(self) -> Iterator[tuple[str, str, str, Answer]]:
        """Yield method, path, right and handler."""
        sync, write = "sync-configuration", "set-configuration"
        yield "POST", f"{STATION}/{sync}", sync, self._sync
        newer = ROOT + "/charge-point/v2.0/{charge_point}"
        yield "POST", f"{newer}/{write}", write, self._set
        yield "GET", POINT + "/configurations", "charge-points", self._list
        yield "GET", POINT + "/configurations/{key}", "charge-points", self._one

    async def _sync(self, request: web.Request, access: Access) -> web.Response:
        """Ask the station; what it answers is known a moment later."""
        charge_point = self._lookup.charge_point(request, access)
        keys = (await read_body(request)).get("keys", [])
        if not isinstance(keys, list) or not all(isinstance(k, str) for k in keys):
            raise Invalid(keys="The keys must be an array of strings.")
        if not charge_point.station.online:
            return refused("Offline", self._quirks)
        self._tenant.world.call_later(
            float(self._quirks["sync_seconds"]), lambda: self._learn(charge_point, keys)
        )
        return accepted({"success": True, "requestId": next(self._requests)})

    async def _set(self, request: web.Request, access: Access) -> web.Response:
        charge_point, body = (
            self._lookup.charge_point(request, access),
            await read_body(request),
        )
        for key, needed in (
            ("name", True),
            ("value", True),
            ("componentName", False),
            ("instance", False),
        ):
            if body.get(key) is None:
                if needed:
                    raise Invalid(**{key: f"The {key} field is required."})
            elif not isinstance(body[key], str):
                raise Invalid(**{key: f"The {key} must be a string."})
        if not charge_point.station.online:
            return refused("Offline", self._quirks)
        if self._quirks["refuse"] or body["name"] in READ_ONLY:
            return refused("Rejected", self._quirks)
        variable = Variable(
            body["name"], body.get("componentName"), body.get("instance")
        )
        charge_point.configuration[variable] = body["value"]
        self._learn(charge_point, [variable.name])
        return accepted()

    def _learn(self, charge_point: ChargePoint, keys: list[str]) -> None:
        """Take in what the station says of these keys, or of all."""
        for variable, value in charge_point.configuration.items():
            if not keys or variable.name in keys:
                charge_point.reported[variable] = value, self._tenant.world.now

    async def _list(self, request: web.Request, access: Access) -> web.Response:
        charge_point = self._lookup.charge_point(request, access)
        shown = [_show(charge_point, variable) for variable in charge_point.reported]
        return web.json_response({"data": shown})

    async def _one(self, request: web.Request, access: Access) -> web.Response:
        charge_point, key = (
            self._lookup.charge_point(request, access),
            request.match_info["key"],
        )
        for variable in charge_point.reported:
            if variable.name == key:
                return web.json_response({"data": _show(charge_point, variable)})
        raise Missing


def _show(charge_point: ChargePoint, variable: Variable) -> dict[str, Any]:
    value, when = charge_point.reported[variable]
    return {
        "key": {
            "name": variable.name,
            "value": value,
            **{
                name: word
                for name, word in (
                    ("componentName", variable.component),
                    ("instance", variable.instance),
                )
                if word
            },
        },
        "readonly": variable.name in READ_ONLY,
        "required": False,
        "timestamp": iso(when),
        "lastUpdatedAt": iso(when),
        "persistentConfigurationTemplateId": None,
    }
