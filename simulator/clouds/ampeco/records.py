"""Plain records over HTTP, and the prices that belong to electricity rates."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aiohttp import web

from .access import Access
from .actions import Answer
from .lookup import Missing, number, read_body
from .query import Invalid
from .resources import Collection

ROOT = "/public-api/resources"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "any")

type Prices = dict[int, dict[str, list[dict[str, Any]]]]


class Records:
    """Serves a tenant's resources."""

    def __init__(
        self,
        resources: Mapping[str, Collection],
        prices: Prices,
        page: Callable[..., web.Response],
    ) -> None:
        """Serve resources; `page` answers a page of a list."""
        self._resources = resources
        self._prices_of = prices
        self._page = page

    def routes(self) -> Iterator[tuple[str, str, str, Answer]]:
        """Yield the routes of plain records."""
        for name, collection in self._resources.items():
            kind = collection.kind
            for place in filter(None, (kind.path, kind.older)):
                path, one = f"{ROOT}/{place}", f"{ROOT}/{place}/{{record}}"
                yield "GET", path, name, self._list(collection)
                yield "GET", one, name, self._show(collection)
                if kind.create:
                    yield "POST", path, "write", self._create(collection)
                if kind.update:
                    yield kind.update, one, "write", self._update(collection)
                if kind.delete:
                    yield "DELETE", one, "write", self._delete(collection)
        prices = f"{ROOT}/electricity-rates/v2.0/{{record}}/price-periods"
        yield "GET", prices, "electricity-rates", self._prices
        for part in ("week-day", "date"):
            yield "GET", f"{prices}/{part}", "electricity-rates", self._prices_by(part)
            yield (
                "GET",
                f"{prices}/{part}/{{day}}",
                "electricity-rates",
                self._prices_by(part),
            )
            yield "PUT", f"{prices}/{part}/{{day}}", "write", self._set_prices
            yield "DELETE", f"{prices}/{part}/{{day}}", "write", self._delete_prices

    def _list(self, collection: Collection) -> Answer:
        async def answer(request: web.Request, access: Access) -> web.Response:
            return self._page(
                request,
                collection.items.values(),
                collection.filters(),
                lambda record: int(record["id"]),
                lambda record: _shown(collection, record, access),
                old=collection.kind.old,
            )

        return answer

    def _show(self, collection: Collection) -> Answer:
        async def answer(request: web.Request, access: Access) -> web.Response:
            record = collection.items[_record(request, collection)]
            shown = _shown(collection, record, access)
            wrapped = collection.kind.wrapped
            return web.json_response({"data": shown} if wrapped else shown)

        return answer

    def _create(self, collection: Collection) -> Answer:
        async def answer(request: web.Request, access: Access) -> web.Response:
            record = collection.create(await read_body(request))
            shown = _shown(collection, record, access)
            return web.json_response({"data": shown}, status=201)

        return answer

    def _update(self, collection: Collection) -> Answer:
        async def answer(request: web.Request, access: Access) -> web.Response:
            key, body = _record(request, collection), await read_body(request)
            return web.json_response(
                {"data": _shown(collection, collection.change(key, body), access)}
            )

        return answer

    def _delete(self, collection: Collection) -> Answer:
        async def answer(request: web.Request, access: Access) -> web.Response:
            del collection.items[_record(request, collection)]
            return web.Response(status=204)

        return answer

    def _days(self, request: web.Request) -> dict[str, list[dict[str, Any]]]:
        key = _record(request, self._resources["electricity-rates"])
        return self._prices_of.setdefault(key, {})

    async def _prices(self, request: web.Request, access: Access) -> web.Response:
        return web.json_response(
            {
                "data": [
                    {"weekDay" if day in DAYS else "date": day, "periods": periods}
                    for day, periods in self._days(request).items()
                ]
            }
        )

    def _prices_by(self, part: str) -> Answer:
        async def answer(request: web.Request, access: Access) -> web.Response:
            name = "weekDay" if part == "week-day" else "date"
            shown = {
                day: {name: day, "periods": periods}
                for day, periods in self._days(request).items()
                if (day in DAYS) is (part == "week-day")
            }
            if (wanted := request.match_info.get("day")) is None:
                return web.json_response({"data": list(shown.values())})
            if wanted not in shown:
                raise Missing
            return web.json_response({"data": shown[wanted]})

        return answer

    async def _set_prices(self, request: web.Request, access: Access) -> web.Response:
        body = await read_body(request)
        if not isinstance(body.get("periods"), list):
            raise Invalid(periods="The periods field is required.")
        day, periods = request.match_info["day"], body["periods"]
        self._days(request)[day] = periods
        name = "weekDay" if day in DAYS else "date"
        return web.json_response({"data": {name: day, "periods": periods}})

    async def _delete_prices(
        self, request: web.Request, access: Access
    ) -> web.Response:
        self._days(request).pop(request.match_info["day"], None)
        return web.Response(status=204)


def _shown(
    collection: Collection, record: dict[str, Any], access: Access
) -> dict[str, Any]:
    hidden = {"password"} if access.sees_balances else {"balance", "password"}
    shown = {key: value for key, value in record.items() if key not in hidden}
    return shown | {"id": str(record["id"])} if collection.kind.text_id else shown


def _record(request: web.Request, collection: Collection) -> int:
    key = number(request, "record")
    if key not in collection.items:
        raise Missing
    return key
