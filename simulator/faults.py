"""Faults that a cloud can be told to have."""

from collections.abc import Iterator
from dataclasses import dataclass, field
import json
import re
from typing import Any, Literal, get_args

from aiohttp import web

type Kind = Literal["status", "drop", "html", "garbage", "delay", "null_body", "empty"]

KINDS: tuple[str, ...] = get_args(Kind.__value__)

_DEFAULT_STATUS = {"status": 500, "html": 502}

_HTML = "<html><body><h1>{status}</h1><p>nginx</p></body></html>"


@dataclass(slots=True, kw_only=True)
class Fault:
    """One way to fail, for the requests that it matches."""

    status: int | None = None
    """The HTTP status; by default 500, 502 for HTML, 200 for an unusable body."""
    body: str | dict[str, Any] | list[Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    path: str = ".*"
    """A regular expression searched in the path after the cloud's prefix."""
    method: str = "*"
    times: int | None = 1
    """How many requests fail; None for all until cleared."""
    delay: float = 0.0
    """Real seconds before the answer."""
    kind: Kind = "status"
    """`delay` answers properly, only late."""
    effect: bool = False
    """Whether the request takes effect in spite of the fault."""

    def __post_init__(self) -> None:
        """Check what came from outside."""
        if self.kind not in KINDS:
            raise ValueError(f"no such kind of fault: {self.kind}")
        try:
            re.compile(self.path)
        except re.error as err:
            raise ValueError(f"bad path: {err}") from err

    def matches(self, method: str, path: str) -> bool:
        """Return whether a request meets the fault."""
        return self.method.upper() in ("*", method) and bool(re.search(self.path, path))

    def response(self) -> web.Response:
        """Return the faulty answer."""
        status = self.status or _DEFAULT_STATUS.get(self.kind, 200)
        content_type = "application/json"
        match self.kind:
            case "html":
                content_type = "text/html"
                text = _HTML.format(status=status)
            case "garbage":
                text = '{"data": [{"id": 1, '
            case "null_body":
                text = "null"
            case _:
                text = ""
        if isinstance(self.body, str):
            text = self.body
        elif self.body is not None:
            text = json.dumps(self.body)
        response = web.Response(status=status, text=text, content_type=content_type)
        response.headers.update(self.headers)
        return response


class Faults:
    """The faults of one cloud; the first that matches is taken."""

    def __init__(self) -> None:
        """Begin without faults."""
        self._faults: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        """Iterate over the faults that are still to come."""
        return iter(self._faults)

    def __len__(self) -> int:
        """Count the faults that are still to come."""
        return len(self._faults)

    def add(self, fault: Fault) -> Fault:
        """Add a fault."""
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for a request, and use it up."""
        for fault in self._faults:
            if fault.matches(method, path):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                return fault
        return None
