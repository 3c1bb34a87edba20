"""The dashboard."""

from demo.chargers import Charger, Entity
from demo.dashboard import configuration

EVERYTHING = {
    "sensor.{}_status": "status",
    "binary_sensor.{}_plug": "plug",
    "switch.{}_charging": "charging",
    "sensor.{}_session_energy": "session_energy",
    "sensor.{}_power": "power",
    "number.{}_limit": "charging_current",
}


def charger(provider: str, name: str, *missing: str) -> Charger:
    return Charger(
        device_id=name,
        provider=provider,
        name=name,
        identifier=f"{provider}_me_{name}",
        serial=None,
        entities=tuple(
            Entity(pattern.format(name), key, key.title())
            for pattern, key in EVERYTHING.items()
            if key not in missing
        ),
    )


def sections(*chargers: Charger) -> list[list[dict[str, object]]]:
    (view,) = configuration(chargers, {"one": "One"})["views"]
    return [section["cards"] for section in view["sections"]]


def test_a_charger_has_a_section_of_tiles() -> None:
    ((heading, *tiles),) = sections(charger("one", "a"))

    assert heading["heading"] == "a · One"
    assert [tile["entity"] for tile in tiles] == [
        "sensor.a_status",
        "binary_sensor.a_plug",
        "switch.a_charging",
        "sensor.a_session_energy",
        "sensor.a_power",
        "number.a_limit",
    ]
    assert [bool(tile.get("features")) for tile in tiles] == [False] * 4 + [True] * 2


def test_what_a_charger_does_not_offer_leaves_no_gap() -> None:
    ((_, *tiles),) = sections(charger("one", "a", "session_energy", "charging_current"))

    assert [tile["grid_options"] for tile in tiles] == [
        {"columns": 6},
        {"columns": 6},
        {"columns": 12},
        {"columns": 12},
    ]


def test_the_providers_take_turns_and_devices_without_a_status_are_left_out() -> None:
    found = sections(
        charger("one", "a"),
        charger("one", "site", "status"),
        charger("one", "b"),
        charger("two", "c"),
    )

    assert [heading["heading"] for heading, *_ in found] == [
        "a · One",
        "c · two",
        "b · One",
    ]
