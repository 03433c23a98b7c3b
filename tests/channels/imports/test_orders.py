"""Orders from files: grouped, captured once, quarantined with reasons, corrected."""

from __future__ import annotations

import io
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from channels.imports import running
from channels.imports.kinds.orders import OrderHandler
from channels.imports.services import commit, plan
from channels.imports.types import Options, Result
from channels.models import ImportMapping, InboundMessage
from inventory.models import Node, Sku
from oms.core.clock import now
from oms.core.models import Job
from orders.models import Order, OrderLine, SalesChannel
from tests.channels.imports.conftest import WriteFile, look

pytestmark = pytest.mark.django_db

HEADER = "Order No,Order Date,Status,SKU,Qty,Amount,PIN Code,City"
GOOD = (
    "1001,2026-05-01,new,KURTA-M,2,999.01,560001,Bengaluru",
    "1002,2026-05-01,cancelled,KURTA-L,0,,560001,Bengaluru",
    "1001,2026-05-01,new,KURTA-L,1,500,560001,Bengaluru",
    "1003,2026-05-02,shipped,KURTA-M,1,500,400001,Mumbai",
)


def run_orders(path: Path, **options: object) -> Result:
    """Import with the suggested columns into the channel of the known world."""
    inspection = look(path, "orders")
    return commit(inspection, inspection.mapping, Options.from_json({"channel": "bazaar", **options}), actor="tester")


def test_rows_of_one_order_need_not_stand_together(
    write_file: WriteFile, channel: SalesChannel, skus: list[Sku]
) -> None:
    result = run_orders(write_file(HEADER, *GOOD))
    assert (result.rows, result.objects, result.created, result.captured) == (4, 3, 3, 3)
    order = Order.objects.get(external_id="1001")
    assert (order.total_minor, order.stage, order.ship_postcode) == (149901, "captured", "560001")
    lines = list(order.lines.values_list("external_id", "sku_code", "quantity", "unit_price_minor", "discount_minor"))
    assert lines == [
        ("1001:KURTA-M::1", "KURTA-M", 2, 49951, 1),
        ("1001:KURTA-L::1", "KURTA-L", 1, 50000, 0),
    ]
    assert Order.objects.get(external_id="1002").stage == "cancelled"
    assert Order.objects.get(external_id="1003").stage == "shipped"
    assert list(InboundMessage.objects.order_by("pk").values_list("external_id", "row_number", "source")) == [
        ("1001", 2, "file"), ("1002", 3, "file"), ("1003", 5, "file"),
    ]  # fmt: skip


def test_shipped_orders_can_be_treated_as_open_to_replay_a_report(
    write_file: WriteFile, channel: SalesChannel, skus: list[Sku]
) -> None:
    run_orders(write_file(HEADER, *GOOD), treat_as="open")
    stages = dict(Order.objects.values_list("external_id", "stage"))
    assert stages == {"1001": "captured", "1002": "cancelled", "1003": "captured"}


def test_the_same_orders_twice_change_nothing_in_whatever_file_they_stand(
    write_file: WriteFile, channel: SalesChannel, skus: list[Sku]
) -> None:
    run_orders(write_file(HEADER, *GOOD))
    before = list(Order.objects.order_by("pk").values_list("external_id", "version", "updated_at"))
    reordered = write_file(f"Line,{HEADER}", *(f"{n},{row}" for n, row in enumerate(GOOD)), name="other.csv")
    inspection = look(reordered, "orders")
    check = plan(inspection, inspection.mapping, Options(channel="bazaar"))
    assert (check.create, check.update, check.skip) == (0, 0, 3)
    result = run_orders(reordered)
    assert (result.created, result.skipped, result.captured) == (0, 3, 0)
    assert InboundMessage.objects.count() == 3
    assert list(Order.objects.order_by("pk").values_list("external_id", "version", "updated_at")) == before


def test_a_changed_order_is_a_new_version_of_it(write_file: WriteFile, channel: SalesChannel, skus: list[Sku]) -> None:
    run_orders(write_file(HEADER, GOOD[3].replace("shipped", "new")))
    changed = write_file(HEADER, GOOD[3].replace("shipped", "cancelled"), name="later.csv")
    inspection = look(changed, "orders")
    check = plan(inspection, inspection.mapping, Options(channel="bazaar"))
    assert (check.create, check.update, check.skip) == (0, 1, 0)
    run_orders(changed)
    assert Order.objects.count() == 1
    assert InboundMessage.objects.filter(external_id="1003").count() == 2
    assert Order.objects.get().stage == "cancelled"


BAD = (
    ("no postcode", "9,2026-05-01,new,KURTA-M,1,500,,Mumbai", "ship_postcode", "a postcode"),
    ("bad postcode", "9,2026-05-01,new,KURTA-M,1,500,12,Mumbai", "ship_postcode", "a PIN code of six digits"),
    ("no SKU", "9,2026-05-01,new,,1,500,400001,Mumbai", "sku", "a value"),
    ("ambiguous date", "9,05/06/2026,new,KURTA-M,1,500,400001,Mumbai", "placed_at", "declared date order"),
    ("impossible date", "9,31/02/2026,new,KURTA-M,1,500,400001,Mumbai", "placed_at", "a date of the calendar"),
    ("no date", "9,,new,KURTA-M,1,500,400001,Mumbai", "placed_at", "a value"),
    ("unknown status", "9,2026-05-01,teleported,KURTA-M,1,500,400001,Mumbai", "status", "a status"),
    ("quantity in words", "9,2026-05-01,new,KURTA-M,two,500,400001,Mumbai", "quantity", "a whole number"),
    ("NaN", "9,2026-05-01,new,KURTA-M,NaN,500,400001,Mumbai", "quantity", "a whole number"),
    ("quantity 0", "9,2026-05-01,new,KURTA-M,0,500,400001,Mumbai", "quantity", "0 only for cancelled"),
    ("no amount", "9,2026-05-01,new,KURTA-M,1,,400001,Mumbai", "line_total", "an amount"),
    ("infinite amount", "9,2026-05-01,new,KURTA-M,1,inf,400001,Mumbai", "line_total", "an amount"),
    ("cells too many", "9,2026-05-01,new,KURTA-M,1,500,400001,Mumbai,x,y", "row", "as many as the header"),
)


@pytest.mark.parametrize(("row", "field", "expected"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_order_goes_to_quarantine_with_its_reason_and_the_good_ones_are_captured(
    write_file: WriteFile, channel: SalesChannel, skus: list[Sku], row: str, field: str, expected: str
) -> None:
    result = run_orders(write_file(HEADER, GOOD[3], row))
    assert (result.captured, result.quarantined, result.failed) == (1, 1, 1)
    message = InboundMessage.objects.get(external_id="9")
    assert (message.state, message.row_number) == ("quarantined", 3)
    assert field in [issue["field"] for issue in message.issues]
    assert expected in " ".join(issue["expected"] for issue in message.issues)
    assert not Order.objects.filter(external_id="9").exists()


def test_an_order_without_an_id_and_rows_that_disagree_are_refused(
    write_file: WriteFile, channel: SalesChannel, skus: list[Sku]
) -> None:
    other_town = GOOD[2].replace("560001", "400001")
    result = run_orders(write_file(HEADER, GOOD[0], other_town, ",2026-05-01,new,KURTA-M,1,5,560001,X"))
    assert (result.captured, result.quarantined, result.failed) == (0, 1, 3)
    assert {(group.field, group.rows) for group in result.errors} == {("ship_postcode", (3,)), ("order_id", (4,))}


def test_an_order_of_which_a_part_is_shipped_is_not_sent_again(
    write_file: WriteFile, channel: SalesChannel, skus: list[Sku]
) -> None:
    result = run_orders(write_file(HEADER, GOOD[0], GOOD[2].replace("new", "shipped")))
    assert (result.captured, result.quarantined) == (0, 1)


def test_a_rejected_order_comes_back_whole_and_its_quarantine_is_set_aside_when_it_is_corrected(
    write_file: WriteFile, channel: SalesChannel, skus: list[Sku], media: Path
) -> None:
    result = run_orders(write_file(HEADER, GOOD[0], GOOD[2].replace("500", "free")))
    rejected = media / result.rejected_file
    text = rejected.read_text(encoding="utf-8-sig")
    lines = text.splitlines()
    assert len(lines) == 3
    assert "row 3 of the same order is at fault" in lines[1]
    assert "line_total: free; expected an amount" in lines[2]
    rejected.write_text(text.replace("1,free,", "1,500,"), encoding="utf-8")
    corrected = run_orders(rejected)
    assert (corrected.captured, corrected.failed) == (1, 0)
    states = InboundMessage.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["ignored", "captured"]


@pytest.mark.django_db(transaction=True)
def test_an_import_of_orders_that_is_killed_goes_on(
    write_file: WriteFile, monkeypatch: pytest.MonkeyPatch, channel: SalesChannel, skus: list[Sku]
) -> None:
    monkeypatch.setattr(OrderHandler, "chunk_size", 4)
    path = write_file(HEADER, *(f"{n},2026-05-01,new,KURTA-M,1,500,560001,Bengaluru" for n in range(10)))
    original, calls = running._write_chunk, []

    def die_in_the_second(*args: object) -> object:
        calls.append(1)
        mark = original(*args)  # type: ignore[arg-type]
        if len(calls) == 2:
            raise SystemExit("killed")
        return mark

    monkeypatch.setattr(running, "_write_chunk", die_in_the_second)
    with pytest.raises(SystemExit):
        run_orders(path)
    assert (InboundMessage.objects.count(), Order.objects.count()) == (4, 0)
    monkeypatch.setattr(running, "_write_chunk", original)
    Job.objects.update(lease_until=now() - timedelta(seconds=1))
    result = run_orders(path)
    assert (result.created, result.captured, result.waiting) == (10, 10, 0)
    assert (Order.objects.count(), OrderLine.objects.count(), Job.objects.count()) == (10, 10, 1)


@pytest.mark.django_db(transaction=True)
def test_the_same_orders_imported_at_the_same_time_are_captured_once(
    write_file: WriteFile, channel: SalesChannel, skus: list[Sku]
) -> None:
    path = write_file(HEADER, *(f"{n},2026-05-01,new,KURTA-M,1,500,560001,Bengaluru" for n in range(60)))
    outcomes: list[object] = []

    def work() -> None:
        try:
            outcomes.append(run_orders(path))
        except Exception as error:
            outcomes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results = [outcome for outcome in outcomes if isinstance(outcome, Result)]
    assert len(results) == 4, outcomes
    assert sum(result.created for result in results) == 60
    assert (Order.objects.count(), InboundMessage.objects.count()) == (60, 60)


# -- commands ---------------------------------------------------------------------------------------------------------


def command(*args: object) -> str:
    """What the command says."""
    out = io.StringIO()
    call_command(*(str(arg) for arg in args), stdout=out)
    return out.getvalue()


def test_the_command_checks_then_captures_and_says_what_it_did(
    write_file: WriteFile, channel: SalesChannel, skus: list[Sku]
) -> None:
    path = write_file(HEADER, *GOOD, "9,2026-05-01,new,KURTA-M,1,500,,Mumbai")
    said = command("import_orders", path, "--channel", "bazaar", "--dry-run")
    assert "Dry run: 3 to create, 0 to change, 0 as they are; 1 of 5 rows refused" in said
    assert Order.objects.count() == 0
    said = command("import_orders", path, "--channel", "bazaar", "--wait")
    assert "Orders: 4, from 5 rows" in said
    assert "Captured: 3, unchanged: 0, changed: 0, quarantined: 1, in the inbox: 0" in said
    assert "refused: ship_postcode: expected a postcode (1 times; got nothing; rows 6)" in said
    assert "Captured: 0, unchanged: 3" in command("import_orders", path, "--channel", "bazaar", "--wait")


def test_the_command_takes_named_columns_and_remembers_them(
    write_file: WriteFile, channel: SalesChannel, skus: list[Sku]
) -> None:
    path = write_file("Ref;When;Article;Pieces;Pin;Euro", "7;05/06/2026;KURTA-M;1;560001;1.234,50")
    maps = [f"--map={pair}" for pair in ("order_id=Ref", "placed_at=When", "sku=Article", "quantity=Pieces",
                                         "ship_postcode=Pin", "line_total=Euro")]  # fmt: skip
    common = ("import_orders", path, "--channel", "bazaar", "--date-order", "dmy", "--decimal=,", "--currency=EUR")
    assert "Captured: 1" in command(*common, *maps, "--save-mapping", "Pos", "--wait")
    order = Order.objects.get()
    assert (order.total_minor, order.currency, order.placed_at.month) == (123450, "EUR", 6)
    assert ImportMapping.objects.get(name="Pos").columns["sku"] == "Article"
    assert "unchanged: 1" in command(*common, "--mapping", "Pos", "--wait")


def test_commands_refuse_with_a_sentence(write_file: WriteFile, channel: SalesChannel, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no channel 'moon'"):
        command("import_orders", write_file(HEADER, *GOOD), "--channel", "moon")
    with pytest.raises(CommandError, match="cannot be read"):
        command("import_skus", tmp_path / "missing.csv")
    with pytest.raises(CommandError, match="no saved mapping 'x'"):
        command("import_skus", write_file("sku", "A"), "--mapping", "x")


def test_the_commands_of_skus_nodes_and_stock_work_together(write_file: WriteFile, db: None) -> None:
    assert "Created: 1" in command(
        "import_nodes", write_file("store_id,city,pincode", "HT01,Pune,411001", name="n.csv"), "--kind", "store"
    )
    assert "Created: 1" in command(
        "import_skus", write_file("Sku,Weight", "A,0.3", name="k.csv"), "--weight-unit", "kg"
    )
    path = write_file("SKU Code,Stock", "A,5.0", "B,2.0", name="s.csv")
    said = command("import_stock", path, "--node-split", "HT01", "--create-skus")
    assert "Created: 2, changed: 0, as they were: 0, rows refused: 0 of 2" in said
    assert "imported before" in command("import_stock", path, "--node-split", "HT01", "--create-skus")
    assert (Node.objects.count(), Sku.objects.get(code="A").weight_grams) == (1, 300)


def test_a_country_without_postcodes_needs_none(write_file: WriteFile, channel: SalesChannel, skus: list[Sku]) -> None:
    dubai = "1004,2026-05-02,new,KURTA-M,1,500,,Dubai,AE"
    result = run_orders(write_file(f"{HEADER},Country", dubai, dubai.replace("1004", "1005").replace("AE", "US")))
    assert (result.created, result.quarantined) == (1, 1)
    order = Order.objects.get()
    assert (order.external_id, order.ship_country, order.ship_postcode) == ("1004", "AE", "")
