"""How long an account may hold the event loop."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from itertools import batched
import time

_SHARE = 0.005  # s


class LoopShare:
    """An account's share of each turn of the event loop.

    All its long walks have this one share, so however many go on at once, they hold
    the loop for a few milliseconds a turn and not for that much each; they take turns.
    A short walk never waits.
    """

    def __init__(self) -> None:
        """Begin with nothing used."""
        self._used_up_at: float | None = None
        self._renewing = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def turn(self) -> None:
        """Wait until there is something left of the share."""
        loop = asyncio.get_running_loop()
        while self._used_up_at is not None:
            if time.perf_counter() < self._used_up_at:
                return
            waiter = loop.create_future()
            self._waiting.append(waiter)
            await waiter
        self._used_up_at = time.perf_counter() + _SHARE
        if not self._renewing:
            self._renewing = True
            loop.call_soon(self._renew)

    async def parts[T](
        self, items: Iterable[T], size: int
    ) -> AsyncIterator[tuple[T, ...]]:
        """Hand out items, so many at once, each time there is something left."""
        for part in batched(items, size, strict=False):
            await self.turn()
            yield part

    def _renew(self) -> None:
        """Give the share anew, in another turn of the loop, to who waits longest."""
        self._used_up_at = None
        self._renewing = bool(self._waiting)
        if self._waiting:
            waiter = self._waiting.popleft()
            # It may have been cancelled; then the next one is served next turn.
            if not waiter.done():
                waiter.set_result(None)
            asyncio.get_running_loop().call_soon(self._renew)
