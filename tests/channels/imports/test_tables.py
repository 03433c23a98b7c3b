"""Files of every usual encoding and delimiter, and those that are built to do harm."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from channels.imports.errors import ImportRefused
from channels.imports.limits import Limits
from channels.imports.tables import Row, read_table

HEADER = "sku{0}naïve name{0}qty"
LINE = 'A-1{0}"a{0}b"{0}5'


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_every_encoding_and_delimiter_gives_the_same_cells(encoding: str, delimiter: str) -> None:
    content = f"{HEADER}\r\n{LINE}\r\n".format(delimiter).encode(encoding)
    table = read_table(content, "a.csv")
    assert table.header == ("sku", "naïve name", "qty")
    assert table.delimiter == delimiter
    assert list(table.rows()) == [Row(2, ("A-1", f"a{delimiter}b", "5"))]


def test_gzip_is_told_by_its_bytes_and_rows_can_be_read_twice() -> None:
    table = read_table(gzip.compress(b"sku,qty\nA,1\nB,2\n"), "no-suffix")
    assert list(table.rows()) == list(table.rows()) == [Row(2, ("A", "1")), Row(3, ("B", "2"))]


def test_titles_above_the_header_and_empty_rows_keep_the_numbers_of_the_spreadsheet() -> None:
    table = read_table(b"My report,,\n\nsku,qty,\n,,\nA,1,\n")
    assert table.header == ("sku", "qty")
    assert table.header_row == 3
    assert list(table.rows()) == [Row(5, ("A", "1"))]


def test_cells_with_line_breaks_count_as_one_row_and_cells_beyond_the_header_are_seen() -> None:
    table = read_table(b'sku,name\nA,"two\nlines"\nB,x,y,z\nC\n')
    assert list(table.rows()) == [Row(2, ("A", "two\nlines")), Row(3, ("B", "x"), 2), Row(4, ("C", ""))]


def test_columns_with_one_name_or_none_are_told_apart() -> None:
    assert read_table(b"sku,,qty,qty\nA,b,1,2\n").header == ("sku", "Column 2", "qty", "qty (2)")


def test_a_file_that_starts_with_a_separator_line_is_understood() -> None:
    table = read_table(b"sep=;\r\nsku;qty\r\nA;1,5\r\n")
    assert (table.header, list(table.rows())) == (("sku", "qty"), [Row(3, ("A", "1,5"))])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x81\x8d\xff,\x90\n", "not text"),
        (b'sku,qty\nA,"1\n' + b"x" * 200_000, "never closed"),
        (b"\x1f\x8b\x08broken", "damaged gzip"),
        (b"\xd0\xcf\x11\xe0 old excel", "XLSX"),
        ("sku,qty\nA,1\n".encode("utf-32"), "UTF-32"),
        ("sku,qty\nA,\ud800\n".encode("utf-16", "surrogatepass"), "not utf-16 text"),
    ],
)
def test_files_that_are_no_tables_are_refused_with_a_reason(content: bytes, words: str) -> None:
    with pytest.raises(ImportRefused, match=words):
        list(read_table(content).rows())


def test_a_file_past_the_limits_is_refused_by_counting_not_by_its_name() -> None:
    limits = Limits(file_bytes=5_000, unpacked_bytes=100_000, rows=100)
    with pytest.raises(ImportRefused, match="at most 0 MB"):
        read_table(b"a,b\n" * 2_000, limits=limits)
    with pytest.raises(ImportRefused, match="Unpacked"):
        read_table(gzip.compress(b"a,b\n" * 500_000), limits=limits)
    with pytest.raises(ImportRefused, match="more than 100 rows"):
        list(read_table(b"a,b\n" * 200, limits=limits).rows())


def workbook(*rows: list[object]) -> bytes:
    """An XLSX file with these rows."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    sheet = book.add_worksheet("Stock")
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    book.close()
    return out.getvalue()


def test_a_workbook_keeps_leading_zeros_and_long_barcodes() -> None:
    table = read_table(workbook(["sku", "barcode", "price", "sold"], ["00123", 8901234567890, 12.5, True]), "a.xlsx")
    assert (table.encoding, table.sheet) == ("xlsx", "Stock")
    assert list(table.rows()) == [Row(2, ("00123", "8901234567890", "12.5", "true"))]


def test_a_number_that_the_spreadsheet_has_rounded_shows_it() -> None:
    table = read_table(workbook(["sku", "n"], ["A", 12345678901234567890]))
    assert [row.cells[1] for row in table.rows()] == ["1.23456789012346E+19"]


def bomb(path: Path, *, name: str = "xl/worksheets/sheet1.xml", megabytes: int = 210) -> Path:
    """A workbook whose sheet unpacks to far more than it has."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open(name, "w") as member:
            for _ in range(megabytes):
                member.write(b" " * 1024 * 1024)
    return path


def test_a_workbook_that_is_a_zip_bomb_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="zip bomb"):
        read_table(bomb(tmp_path / "bomb.xlsx"))


def test_a_bomb_whose_directory_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = bomb(tmp_path / "liar.xlsx", megabytes=8)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = (1000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ImportRefused, match="more than it states"):
        read_table(path)


def test_a_workbook_that_names_a_file_outside_of_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="outside of itself"):
        read_table(bomb(tmp_path / "evil.xlsx", name="xl/../../etc/passwd", megabytes=0))


def test_an_archive_that_is_no_workbook_and_a_damaged_one_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("orders.csv", "a,b")
    with pytest.raises(ImportRefused, match="not an XLSX workbook"):
        read_table(out.getvalue())
    with pytest.raises(ImportRefused, match="damaged"):
        read_table(workbook(["a", "b"])[:-200])


def test_one_cell_at_the_far_corner_cannot_take_the_memory_of_the_server() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    sheet = book.add_worksheet()
    sheet.write(0, 0, "sku")
    sheet.write(1_048_575, 16_383, "far")
    book.close()
    with pytest.raises(ImportRefused, match="cannot be read"):
        read_table(out.getvalue())
