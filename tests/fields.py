"""The fields of what a cloud tells, one by one, and those that are left out on purpose.

The documents are the list of what is left out: a test that changes each field in turn
holds them to what really shows.
"""

from collections.abc import Iterator
from copy import deepcopy
from functools import cached_property
from pathlib import Path
import re
from typing import Any

type Place = tuple[str | int, ...]

_DOCS = Path(__file__).parents[1] / "docs" / "providers"


def leaves(body: Any, place: Place = ()) -> Iterator[Place]:
    """Yield where each plain value stands; what is empty counts as one."""
    if body and isinstance(body, dict | list):
        items = body.items() if isinstance(body, dict) else enumerate(body)
        for key, value in items:
            yield from leaves(value, (*place, key))
    else:
        yield place


def value_at(body: Any, place: Place) -> Any:
    """Return the value at a place."""
    for key in place:
        body = body[key]
    return body


def changed(body: Any, place: Place, value: Any) -> Any:
    """Return a body with another value at one place, or with none for `...`."""
    body = deepcopy(body)
    *way, last = place
    at = value_at(body, tuple(way))
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return body


def field_name(place: Place) -> str:
    """Return how documents name a field, such as `model.vendor`."""
    return ".".join(key for key in place if isinstance(key, str))


class LeftOut:
    """The fields that a page of the documents names as left out."""

    def __init__(self, provider: str, kind: str = "") -> None:
        """Name a provider; of several kinds of objects, one's line is meant."""
        self._page = _DOCS / f"{provider}.md"
        self._kind = kind

    @cached_property
    def names(self) -> set[str]:
        """Return what the page names."""
        lines = self._page.read_text().partition("Left out, and why:")[2].splitlines()
        wanted = [line for line in lines if line.startswith(f"- {self._kind}")]
        assert wanted, self._kind
        return {name for line in wanted for name in re.findall(r"`([\w.]+)`", line)}

    def has(self, place: Place) -> bool:
        """Return whether a field, or what it belongs to, is named."""
        name = field_name(place)
        return any(f"{name}.".startswith(f"{each}.") for each in self.names)

    def strange(self, *bodies: Any) -> set[str]:
        """Return what is named though none of these bodies has it."""
        told = [f"{field_name(place)}." for body in bodies for place in leaves(body)]
        return {
            name
            for name in self.names
            if not any(each.startswith(f"{name}.") for each in told)
        }
