"""Questions about carriers, bookings and scans. Nothing here writes or calls a carrier, except `quotes_for_screen`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Exists, Max, Min, OuterRef, Q
from django.urls import reverse

from carriers.base import BookingRequest, PricesAbroad, RateRequest, ReceivesTracking
from carriers.choosing import ParcelTerms, Quote, Rule
from carriers.models import Booking, BookingState, CarrierAccount, ChoiceRule, Serviceability, TrackingEvent
from carriers.rates import ANYWHERE
from carriers.registry import ADAPTERS
from carriers.services.accounts import paused_until
from carriers.services.cards import spot_of
from carriers.services.choice import choose, rate_request, rule_of, terms_of
from carriers.services.quotes import grams_of
from carriers.services.rules import RuleTerms
from carriers.services.stored_request import read_request
from carriers.zones import Zone
from oms.core import clock

_UNSETTLED = (BookingState.REQUESTED, BookingState.UNKNOWN)
_DAY = timedelta(hours=24)
_NEWEST_SCANS = 2000
_REACH_PARCELS = 2000


# -- accounts ----------------------------------------------------------------------------------------------------------


def account_of_webhook(key: str) -> CarrierAccount | None:
    """The account of a webhook address: by code, else by number. Switched-off accounts too: their parcels travel on."""
    account = CarrierAccount.objects.filter(code=key).first()
    if account is None and key.isascii() and key.isdigit() and len(key) < 19:
        account = CarrierAccount.objects.filter(pk=int(key)).first()
    return account


def webhook_url(account: CarrierAccount) -> str:
    """The address to give to the carrier, by number because some refuse addresses that hold their name.

    Empty where the carrier pushes nothing.
    """
    if not isinstance(ADAPTERS.get(account.adapter), ReceivesTracking):
        return ""
    return str(settings.PUBLIC_URL) + reverse("carrier_tracking_webhook", args=[str(account.pk)])


def has_unsettled(account: CarrierAccount) -> bool:
    """Whether a booking of this account, made in the last 24 hours, may have an AWB that we do not know yet."""
    recent = _made_since(clock.now() - _DAY)
    return Booking.objects.filter(recent, account=account, state__in=_UNSETTLED).exists()


# -- where parcels can go ----------------------------------------------------------------------------------------------


def countries_reached() -> frozenset[str]:
    """Where active accounts take parcels that cross a border, or that stay in a country beyond India. Two queries.

    Codes of countries, ANYWHERE (`*`) among them where an account goes to all.
    """
    return frozenset().union(*countries_by_account().values())


def countries_by_account() -> dict[int, frozenset[str]]:
    """As `countries_reached`, for each active account by its id.

    An account goes where its rate card has rows, without a card where its connector is told prices, and in either case
    only where its serviceability list goes, if it has one.
    """
    abroad = Serviceability.objects.filter(account=OuterRef("pk"))
    accounts = CarrierAccount.objects.filter(is_active=True).select_related("rate_card").annotate(
        has_list=Exists(abroad), comes_home=Exists(abroad.filter(country="IN"))
    )  # fmt: skip
    listed: dict[int, set[str]] = defaultdict(set)
    rows = Serviceability.objects.exclude(country="IN").filter(account__is_active=True)
    for account_id, country in rows.values_list("account_id", "country").distinct():
        listed[account_id].add(country)
    reached = {}
    for account in accounts:
        priced = _priced_abroad(account)
        if account.has_list:
            wanted = listed[account.pk] | ({"IN"} if account.comes_home else set())
            priced = frozenset(wanted) if ANYWHERE in priced else priced & wanted
        reached[account.pk] = priced
    return reached


def _priced_abroad(account: CarrierAccount) -> frozenset[str]:
    if account.rate_card is not None and isinstance(account.rate_card.zones, Mapping):
        return frozenset(zone for zone in account.rate_card.zones if zone not in Zone.__members__)
    adapter = ADAPTERS.get(account.adapter)
    if adapter is not None and isinstance(adapter, PricesAbroad):
        return adapter.countries(account.settings)
    return frozenset()


# -- bookings ----------------------------------------------------------------------------------------------------------


def booking_of_parcel(parcel_uid: object) -> Booking | None:
    """The live booking of a parcel, else its latest try."""
    rows = Booking.objects.select_related("account").filter(parcel_uid=str(parcel_uid))
    return rows.filter(state__in=Booking.LIVE).first() or rows.order_by("-pk").first()


def scans_of_booking(booking_id: int) -> list[TrackingEvent]:
    """Every scan, the latest first."""
    return list(TrackingEvent.objects.filter(booking_id=booking_id).order_by("-occurred_at", "-id"))


def quotes_for_screen(
    request: RateRequest, promised_by: date | None = None, *, terms: ParcelTerms | None = None, fastest: bool = False
) -> list[Quote]:
    """The whole table, ineligible services with their reasons at the end. Asks carriers: never inside a transaction."""
    return choose(request=request, promised_by=promised_by, terms=terms or ParcelTerms(), fastest=fastest)


@dataclass(frozen=True, slots=True)
class RuleReach:
    """How many of the parcels that were booked lately, up to `_REACH_PARCELS`, a rule would have been about."""

    parcels: int
    of: int


def rule_reach(terms: RuleTerms) -> RuleReach:
    """What a rule would mean, judged by the latest bookings of a week. One query. Channels are not kept with them."""
    rule = rule_of(ChoiceRule(**(asdict(terms) | {"channels": []})))
    recent = Booking.objects.filter(created_at__gte=clock.now() - timedelta(days=7)).order_by("-pk")
    requests = [read_request(stored) for stored in recent.values_list("request", flat=True)[:_REACH_PARCELS]]
    hits = sum(_is_about(rule, request) for request in requests)
    return RuleReach(hits, len(requests))


def _is_about(rule: Rule, request: BookingRequest) -> bool:
    asked = rate_request(request)
    terms = replace(terms_of(request, key=""), state=spot_of(asked.country, asked.to_postcode).state)
    return rule.is_about(asked, terms, grams_of(asked))


# -- health ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingProblem:
    """One reason in the carrier's words, and the bookings it stopped in the last 24 hours, the latest first."""

    error: str
    bookings: int
    order_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierHealth:
    """How one carrier account does. Rates are in percent, None without a sample; ages count from now.

    `booked` and `refused` are bookings of the last 24 hours that ended so; `unknown` are those whose outcome is not
    certain now, `oldest_unknown_at` since when; `waiting` are those to be asked for again; `silent_parcels` travel
    without a scan for more than 48 hours.
    """

    account: CarrierAccount
    booked: int
    refused: int
    unknown: int
    waiting: int
    cancelling: int
    travelling: int
    silent_parcels: int
    oldest_unknown_at: datetime | None
    last_scan_at: datetime | None
    paused_until: datetime | None
    webhook_url: str
    problems: tuple[BookingProblem, ...] = field(default=())

    @property
    def success_percent(self) -> int | None:
        """Share of the bookings of the last 24 hours that the carrier took, rounded down."""
        ended = self.booked + self.refused
        return self.booked * 100 // ended if ended else None

    @property
    def state(self) -> str:
        """off, failing, unsure or ok: for an icon and a word."""
        if not self.account.is_active:
            return "off"
        if self.paused_until is not None:
            return "failing"
        return "unsure" if self.unknown or self.refused > self.booked else "ok"


def carrier_health() -> list[CarrierHealth]:
    """One row for each account, in order of priority. Four queries, however many accounts there are."""
    moment = clock.now()
    counts = {row["account"]: row for row in _booking_counts(moment)}
    scans = _latest_scans()
    problems = _problems(moment)
    return [
        _health(account, counts.get(account.pk, {}), scans.get(account.pk), problems.get(account.pk, ()))
        for account in CarrierAccount.objects.order_by("priority", "code")
    ]


def _made_since(moment: datetime) -> Q:
    """Bookings made since then, found by the index of `uid`: version 7 ids sort by the time they were made."""
    return Q(uid__gte=UUID(int=int(moment.timestamp() * 1000) << 80))


def _latest_scans() -> dict[int, datetime]:
    """Account -> when its latest scan was recorded, among the newest of all."""
    newest = TrackingEvent.objects.order_by("-id").values_list("booking__account_id", "recorded_at")[:_NEWEST_SCANS]
    latest: dict[int, datetime] = {}
    for account_id, recorded_at in newest:
        latest[account_id] = max(recorded_at, latest.get(account_id, recorded_at))
    return latest


def _booking_counts(moment: datetime) -> Sequence[dict[str, object]]:
    today = _made_since(moment - _DAY)
    travelling = Q(state=BookingState.BOOKED, next_poll_at__isnull=False)
    old = moment - 2 * _DAY
    silent = travelling & (Q(last_scan_at__lt=old) | Q(last_scan_at__isnull=True, booked_at__lt=old))
    rows = Booking.objects.filter(today | Q(state__in=[*_UNSETTLED, BookingState.CANCELLING]) | travelling)
    return list(
        rows.values("account").annotate(
            booked=Count("pk", filter=today & Q(booked_at__isnull=False)),
            refused=Count("pk", filter=today & Q(state=BookingState.FAILED)),
            unknown=Count("pk", filter=Q(state=BookingState.UNKNOWN)),
            waiting=Count("pk", filter=Q(state=BookingState.REQUESTED, next_poll_at__isnull=True)),
            cancelling=Count("pk", filter=Q(state=BookingState.CANCELLING)),
            travelling=Count("pk", filter=travelling),
            silent_parcels=Count("pk", filter=silent),
            oldest_unknown_at=Min("created_at", filter=Q(state=BookingState.UNKNOWN)),
            last_scan_at=Max("last_scan_at"),
        )
    )


def _problems(moment: datetime) -> dict[int, tuple[BookingProblem, ...]]:
    """Account -> reasons of refused and unsure bookings, the most frequent first."""
    rows = Booking.objects.filter(_made_since(moment - _DAY)).exclude(error="").exclude(state=BookingState.CANCELLED)
    grouped: dict[int, dict[str, list[str]]] = {}
    for account_id, error, number in rows.order_by("-pk").values_list("account_id", "error", "order_number")[:5000]:
        grouped.setdefault(account_id, {}).setdefault(error, []).append(number)
    return {
        account_id: tuple(
            BookingProblem(error=error, bookings=len(numbers), order_numbers=tuple(numbers[:5]))
            for error, numbers in sorted(errors.items(), key=lambda pair: -len(pair[1]))[:10]
        )
        for account_id, errors in grouped.items()
    }


def _health(
    account: CarrierAccount,
    counts: dict[str, object],
    last_scan_at: datetime | None,
    problems: tuple[BookingProblem, ...],
) -> CarrierHealth:
    until = paused_until(account)
    names = ("booked", "refused", "unknown", "waiting", "cancelling", "travelling", "silent_parcels")
    numbers = {name: int(str(counts.get(name) or 0)) for name in names}
    oldest, scanned = counts.get("oldest_unknown_at"), counts.get("last_scan_at")
    return CarrierHealth(
        account=account,
        **numbers,
        oldest_unknown_at=oldest if isinstance(oldest, datetime) else None,
        last_scan_at=last_scan_at or (scanned if isinstance(scanned, datetime) else None),
        paused_until=until if until is not None and until > clock.now() else None,
        webhook_url=webhook_url(account),
        problems=problems,
    )
