"""Whether the demo world may be loaded here, and loading it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from oms.core.clock import now
from oms.core.errors import Conflict, DomainError
from oms.demo.history import load
from oms.demo.models import DemoWorld, current_world
from orders.models import Order

DEFAULT_DAYS = 25
DEFAULT_SEED = 20

MAX_ORDERS = 50_000
MAX_DAYS = 120


def load_world(
    *, orders: int, days: int, seed: int, if_empty: bool, force: bool, say: Callable[[str], object]
) -> DemoWorld | None:
    """Load the demo world as of now; None where `if_empty` was given and something is here already.

    Raises Conflict where a demo world is loaded, or where there are orders and `force` was not given; DomainError for
    a size out of bounds or where names that the world needs are taken.
    """
    if not 1 <= orders <= MAX_ORDERS or not 1 <= days <= MAX_DAYS:
        raise DomainError(f"Load 1 to {MAX_ORDERS} orders over 1 to {MAX_DAYS} days.")
    existing = current_world()
    if if_empty and (existing is not None or Order.objects.exists()):
        return None
    if existing is not None:
        raise Conflict("A demo world is loaded already. Take it away first: manage.py remove_demo.")
    if Order.objects.exists() and not force:
        raise Conflict("This database holds orders that are not of the demo. Load elsewhere, or give --force.")
    world = DemoWorld.objects.create(seed=seed, orders=orders, days=days)
    # The present of the story lies a moment back, so that every stamp of a service is surely later.
    moment = now() - timedelta(seconds=1)
    load(world, moment, say)
    world.refresh_from_db()
    return world
