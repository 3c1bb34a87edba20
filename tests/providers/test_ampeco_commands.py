"""AMPECO: commands, what they send, and what becomes of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.ev_charger_cloud.charging import (
    PROFILE_ID,
    Boost,
    CancelReservation,
    ChargingProfile,
    ChargingStatus,
    ClearChargingProfile,
    ClearLimit,
    Command,
    CommandRefusedError,
    CommandResult,
    Control,
    DeviceKind,
    HardReset,
    NotFoundError,
    NotSupportedError,
    Outcome,
    PermissionDeniedError,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Reading,
    Recurrency,
    Refresh,
    Refusal,
    ReservationStatus,
    Reserve,
    Reset,
    SchedulePeriod,
    ServerFaultError,
    SessionStatus,
    SetChargingProfile,
    SetConfiguration,
    SetControl,
    SetUserStatus,
    StartCharging,
    StopCharging,
    StopReason,
    SyncConfiguration,
    TriggerMessage,
    Unlock,
)
from custom_components.ev_charger_cloud.providers.ampeco.provider import AmpecoProvider
from simulator.clouds.ampeco.model import Variable
from simulator.faults import Fault
from simulator.world import MIN_CURRENT, Car, State

from .ampeco_tenant import Tenant, carry_out, fixture, readings, tenant_fixture  # noqa: F401

ONE = "cp4022"
LEFT = "cp4021_9001"
HEARTBEAT = Variable("HeartbeatInterval")


@pytest.fixture(name="provider")
async def provider_fixture(tenant: Tenant) -> AmpecoProvider:
    """Return a provider that has polled once."""
    provider = tenant.provider(user_id="771")
    await provider.poll()
    tenant.asked()
    return provider


async def refusal(provider: AmpecoProvider, command: Command) -> CommandResult:
    """Return how a command is refused, at once or later."""
    try:
        result = await carry_out(provider, command)
    except CommandRefusedError as err:
        return CommandResult(
            outcome=Outcome.REFUSED, reason=err.reason, message=err.message
        )
    assert result.outcome is Outcome.REFUSED
    return result


# Start


async def test_start_with_a_car(tenant: Tenant, provider: AmpecoProvider) -> None:
    tenant.connector().plug_in()
    result = await carry_out(provider, StartCharging(device_id=ONE))
    assert (result.outcome, result.id) == (Outcome.COMPLETED, "120046")
    assert tenant.asked() == [
        "POST actions/evse/v1.0/9003/start",
        "GET sessions/v1.0/120046",
    ]
    charger = (await provider.read(ONE))[ONE]
    assert charger.readings[Reading.STATUS] is ChargingStatus.CHARGING
    assert tenant.cloud.tenant.sessions[120046].user == 771


async def test_start_without_a_car_waits_for_one(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    result = await carry_out(provider, StartCharging(device_id=ONE))
    assert result.outcome is Outcome.ACCEPTED
    charger = (await provider.read(ONE))[ONE]
    assert charger.readings[Reading.STATUS] is ChargingStatus.STARTING
    assert charger.readings[Reading.SESSION_STATUS] is SessionStatus.PENDING
    assert charger.controls[Control.CHARGING].value is True
    tenant.step(61)
    charger = (await provider.poll()).fleet[ONE]
    assert charger.readings[Reading.SESSION_STATUS] is SessionStatus.EXPIRED
    assert charger.readings[Reading.STOP_REASON] is StopReason.TIMEOUT
    assert charger.controls[Control.CHARGING].value is False


async def test_start_with_everything(tenant: Tenant, provider: AmpecoProvider) -> None:
    tenant.connector("CP-GN-001").plug_in()
    await provider.execute(
        StartCharging(device_id=LEFT, user_id="771", id_token="04A1", current=8)
    )
    charge = tenant.cloud.tenant.sessions[120046]
    assert (charge.user, charge.token) == (771, "04A1")
    assert tenant.connector("CP-GN-001").offered_current == 8
    assert (await provider.read(LEFT))[LEFT].readings[Reading.POWER] == 5520


async def test_the_limit_of_a_start_ends_with_its_session(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    connector = tenant.connector()
    connector.plug_in()
    await provider.execute(StartCharging(device_id=ONE, current=8))
    connector.stop("Local")
    connector.start()
    assert connector.offered_current == 32


async def test_start_that_cannot_be_followed_was_taken(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    tenant.connector().plug_in()
    tenant.cloud.faults.add(Fault(status=500, path="sessions/v1.0/"))
    result = await provider.execute(StartCharging(device_id=ONE))
    assert result.outcome is Outcome.ACCEPTED
    assert result.id == "120046"
    assert provider.follows(result)
    with pytest.raises(ServerFaultError):
        await provider.follow(ONE, "120046")
    assert (await provider.follow(ONE, "120046")).outcome is Outcome.COMPLETED


async def test_start_without_the_right_to_sessions(tenant: Tenant) -> None:
    provider = tenant.provider("ampeco-demo-token-no-sessions")
    tenant.cloud.accesses["ampeco-demo-token-no-sessions"].rights.add("start")
    await provider.poll()
    result = await carry_out(provider, StartCharging(device_id=ONE))
    assert result.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    "code",
    [
        "BILLING_NOT_ASSOCIATED",
        "BILLING_NOT_PARTNER_ASSOCIATED",
        "INTERNAL_ISSUE",
        "SESSION_EXISTS",
        "CHARGING_NOT_ALLOWED",
        "LOCATION_IS_CLOSED",
        "USER_VALIDATION_NOT_COMPLETE",
        "TERMS_NOT_ACCEPTED",
        "USER_IS_DISABLED",
        "SUBSCRIPTION_REQUIRED",
        "SESSION_ALREADY_RUNNING",
        "PREVIOUS_SESSION_NOT_PAID",
        "ACCESS_RESTRICTED",
        "PAYMENT_METHOD_REQUIRED",
        "CANNOT_BILL_PAYMENT_METHOD",
        "CORPORATE_ACCOUNT_LIMIT_REACHED",
        "CANNOT_USE_EXPIRED_PAYMENT_METHOD",
        "CANNOT_USE_PAYMENT_METHOD",
        "PAYMENT_NO_FUNDS",
    ],
)
async def test_every_error_code_of_a_start_is_a_known_reason(
    tenant: Tenant, provider: AmpecoProvider, code: str
) -> None:
    tenant.cloud.quirks["start_error"] = code
    err = await refusal(provider, StartCharging(device_id=ONE))
    assert err.reason in list(Refusal)
    assert err.reason == code.lower()
    assert err.message
    assert len(tenant.asked()) == 1


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (202, fixture("start_refused"), "session_already_running"),
        (200, {"success": False, "errorCode": "BRAND_NEW"}, "brand_new"),
        (202, {"success": False}, Refusal.REJECTED),
        (422, fixture("validation_error"), Refusal.INVALID_VALUE),
        (422, {"message": "No.", "errors": ["odd"]}, Refusal.INVALID_VALUE),
        (409, {"message": "Conflict"}, "http_409"),
    ],
)
async def test_refused_starts(
    tenant: Tenant,
    provider: AmpecoProvider,
    status: int,
    body: dict[str, Any],
    reason: str,
) -> None:
    tenant.cloud.faults.add(Fault(status=status, body=body, path="/start"))
    err = await refusal(provider, StartCharging(device_id=ONE))
    assert err.reason == reason
    assert len(tenant.asked()) == 1


async def test_validation_errors_name_the_fields(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    err = await refusal(provider, StartCharging(device_id=ONE, user_id="999"))
    assert err.message == "userId: The selected user id is invalid."


@pytest.mark.parametrize(
    "answer", [fixture("start_accepted"), {"success": True}, None, []]
)
async def test_starts_that_were_accepted_somehow(
    tenant: Tenant, provider: AmpecoProvider, answer: Any
) -> None:
    tenant.cloud.tenant.sessions.clear()
    fault = Fault(status=202, body=answer, path="/start")
    if answer is None:
        fault.kind = "empty"
    tenant.cloud.faults.add(fault)
    result = await provider.execute(StartCharging(device_id=ONE))
    assert result.outcome is Outcome.ACCEPTED


async def test_start_is_never_sent_twice(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    tenant.cloud.faults.add(Fault(status=502, kind="html", path="/start", effect=True))
    with pytest.raises(ServerFaultError):
        await provider.execute(StartCharging(device_id=ONE))
    assert len(tenant.asked()) == 1


async def test_start_of_an_offline_station(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    tenant.station().set_online(False)
    err = await refusal(provider, StartCharging(device_id=ONE))
    assert err.reason == Refusal.INTERNAL_ISSUE
    await provider.poll()
    err = await refusal(provider, StartCharging(device_id=ONE))
    assert err.reason == Refusal.OFFLINE


async def test_start_while_one_runs(tenant: Tenant, provider: AmpecoProvider) -> None:
    tenant.connector().plug_in()
    tenant.connector().start()
    err = await refusal(provider, StartCharging(device_id=ONE))
    assert err.reason == Refusal.SESSION_EXISTS


async def test_start_of_a_disabled_driver(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    err = await refusal(provider, StartCharging(device_id=ONE, user_id="772"))
    assert err.reason == Refusal.USER_IS_DISABLED


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("inoperative", Refusal.INOPERATIVE),
        ("fault", "remote_start_failed"),
        ("reserved", "rejected"),
    ],
)
async def test_starts_that_come_to_nothing(
    tenant: Tenant, provider: AmpecoProvider, trouble: str, reason: str
) -> None:
    connector = tenant.connector()
    match trouble:
        case "inoperative":
            connector.set_operative(False)
        case "fault":
            connector.set_fault("OtherError")
        case _:
            connector.reserve("someone else", 15)
    err = await refusal(provider, StartCharging(device_id=ONE))
    assert err.reason == reason
    charger = (await provider.read(ONE))[ONE]
    assert charger.readings[Reading.SESSION_STATUS] is SessionStatus.FAILED


async def test_a_payment_method_is_a_drivers(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    tenant.asked()
    err = await refusal(
        provider, StartCharging(device_id=ONE, payment_method_id="pm-1")
    )
    assert err.reason == Refusal.USER_REQUIRED
    assert tenant.asked() == []


# Stop


async def test_stop(tenant: Tenant, provider: AmpecoProvider) -> None:
    tenant.connector().plug_in()
    tenant.connector().start()
    await provider.poll()
    tenant.asked()
    result = await carry_out(provider, StopCharging(device_id=ONE))
    assert (result.outcome, result.id) == (Outcome.COMPLETED, "120046")
    assert result.finished_at is not None
    assert tenant.asked()[0] == "POST actions/charge-point/v1.0/4022/stop/120046"
    charger = (await provider.read(ONE))[ONE]
    assert charger.readings[Reading.STATUS] is ChargingStatus.PAUSED
    assert charger.readings[Reading.STOP_REASON] is StopReason.REMOTE
    assert charger.controls[Control.CHARGING].value is False


async def test_only_a_stop_from_afar_holds_charging_back(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    tenant.connector().plug_in()
    tenant.connector().start()
    await provider.poll()
    tenant.connector().stop("Local")
    charger = (await provider.poll()).fleet[ONE]
    assert charger.readings[Reading.STATUS] is ChargingStatus.FINISHING


async def test_stop_of_a_session_that_nobody_had_seen(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    tenant.connector().plug_in()
    tenant.connector().start()
    result = await carry_out(provider, StopCharging(device_id=ONE))
    assert result.outcome is Outcome.COMPLETED


async def test_stop_without_a_session(tenant: Tenant, provider: AmpecoProvider) -> None:
    err = await refusal(provider, StopCharging(device_id=ONE))
    assert err.reason == Refusal.NO_SESSION
    assert not any("stop" in path for path in tenant.asked())


async def test_stop_of_a_start_that_waits(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    await provider.execute(StartCharging(device_id=ONE))
    result = await carry_out(provider, StopCharging(device_id=ONE))
    assert result.outcome is Outcome.COMPLETED
    assert tenant.connector().state is State.AVAILABLE


async def test_stop_that_the_station_does_not_hear(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    tenant.connector().plug_in()
    tenant.connector().start()
    await provider.poll()
    tenant.station().set_online(False)
    result = await carry_out(provider, StopCharging(device_id=ONE))
    assert result.outcome is Outcome.ACCEPTED
    result = await carry_out(provider, StopCharging(device_id=ONE, force=True))
    assert result.outcome is Outcome.COMPLETED
    charger = (await provider.poll()).fleet[ONE]
    assert charger.readings[Reading.SESSION_STATUS] is SessionStatus.FINISHED
    assert charger.readings[Reading.STOP_REASON] is StopReason.REMOTE


# What a command costs


@pytest.mark.parametrize(
    ("command", "most"),
    [
        (SetControl(device_id=ONE, control=Control.CURRENT_LIMIT, value=10.0), 4),
        (SetControl(device_id=ONE, control=Control.AVAILABILITY, value=False), 4),
        (ClearLimit(device_id=ONE), 4),
        (Unlock(device_id=ONE), 4),
        (StartCharging(device_id=ONE), 8),
        (StopCharging(device_id=ONE), 8),
    ],
)
async def test_requests_of_a_command(
    tenant: Tenant, provider: AmpecoProvider, command: Command, most: int
) -> None:
    """Sent, read, and where it must be followed, followed and read again."""
    tenant.connector().plug_in()
    if isinstance(command, StopCharging):
        tenant.connector().start()
    await provider.poll()
    tenant.asked()
    result = await provider.execute(command)
    await provider.read(ONE)
    if provider.follows(result):
        result = await provider.follow(ONE, result.id or "")
        assert result.outcome is Outcome.COMPLETED
        await provider.read(ONE)
    assert len(tenant.asked()) <= most


# Reservations


async def test_reserve_and_cancel(tenant: Tenant, provider: AmpecoProvider) -> None:
    result = await provider.execute(Reserve(device_id=ONE, reason="for Kim"))
    assert result == CommandResult(outcome=Outcome.COMPLETED, id="2001")
    charger = (await provider.read(ONE))[ONE]
    assert readings(charger, Reading.STATUS, Reading.RESERVATION) == (
        ChargingStatus.RESERVED,
        ReservationStatus.ACTIVE,
    )
    await provider.execute(CancelReservation(device_id=ONE))
    charger = (await provider.read(ONE))[ONE]
    assert readings(charger, Reading.STATUS, Reading.RESERVATION) == (
        ChargingStatus.DISCONNECTED,
        ReservationStatus.CANCELED,
    )


async def test_reserved_and_used(tenant: Tenant, provider: AmpecoProvider) -> None:
    await provider.execute(Reserve(device_id=ONE, user_id="771"))
    await provider.read(ONE)
    tenant.connector().plug_in()
    result = await carry_out(provider, StartCharging(device_id=ONE, user_id="771"))
    assert result.outcome is Outcome.COMPLETED
    charger = (await provider.read(ONE))[ONE]
    assert charger.readings[Reading.RESERVATION] is ReservationStatus.DONE


async def test_reserve_needs_a_driver(tenant: Tenant) -> None:
    provider = tenant.provider()
    await provider.poll()
    err = await refusal(provider, Reserve(device_id=ONE))
    assert err.reason == Refusal.USER_REQUIRED
    err = await refusal(provider, Reserve(device_id=ONE, user_id="Kim"))
    assert err.reason == Refusal.INVALID_VALUE


async def test_reserve_refused_by_the_station(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    tenant.connector().plug_in()
    err = await refusal(provider, Reserve(device_id=ONE))
    assert (err.reason, err.message) == (Refusal.REJECTED, "Occupied")


async def test_cancel_without_a_reservation(provider: AmpecoProvider) -> None:
    err = await refusal(provider, CancelReservation(device_id=ONE))
    assert err.reason == Refusal.NOT_RESERVED


async def test_cancel_a_named_reservation(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    tenant.cloud.tenant.reserve(tenant.evse(), 771)
    await provider.execute(CancelReservation(device_id=ONE, reservation_id="2001"))
    assert tenant.connector().state is State.AVAILABLE
    with pytest.raises(NotFoundError):
        await provider.execute(
            CancelReservation(device_id=ONE, reservation_id="../../x")
        )


@pytest.mark.parametrize("command", [Reserve(device_id=ONE), Unlock(device_id=ONE)])
async def test_older_tenants_know_an_evse_by_its_number(
    tenant: Tenant, provider: AmpecoProvider, command: Command
) -> None:
    tenant.cloud.quirks["evse_in_path"] = "network_id"
    await provider.execute(command)
    assert [path.rpartition("/")[2] for path in tenant.asked()] == ["9003", "1"]


# The station's own controls


async def test_unlock(tenant: Tenant, provider: AmpecoProvider) -> None:
    fleet = (await provider.poll()).fleet
    assert Unlock in fleet[LEFT].commands
    assert Unlock not in fleet["cp4023"].commands
    await provider.execute(Unlock(device_id=ONE))
    tenant.cloud.quirks["refuse"] = True
    err = await refusal(provider, Unlock(device_id=ONE))
    assert err.reason == Refusal.REJECTED


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Reset(device_id=ONE), StopReason.SOFT_RESET),
        (HardReset(device_id=ONE), StopReason.HARD_RESET),
    ],
)
async def test_reset(
    tenant: Tenant, provider: AmpecoProvider, command: Command, reason: StopReason
) -> None:
    tenant.connector().plug_in()
    tenant.connector().start()
    await provider.poll()
    await provider.execute(command)
    assert (await provider.read(ONE))[ONE].online is False
    tenant.step(10)
    charger = (await provider.read(ONE))[ONE]
    assert charger.online is True
    assert charger.readings[Reading.STOP_REASON] is reason


async def test_refresh(tenant: Tenant, provider: AmpecoProvider) -> None:
    await provider.execute(Refresh(device_id="cp4021"))
    await provider.execute(Refresh(device_id=LEFT))
    assert tenant.asked() == ["POST actions/charge-point/v1.0/4021/trigger-message"] * 2
    tenant.connector("CP-GN-001").plug_in()
    tenant.connector("CP-GN-001").start()
    await provider.poll()
    tenant.asked()
    await provider.execute(Refresh(device_id=LEFT))
    assert len(tenant.asked()) == 2


MESSAGES = (
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "StatusNotification",
    "SignV2GCertificate",
    "LogStatusNotification",
    "PublishFirmwareStatusNotification",
    "SignChargingStationCertificate",
    "SignCombinedCertificate",
    "TransactionEvent",
)


@pytest.mark.parametrize("message", MESSAGES)
async def test_every_message_can_be_asked_for(
    tenant: Tenant, provider: AmpecoProvider, message: str
) -> None:
    for device_id in (ONE, "cp4021", LEFT):
        await provider.execute(TriggerMessage(device_id=device_id, message=message))
    assert tenant.asked() == [
        "POST actions/charge-point/v1.0/4022/trigger-message",
        "POST actions/charge-point/v1.0/4021/trigger-message",
        "POST actions/evse/v1.0/9001/trigger-message",
    ]


async def test_messages_that_nobody_knows(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    err = await refusal(provider, TriggerMessage(device_id=ONE, message="Dance"))
    assert err.reason == Refusal.INVALID_VALUE
    assert "StatusNotification" in err.message
    assert tenant.asked() == []


async def test_what_is_offered_of_maintenance(tenant: Tenant) -> None:
    fleet = (await tenant.provider().poll()).fleet
    configuration = {SetConfiguration, SyncConfiguration}
    for device_id in (ONE, "cp4021"):
        assert {Refresh, TriggerMessage, *configuration} <= fleet[
            device_id
        ].commands.keys()
    assert {Refresh, TriggerMessage} <= fleet[LEFT].commands.keys()
    assert not configuration & fleet[LEFT].commands.keys()


async def test_configuration_is_written(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    command = SetConfiguration(device_id=ONE, key="HeartbeatInterval", value="60")
    assert await provider.execute(command) == CommandResult()
    assert tenant.asked() == ["POST actions/charge-point/v2.0/4022/set-configuration"]
    assert tenant.charge_point().configuration[HEARTBEAT] == "60"


async def test_configuration_of_a_component(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    await provider.execute(
        SetConfiguration(
            device_id=ONE, key="Interval", value="9", component="Clock", instance="a"
        )
    )
    assert (
        tenant.charge_point().configuration[Variable("Interval", "Clock", "a")] == "9"
    )


async def test_configuration_that_the_station_refuses(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    command = SetConfiguration(device_id=ONE, key="NumberOfConnectors", value="9")
    assert (await refusal(provider, command)).reason == Refusal.REJECTED
    tenant.station().set_online(False)
    assert (await refusal(provider, command)).message == "Offline"


@pytest.mark.parametrize("keys", [(), ("HeartbeatInterval",)])
async def test_configuration_is_read_anew(
    tenant: Tenant, provider: AmpecoProvider, keys: tuple[str, ...]
) -> None:
    point = tenant.charge_point()
    point.configuration[HEARTBEAT] = "11"
    result = await provider.execute(SyncConfiguration(device_id=ONE, keys=keys))
    assert result == CommandResult(id="7001")
    tenant.step(3)
    assert point.reported[HEARTBEAT][0] == "11"
    told = {
        key.name for key, (_, when) in point.reported.items() if when > point.created
    }
    assert told == (set(keys) or {key.name for key in point.configuration})


async def test_availability_of_one_evse(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    off = SetControl(device_id=LEFT, control=Control.AVAILABILITY, value=False)
    await provider.execute(off)
    fleet = await provider.read(LEFT)
    values = {key: d.controls[Control.AVAILABILITY].value for key, d in fleet.items()}
    assert values == {"cp4021": True, LEFT: False, "cp4021_9002": True}


async def test_availability_of_a_station(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    for value in (False, True):
        await provider.execute(
            SetControl(device_id="cp4021", control=Control.AVAILABILITY, value=value)
        )
        fleet = await provider.read("cp4021")
        assert {d.controls[Control.AVAILABILITY].value for d in fleet.values()} == {
            value
        }


async def test_current_limit(tenant: Tenant, provider: AmpecoProvider) -> None:
    connector = tenant.connector("CP-GN-001")
    connector.plug_in()
    connector.start()
    result = await provider.execute(
        SetControl(device_id=LEFT, control=Control.CURRENT_LIMIT, value=10.0)
    )
    assert result.id == "5501"
    assert connector.offered_current == 10
    left = (await provider.read(LEFT))[LEFT]
    assert left.controls[Control.CURRENT_LIMIT].value == 10
    assert left.readings[Reading.POWER] == 6900
    right = (await provider.read(LEFT))["cp4021_9002"]
    assert right.controls[Control.CURRENT_LIMIT].value is None

    await provider.execute(ClearLimit(device_id=LEFT))
    left = (await provider.read(LEFT))[LEFT]
    assert left.controls[Control.CURRENT_LIMIT].value is None
    assert connector.offered_current == 32


async def test_a_limit_for_a_while(
    tenant: Tenant, provider: AmpecoProvider, freezer: FrozenDateTimeFactory
) -> None:
    def step(seconds: float) -> None:
        tenant.step(seconds)
        freezer.move_to(tenant.world.now)

    async def shown() -> object:
        device = (await provider.poll()).fleet[ONE]
        return device.controls[Control.CURRENT_LIMIT].value

    connector = tenant.connector()
    connector.plug_in(Car(capacity_wh=1e9, max_current=32))
    connector.start()
    # A session that began long ago must not use the time up.
    step(7200)
    limit = SetControl(
        device_id=ONE,
        control=Control.CURRENT_LIMIT,
        value=10.0,
        duration=timedelta(seconds=1799.5),
    )
    assert (await provider.execute(limit)).id == "5501"
    assert tenant.charge_point().profiles[0].schedule["duration"] == 1800
    assert (connector.offered_current, await shown()) == (10, 10)
    step(1790)
    assert (connector.offered_current, await shown()) == (10, 10)
    step(10)
    assert (connector.offered_current, await shown()) == (32, None)
    assert len(tenant.charge_point().profiles) == 1


async def test_a_limit_for_a_while_needs_no_session_and_gives_way_to_a_lasting_one(
    tenant: Tenant, provider: AmpecoProvider, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to(tenant.world.now)
    limit = SetControl(
        device_id=LEFT,
        control=Control.CURRENT_LIMIT,
        value=10.0,
        duration=timedelta(minutes=5),
    )
    await provider.execute(limit)
    left = (await provider.read(LEFT))[LEFT]
    assert left.controls[Control.CURRENT_LIMIT].value == 10
    await provider.execute(replace(limit, value=12.0, duration=None))
    tenant.step(600)
    freezer.move_to(tenant.world.now)
    left = (await provider.read(LEFT))[LEFT]
    assert left.controls[Control.CURRENT_LIMIT].value == 12
    assert len(tenant.charge_point("CP-GN-001").profiles) == 1


async def test_a_limit_for_no_time_at_all(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    limit = SetControl(
        device_id=ONE,
        control=Control.CURRENT_LIMIT,
        value=10.0,
        duration=timedelta(),
    )
    assert (await refusal(provider, limit)).reason == Refusal.INVALID_VALUE
    assert tenant.asked() == []


@pytest.mark.parametrize("level", [0, 7])
async def test_current_limit_of_another_stack_level_can_be_cleared(
    tenant: Tenant, provider: AmpecoProvider, level: int
) -> None:
    other = tenant.provider(stack_level=level)
    await other.poll()
    await other.execute(
        SetControl(device_id=ONE, control=Control.CURRENT_LIMIT, value=10.0)
    )
    assert tenant.charge_point().profiles[0].level == level
    await provider.poll()
    await provider.execute(ClearLimit(device_id=ONE))
    assert tenant.charge_point().profiles == []


async def test_current_limit_refused_offline(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    tenant.station().set_online(False)
    err = await refusal(
        provider, SetControl(device_id=ONE, control=Control.CURRENT_LIMIT, value=10.0)
    )
    assert err.message == "Offline"
    err = await refusal(
        provider, SetControl(device_id=ONE, control=Control.CURRENT_LIMIT, value="x")
    )
    assert err.reason == Refusal.INVALID_VALUE


async def test_smart_charging_off_and_back(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    async def choose(mode: str) -> None:
        await provider.execute(
            SetControl(
                device_id="cp4021", control=Control.SMART_CHARGING_MODE, value=mode
            )
        )

    before = dict(tenant.charge_point("CP-GN-001").smart)
    fleet = (await provider.poll()).fleet
    control = fleet["cp4021"].controls[Control.SMART_CHARGING_MODE]
    assert (control.value, control.options) == ("dynamic", ("disabled", "dynamic"))
    assert Control.SMART_CHARGING_MODE not in fleet[ONE].controls

    await choose("disabled")
    station = (await provider.read("cp4021"))["cp4021"]
    control = station.controls[Control.SMART_CHARGING_MODE]
    assert (control.value, control.options) == ("disabled", ("disabled", "dynamic"))
    assert tenant.charge_point("CP-GN-001").smart == {"mode": "disabled"}
    assert tenant.memory["smart_charging"]["4021"]["dynamic"] == before

    # The way back outlives a restart.
    provider = tenant.provider()
    await provider.poll()
    await choose("dynamic")
    assert tenant.charge_point("CP-GN-001").smart == before
    with pytest.raises(NotSupportedError):
        await choose("tod")


async def test_the_way_back_outlives_a_restart(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    """The cloud forgets the parameters of the mode before."""
    tenant.charge_point().smart = tenant.charge_point("CP-GN-001").smart | {
        "minCurrent": 9
    }
    await provider.poll()
    off = SetControl(
        device_id=ONE, control=Control.SMART_CHARGING_MODE, value="disabled"
    )
    await provider.execute(off)
    assert tenant.charge_point().smart == {"mode": "disabled"}
    assert tenant.remembered

    restarted = tenant.provider()
    modes = (await restarted.poll()).fleet[ONE].controls[Control.SMART_CHARGING_MODE]
    assert modes.options == ("disabled", "dynamic")
    await restarted.execute(replace(off, value="dynamic"))
    assert tenant.charge_point().smart["mode"] == "dynamic"
    assert tenant.charge_point().smart["minCurrent"] == 9


async def test_modes_that_the_known_parameters_allow(tenant: Tenant) -> None:
    tenant.charge_point("CP-GN-001").smart = {
        "mode": "tod",
        "defaultChargePointMaxCurrent": 32,
        "maxVoltage": "400",
        "phases": "three_phase",
        "phaseRotation": "RST",
        "minCurrent": 6,
        "enableKeepAwake": True,
        "periods": [],
    }
    provider = tenant.provider()
    station = (await provider.poll()).fleet["cp4021"]
    assert station.controls[Control.SMART_CHARGING_MODE].options == (
        "disabled",
        "dynamic",
        "user_schedule",
        "tod",
    )
    await provider.execute(
        SetControl(
            device_id="cp4021",
            control=Control.SMART_CHARGING_MODE,
            value="user_schedule",
        )
    )
    assert tenant.charge_point("CP-GN-001").smart["enableKeepAwake"] is True
    assert "periods" not in tenant.charge_point("CP-GN-001").smart


async def test_circuit_limit(tenant: Tenant, provider: AmpecoProvider) -> None:
    connectors = [tenant.connector("CP-GN-001", 1), tenant.connector("CP-GN-001", 2)]
    for connector in connectors:
        connector.plug_in()
        connector.start()
    limit = SetControl(device_id="circuit77", control=Control.CIRCUIT_LIMIT, value=20.0)
    assert (await provider.execute(limit)).outcome is Outcome.COMPLETED
    assert [connector.offered_current for connector in connectors] == [10, 10]
    device = (await provider.read("circuit77"))["circuit77"]
    assert device.controls[Control.CIRCUIT_LIMIT].value == 20
    assert device.controls[Control.CIRCUIT_LIMIT].maximum == 63
    await provider.execute(
        SetControl(device_id="circuit77", control=Control.CIRCUIT_LIMIT, value=8.0)
    )
    assert connectors[1].offered_current < MIN_CURRENT


async def test_circuit_limit_without_the_right(tenant: Tenant) -> None:
    provider = tenant.provider("ampeco-demo-token-read-only")
    await provider.poll()
    with pytest.raises(PermissionDeniedError):
        await provider.execute(
            SetControl(device_id="circuit77", control=Control.CIRCUIT_LIMIT, value=20.0)
        )
    assert (
        Control.CIRCUIT_LIMIT not in (await provider.poll()).fleet["circuit77"].controls
    )


# Charging profiles

NIGHT = ChargingProfile(
    purpose=ProfilePurpose.TX_DEFAULT,
    kind=ProfileKind.RECURRING,
    stack_level=3,
    rate_unit=RateUnit.WATT,
    recurrency=Recurrency.DAILY,
    start_schedule=datetime(2026, 5, 4, 20, 0, tzinfo=UTC),
    duration=36_000,
    minimum_rate=1380,
    valid_from=datetime(2026, 5, 1, tzinfo=UTC),
    valid_to=datetime(2030, 5, 1, tzinfo=UTC),
    periods=(
        SchedulePeriod(start_period=0, limit=11_000, number_phases=3),
        SchedulePeriod(start_period=7200, limit=4_140),
    ),
)


async def test_profiles_are_read_back(tenant: Tenant, provider: AmpecoProvider) -> None:
    most = ChargingProfile(
        purpose=ProfilePurpose.CHARGE_POINT_MAX,
        periods=(SchedulePeriod(start_period=0, limit=16),),
    )
    assert (await provider.charging_profiles(ONE)) == []
    await provider.execute(SetChargingProfile(device_id=ONE, profile=NIGHT))
    await provider.execute(SetChargingProfile(device_id=ONE, profile=most))
    found = await provider.charging_profiles(ONE)
    assert [profile.id for profile in found] == [5502, 5501]
    assert found[0].purpose is ProfilePurpose.CHARGE_POINT_MAX
    night = found[1]
    assert (night.periods, night.recurrency, night.start_schedule) == (
        NIGHT.periods,
        NIGHT.recurrency,
        NIGHT.start_schedule,
    )
    assert (night.rate_unit, night.duration, night.minimum_rate) == (
        RateUnit.WATT,
        36_000,
        1380,
    )
    charger = (await provider.read(ONE))[ONE]
    assert charger.controls[Control.CURRENT_LIMIT].value is None

    await provider.execute(ClearChargingProfile(device_id=ONE, profile_id=5501))
    assert [p.id for p in await provider.charging_profiles(ONE)] == [5502]
    await provider.execute(
        ClearChargingProfile(device_id=ONE, purpose=ProfilePurpose.CHARGE_POINT_MAX)
    )
    assert await provider.charging_profiles(ONE) == []


async def test_profiles_of_a_station_with_several_evses(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    profile = ChargingProfile(periods=(SchedulePeriod(start_period=0, limit=9),))
    await provider.execute(SetChargingProfile(device_id="cp4021", profile=profile))
    assert tenant.charge_point("CP-GN-001").profiles[0].number == 0
    assert len(await provider.charging_profiles("cp4021")) == 1
    await provider.execute(ClearChargingProfile(device_id="cp4021", stack_level=1))
    assert tenant.charge_point("CP-GN-001").profiles == []


async def test_the_published_profile(tenant: Tenant, provider: AmpecoProvider) -> None:
    profile = ChargingProfile(
        periods=(SchedulePeriod(start_period=0, limit=16, number_phases=3),)
    )
    await provider.execute(SetChargingProfile(device_id=ONE, profile=profile))
    assert tenant.cloud.bodies[-1] == fixture("set_charging_profile")


async def test_a_profile_of_one_transaction(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    profile = ChargingProfile(
        purpose=ProfilePurpose.TX,
        transaction_id=5,
        periods=(SchedulePeriod(start_period=0, limit=16),),
    )
    await provider.execute(SetChargingProfile(device_id=ONE, profile=profile))
    body = tenant.cloud.bodies[-1]
    assert body["transactionId"] == 5
    assert body["chargingProfilePurpose"] == "TxProfile"
    # The id is given by the cloud, and none is taken.
    assert "chargingProfileId" not in body
    offered = (await provider.read(ONE))[ONE].commands[SetChargingProfile]
    assert "valid_from" in offered
    assert PROFILE_ID not in offered


async def test_the_published_answer_to_a_profile(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    body = fixture("charging_profile_set")
    tenant.cloud.faults.add(Fault(status=200, body=body, path="set-charging-profile"))
    limit = SetControl(device_id=ONE, control=Control.CURRENT_LIMIT, value=10.0)
    assert (await provider.execute(limit)).id == "5501"
    tenant.cloud.faults.add(
        Fault(status=202, kind="empty", path="set-charging-profile")
    )
    assert (await provider.execute(limit)).id is None


@pytest.mark.parametrize("status", [406, 202])
async def test_what_the_charge_point_rejects(
    tenant: Tenant, provider: AmpecoProvider, status: int
) -> None:
    tenant.cloud.quirks["refusal_status"] = status
    tenant.cloud.quirks["refuse"] = True
    err = await refusal(provider, Unlock(device_id=ONE))
    assert (err.reason, err.message) == (Refusal.REJECTED, "Rejected")
    tenant.cloud.quirks["refuse"] = False
    tenant.station().set_online(False)
    await provider.poll()
    limit = SetControl(device_id=ONE, control=Control.CURRENT_LIMIT, value=10.0)
    err = await refusal(provider, limit)
    assert (err.reason, err.message) == (Refusal.OFFLINE, "Offline")


# What the token may not do

CONFIGURE = SetConfiguration(device_id=ONE, key="HeartbeatInterval", value="60")


@pytest.mark.parametrize(
    ("right", "command", "gone"),
    [
        ("start", StartCharging(device_id=ONE), Control.CHARGING),
        ("stop", StopCharging(device_id=ONE), Control.CHARGING),
        ("reserve", Reserve(device_id=ONE), None),
        ("cancel-reservation", CancelReservation(device_id=ONE), None),
        ("unlock", Unlock(device_id=ONE), None),
        ("reset", Reset(device_id=ONE), None),
        ("reset", HardReset(device_id=ONE), None),
        ("trigger-message", Refresh(device_id=ONE), None),
        ("set-configuration", CONFIGURE, None),
        ("sync-configuration", SyncConfiguration(device_id=ONE), None),
        ("clear-charging-profile", ClearLimit(device_id=ONE), None),
        ("clear-charging-profile", ClearChargingProfile(device_id=ONE), None),
        (
            "change-availability",
            SetControl(device_id=ONE, control=Control.AVAILABILITY, value=False),
            Control.AVAILABILITY,
        ),
        (
            "set-charging-profile",
            SetControl(device_id=ONE, control=Control.CURRENT_LIMIT, value=8.0),
            Control.CURRENT_LIMIT,
        ),
        (
            "smart-charging",
            SetControl(
                device_id=ONE, control=Control.SMART_CHARGING_MODE, value="disabled"
            ),
            Control.SMART_CHARGING_MODE,
        ),
    ],
)
async def test_a_forbidden_command_takes_itself_away_and_nothing_else(
    tenant: Tenant, right: str, command: Command, gone: Control | None
) -> None:
    tenant.charge_point().smart = tenant.charge_point("CP-GN-001").smart
    reservation = tenant.cloud.tenant.reserve(tenant.evse(), 771)
    provider = tenant.provider(user_id="771")
    before = (await provider.poll()).fleet[ONE]
    tenant.cloud.accesses["ampeco-demo-token"].rights.discard(right)
    if right == "stop":
        tenant.cloud.tenant.cancel(reservation)
        tenant.connector().plug_in()
        tenant.connector().start()
        await provider.poll()
    with pytest.raises(PermissionDeniedError):
        await provider.execute(command)
    poll = await provider.poll()
    after = poll.fleet[ONE]
    assert len(poll.notices) == 1
    assert before.controls.keys() - after.controls.keys() == ({gone} if gone else set())
    lost = {kind.__name__ for kind in before.commands.keys() - after.commands.keys()}
    expected = {
        "reserve": {"Reserve", "CancelReservation"},
        "reset": {"Reset", "HardReset"},
        "trigger-message": {"Refresh", "TriggerMessage"},
        "clear-charging-profile": {"ClearChargingProfile", "ClearLimit"},
        "change-availability": set(),
        "set-charging-profile": {"SetChargingProfile"},
        "smart-charging": set(),
    }
    assert lost == expected.get(right, {type(command).__name__})


# What cannot be


@pytest.mark.parametrize("command", [Unlock, Reset, HardReset])
async def test_no_body_is_sent_where_none_is_taken(
    tenant: Tenant, provider: AmpecoProvider, command: type[Command]
) -> None:
    await provider.execute(command(device_id=ONE))
    assert tenant.cloud.bodies == [None]


@pytest.mark.parametrize("reservation", ["..", ".", "2001/cancel?x=1#y", "../../x"])
async def test_an_id_is_one_segment_of_the_path(
    tenant: Tenant, provider: AmpecoProvider, reservation: str
) -> None:
    command = CancelReservation(device_id=ONE, reservation_id=reservation)
    with pytest.raises(NotFoundError) as caught:
        await provider.execute(command)
    assert caught.value.reason == Refusal.UNKNOWN_RESERVATION
    prefix = "POST actions/reservation/v1.0/"
    assert all(path.startswith(prefix) for path in tenant.asked())
    assert tenant.cloud.tenant.reservations == {}


@pytest.mark.parametrize(
    ("amps", "reason"),
    [
        (40.0, Refusal.OUT_OF_RANGE),
        (-1.0, Refusal.INVALID_VALUE),
        (float("inf"), Refusal.INVALID_VALUE),
    ],
)
async def test_profiles_keep_to_the_bounds_of_the_hardware(
    tenant: Tenant, provider: AmpecoProvider, amps: float, reason: str
) -> None:
    profile = ChargingProfile(periods=(SchedulePeriod(start_period=0, limit=amps),))
    err = await refusal(provider, SetChargingProfile(device_id=ONE, profile=profile))
    assert err.reason == reason
    err = await refusal(provider, StartCharging(device_id=ONE, current=amps))
    assert err.reason == reason
    assert tenant.asked() == []


@pytest.mark.parametrize(
    "command",
    [
        Boost(device_id=ONE),
        StartCharging(device_id="cp4021"),
        SetControl(device_id=ONE, control=Control.LOCK, value=True),
        SetControl(device_id=ONE, control=Control.CHARGING, value=True),
        SetControl(device_id=ONE, control=Control.SMART_CHARGING_MODE, value="tod"),
        StartCharging(device_id="cp9"),
        SetUserStatus(device_id="user771", enabled=True, reason="no option"),
    ],
)
async def test_what_is_not_supported(
    tenant: Tenant, provider: AmpecoProvider, command: Command
) -> None:
    with pytest.raises(NotSupportedError):
        await provider.execute(command)
    assert tenant.asked() == []


@pytest.mark.drifts
async def test_unlock_of_an_evse_without_a_number(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    tenant.evse().changes["networkId"] = None
    charger = (await provider.poll()).fleet[ONE]
    assert Control.CURRENT_LIMIT not in charger.controls
    assert ClearLimit not in charger.commands
    tenant.cloud.faults.add(Fault(status=404, path="unlock"))
    with pytest.raises(NotFoundError):
        await provider.execute(Unlock(device_id=ONE))
    tenant.asked()
    with pytest.raises(NotSupportedError):
        await provider.execute(ClearLimit(device_id=ONE))
    assert tenant.asked() == []


@pytest.mark.parametrize("mode", ["none", "roaming"])
async def test_stations_out_of_reach_offer_no_controls(
    tenant: Tenant, provider: AmpecoProvider, mode: str
) -> None:
    tenant.charge_point().changes["communicationMode"] = mode
    charger = (await provider.poll()).fleet[ONE]
    assert (StartCharging in charger.commands) is (mode == "roaming")
    assert not {Reset, Unlock, Refresh, Reserve} & charger.commands.keys()
    assert (
        not {TriggerMessage, SetConfiguration, SyncConfiguration}
        & charger.commands.keys()
    )
    assert set(charger.controls) <= {Control.CHARGING}


async def test_stations_that_cannot_start_remotely(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    tenant.charge_point().changes["capabilities"] = ["meter_values"]
    charger = (await provider.poll()).fleet[ONE]
    assert Control.CHARGING not in charger.controls
    assert StartCharging not in charger.commands
    assert Reset in charger.commands


async def test_session_of_another_charge_point_is_no_command_of_this_one(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    tenant.connector().plug_in()
    result = await provider.execute(StartCharging(device_id=ONE))
    other = next(
        key
        for key, device in (await provider.poll()).fleet.items()
        if device.kind is DeviceKind.CHARGER and key != ONE
    )
    with pytest.raises(NotFoundError) as err:
        await provider.follow(other, result.id or "")
    assert err.value.reason == Refusal.UNKNOWN_ACTION
    with pytest.raises(NotFoundError):
        await provider.follow(ONE, "999999")


async def test_cancel_of_a_reservation_nobody_knows(
    tenant: Tenant, provider: AmpecoProvider
) -> None:
    with pytest.raises(NotFoundError) as err:
        await provider.execute(CancelReservation(device_id=ONE, reservation_id="999"))
    assert err.value.reason == Refusal.UNKNOWN_RESERVATION
