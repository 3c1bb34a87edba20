"""Charging profiles: which current a connector may offer."""

from dataclasses import dataclass, field

from ...world import Connector, Station

TX, DEFAULT, MAXIMUM = "TxProfile", "TxDefaultProfile", "ChargePointMaxProfile"


@dataclass(slots=True, kw_only=True, eq=False)
class Profile:
    """A profile; `periods` are (seconds from its start, limit in A or W)."""

    id: int
    connector: int
    purpose: str
    stack_level: int
    periods: list[tuple[int, float]]
    unit: str = "A"
    duration: int | None = None
    begun: float = 0.0

    def limit(self, elapsed: float) -> float | None:
        """Return the limit that holds now."""
        passed = elapsed - self.begun
        if self.duration is not None and passed >= self.duration:
            return None
        return next(
            (amount for at, amount in reversed(self.periods) if at <= passed), None
        )

    @property
    def turns(self) -> list[int]:
        """Return when the limit changes, in seconds from the start."""
        turns = [at for at, _ in self.periods if at]
        return turns if self.duration is None else [*turns, self.duration]


@dataclass(slots=True, kw_only=True)
class Profiles:
    """The profiles that one station holds."""

    station: Station
    held: list[Profile] = field(default_factory=list)

    def install(self, profile: Profile) -> None:
        """Hold a profile; it replaces the one of its id or of its place."""
        profile.begun = self.station.world.elapsed
        place = (profile.connector, profile.purpose, profile.stack_level)
        self.held = [
            other
            for other in self.held
            if other.id != profile.id
            and (other.connector, other.purpose, other.stack_level) != place
        ]
        self.held.append(profile)
        for turn in profile.turns:
            self.station.world.call_later(turn, self.apply)
        self.apply()

    def clear(
        self,
        *,
        id: int | None = None,
        connector: int | None = None,
        purpose: str | None = None,
        stack_level: int | None = None,
    ) -> bool:
        """Drop what matches every criterion; return whether there was any."""
        dropped = [
            profile
            for profile in self.held
            if id in (None, profile.id)
            and connector in (None, profile.connector)
            and purpose in (None, profile.purpose)
            and stack_level in (None, profile.stack_level)
        ]
        self.held = [profile for profile in self.held if profile not in dropped]
        self.apply()
        return bool(dropped)

    def apply(self) -> None:
        """Limit the connectors by what is held."""
        for connector in self.station.connectors:
            connector.set_limit("plugchoice", self.limit(connector))

    def limit(self, connector: Connector) -> float | None:
        """Return the limit in A: the session's, or the default; never past the maximum."""
        session = self._highest(connector, TX) if connector.session else None
        if session is None:
            session = self._highest(connector, DEFAULT)
        limits = [session, self._highest(connector, MAXIMUM)]
        return min((limit for limit in limits if limit is not None), default=None)

    def _highest(self, connector: Connector, purpose: str) -> float | None:
        """Return the limit of the highest level; a connector's own before all."""
        elapsed = connector.world.elapsed
        ranked = sorted(
            (p for p in self.held if p.purpose == purpose),
            key=lambda p: (p.stack_level, p.connector),
            reverse=True,
        )
        for profile in ranked:
            limit = profile.limit(elapsed)
            if limit is not None and profile.connector in (0, connector.number):
                watts = connector.voltage * connector.used_phases
                return limit / watts if profile.unit == "W" else limit
        return None
