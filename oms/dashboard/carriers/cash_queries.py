"""What the cash screens ask: who owes how much for how long, what does not agree, what was remitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from carriers.models import CarrierAccount, CashPosition, CashTransaction, Finding, Remittance, RemittanceLine
from oms.core.clock import now
from oms.core.db import fetch_all

#: Days since delivery, from and to, of each column of the ageing table; the last has no end.
AGES: tuple[tuple[int, int | None], ...] = ((0, 2), (3, 7), (8, 14), (15, 30), (31, None))
_DAY = timedelta(days=1)

_AGEING = """
SELECT p.account_id, p.currency,
       sum(p.due_minor) FILTER (WHERE age <= 2), sum(p.due_minor) FILTER (WHERE age BETWEEN 3 AND 7),
       sum(p.due_minor) FILTER (WHERE age BETWEEN 8 AND 14), sum(p.due_minor) FILTER (WHERE age BETWEEN 15 AND 30),
       sum(p.due_minor) FILTER (WHERE age > 30),
       sum(p.due_minor) FILTER (WHERE age > a.remittance_days), count(*) FILTER (WHERE age > a.remittance_days),
       count(*), min(p.since)
FROM carriers_cashposition p JOIN carriers_carrieraccount a ON a.id = p.account_id,
     LATERAL (SELECT floor(extract(epoch FROM %(now)s - p.since) / 86400)::int AS age) AS since
WHERE p.due_minor > 0
GROUP BY p.account_id, p.currency
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """What one carrier account owes in one currency. Amounts are minor units; `by_age` follows `AGES`."""

    account: CarrierAccount
    currency: str
    by_age: Sequence[int]
    overdue_minor: int
    overdue_parcels: int
    parcels: int
    oldest_at: datetime | None

    @property
    def total_minor(self) -> int:
        """All of it."""
        return sum(self.by_age)


def debts() -> list[Debt]:
    """What each carrier owes, the one with the most overdue first. Two queries."""
    accounts = CarrierAccount.objects.in_bulk()
    found = [
        Debt(account=accounts[row[0]], currency=row[1], by_age=[amount or 0 for amount in row[2:7]],
             overdue_minor=int(row[7] or 0), overdue_parcels=row[8], parcels=row[9], oldest_at=row[10])
        for row in fetch_all(_AGEING, {"now": now()})
    ]  # fmt: skip
    return sorted(found, key=lambda debt: (-debt.overdue_minor, -debt.total_minor, debt.account.name, debt.currency))


def _positions() -> QuerySet[CashPosition]:
    return CashPosition.objects.select_related("account", "booking").defer("booking__request")


def overdue(account: str = "") -> QuerySet[CashPosition]:
    """Parcels that no remittance touched and whose carrier is past its days, the oldest first."""
    moment = now()
    late = Q()
    for pk, days in CarrierAccount.objects.values_list("pk", "remittance_days"):
        late |= Q(account=pk, since__lte=moment - _DAY * (days + 1))
    rows = _positions().filter(late, due_minor__gt=0, remitted_minor=0) if late else CashPosition.objects.none()
    return _of(rows, account).order_by("since", "pk")


def short(account: str = "") -> QuerySet[CashPosition]:
    """Parcels that were paid in part, the largest rest first."""
    return _of(_positions().filter(due_minor__gt=0, remitted_minor__gt=0), account).order_by("-due_minor", "pk")


def excess(account: str = "") -> QuerySet[CashPosition]:
    """Parcels for which more was paid than was due: too much, twice, before delivery, or not delivered after all."""
    rows = _positions().filter(Q(excess_minor__gt=0) | Q(due_minor__lt=0))
    return _of(rows, account).order_by("-excess_minor", "pk")


def _of(rows: QuerySet[CashPosition], account: str) -> QuerySet[CashPosition]:
    return rows.filter(account__code=account) if account else rows


def unknown_lines(account: str = "") -> QuerySet[RemittanceLine]:
    """Payments for AWBs that nobody knows, the newest first."""
    rows = RemittanceLine.objects.filter(finding=Finding.UNKNOWN).select_related("remittance__account")
    return (rows.filter(remittance__account__code=account) if account else rows).order_by("-pk")


def remittances(account: str = "") -> QuerySet[Remittance]:
    """The latest first, with how many parcels and how much, and whether something of it does not agree."""
    rows = Remittance.objects.select_related("account")
    rows = rows.filter(account__code=account) if account else rows
    odd = RemittanceLine.objects.filter(remittance=OuterRef("pk")).exclude(finding=Finding.MATCHED)
    return rows.annotate(
        parcels=Count("lines"), amount=Sum("lines__amount_minor"), deducted=Sum("lines__deducted_minor"),
        disagrees=Exists(odd),
    )  # fmt: skip


def history(booking_id: int) -> list[CashTransaction]:
    """Everything that was booked of one parcel, the first first, with its entries."""
    rows = CashTransaction.objects.filter(booking=booking_id).prefetch_related("entries")
    return list(rows.select_related("line__remittance").order_by("pk"))
