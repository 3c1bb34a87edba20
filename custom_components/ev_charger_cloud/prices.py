"""What a kilowatt-hour cost in an hour, where the cloud does not say what a session did.

The user states a price, or has a sensor of one, which the recorder remembers.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from homeassistant.components.recorder import get_instance
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, UnitOfEnergy
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .charging.energy_hours import HOUR
from .const import CONF_PRICE, CONF_PRICE_SENSOR

_PER_KWH = f"/{UnitOfEnergy.KILO_WATT_HOUR}"

# For so long after an hour its price is taken to be still the present one.
_RECENT = timedelta(hours=2)


def has_price(options: Mapping[str, Any]) -> bool:
    """Return whether the user wants costs by a price."""
    return options.get(CONF_PRICE) is not None or bool(options.get(CONF_PRICE_SENSOR))


async def async_prices(
    hass: HomeAssistant, options: Mapping[str, Any], hours: Collection[datetime]
) -> tuple[dict[datetime, float], str] | None:
    """Return the price per kWh in each of some hours, and its currency.

    None where there is none, or not for each of them.
    """
    if not hours:
        return None
    if entity_id := options.get(CONF_PRICE_SENSOR):
        return await _of_sensor(hass, entity_id, hours)
    if (price := options.get(CONF_PRICE)) is None:
        return None
    return dict.fromkeys(hours, float(price)), hass.config.currency


async def _of_sensor(
    hass: HomeAssistant, entity_id: str, hours: Collection[datetime]
) -> tuple[dict[datetime, float], str] | None:
    """Return what a sensor showed in each hour on average."""
    state = hass.states.get(entity_id)
    unit = "" if state is None else state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, "")
    if state is None or not str(unit).endswith(_PER_KWH):
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
    now = dt_util.utcnow()
    for hour in hours:
        if hour not in prices:
            if now - hour > HOUR + _RECENT:
                return None
            try:
                prices[hour] = float(state.state)
            except ValueError:
                return None
    return {hour: prices[hour] for hour in hours}, str(unit).removesuffix(_PER_KWH)
