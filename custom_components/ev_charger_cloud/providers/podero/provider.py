"""One user of an organisation at Podero."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import re
from typing import Any, override
from urllib.parse import urlsplit

from ...charging import (
    AuthenticationError,
    Boost,
    ChargingError,
    Command,
    CommandRefusedError,
    CommandResult,
    Control,
    ControlValue,
    Device,
    Fleet,
    Name,
    NotFoundError,
    Notice,
    NoticeKind,
    NotSupportedError,
    Outcome,
    Pause,
    PermissionDeniedError,
    RateLimitedError,
    Refusal,
    Resume,
    Session,
    SetChargePolicy,
    SetControl,
    StartCharging,
    StopCharging,
    UnusableAnswerError,
)
from ..base import Account, Candidate, Context, Poll, Provider, Selection
from ..records import Absences
from ..schedule import Schedule
from ..transport import redact
from ..wire import oddities
from .client import PoderoClient
from .devices import boosting, device_of, name_of, wh
from .settings_update import (
    RESUMED,
    Changes,
    check,
    differing,
    paused,
    policy,
    setting,
    written,
)
from .wire import SurplusSession, User, Wallbox

# The cloud learns of a change from the maker every 5 to 15 minutes.
INTERVAL = timedelta(seconds=60)
# A boost that was asked for shows within seconds.
BOOST_INTERVAL = timedelta(seconds=3)
BOOST_SPELL = timedelta(seconds=60)

ASK_AGAIN = timedelta(hours=1)  # after a feature was missing or forbidden
ACTIONS_EVERY = timedelta(minutes=15)
SURPLUS_EVERY = timedelta(seconds=60)

# A pause needs an end; this one is as good as none.
STOP_FOR = timedelta(days=365)

_PAGE = 200  # surplus sessions, the most the cloud gives at once
_PAGES = 25

_DONE = CommandResult(outcome=Outcome.COMPLETED)

_NO_SURPLUS = SurplusSession()

# Features that are left alone for a while once they were missing or forbidden.
_LIST = "list of wallboxes"
_SURPLUS = "surplus sessions"

_PRIVATE = frozenset(
    {
        "owner",
        "external_device_id",
        "authorization_url",
        "embeddable_url",
        "authentication_url",
        "resolution_link",
    }
)


class PoderoProvider(Provider):
    """One user's wallboxes."""

    def __init__(self, context: Context) -> None:
        """Begin with nothing known."""
        super().__init__(context)
        settings = context.settings
        self._client = PoderoClient(context)
        self._typed = _ids(settings.get("wallbox_ids"))
        self._with_surplus = bool(settings.get("surplus_sessions", False))
        self._schedule = Schedule(context.monotonic)
        self._wallboxes: dict[str, Wallbox] = {}
        self._fleet: Fleet = {}
        self._surplus: dict[str, SurplusSession] = {}
        self._to_relink: set[str] = set()
        self._boost_seen: dict[str, float] = {}
        self._absences = Absences(context.monotonic)
        self._observed_at: dict[str, float] = {}

    @override
    async def account(self) -> Account:
        """Read the user, or before one was chosen, the organisation's list."""
        settings = self.context.settings
        organisation = str(settings["org_id"])
        user_id = settings.get("user_id")
        if not user_id:
            await self._client.users()
            return Account(id=organisation, title="Podero")
        await self._client.user()
        # Entry titles get into logs, so no name of a person here.
        return Account(id=f"{organisation}/{user_id}", title=f"Podero {user_id[:8]}")

    @override
    async def subaccounts(self) -> Sequence[Candidate]:
        """List the users of the organisation."""
        users = await self._client.users()
        return [Candidate(id=user.id, name=_label(user)) for user in users if user.id]

    @override
    async def candidates(self) -> Sequence[Candidate]:
        """List the user's wallboxes; none where the cloud has no list of them."""
        try:
            wallboxes, _ = await self._everything()
        except NotSupportedError:
            return []
        return [
            Candidate(
                id=wallbox_id,
                name=f"{name_of(wallbox)} ({wallbox.external_device_id or wallbox_id[:8]})",
            )
            for wallbox_id, wallbox in wallboxes.items()
        ]

    @override
    async def poll(self) -> Poll:
        """Read all wallboxes in one request, and what else is due."""
        sent_at = self.context.monotonic()
        found, missed = await self._everything(self.context.selection)
        absent = self._fleet.keys() - found.keys() - missed
        believed = {key for key in absent if not self._absences.missed(key)}
        if believed and not found and not missed:
            # Where there were wallboxes, an empty list is a trouble of the cloud.
            raise UnusableAnswerError("no wallboxes any more", reason="empty_list")
        missed |= believed
        for key in found:
            self._absences.seen(key)
        self._wallboxes = found
        self._observed_at |= dict.fromkeys(found, sent_at)
        for wallbox_id, wallbox in self._wallboxes.items():
            self._note(wallbox_id, wallbox)
            await self._read_actions(wallbox_id, wallbox)
        await self._read_surplus()
        stale = {
            device.id: replace(device, stale=True)
            for device in self._fleet.values()
            if device.id in missed
        }
        self._fleet = stale | {
            wallbox_id: self._device(wallbox_id) for wallbox_id in self._wallboxes
        }
        return Poll(
            fleet=self._fleet, interval=self._interval(), notices=self._notices()
        )

    @override
    async def read(self, device_id: str) -> Fleet:
        """Read the detail of one wallbox."""
        sent_at = self.context.monotonic()
        wallbox = await self._client.wallbox(device_id)
        if wallbox.deleted_at:
            raise NotFoundError(reason="not_found")
        self._wallboxes = {**self._wallboxes, device_id: wallbox}
        self._observed_at[device_id] = sent_at
        self._note(device_id, wallbox)
        device = self._device(device_id)
        self._fleet = {**self._fleet, device_id: device}
        return {device_id: device}

    @override
    async def execute(self, command: Command) -> CommandResult:
        """Change settings in one request each, and see that the answer shows them."""
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

    @override
    async def sessions(
        self, device_id: str, start: datetime, end: datetime, limit: int
    ) -> Sequence[Session]:
        """List the solar-surplus sessions: no others are kept, their energy is solar.

        Source: GET …/hems-sessions, which knows UTC days only.
        """
        first, last = start.astimezone(UTC).date(), end.astimezone(UTC).date()
        found: list[Session] = []
        for page in range(_PAGES):
            answer = await self._client.surplus_sessions(
                device_id, first, last, limit=_PAGE, offset=page * _PAGE
            )
            found += [
                Session(
                    id=str(item.id),
                    device_id=device_id,
                    started_at=item.started_at,
                    ended_at=item.ended_at,
                    energy=wh(item.energy_from_solar_kwh),
                )
                for item in answer.items
                if item.id is not None
                and item.started_at
                and start <= item.started_at <= end
            ]
            if not answer.items or (page + 1) * _PAGE >= (answer.total or 0):
                break
        found.sort(key=lambda session: session.started_at or start, reverse=True)
        return found[:limit]

    @override
    async def relink_url(self, device_id: str) -> str:
        """Have the cloud open a session in which the owner can log in to the maker."""
        address = (await self._client.auth_session(device_id)).authentication_url
        if not address or urlsplit(address).scheme not in ("https", "http"):
            raise UnusableAnswerError("no address to link at", reason="no_address")
        return address

    @override
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the last answers without the owner, serial numbers and links."""
        return {
            "answers": redact(self._client.answers, _PRIVATE),
            "access_token_seconds_left": self._client.tokens.seconds_left,
            "list_missing": self._resting(_LIST),
            "surplus_forbidden": self._resting(_SURPLUS),
            "waiting_for_relink": sorted(self._to_relink),
            "oddities": oddities("Podero"),
        }

    # What is read

    async def _everything(
        self, selection: Selection = Selection()
    ) -> tuple[dict[str, Wallbox], frozenset[str]]:
        """Read the wanted wallboxes; the second value names those that failed."""
        if self._typed and self._resting(_LIST):
            return await self._one_by_one(selection)
        try:
            wallboxes, complete = await self._client.wallboxes()
        except NotSupportedError:
            if not self._typed:
                raise
            self._schedule.done(_LIST)
            return await self._one_by_one(selection)
        found = {
            wallbox.id.lower(): wallbox
            for wallbox in wallboxes
            if wallbox.id and selection.wants(wallbox.id.lower())
        }
        missed = frozenset() if complete else frozenset(self._fleet) - found.keys()
        return _existing(found), missed

    async def _one_by_one(
        self, selection: Selection
    ) -> tuple[dict[str, Wallbox], frozenset[str]]:
        """Read the typed-in wallboxes that are wanted."""
        found: dict[str, Wallbox] = {}
        failed: dict[str, ChargingError] = {}
        for wallbox_id in filter(selection.wants, self._typed):
            try:
                found[wallbox_id] = await self._client.wallbox(wallbox_id)
            except AuthenticationError, RateLimitedError:
                raise
            except NotFoundError:
                continue
            except ChargingError as err:
                failed[wallbox_id] = err
        if failed and not found:
            raise next(iter(failed.values()))
        return _existing(found), frozenset(failed)

    async def _read_actions(self, wallbox_id: str, wallbox: Wallbox) -> None:
        """Ask what the owner should do, which the list does not say."""
        what = f"actions of {wallbox_id}"
        if not wallbox.action_needed or "actions" in wallbox.keys:
            self._schedule.forget(what)
        elif self._schedule.due(what, ACTIONS_EVERY):
            self._schedule.done(what)
            try:
                self._note(wallbox_id, await self._client.wallbox(wallbox_id))
            except AuthenticationError, RateLimitedError:
                raise
            except ChargingError:
                return  # the list has all that the readings need

    async def _read_surplus(self) -> None:
        """Read the running surplus sessions, if wanted, allowed and due."""
        if not self._with_surplus:
            return
        self._surplus = {
            wallbox_id: self._surplus.get(wallbox_id, _NO_SURPLUS)
            for wallbox_id in self._wallboxes
        }
        for wallbox_id in self._surplus:
            what = f"surplus of {wallbox_id}"
            if self._resting(_SURPLUS) or not self._schedule.due(what, SURPLUS_EVERY):
                continue
            self._surplus[wallbox_id] = _NO_SURPLUS
            try:
                session = await self._client.current_surplus(wallbox_id)
            except AuthenticationError, RateLimitedError:
                raise
            except PermissionDeniedError:
                self._schedule.done(_SURPLUS)
            except ChargingError:
                continue
            else:
                self._surplus[wallbox_id] = session or _NO_SURPLUS
                self._schedule.done(what)

    def _note(self, wallbox_id: str, wallbox: Wallbox) -> None:
        """Remember what lasts longer than one answer."""
        if any(action.code == "reauthenticate" for action in wallbox.actions):
            self._to_relink.add(wallbox_id)
        elif "actions" in wallbox.keys or not wallbox.action_needed:
            self._to_relink.discard(wallbox_id)
        if wallbox.boost_state == "requested":
            self._boost_seen.setdefault(wallbox_id, self.context.monotonic())
        else:
            self._boost_seen.pop(wallbox_id, None)

    def _device(self, wallbox_id: str) -> Device:
        """Translate a wallbox that was read."""
        surplus = self._surplus.get(wallbox_id) if self._with_surplus else None
        device = device_of(wallbox_id, self._wallboxes[wallbox_id], surplus)
        return replace(device, observed_at=self._observed_at[wallbox_id])

    def _interval(self) -> timedelta:
        """Return how long nothing new is to be expected."""
        now = self.context.monotonic()
        boosting = any(
            now - seen < BOOST_SPELL.total_seconds()
            for seen in self._boost_seen.values()
        )
        return BOOST_INTERVAL if boosting else INTERVAL

    def _notices(self) -> tuple[Notice, ...]:
        """Return which wallboxes must be linked anew, and what is forbidden."""
        notices = [
            Notice(
                kind=NoticeKind.RELINK_REQUIRED,
                subject=name_of(wallbox),
                device_id=wallbox_id,
                link=True,
            )
            for wallbox_id, wallbox in self._wallboxes.items()
            if wallbox.is_authenticated is False or wallbox_id in self._to_relink
        ]
        if self._resting(_SURPLUS):
            notices.append(
                Notice(
                    kind=NoticeKind.PERMISSION_MISSING,
                    subject=Name(key="surplus_sessions"),
                )
            )
        return tuple(notices)

    def _resting(self, feature: str) -> bool:
        """Return whether a feature was missing or forbidden not long ago."""
        return not self._schedule.due(feature, ASK_AGAIN)

    # What is asked for

    async def _known(self, wallbox_id: str) -> Wallbox:
        """Return what was last read of a wallbox, or read it."""
        if wallbox_id not in self._wallboxes:
            await self.read(wallbox_id)
        return self._wallboxes[wallbox_id]

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
        """Lift a pause whatever is known of one, and boost unless it charges.

        A boost without a vehicle would be kept for its next session, which is more
        than was asked for: the boost control is there for that.
        """
        paused_before = (await self._known(wallbox_id)).is_pause_power_active
        wallbox = await self._write(wallbox_id, RESUMED)
        if wallbox.is_plugged_in is False and not paused_before:
            raise CommandRefusedError(reason=Refusal.NOT_CONNECTED)
        if wallbox.is_charging or wallbox.is_plugged_in is False:
            return _DONE
        try:
            return await self._boost(wallbox_id)
        except CommandRefusedError as err:
            if err.reason != Refusal.ALREADY_CHARGING:
                raise
        return _DONE

    async def _stop(self, wallbox_id: str) -> CommandResult:
        """End a boost, which may outdo a pause, and pause without a foreseeable end."""
        if boosting(await self._known(wallbox_id)) is not False:
            with suppress(NotSupportedError):
                await self._client.cancel_boost(wallbox_id)
        return await self._change(wallbox_id, paused(self.context.now() + STOP_FOR))

    async def _boost(self, wallbox_id: str) -> CommandResult:
        """Charge at full rate, now or from the next plug-in on."""
        plugged = (await self._known(wallbox_id)).is_plugged_in
        await self._client.boost(wallbox_id)
        return CommandResult(
            outcome=Outcome.DEFERRED if plugged is False else Outcome.ACCEPTED
        )

    async def _change(self, wallbox_id: str, changes: Changes) -> CommandResult:
        """Write settings; what the answer does not show yet, a later reading will."""
        wallbox = await self._write(wallbox_id, changes)
        return CommandResult() if differing(changes, wallbox) else _DONE

    async def _write(self, wallbox_id: str, changes: Changes) -> Wallbox:
        """Send settings that make sense, and take in what comes back.

        The answer is the newest observation of the wallbox. Servers derive, round and
        delay what they answer here, so it is no proof that a setting was ignored.
        """
        check(changes, await self._known(wallbox_id), self.context.now())
        sent_at = self.context.monotonic()
        wallbox = await self._client.update(wallbox_id, written(changes))
        if wallbox is None:
            wallbox = await self._client.wallbox(wallbox_id)
        self._wallboxes[wallbox_id] = wallbox
        self._observed_at[wallbox_id] = sent_at
        self._note(wallbox_id, wallbox)
        return wallbox


def _ids(typed: str | None) -> tuple[str, ...]:
    """Read the ids of wallboxes, separated by commas or blanks, each once."""
    return tuple(dict.fromkeys(re.findall(r"[^\s,;]+", (typed or "").lower())))


def _label(user: User) -> str:
    """Name a user for the person who chooses one."""
    name = f"{user.first_name or ''} {user.last_name or ''}".strip()
    return name or user.external_user_id or user.email or user.id or ""


def _existing(wallboxes: dict[str, Wallbox]) -> dict[str, Wallbox]:
    """Leave out what was deleted: later revisions keep it for a while."""
    return {key: box for key, box in wallboxes.items() if not box.deleted_at}
