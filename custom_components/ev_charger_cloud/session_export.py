"""Finished sessions as a table: for an employer, a tax office or a spreadsheet."""

from collections.abc import Iterable, Mapping, Sequence
import csv
from datetime import datetime, timedelta
from http import HTTPStatus
import io
import logging
from pathlib import Path
from typing import Any

from aiohttp import web

from homeassistant.components.http import KEY_HASS, HomeAssistantView
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util, slugify

from .const import DOMAIN
from .ledger import SessionRecord

_LOGGER = logging.getLogger(__name__)

URL = f"/api/{DOMAIN}/exports/{{name}}"
_VALID = timedelta(days=1)

COLUMNS = (
    "charger",
    "serial",
    "session",
    "start",
    "end",
    "energy_kwh",
    "meter_start_kwh",
    "meter_end_kwh",
    "price",
    "cost",
    "currency",
    "card",
    "driver",
    "estimated",
    "counted",
)
_TIMES = {
    "iso": "%Y-%m-%d %H:%M:%S",
    "day_first": "%d.%m.%Y %H:%M:%S",
    "month_first": "%m/%d/%Y %H:%M:%S",
}
DATE_STYLES = tuple(_TIMES)
DECIMALS = ("point", "comma")
FORMATS = ("csv", "json")

type Cell = str | int | float | bool | datetime | None
type Line = dict[str, Cell]


def lines_of(
    records: Iterable[SessionRecord],
    name: str,
    serial: str | None,
    price: float | None,
    currency: str,
) -> list[Line]:
    """Return a line for each session of a device.

    The energy is the sum of its hours, as in the statistics. It costs what the ledger
    says, by the price of each hour; or all of it a `price` that is asked for here.
    """
    lines: list[Line] = []
    for record in records:
        energy = kilo(sum(hour.energy for hour in record.hours))
        if not record.hours and not (record.sound and record.energy):
            energy = kilo(record.energy)
        cost = None if record.cost is None else round(record.cost, 4)
        paid_in, rate = record.currency, record.price
        if price is not None:
            rate, paid_in = price, currency
            cost = None if energy is None else round(energy * price, 4)
        elif rate is None and cost is not None and energy:
            rate = round(cost / energy, 4)
        lines.append(
            {
                "charger": name,
                "serial": serial,
                "session": record.id,
                "start": record.start,
                "end": record.end,
                "energy_kwh": energy,
                "meter_start_kwh": kilo(record.meter_start),
                "meter_end_kwh": kilo(record.meter_stop),
                "price": rate,
                "cost": cost,
                "currency": paid_in if cost is not None else None,
                "card": record.id_token,
                "driver": record.user_id,
                "estimated": record.estimated,
                "counted": record.sound,
            }
        )
    return lines


def kilo(energy: float | None) -> float | None:
    """Return an energy (Wh) in kWh."""
    return None if energy is None else round(energy / 1000, 3)


def totals_of(lines: Iterable[Line]) -> dict[str, Any]:
    """Add up what counts; currencies are never mixed."""
    energy = 0.0
    costs: dict[str, float] = {}
    sessions = estimated = 0
    for line in lines:
        if not line["counted"]:
            continue
        sessions += 1
        estimated += bool(line["estimated"])
        if isinstance(line["energy_kwh"], float):
            energy += line["energy_kwh"]
        if isinstance(line["cost"], float):
            unit = str(line["currency"] or "")
            costs[unit] = costs.get(unit, 0.0) + line["cost"]
    return {
        "sessions": sessions,
        "estimated_sessions": estimated,
        "energy_kwh": round(energy, 3),
        "costs": {unit: round(cost, 4) for unit, cost in sorted(costs.items())},
    }


def as_json(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Return lines with their times in local words."""
    return [
        {
            key: dt_util.as_local(value).isoformat()
            if isinstance(value, datetime)
            else value
            for key, value in line.items()
        }
        for line in lines
    ]


def as_csv(
    lines: Sequence[Line],
    totals: Mapping[str, Any],
    titles: Mapping[str, str],
    *,
    decimal: str,
    date_style: str,
) -> str:
    """Return a table with a line of totals for each currency."""
    comma = decimal == "comma"

    def cell(value: Cell) -> str:
        match value:
            case None:
                return ""
            case bool():
                return "1" if value else "0"
            case float():
                text = f"{value:.4f}".rstrip("0").rstrip(".")
                return text.replace(".", ",") if comma else text
            case datetime():
                return _local_time(value, _TIMES[date_style])
            case str() if value[:1] in ("=", "+", "-", "@", "\t", "\r"):
                # A spreadsheet would take it for a formula.
                return f"'{value}"
            case _:
                return str(value)

    out = io.StringIO()
    writer = csv.writer(out, delimiter=";" if comma else ",", lineterminator="\r\n")
    writer.writerow([titles[column] for column in COLUMNS])
    for line in lines:
        writer.writerow([cell(line[column]) for column in COLUMNS])
    for unit, cost in (totals["costs"] or {"": None}).items():
        total: Line = {
            "charger": titles["total"],
            "energy_kwh": totals["energy_kwh"],
            "cost": cost,
            "currency": unit,
        }
        writer.writerow([cell(total.get(column)) for column in COLUMNS])
    return out.getvalue()


def _local_time(when: datetime, style: str) -> str:
    """Return a time as people write it; one that a night has twice names its zone."""
    local = dt_util.as_local(when)
    offsets = {local.replace(fold=fold).utcoffset() for fold in (0, 1)}
    return local.strftime(style if len(offsets) == 1 else f"{style} %Z")


def _folder(hass: HomeAssistant) -> Path | None:
    """Return where files go: the first media folder, or www; None without either.

    Reads the disk.
    """
    for place in (*hass.config.media_dirs.values(), hass.config.path("www")):
        if Path(place).is_dir():
            return Path(place) / DOMAIN
    return None


def file_name(name: str, kind: str) -> str:
    """Return a name that is one of a file and of nothing else."""
    stem = name.removesuffix(f".{kind}")
    return f"{slugify(stem) or DOMAIN}.{kind}"


def write(hass: HomeAssistant, name: str, content: str) -> Path | None:
    """Write a file, whole or not at all; None where there is no folder for it.

    One that cannot be written to is none.
    """
    folder = _folder(hass)
    if folder is None:
        return None
    path = folder / name
    unfinished = path.with_suffix(".part")
    try:
        folder.mkdir(exist_ok=True)
        unfinished.write_text(content, encoding="utf-8-sig", newline="")
        unfinished.replace(path)
    except OSError as err:
        # Not where: the name may be a person's.
        _LOGGER.warning("The export could not be written: %s", err.strerror)
        return None
    return path


@callback
def async_link(hass: HomeAssistant, name: str) -> str:
    """Return a link that opens a file for a day, without signing in."""
    path = URL.format(name=name)
    return async_sign_path(hass, path, _VALID, use_content_user=True)


class ExportView(HomeAssistantView):
    """Serves the files that were written."""

    url = URL
    name = f"api:{DOMAIN}:exports"

    async def get(self, request: web.Request, name: str) -> web.StreamResponse:
        """Return a file."""
        hass = request.app[KEY_HASS]
        path = await hass.async_add_executor_job(self._find, hass, name)
        if path is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.FileResponse(
            path, headers={"Content-Disposition": f"attachment; filename={path.name}"}
        )

    @staticmethod
    def _find(hass: HomeAssistant, name: str) -> Path | None:
        """Find a file that was written here."""
        kind = name.rpartition(".")[2]
        folder = _folder(hass)
        if folder is None or kind not in FORMATS or name != file_name(name, kind):
            return None
        path = folder / name
        return path if path.is_file() else None
