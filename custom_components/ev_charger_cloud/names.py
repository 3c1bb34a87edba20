"""Names that come from us rather than from a cloud, in the language of the house."""

from collections import defaultdict
from collections.abc import Mapping

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import translation

from .charging import Name
from .const import DOMAIN

# Hassfest knows no section for these: they are options of a selector without a form.
_FEATURE = f"component.{DOMAIN}.selector.feature.options."
_EXPORT = f"component.{DOMAIN}.selector.export.options."
_SESSION = f"component.{DOMAIN}.selector.session.options."
_PLANNED = f"component.{DOMAIN}.selector.planned.options."
_STATISTIC = f"component.{DOMAIN}.selector.statistic.options."
_PUSH = f"component.{DOMAIN}.selector.push_state.options."


async def async_load_names(hass: HomeAssistant) -> None:
    """Have the texts at hand, also before there is any account."""
    await translation.async_get_translations(
        hass, hass.config.language, "device", {DOMAIN}
    )


@callback
def async_device_name(hass: HomeAssistant, name: Name, charger: str = "") -> str:
    """Return the name of a device; `charger` is what its parent is called."""
    texts = _texts(hass, "device")
    text = texts.get(f"component.{DOMAIN}.device.{name.key}.name", name.key)
    return _filled(text, {"charger": charger, **name.placeholders})


@callback
def async_feature_name(hass: HomeAssistant, name: Name) -> str | None:
    """Return the name of a feature of a cloud, None if there is no such feature."""
    text = _texts(hass, "selector").get(f"{_FEATURE}{name.key}")
    return None if text is None else _filled(text, name.placeholders)


@callback
def async_statistic_name(hass: HomeAssistant, key: str, charger: str) -> str:
    """Return what a statistic of a charger is called."""
    text = _texts(hass, "selector").get(f"{_STATISTIC}{key}", "{charger}")
    return _filled(text, {"charger": charger})


@callback
def async_export_titles(hass: HomeAssistant) -> dict[str, str]:
    """Return the titles of the columns of an export."""
    return {
        key.removeprefix(_EXPORT): text
        for key, text in _texts(hass, "selector").items()
        if key.startswith(_EXPORT)
    }


@callback
def async_session_text(
    hass: HomeAssistant, key: str, placeholders: Mapping[str, str]
) -> str:
    """Return what a session is called in a calendar."""
    return _filled(_texts(hass, "selector").get(f"{_SESSION}{key}", ""), placeholders)


@callback
def async_planned_text(hass: HomeAssistant, key: str) -> str:
    """Return what something planned is called in a calendar."""
    return _texts(hass, "selector").get(f"{_PLANNED}{key}", "")


@callback
def async_push_text(hass: HomeAssistant, state: str, address: str | None) -> str:
    """Return whether callbacks come, in words."""
    text = _texts(hass, "selector").get(f"{_PUSH}{state}", "")
    return _filled(text, {"address": address or ""})


def _texts(hass: HomeAssistant, category: str) -> Mapping[str, str]:
    """Return the texts of a section."""
    return translation.async_get_cached_translations(
        hass, hass.config.language, category, DOMAIN
    )


def _filled(text: str, placeholders: Mapping[str, str]) -> str:
    """Fill in what a name is made of."""
    return text.format_map(defaultdict(str, placeholders)).strip()
