"""A Home Assistant in this process, its accounts behind the proxy, and the time of all."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import logging
from tempfile import TemporaryDirectory
import traceback
from typing import Any, override
from unittest.mock import patch

from aiohttp import ClientTimeout
from aiolimiter import AsyncLimiter
from freezegun import api, freeze_time

import custom_components.ev_charger_cloud  # noqa: F401  (before an empty namesake)
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.providers import PROVIDERS, transport
from custom_components.ev_charger_cloud.providers.base import Context
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er, frame
from homeassistant.helpers.json import json_bytes
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from simulator.clouds import CLOUDS
from simulator.connector import Connector
from simulator.server import Simulator
from simulator.world import Car

from .faults import HANG, Fault
from .harness import (
    MockConfigEntry,
    async_fire_time_changed,
    async_test_home_assistant,
    real_lines,
)
from .proxy import Disguise, FaultProxy

_LOGGER = logging.getLogger(__name__)

_PATIENCE = HANG / 3
_STUCK = 30.0


@dataclass(frozen=True, kw_only=True)
class Account:
    """What an account at a cloud needs."""

    provider: str
    options: Mapping[str, Any] = field(default_factory=dict)
    quirks: Mapping[str, Any] = field(default_factory=dict)


ACCOUNTS = {
    account.provider: account
    for account in (
        Account(provider="amps"),
        Account(provider="ampeco"),
        Account(provider="clemap", options={"allow_pause": True}),
        Account(
            provider="plugchoice",
            options={"id_token": "04A1B2C3D4"},
            quirks={"transaction_pages": True},
        ),
        Account(provider="podero", quirks={"profile": "newer"}),
    )
}


class LogWatch(logging.Handler):
    """Keeps what is logged, at every level, tracebacks included."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.tracebacks: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        if record.name == "aiohttp.server":
            return  # what the simulator makes of odd requests
        text = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            told = "".join(traceback.format_exception(*record.exc_info))
            text += "\n" + told
            if record.levelno >= logging.WARNING:
                self.tracebacks.append(text)
        elif record.levelno >= logging.WARNING and (
            "never retrieved" in text or "Traceback" in text or "Unexpected" in text
        ):
            self.tracebacks.append(text)
        self.lines.append(f"{record.levelname} {record.name}: {text}")

    def clear(self) -> None:
        """Forget what was logged."""
        self.lines.clear()
        self.tracebacks.clear()


@contextmanager
def watched_log() -> Generator[LogWatch]:
    """Watch all that is logged, from ours at the level of debugging."""
    watch = LogWatch()
    root = logging.getLogger()
    loud = [
        logging.getLogger(name)
        for name in ("custom_components", "homeassistant.config_entries", "aiohttp")
    ]
    levels = [logger.level for logger in loud]
    root.addHandler(watch)
    for logger in loud:
        logger.setLevel(logging.DEBUG)
    try:
        yield watch
    finally:
        root.removeHandler(watch)
        for logger, level in zip(loud, levels, strict=True):
            logger.setLevel(level)


class House:
    """Home Assistant with accounts at simulated clouds."""

    def __init__(
        self,
        hass: HomeAssistant,
        simulator: Simulator,
        proxy: FaultProxy,
        log: LogWatch,
        tick: Callable[[float], object],
    ) -> None:
        """Take what runs already."""
        self.hass = hass
        self.simulator = simulator
        self.proxy = proxy
        self.log = log
        self._tick = tick

    def settings(self, provider: str) -> dict[str, Any]:
        """Return what a user types in to add an account."""
        cloud = self.simulator[provider]
        return {"base_url": cloud.base_url, **cloud.credentials}

    def add(self, provider: str) -> MockConfigEntry:
        """Add an account that is not set up yet."""
        account = ACCOUNTS[provider]
        self.simulator[provider].quirks.update(account.quirks)
        key = f"{provider}_account"
        entry = MockConfigEntry(
            domain=DOMAIN,
            title=provider,
            unique_id=key,
            data={"provider": provider, "key": key, **self.settings(provider)},
            options={"all_chargers": True, **account.options},
        )
        entry.add_to_hass(self.hass)
        return entry

    async def set_up(self, entry: MockConfigEntry) -> None:
        """Set an account up."""
        await self.hass.config_entries.async_setup(entry.entry_id)
        await self.settle()

    async def settle(self) -> None:
        """Wait until nothing is under way; raise TimeoutError for what hangs."""
        async with asyncio.timeout(_STUCK):
            await self.hass.async_block_till_done(wait_background_tasks=True)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for the chargers and for Home Assistant."""
        self._tick(seconds)
        self.simulator.world.settle()
        # Timers are of the loop, whose time is the real one.
        async_fire_time_changed(
            self.hass, dt_util.utcnow() + timedelta(seconds=seconds)
        )
        await self.settle()

    @contextmanager
    def fault(self, provider: str, fault: Fault) -> Generator[None]:
        """Have a cloud be at fault."""
        self.proxy.at_fault, self.proxy.spoil = provider, fault
        try:
            yield
        finally:
            self.proxy.spoil = None

    def devices(self, entry: MockConfigEntry) -> set[str]:
        """Return the identifiers of an account's devices."""
        registry = dr.async_get(self.hass)
        return {
            identifier
            for device in (
                *dr.async_entries_for_config_entry(registry, entry.entry_id),
                *dr.async_child_entries_for_config_entry(registry, entry.entry_id),
            )
            for _, identifier in device.identifiers
        }

    def entities(self, entry: MockConfigEntry) -> list[er.RegistryEntry]:
        """Return an account's entities."""
        registry = er.async_get(self.hass)
        return list(er.async_entries_for_config_entry(registry, entry.entry_id))

    def states(self, entry: MockConfigEntry) -> dict[str, str]:
        """Return the states of an account's entities, by domain and unique id."""
        return {
            f"{entity.domain}.{entity.unique_id}": state.state
            for entity in self.entities(entry)
            if (state := self.hass.states.get(entity.entity_id))
        }

    def unwritable(self) -> Iterator[str]:
        """Tell what Home Assistant could not write or send, for all integrations."""
        for name, registry in (
            ("device registry", dr.async_get(self.hass)),
            ("entity registry", er.async_get(self.hass)),
        ):
            try:
                json_bytes(registry._data_to_save())
            except TypeError as err:
                yield f"{name} unwritable: {err}"
        for state in self.hass.states.async_all():
            try:
                json_bytes(state.as_dict())
            except TypeError as err:
                yield f"{state.entity_id} cannot be sent: {err}"

    def plug_in(self, provider: str) -> Connector:
        """Plug a car that never gets full in at a charger of a cloud."""
        station = next(iter(self.simulator[provider].stations.values()))
        connector = station.connectors[0]
        connector.plug_in(Car(capacity_wh=1e9, soc=0.2, max_current=16.0, phases=3))
        return connector


def _quickly(total: float) -> ClientTimeout:
    """Return time-outs that the instruments have the patience for."""
    return ClientTimeout(total=_PATIENCE, connect=_PATIENCE * 0.75)


async def _nap(seconds: float) -> None:
    """Let providers wait only as long as the instruments have the patience for."""
    await asyncio.sleep(min(seconds, 0.05))


@contextmanager
def hurried() -> Generator[None]:
    """Have requests not wait for their turn, and give up soon."""
    with (
        patch.object(transport, "AsyncLimiter", lambda *_: AsyncLimiter(10_000, 1)),
        patch.object(transport, "_patience", _quickly),
        patch.dict(Context.__init__.__kwdefaults__, sleep=_nap),
    ):
        yield


@asynccontextmanager
async def moved_in(
    hass: HomeAssistant, providers: Iterable[str], disguise: Disguise | None = None
) -> AsyncGenerator[House]:
    """Furnish a Home Assistant with a simulator behind the proxy."""
    wanted = set(providers)
    for provider in wanted:
        # Imported under a frozen clock, shapes would be made for its own times.
        _LOGGER.debug("%s imported", PROVIDERS[provider].name)
    begun = datetime.now(UTC)
    # The tests have it watch itself, which takes most of the time.
    hass.loop.set_debug(False)
    with (
        watched_log() as log,
        hurried(),
        real_lines(),
        freeze_time(begun) as clock,
        # What waits for a line waits in real time.
        patch.object(hass.loop, "time", api.real_monotonic),
    ):
        async with (
            Simulator(cloud for cloud in CLOUDS if cloud.name in wanted) as simulator,
            FaultProxy(simulator, disguise) as proxy,
        ):
            yield House(hass, simulator, proxy, log, clock.tick)


@asynccontextmanager
async def house(providers: Iterable[str]) -> AsyncGenerator[House]:
    """Start a Home Assistant of its own."""
    with TemporaryDirectory(prefix="ev-charger-cloud-") as folder:
        async with async_test_home_assistant(config_dir=folder) as hass:
            hass.data.pop("custom_components", None)
            frame.async_setup(hass)
            for component in ("homeassistant", "network"):
                assert await async_setup_component(hass, component, {})
            async with moved_in(hass, providers) as furnished:
                yield furnished
                for entry in hass.config_entries.async_entries(DOMAIN):
                    await hass.config_entries.async_remove(entry.entry_id)
                await furnished.settle()
            await hass.async_stop(force=True)
