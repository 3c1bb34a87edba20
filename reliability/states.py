"""What no device may ever be like, whatever its cloud says."""

from collections.abc import Iterator
from datetime import datetime
import math
from typing import Any

from custom_components.ev_charger_cloud.charging import (
    Device,
    DeviceKind,
    Fleet,
    Money,
    Name,
)
from custom_components.ev_charger_cloud.charging.readings import NEVER_NEGATIVE


def impossible(fleet: Fleet) -> Iterator[str]:
    """Tell what cannot be."""
    for key, device in fleet.items():
        if device.id != key:
            yield f"{device.id!r} under the key {key!r}"
        if device.parent == device.id:
            yield f"{key}: is its own parent"
        yield from _of(device)


def _of(device: Device) -> Iterator[str]:
    """Tell what cannot be of one device."""
    texts: list[Any] = [device.id, device.maker, device.model, device.serial]
    texts += [device.firmware, device.area, device.url, device.parent]
    if isinstance(device.name, Name):
        texts += device.name.placeholders.values()
    else:
        texts.append(device.name)
        if not device.name:
            yield f"{device.id}: no name"
    if not device.id:
        yield f"id is {device.id!r}"
    for what, told, fine in (
        ("kind", device.kind, list(DeviceKind)),
        ("online", device.online, [True, False, None]),
    ):
        if told not in fine:
            yield f"{what} is {told!r}"
    for text in texts:
        if text is not None and not _is_text(text):
            yield f"a text is {text!r:.60}"
    for reading, value in device.readings.items():
        if not reading.fits(value) or not _sound(value):
            yield f"{reading} is {value!r:.60}"
        elif reading in NEVER_NEGATIVE and isinstance(value, int | float) and value < 0:
            yield f"{reading} is {value}"
    for control, state in device.controls.items():
        for value in (state.value, state.minimum, state.maximum, state.step):
            if not _sound(value):
                yield f"{control} is {value!r:.60}"
        if state.step is not None and state.step <= 0:
            yield f"{control} has a step of {state.step}"
        if None not in (state.minimum, state.maximum) and (
            (state.minimum or 0) > (state.maximum or 0)
        ):
            yield f"{control} is from {state.minimum} to {state.maximum}"
        if state.options and not all(map(_is_text, state.options)):
            yield f"{control} has the options {state.options!r:.60}"
        if len(set(state.options)) < len(state.options):
            yield f"{control} has an option twice"


def _is_text(value: object) -> bool:
    """Return whether a value is a text that can be stored."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return len(value) <= 10_000


def _sound(value: object) -> bool:
    """Return whether a value can be shown and stored."""
    if isinstance(value, Money):
        return math.isfinite(value.amount)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) < 2**63
    if isinstance(value, str):
        return _is_text(value)
    return not isinstance(value, datetime) or value.tzinfo is not None
