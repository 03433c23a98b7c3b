"""Parcels of a real marketplace (Olist, Brazil, 2016-09 to 2018-03), one for each order, with the days of their way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as parquet

from routing.promise.calendar import NodeCalendar, WorkingDays, departure
from routing.promise.transit import LONGEST

SHARED = Path(os.environ.get("OMS_SHARED_DIR", Path(__file__).resolve().parents[2].parent / "shared"))
_COLUMNS = [
    "order_id", "seller_id", "order_purchase_timestamp", "order_status", "order_delivered_carrier_date",
    "order_delivered_customer_date", "order_estimated_delivery_date", "customer_zip_code_prefix", "customer_state",
]  # fmt: skip

#: Days on which all of Brazil rests, with the carnival and Corpus Christi, as calendars showed them long before.
# fmt: off
HOLIDAYS = frozenset(
    date(year, *day)
    for year, days in {
        2016: ((9, 7), (10, 12), (11, 2), (11, 15)),
        2017: (
            (1, 1),
            (2, 27),
            (2, 28),
            (4, 14),
            (4, 21),
            (5, 1),
            (6, 15),
            (9, 7),
            (10, 12),
            (11, 2),
            (11, 15),
            (12, 25),
        ),
        2018: ((1, 1), (2, 12), (2, 13), (3, 30), (4, 21), (5, 1), (5, 31), (9, 7)),
    }.items()
    for day in days
)
# fmt: on
WORKING = WorkingDays(frozenset(range(1, 6)), HOLIDAYS)
#: Sellers have no calendar in the data. What is bought in the afternoon is begun on the next working day.
_ZONE = ZoneInfo("America/Sao_Paulo")
_SELLER = NodeCalendar(WORKING, _ZONE.key, processing_minutes=0)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One order of one seller. Dates are those of Brazil; `handed` and `delivered` are None where it never was."""

    bought: datetime
    planned: date
    handed: date | None
    delivered: date | None
    estimated: date
    seller: str
    from_state: str
    from_zip: str
    to_state: str
    to_zip: str

    @property
    def days(self) -> int:
        """Calendar days from purchase to delivery."""
        return ((self.delivered or date.max) - self.bought.date()).days

    @property
    def handling(self) -> tuple[str, ...]:
        """The levels under which its handling is learned."""
        return ("h", f"h {self.from_state}", f"h {self.seller}")

    @property
    def lane(self) -> tuple[str, ...]:
        """The levels under which its transit is learned: nation, states, sorting areas, the neighbourhood."""
        states = f"{self.from_state}>{self.to_state}"
        area = f"{states} {self.from_zip[:2]}>{self.to_zip[:2]}"
        return ("t", f"t {states}", f"t {area}", f"t {area}{self.to_zip[2:3]}")


def read_parcels() -> list[Parcel]:
    """All orders that were not cancelled, by purchase. Of several sellers the first line's one is taken."""
    folder = SHARED / "data" / "orders"
    zips = {
        row["seller_id"]: (row["seller_state"], row["seller_zip_code_prefix"])
        for row in parquet.read_table(folder / "olist_sellers.parquet").to_pylist()
    }
    seen: dict[str, Parcel] = {}
    for row in parquet.read_table(folder / "olist_lines.parquet", columns=_COLUMNS).to_pylist():
        if row["order_id"] not in seen and row["order_status"] not in ("canceled", "unavailable"):
            seen[row["order_id"]] = _parcel(row, *zips[row["seller_id"]])
    return sorted(seen.values(), key=lambda parcel: parcel.bought)


def _parcel(row: dict[str, Any], state: str, code: str) -> Parcel:
    bought = row["order_purchase_timestamp"].to_pydatetime()
    handed, delivered = _day(row["order_delivered_carrier_date"]), _day(row["order_delivered_customer_date"])
    return Parcel(
        bought=bought,
        planned=_begun_on(bought),
        handed=max(handed, bought.date()) if handed else None,
        delivered=delivered if handed is None or delivered is None else max(delivered, handed),
        estimated=row["order_estimated_delivery_date"].date(),
        seller=row["seller_id"],
        from_state=state,
        from_zip=code,
        to_state=row["customer_state"],
        to_zip=row["customer_zip_code_prefix"],
    )


def _begun_on(bought: datetime) -> date:
    return departure(_SELLER, bought.replace(tzinfo=_ZONE)).leaves_on


def _day(moment: Any) -> date | None:
    return None if moment is None else moment.date()


def days_lived(start: date, end: date | None) -> Iterator[tuple[date, int, bool]]:
    """(date, how many working days after the start, whether it ended) for every working day that a way lasted.

    What ends on a day off ends on the next working day. A way that lasts longer than `LONGEST` is given up.
    """
    for age, day in enumerate(WORKING.after(start, LONGEST + 1)):
        ended = end is not None and end <= day
        yield day, age, ended
        if ended:
            return
