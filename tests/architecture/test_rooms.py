"""The house rules that no library checks: the shape of the rooms, the direction of foreign keys, no HTML below."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
DOMAIN_APPS = ("orders", "inventory", "routing", "fulfillment", "returns", "channels", "carriers")

#: What a domain app may hold at its top: the shape every room shares, and the pure cores and machine doors by name.
SHARED_SHAPE = {
    "__init__", "apps", "models", "states", "events", "services", "selectors", "locks", "errors", "admin",
    "migrations", "management", "webhooks",
}  # fmt: skip
OWN_ROOMS = {
    "orders": {"canonical", "status", "validation", "filters", "gst", "kits"},
    "inventory": set(),
    "routing": {"engine", "performance", "policy", "promise", "simulation"},
    "fulfillment": {"simulators"},
    "returns": set(),
    "channels": {
        "base", "registry", "adapters", "imports", "simulators", "canonical_json", "changes", "json_reader", "kits",
    },
    "carriers": {"base", "choosing", "registry", "adapters", "simulators", "rates", "rate_cards", "zones", "labels"},
}  # fmt: skip

#: Rooms from the ground up; a foreign key may only point to the same room or one below.
LEVELS = (
    {"core", "contenttypes", "auth"},
    {"accounts"},
    {"orders", "inventory", "carriers"},
    {"routing"},
    {"fulfillment"},
    {"returns"},
    {"channels"},
    {"notifications", "reporting", "integrations"},
    {"flow"},
    {"dashboard", "store", "portal", "api", "demo"},
)
LEVEL = {label: level for level, labels in enumerate(LEVELS) for label in labels}


@pytest.mark.parametrize("app", DOMAIN_APPS)
def test_every_domain_app_has_the_same_shape(app: str) -> None:
    allowed = SHARED_SHAPE | OWN_ROOMS[app]
    found = {path.stem for path in (ROOT / app).iterdir() if path.suffix == ".py" or path.is_dir()} - {"__pycache__"}
    assert found <= allowed, f"{app} holds {sorted(found - allowed)}, which is no part of a room"


@pytest.mark.parametrize("app", DOMAIN_APPS)
def test_no_domain_app_holds_html(app: str) -> None:
    html = list((ROOT / app).rglob("*.html"))
    assert html == []
    sources = [path for path in (ROOT / app).rglob("*.py") if "simulators" not in path.parts]
    rendering = [
        path.name for path in sources if "django.shortcuts" in path.read_text() or "mark_safe" in path.read_text()
    ]
    assert rendering == []


def test_nothing_is_called_utils_or_helpers() -> None:
    names = {"utils", "helpers", "misc", "common"}
    tracked = [path for folder in (*DOMAIN_APPS, "oms", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert [str(path) for path in tracked if path.stem in names] == []


def test_foreign_keys_point_to_the_same_room_or_below() -> None:
    wrong = []
    for model in apps.get_models(include_auto_created=True):
        here = model._meta.app_label
        if here not in LEVEL or here == "auth":
            continue
        for field in model._meta.get_fields():
            target = getattr(field, "related_model", None)
            if target is None or field.auto_created or isinstance(target, str):
                continue
            there = target._meta.app_label
            if there != here and LEVEL.get(there, 99) >= LEVEL[here]:
                wrong.append(f"{model._meta.label}.{field.name} -> {target._meta.label}")
    assert wrong == []


def test_orders_and_inventory_are_strangers() -> None:
    for app, other in (("orders", "inventory"), ("inventory", "orders")):
        text = "".join(path.read_text() for path in (ROOT / app).rglob("*.py"))
        assert f"from {other}" not in text
        assert f"import {other}" not in text


def test_rows_are_locked_only_in_locks() -> None:
    allowed_parts = {"migrations"}
    offenders = []
    for app in DOMAIN_APPS:
        for path in (ROOT / app).rglob("*.py"):
            if path.name == "locks.py" or allowed_parts & set(path.parts):
                continue
            if "select_for_update(" in path.read_text():
                offenders.append(str(path.relative_to(ROOT)))
    assert offenders == []


def test_no_service_sends_a_task() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for app in DOMAIN_APPS
        for path in (ROOT / app).rglob("*.py")
        if ".delay(" in path.read_text() or "apply_async" in path.read_text()
    ]
    assert offenders == []
