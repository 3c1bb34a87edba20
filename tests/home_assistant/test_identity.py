"""Identity: an account is told by the chargers it reaches, and set up once."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from aiohttp import web
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.providers.base import Account, Candidate
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
from simulator.cloud import Cloud
from simulator.clouds.ampeco import Ampeco
from simulator.clouds.amps import LIVE_KEY
from simulator.server import Simulator

from .devices import SetUp, charger
from .fake_provider import FakeProvider

CREDENTIALS = {"base_url": "https://fake.example", "token": "s3cret-token"}
OTHERS = {"base_url": "https://fake.example", "token": "another-token"}
ONE = Candidate(id="c1", name="Garage")
TWO = Candidate(id="c2", name="Carport")
NAMELESS = Account(id=None, title="Nameless")


async def add(
    home: HomeAssistant, credentials: Mapping[str, Any], provider: str = "fake"
) -> ConfigFlowResult:
    """Add an account: the first person if it asks for one, and all chargers."""
    flow = home.config_entries.flow
    result = await flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    result = await flow.async_configure(result["flow_id"], {"next_step_id": provider})
    assert result["data_schema"] is not None
    asked = {str(key) for key in result["data_schema"].schema}
    result = await flow.async_configure(
        result["flow_id"],
        {key: value for key, value in credentials.items() if key in asked},
    )
    if result.get("step_id") == "account":
        assert result["data_schema"] is not None
        [(key, selector)] = result["data_schema"].schema.items()
        person = selector.config["options"][0]["value"]
        result = await flow.async_configure(result["flow_id"], {str(key): person})
    if result.get("step_id") == "chargers":
        result = await flow.async_configure(result["flow_id"], {"all_chargers": True})
    await home.async_block_till_done(wait_background_tasks=True)
    return result


async def sign_in(
    home: HomeAssistant, entry: MockConfigEntry, token: str = "new-token"
) -> str | None:
    """Sign in again, and return how that ended."""
    result = await entry.start_reauth_flow(home)
    result = await home.config_entries.flow.async_configure(
        result["flow_id"], {"token": token}
    )
    assert result["type"] is FlowResultType.ABORT
    await home.async_block_till_done()
    return result["reason"]


async def reconfigure(
    home: HomeAssistant, entry: ConfigEntry, settings: Mapping[str, Any]
) -> str | None:
    """Change how an account is reached, and return how that ended."""
    flow = home.config_entries.flow
    result = await flow.async_init(
        DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    )
    result = await flow.async_configure(result["flow_id"], dict(settings))
    assert result["type"] is FlowResultType.ABORT, result.get("errors")
    await home.async_block_till_done(wait_background_tasks=True)
    return result["reason"]


@pytest.fixture
async def loaded(
    home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
) -> MockConfigEntry:
    """Return the fake account, set up, with one charger."""
    fake.fleet = {"c1": charger(name="Garage")}
    fake.reachable = (ONE,)
    return await set_up()


def forget_id(home: HomeAssistant, entry: MockConfigEntry) -> None:
    """Have the cloud never have said what it calls the account."""
    home.config_entries.async_update_entry(
        entry,
        data={key: entry.data[key] for key in entry.data if key != "account_id"},
    )


class TestKey:
    """What an entry and all that belongs to it is called for ever."""

    @pytest.mark.parametrize(
        ("account", "found", "key"),
        [
            (Account(id="a7", title="Account"), (TWO, ONE), "fake_a7"),
            (NAMELESS, (TWO, ONE), "fake_c1"),
        ],
    )
    async def test_made_of_what_the_cloud_tells(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        account: Account,
        found: tuple[Candidate, ...],
        key: str,
    ) -> None:
        """The account's id is best, then the id of a charger."""
        fake.identity, fake.reachable = account, found
        fake.fleet = {"c1": charger(name="Garage")}
        entry = (await add(home, CREDENTIALS))["result"]
        assert entry.unique_id == entry.data["key"] == key
        assert entry.data.get("account_id") == account.id
        [device] = dr.async_entries_for_config_entry(dr.async_get(home), entry.entry_id)
        assert device.identifiers == {(DOMAIN, f"{key}_c1")}
        assert all(
            entity.unique_id.startswith(f"{key}_c1_")
            for entity in er.async_entries_for_config_entry(
                er.async_get(home), entry.entry_id
            )
        )

    async def test_random_where_the_cloud_tells_nothing(
        self, home: HomeAssistant, fake: type[FakeProvider]
    ) -> None:
        """Nothing of the credentials is in it, and each empty account has its own."""
        fake.identity = NAMELESS
        keys = [
            (await add(home, credentials))["result"].unique_id
            for credentials in (CREDENTIALS, OTHERS)
        ]
        assert len(set(keys)) == 2
        for key in keys:
            assert key is not None
            assert key.startswith("fake_")
            assert "token" not in key

    async def test_unique_where_clouds_count(
        self, home: HomeAssistant, fake: type[FakeProvider]
    ) -> None:
        """Two accounts may have chargers of the same ids, told apart by serials."""
        fake.identity = NAMELESS
        keys = []
        for credentials, serial in ((CREDENTIALS, "S1"), (OTHERS, "S2")):
            fake.reachable = (Candidate(id="1", name="Garage", serial=serial),)
            fake.fleet = {"1": charger("1", serial=serial)}
            result = await add(home, credentials)
            assert result["type"] is FlowResultType.CREATE_ENTRY
            keys.append(result["result"].unique_id)
        assert keys[0] == "fake_1"
        assert keys[1] != "fake_1"

    async def test_never_changes(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """Whatever the cloud comes to call the account, all that is known stays."""
        before = {
            entity.entity_id: entity.unique_id
            for entity in er.async_get(home).entities.values()
        }
        fake.identity = Account(id="renamed", title="Renamed")
        assert await sign_in(home, loaded) == "reauth_successful"
        assert loaded.data["key"] == loaded.unique_id == "fake_account-1"
        assert loaded.data["account_id"] == "renamed"
        assert before == {
            entity.entity_id: entity.unique_id
            for entity in er.async_get(home).entities.values()
        }

    async def test_id_is_kept_when_the_cloud_falls_silent(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """A cloud that stops telling the account's id has told it once."""
        fake.identity = NAMELESS
        assert await sign_in(home, loaded) == "reauth_successful"
        assert loaded.data["account_id"] == "account-1"


class TestDuplicates:
    """An account is set up once."""

    @pytest.mark.parametrize("account_id", ["account-1", "account-2", None])
    async def test_same_charger(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        loaded: MockConfigEntry,
        account_id: str | None,
    ) -> None:
        """Who reaches a known charger reaches a known account, whatever its name."""
        fake.identity = Account(id=account_id, title="Account")
        fake.reachable = (TWO, ONE)
        result = await add(home, OTHERS)
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "already_configured"

    async def test_same_id(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        loaded: MockConfigEntry,
    ) -> None:
        """An account is known by what its cloud calls it, whatever it reaches."""
        fake.reachable = (TWO,)
        result = await add(home, OTHERS)
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "already_configured"

    async def test_same_credentials(
        self, home: HomeAssistant, fake: type[FakeProvider]
    ) -> None:
        """An account without id and chargers is known by how it is reached."""
        fake.identity = NAMELESS
        assert (await add(home, CREDENTIALS))["type"] is FlowResultType.CREATE_ENTRY
        result = await add(home, CREDENTIALS)
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "already_configured"

    async def test_chosen_charger_that_was_not_seen_yet(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        fake_entry: MockConfigEntry,
    ) -> None:
        """What was chosen at set-up is known, even before the first poll."""
        home.config_entries.async_update_entry(
            fake_entry, options={"all_chargers": False, "chargers": ["c1"]}
        )
        fake.identity, fake.reachable = NAMELESS, (ONE,)
        assert (await add(home, OTHERS))["reason"] == "already_configured"

    @pytest.mark.parametrize("account_id", ["account-2", None])
    @pytest.mark.parametrize("found", [(TWO,), ()])
    async def test_another_account(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        loaded: MockConfigEntry,
        account_id: str | None,
        found: tuple[Candidate, ...],
    ) -> None:
        """A second account at the same cloud is welcome."""
        fake.identity = Account(id=account_id, title="Second")
        fake.reachable = found
        assert (await add(home, OTHERS))["type"] is FlowResultType.CREATE_ENTRY

    async def test_another_cloud(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """Two clouds may give the same id to different accounts and chargers."""
        fake.persons = (Candidate(id="u1", name="Ann"),)
        result = await add(home, CREDENTIALS, "personal")
        assert result["type"] is FlowResultType.CREATE_ENTRY

    async def test_other_devices_are_no_chargers(
        self, home: HomeAssistant, fake: type[FakeProvider], loaded: MockConfigEntry
    ) -> None:
        """Devices of others and those that merely surround chargers do not count."""
        registry = dr.async_get(home)
        registry.async_get_or_create(
            config_entry_id=loaded.entry_id,
            identifiers={("elsewhere", "fake_account-1_c2")},
        )
        registry.async_get_or_create(
            config_entry_id=loaded.entry_id,
            identifiers={(DOMAIN, "fake_account-1_c2")},
            entry_type=dr.DeviceEntryType.SERVICE,
        )
        fake.identity, fake.reachable = NAMELESS, (TWO,)
        assert (await add(home, OTHERS))["type"] is FlowResultType.CREATE_ENTRY

    async def test_ignored_account_is_no_duplicate(
        self, home: HomeAssistant, fake: type[FakeProvider]
    ) -> None:
        """What was ignored has no data to compare with."""
        MockConfigEntry(
            domain=DOMAIN, unique_id="ignored", source=SOURCE_IGNORE
        ).add_to_hass(home)
        fake.identity = NAMELESS
        assert (await add(home, CREDENTIALS))["type"] is FlowResultType.CREATE_ENTRY


class TestRenewal:
    """Credentials and addresses change, the account stays the same."""

    @pytest.mark.parametrize(
        ("account_id", "found", "same"),
        [
            ("account-1", (ONE,), True),
            ("account-1", (TWO,), True),
            ("account-1", (), True),
            ("account-2", (ONE, TWO), True),
            ("account-2", (TWO,), False),
            ("account-2", (), False),
            (None, (ONE, TWO), True),
            (None, (TWO,), False),
            (None, (), True),
        ],
    )
    async def test_account_with_chargers(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        loaded: MockConfigEntry,
        account_id: str | None,
        found: tuple[Candidate, ...],
        same: bool,
    ) -> None:
        """The same id or a known charger proves it; so does having none, or no id."""
        fake.identity = Account(id=account_id, title="Account")
        fake.reachable = found
        reason = await sign_in(home, loaded)
        assert reason == ("reauth_successful" if same else "wrong_account")
        assert loaded.data["token"] == ("new-token" if same else "s3cret-token")

    @pytest.mark.parametrize(
        ("account_id", "found"),
        [("account-1", (ONE,)), (None, (ONE,)), (None, ()), ("account-2", (ONE,))],
    )
    async def test_account_that_never_had_chargers(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        fake_entry: MockConfigEntry,
        account_id: str | None,
        found: tuple[Candidate, ...],
    ) -> None:
        """Where there is nothing to know it by, the user is believed."""
        forget_id(home, fake_entry)
        fake.identity = Account(id=account_id, title="Account")
        fake.reachable = found
        assert await sign_in(home, fake_entry) == "reauth_successful"
        assert fake_entry.data["token"] == "new-token"

    async def test_serials_tell_chargers_apart(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """A charger with the same id and another serial number is another charger."""
        fake.identity = NAMELESS
        fake.fleet = {"c1": charger(name="Garage", serial="S1")}
        entry = await set_up()
        forget_id(home, entry)
        for serial, reason in (("S2", "wrong_account"), ("S1", "reauth_successful")):
            fake.reachable = (Candidate(id="c1", name="Garage", serial=serial),)
            assert await sign_in(home, entry) == reason


# At the clouds themselves


@pytest.fixture
async def simulator() -> AsyncGenerator[Simulator]:
    """Run all clouds; their clock stands still."""
    async with Simulator(speed=0) as simulator:
        yield simulator


@pytest.fixture
async def other_address(simulator: Simulator) -> str:
    """Have the clouds answer at another address too, and return it."""
    runner = simulator._runner
    assert runner is not None
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    [host, port] = runner.addresses[-1][:2]
    url = f"http://{host}:{port}"
    assert url != simulator.url
    return url


def settings_of(cloud: Cloud) -> dict[str, str]:
    """Return what a user types in."""
    return {"base_url": cloud.base_url, **cloud.credentials}


def names_of(home: HomeAssistant, entry: ConfigEntry) -> set[str]:
    """Return the unique ids of an account's entities."""
    return {
        entity.unique_id
        for entity in er.async_entries_for_config_entry(
            er.async_get(home), entry.entry_id
        )
    }


CLOUDS = ("amps", "ampeco", "clemap", "plugchoice", "podero")
each_cloud = pytest.mark.parametrize("name", CLOUDS)


@each_cloud
async def test_other_address_of_the_same_server(
    home: HomeAssistant, simulator: Simulator, other_address: str, name: str
) -> None:
    """A server may be reached by another name: nothing else changes."""
    cloud = simulator[name]
    entry = (await add(home, settings_of(cloud), name))["result"]
    assert entry.state is ConfigEntryState.LOADED
    before = names_of(home, entry)
    assert before
    settings = {
        key: value
        for key, value in entry.data.items()
        if key in cloud.credentials and key != "user_id"
    }
    settings["base_url"] = f"{other_address}/{name}"
    reason = await reconfigure(home, entry, settings)
    assert reason == "reconfigure_successful"
    assert entry.state is ConfigEntryState.LOADED
    assert other_address.removeprefix("http://") in entry.data["base_url"]
    assert names_of(home, entry) == before


@each_cloud
async def test_adding_twice(
    home: HomeAssistant, simulator: Simulator, other_address: str, name: str
) -> None:
    """The same account at another address is the same account."""
    cloud = simulator[name]
    typed = settings_of(cloud)
    assert (await add(home, typed, name))["type"] is FlowResultType.CREATE_ENTRY
    other = {**typed, "base_url": f"{other_address}/{name}"}
    for again in (typed, other):
        assert (await add(home, again, name))["reason"] == "already_configured"


@each_cloud
async def test_nothing_of_address_and_credentials_in_ids_and_titles(
    home: HomeAssistant, simulator: Simulator, name: str
) -> None:
    """Unique ids hold no address and no secret, titles no secret and no person."""
    cloud = simulator[name]
    entry = (await add(home, settings_of(cloud), name))["result"]
    secrets = [
        value
        for key, value in cloud.credentials.items()
        if key.endswith(("key", "token", "secret"))
    ]
    assert secrets
    for shown in (*names_of(home, entry), entry.title, entry.data["key"]):
        assert not any(secret in shown for secret in secrets)
    for shown in names_of(home, entry):
        assert "127.0.0.1" not in shown


async def test_amps_second_key(home: HomeAssistant, simulator: Simulator) -> None:
    """Another key of the same customer reaches the same chargers."""
    cloud = simulator["amps"]
    entry = (await add(home, settings_of(cloud), "amps"))["result"]
    before = names_of(home, entry)
    other = {"base_url": cloud.base_url, "api_key": LIVE_KEY}
    assert (await add(home, other, "amps"))["reason"] == "already_configured"
    assert await reconfigure(home, entry, other) == "reconfigure_successful"
    assert entry.data["api_key"] == LIVE_KEY
    assert names_of(home, entry) == before


async def test_ampeco_tenant_that_was_empty(
    home: HomeAssistant, simulator: Simulator
) -> None:
    """A tenant gets its first charge points, and loses them all: it stays itself."""
    cloud = simulator["ampeco"]
    assert isinstance(cloud, Ampeco)
    points = dict(cloud.tenant.charge_points)
    cloud.tenant.charge_points.clear()
    entry = (await add(home, settings_of(cloud), "ampeco"))["result"]
    key = entry.data["key"]
    assert not any(each.startswith(f"{key}_cp") for each in names_of(home, entry))
    cloud.tenant.charge_points.update(points)
    secret = {"token": cloud.credentials["token"]}
    settings = {"base_url": cloud.base_url, **secret}
    assert await reconfigure(home, entry, settings) == "reconfigure_successful"
    assert any(each.startswith(f"{key}_cp") for each in names_of(home, entry))
    assert all(each.startswith(f"{key}_") for each in names_of(home, entry))
    assert (await add(home, settings, "ampeco"))["reason"] == "already_configured"
    cloud.tenant.charge_points.clear()
    assert await reconfigure(home, entry, settings) == "reconfigure_successful"
    assert entry.data["key"] == entry.unique_id == key
