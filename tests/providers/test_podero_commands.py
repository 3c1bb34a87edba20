"""Podero's commands over real sockets: what is sent, echoed and refused."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import ClientSession
import pytest

from custom_components.ev_charger_cloud.charging import (
    Boost,
    ChargingError,
    ChargingStatus,
    CommandRefusedError,
    CommandResult,
    Control,
    ControlValue,
    Device,
    NotFoundError,
    NotSupportedError,
    Outcome,
    Pause,
    PermissionDeniedError,
    Reading,
    Refusal,
    Resume,
    ServerFaultError,
    SetChargePolicy,
    SetControl,
    StartCharging,
    StopCharging,
    Unlock,
)
from custom_components.ev_charger_cloud.providers.podero.provider import PoderoProvider
from simulator.clouds.podero.cloud import GARAGE
from simulator.world import Car

from .podero_account import Account, podero_account

DONE = CommandResult(outcome=Outcome.COMPLETED)
ACCEPTED = CommandResult(outcome=Outcome.ACCEPTED)
DEFERRED = CommandResult(outcome=Outcome.DEFERRED)

PUT = f"PUT U/wallboxes/{GARAGE}"
BOOST = f"POST U/wallboxes/{GARAGE}/boost"
NO_BOOST = f"DELETE U/wallboxes/{GARAGE}/boost"


def later(**span: float) -> datetime:
    return (datetime.now(UTC) + timedelta(**span)).replace(microsecond=0)


def set_to(control: Control, value: ControlValue) -> SetControl:
    return SetControl(device_id=GARAGE, control=control, value=value)


@pytest.fixture
async def account(session: ClientSession) -> AsyncGenerator[Account]:
    async with podero_account(session) as account:
        yield account


@pytest.fixture
async def provider(account: Account) -> PoderoProvider:
    """Return a provider of the newer schema that has polled."""
    account.cloud.quirks["profile"] = "newer"
    provider = account.provider()
    await provider.poll()
    account.requests()
    return provider


async def seen(provider: PoderoProvider) -> Device:
    return (await provider.read(GARAGE))[GARAGE]


async def refused(provider: PoderoProvider, command: Any) -> CommandRefusedError:
    with pytest.raises(CommandRefusedError) as caught:
        await provider.execute(command)
    return caught.value


# Settings


@pytest.mark.parametrize(
    ("control", "value"),
    [
        (Control.SMART_OPTIMISATION, False),
        (Control.CHARGE_POLICY, True),
        (Control.OVER_CHARGE, True),
        (Control.TARGET_MINIMUM, 20.0),
        (Control.TARGET_MAXIMUM, 100.0),
        (Control.DEADLINE_LEVEL, 0.0),
        (Control.POWER_LIMIT, 5500.0),
        (Control.POWER_LIMIT, 22_000.0),
        (Control.DEADLINE, later(hours=9)),
        (Control.DEADLINE, None),
        (Control.PAUSE_UNTIL, later(hours=1)),
        (Control.PAUSE_UNTIL, None),
    ],
)
async def test_a_control_is_set_in_one_request(
    account: Account,
    provider: PoderoProvider,
    control: Control,
    value: ControlValue,
) -> None:
    assert await provider.execute(set_to(control, value)) == DONE
    assert account.requests() == [PUT]
    assert (await seen(provider)).controls[control].value == value


async def test_only_what_changes_is_sent(
    account: Account, provider: PoderoProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    change = account.garage.change

    def note(changes: dict[str, Any]) -> None:
        sent.append(changes)
        change(changes)

    monkeypatch.setattr(account.garage, "change", note)
    await provider.execute(set_to(Control.TARGET_MAXIMUM, 90.0))
    until = later(hours=2)
    await provider.execute(Pause(device_id=GARAGE, until=until))
    await provider.execute(Resume(device_id=GARAGE))
    assert sent == [
        {"charge_target_max": 90},
        {"pause_power_until": until, "is_pause_power_active": True},
        {"pause_power_until": None, "is_pause_power_active": False},
    ]


async def test_a_charge_policy_is_set_in_one_request(
    account: Account, provider: PoderoProvider
) -> None:
    deadline = later(hours=8)
    policy = SetChargePolicy(
        device_id=GARAGE,
        enabled=True,
        deadline=deadline,
        deadline_level=85.0,
        target_minimum=30.0,
        target_maximum=95.0,
        power_limit=7400.0,
    )
    assert await provider.execute(policy) == DONE
    assert account.requests() == [PUT]
    controls = (await seen(provider)).controls
    assert [
        controls[control].value
        for control in (
            Control.CHARGE_POLICY,
            Control.DEADLINE,
            Control.DEADLINE_LEVEL,
            Control.TARGET_MINIMUM,
            Control.TARGET_MAXIMUM,
            Control.POWER_LIMIT,
        )
    ] == [True, deadline, 85, 30, 95, 7400]


async def test_a_part_of_a_charge_policy_leaves_the_rest(
    account: Account, provider: PoderoProvider
) -> None:
    before = dict(account.garage.settings)
    await provider.execute(SetChargePolicy(device_id=GARAGE, enabled=True))
    assert account.garage.settings == before | {"is_charge_policy_enabled": True}


@pytest.mark.parametrize(
    "command",
    [
        set_to(Control.TARGET_MINIMUM, 81.0),
        set_to(Control.TARGET_MAXIMUM, 49.0),
        SetChargePolicy(device_id=GARAGE, target_minimum=60, target_maximum=59),
        SetChargePolicy(device_id=GARAGE, deadline_level=101),
        SetChargePolicy(device_id=GARAGE, target_minimum=-1),
        SetChargePolicy(device_id=GARAGE, power_limit=22_100),
    ],
)
async def test_a_value_that_makes_no_sense_is_not_sent(
    account: Account, provider: PoderoProvider, command: Any
) -> None:
    error = await refused(provider, command)
    assert error.reason == Refusal.INVALID_VALUE
    assert error.message
    assert account.requests() == []


async def test_both_targets_may_move_past_each_other_together(
    account: Account, provider: PoderoProvider
) -> None:
    policy = SetChargePolicy(device_id=GARAGE, target_minimum=90, target_maximum=90)
    assert await provider.execute(policy) == DONE


async def test_an_unknown_maximum_bounds_nothing(account: Account) -> None:
    account.garage.settings["charge_target_max"] = None
    minimum = set_to(Control.TARGET_MINIMUM, 90.0)
    assert await account.provider().execute(minimum) == DONE


@pytest.mark.parametrize(
    "command",
    [
        set_to(Control.PAUSE_UNTIL, later(seconds=-5)),
        set_to(Control.DEADLINE, later(hours=-1)),
        Pause(device_id=GARAGE, until=later(days=-1)),
        SetChargePolicy(device_id=GARAGE, deadline=later(minutes=-1)),
    ],
)
async def test_a_time_that_has_passed_is_not_sent(
    account: Account, provider: PoderoProvider, command: Any
) -> None:
    assert (await refused(provider, command)).reason == Refusal.IN_THE_PAST
    assert account.requests() == []


@pytest.mark.parametrize(
    ("field", "control", "value"),
    [
        ("is_smart_optimization_active", Control.SMART_OPTIMISATION, False),
        ("charge_target_max", Control.TARGET_MAXIMUM, 90.0),
        ("charge_power_max_w", Control.POWER_LIMIT, 5000.0),
        ("charge_deadline_at", Control.DEADLINE, later(hours=3)),
        ("pause_power_until", Control.PAUSE_UNTIL, later(hours=3)),
    ],
)
async def test_a_value_that_does_not_come_back_is_for_a_later_reading_to_tell(
    account: Account,
    provider: PoderoProvider,
    field: str,
    control: Control,
    value: ControlValue,
) -> None:
    account.cloud.quirks["fields"] = {field: account.garage.settings[field]}
    result = await provider.execute(set_to(control, value))
    assert result.outcome is Outcome.ACCEPTED


async def test_a_write_that_is_silently_ignored_is_noticed(
    account: Account, provider: PoderoProvider
) -> None:
    account.cloud.quirks["ignored_writes"] = ["charge_target_max"]
    result = await provider.execute(set_to(Control.TARGET_MAXIMUM, 90.0))
    assert result.outcome is Outcome.ACCEPTED
    assert (await seen(provider)).controls[Control.TARGET_MAXIMUM].value == 80


async def test_a_time_may_come_back_without_its_seconds(
    account: Account, provider: PoderoProvider
) -> None:
    deadline = later(hours=3).replace(second=59)
    account.cloud.quirks["fields"] = {
        "charge_deadline_at": deadline.replace(second=0).isoformat()
    }
    assert await provider.execute(set_to(Control.DEADLINE, deadline)) == DONE


async def test_the_clouds_words_on_a_bad_value_are_passed_on(
    account: Account, provider: PoderoProvider
) -> None:
    detail = [{"loc": ["body", "payload", "charge_target_max"], "msg": "too much"}]
    account.fail(status=422, body={"detail": detail}, method="PUT")
    error = await refused(provider, set_to(Control.TARGET_MAXIMUM, 90.0))
    assert (error.reason, error.message) == (Refusal.INVALID_VALUE, "too much")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (405, NotSupportedError),
        (500, ServerFaultError),
    ],
)
async def test_a_write_that_fails_says_why(
    account: Account,
    provider: PoderoProvider,
    status: int,
    error: type[ChargingError],
) -> None:
    account.fail(status=status, method="PUT")
    with pytest.raises(error):
        await provider.execute(set_to(Control.OVER_CHARGE, True))
    assert account.requests() == [PUT]


@pytest.mark.parametrize(
    "command",
    [
        set_to(Control.LOCK, True),
        set_to(Control.TARGET_MAXIMUM, None),
        replace(set_to(Control.POWER_LIMIT, 5500.0), duration=timedelta(hours=1)),
        replace(set_to(Control.BOOST, True), duration=timedelta(hours=1)),
        Unlock(device_id=GARAGE),
    ],
)
async def test_what_is_not_offered_is_not_supported(
    account: Account, provider: PoderoProvider, command: Any
) -> None:
    with pytest.raises(NotSupportedError):
        await provider.execute(command)
    assert account.requests() == []


async def test_a_command_before_the_first_poll_reads_only_what_bounds_it(
    account: Account,
) -> None:
    provider = account.provider()
    await provider.execute(set_to(Control.OVER_CHARGE, True))
    assert account.requests()[1:] == [PUT]
    provider = account.provider()
    await provider.execute(set_to(Control.TARGET_MINIMUM, 30.0))
    assert account.requests()[1:] == [f"GET U/wallboxes/{GARAGE}", PUT]


# Start and stop


async def test_stop_pauses_and_start_resumes(
    account: Account, provider: PoderoProvider
) -> None:
    account.connector.plug_in()
    await provider.poll()
    account.requests()
    stop, start = StopCharging(device_id=GARAGE), StartCharging(device_id=GARAGE)
    assert await provider.execute(stop) == DONE
    assert account.requests() == [PUT, NO_BOOST]
    device = await seen(provider)
    assert device.readings[Reading.STATUS] is ChargingStatus.PAUSED
    assert device.readings[Reading.PAUSED] is True
    assert device.controls[Control.CHARGING].value is False
    until = device.controls[Control.PAUSE_UNTIL].value
    assert isinstance(until, datetime)
    assert until > later(days=364)
    account.requests()
    assert await provider.execute(start) == DONE
    assert account.requests() == [PUT]
    device = await seen(provider)
    assert device.readings[Reading.STATUS] is ChargingStatus.CHARGING
    assert device.controls[Control.CHARGING].value is True
    assert device.controls[Control.PAUSE_UNTIL].value is None


async def test_start_boosts_what_the_optimisation_holds_back(
    account: Account, provider: PoderoProvider
) -> None:
    account.garage.hold(True)
    account.connector.plug_in()
    await provider.poll()
    account.requests()
    assert await provider.execute(StartCharging(device_id=GARAGE)) == ACCEPTED
    assert account.requests() == [PUT, BOOST]
    account.step(5)
    assert (await seen(provider)).charging


async def test_start_resumes_and_boosts_when_both_are_needed(
    account: Account, provider: PoderoProvider
) -> None:
    account.garage.hold(True)
    account.connector.plug_in()
    await provider.execute(StopCharging(device_id=GARAGE))
    await provider.poll()
    account.requests()
    assert await provider.execute(StartCharging(device_id=GARAGE)) == ACCEPTED
    assert account.requests() == [PUT, BOOST]
    account.step(5)
    assert (await seen(provider)).charging


async def test_start_without_a_vehicle_is_refused(
    account: Account, provider: PoderoProvider
) -> None:
    error = await refused(provider, StartCharging(device_id=GARAGE))
    assert error.reason == Refusal.NOT_CONNECTED
    assert account.requests() == [PUT]


async def test_start_without_a_vehicle_lifts_a_pause(
    account: Account, provider: PoderoProvider
) -> None:
    await provider.execute(StopCharging(device_id=GARAGE))
    await provider.poll()
    account.requests()
    assert await provider.execute(StartCharging(device_id=GARAGE)) == DONE
    assert account.requests() == [PUT]
    assert not account.garage.armed


async def test_start_while_charging_is_sent_but_boosts_nothing(
    account: Account, provider: PoderoProvider
) -> None:
    account.connector.plug_in()
    await provider.poll()
    account.requests()
    assert await provider.execute(StartCharging(device_id=GARAGE)) == DONE
    assert account.requests() == [PUT]


async def test_start_learns_from_the_cloud_that_it_charges_already(
    account: Account, provider: PoderoProvider
) -> None:
    account.garage.hold(True)
    account.connector.plug_in()
    await provider.poll()
    account.garage.hold(False)
    assert await provider.execute(StartCharging(device_id=GARAGE)) == DONE


async def test_start_with_a_full_vehicle_is_refused(
    account: Account, provider: PoderoProvider
) -> None:
    account.connector.plug_in(Car(soc=1.0))
    await provider.poll()
    error = await refused(provider, StartCharging(device_id=GARAGE))
    assert error.reason == Refusal.FULLY_CHARGED


async def test_stop_ends_a_boost(account: Account, provider: PoderoProvider) -> None:
    account.garage.hold(True)
    account.connector.plug_in()
    account.garage.boost()
    account.step(5)
    await provider.poll()
    account.requests()
    await provider.execute(StopCharging(device_id=GARAGE))
    assert account.requests() == [PUT, NO_BOOST]
    device = await seen(provider)
    assert device.controls[Control.BOOST].value is False
    assert not device.charging


@pytest.mark.parametrize("status", [204, 403, 404, 405])
async def test_stop_ends_a_boost_that_the_first_schema_would_not_show(
    account: Account, status: int
) -> None:
    provider = account.provider()
    await provider.poll()
    account.requests()
    account.fail(status=status, method="DELETE")
    assert await provider.execute(StopCharging(device_id=GARAGE)) == DONE
    assert account.requests() == [PUT, NO_BOOST]


async def test_a_pause_ends_by_itself(
    account: Account, provider: PoderoProvider
) -> None:
    account.connector.plug_in()
    until = later(hours=1)
    assert await provider.execute(Pause(device_id=GARAGE, until=until)) == DONE
    assert not (await seen(provider)).charging
    account.step(3700)
    device = await seen(provider)
    assert device.charging
    assert device.controls[Control.PAUSE_UNTIL].value is None


# Boost


async def test_the_boost_switch(account: Account, provider: PoderoProvider) -> None:
    account.garage.hold(True)
    account.connector.plug_in()
    await provider.poll()
    account.requests()
    assert await provider.execute(set_to(Control.BOOST, True)) == ACCEPTED
    assert account.requests() == [BOOST]
    account.step(5)
    device = await seen(provider)
    assert device.controls[Control.BOOST].value is True
    assert device.charging
    account.requests()
    assert await provider.execute(set_to(Control.BOOST, False)) == DONE
    assert account.requests() == [NO_BOOST]
    device = await seen(provider)
    assert device.controls[Control.BOOST].value is False
    assert not device.charging


async def test_a_boost_without_a_vehicle_waits_for_one(
    account: Account, provider: PoderoProvider
) -> None:
    account.garage.hold(True)
    assert await provider.execute(set_to(Control.BOOST, True)) == DEFERRED
    assert (await seen(provider)).controls[Control.BOOST].value is True
    account.connector.plug_in()
    account.step(5)
    device = await seen(provider)
    assert device.charging
    assert not account.garage.armed


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("car", "fault", "reason"),
    [
        (Car, False, Refusal.ALREADY_CHARGING),
        (lambda: Car(soc=1.0), False, Refusal.FULLY_CHARGED),
        (Car, True, Refusal.INTERNAL_ISSUE),
    ],
)
async def test_a_boost_is_refused_with_the_clouds_reason(
    account: Account, nested: bool, car: Any, fault: bool, reason: Refusal
) -> None:
    account.cloud.quirks["nested_conflict"] = nested
    account.cloud.quirks["boost_fault"] = fault
    account.connector.plug_in(car())
    provider = account.provider()
    assert (await refused(provider, Boost(device_id=GARAGE))).reason == reason


@pytest.mark.parametrize(
    ("body", "reason", "message"),
    [
        ({"reason": "grid_is_down"}, "grid_is_down", "grid_is_down"),
        ({"detail": "Not now"}, "conflict", "Not now"),
        (["?"], "http_409", "?"),
    ],
)
async def test_an_unknown_conflict_keeps_the_clouds_words(
    account: Account,
    provider: PoderoProvider,
    body: Any,
    reason: str,
    message: str,
) -> None:
    account.fail(status=409, body=body, method="POST")
    error = await refused(provider, set_to(Control.BOOST, True))
    assert (error.reason, error.message) == (reason, message)


async def test_a_boost_that_fails_is_not_tried_again(
    account: Account, provider: PoderoProvider
) -> None:
    account.fail(kind="drop", method="POST", times=None)
    with pytest.raises(ChargingError):
        await provider.execute(set_to(Control.BOOST, True))
    assert account.requests() == [BOOST]


async def test_start_reaches_a_wallbox_that_was_paused_behind_our_back(
    account: Account, provider: PoderoProvider
) -> None:
    account.connector.plug_in()
    await provider.poll()
    account.garage.settings["is_pause_power_active"] = True
    account.garage.settings["pause_power_until"] = later(hours=9)
    await provider.execute(StartCharging(device_id=GARAGE))
    assert account.garage.settings["is_pause_power_active"] is False


async def test_start_after_a_stop_is_sent_though_the_reading_between_failed(
    account: Account, provider: PoderoProvider
) -> None:
    account.connector.plug_in()
    await provider.poll()
    await provider.execute(StopCharging(device_id=GARAGE))
    account.fail(status=500, path="wallboxes/", method="GET")
    account.requests()
    result = await provider.execute(StartCharging(device_id=GARAGE))
    assert account.requests()[0] == PUT
    assert result.outcome is not Outcome.REFUSED
    assert account.garage.settings["is_pause_power_active"] is False


async def test_stop_ends_a_boost_that_began_behind_our_back(
    account: Account, provider: PoderoProvider
) -> None:
    account.garage.hold(True)
    account.connector.plug_in()
    await provider.poll()
    account.garage.boost()
    account.requests()
    await provider.execute(StopCharging(device_id=GARAGE))
    assert account.requests() == [PUT, NO_BOOST]


async def test_start_without_a_boost_endpoint_lifts_the_pause(
    account: Account, provider: PoderoProvider
) -> None:
    account.garage.hold(True)
    account.connector.plug_in()
    account.fail(status=404, method="POST")
    assert await provider.execute(StartCharging(device_id=GARAGE)) == DONE
    assert account.garage.settings["is_pause_power_active"] is False


async def test_start_before_the_first_poll_is_sent(account: Account) -> None:
    account.connector.plug_in()
    account.garage.hold(True)
    provider = account.provider()
    assert await provider.execute(StartCharging(device_id=GARAGE)) == ACCEPTED
    assert account.requests()[1:] == [PUT, BOOST]


async def test_commands_name_the_fields_that_are_honoured(
    provider: PoderoProvider,
) -> None:
    commands = (await seen(provider)).commands
    assert commands[StartCharging] == commands[StopCharging] == frozenset()


# Servers that answer late, little or other than they were asked


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
async def test_what_is_no_number_is_refused(
    account: Account, provider: PoderoProvider, value: float
) -> None:
    error = await refused(provider, set_to(Control.POWER_LIMIT, value))
    assert error.message == "power limit: 0 to 22000 W"
    policy = SetChargePolicy(device_id=GARAGE, deadline_level=value)
    assert (await refused(provider, policy)).message.endswith("0 to 100 %")
    assert account.requests() == []


async def test_a_power_is_rounded_down(
    account: Account, provider: PoderoProvider
) -> None:
    await provider.execute(set_to(Control.POWER_LIMIT, 3680.9))
    assert account.garage.settings["charge_power_max_w"] == 3680


@pytest.mark.parametrize(
    ("quirk", "kept"), [({"power_step": 50}, 5050), ({"power_most": 4000}, 4000)]
)
async def test_a_power_that_the_server_rounds_or_bounds_is_no_refusal(
    account: Account, provider: PoderoProvider, quirk: dict[str, int], kept: int
) -> None:
    account.cloud.quirks.update(quirk)
    assert await provider.execute(set_to(Control.POWER_LIMIT, 5080.0)) == ACCEPTED
    assert (await seen(provider)).controls[Control.POWER_LIMIT].value == kept


@pytest.mark.parametrize("lag", [0.0, 5.0])
async def test_a_derived_flag_of_a_pause_is_no_refusal(
    account: Account, provider: PoderoProvider, lag: float
) -> None:
    account.cloud.quirks.update(pause_derived=True, pause_flag_lag=lag)
    account.connector.plug_in()
    assert await provider.execute(StopCharging(device_id=GARAGE)) == DONE
    device = await seen(provider)
    assert device.readings[Reading.STATUS] is ChargingStatus.PAUSED
    assert device.controls[Control.CHARGING].value is False
    account.step(10)
    assert await provider.execute(Resume(device_id=GARAGE)) == DONE
    account.step(10)
    assert (await seen(provider)).controls[Control.CHARGING].value is True


async def test_what_was_asked_shows_before_the_makers_cloud_reports(
    account: Account, provider: PoderoProvider
) -> None:
    """Plug and power are of the last report; a pause is known at once."""
    account.connector.plug_in()
    assert (await seen(provider)).charging
    account.cloud.quirks["report_seconds"] = 300.0
    assert await provider.execute(StopCharging(device_id=GARAGE)) == DONE
    assert account.connector.power_w == 0
    device = await seen(provider)
    assert device.controls[Control.CHARGING].value is False
    assert device.charging
    account.step(301)
    device = await seen(provider)
    assert device.readings[Reading.STATUS] is ChargingStatus.PAUSED
    assert device.readings[Reading.POWER] == 0
    # A report that is old keeps no start from being sent.
    assert await provider.execute(StartCharging(device_id=GARAGE)) == DONE
    assert account.connector.power_w > 0


async def test_an_echo_that_lags_is_left_to_a_later_reading(
    account: Account, provider: PoderoProvider
) -> None:
    account.cloud.quirks["put_lag"] = 5.0
    account.connector.plug_in()
    assert await provider.execute(StopCharging(device_id=GARAGE)) == ACCEPTED
    assert (await seen(provider)).charging
    account.step(6)
    device = await seen(provider)
    assert device.readings[Reading.STATUS] is ChargingStatus.PAUSED
    # The answer shows the old pause: whether it charges is not known from it.
    account.requests()
    assert await provider.execute(StartCharging(device_id=GARAGE)) == ACCEPTED
    assert account.requests() == [PUT, BOOST]


async def test_start_boosts_where_an_old_answer_still_shows_charging(
    account: Account, provider: PoderoProvider
) -> None:
    old = {"is_charging": True, "pause_power_until": later(hours=9).isoformat()}
    account.cloud.quirks["fields"] = old
    account.connector.plug_in()
    account.garage.hold(True)
    assert await provider.execute(StartCharging(device_id=GARAGE)) == ACCEPTED
    assert account.requests() == [PUT, BOOST]
    account.step(5)
    # It does charge now, which is what the boost is refused for.
    assert await provider.execute(StartCharging(device_id=GARAGE)) == ACCEPTED
    assert account.requests() == [PUT, BOOST]


async def test_an_empty_answer_is_accepted_without_waiting_for_a_reading(
    account: Account, provider: PoderoProvider
) -> None:
    account.cloud.quirks["put_empty"] = True
    account.connector.plug_in()
    account.fail(status=500, method="GET", times=None)
    assert await provider.execute(set_to(Control.POWER_LIMIT, 5000.0)) == ACCEPTED
    assert await provider.execute(StopCharging(device_id=GARAGE)) == ACCEPTED
    assert account.requests() == [PUT, PUT, NO_BOOST]
    assert account.garage.settings["is_pause_power_active"] is True


async def test_start_reads_what_an_empty_answer_does_not_tell(
    account: Account, provider: PoderoProvider
) -> None:
    account.cloud.quirks["put_empty"] = True
    account.connector.plug_in()
    account.garage.hold(True)
    assert await provider.execute(StartCharging(device_id=GARAGE)) == ACCEPTED
    assert account.requests() == [PUT, f"GET U/wallboxes/{GARAGE}", BOOST]


async def test_start_is_no_refusal_where_nothing_can_be_read(
    account: Account, provider: PoderoProvider
) -> None:
    account.cloud.quirks["put_empty"] = True
    account.fail(status=500, method="GET", times=None)
    # It was without a vehicle when it was last read: no boost is kept for one.
    assert await provider.execute(StartCharging(device_id=GARAGE)) == ACCEPTED
    assert account.requests() == [PUT, f"GET U/wallboxes/{GARAGE}"]


async def test_power_that_is_left_over_is_not_shown(
    account: Account, provider: PoderoProvider
) -> None:
    account.cloud.quirks["power_left_over"] = True
    account.connector.plug_in()
    assert (await seen(provider)).readings[Reading.POWER] == 11_000
    await provider.execute(StopCharging(device_id=GARAGE))
    assert account.cloud._present(account.garage)["charge_rate_w"] == 11_000
    assert (await seen(provider)).readings[Reading.POWER] == 0


async def test_an_unknown_link_hides_nothing(
    account: Account, provider: PoderoProvider
) -> None:
    account.cloud.quirks["profile"] = "first"
    account.cloud.quirks["fields"] = {"is_authenticated": None}
    account.connector.plug_in()
    poll = await provider.poll()
    readings = poll.fleet[GARAGE].readings
    assert readings[Reading.STATUS] is ChargingStatus.CHARGING
    assert readings[Reading.CHARGING] is True
    assert poll.notices == ()
