"""Who carries a parcel: the services that could, ranked by the rules of choice and by how each does on its lanes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date

from django.db.models import Q
from django.utils import timezone

from carriers.base import BookingRequest, RateRequest
from carriers.choosing import Effect, ParcelTerms, Quote, Rule, Strategy, blocked, choice_for, ranked
from carriers.models import ChoiceRule
from carriers.services.cards import spot_of
from carriers.services.lanes import lanes_of
from carriers.services.quotes import active_accounts, grams_of, quotes_of
from oms.core.clock import now

_ANY = ParcelTerms()


def choose(
    *, request: RateRequest, promised_by: date | None = None, pickup_on: date | None = None, fastest: bool = False,
    terms: ParcelTerms = _ANY, but: Collection[int] = (),
) -> list[Quote]:  # fmt: skip
    """Every service of every active account, eligible ones first: `[quote for quote in quotes if quote.eligible]`.

    The rules of choice that are about this parcel decide (see `carriers.choosing.ranked`); without any, those that meet
    `promised_by` come first, then the cheaper, the faster, the account's priority; with `fastest` the fastest, then the
    cheaper. `terms` is what rules may ask of the parcel, its state found by the PIN code where it is not given. `but`
    are ids of accounts that are left out. `pickup_on` is the day from which transit counts, today without it. Raises
    NetworkInsideTransaction when a carrier must be asked inside a transaction.
    """
    terms = terms if terms.state else replace(terms, state=spot_of(request.country, request.to_postcode).state)
    accounts = [account for account in active_accounts() if account.pk not in but]
    choice = choice_for(rules_now(), request, terms, grams_of(request))
    refusals = {account.pk: words for account in accounts if (words := blocked(choice, account.code))}
    lanes = lanes_of({account.pk: account.code for account in accounts}, request)
    start = pickup_on or timezone.localdate()
    quotes = quotes_of(accounts, request, refusals, lanes, start=start, promised_by=promised_by)
    return ranked(quotes, choice, terms, lanes, start, promised_by, fastest=fastest)


def rules_now() -> list[Rule]:
    """The rules that hold at this moment, the first first. One query."""
    moment = now()
    begun = Q(valid_from__isnull=True) | Q(valid_from__lte=moment)
    not_over = Q(valid_until__isnull=True) | Q(valid_until__gt=moment)
    rows = ChoiceRule.objects.filter(begun, not_over, is_active=True).order_by("position", "pk")
    return [rule_of(row) for row in rows]


def rule_of(row: ChoiceRule) -> Rule:
    """A stored rule as the pure core takes it."""
    return Rule(
        name=row.name, effect=Effect(row.effect), reason=row.reason, strategy=Strategy(row.strategy),
        return_cost_minor=row.return_cost_minor, late_cost_minor=row.late_cost_minor, accounts=row.accounts,
        nodes=row.nodes, channels=row.channels, services=row.services, states=row.states, postcodes=row.postcodes,
        cash={"cod": True, "prepaid": False}.get(row.payment), grams_from=row.grams_from, grams_to=row.grams_to,
        value_from_minor=row.value_from_minor, value_to_minor=row.value_to_minor,
    )  # fmt: skip


def rate_request(request: BookingRequest) -> RateRequest:
    """The question for a price that belongs to a booking."""
    return RateRequest(
        from_postcode=request.ship_from.postcode,
        to_postcode=request.ship_to.postcode,
        weight_grams=request.weight_grams,
        cod_minor=request.cod_minor,
        declared_value_minor=request.declared_value_minor,
        length_mm=request.length_mm,
        width_mm=request.width_mm,
        height_mm=request.height_mm,
        from_country=request.ship_from.country,
        country=request.ship_to.country,
    )


def terms_of(request: BookingRequest, *, key: str, channel_code: str = "") -> ParcelTerms:
    """What rules may ask of a parcel that is to be booked; `key` is the parcel's own."""
    return ParcelTerms(
        node_code=request.ship_from_code, channel_code=channel_code, service_level=request.service_level, key=key
    )
