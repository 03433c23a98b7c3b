"""XLSX files: looked at from outside first, then parsed by a bounded child process.

A workbook is a ZIP archive. Its directory says how large everything is, and because a directory can lie, every member
is also unpacked once and counted before the parser sees it.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from channels.imports.errors import ImportRefused
from channels.imports.limits import MEBIBYTE, Limits
from channels.imports.sources import Source, read_block

_ZIP_MAGIC = b"PK\x03\x04"
_OLD_EXCEL_MAGIC = b"\xd0\xcf\x11\xe0"
_PROGRAM = Path(__file__).with_name("workbook_rows.py")
_LOCAL_HEADER_BYTES = 30
_BLOCK = 256 * 1024
#: Members smaller than this may be packed as far as they like: a page of blanks is no bomb.
_SMALL = MEBIBYTE
_PARSER_WALL_SECONDS = 60
_TOO_LARGE, _UNREADABLE = 3, 4


def is_workbook(source: Source) -> bool:
    """Told by the first bytes. Raises ImportRefused for the old binary format of Excel (and encrypted workbooks)."""
    with source.open() as stream:
        magic = read_block(stream, 4)
    if magic == _OLD_EXCEL_MAGIC:
        raise ImportRefused("This is an old or password-protected Excel file. Save it as XLSX without a password.")
    return magic == _ZIP_MAGIC


def check_archive(stream: BinaryIO, limits: Limits) -> None:
    """Refuse an archive that is no workbook or that would unpack to too much. Reads, unpacks and keeps nothing."""
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            _check_directory(members, limits)
            total = 0
            for member in members:
                total += _count(stream, member, limits.unpacked_bytes - total)
    except (zipfile.BadZipFile, EOFError, OSError, struct.error, zlib.error) as error:
        raise ImportRefused("The workbook is damaged. Open it in a spreadsheet and save it again.") from error


def _check_directory(members: list[zipfile.ZipInfo], limits: Limits) -> None:
    names = {member.filename for member in members}
    if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
        raise ImportRefused("This is an archive but not an XLSX workbook. Unpack it and import the table in it.")
    if len(members) > limits.entries:
        raise ImportRefused(f"The workbook has {len(members)} parts; at most {limits.entries} are taken.")
    for member in members:
        parts = member.filename.replace("\\", "/").split("/")
        if ".." in parts or member.filename.startswith(("/", "\\")) or ":" in parts[0]:
            raise ImportRefused("The workbook names a file outside of itself and is not taken.")
        if member.flag_bits & 0x1:
            raise ImportRefused("The workbook is password-protected. Save it without a password.")
        if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise ImportRefused("The workbook is packed in an unusual way. Save it again as XLSX.")
        if member.file_size > _SMALL and member.file_size > limits.ratio * max(1, member.compress_size):
            raise ImportRefused(
                f"A part of the workbook is packed more than {limits.ratio} : 1, as in a zip bomb, and is not taken."
            )
    total = sum(member.file_size for member in members)
    if total > limits.unpacked_bytes:
        raise ImportRefused(
            f"Unpacked, the workbook has {total // MEBIBYTE} MB; at most {limits.unpacked_bytes // MEBIBYTE} MB are "
            "taken. Split it into parts."
        )


def _count(stream: BinaryIO, member: zipfile.ZipInfo, allowed: int) -> int:
    """Real size of one member, unpacked in blocks. Raises ImportRefused where it is not the size it states."""
    stream.seek(member.header_offset)
    header = stream.read(_LOCAL_HEADER_BYTES)
    name_length, extra_length = struct.unpack("<HH", header[26:30])
    stream.seek(name_length + extra_length, 1)
    left, size = member.compress_size, 0
    inflate = zlib.decompressobj(-15) if member.compress_type == zipfile.ZIP_DEFLATED else None
    while left > 0:
        packed = stream.read(min(_BLOCK, left))
        if not packed:
            raise zipfile.BadZipFile("member ends early")
        left -= len(packed)
        while packed:
            size += len(inflate.decompress(packed, _BLOCK)) if inflate else len(packed)
            packed = inflate.unconsumed_tail if inflate else b""
            if size > min(allowed, member.file_size):
                raise ImportRefused("The workbook unpacks to more than it states, as a zip bomb does. It is not taken.")
    return size


@dataclass(frozen=True, slots=True)
class ParsedWorkbook:
    """The rows of a workbook's first visible sheet, spooled to a temporary file that goes when this does."""

    sheet: str
    spool: IO[str]

    def records(self) -> Iterator[list[str]]:
        """Every row from the top of the sheet, empty ones too, so that numbers agree with the spreadsheet."""
        self.spool.seek(0)
        next(self.spool)
        for line in self.spool:
            yield json.loads(line)


def parse_workbook(source: Source, limits: Limits) -> ParsedWorkbook:
    """Check, then parse in a child process. Raises ImportRefused."""
    with tempfile.NamedTemporaryFile(suffix=".xlsx") as plain:
        for block in source.blocks(limits):
            plain.write(block)
        plain.flush()
        with Path(plain.name).open("rb") as stream:
            check_archive(stream, limits)
        spool = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115 - lives as long as the table
        status, message = _run_parser(Path(plain.name), spool, limits)
    if status == _TOO_LARGE:
        raise ImportRefused(
            f"The sheet has {message}; at most {limits.rows} rows and {limits.columns} columns are taken. "
            "Delete what lies far below or right of the table, or split it."
        )
    if status != 0:
        reason = message if status == _UNREADABLE else "it needs too much memory or time"
        raise ImportRefused(f"The workbook cannot be read: {reason}. Save it as CSV UTF-8 and import that.")
    spool.seek(0)
    first = spool.readline()
    return ParsedWorkbook(json.loads(first)[0] if first else "", spool)


def _run_parser(path: Path, spool: IO[str], limits: Limits) -> tuple[int, str]:
    bounds = (limits.rows + 1, limits.columns, limits.parser_memory_bytes, limits.parser_cpu_seconds)
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(_PROGRAM), str(path), *map(str, bounds)],
            stdin=subprocess.DEVNULL, stdout=spool, stderr=subprocess.PIPE, timeout=_PARSER_WALL_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return -1, ""
    return done.returncode, done.stderr.decode(errors="replace").strip().splitlines()[-1:][0] if done.stderr else ""
