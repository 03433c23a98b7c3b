"""Providers that run on this machine, for demonstrations and tests: real HTTP, real signatures, no messages."""
