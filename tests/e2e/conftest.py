"""The known world behind a real server, and people with browsers in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from oms.accounts.models import User
from tests.e2e.browsing import PASSWORD, Visit
from tests.factories import World, make_world
from tests.fulfillment.floor import make_carrier

Visitor = Callable[..., Visit]


@pytest.fixture
def world(transactional_db: None) -> World:
    """The known world with a carrier that books in this process."""
    made = make_world()
    make_carrier()
    return made


@pytest.fixture
def person() -> Callable[..., User]:
    """Makes a person who can sign in: `person("meera@example.com", role=Role.OPS_MANAGER)`."""

    def make(email: str, **fields: Any) -> User:
        return User.objects.create_user(email, PASSWORD, **fields)

    return make


@pytest.fixture
def visitor(browser: Browser, live_server: LiveServer) -> Iterator[Visitor]:
    """Opens browser windows; when the test ends none of them may have had anything to complain about."""
    visits: list[Visit] = []

    def arrive(**window: Any) -> Visit:
        visits.append(Visit(browser, live_server.url, **window))
        return visits[-1]

    yield arrive
    for visit in visits:
        visit.leave()
