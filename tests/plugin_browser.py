"""Loads playwright's pytest plugin only for runs that ask for browser tests; it takes half a second in each process."""

import os
import sys

import pytest

#: Set for the workers of a run, whose own command line says nothing.
WANTED = "OMS_TEST_BROWSER"


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Block the plugin, in the first hook of all, unless the command line speaks of e2e (`-m e2e`, `tests/e2e`)."""
    if any("e2e" in argument for argument in sys.argv):
        os.environ[WANTED] = "1"
    if WANTED not in os.environ:
        pluginmanager.set_blocked("playwright")
