"""Telling a bad key from a throttled one."""

from ...charging import AuthenticationError, ChargingError, RateLimitedError
from ..base import Context
from .client import KEY_REFUSED

# In seconds.
SECOND_OPINION = 60.0
PATIENCE = 600.0
THROTTLE_PAUSE = 30.0

_SINCE = "unauthorized_since"
_REFUSED = "key_refused_at"


class AuthGuard:
    """Judges the 401s of calls that any good key may make.

    AMPS answers 401 to a bad key and to bursts of a good one. A key is bad when it is
    named so twice, a minute apart, or when nothing but 401 comes for ten minutes. A
    trial outlives the provider, which is made anew until it could set up once.
    """

    def __init__(self, context: Context) -> None:
        """Take up the trial where it was left."""
        self._context = context
        self._pause = THROTTLE_PAUSE

    def passed(self) -> None:
        """Forget all doubts: the key was accepted."""
        self._pause = THROTTLE_PAUSE
        memory = self._context.memory
        if memory.pop(_SINCE, None) is not None:
            memory.pop(_REFUSED, None)
            self._context.save()

    def judge(self, err: AuthenticationError) -> ChargingError:
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
