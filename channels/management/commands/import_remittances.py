"""manage.py import_remittances FILE"""

from __future__ import annotations

from argparse import ArgumentParser

from channels.imports.console import ImportCommand
from channels.imports.types import Kind, Options


class Command(ImportCommand):
    """What carriers paid of the cash that they collected, from a table."""

    help = "Import remittances of cash on delivery from CSV or XLSX: rows of one UTR are one remittance."
    kind: Kind = "remittances"

    def add_kind_arguments(self, parser: ArgumentParser) -> None:
        """The carrier, where the file does not say it."""
        parser.add_argument("--carrier", default="", help="code of the carrier account of the whole file")

    def kind_options(self, options: dict[str, object]) -> Options:
        """The common ones and the carrier."""
        return self.read_options(options, names=("carrier",))
