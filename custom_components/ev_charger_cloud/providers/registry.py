"""The registry: which clouds there are."""

from . import ampeco, amps, clemap, plugchoice, podero
from .base import ProviderDescription

PROVIDERS: dict[str, ProviderDescription] = {
    row.key: row
    for row in (
        amps.DESCRIPTION,
        ampeco.DESCRIPTION,
        clemap.DESCRIPTION,
        plugchoice.DESCRIPTION,
        podero.DESCRIPTION,
    )
}
