"""What the carriers of the demo paid of the cash that they collected, and what they bill, with the usual faults."""

from __future__ import annotations

from datetime import datetime, timedelta

from carriers.models import Booking, CarrierAccount, CashPosition, ChoiceRule
from carriers.rates import RateCard, billed_grams, charge_between
from carriers.services.bills import receive_bill
from carriers.services.cards import card_of, spot_of
from carriers.services.cash import collect_missing
from carriers.services.lanes import learn_lanes
from carriers.services.remittances import PaidParcel, PaidTogether, record_remittance
from carriers.services.rules import RuleTerms, save_rule
from carriers.services.stored_request import read_request
from oms.demo import brand, past

#: A carrier pays the deliveries of a week that ended so long ago.
_PAYS_AFTER = timedelta(days=4)
_WEEK = timedelta(days=7)
_TABLES = (("carriers_remittance", ("created_at",)),)
#: Names of the rules that the demo makes, by which they are taken away again.
RULES = ("Cash on delivery by its whole cost", "Floods in Assam")
_PAYER = "Farah Khan"
_BILLED = 18
#: What is too much on the bill: a row of it -> grams and paise above what was agreed.
_TOO_MUCH = {2: (2_500, 14_400), 5: (0, 1_850), 9: (1_000, 6_200)}


def add(moment: datetime) -> None:
    """Cash of delivered parcels, remittances, a bill, two rules of choice, and what is known of each lane."""
    with past.rewriting_history():
        newest = past.newest_ids([table for table, _ in _TABLES])
        collect_missing()
        for account in CarrierAccount.objects.filter(code__in=(brand.AGGREGATOR, brand.RIDERS)).order_by("code"):
            _pay(account, moment)
        past.set_back_to(moment, newest, _TABLES)
    _bill(moment)
    _rules(moment)
    learn_lanes()


def _bill(moment: datetime) -> None:
    """What the riders charge for their latest parcels: some are too heavy, one is dear, one is nobody's."""
    account = CarrierAccount.objects.select_related("rate_card").get(code=brand.RIDERS)
    parcels = list(Booking.objects.filter(account=account, milestone="delivered").order_by("-pk")[:_BILLED])
    if not parcels or account.rate_card is None:
        return
    card = card_of(account.rate_card)
    number, rows = f"RD/{moment:%y%m}/0117", ["Invoice number,Date,AWB,Weight (g),Freight,GST,Total"]
    billed = [(parcel.awb, *_agreed(card, parcel)) for parcel in parcels]
    for row, (awb, grams, net) in enumerate([*billed, (f"{parcels[-1].awb}9", 500, 6_400)], start=2):
        more_grams, more = _TOO_MUCH.get(row, (0, 0))
        tax = ((net + more) * 18 + 50) // 100
        amounts = ",".join(f"{minor / 100:.2f}" for minor in (net + more, tax, net + more + tax))
        rows.append(f"{number},{moment:%Y-%m-%d},{awb},{grams + more_grams},{amounts}")
    receive_bill(account_id=account.pk, raw="\n".join(rows).encode(), filename="riders.csv", actor=_PAYER)


def _agreed(card: RateCard, parcel: Booking) -> tuple[int, int]:
    """The weight that counts, and what the card charges for it."""
    asked = read_request(parcel.request)
    weight = billed_grams(asked.weight_grams, asked.length_mm, asked.width_mm, asked.height_mm)
    start, end = (spot_of("IN", place.postcode) for place in (asked.ship_from, asked.ship_to))
    return weight, charge_between(card, start, end, weight, asked.cod_minor).total_minor


def _pay(account: CarrierAccount, moment: datetime) -> None:
    positions = CashPosition.objects.filter(account=account, since__lt=moment - _PAYS_AFTER).order_by("since", "pk")
    weeks: dict[int, list[CashPosition]] = {}
    for position in positions.select_related("booking"):
        weeks.setdefault((moment - (position.since or moment)) // _WEEK, []).append(position)
    for week, due in sorted(weeks.items(), reverse=True):
        last = week == min(weeks)
        parcels = [_paid(position, row, last=last) for row, position in enumerate(due, start=2)]
        if last and len(parcels) > 1:
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
    short = 5_000 if last and row == 2 and booking.cod_minor > 10_000 else 0
    return PaidParcel(row=row, awb=booking.awb, amount_minor=booking.cod_minor - kept - short, deducted_minor=kept)


def _rules(moment: datetime) -> None:
    if ChoiceRule.objects.filter(name__in=RULES).exists():
        return
    save_rule(terms=RuleTerms(name=RULES[0], effect="choose_by", strategy="score", return_cost_minor=12_000,
                              late_cost_minor=6_000, payment="cod"), actor=_PAYER)  # fmt: skip
    save_rule(terms=RuleTerms(name=RULES[1], effect="block", reason="Floods: riders do not get through.",
                              accounts={brand.RIDERS: 1}, states=["Assam"], valid_until=moment + _WEEK),
              actor=_PAYER)  # fmt: skip
