"""The device registry: three levels of devices, and what they are called."""

from dataclasses import replace
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ev_charger_cloud.charging import Device, DeviceKind, Name
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.device_registry import RegisteredDevices
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .devices import SetUp, charger, device_entry
from .fake_provider import FakeProvider


def connector(device_id: str, parent: str, number: str = "1") -> Device:
    """Return a connector that its cloud gives no name."""
    return charger(
        device_id,
        kind=DeviceKind.CONNECTOR,
        name=Name(key="connector", placeholders={"number": number}),
        parent=parent,
    )


def name_of(home: HomeAssistant, device_id: str) -> str | None:
    """Return what a device is called."""
    entry = device_entry(home, device_id)
    assert entry is not None
    return entry.name


async def poll(home: HomeAssistant, entry: MockConfigEntry) -> None:
    """Look at the account anew."""
    await entry.runtime_data.async_refresh()
    await home.async_block_till_done()


def site(**changes: Any) -> Device:
    """Return a place with chargers, named by nobody."""
    return Device(
        **{
            "id": "p1",
            "kind": DeviceKind.SITE,
            "name": Name(key="site", placeholders={"id": "12"}),
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("name", "entity_id"),
    [
        ("Left", "sensor.north_yard_left_status"),
        ("North Yard", "sensor.north_yard_status"),
        ("North yard 2", "sensor.north_yard_2_status"),
    ],
)
async def test_no_entity_id_stutters(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    name: str,
    entity_id: str,
) -> None:
    """A charger that is called after its place does not say it twice."""
    fake.fleet = {"c1": charger(name=name, area="North Yard")}
    await set_up()
    assert home.states.get(entity_id) is not None


class TestNames:
    """Names that come from us are translated, those of a cloud are not."""

    @pytest.mark.parametrize(
        ("key", "placeholders", "shown"),
        [
            ("charger", {"id": "A7"}, "Charger A7"),
            ("circuit", {"id": "3"}, "Circuit 3"),
            ("user", {"id": "771"}, "Driver 771"),
            ("site", {"id": "12"}, "Site 12"),
            ("tariff", {"id": "9"}, "Tariff 9"),
            ("station", {}, "Charging station"),
        ],
    )
    async def test_each_name(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        set_up: SetUp,
        key: str,
        placeholders: dict[str, str],
        shown: str,
    ) -> None:
        """What a cloud gives no name is called by what it is and its id."""
        fake.fleet = {"c1": charger(name=Name(key=key, placeholders=placeholders))}
        entry = await set_up()
        assert name_of(home, "c1") == shown
        coordinator = entry.runtime_data
        assert coordinator.name_of(fake.fleet["c1"]) == shown

    async def test_connectors_of_two_chargers(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """Each is told by its charger's name, so no two entities share a name."""
        fake.fleet = {
            "c1-1": connector("c1-1", "c1"),
            "c1-2": connector("c1-2", "c1", "2"),
            "c2-1": connector("c2-1", "c2"),
            "c1": charger("c1", name="Garage"),
            "c2": charger("c2", name="Carport"),
        }
        await set_up()
        assert name_of(home, "c1-1") == "Garage connector 1"
        assert name_of(home, "c1-2") == "Garage connector 2"
        assert name_of(home, "c2-1") == "Carport connector 1"
        names = [
            (state.domain, state.attributes["friendly_name"])
            for state in home.states.async_all()
        ]
        assert len(names) == len(set(names))

    async def test_connector_follows_the_name_of_its_charger(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """A charger that is renamed in its cloud renames its connectors."""
        fake.fleet = {
            "c1": charger("c1", name="Garage"),
            "c1-1": connector("c1-1", "c1"),
            "c1-2": charger(
                "c1-2", kind=DeviceKind.CONNECTOR, name="Left", parent="c1"
            ),
        }
        entry = await set_up()
        fake.change("c1", name="Barn")
        await poll(home, entry)
        assert name_of(home, "c1") == "Barn"
        assert name_of(home, "c1-1") == "Barn connector 1"
        assert name_of(home, "c1-2") == "Left"

    async def test_name_given_by_the_user(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """What people call their charger is what all texts call it."""
        fake.fleet = {"c1": charger("c1"), "c1-1": connector("c1-1", "c1")}
        entry = await set_up()
        registered = device_entry(home, "c1")
        assert registered is not None
        dr.async_get(home).async_update_device(registered.id, name_by_user="Mine")
        await home.async_block_till_done()
        assert entry.runtime_data.name_of(fake.fleet["c1"]) == "Mine"
        assert name_of(home, "c1-1") == "Mine connector 1"
        await home.config_entries.async_reload(entry.entry_id)
        assert name_of(home, "c1-1") == "Mine connector 1"

    async def test_name_of_what_is_not_registered(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """A device can be named before it is registered."""
        fake.fleet = {"c1": charger("c1", name="Garage")}
        devices = (await set_up()).runtime_data.devices
        assert devices.name_of(charger("c9", name="Gate")) == "Gate"
        assert devices.name_of(connector("c1-1", "c1")) == "Garage connector 1"
        assert devices.name_of(connector("c9-1", "c9")) == "connector 1"
        assert devices.entry_of("c9") is None

    async def test_unknown_name(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """A name without a text is shown as it is."""
        fake.fleet = {"c1": charger(name=Name(key="gadget"))}
        await set_up()
        assert name_of(home, "c1") == "gadget"


class TestLevels:
    """A charger stands at a site, its connectors are parts of it."""

    async def test_three_levels(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """Whatever order the cloud has them in."""
        fake.fleet = {
            "c1-1": connector("c1-1", "c1"),
            "k1": Device(id="k1", kind=DeviceKind.CIRCUIT, name="Roof", parent="c1"),
            "c1": charger("c1", parent="p1"),
            "p1": site(),
        }
        entry = await set_up()
        place, station, part, circuit = (
            device_entry(home, each) for each in ("p1", "c1", "c1-1", "k1")
        )
        assert isinstance(place, dr.DeviceEntry)
        assert isinstance(station, dr.DeviceEntry)
        assert isinstance(circuit, dr.DeviceEntry)
        assert place.entry_type is dr.DeviceEntryType.SERVICE
        assert station.entry_type is None
        assert station.via_device_id == place.id
        assert circuit.via_device_id == station.id
        assert isinstance(part, dr.ChildDeviceEntry)
        assert part.parent_device_id == station.id
        devices = entry.runtime_data.devices
        for registered in (place, station, part):
            device_id = devices.device_id_of(registered.id)
            assert devices.entry_of(device_id) == registered
        assert devices.device_id_of("unknown") is None

    async def test_charger_moves_to_another_site(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """It is the same device at another place, and at none at last."""
        fake.fleet = {
            "p1": site(),
            "p2": site(id="p2", name="Depot"),
            "c1": charger("c1", parent="p1"),
        }
        entry = await set_up()
        before = device_entry(home, "c1")
        for parent in ("p2", None):
            fake.change("c1", parent=parent)
            await poll(home, entry)
            after = device_entry(home, "c1")
            assert isinstance(before, dr.DeviceEntry)
            assert isinstance(after, dr.DeviceEntry)
            assert after.id == before.id
            place = None if parent is None else device_entry(home, parent)
            assert after.via_device_id == (place.id if place else None)

    async def test_connector_moves_to_another_charger(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """Home Assistant cannot move a part: it leaves and comes anew."""
        fake.fleet = {
            "c1": charger("c1"),
            "c2": charger("c2", name="Carport"),
            "x": connector("x", "c1"),
        }
        entry = await set_up()
        fake.change("x", parent="c2")
        await poll(home, entry)
        part, other = device_entry(home, "x"), device_entry(home, "c2")
        assert isinstance(part, dr.ChildDeviceEntry)
        assert other is not None
        assert part.parent_device_id == other.id
        fake.change("x", parent=None)
        await poll(home, entry)
        assert isinstance(device_entry(home, "x"), dr.DeviceEntry)
        assert entry.runtime_data.last_update_success

    async def test_parents_in_a_circle(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """Nonsense from a cloud ends."""
        fake.fleet = {
            "c1": charger("c1", parent="c2"),
            "c2": charger("c2", parent="c1"),
        }
        await set_up()
        assert device_entry(home, "c1")
        assert device_entry(home, "c2")


class TestWhatIsNew:
    """The registry follows the cloud, and forgets what is surely gone."""

    @pytest.mark.parametrize(
        ("change", "field", "shown"),
        [
            ({"name": "Barn"}, "name", "Barn"),
            ({"firmware": "9.9"}, "sw_version", "9.9"),
            ({"serial": "S9"}, "serial_number", "S9"),
            ({"model": "M9"}, "model", "M9"),
            ({"maker": "Acme"}, "manufacturer", "Acme"),
            ({"maker": None}, "manufacturer", "Fake"),
            (
                {"url": "https://x.example/9"},
                "configuration_url",
                "https://x.example/9",
            ),
        ],
    )
    async def test_changes(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        set_up: SetUp,
        change: dict[str, Any],
        field: str,
        shown: str,
    ) -> None:
        """Each thing that the registry shows is kept up to date."""
        fake.fleet = {"c1": charger("c1", maker="Old")}
        entry = await set_up()
        fake.change("c1", **change)
        await poll(home, entry)
        assert getattr(device_entry(home, "c1"), field) == shown

    async def test_removal(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """What is gone leaves, also when somebody else has removed it before."""
        fake.fleet = {each: charger(each) for each in ("c1", "c2", "c3")}
        entry = await set_up()
        other = device_entry(home, "c3")
        assert other is not None
        dr.async_get(home).async_remove_device(other.id)
        devices = entry.runtime_data.devices
        for device_id in ("c2", "c3", "c9"):
            devices.remove(device_id)
            assert device_entry(home, device_id) is None
            assert devices.entry_of(device_id) is None
        assert device_entry(home, "c1")

    async def test_strangers(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        set_up: SetUp,
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """What left while nobody looked leaves too; what cannot be read stays."""
        fake.fleet = {
            "c1": charger("c1"),
            "c1-1": connector("c1-1", "c1"),
            "c2": charger("c2", name="Carport"),
            "c2-1": connector("c2-1", "c2"),
            "c3": charger("c3", name="Yard"),
        }
        entry = await set_up()
        await home.config_entries.async_unload(entry.entry_id)
        fake.fleet = {
            "c1": charger("c1"),
            "c2": replace(fake.fleet["c2"], stale=True),
        }
        await home.config_entries.async_setup(entry.entry_id)
        await home.async_block_till_done()
        # One answer that lacks them proves nothing.
        for key in ("c1", "c1-1", "c2-1", "c3"):
            assert device_entry(home, key)
        for _ in range(2):
            freezer.tick(301)
            await poll(home, entry)
        assert device_entry(home, "c1")
        assert device_entry(home, "c1-1") is None
        assert device_entry(home, "c2-1")
        assert device_entry(home, "c3") is None

    async def test_once(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """A device is described to the registry once, not by each of its entities."""
        fake.fleet = {"c1": charger("c1"), "c1-1": connector("c1-1", "c1")}
        with patch.object(
            RegisteredDevices, "info", autospec=True, side_effect=RegisteredDevices.info
        ) as described:
            await set_up()
        assert described.call_count == len(fake.fleet)
        for device_id in fake.fleet:
            entry = device_entry(home, device_id)
            assert entry is not None
            assert er.async_entries_for_device(er.async_get(home), entry.id)

    async def test_prefix(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """Identifiers begin with the key of the entry."""
        fake.fleet = {"c1": charger("c1")}
        entry = await set_up()
        assert entry.runtime_data.devices.unique_id("c1") == "fake_account-1_c1"
        registered = device_entry(home, "c1")
        assert registered is not None
        assert registered.identifiers == {(DOMAIN, "fake_account-1_c1")}
