"""Tools for language models, without a model."""

from dataclasses import replace
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.ev_charger_cloud.charging import (
    ChargingStatus,
    CommandRefusedError,
    Control,
    ControlState,
    DeviceKind,
    Money,
    Reading,
    Refusal,
    SetControl,
    StartCharging,
    StopCharging,
)
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.llm import async_get_tools
from homeassistant.auth.const import GROUP_ID_READ_ONLY, GROUP_ID_USER
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers.llm import LLM_API_ASSIST, LLMContext, Tool, ToolInput

from .devices import COMMANDS, MOMENT, SetUp, charger
from .fake_provider import FakeProvider

ASSISTANT = "conversation"
SWITCH = "switch.garage_charging_allowed"


def context_of(user_id: str | None = None) -> LLMContext:
    """Return who asks."""
    return LLMContext(
        platform="test",
        context=Context(user_id=user_id),
        language="en",
        assistant=ASSISTANT,
        device_id=None,
    )


@pytest.fixture
async def garage(home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp) -> None:
    """Set up two chargers, of which one is exposed, and what is no charger."""
    fake.fleet = {
        "c1": charger(
            name="Garage",
            commands=COMMANDS,
            readings={
                Reading.STATUS: ChargingStatus.CHARGING,
                Reading.PLUG: True,
                Reading.CHARGING: True,
                Reading.POWER: 7200.0,
                Reading.SESSION_ENERGY: 3456.0,
                Reading.SESSION_START: MOMENT,
                Reading.SESSION_COST: Money(1.2, "EUR"),
            },
        ),
        "c2": charger("c2", name="Carport"),
        "t1": charger(
            "t1",
            name="Tariff",
            kind=DeviceKind.TARIFF,
            readings={Reading.ENERGY_PRICE: Money(0.3, "EUR")},
            controls={},
        ),
    }
    await set_up()
    for state in home.states.async_all():
        async_expose_entity(
            home,
            ASSISTANT,
            state.entity_id,
            state.entity_id.split(".")[1][:6] == "garage",
        )


def tools_of(home: HomeAssistant, context: LLMContext | None = None) -> dict[str, Tool]:
    """Return the tools by the ends of their names."""
    found = async_get_tools(home, context or context_of(), LLM_API_ASSIST)
    assert found is not None
    return {tool.name.removeprefix(f"{DOMAIN}__"): tool for tool in found.tools}


async def use(
    home: HomeAssistant, name: str, user_id: str | None = None, **fields: Any
) -> tuple[dict[str, Any], bool]:
    """Use a tool, and return what it answers and whether that is an error."""
    context = context_of(user_id)
    result = await tools_of(home, context)[name].async_call(
        home,
        ToolInput(f"{DOMAIN}__{name}", {"charger": "Garage", **fields}),
        context,
    )
    return dict(result.data), result.error


async def test_only_what_is_exposed(home: HomeAssistant, garage: None) -> None:
    """A charger that nobody exposed does not exist for a model."""
    for name, tool in tools_of(home).items():
        assert tool.name == f"{DOMAIN}__{name}"
        assert tool.integration == DOMAIN
        assert tool.parameters({"charger": "Garage"})
        with pytest.raises(Exception, match="Carport|value must be|not a valid|Tariff"):
            tool.parameters({"charger": "Carport"})
    for state in home.states.async_all():
        async_expose_entity(home, ASSISTANT, state.entity_id, False)
    assert async_get_tools(home, context_of(), LLM_API_ASSIST) is None


async def test_only_for_assist(home: HomeAssistant, garage: None) -> None:
    """Other interfaces have tools of their own."""
    assert async_get_tools(home, context_of(), "other") is None


async def test_state(
    home: HomeAssistant, fake: type[FakeProvider], garage: None
) -> None:
    """A model is told what people ask, in units that need no explanation."""
    told, error = await use(home, "get_charger")
    assert not error
    assert told == {
        "online": True,
        "status": "charging",
        "plug": True,
        "charging": True,
        "session_start": MOMENT.isoformat(),
        "session_cost": "1.2 EUR",
        "session_energy_kwh": 3.46,
        "power_watts": 7200.0,
        "limit_amperes": 16.0,
    }
    fake.set_reading("c1", Reading.CHARGING, False)
    fake.set_reading("c1", Reading.STATUS, ChargingStatus.SUSPENDED_EV)
    [entry] = home.config_entries.async_entries(DOMAIN)
    await entry.runtime_data.async_refresh()
    told, _ = await use(home, "get_charger")
    assert told["not_charging_because"] == "suspended_by_vehicle"


async def test_who_may_see_nothing_is_told_nothing(
    home: HomeAssistant, garage: None
) -> None:
    """A charger that is exposed is still told of to those alone who may see it."""
    user = MockUser(groups=[])
    user.add_to_hass(home)
    for name in ("get_charger", "get_sessions"):
        told, error = await use(home, name, user.id)
        assert error
        assert told.keys() == {"error"}


async def test_sessions(home: HomeAssistant, garage: None) -> None:
    """The last sessions are told without cards and ids."""
    told, error = await use(home, "get_sessions", days=7)
    assert not error
    [session] = told["sessions"]
    assert session.keys() == {"start", "end", "energy_kwh"}
    assert session["energy_kwh"] == 7.2


@pytest.mark.parametrize(
    ("name", "fields", "command"),
    [
        ("start_charging", {}, StartCharging(device_id="c1")),
        ("stop_charging", {}, StopCharging(device_id="c1")),
        (
            "set_charging_limit",
            {"current": 10},
            SetControl(device_id="c1", control=Control.CURRENT_LIMIT, value=10.0),
        ),
    ],
)
async def test_acting(
    home: HomeAssistant,
    fake: type[FakeProvider],
    garage: None,
    name: str,
    fields: dict[str, Any],
    command: object,
) -> None:
    """A tool acts with the rights of whoever speaks."""
    user = MockUser(groups=[await home.auth.async_get_group(GROUP_ID_READ_ONLY)])
    user.add_to_hass(home)
    told, error = await use(home, name, user.id, **fields)
    assert error
    assert fake.executed == []
    user = MockUser(groups=[await home.auth.async_get_group(GROUP_ID_USER)])
    user.add_to_hass(home)
    told, error = await use(home, name, user.id, **fields)
    assert not error
    assert told["outcome"]
    assert fake.executed == [command]


async def test_refusal(
    home: HomeAssistant, fake: type[FakeProvider], garage: None
) -> None:
    """A model learns why, not a stack of code."""
    fake.refusal = CommandRefusedError(reason=Refusal.NOT_CONNECTED)
    told, _ = await use(home, "start_charging")
    assert told["reason"] == "not_connected"
    told, error = await use(home, "set_charging_limit")
    assert error
    assert told["error"]


async def test_charger_that_is_gone(
    home: HomeAssistant, fake: type[FakeProvider], garage: None
) -> None:
    """What went away between two sentences is said to be gone."""
    tool = tools_of(home)["get_charger"]
    [entry] = home.config_entries.async_entries(DOMAIN)
    await home.config_entries.async_unload(entry.entry_id)
    result = await tool.async_call(
        home, ToolInput(tool.name, {"charger": "Garage"}), context_of()
    )
    assert result.error


async def test_power_limit(
    home: HomeAssistant, fake: type[FakeProvider], garage: None
) -> None:
    """A charger that is limited by its power tells that."""
    fake.fleet = {
        **fake.fleet,
        "c1": replace(
            fake.fleet["c1"],
            controls={Control.POWER_LIMIT: ControlState(value=11000.0)},
        ),
    }
    [entry] = home.config_entries.async_entries(DOMAIN)
    await entry.runtime_data.async_refresh()
    told, _ = await use(home, "get_charger")
    assert told["limit_watts"] == 11000.0


async def test_chargers_of_the_same_name(
    home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
) -> None:
    """Each can be told from the others, and is the one that is meant."""
    garage = charger(name="Garage", commands=COMMANDS)
    fake.fleet = {"c1": garage, "c2": replace(garage, id="c2")}
    for each in ("c1", "c2"):
        for number in (1, 2):
            connector = replace(
                garage,
                id=f"{each}/{number}",
                name=("Left", "Right")[number - 1],
                kind=DeviceKind.CONNECTOR,
                parent=each,
            )
            fake.fleet = {**fake.fleet, connector.id: connector}
    await set_up()
    for state in home.states.async_all():
        async_expose_entity(home, ASSISTANT, state.entity_id, True)
    tool = tools_of(home)["start_charging"]
    for name in (
        "Garage",
        "Garage (2)",
        "Garage Left",
        "Garage Left (2)",
        "Garage Right",
        "Garage Right (2)",
    ):
        await tool.async_call(
            home, ToolInput(tool.name, {"charger": name}), context_of()
        )
    assert {command.device_id for command in fake.executed} == fake.fleet.keys()
