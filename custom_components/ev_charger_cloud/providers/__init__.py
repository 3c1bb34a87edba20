"""The registry: which clouds there are."""

from . import amps, clemap, plugchoice, podero
from .base import ProviderDescription

PROVIDERS: dict[str, ProviderDescription] = {
    row.key: row
    for row in (
        amps.DESCRIPTION,
        clemap.DESCRIPTION,
        plugchoice.DESCRIPTION,
        podero.DESCRIPTION,
    )
}
