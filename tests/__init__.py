"""Tests of EV Charger Cloud."""
