"""The clouds: one folder each, and the registry that lists them."""

from .registry import PROVIDERS

__all__ = ["PROVIDERS"]
