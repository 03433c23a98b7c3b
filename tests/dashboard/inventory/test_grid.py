"""The stock grid: filters, keys, columns, scope and its export."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from channels.services import recount_due
from inventory.models import NodeGroup, Sku
from inventory.services import adjust, set_safety_stock
from oms.accounts.access import Principal, principal_of_user
from oms.accounts.models import User
from oms.dashboard.inventory.grid import build_grid
from oms.dashboard.inventory.grid_question import GridQuestion
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_node, make_order, make_sku, make_world, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def principal(**fields: Any) -> Principal:
    return principal_of_user(User(email="ops@example.com", **({"role": "ops_manager", "all_nodes": True} | fields)))


def codes(who: Principal | None = None, **params: str) -> list[str]:
    return [row.sku.code for row in build_grid(GridQuestion.read(params), who or principal()).rows]


def signed_in(role: str = "ops_manager", **fields: Any) -> Client:
    user = User.objects.create(email=f"{role}@example.com", role=role, **({"all_nodes": True} | fields))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_cell_shows_what_can_be_promised_and_the_row_adds_it_up(world: World) -> None:
    set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=12)

    grid = build_grid(GridQuestion(), principal())

    row = next(row for row in grid.rows if row.sku == world.kurta)
    assert [column.label for column in grid.columns] == ["blr-01", "blr-s1", "del-01"]
    assert [cell.atp if cell else None for cell in row.cells] == [-2, None, 10]
    assert (row.atp, row.on_hand) == (10, 20)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["KURTA-M", "SAREE-1", "SHOE-42"]),
        ({"q": "kurta"}, ["KURTA-M"]),
        ({"q": "the s"}, ["SAREE-1", "SHOE-42"]),
        ({"q": "%"}, []),
        ({"category": "Shoes"}, ["SHOE-42"]),
        ({"brand": "Anokhi"}, ["SAREE-1"]),
        ({"below": "20"}, ["KURTA-M"]),
        ({"below": "many"}, ["KURTA-M", "SAREE-1", "SHOE-42"]),
        ({"problems": "1"}, ["KURTA-M", "SAREE-1"]),
    ],
)
def test_filters_leave_the_rows_they_speak_of(world: World, params: dict[str, Any], expected: list[str]) -> None:
    Sku.objects.filter(pk=world.shoe.pk).update(category="Shoes")
    Sku.objects.filter(pk=world.saree.pk).update(brand="Anokhi")
    adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="damaged", quantity=1, op_key="a", actor="test")
    route_orders([capture(world, make_order("A", make_line(world.saree, 40)))], trigger="captured")
    stock(world.saree, world.delhi, 60)
    recount_due()

    assert codes(**params) == expected
    assert codes(kind="warehouse", **params) == expected


def test_a_barcode_finds_its_sku_and_with_go_leads_straight_to_it(world: World) -> None:
    barcode = f"890{world.shoe.pk:010d}"

    assert codes(q=barcode) == ["SHOE-42"]
    answer: Any = signed_in().get("/inventory/", {"q": barcode, "go": "1"})
    assert answer.url == f"/inventory/{world.shoe.pk}/"


def test_pages_go_forth_and_back_by_key(world: World) -> None:
    for number in range(60):
        make_sku(f"Z-{number:03d}")
    first = build_grid(GridQuestion.read({"size": "25"}), principal())
    second = build_grid(GridQuestion.read({"size": "25", "after": first.after}), principal())
    third = build_grid(GridQuestion.read({"size": "25", "after": second.after}), principal())
    back = build_grid(GridQuestion.read({"size": "25", "before": second.before}), principal())

    assert [len(page.rows) for page in (first, second, third)] == [25, 25, 13]
    assert [row.sku.code for row in back.rows] == [row.sku.code for row in first.rows]
    assert (first.before, back.before, third.after) == ("", "", "")


def test_columns_are_turned_eight_at_a_time(world: World) -> None:
    for number in range(10):
        make_node(f"z-{number}", city="Pune", postcode="411001")

    first = build_grid(GridQuestion(), principal())
    second = build_grid(GridQuestion.read({"cols": str(first.next_columns)}), principal())

    assert (len(first.columns), first.previous_columns, first.next_columns) == (8, None, 8)
    assert (len(second.columns), second.previous_columns, second.next_columns) == (5, 0, None)


def test_node_filters_and_scope_limit_columns_and_sums(world: World) -> None:
    group = NodeGroup.objects.create(code="north", name="North")
    world.delhi.groups.add(group)

    north = build_grid(GridQuestion.read({"group": "north"}), principal())
    local = build_grid(GridQuestion(), principal(all_nodes=False, node_codes=["blr-s1"]))

    assert [column.label for column in north.columns] == ["del-01"]
    assert {row.atp for row in north.rows} == {10}
    assert [column.label for column in local.columns] == ["blr-s1"]
    assert {row.atp for row in local.rows} == {0}
    assert [column.label for column in build_grid(GridQuestion.read({"kind": "store"}), principal()).columns] == [
        "blr-s1"
    ]


def test_columns_may_be_regions_kinds_or_groups_and_add_up_their_nodes(world: World) -> None:
    franchise = NodeGroup.objects.create(code="south", name="Southern franchise")
    franchise.nodes.add(world.blr, world.store)
    set_safety_stock(node_id=world.delhi.pk, sku_id=world.kurta.pk, quantity=12)

    def cells(by: str) -> dict[str, int | None]:
        grid = build_grid(GridQuestion.read({"by": by, "q": "KURTA"}), principal())
        return {column.label: cell.atp if cell else None for column, cell, _ in grid.rows[0].pairs}

    assert cells("group") == {"All nodes": 10, "Southern franchise": 10}
    assert cells("kind") == {"Store": None, "Warehouse": 10}
    assert cells("region") == {"No region": 10}
    assert signed_in().get("/inventory/?by=group").status_code == 200


def test_units_that_customers_wait_for_stand_beside_their_sku(world: World) -> None:
    route_orders([capture(world, make_order("A", make_line(world.kurta, 23)))], trigger="captured")

    row = build_grid(GridQuestion.read({"q": "KURTA"}), principal()).rows[0]

    assert row.waiting == 3


def test_the_page_takes_the_same_queries_for_ten_skus_as_for_twenty(world: World) -> None:
    client = signed_in()

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/inventory/").status_code == 200
        return len(queries)

    for number in range(7):
        stock(make_sku(f"Z-{number}"), world.blr, 1)
    count()
    first = count()
    for number in range(10):
        stock(make_sku(f"Y-{number}"), world.blr, 1)

    assert count() == first


def test_the_export_holds_every_level_in_scope_and_is_safe_in_a_spreadsheet(world: World) -> None:
    Sku.objects.filter(pk=world.kurta.pk).update(name="=HYPERLINK(1)")
    client = signed_in(all_nodes=False, node_codes=["blr-01"])

    answer: Any = client.get("/inventory/export.csv?q=KURTA")

    lines = b"".join(answer.streaming_content).decode().removeprefix("\ufeff").splitlines()
    assert lines == [
        "SKU,Name,Category,Brand,Node,On hand,Reserved,Safety stock,ATP,Damaged,Quarantine,Inbound",
        "KURTA-M,'=HYPERLINK(1),,,blr-01,10,0,0,10,0,0,0",
    ]


def test_exporting_needs_its_own_verb(world: World) -> None:
    assert signed_in("ops_agent").get("/inventory/export.csv").status_code == 403
    assert "/inventory/export.csv" not in signed_in("read_only").get("/inventory/").content.decode()


def test_nothing_found_offers_the_way_back(world: World) -> None:
    assert "No SKU matches" in signed_in().get("/inventory/?q=nothing").content.decode()
