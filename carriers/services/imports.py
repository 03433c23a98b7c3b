"""Rate cards and serviceability lists from CSV: all rows or none, every fault named."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from carriers import rates
from carriers.models import WHOLE_COUNTRY, CarrierAccount, RateCard, Serviceability
from carriers.services.cards import zones_json
from carriers.services.quotes import forget_rates
from oms.core.db import run_atomic
from oms.core.errors import DomainError, NotFound
from oms.core.places import normalise_postcode

SERVICEABILITY_COLUMNS = ("postcode", "country", "prepaid", "cod")
_WORDS = {"": True} | dict.fromkeys(("1", "y", "yes", "true", "t"), True) | dict.fromkeys(
    ("0", "n", "no", "false", "f"), False
)  # fmt: skip
_BATCH = 2000
_LINES_NAMED = 5


class ServiceabilityInvalid(DomainError):
    """A serviceability list has faults; `data["errors"]` holds them as line, column and message."""

    code = "serviceability_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did: rows of the file, and rows that left the table because the file does not have them."""

    rows: int
    removed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One kind of fault, how often it occurs and its first lines."""

    message: str
    count: int
    lines: tuple[int, ...]


def group_faults(errors: Iterable[Mapping[str, object]]) -> list[Fault]:
    """Faults of an import by column and kind, the most frequent first. The value at fault is not part of the kind."""
    lines: dict[str, list[int]] = {}
    for error in errors:
        kind = f"{error['column']}: {error.get('kind') or error['message']}"
        lines.setdefault(kind, []).append(int(str(error["line"])))
    faults = [Fault(message=kind, count=len(at), lines=tuple(at[:_LINES_NAMED])) for kind, at in lines.items()]
    return sorted(faults, key=lambda fault: (-fault.count, fault.message))


# -- rate cards --------------------------------------------------------------------------------------------------------


def import_rate_card(*, code: str, name: str, text: str, currency: str = "INR") -> RateCard:
    """Make or replace the rate card `code` from CSV as in `carriers.rates.read_card`.

    Raises RateCardInvalid; the card is then as it was before.
    """
    card = rates.read_card(name, text, currency=currency)
    values = {"name": name, "currency": currency, "zones": zones_json(card)}
    stored, _ = RateCard.objects.update_or_create(code=code, defaults=values)
    return stored


# -- serviceability ----------------------------------------------------------------------------------------------------


def import_serviceability(*, account_code: str, text: str, replace: bool = False) -> Imported:
    """Write the postcodes an account delivers to, from CSV with the column postcode (`*` for a whole country) and, if
    you like, country (IN without it), prepaid and cod (yes without them).

    Rows of the file are added or changed; `replace` removes all others. Raises NotFound and ServiceabilityInvalid with
    every fault found; the table is then as it was before.
    """
    account = CarrierAccount.objects.filter(code=account_code).first()
    if account is None:
        raise NotFound(f"There is no carrier account {account_code!r}.")
    rows = _read_serviceability(account, text)

    def work() -> Imported:
        removed = 0
        if replace:
            removed = _remove_others(account, {(row.country, row.postcode) for row in rows})
        Serviceability.objects.bulk_create(
            rows,
            batch_size=_BATCH,
            update_conflicts=True,
            unique_fields=["account", "country", "postcode"],
            update_fields=["prepaid", "cod"],
        )
        return Imported(rows=len(rows), removed=removed)

    done = run_atomic(work)
    forget_rates()
    return done


def _remove_others(account: CarrierAccount, kept: set[tuple[str, str]]) -> int:
    held = Serviceability.objects.filter(account=account).values_list("pk", "country", "postcode")
    gone = [pk for pk, country, postcode in held if (country, postcode) not in kept]
    for start in range(0, len(gone), _BATCH):
        Serviceability.objects.filter(pk__in=gone[start : start + _BATCH]).delete()
    return len(gone)


def _read_serviceability(account: CarrierAccount, text: str) -> list[Serviceability]:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff").strip()))
    names = {(name or "").strip().lower(): name for name in reader.fieldnames or []}
    errors = [
        _error(1, name or "?", "No such column is known.") for name in names if name not in SERVICEABILITY_COLUMNS
    ]
    if "postcode" not in names:
        errors.append(_error(1, "postcode", "This column is missing."))
    rows: dict[tuple[str, str], Serviceability] = {}
    for raw in [] if errors else reader:
        line = reader.line_num
        row = _read_row(account, {key: (raw.get(name) or "").strip() for key, name in names.items()}, line, errors)
        if row is None:
            continue
        if (row.country, row.postcode) in rows:
            errors.append(_error(line, "postcode", f"{row.postcode} appears a second time.", "appears a second time"))
        rows[row.country, row.postcode] = row
    if not rows and not errors:
        errors.append(_error(1, "postcode", "The list has no row."))
    if errors:
        raise ServiceabilityInvalid(
            f"The list for {account.name} has {len(errors)} faults; the first is on line {errors[0]['line']}: "
            f"{errors[0]['message']}",
            errors=errors,
        )
    return list(rows.values())


def _read_row(
    account: CarrierAccount, row: Mapping[str, str], line: int, errors: list[dict[str, object]]
) -> Serviceability | None:
    before = len(errors)
    country = row.get("country", "").upper() or "IN"
    if len(country) != 2 or not country.isascii() or not country.isalpha():
        errors.append(
            _error(line, "country", f"{country!r} is not a country code.", "not a country code of two letters")
        )
    whole = row["postcode"] == WHOLE_COUNTRY
    postcode = WHOLE_COUNTRY if whole else normalise_postcode(country, row["postcode"])
    if postcode is None:
        errors.append(_error(line, "postcode", f"{row['postcode']!r} is not a postcode.", "not a postcode"))
    flags = {}
    for name in ("prepaid", "cod"):
        word = row.get(name, "").lower()
        if word not in _WORDS:
            errors.append(_error(line, name, f"{word!r} is neither yes nor no.", "neither yes nor no"))
        flags[name] = _WORDS.get(word, False)
    if len(errors) > before or postcode is None:
        return None
    return Serviceability(account=account, country=country, postcode=postcode, **flags)


def _error(line: int, column: str, message: str, kind: str = "") -> dict[str, object]:
    return {"line": line, "column": column, "message": message, "kind": kind}
