"""The registry: which clouds there are."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import override

from .base import ProviderDescription


class Registry(MutableMapping[str, ProviderDescription]):
    """A row for each cloud; its provider is imported when the row is first read."""

    def __init__(self, *folders: str) -> None:
        """List the folders, whose names are the keys."""
        self._rows: dict[str, ProviderDescription | None] = dict.fromkeys(folders)

    def imported(self, key: str) -> bool:
        """Return whether a row can be read without importing anything."""
        return self._rows[key] is not None

    @override
    def __getitem__(self, key: str) -> ProviderDescription:
        """Return a row."""
        if (row := self._rows[key]) is None:
            row = self._rows[key] = import_module(f".{key}", __package__).DESCRIPTION
        return row

    @override
    def __setitem__(self, key: str, row: ProviderDescription) -> None:
        """Put a row in."""
        self._rows[key] = row

    @override
    def __delitem__(self, key: str) -> None:
        """Take a row out."""
        del self._rows[key]

    @override
    def __iter__(self) -> Iterator[str]:
        """Go through the keys."""
        return iter(self._rows)

    @override
    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._rows)


PROVIDERS = Registry("amps", "ampeco", "clemap", "plugchoice", "podero")
