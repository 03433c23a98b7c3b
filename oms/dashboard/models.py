"""What people keep of their screens."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from oms.accounts.models import User


class SavedView(models.Model):
    """A named filter of a list, personal or shared, with its columns and density."""

    id = models.BigAutoField(primary_key=True)
    page = models.CharField(max_length=20, default="orders")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, blank=True, help_text="The query string of the list.")
    columns = models.JSONField(default=list, blank=True)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    is_shared = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=100)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["position", "name"]
        constraints = [models.UniqueConstraint(fields=["owner", "page", "name"], name="saved_view_once")]

    def __str__(self) -> str:
        return self.name
