"""The screens of adjustments: asked, approved by somebody else, rejected, withdrawn, taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import ApprovalLimit, StockAdjustment, StockLevel
from inventory.services import ask_adjustment
from oms.accounts.models import Role, User
from oms.core.ids import uuid7
from tests.factories import World, make_sku, make_world, stock

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n and so on"


@pytest.fixture
def world() -> World:
    return make_world()


def person(name: str, role: str = Role.OPS_MANAGER, *nodes: str) -> Client:
    user = User.objects.create_user(
        f"{name.lower()}@example.com", name=name, role=role, all_nodes=not nodes, node_codes=list(nodes)
    )
    client = Client()
    client.force_login(user)
    return client


def form(world: World, **fields: Any) -> dict[str, Any]:
    return {"op_key": uuid7(), "reason": "lost", "quantity": "2", "note": "", **fields}


def page(world: World) -> str:
    return f"/inventory/{world.kurta.pk}/blr-01/adjust/"


def on_hand(world: World) -> int:
    return StockLevel.objects.get(sku=world.kurta, node=world.blr).on_hand


def test_above_the_limit_it_is_said_before_and_nothing_is_posted(world: World) -> None:
    ApprovalLimit.objects.create(units=3)
    asha, ravi = person("Asha"), person("Ravi")
    fields = form(world, quantity="5", reason="theft")

    preview = asha.post(page(world), fields).content.decode()
    answer = asha.post(page(world), fields | {"confirmed": "1"})
    row = StockAdjustment.objects.get()
    url = f"/inventory/adjustments/{row.pk}/"

    assert "This needs approval" in preview
    assert "Ask for approval" in preview
    assert answer["Location"] == url
    assert on_hand(world) == 10
    assert "You asked for this, so somebody else decides" in asha.get(url).content.decode()
    refused = asha.post(f"{url}approve/", {"idempotency_key": str(uuid7())})
    assert refused.status_code == 403
    for _ in range(2):
        ravi.post(f"{url}approve/", {"idempotency_key": str(uuid7())})
    assert on_hand(world) == 5
    assert "Approved and posted" in ravi.get(url).content.decode()


def test_rejecting_needs_a_reason_and_withdrawing_is_for_who_asked(world: World) -> None:
    ApprovalLimit.objects.create(units=0)
    asha, ravi = person("Asha"), person("Ravi")
    for _ in range(2):
        asha.post(page(world), form(world, confirmed="1"))
    first, second = StockAdjustment.objects.order_by("pk")
    key = {"idempotency_key": str(uuid7())}

    assert ravi.post(f"/inventory/adjustments/{first.pk}/reject/", key | {"note": " "}).status_code == 422
    key = {"idempotency_key": str(uuid7())}
    ravi.post(f"/inventory/adjustments/{first.pk}/reject/", key | {"note": "Look again"})
    key = {"idempotency_key": str(uuid7())}
    assert ravi.post(f"/inventory/adjustments/{second.pk}/withdraw/", key).status_code == 409
    asha.post(f"/inventory/adjustments/{second.pk}/withdraw/", {"idempotency_key": str(uuid7())})

    assert list(StockAdjustment.objects.order_by("pk").values_list("state", flat=True)) == ["rejected", "withdrawn"]
    assert on_hand(world) == 10


def test_chosen_ones_are_approved_together_and_own_ones_stay(world: World) -> None:
    ApprovalLimit.objects.create(units=0)
    asha, ravi = person("Asha"), person("Ravi")
    asha.post(page(world), form(world, confirmed="1"))
    ravi.post(page(world), form(world, confirmed="1"))
    ids = list(StockAdjustment.objects.order_by("pk").values_list("pk", flat=True))

    html = ravi.post("/inventory/adjustments/bulk/approve/", {"ids": ids}, follow=True).content.decode()

    assert "1 adjustment approved and posted." in html
    assert f"ADJ-{ids[1]}: You asked for this adjustment yourself" in html
    assert on_hand(world) == 8


def test_an_own_one_is_taken_back_by_one_click(world: World) -> None:
    asha, ravi = person("Asha"), person("Ravi")
    asha.post(page(world), form(world, confirmed="1"))
    row = StockAdjustment.objects.get()
    url = f"/inventory/adjustments/{row.pk}/"

    assert f'action="{url}undo/"' not in ravi.get(url).content.decode()
    assert ravi.post(f"{url}undo/", {"idempotency_key": str(uuid7())}).status_code == 409
    assert f'action="{url}undo/"' in asha.get(url).content.decode()
    asha.post(f"{url}undo/", {"idempotency_key": str(uuid7())})

    assert on_hand(world) == 10
    assert "Taken back" in asha.get("/inventory/adjustments/?show=mine").content.decode()


def test_a_photo_is_kept_and_shown_and_anything_else_refused(world: World, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    asha = person("Asha")

    bad = asha.post(page(world), form(world, confirmed="1", photo=SimpleUploadedFile("a.png", b"<svg/>")))
    asha.post(page(world), form(world, confirmed="1", photo=SimpleUploadedFile("a.gif", PNG)))
    row = StockAdjustment.objects.get()
    shown = asha.get(f"/inventory/adjustments/{row.pk}/photo/")
    none = StockAdjustment.objects.create(op_key="x", node=world.blr, sku=world.kurta, reason="lost", quantity=1)

    assert bad.status_code == 422
    assert "not a JPEG, PNG or WebP picture" in bad.content.decode()
    assert shown["Content-Type"] == "image/png"
    assert b"".join(shown) == PNG
    assert asha.get(f"/inventory/adjustments/{none.pk}/photo/").status_code == 404


def test_lots_and_serial_numbers_are_asked_for(world: World) -> None:
    phone = make_sku("PHONE", tracking="serial")
    asha = person("Asha")
    url = f"/inventory/{phone.pk}/blr-01/adjust/"

    assert 'name="serials"' in asha.get(url).content.decode()
    fields = {"op_key": uuid7(), "reason": "found", "quantity": "2", "serials": "I-1\nI-2", "note": ""}
    assert 'name="serials" value="I-1 I-2"' in asha.post(url, fields).content.decode()
    asha.post(url, fields | {"confirmed": "1"})
    short = asha.post(url, fields | {"op_key": uuid7(), "serials": "I-9", "confirmed": "1"})

    assert StockLevel.objects.get(sku=phone).on_hand == 2
    assert short.status_code == 422
    assert "2 units, but 1 numbers were named" in short.content.decode()


def test_limits_are_set_and_taken_away(world: World) -> None:
    asha, lead = person("Asha"), person("Lata", Role.WAREHOUSE_LEAD)
    key = {"idempotency_key": str(uuid7())}

    asha.post("/inventory/adjustments/limits/", key | {"node_kind": "store", "units": "5", "value": "2500.50"})
    row = ApprovalLimit.objects.get()
    assert (row.node_kind, row.units, row.value_minor) == ("store", 5, 250_050)
    assert "Store" in asha.get("/inventory/adjustments/limits/").content.decode()
    assert lead.get("/inventory/adjustments/limits/").status_code == 403
    assert asha.post("/inventory/adjustments/limits/", {"units": "-1", "value": "x"}).status_code == 422
    asha.post(f"/inventory/adjustments/limits/{row.pk}/drop/")

    assert ApprovalLimit.objects.count() == 0


def test_the_list_filters_and_shows_own_nodes_only(world: World) -> None:
    for node, sku in ((world.blr, world.kurta), (world.delhi, world.saree)):
        ask_adjustment(node_id=node.pk, sku_id=sku.pk, reason="damaged", quantity=1, op_key=sku.code, actor="Ravi",
                       note="Wet box")  # fmt: skip
    lead = person("Lata", Role.STORE_MANAGER, "del-01")
    asha = person("Asha")

    html = lead.get("/inventory/adjustments/").content.decode()
    by_sku = asha.get("/inventory/adjustments/?q=kurta-m&reason=damaged&node=blr-01").content.decode()
    csv = b"".join(asha.get("/inventory/adjustments/export.csv")).decode()

    assert "SAREE-1" in html
    assert "KURTA-M" not in html
    assert "KURTA-M" in by_sku
    assert "SAREE-1" not in by_sku
    assert csv.count("Wet box") == 2
    hidden = StockAdjustment.objects.get(node=world.blr)
    assert lead.get(f"/inventory/adjustments/{hidden.pk}/").status_code == 404
    assert "No adjustment matches" in asha.get("/inventory/adjustments/?q=nothing").content.decode()


def test_twice_the_rows_take_the_same_statements(world: World) -> None:
    asha = person("Asha")

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            asha.get("/inventory/adjustments/")
        return len(queries)

    counts = []
    for number in range(6):
        sku = make_sku(f"S-{number}")
        stock(sku, world.blr, 5)
        ask_adjustment(node_id=world.blr.pk, sku_id=sku.pk, reason="lost", quantity=1, op_key=f"q{number}", actor="x")
        counts.append(statements())

    assert counts[2] == counts[5]
