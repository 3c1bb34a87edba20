"""The module with the card and the dashboard: served, and made known to dashboards."""

import logging
from pathlib import Path
from typing import Any

import voluptuous as vol

from homeassistant.components.http import StaticPathConfig
from homeassistant.components.lovelace.const import LOVELACE_DATA
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.loader import async_get_integration

from .const import DOMAIN

_LOGGER = logging.getLogger(__name__)

MODULE = "ev-charger-cloud.js"

# Browsers keep what has a version in its path, together with all that it imports. The
# other path is for dashboards in YAML mode, where people write the address themselves.
_VERSIONED = f"/{DOMAIN}/v/"
UNVERSIONED_URL = f"/{DOMAIN}/frontend/{MODULE}"

_FOLDER = Path(__file__).parent / "frontend"

# The collection of resources is no interface that Home Assistant promises to keep.
_SURPRISES = (AttributeError, KeyError, TypeError, HomeAssistantError, vol.Invalid)


async def async_serve_module(hass: HomeAssistant) -> None:
    """Serve the module's files; nothing takes that back in this run."""
    await hass.http.async_register_static_paths(
        [
            StaticPathConfig(f"{_VERSIONED}{await _version(hass)}", str(_FOLDER), True),
            StaticPathConfig(f"/{DOMAIN}/frontend", str(_FOLDER), False),
        ]
    )


async def async_add_resource(hass: HomeAssistant) -> None:
    """Have dashboards load the module of this version, and no other."""
    url = f"{_VERSIONED}{await _version(hass)}/{MODULE}"
    try:
        resources = await _resources(hass)
        if resources is None:
            return
        ours = _ours(resources)
        if not ours:
            await resources.async_create_item({"res_type": "module", "url": url})
        for number, item in enumerate(ours):
            if number:
                await resources.async_delete_item(item["id"])
            elif item["url"] != url:
                await resources.async_update_item(item["id"], {"url": url})
    except _SURPRISES as err:
        _LOGGER.warning(
            "The charger card could not be added to the dashboards' resources (%s). "
            "Add %s as a JavaScript module",
            type(err).__name__,
            UNVERSIONED_URL,
        )


async def async_remove_resource(hass: HomeAssistant) -> None:
    """Have dashboards forget the module."""
    try:
        resources = await _resources(hass)
        if resources is not None:
            for item in _ours(resources):
                await resources.async_delete_item(item["id"])
    except _SURPRISES as err:
        _LOGGER.warning(
            "The charger card could not be taken out of the dashboards' resources (%s)",
            type(err).__name__,
        )


async def async_resource_state(hass: HomeAssistant) -> str:
    """Return whether dashboards load the module, in a word or two."""
    try:
        resources = await _resources(hass)
        if resources is None:
            return "dashboards in YAML mode"
        return "loaded" if _ours(resources) else "missing"
    except _SURPRISES:
        return "unknown"


async def _version(hass: HomeAssistant) -> str:
    """Return the version of the integration."""
    return str((await async_get_integration(hass, DOMAIN)).version)


async def _resources(hass: HomeAssistant) -> Any:
    """Return the collection of resources, None where nothing can be written to it."""
    data = hass.data.get(LOVELACE_DATA)
    if data is None or data.resource_mode != "storage":
        return None
    # It is empty until it was loaded, and would be saved so.
    await data.resources.async_get_info()
    return data.resources


def _ours(resources: Any) -> list[dict[str, Any]]:
    """Return the resources whose path is ours and has a version."""
    return [
        item for item in resources.async_items() if item["url"].startswith(_VERSIONED)
    ]
