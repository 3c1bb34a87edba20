"""Columns."""

from demo.table import event_line


def test_events_are_aligned() -> None:
    first = event_line(0.04, "cloud", "found", "idle")
    second = event_line(123.4, "another cloud", "plugged in", "busy")

    assert first.index("idle") == second.index("busy")
    assert event_line(1, "cloud", "ended").endswith("ended")
