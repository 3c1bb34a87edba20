"""The registry: which clouds there are."""

from . import plugchoice
from .base import ProviderDescription

PROVIDERS: dict[str, ProviderDescription] = {
    row.key: row
    for row in (
        plugchoice.DESCRIPTION,
    )
}
