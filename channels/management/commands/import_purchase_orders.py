"""manage.py import_purchase_orders FILE"""

from __future__ import annotations

from argparse import ArgumentParser

from channels.imports.console import ImportCommand
from channels.imports.types import Kind, Options


class Command(ImportCommand):
    """Draft purchase orders from a table."""

    help = "Import purchase orders from CSV or XLSX, as drafts. Supplier and reference identify an order."
    kind: Kind = "purchase_orders"

    def add_kind_arguments(self, parser: ArgumentParser) -> None:
        """The node where the file has none."""
        parser.add_argument("--node", default="", help="code of the node that all goods come to")

    def kind_options(self, options: dict[str, object]) -> Options:
        """The options of purchase orders."""
        return self.read_options(options, names=("node",))
