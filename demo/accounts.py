"""One account per provider, added the way a person adds it.

This is the one place where providers are named.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from .errors import DemoError
from .home import Home
from .process import DOMAIN

_FLOW = "/api/config/config_entries/flow"
_OPTIONS_FLOW = "/api/config/config_entries/options/flow"

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    # Only then may the integration stop and start: it is a limit of 0 A there.
    "clemap": {"allow_pause": True},
    # A remote start needs a card; what a session costs nobody there knows.
    "plugchoice": {"id_token": "04A1B2C3D4", "price": 0.3},
}
"""What is set in the options after an account was added."""

QUIRKS: Mapping[str, Mapping[str, Any]] = {
    # What is read may be a minute old otherwise, and who watches wants to see.
    "amps": {"expedite_seconds": 1.0},
    # The way from the cloud over the device on site to the station is long.
    "clemap": {
        "connected_seconds": 1.0,
        "starting_seconds": 1.0,
        "reach_seconds": 1.0,
        "refresh_seconds": 2.0,
    },
}
"""How a simulated cloud is made to differ from its usual self."""


CALLING = frozenset({"ampeco"})
"""Which simulated clouds call Home Assistant back."""


async def providers(home: Home) -> list[str]:
    """Return the providers that the config flow offers."""
    flow = await home.request("POST", _FLOW, {"handler": DOMAIN})
    await home.request("DELETE", f"{_FLOW}/{flow['flow_id']}")
    return list(flow["menu_options"])


async def add(home: Home, provider: str, known: Mapping[str, Any]) -> str | None:
    """Add an account with what is known of it; return its title.

    None says that it was there already.
    """
    flow = await home.request("POST", _FLOW, {"handler": DOMAIN})
    answer: Mapping[str, Any] = {"next_step_id": provider}
    seen: set[str] = set()
    while (flow := await home.request("POST", f"{_FLOW}/{flow['flow_id']}", answer))[
        "type"
    ] == "form":
        if flow["errors"] or flow["step_id"] in seen:
            raise DemoError(f"{provider}: {flow['step_id']}: {flow['errors']}")
        seen.add(flow["step_id"])
        answer = filled(flow["data_schema"], known)
    if flow["type"] == "create_entry":
        entry = flow["result"]
        if wanted := OPTIONS.get(provider):
            await _set_options(home, entry["entry_id"], wanted)
        return str(entry["title"])
    if flow.get("reason") != "already_configured":
        raise DemoError(f"{provider}: {flow.get('reason') or flow['type']}")
    return None


async def _set_options(home: Home, entry_id: str, wanted: Mapping[str, Any]) -> None:
    """Change options, and wait until the account has taken them."""
    flow = await home.request("POST", _OPTIONS_FLOW, {"handler": entry_id})
    answer = filled(flow["data_schema"], wanted)
    flow = await home.request("POST", f"{_OPTIONS_FLOW}/{flow['flow_id']}", answer)
    if flow["type"] != "create_entry":
        raise DemoError(f"The options are refused: {flow.get('errors')}")
    # The reload that follows by itself is not announced; one more is waited for.
    await home.request("POST", f"/api/config/config_entries/entry/{entry_id}/reload")


def filled(
    schema: Iterable[Mapping[str, Any]], known: Mapping[str, Any]
) -> dict[str, Any]:
    """Fill a form with what is known, and else leave what it suggests."""
    answer = {}
    for field in schema:
        name, suggested = field["name"], field.get("description") or {}
        if name in known:
            answer[name] = known[name]
        elif "default" in field:
            answer[name] = field["default"]
        elif "suggested_value" in suggested:
            answer[name] = suggested["suggested_value"]
        elif field.get("required"):
            options = field.get("selector", {}).get("select", {}).get("options")
            if not options:
                raise DemoError(f"Nobody knows what to answer to {name!r}.")
            answer[name] = options[0]["value"]
    return answer
