"""The registry: which clouds there are."""

from .base import ProviderDescription

PROVIDERS: dict[str, ProviderDescription] = {}
