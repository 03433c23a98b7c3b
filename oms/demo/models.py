"""One row while the demo world is loaded: what it was made from."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from oms.core.ids import uuid7


class DemoWorld(models.Model):
    """The demo world in this database. There is at most one; `remove_demo` takes the row away last."""

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    seed = models.BigIntegerField()
    orders = models.PositiveIntegerField()
    days = models.PositiveSmallIntegerField()
    loaded_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True, help_text="Empty while, or where, loading did not end.")

    def __str__(self) -> str:
        return f"Demo world of {self.orders} orders"


def current_world() -> DemoWorld | None:
    """The demo world of this database; None where there is none."""
    return DemoWorld.objects.order_by("pk").first()
