"""AMPECO: an operator's charge points, translated into the vocabulary of charging."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, ClassVar, override
from urllib.parse import urlsplit

from ...charging import (
    AuthenticationError,
    ChargingError,
    ChargingProfile,
    Command,
    CommandResult,
    Device,
    EnergyCurve,
    EnergyInterval,
    EnergyPoint,
    Fleet,
    HourSource,
    Money,
    Name,
    NotFoundError,
    Notice,
    NoticeKind,
    PermissionDeniedError,
    RateLimitedError,
    Refusal,
    Resource,
    ResourceKind,
    ResourcePage,
    ResourceRequest,
    Session,
    Verb,
)
from ..base import (
    Account,
    Callback,
    Candidate,
    Context,
    Field,
    FieldKind,
    InvalidSettingError,
    Poll,
    Provider,
    ProviderDescription,
    Received,
    Settings,
)
from ..ocpp import timestamp
from ..settings import stripped, web_address
from ..wire import mask, translate
from .callbacks import Callbacks
from .client import Client
from .commands import Commands
from .features import Feature, Rights
from .mappings import PAYMENT_STATUS, STOP_REASON
from .profiles import decode_profile
from .resources import KINDS, Resources
from .site_data import SiteData
from .state import (
    ChargePointState,
    cost,
    describe,
    serial_of,
    session_status,
    station_device_id,
)
from .subscription import NotificationSubscription
from .sync import ChargePointSync
from .wire import ChargePoint, ChargingSession, ConsumptionPoint, Location

_BUSY = timedelta(seconds=30)
_IDLE = timedelta(seconds=60)
# While callbacks tell what changes; running sessions keep their pace.
_PUSHED = timedelta(minutes=5)
# Above so many charge points callbacks are for who asks for them.
_MANY = 200
_MENDING = 900.0  # s
_HOUR = 3600.0  # s
_SHOWN = 50
_FIRST_SPAN = timedelta(days=2)
_LONGEST_CHAIN = 10


class AmpecoProvider(Provider):
    """One tenant, as one API token sees it."""

    keeps_sessions: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        """Prepare the tenant; no request is made yet."""
        super().__init__(context)
        self._host = urlsplit(context.settings["base_url"]).netloc
        self._client = Client(context)
        self._access = Rights(context.monotonic)
        self._sync = ChargePointSync(context, self._client, self._access)
        self._site_data = SiteData(context, self._client, self._access)
        self._modes: dict[str, Any] = context.memory.setdefault("smart_charging", {})
        self._commands = Commands(
            context, self._client, self._sync, self._access, self._modes
        )
        self._subscription = NotificationSubscription(context, self._client)
        self._callbacks = Callbacks(context, self._sync, self._site_data)
        self._mended_at = float("-inf")
        self._resources = Resources(
            self._client,
            changes=bool(context.settings.get("resource_changes", False)),
        )
        self._made: dict[str, tuple[ChargePointState, int, Mapping[str, Device]]] = {}
        # The fleet, with what it is made of: the devices of each charge point, what
        # surrounds them, and what all of them show.
        self._fleet: Fleet = {}
        self._ids: dict[str, set[str]] = {}
        self._around: Fleet = {}
        self._shown: tuple[int, tuple[int, ...]] | None = None
        # What sessions that were extended are made of, of the last ones read.
        self._parts: dict[str, list[Session]] = {}
        self._charging = False

    @override
    async def account(self) -> Account:
        """Prove the token with one charge point; AMPECO names no account."""
        await self._client.probe()
        return Account(id=None, title=f"AMPECO {self._host.removesuffix(':443')}")

    @override
    async def candidates(self) -> Sequence[Candidate]:
        """List every charge point, by its place where the token may read places."""
        names: dict[str | None, str | None] = {}
        async with self._access.guard(Feature.LOCATIONS) as allowed:
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
        self._access.renew()
        await self._sync.refresh()
        await self._site_data.refresh(
            self._sync.points, have_tariffs=self._sync.have_tariffs
        )
        await self._refresh_devices()
        await self._watch_callbacks()
        # Half of what may be asked stays free for commands and what follows them.
        spent = timedelta(seconds=2 * (self._client.requests - before))
        busy = self._sync.sessions.any_running or self._charging
        idle = _PUSHED if self._is_told else _IDLE
        return Poll(
            fleet=self._fleet,
            interval=max(_BUSY if busy else idle, spent),
            notices=self._notices(),
        )

    # Callbacks

    @property
    def _is_told(self) -> bool:
        """Return whether callbacks tell what changes, as far as is known."""
        return self._subscription.active and self._callbacks.doubtful_since is None

    @override
    async def subscribe(self, address: str) -> bool:
        """Subscribe, unless that is not wanted or the tenant is large.

        A token brings the callbacks of its whole tenant: where that is many more than
        the charge points wanted, the user must ask for it.
        """
        if not self._wants_callbacks:
            # Who may not subscribe has nothing to end.
            with suppress(PermissionDeniedError):
                await self._subscription.end(address)
            self._access.open(Feature.NOTIFICATIONS)
            return False
        with self._access.track(Feature.NOTIFICATIONS):
            await self._subscription.ensure(address)
            await self._subscription.resume()
        return True

    @property
    def _wants_callbacks(self) -> bool:
        """Return whether the tenant shall call back."""
        wanted = self.context.settings.get("push")
        if wanted is not None:
            return bool(wanted)
        chosen = not self.context.selection.everything
        return chosen or len(self._sync.points.items) <= _MANY

    @property
    @override
    def automatic_settings(self) -> Mapping[str, Any]:
        """Return whether the tenant calls back, which depends on its size."""
        return {"push": self._wants_callbacks}

    @override
    def suspend_callbacks(self) -> None:
        """Poll as without callbacks."""
        self._subscription.suspend()

    @override
    async def unsubscribe(self, address: str) -> None:
        """End the subscription."""
        await self._subscription.end(address)

    @override
    def receive(self, callback: Callback) -> Received:
        """Understand a callback, and make anew what it changed for certain."""
        said = self._callbacks.receive(callback)
        fleet: dict[str, Device] = {}
        for station in said.stations:
            fleet |= self._make(station)
        if said.around:
            around = self._site_data.devices()
            fleet |= {key: around[key] for key in said.around if key in around}
        return Received(
            kind=said.kind,
            fleet=fleet,
            reread=frozenset(
                key if key not in self._sync.points.items else station_device_id(key)
                for key in said.reread
            ),
            events=tuple(said.events),
        )

    async def _watch_callbacks(self) -> None:
        """Look whether callbacks come, and mend the subscription when they do not."""
        changed, self._sync.moved = self._sync.moved, set()
        if not self._subscription.active:
            return
        self._callbacks.look_for_lost(changed)
        now = self.context.monotonic()
        if self._callbacks.doubtful_since is None or now - self._mended_at < _MENDING:
            return
        again = self._mended_at >= self._callbacks.doubtful_since
        self._mended_at = now
        try:
            with self._access.track(Feature.NOTIFICATIONS):
                await self._subscription.mend(
                    now - self._callbacks.complete_until, again=again
                )
        except ChargingError as err:
            if isinstance(err, AuthenticationError | RateLimitedError):
                raise

    def _notices(self) -> tuple[Notice, ...]:
        """Return what the user should know."""
        notices = self._access.notices()
        since = self._callbacks.doubtful_since
        if (
            self._subscription.active
            and since is not None
            and self.context.monotonic() - since >= _HOUR
        ):
            notices += (Notice(kind=NoticeKind.PUSH_DOUBTFUL, subject=self._host),)
        return notices

    @override
    async def read(self, device_id: str) -> Fleet:
        """Read a charge point, a circuit or an account; a rate as it was last read."""
        if around := await self._site_data.refresh_one(device_id):
            return {device_id: around}
        station, _ = self._sync.find(device_id)
        await self._sync.refresh_one(station)
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
        """List the sessions of an EVSE, or of all EVSEs of a charge point.

        The cloud states no order and gives the oldest first: so the days just before
        the end are asked first, then as many again and more until there are enough.
        """
        station, evse = self._sync.find(device_id)
        place = {"evseId": evse} if evse else {"chargePointId": station}
        found: dict[str, ChargingSession] = {}
        span, until = _FIRST_SPAN, end
        while until > start and len(found) < limit:
            since = max(start, until - span)
            filters = {
                "startedAfter": timestamp(since),
                "startedBefore": timestamp(until),
            }
            pages = self._client.sessions(filters | place, hours=True)
            async for page in pages:
                for item in ChargingSession.decode_all(page):
                    if item.id:
                        found[item.id] = item
            span, until = span * 4, since
        chains = [
            [self._session(item, device_id) for item in chain]
            async for chain in self._chains(found, start)
        ]
        self._parts = {chain[0].id: chain for chain in chains if len(chain) > 1}
        newest_first = sorted(
            map(_joined, chains),
            key=lambda each: each.started_at or start,
            reverse=True,
        )
        return newest_first[:limit]

    async def _chains(
        self, found: Mapping[str, ChargingSession], start: datetime
    ) -> AsyncIterator[list[ChargingSession]]:
        """Yield sessions, each with those that extend it.

        One whose original began before the span is told with that one, where that one
        knows.
        """
        extending: dict[str, list[ChargingSession]] = {}
        for item in found.values():
            if item.original_session_id:
                extending.setdefault(item.original_session_id, []).append(item)
        for item in found.values():
            if (first := await self._original(item, found, start)) is None:
                continue
            chain = {first.id: first}
            for _ in range(_LONGEST_CHAIN):
                more = {
                    after.id: after
                    for key in chain
                    for after in extending.get(key or "", ())
                }
                last = list(chain.values())[-1]
                told = last.extended_by_session_id
                if told and told not in chain and told not in more:
                    if after := await self._listed(told):
                        more[told] = after
                if more.keys() <= chain.keys():
                    break
                chain |= more
            yield sorted(chain.values(), key=lambda each: each.started_at or start)

    async def _original(
        self,
        item: ChargingSession,
        found: Mapping[str, ChargingSession],
        start: datetime,
    ) -> ChargingSession | None:
        """Return what a session extends, or itself; None if that is told elsewhere."""
        first = item
        for _ in range(_LONGEST_CHAIN):
            original = first.original_session_id
            if not original:
                break
            if original in found:
                return None
            before = await self._listed(original)
            if before is None or not before.extended_by_session_id:
                break
            if before.started_at is None or before.started_at < start:
                return None
            first = before
        return first

    async def _listed(self, session_id: str) -> ChargingSession | None:
        """Read a session as a list has it, None where there is no such session."""
        try:
            answer = await self._client.session(session_id, hours=True)
        except NotFoundError:
            return None
        return ChargingSession.decode(answer)

    @override
    async def session(self, device_id: str, session_id: str) -> Session:
        """Read one session of a charge point, or of one of its EVSEs."""
        station, evse = self._sync.find(device_id)
        try:
            answer = await self._client.session(session_id, hours=True)
            item = ChargingSession.decode(answer)
        except NotFoundError as err:
            raise NotFoundError(err.message, reason=Refusal.UNKNOWN_SESSION) from err
        if item.charge_point_id != station or (evse and item.evse_id != evse):
            raise NotFoundError(reason=Refusal.UNKNOWN_SESSION)
        return self._session(item, device_id)

    @override
    async def energy_curve(self, session: Session) -> EnergyCurve | None:
        """Read the curve of a session whose hours the tenant did not tell."""
        points: list[EnergyPoint] = []
        parts = self._parts.get(session.id, [session])
        before = 0.0
        for part in parts:
            try:
                answer = await self._client.consumption(part.id)
            except NotFoundError:
                return None
            told = [
                EnergyPoint(at=each.timestamp, energy=before + each.energy)
                for each in ConsumptionPoint.decode_all(answer)
                if each.timestamp and each.energy is not None
            ]
            if len(parts) > 1 and part.started_at and part.ended_at:
                # Nothing flowed from the end of one to the start of the next.
                told.insert(0, EnergyPoint(at=part.started_at, energy=before))
                before += part.energy or 0.0
                told.append(EnergyPoint(at=part.ended_at, energy=before))
            points += told
        return EnergyCurve(source=HourSource.POINTS, points=points)

    @override
    async def charging_profiles(self, device_id: str) -> Sequence[ChargingProfile]:
        """Read back the profiles of an EVSE and of its station."""
        station, evse = self._sync.find(device_id)
        await self._sync.refresh_one(station)
        shown = [self._sync.points.items[station].profile]
        if evse in self._sync.evses.items:
            shown.append(self._sync.evses.items[evse].profile)
        found = (decode_profile(profile) for profile in shown if profile)
        return [profile for profile in found if profile]

    @property
    @override
    def resource_kinds(self) -> Mapping[str, ResourceKind]:
        """Return the kinds of objects that a tenant has."""
        return KINDS

    @override
    async def list_resources(self, request: ResourceRequest) -> ResourcePage:
        """List objects of a kind."""
        return await self._resources.list(request)

    @override
    async def get_resource(self, request: ResourceRequest) -> Resource:
        """Read an object."""
        return await self._resources.get(request)

    @override
    async def change_resource(
        self, verb: Verb, request: ResourceRequest
    ) -> Resource | None:
        """Create, update or delete an object, where the option allows that."""
        return await self._resources.change(verb, request)

    @override
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the last answers of the cloud for so many devices as can be read."""
        sync = self._sync
        return {
            "charge_points": _shown(sync.points.raw),
            "evses": _shown(sync.evses.raw),
            "sessions": _shown(sync.sessions.raw),
            "locations": _shown(self._site_data.locations.raw),
            "circuits": _shown(self._site_data.circuits.raw),
            "counts": {
                "charge_points": len(sync.points.raw),
                "evses": len(sync.evses.raw),
                "requests": self._client.requests,
                "requests_of_a_sweep": sync.sweep_cost,
            },
            "unreadable": sorted(sync.points.unreadable | sync.evses.unreadable),
            "switched_off": sorted(self._access.closed),
        }

    def _session(self, session: ChargingSession, device_id: str) -> Session:
        """Translate a session of the past or the present."""
        tag = session.id_tag
        evse = self._sync.evses.items.get(session.evse_id or "")
        return Session(
            id=session.id or "",
            device_id=self._sync.device_of(session.evse_id) or device_id,
            started_at=session.started_at,
            ended_at=session.stopped_at,
            energy=session.energy,
            cost=cost(session),
            stop_reason=translate(
                STOP_REASON, session.reason, of="AMPECO end of session"
            ),
            # A star and the session's own number stand for a start from afar.
            id_token=None if tag and tag.startswith("*") else mask(tag),
            status=session_status(session),
            connector=evse.network_id if evse else None,
            user_id=session.user_id,
            payment_status=translate(
                PAYMENT_STATUS, session.payment_status, of="AMPECO payment status"
            ),
            key=session.external_session_id,
            hours=tuple(_hours(session)),
        )

    # Devices

    async def _refresh_devices(self) -> None:
        """Make the devices anew that may look different, without holding the loop up.

        A fleet in which nothing changed is the same one.
        """
        stations = self._sync.changed()
        points = self._sync.points.items
        shown = self._access.generation, self._site_data.names
        if shown != self._shown:
            self._shown = shown
            stations = {*stations, *points}
        fresh: dict[str, Device] = {}
        gone: set[str] = set()
        for station in stations:
            await self.context.turn()
            devices = self._make(station) if station in points else {}
            if station not in points:
                self._made.pop(station, None)
            gone |= self._ids.pop(station, set()) - devices.keys()
            self._ids[station] = set(devices)
            fresh |= devices
        around = self._site_data.devices()
        gone |= self._around.keys() - around.keys()
        self._around = around
        fresh |= around
        if gone or any(self._fleet.get(key) is not fresh[key] for key in fresh):
            kept = {key: self._fleet[key] for key in self._fleet if key not in gone}
            self._fleet = kept | fresh
            self._charging = any(device.charging for device in self._fleet.values())

    def _make(self, station: str) -> Mapping[str, Device]:
        """Return a charge point's devices, the same ones while nothing changes."""
        if station not in self._sync.points.items:
            raise NotFoundError(reason="not_found")
        view = self._sync.view(station, self._site_data, self._modes.get(station))
        generation = self._access.generation
        if (made := self._made.get(station)) and made[:2] == (view, generation):
            return made[2]
        known = made[2] if made else {}
        devices = {
            key: known[key] if known.get(key) == device else device
            for key, device in describe(view, self._access).items()
        }
        self._made[station] = view, generation, devices
        return devices


def _shown(raw: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """Return the first so many objects."""
    return list(islice(raw.values(), _SHOWN))


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
        Field(key="push", kind=FieldKind.BOOLEAN, required=False, default=True),
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
        Field(
            key="resource_changes",
            kind=FieldKind.BOOLEAN,
            required=False,
            default=False,
        ),
    ),
    callbacks=True,
    portal="https://developers.ampeco.com",
    normalise=normalise,
)


def _joined(chain: Sequence[Session]) -> Session:
    """Return a session and those that extend it as one.

    There are hours where all of them have some; there is a cost where all are paid in
    the same currency.
    """
    first, last = chain[0], chain[-1]
    if first is last:
        return first
    costs = [each.cost for each in chain if each.cost]
    currencies = {cost.currency for cost in costs}
    return replace(
        first,
        ended_at=last.ended_at,
        energy=sum(each.energy or 0.0 for each in chain),
        cost=Money(sum(cost.amount for cost in costs), currencies.pop())
        if len(currencies) == 1
        else None,
        stop_reason=last.stop_reason,
        status=last.status,
        payment_status=last.payment_status,
        hours=tuple(hour for each in chain for hour in each.hours)
        if all(each.hours or not each.energy for each in chain)
        else (),
    )


def _hours(session: ChargingSession) -> Iterator[EnergyInterval]:
    """Yield what a session drew in each hour, unless something is missing in one."""
    told = session.clock_aligned_energy_consumption
    for each in told:
        drawn = each.energy_consumption
        energy = drawn.total if drawn and drawn.total is not None else None
        if energy is None:
            energy = each.energy_consumed
        if each.start is None or each.end is None or energy is None:
            return
        cost = each.total_cost
        yield EnergyInterval(
            start=each.start,
            end=each.end,
            energy=energy,
            cost=cost.with_tax if cost else None,
        )
