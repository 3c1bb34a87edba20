"""One user of an organisation at Podero."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, override

from ...charging import (
    Command,
    CommandResult,
    Fleet,
    NotSupportedError,
    Session,
    UnusableAnswerError,
)
from ..base import Account, Candidate, Context, Poll, Provider, Selection
from ..wire import link, oddities
from .client import PoderoClient
from .commands import Commands
from .devices import name_of, wh
from .sync import LIST, SURPLUS, WallboxSync
from .wire import SurplusSession, User

_PAGE = 200  # surplus sessions, the most the cloud gives at once
_PAGES = 25


class PoderoProvider(Provider):
    """One user's wallboxes."""

    def __init__(self, context: Context) -> None:
        """Begin with nothing known."""
        super().__init__(context)
        self._client = PoderoClient(context)
        self._sync = WallboxSync(context, self._client)
        self._commands = Commands(context, self._client, self._sync)

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
            found = await self._sync.find(Selection())
        except NotSupportedError:
            return []
        return [
            Candidate(
                id=wallbox_id,
                name=f"{name_of(wallbox)} ({wallbox.external_device_id or wallbox_id[:8]})",
            )
            for wallbox_id, (wallbox, _) in found.wallboxes.items()
        ]

    @override
    async def poll(self) -> Poll:
        """Read all wallboxes in one request, and what else is due."""
        return await self._sync.poll()

    @override
    async def read(self, device_id: str) -> Fleet:
        """Read the detail of one wallbox."""
        return await self._sync.read(device_id)

    @override
    async def execute(self, command: Command) -> CommandResult:
        """Send a command; the answer of the cloud is kept as the newest observation."""
        return await self._commands.execute(command)

    @override
    async def sessions(
        self, device_id: str, start: datetime, end: datetime, limit: int
    ) -> Sequence[Session]:
        """List the solar-surplus sessions: no others are kept, their energy is solar.

        Source: GET …/hems-sessions, which knows UTC days only and states no order.
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
            if len(found) >= limit and _newest_first(answer.items):
                break
        found.sort(key=lambda session: session.started_at or start, reverse=True)
        return found[:limit]

    @override
    async def relink_url(self, device_id: str) -> str:
        """Have the cloud open a session in which the owner can log in to the maker."""
        address = (await self._client.auth_session(device_id)).authentication_url
        known = link(address)
        if not address or not known or known.scheme not in ("https", "http"):
            raise UnusableAnswerError("no address to link at", reason="no_address")
        return address

    @override
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the last answers, and what is closed to the account."""
        closed = self._sync.access.closed
        return {
            "answers": self._client.answers,
            "access_token_seconds_left": self._client.tokens.seconds_left,
            "list_missing": LIST in closed,
            "surplus_forbidden": SURPLUS in closed,
            "waiting_for_relink": sorted(self._sync.to_relink),
            "oddities": oddities("Podero"),
        }


def _newest_first(items: Sequence[SurplusSession]) -> bool:
    """Return whether a page of several sessions descends, as its followers then do."""
    begins = [item.started_at for item in items if item.started_at]
    return len(begins) > 1 and all(one > other for one, other in pairwise(begins))


def _label(user: User) -> str:
    """Name a user for the person who chooses one."""
    name = f"{user.first_name or ''} {user.last_name or ''}".strip()
    return name or user.external_user_id or user.email or user.id or ""
