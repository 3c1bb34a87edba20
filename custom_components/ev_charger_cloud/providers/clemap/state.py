"""What is known of a station's plugs: how fresh it is, and which are surely gone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
import logging

from ...charging import NotFoundError, UnusableAnswerError
from ..base import Context
from ..records import Absences
from ..wire import once
from .mappings import producing
from .settings import compact
from .wire import Plug

_LOGGER = logging.getLogger(__name__)

# The cloud's values are refreshed each minute at the slowest. One that looks old may
# come from a clock that is wrong: its time must stand still, too.
_OLD = timedelta(minutes=5)
_UNCHANGED = 90.0  # s
_UNCHANGED_AT_ALL = 300.0  # s, whatever its time looks like


class StationState:
    """The plugs of one station as they were last seen, known by their uuid.

    `standing_still` are those whose reading is worth nothing, since its time does not
    advance; `missing` those that the last list lacked.
    """

    def __init__(self, station_id: str, context: Context) -> None:
        """Begin without having seen anything."""
        self._id = station_id
        self._context = context
        self._absences = Absences(context.monotonic)
        self._times: dict[str, tuple[datetime | None, float]] = {}
        self._solar_told = False
        self.plugs: dict[str, Plug] = {}
        self.several = False
        self.observed_at = float("-inf")
        self.standing_still: frozenset[str] = frozenset()

    @property
    def missing(self) -> frozenset[str]:
        """Return the plugs that the last list lacked."""
        return frozenset(filter(self._absences.missing, self.plugs))

    def take(self, plugs: Sequence[Plug], sent_at: float, *, complete: bool) -> None:
        """Take in a status, unless one that was asked for later is known.

        Raises NotFoundError for another station's, and UnusableAnswerError for an empty
        one where there were plugs.
        """
        if sent_at < self.observed_at:
            return
        ours = [plug for plug in plugs if compact(plug.evse_uuid) in ("", self._id)]
        if plugs and not ours:
            raise NotFoundError("another station's answer", reason="wrong_station")
        listed = self._by_uuid(ours)
        if complete and len(listed) == len(plugs):
            gone = self._absences.judge(self.plugs, listed)
            if not listed and self.plugs.keys() - gone:
                raise UnusableAnswerError("no plugs any more", reason="empty_list")
            for key in gone:
                del self.plugs[key]
        else:
            for key in listed:
                self._absences.seen(key)
        if not listed:
            once("CLEMAP station", "the cloud lists no plug of it")
        self.observed_at = sent_at
        self._absences.seen(self._id)
        self.plugs |= listed
        self.several = self.several or len(listed) > 1
        self._judge_freshness(listed)
        if not self._solar_told and any(map(producing, ours)):
            self._solar_told = True
            _LOGGER.warning(
                "CLEMAP: %s… is a solar system, not a charging station", self._id[:8]
            )

    def vanished(self) -> bool:
        """Note that the cloud does not know the station; return whether it is gone."""
        return self._absences.missed(self._id)

    def _by_uuid(self, plugs: Sequence[Plug]) -> dict[str, Plug]:
        """Return the plugs by uuid, since their order may change.

        The only one may lack it.
        """
        if len(plugs) == 1 and len(self.plugs) <= 1:
            (plug,) = plugs
            known = next(iter(self.plugs), "")
            key = compact(plug.plug_uuid) or known
            if key and not known:
                self.plugs.pop(known, None)
            return {key: plug}
        return {key: plug for plug in plugs if (key := compact(plug.plug_uuid))}

    def _judge_freshness(self, listed: dict[str, Plug]) -> None:
        """Note which readings stand still."""
        now, ticks = self._context.now(), self._context.monotonic()
        still = set()
        for key, plug in listed.items():
            time, since = self._times.get(key, (None, ticks))
            if plug.time is None or time != plug.time:
                self._times[key] = plug.time, ticks
                continue
            unchanged = ticks - since
            if unchanged >= _UNCHANGED_AT_ALL or (
                unchanged >= _UNCHANGED and now - plug.time > _OLD
            ):
                still.add(key)
        self.standing_still = frozenset(still)
