"""The registry: which clouds there are."""

from . import clemap, plugchoice
from .base import ProviderDescription

PROVIDERS: dict[str, ProviderDescription] = {
    row.key: row
    for row in (
        clemap.DESCRIPTION,
        plugchoice.DESCRIPTION,
    )
}
