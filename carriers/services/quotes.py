"""Which carrier accounts carry a parcel, at what price, by when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from carriers.base import RateRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One service of one account. `reason` says in a sentence why it is, or is not, eligible.

    `meets_promise` is None where nothing was promised or the day is not known. `unanswered` marks an account that
    might carry it but did not answer. Prices are minor units of `currency`, parts of a quote that has none are None.
    """

    account_id: int
    account_code: str
    account_name: str
    eligible: bool
    reason: str
    priority: int
    courier_id: str = ""
    courier_name: str = ""
    charge_minor: int | None = None
    currency: str = "INR"
    transit_days: int | None = None
    expected_delivery: date | None = None
    meets_promise: bool | None = None
    unanswered: bool = False


def choose(*, request: RateRequest, promised_by: date | None = None, pickup_on: date | None = None) -> list[Quote]:
    """Every service of every active account, eligible ones first: `[quote for quote in quotes if quote.eligible]`.

    Among the eligible, those that meet `promised_by` come first, then the cheaper, the faster, the account's priority.
    Weight limit, COD and the serviceability table decide, then the price: from the account's rate card, else from the
    carrier (remembered for ten minutes). A carrier that does not answer never stops the others. `pickup_on` is the day
    from which transit counts, today without it. Raises NetworkInsideTransaction when a carrier must be asked inside a
    transaction.
    """
    raise NotImplementedError
