"""The style guide renders, and keeps the rules of the content security policy."""

import gzip
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from oms.accounts.models import Role, User
from oms.dashboard.styleguide import PAGES

STATIC = Path(settings.BASE_DIR) / "static"
TEMPLATES = Path(settings.BASE_DIR) / "templates"


@pytest.fixture
def signed_in(db: Any) -> Any:
    client = Client()
    client.force_login(User.objects.create_user("asha@example.com", "a long pass phrase", role=Role.ADMIN))
    return client


@pytest.mark.parametrize("name", PAGES)
def test_every_page_of_the_style_guide_renders(signed_in: Any, name: Any) -> None:
    response = signed_in.get(f"/_styleguide/{name}/")

    assert response.status_code == 200
    html = response.content.decode()
    assert "{{" not in html
    assert "<c-" not in html


def test_the_style_guide_is_for_those_who_set_the_system_up(client: Any, db: Any) -> None:
    assert client.get("/_styleguide/")["Location"].startswith("/accounts/login/")

    client.force_login(User.objects.create_user("ravi@example.com", "a long pass phrase", role=Role.OPS_MANAGER))
    assert client.get("/_styleguide/").status_code == 403


def test_no_template_holds_inline_script_style_or_handlers() -> None:
    for path in TEMPLATES.rglob("*.html"):
        if "emails" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=", text), path
        assert not re.search(r"\son[a-z]+=\"", text), path
        assert not re.search(r"hx-on|hx-vals=.js:", text), path
        assert not re.search(r"<script(?![^>]*(src=|application/json))", text), path


def test_every_icon_that_templates_and_scripts_name_is_in_the_sprite() -> None:
    known = set(re.findall(r'<symbol id="([a-z0-9-]+)"', (STATIC / "vendor/icons.svg").read_text(encoding="utf-8")))
    named = set()
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r'{% icon "([a-z0-9-]+)"', text))
        named |= set(re.findall(r'(?<!:)\bicon(?:_after)?="([a-z][a-z0-9-]+)"', text))
    for path in (STATIC / "js").glob("*.js"):
        named |= set(re.findall(r'\bicon\("([a-z0-9-]+)"', path.read_text(encoding="utf-8")))

    assert named
    assert named - known == set()


@pytest.mark.parametrize(("sheet", "limit_kb"), [("ops.css", 12), ("store.css", 12), ("portal.css", 6)])
def test_a_style_sheet_keeps_to_its_budget(sheet: Any, limit_kb: Any) -> None:
    packed = gzip.compress((STATIC / "css" / sheet).read_bytes(), 9)

    assert len(packed) <= limit_kb * 1024


def test_every_vendored_file_is_the_one_that_was_reviewed() -> None:
    vendor = STATIC / "vendor"
    listed = dict(re.findall(r"^\| ([\w.-]+) \|.*\| `([0-9a-f]{64})` \|$", (vendor / "README.md").read_text(), re.M))

    assert {path.name for path in vendor.iterdir() if path.is_file()} == set(listed) | {"README.md"}
    for name, digest in listed.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest, name
