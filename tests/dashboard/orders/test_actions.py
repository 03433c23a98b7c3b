"""Every action of the order page: done, refused, twice, with scripts and without."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from fulfillment.models import FulfillmentOrder
from fulfillment.services import pack, pick
from inventory.models import StockLevel
from oms.core.models import OutboxEvent
from oms.notifications.models import Message
from orders.models import Hold, Order, OrderEvent, Payment
from orders.services import add_note, place_hold
from tests.dashboard.orders.conftest import SignIn
from tests.factories import World

pytestmark = pytest.mark.django_db
HX = {"HX-Request": "true"}


def packed(order: Order) -> None:
    work = order.fulfillment_orders.get()
    pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=2, actor="Ravi")
    pack(fulfillment_order_id=work.pk, actor="Ravi")


def hidden(html: str) -> dict[str, str]:
    """The hidden fields of a form, as a browser would send them."""
    fields = re.findall(r'<input[^>]*type="hidden"[^>]*>', html)
    found = {}
    for field in fields:
        name, value = re.search(r'name="([^"]*)"', field), re.search(r'value="([^"]*)"', field)
        if name is not None:
            found[name[1]] = value[1] if value is not None else ""
    return found


# -- hold and release ---------------------------------------------------------------------------------------------


def test_a_hold_is_placed_and_shown_with_undo(ops: Client, order: Order) -> None:
    url = f"/orders/{order.number}/holds/"
    assert "Why" in ops.get(url, headers=HX).content.decode()

    response = ops.post(url, {"reason": "fraud_risk", "note": "Third order today"}, headers=HX)

    hold = Hold.objects.get()
    assert (hold.reason, hold.note, hold.source) == ("fraud_risk", "Third order today", "Meera Ops")
    toast = json.loads(response["HX-Trigger"])["toast"]
    assert toast == {"text": f"{order.number} is on hold: Fraud check.", "tone": "good",
                     "undo_url": f"/orders/{order.number}/holds/{hold.pk}/release/"}  # fmt: skip
    assert f'id="order-{order.pk}"' in response.content.decode()
    ops.post(toast["undo_url"], headers=HX)
    assert Order.objects.get().open_holds == 0


def test_without_scripts_a_hold_redirects_to_the_order(ops: Client, order: Order) -> None:
    response = ops.post(f"/orders/{order.number}/holds/", {"reason": "other"}, follow=True)

    assert response.redirect_chain == [(f"/orders/{order.number}/", 302)]
    assert f"{order.number} is on hold: Other." in response.content.decode()


def test_a_hold_sent_twice_is_one_hold(ops: Client, order: Order) -> None:
    for _ in range(2):
        ops.post(f"/orders/{order.number}/holds/", {"reason": "other"})

    assert Hold.objects.count() == 1
    assert Order.objects.get().open_holds == 1


def test_a_hold_until_the_past_or_of_a_packed_order_is_refused(ops: Client, order: Order) -> None:
    url = f"/orders/{order.number}/holds/"
    past = (timezone.localtime() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    response = ops.post(url, {"reason": "other", "held_until": past}, headers=HX)
    assert response.status_code == 422
    assert response["HX-Retarget"] == "#modal-body"
    assert "Choose a time in the future." in response.content.decode()

    packed(order)
    response = ops.post(url, {"reason": "other"})

    assert response.status_code == 422
    assert "is packed and can no longer be held." in response.content.decode()
    assert Hold.objects.count() == 0


def test_all_holds_are_released_at_once_or_one_by_one(ops: Client, order: Order) -> None:
    holds = [place_hold(order_id=order.pk, reason=r, source="x", handle=r, actor="x") for r in ("other", "duplicate")]
    ops.post(f"/orders/{order.number}/holds/{holds[0].pk}/release/")
    ops.post(f"/orders/{order.number}/holds/{holds[0].pk}/release/")
    assert Order.objects.get().open_holds == 1

    ops.post(f"/orders/{order.number}/release/")
    response = ops.post(f"/orders/{order.number}/release/", headers=HX)

    assert Order.objects.get().open_holds == 0
    assert json.loads(response["HX-Trigger"])["toast"]["text"] == f"{order.number} was not on hold."
    assert OrderEvent.objects.filter(kind="released").count() == 2


def test_a_hold_of_another_order_cannot_be_released_here(ops: Client, world: World, order: Order) -> None:
    other = Order.objects.create(number="OM-X", channel=world.channel, external_id="x", placed_at=timezone.now())
    hold = place_hold(order_id=other.pk, reason="other", source="x", handle="x", actor="x")

    assert ops.post(f"/orders/{order.number}/holds/{hold.pk}/release/").status_code == 404


# -- cancel -------------------------------------------------------------------------------------------------------


def cancel_form(ops: Client, order: Order, **changes: Any) -> dict[str, Any]:
    """The fields of the form after its preview."""
    url = f"/orders/{order.number}/cancel/"
    start = hidden(ops.get(url).content.decode())
    line = order.lines.get()
    fields: dict[str, Any] = start | {f"line_{line.pk}": "2", "reason": "Customer asked"} | changes
    if fields[f"line_{line.pk}"] != "2":
        fields |= {"seen_units": hidden(ops.post(url, fields | {"preview": "1"}).content.decode())["seen_units"]}
    return fields


def test_the_preview_of_a_cancellation_names_stock_money_and_messages(ops: Client, order: Order) -> None:
    html = ops.get(f"/orders/{order.number}/cancel/", headers=HX).content.decode()

    for words in ("2 units are cancelled.", "Up to 2 reserved units become sellable again at blr-01.",
                  "Refund that becomes due", "₹1,998.00", "The customer gets the e-mail"):  # fmt: skip
        assert words in html, words
    assert Order.objects.get().stage == "released"


def test_an_order_is_cancelled_once_however_often_the_form_is_sent(ops: Client, order: Order) -> None:
    fields = cancel_form(ops, order)
    for _ in range(2):
        response = ops.post(f"/orders/{order.number}/cancel/", fields, follow=True)
        assert response.status_code in (200, 422)

    assert Order.objects.get().stage == "cancelled"
    assert Payment.objects.get().refund_due_minor == 199_800
    assert OrderEvent.objects.filter(kind="cancelled").count() == 1


def test_some_units_are_cancelled_once_however_often_the_form_is_sent(ops: Client, order: Order) -> None:
    line = order.lines.get()
    fields = cancel_form(ops, order, **{f"line_{line.pk}": "1"})

    for _ in range(2):
        assert ops.post(f"/orders/{order.number}/cancel/", fields).status_code == 302

    line.refresh_from_db()
    assert (line.cancelled, line.released) == (1, 1)
    assert Payment.objects.get().refund_due_minor == 99_900


def test_units_that_were_not_previewed_are_shown_before_they_are_cancelled(ops: Client, order: Order) -> None:
    line = order.lines.get()
    fields = cancel_form(ops, order) | {f"line_{line.pk}": "1"}

    response = ops.post(f"/orders/{order.number}/cancel/", fields, headers=HX)

    assert response["HX-Retarget"] == "#modal-body"
    assert "Cancelling 1 unit" in response.content.decode()
    line.refresh_from_db()
    assert line.cancelled == 0


@pytest.mark.parametrize(("changes", "words"), [
    ({"reason": " "}, "Say why the order is cancelled."),
    ({"units": "5"}, "5 units cannot be cancelled: 2 have not left yet."),
    ({"units": "x"}, "x is no number of units of KURTA-M."),
    ({"units": "0"}, "Choose at least one unit to cancel."),
])  # fmt: skip
def test_a_cancellation_that_makes_no_sense_is_refused(
    ops: Client, order: Order, changes: dict[str, str], words: str
) -> None:
    line = order.lines.get()
    fields = cancel_form(ops, order)
    fields |= {f"line_{line.pk}": changes["units"]} if "units" in changes else changes

    response = ops.post(f"/orders/{order.number}/cancel/", fields)

    assert response.status_code == 422
    assert words in response.content.decode()
    assert Order.objects.get().stage == "released"


def test_a_shipped_order_cannot_be_cancelled(ops: Client, order: Order) -> None:
    order.lines.update(released=0, shipped=2)
    Order.objects.update(stage="shipped")

    response = ops.get(f"/orders/{order.number}/cancel/")

    assert response.status_code == 422
    assert "the goods must come back first" in response.content.decode()


# -- reroute ------------------------------------------------------------------------------------------------------


def test_running_again_shows_what_would_be_decided_now(ops: Client, order: Order) -> None:
    html = ops.get(f"/orders/{order.number}/reroute/", headers=HX).content.decode()

    assert "Routing would decide the same again" in html
    assert "The goods stay at blr-01." in html
    assert "Cost of the plan" in html


def test_an_order_is_rerouted_to_a_chosen_node_once(ops: Client, world: World, order: Order) -> None:
    url = f"/orders/{order.number}/reroute/"
    html = ops.get(f"{url}?node=del-01").content.decode()
    assert "The work moves from blr-01 to del-01." in html

    fields = hidden(html) | {"node": "del-01"}
    pages = [ops.post(url, fields, follow=True).content.decode() for _ in range(2)]

    assert all(f"{order.number} is rerouted to del-01." in page for page in pages)
    assert list(FulfillmentOrder.objects.order_by("pk").values_list("node__code", "state")) == [
        ("blr-01", "rejected"), ("del-01", "accepted"),
    ]  # fmt: skip
    level = StockLevel.objects.get(sku=world.kurta, node=world.delhi)
    assert level.reserved == 2


def test_a_reroute_is_refused_when_the_work_has_begun_or_the_node_is_not_in_scope(
    ops: Client, sign_in: SignIn, order: Order
) -> None:
    assert ops.get(f"/orders/{order.number}/reroute/?node=nowhere").status_code == 422
    agent = sign_in("ops_agent", node_codes=["blr-01"])
    assert agent.post(f"/orders/{order.number}/reroute/", {"node": "del-01"}).status_code == 422

    packed(order)
    response = ops.post(f"/orders/{order.number}/reroute/", {"node": "del-01"})

    assert response.status_code == 422
    assert "its work has begun and cannot be rerouted" in response.content.decode()
    assert FulfillmentOrder.objects.count() == 1


# -- address ------------------------------------------------------------------------------------------------------


def address_fields(ops: Client, order: Order, **changes: str) -> dict[str, str]:
    fields = hidden(ops.get(f"/orders/{order.number}/address/").content.decode())
    values = {key: str(value) for key, value in order.ship_to.items() if key in (
        "name", "line1", "line2", "city", "region", "postcode", "country", "phone")}  # fmt: skip
    return fields | values | changes


def test_an_address_is_changed(ops: Client, order: Order) -> None:
    response = ops.post(f"/orders/{order.number}/address/", address_fields(ops, order, line1="14 Church Street"),
                        headers=HX)  # fmt: skip

    assert response.status_code == 200
    assert Order.objects.get().ship_to["line1"] == "14 Church Street"
    assert Order.objects.get().ship_to["email"] == "asha@example.com"
    assert "14 Church Street" in response.content.decode()


@pytest.mark.parametrize(("field", "value", "words"), [
    ("postcode", "12", "Enter a PIN code of six digits"), ("line1", "", "This field is required"),
])  # fmt: skip
def test_an_impossible_address_is_refused(ops: Client, order: Order, field: str, value: str, words: str) -> None:
    response = ops.post(f"/orders/{order.number}/address/", address_fields(ops, order, **{field: value}))

    assert response.status_code == 422
    assert words in response.content.decode()
    assert Order.objects.get().ship_to == order.ship_to


def test_an_address_needs_a_postcode_where_there_are_any(ops: Client, order: Order) -> None:
    fields = address_fields(ops, order, postcode="", country="ae", city="Dubai")
    assert ops.post(f"/orders/{order.number}/address/", fields | {"country": "us"}).status_code == 422
    assert ops.post(f"/orders/{order.number}/address/", fields).status_code == 302
    changed = Order.objects.get()
    assert (changed.ship_country, changed.ship_postcode, changed.ship_to["city"]) == ("AE", "", "Dubai")


def test_two_people_editing_see_both_values_and_may_apply_theirs(ops: Client, sign_in: SignIn, order: Order) -> None:
    url = f"/orders/{order.number}/address/"
    mine = address_fields(ops, order, line1="1 Mine Road")
    sign_in("ops_agent", name="Asha Agent").post(url, address_fields(ops, order, line1="2 Their Road"))

    response = ops.post(url, mine, headers=HX)

    assert response.status_code == 409
    assert response["HX-Retarget"] == "#modal-body"
    html = response.content.decode()
    assert "Asha Agent changed this while you were editing" in html
    assert "1 Mine Road" in html
    assert "2 Their Road" in html
    assert Order.objects.get().ship_to["line1"] == "2 Their Road"
    assert ops.post(url, hidden(html) | {"apply_mine": "1"}).status_code == 302
    assert Order.objects.get().ship_to["line1"] == "1 Mine Road"
    assert OrderEvent.objects.filter(kind="address_changed").count() == 2


def test_other_news_of_the_order_is_no_conflict(ops: Client, order: Order) -> None:
    fields = address_fields(ops, order, line1="14 Church Street")
    add_note(order_id=order.pk, text="Called", actor="Asha")

    assert ops.post(f"/orders/{order.number}/address/", fields).status_code == 302
    assert Order.objects.get().ship_to["line1"] == "14 Church Street"


def test_a_packed_order_keeps_its_address(ops: Client, order: Order) -> None:
    fields = address_fields(ops, order, line1="14 Church Street")
    packed(order)

    response = ops.post(f"/orders/{order.number}/address/", fields)

    assert response.status_code == 422
    assert "its address can no longer change" in response.content.decode()


# -- note, tags, messages -------------------------------------------------------------------------------------------


def test_a_note_is_added_once(ops: Client, order: Order) -> None:
    for _ in range(2):
        ops.post(f"/orders/{order.number}/notes/", {"text": "Called her", "idempotency_key": "k1"})

    assert list(OrderEvent.objects.filter(kind="note").values_list("message", "actor")) == [("Called her", "Meera Ops")]
    assert ops.post(f"/orders/{order.number}/notes/", {"text": "  "}).status_code == 422


def test_tags_are_replaced(ops: Client, order: Order) -> None:
    assert "Tags of" in ops.get(f"/orders/{order.number}/tags/", headers=HX).content.decode()
    ops.post(f"/orders/{order.number}/tags/", {"tags": "VIP, diwali, vip"})
    assert Order.objects.get().tags == ["diwali", "vip"]
    ops.post(f"/orders/{order.number}/tags/", {"tags": ""})
    assert Order.objects.get().tags == []


def test_a_message_is_sent_again_once_per_click(ops: Client, order: Order) -> None:
    message = Message.objects.create(order=order, template="confirmation", dedupe_key="x", recipient="a@example.com",
                                     subject="We have your order", text="", state="sent")  # fmt: skip
    url = f"/orders/{order.number}/messages/{message.pk}/resend/"
    OutboxEvent.objects.all().delete()

    for _ in range(2):
        assert ops.post(url, {"idempotency_key": "k1"}).status_code == 302

    message.refresh_from_db()
    assert message.state == "pending"
    assert OutboxEvent.objects.count() == 1
    assert ops.post(url, {"idempotency_key": "k2"}).status_code == 422


# -- rights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["holds", "release", "cancel", "reroute", "address", "notes", "tags"])
@pytest.mark.parametrize("role", ["read_only", "finance", "packer", "integrator"])
def test_roles_without_the_right_are_refused(sign_in: SignIn, order: Order, action: str, role: str) -> None:
    before = Order.objects.get().version

    assert sign_in(role).post(f"/orders/{order.number}/{action}/", {"reason": "other"}).status_code == 403
    assert Order.objects.get().version == before


def test_customer_service_may_not_reroute(sign_in: SignIn, order: Order) -> None:
    client = sign_in("customer_service")

    assert client.get(f"/orders/{order.number}/reroute/").status_code == 403
    assert client.get(f"/orders/{order.number}/cancel/").status_code == 200


def test_a_write_begun_in_the_peek_answers_with_the_peek(ops: Client, order: Order) -> None:
    form = ops.get(f"/orders/{order.number}/holds/?from=peek", headers=HX).content.decode()
    assert 'hx-target="#drawer-body &gt; [data-pane]"' in form

    html = ops.post(f"/orders/{order.number}/holds/", {"reason": "other", "from": "peek"}, headers=HX).content.decode()

    assert "Open the full page" in html
    assert "Release it when that is settled." in html
