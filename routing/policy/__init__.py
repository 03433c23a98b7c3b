"""Routing policies as documents that people write: conditions, rules, words, lint. Pure values and functions."""
