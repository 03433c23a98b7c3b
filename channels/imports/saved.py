"""Saved mappings: the answer to "which column is which" is asked once for a shape of file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from channels.imports.matching import fingerprint
from channels.imports.types import Kind, Options
from channels.models import ImportMapping
from oms.core.errors import NotFound

#: Options that belong to the shape of a file. The channel, the nodes and the like are asked for each time.
_KEPT = ("format", "date_order", "decimal", "currency", "country", "time_zone", "weight_unit", "length_unit")


def find_mapping(kind: Kind, header: Sequence[str]) -> ImportMapping | None:
    """The mapping used last for a file with these columns."""
    rows = ImportMapping.objects.filter(kind=kind, header_fingerprint=fingerprint(header))
    return rows.order_by("-updated_at", "-pk").first()


def mapping_named(kind: Kind, name: str) -> ImportMapping:
    """The mapping that was saved under this name. Raises NotFound."""
    found = ImportMapping.objects.filter(kind=kind, name=name).first()
    if found is None:
        raise NotFound(f"There is no saved mapping {name!r} for {kind}.", field="mapping")
    return found


def save_mapping(
    kind: Kind, name: str, header: Sequence[str], columns: Mapping[str, str], options: Options
) -> ImportMapping:
    """Remember the mapping under a name; saving under the same name replaces it."""
    kept = {key: value for key, value in options.as_json().items() if key in _KEPT}
    row, _ = ImportMapping.objects.update_or_create(
        kind=kind,
        name=name[:120],
        defaults={"header_fingerprint": fingerprint(header), "columns": dict(columns), "options": kept},
    )
    return row
