"""The life of a poll and of a command."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
import logging
import time
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.device_registry import ChildDeviceInfo, DeviceInfo
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.storage import Store
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
    DeviceKind,
    Fleet,
    Notice,
    NoticeKind,
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
    SLICE,
    STORAGE_VERSION,
    TOLERATED_FAILURES,
    TOLERATED_SILENCE,
)
from .exceptions import command_failed, invalid, placeholders_of, translation_of
from .providers import PROVIDERS
from .providers.base import Context, Selection

_LOGGER = logging.getLogger(__name__)

type ChargerConfigEntry = ConfigEntry[ChargingCoordinator]


def memory_store(
    hass: HomeAssistant, entry: ChargerConfigEntry
) -> Store[dict[str, Any]]:
    """Return where an account's wishes outlive a restart."""
    return Store(hass, STORAGE_VERSION, f"{DOMAIN}.{entry.entry_id}", private=True)


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
        store: Store[dict[str, Any]],
        memory: dict[str, Any],
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
                memory=memory,
                remember=self._remember,
            )
        )
        self._store = store
        self._memory = memory
        self._unsaved = False
        self._prefix = entry.unique_id or entry.data[CONF_PROVIDER]
        self._pace = PACES[entry.options.get(CONF_PACE, DEFAULT_PACE)]
        self._interval = MINIMUM_INTERVAL
        self._failures = 0
        self._last_success = time.monotonic()
        # Whom the present update concerns; None is everybody.
        self._concerned: frozenset[str] | None = None
        self._offer_listeners: list[CALLBACK_TYPE] = []
        self._registered: dict[str, str] = {}
        self._pending: dict[tuple[str, Control], ControlValue] = {}
        self._latest: dict[tuple[str, Control], SetControl] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._follow_ups: dict[str, CALLBACK_TYPE] = {}
        entry.async_on_unload(self._cancel_follow_ups)

    # What outlives a restart.

    def _remember(self) -> None:
        """Have the wishes written soon."""
        self._unsaved = True
        self._store.async_delay_save(self._saved, 1)

    def _saved(self) -> dict[str, Any]:
        """Return the wishes to write."""
        self._unsaved = False
        return self._memory

    async def async_save_memory(self) -> None:
        """Write what is not written yet: who comes next reads it at once."""
        if self._unsaved:
            await self._store.async_save(self._saved())

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
            self._concerned = None
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
        self._report(poll.notices)
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
            and silent < TOLERATED_SILENCE.total_seconds()
        ):
            self.update_interval = wait
            self._concerned = frozenset()
            return self.data
        self.update_interval = self._interval
        self._concerned = None
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
        await self._register(changed, known)
        if not self.has_polled:
            self._forget_strangers(fleet)
        for device_id in gone:
            self._unregister(device_id)
        self._concerned = frozenset(
            {device.id for device in changed}
            | {device.id for device in fleet.values() if device.charging}
            | gone
        )
        for device in changed:
            self._settle(device)
        if gone or any(
            _offer(device) != _offer(known.get(device.id)) for device in changed
        ):
            self.data = fleet
            for listener in self._offer_listeners:
                listener()

    @callback
    @override
    def async_update_listeners(self) -> None:
        """Wake the entities of the devices that the update concerns."""
        concerned = self._concerned
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

    # The device registry.

    def unique_id(self, device_id: str) -> str:
        """Return the id of a device that is unique beyond its account."""
        return f"{self._prefix}_{device_id}"

    def device_info(self, device: Device) -> DeviceInfo | ChildDeviceInfo:
        """Describe a device to the registry."""
        identifiers = {(DOMAIN, self.unique_id(device.id))}
        if device.parent is not None and device.parent in self._registered:
            return ChildDeviceInfo(
                identifiers=identifiers,
                name=device.name,
                parent_device_id=self._registered[device.parent],
            )
        return DeviceInfo(
            identifiers=identifiers,
            name=device.name,
            manufacturer=device.maker or self.description.name,
            model=device.model,
            serial_number=device.serial,
            sw_version=device.firmware,
            suggested_area=device.area,
            configuration_url=device.url,
            entry_type=None
            if device.kind in (DeviceKind.CHARGER, DeviceKind.CONNECTOR)
            else dr.DeviceEntryType.SERVICE,
        )

    async def _register(self, devices: Iterable[Device], known: Fleet) -> None:
        """Bring the device registry up to date, parents before children."""
        registry = dr.async_get(self.hass)
        entry_id = self.config_entry.entry_id
        due = [
            device
            for device in devices
            if device.id not in self._registered
            or _identity(device) != _identity(known.get(device.id))
        ]
        due.sort(key=lambda device: device.parent is not None)
        for number, device in enumerate(due, 1):
            described = dict(self.device_info(device).items())
            register: Callable[..., dr.AnyDeviceEntry] = (
                registry.async_get_or_create_child
                if "parent_device_id" in described
                else registry.async_get_or_create
            )
            self._registered[device.id] = register(
                config_entry_id=entry_id, **described
            ).id
            if number % SLICE == 0:
                await asyncio.sleep(0)

    def _unregister(self, device_id: str) -> None:
        """Take a device that is surely gone out of the registry."""
        registry = dr.async_get(self.hass)
        if (entry_id := self._registered.pop(device_id, None)) and (
            registry.async_get(entry_id) is not None
        ):
            registry.async_remove_device(entry_id)

    def _forget_strangers(self, fleet: Fleet) -> None:
        """Remove what an earlier run registered and the account no longer has.

        The connectors of a charger that could not be read are left alone.
        """
        registry = dr.async_get(self.hass)
        entry_id = self.config_entry.entry_id
        ours = set(self._registered.values())
        unread = {
            self._registered[device.id] for device in fleet.values() if device.stale
        }
        for child in dr.async_child_entries_for_config_entry(registry, entry_id):
            if child.id not in ours and child.parent_device_id not in unread:
                registry.async_remove_device(child.id)
        for device in dr.async_entries_for_config_entry(registry, entry_id):
            if device.id not in ours:
                registry.async_remove_device(device.id)

    def device_of(self, registry_id: str) -> Device | None:
        """Return the device behind an entry of the device registry."""
        for device_id, entry_id in self._registered.items():
            if entry_id == registry_id:
                return self.data.get(device_id)
        return None

    # Repairs.

    def _report(self, notices: Iterable[Notice]) -> None:
        """Raise a repair issue for each notice, and end those that no longer stand."""
        entry = self.config_entry
        prefix = f"{entry.entry_id}_"
        standing = {}
        for notice in notices:
            about = notice.device_id or notice.subject
            standing[f"{prefix}{notice.kind}_{about}"] = notice
        registry = ir.async_get(self.hass)
        for domain, issue_id in list(registry.issues):
            if (
                domain == DOMAIN
                and issue_id.startswith(prefix)
                and issue_id not in standing
            ):
                ir.async_delete_issue(self.hass, DOMAIN, issue_id)
        for issue_id, notice in standing.items():
            # One of an earlier run is remembered, but not shown.
            known = registry.async_get_issue(DOMAIN, issue_id)
            if known is not None and known.active:
                continue
            fixable = notice.kind is NoticeKind.RELINK_REQUIRED and notice.link
            ir.async_create_issue(
                self.hass,
                DOMAIN,
                issue_id,
                is_fixable=fixable,
                severity=ir.IssueSeverity.WARNING,
                translation_key=(
                    f"{notice.kind}_link" if fixable else str(notice.kind)
                ),
                translation_placeholders={
                    "subject": notice.subject,
                    "account": entry.title,
                },
                data={"entry_id": entry.entry_id, "device_id": notice.device_id},
            )

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
            if self.shown(device, command.control) == command.value:
                return CommandResult(verdict=Verdict.COMPLETED)
            had_pending, before = key in self._pending, self._pending.get(key)
            self._pending[key] = command.value
            self._wake(device.id)
            try:
                return await self._perform(device, _concrete(command))
            except BaseException:
                if had_pending:
                    self._pending[key] = before
                else:
                    self._pending.pop(key, None)
                self._wake(device.id)
                raise

    async def _send(self, device: Device, command: Command) -> CommandResult:
        """Send a command when it is the charger's turn."""
        async with self._turn(device):
            return await self._perform(device, command)

    async def _perform(self, device: Device, command: Command) -> CommandResult:
        """Hand a command to the provider, and read the charger afterwards."""
        try:
            result = await self.provider.execute(command)
        except AuthenticationError as err:
            self.config_entry.async_start_reauth(self.hass)
            raise command_failed(err, device.name) from err
        except ChargingError as err:
            raise command_failed(err, device.name) from err
        await self._read(device.id)
        self._follow(device.id)
        return result

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

    async def _read(self, device_id: str) -> None:
        """Read one charger anew; the next poll will tell if that fails."""
        try:
            part = await self.provider.read(device_id)
        except AuthenticationError:
            self.config_entry.async_start_reauth(self.hass)
            return
        except ChargingError as err:
            _LOGGER.debug("Reading after a command failed: %s", err.reason)
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
        if step == len(FOLLOW_UPS):
            self._give_up(device_id)
            return
        before = FOLLOW_UPS[step - 1] if step else 0

        async def read_again(_: datetime) -> None:
            self._follow_ups.pop(device_id, None)
            if device_id in self.data:
                await self._read(device_id)
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

    def _unfollow(self, device_id: str) -> None:
        """End the watch over an earlier command."""
        if cancel := self._follow_ups.pop(device_id, None):
            cancel()

    def _cancel_follow_ups(self) -> None:
        """End all watches."""
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


def _identity(device: Device | None) -> object:
    """Return what the device registry shows of a device, to compare."""
    if device is None:
        return None
    return (
        device.name,
        device.parent,
        device.maker,
        device.model,
        device.serial,
        device.firmware,
        device.url,
    )
