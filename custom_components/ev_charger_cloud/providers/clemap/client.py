"""CLEMAP's endpoints, Direct EVSE Control API."""

from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote

from aiohttp import ClientSession

from ...charging import AuthenticationError, PermissionDeniedError
from ..base import Settings
from ..transport import Limits, Transport
from .wire import Plug, Target, rejection

# Lower case as the documentation prints it, which prints everything in lower case.
_STATION = "/edgedevices/{edge_device_id}/evses/{evse_id}"
_STATUS = "/status"
_SETTINGS = "/currentsettings"

# No limits are published. A poll needs two requests a minute or four, a change about
# ten; this only stops what has gone wrong.
_LIMITS = Limits(requests=120, concurrency=2)
_TIMEOUT = 15.0


class Client:
    """One station's way to the cloud."""

    def __init__(self, session: ClientSession, settings: Settings) -> None:
        """Prepare requests with the station's token."""
        token, edge = settings["token"], settings["edge_device_id"]
        self._path = _STATION.format(
            edge_device_id=quote(edge, safe=""),
            evse_id=quote(settings["evse_id"], safe=""),
        )
        self._transport = Transport(
            session,
            settings["base_url"],
            limits=_LIMITS,
            headers={"evsetoken": token},
            secrets=(token, edge),
            timeout=_TIMEOUT,
        )
        self.answers: dict[str, Any] = {}

    async def status(self) -> list[Plug]:
        """GET …/status: a list with an object for each plug; A and W.

        The token is the station's own, so one without the right to read this is a
        wrong token: AuthenticationError. NotFoundError when an id is wrong.
        """
        try:
            body = await self._transport.get(self._path + _STATUS)
        except PermissionDeniedError as err:
            raise AuthenticationError(err.message, reason=err.reason) from err
        self.answers["status"] = body
        return Plug.read(body)

    async def target(self) -> Target:
        """GET …/currentsettings: the valid target (A) and until when it is valid."""
        body = await self._of_settings(
            self._transport.get(self._path + _SETTINGS), "target"
        )
        return Target.read(body)

    async def set_target(self, current: int, duration: int) -> str | None:
        """POST …/currentsettings {current: A, duration: s}, for all phases.

        Returns the cloud's words when it rejects the target, None when it received it.
        """
        body = {"current": current, "duration": duration}
        return rejection(
            await self._of_settings(
                self._transport.post(self._path + _SETTINGS, body), "set_target"
            )
        )

    async def reset_target(self) -> str | None:
        """DELETE …/currentsettings: drop the target; the previous one is returned.

        Returns the cloud's words when it rejects that.
        """
        return rejection(
            await self._of_settings(
                self._transport.request("DELETE", self._path + _SETTINGS),
                "reset_target",
            )
        )

    async def _of_settings(self, request: Awaitable[Any], name: str) -> Any:
        """Take a 401 for a missing right, since only the status judges the token."""
        try:
            self.answers[name] = body = await request
        except AuthenticationError as err:
            raise PermissionDeniedError(err.message, reason=err.reason) from err
        return body
