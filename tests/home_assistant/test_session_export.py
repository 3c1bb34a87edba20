"""The export of sessions, and what is told of them from the ledger."""

from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ev_charger_cloud.charging import (
    Device,
    DeviceKind,
    EnergyHour,
    Reading,
    SessionStatus,
)
from custom_components.ev_charger_cloud.const import DOMAIN
from custom_components.ev_charger_cloud.ledger import Ledger, SessionRecord
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError

from .devices import SetUp, device_entry
from .fake_provider import FakeProvider

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
GOLDEN = Path(__file__).parents[1] / "fixtures" / "exports"


def session(number: int, start: datetime, **changes: Any) -> SessionRecord:
    hours = tuple(
        EnergyHour(start=start + timedelta(hours=n), energy=3625, estimated=False)
        for n in range(2)
    )
    return SessionRecord(
        **{
            "id": str(number),
            "device_id": "c1",
            "start": start,
            "end": start + timedelta(hours=2),
            "energy": 7250.0,
            "hours": hours,
            "cost": 2.175,
            "currency": "EUR",
            "id_token": "…C3D4",
            "user_id": "771",
            "meter_start": 1_000_000.0,
            "meter_stop": 1_007_250.0,
            "payment_status": "paid",
            **changes,
        }
    )


@pytest.fixture(autouse=True)
async def places(
    home: HomeAssistant,
    fake: type[FakeProvider],
    freezer: FrozenDateTimeFactory,
    tmp_path: Path,
) -> None:
    """Have a media folder, and a charger whose name a spreadsheet could run."""
    await home.config.async_set_time_zone("Europe/Berlin")
    home.config.media_dirs = {"local": str(tmp_path)}
    freezer.move_to(NOW)
    fake.fleet = {
        "c1": Device(
            id="c1",
            name="=Wallbox",
            serial="SN-1",
            online=True,
            readings={Reading.CHARGING: False},
        ),
        "c1-1": Device(
            id="c1-1",
            name="Left, outside",
            parent="c1",
            kind=DeviceKind.CONNECTOR,
            online=True,
        ),
    }


@pytest.fixture
async def ledger(set_up: SetUp) -> Ledger:
    """Have sessions of all kinds, of which one ended before the month."""
    entry = await set_up()
    ledger = entry.runtime_data.ledger
    assert isinstance(ledger, Ledger)
    ledger.record(session(1, datetime(2026, 10, 31, 8, tzinfo=UTC)), NOW)
    ledger.record(session(2, datetime(2026, 11, 3, 17, 30, tzinfo=UTC)), NOW)
    ledger.record(
        session(
            3,
            datetime(2026, 11, 9, 22, 15, tzinfo=UTC),
            device_id="c1-1",
            observed=True,
            cost=None,
            id_token=None,
            user_id=None,
            meter_start=None,
            meter_stop=None,
        ),
        NOW,
    )
    ledger.record(
        session(
            4, datetime(2026, 11, 20, 6, tzinfo=UTC), sound=False, hours=(), cost=None
        ),
        NOW,
    )
    ledger.record(
        session(5, datetime(2026, 11, 21, 6, tzinfo=UTC), currency="CHF"), NOW
    )
    return ledger


async def export(home: HomeAssistant, **fields: Any) -> dict[str, Any]:
    answer = await home.services.async_call(
        DOMAIN,
        "export_sessions",
        {"device_id": device_entry(home, "c1").id, **fields},
        blocking=True,
        return_response=True,
    )
    assert answer is not None
    return dict(answer)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("american", {"date_style": "month_first"}),
        (
            "german",
            {"date_style": "day_first", "decimal": "comma", "price": 0.31},
        ),
    ],
)
async def test_table(
    home: HomeAssistant,
    ledger: Ledger,
    hass_client_no_auth: ClientSessionGenerator,
    name: str,
    fields: dict[str, Any],
) -> None:
    """It is written as spreadsheets of that country read it, and has a link."""
    answer = await export(home, file_name=f"{name}.csv", **fields)
    golden = (GOLDEN / f"{name}.csv").read_bytes()
    assert Path(answer["file"]).read_bytes() == golden
    client = await hass_client_no_auth()
    response = await client.get(answer["link"])
    assert await response.read() == golden
    assert "attachment" in response.headers["Content-Disposition"]
    # Without the signature nobody gets it.
    path = answer["link"].partition("?")[0]
    assert (await client.get(path)).status == 401


async def test_json(home: HomeAssistant, ledger: Ledger) -> None:
    """The response and the file say the same."""
    answer = await export(
        home,
        device_id=[device_entry(home, "c1").id, device_entry(home, "c1-1").id],
        start="2026-10-01 00:00:00",
        end="2026-11-10 00:00:00",
        format="json",
        file_name="../../November 2026",
    )
    path = Path(answer["file"])
    assert path.name == "november_2026.json"
    assert json.loads(path.read_text(encoding="utf-8-sig")) == {
        "sessions": answer["sessions"],
        "totals": answer["totals"],
    }
    assert [line["session"] for line in answer["sessions"]] == ["1", "2"]
    assert answer["sessions"][0]["start"] == "2026-10-31T09:00:00+01:00"
    assert answer["totals"] == {
        "sessions": 2,
        "estimated_sessions": 0,
        "energy_kwh": 14.5,
        "costs": {"EUR": 4.35},
    }


async def test_what_cannot_be(
    home: HomeAssistant, ledger: Ledger, tmp_path: Path
) -> None:
    """A span that is reversed, and no folder to write to."""
    with pytest.raises(ServiceValidationError) as caught:
        await export(home, start="2026-11-10 00:00:00", end="2026-11-09 00:00:00")
    assert caught.value.translation_key == "span_reversed"
    home.config.media_dirs = {"local": str(tmp_path / "nowhere")}
    with pytest.raises(ServiceValidationError) as caught:
        await export(home, file_name="x")
    assert caught.value.translation_key == "no_export_folder"
    answer = await export(home)
    assert "file" not in answer


async def test_folders(
    home: HomeAssistant,
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without a media folder it is www; whatever the name, it is a file in there."""
    home.config.media_dirs = {}
    monkeypatch.setattr(home.config, "config_dir", str(tmp_path / "house"))
    www = tmp_path / "house" / "www"
    www.mkdir(parents=True)
    for name, stem in (
        ("../../x", "x"),
        ("/etc/passwd", "etc_passwd"),
        ("..", "unknown"),
        (".csv", DOMAIN),
    ):
        answer = await export(home, file_name=name)
        assert Path(answer["file"]) == www / DOMAIN / f"{stem}.csv"
    assert {each.suffix for each in (www / DOMAIN).iterdir()} == {".csv"}
    # A folder that is none.
    for each in (www / DOMAIN).iterdir():
        each.unlink()
    (www / DOMAIN).rmdir()
    (www / DOMAIN).write_text("")
    with pytest.raises(ServiceValidationError) as caught:
        await export(home, file_name="x")
    assert caught.value.translation_key == "no_export_folder"
    assert "could not be written" in caplog.text


async def test_night_of_the_clock_change(home: HomeAssistant, ledger: Ledger) -> None:
    """A session does not end before it begins, though the hour comes twice."""
    start = datetime(2026, 10, 25, 0, 50, tzinfo=UTC)
    end = start + timedelta(minutes=30)
    ledger.record(session(9, start, end=end), NOW)
    span = {"start": "2026-10-25 00:00:00", "end": "2026-10-26 00:00:00"}
    answer = await export(home, file_name="night", **span)
    (line,) = answer["sessions"]
    assert (line["start"], line["end"]) == (
        "2026-10-25T02:50:00+02:00",
        "2026-10-25T02:20:00+01:00",
    )
    text = Path(answer["file"]).read_text(encoding="utf-8-sig")
    assert ",2026-10-25 02:50:00 CEST,2026-10-25 02:20:00 CET," in text


async def test_sum_of_the_lines(home: HomeAssistant, ledger: Ledger) -> None:
    """Totals are those of what is shown, and what counts is what statistics have."""
    for number in range(20, 50):
        start = datetime(2026, 11, 5, tzinfo=UTC) + timedelta(hours=number)
        ledger.record(session(number, start, cost=0.100049), NOW)
    # An energy that cannot be, and is in no hour.
    odd = datetime(2026, 11, 6, tzinfo=UTC)
    ledger.record(session(50, odd, energy=-4.0, hours=(), cost=None), NOW)
    answer = await export(home)
    lines = [line for line in answer["sessions"] if line["counted"]]
    for currency, total in answer["totals"]["costs"].items():
        shown = [
            round(line["cost"], 4) for line in lines if line["currency"] == currency
        ]
        assert total == round(sum(shown), 4)
    energies = [
        energy
        for device_id in ("c1", "c1-1")
        for hour, energy in ledger.totals(device_id).energies.items()
        if hour >= datetime(2026, 11, 1, tzinfo=UTC)
    ]
    assert answer["totals"]["energy_kwh"] == sum(energies) / 1000
    assert sum(line["energy_kwh"] for line in lines) == pytest.approx(
        sum(energies) / 1000
    )


async def test_links_to_nothing(
    home: HomeAssistant,
    ledger: Ledger,
    hass_client: ClientSessionGenerator,
    tmp_path: Path,
) -> None:
    """Only what was written here is served."""
    (tmp_path / "secret.csv").write_text("x")
    client = await hass_client()
    for name in ("secret.csv", "..%2Fsecret.csv", "x.txt", "Upper.csv"):
        response = await client.get(f"/api/{DOMAIN}/exports/{name}")
        assert response.status in (400, 404), name


async def get_sessions(home: HomeAssistant, **fields: Any) -> dict[str, Any]:
    answer = await home.services.async_call(
        DOMAIN,
        "get_sessions",
        {"device_id": device_entry(home, "c1").id, **fields},
        blocking=True,
        return_response=True,
    )
    assert answer is not None
    return dict(answer)


async def test_answers_of_the_ledger(
    home: HomeAssistant, fake: type[FakeProvider], set_up: SetUp
) -> None:
    """They come from there once the span was read, and as long as nothing runs."""
    fake.keeps_sessions = True
    fake.past = []
    entry = await set_up()
    entry.runtime_data.ledger.record(session(2, NOW - timedelta(days=2)), NOW)
    assert (await get_sessions(home))["source"] == "cloud"
    asked = len(fake.asked_spans)
    progress = entry.runtime_data.ledger.progress.setdefault("c1", {})
    progress.update(
        checked=(NOW - timedelta(hours=3)).timestamp(),
        since=(NOW - timedelta(days=40)).timestamp(),
    )
    answer = await get_sessions(home)
    assert len(fake.asked_spans) == asked
    assert answer["source"] == "ledger"
    assert answer["as_of"] == "2026-11-28T10:00:00+01:00"
    (told,) = answer["sessions"]
    assert told["energy_kwh"] == 7.25
    assert told["status"] == SessionStatus.FINISHED
    assert told["payment_status"] == "paid"
    # Older ones were not read yet.
    older = await get_sessions(home, start="2026-01-01 00:00:00")
    assert older["source"] == "cloud"
    progress["done"] = True
    older = await get_sessions(home, start="2026-01-01 00:00:00")
    assert older["source"] == "ledger"
    # What runs is known to the cloud alone.
    entry.runtime_data.data = {
        **entry.runtime_data.data,
        "c1-1": Device(
            id="c1-1",
            name="Left",
            parent="c1",
            kind=DeviceKind.CONNECTOR,
            readings={Reading.SESSION_STATUS: SessionStatus.ACTIVE},
        ),
    }
    assert (await get_sessions(home))["source"] == "cloud"
    past = await get_sessions(home, end="2026-11-27 00:00:00")
    assert past["source"] == "ledger"
    entry.runtime_data.data = dict(fake.fleet)
    progress["checked"] = (NOW - timedelta(days=5)).timestamp()
    assert (await get_sessions(home))["source"] == "cloud"
