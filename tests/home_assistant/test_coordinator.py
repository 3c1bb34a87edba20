"""The life of a poll."""

import asyncio
from dataclasses import replace
from datetime import timedelta
import logging
from typing import Any
from unittest.mock import patch

from aiohttp import DummyCookieJar
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ev_charger_cloud import coordinator as coordinator_module
from custom_components.ev_charger_cloud.account import AccountCoordinator
from custom_components.ev_charger_cloud.charging import (
    AuthenticationError,
    Boost,
    ChargingError,
    ChargingStatus,
    CommandRefusedError,
    Control,
    Device,
    DeviceKind,
    NotFoundError,
    Notice,
    NoticeKind,
    NotSupportedError,
    PermissionDeniedError,
    RateLimitedError,
    Reading,
    ServerFaultError,
    SetControl,
    UnreachableError,
    UnusableAnswerError,
    changed_readings,
)
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.coordinator import EntityContext
from custom_components.ev_charger_cloud.entity import ChargerEntity
from custom_components.ev_charger_cloud.providers.base import Poll
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE, Platform
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import async_get_platforms

from .devices import SetUp, charger, device_entry, entity_ids, everything, tick
from .fake_provider import FakeProvider

STATUS_1 = "sensor.charger_c1_status"
STATUS_2 = "sensor.charger_c2_status"
CHARGING_1 = "switch.charger_c1_charging_allowed"
LIMIT_1 = "number.charger_c1_charging_current_limit"

# Each error there is, and the text that tells of it.
ERRORS = [
    (AuthenticationError(), "authentication_failed"),
    (PermissionDeniedError(), "permission_denied"),
    (RateLimitedError(retry_after=7), "rate_limited"),
    (UnreachableError(), "unreachable"),
    (ServerFaultError(), "server_fault"),
    (UnusableAnswerError(), "unusable_answer"),
    (NotFoundError(), "not_found"),
    (NotSupportedError(), "not_supported"),
    (CommandRefusedError("E77", reason="e77"), "command_refused"),
    (ChargingError(), "failed"),
]


def state_of(home: HomeAssistant, entity_id: str) -> State:
    """Return a state that must be there."""
    state = home.states.get(entity_id)
    assert state is not None, entity_id
    return state


def shown(home: HomeAssistant, entity_id: str) -> str:
    """Return what an entity shows."""
    return state_of(home, entity_id).state


def set_limit(value: float, device_id: str = "c1") -> SetControl:
    """Return the wish for a current limit."""
    return SetControl(device_id=device_id, control=Control.CURRENT_LIMIT, value=value)


@pytest.fixture(autouse=True)
def fleet(fake: type[FakeProvider]) -> None:
    """Give the account two chargers."""
    fake.fleet = {key: charger(key) for key in ("c1", "c2")}


@pytest.fixture
async def coordinator(
    freezer: FrozenDateTimeFactory, set_up: SetUp
) -> AccountCoordinator:
    """Return the coordinator of the account, set up; time stands still before."""
    coordinator: AccountCoordinator = (await set_up()).runtime_data
    return coordinator


class TestPolls:
    """What a poll brings to the states."""

    async def test_states(self, home: HomeAssistant, set_up: SetUp) -> None:
        """What chargers read and offer shows."""
        entry = await set_up()
        assert entry.state is ConfigEntryState.LOADED
        assert shown(home, STATUS_1) == "connected"
        assert shown(home, "sensor.charger_c1_power") == "0.0"
        assert shown(home, "sensor.charger_c1_session_energy") == "1.5"
        assert shown(home, "binary_sensor.charger_c1_online") == "on"
        assert shown(home, CHARGING_1) == "off"
        limit = state_of(home, LIMIT_1)
        assert limit.state == "16.0"
        assert limit.attributes["max"] == 16
        assert home.states.get("button.charger_c1_clear_current_limit")

    async def test_unchanged_poll_writes_nothing(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """Idle chargers write no state; a changed one writes what changed."""
        await set_up()
        with patch.object(
            Entity,
            "async_write_ha_state",
            autospec=True,
            side_effect=Entity.async_write_ha_state,
        ) as write:
            await tick(home, freezer, 61)
            assert fake.polls == 2
            assert write.call_count == 0
            fake.set_reading("c2", Reading.STATUS, ChargingStatus.DISCONNECTED)
            await tick(home, freezer, 61)
            assert fake.polls == 3
            assert [call.args[0].entity_id for call in write.call_args_list] == [
                STATUS_2
            ]

    async def test_charging_charger_reports_its_power_at_every_poll(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """Helpers that integrate power live on reports, equal ones too."""
        fake.set_reading("c1", Reading.CHARGING, True)
        fake.set_reading("c1", Reading.POWER, 7400.0)
        await set_up()
        before = state_of(home, "sensor.charger_c1_power").last_reported
        await tick(home, freezer, 61)
        after = state_of(home, "sensor.charger_c1_power")
        assert after.last_reported > before
        assert after.last_updated < after.last_reported

    async def test_unchanged_devices_are_not_looked_at(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """They are the same objects; that they were seen again is known all the same."""
        coordinator = (await set_up()).runtime_data
        looked_at = []

        def compare(one: Device, other: Device) -> frozenset[Reading] | None:
            looked_at.append(one.id)
            return changed_readings(one, other)

        fleet = dict(coordinator.data)

        async def poll(self: FakeProvider) -> Poll:
            return Poll(fleet=fleet, interval=timedelta(seconds=60))

        seen_at = coordinator.observed_at("c1")
        with (
            patch.object(coordinator_module, "changed_readings", compare),
            patch.object(fake, "poll", poll),
        ):
            await tick(home, freezer, 61)
            assert looked_at == []
            fleet = {**fleet, "c2": replace(fleet["c2"], model="Other")}
            await tick(home, freezer, 61)
            assert set(looked_at) == {"c2"}
            looked_at.clear()
            await tick(home, freezer, 61)
            assert looked_at == []
            # The very same fleet is news once something newer was seen of a device.
            fake.set_reading("c1", Reading.STATUS, ChargingStatus.FAULTED)
            await coordinator.read("c1")
            await home.async_block_till_done()
            assert shown(home, STATUS_1) == "faulted"
            await tick(home, freezer, 61)
            assert shown(home, STATUS_1) != "faulted"
        assert coordinator.observed_at("c1") >= seen_at + 122

    async def test_only_what_is_sampled_is_woken_while_a_charging_one_is_unchanged(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """Its other entities, and those of idle chargers, are left alone."""
        fake.set_reading("c1", Reading.CHARGING, True)
        fake.set_reading("c1", Reading.POWER, 7400.0)
        coordinator = (await set_up()).runtime_data
        woken = []
        take = ChargerEntity._take

        def note(entity: ChargerEntity) -> Device | None:
            woken.append(entity.entity_id)
            return take(entity)

        with patch.object(ChargerEntity, "_take", note):
            await tick(home, freezer, 61)
            assert woken == ["sensor.charger_c1_power"]
            woken.clear()
            await coordinator.read("c2")
            assert woken == []

    async def test_a_new_value_wakes_those_that_show_it(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        fake: type[FakeProvider],
    ) -> None:
        """Whatever changes, no entity goes on showing what was.

        Four are asked in any case, since it charges.
        """
        fake.fleet = {"c1": everything()}
        coordinator = (await set_up()).runtime_data
        entities = [
            entity
            for platform in async_get_platforms(home, DOMAIN)
            for entity in platform.entities.values()
            if isinstance(entity, ChargerEntity)
        ]
        woken = []
        take = ChargerEntity._take

        def note(entity: ChargerEntity) -> Device | None:
            woken.append(entity.entity_id)
            return take(entity)

        for reading in fake.fleet["c1"].readings:
            fake.set_reading("c1", reading, None)
            woken.clear()
            with patch.object(ChargerEntity, "_take", note):
                await coordinator.async_refresh()
                await home.async_block_till_done()
            assert len(woken) <= 4 + 3, (reading, woken)
            for entity in entities:
                shown_before = entity._shown
                entity._take()
                assert entity._shown == shown_before, (reading, entity.entity_id)

    async def test_stale_device_leaves_the_others_alone(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """A charger that could not be read is unavailable until it can be."""
        await set_up()
        fake.change("c1", stale=True)
        await tick(home, freezer, 61)
        assert shown(home, STATUS_1) == STATE_UNAVAILABLE
        assert shown(home, "sensor.charger_c1_session_energy") == STATE_UNAVAILABLE
        assert shown(home, STATUS_2) == "connected"
        fake.change("c1", stale=False)
        await tick(home, freezer, 61)
        assert shown(home, STATUS_1) == "connected"

    async def test_offline_device_keeps_what_lasts(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """Of an offline charger remains what is still true of it."""
        await set_up()
        fake.change("c1", online=False)
        await tick(home, freezer, 61)
        assert shown(home, "binary_sensor.charger_c1_online") == "off"
        assert shown(home, "sensor.charger_c1_session_energy") == "1.5"
        assert shown(home, STATUS_1) == STATE_UNAVAILABLE
        assert shown(home, CHARGING_1) == STATE_UNAVAILABLE
        assert shown(home, STATUS_2) == "connected"

    async def test_reading_that_is_gone_is_unavailable(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """What a device no longer offers cannot be read, until it offers it again."""
        await set_up()
        whole = fake.fleet["c1"]
        fake.change("c1", readings={}, controls={})
        await tick(home, freezer, 61)
        assert shown(home, STATUS_1) == STATE_UNAVAILABLE
        assert shown(home, LIMIT_1) == STATE_UNAVAILABLE
        fake.fleet = {**fake.fleet, "c1": whole}
        await tick(home, freezer, 61)
        assert shown(home, STATUS_1) == "connected"
        assert shown(home, LIMIT_1) == "16.0"

    async def test_one_entity_in_trouble_does_not_silence_the_rest(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A defect in one entity is logged; all others are written."""
        coordinator = (await set_up()).runtime_data

        def broken() -> None:
            raise RuntimeError("a defect")

        context = EntityContext("c1", sampled=False)
        coordinator._device_listeners["c1"].all.insert(0, (broken, context))
        fake.set_reading("c1", Reading.STATUS, ChargingStatus.FAULTED)
        await coordinator.async_refresh()
        assert shown(home, STATUS_1) == "faulted"
        assert "Unexpected error updating c1" in caplog.text

    @pytest.mark.parametrize(
        ("pace", "proposed", "interval"),
        [
            ("normal", 60, 60),
            ("relaxed", 60, 120),
            ("quick", 60, 30),
            ("quick", 4, 3),
            ("normal", 1, 3),
        ],
    )
    async def test_interval(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        fake: type[FakeProvider],
        fake_entry: MockConfigEntry,
        pace: str,
        proposed: int,
        interval: int,
    ) -> None:
        """The provider proposes, the user sets the pace, the floor holds."""
        home.config_entries.async_update_entry(
            fake_entry, options={"all_chargers": True, "pace": pace}
        )
        fake.interval = timedelta(seconds=proposed)
        entry = await set_up()
        assert entry.runtime_data.update_interval == timedelta(seconds=interval)

    @pytest.mark.parametrize(
        ("pace", "max_interval", "interval"),
        [("relaxed", 45, 45), ("relaxed", 300, 120), ("quick", 45, 30)],
    )
    async def test_interval_is_never_beyond_what_must_be_held(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        fake: type[FakeProvider],
        fake_entry: MockConfigEntry,
        pace: str,
        max_interval: int,
        interval: int,
    ) -> None:
        """No pace lets something lapse that a provider renews with its polls."""
        home.config_entries.async_update_entry(fake_entry, options={"pace": pace})

        async def poll(provider: FakeProvider) -> Poll:
            return Poll(
                fleet=provider.fleet,
                interval=timedelta(seconds=60),
                max_interval=timedelta(seconds=max_interval),
            )

        with patch.object(fake, "poll", poll):
            entry = await set_up()
        assert entry.runtime_data.update_interval == timedelta(seconds=interval)

    async def test_interval_follows_each_poll(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """A provider polls quicker while something happens."""
        await set_up()
        fake.interval = timedelta(seconds=15)
        await tick(home, freezer, 61)
        assert fake.polls == 2
        await tick(home, freezer, 16)
        assert fake.polls == 3

    async def test_context_of_the_provider(
        self, home: HomeAssistant, fake_entry: MockConfigEntry, set_up: SetUp
    ) -> None:
        """A provider is given the settings, the options and what is wanted."""
        home.config_entries.async_update_entry(
            fake_entry,
            options={
                "all_chargers": False,
                "chargers": ["c1"],
                "groups": ["g1"],
                "id_token": "A1",
            },
        )
        await set_up()
        context = FakeProvider.contexts[-1]
        assert context.settings["token"] == "s3cret-token"
        assert context.settings["id_token"] == "A1"
        assert context.selection.wants("c1")
        assert context.selection.wants("c9", "g1")
        assert not context.selection.wants("c2")
        # No account sends what another's cloud, or its own, wants remembered.
        assert isinstance(context.session.cookie_jar, DummyCookieJar)
        assert context.session is not async_get_clientsession(home)


class TestTrouble:
    """What the user sees of a cloud in trouble."""

    @pytest.mark.parametrize(
        ("error", "key"),
        [case for case in ERRORS if not isinstance(case[0], AuthenticationError)],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    async def test_first_poll_fails(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        fake: type[FakeProvider],
        error: ChargingError,
        key: str,
    ) -> None:
        """Set-up is tried again, and the reason is told."""
        fake.failure = error
        entry = await set_up()
        assert entry.state is ConfigEntryState.SETUP_RETRY
        assert entry.error_reason_translation_key == key
        assert entry.error_reason_translation_placeholders is not None
        assert entry.error_reason_translation_placeholders["subject"] == "Fake account"
        fake.failure = None
        await home.config_entries.async_reload(entry.entry_id)
        assert entry.state is ConfigEntryState.LOADED

    async def test_first_poll_is_not_authorised(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """New credentials are asked for after a second opinion, also over attempts."""
        fake.failure = AuthenticationError()
        entry = await set_up()
        assert entry.state is ConfigEntryState.SETUP_RETRY
        assert not home.config_entries.flow.async_progress()
        await tick(home, freezer, 61)
        assert entry.state is ConfigEntryState.SETUP_ERROR
        [flow] = home.config_entries.flow.async_progress_by_handler(DOMAIN)
        assert flow["context"]["source"] == SOURCE_REAUTH
        assert flow["context"]["entry_id"] == entry.entry_id

    async def test_later_poll_is_not_authorised(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """One refusal is bridged; after a second one new credentials are asked for."""
        await set_up()
        fake.failure = AuthenticationError()
        await tick(home, freezer, 61)
        assert shown(home, STATUS_1) == "connected"
        assert not home.config_entries.flow.async_progress()
        await tick(home, freezer, 61)
        assert shown(home, STATUS_1) == STATE_UNAVAILABLE
        assert shown(home, STATUS_2) == STATE_UNAVAILABLE
        [flow] = home.config_entries.flow.async_progress_by_handler(DOMAIN)
        assert flow["context"]["source"] == SOURCE_REAUTH
        await tick(home, freezer, 600)
        assert fake.polls == 3

    async def test_passing_refusal_asks_nobody_to_sign_in(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """Refusals that are hours apart are no two in a row."""
        await set_up()
        for _ in range(3):
            fake.failure = AuthenticationError()
            await tick(home, freezer, 61)
            fake.failure = None
            await tick(home, freezer, 61)
        assert not home.config_entries.flow.async_progress()
        assert shown(home, STATUS_1) == "connected"

    async def test_refusal_of_yesterday_is_no_first_opinion(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """Within hours of other trouble, a refusal is a first one again."""
        await set_up()
        fake.failure = AuthenticationError()
        await tick(home, freezer, 61)
        fake.failure = UnreachableError()
        for _ in range(3):
            await tick(home, freezer, 3601)
        fake.failure = AuthenticationError()
        await tick(home, freezer, 3601)
        assert not home.config_entries.flow.async_progress()
        await tick(home, freezer, 3601)
        assert not home.config_entries.flow.async_progress()
        await tick(home, freezer, 61)
        assert len(home.config_entries.flow.async_progress()) == 1

    @pytest.mark.parametrize(
        ("retry_after", "soonest", "latest"), [(0.0, 60, 60), (1e12, 3600, 3600)]
    )
    async def test_absurd_retry_after(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
        retry_after: float,
        soonest: float,
        latest: float,
    ) -> None:
        """No cloud makes polls come sooner, or stay away for more than an hour."""
        await set_up()
        fake.failure = RateLimitedError(retry_after=retry_after)
        await tick(home, freezer, 61)
        assert fake.polls == 2
        await tick(home, freezer, soonest - 5)
        assert fake.polls == 2
        fake.failure = None
        await tick(home, freezer, latest - soonest + 15)
        assert fake.polls == 3

    async def test_short_trouble_is_bridged(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Two failures pass unseen, polls spread; the third is told, once, and its end."""
        await set_up()
        caplog.clear()
        caplog.set_level(logging.INFO)
        fake.failure = UnreachableError("no route")

        def logged(text: str) -> int:
            return sum(text in record.message for record in caplog.records)

        await tick(home, freezer, 61)
        assert fake.polls == 2
        assert shown(home, STATUS_1) == "connected"
        await tick(home, freezer, 61)  # it waits twice as long now
        assert fake.polls == 2
        await tick(home, freezer, 60)
        assert fake.polls == 3
        assert shown(home, STATUS_1) == "connected"
        assert logged("Error fetching") == 0

        await tick(home, freezer, 241)
        assert fake.polls == 4
        assert shown(home, STATUS_1) == STATE_UNAVAILABLE
        assert shown(home, STATUS_2) == STATE_UNAVAILABLE
        await tick(home, freezer, 481)
        assert fake.polls == 5
        assert logged("Error fetching Fake account data") == 1

        fake.failure = None
        await tick(home, freezer, 901)
        assert fake.polls == 6
        assert shown(home, STATUS_1) == "connected"
        assert shown(home, STATUS_2) == "connected"
        assert logged("Fetching Fake account data recovered") == 1
        await tick(home, freezer, 61)
        assert fake.polls == 7

    async def test_trouble_after_a_recovery_is_bridged_anew(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """Failures are counted in a row."""
        await set_up()
        for _ in range(3):
            fake.failure = ServerFaultError()
            await tick(home, freezer, 61)
            await tick(home, freezer, 121)
            fake.failure = None
            await tick(home, freezer, 241)
            assert shown(home, STATUS_1) == "connected"
        assert fake.polls == 10

    async def test_trouble_of_days_goes_on_quietly(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Polls are never further apart than the longest interval, however long."""
        await set_up()
        caplog.clear()
        fake.failure = UnreachableError()
        for _ in range(60):
            await tick(home, freezer, 901)
        assert fake.polls == 61
        errors = [each for each in caplog.records if each.levelno >= logging.ERROR]
        assert len(errors) == 1
        fake.failure = None
        await tick(home, freezer, 901)
        assert shown(home, STATUS_1) == "connected"

    async def test_cloud_that_asks_to_wait_is_left_alone(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """The next poll comes when the cloud said; data are kept for a while."""
        await set_up()
        fake.failure = RateLimitedError(retry_after=200)
        await tick(home, freezer, 61)
        assert fake.polls == 2
        await tick(home, freezer, 190)
        assert fake.polls == 2
        for polls in (3, 4):  # more often than another trouble is bridged
            await tick(home, freezer, 201)
            assert fake.polls == polls
            assert shown(home, STATUS_1) == "connected"
        await tick(home, freezer, 201)
        assert shown(home, STATUS_1) == STATE_UNAVAILABLE
        # It is left alone all the same.
        await tick(home, freezer, 190)
        assert fake.polls == 5
        fake.failure = None
        await tick(home, freezer, 11)
        assert fake.polls == 6
        assert shown(home, STATUS_1) == "connected"

    async def test_cloud_that_asks_to_wait_for_long(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """Nobody is shown old data for an hour."""
        await set_up()
        fake.failure = RateLimitedError(retry_after=3600)
        await tick(home, freezer, 61)
        assert shown(home, STATUS_1) == STATE_UNAVAILABLE

    async def test_cloud_that_asks_to_wait_without_a_time(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """Polls are spread as with any trouble."""
        await set_up()
        fake.failure = RateLimitedError()
        await tick(home, freezer, 61)
        await tick(home, freezer, 61)
        assert fake.polls == 2
        await tick(home, freezer, 61)
        assert fake.polls == 3
        assert shown(home, STATUS_1) == "connected"

    async def test_command_during_a_failing_poll(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """All entities learn that the cloud is lost, not only those just commanded."""
        coordinator: AccountCoordinator = (await set_up()).runtime_data
        for _ in range(2):
            fake.failure = UnreachableError()
            await coordinator.async_refresh()
        polled = asyncio.Event()

        async def poll(_: FakeProvider) -> None:
            await polled.wait()
            raise UnreachableError

        with patch.object(fake, "poll", poll):
            refresh = asyncio.create_task(coordinator.async_refresh())
            await asyncio.sleep(0)
            await coordinator.commands.execute(set_limit(10.0))
            polled.set()
            await refresh
        assert shown(home, STATUS_1) == STATE_UNAVAILABLE
        assert shown(home, STATUS_2) == STATE_UNAVAILABLE

    async def test_fault_of_ours_makes_all_unavailable(
        self, home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
    ) -> None:
        """A poll that fails as no poll should leaves no old data on show."""
        coordinator: AccountCoordinator = (await set_up()).runtime_data
        await coordinator.async_refresh()
        await coordinator.commands.execute(set_limit(10.0))
        with patch.object(fake, "poll", side_effect=KeyError):
            await coordinator.async_refresh()
        assert shown(home, STATUS_1) == STATE_UNAVAILABLE
        assert shown(home, STATUS_2) == STATE_UNAVAILABLE
        await coordinator.async_refresh()
        assert shown(home, STATUS_1) == "connected"
        assert shown(home, STATUS_2) == "connected"


class TestDevices:
    """Devices come, change and go without a reload."""

    async def test_registry(
        self, home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
    ) -> None:
        """The registry has all that is known of a device."""
        fake.fleet = {
            "c1": charger(
                maker="Alfen",
                model="Eve",
                serial="ACE1",
                firmware="6.5",
                area="Garage",
                url="https://fake.example/c1",
            ),
            "site": charger("site", kind=DeviceKind.SITE, name="Home"),
        }
        await set_up()
        device = device_entry(home, "c1")
        assert isinstance(device, dr.DeviceEntry)
        assert device.name == "Charger c1"
        assert device.manufacturer == "Alfen"
        assert device.model == "Eve"
        assert device.serial_number == "ACE1"
        assert device.sw_version == "6.5"
        assert device.configuration_url == "https://fake.example/c1"
        assert device.entry_type is None
        area = ar.async_get(home).async_get_area_by_name("Garage")
        assert area is not None
        assert device.area_id == area.id
        site = device_entry(home, "site")
        assert isinstance(site, dr.DeviceEntry)
        assert site.entry_type is dr.DeviceEntryType.SERVICE
        assert site.manufacturer == "Fake"

    async def test_connectors_are_children(
        self, home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
    ) -> None:
        """Connectors stand below their charger, in whichever order they are told."""
        fake.fleet = {
            "c1-1": charger(
                "c1-1", kind=DeviceKind.CONNECTOR, name="Connector 1", parent="c1"
            ),
            "c1": charger(),
        }
        await set_up()
        parent, child = device_entry(home, "c1"), device_entry(home, "c1-1")
        assert parent is not None
        assert isinstance(child, dr.ChildDeviceEntry)
        assert child.parent_device_id == parent.id

    async def test_identity_is_updated(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """A new name or firmware reaches the registry."""
        await set_up()
        fake.change("c1", name="Carport", firmware="7.0")
        await tick(home, freezer, 61)
        device = device_entry(home, "c1")
        assert isinstance(device, dr.DeviceEntry)
        assert device.name == "Carport"
        assert device.sw_version == "7.0"

    async def test_new_device(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """A new charger has its entities with the next poll."""
        await set_up()
        fake.fleet = {**fake.fleet, "c3": charger("c3")}
        await tick(home, freezer, 61)
        assert device_entry(home, "c3")
        for platform in (
            Platform.BINARY_SENSOR,
            Platform.BUTTON,
            Platform.NUMBER,
            Platform.SENSOR,
            Platform.SWITCH,
        ):
            assert len(entity_ids(home, platform, "c3")) == len(
                entity_ids(home, platform, "c1")
            )
        assert shown(home, "sensor.charger_c3_status") == "connected"

    async def test_account_without_chargers_waits_for_them(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """Polling goes on though nobody listens yet."""
        fake.fleet = {}
        entry = await set_up()
        assert entry.state is ConfigEntryState.LOADED
        fake.fleet = {"c1": charger()}
        await tick(home, freezer, 61)
        assert shown(home, STATUS_1) == "connected"

    async def test_new_reading_and_control(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """What a charger newly offers has its entity with the next poll."""
        await set_up()
        before = entity_ids(home, Platform.SENSOR, "c1")
        fake.set_reading("c1", Reading.STATE_OF_CHARGE, 54.0)
        fake.set_control("c1", Control.LOCK, value=True)
        fake.change("c1", commands={**fake.fleet["c1"].commands, Boost: frozenset()})
        await tick(home, freezer, 61)
        assert shown(home, "sensor.charger_c1_state_of_charge") == "54.0"
        assert shown(home, "lock.charger_c1_charger_lock") == "locked"
        assert home.states.get("button.charger_c1_charge_now")
        assert len(entity_ids(home, Platform.SENSOR, "c1")) == len(before) + 1

    async def test_new_connector(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """A connector that appears later stands below its charger too."""
        await set_up()
        fake.fleet = {
            **fake.fleet,
            "c1-2": charger(
                "c1-2", kind=DeviceKind.CONNECTOR, name="Connector 2", parent="c1"
            ),
        }
        await tick(home, freezer, 61)
        parent, child = device_entry(home, "c1"), device_entry(home, "c1-2")
        assert parent is not None
        assert isinstance(child, dr.ChildDeviceEntry)
        assert child.parent_device_id == parent.id
        assert entity_ids(home, Platform.SENSOR, "c1-2")

    async def test_device_that_goes_and_returns(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """A charger that is gone leaves the registry; back, it has its entities."""
        await set_up()
        whole = fake.fleet
        before = entity_ids(home, Platform.SENSOR, "c2")
        fake.fleet = {"c1": whole["c1"]}
        await tick(home, freezer, 61)
        assert device_entry(home, "c2") is None
        assert entity_ids(home, Platform.SENSOR, "c2") == []
        assert home.states.get(STATUS_2) is None
        assert shown(home, STATUS_1) == "connected"
        fake.fleet = whole
        await tick(home, freezer, 61)
        assert device_entry(home, "c2")
        assert entity_ids(home, Platform.SENSOR, "c2") == before
        assert shown(home, STATUS_2) == "connected"

    async def test_charger_goes_with_its_connectors(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """Nothing of a charger remains."""
        connector = charger(
            "c1-1", kind=DeviceKind.CONNECTOR, name="Connector 1", parent="c1"
        )
        fake.fleet = {**fake.fleet, "c1-1": connector}
        await set_up()
        assert device_entry(home, "c1-1")
        fake.fleet = {"c2": fake.fleet["c2"]}
        await tick(home, freezer, 61)
        assert device_entry(home, "c1") is None
        assert device_entry(home, "c1-1") is None
        assert device_entry(home, "c2")

    async def test_connector_that_one_answer_lacks_stays(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """It is unavailable, and leaves after three answers over ten minutes."""
        whole = {
            "c1": charger(),
            "c1-1": charger(
                "c1-1", kind=DeviceKind.CONNECTOR, name="Connector 1", parent="c1"
            ),
        }
        fake.fleet = whole
        await set_up()
        (status,) = (
            entity_id
            for entity_id in entity_ids(home, Platform.SENSOR, "c1-1")
            if entity_id.endswith("_status")
        )
        fake.fleet = {"c1": whole["c1"]}
        for _ in range(2):
            await tick(home, freezer, 61)
            assert shown(home, status) == STATE_UNAVAILABLE
        fake.fleet = whole
        await tick(home, freezer, 61)
        assert shown(home, status) == "connected"
        fake.fleet = {"c1": whole["c1"]}
        for _ in range(10):
            await tick(home, freezer, 61)
            assert device_entry(home, "c1-1")
        await tick(home, freezer, 61)
        assert device_entry(home, "c1-1") is None
        assert device_entry(home, "c1")

    async def test_unwanted_device_of_an_earlier_run_is_removed(
        self, home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
    ) -> None:
        """A charger that was deselected is cleared away, with its connectors."""
        fake.fleet = {
            **fake.fleet,
            "c2-1": charger("c2-1", kind=DeviceKind.CONNECTOR, parent="c2"),
        }
        entry = await set_up()
        assert device_entry(home, "c2-1")
        fake.fleet = {"c1": charger()}
        home.config_entries.async_update_entry(
            entry, options={"all_chargers": False, "chargers": ["c1"]}
        )
        await home.config_entries.async_reload(entry.entry_id)
        assert device_entry(home, "c1")
        assert device_entry(home, "c2-1") is None
        assert device_entry(home, "c2") is None

    async def test_stale_charger_at_the_start_keeps_its_connectors(
        self, home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
    ) -> None:
        """What could not be read is not gone."""
        fake.fleet = {
            "c1": charger(),
            "c1-1": charger("c1-1", kind=DeviceKind.CONNECTOR, parent="c1"),
        }
        entry = await set_up()
        fake.fleet = {"c1": charger(stale=True)}
        await home.config_entries.async_reload(entry.entry_id)
        assert device_entry(home, "c1")
        assert device_entry(home, "c1-1")

    async def test_many_devices(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """Large accounts give way to others in between, and lose nothing."""
        fake.fleet = {f"c{number}": charger(f"c{number}") for number in range(90)}
        await set_up()
        assert all(device_entry(home, key) for key in fake.fleet)
        assert shown(home, "sensor.charger_c89_status") == "connected"
        fake.fleet = {}
        await tick(home, freezer, 61)
        assert (
            dr.async_entries_for_config_entry(
                dr.async_get(home),
                home.config_entries.async_entries(DOMAIN)[0].entry_id,
            )
            == []
        )


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call an account of two devices large."""
    monkeypatch.setattr("custom_components.ev_charger_cloud.coordinator.LARGE_FLEET", 1)


class TestEssentials:
    """Home Assistant does not take more entities of an account than so many."""

    ESSENTIAL = {
        "binary_sensor.charger_c1_online",
        "sensor.charger_c1_status",
        "sensor.charger_c1_power",
        "switch.charger_c1_charging_allowed",
    }

    def found(self, home: HomeAssistant) -> set[str]:
        """Return the entities of the first charger."""
        return {
            entity_id
            for platform in Platform
            for entity_id in entity_ids(home, platform, "c1")
        }

    @pytest.mark.parametrize("wish", ["automatic", "all", None])
    async def test_small_account(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        fake_entry: MockConfigEntry,
        wish: str | None,
    ) -> None:
        """All that is offered is made, unless the user wants less."""
        options = {} if wish is None else {"entities": wish}
        home.config_entries.async_update_entry(fake_entry, options=options)
        await set_up()
        assert self.found(home) > self.ESSENTIAL
        assert LIMIT_1 in self.found(home)

    @pytest.mark.usefixtures("large")
    @pytest.mark.parametrize("wish", ["automatic", "essential"])
    async def test_large_account(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        fake_entry: MockConfigEntry,
        wish: str,
    ) -> None:
        """Of each charger remains what it is known by."""
        home.config_entries.async_update_entry(fake_entry, options={"entities": wish})
        await set_up()
        assert self.found(home) == self.ESSENTIAL

    @pytest.mark.usefixtures("large")
    async def test_large_account_whole(
        self, home: HomeAssistant, set_up: SetUp, fake_entry: MockConfigEntry
    ) -> None:
        """The user may want all the same."""
        home.config_entries.async_update_entry(fake_entry, options={"entities": "all"})
        await set_up()
        assert LIMIT_1 in self.found(home)

    async def test_small_account_by_choice(
        self, home: HomeAssistant, set_up: SetUp, fake_entry: MockConfigEntry
    ) -> None:
        """The user may want little of a small account too."""
        home.config_entries.async_update_entry(
            fake_entry, options={"entities": "essential"}
        )
        await set_up()
        assert self.found(home) == self.ESSENTIAL

    async def test_change_of_mind(
        self, home: HomeAssistant, set_up: SetUp, fake_entry: MockConfigEntry
    ) -> None:
        """What is no longer made leaves the registry, what stays keeps its name."""
        await set_up()
        registry = er.async_get(home)
        registry.async_update_entity(STATUS_1, name="My own")
        home.config_entries.async_update_entry(
            fake_entry, options={"entities": "essential"}
        )
        await home.config_entries.async_reload(fake_entry.entry_id)
        await home.async_block_till_done()
        assert registry.async_get(LIMIT_1) is None
        assert registry.async_get(STATUS_1).name == "My own"


class TestNotices:
    """What the user should know or do becomes a repair issue."""

    RELINK = Notice(
        kind=NoticeKind.RELINK_REQUIRED,
        subject="Charger c1",
        device_id="c1",
        link=True,
    )

    def issues(self, home: HomeAssistant) -> list[ir.IssueEntry]:
        """Return the issues that are shown."""
        return [
            issue
            for issue in ir.async_get(home).issues.values()
            if issue.domain == DOMAIN and issue.active
        ]

    @pytest.mark.parametrize(
        ("kind", "link", "key", "fixable"),
        [
            *((kind, False, str(kind), False) for kind in NoticeKind),
            (NoticeKind.RELINK_REQUIRED, True, "relink_required_link", True),
            (NoticeKind.PERMISSION_MISSING, True, "permission_missing", False),
        ],
    )
    async def test_issue(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        fake: type[FakeProvider],
        kind: NoticeKind,
        link: bool,
        key: str,
        fixable: bool,
    ) -> None:
        """Each kind has its text; where an address can be had, a flow shows it."""
        fake.notices = (
            Notice(kind=kind, subject="Charger c1", device_id="c1", link=link),
        )
        await set_up()
        [issue] = self.issues(home)
        assert issue.translation_key == key
        assert issue.is_fixable is fixable
        assert issue.translation_placeholders == {
            "subject": "Charger c1",
            "account": "Fake account",
        }

    async def test_raised_once_and_ended(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """An issue stands while polls report it, and ends with them."""
        fake.notices = (self.RELINK,)
        await set_up()
        [first] = self.issues(home)
        await tick(home, freezer, 61)
        [second] = self.issues(home)
        assert second.created == first.created
        other = Notice(kind=NoticeKind.PERMISSION_MISSING, subject="tariffs")
        fake.notices = (self.RELINK, other)
        await tick(home, freezer, 61)
        assert len(self.issues(home)) == 2
        fake.notices = (other,)
        await tick(home, freezer, 61)
        assert [issue.translation_key for issue in self.issues(home)] == [
            "permission_missing"
        ]
        fake.notices = ()
        await tick(home, freezer, 61)
        assert self.issues(home) == []

    async def test_ignored_issue_stays_ignored(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
    ) -> None:
        """Polls do not bring back what the user has put aside."""
        fake.notices = (self.RELINK,)
        await set_up()
        [issue] = self.issues(home)
        ir.async_ignore_issue(home, DOMAIN, issue.issue_id, True)
        await tick(home, freezer, 61)
        [issue] = self.issues(home)
        assert issue.dismissed_version

    async def test_issue_is_shown_again_after_a_restart(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        fake: type[FakeProvider],
        fake_entry: MockConfigEntry,
    ) -> None:
        """Home Assistant remembers issues of the last run, but as not active."""
        registry = ir.async_get(home)
        issue_id = f"{fake_entry.entry_id}_relink_required_c1"
        ir.async_create_issue(
            home,
            DOMAIN,
            issue_id,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key="relink_required",
        )
        known = registry.issues[DOMAIN, issue_id]
        registry.issues[DOMAIN, issue_id] = replace(known, active=False)
        fake.notices = (self.RELINK,)
        await set_up()
        [issue] = self.issues(home)
        assert issue.issue_id == issue_id
        assert issue.is_fixable

    async def test_issues_of_another_account_are_left_alone(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """An account ends only its own issues."""
        ir.async_create_issue(
            home,
            DOMAIN,
            "another_relink_required_c1",
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key="relink_required",
        )
        await set_up()
        await tick(home, freezer, 61)
        assert len(self.issues(home)) == 1


class TestStore:
    """A provider's wishes outlive a restart."""

    def key(self, entry: MockConfigEntry) -> str:
        """Return the key of the storage file."""
        return f"{DOMAIN}.{entry.entry_id}"

    async def test_stored_and_restored(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
        hass_storage: dict[str, Any],
    ) -> None:
        """What a provider remembers is there when it is made anew."""
        entry = await set_up()
        context = fake.contexts[-1]
        assert context.memory == {}
        context.memory["limits"] = {"c1": 10}
        context.save()
        await tick(home, freezer, 2)
        assert hass_storage[self.key(entry)]["data"] == {"limits": {"c1": 10}}
        await home.config_entries.async_reload(entry.entry_id)
        assert fake.contexts[-1] is not context
        assert fake.contexts[-1].memory == {"limits": {"c1": 10}}

    async def test_nothing_is_lost_in_a_quick_reload(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        fake: type[FakeProvider],
        hass_storage: dict[str, Any],
    ) -> None:
        """What was remembered just now is there after a reload too."""
        entry = await set_up()
        context = fake.contexts[-1]
        context.memory["limits"] = {"c1": 10}
        context.save()
        await home.config_entries.async_reload(entry.entry_id)
        assert fake.contexts[-1] is not context
        assert fake.contexts[-1].memory == {"limits": {"c1": 10}}

    async def test_removed_with_the_entry(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
        fake: type[FakeProvider],
        hass_storage: dict[str, Any],
    ) -> None:
        """Nothing of an account remains, not even what was remembered just now."""
        entry = await set_up()
        fake.contexts[-1].memory["limits"] = {"c1": 10}
        fake.contexts[-1].save()
        await tick(home, freezer, 2)
        assert self.key(entry) in hass_storage
        fake.contexts[-1].save()
        await home.config_entries.async_remove(entry.entry_id)
        await tick(home, freezer, 2)
        assert self.key(entry) not in hass_storage


async def test_update_of_an_entity_reads_its_charger(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """Whoever asks for an entity's update waits for one charger, not for the account."""
    await set_up()
    fake.set_reading("c1", Reading.STATUS, ChargingStatus.CHARGING)
    await home.services.async_call(
        "homeassistant", "update_entity", {"entity_id": STATUS_1}, blocking=True
    )
    assert fake.reads == ["c1"]
    assert fake.polls == 1
    assert shown(home, STATUS_1) == "charging"


class TestReads:
    """What is seen last is what shows, whatever was asked first."""

    async def test_read_during_a_poll_is_kept(
        self,
        home: HomeAssistant,
        freezer: FrozenDateTimeFactory,
        set_up: SetUp,
        fake: type[FakeProvider],
    ) -> None:
        """A poll that began before a read and ends after it brings nothing newer."""
        coordinator: AccountCoordinator = (await set_up()).runtime_data
        gate = asyncio.Event()
        fake.polling = gate.wait
        poll = home.async_create_task(coordinator.async_refresh())
        await asyncio.sleep(0)
        assert fake.polls == 2
        freezer.tick(2)
        fake.set_reading("c1", Reading.STATUS, ChargingStatus.CHARGING)
        await coordinator.read("c1")
        assert shown(home, STATUS_1) == "charging"
        gate.set()
        await poll
        assert shown(home, STATUS_1) == "charging"
        await coordinator.async_refresh()
        assert shown(home, STATUS_1) == "charging"

    async def test_who_no_longer_waits_ends_no_read(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        fake: type[FakeProvider],
    ) -> None:
        """A script that is stopped takes the reading from nobody else."""
        coordinator: AccountCoordinator = (await set_up()).runtime_data
        fake.set_reading("c1", Reading.STATUS, ChargingStatus.CHARGING)
        gate = asyncio.Event()
        fake.reading = gate.wait
        waiting = [home.async_create_task(coordinator.read("c1")) for _ in range(2)]
        while not fake.reads:
            await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        gate.set()
        await waiting[1]
        assert fake.reads == ["c1"]
        assert shown(home, STATUS_1) == "charging"

    async def test_late_part_of_a_poll_is_newer_than_a_read(
        self,
        home: HomeAssistant,
        freezer: FrozenDateTimeFactory,
        set_up: SetUp,
        fake: type[FakeProvider],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A long poll asks for each charger in its time, and says when that was."""
        coordinator: AccountCoordinator = (await set_up()).runtime_data
        gate = asyncio.Event()

        async def poll(provider: FakeProvider) -> Poll:
            await gate.wait()
            return Poll(fleet=provider._seen(fake.fleet), interval=timedelta(minutes=1))

        monkeypatch.setattr(fake, "poll", poll)
        polled = home.async_create_task(coordinator.async_refresh())
        await asyncio.sleep(0)
        freezer.tick(2)
        fake.set_reading("c1", Reading.STATUS, ChargingStatus.CHARGING)
        await coordinator.read("c1")
        assert shown(home, STATUS_1) == "charging"
        freezer.tick(2)
        fake.set_reading("c1", Reading.STATUS, ChargingStatus.FINISHING)
        gate.set()
        await polled
        await home.async_block_till_done()
        assert shown(home, STATUS_1) == "finishing"

    async def test_older_trouble_does_not_blind_a_newer_read(
        self,
        home: HomeAssistant,
        freezer: FrozenDateTimeFactory,
        set_up: SetUp,
        fake: type[FakeProvider],
    ) -> None:
        """A charger that an older poll could not read was read since."""
        coordinator: AccountCoordinator = (await set_up()).runtime_data
        gate = asyncio.Event()
        fake.change("c1", stale=True)
        fake.polling = gate.wait
        poll = home.async_create_task(coordinator.async_refresh())
        await asyncio.sleep(0)
        freezer.tick(2)
        fake.change("c1", stale=False)
        fake.set_reading("c1", Reading.STATUS, ChargingStatus.CHARGING)
        await coordinator.read("c1")
        gate.set()
        await poll
        assert shown(home, STATUS_1) == "charging"

    async def test_eight_entities_of_a_charger_are_one_read(
        self, home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
    ) -> None:
        """Whoever updates all entities of a charger does not ask for it eight times."""
        fake.fleet = {"c1": everything(name="Charger c1")}
        await set_up()
        wanted = entity_ids(home, Platform.SENSOR, "c1")[:8]
        assert len(wanted) == 8
        await home.services.async_call(
            "homeassistant", "update_entity", {"entity_id": wanted}, blocking=True
        )
        assert fake.reads == ["c1"]

    @pytest.mark.parametrize("err", [UnreachableError(), AuthenticationError()])
    async def test_failed_read_leaves_things_as_they_are(
        self,
        home: HomeAssistant,
        set_up: SetUp,
        fake: type[FakeProvider],
        err: ChargingError,
    ) -> None:
        """The next poll will tell."""
        entry = await set_up()
        fake.read_failure = err
        await home.services.async_call(
            "homeassistant", "update_entity", {"entity_id": STATUS_1}, blocking=True
        )
        assert shown(home, STATUS_1) == "connected"
        assert not list(entry.async_get_active_flows(home, {SOURCE_REAUTH}))

    async def test_read_of_a_charger_that_is_gone(
        self, set_up: SetUp, fake: type[FakeProvider]
    ) -> None:
        """Nobody is asked for it."""
        coordinator: AccountCoordinator = (await set_up()).runtime_data
        await coordinator.read("c9")
        assert fake.reads == []
