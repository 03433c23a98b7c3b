"""What the carriers screens ask: health by account, bookings that need somebody, rate cards as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from carriers.base import LeavesOut
from carriers.models import Booking, BookingState, CarrierAccount, RateCard
from carriers.rates import ANYWHERE
from carriers.registry import ADAPTERS
from carriers.selectors import CarrierHealth, carrier_health, countries_by_account
from carriers.services.cards import RateCardUnreadable, card_of
from fulfillment.models import Shipment
from oms.accounts.access import Principal, in_work_scope
from oms.core.clock import now
from oms.core.errors import NotFound
from oms.core.places import country_name
from oms.core.templatetags.oms_format import span

UNSETTLED = (BookingState.UNKNOWN, BookingState.CANCELLING)
BOOKINGS = 50
#: A carrier whose parcels have had no scan for so long is looked at.
SCANS_LATE = timedelta(hours=12)
_WORDS = {"ok": ("good", "Healthy"), "unsure": ("warn", "Unsure"), "failing": ("bad", "Failing"), "off": ("off", "Off")}


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierRow:
    """A carrier account with what its row and its page need."""

    health: CarrierHealth
    tone: str
    word: str
    reason: str
    scans_late: bool

    @property
    def account(self) -> CarrierAccount:
        """The account."""
        return self.health.account

    @property
    def adapter_name(self) -> str:
        """The adapter as people know it."""
        adapter = ADAPTERS.get(self.account.adapter)
        return adapter.name if adapter else self.account.adapter

    @property
    def tested(self) -> str:
        """What the connector was tested against, as a sentence."""
        adapter = ADAPTERS.get(self.account.adapter)
        return adapter.certainty.sentence if adapter else ""

    @property
    def certainty(self) -> str:
        """What the connector was tested against, as a sentence, and what it does not offer."""
        adapter = ADAPTERS.get(self.account.adapter)
        if adapter is None:
            return ""
        gaps = f" Not offered: {', '.join(adapter.not_offered)}." if isinstance(adapter, LeavesOut) else ""
        return adapter.certainty.sentence + gaps

    @property
    def success(self) -> float | None:
        """Share of the bookings of 24 hours that the carrier took, 0 to 1."""
        percent = self.health.success_percent
        return percent / 100 if percent is not None else None


def carrier_rows() -> list[CarrierRow]:
    """Every account in order of priority. Four queries, however many there are."""
    return [_row(health) for health in carrier_health()]


def carrier_row(code: str) -> CarrierRow:
    """One account. Raises NotFound."""
    row = next((row for row in carrier_rows() if row.account.code == code), None)
    if row is None:
        raise NotFound(f"There is no carrier account {code}.")
    return row


def _row(health: CarrierHealth) -> CarrierRow:
    tone, word = _WORDS[health.state]
    scans = health.last_scan_at
    late = bool(health.travelling) and (scans is None or now() - scans > SCANS_LATE)
    return CarrierRow(health=health, tone=tone, word=_(word), reason=_reason(health), scans_late=late)


def _reason(health: CarrierHealth) -> str:
    if health.paused_until is not None:
        left = span((health.paused_until - now()).total_seconds())
        return _("%(error)s Asked again in %(span)s.") % {"error": health.account.last_error, "span": left}
    if health.unknown:
        return _("%(n)s bookings whose outcome is not certain.") % {"n": health.unknown}
    return ""


def _bookings(account: CarrierAccount, principal: Principal) -> QuerySet[Booking]:
    """Bookings of an account for parcels in scope. A booking that failed is named by its parcel's uid alone."""
    rows = Booking.objects.filter(account=account).defer("request")
    if principal.sees_everything:
        return rows
    return rows.filter(parcel_uid__in=in_work_scope(Shipment.objects.order_by(), principal).values("uid"))


def unsettled_bookings(account: CarrierAccount, principal: Principal) -> list[Booking]:
    """Bookings in scope of which nobody knows yet what the carrier made of them, oldest first."""
    rows = _bookings(account, principal)
    abandoned = Q(state=BookingState.REQUESTED, next_poll_at__lte=now())
    return list(rows.filter(Q(state__in=UNSETTLED) | abandoned).select_related("account").order_by("pk")[:BOOKINGS])


def refused_bookings(account: CarrierAccount, principal: Principal) -> list[Booking]:
    """The latest bookings in scope that the carrier refused."""
    rows = _bookings(account, principal).filter(state=BookingState.FAILED)
    return list(rows.order_by("-pk")[:BOOKINGS])


@dataclass(frozen=True, slots=True, kw_only=True)
class CardTable:
    """A rate card as a table of its zones. `problem` says why it cannot be read."""

    card: RateCard
    rows: Sequence[Mapping[str, Any]]
    problem: str = ""


_ZONES = {
    "A": "Same city", "B": "Same state or near", "C": "Metro to metro", "D": "Rest of India",
    "E": "Far: north-east, hills", "F": "Farthest: islands, special areas",
}  # fmt: skip


def card_table(card: RateCard) -> CardTable:
    """The zones of a card, amounts in minor units of its currency."""
    try:
        rates = card_of(card).rates
    except RateCardUnreadable as error:
        return CardTable(card=card, rows=[], problem=error.message)
    rows: list[Mapping[str, Any]] = [
        {"zone": zone, "name": _zone_name(zone), "rate": rate, "fuel": _share(rate.fuel_bp),
         "cod": _share(rate.cod_bp)}
        for zone, rate in sorted(rates.items(), key=lambda item: _place_of_row(item[0]))
    ]  # fmt: skip
    return CardTable(card=card, rows=rows)


def countries_of(account: CarrierAccount) -> list[str]:
    """Where an account takes parcels beyond India, in words, by name; nothing for one that is switched off."""
    return [_zone_name(zone) for zone in sorted(countries_by_account().get(account.pk, ()), key=_place_of_row)]


def _place_of_row(zone: str) -> tuple[int, str]:
    """Zones within India first, then countries by name, then every other country."""
    if zone in _ZONES:
        return 0, zone
    return (2, "") if zone == ANYWHERE else (1, country_name(zone))


def _zone_name(zone: str) -> str:
    if zone == ANYWHERE:
        return _("Every other country")
    return _(_ZONES[zone]) if zone in _ZONES else country_name(zone)


def _share(basis_points: int) -> str:
    """150 as "1.5 %"."""
    return f"{basis_points / 100:g} %"
