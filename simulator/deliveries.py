"""Callbacks of the simulated clouds on their way to whoever asked for them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import ClientError, ClientSession, ClientTimeout

from .world import World

PATIENCE = 30.0
"""How long an answer is waited for, in real seconds."""

RETRIES = (5.0, 30.0, 120.0)
"""After how long a callback that was not taken is sent again, in simulated seconds."""


@dataclass(slots=True, kw_only=True)
class Delivery:
    """A callback; `status` is the last answer to it, None when there was none."""

    url: str
    body: bytes
    headers: Callable[[], Mapping[str, str]]
    tries: int = 0
    status: int | None = None

    @property
    def taken(self) -> bool:
        """Return whether it was answered as it should be."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def given_up(self) -> bool:
        """Return whether it was tried for the last time, in vain."""
        return not self.taken and self.tries > len(RETRIES)


class Deliveries:
    """All callbacks of a cloud: each is sent until it is taken, or given up."""

    def __init__(self, world: World) -> None:
        """Begin with none."""
        self._world = world
        self._session: ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.sent: list[Delivery] = []

    async def start(self) -> None:
        """Prepare to send."""
        self._session = ClientSession(timeout=ClientTimeout(total=PATIENCE))

    async def stop(self) -> None:
        """Send nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def send(
        self,
        url: str,
        body: bytes,
        headers: Callable[[], Mapping[str, str]],
        *,
        after: float = 0.0,
    ) -> Delivery:
        """Send a callback after some simulated seconds; headers are made anew each try."""
        delivery = Delivery(url=url, body=body, headers=headers)
        self.sent.append(delivery)
        self._later(after, delivery)
        return delivery

    async def arrived(self) -> None:
        """Wait until all that is due was answered."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _later(self, seconds: float, delivery: Delivery) -> None:
        """Try when so much simulated time has passed."""
        if seconds:
            self._world.call_later(seconds, lambda: self._try(delivery))
        else:
            self._try(delivery)

    def _try(self, delivery: Delivery) -> None:
        """Try now, unless the cloud is not there any more."""
        if self._session is None:
            return
        task = asyncio.ensure_future(self._post(self._session, delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _post(self, session: ClientSession, delivery: Delivery) -> None:
        """Post a callback, and see to it that it is tried again."""
        delivery.tries += 1
        try:
            async with session.post(
                delivery.url,
                data=delivery.body,
                headers={"Content-Type": "application/json", **delivery.headers()},
                allow_redirects=False,
            ) as response:
                delivery.status = response.status
        except ClientError, TimeoutError, OSError:
            delivery.status = None
        if not delivery.taken and delivery.tries <= len(RETRIES):
            self._later(RETRIES[delivery.tries - 1], delivery)
