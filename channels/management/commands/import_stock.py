"""manage.py import_stock FILE --node CODE | --node-split CODE,CODE"""

from __future__ import annotations

from argparse import ArgumentParser

from channels.imports.console import ImportCommand
from channels.imports.types import Kind, Options


class Command(ImportCommand):
    """Set counted stock at nodes from a table."""

    help = "Import stock counts from CSV or XLSX: on hand is set to the count, the ledger gets the difference."
    kind: Kind = "stock"

    def add_kind_arguments(self, parser: ArgumentParser) -> None:
        """Nodes where the file has none, and SKUs where the catalogue has none."""
        parser.add_argument("--node", default="", help="code of the node the whole file is about")
        parser.add_argument("--node-split", default="", help="codes, separated by commas, to spread the stock over")
        parser.add_argument("--create-skus", action="store_true", help="create SKUs the catalogue lacks")
        parser.add_argument("--again", action="store_true", help="take a file imported before as a fresh count")

    def kind_options(self, options: dict[str, object]) -> Options:
        """The options of stock."""
        split = [code.strip() for code in str(options["node_split"]).split(",") if code.strip()]
        return self.read_options(options | {"node_split": split}, names=("node", "node_split", "create_skus", "again"))
