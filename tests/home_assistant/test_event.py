"""Event entities: what happened while Home Assistant watched."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from syrupy.assertion import SnapshotAssertion

from custom_components.ev_charger_cloud.charging import (
    ChargingStatus,
    ClearLimit,
    CommandRefusedError,
    ErrorCode,
    Event,
    EventKind,
    Money,
    Reading,
    Refusal,
    SessionStatus,
    StopReason,
    UnreachableError,
    Value,
)
from homeassistant.const import STATE_UNKNOWN, Platform
from homeassistant.core import (
    Event as BusEvent,
    EventStateChangedData,
    HomeAssistant,
    callback,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import TrackStates, async_track_state_change_filtered

from .devices import (
    COMMANDS,
    MOMENT,
    SetUp,
    charger,
    device_entry,
    entity_ids,
    match_platform,
    tick,
)
from .fake_provider import FakeProvider

SESSION = "event.charger_c1_session_events"
CHARGER = "event.charger_c1_faults_and_connection"

IDLE: dict[Reading, Value] = {
    Reading.STATUS: ChargingStatus.DISCONNECTED,
    Reading.SESSION_STATUS: SessionStatus.FINISHED,
    Reading.SESSION_ENERGY: 0.0,
    Reading.PROBLEM: False,
    Reading.ERROR_CODE: ErrorCode.NO_ERROR,
}
ACTIVE: dict[Reading, Value] = {
    **IDLE,
    Reading.STATUS: ChargingStatus.CHARGING,
    Reading.SESSION_STATUS: SessionStatus.ACTIVE,
    Reading.SESSION_START: MOMENT,
    Reading.SESSION_ENERGY: 3000.0,
}
FINISHED: dict[Reading, Value] = {
    **IDLE,
    Reading.SESSION_START: MOMENT,
    Reading.SESSION_END: MOMENT + timedelta(hours=2),
    Reading.SESSION_ENERGY: 12400.0,
    Reading.SESSION_COST: Money(4.5, "EUR"),
    Reading.STOP_REASON: StopReason.REMOTE,
}
FAULTY: dict[Reading, Value] = {
    **IDLE,
    Reading.PROBLEM: True,
    Reading.ERROR_CODE: ErrorCode.GROUND_FAILURE,
}


class Heard:
    """What event entities wrote, as automations would meet it."""

    def __init__(self, home: HomeAssistant) -> None:
        """Listen from now on."""
        self.told: list[tuple[str, str]] = []
        self.attributes: dict[str, Any] = {}
        async_track_state_change_filtered(
            home, TrackStates(False, set(), {"event"}), self._note
        )

    @callback
    def _note(self, event: BusEvent[EventStateChangedData]) -> None:
        old, new = event.data["old_state"], event.data["new_state"]
        if old and new and new.state != old.state:
            self.attributes = {
                key: value
                for key, value in new.attributes.items()
                if key not in ("event_types", "friendly_name")
            }
            name = new.entity_id.removeprefix("event.").removesuffix("_events")
            self.told.append((name, new.attributes["event_type"]))


@pytest.fixture
def heard(home: HomeAssistant) -> Heard:
    """Return what is told from now on."""
    return Heard(home)


@pytest.fixture(autouse=True)
def fleet(fake: type[FakeProvider], freezer: FrozenDateTimeFactory) -> None:
    """Give the account an idle charger; time stands still."""
    fake.fleet = {"c1": charger(readings=IDLE)}


@pytest.fixture
def two_connectors(fake: type[FakeProvider]) -> None:
    """Give the charger two connectors, where its vehicles charge."""
    fake.fleet = {
        "c1": charger(readings={}, commands={ClearLimit: COMMANDS[ClearLimit]}),
        "c1/1": charger("c1/1", name="Left", parent="c1", readings=IDLE),
        "c1/2": charger("c1/2", name="Right", parent="c1", readings=IDLE),
    }
    fake.fleet = {
        key: device
        if device.parent is None
        else replace(device, kind=type(device.kind)("connector"))
        for key, device in fake.fleet.items()
    }


async def test_whole_platform(
    home: HomeAssistant, set_up: SetUp, snapshot: SnapshotAssertion
) -> None:
    """A charger tells of its sessions, and of itself."""
    await match_platform(home, set_up, Platform.EVENT, snapshot)


async def test_session(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: Heard,
) -> None:
    """A session is told when it starts, waits and ends, with what it came to."""
    await set_up()
    assert heard.told == []
    for readings in (
        ACTIVE,
        ACTIVE,
        {**ACTIVE, Reading.STATUS: ChargingStatus.SUSPENDED_EV},
        ACTIVE,
        {**ACTIVE, Reading.STATUS: ChargingStatus.SUSPENDED_EVSE},
        FINISHED,
        FINISHED,
    ):
        fake.change("c1", readings=readings)
        await tick(home, freezer, 61)
    assert heard.told == [
        ("charger_c1_session", "session_started"),
        ("charger_c1_session", "waiting_for_vehicle"),
        ("charger_c1_session", "interrupted"),
        ("charger_c1_session", "session_finished"),
    ]
    assert heard.attributes == {
        "event_type": "session_finished",
        "at": (MOMENT + timedelta(hours=2)).isoformat(),
        "energy": 12400.0,
        "duration": 7200.0,
        "cost": 4.5,
        "currency": "EUR",
        "stop_reason": "remote",
    }


async def test_card(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: Heard,
) -> None:
    """Who was let in is told by the masked card, once."""
    await set_up()
    fake.events = (
        Event(kind=EventKind.AUTHORIZED, device_id="c1", key="s1", id_token="…C3D4"),
    )
    await tick(home, freezer, 61)
    await tick(home, freezer, 61)
    assert heard.told == [("charger_c1_session", "authorized")]
    assert heard.attributes == {"event_type": "authorized", "id_token": "…C3D4"}


async def test_two_events_at_once(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: Heard,
) -> None:
    """One session follows the other within a poll: both events are heard."""
    fake.change("c1", readings=ACTIVE)
    await set_up()
    fake.change(
        "c1",
        readings={**ACTIVE, Reading.SESSION_START: MOMENT + timedelta(minutes=20)},
    )
    await tick(home, freezer, 61)
    assert [kind for _, kind in heard.told] == ["session_finished", "session_started"]


async def test_charger(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: Heard,
) -> None:
    """Faults and the charger's connection come and go."""
    await set_up()
    fake.change("c1", readings=FAULTY)
    await tick(home, freezer, 61)
    assert heard.attributes == {
        "event_type": "fault_raised",
        "error_code": "ground_failure",
    }
    fake.change("c1", readings=IDLE)
    await tick(home, freezer, 61)
    for online in (False, True):
        fake.change("c1", online=online)
        await tick(home, freezer, 61)
    assert heard.told == [
        ("charger_c1_faults_and_connection", "fault_raised"),
        ("charger_c1_faults_and_connection", "fault_cleared"),
        ("charger_c1_faults_and_connection", "connection_lost"),
        ("charger_c1_faults_and_connection", "connection_restored"),
    ]


async def test_command_failed(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider], heard: Heard
) -> None:
    """A command that was refused is told with the reason, one that worked is not."""
    await set_up()
    charging = {"entity_id": "switch.charger_c1_charging_allowed"}
    await home.services.async_call("switch", "turn_on", charging, blocking=True)
    assert heard.told == []
    fake.refusal = CommandRefusedError("", reason=Refusal.OFFLINE)
    with pytest.raises(HomeAssistantError):
        await home.services.async_call("switch", "turn_off", charging, blocking=True)
    await home.async_block_till_done()
    assert heard.told == [("charger_c1_session", "command_failed")]
    assert heard.attributes.pop("at")
    assert heard.attributes == {
        "event_type": "command_failed",
        "command": "stop_charging",
        "outcome": "refused",
        "reason": "offline",
    }


@pytest.mark.usefixtures("two_connectors")
async def test_connectors(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: Heard,
) -> None:
    """Each connector tells of its sessions, the charger of all else."""
    await set_up()
    assert entity_ids(home, Platform.EVENT, "c1") == [CHARGER]
    assert entity_ids(home, Platform.EVENT, "c1/1") == [
        "event.charger_c1_left_session_events"
    ]
    fake.change("c1/1", readings=ACTIVE)
    fake.change("c1/2", readings=FAULTY)
    await tick(home, freezer, 61)
    assert heard.told == [
        ("charger_c1_left_session", "session_started"),
        ("charger_c1_faults_and_connection", "fault_raised"),
    ]
    assert heard.attributes["connector"] == "Right"
    # The one leaves in the poll that tells of the other.
    heard.told.clear()
    fake.change("c1/1", readings=FINISHED)
    fake.fleet = {key: fake.fleet[key] for key in ("c1", "c1/1")}
    await tick(home, freezer, 61)
    assert heard.told == [("charger_c1_left_session", "session_finished")]


@pytest.mark.usefixtures("two_connectors")
async def test_command_for_the_charger_of_connectors(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider], heard: Heard
) -> None:
    """What was asked of no connector is told at the charger."""
    await set_up()
    fake.refusal = CommandRefusedError("", reason=Refusal.REJECTED)
    for entity_id in (
        "button.charger_c1_clear_current_limit",
        "switch.charger_c1_left_charging_allowed",
    ):
        domain = entity_id.partition(".")[0]
        with pytest.raises(HomeAssistantError):
            await home.services.async_call(
                domain,
                "press" if domain == "button" else "turn_on",
                {"entity_id": entity_id},
                blocking=True,
            )
        await home.async_block_till_done()
    assert heard.told == [
        ("charger_c1_faults_and_connection", "command_failed"),
        ("charger_c1_left_session", "command_failed"),
    ]


async def test_nothing_is_told_at_reload(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: Heard,
) -> None:
    """What was told stays, nothing is told again, and what is new is."""
    fake.change("c1", readings=ACTIVE)
    fake.events = (Event(kind=EventKind.SESSION_STARTED, device_id="c1", key="s1"),)
    entry = await set_up()
    assert home.states.get(SESSION).state == STATE_UNKNOWN
    fake.change("c1", readings=FINISHED)
    await tick(home, freezer, 61)
    assert [kind for _, kind in heard.told] == ["session_finished"]
    await home.config_entries.async_reload(entry.entry_id)
    await home.async_block_till_done()
    await tick(home, freezer, 61)
    state = home.states.get(SESSION)
    assert state.attributes["event_type"] == "session_finished"
    heard.told.clear()
    fake.change("c1", readings={**ACTIVE, Reading.SESSION_START: MOMENT + timedelta(3)})
    await tick(home, freezer, 61)
    assert [kind for _, kind in heard.told] == ["session_started"]


async def test_session_that_ends_during_an_outage(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: Heard,
) -> None:
    """It is told when the cloud is back, and no trigger misses it.

    Triggers leave out what comes from unavailable, so the entity never is.
    """
    fake.change("c1", readings=ACTIVE)
    await set_up()
    fake.failure = UnreachableError("down")
    await tick(home, freezer, 3700)
    await tick(home, freezer, 3700)
    assert home.states.get("sensor.charger_c1_status").state == "unavailable"
    fake.failure = None
    fake.change("c1", readings=FINISHED)
    await tick(home, freezer, 3700)
    assert home.states.get("sensor.charger_c1_status").state == "disconnected"
    assert heard.told == [("charger_c1_session", "session_finished")]


async def test_other_kinds_are_no_news_here(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    heard: Heard,
) -> None:
    """What has no entity is told on the bus alone."""
    await set_up()
    assert device_entry(home, "c1")
    fake.events = (Event(kind=EventKind.BOOTED, device_id="c1", key="1"),)
    await tick(home, freezer, 61)
    assert heard.told == []
