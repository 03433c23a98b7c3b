"""Writing: once, resumable, beside others, and with a file of what was refused."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from channels.imports import running
from channels.imports.errors import ImportRefused
from channels.imports.kinds.nodes import NodeHandler
from channels.imports.kinds.orders import OrderHandler
from channels.imports.kinds.skus import SkuHandler
from channels.imports.kinds.stock import StockHandler, split_over
from channels.imports.services import plan, run_import_job, start_import, store_path, stored_path
from channels.imports.tables import read_table
from channels.imports.types import Kind, Options
from inventory.models import Barcode, Node, Sku, StockLevel, StockMovement
from inventory.services import Claim, reserve
from oms.core.clock import now
from oms.core.ids import uuid7
from oms.core.models import Job
from tests.channels.imports.conftest import WriteFile, look, run

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """What a SIGKILL looks like to the code: nothing of ours runs after it."""


def test_skus_are_created_and_changed_and_empty_cells_leave_them_alone(write_file: WriteFile) -> None:
    Sku.objects.create(code="OLD", name="Old", category="Tops", options={"size": "M", "fit": "slim"})
    path = write_file(
        "SKU Code,Name,Category,Size,Weight,Length,GST,MRP,EAN,HSN",
        "OLD,Renamed,,L,,,,,,",
        '0042,Kurta,Sets,S,0.3,30,12%,"1,299.50",8901234567890|00890,6204',
    )
    result = run(path, "skus", weight_unit="kg", length_unit="cm")
    assert (result.created, result.updated, result.skipped, result.failed) == (1, 1, 0, 0)
    old, new = Sku.objects.get(code="OLD"), Sku.objects.get(code="0042")
    assert (old.name, old.category, old.options) == ("Renamed", "Tops", {"size": "L", "fit": "slim"})
    assert (new.weight_grams, new.length_mm, new.tax_rate_bp, new.price_minor) == (300, 300, 1200, 129950)
    assert new.hsn == "6204"
    assert set(Barcode.objects.filter(sku=new).values_list("code", flat=True)) == {"8901234567890", "00890"}


def test_nodes_are_created_with_what_the_file_does_not_say(write_file: WriteFile) -> None:
    path = write_file("store_id,city,pincode,lat,lng", "HT01,Ahmedabad,380054,23.05,72.51", "HT02,Nowhere,0.0,,")
    result = run(path, "nodes", node_kind="store")
    assert (result.created, result.failed) == (1, 1)
    node = Node.objects.get(code="HT01")
    assert (node.kind, node.name, node.region, node.offers_pickup) == ("store", "Ahmedabad HT01", "Gujarat", True)
    assert run(path, "nodes", node_kind="store").skipped == 1


def test_stock_is_set_and_the_ledger_gets_the_difference(
    write_file: WriteFile, nodes: list[Node], skus: list[Sku]
) -> None:
    run(write_file("sku,node,stock", "KURTA-M,DEL,5", "KURTA-L,DEL,7.0"), "stock")
    result = run(write_file("sku,node,stock", "KURTA-M,DEL,8", "KURTA-L,DEL,7", name="next.csv"), "stock")
    assert (result.created, result.updated, result.skipped) == (0, 1, 1)
    assert StockLevel.objects.get(sku=skus[0], node=nodes[0]).on_hand == 8
    assert list(StockMovement.objects.filter(sku=skus[0]).order_by("pk").values_list("quantity", flat=True)) == [5, 3]


def test_a_count_below_what_is_reserved_is_refused_and_the_others_are_kept(
    write_file: WriteFile, nodes: list[Node], skus: list[Sku]
) -> None:
    run(write_file("sku,node,stock", "KURTA-M,DEL,5", "KURTA-L,DEL,5"), "stock")
    claim = Claim(uid=uuid7(), line_uid=uuid7(), order_id=1, reference="1", sku_id=skus[0].pk, node_id=nodes[0].pk,
                  quantity=4)  # fmt: skip
    assert reserve([claim], actor="test") == set()
    result = run(write_file("sku,node,stock", "KURTA-M,DEL,3", "KURTA-L,DEL,9", name="next.csv"), "stock")
    assert (result.updated, result.failed) == (1, 1)
    assert result.errors[0].expected.startswith("at least what is reserved")
    assert StockLevel.objects.get(sku=skus[0]).on_hand == 5
    assert StockLevel.objects.get(sku=skus[1]).on_hand == 9


def test_the_same_stock_file_twice_does_not_undo_what_was_sold_in_between(
    write_file: WriteFile, nodes: list[Node], skus: list[Sku]
) -> None:
    path = write_file("sku,node,stock", "KURTA-M,DEL,5")
    run(path, "stock")
    run(write_file("sku,node,stock", "KURTA-M,DEL,3", name="later.csv"), "stock")
    again = run(path, "stock")
    assert (again.already_imported, again.skipped) == (True, 1)
    assert StockLevel.objects.get().on_hand == 3
    inspection = look(path, "stock")
    assert plan(inspection, inspection.mapping, Options()).already_imported
    assert run(path, "stock", again=True).updated == 1
    assert StockLevel.objects.get().on_hand == 5


def test_stock_without_nodes_is_spread_the_same_way_every_time(write_file: WriteFile, nodes: list[Node]) -> None:
    path = write_file("SKU Code,Stock,Size", "A,7.0,M", "B,0.0,L")
    result = run(path, "stock", node_split=["DEL", "BOM"], create_skus=True)
    assert (result.created, result.skipped) == (2, 2)
    assert sorted(StockLevel.objects.values_list("on_hand", flat=True)) == [3, 4]
    assert Sku.objects.get(code="A").options == {"size": "M"}
    parts = split_over(7, "A", ["BOM", "DEL"])
    assert {level.node.code: level.on_hand for level in StockLevel.objects.select_related("node")} == parts
    firsts = [max(split_over(1, f"S{n}", ["DEL", "BOM"]).items(), key=lambda item: item[1])[0] for n in range(400)]
    assert 150 < firsts.count("DEL") < 250


ROWS = [f"S{number:03},Kurta {number},{number}" for number in range(25)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["skus", "stock"])
def test_an_import_that_is_killed_goes_on_after_its_last_chunk(
    write_file: WriteFile, monkeypatch: pytest.MonkeyPatch, nodes: list[Node], kind: Kind
) -> None:
    monkeypatch.setattr(SkuHandler, "chunk_size", 10)
    monkeypatch.setattr(StockHandler, "chunk_size", 10)
    path = write_file("sku,name,qty", *ROWS)
    options = {"node": "DEL", "create_skus": True} if kind == "stock" else {}
    original, calls = running._write_chunk, []

    def die_in_the_third(*args: object) -> object:
        calls.append(1)
        mark = original(*args)  # type: ignore[arg-type]
        if len(calls) == 3:
            raise Killed
        return mark

    monkeypatch.setattr(running, "_write_chunk", die_in_the_third)
    with pytest.raises(Killed):
        run(path, kind, **options)
    assert Sku.objects.count() == 20
    job = Job.objects.get()
    assert (job.state, job.done, job.result["mark"]["next"]) == ("running", 20, 20)

    monkeypatch.setattr(running, "_write_chunk", original)
    Job.objects.update(lease_until=now() - timedelta(seconds=1))
    result = run(path, kind, **options)
    job.refresh_from_db()
    assert result.job_id == job.pk
    assert (job.state, job.total, job.done) == ("done", 25, 25)
    assert Sku.objects.count() == 25
    assert result.created + result.skipped == 25


def test_a_command_killed_after_its_last_row_counts_nothing_again(
    write_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_file("sku,name,price", *ROWS, ",nameless,1")
    original = running._finish

    def die_at_the_end(*args: object) -> object:
        original(*args)  # type: ignore[arg-type]
        raise Killed

    monkeypatch.setattr(running, "_finish", die_at_the_end)
    with pytest.raises(Killed):
        run(path, "skus")
    monkeypatch.setattr(running, "_finish", original)
    Job.objects.update(lease_until=now() - timedelta(seconds=1))

    result = run(path, "skus")

    job = Job.objects.get()
    assert (job.state, job.total, job.done, job.succeeded, job.failed) == ("done", 26, 26, 25, 1)
    assert (result.job_id, result.created, result.skipped, result.failed) == (job.pk, 25, 0, 1)
    assert (result.errors[0].field, result.errors[0].count, result.errors[0].rows) == ("code", 1, (27,))


@pytest.mark.django_db(transaction=True)
def test_a_command_that_was_taken_for_dead_stops_when_another_went_on(
    write_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SkuHandler, "chunk_size", 10)
    monkeypatch.setattr("oms.core.jobs.SLICE_SECONDS", 0.0)
    path = write_file("sku,name,price", *ROWS)
    original, calls = running._write_chunk, []

    def taken_over_after_the_first(*args: object) -> object:
        mark = original(*args)  # type: ignore[arg-type]
        calls.append(1)
        if len(calls) == 1:
            Job.objects.update(lease_token=uuid7())
        return mark

    monkeypatch.setattr(running, "_write_chunk", taken_over_after_the_first)

    with pytest.raises(ImportRefused, match="another command went on"):
        run(path, "skus")

    job = Job.objects.get()
    assert (job.state, job.done, Sku.objects.count()) == ("running", 10, 10)


def test_a_job_runs_in_slices_and_keeps_its_counters(
    write_file: WriteFile, monkeypatch: pytest.MonkeyPatch, nodes: list[Node]
) -> None:
    monkeypatch.setattr(SkuHandler, "chunk_size", 10)
    monkeypatch.setattr("oms.core.jobs.SLICE_SECONDS", 0.0)
    stored = store_path(write_file("sku,name,price", *ROWS, ",nameless,1"))
    inspection = look(stored.path, "skus")
    job = start_import(inspection, inspection.mapping, Options(), user=None)
    Job.objects.update(state="running")
    runs = 0
    finished = False
    while not finished:
        job.refresh_from_db()
        finished = run_import_job(job)
        runs += 1
    job.refresh_from_db()
    assert runs == 4
    assert (job.total, job.done, job.succeeded, job.failed, job.skipped) == (26, 26, 25, 1, 0)
    assert job.result["import"]["created"] == 25
    assert read_table(Path(job.result_file.path)).header[-1] == "Import reason"


def test_a_cancelled_job_stops_and_undoes_the_chunk_at_hand(write_file: WriteFile) -> None:
    stored = store_path(write_file("sku,name", "A,x"))
    inspection = look(stored.path, "skus")
    job = start_import(inspection, inspection.mapping, Options(), user=None)
    Job.objects.update(state="cancelled")
    from_queue = Job.objects.get(pk=job.pk)
    with pytest.raises(Exception, match="cancelled"):
        run_import_job(from_queue)
    assert Sku.objects.count() == 0


def test_rejected_rows_come_back_with_their_reason_and_can_be_corrected_and_imported(
    write_file: WriteFile, media: Path
) -> None:
    path = write_file("SKU Code,Name,Price", "A,Kurta,100", "B,=cmd|calc,abc", "C,Top,200")
    result = run(path, "skus")
    assert (result.created, result.failed) == (2, 1)
    rejected = media / result.rejected_file
    text = rejected.read_text(encoding="utf-8-sig")
    assert text.splitlines() == [
        "SKU Code,Name,Price,Import reason",
        'B,\'=cmd|calc,abc,"price: abc; expected an amount such as 1,23,456.78, not negative"',
    ]
    rejected.write_text(text.replace(",abc,", ",150,"), encoding="utf-8")
    corrected = run(rejected, "skus")
    assert (corrected.created, corrected.failed) == (1, 0)
    assert Sku.objects.get(code="B").name == "=cmd|calc"


def test_a_stored_file_is_found_by_its_token_only(media: Path, write_file: WriteFile) -> None:
    stored = store_path(write_file("sku", "A", name="we ird.csv"))
    assert stored_path(stored.token) == stored.path
    assert stored.path.parent == media / "imports"
    for token in ("../../etc/passwd", "a" * 64, "", "/etc/passwd", stored.token + "/.."):
        with pytest.raises(ImportRefused):
            stored_path(token)


def test_ten_thousand_rows_take_a_handful_of_statements_for_each_thousand(
    write_file: WriteFile, nodes: list[Node], django_assert_max_num_queries: object
) -> None:
    handlers = (SkuHandler(), NodeHandler(), StockHandler(), OrderHandler())
    assert all(handler.chunk_size >= 500 for handler in handlers)
    path = write_file("sku,qty", *(f"S{number},5" for number in range(3000)))
    with django_assert_max_num_queries(150):  # type: ignore[operator]
        result = run(path, "stock", node="DEL", create_skus=True)
    assert result.created == 3000


@pytest.mark.django_db(transaction=True)
def test_the_same_files_imported_at_the_same_time_are_written_once(write_file: WriteFile, settings: object) -> None:
    Node.objects.create(code="DEL", name="Delhi", kind="warehouse", city="Delhi", postcode="110001")
    skus, stock = write_file("sku,name,price", *ROWS), write_file("sku,node,qty", *(
        f"S{number:03},DEL,{number + 1}" for number in range(25)
    ), name="stock.csv")  # fmt: skip
    results: list[object] = []

    def work(path: Path, kind: Kind) -> None:
        try:
            results.append(run(path, kind))
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    for path, kind in ((skus, "skus"), (stock, "stock")):
        threads = [threading.Thread(target=work, args=(path, kind)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [result for result in results if isinstance(result, Exception)] == []
    assert Sku.objects.count() == 25
    assert sum(StockLevel.objects.values_list("on_hand", flat=True)) == sum(range(1, 26))
    assert StockMovement.objects.count() == 25
