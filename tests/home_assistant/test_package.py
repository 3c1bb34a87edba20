"""What hassfest, HACS and the house rules say about the files themselves."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from graphlib import TopologicalSorter
from importlib import import_module
import json
from pathlib import Path
import re
import struct
import sys
from typing import Any

import pytest
import voluptuous as vol
import yaml

from custom_components.ev_charger_cloud.binary_sensor import BINARY_SENSORS
from custom_components.ev_charger_cloud.button import BUTTONS
from custom_components.ev_charger_cloud.calendar import CALENDARS, PLANNED
from custom_components.ev_charger_cloud.charger_issues import (
    SESSION_LINGERS,
    START_CARD_MISSING,
    VEHICLE_ASLEEP,
)
from custom_components.ev_charger_cloud.charging import (
    Command,
    Control,
    NoticeKind,
    Reading,
    Refusal,
)
from custom_components.ev_charger_cloud.condition import CONDITIONS
from custom_components.ev_charger_cloud.config_flow import ChargerConfigFlow
from custom_components.ev_charger_cloud.const import (
    CONF_ALL_CHARGERS,
    CONF_ALLOW_HTTP,
    CONF_CHARGERS,
    CONF_CONNECTOR_PRICES,
    CONF_ENTITIES,
    CONF_GROUPS,
    CONF_PACE,
    CONF_PRICE,
    CONF_PRICE_SENSOR,
    DOMAIN,
    ENTITIES_ALL,
    ENTITIES_AUTOMATIC,
    ENTITIES_ESSENTIAL,
    PACES,
    PLATFORMS,
)
from custom_components.ev_charger_cloud.datetime import DATETIMES
from custom_components.ev_charger_cloud.energy_dashboard import (
    COUNTED_TWICE,
    NOT_IN_DASHBOARD,
)
from custom_components.ev_charger_cloud.error_translation import _KEYS, placeholders_of
from custom_components.ev_charger_cloud.event import EVENTS
from custom_components.ev_charger_cloud.issues import ENTITIES_LEFT_OUT
from custom_components.ev_charger_cloud.lock import LOCKS
from custom_components.ev_charger_cloud.number import NUMBERS
from custom_components.ev_charger_cloud.providers import PROVIDERS
from custom_components.ev_charger_cloud.providers.base import FieldKind
from custom_components.ev_charger_cloud.push import PushState
from custom_components.ev_charger_cloud.select import SELECTS
from custom_components.ev_charger_cloud.sensor import SENSORS
from custom_components.ev_charger_cloud.service_commands import COMMAND_ACTIONS
from custom_components.ev_charger_cloud.services import (
    COMMAND_SCHEMA,
    EXPORT_SCHEMA,
    PROFILES_SCHEMA,
    RESOURCE_SCHEMAS,
    SESSION_SCHEMA,
    SESSIONS_SCHEMA,
)
from custom_components.ev_charger_cloud.session_sensor import (
    ESTIMATED_ENERGY,
    MONTH,
    SESSION_COST,
)
from custom_components.ev_charger_cloud.switch import SWITCHES
from custom_components.ev_charger_cloud.trigger import TRIGGERS
import homeassistant.components as core_components
from homeassistant.const import Platform
from homeassistant.helpers.entity import EntityDescription

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "custom_components" / DOMAIN
PACKAGE_NAME = f"custom_components.{DOMAIN}"
TOP_FLOOR = sorted(PACKAGE.glob("*.py"))
TRANSLATIONS = sorted((PACKAGE / "translations").glob("*.json"))


def load(name: str) -> dict[str, Any]:
    """Read a JSON file of the package."""
    content: dict[str, Any] = json.loads((PACKAGE / name).read_text("utf-8"))
    return content


MANIFEST = load("manifest.json")
ICONS = load("icons.json")
TEXTS = load("translations/en.json")
SERVICES: dict[str, Any] = yaml.safe_load((PACKAGE / "services.yaml").read_text())
DESCRIPTIONS: dict[Platform, tuple[EntityDescription, ...]] = {
    Platform.BINARY_SENSOR: BINARY_SENSORS,
    Platform.BUTTON: BUTTONS,
    Platform.CALENDAR: (*CALENDARS, *PLANNED),
    Platform.DATETIME: DATETIMES,
    Platform.EVENT: EVENTS,
    Platform.LOCK: LOCKS,
    Platform.NUMBER: NUMBERS,
    Platform.SELECT: SELECTS,
    Platform.SENSOR: (*SENSORS, *SESSION_COST, *ESTIMATED_ENERGY, *MONTH),
    Platform.SWITCH: SWITCHES,
}


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Walk the texts of a translation."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    else:
        yield path, tree


def placeholders(text: str) -> set[str]:
    """Return the placeholders of a text."""
    return set(re.findall(r"\{([^{}]*)\}", text))


def keys_of(tree: Mapping[str, Any]) -> Iterator[str]:
    """Walk the keys of a translation."""
    for key, value in tree.items():
        yield key
        if isinstance(value, Mapping):
            yield from keys_of(value)


def files_below(folder: Path) -> Iterator[Path]:
    """Walk the repository's own files: no caches, no virtual environments.

    Nor what a link leads to, such as the demo's to the integration.
    """
    for path in folder.iterdir():
        if path.is_symlink():
            continue
        if path.is_dir():
            if not path.name.startswith((".", "__", "venv", "node_modules")):
                yield from files_below(path)
        else:
            yield path


class TestManifest:
    """What hassfest asks of the manifest."""

    ALLOWED = {
        "after_dependencies",
        "codeowners",
        "config_flow",
        "dependencies",
        "documentation",
        "domain",
        "import_executor",
        "integration_type",
        "iot_class",
        "issue_tracker",
        "loggers",
        "name",
        "quality_scale",
        "requirements",
        "single_config_entry",
        "version",
    }
    REQUIRED = {
        "codeowners",
        "documentation",
        "domain",
        "integration_type",
        "iot_class",
        "issue_tracker",
        "name",
        "version",
    }

    def test_keys(self) -> None:
        """Only keys that hassfest knows; those it and HACS need are there."""
        assert MANIFEST.keys() <= self.ALLOWED
        assert MANIFEST.keys() >= self.REQUIRED

    def test_order(self) -> None:
        """Domain and name come first, all else alphabetically."""
        first, second, *rest = MANIFEST
        assert (first, second) == ("domain", "name")
        assert rest == sorted(rest)

    def test_values(self) -> None:
        """Each value is of the form that is asked for."""
        assert MANIFEST["domain"] == DOMAIN == PACKAGE.name
        assert MANIFEST["config_flow"] is True
        assert MANIFEST["integration_type"] == "hub"
        assert MANIFEST["iot_class"] == "cloud_polling"
        assert re.fullmatch(r"\d+\.\d+\.\d+", MANIFEST["version"])
        assert all(owner.startswith("@") for owner in MANIFEST["codeowners"])
        for key in ("documentation", "issue_tracker"):
            assert MANIFEST[key].startswith("https://")
            assert "home-assistant.io" not in MANIFEST[key]

    def test_name(self) -> None:
        """Who searches for a cloud finds us; elsewhere the short name is shown.

        *Add integration* searches the name and the domain, and overlooks what begins
        further on than its twentieth letter, so one of the clouds has to stay without.
        """
        names = [row.name for row in PROVIDERS.values()]
        assert all(name in MANIFEST["name"] for name in names)
        found = [name for name in names if MANIFEST["name"].index(name) <= 20]
        assert len(found) == len(names) - 1
        for path in TRANSLATIONS:
            title = json.loads(path.read_text("utf-8"))["title"]
            assert title == "EV Charger Cloud"
            assert MANIFEST["name"].endswith(title)

    def test_only_one_in_the_repository(self) -> None:
        """Hassfest takes every folder with a manifest.json for an integration."""
        found = [
            path for path in files_below(REPOSITORY) if path.name == "manifest.json"
        ]
        assert found == [PACKAGE / "manifest.json"]


class TestHacs:
    """What HACS asks of the repository."""

    ALLOWED = {
        "content_in_root",
        "country",
        "filename",
        "hacs",
        "hide_default_branch",
        "homeassistant",
        "name",
        "persistent_directory",
        "render_readme",
        "zip_release",
    }

    def test_one_integration(self) -> None:
        """HACS installs exactly one folder below custom_components."""
        folders = [
            path.name
            for path in PACKAGE.parent.iterdir()
            if path.is_dir() and path.name != "__pycache__"
        ]
        assert folders == [DOMAIN]

    def test_hacs_json(self) -> None:
        """It names the integration, what to download and since when it works."""
        hacs = json.loads((REPOSITORY / "hacs.json").read_text())
        assert hacs.keys() <= self.ALLOWED
        assert hacs["name"] == TEXTS["title"]
        assert hacs["zip_release"] is True
        assert hacs["filename"] == f"{DOMAIN}.zip"
        assert re.fullmatch(r"\d{4}\.\d{1,2}\.\d+", hacs["homeassistant"])

    def test_page_of_the_repository(self) -> None:
        """It is described, has topics, takes issues and has a license."""
        settings = yaml.safe_load((REPOSITORY / ".github/settings.yml").read_text())
        repository = settings["repository"]
        assert repository["description"]
        assert repository["has_issues"] is True
        topics = repository["topics"].split(", ")
        assert all(re.fullmatch(r"[a-z0-9-]{1,50}", topic) for topic in topics)
        assert len(topics) <= 20
        assert (REPOSITORY / "LICENSE").read_text().startswith("MIT License")
        assert (REPOSITORY / "README.md").exists()

    @pytest.mark.parametrize("theme", ["", "dark_"])
    @pytest.mark.parametrize(
        ("image", "shortest"), [("icon", 256), ("logo", 256)], ids=["icon", "logo"]
    )
    @pytest.mark.parametrize("scale", [1, 2])
    def test_brand_images(
        self, theme: str, image: str, shortest: int, scale: int
    ) -> None:
        """Icons are square, logos are landscape, both in two sizes."""
        suffix = "@2x" if scale == 2 else ""
        content = (PACKAGE / "brand" / f"{theme}{image}{suffix}.png").read_bytes()
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", content[16:24])
        assert min(width, height) <= shortest * scale
        assert min(width, height) >= shortest * scale / 2
        if image == "icon":
            assert width == height == 256 * scale
        else:
            assert width >= height


class TestQualityScale:
    """What is said of the 54 rules."""

    RULES = {
        "action-setup",
        "appropriate-polling",
        "brands",
        "common-modules",
        "config-flow-test-coverage",
        "config-flow",
        "dependency-transparency",
        "docs-actions",
        "docs-triggers",
        "docs-conditions",
        "docs-high-level-description",
        "docs-installation-instructions",
        "docs-removal-instructions",
        "entity-event-setup",
        "entity-unique-id",
        "has-entity-name",
        "runtime-data",
        "test-before-configure",
        "test-before-setup",
        "unique-config-entry",
        "action-exceptions",
        "config-entry-unloading",
        "docs-configuration-parameters",
        "docs-installation-parameters",
        "entity-unavailable",
        "integration-owner",
        "log-when-unavailable",
        "parallel-updates",
        "reauthentication-flow",
        "test-coverage",
        "devices",
        "diagnostics",
        "discovery-update-info",
        "discovery",
        "docs-data-update",
        "docs-examples",
        "docs-known-limitations",
        "docs-supported-devices",
        "docs-supported-functions",
        "docs-troubleshooting",
        "docs-use-cases",
        "dynamic-devices",
        "entity-category",
        "entity-device-class",
        "entity-disabled-by-default",
        "entity-translations",
        "exception-translations",
        "icon-translations",
        "reconfiguration-flow",
        "repair-issues",
        "stale-devices",
        "async-dependency",
        "inject-websession",
        "strict-typing",
    }

    def test_every_rule_is_judged(self) -> None:
        """All rules are there and no others; an exemption says why."""
        content = yaml.safe_load((PACKAGE / "quality_scale.yaml").read_text())
        assert content.keys() == {"rules"}
        assert content["rules"].keys() == self.RULES
        assert len(self.RULES) == 54
        for rule, judgement in content["rules"].items():
            if judgement != "done":
                assert judgement["status"] == "exempt", rule
                assert judgement["comment"], rule


@pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: path.stem)
class TestEveryLanguage:
    """What holds for each translation."""

    SECTIONS = {
        "conditions",
        "config",
        "device",
        "entity",
        "exceptions",
        "issues",
        "options",
        "selector",
        "services",
        "system_health",
        "title",
        "triggers",
    }

    @pytest.fixture
    def texts(self, path: Path) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return content

    def test_sections_and_keys(self, texts: dict[str, Any]) -> None:
        """Only sections that hassfest knows, and keys of its alphabet."""
        assert texts.keys() <= self.SECTIONS
        assert [
            key for key in keys_of(texts) if not re.fullmatch(r"[a-z0-9_-]+", key)
        ] == []

    def test_texts(self, texts: dict[str, Any]) -> None:
        """No address, no HTML, no stray space, no quoted placeholder."""
        wrong = [
            key
            for key, text in leaves(texts)
            if not isinstance(text, str)
            or not text
            or text != text.strip()
            or re.search(r"\w+://|www\.", text)
            or re.search(r"<\s*/?\s*[a-zA-Z]", text)
            or re.search(r"'\{\w+\}'", text)
            or text.count("{") != text.count("}")
            or not all(name.isidentifier() for name in placeholders(text))
        ]
        assert wrong == []

    def test_same_keys_as_english(self, texts: dict[str, Any]) -> None:
        """Nothing is missing and nothing is left over."""
        assert dict(leaves(texts)).keys() == dict(leaves(TEXTS)).keys()

    def test_same_placeholders_as_english(self, texts: dict[str, Any]) -> None:
        """A text tells the same in each language."""
        english = dict(leaves(TEXTS))
        differ = {
            key: text
            for key, text in leaves(texts)
            if placeholders(text) != placeholders(english[key])
        }
        assert differ == {}

    def test_words_have_no_placeholders(self, texts: dict[str, Any]) -> None:
        """Names and states are not filled in by anybody."""
        assert [
            key
            for key, text in leaves({"entity": texts["entity"]})
            if placeholders(text)
        ] == []


class TestFlowTexts:
    """Forms ask in words, and only for what there is."""

    @pytest.mark.parametrize("section", ["config", "options"])
    def test_every_field_is_described(self, section: str) -> None:
        """Each field has a label and a help text, no help text is without field."""
        for step, texts in TEXTS[section]["step"].items():
            assert texts["title"], step
            assert (
                texts.get("data", {}).keys() == texts.get("data_description", {}).keys()
            ), step

    def test_steps(self) -> None:
        """Each step of the flow has texts, and no others."""
        asked = {
            name.removeprefix("async_step_")
            for name in vars(ChargerConfigFlow)
            if name.startswith("async_step_")
        } - {"credentials", "reauth"}
        assert TEXTS["config"]["step"].keys() == asked

    def test_menu_offers_every_provider(self) -> None:
        """Each cloud has a name in the menu, and says whom it is for."""
        for texts in ("menu_options", "menu_option_descriptions"):
            assert TEXTS["config"]["step"]["user"][texts].keys() == PROVIDERS.keys()

    def test_fields_of_providers(self) -> None:
        """Each step has the labels of exactly the fields that it asks for."""
        for key, row in PROVIDERS.items():
            assert TEXTS["config"]["step"][key].get("data", {}).keys() == {
                CONF_ALLOW_HTTP,
                *(f.key for f in row.fields if f.key != row.account_field),
            }, key

    def test_fields_of_shared_steps(self) -> None:
        """Steps that all providers share have labels for each one's fields."""
        rows = PROVIDERS.values()
        steps = TEXTS["config"]["step"]
        assert steps["account"]["data"].keys() >= {
            row.account_field for row in rows if row.account_field
        }
        assert steps["reauth_confirm"]["data"].keys() >= {
            field.key
            for row in rows
            for field in row.fields
            if field.kind is FieldKind.SECRET
        }
        assert steps["reconfigure"]["data"].keys() >= {
            field.key
            for row in rows
            for field in row.fields
            if field.key != row.account_field
        }
        assert steps["chargers"]["data"].keys() == {
            CONF_ALL_CHARGERS,
            CONF_GROUPS,
            CONF_CHARGERS,
        }
        assert TEXTS["options"]["step"]["init"]["data"].keys() == {
            CONF_ALL_CHARGERS,
            CONF_GROUPS,
            CONF_CHARGERS,
            CONF_PACE,
            CONF_ENTITIES,
            CONF_PRICE,
            CONF_PRICE_SENSOR,
            CONF_CONNECTOR_PRICES,
        } | {field.key for row in rows for field in row.options}
        assert TEXTS["options"]["step"]["connector_price"]["data"].keys() == {
            CONF_PRICE,
            CONF_PRICE_SENSOR,
        }

    def test_placeholders_are_given(self) -> None:
        """The flows fill in what their texts name."""
        common = {"provider", "portal"}
        given = {
            "user": set[str](),
            "chargers": common | {"count"},
            "reauth_confirm": common | {"account"},
            "reconfigure": common | {"account"},
        }
        for step, texts in TEXTS["config"]["step"].items():
            for key, text in leaves(texts):
                assert placeholders(text) <= given.get(step, common), f"{step}.{key}"
        for key, text in leaves(TEXTS["options"]):
            assert placeholders(text) <= {"provider", "push", "connector"}, key

    def test_errors(self) -> None:
        """Each error of a provider can be told in a form."""
        assert TEXTS["config"]["error"].keys() >= {
            *(key for _, key in _KEYS),
            "failed",
            "nothing_chosen",
            *reasons_of_invalid_settings(),
        }
        assert TEXTS["options"]["error"].keys() >= {
            "nothing_chosen",
            *reasons_of_invalid_settings(),
        }

    def test_abort_reasons(self) -> None:
        """Each end of the flow is told, those of Home Assistant's helpers too."""
        assert TEXTS["config"]["abort"].keys() == {
            *constants_of(PACKAGE / "config_flow.py", "async_abort", "reason"),
            "reauth_successful",
            "reconfigure_successful",
        }

    def test_selectors(self) -> None:
        """Each choice with fixed options has words for each of them."""
        assert TEXTS["selector"][CONF_PACE]["options"].keys() == PACES.keys()
        assert TEXTS["selector"][CONF_ENTITIES]["options"].keys() == {
            ENTITIES_ALL,
            ENTITIES_AUTOMATIC,
            ENTITIES_ESSENTIAL,
        }
        offered = {
            selector["select"]["translation_key"]: set(selector["select"]["options"])
            for action in SERVICES.values()
            for field in action["fields"].values()
            if "select" in (selector := field["selector"])
        }
        for key, options in offered.items():
            assert TEXTS["selector"][key]["options"].keys() == options, key
        assert TEXTS["selector"]["push_state"]["options"].keys() == set(PushState)
        assert TEXTS["selector"].keys() == offered.keys() | {
            CONF_PACE,
            CONF_ENTITIES,
            "export",
            "feature",
            "planned",
            "push_state",
            "session",
            "statistic",
        }


def calls(path: Path, name: str) -> Iterator[ast.Call]:
    """Walk the calls of a function by its name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func
            if (isinstance(called, ast.Name) and called.id == name) or (
                isinstance(called, ast.Attribute) and called.attr == name
            ):
                yield node


def constants_of(path: Path, call: str, argument: str) -> set[str]:
    """Return the constant strings that calls pass as one argument."""
    return {
        keyword.value.value
        for node in calls(path, call)
        for keyword in node.keywords
        if keyword.arg == argument
        and isinstance(keyword.value, ast.Constant)
        and isinstance(keyword.value.value, str)
    }


def reasons_of_invalid_settings() -> set[str]:
    """Return why providers may find a setting wrong."""
    return {
        reason.value
        for path in (PACKAGE / "providers").rglob("*.py")
        for node in calls(path, "InvalidSettingError")
        for argument in node.args[1:]
        for reason in (
            (argument.body, argument.orelse)
            if isinstance(argument, ast.IfExp)
            else (argument,)
        )
        if isinstance(reason, ast.Constant) and isinstance(reason.value, str)
    }


def invalid_requests() -> dict[str, set[str]]:
    """Return the keys of `invalid(...)` calls and the placeholders they fill in."""
    return {
        node.args[0].value: {str(keyword.arg) for keyword in node.keywords}
        for path in TOP_FLOOR
        for node in calls(path, "invalid")
        if node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


class TestExceptionTexts:
    """Every error speaks to the user."""

    FAILURES = {
        *(key for _, key in _KEYS),
        "failed",
        *(f"refused_{refusal}" for refusal in Refusal),
        "rate_limited_soon",
        "uncertain",
    }

    def test_each_error_has_a_text(self) -> None:
        """Nothing is raised without words, and no words are left over."""
        assert TEXTS["exceptions"].keys() == self.FAILURES | invalid_requests().keys()

    def test_placeholders_are_given(self) -> None:
        """An error fills in what its text names."""
        given = placeholders_of(_KEYS[0][0](), "").keys()
        requests = invalid_requests()
        for key, texts in TEXTS["exceptions"].items():
            used = placeholders(texts["message"])
            if key in self.FAILURES:
                assert used <= given or used <= requests.get(key, set()), key
            if key in requests:
                assert used <= requests[key] | given, key

    def test_home_assistant_errors_are_translated(self) -> None:
        """Whoever raises an error of Home Assistant's names a text for it."""
        classes = {
            "ConfigEntryAuthFailed",
            "ConfigEntryError",
            "ConfigEntryNotReady",
            "HomeAssistantError",
            "ServiceValidationError",
            "UpdateFailed",
        }
        for path in TOP_FLOOR:
            for name in classes:
                for node in calls(path, name):
                    assert {keyword.arg for keyword in node.keywords} >= {
                        "translation_domain",
                        "translation_key",
                    }, f"{path.name}:{node.lineno}"


class TestIssueTexts:
    """Every notice can be shown."""

    def test_each_notice_has_a_text(self) -> None:
        """One text for each kind, and one more where an address can be fetched."""
        assert TEXTS["issues"].keys() == {
            *NoticeKind,
            f"{NoticeKind.RELINK_REQUIRED}_link",
            ENTITIES_LEFT_OUT,
            NOT_IN_DASHBOARD,
            COUNTED_TWICE,
            VEHICLE_ASLEEP,
            SESSION_LINGERS,
            START_CARD_MISSING,
        }

    def test_form(self) -> None:
        """An issue has a description, or a flow that mends it."""
        for key, texts in TEXTS["issues"].items():
            assert texts["title"], key
            assert ("description" in texts) != ("fix_flow" in texts), key

    def test_placeholders_are_given(self) -> None:
        """Issues and their flow fill in what their texts name."""
        for key, texts in TEXTS["issues"].items():
            flow = texts.get("fix_flow", {"step": {}, "abort": {}})
            for text in (texts["title"], texts.get("description", "")):
                assert placeholders(text) <= {"subject", "account"}, key
            for _, text in leaves(flow["step"]):
                assert placeholders(text) <= (
                    {"account", "made", "left_out"}
                    if key == ENTITIES_LEFT_OUT
                    else {"subject", "url"}
                ), key
            for reason, text in flow["abort"].items():
                given = placeholders_of(_KEYS[0][0](), "").keys()
                assert placeholders(text) <= given, f"{key}.{reason}"

    def test_flow_can_tell_each_error(self) -> None:
        """The address may not be had, for any reason there is."""
        flow = TEXTS["issues"][f"{NoticeKind.RELINK_REQUIRED}_link"]["fix_flow"]
        assert flow["step"].keys() == {"confirm"}
        assert flow["abort"].keys() >= {
            *(key for _, key in _KEYS),
            "failed",
            *constants_of(PACKAGE / "repairs.py", "async_abort", "reason"),
        }


@pytest.mark.parametrize("platform", PLATFORMS)
class TestEntityTexts:
    """Every entity has a name, words for its states, and an icon."""

    def test_names(self, platform: Platform) -> None:
        """Each description has a name, no name is without description."""
        assert TEXTS["entity"][platform].keys() == {
            description.translation_key for description in DESCRIPTIONS[platform]
        }
        for key, texts in TEXTS["entity"][platform].items():
            assert texts["name"], key

    def test_keys_are_unique(self, platform: Platform) -> None:
        """Keys make unique ids, translation keys make names: none is used twice."""
        descriptions = DESCRIPTIONS[platform]
        for attribute in ("key", "translation_key"):
            values = [getattr(each, attribute) for each in descriptions]
            assert len(set(values)) == len(descriptions)

    def test_states(self, platform: Platform) -> None:
        """Each word of a closed set is translated, and no others."""
        for description in DESCRIPTIONS[platform]:
            options = getattr(description, "options", None)
            if platform is Platform.SENSOR:
                texts = TEXTS["entity"][platform][description.translation_key]
                assert set(texts.get("state", ())) == set(options or ()), (
                    description.key
                )

    def test_icons(self, platform: Platform) -> None:
        """An entity without an icon of its class has one, none is left over."""
        of_classes = json.loads(
            (Path(core_components.__path__[0]) / platform / "icons.json").read_text()
        )["entity_component"].keys()
        own = ICONS["entity"].get(platform, {})
        descriptions = {
            str(each.translation_key): each for each in DESCRIPTIONS[platform]
        }
        assert own.keys() <= descriptions.keys()
        # A lock's own icon tells whether it is locked.
        if platform is not Platform.LOCK:
            assert [
                key
                for key, each in descriptions.items()
                if each.device_class not in of_classes and key not in own
            ] == []

    def test_state_icons(self, platform: Platform) -> None:
        """Icons of states are for states there are, and differ from the default."""
        for description in DESCRIPTIONS[platform]:
            icons = ICONS["entity"].get(platform, {}).get(description.translation_key)
            if icons and "state" in icons:
                assert icons["state"].keys() <= set(description.options)  # type: ignore[attr-defined]
                assert icons["default"] not in icons["state"].values()


class TestIcons:
    """Icons are Material Design Icons."""

    def test_mdi_only(self) -> None:
        """No other set of icons is sure to be there."""
        assert [
            icon
            for _, icon in leaves(ICONS)
            if not re.fullmatch(r"mdi:[a-z0-9]+(-[a-z0-9]+)*", icon)
        ] == []

    def test_each_action_has_one(self) -> None:
        """Actions are found by their icon."""
        assert ICONS["services"].keys() == SERVICES.keys()
        assert all(icons.keys() == {"service"} for icons in ICONS["services"].values())

    def test_only_known_parts(self) -> None:
        """Nothing else is in the file."""
        assert ICONS.keys() <= {"conditions", "entity", "services", "triggers"}
        assert ICONS["entity"].keys() <= set(PLATFORMS)


class TestCompleteness:
    """The vocabulary of the ground floor reaches the user whole."""

    def test_each_reading_is_shown(self) -> None:
        """No reading is read in vain, none has two entities."""
        shown = [
            description.reading
            for platform in (Platform.SENSOR, Platform.BINARY_SENSOR)
            for description in DESCRIPTIONS[platform]
            if hasattr(description, "reading")
        ]
        assert sorted(shown) == sorted(Reading)

    def test_each_control_can_be_set(self) -> None:
        """Each control has exactly one entity."""
        settable = [
            description.control
            for descriptions in DESCRIPTIONS.values()
            for description in descriptions
            if hasattr(description, "control")
        ]
        assert sorted(settable) == sorted(Control)

    def test_each_command_can_be_given(self) -> None:
        """A button, an action or a control leads to each command."""
        tree = ast.parse((PACKAGE / "service_commands.py").read_text())
        in_actions = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        by_button = {
            description.command.__name__  # type: ignore[attr-defined]
            for description in DESCRIPTIONS[Platform.BUTTON]
        }
        assert {command.__name__ for command in Command.__subclasses__()} <= (
            in_actions | by_button | {"SetControl"}
        )


def fields_of(action: str) -> dict[str, tuple[vol.Marker, Any]]:
    """Return the fields of an action's schema."""
    schema = {
        "export_sessions": EXPORT_SCHEMA.schema,
        "get_session": SESSION_SCHEMA.schema,
        "get_sessions": SESSIONS_SCHEMA.schema,
        "get_charging_profiles": PROFILES_SCHEMA.schema,
        "get_command": COMMAND_SCHEMA.schema,
        **{name: schema.schema for name, schema in RESOURCE_SCHEMAS.items()},
    }.get(action)
    if schema is None:
        command = COMMAND_ACTIONS[action]
        # The others have a target instead of a field.
        one = {vol.Required("device_id"): str} if command.admin else {}
        schema = {**one, **command.fields}
    return {marker.schema: (marker, validator) for marker, validator in schema.items()}


class TestActions:
    """What services.yaml, the schemas and the texts say of an action is the same."""

    def test_all_are_described(self) -> None:
        """Each action is in all three places."""
        told = {
            "export_sessions",
            "get_session",
            "get_sessions",
            "get_charging_profiles",
            "get_command",
        }
        actions = COMMAND_ACTIONS.keys() | RESOURCE_SCHEMAS.keys() | told
        assert SERVICES.keys() == TEXTS["services"].keys() == actions

    @pytest.mark.parametrize("action", SERVICES)
    def test_fields(self, action: str) -> None:
        """The form has the fields of the schema, each with words."""
        fields = SERVICES[action]["fields"]
        assert ("target" in SERVICES[action]) is (
            action in COMMAND_ACTIONS and not COMMAND_ACTIONS[action].admin
        )
        texts = TEXTS["services"][action]
        assert fields.keys() == fields_of(action).keys() == texts["fields"].keys()
        assert texts["name"]
        assert texts["description"]
        for key, field in texts["fields"].items():
            assert field["name"], key
            assert field["description"], key

    @pytest.mark.parametrize("action", SERVICES)
    def test_required_and_defaults(self, action: str) -> None:
        """What the schema demands or assumes, the form demands or assumes."""
        for key, (marker, _) in fields_of(action).items():
            field = SERVICES[action]["fields"][key]
            assert field.get("required", False) is isinstance(marker, vol.Required), key
            default = marker.default
            assumed = default() if callable(default) else vol.UNDEFINED
            assert field.get("default", vol.UNDEFINED) == assumed, key

    @pytest.mark.parametrize("action", SERVICES)
    def test_choices(self, action: str) -> None:
        """A choice offers the words that the schema takes."""
        for key, (_, validator) in fields_of(action).items():
            selector = SERVICES[action]["fields"][key]["selector"]
            taken = list(validator.container) if isinstance(validator, vol.In) else []
            offered = selector["select"]["options"] if "select" in selector else []
            assert sorted(offered) == sorted(taken), key


@pytest.mark.parametrize(
    ("section", "kind", "defined"),
    [("triggers", "trigger", TRIGGERS), ("conditions", "condition", CONDITIONS)],
)
def test_triggers_and_conditions(
    section: str, kind: str, defined: Mapping[str, object]
) -> None:
    """Each is described, has its words, the same fields in both, and an icon."""
    described = {
        key: value
        for key, value in yaml.safe_load(
            (PACKAGE / f"{section}.yaml").read_text()
        ).items()
        if not key.startswith(".")
    }
    texts = TEXTS[section]
    assert described.keys() == texts.keys() == ICONS[section].keys() == defined.keys()
    for key, description in described.items():
        assert ICONS[section][key].keys() == {kind}
        assert texts[key]["name"]
        assert texts[key]["description"]
        fields = texts[key].get("fields", {})
        assert fields.keys() == description.get("fields", {}).keys(), key
        assert all(field["name"] for field in fields.values()), key


class TestPlatforms:
    """What holds for each platform file."""

    def test_described_here(self) -> None:
        """No platform is left out of these tests."""
        assert DESCRIPTIONS.keys() == set(PLATFORMS)

    @pytest.mark.parametrize("platform", PLATFORMS)
    def test_parallel_updates(self, platform: Platform) -> None:
        """Home Assistant queues nothing: the coordinator gives each charger its turn.

        A queue here would keep a later wish from taking the place of an earlier one.
        """
        assert import_module(f"{PACKAGE_NAME}.{platform}").PARALLEL_UPDATES == 0


def imports_of(path: Path, root: Path) -> Iterator[str]:
    """Walk the modules that a file imports, by absolute names.

    `from package import name` counts as `package.name`: it may be a module.
    """
    package = path.relative_to(root).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += node.module.split(".") if node.module else []
            for alias in node.names:
                yield ".".join([*base, alias.name])


def modules_below(*parts: str) -> list[Path]:
    """Return the Python files below a folder of the repository."""
    return sorted(REPOSITORY.joinpath(*parts).rglob("*.py"))


def within(module: str, *packages: str) -> bool:
    """Return whether a module belongs to one of some packages."""
    return any(
        module == package or module.startswith(f"{package}.") for package in packages
    )


def offences(
    paths: Iterable[Path], forbidden: Iterable[str], allowed: Iterable[str] = ()
) -> list[str]:
    """List the imports that a floor must not make."""
    return [
        f"{path.relative_to(REPOSITORY)}: {module}"
        for path in paths
        for module in imports_of(path, REPOSITORY)
        if within(module, *forbidden) and not within(module, *allowed)
    ]


class TestFloors:
    """An import goes down or sideways, never up."""

    PROVIDER_FOLDERS = sorted(
        path.name
        for path in (PACKAGE / "providers").iterdir()
        if path.is_dir() and path.name != "__pycache__"
    )
    CHARGING = f"{PACKAGE_NAME}.charging"
    PROVIDERS = f"{PACKAGE_NAME}.providers"

    def test_ground_floor_knows_nobody(self) -> None:
        """`charging` is made of the standard library alone."""
        wrong = [
            f"{path.name}: {module}"
            for path in modules_below("custom_components", DOMAIN, "charging")
            for module in imports_of(path, REPOSITORY)
            if not within(module, self.CHARGING)
            and module.split(".")[0] not in sys.stdlib_module_names
        ]
        assert wrong == []

    def test_first_floor_does_not_know_home_assistant(self) -> None:
        """Providers know the ground floor and each their own cloud."""
        paths = modules_below("custom_components", DOMAIN, "providers")
        assert offences(paths, ["homeassistant", "simulator", "tests"]) == []
        assert (
            offences(paths, ["custom_components"], [self.CHARGING, self.PROVIDERS])
            == []
        )

    @pytest.mark.parametrize("provider", PROVIDER_FOLDERS)
    def test_providers_do_not_know_each_other(self, provider: str) -> None:
        """A provider could be taken out without touching another."""
        others = [
            f"{self.PROVIDERS}.{other}"
            for other in self.PROVIDER_FOLDERS
            if other != provider
        ]
        paths = modules_below("custom_components", DOMAIN, "providers", provider)
        assert offences(paths, others) == []

    def test_shared_parts_know_no_provider(self) -> None:
        """Only the registry knows which providers there are."""
        paths = [
            path
            for path in (PACKAGE / "providers").glob("*.py")
            if path.name != "registry.py"
        ]
        each = [f"{self.PROVIDERS}.{provider}" for provider in self.PROVIDER_FOLDERS]
        assert offences(paths, each) == []

    def test_top_floor_names_no_provider(self) -> None:
        """A sixth cloud touches nothing on the top floor but the texts."""
        names = re.compile(rf"\b({'|'.join(self.PROVIDER_FOLDERS)})\b", re.IGNORECASE)
        assert [
            f"{path.name}: {found.group()}"
            for path in TOP_FLOOR
            for found in names.finditer(path.read_text())
        ] == []

    def test_no_circles(self) -> None:
        """A file can be read after those that it imports, also for types alone."""
        names = {
            ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(
                ".__init__"
            ): path
            for path in modules_below("custom_components")
        }

        def targets(path: Path) -> Iterator[str]:
            for module in imports_of(path, REPOSITORY):
                for name in (module, module.rpartition(".")[0]):
                    if name in names and names[name] != path:
                        yield name
                        break

        TopologicalSorter(
            {name: set(targets(path)) for name, path in names.items()}
        ).prepare()

    def test_simulator_shares_no_code(self) -> None:
        """A misreading of a cloud cannot hide on both sides."""
        paths = modules_below("simulator")
        assert paths
        assert offences(paths, ["custom_components", "homeassistant", "tests"]) == []

    def test_imported_components_are_declared(self) -> None:
        """Home Assistant loads what is declared, or has a platform file here."""
        always_there = {
            "frontend",
            "homeassistant",
            "persistent_notification",
            "webhook",
            "zone",
        }
        declared = {
            *MANIFEST.get("dependencies", ()),
            *MANIFEST.get("after_dependencies", ()),
            *(path.stem for path in TOP_FLOOR),
            *always_there,
        }
        found = {
            module.split(".")[2]
            for path in TOP_FLOOR
            for module in imports_of(path, REPOSITORY)
            if within(module, "homeassistant.components")
        }
        assert found <= declared

    def test_enums_of_the_ground_floor_are_closed_sets_of_words(self) -> None:
        """Words are states and translation keys: they keep to their alphabet."""
        charging = import_module(self.CHARGING)
        ocpp = {"ProfileKind", "ProfilePurpose", "RateUnit", "Recurrency", "Unit"}
        words = {
            f"{name}.{word}"
            for name, member in vars(charging).items()
            if isinstance(member, type)
            and issubclass(member, StrEnum)
            and name not in ocpp
            for word in member
        }
        assert words
        assert [
            word for word in words if not re.fullmatch(r"[A-Za-z]+\.[a-z0-9_]+", word)
        ] == []
