"""manage.py import_nodes FILE --kind warehouse"""

from __future__ import annotations

from argparse import ArgumentParser

from channels.imports.console import ImportCommand
from channels.imports.types import Kind, Options
from inventory.models import NodeKind


class Command(ImportCommand):
    """Create and change nodes from a table."""

    help = "Import nodes from CSV or XLSX. Known codes are changed, new ones created, nothing is deleted."
    kind: Kind = "nodes"

    def add_kind_arguments(self, parser: ArgumentParser) -> None:
        """The kind of nodes where the file does not say."""
        parser.add_argument("--kind", dest="node_kind", default="warehouse", choices=NodeKind.values)

    def kind_options(self, options: dict[str, object]) -> Options:
        """The options of nodes."""
        return self.read_options(options, names=("node_kind",))
