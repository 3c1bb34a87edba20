"""What callbacks say: applied where they state a fact, else a hint to read again.

Source: AMPECO Public API 3.110.0, bodies of its notifications. Only the body is signed,
no time: repeats are known by their hash, and of two callbacks about one thing the newer
one counts, by the cloud's own times.
"""

from collections.abc import Callable as CallableType, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import hashlib
import re
from typing import Any

from ...charging import Event, EventKind, UnusableAnswerError
from ..base import Callback, Context
from ..signatures import SeenBefore, verify_hmac
from ..transport import decode_json
from ..wire import mask, moment, text
from .site_data import SiteData
from .sync import ChargePointSync

# How far ahead of ours a cloud's clock may be.
_AHEAD = timedelta(days=1)
# How long (s) after a poll found a change its callback may still come.
_LATE = 45.0
_MOST_KEPT = 20_000
# How old a card that is told of may be: afterwards it opens nothing any more.
_CARD_LASTS = timedelta(hours=1)
_ENDED = {"stop": "finished", "start": "active"}


@dataclass(slots=True, kw_only=True)
class Understood:
    """What a callback said, in the ids of the cloud.

    `stations` and `around` (devices that surround them) changed for certain,
    `reread` must be read again.
    """

    kind: str
    stations: set[str] = field(default_factory=set)
    around: set[str] = field(default_factory=set)
    reread: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)


type _Body = Mapping[str, Any]
type _Handler = CallableType[[_Body, Understood], None]


class Callbacks:
    """Understands a tenant's callbacks, and tells when they fail to come."""

    def __init__(
        self,
        context: Context,
        sync: ChargePointSync,
        site_data: SiteData,
    ) -> None:
        """Begin with nothing received."""
        self._context = context
        self._token = str(context.settings["token"])
        self._sync = sync
        self._site_data = site_data
        self._meters = sync.meters
        self._seen = SeenBefore(context.monotonic)
        self._newest: dict[tuple[str, str], datetime] = {}
        # When (monotonic) each EVSE and charge point last took what a callback said.
        self._applied_at: dict[str, float] = {}
        self._unannounced: dict[str, float] = {}
        self.doubtful_since: float | None = None
        # Until when (monotonic) nothing is known to be lost.
        self.complete_until = context.monotonic()
        self._handlers: dict[str, _Handler] = {
            "boot": self._station_hint,
            "hardwarestatus": self._hardware_status,
            "networkstatus": self._network_status,
            "sessionstartstop": self._start_stop,
            "sessionupdate": self._session_update,
            "sessionmetervalues": self._meter_values,
            "reservationchanged": self._reservation,
            "userbalancechanged": self._balance,
            "usersubscriptionchanged": self._subscription,
            "authorizationchanged": self._authorization,
            "authorization": self._authorization,
            "circuitconsumption": self._consumption,
            "circuitchanged": self._circuit_hint,
            "chargingprofileapplied": self._station_hint,
            "chargepointchanged": self._station_hint,
            "chargepointsyncconfiguration": self._station_hint,
            "evsechanged": self._evse_hint,
        }

    def receive(self, callback: Callback) -> Understood:
        """Understand a callback.

        Raises AuthenticationError for a wrong signature, UnusableAnswerError for a body
        that is no object.
        """
        body = callback.body
        verify_hmac(self._token, body, callback.headers.get("x-signature"))
        said = decode_json(body)
        if not isinstance(said, Mapping):
            raise UnusableAnswerError("no object", reason="unexpected_shape")
        station = text(said.get("chargePointId"))
        if station is not None and station not in self._sync.points.items:
            # A large tenant sends mostly these: they cost nothing, nor push others out
            # of what is remembered.
            return Understood(kind="foreign")
        name = text(said.get("notification")) or ""
        kind = re.sub("[^a-z]", "", name.lower()).removesuffix("notification")
        if (handler := self._handlers.get(kind)) is None:
            return Understood(kind="unknown")
        if self._seen.again(hashlib.sha256(body).digest()):
            return Understood(kind="repeated")
        if "timestamp" not in said and "lastUpdatedAt" not in said:
            # Not signed: it may order, it proves nothing.
            said = {**said, "timestamp": callback.headers.get("x-timestamp")}
        understood = Understood(kind=kind)
        handler(said, understood)
        return understood

    # Whether they come

    def look_for_lost(self, changed: Iterable[str]) -> None:
        """Doubt callbacks when a poll found changes of status that none announced."""
        now = self._context.monotonic()
        for evse in changed:
            self._unannounced.setdefault(evse, now)
        if not self._unannounced and self.doubtful_since is None:
            # What changed while this poll was under way may have been told meanwhile.
            self.complete_until = now - _LATE
        late = [key for key, at in self._unannounced.items() if now - at > _LATE]
        for key in late:
            del self._unannounced[key]
        if late and self.doubtful_since is None:
            self.doubtful_since = now

    def _announced(self, evse: str) -> None:
        """Note that a callback told of an EVSE."""
        self._unannounced.pop(evse, None)
        self.doubtful_since = None

    # One kind each

    def _hardware_status(self, body: _Body, said: Understood) -> None:
        """Take the status of an EVSE, or read a whole station."""
        station, evse = self._station(body, said), text(body.get("evseId"))
        status = text(body.get("hardwareStatus"))
        if station is None:
            return
        if evse is None or status is None or evse not in self._sync.evses.items:
            for each in self._sync.evses_of(station):
                self._announced(each)
            said.reread.add(station)
            return
        self._announced(evse)
        if self._is_old("status", evse, body):
            said.kind = "late"
            return
        if self._was_read_since(self._sync.evses.sent_at, evse, body):
            said.reread.add(station)
            return
        before = self._sync.evses.items[evse].hardware_status
        self._sync.apply_evse(evse, {"hardwareStatus": status})
        self._applied_at[evse] = self._sync.evses.sent_at[evse]
        said.stations.add(station)
        if "charging" in (before, status) or status in ("faulted", "reserved"):
            said.reread.add(station)

    def _network_status(self, body: _Body, said: Understood) -> None:
        """Take whether a station is connected; one that is back is read."""
        station, status = self._station(body, said), text(body.get("networkStatus"))
        if station is None or status is None:
            return
        if self._is_old("network", station, body):
            said.kind = "late"
            return
        said.reread.add(station)
        if self._was_read_since(self._sync.points.sent_at, station, body):
            return
        self._sync.apply_station(station, {"networkStatus": status})
        self._applied_at[station] = self._sync.points.sent_at[station]
        said.stations.add(station)

    def _start_stop(self, body: _Body, said: Understood) -> None:
        """Take the beginning or end of a session; it does not tell all of it."""
        if isinstance(body.get("session"), Mapping):
            self._session_update(body, said)
            return
        status = _ENDED.get(text(body.get("action")) or "")
        if status is None:
            status = "finished" if body.get("stoppedAtTimestamp") else "active"
        told = {
            "id": body.get("sessionId"),
            "chargePointId": body.get("chargePointId"),
            "evseId": body.get("evseId"),
            "status": status,
            "startedAt": body.get("startedAtTimestamp"),
            "stoppedAt": body.get("stoppedAtTimestamp"),
            "energy": body.get("energyConsumed"),
            "reason": body.get("reason"),
            "lastUpdatedAt": body.get("lastUpdatedAt"),
        }
        self._take_session(
            {key: value for key, value in told.items() if value is not None}, said
        )
        said.reread |= said.stations

    def _session_update(self, body: _Body, said: Understood) -> None:
        """Take a whole session."""
        session = body.get("session")
        if isinstance(session, Mapping):
            self._take_session(session, said)

    def _take_session(self, session: _Body, said: Understood) -> None:
        """Take what is told of a session beside what is known of it."""
        station, evse = self._station(session, said), text(session.get("evseId"))
        key = text(session.get("id"))
        if station is None or evse is None or key is None:
            return
        if self._is_old("session", key, session):
            said.kind = "late"
            return
        if self._sync.apply_session(key, session):
            said.stations.add(station)
            if self._sync.sessions.running(evse) is None:
                self._meters.end(evse)

    def _meter_values(self, body: _Body, said: Understood) -> None:
        """Take what a station measures."""
        station, evse = self._station(body, said), text(body.get("evseId"))
        values = body.get("meterValues")
        if station is None or not isinstance(values, list):
            return
        if evse is None and len(evses := self._sync.evses_of(station)) == 1:
            evse = evses[0]
        known = self._sync.evses.items.get(evse or "")
        if evse is None or known is None:
            return
        session = text(body.get("sessionId"))
        if session and not self._sync.sessions.may_run(evse, session):
            if session in self._sync.sessions.raw:
                said.kind = "late"
            else:
                said.reread.add(station)
            return
        power = known.power_options.max_power if known.power_options else None
        running = self._sync.sessions.running(evse)
        energy = running.energy if running else None
        if self._meters.take(evse, values, power, energy):
            self._sync.touch(station)
            said.stations.add(station)
        else:
            said.kind = "late"

    def _reservation(self, body: _Body, said: Understood) -> None:
        """Read the EVSE of a reservation that is known."""
        evse = self._sync.reservations.evse_of(text(body.get("reservationId")))
        known = self._sync.evses.items.get(evse or "")
        if known is None:
            said.kind = "foreign"
        elif known.charge_point_id:
            said.reread.add(known.charge_point_id)

    def _balance(self, body: _Body, said: Understood) -> None:
        """Take a driver's balance."""
        user = text(body.get("userId")) or ""
        if self._is_old("balance", user, body):
            said.kind = "late"
            return
        device_id = self._site_data.apply_balance(user, body.get("updatedBalance"))
        if device_id is None:
            said.kind = "foreign"
        else:
            said.around.add(device_id)

    def _subscription(self, body: _Body, said: Understood) -> None:
        """Read a driver whose subscription changed."""
        device_id = self._site_data.user_device_id(text(body.get("userId")) or "")
        if device_id is None:
            said.kind = "foreign"
        else:
            said.reread.add(device_id)

    def _authorization(self, body: _Body, said: Understood) -> None:
        """Tell of a card that was shown, by its last characters alone."""
        station = self._station(body, said)
        if station is None or text(body.get("status")) != "accepted":
            return
        at = _time_of(body)
        if at is not None and self._context.now() - at > _CARD_LASTS:
            # What a body was heard before is known for an hour.
            said.kind = "late"
            return
        tag = text(body.get("idTag"))
        said.events.append(
            Event(
                kind=EventKind.AUTHORIZED,
                device_id=self._sync.authorized_device_id(station),
                at=at,
                key=text(body.get("authorizationId")),
                id_token=None if tag and tag.startswith("*") else mask(tag),
            )
        )

    def _consumption(self, body: _Body, said: Understood) -> None:
        """Take what a circuit draws."""
        drawn = body.get("currentConsumption")
        circuit = text(body.get("circuitId")) or ""
        if not isinstance(drawn, list):
            return
        device_id = self._site_data.apply_consumption(circuit, drawn)
        if device_id is None:
            said.kind = "foreign"
        else:
            said.around.add(device_id)

    def _station_hint(self, body: _Body, said: Understood) -> None:
        """Read a station of which something changed."""
        if (station := self._station(body, said)) is not None:
            said.reread.add(station)

    def _evse_hint(self, body: _Body, said: Understood) -> None:
        """Read the station of an EVSE of which something changed."""
        known = self._sync.evses.items.get(text(body.get("evseId")) or "")
        if known is None:
            said.kind = "foreign"
        elif known.charge_point_id:
            said.reread.add(known.charge_point_id)

    def _circuit_hint(self, body: _Body, said: Understood) -> None:
        """Read a circuit of which something changed."""
        device_id = self._site_data.circuit_device_id(text(body.get("circuitId")) or "")
        if device_id is None:
            said.kind = "foreign"
        else:
            said.reread.add(device_id)

    # What they have in common

    def _station(self, body: _Body, said: Understood) -> str | None:
        """Return the charge point, None when it is not one of those wanted."""
        station = text(body.get("chargePointId"))
        if station in self._sync.points.items:
            return station
        said.kind = "foreign"
        return None

    def _is_old(self, what: str, of: str, body: _Body) -> bool:
        """Return whether something newer was told before, and note the newest."""
        at = _time_of(body)
        if at is None or at > self._context.now() + _AHEAD:
            return False
        newest = self._newest.get((what, of))
        if newest is not None and at < newest:
            return True
        self._newest.pop((what, of), None)
        self._newest[what, of] = at
        if len(self._newest) > _MOST_KEPT:
            del self._newest[next(iter(self._newest))]
        return False

    def _was_read_since(
        self, sent_at: Mapping[str, float], key: str, body: _Body
    ) -> bool:
        """Return whether something was read after what a callback tells of it.

        By the cloud's clock and ours, neither of which need be right: so it proves
        nothing, and is a reason to read again.
        """
        at, read_at = _time_of(body), sent_at[key]
        if at is None or read_at == self._applied_at.get(key):
            return False
        context = self._context
        return at < context.now() - timedelta(seconds=context.monotonic() - read_at)


def _time_of(body: _Body) -> datetime | None:
    """Return when a callback says that it happened."""
    return moment(body.get("lastUpdatedAt")) or moment(body.get("timestamp"))
