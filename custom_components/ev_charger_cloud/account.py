"""What runs for one account."""

from collections.abc import Iterable
from functools import partial
from typing import Self, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from .charger_issues import ChargerIssues
from .charging import Device, Event
from .command_queue import CommandQueue
from .const import DOMAIN
from .coordinator import ChargingCoordinator
from .energy_dashboard import async_check
from .ledger import Ledger
from .push import PushReceiver
from .session_history import SessionHistory
from .statistics import SessionStatistics
from .store import AccountStore

type ChargerConfigEntry = ConfigEntry[AccountCoordinator]


class AccountCoordinator(ChargingCoordinator):
    """The coordinator of an account, and what runs beside its polls."""

    config_entry: ChargerConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ChargerConfigEntry,
        store: AccountStore,
        ledger: Ledger,
    ) -> None:
        """Prepare; nothing runs yet."""
        super().__init__(hass, entry, store)
        self.ledger = ledger
        self.commands = CommandQueue(hass, self)
        self.issues = ChargerIssues(hass, self)
        self.history = SessionHistory(hass, entry, self, ledger)
        self.statistics = SessionStatistics(
            hass, self, ledger, partial(async_check, hass, self, ledger)
        )
        self.push = PushReceiver(hass, entry, self)

    @classmethod
    async def load(cls, hass: HomeAssistant, entry: ChargerConfigEntry) -> Self:
        """Return an account with what earlier runs have kept of it."""
        store = await AccountStore.load(hass, entry)
        return cls(hass, entry, store, await Ledger.load(hass, entry))

    @override
    @callback
    def report_events(self, events: Iterable[Event]) -> None:
        """Tell what happened, a session's end with its cost by the user's price."""
        super().report_events(map(self.history.priced, events))

    @override
    async def async_close(self) -> None:
        """End everything, and write what must not be forgotten."""
        if self._unloaded:
            return
        self.push.async_unregister()
        self.commands.close()
        self.issues.close()
        await super().async_close()
        self.statistics.close()
        await self.history.close()


@callback
def async_device_at(hass: HomeAssistant, registry_id: str) -> Device | None:
    """Return the device of a loaded account behind an entry of the device registry."""
    entries: list[ChargerConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    for entry in entries:
        if (device := entry.runtime_data.device_of(registry_id)) is not None:
            return device
    return None
