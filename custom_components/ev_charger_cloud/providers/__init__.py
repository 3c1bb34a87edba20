"""The registry: which clouds there are."""

from . import amps, clemap, plugchoice
from .base import ProviderDescription

PROVIDERS: dict[str, ProviderDescription] = {
    row.key: row
    for row in (
        amps.DESCRIPTION,
        clemap.DESCRIPTION,
        plugchoice.DESCRIPTION,
    )
}
