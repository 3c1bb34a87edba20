"""The life of a poll and of a command."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
import logging
import time
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .charging import (
    AuthenticationError,
    ChargingError,
    Command,
    CommandResult,
    Control,
    ControlState,
    ControlValue,
    Device,
    Fleet,
    RateLimitedError,
    SetControl,
    StartCharging,
    StopCharging,
    Verdict,
)
from .const import (
    CONF_ALL_CHARGERS,
    CONF_CHARGERS,
    CONF_ENTITIES,
    CONF_GROUPS,
    CONF_PACE,
    CONF_PROVIDER,
    DEFAULT_PACE,
    DOMAIN,
    ENTITIES_AUTOMATIC,
    ENTITIES_ESSENTIAL,
    FOLLOW_UPS,
    LARGE_FLEET,
    MAXIMUM_INTERVAL,
    MINIMUM_INTERVAL,
    PACES,
    TOLERATED_FAILURES,
    TOLERATED_SILENCE,
)
from .devices import RegisteredDevices
from .exceptions import command_failed, invalid, placeholders_of, translation_of
from .memory import Memory
from .providers import PROVIDERS
from .providers.base import Context, Selection
from .repairs import report

_LOGGER = logging.getLogger(__name__)

type ChargerConfigEntry = ConfigEntry[ChargingCoordinator]


def selection_of(options: Mapping[str, Any]) -> Selection:
    """Return which chargers the user wants."""
    return Selection(
        everything=options.get(CONF_ALL_CHARGERS, True),
        chargers=frozenset(options.get(CONF_CHARGERS, ())),
        groups=frozenset(options.get(CONF_GROUPS, ())),
    )


class ChargingCoordinator(DataUpdateCoordinator[Fleet]):
    """Polls one account, wakes whom it concerns, carries out commands."""

    config_entry: ChargerConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ChargerConfigEntry,
        memory: Memory,
    ) -> None:
        """Prepare the provider of an entry."""
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=MINIMUM_INTERVAL,
        )
        self.description = PROVIDERS[entry.data[CONF_PROVIDER]]
        self.provider = self.description.factory(
            Context(
                session=async_get_clientsession(hass),
                settings={**entry.data, **entry.options},
                selection=selection_of(entry.options),
                memory=memory.content,
                remember=memory.remember,
            )
        )
        self.memory = memory
        self.devices = RegisteredDevices(hass, entry, self.description.name)
        self._pace = PACES[entry.options.get(CONF_PACE, DEFAULT_PACE)]
        self._interval = MINIMUM_INTERVAL
        self._failures = 0
        self._last_success = time.monotonic()
        # Whom the present update concerns; None is everybody.
        self._concerned: frozenset[str] | None = None
        self._offer_listeners: list[CALLBACK_TYPE] = []
        self._pending: dict[tuple[str, Control], ControlValue] = {}
        self._latest: dict[tuple[str, Control], SetControl] = {}
        self._lapsing: set[tuple[str, Control]] = set()
        self._turns: dict[str, asyncio.Lock] = {}
        self._follow_ups: dict[str, CALLBACK_TYPE] = {}
        self._unloaded = False
        entry.async_on_unload(self._unload)

    # The life of a poll.

    @property
    def has_polled(self) -> bool:
        """Tell whether there are data: before the first poll they are None."""
        return bool(self.data is not None)

    @property
    def essential_only(self) -> bool:
        """Tell whether only the essential entities are made."""
        wish = self.config_entry.options.get(CONF_ENTITIES, ENTITIES_AUTOMATIC)
        if wish == ENTITIES_AUTOMATIC:
            return len(self.data) > LARGE_FLEET
        return bool(wish == ENTITIES_ESSENTIAL)

    @override
    async def _async_update_data(self) -> Fleet:
        """Poll the account."""
        recovered = not self.last_update_success
        try:
            poll = await self.provider.poll()
        except AuthenticationError as err:
            raise ConfigEntryAuthFailed(
                translation_domain=DOMAIN,
                translation_key=translation_of(err),
                translation_placeholders=placeholders_of(err, self.name),
            ) from err
        except ChargingError as err:
            return self._bridge(err)
        self._failures = 0
        self._last_success = time.monotonic()
        interval = poll.interval * self._pace
        if poll.at_most is not None:
            interval = min(interval, poll.at_most)
        self._interval = max(MINIMUM_INTERVAL, interval)
        self.update_interval = self._interval
        report(self.hass, self.config_entry, poll.notices)
        await self._accept(poll.fleet)
        if recovered:
            self._concerned = None
        return poll.fleet

    def _bridge(self, err: ChargingError) -> Fleet:
        """Keep the last data through a short trouble, else report it.

        Polls are spread further with each failure, or as the cloud asks.
        """
        self._failures += 1
        # Past 2**10 there is nothing to spread, and in days of trouble an overflow.
        wait = min(self._interval * 2 ** min(self._failures, 10), MAXIMUM_INTERVAL)
        told_to_wait = isinstance(err, RateLimitedError)
        if isinstance(err, RateLimitedError) and err.retry_after is not None:
            wait = timedelta(seconds=max(err.retry_after, 1))
        silent = time.monotonic() - self._last_success
        if (
            self.has_polled
            and self.last_update_success
            and (told_to_wait or self._failures <= TOLERATED_FAILURES)
            and silent + wait.total_seconds() <= TOLERATED_SILENCE.total_seconds()
        ):
            self.update_interval = wait
            self._concerned = frozenset()
            return self.data
        self.update_interval = self._interval
        raise UpdateFailed(
            translation_domain=DOMAIN,
            translation_key=translation_of(err),
            translation_placeholders=placeholders_of(err, self.name),
            retry_after=wait.total_seconds(),
        ) from err

    async def _accept(self, fleet: Fleet) -> None:
        """Compare a fleet with the one known, device by device, and note the news."""
        known: Fleet = self.data or {}
        changed = [
            device
            for device in fleet.values()
            if (old := known.get(device.id)) is not device and old != device
        ]
        gone = known.keys() - fleet.keys()
        await self.devices.register(changed, known)
        if not self.has_polled:
            self.devices.remove_strangers(fleet)
        for device_id in gone:
            self.devices.remove(device_id)
            self._forget(device_id)
        for device in changed:
            self._settle(device)
        if gone or any(
            _offer(device) != _offer(known.get(device.id)) for device in changed
        ):
            self.data = fleet
            for listener in self._offer_listeners:
                listener()
        self._concerned = frozenset(
            {device.id for device in changed}
            | {device.id for device in fleet.values() if device.charging}
            | gone
        )

    @callback
    @override
    def async_update_listeners(self) -> None:
        """Wake the entities of the devices that the update concerns."""
        # Once: an update that fails unexpectedly names nobody and concerns everybody.
        concerned, self._concerned = self._concerned, None
        for update_callback, device_id in list(self._listeners.values()):
            if concerned is None or device_id in concerned:
                try:
                    update_callback()
                except Exception:  # one entity in trouble must not silence the rest
                    _LOGGER.exception("Unexpected error updating %s", device_id)

    @callback
    def async_add_offer_listener(self, listener: CALLBACK_TYPE) -> Callable[[], None]:
        """Call back when devices or what they offer come and go."""
        self._offer_listeners.append(listener)
        return lambda: self._offer_listeners.remove(listener)

    def device_of(self, registry_id: str) -> Device | None:
        """Return the device behind an entry of the device registry."""
        device_id = self.devices.device_id_of(registry_id)
        return None if device_id is None else self.data.get(device_id)

    # The life of a command.

    def shown(self, device: Device, control: Control) -> ControlValue:
        """Return a control's value: what was asked until the cloud has spoken."""
        if (device.id, control) in self._pending:
            return self._pending[device.id, control]
        state = device.controls.get(control)
        return None if state is None else state.value

    async def execute(self, command: Command) -> CommandResult:
        """Validate a command, send it, judge it and watch it take effect."""
        device = self._device(command.device_id)
        if not isinstance(command, SetControl):
            if type(command) not in device.commands:
                raise invalid("not_offered", subject=device.name)
            return await self._send(device, command)
        key = (device.id, command.control)
        self._validate(device, command)
        self._latest[key] = command
        async with self._turn(device):
            device = self._device(command.device_id)
            if self._latest.get(key) is not command:
                # A later wish for the same control is already waiting.
                return CommandResult()
            if (
                command.duration is None
                and key not in self._lapsing
                and self.shown(device, command.control) == command.value
            ):
                return CommandResult(verdict=Verdict.COMPLETED)
            had_pending, before = key in self._pending, self._pending.get(key)
            self._pending[key] = command.value
            self._wake(device.id)
            try:
                result = await self._perform(device, _concrete(command))
            except BaseException:
                if had_pending:
                    self._pending[key] = before
                else:
                    self._pending.pop(key, None)
                self._wake(device.id)
                raise
            # A value that lapses is not the same as one that lasts.
            if command.duration is None:
                self._lapsing.discard(key)
            else:
                self._lapsing.add(key)
            return result

    async def _send(self, device: Device, command: Command) -> CommandResult:
        """Send a command when it is the charger's turn."""
        async with self._turn(device):
            return await self._perform(device, command)

    async def _perform(self, device: Device, command: Command) -> CommandResult:
        """Hand a command to the provider, and read the charger afterwards."""
        result = await self.ask(device, self.provider.execute(command))
        await self.read(device.id)
        self._follow(device.id)
        return result

    async def ask[T](self, device: Device, answer: Awaitable[T]) -> T:
        """Await an answer of the provider; explain what goes wrong."""
        try:
            return await answer
        except AuthenticationError as err:
            self.config_entry.async_start_reauth(self.hass)
            raise command_failed(err, device.name) from err
        except ChargingError as err:
            raise command_failed(err, device.name) from err

    def _device(self, device_id: str) -> Device:
        """Return a device that commands can reach."""
        if (device := self.data.get(device_id)) is None:
            raise invalid("device_gone")
        return device

    def _turn(self, device: Device) -> asyncio.Lock:
        """Return the lock that lets one command at a time at a charger."""
        return self._turns.setdefault(device.parent or device.id, asyncio.Lock())

    def _validate(self, device: Device, command: SetControl) -> None:
        """Refuse what the device does not offer or cannot take."""
        state = device.controls.get(command.control)
        if state is None:
            raise invalid("not_offered", subject=device.name)
        value = command.value
        if isinstance(value, float | int) and not isinstance(value, bool):
            _check_bounds(state, float(value), device.name)
        if state.options and value not in state.options:
            raise invalid(
                "unknown_option", subject=device.name, options=", ".join(state.options)
            )

    async def read(self, device_id: str) -> None:
        """Read one charger anew; the next poll will tell if that fails."""
        try:
            part = await self.provider.read(device_id)
        except AuthenticationError:
            self.config_entry.async_start_reauth(self.hass)
            return
        except ChargingError as err:
            _LOGGER.debug("Reading after a command failed: %s", err.reason)
            return
        if self._unloaded or device_id not in self.data:
            return
        await self._accept({**self.data, **part})
        self.data = {**self.data, **part}
        self.async_update_listeners()

    def _settle(self, device: Device) -> None:
        """Drop pending values that the cloud has confirmed."""
        for control, state in device.controls.items():
            key = (device.id, control)
            if key in self._pending and self._pending[key] == state.value:
                del self._pending[key]

    def _wake(self, device_id: str) -> None:
        """Let the entities of one device show what is pending."""
        self._concerned = frozenset({device_id})
        self.async_update_listeners()

    def _follow(self, device_id: str, step: int = 0) -> None:
        """Read a charger again, and again, until what was asked shows."""
        self._unfollow(device_id)
        if self._unloaded or device_id not in self.data:
            return
        if step == len(FOLLOW_UPS):
            self._give_up(device_id)
            return
        before = FOLLOW_UPS[step - 1] if step else 0

        async def read_again(_: datetime) -> None:
            self._follow_ups.pop(device_id, None)
            if (device := self.data.get(device_id)) is None:
                return
            await self.read(device_id)
            # A command that came meanwhile has a watch of its own, or will have.
            async with self._turn(device):
                if device_id not in self._follow_ups:
                    self._follow(device_id, step + 1)

        self._follow_ups[device_id] = async_call_later(
            self.hass, FOLLOW_UPS[step] - before, read_again
        )

    def _give_up(self, device_id: str) -> None:
        """Show the cloud's truth though it is not what was asked."""
        pending = [key for key in self._pending if key[0] == device_id]
        for key in pending:
            del self._pending[key]
        if pending:
            self._wake(device_id)

    def _forget(self, device_id: str) -> None:
        """Drop what was asked of a device that is gone; it may return."""
        self._unfollow(device_id)
        for key in [key for key in self._pending if key[0] == device_id]:
            del self._pending[key]
        self._lapsing = {key for key in self._lapsing if key[0] != device_id}

    def _unfollow(self, device_id: str) -> None:
        """End the watch over an earlier command."""
        if cancel := self._follow_ups.pop(device_id, None):
            cancel()

    def _unload(self) -> None:
        """End all watches, those too whose reading is under way."""
        self._unloaded = True
        for device_id in list(self._follow_ups):
            self._unfollow(device_id)


def _concrete(command: SetControl) -> Command:
    """Turn the charging switch into what the field calls it."""
    if command.control is not Control.CHARGING:
        return command
    kind = StartCharging if command.value else StopCharging
    return kind(device_id=command.device_id)


def _check_bounds(state: ControlState, value: float, subject: str) -> None:
    """Refuse a number that is out of bounds."""
    low, high = state.minimum, state.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        raise invalid(
            "out_of_range",
            subject=subject,
            minimum="–" if low is None else f"{low:g}",
            maximum="–" if high is None else f"{high:g}",
        )


def _offer(device: Device | None) -> object:
    """Return what a device offers, to compare."""
    if device is None:
        return None
    return (
        device.readings.keys(),
        device.controls.keys(),
        device.commands,
        device.online is None,
    )
