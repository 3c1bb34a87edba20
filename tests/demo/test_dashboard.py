"""The dashboard."""

from typing import Any

from demo.dashboard import URL_PATH, install


class Home:
    """Home Assistant, as far as dashboards go."""

    def __init__(self, *dashboards: str, system: dict[str, Any] | None = None) -> None:
        self.dashboards = list(dashboards)
        self.configs: dict[str, Any] = {}
        self.system = system

    async def command(self, kind: str, **fields: Any) -> Any:
        match kind:
            case "lovelace/dashboards/list":
                return [{"url_path": path} for path in self.dashboards]
            case "lovelace/dashboards/create":
                self.dashboards.append(fields["url_path"])
            case "lovelace/config/save":
                self.configs[fields["url_path"]] = fields["config"]
            case "frontend/get_system_data":
                return {"value": self.system}
            case "frontend/set_system_data":
                self.system = fields["value"]
            case _:
                raise AssertionError(kind)
        return None


async def test_everybody_begins_at_the_dashboard_that_makes_itself() -> None:
    home = Home("other", system={"theme": "night"})

    await install(home)

    assert home.dashboards == ["other", URL_PATH]
    assert home.configs == {URL_PATH: {"strategy": {"type": "custom:ev-charger-cloud"}}}
    assert home.system == {"theme": "night", "default_panel": URL_PATH}


async def test_a_dashboard_that_is_there_is_renewed() -> None:
    home = Home()
    await install(home)
    home.configs.clear()

    await install(home)

    assert home.dashboards == [URL_PATH]
    assert list(home.configs) == [URL_PATH]
