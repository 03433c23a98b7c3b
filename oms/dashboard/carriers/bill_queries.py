"""What the screens of carrier bills ask: bills with their sums, lines by finding, why a line is what it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from carriers.models import BillFinding, BillLine, BillLineState, BillState, CarrierBill
from oms.core.errors import NotFound
from oms.core.templatetags.oms_format import grams, money
from oms.core.values import major_units
from oms.reporting.order_export import csv_text, safe_text

State = BillLineState
#: Tone of a finding and of the states, for their pills.
FINDING_TONES = {
    BillFinding.EQUAL: "good", BillFinding.LESS: "good", BillFinding.UNCHECKED: "off", BillFinding.NO_PRICE: "warn",
}  # fmt: skip
LINE_TONES = {State.OPEN: "info", State.DISPUTED: "warn", State.ACCEPTED: "good", State.CREDITED: "good"}
BILL_TONES = {
    BillState.RECEIVED: "off", BillState.CHECKED: "info", BillState.DISPUTED: "warn", BillState.SETTLED: "good",
}  # fmt: skip
#: The columns of the disputes that a carrier gets.
DISPUTE_COLUMNS = (
    "Bill", "AWB", "Finding", "Billed weight g", "Our weight g", "Declared weight g", "Length mm", "Width mm",
    "Height mm", "Billed zone", "Our zone", "Billed total", "Expected total", "Disputed", "Currency", "Reason", "Why",
)  # fmt: skip


def bills_with_sums() -> QuerySet[CarrierBill]:
    """Bills without their files, the latest first, with counts and sums of their lines. One query."""

    def total(name: str, **only: Any) -> Coalesce:
        return Coalesce(Sum(f"lines__{name}", filter=Q(**only) if only else None), 0)

    rows = CarrierBill.objects.defer("raw").select_related("account")
    return rows.annotate(
        line_count=Count("lines"), billed=total("total_minor"), expected=total("expected_minor"),
        open_count=Count("lines", filter=Q(lines__state=State.OPEN)),
        disputed=total("disputed_minor", lines__state=State.DISPUTED),
        accepted=total("total_minor", lines__state=State.ACCEPTED),
        credited=total("credited_minor", lines__state=State.CREDITED),
        above=total("claim_minor", lines__state=State.OPEN),
    )  # fmt: skip


def bill_of(pk: int) -> CarrierBill:
    """One bill with its sums. Raises NotFound."""
    bill = bills_with_sums().filter(pk=pk).first()
    if bill is None:
        raise NotFound(_("There is no such bill."))
    return bill


def open_sums() -> list[tuple[str, int, int]]:
    """Currency -> what open lines ask above what was expected, and what is disputed, in minor units. One query."""
    rows = BillLine.objects.filter(state__in=[State.OPEN, State.DISPUTED]).order_by().values("bill__currency")
    return list(
        rows.annotate(
            above=Coalesce(Sum("claim_minor", filter=Q(state=State.OPEN)), 0),
            disputed=Coalesce(Sum("disputed_minor", filter=Q(state=State.DISPUTED)), 0),
        ).values_list("bill__currency", "above", "disputed").order_by("bill__currency")
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which lines of a bill are asked for; empty is all."""

    finding: str = ""
    state: str = ""

    @property
    def query(self) -> str:
        """The question as the end of an address."""
        return f"?finding={self.finding}&state={self.state}"

    def lines(self, bill: CarrierBill) -> QuerySet[BillLine]:
        """The lines in the order of the file."""
        rows = BillLine.objects.filter(bill=bill).select_related("booking", "credit")
        rows = rows.filter(finding=self.finding) if self.finding else rows
        return (rows.filter(state=self.state) if self.state else rows).order_by("row")


def question_of(data: Any) -> Question:
    """What an address asks; words that are not known ask for nothing."""
    finding, state = data.get("finding", ""), data.get("state", "")
    return Question(
        finding=finding if finding in BillFinding.values else "", state=state if state in State.values else ""
    )


def counts_by_finding(bill: CarrierBill) -> dict[str, int]:
    """How many lines of the bill have each finding."""
    rows = BillLine.objects.filter(bill=bill).order_by().values_list("finding").annotate(n=Count("pk"))
    return dict(rows.values_list("finding", "n"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """A line with the tones and words of its row."""

    line: BillLine
    tone: str
    state_tone: str
    words: str


def line_rows(lines: Sequence[BillLine], currency: str) -> list[LineRow]:
    """Rows of a page."""
    return [
        LineRow(line=line, tone=FINDING_TONES.get(BillFinding(line.finding), "bad"), words=why(line, currency),
                state_tone=LINE_TONES[State(line.state)])
        for line in lines
    ]  # fmt: skip


def why(line: BillLine, currency: str) -> str:
    """Why a line is what it is, as a sentence with what we can show."""
    said = {
        BillFinding.TWICE: _("Bill %(bill)s charges for it already.") % {"bill": line.evidence.get("first_bill", "")},
        BillFinding.UNKNOWN: _("No parcel of this carrier has this AWB."),
        BillFinding.CANCELLED: _("Its booking was cancelled."),
        BillFinding.NO_PRICE: _("Neither a rate card nor the booking says what it costs."),
        BillFinding.RETURN: _("A return is charged, and no scan says that it came back."),
    }  # fmt: skip
    if line.finding in said:
        return said[BillFinding(line.finding)]
    if line.finding == BillFinding.WEIGHT:
        return _weight(line, currency)
    if line.finding == BillFinding.RATE:
        zones = {"billed": line.zone, "ours": line.expected_zone}
        if line.expected_zone and line.zone and line.zone.removeprefix("ZONE ") != line.expected_zone:
            return _("Zone %(billed)s is billed, ours is %(ours)s.") % zones
        return _("The charge is above what was agreed.")
    return ""


def _weight(line: BillLine, currency: str) -> str:
    shown = line.evidence
    words = ngettext(
        "%(n)s slab above ours of %(ours)s.", "%(n)s slabs above ours of %(ours)s.", line.slabs_over
    ) % {"n": line.slabs_over, "ours": grams(line.expected_grams)}  # fmt: skip
    if shown.get("weight_minor"):
        words += " " + _("By our card the weight adds %(money)s.") % {"money": money(shown["weight_minor"], currency)}
    words += " " + _("Declared %(weight)s") % {"weight": grams(shown.get("declared_grams"))}
    if shown.get("size_mm"):
        size = " × ".join(f"{side / 10:g}" for side in shown["size_mm"])
        words += _(", %(size)s cm (%(volume)s by volume)") % {
            "size": size, "volume": grams(shown.get("volumetric_grams"))
        }  # fmt: skip
    return f"{words}."


def disputes_csv(bill: CarrierBill) -> Iterator[str]:
    """The disputed lines of a bill for its carrier; a byte order mark first, for Excel."""
    yield "\ufeff" + csv_text([DISPUTE_COLUMNS])
    lines = BillLine.objects.filter(bill=bill, state=State.DISPUTED).order_by("row")
    for line in lines.iterator(chunk_size=1000):
        yield csv_text([_dispute_row(bill, line)])


def _dispute_row(bill: CarrierBill, line: BillLine) -> list[str]:
    def amount(minor: int | None) -> str:
        return "" if minor is None else str(major_units(minor, bill.currency))

    shown = line.evidence
    sides = shown.get("size_mm") or ["", "", ""]
    cells = [
        bill.number, line.awb, line.get_finding_display(), line.billed_grams or "", line.expected_grams or "",
        shown.get("declared_grams", ""), *sides, line.zone, line.expected_zone, amount(line.total_minor),
        amount(line.expected_minor), amount(line.disputed_minor), bill.currency, line.why, why(line, bill.currency),
    ]  # fmt: skip
    return [safe_text(str(cell)) for cell in cells]
