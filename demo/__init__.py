"""A real Home Assistant, this integration and simulated chargers of all clouds."""
