"""The dashboard that the integration ships, the first page that Home Assistant shows."""

from .home import Home

URL_PATH = "ev-chargers"

_TITLE = "EV chargers"
_ICON = "mdi:ev-station"
_STRATEGY = {"strategy": {"type": "custom:ev-charger-cloud"}}


async def install(home: Home) -> None:
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
    await home.command("lovelace/config/save", url_path=URL_PATH, config=_STRATEGY)
    data = await home.command("frontend/get_system_data", key="core")
    value = (data["value"] or {}) | {"default_panel": URL_PATH}
    await home.command("frontend/set_system_data", key="core", value=value)
