"""What surrounds the charge points: places, circuits, rates and drivers' accounts."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta, tzinfo
from typing import Any

from ...charging import Device
from ..access import Access
from ..base import Context
from ..schedule import Schedule
from ..wire import once, text
from .actions import Scope, offered
from .client import Client
from .features import Feature
from .rates import find_zone, price_at
from .records import ListedRecords
from .site_devices import (
    circuit_device,
    circuit_of,
    rate_device,
    subscription_of,
    user_device,
    user_of,
)
from .wire import (
    ChargePoint,
    Circuit,
    DayPrices,
    ElectricityRate,
    Location,
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
}
_USER_PAGES = 10


class SiteData:
    """The surroundings of the wanted charge points; each part has its own pace."""

    def __init__(
        self, context: Context, client: Client, access: Access[Feature]
    ) -> None:
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
        self._rates: dict[str, tuple[ElectricityRate, list[DayPrices]]] = {}
        self._users = ListedRecords(User, context)
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._zones: dict[str, tzinfo | None] = {}
        self._zone_of: dict[str, tzinfo | None] = {}
        self._currency: str | None = None
        self._failed: set[Feature] = set()
        self._read_at = float("-inf")
        self._devices: dict[str, Device] = {}

    def area(self, location: str | None) -> str | None:
        """Return the name of a place."""
        known = self.locations.items.get(location or "")
        return known.name if known else None

    async def refresh(self, points: Iterable[ChargePoint]) -> None:
        """Read what is due for these charge points."""
        self._read_at = self._context.monotonic()
        points = list(points)
        if any(point.location_id for point in points):
            await self._read(Feature.LOCATIONS, self._read_locations)
        if self._with_circuits:
            wanted = {
                circuit
                for point in points
                if (circuit := text((point.smart_charging or {}).get("circuitId")))
            }
            everything = self._context.selection.everything
            await self._read(
                Feature.CIRCUITS,
                lambda: self._read_circuits(None if everything else wanted),
            )
        if self._with_rates:
            used = {p.electricity_rate_id for p in points if p.electricity_rate_id}
            await self._read(Feature.ELECTRICITY_RATES, lambda: self._read_rates(used))
            self._rates = {k: rate for k, rate in self._rates.items() if k in used}
            await self._find_zones(points)
        if self._with_users:
            await self._read(Feature.USERS, self._read_users)
            await self._read(Feature.SUBSCRIPTIONS, self._read_subscriptions)
        if self._rates or self._users.items:
            await self._read(Feature.SETTINGS, self._read_settings)

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

    def devices(self) -> dict[str, Device]:
        """Return circuits, rates and accounts, the same ones while nothing changes."""
        before = self._devices
        self._devices = {
            device.id: before[device.id] if before.get(device.id) == device else device
            for device in (
                replace(each, observed_at=self._read_at) for each in self._described()
            )
        }
        return self._devices

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
        now = self._context.now()
        for key, (rate, days) in self._rates.items():
            zone = self._zone_of.get(key)
            price = price_at(rate, days, now.astimezone(zone) if zone else None)
            yield rate_device(rate, price, self._currency, stale=stale)
        stale = Feature.USERS in self._failed
        commands = offered(Scope.USER, self._access) if self._user_actions else {}
        for key, user in self._users.items.items():
            subscription = subscription_of(self._subscriptions.get(key, ()))
            yield user_device(user, subscription, self._currency, commands, stale=stale)

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

    async def _read_locations(self) -> None:
        """Read all places."""
        seen = {
            key
            async for page in self._client.locations()
            for item in page
            if (key := self.locations.take(item))
        }
        self.locations.keep_listed(seen)

    async def _read_circuits(self, wanted: set[str] | None) -> None:
        """Read the circuits: all, or those that some charge points belong to."""
        if wanted is not None and not wanted:
            self.circuits.keep(())
            return
        seen = {
            key
            async for page in self._client.circuits()
            for item in page
            if (key := self.circuits.take(item)) and (wanted is None or key in wanted)
        }
        self.circuits.keep_listed(seen)

    async def _read_rates(self, wanted: set[str]) -> None:
        """Read the electricity rates in use, with their price periods."""
        if not wanted:
            return
        rates = {
            rate.id: rate
            async for page in self._client.electricity_rates()
            for rate in ElectricityRate.decode_all(page)
            if rate.id in wanted
        }
        read = {}
        for key, rate in rates.items():
            if key:
                periods = await self._client.price_periods(key)
                read[key] = rate, DayPrices.decode_all(periods)
        self._rates = read

    async def _find_zones(self, points: list[ChargePoint]) -> None:
        """Find out in which time zone each rate is used."""
        self._zone_of = {}
        for point in points:
            location = self.locations.items.get(point.location_id or "")
            name = location.timezone if location else None
            rate = point.electricity_rate_id
            if not name or rate is None or self._zone_of.get(rate):
                continue
            if name not in self._zones:
                self._zones[name] = await find_zone(name)
                if self._zones[name] is None:
                    once("AMPECO location", "an unknown time zone")
            self._zone_of[rate] = self._zones[name]

    async def _read_users(self) -> None:
        """Read the drivers' accounts, so many as anyone could look at."""
        seen = {
            key
            async for page in self._client.users(_USER_PAGES)
            for item in page
            if (key := self._users.take(item))
        }
        self._users.keep_listed(seen)

    async def _read_subscriptions(self) -> None:
        """Read all subscriptions."""
        by_user: dict[str, list[Subscription]] = {}
        async for page in self._client.subscriptions():
            for item in Subscription.decode_all(page):
                by_user.setdefault(item.user_id or "", []).append(item)
        self._subscriptions = by_user

    async def _read_subscriptions_of(self, user: str) -> None:
        """Read the subscriptions of one driver, where the token may."""
        async with self._access.guard(Feature.SUBSCRIPTIONS) as allowed:
            if allowed:
                self._subscriptions[user] = [
                    subscription
                    async for page in self._client.subscriptions({"userId": user})
                    for subscription in Subscription.decode_all(page)
                    if subscription.user_id == user
                ]

    async def _read_settings(self) -> None:
        """Read the currency that prices and balances are in."""
        settings = await self._client.settings()
        currency = settings.get("baseCurrency") if isinstance(settings, dict) else None
        word = text(currency.get("id")) if isinstance(currency, dict) else None
        # Some tenants give a number here that nothing readable explains.
        self._currency = word if word and len(word) == 3 and word.isalpha() else None
