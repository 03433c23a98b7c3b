"""Delimited text: which encoding, which delimiter, and the records in it."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import islice

from channels.imports.errors import ImportRefused
from channels.imports.limits import Limits
from channels.imports.sources import Source, read_block

DELIMITERS = (",", "\t", ";", "|")
DELIMITER_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Bytes that Windows-1252 leaves without a meaning: a file with one of them is no such text.
_NOT_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")
_SAMPLE_BYTES = 256 * 1024
_SAMPLE_RECORDS = 30
#: Share of zero bytes from which text without a byte order mark is taken for UTF-16.
_UTF16_ZEROS = 0.2


def detect_encoding(source: Source, limits: Limits) -> str:
    """utf-8, utf-8-sig, utf-16 (also -le, -be) or cp1252, told by reading all of it once and counting.

    Raises ImportRefused past the limits and for bytes that are none of these.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, is_cp1252, first = True, True, True
    for block in source.blocks(limits):
        if first:
            first = False
            marked = _by_first_bytes(block)
            if marked is not None:
                for _ in source.blocks(limits):  # counts the rest
                    pass
                return marked
        if is_utf8:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                is_utf8 = False
        is_cp1252 = is_cp1252 and _NOT_CP1252.isdisjoint(block)
    if first:
        raise ImportRefused("The file is empty.")
    if is_utf8:
        return "utf-8"
    if is_cp1252:
        return "cp1252"
    raise ImportRefused("The file is not text in UTF-8, UTF-16 or Windows-1252. Save it as CSV UTF-8 or as XLSX.")


def _by_first_bytes(block: bytes) -> str | None:
    for mark, name in _BOMS:
        if block.startswith(mark):
            if name == "utf-32":
                # The UTF-16 mark begins the UTF-32 one; real UTF-16 text never starts with a zero character.
                raise ImportRefused("The file is UTF-32 text. Save it as CSV UTF-8.")
            return name
    sample = block[:4096]
    if sample.count(0) < _UTF16_ZEROS * len(sample):
        return None
    if not any(sample[0::2]) or not any(sample[1::2]):
        return "utf-16-be" if not any(sample[0::2]) else "utf-16-le"
    return "utf-16-le" if sample[1::2].count(0) > sample[0::2].count(0) else "utf-16-be"


def detect_delimiter(source: Source, encoding: str) -> str:
    """The delimiter that cuts the first records into the most columns, all alike."""
    with source.open() as stream:
        raw = read_block(stream, _SAMPLE_BYTES)
    text = raw.decode(encoding, errors="ignore")
    declared = text[:6].lower().removeprefix("sep=")[:1]
    if text[:4].lower() == "sep=" and declared in DELIMITERS:
        return declared
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        score = _score(text, delimiter)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _score(text: str, delimiter: str) -> tuple[float, int]:
    """Share of the records as wide as the most frequent width above one, and that width."""
    try:
        records = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), _SAMPLE_RECORDS))
    except csv.Error:
        return 0.0, 0
    widths = [len(record) for record in records if any(cell.strip() for cell in record)]
    wide = [width for width in widths if width > 1]
    if not wide:
        return 0.0, 0
    common = max(set(wide), key=lambda width: (wide.count(width), width))
    return round(wide.count(common) / len(widths), 1), common


def read_records(source: Source, encoding: str, delimiter: str) -> Iterator[list[str]]:
    """Every record as a list of cells. Raises ImportRefused for text that breaks off or a quote that never closes."""
    number = 0
    with source.open() as stream, io.TextIOWrapper(stream, encoding=encoding, newline="") as text:
        reader = csv.reader(text, delimiter=delimiter)
        try:
            for record in reader:
                number += 1
                if number == 1 and len(record) <= 2 and record and record[0].lower().startswith("sep="):
                    yield []
                    continue
                yield record
        except UnicodeDecodeError as error:
            raise ImportRefused(f"Row {number + 1} is not {encoding} text. Save the file as CSV UTF-8.") from error
        except csv.Error as error:
            raise ImportRefused(
                f"Row {number + 1} has a cell without end; a quotation mark is opened and never closed."
            ) from error
