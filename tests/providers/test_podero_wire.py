"""Podero's documents: as published, and as servers drift away from them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.ev_charger_cloud.charging import (
    BoostState,
    ChargingStatus,
    Control,
    Device,
    Health,
    Money,
    Name,
    Reading,
)
from custom_components.ev_charger_cloud.providers.podero.devices import (
    device_of,
    name_of,
)
from custom_components.ev_charger_cloud.providers.podero.wire import (
    AccessToken,
    AuthSession,
    CurrentSurplus,
    SurplusPage,
    SurplusSession,
    User,
    Wallbox,
    utc,
)

from ..fields import LeftOut, Place, changed, field_name, leaves, value_at
from .podero_account import payload

REVISION_A = payload("wallbox")
REVISION_D = {
    key: value for key, value in REVISION_A.items() if key != "is_forecasting_enabled"
} | payload("wallbox_later")


NOW = datetime(2025, 3, 2, 18, 30, tzinfo=UTC)


def device(document: dict[str, Any]) -> Device:
    return device_of("box", Wallbox.decode(document), NOW, SurplusSession())


# As published


def test_the_reference_document_is_read_field_by_field() -> None:
    when = datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC)
    document = payload("wallbox_reference")
    wallbox = Wallbox.decode(document)
    times = {
        "created_at",
        "updated_at",
        "pause_power_until",
        "current_state_last_updated_at",
        "last_monitoring_executed_at",
        "charge_policy_last_updated_at",
        "charge_deadline_at",
        "charge_state_last_updated_at",
        "consumption_last_updated_at",
    }
    expected = document | dict.fromkeys(times, when)
    expected |= {"inverter_forced_mode_since": None, "external_device_id": None}
    model, owner = expected.pop("device_model"), expected.pop("owner")
    assert {key: getattr(wallbox, key) for key in expected} == expected
    assert wallbox.device_model is not None
    assert wallbox.device_model.to_dict() == model
    assert wallbox.owner is not None
    assert wallbox.owner.to_dict() == owner
    assert wallbox.keys == {"is_forecasting_enabled"}


def test_what_the_reference_document_means() -> None:
    device = device_of("box", Wallbox.decode(payload("wallbox_reference")), NOW)
    when = datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC)
    assert device.readings == {
        Reading.STATUS: None,
        Reading.PLUG: None,
        Reading.CHARGING: None,
        Reading.FULLY_CHARGED: None,
        Reading.POWER: None,
        Reading.TIME_REMAINING: None,
        Reading.PAUSED: False,
        Reading.ENERGY_LAST_DAY: 123_000,
        Reading.ENERGY_LAST_WEEK: 123_000,
        Reading.ENERGY_LAST_MONTH: 123_000,
        Reading.LAST_UPDATE: when,
        Reading.LINKED: False,
        Reading.NEEDS_GATEWAY: False,
        Reading.CONNECTION_STATUS: Health.OK,
        Reading.MONITORING_STATUS: Health.OK,
        Reading.STEERING_STATUS: Health.OK,
        Reading.STEERING_STATE: None,
        Reading.OPERATING_MODE: "<string>",
        Reading.PRICE_ZONE: "AT",
        Reading.FORECASTING: False,
        Reading.TRADING: False,
        Reading.INVERTER_FORCED_MODE: False,
        Reading.INVERTER_FORCED_MODE_ENABLED: False,
        Reading.INVERTER_FORCED_MODE_SINCE: None,  # the year 1 stands for never
        Reading.COMMENT: "<string>",
        Reading.BUILDING: "3c90c3cc-0d44-4b50-8888-8dd25736052a",
        Reading.CREATED_AT: when,
        Reading.UPDATED_AT: when,
        Reading.CHARGE_POLICY_UPDATED_AT: when,
        Reading.CONSUMPTION_UPDATED_AT: when,
        Reading.MONITORED_AT: when,
    }
    assert {key: state.value for key, state in device.controls.items()} == {
        Control.CHARGING: None,
        Control.SMART_OPTIMISATION: False,
        Control.CHARGE_POLICY: False,
        Control.OVER_CHARGE: False,
        Control.TARGET_MINIMUM: 50,
        Control.TARGET_MAXIMUM: 80,
        Control.DEADLINE_LEVEL: 80,
        Control.POWER_LIMIT: 7000,
        Control.DEADLINE: when,
        Control.PAUSE_UNTIL: None,  # it has passed
    }


def test_what_a_charging_wallbox_means() -> None:
    device = device_of("box", Wallbox.decode(REVISION_A), NOW)
    assert device.name == "Example Chargers HomeBox 11"
    assert (device.maker, device.model) == ("Example Chargers", "HomeBox 11")
    assert (device.serial, device.firmware) == ("EXB-000042", None)
    assert device.online is None
    readings = device.readings
    assert readings[Reading.STATUS] is ChargingStatus.CHARGING
    assert readings[Reading.POWER] == 7360
    assert readings[Reading.TIME_REMAINING] == 5400
    assert readings[Reading.ENERGY_LAST_DAY] == 12_400
    assert readings[Reading.ENERGY_LAST_WEEK] == 61_900
    assert readings[Reading.ENERGY_LAST_MONTH] == 240_200
    assert device.controls[Control.CHARGING].value is True
    limit = device.controls[Control.POWER_LIMIT]
    assert (limit.value, limit.minimum, limit.maximum, limit.step) == (
        11_000,
        0,
        22_000,
        100,
    )


def test_what_the_newest_revision_means() -> None:
    device = device_of("box", Wallbox.decode(REVISION_D), NOW)
    readings = device.readings
    assert device.online is True
    assert readings[Reading.STATUS] is ChargingStatus.CHARGING
    assert readings[Reading.CLOUD_STATUS] == "CHARGING"
    assert readings[Reading.BOOST_STATE] is BoostState.NOT_POSSIBLE
    assert readings[Reading.OPTIMISATION_SCORE] is None
    assert readings[Reading.ATTENTION_NEEDED] is False
    assert readings[Reading.PROBLEM] is False
    assert device.controls[Control.BOOST].value is False


def test_the_other_documents_are_read() -> None:
    assert AccessToken.decode(payload("token")).expires_in == 36_000
    assert User.decode(payload("user")).first_name == "Alex"
    address = AuthSession.decode(payload("auth_session")).authentication_url
    assert address is not None
    assert address.startswith("https://connect.podero.example/")
    page = SurplusPage.decode(payload("surplus_sessions"))
    assert page.total == 1
    assert page.items[0].energy_from_solar_kwh == 9.3
    running = payload("surplus_session")
    current = CurrentSurplus.decode({"session": running}).session
    assert current is not None
    assert current.session is not None
    readings = device_of("box", Wallbox(), NOW, current.session).readings
    assert readings[Reading.SURPLUS_ENERGY] == 2100
    assert readings[Reading.SURPLUS_SAVINGS] == Money(0.41, "EUR")
    assert CurrentSurplus.decode({"session": None}).session is None


def test_no_personal_data_shows_in_a_wallbox_that_is_printed() -> None:
    shown = repr(Wallbox.decode(REVISION_A)) + repr(User.decode(payload("user")))
    for private in ("owner@example.org", "Alex", "CUST-1001", "EXB-000042"):
        assert private not in shown
    assert "simTok3n" not in repr(AccessToken.decode(payload("token")))


# The status


STATUSES = {
    "link lapsed": ({"is_authenticated": False}, None),
    "link unknown": ({"is_authenticated": None}, ChargingStatus.CHARGING),
    "fault": ({"lifecycle_state": "error"}, ChargingStatus.FAULTED),
    "nothing known": ({"is_plugged_in": None, "is_charging": None}, None),
    "charging": ({}, ChargingStatus.CHARGING),
    "charging, plug unknown": ({"is_plugged_in": None}, ChargingStatus.CHARGING),
    "full": (
        {"is_charging": False, "is_fully_charged": True, "is_pause_power_active": True},
        ChargingStatus.COMPLETE,
    ),
    "paused": (
        {"is_charging": False, "is_pause_power_active": True},
        ChargingStatus.PAUSED,
    ),
    "waiting": ({"is_charging": False}, ChargingStatus.CONNECTED),
    "charging unknown": ({"is_charging": None}, ChargingStatus.CONNECTED),
    "unplugged": (
        {"is_charging": False, "is_plugged_in": False, "is_fully_charged": True},
        ChargingStatus.DISCONNECTED,
    ),
    "plug unknown": (
        {"is_charging": False, "is_plugged_in": None},
        ChargingStatus.DISCONNECTED,
    ),
}


@pytest.mark.parametrize("case", STATUSES)
def test_the_status_is_derived_from_the_flags(case: str) -> None:
    changes, status = STATUSES[case]
    assert device(REVISION_A | changes).readings[Reading.STATUS] is status


MODES = {
    "READY": ({}, ChargingStatus.DISCONNECTED),
    "plugged_in": ({}, ChargingStatus.CONNECTED),
    "PLUGGED_IN": ({"is_fully_charged": True}, ChargingStatus.COMPLETE),
    "Plugged_In": ({"is_pause_power_active": True}, ChargingStatus.PAUSED),
    "CHARGING": ({"is_charging": False}, ChargingStatus.CHARGING),
    "UNAVAILABLE": ({}, None),
    "UNKNOWN": ({}, None),
    "DANCING": ({}, None),
}


@pytest.mark.parametrize("mode", MODES)
def test_the_clouds_own_word_comes_first(mode: str) -> None:
    changes, status = MODES[mode]
    found = device(REVISION_D | changes | {"mode": mode})
    assert found.readings[Reading.STATUS] is status
    assert found.readings[Reading.CLOUD_STATUS] == mode


def test_without_the_clouds_word_the_flags_tell() -> None:
    found = device(REVISION_D | {"mode": None})
    assert found.readings[Reading.STATUS] is ChargingStatus.CHARGING
    assert found.readings[Reading.CLOUD_STATUS] is None


@pytest.mark.parametrize("connection", ["offline", "never_connected"])
def test_an_offline_charger_has_no_status(connection: str) -> None:
    found = device(REVISION_D | {"connection": connection})
    assert found.online is False
    assert found.readings[Reading.STATUS] is None
    assert found.readings[Reading.POWER] is None


@pytest.mark.parametrize(
    ("rate", "charging", "power"),
    [
        (7360.5, True, 7360.5),
        ("7360.5", True, 7360.5),
        (None, True, None),
        (None, None, None),
        (7360.5, None, 7360.5),
        (None, False, 0.0),
        (0, False, 0.0),
        # A rate that is left over from before the vehicle was paused or full.
        (7360.5, False, 0.0),
    ],
)
def test_power_is_zero_only_where_nothing_charges(
    rate: object, charging: bool | None, power: float | None
) -> None:
    found = device(REVISION_A | {"charge_rate_w": rate, "is_charging": charging})
    assert found.readings[Reading.POWER] == power


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({}, True),
        ({"is_charging": False}, True),
        ({"is_charging": False, "is_fully_charged": True}, True),
        ({"is_pause_power_active": True}, False),
        ({"is_charging": False, "is_plugged_in": False}, True),
        ({"is_charging": None, "is_plugged_in": None}, True),
        ({"is_pause_power_active": None}, None),
        ({"is_authenticated": False}, None),
    ],
)
def test_whether_the_vehicle_may_charge(
    changes: dict[str, object], value: bool | None
) -> None:
    assert device(REVISION_A | changes).controls[Control.CHARGING].value is value


@pytest.mark.parametrize(
    ("state", "armed", "value"),
    [
        ("ongoing", False, True),
        ("requested", False, True),
        ("unavailable", True, True),
        ("available", False, False),
        ("unavailable", None, False),
        (None, False, None),
        (None, True, True),
    ],
)
def test_a_boost_is_on_when_it_runs_or_is_armed(
    state: str | None, armed: bool | None, value: bool | None
) -> None:
    changes = {"boost_state": state, "boost_for_next_session": armed}
    assert device(REVISION_D | changes).controls[Control.BOOST].value is value


@pytest.mark.parametrize(
    ("until", "active", "paused", "shown"),
    [
        ("2025-03-03T06:00:00Z", True, True, True),
        ("2025-03-03T06:00:00Z", None, True, True),
        # A server that derives the flag may show it later than the end.
        ("2025-03-03T06:00:00Z", False, True, True),
        ("2025-03-02T06:00:00Z", False, False, False),
        ("2025-03-02T06:00:00Z", None, None, True),
        (None, True, True, False),
        (None, False, False, False),
    ],
)
def test_a_pause_is_told_by_its_end_and_without_one_by_its_flag(
    until: str | None, active: bool | None, paused: bool | None, shown: bool
) -> None:
    changes = {"pause_power_until": until, "is_pause_power_active": active}
    found = device(REVISION_A | changes | {"is_charging": False})
    assert found.readings[Reading.PAUSED] is paused
    paused_status = found.readings[Reading.STATUS] is ChargingStatus.PAUSED
    assert paused_status is bool(paused)
    assert (found.controls[Control.PAUSE_UNTIL].value is not None) is shown


def test_the_age_falls_back_on_the_older_stamp() -> None:
    found = device(REVISION_A | {"charge_state_last_updated_at": None})
    assert found.readings[Reading.LAST_UPDATE] == datetime(
        2025, 3, 2, 18, 19, 58, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("maker", "model", "name"),
    [
        ("Easee", "Home", "Easee Home"),
        ("Easee", "Easee Home", "Easee Home"),
        (None, "Home", "Home"),
        ("Easee", None, "Easee"),
    ],
)
def test_a_wallbox_is_named_by_maker_and_model(
    maker: str | None, model: str | None, name: str
) -> None:
    document = {"device_model": {"manufacturer": maker, "model": model}}
    assert name_of(Wallbox.decode(document)) == name
    assert name_of(Wallbox(id="0123456789")) == Name(
        key="charger", placeholders={"id": "01234567"}
    )


# Times


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2023-03-22T13:54:34.000Z", datetime(2023, 3, 22, 13, 54, 34, tzinfo=UTC)),
        ("2023-03-22T13:54:34+01:00", datetime(2023, 3, 22, 12, 54, 34, tzinfo=UTC)),
        ("2023-03-22T13:54:34", datetime(2023, 3, 22, 13, 54, 34, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("soon", None),
        ("", None),
        (6, None),
    ],
)
def test_times_are_read_as_utc(written: object, read: datetime | None) -> None:
    document = dict.fromkeys(("charge_deadline_at", "pause_power_until"), written)
    wallbox = Wallbox.decode(document)
    assert wallbox.charge_deadline_at == wallbox.pause_power_until == read


@pytest.mark.parametrize("ahead", [-2, 2])
def test_a_time_of_day_is_its_next_occurrence(ahead: int) -> None:
    due = NOW.astimezone() + timedelta(hours=ahead)
    found = device(REVISION_A | {"charge_deadline_at": f" {due:%H:%M} "})
    value = found.controls[Control.DEADLINE].value
    assert isinstance(value, datetime)
    assert timedelta(0) < value - NOW <= timedelta(days=1)
    assert f"{value.astimezone():%H:%M}" == f"{due:%H:%M}"


def test_times_are_written_in_utc() -> None:
    summer = datetime.fromisoformat("2025-07-01T08:00:00.5+02:00")
    assert utc(summer) == "2025-07-01T06:00:00Z"


# Drift


LIVE = {
    Reading.PLUG,
    Reading.CHARGING,
    Reading.FULLY_CHARGED,
    Reading.POWER,
    Reading.TIME_REMAINING,
    Reading.STATUS,
    Control.CHARGING,
}
MADE = {"name", "maker", "model"}

# What may change when a field is not what it was.
AFFECTED: dict[str, set[Any]] = {
    "device_model": MADE,
    "external_device_id": {"serial"},
    "connection_status": {Reading.CONNECTION_STATUS},
    "monitoring_status": {Reading.MONITORING_STATUS},
    "steering_status": {Reading.STEERING_STATUS},
    "pause_power_until": {Control.PAUSE_UNTIL},
    "is_pause_power_active": {
        Reading.PAUSED,
        Reading.STATUS,
        Control.CHARGING,
        Control.PAUSE_UNTIL,
    },
    "is_authenticated": LIVE | {Reading.LINKED},
    "is_smart_optimization_active": {Control.SMART_OPTIMISATION},
    "current_mode": {Reading.OPERATING_MODE},
    "actual_steering_state": {Reading.STEERING_STATE},
    "charge_target_min": {Control.TARGET_MINIMUM},
    "charge_target_max": {Control.TARGET_MAXIMUM},
    "charge_power_max_w": {Control.POWER_LIMIT},
    "is_charge_policy_enabled": {Control.CHARGE_POLICY},
    "minimum_charge_limit": {Control.DEADLINE_LEVEL},
    "charge_deadline_at": {Control.DEADLINE},
    "is_over_charge_allowed": {Control.OVER_CHARGE},
    "charge_time_remaining": {Reading.TIME_REMAINING},
    "charge_rate_w": {Reading.POWER},
    "is_fully_charged": {Reading.FULLY_CHARGED, Reading.STATUS},
    "is_plugged_in": {Reading.PLUG, Reading.STATUS},
    "is_charging": {Reading.CHARGING, Reading.STATUS, Reading.POWER},
    "charge_state_last_updated_at": {Reading.LAST_UPDATE},
    "consumption_last_day_kwh": {Reading.ENERGY_LAST_DAY},
    "consumption_last_week_kwh": {Reading.ENERGY_LAST_WEEK},
    "consumption_last_month_kwh": {Reading.ENERGY_LAST_MONTH},
    "needs_gateway": {Reading.NEEDS_GATEWAY},
    "price_zone": {Reading.PRICE_ZONE},
    "is_forecasting_enabled": {Reading.FORECASTING},
    "is_trading_enabled": {Reading.TRADING},
    "is_inverter_forced_mode_active": {Reading.INVERTER_FORCED_MODE},
    "is_inverter_forced_mode_enabled": {Reading.INVERTER_FORCED_MODE_ENABLED},
    "inverter_forced_mode_since": {Reading.INVERTER_FORCED_MODE_SINCE},
    "comment": {Reading.COMMENT},
    "building": {Reading.BUILDING},
    "created_at": {Reading.CREATED_AT},
    "updated_at": {Reading.UPDATED_AT},
    "charge_policy_last_updated_at": {Reading.CHARGE_POLICY_UPDATED_AT},
    "consumption_last_updated_at": {Reading.CONSUMPTION_UPDATED_AT},
    "last_monitoring_executed_at": {Reading.MONITORED_AT},
    "optimization_score": {Reading.OPTIMISATION_SCORE},
    "mode": {Reading.CLOUD_STATUS, Reading.STATUS},
    "connection": LIVE | {"online"},
    "boost_state": {Reading.BOOST_STATE, Control.BOOST, "commands"},
    "boost_for_next_session": {Control.BOOST},
    "action_needed": {Reading.ATTENTION_NEEDED},
    "lifecycle_state": {Reading.PROBLEM, Reading.ERROR_DETAIL},
    "lifecycle_error": {Reading.ERROR_DETAIL},
}

LEFT_OUT = LeftOut("podero")
WHOLE = REVISION_A | REVISION_D
# They remove a wallbox, or raise a repair: tests of their own.
ELSEWHERE = {"deleted_at", "actions"}


@pytest.mark.parametrize(
    "place",
    [place for place in leaves(WHOLE) if field_name(place) not in ELSEWHERE],
    ids=field_name,
)
def test_every_field_shows_or_is_left_out_for_a_reason(place: Place) -> None:
    """What changes in a wallbox, a user can see, or the documents say why not."""
    before = parts_of(device(WHOLE))
    words = ("dancing", "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "requested")
    others = (*words, 41, not value_at(WHOLE, place))
    after = [parts_of(device(changed(WHOLE, place, other))) for other in others]
    shows = any(before != other for other in after)
    assert shows is not LEFT_OUT.has(place)


def test_nothing_is_left_out_that_no_wallbox_has() -> None:
    assert LEFT_OUT.strange(WHOLE) == set()


def test_comment_fits_into_a_state() -> None:
    found = device(REVISION_A | {"comment": "x" * 300})
    assert found.readings[Reading.COMMENT] == "x" * 254 + "…"


MISSING = object()
VARIANTS = {
    "missing": MISSING,
    "null": None,
    "object": {"a": 1},
    "array": [1, "x"],
    "number": 42,
    "huge number": 10**400,
    "number in a string": "42",
    "word": "dancing",
    "empty string": "",
    "truth": True,
}


def parts_of(found: Device) -> dict[Any, Any]:
    """Take a device apart."""
    own = {
        key: getattr(found, key)
        for key in ("name", "maker", "model", "serial", "online", "commands")
    }
    return {**own, **found.readings, **found.controls}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("revision", "field"),
    [("A", field) for field in REVISION_A]
    + [("D", field) for field in REVISION_D if field not in REVISION_A],
)
def test_a_field_that_drifts_takes_nothing_else_along(
    revision: str, field: str, variant: str
) -> None:
    document = REVISION_A if revision == "A" else REVISION_D
    before = parts_of(device(document))
    drifted = dict(document)
    if VARIANTS[variant] is MISSING:
        del drifted[field]
    else:
        drifted[field] = VARIANTS[variant]
    after = parts_of(device(drifted))
    changed = {
        key
        for key in before.keys() | after.keys()
        if before.get(key, MISSING) != after.get(key, MISSING)
    }
    assert changed <= AFFECTED.get(field, set())


@pytest.mark.parametrize("field", ["device_type", "manufacturer", "model", "year"])
@pytest.mark.parametrize("value", [None, 42, [], {}, "x"])
def test_a_model_that_drifts_takes_nothing_else_along(
    field: str, value: object
) -> None:
    model = REVISION_A["device_model"] | {field: value}
    before = parts_of(device(REVISION_A))
    after = parts_of(device(REVISION_A | {"device_model": model}))
    assert {key for key in before if before[key] != after[key]} <= MADE


def test_strings_are_read_as_what_they_stand_for() -> None:
    typed = {
        key: str(value).lower() if isinstance(value, bool | int | float) else value
        for key, value in REVISION_D.items()
    }
    assert device(typed) == device(REVISION_D)


def test_everything_null_is_a_wallbox_that_knows_nothing() -> None:
    found = device(dict.fromkeys(REVISION_D))
    assert isinstance(found.name, Name)
    assert set(found.readings.values()) == {None}
    assert {state.value for state in found.controls.values()} == {None}
    assert found.readings.keys() == device(REVISION_D).readings.keys()


def test_extra_keys_are_passed_over() -> None:
    extra = {"keys": ["mode"], "is_ocpp_connected": True, "new": {"deep": [1]}}
    assert device(REVISION_A | extra) == device(REVISION_A)
