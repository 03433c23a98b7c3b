"""The import wizard from file to result, page by page, as a browser without scripts uses it."""

from __future__ import annotations

import csv
import gzip
import html
import io
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from channels.imports import storage
from channels.models import ImportMapping, InboundMessage
from inventory.models import Node, PurchaseOrder, Sku, StockLevel, Supplier
from oms.accounts.models import Role
from oms.core.models import Job
from oms.dashboard.settings.imports import views
from oms.dashboard.settings.imports.samples import sample_csv
from orders.models import Order, SalesChannel
from tests.channels.files.test_formats import SALE_REPORT, SALE_ROW, SHOPIFY
from tests.dashboard.settings.conftest import SignIn, run_jobs, table, upload
from tests.factories import make_world
from tests.inventory.purchases import make_draft, make_supplier

pytestmark = pytest.mark.django_db

SHOPIFY_ROWS = (
    {"Name": "#1001", "Email": "asha@example.com", "Financial Status": "paid", "Currency": "INR",
     "Subtotal": "1998.00", "Total": "1998.00", "Created at": "2026-11-20 12:00:00 +0530", "Lineitem quantity": "2",
     "Lineitem name": "Kurta", "Lineitem price": "999.00", "Lineitem sku": "KURTA-M", "Shipping Name": "Asha Rao",
     "Shipping Address1": "12 MG Road", "Shipping City": "Bengaluru", "Shipping Zip": "'560001",
     "Shipping Province": "KA", "Shipping Country": "IN"},
    {"Name": "#1002", "Email": "ravi@example.com", "Financial Status": "paid", "Currency": "INR",
     "Subtotal": "2500.00", "Total": "2500.00", "Created at": "2026-11-20 13:00:00 +0530", "Lineitem quantity": "1",
     "Lineitem name": "Saree", "Lineitem price": "2500.00", "Lineitem sku": "SAREE-1", "Shipping Name": "Ravi Menon",
     "Shipping Address1": "4 Ring Road", "Shipping City": "Delhi", "Shipping Zip": "'110037",
     "Shipping Province": "DL", "Shipping Country": "IN"},
)  # fmt: skip


def report(header: list[str], *rows: dict[str, str], name: str) -> SimpleUploadedFile:
    """A report with this header."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, header, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return SimpleUploadedFile(name, out.getvalue().encode(), content_type="text/csv")


def text(response: Any) -> str:
    """What the page's main part says, without markup, blanks collapsed."""
    main = re.search(r"<main.*</main>", response.content.decode(), re.S)
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", main[0] if main else "").split()))


def chosen(response: Any) -> dict[str, str]:
    """The columns as the second step suggests them, ready to be sent: name of a select -> field."""
    page = response.content.decode()
    selects = re.findall(r'<select[^>]*name="(col-\d+)"[^>]*>(.*?)</select>', page, re.S)
    found = {name: re.search(r'<option value="([^"]+)" selected', body) for name, body in selects}
    return {name: match[1] for name, match in found.items() if match}


def answers(response: Any) -> dict[str, str]:
    """Every answer that the second step's form has already."""
    page = response.content.decode()
    form = dict(re.findall(r'<input type="hidden" name="(format)" value="(\w+)"', page))
    for name in ("time_zone", "currency", "country"):
        found = re.search(rf'name="{name}" value="([^"]*)"', page)
        if found:
            form[name] = found[1]
    for name in ("decimal", "weight_unit", "length_unit", "node_kind", "date_order"):
        found = re.search(rf'<select name="{name}".*?<option value="([^"]*)" selected', page, re.S)
        if found:
            form[name] = found[1]
    return form | chosen(response)


def to_check(browser: Client, file: SimpleUploadedFile, kind: str, **fields: str) -> Any:
    """Steps one and two with everything as suggested; the answer is the check's page."""
    first = upload(browser, file, kind, **fields)
    assert first.status_code == 302, text(first)
    second = browser.get(first["Location"])
    third = browser.post(first["Location"], answers(second))
    assert third.status_code == 302, text(third)
    return browser.get(third["Location"])


def commit(browser: Client, check: Any, **fields: str) -> Any:
    """Press Import, let a worker run, and open the result."""
    page = check.content.decode()
    action = re.search(r'action="([^"]+/start/)"', page)
    key = re.search(r'action="[^"]+/start/".*?name="idempotency_key" value="([^"]+)"', page, re.S)
    assert action is not None
    assert key is not None
    started = browser.post(action[1], {"idempotency_key": key[1], **fields})
    assert started.status_code == 302
    run_jobs()
    return browser.get(started["Location"])


def test_a_shopify_export_is_recognised_checked_and_captured(sign_in: SignIn) -> None:
    make_world()
    browser = sign_in()
    file = report(SHOPIFY, *SHOPIFY_ROWS, name="orders_export_1.csv")
    first = upload(browser, file, "orders", channel="web", treat_as="open")
    assert "Recognised: Shopify orders export" in text(browser.get(first["Location"]))
    file.seek(0)
    check = to_check(browser, file, "orders", channel="web", treat_as="open")
    assert "To create 2 To change 0 As they are 0 Rows refused 0" in text(check)
    assert not Order.objects.exists()
    result = commit(browser, check)
    assert "Captured 2" in text(result)
    assert set(Order.objects.values_list("external_id", "total_minor")) == {("#1001", 199800), ("#1002", 250000)}
    assert f"/orders/{Order.objects.get(external_id='#1001').number}/" in result.content.decode()
    file.seek(0)
    again = to_check(browser, file, "orders", channel="web", treat_as="open")
    assert "Nothing would change" in text(again)
    assert "To create 0 To change 0 As they are 2" in text(again)
    assert "Nothing changed" in text(commit(browser, again))
    assert Order.objects.count() == 2


def test_the_amazon_report_keeps_history_and_its_bad_rows_go_to_quarantine(sign_in: SignIn) -> None:
    SalesChannel.objects.create(code="amazon", name="Amazon", kind="marketplace")
    Sku.objects.create(code=SALE_ROW["SKU"], name="Kurta")
    browser = sign_in()
    bad = SALE_ROW | {"Order ID": "171-2", "Qty": "many"}
    file = report(SALE_REPORT, SALE_ROW, bad, name="Amazon Sale Report.csv")
    check = to_check(browser, file, "orders", channel="amazon", treat_as="history")
    assert "Rows read 2 To create 1" in text(check)
    assert "Rows refused 1" in text(check)
    assert "many" in text(check)
    result = commit(browser, check)
    assert "Captured 1" in text(result)
    assert "In quarantine 1" in text(result)
    assert Order.objects.get().stage == "shipped"
    assert InboundMessage.objects.get(state="quarantined").external_id == "171-2"


def test_samples_import_one_after_the_other(sign_in: SignIn) -> None:
    SalesChannel.objects.create(code="web", name="Web shop", kind="website")
    browser = sign_in()
    Supplier.objects.create(code="sample-mill", name="Sample mill")
    kinds = (("nodes", 2), ("skus", 3), ("stock", 3), ("purchase_orders", 2), ("orders", 2))
    for kind, made in kinds:
        fetched = browser.get(f"/settings/import/samples/{kind}.csv")
        assert fetched["Content-Disposition"] == f'attachment; filename="sample-{kind}.csv"'
        file = SimpleUploadedFile(f"sample-{kind}.csv", fetched.content)
        fields = {"channel": "web", "treat_as": "open"} if kind == "orders" else {}
        check = to_check(browser, file, kind, **fields)
        assert f"To create {made} " in text(check), kind
        assert "Every row is good" in text(check), text(check)
        result = commit(browser, check)
        assert f"{'Captured' if kind == 'orders' else 'Created'} {made}" in text(result), kind
        file.seek(0)
        assert f"To create 0 To change 0 As they are {made}" in text(to_check(browser, file, kind, **fields)), kind
    assert Node.objects.filter(code__startswith="SAMPLE-").count() == 2
    assert Sku.objects.get(code="SAMPLE-MUG").price_minor == 34_950
    assert StockLevel.objects.get(sku__code="SAMPLE-MUG").on_hand == 18
    assert Order.objects.get(external_id="SAMPLE-1001").lines.count() == 2
    assert PurchaseOrder.objects.get(reference="S-2026-14").lines.count() == 2


def test_a_stock_file_taken_twice_changes_nothing_unless_it_is_a_fresh_count(sign_in: SignIn) -> None:
    world = make_world()
    browser = sign_in()
    file = table("sku,node,on hand", "KURTA-M,blr-01,25")
    commit(browser, to_check(browser, file, "stock"))
    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).on_hand == 25
    commit(browser, to_check(browser, table("sku,node,on hand", "KURTA-M,blr-01,20"), "stock"))
    file.seek(0)
    check = to_check(browser, file, "stock")
    assert "This stock file was imported before" in text(check)
    assert "Nothing changed" in text(commit(browser, check))
    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).on_hand == 20
    file.seek(0)
    commit(browser, to_check(browser, file, "stock"), again="1")
    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).on_hand == 25


def test_columns_are_suggested_and_remembered(sign_in: SignIn) -> None:
    browser = sign_in()
    first = upload(browser, table("Item Code,Benennung,Weight", "KRT-1,Kurta,300", name="erp.csv"), "skus")
    page = browser.get(first["Location"])
    assert chosen(page) == {"col-0": "code", "col-2": "weight"}
    assert "suggestion: by its name" in text(page)
    assert "1 column is left out: Benennung" in text(page)
    named = browser.post(
        first["Location"], answers(page) | {"col-1": "name", "mapping_name": "Our ERP", "weight_unit": "g"}
    )
    commit(browser, browser.get(named["Location"]))
    assert ImportMapping.objects.get().name == "Our ERP"
    assert Sku.objects.get().name == "Kurta"
    second = upload(browser, table("Item Code,Benennung,Weight", "KRT-2,Saree,500", name="next.csv"), "skus")
    again = browser.get(second["Location"])
    assert chosen(again) == {"col-0": "code", "col-1": "name", "col-2": "weight"}
    assert "Filled in from the saved mapping “Our ERP”" in text(again)


def test_a_field_named_twice_or_missing_is_refused_with_the_form(sign_in: SignIn) -> None:
    browser = sign_in()
    first = upload(browser, table("a,b", "KRT-1,Kurta"), "skus")
    page = browser.get(first["Location"])
    twice = browser.post(first["Location"], answers(page) | {"col-0": "name", "col-1": "name"})
    assert twice.status_code == 422
    assert "Name is named twice" in text(twice)
    assert "No column is named for: SKU code." in text(twice)
    assert not Job.objects.exists()


def test_the_check_groups_errors_and_gives_the_refused_rows(sign_in: SignIn) -> None:
    browser = sign_in()
    lines = [f"KRT-{n},Kurta,heavy" for n in range(3)] + ["KRT-9,Kurta,300"]
    check = to_check(browser, table("SKU code,Name,Weight", *lines), "skus")
    assert "Rows refused 3" in text(check)
    assert "Weight 3 heavy" in text(check)
    assert "2, 3, 4" in text(check)
    link = re.search(r'href="([^"]+/rejected.csv)"', check.content.decode())
    assert link is not None
    rows = list(csv.reader(io.StringIO(browser.get(link[1]).content.decode("utf-8-sig"))))
    assert rows[0] == ["SKU code", "Name", "Weight", "Import reason"]
    assert [row[0] for row in rows[1:]] == ["KRT-0", "KRT-1", "KRT-2"]
    assert rows[1][3].startswith("weight: heavy; expected")
    assert not Sku.objects.exists()
    result = commit(browser, check)
    assert "Created 1" in text(result)
    rejected = re.search(r'href="(/settings/import/jobs/[^"]+/rejected.csv)"', result.content.decode())
    assert rejected is not None
    content = b"".join(browser.get(rejected[1]).streaming_content)  # type: ignore[attr-defined]
    fixed = content.replace(b",heavy,", b",250,")
    corrected = to_check(browser, SimpleUploadedFile("rejected.csv", fixed), "skus")
    assert "To create 3" in text(corrected)


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "empty.csv", "The file is empty"),
        (b"\xd0\xcf\x11\xe0old", "old.xls", "Save it as XLSX"),
        (b"PK\x03\x04not a workbook", "broken.xlsx", "damaged"),
        (b"\x1f\x8bbroken", "broken.csv.gz", "damaged gzip"),
    ],
)
def test_a_file_that_cannot_be_read_comes_back_with_the_reason(
    sign_in: SignIn, content: bytes, name: str, words: str
) -> None:
    answer = upload(sign_in(), SimpleUploadedFile(name, content), "skus")
    assert answer.status_code == 422
    assert words in text(answer)
    assert "There is a problem" in text(answer)


def test_an_oversized_file_and_a_bomb_are_refused(sign_in: SignIn, settings: pytest.FixtureRequest) -> None:
    browser = sign_in()
    bomb = gzip.compress(b"code,name\n" + b"0" * 250_000_000, compresslevel=1)
    answer = upload(browser, SimpleUploadedFile("bomb.csv.gz", bomb), "skus")
    assert answer.status_code == 422
    assert "Unpacked, the file has more than" in text(answer)
    settings.MAX_UPLOAD_BYTES = 1024 * 1024  # type: ignore[attr-defined]
    answer = upload(browser, SimpleUploadedFile("big.csv", b"code\n" + b"x" * 2_000_000), "skus")
    assert answer.status_code == 422
    assert "The file is larger than 1 MB" in text(answer)


def test_orders_need_a_channel_of_the_persons_own(sign_in: SignIn) -> None:
    make_world()
    file = report(SHOPIFY, *SHOPIFY_ROWS, name="export.csv")
    browser = sign_in(Role.OPS_AGENT, all_channels=False, channel_codes=["other"])
    answer = upload(browser, file, "orders", channel="web")
    assert answer.status_code == 422
    assert "Select a valid choice" in text(answer)
    file.seek(0)
    assert "Choose the channel these orders belong to." in text(upload(browser, file, "orders"))


def test_people_of_some_nodes_import_stock_for_those_only(sign_in: SignIn) -> None:
    world = make_world()
    browser = sign_in(Role.OPS_AGENT, all_nodes=False, node_codes=["blr-01"])
    first = upload(browser, table("sku,node,on hand", "KURTA-M,del-01,99"), "stock")
    refused = browser.post(first["Location"], answers(browser.get(first["Location"])))
    assert refused.status_code == 422
    assert "You see some nodes only" in text(refused)
    second = upload(browser, table("sku,on hand", "KURTA-M,33"), "stock")
    page = browser.get(second["Location"])
    assert "del-01" not in page.content.decode()
    other = browser.post(second["Location"], answers(page) | {"node": "del-01"})
    assert other.status_code == 422
    own = browser.post(second["Location"], answers(page) | {"node": "blr-01"})
    commit(browser, browser.get(own["Location"]))
    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).on_hand == 33
    assert StockLevel.objects.get(sku=world.kurta, node=world.delhi).on_hand == 10
    nodes = upload(browser, SimpleUploadedFile("nodes.csv", sample_csv("nodes")), "nodes")
    stopped = browser.post(nodes["Location"], answers(browser.get(nodes["Location"])))
    assert "Only people who see every node" in text(stopped)


def test_purchase_orders_are_imported_by_buyers_and_for_their_nodes(sign_in: SignIn) -> None:
    make_world()
    Supplier.objects.create(code="mill", name="The mill")
    named = table("Supplier code,Reference,Node code,SKU code,Quantity", "mill,S-1,del-01,KURTA-M,5")
    agent = sign_in(Role.OPS_AGENT)
    first = upload(agent, named, "purchase_orders")
    refused = agent.post(first["Location"], answers(agent.get(first["Location"])))
    assert (refused.status_code, "You may not buy goods" in text(refused)) == (422, True)

    named.seek(0)
    buyer = sign_in(Role.OPS_MANAGER, all_nodes=False, node_codes=["blr-01"])
    first = upload(buyer, named, "purchase_orders")
    refused = buyer.post(first["Location"], answers(buyer.get(first["Location"])))
    assert "You see some nodes only" in text(refused)
    own = table("Supplier code,Reference,SKU code,Quantity", "mill,S-1,KURTA-M,5")
    second = upload(buyer, own, "purchase_orders")
    check = buyer.post(second["Location"], answers(buyer.get(second["Location"])) | {"node": "blr-01"})
    commit(buyer, buyer.get(check["Location"]))
    assert PurchaseOrder.objects.get(reference="S-1").node.code == "blr-01"


def test_a_buyer_of_one_node_cannot_take_the_draft_of_another_node(sign_in: SignIn) -> None:
    world = make_world()
    theirs = make_draft(make_supplier("mill"), world.delhi, (world.kurta, 40))
    PurchaseOrder.objects.filter(pk=theirs.pk).update(reference="R-14")
    buyer = sign_in(Role.OPS_MANAGER, all_nodes=False, node_codes=["blr-01"])

    own = table("Supplier code,Reference,SKU code,Quantity", "mill,R-14,KURTA-M,5")
    first = upload(buyer, own, "purchase_orders")
    second = buyer.post(first["Location"], answers(buyer.get(first["Location"])) | {"node": "blr-01"})
    check = buyer.get(second["Location"])

    told = text(check)
    assert "To create 0 To change 0 As they are 0 Rows refused 1" in told
    assert "this reference belongs to an order for another node" in told
    assert theirs.number not in told
    result = text(commit(buyer, check))
    assert "this reference belongs to an order for another node" in result
    assert theirs.number not in result
    after = PurchaseOrder.objects.get()
    assert (after.node.code, after.version, after.lines.get().quantity) == ("del-01", 1, 40)


def test_recipes_of_kits_are_imported_by_who_may_change_them(sign_in: SignIn) -> None:
    make_world()
    rows = table("SKU code,Name,Components", "GIFT,Gift box,KURTA-M | SAREE-1")
    for browser in (sign_in(Role.OPS_AGENT), sign_in(Role.OPS_MANAGER, all_nodes=False, node_codes=["blr-01"])):
        first = upload(browser, rows, "skus")
        refused = browser.post(first["Location"], answers(browser.get(first["Location"])))
        assert refused.status_code == 422
        assert "you may not change what kits are assembled from" in text(refused)
        rows.seek(0)

    owner = sign_in(Role.ADMIN)
    first = upload(owner, rows, "skus")
    commit(owner, owner.get(owner.post(first["Location"], answers(owner.get(first["Location"])))["Location"]))

    assert Sku.objects.get(code="GIFT").is_kit


def test_a_draft_belongs_to_who_uploaded_it(sign_in: SignIn) -> None:
    first = upload(sign_in(Role.OPS_MANAGER), table("SKU code", "KRT-1"), "skus")
    other = sign_in(Role.OPS_AGENT)
    assert other.get(first["Location"]).status_code == 404
    assert other.post(first["Location"].replace("columns", "start")).status_code == 404
    assert other.get(first["Location"].replace("columns/", "rejected.csv")).status_code == 404


def test_an_import_is_shown_to_who_started_it(sign_in: SignIn) -> None:
    browser = sign_in(Role.OPS_MANAGER)
    commit(browser, to_check(browser, table("SKU code", "KRT-1"), "skus"))
    job = Job.objects.get()
    url = f"/settings/import/jobs/{job.uid}/"
    assert sign_in(Role.OPS_AGENT).get(url).status_code == 404
    assert sign_in(Role.ADMIN).get(url).status_code == 200
    assert browser.get(f"{url}rejected.csv").status_code == 404


def test_the_same_form_sent_twice_starts_one_job(sign_in: SignIn) -> None:
    browser = sign_in()
    check = to_check(browser, table("SKU code", "KRT-1"), "skus")
    commit(browser, check)
    commit(browser, check)
    assert Job.objects.count() == 1


def test_a_running_import_is_polled_until_it_ends(sign_in: SignIn) -> None:
    browser = sign_in()
    check = to_check(browser, table("SKU code", "KRT-1"), "skus")
    page = check.content.decode()
    action = re.search(r'action="([^"]+/start/)"', page)
    assert action is not None
    url = browser.post(action[1])["Location"]
    waiting = browser.get(url)
    assert "Waiting" in text(waiting)
    assert "Load again to see how far it is" in text(waiting)
    fragment = browser.get(url, headers={"HX-Request": "true"})
    assert 'id="import-progress"' in fragment.content.decode()
    same = browser.get(url, headers={"HX-Request": "true", "X-Fragment-Version": "queued0"})
    assert same.status_code == 204
    run_jobs()
    assert browser.get(url, headers={"HX-Request": "true"})["HX-Refresh"] == "true"


def test_an_import_that_fails_or_is_cancelled_says_so(sign_in: SignIn) -> None:
    browser = sign_in()
    check = to_check(browser, table("SKU code", "KRT-1"), "skus")
    action = re.search(r'action="([^"]+/start/)"', check.content.decode())
    assert action is not None
    url = browser.post(action[1])["Location"]
    stored = storage.stored_path(Job.objects.get().args["file"])
    stored.unlink()
    run_jobs()
    assert "The uploaded file is no longer there" in text(browser.get(url))
    Job.objects.update(state="cancelled", error="")
    assert "The import was cancelled" in text(browser.get(url))
    gone = browser.get(action[1].replace("start", "check"))
    assert gone.status_code == 422
    assert "Upload it again" in text(gone)


def test_a_large_file_is_checked_by_a_job(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "INLINE_ROWS", 1)
    browser = sign_in()
    waiting = to_check(browser, table("SKU code,Weight", "KRT-1,10", "KRT-2,none"), "skus")
    assert "Every row is being checked" in text(waiting)
    url = waiting.request["PATH_INFO"]
    assert 'id="checking"' in browser.get(url, headers={"HX-Request": "true"}).content.decode()
    assert Job.objects.get().kind == "import.check"
    run_jobs()
    assert browser.get(url, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    check = browser.get(url)
    assert "To create 1 To change 0 As they are 0 Rows refused 1" in text(check)
    commit(browser, check)
    assert Sku.objects.get().code == "KRT-1"


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPS_MANAGER, Role.OPS_AGENT, Role.INTEGRATOR])
def test_who_may_import(sign_in: SignIn, role: str) -> None:
    assert sign_in(role).get("/settings/import/").status_code == 200


def test_finance_imports_remittances_and_nothing_else(sign_in: SignIn) -> None:
    browser = sign_in(Role.FINANCE)

    page = browser.get("/settings/import/").content.decode()

    assert "Remittances: what carriers paid" in page
    assert "SKUs: the catalogue" not in page
    assert browser.get("/settings/").status_code == 403
    assert upload(browser, SimpleUploadedFile("a.csv", b"SKU code\nA-1\n"), "skus").status_code == 422


@pytest.mark.parametrize("role", [Role.CUSTOMER_SERVICE, Role.PACKER, Role.READ_ONLY, Role.STORE_MANAGER])
def test_who_may_not_import(sign_in: SignIn, role: str) -> None:
    browser = sign_in(role)
    assert browser.get("/settings/").status_code == 403
    assert browser.get("/settings/import/").status_code == 403
    assert browser.get("/settings/import/samples/skus.csv").status_code == 403
    assert upload(browser, table("SKU code", "KRT-1"), "skus").status_code == 403


def test_a_visitor_is_sent_to_sign_in(client: Client, db: None) -> None:
    assert client.get("/settings/import/")["Location"] == "/accounts/login/?next=/settings/import/"


def test_blank_files_hold_every_column(sign_in: SignIn) -> None:
    browser = sign_in()
    blank = browser.get("/settings/import/samples/stock.csv?blank=1").content.decode("utf-8-sig")
    assert blank.splitlines() == ["SKU code,Node code,On hand,Name,Category,Size,Colour,Style or design"]
    assert browser.get("/settings/import/samples/people.csv").status_code == 404


def test_the_first_page_asks_the_same_number_of_questions_however_many_imports_there_were(
    sign_in: SignIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    browser = sign_in()
    for n in range(6):
        Job.objects.create(kind="import", title=f"Import {n}", state="done")
    with django_assert_max_num_queries(10):
        browser.get("/settings/import/")
