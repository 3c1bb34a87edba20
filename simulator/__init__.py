"""Simulate the charging clouds and the chargers behind them."""

from .server import Simulator

__all__ = ["Simulator"]
