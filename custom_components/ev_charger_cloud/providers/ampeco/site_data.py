"""What surrounds the charge points: places, circuits, rates and drivers' accounts."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta, tzinfo
from typing import Any

from ...charging import Device
from ..base import Context
from ..schedule import Schedule
from ..wire import DecodeCache, once, text
from .actions import Scope, offered
from .client import Client, Page
from .features import Feature, Rights
from .rates import find_zone, price_at
from .records import ListedRecords
from .site_devices import (
    circuit_device,
    circuit_device_id,
    circuit_of,
    rate_device,
    subscription_of,
    user_device,
    user_device_id,
    user_of,
)
from .wire import (
    ChargePoint,
    Circuit,
    Currency,
    DayPrices,
    ElectricityRate,
    Location,
    Named,
    Settings,
    Subscription,
    User,
)

_EVERY = {
    Feature.LOCATIONS: timedelta(hours=1),
    Feature.CIRCUITS: timedelta(minutes=5),
    Feature.ELECTRICITY_RATES: timedelta(hours=1),
    Feature.USERS: timedelta(minutes=5),
    Feature.SUBSCRIPTIONS: timedelta(minutes=5),
    Feature.SETTINGS: timedelta(days=1),
    Feature.TARIFF_GROUPS: timedelta(hours=1),
    Feature.PARTNERS: timedelta(days=1),
    Feature.SUBSCRIPTION_PLANS: timedelta(days=1),
}
_USER_PAGES = 10


class SiteData:
    """The surroundings of the wanted charge points; each part has its own pace."""

    def __init__(self, context: Context, client: Client, access: Rights) -> None:
        """Begin knowing nothing."""
        self._context = context
        self._client = client
        self._access = access
        settings = context.settings
        self._with_circuits = bool(settings.get("circuits", True))
        self._with_rates = bool(settings.get("electricity_rates", True))
        self._with_users = bool(settings.get("users", False))
        self._user_actions = bool(settings.get("user_actions", False))
        self._schedule = Schedule(context.monotonic)
        self.locations = ListedRecords(Location, context)
        self.circuits = ListedRecords(Circuit, context)
        # The most (A) that the operator ever allowed: as far as each may be raised.
        self._ceilings: dict[str, float] = context.memory.setdefault("circuits", {})
        self._rates = ListedRecords(ElectricityRate, context)
        self._prices: dict[str, Sequence[DayPrices]] = {}
        self._decoded = DecodeCache(context.turn)
        self._users = ListedRecords(User, context)
        self._tariff_groups = ListedRecords(Named, context)
        self._partners = ListedRecords(Named, context)
        self._plans = ListedRecords(Named, context)
        self._subscriptions = ListedRecords(Subscription, context)
        self._zones: dict[str, tzinfo | None] = {}
        self._zone_of: dict[str, tzinfo | None] = {}
        self._currency: str | None = None
        self._failed: set[Feature] = set()
        self._read_at = float("-inf")
        self._devices: dict[str, Device] = {}
        self._made_from: object = None
        # What the charge points belong to, and from which of them that was found out.
        self._wanted_circuits: set[str] = set()
        self._used_rates: set[str] = set()
        self._have_partners = False
        self._rated: set[tuple[str, str]] = set()
        self._have_places = False
        self._found_out_from: int | None = None

    def area(self, location: str | None) -> str | None:
        """Return the name of a place."""
        known = self.locations.items.get(location or "")
        return known.name if known else None

    def partner(self, partner: str | None) -> str | None:
        """Return the name of a partner."""
        known = self._partners.items.get(partner or "")
        return known.name if known else None

    def tariff(self, group: str | None) -> str | None:
        """Return the name of a tariff group."""
        known = self._tariff_groups.items.get(group or "")
        return known.name if known else None

    @property
    def names(self) -> tuple[int, ...]:
        """Return what changes whenever one of these names does."""
        return tuple(
            part.version
            for part in (self.locations, self._partners, self._tariff_groups)
        )

    async def refresh(
        self, points: ListedRecords[ChargePoint], *, have_tariffs: bool
    ) -> None:
        """Read what is due for these charge points, and for their EVSEs."""
        self._read_at = self._context.monotonic()
        self._find_out(points)
        if self._have_places:
            await self._read(Feature.LOCATIONS, self._read_locations)
        if self._with_circuits:
            await self._read(Feature.CIRCUITS, self._read_circuits)
        if self._with_rates:
            await self._read(Feature.ELECTRICITY_RATES, self._read_rates)
            self._rates.keep(self._used_rates)
            await self._find_zones()
        if have_tariffs:
            await self._read(Feature.TARIFF_GROUPS, self._read_tariff_groups)
        if self._have_partners:
            await self._read(Feature.PARTNERS, self._read_partners)
        if self._with_users:
            await self._read(Feature.USERS, self._read_users)
            await self._read(Feature.SUBSCRIPTIONS, self._read_subscriptions)
            if self._subscriptions.items:
                await self._read(Feature.SUBSCRIPTION_PLANS, self._read_plans)
        if self._rates.items or self._users.items:
            await self._read(Feature.SETTINGS, self._read_settings)

    def _find_out(self, points: ListedRecords[ChargePoint]) -> None:
        """Find out what the charge points belong to, unless none of them changed."""
        if self._found_out_from == points.version:
            return
        self._found_out_from = points.version
        known = points.items.values()
        self._have_places = any(point.location_id for point in known)
        self._have_partners = any(point.partner for point in known)
        self._wanted_circuits = {
            circuit
            for point in known
            if (circuit := text((point.smart_charging or {}).get("circuitId")))
        }
        self._rated = {
            (point.electricity_rate_id, point.location_id or "")
            for point in known
            if point.electricity_rate_id
        }
        self._used_rates = {rate for rate, _ in self._rated}

    async def refresh_one(self, device_id: str) -> Device | None:
        """Read a circuit or an account at once, a rate as it was last read.

        Returns None where the device is something else.
        """
        circuit, user = circuit_of(device_id), user_of(device_id)
        if circuit in self.circuits.items:
            self.circuits.take(await self._client.circuit(circuit or ""))
        elif user in self._users.items:
            self._users.take(await self._client.user(user or ""))
            await self._read_subscriptions_of(user or "")
        return self.devices().get(device_id)

    # What callbacks tell

    def apply_balance(self, user: str, balance: Any) -> str | None:
        """Take a driver's balance; return the device, None where there is none."""
        if (known := self._users.raw.get(user)) is not None:
            self._read_at = self._context.monotonic()
            self._users.take({**known, "balance": balance})
        return self.user_device_id(user)

    def apply_consumption(self, circuit: str, drawn: list[Any]) -> str | None:
        """Take what a circuit draws; return the device, None where there is none."""
        if (known := self.circuits.raw.get(circuit)) is not None:
            self._read_at = self._context.monotonic()
            self.circuits.take({**known, "consumption": drawn})
        return self.circuit_device_id(circuit)

    def user_device_id(self, user: str) -> str | None:
        """Return the device of a driver, None where there is none."""
        return user_device_id(user) if user in self._users.items else None

    def circuit_device_id(self, circuit: str) -> str | None:
        """Return the device of a circuit, None where there is none."""
        return circuit_device_id(circuit) if circuit in self.circuits.items else None

    def devices(self) -> dict[str, Device]:
        """Return circuits, rates and accounts, the same ones while nothing changes."""
        made_from = (
            self.circuits.version,
            self._rates.version,
            self._users.version,
            self._subscriptions.version,
            self._plans.version,
            self._access.generation,
            self._currency,
            frozenset(self._failed),
            {key: self._price(key) for key in self._rates.items},
        )
        if made_from == self._made_from:
            return self._devices
        self._made_from = made_from
        before = self._devices
        self._devices = {
            device.id: before[device.id] if before.get(device.id) == device else device
            for device in (
                replace(each, observed_at=self._read_at) for each in self._described()
            )
        }
        return self._devices

    def _price(self, rate: str) -> float | None:
        """Return what electricity costs now."""
        zone, now = self._zone_of.get(rate), self._context.now()
        return price_at(
            self._rates.items[rate],
            self._prices.get(rate, ()),
            now.astimezone(zone) if zone else None,
        )

    def _described(self) -> Iterator[Device]:
        """Yield the devices as they are now."""
        stale = Feature.CIRCUITS in self._failed
        for key, circuit in self.circuits.items.items():
            limit = circuit.max_current or 0.0
            if limit > self._ceilings.get(key, 0.0):
                self._ceilings[key] = limit
                self._context.save()
            yield circuit_device(
                circuit,
                self._ceilings.get(key),
                self._access,
                stale=stale or key in self.circuits.unreadable,
            )
        stale = Feature.ELECTRICITY_RATES in self._failed
        for key, rate in self._rates.items.items():
            yield rate_device(rate, self._price(key), self._currency, stale=stale)
        stale = Feature.USERS in self._failed
        commands = offered(Scope.USER, self._access) if self._user_actions else {}
        subscriptions: dict[str | None, list[Subscription]] = {}
        for item in self._subscriptions.items.values():
            subscriptions.setdefault(item.user_id, []).append(item)
        for key, user in self._users.items.items():
            subscription = subscription_of(subscriptions.get(key, ()))
            plan = self._plans.items.get((subscription and subscription.plan_id) or "")
            yield user_device(
                user,
                subscription,
                plan.name if plan else None,
                self._currency,
                commands,
                stale=stale,
            )

    async def _read(self, feature: Feature, read: Any) -> None:
        """Read a part when it is due; what fails keeps its last state."""
        if not self._schedule.due(feature, _EVERY[feature]):
            return
        self._failed.add(feature)
        async with self._access.guard(feature) as allowed:
            if allowed:
                await read()
                self._schedule.done(feature)
                self._failed.discard(feature)

    async def _read_all(
        self,
        records: ListedRecords[Any],
        pages: AsyncIterator[Page],
        wanted: Callable[[Mapping[str, Any]], bool] = lambda item: True,
    ) -> None:
        """Read a whole list."""
        sent_at, seen = self._context.monotonic(), set[str]()
        async for page in pages:
            seen.update(await records.take_page(page, wanted, sent_at=sent_at))
        records.keep_listed(seen)

    async def _read_locations(self) -> None:
        """Read all places."""
        await self._read_all(self.locations, self._client.locations())

    async def _read_circuits(self) -> None:
        """Read the circuits: all, or those that some charge points belong to."""
        if self._context.selection.everything:
            await self._read_all(self.circuits, self._client.circuits())
        elif self._wanted_circuits:
            await self._read_all(
                self.circuits,
                self._client.circuits(),
                lambda item: text(item.get("id")) in self._wanted_circuits,
            )
        else:
            self.circuits.keep(())

    async def _read_rates(self) -> None:
        """Read the electricity rates in use, with their price periods."""
        if not self._used_rates:
            return
        await self._read_all(
            self._rates,
            self._client.electricity_rates(),
            lambda item: text(item.get("id")) in self._used_rates,
        )
        self._prices = {
            key: await self._decoded.decode_all(
                key, await self._client.price_periods(key), DayPrices
            )
            for key in self._rates.items
        }

    async def _find_zones(self) -> None:
        """Find out in which time zone each rate is used."""
        self._zone_of = {}
        for rate, place in sorted(self._rated):
            location = self.locations.items.get(place)
            name = location.timezone if location else None
            if not name or self._zone_of.get(rate):
                continue
            if name not in self._zones:
                self._zones[name] = await find_zone(name)
                if self._zones[name] is None:
                    once("AMPECO location", "an unknown time zone")
            self._zone_of[rate] = self._zones[name]

    async def _read_users(self) -> None:
        """Read the drivers' accounts, so many as anyone could look at."""
        await self._read_all(self._users, self._client.users(_USER_PAGES))

    async def _read_tariff_groups(self) -> None:
        """Read the names of the tariff groups."""
        await self._read_all(self._tariff_groups, self._client.tariff_groups())

    async def _read_partners(self) -> None:
        """Read the names of the partners."""
        await self._read_all(self._partners, self._client.partners())

    async def _read_plans(self) -> None:
        """Read the names of the plans."""
        await self._read_all(self._plans, self._client.subscription_plans())

    async def _read_subscriptions(self) -> None:
        """Read all subscriptions."""
        await self._read_all(self._subscriptions, self._client.subscriptions())

    async def _read_subscriptions_of(self, user: str) -> None:
        """Read the subscriptions of one driver, where the token may."""
        async with self._access.guard(Feature.SUBSCRIPTIONS) as allowed:
            if allowed:
                async for page in self._client.subscriptions({"userId": user}):
                    for item in page:
                        self._subscriptions.take(item)

    async def _read_settings(self) -> None:
        """Read the currency that prices and balances are in."""
        settings = Settings.decode(await self._client.settings())
        word = settings.base_currency.id if settings.base_currency else None
        if word is not None and not word.isalpha():
            currency = await self._client.currency(word)
            word = Currency.decode(currency).alphabetic_code
        self._currency = word if word and len(word) == 3 and word.isalpha() else None
