"""What every provider promises of its devices, held against its simulated cloud.

A car comes, charges and leaves, with the charger broken and offline in between; after
each step every value of every device must be of the type that its name promises.
"""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    PROFILE_FIELDS,
    PROFILE_ID,
    Command,
    Control,
    ControlState,
    Device,
    DeviceKind,
    Event,
    Fleet,
    Name,
    Notice,
    Reading,
    SetChargingProfile,
    SetControl,
    events_between,
)
from custom_components.ev_charger_cloud.providers import PROVIDERS
from custom_components.ev_charger_cloud.providers.base import (
    Account,
    Candidate,
    Context,
    Poll,
    Provider,
    monotonic,
)
from simulator.cloud import Cloud
from simulator.server import Simulator
from simulator.world import Car

PACKAGE = Path(__file__).parents[2] / "custom_components" / "ev_charger_cloud"
NAMES = json.loads((PACKAGE / "translations" / "en.json").read_text("utf-8"))["device"]

NUMBERS = frozenset(
    {
        Control.CURRENT_LIMIT,
        Control.POWER_LIMIT,
        Control.CIRCUIT_LIMIT,
        Control.TARGET_MINIMUM,
        Control.TARGET_MAXIMUM,
        Control.DEADLINE_LEVEL,
    }
)
MOMENTS = frozenset({Control.DEADLINE, Control.PAUSE_UNTIL})
CHOICES = frozenset({Control.START_CARD, Control.SMART_CHARGING_MODE})


@dataclass
class Story:
    """One account, its cloud, and the time for both."""

    simulator: Simulator
    cloud: Cloud
    provider: Provider = field(init=False)
    ahead: float = 0.0
    fleet: Fleet = field(default_factory=dict)

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        """Return the time that spans are measured by."""
        return monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.step(seconds)

    def step(self, seconds: float) -> None:
        """Let time pass in the world and for the provider."""
        self.ahead += seconds
        self.simulator.world.clock.step(seconds)
        self.simulator.world.settle()

    async def check(self) -> Fleet:
        """Poll, and check all that was found."""
        before = self.monotonic()
        poll = await self.provider.poll()
        check_poll(poll)
        for device in poll.fleet.values():
            if not device.stale:
                assert device.observed_at > float("-inf"), device.id
            assert device.observed_at <= self.monotonic()
            if old := self.fleet.get(device.id):
                for event in events_between(old, device):
                    assert isinstance(event, Event)
        assert before <= self.monotonic()
        self.fleet = poll.fleet
        return poll.fleet


@pytest.fixture(params=PROVIDERS)
async def story(
    request: pytest.FixtureRequest, session: ClientSession
) -> AsyncGenerator[Story]:
    """Set up the provider of one cloud after the other."""
    async with Simulator() as simulator:
        cloud = simulator[request.param]
        description = PROVIDERS[request.param]
        story = Story(simulator, cloud)
        settings = {each.key: each.default for each in description.options} | {
            "base_url": cloud.base_url,
            **cloud.credentials,
        }
        story.provider = description.factory(
            Context(
                session=session,
                settings=settings,
                now=story.now,
                monotonic=story.monotonic,
                sleep=story.sleep,
            )
        )
        await story.provider.start()
        yield story
        await story.provider.close()


def check_poll(poll: Poll) -> None:
    """Check all that a poll found."""
    assert poll.interval > timedelta()
    assert poll.max_interval is None or poll.max_interval >= timedelta(seconds=1)
    assert all(isinstance(event, Event) for event in poll.events)
    for notice in poll.notices:
        assert isinstance(notice, Notice)
        assert notice.device_id is None or notice.device_id in poll.fleet
    assert poll.fleet
    for device_id, device in poll.fleet.items():
        assert device.id == device_id
        problems = list(problems_of(device))
        assert not problems, problems
        if device.parent is not None:
            assert device.parent in poll.fleet, device.parent
            assert device.parent != device.id


def problems_of(device: Device) -> Iterator[str]:
    """Yield what is not of the type that it should be."""

    def problem(what: object, value: object) -> str:
        return f"{device.id}: {what} is {value!r}"

    if not isinstance(device.kind, DeviceKind):
        yield problem("kind", device.kind)
    if isinstance(device.name, Name):
        wanted = NAMES.get(device.name.key, {}).get("name", "")
        # The name of the parent is filled in where it is shown.
        given = dict.fromkeys(device.name.placeholders, "x") | {"charger": "x"}
        try:
            assert wanted.format(**given)
        except AssertionError, KeyError:
            yield problem("name", device.name)
        if not all(isinstance(each, str) for each in device.name.placeholders.values()):
            yield problem("name", device.name)
    elif not (isinstance(device.name, str) and device.name):
        yield problem("name", device.name)
    for attribute in ("maker", "model", "serial", "firmware", "area", "url", "parent"):
        value = getattr(device, attribute)
        if not (value is None or (isinstance(value, str) and value)):
            yield problem(attribute, value)
    if device.online not in (True, False, None):
        yield problem("online", device.online)
    for reading, value in device.readings.items():
        if not (isinstance(reading, Reading) and reading.fits(value)):
            yield problem(reading, value)
        if isinstance(value, datetime) and value.tzinfo is None:
            yield problem(reading, value)
    for control, state in device.controls.items():
        if not (isinstance(control, Control) and control_fits(control, state)):
            yield problem(control, state)
    for command, optional in device.commands.items():
        if not command_fits(command, optional):
            yield problem(command, optional)
        if command is SetControl:
            yield problem(command, "offered by a control, not by itself")


def control_fits(control: Control, state: ControlState) -> bool:
    """Return whether a control's state is of its type, and complete."""
    value = state.value
    if control in NUMBERS:
        known = value is None or (
            isinstance(value, int | float) and not isinstance(value, bool)
        )
        bounds = (state.minimum, state.maximum, state.step)
        return (
            known
            and all(isinstance(each, int | float | None) for each in bounds)
            and (
                state.minimum is None
                or state.maximum is None
                or state.minimum <= state.maximum
            )
            and (state.step is None or state.step > 0)
        )
    if control in MOMENTS:
        return value is None or (isinstance(value, datetime) and bool(value.tzinfo))
    if control in CHOICES:
        return value is None or (isinstance(value, str) and value in state.options)
    return value is None or isinstance(value, bool)


def command_fits(command: Any, optional: Any) -> bool:
    """Return whether a command is one, with optional fields that it has."""
    if not (issubclass(command, Command) and isinstance(optional, frozenset)):
        return False
    allowed = {
        each.name
        for each in fields(command)
        if each.default is not MISSING or each.default_factory is not MISSING
    }
    if command is SetChargingProfile:
        allowed |= PROFILE_FIELDS | {PROFILE_ID}
    return optional <= allowed


async def test_account_and_candidates(story: Story) -> None:
    """An account has a title, chargers to choose, and an id without its address."""
    account = await story.provider.account()
    assert isinstance(account, Account)
    assert account.title
    assert account.id is None or "127.0.0.1" not in account.id
    candidates = await story.provider.candidates()
    assert candidates
    assert all(isinstance(each, Candidate) and each.id for each in candidates)
    assert len({each.id for each in candidates}) == len(candidates)


async def test_every_value_is_what_its_name_promises(story: Story) -> None:
    """Whatever happens at the charger."""
    fleet = await story.check()
    assert any(device.readings for device in fleet.values())
    station = next(iter(story.cloud.stations.values()))
    connector = station.connectors[0]

    connector.plug_in(Car(soc=0.2, max_current=16.0, phases=3))
    for _ in range(2):
        story.step(60)
        await story.check()

    chargers = {
        device.parent if device.kind is DeviceKind.CONNECTOR else device.id
        for device in story.fleet.values()
        if device.kind in (DeviceKind.CHARGER, DeviceKind.CONNECTOR)
    }
    assert chargers
    for charger in chargers:
        assert charger is not None
        seen = await story.provider.read(charger)
        assert charger in seen
        for device in seen.values():
            assert not list(problems_of(device))

    for change in (
        lambda: connector.set_fault("GroundFailure"),
        lambda: connector.set_fault(None),
        lambda: station.set_online(False),
        lambda: station.set_online(True),
        connector.unplug,
    ):
        change()
        story.step(120)
        await story.check()
    assert story.provider.diagnostics()
