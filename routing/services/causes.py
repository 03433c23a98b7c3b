"""What set a decision off, in the words of those who know it."""

from __future__ import annotations

from django.db import transaction

from routing.models import RoutingDecision

_LONGEST = 500


def add_cause(*, order_id: int, words: str) -> None:
    """Begin the sentence of an order's newest decision with what set it off: "No carrier goes to 421204: ...".

    Belongs into the transaction that made the decision: once it is committed a decision never changes.
    """
    with transaction.atomic():
        newest = RoutingDecision.objects.filter(order=order_id).order_by("-attempt").first()
        if newest is not None:
            room = max(0, _LONGEST - len(newest.sentence) - 1)
            newest.sentence = f"{words[:room]} {newest.sentence}".strip()[:_LONGEST]
            newest.save(update_fields=["sentence"])
