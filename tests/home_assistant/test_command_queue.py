"""The life of a command: checked, sent, watched, and how it ended."""

import asyncio
from datetime import timedelta
import math
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.ev_charger_cloud.account import AccountCoordinator
from custom_components.ev_charger_cloud.charging import (
    PROFILE_FIELDS,
    AddBalance,
    AuthenticationError,
    ChargingProfile,
    ClearLimit,
    Command,
    CommandRefusedError,
    CommandResult,
    Control,
    ControlState,
    DeviceKind,
    NotFoundError,
    Outcome,
    RateUnit,
    Reading,
    Recurrency,
    Refusal,
    SchedulePeriod,
    ServerFaultError,
    SetChargingProfile,
    SetControl,
    StartCharging,
    StopCharging,
    UnreachableError,
)
from custom_components.ev_charger_cloud.const import DOMAIN, EVENT_CHARGING
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .devices import COMMANDS, SetUp, charger, tick
from .fake_provider import FakeProvider

CHARGING_1 = "switch.charger_c1_charging_allowed"
LIMIT_1 = "number.charger_c1_charging_current_limit"


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
    freezer.tick(1)
    return coordinator


@pytest.fixture
def finished(home: HomeAssistant) -> list[dict[str, Any]]:
    """Return what is told of commands that finished."""
    told: list[dict[str, Any]] = []

    @callback
    def note(event: Event) -> None:
        if event.data["type"] == "command_finished":
            told.append(dict(event.data))

    home.bus.async_listen(EVENT_CHARGING, note)
    return told


class Gate:
    """Holds commands back on their way to the cloud."""

    def __init__(self, fake: type[FakeProvider]) -> None:
        """Hold the first command that comes."""
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        fake.sending = self._pass

    async def _pass(self, command: Command) -> None:
        self.reached.set()
        await self.opened.wait()


def shown(home: HomeAssistant, entity_id: str) -> str:
    """Return what an entity shows."""
    state = home.states.get(entity_id)
    assert state is not None, entity_id
    return state.state


def profile(
    limit: float = 10.0, unit: RateUnit = RateUnit.AMPERE, **changes: Any
) -> SetChargingProfile:
    """Return the request for a profile with one limit."""
    return SetChargingProfile(
        device_id="c1",
        profile=ChargingProfile(
            periods=(SchedulePeriod(start_period=0, limit=limit),),
            rate_unit=unit,
            **changes,
        ),
    )


def set_limit(value: float, device_id: str = "c1", **fields: Any) -> SetControl:
    """Return a request for a current limit."""
    return SetControl(
        device_id=device_id, control=Control.CURRENT_LIMIT, value=float(value), **fields
    )


async def turn(home: HomeAssistant, service: str, entity_id: str = CHARGING_1) -> None:
    """Turn a switch on or off."""
    await home.services.async_call(
        "switch", f"turn_{service}", {"entity_id": entity_id}, blocking=True
    )


class TestSending:
    """Everything that is asked is sent."""

    @pytest.mark.parametrize("service", ["on", "off"])
    async def test_switch_is_sent_though_it_is_shown_so_already(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        service: str,
    ) -> None:
        """The charger may have been switched on site since it was read."""
        value = service == "on"
        fake.set_control("c1", Control.CHARGING, value=value)
        await coordinator.async_refresh()
        fake.set_control("c1", Control.CHARGING, value=not value)
        assert shown(home, CHARGING_1) == service
        await turn(home, service)
        kind = StartCharging if value else StopCharging
        assert fake.executed == [kind(device_id="c1")]
        assert fake.fleet["c1"].controls[Control.CHARGING].value is value

    async def test_number_is_sent_though_it_is_shown_already(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """The limit may have been changed on site since it was read."""
        fake.set_control("c1", Control.CURRENT_LIMIT, value=6.0)
        assert shown(home, LIMIT_1) == "16.0"
        await home.services.async_call(
            "number", "set_value", {"entity_id": LIMIT_1, "value": 16}, blocking=True
        )
        assert fake.executed == [set_limit(16)]

    async def test_repeat_of_what_is_pending_is_sent(
        self, coordinator: AccountCoordinator, fake: type[FakeProvider]
    ) -> None:
        """What is merely asked for is no reason not to ask again."""
        fake.obeys = False
        for _ in range(2):
            result = await coordinator.commands.execute(set_limit(8))
            assert result.outcome is Outcome.ACCEPTED
        assert fake.executed == [set_limit(8), set_limit(8)]

    async def test_one_at_a_time_at_a_charger(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """A second command waits until the first was sent."""
        gate = Gate(fake)
        first = home.async_create_task(coordinator.commands.execute(set_limit(8)))
        await gate.reached.wait()
        second = home.async_create_task(
            coordinator.commands.execute(StopCharging(device_id="c1"))
        )
        other = home.async_create_task(coordinator.commands.execute(set_limit(8, "c2")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert fake.executed == [set_limit(8), set_limit(8, "c2")]
        gate.opened.set()
        await asyncio.gather(first, second, other)
        assert fake.executed[2] == StopCharging(device_id="c1")

    async def test_connectors_of_a_charger_share_its_turn(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """A charger with two connectors is one charger."""
        fake.fleet = {
            "s": charger("s"),
            "s1": charger("s1", kind=DeviceKind.CONNECTOR, parent="s"),
            "s2": charger("s2", kind=DeviceKind.CONNECTOR, parent="s"),
        }
        await coordinator.async_refresh()
        gate = Gate(fake)
        first = home.async_create_task(coordinator.commands.execute(set_limit(8, "s1")))
        await gate.reached.wait()
        second = home.async_create_task(
            coordinator.commands.execute(set_limit(8, "s2"))
        )
        await asyncio.sleep(0)
        assert fake.executed == [set_limit(8, "s1")]
        gate.opened.set()
        await asyncio.gather(first, second)
        assert len(fake.executed) == 2

    async def test_only_what_was_not_sent_is_overtaken_and_the_caller_is_told(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        finished: list[dict[str, Any]],
    ) -> None:
        """Of three limits the second never leaves; its caller learns that."""
        gate = Gate(fake)
        tasks = []
        for value in (8, 10, 12):
            tasks.append(
                home.async_create_task(coordinator.commands.execute(set_limit(value)))
            )
            await gate.reached.wait()
            await asyncio.sleep(0)
        gate.opened.set()
        first, second, third = await asyncio.gather(*tasks)
        await home.async_block_till_done()
        assert fake.executed == [set_limit(8), set_limit(12)]
        assert second.outcome is Outcome.SUPERSEDED
        assert third.outcome is Outcome.COMPLETED
        assert first.outcome is not Outcome.SUPERSEDED
        assert {"superseded", "completed"} <= {each["outcome"] for each in finished}
        assert shown(home, LIMIT_1) == "12.0"

    async def test_a_start_and_a_stop_are_requests_for_the_same(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """A start that waits is overtaken by a stop."""
        gate = Gate(fake)
        blocker = home.async_create_task(coordinator.commands.execute(set_limit(8)))
        await gate.reached.wait()
        start = home.async_create_task(
            coordinator.commands.execute(StartCharging(device_id="c1"))
        )
        await asyncio.sleep(0)
        stop = home.async_create_task(
            coordinator.commands.execute(StopCharging(device_id="c1"))
        )
        await asyncio.sleep(0)
        gate.opened.set()
        _, started, stopped = await asyncio.gather(blocker, start, stop)
        assert started.outcome is Outcome.SUPERSEDED
        assert stopped.outcome is Outcome.COMPLETED
        assert fake.executed == [set_limit(8), StopCharging(device_id="c1")]

    async def test_commands_that_set_nothing_are_all_sent(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """None of them overtakes another."""
        gate = Gate(fake)
        tasks = [
            home.async_create_task(
                coordinator.commands.execute(ClearLimit(device_id="c1"))
            )
            for _ in range(3)
        ]
        await gate.reached.wait()
        gate.opened.set()
        results = await asyncio.gather(*tasks)
        assert len(fake.executed) == 3
        assert all(result.outcome is not Outcome.SUPERSEDED for result in results)

    async def test_cancelled_request_no_longer_shows(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """A script that is stopped takes what it asked for back."""
        gate = Gate(fake)
        task = home.async_create_task(coordinator.commands.execute(set_limit(8)))
        await gate.reached.wait()
        assert shown(home, LIMIT_1) == "8.0"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert shown(home, LIMIT_1) == "16.0"

    async def test_request_that_is_given_up_overtakes_nobody(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """A stop is sent although a script wanted a start, and was stopped."""
        gate = Gate(fake)
        first = home.async_create_task(coordinator.commands.execute(set_limit(8)))
        await gate.reached.wait()
        stop = home.async_create_task(
            coordinator.commands.execute(StopCharging(device_id="c1"))
        )
        await asyncio.sleep(0)
        start = home.async_create_task(
            coordinator.commands.execute(StartCharging(device_id="c1"))
        )
        await asyncio.sleep(0)
        start.cancel()
        await asyncio.wait((start,))
        gate.opened.set()
        await first
        assert (await stop).outcome is Outcome.COMPLETED
        assert fake.executed == [set_limit(8), StopCharging(device_id="c1")]

    async def test_request_that_is_given_up_ends_no_watch(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
        finished: list[dict[str, Any]],
    ) -> None:
        """What was sent before is withdrawn in its time, with a word about it."""
        fake.obeys = False
        await coordinator.commands.execute(set_limit(8))
        gate = Gate(fake)
        stop = home.async_create_task(
            coordinator.commands.execute(StopCharging(device_id="c1"))
        )
        await gate.reached.wait()
        second = home.async_create_task(coordinator.commands.execute(set_limit(10)))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait((second,))
        gate.opened.set()
        await stop
        for seconds in (2.1, 3.1, 10.1, 15.1):
            assert shown(home, LIMIT_1) == "8.0"
            await tick(home, freezer, seconds)
        assert shown(home, LIMIT_1) == "16.0"
        assert [
            each["reason"] for each in finished if each["outcome"] == "accepted"
        ] == [Refusal.NOT_APPLIED]

    async def test_charger_that_goes_while_a_request_waits(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """Nothing is sent to a charger that has left."""
        gate = Gate(fake)
        first = home.async_create_task(coordinator.commands.execute(set_limit(8)))
        await gate.reached.wait()
        second = home.async_create_task(
            coordinator.commands.execute(StopCharging(device_id="c1"))
        )
        await asyncio.sleep(0)
        fake.fleet = {"c2": fake.fleet["c2"]}
        await coordinator.async_refresh()
        fake.obeys = False
        gate.opened.set()
        await first
        with pytest.raises(ServiceValidationError) as caught:
            await second
        assert caught.value.translation_key == "device_gone"
        assert fake.executed == [set_limit(8)]

    async def test_charger_that_goes_and_returns_while_a_request_waits(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """Nothing came later, so the request is sent."""
        gate = Gate(fake)
        first = home.async_create_task(coordinator.commands.execute(set_limit(8)))
        await gate.reached.wait()
        second = home.async_create_task(
            coordinator.commands.execute(StopCharging(device_id="c1"))
        )
        await asyncio.sleep(0)
        whole = fake.fleet
        for fleet in ({"c2": whole["c2"]}, whole):
            fake.fleet = fleet
            await coordinator.async_refresh()
        gate.opened.set()
        await first
        assert (await second).outcome is Outcome.COMPLETED
        assert fake.executed == [set_limit(8), StopCharging(device_id="c1")]


class TestPending:
    """What was asked is shown until the cloud has spoken."""

    async def test_shown_while_under_way_and_until_confirmed(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """A slow cloud confirms with the second look; a poll before does not undo it."""
        fake.obeys = False
        await coordinator.commands.execute(set_limit(8))
        assert shown(home, LIMIT_1) == "8.0"
        await coordinator.async_refresh()
        assert shown(home, LIMIT_1) == "8.0"
        await tick(home, freezer, 2.1)
        assert shown(home, LIMIT_1) == "8.0"
        fake.set_control("c1", Control.CURRENT_LIMIT, value=8.0)
        await tick(home, freezer, 3.1)
        reads = len(fake.reads)
        fake.set_control("c1", Control.CURRENT_LIMIT, value=12.0)
        await coordinator.async_refresh()
        assert shown(home, LIMIT_1) == "12.0"
        await tick(home, freezer, 40)
        assert len(fake.reads) == reads

    async def test_poll_begun_before_the_command_does_not_undo_it(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """What was read after a command is newer than a poll that ends later."""
        ended = asyncio.Event()
        fake.polling = ended.wait
        poll = home.async_create_task(coordinator.async_refresh())
        await asyncio.sleep(0)
        freezer.tick(1)
        values = []
        home.bus.async_listen(
            "state_changed",
            callback(
                lambda event: (
                    values.append(event.data["new_state"].state)
                    if event.data["entity_id"] == LIMIT_1
                    else None
                )
            ),
        )
        result = await coordinator.commands.execute(set_limit(8))
        assert result.outcome is Outcome.COMPLETED
        freezer.tick(1)
        ended.set()
        await poll
        await home.async_block_till_done()
        assert shown(home, LIMIT_1) == "8.0"
        assert values == ["8.0"]

    async def test_poll_begun_before_the_command_confirms_nothing(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """It shows what was there before, be it what was asked."""
        ended = asyncio.Event()
        fake.polling = ended.wait
        poll = home.async_create_task(coordinator.async_refresh())
        await asyncio.sleep(0)
        freezer.tick(1)
        fake.obeys = False
        fake.read_failure = UnreachableError()
        # Meanwhile it was changed on site, and the cloud takes its time to change it.
        fake.set_control("c1", Control.CURRENT_LIMIT, value=6.0)
        await coordinator.commands.execute(set_limit(16))
        ended.set()
        await poll
        await coordinator.async_refresh()
        await home.async_block_till_done()
        assert shown(home, LIMIT_1) == "16.0"

    async def test_given_up_and_told(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
        finished: list[dict[str, Any]],
    ) -> None:
        """What never shows is withdrawn in half a minute, with a word about it."""
        fake.obeys = False
        await coordinator.commands.execute(set_limit(8))
        for seconds in (2.1, 3.1, 10.1, 15.1):
            assert shown(home, LIMIT_1) == "8.0"
            await tick(home, freezer, seconds)
        assert shown(home, LIMIT_1) == "16.0"
        assert [(each["outcome"], each["reason"]) for each in finished] == [
            ("accepted", Refusal.NOT_APPLIED)
        ]

    async def test_completed_by_word_alone(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
        finished: list[dict[str, Any]],
    ) -> None:
        """A cloud may call completed what it merely passed on: the effect decides."""
        fake.obeys = False
        fake.result = CommandResult(outcome=Outcome.ACCEPTED, id="a1")
        fake.told = CommandResult(outcome=Outcome.COMPLETED, id="a1")
        await coordinator.commands.execute(set_limit(8))
        for seconds in (2.1, 3.1, 10.1, 15.1):
            await tick(home, freezer, seconds)
        assert shown(home, LIMIT_1) == "16.0"
        assert [(each["outcome"], each["reason"]) for each in finished] == [
            ("accepted", Refusal.NOT_APPLIED)
        ]

    @pytest.mark.parametrize("effective", [True, False])
    async def test_completion_is_told_once(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
        finished: list[dict[str, Any]],
        effective: bool,
    ) -> None:
        """Where the cloud's word came first, the effect is no second end."""
        fake.obeys = False
        fake.result = CommandResult(outcome=Outcome.COMPLETED)
        await coordinator.commands.execute(set_limit(8))
        if effective:
            fake.set_control("c1", Control.CURRENT_LIMIT, value=8.0)
        for seconds in (2.1, 3.1, 10.1, 15.1):
            await tick(home, freezer, seconds)
        assert shown(home, LIMIT_1) == ("8.0" if effective else "16.0")
        assert [each["outcome"] for each in finished] == ["completed"]

    async def test_start_without_a_vehicle_is_told(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
        finished: list[dict[str, Any]],
    ) -> None:
        """The switch falls back, and the reason is that no vehicle is connected."""
        fake.obeys = False
        fake.set_reading("c1", Reading.PLUG, False)
        await coordinator.async_refresh()
        await turn(home, "on")
        for seconds in (2.1, 3.1, 10.1, 15.1):
            await tick(home, freezer, seconds)
        assert shown(home, CHARGING_1) == "off"
        assert finished[-1]["reason"] == Refusal.NOT_CONNECTED
        assert finished[-1]["command"] == "start_charging"

    async def test_value_that_the_cloud_rounds_down_is_confirmed(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """A limit of 8.6 A becomes 8 A in a charger that takes whole amperes."""
        fake.obeys = False

        async def round_down(command: Command) -> None:
            fake.set_control("c1", Control.CURRENT_LIMIT, value=8.0)

        fake.sending = round_down
        result = await coordinator.commands.execute(set_limit(8.6))
        assert result.outcome is Outcome.COMPLETED
        assert shown(home, LIMIT_1) == "8.0"

    async def test_value_above_what_was_asked_is_not_confirmed(
        self,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """A charger that allows half an ampere more does not do as it was told."""
        fake.obeys = False
        fake.set_control("c1", Control.CURRENT_LIMIT, value=8.5)
        result = await coordinator.commands.execute(set_limit(8))
        assert result.outcome is Outcome.ACCEPTED

    async def test_refusal_shows_the_truth_at_once(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """A refused value is withdrawn and costs no reading."""
        fake.refusal = CommandRefusedError("Offline", reason=Refusal.OFFLINE)
        result = await coordinator.commands.execute(set_limit(8))
        assert (result.outcome, result.reason, result.message) == (
            Outcome.REFUSED,
            Refusal.OFFLINE,
            "Offline",
        )
        assert shown(home, LIMIT_1) == "16.0"
        assert fake.reads == []

    async def test_refusal_of_an_entity_raises_with_the_words_of_the_cloud(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """Whoever turns a switch reads ours and the cloud's reason."""
        fake.refusal = CommandRefusedError("Gone fishing", reason=Refusal.OFFLINE)
        with pytest.raises(HomeAssistantError) as caught:
            await turn(home, "on")
        assert caught.value.translation_key == "refused_offline"
        assert caught.value.translation_placeholders["words"] == " (“Gone fishing”)"

    async def test_charger_that_returns_shows_the_truth(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """What was asked of a charger that left is forgotten."""
        fake.obeys = False
        await coordinator.commands.execute(set_limit(8))
        whole = fake.fleet
        fake.fleet = {"c2": whole["c2"]}
        await coordinator.async_refresh()
        fake.fleet = whole
        await coordinator.async_refresh()
        await home.async_block_till_done()
        assert shown(home, LIMIT_1) == "16.0"


class TestWatch:
    """One watch a command, ended when the effect shows."""

    async def test_confirmed_at_once_is_read_once(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """A command that shows at once costs itself and one reading."""
        result = await coordinator.commands.execute(set_limit(8))
        assert result.outcome is Outcome.COMPLETED
        assert result.sent_at is not None
        assert result.finished_at is not None
        await tick(home, freezer, 20)
        assert fake.reads == ["c1"]

    async def test_reading_from_before_proves_nothing(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
        finished: list[dict[str, Any]],
    ) -> None:
        """A limit that was shown all along is not confirmed while nothing is read."""
        fake.obeys = False
        fake.set_control("c1", Control.CURRENT_LIMIT, value=6.0)
        fake.read_failure = UnreachableError()
        assert shown(home, LIMIT_1) == "16.0"
        result = await coordinator.commands.execute(set_limit(16))
        assert result.outcome is Outcome.ACCEPTED
        fake.read_failure = None
        for seconds in (2.1, 3.1, 10.1, 15.1):
            await tick(home, freezer, seconds)
        assert shown(home, LIMIT_1) == "6.0"
        assert [each["reason"] for each in finished] == [Refusal.NOT_APPLIED]

    async def test_reading_under_way_proves_nothing(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """One that was asked for just before is no answer to the command."""
        ended = asyncio.Event()
        fake.reading = ended.wait
        read = home.async_create_task(coordinator.read("c1"))
        while not fake.reads:
            await asyncio.sleep(0)
        freezer.tick(0.5)
        fake.reading = None
        async with asyncio.timeout(10):
            result = await coordinator.commands.execute(set_limit(8))
        assert result.outcome is Outcome.COMPLETED
        assert fake.reads == ["c1", "c1"]
        ended.set()
        await read
        assert shown(home, LIMIT_1) == "8.0"

    async def test_slow_reading_of_an_earlier_request_ends_no_watch(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
        finished: list[dict[str, Any]],
    ) -> None:
        """What was sent last is watched to its end."""
        fake.obeys = False
        ended = asyncio.Event()
        fake.reading = ended.wait
        first = home.async_create_task(coordinator.commands.execute(set_limit(8)))
        while not fake.reads:
            await asyncio.sleep(0)
        freezer.tick(0.5)
        fake.reading = None
        await coordinator.commands.execute(set_limit(10))
        ended.set()
        await first
        for seconds in (2.1, 3.1, 10.1, 15.1):
            assert shown(home, LIMIT_1) == "10.0"
            await tick(home, freezer, seconds)
        assert shown(home, LIMIT_1) == "16.0"
        assert [each["reason"] for each in finished] == [Refusal.NOT_APPLIED]

    async def test_list_that_lacks_it_proves_nothing(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
        finished: list[dict[str, Any]],
    ) -> None:
        """What was known of a connector that a poll lacked is not seen again."""
        fake.fleet = {
            "s": charger("s"),
            "s1": charger("s1", kind=DeviceKind.CONNECTOR, parent="s"),
        }
        await coordinator.async_refresh()
        fake.obeys = False
        fake.read_failure = UnreachableError()
        freezer.tick(1)
        result = await coordinator.commands.execute(set_limit(16, "s1"))
        assert result.outcome is Outcome.ACCEPTED
        fake.fleet = {"s": fake.fleet["s"]}
        await coordinator.async_refresh()
        for seconds in (2.1, 3.1, 10.1, 15.1):
            await tick(home, freezer, seconds)
        assert [each["outcome"] for each in finished] == ["accepted"]

    async def test_stop_overtakes_the_watch_over_a_start(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """A stop is sent at once, and nothing goes on watching the start."""
        fake.obeys = False
        await coordinator.commands.execute(StartCharging(device_id="c1"))
        await tick(home, freezer, 2.1)
        # No time passes: what waited for the watch would wait for ever.
        await asyncio.wait_for(
            coordinator.commands.execute(StopCharging(device_id="c1")), 10
        )
        assert fake.executed[-1] == StopCharging(device_id="c1")
        assert shown(home, CHARGING_1) == "off"
        reads = len(fake.reads)
        await tick(home, freezer, 60)
        assert len(fake.reads) == reads

    async def test_watches_of_two_controls_go_on_beside_each_other(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """A limit and a start are two things, each withdrawn in its own time."""
        fake.obeys = False
        await coordinator.commands.execute(set_limit(8))
        await coordinator.commands.execute(StartCharging(device_id="c1"))
        fake.set_control("c1", Control.CHARGING, value=True)
        await tick(home, freezer, 2.1)
        assert shown(home, CHARGING_1) == "on"
        assert shown(home, LIMIT_1) == "8.0"
        for seconds in (3.1, 10.1, 15.1):
            await tick(home, freezer, seconds)
        assert shown(home, LIMIT_1) == "16.0"
        assert shown(home, CHARGING_1) == "on"

    async def test_followed_to_its_failure(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
        finished: list[dict[str, Any]],
    ) -> None:
        """A cloud that records its commands tells when one failed, and why."""
        fake.obeys = False
        fake.result = CommandResult(id="a1")
        fake.told = CommandResult(id="a1")
        await coordinator.commands.execute(StartCharging(device_id="c1"))
        await tick(home, freezer, 2.1)
        assert shown(home, CHARGING_1) == "on"
        fake.told = CommandResult(
            outcome=Outcome.REFUSED, id="a1", reason=Refusal.FAULTED, message="E5"
        )
        await tick(home, freezer, 3.1)
        assert shown(home, CHARGING_1) == "off"
        assert [(each["outcome"], each["reason"]) for each in finished] == [
            ("refused", Refusal.FAULTED)
        ]
        reads = len(fake.reads)
        await tick(home, freezer, 60)
        assert len(fake.reads) == reads

    async def test_followed_to_its_end_in_few_requests(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
        finished: list[dict[str, Any]],
    ) -> None:
        """The charger is read again only when the cloud says that it is done."""
        fake.obeys = False
        fake.result = CommandResult(id="a1")
        fake.told = CommandResult(id="a1")
        await coordinator.commands.execute(StartCharging(device_id="c1"))
        await tick(home, freezer, 2.1)
        assert fake.reads == ["c1"]
        fake.told = CommandResult(outcome=Outcome.COMPLETED, id="a1")
        fake.set_control("c1", Control.CHARGING, value=True)
        await tick(home, freezer, 3.1)
        assert fake.reads == ["c1", "c1"]
        assert finished[-1]["outcome"] == "completed"
        assert shown(home, CHARGING_1) == "on"

    async def test_command_the_cloud_forgot_is_judged_by_its_effect(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """A record that is gone, or cannot be read, is no reason to give up."""
        fake.obeys = False
        fake.result = CommandResult(id="a1")
        fake.told = UnreachableError()
        await coordinator.commands.execute(StartCharging(device_id="c1"))
        await tick(home, freezer, 2.1)
        fake.told = NotFoundError()
        fake.set_control("c1", Control.CHARGING, value=True)
        await tick(home, freezer, 3.1)
        assert len(fake.reads) == 2
        await tick(home, freezer, 60)
        assert len(fake.reads) == 2

    @pytest.mark.parametrize("delay", [timedelta(hours=1), None])
    async def test_deferred_command_is_not_shown_as_done(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        delay: timedelta | None,
    ) -> None:
        """What the cloud does later, asked or not, is not shown now, nor watched."""
        fake.obeys = False
        fake.result = CommandResult(outcome=Outcome.DEFERRED, id="a1")
        result = await coordinator.commands.execute(
            StartCharging(device_id="c1", delay=delay)
        )
        assert result.outcome is Outcome.DEFERRED
        assert shown(home, CHARGING_1) == "off"

    async def test_watch_ends_with_the_entry(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """Nothing is read for an account that is unloaded."""
        fake.obeys = False
        await coordinator.commands.execute(set_limit(8))
        await home.config_entries.async_unload(coordinator.config_entry.entry_id)
        reads = len(fake.reads)
        await tick(home, freezer, 60)
        assert len(fake.reads) == reads

    async def test_watch_ends_when_the_charger_goes(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """Nothing is read of a charger that has left."""
        fake.obeys = False
        await coordinator.commands.execute(set_limit(8))
        fake.fleet = {"c2": fake.fleet["c2"]}
        await coordinator.async_refresh()
        reads = len(fake.reads)
        await tick(home, freezer, 60)
        assert len(fake.reads) == reads


class TestLostAnswers:
    """A lost answer is an outcome of its own."""

    @pytest.mark.parametrize(
        "error",
        [
            UnreachableError("no answer in time", reason="timeout", uncertain=True),
            ServerFaultError("HTTP 504", reason="http_504", uncertain=True),
        ],
    )
    async def test_charger_is_read_at_once_and_nothing_is_sent_again(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
        error: Any,
    ) -> None:
        """The user is told that it may still take effect."""
        fake.refusal = error
        fake.obeys = False
        with pytest.raises(HomeAssistantError) as caught:
            await turn(home, "on")
        assert caught.value.translation_key == "uncertain"
        assert fake.reads == ["c1"]
        assert shown(home, CHARGING_1) == "off"
        await tick(home, freezer, 60)
        assert len(fake.executed) == 1

    async def test_effect_that_shows_is_a_success(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """The command took effect though its answer was lost."""
        fake.refusal = UnreachableError("reset", uncertain=True)
        await turn(home, "on")
        assert shown(home, CHARGING_1) == "on"

    async def test_effect_that_shows_later_is_told(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
        finished: list[dict[str, Any]],
    ) -> None:
        """The watch goes on until it is known."""
        fake.refusal = UnreachableError("reset", uncertain=True)
        fake.obeys = False
        result = await coordinator.commands.execute(StartCharging(device_id="c1"))
        assert result.outcome is Outcome.UNCERTAIN
        fake.set_control("c1", Control.CHARGING, value=True)
        await tick(home, freezer, 2.1)
        assert shown(home, CHARGING_1) == "on"
        assert finished[-1]["outcome"] == "completed"

    async def test_money_is_not_moved_twice(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """The same request is refused for ten minutes, also after a reload."""
        request = AddBalance(device_id="c1", amount=25.0, reason="thanks")
        fake.change("c1", commands=COMMANDS)
        await coordinator.async_refresh()
        fake.refusal = UnreachableError("reset", uncertain=True)
        fake.obeys = False
        result = await coordinator.commands.execute(request)
        assert result.outcome is Outcome.UNCERTAIN
        assert fake.reads == ["c1"]
        fake.refusal = None
        await home.config_entries.async_reload(coordinator.config_entry.entry_id)
        commands = coordinator.config_entry.runtime_data.commands
        with pytest.raises(ServiceValidationError) as caught:
            await commands.execute(request)
        assert caught.value.translation_key == "money_uncertain"
        assert len(fake.executed) == 1
        # Another amount is another request, and who knows may say so.
        await commands.execute(AddBalance(device_id="c1", amount=26.0, reason="thanks"))
        await commands.execute(request, repeat=True)
        assert len(fake.executed) == 3

    async def test_money_is_not_moved_by_a_second_click(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
    ) -> None:
        """A request that waits is refused when the answer to the first is lost."""
        fake.change("c1", commands=COMMANDS)
        await coordinator.async_refresh()
        fake.refusal = UnreachableError("reset", uncertain=True)
        gate = Gate(fake)
        clicks = [
            home.async_create_task(
                coordinator.commands.execute(
                    AddBalance(device_id="c1", amount=25.0, reason="thanks")
                )
            )
            for _ in range(2)
        ]
        await gate.reached.wait()
        await asyncio.sleep(0)
        gate.opened.set()
        assert (await clicks[0]).outcome is not Outcome.REFUSED
        with pytest.raises(ServiceValidationError) as caught:
            await clicks[1]
        assert caught.value.translation_key == "money_uncertain"
        assert len(fake.executed) == 1

    async def test_guard_over_money_outlives_a_kill(
        self,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        hass_storage: dict[str, Any],
    ) -> None:
        """It is on the disk before the caller is told."""
        fake.change("c1", commands=COMMANDS)
        await coordinator.async_refresh()
        fake.refusal = UnreachableError("reset", uncertain=True)
        await coordinator.commands.execute(
            AddBalance(device_id="c1", amount=25.0, reason="thanks")
        )
        key = f"{DOMAIN}.{coordinator.config_entry.entry_id}"
        assert len(hass_storage[key]["data"]["uncertain"]) == 1

    async def test_refused_money_can_be_asked_for_again(
        self, coordinator: AccountCoordinator, fake: type[FakeProvider]
    ) -> None:
        """Nothing is in doubt when the cloud said no."""
        request = AddBalance(device_id="c1", amount=25.0, reason="thanks")
        fake.change("c1", commands=COMMANDS)
        await coordinator.async_refresh()
        fake.refusal = CommandRefusedError("no", reason="no")
        await coordinator.commands.execute(request)
        fake.refusal = None
        await coordinator.commands.execute(request)
        assert len(fake.executed) == 2

    async def test_guard_over_money_ends_with_a_clock_that_is_put_back(
        self,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """A day that was wrongly ahead refuses nothing for a day."""
        request = AddBalance(device_id="c1", amount=25.0, reason="thanks")
        fake.change("c1", commands=COMMANDS)
        await coordinator.async_refresh()
        fake.refusal = UnreachableError("reset", uncertain=True)
        await coordinator.commands.execute(request)
        fake.refusal = None
        freezer.tick(-86_400)
        await coordinator.commands.execute(request)
        assert len(fake.executed) == 2

    async def test_guard_over_money_ends(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """After ten minutes it can be asked again."""
        request = AddBalance(device_id="c1", amount=25.0, reason="thanks")
        fake.change("c1", commands=COMMANDS)
        await coordinator.async_refresh()
        fake.refusal = UnreachableError("reset", uncertain=True)
        await coordinator.commands.execute(request)
        fake.refusal = None
        await tick(home, freezer, 601)
        await coordinator.commands.execute(request)
        assert len(fake.executed) == 2
        assert coordinator.store.content["uncertain"] == {}

    async def test_not_authorised_gets_a_second_opinion(
        self,
        home: HomeAssistant,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """One refused command asks nobody to sign in."""
        fake.refusal = AuthenticationError()
        with pytest.raises(HomeAssistantError) as caught:
            await turn(home, "on")
        assert caught.value.translation_key == "authentication_failed"
        assert not home.config_entries.flow.async_progress()
        # The next poll is the second opinion.
        fake.failure = AuthenticationError()
        await tick(home, freezer, 61)
        assert len(home.config_entries.flow.async_progress()) == 1


class TestChecks:
    """What cannot be sent as it stands is refused before it is."""

    @pytest.mark.parametrize(
        ("command", "key"),
        [
            (set_limit(5), "out_of_range"),
            (set_limit(17), "out_of_range"),
            (set_limit(math.inf), "not_a_number"),
            (set_limit(math.nan), "not_a_number"),
            (StartCharging(device_id="c1", current=0), "out_of_range"),
            (StartCharging(device_id="c1", current=500), "out_of_range"),
            (StartCharging(device_id="c1", current=1e300), "out_of_range"),
            (StartCharging(device_id="c1", current=math.nan), "not_a_number"),
            (
                SetControl(device_id="c1", control=Control.POWER_LIMIT, value=3000.0),
                "not_offered",
            ),
            (AddBalance(device_id="c1", amount=1, reason="x"), "not_offered"),
            (profile(500), "out_of_range"),
            (StartCharging(device_id="c9"), "device_gone"),
        ],
    )
    async def test_refused(
        self,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        command: Command,
        key: str,
    ) -> None:
        """Nothing is sent."""
        if isinstance(command, SetChargingProfile):
            fake.change("c1", commands=COMMANDS)
            await coordinator.async_refresh()
        with pytest.raises(ServiceValidationError) as caught:
            await coordinator.commands.execute(command)
        assert caught.value.translation_key == key
        assert fake.executed == []

    async def test_bounds_carry_units(
        self, coordinator: AccountCoordinator, fake: type[FakeProvider]
    ) -> None:
        """The error tells the value and the range with their unit."""
        with pytest.raises(ServiceValidationError) as caught:
            await coordinator.commands.execute(set_limit(17))
        assert caught.value.translation_placeholders == {
            "subject": "Charger c1",
            "field": "current",
            "value": "17 A",
            "minimum": "6",
            "maximum": "16 A",
        }

    @pytest.mark.parametrize(
        "command",
        [
            StartCharging(device_id="c1", delay=timedelta(minutes=5)),
            StartCharging(device_id="c1", user_id="7"),
            StartCharging(device_id="c1", id_token="A1B2"),
            StopCharging(device_id="c1", force=True),
            set_limit(8, duration=timedelta(minutes=5)),
            profile(id=7),
            profile(recurrency=Recurrency.DAILY),
        ],
    )
    async def test_field_that_the_cloud_does_not_honor(
        self,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        command: Command,
    ) -> None:
        """No field is ignored in silence."""
        fake.change(
            "c1",
            commands={
                StartCharging: frozenset(),
                StopCharging: frozenset(),
                SetChargingProfile: PROFILE_FIELDS - {"recurrency"},
            },
        )
        fake.set_control("c1", Control.CURRENT_LIMIT, timed=False)
        await coordinator.async_refresh()
        with pytest.raises(ServiceValidationError) as caught:
            await coordinator.commands.execute(command)
        assert caught.value.translation_key == "field_not_supported"
        assert fake.executed == []

    async def test_what_to_use_instead(
        self, coordinator: AccountCoordinator, fake: type[FakeProvider]
    ) -> None:
        """A charger that is limited by its power says so."""
        fake.change(
            "c1",
            controls={Control.POWER_LIMIT: ControlState(value=None, maximum=11000)},
        )
        await coordinator.async_refresh()
        with pytest.raises(ServiceValidationError) as caught:
            await coordinator.commands.execute(set_limit(8))
        assert caught.value.translation_key == "only_power"

    @pytest.mark.parametrize("reading", [16.0, None])
    async def test_hardware_bounds_a_start_without_a_limit_control(
        self,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        reading: float | None,
    ) -> None:
        """What the hardware is made for bounds a start, where it is known."""
        fake.change("c1", controls={})
        fake.set_reading("c1", Reading.MAXIMUM_CURRENT, reading)
        await coordinator.async_refresh()
        with pytest.raises(ServiceValidationError):
            # IEC 61851 knows no less than 6 A.
            await coordinator.commands.execute(
                StartCharging(device_id="c1", current=5.9)
            )
        command = StartCharging(device_id="c1", current=20)
        if reading is None:
            await coordinator.commands.execute(command)
            assert fake.executed == [command]
            return
        with pytest.raises(ServiceValidationError):
            await coordinator.commands.execute(command)

    @pytest.mark.parametrize(("watts", "passes"), [(11000, True), (11001, False)])
    async def test_hardware_bounds_a_profile_in_watts(
        self,
        coordinator: AccountCoordinator,
        fake: type[FakeProvider],
        watts: float,
        passes: bool,
    ) -> None:
        """The limits of a profile are held to what the hardware is made for."""
        fake.change("c1", commands=COMMANDS)
        fake.set_reading("c1", Reading.MAXIMUM_POWER, 11000.0)
        await coordinator.async_refresh()
        command = profile(watts, RateUnit.WATT)
        if passes:
            await coordinator.commands.execute(command)
        else:
            with pytest.raises(ServiceValidationError):
                await coordinator.commands.execute(command)

    async def test_unknown_option(
        self, coordinator: AccountCoordinator, fake: type[FakeProvider]
    ) -> None:
        """A choice is one of those that are offered."""
        fake.change(
            "c1", controls={Control.START_CARD: ControlState(options=("Mine", "Yours"))}
        )
        await coordinator.async_refresh()
        with pytest.raises(ServiceValidationError) as caught:
            await coordinator.commands.execute(
                SetControl(device_id="c1", control=Control.START_CARD, value="Ours")
            )
        assert caught.value.translation_key == "unknown_option"
