"""What would have had another node chosen, and a decision's proof tried again, on the order page."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.test import Client

from orders.models import Order
from routing.models import RoutingDecision

pytestmark = pytest.mark.django_db


def eligible(order: Order) -> int:
    """The node that was not chosen."""
    decision = order.routing_decisions.get()
    return int(next(row[0] for row in decision.candidates["rows"] if not row[2]))


def altered(order: Order, **changes: object) -> None:
    """The stored decision, tampered with."""
    decision = order.routing_decisions.get()
    text = json.dumps(decision.candidates | changes)
    RoutingDecision.objects.filter(pk=decision.pk).update(trace=text)


def test_each_node_that_was_not_chosen_can_be_asked_about(ops: Client, order: Order) -> None:
    node = eligible(order)
    url = f"/orders/{order.number}/why/1/{node}/"
    assert f'hx-get="{url}"' in ops.get(f"/orders/{order.number}/").content.decode()

    html = ops.get(url, headers={"HX-Request": "true"}).content.decode()

    assert "would be used if its shipment were more than ₹" in html
    assert "Any one of these would have had it in the plan:" in html
    assert "No capacity left at blr-01." in html
    assert "<html" not in html
    assert "<html" in ops.get(url).content.decode()


def test_the_proof_is_tried_again(ops: Client, order: Order) -> None:
    url = f"/orders/{order.number}/why/1/"
    assert "none ships as much for less" in ops.get(url, headers={"HX-Request": "true"}).content.decode()

    altered(order, cost=1, bound=1)
    html = ops.get(url, headers={"HX-Request": "true"}).content.decode()

    assert "Does not hold" in html
    assert "not ₹0.01." in html


def test_a_decision_that_was_stored_without_its_problem_says_so(ops: Client, order: Order) -> None:
    node = eligible(order)
    altered(order, shared=True)
    for url in (f"/orders/{order.number}/why/1/", f"/orders/{order.number}/why/1/{node}/"):
        assert "stored without all that it was made from" in ops.get(url).content.decode()


def test_what_was_never_decided_or_offered_is_not_found(ops: Client, order: Order) -> None:
    assert ops.get(f"/orders/{order.number}/why/2/").status_code == 404
    assert ops.get(f"/orders/{order.number}/why/1/99999/").status_code == 404


def test_decisions_are_verified_by_command(order: Order, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_decisions")
    assert "Decisions checked: 1. Not checked: 0. Not holding: 0." in capsys.readouterr().out

    altered(order, cost=1, bound=1)
    with pytest.raises(SystemExit) as ended:
        call_command("verify_decisions", hours=1, most=5)
    assert ended.value.code == 1
    assert f"{order.number}, attempt 1: The shipments cost ₹" in capsys.readouterr().out
