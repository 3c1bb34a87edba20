"""What goes over the wire: watched, asked again bare, or answered without sockets."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from time import perf_counter, process_time
from typing import Any, Self
from unittest.mock import patch
from urllib.parse import urlencode

from aiohttp import ClientSession
from aiolimiter import AsyncLimiter
from multidict import CIMultiDict
import orjson
from yarl import URL

_send = ClientSession._request  # noqa: SLF001  (what every request goes through)


@dataclass(slots=True)
class Spent:
    """Time (s) that something took: of the processor for this process, and in all."""

    cpu: float = 0.0
    wall: float = 0.0


@contextmanager
def spending(spent: Spent) -> Iterator[None]:
    """Add what is done meanwhile."""
    wall, cpu = perf_counter(), process_time()
    try:
        yield
    finally:
        spent.cpu += process_time() - cpu
        spent.wall += perf_counter() - wall


@dataclass(slots=True)
class Sent:
    """A request that was sent, and when."""

    method: str
    url: str
    options: dict[str, Any]
    at: float


@dataclass(slots=True)
class _Answer:
    """An answer that came without aiohttp, as far as anybody looks at it."""

    status: int
    headers: CIMultiDict[str]
    raw: bytes

    @property
    def content(self) -> Self:
        return self

    @property
    def ok(self) -> bool:
        return self.status < 400

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        yield self.raw

    async def read(self) -> bytes:
        return self.raw

    async def json(self, **_: Any) -> Any:
        return orjson.loads(self.raw)

    def close(self) -> None:
        """There is nothing to close."""

    release = close

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """There is nothing to give back."""


@dataclass
class Wire:
    """All requests of this process, while it is in place.

    `sockets` false has them fetched outside of what is measured: `fetching` holds what
    that took, `bodies` what came.
    """

    sockets: bool = True
    watching: bool = True
    sent: list[Sent] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    fetching: Spent = field(default_factory=Spent)
    _lines: dict[tuple[str, int], HTTPConnection] = field(default_factory=dict)

    def take(self) -> list[Sent]:
        """Return what was sent since the last time."""
        sent, self.sent = self.sent, []
        return sent

    async def request(
        self, session: ClientSession, method: str, url: Any, **options: Any
    ) -> Any:
        """Stand in for ClientSession's own."""
        if self.watching:
            self.sent.append(Sent(method, str(url), options, perf_counter()))
        if self.sockets or not self.watching:
            return await _send(session, method, url, **options)
        with spending(self.fetching):
            return self._fetch(method, URL(str(url)), options)

    def _fetch(self, method: str, url: URL, options: dict[str, Any]) -> _Answer:
        """Fetch an answer with everything else held up, so it can be subtracted."""
        if params := options.get("params"):
            url = url.extend_query(params)
        body = options.get("data")
        headers = dict(options.get("headers") or {})
        if isinstance(body, dict):
            body = urlencode(body)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        place = (url.host or "", url.port or 80)
        line = self._lines.get(place)
        if line is None:
            line = self._lines[place] = HTTPConnection(*place)
        line.request(method, url.raw_path_qs, body=body, headers=headers)
        response = line.getresponse()
        raw = response.read()
        self.bodies.append(raw)
        return _Answer(response.status, CIMultiDict(response.getheaders()), raw)

    def close(self) -> None:
        """Hang up."""
        for line in self._lines.values():
            line.close()


@asynccontextmanager
async def watched_wire() -> AsyncGenerator[Wire]:
    """Watch all requests, and let them leave without waiting for their turn.

    What a cloud allows in a minute costs time, but no work.
    """
    wire = Wire()

    async def request(session: ClientSession, *args: Any, **options: Any) -> Any:
        return await wire.request(session, *args, **options)

    with (
        patch.object(ClientSession, "_request", request),
        patch.object(AsyncLimiter, "has_capacity", lambda limiter, amount=1: True),
    ):
        try:
            yield wire
        finally:
            wire.close()


async def fetch_and_decode(
    wire: Wire, session: ClientSession, sent: list[Sent]
) -> Spent:
    """Send the same requests again, decode what comes, and no more: the floor."""
    spent = Spent()
    wire.watching = False
    try:
        with spending(spent):
            for each in sent:
                if each.method == "GET":
                    async with session.get(
                        each.url,
                        params=each.options.get("params"),
                        headers=each.options.get("headers"),
                    ) as response:
                        raw = await response.read()
                    if raw:
                        orjson.loads(raw)
    finally:
        wire.watching = True
    return spent


def decode(bodies: list[bytes]) -> Spent:
    """Decode bodies, and no more: the floor without sockets."""
    spent = Spent()
    with spending(spent):
        for raw in bodies:
            if raw:
                orjson.loads(raw)
    return spent
