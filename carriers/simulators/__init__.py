"""Carriers that run on this machine, for demonstrations and tests: real HTTP, real state, no parcels."""
