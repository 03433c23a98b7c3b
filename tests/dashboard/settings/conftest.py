"""People of every role, and files that are uploaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from oms.accounts.models import Role, User
from oms.core.jobs import run_slice
from oms.core.models import Job
from oms.flow.jobs import RUNNERS

SignIn = Callable[..., Client]


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    """Uploads of a test go to its own folder."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def sign_in(db: None) -> SignIn:
    """A browser in which somebody of a role is signed in."""

    def make(role: str = Role.ADMIN, **fields: object) -> Client:
        defaults: dict[str, object] = {"all_nodes": True, "name": f"The {role}"}
        person = User.objects.create(email=f"{role}@example.com", role=role, **(defaults | fields))
        browser = Client()
        browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        return browser

    return make


def table(*lines: str, name: str = "file.csv") -> SimpleUploadedFile:
    """A file of these lines."""
    return SimpleUploadedFile(name, "\r\n".join((*lines, "")).encode(), content_type="text/csv")


def upload(browser: Client, file: SimpleUploadedFile, kind: str, **fields: str) -> Any:
    """Send the first step's form."""
    return browser.post("/settings/import/", {"kind": kind, "file": file, **fields})


def run_jobs() -> None:
    """What a worker does: run every open job to its end."""
    while job := Job.objects.filter(state__in=["queued", "running"]).order_by("pk").first():
        run_slice(job.pk, RUNNERS)
