"""Gives the tests a PostgreSQL and a Valkey of their own, before Django reads its settings.

One cluster serves all xdist workers: they inherit the addresses from the process that starts them, and pytest-django
gives each worker a database of its own in it. A DATABASE_URL in the environment wins.
"""

import os
import signal
from collections.abc import Iterator

import pytest

from oms.embedded.errors import EmbeddedError
from oms.embedded.throwaway import ThrowawayServices, start_services

SERVICES = pytest.StashKey[ThrowawayServices]()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Start the services ahead of every other plugin; pytest-django loads the settings in this same hook."""
    if not os.environ.get("DATABASE_URL"):
        # An interrupted make ends pytest with SIGTERM, which would otherwise skip all tidying up.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            services = start_services()
        except EmbeddedError as error:
            raise pytest.UsageError(str(error)) from error
        early_config.stash[SERVICES] = services
        os.environ.update(services.environment)
    yield


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the services away again."""
    services = config.stash.get(SERVICES, None)
    if services is not None:
        services.stop()
