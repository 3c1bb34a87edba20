"""Polls, reads, commands, failures and restarts in any order, against a model.

The model is the hardware. Whatever happens in between: no request is lost, none is sent
twice, the last confirmed truth is shown, and nothing vanishes without proof.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from hypothesis import HealthCheck, given, settings, strategies as st
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ev_charger_cloud.charging import (
    Command,
    Control,
    ControlValue,
    Outcome,
    ServerFaultError,
    SetControl,
    StartCharging,
    StopCharging,
    UnreachableError,
    UnusableAnswerError,
)
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant

from .devices import charger, tick
from .fake_provider import FakeProvider

CHARGERS = ("c1", "c2")

# What may happen next. Numbers are limits in A, or seconds.
STEPS = st.one_of(
    st.tuples(
        st.just("switch"),
        st.sampled_from(CHARGERS),
        st.booleans(),
        st.sampled_from(("obeys", "late", "refuses", "answer lost", "lost")),
    ),
    st.tuples(
        st.just("limit"),
        st.sampled_from(CHARGERS),
        st.sampled_from((6.0, 8.0, 10.0, 16.0)),
        st.sampled_from(("obeys", "late", "refuses", "answer lost", "lost")),
    ),
    st.tuples(st.just("on site"), st.sampled_from(CHARGERS), st.booleans()),
    st.tuples(st.just("poll begins")),
    st.tuples(st.just("poll ends")),
    st.tuples(st.just("poll fails")),
    st.tuples(st.just("late effects")),
    st.tuples(st.just("time"), st.sampled_from((0.5, 3.0, 20.0))),
    st.tuples(st.just("restart")),
)


@dataclass
class Hardware:
    """What really is, and what was really asked."""

    provider: type[FakeProvider]
    behaviour: str = "obeys"
    late: list[Command] = field(default_factory=list)
    sent: list[Command] = field(default_factory=list)

    async def take(self, command: Command) -> None:
        """Behave as the next step wants it."""
        self.sent.append(command)
        self.provider.refusal = None
        match self.behaviour:
            case "obeys":
                self.obey(command)
            case "late":
                self.late.append(command)
            case "refuses":
                self.provider.refusal = ServerFaultError("503", reason="http_503")
            case "answer lost":
                self.obey(command)
                self.provider.refusal = UnreachableError("reset", uncertain=True)
            case "lost":
                self.provider.refusal = UnreachableError("timeout", uncertain=True)

    def obey(self, command: Command) -> None:
        """Do what is asked."""
        match command:
            case SetControl():
                self.provider.set_control(
                    command.device_id, command.control, value=command.value
                )
            case StartCharging() | StopCharging():
                self.provider.set_control(
                    command.device_id,
                    Control.CHARGING,
                    value=isinstance(command, StartCharging),
                )

    def truth(self, device_id: str, control: Control) -> ControlValue:
        """Return what a control really is."""
        return self.provider.fleet[device_id].controls[control].value


class Home:
    """An account in Home Assistant that the steps happen to."""

    def __init__(
        self,
        hass: HomeAssistant,
        freezer: FrozenDateTimeFactory,
        entry: MockConfigEntry,
    ) -> None:
        """Begin without a poll under way."""
        self.hass = hass
        self.freezer = freezer
        self.entry = entry
        self.hardware = Hardware(FakeProvider)
        self.asked: list[tuple[Command, Outcome]] = []
        self.poll: asyncio.Task[None] | None = None
        self.gate = asyncio.Event()

    async def take(self, step: tuple[Any, ...]) -> None:
        """Have a step happen."""
        match step:
            case ("switch", device_id, value, behaviour):
                await self.ask(
                    SetControl(
                        device_id=device_id, control=Control.CHARGING, value=value
                    ),
                    behaviour,
                )
            case ("limit", device_id, value, behaviour):
                await self.ask(
                    SetControl(
                        device_id=device_id, control=Control.CURRENT_LIMIT, value=value
                    ),
                    behaviour,
                )
            case ("on site", device_id, value):
                FakeProvider.set_control(device_id, Control.CHARGING, value=value)
            case ("poll begins",):
                await self.begin_poll()
            case ("poll ends",):
                await self.end_poll()
            case ("poll fails",):
                await self.end_poll()
                FakeProvider.failure = UnusableAnswerError("crooked")
                await self.entry.runtime_data.async_refresh()
                FakeProvider.failure = None
            case ("late effects",):
                for command in self.hardware.late:
                    self.hardware.obey(command)
                self.hardware.late.clear()
            case ("time", seconds):
                await tick(self.hass, self.freezer, seconds) if self.poll is None else (
                    self.freezer.tick(seconds)
                )
            case ("restart",):
                await self.end_poll()
                await self.hass.config_entries.async_reload(self.entry.entry_id)

    async def ask(self, command: Command, behaviour: str) -> None:
        """Ask for something, and note how it ended."""
        self.freezer.tick(0.01)
        self.hardware.behaviour = behaviour
        result = await self.entry.runtime_data.commands.execute(command)
        self.asked.append((command, result.outcome))
        self.freezer.tick(0.01)

    async def begin_poll(self) -> None:
        """Send the requests of a poll whose answer takes its time."""
        if self.poll is None:
            self.gate.clear()
            FakeProvider.polling = self.gate.wait
            self.poll = self.hass.async_create_task(
                self.entry.runtime_data.async_refresh(), eager_start=True
            )
            await asyncio.sleep(0)
            FakeProvider.polling = None
            self.freezer.tick(0.01)

    async def end_poll(self) -> None:
        """Have its answer arrive."""
        if self.poll is not None:
            self.gate.set()
            await self.poll
            self.poll = None

    async def settle(self) -> None:
        """Let everything come to rest."""
        await self.take(("late effects",))
        await self.end_poll()
        for seconds in (3, 4, 11, 16, 61):
            await tick(self.hass, self.freezer, seconds)
        await self.entry.runtime_data.async_refresh()
        await self.hass.async_block_till_done()

    def shown(self, entity_id: str) -> str:
        """Return what an entity shows."""
        state = self.hass.states.get(entity_id)
        assert state is not None, f"{entity_id} vanished"
        return state.state


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=3, max_size=14))
async def test_any_order_of_events(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    fake: type[FakeProvider],
    fake_entry: MockConfigEntry,
    steps: list[tuple[Any, ...]],
) -> None:
    """Nothing is lost, nothing is sent twice, the truth is shown, nothing vanishes."""
    fake.reset()
    fake.fleet = {key: charger(key) for key in CHARGERS}
    fake.obeys = False
    assert await home.config_entries.async_setup(fake_entry.entry_id)
    await home.async_block_till_done()
    account = Home(home, freezer, fake_entry)
    fake.sending = account.hardware.take
    try:
        for step in steps:
            await account.take(step)
            for device_id in CHARGERS:
                assert account.shown(f"switch.charger_{device_id}_charging_allowed")
        sent = len(account.hardware.sent)
        await account.settle()
        # Each request left once, and nothing was sent by itself.
        assert len(account.hardware.sent) == sent
        assert sent == sum(
            outcome is not Outcome.SUPERSEDED for _, outcome in account.asked
        )
        for device_id in CHARGERS:
            on = account.hardware.truth(device_id, Control.CHARGING)
            limit = account.hardware.truth(device_id, Control.CURRENT_LIMIT)
            assert account.shown(f"switch.charger_{device_id}_charging_allowed") == (
                "on" if on else "off"
            )
            shown = account.shown(f"number.charger_{device_id}_charging_current_limit")
            assert shown != STATE_UNAVAILABLE
            assert float(shown) == limit
    finally:
        await account.end_poll()
        await home.config_entries.async_unload(fake_entry.entry_id)
