"""Names and numbers of the integration."""

from datetime import timedelta

from homeassistant.const import Platform

DOMAIN = "ev_charger_cloud"

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.CALENDAR,
    Platform.DATETIME,
    Platform.EVENT,
    Platform.LOCK,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
]

CONF_PROVIDER = "provider"
CONF_ACCOUNT_ID = "account_id"
CONF_ALL_CHARGERS = "all_chargers"
CONF_ALLOW_HTTP = "allow_http"
CONF_BASE_URL = "base_url"
CONF_CHARGERS = "chargers"
CONF_CONNECTOR_PRICES = "connector_prices"
CONF_ENTITIES = "entities"
CONF_GROUPS = "groups"
CONF_KEEP = "keep"
CONF_KEY = "key"
CONF_PACE = "pace"
CONF_PRICE = "price"
CONF_PRICE_SENSOR = "price_sensor"

# What the user's choice of pace does to the interval that a provider proposes.
PACES = {"relaxed": 2.0, "normal": 1.0, "quick": 0.5}
DEFAULT_PACE = "normal"
MINIMUM_INTERVAL = timedelta(seconds=3)

# Home Assistant takes 10,000 entities an account and no more. Of an account with more
# devices than this only the essential ones are made, unless the user wants all.
LARGE_FLEET = 250
ENTITIES_AUTOMATIC = "automatic"
ENTITIES_ALL = "all"
ENTITIES_ESSENTIAL = "essential"

# After a command the charger is read at once and then at these times (s), until what
# was asked shows.
FOLLOW_UPS = (2, 5, 15, 30)

# How long a request that moves money is refused after its answer was lost.
MONEY_GUARD = timedelta(minutes=10)

# How long after a first "not authorized" a second one is believed.
SECOND_OPINION = timedelta(seconds=20)

# What happened at a charger, on Home Assistant's event bus.
EVENT_CHARGING = f"{DOMAIN}_event"

# A cloud in trouble: how many polls in a row, and for how long, may fail before
# entities are unavailable; and how far polls are spread meanwhile.
TOLERATED_FAILURES = 2
TOLERATED_SILENCE = timedelta(minutes=15)
MAXIMUM_INTERVAL = timedelta(minutes=15)
LONGEST_WAIT = timedelta(hours=1)
