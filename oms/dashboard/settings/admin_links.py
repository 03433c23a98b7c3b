"""Links into Django's administration, for what has no screen of its own."""

from __future__ import annotations

from django.urls import NoReverseMatch, reverse


def admin_list(model: str) -> str:
    """Address of a model's list there, such as "inventory_node"; empty where it is not in the administration."""
    try:
        return reverse(f"admin:{model}_changelist")
    except NoReverseMatch:
        return ""
