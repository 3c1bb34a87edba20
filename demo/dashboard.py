"""A dashboard of the chargers, the first page that Home Assistant shows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .chargers import LIMITS, Charger, Entity
from .home import Home
from .process import DOMAIN

URL_PATH = "ev-chargers"

_TITLE = "EV chargers"
_ICON = "mdi:ev-station"

_HOURS = 0.1  # so that a curve shows soon
_HALF, _WIDE = {"columns": 6}, {"columns": 12}
_SMALL = (
    ("sensor", "status", "blue"),
    ("binary_sensor", "plug", "blue"),
    ("switch", "charging", "green"),
    ("sensor", "session_energy", "teal"),
)

type Card = dict[str, Any]


async def install(
    home: Home, chargers: Iterable[Charger], names: Mapping[str, str]
) -> None:
    """Create or renew the dashboard, and have everybody begin there."""
    dashboards = await home.command("lovelace/dashboards/list")
    if all(dashboard["url_path"] != URL_PATH for dashboard in dashboards):
        await home.command(
            "lovelace/dashboards/create",
            url_path=URL_PATH,
            title=_TITLE,
            icon=_ICON,
            show_in_sidebar=True,
            require_admin=False,
        )
    config = configuration(chargers, names)
    await home.command("lovelace/config/save", url_path=URL_PATH, config=config)
    data = await home.command("frontend/get_system_data", key="core")
    value = (data["value"] or {}) | {"default_panel": URL_PATH}
    await home.command("frontend/set_system_data", key="core", value=value)


async def provider_names(home: Home) -> dict[str, str]:
    """Return what the providers are called in the config flow."""
    answer = await home.command(
        "frontend/get_translations",
        language="en",
        category="config",
        integration=[DOMAIN],
        config_flow=True,
    )
    start = f"component.{DOMAIN}.config.step.user.menu_options."
    return {
        key.removeprefix(start): text
        for key, text in answer["resources"].items()
        if key.startswith(start)
    }


def configuration(
    chargers: Iterable[Charger], names: Mapping[str, str]
) -> dict[str, Any]:
    """Return the dashboard: a section for each charger that has a status."""
    return {
        "views": [
            {
                "title": _TITLE,
                "path": "chargers",
                "icon": _ICON,
                "type": "sections",
                "max_columns": 4,
                "sections": [
                    {"type": "grid", "cards": list(_cards(charger, names))}
                    for charger in _mixed(chargers)
                ],
            }
        ]
    }


def _mixed(chargers: Iterable[Charger]) -> list[Charger]:
    """Return the chargers with a status: each provider's first, then the seconds."""
    met = Counter[str]()
    turns: list[tuple[int, Charger]] = []
    for charger in chargers:
        if charger.entity("sensor", "status"):
            turns.append((met[charger.provider], charger))
            met[charger.provider] += 1
    return [charger for _, charger in sorted(turns, key=lambda turn: turn[0])]


def _cards(charger: Charger, names: Mapping[str, str]) -> Iterator[Card]:
    """Yield the cards of a charger, those that it has entities for."""
    provider = names.get(charger.provider, charger.provider)
    yield {
        "type": "heading",
        "heading": f"{charger.title} · {provider}",
        "icon": _ICON,
    }
    small = [
        _tile(entity, color)
        for domain, key, color in _SMALL
        if (entity := charger.entity(domain, key))
    ]
    if len(small) % 2:
        small[-1]["grid_options"] = _WIDE
    yield from small
    if power := charger.entity("sensor", "power"):
        yield _tile(power, "amber", {"type": "trend-graph", "hours_to_show": _HOURS})
    if limit := charger.entity("number", *LIMITS):
        yield _tile(limit, "purple", {"type": "numeric-input", "style": "slider"})


def _tile(entity: Entity, color: str, feature: Card | None = None) -> Card:
    """Return a tile; one with a feature takes the whole width."""
    tile: Card = {
        "type": "tile",
        "entity": entity.id,
        "name": entity.name,
        "color": color,
        "grid_options": _WIDE if feature else _HALF,
    }
    return tile | {"features": [feature]} if feature else tile
