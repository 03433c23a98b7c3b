"""What customers were told lately, by e-mail, SMS and WhatsApp, and what became of it.

The providers of the past cannot be called: what they answered is told by receipts, as they tell it. From now on a
simulated provider takes the messages of the web shop and the stores (`manage.py demo_outside carrier`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from carriers.base import Milestone
from fulfillment.models import FailedDelivery, Shipment, ShipmentState
from oms.demo import brand, past
from oms.demo.models import DemoWorld
from oms.demo.outside import message_secrets
from oms.demo.world import Standing
from oms.notifications.base import Hook, ReceiptNews
from oms.notifications.claiming import LEASE, claim
from oms.notifications.kinds import kind_of
from oms.notifications.models import (
    Medium,
    Message,
    MessageAccount,
    MessageState,
    MessageText,
    OptOutSource,
    Receipt,
    ReceiptStatus,
)
from oms.notifications.receipts import opt_out, take_hook
from oms.notifications.services import queue_messages, settle_lost
from oms.notifications.setting import ChannelWish, choices_of, save_channel
from oms.notifications.texts import save_text
from orders.models import Order, OrderStage

#: Parcels and orders of which customers were told here.
_PARCELS, _ORDERS, _WAITING = 36, 12, 3
_MANAGER, _CARE = "Omkar Kulkarni", "Sana Sheikh"
#: By which media the web shop writes of what.
_BY_PHONE = ("shipped", "out_for_delivery", "delivered", "delivery_failed", "ready_for_pickup")
_EVENT_OF = {
    ShipmentState.IN_TRANSIT: "shipped", ShipmentState.OUT_FOR_DELIVERY: "out_for_delivery",
    ShipmentState.NDR_OPEN: "delivery_failed", ShipmentState.DELIVERED: "delivered",
}  # fmt: skip
#: What providers said of one message after the other, again and again: how far it came.
_CAME = ("read", "delivered", "read", "failed", "delivered", "sent", "read", "lost")
_AFTER = {"sent": timedelta(seconds=2), "delivered": timedelta(seconds=14), "read": timedelta(minutes=11),
          "failed": timedelta(seconds=9)}  # fmt: skip

_LETTERS = (("confirmation", "email"), ("delivered", "email"))

Wanted = tuple[str, int, str]


def set_up(world: DemoWorld, standing: Standing, moment: datetime) -> None:
    """Accounts with the simulated provider; by what each channel writes, and when; a text of their own."""
    secrets = message_secrets(world)
    for code in (brand.WEB, brand.QUICK):
        channel = standing.channels[code]
        MessageAccount.objects.create(
            code=f"demo-sms-{code}", name=f"Simulated SMS, {channel.name}", provider="twilio", channel=channel,
            base_url=settings.DEMO_MESSAGES_URL, settings={"account_sid": "AC0", "from": "+15005550006"},
            secrets={"auth_token": secrets["auth_token"]},
        )  # fmt: skip
    web = standing.channels[brand.WEB]
    MessageAccount.objects.create(
        code=brand.WHATSAPP, name="Simulated WhatsApp", provider="whatsapp_cloud", channel=web,
        base_url=settings.DEMO_MESSAGES_URL, settings={"phone_number_id": "1"}, secrets=secrets,
    )  # fmt: skip
    on = {(event, str(medium)): True for event in _BY_PHONE for medium in Medium}
    wish = ChannelWish(language="en", quiet_from=time(21), quiet_until=time(9), falls_back=True,
                       on=choices_of(web.pk) | on)  # fmt: skip
    save_channel(web.pk, wish, actor=_MANAGER)
    save_text(
        event="out_for_delivery", medium="sms", language="en", urgent=True, actor=_MANAGER, seen_version=1,
        body="{brand}: {carrier} brings order {number} today. To pay: {amount_due}. {link}", provider_template="",
    )  # fmt: skip
    MessageText.objects.filter(made_by=_MANAGER).update(made_at=moment - timedelta(days=12))


def add(world: DemoWorld, standing: Standing, moment: datetime) -> None:
    """Messages about the latest parcels and orders in every state; they are told to nobody a second time."""
    with past.rewriting_history():
        set_up(world, standing, moment)
        times = _what_happened(standing, moment)
        _somebody_wants_none(moment, [order_id for event, order_id, _ in times if event in _BY_PHONE])
        for place, (wanted, at) in enumerate(sorted(times.items(), key=lambda item: item[1])):
            _tell(wanted, at, _CAME[place % len(_CAME)])
        settle_lost()
        Receipt.objects.filter(message__order__channel=standing.channels[brand.WEB]).update(
            received_at=F("occurred_at")
        )
        _wait(standing, moment)


def _what_happened(standing: Standing, moment: datetime) -> dict[Wanted, datetime]:
    """Events of the web shop's latest orders and parcels, and when they happened."""
    web = standing.channels[brand.WEB]
    orders = Order.objects.filter(channel=web).exclude(stage__in=(OrderStage.SHIPPED, OrderStage.DELIVERED))
    times: dict[Wanted, datetime] = {
        ("confirmation", order.pk, ""): order.placed_at for order in orders.order_by("-placed_at")[:_ORDERS]
    }
    parcels = Shipment.objects.filter(order__channel=web, state__in=_EVENT_OF, handed_over_at__isnull=False)
    failed = dict(FailedDelivery.objects.order_by("failed_at").values_list("shipment", "failed_at"))
    for parcel in parcels.select_related("booking").order_by("-handed_over_at", "pk")[:_PARCELS]:
        event = _EVENT_OF[ShipmentState(parcel.state)]
        out_at = _scanned(parcel, Milestone.OUT_FOR_DELIVERY)
        at = {"shipped": parcel.handed_over_at, "out_for_delivery": out_at, "delivered": parcel.delivered_at,
              "delivery_failed": failed.get(parcel.pk)}[event]  # fmt: skip
        times[event, parcel.order_id, str(parcel.pk)] = min(at or moment, moment)
    return times


def _scanned(parcel: Shipment, milestone: Milestone) -> datetime | None:
    if parcel.booking is None:
        return None
    scans = parcel.booking.scans.filter(milestone=milestone).order_by("-occurred_at")
    return scans.values_list("occurred_at", flat=True).first()


def _somebody_wants_none(moment: datetime, order_ids: Iterable[int]) -> None:
    """Two customers: one answered STOP, one told the care team."""
    phones = Order.objects.filter(pk__in=order_ids).order_by("placed_at").values_list("customer_phone", flat=True)
    said = ((OptOutSource.REPLY, "STOP", ""), (OptOutSource.PERSON, "", _CARE))
    for phone, (source, words, actor) in zip(phones[3:], said, strict=False):
        opt_out(medium=Medium.WHATSAPP, recipients=[phone], source=source, said=words, actor=actor,
                at=moment - timedelta(days=40))  # fmt: skip


def _tell(wanted: Wanted, at: datetime, came: str) -> None:
    """One event is told: how far its message came, and what stood in for one that failed."""
    event, order_id, part = wanted
    rows = Message.objects.filter(order=order_id, template=event, part=part)
    news_for = kind_of(event).news_for
    queue_messages([wanted])
    for how in (came, "delivered"):
        rows.filter(created_at__gt=at).update(created_at=at)
        rows.exclude(medium=Medium.EMAIL).update(expires_at=at + news_for if news_for else None)
        for row in rows.filter(state=MessageState.PENDING).select_related("account"):
            _answer(row, how, at + timedelta(seconds=1))
        at += timedelta(seconds=20)


def _answer(row: Message, came: str, at: datetime) -> None:
    """A provider took it, and said what became of it; a mail server says no more."""
    taken = Message.objects.filter(pk=row.pk)
    if row.account is None:
        name = f"<{row.pk}@{brand.MAIL_DOMAIN}>"
        taken.update(state=MessageState.SENT, sent_at=at, sends=1, attempts=1, provider="mail", provider_id=name)
        return
    taken.update(state=MessageState.SENDING, lease_until=at + LEASE, sends=1, attempts=1)
    if came != "lost":
        take_hook(row.account, row.medium, Hook(tuple(_receipts(row, came, at))))
    MessageAccount.objects.filter(pk=row.account.pk).update(last_ok_at=at)


def _receipts(row: Message, came: str, at: datetime) -> Iterable[ReceiptNews]:
    name = f"SM{row.pk:032x}" if row.medium == Medium.SMS else f"wamid.{row.pk:032x}"
    told = ("failed",) if came == "failed" else tuple(_AFTER)[: tuple(_AFTER).index(came) + 1]
    for word in told:
        detail = "131026 Message undeliverable" if word == "failed" else ""
        yield ReceiptNews(provider_id=name, status=ReceiptStatus(word), occurred_at=at + _AFTER[word], detail=detail,
                          reference=f"m{row.pk}.1")  # fmt: skip


def _wait(standing: Standing, moment: datetime) -> None:
    """The stores write by SMS, and it is quiet there: what they wrote waits."""
    quick, hour = standing.channels[brand.QUICK], timezone.localtime(moment).replace(minute=0, second=0, microsecond=0)
    quiet_from, quiet_until = ((hour + timedelta(hours=hours)).time() for hours in (-1, 5))
    on = {(event, "sms"): True for event in ("confirmation", "delivered", "ready_for_pickup")}
    wish = ChannelWish(language="hi", quiet_from=quiet_from, quiet_until=quiet_until, falls_back=False,
                       on=choices_of(quick.pk) | dict.fromkeys(_LETTERS, False) | on)  # fmt: skip
    save_channel(quick.pk, wish, actor=_MANAGER)
    orders = Order.objects.filter(channel=quick).order_by("-placed_at", "pk")
    taken = orders.exclude(stage__in=(OrderStage.SHIPPED, OrderStage.DELIVERED, OrderStage.CANCELLED))
    came = Shipment.objects.filter(order__channel=quick, state=ShipmentState.DELIVERED).order_by("-delivered_at", "pk")
    wanted: list[Wanted] = [("confirmation", order.pk, "") for order in taken[:_WAITING]]
    wanted += [("delivered", parcel.order_id, str(parcel.pk)) for parcel in came[:_WAITING]]
    queue_messages(wanted)
    rows = Message.objects.filter(order__in={order_id for _, order_id, _ in wanted})
    claim(list(rows.values_list("pk", flat=True)))
    rows.update(created_at=moment - timedelta(minutes=20))
