"""What an account may do, learned from what its cloud forbids or does not have."""

from collections.abc import AsyncGenerator, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
import logging

from ..charging import (
    AuthenticationError,
    ChargingError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
)

_LOGGER = logging.getLogger(__name__)

ASK_AGAIN = 3600.0
"""After how long (s) a closed endpoint is tried again."""


class Access[KeyT: Hashable]:
    """Remembers which endpoints are forbidden or missing, and tries again in an hour.

    `generation` changes whenever one is closed, for another cause, or opened.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Begin with everything open."""
        self._monotonic = monotonic
        self._closed: dict[KeyT, tuple[float, bool]] = {}
        self.generation = 0

    def allows(self, endpoint: KeyT) -> bool:
        """Return whether an endpoint is open, as far as is known."""
        closed = self._closed.get(endpoint)
        if closed is None:
            return True
        if self._monotonic() - closed[0] < ASK_AGAIN:
            return False
        self.open(endpoint)
        return True

    def close(self, endpoint: KeyT, *, forbidden: bool = True) -> None:
        """Leave an endpoint alone for a while: forbidden, or not there."""
        known = self._closed.get(endpoint)
        if known is None or known[1] is not forbidden:
            self.generation += 1
        self._closed[endpoint] = self._monotonic(), forbidden

    def open(self, endpoint: KeyT) -> None:
        """Note that an endpoint answered."""
        if self._closed.pop(endpoint, None) is not None:
            self.generation += 1

    def renew(self) -> None:
        """Open what was closed long ago, also where nothing asks for it."""
        for endpoint in list(self._closed):
            self.allows(endpoint)

    @property
    def forbidden(self) -> list[KeyT]:
        """Return what the account lacks the right to."""
        return [each for each, (_, forbidden) in self._closed.items() if forbidden]

    @property
    def closed(self) -> list[KeyT]:
        """Return all that is closed now."""
        return list(self._closed)

    @contextmanager
    def track(self, endpoint: KeyT) -> Iterator[None]:
        """Note from the outcome of a command whether its endpoint is forbidden."""
        try:
            yield
        except PermissionDeniedError:
            self.close(endpoint)
            raise
        self.open(endpoint)

    @asynccontextmanager
    async def guard(self, endpoint: KeyT) -> AsyncGenerator[bool]:
        """Read what nothing else depends on, and yield whether that is allowed.

        What is forbidden or missing is closed; any other trouble of this part alone
        is left to the next time.
        """
        try:
            yield self.allows(endpoint)
        except PermissionDeniedError:
            self.close(endpoint)
        except NotFoundError:
            self.close(endpoint, forbidden=False)
        except AuthenticationError, RateLimitedError:
            raise
        except ChargingError as err:
            _LOGGER.debug("%s: %s", endpoint, err.reason)
