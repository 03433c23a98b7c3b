"""manage.py import_substitutes FILE"""

from __future__ import annotations

from argparse import ArgumentParser

from channels.imports.console import ImportCommand
from channels.imports.types import Kind, Options


class Command(ImportCommand):
    """Which SKU may stand in for which, from a table."""

    help = "Import substitutes from CSV or XLSX. The rows of a SKU are all of its substitutes."
    kind: Kind = "substitutes"

    def add_kind_arguments(self, parser: ArgumentParser) -> None:
        """None of its own."""

    def kind_options(self, options: dict[str, object]) -> Options:
        """The common ones."""
        return self.read_options(options, names=())
