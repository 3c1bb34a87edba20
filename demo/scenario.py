"""The main job, done with one charger of a provider and checked at the hardware."""

import asyncio
from collections.abc import Callable, Mapping
import time
from typing import Any

from .chargers import LIMITS, Charger, Entity, state_of
from .errors import DemoError
from .hardware import Connector, World
from .home import Home, State

_PHASES = ("current_phase_1", "current_phase_2", "current_phase_3")

_PATIENCE = 50.0  # s for anything to show its effect
_NUDGE = 5.0  # s between requests to read the charger again
_LOOK = 0.2  # s between looks at the hardware
_MOMENT = 0.1  # s
_SETTLING = 3.0  # s until what a session's end has read is read
_AT_ONCE = 1.0  # s that a callback may take, all in all

type Report = Callable[[str, str], None]


class Scenario:
    """What happens at one charger; `report` gets an event and its proof."""

    def __init__(
        self, home: Home, world: World, charger: Charger, report: Report
    ) -> None:
        """Begin at a charger that offers a charging switch and a limit."""
        self._home = home
        self._world = world
        self._charger = charger
        self._report = report
        self._status = _needed(charger, "sensor", "status")
        self._switch = _needed(charger, "switch", "charging")
        self._limit = _needed(charger, "number", *LIMITS)
        self._power = charger.entity("sensor", "power")

    async def run(self, connector: Connector) -> None:
        """Plug in, charge, limit, stop and unplug."""
        self._report("found", self._reading())
        connector = await self._world.do(connector, "plug_in", name="Demo car")
        await self._shown("the car", self._plugged)
        self._report("plugged in", self._reading())

        connector = await self._world.look(connector)
        if connector.power:
            # It began by itself, so the switch has to prove itself both ways.
            await self._home.act("switch.turn_off", self._switch.id)
            connector = await self._obeyed("wait", connector, lambda o: o.power == 0)
            self._report("held back", f"hardware {connector}")
        await self._home.act("switch.turn_on", self._switch.id)
        connector = await self._obeyed("draw power", connector, lambda o: o.power > 0)
        self._report("started", f"hardware {connector}")
        await self._shown("the power", self._flowing)
        self._report("charging", self._reading())

        of_power = self._limit.key == "maximum_power"

        def drawn(of: Connector) -> float:
            return of.power / 1000 if of_power else of.current

        limit = lower(drawn(connector), self._home.states[self._limit.id])
        await self._home.act("number.set_value", self._limit.id, value=limit)
        connector = await self._obeyed(
            f"keep to {limit:g}",
            connector,
            lambda o: 0 < drawn(o) <= limit + 0.01,
        )
        unit = self._home.states[self._limit.id].attributes.get("unit_of_measurement")
        self._report(f"limit {limit:g} {unit}", f"hardware {connector}")
        await self._shown("the limit", lambda: self._limited(limit))
        self._report("limited", self._reading())

        await self._home.act("switch.turn_off", self._switch.id)
        connector = await self._obeyed("stop", connector, lambda o: o.power == 0)
        self._report("stopped", f"hardware {connector}")

        await self._world.do(connector, "unplug")
        await self._shown("the unplugging", self._unplugged)
        self._report("unplugged", self._reading())

    async def run_push(self, connector: Connector, cloud: str) -> None:
        """Plug in while polls learn nothing: a callback alone can tell."""
        # What is being read from before is waited for.
        await asyncio.sleep(_SETTLING)
        await self._world.hold_answers(cloud, _PATIENCE)
        try:
            begin = time.monotonic()
            await self._world.do(connector, "plug_in", name="Demo car")
            try:
                async with asyncio.timeout(_AT_ONCE):
                    await self._home.until(self._plugged)
            except TimeoutError:
                raise DemoError(
                    f"No callback told of the car within {_AT_ONCE:g} s:"
                    f" {self._reading()}"
                ) from None
            self._report(
                f"told in {(time.monotonic() - begin) * 1000:.0f} ms", "callback"
            )
        finally:
            await self._world.release_answers(cloud)
        await self._world.do(connector, "unplug")

    # What Home Assistant shows

    def _value(self, entity: Entity | None) -> float | None:
        """Return the number that an entity shows."""
        state = state_of(self._home, entity)
        return state.number if state else None

    def _word(self) -> str | None:
        """Return the status."""
        status = state_of(self._home, self._status)
        return status.value if status else None

    def _plug(self) -> bool | None:
        """Return what is shown of the plug, None where nothing is."""
        plug = state_of(self._home, self._charger.entity("binary_sensor", "plug"))
        return plug.value == "on" if plug else None

    def _plugged(self) -> bool:
        """Return whether a car is shown to be plugged in."""
        return self._plug() is not False and self._word() not in (None, "disconnected")

    def _unplugged(self) -> bool:
        """Return whether the charger is shown to be free again."""
        return self._plug() is not True and self._word() == "disconnected"

    def _flowing(self) -> bool:
        """Return whether power is shown to flow, where that is measured."""
        return (
            self._plugged()
            and self._word() == "charging"
            and all(self._value(entity) for entity in self._measured())
        )

    def _limited(self, limit: float) -> bool:
        """Return whether a limit is shown, and what is measured to keep to it."""
        return self._value(self._limit) == limit and all(
            0 < (self._value(entity) or 0) <= limit + 0.1 for entity in self._measured()
        )

    def _measured(self) -> list[Entity]:
        """Return the entities that measure what the limit is about."""
        keys = _PHASES[:1] if self._limit.key == LIMITS[0] else ("power",)
        found = (self._charger.entity("sensor", key) for key in keys)
        return [entity for entity in found if entity]

    def _reading(self) -> str:
        """Put what is read into words: status, plug, each phase, power."""
        parts = [self._word() or "status unknown"]
        if (plug := self._plug()) is not None:
            parts.append("plugged" if plug else "unplugged")
        phases = [self._charger.entity("sensor", phase) for phase in _PHASES]
        amps = [self._value(phase) for phase in phases if phase]
        if amps:
            parts.append(
                " ".join("–" if a is None else f"{a:.1f}" for a in amps) + " A"
            )
        for entity in (self._power, self._limit):
            if entity:
                what = "limit " if entity is self._limit else ""
                parts.append(f"{what}{state_of(self._home, entity) or '–'}")
        return ", ".join(parts)

    # Waiting

    async def _shown(self, what: str, look: Callable[[], bool]) -> None:
        """Wait until Home Assistant shows something."""
        if not await self._shows(look):
            raise DemoError(
                f"Home Assistant does not show {what}"
                f" of {self._charger.title}: {self._reading()}"
            )

    async def _shows(self, look: Callable[[], bool]) -> bool:
        """Return whether Home Assistant shows something in time, asked for polls."""
        nudging = asyncio.create_task(self._nudge())
        looking = asyncio.create_task(self._home.until(look))
        try:
            done, _ = await asyncio.wait(
                (nudging, looking),
                timeout=_PATIENCE,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                await task
            # The other states of the same poll follow within a moment.
            await asyncio.sleep(_MOMENT)
            return bool(done)
        finally:
            nudging.cancel()
            looking.cancel()

    async def _nudge(self) -> None:
        """Ask for a poll again and again, or for more where a charger offers that."""
        button = self._charger.entity("button", "refresh")
        await asyncio.sleep(1)
        while True:
            if button:
                await self._home.act("button.press", button.id)
            else:
                await self._home.act("homeassistant.update_entity", self._status.id)
            await asyncio.sleep(_NUDGE)

    async def _obeyed(
        self, what: str, connector: Connector, look: Callable[[Connector], bool]
    ) -> Connector:
        """Wait until the hardware does something."""
        end = time.monotonic() + _PATIENCE
        while not look(connector := await self._world.look(connector)):
            if time.monotonic() > end:
                raise DemoError(f"The hardware does not {what}: {connector}")
            await asyncio.sleep(_LOOK)
        return connector


def lower(value: float, limit: State) -> float:
    """Return a limit that clearly lowers a value, on the grid of a number entity."""
    low, step = float(limit.attributes["min"]), float(limit.attributes["step"])
    wanted = max(low, value * 0.6)
    result = round(low + (wanted - low) // step * step, 3)
    if not 0 < result < value:
        raise DemoError(f"No limit from {low:g} can lower {value:g}.")
    return result


def choose(
    chargers: list[Charger], stations: Mapping[str, Any]
) -> tuple[Charger, Connector]:
    """Return a charger that can do the main job and whose connector is free."""
    able = [
        charger
        for charger in chargers
        if charger.entity("sensor", "status")
        and charger.entity("switch", "charging")
        and charger.entity("number", *LIMITS)
    ]
    if not able:
        names = ", ".join(charger.title for charger in chargers) or "none"
        raise DemoError(f"No charger can be started and limited (found: {names}).")
    free = [
        (charger, connector)
        for charger in able
        if (connector := charger.connector(stations)) and connector.free
    ]
    if not free:
        raise DemoError("Every charger is taken: " + ", ".join(c.title for c in able))
    # One that does not start by itself shows more.
    return min(free, key=lambda pair: stations[pair[1].station]["auto_start"])


def _needed(charger: Charger, domain: str, *keys: str) -> Entity:
    """Return an entity that the story cannot do without."""
    if entity := charger.entity(domain, *keys):
        return entity
    raise DemoError(f"{charger.title} has no {domain} {' or '.join(keys)}.")
