"""What surrounds the charge points: places, circuits, rates and drivers' accounts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from ...charging import Device
from ..schedule import Schedule
from ..wire import once, text
from .client import Client
from .features import Feature, Features
from .rates import find_zone, price_at
from .records import ListedRecords
from .site_devices import circuit_device, rate_device, subscription_of, user_device
from .state import offered
from .users import USER_COMMANDS, user_of
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteOptions:
    """Which parts of the estate are wanted; `circuits` of all charge points or few.

    `user_actions` says that drivers' accounts are not only to be looked at.
    """

    circuits: bool
    rates: bool
    users: bool
    user_actions: bool
    everything: bool


class SiteData:
    """The surroundings of the wanted charge points; each part has its own pace."""

    def __init__(
        self, client: Client, features: Features, options: SiteOptions
    ) -> None:
        """Begin knowing nothing."""
        self._client = client
        self.read_at = float("-inf")
        self._features = features
        self._options = options
        self._schedule = Schedule(client.monotonic)
        self.locations = ListedRecords(Location, client.monotonic, client.now)
        self.circuits = ListedRecords(Circuit, client.monotonic, client.now)
        self._rates: dict[str, tuple[ElectricityRate, list[DayPrices]]] = {}
        self._users = ListedRecords(User, client.monotonic, client.now)
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._zones: dict[str, tzinfo | None] = {}
        self._zone_of: dict[str, tzinfo | None] = {}
        self._currency: str | None = None
        self._failed: set[Feature] = set()

    def area(self, location: str | None) -> str | None:
        """Return the name of a place."""
        known = self.locations.items.get(location or "")
        return known.name if known else None

    async def refresh(self, points: Iterable[ChargePoint]) -> None:
        """Read what is due for these charge points."""
        self.read_at = self._client.monotonic()
        points = list(points)
        options = self._options
        if any(point.location_id for point in points):
            await self._read(Feature.LOCATIONS, self._read_locations)
        if options.circuits:
            wanted = {
                circuit
                for point in points
                if (circuit := text((point.smart_charging or {}).get("circuitId")))
            }
            await self._read(
                Feature.CIRCUITS,
                lambda: self._read_circuits(None if options.everything else wanted),
            )
        used = {p.electricity_rate_id for p in points if p.electricity_rate_id}
        if options.rates:
            await self._read(Feature.ELECTRICITY_RATES, lambda: self._read_rates(used))
            self._rates = {k: rate for k, rate in self._rates.items() if k in used}
            await self._find_zones(points)
        if options.users:
            await self._read(Feature.USERS, self._read_users)
            await self._read(Feature.SUBSCRIPTIONS, self._read_subscriptions)
        if self._rates or self._users.items:
            await self._read(Feature.SETTINGS, self._read_settings)

    async def refresh_one(self, device_id: str) -> bool:
        """Read a circuit or a driver's account at once; tell whether it is one."""
        circuit, user = device_id.removeprefix("circuit"), user_of(device_id)
        if circuit != device_id and circuit in self.circuits.items:
            self.circuits.take(await self._client.circuit(circuit))
        elif user in self._users.items:
            self._users.take(await self._client.user(user))
            await self._read_subscriptions_of(user)
        else:
            return False
        return True

    def devices(self, ceilings: dict[str, float]) -> Iterator[Device]:
        """Yield the devices; `ceilings` are how far circuits may be raised, in A."""
        stale = Feature.CIRCUITS in self._failed
        for key in self.circuits.items:
            yield self.circuit(key, ceilings.get(key), stale=stale)
        stale = Feature.ELECTRICITY_RATES in self._failed
        for key, (rate, days) in self._rates.items():
            zone = self._zone_of.get(key)
            price = price_at(rate, days, datetime.now(zone) if zone else None)
            yield rate_device(rate, price, self._currency, stale=stale)
        stale = Feature.USERS in self._failed
        commands = offered(
            command
            for command, feature in USER_COMMANDS.items()
            if self._options.user_actions and self._features.on(feature)
        )
        for key, user in self._users.items.items():
            subscription = subscription_of(self._subscriptions.get(key, ()))
            yield user_device(user, subscription, self._currency, commands, stale=stale)

    def circuit(
        self, key: str, ceiling: float | None, *, stale: bool = False
    ) -> Device:
        """Return the device of a circuit."""
        return circuit_device(
            self.circuits.items[key],
            ceiling,
            self._features,
            stale=stale or key in self.circuits.unreadable,
        )

    async def _read(self, feature: Feature, read: Any) -> None:
        """Read a part when it is due; what fails keeps its last state."""
        if not self._schedule.due(feature, _EVERY[feature]):
            return
        self._failed.add(feature)
        async with self._features.guard(feature) as allowed:
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
        async with self._features.guard(Feature.SUBSCRIPTIONS) as allowed:
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
