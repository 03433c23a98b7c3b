"""Payments from before `reduced_minor` was kept: the refund that is due stays what it was."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.db import connection

from orders.canonical import CanonicalPayment
from orders.models import Payment
from orders.services import due_minor
from tests.factories import World, capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.mark.parametrize(
    ("captured", "refunded", "due"),
    [(0, 0, 0), (99_900, 0, 0), (99_900, 20_000, 0), (99_900, 20_000, 30_000), (99_900, 99_900, 0), (50_000, 0, 10_000),
     (50_000, 10_000, 0)],
)  # fmt: skip
def test_what_was_due_before_is_due_after(world: World, captured: int, refunded: int, due: int) -> None:
    paid = CanonicalPayment(method="prepaid", state="paid", amount_minor=99_900, captured_minor=captured)
    capture(world, make_order("A", make_line(world.kurta), payment=paid))
    Payment.objects.update(captured_minor=captured, refunded_minor=refunded, refund_due_minor=due)

    with connection.cursor() as cursor:
        cursor.execute(import_module("orders.migrations.0008_what_an_order_costs_less").FILL)
    payment = Payment.objects.get()
    assert due_minor(payment) == payment.refund_due_minor == due
    # What was given back for something stays given back: cancelling more makes due just as much.
    if captured == payment.amount_minor and due + refunded <= 60_000:
        assert due_minor(payment, less=39_900) == due + 39_900
