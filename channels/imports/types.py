"""Values that cross the door of the import engine. Frozen; no ORM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Protocol, Self

Kind = Literal["orders", "skus", "nodes", "stock", "purchase_orders", "substitutes", "remittances"]
KINDS: tuple[Kind, ...] = (
    "orders", "skus", "nodes", "stock", "purchase_orders", "substitutes", "remittances",
)  # fmt: skip

DateOrder = Literal["", "dmy", "mdy", "ymd"]
DATE_ORDERS: tuple[DateOrder, ...] = ("", "dmy", "mdy", "ymd")

TreatAs = Literal["history", "open"]

#: Where a row of an order stands: to be fulfilled, not paid yet, told to wait, gone before we saw it, or off.
LineState = Literal["open", "unpaid", "held", "shipped", "cancelled"]

#: Where a suggested column comes from, from surest to least sure.
SuggestionSource = Literal["format", "saved", "name", "similar"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A column that may hold one of our fields. `score` is 0 to 100; people confirm, the engine never insists."""

    field: str
    column: str
    score: int
    source: SuggestionSource


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """One row as it stands in the file. `number` is the row number that a spreadsheet shows (the header is 1)."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a file looks like, before anybody said what its columns mean.

    `path` is the stored file, `filename` the name people gave it. `rows` counts data rows. `format_code` is the known
    report this header belongs to, empty where it is none; its columns need no mapping. `mapping` is the best first
    answer (field -> column), `unmapped` the columns it leaves out, `missing` the required fields nothing was found for.
    `date_order` is what the dates in the file prove, empty where they prove nothing.
    """

    kind: Kind
    path: Path
    filename: str
    sha256: str
    size_bytes: int
    encoding: str
    delimiter: str
    sheet: str
    header: tuple[str, ...]
    fingerprint: str
    rows: int
    preview: tuple[PreviewRow, ...]
    format_code: str
    format_name: str
    suggestions: tuple[Suggestion, ...]
    mapping: Mapping[str, str]
    saved_mapping: str
    saved_options: Mapping[str, Any]
    unmapped: tuple[str, ...]
    missing: tuple[str, ...]
    date_order: DateOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a person declares about a file, because guessing would corrupt data.

    `format`: "auto", "columns" (use the mapping even where the header is a known report) or a format code.
    `channel`: code of the sales channel the orders belong to. `treat_as`: "history" captures shipped orders for the
    record, "open" treats everything not cancelled as fresh. `date_order`: how 05/06/2026 is to be read. `decimal`: the
    decimal sign of amounts. `weight_unit`: g or kg; `length_unit`: mm or cm. `node_kind`: kind of nodes whose file has
    no such column. `node`: node of a file of stock or purchase orders without a node column. `node_split`: spread a
    stock file without one over these nodes. `carrier`: account of a file of remittances without such a column.
    `create_skus`: make SKUs that a stock file names and the catalogue lacks.
    `again`: take a stock file that was imported before as a fresh count.
    """

    format: str = "auto"
    channel: str = ""
    treat_as: TreatAs = "history"
    date_order: DateOrder = ""
    decimal: Literal[".", ","] = "."
    currency: str = "INR"
    country: str = "IN"
    time_zone: str = "Asia/Kolkata"
    weight_unit: Literal["g", "kg"] = "g"
    length_unit: Literal["mm", "cm"] = "mm"
    node_kind: str = "warehouse"
    node: str = ""
    node_split: tuple[str, ...] = ()
    carrier: str = ""
    create_skus: bool = False
    again: bool = False

    def as_json(self) -> dict[str, Any]:
        """The options as a JSON object."""
        return asdict(self) | {"node_split": list(self.node_split)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote; unknown keys are ignored."""
        known = {item.name for item in fields(cls)}
        values = {key: value for key, value in data.items() if key in known}
        if "node_split" in values:
            values["node_split"] = tuple(values["node_split"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowIssue:
    """What is wrong (or, as a warning, odd) in one cell: the field, what stands there, what was expected."""

    row: int
    field: str
    got: str
    expected: str
    warning: bool = False

    @property
    def reason(self) -> str:
        """One sentence for the reason column of the rejected rows."""
        return f"{self.field}: {self.got or 'nothing'}; expected {self.expected}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueGroup:
    """All issues of one cause. `examples` are up to three values as they stand, `rows` up to 50 row numbers."""

    field: str
    expected: str
    count: int
    examples: tuple[str, ...]
    rows: tuple[int, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> IssueGroup:
        """Read the fields again, with tuples as lists."""
        return cls(**(dict(data) | {"examples": tuple(data["examples"]), "rows": tuple(data["rows"])}))

    @property
    def cause(self) -> str:
        """Same cause, same words."""
        return f"{self.field}: expected {self.expected}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What importing the file would do. `create`, `update`, `skip` count objects: orders, SKUs, nodes, stock levels,
    purchase orders.

    `rows` = `good_rows` + `bad_rows`. Bad rows are left out of the import (orders with a bad row go to quarantine).
    """

    kind: Kind
    rows: int
    good_rows: int
    bad_rows: int
    objects: int
    create: int
    update: int
    skip: int
    errors: tuple[IssueGroup, ...]
    warnings: tuple[IssueGroup, ...]
    already_imported: bool = False

    @property
    def can_commit(self) -> bool:
        """Something would be written, or at least put into quarantine."""
        return self.objects > 0 or self.bad_rows > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What an import did. `succeeded` = created + updated objects, `skipped` = unchanged ones, `failed` = refused rows.

    For orders also: `captured` of them became orders now, `quarantined` wait for a person, `waiting` are in the inbox
    and not yet processed. `rejected_file` holds the refused rows with their reasons, empty where there are none.
    """

    kind: Kind
    rows: int
    objects: int
    created: int
    updated: int
    skipped: int
    failed: int
    seconds: float
    captured: int = 0
    quarantined: int = 0
    waiting: int = 0
    errors: tuple[IssueGroup, ...] = ()
    warnings: tuple[IssueGroup, ...] = ()
    rejected_file: str = ""
    job_id: int | None = None
    already_imported: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """Read what a finished job keeps: the fields, with tuples as lists."""
        groups = {name: tuple(IssueGroup.from_json(group) for group in data[name]) for name in ("errors", "warnings")}
        return cls(**(dict(data) | groups))

    @property
    def succeeded(self) -> int:
        """Objects written."""
        return self.created + self.updated


class Progress(Protocol):
    """Told inside the transaction of each chunk what came on top: objects done, of them written, refused, left alone.

    `total` is stated once. What it raises undoes the chunk and ends the import.
    """

    def __call__(self, *, total: int | None = None, done: int = 0, succeeded: int = 0, failed: int = 0,
                 skipped: int = 0) -> None:  # fmt: skip
        """Take note."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Objects by what happens to them."""

    create: int = 0
    update: int = 0
    skip: int = 0

    def plus(self, other: Counts) -> Counts:
        """Field by field."""
        return Counts(create=self.create + other.create, update=self.update + other.update, skip=self.skip + other.skip)

    @property
    def total(self) -> int:
        """All of them."""
        return self.create + self.update + self.skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One object to write: its key, the rows it was read from and its value (a dataclass of its kind)."""

    key: str
    rows: tuple[int, ...]
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A file read and validated: the units in file order, every issue, and how many data rows there were."""

    units: tuple[Unit, ...]
    issues: tuple[RowIssue, ...]
    rows: int
    bad_rows: frozenset[int] = field(default_factory=frozenset)
