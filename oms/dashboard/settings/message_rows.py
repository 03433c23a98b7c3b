"""Messages as people see them: which are asked for, and how one is shown."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

from oms.accounts.access import Principal, in_order_scope
from oms.notifications.kinds import kind_of
from oms.notifications.models import Medium, Message, MessageState, ReceiptStatus
from oms.notifications.registry import PROVIDERS
from oms.notifications.services import is_sent_again
from oms.reporting.masking import shown_recipient, shown_words

PAGE_ROWS = 50
_TONES = {
    MessageState.PENDING: "info", MessageState.SENDING: "progress", MessageState.SENT: "good",
    MessageState.FAILED: "bad", MessageState.UNKNOWN: "warn", MessageState.SKIPPED: "off",
}  # fmt: skip
RECEIPT_TONES = {"sent": "info", "delivered": "good", "read": "good", "failed": "bad"}
_DELIVERED = {ReceiptStatus.DELIVERED: _("Delivered"), ReceiptStatus.READ: _("Read")}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the log; what is empty is not asked."""

    state: str = ""
    medium: str = ""
    event: str = ""
    channel: str = ""
    since: str = ""
    until: str = ""
    q: str = ""

    @classmethod
    def of(cls, given: QueryDict) -> Question:
        """The question of an address; what it does not understand is left out."""
        said = {field.name: given.get(field.name, "").strip()[:100] for field in fields(cls)}
        said["state"] = said["state"] if said["state"] in MessageState.values else ""
        said["medium"] = said["medium"] if said["medium"] in Medium.values else ""
        for name in ("since", "until"):
            said[name] = said[name] if _day(said[name]) else ""
        return cls(**said)

    def query(self, **more: object) -> str:
        """The question as the query of an address."""
        asked = {field.name: getattr(self, field.name) for field in fields(self)}
        return urlencode({name: value for name, value in (asked | more).items() if value})

    def rows(self, principal: Principal) -> QuerySet[Message]:
        """The messages of orders in scope that match, newest first. Only who may read them finds people by address."""
        # By a subquery: an order that several of somebody's nodes work on is in scope once.
        found = Message.objects.select_related("order__channel", "account").order_by("-pk")
        if not principal.sees_everything:
            found = found.filter(pk__in=in_order_scope(Message.objects.order_by(), principal, "order").values("pk"))
        for name, path in (("state", "state"), ("medium", "medium"), ("event", "template"),
                           ("channel", "order__channel__code")):  # fmt: skip
            if value := getattr(self, name):
                found = found.filter(**{path: value})
        if since := _day(self.since):
            found = found.filter(created_at__gte=_start(since))
        if until := _day(self.until):
            found = found.filter(created_at__lt=_start(until + timedelta(days=1)))
        if self.q:
            named = Q(order__number__iexact=self.q) | Q(order__external_number__iexact=self.q)
            if principal.may("pii.view"):
                named |= by_recipient(self.q)
            found = found.filter(named)
        return found


def by_recipient(text: str) -> Q:
    """Rows whose recipient is this address, or ends in the digits of this number: at least six of them."""
    digits = "".join(sign for sign in text if sign.isdecimal())
    found = Q(recipient__iexact=text)
    return found | Q(recipient__endswith=digits) & ~Q(medium=Medium.EMAIL) if len(digits) >= 6 else found


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _start(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message with what its row needs."""

    message: Message
    event: str
    tone: str
    word: str
    recipient: str
    error: str

    @property
    def provider(self) -> str:
        """By whom it goes, or went, as people know them; empty where nobody is known yet."""
        account, provider = self.message.account, PROVIDERS.get(self.message.provider)
        return account.name if account is not None else provider.name if provider is not None else ""

    @property
    def can_resend(self) -> bool:
        """Whether people may send it again."""
        return is_sent_again(self.message)


def message_row(message: Message, *, masked: bool) -> MessageRow:
    """How a message is shown."""
    word = message.get_state_display()
    if message.state == MessageState.SENT and message.receipt in _DELIVERED:
        word = str(_DELIVERED[ReceiptStatus(message.receipt)])
    return MessageRow(
        message, kind_of(message.template).title, _TONES[MessageState(message.state)], word,
        shown_recipient(message.recipient, masked=masked),
        shown_words(message.error, message.recipient, masked=masked),
    )  # fmt: skip
