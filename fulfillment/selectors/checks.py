"""Steps of quality control: which of them an order wants before its box closes, and which were done."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q

from fulfillment.models import FulfillmentLine, FulfillmentOrder, PackCheck, PackProof


def checks_of(work: FulfillmentOrder, lines: Sequence[FulfillmentLine]) -> list[PackCheck]:
    """Every check that this work wants, done or not. A condition that is not set holds for all."""
    order, skus = work.order, [line.sku for line in lines if line.picked]
    if not PackCheck.objects.filter(is_active=True).exists():
        return []
    customers = [text for text in (order.customer_email.casefold(), order.customer_phone) if text]
    rows = PackCheck.objects.filter(
        Q(sku__isnull=True) | Q(sku__in=skus),
        Q(category="") | Q(category__in={sku.category for sku in skus}),
        Q(channel__isnull=True) | Q(channel=order.channel_id),
        Q(node__isnull=True) | Q(node=work.node_id),
        Q(worth_minor__isnull=True) | Q(worth_minor__lte=order.total_minor),
        is_active=True,
    )
    return [row for row in rows if not row.customer or row.customer.strip().casefold() in customers]


def open_checks(work: FulfillmentOrder, lines: Sequence[FulfillmentLine]) -> list[PackCheck]:
    """The checks that are still to be done."""
    wanted = checks_of(work, lines)
    done = set(PackProof.objects.filter(fulfillment_order=work).values_list("check_done", flat=True)) if wanted else ()
    return [check for check in wanted if check.pk not in done]
