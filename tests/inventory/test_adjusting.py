"""Adjustments: posted at once or after a second person said yes, taken back, and worth what they say."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import pytest
from django.core.files.base import ContentFile

from inventory.errors import NotEnoughStock, SerialElsewhere, TrackingNeeded
from inventory.models import (
    ApprovalLimit,
    Lot,
    LotLevel,
    Node,
    SerialNumber,
    Sku,
    StockAdjustment,
    StockLevel,
    StockMovement,
)
from inventory.services import (
    ADJUSTMENTS,
    Asked,
    Posting,
    approve_adjustment,
    ask_adjustment,
    post,
    reject_adjustment,
    undo_adjustment,
    withdraw_adjustment,
)
from oms.core.errors import Conflict, DomainError, Forbidden
from oms.core.ids import uuid7
from tests.factories import make_node, make_sku, stock
from tests.threads import at_once

pytestmark = pytest.mark.django_db


class Who(TypedDict):
    """Name and key of who acts."""

    actor: str
    actor_key: str


ASHA, RAVI = Who(actor="Asha", actor_key="user:1"), Who(actor="Ravi", actor_key="user:2")


@pytest.fixture
def node() -> Node:
    return make_node("blr-01", city="Bengaluru", postcode="560037")


@pytest.fixture
def sku(node: Node) -> Sku:
    made = make_sku("KURTA-M", cost_minor=40_000)
    stock(made, node, 100)
    return made


def ask(sku: Sku, node: Node, reason: str, quantity: int, **more: Any) -> Asked:
    fields: dict[str, Any] = {"op_key": f"test/{uuid7()}", **ASHA} | more
    return ask_adjustment(node_id=node.pk, sku_id=sku.pk, reason=reason, quantity=quantity, **fields)


def level(sku: Sku, node: Node) -> StockLevel:
    return StockLevel.objects.get(sku=sku, node=node)


def legs(op_key: str) -> list[tuple[str, str, int, str]]:
    rows = StockMovement.objects.filter(op_key=op_key).order_by("leg")
    return list(rows.values_list("from_bucket", "to_bucket", "quantity", "reason"))


def test_below_the_limit_it_is_posted_at_once_with_its_value(sku: Sku, node: Node) -> None:
    ApprovalLimit.objects.create(units=10, value_minor=10_000_000)

    asked = ask(sku, node, "damaged", 3, op_key="a", note="Water")

    row = StockAdjustment.objects.get()
    assert (asked.changed, asked.waits) == (True, False)
    assert (row.state, row.value_minor, row.asked_by, row.asked_key) == ("posted", 120_000, "Asha", "user:1")
    movement = StockMovement.objects.get(op_key="a")
    assert (movement.from_bucket, movement.to_bucket, movement.quantity) == ("on_hand", "damaged", 3)
    assert (movement.unit_cost_minor, movement.reference, movement.note) == (
        40_000, f"ADJ-{row.pk}", "Water"
    )  # fmt: skip


def test_the_same_key_again_changes_nothing(sku: Sku, node: Node) -> None:
    first = ask(sku, node, "lost", 3, op_key="a")
    again = ask(sku, node, "lost", 3, op_key="a")

    assert (first.changed, again.changed) == (True, False)
    assert first.adjustment.pk == again.adjustment.pk
    assert level(sku, node).on_hand == 97


@pytest.mark.parametrize(
    ("units", "value_minor", "waits"),
    [(9, 10_000_000, True), (10, 10_000_000, False), (1000, 399_999, True), (1000, 400_000, False)],
)
def test_more_units_or_more_value_than_the_limit_wait(
    sku: Sku, node: Node, units: int, value_minor: int, waits: bool
) -> None:
    ApprovalLimit.objects.create(units=units, value_minor=value_minor)

    asked = ask(sku, node, "lost", 10)

    assert asked.waits is waits
    assert level(sku, node).on_hand == (100 if waits else 90)


def test_the_limit_of_the_kind_of_node_comes_before_the_general_one(sku: Sku, node: Node) -> None:
    ApprovalLimit.objects.create(units=1, value_minor=1)
    ApprovalLimit.objects.create(node_kind="warehouse", units=50, value_minor=100_000_000)

    assert not ask(sku, node, "lost", 10).waits


def test_a_waiting_one_is_posted_once_by_somebody_else(sku: Sku, node: Node) -> None:
    ApprovalLimit.objects.create(units=5)
    row = ask(sku, node, "theft", 10, op_key="a").adjustment

    with pytest.raises(Forbidden, match="somebody else decides"):
        approve_adjustment(adjustment_id=row.pk, **ASHA)
    before = level(sku, node).on_hand
    approve_adjustment(adjustment_id=row.pk, note="Seen on camera", **RAVI)
    approve_adjustment(adjustment_id=row.pk, **RAVI)

    row.refresh_from_db()
    assert before == 100
    assert (row.state, row.decided_by, row.decision_note) == ("posted", "Ravi", "Seen on camera")
    assert legs("a") == [("on_hand", "adjustment", 10, "lost")]
    assert level(sku, node).on_hand == 90


def test_stock_that_has_gone_keeps_it_waiting(sku: Sku, node: Node) -> None:
    ApprovalLimit.objects.create(units=50)
    row = ask(sku, node, "lost", 90).adjustment
    stock(sku, node, 40)

    with pytest.raises(NotEnoughStock, match="changed since this was asked for"):
        approve_adjustment(adjustment_id=row.pk, **RAVI)

    row.refresh_from_db()
    assert (row.state, row.decided_by) == ("waiting", "")
    assert level(sku, node).on_hand == 40


def test_rejected_and_withdrawn_ones_never_change_stock(sku: Sku, node: Node) -> None:
    ApprovalLimit.objects.create(units=5)
    first, second = ask(sku, node, "lost", 10).adjustment, ask(sku, node, "lost", 10).adjustment

    with pytest.raises(Forbidden, match="withdraw it instead"):
        reject_adjustment(adjustment_id=first.pk, note="No", **ASHA)
    with pytest.raises(Conflict, match="you can reject it"):
        withdraw_adjustment(adjustment_id=second.pk, **RAVI)
    with pytest.raises(DomainError, match="Say why"):
        reject_adjustment(adjustment_id=first.pk, note=" ", **RAVI)
    reject_adjustment(adjustment_id=first.pk, note="Count again", **RAVI)
    withdraw_adjustment(adjustment_id=second.pk, **ASHA)
    for row in (first, second):
        with pytest.raises(Conflict):
            approve_adjustment(adjustment_id=row.pk, **RAVI)

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.decision_note, second.state) == ("rejected", "Count again", "withdrawn")
    assert level(sku, node).on_hand == 100


def test_a_count_approved_later_keeps_what_was_sold_meanwhile(sku: Sku, node: Node) -> None:
    ApprovalLimit.objects.create(units=5)
    row = ask(sku, node, "count", 80, op_key="c").adjustment
    ask(sku, node, "lost", 4)

    approve_adjustment(adjustment_id=row.pk, **RAVI)

    assert row.value_minor == 20 * 40_000
    assert legs("c") == [("on_hand", "adjustment", 20, "count")]
    assert level(sku, node).on_hand == 76


def test_every_reason_does_what_it_says(node: Node) -> None:
    made = {}
    for reason, effect in ADJUSTMENTS.items():
        sku = make_sku(f"R-{reason}".upper())
        stock(sku, node, 10)
        if effect.from_bucket in ("damaged", "quarantine"):
            first = "damaged" if effect.from_bucket == "damaged" else "to_check"
            ask(sku, node, first, 5)
        before = level(sku, node)
        ask(sku, node, reason, 2, op_key=f"do/{reason}")
        after = level(sku, node)
        for bucket, sign in ((effect.from_bucket.value, -2), (effect.to_bucket.value, 2)):
            if hasattr(before, bucket):
                made[reason, bucket] = getattr(after, bucket) - getattr(before, bucket) == sign
        made[reason, "reason"] = legs(f"do/{reason}")[0][3] == effect.movement
        assert len(reason) <= 20

    assert all(made.values())


def test_an_own_adjustment_is_taken_back_within_the_hour(sku: Sku, node: Node) -> None:
    row = ask(sku, node, "lost", 30, op_key="a").adjustment

    with pytest.raises(Conflict, match="Asha made it"):
        undo_adjustment(adjustment_id=row.pk, **RAVI)
    undone = undo_adjustment(adjustment_id=row.pk, **ASHA)
    again = undo_adjustment(adjustment_id=row.pk, **ASHA)
    with pytest.raises(Conflict, match="Only a posted adjustment"):
        undo_adjustment(adjustment_id=undone.pk, **ASHA)

    assert undone.pk == again.pk
    assert (undone.reason, undone.op_key, undone.note) == (
        "undo", f"undo/{row.uid}", f"Takes back ADJ-{row.pk}: Not found"
    )  # fmt: skip
    assert legs(undone.op_key) == [("adjustment", "on_hand", 30, "correction")]
    assert level(sku, node).on_hand == 100


def test_after_an_hour_or_an_approval_it_is_not_taken_back(sku: Sku, node: Node) -> None:
    ApprovalLimit.objects.create(units=5)
    old, approved = ask(sku, node, "lost", 2).adjustment, ask(sku, node, "lost", 10).adjustment
    StockAdjustment.objects.filter(pk=old.pk).update(asked_at=old.asked_at - timedelta(minutes=61))
    approve_adjustment(adjustment_id=approved.pk, **RAVI)

    with pytest.raises(Conflict, match="older than an hour"):
        undo_adjustment(adjustment_id=old.pk, **ASHA)
    with pytest.raises(Conflict, match="Ravi approved it"):
        undo_adjustment(adjustment_id=approved.pk, **ASHA)

    assert level(sku, node).on_hand == 88


def test_what_was_found_and_sold_is_not_taken_back(sku: Sku, node: Node) -> None:
    stock(sku, node, 0)
    row = ask(sku, node, "found", 5).adjustment
    ask(sku, node, "lost", 3)

    with pytest.raises(NotEnoughStock):
        undo_adjustment(adjustment_id=row.pk, **ASHA)

    assert level(sku, node).on_hand == 2
    assert StockAdjustment.objects.filter(reason="undo").count() == 0


@pytest.mark.parametrize(
    ("reason", "quantity", "text"),
    [("gone", 1, "not a reason"), ("lost", 0, "not a quantity"), ("lost", -1, "not a quantity"),
     ("count", -1, "not a quantity"), ("lost", 2_000_000_000, "not a quantity"), ("lost", 101, "less stock")],
)  # fmt: skip
def test_bad_input_is_refused_and_leaves_no_row(sku: Sku, node: Node, reason: str, quantity: int, text: str) -> None:
    with pytest.raises(DomainError, match=text):
        ask(sku, node, reason, quantity)

    assert StockAdjustment.objects.count() == 0
    assert level(sku, node).on_hand == 100


def make_lots(sku: Sku, node: Node, **units: int) -> None:
    for code, quantity in units.items():
        lot = Lot.objects.create(sku=sku, code=code)
        post([
            Posting(op_key=f"test/{uuid7()}", sku_id=sku.pk, node_id=node.pk, from_bucket="supplier",
                    to_bucket="on_hand", quantity=quantity, reason="receipt", lot_id=lot.pk)
        ])  # fmt: skip


def test_lots_are_named_or_the_first_to_expire_go(node: Node) -> None:
    cream = make_sku("CREAM", tracking="lot")
    make_lots(cream, node, A=4, B=4)

    ask(cream, node, "expired", 5)
    ask(cream, node, "lost", 1, lot_code="b")
    ask(cream, node, "count", 5, lot_code="B")
    with pytest.raises(TrackingNeeded, match="name the lot"):
        ask(cream, node, "found", 1)
    with pytest.raises(TrackingNeeded, match="CREAM has no lot Z"):
        ask(cream, node, "found", 1, lot_code="Z")

    assert dict(LotLevel.objects.values_list("lot__code", "on_hand")) == {"A": 0, "B": 5}
    assert level(cream, node).on_hand == 5


def test_serial_numbers_are_named_each_once(node: Node) -> None:
    phone = make_sku("PHONE", tracking="serial")
    elsewhere = make_node("del-01", city="Delhi", postcode="110037")

    ask(phone, node, "found", 2, serials=["I-1", "I-2"])
    taken = ask(phone, node, "damaged", 1, serials=["I-2"]).adjustment
    with pytest.raises(TrackingNeeded, match="2 units, but 1 numbers were named"):
        ask(phone, node, "lost", 2, serials=["I-1", "I-1"])
    with pytest.raises(SerialElsewhere, match="I-2 of PHONE is damaged at blr-01, not on hand here"):
        ask(phone, node, "lost", 1, serials=["I-2"])
    with pytest.raises(SerialElsewhere, match="I-1 of PHONE is on hand at blr-01 by the books"):
        ask(phone, elsewhere, "found", 1, serials=["I-1"])
    with pytest.raises(TrackingNeeded, match="count session"):
        ask(phone, node, "count", 1)
    undo_adjustment(adjustment_id=taken.pk, **ASHA)

    assert dict(SerialNumber.objects.values_list("number", "bucket")) == {"I-1": "on_hand", "I-2": "on_hand"}


def test_untracked_skus_and_kits_refuse_lots_numbers_and_stock(sku: Sku, node: Node) -> None:
    kit = make_sku("SET-1", is_kit=True)
    Lot.objects.create(sku=sku, code="A")

    for target, more in ((sku, {"lot_code": "A"}), (sku, {"serials": ["I-1"]}), (kit, {})):
        with pytest.raises(DomainError):
            ask(target, node, "found", 1, **more)

    assert StockAdjustment.objects.count() == 0


def test_a_photo_is_kept_by_its_content_not_its_name(sku: Sku, node: Node, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)

    row = ask(sku, node, "damaged", 1, photo=ContentFile(b"\xff\xd8\xff\xe0 jpeg", name="../../evil.php")).adjustment
    for content in (b"<?php", b"\xff\xd8\xff" + b"0" * 9_000_000):
        with pytest.raises(DomainError, match="photo"):
            ask(sku, node, "damaged", 1, photo=ContentFile(content, name="a.jpg"))

    assert row.photo.name.endswith(f"{row.uid}.jpg")
    assert Path(row.photo.path).read_bytes() == b"\xff\xd8\xff\xe0 jpeg"
    assert StockAdjustment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_approvals_at_once_post_once(sku: Sku, node: Node) -> None:
    ApprovalLimit.objects.create(units=5)
    row = ask(sku, node, "lost", 10).adjustment

    at_once([
        partial(approve_adjustment, adjustment_id=row.pk, actor=f"P{number}", actor_key=f"user:{number}")
        for number in range(2, 7)
    ])  # fmt: skip

    assert level(sku, node).on_hand == 90


@pytest.mark.django_db(transaction=True)
def test_the_same_request_at_once_is_one_adjustment(sku: Sku, node: Node) -> None:
    at_once([partial(ask, sku, node, "lost", 10, op_key="same") for _ in range(5)])

    assert StockAdjustment.objects.count() == 1
    assert level(sku, node).on_hand == 90
