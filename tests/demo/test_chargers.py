"""Devices of the registries, and the hardware behind them."""

from typing import Any

import pytest

from demo.chargers import Charger, assemble


def device(key: str, identifier: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": key,
        "identifiers": [["ev_charger_cloud", identifier]],
        "name": key.title(),
        "name_by_user": None,
        "parent_device_id": None,
        **fields,
    }


def entity(device_id: str, entity_id: str, key: str, **fields: Any) -> dict[str, Any]:
    return {
        "platform": "ev_charger_cloud",
        "device_id": device_id,
        "entity_id": entity_id,
        "translation_key": key,
        "name": None,
        "original_name": key.title(),
        "disabled_by": None,
        **fields,
    }


def station(key: str, **fields: Any) -> dict[str, Any]:
    connectors = [
        {"number": number, "state": "Available", "currents": [0, 0, 0], "power_w": 0}
        for number in (1, 2)
    ]
    return {
        "id": key,
        "serial": key,
        "name": key,
        "online": True,
        "connectors": connectors,
        **fields,
    }


def by_name(devices: list[dict[str, Any]], *entities: Any) -> dict[str, Charger]:
    found = assemble(devices, entities, ["cloud"])
    return {charger.title: charger for charger in found}


def test_a_connector_has_its_own_entities_and_else_those_of_its_charger() -> None:
    chargers = by_name(
        [
            device("left", "cloud_me_7_1", parent_device_id="garage"),
            device("garage", "cloud_me_7"),
        ],
        entity("left", "sensor.left_status", "status"),
        entity("garage", "number.garage_limit", "charging_current"),
        entity("garage", "sensor.garage_power", "power", disabled_by="integration"),
    )
    left = chargers["Garage Left"]

    assert (status := left.entity("sensor", "status"))
    assert status.id == "sensor.left_status"
    assert (limit := left.entity("number", "maximum_power", "charging_current"))
    assert limit.id == "number.garage_limit"
    assert left.entity("sensor", "power") is None
    assert chargers["Garage"].entity("sensor", "status") is None


def test_others_devices_are_left_out() -> None:
    other = device("lamp", "x") | {"identifiers": [["hue", "cloud_1"]]}

    assert not by_name([other, device("car", "unwanted_me_1")])


@pytest.mark.parametrize(
    ("fields", "matching"),
    [
        ({}, station("7")),
        ({"serial_number": "S1"}, station("x", serial="S1")),
        ({"name_by_user": "Carport"}, station("x", name="Carport")),
    ],
)
def test_hardware_is_found_by_id_serial_or_name(
    fields: dict[str, Any], matching: dict[str, Any]
) -> None:
    (charger,) = by_name([device("garage", "cloud_me_7", **fields)]).values()
    stations = {"17": station("17"), matching["id"]: matching}

    assert (connector := charger.connector(stations))
    assert connector.station == matching["id"]
    assert connector.number == 1
    assert connector.free
    assert charger.connector({"17": station("17")}) is None


def test_a_connector_is_known_by_the_number_in_its_name_or_its_position() -> None:
    garage = device("garage", "cloud_me_7")
    labels = ("left", "right", "plug 1")
    children = [
        device(label, f"cloud_me_7_{n}", parent_device_id="garage")
        for n, label in enumerate(labels)
    ]
    chargers = by_name([garage, *children])

    assert chargers["Garage Left"].connector_number == 1
    assert chargers["Garage Right"].connector_number == 2
    assert chargers["Garage Plug 1"].connector_number == 1


def test_a_charger_that_is_offline_is_not_free() -> None:
    (charger,) = by_name([device("garage", "cloud_me_7")]).values()

    assert (connector := charger.connector({"7": station("7", online=False)}))
    assert not connector.free
