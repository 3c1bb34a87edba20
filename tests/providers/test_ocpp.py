"""OCPP's words, and charging profiles judged by the schemas that OCPP itself gives."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from importlib.resources import files
import json
from typing import Any

from hypothesis import given, strategies as st
from jsonschema import Draft4Validator, FormatChecker
import ocpp as ocpp_library
from ocpp.v16 import enums
import pytest

from custom_components.ev_charger_cloud.charging import (
    ChargingProfile,
    CommandRefusedError,
    ErrorCode,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Recurrency,
    Refusal,
    SchedulePeriod,
    StopReason,
)
from custom_components.ev_charger_cloud.providers import ocpp

START = datetime(2026, 11, 20, 7, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
PROFILE = ChargingProfile(
    id=7,
    periods=(
        SchedulePeriod(start_period=0, limit=16.0, number_phases=3),
        SchedulePeriod(start_period=3600, limit=6.5),
    ),
)

# The library's judge reads numbers as decimals: 6.3 is no multiple of 0.1 in floats.
_SCHEMA = json.loads(
    (files(ocpp_library) / "v16" / "schemas" / "SetChargingProfile.json").read_text(
        "utf-8-sig"
    ),
    parse_float=Decimal,
)
_JUDGE = Draft4Validator(_SCHEMA, format_checker=FormatChecker())


def judge(profile: ChargingProfile) -> dict[str, Any]:
    """Return the body of a profile that OCPP's own schema takes."""
    body = ocpp.profile_body(profile)
    _JUDGE.validate(
        json.loads(
            json.dumps({"connectorId": 1, "csChargingProfiles": body}),
            parse_float=Decimal,
        )
    )
    return body


def test_profile_without_what_is_not_stated() -> None:
    """Only what is stated is sent."""
    assert judge(PROFILE) == {
        "chargingProfileId": 7,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 16.0, "numberPhases": 3},
                {"startPeriod": 3600, "limit": 6.5},
            ],
        },
    }


def test_profile_with_everything() -> None:
    """Times are UTC, to the second."""
    body = judge(
        replace(
            PROFILE,
            purpose=ProfilePurpose.TX,
            kind=ProfileKind.RECURRING,
            recurrency=Recurrency.DAILY,
            rate_unit=RateUnit.WATT,
            start_schedule=START,
            duration=7200,
            minimum_rate=4.29,
            valid_from=START,
            valid_to=START + timedelta(days=1),
            transaction_id=12,
        )
    )
    assert body["validFrom"] == body["chargingSchedule"]["startSchedule"]
    assert body["validFrom"] == "2026-11-20T06:00:00Z"
    assert body["recurrencyKind"] == "Daily"
    assert body["chargingSchedule"]["minChargingRate"] == 4.2
    assert body["transactionId"] == 12


def test_keys_in_another_spelling() -> None:
    """Clouds rename OCPP's keys, at every depth."""
    body = ocpp.profile_body(PROFILE, key=ocpp.snake_case)
    assert set(body) == {
        "charging_profile_id",
        "stack_level",
        "charging_profile_purpose",
        "charging_profile_kind",
        "charging_schedule",
    }
    assert body["charging_schedule"]["charging_schedule_period"][0] == {
        "start_period": 0,
        "limit": 16.0,
        "number_phases": 3,
    }


@given(
    st.lists(
        st.floats(0, 1e6).map(lambda limit: round(limit, 3)), min_size=1, max_size=5
    ),
    st.sampled_from(ProfilePurpose),
    st.sampled_from(RateUnit),
    st.integers(0, 100),
)
def test_every_checked_profile_is_one_of_ocpp(
    limits: list[float], purpose: ProfilePurpose, unit: RateUnit, level: int
) -> None:
    """Limits have one decimal and are never above what was asked for."""
    profile = replace(
        PROFILE,
        purpose=purpose,
        rate_unit=unit,
        stack_level=level,
        periods=tuple(
            SchedulePeriod(start_period=60 * place, limit=limit)
            for place, limit in enumerate(limits)
        ),
    )
    ocpp.check_profile(profile)
    sent = judge(profile)["chargingSchedule"]["chargingSchedulePeriod"]
    for period, limit in zip(sent, limits, strict=True):
        assert limit - 0.1001 < period["limit"] <= limit


def periods(*starts: int, limit: float = 6.0) -> tuple[SchedulePeriod, ...]:
    """Return periods that begin then."""
    return tuple(SchedulePeriod(start_period=each, limit=limit) for each in starts)


@pytest.mark.parametrize(
    "change",
    [
        {"periods": ()},
        {"periods": periods(60)},
        {"periods": periods(0, 60, 60)},
        {"periods": periods(0, 60, 30)},
        {"periods": periods(0, limit=-1)},
        {"periods": periods(0, limit=float("nan"))},
        {"periods": periods(0, limit=float("inf"))},
        {"minimum_rate": -1.0},
        {"minimum_rate": float("nan")},
        {"stack_level": -1},
        {"duration": 0},
        {"kind": ProfileKind.RECURRING, "start_schedule": START},
        {"recurrency": Recurrency.DAILY},
        {"kind": ProfileKind.RECURRING, "recurrency": Recurrency.DAILY},
        {"kind": ProfileKind.ABSOLUTE},
        {"valid_from": START, "valid_to": START},
    ],
)
def test_profile_against_the_rules_is_refused(change: dict[str, Any]) -> None:
    """No charger would take it."""
    with pytest.raises(CommandRefusedError) as caught:
        ocpp.check_profile(replace(PROFILE, **change))
    assert caught.value.reason == Refusal.INVALID_VALUE


def test_profile_above_the_hardware_is_refused() -> None:
    """The bounds are in the profile's own unit."""
    ocpp.check_profile(PROFILE, highest=16)
    with pytest.raises(CommandRefusedError, match="above 15.5 A") as caught:
        ocpp.check_profile(PROFILE, highest=15.5)
    assert caught.value.reason == Refusal.OUT_OF_RANGE


@pytest.mark.parametrize(
    "change",
    [
        {"kind": ProfileKind.ABSOLUTE, "start_schedule": START},
        {
            "kind": ProfileKind.RECURRING,
            "start_schedule": START,
            "recurrency": Recurrency.WEEKLY,
        },
        {"valid_from": START, "valid_to": START + timedelta(seconds=1)},
        {"valid_from": START},
    ],
)
def test_profile_by_the_rules_is_taken(change: dict[str, Any]) -> None:
    """So it is by OCPP's schema."""
    profile = replace(PROFILE, **change)
    ocpp.check_profile(profile)
    judge(profile)


def test_every_word_of_ocpp_is_known() -> None:
    """The library has the same words from the same document."""
    assert set(ocpp.STATUS) == {each.value for each in enums.ChargePointStatus}
    for each in enums.ChargePointErrorCode:
        assert isinstance(ocpp.error_code(each.value), ErrorCode), each
    for reason in enums.Reason:
        assert isinstance(ocpp.stop_reason(reason.value), StopReason), reason
    for purpose in enums.ChargingProfilePurposeType:
        assert ocpp.purpose(purpose.value.upper()) == purpose.value
    for kind in enums.ChargingProfileKindType:
        assert ocpp.kind(kind.value.lower()) == kind.value
    for recurrency in enums.RecurrencyKind:
        assert ocpp.recurrency(recurrency.value) == recurrency.value
    for unit in enums.ChargingRateUnitType:
        assert ocpp.rate_unit(unit.value.lower()) == unit.value


@pytest.mark.parametrize("word", ["ground_failure", "GroundFailure", "GROUND-FAILURE"])
def test_words_in_any_spelling(word: str) -> None:
    """Case and separators are the cloud's taste."""
    assert ocpp.error_code(word) is ErrorCode.GROUND_FAILURE


def test_unknown_words() -> None:
    """What OCPP does not have is None."""
    for lookup in (
        ocpp.error_code,
        ocpp.stop_reason,
        ocpp.purpose,
        ocpp.kind,
        ocpp.recurrency,
        ocpp.rate_unit,
    ):
        assert lookup(None) is None
        assert lookup("Levitating") is None


def test_profile_from_words() -> None:
    """What a cloud does not tell is OCPP's usual."""
    assert ocpp.profile_of(periods=()) is None
    assert ocpp.profile_of(
        periods=periods(0),
        purpose_word="CHARGEPOINTMAXPROFILE",
        kind_word="absolute",
        unit_word="w",
        recurrency_word="?",
        stack_level=3,
        start_schedule=START,
    ) == ChargingProfile(
        periods=periods(0),
        purpose=ProfilePurpose.CHARGE_POINT_MAX,
        kind=ProfileKind.ABSOLUTE,
        rate_unit=RateUnit.WATT,
        stack_level=3,
        start_schedule=START,
    )
    plain = ocpp.profile_of(periods=periods(0))
    assert plain == ChargingProfile(periods=periods(0), stack_level=0)


def test_time_stamp() -> None:
    """Times are written in UTC."""
    assert ocpp.timestamp(START.astimezone(UTC)) == ocpp.timestamp(START)
