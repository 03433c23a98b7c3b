"""Rows that the administration shows and does not write."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


class ReadOnly:
    """Named before a ModelAdmin or an inline: rows that services write, by rules that a form would go around."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds rows here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes rows here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes rows here."""
        return False
