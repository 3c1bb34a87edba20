"""Devices for tests with the fake provider, and what tests do with their entities."""

from collections.abc import Awaitable, Callable
from dataclasses import fields
from datetime import UTC, datetime
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.ev_charger_cloud.charging import (
    PROFILE_FIELDS,
    PROFILE_ID,
    ActivateSubscription,
    AddBalance,
    ApplyFee,
    Boost,
    BoostState,
    CancelReservation,
    CancelScheduled,
    CancelSubscription,
    ChargingStatus,
    ClearChargingProfile,
    ClearLimit,
    Control,
    ControlState,
    Device,
    ErrorCode,
    HardReset,
    Health,
    Money,
    Pause,
    PaymentStatus,
    Reading,
    RedeemVoucher,
    Refresh,
    ReservationStatus,
    Reserve,
    Reset,
    Resume,
    SessionStatus,
    SetChargePolicy,
    SetChargingProfile,
    SetConfiguration,
    SetUserStatus,
    StartCharging,
    StopCharging,
    StopReason,
    SubscriptionStatus,
    SyncConfiguration,
    TriggerMessage,
    Unlock,
    Value,
)
from custom_components.ev_charger_cloud.const import DOMAIN
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er

type SetUp = Callable[[], Awaitable[MockConfigEntry]]

# What of an entity's entry in the registry the integration decides.
DECIDED = (
    "capabilities",
    "disabled_by",
    "entity_category",
    "has_entity_name",
    "original_device_class",
    "original_name",
    "supported_features",
    "translation_key",
    "unique_id",
    "unit_of_measurement",
)

MOMENT = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)

# A value for each reading there is.
READINGS: dict[Reading, Value] = {
    Reading.STATUS: ChargingStatus.CHARGING,
    Reading.CLOUD_STATUS: "Charging",
    Reading.PLUG: True,
    Reading.CHARGING: True,
    Reading.FULLY_CHARGED: False,
    Reading.PAUSED: False,
    Reading.PROBLEM: False,
    Reading.ERROR_CODE: ErrorCode.NO_ERROR,
    Reading.ERROR_DETAIL: "E-17",
    Reading.SOCKET_LOCK: True,
    Reading.POWER: 7360.0,
    Reading.CURRENT_PHASE_1: 10.7,
    Reading.CURRENT_PHASE_2: 10.6,
    Reading.CURRENT_PHASE_3: 10.5,
    Reading.VOLTAGE_PHASE_1: 231.0,
    Reading.VOLTAGE_PHASE_2: 230.0,
    Reading.VOLTAGE_PHASE_3: 229.0,
    Reading.CURRENT_OFFERED: 16.0,
    Reading.POWER_OFFERED: 11000.0,
    Reading.MAXIMUM_CURRENT: 32.0,
    Reading.MAXIMUM_POWER: 22000.0,
    Reading.STATE_OF_CHARGE: 54.0,
    Reading.TEMPERATURE: 31.0,
    Reading.LIFETIME_ENERGY: 1234567.0,
    Reading.SESSION_STATUS: SessionStatus.ACTIVE,
    Reading.SESSION_ENERGY: 7200.0,
    Reading.SESSION_COST: Money(2.52, "EUR"),
    Reading.SESSION_START: MOMENT,
    Reading.SESSION_END: MOMENT,
    Reading.SESSION_DURATION: 3600.0,
    Reading.TIME_REMAINING: 1800.0,
    Reading.STOP_REASON: StopReason.REMOTE,
    Reading.LAST_SESSION_ENERGY: 14200.0,
    Reading.LAST_SESSION_COST: Money(4.97, "EUR"),
    Reading.PAYMENT_STATUS: PaymentStatus.PARTIALLY_PAID,
    Reading.RESERVATION: ReservationStatus.DONE,
    Reading.RESERVED_UNTIL: MOMENT,
    Reading.LIMIT_VALID_UNTIL: MOMENT,
    Reading.BOOST_STATE: BoostState.AVAILABLE,
    Reading.SURPLUS_ENERGY: 3100.0,
    Reading.SURPLUS_SAVINGS: Money(0.81, "EUR"),
    Reading.OPTIMISATION_SCORE: 0.75,
    Reading.ENERGY_LAST_DAY: 21000.0,
    Reading.ENERGY_LAST_WEEK: 84000.0,
    Reading.ENERGY_LAST_MONTH: 301000.0,
    Reading.LAST_UPDATE: MOMENT,
    Reading.LAST_HEARTBEAT: MOMENT,
    Reading.LAST_BOOT: MOMENT,
    Reading.DATA_SOURCE: "meter",
    Reading.DATA_LINK: True,
    Reading.LINKED: True,
    Reading.ATTENTION_NEEDED: False,
    Reading.NEEDS_GATEWAY: False,
    Reading.BLOCKED: False,
    Reading.SERVER: "Main server",
    Reading.LICENCE: "Business",
    Reading.LAST_ACTION: "Remote start accepted",
    Reading.LAST_ACTION_ERROR: "Timed out",
    Reading.SCHEDULED_AT: MOMENT,
    Reading.CONNECTION_STATUS: Health.OK,
    Reading.MONITORING_STATUS: Health.WARNING,
    Reading.STEERING_STATUS: Health.ERROR,
    Reading.STEERING_STATE: "manual",
    Reading.OPERATING_MODE: "surplus",
    Reading.PRICE_ZONE: "AT",
    Reading.FORECASTING: False,
    Reading.TRADING: True,
    Reading.INVERTER_FORCED_MODE: False,
    Reading.INVERTER_FORCED_MODE_ENABLED: True,
    Reading.INVERTER_FORCED_MODE_SINCE: MOMENT,
    Reading.COMMENT: "Ask Alex for the key",
    Reading.BUILDING: "5b0e1f5e-6f0a-4b8e-9c55-0c8f3c0a1d01",
    Reading.CREATED_AT: MOMENT,
    Reading.UPDATED_AT: MOMENT,
    Reading.CHARGE_POLICY_UPDATED_AT: MOMENT,
    Reading.CONSUMPTION_UPDATED_AT: MOMENT,
    Reading.MONITORED_AT: MOMENT,
    Reading.ENERGY_PRICE: Money(0.3512, "EUR"),
    Reading.BALANCE: Money(25.0, "EUR"),
    Reading.SUBSCRIPTION: SubscriptionStatus.ACTIVE,
    Reading.SUBSCRIPTION_PLAN: "Commuter",
    Reading.SUBSCRIPTION_END: MOMENT,
    Reading.ALLOWANCE: 80_000.0,
    Reading.TARIFF: "Staff and guests",
    Reading.PARTNER: "Example Housing",
}

# A state for each control there is.
CONTROLS: dict[Control, ControlState] = {
    Control.CHARGING: ControlState(value=True),
    Control.AVAILABILITY: ControlState(value=True),
    Control.PLUG_AND_CHARGE: ControlState(value=False),
    Control.SMART_OPTIMISATION: ControlState(value=True),
    Control.CHARGE_POLICY: ControlState(value=False),
    Control.OVER_CHARGE: ControlState(value=False),
    Control.BOOST: ControlState(value=False),
    Control.LOCK: ControlState(value=False),
    Control.CURRENT_LIMIT: ControlState(
        value=10.0, minimum=6, maximum=16, step=1, timed=True
    ),
    Control.POWER_LIMIT: ControlState(value=7400.0, minimum=0, maximum=11000, step=100),
    Control.CIRCUIT_LIMIT: ControlState(value=50.0),
    Control.TARGET_MINIMUM: ControlState(value=20.0),
    Control.TARGET_MAXIMUM: ControlState(value=80.0),
    Control.DEADLINE_LEVEL: ControlState(value=70.0),
    Control.DEADLINE: ControlState(value=MOMENT),
    Control.PAUSE_UNTIL: ControlState(value=None),
    Control.START_CARD: ControlState(value="Mine", options=("Mine", "Yours")),
    Control.SMART_CHARGING_MODE: ControlState(
        value="dynamic", options=("disabled", "dynamic")
    ),
}

# Each command there is but SetControl, which the controls stand for.
COMMANDS = {
    command: frozenset(
        each.name for each in fields(command) if each.name != "device_id"
    )
    for command in (
        Boost,
        CancelReservation,
        CancelScheduled,
        ClearChargingProfile,
        ClearLimit,
        HardReset,
        Pause,
        Refresh,
        Reserve,
        Reset,
        Resume,
        SetChargePolicy,
        SetChargingProfile,
        StartCharging,
        StopCharging,
        ActivateSubscription,
        AddBalance,
        ApplyFee,
        CancelSubscription,
        RedeemVoucher,
        SetConfiguration,
        SetUserStatus,
        SyncConfiguration,
        TriggerMessage,
        Unlock,
    )
}
COMMANDS[SetChargingProfile] |= PROFILE_FIELDS | {PROFILE_ID}


def charger(device_id: str = "c1", **changes: object) -> Device:
    """Return a plain charger."""
    return Device(
        **{
            "id": device_id,
            "name": f"Charger {device_id}",
            "online": True,
            "readings": {
                Reading.STATUS: ChargingStatus.CONNECTED,
                Reading.CHARGING: False,
                Reading.POWER: 0.0,
                Reading.SESSION_ENERGY: 1500.0,
            },
            "controls": {
                Control.CHARGING: ControlState(value=False),
                Control.CURRENT_LIMIT: ControlState(
                    value=16.0, minimum=6, maximum=16, step=1, timed=True
                ),
            },
            "commands": {
                command: COMMANDS[command]
                for command in (StartCharging, StopCharging, ClearLimit)
            },
            **changes,
        }  # type: ignore[arg-type]
    )


def everything(**changes: object) -> Device:
    """Return a charger that reads and offers all there is."""
    return charger(
        **{
            "name": "Garage",
            "maker": "Alfen",
            "model": "Eve Single",
            "serial": "ACE0123456",
            "firmware": "6.5.0",
            "readings": READINGS,
            "controls": CONTROLS,
            "commands": COMMANDS,
            **changes,
        }
    )


async def tick(
    home: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float
) -> None:
    """Let time pass."""
    freezer.tick(seconds)
    async_fire_time_changed(home)
    await home.async_block_till_done(wait_background_tasks=True)


async def set_up_platform(set_up: SetUp, platform: Platform) -> MockConfigEntry:
    """Set the account up with one platform alone, nothing of it disabled."""
    with (
        patch("custom_components.ev_charger_cloud.PLATFORMS", [platform]),
        patch(
            "homeassistant.helpers.entity.Entity.entity_registry_enabled_default", True
        ),
    ):
        return await set_up()


async def match_platform(
    home: HomeAssistant,
    set_up: SetUp,
    platform: Platform,
    snapshot: SnapshotAssertion,
) -> None:
    """Compare all entities of a platform, and their states, with a snapshot.

    Only what the integration decides is compared: Home Assistant's own fields come
    and go with its releases.
    """
    entry = await set_up_platform(set_up, platform)
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    found = er.async_entries_for_config_entry(er.async_get(home), entry.entry_id)
    assert found
    for entity in sorted(found, key=lambda entity: entity.entity_id):
        state = home.states.get(entity.entity_id)
        assert state
        assert {
            "state": state.state,
            "attributes": dict(sorted(state.attributes.items())),
            **{field: getattr(entity, field) for field in DECIDED},
        } == snapshot(name=entity.entity_id)


def device_entry(home: HomeAssistant, device_id: str) -> dr.AnyDeviceEntry | None:
    """Return what the registry has of a device of the fake account."""
    registry = dr.async_get(home)
    wanted = (DOMAIN, f"fake_account-1_{device_id}")
    for entry in home.config_entries.async_entries(DOMAIN):
        for device in (
            *dr.async_entries_for_config_entry(registry, entry.entry_id),
            *dr.async_child_entries_for_config_entry(registry, entry.entry_id),
        ):
            if wanted in device.identifiers:
                return device
    return None


def entity_ids(home: HomeAssistant, platform: Platform, device_id: str) -> list[str]:
    """Return the entities that a device of the fake account has on a platform."""
    prefix = f"fake_account-1_{device_id}_"
    return sorted(
        entity.entity_id
        for entity in er.async_get(home).entities.values()
        if entity.domain == platform and entity.unique_id.startswith(prefix)
    )
