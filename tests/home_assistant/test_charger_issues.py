"""Issues of chargers that a tap mends."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ev_charger_cloud import repairs
from custom_components.ev_charger_cloud.charging import (
    ChargingStatus,
    CommandRefusedError,
    Control,
    ControlState,
    DeviceKind,
    Reading,
    Refusal,
    Reset,
    SessionStatus,
    SetControl,
    StartCharging,
    StopCharging,
    Value,
)
from custom_components.ev_charger_cloud.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from .devices import SetUp, charger
from .fake_provider import FakeProvider

type Browser = TestClient[Any, Any]
type Read = Callable[..., Awaitable[None]]

_ASLEEP: dict[Reading, Value] = {
    Reading.PLUG: True,
    Reading.CHARGING: False,
    Reading.STATUS: ChargingStatus.SUSPENDED_EV,
    Reading.SESSION_ENERGY: 0.0,
}
_LINGERING: dict[Reading, Value] = {
    Reading.PLUG: False,
    Reading.CHARGING: False,
    Reading.STATUS: ChargingStatus.DISCONNECTED,
    Reading.SESSION_STATUS: SessionStatus.ACTIVE,
}


@pytest.fixture(autouse=True)
def garage(fake: type[FakeProvider]) -> None:
    """Let there be a charger with a vehicle that may charge, and does."""
    fake.fleet = {
        "c1": charger(
            name="Garage",
            readings={**_ASLEEP, Reading.CHARGING: True},
            controls={Control.CHARGING: ControlState(value=True)},
            commands={
                StartCharging: frozenset(),
                StopCharging: frozenset({"force"}),
                Reset: frozenset(),
            },
        )
    }


@pytest.fixture
async def client(
    home: HomeAssistant, hass_client: ClientSessionGenerator, set_up: SetUp
) -> Browser:
    """Return a browser that looks at the repairs."""
    assert await async_setup_component(home, "repairs", {})
    await set_up()
    return await hass_client()


@pytest.fixture
def read(
    home: HomeAssistant,
    fake: type[FakeProvider],
    fake_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> Read:
    """Return what changes the charger, has it read, and lets minutes pass."""

    async def read(
        readings: dict[Reading, Value] | None = None,
        minutes: float = 0,
        **changes: Any,
    ) -> None:
        device = fake.fleet["c1"]
        fake.change("c1", readings={**device.readings, **(readings or {})}, **changes)
        await fake_entry.runtime_data.async_refresh()
        await home.async_block_till_done()
        if minutes:
            freezer.tick(timedelta(minutes=minutes))
            async_fire_time_changed(home)
            await home.async_block_till_done(wait_background_tasks=True)

    return read


def raised(home: HomeAssistant) -> list[str | None]:
    """Return the kinds of the issues that are raised."""
    return [
        issue.translation_key
        for issue in ir.async_get(home).issues.values()
        if issue.domain == DOMAIN and issue.active
    ]


async def begin(home: HomeAssistant, client: Browser) -> dict[str, Any]:
    """Begin to mend the only issue."""
    [issue_id] = [
        issue.issue_id
        for issue in ir.async_get(home).issues.values()
        if issue.domain == DOMAIN
    ]
    return await answer(client, "", {"handler": DOMAIN, "issue_id": issue_id})


async def answer(client: Browser, flow_id: str, given: dict[str, Any]) -> Any:
    """Give an answer, or the first question."""
    path = f"/api/repairs/issues/fix/{flow_id}".rstrip("/")
    response = await client.post(path, json=given)
    assert response.status == HTTPStatus.OK
    return await response.json()


class TestVehicleAsleep:
    """A vehicle that may charge and does not begin to is woken."""

    async def test_woken(
        self, home: HomeAssistant, client: Browser, fake: type[FakeProvider], read: Read
    ) -> None:
        """Permission is taken and given again."""
        await read({Reading.PLUG: False, Reading.CHARGING: False})
        await read(_ASLEEP, minutes=14)
        assert raised(home) == []
        await read(minutes=2)
        assert raised(home) == ["vehicle_asleep"]

        question = await begin(home, client)
        assert question["step_id"] == "confirm"
        assert question["description_placeholders"] == {"subject": "Garage"}
        assert fake.executed == []
        end = await answer(client, question["flow_id"], {})
        assert end["type"] == FlowResultType.CREATE_ENTRY
        assert fake.executed == [
            StopCharging(device_id="c1"),
            StartCharging(device_id="c1"),
        ]
        assert raised(home) == []

    async def test_over_by_itself(
        self, home: HomeAssistant, client: Browser, read: Read
    ) -> None:
        """A vehicle that begins late needs no help."""
        await read({Reading.PLUG: False, Reading.CHARGING: False})
        await read(_ASLEEP, minutes=16)
        assert raised(home) == ["vehicle_asleep"]
        await read({Reading.CHARGING: True})
        assert raised(home) == []

    async def test_full(self, home: HomeAssistant, client: Browser, read: Read) -> None:
        """One that has drawn and stops has had enough."""
        await read({Reading.CHARGING: False}, minutes=60)
        assert raised(home) == []

    @pytest.mark.parametrize(
        "held_back",
        [
            {"controls": {Control.CHARGING: ControlState(value=False)}},
            {"readings": {Reading.PAUSED: True}},
        ],
        ids=["not allowed", "paused"],
    )
    async def test_allowed_again(
        self,
        home: HomeAssistant,
        client: Browser,
        fake: type[FakeProvider],
        read: Read,
        held_back: dict[str, Any],
    ) -> None:
        """One that was held back and sleeps on is woken, whatever it drew before."""
        before = fake.fleet["c1"]
        await read(
            {Reading.CHARGING: False, **held_back.get("readings", {})},
            minutes=60,
            controls=held_back.get("controls", before.controls),
        )
        assert raised(home) == []
        fake.fleet = {"c1": before}
        await read({Reading.CHARGING: False, Reading.PAUSED: False}, minutes=16)
        assert raised(home) == ["vehicle_asleep"]

    @pytest.mark.parametrize(
        ("energy", "expected"), [(0.0, ["vehicle_asleep"]), (900.0, []), (None, [])]
    )
    async def test_before_anybody_watched(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        set_up: SetUp,
        read: Read,
        energy: float | None,
        expected: list[str],
    ) -> None:
        """The session's energy tells whether it has drawn; nobody knows without."""
        fake.change("c1", readings={**_ASLEEP, Reading.SESSION_ENERGY: energy})
        await set_up()
        await read(minutes=16)
        assert raised(home) == expected

    async def test_out_of_reach(
        self, home: HomeAssistant, client: Browser, fake: type[FakeProvider], read: Read
    ) -> None:
        """What cannot be seen changes nothing."""
        await read({Reading.PLUG: False, Reading.CHARGING: False})
        await read(_ASLEEP, minutes=16)
        await read({Reading.CHARGING: None}, online=False)
        assert raised(home) == ["vehicle_asleep"]

    async def test_out_of_reach_in_time(
        self, home: HomeAssistant, client: Browser, fake: type[FakeProvider], read: Read
    ) -> None:
        """Of a charger that cannot be seen nothing is concluded; it begins anew."""
        await read({Reading.PLUG: False, Reading.CHARGING: False})
        await read(_ASLEEP, minutes=5)
        await read(online=False, minutes=11)
        assert raised(home) == []
        await read(online=True, minutes=14)
        assert raised(home) == []
        await read(minutes=2)
        assert raised(home) == ["vehicle_asleep"]

    async def test_many_chargers(
        self,
        home: HomeAssistant,
        fake_entry: MockConfigEntry,
        set_up: SetUp,
        read: Read,
    ) -> None:
        """Whoever runs many looks elsewhere."""
        home.config_entries.async_update_entry(
            fake_entry, options={**fake_entry.options, "entities": "essential"}
        )
        await set_up()
        await read({Reading.PLUG: False, Reading.CHARGING: False})
        await read(_ASLEEP, minutes=16)
        assert raised(home) == []

    async def test_unloaded(
        self,
        home: HomeAssistant,
        client: Browser,
        fake_entry: MockConfigEntry,
        read: Read,
    ) -> None:
        """Nobody looks any more."""
        await read({Reading.PLUG: False, Reading.CHARGING: False})
        await read(_ASLEEP, minutes=16)
        await home.config_entries.async_unload(fake_entry.entry_id)
        assert raised(home) == []

    async def test_gone(
        self, home: HomeAssistant, client: Browser, fake: type[FakeProvider], read: Read
    ) -> None:
        """A charger that leaves takes its issues along, or its flow ends."""
        await read({Reading.PLUG: False, Reading.CHARGING: False})
        await read(_ASLEEP, minutes=16)
        [entry] = home.config_entries.async_entries(DOMAIN)
        issue = f"vehicle_asleep_{entry.entry_id}_c1"
        flow = await repairs.async_create_fix_flow(
            home, issue, {"entry_id": entry.entry_id, "device_id": "c1"}
        )
        flow.hass = home
        fake.fleet = {}
        await entry.runtime_data.async_refresh()
        await home.async_block_till_done()
        assert raised(home) == []
        assert (await flow.async_step_init())["reason"] == "not_loaded"
        await home.config_entries.async_unload(entry.entry_id)
        assert (await flow.async_step_init())["reason"] == "not_loaded"

    async def test_refused(
        self, home: HomeAssistant, client: Browser, fake: type[FakeProvider], read: Read
    ) -> None:
        """What goes wrong is told, and the issue stands."""
        await read({Reading.PLUG: False, Reading.CHARGING: False})
        await read(_ASLEEP, minutes=16)
        fake.refusal = CommandRefusedError("no", reason=Refusal.OFFLINE)
        question = await begin(home, client)
        end = await answer(client, question["flow_id"], {})
        assert end["type"] == FlowResultType.ABORT
        assert end["reason"] == "failed"
        assert "Garage" in end["description_placeholders"]["message"]
        assert raised(home) == ["vehicle_asleep"]

    async def test_begins_while_somebody_reads(
        self, home: HomeAssistant, client: Browser, fake: type[FakeProvider], read: Read
    ) -> None:
        """A vehicle that has begun meanwhile is not stopped, however many ask."""
        await read({Reading.PLUG: False, Reading.CHARGING: False})
        await read(_ASLEEP, minutes=16)
        questions = [await begin(home, client) for _ in range(2)]
        await read({Reading.CHARGING: True})
        for question in questions:
            end = await answer(client, question["flow_id"], {})
            assert end["type"] == FlowResultType.CREATE_ENTRY
        assert fake.executed == []

    async def test_mended_twice(
        self, home: HomeAssistant, client: Browser, fake: type[FakeProvider], read: Read
    ) -> None:
        """Who comes second finds it mended."""
        await read({Reading.PLUG: False, Reading.CHARGING: False})
        await read(_ASLEEP, minutes=16)
        questions = [await begin(home, client) for _ in range(2)]
        for question in questions:
            end = await answer(client, question["flow_id"], {})
            assert end["type"] == FlowResultType.CREATE_ENTRY
        assert len(fake.executed) == 2

    @pytest.mark.parametrize("unloaded", [True, False])
    async def test_gone_while_somebody_reads(
        self,
        home: HomeAssistant,
        client: Browser,
        fake: type[FakeProvider],
        fake_entry: MockConfigEntry,
        read: Read,
        unloaded: bool,
    ) -> None:
        """Nothing is sent for a charger that has left, or by an account that has."""
        await read({Reading.PLUG: False, Reading.CHARGING: False})
        await read(_ASLEEP, minutes=16)
        question = await begin(home, client)
        if unloaded:
            await home.config_entries.async_unload(fake_entry.entry_id)
        else:
            fake.fleet = {}
            await fake_entry.runtime_data.async_refresh()
        end = await answer(client, question["flow_id"], {})
        assert end["reason"] == "not_loaded"
        assert fake.executed == []

    async def test_slow_stop(
        self,
        home: HomeAssistant,
        client: Browser,
        fake: type[FakeProvider],
        read: Read,
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """The start waits until the stop shows, but not forever."""
        await read({Reading.PLUG: False, Reading.CHARGING: False})
        await read(_ASLEEP, minutes=16)
        fake.obeys = False
        question = await begin(home, client)
        mending = asyncio.create_task(answer(client, question["flow_id"], {}))
        sent = []
        while not mending.done():
            await asyncio.sleep(0)
            freezer.tick(1)
            sent.append(len(fake.executed))
        assert mending.result()["type"] == FlowResultType.CREATE_ENTRY
        assert sent.count(1) >= 60
        assert len(fake.executed) == 2


class TestSessionLingers:
    """A session whose vehicle has gone is ended."""

    @pytest.mark.parametrize(
        ("choice", "command"),
        [
            ("stop", StopCharging(device_id="c1", force=True)),
            ("restart", Reset(device_id="c1")),
        ],
    )
    async def test_freed(
        self,
        home: HomeAssistant,
        client: Browser,
        fake: type[FakeProvider],
        read: Read,
        choice: str,
        command: object,
    ) -> None:
        """By force, or by a restart."""
        await read(_LINGERING, minutes=16)
        assert raised(home) == ["session_lingers"]
        question = await begin(home, client)
        assert question["menu_options"] == ["stop", "restart"]
        end = await answer(client, question["flow_id"], {"next_step_id": choice})
        assert end["type"] == FlowResultType.CREATE_ENTRY
        assert fake.executed == [command]
        assert raised(home) == []

    @pytest.mark.parametrize("choice", ["stop", "restart"])
    async def test_over_while_somebody_reads(
        self,
        home: HomeAssistant,
        client: Browser,
        fake: type[FakeProvider],
        read: Read,
        choice: str,
    ) -> None:
        """The session of a vehicle that has come meanwhile is left alone."""
        await read(_LINGERING, minutes=16)
        question = await begin(home, client)
        await read({Reading.PLUG: True, Reading.CHARGING: True})
        end = await answer(client, question["flow_id"], {"next_step_id": choice})
        assert end["type"] == FlowResultType.CREATE_ENTRY
        assert fake.executed == []

    async def test_connector(
        self, home: HomeAssistant, client: Browser, fake: type[FakeProvider], read: Read
    ) -> None:
        """The charger of a connector is restarted; without that there is no choice."""
        connector = replace(
            fake.fleet["c1"],
            id="c1-1",
            name="Left",
            kind=DeviceKind.CONNECTOR,
            parent="c1",
            readings=_LINGERING,
            commands={StopCharging: frozenset()},
        )
        fake.fleet = {**fake.fleet, "c1-1": connector}
        await read(minutes=16)
        question = await begin(home, client)
        assert question["menu_options"] == ["stop", "restart"]
        await answer(client, question["flow_id"], {"next_step_id": "restart"})
        assert fake.executed == [Reset(device_id="c1")]

    async def test_without_a_restart(
        self, home: HomeAssistant, client: Browser, fake: type[FakeProvider], read: Read
    ) -> None:
        """Where neither force nor a restart is known, it is just stopped."""
        await read(_LINGERING, minutes=16, commands={StopCharging: frozenset()})
        question = await begin(home, client)
        assert question["menu_options"] == ["stop"]
        await answer(client, question["flow_id"], {"next_step_id": "stop"})
        assert fake.executed == [StopCharging(device_id="c1")]

    @pytest.mark.parametrize(
        "over", [{Reading.SESSION_STATUS: SessionStatus.FINISHED}, {Reading.PLUG: True}]
    )
    async def test_over_in_time(
        self,
        home: HomeAssistant,
        client: Browser,
        read: Read,
        over: dict[Reading, Value],
    ) -> None:
        """A cloud may need some minutes."""
        await read(_LINGERING, minutes=10)
        await read(over, minutes=60)
        assert "session_lingers" not in raised(home)


class TestStartCardMissing:
    """A start that wants a card has one chosen."""

    @pytest.fixture(autouse=True)
    def cards(self, fake: type[FakeProvider], garage: None) -> None:
        """Let the cloud know two cards, and refuse to start without."""
        fake.set_control("c1", Control.START_CARD, options=("Anna", "Ben"))
        fake.refusal = CommandRefusedError("no card", reason=Refusal.CARD_REQUIRED)

    async def start(self, home: HomeAssistant) -> None:
        """Try to start."""
        [entry] = home.config_entries.async_entries(DOMAIN)
        await entry.runtime_data.commands.execute(StartCharging(device_id="c1"))
        await home.async_block_till_done()

    async def test_chosen(
        self, home: HomeAssistant, client: Browser, fake: type[FakeProvider]
    ) -> None:
        """One of those that the cloud knows."""
        assert raised(home) == []
        await self.start(home)
        assert raised(home) == ["start_card_missing"]
        question = await begin(home, client)
        assert question["step_id"] == "card"
        [field] = question["data_schema"]
        assert field["selector"]["select"]["options"] == ["Anna", "Ben"]
        fake.refusal = None
        end = await answer(client, question["flow_id"], {"card": "Ben"})
        assert end["type"] == FlowResultType.CREATE_ENTRY
        assert fake.executed[-1] == SetControl(
            device_id="c1", control=Control.START_CARD, value="Ben"
        )
        assert raised(home) == []

    async def test_cards_are_no_longer_known(
        self, home: HomeAssistant, client: Browser, fake: type[FakeProvider], read: Read
    ) -> None:
        """Where the choice went away there is nothing to ask, nor to keep."""
        await self.start(home)
        question = await begin(home, client)
        await read(controls={Control.CHARGING: ControlState(value=True)})
        assert raised(home) == []
        done = len(fake.executed)
        end = await answer(client, question["flow_id"], {"card": "Ben"})
        assert end["type"] == FlowResultType.CREATE_ENTRY
        assert len(fake.executed) == done

    async def test_chosen_elsewhere(
        self, home: HomeAssistant, client: Browser, fake: type[FakeProvider], read: Read
    ) -> None:
        """By the select entity, for example."""
        await self.start(home)
        fake.set_control("c1", Control.START_CARD, value="Anna")
        await read()
        assert raised(home) == []

    async def test_no_cards(
        self, home: HomeAssistant, client: Browser, fake: type[FakeProvider], read: Read
    ) -> None:
        """Where no cards are known there is nothing to choose."""
        await read(controls={Control.CHARGING: ControlState(value=True)})
        await self.start(home)
        assert raised(home) == []
