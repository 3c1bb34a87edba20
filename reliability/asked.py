"""What a user asked of a station whose limit lapses unless Home Assistant renews it."""

from dataclasses import dataclass, replace
import random

from simulator.clouds.clemap import Clemap


@dataclass(frozen=True, slots=True)
class Asked:
    """A limit (A), None for none, and whether charging is held back."""

    limit: int | None = None
    paused: bool = False

    @property
    def target(self) -> int | None:
        """Return the target (A) that the cloud must hold, None for none."""
        return 0 if self.paused else self.limit


@dataclass(frozen=True, slots=True)
class Wish:
    """Something to ask for, as an action of Home Assistant."""

    action: str
    value: int | None = None

    def after(self, asked: Asked) -> Asked:
        """Return what is asked for once this is."""
        if self.value is not None:
            return replace(asked, limit=self.value)
        return replace(asked, paused=self.action == "switch.turn_off")


def wish(rng: random.Random, asked: Asked) -> Wish:
    """Return something else than what is asked for."""
    if rng.random() < 0.6 and not asked.paused:
        others = [amps for amps in range(6, 17) if amps != asked.limit]
        return Wish("number.set_value", rng.choice(others))
    return Wish("switch.turn_on" if asked.paused else "switch.turn_off")


def held(cloud: Clemap) -> int | None:
    """Return the target (A) that the cloud holds for its first station."""
    cloud.world.settle()
    evse = next(iter(cloud.evses.values()))
    return evse.target.current if evse.target else None
