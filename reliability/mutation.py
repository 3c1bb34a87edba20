"""Answers bent out of shape, by seed."""

from collections.abc import Mapping
import json
import random
from typing import Any

from .recording import Recorded

_ODD: tuple[Any, ...] = (
    *(None, True, False, "", " ", "0", "-1", "1e999", "NaN", "null", "true"),
    *(0, -1, 1, 0.1, -0.5, 1e308, -1e308, 1e15, 2**63, 10**30, float("inf")),
    *(float("nan"), [], {}, [None], [[]], [{}], {"value": 1}, {"id": None}),
    *("\ud83d", "a\x00b", "x" * 5000, "..", "../..", "a/b", "a?b#c", "%2e%2e", "é"),
    *("New", "UNKNOWN", "AVAILABLE", "charging", "Faulted", "error", "16", "16A"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9Z", "2026-02-30T00:00:00Z"),
    *("2026-03-29T02:30:00", "2026-01-01", "2026-01-01T00:00:00+23:59", "PT5M"),
    *("1970-01-01T00:00:00Z", 1764288000, 1764288000000, "24:00", "http://[::1"),
    *(["a", 1, None, {}], {"a": {"b": {"c": [1, 2, {"d": "e"}]}}}),
)
_STATUSES = (204, 206, 302, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504)
_HEADERS: tuple[Mapping[str, str], ...] = (
    *({}, {}, {"Retry-After": "0"}, {"Retry-After": "1e300"}, {"Retry-After": "nan"}),
    *({"Retry-After": "-1"}, {"Retry-After": "Mon, 99 Foo 2026 00:00:00 GMT"}),
)

type Path = tuple[str | int, ...]


class Mutator:
    """Bends answers; the same seed bends them the same way."""

    def __init__(self, seed: int) -> None:
        """Begin with a seed."""
        self.random = random.Random(seed)
        self._parsed: dict[bytes, tuple[Any, list[Path]] | None] = {}

    def bend(self, recorded: Recorded) -> Recorded:
        """Return an answer that is wrong in some way."""
        chance = self.random.random()
        parsed = self._parse(recorded.body)
        if chance < 0.04 or parsed is None:
            return Recorded(recorded.status, recorded.headers, self._raw(recorded.body))
        if chance < 0.08:
            status = self.random.choice(_STATUSES)
            return Recorded(status, self.random.choice(_HEADERS), recorded.body)
        body, paths = parsed
        for _ in range(self.random.choice((1, 1, 1, 2, 2, 4, 12))):
            body = self._bend_at(body, self.random.choice(paths))
        raw = json.dumps(body).encode()
        return Recorded(recorded.status, recorded.headers, raw)

    def _parse(self, raw: bytes) -> tuple[Any, list[Path]] | None:
        """Return a body with the paths to all its values, None if it is no JSON."""
        if raw not in self._parsed:
            try:
                body = json.loads(raw)
            except ValueError:
                self._parsed[raw] = None
            else:
                self._parsed[raw] = body, list(_paths(body, ()))
        return self._parsed[raw]

    def _raw(self, raw: bytes) -> bytes:
        """Return bytes that are not the body any more."""
        place = self.random.randrange(len(raw) + 1)
        match self.random.randrange(6):
            case 0:
                return raw[:place]
            case 1:
                return raw[:place] + self.random.randbytes(8) + raw[place:]
            case 2:
                return raw + raw
            case 3:
                return b""
            case 4:
                return b"[" * self.random.randrange(1, 5000) + raw
            case _:
                return b"<html><body>502</body></html>"

    def _bend_at(self, body: Any, path: Path) -> Any:
        """Return a copy of a body that is changed at a path, if that still exists."""
        if not path:
            return self._odd(body)
        step, rest = path[0], path[1:]
        if isinstance(body, dict) and step in body:
            copy: Any = dict(body)
            if not rest and self.random.random() < 0.25:
                if self.random.random() < 0.5:
                    del copy[step]
                else:
                    copy[f"{step}x"] = copy.pop(step)
                return copy
        elif isinstance(body, list) and isinstance(step, int) and step < len(body):
            copy = list(body)
            if not rest and self.random.random() < 0.3:
                match self.random.randrange(4):
                    case 0:
                        del copy[step]
                    case 1:
                        copy += copy
                    case 2:
                        copy.insert(0, copy[step])
                    case _:
                        self.random.shuffle(copy)
                return copy
        else:
            return body
        copy[step] = self._bend_at(copy[step], rest)
        return copy

    def _odd(self, value: Any) -> Any:
        """Return something else than a value."""
        chance = self.random.random()
        if chance < 0.6:
            return self.random.choice(_ODD)
        if isinstance(value, bool):
            return not value
        if isinstance(value, int | float):
            return self.random.choice((-value, value * 1000, value + 1, str(value), 0))
        if isinstance(value, str):
            return self.random.choice(
                (value[::-1], value.upper(), value * 2, value[:-1], [value], len(value))
            )
        if isinstance(value, list):
            return self.random.choice((value[:1], value * 3, {"data": value}, []))
        if isinstance(value, dict):
            return self.random.choice(([value], {}, list(value), {"data": value}))
        return self.random.choice(_ODD)


def _paths(value: Any, path: Path) -> list[Path]:
    """Return the paths to a value and to all within it."""
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += _paths(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            found += _paths(item, (*path, number))
    return found
