"""Which of the services that carry a parcel is taken, and why. Pure: no clock, no network, no database.

Money is minor units, weights are grams, shares and chances are 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from hashlib import blake2b

from carriers.base import RateRequest

#: A lane counts with its own parcels and with so many of the wider lane around it.
PARCELS_OF_BELIEF = 20.0
#: A day is safe when so many of the parcels of a lane arrived by it.
SAFE_SHARE = 0.9


class Strategy(StrEnum):
    """What is best among the services that may be taken."""

    PROMISE = "promise"
    CHEAPEST = "cheapest"
    FASTEST = "fastest"
    SCORE = "score"


class Effect(StrEnum):
    """What a rule does to the parcels that it is about."""

    BLOCK = "block"
    CHOOSE_BY = "choose_by"
    SHARE = "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelTerms:
    """What rules may ask of a parcel beyond what a price needs. `key` tells parcels apart, for shares."""

    node_code: str = ""
    channel_code: str = ""
    service_level: str = ""
    state: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of choice. A condition that is empty, or None, holds for every parcel.

    BLOCK: the accounts are not used. CHOOSE_BY: `strategy` decides; SCORE adds to the price what a parcel that comes
    back (`return_cost_minor`) or comes late (`late_cost_minor`) costs, times how likely that is. SHARE: `accounts` are
    code and weight; each parcel falls to one of them by lot, so that over many parcels the weights come true.
    """

    name: str
    effect: Effect
    reason: str = ""
    strategy: Strategy = Strategy.PROMISE
    return_cost_minor: int = 0
    late_cost_minor: int = 0
    accounts: Mapping[str, int] = field(default_factory=dict)
    nodes: Sequence[str] = ()
    channels: Sequence[str] = ()
    services: Sequence[str] = ()
    states: Sequence[str] = ()
    postcodes: Sequence[str] = ()
    cash: bool | None = None
    grams_from: int | None = None
    grams_to: int | None = None
    value_from_minor: int | None = None
    value_to_minor: int | None = None

    def is_about(self, request: RateRequest, terms: ParcelTerms, grams: int) -> bool:
        """Whether every condition holds for this parcel. `postcodes` are the first signs of a PIN code."""
        return (
            _is_in(terms.node_code, self.nodes)
            and _is_in(terms.channel_code, self.channels)
            and _is_in(terms.service_level, self.services)
            and _is_in(terms.state.casefold(), [state.casefold() for state in self.states])
            and (not self.postcodes or request.to_postcode.startswith(tuple(self.postcodes)))
            and (self.cash is None or self.cash == bool(request.cod_minor))
            and _is_between(grams, self.grams_from, self.grams_to)
            and _is_between(request.declared_value_minor, self.value_from_minor, self.value_to_minor)
        )


def _is_in(value: str, wanted: Sequence[str]) -> bool:
    return not wanted or value in wanted


def _is_between(value: int, least: int | None, most: int | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What became of the parcels of one account on one lane, or on a wider one around it.

    `by_day[n]` counts the parcels that arrived within n days, out of those that did not come back; the last entry is
    all of them, however late. `parent` is the wider lane that stands in where this one has few parcels.
    """

    parcels: int
    returned: int
    by_day: Sequence[int]
    parent: Lane | None = None

    @property
    def return_chance(self) -> float:
        """How likely a parcel comes back."""
        return self._chance(self.returned, self.parcels, self.parent.return_chance if self.parent else None)

    def chance_by(self, days: int) -> float:
        """How likely a parcel arrives within so many days, if it does not come back."""
        arrived = self.by_day[min(max(days, 0), len(self.by_day) - 1)] if days >= 0 else 0
        wider = self.parent.chance_by(days) if self.parent else None
        return self._chance(arrived, self.by_day[-1], wider)

    @property
    def safe_days(self) -> int | None:
        """The fewest days by which nine of ten parcels arrive; None while too few have travelled to tell."""
        if self._weight() < PARCELS_OF_BELIEF:
            return None
        return next((days for days in range(len(self.by_day) - 1) if self.chance_by(days) >= SAFE_SHARE), None)

    def _weight(self) -> float:
        return self.by_day[-1] + (self.parent._weight() if self.parent else 0)

    @staticmethod
    def _chance(hits: int, of: int, wider: float | None) -> float:
        if wider is None:
            return hits / of if of else 0.0
        return (hits + PARCELS_OF_BELIEF * wider) / (of + PARCELS_OF_BELIEF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One service of one account. `reason` says in a sentence why it is, or is not, eligible.

    `meets_promise` is None where nothing was promised or the day is not known. `unanswered` marks an account that
    might carry it but did not answer. Prices are minor units of `currency`, parts of a quote that has none are None.
    `expected_minor` is the price with what a return or a delay costs, where a rule asks for it; `because` says why the
    quote has its place among the eligible.
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
    expected_minor: int | None = None
    because: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The rules that decide about one parcel: the first of each kind, and every block."""

    blocks: Sequence[Rule]
    order: Rule | None
    share: Rule | None


def choice_for(rules: Sequence[Rule], request: RateRequest, terms: ParcelTerms, grams: int) -> Choice:
    """Of all rules, the first first, those that decide about this parcel."""
    about = [rule for rule in rules if rule.is_about(request, terms, grams)]

    def first(effect: Effect) -> Rule | None:
        return next((rule for rule in about if rule.effect == effect), None)

    blocks = [rule for rule in about if rule.effect == Effect.BLOCK]
    return Choice(blocks, first(Effect.CHOOSE_BY), first(Effect.SHARE))


def blocked(choice: Choice, account_code: str) -> str:
    """Why a rule forbids this account for the parcel, or nothing."""
    rule = next((rule for rule in choice.blocks if account_code in rule.accounts), None)
    return f"Not used by the rule {rule.name}: {rule.reason}" if rule else ""


def ranked(
    quotes: Sequence[Quote], choice: Choice, terms: ParcelTerms, lanes: Mapping[str, Lane], start: date,
    promised_by: date | None, *, fastest: bool = False,
) -> list[Quote]:  # fmt: skip
    """The quotes, the best first and those that are not eligible last, each eligible one with why it stands there.

    `lanes` is by account code, `start` the day from which transit counts. `fastest` is what the order asks for where no
    rule says otherwise. Except with CHEAPEST and FASTEST, services that keep the promise come before the others; then
    comes a share, then the strategy. Equal ones: by the account's priority.
    """
    strategy = choice.order.strategy if choice.order else (Strategy.FASTEST if fastest else Strategy.PROMISE)
    if strategy == Strategy.SCORE and choice.order is not None:
        rule = choice.order
        quotes = [_scored(quote, rule, lanes.get(quote.account_code), start, promised_by) for quote in quotes]
    turns = _turns(choice.share, terms.key)
    in_order = sorted(quotes, key=lambda quote: _place(quote, strategy, turns))
    return [
        replace(quote, because=_because(quote, choice, strategy, turns)) if quote.eligible else quote
        for quote in in_order
    ]


def _turns(share: Rule | None, key: str) -> dict[str, int]:
    """The accounts of a share in the order of this parcel's lot, the first at 0.

    Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights by -w / ln u): the same parcel always draws the
    same lot, and where an account cannot take it, the others get it in proportion to their weights.
    """
    if share is None:
        return {}

    def lot(code: str, weight: int) -> float:
        drawn = int.from_bytes(blake2b(f"{share.name}/{key}/{code}".encode(), digest_size=7).digest())
        return -weight / math.log((drawn + 1) / (2**56 + 1))

    lots = {code: lot(code, weight) for code, weight in share.accounts.items() if weight > 0}
    return {code: turn for turn, code in enumerate(sorted(lots, key=lambda code: (-lots[code], code)))}


def _place(quote: Quote, strategy: Strategy, turns: Mapping[str, int]) -> tuple[object, ...]:
    charge = quote.charge_minor or 0
    days = quote.transit_days if quote.transit_days is not None else 365
    misses = quote.meets_promise is False and strategy in (Strategy.PROMISE, Strategy.SCORE)
    worth = {
        Strategy.FASTEST: (days, charge),
        Strategy.SCORE: (quote.expected_minor if quote.expected_minor is not None else charge, days),
    }.get(strategy, (charge, days))
    turn = turns.get(quote.account_code, len(turns))
    return (not quote.eligible, misses, turn, *worth, quote.priority, quote.account_code, quote.courier_id)


def _scored(quote: Quote, rule: Rule, lane: Lane | None, start: date, promised_by: date | None) -> Quote:
    if quote.charge_minor is None:
        return quote
    back = lane.return_chance if lane else 0.0
    late = 1 - lane.chance_by((promised_by - start).days) if lane and promised_by else 0.0
    expected = (
        quote.charge_minor + round(back * rule.return_cost_minor) + round((1 - back) * late * rule.late_cost_minor)
    )
    return replace(quote, expected_minor=expected, reason=_odds(quote.reason, lane, back, late))


def _odds(reason: str, lane: Lane | None, back: float, late: float) -> str:
    if lane is None:
        return f"{reason} Nothing is known of its parcels there."
    return f"{reason} {back:.0%} come back, {late:.0%} would be late."


_BEST = {
    Strategy.PROMISE: "the cheapest that keeps the promise",
    Strategy.CHEAPEST: "the cheapest",
    Strategy.FASTEST: "the fastest",
    Strategy.SCORE: "the least cost, returns and delays counted in",
}


def _because(quote: Quote, choice: Choice, strategy: Strategy, turns: Mapping[str, int]) -> str:
    best = _BEST[strategy]
    if strategy == Strategy.PROMISE and quote.meets_promise is not True:
        best = (
            "the cheapest; no day was promised"
            if quote.meets_promise is None
            else "the cheapest; it misses the promise"
        )
    words = best[0].upper() + best[1:]
    if choice.order is not None:
        words = f"Rule {choice.order.name}: {best}"
    if choice.share is not None and quote.account_code in turns:
        weights = choice.share.accounts
        part = weights[quote.account_code] / sum(weights.values())
        return f"Rule {choice.share.name}: its share of {part:.0%}. Within it: {best}."
    return f"{words}."
