"""Columns."""

from demo.chargers import Charger, Entity
from demo.home import State
from demo.table import aligned, devices_table, event_line, shown


def test_columns_are_aligned_and_lines_have_no_blanks_at_their_end() -> None:
    rows = [("a", "long", "x"), ("longer", "b"), ()]

    assert list(aligned(rows)) == ["a       long  x", "longer  b", ""]


def test_devices_have_a_title_and_their_entities_in_order() -> None:
    charger = Charger(
        device_id="1",
        provider="cloud",
        name="Garage",
        identifier="cloud_account_1",
        serial=None,
        entities=(
            Entity("sensor.status", "status", "Status"),
            Entity("number.limit", "charging_current", "Limit"),
        ),
    )
    states = {"number.limit": State("16", {"unit_of_measurement": "A"})}

    assert list(devices_table([charger], states)) == [
        "",
        "cloud: Garage",
        "  Limit   16 A  number.limit",
        "  Status  –     sensor.status",
    ]


def test_a_state_has_its_unit_unless_it_is_not_known() -> None:
    unit = {"unit_of_measurement": "kW"}

    assert shown(State("1.5", unit)) == "1.5 kW"
    assert shown(State("unknown", unit)) == "unknown"
    assert len(shown(State("x" * 99, {}))) == 32


def test_events_are_aligned() -> None:
    first = event_line(0.04, "cloud", "found", "idle")
    second = event_line(123.4, "another cloud", "plugged in", "busy")

    assert first.index("idle") == second.index("busy")
    assert event_line(1, "cloud", "ended").endswith("ended")
