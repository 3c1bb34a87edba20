"""A judge between AMPECO's simulated tenant and whoever asks it.

All that is asked and answered is held to a table of names and types out of AMPECO's own
document (`fixtures/ampeco/structure.json`), whatever the test is about.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
import json
from pathlib import Path
import re
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.typedefs import Handler
import pytest

from simulator.clouds.ampeco import Ampeco

OPERATIONS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "fixtures" / "ampeco" / "structure.json").read_text()
)["operations"]
# What came after the published document, under the same names.
NEWER = {"/resources/users/v1.1": "/resources/users/v1.0"}
NEWER_FILTERS = {("/resources/subscriptions/v1.0", "userId")}
# Older tenants count pages, as the document itself says of a few lists.
PAGED = {"page", "per_page", "cursor"}
# A tenant with one of these set answers otherwise than the document, on purpose; so do
# those in tests marked with `drifts`.
DRIFTS = {"base_currency", "extra_fields", "network_words", "unknown_words"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and its answer; the path has no prefix, the bodies are decoded."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    sent: Any
    status: int
    answered: Any


@cache
def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """Return what is published of a request, None for nothing."""
    for newer, known in NEWER.items():
        path = path.replace(newer, known)
    for name, operation in OPERATIONS.items():
        verb, template = name.split(" ")
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if verb == method and re.fullmatch(pattern, path):
            return operation
    return None


def mismatches(exchange: Exchange, *, drifts: bool = False) -> Iterator[str]:
    """Yield how a request or its answer differs from what is published.

    A request that the tenant refused may be what a test is about, and the answers of
    a tenant that `drifts` are.
    """
    operation = operation_of(exchange.method, exchange.path)
    if operation is None:
        yield "is not published"
        return
    yield from _in_query(exchange, operation.get("query", {}))
    if exchange.status >= 400:
        return
    body = operation.get("body")
    if body is None and exchange.sent is not None:
        yield "a body where none is taken"
    if body is not None:
        yield from differences(exchange.sent or {}, body, "sent", strict=True)
    if str(exchange.status) not in operation["answers"]:
        yield f"status {exchange.status} of {sorted(operation['answers'])}"
        return
    shape = operation["answers"][str(exchange.status)]
    if shape is not None and exchange.answered is not None and not drifts:
        yield from differences(exchange.answered, shape, "answered")


def _in_query(exchange: Exchange, published: Mapping[str, Any]) -> Iterator[str]:
    """Yield how the parameters of a request differ from those that are published."""
    for parameter, value in exchange.query:
        name, _, inner = parameter.removesuffix("]").partition("[")
        if name in PAGED or (exchange.path, inner) in NEWER_FILTERS:
            continue
        shape = published.get(name, published.get(f"{name}*"))
        if isinstance(shape, list):
            shape = shape[0]
        elif isinstance(shape, dict):
            shape = shape.get(inner)
        if shape is None:
            yield f"query: {parameter} is not published"
        elif str(shape).startswith("enum:") and not fits(value, shape):
            yield f"query: {parameter}: {value!r} is no {shape}"


def differences(
    value: Any, shape: Any, where: str, *, strict: bool = False
) -> Iterator[str]:
    """Yield how a value differs from its published shape."""
    if isinstance(shape, dict):
        yield from _in_object(value, shape, where, strict=strict)
    elif isinstance(shape, list):
        if value is None and "?" in shape:
            return
        if not isinstance(value, list):
            yield f"{where}: {value!r} is no list"
            return
        for index, item in enumerate(value):
            yield from differences(item, shape[0], f"{where}[{index}]", strict=strict)
    elif not fits(value, shape):
        yield f"{where}: {value!r} is no {shape}"


def _in_object(
    value: Any, shape: Mapping[str, Any], where: str, *, strict: bool
) -> Iterator[str]:
    """Yield how an object differs; `strict` allows no other fields."""
    if "oneOf" in shape:
        ways = [
            list(differences(value, way, where, strict=strict))
            for way in shape["oneOf"]
        ]
        if all(ways):
            yield from ways[0]
        return
    if value is None and "?" in shape:
        return
    if not isinstance(value, Mapping):
        yield f"{where}: {value!r} is no object"
        return
    fields = {name.rstrip("*"): inner for name, inner in shape.items() if name != "?"}
    for name in shape:
        if name.endswith("*") and name[:-1] not in value:
            yield f"{where}: {name[:-1]} is missing"
    for name, item in value.items():
        if name in fields:
            yield from differences(item, fields[name], f"{where}.{name}", strict=strict)
        elif strict and fields:
            yield f"{where}: {name} is not published"


@cache
def _parts(shape: str) -> tuple[str, frozenset[str], int]:
    """Return a plain type's kind, its words, and how long a text may be."""
    kind, _, rest = shape.removesuffix("?").partition(":")
    kind, _, longest = kind.partition("<=")
    return kind, frozenset(rest.split("|")), int(longest or 10**6)


def fits(value: Any, shape: str) -> bool:
    """Return whether a plain value is of a published type."""
    if value is None and shape.endswith("?"):
        return True
    kind, words, longest = _parts(shape)
    if kind == "enum":
        return str(value) in words
    if isinstance(value, bool):
        return kind in {"boolean", "any"}
    match kind:
        case "integer":
            return isinstance(value, int)
        case "number":
            return isinstance(value, int | float)
        case "string":
            return isinstance(value, str) and len(value) <= longest
        case "datetime":
            return _reads(datetime.fromisoformat, value)
        case "date":
            return len(str(value)) == 10 and _reads(date.fromisoformat, value)
    return kind == "any"


def _reads(read: Callable[[str], object], value: Any) -> bool:
    """Return whether a value is a text that can be read."""
    try:
        return isinstance(value, str) and read(value) is not None
    except ValueError:
        return False


class Judge:
    """Listens to all that is said to simulated tenants, and keeps what is wrong."""

    def __init__(self, *, drifts: bool) -> None:
        """Begin with nothing heard; answers are not judged where a test `drifts`."""
        self._drifts = drifts
        self.heard = 0
        self.found: set[str] = set()

    async def listen(
        self, tenant: Ampeco, request: web.Request, answer: web.StreamResponse
    ) -> None:
        """Hold a request and its answer against the document."""
        if not isinstance(answer, web.Response):
            return
        body = await request.read()
        exchange = Exchange(
            method=request.method,
            # As it was sent: what is quoted is part of a name.
            path=request.rel_url.raw_path.partition("/public-api")[2],
            query=tuple(request.query.items()),
            sent=json.loads(body) if body else None,
            status=answer.status,
            answered=json.loads(answer.text) if answer.text else None,
        )
        self.heard += 1
        drifts = self._drifts or any(
            tenant.quirks[quirk] != tenant.DEFAULT_QUIRKS[quirk] for quirk in DRIFTS
        )
        for words in mismatches(exchange, drifts=drifts):
            said = f"{exchange.method} {exchange.path}: {words}"
            self.found.add(re.sub(r"\[\d+\]", "[]", said))


@pytest.fixture(name="judge", autouse=True)
def judge_fixture(request: pytest.FixtureRequest) -> Iterator[Judge]:
    """Fail a test in which anything was said that AMPECO's document does not have."""
    judge = Judge(drifts=request.node.get_closest_marker("drifts") is not None)
    dispatch = Ampeco.dispatch

    async def heard(
        tenant: Ampeco, asked: web.Request, handler: Handler
    ) -> web.StreamResponse:
        answer = await dispatch(tenant, asked, handler)
        await judge.listen(tenant, asked, answer)
        return answer

    with patch.object(Ampeco, "dispatch", heard):
        yield judge
    assert not judge.found, "\n".join(sorted(judge.found))
