"""The versions that there were before policies were documents become documents, and come back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from routing.policy.document import Fallback, Split, read_document

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("routing", "0006_sourcing_cap")]
AFTER = [("routing", "0007_policies_as_documents")]


def migrate(target: list[tuple[str, str]]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(target)
    return MigrationExecutor(connection).loader.project_state(target).apps


@pytest.fixture(autouse=True)
def _newest_again() -> Iterator[None]:
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_old_versions_become_documents_of_one_rule_and_back() -> None:
    old = migrate(BEFORE).get_model("routing", "RoutingPolicy").objects
    old.create(version=1, name="First", weights={"split_minor": 4_000}, max_shipments=3, allow_partial=True)
    old.create(version=2, name="Second", weights={"split_minor": 9_000}, max_shipments=1, allow_partial=False,
               is_active=True, note="Fewer")  # fmt: skip

    new = migrate(AFTER).get_model("routing", "RoutingPolicy").objects
    rows = {row.version: row for row in new.all()}
    rule = read_document(rows[2].document).rules[0]

    assert {version: row.state for version, row in rows.items()} == {1: "archived", 2: "live"}
    assert (rule.name, rule.weights.split_minor, rule.split, rule.fallback) == (
        "Every order", 9_000, Split(1), Fallback(partial=False),
    )  # fmt: skip
    assert (rows[1].note, rows[2].note) == ("Published before reasons were asked for.", "Fewer")

    new.create(name="Draft", document={"rules": [{"name": "A"}]}, base_id=rows[1].pk)
    again = {row.version: row for row in migrate(BEFORE).get_model("routing", "RoutingPolicy").objects.all()}

    assert sorted(again) == [1, 2]
    assert (again[2].weights, again[2].max_shipments, again[2].allow_partial, again[2].is_active) == (
        {"split_minor": 9_000}, 1, False, True,
    )  # fmt: skip
    assert not again[1].is_active
    migrate(AFTER)
