"""What the channels screens ask across rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import BooleanField, Count, ExpressionWrapper, F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from channels.models import ChannelAccount, InboundMessage, InboundMessageState, Listing
from channels.registry import ADAPTERS, INBOUND_ONLY
from channels.selectors import ChannelHealth, channel_health
from inventory.models import Sku
from oms.accounts.access import Principal
from oms.core.clock import now
from oms.core.templatetags.oms_format import span
from oms.dashboard.channels.reach import scope_codes

#: From then on a channel is told apart as behind: messages that wait, stock that it does not know.
BEHIND = timedelta(minutes=2)
STOCK_LATE_SECONDS = 60.0
_DAY = timedelta(hours=24)
SKU_HITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRow:
    """A channel with what its row and its page need."""

    health: ChannelHealth
    account: ChannelAccount
    tone: str
    word: str
    reason: str
    poll_text: str
    messages_today: int
    errors_today: int

    @property
    def has_far_end(self) -> bool:
        """It can be polled and told things."""
        return self.account.connector not in INBOUND_ONLY

    @property
    def connector_name(self) -> str:
        """The connector as people know it."""
        adapter = ADAPTERS.get(self.account.connector)
        return adapter.name if adapter else self.account.connector

    @property
    def error_percent(self) -> float | None:
        """Share of the messages of 24 hours that went to quarantine; None without any."""
        return self.errors_today / self.messages_today if self.messages_today else None


def channel_rows(principal: Principal, code: str = "") -> list[ChannelRow]:
    """Channels in scope by name, or the one of this code. Three queries, however many channels there are."""
    codes = scope_codes(principal)
    if code:
        codes = [code] if principal.sees_channel(code) else []
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    health = channel_health(midnight, codes)
    ids = [row.account_id for row in health]
    accounts = ChannelAccount.objects.select_related("channel").in_bulk(ids)
    counts = _messages_of_a_day(ids)
    moment = now()
    return [_row(row, accounts[row.account_id], counts.get(row.account_id, (0, 0)), moment) for row in health]


def _messages_of_a_day(account_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Account -> messages of the last 24 hours, and those of them in quarantine."""
    rows = InboundMessage.objects.filter(account_id__in=account_ids, received_at__gte=now() - _DAY)
    quarantined = Count("pk", filter=Q(state=InboundMessageState.QUARANTINED))
    counted = rows.values("account_id").annotate(messages=Count("pk"), quarantined=quarantined)
    return {row["account_id"]: (row["messages"], row["quarantined"]) for row in counted}


def _row(health: ChannelHealth, account: ChannelAccount, counts: tuple[int, int], moment: datetime) -> ChannelRow:
    tone, word, reason = _state(health, account, moment)
    return ChannelRow(
        health=health, account=account, tone=tone, word=word, reason=reason, poll_text=_poll_text(health, moment),
        messages_today=counts[0], errors_today=counts[1],
    )  # fmt: skip


def _state(health: ChannelHealth, account: ChannelAccount, moment: datetime) -> tuple[str, str, str]:
    """Tone, word and reason of a channel's state, the gravest first."""
    far = account.connector not in INBOUND_ONLY
    if not health.is_active:
        return "off", _("Off"), _("The channel is switched off.")
    if health.last_error:
        return "bad", _("Failing"), health.last_error
    if health.oldest_pending_at is not None and moment - health.oldest_pending_at > BEHIND:
        waited = span((moment - health.oldest_pending_at).total_seconds())
        return "warn", _("Behind"), _("The oldest message has waited %(span)s.") % {"span": waited}
    if health.stock_lag_seconds > STOCK_LATE_SECONDS:
        late = span(health.stock_lag_seconds)
        return "warn", _("Stock late"), _("It has not been told its stock for %(span)s.") % {"span": late}
    if far and not (account.pulls_orders and account.pushes_stock and account.pushes_updates):
        return "warn", _("Paused"), _("One direction is paused.")
    return "good", _("Healthy"), ""


def _poll_text(health: ChannelHealth, moment: datetime) -> str:
    """How long until the next poll, or why there is none."""
    if health.connector in INBOUND_ONLY:
        return _("by itself")
    if health.next_poll_at is None:
        return _("paused")
    seconds = (health.next_poll_at - moment).total_seconds()
    return _("now") if seconds <= 0 else _("in %(span)s") % {"span": short_span(seconds)}


def short_span(seconds: float) -> str:
    """Seconds below two minutes, where `span` says minutes only."""
    return f"{round(seconds)} s" if seconds < 120 else str(span(seconds))


def sku_search(text: str) -> list[Sku]:
    """At most eight SKUs by code, barcode or name: those whose code begins so first."""
    text = text.strip()[:80]
    if not text:
        return []
    rows = Sku.objects.only("code", "name")
    exact = list(rows.filter(Q(code__istartswith=text) | Q(barcodes__code=text)).distinct()[:SKU_HITS])
    if len(exact) < SKU_HITS:
        seen = [sku.pk for sku in exact]
        loose = rows.filter(Q(code__icontains=text) | Q(name__icontains=text)).exclude(pk__in=seen)
        exact += list(loose[: SKU_HITS - len(exact)])
    return exact


def listings_shown(account: ChannelAccount, show: str, text: str) -> QuerySet[Listing]:
    """Listings of an account, unmapped ones first: all, `unmapped`, `waiting` to be sent, `refused`, `drift`."""
    rows = Listing.objects.filter(account=account).select_related("sku")
    conditions = {
        "unmapped": Q(sku__isnull=True),
        "waiting": Q(sku__isnull=False, wanted_version__gt=F("sent_version")),
        "refused": ~Q(error=""),
        "drift": Q(sent_quantity__isnull=False, reported_quantity__isnull=False)
        & ~Q(reported_quantity=F("sent_quantity")),
    }
    if show in conditions:
        rows = rows.filter(conditions[show])
    if text:
        rows = rows.filter(Q(external_sku__icontains=text) | Q(sku__code__icontains=text) | Q(name__icontains=text))
    is_unmapped = ExpressionWrapper(Q(sku__isnull=True), output_field=BooleanField())
    return rows.order_by(is_unmapped.desc(), "external_sku")
