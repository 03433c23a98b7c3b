"""Two sides of a business that have nothing in common, made once for each module; every test takes back what it did."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.accounts.estate import Estate, make_estate
from tests.undoing import wrapped


@pytest.fixture(scope="module")
def estate(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """The two sides."""
    patch = pytest.MonkeyPatch()
    patch.setattr("django.conf.settings.MEDIA_ROOT", str(tmp_path_factory.mktemp("media")))
    logging.disable(logging.WARNING)
    with django_db_blocker.unblock(), wrapped():
        yield make_estate()
    logging.disable(logging.NOTSET)
    patch.undo()


@pytest.fixture
def db(estate: Estate) -> Iterator[None]:
    """Nothing of one test is there in the next.

    It stands in for the fixture of pytest-django, which closes the connection in the end and so the sides with it;
    under its name it still makes pytest-django give every worker a database of its own.
    """
    with wrapped():
        yield
