"""How many orders there are: exact up to a bound, so that a count never costs more than the list."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

from oms.accounts.access import Principal
from oms.core.clock import now
from oms.core.db import fetch_all
from orders.models import Order
from orders.selectors.questions import orders_in_scope
from orders.selectors.views import VIEWS

#: Counts are exact up to here.
MOST_COUNTED = 10_000
MOST_ON_TAB = 999


def count_up_to(orders: QuerySet[Order], most: int = MOST_COUNTED) -> int:
    """How many there are, exact up to `most`; one more means: more than that."""
    return orders.order_by()[: most + 1].count()


def view_counts(principal: Principal, *, moment: datetime | None = None) -> dict[str, int]:
    """Orders in each view that has an alarm, exact up to MOST_ON_TAB, in one statement."""
    at = moment or now()
    base = orders_in_scope(principal)
    parts: list[str] = []
    params: list[Any] = []
    keys = [view.key for view in VIEWS.values() if view.alarm]
    for key in keys:
        rows = base.filter(VIEWS[key].where(at)).order_by().values("pk")[: MOST_ON_TAB + 1]
        try:
            sql, values = rows.query.sql_with_params()
        except EmptyResultSet:
            sql, values = "SELECT 1 WHERE false", ()
        parts.append(f"(SELECT count(*) FROM ({sql}) AS v)")  # noqa: S608 - the ORM wrote the inner statement
        params += values
    return dict(zip(keys, fetch_all(f"SELECT {', '.join(parts)}", params)[0], strict=True))
