"""Instruments that attack the integration and measure whether it holds."""
