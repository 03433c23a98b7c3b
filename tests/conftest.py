"""What every test shares; tests.plugin_services brings the databases, tests.plugin_network closes the network."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import TransactionTestCase
from django.utils.module_loading import import_string
from hypothesis import HealthCheck, settings

from oms.core.heap import settle_heap
from routing.services import forget_policy
from tests.emptying import empty_tables, end_session
from tests.plugin_services import TEMPLATE

REPOSITORY = Path(__file__).resolve().parent.parent

settings.register_profile("default", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of recorded vendor data that may stand beside a checkout; the test is skipped where it does not."""
    path = Path(os.environ.get("OMS_SHARED_DIR", REPOSITORY.parent / "shared"))
    if not path.is_dir():
        pytest.skip(f"needs the recorded data of {path}, which is not part of the project")
    return path


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Copy the migrated database of the services for each worker, instead of migrating an empty one."""
    if TEMPLATE in os.environ:
        connection.settings_dict["TEST"]["TEMPLATE"] = os.environ[TEMPLATE]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Take the rows away after a test that commits, instead of making every table anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_tables)
        yield
    end_session()


@pytest.fixture(scope="session", autouse=True)
def static_files_found_once() -> Iterator[None]:
    """Look at the three hundred static files for the first client of a process, and not again for each test's own."""
    middleware: Any = import_string("whitenoise.middleware.WhiteNoiseMiddleware")
    found: dict[str, Any] = {}
    look = middleware.add_files_from_finders

    def look_once(self: Any) -> None:
        if not found:
            look(self)
            found.update(self.files)
        self.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(middleware, "add_files_from_finders", look_once)
        yield


@pytest.fixture(autouse=True)
def rules_of_one_test() -> Iterator[None]:
    """No test decides by the rules that another one published: a process remembers them for seconds."""
    yield
    forget_policy()


def pytest_collection_finish() -> None:
    """Whatever is loaded by now stays: the collector of garbage need not walk through it again and again, nor look at
    what a test makes after every few hundred objects."""
    settle_heap()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the browser that the system has; playwright's own download is not needed."""
    # The live server's fixtures touch the database while playwright's event loop runs in the same thread.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    program = os.environ.get("OMS_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    return browser_type_launch_args | {"executable_path": program, "args": ["--no-sandbox", "--disable-dev-shm-usage"]}
