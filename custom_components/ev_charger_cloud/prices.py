"""What a kilowatt-hour costs in an hour, where the user knows better than the cloud.

The user states a price, or has a sensor of one, which the recorder remembers: for the
account, or for one connector.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from homeassistant.components.recorder import get_instance
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, UnitOfEnergy
from homeassistant.core import HomeAssistant, callback
from homeassistant.generated.currencies import ACTIVE_CURRENCIES
from homeassistant.util import dt as dt_util

from .charging.energy_hours import HOUR
from .const import CONF_CONNECTOR_PRICES, CONF_PRICE, CONF_PRICE_SENSOR

_PER_KWH = f"/{UnitOfEnergy.KILO_WATT_HOUR}"

# Signs that sensors use for a currency, and which it may be.
_SIGNS = {
    "€": ("EUR",),
    "£": ("GBP",),
    "zł": ("PLN",),
    "kr": ("DKK", "NOK", "SEK"),
    "$": ("USD", "AUD", "CAD", "NZD"),
}

# For so long after an hour its price is taken to be still the present one.
_RECENT = timedelta(hours=2)

type StatedPrice = Mapping[str, Any]
"""A fixed price or a sensor of one; empty where the cloud's own cost counts."""


def price_of(options: Mapping[str, Any], device_id: str) -> StatedPrice:
    """Return what the user stated for a device: its own price, else the account's."""
    stated = options.get(CONF_CONNECTOR_PRICES, {}).get(device_id, options)
    return {
        key: stated[key]
        for key in (CONF_PRICE, CONF_PRICE_SENSOR)
        if stated.get(key) is not None
    }


def states_price(options: Mapping[str, Any]) -> bool:
    """Return whether the user stated a price of anything."""
    return any(
        price_of(options, device_id)
        for device_id in ("", *options.get(CONF_CONNECTOR_PRICES, {}))
    )


@callback
def currency_of(hass: HomeAssistant, unit: object) -> str | None:
    """Return the currency (ISO 4217) of a price per kWh, None if it is no such unit."""
    text = str(unit)
    if not text.endswith(_PER_KWH):
        return None
    word = text.removesuffix(_PER_KWH)
    if word in ACTIVE_CURRENCIES:
        return word
    candidates = _SIGNS.get(word, ())
    house = hass.config.currency
    return house if house in candidates else next(iter(candidates), None)


@callback
def price_now(hass: HomeAssistant, stated: StatedPrice) -> tuple[float, str] | None:
    """Return the present price per kWh and its currency, None while nobody knows."""
    if entity_id := stated.get(CONF_PRICE_SENSOR):
        state = hass.states.get(entity_id)
        unit = state and state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
        if state is None or (currency := currency_of(hass, unit)) is None:
            return None
        try:
            return float(state.state), currency
        except ValueError:
            return None
    if CONF_PRICE in stated:
        return float(stated[CONF_PRICE]), hass.config.currency
    return None


async def async_prices(
    hass: HomeAssistant, stated: StatedPrice, hours: Collection[datetime]
) -> tuple[dict[datetime, float], str] | None:
    """Return the prices per kWh of those hours that have one, and their currency.

    None where no price is stated, or its sensor shows none.
    """
    entity_id = stated.get(CONF_PRICE_SENSOR)
    if entity_id is None:
        now = price_now(hass, stated)
        return now and (dict.fromkeys(hours, now[0]), now[1])
    state = hass.states.get(entity_id)
    unit = state and state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    if (currency := currency_of(hass, unit)) is None or not hours:
        return None
    prices: dict[datetime, float] = {}
    if "recorder" in hass.config.components:
        found = await get_instance(hass).async_add_executor_job(
            statistics_during_period,
            hass,
            min(hours),
            max(hours) + HOUR,
            {entity_id},
            "hour",
            None,
            {"mean"},
        )
        for row in found.get(entity_id, ()):
            if (mean := row.get("mean")) is not None:
                prices[dt_util.utc_from_timestamp(row["start"])] = mean
    # Of the last hours there may be no mean yet.
    if (now := price_now(hass, stated)) is not None:
        recent = dt_util.utcnow() - HOUR - _RECENT
        for hour in hours:
            if hour >= recent:
                prices.setdefault(hour, now[0])
    return {hour: prices[hour] for hour in hours if hour in prices}, currency
