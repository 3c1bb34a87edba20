"""A Home Assistant to measure in, and accounts in it."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import logging
import tempfile
import time
from typing import Any
from unittest.mock import patch

from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
)

from custom_components.ev_charger_cloud import coordinator as integration
from custom_components.ev_charger_cloud.account import AccountCoordinator
from custom_components.ev_charger_cloud.const import DOMAIN, PLATFORMS
from custom_components.ev_charger_cloud.providers.base import Context
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er, frame
from homeassistant.helpers.entity import Entity
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .clouds import SimulatedCloud


@dataclass
class Clock:
    """The time that providers are given: the real one, and leaps."""

    ahead: float = 0.0

    def now(self) -> datetime:
        """Return the time that people see."""
        return dt_util.utcnow() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        """Return the time that spans are measured by."""
        return time.monotonic() + self.ahead

    def context(self, **given: Any) -> Context:
        """Make a provider's context with this time in it."""
        return Context(**{**given, "now": self.now, "monotonic": self.monotonic})


@asynccontextmanager
async def home() -> AsyncGenerator[HomeAssistant]:
    """Run a Home Assistant that has the platforms ready."""
    logging.getLogger("homeassistant").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        async with async_test_home_assistant(config_dir=folder) as hass:
            hass.data.pop("custom_components", None)
            frame.async_setup(hass)
            for component in ("homeassistant", "network", *PLATFORMS):
                await async_setup_component(hass, component, {})
            await hass.async_block_till_done()
            try:
                yield hass
            finally:
                await hass.async_stop(force=True)


@contextmanager
def everything_enabled() -> Iterator[None]:
    """Have entities enabled that are not by default."""
    enabled = property(lambda entity: True)
    with patch.object(Entity, "entity_registry_enabled_default", enabled):
        yield


@dataclass
class Fleet:
    """The accounts of one simulated cloud in a Home Assistant."""

    hass: HomeAssistant
    cloud: SimulatedCloud
    options: Mapping[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    entries: list[MockConfigEntry] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Add the accounts, not set up yet."""
        for number, credentials in enumerate(self.cloud.accounts):
            entry = MockConfigEntry(
                domain=DOMAIN,
                title=f"Benchmark {number}",
                unique_id=f"{self.cloud.name}_{number}",
                data={
                    "provider": self.cloud.name,
                    "key": f"{self.cloud.name}_{number}",
                    "base_url": self.cloud.base_url,
                    **credentials,
                },
                options={"all_chargers": True, **self.options},
            )
            entry.add_to_hass(self.hass)
            self.entries.append(entry)

    @property
    def coordinators(self) -> list[AccountCoordinator]:
        """Return who polls."""
        return [entry.runtime_data for entry in self.entries]

    @property
    def entities(self) -> int:
        """Return how many entities the accounts have in the registry."""
        registry = er.async_get(self.hass)
        return sum(
            len(er.async_entries_for_config_entry(registry, entry.entry_id))
            for entry in self.entries
        )

    async def set_up(self) -> None:
        """Set the accounts up."""
        with patch.object(integration, "Context", self.clock.context):
            for entry in self.entries:
                # The first one sets up the integration, and with it the others.
                if entry.state is ConfigEntryState.NOT_LOADED:
                    await self.hass.config_entries.async_setup(entry.entry_id)
        await self.hass.async_block_till_done()
        for entry in self.entries:
            if entry.state is not ConfigEntryState.LOADED:
                raise SystemExit(f"{self.cloud.name} is not set up: {entry.reason}")

    async def cycle(self) -> None:
        """Poll each account once, and do what follows from it."""
        for coordinator in self.coordinators:
            await coordinator.async_refresh()
        await self.hass.async_block_till_done()

    async def wait(self, seconds: float | None = None) -> None:
        """Let time pass until the next poll, or so long."""
        if seconds is None:
            seconds = max(
                each.update_interval.total_seconds()
                for each in self.coordinators
                if each.update_interval is not None
            )
        self.clock.ahead += seconds
        await self.cloud.tell("step", seconds)

    async def unload(self) -> None:
        """Unload the accounts."""
        for entry in self.entries:
            await self.hass.config_entries.async_unload(entry.entry_id)
        await self.hass.async_block_till_done()
