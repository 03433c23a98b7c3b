"""A known world for imports: one channel, two nodes, two SKUs, and files that are written on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from channels.imports.services import commit, inspect
from channels.imports.types import Inspection, Kind, Options, Result
from inventory.models import Node, Sku
from orders.models import SalesChannel

WriteFile = Callable[..., Path]


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    """Uploads of a test go to its own folder."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def write_file(tmp_path: Path) -> WriteFile:
    """Write lines to a file; the first one is the header."""

    def write(*lines: str, name: str = "file.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes("\r\n".join((*lines, "")).encode(encoding))
        return path

    return write


@pytest.fixture
def channel(db: None) -> SalesChannel:
    """A marketplace."""
    return SalesChannel.objects.create(code="bazaar", name="Bazaar", kind="marketplace")


@pytest.fixture
def nodes(db: None) -> list[Node]:
    """Two warehouses."""
    return [
        Node.objects.create(code="DEL", name="Delhi", kind="warehouse", city="Delhi", postcode="110001"),
        Node.objects.create(code="BOM", name="Mumbai", kind="warehouse", city="Mumbai", postcode="400001"),
    ]


@pytest.fixture
def skus(db: None) -> list[Sku]:
    """Two SKUs."""
    return [Sku.objects.create(code="KURTA-M", name="Kurta M"), Sku.objects.create(code="KURTA-L", name="Kurta L")]


def look(path: Path, kind: Kind) -> Inspection:
    """Inspect a file of this kind."""
    return inspect(path, kind=kind, filename=path.name)


def run(path: Path, kind: Kind, **options: object) -> Result:
    """Import a file with the suggested columns."""
    inspection = look(path, kind)
    return commit(inspection, inspection.mapping, Options.from_json(options), actor="tester")
