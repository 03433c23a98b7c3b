"""Any exact id goes straight to its object: order, channel's number, AWB, work, return, phone, e-mail, serial."""

from __future__ import annotations

from django.urls import reverse

from fulfillment.models import FulfillmentOrder, Shipment
from oms.accounts.access import Principal, in_order_scope
from oms.dashboard.inventory.serial_views import url_of_serial
from orders.models import SalesChannel
from orders.selectors import orders_in_scope
from orders.validation import digits
from returns.models import Return

Found = tuple[str, str] | None


def find_exact(text: str, principal: Principal) -> str:
    """Where the one object of this id is shown; empty when there is none in scope, or more than one."""
    word = text.strip()
    if not 3 <= len(word) <= 120 or " " in word and not _is_phone(word):
        return ""
    for look in (_order_number, _awb, _work, _return, _channel_number, _email, _phone):
        found = look(word, principal)
        if found:
            number, anchor = found
            return reverse("dashboard:order", args=[number]) + (f"#{anchor}" if anchor else "")
    return url_of_serial(word) if principal.may("inventory.view") else ""


def _one(numbers: list[str]) -> Found:
    return (numbers[0], "") if len(set(numbers)) == 1 else None


def _order_number(word: str, principal: Principal) -> Found:
    wanted = [word.upper()] + ([f"OM-{word}"] if word.isdecimal() else [])
    return _one(list(orders_in_scope(principal).filter(number__in=wanted).values_list("number", flat=True)[:2]))


def _awb(word: str, principal: Principal) -> Found:
    rows = in_order_scope(Shipment.objects.filter(awb__in=[word, word.upper()]), principal, "order")
    row = rows.values_list("order__number", "pk").first()
    return (row[0], f"shipment-{row[1]}") if row else None


def _work(word: str, principal: Principal) -> Found:
    rows = in_order_scope(FulfillmentOrder.objects.filter(number=word.upper()), principal, "order")
    row = rows.values_list("order__number", "pk").first()
    return (row[0], f"work-{row[1]}") if row else None


def _return(word: str, principal: Principal) -> Found:
    rows = in_order_scope(Return.objects.filter(number=word.upper()), principal, "order")
    row = rows.values_list("order__number", "pk").first()
    return (row[0], f"return-{row[1]}") if row else None


def _channel_number(word: str, principal: Principal) -> Found:
    """The channel's id through its unique index, its visible number through the search text."""
    orders = orders_in_scope(principal)
    channels = SalesChannel.objects.values("pk")
    by_id = orders.filter(channel__in=channels, external_id=word).values_list("number", flat=True)[:2]
    plain = word.lstrip("#")
    by_number = orders.filter(search__text__contains=word.lower(), external_number__in=[word, plain, f"#{plain}"])
    return _one(list(by_id)) or _one(list(by_number.values_list("number", flat=True)[:2]))


def _email(word: str, principal: Principal) -> Found:
    if "@" not in word:
        return None
    rows = orders_in_scope(principal).filter(search__text__contains=word.lower(), customer_email__iexact=word)
    return _one(list(rows.values_list("number", flat=True)[:2]))


def _is_phone(word: str) -> bool:
    return len(digits(word)) == 10 and not any(char.isalpha() for char in word)


def _phone(word: str, principal: Principal) -> Found:
    if not _is_phone(word):
        return None
    rows = orders_in_scope(principal).filter(search__text__contains=digits(word))
    matches = [
        number for number, phone in rows.values_list("number", "customer_phone")[:3] if digits(phone) == digits(word)
    ]
    return _one(matches)
