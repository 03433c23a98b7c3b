"""How large a file may be. Everything is counted while it is read, never trusted from a header."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one file. Bytes, rows, columns and characters of one cell."""

    file_bytes: int = 50 * MEBIBYTE
    unpacked_bytes: int = 200 * MEBIBYTE
    rows: int = 200_000
    columns: int = 512
    cell_characters: int = 32_767
    #: Archive members of a workbook, and how far one may be packed; real sheets stay below 50 : 1.
    entries: int = 2_000
    ratio: int = 200
    #: Of the child process that parses a workbook.
    parser_memory_bytes: int = 512 * MEBIBYTE
    parser_cpu_seconds: int = 30


DEFAULT_LIMITS = Limits()
