"""What a wallbox is asked for: settings in one request each, and boosts."""

from contextlib import suppress
from datetime import timedelta

from ...charging import (
    Boost,
    ChargingError,
    Command,
    CommandRefusedError,
    CommandResult,
    Control,
    ControlValue,
    NotSupportedError,
    Outcome,
    Pause,
    PermissionDeniedError,
    Refusal,
    Resume,
    SetChargePolicy,
    SetControl,
    StartCharging,
    StopCharging,
)
from ..base import Context
from .client import PoderoClient
from .devices import pause_active
from .settings_update import (
    RESUMED,
    Changes,
    bounded_by_others,
    check,
    differing,
    paused,
    policy,
    setting,
    written,
)
from .sync import WallboxSync
from .wire import Wallbox

# A pause needs an end; this one is as good as none.
STOP_FOR = timedelta(days=365)

_DONE = CommandResult(outcome=Outcome.COMPLETED)
_ACCEPTED = CommandResult(outcome=Outcome.ACCEPTED)


class Commands:
    """Sends commands, and keeps what their answers show."""

    def __init__(
        self, context: Context, client: PoderoClient, sync: WallboxSync
    ) -> None:
        """Send through the client."""
        self._context = context
        self._client = client
        self._sync = sync

    async def execute(self, command: Command) -> CommandResult:
        """Send a command; what is known beforehand never keeps it from being sent."""
        wallbox_id = command.device_id
        match command:
            case SetControl(control=control, value=value, duration=None):
                return await self._set(wallbox_id, control, value)
            case StartCharging():
                return await self._start(wallbox_id)
            case StopCharging():
                return await self._stop(wallbox_id)
            case Resume():
                return await self._change(wallbox_id, RESUMED)
            case Pause(until=until):
                return await self._change(wallbox_id, paused(until))
            case Boost():
                return await self._boost(wallbox_id)
            case SetChargePolicy():
                return await self._change(wallbox_id, policy(command))
        raise NotSupportedError(type(command).__name__)

    async def _set(
        self, wallbox_id: str, control: Control, value: ControlValue
    ) -> CommandResult:
        """Set one control."""
        if control is not Control.BOOST:
            return await self._change(wallbox_id, setting(control, value))
        if value:
            return await self._boost(wallbox_id)
        await self._client.cancel_boost(wallbox_id)
        return _DONE

    async def _start(self, wallbox_id: str) -> CommandResult:
        """Lift a pause, and boost unless the wallbox is seen to charge after that.

        A boost without a vehicle would be kept for its next session, which is more
        than was asked for: the boost control is there for that.
        """
        before = self._sync.known(wallbox_id)
        wallbox = await self._write(wallbox_id, RESUMED)
        if wallbox is None:
            with suppress(ChargingError):  # the pause is lifted all the same
                await self._sync.read(wallbox_id)
                wallbox = self._sync.known(wallbox_id)
        lifted = _outcome(RESUMED, wallbox)
        seen = wallbox or before
        if seen and seen.is_plugged_in is False:
            if wallbox and not (before and pause_active(before, self._context.now())):
                raise CommandRefusedError(reason=Refusal.NOT_CONNECTED)
            return lifted
        if wallbox and wallbox.is_charging and lifted is _DONE:
            return _DONE
        try:
            await self._client.boost(wallbox_id)
        except NotSupportedError:
            return lifted
        except CommandRefusedError as err:
            if err.reason != Refusal.ALREADY_CHARGING:
                raise
            return lifted
        return _ACCEPTED

    async def _stop(self, wallbox_id: str) -> CommandResult:
        """Pause without a foreseeable end, and end a boost, which may outdo a pause.

        Whether one runs is not asked: it may have begun since the last reading, and
        cancelling none is answered 204.
        """
        result = await self._change(wallbox_id, paused(self._context.now() + STOP_FOR))
        with suppress(NotSupportedError, PermissionDeniedError):
            await self._client.cancel_boost(wallbox_id)
        return result

    async def _boost(self, wallbox_id: str) -> CommandResult:
        """Charge at full rate, now or from the next plug-in on."""
        await self._client.boost(wallbox_id)
        wallbox = self._sync.known(wallbox_id)
        if wallbox and wallbox.is_plugged_in is False:
            return CommandResult(outcome=Outcome.DEFERRED)
        return _ACCEPTED

    async def _change(self, wallbox_id: str, changes: Changes) -> CommandResult:
        """Write settings; what the answer does not show yet, a later reading will."""
        return _outcome(changes, await self._write(wallbox_id, changes))

    async def _write(self, wallbox_id: str, changes: Changes) -> Wallbox | None:
        """Send settings that make sense, and take in what comes back.

        The answer is the newest observation of the wallbox; None where a server
        gives none (204).
        """
        known = self._sync.known(wallbox_id)
        if known is None and bounded_by_others(changes):
            await self._sync.read(wallbox_id)
            known = self._sync.known(wallbox_id)
        check(changes, known or Wallbox(), self._context.now())
        sent_at = self._context.monotonic()
        wallbox = await self._client.update(wallbox_id, written(changes))
        if wallbox is not None:
            self._sync.take(wallbox_id, wallbox, sent_at)
        return wallbox


def _outcome(changes: Changes, wallbox: Wallbox | None) -> CommandResult:
    """Judge an answer: servers derive, round and delay, so it never proves a refusal."""
    return _ACCEPTED if wallbox is None or differing(changes, wallbox) else _DONE
