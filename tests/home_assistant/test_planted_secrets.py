"""The short form of the search for planted secrets, in this process."""

import json
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ev_charger_cloud.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from reliability.faults import FAULTS
from reliability.house import ACCOUNTS, House, moved_in
from reliability.planting import REGISTERED, SHOWN, TYPED_IN, Kind, Place, Planted

ECHOES = tuple(fault for fault in FAULTS if "repeats" in fault.name)


def said(name: str, what: Any, allowed: frozenset[Kind] = frozenset()) -> Place:
    """Return something that is said, as a place to search."""
    return Place(name, json.dumps(what, default=str), allowed)


async def use(house: House, entry: MockConfigEntry) -> list[Place]:
    """Switch a charger, and return what is said of it."""
    errors = []
    switch = next(
        entity.entity_id
        for entity in house.entities(entry)
        if (entity.domain, entity.translation_key) == ("switch", "charging")
    )
    for service in ("turn_off", "turn_on"):
        try:
            await house.hass.services.async_call(
                "switch", service, {"entity_id": switch}, blocking=True
            )
        except HomeAssistantError as err:
            errors.append(Place(f"error of {service}", str(err), SHOWN))
    await house.settle()
    return errors


async def collect(house: House, entry: MockConfigEntry) -> list[Place]:
    """Return all that can be seen of an account."""
    hass = house.hass
    devices = dr.async_get(hass)
    own = dr.async_entries_for_config_entry(devices, entry.entry_id)
    told: list[tuple[str, Any, frozenset[Kind]]] = [
        ("states", [state.as_dict() for state in hass.states.async_all()], SHOWN),
        ("device registry", [device.dict_repr for device in own], REGISTERED),
        (
            "entity registry",
            [each.as_partial_dict for each in house.entities(entry)],
            SHOWN,
        ),
        ("repairs", [i.to_json() for i in ir.async_get(hass).issues.values()], SHOWN),
        ("store", dict(entry.runtime_data.store.content), frozenset()),
        (
            "diagnostics",
            await async_get_config_entry_diagnostics(hass, entry),
            frozenset(),
        ),
        *[
            (
                "diagnostics of a device",
                await async_get_device_diagnostics(hass, entry, device),
                frozenset(),
            )
            for device in own
        ],
    ]
    ours = [line for line in house.log.lines if " custom_components." in line]
    return [
        *(
            Place(name, json.dumps(what, default=str), allowed)
            for name, what, allowed in told
        ),
        Place("our log", "\n".join(ours)),
        Place("log", "\n".join(house.log.lines), SHOWN | REGISTERED),
    ]


@pytest.mark.parametrize("provider", ACCOUNTS)
async def test_planted_secrets(home: HomeAssistant, provider: str) -> None:
    """Nothing is where it does not belong, though the cloud repeats what it is sent."""
    planted = Planted()
    async with moved_in(home, (provider,), planted) as house:
        entry = house.add(provider)
        home.config_entries.async_update_entry(
            entry, data={**entry.data, **planted.settings(provider, entry.data)}
        )
        house.plug_in(provider)
        await house.set_up(entry)
        assert entry.state is ConfigEntryState.LOADED
        await house.pass_time(301)
        places = await use(house, entry)
        places += await collect(house, entry)
        for echo in ECHOES:
            with house.fault(provider, echo):
                await entry.runtime_data.async_refresh()
                places += await use(house, entry)
                await home.config_entries.async_reload(entry.entry_id)
                await house.settle()
                places.append(Place("reason", entry.reason or "", SHOWN))
                places.append(said("flows", home.config_entries.flow.async_progress()))
            for _ in range(4):
                await house.pass_time(1000)
            places += await collect(house, entry)
        await home.config_entries.async_remove(entry.entry_id)
    assert {Kind.SECRET} <= set(planted.markers.values())
    assert not list(planted.found(places))


def test_search_finds_what_is_there() -> None:
    """What was planted is found, but not where it may be."""
    planted = Planted()
    told = json.loads(planted.disguised("x", b'{"email": "a@b.c", "name": "Garage"}'))
    assert told["email"] != "a@b.c"
    assert planted.truth(told["name"]) == "Garage"
    text = json.dumps(told)
    assert len(list(planted.found([Place("log", text)]))) == 2
    assert len(list(planted.found([Place("states", text, SHOWN)]))) == 1
    assert not list(planted.found([Place("log", "nothing")]))
    assert TYPED_IN > SHOWN
