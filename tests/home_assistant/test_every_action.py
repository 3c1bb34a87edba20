"""Every action at every cloud, with sensible, boundary and bad values.

A sensible value, and one on the bound, has its effect on the simulated hardware or
account. What is beyond it, bad, or not taken by the cloud ends in an error that names
the field, and nothing was sent that could change something.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import json
from pathlib import Path
import re
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
import pytest
import voluptuous as vol

from custom_components.ev_charger_cloud.charging import Control, Device
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.coordinator import ChargingCoordinator
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
from simulator.cloud import Cloud
from simulator.clouds.ampeco import Ampeco
from simulator.clouds.ampeco.model import CONFIGURATION
from simulator.clouds.amps import Amps
from simulator.clouds.podero import Podero
from simulator.faults import Fault
from simulator.world import Car, Connector

from . import test_contract
from .test_contract import ACCOUNTS, Account, Story
from .test_package import SERVICES, TEXTS

cloud = test_contract.cloud
story = test_contract.story
no_real_waits = test_contract.no_real_waits

ALL = "amps ampeco clemap plugchoice podero"
OPTIONS = {
    "ampeco": {"users": True, "user_actions": True, "resource_changes": True},
}
# A charger with one connector, where the first of the account has two.
STATIONS = {"ampeco": "CP-GN-002"}
KIM = "user771"
AWAKE = {"is_pause_power_active": False, "pause_power_until": None}
WATTS = 690  # of an ampere on three phases
LONG = "x" * 256
TOO_LONG = {"days": 30, "seconds": 1}


class Stage:
    """An account in Home Assistant, and a charger in the world behind it."""

    def __init__(self, story: Story, account: Account, cloud: Cloud) -> None:
        """Choose the charger."""
        self.story = story
        self.provider = account.provider
        self.cloud: Any = cloud
        name = STATIONS.get(account.provider, next(iter(cloud.stations)))
        self.connector: Connector = cloud.stations[name].connectors[0]
        self.device_id = ""
        self.answer: Any = None
        self.sent: Any = None
        self.exported = self.sessions = 0
        self.asked: list[tuple[str, str]] = []
        self.taken: list[tuple[str, str]] = []
        self.between = self.command = self.known = self.profile = self.page = ""

    @property
    def coordinator(self) -> ChargingCoordinator:
        """Return what the account runs on."""
        coordinator: ChargingCoordinator = self.story.entry.runtime_data
        return coordinator

    async def call(self, action: str, **fields: Any) -> Any:
        """Call an action, and keep what it returns."""
        kind = ACTIONS[action]
        if kind.aim == "account":
            where = {"config_entry_id": self.story.entry.entry_id}
        elif kind.aim == "driver" and self.provider == "ampeco":
            entry = self.coordinator.devices.entry_of(KIM)
            where = {"device_id": entry.id if entry else ""}
        else:
            where = {"device_id": self.device_id}
        self.answer = await self.story.home.services.async_call(
            DOMAIN,
            action,
            where | fields,
            blocking=True,
            return_response=kind.looks,
        )
        return self.answer

    async def call_for_answer(self, action: str, **fields: Any) -> Any:
        """Call an action at the charger, and return how it ended."""
        return await self.story.home.services.async_call(
            DOMAIN,
            action,
            {"device_id": self.device_id, **fields},
            blocking=True,
            return_response=True,
        )

    def forget(self) -> None:
        """Forget what was asked and answered until now."""
        self.asked.clear()
        self.taken.clear()
        self.answer = None
        self.sent = None

    async def listen(
        self, request: web.Request, answer: Awaitable[web.StreamResponse]
    ) -> web.StreamResponse:
        """Keep what may have changed something, and what the cloud took of it."""
        told = await answer
        if request.method != "GET" and "token" not in request.path:
            self.asked.append((request.method, request.path))
            if told.status < 400:
                self.taken.append((request.method, request.path))
                body = await request.read()
                self.sent = json.loads(body) if body else None
        return told

    # Situations

    async def find(self) -> None:
        """Find the charger by the car that is plugged in."""
        self.connector.plug_in(Car(soc=0.2, max_current=16.0, phases=3))

        def plugged() -> set[str]:
            return {
                str(plug.device_id)
                for plug in self.story.entities("binary_sensor", "plug")
                if self.story.home.states.get(plug.entity_id).state == "on"
            }

        await self.story.until(lambda: len(plugged()) == 1)
        (self.device_id,) = plugged()
        self.story.device_id = self.device_id

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and have the account read."""
        await self.story.pass_time(seconds)
        await self.coordinator.async_refresh()
        await self.story.home.async_block_till_done(wait_background_tasks=True)

    async def leave(self) -> None:
        """Have no car there, and nobody expected."""
        if self.connector.session is not None:
            self.connector.stop("Local")
        if self.connector.car is not None:
            self.connector.unplug()
        if self.connector.reserved_until:
            self.connector.cancel_reservation()
        for source in list(self.connector.limits):
            self.connector.set_limit(source, None)
        if isinstance(self.cloud, Ampeco):
            for profile in list(self.point.profiles):
                self.cloud.tenant.clear_profiles(self.point, {"id": profile.id})
        if isinstance(self.cloud, Podero):
            self.box.change({"charge_power_max_w": 11_000, **AWAKE})
        if isinstance(self.cloud, Amps):
            self.cloud.devices.caps[self.connector.station.id] = 11.0
            self.connector.max_power_w = None
            for each in self.cloud.actions:
                if each.state == "scheduled":
                    self.cloud.actions.cancel(each)
        await self.pass_time(30)

    async def plug(self) -> None:
        """Have a hungry car there, which is not charged where that takes a start."""
        await self.leave()
        self.connector.plug_in(Car(soc=0.2, max_current=32.0, phases=3))
        await self.pass_time(30)

    async def charge(self) -> None:
        """Have a car that charges."""
        await self.plug()
        if self.connector.power_w == 0:
            await self.story.call("switch", "turn_on", "charging")
        await self.until(lambda: self.connector.power_w > 1000)

    async def until(self, says: Callable[[], bool]) -> None:
        """Let a few minutes pass until the world is as it should be."""
        for _ in range(60):
            if says():
                return
            await self.story.pass_time(5)
        raise AssertionError("no effect")

    # What came of it

    @property
    def charger(self) -> Device:
        """Return the charger as it was last read."""
        device = self.coordinator.device_of(self.device_id)
        assert device is not None
        return device

    @property
    def charger_name(self) -> str:
        """Return what the charger is called."""
        return self.coordinator.name_of(self.charger)

    @property
    def session(self) -> Any:
        """Return the last session that an AMPECO tenant has of the charger."""
        return next(
            session
            for session in reversed(self.cloud.tenant.sessions.values())
            if session.evse.connector is self.connector
        )

    @property
    def point(self) -> Any:
        """Return the charge point of an AMPECO tenant."""
        points = self.cloud.tenant.charge_points.values()
        return next(p for p in points if p.station is self.connector.station)

    @property
    def box(self) -> Any:
        """Return Podero's wallbox."""
        boxes = self.cloud.wallboxes.values()
        return next(box for box in boxes if box.connector is self.connector)

    @property
    def wallbox(self) -> dict[str, Any]:
        """Return the settings of Podero's wallbox."""
        settings: dict[str, Any] = self.box.settings
        return settings

    @property
    def kim(self) -> Any:
        """Return the driver."""
        return self.cloud.resources["users"].items[771]

    def kept(self, kind: str) -> Any:
        """Return the newest object of a kind that an AMPECO tenant keeps."""
        return list(self.cloud.resources[kind].items.values())[-1]


type Effect = Callable[[Stage, Any], bool]
type Situation = Callable[[Stage], Awaitable[Any]]


@dataclass(frozen=True, kw_only=True)
class Field:
    """What may be given for a field, and what comes of it.

    `good` is sensible, `edge` just allowed, `bad` is refused. With a `control` what it
    shows as its bounds is tried too, in multiples of `by`, and what is beyond. `beside`
    is given with it, `instead_of` left out. A value that can be called is asked for when
    the situation is there.
    """

    at: str
    good: Any
    edge: tuple[Any, ...] = ()
    bad: tuple[Any, ...] = ()
    seen: Effect | None = None
    over: tuple[float, Effect] | None = None
    control: Control | None = None
    by: float = 1
    beside: Mapping[str, Any] = field(default_factory=dict)
    instead_of: str = ""


@dataclass(frozen=True, kw_only=True)
class Action:
    """An action: where it is taken, in what situation, and what comes of it.

    `needs` must be given; at some clouds that is something else.
    """

    at: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    ready: Situation = Stage.plug
    needs: Mapping[str, Any] = field(default_factory=dict)
    elsewhere: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    done: Callable[[Stage], bool] = lambda stage: True
    aim: str = "charger"
    looks: bool = False


def body(name: str) -> Effect:
    """Return whether a field of what was sent, and taken, holds a value."""

    def sent(stage: Stage, value: Any) -> bool:
        said = stage.sent[name]
        return bool(said == value or str(said) == str(value))

    return sent


WORDS = {
    "tx": "TxProfile",
    "tx_default": "TxDefaultProfile",
    "relative": "Relative",
    "daily": "Daily",
    "weekly": "Weekly",
    "watt": "W",
}


def flat(said: Any) -> dict[str, Any]:
    """Return all fields of a body, wherever they are, in snake case."""
    found: dict[str, Any] = {}
    for name, value in said.items():
        found[re.sub("([A-Z])", r"_\1", name).lower()] = value
        if isinstance(value, Mapping):
            found |= flat(value)
    return found


def profile(name: str) -> Effect:
    """Return whether a profile was sent with a value, and limits."""

    def sent(stage: Stage, value: Any) -> bool:
        said = flat(stage.sent or {})[name]
        return limited(stage, 10) and bool(said == WORDS.get(value, value))

    return sent


def profile_time(name: str) -> Effect:
    """Return whether a profile was sent with a time, and limits."""
    return lambda stage, value: (
        limited(stage, 10) and near(flat(stage.sent or {})[name], value)
    )


def periods(stage: Stage, value: Any) -> bool:
    """Return whether a profile was sent with these periods, and limits."""
    said = flat(stage.sent or {})["charging_schedule_period"]
    return limited(stage, 10) and [flat(each) for each in said] == value


def near(said: Any, wanted: datetime | str) -> bool:
    """Return whether a time is the wanted one; that was some minutes ago."""
    then = said if isinstance(said, datetime) else datetime.fromisoformat(said)
    if isinstance(wanted, str):
        wanted = datetime.fromisoformat(wanted)
    return abs(dt_util.as_utc(then) - dt_util.as_utc(wanted)) < timedelta(minutes=10)


def time_set(name: str) -> Effect:
    """Return whether a wallbox has a time as a setting."""
    return lambda stage, value: near(stage.wallbox[name], value)


def paused_for(stage: Stage, value: Any) -> bool:
    """Return whether charging is held back for a while."""
    until = dt_util.now() + cv.time_period(value)
    return resting(stage) and near(stage.wallbox["pause_power_until"], until)


def configured(stage: Stage, key: str) -> str | None:
    """Return what a station has for a key."""
    held = stage.point.configuration.items()
    return next((value for variable, value in held if variable.name == key), None)


def written(stage: Stage) -> str:
    """Return what is in a file."""
    return Path(stage.answer["file"]).read_text()


def first(stage: Stage) -> Any:
    """Return the first of a list of resources."""
    return stage.answer["resources"][0]


def some(stage: Stage) -> bool:
    """Return whether a filter leaves some sessions, not all."""
    found = len(stage.answer["sessions"])
    # Podero keeps no sessions of its own.
    return 0 < found < stage.sessions or stage.provider == "podero"


def told(name: str) -> Effect:
    """Return whether the answer has a value, at some place."""
    return lambda stage, value: str(value) in str(stage.answer[name])


def answered(name: str) -> Callable[[Stage], bool]:
    """Return whether an answer has something in a field."""
    return lambda stage: bool(stage.answer[name])


def limited(stage: Stage, amps: float) -> bool:
    """Return whether the charger is limited to a current."""
    return amps - 1 < stage.connector.limit <= amps


def powered(stage: Stage, watts: float) -> bool:
    """Return whether as much power flows as may, though a car takes no little."""
    flows = stage.connector.power_w
    if watts < 6 * WATTS:
        return flows == 0
    # No more than a little more than before, where cars and chargers end.
    return min(watts, 7000) - 1000 < flows <= watts + 1


def charging(stage: Stage) -> bool:
    """Return whether power flows."""
    return stage.connector.power_w > 1000


def resting(stage: Stage) -> bool:
    """Return whether nothing flows."""
    return stage.connector.power_w == 0


def scheduled(stage: Stage) -> list[Any]:
    """Return the commands that are put off."""
    return [each for each in stage.cloud.actions if each.state == "scheduled"]


def deferred(stage: Stage, value: Any) -> bool:
    """Return whether a command is put off for that long."""
    due = dt_util.now() + cv.time_period(value)
    return any(near(each.start, due) for each in scheduled(stage))


def setting(name: str) -> Effect:
    """Return whether a wallbox has a setting."""
    return lambda stage, value: bool(stage.wallbox[name] == value)


def later(**span: float) -> Callable[[Stage], str]:
    """Return a time from now, without a zone."""
    return lambda stage: (dt_util.now() + timedelta(**span)).strftime(
        "%Y-%m-%d %H:%M:%S"
    )


async def hold_back(stage: Stage) -> None:
    """Have a car that is not charged."""
    await stage.plug()
    if not resting(stage):
        await stage.story.call("switch", "turn_off", "charging")
    await stage.until(lambda: resting(stage))


async def charge_with_limit(stage: Stage) -> None:
    """Have a car charge, by less than it could."""
    await stage.charge()
    limit = {"power": 5520} if stage.provider in ("amps", "podero") else {"current": 8}
    await stage.story.home.services.async_call(
        DOMAIN,
        "set_charging_limit",
        {"device_id": stage.device_id, **limit},
        blocking=True,
    )
    await stage.until(lambda: 4000 < stage.connector.power_w < 5600)


async def charge_with_profile(stage: Stage) -> None:
    """Have a car charge by a profile."""
    await stage.charge()
    answer = await stage.call_for_answer(
        "set_charging_profile", periods=PERIODS, stack_level=2
    )
    stage.profile = answer["id"]
    await stage.until(lambda: limited(stage, 10))


async def pause(stage: Stage) -> None:
    """Have charging held back."""
    await stage.charge()
    await stage.call("pause_charging", duration="01:00:00")
    await stage.until(lambda: resting(stage))


async def reserve(stage: Stage) -> None:
    """Have the charger kept free."""
    await stage.leave()
    await stage.call("reserve", user_id="771")
    await stage.pass_time(30)


async def put_off(stage: Stage) -> None:
    """Have a start put off."""
    await stage.plug()
    await stage.call("start_charging", delay="00:30:00")
    assert scheduled(stage)


async def unsubscribed(stage: Stage) -> None:
    """Have the driver without a subscription."""
    stage.kim["subscriptionId"] = None
    for each in stage.cloud.resources["subscriptions"].items.values():
        each["status"] = "canceled"


async def hundred(stage: Stage) -> None:
    """Have the driver with a round balance."""
    stage.kim["balance"] = 100.0


async def disabled(stage: Stage) -> None:
    """Have the driver as no row wants them."""
    stage.kim["status"] = ""


async def delivered(stage: Stage) -> None:
    """Have a station with the configuration of its maker."""
    stage.point.configuration = dict(CONFIGURATION)


async def history(stage: Stage) -> None:
    """Have two sessions, an hour apart."""
    if stage.exported:
        return
    for _ in range(2):
        await stage.charge()
        for _ in range(10):
            await stage.pass_time(60)
        await stage.leave()
        for _ in range(10):
            await stage.pass_time(120)
        stage.between = stage.between or later()(stage)
        await stage.pass_time(1200)
    found = await stage.call_for_answer("export_sessions")
    stage.exported = len(found["sessions"])
    found = await stage.call_for_answer("get_sessions")
    stage.sessions = len(found["sessions"])


async def subscribed(stage: Stage) -> None:
    """Have the driver subscribed."""
    await stage.call("activate_subscription", plan_id="3", repeat=True)


async def earlier(stage: Stage) -> None:
    """Have a session, and a command that can be asked for."""
    await stage.plug()
    stage.command = (await stage.call_for_answer("start_charging"))["id"]
    await stage.until(lambda: charging(stage))
    await stage.pass_time(120)
    if stage.provider != "amps":
        found = await stage.call("get_sessions")
        stage.known = found["sessions"][0]["id"]


async def nothing(stage: Stage) -> None:
    """Leave things as they are."""


async def voucher(stage: Stage) -> None:
    """Have a voucher that nobody used."""
    stage.cloud.resources["vouchers"].items[901]["redeemedAt"] = None


async def partner(stage: Stage) -> None:
    """Have a partner that nobody needs."""
    stage.cloud.prices[17]["sun"] = [{"startsAt": "00:00", "endsAt": "00:00"}]
    partners = stage.cloud.resources["partners"].items
    for key in [key for key, item in partners.items() if item["name"] == "To go"]:
        del partners[key]
    stage.cloud.resources["partners"].create({"name": "To go"})


async def others(stage: Stage) -> None:
    """Have no partner, and no prices, as the rows want them."""
    partners = stage.cloud.resources["partners"].items
    for key in [key for key, item in partners.items() if item["name"] == "Others Ltd"]:
        del partners[key]
    partners[12]["name"] = "Example"
    stage.cloud.prices[17]["sun"] = [{"startsAt": "00:00", "endsAt": "00:00"}]


async def listed(stage: Stage) -> None:
    """Have a place in a list to go on from."""
    page = await stage.call("list_resources", resource="evses", limit=1)
    stage.page = page["next_page"]


FILE = {"file_name": "sessions"}
DATE_STYLES = {"iso": "%Y-%m-%d", "day_first": "%d.%m.%Y", "month_first": "%m/%d/%Y"}
PERIODS = [{"start_period": 0, "limit": 10}]
# Asked for, or refused, after an answer that was lost.
REPEAT = Field(at=ALL, good=True, bad=("perhaps", False))
TX = {"purpose": "tx"}

ACTIONS: Mapping[str, Action] = {
    "start_charging": Action(
        at=ALL,
        ready=hold_back,
        done=charging,
        fields={
            "id_token": Field(
                at="ampeco plugchoice",
                good="04A1B2C3D4",
                bad=("", "A" * 37),
                seen=lambda stage, value: (
                    bool(stage.connector.session)
                    and stage.connector.session.id_token == value
                    if stage.provider == "plugchoice"
                    else stage.session.token == value
                ),
            ),
            "user_id": Field(
                at="ampeco",
                good="771",
                bad=("", LONG, "Kim", "999"),
                seen=lambda stage, value: stage.session.user == int(value),
            ),
            "payment_method_id": Field(
                at="ampeco",
                good="pm-1",
                edge=("x" * 255,),
                bad=("", LONG),
                beside={"user_id": "771"},
                seen=body("paymentMethodId"),
            ),
            "session_key": Field(
                at="ampeco",
                good="visit-1",
                edge=("x" * 255,),
                bad=("", LONG),
                seen=lambda stage, value: stage.session.external == value,
            ),
            "current": Field(
                at="ampeco clemap plugchoice",
                good=10,
                bad=(-1, 0, 5, "ten", 1e300, ".nan"),
                control=Control.CURRENT_LIMIT,
                seen=lambda stage, value: charging(stage) and limited(stage, value),
            ),
            "delay": Field(
                at="amps",
                good="00:30:00",
                edge=({"days": 30},),
                bad=("soon", -5, TOO_LONG),
                seen=deferred,
            ),
        },
    ),
    "stop_charging": Action(
        at=ALL,
        ready=Stage.charge,
        done=resting,
        fields={
            "force": Field(
                at="ampeco",
                good=True,
                bad=("perhaps",),
                seen=lambda stage, value: (
                    resting(stage) and stage.sent["force"] is value
                ),
            ),
            "delay": Field(
                at="amps",
                good="00:30:00",
                edge=({"days": 30},),
                bad=("soon", -5, TOO_LONG),
                seen=deferred,
            ),
        },
    ),
    "set_charging_limit": Action(
        at=ALL,
        ready=charge_with_limit,
        needs={"current": 10},
        elsewhere={"amps": {"power": 6900}, "podero": {"power": 6900}},
        done=lambda stage: powered(stage, 6900),
        fields={
            "current": Field(
                at="ampeco clemap plugchoice",
                good=9,
                bad=(-1, 5, "ten", 1e300, ".inf"),
                control=Control.CURRENT_LIMIT,
                seen=limited,
                instead_of="power",
            ),
            "power": Field(
                at=ALL,
                good=6900,
                bad=(-1, "much", 1e300, ".nan", 400_000),
                control=Control.POWER_LIMIT,
                seen=powered,
                instead_of="current",
            ),
            "duration": Field(
                at="ampeco clemap plugchoice",
                good="01:00:00",
                edge=({"days": 30},),
                bad=("a while", -5, TOO_LONG),
                seen=lambda stage, value: limited(stage, 10),
                over=(3720, lambda stage, value: stage.connector.limit > 10),
            ),
        },
    ),
    "clear_charging_limit": Action(
        at="ampeco clemap plugchoice",
        ready=charge_with_limit,
        done=lambda stage: stage.connector.limit > 8,
    ),
    "cancel_scheduled": Action(
        at="amps",
        ready=put_off,
        done=lambda stage: not scheduled(stage),
        fields={
            "action_id": Field(
                at="amps",
                good=lambda stage: next(iter(stage.cloud.actions)).id,
                bad=("", LONG, "act_nobody"),
            )
        },
    ),
    "pause_charging": Action(
        at="podero",
        ready=Stage.charge,
        needs={"duration": "01:00:00"},
        done=resting,
        fields={
            "until": Field(
                at="podero",
                good=later(hours=3),
                bad=("soon", later(hours=-1)),
                seen=lambda stage, value: (
                    resting(stage) and near(stage.wallbox["pause_power_until"], value)
                ),
                instead_of="duration",
            ),
            "duration": Field(
                at="podero",
                good="02:00:00",
                edge=({"days": 30},),
                bad=("soon", -5, TOO_LONG),
                seen=paused_for,
            ),
        },
    ),
    "resume_charging": Action(at="podero", ready=pause, done=charging),
    "set_charge_policy": Action(
        at="podero",
        needs={"enabled": True},
        done=lambda stage: bool(stage.wallbox["is_charge_policy_enabled"]),
        fields={
            "enabled": Field(
                at="podero",
                good=False,
                edge=(True,),
                bad=("perhaps",),
                seen=setting("is_charge_policy_enabled"),
            ),
            "deadline": Field(
                at="podero",
                good=later(hours=9),
                bad=("soon", later(hours=-1)),
                seen=time_set("charge_deadline_at"),
            ),
            "deadline_level": Field(
                at="podero",
                good=75,
                edge=(0, 100),
                bad=(-1, 101, "full"),
                seen=setting("minimum_charge_limit"),
            ),
            "target_minimum": Field(
                at="podero",
                good=40,
                edge=(0,),
                bad=(-1, 101, 90, "some"),
                seen=setting("charge_target_min"),
            ),
            "target_maximum": Field(
                at="podero",
                good=90,
                edge=(100,),
                bad=(-1, 101, "all"),
                seen=setting("charge_target_max"),
            ),
            "power_limit": Field(
                at="podero",
                good=7000,
                edge=(22_000,),
                bad=(-1, 22_001, "much"),
                seen=setting("charge_power_max_w"),
            ),
        },
    ),
    "set_charging_profile": Action(
        at="ampeco plugchoice",
        ready=Stage.charge,
        needs={"periods": PERIODS},
        done=lambda stage: limited(stage, 10),
        fields={
            "periods": Field(
                at="ampeco plugchoice",
                good=[{"start_period": 0, "limit": 10, "number_phases": 3}],
                edge=([*PERIODS, {"start_period": 86_400, "limit": 6}],),
                bad=(
                    [],
                    "all day",
                    [{"limit": 10}],
                    [{"start_period": 5, "limit": 10}],
                    [*PERIODS, *PERIODS],
                    [{"start_period": 0, "limit": -1}],
                    [{"start_period": 0, "limit": 500}],
                    [{"start_period": 0, "limit": 10, "number_phases": 4}],
                ),
                seen=periods,
            ),
            "purpose": Field(
                at="ampeco plugchoice",
                good="tx",
                edge=("tx_default",),
                bad=("TxProfile",),
                seen=profile("charging_profile_purpose"),
            ),
            "kind": Field(
                at="ampeco plugchoice",
                good="relative",
                bad=("Relative",),
                seen=profile("charging_profile_kind"),
            ),
            "stack_level": Field(
                at="ampeco plugchoice",
                good=3,
                edge=(0,),
                bad=(-1, "high"),
                seen=profile("stack_level"),
            ),
            "rate_unit": Field(
                at="ampeco plugchoice",
                good="watt",
                bad=("W",),
                seen=profile("charging_rate_unit"),
                beside={"periods": [{"start_period": 0, "limit": 6900}]},
            ),
            "recurrency": Field(
                at="ampeco plugchoice",
                good="daily",
                edge=("weekly",),
                bad=("Daily", "yearly"),
                seen=profile("recurrency_kind"),
                beside={"kind": "recurring", "start_schedule": later(hours=-1)},
            ),
            "start_schedule": Field(
                at="ampeco plugchoice",
                good=later(hours=-1),
                bad=("soon",),
                seen=profile_time("start_schedule"),
                beside={"kind": "absolute"},
            ),
            "duration": Field(
                at="ampeco plugchoice",
                good=3600,
                edge=(86_400,),
                bad=(0, -1, "long"),
                seen=profile("duration"),
            ),
            "minimum_rate": Field(
                at="ampeco plugchoice",
                good=6.5,
                edge=(0,),
                bad=(-1, "low"),
                seen=profile("min_charging_rate"),
            ),
            "valid_from": Field(
                at="ampeco plugchoice",
                good=later(hours=-1),
                bad=("soon",),
                seen=profile_time("valid_from"),
            ),
            "valid_to": Field(
                at="ampeco plugchoice",
                good=later(hours=5),
                bad=("soon", later(hours=-9)),
                seen=profile_time("valid_to"),
                beside={"valid_from": later(hours=-1)},
            ),
            "profile_id": Field(
                at="plugchoice",
                good=4711,
                edge=(0,),
                bad=(-1, "mine"),
                seen=profile("charging_profile_id"),
            ),
        },
    ),
    "clear_charging_profile": Action(
        at="ampeco plugchoice",
        ready=charge_with_profile,
        done=lambda stage: stage.connector.limit > 10,
        fields={
            "profile_id": Field(
                at="ampeco plugchoice",
                good=lambda stage: int(stage.profile),
                bad=(-1, "mine"),
            ),
            "purpose": Field(
                at="ampeco plugchoice", good="tx_default", bad=("TxProfile",)
            ),
            "stack_level": Field(at="ampeco plugchoice", good=2, bad=(-1, "high")),
        },
    ),
    "reserve": Action(
        at="ampeco",
        ready=Stage.leave,
        needs={"user_id": "771"},
        done=lambda stage: stage.connector.reserved_until is not None,
        fields={
            "user_id": Field(
                at="ampeco",
                good="772",
                bad=("", LONG, "Kim", "999"),
                seen=lambda stage, value: (
                    stage.connector.reserved_until is not None
                    and list(stage.cloud.tenant.reservations.values())[-1].user
                    == int(value)
                ),
            ),
            "reason": Field(
                at="ampeco",
                good="Visitor at noon",
                edge=("x" * 255,),
                bad=("", LONG),
                seen=body("reason"),
            ),
        },
    ),
    "cancel_reservation": Action(
        at="ampeco",
        ready=reserve,
        done=lambda stage: stage.connector.reserved_until is None,
        fields={
            "reservation_id": Field(
                at="ampeco",
                good=lambda stage: str(list(stage.cloud.tenant.reservations)[-1]),
                bad=("", LONG, "999"),
            )
        },
    ),
    "trigger_message": Action(
        at="ampeco",
        needs={"message": "MeterValues"},
        done=lambda stage: stage.sent["type"] == "MeterValues",
        fields={
            "message": Field(
                at="ampeco",
                good="Heartbeat",
                bad=("", LONG, "Nonsense"),
                seen=body("type"),
            )
        },
    ),
    "set_configuration": Action(
        at="ampeco",
        ready=delivered,
        needs={"key": "HeartbeatInterval", "value": "60"},
        done=lambda stage: configured(stage, "HeartbeatInterval") == "60",
        fields={
            "key": Field(
                at="ampeco",
                good="ClockAlignedDataInterval",
                edge=("x" * 255,),
                bad=("", LONG),
                seen=lambda stage, value: configured(stage, value) == "60",
            ),
            "value": Field(
                at="ampeco",
                good="90",
                edge=("",),
                seen=lambda stage, value: (
                    configured(stage, "HeartbeatInterval") == value
                ),
            ),
            "component": Field(
                at="ampeco", good="Clock", bad=("", LONG), seen=body("componentName")
            ),
            "instance": Field(
                at="ampeco", good="Main", bad=("", LONG), seen=body("instance")
            ),
        },
    ),
    "sync_configuration": Action(
        at="ampeco",
        done=lambda stage: any("sync" in path for _, path in stage.taken),
        fields={
            "keys": Field(
                at="ampeco",
                good=["HeartbeatInterval"],
                edge=([],),
                bad=([""], [LONG]),
                seen=lambda stage, value: (
                    bool(stage.taken) and (stage.sent or {}).get("keys", []) == value
                ),
            )
        },
    ),
    "set_user_status": Action(
        at="ampeco",
        aim="driver",
        ready=disabled,
        needs={"enabled": False, "reason": "Card reported lost"},
        done=lambda stage: stage.kim["status"] == "disabled",
        fields={
            "enabled": Field(
                at="ampeco",
                good=True,
                edge=(False,),
                bad=("perhaps",),
                seen=lambda stage, value: (
                    stage.kim["status"] == ("enabled" if value else "disabled")
                ),
            ),
            "reason": Field(
                at="ampeco",
                good="Found",
                edge=("x" * 255,),
                bad=("", LONG),
                seen=body("reason"),
            ),
        },
    ),
    "activate_subscription": Action(
        at="ampeco",
        aim="driver",
        ready=unsubscribed,
        needs={"plan_id": "3", "repeat": True},
        done=lambda stage: stage.kept("subscriptions")["status"] == "active",
        fields={
            "plan_id": Field(
                at="ampeco",
                good="3",
                bad=("", LONG, "best", "999"),
                seen=lambda stage, value: (
                    stage.kim["subscriptionId"] == stage.kept("subscriptions")["id"]
                    and stage.kept("subscriptions")["planId"] == int(value)
                ),
            ),
            "end": Field(
                at="ampeco",
                good="2099-12-31 00:00:00",
                bad=("never", "2020-01-01 00:00:00"),
                seen=lambda stage, value: (
                    stage.kept("subscriptions")["endDate"][:10] == value[:10]
                ),
            ),
            "auto_renewal": Field(
                at="ampeco", good=True, bad=("perhaps",), seen=body("autoRenewal")
            ),
            "reason": Field(
                at="ampeco", good="Moved in", bad=("", LONG), seen=body("reason")
            ),
            "repeat": REPEAT,
        },
    ),
    "cancel_subscription": Action(
        at="ampeco",
        aim="driver",
        ready=subscribed,
        needs={"reason": "Moved away"},
        done=lambda stage: stage.kept("subscriptions")["status"] == "canceled",
        fields={
            "reason": Field(
                at="ampeco",
                good="Gone",
                edge=("x" * 255,),
                bad=("", LONG),
                seen=body("reason"),
            )
        },
    ),
    "add_balance": Action(
        at="ampeco",
        aim="driver",
        ready=hundred,
        needs={"amount": 20, "reason": "Paid in cash", "repeat": True},
        done=lambda stage: stage.kim["balance"] == 120,
        fields={
            "amount": Field(
                at="ampeco",
                good=12.5,
                edge=(-12.5, 100_000),
                bad=("much", 1e300, ".nan", 0, 100_000.01, -100_000.01),
                seen=lambda stage, value: stage.kim["balance"] == 100 + value,
            ),
            "reason": Field(
                at="ampeco", good="Goodwill", bad=("", LONG), seen=body("reason")
            ),
            "repeat": REPEAT,
        },
    ),
    "apply_fee": Action(
        at="ampeco",
        aim="driver",
        ready=hundred,
        needs={"amount": 1, "description": "Replacement card", "repeat": True},
        done=lambda stage: stage.kim["balance"] == 99,
        fields={
            "amount": Field(
                at="ampeco",
                good=2.5,
                edge=(0.01,),
                bad=("much", 1e300, ".nan", 0, -1, 100_000.01, 99_999),
                seen=lambda stage, value: stage.kim["balance"] == 100 - value,
            ),
            "description": Field(
                at="ampeco",
                good="Cable",
                bad=("", LONG),
                seen=lambda stage, value: (
                    stage.kept("transactions")["bankMessage"] == value
                ),
            ),
            "payment_method_id": Field(
                at="ampeco", good="pm-1", bad=("", LONG), seen=body("paymentMethodId")
            ),
            "repeat": REPEAT,
        },
    ),
    "redeem_voucher": Action(
        at="ampeco",
        aim="driver",
        ready=voucher,
        needs={"code": "WELCOME-10", "repeat": True},
        done=lambda stage: bool(
            stage.cloud.resources["vouchers"].items[901]["redeemedAt"]
        ),
        fields={
            "code": Field(
                at="ampeco",
                good="WELCOME-10",
                bad=("", LONG, "NONE"),
                seen=body("code"),
            ),
            "repeat": REPEAT,
        },
    ),
    "get_command": Action(
        at="amps ampeco plugchoice",
        ready=earlier,
        looks=True,
        needs={"action_id": lambda stage: stage.command},
        done=answered("outcome"),
        fields={
            "action_id": Field(
                at="amps ampeco plugchoice",
                good=lambda stage: stage.command,
                bad=("nobody",),
            )
        },
    ),
    "get_session": Action(
        at="ampeco plugchoice",
        ready=earlier,
        looks=True,
        needs={"session_id": lambda stage: stage.known},
        done=answered("id"),
        fields={
            "session_id": Field(
                at="ampeco plugchoice",
                good=lambda stage: stage.known,
                bad=("nobody",),
                seen=told("id"),
            )
        },
    ),
    "get_sessions": Action(
        at=ALL,
        ready=history,
        looks=True,
        done=lambda stage: len(stage.answer["sessions"]) == stage.sessions,
        fields={
            "start": Field(
                at=ALL,
                good=lambda stage: stage.between,
                bad=("once", later(hours=1)),
                seen=lambda stage, value: some(stage),
            ),
            "end": Field(
                at=ALL,
                good=lambda stage: stage.between,
                bad=("now",),
                seen=lambda stage, value: some(stage),
            ),
            "limit": Field(
                at=ALL,
                good=5,
                edge=(1, 500),
                bad=(0, 501, "all"),
                seen=lambda stage, value: (
                    len(stage.answer["sessions"]) == min(value, stage.sessions)
                ),
            ),
        },
    ),
    "get_charging_profiles": Action(
        at="ampeco plugchoice",
        ready=charge_with_profile,
        looks=True,
        done=answered("profiles"),
    ),
    "export_sessions": Action(
        at=ALL,
        ready=history,
        looks=True,
        done=lambda stage: len(stage.answer["sessions"]) == stage.exported,
        fields={
            "start": Field(
                at=ALL,
                good=lambda stage: stage.between,
                bad=("once", later(hours=1)),
                seen=lambda stage, value: (
                    0 < len(stage.answer["sessions"]) < stage.exported
                ),
            ),
            "end": Field(
                at=ALL,
                good=lambda stage: stage.between,
                bad=("now",),
                seen=lambda stage, value: (
                    0 < len(stage.answer["sessions"]) < stage.exported
                ),
            ),
            "format": Field(
                at=ALL,
                good="csv",
                edge=("json",),
                bad=("xml",),
                beside=FILE,
                seen=lambda stage, value: stage.answer["file"].endswith(f".{value}"),
            ),
            "decimal": Field(
                at=ALL,
                good="point",
                edge=("comma",),
                bad=(",",),
                beside={**FILE, "price": 0.3},
                seen=lambda stage, value: (
                    {"point": ",0.3,", "comma": ";0,3;"}[value] in written(stage)
                ),
            ),
            "date_style": Field(
                at=ALL,
                good="iso",
                edge=("day_first", "month_first"),
                bad=("dmy",),
                beside=FILE,
                seen=lambda stage, value: any(
                    f"{dt_util.now() - timedelta(hours=hours):{DATE_STYLES[value]}}"
                    in written(stage)
                    for hours in range(24)
                ),
            ),
            "price": Field(
                at=ALL,
                good=0.3,
                edge=(0, 1000),
                bad=(-0.1, 1000.1, "cheap"),
                seen=lambda stage, value: all(
                    each["cost"] == pytest.approx(each["energy_kwh"] * value)
                    for each in stage.answer["sessions"]
                ),
            ),
            "file_name": Field(
                at=ALL,
                good="sessions",
                edge=("x" * 100,),
                bad=("", "x" * 101),
                seen=lambda stage, value: (
                    f"/{value}.csv" in stage.answer["link"]
                    and str(stage.answer["sessions"][0]["session"]) in written(stage)
                ),
            ),
        },
    ),
    "list_resources": Action(
        at="ampeco",
        ready=listed,
        aim="account",
        looks=True,
        needs={"resource": "evses"},
        done=answered("resources"),
        fields={
            "resource": Field(
                at="ampeco",
                good="tariffs",
                bad=("", "spaceships", "Two words"),
                seen=lambda stage, value: first(stage)["id"] == 55,
            ),
            "parent_id": Field(
                at="ampeco",
                good="17",
                bad=("x" * 9,),
                seen=lambda stage, value: first(stage)["weekDay"],
                beside={"resource": "weekday_prices"},
            ),
            "filters": Field(
                at="ampeco",
                good={"chargePointId": "4022"},
                bad=("mine", {"chargePointId": []}, {"colour": "red"}),
                seen=lambda stage, value: len(stage.answer["resources"]) == 1,
            ),
            "include": Field(
                at="ampeco",
                good=["connectors"],
                bad=(["engine"], [{}]),
                seen=lambda stage, value: stage.answer["resources"][0]["connectors"],
            ),
            "limit": Field(
                at="ampeco",
                good=2,
                edge=(1, 100),
                bad=(0, 101, "all"),
                seen=lambda stage, value: (
                    len(stage.answer["resources"])
                    == min(value, len(stage.cloud.tenant.evses))
                ),
            ),
            "page": Field(
                at="ampeco",
                good=lambda stage: stage.page,
                bad=("elsewhere",),
                seen=lambda stage, value: first(stage)["id"] == 9002,
            ),
        },
    ),
    "get_resource": Action(
        at="ampeco",
        ready=nothing,
        aim="account",
        looks=True,
        needs={"resource": "evses", "resource_id": "9001"},
        done=lambda stage: stage.answer["resource"]["id"] == 9001,
        fields={
            "resource": Field(
                at="ampeco",
                good="charge_points",
                bad=("", "spaceships"),
                beside={"resource_id": "4021"},
                seen=lambda stage, value: stage.answer["resource"]["networkStatus"],
            ),
            "resource_id": Field(
                at="ampeco",
                good="9002",
                bad=("999",),
                seen=lambda stage, value: stage.answer["resource"]["id"] == int(value),
            ),
            "parent_id": Field(
                at="ampeco",
                good="17",
                bad=("999",),
                beside={"resource": "weekday_prices", "resource_id": "any"},
                seen=lambda stage, value: stage.answer["resource"]["periods"],
            ),
            "include": Field(
                at="ampeco",
                good=["connectors"],
                bad=(["engine"],),
                seen=lambda stage, value: stage.answer["resource"]["connectors"],
            ),
        },
    ),
    "create_resource": Action(
        at="ampeco",
        ready=others,
        aim="account",
        needs={"resource": "partners", "fields": {"name": "Others Ltd"}},
        done=lambda stage: stage.kept("partners")["name"] == "Others Ltd",
        fields={
            "resource": Field(
                at="ampeco", good="partners", bad=("", "spaceships", "sessions")
            ),
            "parent_id": Field(at="", good="1"),
            "fields": Field(at="ampeco", good={"name": "Others Ltd"}, bad=({}, "name")),
        },
    ),
    "update_resource": Action(
        at="ampeco",
        ready=others,
        aim="account",
        needs={
            "resource": "partners",
            "resource_id": "12",
            "fields": {"name": "Example Inc"},
        },
        done=lambda stage: (
            stage.cloud.resources["partners"].items[12]["name"] == "Example Inc"
        ),
        fields={
            "resource": Field(at="ampeco", good="partners", bad=("", "spaceships")),
            "resource_id": Field(at="ampeco", good="12", bad=("999",)),
            "parent_id": Field(
                at="ampeco",
                good="17",
                bad=("999",),
                beside={
                    "resource": "weekday_prices",
                    "resource_id": "sun",
                    "fields": {"periods": []},
                },
                seen=lambda stage, value: stage.cloud.prices[17]["sun"] == [],
            ),
            "fields": Field(
                at="ampeco",
                good={"name": "Example Inc"},
                bad=({}, "name"),
            ),
        },
    ),
    "delete_resource": Action(
        at="ampeco",
        ready=partner,
        aim="account",
        needs={
            "resource": "partners",
            "resource_id": lambda stage: str(stage.kept("partners")["id"]),
        },
        done=lambda stage: stage.kept("partners")["name"] != "To go",
        fields={
            "resource": Field(at="ampeco", good="partners", bad=("", "spaceships")),
            "resource_id": Field(
                at="ampeco",
                good=lambda stage: str(stage.kept("partners")["id"]),
                bad=("999",),
            ),
            "parent_id": Field(
                at="ampeco",
                good="17",
                bad=("999",),
                beside={"resource": "weekday_prices", "resource_id": "sun"},
                seen=lambda stage, value: "sun" not in stage.cloud.prices[17],
            ),
        },
    ),
}


def test_no_action_and_no_field_is_left_out() -> None:
    """A new action or field gets its values here."""
    assert {
        action: details["fields"].keys() - {"device_id", "config_entry_id"}
        for action, details in SERVICES.items()
    } == {action: kind.fields.keys() for action, kind in ACTIONS.items()}


def words_of(text: str) -> set[str]:
    """Return the words of a text, those too of which names are made, in singular."""
    text = re.sub("([A-Z])", r" \1", text).lower()
    return {word.rstrip("s") for word in re.findall(r"[a-z]+", text)}


def said(err: HomeAssistantError) -> str:
    """Return what a user reads; what a text names must be given."""
    assert err.translation_domain == DOMAIN, repr(err)
    text: str = TEXTS["exceptions"][err.translation_key]["message"]
    return text.format(**(err.translation_placeholders or {}))


def names(err: Exception, action: str, name: str) -> bool:
    """Return whether an error names a field: by its key, or as its form calls it."""
    if isinstance(err, vol.Invalid):
        errors = getattr(err, "errors", [err])
        return any(name in map(str, each.path) for each in errors)
    assert isinstance(err, HomeAssistantError), repr(err)
    label = TEXTS["services"][action]["fields"][name]["name"]
    told = words_of(said(err))
    return words_of(name) <= told or words_of(label) <= told


CLOUDS = {account.provider: account for account in ACCOUNTS if not account.pushed}


@pytest.fixture
def account(request: pytest.FixtureRequest) -> Account:
    """Return an account with all that can be switched on."""
    account = CLOUDS[request.param]
    options = account.options | OPTIONS.get(account.provider, {})
    return replace(account, options=options)


@pytest.fixture
async def stage(
    story: Story,
    account: Account,
    cloud: Cloud,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Stage:
    """Return the account with a car at its charger."""
    if isinstance(cloud, Ampeco):
        cloud.quirks.update(rate_limit=None, start_seconds=0.0, stop_seconds=0.0)
    story.home.config.media_dirs = {"local": str(tmp_path)}
    stage = Stage(story, account, cloud)
    dispatch = type(cloud).dispatch

    async def heard(
        self: Cloud, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        return await stage.listen(request, dispatch(self, request, handler))

    monkeypatch.setattr(type(cloud), "dispatch", heard)
    await stage.find()
    return stage


def given(stage: Stage, value: Any) -> Any:
    """Return a value as it is now."""
    if isinstance(value, Mapping):
        return {name: given(stage, inner) for name, inner in value.items()}
    return value(stage) if callable(value) else value


class Trial:
    """Tries values at an account, and notes what is not as it should be."""

    def __init__(self, stage: Stage, action: str) -> None:
        """Try an action."""
        self.stage = stage
        self.action = action
        self.kind = ACTIONS[action]
        self.wrong: list[str] = []

    def needs(self) -> dict[str, Any]:
        """Return what must be given at this cloud."""
        return dict(self.kind.elsewhere.get(self.stage.provider, self.kind.needs))

    async def takes(self, what: str, fields: Mapping[str, Any], seen: Any) -> None:
        """Call it, and look whether that had its effect."""
        stage = self.stage
        await self.kind.ready(stage)
        fields = given(stage, fields)
        stage.forget()
        if _already(seen):
            self.wrong.append(f"{what}={fields}: the effect is there before")
        try:
            await stage.call(self.action, **fields)
        except (vol.Invalid, HomeAssistantError) as err:
            self.wrong.append(f"{what}={fields} is refused: {_words(err)}")
            return
        try:
            await stage.until(seen)
        except (AssertionError, KeyError) as err:
            self.wrong.append(f"{what}={fields}: {err!r} {stage.answer}")

    async def refuses(self, name: str, fields: Mapping[str, Any]) -> None:
        """Call it, and look whether the error names the field and nothing was done."""
        stage = self.stage
        fields = given(stage, fields)
        stage.forget()
        try:
            await stage.call(self.action, **fields)
        except (vol.Invalid, HomeAssistantError) as err:
            if not names(err, self.action, name):
                self.wrong.append(f"{name}={fields[name]!r}: {_words(err)}")
            if stage.taken:
                self.wrong.append(f"{name}={fields[name]!r}, but {stage.taken}")
        else:
            self.wrong.append(f"{name}={fields[name]!r} is taken: {stage.taken}")

    async def field(self, name: str, about: Field) -> None:
        """Try the values of a field."""
        stage = self.stage
        needs = self.needs()
        if about.instead_of:
            needs.pop(about.instead_of, None)
        needs |= about.beside
        if stage.provider not in about.at.split():
            await self.kind.ready(stage)
            needs = {
                key: value for key, value in needs.items() if key not in about.beside
            }
            await self.refuses(name, needs | {name: about.good})
            if stage.asked:
                self.wrong.append(f"{name} is not taken, but {stage.asked}")
            return
        edges, beyond = list(about.edge), list(about.bad)
        bounds = self.bounds(about)
        edges += bounds
        if bounds:
            beyond += [bounds[0] - about.by, bounds[1] + about.by]
        if about is REPEAT:
            await self.lose()
        for value in (about.good, *edges):

            def seen(value: Any = value) -> bool:
                done = self.kind.done if about.seen is None else None
                if done is not None:
                    return done(stage)
                assert about.seen is not None
                return about.seen(stage, given(stage, value))

            await self.takes(name, needs | {name: value}, seen)
            if about.over and value is about.good:
                await self.ends(name, about, value)
        await self.kind.ready(stage)
        for value in beyond:
            await self.refuses(name, needs | {name: value})

    async def lose(self) -> None:
        """Have the answer lost: whether it took effect is not known."""
        await self.kind.ready(self.stage)
        # Drivers are read every five minutes; a change that shows counts as an effect.
        await self.stage.pass_time(400)
        fields = self.needs()
        del fields["repeat"]
        self.stage.cloud.faults.add(
            Fault(kind="drop", path="actions/users", method="POST")
        )
        with pytest.raises(HomeAssistantError) as caught:
            await self.stage.call(self.action, **given(self.stage, fields))
        assert caught.value.translation_key == "uncertain"

    async def ends(self, name: str, about: Field, value: Any) -> None:
        """Look whether what was for a while is over then."""
        assert about.over is not None
        seconds, gone = about.over
        for _ in range(int(seconds / 120)):
            await self.stage.story.pass_time(120)
        if not gone(self.stage, value):
            self.wrong.append(f"{name}={value} does not end")

    def bounds(self, about: Field) -> list[float]:
        """Return the bounds that the charger's own control shows."""
        if about.control is None:
            return []
        state = self.stage.charger.controls.get(about.control)
        if state and state.minimum is not None and state.maximum is not None:
            return [state.minimum, state.maximum]
        return []


def _already(seen: Callable[[], bool]) -> bool:
    """Return whether an effect is there before its action; it may not be readable."""
    try:
        return bool(seen())
    except IndexError, KeyError, StopIteration, TypeError:
        return False


def _words(err: Exception) -> str:
    return said(err) if isinstance(err, HomeAssistantError) else repr(err)


@pytest.mark.parametrize(
    ("account", "action"),
    [(cloud, action) for action in ACTIONS for cloud in ACTIONS[action].at.split()],
    indirect=["account"],
)
async def test_action(stage: Stage, action: str) -> None:
    """Try all values of all fields of an action at a cloud that takes it."""
    trial = Trial(stage, action)
    kind = trial.kind
    await trial.takes("needs", trial.needs(), lambda: kind.done(stage))
    for name, about in kind.fields.items():
        await trial.field(name, about)
    assert not trial.wrong, "\n" + "\n".join(trial.wrong)


@pytest.mark.parametrize("account", CLOUDS, indirect=True)
async def test_actions_that_a_cloud_does_not_take(stage: Stage) -> None:
    """The error names the charger, or the kind of object, and nothing is sent."""
    wrong = []
    for action, kind in ACTIONS.items():
        if stage.provider in kind.at.split():
            continue
        stage.forget()
        with pytest.raises(HomeAssistantError) as caught:
            await stage.call(action, **_simple(Trial(stage, action).needs()))
        text = said(caught.value)
        subject = (
            kind.needs["resource"] if kind.aim == "account" else stage.charger_name
        )
        if subject not in text or stage.asked:
            wrong.append(f"{action}: {text}")
    assert not wrong, "\n" + "\n".join(wrong)


def _simple(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields without what takes a situation."""
    return {name: "1" if callable(value) else value for name, value in fields.items()}
