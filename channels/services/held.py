"""An order of a checkout that held its stock: captured, and given what was held, in one transaction."""

from __future__ import annotations

from typing import Any

from channels.models import ChannelAccount, InboundMessageState
from channels.services.sellable import refresh_sellable
from channels.services.submit import Submitted, submit_orders
from inventory.services import require_usable_hold
from oms.core.db import run_atomic
from oms.core.errors import Conflict
from orders.models import Order, OrderLine
from routing.services import CheckoutHold, adopt_hold


def submit_held_order(account: ChannelAccount, payload: dict[str, Any], hold: CheckoutHold, *, actor: str) -> Submitted:
    """Capture the order and reserve for it what the hold keeps: both or neither.

    An order that cannot be understood goes to quarantine as usual, and the hold lasts until its end. Raises
    HoldUnknown, HoldExpired, HoldReleased or HoldUsed, and Conflict for an order that was captured before.
    """

    def work() -> Submitted:
        # Looked at first without a lock, so that what can only fail costs little; the adoption decides.
        require_usable_hold(uid=hold.uid, owner=hold.owner, channel_code=hold.channel_code)
        external_id = str(payload.get("external_id") or "")
        if Order.objects.filter(channel=account.channel, external_id=external_id).exists():
            raise _captured_before(external_id)
        [done] = submit_orders(account, [payload])
        if done.state == InboundMessageState.QUARANTINED:
            return done
        if done.state != InboundMessageState.CAPTURED or done.order_id is None:
            raise _captured_before(external_id)
        adopt_hold(order_id=done.order_id, hold=hold, actor=actor)
        # Capturing counted its units as sold and not yet reserved; now they are reserved.
        sold = OrderLine.objects.filter(order_id=done.order_id).values_list("sku_id", flat=True)
        refresh_sellable(sku_id for sku_id in sold if sku_id is not None)
        return done

    return run_atomic(work)


def _captured_before(external_id: str) -> Conflict:
    return Conflict(
        f"Order {external_id} was captured before, so the hold was not used. Release it, or use it for a new order.",
        field="external_id",
    )
