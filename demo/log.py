"""What Home Assistant's log says about us."""

from collections.abc import Iterable, Iterator
import re

_RECORD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* (?P<level>[A-Z]+) ")
_WORRYING = frozenset({"WARNING", "ERROR", "CRITICAL"})
_OURS = ("ev_charger_cloud", "custom_components", "custom integration")
_USUAL = "has not been tested by Home Assistant"


def complaints(text: str) -> list[str]:
    """Return the warnings and errors that concern us, tracebacks included."""
    return [
        "\n".join(record)
        for record in _records(text.splitlines())
        if (start := _RECORD.match(record[0]))
        and start["level"] in _WORRYING
        and any(name in line for line in record for name in _OURS)
        and _USUAL not in record[0]
    ]


def _records(lines: Iterable[str]) -> Iterator[list[str]]:
    """Gather the lines of each record."""
    record: list[str] = []
    for line in lines:
        if _RECORD.match(line):
            if record:
                yield record
            record = [line]
        elif record:
            record.append(line)
    if record:
        yield record
