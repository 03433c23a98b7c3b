"""The editor of routing rules: drafts, conditions as rows, trying an order, publishing, trials and going back."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from inventory.models import Node, StockLevel
from oms.accounts.models import User
from orders.models import Order
from routing.engine import Eligibility, TransferTerms, Weights
from routing.models import PolicyState, RoutingCanary, RoutingDecision, RoutingPolicy
from routing.policy.conditions import Group, Row
from routing.policy.document import STANDARD, Document, Fallback, Rule, SortKey, Split
from routing.services import create_draft, document_of, forget_policy, publish, save_draft
from tests.factories import World, capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db

RICH = Rule(
    "Gifts", when=Group("any", (
        Row("gift", "yes"),
        Group("all", (Row("value", "at_least", 150_050), Row("tags", "has_any", ("vip", "press")))),
        Row("postcode", "starts_with", ("56", "11")),
    )),
    sequence=(SortKey("promise"), SortKey("value", descending=True)),
    nodes=Eligibility(kinds=frozenset({"store"}), groups=frozenset({"all"}), capabilities=frozenset({"gift_wrap"}),
                      max_km=250.0, min_performance=0.9, keep_units=1),
    weights=Weights(shipping=1.5, distance_minor_per_km=2.5, split_minor=12_345, stock_minor=700),
    split=Split(2, max_extra_minor=5_050, min_parcel_minor=20_000, keep_gifts_whole=True),
    fallback=Fallback(partial=False, then="next", hold=True, cancel_after_days=3, transfer=TransferTerms(2, 1_550)),
)  # fmt: skip


@pytest.fixture
def world() -> World:
    forget_policy()
    world = make_world()
    Node.objects.filter(pk=world.store.pk).update(capabilities=["gift_wrap"])
    return world


def signed_in(role: str = "ops_manager", **fields: Any) -> Client:
    user = User.objects.create(email=f"{role}@example.com", role=role, **({"all_nodes": True} | fields))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def go_live(document: Document = STANDARD) -> RoutingPolicy:
    draft = create_draft(name="Standard", actor="Asha", document=document)
    version = publish(policy_id=draft.pk, edit_version=1, note="First", actor="Asha")
    forget_policy()
    return version


def text(response: Any) -> str:
    return unescape(str(response.content, "utf-8"))


def sent(response: Any, **changes: str) -> dict[str, Any]:
    """What a browser sends of the rule's form when its Save button is pressed."""
    context = response.context
    data: dict[str, Any] = {"do": "save"}
    for bound in context["terms"]:
        value = bound.value()
        if value not in (None, False):
            data[bound.html_name] = "on" if value is True else value
    form = context["conditions"]
    data |= {"c-count": len(form.blocks), "c-join": form.join}
    for block in form.blocks:
        data |= {f"{block.id}-count": len(block.rows), f"{block.id}-join": block.join}
        for row in block.rows:
            data |= {f"{row.id}-field": row.field, f"{row.id}-op": row.op, f"{row.id}-value": row.text}
    return data | changes


def begun(client: Client, *rules: Rule) -> str:
    draft = create_draft(name="Peak", actor="Asha", document=Document(rules) if rules else None)
    return f"/routing/drafts/{draft.pk}/"


def stored() -> tuple[Rule, ...]:
    return document_of(RoutingPolicy.objects.get(state=PolicyState.DRAFT)).rules


def test_a_draft_is_begun_from_the_list_with_the_live_rules(world: World) -> None:
    go_live(Document((RICH, Rule("Rest"))))
    client = signed_in()

    answer = client.post("/routing/drafts/new/", {"name": "Peak"})

    draft = RoutingPolicy.objects.get(state=PolicyState.DRAFT)
    assert answer["Location"] == f"/routing/drafts/{draft.pk}/?rule=0"
    assert stored() == (RICH, Rule("Rest"))
    assert "Peak" in text(client.get("/routing/versions/"))


def test_a_form_that_is_saved_untouched_saves_the_same_rule(world: World) -> None:
    client = signed_in()
    url = begun(client, RICH, Rule("Rest"))

    answer = client.post(f"{url}rules/0/", sent(client.get(url)))

    assert (answer.status_code, stored()) == (302, (RICH, Rule("Rest")))
    assert RoutingPolicy.objects.get().edit_version == 1


def test_a_weight_and_a_condition_are_changed(world: World) -> None:
    client = signed_in()
    url = begun(client, RICH, Rule("Rest"))
    data = sent(client.get(url), **{"w_split_minor": "90.50", "c1-0-value": "2,000", "name": "Presents"})

    client.post(f"{url}rules/0/", data)

    [rule, _rest] = stored()
    assert (rule.name, rule.weights.split_minor) == ("Presents", 9_050)
    assert rule.when.members[1] == Group(
        "all", (Row("value", "at_least", 200_000), Row("tags", "has_any", ("vip", "press")))
    )


@pytest.mark.parametrize("fragment", [False, True])
def test_conditions_come_and_go_without_being_saved(world: World, fragment: bool) -> None:
    client = signed_in()
    url = begun(client, RICH, Rule("Rest"))
    headers = {"HX-Request": "true", "HX-Target": "rule-form"} if fragment else {}

    def post(data: dict[str, Any], do: str) -> Any:
        return client.post(f"{url}rules/0/", data | {"do": do}, headers=headers)

    shown = post(sent(client.get(url)), "add")
    shown = post(sent(shown), "add:1")
    shown = post(sent(shown), "remove:0.0")
    shown = post(sent(shown), "add-group")

    assert ("<html" not in text(shown)) is fragment
    assert [(block.join, len(block.rows)) for block in shown.context["conditions"].blocks] == [
        ("all", 3), ("", 1), ("", 1), ("any", 2),
    ]  # fmt: skip
    assert stored()[0] == RICH


def test_errors_land_on_the_row_that_they_are_about(world: World) -> None:
    client = signed_in()
    url = begun(client, RICH, Rule("Rest"))

    answer = client.post(f"{url}rules/0/", sent(client.get(url), **{"c1-0-value": "much", "c2-0-value": " "}))

    body = text(answer)
    assert answer.status_code == 422
    assert 'href="#id_c1-0-value">Order value: Write a number, such as 1000. much is none.' in body
    assert 'href="#id_c2-0-value">Postcode it goes to: Write at least one word.' in body
    assert stored()[0] == RICH


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "rest"}, "Another rule has this name."),
        ({"w_split_minor": "-1"}, "greater than or equal to 0"),
        ({"max_shipments": "0"}, "greater than or equal to 1"),
        ({"second": "promise:down"}, "This stands above already."),
    ],
)
def test_terms_that_make_no_sense_are_refused(world: World, changes: dict[str, str], problem: str) -> None:
    client = signed_in()
    url = begun(client, RICH, Rule("Rest"))

    answer = client.post(f"{url}rules/0/", sent(client.get(url), **changes))

    assert (answer.status_code, problem in text(answer)) == (422, True)
    assert stored()[0] == RICH


def test_who_saves_after_somebody_else_is_told_and_may_save_over_it(world: World) -> None:
    client = signed_in()
    url = begun(client, RICH, Rule("Rest"))
    data = sent(client.get(url), name="Mine")
    pk = RoutingPolicy.objects.get().pk
    save_draft(policy_id=pk, document=Document((Rule("Theirs"), Rule("Rest"))), edit_version=1, actor="Ravi")

    refused = client.post(f"{url}rules/0/", data)

    assert refused.status_code == 409
    assert "Ravi saved this draft after you opened it." in text(refused)
    assert stored()[0].name == "Theirs"
    assert client.post(f"{url}rules/0/", sent(refused)).status_code == 302
    assert stored()[0].name == "Mine"


def test_rules_are_added_before_the_last_one_moved_and_removed(world: World) -> None:
    client = signed_in()
    url = begun(client, RICH, Rule("Rest"))

    def post(do: str) -> list[str]:
        version = RoutingPolicy.objects.get().edit_version
        assert client.post(f"{url}rules/", {"do": do, "edit_version": version}).status_code == 302
        return [rule.name for rule in stored()]

    assert post("add") == ["Gifts", "Rule 1", "Rest"]
    assert not stored()[1].enabled
    assert post("up:1") == ["Rule 1", "Gifts", "Rest"]
    assert post("down:0") == ["Gifts", "Rule 1", "Rest"]
    assert post("remove:0") == ["Rule 1", "Rest"]
    assert client.post(f"{url}rules/", {"do": "up:0", "edit_version": 5}).status_code == 422
    assert client.post(f"{url}rules/", {"do": "remove:0", "edit_version": 1}).status_code == 409


def test_the_editor_says_what_the_rule_does_and_what_lint_finds(world: World) -> None:
    client = signed_in()
    url = begun(client, Rule("Rest"), Rule("Late", nodes=Eligibility(kinds=frozenset({"3pl"}))))

    body = text(client.get(f"{url}?rule=1"))

    assert "Only nodes of the kind 3pl." in body
    assert "“Late” is never reached: “Rest” stands before it and takes every order." in body
    assert "No node that is on passes what “Late” asks of nodes." in body


def test_an_order_is_tried_and_nothing_is_written(world: World) -> None:
    client = signed_in()
    go_live()
    url = begun(client, Rule("Dear", when=Group("all", (Row("value", "at_least", 90_000),))), Rule("Rest"))
    number = Order.objects.get(pk=capture(world, make_order("A", make_line(world.kurta)))).number
    before = list(StockLevel.objects.order_by("pk").values())

    body = text(client.get(url, {"order": number}))

    assert "Taken by: Dear." in body
    assert "blr-01" in body
    assert "The live rules send it the same way." in body
    assert "No order X-9 in your scope." in text(client.get(url, {"order": "X-9"}))
    assert list(StockLevel.objects.order_by("pk").values()) == before
    assert not RoutingDecision.objects.exists()


def test_publishing_shows_the_difference_in_words_and_needs_a_note(world: World) -> None:
    go_live()
    client = signed_in()
    url = begun(client, Rule("Every order", weights=Weights(split_minor=9_000)))

    assert "“Every order”: Split from ₹40 to ₹90." in text(client.get(f"{url}publish/"))
    refused = client.post(f"{url}publish/", {"edit_version": 1, "note": "", "scope": "all"})
    done = client.post(f"{url}publish/", {"edit_version": 1, "note": "Fewer parcels", "scope": "all"})

    assert (refused.status_code, done["Location"]) == (422, "/routing/versions/2/")
    assert RoutingPolicy.objects.get(state="live").note == "Fewer parcels"
    body = text(client.get("/routing/versions/2/"))
    assert "“Every order”: Split from ₹40 to ₹90." in body
    assert "Fewer parcels" in body


def test_a_draft_with_errors_has_no_button_to_publish(world: World) -> None:
    client = signed_in()
    url = begun(client, Rule("A"), Rule("B"))

    body = text(client.get(f"{url}publish/"))

    assert "Lint found errors: mend them first" in body
    assert client.post(f"{url}publish/", {"edit_version": 1, "note": "So", "scope": "all"}).status_code == 422


def test_a_trial_is_begun_widened_and_made_live(world: World) -> None:
    go_live()
    client = signed_in()
    url = begun(client, Rule("Every order", weights=Weights(split_minor=9_000)))
    data = {"edit_version": 1, "note": "To see", "scope": "trial", "percent": "5", "channels": ["web"],
            "max_cost_percent": "10", "min_decisions": "50"}  # fmt: skip

    client.post(f"{url}publish/", data)
    client.post("/routing/versions/2/trial/", {"do": "widen", "percent": "25"})

    trial = RoutingCanary.objects.get()
    assert (trial.percent, trial.channels, trial.min_decisions) == (25, ["web"], 50)
    assert (trial.max_cost_percent, trial.max_unroutable_points) == (10, None)
    assert "Version 2 is on trial" in text(client.get("/routing/versions/"))
    assert "Too little to judge" in text(client.get("/routing/versions/2/"))
    client.post("/routing/versions/2/trial/", {"do": "live"})
    assert RoutingPolicy.objects.get(state="live").version == 2


@pytest.mark.parametrize("limit", ["all_nodes", "all_channels"])
def test_who_sees_a_part_of_the_business_sees_a_trial_without_its_figures(world: World, limit: str) -> None:
    go_live()
    url = begun(signed_in(), Rule("Every order", weights=Weights(split_minor=9_000)))
    signed_in("admin").post(f"{url}publish/", {
        "edit_version": 1, "note": "To see", "scope": "trial", "percent": "25", "channels": ["web"],
        "min_decisions": "50",
    })  # fmt: skip
    whole = text(signed_in("read_only").get("/routing/versions/2/"))
    User.objects.filter(role="read_only").update(**{limit: False})
    client = Client()
    client.force_login(User.objects.get(role="read_only"), backend="django.contrib.auth.backends.ModelBackend")
    part = text(client.get("/routing/versions/2/"))

    assert 'id="trial-figures"' in whole
    assert 'id="trial-figures"' not in part
    assert "Too little to judge" not in part
    assert "who sees a part of them sees no figures" in part


def test_a_version_is_restored_in_two_clicks(world: World) -> None:
    go_live(Document((RICH, Rule("Rest"))))
    go_live()
    client = signed_in()

    answer = client.post("/routing/versions/1/restore/")
    page = client.get(answer["Location"])
    client.post(answer["Location"], {"edit_version": page.context["form"]["edit_version"].value(), "note": "Back",
                                     "scope": "all"})  # fmt: skip

    assert document_of(RoutingPolicy.objects.get(state="live")).rules == (RICH, Rule("Rest"))
    assert RoutingPolicy.objects.get(state="live").version == 3


def test_people_without_the_right_or_with_a_part_of_the_nodes_read_only(world: World) -> None:
    url = begun(signed_in(), RICH, Rule("Rest"))
    reader = signed_in("read_only")
    partly = signed_in("admin", all_nodes=False, node_codes=["blr-01"])

    assert "Save the rule" not in text(reader.get(url))
    for client in (reader, partly):
        assert client.post(f"{url}rules/", {"do": "add"}).status_code == 403
        assert client.get(f"{url}publish/").status_code == 403
        assert client.post(f"{url}discard/").status_code == 403
    assert stored() == (RICH, Rule("Rest"))


def test_a_draft_that_was_published_or_discarded_is_not_edited(world: World) -> None:
    version = go_live()
    client = signed_in()
    url = begun(client, Rule("Rest"))

    assert client.get(f"/routing/drafts/{version.pk}/").status_code == 409
    assert client.post(f"{url}discard/")["Location"] == "/routing/versions/"
    assert client.get(url).status_code == 404


def test_the_list_asks_as_much_for_many_versions_as_for_few(world: World, django_assert_num_queries: Any) -> None:
    client = signed_in()
    go_live()
    client.get("/routing/versions/")
    cache.clear()
    with django_assert_num_queries(5) as few:
        client.get("/routing/versions/")
    for _ in range(5):
        go_live()
        create_draft(name="More", actor="Asha")
    cache.clear()

    with django_assert_num_queries(len(few)):
        client.get("/routing/versions/")
