"""The life of a command: checked, sent, watched, and how it ended.

Everything that is asked is sent, whatever is shown. Only a request that has not left
yet is overtaken by a later one for the same control, and its caller is told.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from datetime import datetime
import hashlib
import math
import time
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .charging import (
    PROFILE_ID,
    AuthenticationError,
    ChargingError,
    ChargingProfile,
    Command,
    CommandResult,
    Control,
    ControlState,
    ControlValue,
    Device,
    Event,
    EventKind,
    NotFoundError,
    Outcome,
    RateUnit,
    Reading,
    Refusal,
    SetChargingProfile,
    SetControl,
    StartCharging,
    StopCharging,
)
from .const import FOLLOW_UPS, MONEY_GUARD
from .coordinator import ChargingCoordinator, Observed
from .error_translation import command_failed, invalid, uncertain
from .providers.transport import command_lane

_UNITS = {
    Control.CURRENT_LIMIT: "A",
    Control.CIRCUIT_LIMIT: "A",
    Control.POWER_LIMIT: "W",
    Control.TARGET_MINIMUM: "%",
    Control.TARGET_MAXIMUM: "%",
    Control.DEADLINE_LEVEL: "%",
}
# The fields of actions by which the limits are set; others are named as they are.
_FIELDS = {Control.CURRENT_LIMIT: "current", Control.POWER_LIMIT: "power"}
_LOWEST_CURRENT = 6.0  # A: IEC 61851 knows nothing between 0 and this
_GUARDED = "uncertain"

type _Key = tuple[str, object]


@dataclass(slots=True, kw_only=True)
class _Watch:
    """The watch over one command that was sent; `sent_at` is monotonic.

    `reported` says that the cloud's word was taken for its end already.
    """

    key: _Key
    command: Command
    result: CommandResult
    sent_at: float
    before: Device
    reported: bool = False
    step: int = 0
    cancel: CALLBACK_TYPE | None = None


@dataclass(slots=True, kw_only=True)
class _Pending:
    """What was asked of a control and is not confirmed yet."""

    value: ControlValue
    sent_at: float = field(default=math.inf)


class CommandQueue:
    """Sends the commands of an account, one at a time at each charger."""

    def __init__(self, hass: HomeAssistant, coordinator: ChargingCoordinator) -> None:
        """Begin with nothing asked."""
        self._hass = hass
        self._coordinator = coordinator
        self._locks: dict[str, asyncio.Lock] = {}
        # Who waits or is being sent, in the order of asking, and what was sent last.
        self._waiting: dict[_Key, list[object]] = {}
        self._latest: dict[_Key, Command] = {}
        self._pending: dict[tuple[str, Control], _Pending] = {}
        self._watches: dict[_Key, _Watch] = {}
        self._closed = False
        coordinator.async_add_observation_listener(self._observe)
        coordinator.async_add_offer_listener(self._forget)

    def shown(self, device: Device, control: Control) -> ControlValue:
        """Return a control's value: what was asked until the cloud has spoken."""
        if (pending := self._pending.get((device.id, control))) is not None:
            return pending.value
        state = device.controls.get(control)
        return None if state is None else state.value

    async def execute(self, command: Command, *, repeat: bool = False) -> CommandResult:
        """Check a command, send it, and read what came of it at once.

        Returns how it ended; what becomes of one that was merely accepted is told by
        an event. Raises ServiceValidationError for what cannot be sent as it stands.
        """
        device = self._device(command.device_id)
        self._check(device, command)
        key = _key_of(command)
        waiting = self._waiting.setdefault(key, [])
        ticket = object()
        waiting.append(ticket)
        try:
            async with self._lock(device):
                device = self._device(command.device_id)
                if waiting[-1] is not ticket:
                    return self._finished(
                        command, CommandResult(outcome=Outcome.SUPERSEDED)
                    )
                if command.moves_money and not repeat:
                    # The answer to its like may have been lost while this one waited.
                    self._refuse_repetition(device, command)
                self._end_watch(key)
                if _control_of(command) is not None:
                    self._latest[key] = command
                result, sent_at = await self._send(device, command)
        finally:
            # One that is given up while it waits overtakes nobody.
            waiting.remove(ticket)
            if not waiting:
                del self._waiting[key]
        return await self._confirm(device, command, result, sent_at)

    async def request(self, command: Command) -> None:
        """Execute a command for an entity, which has no answer but an error."""
        raise_for(
            await self.execute(command),
            self._coordinator.name_of(self._device(command.device_id)),
        )

    async def _observe(self, observed: Observed) -> None:
        """Drop pending values that an observation made after sending confirms."""
        for (device_id, control), pending in list(self._pending.items()):
            device = self._coordinator.data.get(device_id)
            if (
                device_id in observed.seen
                and device is not None
                and (state := device.controls.get(control)) is not None
                and self._coordinator.observed_at(device_id) >= pending.sent_at
                and _same(state, pending.value)
            ):
                del self._pending[device_id, control]

    async def _forget(self, _: Collection[Device], gone: Collection[str]) -> None:
        """Drop what was asked of devices that are gone; they may return."""
        for key in [key for key in self._watches if key[0] in gone]:
            self._end_watch(key)
        for pending in [key for key in self._pending if key[0] in gone]:
            del self._pending[pending]
        for key in [key for key in self._latest if key[0] in gone]:
            del self._latest[key]

    def close(self) -> None:
        """End all watches, those too whose reading is under way."""
        self._closed = True
        for key in list(self._watches):
            self._end_watch(key)

    # Sending.

    async def _send(
        self, device: Device, command: Command
    ) -> tuple[CommandResult, float]:
        """Hand a command to the provider; an error becomes an outcome."""
        control = _control_of(command)
        pending: _Pending | None = None
        if control is not None:
            pending = _Pending(value=_value_of(command))
            self._pending[device.id, control] = pending
            self._coordinator.wake(device.id)
        sent, sent_at = dt_util.utcnow(), time.monotonic()
        try:
            with command_lane():
                result = await self._coordinator.provider.execute(_concrete(command))
        except ChargingError as err:
            self._withdraw(device.id, control)
            if isinstance(err, AuthenticationError):
                self._coordinator.doubt_credentials()
            result = CommandResult(
                outcome=Outcome.UNCERTAIN if err.uncertain else Outcome.REFUSED,
                reason=err.reason or None,
                message=err.message or None,
                error=err,
            )
            if err.uncertain and command.moves_money:
                await self._guard(command)
        except BaseException:
            self._withdraw(device.id, control)
            raise
        if pending is not None:
            pending.sent_at = sent_at
        return replace(result, sent_at=sent), sent_at

    def _withdraw(self, device_id: str, control: Control | None) -> None:
        """Show the truth again instead of what was asked."""
        if control is not None and (device_id, control) in self._pending:
            del self._pending[device_id, control]
            self._coordinator.wake(device_id)

    # Watching.

    async def _confirm(
        self, before: Device, command: Command, result: CommandResult, sent_at: float
    ) -> CommandResult:
        """Read the charger at once; keep a watch over what does not show yet."""
        if result.outcome is Outcome.REFUSED:
            return self._finished(command, result)
        with command_lane():
            await self._coordinator.read(command.device_id, since=sent_at)
        watch = _Watch(
            key=_key_of(command),
            command=command,
            result=result,
            sent_at=sent_at,
            before=before,
        )
        if result.outcome is Outcome.DEFERRED:
            # What is to come later is no reason to show it now.
            self._drop(watch)
            return self._finished(command, result)
        if self._shows(watch):
            result = replace(
                result, outcome=Outcome.COMPLETED, finished_at=dt_util.utcnow()
            )
            return self._finished(command, result)
        if result.outcome is Outcome.COMPLETED:
            watch.reported = True
            self._finished(command, result)
        # A later command for the same has a watch of its own.
        if not self._overtaken(command):
            self._follow(watch)
        return result

    def _shows(self, watch: _Watch) -> bool:
        """Return whether the effect of a command shows in what was read since."""
        coordinator = self._coordinator
        device_id = watch.command.device_id
        device = coordinator.data.get(device_id)
        if device is None or coordinator.observed_at(device_id) < watch.sent_at:
            return False
        control = _control_of(watch.command)
        if control is None:
            return device is not watch.before and device != watch.before
        state = device.controls.get(control)
        return state is not None and _same(state, _value_of(watch.command))

    def _follow(self, watch: _Watch) -> None:
        """Look again, and again, until what was asked shows."""
        if self._closed or watch.command.device_id not in self._coordinator.data:
            return
        if watch.step == len(FOLLOW_UPS):
            self._give_up(watch)
            return
        before = FOLLOW_UPS[watch.step - 1] if watch.step else 0
        self._watches[watch.key] = watch

        async def look_again(_: datetime) -> None:
            watch.cancel = None
            watch.step += 1
            ended = await self._look(watch)
            if self._watches.get(watch.key) is not watch:
                return
            del self._watches[watch.key]
            if not ended:
                self._follow(watch)

        watch.cancel = async_call_later(
            self._hass, FOLLOW_UPS[watch.step] - before, look_again
        )

    async def _look(self, watch: _Watch) -> bool:
        """Ask how far a command came; return whether its watch is over."""
        provider = self._coordinator.provider
        result, device_id = watch.result, watch.command.device_id
        with command_lane():
            if result.id is not None and provider.follows(result):
                try:
                    told = await provider.follow(device_id, result.id)
                except NotFoundError:
                    # What has no record is judged by its effect alone.
                    told = replace(result, id=None)
                except ChargingError:
                    return False
                watch.result = replace(told, sent_at=result.sent_at)
                if told.outcome is Outcome.REFUSED:
                    await self._coordinator.read(device_id, since=time.monotonic())
                    self._drop(watch)
                    self._finished(watch.command, watch.result)
                    return True
                if told.id is not None and provider.follows(told):
                    return False
            await self._coordinator.read(device_id, since=time.monotonic())
        if not self._shows(watch):
            return False
        if not watch.reported:
            self._finished(
                watch.command,
                replace(
                    watch.result,
                    outcome=Outcome.COMPLETED,
                    finished_at=dt_util.utcnow(),
                ),
            )
        return True

    def _give_up(self, watch: _Watch) -> None:
        """Show the cloud's truth though it is not what was asked, and say so."""
        self._drop(watch)
        if (
            _control_of(watch.command) is None
            or watch.reported
            or watch.result.outcome is Outcome.DEFERRED
        ):
            return
        device = self._coordinator.data.get(watch.command.device_id)
        unplugged = device is not None and device.readings.get(Reading.PLUG) is False
        starting = _value_of(watch.command) is True
        self._finished(
            watch.command,
            replace(
                watch.result,
                # A cloud may call completed what it merely passed on.
                outcome=Outcome.ACCEPTED,
                reason=Refusal.NOT_CONNECTED
                if unplugged and starting
                else Refusal.NOT_APPLIED,
            ),
        )

    def _drop(self, watch: _Watch) -> None:
        """Stop showing what a command asked for."""
        control, device_id = _control_of(watch.command), watch.command.device_id
        if control is not None and not self._overtaken(watch.command):
            self._withdraw(device_id, control)

    def _end_watch(self, key: _Key) -> None:
        """End the watch over an earlier command."""
        if (watch := self._watches.pop(key, None)) and watch.cancel:
            watch.cancel()

    @callback
    def _finished(self, command: Command, result: CommandResult) -> CommandResult:
        """Report how a command ended."""
        self._coordinator.report_events(
            [
                Event(
                    kind=EventKind.COMMAND_FINISHED,
                    device_id=command.device_id,
                    at=result.finished_at or dt_util.utcnow(),
                    command=name_of(command),
                    outcome=result.outcome,
                    reason=result.reason,
                )
            ]
        )
        return result

    def _overtaken(self, command: Command) -> bool:
        """Return whether something later was sent for the same control."""
        return self._latest.get(_key_of(command), command) is not command

    # Checking.

    def _device(self, device_id: str) -> Device:
        """Return a device that commands can reach."""
        if (device := self._coordinator.data.get(device_id)) is None:
            raise invalid("device_gone")
        return device

    def _lock(self, device: Device) -> asyncio.Lock:
        """Return the lock that is held while a command is sent to a charger."""
        return self._locks.setdefault(
            self._coordinator.charger_id(device), asyncio.Lock()
        )

    def _check(self, device: Device, command: Command) -> None:
        """Refuse what the device does not offer or cannot take, before it is sent."""
        subject = self._coordinator.name_of(device)
        for name, value in _given(command):
            if isinstance(value, float) and not math.isfinite(value):
                raise invalid("not_a_number", subject=subject, field=name)
        if isinstance(command, SetControl):
            self._check_control(device, command, subject)
            return
        honoured = device.commands.get(type(command))
        if honoured is None:
            raise invalid("not_offered", subject=subject)
        optional = [name for name, _ in _given(command, optional=True)]
        if isinstance(command, SetChargingProfile):
            optional += [
                PROFILE_ID if name == "id" else name
                for name, _ in _given(command.profile, optional=True)
            ]
        for name in optional:
            if name not in honoured:
                raise invalid("field_not_supported", subject=subject, field=name)
        if isinstance(command, StartCharging) and command.current is not None:
            low, high = _current_bounds(device)
            _check_bounds("current", command.current, low, high, "A", subject)
        if isinstance(command, SetChargingProfile):
            _check_profile(device, command, subject)

    def _check_control(self, device: Device, command: SetControl, subject: str) -> None:
        """Refuse a value that a control cannot take."""
        state = device.controls.get(command.control)
        if state is None:
            if command.control is Control.CURRENT_LIMIT and (
                Control.POWER_LIMIT in device.controls
            ):
                raise invalid("only_power", subject=subject)
            raise invalid("not_offered", subject=subject)
        if command.duration is not None and not state.timed:
            raise invalid("field_not_supported", subject=subject, field="duration")
        value = command.value
        name = _FIELDS.get(command.control, command.control)
        if isinstance(value, float | int) and not isinstance(value, bool):
            unit = _UNITS.get(command.control, "")
            low, high = state.minimum, state.maximum
            if not math.isfinite(value):
                raise invalid("not_a_number", subject=subject, field=name)
            _check_bounds(name, float(value), low, high, unit, subject)
        if state.options and value not in state.options:
            raise invalid(
                "unknown_option", subject=subject, options=", ".join(state.options)
            )

    # Money.

    async def _guard(self, command: Command) -> None:
        """Remember a request whose answer was lost, whatever happens to us."""
        guarded = self._coordinator.store.content.setdefault(_GUARDED, {})
        guarded[_digest(command)] = dt_util.utcnow().timestamp()
        self._coordinator.store.save()
        await self._coordinator.store.flush()

    def _refuse_repetition(self, device: Device, command: Command) -> None:
        """Refuse a request that may have taken effect a few minutes ago."""
        content = self._coordinator.store.content
        now = dt_util.utcnow().timestamp()
        span = MONEY_GUARD.total_seconds()
        guarded = {
            digest: at
            for digest, at in content.get(_GUARDED, {}).items()
            if 0 <= now - at < span
        }
        if guarded != content.get(_GUARDED, {}):
            content[_GUARDED] = guarded
            self._coordinator.store.save()
        if _digest(command) in guarded:
            raise invalid("money_uncertain", subject=self._coordinator.name_of(device))


def raise_for(result: CommandResult, subject: str) -> None:
    """Raise the translated error of an outcome that is a failure or may be one."""
    if result.outcome is Outcome.UNCERTAIN:
        raise uncertain(result, subject)
    if result.outcome is Outcome.REFUSED and result.error is not None:
        raise command_failed(result.error, subject)


def name_of(command: Command) -> str:
    """Return what a command is called: its class in snake case."""
    name = type(_concrete(command)).__name__
    words = "".join(f"_{each.lower()}" if each.isupper() else each for each in name)
    return words.lstrip("_")


def _control_of(command: Command) -> Control | None:
    """Return the control in which the effect of a command shows."""
    match command:
        case SetControl():
            return command.control
        case StartCharging(delay=None) | StopCharging(delay=None):
            return Control.CHARGING
    return None


def _value_of(command: Command) -> ControlValue:
    """Return the value that a control takes by a command."""
    return (
        command.value
        if isinstance(command, SetControl)
        else isinstance(command, StartCharging)
    )


def _key_of(command: Command) -> _Key:
    """Return what a later request of the same kind would overtake.

    A command that is no setting overtakes nothing: each of them is sent.
    """
    control = _control_of(command)
    return command.device_id, id(command) if control is None else control


def _concrete(command: Command) -> Command:
    """Turn the charging switch into what the field calls it."""
    if not isinstance(command, SetControl) or command.control is not Control.CHARGING:
        return command
    kind: Callable[..., Command] = StartCharging if command.value else StopCharging
    return kind(device_id=command.device_id)


def _same(state: ControlState, value: ControlValue) -> bool:
    """Return whether a control shows what was asked, rounded down at most a step."""
    shown = state.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return shown == value
    if not isinstance(shown, int | float):
        return False
    return shown == value or 0 <= value - shown < (state.step or 1)


def _given(
    of: Command | ChargingProfile, *, optional: bool = False
) -> list[tuple[str, Any]]:
    """Return the fields of a command that hold something, or only optional ones."""
    return [
        (each.name, value)
        for each in fields(of)
        if each.name != "device_id"
        and (value := getattr(of, each.name)) is not None
        and not (optional and (_required(each) or value == each.default))
    ]


def _required(each: Field[Any]) -> bool:
    """Return whether a field has no default."""
    return each.default is MISSING


def _current_bounds(device: Device) -> tuple[float, float | None]:
    """Return between what currents (A) a charger's hardware can be asked for."""
    state = device.controls.get(Control.CURRENT_LIMIT) or ControlState()
    low, high = state.minimum, state.maximum
    if high is None:
        made_for = device.readings.get(Reading.MAXIMUM_CURRENT)
        high = float(made_for) if isinstance(made_for, int | float) else None
    return max(low or 0.0, _LOWEST_CURRENT), high


def _check_bounds(
    name: str,
    value: float,
    low: float | None,
    high: float | None,
    unit: str,
    subject: str,
) -> None:
    """Refuse a number that is out of bounds."""
    if (low is not None and value < low) or (high is not None and value > high):
        raise invalid(
            "out_of_range",
            subject=subject,
            field=name,
            value=f"{value:g} {unit}".strip(),
            minimum="–" if low is None else f"{low:g}",
            maximum="–" if high is None else f"{high:g} {unit}".strip(),
        )


def _check_profile(device: Device, command: SetChargingProfile, subject: str) -> None:
    """Refuse a profile that allows more than the hardware is made for."""
    profile = command.profile
    if profile.rate_unit is RateUnit.AMPERE:
        _, high = _current_bounds(device)
    else:
        made_for = device.readings.get(Reading.MAXIMUM_POWER)
        high = float(made_for) if isinstance(made_for, int | float) else None
    for period in profile.periods:
        unit = profile.rate_unit.value
        _check_bounds("periods", period.limit, 0, high, unit, subject)


def _digest(command: Command) -> str:
    """Return what tells one request from another without saying what it was."""
    return hashlib.sha256(repr(command).encode()).hexdigest()
