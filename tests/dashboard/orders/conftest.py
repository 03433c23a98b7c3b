"""People who look at the orders screens, and orders to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from fulfillment.services import open_fulfillment_orders
from oms.accounts.models import Role, User
from orders.models import Order
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world

SignIn = Callable[..., Client]


@pytest.fixture
def world() -> World:
    """The known world."""
    return make_world()


@pytest.fixture
def sign_in() -> SignIn:
    """Signs a person of a role in: `sign_in("packer", node_codes=["blr-01"])`."""

    def enter(role: str = Role.OPS_MANAGER, **fields: Any) -> Client:
        wanted: dict[str, Any] = {"name": "Meera Ops", "all_nodes": "node_codes" not in fields} | fields
        user = User.objects.create_user(f"{role}{User.objects.count()}@example.com", role=role, **wanted)
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return enter


@pytest.fixture
def ops(sign_in: SignIn) -> Client:
    """An ops manager who sees everything."""
    return sign_in()


@pytest.fixture
def order(world: World) -> Order:
    """A paid order of two kurtas, routed to Bengaluru and open there."""
    return routed(world, "1")


def routed(world: World, external_id: str, *, quantity: int = 2, **fields: object) -> Order:
    """An order that a node was given."""
    order_id = capture(world, make_order(external_id, make_line(world.kurta, quantity), **fields))
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    return Order.objects.get(pk=order_id)
