"""The rows that an import would refuse, before anything is written: to be corrected first and uploaded again."""

from __future__ import annotations

from collections.abc import Mapping

from channels.imports.rejects import rejected_csv
from channels.imports.running import HANDLERS, Task, bad_rows, read_all
from channels.imports.tables import read_table
from channels.imports.types import Inspection, Options, RowIssue


def rejected_rows(inspection: Inspection, mapping: Mapping[str, str], options: Options) -> bytes:
    """The refused rows as CSV with a reason column; nothing but the header where every row is good.

    Reads every row, as `plan` does, and writes nothing. Raises ImportRefused where no row can be read.
    """
    table = read_table(inspection.path, inspection.filename)
    task = Task(
        kind=inspection.kind, token=inspection.path.name, filename=inspection.filename, columns=dict(mapping),
        options=options, actor="", sha256=inspection.sha256,
    )  # fmt: skip
    reading = read_all(table, task)
    handler = HANDLERS[inspection.kind]
    found: list[RowIssue] = []
    for start in range(0, len(reading.units), handler.chunk_size):
        found += handler.verify(reading.units[start : start + handler.chunk_size], options)
    refused = [issue for issue in found if not issue.warning]
    return rejected_csv(table, [*reading.issues, *refused], bad_rows(reading, refused))
