"""The ledger's months, its rows with running balances, balances as of a moment, lots and serial numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from pytest_django.fixtures import Settings

from inventory.errors import NotEnoughStock, SerialElsewhere, TrackingNeeded
from inventory.models import (
    Bucket,
    LedgerArchive,
    Lot,
    LotLevel,
    Node,
    SerialNumber,
    Sku,
    StockMovement,
    StockMovementReason,
)
from inventory.selectors import (
    LedgerFilter,
    LedgerProof,
    balances_as_of,
    brought_forward,
    explain_level,
    iter_ledger,
    ledger_balances,
    ledger_page,
)
from inventory.services import (
    Posting,
    archive_month,
    audit_stock,
    ensure_ledger_months,
    months_of_ledger,
    part_of,
    post,
    read_archive,
)
from oms.core.errors import DomainError
from tests.factories import make_node, make_sku

pytestmark = pytest.mark.django_db


@pytest.fixture
def node() -> Node:
    return make_node("blr-01", city="Bengaluru", postcode="560037")


@pytest.fixture
def media(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def came(sku: Sku, node: Node, quantity: int, key: str, **fields: object) -> set[tuple[str, int]]:
    return move(sku, node, Bucket.SUPPLIER, Bucket.ON_HAND, quantity, key, **fields)


def move(
    sku: Sku, node: Node, source: Bucket, target: Bucket, quantity: int, key: str, **fields: object
) -> set[tuple[str, int]]:
    return post([
        Posting(op_key=key, sku_id=sku.pk, node_id=node.pk, from_bucket=source, to_bucket=target, quantity=quantity,
                reason=StockMovementReason.RECEIPT, **fields)  # type: ignore[arg-type]
    ])  # fmt: skip


def record_in(month: str, sku: Sku, node: Node, quantity: int, key: str, lot: Lot | None = None) -> None:
    """A posting that became known in the middle of a month that is over."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO inventory_stockmovement
            (op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, reason, note, occurred_at, recorded_at,
            lot_id)
            VALUES (%s, 1, %s, %s, 'supplier', 'on_hand', %s, 'receipt', %s, %s, %s, %s)""",
            [key, sku.pk, node.pk, quantity, "two\nlines", f"{month}-10 06:00+00", f"{month}-15 06:00+00",
             lot.pk if lot else None],
        )  # fmt: skip


def test_the_same_operation_is_posted_once_whatever_month_it_is(node: Node) -> None:
    sku = make_sku("KURTA-M")
    record_in("2026-02", sku, node, 5, "grn/1")

    assert came(sku, node, 5, "grn/1") == set()
    assert came(sku, node, 3, "grn/2") == {("grn/2", 1)}

    assert explain_level(sku.pk, node.pk).level.on_hand == 8


def test_past_the_service_too_an_operation_is_posted_once(node: Node) -> None:
    sku = make_sku("KURTA-M")
    record_in("2026-02", sku, node, 5, "grn/1")

    with pytest.raises(DatabaseError, match="inventory_postedoperation"), transaction.atomic():
        record_in("2026-03", sku, node, 5, "grn/1")

    assert explain_level(sku.pk, node.pk).level.on_hand == 5


def test_postings_of_a_month_without_a_part_get_one_without_moving_a_balance(node: Node) -> None:
    sku = make_sku("KURTA-M")
    for month in ("2026-02", "2026-03", "2027-09"):
        record_in(month, sku, node, 5, f"grn/{month}")
    before = list(StockMovement.objects.order_by("id").values_list("id", "op_key", "recorded_at"))
    assert date(2026, 2, 1) not in months_of_ledger()

    assert ensure_ledger_months() == 3
    assert ensure_ledger_months() == 0

    assert {date(2026, 2, 1), date(2026, 3, 1), date(2027, 9, 1)} <= set(months_of_ledger())
    assert list(StockMovement.objects.order_by("id").values_list("id", "op_key", "recorded_at")) == before
    assert explain_level(sku.pk, node.pk).level.on_hand == 15
    assert audit_stock().differences == 0
    assert came(sku, node, 1, "grn/after") == {("grn/after", 1)}


def test_no_month_forgets_that_postings_stay(node: Node) -> None:
    sku = make_sku("KURTA-M")
    record_in("2026-02", sku, node, 5, "grn/1")
    ensure_ledger_months()

    for statement in ("DELETE FROM inventory_stockmovement", f"UPDATE {part_of(date(2026, 2, 1))} SET quantity = 6"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_each_row_shows_the_balances_of_its_moment_page_after_page_and_filtered(node: Node) -> None:
    sku = make_sku("KURTA-M")
    for number in range(1, 8):
        came(sku, node, number, f"grn/{number}")
        move(sku, node, Bucket.DEMAND, Bucket.RESERVED, 1, f"reserve/{number}")

    whole = list(iter_ledger(sku.pk, node.pk))
    first = ledger_page(sku.pk, node.pk, size=5)
    second = ledger_page(sku.pk, node.pk, size=5, before=first.before)
    third = ledger_page(sku.pk, node.pk, size=5, before=second.before)

    assert first.rows + second.rows + third.rows == whole
    assert third.before == ""
    assert [(row.on_hand, row.reserved) for row in whole[:4]] == [(28, 7), (28, 6), (21, 6), (21, 5)]
    only = LedgerFilter(bucket=Bucket.RESERVED)
    assert [row.reserved for row in ledger_page(sku.pk, node.pk, only=only).rows] == [7, 6, 5, 4, 3, 2, 1]
    assert [row.on_hand for row in ledger_page(sku.pk, node.pk, only=only).rows] == [28, 21, 15, 10, 6, 3, 1]


def test_what_became_known_late_counts_from_when_it_was_known(node: Node) -> None:
    sku = make_sku("KURTA-M")
    came(sku, node, 5, "grn/1")
    came(sku, node, 3, "grn/2", occurred_at=datetime(2026, 11, 1, tzinfo=UTC))

    rows = ledger_page(sku.pk, node.pk).rows

    assert [(row.change, row.on_hand) for row in rows] == [(3, 8), (5, 5)]


def test_the_ledger_of_all_nodes_shows_each_node_by_itself(node: Node) -> None:
    sku, other = make_sku("KURTA-M"), make_node("del-01", city="Delhi", postcode="110037")
    came(sku, node, 4, "grn/1")
    came(sku, other, 9, "grn/2")
    came(sku, node, 2, "grn/3")

    page = ledger_page(sku.pk, [node.pk, other.pk], size=2)

    assert [(row.node_id, row.on_hand) for row in page.rows] == [(node.pk, 6), (other.pk, 9)]
    older = ledger_page(sku.pk, [node.pk, other.pk], before=page.before)
    assert [(row.node_id, row.on_hand) for row in older.rows] == [(node.pk, 4)]


def test_balances_as_of_a_moment_know_what_happened_and_what_was_known(node: Node) -> None:
    sku = make_sku("KURTA-M")
    record_in("2026-02", sku, node, 5, "grn/1")  # happened on the 10th, known on the 15th
    record_in("2026-03", sku, node, 7, "grn/2")

    def on_hand(happened: datetime, known: datetime | None = None) -> int:
        return balances_as_of(sku.pk, [node.pk], happened=happened, known=known)[node.pk]["on_hand"]

    february = datetime(2026, 2, 12, tzinfo=UTC)
    assert on_hand(february) == 5
    assert on_hand(february, known=february) == 0
    assert on_hand(february - timedelta(days=3)) == 0
    assert on_hand(datetime(2026, 4, 1, tzinfo=UTC), known=datetime(2026, 3, 1, tzinfo=UTC)) == 5
    assert on_hand(datetime(2026, 4, 1, tzinfo=UTC)) == 12


def test_nothing_happens_after_it_is_known(node: Node) -> None:
    sku = make_sku("KURTA-M")
    came(sku, node, 5, "grn/1", occurred_at=datetime(2999, 1, 1, tzinfo=UTC))

    row = StockMovement.objects.get()
    assert row.occurred_at == row.recorded_at


def units_in_ledger(sku: Sku, node: Node) -> int:
    return (ledger_balances(sku.pk, node.pk) or {})["on_hand"]


@pytest.mark.usefixtures("media")
def test_an_archived_month_is_the_first_line_of_each_ledger_and_a_file(node: Node) -> None:
    sku, saree = make_sku("KURTA-M"), make_sku("SAREE")
    lot = Lot.objects.create(sku=saree, code="L1")
    Sku.objects.filter(pk=saree.pk).update(tracking="lot")
    record_in("2026-02", sku, node, 5, "grn/1")
    record_in("2026-02", sku, node, 1, "grn/2")
    came(saree, node, 8, "grn/lot", lot_id=lot.pk)
    record_in("2026-03", sku, node, 7, "grn/3")
    ensure_ledger_months()

    archive = archive_month(date(2026, 2, 1), actor="test")

    assert (archive.postings, archive.month) == (2, date(2026, 2, 1))
    assert [row["op_key"] for row in read_archive(archive, sku_id=sku.pk, node_id=node.pk)] == ["grn/1", "grn/2"]
    assert months_of_ledger()[0] == date(2026, 3, 1)
    start = brought_forward(sku.pk, node.pk)
    assert start is not None
    assert (start.until, start.postings, start.balances["on_hand"]) == (datetime(2026, 3, 1, tzinfo=UTC), 2, 6)
    assert units_in_ledger(sku, node) == 13
    assert [row.on_hand for row in iter_ledger(sku.pk, node.pk)] == [13]
    assert explain_level(sku.pk, node.pk).proof == LedgerProof(agrees=True)
    assert audit_stock().differences == 0
    assert came(sku, node, 5, "grn/1") == set()

    second = archive_month(date(2026, 3, 1), actor="test")

    assert second.postings == 1
    assert audit_stock().differences == 0
    start = brought_forward(sku.pk, node.pk)
    assert start is not None
    assert (start.postings, start.balances["on_hand"]) == (3, 13)
    with pytest.raises(DomainError, match="are archived"):
        balances_as_of(sku.pk, [node.pk], happened=datetime(2026, 3, 20, tzinfo=UTC))
    assert balances_as_of(sku.pk, [node.pk], happened=datetime(2026, 4, 2, tzinfo=UTC))[node.pk]["on_hand"] == 13


@pytest.mark.usefixtures("media")
def test_lots_of_archived_months_are_counted_once(node: Node) -> None:
    milk = make_sku("MILK", tracking="lot")
    old, fresh = Lot.objects.create(sku=milk, code="A"), Lot.objects.create(sku=milk, code="B")
    record_in("2026-02", milk, node, 4, "grn/1", old)
    record_in("2026-02", milk, node, 6, "grn/2", fresh)
    record_in("2026-03", milk, node, 2, "grn/3", fresh)
    ensure_ledger_months()

    archive_month(date(2026, 2, 1), actor="test")

    assert units_in_ledger(milk, node) == 12
    assert dict(LotLevel.objects.values_list("lot__code", "on_hand")) == {"A": 4, "B": 8}
    assert audit_stock().differences == 0


@pytest.mark.usefixtures("media")
def test_months_are_archived_oldest_first_and_never_young(node: Node) -> None:
    sku = make_sku("KURTA-M")
    with time_machine.travel(datetime(2026, 11, 22, tzinfo=UTC)):
        record_in("2026-07", sku, node, 5, "grn/1")
        record_in("2026-09", sku, node, 5, "grn/2")
        ensure_ledger_months()

        with pytest.raises(DomainError, match="not the oldest month"):
            archive_month(date(2026, 9, 1), actor="test")
        archive_month(date(2026, 7, 1), actor="test")
        with pytest.raises(DomainError, match="too young"):
            archive_month(date(2026, 9, 1), actor="test")

    assert LedgerArchive.objects.count() == 1
    assert audit_stock().differences == 0


def test_lots_move_with_their_stock_level_and_never_below_zero(node: Node) -> None:
    sku = make_sku("MILK", tracking="lot")
    old, fresh = Lot.objects.create(sku=sku, code="A"), Lot.objects.create(sku=sku, code="B")
    came(sku, node, 4, "grn/1", lot_id=old.pk)
    came(sku, node, 6, "grn/2", lot_id=fresh.pk)

    with pytest.raises(NotEnoughStock, match="of this lot"):
        move(sku, node, Bucket.ON_HAND, Bucket.DAMAGED, 5, "damage/1", lot_id=old.pk)
    with pytest.raises(TrackingNeeded):
        move(sku, node, Bucket.ON_HAND, Bucket.DAMAGED, 5, "damage/2")
    move(sku, node, Bucket.ON_HAND, Bucket.DAMAGED, 5, "damage/3", lot_id=fresh.pk)

    levels = {level.lot_id: (level.on_hand, level.damaged) for level in LotLevel.objects.all()}
    assert levels == {old.pk: (4, 0), fresh.pk: (1, 5)}
    assert audit_stock().differences == 0


def test_a_serial_number_is_in_one_place_only(node: Node) -> None:
    phone = make_sku("PHONE", tracking="serial")
    delhi = make_node("del-01", city="Delhi", postcode="110037")
    imei = SerialNumber.objects.create(sku=phone, number="356938035643809")
    came(phone, node, 1, "grn/1", serial_id=imei.pk)
    came(phone, delhi, 1, "grn/0", serial_id=SerialNumber.objects.create(sku=phone, number="490154203237518").pk)

    with pytest.raises(SerialElsewhere):
        came(phone, delhi, 1, "grn/2", serial_id=imei.pk)
    with pytest.raises(SerialElsewhere):
        move(phone, delhi, Bucket.ON_HAND, Bucket.PACKED, 1, "pack/1", serial_id=imei.pk)
    with pytest.raises(TrackingNeeded):
        came(phone, node, 2, "grn/3", serial_id=imei.pk)
    move(phone, node, Bucket.ON_HAND, Bucket.PACKED, 1, "pack/2", serial_id=imei.pk)
    move(phone, node, Bucket.PACKED, Bucket.CUSTOMER, 1, "ship/1", serial_id=imei.pk)

    imei.refresh_from_db()
    assert (imei.bucket, imei.node_id) == (Bucket.CUSTOMER, None)
    assert audit_stock().differences == 0


def test_a_serial_number_crosses_to_another_node_in_one_statement(node: Node) -> None:
    phone = make_sku("PHONE", tracking="serial")
    delhi = make_node("del-01", city="Delhi", postcode="110037")
    imei = SerialNumber.objects.create(sku=phone, number="356938035643809")
    came(phone, node, 1, "grn/1", serial_id=imei.pk)

    def leg(number: int, where: Node, source: Bucket, target: Bucket) -> Posting:
        return Posting(
            op_key="move/1", leg=number, sku_id=phone.pk, node_id=where.pk, from_bucket=source, to_bucket=target,
            quantity=1, reason=StockMovementReason.MOVE_OUT, serial_id=imei.pk,
        )  # fmt: skip

    post([leg(1, node, Bucket.ON_HAND, Bucket.TRANSIT), leg(2, delhi, Bucket.TRANSIT, Bucket.INBOUND)])

    imei.refresh_from_db()
    assert (imei.bucket, imei.node_id) == (Bucket.INBOUND, delhi.pk)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE inventory_lotlevel SET on_hand = 99",
        "UPDATE inventory_serialnumber SET bucket = 'on_hand', node_id = (SELECT min(id) FROM inventory_node)",
    ],
)
def test_lots_and_serial_numbers_cannot_be_moved_by_hand(node: Node, statement: str) -> None:
    phone, milk = make_sku("PHONE", tracking="serial"), make_sku("MILK", tracking="lot")
    lot = Lot.objects.create(sku=milk, code="A")
    came(milk, node, 4, "grn/1", lot_id=lot.pk)
    SerialNumber.objects.create(sku=phone, number="356938035643809")

    refused = pytest.raises(DatabaseError, match="by ledger postings only")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
