"""How lists are asked for: filters, includes and pages."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
import re
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

MAX_PER_PAGE = 100

type Filter[T] = Callable[[T, str], bool]


class Invalid(Exception):
    """The request fails validation; `errors` are texts by field."""

    def __init__(self, **errors: str) -> None:
        """Keep the texts."""
        super().__init__(str(errors))
        self.errors = {field: [text] for field, text in errors.items()}


def iso(when: datetime | None) -> str | None:
    """Write a time as the API does."""
    if when is None:
        return None
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str, field: str) -> datetime:
    """Read a time of a filter."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(**{field: "The value is not a valid date."}) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def after[T](read: Callable[[T], datetime | None], field: str) -> Filter[T]:
    """Return a filter for times at or after the one given, to the second."""

    def passes(item: T, text: str) -> bool:
        when = read(item)
        limit = parse_time(text, field)
        return when is not None and when.replace(microsecond=0) >= limit

    return passes


def before[T](read: Callable[[T], datetime | None], field: str) -> Filter[T]:
    """Return a filter for times at or before the one given, to the second."""

    def passes(item: T, text: str) -> bool:
        when = read(item)
        limit = parse_time(text, field)
        return when is not None and when.replace(microsecond=0) <= limit

    return passes


def equals[T](read: Callable[[T], Any]) -> Filter[T]:
    """Return a filter for equality, whatever the type."""

    def passes(item: T, text: str) -> bool:
        value = read(item)
        word = str(value).lower() if isinstance(value, bool) else str(value)
        return value is not None and word == text

    return passes


def filters_of(request: web.Request) -> dict[str, list[str]]:
    """Return the values of each filter[name], filter[name][] or filter[a][b]."""
    found: dict[str, list[str]] = {}
    for key, value in request.query.items():
        if match := re.fullmatch(r"filter\[([^\]]+)\]((?:\[[^\]]*\])*)", key):
            deeper = [
                part
                for part in re.findall(r"\[([^\]]*)\]", match[2])
                if part and not part.isdigit()
            ]
            found.setdefault(".".join([match[1], *deeper]), []).append(value)
    return found


def includes_of(request: web.Request) -> set[str]:
    """Return what include[] asks for."""
    return {
        value
        for key, value in request.query.items()
        if re.fullmatch(r"include\[\d*\]", key)
    }


def select[T](
    request: web.Request, items: Iterable[T], filters: Mapping[str, Filter[T]]
) -> list[T]:
    """Return what passes the filters; one that nobody knows is passed over."""
    selected = list(items)
    for name, values in filters_of(request).items():
        if passes := filters.get(name):
            selected = [
                item for item in selected if any(passes(item, v) for v in values)
            ]
    return selected


def paginate[T](
    request: web.Request,
    items: Sequence[T],
    key: Callable[[T], int],
    show: Callable[[T], Any],
    *,
    url: str,
    quirks: Mapping[str, Any],
    pages: bool = False,
    numbered: bool = False,
) -> dict[str, Any]:
    """Return one page of items that are sorted by id.

    `pages` says that the endpoint still knows numbered pages, `numbered` that it knows
    no others.
    """
    try:
        per_page = min(MAX_PER_PAGE, int(request.query.get("per_page", MAX_PER_PAGE)))
    except ValueError:
        per_page = 0
    if per_page < 1:
        raise Invalid(per_page="The per page must be at least 1.")
    by_number = numbered or quirks["paging"] == "page"
    if by_number or (pages and "cursor" not in request.query):
        return _numbered(request, items, show, url, per_page)
    cursor = request.query.get("cursor", "null")
    first = {"null": ("null",), "empty": ("",)}.get(
        quirks["first_cursor"], ("null", "")
    )
    if cursor in {"null", ""} and cursor not in first:
        raise Invalid(cursor="The cursor is invalid.")
    start = 0 if cursor in first else _read_cursor(cursor)
    rest = [item for item in items if key(item) > start]
    page = rest[:per_page]
    following = _write_cursor(key(page[-1])) if len(rest) > per_page else None
    return {
        "data": [show(item) for item in page],
        "links": {
            "first": None,
            "last": None,
            "prev": None,
            "next": _link(request, url, "cursor", following)
            if following and quirks["paging"] != "meta"
            else None,
        },
        "meta": {
            "path": url,
            "per_page": per_page,
            **_told(following, quirks["paging"]),
        },
    }


def _told(cursor: str | None, paging: str) -> dict[str, str | None]:
    """Return the cursor under the name that a tenant has for it, if it has one."""
    if paging == "meta":
        return {"cursor": cursor}
    return {"next_cursor": None if paging == "links" else cursor, "prev_cursor": None}


def _numbered[T](
    request: web.Request,
    items: Sequence[T],
    show: Callable[[T], Any],
    url: str,
    per_page: int,
) -> dict[str, Any]:
    """Return a page by its number, as older endpoints do."""
    number = max(1, int(request.query.get("page", "1")))
    last = max(1, -(-len(items) // per_page))
    start = (number - 1) * per_page
    page = items[start : start + per_page]
    return {
        "data": [show(item) for item in page],
        "links": {
            "first": _link(request, url, "page", "1"),
            "last": _link(request, url, "page", str(last)),
            "prev": None,
            "next": _link(request, url, "page", str(number + 1))
            if number < last
            else None,
        },
        "meta": {
            "current_page": number,
            "from": start + 1 if page else None,
            "last_page": last,
            "links": [],
            "path": url,
            "per_page": per_page,
            "to": start + len(page) if page else None,
            "total": len(items),
        },
    }


def _link(request: web.Request, url: str, name: str, value: str) -> str:
    query = [(k, v) for k, v in request.query.items() if k not in {"cursor", "page"}]
    return f"{url}?{urlencode([*query, (name, value)])}"


def _write_cursor(last: int) -> str:
    return urlsafe_b64encode(f'{{"id":{last}}}'.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> int:
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except BadBase64, UnicodeDecodeError, ValueError:
        text = ""
    if not (match := re.fullmatch(r'\{"id":(\d+)\}', text)):
        raise Invalid(cursor="The cursor is invalid.")
    return int(match[1])
