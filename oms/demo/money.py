"""What the carriers of the demo paid of the cash that they collected: week by week, with the usual faults."""

from __future__ import annotations

from datetime import datetime, timedelta

from carriers.models import Booking, CarrierAccount, CashPosition, ChoiceRule
from carriers.services.cash import collect_missing
from carriers.services.lanes import learn_lanes
from carriers.services.remittances import PaidParcel, PaidTogether, record_remittance
from carriers.services.rules import RuleTerms, save_rule
from oms.demo import brand, past

#: A carrier pays the deliveries of a week that ended so long ago.
_PAYS_AFTER = timedelta(days=6)
_WEEK = timedelta(days=7)
_TABLES = (("carriers_remittance", ("created_at",)),)
#: Names of the rules that the demo makes, by which they are taken away again.
RULES = ("Cash on delivery by its whole cost", "Floods in Assam")
_PAYER = "Farah Khan"


def add(moment: datetime) -> None:
    """Cash of delivered parcels, remittances of past weeks, two rules of choice, and what is known of each lane."""
    with past.rewriting_history():
        newest = past.newest_ids([table for table, _ in _TABLES])
        collect_missing()
        for account in CarrierAccount.objects.filter(code__in=(brand.AGGREGATOR, brand.RIDERS)).order_by("code"):
            _pay(account, moment)
        past.set_back_to(moment, newest, _TABLES)
    _rules(moment)
    learn_lanes()


def _pay(account: CarrierAccount, moment: datetime) -> None:
    positions = CashPosition.objects.filter(account=account, since__lt=moment - _PAYS_AFTER).order_by("since", "pk")
    weeks: dict[int, list[CashPosition]] = {}
    for position in positions.select_related("booking"):
        weeks.setdefault((moment - (position.since or moment)) // _WEEK, []).append(position)
    for week, due in sorted(weeks.items(), reverse=True):
        last = week == min(weeks)
        parcels = [_paid(position, row, last=last) for row, position in enumerate(due, start=2)]
        if last and len(parcels) > 3:
            # The carrier left one out, and paid for one that nobody knows.
            parcels[-1] = PaidParcel(row=parcels[-1].row, awb=f"{parcels[-1].awb}X", amount_minor=84_900)
        paid_on = (moment - _WEEK * week).date()
        utr = f"UTR{paid_on:%y%m%d}{account.pk:04d}"
        paid = PaidTogether(account_id=account.pk, utr=utr, paid_on=paid_on, currency="INR", parcels=parcels,
                            filename=f"{account.code}-{utr}.csv")  # fmt: skip
        record_remittance(paid, actor=_PAYER)


def _paid(position: CashPosition, row: int, *, last: bool) -> PaidParcel:
    booking: Booking = position.booking
    kept = booking.cod_minor // 50 if row % 9 == 0 else 0
    short = 5_000 if last and row == 3 and booking.cod_minor > 10_000 else 0
    return PaidParcel(row=row, awb=booking.awb, amount_minor=booking.cod_minor - kept - short, deducted_minor=kept)


def _rules(moment: datetime) -> None:
    if ChoiceRule.objects.filter(name__in=RULES).exists():
        return
    save_rule(terms=RuleTerms(name=RULES[0], effect="choose_by", strategy="score", return_cost_minor=12_000,
                              late_cost_minor=6_000, payment="cod"), actor=_PAYER)  # fmt: skip
    save_rule(terms=RuleTerms(name=RULES[1], effect="block", reason="Floods: riders do not get through.",
                              accounts={brand.RIDERS: 1}, states=["Assam"], valid_until=moment + _WEEK),
              actor=_PAYER)  # fmt: skip
