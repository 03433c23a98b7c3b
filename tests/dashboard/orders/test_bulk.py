"""Many orders at once, row by row; exports; jobs that a worker finishes."""

from __future__ import annotations

import csv
import io
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from python_calamine import CalamineWorkbook

from fulfillment.services import pack, pick
from oms.accounts.access import principal_of_user
from oms.accounts.models import User
from oms.core.db import fetch_all
from oms.core.errors import DomainError
from oms.core.jobs import cancel_job, run_slice
from oms.core.models import Job, JobState, OutboxEvent
from oms.flow import bulk_jobs, export_jobs
from oms.flow.jobs import RUNNERS
from orders.models import Hold, Order, OrderEvent
from orders.services import place_hold, set_tags
from tests.dashboard.orders.conftest import SignIn, routed
from tests.factories import World, capture, make_line, make_order

pytestmark = pytest.mark.django_db
LIST = {"list": "view=all"}


@pytest.fixture
def three(world: World) -> list[Order]:
    """Two orders that can be held and one that is packed."""
    orders = [routed(world, name, quantity=1) for name in ("a", "b", "c")]
    work = orders[2].fulfillment_orders.get()
    pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=1, actor="Ravi")
    pack(fulfillment_order_id=work.pk, actor="Ravi")
    return orders


def ids(orders: list[Order]) -> list[str]:
    return [str(order.pk) for order in orders]


def test_a_bulk_hold_tells_each_row(ops: Client, three: list[Order]) -> None:
    response = ops.post("/orders/bulk/hold/", LIST | {"ids": ids(three), "reason": "fraud_risk"}, follow=True)

    html = response.content.decode()
    job = Job.objects.get()
    assert (job.state, job.total, job.succeeded, job.failed) == ("done", 3, 2, 1)
    assert "2 orders put on hold, 1 refused." in html
    assert f"{three[2].number} is packed and can no longer be held." in html
    assert "Retry the 1 refused" in html
    assert "?view=all" in html
    assert Hold.objects.count() == 2


def test_a_bulk_hold_can_be_undone_and_the_refused_tried_again(ops: Client, three: list[Order]) -> None:
    place_hold(order_id=three[0].pk, reason="duplicate", source="x", handle="x", actor="x")
    ops.post("/orders/bulk/hold/", LIST | {"ids": ids(three), "reason": "fraud_risk"})
    job = Job.objects.get()

    ops.post(f"/orders/bulk/{job.uid}/retry/")
    retried = Job.objects.latest("pk")
    assert (retried.args["order_ids"], retried.failed) == ([three[2].pk], 1)
    response = ops.post(f"/orders/bulk/{job.uid}/undo/", follow=True)

    assert "2 orders released again." in response.content.decode()
    assert list(Order.objects.order_by("pk").values_list("open_holds", flat=True)) == [1, 0, 0]


def test_failures_can_be_taken_as_csv(ops: Client, three: list[Order]) -> None:
    ops.post("/orders/bulk/hold/", LIST | {"ids": ids(three), "reason": "fraud_risk"})

    response = ops.get(f"/orders/bulk/{Job.objects.get().uid}/failures.csv")

    rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert rows == [
        ["Order", "Result", "Reason"],
        [three[2].number, "refused", f"{three[2].number} is packed and can no longer be held."],
    ]


def test_a_bulk_form_sent_twice_is_one_job(ops: Client, three: list[Order]) -> None:
    fields = LIST | {"ids": ids(three), "reason": "fraud_risk", "idempotency_key": "one"}
    first, second = (ops.post("/orders/bulk/hold/", fields) for _ in range(2))
    other = ops.post("/orders/bulk/release/", LIST | {"ids": ids(three), "idempotency_key": "one"})

    assert first["Location"] == second["Location"] != other["Location"]
    assert Job.objects.count() == 2


def test_everything_that_matches_can_be_chosen(ops: Client, three: list[Order]) -> None:
    ops.post("/orders/bulk/hold/", {"list": "view=all&q=status:released", "select_all": "1", "reason": "other",
                                    "ids": ids(three[:1])})  # fmt: skip

    assert Job.objects.get().args["order_ids"] == [three[0].pk, three[1].pk]


def test_only_orders_in_scope_are_touched(sign_in: SignIn, three: list[Order]) -> None:
    agent = sign_in("ops_agent", node_codes=["del-01"])

    response = agent.post("/orders/bulk/hold/", LIST | {"ids": ids(three), "reason": "other"})

    assert response.status_code == 422
    assert Job.objects.count() == Hold.objects.count() == 0


def test_nothing_chosen_and_no_reason_are_refused(ops: Client, three: list[Order]) -> None:
    assert ops.post("/orders/bulk/hold/", LIST | {"reason": "other"}).status_code == 422
    page = ops.post("/orders/bulk/hold/", LIST | {"ids": ids(three)})
    assert "Hold 3 orders?" in page.content.decode()
    again = ops.post("/orders/bulk/hold/", LIST | {"id_list": ",".join(ids(three)), "confirmed": "1", "reason": "no"})
    assert again.status_code == 422
    assert "Choose why the orders are held." in again.content.decode()
    assert ops.post("/orders/bulk/explode/", LIST | {"ids": ids(three)}).status_code == 404
    assert Job.objects.count() == 0


def test_release_skips_what_is_not_held(ops: Client, three: list[Order]) -> None:
    place_hold(order_id=three[0].pk, reason="duplicate", source="x", handle="x", actor="x")

    html = ops.post("/orders/bulk/release/", LIST | {"ids": ids(three)}, follow=True).content.decode()

    assert "1 order released, 2 skipped." in html
    assert f"{three[1].number} is not on hold." in html


def test_tags_are_added_and_removed(ops: Client, three: list[Order]) -> None:
    Order.objects.filter(pk=three[0].pk).update(tags=["old"])

    ops.post("/orders/bulk/tag/", LIST | {"ids": ids(three), "add": "VIP, gift", "remove": "old"})

    assert list(Order.objects.order_by("pk").values_list("tags", flat=True)) == [["gift", "vip"]] * 3


@pytest.mark.django_db(transaction=True)
def test_a_bulk_action_keeps_the_tags_that_somebody_sets_meanwhile(world: World) -> None:
    order_id = capture(world, make_order("1", make_line(world.kurta)))
    job = Job.objects.create(kind=bulk_jobs.BULK, title="Tag 1 order", state=JobState.RUNNING, args={
        "action": "tag", "order_ids": [order_id], "actor": "Asha", "add": ["VIP"], "remove": [],
    })  # fmt: skip

    def tag_many() -> None:
        bulk_jobs.run_bulk(job)
        connection.close()

    other = threading.Thread(target=tag_many)
    with transaction.atomic():
        set_tags(order_id=order_id, tags=["gift"], actor="Ravi")
        other.start()
        wait_until_somebody_waits()
    other.join()

    assert Order.objects.get().tags == ["gift", "vip"]


def wait_until_somebody_waits() -> None:
    """Until another session waits for what this one has locked, at most ten seconds."""
    for _ in range(500):
        if fetch_all("SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"):
            return
        time.sleep(0.02)
    raise AssertionError("Nobody waits for this session.")


def test_cancelling_many_shows_what_it_does_first(ops: Client, three: list[Order]) -> None:
    page = ops.post("/orders/bulk/cancel/", LIST | {"ids": ids(three)}).content.decode()
    for words in ("3 units are cancelled, 2 reserved units become sellable again.", "Up to ₹2,997.00 becomes due",
                  "3 customers get an e-mail"):  # fmt: skip
        assert words in page, words
    assert Job.objects.count() == 0
    fields = LIST | {"id_list": ",".join(ids(three)), "confirmed": "1"}
    assert ops.post("/orders/bulk/cancel/", fields | {"reason": " "}).status_code == 422

    ops.post("/orders/bulk/cancel/", fields | {"reason": "Recall"})

    assert set(Order.objects.values_list("stage", flat=True)) == {"cancelled"}
    again = ops.post("/orders/bulk/cancel/", fields | {"reason": "Recall"}, follow=True).content.decode()
    assert "0 orders cancelled, 3 skipped." in again


def test_rerouting_many_names_the_plans_and_refuses_begun_work(ops: Client, world: World, three: list[Order]) -> None:
    page = ops.post("/orders/bulk/reroute/", LIST | {"ids": ids(three)}).content.decode()
    assert "2 of 3 orders can be done" in page
    assert "1: Packed: the work has begun" in page
    assert "2 orders: stay at blr-01" in page

    html = ops.post("/orders/bulk/reroute/", LIST | {"id_list": ",".join(ids(three)), "confirmed": "1"},
                    follow=True).content.decode()  # fmt: skip

    assert "2 orders rerouted, 1 refused." in html
    assert OrderEvent.objects.filter(kind="work_withdrawn").count() == 2


@pytest.mark.parametrize(("role", "action", "status"), [
    ("customer_service", "hold", 302), ("customer_service", "reroute", 403), ("read_only", "hold", 403),
    ("packer", "cancel", 403), ("ops_agent", "tag", 200),
])  # fmt: skip
def test_who_may_act_on_many(sign_in: SignIn, three: list[Order], role: str, action: str, status: int) -> None:
    response = sign_in(role).post(f"/orders/bulk/{action}/", LIST | {"ids": ids(three), "reason": "other"})

    assert response.status_code == status


def test_the_result_of_somebody_else_is_404(ops: Client, sign_in: SignIn, three: list[Order]) -> None:
    ops.post("/orders/bulk/hold/", LIST | {"ids": ids(three), "reason": "other"})
    uid = Job.objects.get().uid

    assert sign_in("ops_agent").get(f"/orders/bulk/{uid}/").status_code == 404
    assert sign_in("ops_agent").post(f"/orders/bulk/{uid}/undo/").status_code == 404
    assert sign_in("admin").get(f"/orders/bulk/{uid}/").status_code == 200


# -- as a job -------------------------------------------------------------------------------------------------------


def queued(three: list[Order], monkeypatch: pytest.MonkeyPatch, ops: Client) -> Job:
    """A hold of all three that is too large to be done at once."""
    monkeypatch.setattr("oms.dashboard.orders.bulk_views.INLINE_ROWS", 1)
    ops.post("/orders/bulk/hold/", LIST | {"ids": ids(three), "reason": "other"})
    return Job.objects.get()


def test_a_large_action_waits_for_a_worker_and_shows_its_progress(
    ops: Client, three: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queued(three, monkeypatch, ops)
    assert job.state == "queued"
    html = ops.get(f"/orders/bulk/{job.uid}/").content.decode()
    assert "You can leave: the work goes on" in html
    assert OutboxEvent.objects.filter(kind="core.JobQueued").count() == 1

    run_slice(job.pk, RUNNERS)
    run_slice(job.pk, RUNNERS)

    job.refresh_from_db()
    assert (job.state, job.done, job.succeeded, job.failed) == ("done", 3, 2, 1)
    polled = ops.get(f"/orders/bulk/{job.uid}/", headers={"HX-Request": "true"})
    assert polled["HX-Refresh"] == "true"


def test_rows_are_done_once_when_a_slice_ends_early(
    ops: Client, three: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queued(three, monkeypatch, ops)
    monkeypatch.setattr(bulk_jobs, "SLICE_SECONDS", -1.0)
    run_slice(job.pk, RUNNERS)
    job.refresh_from_db()
    assert (job.state, job.done) == ("running", 0)
    monkeypatch.setattr(bulk_jobs, "SLICE_SECONDS", 60.0)

    run_slice(job.pk, RUNNERS)

    job.refresh_from_db()
    assert (job.state, job.done) == ("done", 3)
    assert Hold.objects.count() == 2


def test_a_cancelled_job_stops(ops: Client, three: list[Order], monkeypatch: pytest.MonkeyPatch) -> None:
    job = queued(three, monkeypatch, ops)
    cancel_job(job.pk)

    run_slice(job.pk, RUNNERS)

    assert Hold.objects.count() == 0


def test_an_unforeseen_error_stays_with_its_row(
    ops: Client, three: list[Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(task: bulk_jobs.RowTask) -> None:
        if task.order_id == three[1].pk:
            raise RuntimeError("a bug")
        place_hold(order_id=task.order_id, reason="other", source="x", handle="x", actor="x")

    action = bulk_jobs.BulkAction("Hold", "orders.hold", "held", broken, together=25)
    monkeypatch.setitem(bulk_jobs.ACTIONS, "hold", action)

    ops.post("/orders/bulk/hold/", LIST | {"ids": ids(three), "reason": "other"})

    job = Job.objects.get()
    assert (job.succeeded, job.failed) == (1, 2)
    assert "Something went wrong that nobody foresaw. Reference " in job.result["refused"][str(three[1].pk)]


# -- exports --------------------------------------------------------------------------------------------------------


def export(client: Client, file_format: str = "csv", **fields: Any) -> Any:
    return client.post(f"/orders/export/{file_format}/", {"select_all": "1", "list": "view=all"} | fields)


def rows_of(response: Any) -> list[list[str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def test_a_csv_has_the_present_filter_columns_and_sort(ops: Client, world: World, three: list[Order]) -> None:
    response = export(ops, list="view=all&q=status:released&cols=order,total,units,customer&sort=number")

    assert rows_of(response) == [
        ["Order", "Total", "Units", "Customer", "Currency"],
        [three[0].number, "999.00", "1", "Asha Rao", "INR"],
        [three[1].number, "999.00", "1", "Asha Rao", "INR"],
    ]
    job = Job.objects.get()
    assert (job.kind, job.state, job.total) == ("orders.export", "done", 2)
    assert job.args["masked"] is False


def test_ticked_rows_are_exported_alone(ops: Client, three: list[Order]) -> None:
    response = ops.post("/orders/export/csv/", {"ids": ids(three[:1]), "list": "view=all&cols=order,pin"})

    assert rows_of(response)[1:] == [[three[0].number, "560001"]]


def test_formulas_of_customers_stay_text(ops: Client, world: World) -> None:
    routed(world, "1", customer_name='=HYPERLINK("http://x","y")', customer_note="-1+1")

    [_, row] = rows_of(export(ops, list="view=all&cols=order,customer,note"))

    assert row[1:] == ['\'=HYPERLINK("http://x","y")', "'-1+1"]


def test_a_workbook_has_numbers_as_numbers_and_text_as_text(ops: Client, world: World) -> None:
    order = routed(world, "1", quantity=2, customer_name="=1+1")

    response = export(ops, "xlsx", list="view=all&cols=order,total,units,customer")

    sheet = CalamineWorkbook.from_filelike(io.BytesIO(response.content)).get_sheet_by_index(0)
    assert sheet.to_python() == [
        ["Order", "Total", "Units", "Customer", "Currency"], [order.number, 1998.0, 2.0, "'=1+1", "INR"],
    ]  # fmt: skip


def test_personal_data_is_masked_without_the_right(
    three: list[Order], monkeypatch: pytest.MonkeyPatch, sign_in: SignIn
) -> None:
    monkeypatch.setattr("oms.accounts.access.VERBS", {"read_only": frozenset({"orders.view", "orders.export"})})

    text = str(rows_of(export(sign_in("read_only"), list="view=all&cols=order,customer,phone,email")))

    assert "A•• R••" in text
    assert "asha@" not in text
    assert "9845012345" not in text
    assert Job.objects.get().args["masked"] is True


@pytest.mark.parametrize("role", ["read_only", "packer", "customer_service"])
def test_who_may_not_export(sign_in: SignIn, three: list[Order], role: str) -> None:
    assert export(sign_in(role)).status_code == 403
    assert Job.objects.count() == 0


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    """Exports of more than two rows become jobs."""
    settings.MEDIA_ROOT = str(tmp_path)
    monkeypatch.setattr("oms.dashboard.orders.export_views.STREAMED_ROWS", 2)


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_a_large_export_is_a_job_with_a_file_for_a_day(
    ops: Client, sign_in: SignIn, three: list[Order], large: None, file_format: str
) -> None:
    response = export(ops, file_format, list="view=all&cols=order,total&sort=number")
    job = Job.objects.get()
    assert response["Location"] == f"/jobs/{job.uid}/"
    assert ops.get(f"/jobs/{job.uid}/file/").status_code == 404

    run_slice(job.pk, RUNNERS)

    job.refresh_from_db()
    assert (job.state, job.error, job.succeeded) == ("done", "", 3)
    answer: Any = ops.get(f"/jobs/{job.uid}/file/")
    file = b"".join(answer.streaming_content)
    if file_format == "csv":
        rows = list(csv.reader(io.StringIO(file.decode("utf-8-sig"))))
        assert [row[0] for row in rows] == ["Order", *(order.number for order in three)]
    else:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(file)).get_sheet_by_index(0)
        assert sheet.to_python()[1] == [three[0].number, 999.0, "INR"]
    assert sign_in("ops_agent").get(f"/jobs/{job.uid}/file/").status_code == 404
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        client = Client()
        client.force_login(
            User.objects.get(pk=job.created_by_id or 0), backend="django.contrib.auth.backends.ModelBackend"
        )
        assert client.get(f"/jobs/{job.uid}/file/").status_code == 410
        path = Path(job.result_file.path)
        assert path.is_file()

        assert export_jobs.drop_old_files() == 1

        assert not path.exists()
        assert client.get(f"/jobs/{job.uid}/file/").status_code == 410
        assert export_jobs.drop_old_files() == 0


def test_an_export_that_was_broken_off_goes_on_without_a_row_twice(
    ops: Client, three: list[Order], large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oms.reporting.order_rows.CHUNK", 1)
    monkeypatch.setattr(export_jobs, "SLICE_SECONDS", -1.0)
    export(ops, list="view=all&cols=order,pin&sort=number")
    job = Job.objects.get()
    run_slice(job.pk, RUNNERS)
    job.refresh_from_db()
    assert (job.state, job.done) == ("running", 1)
    with export_jobs.part_path(job).open("ab") as file:
        file.write(b"half a row that a crash left behi")

    for _ in range(3):
        run_slice(job.pk, RUNNERS)

    job.refresh_from_db()
    assert (job.state, job.done) == ("done", 3)
    rows = list(csv.reader(io.StringIO(job.result_file.read().decode("utf-8-sig"))))
    assert [row[0] for row in rows] == ["Order", *(order.number for order in three)]


def test_an_export_stops_when_its_owner_lost_the_right(ops: Client, three: list[Order], large: None) -> None:
    export(ops)
    User.objects.update(role="packer")
    job = Job.objects.get()

    run_slice(job.pk, RUNNERS)

    job.refresh_from_db()
    assert job.state == "failed"
    assert job.error == "Meera Ops may not export orders any more."


def test_more_orders_than_one_action_takes_are_refused(three: list[Order]) -> None:
    who = principal_of_user(User(email="x@example.com", role="ops_manager", all_nodes=True))

    with pytest.raises(DomainError, match="at most 10,000 orders"):
        bulk_jobs.start_bulk(action="hold", order_ids=range(10_001), principal=who)


def test_an_order_captured_meanwhile_is_not_part_of_a_frozen_choice(
    ops: Client, world: World, three: list[Order]
) -> None:
    page = ops.post("/orders/bulk/cancel/", {"select_all": "1", "list": "view=all"}).content.decode()
    capture(world, make_order("late", make_line(world.kurta, 1)))

    frozen = page.split('name="id_list" value="')[1].split('"')[0]
    ops.post("/orders/bulk/cancel/", LIST | {"id_list": frozen, "confirmed": "1", "reason": "Recall"})

    assert Order.objects.exclude(stage="cancelled").count() == 1
