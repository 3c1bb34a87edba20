"""The provider in use, and no other, is imported, and not in the event loop."""

from homeassistant.core import HomeAssistant

from .providers import PROVIDERS
from .providers.base import ProviderDescription


async def async_import_provider(hass: HomeAssistant, key: str) -> ProviderDescription:
    """Return a provider's row in the registry."""
    if PROVIDERS.imported(key):
        return PROVIDERS[key]
    return await hass.async_add_import_executor_job(PROVIDERS.__getitem__, key)
