"""Arguments, ports, limits."""

from pathlib import Path
import socket

import pytest

from demo.__main__ import main, parse
from demo.errors import DemoError
from demo.home import State
from demo.process import DOMAIN, check_port, free_port, is_free, move_accounts, prepare
from demo.scenario import lower


def test_the_demo_itself_is_the_default() -> None:
    options = parse([])

    assert not options.check
    assert options.port is options.providers is None


def test_providers_are_separated_by_commas() -> None:
    assert parse(["--providers", "one, two,"]).providers == ["one", "two"]


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x"])
def test_a_port_must_be_one(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--port", port])
    assert "must be from 1 to 65535" in capsys.readouterr().err


def test_a_port_in_use_gets_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(DemoError, match=f"Port {port} for tea is not free"):
            check_port(port, "tea", "drink coffee")
        assert main(["--check", "--port", str(port)]) == 1
        assert not is_free(port)
    assert f"✗ Port {port}" in capsys.readouterr().err
    check_port(free_port(), "tea", "drink coffee")
    assert is_free(free_port())


def test_a_folder_can_be_prepared_again(tmp_path: Path) -> None:
    prepare(tmp_path, 1234)
    (tmp_path / "automations.yaml").write_text("[] # mine")
    blueprint = next((tmp_path / "blueprints").rglob("solar_surplus.yaml"))
    blueprint.write_text("mine")
    prepare(tmp_path, 4321)

    integration = tmp_path / "custom_components" / DOMAIN
    assert (integration / "manifest.json").is_file()
    assert "4321" in (tmp_path / ".storage" / "http").read_text()
    # What is the user's own stays.
    assert "mine" in (tmp_path / "automations.yaml").read_text()
    assert blueprint.read_text() == "mine"


def test_accounts_of_another_run_move(tmp_path: Path) -> None:
    move_accounts(tmp_path, "http://127.0.0.1:6")
    entries = tmp_path / ".storage" / "core.config_entries"
    entries.parent.mkdir()
    old = '{"base_url": "http://127.0.0.1:5/amps", "url": "http://127.0.0.1:5/"}'
    entries.write_text(old)
    move_accounts(tmp_path, "http://127.0.0.1:6")
    assert entries.read_text() == old.replace("5/amps", "6/amps")


@pytest.mark.parametrize(
    ("value", "low", "step", "expected"),
    [(16, 6, 1, 9), (11000, 0, 100, 6600), (11000, 1400, 230, 6460), (7, 6, 1, 6)],
)
def test_a_lower_limit_is_on_the_grid(
    value: float, low: float, step: float, expected: float
) -> None:
    assert lower(value, State("unknown", {"min": low, "step": step})) == expected


def test_a_limit_that_cannot_be_lower_is_told() -> None:
    with pytest.raises(DemoError):
        lower(6, State("6", {"min": 6, "step": 1}))
