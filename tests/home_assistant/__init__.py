"""Tests of the top floor, in a Home Assistant."""
