"""The Energy dashboard: which chargers are in it, and which are in it twice.

A charger has a statistic of its sessions and may have sensors of its energy. Either of
them belongs there, and both count the same energy twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from homeassistant.components.energy.data import (
    DeviceConsumption,
    EnergyManager,
    async_get_manager,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er, issue_registry as ir

from .charging import Reading
from .const import DOMAIN
from .coordinator import ChargingCoordinator
from .ledger import Ledger
from .statistics import energy_statistic_id

NOT_IN_DASHBOARD = "not_in_energy_dashboard"
COUNTED_TWICE = "energy_counted_twice"

# The sensors of a device that count what its sessions count.
_SENSORS = (Reading.LIFETIME_ENERGY, Reading.SESSION_ENERGY, "estimated_energy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Countable:
    """A device with sessions, its statistic and its sensors of the same energy."""

    device_id: str
    name: str
    statistic: str
    sensors: frozenset[str]


async def async_manager(hass: HomeAssistant) -> EnergyManager | None:
    """Return the dashboard's settings, None where nobody has set it up."""
    if "energy" not in hass.config.components:
        return None
    manager = await async_get_manager(hass)
    return None if manager.data is None else manager


@callback
def countables(coordinator: ChargingCoordinator, ledger: Ledger) -> list[Countable]:
    """Return the devices that have sessions.

    The sensors of a charger count those of its connectors, too.
    """
    registry = er.async_get(coordinator.hass)
    found = []
    for device_id in ledger.device_ids:
        device = coordinator.data.get(device_id)
        if device is None or not ledger.counts(device_id):
            continue
        unique_ids = {
            coordinator.devices.unique_id(each)
            for each in (device_id, coordinator.charger_id(device))
        }
        sensors = {
            registry.async_get_entity_id("sensor", DOMAIN, f"{unique_id}_{key}")
            for unique_id in unique_ids
            for key in _SENSORS
        }
        found.append(
            Countable(
                device_id=device_id,
                name=coordinator.name_of(device),
                statistic=energy_statistic_id(coordinator.devices.unique_id(device_id)),
                sensors=frozenset(each for each in sensors if each),
            )
        )
    return found


def _devices(manager: EnergyManager) -> list[DeviceConsumption]:
    """Return the individual devices of the dashboard."""
    return [] if manager.data is None else manager.data["device_consumption"]


def twice(manager: EnergyManager, countable: Countable) -> set[str]:
    """Return the sensors that count a device again, none if one includes the other."""
    devices = {
        each["stat_consumption"]: each.get("included_in_stat")
        for each in _devices(manager)
    }
    if countable.statistic not in devices:
        return set()
    return {
        sensor
        for sensor in countable.sensors & devices.keys()
        if devices[sensor] != countable.statistic
        and devices[countable.statistic] != sensor
    }


def missing(manager: EnergyManager, candidates: Iterable[Countable]) -> list[Countable]:
    """Return the devices that nothing counts."""
    counted = {each["stat_consumption"] for each in _devices(manager)}
    return [
        each for each in candidates if not counted & {each.statistic, *each.sensors}
    ]


async def async_check(
    hass: HomeAssistant, coordinator: ChargingCoordinator, ledger: Ledger
) -> None:
    """Raise or end the issues of an account."""
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
    """Take statistics out of the devices of the dashboard."""
    if (manager := await async_manager(hass)) is None or manager.data is None:
        return
    gone = set(ids)
    await manager.async_update(
        {
            "energy_sources": manager.data["energy_sources"],
            "device_consumption": [
                each
                for each in manager.data["device_consumption"]
                if each["stat_consumption"] not in gone
            ],
        }
    )
