"""manage.py import_orders FILE --channel CODE"""

from __future__ import annotations

from argparse import ArgumentParser

from channels.adapters.files.registry import FORMATS
from channels.imports.console import ImportCommand
from channels.imports.types import Kind, Options


class Command(ImportCommand):
    """Bring orders from a report or a table into a channel's inbox, and capture them."""

    help = "Import orders from CSV or XLSX: a report of a known channel, or a table with mapped columns."
    kind: Kind = "orders"

    def add_kind_arguments(self, parser: ArgumentParser) -> None:
        """What only orders need."""
        parser.add_argument("--channel", required=True, help="code of the sales channel")
        parser.add_argument("--format", default="auto", choices=["auto", "columns", *FORMATS])
        parser.add_argument(
            "--treat-as",
            default="history",
            choices=["history", "open"],
            help="open: everything not cancelled is fresh, even what the report calls shipped",
        )
        parser.add_argument("--wait", action="store_true",
                            help="capture here and now instead of leaving the inbox to the workers")  # fmt: skip

    def kind_options(self, options: dict[str, object]) -> Options:
        """The options of orders."""
        return self.read_options(options, names=("channel", "format", "treat_as"))
