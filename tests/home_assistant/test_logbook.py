"""What the logbook says of what happened at chargers."""

from collections.abc import Callable
from typing import Any

import pytest

from custom_components.ev_charger_cloud.charging import EventKind
from custom_components.ev_charger_cloud.const import DOMAIN, EVENT_CHARGING
from custom_components.ev_charger_cloud.logbook import async_describe_events
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import device_registry as dr

from .devices import SetUp, charger, device_entry
from .fake_provider import FakeProvider

type Describe = Callable[[dict[str, Any]], dict[str, str]]


@pytest.fixture
def describe(home: HomeAssistant) -> Describe:
    """Return what describes an event of a charger."""
    described: dict[tuple[str, str], Callable[[Event], dict[str, str]]] = {}
    async_describe_events(
        home, lambda domain, event, how: described.update({(domain, event): how})
    )
    assert list(described) == [(DOMAIN, EVENT_CHARGING)]
    how = described[DOMAIN, EVENT_CHARGING]
    return lambda data: how(Event(EVENT_CHARGING, data))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"type": "session_started"}, "session started"),
        ({"type": "session_finished", "energy": 12400.0}, "session finished: 12.4 kWh"),
        (
            {
                "type": "session_finished",
                "energy": 900,
                "cost": 4.5,
                "currency": "EUR",
                "stop_reason": "ev_disconnected",
            },
            "session finished: 0.9 kWh, 4.50 EUR, ev disconnected",
        ),
        ({"type": "session_finished", "cost": 0.0}, "session finished: 0.00"),
        ({"type": "session_finished"}, "session finished"),
        ({"type": "authorized", "id_token": "…C3D4"}, "authorized: …C3D4"),
        (
            {"type": "interrupted", "stop_reason": "power_loss"},
            "session interrupted: power loss",
        ),
        (
            {"type": "interrupted", "reason": "suspended_evse"},
            "session interrupted: suspended evse",
        ),
        ({"type": "waiting_for_vehicle"}, "waiting for the vehicle"),
        (
            {"type": "fault_raised", "error_code": "ground_failure"},
            "fault: ground failure",
        ),
        ({"type": "fault_cleared"}, "fault cleared"),
        (
            {
                "type": "command_finished",
                "command": "start_charging",
                "outcome": "refused",
                "reason": "offline",
            },
            "start charging: refused (offline)",
        ),
        (
            {
                "type": "command_finished",
                "command": "stop_charging",
                "outcome": "completed",
            },
            "stop charging: completed",
        ),
        ({"type": "command_finished"}, "command"),
        ({"type": "reservation_changed", "reason": "done"}, "reservation: done"),
        ({"type": "reservation_changed"}, "reservation: none"),
        ({"type": "booted"}, "restarted"),
        ({"type": "connection_lost"}, "connection lost"),
        ({"type": "connection_restored"}, "connection restored"),
        ({"type": "of_another_release"}, "of another release"),
    ],
)
def test_sentence(describe: Describe, data: dict[str, Any], message: str) -> None:
    """Each event is a sentence, with the details that are known."""
    assert describe(data)["message"] == message


def test_each_kind_has_a_sentence_of_its_own(describe: Describe) -> None:
    """No two kinds of events read the same."""
    sentences = {describe({"type": kind})["message"] for kind in EventKind}
    assert len(sentences) == len(EventKind)


async def test_name(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider], describe: Describe
) -> None:
    """An event is told of the charger, by the name that the user gave it."""
    fake.fleet = {
        "c1": charger(),
        "c1/1": charger("c1/1", name="Left socket", parent="c1"),
    }
    await set_up()
    entry, connector = device_entry(home, "c1"), device_entry(home, "c1/1")
    assert entry is not None
    assert connector is not None
    event = {"type": "booted", "device_id": entry.id}
    assert describe(event)["name"] == "Charger c1"
    assert describe({**event, "device_id": connector.id})["name"] == "Left socket"
    dr.async_get(home).async_update_device(entry.id, name_by_user="Carport")
    assert describe(event)["name"] == "Carport"


@pytest.mark.parametrize("device_id", [None, "gone"])
def test_charger_that_is_gone(describe: Describe, device_id: str | None) -> None:
    """What happened to a charger that is gone is told all the same."""
    assert describe({"type": "booted", "device_id": device_id}) == {
        "name": "EV charger",
        "message": "restarted",
    }
