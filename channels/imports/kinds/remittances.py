"""What carriers paid of the cash that they collected, from a file.

Rows of one carrier with one UTR, the bank's reference of a payment, are one remittance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.db import transaction

from carriers.models import CarrierAccount, Remittance
from carriers.services.remittances import PaidParcel, PaidTogether, new_parcels, record_remittance
from channels.imports.catalogue import REMITTANCE_FIELDS
from channels.imports.errors import ImportRefused
from channels.imports.fields import FieldSet
from channels.imports.kinds.base import Context, Finish, Written, mapped_rows, overlong
from channels.imports.tables import Table
from channels.imports.types import Counts, Options, Reading, RowIssue, Unit
from oms.core.errors import DomainError

_FIELDS = FieldSet(REMITTANCE_FIELDS)


@dataclass(frozen=True, slots=True)
class RemittanceRecord:
    """One remittance as the file says it; `currency` is that of the whole file."""

    carrier: str
    utr: str
    paid_on: date
    currency: str
    parcels: tuple[PaidParcel, ...]

    def paid(self, account_id: int, filename: str = "") -> PaidTogether:
        """The same for the service."""
        return PaidTogether(account_id=account_id, utr=self.utr, paid_on=self.paid_on, currency=self.currency,
                            parcels=self.parcels, filename=filename)  # fmt: skip


class RemittanceHandler:
    """Import of remittances."""

    chunk_size = 20

    def read(self, table: Table, columns: Mapping[str, str], options: Options) -> Reading:
        """Rows of one UTR may stand anywhere; one that cannot be read keeps its whole remittance out, so that sums are
        those of the bank."""
        if not ("carrier" in columns or options.carrier):
            raise ImportRefused(
                "The file has no column with the carrier. Name one for the whole file.", field="carrier"
            )
        groups: dict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = {}
        issues: list[RowIssue] = []
        count = 0
        for row, cells in mapped_rows(table, columns):
            count += 1
            values, wrong = _FIELDS.read(cells, options, row.number)
            wrong += [overlong(row)] if row.extra else []
            values.setdefault("carrier", options.carrier)
            if not values["carrier"] and not cells.get("carrier"):
                wrong.append(RowIssue(row=row.number, field="carrier", got="", expected="a value"))
            issues += wrong
            if "utr" in values:
                groups.setdefault((values["carrier"], values["utr"]), []).append((row.number, values))
        return _reading(groups, issues, count, options)

    def verify(self, units: Sequence[Unit], options: Options) -> list[RowIssue]:
        """Carriers that do not exist, and UTRs that were written with another content before."""
        accounts, written = _look_up(units)
        issues: list[RowIssue] = []
        for unit in units:
            record: RemittanceRecord = unit.value
            account = accounts.get(record.carrier)
            if account is None:
                issues += _all(unit, "carrier", record.carrier, "the code of a carrier account")
                continue
            try:
                new_parcels(written.get((account, record.utr)), record.paid(account))
            except DomainError as error:
                issues += _all(unit, error.field or "utr", record.utr, error.message)
        return issues

    def count(self, units: Sequence[Unit], options: Options) -> Counts:
        """New UTRs, those that get more parcels, and those that say the same already."""
        accounts, written = _look_up(units)
        create = update = skip = 0
        for unit in units:
            there = written.get((accounts.get(unit.value.carrier, 0), unit.value.utr))
            if there is None:
                create += 1
            elif new_parcels(there, unit.value.paid(there.account_id)):
                update += 1
            else:
                skip += 1
        return Counts(create=create, update=update, skip=skip)

    def write(self, units: Sequence[Unit], context: Context) -> Written:
        """Each remittance for itself; what is refused costs the others nothing."""
        accounts, _ = _look_up(units)
        counts, refused = Counts(), []
        for unit in units:
            one = self.count([unit], context.options)
            record: RemittanceRecord = unit.value
            try:
                with transaction.atomic():  # a savepoint: one refused remittance must not cost the chunk
                    record_remittance(record.paid(accounts[record.carrier]), actor=context.actor)
            except DomainError as error:
                refused += _all(unit, error.field or "utr", record.utr, error.message)
                continue
            counts = counts.plus(one)
        return Written(counts=counts, refused=tuple(refused))

    def finish(self, context: Context, *, until: float | None) -> Finish:
        """Nothing follows."""
        return Finish()


def _reading(
    groups: Mapping[tuple[str, str], Sequence[tuple[int, dict[str, Any]]]], issues: list[RowIssue], count: int,
    options: Options,
) -> Reading:  # fmt: skip
    bad = {issue.row for issue in issues}
    units: list[Unit] = []
    for (carrier, utr), rows in groups.items():
        numbers = tuple(number for number, _ in rows)
        wrong = _quarrels(rows) if not bad.intersection(numbers) else []
        issues += wrong
        at_fault = bad.intersection(numbers) | {issue.row for issue in wrong}
        if at_fault:
            expected = f"a remittance whose rows are all right; row {min(at_fault)} is not"
            issues += [RowIssue(row=n, field="utr", got=utr, expected=expected) for n in numbers if n not in at_fault]
            bad.update(numbers)
            continue
        parcels = tuple(
            PaidParcel(row=number, awb=values["awb"], amount_minor=values["amount"],
                       deducted_minor=values.get("deducted", 0))
            for number, values in rows
        )  # fmt: skip
        record = RemittanceRecord(carrier, utr, rows[0][1]["paid_on"], options.currency, parcels)
        units.append(Unit(key=f"{carrier} {utr}", rows=numbers, value=record))
    return Reading(units=tuple(units), issues=tuple(issues), rows=count, bad_rows=frozenset(bad))


def _quarrels(rows: Sequence[tuple[int, dict[str, Any]]]) -> list[RowIssue]:
    """Rows of one UTR that were paid on different days, or name one AWB twice."""
    issues: list[RowIssue] = []
    first_row, first = rows[0]
    seen: dict[str, int] = {}
    for number, values in rows:
        if values["paid_on"] != first["paid_on"]:
            expected = f"{first['paid_on']} as in row {first_row} of the same UTR"
            issues.append(RowIssue(row=number, field="paid_on", got=str(values["paid_on"]), expected=expected))
        before = seen.setdefault(values["awb"], number)
        if before != number:
            expected = f"each AWB once in a remittance, with the sum; row {before} has it too"
            issues.append(RowIssue(row=number, field="awb", got=values["awb"], expected=expected))
    return issues


def _all(unit: Unit, field: str, got: str, expected: str) -> list[RowIssue]:
    return [replace(RowIssue(row=0, field=field, got=got, expected=expected), row=row) for row in unit.rows]


def _look_up(units: Sequence[Unit]) -> tuple[dict[str, int], dict[tuple[int, str], Remittance]]:
    """Accounts by code, and the remittances that are written already. Three statements."""
    codes = {unit.value.carrier for unit in units}
    accounts = dict(CarrierAccount.objects.filter(code__in=codes).values_list("code", "pk"))
    rows = Remittance.objects.filter(account__in=accounts.values(), utr__in={unit.value.utr for unit in units})
    return accounts, {(row.account_id, row.utr): row for row in rows.prefetch_related("lines")}
