"""AMPECO: an operator's charge points, translated into the vocabulary of charging."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, override
from urllib.parse import urlsplit

from ...charging import (
    ChargingProfile,
    Command,
    CommandResult,
    Device,
    Fleet,
    Name,
    NotFoundError,
    Session,
)
from ..base import (
    Account,
    Candidate,
    Context,
    Field,
    FieldKind,
    InvalidSettingError,
    Poll,
    Provider,
    ProviderDescription,
    Settings,
)
from ..settings import stripped, web_address
from ..transport import redact
from ..wire import mask, translate
from .client import Client, iso
from .commands import Commands
from .features import Feature, Features
from .mappings import STOP_REASON
from .profiles import decode_profile
from .site_data import SiteData, SiteOptions
from .state import ChargePointState, cost, describe, serial_of, station_device_id
from .stations import Stations
from .wire import ChargePoint, ChargingSession, Location

_BUSY = timedelta(seconds=30)
_IDLE = timedelta(seconds=60)
_SLICE = 10
_SHOWN = 50

_SECRETS = frozenset(
    {
        "address",
        "bankDetails",
        "callbackUrl",
        "cardDetails",
        "email",
        "firstName",
        "geoposition",
        "iccid",
        "idTag",
        "idTagLabel",
        "idTagUid",
        "imsi",
        "ip",
        "lastName",
        "middleName",
        "password",
        "paymentMethodId",
        "personalId",
        "phone",
        "pin",
        "postCode",
        "rfidTagUid",
        "sharingCode",
        "streetAddress",
        "token",
        "user",
        "userId",
        "vehicleNo",
    }
)


class AmpecoProvider(Provider):
    """One tenant, as one API token sees it."""

    def __init__(self, context: Context) -> None:
        """Prepare the tenant; no request is made yet."""
        super().__init__(context)
        settings = context.settings
        self._host = urlsplit(settings["base_url"]).netloc
        self._client = Client(
            context.session,
            settings["base_url"],
            settings["token"],
            context.monotonic,
            context.now,
        )
        self._features = Features(context.monotonic)
        self._stations = Stations(
            self._client, self._features, context.selection, context.now
        )
        self._site_data = SiteData(
            self._client,
            self._features,
            SiteOptions(
                circuits=settings.get("circuits", True),
                rates=settings.get("electricity_rates", True),
                users=settings.get("users", False),
                user_actions=settings.get("user_actions", False),
                everything=context.selection.everything,
            ),
        )
        self._modes: dict[str, Any] = context.memory.setdefault("smart_charging", {})
        self._ceilings: dict[str, float] = context.memory.setdefault("circuits", {})
        self._commands = Commands(
            self._client,
            self._stations,
            self._features,
            settings,
            self._modes,
            context.save,
        )
        self._made: dict[str, tuple[ChargePointState, int, Mapping[str, Device]]] = {}
        self._around: dict[str, Device] = {}

    @override
    async def account(self) -> Account:
        """Prove the token with one charge point; AMPECO names no account."""
        await self._client.probe()
        return Account(id=None, title=f"AMPECO {self._host.removesuffix(':443')}")

    @override
    async def candidates(self) -> Sequence[Candidate]:
        """List every charge point, by its place where the token may read places."""
        names: dict[str | None, str | None] = {}
        async with self._features.guard(Feature.LOCATIONS) as allowed:
            if allowed:
                async for page in self._client.locations():
                    names |= {
                        place.id: place.name for place in Location.decode_all(page)
                    }
        candidates = []
        async for page in self._client.charge_points():
            for point in ChargePoint.decode_all(page):
                if point.id is None:
                    continue
                network_id = point.network.id if point.network else None
                place = point.location_id
                candidates.append(
                    Candidate(
                        id=station_device_id(point.id),
                        name=point.name
                        or network_id
                        or Name(key="charger", placeholders={"id": point.id}),
                        serial=serial_of(point),
                        group=place,
                        group_name=names.get(place)
                        or (
                            Name(key="site", placeholders={"id": place})
                            if place
                            else None
                        ),
                    )
                )
        return candidates

    @override
    async def poll(self) -> Poll:
        """Read what is due: by pages, never by chargers."""
        before = self._client.requests
        self._features.renew()
        await self._stations.refresh()
        points = self._stations.points.items
        await self._site_data.refresh(points.values())
        fleet = {device.id: device async for device in self._devices(points)}
        fleet |= self._surroundings()
        # Half of what may be asked stays free for commands and what follows them.
        spent = timedelta(seconds=2 * (self._client.requests - before))
        busy = self._stations.sessions.any_running or any(
            device.charging for device in fleet.values()
        )
        return Poll(
            fleet=fleet,
            interval=max(_BUSY if busy else _IDLE, spent),
            notices=self._features.notices(),
        )

    @override
    async def read(self, device_id: str) -> Fleet:
        """Read a charge point, a circuit or an account; a rate as it was last read."""
        if await self._site_data.refresh_one(device_id):
            return {device_id: self._surroundings()[device_id]}
        if device_id in self._around:
            return {device_id: self._around[device_id]}
        station, _ = self._stations.find(device_id)
        await self._stations.refresh_one(station)
        return dict(self._make(station))

    @override
    async def execute(self, command: Command) -> CommandResult:
        """Carry out a command."""
        return await self._commands.execute(command)

    @override
    def follows(self, result: CommandResult) -> bool:
        """Return whether a command made a session that can be asked."""
        return self._commands.follows(result)

    @override
    async def follow(self, device_id: str, command_id: str) -> CommandResult:
        """Ask how far a start or stop came, by its session."""
        return await self._commands.follow(device_id, command_id)

    @override
    async def sessions(
        self, device_id: str, start: datetime, end: datetime, limit: int
    ) -> Sequence[Session]:
        """List the sessions of an EVSE, or of all EVSEs of a charge point."""
        station, evse = self._stations.find(device_id)
        filters = {"startedAfter": iso(start), "startedBefore": iso(end)}
        filters |= {"evseId": evse} if evse else {"chargePointId": station}
        found = [
            _session(session, self._stations.device_of(session.evse_id) or device_id)
            async for page in self._client.sessions(filters)
            for session in ChargingSession.decode_all(page)
        ]
        oldest = datetime.min.replace(tzinfo=UTC)
        found.sort(key=lambda session: session.started_at or oldest, reverse=True)
        return found[:limit]

    @override
    async def charging_profiles(self, device_id: str) -> Sequence[ChargingProfile]:
        """Read back the profiles of an EVSE and of its station."""
        station, evse = self._stations.find(device_id)
        await self._stations.refresh_one(station)
        shown = [self._stations.points.items[station].profile]
        if evse in self._stations.evses.items:
            shown.append(self._stations.evses.items[evse].profile)
        found = (decode_profile(profile) for profile in shown if profile)
        return [profile for profile in found if profile]

    @override
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the last answers of the cloud for so many devices as can be read."""
        stations = self._stations
        return {
            "charge_points": _shown(stations.points.raw),
            "evses": _shown(stations.evses.raw),
            "sessions": _shown(stations.sessions.raw),
            "locations": _shown(self._site_data.locations.raw),
            "circuits": _shown(self._site_data.circuits.raw),
            "counts": {
                "charge_points": len(stations.points.raw),
                "evses": len(stations.evses.raw),
                "requests": self._client.requests,
                "requests_of_a_sweep": stations.sweep_cost,
            },
            "unreadable": sorted(
                stations.points.unreadable | stations.evses.unreadable
            ),
            "switched_off": self._features.off,
        }

    # Devices

    async def _devices(self, stations: Mapping[str, Any]) -> AsyncIterator[Device]:
        """Yield the devices of the charge points without holding up the loop."""
        for number, station in enumerate(list(stations)):
            if number % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
            if station in stations:
                for device in self._make(station).values():
                    yield device
        for station in self._made.keys() - stations.keys():
            del self._made[station]

    def _make(self, station: str) -> Mapping[str, Device]:
        """Return a charge point's devices, the same ones while nothing changes."""
        if station not in self._stations.points.items:
            raise NotFoundError(reason="not_found")
        point = self._stations.points.items[station]
        area = self._site_data.area(point.location_id)
        view = self._stations.view(station, area, self._modes.get(station))
        generation = self._features.generation
        if (made := self._made.get(station)) and made[:2] == (view, generation):
            return made[2]
        devices = describe(view, self._features)
        self._made[station] = view, generation, devices
        return devices

    def _surroundings(self) -> dict[str, Device]:
        """Return circuits, rates and accounts, the same ones while nothing changes."""
        for key, circuit in self._site_data.circuits.items.items():
            # What the operator allowed at most is as far as it may be raised again.
            limit = circuit.max_current or 0.0
            if limit > self._ceilings.get(key, 0.0):
                self._ceilings[key] = limit
                self.context.save()
        before = self._around
        self._around = {
            device.id: before[device.id] if before.get(device.id) == device else device
            for device in (
                replace(each, observed_at=self._site_data.read_at)
                for each in self._site_data.devices(self._ceilings)
            )
        }
        return self._around


def _session(session: ChargingSession, device_id: str) -> Session:
    """Translate a session of the past or the present."""
    tag = session.id_tag
    return Session(
        id=session.id or "",
        device_id=device_id,
        started_at=session.started_at,
        ended_at=session.stopped_at,
        energy=session.energy,
        cost=cost(session),
        stop_reason=translate(STOP_REASON, session.reason, of="AMPECO end of session"),
        # A star and the session's own number stand for a start from afar.
        id_token=None if tag and tag.startswith("*") else mask(tag),
    )


def _shown(raw: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """Return the first so many objects, with secrets taken out."""
    return [redact(item, _SECRETS) for item in islice(raw.values(), _SHOWN)]


def normalise(settings: Settings) -> dict[str, Any]:
    """Tidy what was typed in: a bare host will do, and so will an API address."""
    tidy = stripped(settings)
    address = web_address(str(tidy.get("base_url") or ""))
    tidy["base_url"] = address.split("/public-api")[0]
    tidy["token"] = str(tidy.get("token") or "").removeprefix("Bearer ")
    if "user_id" in settings:
        tidy["user_id"] = tidy["user_id"] or ""
        if tidy["user_id"] and not tidy["user_id"].isdigit():
            raise InvalidSettingError("user_id", "invalid_user_id")
    return tidy


DESCRIPTION = ProviderDescription(
    key="ampeco",
    name="AMPECO",
    factory=AmpecoProvider,
    fields=(
        Field(key="base_url", kind=FieldKind.URL),
        Field(key="token", kind=FieldKind.SECRET),
    ),
    options=(
        Field(key="user_id", required=False),
        Field(
            key="stack_level",
            kind=FieldKind.NUMBER,
            required=False,
            default=1,
            minimum=0,
            maximum=100,
        ),
        Field(key="circuits", kind=FieldKind.BOOLEAN, required=False, default=True),
        Field(
            key="electricity_rates",
            kind=FieldKind.BOOLEAN,
            required=False,
            default=True,
        ),
        Field(key="users", kind=FieldKind.BOOLEAN, required=False, default=False),
        Field(
            key="user_actions", kind=FieldKind.BOOLEAN, required=False, default=False
        ),
    ),
    portal="https://developers.ampeco.com",
    normalise=normalise,
)
