"""How long an account may hold the event loop."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import batched
import time

_SHARE = 0.005  # s


class LoopShare:
    """An account's share of each turn of the event loop.

    All its long walks have this one share, so however many go on at once, they hold
    the loop for a few milliseconds a turn and not for that much each. A short walk
    never waits.
    """

    def __init__(self) -> None:
        """Begin with nothing used."""
        self._used_up_at: float | None = None
        self._renewed = asyncio.Event()

    async def turn(self) -> None:
        """Wait until there is something left of the share."""
        while self._used_up_at is not None:
            if time.perf_counter() < self._used_up_at:
                return
            self._renewed.clear()
            await self._renewed.wait()
        self._used_up_at = time.perf_counter() + _SHARE
        asyncio.get_running_loop().call_soon(self._renew)

    async def parts[T](
        self, items: Iterable[T], size: int
    ) -> AsyncIterator[tuple[T, ...]]:
        """Hand out items, so many at once, each time there is something left."""
        for part in batched(items, size, strict=False):
            await self.turn()
            yield part

    def _renew(self) -> None:
        """Give the share anew, in another turn of the loop."""
        self._used_up_at = None
        self._renewed.set()
