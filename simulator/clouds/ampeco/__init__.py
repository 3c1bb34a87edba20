"""AMPECO's public API as one tenant of it would answer."""

from .cloud import Ampeco

__all__ = ["Ampeco"]
