"""The chargers as Home Assistant's registries tell of them."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
import re
from typing import Any

from .hardware import Connector, connector_of
from .home import Home, State
from .process import DOMAIN

LIMITS = ("charging_current", "maximum_power")
"""The translation keys of what limits a charger."""

_LAST_NUMBER = re.compile(r"(\d+)\D*$")


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity of ours: `key` is its translation key, told apart by its domain."""

    id: str
    key: str
    name: str

    @property
    def domain(self) -> str:
        """Return what kind of entity it is."""
        return self.id.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Charger:
    """A device of ours: a charger, a connector, or what surrounds them.

    `provider` is the key of its cloud; `identifier` ends in the cloud's own id.
    `position` counts the connectors of a charger.
    """

    device_id: str
    provider: str
    name: str
    identifier: str
    serial: str | None
    entities: tuple[Entity, ...]
    parent: Charger | None = None
    position: int = 1

    @property
    def title(self) -> str:
        """Return a name that says which connector of which charger."""
        return f"{self.parent.name} {self.name}" if self.parent else self.name

    def entity(self, domain: str, *keys: str) -> Entity | None:
        """Return an entity, of the charger when the connector has none such."""
        for key in keys:
            for entity in self.entities:
                if (entity.domain, entity.key) == (domain, key):
                    return entity
        return self.parent.entity(domain, *keys) if self.parent else None

    @property
    def connector_number(self) -> int:
        """Return the number of the connector, by its name or else its position."""
        if self.parent is None:
            return 1
        found = _LAST_NUMBER.search(self.name)
        return int(found[1]) if found else self.position

    def connector(self, stations: Mapping[str, Any]) -> Connector | None:
        """Find the hardware behind this device."""
        charger = self.parent or self
        return connector_of(
            stations,
            identifier=charger.identifier,
            serial=charger.serial,
            name=charger.name,
            number=self.connector_number,
        )


async def chargers_of(home: Home, providers: Collection[str]) -> list[Charger]:
    """Return all devices of ours, sorted by provider and name."""
    devices = await home.command("config/device_registry/list")
    entities = await home.command("config/entity_registry/list")
    return sorted(
        assemble(devices, entities, providers),
        key=lambda each: (each.provider, each.title.casefold()),
    )


def assemble(
    devices: Iterable[Mapping[str, Any]],
    entities: Iterable[Mapping[str, Any]],
    providers: Collection[str],
) -> Iterator[Charger]:
    """Put devices and their enabled entities together, parents before children."""
    ours: dict[str, list[Entity]] = {}
    for entry in entities:
        if entry["platform"] == DOMAIN and not entry["disabled_by"]:
            ours.setdefault(entry["device_id"], []).append(
                Entity(
                    entry["entity_id"],
                    entry["translation_key"] or "",
                    entry["name"] or entry["original_name"] or "",
                )
            )
    known: dict[str, Charger] = {}
    siblings = Counter[str]()
    for device in sorted(devices, key=_parents_first):
        keys = [key for domain, key in device["identifiers"] if domain == DOMAIN]
        provider = keys[0].partition("_")[0] if keys else ""
        if provider not in providers:
            continue
        parent = _parent(device)
        siblings[parent] += 1
        known[device["id"]] = charger = Charger(
            device_id=device["id"],
            provider=provider,
            name=device["name_by_user"] or device["name"],
            identifier=keys[0],
            serial=device.get("serial_number"),
            entities=tuple(ours.get(device["id"], ())),
            parent=known.get(parent),
            position=siblings[parent],
        )
        yield charger


def _parent(device: Mapping[str, Any]) -> str:
    """Return the id of the device that a connector is part of, empty for none."""
    return str(device.get("parent_device_id") or "")


def _parents_first(device: Mapping[str, Any]) -> tuple[bool, list[str]]:
    """Sort chargers before connectors, and these by their ids."""
    return bool(_parent(device)), sorted(key for _, key in device["identifiers"])


def state_of(home: Home, entity: Entity | None) -> State | None:
    """Return the state of an entity, None when it is not offered or not known."""
    state = home.states.get(entity.id) if entity else None
    return state if state and state.known else None
