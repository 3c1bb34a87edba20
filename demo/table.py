"""Text in aligned columns."""

from collections.abc import Iterable, Iterator, Sequence

from .chargers import Charger
from .home import State


def aligned(rows: Iterable[Sequence[str]], *, indent: str = "") -> Iterator[str]:
    """Yield rows with their columns aligned."""
    rows = list(rows)
    columns = max((len(row) for row in rows), default=0)
    widths = [
        max(len(row[n]) if n < len(row) else 0 for row in rows) for n in range(columns)
    ]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield (indent + "  ".join(cells)).rstrip()


def devices_table(
    chargers: Iterable[Charger], states: dict[str, State]
) -> Iterator[str]:
    """Yield the table of devices, entities and states."""
    rows: list[tuple[str, ...]] = []
    for charger in chargers:
        rows.append(())
        rows.append((f"{charger.provider}: {charger.title}",))
        rows += [
            ("", entity.name, shown(states.get(entity.id)), entity.id)
            for entity in sorted(charger.entities, key=lambda each: each.id)
        ]
    # Titles span all columns, so they take no part in the alignment.
    bodies = aligned(row[1:] for row in rows if len(row) > 1)
    for row in rows:
        yield f"  {next(bodies)}" if len(row) > 1 else "".join(row)


_EVENT_WIDTHS = (8, 14, 14, 0)


def event_line(seconds: float, *cells: str) -> str:
    """Return a line about an event, aligned with those before and after it."""
    padded = [
        cell.ljust(width)
        for cell, width in zip(
            (f"{seconds:6.1f} s", *cells), _EVENT_WIDTHS, strict=False
        )
    ]
    return "  ".join(padded).rstrip()


def shown(state: State | None) -> str:
    """Return a state, short enough for a column."""
    text = "–" if state is None else str(state)
    return text if len(text) <= 32 else f"{text[:31]}…"
