"""Replenishment on screen: suggestions with their sums, deciding about them, and the rules behind them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import (
    DemandRate,
    PurchaseOrder,
    ReplenishmentRule,
    ReplenishmentSuggestion,
    Supplier,
    SupplierItem,
    Transfer,
)
from inventory.services.replenishing import refresh_suggestions
from oms.accounts.models import User
from oms.core.models import Job
from tests.factories import World, make_sku, make_world, stock

pytestmark = pytest.mark.django_db
HOME = "/inventory/replenishment/"


@pytest.fixture
def world() -> World:
    """Bengaluru sells 2.3 kurtas a day and buys them in packs of twelve; its shoes come from Delhi."""
    world = make_world()
    mill = Supplier.objects.create(code="mill", name="Surat Mills", lead_days=9)
    SupplierItem.objects.create(supplier=mill, sku=world.kurta, pack_size=12)
    DemandRate.objects.create(sku=world.kurta, node=world.blr, units=64, days=28, mean_per_day=2.3,
                              deviation_per_day=1.9, velocity="fast")  # fmt: skip
    ReplenishmentRule.objects.create(name="Kurtas", sku=world.kurta, node=world.blr)
    ReplenishmentRule.objects.create(name="Shoes", sku=world.shoe, node=world.blr, from_node=world.delhi,
                                     least_stock=15)  # fmt: skip
    refresh_suggestions()
    return world


def signed_in(role: str = "ops_manager", **fields: Any) -> Client:
    user = User.objects.create(email=f"{uuid4()}@example.com", role=role,
                               **({"name": "Meera", "all_nodes": True, "all_channels": True} | fields))  # fmt: skip
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def one(code: str) -> ReplenishmentSuggestion:
    return ReplenishmentSuggestion.objects.filter(sku__code=code).latest("pk")


def post(client: Client, path: str, **fields: Any) -> str:
    """The page that a form leads to."""
    response = client.post(f"{HOME}{path}", {"idempotency_key": str(uuid4()), **fields}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_the_list_prints_the_sum_of_each_suggestion_in_a_sentence(world: World) -> None:
    page = signed_in().get(HOME).content.decode()
    assert (
        "Order 48 from Surat Mills: 2.3 a day × 9 days + 10 safety (95 %, deviation 1.9) = reorder at 31; "
        "position 10 = 10 ATP; up to 48 = 31 + 7 days; in packs of 12."
    ) in page
    assert "Move 5 from del-01: no demand known, least stock = reorder at 15; position 10 = 10 ATP; up to 15." in page
    assert page.index("KURTA-M") < page.index("SHOE-42")  # what runs out first comes first
    assert ">4.3<" in page


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("", {"KURTA-M", "SHOE-42"}), ("?show=urgent", {"KURTA-M"}), ("?way=transfer", {"SHOE-42"}),
        ("?supplier=mill", {"KURTA-M"}), ("?q=shoe", {"SHOE-42"}), ("?node=del-01", set()), ("?way=unknown", set()),
        ("?show=accepted", set()), ("?after=nan_1", {"KURTA-M", "SHOE-42"}), ("?after=9_x", {"KURTA-M", "SHOE-42"}),
        ("?after=0_1", {"SHOE-42"}), ("?show=accepted&after=x_1", set()),
    ],
)  # fmt: skip
def test_filters_narrow_the_list(query: str, codes: set[str], world: World) -> None:
    page = signed_in().get(f"{HOME}{query}").content.decode()
    assert {code for code in ("KURTA-M", "SAREE-1", "SHOE-42") if f">{code}</a>" in page} == codes


def test_the_chosen_become_drafts_with_the_quantities_of_the_rows_once(world: World) -> None:
    client, kurta, shoe = signed_in(), one("KURTA-M"), one("SHOE-42")
    form = {"idempotency_key": str(uuid4()), "ids": [kurta.pk, shoe.pk], f"q-{kurta.pk}": "36", f"q-{shoe.pk}": "5"}
    pages = [client.post(f"{HOME}accept/", form, follow=True).content.decode() for _ in range(2)]
    order, transfer = PurchaseOrder.objects.get(), Transfer.objects.get()
    assert all(f"2 suggestions became {order.number}, {transfer.number}." in page for page in pages)
    assert list(order.lines.values_list("sku__code", "quantity")) == [("KURTA-M", 36)]
    assert order.created_by == "Meera"
    page = client.get(f"{HOME}?show=accepted").content.decode()
    assert order.number in page
    assert "suggested 48" in page


def test_every_suggestion_of_the_filter_is_accepted_where_all_are_chosen(world: World) -> None:
    page = post(signed_in(), "accept/?way=transfer", select_all="1")
    assert "1 suggestion became TR-" in page
    assert (PurchaseOrder.objects.count(), one("KURTA-M").state) == (0, "open")


def test_a_quantity_that_is_none_is_refused_and_nothing_is_drafted(world: World) -> None:
    kurta = one("KURTA-M")
    page = post(signed_in(), "accept/", ids=[kurta.pk], **{f"q-{kurta.pk}": "-3"})
    assert "KURTA-M for blr-01: 0 is not a quantity" in page
    assert one("KURTA-M").state == "open"


def test_drafts_and_dismissals_are_taken_back(world: World) -> None:
    client, kurta, shoe = signed_in(), one("KURTA-M"), one("SHOE-42")
    post(client, "accept/", ids=[kurta.pk])
    page = post(client, "dismiss/", ids=[shoe.pk], reason="Season ends", days="14")
    assert "1 suggestion sleeps." in page
    assert "Season ends" in client.get(f"{HOME}?show=dismissed").content.decode()
    page = post(client, "undo/?show=accepted", ids=[kurta.pk, shoe.pk])
    assert "2 suggestions are open again." in page
    assert PurchaseOrder.objects.get().state == "cancelled"
    assert {one("KURTA-M").state, one("SHOE-42").state} == {"open"}


def test_dismissing_wants_a_reason_and_choosing_nothing_is_told(world: World) -> None:
    client = signed_in()
    assert "Say why nothing is to be ordered." in post(client, "dismiss/", ids=[one("KURTA-M").pk], days="7")
    assert "Tick the suggestions first." in post(client, "accept/")
    assert one("KURTA-M").state == "open"


def test_who_moves_stock_but_does_not_buy_accepts_transfers_only(world: World) -> None:
    client = signed_in("warehouse_lead", all_nodes=False, node_codes=["blr-01"])
    page = post(client, "accept/", ids=[one("KURTA-M").pk, one("SHOE-42").pk])
    assert "KURTA-M for blr-01: buying is for those who may buy." in page
    assert (PurchaseOrder.objects.count(), Transfer.objects.count()) == (0, 1)


def test_people_of_another_node_see_and_decide_nothing(world: World) -> None:
    client = signed_in(all_nodes=False, node_codes=["blr-s1"])
    kurta = one("KURTA-M")
    assert "KURTA-M" not in client.get(HOME).content.decode()
    assert client.get(f"{HOME}{kurta.pk}/").status_code == 404
    post(client, "accept/", ids=[kurta.pk])
    assert one("KURTA-M").state == "open"


def test_the_drawer_and_its_page_show_every_figure(world: World) -> None:
    kurta, client = one("KURTA-M"), signed_in()
    page = client.get(f"{HOME}{kurta.pk}/").content.decode()
    drawer = client.get(f"{HOME}{kurta.pk}/", headers={"HX-Request": "true"}).content.decode()
    for text in (page, drawer):
        assert "1.6449 × √(9 × 1.9² + 2.3² × 0²)" in text
        assert "the supplier&#x27;s lead time" in text
        assert "Runs out before goods come" in text
    assert "<html" not in drawer


def test_the_export_names_every_figure(world: World) -> None:
    response = signed_in().get(f"{HOME}export.csv")
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    first = text.splitlines()[1].split(",")
    assert first[:12] == ["KURTA-M", "The KURTA-M", "blr-01", "Suggested", "mill", "", "48", "48", "4.35", "9", "2.3",
                          "1.9"]  # fmt: skip


def test_working_it_out_now_is_a_job(world: World) -> None:
    page = post(signed_in(), "run/")
    job = Job.objects.get()
    assert (job.kind, job.args) == ("inventory.replenish", {"rates": True})
    assert str(job.uid) in page or "worked out" in page


def test_somebody_elses_run_takes_nobody_in_and_its_starter_is_named(world: World) -> None:
    theirs = signed_in(name="Ravi")
    ravi = User.objects.get(name="Ravi")
    for state in ("queued", "running"):
        Job.objects.create(kind="inventory.replenish", title="Work out", state=state, args={"rates": False},
                           created_by_id=ravi.pk)  # fmt: skip
    mine = signed_in()

    listed = mine.get(HOME).content.decode()
    assert "started by Ravi" in listed
    assert "/jobs/" not in listed.split("Being worked out")[0].rsplit("<p", 1)[1]
    assert "/jobs/" in theirs.get(HOME).content.decode().split("Being worked out")[0].rsplit("<p", 1)[1]

    page = post(mine, "run/")
    own = Job.objects.latest("pk")
    assert (own.created_by_id == ravi.pk, own.args) == (False, {"rates": True})
    assert "A run that Ravi started" in page
    post(mine, "run/")
    assert Job.objects.count() == 3


def test_the_list_costs_as_many_statements_for_twice_the_rows(world: World) -> None:
    client = signed_in()
    client.get(HOME)
    with CaptureQueriesContext(connection) as few:
        client.get(HOME)
    for number in range(2):
        sku = make_sku(f"MORE-{number}")
        stock(sku, world.blr, 1)
        ReplenishmentRule.objects.create(name=sku.code, sku=sku, node=world.blr, from_node=world.delhi, least_stock=5)
    refresh_suggestions()
    with CaptureQueriesContext(connection) as many:
        assert client.get(HOME).content.decode().count("data-row=") == 4
    assert len(many) == len(few)


def test_empty_lists_say_why_they_are_empty(world: World) -> None:
    client = signed_in()
    assert "No suggestion matches" in client.get(f"{HOME}?q=nothing").content.decode()
    ReplenishmentSuggestion.objects.all().delete()
    assert "Nothing to order" in client.get(HOME).content.decode()
    ReplenishmentRule.objects.all().delete()
    assert "No rule yet" in client.get(HOME).content.decode()


# -- rules -------------------------------------------------------------------------------------------------------------


def filled(**fields: Any) -> dict[str, Any]:
    return {"name": "Sarees", "service_level": "95", "review_days": "7", "transfer_days": "2", "least_stock": "12",
            "is_active": "on", **fields}  # fmt: skip


def test_a_rule_shows_what_it_would_suggest_before_it_is_saved(world: World) -> None:
    client = signed_in()
    page = client.post(f"{HOME}rules/preview/", filled(sku="SAREE-1")).content.decode()
    assert "2 suggestions change: 2 instead of 0, 4 units instead of 0." in page
    assert "Over 1 SKU, as stock" in page
    page = client.post(f"{HOME}rules/new/", filled(sku="SAREE-1", show="1")).content.decode()
    assert "2 suggestions change" in page
    assert ReplenishmentRule.objects.count() == 2
    kurtas = ReplenishmentRule.objects.get(name="Kurtas")
    changed = filled(sku="KURTA-M", node="blr-01", least_stock="0", service_level="99.99")
    page = client.post(f"{HOME}rules/preview/?rule={kurtas.pk}", changed).content.decode()
    assert "1 suggestion changes: 1 instead of 1, 60 units instead of 48." in page


def test_rules_are_made_changed_moved_and_removed_and_suggestions_follow(world: World) -> None:
    client = signed_in()
    assert "Sarees is saved." in post(client, "rules/new/", **filled(category="", sku="SAREE-1", most_stock="40"))
    made = ReplenishmentRule.objects.get(name="Sarees")
    assert (made.sku, made.service_level_bp, made.most_stock, made.changed_by) == (world.saree, 9500, 40, "Meera")
    assert Job.objects.filter(kind="inventory.replenish").count() == 1
    post(client, f"rules/{made.pk}/", **filled(sku="SAREE-1", service_level="99.5", priority="5"))
    made.refresh_from_db()
    assert (made.service_level_bp, made.priority, made.most_stock) == (9950, 5, None)
    post(client, f"rules/{made.pk}/move/", way="down")
    names = list(ReplenishmentRule.objects.order_by("priority", "pk").values_list("name", flat=True))
    assert names == ["Kurtas", "Sarees", "Shoes"]
    assert "99.5 % service level" in client.get(f"{HOME}rules/").content.decode()
    kurtas = ReplenishmentRule.objects.get(name="Kurtas")
    page = client.get(f"{HOME}rules/{kurtas.pk}/remove/").content.decode()
    assert "1 suggestion changes: 1 instead of 2" not in page  # it looks at kurtas only
    assert "1 suggestion changes: 0 instead of 1, 0 units instead of 48." in page
    post(client, f"rules/{kurtas.pk}/remove/")
    assert not ReplenishmentRule.objects.filter(pk=kurtas.pk).exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"service_level": "100"}, "99.99"), ({"node": "blr-01", "from_node": "blr-01"}, "cannot be filled from"),
        ({"least_stock": "9", "most_stock": "8"}, "that cannot be"), ({"category": "Hats"}, "No SKU has the category"),
        ({"sku": "NO-SUCH"}, "There is no SKU NO-SUCH."), ({"review_days": "0"}, "greater than or equal to 1"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_refused_at_its_field(fields: dict[str, str], words: str, world: World) -> None:
    response = signed_in().post(f"{HOME}rules/new/", filled(**fields))
    assert response.status_code == 422
    assert words in response.content.decode()
    assert ReplenishmentRule.objects.count() == 2


def test_a_rule_that_was_changed_meanwhile_is_not_written_over(world: World) -> None:
    client, rule = signed_in(), ReplenishmentRule.objects.get(name="Shoes")
    seen = rule.changed_at.isoformat()
    post(client, f"rules/{rule.pk}/", **filled(name="Boots", sku="SHOE-42", seen_at=seen))
    response = client.post(f"{HOME}rules/{rule.pk}/", filled(name="Sandals", sku="SHOE-42", seen_at=seen))
    assert response.status_code == 409
    assert "Meera changed the rule Boots meanwhile." in response.content.decode()


def test_people_of_one_node_make_rules_for_it_and_do_not_touch_those_of_all(world: World) -> None:
    general = ReplenishmentRule.objects.create(name="General")
    client = signed_in(all_nodes=False, node_codes=["blr-s1"])
    page = client.get(f"{HOME}rules/").content.decode()
    assert "General" in page
    assert "Kurtas" not in page
    assert client.get(f"{HOME}rules/{general.pk}/").status_code == 404
    assert client.post(f"{HOME}rules/new/", filled()).status_code == 422
    post(client, "rules/new/", **filled(node="blr-s1", from_node="blr-01"))
    assert ReplenishmentRule.objects.get(name="Sarees").from_node == world.blr


# -- on the pages of the stock -----------------------------------------------------------------------------------------


def test_the_drawer_of_a_level_says_when_it_is_reordered_and_what_is_suggested(world: World) -> None:
    client = signed_in()
    page = client.get(f"/inventory/{world.kurta.pk}/blr-01/").content.decode()
    assert "Reordered at 31." in page
    assert "4.3 days of cover, lead time 9." in page or "4.4 days of cover, lead time 9." in page
    assert "Suggested: 48" in page
    page = client.get(f"/inventory/{world.saree.pk}/blr-01/").content.decode()
    assert "No rule keeps its stock up." in page


def test_the_page_of_a_sku_shows_reorder_points_where_a_rule_keeps_it_up(world: World) -> None:
    client = signed_in()
    page = client.get(f"/inventory/{world.kurta.pk}/").content.decode()
    assert "Reordered at" in page
    assert '<td class="num wide">31</td>' in page
    assert "Reordered at" not in client.get(f"/inventory/{world.saree.pk}/").content.decode()
