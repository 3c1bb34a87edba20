"""AMPS (Amps AI): one API in front of the clouds of many makers."""

from .provider import DESCRIPTION

__all__ = ["DESCRIPTION"]
