"""Podero: the Partner API v2.0."""

from .cloud import Podero

__all__ = ["Podero"]
