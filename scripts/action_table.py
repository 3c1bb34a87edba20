"""Write down which action takes which fields at which cloud.

    python -m scripts.action_table          put the table into docs/actions.md
    python -m scripts.action_table --print  show it

Fields, bounds and words come from the actions' schemas, forms and texts. What a cloud takes
is asked of its provider, with all options on, in front of the simulator: a field has a
mark where some charger of the simulated account honours it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
import inspect
import json
from pathlib import Path
import re
import sys
from typing import Any, Final, override

from aiohttp import ClientSession
import yaml  # type: ignore[import-untyped]

from custom_components.ev_charger_cloud import service_commands, services
from custom_components.ev_charger_cloud.charging import (
    ClearLimit,
    Command,
    Control,
    Device,
    Pause,
    Resume,
)
from custom_components.ev_charger_cloud.providers import PROVIDERS
from custom_components.ev_charger_cloud.providers.base import (
    Context,
    FieldKind,
    Provider,
    monotonic,
)
from custom_components.ev_charger_cloud.service_commands import COMMAND_ACTIONS
from simulator.server import Simulator

ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = ROOT / "docs/actions.md"
PACKAGE: Final = ROOT / "custom_components/ev_charger_cloud"
BEGIN: Final = "<!-- action_table: begin -->\n"
END: Final = "<!-- action_table: end -->\n"

# No charger and no account means so much.
NONSENSE: Final = service_commands._HUGE  # noqa: SLF001
# Enough for what is read one charger after the other.
POLLS: Final = 3
# Generations of a cloud's API that take different things.
QUIRKS: Final[Mapping[str, tuple[Mapping[str, Any], ...]]] = {
    "amps": ({"profile": "A"}, {"profile": "B"}, {"profile": "C"}),
    "podero": ({"profile": "older"}, {"profile": "newer"}),
}
# Commands that are not named like their action.
_NAMED: Final[Mapping[str, type[Command]]] = {
    "clear_charging_limit": ClearLimit,
    "pause_charging": Pause,
    "resume_charging": Resume,
}
# Fields that no command has: they are for the queue, or another way to say what it has.
_EVERYWHERE: Final = {"duration", "repeat", "until"}
# What a provider has to know for an action that is not a command.
_NEEDS: Final = {
    "get_charging_profiles": "charging_profiles",
    "get_command": "follow",
    "get_session": "session",
    "list_resources": "list_resources",
    "get_resource": "get_resource",
    "create_resource": "change_resource",
    "update_resource": "change_resource",
    "delete_resource": "change_resource",
}

SCHEMAS: Final[Mapping[str, Mapping[Any, Any]]] = {
    **{name: action.fields for name, action in COMMAND_ACTIONS.items()},
    **{name: schema.schema for name, schema in services.RESOURCE_SCHEMAS.items()},
    "export_sessions": services.EXPORT_SCHEMA.schema,
    "get_charging_profiles": services.PROFILES_SCHEMA.schema,
    "get_command": services.COMMAND_SCHEMA.schema,
    "get_session": services.SESSION_SCHEMA.schema,
    "get_sessions": services.SESSIONS_SCHEMA.schema,
}
_SOURCES: Final = {
    "export_sessions": services._export_sessions,  # noqa: SLF001
    "get_sessions": services._get_sessions,  # noqa: SLF001
}

# What to write for each action; a test has the schemas read them.
EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "start_charging": {"current": 10},
    "stop_charging": {"force": True},
    "set_charging_limit": {"current": 10, "duration": "02:00:00"},
    "clear_charging_limit": {},
    "cancel_scheduled": {},
    "pause_charging": {"duration": "01:30:00"},
    "resume_charging": {},
    "set_charge_policy": {"deadline_level": 80, "deadline": "2026-12-01 07:00:00"},
    "set_charging_profile": {
        "kind": "recurring",
        "recurrency": "daily",
        "start_schedule": "2026-12-01 22:00:00",
        "periods": [
            {"start_period": 0, "limit": 16},
            {"start_period": 28800, "limit": 6},
        ],
    },
    "clear_charging_profile": {"purpose": "tx_default", "stack_level": 1},
    "reserve": {"user_id": "1001", "reason": "Visitor at noon"},
    "cancel_reservation": {},
    "trigger_message": {"message": "MeterValues"},
    "set_configuration": {"key": "MeterValueSampleInterval", "value": "60"},
    "sync_configuration": {"keys": ["HeartbeatInterval"]},
    "set_user_status": {"enabled": False, "reason": "Card reported lost"},
    "activate_subscription": {"plan_id": "7", "auto_renewal": True},
    "cancel_subscription": {"reason": "Moved away"},
    "add_balance": {"amount": 20, "reason": "Paid in cash"},
    "apply_fee": {"amount": 5, "description": "Replacement card"},
    "redeem_voucher": {"code": "WELCOME"},
    "get_command": {"action_id": "4d5e6f"},
    "get_session": {"session_id": "4711"},
    "get_sessions": {"start": "2026-11-01 00:00:00", "limit": 100},
    "get_charging_profiles": {},
    "export_sessions": {"decimal": "comma", "date_style": "day_first", "price": 0.3},
    "list_resources": {"resource": "locations", "limit": 10},
    "get_resource": {"resource": "users", "resource_id": "1001"},
    "create_resource": {
        "resource": "id_tags",
        "fields": {
            "idTagUid": "04AABBCC",
            "type": "rfid",
            "status": "enabled",
            "userId": 1001,
        },
    },
    "update_resource": {
        "resource": "charge_points",
        "resource_id": "12",
        "fields": {"name": "Yard, left"},
    },
    "delete_resource": {"resource": "id_tags", "resource_id": "5"},
}


@dataclass(slots=True)
class Taken:
    """What a cloud can tell, and what its chargers take: commands with fields, limits."""

    methods: frozenset[str]
    commands: dict[type[Command], set[str]] = field(default_factory=dict)
    limits: set[Control] = field(default_factory=set)
    timed: bool = False

    def takes(self, action: str) -> bool:
        """Return whether some charger takes an action."""
        if action in COMMAND_ACTIONS:
            if action == "set_charging_limit":
                return bool(self.limits)
            return command_of(action) in self.commands
        return action not in _NEEDS or _NEEDS[action] in self.methods

    def honours(self, action: str, name: str) -> bool:
        """Return whether some charger takes a field of an action."""
        if not self.takes(action):
            return False
        if action not in COMMAND_ACTIONS:
            return True
        if action == "set_charging_limit":
            if name == "current":
                return Control.CURRENT_LIMIT in self.limits
            return name != "duration" or self.timed
        command = command_of(action)
        known = {each.name: each for each in fields(command)}
        if name not in known:
            assert name in _EVERYWHERE or "profile" in known, name
            return (
                name in _EVERYWHERE
                or name == "periods"
                or name in self.commands[command]
            )
        required = known[name].default is known[name].default_factory
        return required or name in self.commands[command]


def command_of(action: str) -> type[Command]:
    """Return the command that an action is."""
    if action in _NAMED:
        return _NAMED[action]
    name = "".join(word.title() for word in action.split("_"))
    command: type[Command] = getattr(service_commands, name)
    return command


@dataclass(slots=True)
class Clock:
    """Time that passes at once, for the provider and in the simulated world."""

    simulator: Simulator
    ahead: float = 0.0

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        """Return the time that spans are measured by."""
        return monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.ahead += seconds
        self.simulator.world.clock.step(seconds)
        self.simulator.world.settle()


async def fleets(
    cloud_name: str, quirks: Mapping[str, Any], session: ClientSession
) -> list[Device]:
    """Return the devices that a cloud tells of in a few polls, with all options on."""
    description = PROVIDERS[cloud_name]
    async with Simulator() as simulator:
        cloud, clock = simulator[cloud_name], Clock(simulator)
        cloud.quirks.update(quirks)
        options = {
            each.key: True if each.kind is FieldKind.BOOLEAN else each.default
            for each in description.options
        }
        provider = description.factory(
            Context(
                session=session,
                settings=options | {"base_url": cloud.base_url} | cloud.credentials,
                now=clock.now,
                monotonic=clock.monotonic,
                sleep=clock.sleep,
            )
        )
        await provider.start()
        try:
            devices: list[Device] = []
            for _ in range(POLLS):
                devices += (await provider.poll()).fleet.values()
                await clock.sleep(120)
        finally:
            await provider.close()
    return devices


async def ask(cloud_name: str, session: ClientSession) -> Taken:
    """Ask what a cloud takes."""
    methods = frozenset(
        name
        for name in _NEEDS.values()
        if getattr(type_of(cloud_name), name) is not getattr(Provider, name)
    )
    taken = Taken(methods)
    for quirks in QUIRKS.get(cloud_name, ({},)):
        for device in await fleets(cloud_name, quirks, session):
            for command, honoured in device.commands.items():
                taken.commands.setdefault(command, set()).update(honoured)
            for control in (Control.CURRENT_LIMIT, Control.POWER_LIMIT):
                if state := device.controls.get(control):
                    taken.limits.add(control)
                    taken.timed |= state.timed
    return taken


def type_of(cloud_name: str) -> type[Provider]:
    """Return the class of a provider."""
    factory = PROVIDERS[cloud_name].factory
    assert isinstance(factory, type)
    assert issubclass(factory, Provider)
    return factory


def bounds_of(validator: Any) -> list[str]:
    """Say in words what a validator allows.

    Home Assistant puts another library in the place of voluptuous: names tell.
    """
    kind = type(validator).__name__
    if kind == "All":
        return [word for each in validator.validators for word in bounds_of(each)]
    if kind == "Range":
        # What only keeps nonsense out is no bound.
        low, high = (
            None if bound in (-NONSENSE, NONSENSE) else bound
            for bound in (validator.min, validator.max)
        )
        if low is None and high is None:
            return ["negative, too"]
        if low is None:
            return [f"at most {_plain(high)}"]
        if not validator.min_included:
            return [f"more than {_plain(low)}"]
        low = _plain(low)
        return [f"{low} or more" if high is None else f"{low} to {_plain(high)}"]
    if kind == "Length" and validator.max is not None:
        return [f"at most {validator.max} characters"]
    return []


def _plain(value: Any) -> str:
    """Write a bound as people do."""
    text = str(value).removesuffix(", 0:00:00")
    if isinstance(value, float) and value.is_integer():
        text = f"{int(value):,}"
    return text.replace("-", "−")


def kind_of(selector: Mapping[str, Any]) -> str:
    """Say in words what a field of a form takes."""
    name, details = next(iter(selector.items()))
    details = details or {}
    if name == "select":
        return " / ".join(f"`{option}`" for option in details["options"])
    if name == "number":
        unit = details.get("unit_of_measurement")
        return f"number ({unit})" if unit else "number"
    words = {
        "boolean": "yes or no",
        "config_entry": "account",
        "datetime": "date and time",
        "object": "mapping or list",
    }
    word = words.get(name, name)
    return f"{word}, several" if details.get("multiple") else word


def values_of(selector: Mapping[str, Any], validator: Any) -> str:
    """Say in words what values a field takes."""
    said = bounds_of(validator)
    # Of two lengths the shorter is the one that counts.
    lengths = [word for word in said if word.endswith("characters")]
    said = [word for word in said if word not in lengths]
    if lengths:
        said.append(min(lengths, key=lambda word: int(re.findall(r"\d+", word)[0])))
    return ", ".join([kind_of(selector), *said])


def errors_of(action: str, messages: Mapping[str, Any]) -> list[str]:
    """Return what an action itself refuses, in the words of the error."""
    maker: Any = _SOURCES.get(action)
    if action in COMMAND_ACTIONS:
        maker = COMMAND_ACTIONS[action].build
        if maker.__name__ == "<lambda>":
            return []
    if action in services.RESOURCE_SCHEMAS:
        keys = ["no_such_resource"]
    else:
        source = inspect.getsource(maker) if maker else ""
        keys = re.findall(r'invalid\("(\w+)"', source)
    return [
        messages[key]["message"].replace("{words}", "") for key in dict.fromkeys(keys)
    ]


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes YAML as the documents do: lists are indented, numbers in quotes safe."""

    @override
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists, too."""
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Put into quotes what could be read as a number or a time."""
    style = '"' if text.isdigit() or ":" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def example_of(action: str, described: Mapping[str, Any]) -> str:
    """Write an example."""
    call: dict[str, Any] = {"action": f"ev_charger_cloud.{action}"}
    data = dict(EXAMPLES[action])
    if "target" in described:
        call["target"] = {"device_id": "1a2b3c"}
    elif "config_entry_id" in described["fields"]:
        data = {"config_entry_id": "7g8h9i", **data}
    else:
        data = {"device_id": "1a2b3c", **data}
    if data:
        call["data"] = data
    written: str = yaml.dump(call, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return written


def section(action: str, clouds: Mapping[str, Taken], texts: Mapping[str, Any]) -> str:
    """Write all about one action."""
    described = yaml.safe_load((PACKAGE / "services.yaml").read_text())[action]
    words = texts["services"][action]
    titles = {name: PROVIDERS[name].name for name in clouds}
    at = [titles[name] for name, taken in clouds.items() if taken.takes(action)]
    lines = [f"### `{action}`", "", words["description"], ""]
    lines += [f"Taken at: {', '.join(at)}.", ""]
    if described["fields"]:
        lines += [
            f"| Field | Values | {' | '.join(titles.values())} | Meaning |",
            f"|---|---|{':-:|' * len(titles)}---|",
        ]
    for marker, validator in SCHEMAS[action].items():
        name = marker.schema
        form = described["fields"][name]
        values = values_of(form["selector"], validator)
        if type(marker).__name__ == "Required":
            values += "; required"
        elif "default" in form:
            default = form["default"]
            default = (
                {True: "yes", False: "no"}.get(default, default)
                if isinstance(default, bool)
                else f"`{default}`"
            )
            values += f"; otherwise {default}"
        marks = [
            "✓" if taken.honours(action, name) else "–" for taken in clouds.values()
        ]
        meaning = words["fields"][name]["description"]
        lines.append(f"| `{name}` | {values} | {' | '.join(marks)} | {meaning} |")
    if described["fields"]:
        lines.append("")
    if errors := errors_of(action, texts["exceptions"]):
        lines += [f"Refused with: {' '.join(f'*{error}*' for error in errors)}", ""]
    lines += ["```yaml", example_of(action, described).rstrip(), "```", ""]
    return "\n".join(lines)


async def table() -> str:
    """Write all about all actions."""
    async with ClientSession() as session:
        told = await asyncio.gather(*(ask(name, session) for name in PROVIDERS))
    clouds = dict(zip(PROVIDERS, told, strict=True))
    texts = json.loads((PACKAGE / "translations/en.json").read_text())
    return "\n".join(section(action, clouds, texts) for action in EXAMPLES)


def between(document: str) -> str:
    """Return what a document has between the markers."""
    _, _, rest = document.partition(BEGIN)
    content, _, _ = rest.partition(END)
    return content


def put(document: str, content: str) -> str:
    """Put the table into a document."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{begin}{content}{end}{after}"


def main() -> None:
    """Do what the command line says."""
    content = asyncio.run(table())
    if "--print" in sys.argv[1:]:
        print(content)
        return
    DOCUMENT.write_text(put(DOCUMENT.read_text(), content))


if __name__ == "__main__":
    main()
