"""Fixtures for the tests of providers."""

from ..ampeco_structure import judge_fixture  # noqa: F401
