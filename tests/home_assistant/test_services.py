"""Actions: what needs more words than an entity has."""

from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.ev_charger_cloud.charging import (
    ActivateSubscription,
    AddBalance,
    ApplyFee,
    AuthenticationError,
    CancelReservation,
    CancelScheduled,
    CancelSubscription,
    ChargingError,
    ChargingProfile,
    ClearChargingProfile,
    ClearLimit,
    Command,
    CommandRefusedError,
    CommandResult,
    Control,
    ControlState,
    Money,
    NotSupportedError,
    Outcome,
    Pause,
    PaymentStatus,
    ProfileKind,
    ProfilePurpose,
    RateLimitedError,
    RateUnit,
    Reading,
    Recurrency,
    RedeemVoucher,
    Refusal,
    Reserve,
    Resume,
    SchedulePeriod,
    Session,
    SessionStatus,
    SetChargePolicy,
    SetChargingProfile,
    SetConfiguration,
    SetControl,
    SetUserStatus,
    StartCharging,
    StopCharging,
    StopReason,
    SyncConfiguration,
    TriggerMessage,
    UnreachableError,
)
from custom_components.ev_charger_cloud.const import DOMAIN
from homeassistant.core import HomeAssistant, ServiceResponse
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component

from .devices import COMMANDS, SetUp, charger, device_entry
from .fake_provider import FakeProvider

NOW = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)
PERIODS = [
    {"start_period": 0, "limit": 16},
    {"start_period": 3600, "limit": 8.5, "number_phases": 1},
]
STEPS = (
    SchedulePeriod(start_period=0, limit=16.0),
    SchedulePeriod(start_period=3600, limit=8.5, number_phases=1),
)


@pytest.fixture(autouse=True)
async def home_in_zurich(
    home: HomeAssistant, fake: type[FakeProvider], freezer: FrozenDateTimeFactory
) -> None:
    """Give the account a charger that takes all commands, and the home a time zone."""
    freezer.move_to(NOW)
    await home.config.async_update(time_zone="Europe/Zurich")
    fake.fleet = {"c1": charger(commands=COMMANDS)}


@pytest.fixture
async def device_id(home: HomeAssistant, set_up: SetUp) -> str:
    """Return the charger's id in the device registry."""
    await set_up()
    device = device_entry(home, "c1")
    assert device is not None
    return device.id


async def call(
    home: HomeAssistant, action: str, device_id: str, **fields: Any
) -> ServiceResponse:
    """Perform an action and return what it answers."""
    return await home.services.async_call(
        DOMAIN,
        action,
        {"device_id": device_id, **fields},
        blocking=True,
        return_response=True,
    )


class TestCommands:
    """Actions that are commands."""

    @pytest.mark.parametrize(
        ("action", "fields", "command"),
        [
            ("start_charging", {}, StartCharging(device_id="c1")),
            (
                "start_charging",
                {"id_token": "A1", "user_id": "u1", "current": 10, "delay": "00:05:00"},
                StartCharging(
                    device_id="c1",
                    id_token="A1",
                    user_id="u1",
                    current=10.0,
                    delay=timedelta(minutes=5),
                ),
            ),
            ("stop_charging", {}, StopCharging(device_id="c1")),
            ("stop_charging", {"delay": 0}, StopCharging(device_id="c1")),
            (
                "stop_charging",
                {"force": True, "delay": {"minutes": 5}},
                StopCharging(device_id="c1", force=True, delay=timedelta(minutes=5)),
            ),
            ("cancel_scheduled", {}, CancelScheduled(device_id="c1")),
            ("clear_charging_limit", {}, ClearLimit(device_id="c1")),
            (
                "cancel_scheduled",
                {"action_id": "a1"},
                CancelScheduled(device_id="c1", action_id="a1"),
            ),
            (
                "pause_charging",
                {"until": "2026-11-02 09:00:00"},
                Pause(device_id="c1", until=datetime(2026, 11, 2, 8, 0, tzinfo=UTC)),
            ),
            (
                "pause_charging",
                {"until": "2026-11-02T09:00:00+00:00"},
                Pause(device_id="c1", until=datetime(2026, 11, 2, 9, 0, tzinfo=UTC)),
            ),
            (
                "pause_charging",
                {"duration": {"hours": 2}},
                Pause(device_id="c1", until=NOW + timedelta(hours=2)),
            ),
            ("resume_charging", {}, Resume(device_id="c1")),
            (
                "set_charge_policy",
                {"enabled": False},
                SetChargePolicy(device_id="c1", enabled=False),
            ),
            (
                "set_charge_policy",
                {
                    "enabled": True,
                    "deadline": "2026-11-03 07:00:00",
                    "deadline_level": 70,
                    "target_minimum": 20,
                    "target_maximum": 80,
                    "power_limit": 7400,
                },
                SetChargePolicy(
                    device_id="c1",
                    enabled=True,
                    deadline=datetime(2026, 11, 3, 6, 0, tzinfo=UTC),
                    deadline_level=70.0,
                    target_minimum=20.0,
                    target_maximum=80.0,
                    power_limit=7400.0,
                ),
            ),
            (
                "set_charge_policy",
                {"target_minimum": 80, "target_maximum": 80},
                SetChargePolicy(
                    device_id="c1", target_minimum=80.0, target_maximum=80.0
                ),
            ),
            (
                "set_charge_policy",
                {"target_minimum": 80},
                SetChargePolicy(device_id="c1", target_minimum=80.0),
            ),
            (
                "set_charging_profile",
                {"periods": PERIODS},
                SetChargingProfile(
                    device_id="c1",
                    profile=ChargingProfile(
                        periods=STEPS,
                        purpose=ProfilePurpose.TX_DEFAULT,
                        kind=ProfileKind.RELATIVE,
                        stack_level=1,
                        rate_unit=RateUnit.AMPERE,
                    ),
                ),
            ),
            (
                "set_charging_profile",
                {
                    "periods": {"start_period": 0, "limit": 7400},
                    "purpose": "charge_point_max",
                    "kind": "recurring",
                    "stack_level": 3,
                    "rate_unit": "watt",
                    "recurrency": "weekly",
                    "start_schedule": "2026-11-02 00:00:00",
                    "duration": 86400,
                    "minimum_rate": 1380,
                    "valid_from": "2026-11-01 00:00:00",
                    "valid_to": "2026-12-01 00:00:00",
                    "profile_id": 7,
                },
                SetChargingProfile(
                    device_id="c1",
                    profile=ChargingProfile(
                        periods=(SchedulePeriod(start_period=0, limit=7400.0),),
                        purpose=ProfilePurpose.CHARGE_POINT_MAX,
                        kind=ProfileKind.RECURRING,
                        stack_level=3,
                        rate_unit=RateUnit.WATT,
                        recurrency=Recurrency.WEEKLY,
                        start_schedule=datetime(2026, 11, 1, 23, 0, tzinfo=UTC),
                        duration=86400,
                        minimum_rate=1380.0,
                        valid_from=datetime(2026, 10, 31, 23, 0, tzinfo=UTC),
                        valid_to=datetime(2026, 11, 30, 23, 0, tzinfo=UTC),
                        id=7,
                    ),
                ),
            ),
            (
                "set_charging_profile",
                {
                    "periods": PERIODS,
                    "purpose": "tx",
                    "kind": "absolute",
                    "start_schedule": "2026-11-02 00:00:00",
                },
                SetChargingProfile(
                    device_id="c1",
                    profile=ChargingProfile(
                        periods=STEPS,
                        purpose=ProfilePurpose.TX,
                        kind=ProfileKind.ABSOLUTE,
                        start_schedule=datetime(2026, 11, 1, 23, 0, tzinfo=UTC),
                    ),
                ),
            ),
            ("clear_charging_profile", {}, ClearChargingProfile(device_id="c1")),
            (
                "clear_charging_profile",
                {"profile_id": 7, "purpose": "tx", "stack_level": 0},
                ClearChargingProfile(
                    device_id="c1",
                    profile_id=7,
                    purpose=ProfilePurpose.TX,
                    stack_level=0,
                ),
            ),
            ("reserve", {}, Reserve(device_id="c1")),
            (
                "reserve",
                {"user_id": "u1", "reason": "Visitor"},
                Reserve(device_id="c1", user_id="u1", reason="Visitor"),
            ),
            (
                "set_charging_limit",
                {"current": 12},
                SetControl(device_id="c1", control=Control.CURRENT_LIMIT, value=12.0),
            ),
            (
                "set_charging_limit",
                {"current": 12, "duration": {"minutes": 15}},
                SetControl(
                    device_id="c1",
                    control=Control.CURRENT_LIMIT,
                    value=12.0,
                    duration=timedelta(minutes=15),
                ),
            ),
            (
                # Three phases as long as nothing else is measured.
                "set_charging_limit",
                {"power": 7580},  # 10.99 A, and never more than was asked
                SetControl(device_id="c1", control=Control.CURRENT_LIMIT, value=10.0),
            ),
            (
                "trigger_message",
                {"message": "MeterValues"},
                TriggerMessage(device_id="c1", message="MeterValues"),
            ),
            (
                "set_configuration",
                {"key": "HeartbeatInterval", "value": "60"},
                SetConfiguration(device_id="c1", key="HeartbeatInterval", value="60"),
            ),
            (
                "set_configuration",
                {"key": "Limit", "value": "6", "component": "EVSE", "instance": "1"},
                SetConfiguration(
                    device_id="c1",
                    key="Limit",
                    value="6",
                    component="EVSE",
                    instance="1",
                ),
            ),
            ("sync_configuration", {}, SyncConfiguration(device_id="c1")),
            (
                "sync_configuration",
                {"keys": ["A", "B"]},
                SyncConfiguration(device_id="c1", keys=("A", "B")),
            ),
            (
                "set_user_status",
                {"enabled": False, "reason": "Left"},
                SetUserStatus(device_id="c1", enabled=False, reason="Left"),
            ),
            (
                "activate_subscription",
                {
                    "plan_id": "3",
                    "end": "2026-12-01 00:00:00",
                    "auto_renewal": True,
                    "reason": "Wish",
                },
                ActivateSubscription(
                    device_id="c1",
                    plan_id="3",
                    end=datetime(2026, 11, 30, 23, 0, tzinfo=UTC),
                    auto_renewal=True,
                    reason="Wish",
                ),
            ),
            (
                "cancel_subscription",
                {"reason": "Wish"},
                CancelSubscription(device_id="c1", reason="Wish"),
            ),
            (
                "add_balance",
                {"amount": -5, "reason": "Mistake"},
                AddBalance(device_id="c1", amount=-5.0, reason="Mistake"),
            ),
            (
                "apply_fee",
                {"amount": 2.5, "description": "Blocking"},
                ApplyFee(device_id="c1", amount=2.5, description="Blocking"),
            ),
            (
                "redeem_voucher",
                {"code": "X1"},
                RedeemVoucher(device_id="c1", code="X1"),
            ),
            ("cancel_reservation", {}, CancelReservation(device_id="c1")),
            (
                "cancel_reservation",
                {"reservation_id": "r1"},
                CancelReservation(device_id="c1", reservation_id="r1"),
            ),
        ],
    )
    async def test_fields_make_a_command(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        device_id: str,
        action: str,
        fields: dict[str, Any],
        command: Command,
    ) -> None:
        """Each field reaches the command; a time without a zone is the home's."""
        await call(home, action, device_id, **fields)
        assert fake.executed == [command]

    @pytest.mark.parametrize(
        ("result", "response"),
        [
            (
                CommandResult(),
                {"outcome": "completed", "id": None, "message": None, "due_at": None},
            ),
            (
                CommandResult(
                    outcome=Outcome.DEFERRED, id="a1", message="Later", due_at=NOW
                ),
                {
                    "outcome": "deferred",
                    "id": "a1",
                    "message": "Later",
                    "due_at": "2026-11-02T07:30:00+01:00",
                },
            ),
        ],
    )
    async def test_response(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        device_id: str,
        result: CommandResult,
        response: dict[str, str | None],
    ) -> None:
        """The answer tells how far the command came, times in the home's zone."""
        fake.result = result
        told = await call(home, "start_charging", device_id)
        assert told is not None
        assert told["sent_at"]
        assert {key: told[key] for key in response} == response

    async def test_response_is_optional(
        self, home: HomeAssistant, fake: type[FakeProvider], device_id: str
    ) -> None:
        """Scripts need not ask for the answer."""
        await home.services.async_call(
            DOMAIN, "resume_charging", {"device_id": device_id}, blocking=True
        )
        assert fake.executed == [Resume(device_id="c1")]

    async def test_connector(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> None:
        """A connector can be aimed at like a charger."""
        fake.fleet = {
            "c1": charger(),
            "c1-1": charger("c1-1", parent="c1", commands=COMMANDS),
        }
        await set_up()
        device = device_entry(home, "c1-1")
        assert device is not None
        await call(home, "resume_charging", device.id)
        assert fake.executed == [Resume(device_id="c1-1")]

    async def test_refusal(
        self, home: HomeAssistant, fake: type[FakeProvider], device_id: str
    ) -> None:
        """A refusal is told in the user's words."""
        fake.refusal = CommandRefusedError(reason=Refusal.NO_SESSION)
        with pytest.raises(HomeAssistantError) as caught:
            await home.services.async_call(
                DOMAIN, "stop_charging", {"device_id": device_id}, blocking=True
            )
        assert caught.value.translation_domain == DOMAIN
        assert caught.value.translation_key == "refused_no_session"
        told = await call(home, "stop_charging", device_id)
        assert told is not None
        assert (told["outcome"], told["reason"]) == ("refused", "no_session")


class TestLostAnswer:
    """Nobody knows whether a command took effect."""

    @pytest.fixture(autouse=True)
    def lost(self, fake: type[FakeProvider]) -> None:
        """Have requests arrive and answers be lost."""
        fake.refusal = UnreachableError("reset", uncertain=True)

    async def test_raised_unless_the_response_is_asked_for(
        self, home: HomeAssistant, device_id: str
    ) -> None:
        """An automation stops there; who reads the response decides by itself."""
        fields = {"device_id": device_id, "message": "Heartbeat"}
        with pytest.raises(HomeAssistantError) as caught:
            await home.services.async_call(
                DOMAIN, "trigger_message", fields, blocking=True
            )
        assert caught.value.translation_key == "uncertain"
        told = await call(home, "trigger_message", device_id, message="Heartbeat")
        assert told is not None
        assert told["outcome"] == "uncertain"

    async def test_money_moves_again_only_when_told_so(
        self, home: HomeAssistant, fake: type[FakeProvider], device_id: str
    ) -> None:
        """The same amount is not added twice by a script that tries again."""
        fields = {"amount": 10, "reason": "Gift"}
        told = await call(home, "add_balance", device_id, **fields)
        assert told is not None
        assert told["outcome"] == "uncertain"
        fake.refusal = None
        with pytest.raises(ServiceValidationError) as caught:
            await call(home, "add_balance", device_id, **fields)
        assert caught.value.translation_key == "money_uncertain"
        assert len(fake.executed) == 1
        await call(home, "add_balance", device_id, **fields, repeat=True)
        assert len(fake.executed) == 2

    async def test_the_balance_after(
        self, home: HomeAssistant, fake: type[FakeProvider], device_id: str
    ) -> None:
        """Whoever moves money is told what is there then."""
        fake.refusal = None
        fields = {"amount": 10, "reason": "Gift"}
        told = await call(home, "add_balance", device_id, **fields)
        assert told is not None
        assert "balance" not in told
        fake.set_reading("c1", Reading.BALANCE, Money(35.5, "CHF"))
        told = await call(home, "add_balance", device_id, **fields)
        assert told is not None
        assert (told["balance"], told["currency"]) == (35.5, "CHF")


class TestLimit:
    """A power becomes what the charger understands."""

    async def test_phases_and_voltage_as_measured(
        self, home: HomeAssistant, fake: type[FakeProvider], device_id: str
    ) -> None:
        """One phase at 240 V takes more amperes for the same power."""
        for reading, value in (
            (Reading.CURRENT_PHASE_1, 15.9),
            (Reading.CURRENT_PHASE_2, 0.0),
            (Reading.CURRENT_PHASE_3, None),
            (Reading.VOLTAGE_PHASE_1, 240.0),
        ):
            fake.set_reading("c1", reading, value)
        await home.config_entries.async_entries(DOMAIN)[0].runtime_data.async_refresh()
        await call(home, "set_charging_limit", device_id, power=2400)
        assert fake.executed == [
            SetControl(device_id="c1", control=Control.CURRENT_LIMIT, value=10.0)
        ]

    async def test_power_out_of_bounds_is_told_in_watts(
        self, home: HomeAssistant, fake: type[FakeProvider], device_id: str
    ) -> None:
        """Who gave watts reads watts, on all three phases that there are."""
        with pytest.raises(ServiceValidationError) as caught:
            await call(home, "set_charging_limit", device_id, power=3000)
        assert caught.value.translation_placeholders == {
            "subject": "Charger c1",
            "field": "power",
            "value": "3000 W",
            "minimum": "4140",
            "maximum": "11040 W",
        }
        assert fake.executed == []

    async def test_charger_that_is_limited_by_its_power(
        self, home: HomeAssistant, fake: type[FakeProvider], device_id: str
    ) -> None:
        """Nothing is converted."""
        fake.set_control("c1", Control.POWER_LIMIT, value=11000.0)
        await home.config_entries.async_entries(DOMAIN)[0].runtime_data.async_refresh()
        await call(home, "set_charging_limit", device_id, power=7050)
        assert fake.executed == [
            SetControl(device_id="c1", control=Control.POWER_LIMIT, value=7050.0)
        ]

    async def test_each_limit_is_sent(
        self, home: HomeAssistant, fake: type[FakeProvider], device_id: str
    ) -> None:
        """The same value is sent again, whatever is shown."""
        await call(home, "set_charging_limit", device_id, current=10, duration=900)
        await call(home, "set_charging_limit", device_id, current=10)
        await call(home, "set_charging_limit", device_id, current=10)
        assert [command.duration for command in fake.executed] == [
            timedelta(minutes=15),
            None,
            None,
        ]


async def test_earlier_command(
    home: HomeAssistant, fake: type[FakeProvider], device_id: str
) -> None:
    """The cloud tells how far it came; one that failed is told, not raised."""
    fake.told = CommandResult(
        outcome=Outcome.REFUSED,
        id="a1",
        reason=Refusal.OFFLINE,
        message="No answer",
        finished_at=NOW,
        action="charge",
        parameters={"power": 7},
        created_at=NOW,
        error_code="DEVICE_OFFLINE",
        vendor_result="E5",
    )
    answer = await call(home, "get_command", device_id, action_id="a1")
    assert answer == {
        "outcome": "refused",
        "reason": "offline",
        "message": "No answer",
        "id": "a1",
        "due_at": None,
        "sent_at": None,
        "finished_at": "2026-11-02T07:30:00+01:00",
        "action": "charge",
        "parameters": {"power": 7},
        "created_at": "2026-11-02T07:30:00+01:00",
        "updated_at": None,
        "acknowledged_at": None,
        "error_code": "DEVICE_OFFLINE",
        "vendor_result": "E5",
    }


class TestWrongUse:
    """Requests that cannot be carried out as they stand are never sent."""

    @pytest.mark.parametrize(
        ("action", "fields", "key"),
        [
            (
                "pause_charging",
                {"until": "2026-11-03 07:00:00", "duration": 60},
                "pause_ambiguous",
            ),
            (
                "set_charging_limit",
                {"current": 10, "power": 7000},
                "limit_ambiguous",
            ),
            (
                "set_charging_profile",
                {
                    "periods": PERIODS,
                    "valid_from": "2026-12-02 00:00:00",
                    "valid_to": "2026-12-01 00:00:00",
                },
                "validity_reversed",
            ),
            ("start_charging", {"current": 500}, "out_of_range"),
            ("start_charging", {"current": 0}, "out_of_range"),
            ("pause_charging", {}, "pause_without_end"),
            (
                "pause_charging",
                {"until": "2026-11-02 07:00:00"},
                "refused_in_the_past",
            ),
            ("pause_charging", {"duration": "00:00:00"}, "refused_in_the_past"),
            ("set_charge_policy", {}, "nothing_to_set"),
            ("set_charging_limit", {}, "limit_ambiguous"),
            ("set_charging_limit", {"current": 50}, "out_of_range"),
            ("set_charging_limit", {"power": 3000}, "out_of_range"),
            (
                "set_charge_policy",
                {"target_minimum": 81, "target_maximum": 80},
                "targets_crossed",
            ),
            (
                "set_charging_profile",
                {"periods": [{"start_period": 1, "limit": 6}]},
                "periods_out_of_order",
            ),
            (
                "set_charging_profile",
                {
                    "periods": [
                        {"start_period": 0, "limit": 6},
                        {"start_period": 0, "limit": 8},
                    ]
                },
                "periods_out_of_order",
            ),
            (
                "set_charging_profile",
                {
                    "periods": [
                        {"start_period": 0, "limit": 6},
                        {"start_period": 7200, "limit": 8},
                        {"start_period": 3600, "limit": 8},
                    ]
                },
                "periods_out_of_order",
            ),
            (
                "set_charging_profile",
                {"periods": PERIODS, "recurrency": "daily"},
                "recurrency_mismatch",
            ),
            (
                "set_charging_profile",
                {
                    "periods": PERIODS,
                    "kind": "recurring",
                    "start_schedule": "2026-11-02 00:00:00",
                },
                "recurrency_mismatch",
            ),
            (
                "set_charging_profile",
                {"periods": PERIODS, "kind": "absolute"},
                "start_schedule_required",
            ),
            (
                "set_charging_profile",
                {"periods": PERIODS, "kind": "recurring", "recurrency": "daily"},
                "start_schedule_required",
            ),
            (
                "get_sessions",
                {"start": "2026-11-02 07:00:00", "end": "2026-11-02 07:00:00"},
                "span_reversed",
            ),
            ("get_sessions", {"start": "2026-11-02 08:00:00"}, "span_reversed"),
        ],
    )
    async def test_contradiction(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        device_id: str,
        action: str,
        fields: dict[str, Any],
        key: str,
    ) -> None:
        """Fields that contradict each other are explained."""
        with pytest.raises(ServiceValidationError) as caught:
            await call(home, action, device_id, **fields)
        assert caught.value.translation_domain == DOMAIN
        assert caught.value.translation_key == key
        assert fake.executed == []

    @pytest.mark.parametrize(
        ("action", "fields"),
        [
            ("start_charging", {"current": -1}),
            ("start_charging", {"id_token": ""}),
            ("start_charging", {"id_token": "A" * 37}),
            ("start_charging", {"delay": -5}),
            ("start_charging", {"delay": {"days": 31}}),
            ("start_charging", {"volts": 230}),
            ("pause_charging", {"until": "soon"}),
            ("set_charge_policy", {"target_maximum": 101}),
            ("set_charging_limit", {"current": 1e300}),
            ("set_charging_limit", {"power": ".inf"}),
            ("add_balance", {"amount": ".nan", "reason": "x"}),
            ("apply_fee", {"amount": 0, "description": "Nothing"}),
            ("add_balance", {"amount": 10}),
            ("set_charging_profile", {}),
            ("set_charging_profile", {"periods": []}),
            ("set_charging_profile", {"periods": [{"start_period": 0}]}),
            (
                "set_charging_profile",
                {"periods": [{"start_period": 0, "limit": 6, "number_phases": 4}]},
            ),
            ("set_charging_profile", {"periods": PERIODS, "purpose": "TxProfile"}),
            ("set_charging_profile", {"periods": PERIODS, "duration": 0}),
            ("clear_charging_profile", {"stack_level": -1}),
            ("get_sessions", {"limit": 0}),
            ("get_sessions", {"limit": 501}),
        ],
    )
    async def test_schema(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        device_id: str,
        action: str,
        fields: dict[str, Any],
    ) -> None:
        """What is of the wrong form does not even get in."""
        with pytest.raises(vol.Invalid):
            await call(home, action, device_id, **fields)
        assert fake.executed == []

    @pytest.mark.parametrize(
        "action", ["resume_charging", "get_sessions", "get_charging_profiles"]
    )
    async def test_unknown_device(
        self, home: HomeAssistant, device_id: str, action: str
    ) -> None:
        """A device that is not there is told so."""
        with pytest.raises(ServiceValidationError) as caught:
            await call(home, action, "nowhere")
        assert caught.value.translation_key == "service_device_not_found"

    async def test_device_of_another_integration(
        self, home: HomeAssistant, device_id: str
    ) -> None:
        """Only our own devices can be aimed at."""
        other = MockConfigEntry(domain="elsewhere")
        other.add_to_hass(home)
        device = dr.async_get(home).async_get_or_create(
            config_entry_id=other.entry_id, identifiers={("elsewhere", "1")}
        )
        with pytest.raises(ServiceValidationError) as caught:
            await call(home, "resume_charging", device.id)
        assert caught.value.translation_key == "service_device_wrong_domain"

    async def test_account_is_not_loaded(
        self, home: HomeAssistant, device_id: str, fake_entry: MockConfigEntry
    ) -> None:
        """Actions are there without the account, and say what is missing."""
        await home.config_entries.async_unload(fake_entry.entry_id)
        with pytest.raises(ServiceValidationError) as caught:
            await call(home, "resume_charging", device_id)
        assert caught.value.translation_key == "service_config_entry_not_loaded"

    @pytest.mark.parametrize(
        "action", ["resume_charging", "get_sessions", "get_charging_profiles"]
    )
    async def test_device_that_the_account_no_longer_has(
        self,
        home: HomeAssistant,
        device_id: str,
        fake_entry: MockConfigEntry,
        action: str,
    ) -> None:
        """A leftover in the registry is no charger."""
        leftover = dr.async_get(home).async_get_or_create(
            config_entry_id=fake_entry.entry_id,
            identifiers={(DOMAIN, "fake_account-1_c9")},
        )
        with pytest.raises(ServiceValidationError) as caught:
            await call(home, action, leftover.id)
        assert caught.value.translation_domain == DOMAIN
        assert caught.value.translation_key == "device_gone"

    async def test_command_that_is_not_offered(
        self, home: HomeAssistant, fake: type[FakeProvider], device_id: str
    ) -> None:
        """Only what a charger offers can be asked of it."""
        fake.change("c1", commands={})
        await home.config_entries.async_entries(DOMAIN)[0].runtime_data.async_refresh()
        with pytest.raises(ServiceValidationError) as caught:
            await call(home, "reserve", device_id)
        assert caught.value.translation_key == "not_offered"
        assert fake.executed == []


class TestSessions:
    """What was charged."""

    @pytest.mark.parametrize(
        ("fields", "asked"),
        [
            ({}, (NOW - timedelta(days=30), NOW, 50)),
            (
                {"end": "2026-10-31 00:00:00"},
                (
                    datetime(2026, 9, 30, 23, 0, tzinfo=UTC),
                    datetime(2026, 10, 30, 23, 0, tzinfo=UTC),
                    50,
                ),
            ),
            (
                {
                    "start": "2026-10-01T00:00:00+02:00",
                    "end": "2026-10-02T00:00:00+02:00",
                    "limit": "7",
                },
                (
                    datetime(2026, 9, 30, 22, 0, tzinfo=UTC),
                    datetime(2026, 10, 1, 22, 0, tzinfo=UTC),
                    7,
                ),
            ),
        ],
    )
    async def test_span(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        device_id: str,
        monkeypatch: pytest.MonkeyPatch,
        fields: dict[str, str],
        asked: tuple[datetime, datetime, int],
    ) -> None:
        """The last 30 days, unless something else is asked for."""
        seen: list[tuple[object, ...]] = []

        async def sessions(_: FakeProvider, *arguments: object) -> list[Session]:
            seen.append(arguments)
            return []

        monkeypatch.setattr(fake, "sessions", sessions)
        answer = await call(home, "get_sessions", device_id, **fields)
        assert answer is not None
        assert (answer["sessions"], answer["source"]) == ([], "cloud")
        assert seen == [("c1", *asked)]

    @pytest.mark.parametrize(
        ("session", "told"),
        [
            (
                Session(
                    id="s1",
                    device_id="c1",
                    started_at=NOW,
                    ended_at=NOW + timedelta(hours=1),
                    energy=7200.0,
                    cost=Money(2.52, "EUR"),
                    stop_reason=StopReason.REMOTE,
                    id_token="…C3D4",
                    status=SessionStatus.FINISHED,
                    connector="2",
                    user_id="771",
                    meter_start=100_000.0,
                    meter_stop=107_200.0,
                    payment_status=PaymentStatus.PAID,
                    key="ha-1",
                ),
                {
                    "id": "s1",
                    "start": "2026-11-02T07:30:00+01:00",
                    "end": "2026-11-02T08:30:00+01:00",
                    "energy_kwh": 7.2,
                    "cost": 2.52,
                    "currency": "EUR",
                    "duration_minutes": 60.0,
                    "status": "finished",
                    "stop_reason": "remote",
                    "connector": "2",
                    "id_token": "…C3D4",
                    "user_id": "771",
                    "meter_start_kwh": 100.0,
                    "meter_stop_kwh": 107.2,
                    "payment_status": "paid",
                    "key": "ha-1",
                },
            ),
            (
                Session(id="s2", device_id="c1", started_at=None),
                {
                    "id": "s2",
                    "start": None,
                    "end": None,
                    "energy_kwh": None,
                    "cost": None,
                    "currency": None,
                    "duration_minutes": None,
                    "status": None,
                    "stop_reason": None,
                    "connector": None,
                    "id_token": None,
                    "user_id": None,
                    "meter_start_kwh": None,
                    "meter_stop_kwh": None,
                    "payment_status": None,
                    "key": None,
                },
            ),
        ],
    )
    async def test_response(
        self,
        home: HomeAssistant,
        fake: type[FakeProvider],
        device_id: str,
        monkeypatch: pytest.MonkeyPatch,
        session: Session,
        told: dict[str, Any],
    ) -> None:
        """Energy is in kWh and times are in the home's zone; what is missing is None."""

        async def sessions(*_: object) -> list[Session]:
            return [session]

        async def one(_: object, charger: str, session_id: str) -> Session:
            assert (charger, session_id) == ("c1", session.id)
            return session

        monkeypatch.setattr(fake, "sessions", sessions)
        monkeypatch.setattr(fake, "session", one)
        answer = await call(home, "get_sessions", device_id)
        assert answer["sessions"] == [told]
        assert await call(home, "get_session", device_id, session_id=session.id) == told


class TestProfiles:
    """The charging profiles that the cloud knows of."""

    @pytest.mark.parametrize(
        "profile",
        [
            {
                "profile_id": 7,
                "purpose": "charge_point_max",
                "kind": "recurring",
                "stack_level": 3,
                "rate_unit": "watt",
                "recurrency": "weekly",
                "start_schedule": "2026-11-02T00:00:00+01:00",
                "duration": 86400,
                "minimum_rate": 1380.0,
                "valid_from": "2026-11-01T00:00:00+01:00",
                "valid_to": "2026-12-01T00:00:00+01:00",
                "periods": [
                    {"start_period": 0, "limit": 7400.0, "number_phases": None},
                    {"start_period": 3600, "limit": 3700.0, "number_phases": 1},
                ],
            },
            {
                "profile_id": None,
                "purpose": "tx",
                "kind": "relative",
                "stack_level": 0,
                "rate_unit": "ampere",
                "recurrency": None,
                "start_schedule": None,
                "duration": None,
                "minimum_rate": None,
                "valid_from": None,
                "valid_to": None,
                "periods": [{"start_period": 0, "limit": 6.0, "number_phases": 3}],
            },
        ],
    )
    async def test_told_as_it_is_set(
        self, home: HomeAssistant, device_id: str, profile: dict[str, Any]
    ) -> None:
        """What set_charging_profile took is what get_charging_profiles tells."""
        given = {key: value for key, value in profile.items() if value is not None}
        given["periods"] = [
            {key: value for key, value in period.items() if value is not None}
            for period in profile["periods"]
        ]
        await call(home, "set_charging_profile", device_id, **given)
        assert await call(home, "get_charging_profiles", device_id) == {
            "profiles": [profile]
        }


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("get_charging_profiles", {}),
        ("get_command", {"action_id": "a1"}),
    ],
)
@pytest.mark.parametrize(
    ("error", "key"),
    [
        (UnreachableError("no route"), "unreachable"),
        (NotSupportedError(), "not_supported"),
    ],
)
async def test_cloud_does_not_tell(
    home: HomeAssistant,
    fake: type[FakeProvider],
    device_id: str,
    action: str,
    fields: dict[str, Any],
    error: ChargingError,
    key: str,
) -> None:
    """What goes wrong is told in the user's words."""
    fake.failure = fake.told = error
    with pytest.raises(HomeAssistantError) as caught:
        await call(home, action, device_id, **fields)
    assert caught.value.translation_domain == DOMAIN
    assert caught.value.translation_key == key
    assert caught.value.translation_placeholders is not None
    assert caught.value.translation_placeholders["subject"] == "Charger c1"


async def test_sessions_where_the_cloud_keeps_none(
    home: HomeAssistant, fake: type[FakeProvider], device_id: str
) -> None:
    """They are those that were seen from here; a cloud in trouble says so."""
    fake.failure = UnreachableError("no route")
    with pytest.raises(HomeAssistantError) as caught:
        await call(home, "get_sessions", device_id)
    assert caught.value.translation_key == "unreachable"
    fake.failure = NotSupportedError()
    answer = await call(home, "get_sessions", device_id)
    assert answer is not None
    assert (answer["sessions"], answer["source"]) == ([], "ledger")


async def test_credentials_are_refused(
    home: HomeAssistant, fake: type[FakeProvider], device_id: str
) -> None:
    """Whoever only asks is told, and nobody is asked to sign in for one refusal."""
    fake.failure = AuthenticationError()
    with pytest.raises(HomeAssistantError) as caught:
        await call(home, "get_sessions", device_id)
    assert caught.value.translation_key == "authentication_failed"
    assert not home.config_entries.flow.async_progress()


async def test_actions_are_there_without_an_account(home: HomeAssistant) -> None:
    """Automations can be checked before an account is loaded."""
    assert await async_setup_component(home, DOMAIN, {})
    assert home.services.async_services_for_domain(DOMAIN).keys() >= {
        "start_charging",
        "get_sessions",
    }


async def test_cloud_that_wants_to_be_left_alone_for_a_moment(
    home: HomeAssistant, fake: type[FakeProvider], device_id: str
) -> None:
    """No zero seconds are told to anybody."""
    fake.refusal = RateLimitedError(retry_after=0.2)
    with pytest.raises(HomeAssistantError) as caught:
        await home.services.async_call(
            DOMAIN, "stop_charging", {"device_id": device_id}, blocking=True
        )
    assert caught.value.translation_key == "rate_limited_soon"


@pytest.mark.parametrize(
    ("readings", "current"),
    [
        # Made for 16 A and 3.7 kW: one phase, whatever it measures.
        ({Reading.MAXIMUM_POWER: 3680.0, Reading.MAXIMUM_CURRENT: 16.0}, 16.0),
        ({Reading.MAXIMUM_POWER: 11040.0, Reading.MAXIMUM_CURRENT: 16.0}, 5.0),
    ],
)
async def test_power_of_a_charger_that_draws_nothing(
    home: HomeAssistant,
    set_up: SetUp,
    fake: type[FakeProvider],
    readings: dict[Reading, Any],
    current: float,
) -> None:
    """What a charger is made for tells what an ampere of it can mean."""
    limit = ControlState(value=16.0, minimum=0, maximum=16, step=1)
    fake.fleet = {
        "c1": charger(readings=readings, controls={Control.CURRENT_LIMIT: limit})
    }
    await set_up()
    device = device_entry(home, "c1")
    assert device is not None
    await call(home, "set_charging_limit", device.id, power=3680)
    assert fake.executed == [
        SetControl(device_id="c1", control=Control.CURRENT_LIMIT, value=current)
    ]


class TestTargets:
    """Several chargers at once, by id or by where they are."""

    @pytest.fixture
    async def ids(
        self, home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
    ) -> dict[str, str]:
        """Set up three chargers, two of them in the yard, and one that takes nothing."""
        fake.fleet = {
            "c1": charger("c1", area="Yard", commands=COMMANDS),
            "c2": charger("c2", area="Yard", commands=COMMANDS),
            "c3": charger("c3", area="Street", commands=COMMANDS),
            "c4": charger("c4", area="Yard", commands={}, controls={}),
        }
        await set_up()
        found = {}
        for device_id in fake.fleet:
            entry = device_entry(home, device_id)
            assert entry is not None
            found[device_id] = entry.id
        return found

    async def test_several_devices(
        self, home: HomeAssistant, fake: type[FakeProvider], ids: dict[str, str]
    ) -> None:
        """Each is asked, and each answers for itself."""
        answer = await home.services.async_call(
            DOMAIN,
            "start_charging",
            {"device_id": [ids["c1"], ids["c3"]]},
            blocking=True,
            return_response=True,
        )
        assert answer is not None
        assert answer.keys() == {"devices"}
        assert answer["devices"].keys() == {ids["c1"], ids["c3"]}
        assert {command.device_id for command in fake.executed} == {"c1", "c3"}

    async def test_one_in_a_list(
        self, home: HomeAssistant, fake: type[FakeProvider], ids: dict[str, str]
    ) -> None:
        """A list is answered by device, however short."""
        answer = await home.services.async_call(
            DOMAIN,
            "start_charging",
            {"device_id": [ids["c1"]]},
            blocking=True,
            return_response=True,
        )
        assert answer is not None
        assert answer["devices"].keys() == {ids["c1"]}

    async def test_area(
        self, home: HomeAssistant, fake: type[FakeProvider], ids: dict[str, str]
    ) -> None:
        """At a place only those are meant that take the command."""
        entry = dr.async_get(home).async_get(ids["c1"])
        assert entry is not None
        answer = await home.services.async_call(
            DOMAIN,
            "set_charging_limit",
            {"area_id": entry.area_id, "current": 8},
            blocking=True,
            return_response=True,
        )
        assert answer is not None
        assert answer["devices"].keys() == {ids["c1"], ids["c2"]}
        assert {command.device_id for command in fake.executed} == {"c1", "c2"}

    async def test_label_beside_a_device(
        self, home: HomeAssistant, fake: type[FakeProvider], ids: dict[str, str]
    ) -> None:
        """What is named and what is labelled come together, each once."""
        dr.async_get(home).async_update_device(ids["c3"], labels={"night"})
        answer = await home.services.async_call(
            DOMAIN,
            "clear_charging_limit",
            {"device_id": ids["c3"], "label_id": "night"},
            blocking=True,
            return_response=True,
        )
        assert answer is not None
        assert answer["devices"].keys() == {ids["c3"]}
        assert [command.device_id for command in fake.executed] == ["c3"]

    async def test_nobody_there(
        self, home: HomeAssistant, fake: type[FakeProvider], ids: dict[str, str]
    ) -> None:
        """An empty place is told, not passed over."""
        for target in ({"area_id": "nowhere"}, {"device_id": []}):
            with pytest.raises(ServiceValidationError) as caught:
                await home.services.async_call(
                    DOMAIN, "start_charging", target, blocking=True
                )
            assert caught.value.translation_key == "nobody_there"
        with pytest.raises(vol.Invalid):
            await home.services.async_call(DOMAIN, "start_charging", {}, blocking=True)

    async def test_one_of_several_fails(
        self, home: HomeAssistant, fake: type[FakeProvider], ids: dict[str, str]
    ) -> None:
        """Who asks for an answer finds the error there; others get it raised."""
        data = {"device_id": [ids["c1"], ids["c4"]]}
        answer = await home.services.async_call(
            DOMAIN, "stop_charging", data, blocking=True, return_response=True
        )
        assert answer is not None
        assert answer["devices"][ids["c1"]]["outcome"]
        assert answer["devices"][ids["c4"]]["error"]
        with pytest.raises(ServiceValidationError):
            await home.services.async_call(DOMAIN, "stop_charging", data, blocking=True)
        assert [command.device_id for command in fake.executed] == ["c1", "c1"]

    async def test_money_goes_to_one(
        self, home: HomeAssistant, ids: dict[str, str]
    ) -> None:
        """What moves money or rights is never asked of several at once."""
        with pytest.raises(vol.Invalid):
            await home.services.async_call(
                DOMAIN,
                "redeem_voucher",
                {"device_id": [ids["c1"]], "code": "x"},
                blocking=True,
            )
