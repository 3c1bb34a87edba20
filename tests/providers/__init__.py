"""Tests of the providers, over real sockets and against literal payloads."""
