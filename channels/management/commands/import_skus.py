"""manage.py import_skus FILE"""

from __future__ import annotations

from argparse import ArgumentParser

from channels.imports.console import ImportCommand
from channels.imports.types import Kind, Options


class Command(ImportCommand):
    """Create and change SKUs from a table."""

    help = "Import SKUs from CSV or XLSX. Known codes are changed, new ones created, nothing is deleted."
    kind: Kind = "skus"

    def add_kind_arguments(self, parser: ArgumentParser) -> None:
        """Units of measure."""
        parser.add_argument("--weight-unit", default="g", choices=["g", "kg"])
        parser.add_argument("--length-unit", default="mm", choices=["mm", "cm"])

    def kind_options(self, options: dict[str, object]) -> Options:
        """The options of SKUs."""
        return self.read_options(options, names=("weight_unit", "length_unit"))
