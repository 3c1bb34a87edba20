"""The simulated Plugchoice."""

from .cloud import Plugchoice

__all__ = ["Plugchoice"]
