"""The benchmarks run; what they measure is not judged here."""

import asyncio
import sys

import pytest

from homeassistant.const import MAJOR_VERSION, MINOR_VERSION
from tests.floors import ROOT


@pytest.mark.skipif(
    (MAJOR_VERSION, MINOR_VERSION) < (2026, 11),
    reason="what it compares with, core's nexblue, is that of the newest version",
)
@pytest.mark.timeout(300)
async def test_quick() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks", "--quick", "podero", "gaps", "memory"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed = (await process.communicate())[0].decode()
    assert process.returncode == 0, printed
    for row in (
        "set-up ÷ nexblue's",
        "without sockets",
        "one changed, charging",
        "command to request sent",
        "all start charging at once",
        "Home Assistant's own",
        "homeassistant/core.py",
    ):
        assert row in printed
