"""Home Assistant as its own frontend sees it: HTTP and WebSocket APIs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import Any, Self

import aiohttp

from .errors import DemoError

OWNER = {"username": "demo", "password": "demo"}

_ANSWER_TIME = 60.0
_HUNG_UP = "Home Assistant has hung up."


@dataclass(frozen=True, slots=True)
class State:
    """The state of an entity."""

    value: str
    attributes: Mapping[str, Any]

    @property
    def known(self) -> bool:
        """Return whether there is a value."""
        return self.value not in ("unavailable", "unknown")

    @property
    def number(self) -> float | None:
        """Return the value as a number, None when it is none."""
        try:
            return float(self.value)
        except ValueError:
            return None

    def __str__(self) -> str:
        """Return the value with its unit."""
        unit = self.attributes.get("unit_of_measurement")
        return f"{self.value} {unit}" if unit and self.known else self.value


class Home:
    """A logged-in owner. `states` are kept up to date by events."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        """Prepare to talk to an address."""
        self.url = url
        self.states: dict[str, State] = {}
        self.tokens: Mapping[str, Any] = {}
        self._http = http
        self._listening: asyncio.Task[None]
        self._socket: aiohttp.ClientWebSocketResponse
        self._ids = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._changed = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def entered(cls, url: str) -> AsyncIterator[Self]:
        """Create the owner or log the owner in, and wait until all is set up."""
        async with aiohttp.ClientSession() as http:
            home = cls(http, url)
            await home._log_in()
            address = f"{url}/api/websocket"
            async with http.ws_connect(address, max_msg_size=0) as home._socket:
                await home._authenticate()
                home._listening = asyncio.create_task(home._listen())
                try:
                    await home._take_in()
                    yield home
                finally:
                    home._listening.cancel()
                    with suppress(asyncio.CancelledError):
                        await home._listening

    # HTTP

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the HTTP API and return the JSON it answers."""
        token = self.tokens.get("access_token")
        try:
            async with self._http.request(
                method,
                self.url + path,
                json=body,
                headers={"Authorization": f"Bearer {token}"} if token else None,
                timeout=aiohttp.ClientTimeout(_ANSWER_TIME),
            ) as response:
                if not response.ok:
                    said = (await response.text())[:500]
                    raise DemoError(f"{method} {path}: {response.status} {said}")
                return await response.json()
        except (aiohttp.ClientError, TimeoutError) as err:
            raise DemoError(
                f"{method} {path}: {str(err) or type(err).__name__}"
            ) from err

    async def _log_in(self) -> None:
        """Get tokens, by onboarding when there is no owner yet."""
        client = {"client_id": f"{self.url}/"}
        to_do = await self._onboarding_to_do()
        if "user" in to_do:
            owner = {**OWNER, **client, "name": "Demo", "language": "en"}
            answer = await self.request("POST", "/api/onboarding/users", owner)
            await self._get_tokens(answer["auth_code"], client)
        else:
            begin = {"handler": ["homeassistant", None], "redirect_uri": self.url}
            flow = await self.request("POST", "/auth/login_flow", client | begin)
            path = f"/auth/login_flow/{flow['flow_id']}"
            answer = await self.request("POST", path, client | OWNER)
            if "result" not in answer:
                raise DemoError("The owner's password is no longer the demo's.")
            await self._get_tokens(answer["result"], client)
        for step in to_do:
            if step != "user":
                body = client | {"redirect_uri": f"{self.url}/"}
                await self.request(
                    "POST",
                    f"/api/onboarding/{step}",
                    body if step == "integration" else {},
                )

    async def _onboarding_to_do(self) -> list[str]:
        """Return the steps of the onboarding that are left."""
        async with self._http.get(f"{self.url}/api/onboarding") as response:
            if response.status == HTTPStatus.NOT_FOUND:  # it was done in another run
                return []
            return [each["step"] for each in await response.json() if not each["done"]]

    async def _get_tokens(self, code: str, client: Mapping[str, str]) -> None:
        """Exchange a code for tokens."""
        form = {"grant_type": "authorization_code", "code": code, **client}
        async with self._http.post(f"{self.url}/auth/token", data=form) as response:
            response.raise_for_status()
            self.tokens = await response.json()

    # WebSocket

    async def command(self, kind: str, **fields: Any) -> Any:
        """Send a command and return its result."""
        if self._listening.done():
            raise DemoError(_HUNG_UP)
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "type": kind, **fields})
        try:
            async with asyncio.timeout(_ANSWER_TIME):
                return await answer
        finally:
            del self._answers[number]

    async def act(self, action: str, entity_id: str, **data: Any) -> None:
        """Perform an action on an entity."""
        domain, service = action.split(".")
        await self.command(
            "call_service",
            domain=domain,
            service=service,
            service_data=data,
            target={"entity_id": entity_id},
        )

    async def show(self, entity_id: str, value: Any, attributes: Any) -> None:
        """Show a state of a thing that no integration knows."""
        body = {"state": str(value), "attributes": attributes}
        await self.request("POST", f"/api/states/{entity_id}", body)

    async def until(self, look: Callable[[], bool]) -> None:
        """Look again with every change of a state until there is something to see."""
        while not look():
            changed = self._changed
            await changed.wait()

    async def stay(self) -> None:
        """Stay until Home Assistant hangs up, which it should not; raise then."""
        await asyncio.shield(self._listening)
        raise DemoError(_HUNG_UP)

    async def _authenticate(self) -> None:
        """Show the token."""
        await self._socket.receive_json()
        token = self.tokens["access_token"]
        await self._socket.send_json({"type": "auth", "access_token": token})
        if (await self._socket.receive_json())["type"] != "auth_ok":
            raise DemoError("Home Assistant does not accept its own token.")

    async def _listen(self) -> None:
        """Hand out answers and note changes of states."""
        async for raw in self._socket:
            message = raw.json()
            if message["type"] == "event":
                change = message["event"]["data"]
                self._note(change["entity_id"], change["new_state"])
                self._changed.set()
                self._changed = asyncio.Event()
            elif (answer := self._answers.get(message["id"])) and not answer.done():
                if message["success"]:
                    answer.set_result(message["result"])
                else:
                    answer.set_exception(DemoError(message["error"]["message"]))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(DemoError(_HUNG_UP))

    async def _take_in(self) -> None:
        """Learn all states, now and from now on, once everything is set up."""
        await self.command("subscribe_events", event_type="state_changed")
        while (await self.command("get_config"))["state"] != "RUNNING":
            await asyncio.sleep(0.1)
        for state in await self.command("get_states"):
            self._note(state["entity_id"], state)

    def _note(self, entity_id: str, state: Mapping[str, Any] | None) -> None:
        """Keep a state, or forget it."""
        if state is None:
            self.states.pop(entity_id, None)
        else:
            self.states[entity_id] = State(state["state"], state["attributes"])
