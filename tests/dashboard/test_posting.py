"""A form whose write waits in vain for somebody else's: refused in words, with its key kept, and sent again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test import Client

from oms.accounts.models import Role, User
from orders.models import Order, OrderEvent
from tests.dashboard.orders.conftest import routed
from tests.factories import make_world

pytestmark = pytest.mark.django_db(transaction=True)
HX = {"HX-Request": "true"}
SENTENCE = "Somebody is changing the same at this moment, so this was not done. Try again in a few seconds."


@pytest.fixture
def order() -> Order:
    return routed(make_world(), "1")


@pytest.fixture
def ops() -> Client:
    user = User.objects.create_user("ops@example.com", role=Role.OPS_MANAGER, name="Meera Ops", all_nodes=True)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@contextmanager
def held(monkeypatch: pytest.MonkeyPatch, sql: str, *values: int) -> Iterator[None]:
    """While another session has run this statement and not ended its transaction; waits are short."""
    monkeypatch.setattr(connection, "close_at", None)  # or the request begins with a connection of its own
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute(sql, values)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        yield
    finally:
        other.rollback()
        other.close()


def test_a_form_that_waits_in_vain_is_refused_with_a_way_to_send_it_again(
    ops: Client, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, fields = f"/orders/{order.number}/notes/", {"text": "Called <her>", "idempotency_key": "k1"}

    with held(monkeypatch, "SELECT 1 FROM orders_order WHERE id = %s FOR UPDATE", order.pk):
        page = ops.post(url, fields)
        fragment = ops.post(url, fields, headers=HX)

    html = page.content.decode()
    assert (page.status_code, fragment.status_code) == (409, 409)
    assert SENTENCE in html
    assert "no-store" in page["Cache-Control"]
    form = html[html.index('<form method="post"') : html.index("</form>")]
    assert f'action="{url}"' in form
    hidden = dict(re.findall(r'name="(\w+)"\s+value="([^"]*)"', form))
    assert {name: hidden[name] for name in fields} == {"text": "Called &lt;her&gt;", "idempotency_key": "k1"}
    assert "Try again" in form
    assert SENTENCE in fragment.content.decode()
    assert not OrderEvent.objects.filter(kind="note").exists()

    # When both come again, the note is there once
    assert [ops.post(url, fields).status_code for _ in range(2)] == [302, 302]
    assert OrderEvent.objects.filter(kind="note").count() == 1


def test_a_write_without_a_key_that_waits_in_vain_is_refused_in_words(
    ops: Client, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(monkeypatch, "SELECT 1 FROM orders_order WHERE id = %s FOR UPDATE", order.pk):
        answer = ops.post(f"/orders/{order.number}/tags/", {"tags": "gift"})

    assert answer.status_code == 409
    assert SENTENCE in answer.content.decode()
    assert Order.objects.get().tags == []


def test_a_form_of_the_store_that_waits_in_vain_is_shown_again_with_its_key(
    ops: Client, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = order.fulfillment_orders.get()
    ops.post("/s/node/", {"node": work.node.code})
    url, fields = f"/s/work/{work.pk}/reject/send/", {"reason": "Damaged", "idempotency_key": "k1"}

    with held(monkeypatch, "SELECT 1 FROM orders_order WHERE id = %s FOR UPDATE", order.pk):
        busy = ops.post(url, fields)
    refused = ops.post(url, fields | {"reason": ""})

    assert (busy.status_code, refused.status_code) == (409, 422)
    assert SENTENCE in busy.content.decode()
    assert 'name="idempotency_key" value="k1"' in busy.content.decode()
    assert 'name="idempotency_key" value="k1"' not in refused.content.decode()
    assert ops.post(url, fields).status_code == 302
