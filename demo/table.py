"""Text in aligned columns."""

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
