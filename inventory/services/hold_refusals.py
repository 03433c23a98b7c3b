"""Why a hold cannot be used any more, in words and codes."""

from __future__ import annotations

from uuid import UUID

from django.db.models.functions import Now

from inventory.errors import HoldExpired, HoldReleased, HoldUnknown, HoldUsed
from inventory.models import StockHold, StockHoldState
from oms.core.errors import Conflict


def own_hold(uid: UUID, owner: str, channel_code: str | None = None) -> StockHold:
    """The hold that this owner made, for this channel where one is given. Raises HoldUnknown."""
    found = StockHold.objects.filter(uid=uid, owner=owner)
    if channel_code is not None:
        found = found.filter(channel_code=channel_code)
    hold = found.first()
    if hold is None:
        raise HoldUnknown(f"There is no hold {uid} of this caller for this channel.", field="hold")
    return hold


def is_over(hold: StockHold) -> bool:
    """True once its time has passed by the database's clock, whatever is written in the row by then."""
    return not StockHold.objects.filter(pk=hold.pk, expires_at__gt=Now()).exists()


def used_text(hold: StockHold) -> str:
    """What is said of a hold that became an order."""
    return f"The hold {hold.uid} became an order before; a hold is used once."


def refusal_of(hold: StockHold) -> Conflict | None:
    """Why it cannot be used; None where it can."""
    if hold.state == StockHoldState.CONFIRMED:
        return HoldUsed(used_text(hold), field="hold")
    if hold.state == StockHoldState.RELEASED:
        return HoldReleased(f"The hold {hold.uid} was released before.", field="hold")
    if hold.state == StockHoldState.EXPIRED or is_over(hold):
        return HoldExpired(
            f"The hold {hold.uid} ended at {hold.expires_at:%H:%M:%S} UTC: its units may be sold by now. Hold again.",
            field="hold",
        )
    return None


def require_usable_hold(*, uid: UUID, owner: str, channel_code: str) -> None:
    """Raises HoldUnknown, HoldUsed, HoldReleased or HoldExpired where the hold cannot become an order any more."""
    refusal = refusal_of(own_hold(uid, owner, channel_code))
    if refusal is not None:
        raise refusal
