"""Which carrier accounts carry a parcel, at what price, by when: `carriers.services.choice` takes one of them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from carriers.base import CarrierConfig, Rate, RateRequest, UnknownOutcome
from carriers.choosing import Lane, Quote
from carriers.errors import NoPrices
from carriers.models import WHOLE_COUNTRY, CarrierAccount, Serviceability
from carriers.rates import NotServiceable, billed_grams, charge_between
from carriers.registry import adapter_for
from carriers.services.accounts import account_config, note_failure, note_ok
from carriers.services.cards import card_of, spot_of
from carriers.services.network import refuse_open_transaction
from carriers.zones import Zone
from oms.core.errors import DomainError, PermanentError, TransientError
from oms.core.places import country_name
from oms.core.values import major_units

#: Rates are remembered so long; a carrier that did not answer is not asked again for so long.
REMEMBER_SECONDS = 600.0
REMEMBER_FAILURE_SECONDS = 30.0
_SLAB_GRAMS = 500
_MOST_REMEMBERED = 4096
_MOST_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a carrier said: rates, or why there are none. `silent` where it may still carry it."""

    rates: tuple[Rate, ...] = ()
    problem: str = ""
    silent: bool = False
    currency: str = ""


def quotes_of(
    accounts: Sequence[CarrierAccount], request: RateRequest, refusals: Mapping[int, str], lanes: Mapping[str, Lane],
    *, start: date, promised_by: date | None,
) -> list[Quote]:  # fmt: skip
    """Every service of the accounts, in no order: those of `refusals` (by id) are refused with that reason, unasked.

    Weight limit, COD, value caps and the serviceability table decide, then the price: from the account's rate card,
    else from the carrier (remembered for ten minutes). A carrier that does not answer never stops the others. `start`
    is the day from which transit counts; where enough is known of the lane, its safe days count instead of what was
    said. Raises NetworkInsideTransaction when a carrier must be asked inside a transaction.
    """
    grams = grams_of(request)
    refused = {**_refusals(accounts, request, grams), **refusals}
    asked = [account for account in accounts if account.pk not in refused]
    answers = _answers(asked, request, grams)
    quotes = [_refused(account, refused[account.pk]) for account in accounts if account.pk in refused]
    for account in asked:
        safe = lanes[account.code].safe_days if account.code in lanes else None
        quotes += _quotes(account, answers[account.pk], request, promised_by, start, safe)
    return quotes


def grams_of(request: RateRequest) -> int:
    """The weight that is billed: the dead or the volumetric one."""
    return billed_grams(request.weight_grams, request.length_mm, request.width_mm, request.height_mm)


def active_accounts() -> list[CarrierAccount]:
    """The accounts that are switched on, in order of priority, with what quotes need of them."""
    listed = Exists(Serviceability.objects.filter(account=OuterRef("pk")))
    rows = CarrierAccount.objects.filter(is_active=True).select_related("rate_card")
    return list(rows.annotate(has_list=listed).order_by("priority", "code"))


def _refused(account: CarrierAccount, reason: str, *, unanswered: bool = False) -> Quote:
    return Quote(
        account_id=account.pk,
        account_code=account.code,
        account_name=account.name,
        eligible=False,
        reason=reason,
        priority=account.priority,
        unanswered=unanswered,
    )


# -- what our own tables say -------------------------------------------------------------------------------------------


def _refusals(accounts: Sequence[CarrierAccount], request: RateRequest, grams: int) -> dict[int, str]:
    """Account -> why it does not carry this; accounts that may carry it are absent."""
    rows = Serviceability.objects.filter(country=request.country, postcode__in=[request.to_postcode, WHOLE_COUNTRY])
    # The very postcode wins over its country.
    sorted_rows = sorted(rows.filter(account__in=accounts), key=lambda row: row.postcode != WHOLE_COUNTRY)
    reached = {row.account_id: row for row in sorted_rows}
    refusals = {}
    for account in accounts:
        reason = _refusal(account, reached.get(account.pk), request, grams)
        if reason:
            refusals[account.pk] = reason
    return refusals


def _refusal(account: CarrierAccount, row: Serviceability | None, request: RateRequest, grams: int) -> str:
    if grams > account.max_weight_grams:
        return f"Carries up to {account.max_weight_grams / 1000:g} kg; this parcel counts as {grams / 1000:g} kg."
    if request.cod_minor and not account.supports_cod:
        return "Takes no cash on delivery."
    if account.max_cod_minor is not None and request.cod_minor > account.max_cod_minor:
        return f"Collects up to {_amount(account.max_cod_minor)}; this parcel brings {_amount(request.cod_minor)}."
    if account.max_value_minor is not None and request.declared_value_minor > account.max_value_minor:
        worth = _amount(request.declared_value_minor)
        return f"Carries goods worth up to {_amount(account.max_value_minor)}; these are worth {worth}."
    if getattr(account, "has_list", False):
        if row is None:
            return f"Does not deliver to {_goal(request)}."
        if request.cod_minor and not row.cod:
            return f"Takes no cash on delivery at {_goal(request)}."
        if not request.cod_minor and not row.prepaid:
            return f"Takes only cash on delivery at {_goal(request)}."
    return ""


def _goal(request: RateRequest) -> str:
    """`560001`; abroad with the country: `78701, United States`."""
    country = "" if request.country == "IN" else country_name(request.country)
    return ", ".join(part for part in (request.to_postcode, country) if part)


def _amount(minor: int) -> str:
    return f"{settings.DEFAULT_CURRENCY} {major_units(minor, settings.DEFAULT_CURRENCY):,f}"


# -- what it costs -----------------------------------------------------------------------------------------------------


def _answers(accounts: Sequence[CarrierAccount], request: RateRequest, grams: int) -> dict[int, _Answer]:
    answers = {account.pk: _by_card(account, request, grams) for account in accounts if account.rate_card is not None}
    unknown = []
    for account in accounts:
        if account.rate_card is None:
            remembered = _MEMORY.get(_memory_key(account, request, grams))
            if remembered is None:
                unknown.append(account)
            else:
                answers[account.pk] = remembered
    if unknown:
        refuse_open_transaction("quotes_of")
        for account, answer in _ask(unknown, request):
            keep_seconds = REMEMBER_FAILURE_SECONDS if answer.silent else REMEMBER_SECONDS
            _MEMORY.put(_memory_key(account, request, grams), answer, keep_seconds)
            answers[account.pk] = answer
    return answers


def _by_card(account: CarrierAccount, request: RateRequest, grams: int) -> _Answer:
    stored = account.rate_card
    assert stored is not None, "only accounts with a card are asked by it"
    if stored.valid_from and stored.valid_from > timezone.localdate():
        return _Answer(problem=f"The rate card is valid from {_day(stored.valid_from)}.")
    start = spot_of(request.from_country, request.from_postcode)
    end = spot_of(request.country, request.to_postcode)
    try:
        card = card_of(stored)
        charge = charge_between(card, start, end, grams, request.cod_minor)
    except NotServiceable as error:
        return _Answer(problem=f"The rate card has no price for {_row(str(error.data['zone']))}.")
    except DomainError as error:
        return _Answer(problem=error.message)
    rate = Rate(
        courier_id="",
        courier_name=account.name,
        charge_minor=charge.total_minor,
        transit_days=card.rates[charge.zone].transit_days,
        supports_cod=account.supports_cod,
    )
    return _Answer(rates=(rate,), currency=card.currency)


def _row(zone: str) -> str:
    return f"zone {zone}" if zone in Zone.__members__ else country_name(zone)


def _ask(accounts: Sequence[CarrierAccount], request: RateRequest) -> list[tuple[CarrierAccount, _Answer]]:
    """Ask the carriers side by side: the slowest one's time, not the sum. Threads touch no database."""
    configs = [(account.adapter, account_config(account)) for account in accounts]
    with ThreadPoolExecutor(max_workers=min(len(configs), _MOST_AT_ONCE)) as pool:
        found = list(pool.map(lambda pair: _ask_one(pair[0], pair[1], request), configs))
    for account, (_, error) in zip(accounts, found, strict=True):
        if isinstance(error, NoPrices):
            continue
        if error is None:
            note_ok(account)
        else:
            note_failure(account, error)
    return [(account, answer) for account, (answer, _) in zip(accounts, found, strict=True)]


def _ask_one(adapter: str, config: CarrierConfig, request: RateRequest) -> tuple[_Answer, Exception | None]:
    try:
        rates = adapter_for(adapter).rates(config, request)
    except (TransientError, UnknownOutcome) as error:
        return _Answer(problem="Did not answer. It is asked again in a moment.", silent=True), error
    except (PermanentError, DomainError) as error:
        return _Answer(problem=f"Gave no price: {error}"), error
    problem = "" if rates else f"Offers no service to {_goal(request)}."
    return _Answer(rates=tuple(rates), problem=problem, currency=str(config.settings.get("currency", ""))), None


def _quotes(
    account: CarrierAccount, answer: _Answer, request: RateRequest, promised_by: date | None, start: date,
    safe: int | None,
) -> list[Quote]:  # fmt: skip
    if not answer.rates:
        return [_refused(account, answer.problem, unanswered=answer.silent)]
    return [_quote(account, answer, rate, request, promised_by, start, safe) for rate in answer.rates]


def _quote(
    account: CarrierAccount, answer: _Answer, rate: Rate, request: RateRequest, promised_by: date | None, start: date,
    safe: int | None,
) -> Quote:  # fmt: skip
    days = rate.transit_days if safe is None else safe
    arrives = start + timedelta(days=days)
    if safe is None and rate.expected_delivery is not None:
        arrives = rate.expected_delivery
    reason = _promise_sentence(arrives, promised_by)
    if safe is not None and safe != rate.transit_days:
        reason += f" Nine of ten of its parcels take up to {safe} days there; {rate.transit_days} are said."
    quote = Quote(
        account_id=account.pk,
        account_code=account.code,
        account_name=account.name,
        eligible=True,
        reason=reason,
        priority=account.priority,
        courier_id=rate.courier_id,
        courier_name=rate.courier_name,
        charge_minor=rate.charge_minor,
        currency=answer.currency or settings.DEFAULT_CURRENCY,
        transit_days=days,
        expected_delivery=arrives,
        meets_promise=None if promised_by is None else arrives <= promised_by,
    )
    if request.cod_minor and not rate.supports_cod:
        return replace(quote, eligible=False, reason="Takes no cash on delivery.")
    return quote


def _promise_sentence(arrives: date, promised_by: date | None) -> str:
    if promised_by is None:
        return f"Arrives by {_day(arrives)}."
    if arrives <= promised_by:
        return f"Arrives by {_day(arrives)}, within the promise of {_day(promised_by)}."
    return f"Arrives by {_day(arrives)}, after the promised {_day(promised_by)}."


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


# -- what carriers said before -----------------------------------------------------------------------------------------

_Key = tuple[object, ...]


class _Memory:
    """The latest answers of this process, the oldest dropped first. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: OrderedDict[_Key, tuple[float, _Answer]] = OrderedDict()

    def get(self, key: _Key) -> _Answer | None:
        with self._lock:
            until, answer = self._rows.get(key, (0.0, None))
        return answer if time.monotonic() < until else None

    def put(self, key: _Key, answer: _Answer, seconds: float) -> None:
        with self._lock:
            self._rows[key] = (time.monotonic() + seconds, answer)
            self._rows.move_to_end(key)
            while len(self._rows) > _MOST_REMEMBERED:
                self._rows.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._rows.clear()


_MEMORY = _Memory()


def forget_rates() -> None:
    """Ask the carriers anew from now on, in this process: an account was changed."""
    _MEMORY.clear()


def _memory_key(account: CarrierAccount, request: RateRequest, grams: int) -> _Key:
    # The charge for cash on delivery is a share of the cash.
    slab = -(-grams // _SLAB_GRAMS)
    return (account.pk, account.base_url, request.from_country, request.from_postcode[:3], request.country,
            request.to_postcode, slab, request.cod_minor)  # fmt: skip
