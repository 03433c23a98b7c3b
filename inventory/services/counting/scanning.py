"""Scans of a session: many at once, each once, in any order, also long after they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from inventory.errors import LockLost
from inventory.locks import lock_count_session
from inventory.models import (
    CountItem,
    CountScan,
    CountSession,
    CountSessionState,
    SerialNumber,
    Sku,
    StockCountKind,
    Tracking,
)
from inventory.selectors import find_skus_by_codes
from inventory.selectors.count_tally import count_tally
from inventory.services.counting.sessions import refuse_unless_held, refuse_unless_open
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.values import MAX_QUANTITY

#: Scans that are taken at once.
MOST_SCANS = 500
LONGEST_CODE = 80

COUNTED, UNDIRECTED, UNMATCHED, UNDONE = "counted", "undirected", "unmatched", "undone"
NEEDS_LOT, NEEDS_SERIAL, REFUSED = "needs_lot", "needs_serial", "refused"
#: Outcomes after which the scan is kept here; with the others nothing was written.
KEPT = frozenset({COUNTED, UNDIRECTED, UNMATCHED, UNDONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One scan or typed quantity as the device made it. `uid` is made there, so that sending it again is safe.

    With `is_total` the quantity is all there is in the area. `is_undone` takes a scan back, whether it came before or
    comes with this. `scanned_at` is by the device's clock.
    """

    uid: UUID
    code: str
    scanned_at: datetime
    quantity: int = 1
    is_total: bool = False
    lot: str = ""
    serial: str = ""
    is_undone: bool = False


@dataclass(frozen=True, slots=True)
class ScanAnswer:
    """What became of one scan, in a word and in a sentence. `total` is what the session has of the SKU now."""

    uid: UUID
    outcome: str
    text: str
    sku_code: str = ""
    total: int | None = None

    @property
    def is_kept(self) -> bool:
        """The device may forget it."""
        return self.outcome in KEPT


def record_scans(
    *, session_uid: UUID, lock_token: UUID, scans: Sequence[Scan], clock_ahead: timedelta = timedelta()
) -> list[ScanAnswer]:
    """Keep scans of a session; an answer for each, in order. One that is here already changes nothing.

    `clock_ahead` is how far the device's clock is ahead of ours. Unknown codes are kept and wait to be matched. Scans
    of a session that ended or was released, and impossible ones, are answered with REFUSED and not kept; those of a
    SKU that is kept by lot or serial number with NEEDS_LOT or NEEDS_SERIAL where none was named.
    """
    if len(scans) > MOST_SCANS:
        raise DomainError(f"At most {MOST_SCANS} scans at once, not {len(scans)}.", field="scans")

    def work() -> list[ScanAnswer]:
        session = lock_count_session(session_uid)
        known = {row.uid: row for row in CountScan.objects.filter(uid__in=[scan.uid for scan in scans])}
        refused = _refusal(session, lock_token)
        book = _Book.read(session, scans)
        drafts: dict[UUID, CountScan] = {}
        answers: dict[UUID, ScanAnswer] = {}
        for scan in scans:
            old = known.get(scan.uid) or drafts.get(scan.uid)
            if old is not None and old.session_id != session.pk:
                answers[scan.uid] = ScanAnswer(scan.uid, REFUSED, "This scan belongs to another area.")
            elif old is not None and (old.is_undone or not scan.is_undone):
                answers[scan.uid] = book.answer(old)
            elif refused:
                answers[scan.uid] = ScanAnswer(scan.uid, REFUSED, refused)
            elif old is not None:
                old.is_undone = True
                CountScan.objects.filter(uid=old.uid).update(is_undone=True)
                answers[scan.uid] = book.answer(old)
            else:
                row, answer = book.draft(session, scan, clock_ahead)
                answers[scan.uid] = answer
                if row is not None:
                    drafts[scan.uid] = row
        CountScan.objects.bulk_create(drafts.values())
        if drafts:
            CountSession.objects.filter(pk=session.pk).update(last_scan_at=now(), paused_at=None)
        return _with_totals(session, [answers[scan.uid] for scan in scans], book)

    return run_atomic(work)


def _refusal(session: CountSession, lock_token: UUID) -> str:
    try:
        refuse_unless_held(session, lock_token)
        refuse_unless_open(session.count)
    except Conflict as error:
        return error.message
    return ""


def undo_scan(*, session_uid: UUID, lock_token: UUID, scan_uid: UUID) -> CountScan:
    """Take one scan of an open session back; it stays on record. Undoing again changes nothing. Raises LockLost."""

    def work() -> CountScan:
        session = lock_count_session(session_uid)
        row = CountScan.objects.select_related("sku").filter(uid=scan_uid, session=session).first()
        if row is None:
            raise DomainError("There is no such scan in this area.", field="scan")
        if not row.is_undone:
            refusal = _refusal(session, lock_token)
            if refusal:
                raise LockLost(refusal)
            row.is_undone = True
            row.save(update_fields=["is_undone"])
        return row

    return run_atomic(work)


@dataclass(slots=True)
class _Book:
    """What the codes of some scans mean in this count."""

    skus: dict[str, Sku]
    serials: dict[str, SerialNumber]
    directed: set[int] | None
    by_id: dict[int, Sku]
    seen_serials: dict[tuple[int, str], str]

    @classmethod
    def read(cls, session: CountSession, scans: Sequence[Scan]) -> _Book:
        """Four statements at most."""
        codes = {scan.code.strip() for scan in scans}
        skus = find_skus_by_codes(codes)
        serials = _serials(codes - set(skus), session.count_id)
        directed = None
        if session.count.kind == StockCountKind.DIRECTED:
            items = CountItem.objects.filter(count=session.count_id, is_directed=True)
            directed = set(items.values_list("sku_id", flat=True))
        by_id = {sku.pk: sku for sku in (*skus.values(), *(row.sku for row in serials.values()))}
        tracked = [pk for pk, sku in by_id.items() if sku.tracking == Tracking.SERIAL]
        seen: dict[tuple[int, str], str] = {}
        if tracked:
            rows = CountScan.objects.filter(session__count=session.count_id, sku__in=tracked, is_undone=False).exclude(
                session__state=CountSessionState.DISCARDED
            )
            seen = {(row[0] or 0, row[1]): row[2] for row in rows.values_list("sku_id", "serial", "session__area")}
        return cls(skus, serials, directed, by_id, seen)

    def draft(self, session: CountSession, scan: Scan, clock_ahead: timedelta) -> tuple[CountScan | None, ScanAnswer]:
        """A row to be written and its answer; no row where the scan is refused."""
        code = scan.code.strip()
        if not code or len(code) > LONGEST_CODE:
            return None, ScanAnswer(scan.uid, REFUSED, f"A code has 1 to {LONGEST_CODE} characters.")
        if not 0 <= scan.quantity <= MAX_QUANTITY or scan.quantity == 0 and not scan.is_total:
            return None, ScanAnswer(scan.uid, REFUSED, f"{scan.quantity} is not a quantity that can be counted.")
        number = self.serials.get(code)
        sku = number.sku if number is not None else self.skus.get(code)
        if sku is not None and sku.is_kit:
            text = f"{sku.code} is a kit: count what it is assembled from."
            return None, ScanAnswer(scan.uid, REFUSED, text, sku.code)
        serial = (number.number if number is not None else scan.serial).strip()[:60]
        problem = self._missing(scan, sku, serial)
        if problem is not None:
            return None, problem
        at = min(max(scan.scanned_at - clock_ahead, session.started_at), now())
        row = CountScan(
            uid=scan.uid, session=session, code=code, sku=sku, quantity=scan.quantity, is_total=scan.is_total,
            lot=scan.lot.strip()[:60].upper() if sku is not None and sku.tracking == Tracking.LOT else "",
            serial=serial if sku is not None and sku.tracking == Tracking.SERIAL else "", scanned_at=at,
            is_undone=scan.is_undone,
        )  # fmt: skip
        if sku is not None and row.serial:
            self.seen_serials[sku.pk, row.serial] = session.area
        return row, self.answer(row)

    def _missing(self, scan: Scan, sku: Sku | None, serial: str) -> ScanAnswer | None:
        """What a SKU that is kept by lot or serial number lacks."""
        if sku is None or scan.is_undone:
            return None
        if sku.tracking == Tracking.LOT and not scan.lot.strip():
            return ScanAnswer(scan.uid, NEEDS_LOT, f"Which lot of {sku.code} is it?", sku.code)
        if sku.tracking != Tracking.SERIAL:
            return None
        if not serial:
            return ScanAnswer(scan.uid, NEEDS_SERIAL, f"Scan the serial number of {sku.code}.", sku.code)
        if scan.quantity != 1 or scan.is_total:
            return ScanAnswer(scan.uid, REFUSED, f"{sku.code} is counted number by number.", sku.code)
        area = self.seen_serials.get((sku.pk, serial))
        if area is not None:
            where = f" in {area}" if area else ""
            return ScanAnswer(scan.uid, REFUSED, f"Serial number {serial} was counted already{where}.", sku.code)
        return None

    def answer(self, row: CountScan) -> ScanAnswer:
        """What a scan that is kept came to."""
        sku = self.by_id.get(row.sku_id) if row.sku_id is not None else None
        if sku is None and row.sku_id is not None:
            sku = row.sku
        if row.is_undone:
            return ScanAnswer(row.uid, UNDONE, f"{row.code}: taken back.", sku.code if sku else "")
        if sku is None:
            return ScanAnswer(row.uid, UNMATCHED, f"{row.code} is not in the catalogue. It is kept apart.")
        if self.directed is not None and sku.pk not in self.directed:
            text = f"{sku.code} is not asked for in this count. It is noted apart."
            return ScanAnswer(row.uid, UNDIRECTED, text, sku.code)
        return ScanAnswer(row.uid, COUNTED, f"{sku.name} {row.lot or row.serial}".strip(), sku.code)


def _serials(codes: set[str], count_id: int) -> dict[str, SerialNumber]:
    """Serial numbers that were scanned by themselves; one that several SKUs share means the SKU of the count."""
    if not codes:
        return {}
    found: dict[str, list[SerialNumber]] = {}
    for row in SerialNumber.objects.select_related("sku").filter(number__in=codes):
        found.setdefault(row.number, []).append(row)
    asked: set[int] = set()
    if any(len(rows) > 1 for rows in found.values()):
        asked = set(CountItem.objects.filter(count=count_id).values_list("sku_id", flat=True))
    chosen = {}
    for number, rows in found.items():
        fitting = rows if len(rows) == 1 else [row for row in rows if row.sku_id in asked]
        if len(fitting) == 1:
            chosen[number] = fitting[0]
    return chosen


def _with_totals(session: CountSession, answers: list[ScanAnswer], book: _Book) -> list[ScanAnswer]:
    ids = {sku.code: pk for pk, sku in book.by_id.items()}
    wanted = [ids[answer.sku_code] for answer in answers if answer.sku_code in ids]
    if not wanted:
        return answers
    tally = count_tally(session.count_id, sku_ids=wanted, session_id=session.pk, open_too=True)
    return [
        ScanAnswer(
            a.uid, a.outcome, a.text, a.sku_code, tally[ids[a.sku_code]].quantity if ids[a.sku_code] in tally else 0
        )
        if a.sku_code in ids else a
        for a in answers
    ]  # fmt: skip
