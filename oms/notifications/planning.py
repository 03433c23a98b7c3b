"""Which messages an event becomes: by which media, in which language, to whom, and which are not sent and why."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fulfillment.models import Shipment
from oms.core import clock
from oms.notifications.kinds import is_on_by_default, kind_of
from oms.notifications.letters import AtStore, write_letter
from oms.notifications.models import (
    ChannelMessaging,
    Medium,
    Message,
    MessageAccount,
    MessageChoice,
    MessageState,
    OptOut,
)
from oms.notifications.registry import PROVIDERS
from oms.notifications.texts import (
    Text,
    filled,
    language_of,
    parameters_of,
    text_for,
    texts_in_force,
    values_for,
)
from orders.models import Order

#: The order in which one medium stands in for another.
CHAIN = (Medium.WHATSAPP, Medium.SMS, Medium.EMAIL)
NO_NUMBER = "The order has no phone number."


@dataclass(frozen=True, slots=True)
class Wanted:
    """An event of an order that its customer is to be told, the parcel it is about, and where it is collected."""

    event: str
    order: Order
    part: str
    shipment: Shipment | None
    store: AtStore


@dataclass(slots=True)
class Setup:
    """What is set up for some channels and recipients, read in a handful of statements however many there are."""

    channels: dict[int, ChannelMessaging] = field(default_factory=dict)
    choices: dict[tuple[int, str, str], bool] = field(default_factory=dict)
    accounts: dict[tuple[int | None, str], MessageAccount] = field(default_factory=dict)
    opted_out: dict[tuple[str, str], OptOut] = field(default_factory=dict)
    texts: Mapping[tuple[str, str, str], Text] = field(default_factory=dict)

    def messaging(self, channel_id: int) -> ChannelMessaging:
        """How a channel writes; what is usual where nobody said."""
        return self.channels.get(channel_id) or ChannelMessaging(channel_id=channel_id)

    def is_on(self, channel_id: int, event: str, medium: str) -> bool:
        """Whether an event goes by a medium."""
        return self.choices.get((channel_id, event, medium), is_on_by_default(event, medium))

    def account(self, channel_id: int, medium: str) -> MessageAccount | None:
        """The contract by which a channel sends: its own, else one for all."""
        return self.accounts.get((channel_id, medium)) or self.accounts.get((None, medium))


_PARCEL = re.compile(r"(\d{1,18})(?:-\d{1,3})?", re.ASCII)


def parcel_of(part: str) -> int | None:
    """The parcel that a part names: its number alone, or with which of several tellings of it this is ("12-2")."""
    found = _PARCEL.fullmatch(part)
    return int(found[1]) if found else None


def international(phone: str, country: str) -> str:
    """A number as providers take it (+919845012345); empty where it cannot be one."""
    digits = "".join(sign for sign in phone if sign.isascii() and sign.isdecimal())
    if phone.strip().startswith("00"):
        digits = digits[2:]
    elif not phone.strip().startswith("+"):
        if country != "IN":
            return ""
        digits = digits if len(digits) == 12 else f"91{digits.lstrip('0')}"
        digits = digits if digits.startswith("91") else ""
    if digits.startswith("91"):
        # A digit too many, or a number within the country, would be somebody else's.
        return f"+{digits}" if len(digits) == 12 else ""
    return f"+{digits}" if 8 <= len(digits) <= 15 else ""


def recipient_of(order: Order, medium: str) -> str:
    """Whom a message of a medium goes to; empty where the order has none."""
    if medium == Medium.EMAIL:
        return order.customer_email
    phone = order.customer_phone or order.shipping_address.phone
    return international(phone, order.ship_country or order.shipping_address.country)


def read_setup(orders: Collection[Order], events: Collection[str]) -> Setup:
    """What these events of these orders need to know."""
    ids = {order.channel_id for order in orders}
    setup = Setup(accounts=accounts_of(ids))
    rows = MessageChoice.objects.filter(channel__in=ids, event__in=events)
    setup.choices = {(row.channel_id, row.event, row.medium): row.is_on for row in rows}
    setup.channels = ChannelMessaging.objects.in_bulk(ids)
    setup.opted_out = opted_out({(medium, recipient_of(order, medium)) for order in orders for medium in Medium.values})
    if any(medium != Medium.EMAIL for _, medium in setup.accounts):
        setup.texts = texts_in_force(events)
    return setup


def accounts_of(channel_ids: Collection[int]) -> dict[tuple[int | None, str], MessageAccount]:
    """(channel or None, medium) -> the account that sends for it: of several the first by priority."""
    found: dict[tuple[int | None, str], MessageAccount] = {}
    rows = MessageAccount.objects.filter(is_active=True).order_by("-priority", "-code")
    for row in rows:
        if row.channel_id is None or row.channel_id in channel_ids:
            found[row.channel_id, medium_of(row)] = row
    return found


def medium_of(account: MessageAccount) -> str:
    """The medium of an account's provider; nothing for a provider that is not known here."""
    provider = PROVIDERS.get(account.provider)
    return provider.medium if provider else ""


def opted_out(recipients: Collection[tuple[str, str]]) -> dict[tuple[str, str], OptOut]:
    """Of these (medium, recipient) those who want nothing."""
    names = {recipient.lower() for _, recipient in recipients if recipient}
    return {(row.medium, row.recipient): row for row in OptOut.objects.filter(recipient__in=names)}


def plan(wanted: Sequence[Wanted], setup: Setup) -> list[Message]:
    """The messages that all of this becomes, not yet saved."""
    return [message for each in wanted for message in _of_one(each, setup)]


def _of_one(wanted: Wanted, setup: Setup) -> list[Message]:
    channel_id = wanted.order.channel_id
    media = [medium for medium in CHAIN if setup.is_on(channel_id, wanted.event, medium)]
    if setup.messaging(channel_id).falls_back:
        return first_that_can(wanted, media, setup)
    return [message for medium in media for message in [write(wanted, medium, setup)] if message is not None]


def first_that_can(wanted: Wanted, media: Iterable[str], setup: Setup) -> list[Message]:
    """The message of the first medium that reaches the customer, after those that do not and say why."""
    rest = list(media)
    found: list[Message] = []
    while rest:
        message = write(wanted, rest.pop(0), setup)
        if message is None:
            continue
        found.append(message)
        if message.state == MessageState.PENDING:
            message.falls_back_to = [str(medium) for medium in rest]
            break
    return found


def write(wanted: Wanted, medium: str, setup: Setup) -> Message | None:
    """The message of one medium; None where nothing is set up for it, SKIPPED with the reason where it must not go."""
    order, kind = wanted.order, kind_of(wanted.event)
    recipient = recipient_of(order, medium)
    account = setup.account(order.channel_id, medium)
    key = f"{wanted.event}/{order.pk}/{wanted.part}"
    message = Message(
        order=order, template=wanted.event, part=wanted.part, medium=medium, recipient=recipient, account=account,
        dedupe_key=key if medium == Medium.EMAIL else f"{key}/{medium}",
    )  # fmt: skip
    if medium == Medium.EMAIL:
        if not recipient:
            return None
        letter = write_letter(wanted.event, order, wanted.shipment, wanted.store)
        message.subject, message.text, message.html = letter.subject, letter.text, letter.html
    else:
        language = language_of(order, setup.messaging(order.channel_id).language)
        text = text_for(setup.texts, wanted.event, medium, language)
        if account is None or text is None:
            return None
        values = values_for(order, wanted.shipment, text.language, wanted.store)
        message.language, message.urgent = text.language, text.urgent
        message.subject, message.text = kind.title, filled(text.body, values)
        message.provider_template = text.provider_template
        message.parameters = parameters_of(text.body, values)
        message.expires_at = clock.now() + kind.news_for if kind.news_for else None
    reason = NO_NUMBER if not recipient else opt_out_reason(setup.opted_out.get((medium, recipient.lower())))
    if reason:
        message.state, message.error = MessageState.SKIPPED, reason
    return message


def opt_out_reason(row: OptOut | None) -> str:
    """Why somebody is not written to; empty where they are."""
    if row is None:
        return ""
    return f"They want no messages by {row.get_medium_display()} ({row.get_source_display().lower()})."
