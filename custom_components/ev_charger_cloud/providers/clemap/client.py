"""CLEMAP's endpoints, Direct EVSE Control API."""

from collections.abc import Awaitable, Sequence
from functools import cached_property
from typing import Any

from ...charging import (
    AuthenticationError,
    CommandRefusedError,
    PermissionDeniedError,
    Refusal,
    UnusableAnswerError,
)
from ..base import Context
from ..transport import Limits, Transport
from ..wire import DecodeCache, segment
from .wire import Plug, Target, plug_list, rejection

# Lower case as the documentation prints it, which prints everything in lower case.
_STATION = "/edgedevices/{edge_device_id}/evses/{evse_id}"
_STATUS = "/status"
_SETTINGS = "/currentsettings"

# No limits are published. A poll needs two requests a minute or four, a change three;
# this only stops what has gone wrong.
_LIMITS = Limits(requests=120, concurrency=2)
_TIMEOUT = 15.0


class ClemapClient:
    """One station's endpoints, one method each.

    `answers` are the last ones as they came.
    """

    def __init__(self, context: Context) -> None:
        """Prepare requests with the station's token."""
        settings = context.settings
        token, edge = settings["token"], settings["edge_device_id"]
        self._context = context
        self._transport = Transport(
            context.session,
            settings["base_url"],
            limits=_LIMITS,
            headers={"evsetoken": token},
            secrets=(token, edge),
            timeout=_TIMEOUT,
            monotonic=context.monotonic,
        )
        self._decoded = DecodeCache(context.turn)
        self.answers: dict[str, Any] = {}

    async def status(self) -> tuple[Sequence[Plug], bool]:
        """GET …/status: a list with an object for each plug; A and W.

        The second value tells whether each of them could be read. The token is the
        station's own, so one without the right to read this is a wrong token:
        AuthenticationError. NotFoundError when an id is wrong.
        """
        try:
            body = await self._transport.get(self._path(_STATUS))
        except PermissionDeniedError as err:
            raise AuthenticationError(err.message, reason=err.reason) from err
        self.answers["status"] = body
        items = plug_list(body)
        plugs = await self._decoded.decode_all("status", items, Plug)
        if items and not plugs:
            raise UnusableAnswerError("no plug can be read", reason="unexpected_shape")
        return plugs, len(plugs) == len(items)

    async def target(self) -> Target | None:
        """GET …/currentsettings: the valid target (A) and until when it is valid.

        Returns None when the answer cannot be understood.
        """
        body = await self._settings("GET", "target")
        now = self._context.now()
        return self._decoded.decode("target", body, lambda raw: Target.read(raw, now))

    async def set_target(self, current: int, duration: int) -> None:
        """POST …/currentsettings {current: A, duration: s}, for all phases.

        Raises CommandRefusedError with the cloud's words when it rejects the target.
        """
        body = {"current": current, "duration": duration}
        self._accept(await self._settings("POST", "set_target", body=body))

    async def reset_target(self) -> None:
        """DELETE …/currentsettings: drop the target; the previous one is returned."""
        self._accept(await self._settings("DELETE", "reset_target"))

    async def _settings(self, method: str, name: str, **kwargs: Any) -> Any:
        """Take a 401 for a missing right, since only the status judges the token."""
        request: Awaitable[Any] = self._transport.request(
            method, self._path(_SETTINGS), **kwargs
        )
        try:
            self.answers[name] = body = await request
        except AuthenticationError as err:
            raise PermissionDeniedError(err.message, reason=err.reason) from err
        return body

    def _accept(self, body: Any) -> None:
        """Raise the cloud's no, which may come with any status."""
        if (words := rejection(body)) is not None:
            raise CommandRefusedError(
                self._transport.redact(words), reason=Refusal.REJECTED
            )

    def _path(self, of: str) -> str:
        """Return the path of one of the station's resources."""
        return self._station + of

    @cached_property
    def _station(self) -> str:
        """Return the path of the station."""
        settings = self._context.settings
        return _STATION.format(
            edge_device_id=segment(settings["edge_device_id"]),
            evse_id=segment(settings["evse_id"]),
        )
