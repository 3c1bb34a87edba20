"""Telling a bad key from a throttled one."""

from collections.abc import Awaitable

from ...charging import (
    AuthenticationError,
    ChargingError,
    PermissionDeniedError,
    RateLimitedError,
)
from ..base import Context
from .client import Client
from .mappings import KEY_REFUSED

# In seconds.
SECOND_OPINION = 60.0
PATIENCE = 600.0
THROTTLE_PAUSE = 30.0
PROVEN_FOR = 60.0

PROBE_DELAY = 5.0
"""How long a burst is given to pass before a 401 is looked into, in seconds."""

_SINCE = "unauthorized_since"
_REFUSED = "key_refused_at"


class AuthGuard:
    """Judges the 401s.

    AMPS answers 401 to a bad key, to bursts of a good one, and where the maker refuses
    a charger's. A key is bad when it is named so twice, a minute apart, or when nothing
    but 401 comes for ten minutes. A trial outlives the provider, which is made anew
    until it could set up once.
    """

    def __init__(self, context: Context, client: Client) -> None:
        """Take up the trial where it was left."""
        self._context = context
        self._client = client
        self._pause = THROTTLE_PAUSE
        self._proven_at = float("-inf")

    async def vouched[T](self, answer: Awaitable[T]) -> T:
        """Await what any good key may ask for; a 401 to it puts the key on trial."""
        try:
            result = await answer
        except AuthenticationError as err:
            raise self._judge(err) from err
        self.passed()
        return result

    def passed(self) -> None:
        """Forget all doubts: the key was accepted."""
        self._pause = THROTTLE_PAUSE
        memory = self._context.memory
        if memory.pop(_SINCE, None) is not None:
            memory.pop(_REFUSED, None)
            self._context.save()

    async def meaning(self, err: AuthenticationError) -> ChargingError:
        """Return what a 401 about one charger or action means.

        Raises when the key itself fails a probe. One that passes leaves the maker's
        own refusal, or a burst.
        """
        if self._context.monotonic() - self._proven_at >= PROVEN_FOR:
            await self._context.sleep(PROBE_DELAY)
            await self.vouched(self._client.probe())
            self._proven_at = self._context.monotonic()
        if err.reason in KEY_REFUSED:
            return PermissionDeniedError(err.message, reason=err.reason)
        return RateLimitedError(err.message, reason=err.reason)

    def _judge(self, err: AuthenticationError) -> ChargingError:
        """Return what a 401 means by now: a bad key, or the advice to wait."""
        now = self._context.now().timestamp()
        if now - self._first(_SINCE, now) >= PATIENCE:
            return err
        if err.reason in KEY_REFUSED:
            if now - self._first(_REFUSED, now) >= SECOND_OPINION:
                return err
            pause = SECOND_OPINION
        else:
            pause, self._pause = self._pause, self._pause * 2
        return RateLimitedError(err.message, reason=err.reason, retry_after=pause)

    def _first(self, what: str, now: float) -> float:
        """Return when something was first met on this trial."""
        first: float = self._context.memory.setdefault(what, now)
        if first == now:
            self._context.save()
        return first
