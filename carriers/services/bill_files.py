"""A carrier's bill from CSV: all rows or none, every fault named by row, column, what came and what was expected."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from carriers.models import ROUNDING_MINOR
from oms.core.errors import DomainError
from oms.core.values import MAX_MINOR, currency_exponent, major_units

#: Rows that one bill may have.
MOST_LINES = 20_000
#: Our name of a column -> the names by which carriers call it, in small letters without signs.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "invoice_number": ("invoice number", "invoice no", "invoice", "bill number", "bill no"),
    "date": ("date", "invoice date", "bill date"),
    "awb": ("awb", "awb number", "awb no", "waybill", "tracking number"),
    "weight_grams": ("weight grams", "weight g", "billed weight grams", "billed weight g", "charged weight g"),
    "weight_kg": ("weight kg", "billed weight kg", "charged weight kg", "charged weight", "billed weight"),
    "zone": ("zone", "billed zone"),
    "freight": ("freight", "freight charge", "forward charge", "freight charges"),
    "fuel": ("fuel", "fuel surcharge"),
    "cod_fee": ("cod fee", "cod charge", "cod charges", "cod"),
    "rto": ("rto", "rto charge", "rto charges", "return charge"),
    "other": ("other", "other charges"),
    "gst": ("gst", "tax", "igst"),
    "total": ("total", "total charge", "total amount", "amount"),
}  # fmt: skip
_NEEDED = ("invoice_number", "date", "awb", "freight", "total")
_AMOUNTS = ("freight", "fuel", "cod_fee", "rto", "other", "gst")
_DATES = ("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y", "%d.%m.%Y", "%d %b %Y", "%d-%b-%Y")
_MOST_GRAMS = 1_000_000
_Errors = list[dict[str, object]]


class BillInvalid(DomainError):
    """A bill's file has faults; `data["errors"]` holds every one as line, column and message."""

    code = "bill_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    """One row of a bill: an AWB and what is charged for it, in minor units. `row` is its line in the file."""

    row: int
    awb: str
    billed_grams: int | None
    zone: str
    freight_minor: int
    fuel_minor: int
    cod_fee_minor: int
    return_minor: int
    other_minor: int
    gst_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBill:
    """A bill as its file says it. `fingerprint` is the same for the same lines in another order of columns."""

    number: str
    billed_on: date
    currency: str
    lines: tuple[FileLine, ...]

    @property
    def total_minor(self) -> int:
        """The sum of its lines."""
        return sum(line.total_minor for line in self.lines)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what is billed."""
        said = (self.number, self.billed_on.isoformat(), self.currency, [astuple(line) for line in self.lines])
        return hashlib.sha256(repr(said).encode()).hexdigest()


def read_bill(raw: bytes, *, currency: str) -> FileBill:
    """Read a bill. Columns are known by the names of `COLUMNS`; further ones are passed over.

    Raises BillInvalid with every fault found.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _invalid([_error(1, "file", "The file is not a CSV in UTF-8.")]) from None
    reader = csv.DictReader(io.StringIO(text.replace("\0", "").strip()))
    errors: _Errors = []
    names = _columns(reader.fieldnames or [], errors)
    lines: list[FileLine] = []
    heads: dict[str, str] = {}
    for raw_row in [] if errors else reader:
        row = {key: " ".join(str(raw_row.get(name) or "").split()) for key, name in names.items()}
        if not any(row.values()):
            continue
        if len(lines) >= MOST_LINES:
            errors.append(_error(reader.line_num, "file", f"A bill has at most {MOST_LINES} rows. Split it."))
            break
        _same_head(row, heads, reader.line_num, errors)
        lines.append(_line(row, reader.line_num, currency, errors))
    if not lines and not errors:
        errors.append(_error(1, "file", "The bill has no row."))
    billed_on = None if errors else _day(heads["date"])
    if errors or billed_on is None:
        raise _invalid(errors)
    return FileBill(number=heads["invoice_number"], billed_on=billed_on, currency=currency, lines=tuple(lines))


def _columns(header: object, errors: _Errors) -> dict[str, str]:
    """Our name of each column -> its name in the file."""
    listed = [str(name) for name in header] if isinstance(header, (list, tuple)) else []
    plain = {re.sub(r"[^a-z]+", " ", name.lower()).strip(): name for name in reversed(listed)}
    found = {}
    for ours, theirs in COLUMNS.items():
        name = next((plain[each] for each in (ours.replace("_", " "), *theirs) if each in plain), None)
        if name is not None:
            found[ours] = name
    for ours in _NEEDED:
        if ours not in found:
            came = ", ".join(listed[:12]) or "nothing"
            errors.append(_error(1, ours, f"This column is missing. The file has {came}."))
    return found


def _same_head(row: Mapping[str, str], heads: dict[str, str], line: int, errors: _Errors) -> None:
    """Every row is of one bill: the number and day of the first row."""
    for name in ("invoice_number", "date"):
        came = row[name]
        if name == "date" and _day(came) is None:
            errors.append(_error(line, name, f"{came!r} came; a day such as 2026-11-30 or 30/11/2026 was expected."))
        elif not came:
            errors.append(_error(line, name, "Nothing came; the number of the bill was expected."))
        elif len(came) > 60:
            errors.append(_error(line, name, f"{came[:20]!r}… is longer than 60 characters."))
        elif came != heads.setdefault(name, came):
            errors.append(_error(line, name, f"{came!r} came; {heads[name]!r} was expected: one file is one bill."))


def _line(row: Mapping[str, str], line: int, currency: str, errors: _Errors) -> FileLine:
    awb = row["awb"].replace(" ", "").upper()
    if not awb or len(awb) > 60:
        errors.append(_error(line, "awb", f"{row['awb'][:60]!r} came; an AWB of 1 to 60 characters was expected."))
    parts = {name: _minor(row.get(name, ""), name, currency, line, errors) for name in _AMOUNTS}
    total = _minor(row["total"], "total", currency, line, errors, needed=True)
    missing = total - sum(parts.values())
    if abs(missing) > ROUNDING_MINOR:
        came, expected = (major_units(each, currency) for each in (total, total - missing))
        errors.append(_error(line, "total", f"{came} came; the parts add up to {expected}."))
    return FileLine(
        row=line, awb=awb, billed_grams=_grams(row, line, errors), zone=row.get("zone", "")[:20].upper(),
        freight_minor=parts["freight"], fuel_minor=parts["fuel"], cod_fee_minor=parts["cod_fee"],
        return_minor=parts["rto"], other_minor=parts["other"], gst_minor=parts["gst"], total_minor=total,
    )  # fmt: skip


def _minor(text: str, name: str, currency: str, line: int, errors: _Errors, *, needed: bool = False) -> int:
    if not text and not needed:
        return 0
    amount = _number(text)
    minor = amount.scaleb(currency_exponent(currency)) if amount is not None else None
    if minor is None or minor != int(minor) or not 0 <= minor <= MAX_MINOR:
        errors.append(_error(line, name, f"{text!r} came; an amount in {currency} such as 118.40 was expected."))
        return 0
    return int(minor)


def _grams(row: Mapping[str, str], line: int, errors: _Errors) -> int | None:
    name = "weight_grams" if row.get("weight_grams") else "weight_kg"
    text = row.get(name, "")
    if not text:
        return None
    value = _number(text)
    grams = None if value is None else value if name == "weight_grams" else value * 1000
    if grams is None or not 0 < grams <= _MOST_GRAMS:
        unit = "grams" if name == "weight_grams" else "kilograms"
        errors.append(_error(line, name, f"{text!r} came; a weight in {unit} was expected."))
        return None
    return -(-int(grams * 1000) // 1000)


def _number(text: str) -> Decimal | None:
    plain = re.sub(r"^(?:₹|rs\.?|inr)\s*", "", text.strip().lower()).replace(",", "")
    try:
        value = Decimal(plain)
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) < 10**12 else None


def _day(text: str) -> date | None:
    for form in _DATES:
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None


def _error(line: int, column: str, message: str) -> dict[str, object]:
    return {"line": line, "column": column, "message": message}


def _invalid(errors: _Errors) -> BillInvalid:
    first = errors[0]
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return BillInvalid(f"Row {first['line']}, column {first['column']}: {first['message']}{more}", errors=errors)
