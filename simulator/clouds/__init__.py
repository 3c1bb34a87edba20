"""The clouds that are known."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
import logging

from ..cloud import Cloud

_LOGGER = logging.getLogger(__name__)


def _known() -> Iterator[type[Cloud]]:
    """Find the cloud of each module."""
    for name in ("amps", "ampeco", "clemap", "plugchoice", "podero"):
        if find_spec(f"{__name__}.{name}") is None:
            continue
        try:
            module = import_module(f"{__name__}.{name}")
        except Exception:
            _LOGGER.exception("%s cannot be imported", name)
            continue
        for item in vars(module).values():
            if (
                isinstance(item, type)
                and issubclass(item, Cloud)
                and getattr(item, "name", None) == name
            ):
                yield item
                break


CLOUDS: tuple[type[Cloud], ...] = tuple(_known())
