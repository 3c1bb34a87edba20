"""The filter of Home Assistant's log."""

import pytest

from demo.log import complaints

STAMP = "2026-11-20 10:13:28.979+00:00"
USUAL = (
    f"{STAMP} WARNING (SyncWorker_0) [homeassistant.loader] We found a custom"
    " integration ev_charger_cloud which has not been tested by Home Assistant."
)


@pytest.mark.parametrize(
    "record",
    [
        f"{STAMP} WARNING (MainThread) [custom_components.ev_charger_cloud.x] Odd",
        f"{STAMP} ERROR (MainThread) [homeassistant.setup] ev_charger_cloud failed",
        f"{STAMP} WARNING (MainThread) [homeassistant.helpers.frame] Detected that"
        " custom integration 'ev_charger_cloud' calls a deprecated function",
        f"{STAMP} ERROR (MainThread) [homeassistant] Task failed\n"
        "Traceback (most recent call last):\n"
        '  File "/config/custom_components/ev_charger_cloud/sensor.py", line 1\n'
        "ValueError",
    ],
)
def test_what_concerns_us_is_found_with_its_traceback(record: str) -> None:
    text = f"{USUAL}\n{record}\n{STAMP} ERROR (MainThread) [haffmpeg.core] No ffmpeg\n"

    assert complaints(text) == [record]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a line before the first record",
        USUAL,
        f"{STAMP} INFO (MainThread) [custom_components.ev_charger_cloud] All is well",
        f"{STAMP} ERROR (MainThread) [haffmpeg.core] FFmpeg fails\nTraceback:\n  x",
    ],
)
def test_all_else_is_passed_over(text: str) -> None:
    assert complaints(text) == []
