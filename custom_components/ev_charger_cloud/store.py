"""What an account must not forget over a restart."""

from collections.abc import MutableMapping
from typing import Any, Self

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from .const import DOMAIN

_VERSION = 1
_DELAY = 1  # s


class AccountStore:
    """What users asked of an account, written soon after each change."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Prepare; nothing is read yet."""
        self._store: Store[dict[str, Any]] = Store(
            hass, _VERSION, f"{DOMAIN}.{entry.entry_id}", private=True
        )
        self._unsaved = False
        self.content: MutableMapping[str, Any] = {}

    @classmethod
    async def load(cls, hass: HomeAssistant, entry: ConfigEntry) -> Self:
        """Recall what an earlier run wrote."""
        store = cls(hass, entry)
        store.content = await store._store.async_load() or {}
        return store

    @callback
    def save(self) -> None:
        """Have the content written soon."""
        self._unsaved = True
        self._store.async_delay_save(self._written, _DELAY)

    async def flush(self) -> None:
        """Write what is not written yet: who comes next reads it at once."""
        if self._unsaved:
            await self._store.async_save(self._written())

    async def remove(self) -> None:
        """Forget everything."""
        self._unsaved = False
        await self._store.async_remove()

    def _written(self) -> dict[str, Any]:
        """Return what is written."""
        self._unsaved = False
        return dict(self.content)
