"""An account's life in Home Assistant."""

from threading import get_ident
from types import ModuleType
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.ev_charger_cloud.charging import (
    DeviceKind,
    Notice,
    NoticeKind,
    UnreachableError,
)
from custom_components.ev_charger_cloud.const import DOMAIN, PLATFORMS
from custom_components.ev_charger_cloud.providers import PROVIDERS, registry
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP, STATE_UNAVAILABLE, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.setup import async_setup_component

from .devices import SetUp, charger, device_entry, entity_ids, everything, tick
from .fake_provider import DESCRIPTION, FakeProvider


@pytest.fixture(autouse=True)
def fleet(fake: type[FakeProvider]) -> None:
    """Give the account a charger that offers everything."""
    fake.fleet = {"c1": everything()}


async def test_set_up(home: HomeAssistant, set_up: SetUp) -> None:
    """Every platform has its entities."""
    entry = await set_up()
    assert entry.state is ConfigEntryState.LOADED
    for platform in PLATFORMS:
        assert entity_ids(home, platform, "c1"), platform


async def test_provider_is_imported_off_the_loop(
    home: HomeAssistant, set_up: SetUp
) -> None:
    """Its code is read in a thread, once and before it is needed."""
    threads = []

    def load(name: str, package: str) -> ModuleType:
        assert name == ".fake"
        threads.append(get_ident())
        module = ModuleType(name)
        module.DESCRIPTION = DESCRIPTION
        return module

    with (
        patch.dict(PROVIDERS._rows, {"fake": None}),
        patch.object(registry, "import_module", load),
    ):
        entry = await set_up()
        assert entry.state is ConfigEntryState.LOADED
        assert threads
        assert get_ident() not in threads
        await home.config_entries.async_reload(entry.entry_id)
        assert len(threads) == 1


async def test_unload(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    set_up: SetUp,
    fake: type[FakeProvider],
) -> None:
    """An unloaded account is silent, and keeps its devices."""
    entry = await set_up()
    assert await home.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert {
        state.state
        for platform in PLATFORMS
        for state in home.states.async_all(platform)
    } == {STATE_UNAVAILABLE}
    assert device_entry(home, "c1")
    await tick(home, freezer, 3600)
    assert fake.polls == 1


async def test_reload(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    set_up: SetUp,
    fake: type[FakeProvider],
) -> None:
    """A reload begins anew, once."""
    entry = await set_up()
    before = entity_ids(home, Platform.SENSOR, "c1")
    assert await home.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    assert entity_ids(home, Platform.SENSOR, "c1") == before
    assert fake.polls == 2
    await tick(home, freezer, 61)
    assert fake.polls == 3


async def test_platform_that_does_not_unload(
    home: HomeAssistant, set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is half there is not taken for gone."""
    entry = await set_up()

    async def stubborn(*_: object) -> bool:
        return False

    monkeypatch.setattr(home.config_entries, "async_unload_platforms", stubborn)
    assert not await home.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.FAILED_UNLOAD


async def test_set_up_goes_well_later(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    set_up: SetUp,
    fake: type[FakeProvider],
) -> None:
    """A cloud that is away at the start is tried again."""
    fake.failure = UnreachableError()
    entry = await set_up()
    assert entry.state is ConfigEntryState.SETUP_RETRY
    fake.failure = None
    await tick(home, freezer, 60)
    assert entry.state is ConfigEntryState.LOADED
    assert home.states.get("sensor.garage_status")


async def test_provider_lives_as_long_as_its_account(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """It is started once and closed once, however the account ends."""
    entry = await set_up()
    assert (fake.started, fake.closed) == (1, 0)
    await home.config_entries.async_unload(entry.entry_id)
    assert (fake.started, fake.closed) == (1, 1)
    home.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await home.async_block_till_done()
    assert fake.closed == 1


async def test_home_assistant_stops(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """Nothing of an account runs on, and nothing is closed twice."""
    entry = await set_up()
    home.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await home.async_block_till_done()
    assert (fake.started, fake.closed) == (1, 1)
    await home.config_entries.async_unload(entry.entry_id)
    assert fake.closed == 1


@pytest.mark.parametrize("err", [UnreachableError(), RuntimeError("a fault of ours")])
async def test_set_up_that_fails_leaves_nothing_running(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    set_up: SetUp,
    fake: type[FakeProvider],
    err: Exception,
) -> None:
    """Each attempt has a provider of its own, which ends with it."""

    async def fail() -> None:
        raise err

    fake.polling = fail
    entry = await set_up()
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert (fake.started, fake.closed) == (1, 1)
    fake.polling = None
    await tick(home, freezer, 61)
    assert entry.state is ConfigEntryState.LOADED
    assert (fake.started, fake.closed) == (2, 1)


async def test_two_accounts(
    home: HomeAssistant, set_up: SetUp, fake_entry: MockConfigEntry
) -> None:
    """Chargers of the same name and id at two accounts are two chargers."""
    await set_up()
    other = MockConfigEntry(
        domain=DOMAIN,
        title="Second account",
        unique_id="fake_account-2",
        data={**fake_entry.data, "key": "fake_account-2"},
    )
    other.add_to_hass(home)
    assert await home.config_entries.async_setup(other.entry_id)
    await home.async_block_till_done()
    registry = er.async_get(home)
    first, second = (
        er.async_entries_for_config_entry(registry, entry.entry_id)
        for entry in (fake_entry, other)
    )
    assert len(first) == len(second)
    assert await home.config_entries.async_unload(other.entry_id)
    assert home.states.get("sensor.garage_status").state == "charging"


async def test_remove(
    home: HomeAssistant, set_up: SetUp, fake: type[FakeProvider]
) -> None:
    """Nothing of an account remains: no device, no entity, nothing to mend."""
    fake.notices = (Notice(kind=NoticeKind.PERMISSION_MISSING, subject="tariffs"),)
    entry = await set_up()
    ir.async_create_issue(
        home,
        DOMAIN,
        "another_permission_missing",
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key="permission_missing",
    )
    assert len(ir.async_get(home).issues) == 2
    await home.config_entries.async_remove(entry.entry_id)
    assert device_entry(home, "c1") is None
    assert er.async_entries_for_config_entry(er.async_get(home), entry.entry_id) == []
    assert list(ir.async_get(home).issues) == [(DOMAIN, "another_permission_missing")]


class TestRemoveDevice:
    """The user may delete what the account no longer has."""

    async def remove(
        self, home: HomeAssistant, websocket: WebSocketGenerator, device_id: str
    ) -> bool:
        """Ask for a device to be deleted."""
        assert await async_setup_component(home, "config", {})
        client = await websocket(home)
        response = await client.remove_device(device_id)
        return bool(response["success"])

    @pytest.mark.parametrize("key", ["c1", "c1-1"])
    async def test_device_that_is_there(
        self,
        home: HomeAssistant,
        hass_ws_client: WebSocketGenerator,
        set_up: SetUp,
        fake: type[FakeProvider],
        key: str,
    ) -> None:
        """A charger or connector of the account would only come back."""
        fake.fleet = {
            "c1": charger(),
            "c1-1": charger("c1-1", kind=DeviceKind.CONNECTOR, parent="c1"),
        }
        await set_up()
        device = device_entry(home, key)
        assert device is not None
        assert not await self.remove(home, hass_ws_client, device.id)
        assert device_entry(home, key)

    @pytest.mark.parametrize(
        ("options", "left"),
        [
            ({"all_chargers": False, "chargers": ["c1", "c2"]}, ["c2"]),
            ({"all_chargers": False, "chargers": ["c1"], "groups": ["g"]}, []),
            # The last one is the account: that is deleted itself.
            ({"all_chargers": False, "chargers": ["c1"]}, None),
            ({"all_chargers": False, "chargers": ["c2"], "groups": ["g"]}, None),
        ],
    )
    async def test_chosen_charger(
        self,
        home: HomeAssistant,
        hass_ws_client: WebSocketGenerator,
        fake_entry: MockConfigEntry,
        set_up: SetUp,
        fake: type[FakeProvider],
        options: dict[str, Any],
        left: list[str] | None,
    ) -> None:
        """A charger that was chosen is not chosen any more."""
        home.config_entries.async_update_entry(fake_entry, options=options)
        fake.fleet = {"c1": charger(), "c2": charger("c2")}
        entry = await set_up()
        device = device_entry(home, "c1")
        assert device is not None
        removed = await self.remove(home, hass_ws_client, device.id)
        assert removed is (left is not None)
        if left is not None:
            await home.async_block_till_done(wait_background_tasks=True)
            assert entry.options == {**options, "chargers": left}
            assert fake.contexts[-1].selection.chargers == set(left)

    async def test_leftover(
        self, home: HomeAssistant, hass_ws_client: WebSocketGenerator, set_up: SetUp
    ) -> None:
        """A leftover can go."""
        entry = await set_up()
        leftover = dr.async_get(home).async_get_or_create(
            config_entry_id=entry.entry_id,
            identifiers={(DOMAIN, "fake_account-1_c9")},
        )
        assert await self.remove(home, hass_ws_client, leftover.id)
        assert device_entry(home, "c9") is None

    async def test_account_that_is_not_loaded(
        self, home: HomeAssistant, hass_ws_client: WebSocketGenerator, set_up: SetUp
    ) -> None:
        """Nobody knows what the account has."""
        entry = await set_up()
        device = device_entry(home, "c1")
        assert device is not None
        await home.config_entries.async_unload(entry.entry_id)
        assert not await self.remove(home, hass_ws_client, device.id)
        assert device_entry(home, "c1")
