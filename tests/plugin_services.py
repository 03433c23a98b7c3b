"""Gives the tests a PostgreSQL and a Valkey of their own, before Django reads its settings.

One cluster serves all xdist workers: they inherit the addresses from the process that starts them, and pytest-django
gives each worker a database of its own in it. A DATABASE_URL in the environment wins.
"""

import os
import signal
from collections.abc import Iterator

import pytest

from oms.embedded.errors import EmbeddedError
from oms.embedded.guard import PR_SET_PDEATHSIG, prctl
from oms.embedded.postgres import NAME
from oms.embedded.throwaway import ThrowawayServices, start_services
from tests.migrated import migrated_data

#: Names the database that already has all migrations; tests/conftest.py copies it for each worker.
TEMPLATE = "OMS_TEST_TEMPLATE"
SERVICES = pytest.StashKey[ThrowawayServices]()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Start the services ahead of every other plugin; pytest-django loads the settings in this same hook."""
    if not os.environ.get("DATABASE_URL"):
        # An interrupted make ends pytest with SIGTERM, which would otherwise skip all tidying up.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            snapshot = migrated_data()
            services = start_services(snapshot=snapshot)
        except EmbeddedError as error:
            raise pytest.UsageError(str(error)) from error
        early_config.stash[SERVICES] = services
        os.environ.update(services.environment)
        if snapshot is not None:
            os.environ[TEMPLATE] = NAME
    if "PYTEST_XDIST_WORKER" in os.environ:
        # A worker that is busy would notice only after its test that the process which started it was killed.
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    yield


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the services away again."""
    services = config.stash.get(SERVICES, None)
    if services is not None:
        services.stop()
