"""What tests of holds share."""

from __future__ import annotations

from datetime import datetime

from inventory.models import StockHold
from oms.core.db import execute, fetch_all


def database_now() -> datetime:
    """The database's clock at this moment."""
    [(moment,)] = fetch_all("SELECT clock_timestamp()")
    assert isinstance(moment, datetime)
    return moment


def end_now(*holds: StockHold, after_seconds: float = 0) -> None:
    """Put the end of these holds just behind us, as waiting would, or so many seconds ahead; nobody ends them."""
    ids = [hold.pk for hold in holds]
    execute(
        """UPDATE inventory_stockhold SET expires_at = clock_timestamp() + make_interval(secs => %s)
        WHERE id = ANY(%s)""",
        [after_seconds, ids],
    )
    execute(
        """UPDATE inventory_reservation r SET expires_at = h.expires_at FROM inventory_stockhold h
        WHERE h.id = r.hold_id AND r.state = 'soft' AND h.id = ANY(%s)""",
        [ids],
    )
