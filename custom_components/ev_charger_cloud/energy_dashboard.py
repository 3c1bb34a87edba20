"""The Energy dashboard: which chargers are in it, and which are in it twice.

A charger has a statistic of its sessions and may have sensors of its energy, and another
account may reach it too. One of all these belongs among the dashboard's devices, or among
the meters of its grid; of two the same energy counts twice. One that is said to be
included in another does not, nor does a device whose energy comes by a meter of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from homeassistant.components.energy.data import (
    DeviceConsumption,
    EnergyManager,
    async_get_manager,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.util.hass_dict import HassKey

from .charging import Device, DeviceKind, Reading
from .const import DOMAIN
from .coordinator import ChargingCoordinator
from .identity import is_older, same_cloud
from .ledger import Ledger
from .statistics import energy_statistic_id

NOT_IN_DASHBOARD = "not_in_energy_dashboard"
COUNTED_TWICE = "energy_counted_twice"

# The sensors of a device that count what its sessions count.
_SENSORS = (Reading.LIFETIME_ENERGY, Reading.SESSION_ENERGY, "estimated_energy")

_LISTENING: HassKey[bool] = HassKey(f"{DOMAIN}_energy_dashboard")


@dataclass(frozen=True, slots=True, kw_only=True)
class Countable:
    """A device with sessions, its statistic and what else counts the same energy.

    `elsewhere` says that an account from before has the same charger.
    """

    device_id: str
    name: str
    statistic: str
    others: frozenset[str]
    elsewhere: bool = False


async def async_manager(hass: HomeAssistant) -> EnergyManager | None:
    """Return the dashboard's settings, None where nobody has set it up."""
    if "energy" not in hass.config.components:
        return None
    manager = await async_get_manager(hass)
    return None if manager.data is None else manager


async def _follow(hass: HomeAssistant) -> None:
    """Look at all accounts whenever the dashboard's settings change."""
    if hass.data.get(_LISTENING) or "energy" not in hass.config.components:
        return
    hass.data[_LISTENING] = True

    async def changed() -> None:
        for entry in hass.config_entries.async_loaded_entries(DOMAIN):
            await async_check(hass, entry.runtime_data, entry.runtime_data.ledger)

    (await async_get_manager(hass)).async_listen_updates(changed)


type _Chargers = dict[tuple[str, str], list[tuple[ChargingCoordinator, Device]]]


@callback
def countables(coordinator: ChargingCoordinator, ledger: Ledger) -> list[Countable]:
    """Return the devices that have sessions.

    What counts a charger counts its connectors, too.
    """
    elsewhere = _chargers_elsewhere(coordinator)
    found = []
    for device_id in ledger.device_ids:
        device = coordinator.data.get(device_id)
        if device is None or not ledger.counts(device_id):
            continue
        charger = coordinator.data[coordinator.charger_id(device)]
        counting = _counting(coordinator, {device_id, charger.id})
        older = False
        for other, twin in (
            *elsewhere.get(("id", charger.id), ()),
            *elsewhere.get(("serial", charger.serial or ""), ()),
        ):
            counting |= _counting(other, {device_id, twin.id} & other.data.keys())
            older |= is_older(other.config_entry, coordinator.config_entry)
        statistic = energy_statistic_id(coordinator.devices.unique_id(device_id))
        found.append(
            Countable(
                device_id=device_id,
                name=coordinator.title_of(device),
                statistic=statistic,
                others=frozenset(counting - {statistic}),
                elsewhere=older,
            )
        )
    return found


def _chargers_elsewhere(coordinator: ChargingCoordinator) -> _Chargers:
    """Return the chargers of other accounts, by what may tell that one is the same.

    That is its serial number, or its id where the accounts are at one cloud.
    """
    found: _Chargers = {}
    for entry in coordinator.hass.config_entries.async_loaded_entries(DOMAIN):
        if entry is coordinator.config_entry:
            continue
        by_id = same_cloud(entry, coordinator.config_entry)
        for device in entry.runtime_data.data.values():
            if device.kind is not DeviceKind.CHARGER:
                continue
            twin = entry.runtime_data, device
            if device.serial:
                found.setdefault(("serial", device.serial), []).append(twin)
            if by_id:
                found.setdefault(("id", device.id), []).append(twin)
    return found


def _counting(coordinator: ChargingCoordinator, device_ids: Iterable[str]) -> set[str]:
    """Return the statistics and sensors that count the energy of some devices."""
    registry = er.async_get(coordinator.hass)
    counting = set()
    for device_id in device_ids:
        unique_id = coordinator.devices.unique_id(device_id)
        counting.add(energy_statistic_id(unique_id))
        for key in _SENSORS:
            entity_id = registry.async_get_entity_id(
                "sensor", DOMAIN, f"{unique_id}_{key}"
            )
            if entity_id is not None:
                counting.add(entity_id)
    return counting


def _devices(manager: EnergyManager) -> dict[str, str | None]:
    """Return the individual devices of the dashboard, and what includes them."""
    if manager.data is None:
        return {}
    return {
        each["stat_consumption"]: each.get("included_in_stat")
        for each in manager.data["device_consumption"]
    }


def _meters(manager: EnergyManager) -> list[str]:
    """Return what counts the energy that comes from the grid."""
    sources: list[Mapping[str, Any]] = (
        [] if manager.data is None else [*manager.data["energy_sources"]]
    )
    return [
        each["stat_energy_from"]
        for each in sources
        if each["type"] == "grid" and each.get("stat_energy_from")
    ]


def twice(manager: EnergyManager, countable: Countable) -> list[str]:
    """Return what counts a device more than once, nothing if it is counted once."""
    all_of_it = {countable.statistic, *countable.others}
    devices = _devices(manager)
    found: list[str] = []
    for counted in (
        [each for each in devices if each in all_of_it],
        [each for each in _meters(manager) if each in all_of_it],
    ):
        several = [each for each in counted if devices.get(each) not in counted]
        if len(several) > 1:
            found += several
    return found


def missing(manager: EnergyManager, candidates: Iterable[Countable]) -> list[Countable]:
    """Return the devices that nothing counts."""
    counted = {*_devices(manager), *_meters(manager)}
    return [
        each
        for each in candidates
        if not each.elsewhere and not counted & {each.statistic, *each.others}
    ]


async def async_check(
    hass: HomeAssistant, coordinator: ChargingCoordinator, ledger: Ledger
) -> None:
    """Raise or end the issues of an account."""
    await _follow(hass)
    manager = await async_manager(hass)
    if manager is None:
        return
    entry = coordinator.config_entry
    there = countables(coordinator, ledger)
    offered = missing(manager, there)
    issue_id = f"{NOT_IN_DASHBOARD}_{entry.entry_id}"
    if offered:
        _raise(hass, NOT_IN_DASHBOARD, issue_id, entry.entry_id, None, entry.title)
    else:
        ir.async_delete_issue(hass, DOMAIN, issue_id)
    for each in there:
        issue_id = f"{COUNTED_TWICE}_{entry.entry_id}_{each.device_id}"
        if twice(manager, each):
            _raise(
                hass, COUNTED_TWICE, issue_id, entry.entry_id, each.device_id, each.name
            )
        else:
            ir.async_delete_issue(hass, DOMAIN, issue_id)


@callback
def async_end_issues(hass: HomeAssistant, entry_id: str) -> None:
    """End the issues of an account that is removed."""
    for domain, issue_id in list(ir.async_get(hass).issues):
        if domain == DOMAIN and issue_id.startswith(
            (f"{NOT_IN_DASHBOARD}_{entry_id}", f"{COUNTED_TWICE}_{entry_id}")
        ):
            ir.async_delete_issue(hass, DOMAIN, issue_id)


@callback
def _raise(
    hass: HomeAssistant,
    key: str,
    issue_id: str,
    entry_id: str,
    device_id: str | None,
    subject: str,
) -> None:
    """Raise an issue that a click mends."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=key,
        translation_placeholders={"subject": subject},
        data={"entry_id": entry_id, "device_id": device_id},
    )


async def async_add(hass: HomeAssistant, chosen: Iterable[Countable]) -> None:
    """Add devices to the dashboard; what is there stays as it is."""
    if (manager := await async_manager(hass)) is None or manager.data is None:
        return
    await manager.async_update(
        {
            "energy_sources": manager.data["energy_sources"],
            "device_consumption": [
                *manager.data["device_consumption"],
                *(
                    DeviceConsumption(stat_consumption=each.statistic, name=each.name)
                    for each in chosen
                ),
            ],
        }
    )


async def async_remove(hass: HomeAssistant, ids: Iterable[str]) -> None:
    """Take statistics out of the devices and the grid of the dashboard."""
    if (manager := await async_manager(hass)) is None or manager.data is None:
        return
    gone = set(ids)
    sources = []
    for source in manager.data["energy_sources"]:
        if source["type"] == "grid" and source["stat_energy_from"] in gone:
            if not source.get("stat_energy_to") and not source.get("stat_rate"):
                continue
            # What else is known of this connection stays.
            source = {
                **source,
                "stat_energy_from": None,
                "stat_cost": None,
                "entity_energy_price": None,
                "number_energy_price": None,
            }
        sources.append(source)
    await manager.async_update(
        {
            "energy_sources": sources,
            "device_consumption": [
                each
                for each in manager.data["device_consumption"]
                if each["stat_consumption"] not in gone
            ],
        }
    )
