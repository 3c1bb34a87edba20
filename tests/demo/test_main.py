"""Arguments, ports, limits."""

from pathlib import Path
import socket

import pytest

from demo.__main__ import main, parse
from demo.errors import DemoError
from demo.home import State
from demo.process import DOMAIN, check_port, free_port, prepare
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
    assert f"✗ Port {port}" in capsys.readouterr().err
    check_port(free_port(), "tea", "drink coffee")


def test_a_folder_can_be_prepared_again(tmp_path: Path) -> None:
    prepare(tmp_path, 1234)
    prepare(tmp_path, 4321)

    integration = tmp_path / "custom_components" / DOMAIN
    assert (integration / "manifest.json").is_file()
    assert "4321" in (tmp_path / ".storage" / "http").read_text()


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
